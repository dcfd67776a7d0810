"""summary, HPDinterval and rejectionRate, their numbers and printed text, against a live coda."""

import numpy as np
import pytest
from pyhier.r_bridge.validation.live_r import RError, evaluate

from pyhier import coda

pytestmark = pytest.mark.usefixtures("r")

R = """
library(coda)
make <- function(m, names) {
  dim(m) <- dims
  if (!is.null(names)) dimnames(m) <- list(NULL, as.character(names), NULL)
  l <- lapply(seq_len(dims[3]), function(k) {
    x <- matrix(m[, , k], dims[1], dims[2], dimnames = dimnames(m)[1:2])
    if (flat) x <- x[, 1]
    mcmc(x, start = start, thin = thin)
  })
  if (dims[3] == 1) l[[1]] else mcmc.list(l)
}
shown <- function(x) paste(capture.output(print(x)), collapse = "\n")
x <- make(m, names)
"""


def series(rng, n, p, chains):
    """White noise, autoregressions of both signs, heavy tails and random walks, at any scale."""
    noise = rng.normal(size=(n, p, chains))
    heavy = rng.standard_t(2, size=(n, p, chains))
    kind = rng.integers(0, 4, p)
    rho = np.where(kind == 1, rng.uniform(-0.95, 0.999, p), 0.0)[:, np.newaxis]
    x = np.where(kind[:, np.newaxis] == 3, heavy, noise)
    for t in range(1, n):
        x[t] += rho * x[t - 1]
    x = np.where(kind[:, np.newaxis] == 2, np.cumsum(x, axis=0), x)
    return x * 10.0 ** rng.integers(-10, 11, (p, 1)) + rng.normal(size=(p, 1))


def inputs(seed, n=15):
    rng = np.random.default_rng(seed)
    for i in range(n):
        rows, columns, chains = (
            int(10 ** rng.uniform(0.7, 2.6)),
            rng.integers(1, 13),
            (1, 2, 5)[i % 3],
        )
        flat = bool(i % 5 == 0)
        columns = 1 if flat else int(columns)
        x = series(rng, rows, columns, chains)
        names = None if flat or i % 4 == 0 else [f"beta[{j + 1}]" for j in range(columns)]
        yield x, names, flat, int(10 ** rng.uniform(0, 5)), int(10 ** rng.uniform(0, 2))


def ours(x, names, flat, start, thin):
    chains = [
        coda.mcmc(x[:, 0, k] if flat else x[:, :, k], start=start, thin=thin, varnames=names)
        for k in range(x.shape[2])
    ]
    return chains[0] if len(chains) == 1 else coda.mcmc_list(chains)


def theirs(code, x, names, flat, start, thin, **more):
    inputs = {"names": names, "flat": flat, "start": float(start), "thin": float(thin)}
    return evaluate(R + code, m=x.ravel(order="F"), dims=list(x.shape), **inputs, **more)


@pytest.mark.parametrize("seed", range(20))
def test_summary(seed):
    for case in inputs(seed):
        mine = coda.summary(ours(*case))
        r = theirs("s <- summary(x); list(a = s$statistics, b = s$quantiles, c = shown(s))", *case)
        # Relative to the draws' size: a mean near zero cancels.
        scale = np.abs(case[0]).max(axis=(0, 2))[:, np.newaxis]
        for part, expected in ((mine.statistics, r["a"]), (mine.quantiles, r["b"])):
            difference = np.asarray(part).reshape(scale.size, -1) - expected.reshape(scale.size, -1)
            assert (np.abs(difference) <= 1e-8 * scale).all()
        assert str(mine) == r["c"]


@pytest.mark.parametrize("probs", [[0.1, 0.9], [0.5], [0.12345678, 0.5]])
def test_other_quantiles(probs):
    for case in inputs(100, 10):
        mine = coda.summary(ours(*case), quantiles=probs)
        assert str(mine) == theirs("shown(summary(x, quantiles = p))", *case, p=probs)


@pytest.mark.parametrize("prob", [0.0, 0.01, 0.5, 0.8, 0.95, 1.0])
def test_hpd_intervals(prob):
    for case in inputs(int(200 + 100 * prob), 10):
        mine = coda.HPDinterval(ours(*case), prob)
        assert str(mine).rstrip() == theirs("shown(HPDinterval(x, p))", *case, p=prob).rstrip()
        first = mine[0] if case[0].shape[2] > 1 else mine
        code = "h <- HPDinterval(x, p); if (is.list(h)) h <- h[[1]]; {}"
        assert np.array_equal(
            first, theirs(code.format("unname(h)[, , drop = FALSE]"), *case, p=prob)
        )
        assert first.Probability == theirs(code.format("attr(h, 'Probability')"), *case, p=prob)


def test_rejection_rates():
    for x, names, flat, start, thin in inputs(300, 30):
        case = (np.round(x / x.std()), names, flat, start, thin)
        if x.shape[1] == 1 and x.shape[2] > 1:
            with pytest.raises(RError):  # R knows no list of chains of one variable
                theirs("rejectionRate(x)", *case)
            continue
        mine = coda.rejectionRate(ours(*case))
        assert str(mine) == theirs("shown(rejectionRate(x))", *case)
        assert np.asarray(mine) == pytest.approx(
            theirs("unname(rejectionRate(x))", *case), rel=1e-14
        )  # a quotient of counts


def test_missing_draws_are_errors_as_in_r():
    x = np.ones((5, 2, 1))
    x[3, 1] = np.nan
    case = (x, ["a", "b"], False, 10, 5)
    with pytest.raises(RError, match="missing values"):
        theirs("summary(x)", *case)
    with pytest.raises(ValueError, match=r"missing \(NaN\) for b at iteration 25 of chain 1"):
        coda.summary(ours(*case))
    with pytest.raises(ValueError, match="for b at iteration 25"):
        coda.HPDinterval(ours(*case))


@pytest.mark.parametrize("values", [[5.0], [1.0, np.inf, 2.0, 3.0, 4.0], [1.0] * 10, [1.0, 2.0]])
def test_odd_chains_print_as_in_r(values):
    case = (np.reshape(values, (-1, 1, 1)), None, True, 1, 1)
    assert str(coda.summary(ours(*case))) == theirs("shown(summary(x))", *case)


def test_one_draw_has_no_interval():
    case = (np.ones((1, 1, 1)), None, True, 1, 1)
    with pytest.raises(RError, match="nsamp > 1"):
        theirs("HPDinterval(x)", *case)
    with pytest.raises(ValueError, match="nsamp > 1"):
        coda.HPDinterval(ours(*case))
