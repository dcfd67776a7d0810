"""Many data sets at once: each is what `exact` makes of it alone, and what NumPy sums say."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from scipy.special import ndtr

import pyhier as ph

NAMES = ("mu", "tau", "theta_new")
Q = np.array([0.025, 0.5, 0.975])


def made(sets, groups, decades, tau, seed):
    """Data in any unit, standard errors over decades, tau from far below them to far above."""
    rng = np.random.default_rng(seed)
    unit = 10.0 ** rng.uniform(-6.0, 6.0)
    se = unit * 10.0 ** (decades * rng.uniform(-1.0, 1.0, (sets, groups)))
    spread = tau * unit * 10.0 ** rng.uniform(-1.0, 1.0, (sets, 1))
    y = rng.choice([0.0, 10.0]) * unit + np.hypot(spread, se) * rng.standard_normal(se.shape)
    return y, se, unit


def of_group(batch, i, j):
    return f"theta[{j + 1}]", lambda arrays: arrays["theta"][..., i, j]


def off_by(batch, i, one):
    """By how much data set i differs from the posterior of it alone: means and sds in sds,
    quantiles in probabilities, the log of the integral."""
    quantiles = batch.quantile(Q)
    pick = [(name, lambda arrays, name=name: arrays[name][..., i]) for name in NAMES]
    groups = np.flatnonzero(np.isfinite(batch.mean["theta"][i]))
    pick += [of_group(batch, i, j) for j in groups]
    worst = abs(batch.log_z[i] - one.log_z)
    for name, of in pick:
        marginal = one[name]
        mean, sd = marginal.mean(), marginal.std()
        scale = sd if np.isfinite(sd) else float(np.ptp(marginal.ppf([0.25, 0.75])))
        if np.isfinite(mean):
            worst = max(worst, abs(of(batch.mean) - mean) / scale)
        else:
            assert not np.isfinite(of(batch.mean))
        if np.isfinite(sd):
            worst = max(worst, abs(of(batch.sd) / sd - 1.0))
        else:
            assert of(batch.sd) == np.inf
        worst = max(worst, np.abs(marginal.cdf(of(quantiles)) - Q).max())
    return worst


PRIORS = {
    "flat": lambda u: {},
    "sqrt": lambda u: {"prior_tau": "sqrt"},
    "of each data set's own": lambda u: {"prior_tau": "shrinkage"},
    "half-Cauchy": lambda u: {"prior_tau": stats.halfcauchy(scale=u)},
    "far out": lambda u: {"prior_tau": stats.halfcauchy(scale=1e5 * u)},
    "proper": lambda u: {"prior_tau": stats.halfnorm(scale=u), "prior_mu": stats.norm(0, 5 * u)},
    "with an end": lambda u: {"prior_tau": stats.uniform(0, 3 * u)},
    "lognorm": lambda u: {"prior_tau": stats.lognorm(1.2, scale=u)},
    "narrow": lambda u: {"prior_tau": stats.lognorm(0.001, scale=u)},
    "with a kink": lambda u: {"prior_tau": lambda t: -np.abs(t / u - 1.0)},
}
DATA = [(3, 0.3, 1.0), (8, 0.3, 0.0), (5, 2.0, 1.0), (60, 0.5, 1.0)]


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("shape", DATA)
def test_each_is_what_exact_makes_of_it_alone(prior, shape):
    """To 1e-9, which both promise; nearly always to 1e-12."""
    y, se, unit = made(6, *shape, seed=sum(map(ord, prior)) + shape[0])
    if shape[0] == 8:
        y[0, 2:4] = y[3, 7] = np.nan
    given = PRIORS[prior](unit)
    batch = ph.exact_many(y, se=se, **given)
    for i in range(0, 6, 3):
        kept = np.isfinite(y[i])
        labels = np.flatnonzero(kept) + 1
        alone = ph.NormalNormal(y[i, kept], se=se[i, kept], labels=labels.tolist(), **given)
        assert off_by(batch, i, ph.exact(alone)) < 1e-9


@pytest.fixture(scope="module")
def simulated():
    y, se, _ = made(40, 8, 0.3, 1.0, seed=4)
    se = se / np.median(se)
    return y / np.median(np.abs(y)), se


def dense(y, se, nodes=200_001):
    """Means, sds and P(mu > 0) by a plain sum over tau, flat priors; tau from 1e-6 to 1e6 se."""
    log_tau = np.linspace(np.log(1e-6), np.log(1e6), nodes)
    total = se[:, None] ** 2 + np.exp(2.0 * log_tau)
    precision = (1.0 / total).sum(axis=0)
    mean = (y[:, None] / total).sum(axis=0) / precision
    logs = log_tau - 0.5 * (
        np.log(total).sum(axis=0) + np.log(precision)
        + ((y[:, None] - mean) ** 2 / total).sum(axis=0)
    )  # fmt: skip
    weight = np.exp(logs - logs.max())
    weight /= weight.sum()
    centre = weight @ mean
    return {
        "mu": (centre, np.sqrt(weight @ (1.0 / precision + (mean - centre) ** 2))),
        "tau": (weight @ np.exp(log_tau), None),
        "P": weight @ ndtr(mean * np.sqrt(precision)),
    }


def test_against_a_plain_sum(simulated):
    """What is left out below tau = 1e-6 se is about 1e-6 of the mass, where nothing changes."""
    y, se = simulated
    batch = ph.exact_many(y, se=se)
    above = batch.probability("mu > 0")
    for i in (0, 17):
        right = dense(y[i], se[i])
        mean, sd = right["mu"]
        assert_allclose([batch.mean["mu"][i], batch.sd["mu"][i]], [mean, sd], rtol=1e-5)
        assert_allclose(batch.mean["tau"][i], right["tau"][0], rtol=1e-5)
        assert_allclose(above[i], right["P"], atol=1e-5)


Y6 = np.array([0.1, -0.4, 1.3, 0.2, -1.1, 0.6])


@pytest.mark.parametrize(
    ("y", "prior"),
    [
        (Y6, lambda t: np.logaddexp(*(-0.5 * ((np.log(t) - m) / 0.3) ** 2 for m in (-6.0, 3.0)))),
        (Y6, lambda t: np.logaddexp(*(-0.5 * (np.log(t) - m) ** 2 for m in (-3.0, 3.0)))),
        (np.array([0.0, 0.0, 0.0, 0.0, 0.0, 1e3]), stats.lognorm(0.1, scale=1.5e-38)),
        (np.array([0.0, 0.0, 0.0, 0.0, 0.0, 1e3]), stats.lognorm(0.2, scale=5.2e-77)),
    ],
)
def test_no_second_peak_is_missed(y, prior):
    """Of the prior's own, or where the prior and outlying data are far apart."""
    batch = ph.exact_many(y[None], se=np.ones(6), prior_tau=prior)
    one = ph.exact(ph.NormalNormal(y, se=np.ones(6), labels=list(range(1, 7)), prior_tau=prior))
    assert off_by(batch, 0, one) < 1e-9


