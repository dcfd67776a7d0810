"""Estimates of tau^2 from sums over groups, against those from the groups."""

import mpmath as mp
import numpy as np
import pytest

import pyhier as ph
from pyhier.classical.tau2 import METHODS

ATTRIBUTES = ("tau2", "tau2_raw", "tau2_se", "mu", "se", "i2", "h2", "QE", "QM")


def models(y, se):
    sums = ph.NormalSums()
    for part in np.array_split(np.arange(y.size), 3):
        sums.update(y[part], se[part])
    return sums.model(), ph.NormalNormal(y, se=se)


def simulated(groups, tau, decades, seed):
    rng = np.random.default_rng(seed)
    se = 10.0 ** rng.uniform(-decades, decades, groups)
    return 5.0 + rng.normal(0.0, np.hypot(tau, se)), se


DATA = {
    "two": (np.array([1.0, 9.0]), np.array([1.0, 1.5])),
    "spread": simulated(40, 1.0, 0.5, 1),
    "many": simulated(3000, 0.3, 1.0, 2),
    "far apart": simulated(12, 2.0, 3.0, 3),
    "none": simulated(400, 0.0, 0.3, 4),
    "one rules": (np.array([0.0, 30.0, -50.0, 10.0]), np.array([1e-6, 1.0, 2.0, 1e5])),
    "tiny units": tuple(1e-60 * part for part in simulated(30, 1.0, 0.5, 5)),
}


@pytest.mark.parametrize("test", ["z", "knha"])
@pytest.mark.parametrize("method", [*METHODS, "EE"])
@pytest.mark.parametrize("data", DATA)
def test_equal_to_those_of_the_groups(data, method, test):
    found, right = (ph.random_effects(model, method, test) for model in models(*DATA[data]))
    unit = min(DATA[data][1]) ** 2
    for name in ATTRIBUTES:
        # From a difference that the data cancel in: tau^2 by its standard error, at least.
        least = {"tau2": right.tau2_se, "tau2_raw": max(right.tau2_se, unit)}.get(name, 0.0)
        wanted = getattr(right, name)
        near = 1e-10 * max(abs(wanted), np.nan_to_num(least))
        assert getattr(found, name) == pytest.approx(wanted, rel=0, abs=near, nan_ok=True), name
    for level in (0.5, 0.99):
        assert found.interval(level) == pytest.approx(right.interval(level), rel=1e-10)
        near = 1e-10 * right.prediction_interval(level)[1]
        assert found.prediction_interval(level) == pytest.approx(
            right.prediction_interval(level), rel=1e-10, abs=near
        )


@pytest.mark.parametrize("method", ["REML", "ML"])
@pytest.mark.parametrize("data", ["spread", "many", "none"])
def test_intervals_of_tau2(data, method):
    found, right = (ph.random_effects(model, method) for model in models(*DATA[data]))
    for kind in ("QP", "PL"):
        for level in (0.8, 0.95):
            wanted = right.tau2_interval(level, kind)
            assert found.tau2_interval(level, kind) == pytest.approx(wanted, rel=1e-9)
            assert right.regression.tau2_interval(level, kind) == pytest.approx(wanted, rel=1e-9)


def test_the_root_of_the_score_by_mpmath():
    """Of 200 groups in two bins of log var; the score's derivative is taken by a difference."""
    y, se = simulated(200, 0.4, 0.3, 6)
    tau2 = ph.random_effects(models(y, se)[0], "REML").tau2
    with mp.workdps(40):

        def score(t):
            w = [1 / (mp.mpf(s) ** 2 + t) for s in se]
            total = mp.fsum(w)
            mean = mp.fsum(a * mp.mpf(b) for a, b in zip(w, y, strict=True)) / total
            fit = mp.fsum((a * (b - mean)) ** 2 for a, b in zip(w, y, strict=True))
            return fit - total + mp.fsum(a * a for a in w) / total

        t, step = mp.mpf(tau2), mp.mpf(tau2) / 10**15
        newton = score(t) * step / (score(t + step) - score(t))
    assert abs(float(newton)) < 1e-13 * tau2


def test_what_needs_the_groups_is_refused():
    model = models(*DATA["spread"])[0]
    fit = ph.random_effects(model)
    for name in ("theta", "theta_se", "hat_values", "standardized_residuals", "regression"):
        with pytest.raises(ValueError, match=r"keeps no groups.*effects\(y, se\)"):
            getattr(fit, name)
    with pytest.raises(ValueError, match="keeps no groups"):
        fit.leave_one_out()


def test_estimates_that_hardly_vary():
    """Tau^2 is 0, but how far below 0 the root is cannot be told from sums."""
    rng = np.random.default_rng(7)
    y, se = rng.normal(0.0, 0.01, 50), rng.uniform(1.0, 1.2, 50)
    model, groups = models(y, se)
    for method in ("REML", "ML", "PM"):
        assert ph.random_effects(groups, method).tau2 == 0.0
        with pytest.raises(ValueError, match="tau2_raw cannot be told from sums.*method='EE'"):
            ph.random_effects(model, method)
    for method in ("DL", "HE", "EE"):
        assert ph.random_effects(model, method).tau2 == 0.0


def test_one_group():
    sums = ph.NormalSums()
    sums.update([3.0], 2.0)
    fit = ph.random_effects(sums.model())
    assert (fit.mu, fit.se, fit.tau2) == (3.0, pytest.approx(2.0, rel=1e-15), 0.0)
    assert np.isnan(fit.tau2_se)
