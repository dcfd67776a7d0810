"""A posterior known by quadrature over two hyperparameters: exact marginals, exact draws.

The inner integral is over the coordinate that the effects centre on, the outer one over the other,
which says how closely they do. A marginal of a hyperparameter is the same nested integral along
another axis; a marginal of an effect is a mixture of its conditional distributions over the nodes.
Where these are narrower than the nodes are apart (groups almost pooled), the inner integral is
taken anew about every point at which the density is wanted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyhier._random import RNG, as_generator, uniforms
from pyhier._validation import count
from pyhier.models.protocol import Axis, PlaneModel, coordinate_axis
from pyhier.posterior.base import Probability, parse_comparison
from pyhier.posterior.draws import Event
from pyhier.posterior.line import LineMarginal
from pyhier.posterior.nested import Nested, Rule, integrate
from pyhier.posterior.nodes import NodesPosterior

Floats = NDArray[np.float64]

NEGLIGIBLE = 1e-17  # weight of nodes left out
RESOLVED = 1.2  # sds of a component between the centres of neighbours, at least
SMALL = 1e-12  # weight of outer nodes whose components may stay unresolved
FINER = 3  # times that an inner step is halved before components count as narrow
POINT = 1e-5  # sds by the scale of the inner density, below which components are points
# Narrow components have sds below a thirtieth of the inner density's: five nodes leave 1e-14.
HERMITE, HERMITE_WEIGHTS = np.polynomial.hermite_e.hermegauss(5)


@dataclass(frozen=True)
class Plane:
    """A nested quadrature: the inner rule of every outer node.

    Attributes
    ----------
    outer, inner : Rule
        ``inner.row`` counts the outer nodes.
    """

    outer: Rule
    inner: Rule

    @property
    def log_weight(self) -> Floats:
        """Log of every node's share of the integral, shape (inner nodes,)."""
        rule, row = self.outer, self.inner.row
        share = rule.log_weight - rule.log_integral[0] - self.inner.log_integral
        weight: Floats = share[row] + self.inner.log_weight
        return weight


def nested_quadrature(
    log_density: Callable[[Floats, Floats], Floats], outer: float, inner: float
) -> Plane:
    """Integrate a density of (outer, inner) over the plane, from a point with some mass."""
    nested = Nested(log_density, outer, inner, 1.0)
    rule = integrate(lambda row, x: nested(x), np.array([outer]), np.ones(1))
    return Plane(rule, nested.rule(rule.x))


