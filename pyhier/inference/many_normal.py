"""The exact posteriors of many data sets of the normal model, worked out in blocks."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyhier._threads import in_threads
from pyhier._types import Floats, Ints
from pyhier.inference.exact import exact
from pyhier.models.data_sets import DataSets, raise_first
from pyhier.models.normal_many import NormalMany, smooth
from pyhier.models.normal_normal import NormalNormal
from pyhier.posterior.batch_parts import Nodes, Part, panels_of
from pyhier.posterior.exact_line import ExactPosterior
from pyhier.posterior.normal_batch import NormalBatch
from pyhier.priors.standard_errors import NAMED
from pyhier.priors.tau import ResolvedPrior, resolve_prior
from pyhier.quadrature.many import Grids, alternating, place

BLOCK = 1024  # data sets at a time
SIZES = (56, 112, 224)  # nodes a data set
APART = 3e-7  # of sums over every other node: the error is about its square
FAR_NODES = 10.0  # times as good are moments of tau, whose nodes far out are sparse
MASS = 1e-10  # by which the mass on panels of tau's own density may differ
NEAR_NONE = 0.1  # of an exponent above a moment's: its tail is long


def exact_normal(
    data: tuple[Floats, Floats, bool], prior_mu: Any, prior_tau: Any, errors: str, workers: int
) -> NormalBatch:
    """The posteriors of data sets as `data_of` makes them."""
    prior = list(prior_tau) if isinstance(prior_tau, list | tuple) else prior_tau
    source = _Source(*data, prior_mu, prior)
    failed = source.wrong()
    parts: list[Part] = []
    alone: dict[int, ExactPosterior] = {}
    for solved, rest in _solved(source, failed, workers):
        parts += solved
        for i in rest:
            try:
                alone[i] = source.alone(i)
            except ValueError as error:
                failed[i] = str(error)
    raise_first(failed, errors)
    sets, groups = source.y.shape
    return NormalBatch((sets, groups), parts, source.alone, alone, failed)


@dataclass(frozen=True)
class _Source(DataSets):
    """What `exact_many` was given."""

    prior_mu: Any
    prior_tau: Any

    def model(self, i: int, **_: Any) -> NormalNormal:
        """One data set under its priors."""
        prior = self.prior_tau[i] if isinstance(self.prior_tau, list) else self.prior_tau
        return super().model(i, prior_mu=self.prior_mu, prior_tau=prior)

    def alone(self, i: int) -> ExactPosterior:
        """Its posterior by itself."""
        found = exact(self.model(i))
        assert isinstance(found, ExactPosterior)
        return found

    def wrong(self) -> dict[int, str]:
        """Data sets that are none, and why; errors of what all share are raised."""
        sets = len(self.y)
        if isinstance(self.prior_tau, list) and len(self.prior_tau) != sets:
            raise ValueError(
                f"prior_tau has {len(self.prior_tau)} priors and y {sets} data sets: give one for "
                "all, or one each"
            )
        one = self.prior_tau[0] if isinstance(self.prior_tau, list) else self.prior_tau
        resolve_prior(None, self.prior_mu, one, np.ones(3))
        return super().wrong()

    def priors(self, index: Ints) -> list[ResolvedPrior]:
        """The priors of data sets: one for all, unless they differ."""
        each = isinstance(self.prior_tau, list)
        if not each and not (isinstance(self.prior_tau, str) and self.prior_tau in NAMED):
            return [resolve_prior(None, self.prior_mu, self.prior_tau, np.ones(3))]
        found = []
        for i in index.tolist():
            prior = self.prior_tau[i] if each else self.prior_tau
            try:
                var = self.var[i, self.columns(i)]
                found.append(resolve_prior(None, self.prior_mu, prior, var))
            except (ValueError, TypeError) as error:
                raise type(error)(f"data set {i}: {error}") from None
        return found


Found = tuple[list[Part], list[int]]  # what is resolved, and what is left for `exact`


def _solved(source: _Source, failed: dict[int, str], workers: int) -> Iterator[Found]:
    """Blocks of data sets with as many groups, solved in threads where no Python code is called."""
    blocks = list(_blocks(source, failed))
    shared = not isinstance(source.prior_tau, list) and _compiled(source)
    yield from in_threads(partial(_solve, source), blocks, workers if shared else 1)


def _compiled(source: _Source) -> bool:
    prior = resolve_prior(None, source.prior_mu, source.prior_tau, np.ones(3))
    return prior.powers is not None and source.prior_tau not in NAMED


def _blocks(source: _Source, failed: dict[int, str]) -> Iterator[tuple[Ints, Ints]]:
    """Numbers of data sets, and the columns of their groups, of which they have as many."""
    groups = (~source.missing).sum(axis=1)
    groups[list(failed)] = 0
    order = np.argsort(~source.missing, axis=1, kind="stable")[:, ::-1]
    for size in np.unique(groups[groups > 0]).tolist():
        index = np.flatnonzero(groups == size)
        for i in range(0, index.size, BLOCK):
            part = index[i : i + BLOCK]
            yield part, np.sort(order[part, :size], axis=1)


def _solve(source: _Source, block: tuple[Ints, Ints]) -> Found:
    index, columns = block
    data = NormalMany(
        source.y[index[:, None], columns], source.var[index[:, None], columns],
        source.priors(index),
    )  # fmt: skip
    rest, can = np.zeros(index.size, dtype=np.bool_), _resolvable(data)
    rest[~can] = True
    parts = []
    left = np.flatnonzero(can)
    if left.size:
        whole = data[left]
        tilt = np.zeros(left.size) if isfinite(whole.end) else whole.moments
        grids, found = place(
            partial(_log_density, whole), *whole.scales, whole.beside(), whole.falls, tilt
        )
        rest[left[~found]] = True
        at = np.flatnonzero(found)
        for size in SIZES:
            if not at.size:
                break
            rows = left[at]
            part, good = _part(index[rows], columns[rows], whole[at], grids[at], size)
            if good.any():
                parts.append(part if good.all() else part[np.flatnonzero(good)])
            at = at[~good]
        rest[left[at]] = True
    return parts, index[rest].tolist()


def _log_density(data: NormalMany, rows: Ints, u: Floats) -> Floats:
    whole = rows.size == len(data.y)
    return (data if whole else data[rows]).given(u).log_density


def _resolvable(data: NormalMany) -> NDArray[np.bool_]:
    """Where the posterior is proper, and its prior of tau smooth; the rest goes to `exact`."""
    left, right = data.tail_indices
    proper = (left > 0.0) & (right > 0.0)
    long_tail = (left < NEAR_NONE) | (right < NEAR_NONE)
    for moment in (1.0, 2.0):
        long_tail |= (right > moment) & (right < moment + NEAR_NONE)
    low, high = data.log_scales
    first, last = float(low.min()), float(high.max())
    if len(data.priors) == 1:
        even = np.array([_even(data.prior, first, last)])
    else:  # one by one, and of one kind
        end = data.prior.support
        even = np.array([p.support == end and _even(p, first, last) for p in data.priors])
    can: NDArray[np.bool_] = proper & ~long_tail & even
    return can


def _even(prior: ResolvedPrior, low: float, high: float) -> bool:
    """Whether it is smooth where the data or the prior itself has structure."""
    own = prior.structure(low, high)
    return smooth(prior, min(low, own.low), max(high, own.high))


def _part(
    index: Ints, columns: Ints, data: NormalMany, grids: Grids, size: int
) -> tuple[Part, NDArray[np.bool_]]:
    """Data sets summed over so many nodes; and which of them these resolve."""
    z = grids.nodes(size)
    given = data.given(grids.x(z))
    logs = given.log_density + grids.log_slope(z)
    top = logs.max(axis=1)
    with np.errstate(invalid="ignore"):
        weight = np.exp(logs - top[:, None])
    total = weight.sum(axis=1)
    log_total = top + np.log(total) + np.log(grids.step(size))
    nodes = Nodes.of(data, given, weight / total[:, None])
    tau, exist = np.sqrt(given.tau2), data.moments
    apart = alternating(weight)
    for k in (1, 2):
        off = np.where(exist >= k, alternating(weight, tau**k), 0.0)
        apart = np.maximum(apart, FAR_NODES * off)
    mean, var, by_halves = nodes.moments()
    with np.errstate(invalid="ignore"):
        good = (apart <= APART) & np.isfinite(log_total)
        good &= (np.where(_finite(data), by_halves, 0.0) <= APART).all(axis=1)
        good &= panels_of(data, grids, size, log_total).off <= MASS
    part = Part(
        index, columns, data, grids, size, log_total,
        *_moments(data, nodes.tau_moments(), mean, var),
    )  # fmt: skip
    return part, good


def _moments(data: NormalMany, of_tau: Floats, mean: Floats, var: Floats) -> tuple[Floats, Floats]:
    """Means and sds of tau, mu, theta_new and theta; infinite or NaN where there are none."""
    exist = data.moments
    mean, var = (np.column_stack([a, b]) for a, b in zip(of_tau, (mean, var), strict=True))
    own = data.prior.mu is not None
    for k, none in ((0, np.inf), (2, np.nan), *(() if own else ((1, np.nan),))):
        mean[:, k] = np.where(exist > 0.0, mean[:, k], none)
        var[:, k] = np.where(exist > 1.0, var[:, k], np.inf)
    return mean, np.sqrt(var)


def _finite(data: NormalMany) -> NDArray[np.bool_]:
    """Which of mu, theta_new and theta have two moments, (data sets, 2 + groups)."""
    found = np.ones((len(data.y), 2 + data.y.shape[1]), dtype=np.bool_)
    found[:, 1] = data.moments > 1.0
    if data.prior.mu is None:
        found[:, 0] = found[:, 1]
    return found
