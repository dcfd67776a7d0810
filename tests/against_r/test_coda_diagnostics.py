"""The diagnostics of pyhier.coda against a live coda, on random chains of many kinds."""

import warnings

import numpy as np
import pytest
from pyhier.r_bridge import RError
from scipy.signal import lfilter

from pyhier.coda import spectrum

KINDS = ("white", "autoregressive", "negative", "heavy", "walk", "near-constant", "constant")


def series(kind, n, rng):
    noise = rng.normal(size=n)
    if kind == "autoregressive":
        return lfilter([1], [1, -rng.choice([0.3, 0.9, 0.99, 0.999])], noise)
    if kind == "negative":
        return lfilter([1], [1, rng.choice([0.3, 0.9])], noise)
    if kind == "heavy":
        return rng.standard_t(rng.choice([1, 2, 3]), size=n)
    if kind == "walk":
        return noise.cumsum()
    if kind == "near-constant":
        return 1.0 + 1e-6 * noise
    if kind == "constant":
        return np.full(n, 3.25)
    return noise


def case(seed, kinds=KINDS):
    """Some chains of one length: a list of arrays (n, p)."""
    rng = np.random.default_rng(seed)
    n = int(rng.choice([20, 51, 100, 201, 500, 1000, 2003]))
    p, m = int(rng.choice([1, 2, 3, 5, 20])), int(rng.integers(1, 9))
    if n * p * m > 4_000:
        n = max(20, 4_000 // (p * m))
    chosen = rng.choice(kinds, size=p)
    scale, shift = 10.0 ** rng.integers(-3, 4, p), rng.normal(size=p) * 10
    return [
        np.column_stack([series(kind, n, rng) for kind in chosen]) * scale + shift for _ in range(m)
    ]


def as_list(chains):
    """For R, a list of matrices: a Python list of arrays of one shape would be one array there."""
    return {f"chain{i}": x for i, x in enumerate(chains)}


def relative(ours, theirs):
    """Largest difference relative to R's number, or absolute below 1e-2 of it."""
    ours, theirs = np.asarray(ours, float), np.asarray(theirs, float)
    assert ours.shape == theirs.shape
    assert np.array_equal(np.isnan(ours), np.isnan(theirs))
    known = ~np.isnan(ours)
    return np.max(np.abs(ours - theirs)[known] / np.maximum(np.abs(theirs[known]), 1e-2), initial=0)


# AR fits: near a unit root 1 - sum(ar) loses digits and the spectrum squares that; without one the
# agreement is 1e-12. The Gamma regression stops early, on R's own path: 1e-8.
AR, GLM = 1e-6, 1e-6


def test_spectra(r):
    """spectrum0.ar, effectiveSize, batchSE on 300 inputs."""
    code = """
        m <- mcmc.list(lapply(chains, mcmc)); a <- spectrum0.ar(chains[[1]])
        list(a$spec, a$order, effectiveSize(m), if (ncol(chains[[1]]) > 1) batchSE(m, size))
    """
    worst = 0.0
    for seed in range(300):
        chains = case(seed)
        size = 5 + seed % 6
        spec, order, sizes, errors = map(np.atleast_1d, r(code, chains=as_list(chains), size=size))
        ours = spectrum.ar_at_zero(chains[0])
        np.testing.assert_array_equal(ours[1], order, err_msg=str(seed))
        np.testing.assert_allclose(ours[0], spec, rtol=AR, err_msg=str(seed))
        found = spectrum.effective_sizes(chains)
        np.testing.assert_allclose(found, sizes, rtol=AR, err_msg=str(seed))
        close = np.abs(found / np.where(sizes == 0, 1, sizes) - (sizes != 0)) < 1e-8
        worst += 1 - close.mean()
        if chains[0].shape[1] > 1:
            found = spectrum.batch_errors(chains, size)
            # A mean of constants is exact in one of the two only.
            np.testing.assert_allclose(found, errors, rtol=1e-8, atol=1e-12, err_msg=str(seed))
    assert worst / 300 < 0.01


def test_periodogram_regression(r):
    """spectrum0 on 300 inputs, with its warnings and errors; its orders 1 and 2 without noise."""
    code = """
        said <- NULL
        out <- withCallingHandlers(spectrum0(x, order = order)$spec, warning = function(w) {
            said <<- c(said, conditionMessage(w)); invokeRestart("muffleWarning") })
        list(out, any(grepl("not converge|NaNs|truncated", said)))
    """
    failures = 0
    for seed in range(300):
        x, order = case(seed, KINDS[:5])[0][:, 0], 1 + seed % 2
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            try:
                theirs, warned = r(code, x=x, order=order)
            except RError:
                failures += 1
                with pytest.raises(ValueError, match="diverged"):
                    spectrum.glm_at_zero(x, order=order)
                continue
            ours = spectrum.glm_at_zero(x, order=order)
        assert ours == pytest.approx(theirs, rel=GLM), seed
        assert bool(said) == warned, seed
    assert failures < 20


def test_spectrum_at_its_edges(r):
    """Short series, straight lines, all orders and batchings."""
    rng = np.random.default_rng(3)
    for n in (2, 3, 4, 5, 10):
        x = rng.normal(size=n)
        theirs = r("a <- spectrum0.ar(x); c(a$spec, a$order)", x=x)
        found = np.concatenate(spectrum.ar_at_zero(x[:, None]))
        np.testing.assert_allclose(found, theirs, rtol=1e-10)
    line = np.arange(1.0, 101.0)
    for tiny in (1e-9, 1.2e-8, 1.8e-8, 1e-7):
        x = line + tiny * rng.normal(size=100)
        theirs = r("spectrum0.ar(x)$spec == 0", x=x)
        assert (spectrum.ar_at_zero(x[:, None])[0][0] == 0.0) == theirs
    x = rng.normal(size=500)
    for length in (None, 60, 100, 333, 499, 500):
        for order in (0, 1, 2):
            code = "suppressWarnings(spectrum0(x, order = order, max.length = length)$spec)"
            theirs = r(code, x=x, order=order, length=length)
            ours = spectrum.glm_at_zero(x, order=order, max_length=length)
            assert ours == pytest.approx(theirs, rel=1e-8)
