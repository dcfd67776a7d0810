"""The joint densities: values by Bayes' theorem, gradients by differences, points and back."""

import numpy as np
import pytest
from scipy import stats
from scipy.linalg import block_diag

import pyhier as ph
from pyhier.models.joint import spelled, target_of

Y = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
SE = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])


def normal(**priors):
    return ph.NormalNormal(Y, se=SE, **priors)


def slope(tau):
    return -0.5 * np.log1p(tau**2 / 9.0) * 3.0


TAU_PRIORS = {
    "uniform": "uniform", "sqrt": "sqrt", "jeffreys": "jeffreys", "shrinkage": "shrinkage",
    "halfnorm": stats.halfnorm(scale=5), "halfcauchy": stats.halfcauchy(scale=5),
    "expon": stats.expon(scale=5), "gamma": stats.gamma(2.0, scale=3.0), "callable": slope,
}  # fmt: skip
X = np.column_stack([np.arange(8.0), np.cos(np.arange(8.0))])
COV = [np.array([[9.0, 3.0], [3.0, 4.0]]), np.eye(3) + 2.0, 4.0, 9.0, 1.0]
MODELS = {
    **{f"normal, {name}": (lambda p=p: normal(prior_tau=p)) for name, p in TAU_PRIORS.items()},
    "normal, mu": lambda: normal(prior_mu=stats.norm(1.0, 4.0), prior_tau=stats.expon(scale=3)),
    "normal, tied": lambda: normal(prior=ph.NormalInvChi2(1.0, 0.5, 3.0, 20.0)),
    "normal, covariates": lambda: normal(X=X, prior_tau=stats.halfnorm(scale=5)),
    "normal, one prior": lambda: normal(
        X=X, prior_beta={"x1": stats.norm(1.0, 2.0)}, prior_tau=stats.halfnorm(scale=5)
    ),
    "normal, correlated": lambda: ph.NormalNormal(Y, cov=COV, prior_tau=stats.expon(scale=3)),
    "normal, both": lambda: ph.NormalNormal(Y, cov=COV, X=X[:, :1], prior_tau=stats.expon()),
    "beta, bda3": lambda: ph.BetaBinomial([0, 3, 5, 1], [4, 9, 5, 200]),
    "beta, betabinexch": lambda: ph.BetaBinomial([0, 3, 5, 1], [4, 9, 5, 2], "betabinexch"),
    "beta, own": lambda: ph.BetaBinomial(
        [0, 3, 5, 1], [4, 9, 5, 0 + 2], {"eta": stats.beta(2, 3), "K": stats.gamma(2, scale=9)}
    ),
    "beta, callable": lambda: ph.BetaBinomial(
        [0, 3, 5, 1], [4, 9, 5, 2], lambda a, b: -0.1 * a - 0.2 * b
    ),
    "gamma, poissgamexch": lambda: ph.PoissonGamma([0, 2, 1, 5], [5.0, 8.0, 1.2, 90.0], z0=0.5),
    "gamma, own": lambda: ph.PoissonGamma(
        [0, 2, 1, 5], [5.0, 8.0, 1.2, 90.0],
        {"alpha": stats.gamma(2, scale=2), "beta": stats.expon(scale=3)},
    ),
    "variances": lambda: ph.VarianceGamma([0.2, 3.0, 1.1], [4, 1.5, 30]),
    "variances, own": lambda: ph.VarianceGamma(
        [0.2, 3.0, 1.1], 4, {"d0": stats.gamma(2, scale=2), "s2_0": stats.lognorm(1)}
    ),
}  # fmt: skip
TARGETS = [
    (name, p)
    for name, make in MODELS.items()
    for p in ("marginal", "centred", *(["non-centred"] if name.startswith("normal") else []))
]


def points_of(model, target, n=6):
    """Points from narrow to wide laws of the effects, and from within the groups to far off."""
    rng = np.random.default_rng(1)
    p = len(model.coordinates)
    phi = model.start() + rng.normal(size=(n, p)) * np.array([*[1.0] * (p - 1), 2.0])
    theta = model.draw_theta(phi, rng)
    if not isinstance(model, ph.NormalNormal):  # a rate that rounds to 0 or 1 has no coordinate
        theta = np.clip(theta, 1e-9, 1.0 - 1e-9)
    return target.place(phi, theta)


