"""Sums over draws and nodes that tables are made of, a few megabytes at a time."""

import numpy as np

from pyhier._types import Floats
from pyhier.models.interface import Model

BLOCK = 2**20  # numbers held at a time


def rank_columns(theta: Floats) -> dict[str, Floats]:
    """Mean, sd and ends of each group's rank in draws of theta, shape (draws, groups)."""
    draws, groups = theta.shape
    if draws < 2:
        raise ValueError("there is 1 draw: it takes two for a standard deviation")
    total, squares, largest, smallest = np.zeros((4, groups))
    block = max(1, BLOCK // groups)
    for i in range(0, draws, block):
        ranks = 1.0 + np.argsort(np.argsort(-theta[i : i + block], axis=1), axis=1)
        total += ranks.sum(axis=0)
        squares += (ranks**2).sum(axis=0)
        largest += (ranks == 1.0).sum(axis=0)
        smallest += (ranks == groups).sum(axis=0)
    mean = total / draws
    # Sums of whole numbers: nothing is lost in the difference up to 2^53.
    var = (squares - total * mean) / (draws - 1)
    return {
        "mean": mean,
        "sd": np.sqrt(np.maximum(var, 0.0)),
        "largest": largest / draws,
        "smallest": smallest / draws,
    }


def mean_pooling(model: Model, phi: Floats, weight: Floats) -> Floats:
    """Mean of each group's shrinkage factor over weighted phi, shape (n, p)."""
    total = np.zeros(len(model.labels))
    block = max(1, BLOCK // total.size)
    for i in range(0, len(phi), block):
        total += weight[i : i + block] @ model.pooling(phi[i : i + block])
    return total
