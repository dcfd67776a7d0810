"""Calibration: exact engines pass, wrong ones are caught; bands against simulation and by hand."""

from fractions import Fraction
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy import stats

import pyhier as ph
from pyhier import plots
from pyhier.workflow import bands
from pyhier.workflow.calibration import with_response

Y, SE = [9.0, 2.0, -3.0, 5.0, 1.0, 7.0], np.array([3.0, 5.0, 8.0, 4.0, 10.0, 6.0])
MU, TAU = stats.norm(0, 5), stats.halfnorm(scale=5)
MODEL = ph.NormalNormal(Y, se=SE, prior_mu=MU, prior_tau=TAU)


# --- Bands ----------------------------------------------------------------------------------------


def test_chance_by_hand():
    """All ways in which three numbers fall into three thirds."""
    n = 3
    assert bands.points(n).tolist() == [1 / 3, 2 / 3]
    far = {}
    for cells in product(range(3), repeat=n):
        u = (np.array(cells) + 0.5) / 3.0
        far.setdefault(round(bands.deviation(u), 12), []).append(Fraction(1, 27))
    total = Fraction(0)
    for gamma in sorted(far):
        total += sum(far[gamma])
        assert bands.chance(gamma, n) == pytest.approx(float(total), abs=1e-12)


@pytest.mark.parametrize("n", [20, 150])
def test_chance_by_simulation(n):
    rng = np.random.default_rng(n)
    far = np.array([bands.deviation(u) for u in rng.random((800, n))])
    for share in (0.02, 0.2, 0.6):
        gamma = float(np.quantile(far, share))
        found = np.mean(far <= gamma)
        error = np.sqrt(found * (1.0 - found) / far.size)
        assert abs(bands.chance(gamma, n) - found) < 4.0 * error


def test_the_band_is_that_of_its_level():
    n, rng = 60, np.random.default_rng(5)
    low, high = bands.band(n, 0.9)
    shares = (rng.random((3_000, n, 1)) <= bands.points(n)).mean(axis=1)
    kept = ((shares >= low - 1e-12) & (shares <= high + 1e-12)).all(axis=1).mean()
    assert 0.9 - 0.015 < kept < 0.94  # counts are whole: the level is reached or exceeded


# --- Engines --------------------------------------------------------------------------------------

