"""The normal model of very many groups on a cluster of Dask (extra ``dask``).

Partitions are summed where they are, the sums are added in a tree whose shape depends on the number
of partitions alone, and the effects are a lazy frame: the answer has the same bits for any number
of workers, and when one of them dies and its work is done again.

Examples
--------
>>> import dask.dataframe as dd, pyhier as ph
>>> import pyhier.distributed
>>> schools = ph.load_dataset("eight_schools")
>>> frame = dd.from_pandas(schools[["y", "sigma"]], npartitions=3)
>>> found = pyhier.distributed.fit(frame, y="y", se="sigma")
>>> round(found.posterior["tau"].mean(), 4)
6.5755
>>> found.effects["mean"].compute(scheduler="sync").round(2).tolist()[:3]
[11.4, 7.89, 6.13]
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyhier as ph
from pyhier._frame import percents
from pyhier._validation import probability_list, string
from pyhier.models.normal_sums import NormalSums, one_spread

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Fit", "fit"]

FAN = 8  # sums that are added at a time


@dataclass(frozen=True)
class Fit:
    """What `fit` found.

    Attributes
    ----------
    sums : NormalSums
        Of all groups; `NormalSums.save` keeps them.
    posterior : ExactPosterior
        Of (mu, tau).
    """

    sums: NormalSums
    posterior: Any
    _frame: Any
    _named: dict[str, str]
    _probs: tuple[float, ...] | None

    @cached_property
    def effects(self) -> Any:
        """The groups' effects, a lazy frame of Dask with the partitions and the index of the data.

        Its columns are ``mean``, ``sd``, ``shrinkage`` and the quantiles that were asked for.
        """
        columns = ["mean", "sd", "shrinkage", *(percents(self._probs) if self._probs else ())]
        return self._frame.map_partitions(
            _effects, self.posterior, self._named, self._probs, columns,
            meta=dict.fromkeys(columns, float),
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"Fit of {self.posterior.model!r}"


def fit(
    frame: Any,
    *,
    y: str,
    se: str | None = None,
    var: str | None = None,
    probs: Sequence[float] | None = None,
    **priors: Any,
) -> Fit:
    """Fit the normal model to the rows of a frame of Dask, a row a group.

    Parameters
    ----------
    frame : dask.dataframe.DataFrame
        Of any number of partitions; it is computed once for the posterior, and the effects compute
        it again.
    y : str
        The column of the estimates.
    se, var : str
        That of their standard errors, or of their variances: one of the two.
    probs : sequence of float, optional
        Probabilities of the effects' quantiles.
    **priors
        ``prior_tau=``, ``prior_mu=``, as `NormalSums.model` takes them.

    Returns
    -------
    Fit
        With ``posterior``, ``effects``, a lazy frame, and ``sums``.

    Raises
    ------
    ValueError, TypeError
        If there are no such columns, or a row cannot be used: the partition and the row in it are
        named, from 0.
    RuntimeError
        If a partition fails on its worker otherwise; it is named, and the cause is the error there.

    Examples
    --------
    >>> import dask.dataframe as dd, pandas as pd
    >>> from pyhier.distributed import fit
    >>> table = pd.DataFrame({"effect": [28, 8, -3, 7, -1], "sd": [15, 10, 16, 11, 9]})
    >>> found = fit(dd.from_pandas(table, npartitions=2), y="effect", se="sd", probs=[0.5])
    >>> found
    Fit of SummedNormal: sums of 5 groups, mu flat, tau uniform
    """
    named = _columns(frame, y, se, var)
    levels = None if probs is None else tuple(map(float, probability_list("probs", probs)))
    sums = _sums_of(frame, named)
    posterior = ph.exact(sums.model(**priors))
    return Fit(sums, posterior, frame, named, levels)


def _columns(frame: Any, y: Any, se: Any, var: Any) -> dict[str, str]:
    """The columns of the arguments; an error that names the first that is none."""
    if not hasattr(frame, "map_partitions") or not hasattr(frame, "columns"):
        raise TypeError(
            f"frame is {type(frame).__name__}: give a frame of dask.dataframe, as dd.read_parquet "
            "returns it (pip install 'pyhier[dask]')"
        )
    name, column = one_spread(se, var)
    named = {"y": string("y", y), name: string(name, column)}
    for argument, wanted in named.items():
        if wanted not in frame.columns:
            raise ValueError(
                f"{argument} is {wanted!r}: the frame has no such column; its columns are "
                f"{', '.join(map(str, frame.columns))}"
            )
    return named


def _sums_of(frame: Any, named: dict[str, str]) -> NormalSums:
    """The sums of all partitions, a tree of them added on the workers."""
    meta = {"sums": object}
    data = frame[list(dict.fromkeys(named.values()))]
    summed = data.map_partitions(_summed, named, meta=meta).reduction(
        _together, combine=_together, aggregate=_together, meta=meta, split_every=FAN
    )
    try:
        found: NormalSums = summed.compute()["sums"].iloc[0]
    except (_BadRowError, KeyboardInterrupt, MemoryError):
        raise
    except Exception as error:
        raise RuntimeError(f"{_failed(data, error)} failed on its worker: {error}") from error
    return found


class _BadRowError(ValueError):
    """A row of a partition cannot be used."""


def _summed(part: "pd.DataFrame", named: dict[str, str], partition_info: Any = None) -> Any:
    """The sums of a partition, in a frame of one cell."""
    sums = NormalSums()
    try:
        sums.update(**{name: part[column] for name, column in named.items()}, threads=1)
    except (ValueError, TypeError) as error:
        where = "" if partition_info is None else f"partition {partition_info['number']}: "
        raise _BadRowError(f"{where}{error}") from None
    return _cell(sums)


def _together(parts: "pd.DataFrame") -> Any:
    """The sums of some neighbours, in their order."""
    total = NormalSums()
    for sums in parts["sums"]:
        total = total + sums
    return _cell(total)


def _cell(sums: NormalSums) -> Any:
    import pandas as pd

    return pd.DataFrame({"sums": [sums]}, dtype=object)


def _failed(data: Any, error: Exception) -> str:
    """Which partition it is that fails: the one of the error's task, or the first that does."""
    task = re.search(r", (\d+)\)", str(getattr(error, "task", "")))
    if task is not None:  # a worker died of it, and would again
        return f"partition {task[1]}"
    for number in range(data.npartitions):
        try:
            data.partitions[number].map_partitions(len, meta=("rows", int)).compute()
        except Exception:
            return f"partition {number}"
    return "a partition, which now does not,"


def _effects(
    part: "pd.DataFrame",
    posterior: Any,
    named: dict[str, str],
    probs: Sequence[float] | None,
    columns: list[str],
) -> "pd.DataFrame":
    """The effects of a partition's groups."""
    import pandas as pd

    if not len(part):
        return pd.DataFrame(columns=columns, index=part.index, dtype=float)
    given = {name: part[column] for name, column in named.items()}
    found: pd.DataFrame = posterior.effects(**given, probs=probs)[columns]
    return found
