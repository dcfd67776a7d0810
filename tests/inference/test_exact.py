"""The exact posterior: what it must equal, its limits, its tails, and what it refuses."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

import pyhier as ph
from pyhier.quadrature.panels import resolve

# Adaptive quadrature in 30-digit arithmetic, uniform prior, to the digits shown.
THETA_MEAN = [
    11.4002608704, 7.8945522837, 6.1307468569, 7.6446786243,
    5.1264241119, 6.1385362429, 10.6669833281, 8.4568178276,
]  # fmt: skip
THETA_SD = [
    8.3414162375, 6.2748354302, 7.7651673878, 6.5462611514,
    6.3574197444, 6.7102949677, 6.7855866224, 7.8881982940,
]  # fmt: skip
TEN_DIGITS = 5.1e-11  # half a unit in the last digit shown


@pytest.fixture
def post(model):
    return ph.exact(model)


def test_eight_schools(post):
    table = post.summary()
    np.testing.assert_allclose(table.loc["tau", "mean"], 6.5754833467, atol=TEN_DIGITS)
    np.testing.assert_allclose(table.loc["tau", "sd"], 5.6503793370, atol=TEN_DIGITS)
    np.testing.assert_allclose(table.loc["mu", "mean"], 7.9323750182, atol=TEN_DIGITS)
    np.testing.assert_allclose(table.loc["mu", "sd"], 5.1783947798, atol=TEN_DIGITS)
    effects = table.loc["theta[A]":"theta[H]"]
    np.testing.assert_allclose(effects["mean"], THETA_MEAN, atol=TEN_DIGITS)
    np.testing.assert_allclose(effects["sd"], THETA_SD, atol=TEN_DIGITS)


@pytest.mark.parametrize(
    ("prior_tau", "expected"),
    [
        (stats.halfcauchy(scale=5), [4.396820714, 3.317704463, 3.597705484, 3.219958415]),
        (stats.halfnorm(scale=5), [4.441369516, 3.283351519, 3.290366660, 2.491285224]),
    ],
)
def test_weakly_informative_priors(schools, prior_tau, expected):
    model = ph.NormalNormal(
        schools["y"], se=schools["sigma"], prior_mu=stats.norm(0, 5), prior_tau=prior_tau
    )
    post = ph.exact(model)
    found = [post["mu"].mean(), post["mu"].std(), post["tau"].mean(), post["tau"].std()]
    np.testing.assert_allclose(found, expected, atol=5.1e-10)  # half a unit of the ninth decimal


def test_the_lectures_prior(schools):
    prior = ph.NormalInvChi2(mu0=0.0, kappa0=0.1, nu0=0.1, tau2_0=100.0)
    post = ph.exact(ph.NormalNormal(schools["y"], se=schools["sigma"], prior=prior))
    assert post["tau"].mean() == pytest.approx(4.582126, abs=5e-7)
    assert post["tau"].std() == pytest.approx(2.847791, abs=5e-7)
    assert float(post["tau"].sf(16.0)) == pytest.approx(0.006984, abs=5e-7)


@pytest.mark.parametrize("name", ["tau", "mu", "theta[A]", "theta_new"])
def test_functions_agree_with_each_other(post, name):
    marginal = post[name]
    low, high = (0.0, np.inf) if name == "tau" else (-np.inf, np.inf)
    total, _ = integrate.quad(marginal.pdf, low, high, epsabs=1e-11, limit=400)
    assert total == pytest.approx(1.0, abs=1e-9)
    x = marginal.ppf([0.01, 0.3, 0.5, 0.9, 0.999])
    np.testing.assert_allclose(marginal.cdf(x), [0.01, 0.3, 0.5, 0.9, 0.999], rtol=1e-12)
    np.testing.assert_allclose(marginal.cdf(x) + marginal.sf(x), 1.0, rtol=1e-12)
    np.testing.assert_allclose(marginal.isf([0.99, 0.1]), marginal.ppf([0.01, 0.9]), rtol=1e-11)
    np.testing.assert_allclose(marginal.logpdf(x), np.log(marginal.pdf(x)), rtol=1e-12)
    h = 1e-4
    slope = (marginal.cdf(x + h) - marginal.cdf(x - h)) / (2 * h)
    np.testing.assert_allclose(slope, marginal.pdf(x), rtol=1e-6)  # truncation: h^2
    piece, _ = integrate.quad(lambda t: t * marginal.pdf(t), x[0], x[4], epsabs=1e-11)
    rest = marginal.mean() - piece
    assert abs(rest) < 0.02 * 40.0
    assert marginal.median() == pytest.approx(float(x[2]), rel=1e-12)


def test_scales_of_tau(post):
    tau, tau2, log_tau = post["tau"], post["tau2"], post["log_tau"]
    x = np.array([0.3, 5.0, 40.0])
    np.testing.assert_allclose(tau2.cdf(x**2), tau.cdf(x), rtol=1e-12)
    np.testing.assert_allclose(log_tau.sf(np.log(x)), tau.sf(x), rtol=1e-12)
    np.testing.assert_allclose(tau2.pdf(x**2) * 2 * x, tau.pdf(x), rtol=1e-12)
    np.testing.assert_allclose(log_tau.pdf(np.log(x)) / x, tau.pdf(x), rtol=1e-12)
    np.testing.assert_allclose(tau2.ppf([0.1, 0.9]), tau.ppf([0.1, 0.9]) ** 2, rtol=1e-12)
    assert tau2.mean() == pytest.approx(tau.var() + tau.mean() ** 2, rel=1e-12)
    fourth, _ = integrate.quad(lambda t: t**4 * tau.pdf(t), 0, np.inf, epsrel=1e-11, limit=500)
    assert tau2.var() == pytest.approx(fourth - tau2.mean() ** 2, rel=1e-8)
    mean, _ = integrate.quad(lambda s: s * log_tau.pdf(s), -60, 60, epsrel=1e-11, limit=500)
    assert log_tau.mean() == pytest.approx(mean, rel=1e-9)
    assert tau2.pdf(-1.0) == 0.0


@pytest.mark.parametrize("name", ["tau", "mu", "theta[A]"])
def test_intervals(post, name):
    marginal = post[name]
    low, high = marginal.interval(0.9)
    np.testing.assert_allclose([marginal.cdf(low), marginal.sf(high)], 0.05, rtol=1e-11)
    shortest = marginal.hdi(0.9)
    assert marginal.cdf(shortest[1]) - marginal.cdf(shortest[0]) == pytest.approx(0.9, abs=1e-11)
    assert shortest[1] - shortest[0] < high - low
    if name == "tau":
        assert shortest[0] == 0.0  # its density falls from 0 on
    else:
        ends = marginal.pdf(shortest)
        assert ends[0] == pytest.approx(ends[1], rel=1e-8)
    assert (
        marginal.pdf(marginal.mode())
        >= marginal.pdf(marginal.ppf(np.linspace(0.01, 0.99, 99))).max()
    )


def test_tails_keep_relative_accuracy(post):
    """Against the power of tau that the tail becomes: p(tau | y) goes as tau^-7."""
    tau = post["tau"]
    x = np.array([1e3, 1e4, 1e6, 1e12])
    np.testing.assert_allclose(tau.sf(10 * x) / tau.sf(x), 1e-6, rtol=0.01)
    np.testing.assert_allclose(tau.sf(x[1:]), tau.pdf(x[1:]) * x[1:] / 6.0, rtol=1e-4)
    small = np.array([1e-3, 1e-9, 1e-30])
    np.testing.assert_allclose(tau.cdf(small), small * tau.pdf(0.0), rtol=1e-5)
    np.testing.assert_allclose(tau.pdf(small), tau.pdf(0.0), rtol=1e-5)
    np.testing.assert_allclose(tau.ppf([1e-25, 1e-12]), [1e-25, 1e-12] / tau.pdf(0.0), rtol=1e-9)
    np.testing.assert_allclose(tau.sf(tau.isf([1e-12, 1e-30])), [1e-12, 1e-30], rtol=1e-9)
    assert tau.pdf(-1.0) == 0.0
    assert (tau.cdf(0.0), tau.sf(0.0)) == (0.0, 1.0)
    assert (tau.ppf(0.0), tau.ppf(1.0)) == (0.0, np.inf)
    mu = post["mu"]
    far = mu.isf([1e-10, 1e-15])
    np.testing.assert_allclose(mu.sf(far), [1e-10, 1e-15], rtol=1e-9)
    assert list(mu.ppf([0.0, 1.0])) == [-np.inf, np.inf]


def test_log_densities_do_not_underflow(schools):
    """One component: a normal distribution, 1e4 sds out."""
    model = ph.NormalNormal(schools["y"], se=schools["sigma"], prior_tau=stats.halfnorm(scale=1e-9))
    mu = ph.exact(model)["mu"]
    x = np.array([8.0, 1e3, 4e4])
    expected = stats.norm(mu.mean(), mu.std()).logpdf(x)
    np.testing.assert_allclose(mu.logpdf(x), expected, rtol=1e-9)
    assert mu.pdf(4e4) == 0.0


def test_density_at_zero_follows_the_prior(schools):
    data = {"y": schools["y"], "se": schools["sigma"]}
    assert ph.exact(ph.NormalNormal(**data, prior_tau="sqrt"))["tau"].pdf(0.0) == np.inf
    assert ph.exact(ph.NormalNormal(**data, prior_tau="jeffreys"))["tau"].pdf(0.0) == 0.0
    halfnormal = ph.NormalNormal(**data, prior_tau=stats.halfnorm(scale=5))
    tau = ph.exact(halfnormal)["tau"]
    np.testing.assert_allclose(tau.pdf(0.0), tau.pdf(1e-8), rtol=1e-8)


def test_moments_that_do_not_exist(schools):
    """Uniform prior: E[tau] with 3 groups; the sds of tau, mu and theta_new with 4."""

    def fit(groups):
        return ph.exact(ph.NormalNormal(schools["y"][:groups], se=schools["sigma"][:groups]))

    three, four, five = fit(3), fit(4), fit(5)
    assert three["tau"].mean() == np.inf
    assert np.isnan(three["mu"].mean())  # both tails are too heavy: no mean, not an infinite one
    assert np.isfinite(three["theta[1]"].std())
    assert np.isfinite(four["tau"].mean())
    assert four["tau"].std() == four["mu"].std() == four["theta_new"].std() == np.inf
    assert np.isfinite(five["tau"].std())
    tau = five["tau"]
    closed, _ = integrate.quad(lambda t: t**2 * tau.pdf(t), 0, np.inf, limit=500, epsrel=1e-11)
    assert tau.var() == pytest.approx(closed - tau.mean() ** 2, rel=1e-8)
    mu = five["mu"]
    closed, _ = integrate.quad(lambda t: mu.sf(t) + mu.cdf(-t), 0, np.inf, limit=500, epsrel=1e-11)
    away, _ = integrate.quad(
        lambda t: 2 * t * (mu.sf(t) + mu.cdf(-t)), 0, np.inf, limit=500, epsrel=1e-11
    )
    assert mu.var() == pytest.approx(away - mu.mean() ** 2, rel=1e-7)


def test_moments_of_all_are_the_digits_of_the_oracle(post, schools):
    """In the order of the names; NaN and infinite where there are none, as of each marginal."""
    mean, sd = post.moments()
    assert len(mean) == len(sd) == len(post.names)
    np.testing.assert_allclose(mean[2:-1], THETA_MEAN, atol=TEN_DIGITS)
    np.testing.assert_allclose(sd[2:-1], THETA_SD, atol=TEN_DIGITS)
    np.testing.assert_allclose(mean[:2], [7.9323750182, 6.5754833467], atol=TEN_DIGITS)
    np.testing.assert_allclose(sd[:2], [5.1783947798, 5.6503793370], atol=TEN_DIGITS)
    x = schools["sigma"][:6] - schools["sigma"][:6].mean()
    model = ph.NormalNormal(schools["y"][:6], se=schools["sigma"][:6], X={"x": x})
    regression = ph.exact(model)
    one_by_one = [(regression[name].mean(), regression[name].std()) for name in regression.names]
    np.testing.assert_allclose(np.array(regression.moments()).T, one_by_one, rtol=1e-11, atol=1e-11)


def test_collapse_identities(schools):
    y, se = schools["y"].to_numpy(float), schools["sigma"].to_numpy(float)
    pooled = ph.complete_pooling(ph.NormalNormal(y, se=se))
    tight = ph.exact(ph.NormalNormal(y, se=se, prior_tau=stats.halfnorm(scale=1e-6)))
    assert tight["mu"].mean() == pytest.approx(pooled.mean, rel=1e-9)
    assert tight["theta[1]"].std() == pytest.approx(pooled.se, rel=1e-9)
    loose = ph.exact(ph.NormalNormal(y, se=se, prior_tau=stats.lognorm(0.1, scale=1e8)))
    np.testing.assert_allclose(loose.group_means(), y, rtol=1e-9, atol=1e-9)
    assert loose["theta[3]"].std() == pytest.approx(se[2], rel=1e-9)


def test_a_group_without_information_changes_nothing(schools):
    y, se = schools["y"].to_numpy(float), schools["sigma"].to_numpy(float)
    prior = stats.halfcauchy(scale=5)
    eight = ph.exact(ph.NormalNormal(y, se=se, prior_tau=prior))
    nine = ph.exact(ph.NormalNormal([*y, 3.0], se=[*se, 1e12], prior_tau=prior))
    np.testing.assert_allclose(nine["tau"].mean(), eight["tau"].mean(), rtol=1e-9)
    np.testing.assert_allclose(nine["mu"].std(), eight["mu"].std(), rtol=1e-9)
    np.testing.assert_allclose(nine["theta[9]"].mean(), eight["theta_new"].mean(), rtol=1e-9)


@pytest.mark.parametrize(("scale", "shift"), [(1e-8, 0.0), (1e8, 0.0), (1.0, 1e8), (1e8, -1e8)])
def test_shift_and_scale(schools, post, scale, shift):
    y, se = schools["y"].to_numpy(float), schools["sigma"].to_numpy(float)
    moved = ph.exact(ph.NormalNormal(scale * y + shift, se=scale * se))
    # A shift of 1e8 leaves the data themselves 1e8 * 1.1e-16 = 1.1e-8 to be rounded to.
    atol = 2e-16 * abs(shift)
    np.testing.assert_allclose(moved["tau"].mean(), scale * post["tau"].mean(), rtol=1e-11)
    q = [0.01, 0.5, 0.99]
    np.testing.assert_allclose(moved["tau"].ppf(q), scale * post["tau"].ppf(q), rtol=1e-10)
    np.testing.assert_allclose(
        moved["mu"].ppf(q), scale * post["mu"].ppf(q) + shift, rtol=1e-11, atol=atol
    )
    np.testing.assert_allclose(moved["mu"].std(), scale * post["mu"].std(), rtol=1e-10)


def test_permutation(schools, post):
    order = np.random.default_rng(0).permutation(8)
    shuffled = schools.iloc[order]
    other = ph.exact(
        ph.NormalNormal(shuffled["y"], se=shuffled["sigma"], labels=shuffled["school"])
    )
    for name in post.names:
        np.testing.assert_allclose(other[name].mean(), post[name].mean(), rtol=1e-13)


FINITE = {"allow_nan": False, "allow_infinity": False}


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-1e3, 1e3, **FINITE), st.floats(-3, 3)), min_size=3, max_size=30),
    st.sampled_from(["uniform", "jeffreys", "shrinkage", "halfcauchy", "sqrt"]),
)
def test_any_data(groups, prior):
    """Halving all panels changes nothing; nothing warns, nothing is NaN."""
    y, log_se = np.array(groups).T
    prior_tau = stats.halfcauchy(scale=2.0) if prior == "halfcauchy" else prior
    model = ph.NormalNormal(y, se=10.0**log_se, prior_tau=prior_tau)
    post = ph.exact(model)
    found = post.columns((0.025, 0.5, 0.975))
    assert not np.isnan(found["50%"]).any()
    assert np.all(found["2.5%"] < found["97.5%"])
    grid = np.linspace(post.nodes.log_tau[0], post.nodes.log_tau[-1], 6001)  # trapezoid, plain
    log_density = model.collapse(grid).log_density
    weight = np.exp(log_density - log_density.max())
    # Where the peak is wide enough for this rule, it converges exponentially.
    if np.sqrt(1.0 / np.max(np.abs(np.gradient(np.gradient(log_density, grid), grid)))) > 0.02:
        mean = (weight * model.collapse(grid).mean).sum() / weight.sum()
        if prior != "sqrt" and len(groups) > 4:
            spread = post["mu"].std() if len(groups) > 5 else 1.0
            assert post["mu"].mean() == pytest.approx(mean, rel=1e-9, abs=1e-9 * spread)


def test_probability(post):
    assert post.probability("theta[A] > 28") == pytest.approx(float(post["theta[A]"].sf(28.0)))
    assert post.probability("tau < 5") == pytest.approx(float(post["tau"].cdf(5.0)))
    assert post.probability("5 < mu") == pytest.approx(float(post["mu"].sf(5.0)))
    both = post.probability("theta[A] > theta[C]") + post.probability("theta[C] > theta[A]")
    assert both == pytest.approx(1.0, abs=1e-12)
    assert post.probability("mu > mu") == 0.0
    assert post.probability("theta[A] > 28").se == 0.0
    for event in ("theta[A] > theta[C]", "theta_new > theta[A]", "theta[B] < mu"):
        left, sign, right = event.split()
        by_draws = post.probability(
            lambda d, a=left, b=right, s=sign: d[a] > d[b] if s == ">" else d[a] < d[b], rng=1
        )
        assert abs(post.probability(event) - by_draws) < 4.5 * by_draws.se


def test_bad_events(post):
    with pytest.raises(KeyError, match=r"theta\[Z\]"):
        post.probability("theta[Z] > 1")
    with pytest.raises(ValueError, match="compares two numbers"):
        post.probability("1 < 2")
    with pytest.raises(ValueError, match="compares tau with an effect"):
        post.probability("tau > mu")
    with pytest.raises(KeyError, match="no quantity"):
        post["theta"]


def test_conditionals(post, model):
    tau = np.array([[1.0, 5.0], [25.0, 100.0]])
    weights = 1.0 / (model.var + tau[..., None] ** 2)
    mu = (weights * model.y).sum(-1) / weights.sum(-1)
    found = post.conditional("mu", tau)
    np.testing.assert_allclose(found[0], mu, rtol=1e-13)
    np.testing.assert_allclose(found[1], weights.sum(-1) ** -0.5, rtol=1e-13)
    # The lecture's form: a normal prior N(mu_hat, tau^2 + v_mu) for theta, updated.
    mean, sd = post.conditional("theta[A]", tau)
    wrong = 1.0 / (1.0 / model.var[0] + 1.0 / (tau**2 + 1.0 / weights.sum(-1)))
    assert np.all(sd**2 <= model.var[0])
    assert np.all(np.abs(sd**2 / wrong - 1.0) < 0.3)
    assert np.all((mean > np.minimum(mu, 28.0)) & (mean < 28.0))
    mean, sd = post.conditional("theta[A]", tau, mu=5.0)
    precision = 1.0 / model.var[0] + 1.0 / tau**2
    np.testing.assert_allclose(mean, (28.0 / model.var[0] + 5.0 / tau**2) / precision, rtol=1e-12)
    np.testing.assert_allclose(sd, precision**-0.5, rtol=1e-12)
    with pytest.raises(ValueError, match="positive and finite"):
        post.conditional("mu", [0.0])
    with pytest.raises(KeyError):
        post.conditional("tau", 1.0)


def test_weights(post, model):
    table = post.weights()
    np.testing.assert_allclose(table["mu"].sum(), 1.0, rtol=1e-12)
    means = table.to_numpy().T @ model.y
    np.testing.assert_allclose(means, [post["mu"].mean(), *post.group_means()], rtol=1e-12)


def test_predictive(post):
    new = post.predictive(se=10.0)
    theta = post["theta_new"]
    assert new.mean() == pytest.approx(theta.mean(), rel=1e-13)
    assert new.var() == pytest.approx(theta.var() + 100.0, rel=1e-12)
    with pytest.raises(ValueError, match="se is -1"):
        post.predictive(-1.0)


def test_evidence_and_bayes_factors(schools):
    y, se = schools["y"].to_numpy(float), schools["sigma"].to_numpy(float)
    prior = stats.halfcauchy(scale=5)
    post = ph.exact(ph.NormalNormal(y, se=se, prior_mu=stats.norm(0, 5), prior_tau=prior))

    def given_tau(tau, mu_var):
        """The data's density with theta and mu integrated out: one multivariate normal."""
        covariance = np.diag(se**2 + tau**2) + mu_var
        return stats.multivariate_normal(np.zeros(8), covariance).pdf(y)

    def integrated(mu_var):
        scale = given_tau(0.0, mu_var)  # quad's tolerances are absolute
        total, _ = integrate.quad(
            lambda tau: given_tau(tau, mu_var) / scale * prior.pdf(tau), 0.0, np.inf, epsrel=1e-11
        )
        return scale * total

    evidence = integrated(25.0)
    assert post.log_evidence == pytest.approx(np.log(evidence), abs=1e-9)
    assert post.bayes_factor("tau = 0") == pytest.approx(given_tau(0.0, 25.0) / evidence, rel=1e-9)
    assert post.bayes_factor("mu = 0") == pytest.approx(integrated(0.0) / evidence, rel=1e-9)


