"""Densities with gradients of groups within groups: marginal, centred and non-centred.

The coordinates are phi, then one of every group of every level, the outermost level first. Centred
they are the mean effects in the groups of the upper levels, ``LEVEL[LABEL]`` with the mean
covariates there, and the effects of the finest groups; non-centred the standardised distances of
these from the group above.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pyhier._types import Floats
from pyhier.kernels.gradients import GradientDensity
from pyhier.kernels.joint_levels import LevelsGradient
from pyhier.models.covariates import LOG_2PI
from pyhier.models.exponential_quadratics import (
    ExponentialQuadratic,
    Exponents,
    Quadratic,
    known_quadratic,
    linear,
    products,
    squares,
)
from pyhier.models.joint import EffectChart, Joint, Kind, NormalEffectTargets, priors_of_psi
from pyhier.models.nesting import Nesting, Places
from pyhier.models.target import Groups


class LevelTargets(NormalEffectTargets):
    """What `MultilevelNormal` has of targets beyond its marginal: effects of every level."""

    def _marginal_gradient(self) -> GradientDensity:
        return _density(self, "marginal")

    def _joint(self, kind: Kind) -> Joint:
        model: Any = self
        return Joint(
            model, kind, _density(model, kind), _chart(model, kind), model.bounds,
            lambda: _form(model, kind),
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Nodes:
    """The groups of all levels in one row, the outermost level first.

    Attributes
    ----------
    nesting : Nesting
    first : ndarray of int, shape (levels + 1,)
        Where each level begins, and the end.
    parent : ndarray of int, shape (nodes,)
        Each one's group in the level above; -1 at the outermost.
    level : ndarray of int, shape (nodes,)
    x : ndarray, shape (nodes, p)
        Their covariates: means over the finest groups there.
    """

    nesting: Nesting
    first: Places
    parent: Places
    level: Places
    x: Floats

    @staticmethod
    def of(nesting: Nesting, x: Floats) -> "Nodes":
        """The nodes of a tree whose finest groups have covariates x."""
        first = np.concatenate([[0], np.cumsum(nesting.sizes)]).astype(np.intp)
        parent = [np.full(nesting.sizes[0], -1)]
        parent += [to + start for to, start in zip(nesting.parent, first, strict=False)]
        rows = []
        for k, size in enumerate(nesting.sizes):
            group = nesting.above(k)
            sums = np.zeros((size, x.shape[1]))
            np.add.at(sums, group, x)
            rows.append(sums / np.bincount(group)[:, np.newaxis])
        rows[-1] = x
        level = np.repeat(np.arange(nesting.depth), nesting.sizes)
        whole = np.concatenate(parent).astype(np.intp)
        return Nodes(nesting, first, whole, level, np.concatenate(rows))

    @property
    def finest(self) -> int:
        """Where the finest groups begin."""
        return int(self.first[-2])

    @cached_property
    def apart(self) -> Floats:
        """Covariates of every node less its parent's."""
        above = np.where(self.parent[:, np.newaxis] < 0, 0.0, self.x[self.parent])
        return np.ascontiguousarray(self.x - above)

    def needs(self, groups: NDArray[np.intp]) -> Places:
        """Some of the finest groups and all that they are within."""
        found = at = self.finest + groups
        for _ in range(len(self.first) - 2):
            at = self.parent[at]
            found = np.concatenate([found, at])
        return np.unique(found)

    def summed(self, steps: Floats, at: Places) -> Floats:
        """Centres from distances to the centres above, of nodes whose parents are among them."""
        centres = np.array(steps)
        for k in range(1, len(self.first) - 1):
            own = np.flatnonzero(self.level[at] == k)
            centres[..., own] += centres[..., np.searchsorted(at, self.parent[at[own]])]
        return centres

    def centres(self, finest: Floats, tau: Floats) -> Floats:
        """All nodes' centres: the finest ones', and the means of those above given these.

        Parameters
        ----------
        finest : ndarray, shape (..., finest groups)
        tau : ndarray, shape (..., levels)
        """
        depth = len(self.first) - 1
        found = np.empty((*finest.shape[:-1], len(self.parent)))
        var = np.zeros_like(found)  # of what the members say
        found[..., self.finest :] = finest
        for k in range(depth - 1, 0, -1):
            own, to = slice(self.first[k], self.first[k + 1]), slice(*self.first[k - 1 : k + 1])
            order, starts = self.nesting.gathered(k)
            weight = 1.0 / (var[..., own] + tau[..., k, np.newaxis] ** 2)
            total = np.add.reduceat(weight[..., order], starts, axis=-1)
            sums = np.add.reduceat((weight * found[..., own])[..., order], starts, axis=-1)
            found[..., to], var[..., to] = sums / total, 1.0 / total
        for k in range(depth - 1):
            own = slice(self.first[k], self.first[k + 1])
            above = found[..., self.parent[own]] if k else 0.0
            square = tau[..., k, np.newaxis] ** 2
            share = square / (square + var[..., own])
            found[..., own] = above + share * (found[..., own] - above)
        return found


