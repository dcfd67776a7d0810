"""The quadrature over one hyperparameter, log tau: its panels, its nodes, draws by inversion."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from math import exp, isfinite

import numpy as np
from numpy.typing import NDArray

from pyhier._types import Floats
from pyhier.distributions.tau import TauMarginal
from pyhier.models.interface import Reduced
from pyhier.models.reductions import Collapsed, Linear
from pyhier.quadrature.panels import UnresolvedError, cover
from pyhier.quadrature.rule import ORDER, Panels, cut, in_order, nodes_of
from pyhier.quadrature.scan import scan

PROMISE = 1e-9  # relative, of everything but what says otherwise
REMEMBERED = 500  # lots of places at which the density is kept
LEAST_ERROR = 1e-13  # a few hundred roundings: no sum is better
CELLS, GUIDE = 64, 4096  # of the inversion: cells a panel; entries of the guide table

Inversion = tuple[Floats, Floats, NDArray[np.intp]]


TOWARDS_POLE = 2.0 ** np.arange(-0.5, -31.0, -0.5)  # of the distance from the last panel
COARSE = -720.0  # logs of the least doubles, which are 6e-11 of themselves apart and more
ROUNDED = 1e-6  # of log densities, at most
FEW = 4096  # terms of sums, whose means are cheap to take once more
LIGHTEST = 1e-300  # weight
MOST_PARTS, LIGHT = 64, 1e-16  # of panels that are cut for narrow components; others' mass


@dataclass(frozen=True)
class Nodes:
    """The quadrature over log tau, mu integrated out: all marginals are mixtures over its nodes.

    Attributes
    ----------
    log_tau, weight : ndarray, shape (nodes,)
        The weights add up to one.
    collapsed : Collapsed
        The linear coefficients given tau.
    whole_left : bool
        Whether the first node stands for all smaller tau too.
    """

    log_tau: Floats
    weight: Floats
    collapsed: Collapsed
    whole_left: bool

    @cached_property
    def heavy(self) -> "Nodes":
        """Those of them that tables of moments and of common quantiles see."""
        first = int((self.weight > 1e-21).argmax())
        collapsed = Collapsed(self.collapsed.rows[:, first:], self.collapsed.plain)
        return replace(
            self, log_tau=self.log_tau[first:], weight=self.weight[first:], collapsed=collapsed
        )

    @property
    def mean(self) -> Floats:
        """Mean of mu given tau, shape (nodes,); of beta, shape (p, nodes)."""
        return self.collapsed.mean

    @property
    def var(self) -> Floats:
        """Its variance, of that shape."""
        return self.collapsed.var

    @property
    def phi(self) -> Floats:
        """The coefficients' means and log tau, shape (nodes, p + 1)."""
        return np.vstack([self.mean, self.log_tau]).T


def panels_of(model: Reduced) -> Panels:
    """A model's density of log tau on panels.

    Raises
    ------
    ValueError
        If it cannot be had to `PROMISE`; the error says why, and what to take.
    """
    plain = len(model.coefficients) == 1
    # Means are interpolated about one of them: their sds may be tiny beside their distance from 0.
    centre: list[float] = []

    def rows(log_tau: Floats) -> Floats:
        found = model.collapse(log_tau).rows
        if not plain:
            return found[:1]
        if not centre:
            centre.append(float(found[1, -1]))
        found[1] -= centre[0]
        return found

    shape = model.shape
    try:
        panels = cover(rows, shape) if shape.rough is None else scan(rows, shape)
    except UnresolvedError as error:
        raise ValueError(_refusal(str(error), error.place)) from None
    if not panels.lost <= PROMISE:
        why = f"its error is about {panels.lost:.1g}, and {PROMISE:g} is promised"
        raise ValueError(_refusal(why, panels.worst))
    if shape.rough is not None:
        _refuse_underflow(shape.rough, panels)
    if not plain:  # many rows are made once, where the panels have settled
        table = model.collapse(panels.nodes.ravel()).rows
        return replace(panels, values=table.reshape(-1, *panels.nodes.shape))
    panels.values[1] += centre[0]
    if model.terms <= FEW:  # anew at every node: mixtures of narrow components need each ulp
        table = model.collapse(panels.nodes.ravel()).rows[1:]
        panels.values[1:] = table.reshape(-1, *panels.nodes.shape)
    return panels


