"""Quantiles of many data sets of counts, all marginals on panels of their lines together.

A hyperparameter's density at a place is an integral along its axis, summed over the nodes of the
plane in coordinates that the axis goes with (exact_plane.py has the same, adaptively); an effect's
is a sum over nodes of its own (count_nodes.py). Which integrate to what the plane does, and are as
smooth as their panels want them, is told; the others are left to `exact`.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from pyhier._types import Floats, Ints
from pyhier.distributions.density import LineMarginal
from pyhier.distributions.line_panels import LIMIT, LinePanels
from pyhier.posterior.count_nodes import CountNodes, nodes_of_part
from pyhier.posterior.count_parts import CountPart, inner_values, log_sums
from pyhier.posterior.effect_density import EffectDensities, Population
from pyhier.quadrature.many import Grids, place
from pyhier.quadrature.transforms import Line

PROMISE = 1e-8  # of a marginal's mass
ROWS, NODES = 40, 40  # that say about where marginals are
WIDER = 1.5  # of t, for the integrals along other axes than the plane's own
THIN = 0.1  # shapes down to which no mass is beyond the doubles' logs
SHARED = 8.0  # widths within which effects' panels have one centre: they share exponentials
MOST = 6000  # nodes of a data set for its effects
LARGEST = 2.0  # width on its line that a guess of an effect has at most
RATES, SEEN = 33, 1e-18  # lines of equal rates that are looked at; weight of nodes between them
OF_LINE = 0.75  # nodes of such a line, to a row of the plane

Table = tuple[Floats, NDArray[np.bool_]]


def part_quantiles(part: CountPart, names: Sequence[str], q: Floats) -> Table:
    """Quantiles of hyperparameters and effects, (data sets, quantities, q), and which hold."""
    shape = len(names) + part.columns.shape[1] + 1, q.size
    few = partial(_of_few_nodes, of=partial(_quantiles, names=names, q=q), shape=shape)
    return _in_halves(part, few, shape)


def part_chances(part: CountPart, name: str, column: int | None, x: float, upper: bool) -> Table:
    """Probabilities that a quantity is below (above) x, (data sets,), and which hold.

    Of a group's effect a column of the batch says whose; of other quantities it is None.
    """
    if column is not None or name == "theta_new":
        of_effect = partial(_effect_chances, column=column, x=x, upper=upper)
        return _in_halves(part, partial(_of_few_nodes, of=of_effect, shape=()), ())
    return _in_halves(part, partial(_hyper_chances, name=name, x=x, upper=upper), ())


def _in_halves(part: CountPart, of: Callable[[CountPart], Table], shape: tuple[int, ...]) -> Table:
    """What a function says of data sets; NaN, of this shape, of one whose mass does not end."""
    try:
        return of(part)
    except ValueError:
        if len(part.index) == 1:
            return np.full((1, *shape), np.nan), np.zeros(1, dtype=np.bool_)
    half = len(part.index) // 2
    some = (_in_halves(part[np.arange(*ends)], of, shape)
            for ends in ((0, half), (half, len(part.index))))  # fmt: skip
    values, good = zip(*some, strict=True)
    return np.concatenate(values), np.concatenate(good)


def _of_few_nodes(
    part: CountPart, of: Callable[[CountPart, list[CountNodes]], Table], shape: tuple[int, ...]
) -> Table:
    """What a function says of data sets whose effects take few nodes; NaN of the others."""
    nodes = nodes_of_part(part)
    few = np.array([each.linear.w.size + each.close.w.size <= MOST for each in nodes])
    if few.all():
        return of(part, nodes)
    rows, values = np.flatnonzero(few), np.full((few.size, *shape), np.nan)
    if rows.size:
        values[rows], few[rows] = of(part[rows], [nodes[k] for k in rows.tolist()])
    return values, few


def _quantiles(part: CountPart, nodes: list[CountNodes], names: Sequence[str], q: Floats) -> Table:
    look, shape = Look(part), (len(part.index), part.columns.shape[1] + 1)
    found, good = [], np.ones(len(part.index), dtype=np.bool_)
    for name in names:
        table, off = _of_hyper(look, name)
        good &= off <= PROMISE
        found.append(table.quantiles(q, False)[:, None])
    table, off = _of_effects(look, nodes)
    good &= (off.reshape(shape) <= PROMISE).all(axis=1)
    found.append(table.quantiles(q, False).reshape(*shape, q.size))
    return np.concatenate(found, axis=1), good


def _hyper_chances(part: CountPart, name: str, x: float, upper: bool) -> Table:
    table, off = _of_hyper(Look(part), name)
    return _tails(table, x, upper), off <= PROMISE


def _effect_chances(
    part: CountPart, nodes: list[CountNodes], column: int | None, x: float, upper: bool
) -> Table:
    new = np.full(len(part.index), part.columns.shape[1])
    places = new if column is None else (part.columns == column).argmax(axis=1)
    table, off = _of_effects(Look(part), nodes, places)
    return _tails(table, x, upper), off <= PROMISE


def _tails(table: LinePanels, x: float, upper: bool) -> Floats:
    """The mass of every density below (above) a value."""
    whole = (LineMarginal(table.line, _none, 0.0, 1.0, table=table.alone(k))
             for k in range(table.log_mass.size))  # fmt: skip
    return np.array([float(one.sf(x) if upper else one.cdf(x)) for one in whole])


def _none(place: Floats) -> Floats:
    raise AssertionError("panels that are there need no density")


def _of_hyper(look: "Look", name: str) -> tuple[LinePanels, Floats]:
    """A hyperparameter's densities, and how far probabilities by them may be off."""
    part = look.part
    along = AlongRates(look) if name == "beta" and not part.data.binomial else Along(part, name)
    table = LinePanels(look.line(name), along, *look.guess(name))
    return table, np.maximum(np.abs(table.log_mass - part.log_total), table.error)