def test_no_evidence_without_proper_priors(schools, post):
    with pytest.raises(ValueError, match="the flat prior of mu"):
        _ = post.log_evidence
    half = ph.NormalNormal(schools["y"], se=schools["sigma"], prior_mu=stats.norm(0, 5))
    with pytest.raises(ValueError, match=r"the prior of tau \(uniform\)"):
        ph.exact(half).bayes_factor("tau = 0")
    with pytest.raises(ValueError, match="hypothesis is 'theta = 0'"):
        post.bayes_factor("theta = 0")


def test_draws_are_the_posteriors(post):
    draws = post.sample(400_000, rng=1)
    assert draws["theta"].shape == (400_000, 8)
    assert draws["mu"].shape == draws["tau"].shape == (400_000,)
    new = post.to_draws(400_000, rng=2).theta_new[0]
    for name, values in [
        ("tau", draws["tau"]), ("mu", draws["mu"]), ("theta_new", new),
        ("theta[A]", draws["theta"][:, 0]), ("theta[H]", draws["theta"][:, 7]),
    ]:  # fmt: skip
        grid = np.linspace(*np.quantile(values, [0.0005, 0.9995]), 400)
        far = np.abs(post[name].cdf(grid) - np.searchsorted(np.sort(values), grid) / values.size)
        assert far.max() < 2.5 / np.sqrt(values.size)  # Kolmogorov: exceeded once in 1e5
    again = post.sample(400_000, rng=np.random.default_rng(1))
    np.testing.assert_array_equal(draws["theta"], again["theta"])
    assert post.sample(10, rng=ph.RStream(1))["tau"].shape == (10,)


