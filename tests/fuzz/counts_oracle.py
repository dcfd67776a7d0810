"""Posteriors of the two models for counts by a sum that shares nothing with the package.

The log likelihood of a group is a saddle-point form (Loader 2000), where nothing cancels; the plane
of the location w (logit eta, log mu) and the spread x (log K, log alpha) is summed by the trapezoid
rule in x and Gauss-Legendre panels in w, both on lines that are stretched by sinh. A distribution
function is a step of w where the spread is small: panels end about it. Half of the rows, and panels
of a lower order, say how good a sum is.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from fuzz.runner import UnknownError

FLOOR = 46.0  # what is exp(-FLOOR) of the highest is left out
STEPS = 0.1, 0.05, 0.025  # of the stretched x: the next where one does not tell
KNOWN = 1e-9  # of the oracle's own tails
AGREE = 1e-6  # of sums over all rows and over half of them; their errors are as squares
ORDERS = (16, 12)
RULES = [np.polynomial.legendre.leggauss(order) for order in ORDERS]
CUTS = np.array([-40, -12, -7, -4.5, -3, -2, -1, 0, 1, 2, 3, 4.5, 7, 12, 40.0])
LEAST = 1e-20  # of the mass: a node of less is left out of tails
WIDEST = 2.0
EDGES = 33  # of panels in the stretched w


def fall(u):
    """u - log(1 + u), u > -1."""
    small = np.abs(u) < 0.05
    v = np.where(small, u, 0.0)
    series = np.zeros_like(v)
    for k in range(10, 1, -1):
        series = 1.0 / k - v * series
    series *= v * v
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(small, series, u - np.log1p(np.where(small, 0.0, u)))


def gap(x, less, log_ratio):
    """x log(x / m) + m - x, m = x - less; the log of m / x is given for where it is far from 0."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        u = np.where(x > 0.0, -less / x, 0.0)
        near = np.abs(u) < 0.3
        far = -x * log_ratio - less
        return np.where(x > 0.0, np.where(near, x * fall(np.where(near, u, 0.0)), far), -less)


def rest(x):
    """log Gamma(x) - x log x + x, x > 0."""
    w = 1.0 / np.maximum(x, 20.0)
    w2 = w * w
    series = w * (1 / 12 - w2 * (1 / 360 - w2 * (1 / 1260 - w2 / 1680)))
    large = 0.5 * np.log(2 * np.pi * w) + series
    small = np.minimum(x, 20.0)
    return np.where(x > 20.0, large, special.gammaln(small) - small * np.log(small) + small)


def log_factorial_rest(y):
    return np.where(y > 0.0, rest(np.maximum(y, 1.0)) + np.log(np.maximum(y, 1.0)), 0.0)


def as_points(parts, mean, value, size):
    """Tails, by the mean alone where SciPy knows none: of distributions that are points."""
    point = np.isnan(parts[0]) | np.isnan(parts[1]) | (size > 1e26)
    low = mean <= value
    return np.where(point, low, parts[0]), np.where(point, ~low, parts[1])


def beta_tails(a, b, value):
    """Both tails of a beta distribution; of a narrow one by Temme's expansion (DLMF 8.18.9)."""
    a, b = np.broadcast_arrays(a, b)
    size, large = a + b, (a + b > 1e9) & (np.minimum(a, b) > 1e6)
    tails = np.zeros((2, *size.shape))
    for side, tail_of in enumerate((special.betainc, special.betaincc)):  # the lesser by itself
        own = ~large & ((value < a / size) == (side == 0))
        tails[side, own] = tail_of(a[own], b[own], value)
        tails[1 - side, own] = 1.0 - tails[side, own]
    share = a[large] / size[large]
    rest_of_it, less = 1.0 - share, share - value
    half_square = gap(share, less, np.log(value / share))
    half_square += gap(rest_of_it, -less, np.log1p(-value) - np.log(rest_of_it))
    eta = -np.sign(less) * np.sqrt(2.0 * np.maximum(half_square, 0.0))
    root = np.sqrt(size[large])
    with np.errstate(divide="ignore", invalid="ignore"):
        bend = 1.0 / eta + np.sqrt(share * rest_of_it) / less
    at_0 = (1.0 - 2.0 * share) / (3.0 * np.sqrt(share * rest_of_it))
    bend = np.where(np.abs(eta) < 1e-4, at_0, bend)
    more = np.exp(-0.5 * (eta * root) ** 2) / (np.sqrt(2.0 * np.pi) * root) * bend
    tails[:, large] = special.ndtr(eta * root) + more, special.ndtr(-eta * root) - more
    return tails[0], tails[1]


