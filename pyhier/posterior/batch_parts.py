"""Blocks of data sets whose posteriors are worked out together, with a row of nodes each."""

from dataclasses import dataclass, replace
from math import log

import numpy as np

from pyhier._frozen import Frozen
from pyhier._random import Generator, normals, uniforms
from pyhier._types import Floats, Ints
from pyhier.kernels import mixtures as kernel
from pyhier.kernels import panels as panels_kernel
from pyhier.models.normal_many import GivenTau, NormalMany
from pyhier.quadrature.many import ALMOST, DEEP, Grids, PanelRows
from pyhier.quadrature.rule import COEFFICIENTS, NODES, ORDER, WEIGHTS

ERROR, OF_TAIL = 1e-10, 1e-9  # of the probability below or above a quantile, and of the smaller
SMALL = 1e-4  # tails below which nodes go further out
SMALLEST, TINY = 1e-60, 1e-15  # quantiles' tails, and probabilities, for which they do
APART, OF_SMALL = 3e-7, 3e-5  # of a probability by every other node: the error is the square
MOST_SMALL = 1_000  # nodes for one that is small
MOST, MOST_PANELS = 20_000, 1_000  # nodes, and those to which panels of tau belong
SIZE = 5.5  # nodes to a panel of tau's own density in z


@dataclass(frozen=True)
class Nodes(Frozen):
    """Nodes of tau, a row a data set, and the effects that are mixtures over them.

    Attributes
    ----------
    weight : ndarray, shape (data sets, nodes)
        A row's add up to one.
    given : GivenTau
    y, var : ndarray, shape (data sets, 2 + groups)
        Estimates and their variances, as the kernel has them: of mu 0, of a new group's effect
        infinite, then those of the groups.
    """

    weight: Floats
    given: GivenTau
    y: Floats
    var: Floats

    @classmethod
    def of(cls, data: NormalMany, given: GivenTau, weight: Floats) -> "Nodes":
        """With the data's effects."""
        edge = np.zeros((len(data.y), 2))
        y = np.hstack([edge, data.y])
        edge[:, 1] = np.inf
        return cls(weight, given, y, np.hstack([edge, data.var]))

    @property
    def _table(self) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats]:
        return self.y, self.var, self.weight, self.given.tau2, self.given.mean, self.given.var

    def moments(self) -> Floats:
        """Means, variances, and how far these are off by halves, (3, data sets, 2 + groups)."""
        return kernel.effect_moments(*self._table)

    def tau_moments(self) -> Floats:
        """Means and variances of tau, shape (2, data sets)."""
        tau = np.sqrt(self.given.tau2)
        mean = (self.weight * tau).sum(axis=1)
        return np.stack([mean, (self.weight * (tau - mean[:, None]) ** 2).sum(axis=1)])

    def quantiles(self, q: Floats) -> Floats:
        """Quantiles of the effects, (2, data sets, 2 + groups, q), and the tails' errors."""
        with np.errstate(divide="ignore", invalid="ignore"):
            step = 0.5 * np.diff(np.log(self.given.tau2), axis=1, prepend=np.nan)
        # Trefethen and Weideman (2014), where it is analytic up to pi / 2 off; 0.6 is by trial.
        alias = np.exp(-0.6 * np.pi**2 / np.where(step > 0.0, step, 1.0))
        return kernel.effect_quantiles(q, *self._table, alias)


