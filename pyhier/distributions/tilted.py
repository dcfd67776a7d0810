"""Normal distributions tilted by the likelihood of a count: effects given the hyperparameters."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import EllipsisType
from typing import Literal

import numpy as np

from pyhier._frozen import Frozen
from pyhier._types import Floats, Ints
from pyhier.distributions.families import ByMoments
from pyhier.distributions.likelihood_tables import EffectLikelihood, LikelihoodTables
from pyhier.kernels import normal_effects as kernel
from pyhier.kernels.count_masses import log_mass
from pyhier.quadrature.transforms import Line

LOG_2PI = float(np.log(2.0 * np.pi))
NODES, WEIGHTS = np.polynomial.legendre.leggauss(16)
NO_TABLES = np.zeros(1)
OFFSET = 4  # the row of offsets

Kind = Literal["binomial", "poisson", "table"]


@dataclass(frozen=True)
class Counts(Frozen):
    """Counts of groups with what they are out of; a size of 0 is no data.

    Attributes
    ----------
    kind : {"binomial", "poisson", "table"}
        The line of effects is that of logits, of logs, or of log odds ratios.
    data : ndarray, shape (6, groups)
        Counts, trials or exposures, the effects (plus offsets) that make the counts likeliest, the
        logs of their probabilities there, offsets, and where tables start.
    tables : ndarray
        Log likelihoods of log odds ratios.
    """

    kind: Kind
    data: Floats
    tables: Floats = field(default_factory=NO_TABLES.copy)

    @classmethod
    def of(
        cls,
        kind: Literal["binomial", "poisson"],
        y: Floats,
        size: Floats,
        offset: Floats | None = None,
    ) -> "Counts":
        """Counts of groups, each of shape (groups,); logits are effects plus offsets."""
        some, other = size > 0.0, size - y if kind == "binomial" else size
        with np.errstate(divide="ignore", invalid="ignore"):
            hat = np.where(some, np.log(y) - np.log(other), 0.0)
            rate = np.where(some, y / size, 0.5)
        highest = (
            log_mass("binomial", y, other, rate)
            if kind == "binomial"
            else log_mass("poisson", y, y)
        )
        none = np.zeros(y.size)
        moved = none if offset is None else offset
        return cls(kind, np.ascontiguousarray([y, size, hat, highest, moved, none]))

    @classmethod
    def of_tables(cls, likelihood: EffectLikelihood, tables: LikelihoodTables) -> "Counts":
        """Events of two arms, whose log likelihoods of the log odds ratio stand in tables."""
        none = np.zeros(likelihood.y.size)
        rows = [likelihood.y, likelihood.most, tables.hat, tables.highest, none, tables.start]
        return cls("table", np.ascontiguousarray(rows), tables.tables)

    def take(self, groups: int | Ints | Sequence[int]) -> "Counts":
        """Those of some groups."""
        return self._with(self.data[:, np.ravel(groups)])

    def distinct(self) -> tuple["Counts", Ints]:
        """Those that differ, and which of them each group's is, shape (groups,)."""
        data, which = np.unique(self.data, axis=1, return_inverse=True)
        return self._with(data), which.ravel()

    def _with(self, data: Floats) -> "Counts":
        return replace(self, data=np.ascontiguousarray(data))

    def with_none(self) -> "Counts":
        """The same, and after them a group without data."""
        return self._with(np.concatenate([self.data, np.zeros((len(self.data), 1))], axis=1))

    def log_likelihood(self, theta: Floats, group: Ints | EllipsisType = ...) -> Floats:
        """Log probabilities given effects (..., groups), or given one of a group each, (n,)."""
        groups = self.data.shape[1]
        of = np.arange(groups) if isinstance(group, EllipsisType) else group
        own = np.broadcast_to(of, np.shape(theta)).astype(np.int64).ravel()
        places = np.ascontiguousarray(theta, dtype=np.float64)
        logs: Floats = kernel.log_likelihoods(
            self.kind, self.data, self.tables, own, places.ravel()
        )
        return logs.reshape(places.shape)

    def laws(self, eta: Floats, log_tau: Floats) -> Floats:
        """Log probabilities, means and variances of effects, shape (3, groups, nodes).

        Of effects with means ``eta``, shape (nodes,) or (groups, nodes), and log sds (nodes,).
        """
        means = np.atleast_2d(eta)
        some = np.ascontiguousarray(log_tau, dtype=np.float64)
        if len(means) > 1:
            return kernel.laws(self.kind, self.data, self.tables, means, some)
        different, which = self.distinct()
        return kernel.laws(self.kind, different.data, self.tables, means, some)[:, which]


@dataclass(frozen=True)
class TiltedNormal(ByMoments):
    """Effects that are normal, given counts: the density is the normal one times the likelihood.

    Attributes
    ----------
    counts : Counts
        Of one group; of several, means and variances have shape (groups, nodes).
    eta, log_tau : ndarray, shape (nodes,)
        Of the normal distribution; eta may have shape (groups, nodes).
    """

    counts: Counts
    eta: Floats
    log_tau: Floats
    line: Line = "identity"

    @cached_property
    def _laws(self) -> Floats:
        found = self.counts.laws(self.eta, self.log_tau)
        return found[:, 0] if found.shape[1] == 1 else found

    @property
    def concentration(self) -> Floats:
        """The inverse of the variance."""
        return 1.0 / self.var

    @property
    def centre(self) -> Floats:
        """The mean."""
        return self.mean

    def near(self, d: Floats) -> Floats:
        """Log density at the mean plus ``d``."""
        z = self.mean + d
        away = (z - self.eta) * np.exp(-self.log_tau)
        own = self.counts.log_likelihood(z, np.zeros(1, dtype=np.intp))
        density: Floats = own - self.log_probability - 0.5 * (away**2 + LOG_2PI) - self.log_tau
        return density

    @property
    def _about(self) -> float:
        """A place from which distances are taken, so that those of narrow ones keep digits."""
        return float(self.mean.flat[0])

    def natural(self) -> tuple[Floats, Floats]:
        """Of the distance from a place and its square; `log_base` is the rest of the density."""
        precision, away = np.exp(-2.0 * self.log_tau), self.eta - self._about
        parameters = np.column_stack([away * precision, -0.5 * precision])
        partition = self.log_probability + self.log_tau + 0.5 * (away**2 * precision + LOG_2PI)
        return parameters, partition

    def statistics(self, z: Floats) -> Floats:
        """The distances and their squares."""
        d = z - self._about
        return np.column_stack([d, d * d])

    def log_base(self, z: Floats) -> Floats:
        """The log likelihood of the count, which is the same at all nodes."""
        return self.counts.log_likelihood(z, np.zeros(1, dtype=np.intp))

    def _tails(self, x: Floats, upper: bool) -> Floats:
        nodes = self.log_tau.size
        data = np.ascontiguousarray(np.repeat(self.counts.data, nodes, axis=1))
        eta = np.ascontiguousarray(np.broadcast_to(self.eta, nodes))
        points = np.ascontiguousarray(x, dtype=np.float64)
        tails: Floats = kernel.tails(
            self.counts.kind, data, self.counts.tables, eta, np.ascontiguousarray(self.log_tau),
            points, upper, NODES, WEIGHTS,
        )  # fmt: skip
        return tails
