"""Counts with normal effects: published answers, sums of our own, and what cannot be."""

import pickle

import numpy as np
import pytest
from scipy import stats
from scipy.special import betaln, digamma, expit, gammaln, logsumexp, polygamma

import pyhier as ph

SURGICAL = ph.load_dataset("surgical")
DEATHS, OPERATIONS = (SURGICAL[name].to_numpy(float) for name in ("deaths", "operations"))
PUMPS = ph.load_dataset("pumps")


def surgical(**more):
    return ph.BinomialNormal(DEATHS, OPERATIONS, **more)


def pumps(**more):
    return ph.PoissonNormal(PUMPS["failures"], PUMPS["khours"], **more)


def by_sums(mass, mu, log_tau, log_prior, wanted, size=201):
    """A posterior by plain sums: theta on a line of z, mu and log tau on a grid.

    ``mass(theta)`` are the logs of the groups' probabilities, shape (groups, *theta.shape).
    Returned are the log of the evidence, and the means of mu, tau and a wanted group's effect.
    """
    z = np.linspace(-9.0, 9.0, size)
    weight = stats.norm.logpdf(z) + np.log(z[1] - z[0])
    rows = []
    for s in log_tau:
        theta = mu[:, None] + np.exp(s) * z
        own = mass(theta)
        parts = logsumexp(own + weight, axis=-1)  # (groups, mu)
        law = np.exp(own[wanted] + weight - parts[wanted][:, None])
        total = parts.sum(axis=0) + log_prior(mu, s)
        rows.append((total, (law * theta).sum(axis=1)))
    total, effect = (np.array(part) for part in zip(*rows, strict=True))
    total += np.log(mu[1] - mu[0]) + np.log(log_tau[1] - log_tau[0])
    log_z = logsumexp(total)
    share = np.exp(total - log_z)
    tau = np.exp(log_tau)[:, None]
    return log_z, (share * mu).sum(), (share * tau).sum(), (share * effect).sum()


def test_surgical_of_posteriordb():
    """Its model with BUGS' own priors, of which it keeps no reference draws; also by plain sums."""
    model = surgical(
        prior_mu=stats.norm(0, 1000), prior_tau=lambda t: -1.002 * np.log(t) - 0.001 / t**2
    )
    post = ph.exact(model)
    found = [post["mu"].mean(), post["mu"].std(), post["tau"].mean(), post["tau"].std()]
    np.testing.assert_allclose(found, [-2.5537746, 0.1536172, 0.4035445, 0.158266], atol=2e-5)


def test_binomial_against_sums():
    model = surgical(prior_mu=stats.norm(-2, 1), prior_tau=stats.halfnorm(scale=0.7))
    post = ph.exact(model)

    def mass(theta):
        y, n = DEATHS[:, None, None], OPERATIONS[:, None, None]
        return -betaln(y + 1, n - y + 1) - np.log1p(n) + y * theta - n * np.logaddexp(0, theta)

    def log_prior(mu, s):
        return stats.norm(-2, 1).logpdf(mu) + stats.halfnorm(scale=0.7).logpdf(np.exp(s)) + s

    mu, log_tau = np.linspace(-4.5, -0.8, 101), np.linspace(-22.0, 1.6, 160)
    log_z, *means = by_sums(mass, mu, log_tau, log_prior, 0)
    assert post.log_evidence == pytest.approx(log_z, abs=1e-8)
    found = [post[name].mean() for name in ("mu", "tau", "theta[1]")]
    np.testing.assert_allclose(found, means, rtol=1e-8)


def test_poisson_against_sums():
    model = pumps(prior_mu=stats.norm(0, 3), prior_tau=stats.expon(scale=1))
    post = ph.exact(model)

    def mass(theta):
        y, e = (PUMPS[name].to_numpy(float)[:, None, None] for name in ("failures", "khours"))
        return y * (theta + np.log(e)) - e * np.exp(theta) - gammaln(y + 1)

    def log_prior(mu, s):
        return stats.norm(0, 3).logpdf(mu) + stats.expon(scale=1).logpdf(np.exp(s)) + s

    mu, log_tau = np.linspace(-7.0, 6.0, 161), np.linspace(-4.0, 2.7, 80)
    log_z, *means = by_sums(mass, mu, log_tau, log_prior, 4, 401)
    assert post.log_evidence == pytest.approx(log_z, abs=1e-7)
    found = [post[name].mean() for name in ("mu", "tau", "theta[5]")]
    np.testing.assert_allclose(found, means, rtol=1e-7)


