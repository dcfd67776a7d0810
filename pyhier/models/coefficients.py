"""The coefficients of a linear predictor integrated out of sums over groups, with their prior."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pyhier._types import Floats
from pyhier.kernels import linear_groups as kernel
from pyhier.models.covariates import LOG_2PI, NormalPrior
from pyhier.models.reductions import Collapsed


def reference(y: Floats, x: Floats, var: Floats) -> Floats:
    """Coefficients near the data's, subtracted before sums are made, shape (p,)."""
    root = 1.0 / np.sqrt(var + np.median(var))
    scale = np.sqrt((x * x).sum(axis=0))
    found: Floats = np.linalg.lstsq(x / scale * root[:, None], y * root, rcond=None)[0] / scale
    return found


Places = NDArray[np.intp]

MANY = 512  # groups from which plain sums of a whitened design pay
WIDTH, POINTS = 0.5, 16  # of log tau, where sums are interpolated
FULL = 1e-8  # the part of a column that others do not make up, from which the design is whitened
APART = 2.0  # of log tau, within which a design whitened in the middle stays nearly so
UNEVEN = 1e3  # how far its weights may change from one tau to another


class Whitened:
    """Estimates with a design whose columns are orthonormal at one tau, for sums over many groups.

    Its normal equations are then as well conditioned as the weights are even, and their sums are
    those of products, without a square root or a branch a group. `sums` returns the triangles that
    `kernels.linear_groups` keeps.

    Parameters
    ----------
    y, x, var : ndarray
        Estimates, their design, and the variances by which they are sorted.
    ends : (float, float)
        The tau^2 between which products of variances stay within a double.
    log_tau : float, optional
        Where the columns are to be orthonormal; at the median variance without it.

    Attributes
    ----------
    full_rank : bool
        Whether the design can be whitened there: its columns may differ in light rows alone.
    fit : ndarray, shape (p,)
        The coefficients there, which are subtracted: what is left has no large squares to cancel.
    """

    def __init__(
        self, y: Floats, x: Floats, var: Floats, ends: tuple[float, float],
        log_tau: float | None = None,
    ) -> None:  # fmt: skip
        p = x.shape[1]
        self._var, self._ends, self._p = var, ends, p
        at = 0.5 * np.log(np.median(var)) if log_tau is None else log_tau
        self._middle = float(np.exp(2.0 * at))
        row = kernel.sums(y, x, var, np.array([at]), *ends)[0]
        triangle = np.zeros((p, p + 1))
        triangle[np.triu_indices(p, m=p + 1)] = row[:-2]
        self._root = np.ascontiguousarray(triangle[:, :-1])
        self.full_rank = bool(
            (np.diag(self._root) > FULL * np.sqrt((self._root**2).sum(axis=0))).all()
        )
        if self.full_rank:
            self.fit = np.linalg.solve(self._root, triangle[:, -1])
            self._columns = np.empty((p + 1, y.size))
            self._columns[:-1] = np.linalg.solve(self._root.T, x.T)
            self._columns[-1] = y - x @ self.fit

    def suits(self, nodes: Floats) -> NDArray[np.bool_]:
        """Nodes of log tau at which the weights are even enough."""
        ends, tau2 = self._var[[0, -1], np.newaxis], np.exp(2.0 * nodes)
        ratio = (ends + self._middle) / (ends + tau2)
        found: NDArray[np.bool_] = ratio.max(axis=0) <= UNEVEN * ratio.min(axis=0)
        return found

    def sums(self, nodes: Floats, about: Floats) -> Floats:
        """Triangles at nodes of log tau of y less x about, shape (nodes, size_of(p))."""
        p = self._p
        packed = by_windows(
            lambda at: kernel.grams(self._columns, self._var, at, *self._ends), nodes
        )
        upper = np.triu_indices(p + 1)
        gram = np.zeros((nodes.size, p + 1, p + 1))
        gram[:, upper[0], upper[1]] = gram[:, upper[1], upper[0]] = packed[:, :-1]
        lower = np.linalg.cholesky(gram[:, :p, :p])
        z = np.linalg.solve(lower, gram[:, :p, p:])
        root = lower.transpose(0, 2, 1) @ self._root
        squares = gram[:, p, p] - (z * z).sum(axis=(1, 2))
        rows = np.concatenate([root, z + root @ (self.fit - about)[:, np.newaxis]], axis=2)
        triangle = np.triu_indices(p, m=p + 1)
        parts = [rows[:, triangle[0], triangle[1]], squares, packed[:, -1]]
        return np.ascontiguousarray(np.column_stack(parts))


