"""Priors of two hyperparameters that the kernels know, against SciPy's and 40 digits."""

import mpmath as mp
import numpy as np
import pytest
from scipy import stats

import pyhier as ph
from pyhier.kernels.pair_priors import CHARTS, IndependentPair, SharePrior
from pyhier.priors.tau import scale_density

mp.mp.dps = 40

POSITIVE = {
    "gamma": stats.gamma(4, scale=2),
    "spike": stats.gamma(0.01, scale=3),
    "narrow": stats.gamma(1e9, scale=1e-9),
    "invgamma": stats.invgamma(2.5, scale=3),
    "lognorm": stats.lognorm(0.7, scale=2),
    "halfnorm": stats.halfnorm(scale=2),
    "halfcauchy": stats.halfcauchy(scale=2),
    "expon": stats.expon(scale=3),
}


def logs(chart, x):
    """Logs (or the logit) of both hyperparameters, and the log of their area by that of x."""
    u, v = map(mp.mpf, x)
    eta = 1 / (1 + mp.exp(-u))
    if chart == "share":
        return eta, mp.exp(v), mp.log(eta) + mp.log(1 - eta) + v
    if chart == "shapes":
        return eta * mp.exp(v), (1 - eta) * mp.exp(v), mp.log(eta) + mp.log(1 - eta) + 2 * v
    if chart == "rate":
        return mp.exp(u), mp.exp(u - v), 2 * u - v
    return mp.exp(u), mp.exp(v), u + v


def log_gamma_density(a, scale, x):
    a, scale = mp.mpf(a), mp.mpf(scale)
    return (a - 1) * mp.log(x) - x / scale - mp.loggamma(a) - a * mp.log(scale)


def log_beta_density(a, b, x):
    return (a - 1) * mp.log(x) + (b - 1) * mp.log(1 - x) - mp.log(mp.beta(a, b))