class PlanePosterior(NodesPosterior):
    """The posterior of a model with two hyperparameters, by quadrature.

    ``post[name]`` is a marginal that speaks scipy.stats, of one of ``names`` or of a coordinate;
    means, densities, tails and quantiles are good to 1e-8. A moment that does not exist is ``inf``.

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

    def __init__(self, model: PlaneModel, plane: Plane) -> None:
        self._plane_model, self._plane = model, plane
        self._inner = model.location
        phi = self._phi(plane.outer.x[plane.inner.row], plane.inner.x)
        weight = np.exp(plane.log_weight)
        self._kept = weight > NEGLIGIBLE
        super().__init__(model, phi[self._kept], weight[self._kept])
        self.log_z = float(plane.outer.log_integral[0]) + model.log_constant

    def _phi(self, outer: Floats, inner: Floats) -> Floats:
        parts = (inner, outer) if self._inner == 0 else (outer, inner)
        return np.stack(parts, axis=-1)

    # --- Marginals --------------------------------------------------------------------------------

    def __getitem__(self, name: str) -> LineMarginal:
        if name not in self._marginals:
            self._marginals[name] = self._marginal(name)
        return self._marginals[name]

    @cached_property
    def _marginals(self) -> dict[str, LineMarginal]:
        return {}

    def _marginal(self, name: str) -> LineMarginal:
        axis = self._plane_model.axis(name)
        if axis is None and name in self.model.coordinates:
            axis = coordinate_axis(self.model.coordinates.index(name))
        return self._of_effect(name) if axis is None else self._along(axis, name)

    def _along(self, axis: Axis, name: str) -> LineMarginal:
        """The marginal of a hyperparameter: the free coordinate integrated out along its axis."""
        place, free = axis.place(self.phi), self.phi[:, axis.free]
        top = int(np.argmax(self.weight))
        model = self.model
        density = Nested(
            lambda x, free: model.log_posterior(axis.phi(x, free)),
            float(place[top]), float(free[top]), self._sd(free),
        )  # fmt: skip
        index = self._plane_model.moment_index(name)
        return LineMarginal(axis.line, density, float(place[top]), self._sd(place), index)

    def _sd(self, values: Floats) -> float:
        away = values - self.weight @ values
        return float(np.sqrt(self.weight @ away**2))

    def _of_effect(self, name: str) -> LineMarginal:
        family = self._effect(name)
        centre, sd = family.line_moments()
        mean = float(self.weight @ centre)
        scale = float(np.sqrt(self.weight @ (sd**2 + (centre - mean) ** 2)))
        average = float(self.weight @ family.mean)
        var = float(self.weight @ (family.var + (family.mean - average) ** 2))
        index = self._plane_model.moment_index(name) if name == "theta_new" else np.inf
        density = EffectDensity(self._plane_model, self._plane, self._group_of.get(name))
        return LineMarginal(family.line, density, mean, scale, index, (average, var))

    # --- Events and evidence ----------------------------------------------------------------------

    def probability(self, event: Event, *, draws: int = 200_000, rng: RNG = None) -> Probability:
        """Posterior probability of an event.

        Parameters
        ----------
        event : str or callable
            A comparison of a quantity with a number, such as ``"theta[1] > 0.2"``: by quadrature.
            Any other comparison, or a function of the draws by name that returns an array of bool:
            by that many independent draws.
        draws : int
        rng : None, int, numpy.random.Generator or RStream

        Returns
        -------
        Probability
            A float with its Monte Carlo standard error in ``se``, 0 by quadrature.
        """
        if isinstance(event, str):
            left, sign, right = parse_comparison(event)
            if isinstance(left, str) and isinstance(right, float):
                marginal = self[left]
                return Probability(marginal.sf(right) if sign == ">" else marginal.cdf(right))
            if isinstance(left, float) and isinstance(right, str):
                marginal = self[right]
                return Probability(marginal.cdf(left) if sign == ">" else marginal.sf(left))
        return super().probability(event, draws=draws, rng=rng)

    @property
    def log_evidence(self) -> float:
        """Log marginal likelihood of the data.

        Raises
        ------
        ValueError
            If the prior is improper: the likelihood times it has no meaningful scale.
        """
        why = self._plane_model.why_improper()
        if why:
            raise ValueError(f"there is no evidence under {why}: give a proper prior")
        return self.log_z

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
        return self._phi(outer, inner)

    @cached_property
    def _cells(self) -> "Cells":
        def log_density(outer: Floats, inner: Floats) -> Floats:
            return self.model.log_posterior(self._phi(outer, inner))

        return Cells(log_density, self._plane)


class EffectDensity:
    """Log density of an effect on its line, at any points of it.

    Parameters
    ----------
    model : PlaneModel
    plane : Plane
    quantity : int or None
        A group, or None for a new one.
    """

    def __init__(self, model: PlaneModel, plane: Plane, quantity: int | None) -> None:
        self._model, self._quantity, self._inner = model, quantity, model.location
        row, x, log_weight = plane.inner.row, plane.inner.x, plane.log_weight
        outer = plane.outer.x
        self._matters = np.bincount(row, np.exp(log_weight), outer.size) > SMALL
        kept = log_weight > np.log(NEGLIGIBLE)
        row, x, log_weight = row[kept], x[kept], log_weight[kept]
        for _ in range(FINER):
            rough = self._unresolved(outer, row, x, log_weight)
            if not rough.any():
                break
            row, x, log_weight = _between(self._log_density, plane, rough, row, x, log_weight)
        self._narrow = np.flatnonzero(self._unresolved(outer, row, x, log_weight))
        wide = ~np.isin(row, self._narrow)
        family = self._given(outer[row[wide]], x[wide])
        self._family = family
        natural, partition = family.natural()
        self._natural, self._offset = natural.T, log_weight[wide] - partition
        self._set_narrow(plane)

    def _given(self, outer: Floats, inner: Floats) -> Any:
        parts = (inner, outer) if self._inner == 0 else (outer, inner)
        return self._model.theta_given(self._quantity, np.column_stack(parts))

    def _log_density(self, outer: Floats, inner: Floats) -> Floats:
        parts = (inner, outer) if self._inner == 0 else (outer, inner)
        return self._model.log_posterior(np.column_stack(parts))

    def _unresolved(
        self, outer: Floats, row: NDArray[np.intp], x: Floats, log_weight: Floats
    ) -> NDArray[np.bool_]:
        """Which outer nodes have components narrower than their neighbours are apart."""
        family = self._given(outer[row], x)
        sd, centre = family.line_moments()[1], family.centre
        apart = np.abs(np.diff(centre))
        matters = np.minimum(log_weight[1:], log_weight[:-1]) > np.log(1e-12)
        bad = (np.diff(row) == 0) & matters & (np.minimum(sd[1:], sd[:-1]) < RESOLVED * apart)
        rough = np.zeros(outer.size, dtype=np.bool_)
        rough[row[1:][bad]] = True
        return rough & self._matters

    def _set_narrow(self, plane: Plane) -> None:
        """Keep, of the outer nodes with narrow components, what an inner integral takes."""
        rows, outer = self._narrow, plane.outer
        self._outer = outer.x[rows]
        share = outer.log_weight - outer.log_integral[0] - plane.inner.log_integral
        self._share, self._scale = share[rows], plane.inner.scale[rows]

    def __call__(self, z: Floats) -> Floats:
        """Log density at places on the line, shape (points,)."""
        density = np.full(z.size, -np.inf)
        block = max(1, 2**21 // max(1, self._offset.size))
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            for i in range(0, z.size, block):
                part = z[i : i + block]
                terms = self._family.statistics(part) @ self._natural + self._offset
                if terms.size:
                    density[i : i + block] = _log_sum(terms)
            if self._narrow.size:
                density = np.logaddexp(density, _log_sum(self._local(z)))
        return density

    def _local(self, z: Floats) -> Floats:
        """Log of every narrow outer node's part at every place, shape (points, outer nodes)."""
        outer = np.tile(self._outer, z.size)
        at = np.repeat(z, self._outer.size)
        u = at
        for _ in range(8):  # the inner value whose component centres on the place
            u = u + (at - self._given(outer, u).centre)
        sd = self._given(outer, u).line_moments()[1]
        share, scale = np.tile(self._share, z.size), np.tile(self._scale, z.size)
        part = share + self._log_density(outer, u)
        # Far off the components widen, and there is no mass.
        off = ~((sd < scale) & (np.abs(at - self._given(outer, u).centre) < sd + 1e-12))
        part[off] = -np.inf
        wide = np.flatnonzero((sd > POINT * scale) & ~off)
        if wide.size:
            v, s = outer[wide], sd[wide]
            inner = u[wide] + HERMITE[:, None] * s
            total = np.empty(inner.shape)
            for k in range(HERMITE.size):
                family = self._given(v, inner[k])
                total[k] = self._log_density(v, inner[k]) + family.near(at[wide] - family.centre)
            total[np.isnan(total)] = -np.inf  # so far off that something overflows
            logs = np.log(HERMITE_WEIGHTS) + 0.5 * HERMITE**2
            part[wide] = share[wide] + np.log(s)
            part[wide] += _log_sum((total + logs[:, None]).T)
        return part.reshape(z.size, self._outer.size)


