"""Effects of Student's t with an unknown number of degrees of freedom: one model for each value."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyhier._random import Generator, picks
from pyhier._types import Floats
from pyhier._validation import as_array, numbers
from pyhier.models.covariates import BetaPrior, Covariates
from pyhier.models.groups import Grouped, Labels
from pyhier.models.normal_data import NormalData
from pyhier.models.normal_t import NormalT, degrees_of_freedom
from pyhier.priors.tau import TauPrior

Places = NDArray[np.intp]


class AveragedT(NormalData, Grouped):
    """`NormalT` with a prior of nu over a few values.

    ``NormalT(y, se=, nu=[1, 4, inf])`` makes these. `exact` averages over the values; other engines
    take one nu.

    Attributes
    ----------
    cases : tuple of NormalT
        The models given each nu.
    case_values, prior_weights : ndarray, shape (cases,)
        The values of nu, ascending, and their prior probabilities.
    """

    coordinates: tuple[str, ...] = ("mu", "log_tau", "nu")
    case_name = "nu"
    location = 0
    log_constant = 0.0
    cases: tuple[NormalT, ...] = ()

    def __init__(
        self,
        y: ArrayLike,
        *,
        se: ArrayLike | None = None,
        var: ArrayLike | None = None,
        nu: Sequence[float] | Mapping[float, float] = (1.0, 4.0, np.inf),
        X: Any = None,  # noqa: N803 - the field's name for a design
        intercept: bool = True,
        prior_beta: BetaPrior = None,
        labels: Labels = None,
        prior_mu: Any = None,
        prior_tau: TauPrior = "uniform",
        design: Any = None,
    ) -> None:
        self.case_values, self.prior_weights = prior_of_nu(nu)
        self._priors: dict[str, Any] = {"prior_mu": prior_mu, "prior_tau": prior_tau}
        if X is not None:
            self._priors |= {"X": X, "intercept": intercept, "design": design}
        if X is not None or prior_beta is not None:
            self._priors["prior_beta"] = prior_beta
        make = partial(NormalT, y, se=se, var=var, labels=labels, **self._priors)
        self.cases = tuple(make(nu=value) for value in self.case_values.tolist())
        first = self.cases[0]
        super().__init__(first.y.size, labels, "y")
        self.y, self.se, self.var = first.y, first.se, first.var
        self.prior = first.prior
        self._nu, self._given = nu, {"se": se} if var is None else {"var": var}
        self.coordinates = (*first.coordinates, "nu")
        if X is not None:
            self.covariates: Covariates = first.covariates  # type: ignore[attr-defined]

    @property
    def _arguments(self) -> dict[str, Any]:
        return {**self._given, "nu": self._nu, "labels": self._labels, **self._priors}

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what the model was made of; compiled densities are made anew."""
        return partial(AveragedT, **self._arguments), (self.y,)

    def __repr__(self) -> str:
        values = ", ".join(f"{nu:g}" for nu in self.case_values)
        return repr(self.cases[0]).replace(f"nu {self.case_values[0]:g}", f"nu one of {values}", 1)

    def with_prior(self, **priors: Any) -> Any:
        """The same data under another ``prior_mu=``, ``prior_beta=``, ``prior_tau=``, ``nu=``."""
        return NormalT(self.y, **(self._arguments | priors))

    def why_no_posterior(self) -> str:
        """Why the posterior is improper and what mends it; the same at every nu."""
        return self.cases[0].why_no_posterior()

    def why_improper(self) -> str:
        """Which prior is improper; empty when all are proper."""
        return self.cases[0].why_improper()

    # --- By the case of each phi ----------------------------------------------------------------

    def _by_case(self, flat: Floats) -> Iterator[tuple[int, Places]]:
        """The cases, and which rows of phi (n, p) are theirs."""
        number = np.searchsorted(self.case_values, flat[:, -1])
        for k in range(len(self.cases)):
            rows = np.flatnonzero(number == k)
            if rows.size:
                yield k, rows

    def _each(self, method: str, phi: Floats, *more: Any) -> Floats:
        """A method of the cases at phi (..., p), put together."""
        flat = np.ascontiguousarray(phi).reshape(-1, phi.shape[-1])
        found: Floats = np.empty(0)
        for k, rows in self._by_case(flat):
            part = getattr(self.cases[k], method)(np.ascontiguousarray(flat[rows, :-1]), *more)
            if not found.size:
                found = np.empty((len(flat), *part.shape[1:]))
            found[rows] = part
        return found.reshape(*phi.shape[:-1], *found.shape[1:])

    def hyperparameters(self, phi: Floats) -> Mapping[str, Floats]:
        """Mu or the coefficients, tau and nu, each of shape (...)."""
        return {**self.cases[0].hyperparameters(phi[..., :-1]), "nu": phi[..., -1]}

    def pooling(self, phi: Floats) -> Floats:
        """Shrinkage factors, shape (..., groups)."""
        return self._each("pooling", phi)

    def draw_theta(self, phi: Floats, rng: Generator) -> Floats:
        """Exact draws of theta given phi, shape (..., groups)."""
        return self._each("draw_theta", phi, rng)

    def draw_new_theta(self, phi: Floats, rng: Generator, row: Floats | None = None) -> Floats:
        """Draws of the effect of a new group, perhaps with a row of the design, shape (...)."""
        return self._each("draw_new_theta", phi, rng, *([] if row is None else [row]))

    def log_marginal_likelihood(self, phi: Floats) -> Floats:
        """Log likelihood of phi, theta integrated out, with all constants, shape (n,)."""
        return self._each("log_marginal_likelihood", phi)

    def log_prior(self, phi: Floats) -> Floats:
        """Log prior density of phi, by the probability of its nu, shape (...)."""
        number = np.searchsorted(self.case_values, phi[..., -1])
        density: Floats = (
            self.cases[0].log_prior(phi[..., :-1]) + np.log(self.prior_weights)[number]
        )
        return density

    def log_posterior(self, phi: Floats) -> Floats:
        """Log likelihood and log prior at points, shape (n, p)."""
        return self.log_marginal_likelihood(phi) + self.log_prior(phi)

    def draw_prior(self, n: int, rng: Generator) -> Floats:
        """Draws of phi from the prior, shape (n, p)."""
        nu = self.case_values[picks(rng, self.prior_weights, n)]
        return np.column_stack([self.cases[0].draw_prior(n, rng), nu])


