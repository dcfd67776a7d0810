"""Values on the unconstrained line: as they are, their logs, logits, or inverse tanh."""

from typing import Literal

import numpy as np

from pyhier._types import Floats

Line = Literal["identity", "log", "logit", "atanh"]
Form = Line | Literal["inverse-log"]  # the log line of 1 / theta, mirrored


def to_line(line: Line, x: Floats) -> Floats:
    """Put values on the unconstrained line; the ends of the support are infinite there."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if line == "log":
            return np.log(x)
        if line == "atanh":
            return np.arctanh(x)
        return np.log(x) - np.log1p(-x) if line == "logit" else x


def from_line(line: Line, z: Floats) -> Floats:
    """Take values back from the line."""
    if line == "log":
        with np.errstate(over="ignore"):
            return np.exp(z)
    if line == "atanh":
        return np.tanh(z)
    return _expit(z) if line == "logit" else z


def log_slope(line: Line, z: Floats) -> Floats:
    """Log of d theta / d line."""
    if line == "log":
        return z
    if line == "atanh":  # 1 - tanh^2
        slope: Floats = 2.0 * (np.log(2.0) - np.logaddexp(z, -z))
        return slope
    return -np.logaddexp(0.0, z) - np.logaddexp(0.0, -z) if line == "logit" else np.zeros_like(z)


def _expit(z: Floats) -> Floats:
    small = np.exp(-np.abs(z))
    return np.where(z > 0.0, 1.0, small) / (1.0 + small)
