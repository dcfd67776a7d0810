"""R's solve and chol, without R: their definitions."""

import numpy as np
import pytest

from pyhier.rstats.linalg import chol, log_determinant, solve


@pytest.fixture(params=[1, 2, 3, 5, 9])
def covariance(request):
    root = np.random.default_rng(request.param).normal(size=(request.param, 2 * request.param))
    return root @ root.T


def test_solve_inverts(covariance):
    shuffled = covariance[::-1]  # needs pivots
    np.testing.assert_allclose(shuffled @ solve(shuffled), np.eye(len(shuffled)), atol=1e-11)


def test_solve_equations(covariance):
    shuffled, sides = covariance[::-1], np.arange(2.0 * len(covariance)).reshape(-1, 2)
    found = solve(shuffled, sides)
    np.testing.assert_allclose(shuffled @ found, sides, rtol=1e-10, atol=1e-9)
    np.testing.assert_array_equal(solve(shuffled, sides[:, 1]), found[:, 1])
    with pytest.raises(ValueError, match=f"b has 1 rows: a has {len(shuffled) + 1}"):
        solve(np.eye(len(shuffled) + 1), [1.0])


def test_chol_is_a_root(covariance):
    upper = chol(covariance)
    np.testing.assert_allclose(upper.T @ upper, covariance, rtol=1e-13, atol=1e-13)
    assert np.all(np.tril(upper, -1) == 0.0)


def test_log_determinant(covariance):
    for matrix in (covariance, covariance[::-1], -covariance):
        sign, size = np.linalg.slogdet(matrix)
        assert log_determinant(matrix) == (sign, pytest.approx(size, rel=1e-12))


def test_errors():
    with pytest.raises(ValueError, match="exactly singular"):
        solve([[1.0, 2.0], [2.0, 4.0]])
    with pytest.raises(ValueError, match="leading minor of order 2"):
        chol([[1.0, 2.0], [2.0, 1.0]])
    with pytest.raises(ValueError, match="must be square"):
        solve([[1.0, 2.0]])
    with pytest.raises(TypeError, match="a must be numbers"):
        solve([["x"]])
