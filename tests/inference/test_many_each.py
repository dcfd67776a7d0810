"""Many data sets of counts or with covariates: what `exact` makes of each, and scipy's sums."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import pyhier as ph

Y = np.array([[3.0, 5.0, 9.0], [2.0, 8.0, np.nan], [4.0, 4.0, 4.0]])
SIZE = {"successes": ("trials", np.array([20.0, 25.0, 30.0])),
        "counts": ("exposure", np.array([10.0, 12.5, 3.0]))}  # fmt: skip
PROPER = {
    "successes": {"eta": stats.beta(2, 3), "K": stats.lognorm(1.0, scale=10.0)},
    "counts": {"alpha": stats.lognorm(0.8, scale=3.0), "mu": stats.gamma(2.0, scale=0.4)},
}
MODELS = {"successes": ph.BetaBinomial, "counts": ph.PoissonGamma}


def batch_of(kind, y=Y, **options):
    name, size = SIZE[kind]
    return ph.exact_many(**{kind: y, name: size}, **options)


def by_masses(kind, y, size):
    """Log evidence, and means of the location and of the effects, by a plain grid of both."""
    first, second = PROPER[kind].values()
    log_k = np.linspace(-7.0, 12.0, 601)[:, None]
    if kind == "successes":
        nodes, weights = np.polynomial.legendre.leggauss(300)
        place, spread = 0.5 + 0.5 * nodes, np.exp(log_k)
        logs = first.logpdf(place) + np.log(0.5 * weights) + second.logpdf(spread) + log_k
        a, b = spread * place, spread * (1.0 - place)
        for j in range(y.size):
            logs = logs + stats.betabinom.logpmf(y[j], size[j], a, b)
        effects = [(a + y[j]) / (a + b + size[j]) for j in range(y.size)]
    else:
        log_mu = np.linspace(-12.0, 5.0, 601)
        place, spread = np.exp(log_mu), np.exp(log_k)
        logs = second.logpdf(place) + log_mu + np.log(log_mu[1] - log_mu[0])
        logs = logs + first.logpdf(spread) + log_k
        for j in range(y.size):
            share = spread / (spread + size[j] * place)
            logs = logs + stats.nbinom.logpmf(y[j], spread, share)
        effects = [(spread + y[j]) / (spread / place + size[j]) for j in range(y.size)]
    top = logs.max()
    weight = np.exp(logs - top)
    step = float(log_k[1, 0] - log_k[0, 0])
    log_z = top + np.log(weight.sum() * step)
    weight /= weight.sum()
    return log_z, (weight * place).sum(), [(weight * effect).sum() for effect in effects]


@pytest.mark.parametrize(("kind", "location"), [("successes", "eta"), ("counts", "mu")])
def test_against_sums_of_scipys_masses(kind, location):
    """The grids of the sums are good to 1e-10."""
    batch = batch_of(kind, Y[:2], prior=PROPER[kind])
    for i in range(2):
        kept = np.isfinite(Y[i])
        log_z, centre, effects = by_masses(kind, Y[i, kept], SIZE[kind][1][kept])
        assert batch.log_evidence[i] == pytest.approx(log_z, abs=1e-9)
        assert batch.mean[location][i] == pytest.approx(centre, rel=1e-8)
        np.testing.assert_allclose(batch.mean["theta"][i, kept], effects, rtol=1e-8)


@pytest.mark.parametrize(("kind", "hyper"), [
    ("successes", ("alpha", "beta", "eta", "K")), ("counts", ("alpha", "beta", "mu")),
])  # fmt: skip
def test_each_is_what_exact_says(kind, hyper):
    """The same nodes: to rounding. Data set 1 lacks a group."""
    batch = batch_of(kind, Y[:2])
    q = [0.975, 0.5]
    quantiles = batch.quantile(q)
    size = SIZE[kind][1]
    alone = ph.exact(MODELS[kind](Y[1, :2], size[:2]))
    wanted = alone.columns((0.5, 0.975))
    assert batch.names == (*hyper, "theta", "theta_new")
    for k, quantity in enumerate((*hyper, "theta[1]", "theta[2]", "theta_new")):
        column = int(quantity[6]) - 1 if "[" in quantity else None
        at = (1,) if column is None else (1, column)
        key = quantity.split("[")[0]
        for found, right in ((batch.mean, "mean"), (batch.sd, "sd")):
            assert found[key][at] == pytest.approx(wanted[right][k], rel=1e-9)
        for m, right in enumerate(("97.5%", "50%")):
            assert quantiles[key][(m, *at)] == pytest.approx(wanted[right][k], rel=1e-12)
    assert np.isnan(quantiles["theta"][:, 1, 2]).all()
    above = batch.probability("theta[2] > 0.3")
    assert above[1] == pytest.approx(float(alone.probability("theta[2] > 0.3")), rel=1e-12)
    with pytest.raises(ValueError, match="event: .* compares two quantities"):
        batch.probability("theta[2] > theta[1]")
    with pytest.raises(ValueError, match="event: there is no 'theta"):
        batch.probability("theta[4] > 0.3")
    assert np.isnan(batch.probability("theta[3] > 0.2")[1])
    one = batch[1]
    assert one.model.labels == ("1", "2")
    assert one["theta_new"].mean() == wanted["mean"][-1] or not np.isfinite(wanted["mean"][-1])


def test_any_number_of_threads_and_pickles():
    rng = np.random.default_rng(1)
    trials = rng.integers(5, 40, (12, 4))
    successes = rng.binomial(trials, 0.3)
    one, three = (ph.exact_many(successes=successes, trials=trials, threads=k) for k in (1, 3))
    again = pickle.loads(pickle.dumps(one))
    for name in one.names:
        np.testing.assert_array_equal(one.mean[name], three.mean[name])
        np.testing.assert_array_equal(one.sd[name], again.sd[name])
    with pytest.raises(ValueError, match="read-only"):
        again.mean["theta"][0] = 0.0
    with pytest.raises(ValueError, match="no evidence: the prior bda3 is improper"):
        _ = one.log_evidence


def test_draws_have_the_moments():
    """1,000 draws: within 5 of their standard errors."""
    batch = batch_of("successes", prior=PROPER["successes"])
    drawn = batch.sample(1000, rng=3)
    assert drawn["theta"].shape == (1000, 3, 3)
    assert drawn["K"].shape == (1000, 3)
    for name in ("eta", "theta", "theta_new"):
        off = (drawn[name].mean(axis=0) - batch.mean[name]) / (batch.sd[name] / np.sqrt(1000.0))
        assert np.nanmax(np.abs(off)) < 5.0
    assert np.isnan(drawn["theta"][:, 1, 2]).all()


def test_one_bad_data_set_is_named_and_stops_no_other():
    y = np.array([[1.0, 2.0], [0.5, 1.0], [0.0, 0.0], [np.nan, np.nan], [5.0, 1.0]])
    with pytest.raises(ValueError, match=r"data set 1: counts\[0\] \(group 1\) is 0.5"):
        ph.exact_many(counts=y, exposure=[1.0, 2.0])
    batch = ph.exact_many(counts=y, exposure=[1.0, 2.0], errors="mark")
    assert sorted(batch.failed) == [1, 2, 3]
    assert "no group has an event" in batch.failed[2]
    assert "no group has counts" in batch.failed[3]
    right = ph.exact(ph.PoissonGamma([5, 1], [1, 2]))
    np.testing.assert_allclose(batch.mean["theta"][4], right.group_means(), rtol=1e-12)
    assert np.isnan(batch.mean["theta"][[1, 2, 3]]).all()
    with pytest.raises(ValueError, match="data set 2"):
        _ = batch[2]


@pytest.mark.parametrize(("given", "words"), [
    ({"successes": [[1, 2]]}, "successes given"),
    ({"successes": [[1, 2]], "exposure": [3, 4]}, "successes, exposure given"),
    ({"successes": [[1, 2]], "trials": [3, 4, 5]}, "trials has shape"),
    ({"successes": [[1, 2]], "trials": [3, 4], "prior": "nix"}, "prior is 'nix'"),
    ({"successes": [[1, 2]], "trials": [3, 4], "prior_tau": "sqrt"}, "prior_tau is an argument"),
    ({"counts": [[1, 2]], "exposure": [3, 4], "y": [[1, 2]]}, "y is an argument of estimates"),
    ({"y": [[1, 2]], "se": [3, 4], "prior": "bda3"}, "prior is an argument of counts"),
    ({"y": [[1, 2]], "se": [3, 4], "prior_beta": {}}, "prior_beta is an argument beside"),
    ({"y": [[1, 2]], "se": [3, 4], "X": [1, 2, 3]}, "X has 3 rows"),
])  # fmt: skip
def test_arguments_of_other_data_are_named(given, words):
    with pytest.raises(ValueError, match=words):
        ph.exact_many(**given)


def test_covariates_that_all_share():
    """A missing group takes its row of the covariates with it."""
    rng = np.random.default_rng(2)
    y, se, x = rng.normal(0.0, 1.5, (3, 5)), rng.uniform(0.3, 1.0, 5), np.arange(5.0) ** 2
    y[1, 2] = np.nan
    options = {"prior_tau": stats.halfnorm(scale=1.0), "prior_beta": {"x1": stats.norm(0, 1)}}
    batch = ph.exact_many(y, se=se, X=x, **options)
    assert batch.names == ("beta[Intercept]", "beta[x1]", "tau", "theta", "theta_new")
    low, high = batch.interval(0.9)["beta[x1]"].T
    for i in range(3):
        kept = np.isfinite(y[i])
        right = ph.exact(ph.NormalNormal(y[i, kept], se=se[kept], X=x[kept], **options))
        assert batch.mean["beta[x1]"][i] == pytest.approx(right["beta[x1]"].mean(), rel=1e-12)
        assert batch.sd["tau"][i] == pytest.approx(right["tau"].std(), rel=1e-12)
        ends = right["beta[x1]"].interval(0.9)
        assert (low[i], high[i]) == pytest.approx(ends, rel=1e-12)
        np.testing.assert_allclose(batch.mean["theta"][i, kept], right.group_means(), rtol=1e-9)
    frame, rows = pd.DataFrame(y[:1], columns=list("abcde")), pd.DataFrame({"x": x})
    with pytest.raises(ValueError, match="X has the rows"):
        ph.exact_many(frame, se=se, X=rows)
    named = ph.exact_many(frame, se=se, X=rows.set_index(pd.Index(list("abcde"))))
    assert named.names[1] == "beta[x]"
    with pytest.raises(ValueError, match="no evidence: the flat prior of"):
        _ = named.log_evidence


def test_a_long_frame_of_counts():
    frame = pd.DataFrame({
        "site": ["b", "b", "a", "b", "a"], "y": [3, 5, 1, 9, 4], "n": [20, 25, 10, 30, 12],
    })  # fmt: skip
    batch = ph.exact_many.from_frame(frame, by="site", successes="y", trials="n")
    assert batch.labels == ("b", "a")
    right = batch_of("successes", Y[:1])
    np.testing.assert_array_equal(batch.mean["theta"][0], right.mean["theta"][0])
    with pytest.raises(ValueError, match="trials is 'm': there is no such column"):
        ph.exact_many.from_frame(frame, by="site", successes="y", trials="m")