def _refuse_underflow(log_prior: Callable[[Floats], Floats], panels: Panels) -> None:
    """Refuse a posterior where its prior of tau is the log of a density that has underflowed.

    Near the end of the doubles a density is a whole number of the least one, so that its log goes
    down in steps, to -inf: what the posterior makes of them has nothing to do with the prior. Other
    logs so low are not all logs of such doubles.
    """
    log_tau, share = panels.nodes.ravel(), panels.shares.ravel()
    heavy = share > LIGHT
    logs = log_prior(log_tau[heavy])
    low = logs < COARSE
    if not share[heavy][low].sum() > PROMISE:
        return
    with np.errstate(divide="ignore"):
        away = np.abs(np.log(np.exp(logs[low])) - logs[low])
    if (away <= 2.0 * np.spacing(-COARSE)).all():
        at = exp(float(log_tau[heavy][low][0]))
        raise ValueError(
            f"exact cannot tell this posterior: prior_tau has underflowed at tau = {at:.4g}, where "
            "the data say that it is; return the log density itself (logpdf), not the log of pdf"
        )


def _refusal(why: str, place: float) -> str:
    return (
        f"exact cannot resolve this posterior: {why}, about tau = {exp(place):.4g}; "
        "take a smoother or wider prior of tau (see check_prior), or rwmetrop"
    )


def finer(model: Reduced, panels: Panels, parts: int) -> Panels:
    """The panels, those that count cut into so many parts."""
    heavy = panels.shares.sum(axis=1) > LIGHT
    start, length = cut(panels.start[heavy], panels.length[heavy], parts)
    rows = model.collapse(nodes_of(start, length).ravel()).rows
    made = [start, length, np.zeros(start.size), rows.reshape(len(rows), start.size, ORDER)]
    kept = ~heavy
    old = [panels.start[kept], panels.length[kept], np.zeros(kept.sum()), panels.values[:, kept]]
    start, length, _, values = in_order([old, made])
    return replace(panels, start=start, length=length, values=values, known_sums=None)


def nodes_for_mixtures(model: Reduced, panels: Panels) -> Nodes:
    """The nodes that matter for mixtures.

    Those so small that tau^2 is lost beside the variances are joined in one, with what is below the
    panels. Others on the left are left out where doubles lose their weight: even a light one may
    carry a mixture's far tail, its mean being elsewhere.
    """
    log_tau, weight = panels.nodes.ravel(), panels.shares.ravel().copy()
    rows = panels.values.reshape(len(panels.values), -1)
    plain = len(model.coefficients) == 1
    for side in (0, 1):
        if isfinite(panels.tails[side].edge):
            log_tau, weight, rows = _with_pole(model, panels, side, log_tau, weight, rows)
        elif side == 0:
            weight[0] += panels.beyond[0]
    small = int(log_tau.searchsorted(model.scales[0] - 20.0))
    first = int((weight > LIGHTEST).argmax())
    if first >= small or small < 2:
        return Nodes(log_tau[first:], weight[first:], Collapsed(rows[:, first:], plain), False)
    last = small - 1
    joined = weight[last:].copy()
    joined[0] = weight[:small].sum()
    return Nodes(log_tau[last:], joined, Collapsed(rows[:, last:], plain), True)


def _with_pole(
    model: Reduced, panels: Panels, side: int, log_tau: Floats, weight: Floats, rows: Floats
) -> tuple[Floats, Floats, Floats]:
    """The nodes with those of one more panel, between the others and a pole."""
    more, share = panels.nodes_beyond(side)
    new = (more, share, model.collapse(more).rows)
    old = (log_tau, weight, rows)
    (x, w, r), (x1, w1, r1) = (old, new) if side else (new, old)
    return np.concatenate([x, x1]), np.concatenate([w, w1]), np.hstack([r, r1])


@dataclass(frozen=True)
class LineDensity:
    """The log density of log tau made anew, for all quantities: they ask for it at the same places.

    Attributes
    ----------
    model : Reduced
    panels : Panels
        Of the density of log tau.
    """

    model: Reduced
    panels: Panels

    def __call__(self, log_tau: Floats) -> Collapsed:
        """What the model says at places."""
        key = log_tau.tobytes()
        found = self._known.get(key)
        if found is None:
            found = self.model.collapse(log_tau)
            if len(self._known) < REMEMBERED:
                self._known[key] = found
        return found

    @cached_property
    def _known(self) -> dict[bytes, Collapsed]:
        return {}

    @cached_property
    def log_total(self) -> float:
        """Log of the integral by densities like those of a call, by that of the panels.

        Of the size of 1e6 they are rounded alike over a whole peak, by 2e-9, and the panels', which
        are interpolated, by other numbers.
        """
        panels = self.panels
        anew = self.model.collapse(panels.nodes.ravel()).log_density
        with np.errstate(invalid="ignore"):  # no density in either
            away = anew - panels.values[0].ravel()
        near = np.abs(away) < ROUNDED
        return float(np.log1p(panels.shares.ravel()[near] @ np.expm1(away[near])))

    def normalised(self, collapsed: Collapsed) -> Floats:
        """The log density, less the log of the panels' integral.

        Of logs of the size of 1e7 the log of the integral alone would lose what is left.
        """
        return collapsed.log_density - self.panels.peak - self.panels.lowered.log_total