@dataclass(frozen=True)
class Part(Frozen):
    """Data sets with as many groups, each resolved by as many nodes.

    Attributes
    ----------
    index : ndarray of int, shape (data sets,)
        Their numbers in the batch.
    columns : ndarray of int, shape (data sets, groups)
        Where their groups stand in it.
    data : NormalMany
    grids : Grids
    size : int
        Nodes a data set.
    log_total : ndarray, shape (data sets,)
        Logs of the integrals of likelihood times prior.
    mean, sd : ndarray, shape (data sets, 3 + groups)
        Of tau, mu, theta_new and theta.
    """

    index: Ints
    columns: Ints
    data: NormalMany
    grids: Grids
    size: int
    log_total: Floats
    mean: Floats
    sd: Floats

    def __getitem__(self, rows: Ints) -> "Part":
        arrays = (self.log_total, self.mean, self.sd)
        return Part(
            self.index[rows], self.columns[rows], self.data[rows], self.grids[rows], self.size,
            *(array[rows] for array in arrays),
        )  # fmt: skip

    def nodes(self) -> Nodes:
        """The nodes; they are made anew each time, for they take more room than all else."""
        z = self.grids.nodes(self.size)
        given = self.data.given(self.grids.x(z))
        logs = given.log_density + self.grids.log_slope(z)
        logs += (np.log(self.grids.step(self.size)) - self.log_total)[:, None]
        return Nodes.of(self.data, given, np.exp(logs))

    def quantiles(self, q: Floats) -> Floats:
        """Quantiles of tau, mu, theta_new and theta, shape (data sets, 3 + groups, q).

        A data set's are NaN where no nodes carry the tails there.
        """
        part = self.reaching(float(np.minimum(q, 1.0 - q).min()))
        tau = part._tau_quantiles(q)[:, None]
        return np.concatenate([tau, part._effect_quantiles(q)], axis=1)

    def reaching(self, tail: float) -> "Part":
        """With nodes so far out that they carry a tail of this probability."""
        if tail >= SMALL:
            return self
        depth = 1.0 - np.log(max(tail, SMALLEST)) / (ALMOST * DEEP)
        grids, size = self.grids.wider(float(depth), self.size)
        return replace(self, grids=grids, size=size)

    def _effect_quantiles(self, q: Floats) -> Floats:
        """By more nodes where these do not carry the tails there; NaN where none do."""
        values, error = self.nodes().quantiles(q)
        rough = np.flatnonzero(~(error <= _tolerance(q)).all(axis=(1, 2)))
        if rough.size:
            finer = replace(self[rough], size=2 * self.size - 1)
            values[rough] = finer._effect_quantiles(q) if finer.size <= MOST else np.nan
        found: Floats = values
        return found

    def panels(self) -> PanelRows:
        """The densities of z, whose distribution functions are tau's."""
        return panels_of(self.data, self.grids, self.size, self.log_total)

    def tau(self, z: Floats) -> Floats:
        """Tau at z, of shape (data sets, ...)."""
        return np.exp(self.data.log_tau(self.grids.x(z)))

    def _tau_quantiles(self, q: Floats) -> Floats:
        panels, rows = self.panels(), self.index.size
        first = np.arange(rows + 1) * panels.start.shape[1]
        z, off = np.empty((rows, q.size)), np.empty((rows, q.size))
        for upper in (False, True):
            small = (q > 0.5) == upper
            outer = panels.above if upper else panels.below
            z[:, small] = panels_kernel.quantiles(
                1.0 - q[small] if upper else q[small], upper, outer.ravel(),
                first, panels.start.ravel(), panels.length.ravel(),
                panels.values.reshape(-1, ORDER), 0.0, NODES, WEIGHTS, COEFFICIENTS,
            )  # fmt: skip
            off[:, small] = panels.tail_off(z[:, small], upper)
        values = self.tau(z)
        rough = np.flatnonzero(~(off <= _tolerance(q)).all(axis=1))
        if rough.size:
            finer = replace(self[rough], size=2 * self.size - 1)
            values[rough] = finer._tau_quantiles(q) if finer.size <= MOST_PANELS else np.nan
        return values

    def chances(self, left: "Side", right: "Side") -> Floats:
        """The probability that one quantity, linear in mu given tau, is above another.

        NaN where no nodes tell.
        """
        found = self._chances(left, right, 0)
        small = np.flatnonzero((found > TINY) & (found < SMALL))
        if small.size:
            tail = max(float(found[small].min()), SMALLEST)
            found[small] = self[small].reaching(1e-3 * tail)._chances(left, right, MOST_SMALL)
        return found

    def _chances(self, left: "Side", right: "Side", most: int) -> Floats:
        """Up to so many nodes what is small is asked to be right beside itself."""
        from scipy.special import ndtr

        nodes = self.nodes()
        given = nodes.given
        (a, b, noise), (c, d, more) = left(self, given), right(self, given)
        shared = noise if left == right else 0.0
        slope = b - d
        mean = a - c + slope * given.mean
        sd = np.sqrt(noise + more - 2.0 * shared + slope**2 * given.var)
        with np.errstate(divide="ignore", invalid="ignore"):
            score = np.where(sd > 0.0, mean / sd, np.sign(mean) * np.inf)
        parts = nodes.weight * ndtr(np.nan_to_num(score, nan=-np.inf))
        above: Floats = parts.sum(axis=1)
        apart = np.abs(parts @ (1.0 - 2.0 * (np.arange(self.size) % 2)))
        enough = np.minimum(OF_SMALL * above, APART) if self.size < most else APART
        rough = np.flatnonzero(~(apart <= enough))
        if rough.size:
            finer = replace(self[rough], size=2 * self.size - 1)
            above[rough] = finer._chances(left, right, most) if finer.size <= MOST else np.nan
        return above

    def tau_tails(self, value: float) -> tuple[Floats, Floats]:
        """The probabilities of a smaller and of a larger tau."""
        rows = self.index.size
        if not value > 0.0:
            return np.zeros(rows), np.ones(rows)
        if value >= self.data.end:
            return np.ones(rows), np.zeros(rows)
        below, above = self._tau_tails(log(value))
        least = np.minimum(below, above)
        small = np.flatnonzero((least > TINY) & (least < SMALL))
        if small.size:
            part = self[small].reaching(max(float(least[small].min()), SMALLEST))
            part = replace(part, size=2 * part.size - 1)
            below[small], above[small] = part._tau_tails(log(value))
        return below, above

    def _tau_tails(self, log_value: float) -> tuple[Floats, Floats]:
        """By more panels where these are rough there."""
        panels = self.panels()
        z = self.grids.z(self.data.u(np.full((self.index.size, 1), log_value)))
        tails = np.stack(panels.tails(z[:, 0]))
        off = np.column_stack([panels.tail_off(z, upper) for upper in (False, True)]).T
        rough = np.flatnonzero((off > ERROR * np.minimum(1.0, tails)).any(axis=0))
        if rough.size and 2 * self.size <= MOST_PANELS:
            finer = replace(self[rough], size=2 * self.size - 1)
            tails[:, rough] = finer._tau_tails(log_value)
        return tails[0], tails[1]

    def draw(self, n: int, rng: Generator) -> dict[str, Floats]:
        """Independent draws, shape (draws, data sets) or (draws, data sets, groups)."""
        panels, rows = self.panels(), self.index.size
        z = np.empty((rows, n))
        first = np.array([0, panels.start.shape[1]])
        for d, u in enumerate(uniforms(rng, rows * n).reshape(rows, n)):
            z[d] = panels_kernel.quantiles(
                u * panels.below[d, -1], False, panels.below[d], first, panels.start[d],
                panels.length[d], panels.values[d], 0.0, NODES, WEIGHTS, COEFFICIENTS,
            )[0]  # fmt: skip
        given = self.data.given(self.grids.x(z))
        mu = (given.mean + np.sqrt(given.var) * normals(rng, (rows,), n)).T
        tau2 = given.tau2.T
        total = self.data.var + tau2[..., None]
        rest = tau2[..., None] / total
        theta = self.data.y * rest + self.data.var / total * mu[..., None]
        theta += np.sqrt(self.data.var * rest) * normals(rng, (n, rows), self.data.y.shape[1])
        tau = np.sqrt(tau2)
        new = mu + tau * normals(rng, (n,), rows)
        return {"mu": mu, "tau": tau, "theta": theta, "theta_new": new}