def _nodes(model: Any) -> Nodes:
    return Nodes.of(model.nesting, model.covariates.x)


def _constant(model: Any, nodes: Nodes, kind: str) -> float:
    """What does not depend on the coordinates."""
    prior = model.covariates.prior
    constant: float = model.log_constant - 0.5 * float(np.log(model.var).sum())
    constant += float(prior.log_density(prior.mean))
    return constant if kind == "marginal" else constant - 0.5 * len(nodes.parent) * LOG_2PI


def _density(model: Any, kind: Kind | Literal["marginal"]) -> LevelsGradient:
    nodes, prior = _nodes(model), model.covariates.prior
    x = np.ascontiguousarray(model.covariates.x)
    return LevelsGradient(
        kind, model.y, x, model.var, nodes.first, nodes.parent, nodes.apart, prior.mean,
        np.ascontiguousarray(prior.root), _constant(model, nodes, kind), priors_of_psi(model),
    )  # fmt: skip


# --- Charts ---------------------------------------------------------------------------------------


def _chart(model: Any, kind: str) -> EffectChart:
    nodes, nesting = _nodes(model), model.nesting
    p = model.covariates.size
    upper = [
        f"{level}[{label}]"
        for level, labels in zip(nesting.levels[:-1], nesting.labels, strict=False)
        for label in labels
    ]

    def centres(phi: Floats, theta: Floats) -> tuple[Floats, Floats]:
        """Of all nodes, less their predictors; and the taus."""
        tau = np.exp(phi[..., p:])
        return nodes.centres(theta - phi[..., :p] @ model.covariates.x.T, tau), tau

    def to_centred(phi: Floats, theta: Floats, _: Groups) -> Floats:
        found = centres(phi, theta)[0] + phi[..., :p] @ nodes.x.T
        found[..., nodes.finest :] = theta
        return found

    def from_centred(phi: Floats, u: Floats, at: Groups) -> Floats:
        groups = np.arange(model.y.size)[at].size
        return u[..., u.shape[-1] - groups :]

    def to_standard(phi: Floats, theta: Floats, _: Groups) -> Floats:
        found, tau = centres(phi, theta)
        above = np.where(nodes.parent < 0, 0.0, found[..., nodes.parent])
        z: Floats = (found - above) / tau[..., nodes.level]
        return z

    def from_standard(phi: Floats, z: Floats, at: Groups) -> Floats:
        groups = np.arange(model.y.size)[at]
        whole = z.shape[-1] == len(nodes.parent)
        there = np.arange(z.shape[-1]) if whole else nodes.needs(groups)
        found = nodes.summed(np.exp(phi[..., p:])[..., nodes.level[there]] * z, there)
        own = found[..., np.searchsorted(there, nodes.finest + groups)]
        effects: Floats = phi[..., :p] @ model.covariates.x[at].T + own
        return effects

    if kind == "centred":
        own = nodes.finest
        return EffectChart("theta", to_centred, from_centred, lambda at: own + at, tuple(upper))
    above = tuple(f"z_{name}" for name in upper)
    return EffectChart("z", to_standard, from_standard, nodes.needs, above)