def _is_weighted(nu: Any) -> bool:
    """Whether it is a mapping, or a Series whose index is none that pandas made up."""
    if not hasattr(nu, "index") or not hasattr(nu, "items"):
        return isinstance(nu, Mapping)
    return list(nu.index) != list(range(len(nu)))


def prior_of_nu(nu: Any) -> tuple[Floats, Floats]:
    """Ascending values of nu and their prior probabilities, checked."""
    given = dict(nu.items()) if _is_weighted(nu) else None
    if given is None and as_array("nu", nu).ndim > 1:
        raise ValueError(f"nu has {np.ndim(nu)} dimensions: give a sequence of values")
    values = list(given if given is not None else np.ravel(np.asarray(nu, dtype=object)))
    if not values:
        raise ValueError("nu has no values: give one, or several with their prior probabilities")
    known = [degrees_of_freedom(f"nu[{k}]", value) for k, value in enumerate(values)]
    if len(set(known)) < len(known):
        twice = next(value for k, value in enumerate(known) if value in known[:k])
        raise ValueError(f"nu has {twice:g} twice: give each value once")
    weights = np.ones(len(known))
    if given is not None:
        weights = np.asarray(numbers("nu's probabilities", list(given.values())))
    for value, weight in zip(known, weights.tolist(), strict=True):
        if not (np.isfinite(weight) and weight > 0.0):
            raise ValueError(
                f"the prior probability of nu = {value:g} is {weight:g}: it must be positive"
            )
    if given is not None and abs(weights.sum() - 1.0) > 1e-6:
        raise ValueError(
            f"the prior probabilities of nu add up to {weights.sum():g}: they must to 1"
        )
    order = np.argsort(known)
    values_of_nu, weights = np.array(known)[order], weights[order] / weights.sum()
    for array in (values_of_nu, weights):
        array.flags.writeable = False
    return values_of_nu, weights


NormalT.over_grid = AveragedT
