"""A marginal known by its log density on an unconstrained line, such as log theta."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from pyhier._types import Floats
from pyhier._validation import numbers
from pyhier.distributions.base import Marginal
from pyhier.distributions.line_panels import ENDS, LinePanels, Rows
from pyhier.quadrature.rule import Panels
from pyhier.quadrature.transforms import Line, from_line, log_slope, to_line

ONE = np.zeros(1, dtype=np.intp)  # the number of the one density


@dataclass(frozen=True)
class _Only:
    """The log density of one quantity, as `LinePanels` calls many."""

    log_density: Callable[[Floats], Floats]

    def __call__(self, row: Rows, place: Floats) -> Floats:
        return self.log_density(place)


class LineMarginal(Marginal):
    """The distribution of one quantity by the log density of its place on a line.

    Parameters
    ----------
    line : {"identity", "log", "logit", "atanh"}
    log_density : callable
        At an array of places on the line, up to a constant.
    centre, scale : float
        A guess at where the mass is.
    index : float
        Exponent below which powers of the quantity have expectations.
    moments : (float, float), optional
        Mean and variance, where they are known otherwise.
    table : LinePanels, optional
        The panels of that one density, where they are known.
    density_error : float
        About how far the density's own error puts probabilities off, where it is known.
    """

    def __init__(
        self,
        line: Line,
        log_density: Callable[[Floats], Floats],
        centre: float,
        scale: float,
        index: float = np.inf,
        moments: tuple[float, float] | None = None,
        table: LinePanels | None = None,
        density_error: float = 0.0,
    ) -> None:
        self._line, self._log_density = line, log_density
        self._centre, self._scale = centre, scale
        self._index, self._known = index, moments
        guess = np.array([centre]), np.array([scale])
        self._table = table or LinePanels(line, _Only(log_density), *guess)
        self._density_error = density_error
        self.support = ENDS[line]

    def places(self, below: Floats) -> Floats:
        """Nodes with about these shares of the mass below them, of below's shape."""
        return self._table.places(below)[1]

    # --- The line ---------------------------------------------------------------------------------

    def _to_line(self, x: Floats) -> Floats:
        return to_line(self._line, x)

    def _from_line(self, place: Floats) -> Floats:
        return from_line(self._line, place)

    def _log_slope(self, place: Floats) -> Floats:
        return log_slope(self._line, place)

    # --- The panels -------------------------------------------------------------------------------

    @property
    def log_mass(self) -> float:
        """Log of the integral of the density that was given."""
        return float(self._table.log_mass[0])

    @property
    def error(self) -> float:
        """About how far probabilities are off: what rough panels leave, and the density's error."""
        return float(self._table.error[0]) + self._density_error

    @cached_property
    def _panels(self) -> Panels:
        return self._table.of(0)

    def _tail(self, t: Floats, side: int) -> Floats:
        """Mass below (side 0) or above (side 1) every t."""
        panels, (below, above) = self._panels, self._table.cumulated
        inside = np.clip(t, panels.start[0], panels.end)
        panel = np.clip(np.searchsorted(panels.start, inside, side="right") - 1, 0, None)
        start = panels.start[panel]
        if side == 0:
            return below[panel] + panels.partial(panel, start, inside, 0.0)
        return above[panel + 1] + panels.partial(panel, inside, start + panels.length[panel], 0.0)

    # --- scipy.stats' functions -------------------------------------------------------------------

    def logpdf(self, x: ArrayLike) -> Floats:
        """Log of the density at ``x``, of ``x``'s shape; without underflow."""
        points = numbers("x", x)
        place = self._to_line(points.ravel())
        values = np.where(np.isnan(place), -np.inf, place)
        inside = np.isfinite(place)
        density = self._log_density(place[inside]) - self._log_slope(place[inside])
        values[inside] = density - self.log_mass
        values[~inside] = -np.inf
        values[np.isnan(points.ravel())] = np.nan
        return values.reshape(points.shape)

    def pdf(self, x: ArrayLike) -> Floats:
        """Density at ``x``, of ``x``'s shape."""
        return np.exp(self.logpdf(x))

    def cdf(self, x: ArrayLike) -> Floats:
        """Probability of at most ``x``, of ``x``'s shape."""
        return self._mass(x, 0)

    def sf(self, x: ArrayLike) -> Floats:
        """Probability of more than ``x``, of ``x``'s shape; accurate in the far tail."""
        return self._mass(x, 1)

    def _mass(self, x: ArrayLike, side: int) -> Floats:
        points = numbers("x", x)
        low, high = self.support
        place = self._to_line(np.clip(points.ravel(), low, high))
        mass = np.minimum(self._tail(self._table.t(ONE, place), side), 1.0)
        return np.where(np.isnan(points), np.nan, mass.reshape(points.shape))

    def _quantiles(self, q: Floats, upper: bool) -> Floats:
        found = self._table.quantiles(q, upper, self._from_line, self.support)
        values: Floats = found[0]
        return values

    def mean(self) -> float:
        """The mean; ``inf`` where there is none."""
        if self._index <= 1.0 + 1e-6:
            return np.inf
        return self._moments[0]

    def var(self) -> float:
        """The variance; ``inf`` where there is none."""
        return np.inf if self._index <= 2.0 + 1e-6 else self._moments[1]

    @cached_property
    def _moments(self) -> tuple[float, float]:
        if self._known is not None:
            return self._known
        values = self._from_line(self._table.place(ONE, self._panels.nodes))
        mean = float((self._table.weights * values).sum())
        return mean, float((self._table.weights * (values - mean) ** 2).sum())
