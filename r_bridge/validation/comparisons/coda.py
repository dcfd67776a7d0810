"""coda's functions on random chains: their numbers, and what they print."""

from collections.abc import Callable
from typing import Any

import numpy as np
from pyhier.r_bridge.validation.comparison import Comparison
from pyhier.r_bridge.validation.comparisons.inputs import Inputs

from pyhier import coda

NUMBERS = 400  # a case at most: the record has four for each function

MAKE = """
    m <- mcmc.list(lapply(unname(chains), function(x) {
        colnames(x) <- names; mcmc(x, start = start, thin = thin) }))
    one <- m[[1]]; shown <- function(x) paste(capture.output(print(x)), collapse = "\\n"); """

Kinds = tuple[str, ...]
EASY: Kinds = ("white", "negative", "heavy", "autoregressive")
ALL: Kinds = (*EASY, "sticky", "walk", "near-constant")
Options = Callable[[np.random.Generator], Inputs]


def series(kind: str, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draws of one kind: independent, correlated, heavy-tailed, wandering or hardly moving."""
    if kind == "heavy":
        return np.asarray(rng.standard_t(rng.choice([1, 2, 3]), size=n))
    noise = rng.normal(size=n)
    if kind == "walk":
        return np.asarray(noise.cumsum())
    if kind == "near-constant":
        return np.asarray(1.0 + 1e-2 * noise)
    rho = {"white": 0.0, "negative": -0.6, "autoregressive": 0.5, "sticky": 0.95}[kind]
    for t in range(1, n):
        noise[t] += rho * noise[t - 1]
    return noise


def chains(
    rng: np.random.Generator,
    kinds: Kinds = ALL,
    least: int = 1,
    variables: int = 0,
    numbers: int = NUMBERS,
) -> Inputs:
    """Parallel chains of a few variables.

    They have 12 digits: files of them stay short, and few of their means end in a 5, which rounding
    takes either way.
    """
    p = variables or int(rng.choice([1, 2, 3, 4]))
    m = int(rng.integers(least, 4))
    n = min(int(rng.choice([20, 51, 100, 201, 500])), numbers // (p * m))
    chosen, scale = rng.choice(kinds, size=p), 10.0 ** rng.integers(-3, 4, p)
    shift = rng.normal(size=p) * 10
    made = {}
    for k in range(m):
        x = np.column_stack(
            [series(kind, n, rng) + at for kind, at in zip(chosen, shift, strict=True)]
        )
        made[f"chain{k}"] = np.vectorize(lambda v: float(f"{v:.12g}"))(x * scale)
    return {
        "chains": made, "names": [f"beta[{j + 1}]" for j in range(p)] if p > 1 else ["mu"],
        "start": int(rng.integers(1, 2000)), "thin": int(rng.integers(1, 6)),
    }  # fmt: skip


def _several(rng: np.random.Generator) -> Inputs:
    return chains(rng, least=2)


def _stationary(rng: np.random.Generator) -> Inputs:
    """Stationary ones: far from it coda's four terms of a series are too few (differences.md)."""
    return chains(rng, ("white", "negative"), variables=2)


def _short(rng: np.random.Generator) -> Inputs:
    return chains(rng, EASY, numbers=60)


def _one_variable(rng: np.random.Generator) -> Inputs:
    return chains(rng, (*EASY, "sticky"), variables=1)


def _repeating(rng: np.random.Generator) -> Inputs:
    """Chains that at times stay where they are, as a Metropolis sampler's do.

    Of two variables: R's rejectionRate stops at lists of one.
    """
    inputs = chains(rng, EASY, variables=2)
    for name, x in inputs["chains"].items():
        inputs["chains"][name] = np.round(x / np.abs(x).max(axis=0), 1)
    return inputs


def _list(chains: Any, names: Any, start: int, thin: int) -> coda.McmcList:
    names = [str(name) for name in names]
    return coda.mcmc_list(
        [coda.mcmc(x, start=start, thin=thin, varnames=names) for x in chains.values()]
    )


def _none(rng: np.random.Generator) -> Inputs:
    return {}


def _comparison(
    function: str, in_r: str, ours: Callable[..., Any], tolerance: float = 0.0,
    why: str = "copies of the draws, and counts of them",
    make: Options = chains, options: Options = _none, refuses: str = "",
) -> Comparison:  # fmt: skip
    """R code of ``m``, chains, and ``one`` of them; ours takes ``m``; both have the options too."""

    def inputs(rng: np.random.Generator) -> Inputs:
        return make(rng) | options(rng)

    def run(chains: Any, names: Any, start: int, thin: int, **given: Any) -> Any:
        return ours(_list(chains, names, start, thin), **given)

    return Comparison("coda", function, inputs, MAKE + in_r, run, tolerance, why, refuses)


def _shown(result: Any, **values: Any) -> dict[str, Any]:
    """Numbers, and the printed text."""
    return {name: np.asarray(value) for name, value in values.items()} | {"text": str(result)}


SUMS = "sums in another order"
AR = (
    "an autoregression's spectrum at 0: 1 - sum(ar), which loses digits near a unit root, squared;"
    " 1e-12 elsewhere"
)
GLM = "a Gamma regression that stops early, on R's path"


def _summary(m: coda.McmcList) -> dict[str, Any]:
    found = coda.summary(m)
    statistics = np.asarray(found.statistics).reshape(-1, 4)
    return {
        "mean": statistics[:, 0], "sd": statistics[:, 1], "naive": statistics[:, 2],
        "series": statistics[:, 3], "quantiles": np.asarray(found.quantiles).reshape(-1, 5),
        "text": str(found),
    }  # fmt: skip


def _gelman(m: coda.McmcList, confidence: float, transform: bool, burn: bool) -> dict[str, Any]:
    found = coda.gelman_diag(m, confidence, transform, burn)
    return {"psrf": np.asarray(found.psrf), "mpsrf": found.mpsrf, "text": str(found)}


def _geweke(m: coda.McmcList, a: float, b: float) -> dict[str, Any]:
    found: Any = coda.geweke_diag(m[0], a, b)
    return _shown(found, z=found.z, frac=[a, b])


def _hpd(m: coda.McmcList, prob: float) -> dict[str, Any]:
    found: Any = coda.HPDinterval(m[0], prob)
    return {"value": np.asarray(found), "probability": found.Probability}


def _heidel(m: coda.McmcList, eps: float, p: float) -> dict[str, Any]:
    found = coda.heidel_diag(m[0], eps, p)
    return {"table": list(np.asarray(found).T), "text": str(found)}


def _raftery(m: coda.McmcList, q: float, r: float, s: float) -> dict[str, Any]:
    found: Any = coda.raftery_diag(m[0], q, r, s)
    if isinstance(found.resmatrix, tuple):
        return {"resmatrix": found.resmatrix, "text": str(found)}
    matrix = np.asarray(found.resmatrix)
    return {"resmatrix": matrix, "text": None if np.isnan(matrix).any() else str(found)}


def _spectrum(found: coda.Spectrum0) -> dict[str, Any]:
    return _shown(found, spec=found.spec) | {"order": getattr(found, "order", None)}


def _accessor(function: str, of: str = "m") -> Comparison:
    ours = getattr(coda, function)
    return _comparison(
        function, f"as.list({function}({of}))",
        lambda m: list(np.atleast_1d(ours(m if of == "m" else m[0]))), make=_short,
    )  # fmt: skip


def _between(rng: np.random.Generator) -> Inputs:
    return {"a": float(rng.uniform(0.0, 0.4)), "b": float(rng.uniform(0.6, 1.0)), "k": 2}


def _window(m: coda.McmcList, a: float, b: float, k: int) -> dict[str, Any]:
    length = coda.end(m) - coda.start(m)
    first, last = (round(coda.start(m) + share * length) for share in (a, b))
    cut = coda.window(m, first, last, k * coda.thin(m))
    return _shown(cut, values=coda.as_matrix(cut))


def _ends(m: coda.McmcList, n: int, which: Callable[[Any, int], Any]) -> dict[str, Any]:
    cut = which(m, n)
    return _shown(cut, values=coda.as_matrix(cut))


ENDS = "x <- {}(m, n); list(values = unname(unclass(as.matrix(x))), text = shown(x))"

COMPARISONS = (
    _comparison(
        "summary.mcmc",
        """s <- summary(m); a <- matrix(s$statistics, ncol = 4)
           list(mean = a[, 1], sd = a[, 2], naive = a[, 3], series = a[, 4],
                quantiles = matrix(s$quantiles, ncol = 5), text = shown(s))""",
        _summary, 1e-6, AR,
    ),
    _comparison(
        "effectiveSize", "x <- effectiveSize(m); list(value = unname(x), text = shown(x))",
        lambda m: _shown(coda.effectiveSize(m), value=coda.effectiveSize(m)), 1e-6, AR,
    ),
    _comparison(
        "gelman.diag",
        """g <- gelman.diag(m, confidence, transform, burn)
           list(psrf = unname(g$psrf), mpsrf = g$mpsrf, text = shown(g))""",
        _gelman, 1e-8, SUMS + "; eigenvalues", _several,
        lambda rng: {
            "confidence": float(rng.choice([0.5, 0.9, 0.95])), "transform": False,
            "burn": bool(rng.integers(2)),
        },
    ),
    _comparison(
        "geweke.diag",
        "g <- geweke.diag(one, a, b); list(z = unname(g$z), frac = g$frac, text = shown(g))",
        _geweke, 1e-6, AR, options=lambda rng: {
            "a": float(rng.choice([0.1, 0.2, 0.33])), "b": float(rng.choice([0.5, 0.4, 0.65])),
        },
    ),
    _comparison(
        "heidel.diag",
        """h <- heidel.diag(one, eps, p)
           list(table = lapply(1:6, function(j) unname(h[, j])), text = shown(h))""",
        _heidel, 1e-6, AR, _stationary,
        lambda rng: {"eps": float(rng.choice([0.1, 0.02])), "p": float(rng.choice([0.05, 0.2]))},
    ),
    _comparison(
        "raftery.diag",
        """x <- raftery.diag(one, q, r, s)
           list(resmatrix = unname(unclass(x$resmatrix)),
                text = if (!anyNA(x$resmatrix)) shown(x))""",
        _raftery, why="whole numbers, and a quotient of them to 3 digits",
        make=_one_variable,
        options=lambda rng: {
            "q": float(rng.choice([0.025, 0.5, 0.1, 0.9])),
            "r": float(rng.choice([0.02, 0.05, 0.1])), "s": float(rng.choice([0.9, 0.95])),
        },
    ),
    _comparison(
        "autocorr",
        "x <- autocorr(one, c(0, 1, 5)); list(value = unname(unclass(x)), text = shown(x))",
        lambda m: _shown(coda.autocorr(m[0], [0, 1, 5]), value=coda.autocorr(m[0], [0, 1, 5])),
        1e-8, SUMS,
    ),
    _comparison(
        "autocorr.diag",
        "x <- autocorr.diag(m, lags = c(0, 1, 5)); list(value = unname(x), text = shown(x))",
        lambda m: _shown(
            coda.autocorr_diag(m, [0, 1, 5]), value=coda.autocorr_diag(m, [0, 1, 5])
        ),
        1e-8, SUMS,
    ),
    _comparison(
        "crosscorr", "x <- crosscorr(m); list(value = unname(x), text = shown(x))",
        lambda m: _shown(coda.crosscorr(m), value=coda.crosscorr(m)), 1e-8, SUMS,
    ),
    _comparison(
        "HPDinterval",
        """x <- HPDinterval(one, prob)
           list(value = unname(x)[, , drop = FALSE], probability = attr(x, "Probability"))""",
        _hpd,
        options=lambda rng: {"prob": float(rng.choice([0.01, 0.5, 0.8, 0.95]))},
    ),
    _comparison(
        "rejectionRate",
        "x <- rejectionRate(m); list(value = unname(x), text = shown(x))",
        lambda m: _shown(coda.rejectionRate(m), value=coda.rejectionRate(m)),
        1e-14, "a mean of the chains' quotients", _repeating,
    ),
    _comparison(
        "batchSE", "as.vector(batchSE(m, size))",
        lambda m, size: coda.batchSE(m, size), 1e-8, SUMS,
        lambda rng: chains(rng, (*EASY, "sticky"), variables=2),
        lambda rng: {"size": int(rng.integers(2, 9))},
    ),
    _comparison(
        "spectrum0.ar",
        """x <- spectrum0.ar(one)
           list(spec = as.vector(x$spec), order = as.vector(x$order), text = shown(x))""",
        lambda m: _spectrum(coda.spectrum0_ar(m[0])), 1e-6, AR,
    ),
    _comparison(
        "spectrum0", "as.vector(spectrum0(one, order = order)$spec)",
        lambda m, order: coda.spectrum0(m[0], order=order).spec, 1e-6, GLM, _one_variable,
        lambda rng: {"order": int(rng.integers(1, 3))},
    ),
    Comparison(
        "coda", "pcramer",
        lambda rng: {"q": 10.0 ** rng.uniform(-3, 1, 50), "eps": 10.0 ** rng.uniform(-5, -1)},
        "pcramer(q, eps)", lambda q, eps: coda.pcramer(q, eps), 1e-10, "other Bessel functions",
    ),
    *(_accessor(f) for f in ("start", "end", "thin", "niter", "nvar", "nchain", "varnames")),
    *(_accessor(f, "one") for f in ("time", "frequency", "mcpar")),
    _comparison(
        "print.mcmc", "list(shown(one), shown(m))", lambda m: [str(m[0]), str(m)], make=_short
    ),
    _comparison(
        "as.matrix", "unname(unclass(as.matrix(m, iters = TRUE, chains = TRUE)))",
        lambda m: coda.as_matrix(m, iters=True, chains=True), make=_short,
    ),
    _comparison(
        "as.array.mcmc.list", "unname(as.array(m, drop = FALSE))",
        lambda m: coda.as_array(m, drop=False), make=_short,
    ),
    _comparison(
        "window",
        """at <- round(start(m) + c(a, b) * (end(m) - start(m)))
           x <- window(m, at[1], at[2], k * thin(m))
           list(values = unname(unclass(as.matrix(x))), text = shown(x))""",
        _window, make=_short, options=_between,
    ),
    *(
        _comparison(
            name, ENDS.format(name), lambda m, n, which=which: _ends(m, n, which), make=_short,
            options=lambda rng: {"n": int(rng.integers(0, 8))},
        )
        for name, which in (("head", coda.head), ("tail", coda.tail))
    ),
)  # fmt: skip
