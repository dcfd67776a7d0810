"""What the groups of a mixed model differ by, given its variances."""

import numpy as np

from pyhier._types import Floats
from pyhier.classical.mixed_moments import Nested, Structure, Varying, full

Effects = tuple[tuple[Floats, Floats], ...]  # for every level: (groups, q), (groups, q, q)


def effects(structure: Structure, lower: Floats, gamma: Floats) -> Effects:
    """Best linear unbiased predictions, and conditional covariances over the residual variance.

    Parameters
    ----------
    structure : Structure
    lower : ndarray, shape (q, q)
        Cholesky factor of S in the structure's units.
    gamma : ndarray, shape (p,)
        Common coefficients in the basis of the sums.

    Returns
    -------
    Effects
        Of every level, the outermost first.
    """
    if isinstance(structure, Varying):
        return (_varying(structure, structure.inverse @ lower, gamma),)
    return _nested(structure, lower, gamma)


def _varying(structure: Varying, factor: Floats, gamma: Floats) -> tuple[Floats, Floats]:
    """b_j = L (I + G'G)^-1 G'e_j with G = R_j L, and L (I + G'G)^-1 L'."""
    sums = structure.sums
    g = full(sums.r, sums.varying, upper=True) @ factor
    left = sums.f[..., -1] - sums.f[..., :-1] @ gamma
    upward = g.transpose(0, 2, 1)
    inner = np.eye(sums.varying) + upward @ g
    solved = np.linalg.solve(inner, upward @ left[..., np.newaxis])[..., 0]
    root = np.linalg.solve(np.linalg.cholesky(inner), np.broadcast_to(factor.T, inner.shape))
    return solved @ factor.T, root.transpose(0, 2, 1) @ root


def _nested(structure: Nested, lower: Floats, gamma: Floats) -> Effects:
    """Of groups and of groups within them; about the mean of the members nothing cancels."""
    sums, parent = structure.sums, structure.sums.nesting.parent[0]
    outer_var, inner_var = (np.diag(structure.inverse) * np.diag(lower)) ** 2
    r, left = sums.r[:, 0], sums.f[:, 0, -1] - sums.f[:, 0, :-1] @ gamma
    own = 1.0 + inner_var * r**2
    weight = np.bincount(parent, r**2 / own)
    c = 1.0 + outer_var * weight
    mean = np.bincount(parent, r / own * left) / weight
    solved = (left - r * mean[parent]) / own + r / own * (mean / c)[parent]
    outer = outer_var * mean * weight / c
    inner = inner_var * r * solved
    inner_left = inner_var / own + (inner_var * r**2 / own) ** 2 * (outer_var / c)[parent]
    # Of a member's own share the group's variance takes part: t2^2 t1 r^4 / (d^2 c).
    return (
        (outer[:, np.newaxis], (outer_var / c)[:, np.newaxis, np.newaxis]),
        (inner[:, np.newaxis], inner_left[:, np.newaxis, np.newaxis]),
    )