@dataclass(frozen=True)
class LineLaw:
    """A linear function of the coefficients, given log tau.

    Attributes
    ----------
    density : LineDensity
        Of log tau.
    linear : callable
        At an array of log tau.
    """

    density: LineDensity
    linear: Callable[[Floats], Linear]

    @cached_property
    def grows(self) -> bool:
        """Whether its sd grows with tau."""
        return self.linear(np.array([self.density.model.scales[0]])).grows

    def __call__(self, log_tau: Floats) -> tuple[Floats, Floats, Floats]:
        """Log density of log tau, and mean and sd given it."""
        collapsed = self.density(log_tau)
        mean, sd = self.linear(log_tau).moments(collapsed)
        return self.density.normalised(collapsed) - self.density.log_total, mean, sd

    def on_panels(self, panels: Panels) -> tuple[Floats, Floats, Floats]:
        """The same at the nodes of the panels of log tau."""
        plain = len(self.density.model.coefficients) == 1
        collapsed = Collapsed(panels.values.reshape(len(panels.values), -1), plain)
        mean, sd = self.linear(panels.nodes.ravel()).moments(collapsed)
        return self.density.normalised(collapsed), mean, sd


@dataclass(frozen=True)
class WithNoise:
    """A linear function of the coefficients, with more noise."""

    linear: Callable[[Floats], Linear]
    var: float

    def __call__(self, log_tau: Floats) -> Linear:
        """Given log tau."""
        return self.linear(log_tau).plus_noise(self.var)


@dataclass(frozen=True)
class Always:
    """A linear function of the coefficients that is the same for every tau."""

    linear: Linear

    def __call__(self, log_tau: Floats) -> Linear:
        """Given log tau."""
        return self.linear


def inversion(panels: Panels, tau: TauMarginal, model: Reduced) -> Inversion:
    """Knots, table and guide of the inversion of log tau's distribution function."""
    knots, rows, slopes = panels.cells(CELLS)
    ends = [_tail_cells(panels, side, rows, model.tail_indices[side]) for side in (0, 1)]
    (left, left_rows), (right, right_rows) = ends
    knots = np.concatenate([left, knots, right])
    rows = np.hstack([left_rows, rows, right_rows])
    flat = np.zeros((len(rows), 1))
    slopes = np.hstack([flat.repeat(left.size, 1), slopes, flat.repeat(right.size, 1)])
    below = np.clip(tau.cdf_at(knots), 0.0, 1.0)
    below[0], below[-1] = 0.0, 1.0
    below = np.maximum.accumulate(below)
    density = np.exp(np.minimum(rows[0] - panels.log_total, 600.0))  # of cells without mass
    if len(model.coefficients) == 1:
        sd = np.sqrt(rows[2])
        rows[2], slopes[2] = sd, 0.5 * slopes[2] / sd
    pairs = np.stack([rows[1:], slopes[1:]], axis=1).reshape(-1, knots.size)
    table = np.ascontiguousarray(np.vstack([below, density, pairs]).T)
    steps = np.arange(GUIDE + 1) / GUIDE
    guide = np.clip(np.searchsorted(below, steps, side="right") - 1, 0, knots.size - 2)
    return knots, table, guide


def _tail_cells(panels: Panels, side: int, rows: Floats, index: float) -> tuple[Floats, Floats]:
    """Knots beyond the panels, where a tail has a mass that draws can meet, and rows there.

    The coefficients hardly change there.
    """
    tail, mass = panels.tails[side], panels.beyond[side]
    end = rows[:, [-side]]
    if mass < 1e-20:
        return np.empty(0), np.empty((len(rows), 0))
    if isfinite(tail.edge):
        return _cells_to_pole(panels, side, end)
    sign, start = (1.0, panels.end) if side else (-1.0, float(panels.start[0]))
    steps = np.arange(1.0, 200.0) * (0.25 / index)
    knots = start + sign * steps
    beyond = end.repeat(steps.size, axis=1)
    beyond[0] -= index * steps
    return (knots, beyond) if side else (knots[::-1], beyond[:, ::-1])


def _cells_to_pole(panels: Panels, side: int, end: Floats) -> tuple[Floats, Floats]:
    """Knots ever nearer to a pole, down to what doubles tell apart, and rows there."""
    tail, mass = panels.tails[side], panels.beyond[side]
    width = (panels.end if side else float(panels.start[0])) - tail.edge
    part = np.append(TOWARDS_POLE, 0.0)
    rows = end.repeat(part.size, axis=1)
    with np.errstate(divide="ignore"):
        density = tail.density_at(part)
    density[-1] = float(tail.mass_within(part[-2:-1])[0]) / part[-2]  # of the last cell on average
    rows[0] = panels.log_total + np.log(mass * density / abs(width))
    knots = tail.edge + width * part
    return (knots, rows) if side else (knots[::-1], rows[:, ::-1])
