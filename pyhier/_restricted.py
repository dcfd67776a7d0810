"""The restricted likelihood of tau^2 in the normal model, and where it is largest.

Twice its log is -sum log(var_j + tau^2) - log sum 1 / (var_j + tau^2) less the weighted sum of
squares about the weighted mean (Viechtbauer 2005, J. Educ. Behav. Stat. 30, 261-293). The functions
take arrays scaled so that the least variance is one.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def weight_spread(weights: Floats, largest: int) -> np.float64:
    """W - sum w^2 / W as a sum of positive terms w_j (W - w_j) / W, none of which cancels."""
    total = weights.sum()
    others = total - weights
    others[largest] = weights[:largest].sum() + weights[largest + 1 :].sum()
    spread: np.float64 = (weights * others).sum() / total
    return spread


def _score(y: Floats, var: Floats, smallest: int) -> Callable[[float], float]:
    """Twice the derivative of the restricted log likelihood at x, for variances var + x.

    With y counted from the group of the smallest variance, it is precise where that group has
    nearly all the weight (x just above -min(var)), too.
    """

    def score(x: float) -> float:
        weights = 1.0 / (var + x)
        pull = weights * (y - (weights * y).sum() / weights.sum())
        return float((pull * pull).sum() - weight_spread(weights, smallest))

    return score


def _restricted_loglik(y: Floats, var: Floats, tau2: float) -> float:
    weights = 1.0 / (var + tau2)
    residuals = y - (weights * y).sum() / weights.sum()
    q = (weights * residuals**2).sum()
    return float(0.5 * (np.log(weights).sum() - np.log(weights.sum()) - q))


# The score's singularities are real and at most -min(var), so in log(min(var) + tau^2) it is
# analytic within pi of the axis on either side: a much shorter step misses no hill worth finding
# (none of 30,000 random data sets' higher ones; a step of 1 missed one, lower by 0.003 elsewhere).
_STEP = 0.4


def restricted_maximum(y: Floats, var: Floats, smallest: int) -> float:
    """The tau^2 from 0 up where the restricted likelihood is largest, if min(var) = 1.

    With S the sum of squares of y about its mean, the score is at most
    max(w)^2 S - (J - 1) min(w): negative from tau^2 = max(var) + 2 S / (J - 1) on.
    """
    top = var.max() + 2.0 * float(((y - y.mean()) ** 2).sum()) / (y.size - 1)
    rungs = np.expm1(np.linspace(0.0, np.log1p(top), 2 + int(np.log1p(top) / _STEP)))
    score = _score(y, var, smallest)
    rising = [score(rung) > 0.0 for rung in rungs]
    found = [] if rising[0] else [0.0]
    for k in range(rungs.size - 1):
        if rising[k] and not rising[k + 1]:
            found.append(_root(score, rungs[k], rungs[k + 1]))
    return max(found, key=lambda tau2: _restricted_loglik(y, var, tau2))


def root_below(y: Floats, var: Floats, smallest: int) -> float:
    """The root of the score in (-1, 0] nearest to 0, or -1, if min(var) = 1."""
    score = _score(y, var - 1.0, smallest)  # at tau^2 + 1, which has no rounding near 0
    above = 1.0
    if score(above) >= 0.0:  # the boundary itself, to rounding
        return 0.0
    while above > 1e-17:
        below = above * np.exp(-_STEP)
        if score(below) > 0.0:
            return _root(score, below, above) - 1.0
        above = below
    return -1.0


def _root(score: Callable[[float], float], low: float, high: float) -> float:
    """Brent's method, to four units in the last place; bisection bounds its steps."""
    from scipy.optimize import brentq

    return float(brentq(score, low, high, xtol=1e-17, rtol=4 * np.finfo(float).eps, maxiter=5000))