def long_sum(y, se, power, q):
    """Sd of mu, and its lower tails at q, by a plain sum; prior tau^power, flat mu."""
    log_tau = np.linspace(-60.0, 120.0, 200_001)
    total = se[:, None] ** 2 + np.exp(2.0 * log_tau)
    precision = (1.0 / total).sum(axis=0)
    mean = (y[:, None] / total).sum(axis=0) / precision
    logs = (1.0 + power) * log_tau - 0.5 * (
        np.log(total).sum(axis=0) + np.log(precision)
        + ((y[:, None] - mean) ** 2 / total).sum(axis=0)
    )  # fmt: skip
    weight = np.exp(logs - logs.max())
    weight /= weight.sum()
    centre = weight @ mean
    sd = np.sqrt(weight @ (1.0 / precision + (mean - centre) ** 2))
    return sd, np.array([weight @ ndtr((x - mean) * np.sqrt(precision)) for x in q])


def test_far_quantiles_are_right_beside_their_tails():
    """Under a flat prior three groups leave mu no mean: a millionth is far out."""
    p = np.array([1e-9, 1e-6, 0.025])
    se = np.array([0.6, 1.4, 0.9, 1.1, 0.5])
    for groups in (3, 5):
        y, s = Y6[:groups], se[:groups]
        batch = ph.exact_many(y[None], se=s)
        _, tails = long_sum(y, s, 0.0, batch.quantile(p)["mu"][:, 0])
        assert_allclose(tails, p, rtol=2e-9)
        right = float(batch[0].probability("tau > 1000"))
        assert_allclose(batch.probability("tau > 1000")[0], right, rtol=1e-8)
        right = float(batch[0].probability("mu < -1000"))
        assert_allclose(batch.probability("mu < -1000")[0], right, rtol=1e-8)


