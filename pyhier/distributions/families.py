"""The distributions of a group's effect given the hyperparameters, at many nodes at once.

Each has a density of two natural parameters on its own line (theta, log theta or logit theta), so
that a mixture over nodes is one matrix product (Brown 1986, Fundamentals of Statistical Exponential
Families): log p(line) = natural @ statistics(line) - log_partition.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from pyhier._frozen import Frozen
from pyhier._types import Floats
from pyhier.kernels.effect_panels import beta_moments, gamma_moments, inverse_gamma_moments
from pyhier.quadrature.transforms import Form, Line


@dataclass(frozen=True)
class Components(Frozen):
    """K weighted distributions of one family at every node of phi.

    Attributes
    ----------
    family : Family
        Its parameters have shape (nodes * K,), a node's components one beside the other.
    weight : ndarray, shape (nodes, K)
        Each node's add up to one.
    """

    family: "Family"
    weight: Floats


class Family(Protocol):
    """A distribution at every node of phi; its parameters have shape (nodes,)."""

    @property
    def line(self) -> Line:
        """Where the density has two natural parameters."""

    @property
    def mean(self) -> Floats:
        """Means."""

    @property
    def var(self) -> Floats:
        """Variances."""

    def averaged(self, weight: Floats) -> tuple[Floats, Floats]:
        """Means and variances of mixtures over the last axis, (nodes,), with these weights."""

    def line_moments(self) -> tuple[Floats, Floats]:
        """Mean and sd on the line; the sd to a percent."""

    @property
    def concentration(self) -> Floats:
        """What the width on the line falls with: 1 / var, a shape, or the sum of both shapes."""

    @property
    def centre(self) -> Floats:
        """A point of the line amid each distribution."""

    def near(self, d: Floats) -> Floats:
        """Log density on the line at the centres plus ``d``, of d's shape (..., nodes).

        Nothing cancels, however narrow the distributions are.
        """

    def natural(self) -> tuple[Floats, Floats]:
        """Natural parameters, shape (nodes, 2), and log partition function, shape (nodes,)."""

    def statistics(self, z: Floats) -> Floats:
        """Sufficient statistics at points of the line, shape (points, 2)."""

    def cdf(self, x: Floats) -> Floats:
        """Lower tails at values of theta, shape (points, nodes)."""

    def sf(self, x: Floats) -> Floats:
        """Upper tails, shape (points, nodes)."""


class ByMoments(Frozen, ABC):
    """What follows from a kernel's table of log probabilities, means and variances."""

    @property
    @abstractmethod
    def _laws(self) -> Floats:
        """Log probabilities of the data, means and variances in rows, (3 or more, ...)."""

    @property
    def log_probability(self) -> Floats:
        """Log probabilities, or densities, of the data."""
        logs: Floats = self._laws[0]
        return logs

    @property
    def mean(self) -> Floats:
        """Means."""
        means: Floats = self._laws[1]
        return means

    @property
    def var(self) -> Floats:
        """Variances."""
        variances: Floats = self._laws[2]
        return variances

    def averaged(self, weight: Floats) -> tuple[Floats, Floats]:
        """Means and variances of mixtures over the nodes."""
        return averaged(self.mean, self.var, weight)

    def line_moments(self) -> tuple[Floats, Floats]:
        """Mean and sd."""
        return self.mean, np.sqrt(self.var)

    def cdf(self, x: Floats) -> Floats:
        """Lower tails, shape (points, nodes)."""
        return self._tails(x, False)

    def sf(self, x: Floats) -> Floats:
        """Upper tails, shape (points, nodes)."""
        return self._tails(x, True)

    @abstractmethod
    def _tails(self, x: Floats, upper: bool) -> Floats:
        """Tails at values of the effect, shape (points, nodes)."""


@dataclass(frozen=True)
class Normal(Frozen):
    """Normal distributions.

    Attributes
    ----------
    mean, var : ndarray, shape (nodes,)
    """

    mean: Floats
    var: Floats
    line: Line = "identity"

    def averaged(self, weight: Floats) -> tuple[Floats, Floats]:
        """Means and variances of mixtures over the nodes."""
        return averaged(self.mean, self.var, weight)

    def line_moments(self) -> tuple[Floats, Floats]:
        """Mean and sd."""
        return self.mean, np.sqrt(self.var)

    @property
    def concentration(self) -> Floats:
        """The precision."""
        return 1.0 / self.var

    @property
    def centre(self) -> Floats:
        """The mean."""
        return self.mean

    def near(self, d: Floats) -> Floats:
        """Log density at the mean plus ``d``."""
        density: Floats = -0.5 * (d * d / self.var + np.log(2.0 * np.pi * self.var))
        return density

    def natural(self) -> tuple[Floats, Floats]:
        """Of x and x^2."""
        parameters = np.column_stack([self.mean / self.var, -0.5 / self.var])
        return parameters, 0.5 * (self.mean**2 / self.var + np.log(2.0 * np.pi * self.var))

    def statistics(self, z: Floats) -> Floats:
        """The values and their squares."""
        return np.column_stack([z, z * z])

    def _standard(self, x: Floats) -> Floats:
        with np.errstate(over="ignore"):  # a tail of 0 or 1
            return (x[:, None] - self.mean) / np.sqrt(self.var)

    def cdf(self, x: Floats) -> Floats:
        """Lower tails, shape (points, nodes)."""
        return _special("ndtr")(self._standard(x))

    def sf(self, x: Floats) -> Floats:
        """Upper tails, shape (points, nodes)."""
        return _special("ndtr")(-self._standard(x))