def _log_sum(terms: Floats) -> Floats:
    """Log of the sum of exponentials along the last axis."""
    top = np.maximum(terms.max(axis=-1), -1e300)
    total: Floats = top + np.log(np.exp(terms - top[:, None]).sum(axis=-1))
    return total


def _between(
    log_density: Callable[[Floats, Floats], Floats],
    plane: Plane,
    rough: NDArray[np.bool_],
    row: NDArray[np.intp],
    x: Floats,
    log_weight: Floats,
) -> tuple[NDArray[np.intp], Floats, Floats]:
    """Halve the inner steps of some outer nodes; half the old weights, and new nodes between."""
    inner, outer = plane.inner, plane.outer
    share = outer.log_weight - outer.log_integral[0] - inner.log_integral
    t = np.arcsinh((x - inner.centre[row]) / inner.scale[row])
    gap = np.flatnonzero((np.diff(row) == 0) & rough[row[1:]])
    of = row[gap]
    middle, step = 0.5 * (t[gap] + t[gap + 1]), 0.5 * (t[gap + 1] - t[gap])
    new = inner.centre[of] + inner.scale[of] * np.sinh(middle)
    stretch = np.log(inner.scale[of] * np.cosh(middle) * step)
    weight = share[of] + log_density(outer.x[of], new) + stretch
    old = np.where(rough[row], log_weight - np.log(2.0), log_weight)
    row, x = np.concatenate([row, of]), np.concatenate([x, new])
    order = np.lexsort((x, row))
    return row[order], x[order], np.concatenate([old, weight])[order]


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
