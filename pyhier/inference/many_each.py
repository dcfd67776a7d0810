"""The exact posteriors of many data sets of counts, or of estimates with covariates."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyhier._frozen import Frozen
from pyhier._threads import in_threads
from pyhier._types import Floats
from pyhier.inference.exact import exact
from pyhier.models.beta_binomial import BetaBinomial
from pyhier.models.data_sets import DataSets, paired, raise_first
from pyhier.models.normal_normal import NormalNormal
from pyhier.models.normal_regression import NormalRegression
from pyhier.models.poisson_gamma import PoissonGamma
from pyhier.posterior.each_batch import EachBatch, Solved

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


@dataclass(frozen=True)
class CovariateSets(DataSets):
    """Estimates of data sets, and covariates that their groups share.

    Attributes
    ----------
    priors : mapping
        Options of `NormalNormal`, the covariates among them.
    """

    priors: Mapping[str, Any]

    @property
    def shape(self) -> tuple[int, int]:
        """How many data sets and groups there are."""
        sets, groups = self.y.shape
        return sets, groups

    @cached_property
    def prototype(self) -> NormalRegression:
        """The model of other data; errors of covariates and priors are its."""
        groups = self.y.shape[1]
        found = NormalNormal(np.zeros(groups), se=np.ones(groups), **self.priors)
        assert isinstance(found, NormalRegression)
        return found

    def one(self, i: int) -> NormalNormal:
        """One data set under its priors."""
        rows = self.columns(i)
        found = self.prototype.covariates
        columns = dict(zip(found.names, found.x[rows].T, strict=True))
        return self.model(i, **(dict(self.priors) | {"X": columns, "intercept": False}))

    def posterior(self, i: int) -> Any:
        """Its posterior."""
        return exact(self.one(i))

    @property
    def hyper(self) -> tuple[str, ...]:
        """Names of the hyperparameters."""
        return (*self.prototype.coefficients, "tau")


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


def exact_each(
    sets: CountSets | CovariateSets, errors: str, workers: int, failed: dict[int, str]
) -> EachBatch:
    """The posteriors of data sets, one by one in threads."""
    improper = sets.prototype.why_improper()
    raise_first(failed, errors)
    solved: dict[int, Solved] = {}
    index: list[int] = np.setdiff1d(np.arange(sets.shape[0]), list(failed)).tolist()

    def solve(i: int) -> Solved | str:
        try:
            return Solved.of(sets.posterior(i))
        except ValueError as error:
            return str(error)

    for i, found in zip(index, in_threads(solve, index, workers), strict=True):
        if isinstance(found, str):
            failed[i] = found
            raise_first(failed, errors)
        else:
            solved[i] = found
    return EachBatch(sets.shape, sets.hyper, sets.posterior, solved, failed, workers, improper)


def covariates_of(
    data: tuple[Floats, Floats, bool], y: Any, x: Any, priors: Mapping[str, Any]
) -> CovariateSets:
    """Data sets of estimates with shared covariates."""
    if hasattr(y, "columns") and hasattr(x, "index") and hasattr(x, "to_numpy"):
        own, other = list(y.columns), list(x.index)
        if len(own) == len(other) and own != other:
            raise ValueError(
                f"X has the rows {other[:5]} and y the columns {own[:5]}: give them the same, by "
                "reindex, or plain arrays"
            )
    return CovariateSets(*data, {"X": x, **priors})
