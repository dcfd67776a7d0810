"""BetaBinomial and PoissonGamma: bad input, priors, conditionals, symmetries."""

import pickle
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

import pyhier as ph

Y, N = [3, 0, 9, 12], [10, 8, 11, 12]
COUNTS, EXPOSURE = [0, 2, 1, 5], [510.0, 830.0, 1204.0, 900.0]


def pair(**options):
    return ph.BetaBinomial(Y, N, **options), ph.PoissonGamma(COUNTS, EXPOSURE, **options)


@pytest.mark.parametrize(
    ("y", "n", "message"),
    [
        ([3, 11], [10, 10], r"successes\[1\] \(group b\) is 11.0: there are fewer trials"),
        ([3, -1], [10, 10], r"successes\[1\] \(group b\) is -1.0: counts must be whole"),
        ([3, 2.5], [10, 10], r"successes\[1\] \(group b\) is 2.5: counts must be whole"),
        ([3, 2], [10, np.nan], r"trials\[1\] \(group b\) is nan"),
        ([3, 2], [10], "successes has 2 groups and trials has 1"),
    ],
)
def test_bad_trials(y, n, message):
    with pytest.raises(ValueError, match=message):
        ph.BetaBinomial(y, n, labels=["a", "b"])


@pytest.mark.parametrize(
    ("y", "e", "message"),
    [
        ([3, -1], [10, 10], r"counts\[1\] \(group b\) is -1.0"),
        ([3, 0.5], [10, 10], r"counts\[1\] \(group b\) is 0.5"),
        ([3, 1], [10, 0], r"exposure\[1\] \(group b\) is 0.0: exposures must be positive"),
        ([3, 1], [10, np.inf], r"exposure\[1\] \(group b\) is inf"),
        ([3, 1, 2], [10, 1], "counts has 3 groups and (labels|exposure) has 2"),
    ],
)
def test_bad_counts(y, e, message):
    with pytest.raises(ValueError, match=message):
        ph.PoissonGamma(y, e, labels=["a", "b"])


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (ph.BetaBinomial([0, 20], [10, 20]), "under the prior 'bda3': no group has both"),
        (ph.BetaBinomial([10, 20], [10, 20]), "under the prior 'bda3': no group has both"),
        (ph.BetaBinomial([0, 0], [0, 0]), "under the prior 'bda3'"),
        (ph.BetaBinomial([0], [4], prior="betabinexch"), "no success"),
        (ph.BetaBinomial([4, 5], [4, 5], prior="betabinexch"), "no failure"),
        (ph.PoissonGamma([0, 0], [10, 20]), "under the prior 'poissgamexch': no group has an ev"),
    ],
)
def test_the_engines_refuse_what_has_no_posterior_and_the_plug_in_does_not(model, message):
    for engine in (ph.exact, ph.laplace, ph.grid, partial(ph.rwmetrop, draws=10)):
        with pytest.raises(ValueError, match=f"the posterior is improper .*{message}.*prior={{"):
            engine(model)
    post = ph.given(model, alpha=2, **{"beta" if "trials" in model.observed() else "mu": 3.0})
    assert 0.0 < post["theta[1]"].mean() < 3.0
    found = ph.empirical_bayes(model)
    assert found.edge
    low, high = found["theta[1]"].interval()
    assert 0.0 <= low <= high


def test_the_plug_in_with_next_to_no_spread():
    """The likelihood of one group without failures rises towards a point mass at 1."""
    post = ph.empirical_bayes(ph.BetaBinomial([4], [4]))
    assert post.estimate["eta"] == pytest.approx(1.0)
    assert post["theta[1]"].interval() == (1.0, 1.0)
    for groups in ([4], [4, 3]):  # one group, or two alike, say nothing of the spread
        alike = ph.BetaBinomial(groups, [10] * len(groups))
        assert ph.empirical_bayes(alike).edge
    with pytest.raises(ValueError, match="1 groups have trials: moments need 2"):
        ph.empirical_bayes(ph.BetaBinomial([4, 0], [10, 0]), "moments")


def test_no_success_or_no_failure_under_a_proper_prior():
    proper = {"eta": stats.beta(1, 1), "K": stats.lognorm(1, scale=10)}
    post = ph.exact(ph.BetaBinomial([4, 5], [4, 5], prior=proper))
    assert 0.5 < post["eta"].mean() < 1.0


def test_all_or_nothing_groups_are_proper_under_betabinexch():
    """Groups that are all of one kind: K goes to 0, where that prior has little mass."""
    post = ph.exact(ph.BetaBinomial([4, 0, 5], [4, 3, 5], prior="betabinexch"))
    assert post["K"].median() < 1.0


