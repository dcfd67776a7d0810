"""Panels whose log density is so large that its own rounding counts: more nodes average it out.

A log density of 1e7 is known to 1e-9, and panels that took their values from a wider one's
polynomial to several times that. Evaluated anew, errors of different nodes are independent: of n
nodes an integral keeps about one part in sqrt(n).
"""

from collections.abc import Callable
from math import ceil, inf

import numpy as np

from pyhier._types import Floats
from pyhier.kernels import panels as kernel
from pyhier.quadrature.edges import LogDensity, noise
from pyhier.quadrature.rule import COEFFICIENTS, WEIGHTS, Parts, cut, in_order, nodes_of

WORTH = 1e-10  # what may be lost of the integral before this is worth its time
AIM = 3e-10  # twice the rounding that is to be left
LIGHT = 1e-6  # shares of the mass below which no panel is worth it
MOST_CUTS = 64  # parts of a panel
EXPLAINED = 20.0  # times the rounding: errors up to there come of it
PER_PANEL = 1.3  # times the rounding of a value: twice what it does to a panel, and halved later


def averaged(
    evaluate: Callable[[Floats, Floats], Floats],
    log_density: LogDensity,
    panels: Parts,
    shares: Floats,
) -> Parts:
    """Make the values of heavy panels anew, cut finer where it takes that to average rounding out.

    Parameters
    ----------
    evaluate : callable
        Rows at the nodes of panels, by their starts and lengths.
    log_density : callable
    panels : tuple of ndarray
        Start, length, error and values.
    shares : ndarray, shape (panels, ORDER)
        The nodes' shares of the mass.

    Returns
    -------
    tuple of ndarray
        As ``panels``, each error twice that of the panel's integral by rounding, or by its last
        coefficients where they are larger.
    """
    start, length, error, values = panels
    mass = shares.sum(axis=1)
    top = [mass.argmax()]
    rounding = float(noise(log_density, start[top], length[top])[0])
    heavy = (mass > LIGHT) & (error <= EXPLAINED * rounding)
    if not rounding < inf or not heavy.any():
        return panels
    wanted = (2.0 * rounding / AIM) ** 2 * float((shares**2).sum())
    begin, size = cut(start[heavy], length[heavy], ceil(min(max(wanted, 1.0), MOST_CUTS)))
    anew = evaluate(begin, size)
    if not np.isfinite(anew[0]).all():  # one holds an end
        return panels
    last = np.abs(anew[0] @ COEFFICIENTS[-3:].T).max(axis=1)
    made = [begin, size, np.maximum(last, PER_PANEL * rounding), anew]
    return in_order([[start[~heavy], length[~heavy], error[~heavy], values[:, ~heavy]], made])


def leverage(start: Floats, length: Floats, shares: Floats, worst: int) -> float:
    """How much more than the integral an error in one panel changes tau's mean or sd, in sds."""
    tau = np.exp(np.clip(nodes_of(start, length), -300.0, 300.0))
    mean = float((shares * tau).sum())
    away = (tau - mean) ** 2
    var = float((shares * away).sum())
    own = float(shares[worst].sum()) * var
    z2 = float((shares[worst] * away[worst]).sum()) / own if 0.0 < own < inf else 0.0
    return max(1.0, float(np.sqrt(z2)), 0.5 * z2)


def lost_moment(
    start: Floats, length: Floats, error: Floats, values: Floats, power: float
) -> tuple[float, int]:
    """The relative error of a moment, and the panel that most of it comes from.

    A pole of the density far out may be nothing of the mass.
    """
    tilted = values[:1] + power * (nodes_of(start, length) - start[-1])
    best = float(tilted[0].max())
    _, total, lost, worst = kernel.account(length, error, tilted, WEIGHTS, best)
    return 0.5 * lost / total, worst
