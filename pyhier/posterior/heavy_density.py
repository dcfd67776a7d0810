"""The densities of groups' effects about a heavy-tailed population, by a nested quadrature.

As in effect_nodes.py an effect's density is L(z) sum_k [w_k / m(phi_k)] p(z | phi_k), its own
likelihood times sums over the nodes of the plane. Here p is no exponential family and falls off
slowly, so the sums are matrix products, p's values at places by nodes, the same for all effects.
A row of the plane (one tau) is, by the width of p:

- the quadrature's own nodes, where these are close enough for p;
- nodes of its own, where p is not much narrower than the density of mu;
- a grid that resolves the density of mu alone, where it is. Then p is two parts, by its components:
  wide ones, which the grid resolves, and narrow ones, together a measure on a few points (a Gauss
  rule), to which the density of mu is interpolated.
"""

from dataclasses import dataclass
from functools import cached_property
from math import comb

import numpy as np

from pyhier._types import Floats
from pyhier.distributions.scale_laws import ScaleLaw
from pyhier.distributions.scale_mixtures import ScaleMixture
from pyhier.models.interface import PlaneModel
from pyhier.posterior.effect_nodes import Rows
from pyhier.quadrature.nested import NEGLIGIBLE, Plane
from pyhier.quadrature.transforms import Line

CLOSE = 2.0  # nodes to the width of a normal density as smooth as p
MATTERS = 1e-13  # shares of nodes and rows that must be resolved
COARSE = 1.0 / 3.0  # of the width of a row's density: the widest step of nodes
FINE = 1.0 / 12.0  # the step of a grid: of a normal density polynomials are good to 6e-14
NARROW = 1.25  # steps: the sd of components that a grid resolves
ORDER = 9  # of the rule for those that it does not
POINTS = 12  # of a polynomial between places of the grid
BEYOND = 9.0  # sds where a narrow component has ended
PLACES = 64  # at a time
_BARYCENTRIC = np.array([(-1.0) ** j * comb(POINTS - 1, j) for j in range(POINTS)])


@dataclass(frozen=True)
class _Row:
    """Nodes of one tau.

    Attributes
    ----------
    number : int
        Of the row in the plane.
    mu, log_weight : ndarray, shape (nodes,)
    tau : float
    split : int
        The first component that the nodes resolve.
    near : float
        How far the narrower ones reach.
    rule : (ndarray, ndarray)
        Places and weights that stand for them; empty where there are none.
    """

    number: int
    mu: Floats
    log_weight: Floats
    tau: float
    split: int = 0
    near: float = 0.0
    rule: tuple[Floats, Floats] = (np.empty(0), np.empty(0))