@pytest.mark.parametrize("kind", ["binomial", "Poisson"])
@pytest.mark.parametrize("group", [0, 2])
def test_an_effects_marginal_against_sums(kind, group):
    """Mean, sd and tails; the prior keeps tau where plain sums over mu resolve it."""
    y, size = np.array([0, 3, 7.0]), np.array([12, 8, 20.0])
    make = {"binomial": ph.BinomialNormal, "Poisson": ph.PoissonNormal}[kind]
    prior = stats.norm(-1, 1), stats.lognorm(0.35, scale=0.6)
    marginal = ph.exact(make(y, size, prior_mu=prior[0], prior_tau=prior[1]))[f"theta[{group + 1}]"]

    def mass(theta, own):
        cumulant = np.logaddexp(0, theta) if kind == "binomial" else np.exp(theta)
        return np.exp(y[own] * theta - size[own] * cumulant)

    z, mu = np.linspace(-9.0, 9.0, 201), np.linspace(-9.0, 7.0, 321)[:, None]
    node, weight = np.polynomial.legendre.leggauss(80)
    points, sums = np.array([-2.5, -1.2, -0.4]), np.zeros(6)
    for s in np.linspace(-3.3, 2.3, 57):
        theta = mu + np.exp(s) * z
        height = stats.norm.pdf(z) * (z[1] - z[0])
        others = [mass(theta, k) @ height for k in range(3) if k != group]
        share = np.prod(others, axis=0) * prior[0].pdf(mu[:, 0])
        share *= prior[1].pdf(np.exp(s)) * np.exp(s)
        own = mass(theta, group) * height
        sums[:3] += [share @ (own * theta**k).sum(axis=1) for k in range(3)]
        for i, x in enumerate(points):
            width = 0.5 * (np.clip((x - mu) / np.exp(s), -9.0, 9.0) + 9.0)
            at = width * (1.0 + node) - 9.0
            below = mass(mu + np.exp(s) * at, group) * stats.norm.pdf(at) * width
            sums[3 + i] += share @ (below @ weight)
    mean, square, *tails = sums[1:] / sums[0]
    assert marginal.mean() == pytest.approx(mean, rel=1e-8)
    assert marginal.std() == pytest.approx(np.sqrt(square - mean**2), rel=1e-8)
    np.testing.assert_allclose(marginal.cdf(points), tails, atol=1e-8)


def test_effects_are_what_the_nodes_mix():
    """An effect's marginal by the plane against its law at weighted nodes."""
    post = ph.exact(surgical(prior_tau=stats.halfnorm(scale=1)))
    marginal = post["theta[1]"]
    law = post.model.theta_given(0, post.phi)
    x = np.array([-5.0, -4.0, -3.0, -2.3])
    np.testing.assert_allclose(marginal.cdf(x), law.cdf(x) @ post.weight, rtol=1e-7)
    assert marginal.mean() == pytest.approx(law.mean @ post.weight, rel=1e-8)
    drawn = post.to_draws(20_000, 3).theta[..., 0].ravel()
    assert stats.kstest(marginal.cdf(drawn), "uniform").pvalue > 1e-4


def test_large_counts_are_a_normal_model():
    """Of 1e10 trials the likelihood of a logit is normal, to what its skewness leaves."""
    rng = np.random.default_rng(5)
    n = np.full(8, 1e10)
    y = np.round(n * expit(-1.0 + 0.3 * rng.normal(size=8)))
    model = ph.BinomialNormal(y, n)
    logit, se = model.estimates()
    post, other = ph.exact(model), ph.exact(ph.NormalNormal(logit, se=se))
    for name in ("mu", "tau"):
        assert post[name].mean() == pytest.approx(other[name].mean(), rel=1e-7)


def test_empirical_bayes_by_a_search_of_the_sums():
    from scipy.optimize import minimize

    z, w = np.polynomial.hermite_e.hermegauss(120)

    def loss(phi):
        theta = phi[0] + np.exp(phi[1]) * z
        mass = stats.binom.pmf(DEATHS[:, None], OPERATIONS[:, None], expit(theta))
        return -np.log(mass @ w / np.sqrt(2.0 * np.pi)).sum()

    best = minimize(
        loss, [-2.5, -1.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-13}
    )
    fit = ph.empirical_bayes(surgical()).estimate
    np.testing.assert_allclose([fit["mu"], np.log(fit["tau"])], best.x, rtol=1e-6)


