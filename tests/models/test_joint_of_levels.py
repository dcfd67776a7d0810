"""Joint densities of levels and of several outcomes beside dense formulas, by complex steps.

A density is written out here for complex numbers, without the package: its value, and by a step of
1e-30 along the imaginary axis its gradient, to rounding.
"""

import numpy as np
import pytest
from scipy import stats

import pyhier as ph
from pyhier.models.joint import target_of
from pyhier.testing import check_model

LOG_2PI = np.log(2.0 * np.pi)
KINDS = ("marginal", "centred", "non-centred")
RNG = np.random.default_rng(5)
GROUPS = 14
LEVELS = {
    "area": RNG.integers(0, 3, GROUPS), "town": RNG.integers(0, 3, GROUPS), "row": range(GROUPS),
}  # fmt: skip
X = np.column_stack([np.ones(GROUPS), RNG.normal(size=GROUPS)])
Y = X @ [1.0, -0.5] + RNG.normal(size=GROUPS)
SE = RNG.uniform(0.2, 0.9, GROUPS)
COV = np.array([np.diag(RNG.uniform(0.1, 0.4, 3)) + 0.05 for _ in range(7)])
OUTCOMES = RNG.normal(size=(7, 3))
OUTCOMES[2, 1] = OUTCOMES[4, 0] = OUTCOMES[4, 1] = np.nan
BETA = {"x2": stats.norm(0.3, 0.8)}


def normal(x, mean, var):
    return -0.5 * (x - mean) ** 2 / var - 0.5 * np.log(var) - 0.5 * LOG_2PI


def exponential(s, scale):
    """Of tau, with the Jacobian."""
    return (s - np.exp(s) / scale - np.log(scale)).sum()


def rising(tau):
    """A prior that is Python's: 3 log tau - tau."""
    return 3.0 * np.log(tau) - tau


# --- Levels ---------------------------------------------------------------------------------------


def by_levels(depth, x=None, prior=None, order=slice(None), **more):
    names = list(LEVELS)[-depth:]
    levels = {name: np.asarray(LEVELS[name])[order] for name in names}
    design = {} if x is None else {"X": x[order], "prior_beta": BETA}
    return ph.MultilevelNormal(
        Y[order], se=SE[order], levels=levels, prior_tau=prior or stats.expon(scale=0.5),
        **design, **more,
    )  # fmt: skip


def levels_density(model, point, kind, of_tau):
    """Written out; the finest groups are the rows, by the order of the model's own."""
    nesting, x = model.nesting, model.covariates.x
    p, depth = x.shape[1], nesting.depth
    beta, s, node = point[:p], point[p : p + depth], point[p + depth :]
    var, total = np.exp(2.0 * s), of_tau(s)
    if p == 2:
        total = total + normal(beta[1], 0.3, 0.8**2)
    if kind == "marginal":
        cov = np.diag(model.var).astype(complex)
        for k in range(depth):
            group = nesting.above(k)
            cov = cov + var[k] * (group[:, None] == group)
        away = model.y - x @ beta
        logs = np.log(np.linalg.det(cov))
        return total - 0.5 * (away @ np.linalg.solve(cov, away) + logs + away.size * LOG_2PI)
    ends = np.concatenate([[0], np.cumsum(nesting.sizes)])
    above, line = np.zeros(1), np.zeros((1, p))
    parents = [np.zeros(nesting.sizes[0], int), *nesting.parent]
    for k, parent in enumerate(parents):
        own = node[ends[k] : ends[k + 1]]
        group = nesting.above(k)
        mean_x = np.array([x[group == j].mean(axis=0) for j in range(nesting.sizes[k])])
        centre = above[parent] + (mean_x - line[parent]) @ beta
        if kind == "centred":
            total = total + normal(own, centre, var[k]).sum()
            above = own
        else:
            total = total + normal(own, 0.0, 1.0).sum()
            above = centre + np.exp(s[k]) * own
        line = mean_x
    return total + normal(model.y, above, model.var).sum()