def test_draws_of_a_wrong_posterior_are_caught(schools, post):
    other = ph.exact(
        ph.NormalNormal(schools["y"], se=schools["sigma"], prior_tau=stats.expon(scale=20))
    )
    values = np.sort(other.sample(400_000, rng=1)["tau"])
    far = np.abs(post["tau"].cdf(values) - np.arange(values.size) / values.size)
    assert far.max() > 20.0 / np.sqrt(values.size)


def test_the_sampler_agrees(model, post):
    chain = ph.rwmetrop(model, 400_000, rng=3)
    for name in ("mu", "tau", "theta[A]", "theta_new"):
        batches = chain[name].draws.reshape(-1, 500).mean(axis=1)
        error = batches.std(ddof=1) / np.sqrt(batches.size)
        assert abs(batches.mean() - post[name].mean()) < 4.5 * error


def test_a_million_groups():
    rng = np.random.default_rng(5)
    se = rng.uniform(1, 3, 10**6)
    post = ph.exact(ph.NormalNormal(rng.normal(4.0, np.hypot(se, 2.0)), se=se))
    assert post["tau"].mean() == pytest.approx(2.0, abs=5 * post["tau"].std())
    assert post["mu"].mean() == pytest.approx(4.0, abs=5 * post["mu"].std())
    assert 0.0 < post["tau"].std() < 0.01


