"""LearnBayes' functions."""

from typing import Any

import numpy as np
from pyhier.r_bridge.validation.comparison import Comparison
from pyhier.r_bridge.validation.comparisons.inputs import normal_data, seed

from pyhier import learnbayes as lb
from pyhier import rstats

NO_FIT = "R's laplace returns negative variances, or stops in solve; ours says so"


def _chain(rng: np.random.Generator) -> dict[str, Any]:
    """A proposal by the data's own scale, so that a chain needs no fit."""
    inputs = normal_data(rng)
    size = np.std(inputs["data"][:, 0])
    var = np.diag([size**2, 1.0])
    return {**inputs, "var": var, "seed": seed(rng)}


def _rwmetrop(data: Any, start: Any, var: Any, seed: int) -> Any:
    rstats.set_seed(seed)
    return lb.rwmetrop(lb.normnormexch, {"var": var, "scale": 2}, start, 500, data)


SAME = "the same operations in the same order"

COMPARISONS = (
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
