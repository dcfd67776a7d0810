"""Many data sets of the normal model with as many groups each, as arrays with a row a data set.

What `NormalNormal` says of one (its ``collapse``, ``scales``, ``tail_indices``) said of all at
once. The coordinate u is log tau, or logit(tau / high) where the prior ends at ``high``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf, isfinite, log

import numpy as np

from pyhier._frozen import Frozen
from pyhier._types import Floats, Ints
from pyhier.kernels import normal_groups as kernel
from pyhier.priors.tau import LADDER, ResolvedPrior
from pyhier.quadrature.panels import HIGHEST, LOWEST

ROUGH = 1e-5  # fourth difference of a log prior whose values are no smooth function's
RUNG = 1.0 / 128.0  # of log tau, in which it is looked at
REACH = 12.0  # of log tau, beyond the data's
PLACES = 7  # over a prior's structure, at which densities are looked at
FLAT_END = 1.0  # exponent with which u falls towards the end of a prior that is even there


@dataclass(frozen=True)
class GivenTau(Frozen):
    """At places of tau, a row a data set: the log density of u, and mu given tau.

    Attributes
    ----------
    log_density, mean, var, tau2 : ndarray, shape (data sets, places)
    """

    log_density: Floats
    mean: Floats
    var: Floats
    tau2: Floats


@dataclass(frozen=True)
class NormalMany(Frozen):
    """Estimates of the groups of many data sets, none missing.

    Attributes
    ----------
    y, var : ndarray, shape (data sets, groups)
    priors : sequence of ResolvedPrior
        One for all data sets, or one each.
    """

    y: Floats
    var: Floats
    priors: Sequence[ResolvedPrior]

    def __getitem__(self, rows: Ints | slice) -> "NormalMany":
        priors = self.priors
        if len(priors) > 1:
            priors = [priors[d] for d in np.arange(len(self.y))[rows].tolist()]
        return NormalMany(self.y[rows], self.var[rows], priors)

    @property
    def prior(self) -> ResolvedPrior:
        """The first data set's: what all have in common is the same."""
        return self.priors[0]

    @cached_property
    def _centre(self) -> Floats:
        """Each data set's weighted mean, (data sets,)."""
        weight = self.var.min(axis=1, keepdims=True) / self.var
        best = self.y[np.arange(len(self.y)), weight.argmax(axis=1)]
        off = (weight * (self.y - best[:, None])).sum(axis=1) / weight.sum(axis=1)
        centre: Floats = best + off
        return centre

    @cached_property
    def _products(self) -> tuple[Floats, Floats]:
        """The tau^2 between which products of variances stay within a double (group_sums.h)."""
        fits = (self.var.max(axis=1) <= 5e29) & (np.abs(self.y).max(axis=1) < 1e60)
        low = np.where(self.var.min(axis=1) >= 1e-30, 0.0, 1e-30)
        return np.where(fits, low, inf), np.where(fits, 5e29, inf)

    @cached_property
    def log_scales(self) -> tuple[Floats, Floats]:
        """Log tau between which each one's likelihood may have structure, each (data sets,)."""
        least = -0.5 * np.log((1.0 / self.var).sum(axis=1))
        widest = np.maximum(np.ptp(self.y, axis=1), np.sqrt(self.var.max(axis=1)))
        low, high = least, np.log(widest)
        if self.prior.mu is not None and not self.prior.tied:
            mean, sd = self.prior.mu
            away = np.maximum(np.abs(self.y - mean).max(axis=1), sd)
            high = np.maximum(high, np.log(away))
        return low, high

    @property
    def scales(self) -> tuple[Floats, Floats]:
        """The same on u."""
        low, high = self.log_scales
        return self.u(low), self.u(high)

    def beside(self) -> Floats:
        """U at which the priors of tau may have structure, (data sets, places)."""
        low, high = self.log_scales
        first, last = float(low.min()), float(high.max())
        places = np.stack([_places(prior, first, last) for prior in self.priors])
        if len(places) == 1:
            places = np.unique(places[np.isfinite(places)])[None]
        places = np.broadcast_to(places, (len(self.y), places.shape[1]))
        return self.u(np.where(np.isfinite(places), places, low[:, None]))

    @cached_property
    def tail_indices(self) -> tuple[Floats, Floats]:
        """Exponents of the posterior densities of log tau on both sides, each (data sets,)."""
        powers = np.array([prior.structure(0.0, 0.0).powers for prior in self.priors])
        zero, far = np.broadcast_to(powers, (len(self.y), 2)).T
        flat = self.prior.mu is None
        return zero + 1.0, far + self.y.shape[1] - 1.0 - flat

    @property
    def end(self) -> float:
        """Where the prior of tau ends: at a finite one the coordinate is another."""
        return self.prior.support[1]

    @cached_property
    def falls(self) -> tuple[Floats, Floats]:
        """Exponents of the density of u on both sides."""
        left, right = self.tail_indices
        return left, np.full(left.size, FLAT_END) if isfinite(self.end) else right

    @cached_property
    def moments(self) -> Floats:
        """How many moments tau has, up to 2, (data sets,)."""
        right = self.tail_indices[1]
        found: Floats = np.select([right > 2.0, right > 1.0], [2.0, 1.0], 0.0)
        return np.full(right.size, 2.0) if isfinite(self.end) else found

    def log_tau(self, u: Floats) -> Floats:
        """Log tau at u."""
        if not isfinite(self.end):
            return u
        found: Floats = log(self.end) - np.logaddexp(0.0, -u)
        return found

    def u(self, log_tau: Floats) -> Floats:
        """And back."""
        if not isfinite(self.end):
            return log_tau
        below = np.minimum(log_tau - log(self.end), -1e-3)
        found: Floats = below - np.log(-np.expm1(below))
        return found

    def given(self, u: Floats) -> GivenTau:
        """The density of u and what is known given tau, at u (data sets, places)."""
        log_tau = np.ascontiguousarray(self.log_tau(u))
        sums = kernel.sums(self.y, self.var, self._centre, log_tau, *self._products)
        rows = kernel.finish(sums, log_tau, self.y.shape[1], *self.prior.mu_normal)
        density = rows[:, 0] + self._log_prior(log_tau)
        if isfinite(self.end):
            density -= np.logaddexp(0.0, u)
        mean, var = (np.ascontiguousarray(rows[:, k]) for k in (1, 2))
        with np.errstate(over="ignore"):
            return GivenTau(density, mean, var, np.exp(2.0 * log_tau))

    def _log_prior(self, log_tau: Floats) -> Floats | float:
        if all(prior.density is None for prior in self.priors):
            return 0.0
        if len(self.priors) == 1:
            return self.prior.log_density(log_tau)
        return np.stack([p.log_density(x) for p, x in zip(self.priors, log_tau, strict=True)])


