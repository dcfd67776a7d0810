"""The exact posteriors of many data sets one by one: of estimates with covariates, for one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from pyhier._threads import in_threads
from pyhier._types import Floats
from pyhier.inference.exact import exact
from pyhier.models.data_sets import DataSets, raise_first
from pyhier.models.normal_normal import NormalNormal
from pyhier.models.normal_regression import NormalRegression
from pyhier.posterior.count_parts import CountPart
from pyhier.posterior.each_batch import EachBatch, Solved


class EachSets(Protocol):
    """Data sets of one model."""

    @property
    def shape(self) -> tuple[int, int]:
        """How many data sets and groups there are."""

    @property
    def prototype(self) -> Any:
        """The model of other data."""

    @property
    def hyper(self) -> tuple[str, ...]:
        """Names of the hyperparameters."""

    def posterior(self, i: int) -> Any:
        """Of one data set."""


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


def exact_each(
    sets: EachSets,
    errors: str,
    workers: int,
    failed: dict[int, str],
    parts: Sequence[CountPart] = (),
) -> EachBatch:
    """The posteriors of data sets, one by one in threads, but of those that parts have."""
    improper = sets.prototype.why_improper()
    raise_first(failed, errors)
    solved: dict[int, Solved] = {}
    done = [*failed, *(i for part in parts for i in part.index.tolist())]
    index: list[int] = np.setdiff1d(np.arange(sets.shape[0]), done).tolist()

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
    return EachBatch(
        sets.shape, sets.hyper, sets.posterior, solved, failed, workers, improper, parts=parts
    )


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
