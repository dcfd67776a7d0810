"""Standard errors that differ by up to 140 decades: every formula again, with 700 digits."""

import mpmath as mp
import numpy as np
import pytest
from scipy import stats

import pyhier as ph

DIGITS = 700
FIXED = ("DL", "HE", "HS", "SJ")  # moments, by fixed weights
METHODS = (*FIXED, "REML", "ML", "PM", "EB")
PROPER = stats.halfcauchy(scale=1.0)


@pytest.fixture(autouse=True)
def digits():
    with mp.workdps(DIGITS):
        yield


def made(seed):
    """Random estimates with standard errors of any size."""
    rng = np.random.default_rng(seed)
    groups, decades = int(rng.integers(2, 7)), rng.choice([0.0, 1.0, 4.0, 8.0, 14.0])
    se = 10.0 ** rng.uniform(-decades, decades, groups)
    y = (
        rng.normal(size=groups) * se,
        rng.normal(size=groups),
        np.full(groups, rng.normal() * 10.0 ** rng.integers(-3, 4)),
        rng.normal(size=groups) * 10.0 ** rng.integers(-8, 8) + 10.0 ** rng.integers(-8, 8),
    )
    return y[seed % 4], se


CASES = [
    ([5.0, 5.0], [1.0, 1e-6]),
    ([-0.0013, -1.56], [1e-6, 1.0]),
    ([3.0, 1.0, 2.0], [1e6, 1e-6, 1e6]),
    ([1e12, 0.0, 1.0], [1e15, 1e-6, 1e-6]),
    ([1.0, 3.5, 4.0], [1e-70, 1.0, 1e70]),
    *(made(seed) for seed in range(40)),
]


class Exact:
    """The same in other arithmetic: plain formulas, sums of all pairs of groups."""

    def __init__(self, model):
        self.y, self.var = ([mp.mpf(float(x)) for x in part] for part in (model.y, model.var))

    def mean(self, weights):
        return sum(w * y for w, y in zip(weights, self.y, strict=True)) / sum(weights)

    def form(self, weights, power=1):
        mean = self.mean(weights)
        return sum(w**power * (y - mean) ** 2 for w, y in zip(weights, self.y, strict=True))

    def inverse(self, tau2):
        return [1 / (v + tau2) for v in self.var]

    def root_of_trace(self, weights, variances):
        total, trace = sum(weights), mp.mpf(0)
        for i, w in enumerate(weights):
            for j, v in enumerate(weights):
                entry = (w if i == j else 0) - w * v / total
                trace += entry**2 * variances[i] * variances[j]
        return mp.sqrt(trace)

    def moments(self, method):
        """Tau^2 and its standard error."""
        groups = len(self.y)
        crude = self.form([mp.mpf(1)] * groups) / groups
        if method == "SJ" and crude == 0:
            return 0, 0
        weights = self.inverse(0)
        if method == "HE":
            weights = [mp.mpf(1)] * groups
        if method == "SJ":
            weights = self.inverse(crude)
        form, total = self.form(weights), sum(weights)
        scale, less = {
            "DL": (1 / (total - sum(w * w for w in weights) / total), groups - 1),
            "HE": (1 / mp.mpf(groups - 1), sum(self.var) * (groups - 1) / groups),
            "HS": (1 / total, groups),
            "SJ": (crude / (groups - 1), 0),
        }[method]
        raw = (form - less) * scale
        variances = [v + max(raw, 0) for v in self.var]
        return raw, scale * mp.sqrt(2) * self.root_of_trace(weights, variances)

    def error(self, method, tau2):
        groups, weights = len(self.y), self.inverse(tau2)
        if method in ("PM", "EB"):
            return mp.sqrt(2 * mp.mpf(groups) ** 2 / (groups - 1)) / sum(weights)
        if method == "ML":
            return mp.sqrt(2 / sum(w * w for w in weights))
        return mp.sqrt(2) / self.root_of_trace(weights, [1] * groups)

    def falls(self, method, tau2):
        """What is 0 at the estimate, and falls through it."""
        weights = self.inverse(tau2)
        total = sum(weights)
        if method in ("PM", "EB"):
            return self.form(weights) - (len(self.y) - 1)
        less = sum(w * w for w in weights) / total if method == "REML" else 0
        return self.form(weights, 2) - (total - less)


