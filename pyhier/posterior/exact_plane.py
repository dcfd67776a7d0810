"""A posterior known by quadrature over two hyperparameters: exact marginals, exact draws.

The inner integral is over the coordinate that the effects centre on, the outer one over the other,
which says how closely they do. A marginal of a hyperparameter is the same nested integral along
another axis; an effect's is a mixture of its conditional distributions (effect_density.py).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyhier._frame import percents
from pyhier._random import RNG, as_generator, uniforms
from pyhier._types import Floats
from pyhier._validation import count, probabilities
from pyhier.distributions.density import LineMarginal
from pyhier.distributions.families import Family
from pyhier.distributions.line_panels import LIMIT, LinePanels, Rows
from pyhier.distributions.mixtures import amid
from pyhier.distributions.scale_mixtures import ScaleMixture
from pyhier.models.interface import Model, PlaneModel, effect_indices, is_hilly
from pyhier.models.requirements import need_groups
from pyhier.posterior.effect_density import EffectDensities, EffectDensity, Population
from pyhier.posterior.effect_nodes import EffectNodes
from pyhier.posterior.given_counts import OfGivenCounts
from pyhier.posterior.heavy_density import HeavyDensities, HeavyPopulation
from pyhier.posterior.nodes import NodesPosterior
from pyhier.posterior.summaries import PROBS
from pyhier.quadrature.axes import Axis, coordinate_axis
from pyhier.quadrature.nested import NEGLIGIBLE, Nested, Plane, halved, thinned
from pyhier.quadrature.transforms import from_line

PROMISE = 1e-8  # of a marginal's mass
HALVES = 3e-7  # change of a mean by every other outer node: for a step as wide again
NO_MOMENT = 1e-6  # a tail's exponent is known to about this
BLOCK = 256  # effects worked out at a time
AT_A_TIME = 32  # whose moments are: arrays that stay in the cache
LEVELS = 3  # of outer steps for effects, each half of the one before
# Before these come all effects' summaries by every so many of the nodes, outer and inner; of those
# that matter to a probability.
THINNED = ((2, 2), (1, 2))
MATTER = 1e-13
SAMPLE = 32  # nodes that say where effects are
WORTH_IT = 32  # effects for which to look how few nodes will do
PILOTS = 4  # effects that say with how few nodes to begin


class PlanePosterior(OfGivenCounts, NodesPosterior):
    """The posterior of a model with two hyperparameters, by quadrature.

    ``post[name]`` is a marginal that speaks scipy.stats, of one of ``names`` or of a coordinate;
    means are good to 1e-8, probabilities and the quantiles at given ones to 1e-8 of the whole mass.
    A moment that does not exist is ``inf``.

    Attributes
    ----------
    model : PlaneModel
    phi : ndarray, shape (nodes, 2)
    weight : ndarray, shape (nodes,)
    log_z : float
        Log of the integral of likelihood times prior; the evidence where the prior is proper.

    Examples
    --------
    >>> import pyhier as ph
    >>> rats = ph.load_dataset("rat_tumors")
    >>> post = ph.exact(ph.BetaBinomial(rats["tumors"], rats["rats"]))
    >>> round(post["theta[71]"].mean(), 8), round(post["eta"].mean(), 8)
    (0.21085684, 0.14429731)
    """

    by_quadrature = True

    def __init__(self, model: PlaneModel, plane: Plane) -> None:
        self._plane_model = model
        self._at = coordinate_axis(model.location).phi
        self._plane = plane = self._fine(plane)
        phi, weight = self._phi(plane), np.exp(plane.log_weight)
        self._kept = weight > NEGLIGIBLE
        super().__init__(model, phi[self._kept], weight[self._kept])
        self.log_z = float(plane.outer.log_integral[0]) + model.marginal.log_constant

    def _fine(self, plane: Plane) -> Plane:
        """With outer nodes near enough for what effects shrink by, a step of the outer place."""
        top = int(np.argmax(plane.log_weight))
        at_top = self._phi(plane)[[top]]
        groups: set[int | None] = {None}
        if len(self._plane_model.labels):
            pooling = self._plane_model.pooling(at_top)[0]
            ends = (pooling, np.nan_to_num(self._plane_model.estimates()[0]))
            groups = {int(at) for values in ends for at in (values.argmin(), values.argmax())}
        for _ in range(LEVELS - 1):
            if max(self._by_halves(plane, group) for group in groups) <= HALVES:
                break
            plane = self._finer(plane)
        return plane

    def _finer(self, plane: Plane) -> Plane:
        """With an outer node more between any two neighbours."""
        return halved(plane, self._log_density)

    def _phi(self, plane: Plane) -> Floats:
        return self._at(plane.inner.x, plane.outer.x[plane.inner.row])

    def _by_halves(self, plane: Plane, group: int | None) -> float:
        """How far every other outer node is from all of them, of an effect's mean."""
        family = self._plane_model.theta_given(group, self._phi(plane))
        mean = from_line(family.line, family.centre)  # harmonic, of an inverse: it always exists
        weight, row = np.exp(plane.log_weight), plane.inner.row
        mass, first = np.bincount(row, weight), np.bincount(row, weight * mean)
        off: float = abs(first[::2].sum() / mass[::2].sum() / (first.sum() / mass.sum()) - 1.0)
        return off

    # --- Marginals --------------------------------------------------------------------------------

    def __getitem__(self, name: str) -> LineMarginal:
        if not isinstance(name, str):
            raise self._unknown(name)
        key = self._key(name)
        if key not in self._marginals:
            self._marginals[key] = self._checked(name, self._marginal(name))
        return self._marginals[key]

    def _key(self, name: str) -> str | int:
        """What a quantity's marginal is kept by: groups with the same data share theirs."""
        return int(self._alike[self._group_of[name]]) if name in self._group_of else name

    def _checked(self, name: str, marginal: LineMarginal) -> LineMarginal:
        """A marginal whose density integrates to what the posterior does; an error for another."""
        effect = name == "theta_new" or name in self._group_of
        whole = 0.0 if effect else float(self._plane.outer.log_integral[0])
        self._refuse_lossy(name, marginal.log_mass - whole, marginal.error)
        return marginal

    @staticmethod
    def _refuse_lossy(name: str, off: float, error: float) -> None:
        if not abs(off) <= PROMISE:
            raise ValueError(
                f"exact cannot resolve {name}: the density by quadrature integrates to 1 "
                f"{'-' if off < 0.0 else '+'} {abs(np.expm1(off)):.1e}; take draws, "
                "post.to_draws(100_000), or rwmetrop(model)"
            )
        if error > PROMISE:
            raise ValueError(
                f"exact cannot resolve {name}: its density is off by {error:.1e}; take "
                "draws, post.to_draws(100_000), or rwmetrop(model)"
            )

    @cached_property
    def _marginals(self) -> dict[str | int, LineMarginal]:
        return {}

    @cached_property
    def _alike(self) -> NDArray[np.intp]:
        """A number for each group; those with the same data have the same, and share a marginal."""
        if not self.model.labels:
            return np.empty(0, dtype=np.intp)
        data = np.column_stack(list(self.model.observed().values()))
        return np.unique(data, axis=0, return_inverse=True)[1].ravel()

    def _marginal(self, name: str) -> LineMarginal:
        axis = self._plane_model.axis(name)
        if axis is None and name in self.model.coordinates:
            axis = coordinate_axis(self.model.coordinates.index(name))
        return self._of_effect(name) if axis is None else self._along(axis, name)

    def _along(self, axis: Axis, name: str) -> LineMarginal:
        """The marginal of a hyperparameter: the free coordinate integrated out along its axis."""
        places, free = axis.place(self.phi), self.phi[:, axis.free]
        top = int(np.argmax(self.weight))
        middle, scale = map(float, amid(self.weight, places, np.zeros(places.size)))
        width = float(amid(self.weight, free, np.zeros(free.size))[1])
        plane = OnPlane(self.model, axis.phi)
        density = Nested(plane, float(places[top]), float(free[top]), width)
        if axis.free == self._plane_model.location and is_hilly(self._plane_model):
            density.learn(self._plane.outer.x, self._plane.inner)
        return LineMarginal(axis.line, density, middle, scale, self._plane_model.moment_index(name))

    @cached_property
    def _populations(self) -> dict[int, Population | HeavyPopulation]:
        return {}

    def _population_at(self, level: int) -> Population | HeavyPopulation:
        """The population at nodes for effects, the outer steps halved so many times.

        Levels below 0 have but some of the nodes.
        """
        if level not in self._populations:
            least = MATTER if level < 0 else NEGLIGIBLE
            model, plane = self._plane_model, self._plane_at(level)
            if isinstance(model.theta_given(None, self.phi[:1]), ScaleMixture):
                self._populations[level] = HeavyPopulation(model, plane, least)
            else:
                nodes = EffectNodes(model, plane, least)
                self._populations[level] = Population(model, nodes)
        return self._populations[level]

    @cached_property
    def _planes(self) -> list[Plane]:
        return [self._plane]

    def _plane_at(self, level: int) -> Plane:
        if level < 0:
            return thinned(self._plane, *THINNED[level])
        while len(self._planes) <= level:
            self._planes.append(self._finer(self._planes[-1]))
        return self._planes[level]

    def _log_density(self, outer: Floats, inner: Floats) -> Floats:
        return self._plane_model.marginal.log_density(self._at(inner, outer))

    # --- Effects ----------------------------------------------------------------------------------

    def _of_effect(self, name: str) -> LineMarginal:
        if name not in self._group_of and name != "theta_new":
            raise self._unknown(name)
        return self._of_effects([self._group_of.get(name)])[0]

    def _of_effects(self, quantities: Sequence[int | None]) -> list[LineMarginal]:
        guess = self._guess(quantities)
        found: dict[int, tuple[LinePanels, int, float]] = {}
        for rows, table, error in self._resolved(quantities, *guess):
            found |= {row: (table, k, float(error[k])) for k, row in enumerate(rows.tolist())}
        mean, var = self._moments(quantities)
        marginals = []
        for row, index in enumerate(effect_indices(self._plane_model, quantities).tolist()):
            table, k, off = found[row]
            known = float(mean[row]), float(var[row])
            centre, scale = (float(part[row]) for part in guess)
            assert isinstance(table.log_density, EffectDensities | HeavyDensities)
            density = EffectDensity(table.log_density, k)
            marginals.append(LineMarginal(
                table.line, density, centre, scale, index, known, table.alone(k), off,
            ))  # fmt: skip
        return marginals

    def work_out_effects(self) -> None:
        """Make the marginals of all effects together, which is faster than one after the other."""
        names = {self._key(name): name for name in (*self._group_of, "theta_new")}
        left = [name for key, name in names.items() if key not in self._marginals]
        for k in range(0, len(left), AT_A_TIME):
            some = left[k : k + AT_A_TIME]
            marginals = self._of_effects([self._group_of.get(name) for name in some])
            for name, marginal in zip(some, marginals, strict=True):
                self._marginals[self._key(name)] = self._checked(name, marginal)

    def _laws(self, quantities: Sequence[int | None], phi: Floats) -> Iterator[tuple[Rows, Family]]:
        """Groups' distributions given phi, and a new one's: which of the quantities, and what."""
        number = np.array([-1 if k is None else k for k in quantities])
        groups, new = np.flatnonzero(number >= 0), np.flatnonzero(number < 0)
        if groups.size:
            yield groups, self._plane_model.theta_given(number[groups, None], phi)
        if new.size:
            yield new, self._plane_model.theta_given(None, phi)

    def _guess(self, quantities: Sequence[int | None]) -> tuple[Floats, Floats]:
        """Where on the line effects have their mass, by nodes that stand for all.

        Of a coarse grid, so that effects in much the same place have panels in common.
        """
        shares = (np.arange(SAMPLE) + 0.5) / SAMPLE
        some = np.searchsorted(np.cumsum(self.weight), shares * self.weight.sum())
        centre, scale = np.empty((2, len(quantities)))
        for rows, family in self._laws(quantities, self.phi[some]):
            centre[rows], scale[rows] = amid(np.full(SAMPLE, 1.0 / SAMPLE), *family.line_moments())
        scale = 2.0 ** (0.5 * np.round(2.0 * np.log2(scale)))
        return scale * np.round(centre / scale), scale

    def _moments(self, quantities: Sequence[int | None]) -> tuple[Floats, Floats]:
        """Means and variances of effects, each of shape (quantities,)."""
        some = (quantities[k : k + AT_A_TIME] for k in range(0, len(quantities), AT_A_TIME))
        mean, var = np.concatenate([self._few_moments(few) for few in some], axis=1)
        return mean, var

    def _few_moments(self, quantities: Sequence[int | None]) -> tuple[Floats, Floats]:
        mean, var = np.empty((2, len(quantities)))
        for rows, family in self._laws(quantities, self.phi):
            mean[rows], var[rows] = family.averaged(self.weight)
        return mean, var

    def _resolved(
        self, quantities: Sequence[int | None], centre: Floats, scale: Floats, start: int = 0
    ) -> Iterator[tuple[Rows, LinePanels, Floats]]:
        """Densities of effects on panels, by nodes as close as each asks for, from a level on.

        Which of the quantities, their panels, and about how far the densities' own errors put
        probabilities off; a quantity that comes again is better then.
        """
        left = np.arange(len(quantities))
        for level in range(start, LEVELS):
            population = self._population_at(level)
            density = population.densities([quantities[k] for k in left.tolist()])
            table = LinePanels(
                population.line, density, centre[left], scale[left], density.beyond(LIMIT),
                density.on_panels,
            )  # fmt: skip
            error = table.doubt
            yield left, table, error
            left = left[self._unsure(table, error)]
            if not left.size:
                return

    @staticmethod
    def _unsure(table: LinePanels, error: Floats) -> NDArray[np.bool_]:
        """Whose probabilities may be off by half of what is promised."""
        off = np.maximum(np.abs(table.log_mass), table.error + error)
        unsure: NDArray[np.bool_] = ~(off <= 0.5 * PROMISE)
        return unsure

    def group_means(self) -> Floats:
        """Posterior mean of each group's effect, shape (groups,)."""
        need_groups("group_means", self.model)
        firsts = np.unique(self._alike, return_index=True)[1].tolist()
        return self._moments(firsts)[0][self._alike]

    def moments(self) -> tuple[Floats, Floats]:
        """Means and sds of all names in their order: what `summary` has, without quantiles."""
        firsts: list[int | None] = [*np.unique(self._alike, return_index=True)[1].tolist(), None]
        mean, sd = self._effect_moments(firsts)
        hyper = np.array([self._hyper_moments(name) for name in self._hyper]).T
        rows = zip(hyper, (mean, sd), strict=True)
        first, second = (np.concatenate([own, of[self._alike], of[-1:]]) for own, of in rows)
        return first, second

    def _hyper_moments(self, name: str) -> tuple[float, float]:
        """Mean and sd of a hyperparameter: by the nodes, unless its tail is a power."""
        index = self._plane_model.moment_index(name)
        if index <= 1.0 + NO_MOMENT:
            return np.inf, np.inf
        if np.isfinite(index):
            return float(self[name].mean()), float(self[name].std())
        mean = float(self.weight @ self._hyper[name])
        return mean, float(np.sqrt(self.weight @ (self._hyper[name] - mean) ** 2))

    def _effect_moments(self, quantities: Sequence[int | None]) -> tuple[Floats, Floats]:
        """Means and sds of effects, infinite where there are none."""
        mean, var = self._moments(quantities)
        index = effect_indices(self._plane_model, quantities)
        mean[~(index > 1.0 + NO_MOMENT)] = np.inf
        var[~(index > 2.0 + NO_MOMENT)] = np.inf
        return mean, np.sqrt(var)

    def columns(self, probs: Sequence[float] = PROBS) -> dict[str, Any]:
        """The summary as plain columns: what `summary` frames and the command line prints."""
        q = probabilities("probs", probs).ravel()
        marginals = [self[name] for name in self._hyper]
        firsts: list[int | None] = [*np.unique(self._alike, return_index=True)[1].tolist(), None]
        effects = self._all_effect_rows(firsts, q)
        rows = np.array([[x.mean(), x.std(), *x.ppf(q)] for x in marginals])
        mean, sd, *quantiles = np.concatenate([rows, effects[self._alike], effects[-1:]]).T
        return {"mean": mean, "sd": sd, **dict(zip(percents(q), quantiles, strict=True))}

    def _all_effect_rows(self, quantities: Sequence[int | None], q: Floats) -> Floats:
        """Mean, sd and quantiles of effects, shape (quantities, 2 + q), in blocks of like ones."""
        centre, scale = self._guess(quantities)
        order = np.lexsort((centre, scale))
        start = 0
        if order.size >= WORTH_IT:
            pilots = order[np.linspace(0, order.size - 1, PILOTS).astype(np.intp)]
            start = self._enough([quantities[k] for k in pilots], centre[pilots], scale[pilots])
        found = np.empty((len(quantities), 2 + q.size))
        for k in range(0, order.size, BLOCK):
            some = order[k : k + BLOCK]
            guess = centre[some], scale[some]
            found[some] = self._effect_rows([quantities[i] for i in some], q, guess, start)
        return found

    def _enough(self, quantities: Sequence[int | None], centre: Floats, scale: Floats) -> int:
        """The level that most of the quantities ask for."""
        level = -len(THINNED)
        for rows, table, error in self._resolved(quantities, centre, scale, level):
            if level == 0 or 2 * self._unsure(table, error).sum() < rows.size:
                break
            level += 1
        return level

    def _effect_rows(
        self, quantities: Sequence[int | None], q: Floats, guess: tuple[Floats, Floats], start: int
    ) -> Floats:
        """The same of one block."""
        found = np.empty((len(quantities), 2 + q.size))
        off, doubt = np.empty((2, len(quantities)))
        for rows, table, error in self._resolved(quantities, *guess, start):
            off[rows], doubt[rows] = table.log_mass, table.error + error
            found[rows, 2:] = table.quantiles(q, False)
        for k in np.flatnonzero(~(np.abs(off) <= PROMISE) | (doubt > PROMISE)).tolist():
            group = quantities[k]
            name = "theta_new" if group is None else f"theta[{self.model.labels[group]}]"
            self._refuse_lossy(name, off[k], doubt[k])
        found[:, 0], found[:, 1] = self._effect_moments(quantities)
        return found

    # --- Draws ------------------------------------------------------------------------------------

    def draw_phi(self, n: int, rng: RNG = None) -> Floats:
        """Independent draws of phi, shape (n, 2): exact, by rejection from a piecewise bound."""
        generator = as_generator(rng)
        cells = self._cells
        found: list[Floats] = []
        missing = count("n", n)
        while missing > 0:
            tries = int(1.3 * missing / cells.accept) + 16
            u = uniforms(generator, 4 * tries).reshape(4, tries)
            found.append(cells.propose(*u)[:missing])
            missing -= len(found[-1])
        outer, inner = np.concatenate(found).T
        return self._at(inner, outer)

    @cached_property
    def _cells(self) -> "Cells":
        by_outer = coordinate_axis(1 - self._plane_model.location).phi
        return Cells(OnPlane(self.model, by_outer), self._plane)


