"""The exact posteriors of many data sets of counts, worked out in blocks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyhier._frozen import Frozen
from pyhier._threads import in_threads
from pyhier._types import Floats, Ints
from pyhier.inference.exact import exact
from pyhier.inference.many_each import exact_each
from pyhier.models.beta_binomial import BetaBinomial
from pyhier.models.count_many import CountFamily, CountMany, SharedPrior, shared_prior
from pyhier.models.data_sets import paired
from pyhier.models.poisson_gamma import PoissonGamma
from pyhier.posterior.count_parts import SIZES, CountPart, placed, summed
from pyhier.posterior.each_batch import EachBatch

BLOCK = 128  # data sets at a time
LARGEST = 2.0**53  # of counts


# What is counted, what it is of, and the model.
FAMILIES: dict[str, tuple[str, Any]] = {
    "successes": ("trials", BetaBinomial),
    "counts": ("exposure", PoissonGamma),
}


@dataclass(frozen=True)
class CountSets(Frozen):
    """Counts of data sets.

    Attributes
    ----------
    kind : str
        A key of `FAMILIES`: what is counted.
    counts, size : ndarray, shape (data sets, groups)
        NaN where a group is missing; trials or exposures.
    priors : mapping
        As of the model.
    """

    kind: str
    counts: Floats
    size: Floats
    priors: Mapping[str, Any]

    @property
    def shape(self) -> tuple[int, int]:
        """How many data sets and groups there are."""
        sets, groups = self.counts.shape
        return sets, groups

    @cached_property
    def prototype(self) -> BetaBinomial | PoissonGamma:
        """The model of one group, for what all have in common; errors of the priors are its."""
        found: BetaBinomial | PoissonGamma = FAMILIES[self.kind][1]([0.0], [1.0], **self.priors)
        return found

    @cached_property
    def missing(self) -> NDArray[np.bool_]:
        """Which groups are."""
        return np.isnan(self.counts)

    def model(self, i: int) -> BetaBinomial | PoissonGamma:
        """One data set; its groups have the names of their columns, from 1."""
        at = np.flatnonzero(~self.missing[i])
        if not at.size:
            raise ValueError(f"no group has {self.kind}")
        labels = (at + 1).tolist()
        given = self.counts[i, at], self.size[i, at]
        found: BetaBinomial | PoissonGamma = FAMILIES[self.kind][1](
            *given, labels=labels, **self.priors
        )
        return found

    def posterior(self, i: int) -> Any:
        """Its posterior."""
        return exact(self.model(i))

    @property
    def hyper(self) -> tuple[str, ...]:
        """Names of the hyperparameters."""
        return tuple(self.prototype.hyperparameters(np.zeros(2)))


def counts_of(given: Mapping[str, Any], priors: Mapping[str, Any]) -> CountSets:
    """Data sets of what was given as successes and trials, or counts and exposure."""
    kind = next(name for name in FAMILIES if name in given or FAMILIES[name][0] in given)
    size = FAMILIES[kind][0]
    if set(given) != {kind, size}:
        raise ValueError(
            f"{', '.join(given)} given: give y with se or var, successes with trials, or counts "
            "with exposure"
        )
    return CountSets(kind, *paired(kind, given[kind], size, given[size]), priors)


def exact_counts(sets: CountSets, errors: str, workers: int) -> EachBatch:
    """The posteriors of data sets of counts: together, and one by one what that leaves."""
    return exact_each(sets, errors, workers, {}, solved_counts(sets, workers))


def solved_counts(sets: CountSets, workers: int) -> list[CountPart]:
    """Data sets whose posteriors planes of nodes resolve; the others are left to `exact`."""
    prior = shared_prior(sets.prototype)
    if prior is None:
        return []
    names = (*sets.prototype.hyperparameters(np.zeros(2)), "theta_new")
    index = {name: sets.prototype.moment_index(name) for name in names}
    moments = {name: 2.0 if np.isinf(k) else 0.0 for name, k in index.items()}
    solve = partial(_solve, sets, prior, moments)
    found = in_threads(solve, list(_blocks(sets)), workers)
    return [part for parts in found for part in parts]


def _blocks(sets: CountSets) -> Iterator[tuple[Ints, Ints]]:
    """Numbers of data sets that may be solved together, and the columns of their groups."""
    present = ~sets.missing
    groups = np.where(_valid(sets), present.sum(axis=1), 0)
    order = np.argsort(present, axis=1, kind="stable")[:, ::-1]
    for size in np.unique(groups[groups > 0]).tolist():
        index = np.flatnonzero(groups == size)
        for i in range(0, index.size, BLOCK):
            part = index[i : i + BLOCK]
            yield part, np.sort(order[part, :size], axis=1)


def _valid(sets: CountSets) -> NDArray[np.bool_]:
    """Which data sets are counts of something in every group; of the others `exact` tells more."""
    y, size = sets.counts, sets.size
    with np.errstate(invalid="ignore"):
        good = (y >= 0.0) & (y == np.floor(y)) & (y <= LARGEST) & (size > 0.0)
        if sets.kind == "successes":
            good &= (size == np.floor(size)) & (size <= LARGEST) & (y <= size)
        else:
            good &= (size >= 1e-100) & (size <= 1e100)
    valid: NDArray[np.bool_] = (good | sets.missing).all(axis=1)
    return valid


def _solve(
    sets: CountSets, prior: SharedPrior, moments: Mapping[str, float], block: tuple[Ints, Ints]
) -> list[CountPart]:
    index, columns = block
    family: CountFamily = "beta-binomial" if sets.kind == "successes" else "poisson-gamma"
    data = CountMany(
        family, sets.counts[index[:, None], columns], sets.size[index[:, None], columns], prior
    )
    left = np.flatnonzero(data.proper)
    if not left.size:
        return []
    planes, found = placed(data[left])
    at = np.flatnonzero(found)
    parts: list[CountPart] = []
    for shape in SIZES:
        if not at.size:
            break
        rows = left[at]
        sums = summed(data[rows], planes[at], shape, moments)
        part = CountPart(
            index[rows], columns[rows], data[rows], planes[at], shape, sums.log_total, sums.hyper,
            sums.effects,
        )  # fmt: skip
        if sums.good.any():
            parts.append(part if sums.good.all() else part[np.flatnonzero(sums.good)])
        at = at[~sums.good]
    return parts