def given_phi(model, phi, theta):
    """Log density of the effects given phi and the data, in their own coordinate."""
    if isinstance(model, ph.NormalNormal):  # by dense matrices
        data = np.diag(1.0 / model.var)
        if getattr(model, "_rotation", None) is not None:
            data = np.linalg.inv(block_diag(*COV))
        x = model.covariates.x if hasattr(model, "covariates") else np.ones((8, 1))
        var = np.linalg.inv(data + np.exp(-2.0 * phi[-1]) * np.eye(8))
        mean = var @ (data @ model.y + np.exp(-2.0 * phi[-1]) * (x @ phi[:-1]))
        return stats.multivariate_normal(mean, var).logpdf(theta)
    hyper = model.hyperparameters(phi)
    if isinstance(model, ph.BetaBinomial):
        a, b = hyper["alpha"] + model.successes, hyper["beta"] + model.failures
        return (stats.beta.logpdf(theta, a, b) + np.log(theta * (1.0 - theta))).sum()
    if isinstance(model, ph.VarianceGamma):
        df, squares = hyper["d0"] + model.df, hyper["d0"] * hyper["s2_0"] + model.df * model.s2
        law = stats.invgamma(0.5 * df, scale=0.5 * squares)
        return (law.logpdf(theta) + np.log(theta)).sum()
    a, b = hyper["alpha"] + model.counts, hyper["beta"] + model.exposure
    return (stats.gamma.logpdf(theta, a, scale=1.0 / b) + np.log(theta)).sum()


@pytest.mark.parametrize(("name", "parameterization"), TARGETS)
def test_value_is_bayes_theorem(name, parameterization):
    """log p(phi, theta, y) = log p(phi, y) + log p(theta | phi, y)."""
    model = MODELS[name]()
    target = target_of(model, parameterization)
    for point in points_of(model, target):
        k = len(model.coordinates)
        phi = point[:k]
        expected = model.log_marginal_likelihood(phi[None])[0] + model.log_prior(phi)
        if parameterization != "marginal":
            theta = target.chart.from_line(phi, point[k:], slice(None))
            expected += given_phi(model, phi, theta)
        if parameterization == "non-centred":
            expected += theta.size * phi[-1]  # dtheta / dz = tau
        constant = 0.0 if hasattr(model, "log_marginal_gradient") else target.log_constant
        constant = constant if parameterization == "marginal" else 0.0
        value = target.gradient(point)[0] + constant
        assert value == pytest.approx(expected, rel=1e-9, abs=1e-9)


def check_slopes(gradient, log_density, point):
    """A gradient beside central differences: h^2, and 1e-16 / h of a size of up to 1e3."""
    h = 1e-5
    ends = point + h * np.concatenate([np.eye(point.size), -np.eye(point.size)])
    values = log_density(ends)
    found = (values[: point.size] - values[point.size :]) / (2.0 * h)
    size = np.abs(values).max() + np.abs(gradient).max()
    np.testing.assert_allclose(gradient, found, rtol=1e-6, atol=1e-8 * size + 1e-7)


@pytest.mark.parametrize(("name", "parameterization"), TARGETS)
def test_gradient_is_the_values(name, parameterization):
    model = MODELS[name]()
    target = target_of(model, parameterization)
    for point in points_of(model, target):
        check_slopes(target.value_and_gradient(point)[1], target.log_density, point)


@pytest.mark.parametrize("k", [0, 1, 2, 9])
def test_a_wrong_gradient_is_seen(k):
    """The negative control: any one entry, off by a thousandth or lacking the Jacobian's 1."""
    model = MODELS["normal, mu"]()
    target = target_of(model, "non-centred")
    for point in points_of(model, target):
        right = target.value_and_gradient(point)[1]
        for wrong in (1.001 * right, right - 1.0):
            other = np.where(np.arange(10) == k, wrong, right)
            with pytest.raises(AssertionError):
                check_slopes(other, target.log_density, point)


@pytest.mark.parametrize(("name", "parameterization"), TARGETS)
def test_points_there_and_back(name, parameterization):
    model = MODELS[name]()
    target = target_of(model, parameterization)
    rng = np.random.default_rng(2)
    phi = model.start() + 0.3 * rng.normal(size=(2, 3, len(model.coordinates)))
    theta = model.draw_theta(phi, rng)
    drawn = target.restore(target.place(phi, theta), rng)
    np.testing.assert_array_equal(drawn.phi, phi)
    assert drawn.theta_new.shape == (2, 3)
    if parameterization != "marginal":
        np.testing.assert_allclose(drawn.theta, theta, rtol=1e-12)
        assert len(target.coordinates) == phi.shape[-1] + len(model.labels)
        likelihood = target.log_likelihood(target.place(phi, theta))
        np.testing.assert_allclose(likelihood, model.log_likelihood(theta).sum(-1))


