"""Effects of groups of counts that a posterior does not hold: those of sums, in a second pass."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from pyhier._frame import percents
from pyhier._types import Floats
from pyhier._validation import probability_list
from pyhier.models.tallies import different

if TYPE_CHECKING:
    import pandas as pd

    from pyhier.quadrature.nested import Plane


class OfGivenCounts:
    """What an exact posterior of counts says of groups that are given to it again."""

    if TYPE_CHECKING:
        model: Any
        phi: Floats
        weight: Floats
        _plane: Plane

    def effects(
        self, counts: ArrayLike, size: ArrayLike, *, probs: Sequence[float] | None = None
    ) -> "pd.DataFrame":
        """Effects of groups of the data, given again: of a model of sums, which keeps none.

        Parameters
        ----------
        counts, size : array_like, shape (groups,)
            A chunk of the data that the model was made of: successes and trials of `BinomialSums`,
            counts and exposure of `PoissonSums`.
        probs : sequence of float, optional
            Probabilities of quantiles; they take some 100 microseconds for every different group.

        Returns
        -------
        DataFrame
            A row a group; ``mean``, ``sd``, ``shrinkage``, and the quantiles' columns.
        """
        import pandas as pd

        if not hasattr(self.model, "of_groups"):
            raise TypeError(
                f"{self.model!r} keeps its groups: effects is for models of BinomialSums and "
                "PoissonSums; take summary() or post['theta[1]']"
            )
        q = None if probs is None else probability_list("probs", probs)
        first, second = self.model.checked(counts, size)
        columns = self._effect_columns(first, second, q)
        index = counts.index if isinstance(counts, pd.Series) else None
        return pd.DataFrame(columns, index=index)

    def _effect_columns(self, counts: Floats, size: Floats, q: Floats | None) -> dict[str, Floats]:
        names = ["mean", "sd", "shrinkage", *([] if q is None else percents(q))]
        if not counts.size:
            return dict.fromkeys(names, np.empty(0))
        ends = _extremes(counts, size)
        nodes = self._with_groups(counts[ends], size[ends])
        table = self.model.effect_moments(nodes.phi, nodes.weight, counts, size)
        if q is not None:
            first, second, which = different(counts, size)
            given = self._with_groups(first, second)
            quantiles = given._all_effect_rows(range(first.size), q)[which, 2:]
            table = np.concatenate([table, quantiles.T])
        return dict(zip(names, table, strict=True))

    def _with_groups(self, *groups: Floats) -> Any:
        """The posterior with these groups' effects, at nodes that are close enough for them."""
        posterior: Any = type(self)
        return posterior(self.model.of_groups(*groups), self._plane)


def _extremes(counts: Floats, size: Floats) -> list[int]:
    """Groups that ask for the closest nodes: with extreme sizes, and extreme shares."""
    share = counts / np.where(size > 0.0, size, 1.0)
    return sorted({int(at) for x in (size, share) for at in (x.argmin(), x.argmax())})
