"""Events in two arms, both binomial, with the studies' risks integrated out."""

import pickle

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import brentq
from scipy.special import gammaln

import pyhier as ph

# Two studies with none in an arm, one with nothing but events, one all apart, one without any.
EVENTS, SIZE = np.array([4, 0, 12, 3, 5, 0.0]), np.array([30, 25, 12, 40, 5, 10.0])
OTHERS, OTHER_SIZE = np.array([9, 4, 9, 0, 0, 0.0]), np.array([28, 24, 15, 35, 4, 12.0])
ARMS = EVENTS, SIZE, OTHERS, OTHER_SIZE
PRIORS = {"prior_mu": stats.norm(-0.5, 1), "prior_tau": stats.lognorm(0.25, scale=0.8)}
BCG = ph.load_dataset("bcg")
OF_BCG = [BCG[name] for name in ("vaccinated_cases", "vaccinated", "control_cases", "control")]


def log_choose(n, k):
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)


def two_binomials(arms, theta, a):
    """Logs of integrals over the risks' logits at places (n,), shape (studies, n), by sums."""
    first, other = a[:, None] + theta / 2, a[:, None] - theta / 2
    logs = np.logaddexp(0, [first, other])
    rows = []
    for y, n, x, m in zip(*arms, strict=True):
        height = y * first - n * logs[0] + x * other - m * logs[1]
        top = height.max(axis=0)
        found = np.log(np.exp(height - top).sum(axis=0) * (a[1] - a[0])) + top
        found += log_choose(n, y) + log_choose(m, x)
        rows.append(found if 0 < y + x < n + m else np.zeros(theta.shape))
    return np.array(rows)


def test_against_sums():
    """The constant, and means and sds of mu, tau and effects, by sums over all four."""
    post = ph.exact(ph.TwoBinomialNormal(*ARMS, **PRIORS))
    # integrals at the places of one lattice, of which normal densities of any tau take their parts
    theta = np.arange(-40.0, 40.0, 0.1)
    own = np.exp(two_binomials(ARMS, theta, np.arange(-70.0, 70.0, 0.1)))
    mu, log_tau = np.arange(-7.5, 6.5, 0.1), np.log(0.8) + np.arange(-1.75, 2.3, 0.05)
    total, sums = 0.0, np.zeros(8)
    for tau in np.exp(log_tau):
        density = stats.norm.pdf(theta, mu[:, None], tau) * 0.1
        parts = density @ own.T
        share = parts.prod(axis=1) * PRIORS["prior_mu"].pdf(mu) * PRIORS["prior_tau"].pdf(tau) * tau
        total += share.sum()
        sums[:4] += [share @ mu, share @ mu**2, share.sum() * tau, share.sum() * tau**2]
        for i, group in ((4, 1), (6, 4)):
            law = density * own[group] / parts[:, [group]]
            sums[i : i + 2] += [share @ (law @ theta), share @ (law @ theta**2)]
    assert post.log_z == pytest.approx(np.log(total * 0.1 * 0.05), abs=1e-8)
    wanted = sums / total
    for i, name in enumerate(("mu", "tau", "theta[2]", "theta[5]")):
        mean, square = wanted[2 * i : 2 * i + 2]
        assert post[name].mean() == pytest.approx(mean, abs=1e-8)
        assert post[name].std() == pytest.approx(np.sqrt(square - mean**2), abs=1e-8)
    none, new = post["theta[6]"], post["theta_new"]  # it says nothing: a new study's
    assert none.mean() == pytest.approx(new.mean(), abs=1e-8)
    np.testing.assert_allclose(none.cdf([-2.0, 0.3]), new.cdf([-2.0, 0.3]), atol=1e-8)


