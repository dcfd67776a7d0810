"""The exact posteriors of many data sets of the normal model at once."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyhier._types import Floats, Ints
from pyhier._validation import count, float_array
from pyhier.inference.exact import exact
from pyhier.models.data_sets import DataSets, check_errors, data_of, raise_first
from pyhier.models.normal_many import NormalMany, smooth
from pyhier.models.normal_normal import NormalNormal
from pyhier.posterior.batch import PosteriorBatch
from pyhier.posterior.batch_parts import Nodes, Part, panels_of
from pyhier.posterior.exact_line import ExactPosterior
from pyhier.priors.standard_errors import NAMED
from pyhier.priors.tau import ResolvedPrior, TauPrior, resolve_prior
from pyhier.quadrature.many import Grids, alternating, place

if TYPE_CHECKING:
    import pandas as pd

BLOCK = 1024  # data sets at a time
SIZES = (56, 112, 224)  # nodes a data set
APART = 3e-7  # of sums over every other node: the error is about its square
FAR_NODES = 10.0  # times as good are moments of tau, whose nodes far out are sparse
MASS = 1e-10  # by which the mass on panels of tau's own density may differ
NEAR_NONE = 0.1  # of an exponent above a moment's: its tail is long


def exact_many(
    y: ArrayLike,
    *,
    se: ArrayLike | None = None,
    var: ArrayLike | None = None,
    prior_mu: Any = None,
    prior_tau: TauPrior | Sequence[TauPrior] = "uniform",
    errors: str = "raise",
    threads: int | None = None,
) -> PosteriorBatch:
    """Compute the whole posteriors of many data sets of the normal model by quadrature.

    Each is what ``exact(NormalNormal(y[i], se=se[i], ...))`` returns, to 1e-9 of an sd or better,
    several times as fast.

    Parameters
    ----------
    y : array_like, shape (data sets, groups)
        Estimates; NaN where a data set has no such group.
    se, var : array_like, shape (data sets, groups) or (groups,)
        Their standard errors, or their variances: one of the two.
    prior_mu : scipy.stats.norm(mean, sd), optional
        As of `NormalNormal`.
    prior_tau : str, frozen distribution, callable, or a list of them
        As of `NormalNormal`; a list has one for each data set.
    errors : {"raise", "mark"}
        What a data set without a posterior does: an error that names it, or NaN in its place and
        the reason in ``failed``.
    threads : int, optional
        How many share the work; all processors without it. The result is the same for any number.

    Returns
    -------
    PosteriorBatch

    Raises
    ------
    ValueError, TypeError
        If an argument cannot be used, naming it, the data set (from 0) and the group.

    See Also
    --------
    exact : One data set, of any model.

    Notes
    -----
    Every data set has a grid of its own, uniform after a double exponential change of variable. The
    sums over its even and over its odd nodes say how good it is; what is not resolved by 224 nodes,
    or under priors given as functions with kinks or narrow peaks, is worked out by `exact`.

    Examples
    --------
    >>> import numpy as np, pyhier as ph
    >>> rng = np.random.default_rng(1)
    >>> y = rng.normal(0.3, np.hypot(0.2, 0.5), (1000, 8))  # tau = 0.2, se = 0.5
    >>> batch = ph.exact_many(y, se=np.full(8, 0.5))
    >>> low, high = batch.interval(0.95)["mu"].T
    >>> float(np.mean((low < 0.3) & (0.3 < high)))
    0.987
    """
    check_errors(errors)
    source = _Source(*data_of(y, se, var), prior_mu, _listed(prior_tau))
    workers = count("threads", threads) if threads is not None else len(os.sched_getaffinity(0))
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
    return PosteriorBatch(source.y.shape, parts, source.alone, alone, failed)


def from_frame(
    frame: "pd.DataFrame",
    *,
    by: str,
    y: str,
    se: str | None = None,
    var: str | None = None,
    **options: Any,
) -> PosteriorBatch:
    """`exact_many` of a long frame, a row a group.

    Parameters
    ----------
    frame : DataFrame
    by : str
        The column that tells data sets apart.
    y, se, var : str
        Columns of the estimates, and of their standard errors or variances.
    **options
        As of `exact_many`.

    Returns
    -------
    PosteriorBatch
        Its data sets are those of ``frame[by]`` in the order of their first rows, their names in
        ``labels``; a data set's groups are its rows in their order.

    Examples
    --------
    >>> import pandas as pd, pyhier as ph
    >>> frame = pd.DataFrame({
    ...     "gene": ["a", "a", "a", "a", "b", "b", "b"], "y": [1.0, 2.0, 4.0, 2.5, 0.3, 0.2, 0.9],
    ...     "se": [0.5, 0.4, 0.6, 0.5, 0.2, 0.3, 0.2]})
    >>> batch = ph.exact_many.from_frame(frame, by="gene", y="y", se="se", prior_tau="sqrt")
    >>> batch.labels, batch.mean["mu"].round(4).tolist()
    (('a', 'b'), [2.339, 0.4928])
    """
    if not hasattr(frame, "groupby"):
        raise TypeError(f"frame is a {type(frame).__name__}: give a DataFrame with a row a group")
    given = {name: column for name, column in (("y", y), ("se", se), ("var", var)) if column}
    for name, column in {"by": by, **given}.items():
        if not isinstance(column, str | int) or column not in frame.columns:
            raise ValueError(f"{name} is {column!r}: there is no such column")
    import pandas as pd

    codes, labels = pd.factorize(frame[by])
    if (codes < 0).any():
        row = int((codes < 0).argmax())
        raise ValueError(f"by is missing in row {row} of the frame")
    place = frame.groupby(codes).cumcount().to_numpy()
    shape = len(labels), int(place.max(initial=0)) + 1
    tables: dict[str, Any] = {}
    for name, column in given.items():
        values = float_array(column, frame[column].to_numpy(), 1)
        wrong = ~np.isfinite(values)
        if wrong.any():
            raise ValueError(f"{name}: {column!r} is {values[wrong][0]} in row {wrong.argmax()}")
        tables[name] = np.full(shape, np.nan)
        tables[name][codes, place] = values
    return exact_many(tables.pop("y"), **tables, **options)._named(labels.tolist())


exact_many.from_frame = from_frame  # type: ignore[attr-defined]


def _listed(prior_tau: Any) -> Any:
    return list(prior_tau) if isinstance(prior_tau, list | tuple) else prior_tau


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
    if workers > 1 and shared and len(blocks) > 1:
        with ThreadPoolExecutor(workers) as pool:
            yield from pool.map(partial(_solve, source), blocks)
    else:
        yield from (_solve(source, block) for block in blocks)


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