@pytest.mark.parametrize("log_size", [8.0, 15.0, 25.0])
def test_nearly_pooled_counts_lose_no_digits(log_size):
    """K and alpha of up to 1e10: the value by 50 digits (mpmath)."""
    import mpmath as mp

    mp.mp.dps = 50
    y, n = np.array([3.0, 40.0]), np.array([10.0, 100.0])
    model = ph.BetaBinomial(y, n)
    d = np.array([0.7, -1.1]) * np.exp(-0.5 * log_size)
    point = np.array([-0.4, log_size, *(-0.4 + d)])
    eta = 1 / (1 + mp.exp(-mp.mpf(point[0])))
    size = mp.exp(mp.mpf(point[1]))
    a, b = size * eta, size * (1 - eta)
    value = mp.log(eta) + mp.log(1 - eta) - mp.mpf(point[1]) / 2
    for u, s, t in zip(point[2:], y, n, strict=True):
        theta = 1 / (1 + mp.exp(-mp.mpf(u)))
        value += (a + s) * mp.log(theta) + (b + t - s) * mp.log(1 - theta)
        value += mp.loggamma(a + b) - mp.loggamma(a) - mp.loggamma(b) + mp.log(mp.binomial(t, s))
    found = model.joint("centred").gradient(point)[0]
    assert found == pytest.approx(float(value), rel=1e-9)
    rate = ph.PoissonGamma(y, n)
    point[2:] = point[0] + d
    a, mu = mp.exp(mp.mpf(log_size)), mp.exp(mp.mpf(point[0]))
    swapped = np.array([log_size, point[0], *point[2:]])
    value = mp.mpf(log_size) - 2 * mp.log(1 + a)
    for u, s, t in zip(point[2:], y, n, strict=True):
        theta = mp.exp(mp.mpf(u))
        value += a * mp.log(a / mu) - mp.loggamma(a) + a * mp.mpf(u) - a / mu * theta
        value += s * mp.log(t * theta) - t * theta - mp.loggamma(s + 1)
    found = rate.joint("centred").gradient(swapped)[0]
    assert found == pytest.approx(float(value), rel=1e-9)


def test_both_spellings():
    assert spelled("centered") == spelled("centred") == "centred"
    assert spelled("non-centered") == spelled("noncentered") == "non-centred"
    assert normal().joint("centered").parameterization == "centred"


@pytest.mark.parametrize("model", [MODELS["beta, bda3"], MODELS["gamma, poissgamexch"]])
def test_counts_have_no_standard_effects(model):
    with pytest.raises(ValueError, match="non-centred.*nothing standard.*'centred'.*'marginal'"):
        target_of(model(), "non-centered")


def test_unknown_names():
    with pytest.raises(ValueError, match="'diagonal': it must be one of 'non-centred', 'centred'"):
        target_of(normal(), "diagonal")
    with pytest.raises(ValueError, match="marginal"):
        normal().joint("marginal")


@pytest.mark.parametrize("groups", [1, 2, 7, 8, 9, 15, 16, 17, 40])
@pytest.mark.parametrize("kind", ["centred", "non-centred", "marginal"])
def test_any_number_of_groups(groups, kind):
    """The loops take eight at once and then the rest: all of them, and none twice."""
    rng = np.random.default_rng(groups)
    y, se = rng.normal(3.0, 4.0, groups), rng.uniform(0.5, 3.0, groups)
    prior = stats.expon(scale=3)
    model = ph.NormalNormal(y, se=se, prior_mu=stats.norm(1.0, 4.0), prior_tau=prior)
    mu, tau = 0.7, 1.9
    z = rng.normal(size=groups)
    theta = mu + tau * z
    expected = stats.norm(1.0, 4.0).logpdf(mu) + prior.logpdf(tau) + np.log(tau)
    if kind == "marginal":
        expected += stats.norm(mu, np.hypot(se, tau)).logpdf(y).sum()
        point = np.array([mu, np.log(tau)])
    else:
        law = stats.norm(mu, tau).logpdf(theta) if kind == "centred" else stats.norm.logpdf(z)
        expected += stats.norm(theta, se).logpdf(y).sum() + law.sum()
        point = np.array([mu, np.log(tau), *(theta if kind == "centred" else z)])
    gradient = target_of(model, kind).gradient
    value, slopes = gradient(point)
    assert value == pytest.approx(expected, rel=1e-12)
    check_slopes(slopes, lambda points: gradient.evaluate(points)[0], point)
    if kind != "marginal":
        assert gradient.value(point) == pytest.approx(value, rel=1e-13)
    filled = np.empty(point.size)
    assert gradient.fill(point, filled) == value
    np.testing.assert_array_equal(filled, slopes)