def _of_effects(
    look: "Look", nodes: list[CountNodes], places: Ints | None = None
) -> tuple[LinePanels, Floats]:
    """Effects' densities, those at places of every data set or all, and how far they may be off."""
    effects = Effects(look.part, nodes, places)
    centre, scale = (part if places is None else np.take_along_axis(part, places[:, None], 1)
                     for part in look.effects())  # fmt: skip
    table = LinePanels(
        effects.line, effects, centre.ravel(), scale.ravel(), effects.beyond(), effects.on_panels
    )
    return table, np.maximum(np.abs(table.log_mass), table.error + table.doubt)


class Look:
    """About where the marginals of a part's data sets are."""

    def __init__(self, part: CountPart) -> None:
        self.part, data = part, part.data
        z = part.planes.grids.nodes(ROWS)
        log_size = part.planes.grids.x(z)
        every = np.arange(len(data))
        self._location, logs = inner_values(data, every, log_size, part.planes.t(NODES))
        logs += part.planes.grids.log_slope(z)[..., None]
        weight = np.exp(logs - logs.max(axis=(1, 2), keepdims=True))
        self._weight = weight / weight.sum(axis=(1, 2), keepdims=True)
        self._log_size = log_size[..., None]

    def line(self, name: str) -> Line:
        """The line of a hyperparameter."""
        return "logit" if name == "eta" else "log"

    def guess(self, name: str) -> tuple[Floats, Floats]:
        """Centres and scales of a hyperparameter on its line, each (data sets,)."""
        axis, sign = _axis(self.part, name)
        place = self._location if axis == "location" else self._log_size - self._bend(sign)
        return self._about(np.broadcast_to(place, self._weight.shape))

    def _bend(self, sign: float) -> Floats | float:
        if sign == 0.0:
            return 0.0
        return bend(self.part, sign, self._location)

    def rates(self) -> tuple[Floats, Floats]:
        """Logs of the least and the largest rate of a gamma distribution, each (data sets,)."""
        log_rate = self._log_size - self._location
        seen = self._weight > SEEN
        low = np.where(seen, log_rate, np.inf).min(axis=(1, 2))
        return low, np.where(seen, log_rate, -np.inf).max(axis=(1, 2))

    def _about(self, place: Floats) -> tuple[Floats, Floats]:
        mean = (self._weight * place).sum(axis=(1, 2))
        var = (self._weight * (place - mean[:, None, None]) ** 2).sum(axis=(1, 2))
        return mean, np.sqrt(var)

    def effects(self) -> tuple[Floats, Floats]:
        """Of effects, a new one's last, each (data sets, groups + 1): of a coarse grid."""
        part = self.part
        mean, sd = part.effects[0, :, :-1], np.sqrt(part.effects[1, :, :-1])
        if part.data.binomial:
            centre, slope = np.log(mean) - np.log1p(-mean), mean * (1.0 - mean)
        else:
            centre, slope = np.log(mean), mean
        middle, width = self._about(self._location)
        inner = part.data.component(self._location, self._log_size)
        width = np.hypot(width, (self._weight / inner).sum(axis=(1, 2)))
        centre = np.column_stack([centre, middle])
        scale = np.minimum(np.column_stack([sd / slope, width]), LARGEST)
        scale = 2.0 ** np.round(np.log2(scale))
        return SHARED * scale * np.round(centre / (SHARED * scale)), scale