class HeavyPopulation:
    """The population at the nodes of a plane.

    Parameters
    ----------
    model : PlaneModel
    plane : Plane
    least : float
        Shares of the whole of nodes that are left out.
    """

    line: Line = "identity"

    def __init__(self, model: PlaneModel, plane: Plane, least: float = NEGLIGIBLE) -> None:
        self._model, self._plane = model, plane
        family = model.theta_given(None, np.zeros((1, 2)))
        assert isinstance(family, ScaleMixture)
        self._law: ScaleLaw = family.law
        kept = plane.log_weight > np.log(least)
        row, mu, logs = (x[kept] for x in (plane.inner.row, plane.inner.x, plane.log_weight))
        ends = np.searchsorted(row, np.arange(plane.outer.x.size + 1))
        self.rows = [
            self._row(k, mu[ends[k] : ends[k + 1]], logs[ends[k] : ends[k + 1]])
            for k in range(plane.outer.x.size)
            if ends[k + 1] > ends[k]
        ]
        self.first = np.cumsum([0, *(one.mu.size for one in self.rows)]).astype(np.int64)
        self.mu = np.concatenate([one.mu for one in self.rows])
        self.log_weight = np.concatenate([one.log_weight for one in self.rows])
        log_tau = np.repeat(np.log([one.tau for one in self.rows]), np.diff(self.first))
        self.phi = np.column_stack([self.mu, log_tau])

    def densities(self, quantities: list[int | None]) -> "HeavyDensities":
        """The densities of groups' effects, or of a new one's (None)."""
        return HeavyDensities(self._model, self, quantities)

    def _row(self, number: int, mu: Floats, logs: Floats) -> _Row:
        tau, share = float(np.exp(self._plane.outer.x[number])), np.exp(logs)
        plain = _Row(number, mu, logs, tau)
        matter = np.flatnonzero(share > MATTERS)
        if share.sum() < MATTERS or matter.size < 3:
            return plain
        some = slice(matter[0], matter[-1] + 1)
        width = tau * self._law.smooth
        if float(np.diff(mu[some]).max()) * CLOSE <= width:
            return plain
        scale = self._narrowest(mu[some], share[some])
        step = min(width / CLOSE, COARSE * scale)
        fine = step >= FINE * scale
        step = max(step, FINE * scale)
        grid = mu[0] + step * np.arange(np.ceil(np.ptp(mu) / step) + 1.0)
        at = np.column_stack([grid, np.full(grid.size, self._plane.outer.x[number])])
        density = self._model.marginal.log_density(at) + self._plane.log_share[number]
        logs = np.where(np.isnan(density), -np.inf, density) + np.log(step)
        if fine or grid.size <= POINTS:
            return _Row(number, grid, logs, tau)
        return _Row(number, grid, logs, tau, *self._split(tau, step))

    def _narrowest(self, mu: Floats, share: Floats) -> float:
        """The width of the narrowest hill of a row's density: at its scale, or its peaks' bend."""
        top = share.max()
        gap = np.diff(mu)
        logs = np.log(share / gap_weights(gap))
        slope = np.diff(logs) / gap
        bend = -2.0 * np.diff(slope) / (gap[1:] + gap[:-1])
        high = share[1:-1] > 1e-6 * top
        steepest = float(bend[high].max(initial=0.0))
        mean = share @ mu / share.sum()
        sd = float(np.sqrt(share @ (mu - mean) ** 2 / share.sum()))
        return sd if steepest <= sd**-2 else float(steepest**-0.5)

    def _split(self, tau: float, gap: float) -> tuple[int, float, tuple[Floats, Floats]]:
        """Which components a grid resolves, how far the others reach, and a rule for them."""
        sd = tau * np.exp(0.5 * self._law.log_scale)
        split = int(np.searchsorted(sd, NARROW * gap))
        weight = np.exp(self._law.log_weight[:split])
        rule = _gauss(sd[:split], weight)
        near = BEYOND * float(sd[split - 1]) if split else 0.0
        return split, near, rule

    @cached_property
    def signs(self) -> Floats:
        """What a node counts for in the sum, and in even less odd nodes, and rows, (nodes, 3)."""
        signs = np.ones((self.mu.size, 3))
        for one, start, end in zip(self.rows, self.first[:-1], self.first[1:], strict=True):
            signs[start + 1 : end : 2, 1] = -1.0
            if one.rule[0].size:  # the grid is fine
                signs[start:end, 1] = 0.0
            if one.number % 2:
                signs[start:end, 2] = -1.0
        return signs

    def at(self, z: Floats) -> tuple[Floats, Floats]:
        """Densities at places by nodes, (points, nodes), and the logs of their units, (points,)."""
        tau = np.array([one.tau for one in self.rows])
        split = np.array([one.split for one in self.rows], dtype=np.int64)
        near = np.array([one.near for one in self.rows])
        constant = float(self._law.log_density(np.zeros(1))[0])
        logs = self._law.kernel.log_densities(z, self.mu, self.first, tau, split, near, constant)
        top = logs.max(axis=1)
        logs -= top[:, None]
        found = np.exp(logs, out=logs)
        for one, start in zip(self.rows, self.first[:-1].tolist(), strict=True):
            if one.rule[0].size:
                self._add_narrow(one, z, top, found[:, start : start + one.mu.size])
        return found, top

    @staticmethod
    def _add_narrow(one: _Row, z: Floats, top: Floats, found: Floats) -> None:
        """Add what the narrow components have at places near the grid."""
        gap = float(one.mu[1] - one.mu[0])
        place = (z[:, None] - one.rule[0] - one.mu[0]) / gap
        inside = (place >= 0.0) & (place <= one.mu.size - 1.0)
        k, m = np.nonzero(inside)
        if not k.size:
            return
        at = place[k, m]
        first = np.clip(np.floor(at).astype(np.int64) - POINTS // 2 + 1, 0, one.mu.size - POINTS)
        away = (at - first)[:, None] - np.arange(POINTS)
        on = away == 0.0
        weight = _BARYCENTRIC / np.where(on, 1.0, away)
        weight = np.where(on.any(axis=1)[:, None], on, weight)
        weight /= weight.sum(axis=1, keepdims=True)
        with np.errstate(over="ignore"):
            weight *= (one.rule[1][m] * np.exp(-top[k]) / gap)[:, None]
        np.add.at(found, (k[:, None], first[:, None] + np.arange(POINTS)), weight)


def gap_weights(gap: Floats) -> Floats:
    """The length that each of some places stands for."""
    ends = np.concatenate([gap[:1], gap, gap[-1:]])
    lengths: Floats = 0.5 * (ends[1:] + ends[:-1])
    return lengths


def _gauss(sd: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """A Gauss rule for a mixture of normal densities about 0, by Lanczos on its own rules."""
    if not sd.size:
        return np.empty(0), np.empty(0)
    node, share = np.polynomial.hermite_e.hermegauss(2 * ORDER)
    unit = float(sd[-1])
    x = np.multiply.outer(sd / unit, node).ravel()
    w = np.multiply.outer(weight, share / share.sum()).ravel()
    whole, v = w.sum(), np.sqrt(w / w.sum())
    basis, off = [v], []
    for _ in range(ORDER - 1):
        u = x * basis[-1]
        for one in (*basis, *basis):  # twice: nothing of them is left
            u = u - (u @ one) * one
        size = float(np.linalg.norm(u))
        if size < 1e-14:
            break
        off.append(size)
        basis.append(u / size)
    matrix = np.diag(off, 1) + np.diag(off, -1)
    place, vectors = np.linalg.eigh(matrix)
    return unit * place, whole * vectors[0] ** 2


class HeavyDensities:
    """Log densities of effects on their line, at any points of it.

    Parameters
    ----------
    model : PlaneModel
    population : HeavyPopulation
    quantities : list of (int or None)
        Groups, and None for a new one.
    """

    def __init__(
        self, model: PlaneModel, population: HeavyPopulation, quantities: list[int | None]
    ) -> None:
        self._own, self._population = model.own_likelihood(quantities), population
        logs = population.log_weight - self._own.given_phi(population.phi)
        self._top = logs.max(axis=1)
        self._weight = np.exp(logs - self._top[:, None]).T.copy()

    def __call__(self, effect: Rows, z: Floats) -> Floats:
        """Log densities of effects, by their places in ``quantities``, at places on the line."""
        return self._at(effect, z)[0]

    def error(self, effect: Rows, z: Floats) -> Floats:
        """About the relative error of the densities at places on the line, shape (points,)."""
        return self._at(effect, z)[1]

    def on_panels(self, effect: Rows, z: Floats) -> tuple[Floats, Floats]:
        """Log densities at the nodes of panels, and their relative errors, (panels * nodes,)."""
        return self._at(np.repeat(effect, z.shape[1]), z.ravel())

    def _at(self, effect: Rows, z: Floats) -> tuple[Floats, Floats]:
        (total, *apart), unit = self._sums(effect, z)
        with np.errstate(divide="ignore", invalid="ignore"):
            off = (apart[0] / total) ** 2 + (apart[1] / total) ** 2
            logs = np.log(total) + unit + self._top[effect]
        return logs + self._own.given_effect(z, effect), off

    def _sums(self, effect: Rows, z: Floats) -> tuple[Floats, Floats]:
        """Sums over the nodes by their signs, (3, points), and the logs of their units."""
        places, which = np.unique(z, return_inverse=True)
        among, whose = np.unique(effect, return_inverse=True)
        which, whose = which.ravel(), whose.ravel()
        signed = self._weight[:, among, None] * self._population.signs[:, None]
        sums, unit = np.empty((z.size, 3)), np.empty(places.size)
        order = np.argsort(which, kind="stable")
        ends = np.searchsorted(which[order], np.arange(0, places.size + PLACES, PLACES))
        for k, start in enumerate(range(0, places.size, PLACES)):
            some, asked = slice(start, start + PLACES), order[ends[k] : ends[k + 1]]
            density, unit[some] = self._population.at(places[some])
            own, mine = np.unique(whose[asked], return_inverse=True)
            weight = signed[:, own] if own.size < among.size else signed
            found = (density @ weight.reshape(len(weight), -1)).reshape(len(density), -1, 3)
            sums[asked] = found[which[asked] - start, mine.ravel()]
        return sums.T, unit[which]

    def beyond(self, limit: float) -> Floats:
        """Nothing: the line has no places that are no doubles."""
        return np.zeros((self._top.size, 2))