def close(found, exact, rel=1e-9, size=0.0):
    return abs(mp.mpf(float(found)) - exact) <= rel * max(abs(exact), size)


@pytest.mark.parametrize("case", range(len(CASES)))
def test_every_estimate_of_tau2(case):
    y, se = CASES[case]
    model = ph.NormalNormal(y, se=se, prior_tau=PROPER)
    exact, least = Exact(model), float(model.var.min())
    for method in METHODS:
        fit = ph.random_effects(model, method)
        if method in FIXED:
            raw, error = exact.moments(method)
            assert close(fit.tau2_raw, raw, size=least), method
        else:
            error = exact.error(method, mp.mpf(fit.tau2))
            off = 1e-9 * (fit.tau2 + least)
            if fit.tau2 > 0.0:
                assert exact.falls(method, mp.mpf(fit.tau2 - off)) > 0, method
            assert exact.falls(method, mp.mpf(fit.tau2 + off)) < 0, method
        assert close(fit.tau2_se, error), method
        check_given_tau2(fit, model, exact, mp.mpf(fit.tau2))


def check_given_tau2(fit, model, exact, tau2):
    weights, plain = exact.inverse(tau2), exact.inverse(0)
    mu, total = exact.mean(weights), sum(weights)
    # The heaviest y is itself known to an ulp.
    ulp = float(np.spacing(abs(model.y[np.argmin(model.var)])))
    assert abs(mp.mpf(fit.mu) - mu) <= ulp + 1e-9 / mp.sqrt(total) + 1e-14 * abs(mu)
    assert close(fit.se, 1 / mp.sqrt(total))
    weight = sum(plain)
    by_sampling = tau2 * (weight - sum(w * w for w in plain) / weight) / (len(plain) - 1)
    assert close(fit.h2, 1 + by_sampling)
    assert close(fit.i2, by_sampling / (1 + by_sampling))
    for j, (y, var) in enumerate(zip(exact.y, exact.var, strict=True)):
        pull = var / (var + tau2)
        error = mp.sqrt(tau2 * pull + pull**2 / total)
        assert close(fit.theta_se[j], error)
        rounded = ulp + 1e-14 * (abs(mu) + (1 - pull) * abs(y)) + 1e-9 * error
        assert abs(mp.mpf(float(fit.theta[j])) - (pull * mu + (1 - pull) * y)) <= rounded


@pytest.mark.parametrize("case", range(len(CASES)))
def test_pooling_and_its_test(case):
    y, se = CASES[case]
    model = ph.NormalNormal(y, se=se, prior_tau=PROPER)
    exact, weights = Exact(model), Exact(model).inverse(0)
    pooled, mean = ph.complete_pooling(model), exact.mean(weights)
    ulp = float(np.spacing(abs(model.y[np.argmin(model.var)])))
    assert abs(mp.mpf(pooled.mean) - mean) <= ulp + 1e-9 * pooled.se + 1e-14 * abs(mean)
    assert close(pooled.se, 1 / mp.sqrt(sum(weights)))
    assert close(ph.homogeneity_test(model).statistic, exact.form(weights), size=1e-300)
    mu, log_tau = model.moments()
    raw, _ = exact.moments("DL")
    assert close(np.exp(2.0 * log_tau), max(raw, 0), size=float(model.var.min()))
    assert abs(mp.mpf(mu) - exact.mean(exact.inverse(max(raw, 0)))) <= (
        ulp + 1e-14 * abs(mu) + 1e-9 / mp.sqrt(sum(exact.inverse(max(raw, 0))))
    )


def test_sizes_of_groups_that_differ_by_a_million():
    """n0 = (N - sum n^2 / N) / (J - 1) = 2 n1 n2 / N."""
    rng = np.random.default_rng(1)
    values, groups = rng.normal(size=1_000_001), np.repeat(["a", "b"], [1_000_000, 1])
    exact = mp.mpf(2) * 1_000_000 / 1_000_001
    assert close(ph.anova(values, groups).n0, exact, rel=1e-15)
