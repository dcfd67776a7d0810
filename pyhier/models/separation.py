"""Separation: whether a direction of the coefficients leaves a likelihood of counts as it is.

Albert and Anderson (1984), Biometrika 71, 1-10; of events, Correia, Guimaraes and Zylkin (2019). A
direction d is one where x' d is 0 for every group with both outcomes and does not fall (rise) for
those with successes (failures) alone. It is found by a linear program.
"""

import numpy as np
from numpy.typing import NDArray

from pyhier._types import Floats

Groups = NDArray[np.bool_]
ZERO = 1e-9  # of what a direction may be long


def separating(x: Floats, held: Groups, up: Groups, down: Groups, root: Floats) -> Floats | None:
    """A direction, (p,), along which no group's probability falls off; None where there is none.

    Parameters
    ----------
    x : ndarray, shape (groups, p)
    held, up, down : ndarray of bool, shape (groups,)
        Groups whose probability falls off both ways, or holds where x' d grows, or falls.
    root : ndarray, shape (k, p)
        A square root of the prior's precision, which holds what it is of.
    """
    size = np.sqrt((x * x).sum(axis=0))
    size = np.where(size > 0.0, size, 1.0)
    scaled = x / size
    free = null_space(np.vstack([scaled[held], root / size]))
    if not free.shape[1]:
        return None
    signed = np.vstack([scaled[up], -scaled[down]]) @ free
    lost = null_space(signed)
    if lost.shape[1]:  # nothing that was seen depends on it
        found: Floats = (free @ lost[:, 0]) / size
        return found
    from scipy.optimize import linprog

    answer = linprog(-signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(len(signed)), bounds=(-1, 1))
    best: Floats = np.zeros(free.shape[1]) if answer.x is None else answer.x
    if not (signed @ best).max(initial=0.0) > ZERO:
        return None
    return (free @ best) / size


def involved(direction: Floats, x: Floats, names: tuple[str, ...]) -> list[str]:
    """Names of the coefficients that a direction moves."""
    part = np.abs(direction) * np.sqrt((x * x).sum(axis=0))
    return [name for name, one in zip(names, part, strict=True) if one > 1e-7 * part.max()]


def least_cost(x: Floats, weight: Floats, row: Floats, root: Floats) -> float:
    """The least of sum_j weight_j max(-x_j' d, 0) over d with row' d = 1 that no prior holds.

    By so many powers of exp(row' beta) the likelihood of events falls off at most, where alpha is
    small; inf where the prior holds all such d.
    """
    size = np.sqrt((x * x).sum(axis=0))
    x, row, free = x / size, row / size, null_space(root / size)
    if not free.shape[1] or not np.abs(row @ free).max() > ZERO * np.abs(row).max():
        return np.inf
    from scipy.optimize import linprog
    from scipy.sparse import csr_array, eye_array, hstack

    groups, p = x.shape[0], free.shape[1]
    cost = np.concatenate([np.zeros(p), weight])
    below = hstack([csr_array(-(x @ free)), -eye_array(groups)], format="csr")
    fixed = np.concatenate([row @ free, np.zeros(groups)])[np.newaxis]
    bounds = [(None, None)] * p + [(0.0, None)] * groups
    answer = linprog(cost, below, np.zeros(groups), fixed, np.ones(1), bounds)
    return np.inf if answer.fun is None else float(answer.fun)


def null_space(rows: Floats) -> Floats:
    """An orthonormal basis, (p, q), of what all rows are at right angles to."""
    length = np.sqrt((rows * rows).sum(axis=1))
    rows = rows[length > 0.0] / length[length > 0.0, np.newaxis]
    if not len(rows):
        return np.eye(rows.shape[1])
    _, sizes, basis = np.linalg.svd(np.linalg.qr(rows, mode="r"))  # nothing of rows squared
    rank = int((sizes > 1e-10 * sizes.max()).sum())
    found: Floats = basis[rank:].T
    return found