def gamma_tails(shape, x):
    """Both tails of a gamma distribution; of a large shape by Temme's expansion (DLMF 8.12.3).

    scipy.special.gammainc is off by 1e-3 of itself five standard deviations below a mean of 3e6.
    """
    shape, x = np.broadcast_arrays(shape, x)
    large = shape > 1e5
    a, ratio = shape[large], x[large] / shape[large]
    tails = np.empty((2, *shape.shape))
    tails[0, ~large] = special.gammainc(shape[~large], x[~large])
    tails[1, ~large] = special.gammaincc(shape[~large], x[~large])
    away = ratio - 1.0
    eta = np.sign(away) * np.sqrt(2.0 * np.maximum(fall(np.maximum(away, -1.0 + 1e-300)), 0.0))
    near = np.abs(away) < 1e-2
    with np.errstate(divide="ignore", invalid="ignore"):
        bend = 1.0 / away - 1.0 / eta
    series = -1 / 3 + eta * (1 / 12 - eta * (2 / 135 - eta * (1 / 864 + eta / 2835)))
    more = np.exp(-0.5 * a * eta**2) / np.sqrt(2.0 * np.pi * a) * np.where(near, series, bend)
    root = np.sqrt(a)
    tails[:, large] = special.ndtr(eta * root) - more, special.ndtr(-eta * root) + more
    return tails[0], tails[1]


class Binomial:
    """y of n with theta ~ Beta(K eta, K (1 - eta)); w = logit eta, x = log K."""

    def __init__(self, y, n):
        data, self.times = np.unique(np.column_stack([y, n]), axis=0, return_counts=True)
        self.data = data[data[:, 1] > 0.0]
        self.times = self.times[data[:, 1] > 0.0]
        parts = [special.gammaln(part + 1.0) for part in (n, y, np.subtract(n, y))]
        self.constant = float(np.sum(parts[0] - parts[1] - parts[2]))
        share = (np.sum(y) + 0.5) / (np.sum(n) + 1.0)
        self.centre = np.log(share / (1.0 - share))

    def log_likelihood(self, w, x):
        total = np.zeros(np.broadcast(w, x).shape)
        if self.data[:, 1].max(initial=0.0) <= 2.0 * self.times.size + 20.0:
            return total + self._by_factors(w, x)
        for (y, n), times in zip(self.data, self.times, strict=True):
            total += times * self.one(y, n - y, w, x)
        return total

    def _by_factors(self, w, x):
        """Products of eta + i / K, 1 - eta + i / K and 1 + i / K."""
        inverse, total = np.exp(-x), self.constant
        eta, other = special.expit(w), special.expit(-w)
        y, n = self.data.T
        for counts, share, sign in ((y, eta, 1.0), (n - y, other, 1.0), (n, 1.0, -1.0)):
            for i in range(int(counts.max(initial=0.0))):
                total = total + sign * self.times[counts > i].sum() * np.log(share + i * inverse)
        return total

    @staticmethod
    def one(y, f, w, x):
        n, size = y + f, np.exp(x)
        eta, other = special.expit(w), special.expit(-w)
        log_eta, log_other = -np.logaddexp(0.0, -w), -np.logaddexp(0.0, w)
        a, b = np.exp(x + log_eta), np.exp(x + log_other)
        weight = n / (n + size)
        if y > 0.0 and f > 0.0:
            d = np.log(y / f) - w
            apart = -np.expm1(-np.abs(d))
            off = np.where(d > 0.0, y / n * other * apart, -(eta * (f / n) * apart))
        else:
            off = other if y > 0.0 else -eta
        less = size * weight * off
        log_r = np.log(a + y) - np.log(n + size)
        log_q = np.log(b + f) - np.log(n + size)
        value = -gap(a, -less, log_r - log_eta) - gap(b, less, log_q - log_other)
        value -= gap(y, less, log_r - np.log(y / n) if y > 0.0 else 0.0)
        value -= gap(f, -less, log_q - np.log(f / n) if f > 0.0 else 0.0)
        value += (rest(a + y) - rest(a) if y > 0.0 else 0.0) - rest(n + size) + rest(size)
        value += rest(b + f) - rest(b) if f > 0.0 else 0.0
        return value + log_factorial_rest(n) - log_factorial_rest(y) - log_factorial_rest(f)

    @staticmethod
    def law(group, w, x):
        """Both shapes of an effect's distribution."""
        y, n = (0.0, 0.0) if group is None else group
        return np.exp(x - np.logaddexp(0.0, -w)) + y, np.exp(x - np.logaddexp(0.0, w)) + n - y

    def mean(self, group, w, x):
        a, b = self.law(group, w, x)
        return a / (a + b)

    def below(self, group, w, x, value):
        """The distribution function at a value, and the upper tail."""
        a, b = self.law(group, w, x)
        parts = beta_tails(a, b, value)
        return as_points(parts, a / (a + b), value, a + b)

    def step(self, group, w, x, value):
        """Where the mean passes a value as w grows, and the width in w of the step there."""
        y, n = (0.0, 0.0) if group is None else group
        size = np.exp(x)
        share = np.clip((value * (size + n) - y) / size, 1e-300, 1.0 - 1e-16)
        pooling = size / (size + n)
        sd = np.sqrt(value * (1.0 - value) / (size + n + 1.0))
        return np.log(share) - np.log1p(-share), sd / (pooling * share * (1.0 - share))


