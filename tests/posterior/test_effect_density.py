"""Effects of counts in sparse and in large data: against a sum of its own, and their own checks."""

from itertools import pairwise

import numpy as np
import pytest
from fuzz.counts_oracle import KNOWN, Binomial, Oracle, Poisson
from scipy import stats

import pyhier as ph
from pyhier.posterior.effect_density import EffectDensities, EffectDensity
from pyhier.posterior.effect_nodes import EffectNodes

Q = np.array([0.025, 0.5, 0.975])


def poissgamexch(w, x):
    return x - 2.0 * np.logaddexp(0.0, x)


def betabinexch(w, x):
    return x - 2.0 * np.logaddexp(0.0, x)


def bda3(w, x):
    return -np.logaddexp(0.0, w) - np.logaddexp(0.0, -w) - 0.5 * x


def two_exponentials(w, x):
    """Of alpha and mu, in their logs."""
    return -np.exp(x) - np.exp(w) + w + x


def uniform_share(w, x):
    """A callable's: alpha and beta with eta uniform and K exponential with mean 100."""
    return -np.exp(x) / 100.0 + x - np.logaddexp(0.0, w) - np.logaddexp(0.0, -w)


def callable_share(alpha, beta):
    return -(alpha + beta) / 100.0 - np.log(alpha + beta)


PROPER = {"alpha": stats.expon(), "mu": stats.expon()}
CASES = {
    "one event": (ph.PoissonGamma([1, 0, 0], [5] * 3), poissgamexch),
    "no event": (ph.PoissonGamma([0] * 27, [3.0] * 27, prior=PROPER), two_exponentials),
    "one of 28": (ph.PoissonGamma([1] + [0] * 27, [3.0] * 28), poissgamexch),
    "one success": (ph.BetaBinomial([1, 0, 0], [5] * 3, prior="betabinexch"), betabinexch),
    "few": (ph.BetaBinomial([1, 0, 0], [5] * 3), bda3),
    "all successes": (
        ph.BetaBinomial([5, 9], [5, 9], prior=callable_share), uniform_share,
    ),
    "a million trials": (ph.BetaBinomial([300_000, 310_000, 290_000], [1_000_000] * 3), bda3),
    "1e12 trials": (ph.BetaBinomial(np.array([3.0, 3.1, 2.5]) * 1e11, [1e12] * 3), bda3),
    "1e12 trials, all but alike": (
        ph.BetaBinomial(3e11 + np.array([0.0, 1e6, -3e5]), [1e12] * 3), bda3,
    ),
}  # fmt: skip


def oracle_of(name):
    model, log_prior = CASES[name]
    data = [np.asarray(part, dtype=np.float64) for part in model.observed().values()]
    likelihood = Poisson if isinstance(model, ph.PoissonGamma) else Binomial
    return model, data, Oracle(likelihood(*data), log_prior)


@pytest.mark.parametrize("name", CASES)
def test_against_a_sum_of_its_own(name):
    """The distribution function at our quantiles; the promise is 1e-8."""
    model, data, oracle = oracle_of(name)
    post = ph.exact(model)
    for quantity, group in (("theta[2]", (data[0][1], data[1][1])), ("theta_new", None)):
        marginal = post[quantity]
        assert marginal.error < 1e-8
        for q, x in zip(Q, marginal.ppf(Q), strict=True):
            if x == 0.0 or 1.0 - x < 1e-15:  # the quantile is nearer to an end than doubles are
                continue
            below, above = oracle.tails(group, x)
            # The last digits of x count where the distribution is as narrow as 1e-6 of it.
            slack = 1e-15 * float(marginal.pdf(x)) * x
            assert below == pytest.approx(q, abs=1e-8 + KNOWN + slack)
            assert above == pytest.approx(1.0 - q, abs=1e-8 + KNOWN + slack)