# --- Closed forms ---------------------------------------------------------------------------------


def _form(model: Any, kind: str) -> ExponentialQuadratic:
    """The joint density as sums of exponentials of log taus times quadratics."""
    nodes, prior = _nodes(model), model.covariates.prior
    p, depth = model.covariates.size, model.nesting.depth
    size = p + depth + len(nodes.parent)
    about = np.zeros(size)
    about[:p] = model.about
    terms = _centred_terms if kind == "centred" else _standard_terms
    found = terms(model, nodes, about)
    plain = found[()] + linear(size, p, 0.0, _constant(model, nodes, kind))
    for k in range(depth):
        groups = model.nesting.sizes[k] if kind == "centred" else 0
        plain += linear(size, p + k, 1.0 - groups, 0.0)
    plain += known_quadratic(prior.root, prior.mean - about[:p], size)
    resolved = enumerate(model.prior.resolved)
    priors = {p + k: one.log_density for k, one in resolved if one.density is not None}
    return ExponentialQuadratic({**found, (): plain}, priors, about)


def _rows(model: Any, nodes: Nodes) -> tuple[Any, Any]:
    """Sparse rows that pick every node, and every node's predictor less its parent's."""
    import scipy.sparse

    sp: Any = scipy.sparse
    before = model.covariates.size + model.nesting.depth
    n = len(nodes.parent)
    own = sp.hstack([sp.csr_matrix((n, before)), sp.identity(n)]).tocsr()
    apart = sp.hstack([
        sp.csr_matrix(nodes.apart), sp.csr_matrix((n, model.nesting.depth + n))
    ]).tocsr()  # fmt: skip
    return own, apart


def _centred_terms(model: Any, nodes: Nodes, about: Floats) -> dict[Exponents, Quadratic]:
    p, depth = model.covariates.size, model.nesting.depth
    own, apart = _rows(model, nodes)
    about[p + depth :] = nodes.x @ about[:p]
    about[p + depth + nodes.finest :] = model.y
    terms: dict[Exponents, Quadratic] = {}
    for k in range(depth):
        at = np.arange(nodes.first[k], nodes.first[k + 1])
        rows = own[at] - apart[at]
        if k:
            rows = rows - own[nodes.parent[at]]
        terms[((p + k, -2),)] = squares(rows, np.ones(at.size), -(rows @ about))
    weight = 1.0 / model.var
    terms[()] = squares(own[nodes.finest :], weight, np.zeros(weight.size))
    return terms


def _standard_terms(model: Any, nodes: Nodes, about: Floats) -> dict[Exponents, Quadratic]:
    import scipy.sparse

    sp: Any = scipy.sparse
    p, depth = model.covariates.size, model.nesting.depth
    own, _ = _rows(model, nodes)
    n, weight = model.y.size, 1.0 / model.var
    away, none = model.y - model.covariates.x @ about[:p], np.zeros(n)
    predictor = sp.hstack([
        sp.csr_matrix(model.covariates.x), sp.csr_matrix((n, own.shape[1] - p))
    ]).tocsr()  # fmt: skip
    groups = own.shape[0]
    plain = squares(predictor, weight, away) + squares(own, np.ones(groups), np.zeros(groups))
    terms: dict[Exponents, Quadratic] = {(): plain}
    steps = [own[nodes.first[k] + model.nesting.above(k)] for k in range(depth)]
    for k, step in enumerate(steps):
        terms[((p + k, 1),)] = products(predictor, step, weight, away)
        terms[((p + k, 2),)] = squares(step, weight, none)
        for i, other in enumerate(steps[:k]):
            terms[((p + i, 1), (p + k, 1))] = products(other, step, weight, none)
    return terms
