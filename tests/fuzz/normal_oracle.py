"""The normal model's posterior by a sum that shares nothing with the package.

The likelihood is in long double; the integral over tau is a tanh-sinh rule (Takahasi and Mori 1974)
on pieces of log tau, or of the log of tau's distance from an end of the prior's support, bisected
until two step sizes agree.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.special import log_ndtr

from fuzz.runner import UnknownError

Long = np.longdouble
LOG_2PI = np.log(2 * np.pi * Long(1))
FLOOR = 100.0  # what is exp(-FLOOR) of the highest is left out
AGREE = 1e-10  # of two step sizes; where there is a kink they err alike
LOWEST, HIGHEST = -700.0, 350.0  # of log tau
MOST = 10_000  # pieces
PATIENCE = 20.0  # seconds
LEAST_TAIL = np.log(1e-25)  # that is asked for


@dataclass(frozen=True)
class Prior:
    """A prior of tau, as the package takes it and as the sum needs it.

    Attributes
    ----------
    argument
        For ``prior_tau=``.
    log_density : callable
        At an array of tau.
    places : array_like
        Tau where it has structure: quantiles, ends of steps.
    low, high : float
        Its support.
    from_low, from_high : callable, optional
        The log density at an array of distances from an end, where it cannot be had from tau.
    mass_below : callable, optional
        Of a tau near 0: what is left beneath the sum.
    proper : bool
    words : str
    """

    argument: object
    log_density: Callable
    places: object = ()
    low: float = 0.0
    high: float = np.inf
    from_low: Callable | None = None
    from_high: Callable | None = None
    mass_below: Callable | None = None
    proper: bool = True
    words: str = ""


@dataclass(frozen=True)
class Mu:
    """A prior of mu: flat; normal(mean, sd); or normal(mean, tau^2 / kappa)."""

    mean: float = 0.0
    sd: float | None = None
    kappa: float | None = None

    def precision(self, tau):
        if self.kappa is not None:
            return Long(self.kappa) / tau**2
        return np.zeros_like(tau) if self.sd is None else np.full_like(tau, 1 / Long(self.sd) ** 2)


@dataclass
class Pieces:
    """Intervals of a coordinate: log tau (``end`` None), or the log distance from an end."""

    low: np.ndarray
    high: np.ndarray
    end: float | None = None
    sign: int = 1  # tau = end + sign * distance


# Tanh-sinh nodes on (0, 1): distance from the nearer end, and the weights, at steps 1/8 and 1/4.
_K = np.arange(-26, 27) / 8.0
_NEAR = 1.0 / (1.0 + np.exp(np.pi * np.sinh(np.abs(_K))))
_WEIGHT = 0.125 * np.pi * np.cosh(_K) * _NEAR * (1.0 - _NEAR)
_COARSE = (np.arange(_K.size) % 2) == 0


@dataclass
class Likelihood:
    """Log likelihood with theta and mu integrated out, and mu given tau."""

    y: np.ndarray
    se: np.ndarray
    mu: Mu
    tau: float = 1.0  # about
    var: np.ndarray = field(init=False)

    def __post_init__(self):
        self.var = np.asarray(self.se, dtype=Long) ** 2
        # About what is known best: there digits count most.
        centre, sd = (
            self.mu.mean,
            self.mu.sd if self.mu.kappa is None else self.tau / self.mu.kappa**0.5,
        )
        known = sd is not None and sd < np.min(self.se)
        self.base = Long(centre if known else self.y[np.argmin(self.se)])
        self.off = np.asarray(self.y, dtype=Long) - self.base

    def __call__(self, tau):
        """Log likelihood, mean (less the base) and variance of mu, at long double tau (n,)."""
        logs, mean, var = (np.empty(tau.shape, dtype=Long) for _ in range(3))
        size = max(1, 2**18 // self.var.size)
        for i in range(0, tau.size, size):
            part = slice(i, i + size)
            logs[part], mean[part], var[part] = self._block(tau[part])
        return logs, mean, var

    def _block(self, tau):
        total = self.var + tau[:, None] ** 2
        precision = self.mu.precision(tau)
        away = Long(self.mu.mean) - self.base
        whole = (1 / total).sum(axis=1) + precision
        mean = ((self.off / total).sum(axis=1) + precision * away) / whole
        # About mu's prior mean where that is as good as certain: nothing cancels.
        from_prior = ((self.off - away) / total).sum(axis=1) / whole
        squares = ((self.off - mean[:, None]) ** 2 / total).sum(axis=1) + precision * from_prior**2
        logs = -0.5 * (np.log(total).sum(axis=1) + self.off.size * LOG_2PI + squares)
        logs += 0.5 * (LOG_2PI - np.log(whole))
        known = precision > 0
        logs[known] += 0.5 * (np.log(precision[known]) - LOG_2PI)
        return logs, mean, 1 / whole


class Oracle:
    """All that is asked of the posterior, as sums over nodes of tau.

    Parameters
    ----------
    y, se : ndarray
    prior : Prior
    mu : Mu
    cuts : array_like
        Tau at which the distribution function will be asked.
    watch : sequence of int
        The groups whose effects will be asked.
    """

    def __init__(self, y, se, prior, mu, cuts=(), watch=(), likelihood=None):
        about = float(np.median(np.ravel(prior.places))) if np.size(prior.places) else 1.0
        self.likelihood = likelihood or Likelihood(y, se, mu, about)
        self.prior, self.watch = prior, tuple(watch)
        self.factor, self.began, self.far_rounding = None, time.process_time(), 0.0
        self.least = np.sort([x for x in np.ravel(cuts) if x > 0.0])[:1]
        tau, logs, mean, var = self._nodes(cuts)
        order = np.argsort(tau)
        self.coarse = np.tile(_COARSE, tau.size // _K.size)[order]
        self.tau, self.mean, self.var = tau[order], mean[order], var[order]
        peak = logs.max()
        weight = np.exp(logs[order] - peak)
        left_out = self._left_out(weight, peak)
        weight[0] += left_out  # there tau is as good as 0
        self.weight, self.at_zero = weight / weight.sum(), left_out / weight.sum()
        with np.errstate(divide="ignore"):
            self.log_weight = np.log(self.weight)
        self.log_z = float(peak + np.log(weight.sum()))
        self._check_right()

    def _nodes(self, cuts):
        parts = [self._resolve(pieces) for pieces in self._pieces(cuts)]
        return [np.concatenate([part[k] for part in parts]) for k in range(4)]

    # --- Where to look ----------------------------------------------------------------------------

    def _pieces(self, cuts):
        prior, y, se = self.prior, self.likelihood.y, self.likelihood.se
        data = [float(np.min(se)), float(np.max(se)), (1 / (1 / np.square(se)).sum()) ** 0.5]
        data += [float(np.ptp(y))] if np.ptp(y) > 0 else []
        places = np.array([*data, *np.ravel(prior.places), *np.ravel(cuts)], dtype=float)
        places = places[np.isfinite(places) & (places > 0)]
        low, high = np.log(places.min()) - 200.0, np.log(places.max()) + 200.0
        first = max(LOWEST, low, np.log(prior.low) if prior.low > 0 else -np.inf)
        last = min(HIGHEST, high, np.log(prior.high))
        split_low = prior.from_low is not None and prior.low > 0
        split_high = prior.from_high is not None
        groups = []
        if split_low:
            middle = min(2.0 * prior.low, 0.5 * (prior.low + prior.high))
            groups.append(self._distances(prior.low, 1, middle - prior.low, places))
            first = np.log(middle)
        if split_high:
            middle = max(0.5 * prior.high, np.exp(first))
            groups.append(self._distances(prior.high, -1, prior.high - middle, places))
            last = np.log(middle)
        steps = np.arange(np.ceil(first), np.ceil(last))
        ends = np.unique(np.clip([first, last, *steps, *np.log(places)], first, last))
        if ends.size > 1:
            groups.append(Pieces(ends[:-1], ends[1:]))
        return groups

    @staticmethod
    def _distances(end, sign, width, places):
        inside = sign * (places - end)
        inside = np.log(inside[(inside > 0) & (inside < width)])
        top = np.log(width)
        steps = [*np.arange(1.0, 40.0), *np.arange(40.0, 660.0, 20.0)]
        ends = np.unique([top, *(top - np.array(steps)), *inside])
        return Pieces(ends[:-1], ends[1:], end, sign)

    def _evaluate(self, pieces, share):
        """Tau, its log density by the pieces' coordinate, and mu's law, at shares of the pieces."""
        at = pieces.low[:, None] + (pieces.high - pieces.low)[:, None] * share
        # From the nearer end, where the share is next to one.
        far = share > 0.5
        at[:, far] = pieces.high[:, None] - (pieces.high - pieces.low)[:, None] * (1.0 - share[far])
        coordinate = np.exp(np.asarray(at.ravel(), dtype=Long))
        if pieces.end is None:
            tau, prior = coordinate, self.prior.log_density(self._off_places(coordinate))
        else:
            tau = Long(pieces.end) + pieces.sign * coordinate
            given = self.prior.from_low if pieces.sign > 0 else self.prior.from_high
            prior = given(coordinate.astype(float))
        logs, mean, var = self.likelihood(tau)
        logs = logs + np.asarray(prior, dtype=float) + np.log(coordinate)
        if self.factor is not None:
            logs = logs + self.factor(tau, mean, var)
        logs = np.where(np.isnan(logs), -np.inf, logs)
        return [part.reshape(at.shape) for part in (tau, logs, mean, var)]

    def _off_places(self, tau):
        """Doubles beside the places: on a pole a function gives what its author made of inf."""
        tau = tau.astype(float)
        return np.where(np.isin(tau, np.ravel(self.prior.places)), np.nextafter(tau, 0.0), tau)

    # --- The sum ----------------------------------------------------------------------------------

    def _resolve(self, pieces):
        """Nodes of all pieces that hold anything, their weights in the log density."""
        pieces = self._with_mass(pieces)
        kept, best = [], np.full(3, -np.inf, dtype=Long)
        totals = np.zeros(3, dtype=Long)
        share = np.where(_K < 0, _NEAR, 1.0 - _NEAR)
        for level in range(70 if pieces.low.size else 0):
            tau, logs, mean, var = self._evaluate(pieces, share)
            width = pieces.high - pieces.low
            log_weight = logs + np.log(_WEIGHT * width[:, None])
            tilted = [log_weight + k * np.log(tau) for k in range(3)]
            tops = np.array([part.max() for part in tilted])
            top = np.maximum(tops, best)
            with np.errstate(invalid="ignore", over="ignore"):
                totals = np.where(np.isfinite(best), totals * np.exp(best - top), 0)
                sums = [np.exp(part - t) for part, t in zip(tilted, top, strict=True)]
            best = top
            fine = np.array([part.sum(axis=1) for part in sums])
            coarse = np.array([2 * part[:, _COARSE].sum(axis=1) for part in sums])
            totals = np.maximum(totals, fine.sum(axis=1))
            away = np.abs(fine - coarse)
            off = away / totals[:, None]
            # Far tails are asked for too: what there is of them is to be as good.
            own = (away <= 1e-6 * fine) | (fine <= 1e-45 * totals[:, None])
            good = (off <= AGREE).all(axis=0) & own.all(axis=0)
            good &= self._gentle(tau, mean, var, off)
            alive = (fine > np.exp(-FLOOR) * totals[:, None]).any(axis=0)
            # Little by their nodes, between which there may be more: neither dead nor good.
            hidden = (fine < 1e-20 * totals[:, None]).all(axis=0)
            hidden &= self._may_hold_more(logs, tilted, tops)
            alive, good = alive | hidden, good & ~hidden
            narrow = width <= 1e-15 * np.maximum(1.0, np.abs(pieces.high))
            if np.any(narrow & alive & ~good & (off > 1e-11).any(axis=0)):
                raise UnknownError("the sum does not converge")
            done = good | narrow | ~alive
            for part in np.flatnonzero(done & alive):
                kept.append((tau[part], log_weight[part], mean[part], var[part]))
            rest = np.flatnonzero(~done)
            if not rest.size:
                break
            if rest.size > MOST or level == 69 or time.process_time() - self.began > PATIENCE:
                raise UnknownError("the sum takes too many pieces")
            middle = 0.5 * (pieces.low[rest] + pieces.high[rest])
            pieces = Pieces(
                np.concatenate([pieces.low[rest], middle]),
                np.concatenate([middle, pieces.high[rest]]), pieces.end, pieces.sign,
            )  # fmt: skip
        if not kept:
            return [np.empty(0, dtype=Long)] * 4
        return [np.concatenate([part[k] for part in kept]) for k in range(4)]

    @staticmethod
    def _may_hold_more(logs, tilted, tops):
        """Pieces that may rise between their nodes, by as much as they rise from node to node."""
        before, top, after = logs[:, :-2], logs[:, 1:-1], logs[:, 2:]
        with np.errstate(invalid="ignore"):
            rise = np.where((top >= before) & (top >= after), top - np.minimum(before, after), 0)
        rise = np.where(np.isfinite(rise), rise, 0).max(axis=1)
        heights = np.array([part.max(axis=1) for part in tilted])
        high = (heights + rise > tops[:, None] - FLOOR).any(axis=0)
        return high & (rise > 1.0)  # not by rounding

    def _gentle(self, tau, mean, var, off):
        """Whether the normal distributions hardly change within a piece, beside their sds."""
        good = np.ones(len(tau), dtype=bool)
        for centre, spread in self._laws(tau, mean, var):
            sd = np.sqrt(spread)
            with np.errstate(invalid="ignore", divide="ignore"):
                move = np.abs(np.diff(centre, axis=1)).sum(axis=1) / sd.min(axis=1)
                grow = np.log(sd.max(axis=1) / sd.min(axis=1))
            good &= ~((move > 4.0) | (grow > 3.0))
        return good | (off < 1e-25).all(axis=0)

    def _laws(self, tau, mean, var):
        yield mean, var
        yield mean, var + tau**2
        for j in self.watch:
            yield self._law_of(j, tau, mean, var)

    def _law_of(self, j, tau, mean, var):
        v = self.likelihood.var[j]
        total = v + tau**2
        return (
            self.likelihood.off[j] * (tau**2 / total) + v / total * mean,
            tau**2 * (v / total) + (v / total) ** 2 * var,
        )

    def _with_mass(self, pieces):
        """Those near which anything is, by a few points each."""
        share = np.array([1e-9, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0 - 1e-9])
        tau, logs, _, _ = self._evaluate(pieces, share)
        logs = logs + np.log((pieces.high - pieces.low)[:, None])
        keep = np.zeros(len(tau), dtype=bool)
        for k in range(3):
            height = (logs + k * np.log(tau)).max(axis=1)
            keep |= height > height.max() - 3.0 * FLOOR
        wide = keep.copy()
        wide[1:] |= keep[:-1]
        wide[:-1] |= keep[1:]
        return Pieces(pieces.low[wide], pieces.high[wide], pieces.end, pieces.sign)

    def _left_out(self, weight, peak):
        """Mass beneath the least tau, by the prior's own distribution function."""
        first = self.tau[0]
        share, known = weight[:53].sum() / weight.sum(), self.prior.mass_below is not None
        if share < (1e-18 if known else 1e-13):  # tails of 1e-6 are asked for to 1e-9
            return Long(0)
        if self.prior.low > 0 and first < self.prior.low * (1 + 1e-9):
            return Long(0)
        if not known or first > 1e-12 * np.min(self.likelihood.se):
            raise UnknownError("mass is left beneath the sum")
        log_likelihood = self.likelihood(np.array([first]))[0][0]
        return np.exp(log_likelihood - peak) * Long(self.prior.mass_below(float(first)))

    # --- What is asked ----------------------------------------------------------------------------

    def _check_right(self):
        """Nothing is left out above."""
        near_end = abs(float(self.tau[-1]) - self.prior.high) < 1e-9 * self.prior.high
        if near_end and self.prior.from_high is not None:
            rise = np.diff(self.prior.from_high(np.array([1e-280, 1e-270])))[0]
            if (1.0 + rise / np.log(1e10)) * np.log(1e280) < 37.0:
                raise UnknownError("mass is left at the prior's end")
        if not near_end and self.weight[-53:].sum() > 1e-13:
            raise UnknownError("mass is left above the sum")

    def moments(self, k, converged=1e-11):
        """E[tau^k], or None where the sum does not reach its end."""
        terms = self.weight * self.tau**k
        return None if terms[-53:].sum() > converged * terms.sum() else float(terms.sum())

    @property
    def goes_on(self):
        """Whether tau^2 has no expectation: by whole units of log tau, however little they hold."""
        terms = self.weight * self.tau**2
        before, last = terms[-4 * _K.size : -3 * _K.size].sum(), terms[-3 * _K.size : -2 * _K.size]
        return np.isinf(self.prior.high) and last.sum() > 0.99 * before

    def tau_moments(self):
        """Mean and sd of tau."""
        if self.moments(2) is None:
            return self.moments(1), None
        mean = (self.weight * self.tau).sum()
        return float(mean), float(np.sqrt((self.weight * (self.tau - mean) ** 2).sum()))

    def prior_rounding(self):
        """How the prior's own values are rounded where tau is (More and Wild 2011, ECnoise)."""
        return self._rounding(self.tau, self.weight)

    def _rounding(self, tau, weight):
        mean = float((weight * tau).sum())
        sd = float(np.sqrt((weight * (tau - mean) ** 2).sum()))
        below = np.cumsum(weight)
        at = np.searchsorted(below, [1e-6, 0.1, 0.5, 0.9, 1.0 - 1e-6])
        at = tau[at.clip(max=below.size - 1)]
        near = at[:, None] * (1.0 + 1e-5 * min(1.0, sd / mean) * np.arange(7.0))
        values = np.asarray(self.prior.log_density(near.ravel().astype(float)), dtype=float)
        with np.errstate(invalid="ignore"):
            rough = np.diff(values.reshape(near.shape), n=4, axis=1)
        size = np.sqrt((rough**2).mean(axis=1) / 70.0)
        return float(size[np.isfinite(size)].max(initial=0.0))

    def tau_tails(self, x):
        """Mass below and above a tau that was among the cuts."""
        if x < self.tau[0] and self.at_zero > 0:  # the prior's own, where the likelihood is even
            below = self.prior.mass_below(float(x)) / self.prior.mass_below(float(self.tau[0]))
            return float(self.at_zero * below), float(1 - self.at_zero * below)
        under = self.tau < x
        return float(self.weight[under].sum()), float(self.weight[~under].sum())

    def law(self, name):
        """Means (less the base) and sds of a quantity's normal distributions over the nodes."""
        mean, var = self._given(name, self.tau, self.mean, self.var)
        return mean, np.sqrt(var)

    def _given(self, name, tau, mean, var):
        if name == "mu":
            return mean, var
        if name == "theta_new":
            return mean, var + tau**2
        return self._law_of(int(name[6:-1]) - 1, tau, mean, var)

    @staticmethod
    def _grows(name):
        return not name.startswith("theta[")

    def mixture_moments(self, name):
        """Mean and sd, None where the sum does not reach their end."""
        mean, sd = self.law(name)
        if self._grows(name) and self.moments(1) is None:
            return None, None
        centre = (self.weight * mean).sum()
        second = self.weight * (sd**2 + (mean - centre) ** 2)
        whole = float(centre + self.likelihood.base)
        if self._grows(name) and second[-53:].sum() > 1e-11 * second.sum():
            return whole, None
        return whole, float(np.sqrt(second.sum()))

    def mixture_tails(self, name, x, far=True):
        """Mass below and above x, and the log of the density there.

        That is None where it takes pieces made for it and ``far`` is not asked for.
        """
        self.far_rounding, (mean, sd) = 0.0, self.law(name)
        z = (Long(x) - self.likelihood.base - mean) / sd
        short = z.astype(float)
        logs = -0.5 * z * z - np.log(sd) - 0.5 * LOG_2PI
        below, above = (self._tail(np.asarray(log_ndtr(s), dtype=Long)) for s in (short, -short))
        density = self._sum(logs, -np.log(sd.min()))
        if below is None:
            below = self._far(name, x, lambda u: log_ndtr(u.astype(float)))
        if above is None:
            above = self._far(name, x, lambda u: log_ndtr(-u.astype(float)))
        if density is None and far:
            density = self._far(name, x, lambda u: -0.5 * u * u - 0.5 * LOG_2PI, True)
        density = None if density is None else float(density)
        return float(np.exp(below)), float(np.exp(above)), density

    def _tail(self, logs):
        """Log of a tail, or None; how little one is that nobody asks for is of no account."""
        most = (self.log_weight + logs).max()
        return most if most < LEAST_TAIL - 20.0 else self._sum(logs)

    def _sum(self, logs, most=0):
        """Log of the sum of the nodes' parts, or None where the two steps do not agree on it.

        None too where it is so small that what was left out may count; no part is above ``most``.
        """
        terms = self.log_weight + logs
        top = terms.max()
        parts, counts = np.zeros_like(terms), terms > top - 60
        parts[counts] = np.exp(terms[counts] - top)
        fine, coarse = parts.sum(), 2 * parts[self.coarse].sum()
        at_ends = parts[:53].sum() + parts[-53:].sum()
        least = self.weight[parts > 1e-10 * parts.max()].min() / self.weight.max()
        if abs(fine - coarse) > 1e-6 * fine or at_ends > 1e-10 * fine or least < 1e-28:
            return None
        whole = top + np.log(fine)
        return whole if whole > most - FLOOR + 35.0 else None

    def _far(self, name, x, of_score, density=False):
        """The same by pieces made for it."""

        def factor(tau, mean, var):
            mean, var = self._given(name, tau, mean, var)
            sd = np.sqrt(var)
            logs = of_score((Long(x) - self.likelihood.base - mean) / sd)
            return logs - np.log(sd) if density else logs

        self.factor = factor
        try:
            tau, logs = self._nodes(self.least)[:2]  # as far down as the sum that was made
        finally:
            self.factor = None
        parts, order = np.exp(logs - logs.max()), np.argsort(tau)
        self.far_rounding = self._rounding(tau[order], (parts / parts.sum())[order])
        whole = logs.max() + np.log(parts.sum()) - self.log_z
        with np.errstate(divide="ignore"):
            beneath = np.log(self.at_zero) + factor(self.tau[:1], self.mean[:1], self.var[:1])[0]
        return np.logaddexp(whole, beneath)
