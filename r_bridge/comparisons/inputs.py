"""Random inputs that several functions share."""

from typing import Any

import numpy as np


def seed(rng: np.random.Generator) -> int:
    """Any seed that R takes."""
    return int(rng.integers(-(2**31) + 1, 2**31))


def normal_data(rng: np.random.Generator) -> dict[str, Any]:
    """2 to 40 groups, scales from 1e-3 to 1e3, tau from 1% to 1000% of the standard errors."""
    groups, scale = int(rng.integers(2, 41)), 10.0 ** rng.uniform(-3, 3)
    se = scale * 10.0 ** rng.uniform(-1, 1, groups)
    tau = scale * 10.0 ** rng.uniform(-2, 1)
    y = rng.normal(5.0 * scale * rng.normal(), np.hypot(tau, se))
    return {"data": np.column_stack([y, se**2]), "start": [np.mean(y), np.log(np.std(y))]}
