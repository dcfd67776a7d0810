"""Printed results of the diagnostics: R's text, character for character."""

import numpy as np
import pytest

from pyhier import coda

SETUP = """
    shown <- function(x) paste(capture.output(print(x)), collapse = "\\n")
    chains <- lapply(chains, function(x) {
        if (length(names)) colnames(x) <- names; mcmc(x, start = start, thin = thin) })
    one <- chains[[1]]; m <- mcmc.list(unname(chains)); tagged <- mcmc.list(chains)
"""

NAMES = (["mu", "log tau", "theta[1]", "x"], ["a", "b", "c", "deviance"], None)


def draws(seed, n=300, m=3):
    """Numbers of many sizes, up to means of 1e4 standard deviations; a drift; a constant."""
    rng = np.random.default_rng(seed)
    sd = 10.0 ** rng.integers(-4, 6, 4)
    x = rng.normal(size=(m, n, 4)) * sd + np.minimum(10.0 ** rng.integers(-4, 6, 4), 1e4 * sd)
    x[:, :, 1] += np.linspace(0, seed % 3, n) * x[:, :, 1].std()
    if seed % 5 == 0:
        x[:, :, 3] = 2.5
    return x


def compare(r, code, ours, inputs):
    theirs = r(f"{SETUP}\nshown({code})", **inputs)
    assert str(ours) == theirs, f"\n{ours}\n--\n{theirs}"


@pytest.mark.parametrize("seed", range(12))
def test_results(r, seed):
    names = NAMES[seed % 3]
    where = {"start": 1 + 5 * seed, "thin": 1 + seed % 4}
    x = draws(seed)
    chains = {f"chain{i}": chain for i, chain in enumerate(x)}
    inputs = {"chains": chains, "names": names, **where}
    made = [coda.mcmc(chain, varnames=names, **where) for chain in x]
    one, several = made[0], coda.mcmc_list(made)
    tagged = coda.mcmc_list(**dict(zip(chains, made, strict=True)))
    for code, ours in {
        "geweke.diag(one)": coda.geweke_diag(one),
        "geweke.diag(one, 0.25, 1/3)": coda.geweke_diag(one, 0.25, 1 / 3),
        "geweke.diag(m)": coda.geweke_diag(several),
        "geweke.diag(tagged)": coda.geweke_diag(tagged),
        "heidel.diag(one)": coda.heidel_diag(one),
        "heidel.diag(one, eps = 0.01, pvalue = 0.3)": coda.heidel_diag(one, 0.01, 0.3),
        "heidel.diag(m)": coda.heidel_diag(several),
        "raftery.diag(one, q = 0.5, r = 0.05)": coda.raftery_diag(one, 0.5, 0.05),
        "raftery.diag(m, q = 0.1, r = 0.03)": coda.raftery_diag(several, 0.1, 0.03),
        "raftery.diag(one)": coda.raftery_diag(one),
        "gelman.diag(m, multivariate = FALSE)": coda.gelman_diag(several, multivariate=False),
        "autocorr(one)": coda.autocorr(one),
        "autocorr(m, lags = c(0, 3))": coda.autocorr(several, lags=[0, 3]),
        "autocorr.diag(m)": coda.autocorr_diag(several),
    }.items():
        compare(r, code, ours, inputs)
    if seed % 5:
        compare(r, "gelman.diag(m)", coda.gelman_diag(several), inputs)
        compare(r, "crosscorr(m)", coda.crosscorr(several), inputs)
        compare(r, "effectiveSize(m)", coda.effectiveSize(several), inputs)
        compare(r, "spectrum0.ar(one)", coda.spectrum0_ar(one), inputs)
    if seed % 5 and names:
        compare(r, "spectrum0(one)", coda.spectrum0(one), inputs)
        compare(r, "batchSE(m, 20)", coda.batchSE(several, 20), inputs)


def test_one_variable(r):
    """Vectors have no names in R, and each function has its own way with that."""
    x = draws(1)[:, :, 0]
    inputs = {
        "chains": {f"chain{i}": chain for i, chain in enumerate(x)},
        "names": None, "start": 1, "thin": 1,
    }  # fmt: skip
    made = coda.mcmc_list([coda.mcmc(chain) for chain in x])
    for code, ours in {
        "geweke.diag(one)": coda.geweke_diag(made[0]),
        "heidel.diag(one)": coda.heidel_diag(made[0]),
        "raftery.diag(one, r = 0.02)": coda.raftery_diag(made[0], r=0.02),
        "gelman.diag(m)": coda.gelman_diag(made),
        "effectiveSize(m)": coda.effectiveSize(made),
        "autocorr(one)": coda.autocorr(made[0]),
        "autocorr.diag(one)": coda.autocorr_diag(made[0]),
        "crosscorr(one)": coda.crosscorr(made[0]),
    }.items():
        code_without_names = code.replace("one", "mcmc(c(one))").replace(
            "m)", "mcmc.list(lapply(m, function(x) mcmc(c(x)))))"
        )
        compare(r, code_without_names, ours, inputs)


LINE = {
    "effectiveSize(line)": lambda x: coda.effectiveSize(x),
    "gelman.diag(line)": lambda x: coda.gelman_diag(x),
    "gelman.diag(line, transform = TRUE)": lambda x: coda.gelman_diag(x, transform=True),
    "geweke.diag(line)": lambda x: coda.geweke_diag(x),
    "heidel.diag(line)": lambda x: coda.heidel_diag(x),
    "raftery.diag(line)": lambda x: coda.raftery_diag(x),
    "raftery.diag(line, r = 0.05)": lambda x: coda.raftery_diag(x, r=0.05),
    "autocorr(line)": lambda x: coda.autocorr(x),
    "autocorr.diag(line)": lambda x: coda.autocorr_diag(x),
    "crosscorr(line)": lambda x: coda.crosscorr(x),
    "spectrum0.ar(line[[1]])": lambda x: coda.spectrum0_ar(x[0]),
    "spectrum0(line[[2]])": lambda x: coda.spectrum0(x[1]),
    "batchSE(line, 10)": lambda x: coda.batchSE(x, 10),
}


@pytest.mark.parametrize("code", LINE)
def test_line(r, code):
    """coda's own example, the line data."""
    x = r("data(line); line")
    names = r("varnames(line)")
    made = coda.mcmc_list(**{k: coda.mcmc(v, varnames=list(names)) for k, v in x.items()})
    theirs = r(f'paste(capture.output(print({code})), collapse = "\\n")')
    assert str(LINE[code](made)) == theirs
