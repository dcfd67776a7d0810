"""Chains as coda has them: made, cut, taken apart and printed as a live coda does it."""

import numpy as np
import pytest
from pyhier.r_bridge.validation.live_r import RError, evaluate

from pyhier import coda

pytestmark = pytest.mark.usefixtures("r")

MAKE = """
library(coda)
make <- function(m, start, thin, names) {
  if (!is.null(names)) colnames(m) <- as.character(names)
  if (ncol(m) == 1 && is.null(names)) m <- m[, 1]
  mcmc(m, start = start, thin = thin)
}
shown <- function(x) paste(capture.output(print(x)), collapse = "\n")
"""


def chains(seed, n=40, latest=6):
    """Random matrices at many scales, starts and thinnings, with and without names."""
    rng = np.random.default_rng(seed)
    for i in range(n):
        rows, columns = int(rng.integers(1, 30)), int(rng.integers(1, 9))
        data = rng.normal(size=(rows, columns)) * 10.0 ** rng.integers(-10, 11, columns)
        names = [f"v[{j}]" * (1 + j % 3) for j in range(columns)] if i % 3 else None
        start, thin = int(10 ** rng.uniform(0, latest)), int(10 ** rng.uniform(0, 3))
        yield data, start, thin, names


def ours(data, start, thin, names):
    shaped = data[:, 0] if data.shape[1] == 1 and names is None else data
    return coda.mcmc(shaped, start=start, thin=thin, varnames=names)


def r(code, data, start, thin, names, **more):
    code = f"{MAKE}\nx <- make(m, start, thin, names)\n{code}"
    return evaluate(code, m=data, start=float(start), thin=float(thin), names=names, **more)


@pytest.mark.parametrize("seed", range(4))
def test_a_chain_prints_as_in_r(seed):
    for case in chains(seed):
        assert str(ours(*case)) == r("shown(x)", *case)


@pytest.mark.parametrize("seed", range(2))
def test_chains_print_as_in_r(seed):
    for data, start, thin, names in chains(seed + 10):
        case = (data, start, thin, names)
        both = coda.mcmc_list(ours(*case), ours(2 * data, *case[1:]))
        assert str(both) == r("shown(mcmc.list(x, make(2 * m, start, thin, names)))", *case)
        named = coda.mcmc_list(a=ours(*case), b=ours(2 * data, *case[1:]))
        assert str(named) == r(
            "shown(mcmc.list(a = x, b = make(2 * m, start, thin, names)))", *case
        )


@pytest.mark.parametrize("seed", range(3))
def test_window_head_and_tail(seed):
    rng = np.random.default_rng(seed)
    compared = 0
    # From iteration 100,000 on R keeps draws before the start: it compares times to 1e-5 relative.
    for case in chains(seed + 20, latest=4):
        x = ours(*case)
        first, last = (float(v) for v in np.sort(rng.uniform(x.start, x.end, 2)))
        step = x.thin * int(rng.integers(1, 4))
        first, last = float(round(first)), float(round(last))
        # R makes an empty chain, which ends before it starts, where no draw is in the window.
        code = "w <- window(x, a, b, k); if (niter(w) < 1) stop('empty'); shown(w)"
        try:
            expected = r(code, *case, a=first, b=last, k=float(step))
        except RError:
            with pytest.raises(ValueError, match="start cannot be after end|no draw"):
                coda.window(x, first, last, step)
        else:
            assert str(coda.window(x, first, last, step)) == expected
            compared += 1
        n = int(rng.integers(0, 8))
        assert str(coda.head(x, n)) == r("shown(head(x, n))", *case, n=n)
        assert str(coda.tail(x, n)) == r("shown(tail(x, n))", *case, n=n)
    assert compared > 15


@pytest.mark.parametrize("seed", range(2))
def test_accessors_and_conversions(seed):
    for case in chains(seed + 30, 20):
        x = ours(*case)
        both = coda.mcmc_list(x, x)
        code = "y <- mcmc.list(x, x); "
        for function in ("start", "end", "thin", "frequency", "niter", "nvar", "nchain"):
            mine = getattr(coda, function)
            assert mine(x) == r(f"{function}(x)", *case)
            if function != "frequency":  # R takes a list for a series of frequency 1
                assert mine(both) == r(f"{code}{function}(y)", *case)
        assert np.array_equal(coda.time(x), np.atleast_1d(r("as.vector(time(x))", *case)))
        assert list(coda.mcpar(x)) == r("mcpar(x)", *case).tolist()
        expected = r("varnames(x, allow.null = FALSE)", *case)
        assert list(coda.varnames(x, allow_null=False)) == list(np.atleast_1d(expected))
        for iters in (False, True):
            flags = f"iters = {str(iters).upper()}"
            expected = r(f"unclass(as.matrix(x, {flags}))", *case)
            assert np.array_equal(coda.as_matrix(x, iters=iters), expected)
            expected = r(f"{code}as.matrix(y, {flags}, chains = TRUE)", *case)
            assert np.array_equal(coda.as_matrix(both, iters=iters, chains=True), expected)
        for drop in (False, True):
            expected = r(f"{code}as.array(y, drop = {str(drop).upper()})", *case)
            assert np.array_equal(coda.as_array(both, drop), expected)


