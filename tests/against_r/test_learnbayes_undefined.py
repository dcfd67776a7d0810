"""Where LearnBayes' log posteriors are NaN, and its chains that meet such places."""

import numpy as np
import pytest
from pyhier.r_bridge.validation.comparisons import posteriors
from pyhier.r_bridge.validation.comparisons.inputs import normal_data

from pyhier import learnbayes as lb
from pyhier import rstats

NAMES = (
    "betabinexch", "betabinexch0", "bfexch", "bradley_terry_post", "cauchyerrorpost",
    "groupeddatapost", "howardprior", "lbinorm", "logctablepost", "logisticpost", "logpoissgamma",
    "logpoissnormal", "normchi2post", "normnormexch", "poissgamexch", "transplantpost",
    "weibullregpost",
)  # fmt: skip
BOUNDS = [0.0, 1e-320, 1e-300, 1e-3, 1, 36, 37, 355, 709.7, 709.8, 745, 745.2, 1e3, 1e155, 1.7e308]
FAR = np.array(BOUNDS + [-x for x in BOUNDS[1:]])


def case(name, rng):
    if name == "normnormexch":
        inputs = normal_data(rng)
        return np.array(inputs["start"]), inputs["data"]
    theta, data = getattr(posteriors, f"_{name}")(rng)
    return np.ravel(theta)[: 1 if name.startswith("logpoiss") else None], data


def far_points(theta, rng):
    """Where R's exp() over- and underflows, about the data, and mixtures of both."""
    p = theta.size
    anywhere, near = rng.choice(FAR, (150, p)), theta + rng.normal(size=(150, p))
    away = theta + rng.normal(size=(150, p)) * 10.0 ** rng.uniform(0, 3, (150, 1))
    return np.vstack([anywhere, away, np.where(rng.random((150, p)) < 0.5, anywhere, near)])


@pytest.mark.parametrize("name", NAMES)
def test_not_a_number_exactly_where_r_says_so(r, name):
    """4,500 points each; the predicate only has to say which, so there is no tolerance."""
    code = f"suppressWarnings(apply(x, 1, function(t) {name.replace('_', '.')}(t, data)))"
    found = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        theta, data = case(name, rng)
        x = far_points(theta, rng)
        theirs = np.isnan(r(code, x=x, data=data))
        ours = getattr(lb, name).compiled_for(data).undefined_in_r(x)
        np.testing.assert_array_equal(ours, theirs)
        found += theirs.sum()
    assert found == 0 if name == "logpoissnormal" else found > 30


HEARTS = {"data": np.array([[532.0, 0], [584, 0], [672, 2], [722, 1]]), "z0": 0.5}
SURVIVAL = np.column_stack([[10.0, 20, 35, 50, 80], [1.0, 1, 0, 1, 0], [0.0, 1, 0, 1, 1]])
TRIALS = np.column_stack([[1.0, 3, 2, 4], [10.0, 10, 10, 10]])
CHAINS = [
    ("howardprior", [4.0, 16, 8, 6, 1], [0.3, 0.5], 0.05 * np.eye(2)),
    ("normchi2post", np.array([20.0, 32, 21, 43, 33, 21, 32]), [28.0, 30], np.diag([30.0, 2e3])),
    ("betabinexch0", TRIALS, [0.3, 20.0], np.diag([0.1, 900.0])),
    ("weibullregpost", SURVIVAL, [-0.5, 4.0, 0.0], np.diag([4.0, 9.0, 9.0])),
    ("logisticpost", np.array([[1.0, 5, 0], [2, 5, 1], [3, 5, 4]]), [-3.0, 1.5], 900.0 * np.eye(2)),
    ("poissgamexch", HEARTS, [2.0, -7.0], np.diag([1e5, 4.0])),
]


@pytest.mark.parametrize(("name", "data", "start", "var"), CHAINS, ids=[c[0] for c in CHAINS])
def test_chains_that_go_there(r, name, data, start, var):
    """R draws no uniform at such a proposal: one too many, and the chains part for good."""
    code = f"""suppressWarnings({{ set.seed(1)
        s <- rwmetrop({name}, list(var = var, scale = 1), start, 2000, data) }})
        list(s$par, s$accept, runif(1))"""
    par, accept, after = r(code, data=data, start=start, var=var)
    rstats.set_seed(1)
    density = getattr(lb, name)
    ours = lb.rwmetrop(density, {"var": var, "scale": 1}, start, 2000, data)
    np.testing.assert_allclose(ours.par, par, rtol=1e-9)
    assert ours.accept == accept
    assert rstats.runif(1) == after
    generator = lb.rwmetrop(density, {"var": var, "scale": 1}, start, 2000, data, rng=1)
    assert np.isfinite(generator.par).all()
