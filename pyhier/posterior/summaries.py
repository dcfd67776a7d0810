"""Sums over draws and nodes that tables are made of, a few megabytes at a time."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyhier._frame import percents
from pyhier._types import Floats
from pyhier.distributions.base import Marginal
from pyhier.models.interface import Model

BLOCK = 2**20  # numbers held at a time

PROBS = (0.025, 0.25, 0.5, 0.75, 0.975)


def marginal_columns(marginals: Sequence[Marginal], q: Floats) -> dict[str, Floats]:
    """Means, sds and quantiles of marginals, each of shape (marginals,)."""
    with np.errstate(invalid="ignore"):  # without a mean there is no sd
        sds = [x.std() if np.isfinite(x.mean()) else np.inf for x in marginals]
    quantiles = np.array([x.ppf(q) for x in marginals]).reshape(len(marginals), q.size)
    columns = dict(zip(percents(q), quantiles.T, strict=True))
    return {"mean": np.array([x.mean() for x in marginals]), "sd": np.array(sds), **columns}


def chosen(names: Any) -> tuple[str, ...]:
    """Names of quantities, in a sequence."""
    if isinstance(names, str) or not np.iterable(names):
        raise TypeError(f"names is {names!r}: give a sequence of names, such as ['mu']")
    return tuple(names)


def rows_of_new(model: Any, x: Any, sizes: Floats) -> Floats:
    """Rows of the design of new groups: one for all of them, or one each."""
    if not hasattr(model, "covariates"):
        raise ValueError(f"x is of models with covariates: {model!r} has none")
    rows: Floats = model.covariates.rows(x)
    if not len(rows) or (len(rows) > 1 and sizes.size not in (1, len(rows))):
        raise ValueError(f"x has {len(rows)} groups and size {sizes.size}: give one each")
    return rows


def rank_columns(theta: Floats, kinds: int = 1) -> dict[str, Floats]:
    """Mean, sd and ends of each effect's rank in draws of theta, shape (draws, effects).

    Of groups with several ``kinds`` of effects each is ranked among its own kind.
    """
    found: dict[str, Floats] = {}
    for k in range(kinds):
        for name, column in _ranked(theta[:, k::kinds]).items():
            found.setdefault(name, np.empty(theta.shape[1]))[k::kinds] = column
    return found


def _ranked(theta: Floats) -> dict[str, Floats]:
    """Of effects of one kind; equal ones (all are at tau = 0) share their ranks evenly."""
    draws, groups = theta.shape
    if draws < 2:
        raise ValueError("there is 1 draw: it takes two for a standard deviation")
    total, squares, largest, smallest = np.zeros((4, groups))
    block = max(1, BLOCK // groups)
    for i in range(0, draws, block):
        part = theta[i : i + block]
        ranks = _ranks(part)
        total += ranks.sum(axis=0)
        squares += (ranks**2).sum(axis=0)
        largest += _shares(part == part.max(axis=1, keepdims=True))
        smallest += _shares(part == part.min(axis=1, keepdims=True))
    mean = total / draws
    # Sums of whole numbers and halves: nothing is lost in the difference up to 2^51.
    var = (squares - total * mean) / (draws - 1)
    return {
        "mean": mean,
        "sd": np.sqrt(np.maximum(var, 0.0)),
        "largest": largest / draws,
        "smallest": smallest / draws,
    }


def _ranks(theta: Floats) -> Floats:
    """Ranks of effects from the largest down, shape (draws, groups); equal ones have the mean."""
    order = np.argsort(-theta, axis=1)
    ranks: NDArray[Any] = np.argsort(order, axis=1) + 1.0
    if not np.all(np.diff(np.take_along_axis(theta, order, axis=1), axis=1)):
        from scipy.stats import rankdata

        ranks = rankdata(-theta, axis=1)
    return ranks


def _shares(first: NDArray[np.bool_]) -> Floats:
    """How often each group is first, shape (groups,); several that are share it."""
    shares: Floats = (first / first.sum(axis=1, keepdims=True)).sum(axis=0)
    return shares


def mean_pooling(model: Model, phi: Floats, weight: Floats) -> Floats:
    """Mean of each group's shrinkage factor over weighted phi, shape (n, p)."""
    total = np.zeros(len(model.labels))
    block = max(1, BLOCK // max(1, total.size))
    for i in range(0, len(phi), block):
        total += weight[i : i + block] @ model.pooling(phi[i : i + block])
    return total
