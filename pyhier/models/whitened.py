"""Sums of very many groups with covariates: plain products of a whitened design.

A design whose columns are orthonormal at one tau has normal equations that are as well conditioned
as its weights are even; their sums are those of products, without a square root or a branch a
group. Where nodes of log tau are close together the sums are interpolated. What comes of it are the
triangles that `kernels.linear_groups` keeps.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pyhier._types import Floats
from pyhier.kernels import linear_groups as kernel
from pyhier.models.nesting import Places

MANY = 512  # groups from which it pays
FULL_RANK = 1e-8  # the part of a column that the others do not make up, at least
UNEVEN = 1e3  # how far weights may change from one tau to another
APART = 2.0  # of log tau, within which a design whitened in the middle stays nearly so
WIDTH, POINTS = 0.5, 16  # of log tau, where sums are interpolated


@dataclass(frozen=True)
class Rows:
    """Estimates, their design, and the variances by which they are sorted.

    ``ends`` are the tau^2 between which products of variances stay within a double.
    """

    y: Floats
    x: Floats
    var: Floats
    ends: tuple[float, float]

    def triangles(self, log_tau: Floats, about: Floats | None = None) -> Floats:
        """Triangles at nodes of log tau of y, or of y less x about, without whitening."""
        y = self.y if about is None else self.y - self.x @ about
        found: Floats = kernel.sums(y, self.x, self.var, log_tau, *self.ends)
        return found


@dataclass(frozen=True)
class Whitened:
    """A design whose columns are orthonormal at one tau, and what a fit there leaves of y.

    Attributes
    ----------
    columns : ndarray, shape (p + 1, groups)
        The whitened design; then y less the fit, which has no large squares to cancel.
    root : ndarray, shape (p, p)
        The triangle that the design is the whitened one times.
    fit : ndarray, shape (p,)
    tau2 : float
    """

    rows: Rows
    columns: Floats
    root: Floats
    fit: Floats
    tau2: float

    @classmethod
    def at(cls, rows: Rows, log_tau: float) -> "Whitened | None":
        """Whitened there; None where columns make up others, for all that the heavy rows say."""
        p = rows.x.shape[1]
        triangle = np.zeros((p, p + 1))
        packed = rows.triangles(np.array([log_tau]))[0]
        triangle[np.triu_indices(p, m=p + 1)] = packed[:-2]
        root = np.ascontiguousarray(triangle[:, :-1])
        if not (np.diag(root) > FULL_RANK * np.sqrt((root**2).sum(axis=0))).all():
            return None
        fit = np.linalg.solve(root, triangle[:, -1])
        columns = np.empty((p + 1, rows.y.size))
        columns[:-1] = np.linalg.solve(root.T, rows.x.T)
        columns[-1] = rows.y - rows.x @ fit
        return cls(rows, columns, root, fit, float(np.exp(2.0 * log_tau)))

    def suits(self, nodes: Floats) -> NDArray[np.bool_]:
        """Nodes of log tau at which the weights are even enough."""
        ends, tau2 = self.rows.var[[0, -1], np.newaxis], np.exp(2.0 * nodes)
        ratio = (ends + self.tau2) / (ends + tau2)
        found: NDArray[np.bool_] = ratio.max(axis=0) <= UNEVEN * ratio.min(axis=0)
        return found

    def sums(self, nodes: Floats, about: Floats) -> Floats:
        """Triangles at nodes of log tau of y less x about, shape (nodes, size_of(p))."""
        p = self.fit.size
        packed = by_windows(
            lambda at: kernel.grams(self.columns, self.rows.var, at, *self.rows.ends), nodes
        )
        upper = np.triu_indices(p + 1)
        gram = np.zeros((nodes.size, p + 1, p + 1))
        gram[:, upper[0], upper[1]] = gram[:, upper[1], upper[0]] = packed[:, :-1]
        lower = np.linalg.cholesky(gram[:, :p, :p])
        z = np.linalg.solve(lower, gram[:, :p, p:])
        root = lower.transpose(0, 2, 1) @ self.root
        squares = gram[:, p, p] - (z * z).sum(axis=(1, 2))
        rows = np.concatenate([root, z + root @ (self.fit - about)[:, np.newaxis]], axis=2)
        triangle = np.triu_indices(p, m=p + 1)
        return np.column_stack([rows[:, triangle[0], triangle[1]], squares, packed[:, -1]])


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


def sums_of_many(rows: Rows, whitened: Whitened, nodes: Floats, about: Floats) -> Floats:
    """Triangles at nodes of log tau of y less x about, shape (nodes, size_of(p)).

    Where weights are uneven beside those at which the design was whitened, it is whitened anew.
    """
    table = np.empty((nodes.size, kernel.size_of(about.size)))
    even = whitened.suits(nodes)
    if even.any():
        table[even] = whitened.sums(nodes[even], about)
    for own in windows(nodes[~even], APART):
        at = np.flatnonzero(~even)[own]
        local = Whitened.at(rows, float(nodes[at].mean()))
        table[at] = (
            rows.triangles(nodes[at], about) if local is None else local.sums(nodes[at], about)
        )
    return table
