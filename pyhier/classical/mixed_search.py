"""The minimum of a mixed model's deviance, found from a grid and certified by its derivatives.

A deviance is an even function of every column of the covariance's Cholesky factor, so factors are
searched without bounds: a singular covariance is a stationary point like any other, to which
Newton's steps converge quadratically.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pyhier._types import Floats
from pyhier.classical.mixed_deviance import Cholesky, Criterion, Derivatives, triangular

STEPS = 200
NODES = 2_000_000  # of the grid, times groups
SIGNIFICANT = 1e-11  # a decrease, of 1 + |deviance|, beyond which values tell it
CERTAIN = 1e-10  # what may be left of a decrease, of 1 + |deviance|
FLAT = 1e-11  # a curvature, by the largest, that is none
NEGLIGIBLE = 1e-5  # what may be 0, in units in which a mean group's information is 1
FURTHEST = 1e7  # sds over the residual sd, in these units: beyond it sigma is 0
STARTS = 3
# Of the grid: sds on an axis and partial correlations, by coefficients and correlations.
POINTS = {
    (1, 0): (40, ()),
    (2, 0): (16, ()),
    (3, 0): (8, ()),
    (2, 1): (12, (-0.8, -0.3, 0.3, 0.8)),
    (3, 3): (4, (-0.6, 0.0, 0.6)),
}

Function = Callable[[Floats], Derivatives]


def minimise(function: Function, start: Floats) -> tuple[Floats, Derivatives]:
    """A local minimum by Newton's steps within a trust region.

    Where curvature is negative its size is taken (saddle-free steps), so saddles are left.

    Raises
    ------
    ArithmeticError
        If what is found is no minimum.
    """
    u, radius = start.copy(), 1.0 + float(np.abs(start).max(initial=0.0))
    here = function(u)
    for _ in range(STEPS):
        step, gain = _step(here, radius)
        if gain <= SIGNIFICANT * (1.0 + abs(here[0])):
            break
        there = _tried(function, u + step)
        ratio = (here[0] - there[0]) / gain if there is not None else -1.0
        length = float(np.linalg.norm(step))
        radius = 0.25 * length if ratio < 0.1 else max(radius, 3.0 * length * (ratio > 0.6))
        if there is not None and ratio > 1e-4:
            u, here = u + step, there
    return _polished(function, u, here)


def _tried(function: Function, u: Floats) -> Derivatives | None:
    """The function, or None where rounding leaves no number of it."""
    try:
        found = function(u)
    except np.linalg.LinAlgError:
        return None
    return found if np.isfinite(found[0]) else None


def _step(here: Derivatives, radius: float | None = None) -> tuple[Floats, float]:
    """A step and what it should gain; without a radius Newton's own."""
    _, gradient, hessian = here
    values, vectors = np.linalg.eigh(hessian)
    slope = gradient @ vectors
    top = float(np.abs(values).max(initial=0.0))
    size = np.abs(values)
    flat = size <= FLAT * top
    move = np.where(flat, 0.0, -slope / np.where(flat, 1.0, size))
    if radius is not None:
        falling = (values < -1e-7 * top) & (np.abs(move) < 1e-3 * radius)
        move = np.where(falling, np.where(slope > 0.0, -1.0, 1.0) * 0.1 * radius, move)
        length = float(np.linalg.norm(move))
        move *= min(1.0, radius / length) if length > 0.0 else 1.0
    gain = -float(slope @ move + 0.5 * (values * move) @ move)
    return vectors @ move, gain


def _polished(function: Function, u: Floats, here: Derivatives) -> tuple[Floats, Derivatives]:
    """Newton's steps for as long as they halve what is left, which is checked at the end."""
    left = _decrement(here)
    for _ in range(STEPS):
        if left <= 0.0:
            break
        move, _ = _step(here)
        there = _tried(function, u + move)
        if there is None or not (new := _decrement(there)) < 0.5 * left:
            break
        u, here, left = u + move, there, new
    values = np.linalg.eigvalsh(here[2])
    if left > CERTAIN * (1.0 + abs(here[0])) or values.min(initial=0.0) < -1e-5 * max(
        values.max(initial=0.0), 0.0
    ):
        raise ArithmeticError(
            f"the deviance has no minimum where the search ended ({here[0]:.10g}, {left:.2g} "
            "above what its derivatives promise): this should not be, please report the data"
        )
    return u, here


