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
TRIED = 400  # subsets that give directions
WORK, FEWEST, MANY = 4_000_000, 5, 60  # entries of rows, and how often they are gone through
STILL = 1e-8  # of a row of length one, to which these are rounded


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
    Such a direction is at right angles to q - 1 rows that tell apart. Where these are too many to
    try, rows are added by chance, the frequent ones first of all: that finds the most where nearly
    all rows are still, which is where it matters how many are not.
    """
    rows, goal = x @ free, row @ free
    if not np.abs(goal).max(initial=0.0) > ALIKE:
        return -1
    length = np.sqrt((rows * rows).sum(axis=1))
    moved = length > ALIKE
    still, rows = len(x) - int(moved.sum()), rows[moved] / length[moved, np.newaxis]
    q = free.shape[1]
    if q == 1 or not len(rows):
        return still
    first = np.take_along_axis(rows, np.argmax(np.abs(rows) > ALIKE, axis=1)[:, None], axis=1)
    apart, times = np.unique(np.round(rows * np.sign(first), 9), axis=0, return_counts=True)
    if comb(len(apart), q - 1) <= TRIED:
        _, size, turned = np.linalg.svd(apart[_subsets(len(apart), min(q - 1, len(apart)), TRIED)])
        turned = turned[size[:, -1] > ALIKE, -1]
        turned = turned[np.abs(turned @ goal) > ALIKE]
    else:
        rng = np.random.default_rng(SEED)
        tries = int(np.clip(WORK / (apart.size * q), FEWEST, MANY))
        turned = np.array([_away_from_many(apart, times, goal, rng) for _ in range(tries)])
    return still + int((times @ (np.abs(apart @ turned.T) < STILL)).max(initial=0))


def _away_from_many(
    rows: Floats, times: NDArray[np.intp], goal: Floats, rng: np.random.Generator
) -> Floats:
    """A direction, (q,), at right angles to as many rows, (n, q), as can be, but not to the goal.

    Rows are taken by chance, as often as they occur, from those that leave something of the goal.
    """
    while True:
        size = np.sqrt((rows * rows).sum(axis=1))
        unit = rows / np.maximum(size, ALIKE)[:, np.newaxis]
        along = unit @ goal
        kept = goal @ goal - along * along
        weight = times * ((size > ALIKE) & (kept > ALIKE * (goal @ goal)))
        if not weight.any():
            away: Floats = goal / np.sqrt(goal @ goal)
            return away
        own = unit[rng.choice(len(rows), p=weight / weight.sum())]
        goal = goal - (goal @ own) * own
        rows = rows - np.outer(rows @ own, own)