def test_one_event_in_three_groups():
    """The distribution function at 0.97447 was taken for 97.5%; 2,000,000 draws said 0.97443."""
    post = ph.exact(CASES["one event"][0])
    draws = post.sample(100_000, rng=1)["theta"][:, 1]
    for q in Q:
        share = (draws <= post["theta[2]"].ppf(q)).mean()
        assert share == pytest.approx(q, abs=4.5 * np.sqrt(q * (1.0 - q) / 100_000))


def test_where_a_density_falls_off_a_cliff_its_mass_does_not_grow():
    """The distribution function at 1e280 was 8e56, by the last panel's polynomial."""
    exposure = [32907.8, 17703.72, 20174.198, 29237.503, 50109.566]
    new = ph.exact(ph.PoissonGamma([54, 19, 25, 43, 66], exposure))["theta_new"]
    x = 10.0 ** np.arange(200.0, 301.0, 4.0)
    assert new.cdf(x) == pytest.approx(1.0, abs=1e-12)
    assert (np.diff(new.sf(x)) <= 0.0).all()
    assert (new.sf(x) <= new.sf(1e190)).all()


def test_rows_of_the_plane_keep_their_mass():
    """In each of its three forms: linear, close and narrow."""
    post = ph.exact(CASES["few"][0])
    population = post._population_at(0)
    nodes = EffectNodes(post.model, post._plane)
    assert min(nodes.linear.number.size, nodes.close.number.size, nodes.narrow.order.size) > 0
    weight = np.exp(post._plane.outer.log_weight - post._plane.outer.log_integral[0])
    z = np.linspace(-80.0, 80.0, 16_001)
    density = EffectDensities(post.model, population, [None])
    values = np.exp(EffectDensity(density)(z))
    total = 0.01 * (values.sum() - 0.5 * (values[0] + values[-1]))
    below, above = density.beyond(80.0)[0]
    # The trapezoid rule is cut off at both ends, where the density is small and almost flat.
    assert total + below + above == pytest.approx(weight.sum(), abs=1e-8)


def test_too_few_nodes_are_told():
    """Half of the nodes of each row, at twice their weight: the error sees it."""
    post = ph.exact(CASES["few"][0])
    density = EffectDensities(post.model, post._population_at(1), [0])
    z = post["theta[1]"].places((np.arange(24) + 0.5) / 24)
    effect = np.zeros(z.size, dtype=np.intp)
    assert density.error(effect, z).mean() < 1e-8
    (first, parity, a, b, offset), *others = density._parts
    sizes = (np.diff(first) + 3) // 4
    some = np.concatenate([np.arange(i, j, 4) for i, j in pairwise(first)])
    fewer = np.append(0, np.cumsum(sizes)), parity, a[some], b[some], offset[:, some] + np.log(4.0)
    density._parts = (fewer, *others)
    assert density.error(effect, z).mean() > 1e-6


def test_groups_with_the_same_data_share_a_marginal():
    post = ph.exact(CASES["one of 28"][0])
    assert post["theta[2]"] is post["theta[28]"]
    assert post["theta[1]"] is not post["theta[2]"]


@pytest.mark.parametrize("name", CASES)
def test_a_summary_of_all_is_that_of_each(name):
    """Whatever is worked out together does not depend on what is beside it."""
    post = ph.exact(CASES[name][0])
    table = post.summary(probs=Q)
    for quantity in list(post.names)[-4:]:
        marginal, (mean, sd, *points) = post[quantity], table.loc[quantity]
        np.testing.assert_allclose([mean, sd], [marginal.mean(), marginal.std()], rtol=1e-12)
        # Fewer nodes are enough for all at once; the promise is 1e-8. A place next to 1 is rounded.
        some = [(q, x) for q, x in zip(Q, points, strict=True) if 1.0 - x > 1e-6 and x > 0.0]
        right, places = np.array(some).T
        np.testing.assert_allclose(marginal.cdf(places), right, rtol=0.0, atol=6e-9)
    np.testing.assert_allclose(
        post.group_means(), table["mean"].iloc[-len(post.model.labels) - 1 : -1]
    )