@pytest.mark.parametrize("model", pair())
@pytest.mark.parametrize(
    ("prior", "error", "message"),
    [
        ("jeffreys", ValueError, "the named priors are"),
        (3.0, TypeError, "it must be a name"),
        ({"alpha": stats.expon()}, ValueError, "prior: alpha given; give alpha and"),
        ({"alpha": stats.norm(), "beta": stats.expon()}, ValueError, "allows negative values"),
        ({"alpha": 3.0, "beta": stats.expon()}, TypeError, "give a scipy.stats distribution"),
    ],
)
def test_bad_priors(model, prior, error, message):
    with pytest.raises(error, match=message):
        model.with_prior(prior=prior)


def test_pandas_indexes_must_agree():
    with pytest.raises(ValueError, match="different pandas indexes"):
        ph.BetaBinomial(pd.Series([1, 2]), pd.Series([3, 4], index=[1, 2]))
    assert ph.BetaBinomial(pd.Series([1, 2]), pd.Series([3, 4])).labels == ("1", "2")


def test_whole_numbers_may_be_floats():
    """R hands over doubles."""
    assert ph.BetaBinomial([3.0, 2.0], [5.0, 4.0]).successes.tolist() == [3.0, 2.0]


@pytest.mark.parametrize("model", pair())
def test_pickles(model):
    again = pickle.loads(pickle.dumps(model))
    phi = model.start()
    assert again.log_marginal(phi) == model.log_marginal(phi)
    assert again.labels == model.labels


def same_prior_twice():
    """A named prior's kernel, and the same prior given by hand."""
    yield (
        ph.BetaBinomial(Y, N, "bda3"),
        ph.BetaBinomial(Y, N, lambda a, b: -2.5 * np.log(a + b)),
    )
    yield (
        ph.BetaBinomial(Y, N, "betabinexch"),
        ph.BetaBinomial(
            Y, N, lambda a, b: -np.log(a) - np.log(b) + np.log(a + b) - 2 * np.log1p(a + b)
        ),
    )
    yield (
        ph.PoissonGamma(COUNTS, EXPOSURE, z0=0.53),
        ph.PoissonGamma(
            COUNTS, EXPOSURE, lambda a, mu: np.log(0.53) - 2 * np.log(a + 0.53) - np.log(mu)
        ),
    )
    beta = {"eta": stats.beta(2, 3), "K": stats.gamma(2, scale=5)}
    yield (
        ph.BetaBinomial(Y, N, beta),
        ph.BetaBinomial(
            Y, N,
            lambda a, b: beta["eta"].logpdf(a / (a + b)) + beta["K"].logpdf(a + b) - np.log(a + b),
        ),
    )  # fmt: skip
    gamma = {"alpha": stats.gamma(2), "beta": stats.expon(scale=500)}
    yield (
        ph.PoissonGamma(COUNTS, EXPOSURE, gamma),
        ph.PoissonGamma(
            COUNTS, EXPOSURE,
            lambda a, mu: gamma["alpha"].logpdf(a)
            + gamma["beta"].logpdf(a / mu) + np.log(a) - 2 * np.log(mu),
        ),
    )  # fmt: skip