class Poisson:
    """y events in e with theta ~ Gamma(alpha, rate alpha / mu); w = log mu, x = log alpha."""

    def __init__(self, y, e):
        self.data, self.times = np.unique(np.column_stack([y, e]), axis=0, return_counts=True)
        self.centre = np.log((np.sum(y) + 0.5) / np.sum(e))

    def log_likelihood(self, w, x):
        total = np.zeros(np.broadcast(w, x).shape)
        for (y, e), times in zip(self.data, self.times, strict=True):
            total += times * self.one(y, e, w, x)
        return total

    @staticmethod
    def one(y, e, w, x):
        alpha, line = np.exp(x), np.log(e) + w - x
        log_q, log_p = -np.logaddexp(0.0, -line), -np.logaddexp(0.0, line)
        q, p = np.exp(log_q), np.exp(log_p)
        if y > 0.0:
            d = np.log(y / e) - w
            apart = -np.expm1(-np.abs(d))
            less = np.where(d > 0.0, p * y * apart, -(q * alpha * apart))
        else:
            return alpha * log_p
        total = alpha + y
        value = -gap(alpha, -less, np.log(total) + log_p - x) - gap(
            y, less, np.log(total / y) + log_q
        )
        return value + rest(total) - rest(alpha) - log_factorial_rest(y)

    @staticmethod
    def law(group, w, x):
        y, e = (0.0, 0.0) if group is None else group
        return np.exp(x) + y, np.exp(x - w) + e

    def mean(self, group, w, x):
        shape, rate = self.law(group, w, x)
        return shape / rate

    def below(self, group, w, x, value):
        shape, rate = self.law(group, w, x)
        parts = gamma_tails(shape, rate * value)
        tiny = rate * value < 1e-200  # perhaps no double: x^a / Gamma(a + 1)
        log_rate = np.logaddexp(x - w, -np.inf if group is None else np.log(group[1]))
        below = np.exp(shape * (log_rate + np.log(value)) - special.gammaln(shape + 1.0))
        parts = np.where(tiny, below, parts[0]), np.where(tiny, 1.0 - below, parts[1])
        return as_points(parts, shape / rate, value, shape)

    def step(self, group, w, x, value):
        y, e = (0.0, 0.0) if group is None else group
        alpha = np.exp(x)
        # (alpha + y) / (alpha / mu + e) = value
        rate = np.maximum((alpha + y) / value - e, 1e-12 * e + 1e-300)
        pooling = rate / (rate + e)
        return x - np.log(rate), 1.0 / (pooling * np.sqrt(alpha + y))