def test_panels_of_a_known_density():
    """Two narrow peaks far apart: all of the mass is found."""

    def log_density(s):
        return np.logaddexp(-0.5 * (s / 0.3) ** 2, -0.5 * ((s - 9.0) / 0.2) ** 2 - 1.0)[None]

    panels = resolve(log_density, 0.0, 9.0, 0.0)
    total = (np.exp(panels.values[0]) * panels.weights).sum()
    exact = np.sqrt(2 * np.pi) * (0.3 + 0.2 * np.exp(-1.0))
    assert total == pytest.approx(exact, rel=1e-13)


def test_errors(model):
    with pytest.raises(TypeError, match="model is a NormalMarginal: exact takes a model"):
        ph.exact(model.log_marginal)
    with pytest.raises(ValueError, match="q is"):
        ph.exact(model)["mu"].ppf(1.5)
    with pytest.raises(ValueError, match="improper under this prior of tau: .* at tau = 0"):
        ph.exact(ph.NormalNormal([1, 2, 3], se=[1, 1, 1], prior_tau=lambda tau: -np.log(tau)))
    joint = ph.NormalInvChi2(0, 1, 1, 1)
    with pytest.raises(ValueError, match="no prior_mu or prior_tau"):
        ph.NormalNormal([1, 2, 3], se=[1, 1, 1], prior=joint, prior_tau="sqrt")
    with pytest.raises(ValueError, match="kappa0 is -1"):
        ph.NormalInvChi2(0, -1, 1, 1)
    with pytest.raises(TypeError, match="prior is 'nix'"):
        ph.NormalNormal([1, 2, 3], se=[1, 1, 1], prior="nix")
