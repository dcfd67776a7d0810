"""The diagnostics of pyhier.coda against a live coda, on random chains of many kinds."""

import warnings

import numpy as np
import pytest
from pyhier.r_bridge import RError
from scipy.signal import lfilter

from pyhier import coda
from pyhier.coda import heidel, spectrum

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
    # R's time is that of its many regressions, one a column: twenty columns are one case in twenty.
    p = int(rng.choice([1, 2, 3, 5, 20], p=[0.3, 0.25, 0.25, 0.15, 0.05]))
    m = int(rng.integers(1, 9))
    if p == 20:
        m = min(m, 2)
    if n * p * m > 4_000:
        n = max(20, 4_000 // (p * m))
    chosen = rng.choice(kinds, size=p)
    scale, shift = 10.0 ** rng.integers(-3, 4, p), rng.normal(size=p) * 10
    chains = []
    for _ in range(m):
        x = np.column_stack([series(kind, n, rng) for kind in chosen]) * scale + shift
        chains.append(np.where(chosen == "constant", 3.25, x))
    return chains


def as_list(chains):
    """For R, a list of matrices: a Python list of arrays of one shape would be one array there."""
    return {f"chain{i}": x for i, x in enumerate(chains)}


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
                failures += 1  # of R's glm; the likelihood has a maximum (tests/coda)
                assert 0.0 < spectrum.glm_at_zero(x, order=order) < np.inf, seed
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


# coda loses the digits that a mean a million times the standard deviation takes: such columns are
# centred for both.
def centred_case(seed):
    chains = case(seed)
    mean, sd = chains[0].mean(axis=0), chains[0].std(axis=0)
    centre = np.where((np.abs(mean) > 1e3 * sd) & (np.ptp(chains[0], axis=0) > 0), mean, 0.0)
    return [x - centre for x in chains]


def as_list_object(chains, **kwargs):
    names = [f"v{j}" for j in range(chains[0].shape[1])]
    return coda.mcmc_list([coda.mcmc(x, varnames=names, **kwargs) for x in chains])


NAMED = """
    chains <- lapply(chains, function(x) {
        colnames(x) <- paste0("v", seq_len(ncol(x)) - 1); mcmc(x, start = start, thin = thin) })
    m <- mcmc.list(unname(chains))
"""


def close(ours, theirs, seed, rtol=1e-8, atol=1e-10):
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol, err_msg=str(seed))


def test_gelman(r):
    """gelman.diag on 300 inputs; where coda stops on a singular matrix, so do we."""
    code = (
        NAMED
        + """
        g <- suppressWarnings(gelman.diag(m, confidence, transform, autoburnin, FALSE))
        mpsrf <- tryCatch(gelman.diag(m, confidence, transform, autoburnin)$mpsrf,
                          error = function(e) NA, warning = function(w) suppressWarnings(
                              gelman.diag(m, confidence, transform, autoburnin)$mpsrf))
        list(g$psrf, mpsrf, is.null(mpsrf))
    """
    )
    singular = 0
    for seed in range(300):
        chains = centred_case(seed)
        rng = np.random.default_rng(seed)
        if len(chains) == 1:
            with pytest.raises(ValueError, match="You need at least two chains"):
                coda.gelman_diag(as_list_object(chains))
            continue
        transform = bool(seed % 4 == 0)
        if transform:  # the first positive, the others within (0, 1)
            scale = np.abs(chains[0]).max(axis=0)
            chains = [0.5 + x / scale / 9 for x in chains]
            for x in chains:
                x[:, 0] = np.exp(4 * x[:, 0])
        options = {
            "confidence": float(rng.choice([0.5, 0.9, 0.95])), "transform": transform,
            "autoburnin": bool(seed % 3),
        }  # fmt: skip
        where = {"start": int(rng.integers(1, 200)), "thin": int(rng.integers(1, 6))}
        psrf, mpsrf, single = r(code, chains=as_list(chains), **where, **options)
        x = as_list_object(chains, **where)
        close(coda.gelman_diag(x, multivariate=False, **options).psrf, psrf, seed)
        if single:
            assert coda.gelman_diag(x, **options).mpsrf is None
        elif np.isnan(mpsrf):
            singular += 1
            with pytest.raises(ValueError, match="no multivariate factor"):
                coda.gelman_diag(x, **options)
        else:
            assert coda.gelman_diag(x, **options).mpsrf == pytest.approx(mpsrf, rel=1e-8), seed
    assert singular > 20


