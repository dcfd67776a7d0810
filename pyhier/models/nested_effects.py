"""Effects of groups within groups, given the coefficients and every level's tau.

From the finest level up a group's members say where its centre is (`upward`); from the outermost
level down a centre is what its members and the level above say of it (`downward`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from pyhier._frozen import Frozen
from pyhier._random import Generator, normals
from pyhier._types import Floats
from pyhier.models.covariates import LOG_2PI, Covariates
from pyhier.models.nesting import Nesting, Places
from pyhier.models.reductions import Linear

BLOCK = 2**20  # numbers of a table that is held at a time


@dataclass(frozen=True, eq=False)
class Members:
    """What the members of a level's groups say of their centres, at nodes of the taus.

    Attributes
    ----------
    precision : ndarray, shape (groups, nodes)
        Of their weighted mean.
    mean : ndarray, shape (groups, 1 + p, nodes)
        That mean of x and of y, y last.
    """

    precision: Floats
    mean: Floats


def upward(nesting: Nesting, columns: Floats, var: Floats, tau2: Floats) -> list[Members]:
    """What the members say of every group, for all levels, the outermost first.

    Parameters
    ----------
    nesting : Nesting
    columns : ndarray, shape (finest groups, p + 1)
        The design and the estimates.
    var : ndarray, shape (finest groups,)
    tau2 : ndarray, shape (nodes, levels)
    """
    found = [Members(1.0 / var[:, np.newaxis], columns[:, :, np.newaxis])]
    for level in range(nesting.depth - 1, 0, -1):
        order, first = nesting.gathered(level)
        below = found[0]
        weight = 1.0 / (1.0 / below.precision + tau2[:, level])
        weight, mean = weight[order], below.mean[order]
        total = np.add.reduceat(weight, first, axis=0)
        share = weight / np.repeat(total, np.diff(np.append(first, order.size)), axis=0)
        found.insert(0, Members(total, np.add.reduceat(share[:, np.newaxis] * mean, first, axis=0)))
    return found


@dataclass(frozen=True, eq=False)
class Centre:
    """The sum of a group's effects of all levels down to its own, given beta and the taus.

    It is intercept + offset' beta + normal noise; with the group's own members' mean of x added,
    ``lean`` is what is left of that: nothing cancels where the data say all.

    Attributes
    ----------
    intercept, var : ndarray, shape (groups, nodes)
    lean : ndarray, shape (groups, p, nodes)
    x : ndarray, shape (groups, p, nodes) or (groups, p, 1)
        The members' mean of x: the offset is lean - x.
    """

    intercept: Floats
    lean: Floats
    var: Floats
    x: Floats


def downward(
    members: Members, tau2: Floats, at: Places, above: Centre | None, parent: Places
) -> Centre:
    """Centres of groups of one level, given their own groups' centres of the level above.

    Parameters
    ----------
    members : Members
        Of all groups of the level.
    tau2 : ndarray, shape (nodes,)
        Of the level.
    at : ndarray of int
        The groups that are wanted.
    above : Centre or None
        Of the level above; None at the outermost.
    parent : ndarray of int
        The place in ``above`` of each of ``at``.
    """
    kept = 1.0 / (1.0 + tau2 * members.precision[at])  # of what the level above says
    share = tau2 * members.precision[at] * kept
    x, y = members.mean[at, :-1], members.mean[at, -1]
    own, noise = share * y, tau2 * kept
    if above is None:
        return Centre(own, kept[:, np.newaxis] * x, noise, x)
    lean = kept[:, np.newaxis] * (x - above.x[parent] + above.lean[parent])
    intercept = kept * above.intercept[parent] + own
    return Centre(intercept, lean, kept**2 * above.var[parent] + noise, x)


@dataclass(frozen=True, eq=False)
class Place:
    """Where in a tree effects are: groups of one level, or new ones below them.

    Attributes
    ----------
    level : int
        Of the groups; -1 for new groups of every level.
    at : ndarray of int, shape (effects,)
        Which groups.
    x : ndarray, shape (effects, p)
        Their covariates.
    new : tuple of int
        The levels at which they are new.
    single : bool
        Whether it is one effect, without an axis of effects.
    """

    level: int
    at: Places
    x: Floats
    new: tuple[int, ...] = ()
    single: bool = True

    def with_row(self, row: Floats) -> "Place":
        """The same with other covariates."""
        return replace(self, x=row[np.newaxis])


@dataclass(frozen=True, eq=False)
class Tree(Frozen):
    """Estimates of the finest groups, with what belongs to what.

    Attributes
    ----------
    nesting : Nesting
    y, var : ndarray, shape (groups,)
    x : ndarray, shape (groups, p)
    """

    nesting: Nesting
    y: Floats
    x: Floats
    var: Floats

    # --- Where effects are ------------------------------------------------------------------

    def finest(self, at: Places | np.intp) -> Place:
        """Some of the finest groups; one of them without an axis."""
        several = np.atleast_1d(at)
        return Place(self.nesting.depth - 1, several, self.x[several], (), np.ndim(at) == 0)

    def named(self, name: str) -> Place:
        """``theta_new``, ``LEVEL[LABEL]`` or ``theta_new[LEVEL[LABEL]]``; KeyError for another."""
        levels = tuple(range(self.nesting.depth))
        if name == "theta_new":
            return Place(-1, np.zeros(1, dtype=np.intp), self.x.mean(axis=0)[np.newaxis], levels)
        if name.startswith("theta_new[") and name.endswith("]"):
            inside = self.named(name[len("theta_new[") : -1])
            return replace(inside, new=levels[inside.level + 1 :])
        for level, (kind, labels) in enumerate(
            zip(self.nesting.levels[:-1], self.nesting.labels, strict=False)
        ):
            bare = name[len(kind) + 1 : -1]
            if name == f"{kind}[{bare}]" and bare in labels:
                j = labels.index(bare)
                x = self.x[self.nesting.above(level) == j].mean(axis=0)
                return Place(level, np.array([j], dtype=np.intp), x[np.newaxis])
        raise KeyError(name)

    # --- Their distribution given the taus ---------------------------------------------------

    def linear(self, place: Place, tau2: Floats) -> Linear:
        """The effects at a place as linear functions of beta, at nodes (nodes, levels) of tau^2."""
        noise = tau2[:, list(place.new)].sum(axis=1)
        if place.level < 0:
            x = place.x[..., np.newaxis]
            return Linear(0.0, 1.0, noise, True, x[0] if place.single else x)
        centre = self._centre(place.level, place.at, tau2)
        direction = place.x[..., np.newaxis] - centre.x + centre.lean
        grows = place.level < self.nesting.depth - 1
        parts = centre.intercept, centre.var + noise, direction
        intercept, var, direction = (part[0] for part in parts) if place.single else parts
        return Linear(intercept, 1.0, var, grows, direction)

    def own(self, level: int, j: int, tau2: Floats) -> Linear:
        """The effect of one group at its own level, beside those of the levels above."""
        nothing = np.zeros((1, self.x.shape[1]))
        place = Place(level, np.array([j], dtype=np.intp), nothing)
        whole = self.linear(place, tau2)
        if level == 0:
            return whole
        above = replace(place, level=level - 1, at=self.nesting.parent[level - 1][[j]])
        upper = self.linear(above, tau2)
        return Linear(
            whole.intercept - upper.intercept,
            1.0,
            self.var_of_difference(place, above, tau2),
            True,
            np.asarray(whole.direction) - np.asarray(upper.direction),
        )

    def _centre(self, level: int, at: Places, tau2: Floats) -> "Centre":
        """Centres of groups of a level; of what belongs to other outermost groups none is made."""
        top = at
        for k in range(level, 0, -1):
            top = self.nesting.parent[k - 1][top]
        inside, kept = self.nesting.within(np.unique(top))
        columns = np.column_stack([self.x, self.y])[kept[-1]]
        var, here = self.var[kept[-1]], np.searchsorted(kept[level], at)
        parts = [
            _centre_at(inside, columns, var, tau2[block], level, here)
            for block in _blocks(len(tau2), columns.size + at.size * columns.shape[1])
        ]
        return Centre(*(np.concatenate(part, axis=-1) for part in zip(*parts, strict=True)))

    def var_of_difference(self, first: Place, second: Place, tau2: Floats) -> Floats:
        """Variance of the difference of two effects given beta: what they share cancels."""
        ways = [self._way(place, tau2) for place in (first, second)]
        shared = sum(1 for a, b in zip(*(way[0] for way in ways), strict=False) if a == b)
        common = np.zeros(len(tau2))
        for kept, noise in ways[0][1][:shared]:
            common = kept**2 * common + noise
        total, weights = np.zeros(len(tau2)), []
        for place, (_, steps) in zip((first, second), ways, strict=True):
            own, weight = np.zeros(len(tau2)), np.ones(len(tau2))
            for kept, noise in steps[shared:]:
                own, weight = kept**2 * own + noise, weight * kept
            total += own + tau2[:, list(place.new)].sum(axis=1)
            weights.append(weight)
        total += (weights[0] - weights[1]) ** 2 * common
        return total

    def _way(self, place: Place, tau2: Floats) -> tuple[list[int], list[tuple[Floats, Floats]]]:
        """The groups passed on the way down; what each keeps of the one above, and its noise."""
        if place.level < 0:
            return [], []
        groups = [int(place.at[0])]
        for k in range(place.level, 0, -1):
            groups.insert(0, int(self.nesting.parent[k - 1][groups[0]]))
        inside, at = self.nesting.within(np.array(groups[:1]))
        columns = np.column_stack([self.x, self.y])[at[-1]]
        members = upward(inside, columns, self.var[at[-1]], tau2)
        steps = []
        for k, group in enumerate(groups):
            precision = members[k].precision[int(np.searchsorted(at[k], group))]
            kept = 1.0 / (1.0 + tau2[:, k] * precision)
            steps.append((kept, tau2[:, k] * kept))
        return groups, steps

    def draws(
        self, beta: Floats, tau2: Floats, rng: Generator, unit: Floats | float = 1.0
    ) -> Floats:
        """Draws of the finest effects, (n, groups), given beta (n, p) and tau^2 (n, levels).

        Where all variances are over a common one, its sd is the ``unit``, (n, 1).
        """
        z = [unit * normals(rng, (len(beta),), size) for size in self.nesting.sizes]
        columns = np.column_stack([self.x, self.y])
        theta = np.empty((len(beta), self.y.size))
        for block in _blocks(len(beta), columns.size):
            members = upward(self.nesting, columns, self.var, tau2[block])
            theta[block] = self._drawn(members, beta[block], tau2[block], [u[block] for u in z])
        return theta

    def _drawn(
        self, members: "list[Members]", beta: Floats, tau2: Floats, z: list[Floats]
    ) -> Floats:
        centre = np.zeros((1, len(beta)))
        parents = [np.zeros(self.nesting.sizes[0], dtype=np.intp), *self.nesting.parent]
        for k, (level, parent) in enumerate(zip(members, parents, strict=True)):
            kept = 1.0 / (1.0 + tau2[:, k] * level.precision)
            line = np.einsum(
                "jpn,np->jn",
                np.broadcast_to(level.mean[:, :-1], (len(parent), beta.shape[1], len(beta))),
                beta,
            )
            away = level.mean[:, -1] - line
            own = tau2[:, k] * level.precision * kept
            centre = kept * centre[parent] + own * away + np.sqrt(tau2[:, k] * kept) * z[k].T
        return (self.x @ beta.T + centre).T


def _centre_at(
    nesting: Nesting, columns: Floats, var: Floats, tau2: Floats, level: int, at: Places
) -> tuple[Floats, Floats, Floats, Floats]:
    members = upward(nesting, columns, var, tau2)
    wanted, found = [at], None
    for k in range(level, 0, -1):
        wanted.insert(0, np.unique(nesting.parent[k - 1][wanted[0]]))
    for k, groups in enumerate(wanted):
        parent = np.searchsorted(wanted[k - 1], nesting.parent[k - 1][groups]) if k else groups
        found = downward(members[k], tau2[:, k], groups, found, parent)
    assert found is not None
    x = np.broadcast_to(found.x, found.lean.shape)
    return found.intercept, found.lean, found.var, x


def _blocks(nodes: int, numbers: int) -> Iterator[slice]:
    """Nodes, as many at a time as make tables of a few megabytes."""
    size = max(1, BLOCK // numbers)
    for i in range(0, nodes, size):
        yield slice(i, min(i + size, nodes))


def prior_draws(nesting: Nesting, tau: Floats, rng: Generator) -> Floats:
    """Sums of the effects of all levels, without data, (n, finest groups), at tau (n, levels)."""
    total = np.zeros((len(tau), nesting.sizes[-1]))
    for level, size in enumerate(nesting.sizes):
        drawn = tau[:, [level]] * normals(rng, (len(tau),), size)
        total += drawn[:, nesting.above(level)]
    return total


def pooled(y: Floats, var: Floats, group: Places) -> tuple[Floats, Floats, float]:
    """One estimate a group with its variance, and the log likelihood of what lies about them."""
    counts = np.bincount(group)
    if counts.max() == 1:
        order = np.argsort(group)
        return y[order].copy(), var[order].copy(), 0.0
    weight = 1.0 / var
    total = np.bincount(group, weight)
    mean = np.bincount(group, weight * y) / total
    within = np.log(var).sum() + np.log(total).sum() + (y.size - counts.size) * LOG_2PI
    within += (weight * (y - mean[group]) ** 2).sum()
    return mean, 1.0 / total, -0.5 * float(within)


def constant_within(group: Places, design: Covariates) -> int:
    """How many combinations of the flat coefficients have one value within every group."""
    _, size, basis = np.linalg.svd(design.prior.root, full_matrices=True)
    flat = design.x @ basis[len(size) :].T
    if not flat.shape[1]:
        return 0
    counts = np.bincount(group)
    means = np.column_stack([np.bincount(group, column) / counts for column in flat.T])
    scale = np.sqrt((flat**2).sum(axis=0))
    apart = int(np.linalg.matrix_rank((flat - means[group]) / scale, tol=1e-9))
    return int(flat.shape[1]) - apart
