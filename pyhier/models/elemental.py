"""Coefficients that fit as many groups exactly as there are of them: where hills may be.

A robust likelihood of a regression may have a hill near a fit of any cluster of groups. Each has
subsets that are fitted by nearly its coefficients (Rousseeuw and Leroy 1987, section 5.1); the fit
of least absolute deviations is one of these fits itself.
"""

from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from pyhier._types import Floats

SEED = 1  # of the subsets, where these are too many
ALIKE = 1e-7  # volume of rows of length one that tell nothing


def elemental_fits(rows: Floats, wanted: Floats, most: int) -> Floats:
    """Coefficients at which p of the rows, (n, p), have what is wanted of them, (fits, p).

    All subsets up to ``most``, and else so many of them, the same ones each time.
    """
    n, p = rows.shape
    scale = np.sqrt((rows * rows).sum(axis=0))
    subsets = _subsets(n, p, most)
    picked = (rows / scale)[subsets]
    length = np.sqrt((picked * picked).sum(axis=2, keepdims=True))
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = np.abs(np.linalg.det(np.where(length > 0.0, picked / length, 0.0))) > ALIKE
    found: Floats = np.linalg.solve(picked[apart], wanted[subsets[apart], np.newaxis])[..., 0]
    found /= scale
    return found


def _subsets(n: int, p: int, most: int) -> NDArray[np.intp]:
    """Numbers of rows, (subsets, p)."""
    if comb(n, p) <= most:
        return np.array(list(combinations(range(n), p)), dtype=np.intp).reshape(-1, p)
    rng = np.random.default_rng(SEED)
    return np.array([rng.choice(n, p, replace=False) for _ in range(most)], dtype=np.intp)


def most_still(x: Floats, free: Floats, row: Floats) -> int:
    """The most rows, (n, p), at right angles to a direction that a given one, (p,), is not.

    Of directions in the span of ``free``, (p, q), all of about length one; -1 where there is none.
    """
    rows, goal = x @ free, row @ free
    if not np.abs(goal).max(initial=0.0) > ALIKE:
        return -1
    length = np.sqrt((rows * rows).sum(axis=1))
    moved = length > ALIKE
    still, rows = len(x) - int(moved.sum()), rows[moved] / length[moved, np.newaxis]
    if free.shape[1] == 1 or not len(rows):
        return still
    first = np.take_along_axis(rows, np.argmax(np.abs(rows) > ALIKE, axis=1)[:, None], axis=1)
    apart, times = np.unique(np.round(rows * np.sign(first), 9), axis=0, return_counts=True)
    if free.shape[1] == 2:  # the direction at right angles to each
        goes = np.abs(apart[:, 0] * goal[1] - apart[:, 1] * goal[0]) > ALIKE
        return still + int(times[goes].max(initial=0))
    turned = (free @ np.linalg.svd(one[np.newaxis])[2][1:].T for one in apart)
    return max(still, *(most_still(x, part, row) for part in turned))
