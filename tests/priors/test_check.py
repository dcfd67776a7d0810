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