def test_a_variance_of_tau_far_out():
    """Under the sqrt prior four groups leave tau^2 an expectation that converges as tau^-1/2."""
    y, se = np.array([0.2, -1.0, 0.4, 1.7]), np.array([0.15, 1.9, 0.7, 1.2])
    batch = ph.exact_many(y[None], se=se, prior_tau="sqrt")
    sd, _ = long_sum(y, se, -0.5, [])
    assert_allclose(batch.sd["mu"][0], sd, rtol=1e-10)
    assert_allclose(batch.sd["theta_new"][0], batch[0]["theta_new"].std(), rtol=1e-10)


def test_probabilities_are_those_of_one(simulated):
    y, se = simulated
    y, se = y.copy(), np.where(np.arange(8) == 5, 1e-3, se)  # beside narrow components
    y[3, 1] = np.nan
    batch = ph.exact_many(y, se=se)
    events = ("mu > 0.1", "tau < 0.5", "0.2 > tau", "theta_new < 1", "theta[1] > theta[2]",
              "theta[6] > mu", "mu > mu")  # fmt: skip
    for event in events:
        found = batch.probability(event)
        for i in (0, 3, 9):
            if "theta[2]" in event and i == 3:
                assert np.isnan(found[i])
            elif event != "mu > mu":
                assert found[i] == pytest.approx(float(batch[i].probability(event)), abs=1e-9)
    assert not batch.probability("mu > mu").any()


def test_draws_are_the_posteriors(simulated):
    """Ranks of draws through the marginals' distribution functions are even."""
    y, se = simulated
    batch = ph.exact_many(y, se=se, prior_tau=stats.halfnorm(scale=1.0))
    drawn = batch.sample(2_000, rng=1)
    assert drawn["theta"].shape == (2_000, *y.shape)
    for i in (2, 30):
        one = batch[i]
        values_of = {name: drawn[name] for name in NAMES} | {"theta[3]": drawn["theta"][..., 2]}
        for name, values in values_of.items():
            assert stats.kstest(one[name].cdf(values[:, i]), "uniform").pvalue > 1e-4, name
        joint = np.corrcoef(drawn["mu"][:, i], drawn["theta"][:, i, 0])[0, 1]
        alone = one.sample(20_000, 3)
        right = np.corrcoef(alone["mu"], alone["theta"][:, 0])[0, 1]
        assert joint == pytest.approx(right, abs=0.1)


def test_threads_and_company_change_nothing(simulated):
    y, se = simulated
    y, se = np.tile(y, (60, 1)), np.tile(se, (60, 1))
    one = ph.exact_many(y, se=se, threads=1)
    two = ph.exact_many(y, se=se, threads=2)
    few = ph.exact_many(y[:7], se=se[:7])
    for name in ("mu", "tau", "theta"):
        np.testing.assert_array_equal(one.mean[name], two.mean[name])
        np.testing.assert_array_equal(one.sd[name][:7], few.sd[name])
    np.testing.assert_array_equal(one.quantile(0.9)["mu"][:7], few.quantile(0.9)["mu"])


