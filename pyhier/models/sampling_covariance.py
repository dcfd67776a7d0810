"""Estimates with a known sampling covariance within studies, made independent by a rotation.

With y ~ N(theta, S), theta ~ N(X beta, tau^2 I) and S = U D U', the rotated U'y are independent
with variances D + tau^2 at every tau, and their design is U'X.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyhier._types import Floats
from pyhier._validation import float_array

LEAST = 1e-14  # of the largest eigenvalue of a block: below it the block is singular

Block = tuple[NDArray[np.intp], Floats]  # the groups of a block, and its covariance


@dataclass(frozen=True, eq=False)
class Rotation:
    """Eigenvectors of the sampling covariance, block by block.

    Attributes
    ----------
    blocks : tuple of (ndarray, ndarray)
        Of every block of two or more groups: which groups, (k,), and its eigenvectors, (k, k), in
        columns.
    var : ndarray, shape (groups,)
        Eigenvalues; the sampling variances of groups that stand alone.
    diagonal : ndarray, shape (groups,)
        The groups' own sampling variances.
    """

    blocks: tuple[Block, ...]
    var: Floats
    diagonal: Floats

    def rotated(self, columns: Floats) -> Floats:
        """U' times columns, shape (groups, ...)."""
        out = np.array(columns, dtype=np.float64)
        for at, vectors in self.blocks:
            out[at] = np.tensordot(vectors.T, columns[at], axes=1)
        return out

    def restored(self, draws: Floats) -> Floats:
        """U times rotated effects, shape (..., groups)."""
        out = np.array(draws)
        for at, vectors in self.blocks:
            out[..., at] = draws[..., at] @ vectors.T
        return out

    def row(self, j: int) -> tuple[NDArray[np.intp], Floats]:
        """Which rotated groups make up group j, and by what weights."""
        for at, vectors in self.blocks:
            place = np.flatnonzero(at == j)
            if place.size:
                return at, vectors[int(place[0])]
        return np.array([j]), np.ones(1)

    def squared(self, columns: Floats) -> Floats:
        """The squares of U times columns, shape (..., groups): how variances add up."""
        out = np.array(columns)
        for at, vectors in self.blocks:
            out[..., at] = columns[..., at] @ (vectors**2).T
        return out


def rotation(cov: Any, groups: int, label: Callable[[int], str]) -> Rotation:
    """Check a sampling covariance and take it apart.

    Parameters
    ----------
    cov : sequence of arrays, or a matrix, dense or of scipy.sparse
        One square block a study, in the order of the groups (a number for a single estimate), or
        the whole matrix, shape (groups, groups).
    groups : int
    label : callable
        Names of the groups.
    """
    found = _of_matrix(cov, groups) if _is_matrix(cov, groups) else _of_list(cov, groups)
    var, diagonal = np.empty(groups), np.empty(groups)
    blocks = []
    for at, block in found:
        first = label(int(at[0]))
        if not np.isfinite(block).all():
            raise ValueError(f"cov: the block of group {first} is not finite")
        if not np.allclose(block, block.T, rtol=1e-10, atol=0.0):
            raise ValueError(f"cov: the block that begins with group {first} is not symmetric")
        values, vectors = np.linalg.eigh(block)
        if not values[0] > LEAST * values[-1]:
            raise ValueError(
                f"cov: the block that begins with group {first} is not positive definite"
            )
        var[at], diagonal[at] = values, np.diag(block)
        if at.size > 1:
            blocks.append((at, vectors))
    return Rotation(tuple(blocks), var, diagonal)


def _is_matrix(cov: Any, groups: int) -> bool:
    return hasattr(cov, "tocsr") or (hasattr(cov, "shape") and np.shape(cov) == (groups, groups))


def _of_matrix(cov: Any, groups: int) -> list[Block]:
    """The blocks of a matrix: groups that are connected by covariances other than 0."""
    import scipy.sparse as sp
    from scipy.sparse.csgraph import connected_components

    matrix = sp.csr_matrix(cov if hasattr(cov, "tocsr") else float_array("cov", cov, 2))
    if matrix.shape != (groups, groups):
        raise ValueError(f"cov has shape {matrix.shape}: give ({groups}, {groups})")
    count, member = connected_components(matrix, directed=False)
    order = np.argsort(member, kind="stable")
    places = np.split(order, np.cumsum(np.bincount(member, minlength=count))[:-1])
    return [(at, matrix[at][:, at].toarray()) for at in places]


def _of_list(cov: Any, groups: int) -> list[Block]:
    if isinstance(cov, str) or not isinstance(cov, Sequence):
        raise TypeError("cov must be a list of blocks, one a study, or a matrix of all groups")
    found, start = [], 0
    for i, part in enumerate(cov):
        block = np.atleast_2d(float_array(f"cov[{i}]", part, None))
        if block.ndim != 2 or block.shape[0] != block.shape[1]:
            raise ValueError(f"cov[{i}] has shape {np.shape(part)}: every block must be square")
        found.append((np.arange(start, start + len(block)), block))
        start += len(block)
    if start != groups:
        raise ValueError(f"cov has blocks of {start} groups in all, and y has {groups}")
    return found
