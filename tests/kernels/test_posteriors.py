"""The compiled log posteriors against NumPy twins and, in their tails, against mpmath."""

import mpmath
import numpy as np
import pytest
from scipy import special, stats

from pyhier.kernels.posteriors import TablePosterior


def bins(m, log_s, low, high):
    table = [[low], [high], [1.0]]
    return TablePosterior("groupeddatapost", 2, table)([m, log_s])


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (-1.0, 2.0), (-np.inf, -3.0), (5.0, 6.0), (20.0, 21.0), (29.9, 30.1), (31.0, 33.0),
        (31.0, 31.0001), (200.0, np.inf), (-200.0, -199.99), (1.0, 1.0 + 1e-9), (-1e-7, 1e-7),
        (1e5, 1e5 + 1e-6), (-np.inf, np.inf), (-30.1, 4.0),
    ],
)  # fmt: skip
def test_probability_of_a_bin(low, high):
    """To 1e-13 of the logarithm in tails and narrow bins, where differences of cdfs lose digits."""
    near, far = (low, high) if low > 0 else (-high, -low)  # in the upper tail

    def upper(z):
        return mpmath.erfc(mpmath.mpf(z) / mpmath.sqrt(2)) / 2

    with mpmath.workdps(60):
        expected = float(mpmath.log(upper(near) - upper(far)))
    assert bins(0.0, 0.0, low, high) == pytest.approx(expected, rel=1e-13, abs=1e-15)


def test_twins():
    rng = np.random.default_rng(3)
    y = rng.normal(size=20)
    x = np.array([0.3, 0.8])
    twins = {
        "cauchyerrorpost": ([y], (), stats.cauchy.logpdf(y, x[0], np.exp(x[1])).sum()),
        "logctablepost": (
            ((),), (3.0, 4, 5, 6),
            np.sum([3, 4] * special.log_expit([0.55, -0.55]))
            + np.sum([5, 6] * special.log_expit([0.25, -0.25])),
        ),
        "howardprior": (
            ((),), (2.0, 3, 4, 5, 1.5),
            -0.5 * ((special.logit(0.3) - special.logit(0.8)) / 1.5) ** 2
            + np.sum([1, 2, 3, 4] * np.log([0.3, 0.7, 0.8, 0.2])),
        ),
    }  # fmt: skip
    for name, (table, par, expected) in twins.items():
        density = TablePosterior(name, 2, table, par)
        assert density.compiled
        assert density(x) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("shift", [0.0, 290.0, 310.0, 700.0])
def test_pareto_in_both_forms(shift):
    """lambda and all times in other units: the density of the logs only moves by the units."""
    rng = np.random.default_rng(4)
    t, w = rng.exponential(50, (2, 30))
    z, c = rng.integers(0, 2, (2, 30)).astype(float)
    table = [t, z, w, c, np.log(t), np.log(w)]
    density = TablePosterior("transplantpost", 3, table)
    x = np.array([0.2, 3.0, -0.5])
    # In units of exp(-shift) the times overflow from 700 on; their logarithms do not.
    with np.errstate(over="ignore"):
        factor = np.exp(shift)
    moved = TablePosterior(
        "transplantpost", 3, [t * factor, z, w * factor, c, np.log(t) + shift, np.log(w) + shift]
    )
    died = (c == 0).sum()
    expected = density(x) - shift * died + shift
    assert moved(x + np.array([0, shift, 0])) == pytest.approx(expected, rel=1e-12)


def test_outside_the_parameters_range():
    assert TablePosterior("howardprior", 2, par=[1, 1, 1, 1, 2])([1.2, 0.5]) == -np.inf
    assert TablePosterior("normchi2post", 2, par=[5, 0, 1])([0.0, -1.0]) == -np.inf


def test_unknown_name():
    with pytest.raises(ValueError, match="no compiled log posterior is named 'nothing'"):
        TablePosterior("nothing", 2)
