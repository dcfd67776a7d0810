"""Priors of a regression from rows: of the residual sd, and of the varying coefficients' law."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from pyhier._frozen import Frozen
from pyhier._random import Generator
from pyhier._types import Floats
from pyhier.models.covariance_prior import CovariancePrior, correlation_coordinates
from pyhier.models.level_priors import LevelPriors, level_priors
from pyhier.priors.correlations import RhoPrior, correlation_prior
from pyhier.priors.tau import TauPrior
from pyhier.quadrature.fitting import Coordinate

SIGMA = "sigma"


@dataclass(frozen=True, eq=False)
class RowPriors(Frozen):
    """Independent priors of sigma, of every sd and of the correlations.

    Attributes
    ----------
    sigma : LevelPriors or None
        None where sigma is given.
    covariance : CovariancePrior
    """

    sigma: LevelPriors | None
    covariance: CovariancePrior

    @property
    def scales(self) -> tuple[Any, ...]:
        """The resolved priors of all sds, sigma first where it is not given."""
        own = () if self.sigma is None else self.sigma.resolved
        return (*own, *self.covariance.tau.resolved)

    @property
    def coordinates(self) -> tuple[Coordinate, ...]:
        """Log sigma, log tau of every coefficient, atanh of the correlations."""
        own = () if self.sigma is None else self.sigma.coordinates
        sigma = (replace(one, name="log_sigma", natural=SIGMA) for one in own)
        names = self.covariance.tau.levels if self.covariance.rho.q > 1 else ()
        return (*sigma, *self.covariance.tau.coordinates, *correlation_coordinates(names))

    @property
    def words(self) -> str:
        """As a model shows it."""
        own = [] if self.sigma is None else [f"sigma {self.sigma.resolved[0].name}"]
        return ", ".join([*own, self.covariance.words])

    @property
    def why_improper(self) -> str:
        """Which of them is improper; empty when none is."""
        if self.sigma is not None and not self.sigma.resolved[0].proper:
            name = self.sigma.resolved[0].name
            return f"the prior of sigma ({name}), which is not known to integrate to one"
        return self.covariance.why_improper

    @property
    def _start(self) -> int:
        return 0 if self.sigma is None else 1

    def log_density(self, psi: Floats) -> Floats:
        """Log prior density of psi, shape (..., d)."""
        density: Floats = self.covariance.log_density(psi[..., self._start :])
        if self.sigma is not None:
            density = density + self.sigma.log_density(psi[..., :1])
        return density

    def log_density_of(self, k: int, value: float) -> float:
        """Log prior density of one coordinate."""
        if self.sigma is not None and k == 0:
            return self.sigma.log_density_of(0, value)
        return self.covariance.log_density_of(k - self._start, value)

    def draws(self, n: int, rng: Generator) -> Floats:
        """Draws of psi, shape (n, d)."""
        own = [] if self.sigma is None else [self.sigma.draws(n, rng)]
        return np.column_stack([*own, self.covariance.draws(n, rng)])

    def tails(self, low: float, high: float, falls: Mapping[tuple[int, ...], int]) -> Floats:
        """Exponents with which the density of every coordinate falls off far out, shape (d, 2).

        Parameters
        ----------
        low, high : float
            The logs of sds between which the data have structure.
        falls : mapping
            For every set of sds, sigma's the first, by which power of a common factor the
            likelihood falls where these are large together, beta integrated out.
        """
        powers = np.array([prior.structure(low, high).powers for prior in self.scales])
        right = np.full(len(powers), np.inf)
        for large, fall in falls.items():
            total = fall + (powers[list(large), 1] - 1.0).sum()
            right[list(large)] = np.minimum(right[list(large)], total)
        rho = 2.0 * self.covariance.rho.falls
        return np.vstack([
            np.column_stack([powers[:, 0] + 1.0, right]), np.column_stack([rho, rho])
        ])  # fmt: skip


def row_priors(
    prior_sigma: TauPrior, prior_tau: Any, prior_rho: RhoPrior, names: tuple[str, ...],
    correlated: bool, given: bool,
) -> RowPriors:  # fmt: skip
    """Check the priors of a regression's sds and correlations.

    Parameters
    ----------
    prior_sigma, prior_tau, prior_rho
        As `HierarchicalRegression` takes them.
    names : tuple of str
        Of the coefficients that vary, or of the levels.
    correlated : bool
        Whether they have correlations.
    given : bool
        Whether sigma is.
    """
    rho = correlation_prior(prior_rho, len(names) if correlated else 1)
    covariance = CovariancePrior(level_priors(prior_tau, names), rho)
    return RowPriors(None if given else level_priors(prior_sigma, (SIGMA,), "prior_sigma"),
                     covariance)  # fmt: skip


def subsets(size: int) -> list[tuple[int, ...]]:
    """All sets of numbers below a size, but the empty one."""
    return [chosen for k in range(1, size + 1) for chosen in combinations(range(size), k)]
