"""Effects whose law is a scale mixture of normal ones, given the hyperparameters and the data."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pyhier._frozen import Frozen
from pyhier._types import Floats
from pyhier.distributions.families import ByMoments, averaged
from pyhier.distributions.scale_laws import ScaleLaw
from pyhier.quadrature.transforms import Line


@dataclass(frozen=True)
class ScaleMixture(Frozen):
    """The population: mu + tau times a standardised law, at every node.

    Attributes
    ----------
    law : ScaleLaw
    mu, log_tau : ndarray, shape (nodes,)
    """

    law: ScaleLaw
    mu: Floats
    log_tau: Floats
    line: Line = "identity"

    @property
    def index(self) -> float:
        """Exponent below which powers have expectations."""
        return self.law.index

    @property
    def mean(self) -> Floats:
        """Means, or medians where there are none."""
        return self.mu

    @property
    def centre(self) -> Floats:
        """The same."""
        return self.mu

    @property
    def var(self) -> Floats:
        """Variances; inf where there are none."""
        with np.errstate(over="ignore", invalid="ignore"):
            variance = self.law.var * np.exp(2.0 * self.log_tau)
        return np.where(self.log_tau == -np.inf, 0.0, variance)

    def averaged(self, weight: Floats) -> tuple[Floats, Floats]:
        """Means and variances of mixtures over the nodes."""
        return averaged(self.mean, self.var, weight)

    def line_moments(self) -> tuple[Floats, Floats]:
        """Mean and sd, or what stands for one."""
        return self.mu, self.law.spread * np.exp(self.log_tau)

    @cached_property
    def reach(self) -> float:
        """How many sds out quantiles may be."""
        return float(min(1e150, 40.0 + 1e-300 ** (-1.0 / self.law.index)))

    def log_mixture(self, z: Floats, log_weight: Floats) -> Floats:
        """Log densities of the mixture over the nodes at places, shape (points,)."""
        away = (z[:, None] - self.mu) * np.exp(-self.log_tau)
        logs = self.law.log_density(away) - self.log_tau + log_weight
        found: Floats = np.logaddexp.reduce(logs, axis=1)
        return found

    def cdf(self, x: Floats) -> Floats:
        """Lower tails, shape (points, nodes)."""
        return self.law.tail((x[:, None] - self.mu) * np.exp(-self.log_tau))

    def sf(self, x: Floats) -> Floats:
        """Upper tails, shape (points, nodes)."""
        return self.law.tail((self.mu - x[:, None]) * np.exp(-self.log_tau))


@dataclass(frozen=True)
class TiltedMixture(ByMoments):
    """Groups' effects given their estimates: the population's density by a normal likelihood.

    Attributes
    ----------
    law : ScaleLaw
    y, sampling : ndarray, shape (groups,)
        Estimates and the variances of their errors.
    mu, log_tau : ndarray, shape (nodes,)
        mu may have shape (groups, nodes). Of one group moments have shape (nodes,), of several
        (groups, nodes).
    """

    law: ScaleLaw
    y: Floats
    sampling: Floats
    mu: Floats
    log_tau: Floats
    line: Line = "identity"

    @cached_property
    def _laws(self) -> Floats:
        tau = np.ascontiguousarray(self.log_tau, dtype=np.float64)
        found = self.law.kernel.laws(self.y, self.sampling, np.atleast_2d(self.mu), tau)
        return found[:, 0] if found.shape[1] == 1 else found

    @property
    def centre(self) -> Floats:
        """The mean."""
        return self.mean

    def log_mixture(self, z: Floats, log_weight: Floats) -> Floats:
        """Log densities of the mixture over the nodes at places, shape (points,)."""
        own = -0.5 * ((z - self.y) ** 2 / self.sampling + np.log(2.0 * np.pi * self.sampling))
        population = ScaleMixture(self.law, self.mu, self.log_tau)
        return own + population.log_mixture(z, log_weight - self.log_probability)

    def _tails(self, x: Floats, upper: bool) -> Floats:
        mu, tau = (np.ascontiguousarray(part, dtype=np.float64) for part in (self.mu, self.log_tau))
        points = np.ascontiguousarray(x, dtype=np.float64)
        y, var = float(self.y[0]), float(self.sampling[0])
        tails: Floats = self.law.kernel.tails(y, var, np.ravel(mu), tau, points, upper)
        return tails
