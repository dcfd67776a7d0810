"""Posteriors of counts with normal effects and one covariate, by dense sums: no package code.

``python tests/inference/count_normal_brute_force.py`` prints what test_exact_count_normal.py holds.

The effects are integrated out by the trapezoid rule in (theta - u) / tau, the coefficients and
log tau by it too; distribution functions are integrals of the sinc series through the sums, those
of an effect of its density, which is another sum.
"""

import numpy as np
from scipy import interpolate, special, stats

Y = np.array([3, 7, 2, 9, 12, 6.0])
N = np.array([20, 22, 15, 30, 31, 14.0])
X = np.array([-1, 0.2, -0.5, 0.7, 1.3, 0.9])
CENTRE, SDS, SCALE = np.array([-1.0, 0.0]), np.array([1.5, 1.0]), 0.7
E = np.linspace(-9.0, 9.0, 121)
B, V = np.arange(-7.5, 6.0, 0.07), np.arange(-20.0, 1.7, 0.2)
SLOPES = np.arange(-6.5, 6.5, 0.14)
NODES, WEIGHTS = np.polynomial.legendre.leggauss(16)
GROUPS = (0, 3)
POINTS = {"binomial": ((-2.5, -1.5), (-1.0, -0.5)), "poisson": ((-1.2, -0.5), (0.3, 0.8))}


def sizes(family):
    return N if family == "binomial" else N / 5.0


def log_mass(family, j, theta):
    y, n = Y[j], sizes(family)[j]
    if family == "binomial":
        return y * theta - n * np.logaddexp(0.0, theta) + np.log(special.comb(n, y))
    return y * (theta + np.log(n)) - n * np.exp(theta) - special.gammaln(y + 1.0)


def group_sums(family, j, u, tau):
    """Integrals of 1 and theta over theta, each of the shape of u."""
    found = np.zeros((3, *u.shape))
    for e in E:
        theta = u + tau * e
        mass = np.exp(log_mass(family, j, theta)) * stats.norm.pdf(e) * (E[1] - E[0])
        found += mass, mass * theta, mass * theta * theta
    return found


def steps(axis, point, step):
    """Integrals of sinc functions at the places of an axis up to points, by their whole ones."""
    return 0.5 + special.sici(np.pi * (point - axis) / step)[0] / np.pi


def log_sum(family, j, u, tau):
    """Log of the integral over theta, at u of shape (n,)."""
    logs = log_mass(family, j, u[:, None] + tau * E) + stats.norm.logpdf(E) + np.log(E[1] - E[0])
    return special.logsumexp(logs, axis=1)


def density(family, j, places):
    """The density of an effect at places, up to a constant.

    Given slope, tau and (theta - u) / tau the intercept is known; the others' sums are splines.
    """
    found, others = np.zeros(places.size), [i for i in range(Y.size) if i != j]
    slopes, weight = np.arange(-5.0, 5.01, 0.1), stats.norm.pdf(E)
    for v in np.arange(-24.0, 1.61, 0.2):
        tau = np.exp(v)
        u = np.arange(-14.0 - 9.0 * tau, 14.0 + 9.0 * tau, 0.03)
        logs = [interpolate.make_interp_spline(u, log_sum(family, i, u, tau), k=5) for i in others]
        for slope in slopes:
            b = places[:, None] - slope * X[j] - tau * E
            whole = stats.norm.logpdf(b, CENTRE[0], SDS[0])
            for i, of_group in zip(others, logs, strict=True):
                whole += of_group(np.clip(b + slope * X[i], u[0], u[-1]))
            part = np.exp(whole) @ weight * stats.norm.pdf(slope, CENTRE[1], SDS[1])
            found += part * stats.halfnorm.pdf(tau, scale=SCALE) * tau
    return found * np.exp(log_mass(family, j, places))


def below(family, j, points):
    """The distribution function of an effect at points, by Gauss-Legendre panels between them."""
    ends = np.concatenate([np.linspace(-7.0, points[0], 5), np.linspace(*points, 3)[1:],
                           np.linspace(points[-1], 4.5, 5)[1:]])  # fmt: skip
    half, middle = 0.5 * np.diff(ends), 0.5 * (ends[1:] + ends[:-1])
    places = middle[:, None] + half[:, None] * NODES
    found = density(family, j, places.ravel()).reshape(places.shape) @ WEIGHTS * half
    return {point: found[ends[1:] <= point].sum() / found.sum() for point in points}


def main(family):
    b, slope = np.meshgrid(B, SLOPES, indexing="ij")
    prior = stats.norm.pdf(b, CENTRE[0], SDS[0]) * stats.norm.pdf(slope, CENTRE[1], SDS[1])
    cell = np.prod([axis[1] - axis[0] for axis in (B, SLOPES, V)])
    by_v, by_b, by_slope = np.zeros(V.size), np.zeros(B.size), np.zeros(SLOPES.size)
    effects = np.zeros((2, 2))
    for k, v in enumerate(V):
        tau = np.exp(v)
        sums = [group_sums(family, j, b + slope * X[j], tau) for j in range(Y.size)]
        whole = prior * np.prod([part[0] for part in sums], axis=0)
        whole *= stats.halfnorm.pdf(tau, scale=SCALE) * tau * cell
        by_v[k], by_b, by_slope = whole.sum(), by_b + whole.sum(1), by_slope + whole.sum(0)
        for i, j in enumerate(GROUPS):
            share = np.where(whole > 0.0, whole / np.maximum(sums[j][0], 1e-300), 0.0)
            effects[i] += (share * sums[j][1]).sum(), (share * sums[j][2]).sum()
    z = by_v.sum()
    by_v, by_b, by_slope, effects = (x / z for x in (by_v, by_b, by_slope, effects))
    print(family, "log Z", float(np.log(z)))
    print("edges", by_b[[0, -1]], by_slope[[0, -1]], by_v[[0, -1]])
    for name, axis, weight, value, points in (
        ("beta[Intercept]", B, by_b, B, (-1.3, -0.5)),
        ("beta[x]", SLOPES, by_slope, SLOPES, (0.2, 1.0)),
        ("tau", V, by_v, np.exp(V), (0.1, 0.6)),
    ):  # fmt: skip
        mean = weight @ value
        at = np.log(points) if name == "tau" else points
        below_each = [float(weight @ steps(axis, point, axis[1] - axis[0])) for point in at]
        print(name, mean, np.sqrt(weight @ (value - mean) ** 2),
              dict(zip(points, below_each, strict=True)))  # fmt: skip
    for i, j in enumerate(GROUPS):
        mean, square = effects[i]
        print(f"theta[{j + 1}]", mean, np.sqrt(square - mean**2),
              below(family, j, POINTS[family][i]))  # fmt: skip


if __name__ == "__main__":
    for name in POINTS:
        main(name)
