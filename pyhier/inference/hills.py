"""Whether a nested quadrature has all hills of a density that may have several.

Its inner integrals go out from one peak as far as there is mass: across a deep valley they do not.
Rows in which there are several hills are integrated again, over panels that cover all of them.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyhier._types import Floats
from pyhier.distributions.line_panels import LinePanels
from pyhier.inference.laplace import climb
from pyhier.quadrature.lattice import Lattice
from pyhier.quadrature.nested import Plane
from pyhier.quadrature.turned import Turned

SEPARATE = (
    "the quadrature is not resolved: the posterior of mu has separate hills, one for a cluster of "
    "groups, and the way between them is too deep. Take a prior of tau that keeps it from 0, such "
    "as prior_tau=scipy.stats.lognorm(1, scale=...), or a larger nu"
)
MISSED = 1e-9  # of all mass
FAR_DOWN = 25.0  # logs below the whole integral at which a row beyond the others matters not


def check_hills(
    plane: Plane,
    log_density: Callable[[Floats, Floats], Floats],
    outer: Floats,
    middle: float,
    reach: float,
) -> None:
    """Raise ValueError where a quadrature misses mass.

    Parameters
    ----------
    plane : Plane
    log_density : callable
        Takes the outer and the inner coordinate, each (n,).
    outer : ndarray, shape (n,)
        Where the density has several hills in the inner one.
    middle, reach : float
        An interval of the inner coordinate, from its middle, that has all of them.
    """
    if not outer.size:
        return
    row = np.unique(np.abs(plane.outer.x - outer[:, None]).argmin(axis=1))
    inside = (outer > plane.outer.x[0]) & (outer < plane.outer.x[-1])
    places = np.concatenate([plane.outer.x[row], outer[~inside]])
    ones = np.ones(places.size)
    table = LinePanels(
        "identity", lambda k, mu: log_density(places[k], mu), middle * ones, reach * ones
    )
    found, whole = table.log_mass, float(plane.outer.log_integral[0])
    share = np.exp(plane.outer.log_weight[row] - whole)
    missed = share * np.abs(np.expm1(found[: row.size] - plane.inner.log_integral[row]))
    if missed.max() > MISSED or (found[row.size :] > whole - FAR_DOWN).any():
        raise ValueError(SEPARATE)


FURTHER = (
    "the quadrature is not resolved: the posterior has a separate hill, of about {share:.0e} of "
    "the whole, near {place}: a fit of other groups. Take a larger nu, a prior of tau that keeps "
    "it from 0, such as prior_tau=scipy.stats.lognorm(1, scale=...), or proper priors of the "
    "coefficients"
)
CLIMBS, DEEP = 24, 80.0  # the highest of the starts off the lattice; logs below at which none is


def check_further_hills(model: Any, turned: Turned, found: Lattice) -> None:
    """Raise ValueError where a lattice misses a hill that a climb from elsewhere ends on.

    Parameters
    ----------
    model : Latticed
        One with ``hill_starts`` may have several hills.
    turned : Turned
    found : Lattice
        Over the turned coordinates.
    """
    if not hasattr(model, "hill_starts"):
        return
    starts = model.hill_starts()
    starts = starts[~_on_lattice(found, turned.points(starts))]
    if not len(starts):
        return
    height = model.log_psi(starts)
    order = np.argsort(height)[::-1][:CLIMBS]
    floor = float(found.values.max()) - turned.log_area - DEEP

    def density(point: Floats) -> float:
        return float(model.log_posterior(point[np.newaxis])[0])

    for start in starts[order[height[order] > floor]]:
        top, hessian, _ = climb(density, model.derivatives, start, 1e-6, _reach(turned))
        if not _on_lattice(found, turned.points(top[np.newaxis]))[0]:
            _refuse_mass(model, top, density(top), hessian, found.log_total)


def _reach(turned: Turned) -> Floats:
    """How far a step of a climb may go: some sds of the coefficients, a bit of log tau."""
    return np.append(10.0 * np.sqrt((turned.basis**2).sum(axis=1)), 1.0)


def _on_lattice(found: Lattice, points: Floats) -> NDArray[np.bool_]:
    """Whether the nodes nearest to points (n, d) are of the lattice."""
    z = np.column_stack([s.z(x) for s, x in zip(found.stretches, points.T, strict=True)])
    index = np.round(z / found.step)
    low, high = found.index.min(axis=0), found.index.max(axis=0)
    inside = ((index >= low) & (index <= high)).all(axis=1)
    shape = tuple((high - low + 1).tolist())
    known = np.zeros(shape, dtype=np.bool_)
    known[tuple((found.index - low).T)] = True
    at = np.where(inside[:, np.newaxis], index - low, 0).astype(np.int64)
    found_there: NDArray[np.bool_] = inside & known[tuple(at.T)]
    return found_there


def _refuse_mass(model: Any, top: Floats, height: float, hessian: Floats, log_total: float) -> None:
    """Raise for a hill whose mass, by a normal density at its top, matters."""
    sign, size = np.linalg.slogdet(-hessian)
    width = 0.5 * (top.size * np.log(2.0 * np.pi) - size) if sign > 0.0 else 0.0
    share = height + width - log_total
    if not share < np.log(MISSED):
        place = ", ".join(
            f"{name} = {x:.3g}" for name, x in zip(model.coordinates, top.tolist(), strict=True)
        )
        raise ValueError(FURTHER.format(share=float(np.exp(min(share, 0.0))), place=place))
