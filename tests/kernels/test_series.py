"""Sums over series against their NumPy twins."""

import numpy as np
import pytest

from pyhier.kernels.series import centre, lagged_products

# Around the block of 1024 values and the eight lags that go together.
LENGTHS = [1, 2, 7, 8, 9, 1023, 1024, 1025, 1032, 2048, 5000]


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("lags", [1, 2, 7, 8, 9, 16, 51])
def test_lagged_products(n, lags):
    if lags > n:
        with pytest.raises(ValueError, match="more lags than values"):
            lagged_products(np.ones(n), np.empty(lags))
        return
    x, out = np.random.default_rng(n).normal(size=n), np.empty(lags)
    lagged_products(x, out)
    expected = [x[k:] @ x[: n - k] for k in range(lags)]
    np.testing.assert_allclose(out, expected, rtol=0, atol=1e-14 * n)  # rounding of n sums


@pytest.mark.parametrize("n", LENGTHS)
def test_centre(n):
    x = 1e6 + np.random.default_rng(n).normal(size=n)
    before = x.copy()
    slope = centre(x)
    # The mean of numbers near 1e6 is known to 1e-10; a second pass brings the rest to nothing.
    np.testing.assert_allclose(x, before - before.mean(), rtol=0, atol=1e-9)
    assert abs(x.mean()) < 1e-13
    time = np.arange(n) - (n - 1) / 2
    assert slope == pytest.approx(time @ x, rel=1e-9, abs=1e-9)


def test_read_only_input():
    x = np.arange(4.0)
    x.flags.writeable = False
    out = np.empty(2)
    lagged_products(x, out)
    assert out.tolist() == [14.0, 8.0]