def _places(prior: ResolvedPrior, low: float, high: float) -> Floats:
    """Log tau between which a prior has structure, (PLACES,); NaN where it has none."""
    found = prior.structure(low, high)
    if isfinite(found.low):
        return np.linspace(found.low, found.high, PLACES)
    if not prior.scanned:
        return np.full(PLACES, np.nan)
    ladder, values = _far_ladder(prior, low, high)
    return np.full(PLACES, ladder[values.argmax()])


def _far_ladder(prior: ResolvedPrior, low: float, high: float) -> tuple[Floats, Floats]:
    """The log density of log tau by a prior, as far out as its tails are looked at."""
    first, last = max(LOWEST, low - LADDER), min(HIGHEST, high + LADDER)
    ladder = np.linspace(first, last, 2 + int(last - first))
    return ladder, prior.log_density(ladder) + ladder


def smooth(prior: ResolvedPrior, low: float, high: float) -> bool:
    """Whether a prior's log density of tau is a smooth function over a range of log tau.

    A compiled or named one is. Others are looked at on a ladder: beside a kink, a step or a narrow
    peak fourth differences are large. One given by its values alone is to have one peak, also far
    out.
    """
    if prior.powers is not None:
        return True
    first, last = low - REACH, high + REACH
    support = prior.support
    if support[0] > 0.0:
        return False
    if isfinite(support[1]):
        last = min(last, log(support[1]) - 1e-6)
        first = min(first, last - REACH)
    ladder = np.linspace(first, last, 4 + int((last - first) / RUNG))
    values = prior.log_density(ladder)
    if prior.scanned and not (
        _one_peak(values + ladder) and _one_peak(_far_ladder(prior, low, high)[1])
    ):
        return False
    return is_even(values)


def is_even(values: Floats) -> bool:
    """Whether log densities in steps of RUNG are a smooth function's, wherever they are not small.

    Beside a kink, a step or a narrow peak fourth differences are large.
    """
    heavy = values > values.max() - 60.0
    with np.errstate(invalid="ignore"):
        rough = np.abs(np.diff(values, 4))
        scale = 1.0 + np.abs(np.diff(values, 1))[:-3]
    near = heavy[2:-2]
    return bool((rough[near] <= ROUGH * scale[near]).all())


def _one_peak(values: Floats) -> bool:
    """Whether values rise to their highest and fall from there."""
    top = int(values.argmax())
    with np.errstate(invalid="ignore"):
        rise = np.diff(values)
    least = 1e-10 * (1.0 + np.abs(values[1:]))
    least[~np.isfinite(least)] = 0.0
    return not ((rise[:top] < -least[:top]).any() or (rise[top:] > least[top:]).any())