def test_columns_are_chains_and_rows_are_not():
    data = np.arange(12.0).reshape(6, 2)
    case = (data, 11, 5, ["a", "b"])
    x = ours(*case)
    assert str(x["b"]) == r("shown(x[, 'b'])", *case)
    assert str(x[:, ["b", "a"]]) == r("shown(x[, c('b', 'a')])", *case)
    assert str(x[:, 1:]) == r("shown(x[, 2, drop = FALSE])", *case)
    assert np.array_equal(x[1:3], r("unclass(x[2:3, ])", *case))
    assert np.array_equal(x[x["a"].values > 3], r("unclass(x[x[, 1] > 3, ])", *case))
    assert x[2, "b"] == r("x[3, 'b']", *case)


WARNED = {
    "window(x, start = 1)": lambda x: coda.window(x, start=1),
    "window(x, end = 100)": lambda x: coda.window(x, end=100),
    "window(x, thin = 7)": lambda x: coda.window(x, thin=7),
    "window(x, thin = 7.5)": lambda x: coda.window(x, thin=7.5),
}


@pytest.mark.parametrize("code", WARNED)
def test_the_same_warnings(code):
    case = (np.arange(12.0).reshape(6, 2), 11, 5, ["a", "b"])
    said = r(f"tryCatch({code}, warning = conditionMessage)", *case)
    with pytest.warns(UserWarning, match=said):
        kept = WARNED[code](ours(*case))
    assert str(kept) == r(f"shown(suppressWarnings({code}))", *case)


X = coda.mcmc(np.arange(12.0).reshape(6, 2), start=11, thin=5, varnames=["a", "b"])
ERRORS = {
    "mcmc(m, start = 1, end = 20)": (
        lambda: coda.mcmc(X.values, start=1, end=20),
        "Start, end and thin incompatible with data",
    ),
    "mcmc(array(0, c(2, 2, 2)))[1, ]": (lambda: coda.mcmc(np.zeros((2, 2, 2))), "3 dimensions"),
    "mcmc(m, thin = 0)": (lambda: coda.mcmc(X.values, thin=0), "thin is 0: it must be at least 1"),
    "window(x, start = 30, end = 20)": (
        lambda: coda.window(X, 30, 20),
        "start cannot be after end",
    ),
    "window(x, start = 200)": (lambda: coda.window(X, 200), "start cannot be after end"),
    "window(x, end = 5)": (lambda: coda.window(X, end=5), "start cannot be after end"),
    "window(x, start = c(1, 2))": (lambda: coda.window(X, [1, 2]), "bad value for start"),
    "window(x, end = c(1, 2))": (lambda: coda.window(X, end=[1, 2]), "bad value for end"),
    "head(x, -1)": (lambda: coda.head(X, -1), "start cannot be after end"),
    "tail(x, -1)": (lambda: coda.tail(X, -1), "start cannot be after end"),
    "mcmc.list(x, window(x, end = 21))": (
        lambda: coda.mcmc_list(X, coda.window(X, end=21)),
        "Different start, end or thin values in each chain",
    ),
    "mcmc.list(x, x[, 1])": (
        lambda: coda.mcmc_list(X, X[:, 0]),
        "Different number of variables in each chain",
    ),
    "y <- x; varnames(y) <- c('a', 'c'); mcmc.list(x, y)": (
        lambda: coda.mcmc_list(X, coda.set_varnames(X, ["a", "c"])),
        "Different variable names in each chain",
    ),
    "mcmc.list(x, m)": (
        lambda: coda.mcmc_list(X, X.values),
        "Arguments must be mcmc objects",
    ),
    "as.mcmc(mcmc.list(x, x))": (
        lambda: coda.as_mcmc(coda.mcmc_list(X, X)),
        "Can't coerce mcmc.list to mcmc object",
    ),
    "x[, 'zz']": (lambda: X["zz"], "there is no variable 'zz': there are a, b"),
    "varnames(x) <- 'u'": (lambda: coda.set_varnames(X, ["u"]), "there must be 2"),
}


@pytest.mark.parametrize("code", ERRORS)
def test_the_same_errors(code):
    with pytest.raises(RError):
        r(code, X.values.copy(), 11, 5, ["a", "b"])
    call, message = ERRORS[code]
    with pytest.raises((ValueError, TypeError, KeyError), match=message):
        call()


def test_only_the_end_is_given():
    for end, thin in ((3, 1), (30, 5), (100, 2)):
        made = coda.mcmc(X.values, end=end, thin=thin)
        assert (
            list(made.mcpar)
            == evaluate(
                "library(coda); mcpar(mcmc(m, end = e, thin = t))", m=X.values, e=end, t=thin
            ).tolist()
        )
    cut = coda.mcmc(X.values, start=11, end=23, thin=5)
    assert list(cut.mcpar) == [11, 21, 5]
    assert len(cut) == 3
