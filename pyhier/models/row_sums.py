"""What is left of raw rows for a regression with varying coefficients: one pass over them.

Of every group the triangular factor R_j of its varying predictors, and what the same rotations
leave of its other columns, F_j; of the rest of all rows together one triangle. Nothing is squared,
and both add up over blocks of rows. The design is whitened over all rows and a fit is subtracted
from the response first, so neither data far from zero nor columns that nearly make up one another
cost digits.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyhier._frozen import Frozen
from pyhier._types import Floats
from pyhier.kernels import levels, linear_groups
from pyhier.kernels import regression as kernel
from pyhier.models.nesting import Nesting

BLOCK = 65536  # rows at a time
UNEVEN = 1e6  # weights, beyond which the light rows must come last
FAR = 1e-4  # of the response, what a fit leaves, below which the response is far from zero
ALIKE = 1e-13  # of triangular factors, by their largest number: groups of one class

Codes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class RowSums(Frozen):
    """Sums of rows by groups, in a whitened basis: X = (X basis) inverse(basis).

    Attributes
    ----------
    rows : int
    about : ndarray, shape (p,)
        Coefficients of a fit, which is subtracted from the response.
    basis : ndarray, shape (p, p)
        Upper triangular: beta = about + basis gamma.
    r : ndarray, shape (groups, q (q + 1) / 2)
        Upper triangular factors of the groups' varying predictors, by rows.
    f : ndarray, shape (groups, q, p + 1)
        What the same rotations leave of the whitened design and of the response, the latter last.
    within : ndarray, shape (1, size)
        What is left of all rows, as `kernels.linear_groups` keeps it.
    log_weight : float
        Sum of the logs of the rows' weights.
    """

    rows: int
    about: Floats
    basis: Floats
    r: Floats
    f: Floats
    within: Floats
    log_weight: float

    @property
    def size(self) -> int:
        """The number of common coefficients, p."""
        return self.about.size

    @property
    def varying(self) -> int:
        """The number of varying coefficients, q."""
        return int(self.f.shape[1])

    @property
    def log_basis(self) -> float:
        """Log of the basis' determinant: of beta's volume by gamma's."""
        return float(np.log(np.diag(self.basis)).sum())

    @cached_property
    def kinds(self) -> tuple[Floats, NDArray[np.intp]]:
        """Distinct triangular factors, (kinds, q (q + 1) / 2), and which one each group has."""
        order, first = _alike(self.r)
        kind = np.empty(len(self.r), dtype=np.intp)
        kind[order] = np.repeat(np.arange(first.size), np.diff(np.append(first, len(self.r))))
        return np.ascontiguousarray(self.r[order[first]]), kind

    @cached_property
    def classes(self) -> tuple[Floats, Floats, Codes, Floats]:
        """Groups of one triangular factor together: r, rows of f, their beginnings, sizes."""
        return classes(self.r, self.f)

    def tables(self, factor: Floats) -> Floats:
        """Sums over all rows where the residual variance is 1, shape (nodes, size).

        Parameters
        ----------
        factor : ndarray, shape (nodes, q (q + 1) / 2)
            Cholesky factors, by rows, of the varying coefficients' covariance over the residual
            variance.

        Returns
        -------
        ndarray
            As `kernels.linear_groups` keeps sums; the last is log|V|, but for the weights.
        """
        r, f, start, count = self.classes
        sums = kernel.group_sums(np.ascontiguousarray(factor), r, f, start, count)
        return linear_groups.merge(kernel.triangles(sums), self.within, self.size)

    def plus(self, other: "RowSums") -> "RowSums":
        """The sums of both sets of rows, which are of the same groups, fit and basis."""
        groups, q = len(self.r), self.varying
        r, f = self.r.copy(), self.f.copy()
        table = np.zeros((groups, q, q + self.size + 1))
        upper = np.triu_indices(q)
        table[:, upper[0], upper[1]] = other.r
        table[:, :, q:] = other.f
        rows = table.reshape(groups * q, -1)
        kernel.rotate(rows, np.repeat(np.arange(groups), q), r, f)
        parts = [_whole(one.within[0], self.size) for one in (self, other)]
        triangle = _stacked(np.vstack(parts), rows[:, q:], uneven=True)
        return RowSums(
            self.rows + other.rows, self.about, self.basis, r, f, _packed(triangle, self.size),
            self.log_weight + other.log_weight,
        )  # fmt: skip

    def centred(self) -> Floats:
        """F with the columns of the design as it was given, and of the response less the fit."""
        f = self.f.copy()
        f[:, :, :-1] = f[:, :, :-1] @ np.linalg.inv(self.basis)
        return f


