"""The checker tells usable from useless and proper from improper."""

import numpy as np
import pytest
from scipy import stats

import pyhier as ph

SE = [15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0]


@pytest.mark.parametrize(
    "prior",
    [
        stats.halfcauchy(scale=5), stats.halfnorm(scale=1e-3), stats.gamma(2, scale=300),
        stats.lomax(1.5), stats.uniform(0, 20), stats.lognorm(2.0), "dumouchel", "shrinkage", "i2",
        lambda tau: np.log(2.0) - 2.0 * tau,
    ],
)  # fmt: skip
def test_proper_priors(prior):
    found = ph.check_prior(prior, SE)
    assert found.usable
    assert found.proper
    assert found.normalised
    assert found.integral == pytest.approx(1.0, abs=1e-9)
    assert found.groups == 1
    assert found.problems == ()


@pytest.mark.parametrize(
    ("prior", "groups"),
    [("uniform", 3), ("sqrt", 2), ("jeffreys", 2), (lambda tau: np.log(tau), 4)],
)
def test_improper_priors_need_groups(prior, groups):
    found = ph.check_prior(prior, SE)
    assert found.usable
    assert not found.proper
    assert found.integral == np.inf
    assert found.groups == groups
    assert f"at least {groups} groups" in found.problems[0]
    with pytest.raises(ValueError, match="improper"):
        ph.exact(ph.NormalNormal(range(groups - 1), se=SE[: groups - 1], prior_tau=prior))
    ph.exact(ph.NormalNormal(range(groups), se=SE[:groups], prior_tau=prior))


def test_conventional_is_proper_but_not_normalised():
    found = ph.check_prior("conventional", SE)
    assert found.proper
    assert not found.normalised
    assert "not 1" in found.problems[0]


def test_useless_priors():
    assert "infinite mass at tau = 0" in ph.check_prior(lambda tau: -np.log(tau)).problems[0]
    found = ph.check_prior(lambda tau: np.nan if tau > 3 else 0.0)
    assert not found.usable
    assert "not a number at tau" in found.problems[0]


@pytest.mark.parametrize(
    "prior",
    [
        stats.arcsine(scale=10.0), stats.beta(2.3, 0.63, scale=10.0),
        stats.lognorm(1e-7, scale=5.0),
        stats.truncnorm(-5e6, np.inf, loc=5.0, scale=1e-6), stats.gamma(1e6, scale=2.7e-11),
        stats.invgamma(1.0, scale=1e-300),
        stats.uniform(0.0, 10.0).logpdf, lambda tau: stats.uniform(0.0, 10.0).logpdf(tau),
        lambda tau: np.log(2.0 * stats.norm(0.0, 5.0).pdf(tau)),
    ],
)  # fmt: skip
def test_edges_poles_spikes_and_underflow(prior):
    found = ph.check_prior(prior, [1.0, 10.0])
    assert found.proper
    assert found.normalised
    assert abs(found.integral - 1.0) < 1e-9
    assert found.problems == ()


def test_what_exact_cannot_resolve_is_said():
    heavy = ph.check_prior(stats.weibull_min(0.01))
    assert heavy.proper
    assert "exact refuses it unless" in heavy.problems[0]
    with np.errstate(divide="ignore"):
        infinite = ph.check_prior(lambda tau: -0.3 * np.log(abs(tau - 1.0)) - tau)
    assert not infinite.normalised
    assert "tau = 1" in infinite.problems[0]