MODELS = {
    "normal": MODEL,
    "covariate": ph.NormalNormal(
        Y, se=SE, X=np.arange(6.0), prior_tau=TAU,
        prior_beta={"Intercept": stats.norm(0, 5), "x1": stats.norm(0, 1)}),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_exact_posteriors_are_calibrated(name):
    found = ph.calibrate(MODELS[name], n=40, rng=3)
    assert found.right, found.verdict
    assert found.failed == {}
    assert len(found.table) >= 3
    assert found.verdict.startswith("right: ")


def test_other_data_keeps_margins_and_missing_outcomes():
    arms = ph.HypergeometricNormal(
        [1, 3], [9, 8], [2, 1], [9, 9], prior_mu=MU, prior_tau=TAU, labels=["a", "b"]
    )
    other = with_response(arms, np.array([3.0, 0.0]))
    assert other.control_events.tolist() == [0.0, 4.0]
    assert other.labels == arms.labels
    y = np.array([[1.0, 2.0], [np.nan, 3.0], [4.0, 5.0]])
    two = ph.MultivariateNormal(y, cov=[np.eye(2)] * 3)
    new = with_response(two, np.arange(6.0))
    np.testing.assert_array_equal(new.response, [0.0, 1.0, np.nan, 3.0, 4.0, 5.0])


def test_draws_are_ranked():
    found = ph.calibrate(MODEL, lambda m, rng: ph.rejection(m, 99, rng=rng), 40, rng=2)
    assert found.right, found.verdict
    exact = ph.calibrate(MODEL, n=40, rng=2)  # of the same data sets
    for name in found.pit.columns:
        gap = np.abs(found.pit[name] - exact.pit[name]).max()
        assert 0.0 < gap < 5.0 * np.sqrt(0.25 / 99)


def test_nuts_is_calibrated_whatever_the_threads():
    def engine(m, rng):
        return ph.nuts(m, 300, 150, 1, rng=rng, progress=False)

    found = ph.calibrate(MODEL, engine, 25, rng=1, threads=2)
    assert found.right, found.verdict
    again = ph.calibrate(MODEL, engine, 25, rng=1)
    assert found.pit.equals(again.pit)


WRONG = {
    "too narrow a prior": (
        lambda m: ph.exact(m.with_prior(prior_tau=stats.halfnorm(scale=2))), "tau", "too high in"),
    "too wide a prior": (
        lambda m: ph.exact(m.with_prior(prior_tau=stats.halfnorm(scale=15))), "tau", "too low in"),
    "half the variance": (
        lambda m: ph.exact(ph.NormalNormal(m.y, se=0.5 * m.se, prior_mu=MU, prior_tau=TAU)),
        None, "too often in both tails of"),
    "mean-field": (
        lambda m, rng: ph.vi(m, parameterization="centred", rng=rng), "mu",
        "too often in both tails of"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_engine_is_caught(name):
    engine, quantity, how = WRONG[name]
    names = None if quantity is None else [quantity]
    found = ph.calibrate(MODEL, engine, 80, names=names, rng=1)
    assert not found.right
    assert found.verdict.startswith("wrong: in 80 data sets the truth of ")
    if quantity is not None:
        assert f"the truth of {quantity} is {how}" in found.verdict


def test_the_same_seed_for_all_would_be_wrong_and_is_not_needed():
    """Engines that take rng get other numbers for every data set."""
    seeds = []

    def engine(m, rng):
        seeds.append(rng.random())
        return ph.exact(m)

    for rng in (1, ph.RStream(1), np.random.default_rng(1)):
        seeds.clear()
        ph.calibrate(MODEL, engine, 20, rng=rng)
        assert len(set(seeds)) == 20


# --- What cannot be -------------------------------------------------------------------------------


def test_an_improper_prior_is_named():
    with pytest.raises(ValueError, match="and the flat prior of mu is improper: give a proper"):
        ph.calibrate(ph.NormalNormal(Y, se=SE, prior_tau=TAU))
    with pytest.raises(ValueError, match="uniform"):
        ph.calibrate(ph.NormalNormal(Y, se=SE, prior_mu=MU))


def test_data_sets_without_a_posterior_are_counted():
    calls = []

    def engine(m):
        calls.append(1)
        if len(calls) % 4 == 1:
            raise ValueError("no luck")
        return ph.exact(m)

    found = ph.calibrate(MODEL, engine, 40, rng=1)
    assert sorted(found.failed) == list(range(0, 40, 4))
    assert len(found.pit) == 30
    assert "10 data sets had no posterior (ValueError: no luck)" in found.verdict
    assert not set(found.pit.index) & set(found.failed)
    with pytest.raises(ValueError, match=r"engine made a posterior of 0 of 20 .*ValueError: never"):
        ph.calibrate(MODEL, _never, 20, rng=1)


def _never(model):
    raise ValueError("never")


def test_ctrl_c_keeps_the_data_sets_so_far():
    calls = []

    def engine(m):
        calls.append(1)
        if len(calls) == 31:
            raise KeyboardInterrupt
        return ph.exact(m)

    with pytest.warns(RuntimeWarning, match="interrupted: 30 data sets of 100"):
        found = ph.calibrate(MODEL, engine, 100, rng=1)
    assert found.interrupted
    assert len(found.pit) == 30
    calls.extend([0] * 1_000)
    whole = ph.calibrate(MODEL, engine, 100, rng=1)
    assert found.pit.equals(whole.pit.iloc[:30])


def test_a_model_that_takes_no_other_data_says_how():
    class Closed(type(MODEL)):
        def __reduce__(self):
            return Closed, ()

    closed = Closed(Y, se=SE, prior_mu=MU, prior_tau=TAU)
    with pytest.raises(TypeError, match="into a Closed: give the model a method with_response"):
        ph.calibrate(closed, n=20)


def test_the_picture():
    found = ph.calibrate(MODEL, n=50, rng=1)
    ax = plots.calibration(found)
    assert [line.get_label() for line in ax.lines[:3]] == ["mu", "tau", "theta[1]"]
    assert len(plots.calibration(found, ["tau"]).lines) == 2
    lows, highs = ax.get_ylim()
    assert lows < -0.1 < 0.1 < highs
    plt.close("all")
