"""LearnBayes' samplers of any log posterior, on random data."""

from typing import Any

import numpy as np
from pyhier.r_bridge.validation.comparison import Comparison
from pyhier.r_bridge.validation.comparisons.inputs import Inputs, drawn

from pyhier import learnbayes as lb

SAME = "the same operations in the same order"
WEIGHTS = (
    "the draws have the same bits; R takes their t density through the inverse of its scale "
    "matrix, and betabinexch through differences of lbeta"
)


def _problem(rng: np.random.Generator) -> Inputs:
    """Data, and about where their posterior is: no fit, which would be compared with it."""
    groups = int(rng.integers(5, 30))
    if rng.random() < 0.5:
        trials = rng.integers(10, 200, groups)
        data = np.column_stack([rng.binomial(trials, rng.beta(3.0, 9.0, groups)), trials])
        share = (data[:, 0].sum() + 1) / (trials.sum() + 2)
        mode, var = [np.log(share / (1 - share)), 2.5], np.diag([0.5 / groups, 5.0 / groups])
        return {"name": "betabinexch", "data": data.astype(float), "mode": mode, "var": var}
    se = 10.0 ** rng.uniform(-0.5, 0.5, groups)
    y = rng.normal(rng.normal(0.0, 5.0), np.hypot(se, 2.0))
    mode, var = [y.mean(), 0.7], np.diag([5.0 / groups, 6.0 / groups])
    return {"name": "normnormexch", "data": np.column_stack([y, se**2]), "mode": mode, "var": var}


def _weighted(rng: np.random.Generator) -> Inputs:
    """Not from so far out that R's density overflows or is rounding error (differences.md)."""
    inputs, n = _problem(rng), rng.choice([30, 150, 201, 400])
    df = rng.choice([2.5, 4.0, 10.0] if inputs["name"] == "normnormexch" else [20.0, 50.0])
    return inputs | {"df": float(df), "n": int(n)}


def _rejected(rng: np.random.Generator) -> Inputs:
    """With the bound that the log density's ratio would have at the mode of a like-shaped t."""
    inputs = _weighted(rng)
    height = getattr(lb, inputs["name"])(inputs["mode"], inputs["data"])
    spread = 0.5 * np.log(np.linalg.det(np.asarray(inputs["var"])))
    return inputs | {"dmax": height + np.log(2.0 * np.pi) + spread + 0.5}


def _grid(rng: np.random.Generator) -> Inputs:
    inputs = _problem(rng)
    mode, sd = np.asarray(inputs.pop("mode")), np.sqrt(np.diag(inputs.pop("var")))
    limits = np.column_stack([mode - rng.uniform(2, 4) * sd, mode + 4.0 * sd]).ravel()
    return inputs | {"limits": limits, "m": int(rng.choice([1, 50, 300]))}


def _t(mode: Any, var: Any, df: float) -> dict[str, Any]:
    return {"m": mode, "var": var, "df": df}


def _sampler(
    function: str, inputs: Any, arguments: str, ours: Any, tolerance: float = 0.0, why: str = SAME
) -> Comparison:
    """Of LearnBayes' log posterior by name."""

    def run(name: str, **given: Any) -> Any:
        return ours(getattr(lb, name), **given)

    code = f"{function}(get(name), {arguments})"
    return drawn("LearnBayes", function, inputs, code, run, tolerance, why)


T = "list(m = mode, var = var, df = df)"

COMPARISONS = (
    _sampler(
        "indepmetrop", _problem, "list(mu = mode, var = var), mode, 300, data",
        lambda f, data, mode, var: lb.indepmetrop(f, {"mu": mode, "var": var}, mode, 300, data),
    ),
    _sampler(
        "gibbs", _problem, "matrix(mode, 1), 300, sqrt(diag(var)), data",
        lambda f, data, mode, var: lb.gibbs(f, mode, 300, np.sqrt(np.diag(var)), data),
    ),
    _sampler(
        "impsampling", _weighted, f"{T}, function(t) t[1] * t[2], n, data",
        lambda f, data, mode, var, df, n: lb.impsampling(
            f, _t(mode, var, df), lambda t: t[0] * t[1], n, data
        ),
        1e-10, WEIGHTS,
    ),
    _sampler(
        "sir", _weighted, f"{T}, n, data",
        lambda f, data, mode, var, df, n: lb.sir(f, _t(mode, var, df), n, data),
    ),
    _sampler(
        "rejectsampling", _rejected, f"{T}, dmax, n, data",
        lambda f, data, mode, var, df, n, dmax: lb.rejectsampling(
            f, _t(mode, var, df), dmax, n, data
        ),
    ),
    _sampler(
        "simcontour", _grid, "limits, data, m",
        lambda f, data, limits, m: lb.simcontour(f, limits, data, m),
    ),
)  # fmt: skip
