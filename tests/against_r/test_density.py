"""density() and its bandwidths against a live R."""

import numpy as np
import pytest

from pyhier import rstats

KERNELS = (
    "gaussian", "epanechnikov", "rectangular", "triangular", "biweight", "cosine", "optcosine",
)  # fmt: skip


def sample(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.choice([2, 3, 10, 100, 1000]))
    x = rng.normal(size=n) if seed % 3 else rng.standard_t(1, size=n)
    return (np.round(x, 1) if seed % 4 == 0 else x) * 10.0 ** rng.integers(-3, 4) + rng.normal()


@pytest.mark.parametrize("kernel", KERNELS)
def test_density(r, kernel):
    code = """
        d <- density(x, adjust = adjust, kernel = kernel, n = n, cut = cut)
        list(d$x, d$y, d$bw)
    """
    for seed in range(20):
        x, n = sample(seed), [512, 7, 512, 1000, 64][seed % 5]
        options = {
            "adjust": [1.0, 0.5, 2.0][seed % 3],
            "kernel": kernel,
            "cut": [3.0, 1.0][seed % 2],
        }
        at, height, bw = r(code, x=x, n=n, **options)
        fit = rstats.density(x, n=n, **options)
        assert fit.bw == pytest.approx(bw, rel=1e-12)
        np.testing.assert_allclose(fit.x, at, rtol=1e-12, atol=1e-12 * bw)
        # Rounding of the transform leaves 1e-16 of the peak where there is nothing.
        np.testing.assert_allclose(fit.y, height, rtol=1e-8, atol=1e-13 / bw)


def test_ends_and_weights(r):
    x = sample(5)
    weights = np.arange(1.0, x.size + 1)
    weights /= weights.sum()
    theirs = r("density(x, bw = 0.3, weights = w, from = -1, to = 1, n = 50)$y", x=x, w=weights)
    fit = rstats.density(x, bw=0.3, weights=weights, from_=-1.0, to=1.0, n=50)
    np.testing.assert_allclose(fit.y, theirs, rtol=1e-8, atol=1e-13)
    found = rstats.density([5.0], bw=lambda y: 2.0, n=3)
    np.testing.assert_allclose(found.y, r("density(5, bw = 2, n = 3)$y"), rtol=1e-8)


def test_bandwidths(r):
    for x in [*map(sample, range(40)), [1.0, 1.0, 1.0], [0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0, 7.0]]:
        assert rstats.bw_nrd0(x) == pytest.approx(r("bw.nrd0(x)", x=x), rel=1e-12)
        assert rstats.bw_nrd(x) == pytest.approx(r("bw.nrd(x)", x=x), rel=1e-12)


def test_bad_input():
    with pytest.raises(ValueError, match=r"x\[1\] is not finite"):
        rstats.density([1.0, np.nan])
    with pytest.raises(ValueError, match="kernel is 'box'"):
        rstats.density([1.0, 2.0], kernel="box")
    with pytest.raises(ValueError, match="bw is 'SJ'"):
        rstats.density([1.0, 2.0], bw="SJ")
    with pytest.raises(ValueError, match="need at least 2 data points"):
        rstats.density([1.0])
    with pytest.raises(ValueError, match="weights must be 2 numbers"):
        rstats.density([1.0, 2.0], weights=[1.0])