def test_a_bad_data_set_is_named_and_does_not_stop_the_others(simulated):
    y, se = (part[:6].copy() for part in simulated)
    se[2, 3], y[4, 2:] = 0.0, np.nan
    with pytest.raises(ValueError, match=r"^data set 2: se.*group 4"):
        ph.exact_many(y, se=se)
    batch = ph.exact_many(y, se=se, errors="mark")
    assert sorted(batch.failed) == [2, 4]
    assert "improper" in batch.failed[4]
    assert np.isnan(batch.mean["mu"][[2, 4]]).all()
    assert np.isfinite(batch.mean["mu"][[0, 5]]).all()
    assert "2 failed" in repr(batch)
    with pytest.raises(ValueError, match="data set 4"):
        batch[4]
    with pytest.raises(IndexError, match="6 data sets"):
        batch[6]


def test_labels_are_not_zipped(simulated):
    y, se = (pd.DataFrame(part[:3], columns=list("abcdefgh")) for part in simulated)
    right = ph.exact_many(y, se=se).mean["mu"]
    np.testing.assert_array_equal(ph.exact_many(y, se=se.to_numpy()).mean["mu"], right)
    with pytest.raises(ValueError, match="se and y have different columns"):
        ph.exact_many(y, se=se[list("hgfedcba")])
    with pytest.raises(ValueError, match="var and y have different columns"):
        ph.exact_many(y, var=se.loc[0, list("hgfedcba")])
    with pytest.raises(ValueError, match="se and y have different rows"):
        ph.exact_many(y, se=se.loc[[0, 2, 1]])


def test_what_is_asked_of_a_batch_wrongly_is_named(simulated):
    y, se = (part[:3].copy() for part in simulated)
    y[2, 1] = np.inf
    batch = ph.exact_many(y, se=se, errors="mark")
    with pytest.raises(ValueError, match="^data set 2: y"):
        batch[-1]
    with pytest.raises(TypeError, match="give its number"):
        batch["a"]
    with pytest.raises(ValueError, match="event.*nan"):
        batch.probability("tau > nan")
    with pytest.raises(ValueError, match="^data set 1: prior_tau is 'nix'"):
        ph.exact_many(y[:2], se=se[:2], prior_tau=["sqrt", "nix"])


def test_a_prior_for_each_data_set(simulated):
    y, se = (part[:3] for part in simulated)
    priors = [stats.halfnorm(scale=1.0), "sqrt", lambda t: -t]
    batch = ph.exact_many(y, se=se, prior_tau=priors)
    for i, prior in enumerate(priors):
        assert off_by(batch, i, ph.exact(ph.NormalNormal(y[i], se=se[i], prior_tau=prior))) < 1e-9


@pytest.mark.parametrize("first", ["uniform", "sqrt", "jeffreys", stats.halfcauchy(scale=1)])
def test_priors_do_not_lean_on_the_first(first):
    """Whatever it is, flat ones too, whose log density is left out where all are."""
    rng = np.random.default_rng(4)
    y, se = rng.normal(0.0, 2.0, (6, 9)), rng.uniform(0.3, 2.0, (6, 9))
    others = ["i2", "jeffreys", "uniform", stats.lomax(1, scale=2), stats.expon(scale=3)]
    batch = ph.exact_many(y, se=se, prior_tau=[first, *others])
    for i, prior in enumerate([first, *others]):
        alone = ph.exact(ph.NormalNormal(y[i], se=se[i], prior_tau=prior))
        for name in ("mu", "tau"):
            assert batch.mean[name][i] == pytest.approx(alone[name].mean(), rel=1e-9)
            assert_allclose(batch.quantile(0.9)[name][i], alone[name].ppf(0.9), rtol=1e-9)