def test_bcg():
    """The likelihood by sums over risks and effects; the margins say little beside the events."""
    model = ph.TwoBinomialNormal(*OF_BCG)
    theta, a = np.arange(-7.0, 6.0, 0.02), np.arange(-10.0, 2.0, 0.02)
    own = np.exp(two_binomials([np.asarray(x, float) for x in OF_BCG], theta, a))
    for mu, tau in ((-0.7, 0.5), (-1.1, 0.9), (0.1, 0.7)):
        wanted = np.log(own @ stats.norm.pdf(theta, mu, tau) * 0.02).sum()
        found = model.log_marginal_likelihood(model.phi_at(mu=mu, tau=tau)[np.newaxis])[0]
        assert found == pytest.approx(wanted, abs=1e-9)
    fit = ph.empirical_bayes(model).estimate
    other = ph.empirical_bayes(ph.HypergeometricNormal(*OF_BCG)).estimate
    assert 1e-4 < abs(fit["mu"] - other["mu"]) < 2e-3
    assert 1e-4 < abs(fit["tau"] - other["tau"]) < 2e-3


def test_pairs():
    """One person in each arm: theta / (1 - exp(-theta)), and estimates three times too large.

    Of the same odds ratio in all, which the conditional model has at the logit of the share.
    """
    ones, y = np.ones(100), np.repeat([1.0, 0.0], [52, 48])
    model = ph.TwoBinomialNormal(y, ones, 1 - y, ones)

    def slope(t):
        return 52 * (1 / t - 1 / np.expm1(t)) + 48 * (1 / t - 1 - 1 / np.expm1(t))

    hat = brentq(slope, 1e-3, 3.0, xtol=1e-14)
    assert hat == pytest.approx(3.0 * np.log(52 / 48), rel=0.01)
    gradient, hessian = model.likelihood_derivatives(np.array([hat, -np.inf]))
    assert gradient[0] == pytest.approx(0.0, abs=1e-9)
    h = 1e-5
    assert hessian[0, 0] == pytest.approx((slope(hat + h) - slope(hat - h)) / (2 * h), rel=1e-8)
    np.testing.assert_allclose(model.estimates()[0], np.where(y > 0.0, np.inf, -np.inf))


def test_arms_and_events_are_symmetric():
    """Arms changed, or events and the others: the log odds ratios change their signs."""
    prior = {"prior_mu": stats.norm(0, 2), "prior_tau": stats.halfnorm(scale=1)}
    first = ph.exact(ph.TwoBinomialNormal(*ARMS, **prior))
    for arms in (
        (OTHERS, OTHER_SIZE, EVENTS, SIZE),
        (SIZE - EVENTS, SIZE, OTHER_SIZE - OTHERS, OTHER_SIZE),
    ):
        other = ph.exact(ph.TwoBinomialNormal(*arms, **prior))
        assert other.log_z == pytest.approx(first.log_z, abs=1e-9)
        for name in ("mu", "theta[5]"):
            assert other[name].mean() == pytest.approx(-first[name].mean(), abs=1e-8)


@pytest.mark.parametrize("kind", ["centred", "non-centred"])
def test_joint_densities(kind):
    """The joint density by its parts; its gradient by differences; far beyond the tables, too."""
    model = ph.TwoBinomialNormal(*ARMS, **PRIORS)
    rng = np.random.default_rng(4)
    x = np.array([0.3, -0.4, *rng.normal(size=6)])
    x[6] = 200.0  # the effect of the study that has no highest likelihood
    density = model.joint(kind)
    value, gradient = density.gradient(x)
    mu, tau = x[0], np.exp(x[1])
    theta = x[2:] if kind == "centred" else mu + tau * x[2:]
    wanted = model.log_likelihood(theta).sum() + model.log_prior(x[:2])
    wanted += stats.norm(mu, tau).logpdf(theta).sum() + (6 * x[1] if kind != "centred" else 0.0)
    assert value == pytest.approx(wanted, rel=1e-12)
    h = 1e-5
    for k, step in enumerate(h * np.eye(8)):
        slope = (density.gradient(x + step)[0] - density.gradient(x - step)[0]) / (2 * h)
        assert gradient[k] == pytest.approx(slope, rel=1e-6, abs=1e-4)