@dataclass(frozen=True)
class Beta(Frozen):
    """Beta distributions.

    Attributes
    ----------
    a, b : ndarray, shape (nodes,)
    """

    a: Floats
    b: Floats
    line: Line = "logit"

    @property
    def mean(self) -> Floats:
        """Means."""
        return self.a / (self.a + self.b)

    @property
    def var(self) -> Floats:
        """Variances."""
        total = self.a + self.b
        return (self.a / total) * (self.b / total) / (total + 1.0)

    def averaged(self, weight: Floats) -> tuple[Floats, Floats]:
        """Means and variances of mixtures over the nodes."""
        return _averaged(beta_moments, self.a, self.b, weight)

    def line_moments(self) -> tuple[Floats, Floats]:
        """Mean and sd of logit theta."""
        psi = _special("psi")
        return psi(self.a) - psi(self.b), np.sqrt(_trigamma(self.a) + _trigamma(self.b))

    @property
    def concentration(self) -> Floats:
        """The sum of both shapes."""
        return self.a + self.b

    @property
    def centre(self) -> Floats:
        """The logit of the mean."""
        return np.log(self.a) - np.log(self.b)

    def near(self, d: Floats) -> Floats:
        """Log density of logit theta at the centre plus ``d``."""
        total = self.a + self.b
        # By the smaller of theta and 1 - theta; by the other one its distance from 1 would be lost.
        less, z = np.minimum(self.a, self.b) / total, -np.abs(self.centre)
        d = np.where(self.a < self.b, d, -d)
        with np.errstate(over="ignore"):
            close = np.log1p(less * np.expm1(d))
        far = np.logaddexp(0.0, z + d) - np.logaddexp(0.0, z)
        fall = total * (np.where(np.abs(d) < 1.0, close, far) - less * d)
        height = 0.5 * np.log(self.a * (self.b / total) / (2.0 * np.pi))
        return height - fall - _stirling(self.a) - _stirling(self.b) + _stirling(total)

    def natural(self) -> tuple[Floats, Floats]:
        """Of log theta and log(1 - theta)."""
        return np.column_stack([self.a, self.b]), _special("betaln")(self.a, self.b)

    def statistics(self, z: Floats) -> Floats:
        """Logs of theta and of 1 - theta."""
        return np.column_stack([-np.logaddexp(0.0, -z), -np.logaddexp(0.0, z)])

    def cdf(self, x: Floats) -> Floats:
        """Lower tails, shape (points, nodes)."""
        return _special("betainc")(self.a, self.b, np.clip(x, 0.0, 1.0)[:, None])

    def sf(self, x: Floats) -> Floats:
        """Upper tails, shape (points, nodes)."""
        return _special("betaincc")(self.a, self.b, np.clip(x, 0.0, 1.0)[:, None])


@dataclass(frozen=True)
class Gamma(Frozen):
    """Gamma distributions.

    Attributes
    ----------
    shape, rate : ndarray, shape (nodes,)
    """

    shape: Floats
    rate: Floats
    line: Line = "log"

    @property
    def mean(self) -> Floats:
        """Means."""
        return self.shape / self.rate

    @property
    def var(self) -> Floats:
        """Variances."""
        with np.errstate(over="ignore"):
            return self.shape / self.rate / self.rate

    def averaged(self, weight: Floats) -> tuple[Floats, Floats]:
        """Means and variances of mixtures over the nodes."""
        return _averaged(gamma_moments, self.shape, self.rate, weight)

    def line_moments(self) -> tuple[Floats, Floats]:
        """Mean and sd of log theta."""
        mean: Floats = _special("psi")(self.shape) - np.log(self.rate)
        return mean, np.sqrt(_trigamma(self.shape))

    @property
    def concentration(self) -> Floats:
        """The shape."""
        return self.shape

    @property
    def centre(self) -> Floats:
        """The log of the mean."""
        return np.log(self.shape) - np.log(self.rate)

    def near(self, d: Floats) -> Floats:
        """Log density of log theta at the centre plus ``d``."""
        with np.errstate(over="ignore"):
            fall = self.shape * (np.expm1(d) - d)
        return 0.5 * np.log(self.shape / (2.0 * np.pi)) - fall - _stirling(self.shape)

    def natural(self) -> tuple[Floats, Floats]:
        """Of log theta and theta."""
        parameters = np.column_stack([self.shape, -self.rate])
        return parameters, _special("gammaln")(self.shape) - self.shape * np.log(self.rate)

    def statistics(self, z: Floats) -> Floats:
        """The logs and the values."""
        return np.column_stack([z, np.exp(z)])

    def cdf(self, x: Floats) -> Floats:
        """Lower tails, shape (points, nodes)."""
        return _special("gammainc")(self.shape, np.maximum(x, 0.0)[:, None] * self.rate)

    def sf(self, x: Floats) -> Floats:
        """Upper tails, shape (points, nodes)."""
        return _special("gammaincc")(self.shape, np.maximum(x, 0.0)[:, None] * self.rate)