@dataclass(frozen=True)
class OnPlane:
    """A model's log posterior density at two numbers that make phi; it pickles.

    Attributes
    ----------
    model : Model
    phi : callable
        Takes both, each (n,).
    """

    model: Model
    phi: Callable[[Floats, Floats], Floats]

    def __call__(self, first: Floats, second: Floats) -> Floats:
        """The log density, shape (n,)."""
        return self.model.marginal.log_density(self.phi(first, second))


class Cells:
    """A density of (outer, inner) bounded on cells, to draw from it by rejection.

    The cells are a grid in the stretched coordinates of the quadrature, the inner one's centre and
    scale interpolated between the outer nodes. On a cell the bound is the highest corner and some.
    """

    SLACK = 0.2

    def __init__(
        self, log_density: Callable[[Floats, Floats], Floats], plane: Plane, size: int = 96
    ) -> None:
        self._log_density, self._plane = log_density, plane
        outer, inner = plane.outer, plane.inner
        self._knots = np.arcsinh((outer.x - outer.centre[0]) / outer.scale[0])
        self._centre, self._log_scale = inner.centre, np.log(inner.scale)
        reach = max(-float(inner.low.min()), float(inner.high.max()))
        self._low = np.array([self._knots[0], -reach])
        self._width = np.array([np.ptp(self._knots), 2.0 * reach]) / size
        a, b = (
            low + width * np.arange(size + 1)
            for low, width in zip(self._low, self._width, strict=True)
        )
        corner = self._log_target(*np.meshgrid(a, b, indexing="ij"))[0]
        top = corner.max()
        highest = np.maximum(corner[:-1], corner[1:])
        highest = np.maximum(highest[:, :-1], highest[:, 1:])
        a, b = (ends[:-1] + 0.5 * width for ends, width in zip((a, b), self._width, strict=True))
        middle = self._log_target(*np.meshgrid(a, b, indexing="ij"))[0]
        self._bound = np.maximum(highest, middle) + self.SLACK
        mass = np.exp(self._bound - top)
        self._below, self._size = np.cumsum(mass.ravel()), size
        self.accept = float(np.exp(middle - top).sum() / self._below[-1])

    def _log_target(self, a: Floats, b: Floats) -> tuple[Floats, Floats, Floats]:
        """Log density of the stretched coordinates, and the plain ones."""
        rule = self._plane.outer
        outer = rule.centre[0] + rule.scale[0] * np.sinh(a)
        centre = np.interp(a, self._knots, self._centre)
        log_scale = np.interp(a, self._knots, self._log_scale)
        inner = centre + np.exp(log_scale) * np.sinh(b)
        density = self._log_density(outer.ravel(), inner.ravel()).reshape(a.shape)
        stretch = np.log(np.cosh(a)) + np.log(np.cosh(b)) + log_scale
        return np.where(np.isnan(density), -np.inf, density + stretch), outer, inner

    def propose(self, cell: Floats, first: Floats, second: Floats, level: Floats) -> Floats:
        """Draws of (outer, inner) from uniform numbers: those accepted, shape (accepted, 2)."""
        picked = np.searchsorted(self._below, cell * self._below[-1], side="right")
        i, j = np.divmod(np.minimum(picked, self._below.size - 1), self._size)
        a = self._low[0] + self._width[0] * (i + first)
        b = self._low[1] + self._width[1] * (j + second)
        log_target, outer, inner = self._log_target(a, b)
        with np.errstate(divide="ignore"):
            taken = np.log(level) < log_target - self._bound[i, j]
        return np.column_stack([outer[taken], inner[taken]])
