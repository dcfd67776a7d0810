"""Priors of a covariance by its standard deviations and correlations."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from pyhier._random import Generator
from pyhier._types import Floats
from pyhier.models.level_priors import LevelPriors
from pyhier.priors.correlations import CorrelationPrior, cholesky
from pyhier.priors.correlations import partial as partial_correlations
from pyhier.priors.tau import ResolvedPrior
from pyhier.quadrature.fitting import Coordinate


@dataclass(frozen=True, eq=False)
class CovariancePrior:
    """Independent priors of every sd and of the correlations.

    Attributes
    ----------
    tau : LevelPriors
    rho : CorrelationPrior
        Of as many variables, or of one where they are not correlated.
    """

    tau: LevelPriors
    rho: CorrelationPrior

    @property
    def scales(self) -> tuple[ResolvedPrior, ...]:
        """The resolved priors of all sds."""
        return self.tau.resolved

    @property
    def words(self) -> str:
        """As a model shows it."""
        return f"{self.tau.words}, rho {self.rho.words}" if self.rho.q > 1 else self.tau.words

    @property
    def why_improper(self) -> str:
        """Which of them is improper; empty when none is."""
        if self.tau.why_improper:
            return self.tau.why_improper
        return "" if self.rho.proper else "prior_rho, which is not known to integrate to one"

    def log_density(self, psi: Floats) -> Floats:
        """Log prior density of (log tau, atanh rho), shape (..., d)."""
        q = len(self.tau.levels)
        density: Floats = self.tau.log_density(psi[..., :q]) + self.rho.log_density(psi[..., q:])
        return density

    def log_density_of(self, k: int, value: float) -> float:
        """Log prior density of one coordinate."""
        q = len(self.tau.levels)
        if k < q:
            return self.tau.log_density_of(k, value)
        return self.rho.log_density_of(k - q, value)

    def draws(self, n: int, rng: Generator) -> Floats:
        """Draws of (log tau, atanh rho), shape (n, d)."""
        return np.column_stack([self.tau.draws(n, rng), self.rho.draws(n, rng)])


def correlation_coordinates(names: tuple[str, ...]) -> list[Coordinate]:
    """The atanh of partial correlations of variables, in the order of `priors.correlations`."""
    found = []
    for i, name in enumerate(names):
        for k in range(i):
            given = f"|{names[0]}" if k else ""
            pair = f"[{names[k]},{name}{given}]"
            found.append(Coordinate(f"atanh_rho{pair}", f"rho{pair}", "atanh"))
    return found


def correlations(names: tuple[str, ...], z: Floats) -> dict[str, Floats]:
    """All correlations by name, from the atanh of partial ones, shape (..., pairs)."""
    factor = cholesky(np.zeros((*z.shape[:-1], len(names))), z)
    matrix = factor @ np.swapaxes(factor, -1, -2)
    return {
        f"rho[{a},{b}]": matrix[..., k, i] for (i, a), (k, b) in combinations(enumerate(names), 2)
    }


def with_partial(
    names: tuple[str, ...], psi: tuple[Coordinate, ...], values: Mapping[str, float]
) -> dict[str, float]:
    """Values by name, the correlations of three variables made into partial ones."""
    pairs = [*combinations(range(len(names)), 2)]
    given = [f"rho[{names[i]},{names[k]}]" for i, k in pairs]
    rest = {name: value for name, value in values.items() if name not in given}
    if len(rest) + len(given) != len(values):
        raise ValueError(f"the hyperparameters have {', '.join(given)}: give all of them")
    correlation = np.eye(len(names))
    for (i, k), name in zip(pairs, given, strict=True):
        correlation[i, k] = correlation[k, i] = values[name]
    try:
        z = partial_correlations(correlation)
    except np.linalg.LinAlgError:
        raise ValueError(f"{', '.join(given)} are no correlations of three variables") from None
    last = [one for one in psi if one.line == "atanh"]
    return rest | {one.natural: float(np.tanh(r)) for one, r in zip(last, z, strict=True)}
