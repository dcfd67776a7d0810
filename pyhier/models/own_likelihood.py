"""What one group's data alone says of its effect, and how probable it is given the hyperparameters.

A group's posterior density given phi is the population's density times the likelihood of its own
data, by the probability of that data. The last two are here: however large the counts are, nothing
cancels.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pyhier._frozen import Frozen
from pyhier._types import Floats
from pyhier.kernels.count_density import BetaBinomialMarginal, PoissonGammaMarginal
from pyhier.kernels.count_masses import log_mass

SMALL = 1e-200  # up to which the incomplete gamma function is a power


class OwnLikelihood(Protocol):
    """The data of one group, or of a new one, which has none."""

    @property
    def highest(self) -> float:
        """The highest log probability of the data that any effect gives."""

    def given_effect(self, z: Floats) -> Floats:
        """Log probability of the data at places of the effect on its line, of z's shape."""

    def given_phi(self, phi: Floats) -> Floats:
        """Log probability of the data, the effect integrated out, at every phi (nodes, 2)."""

    def beyond(self, phi: Floats, limit: float) -> tuple[Floats, Floats]:
        """Probability that the effect is below -limit on its line, and above limit, given phi."""


@dataclass(frozen=True)
class BinomialOwn(Frozen):
    """Successes and failures, none of a new group; the line is logit theta."""

    successes: float
    failures: float

    @property
    def highest(self) -> float:
        """At the group's own share of successes."""
        y, n = self.successes, self.successes + self.failures
        return float(log_mass("binomial", y, n - y, y / n)) if n > 0.0 else 0.0

    def given_effect(self, z: Floats) -> Floats:
        """By the distance from the group's own logit."""
        y, f = self.successes, self.failures
        if y == 0.0 or f == 0.0:
            return -(y + f) * np.logaddexp(0.0, z if y == 0.0 else -z)
        rare, side = (y, 1.0) if y < f else (f, -1.0)
        d = side * (z - (np.log(y) - np.log(f)))
        share = rare / (y + f)
        with np.errstate(over="ignore"):
            near = np.log1p(share * np.expm1(np.minimum(d, 1.0)))
        far = np.logaddexp(np.log1p(-share), np.log(share) + d)
        fall = np.where(d < 1.0, near, far) - share * d
        density: Floats = self.highest - (y + f) * fall
        return density

    def given_phi(self, phi: Floats) -> Floats:
        """The beta-binomial probability."""
        y, n = self.successes, self.successes + self.failures
        return BetaBinomialMarginal(np.array([y]), np.array([n]), "").evaluate(phi)

    def beyond(self, phi: Floats, limit: float) -> tuple[Floats, Floats]:
        """Where theta, or 1 - theta, is as good as 0, and the density a power of it."""
        logit, log_k = phi[:, 0], phi[:, 1]
        a = np.exp(log_k - np.logaddexp(0.0, -logit)) + self.successes
        b = np.exp(log_k - np.logaddexp(0.0, logit)) + self.failures
        return _power(a, b, limit), _power(b, a, limit)


@dataclass(frozen=True)
class PoissonOwn(Frozen):
    """Events in an exposure, which is 0 of a new group; the line is log theta."""

    events: float
    exposure: float

    @property
    def highest(self) -> float:
        """At the group's own rate."""
        return float(log_mass("poisson", self.events, self.events))

    def given_effect(self, z: Floats) -> Floats:
        """By the distance from the group's own log rate."""
        y = self.events
        with np.errstate(over="ignore", divide="ignore"):
            log_exposure = np.log(self.exposure)
            if y == 0.0:
                none: Floats = -np.exp(z + log_exposure)
                return none
            d = z - (np.log(y) - log_exposure)
            density: Floats = self.highest - y * (np.expm1(d) - d)
        return density

    def given_phi(self, phi: Floats) -> Floats:
        """The negative binomial probability."""
        if self.exposure == 0.0:
            return np.zeros(len(phi))
        data = np.array([self.events]), np.array([self.exposure])
        return PoissonGammaMarginal(*data, "").evaluate(phi)

    def beyond(self, phi: Floats, limit: float) -> tuple[Floats, Floats]:
        """By the incomplete gamma function, or the power that it is near 0."""
        from scipy.special import gammainc, gammaincc, gammaln

        shape = np.exp(phi[:, 0]) + self.events
        with np.errstate(divide="ignore", over="ignore"):
            log_rate = np.logaddexp(phi[:, 0] - phi[:, 1], np.log(self.exposure))
            low, high = (np.exp(log_rate + side * limit) for side in (-1.0, 1.0))
            power = [np.exp(shape * (log_rate + side * limit) - gammaln(shape + 1.0))
                     for side in (-1.0, 1.0)]  # fmt: skip
        below = np.where(low < SMALL, power[0], gammainc(shape, low))
        above = np.where(high < SMALL, 1.0 - power[1], gammaincc(shape, high))
        return below, above


@dataclass(frozen=True)
class NormalOwn(Frozen):
    """An estimate and the variance of its error, inf of a new group; the line is theta itself."""

    y: float
    var: float

    @property
    def highest(self) -> float:
        """At y."""
        return -0.5 * float(np.log(2.0 * np.pi * self.var)) if self.var < np.inf else 0.0

    def given_effect(self, z: Floats) -> Floats:
        """The normal density."""
        density: Floats = self.highest - 0.5 * (z - self.y) ** 2 / self.var
        return density

    def given_phi(self, phi: Floats) -> Floats:
        """The normal density about mu; phi is (mu, log tau)."""
        if self.var == np.inf:
            return np.zeros(len(phi))
        var = np.exp(2.0 * phi[:, 1]) + self.var
        density: Floats = -0.5 * ((phi[:, 0] - self.y) ** 2 / var + np.log(2.0 * np.pi * var))
        return density

    def beyond(self, phi: Floats, limit: float) -> tuple[Floats, Floats]:
        """The line has no places that are no doubles."""
        return np.zeros(len(phi)), np.zeros(len(phi))


def _power(a: Floats, b: Floats, limit: float) -> Floats:
    """The probability that logit theta is below -limit, theta ~ Beta(a, b)."""
    from scipy.special import betaln

    with np.errstate(divide="ignore", invalid="ignore"):
        log_mass_below = -a * limit - np.log(a) - betaln(a, b)
    return np.where(np.isnan(log_mass_below), 0.0, np.exp(np.minimum(log_mass_below, 0.0)))
