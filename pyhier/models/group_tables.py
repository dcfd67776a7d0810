"""Log likelihoods of groups whose effects are integrated out, from tables.

A lattice asks for them at millions of points, but at few values of log tau. There they are
polynomials of the effect's mean on panels, made where they are asked for (kernels/group_tables).
"""

from threading import Lock

import numpy as np

from pyhier._types import Floats
from pyhier.kernels import group_tables as kernel
from pyhier.kernels.integrated_groups import IntegratedGroups
from pyhier.quadrature.surface import chebyshev_nodes

ORDER = 16  # nodes of a panel

_PLACES, _TO_COEFFICIENTS = chebyshev_nodes(ORDER)


class GroupTables:
    """Sums of the log likelihoods of all groups.

    Parameters
    ----------
    groups : IntegratedGroups
        The compiled data, whose groups have log likelihoods without singularities about the line.
    data : ndarray, shape (..., groups)
        Its columns say which groups differ only in their means.
    middle : ndarray, shape (groups,)
        About where the means are.
    least : ndarray, shape (groups,)
        How wide panels are at least.
    width : float
        How wide they are by tau where that is more.
    """

    def __init__(
        self, groups: IntegratedGroups, data: Floats, middle: Floats, least: Floats, width: float
    ) -> None:
        alike = np.unique(data, axis=1, return_inverse=True)[1].ravel().astype(np.float64)
        middle, least = np.array(middle, np.float64), np.array(least, np.float64)
        self._tables = kernel.GroupTables(
            groups, alike, middle, least, width, _PLACES, _TO_COEFFICIENTS
        )
        self._lock = Lock()

    def __call__(self, phi: Floats) -> Floats:
        """The sum at points (n, p + 1); NaN where tables do not resolve it."""
        order = np.argsort(phi[:, -1], kind="stable")
        sums = np.empty(len(phi))
        with self._lock:
            sums[order] = self._tables.sums(phi[order])
        return sums
