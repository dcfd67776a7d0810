"""Posteriors of counts with one covariate by brute force: no code of the package.

``python tests/inference/count_brute_force.py`` prints what test_exact_counts.py holds.

The likelihood is a product in units of K (of alpha), where nothing cancels. Its coordinates are the
predictor u of one group, the slope and v, the log of K; the integral over u is by Gauss-Legendre
panels that are cut where a distribution function makes a step, the others by the trapezoid rule.
"""

import numpy as np
from scipy import special

NODES, WEIGHTS = np.polynomial.legendre.leggauss(20)


def panels(ends):
    """Nodes and weights between neighbouring ends."""
    ends = np.unique(ends)
    ends = ends[np.concatenate([[True], np.diff(ends) > 1e-13])]
    half = 0.5 * np.diff(ends)[:, None]
    nodes = 0.5 * (ends[1:] + ends[:-1])[:, None] + half * NODES
    return nodes.ravel(), (half * WEIGHTS).ravel()


class Brute:
    """Sums over (u, slope, v) for a group with covariate ``at``, whose data is (own, other).

    ``rest`` are failures, or exposures of a Poisson-gamma model; slopes are sinh of ``t``.
    """

    def __init__(self, family, y, rest, x, at, own, other, t, v):
        self.binomial = family == "beta-binomial"
        self.y, self.rest, self.x = (np.asarray(part, float) for part in (y, rest, x))
        self.at, self.own, self.other = at, own, other
        self.t, self.slopes, self.v = t, np.sinh(t), v

    def log_density(self, u, v):
        """At predictors (u,) of the group, all slopes; shape (u, slopes)."""
        total = np.zeros((u.size, self.t.size)) + np.log(np.cosh(self.t))
        total += v - 2.0 * np.logaddexp(0.0, v)
        k = np.exp(v)
        for y, rest, x in zip(self.y, self.rest, self.x, strict=True):
            predictor = u[:, None] + self.slopes * (x - self.at)
            if self.binomial:
                eta, less = special.expit(predictor), special.expit(-predictor)
                n = y + rest
                for share, count in ((eta, y), (less, rest)):
                    for i in range(int(count)):
                        total += np.log(np.maximum(share + i / k, 1e-300))
                total -= np.log1p(np.arange(n) / k).sum()
                total += np.log(special.comb(n, y))
            else:
                line = np.log(rest) + predictor
                total += y * line - (y + k) * np.logaddexp(0.0, line - v) - special.gammaln(y + 1.0)
                total += np.log1p(np.arange(y) / k).sum()
        return total

    def law(self, u, v):
        """Parameters of the effect's distribution given u and v."""
        k = np.exp(v)
        if self.binomial:
            return k * special.expit(u) + self.own, k * special.expit(-u) + self.other
        return k + self.own, k * np.exp(-u) + self.other

    def mean(self, u, v):
        a, b = self.law(u, v)
        return a / (a + b) if self.binomial else a / b

    def cdf(self, point):
        def below(u, v):
            a, b = self.law(u, v)
            return special.betainc(a, b, point) if self.binomial else special.gammainc(a, b * point)

        return below

    def expectations(self, functions, point=None):
        """E of functions of (u, v) and the log of the integral."""
        step = self.t[1] - self.t[0], self.v[1] - self.v[0]
        coarse = np.sinh(np.linspace(-8.0, 8.0, 321))
        total, top = np.zeros(len(functions) + 1), None
        for v in self.v:
            values = self.log_density(coarse, v).max(axis=1)
            top = values.max() if top is None else top
            alive = coarse[values > max(values.max(), top) - 42.0]
            if not alive.size:
                continue
            low, high = alive[0] - 0.4, alive[-1] + 0.4
            ends = [np.sinh(np.linspace(np.arcsinh(low), np.arcsinh(high), 40))]
            if point is not None:
                centre = special.logit(point) if self.binomial else np.log(point)
                slope = point * (1.0 - point) if self.binomial else 1.0
                width = 1.0 / np.sqrt(np.exp(v) * slope)
                ends.append(
                    centre + width * np.array([-40, -10, -5, -3, -2, -1, 0, 1, 2, 3, 5, 10, 40])
                )
            ends = np.clip(np.concatenate(ends), low, high)
            u, weight = panels(ends)
            mass = np.exp(self.log_density(u, v) - top).sum(axis=1) * weight
            total += [mass.sum(), *((mass * f(u, v)).sum() for f in functions)]
        return total[1:] / total[0], np.log(total[0] * step[0] * step[1]) + top


Y, N = np.array([2, 5, 1, 9, 4, 11.0]), np.array([12, 20, 9, 25, 8, 18.0])
X = np.array([-2, -1, 0, 0.5, 1.5, 2.0])
T = np.linspace(-7.0, 7.0, 141)
GROUP, NEW = 3, 1.0  # whose effect; where a new group is
POINTS = {"beta-binomial": (0.2, 0.35, 0.6), "poisson-gamma": (0.9, 1.7, 2.9)}
NEW_POINTS = {"beta-binomial": (0.1, 0.7), "poisson-gamma": (0.3, 4.0)}


def rest_of(family):
    return N - Y if family == "beta-binomial" else N / 5.0


def main(family):
    rest, v = rest_of(family), np.arange(-14.0, 34.0, 0.5)
    own = Brute(family, Y, rest, X, X[GROUP], Y[GROUP], rest[GROUP], T, v)
    new = Brute(family, Y, rest, X, NEW, 0.0, 0.0, T, v)
    moments = [own.mean, lambda u, _: u, lambda u, _: u * u, lambda u, v: np.full(u.size, v)]
    found, log_z = own.expectations(moments)
    print(family, "log_z, E theta, E u, E u^2, E v:", [log_z, *found.tolist()])
    for one, points in ((own, POINTS[family]), (new, NEW_POINTS[family])):
        print("cdf:", [float(one.expectations([one.cdf(k)], k)[0][0]) for k in points])


if __name__ == "__main__":
    for name in POINTS:
        main(name)