@pytest.mark.parametrize(("named", "by_hand"), list(same_prior_twice()))
def test_a_prior_is_the_same_in_every_form(named, by_hand):
    """The Jacobians of all charts."""
    rng = np.random.default_rng(1)
    phi = named.start() + rng.normal(size=(10, 2))
    np.testing.assert_allclose(named.log_prior(phi), by_hand.log_prior(phi), rtol=1e-12, atol=1e-12)
    expected = named.log_posterior(phi)
    np.testing.assert_allclose(by_hand.log_posterior(phi), expected, rtol=1e-12)
    single = [by_hand.log_marginal(point) for point in phi]
    np.testing.assert_allclose(single, expected, rtol=1e-12)
    for k in range(2):
        ours, theirs = named.derivatives(phi[0])[k], by_hand.derivatives(phi[0])[k]
        np.testing.assert_allclose(theirs, ours, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "model",
    [
        ph.BetaBinomial(Y, N, {"eta": stats.beta(2, 3), "K": stats.gamma(4, scale=5)}),
        ph.PoissonGamma(COUNTS, EXPOSURE, {"alpha": stats.gamma(5), "mu": stats.expon()}),
        ph.PoissonGamma(COUNTS, EXPOSURE, {"alpha": stats.gamma(5), "beta": stats.expon()}),
        ph.NormalNormal(
            [1, 2, 4], se=[1, 2, 1], prior_mu=stats.norm(0, 2), prior_tau=stats.halfnorm(scale=3)
        ),
        ph.NormalNormal([1, 2, 4], se=[1, 2, 1], prior=ph.NormalInvChi2(1.0, 2.0, 3.0, 4.0)),
        ph.NormalNormal([1, 2, 4], se=[1, 2, 1], prior_mu=stats.norm(0, 2), prior_tau="dumouchel"),
        ph.NormalNormal([1, 2, 4], se=[1, 2, 1], prior_mu=stats.norm(0, 2), prior_tau="i2"),
        ph.NormalNormal([1, 2, 4], se=[1, 2, 1], prior_mu=stats.norm(0, 2), prior_tau="shrinkage"),
    ],
    ids=str,
)
def test_prior_draws_have_the_prior_density(model):
    """In a box about their middle: the share of draws is the integral of the density."""
    draws = model.draw_prior(40_000, np.random.default_rng(1))
    low, high = np.quantile(draws, [0.3, 0.7], axis=0)
    inside = np.all((draws > low) & (draws < high), axis=1).mean()
    nodes, weights = np.polynomial.legendre.leggauss(40)
    x, y = (low[k] + (high[k] - low[k]) * (nodes + 1) / 2 for k in range(2))
    grid = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1)
    area = np.prod(high - low) / 4
    share = area * weights @ np.exp(model.log_prior(grid.reshape(-1, 2)).reshape(40, 40)) @ weights
    assert inside == pytest.approx(share, abs=4 * np.sqrt(share / 40_000))


@pytest.mark.parametrize("model", pair())
def test_improper_priors_cannot_be_drawn(model):
    with pytest.raises(ValueError, match="there are no draws of the prior"):
        model.draw_prior(3, np.random.default_rng(1))


@pytest.mark.parametrize("model", [*pair(), ph.NormalNormal([1, 2, 4], se=[1, 2, 1])], ids=str)
@pytest.mark.parametrize("quantity", [0, 2, None])
def test_draws_of_effects_follow_their_conditional_distribution(model, quantity):
    phi = np.tile(model.start(), (20_000, 1))
    rng = np.random.default_rng(1)
    given = model.theta_given(quantity, phi[:1])
    if quantity is None:
        draws = model.draw_new_theta(phi, rng)
    else:
        draws = model.draw_theta(phi, rng)[:, quantity]
    found = stats.kstest(draws, lambda x: given.cdf(np.asarray(x))[:, 0])
    assert found.pvalue > 1e-4
    assert draws.mean() == pytest.approx(given.mean[0], abs=5 * draws.std() / np.sqrt(draws.size))
    assert draws.var() == pytest.approx(given.var[0], rel=0.1)


@pytest.mark.parametrize("model", [*pair(), ph.NormalNormal([1, 2, 4], se=[1, 2, 1])], ids=str)
@pytest.mark.parametrize("quantity", [1, None])
def test_families_agree_with_themselves(model, quantity):
    """Density by natural parameters, by displacement, and as the slope of the tail."""
    phi = model.start() + np.array([[0.0, 0.0], [0.3, -1.0]])
    family = model.theta_given(quantity, phi)
    z = family.centre[:, None] + np.array([-0.7, -1e-3, 0.0, 0.4, 1.3])
    natural, partition = family.natural()
    for i, places in enumerate(z):
        plain = family.statistics(places) @ natural[i] - partition[i]
        near = [family.near(place - family.centre)[i] for place in places]
        np.testing.assert_allclose(near, plain, rtol=1e-11, atol=1e-11)
    from pyhier.quadrature.transforms import from_line, log_slope

    h = 1e-5
    ends = [from_line(family.line, z[0] + step) for step in (-h, h)]
    slope = (family.cdf(ends[1]) - family.cdf(ends[0]))[:, 0] / (2 * h)
    density = np.exp(family.statistics(z[0]) @ natural[0] - partition[0])
    np.testing.assert_allclose(slope, density, rtol=1e-6)
    np.testing.assert_allclose(family.cdf(ends[0]) + family.sf(ends[0]), 1.0, rtol=1e-12)
    assert np.all(np.isfinite(log_slope(family.line, z)))


