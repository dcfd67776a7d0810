"""The density of a group's effect, by a nested quadrature over the hyperparameters.

Given the hyperparameters the effect has a distribution of a family, so its density is a mixture
over the nodes. A component must be as wide as its neighbours' centres are apart, or the mixture
shows the nodes; where the groups are almost pooled it is not, and the inner steps are halved a few
times. Where that is not enough either, the components are far narrower than the inner density, and
the inner integral is taken anew about every point at which the density is wanted, by a
Gauss-Hermite rule under the component; the narrowest are points.

The effect of a new group has the narrowest components by their distance, since data only holds an
effect in its place: what resolves it resolves all.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyhier._types import Floats
from pyhier.kernels.log_sums import log_mixture
from pyhier.models.interface import PlaneModel
from pyhier.quadrature.axes import coordinate_axis
from pyhier.quadrature.nested import NEGLIGIBLE, Plane

Rows = NDArray[np.intp]

RESOLVED = 1.2  # sds of a component between the centres of neighbours, at least
FINER = 3  # times that an inner step is halved before components count as narrow
SMALL = 1e-11  # weight of outer nodes whose components may stay unresolved
# Sd of components that count as narrow whatever they weigh: the density of wider ones is a
# difference of terms of about 1 / sd^2, and below this their rounding would be more than they are.
TIGHT = 1e-7
POINT = 1e-12  # error of the density by which narrow components may be off
# Gauss-Hermite rules of one node (the component is a point) to five. Narrow components have sds
# below a thirtieth of the inner density's: five nodes leave 1e-14.
RULES = [np.polynomial.hermite_e.hermegauss(order) for order in range(1, 6)]


@dataclass(frozen=True)
class EffectNodes:
    """Nodes that carry the density of any effect.

    Attributes
    ----------
    phi, log_weight : ndarray, shape (nodes, 2) and (nodes,)
        Those whose components are wide enough.
    outer, share, scale, mass : ndarray, shape (narrow,)
        Of the outer nodes whose components are not: the coordinate, the log of the factor that its
        inner density wants, the scale of that, and the weight of all its nodes.
    """

    phi: Floats
    log_weight: Floats
    outer: Floats
    share: Floats
    scale: Floats
    mass: Floats

    @classmethod
    def of(cls, model: PlaneModel, plane: Plane) -> "EffectNodes":
        """Halve inner steps of a quadrature until they resolve components, or give up."""
        at = coordinate_axis(model.location).phi
        row, x, log_weight = plane.inner.row, plane.inner.x, plane.log_weight
        outer = plane.outer.x
        mass: Floats = np.bincount(row, np.exp(log_weight), outer.size).astype(np.float64)
        matters = mass > SMALL
        kept = log_weight > np.log(NEGLIGIBLE)
        row, x, log_weight = row[kept], x[kept], log_weight[kept]

        def log_density(outer: Floats, inner: Floats) -> Floats:
            return model.marginal.log_density(at(inner, outer))

        for halvings in range(FINER + 1):
            family = model.theta_given(None, at(x, outer[row]))
            rough = matters & _unresolved(family, row, log_weight, outer.size)
            if halvings == FINER or not rough.any():
                break
            row, x, log_weight = _halve(log_density, plane, rough, row, x, log_weight)
        rough |= _points(family, row, outer.size)
        wide, narrow = ~rough[row], np.flatnonzero(rough)
        phi = at(x[wide], outer[row[wide]])
        share = plane.log_share[narrow]
        scale = plane.inner.scale[narrow]
        return cls(phi, log_weight[wide], outer[narrow], share, scale, mass[narrow])


def _unresolved(family: Any, row: Rows, log_weight: Floats, rows: int) -> NDArray[np.bool_]:
    """Which outer nodes have components narrower than their neighbours are apart."""
    sd, apart = family.line_moments()[1], np.abs(np.diff(family.centre))
    matters = np.minimum(log_weight[1:], log_weight[:-1]) > np.log(1e-12)
    bad = (np.diff(row) == 0) & matters & (np.minimum(sd[1:], sd[:-1]) < RESOLVED * apart)
    rough = np.zeros(rows, dtype=np.bool_)
    rough[row[1:][bad]] = True
    return rough


def _points(family: Any, row: Rows, rows: int) -> NDArray[np.bool_]:
    """Which outer nodes have a component whose density rounding would spoil."""
    tight = np.zeros(rows, dtype=np.bool_)
    tight[row[family.line_moments()[1] < TIGHT]] = True
    return tight


def _halve(
    log_density: Callable[[Floats, Floats], Floats],
    plane: Plane,
    rough: NDArray[np.bool_],
    row: Rows,
    x: Floats,
    log_weight: Floats,
) -> tuple[Rows, Floats, Floats]:
    """Halve the inner steps of some outer nodes: half the old weights, and new nodes between."""
    inner = plane.inner
    t = np.arcsinh((x - inner.centre[row]) / inner.scale[row])
    gap = np.flatnonzero((np.diff(row) == 0) & rough[row[1:]])
    of = row[gap]
    middle, step = 0.5 * (t[gap] + t[gap + 1]), 0.5 * (t[gap + 1] - t[gap])
    new = inner.centre[of] + inner.scale[of] * np.sinh(middle)
    stretch = np.log(inner.scale[of] * np.cosh(middle) * step)
    weight = plane.log_share[of] + log_density(plane.outer.x[of], new) + stretch
    old = np.where(rough[row], log_weight - np.log(2.0), log_weight)
    row, x = np.concatenate([row, of]), np.concatenate([x, new])
    order = np.lexsort((x, row))
    return row[order], x[order], np.concatenate([old, weight])[order]


class EffectDensity:
    """Log density of an effect on its line, at any points of it.

    Parameters
    ----------
    model : PlaneModel
    nodes : EffectNodes
    quantity : int or None
        A group, or None for a new one.
    """

    def __init__(self, model: PlaneModel, nodes: EffectNodes, quantity: int | None) -> None:
        self._model, self._nodes, self._quantity = model, nodes, quantity
        self._at = coordinate_axis(model.location).phi
        self._family = model.theta_given(quantity, nodes.phi)
        natural, partition = self._family.natural()
        self._natural, self._offset = natural, nodes.log_weight - partition

    def __call__(self, z: Floats) -> Floats:
        """Log density at places on the line, shape (points,)."""
        density = np.full(z.size, -np.inf)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            if self._offset.size:
                density = log_mixture(self._family.statistics(z), self._natural, self._offset)
            if self._nodes.outer.size:
                density = np.logaddexp(density, _log_sum(self._narrow(z)))
        return density

    def _given(self, outer: Floats, inner: Floats) -> Any:
        return self._model.theta_given(self._quantity, self._at(inner, outer))

    def _narrow(self, z: Floats) -> Floats:
        """Log of every narrow outer node's part at every place, shape (points, outer nodes)."""
        nodes = self._nodes
        outer, share, scale, mass = (
            np.tile(part, z.size) for part in (nodes.outer, nodes.share, nodes.scale, nodes.mass)
        )
        place = np.repeat(z, nodes.outer.size)
        inner = place
        for _ in range(8):  # where the component centres on the place
            inner = inner + (place - self._given(outer, inner).centre)
        family = self._given(outer, inner)
        sd = family.line_moments()[1]
        # Far off the components widen, and there is no mass.
        near = (sd < scale) & (np.abs(place - family.centre) < sd + 1e-12)
        part = np.full(place.size, -np.inf)
        with np.errstate(divide="ignore"):
            # A rule of k nodes is off by its weight times the 2k-th power of the width by that of
            # what it integrates: a fifth of the inner density's scale is on the safe side.
            wanted = np.ceil(np.log(POINT / mass) / np.log((5.0 * sd / scale) ** 2))
        order = np.clip(np.where(near, wanted, 0), near, len(RULES)).astype(np.intp)
        for k, rule in enumerate(RULES, start=1):
            at = np.flatnonzero(order == k)
            if at.size:
                logs = self._hermite(rule, outer[at], inner[at], sd[at], place[at])
                part[at] = share[at] + logs
        return part.reshape(z.size, nodes.outer.size)

    def _log_density(self, outer: Floats, inner: Floats) -> Floats:
        return self._model.marginal.log_density(self._at(inner, outer))

    def _hermite(
        self, rule: tuple[Floats, Floats], outer: Floats, inner: Floats, sd: Floats, place: Floats
    ) -> Floats:
        """Log of the integral of the inner density times the component, about the place."""
        if len(rule[0]) == 1:
            return self._log_density(outer, inner)
        terms = np.empty((outer.size, len(rule[0])))
        for k, (node, weight) in enumerate(zip(*rule, strict=True)):
            at = inner + node * sd
            family = self._given(outer, at)
            terms[:, k] = self._log_density(outer, at) + family.near(place - family.centre)
            terms[:, k] += np.log(weight) + 0.5 * node**2
        terms[np.isnan(terms)] = -np.inf
        return np.log(sd) + _log_sum(terms)


def _log_sum(terms: Floats) -> Floats:
    """Log of the sum of exponentials along the last axis."""
    top = np.maximum(terms.max(axis=-1), -1e300)
    terms -= top[:, None]
    np.exp(terms, out=terms)
    total: Floats = top + np.log(terms.sum(axis=-1))
    return total
