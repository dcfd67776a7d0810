"""The inverse of a distribution function by its own tails."""

import numpy as np
import pytest
from scipy import stats

from pyhier.distributions.inverse import invert_tail

Q = np.array([0.0, 1e-300, 1e-9, 0.025, 0.5, 0.975, 1.0])


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("family", [stats.norm(1.0, 2.0), stats.t(1.5), stats.logistic(-3.0)])
def test_quantiles_of_smooth_distributions(family, upper):
    tail, inverse = (family.logsf, family.isf) if upper else (family.logcdf, family.ppf)
    inside = Q[1 if family.dist.name != "t" else 2 : -1]  # its quantiles leave the bracket
    found = invert_tail(tail, family.logpdf, inside, np.zeros(inside.size), (-1e9, 1e9), upper)
    np.testing.assert_allclose(found, inverse(inside), rtol=1e-11, atol=1e-12)


def test_what_has_no_quantile_stays():
    family, start = stats.norm(), np.array([3.0, -2.0])
    found = invert_tail(family.logcdf, family.logpdf, Q[[0, -1]], start, (-9.0, 9.0), False)
    np.testing.assert_array_equal(found, start)


def test_about_a_jump_the_quantile_is_its_upper_side():
    """Half of the mass is at 2, where no density tells of it."""

    def log_tail(z):
        with np.errstate(divide="ignore"):
            return np.log(0.5 * stats.uniform(0.0, 4.0).cdf(z) + 0.5 * (z >= 2.0))

    def log_density(z):
        return np.full(z.size, np.log(0.125))

    found = invert_tail(log_tail, log_density, np.array([0.1, 0.5]), np.ones(2), (0.0, 4.0), False)
    np.testing.assert_allclose(found, [0.8, 2.0], rtol=1e-11)
    assert found[1] >= 2.0
