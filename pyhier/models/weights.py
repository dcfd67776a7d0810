"""Means weighted by precision, and how unequal the weights are, without cancellation.

Standard errors may differ by any factor, so that one group has all the weight but 1e-24 of it: what
is left to the others is then summed, not what is left of a difference.
"""

import numpy as np

from pyhier._types import Floats


def weighted_mean(y: Floats, weights: Floats) -> tuple[float, float]:
    """The mean and the sum of the weights; counted from the heaviest y, so that it costs nothing.

    Parameters
    ----------
    y, weights : ndarray, shape (groups,)
    """
    origin, total = y[np.argmax(weights)], weights.sum()
    return float(origin + (weights * (y - origin)).sum() / total), float(total)


def residuals(y: Floats, weights: Floats) -> Floats:
    """Each y less the weighted mean; that of the heaviest is not lost in it."""
    away: Floats = y - y[np.argmax(weights)]
    away -= (weights * away).sum() / weights.sum()
    return away


def all_others(weights: Floats) -> Floats:
    """The sum of all the other weights, at each of them, shape (groups,)."""
    largest = int(np.argmax(weights))
    others: Floats = weights.sum() - weights
    others[largest] = weights[:largest].sum() + weights[largest + 1 :].sum()
    return others


def weight_spread(weights: Floats) -> float:
    """W - sum w^2 / W as a sum of positive terms w_j (W - w_j) / W, none of which cancels."""
    return float((weights * (all_others(weights) / weights.sum())).sum())
