"""The normal model: closed forms, limits, and what it refuses."""

import inspect
import pickle
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import pyhier as ph
from pyhier.models import Model
from pyhier.models.interface import is_model


def test_it_is_a_model(model):
    assert is_model(model)
    assert not is_model(model.log_marginal)
    fields = [name for name in vars(Model) if not name.startswith("_")]
    assert fields
    assert all(hasattr(model, name) for name in fields)


def test_se_and_var_are_the_same_model(schools):
    a = ph.NormalNormal(schools["y"], se=schools["sigma"])
    b = ph.NormalNormal(schools["y"], var=schools["sigma"] ** 2)
    assert a.log_marginal([8, 2]) == b.log_marginal([8, 2])
    np.testing.assert_array_equal(a.se, b.se)
    assert "standard errors given (se)" in repr(a)
    assert "variances given (var)" in repr(b)


def test_data_is_copied_and_frozen(schools):
    y = schools["y"].to_numpy(float).copy()
    model = ph.NormalNormal(y, se=schools["sigma"])
    before = model.log_marginal([8, 2])
    y[:] = 0.0
    assert model.log_marginal([8, 2]) == before
    with pytest.raises(ValueError, match="read-only"):
        model.y[0] = 1.0


def test_the_signature_is_of_its_arguments():
    """Not of what decides whether there are covariates."""
    names = list(inspect.signature(ph.NormalNormal).parameters)
    assert names[:4] == ["y", "se", "var", "X"]
    assert names[-1] == "prior"


def test_labels(schools):
    assert ph.NormalNormal(schools["y"], se=schools["sigma"]).labels[:2] == ("1", "2")
    assert ph.NormalNormal([1, 2, 3], se=[1, 1, 1], labels=[7, "b", 2.5]).labels == (
        "7",
        "b",
        "2.5",
    )