def _decrement(here: Derivatives) -> float:
    """What a last Newton step would gain."""
    _, gradient, hessian = here
    values, vectors = np.linalg.eigh(hessian)
    slope = gradient @ vectors
    kept = np.abs(values) > FLAT * np.abs(values).max(initial=0.0)
    return float(0.5 * (slope[kept] ** 2 / np.abs(values[kept])).sum())


@dataclass(frozen=True, eq=False)
class Optimum:
    """Where the deviance is least.

    Attributes
    ----------
    lower : ndarray, shape (q, q)
        Cholesky factor of S in the structure's units; what is singular is exactly so.
    value : float
    """

    lower: Floats
    value: float


def search(criterion: Criterion, correlated: bool) -> Optimum:
    """The least deviance over the covariance of the varying coefficients, at the best sigma.

    Raises
    ------
    ValueError
        If it falls for ever as the residual sd goes to 0.
    """
    structure = criterion.structure
    q = len(structure.root)
    parameters = Cholesky(triangular(q, correlated), structure.entries)

    def function(u: Floats) -> Derivatives:
        if np.abs(u).max() > FURTHEST:
            raise ValueError(
                "the residual sd goes to 0: within the groups nothing is left to estimate it from; "
                "leave a varying coefficient out"
            )
        return parameters.pulled(u, criterion.profiled(parameters.t(u)))

    ends: list[Floats] = []
    for start in _starts(criterion, parameters):
        try:
            ends.append(minimise(function, start)[0])
        except ArithmeticError as error:
            failed = error
    if not ends:
        raise failed
    values = criterion.at(parameters.lower(np.array(ends)))
    u = _settled(criterion, parameters, ends[int(np.argmin(values))])
    return Optimum(parameters.lower(u), float(criterion.at(parameters.lower(u)[np.newaxis])[0]))


def _starts(criterion: Criterion, parameters: Cholesky) -> list[Floats]:
    """The best nodes of a grid that are least along every axis."""
    q, size = parameters.basis.shape[1], len(parameters.basis)
    budget = NODES // len(criterion.structure.sums.r)
    pairs = q * (q - 1) // 2 if size > q else 0
    points, angles = POINTS[q, pairs]
    while points > 3 and points**q * len(angles) ** pairs > budget:
        points -= 1
    sds = np.exp(np.linspace(np.log(0.03), np.log(300.0), points))
    axes = [sds] * q + [np.array(angles)] * pairs
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    shape = grid.shape[:-1]
    lower = _factors(grid.reshape(-1, q + pairs), q)
    values = criterion.at(lower).reshape(shape)
    least = np.isfinite(values)
    for axis in range(values.ndim):
        padding = [(1, 1) if k == axis else (0, 0) for k in range(values.ndim)]
        padded = np.pad(values, padding, constant_values=np.inf)
        for shift in (0, 2):
            part = np.take(padded, np.arange(shift, shift + shape[axis]), axis=axis)
            least &= values <= part
    places = np.flatnonzero(least.ravel())
    best = places[np.argsort(values.ravel()[places])][:STARTS]
    at = [np.argwhere(basis)[0] for basis in parameters.basis]
    return [np.array([lower[k][a, b] for a, b in at]) for k in best]


def _factors(nodes: Floats, q: int) -> Floats:
    """Cholesky factors of sds and partial correlations, shape (nodes, q, q)."""
    found = np.zeros((len(nodes), q, q))
    sds, rho = nodes[:, :q], nodes[:, q:]
    at = 0
    for i in range(q):
        left = np.ones(len(nodes))
        for j in range(i if rho.shape[1] else 0):
            found[:, i, j] = rho[:, at] * left
            left = left * np.sqrt(1.0 - rho[:, at] ** 2)
            at += 1
        found[:, i, i] = left
    return found * sds[..., np.newaxis]


def _settled(criterion: Criterion, parameters: Cholesky, u: Floats) -> Floats:
    """With columns, and then diagonal elements, that are nearly 0 made 0 where nothing is lost."""

    def value(at: Floats) -> float:
        return float(criterion.at(parameters.lower(at)[np.newaxis])[0])

    q = parameters.basis.shape[1]
    best = value(u)
    columns = [parameters.basis[:, :, k].any(axis=1) for k in range(q)]
    diagonal = [parameters.basis[:, k, k] != 0.0 for k in range(q)]
    for part in (*columns, *diagonal):
        if not u[part].any() or np.abs(u[part]).max() > NEGLIGIBLE:
            continue
        without = np.where(part, 0.0, u)
        if (new := value(without)) <= best + 1e-11 * (1.0 + abs(best)):
            u, best = without, min(best, new)
    return u
