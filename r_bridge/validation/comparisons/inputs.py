"""Random inputs that several functions share, and how draws are compared."""

from collections.abc import Callable
from typing import Any

import numpy as np
from pyhier.r_bridge.validation.comparison import Comparison

from pyhier import rstats

Inputs = dict[str, Any]


def seed(rng: np.random.Generator) -> int:
    """Any seed that R takes."""
    return int(rng.integers(-(2**31) + 1, 2**31))


def normal_data(rng: np.random.Generator) -> Inputs:
    """2 to 40 groups, scales from 1e-3 to 1e3, tau from 1% to 1000% of the standard errors."""
    groups, scale = int(rng.integers(2, 41)), 10.0 ** rng.uniform(-3, 3)
    se = scale * 10.0 ** rng.uniform(-1, 1, groups)
    tau = scale * 10.0 ** rng.uniform(-2, 1)
    y = rng.normal(5.0 * scale * rng.normal(), np.hypot(tau, se))
    return {"data": np.column_stack([y, se**2]), "start": [np.mean(y), np.log(np.std(y))]}


# R's matrices of one row or column are vectors here; the data frame of one result is a matrix.
_PLAIN = """
    plain <- function(x) if (is.list(x)) lapply(unclass(x), plain) else drop(x)
    set.seed(seed); list(value = plain({}), after = runif(1))
"""


def drawn(
    package: str,
    function: str,
    inputs: Callable[[np.random.Generator], Inputs],
    in_r: str,
    ours: Callable[..., Any],
    tolerance: float = 0.0,
    why: str = "the same operations in the same order",
    refuses: str = "",
) -> Comparison:
    """A function that draws, from the same seed: its result, and where it leaves the stream."""

    def seeded(rng: np.random.Generator) -> Inputs:
        return dict(inputs(rng)) | {"seed": seed(rng)}

    def run(seed: int, **given: Any) -> dict[str, Any]:
        rstats.set_seed(seed)
        return {"value": ours(**given), "after": rstats.runif(1)}

    code = _PLAIN.format(in_r)
    return Comparison(package, function, seeded, code, run, tolerance, why, refuses)
