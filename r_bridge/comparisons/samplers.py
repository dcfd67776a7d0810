"""LearnBayes' samplers of any log posterior, on random data."""

from typing import Any

import numpy as np
from pyhier.r_bridge.comparison import Comparison
from pyhier.r_bridge.comparisons.inputs import Inputs, drawn

from pyhier import learnbayes as lb

SAME = "the same operations in the same order"
WEIGHTS = (
    "the draws have the same bits; R takes their t density, and so the weights, through the "
    "inverse of its scale matrix"
)


def _normal(rng: np.random.Generator) -> Inputs:
    """Data, and about where their posterior is: no fit, which would be compared with it."""
    groups = int(rng.integers(5, 30))
    se = 10.0 ** rng.uniform(-0.5, 0.5, groups)
    y = rng.normal(rng.normal(0.0, 5.0), np.hypot(se, 2.0))
    data = np.column_stack([y, se**2])
    return {"data": data, "mode": [y.mean(), 0.7], "var": np.diag([5.0 / groups, 6.0 / groups])}


def _weighted(rng: np.random.Generator) -> Inputs:
    """Not from so far out that exp(log tau) overflows: R has NaN there (differences.md)."""
    df, n = rng.choice([2.5, 4.0, 10.0, 30.0]), rng.choice([30, 150, 201, 400])
    return _normal(rng) | {"df": float(df), "n": int(n)}


def _rejected(rng: np.random.Generator) -> Inputs:
    """With the bound that the log density's ratio would have at the mode of a like-shaped t."""
    inputs = _weighted(rng)
    height = lb.normnormexch(inputs["mode"], inputs["data"])
    spread = 0.5 * np.log(np.linalg.det(np.asarray(inputs["var"])))
    return inputs | {"dmax": height + np.log(2.0 * np.pi) + spread + 0.5}


def _grid(rng: np.random.Generator) -> Inputs:
    inputs = _normal(rng)
    mode, sd = np.asarray(inputs.pop("mode")), np.sqrt(np.diag(inputs.pop("var")))
    limits = np.column_stack([mode - rng.uniform(2, 4) * sd, mode + 4.0 * sd]).ravel()
    return inputs | {"limits": limits, "m": int(rng.choice([1, 50, 300]))}


def _t(mode: Any, var: Any, df: float) -> dict[str, Any]:
    return {"m": mode, "var": var, "df": df}


T = "list(m = mode, var = var, df = df)"

COMPARISONS: tuple[Comparison, ...] = (
    drawn(
        "LearnBayes", "indepmetrop", _normal,
        "indepmetrop(normnormexch, list(mu = mode, var = var), mode, 300, data)",
        lambda data, mode, var: lb.indepmetrop(
            lb.normnormexch, {"mu": mode, "var": var}, mode, 300, data
        ),
    ),
    drawn(
        "LearnBayes", "gibbs", _normal,
        "gibbs(normnormexch, matrix(mode, 1), 300, sqrt(diag(var)), data)",
        lambda data, mode, var: lb.gibbs(
            lb.normnormexch, mode, 300, np.sqrt(np.diag(var)), data
        ),
    ),
    drawn(
        "LearnBayes", "impsampling", _weighted,
        f"impsampling(normnormexch, {T}, function(t) t[1] * t[2], n, data)",
        lambda data, mode, var, df, n: lb.impsampling(
            lb.normnormexch, _t(mode, var, df), lambda t: t[0] * t[1], n, data
        ),
        1e-11, WEIGHTS,
    ),
    drawn(
        "LearnBayes", "sir", _weighted, f"sir(normnormexch, {T}, n, data)",
        lambda data, mode, var, df, n: lb.sir(lb.normnormexch, _t(mode, var, df), n, data),
    ),
    drawn(
        "LearnBayes", "rejectsampling", _rejected,
        f"rejectsampling(normnormexch, {T}, dmax, n, data)",
        lambda data, mode, var, df, n, dmax: lb.rejectsampling(
            lb.normnormexch, _t(mode, var, df), dmax, n, data
        ),
    ),
    drawn(
        "LearnBayes", "simcontour", _grid, "simcontour(normnormexch, limits, data, m)",
        lambda data, limits, m: lb.simcontour(lb.normnormexch, limits, data, m),
    ),
)  # fmt: skip
