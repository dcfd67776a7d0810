"""Fisher's noncentral hypergeometric likelihood of a log odds ratio, as a table for the kernels.

Given its margins, the events of a 2 x 2 table's first arm are a sum of independent Bernoulli
variables whose logits are the log odds ratio moved by constants, so that the log likelihood has no
singularity within pi of the line: polynomials of degree 16 on panels of 1.2 are right to rounding
(src_cython/likelihood_table.h).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pyhier._frozen import Frozen
from pyhier._types import Floats
from pyhier.kernels import hypergeometric as kernel

ORDER = 16  # nodes of a panel
WIDTH = 1.2  # of panels
BEYOND = 1e-5  # first terms of the series beyond the panels, of which the fourth do not matter
NEWTON = 100

_ANGLES = np.pi * (np.arange(ORDER) + 0.5) / ORDER


_TO_CHEBYSHEV = np.cos(np.outer(np.arange(ORDER), _ANGLES)) * (2.0 / ORDER)
_TO_CHEBYSHEV[0] *= 0.5
# Row k: the coefficients of powers of the k-th Chebyshev polynomial.
_POWERS = np.array(
    [np.pad(np.polynomial.chebyshev.cheb2poly(row[: k + 1]), (0, ORDER - k - 1))
     for k, row in enumerate(np.eye(ORDER))]
)  # fmt: skip


@dataclass(frozen=True)
class Margins(Frozen):
    """Margins of 2 x 2 tables, and where in them the events of the first arm are.

    Attributes
    ----------
    table : ndarray, shape (3, groups)
        a, b and g (src_cython/hypergeometric.h).
    least, y : ndarray, shape (groups,)
        The fewest events that the first arm can have, and the events beyond these.
    """

    table: Floats
    least: Floats
    y: Floats

    @classmethod
    def of(cls, events: Floats, size: Floats, others: Floats, other_size: Floats) -> "Margins":
        """Of events in both arms, each of shape (groups,)."""
        total = events + others
        least = np.maximum(0.0, total - other_size)
        table = np.ascontiguousarray([size - least, total - least, np.abs(other_size - total)])
        return cls(table, least, events - least)

    @property
    def most(self) -> Floats:
        """How many more events than the fewest the first arm can have; 0: nothing is learned."""
        most: Floats = self.table[:2].min(axis=0)
        return most

    @property
    def terms(self) -> tuple[Floats, Floats]:
        """Three terms of the series at both ends, each of shape (3, groups)."""
        a, b, g = self.table
        return _series(a, b, g), _series(self.most, g + self.most, np.abs(a - b))

    def draws(self, theta: Floats, uniform: Floats) -> Floats:
        """Events of the first arm given log odds ratios (..., groups), from uniform numbers."""
        group = np.broadcast_to(np.arange(self.y.size), theta.shape).astype(np.int64).ravel()
        flat = np.ascontiguousarray(theta, dtype=np.float64).ravel()
        # Beyond 700 the weights leave a double, and the events are where they were long before.
        held = np.clip(flat, -600.0, 600.0)
        found = kernel.draws(self.table, group, held, np.ascontiguousarray(uniform).ravel())
        drawn: Floats = found.reshape(theta.shape) + self.least
        return drawn


@dataclass(frozen=True)
class LikelihoodTables(Frozen):
    """Log likelihoods of log odds ratios.

    Attributes
    ----------
    hat, highest, information : ndarray, shape (groups,)
        Where they are highest, infinite where nowhere; how high; and the curvature there.
    tables : ndarray
        One after another.
    start : ndarray, shape (groups,)
        Where each begins.
    """

    hat: Floats
    highest: Floats
    information: Floats
    tables: Floats
    start: Floats


def likelihood_tables(margins: Margins) -> LikelihoodTables:
    """Tables of the log likelihoods; equal data have one."""
    columns = np.vstack([margins.table, margins.y])
    different, which = np.unique(columns, axis=1, return_inverse=True)
    some = np.flatnonzero(different[:2].min(axis=0) > 0.0)
    hat, highest, information, start = np.zeros((4, different.shape[1]))
    tables = np.zeros(1)
    if some.size:
        table, y = (np.ascontiguousarray(part[..., some]) for part in (different[:3], different[3]))
        inner = Margins(table, np.zeros(some.size), y)
        hat[some], information[some] = _likeliest(inner)
        held = np.isfinite(hat[some])
        highest[some[held]] = kernel.log_mass(
            np.ascontiguousarray(table[:, held]), y[held], hat[some[held]]
        )
        parts = _tables(inner, hat[some])
        start[some] = np.cumsum([0, *(part.size for part in parts[:-1])])
        tables = np.concatenate(parts)
    at = which.ravel()
    return LikelihoodTables(hat[at], highest[at], information[at], tables, start[at])


def _series(a: Floats, b: Floats, g: Floats) -> Floats:
    """Terms in z, z^2 and z^3 of the log of the sum of weights by the first one."""
    one = a * b / (g + 1.0)
    two = one * (a - 1.0) * (b - 1.0) / (2.0 * (g + 2.0))
    three = two * (a - 2.0) * (b - 2.0) / (3.0 * (g + 3.0))
    return np.array([one, two - one**2 / 2.0, three - one * two + one**3 / 3.0])


def _likeliest(margins: Margins) -> tuple[Floats, Floats]:
    """Log odds ratios whose means the events are, and the variances there, each (groups,)."""
    (a, b, g), y, most = margins.table, margins.y, margins.most
    hat = np.where(y == 0.0, -np.inf, np.inf)
    information = np.zeros(y.size)
    inside = np.flatnonzero((y > 0.0) & (y < most))
    if not inside.size:
        return hat, information
    table = np.ascontiguousarray(margins.table[:, inside])
    a, b, g, y = a[inside], b[inside], g[inside], y[inside]
    theta = np.log(y + 0.5) + np.log(g + y + 0.5) - np.log(a - y + 0.5) - np.log(b - y + 0.5)
    first, last = margins.terms
    low, high = -np.log(first[0, inside]) - 1.0, np.log(last[0, inside]) + 1.0
    theta = np.clip(theta, low, high)
    for _ in range(NEWTON):
        off, var = kernel.excess(table, y, theta[:, np.newaxis])[..., 0]
        low, high = np.where(off < 0.0, theta, low), np.where(off > 0.0, theta, high)
        step = -off / var
        step = np.where(
            (theta + step < low) | (theta + step > high), 0.5 * (low + high) - theta, step
        )
        theta = theta + step
        if (np.abs(step) * np.sqrt(var) <= 1e-9).all():
            break
    hat[inside] = theta
    information[inside] = kernel.excess(table, y, theta[:, np.newaxis])[1, :, 0]
    return hat, information


def _tables(margins: Margins, hat: Floats) -> list[Floats]:
    """The groups' tables, in which a finite ``hat`` is the middle of a panel."""
    below, above = margins.terms
    left, right = np.log(BEYOND / below[0]), -np.log(BEYOND / above[0])
    middle = np.where(np.isfinite(hat), hat, left + 0.5 * WIDTH)
    before = np.ceil((middle - left) / WIDTH - 0.5).astype(np.intp)
    left = middle - (before + 0.5) * WIDTH
    panels = np.ceil((right - left) / WIDTH).astype(np.intp)
    right = left + panels * WIDTH
    rows = _rows(margins, left, panels)
    parts = []
    for j, powers in enumerate(np.split(rows, np.cumsum(panels)[:-1])):
        edges = np.array([left[j], right[j]])
        slopes = margins.y[j] - np.array([0.0, margins.most[j]])
        terms = np.array([below[:, j], above[:, j]])
        parts.append(_with_heights(powers, slopes, int(before[j]), edges, terms))
    return parts


