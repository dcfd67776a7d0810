"""What groups' data alone says of their effects, and its probability given the hyperparameters.

A group's posterior density given phi is the population's density times the likelihood of its own
data, by the probability of that data. The last two are here: however large the counts are, nothing
cancels.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import EllipsisType
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from pyhier._frozen import Frozen
from pyhier._types import Floats
from pyhier.distributions.scale_laws import ScaleLaw
from pyhier.distributions.tilted import Counts
from pyhier.kernels.count_masses import log_mass, log_mass_given

SMALL = 1e-200  # up to which the incomplete gamma function is a power
NOTHING = 760.0  # exp of less than minus this is 0


Groups = NDArray[np.intp] | EllipsisType  # which of the groups points are of; ... of the only one


class OwnLikelihood(Protocol):
    """The data of groups, or of new ones, which have none."""

    @property
    def highest(self) -> Floats:
        """The highest log probability of the data that any effect gives, shape (groups,)."""

    def given_effect(self, z: Floats, group: Groups = ...) -> Floats:
        """Log probability of the data at places of effects on their line, of z's shape."""

    def given_phi(self, phi: Floats) -> Floats:
        """Log probability of the data at every phi (nodes, 2), effects integrated out.

        Of shape (groups, nodes).
        """

    def beyond(self, phi: Floats, limit: float) -> tuple[Floats, Floats]:
        """Probability that effects are below -limit on their line, and above limit, given phi."""


def of_groups(quantities: Sequence[int | None], *columns: tuple[Floats, float]) -> Iterator[Floats]:
    """Of each column of the data the entries of groups, and what stands there for a new one."""
    number = np.array([-1 if k is None else k for k in quantities])
    return (np.where(number < 0, new, column[number]) for column, new in columns)


@dataclass(frozen=True)
class BinomialOwn(Frozen):
    """Successes and failures, none of a new group; the line is logit theta.

    Attributes
    ----------
    successes, failures : ndarray, shape (groups,), or float
    """

    successes: Floats
    failures: Floats

    @cached_property
    def highest(self) -> Floats:
        """At each group's own share of successes."""
        y, n = self.successes, np.add(self.successes, self.failures)
        some = n > 0.0
        return log_mass("binomial", y, n - y, np.where(some, y / np.where(some, n, 1.0), 0.5))

    def given_effect(self, z: Floats, group: Groups = ...) -> Floats:
        """By the distance from the group's own logit."""
        y, f, highest = (
            np.asarray(x)[group] for x in (self.successes, self.failures, self.highest)
        )
        n, rare, side = y + f, np.minimum(y, f), np.where(y < f, 1.0, -1.0)
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            d = side * (z - (np.log(y) - np.log(f)))
            share = rare / n
            near = np.log1p(share * np.expm1(np.minimum(d, 1.0)))
            far = np.logaddexp(np.log1p(-share), np.log(share) + d)
            both: Floats = highest - n * (np.where(d < 1.0, near, far) - share * d)
        only: Floats = -n * np.logaddexp(0.0, np.where(y == 0.0, z, -z))
        return np.where(rare == 0.0, only, both)

    def given_phi(self, phi: Floats) -> Floats:
        """The beta-binomial probabilities."""
        return _of_groups("beta-binomial", self.successes, self.failures, phi)

    def beyond(self, phi: Floats, limit: float) -> tuple[Floats, Floats]:
        """Where theta, or 1 - theta, is as good as 0, and the density a power of it."""
        logit, log_k = phi[:, 0], phi[:, 1]
        a = np.exp(log_k - np.logaddexp(0.0, -logit))
        b = np.exp(log_k - np.logaddexp(0.0, logit))
        return (
            _powers(a, b, self.successes, self.failures, limit),
            _powers(b, a, self.failures, self.successes, limit),
        )


