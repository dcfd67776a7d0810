"""LearnBayes' conjugate and discrete priors, tables and checks on random data."""

from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import numpy as np
import pandas as pd
from pyhier.r_bridge.validation.comparison import Comparison
from scipy import stats

from pyhier import learnbayes as lb
from pyhier import rstats

Inputs = dict[str, Any]

CLOSED_FORM = "the same closed form, from other special functions"


def _weights(rng: np.random.Generator, k: int) -> np.ndarray:
    return np.asarray(rng.dirichlet(np.ones(k)))


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(-(2**31) + 1, 2**31))


def _mixture(rng: np.random.Generator) -> Inputs:
    k = int(rng.integers(1, 6))
    return {"probs": _weights(rng, k), "par": rng.uniform(0.3, 20, (k, 2))}


def _beta_mix(rng: np.random.Generator) -> Inputs:
    return _mixture(rng) | {"data": rng.integers(0, 60, 2).astype(float)}


def _gamma_mix(rng: np.random.Generator) -> Inputs:
    n = int(rng.integers(1, 12))
    return _mixture(rng) | {"y": rng.poisson(3, n).astype(float), "t": rng.uniform(0.5, 2, n)}


def _normal_mix(rng: np.random.Generator) -> Inputs:
    return _mixture(rng) | {"data": [rng.normal(5, 5), rng.uniform(0.1, 9)]}


def _onesided(rng: np.random.Generator) -> Inputs:
    n, sd = int(rng.integers(1, 40)), rng.uniform(1, 9)
    mean = rng.normal(10, 2)
    return {
        "m0": mean + rng.normal() * sd / np.sqrt(n),
        "par": [mean + rng.normal(), rng.uniform(1, 20)],
        "data": [mean, n, sd],
    }


def _twosided(rng: np.random.Generator) -> Inputs:
    inputs = _onesided(rng)
    del inputs["par"]
    return inputs | {"prob": rng.uniform(0.05, 0.95), "t": rng.uniform(0.1, 9, 5)}


def _pbetap(rng: np.random.Generator) -> Inputs:
    n = int(rng.integers(1, 60))
    return {"ab": rng.uniform(0.2, 30, 2), "n": n, "s": np.arange(0.0, n + 1)}


def _pbetat(rng: np.random.Generator) -> Inputs:
    return {
        "p0": rng.uniform(0.1, 0.9),
        "prob": rng.uniform(0.05, 0.95),
        "ab": rng.uniform(0.2, 30, 2),
        "data": rng.integers(0, 40, 2).astype(float),
    }


def _proportions(rng: np.random.Generator) -> Inputs:
    """Values from 0 to 1, at times with the ends."""
    k = int(rng.integers(3, 20))
    p = np.sort(rng.random(k)) if rng.random() < 0.7 else np.linspace(0, 1, k)
    return {"p": p, "probs": _weights(rng, k)}


def _pdisc(rng: np.random.Generator) -> Inputs:
    return _proportions(rng) | {"data": rng.integers(1, 60, 2).astype(float)}


def _pdiscp(rng: np.random.Generator) -> Inputs:
    n = int(rng.integers(1, 40))
    return _proportions(rng) | {"n": n, "s": np.arange(0.0, n + 1)}


def _histprior(rng: np.random.Generator) -> Inputs:
    k, width = int(rng.integers(2, 12)), rng.uniform(0.05, 2)
    midpts = rng.normal() + width * np.arange(k)
    low, high = midpts[0] - width / 2, midpts[-1] + width / 2
    return {"p": rng.uniform(low, high, 30), "midpts": midpts, "prob": _weights(rng, k)}


def _discint(rng: np.random.Generator) -> Inputs:
    """At times with equal probabilities, whose order decides."""
    k = int(rng.integers(1, 30))
    weights = _weights(rng, k)
    if rng.random() < 0.5:
        weights = rng.integers(1, 5, k).astype(float)
        weights /= weights.sum()
    values = rng.permutation(np.arange(k)) * 0.5
    return {"dist": np.column_stack([values, weights]), "prob": rng.uniform(0.05, 0.99)}


def _discrete(rng: np.random.Generator) -> Inputs:
    k = int(rng.integers(2, 15))
    return {
        "values": np.round(np.sort(rng.uniform(0.5, 9, k)), 6),
        "probs": _weights(rng, k),
        "y": rng.poisson(4, int(rng.integers(1, 10))).astype(float),
    }


def _discrete_bayes(values: Any, probs: Any, y: Any) -> lb.Bayes:
    return lb.discrete_bayes(stats.poisson.pmf, pd.Series(probs, index=values), y)


