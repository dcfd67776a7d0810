"""Posterior predictive checks and their Monte Carlo errors."""

import numpy as np
import pytest
from scipy import stats

import pyhier as ph
from pyhier.posterior.checks import NAMED
from pyhier.posterior.events import share


@pytest.fixture(scope="module")
def post():
    schools = ph.load_dataset("eight_schools")
    model = ph.NormalNormal(schools["y"], se=schools["sigma"], labels=schools["school"])
    return ph.exact(model)


def largest(y):
    return y.max(axis=-1)


def test_one_statistic(post):
    check = post.predictive_check(largest, draws=2_000, rng=1)
    again = largest(post.predict(draws=2_000, rng=1))
    assert check.names == ("largest",)
    np.testing.assert_array_equal(check.observed, [28.0])
    np.testing.assert_array_equal(check.replicated[0], again)
    p = check["largest"]
    assert p == np.mean(again >= 28.0)
    assert p.se == pytest.approx(np.sqrt(p * (1 - p) / 2_000))


def test_several_at_once_are_of_the_same_data(post):
    check = post.predictive_check(
        {"top": "max", "gap": lambda y: np.sort(y)[..., -1] - np.sort(y)[..., -2]},
        draws=2_000,
        rng=1,
    )
    assert list(check.table.index) == ["top", "gap"]
    assert check.table.loc["gap", "observed"] == 10.0
    assert check["top"] == post.predictive_check("max", draws=2_000, rng=1)["max"]
    assert np.all(check.replicated[0] >= check.replicated[1] + post.predict(
        draws=2_000, rng=1).min(axis=-1))  # fmt: skip
    table = check.table
    np.testing.assert_allclose(table["mean"], check.replicated.mean(axis=(1, 2)))
    np.testing.assert_allclose(table["sd"], check.replicated[:, 0].std(axis=1, ddof=1))
    assert (table["ties"] == 0.0).all()


def test_named_statistics_are_what_they_say(post):
    y = post.model.y
    check = post.predictive_check(list(NAMED), draws=50, rng=1)
    expected = [y.mean(), y.std(ddof=1), y.min(), y.max(), np.median(y), np.ptp(y)]
    np.testing.assert_allclose(check.observed, expected)


def test_a_misfit_shows():
    """Negative control: groups of two kinds under one normal, and the same with groups alike."""
    rng = np.random.default_rng(5)
    wild = np.concatenate([rng.normal(0.0, 0.1, 30), [9.0]])

    def tail(y):
        centre = np.median(y, axis=-1, keepdims=True)
        return np.max(y - centre, axis=-1) / np.ptp(np.sort(y)[..., :-1], axis=-1)

    p = {
        name: ph.exact(ph.NormalNormal(y, se=np.full(31, 0.1))).predictive_check(tail, rng=1)[
            "tail"
        ]
        for name, y in {"wild": wild, "tame": rng.normal(0.0, 1.0, 31)}.items()
    }
    assert p["wild"] < 0.01
    assert 0.01 < p["tame"] < 0.99


def test_ties_of_counts_are_told():
    rats = ph.load_dataset("rat_tumors")
    post = ph.exact(ph.BetaBinomial(rats["tumors"], rats["rats"]))
    table = post.predictive_check("min", draws=2_000, rng=1).table
    assert table.loc["min", "observed"] == 0.0
    assert table.loc["min", "p"] == 1.0  # nothing is less than no tumour
    assert table.loc["min", "ties"] > 0.99


def test_standard_error_covers():
    """Of independent draws and of a Markov chain: z-scores of many estimates have sd 1.

    The chain is AR(1) with coefficient 0.9, 400 chains of 10,000: the error that takes them for
    independent is a quarter of the true one.
    """
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(10_000, 400))
    chain = np.empty_like(noise)
    chain[0] = noise[0]
    for t in range(1, len(noise)):
        chain[t] = 0.9 * chain[t - 1] + np.sqrt(1.0 - 0.81) * noise[t]
    truth = stats.norm.sf(1.0)
    markov = [share(one[None] > 1.0, True) for one in chain.T]
    z = np.array([(p - truth) / p.se for p in markov])
    # Batches of 100 draws keep 0.9^100 of the correlation: the sd is 1 but for a few percent;
    # of 400 z-scores it is known to 3.5%.
    assert 0.9 < z.std() < 1.2
    naive = np.array([(p - truth) / share(one[None] > 1.0, False).se
                      for p, one in zip(markov, chain.T, strict=True)])  # fmt: skip
    assert naive.std() > 2.0


def test_errors_of_weighted_draws_know_the_weights():
    """Ten thousand draws picked from 200 weighted ones are worth 200."""
    schools = ph.load_dataset("eight_schools")
    model = ph.NormalNormal(schools["y"], se=schools["sigma"])
    few = ph.importance(model, 200, df=1, rng=1)
    expected = np.sqrt(0.25 * (1.0 / 10_000 + 1.0 / few.ess))
    for p in (
        few.predictive_check("max", draws=10_000, rng=1)["max"],
        few.probability(lambda d: d["mu"] > 7.9, draws=10_000, rng=1),
        few.to_draws(10_000, rng=1).probability("mu > 7.9"),
    ):
        assert p.se == pytest.approx(expected, rel=0.1)
    many = ph.sir(model, 1_000, df=1, rng=1)
    assert many.predictive_check("max", rng=1)["max"].se > np.sqrt(0.2 / 1_000)


def test_a_statistic_of_one_data_set_at_a_time(post):
    """Slower, but what a user writes first."""
    rows = post.predictive_check({"max": np.max}, draws=200, rng=1)
    along = post.predictive_check("max", draws=200, rng=1)
    np.testing.assert_array_equal(rows.replicated, along.replicated)


@pytest.mark.parametrize(
    ("statistic", "message"),
    [
        (lambda y: y[:2], "it must be one number"),
        ("maximum", "the named ones are mean"),
        ([], "no statistic"),
        ({}, "no statistic"),
        ([largest, largest], "two statistics are named 'largest'"),
        (lambda y: np.full(y.shape[:-1], np.nan), "is NaN for the data"),
    ],
)
def test_bad_statistics(post, statistic, message):
    with pytest.raises(ValueError, match=message):
        post.predictive_check(statistic, draws=10, rng=1)


def test_statistics_of_no_kind(post):
    with pytest.raises(TypeError, match="give a function"):
        post.predictive_check([3.0], draws=10, rng=1)
    with pytest.raises(KeyError, match="no statistic is named 'min'"):
        post.predictive_check("max", draws=10, rng=1)["min"]