@pytest.mark.parametrize(
    "priors",
    [
        {},
        {"prior_mu": stats.norm(3.0, 4.0)},
        {"prior_tau": stats.halfcauchy(scale=5.0)},
        {"prior_tau": lambda tau: -0.3 * tau},
        {"prior_mu": stats.norm(0, 5), "prior_tau": stats.gamma(2.0, scale=3.0)},
    ],
)
def test_derivatives(schools, priors):
    model = ph.NormalNormal(schools["y"], se=schools["sigma"], **priors)
    for phi in np.array([[8.0, 2.0], [-3.0, -1.0], [20.0, 4.0]]):
        gradient, hessian = model.derivatives(phi)
        h = 1e-4
        steps = h * np.eye(2)
        f = model.log_marginal
        slope = [(f(phi + s) - f(phi - s)) / (2 * h) for s in steps]
        bend = [
            (model.derivatives(phi + s)[0] - model.derivatives(phi - s)[0]) / (2 * h) for s in steps
        ]
        # Central differences of step 1e-4: truncation 1e-8, rounding 1e-14 / 1e-4.
        np.testing.assert_allclose(gradient, slope, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(hessian, bend, rtol=1e-6, atol=1e-6)


def test_tau_to_zero_is_complete_pooling(model):
    phi = np.tile([7.0, -30.0], (2000, 1))
    np.testing.assert_allclose(model.pooling(phi), 1.0)
    theta = model.draw_theta(phi, np.random.default_rng(1))
    np.testing.assert_allclose(theta, 7.0, atol=1e-11)


def test_tau_to_infinity_is_no_pooling(model):
    phi = np.tile([7.0, 30.0], (200_000, 1))
    np.testing.assert_allclose(model.pooling(phi), 0.0, atol=1e-20)
    theta = model.draw_theta(phi, np.random.default_rng(1))
    np.testing.assert_allclose(theta.mean(axis=0), model.y, atol=5 * 18 / np.sqrt(200_000))
    np.testing.assert_allclose(theta.std(axis=0), model.se, rtol=0.01)


def test_theta_given_phi_is_bda_5_17(model):
    mu, tau, n = 5.0, 6.0, 400_000
    phi = np.tile([mu, np.log(tau)], (n, 1))
    precision = 1 / model.var + 1 / tau**2
    mean = (model.y / model.var + mu / tau**2) / precision
    theta = model.draw_theta(phi, np.random.default_rng(2))
    error = np.sqrt(1 / precision / n)
    assert np.all(np.abs(theta.mean(axis=0) - mean) < 5 * error)
    np.testing.assert_allclose(theta.var(axis=0), 1 / precision, rtol=5 * np.sqrt(2 / n))
    correlation = np.corrcoef(theta.T) - np.eye(8)
    assert np.max(np.abs(correlation)) < 5 / np.sqrt(n)


def test_r_streams_serve_group_after_group(model):
    phi = np.array([[5.0, 1.0], [6.0, 2.0], [7.0, 0.0]])
    theta = model.draw_theta(phi, ph.RStream(4))
    stream = ph.RStream(4)
    shrinkage = model.pooling(phi)
    for j in range(8):
        mean = model.y[j] + shrinkage[:, j] * (phi[:, 0] - model.y[j])
        sd = np.exp(phi[:, 1]) * np.sqrt(shrinkage[:, j])
        np.testing.assert_allclose(theta[:, j], stream.rnorm(3, mean, sd), rtol=1e-14)


# --- Bad input ------------------------------------------------------------------------------------

Y, SE = [28.0, 8.0, -3.0, 7.0], [15.0, 10.0, 16.0, 11.0]
LABELS = ["A", "B", "C", "D"]


@pytest.mark.parametrize(
    ("y", "spread", "message"),
    [
        (Y, {"se": SE[:3]}, "y has 4 groups and se has 3: give one se a group"),
        (Y, {}, r"give se= \(standard errors\) or var= \(sampling variances\): neither was given"),
        (Y, {"se": SE, "var": SE}, "both were given"),
        (
            Y,
            {"se": [15, 10, 16, 0]},
            r"se\[3\] \(group D\) is 0.0: standard errors must be",
        ),
        (Y, {"se": [15, -2, 16, 0]}, r"se\[1\] \(group B\) is -2.0: standard errors"),
        (Y, {"se": [15, 10, np.nan, 1]}, r"se\[2\] \(group C\) is nan"),
        (Y, {"var": [np.inf, 10, 1, 1]}, r"var\[0\] \(group A\) is inf: sampling variances must"),
        ([28, np.nan, 1, 2], {"se": SE}, r"y\[1\] \(group B\) is nan: estimates must be finite"),
        ([28, 1, -np.inf, 2], {"se": SE}, r"y\[2\] \(group C\) is -inf"),
        ([], {"se": []}, "y is empty"),
        ([Y], {"se": SE}, "y has 2 dimensions: it must have 1"),
        (Y, {"se": [1, 1, 1, 1e-200]}, r"se\[3\] \(group D\) is 1e-200: rescale the data"),
        ([1e80, 2, 3, 4], {"se": SE}, r"y\[0\] \(group A\) is 1e\+80: rescale the data"),
    ],
)
def test_bad_data(y, spread, message):
    with pytest.raises(ValueError, match=message):
        ph.NormalNormal(y, **spread, labels=LABELS if len(y) == 4 else None)


ENGINES = [
    ph.exact, ph.grid, ph.laplace,
    *(partial(engine, draws=10, rng=1) for engine in (
        ph.rwmetrop, ph.indepmetrop, ph.gibbs, ph.importance, ph.sir, ph.rejection)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("groups", "priors", "enough"),
    [(1, {}, 3), (2, {}, 3), (1, {"prior_mu": stats.norm(0, 1)}, 2)],
)
def test_improper_posteriors_name_a_prior_that_mends_them(groups, priors, enough):
    message = rf"needs at least {enough}: .*prior_tau=scipy.stats.halfcauchy\(scale=20\)"
    model = ph.NormalNormal(Y[:groups], se=SE[:groups], **priors)
    for engine in ENGINES:
        with pytest.raises(ValueError, match=message):
            engine(model)
    mended = ph.NormalNormal(
        Y[:groups], se=SE[:groups], prior_tau=stats.halfcauchy(scale=20), **priors
    )
    assert ph.laplace(mended).converge


def test_text_is_not_a_number():
    with pytest.raises(TypeError, match="y must be numbers"):
        ph.NormalNormal(["a", "b", "c"], se=[1, 1, 1])
    with pytest.raises(TypeError, match="se must be numbers"):
        ph.NormalNormal([1, 2, 3], se=pd.Series(["x", "y", "z"]))


def test_bad_labels():
    with pytest.raises(ValueError, match="y has 4 groups and labels has 3"):
        ph.NormalNormal(Y, se=SE, labels=["A", "B", "C"])
    with pytest.raises(ValueError, match="labels has 'B' more than once"):
        ph.NormalNormal(Y, se=SE, labels=["A", "B", "B", "D"])


@pytest.mark.parametrize(
    ("priors", "error", "message"),
    [
        ({"prior_tau": "jeffrey"}, ValueError, "prior_tau is 'jeffrey'"),
        ({"prior_tau": 3}, TypeError, "prior_tau is 3"),
        ({"prior_tau": stats.norm(0, 1)}, ValueError, "half line"),
        ({"prior_mu": stats.t(3)}, TypeError, "prior_mu is"),
        ({"prior_mu": 0.0}, TypeError, r"None \(flat\) or scipy.stats.norm"),
    ],
)
def test_bad_priors(priors, error, message):
    with pytest.raises(error, match=message):
        ph.NormalNormal(Y, se=SE, **priors)


def test_models_and_posteriors_can_be_pickled(model):
    model.log_marginal([8, 2])
    exact, chain = ph.exact(model), ph.rwmetrop(model, 50, rng=1)
    exact["tau"].mean()
    for thing in (model, exact, chain, ph.laplace(model)):
        thawed = pickle.loads(pickle.dumps(thing))
        assert repr(thawed) == repr(thing)
    thawed = pickle.loads(pickle.dumps(exact))
    assert thawed["tau"].mean() == exact["tau"].mean()
    assert thawed.model.labels == model.labels


def test_masked_and_missing_values_are_seen():
    masked = np.ma.array([1.0, 2.0, 1e9, 3.0], mask=[False, False, True, False])
    with pytest.raises(ValueError, match=r"y\[2\] \(group C\) is nan"):
        ph.NormalNormal(masked, se=SE, labels=LABELS)
    with pytest.raises(TypeError, match="none missing"):
        ph.NormalNormal(pd.array([1, pd.NA, 3, 4], dtype=object), se=SE)
    with pytest.raises(TypeError, match="complex"):
        ph.NormalNormal(np.array(Y) + 0j, se=SE)


def test_series_that_do_not_match_are_refused():
    y, se = pd.Series(Y, index=LABELS), pd.Series(SE, index=LABELS[::-1])
    with pytest.raises(ValueError, match="different pandas indexes"):
        ph.NormalNormal(y, se=se)
    assert ph.NormalNormal(y, se=se[::-1]).y.size == 4


def test_from_raw():
    values, groups = [1, 3, 4, 8, 5, 9], ["a", "a", "b", "b", "c", "c"]
    pooled = ph.NormalNormal.from_raw(values, groups)
    assert pooled.labels == ("a", "b", "c")
    np.testing.assert_allclose(pooled.y, [2.0, 6.0, 7.0])
    np.testing.assert_allclose(pooled.var, (2.0 + 8.0 + 8.0) / 3.0 / 2.0)
    own = ph.NormalNormal.from_raw(values, groups, variance="per-group")
    np.testing.assert_allclose(own.var, [1.0, 4.0, 4.0])
    with pytest.raises(ValueError, match="variance is 'equal'"):
        ph.NormalNormal.from_raw(values, groups, variance="equal")


@pytest.mark.parametrize("prior_mu", [None, stats.norm(0, 5)])
@pytest.mark.parametrize(
    "prior",
    [*ph.PRIOR_NAMES, *(f(scale=5) for f in (stats.halfnorm, stats.halfcauchy, stats.expon))],
)
def test_known_powers_are_the_slopes_far_out(schools, prior, prior_mu):
    model = ph.NormalNormal(schools["y"], se=schools["sigma"], prior_tau=prior, prior_mu=prior_mu)
    assert model.prior.powers is not None
    low, high = model.scales
    left, right = model.tail_indices
    ends = np.array([low - 61.0, low - 60.0, high + 60.0, high + 61.0])
    near = np.diff(model.collapse(ends).log_density)
    assert near[0] == pytest.approx(left, abs=1e-9)
    assert near[2] == pytest.approx(-right, abs=1e-9) if np.isfinite(right) else near[2] < -1e20


def test_known_powers_of_the_joint_prior(schools):
    model = ph.NormalNormal(
        schools["y"], se=schools["sigma"], prior=ph.NormalInvChi2(0.0, 0.1, 0.1, 100.0)
    )
    left, right = model.tail_indices
    ends = model.scales[1] + np.array([60.0, 61.0])
    assert left == np.inf
    assert np.diff(model.collapse(ends).log_density)[0] == pytest.approx(-right, abs=1e-9)