def _print_bayes(values: Any, probs: Any, y: Any) -> Any:
    with redirect_stdout(StringIO()):
        return lb.print_bayes(_discrete_bayes(values, probs, y))


IN_R = "names(probs) <- values; fit <- discrete.bayes(dpois, probs, y); "


def _two(rng: np.random.Generator) -> Inputs:
    a, b = (np.round(np.sort(rng.uniform(0.05, 0.95, int(rng.integers(2, 7)))), 6) for _ in "ab")
    y = rng.binomial(8, 0.4, (int(rng.integers(1, 4)), 2)).astype(float)
    return {"a": a, "b": b, "y": y, "weights": rng.uniform(0.1, 1, (len(a), len(b)))}


def _discrete_bayes_2(a: Any, b: Any, y: Any, weights: Any) -> lb.Bayes2:
    def df(row: Any, p1: Any, p2: Any, size: int) -> Any:
        return stats.binom.pmf(row[0], size, p1) * stats.binom.pmf(row[1], size, p2)

    prior = lb.prior_two_parameters(a, b) * weights
    return lb.discrete_bayes_2(df, prior / prior.to_numpy().sum(), y, size=8)


def _prior_two(a: Any, b: Any) -> dict[str, Any]:
    prior = lb.prior_two_parameters(a, b)
    return {"prior": prior.to_numpy(), "rows": prior.index, "columns": prior.columns}


def _grid(rng: np.random.Generator) -> Inputs:
    return {name: np.sort(rng.normal(size=int(rng.integers(2, 7)))) for name in ("a", "b")}


def _ctable(rng: np.random.Generator) -> Inputs:
    shape = tuple(rng.integers(2, 5, 2))
    a = np.ones(shape) if rng.random() < 0.5 else rng.uniform(1, 4, shape)
    return {"y": rng.poisson(6, shape).astype(float), "a": a}


def _bfindep(rng: np.random.Generator) -> Inputs:
    shape = tuple(rng.integers(2, 5, 2))
    return {
        "y": rng.poisson(6, shape).astype(float),
        "K": rng.uniform(2, 200),
        "m": int(rng.integers(2, 300)),
        "seed": _seed(rng),
    }


def _bf(y: Any, K: Any, m: Any, seed: Any) -> lb.IndependenceTest:  # noqa: N803
    rstats.set_seed(seed)
    return lb.bfindep(y, K, m)


def _regroup(rng: np.random.Generator) -> Inputs:
    rows = int(rng.integers(2, 30))
    data = rng.normal(size=(rows, int(rng.integers(2, 5))))
    return {"data": data, "g": int(rng.integers(1, rows + 1))}


def _normpostpred(rng: np.random.Generator) -> Inputs:
    draws = int(rng.integers(2, 60))
    return {
        "mu": rng.normal(5, 2, draws),
        "sigma2": rng.gamma(3, 1, draws),
        "size": int(rng.integers(2, 20)),
        "seed": _seed(rng),
    }


def _predictions(mu: Any, sigma2: Any, size: Any, seed: Any) -> Any:
    rstats.set_seed(seed)
    return lb.normpostpred({"mu": mu, "sigma2": sigma2}, size, max)


def _residuals(rng: np.random.Generator) -> Inputs:
    n, p = int(rng.integers(6, 40)), int(rng.integers(1, 4))
    X = np.column_stack([np.ones(n), rng.normal(size=(n, p))])  # noqa: N806
    y = X @ rng.normal(size=p + 1) + rng.standard_t(3, n)
    return {"X": X, "y": y, "sigma": rng.uniform(0.7, 2, 20), "k": rng.uniform(1, 2.5)}


def _bayesresiduals(X: Any, y: Any, sigma: Any, k: Any) -> Any:  # noqa: N803
    fit = {"residuals": y - X @ np.linalg.lstsq(X, y)[0], "X": X}
    return lb.bayesresiduals(fit, {"sigma": sigma}, k)


def _influence(rng: np.random.Generator) -> Inputs:
    groups, m = int(rng.integers(2, 9)), int(rng.integers(50, 500))
    n = rng.integers(5, 60, groups)
    theta = np.column_stack([rng.normal(-1, 0.4, m), rng.normal(2, 0.7, m)])
    data = np.column_stack([rng.binomial(n, rng.beta(3, 7, groups)), n]).astype(float)
    return {"theta": theta, "data": data, "seed": _seed(rng)}


def _bayes_influence(theta: Any, data: Any, seed: Any) -> lb.Influence:
    rstats.set_seed(seed)
    return lb.bayes_influence(theta, data)