def test_groups_without_trials_learn_from_the_others():
    model = ph.BinomialNormal([*DEATHS, 0], [*OPERATIONS, 0], prior_tau=stats.halfnorm(scale=1))
    post = ph.exact(model)
    new, none = post["theta_new"], post["theta[13]"]
    assert none.mean() == pytest.approx(new.mean(), rel=1e-8)
    np.testing.assert_allclose(none.ppf([0.025, 0.9]), new.ppf([0.025, 0.9]), rtol=1e-7)


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (lambda: ph.BinomialNormal([0, 0, 0], [5, 6, 7]), "no success.*prior_mu=scipy.stats.norm"),
        (lambda: ph.BinomialNormal([5, 6, 7], [5, 6, 7]), "no failure.*prior_mu=scipy.stats.norm"),
        (lambda: ph.BinomialNormal([0, 0], [0, 0]), "no trials"),
        (lambda: ph.BinomialNormal([1, 2, 0, 0], [5, 6, 7, 8]), "at least 3 groups with both"),
        (lambda: ph.PoissonNormal([0, 0, 0], [1, 2, 3]), "no event.*prior_mu"),
        (lambda: ph.PoissonNormal([1, 0, 2], [1, 2, 3]), "at least 3 groups with events"),
        (lambda: surgical(prior_tau=lambda t: -np.log(t)), "infinite mass at tau = 0"),
    ],
)
def test_improper(model, why):
    with pytest.raises(ValueError, match=why):
        ph.exact(model())


def test_what_mends_the_improper_does():
    post = ph.exact(
        ph.BinomialNormal([0, 0, 0], [5, 6, 7], prior_mu=stats.norm(0, 2),
                          prior_tau=stats.halfnorm(scale=1))
    )  # fmt: skip
    assert np.isfinite(post["theta[1]"].mean())
    assert post["theta[1]"].mean() > post["theta[3]"].mean()


def test_estimates_at_the_ends():
    logit, se = ph.BinomialNormal([0, 3, 6, 0], [5, 5, 6, 0]).estimates()
    assert logit[0] == -np.inf
    assert logit[2] == np.inf
    assert logit[1] == pytest.approx(np.log(1.5), rel=1e-14)
    assert se[1] == pytest.approx(np.sqrt(1 / 3 + 1 / 2), rel=1e-14)
    assert np.isnan(se[3])
    rate, se = ph.PoissonNormal([0, 4], [2.0, 2.0]).estimates()
    assert rate.tolist() == [-np.inf, np.log(2.0)]
    assert se[1] == 0.5


def test_pooling_is_the_share_of_the_variance():
    """That of large counts is var / (var + tau^2)."""
    model = ph.BinomialNormal([400_000, 0], [1_000_000, 10])
    log_tau = np.log(0.002)
    found = model.pooling(np.array([-0.4, log_tau]))
    var = 1.0 / 400_000 + 1.0 / 600_000
    assert found[0] == pytest.approx(var / (var + 0.002**2), rel=1e-3)
    np.testing.assert_allclose(model.pooling(np.array([[0.0, -np.inf]])), 1.0, rtol=1e-14)


def test_it_pickles_and_takes_other_priors():
    model = pumps(prior_mu=stats.norm(0, 2), labels=list("abcdefghij"))
    again = pickle.loads(pickle.dumps(model))
    assert repr(again) == "PoissonNormal: 10 groups, mu normal(0, 2), tau uniform"
    assert again.labels == tuple("abcdefghij")
    other = model.with_prior(prior_tau="dumouchel")
    assert repr(other) == "PoissonNormal: 10 groups, mu normal(0, 2), tau dumouchel"
    assert repr(surgical()) == "BinomialNormal: 12 groups, mu flat, tau uniform"


def test_it_predicts_counts():
    post = ph.exact(surgical(prior_tau=stats.halfnorm(scale=1)))
    new = post.predict(draws=2_000, rng=1)
    assert (new >= 0).all()
    assert (new <= OPERATIONS).all()
    assert abs(new[..., 0].mean() - 47 * expit(-3.0)) < 0.6


def test_rates_beyond_numpys_are_told():
    """Their prior is named, in both models of events."""
    rng, rates = np.random.default_rng(1), np.array([1.0, 60.0])
    with pytest.raises(ValueError, match=r"new group's events .* prior_tau="):
        pumps().predict_new(rates, 1.0, rng)
    model = ph.PoissonGamma(PUMPS["failures"], PUMPS["khours"])
    with pytest.raises(ValueError, match=r"new group's events .* prior="):
        model.predict_new(np.array([1.0, np.inf]), 1.0, rng)
    assert np.isfinite(model.predict_new(np.array([0.0, 1e15]), 2.0, rng)).all()


def test_counts_of_1e12_are_estimates_of_logits():
    """With standard errors of 1e-6 what `NormalNormal` makes of the logits, to their size."""
    y = np.random.default_rng(1).integers(10**11, 9 * 10**11, 8).astype(float)
    n = 1e12
    post = ph.exact(ph.BinomialNormal(y, np.full(8, n)))
    logit, se = np.log(y) - np.log(n - y), np.sqrt(1.0 / y + 1.0 / (n - y))
    right = ph.exact(ph.NormalNormal(logit, se=se))
    for name in ("mu", "tau", "theta[1]"):
        assert post[name].mean() == pytest.approx(right[name].mean(), abs=1e-8)


