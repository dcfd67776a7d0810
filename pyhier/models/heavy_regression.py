"""Heavy-tailed effects about a linear predictor: (theta_j - x_j' beta) / tau of a scale mixture.

An outlying group does not tilt the line. The likelihood of the coefficients may have several hills,
each a fit of some of the groups.
"""

from functools import cached_property
from typing import Any

import numpy as np

from pyhier._types import Floats
from pyhier.distributions.scale_mixtures import ScaleMixture, TiltedMixture
from pyhier.models.elemental import elemental_fits, most_still
from pyhier.models.group_tables import GroupTables
from pyhier.models.heavy_tails import HeavyTailed
from pyhier.models.mean_regression import MeanRegression
from pyhier.models.separation import null_space

EVALUATED = 60_000  # groups' densities that a search for hills takes, about
LEAST, MOST = 30, 400  # fits of as many groups as there are coefficients
PLACES = 8  # of tau at which each is tried
CROSSING = 0.25  # of an error: panels where the tail of the effects' law begins to tell


class HeavyRegression(MeanRegression, HeavyTailed):
    """What `NormalT` and `NormalMixture` become where they have covariates."""

    many = 400  # groups a coefficient, from which polynomials pay: likelihoods bend sharply
    widest_step = np.inf  # of a predictor: its unit means nothing

    @property
    def mend(self) -> str:
        """What to change where the quadrature is not resolved."""
        return "a larger nu, or a prior of tau that keeps it from 0"

    # --- Where there is mass --------------------------------------------------------------------

    def hill_starts(self) -> Floats:
        """Points, (n, p + 1), from which a climb finds every hill: fits of few groups, by tau."""
        own = self.covariates.prior
        rows = np.vstack([self.covariates.x, own.root])
        wanted = np.concatenate([self.y, own.root @ own.mean])
        most = int(np.clip(EVALUATED // (PLACES * self.y.size), LEAST, MOST))
        fits = elemental_fits(rows, wanted, most)
        low, high = self.scales
        places = np.unique(np.clip(np.linspace(low - 1.0, high, PLACES), *self.support))
        return np.column_stack([np.tile(fits, (places.size, 1)), np.repeat(places, len(fits))])

    @cached_property
    def _robust(self) -> Floats:
        """The highest of these points by the likelihood at each tau, (places, p + 1)."""
        points = self.hill_starts()
        height = self.log_marginal_likelihood(points)
        each = (np.flatnonzero(points[:, -1] == place) for place in np.unique(points[:, -1]))
        return points[[some[int(np.argmax(height[some]))] for some in each]]

    def start(self) -> Floats:
        """The best of fits of all groups and of few, along tau."""
        return self._best_of(np.vstack([super().start(), self._robust]))

    def ridge(self) -> Floats:
        """Points (n, p + 1) along the likelihood's ridge: fits of all groups, then of few."""
        return np.vstack([super().ridge(), self._robust])

    def predictor_index(self, row: Floats) -> float:
        """Exponent below which powers of a combination of coefficients, (p,), have expectations.

        Along a direction the likelihood falls as a power of those groups that depend on it.
        """
        return min(super().predictor_index(row), self._fall_along(row))

    def _fall_along(self, row: Floats) -> float:
        """By how many powers the likelihood falls along a direction that moves a combination."""
        size = np.sqrt((self.covariates.x**2).sum(axis=0))
        size = np.where(size > 0.0, size, 1.0)
        free = null_space(self.covariates.prior.root / size)
        row = row / size
        still = most_still(self.covariates.x / size, free, row / np.sqrt(row @ row))
        return np.inf if still < 0 else (self.y.size - still) * (self.law.index + 1.0) - 1.0

    def effect_index(self, row: Floats) -> float:
        """Exponent below which powers of a new group's effect have expectations."""
        return min(self.predictor_index(row), self.tail_indices[1], self.law.index)

    @cached_property
    def _tables(self) -> GroupTables:
        y, var = data = self._different[0]
        return GroupTables(self._likelihood, data, y, CROSSING * np.sqrt(var), self.law.analytic)

    # --- Effects --------------------------------------------------------------------------------

    def plain_given(self, quantity: Any, plain: Floats) -> ScaleMixture | TiltedMixture:
        """Distribution of groups' effects, or of a new one's (None), given (mean, log tau)."""
        eta, log_tau = plain[..., 0], plain[..., 1]
        if quantity is None:
            return ScaleMixture(self.law, eta, log_tau)
        own, log_tau = np.ravel(quantity), log_tau.reshape(-1, eta.shape[-1])[0]
        return TiltedMixture(self.law, self.y[own], self.var[own], eta, log_tau)
