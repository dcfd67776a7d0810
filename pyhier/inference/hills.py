"""Whether a nested quadrature has all hills of a density that may have several.

Its inner integrals go out from one peak as far as there is mass: across a deep valley they do not.
Rows in which there are several hills are integrated again, over panels that cover all of them.
"""

from collections.abc import Callable

import numpy as np

from pyhier._types import Floats
from pyhier.distributions.line_panels import LinePanels
from pyhier.quadrature.nested import Plane

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