def test_tables_and_pickles(simulated):
    y, se = (part[:4].copy() for part in simulated)
    y[1, 7] = np.nan
    batch = ph.exact_many(y, var=se**2)
    table = batch.to_dataframe()
    assert len(table) == 4 * 11 - 1
    assert table.loc[(2, "theta[3]"), "mean"] == batch.mean["theta"][2, 2]
    assert table.loc[(2, "tau"), "97.5%"] == pytest.approx(float(batch[2]["tau"].ppf(0.975)))
    again = pickle.loads(pickle.dumps(batch))
    np.testing.assert_array_equal(again.interval()["theta"], batch.interval()["theta"])
    with pytest.raises(ValueError, match="read-only"):
        again.mean["mu"][0] = 0.0
    with pytest.raises(ValueError, match="there is no evidence: the prior of mu is flat"):
        _ = batch.log_evidence
    proper = {"prior_tau": stats.halfnorm(), "prior_mu": stats.norm(0, 2)}
    evidence = ph.exact_many(y, var=se**2, **proper).log_evidence
    assert evidence[0] == pytest.approx(
        ph.exact(ph.NormalNormal(y[0], var=se[0] ** 2, **proper)).log_evidence, abs=1e-10
    )


def test_a_long_frame(simulated):
    y, se = (part[:3] for part in simulated)
    frame = pd.DataFrame({"trial": np.repeat(["c", "a", "b"], 8), "y": y.ravel(), "s": se.ravel()})
    frame = frame.drop(index=[9])
    batch = ph.exact_many.from_frame(frame, by="trial", y="y", se="s")
    assert batch.labels == ("c", "a", "b")
    kept = np.delete(np.arange(8), 1)
    one = ph.exact(ph.NormalNormal(y[1, kept], se=se[1, kept]))
    assert_allclose(batch.mean["theta"][1, :7], one.summary()["mean"].to_numpy()[2:-1], rtol=1e-12)
    assert np.isnan(batch.mean["theta"][1, 7])
    with pytest.raises(ValueError, match="se is 'nix'"):
        ph.exact_many.from_frame(frame, by="trial", y="y", se="nix")
    with pytest.raises(TypeError, match="by is a list: give the name of a column"):
        ph.exact_many.from_frame(frame, by=["trial"], y="y", se="s")
    with pytest.raises(TypeError, match="frame is a dict: give a DataFrame"):
        ph.exact_many.from_frame(frame.to_dict(), by="trial", y="y", se="s")
    frame.loc[3, "y"] = np.nan
    with pytest.raises(ValueError, match="y: 'y' is nan in row 3"):
        ph.exact_many.from_frame(frame, by="trial", y="y", se="s")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"se": [1.0] * 8, "var": [1.0] * 8}, "both were given"),
        ({}, "neither was given"),
        ({"se": [1.0] * 3}, "se has shape"),
        ({"se": [1.0] * 8, "errors": "skip"}, "errors is 'skip'"),
        ({"se": [1.0] * 8, "prior_tau": ["sqrt"]}, "prior_tau has 1 priors and y 40"),
        ({"se": [1.0] * 8, "threads": 0}, "threads"),
    ],
)
def test_what_is_wrong_is_named(simulated, given, words):
    with pytest.raises((ValueError, TypeError), match=words):
        ph.exact_many(simulated[0], **given)
    with pytest.raises(ValueError, match="there is no 'theta"):
        ph.exact_many(simulated[0], se=simulated[1]).probability("theta[9] > 0")


def test_quantiles_that_no_nodes_carry_are_those_of_one(simulated, monkeypatch):
    from pyhier.posterior import batch_parts

    y, se = (part[:3] for part in simulated)
    right = ph.exact_many(y, se=se).quantile(Q)
    monkeypatch.setattr(batch_parts, "ERROR", -1.0)
    found = ph.exact_many(y, se=se).quantile(Q)
    for name in ("mu", "tau", "theta"):
        assert_allclose(found[name], right[name], rtol=1e-9)