@dataclass(frozen=True)
class PoissonOwn(Frozen):
    """Events in an exposure, which is 0 of a new group; the line is log theta.

    Attributes
    ----------
    events, exposure : ndarray, shape (groups,), or float
    """

    events: Floats
    exposure: Floats

    @cached_property
    def highest(self) -> Floats:
        """At each group's own rate."""
        return log_mass("poisson", self.events, self.events)

    def given_effect(self, z: Floats, group: Groups = ...) -> Floats:
        """By the distance from the group's own log rate."""
        y, e, highest = (np.asarray(x)[group] for x in (self.events, self.exposure, self.highest))
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            log_exposure = np.log(e)
            d = z - (np.log(y) - log_exposure)
            some: Floats = highest - y * (np.expm1(d) - d)
            none: Floats = -np.exp(z + log_exposure)
        return np.where(y == 0.0, none, some)

    def given_phi(self, phi: Floats) -> Floats:
        """The negative binomial probabilities."""
        return _of_groups("poisson-gamma", self.events, self.exposure, phi)

    def beyond(self, phi: Floats, limit: float) -> tuple[Floats, Floats]:
        """By the incomplete gamma function, or the power that it is near 0."""
        y, e = np.ravel(self.events), np.ravel(self.exposure)
        below, above = np.zeros((2, y.size, len(phi)))
        with np.errstate(divide="ignore"):
            log_exposure = np.log(e)[:, None]
        alpha, log_beta = np.exp(phi[:, 0]), phi[:, 0] - phi[:, 1]
        # Of most groups there is nothing at any phi, as the most that there could be says.
        ends = np.array([log_beta.min(initial=np.inf), log_beta.max(initial=-np.inf)])
        least, most = np.logaddexp(ends, log_exposure).T
        some = (alpha.min(initial=np.inf) + y) * (limit - most) < NOTHING
        some |= least + limit < np.log(2.0 * (alpha.max(initial=0.0) + y) + 2000.0)
        log_rate = np.logaddexp(log_beta, log_exposure[some])
        both = _both_ends(alpha + y[some, None], log_rate, limit)
        below[some], above[some] = both
        shape = *np.shape(self.events), len(phi)
        return below.reshape(shape), above.reshape(shape)


@dataclass(frozen=True)
class VarianceOwn(Frozen):
    """Sample variances, of a new group with no degrees of freedom; the line is log sigma^2.

    The precision's likelihood is that of the rate of ``half`` events in an exposure ``squares``.

    Attributes
    ----------
    half, squares : ndarray, shape (groups,)
        Half the degrees of freedom, half the sum of squares.
    """

    half: Floats
    squares: Floats

    @cached_property
    def _of_precision(self) -> PoissonOwn:
        return PoissonOwn(self.half, self.squares)

    @property
    def highest(self) -> Floats:
        """At each group's own variance."""
        return self._of_precision.highest

    def given_effect(self, z: Floats, group: Groups = ...) -> Floats:
        """By the distance from the group's own log variance."""
        return self._of_precision.given_effect(-z, group)

    def given_phi(self, phi: Floats) -> Floats:
        """F densities, but for what the hyperparameters do not change."""
        return self._of_precision.given_phi(_of_precisions(phi))

    def beyond(self, phi: Floats, limit: float) -> tuple[Floats, Floats]:
        """The precision's the other way round."""
        below, above = self._of_precision.beyond(_of_precisions(phi), limit)
        return above, below


def _of_precisions(phi: Floats) -> Floats:
    """(log alpha, log mu) of the gamma distribution of precisions at (log d0, log s0^2)."""
    return np.column_stack([phi[:, 0] - np.log(2.0), -phi[:, 1]])


@dataclass(frozen=True)
class NormalOwn(Frozen):
    """Estimates and the variances of their errors, inf of a new group; the line is theta itself.

    Attributes
    ----------
    y, var : ndarray, shape (groups,), or float
    """

    y: Floats
    var: Floats

    @property
    def highest(self) -> Floats:
        """At y."""
        height: Floats = -0.5 * np.log(2.0 * np.pi * np.asarray(self.var))
        return np.where(np.isfinite(self.var), height, 0.0)

    def given_effect(self, z: Floats, group: Groups = ...) -> Floats:
        """The normal density."""
        y, var, highest = (np.asarray(x)[group] for x in (self.y, self.var, self.highest))
        density: Floats = highest - 0.5 * (z - y) ** 2 / var
        return density

    def given_phi(self, phi: Floats) -> Floats:
        """The normal density about mu; phi is (mu, log tau)."""
        own = np.asarray(self.var)[..., None]
        var = np.exp(2.0 * phi[:, 1]) + own
        away = phi[:, 0] - np.asarray(self.y)[..., None]
        density: Floats = -0.5 * (away**2 / var + np.log(2.0 * np.pi * var))
        return np.where(np.isfinite(own), density, 0.0)

    def beyond(self, phi: Floats, limit: float) -> tuple[Floats, Floats]:
        """The line has no places that are no doubles."""
        none = np.zeros((*np.shape(self.y), len(phi)))
        return none, none