@pytest.mark.parametrize("model", [*pair(), ph.NormalNormal([1, 2, 4], se=[1, 2, 1])], ids=str)
def test_log_marginal_is_likelihood_times_prior(model):
    """Against the integral over theta of the likelihood times theta's distribution."""
    phi = model.start()
    total = model.log_prior(phi)
    new = model.theta_given(None, phi[None])
    for j in range(len(model.labels)):
        centre, sd = model.theta_given(j, phi[None]).line_moments()
        z = centre + sd * np.linspace(-40, 40, 20_001)
        from pyhier.quadrature.transforms import from_line

        theta = np.tile(from_line(new.line, z)[:, None], (1, len(model.labels)))
        with np.errstate(all="ignore"):
            likelihood = model.log_likelihood(theta)[:, j]
        natural, partition = new.natural()
        values = np.exp(likelihood + new.statistics(z) @ natural[0] - partition[0])
        total += np.log(np.nansum(values) * (z[1] - z[0]))
    assert model.log_marginal(phi) + model.log_constant == pytest.approx(total, rel=1e-9)


def test_pooling_and_names():
    model, rates = pair()
    phi = model.start()
    post = model.hyperparameters(phi)
    assert set(post) == {"alpha", "beta", "eta", "K"}
    np.testing.assert_allclose(model.pooling(phi), post["K"] / (post["K"] + np.array(N)))
    given = model.theta_given(0, phi[None]).mean[0]
    b = model.pooling(phi)[0]
    assert given == pytest.approx(b * post["eta"] + (1 - b) * 0.3)
    phi = rates.start()
    post = rates.hyperparameters(phi)
    assert set(post) == {"alpha", "beta", "mu"}
    b = rates.pooling(phi)[1]
    assert rates.theta_given(1, phi[None]).mean[0] == pytest.approx(
        b * post["mu"] + (1 - b) * 2 / 830
    )


def test_a_group_without_trials_learns_from_the_others():
    with_it = ph.exact(ph.BetaBinomial([*Y, 0], [*N, 0]))
    without = ph.exact(ph.BetaBinomial(Y, N))
    assert with_it["eta"].mean() == pytest.approx(without["eta"].mean(), rel=1e-9)
    assert with_it["theta[5]"].mean() == pytest.approx(without["theta_new"].mean(), rel=1e-9)
    assert np.isnan(with_it.model.estimates()[0][-1])


@pytest.mark.parametrize("eta", [1, 1.0, 2])
def test_a_given_mean_of_probabilities_lies_inside(eta):
    model = ph.BetaBinomial([3, 5, 4], [10, 12, 9])
    with pytest.raises(ValueError, match=f"eta is {eta}: it must lie between 0 and 1"):
        ph.given(model, eta=eta, K=1)


@pytest.mark.parametrize("value", [np.nan, -np.inf])
@pytest.mark.parametrize("engine", [ph.exact, ph.laplace, ph.grid])
def test_a_prior_that_is_nowhere_positive_is_named(engine, value):
    model = ph.PoissonGamma([3, 5, 4], [10, 12, 9], prior=lambda alpha, mu: value)
    with pytest.raises(ValueError, match=r"check the prior \(callable\)"):
        engine(model)


def test_pooling_far_out_in_a_tail_of_mu_is_next_to_none():
    model = ph.PoissonGamma([1_000_000, 1], [1.0, 1e9])
    factors = model.pooling(np.array([-2.0, 700.0]))  # e mu overflows in the second group
    np.testing.assert_allclose(factors, np.exp(-702.0) / np.array([1.0, 1e9]), rtol=1e-9)


@pytest.mark.parametrize(("y", "n"), [([3, 3], [3, 3]), ([0, 0, 0], [1, 1, 1]), ([5, 2], [5, 9])])
def test_a_share_whose_prior_has_a_pole_at_one(y, n):
    """2.5% of the mass of the prior is where eta is 1 to doubles; against a sum over the logit."""
    a, b = 1.0, 0.1
    prior = {"eta": stats.beta(a, b), "K": stats.gamma(2, scale=3)}
    post = ph.exact(ph.BetaBinomial(y, n, prior=prior))
    w, x = np.arange(-60.0, 400.0, 0.05)[:, None], np.arange(-12.0, 5.0, 0.05)
    low, high, size = -np.logaddexp(0.0, -w), -np.logaddexp(0.0, w), np.exp(x)
    logs = a * low + b * high - special.betaln(a, b) + prior["K"].logpdf(size) + x
    for successes, trials in zip(y, n, strict=True):
        logs = logs + np.log(special.comb(trials, successes))
        for share, count in ((low, successes), (high, trials - successes)):
            for i in range(count):
                logs = logs + np.logaddexp(x + share, np.log(i) if i else -np.inf)
        logs = logs - np.log(size + np.arange(trials)[:, None, None]).sum(axis=0)
    assert post.log_z == pytest.approx(float(np.log(np.exp(logs).sum() * 0.05**2)), abs=1e-9)
    drawn = post.sample(4000, rng=1)["eta"]
    assert abs(drawn.mean() - post["eta"].mean()) < 4.0 * post["eta"].std() / 4000**0.5
