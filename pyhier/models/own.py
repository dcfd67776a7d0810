"""A base for models of your own: what follows from a few functions, so that every engine works."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import Any, NoReturn

import numpy as np

from pyhier._random import Generator
from pyhier._types import Floats
from pyhier.distributions.families import Components, Family
from pyhier.kernels.density import CallableDensity, LogDensity
from pyhier.models.groups import Grouped, Labels
from pyhier.priors.differences import differences


class HierarchicalModel(Grouped, ABC):
    """A hierarchical model by a few functions of arrays; `pyhier.testing.check_model` tests it.

    Subclasses give ``coordinates``, the functions that are abstract here, and what else they know
    better: a compiled ``log_marginal``, exact ``derivatives``, ``moments``, ``phi_at``.

    Parameters
    ----------
    groups : int
        How many there are.
    labels : sequence, optional
        Their names; "1", "2", ... without it.

    Attributes
    ----------
    coordinates : tuple of str
        Names of the p unconstrained coordinates of the hyperparameters phi.

    Examples
    --------
    ``vignettes/own_model.md`` writes one in forty lines.
    """

    coordinates: tuple[str, ...]
    log_constant = 0.0

    def __init__(self, groups: int, labels: Labels = None) -> None:
        super().__init__(groups, labels, "the data")

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {self.sized}"

    # --- What a subclass must say ---------------------------------------------------------------

    @abstractmethod
    def log_marginal_likelihood(self, phi: Floats) -> Floats:
        """Log likelihood of phi, shape (n, p), the effects integrated out; shape (n,)."""

    @abstractmethod
    def log_prior(self, phi: Floats) -> Floats:
        """Log prior density of phi, shape (..., p), in these coordinates; shape (...)."""

    @abstractmethod
    def start(self) -> Floats:
        """A phi, shape (p,), from which an optimiser finds the mode."""

    @abstractmethod
    def hyperparameters(self, phi: Floats) -> Mapping[str, Floats]:
        """The hyperparameters under their names, each of shape (...)."""

    @abstractmethod
    def theta_given(self, quantity: int | None, phi: Floats) -> Family | Components:
        """Distribution of a group's effect, or of a new group's (None), given phi (nodes, p)."""

    @abstractmethod
    def draw_theta(self, phi: Floats, rng: Generator) -> Floats:
        """Draws of the effects given phi, shape (..., p), and the data; shape (..., groups)."""

    @abstractmethod
    def draw_new_theta(self, phi: Floats, rng: Generator) -> Floats:
        """Draws of the effect of a new group given phi, shape (...)."""

    @abstractmethod
    def observed(self) -> Mapping[str, Floats]:
        """The data under the names a table shows, the response first, the groups' sizes last."""

    @abstractmethod
    def log_likelihood(self, theta: Floats) -> Floats:
        """Log density of each group's data given its effect, shape (..., groups)."""

    @abstractmethod
    def predict(self, theta: Floats, rng: Generator) -> Floats:
        """Draws of new data for the same groups, shape (..., groups)."""

    # --- What follows ---------------------------------------------------------------------------

    def log_posterior(self, phi: Floats) -> Floats:
        """The log posterior density at many points, shape (n, p), at once."""
        return self.log_marginal_likelihood(phi) + self.log_prior(phi)

    @cached_property
    def log_marginal(self) -> LogDensity:
        """The same at one point, for the samplers' loops."""
        return CallableDensity(
            lambda x: float(self.log_posterior(x[np.newaxis])[0]), (), len(self.coordinates)
        )

    def __getstate__(self) -> dict[str, Any]:
        """What pickles: everything but the density for the loops, which is made anew."""
        state = super().__getstate__()
        state.pop("log_marginal", None)
        return state

    def derivatives(self, phi: Floats) -> tuple[Floats, Floats]:
        """Gradient (p,) and Hessian (p, p) of the log posterior density, by differences."""
        return differences(self.log_posterior, phi)

    def likelihood_derivatives(self, phi: Floats) -> tuple[Floats, Floats]:
        """The same of the likelihood alone."""
        return differences(self.log_marginal_likelihood, phi)

    def ridge(self) -> Floats:
        """Where a search for the greatest likelihood begins, shape (n, p)."""
        start = self.start()
        return start + np.linspace(-3.0, 3.0, 7)[:, np.newaxis] * np.ones(start.size)

    @property
    def response(self) -> Floats:
        """The data that ``predict`` makes anew, shape (groups,)."""
        return next(iter(self.observed().values()))

    def estimates(self) -> tuple[Floats, Floats]:
        """Each group's own estimate and its standard error: the response, of unknown error."""
        return self.response, np.full(self._groups, np.nan)

    def why_improper(self) -> str:
        """Which prior is improper; empty when all are proper."""
        return "a prior that is not known to integrate to one (say so by why_improper)"

    def pooling(self, phi: Floats) -> Floats:
        """Shrinkage factors, shape (..., groups)."""
        self._lacks("pooling(phi), the shrinkage factors")

    def phi_at(self, **values: float) -> Floats:
        """Phi at values of all hyperparameters under their names."""
        self._lacks("phi_at(**hyperparameters)")

    def moments(self) -> Floats:
        """A phi by the method of moments."""
        self._lacks("moments()")

    def draw_prior(self, n: int, rng: Generator) -> Floats:
        """Draws of phi from the prior, shape (n, p)."""
        self._lacks("draw_prior(n, rng)")

    def predict_new(self, theta_new: Floats, size: float, rng: Generator) -> Floats:
        """Draws of data of a new group, of theta_new's shape."""
        self._lacks("predict_new(theta_new, size, rng)")

    def with_prior(self, **priors: Any) -> "HierarchicalModel":
        """The same data under other priors."""
        self._lacks("with_prior(**priors)")

    def _lacks(self, member: str) -> NoReturn:
        raise ValueError(f"{type(self).__name__} does not say {member}: give it that method")