# --- Outcomes -------------------------------------------------------------------------------------


def by_outcomes(q, x=None, prior=None, rho=1.5, order=slice(None)):
    design = {} if x is None else {"X": np.arange(7.0)[order] - 3.0}
    return ph.MultivariateNormal(
        OUTCOMES[order, :q], cov=COV[order, :q, :q], prior_tau=prior or stats.expon(scale=0.5),
        prior_rho=rho, **design,
    )  # fmt: skip


def lkj(q, z, eta=1.5):
    """Of the atanh of partial correlations: (r + 1) / 2 are independent betas."""
    total, at = 0.0, 0
    for i in range(q):
        for k in range(i):
            a = eta + 0.5 * (q - 2 - k)
            r = np.tanh(z[at])
            half = stats.beta(a, a).logpdf(0.5) - (a - 1.0) * 2.0 * np.log(0.5)  # its constant
            total = total + half + (a - 1.0) * np.log((1 - r * r) / 4.0) + np.log(0.5 * (1 - r * r))
            at += 1
    return total


def factor_of(q, s, z):
    """The Cholesky factor, by its correlations."""
    partial, at = np.zeros((q, q), complex), 0
    for i in range(q):
        for k in range(i):
            partial[i, k] = np.tanh(z[at])
            at += 1
    factor = np.zeros((q, q), complex)
    for i in range(q):
        left = 1.0 + 0j
        for k in range(i):
            factor[i, k] = partial[i, k] * left
            left = left * np.sqrt(1.0 - partial[i, k] ** 2)
        factor[i, i] = left
    return np.exp(s)[:, None] * factor


def outcomes_density(model, point, kind, of_tau, of_z):
    q, x = len(model.outcomes), model._x
    p, pairs = q * x.shape[1], q * (q - 1) // 2
    s, z = point[p : p + q], point[p + q : p + q + pairs]
    effects = point[p + q + pairs :].reshape(-1, q)
    centre, factor = x @ point[:p].reshape(q, -1).T, factor_of(q, s, z)
    y, cov = model._effects.y, model._effects.cov
    total = of_tau(s) + of_z(z)
    for j in range(len(y)):
        at = np.flatnonzero(~np.isnan(y[j]))
        mean, var = centre[j], cov[j].astype(complex)
        if kind == "marginal":
            var = var + factor @ factor.T
        elif kind == "centred":
            away = np.linalg.solve(factor, effects[j] - mean)
            total = total + normal(away, 0.0, 1.0).sum() - np.log(np.diag(factor)).sum()
            mean = effects[j]
        else:
            total = total + normal(effects[j], 0.0, 1.0).sum()
            mean = mean + factor @ effects[j]
        away, block = y[j, at] - mean[at], var[np.ix_(at, at)]
        if at.size:
            square = away @ np.linalg.solve(block, away)
            total = total - 0.5 * (square + np.log(np.linalg.det(block)) + at.size * LOG_2PI)
    return total


# --- Both -----------------------------------------------------------------------------------------


def expon(s):
    return exponential(s, 0.5)


def python_prior(s):
    return (3.0 * s - np.exp(s)).sum() + s.sum()


def flat_rho(z):
    """log(1 + r) and the Jacobian."""
    return np.log(1.0 + np.tanh(z[0])) + np.log(1.0 - np.tanh(z[0]) ** 2)