def _rows(margins: Margins, left: Floats, panels: NDArray[np.intp]) -> Floats:
    """Coefficients of powers of all panels but their constants, (panels, ORDER + 1)."""
    of = np.repeat(np.arange(panels.size), panels)
    number = np.arange(of.size) - np.repeat(np.cumsum(panels) - panels, panels)
    centre = left[of] + (number + 0.5) * WIDTH
    theta = centre[:, np.newaxis] + 0.5 * WIDTH * np.cos(_ANGLES)
    table, y = np.ascontiguousarray(margins.table[:, of]), np.ascontiguousarray(margins.y[of])
    # By way of Chebyshev's, which fall: from values to powers at once would lose five digits.
    slope = -kernel.excess(table, y, theta)[0] @ _TO_CHEBYSHEV.T @ _POWERS
    own = 0.5 * WIDTH * slope / np.arange(1.0, ORDER + 1.0)
    return np.concatenate([np.zeros((of.size, 1)), own], axis=1)


def _with_heights(
    powers: Floats, slopes: Floats, middle: int, edges: Floats, terms: Floats
) -> Floats:
    """A group's table: heights are 0 at the highest, and carried on from panel to panel."""
    signs = (-1.0) ** np.arange(ORDER + 1)
    low, high = powers @ signs, powers.sum(axis=1)  # heights at ends, of the middle's
    rest = [_sum_of(terms[0], edges[0], 1.0), _sum_of(terms[1], edges[1], -1.0)]
    if slopes[0] == 0.0:
        start, middle = -rest[0], 0
        heights = _onward(start - low[0], low, high)
    elif slopes[1] == 0.0:
        heights = _onward(-rest[1] - high[-1], high[::-1], low[::-1])[::-1]
    else:
        up = _onward(0.0, low[middle:], high[middle:])
        down = _onward(0.0, high[middle::-1], low[middle::-1])
        heights = np.concatenate([down[:0:-1], up])
    powers[:, 0] = heights
    ends = [heights[0] + low[0] + rest[0], heights[-1] + high[-1] + rest[1]]
    if slopes[0] == 0.0:
        ends[0] = 0.0
    if slopes[1] == 0.0:
        ends[1] = 0.0
    head = [*edges, len(powers), 1.0 / WIDTH, slopes[0], ends[0], *terms[0], slopes[1], ends[1],
            *terms[1]]  # fmt: skip
    return np.concatenate([head, powers.ravel()])


def _sum_of(terms: Floats, edge: float, toward: float) -> float:
    """The series at an end."""
    z = np.exp(toward * edge)
    return float(z * (terms[0] + z * (terms[1] + z * terms[2])))


def _onward(first: float, entry: Floats, leave: Floats) -> Floats:
    """Heights of middles from the first one's on, by what panels rise from middle to ends."""
    heights: Floats = np.cumsum(np.concatenate([[first], leave[:-1] - entry[1:]]))
    return heights