def by_windows(function: Callable[[Floats], Floats], nodes: Floats) -> Floats:
    """A table of sums over groups at nodes of log tau, interpolated where nodes are close together.

    A sum of functions of var + tau^2 is analytic in log tau up to pi / 2 from the real line, so a
    polynomial of degree 15 through Chebyshev's points of a window of width 1/2 is right to 1e-16
    (Trefethen, Approximation Theory and Approximation Practice, ch. 8).
    """
    unit = np.cos(np.pi * (np.arange(POINTS) + 0.5) / POINTS)
    close = [
        own for own in windows(nodes, WIDTH) if own.size > POINTS and np.isfinite(nodes[own]).all()
    ]
    alone = np.setdiff1d(np.arange(nodes.size), np.concatenate([*close, np.empty(0, np.intp)]))
    at: list[Floats] = [nodes[alone]]
    for own in close:
        low, high = nodes[own].min(), nodes[own].max()
        at.append(0.5 * (low + high) + 0.5 * (high - low) * unit)
    table = function(np.concatenate(at))
    found = np.empty((nodes.size, table.shape[1]))
    found[alone] = table[: alone.size]
    for k, own in enumerate(close):
        start = alone.size + k * POINTS
        matrix = _interpolation(nodes[own], at[k + 1], unit)
        found[own] = matrix @ table[start : start + POINTS]
    return found


def windows(nodes: Floats, width: float) -> list[Places]:
    """Nodes of log tau that are within so much of one another."""
    if not nodes.size:
        return []
    finite = np.clip(nodes, -1e4, 1e4)  # tau may be 0
    place = np.floor((finite - finite.min()) / width).astype(np.intp)
    return [np.flatnonzero(place == k) for k in np.unique(place)]


def _interpolation(x: Floats, points: Floats, unit: Floats) -> Floats:
    """The matrix that takes values at Chebyshev's points to values at x, in barycentric form."""
    weight = np.sqrt(1.0 - unit**2) * (-1.0) ** np.arange(unit.size)
    away = x[:, np.newaxis] - points
    hit = away == 0.0
    share = weight / np.where(hit, 1.0, away)
    share[hit.any(axis=1)] = 0.0
    share[hit] = 1.0
    matrix: Floats = share / share.sum(axis=1, keepdims=True)
    return matrix


def prior_sums(prior: NormalPrior, about: Floats) -> Floats | None:
    """The prior of beta - about as sums that are added to the groups'; None where all are flat."""
    p = prior.mean.size
    if not len(prior.root):
        return None
    rows = np.column_stack([prior.root, prior.root @ (prior.mean - about)])
    triangle = np.zeros((p, p + 1))
    found = np.linalg.qr(rows, mode="r")[:p]
    triangle[: len(found)] = found * np.where(np.diag(found) < 0.0, -1.0, 1.0)[:, None]
    packed = np.concatenate([triangle[k, k:] for k in range(p)])
    return np.concatenate([packed, [0.0, -2.0 * prior.log_determinant]])[np.newaxis]


def integrated(table: Floats, prior: NormalPrior, about: Floats, groups: int) -> Collapsed:
    """Beta integrated out of sums over all groups with its prior, with all constants but tau's.

    Parameters
    ----------
    table : ndarray, shape (nodes, size)
        Sums of y - x' about, as `kernels.linear_groups` keeps them.
    prior : NormalPrior
    about : ndarray, shape (p,)
    groups : int
    """
    p, added = about.size, prior_sums(prior, about)
    if added is not None:
        table = kernel.merge(table, added, p)
    rows = kernel.solve(table, p)
    rows[0] -= 0.5 * (groups - p + len(prior.root)) * LOG_2PI
    rows[1 : 1 + p] += about[:, np.newaxis]
    if p == 1:
        rows[2] *= rows[2]
    return Collapsed(rows, plain=p == 1)
