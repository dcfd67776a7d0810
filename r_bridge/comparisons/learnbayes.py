"""LearnBayes' functions, and R's optim beneath them."""

from typing import Any

import numpy as np
from pyhier.r_bridge.comparison import Comparison

from pyhier import learnbayes as lb
from pyhier import rstats

NO_FIT = "R's laplace returns negative variances, or stops in solve; ours says so"


def normal_data(rng: np.random.Generator) -> dict[str, Any]:
    """2 to 40 groups, scales from 1e-3 to 1e3, tau from 1% to 1000% of the standard errors."""
    groups, scale = int(rng.integers(2, 41)), 10.0 ** rng.uniform(-3, 3)
    se = scale * 10.0 ** rng.uniform(-1, 1, groups)
    tau = scale * 10.0 ** rng.uniform(-2, 1)
    y = rng.normal(5.0 * scale * rng.normal(), np.hypot(tau, se))
    return {"data": np.column_stack([y, se**2]), "start": [np.mean(y), np.log(np.std(y))]}


def _chain(rng: np.random.Generator) -> dict[str, Any]:
    """A proposal by the data's own scale, so that a chain needs no fit."""
    inputs = normal_data(rng)
    size = np.std(inputs["data"][:, 0])
    var = np.diag([size**2, 1.0])
    return inputs | {"var": var, "seed": int(rng.integers(-(2**31) + 1, 2**31))}


def _optim(data: Any, start: Any) -> dict[str, Any]:
    fit = rstats.optim(start, lb.normnormexch, data, control={"fnscale": -1}, hessian=True)
    return {"par": fit.par, "value": fit.value, "hessian": fit.hessian}


def _rwmetrop(data: Any, start: Any, var: Any, seed: int) -> Any:
    rstats.set_seed(seed)
    return lb.rwmetrop(lb.normnormexch, {"var": var, "scale": 2}, start, 500, data)


SAME = "the same operations in the same order"

COMPARISONS = (
    Comparison(
        "stats", "optim", normal_data,
        """LearnBayes::normnormexch -> f; o <- optim(start, f, data = data, hessian = TRUE,
           control = list(fnscale = -1)); o[c("par", "value", "hessian")]""",
        _optim, 0.0, SAME,
    ),
    Comparison(
        "LearnBayes", "normnormexch", normal_data, "normnormexch(start, data)",
        lambda data, start: lb.normnormexch(start, data), 0.0, SAME,
    ),
    Comparison(
        "LearnBayes", "laplace", normal_data, "laplace(normnormexch, start, data)",
        lambda data, start: lb.laplace(lb.normnormexch, start, data),
        1e-15, "R takes the log of det(), itself exp of this log", NO_FIT,
    ),
    Comparison(
        "LearnBayes", "rwmetrop", _chain,
        """set.seed(seed); rwmetrop(normnormexch, list(var = var, scale = 2), start, 500, data)""",
        _rwmetrop, 0.0, SAME,
    ),
)  # fmt: skip