@dataclass(frozen=True)
class MixtureOwn(NormalOwn):
    """The same about effects of a law that is a scale mixture.

    Attributes
    ----------
    law : ScaleLaw
    """

    law: ScaleLaw

    @classmethod
    def of(
        cls, quantities: Sequence[int | None], y: Floats, var: Floats, law: ScaleLaw
    ) -> "MixtureOwn":
        """Of groups, and of new ones (None)."""
        own, error = of_groups(quantities, (y, 0.0), (var, np.inf))
        return cls(own, error, law)

    def given_phi(self, phi: Floats) -> Floats:
        """The mixture's density about mu; phi is (mu, log tau)."""
        some = np.isfinite(self.var)
        logs = np.zeros((some.size, len(phi)))
        log_tau = np.ascontiguousarray(phi[:, 1])
        own = self.law.kernel.laws(self.y[some], self.var[some], phi[:, :1].T, log_tau)
        logs[some] = own[0]
        return logs


@dataclass(frozen=True)
class CountOwn(Frozen):
    """Counts about normal effects, a size of 0 of a new group; the line is theta itself.

    Attributes
    ----------
    counts : Counts
    """

    counts: Counts

    @property
    def highest(self) -> Floats:
        """At each group's own share or rate."""
        highest: Floats = self.counts.data[3]
        return highest

    def given_effect(self, z: Floats, group: Groups = ...) -> Floats:
        """By the distance from the group's own logit or log rate."""
        return self.counts.log_likelihood(z, group)

    def given_phi(self, phi: Floats) -> Floats:
        """The integral over the effect; phi is (mu, log tau)."""
        probabilities: Floats = self.counts.laws(phi[:, 0], phi[:, 1])[0]
        return probabilities

    def beyond(self, phi: Floats, limit: float) -> tuple[Floats, Floats]:
        """The line has no places that are no doubles."""
        none = np.zeros((self.counts.data.shape[1], len(phi)))
        return none, none


def _of_groups(
    family: Literal["beta-binomial", "poisson-gamma"], first: Floats, second: Floats, phi: Floats
) -> Floats:
    """Log probabilities at every phi, shape (groups, nodes); 0 of groups that have no data."""
    y, other = np.ravel(first), np.ravel(second)
    some = other > 0.0 if family == "poisson-gamma" else y + other > 0.0
    values = np.zeros((y.size, len(phi)))
    values[some] = log_mass_given(family, y[some], other[some], phi)
    return values.reshape(*np.shape(first), len(phi))


def _powers(a: Floats, b: Floats, y: Floats, f: Floats, limit: float) -> Floats:
    """What `_power` says of Beta(a + y, b + f) for all groups' y and f, shape (groups, nodes)."""
    first, second = np.ravel(y), np.ravel(f)
    mass = np.zeros((first.size, a.size))
    # Of most groups there is nothing at any phi, as the most that there could be says.
    most = np.log((a + b).max(initial=0.0) + first + second)
    some = (a.min(initial=np.inf) + first) * (limit - most) < NOTHING
    mass[some] = _power(a + first[some, None], b + second[some, None], limit)
    return mass.reshape(*np.shape(y), a.size)


def _both_ends(shape: Floats, log_rate: Floats, limit: float) -> tuple[Floats, Floats]:
    """The probabilities that the log of a gamma variable is below -limit, and above limit."""
    log_low, log_high = log_rate - limit, log_rate + limit
    below, above = np.zeros((2, *shape.shape))
    some = shape * -log_low < NOTHING  # it is at most the power, and that at most exp
    below[some] = _gamma_tails(shape[some], log_low[some])[0]
    some = log_high < np.log(2.0 * shape + 2000.0)
    above[some] = _gamma_tails(shape[some], log_high[some])[1]
    return below, above


def _power(a: Floats, b: Floats, limit: float) -> Floats:
    """The probability that logit theta is below -limit, theta ~ Beta(a, b)."""
    from scipy.special import betaln

    # As log Gamma(a + b) - log Gamma(b) < a log(a + b), elsewhere it is no double.
    some = a * (limit - np.log(a + b)) < NOTHING
    mass, a, b = np.zeros(a.shape), a[some], b[some]
    with np.errstate(divide="ignore", invalid="ignore"):
        log_mass_below = -a * limit - np.log(a) - betaln(a, b)
    mass[some] = np.where(np.isnan(log_mass_below), 0.0, np.exp(np.minimum(log_mass_below, 0.0)))
    return mass


def _gamma_tails(shape: Floats, log_x: Floats) -> tuple[Floats, Floats]:
    """Both tails of a gamma distribution, by a power where x is next to 0."""
    from scipy.special import gammainc, gammaincc, gammaln

    with np.errstate(over="ignore"):
        x, power = np.exp(log_x), np.exp(shape * log_x - gammaln(shape + 1.0))
    small = x < SMALL
    return np.where(small, power, gammainc(shape, x)), np.where(
        small, 1.0 - power, gammaincc(shape, x)
    )