MODELS = {
    **{
        f"{d} levels{name}": (
            lambda d=d, x=x, o=slice(None): by_levels(d, x, order=o),
            lambda m, v, k: levels_density(m, v, k, expon),
        )
        for d in (1, 2, 3)
        for name, x in (("", None), (", covariates", X))
    },
    "levels, Python's prior": (
        lambda o=slice(None): by_levels(2, None, rising, o),
        lambda m, v, k: levels_density(m, v, k, python_prior),
    ),
    **{
        f"{q} outcomes{name}": (
            lambda q=q, x=x, o=slice(None): by_outcomes(q, x, order=o),
            lambda m, v, k, q=q: outcomes_density(m, v, k, expon, lambda z: lkj(q, z)),
        )
        for q in (2, 3)
        for name, x in (("", None), (", covariates", True))
    },
    "outcomes, Python's priors": (
        lambda o=slice(None): by_outcomes(2, None, rising, lambda r: np.log1p(r), o),
        lambda m, v, k: outcomes_density(m, v, k, python_prior, flat_rho),
    ),
}  # fmt: skip
CASES = [(name, kind) for name in MODELS for kind in KINDS]


def points_of(model, target, n=4):
    rng = np.random.default_rng(1)
    p, full = len(model.coordinates), model.covariates.size
    spread = np.where(np.arange(p) < full, 1.0, 1.5)
    phi = model.start() + rng.normal(size=(n, p)) * spread
    return target.place(phi, model.draw_theta(phi, rng))


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_value_and_gradient(name, kind):
    """Python's priors are differentiated by five points: 1e-12 / 1e-3 and 1e-3^4 of rounding."""
    make, written = MODELS[name]
    model = make()
    target = target_of(model, kind)
    tolerance = 1e-7 if "Python" in name else 1e-9
    for point in points_of(model, target):
        value, gradient = target.gradient(point)
        assert value == pytest.approx(float(np.real(written(model, point, kind))), rel=1e-10)
        steps = point + 1e-30j * np.eye(point.size)
        wanted = np.array([np.imag(written(model, step, kind)) for step in steps]) / 1e-30
        size = np.abs(wanted).max()
        np.testing.assert_allclose(gradient, wanted, rtol=tolerance, atol=tolerance * size)
        for wrong in (1.001 * gradient, gradient - 1.0):  # the negative control
            apart = np.abs(wrong - wanted) > tolerance * (size + np.abs(wanted))
            assert apart[np.abs(wanted) > 0.01 * size].all()


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_points_there_and_back(name, kind):
    model = MODELS[name][0]()
    target = target_of(model, kind)
    rng = np.random.default_rng(2)
    phi = model.start() + 0.3 * rng.normal(size=(2, 3, len(model.coordinates)))
    theta = model.draw_theta(phi, rng)
    points = target.place(phi, theta)
    assert points.shape[-1] == len(target.coordinates) == len(set(target.coordinates))
    np.testing.assert_array_equal(target.restore(points, rng).phi, phi)
    if kind == "marginal":
        return
    drawn = target.restore(points, rng)
    np.testing.assert_allclose(drawn.theta, theta, rtol=1e-11, atol=1e-12)
    for groups in ([], [3], [5, 1, 4]):
        at = np.array(groups, dtype=np.intp)
        some = target.restore(points[..., target.columns(at)], rng, groups=at)
        np.testing.assert_allclose(some.theta, theta[..., at], rtol=1e-11, atol=1e-12)
        assert groups or target.columns(at).size == phi.shape[-1]


@pytest.mark.parametrize("name", ["3 levels", "2 levels, covariates", "2 outcomes, covariates"])
def test_check_model(name):
    make = MODELS[name][0]
    size = GROUPS if "levels" in name else 7
    found = check_model(make(o=np.arange(size)))
    assert {"density", "derivatives", "draws of effects", "engines"} <= {*found.passed}


def test_upper_levels_have_names():
    model = by_levels(3)
    towns = len(model.nesting.labels[1])
    centred, other = (target_of(model, kind).coordinates for kind in ("centred", "non-centred"))
    first = tuple(f"area[{label}]" for label in model.nesting.labels[0])
    assert centred[4:7] == first
    assert other[4:7] == tuple(f"z_{name}" for name in first)
    assert centred[7 + towns] == f"theta[{model.labels[0]}]"
    assert other[7 + towns] == f"z[{model.labels[0]}]"