@pytest.mark.parametrize("chart", CHARTS)
def test_pairs_are_their_densities_with_the_jacobian(chart):
    """Value and both slopes, the latter by differences of 40 digits."""
    rng = np.random.default_rng(1)
    second = scale_density(stats.gamma(2.5, scale=3))
    first = SharePrior(2.0, 3.5) if chart == "share" else scale_density(stats.gamma(4, scale=2))
    pair = IndependentPair(chart, first, second)

    def wanted(x):
        one, other, jacobian = logs(chart, x)
        own = log_beta_density(2, mp.mpf("3.5"), one)
        if chart != "share":
            own = log_gamma_density(4, 2, one)
        return own + log_gamma_density(2.5, 3, other) + jacobian

    for x in rng.normal(0.0, 3.0, (20, 2)):
        value, slopes = pair(x)
        assert value == pytest.approx(float(wanted(x)), rel=1e-13)
        for k in range(2):
            h = mp.mpf(10) ** -12
            ends = [[x[i] + s * h * (i == k) for i in range(2)] for s in (1, -1)]
            slope = float((wanted(ends[0]) - wanted(ends[1])) / (2 * h))
            assert slopes[k] == pytest.approx(slope, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("name", POSITIVE)
def test_compiled_priors_are_scipys(name):
    rng = np.random.default_rng(1)
    prior = POSITIVE[name]
    x = np.log(prior.ppf(rng.uniform(0.001, 0.999, 50)))
    x = x[x > -700.0]
    assert x.size > 5
    compiled = scale_density(prior).evaluate(x[:, np.newaxis])
    # SciPy's terms cancel where the shape is 1e9: 1e9 times 2e-16.
    np.testing.assert_allclose(
        compiled, prior.logpdf(np.exp(x)), rtol=1e-12, atol=1e-5 if name == "narrow" else 1e-12
    )


def test_a_narrow_gamma_keeps_its_digits():
    density = scale_density(stats.gamma(1e9, scale=1e-9))
    for x in (-1e-4, -3e-5, 0.0, 2e-5):
        wanted = log_gamma_density(1e9, 1e-9, mp.exp(mp.mpf(x)))
        assert density([x]) == pytest.approx(float(wanted), rel=1e-9)


@pytest.mark.parametrize("name", POSITIVE)
def test_far_out_a_density_is_a_number_or_0(name):
    values = scale_density(POSITIVE[name]).evaluate(
        [[x] for x in (-np.inf, -800.0, -650.0, 300.0, 700.0, np.inf)]
    )
    assert not np.isnan(values).any()
    assert (values < np.inf).all()
    assert values[-1] < -100.0


@pytest.mark.parametrize(
    "prior", [stats.gamma(4, loc=1.0), stats.uniform(0, 2), stats.weibull_min(2)]
)
def test_what_is_not_compiled_is_none(prior):
    assert scale_density(prior) is None


MODELS = {
    "eta, K": lambda k: ph.BetaBinomial(
        [1, 3, 0], [9, 8, 7], prior={"eta": stats.beta(2, 3), "K": k}),
    "alpha, beta": lambda k: ph.BetaBinomial(
        [1, 3, 0], [9, 8, 7], prior={"alpha": k, "beta": stats.gamma(2, scale=3)}),
    "alpha, mu": lambda k: ph.PoissonGamma(
        [1, 3, 0], [2.0, 3.0, 4.0], prior={"alpha": k, "mu": stats.invgamma(2, scale=3)}),
    "alpha, rate": lambda k: ph.PoissonGamma(
        [1, 3, 0], [2.0, 3.0, 4.0], prior={"alpha": stats.lognorm(0.5), "beta": k}),
    "d0, s2_0": lambda k: ph.VarianceGamma(
        [1.0, 2.0, 3.0], [4, 5, 6], prior={"d0": k, "s2_0": stats.gamma(2, scale=3)}),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("prior", [POSITIVE[name] for name in ("gamma", "lognorm", "halfnorm")])
def test_models_sample_the_density_that_quadrature_takes(name, prior):
    """The density of the samplers, with compiled priors, is that of arrays, of SciPy's."""
    rng = np.random.default_rng(1)
    model = MODELS[name](prior)
    assert model.log_marginal.compiled
    phi = rng.normal(0.0, 1.5, (50, 2))
    chart, first, second = model._chart(model.prior)
    one, other = chart.of_phi(phi)
    own = first.logpdf(one) + second.logpdf(other) + chart.log_jacobian(phi)
    wanted = model.log_marginal_likelihood(phi) + own
    np.testing.assert_allclose(model.log_marginal.evaluate(phi), wanted, rtol=1e-12)
    np.testing.assert_allclose(model.log_posterior(phi), wanted, rtol=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_joint_densities_have_the_slopes_of_their_values(name):
    rng = np.random.default_rng(1)
    joint = MODELS[name](stats.gamma(4, scale=2)).joint("centred").gradient
    assert joint.compiled
    x = rng.normal(0.0, 1.0, joint.ndim)
    slopes = joint(x)[1]
    for k in range(joint.ndim):
        h = 1e-4 * (np.arange(joint.ndim) == k)
        four = [joint(x + s * h)[0] for s in (-2.0, -1.0, 1.0, 2.0)]
        slope = (four[0] - 8.0 * four[1] + 8.0 * four[2] - four[3]) / 12e-4
        assert slopes[k] == pytest.approx(slope, rel=1e-7, abs=1e-7)


def test_another_prior_of_a_pair_is_still_called():
    model = ph.BetaBinomial(
        [1, 3, 0], [9, 8, 7], prior={"eta": stats.beta(2, 3), "K": stats.weibull_min(2)}
    )
    assert not model.log_marginal.compiled
    phi = np.array([[0.1, 0.2], [-1.0, 2.0]])
    np.testing.assert_allclose(model.log_marginal.evaluate(phi), model.log_posterior(phi))


@pytest.mark.parametrize("shape", [1e6, 1e12])
def test_a_prior_that_is_a_spike_is_resolved(shape):
    """SciPy's density has 1e-5 of it in rounding; the posterior is the one at tau = 5."""
    y, se = np.array([28.0, 8, -3, 7, -1, 1, 18, 12]), np.array([15.0, 10, 16, 11, 9, 11, 10, 18])
    prior = stats.gamma(shape, scale=5.0 / shape)
    post = ph.exact(ph.NormalNormal(y, se=se, prior_tau=prior, prior_mu=stats.norm(0, 50)))
    weight = 1.0 / (se**2 + 25.0)
    mean = weight @ y / (weight.sum() + 1 / 2500)
    assert post["tau"].mean() == pytest.approx(5.0, rel=10.0 / shape)
    assert post["mu"].mean() == pytest.approx(mean, rel=30.0 / shape + 1e-9)
    counts = ph.BetaBinomial([1, 3], [9, 8], prior={"eta": stats.beta(2, 2), "K": prior})
    assert ph.exact(counts)["K"].mean() == pytest.approx(5.0, rel=10.0 / shape)


@pytest.mark.parametrize("scale", [1e8, 1e40, 1e100])
def test_moments_at_the_scale_of_a_wide_prior(scale):
    """Where groups are pooled the likelihood is flat in K and alpha: they keep their priors."""
    prior = stats.gamma(2, scale=scale)
    binomial = ph.BetaBinomial([1, 3], [9, 8], prior={"eta": stats.beta(2, 2), "K": prior})
    poisson = ph.PoissonGamma([1, 3], [9.0, 8], prior={"alpha": prior, "mu": stats.gamma(2)})
    for model, name in ((binomial, "K"), (poisson, "alpha")):
        found = ph.exact(model)[name]
        assert found.mean() == pytest.approx(2.0 * scale, rel=1e-6)
        assert found.std() == pytest.approx(np.sqrt(2.0) * scale, rel=1e-6)


@pytest.mark.parametrize("exponent", [0.003, 0.05])
def test_mass_beyond_the_doubles_is_said_to_be_there(exponent):
    """Effects had infinite means and NaN for their sds."""
    vague = stats.invgamma(exponent, scale=exponent)  # a tail of K^-exponent
    data = [1, 3, 0, 5], [9.0, 8.0, 7.0, 12.0]
    models = {
        "K": ph.BetaBinomial(*data, prior={"eta": stats.beta(2, 2), "K": vague}),
        "alpha": ph.PoissonGamma(*data, prior={"mu": stats.gamma(2), "alpha": vague}),
        "d0": ph.VarianceGamma([1.0, 2, 3], [4, 5, 6], prior={"d0": vague, "s2_0": vague}),
    }
    for name, model in models.items():
        with pytest.raises(ValueError, match=f"{name} has .* of its mass beyond what doubles hold"):
            ph.exact(model)


@pytest.mark.parametrize("far", [-745.0, 800.0])
def test_shrinkage_where_no_double_holds_the_hyperparameters(far):
    binomial, poisson = ph.BetaBinomial([1, 0], [9, 0]), ph.PoissonGamma([1, 3], [9.0, 8.0])
    whole = float(far > 0.0)
    assert binomial.pooling(np.array([0.3, far])).tolist() == [whole, 1.0]
    assert poisson.pooling(np.array([far, 0.1])).tolist() == [whole, whole]


@pytest.mark.parametrize("prior", [stats.gamma(np.nan), stats.gamma(-1.0), stats.lognorm(0.0)])
def test_parameters_that_make_no_distribution_are_named(prior):
    """Of counts a posterior of NaN was made; of tau it was an error."""
    with pytest.raises(ValueError, match="prior.'K'.*parameters that make no distribution"):
        ph.BetaBinomial([1, 3], [9, 8], prior={"eta": stats.beta(2, 2), "K": prior})
    with pytest.raises(ValueError, match="prior_tau.*parameters that make no distribution"):
        ph.NormalNormal([1.0, 3.0], se=[1.0, 1.0], prior_tau=prior)
    with pytest.raises(ValueError, match="prior.'eta'.*parameters that make no distribution"):
        ph.BetaBinomial([1], [9], prior={"eta": stats.beta(0.0, 1.0), "K": stats.gamma(2)})


HEAVY = {
    "t": lambda prior: ph.NormalT([1.0, 2, 9], se=[1.0, 1, 1], nu=4, prior_tau=prior),
    "two normals": lambda prior: ph.NormalMixture([1.0, 2, 9], se=[1.0, 1, 1], prior_tau=prior),
    "regression": lambda prior: ph.NormalT(
        [1.0, 2, 9, 4], se=[1.0, 1, 1, 2], nu=4, X=[0.0, 1, 2, 1], prior_tau=prior),
    "logits": lambda prior: ph.BinomialNormal([1, 2, 9], [10, 10, 10], prior_tau=prior),
}  # fmt: skip


@pytest.mark.parametrize("model", HEAVY)
@pytest.mark.parametrize(("sd", "place"), [(1e-5, 2.0), (1e-7, 2.0), (1e-6, 1e-6), (1e-6, 1e5)])
def test_a_spike_is_found_by_models_of_heavy_tails(model, sd, place):
    """Next to nothing is held at exp(-1e6) there: of t tau had the mean 273 where it is 2."""
    post = ph.exact(HEAVY[model](stats.lognorm(sd, scale=place)))
    assert post["tau"].mean() == pytest.approx(place, rel=20.0 * sd)


def test_a_spike_that_is_not_found_is_an_error():
    with pytest.raises(ValueError, match="next to nothing wherever a search for mass looked"):
        ph.exact(HEAVY["t"](lambda tau: -0.5 * ((tau - 2.0) / 1e-7) ** 2))