def test_draws_and_predictions():
    """Effects by their distribution; events given those in both arms."""
    model = ph.TwoBinomialNormal(*ARMS, **PRIORS)
    post = ph.exact(model)
    draws = post.to_draws(4_000, 1)
    for name in ("theta[2]", "theta[5]"):
        assert stats.kstest(post[name].cdf(draws.draws_of(name).ravel()), "uniform").pvalue > 1e-4
    theta = np.full((10_000, 6), 0.4)
    again = model.predict(theta, np.random.default_rng(2))
    law = stats.nchypergeom_fisher(58, 30, 13, np.exp(0.4))
    assert abs(again[:, 0].mean() - law.mean()) < 5 * law.std() / 100
    assert (again[:, 5] == 0.0).all()
    with pytest.raises(ValueError, match="risk in its second arm"):
        post.predict_new(10, rng=1)


def test_covariates():
    """A constant as the only covariate is mu; tables are the density; copies are the same."""
    prior = {"prior_tau": stats.halfnorm(scale=1)}
    plain = ph.exact(ph.TwoBinomialNormal(*OF_BCG, **prior))
    ones = ph.TwoBinomialNormal(*OF_BCG, X={"one": np.ones(13)}, **prior)
    assert ph.exact(ones)["beta[one]"].mean() == pytest.approx(plain["mu"].mean(), abs=1e-8)
    x = (BCG["latitude"].to_numpy() - 33.0) / 10.0
    model = ph.TwoBinomialNormal(*OF_BCG, X={"x": x}, **prior)
    rng = np.random.default_rng(3)
    psi = np.column_stack([rng.normal(-0.7, 0.5, (60, 2)), rng.choice([-3.0, 0.2], 60)])
    np.testing.assert_allclose(model.log_psi(psi), model.log_posterior(psi), rtol=1e-11)
    copy = pickle.loads(pickle.dumps(model))
    assert type(copy) is type(model) is ph.models.TwoBinomialNormalRegression
    assert copy.log_marginal(psi[0]) == model.log_marginal(psi[0])
    wider = model.with_prior(prior_tau=stats.halfnorm(scale=3))
    assert type(wider) is type(model)
    assert wider.why_improper().startswith("the flat prior of beta[Intercept]")


def test_refused():
    """Flat risks have no evidence and make no data; a study all apart needs one study more."""
    proper = ph.TwoBinomialNormal(*ARMS, **PRIORS)
    with pytest.raises(ValueError, match="no evidence under the flat prior of the studies' risks"):
        ph.exact(proper).log_evidence  # noqa: B018
    with pytest.raises(ValueError, match="flat prior of the studies' risks is improper"):
        ph.calibrate(proper)
    apart = [5, 1, 2, 2], [5, 4, 5, 6], [0, 2, 1, 3], [5, 6, 3, 8]
    assert ph.HypergeometricNormal(*apart).why_no_posterior() == ""
    with pytest.raises(ValueError, match="4 groups, 3 of them .* at least 4 groups"):
        ph.exact(ph.TwoBinomialNormal(*apart))
    assert ph.TwoBinomialNormal(*(x + x[2:] for x in apart)).why_no_posterior() == ""
    with pytest.raises(ValueError, match=r"1e\+10: .* NormalNormal"):
        ph.TwoBinomialNormal([4e10], [1e12], [3e10], [1e12])
    with pytest.raises(ValueError, match=r"events\[1\] \(group B\) is 30"):
        ph.TwoBinomialNormal([1, 30], [5, 20], [1, 2], [9, 9], labels=["A", "B"])


def test_far_tails():
    """The population's tail where the likelihood is a step, however wide and far away it is."""
    far, log_tau = np.array([-1e17, -1e6, -1e3, 0.0, 1e3, 1e16]), np.array([45.0, 60.0, 200.0])
    for model in (
        ph.HypergeometricNormal([5], [5], [0], [5]),
        ph.TwoBinomialNormal([5, 2], [5, 9], [0, 7], [5, 9]),  # a study of its own margins
    ):
        phi = np.array([[mu, s] for mu in far for s in log_tau])
        found = model.log_marginal_likelihood(phi)
        assert np.isfinite(found).all()
    found = ph.HypergeometricNormal([5], [5], [0], [5]).log_marginal_likelihood(phi[:15])
    wanted = stats.norm.logcdf(phi[:15, 0] / np.exp(phi[:15, 1]))
    np.testing.assert_allclose(found[3:], wanted[3:], atol=1e-12)