def _closed(function: str, inputs: Any, in_r: str, ours: Any) -> Comparison:
    return Comparison("LearnBayes", function, inputs, in_r, ours, 1e-10, CLOSED_FORM)


def _drawn(
    function: str, inputs: Any, in_r: str, ours: Any, tolerance: float = 1e-12
) -> Comparison:
    why = "the same draws" + ("; sums and special functions in another order" if tolerance else "")
    return Comparison(
        "LearnBayes", function, inputs, f"set.seed(seed); {in_r}", ours, tolerance, why
    )


COMPARISONS = (
    _closed(
        "binomial.beta.mix", _beta_mix, "binomial.beta.mix(probs, par, data)",
        lambda probs, par, data: lb.binomial_beta_mix(probs, par, data),
    ),
    _closed(
        "poisson.gamma.mix", _gamma_mix, "poisson.gamma.mix(probs, par, list(y = y, t = t))",
        lambda probs, par, y, t: lb.poisson_gamma_mix(probs, par, {"y": y, "t": t}),
    ),
    _closed(
        "normal.normal.mix", _normal_mix, "normal.normal.mix(probs, par, data)",
        lambda probs, par, data: lb.normal_normal_mix(probs, par, data),
    ),
    _closed(
        "mnormt.onesided", _onesided, "mnormt.onesided(m0, par, data)",
        lambda m0, par, data: lb.mnormt_onesided(m0, par, data),
    ),
    _closed(
        "mnormt.twosided", _twosided, "mnormt.twosided(m0, prob, t, data)",
        lambda m0, data, prob, t: lb.mnormt_twosided(m0, prob, t, data),
    ),
    _closed("pbetap", _pbetap, "pbetap(ab, n, s)", lambda ab, n, s: lb.pbetap(ab, n, s)),
    _closed(
        "pbetat", _pbetat, "pbetat(p0, prob, ab, data)",
        lambda p0, prob, ab, data: lb.pbetat(p0, prob, ab, data),
    ),
    _closed(
        "pdisc", _pdisc, "pdisc(p, probs, data)",
        lambda p, probs, data: lb.pdisc(p, probs, data),
    ),
    _closed(
        "pdiscp", _pdiscp, "pdiscp(p, probs, n, s)",
        lambda p, probs, n, s: lb.pdiscp(p, probs, n, s),
    ),
    _closed(
        "histprior", _histprior, "histprior(p, midpts, prob)",
        lambda p, midpts, prob: lb.histprior(p, midpts, prob),
    ),
    _closed(
        "discint", _discint, "discint(dist, prob)", lambda dist, prob: lb.discint(dist, prob)
    ),
    _closed("discrete.bayes", _discrete, IN_R + "unclass(fit)", _discrete_bayes),
    _closed(
        "summary.bayes", _discrete, IN_R + "summary(fit, coverage = 0.8)",
        lambda values, probs, y: lb.summary_bayes(_discrete_bayes(values, probs, y), 0.8),
    ),
    _closed(
        "print.bayes", _discrete, IN_R + "invisible(capture.output(p <- print(fit))); p",
        _print_bayes,
    ),
    _closed(
        "discrete.bayes.2", _two,
        """prior <- prior.two.parameters(a, b) * weights
           df <- function(y, p1, p2, size) dbinom(y[1], size, p1) * dbinom(y[2], size, p2)
           fit <- discrete.bayes.2(df, prior / sum(prior), y, size = 8)
           list(prob = fit$prob, pred = fit$pred)""",
        _discrete_bayes_2,
    ),
    _closed(
        "prior.two.parameters", _grid,
        """x <- prior.two.parameters(a, b)
           list(prior = x, rows = as.numeric(rownames(x)), columns = as.numeric(colnames(x)))""",
        _prior_two,
    ),
    _closed("ctable", _ctable, "ctable(y, a)", lambda y, a: lb.ctable(y, a)),
    _closed("regroup", _regroup, "regroup(data, g)", lambda data, g: lb.regroup(data, g)),
    _closed(
        "bayesresiduals", _residuals,
        "unname(bayesresiduals(lm(y ~ X - 1), list(sigma = sigma), k))", _bayesresiduals,
    ),
    _drawn("bfindep", _bfindep, "bfindep(y, K, m)", _bf),
    _drawn(
        "bayes.influence", _influence,
        "unclass(bayes.influence(theta, data))", _bayes_influence,
    ),
    _drawn(
        "normpostpred", _normpostpred,
        "normpostpred(list(mu = mu, sigma2 = sigma2), size, max)", _predictions, 0.0,
    ),
)  # fmt: skip
