"""Models for counts of groups of which only sums are kept."""

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np

from pyhier._random import Generator
from pyhier._types import Floats
from pyhier.kernels.count_density import CountMarginal
from pyhier.models.counts import CountModel
from pyhier.models.groups import Grouped
from pyhier.models.joint import Joint
from pyhier.models.own_likelihood import OwnLikelihood
from pyhier.models.sums import in_words
from pyhier.priors.pairs import PairPrior


class SummedCounts(CountModel):
    """What these models have of their sums, before what a model of groups has of these.

    Subclasses name the two ``columns`` of the data.
    """

    parameterizations: tuple[str, ...] = ("marginal",)
    columns: ClassVar[tuple[str, str]]

    def __new__(cls, *_: Any, **__: Any) -> Self:
        """Make the model."""
        return object.__new__(cls)

    def _take_sums(self, prior: PairPrior, likelihood: CountMarginal, level: float) -> None:
        """Take a prior, and the likelihood less a level."""
        CountModel.__init__(self, 0, None, prior, self.columns[0])
        self._level = level
        self._take(likelihood)

    def of_groups(self, *data: Floats) -> Self:
        """The same posterior of the hyperparameters, with groups that have effects."""
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__)
        for cached in ("labels", "marginal"):
            made.__dict__.pop(cached, None)
        Grouped.__init__(made, data[0].size, None, self.columns[0])
        made.__dict__.update(zip(self.columns, data, strict=True))
        return made

    @property
    def no_groups(self) -> str:
        """Why nothing can be said of the groups themselves, and what can."""
        family, data = type(self).__mro__[2].__name__, ", ".join(self.columns)
        return (
            f"{self!r} keeps no groups' counts: take {family}({data}), or the effects({data}) of "
            "exact(model)"
        )

    def __getattr__(self, name: str) -> Any:
        """Say that there are no groups' data, to whatever asks for them."""
        if name in type(self).columns:
            raise ValueError(self.no_groups)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def sized(self) -> str:
        """The number of groups, in words."""
        return f"sums of {in_words(self.size)}"

    @property
    def log_constant(self) -> float:
        """The level of the likelihood, which the densities leave out."""
        return self._level

    def log_marginal_likelihood(self, phi: Floats) -> Floats:
        """Log likelihood of phi, the effects integrated out, with all constants, shape (n,)."""
        return self._likelihood.evaluate(phi) + self._level

    def joint(self, parameterization: str = "centred") -> Joint:
        """None: there are no effects."""
        raise ValueError(
            f"parameterization is {parameterization!r}, of groups' effects: {self.no_groups}; or "
            "take parameterization='marginal'"
        )

    def own_likelihood(self, quantities: Sequence[int | None]) -> OwnLikelihood:
        """What the counts of groups that are given again say; nothing of a new group's (None)."""
        if not self._groups:
            return self.of_groups(*np.zeros((2, 1))).own_likelihood(quantities)
        found: OwnLikelihood = super().own_likelihood(quantities)  # type: ignore[misc]
        return found

    def draw_theta(self, phi: Floats, rng: Generator) -> Floats:
        """No effects: shape (..., 0)."""
        return np.empty((*phi.shape[:-1], 0))
