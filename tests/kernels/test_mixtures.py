"""Mixtures of normals: against NumPy's and SciPy's functions, mpmath, and their own inverses."""

import mpmath
import numpy as np
import pytest
from scipy import special

from pyhier.kernels.mixtures import logpdf, moments, quantiles, tails

EPS = np.finfo(float).eps
ONE = (np.ones(1), np.zeros(1), np.ones(1))


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def twin(x, weight, mean, sd):
    """Lower tail, upper tail and density."""
    z = (x[:, None] - mean) / sd
    density = np.exp(-0.5 * z**2) / (np.sqrt(2 * np.pi) * sd)
    return np.stack([special.ndtr(z) @ weight, special.ndtr(-z) @ weight, density @ weight])


def random_mixture(rng, n):
    weight = rng.exponential(size=n) ** 3
    sd = 10.0 ** rng.uniform(-3, 3, n)
    return weight / weight.sum(), rng.normal(size=n) * 10.0 ** rng.uniform(-1, 3), sd


def test_one_component_in_both_tails():
    """Ulps of Mills' ratio, and those of the exponential, whose argument z^2 / 2 is rounded."""
    z = np.concatenate([np.linspace(-37.5, 37.5, 601), np.geomspace(1e-12, 37.0, 50)])
    found = tails(z, *ONE)
    with mpmath.workdps(40):
        exact = [[mpmath.ncdf(t), mpmath.ncdf(-t), mpmath.npdf(t)] for t in z.tolist()]
        truth = np.array([[float(value) for value in row] for row in exact]).T
    ulps = np.abs(found / truth - 1.0) / EPS
    assert np.all(ulps <= 4.0 + z**2)


def test_far_out():
    """Denormal tails fade away, and beyond them is 0 or 1, without a NaN."""
    z = np.array([-38.4, -40.0, -1e5, -1e300, 1e300, np.inf, -np.inf])
    below, above, density = tails(z, *ONE)
    assert below[0] == pytest.approx(special.ndtr(-38.4), rel=1e-4)  # a denormal: few digits
    np.testing.assert_array_equal(below[1:], [special.ndtr(-40.0), 0, 0, 1, 1, 0])
    np.testing.assert_array_equal(above[1:], [1, 1, 1, 0, 0, 1])
    np.testing.assert_array_equal(density[2:], 0.0)


@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 33, 400])
def test_mixtures(rng, n):
    weight, mean, sd = random_mixture(rng, n)
    x = np.concatenate([rng.choice(mean, 50) + rng.normal(size=50), mean[:1] + 1e-3])
    found, expected = tails(x, weight, mean, sd), twin(x, weight, mean, sd)
    # Positive terms: a few ulps of each, z^2 of them in the far tails that make up small sums.
    np.testing.assert_allclose(found, expected, rtol=2000 * EPS, atol=1e-300)
    kept = expected[2] > 1e-300
    np.testing.assert_allclose(
        logpdf(x, weight, mean, sd)[kept], np.log(expected[2][kept]), rtol=1e-13, atol=1e-13
    )
    centre, var = moments(weight, mean[None], sd[None])
    np.testing.assert_allclose(centre[0], weight @ mean, rtol=0, atol=1e-14 * np.abs(mean).max())
    np.testing.assert_allclose(var[0], weight @ (sd**2 + (mean - centre) ** 2), rtol=1e-13)


@pytest.mark.parametrize("n", [1, 5, 8, 60])
@pytest.mark.parametrize("upper", [False, True])
def test_quantiles_are_the_inverse(rng, n, upper):
    """Of wild mixtures too, with peaks a million times narrower than the whole."""
    q = np.array([1e-30, 1e-12, 0.001, 0.025, 0.3, 0.5, 0.7, 0.975, 1.0 - 1e-9])
    weight = random_mixture(rng, n)[0]
    others = [random_mixture(rng, n)[1:] for _ in range(5)]
    mean, sd = (np.stack(part) for part in zip(*others, strict=True))
    found = quantiles(q, upper, weight, mean, sd)
    for x, centre, spread in zip(found, mean, sd, strict=True):
        below, above, density = tails(x, weight, centre, spread)
        small = np.where(q <= 0.5, above if upper else below, below if upper else above)
        # Of the tail asked for, and what an ulp of x changes of it.
        ulp = 2 * density * np.abs(np.spacing(x))
        assert np.all(np.abs(small - np.minimum(q, 1.0 - q)) <= 1e-12 * small + ulp)


def test_padding_changes_nothing(rng):
    """Components that count for nothing change no bit."""
    weight, mean, sd = random_mixture(rng, 16)
    x = rng.normal(size=20)
    more = [np.append(part, np.full(8, fill)) for part, fill in ((weight, 0), (mean, 0), (sd, 1))]
    np.testing.assert_array_equal(tails(x, weight, mean, sd), tails(x, *more))


def test_quantiles_of_sds_over_150_decades():
    """The median of a scale mixture, though light components are 1e40 times as wide."""
    sd = np.geomspace(1e-7, 1e145, 500)
    weight = np.exp(-np.linspace(0.0, 80.0, 500))
    mean = np.full(500, 2.7e-5)
    q = np.array([1e-6, 0.025, 0.5, 0.975, 1.0 - 1e-6])
    together = quantiles(q, False, weight / weight.sum(), mean[None], sd[None])[0]
    assert together[2] == pytest.approx(2.7e-5, rel=1e-9)
    below = tails(together, weight / weight.sum(), mean, sd)[0]
    np.testing.assert_allclose(below, q, rtol=1e-9)