@dataclass
class Rows:
    """Trapezoid rows in x, each with the line of its w: w = centre + scale sinh(u)."""

    x: np.ndarray
    log_weight: np.ndarray
    centre: np.ndarray
    scale: np.ndarray
    low: np.ndarray
    high: np.ndarray


class Oracle:
    """Expectations under a posterior.

    Parameters
    ----------
    likelihood : Binomial or Poisson
    log_prior : callable
        The log prior density of (w, x), the Jacobian included.
    step : float, optional
        Of the stretched x.
    """

    def __init__(self, likelihood, log_prior, step=STEPS[1]):
        self.likelihood, self.log_prior, self.step = likelihood, log_prior, step
        with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
            self.rows = self._rows()
            self._base()

    def log_density(self, w, x):
        w, x = np.broadcast_arrays(w, x)
        value = self.likelihood.log_likelihood(w, x) + self.log_prior(w, x)
        return np.where(np.isnan(value), -np.inf, value)

    # --- Where the mass is ------------------------------------------------------------------------

    def _settle(self, x, centre, scale):
        """The highest w of every row, and a width there."""
        centre, scale, top = centre.copy(), scale.copy(), np.empty(x.size)
        offsets = np.array([-8.0, -2.0, -1.0, 0.0, 1.0, 2.0, 8.0])
        rows = np.arange(x.size)
        for _ in range(400):
            w = centre[rows, None] + scale[rows, None] * offsets
            values = self.log_density(w, x[rows, None])
            best = np.argmax(values, axis=1)
            at = np.arange(rows.size)
            top[rows] = values[at, best]
            drop = values[:, 3] - np.maximum(values[:, 2], values[:, 4])
            centre[rows] = w[at, best]
            away, inside = (best == 0) | (best == 6), best == 3
            wide, narrow = inside & (drop > 1.0), inside & (drop < 0.05)
            scale[rows] *= np.where(away, 3.0, np.where(wide, 0.5, np.where(narrow, 1.7, 1.0)))
            # Where the log density is of this size, its digits say nothing of w.
            rows = rows[(~inside | wide | narrow) & (values[at, best] > -1e10)]
            if not rows.size:
                return centre, scale, top
        raise UnknownError("the oracle finds no peak")

    def _highest(self, middle, centre, scale):
        """The place of the highest row, a width there, and what was settled beside it."""
        unit, around = 0.5, np.array([-1.0, 0.0, 1.0])
        for _ in range(60):
            near = middle + unit * around
            c, s, t = self._settle(near, np.full(3, centre), np.full(3, scale))
            p = t + np.log(s)
            k = int(np.argmax(p))
            middle = near[k]
            if k != 1:
                unit *= 1.5
                continue
            drop = p[1] - max(p[0], p[2])
            if 0.05 <= drop <= 1.0:
                break
            unit *= 0.5 if drop > 1.0 else 1.7
        return middle, unit, c[k], s[k], p.max()

    def _edge(self, sign, middle, unit, c, s, top):
        """How far out on a side there is mass, in sinh steps."""
        u, c, s = 0.0, np.array([c]), np.array([s])
        while u <= 12.0:
            u += 0.4
            c, s, t = self._settle(np.array([middle + sign * unit * np.sinh(u)]), c, s)
            if t[0] + np.log(s[0] * np.cosh(u)) < top - FLOOR:
                return sign * u
        raise UnknownError("the mass does not end")

    def _rows(self):
        x = np.linspace(-14.0, 46.0, 121)
        centre, scale, top = self._settle(x, np.full(121, self.likelihood.centre), np.ones(121))
        best = int(np.argmax(top + np.log(scale)))
        middle, unit, c, s, highest = self._highest(x[best], centre[best], scale[best])
        beside = ((c, s), (centre[best], scale[best]))
        edge = [
            self._edge(sign, middle, unit, *near, highest)
            for sign, near in zip((-1.0, 1.0), beside, strict=True)
        ]
        count = int(np.ceil((edge[1] - edge[0]) / self.step))
        u = edge[0] + self.step * np.arange(count + 1)
        x = middle + unit * np.sinh(u)
        log_weight = np.log(unit * np.cosh(u) * self.step)
        start = np.interp(x, np.linspace(-14.0, 46.0, 121), centre)
        c, s, t = self._settle(x, start, np.full(x.size, scale[best]))
        profile = t + np.log(s) + log_weight
        kept = profile > profile.max() - FLOOR + 4.0
        x, log_weight, c, s, t = x[kept], log_weight[kept], c[kept], s[kept], t[kept]
        s = np.minimum(s, WIDEST)  # the density bends within a unit of w, however far it goes on
        low, high = (self._reach(x, c, s, t, sign) for sign in (-1.0, 1.0))
        return Rows(x, log_weight, c, s, low, high)

    def _reach(self, x, centre, scale, top, sign):
        u = np.full(x.size, 1.0)
        for _ in range(200):
            value = self.log_density(centre + sign * scale * np.sinh(u), x) + np.log(np.cosh(u))
            alive = value > top - FLOOR
            if not alive.any():
                return sign * u
            if u.max() > 60.0:
                raise UnknownError("the mass does not end")
            u = np.where(alive, u + 0.3, u)
        raise UnknownError("the mass does not end")

    # --- Sums -------------------------------------------------------------------------------------

    def _nodes(self, edges, rule, x, centre, scale):
        """w, log density, and that with the log weights, at panels between edges of u."""
        nodes, weights = rule
        half = 0.5 * np.diff(edges, axis=1)
        u = (edges[:, :-1] + half)[:, :, None] + half[:, :, None] * nodes
        w = (centre[:, None, None] + scale[:, None, None] * np.sinh(u)).reshape(x.size, -1)
        weight = (half[:, :, None] * weights * np.cosh(u) * scale[:, None, None]).reshape(
            x.size, -1
        )
        density = self.log_density(w, x[:, None])
        return w, density, density + np.log(weight)

    def _base(self):
        r = self.rows
        self.edges = np.linspace(r.low, r.high, EDGES, axis=1)
        found = [self._nodes(self.edges, rule, r.x, r.centre, r.scale) for rule in RULES]
        self.densities = [np.maximum(density, density.max() - 1e3) for _, density, _ in found]
        self.base = [(w, logs) for w, _, logs in found]
        sums = []
        for _, logs in self.base:
            logs = logs + r.log_weight[:, None]
            self.top = logs.max() if not sums else self.top
            sums.append(np.exp(logs - self.top).sum(axis=1))
        self.mass = sums[0]
        total = sums[0].sum()
        self.log_z = float(self.top + np.log(total))
        inner = np.abs(sums[0] - sums[1]).sum() / total
        outer = abs(2.0 * sums[0][::2].sum() - total) / total
        self.error = max(outer**2, inner)
        if max(sums[0][0], sums[0][-1]) > 1e-12 * total:
            raise UnknownError("the oracle's rows end where there is mass")
        if outer > AGREE or inner > 1e-9:
            raise UnknownError(f"the oracle's sums differ by {outer:.1e}, {inner:.1e}")

    def expectation(self, function):
        """E of a function of (w, x), smooth in w."""
        total = 0.0
        w, logs = self.base[0]
        weight = np.exp(logs + self.rows.log_weight[:, None] - self.top)
        total = float((weight * function(w, self.rows.x[:, None])).sum())
        return total / float(self.mass.sum())

    def tails(self, group, value):
        """P(theta <= value), P(theta > value); half of the rows say that they are right."""
        with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
            return self._tails(group, value)

    def _tails(self, group, value):
        r = self.rows
        found = np.empty((2, r.x.size))
        wide = self._is_wide(group, value)
        w, logs = self.base[0]
        weight = np.exp(logs + r.log_weight[:, None] - self.top)
        parts = self._parts(group, w[wide], r.x[wide, None], value, weight[wide])
        found[:, wide] = (weight[wide] * parts).sum(axis=-1)
        rough = np.flatnonzero(~wide & (self.mass > 1e-16 * self.mass.sum()))
        found[:, ~wide] = 0.0
        inner = 0.0
        if rough.size:
            parts = self._stepped(group, value, rough)
            found[:, rough] = parts[0]
            inner = np.abs(parts[0] - parts[1]).sum() / self.mass.sum()
        total = found.sum(axis=1) / self.mass.sum()
        half = 2.0 * found[:, ::2].sum(axis=1) / self.mass.sum()
        outer = float(np.abs(total - half).max())
        if np.isnan(total).any() or not max(inner, 3.0 * outer**2) <= KNOWN:
            raise UnknownError(f"the oracle's tails differ by {outer:.1e}, {inner:.1e}")
        return total

    def _is_wide(self, group, value):
        """Rows whose panels carry the step."""
        r = self.rows
        place, width = self.likelihood.step(group, 0.0, r.x, value)
        u = np.arcsinh((place - r.centre) / r.scale)
        panel = (r.high - r.low) / (EDGES - 1) * r.scale * np.cosh(np.clip(u, r.low, r.high))
        outside = (u < r.low - 1.0) | (u > r.high + 1.0)
        return (width > 1.5 * panel) & ~outside

    def _stepped(self, group, value, rows):
        """Both tails of rows, by panels that end about the step; with either interpolation."""
        r, model = self.rows, self.likelihood
        x, centre, scale = r.x[rows, None], r.centre[rows, None], r.scale[rows, None]
        place, width = model.step(group, 0.0, r.x[rows], value)
        cuts = np.arcsinh((place[:, None] + width[:, None] * CUTS - centre) / scale)
        cuts = np.where(np.isnan(cuts), r.low[rows, None], cuts)
        cuts = np.clip(cuts, r.low[rows, None], r.high[rows, None])
        edges = np.sort(np.concatenate([self.edges[rows], cuts], axis=1), axis=1)
        nodes, weights = RULES[0]
        half = 0.5 * np.diff(edges, axis=1)[:, :, None]
        u = (edges[:, :-1, None] + half * (nodes + 1.0)).reshape(rows.size, -1)
        w = centre + scale * np.sinh(u)
        weight = (half * weights).reshape(rows.size, -1) * np.cosh(u) * scale
        both = [np.exp(self._interpolated(k, rows, u) - self.top) * weight for k in range(2)]
        parts = self._parts(group, w, x, value, np.maximum(*both))
        return np.array([(density * parts).sum(axis=-1) for density in both])

    def _parts(self, group, w, x, value, weight):
        """Both tails at nodes (w, x), where their weight can count."""
        counts = weight > LEAST * self.mass.sum()
        parts = np.zeros((2, *w.shape))
        at = w[counts], np.broadcast_to(x, w.shape)[counts]
        parts[:, counts] = self.likelihood.below(group, *at, value)
        return parts

    def _interpolated(self, k, rows, u):
        """Log density plus the rows' log weights at u, by the panels' polynomials."""
        r, (nodes, _) = self.rows, RULES[k]
        order = nodes.size
        panels = (r.high - r.low)[rows, None] / (EDGES - 1)
        at = np.clip((u - r.low[rows, None]) / panels, 0.0, EDGES - 1 - 1e-12)
        panel = at.astype(int)
        values = self.densities[k][rows].reshape(rows.size, EDGES - 1, order)
        to_series = np.linalg.inv(np.polynomial.legendre.legvander(nodes, order - 1))
        series = values @ to_series.T
        local = 2.0 * (at - panel) - 1.0
        powers = np.polynomial.legendre.legvander(local, order - 1)
        picked = series[np.arange(rows.size)[:, None], panel]
        return (powers * picked).sum(axis=-1) + r.log_weight[rows, None]