def _axis(part: CountPart, name: str) -> tuple[str, float]:
    """Along which axis a hyperparameter lies, and how the location bends it."""
    if name in ("eta", "mu"):
        return "location", 0.0
    if name == "K" or (name == "alpha" and not part.data.binomial):
        return "size", 0.0
    return "bent", 1.0 if name == "alpha" else -1.0


def bend(part: CountPart, sign: float, location: Floats) -> Floats:
    """What the log of the size is above a place of log alpha (1), log beta (-1) or the log rate."""
    if part.data.binomial:
        return np.logaddexp(0.0, -sign * location)
    return location


def _crossing(
    part: CountPart, row: Ints, place: Floats, sign: float
) -> tuple[Floats, Floats, Floats]:
    """Where bent lines cross the ridge: log sizes, centres and widths there, each (n, 1)."""
    log_size = place[:, None]
    for _ in range(4):
        centre, width = part.data.ridge(row, log_size)
        log_size = place[:, None] + bend(part, sign, centre)
    return log_size, centre, width


class Along:
    """Log densities of a hyperparameter's places, for `LinePanels`: a row a data set."""

    def __init__(self, part: CountPart, name: str) -> None:
        self._part = part
        self._axis, self._sign = _axis(part, name)

    def __call__(self, row: Ints, place: Floats) -> Floats:
        """At places of data sets, shape (n,)."""
        if self._axis == "location":
            return self._over_sizes(row, place)
        nodes = self._part.shape[1]
        t = self._part.planes.t(nodes)
        if self._axis == "size":
            logs = inner_values(self._part.data, row, place[:, None], t[row])[1][:, 0]
            step = t[:, 1] - t[:, 0]
            return log_sums(logs) + np.log(step)[row]
        return self._bent(row, place, t * WIDER)

    def _over_sizes(self, row: Ints, place: Floats) -> Floats:
        part, rows = self._part, self._part.shape[0]
        z = part.planes.grids.nodes(rows)
        log_size, slope = part.planes.grids.x(z), part.planes.grids.log_slope(z)
        location = np.broadcast_to(place[:, None], (row.size, rows))
        logs = part.data.log_density(row, location, log_size[row]) + slope[row]
        return log_sums(logs) + np.log(part.planes.grids.step(rows))[row]

    def _bent(self, row: Ints, place: Floats, t: Floats) -> Floats:
        """Over locations, at which the size is another; about the ridge, where it crosses."""
        part = self._part
        _, centre, width = _crossing(part, row, place, self._sign)
        location, slope = part.planes.spread(centre, width, t[row])
        log_size = place[:, None] + bend(part, self._sign, location)
        logs = part.data.log_density(row, location, log_size) + slope
        return log_sums(logs) + np.log(t[:, 1] - t[:, 0])[row]