@dataclass(frozen=True, eq=False)
class NestedSums(RowSums):
    """The same of intercepts of groups within groups.

    Attributes
    ----------
    nesting : Nesting
        Its finest groups are those of r and f.
    """

    nesting: Nesting

    @cached_property
    def _members(self) -> tuple[Floats, Floats, Floats]:
        """Mean response, mean design, and one by the weight of the finest groups, in order."""
        order = self.nesting.order
        root = self.r[order]
        means = self.f[order, 0] / root
        x, y = np.ascontiguousarray(means[:, :-1]), np.ascontiguousarray(means[:, -1])
        return y, x, 1.0 / root[:, 0] ** 2

    def tables(self, factor: Floats) -> Floats:
        """As of `RowSums`.

        Parameters
        ----------
        factor : ndarray, shape (nodes, levels)
            Log of every level's sd over the residual sd.
        """
        y, x, var = self._members
        found = levels.sums(y, x, var, self.nesting.ends, np.ascontiguousarray(factor))
        found[:, -1] -= np.log(var).sum()  # of the means' variances, not the rows'
        return linear_groups.merge(found, self.within, self.size)


def row_sums(
    y: Floats,
    x: Floats,
    z: Floats,
    code: Codes,
    groups: int,
    weights: Floats | None = None,
    frame: tuple[Floats, Floats] | None = None,
) -> RowSums:
    """One pass over the rows, in blocks, after one that finds a fit and a basis.

    Parameters
    ----------
    y : ndarray, shape (n,)
    x : ndarray, shape (n, p)
        Of full rank.
    z : ndarray, shape (n, q)
        The predictors whose coefficients vary.
    code : ndarray of int64, shape (n,)
        The group of every row.
    groups : int
    weights : ndarray, shape (n,), optional
        The residual variance is sigma^2 over these.
    frame : (ndarray, ndarray), optional
        The fit and the basis of another part of the rows, to whose sums these are added.
    """
    n, p = x.shape
    q = z.shape[1]
    about, basis = _fit(y, x, weights) if frame is None else frame
    r, f = np.zeros((groups, q * (q + 1) // 2)), np.zeros((groups, q, p + 1))
    triangle = np.zeros((0, p + 1))
    for part in _blocks(n):
        table = np.empty((part.stop - part.start, q + p + 1))
        table[:, :q] = z[part]
        table[:, q:-1] = x[part] @ basis
        table[:, -1] = _left(y[part], x[part], about)
        table *= _roots(weights, part)
        kernel.rotate(table, code[part], r, f)
        triangle = _stacked(triangle, table[:, q:], _uneven(weights))
    log_weight = 0.0 if weights is None else float(np.log(weights).sum())
    return RowSums(n, about, basis, r, f, _packed(triangle, p), log_weight)


def nested_sums(sums: RowSums, nesting: Nesting) -> NestedSums:
    """Sums of varying intercepts alone by the finest groups of a nesting."""
    parts = {name: getattr(sums, name) for name in RowSums.__dataclass_fields__}
    return NestedSums(**parts, nesting=nesting)


def _blocks(n: int) -> Iterator[slice]:
    return (slice(i, min(i + BLOCK, n)) for i in range(0, n, BLOCK))


def _left(y: Floats, x: Floats, about: Floats) -> Floats:
    """What a fit leaves; far from zero by more digits, where there are any."""
    left: Floats = y - x @ about
    if np.abs(left).max(initial=0.0) < FAR * np.abs(y).max(initial=0.0):
        wide = [part.astype(np.longdouble) for part in (y, x, about)]
        left = (wide[0] - wide[1] @ wide[2]).astype(np.float64)
    return left


def _roots(weights: Floats | None, part: slice) -> Floats | float:
    return 1.0 if weights is None else np.sqrt(weights[part])[:, np.newaxis]


def _uneven(weights: Floats | None) -> bool:
    return weights is not None and bool(weights.max() > UNEVEN * weights.min())


def _fit(y: Floats, x: Floats, weights: Floats | None) -> tuple[Floats, Floats]:
    """A fit's coefficients, and the basis in which the design's columns are orthogonal."""
    n, p = x.shape
    scale = np.abs(x).max(axis=0)
    triangle = np.zeros((0, p + 1))
    for part in _blocks(n):
        table = np.column_stack([x[part] / scale, y[part]]) * _roots(weights, part)
        triangle = _stacked(triangle, table, _uneven(weights))
    triangle = np.vstack([triangle, np.zeros((max(0, p - len(triangle)), p + 1))])
    inverse = np.linalg.inv(triangle[:p, :p])
    about = inverse @ triangle[:p, -1] / scale
    basis = np.triu(inverse) / scale[:, np.newaxis] * np.sqrt(n)
    return about, basis * np.where(np.diag(basis) < 0.0, -1.0, 1.0)


def _stacked(triangle: Floats, rows: Floats, uneven: bool) -> Floats:
    """The triangle of rows below another one, at most as many rows as columns.

    Where rows differ by decades the light ones must come last (Cox and Higham 1998).
    """
    table = np.vstack([triangle, rows])
    if uneven:
        table = table[np.argsort(-np.abs(table[:, :-1]).max(axis=1, initial=0.0), kind="stable")]
    return _triangle(table)


def _triangle(rows: Floats) -> Floats:
    found: Any = np.linalg.qr(rows, mode="r")
    return np.asarray(found, dtype=np.float64)


def _packed(triangle: Floats, p: int) -> Floats:
    """A triangle with the response last as `kernels.linear_groups` keeps it, shape (1, size)."""
    whole = np.zeros((p + 1, p + 1))
    whole[: len(triangle)] = triangle
    whole[:p] *= np.where(np.diag(whole)[:p] < 0.0, -1.0, 1.0)[:, np.newaxis]
    rows = [whole[k, k:] for k in range(p)]
    return np.concatenate([*rows, [whole[p, p] ** 2, 0.0]])[np.newaxis]


def _whole(sums: Floats, p: int) -> Floats:
    """The triangle of packed sums with the response last, shape (p + 1, p + 1)."""
    whole = np.zeros((p + 1, p + 1))
    whole[:p][np.triu_indices(p, m=p + 1)] = sums[:-2]
    whole[p, p] = np.sqrt(sums[-2])
    return whole


def classes(r: Floats, f: Floats) -> tuple[Floats, Floats, Codes, Floats]:
    """Groups whose triangular factors are alike, with as few rows of f as have the same products.

    Returns
    -------
    r : ndarray, shape (classes, q (q + 1) / 2)
    f : ndarray, shape (rows, q, columns)
    start : ndarray of int64, shape (classes + 1,)
        Where the rows of every class begin.
    count : ndarray, shape (classes,)
        How many groups each has.
    """
    order, first = _alike(r)
    start = np.append(first, len(r))
    count = np.diff(start)
    width = f.shape[1] * f.shape[2]
    parts, f = [], f[order]
    if (count > width).any():
        for a, b in pairwise(start):
            rows = f[a:b]
            if b - a > width:
                rows = _triangle(rows.reshape(b - a, width)).reshape(-1, *f.shape[1:])
            parts.append(rows)
        f = np.ascontiguousarray(np.concatenate(parts))
        start = np.cumsum([0, *map(len, parts)])
    return (
        np.ascontiguousarray(r[order[first]]), f, start.astype(np.int64), count.astype(np.float64)
    )  # fmt: skip


def _alike(r: Floats) -> tuple[Codes, Codes]:
    """An order that has groups of the same factor together, and the first of each."""
    unit = ALIKE * max(float(np.abs(r).max()), 1e-300)
    keys = np.round(r / unit)
    order = np.lexsort(keys.T[::-1])
    new = np.any(np.diff(keys[order], axis=0) != 0.0, axis=1)
    return order, np.flatnonzero(np.append(True, new))