def test_geweke_and_heidel(r):
    """geweke.diag and heidel.diag on 300 inputs, thinned and started late."""
    code = (
        NAMED
        + """
        x <- chains[[1]]
        list(geweke.diag(x, frac1, frac2)$z, unclass(heidel.diag(x, eps, p)))
    """
    )
    overturned = 0
    for seed in range(300):
        chains, rng = centred_case(seed), np.random.default_rng(seed)
        where = {"start": int(rng.integers(1, 200)), "thin": int(rng.integers(1, 6))}
        frac1, frac2 = float(rng.choice([0.1, 0.2, 0.33])), float(rng.choice([0.5, 0.4, 0.65]))
        eps, p = float(rng.choice([0.1, 0.02])), float(rng.choice([0.05, 0.2]))
        x = coda.mcmc(chains[0], **where)
        inputs = {"chains": as_list(chains[:1]), "frac1": frac1, "frac2": frac2, "eps": eps, "p": p}
        try:
            z, table = r(code, **inputs, **where)
        except RError as error:
            if "missing value where TRUE/FALSE needed" not in str(error):
                raise
            # A spectrum of 0 over the second half: coda stops, here that variable's test fails.
            flat = spectrum.ar_at_zero(chains[0][-(-len(x) // 2) - 1 :])[0] == 0.0
            assert flat.any()
            assert np.isnan(coda.heidel_diag(x, eps, p).pvalue[flat]).all()
            continue
        # Spectra of AR fits under a square root.
        close(coda.geweke_diag(x, frac1, frac2).z, np.atleast_1d(z), seed, rtol=AR, atol=1e-9)
        ours = np.asarray(coda.heidel_diag(x, eps, p))
        scale = np.abs(chains[0]).max(axis=0)
        for j, row in enumerate(np.reshape(table, ours.shape)):
            if far_from_stationary(chains[0][:, j]):
                overturned += bool(row[0] != ours[j, 0])
                continue
            close(ours[j, :4], row[:4], seed, rtol=AR, atol=1e-9)
            close(ours[j, 4:], row[4:], seed, rtol=AR, atol=1e-12 * scale[j])
    assert 0 < overturned < 30


def far_from_stationary(x):
    """Whether the statistic is so large, for some part, that coda's four terms mislead it."""
    half, n = spectrum.ar_at_zero(x[-(-x.size // 2) - 1 :, None])[0][0], x.size
    starts = [int(np.ceil(1 + k * n / 10)) - 1 for k in range(6) if 1 + k * n / 10 <= n / 2]
    bridges = (np.cumsum(x[k:] - x[k:].mean()) for k in starts)
    return half > 0 and max(b @ b / (b.size**2 * half) for b in bridges) > heidel.FAR


def test_raftery(r):
    """raftery.diag on 300 inputs, rounded ones too: exact integers, three digits of I."""
    code = "as.numeric(suppressWarnings(raftery.diag(mcmc(x, thin = t), q, e, s)$resmatrix))"
    short = undefined = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        x = case(seed)[0][:, 0]
        if seed % 3 == 0 and np.ptp(x) > 0:
            x = np.round(4 * (x - x.mean()) / x.std()) / 10 + 0.1
        options = {
            "q": float(rng.choice([0.025, 0.5, 0.1, 0.9])),
            "s": float(rng.choice([0.9, 0.95])),
        }
        e, thin = float(rng.choice([0.02, 0.05, 0.1])), int(rng.integers(1, 4))
        try:
            theirs = r(code, x=x, t=thin, e=e, **options)
        except RError as error:
            if "same length" not in str(error):
                raise
            with pytest.raises(ValueError, match="run it longer"):
                coda.raftery_diag(coda.mcmc(x, thin=thin), r=e, **options)
            continue
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="no run length")
            ours = coda.raftery_diag(coda.mcmc(x, thin=thin), r=e, **options).resmatrix
        if theirs.size == 2:
            short += 1
            assert ours == ("Error", str(int(theirs[1])))
            continue
        undefined += bool(np.isnan(theirs).any())
        np.testing.assert_array_equal(np.asarray(ours)[0], theirs, err_msg=str(seed))
    assert short > 5
    assert undefined > 5


def test_correlations(r):
    """autocorr, autocorr.diag, crosscorr on 300 inputs."""
    code = (
        NAMED
        + """
        list(autocorr(m, lags)[[1]], autocorr.diag(m, lags), suppressWarnings(crosscorr(m)))
    """
    )
    for seed in range(300):
        chains = centred_case(seed)
        lags = np.array([0, 1, 5, 10, 50][: 4 + (len(chains[0]) > 50)])
        theirs = r(code, chains=as_list(chains), start=5, thin=3, lags=lags)
        x = as_list_object(chains, start=5, thin=3)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="the standard deviation is zero")
            ours = [coda.autocorr(x)[0], coda.autocorr_diag(x), coda.crosscorr(x)]
        for found, expected in zip(ours, theirs, strict=True):
            close(np.asarray(found), np.reshape(expected, np.shape(found)), seed)


def test_pcramer(r):
    q = np.geomspace(1e-3, 9.99, 400)
    for eps in (1e-5, 1e-2, 0.3, 0.0):
        close(coda.pcramer(q, eps), r("pcramer(q, eps)", q=q, eps=eps), eps, rtol=1e-12, atol=1e-14)
    assert coda.pcramer(0.0) == r("pcramer(0)") == 0.0
    assert coda.pcramer(25.0)[0] == pytest.approx(1.0, abs=1e-9)  # coda's falls again
    assert r("pcramer(25)") < 0.97


def test_evolution(r):
    """What gelman.plot and geweke.plot draw."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    code = (
        NAMED
        + """
        pdf(NULL); g <- gelman.plot(m); w <- geweke.plot(m, nbins = 7); dev.off()
        list(g$shrink, g$last.iter, w$z, w$start.iter)
    """
    )
    rng = np.random.default_rng(4)
    for n, thin in [(60, 1), (61, 3), (155, 1), (155, 3), (500, 1), (503, 7)]:
        chains = [rng.normal(size=(n, 2)).cumsum(axis=0) for _ in range(2)]
        shrink, last, z, start = r(code, chains=as_list(chains), start=7, thin=thin)
        x = as_list_object(chains, start=7, thin=thin)
        ours, scores = coda.gelman_plot(x), coda.geweke_plot(x, nbins=7)
        np.testing.assert_array_equal(ours.last_iter, last)
        close(ours.shrink, shrink, n)
        close(scores.start_iter, start, n)
        close(scores.z, z, n)
        plt.close("all")