@dataclass(frozen=True)
class InverseGamma(Frozen):
    """Distributions of theta where 1 / theta is gamma distributed.

    Attributes
    ----------
    shape, scale : ndarray, shape (nodes,)
        The scale is the rate of 1 / theta.
    """

    shape: Floats
    scale: Floats
    line: Line = "log"
    form: ClassVar[Form] = "inverse-log"  # of the kernels' components; a family's line without it

    @property
    def inverse(self) -> Gamma:
        """The distributions of 1 / theta."""
        return Gamma(self.shape, self.scale)

    @property
    def mean(self) -> Floats:
        """Means; inf where there are none."""
        return np.where(self.shape > 1.0, self.scale / np.abs(self.shape - 1.0), np.inf)

    @property
    def var(self) -> Floats:
        """Variances; inf where there are none."""
        with np.errstate(over="ignore"):
            own = self.mean / np.abs(self.shape - 2.0) * self.mean
        return np.where(self.shape > 2.0, own, np.inf)

    def averaged(self, weight: Floats) -> tuple[Floats, Floats]:
        """Means and variances of mixtures over the nodes."""
        mean, var = _averaged(inverse_gamma_moments, self.shape, self.scale, weight)
        least = self.shape.min(axis=-1, initial=np.inf)
        return np.where(least > 1.0, mean, np.inf), np.where(least > 2.0, var, np.inf)

    def line_moments(self) -> tuple[Floats, Floats]:
        """Mean and sd of log theta."""
        mean, sd = self.inverse.line_moments()
        return -mean, sd

    @property
    def concentration(self) -> Floats:
        """The shape."""
        return self.shape

    @property
    def centre(self) -> Floats:
        """The log of the harmonic mean."""
        return -self.inverse.centre

    def near(self, d: Floats) -> Floats:
        """Log density of log theta at the centre plus ``d``."""
        return self.inverse.near(-d)

    def natural(self) -> tuple[Floats, Floats]:
        """Of log theta and 1 / theta."""
        (parameters, partition) = self.inverse.natural()
        return parameters * [-1.0, 1.0], partition

    def statistics(self, z: Floats) -> Floats:
        """The logs and the values' inverses."""
        return np.column_stack([z, np.exp(-z)])

    def cdf(self, x: Floats) -> Floats:
        """Lower tails, shape (points, nodes)."""
        return self.inverse.sf(_inverse(x))

    def sf(self, x: Floats) -> Floats:
        """Upper tails, shape (points, nodes)."""
        return self.inverse.cdf(_inverse(x))


def _inverse(x: Floats) -> Floats:
    with np.errstate(divide="ignore", over="ignore"):
        return np.where(x > 0.0, 1.0 / np.abs(x), np.inf)


def averaged(mean: Floats, var: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Means and variances of mixtures, by their components', of shape (..., nodes)."""
    whole = mean @ weight
    with np.errstate(over="ignore"):
        spread: Floats = (var + (mean - whole[..., None]) ** 2) @ weight
    return whole, spread


def _averaged(
    moments: Callable[[Floats, Floats, Floats], tuple[Floats, Floats]],
    first: Floats,
    second: Floats,
    weight: Floats,
) -> tuple[Floats, Floats]:
    """Moments by a kernel, of parameters of shape (..., nodes)."""
    a, b = (np.ascontiguousarray(x.reshape(-1, weight.size)) for x in (first, second))
    mean, var = moments(a, b, weight)
    return mean.reshape(first.shape[:-1]), var.reshape(first.shape[:-1])


def _trigamma(z: Floats) -> Floats:
    """The trigamma function to a percent: Abramowitz and Stegun 6.4.6 and 6.4.12."""
    w = 1.0 / (z + 1.0)
    with np.errstate(over="ignore", divide="ignore"):
        return z**-2.0 + w * (1.0 + w * (0.5 + w / 6.0))


def _stirling(z: Floats) -> Floats:
    """Log Gamma(z) less (z - 1/2) log z - z + log(2 pi) / 2 (Abramowitz and Stegun 6.1.41)."""
    w = 1.0 / np.maximum(z, 16.0)
    w2 = w * w
    series = w * (1 / 12 - w2 * (1 / 360 - w2 * (1 / 1260 - w2 * (1 / 1680 - w2 / 1188))))
    plain = _special("gammaln")(z) - (z - 0.5) * np.log(z) + z - 0.5 * np.log(2.0 * np.pi)
    return np.where(z < 16.0, plain, series)


def _special(name: str) -> Callable[..., Floats]:
    """A function of scipy.special, loaded when first needed."""
    from scipy import special

    function: Callable[..., Floats] = getattr(special, name)
    return function
