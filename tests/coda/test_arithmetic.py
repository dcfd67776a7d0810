"""Chains compute: what has a row an iteration keeps the iterations and the names."""

import numpy as np
import pytest

from pyhier import coda

X = np.random.default_rng(1).gamma(2.0, size=(40, 3))
V = coda.mcmc(X, start=11, thin=5, varnames=["id", "units", "b"])


def same(chain, values, names):
    assert coda.is_mcmc(chain)
    assert chain.mcpar == V.mcpar
    assert chain.varnames == names
    np.testing.assert_array_equal(np.asarray(chain), values)


def test_operators():
    same(V["id"] / (V["id"] + V["units"]), X[:, 0] / (X[:, 0] + X[:, 1]), None)
    same(V * 2.0 - 1, X * 2.0 - 1, V.varnames)
    same(1.0 / V, 1.0 / X, V.varnames)
    same(-V, -X, V.varnames)
    same(V["b"] < 0.3, X[:, 2] < 0.3, None)
    same(V + X, X + X, V.varnames)
    same(V / V["b"], X / X[:, 2:], V.varnames)  # a column beside each column, as in R
    same(V**2 // 1, X**2 // 1, V.varnames)
    assert np.mean(V["b"] < 0.3) == np.mean(X[:, 2] < 0.3)
    np.testing.assert_array_equal(V[V["b"] < 0.3], X[X[:, 2] < 0.3])


def test_functions():
    same(np.log(V), np.log(X), V.varnames)
    same(np.where(V > 1.0, 1.0, V), np.where(X > 1.0, 1.0, X), V.varnames)
    same(np.round(V, 2), np.round(X, 2), V.varnames)
    whole, rest = np.divmod(V, 1.0)
    same(whole, X // 1.0, V.varnames)
    same(rest, X % 1.0, V.varnames)
    np.testing.assert_array_equal(np.quantile(V, [0.1, 0.9], axis=0), np.quantile(X, [0.1, 0.9], 0))
    assert isinstance(np.sum(V, axis=1), np.ndarray)
    assert isinstance(V @ np.eye(3), np.ndarray | coda.Mcmc)
    assert np.add.reduce(V).shape == (3,)
    y = V
    y += 1.0
    same(y, X + 1.0, V.varnames)
    np.testing.assert_array_equal(V.values, X)


def test_slices():
    part = V[10:30:2]
    assert part.mcpar == (61, 151, 10)
    assert part.varnames == V.varnames
    np.testing.assert_array_equal(part, X[10:30:2])
    assert V[5:, "units"].mcpar == (36, 206, 5)
    assert V["id"][:4].mcpar == (11, 26, 5)
    assert V[-3:].start == 196
    assert isinstance(V[::-1], np.ndarray)
    assert isinstance(V[[3, 1]], np.ndarray)
    assert V[50:].shape == (0, 3)


def test_stacks():
    both = np.column_stack([V["id"], V[:, ["b"]]])
    same(both, X[:, [0, 2]], ("var1", "b"))
    long = np.vstack([V[:20], V[20:]])
    same(long, X, V.varnames)
    assert np.concatenate([V, V]).mcpar == (11, 406, 5)
    assert np.concatenate([V, V]).varnames == V.varnames
    same(np.hstack([V, V[:, ["id"]]]), X[:, [0, 1, 2, 0]], ("id", "units", "b", "id"))
    assert isinstance(np.stack([V, V]), np.ndarray)
    assert isinstance(np.vstack([V, X]), np.ndarray)


def test_other_iterations_are_refused():
    with pytest.raises(ValueError, match="iterations differ"):
        V + coda.mcmc(X)
    with pytest.raises(ValueError, match="iterations differ"):
        np.column_stack([V, coda.mcmc(X)])


def test_other_names_are_dropped():
    other = coda.set_varnames(V, ["x", "y", "z"])
    assert (V - other).varnames is None


def test_lists():
    several = coda.mcmc_list(a=V, b=2.0 * V)
    ratio = several[:, "id"] / several[:, "units"]
    assert coda.is_mcmc_list(ratio)
    assert ratio.names == ("a", "b")
    np.testing.assert_array_equal(ratio["b"], ratio["a"].values)
    assert (several + 1.0)["a"].varnames == V.varnames
    assert np.log(several).start == 11
    with pytest.raises(ValueError, match="chains do not go together"):
        several + coda.mcmc_list(V)


def test_derived_chains_are_diagnosed():
    share = V["id"] / (V["id"] + V["units"])
    assert coda.effectiveSize(share).shape == (1,)
    assert coda.summary(share < 0.5).statistics.shape == (4,)