def test_a_prior_of_tau_far_from_the_data_is_found():
    """Tau is as good as 0: all groups share one logit, whose posterior is a beta's."""
    post = ph.exact(ph.BinomialNormal([3, 5, 2], [10, 12, 9], prior_tau=stats.halfnorm(scale=1e-8)))
    share = stats.beta(10, 21).ppf([0.025, 0.975])
    ends = np.log(share) - np.log1p(-share)
    np.testing.assert_allclose(post["theta[1]"].interval(0.95), ends, rtol=1e-7)
    assert post["tau"].mean() == pytest.approx(1e-8 * np.sqrt(2.0 / np.pi), rel=1e-6)


@pytest.mark.parametrize("log_tau", [10.0, 15.0, 20.0, 25.0, 30.0, 36.0, 40.0, 44.0])
def test_groups_without_events_in_wide_populations(log_tau):
    """Beside a tau so large the likelihood of none is a step: Phi, shifted by the step's mean.

    (1 - p)^n falls by the density of a logistic beta(1, n), exp(-n e^t) by a Gumbel's; what is not
    normal of these does not count beside tau^2 from here on.
    """
    tau, z = np.exp(log_tau), np.array([-6.0, -2.0, 0.3, 1.0, 3.0, 6.0])
    mean, var = digamma(1.0) - digamma(10.0), polygamma(1, 1.0) + polygamma(1, 10.0)
    phi = np.column_stack([z * tau, np.full(z.size, log_tau)])
    wide = {"prior_tau": stats.halfnorm(scale=1.0)}
    none = stats.norm.logcdf(-(z * tau - mean) / np.sqrt(tau**2 + var))
    allowed = 1e-11 + 2.0 / tau**2
    found = ph.BinomialNormal([0], [10], **wide).log_marginal_likelihood(phi)
    np.testing.assert_allclose(found, none, rtol=1e-12, atol=allowed)
    mirrored = ph.BinomialNormal([10], [10], **wide).log_marginal_likelihood(phi * [-1.0, 1.0])
    np.testing.assert_allclose(mirrored, none, rtol=1e-12, atol=allowed)
    rate = stats.norm.logcdf(
        -(z * tau - digamma(1.0) + np.log(3.0)) / np.hypot(tau, np.pi / 6**0.5)
    )
    found = ph.PoissonNormal([0], [3.0], **wide).log_marginal_likelihood(phi)
    np.testing.assert_allclose(found, rate, rtol=1e-12, atol=allowed)


def test_few_groups_one_of_them_without_events():
    """Its posterior's tail is long, and was refused; by a plain sum of own integrals."""
    y, n = np.array([0, 3, 5, 2, 7]), np.array([10, 12, 13, 14, 15])
    post = ph.exact(ph.BinomialNormal(y, n))
    at, step = np.linspace(-24.0, 24.0, 1201, retstep=True)
    w, near = np.linspace(-8.5, 8.5, 121, retstep=True)
    log_tau, outer = np.linspace(-9.0, 14.0, 231, retstep=True)
    v, inner = np.linspace(-6.0, 6.0, 161, retstep=True)
    masses = []
    for tau in np.exp(log_tau):
        mu = -0.5 + max(tau, 0.4) * np.sinh(v)
        if tau < 1.0:  # theta by its distance from mu, or on a grid of its own
            theta = mu[:, None] + tau * w
            density = np.tile(stats.norm.pdf(w) * near, (mu.size, 1))
        else:
            theta = np.tile(np.sinh(at), (mu.size, 1))
            density = stats.norm.pdf(theta, mu[:, None], tau) * np.cosh(at) * step
        logs = y[:, None, None] * theta - n[:, None, None] * np.logaddexp(0.0, theta)
        each = (np.exp(logs) * density).sum(axis=2)
        masses.append((np.prod(each, axis=0) * np.cosh(v)).sum() * inner * max(tau, 0.4) * tau)
    share = np.cumsum(masses) * outer
    share = (share - 0.5 * outer * np.array(masses)) / share[-1]
    low, high = np.interp([0.0, 2.0], log_tau, share)
    # Beyond the sum's ends there are 1e-4; it is of cells, and right to their squares.
    assert post["tau"].cdf(1.0) == pytest.approx(low, abs=1e-3)
    assert post["tau"].cdf(np.exp(2.0)) == pytest.approx(high, abs=1e-3)