def panels_of(data: NormalMany, grids: Grids, size: int, log_total: Floats) -> PanelRows:
    """Densities of z with these integrals, on panels."""

    def log_density(rows: Ints, u: Floats) -> Floats:
        return data.given(u).log_density

    return PanelRows.of(grids, int(size / SIZE), log_density, log_total)


def _tolerance(q: Floats) -> Floats:
    """How far off the tails at quantiles may be."""
    found: Floats = np.minimum(ERROR, OF_TAIL * np.minimum(q, 1.0 - q))
    return found


@dataclass(frozen=True)
class Side:
    """One side of a comparison: intercept, slope in mu and noise, given tau.

    Attributes
    ----------
    name : str or float
        ``"mu"``, ``"theta_new"`` or a number; of a group's effect its column.
    column : int
    """

    name: str | float
    column: int = -1

    def __call__(
        self, part: Part, given: GivenTau
    ) -> tuple[Floats | float, Floats | float, Floats | float]:
        """Of a part's data sets at their nodes, each number or (data sets, nodes)."""
        if isinstance(self.name, float):
            return self.name, 0.0, 0.0
        if self.name == "mu":
            return 0.0, 1.0, 0.0
        if self.name == "theta_new":
            return 0.0, 1.0, given.tau2
        at = (part.columns == self.column).argmax(axis=1)
        rows = np.arange(part.index.size)
        y, v = part.data.y[rows, at][:, None], part.data.var[rows, at][:, None]
        rest = given.tau2 / (v + given.tau2)
        return y * rest, v / (v + given.tau2), v * rest