class AlongRates:
    """Log densities of a gamma distribution's rate, for `LinePanels`: a row a data set.

    The mass along a line of equal rates is where the groups' events want the shape, which may be
    far from the plane's ridge: that of few events has long tails. So lines get grids of their own,
    a few of every data set by a look at the density, the others by what lies between these, on the
    scale of asinh, for tails of the rate's log may be powers.
    """

    def __init__(self, look: Look) -> None:
        self._part = part = look.part
        sets, data = len(part.data), part.data
        self._centre, self._scale = look.guess("beta")
        which = np.repeat(np.arange(sets), RATES)
        self._low, high = (self._share(np.arange(sets), rate) for rate in look.rates())
        self._step = (high - self._low) / (RATES - 1.0)
        shares = (self._low[:, None] + self._step[:, None] * np.arange(RATES)).ravel()
        lines = self._centre[which] + self._scale[which] * np.sinh(shares)

        def log_density(rows: Ints, log_size: Floats) -> Floats:
            return data.log_density(which[rows], log_size - lines[rows, None], log_size)

        least, most = (ends[which] for ends in data.log_scales)
        crossing = _crossing(part, which, lines, -1.0)[0]
        falls = data.falls[0][which], np.full(which.size, np.inf)
        grids, found = place(log_density, least, most, crossing, falls, np.zeros(which.size))
        table = np.stack(
            [grids.middle - crossing[:, 0], np.log(grids.width), grids.low, grids.high]
        )
        table[:, ~found] = np.nan
        self._table = table.reshape(4, sets, RATES)

    def _share(self, row: Ints, log_rate: Floats) -> Floats:
        share: Floats = np.arcsinh((log_rate - self._centre[row]) / self._scale[row])
        return share

    def __call__(self, row: Ints, place: Floats) -> Floats:
        """At places of data sets, shape (n,); NaN where a line's mass was not found."""
        share = (self._share(row, place) - self._low[row]) / self._step[row]
        at = np.clip(share, 0.0, RATES - 2.0).astype(np.intp)
        before, after = self._table[:, row, at], self._table[:, row, at + 1]
        middle, log_width, low, high = before + (share - at) * (after - before)
        middle += _crossing(self._part, row, place, -1.0)[0][:, 0]
        grids = Grids(middle, np.exp(log_width), low, high)
        size = int(OF_LINE * self._part.shape[0])
        z = grids.nodes(size)
        log_size = grids.x(z)
        logs = self._part.data.log_density(row, log_size - place[:, None], log_size)
        return log_sums(logs + grids.log_slope(z)) + np.log(grids.step(size))


class Effects:
    """Log densities of effects, for `LinePanels`: data sets' groups and new ones, in rows."""

    def __init__(
        self, part: CountPart, given: list[CountNodes], places: Ints | None = None
    ) -> None:
        every: list[int | None] = [*range(part.columns.shape[1]), None]
        self._size = len(every) if places is None else 1
        self._all: list[EffectDensities] = []
        self._thin: list[bool] = []
        for d, nodes in enumerate(given):
            quantities = every if places is None else [every[places[d]]]
            model = part.data.model(d)
            population = Population(model, nodes)
            self._all.append(EffectDensities(model, population, quantities))
            self._thin.append(part.data.least_shape(population.phi) < THIN)
        self.line: Line = "logit" if part.data.binomial else "log"
        self._part = part

    def beyond(self) -> Floats:
        """Mass that is beyond the doubles' logs, (rows, 2)."""
        found = np.zeros((len(self._all), self._size, 2))
        for d, densities in enumerate(self._all):
            if self._thin[d]:
                found[d] = densities.beyond(LIMIT)
        return found.reshape(-1, 2)

    def __call__(self, row: Ints, z: Floats) -> Floats:
        """At places, each (n,)."""
        return self._by_data_set(row, z, lambda densities, effect, at: (densities(effect, at),))[0]

    def on_panels(self, row: Ints, z: Floats) -> tuple[Floats, Floats]:
        """Log densities at nodes of panels, (panels, ORDER), and about their relative errors."""
        logs, error = self._by_data_set(row, z, EffectDensities.on_panels)
        return logs.ravel(), error.ravel()

    def _by_data_set(
        self, row: Ints, z: Floats, of: Callable[[EffectDensities, Ints, Floats], Sequence[Floats]]
    ) -> list[Floats]:
        which, effect = np.divmod(row, self._size)
        order = np.argsort(which, kind="stable")
        ends = np.searchsorted(which[order], np.arange(len(self._all) + 1))
        found: list[Floats] = []
        for d, densities in enumerate(self._all):
            some = order[ends[d] : ends[d + 1]]
            if some.size:
                values = of(densities, effect[some], z[some])
                found = found or [np.empty(z.shape) for _ in values]
                for whole, part in zip(found, values, strict=True):
                    whole[some] = part.reshape(z[some].shape)
        return found
