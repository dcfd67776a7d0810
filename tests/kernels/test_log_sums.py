"""log_mixture against its NumPy twin."""

import numpy as np
import pytest
from scipy import special

from pyhier.kernels.log_sums import log_mixture


def twin(statistics, natural, offset):
    return special.logsumexp(statistics @ natural.T + offset, axis=1)


@pytest.mark.parametrize("terms", [1, 2, 7, 8, 9, 1000, 1024, 1025, 5000])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 300.0])
def test_equals_its_twin(terms, scale):
    rng = np.random.default_rng(terms)
    statistics = rng.normal(0.0, scale, (20, 2))
    natural, offset = rng.normal(0.0, 3.0, (terms, 2)), rng.normal(0.0, 50.0, terms)
    expected = twin(statistics, natural, offset)
    # The terms' own rounding, an ulp of the largest product; the sum adds a few ulps of one.
    size = np.abs(statistics).max() * np.abs(natural).max() + np.abs(offset).max()
    found = log_mixture(statistics, natural, offset)
    np.testing.assert_allclose(found, expected, rtol=0, atol=4e-16 * size + 4e-15)


def test_extremes():
    """No overflow, none underflows that counts; minus infinity where there is nothing."""
    one = np.ones((1, 2))
    assert log_mixture(one, np.zeros((3, 2)), np.full(3, 1e5)) == pytest.approx(1e5 + np.log(3))
    assert log_mixture(one, np.zeros((3, 2)), np.full(3, -1e5)) == pytest.approx(-1e5 + np.log(3))
    assert log_mixture(one, np.zeros((2, 2)), np.array([-np.inf, 0.0]))[0] == 0.0
    assert log_mixture(one, np.zeros((2, 2)), np.full(2, -np.inf))[0] == -np.inf
    far = np.array([[1e3, np.inf]])
    assert log_mixture(far, np.array([[1.0, -1.0]] * 3), np.zeros(3))[0] == -np.inf
