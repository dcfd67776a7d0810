"""The exact posteriors of many data sets, each worked out by itself, in threads."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np

from pyhier._frame import percents
from pyhier._random import Generator
from pyhier._threads import in_threads
from pyhier._types import Floats, Ints
from pyhier.posterior.batch import PosteriorBatch, columns_of, sealed
from pyhier.posterior.count_parts import CountPart
from pyhier.posterior.count_quantiles import part_chances, part_quantiles
from pyhier.posterior.exact_line import ExactPosterior
from pyhier.posterior.exact_plane import PlanePosterior

T = TypeVar("T")

BLOCK = 64  # data sets whose quantiles are worked out at a time
LEAST_TAIL = 1e-5  # of a quantile of several data sets at a time


@dataclass(frozen=True)
class Solved:
    """What is kept of a data set's posterior.

    Attributes
    ----------
    columns : list of int
        Where its groups stand.
    mean, sd : ndarray, shape (quantities,)
        Of the hyperparameters, the effects and a new one.
    log_z : float
    """

    columns: list[int]
    mean: Floats
    sd: Floats
    log_z: float

    @classmethod
    def of(cls, post: Any) -> "Solved":
        """Of a posterior."""
        if isinstance(post, ExactPosterior | PlanePosterior):
            mean, sd = post.moments()
        else:
            marginals = [post[name] for name in post.names]
            mean, sd = np.array([[x.mean(), x.std()] for x in marginals]).T
        return cls(columns_of(post), mean, sd, float(post.log_z))


class EachBatch(PosteriorBatch):
    """Posteriors that are worked out one by one; moments are kept, the rest is made when asked for.

    Parameters
    ----------
    shape : (int, int)
        Data sets and groups.
    hyper : tuple of str
        Names of the hyperparameters.
    one : callable
        Makes the posterior of a data set.
    solved : mapping of int to Solved
    failed : mapping of int to str
    workers : int
        Threads.
    improper : str
        Which prior is.
    labels : sequence, optional
        Names of the data sets.
    parts : sequence of CountPart
        Data sets that were worked out together.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        hyper: tuple[str, ...],
        one: Callable[[int], Any],
        solved: Mapping[int, Solved],
        failed: Mapping[int, str],
        workers: int,
        improper: str,
        labels: Sequence[Any] | None = None,
        parts: Sequence[CountPart] = (),
    ) -> None:
        super().__init__(shape, hyper, one, failed, labels)
        self._solved, self._workers, self._why = dict(solved), workers, improper
        self._parts = tuple(parts)
        if parts:
            self.alone = tuple(sorted(solved))
        mean, sd = self._empty(), self._empty()
        log_z = np.full(len(self), np.nan)
        for part in self._parts:
            self._write_part(mean, part, part.hyper[0], part.effects[0])
            self._write_part(sd, part, *(np.sqrt(var[1]) for var in (part.hyper, part.effects)))
            log_z[part.index] = part.log_total
        for i, row in self._solved.items():
            self._write(mean, i, row.columns, row.mean)
            self._write(sd, i, row.columns, row.sd)
            log_z[i] = row.log_z
        self._both, self._log_z = (sealed(mean), sealed(sd)), log_z
        log_z.flags.writeable = False

    def _named(self, labels: Sequence[Any]) -> "EachBatch":
        """The same with names of the data sets."""
        return EachBatch(
            self._shape, self._hyper, self._one, self._solved, self._failed, self._workers,
            self._why, labels, self._parts,
        )  # fmt: skip

    def _write_part(
        self, found: dict[str, Floats], part: CountPart, hyper: Floats, effects: Floats
    ) -> None:
        """Put numbers of a part's data sets, (..., data sets, quantities), into arrays."""
        for k, name in enumerate(self._hyper):
            found[name][..., part.index] = hyper[..., k]
        found["theta"][..., part.index[:, None], part.columns] = effects[..., :-1]
        found["theta_new"][..., part.index] = effects[..., -1]

    def _write(self, found: dict[str, Floats], i: int, columns: list[int], table: Floats) -> None:
        """Put a data set's numbers, (..., quantities), into arrays."""
        for k, name in enumerate(self._hyper):
            found[name][..., i] = table[..., k]
        size = len(self._hyper)
        found["theta"][..., i, columns] = table[..., size:-1]
        found["theta_new"][..., i] = table[..., -1]

    def _columns(self, i: int) -> list[int]:
        """Where a data set's groups stand."""
        columns: list[int] = np.flatnonzero(~np.isnan(self._both[0]["theta"][i])).tolist()
        return columns

    def _each(
        self, function: Callable[[Any], T], index: list[int] | None = None
    ) -> Iterator[tuple[int, T]]:
        """What a function says of every posterior, or of some."""
        if index is None:
            index = np.flatnonzero(~np.isnan(self._log_z)).tolist()
        made = in_threads(lambda i: function(self._one(i)), index, self._workers)
        yield from zip(index, made, strict=True)

    @property
    def _moments(self) -> tuple[dict[str, Floats], dict[str, Floats]]:
        return self._both

    @property
    def log_z(self) -> Floats:
        """Logs of the integrals of likelihood times prior, (data sets,)."""
        return self._log_z

    @property
    def _improper(self) -> str:
        return f"{self._why} is improper" if self._why else ""

    def _quantiles(self, q: Floats) -> dict[str, Floats]:
        found = self._empty(q.size)
        different, place = np.unique(q, return_inverse=True)
        done: set[int] = set()
        some = self._parts if _within(different) else ()
        pieces = [part[rows] for part in some for rows in _blocks(part.index.size)]
        of_part = partial(part_quantiles, names=self._hyper, q=different)
        for part, (values, good) in zip(
            pieces, in_threads(of_part, pieces, self._workers), strict=True
        ):
            rows = np.flatnonzero(good)
            table = np.moveaxis(values[rows], 2, 0)[place]
            hyper = len(self._hyper)
            self._write_part(found, part[rows], table[..., :hyper], table[..., hyper:])
            done |= set(part.index[rows].tolist())
        rest = [i for i in np.flatnonzero(~np.isnan(self._log_z)).tolist() if i not in done]
        for i, table in self._each(partial(_quantile_table, different), rest):
            self._write(found, i, self._columns(i), table[place])
        return found

    def _probability(self, left: str | float, sign: str, right: str | float) -> Floats:
        needed = {k for k in map(self._column, (left, right)) if k is not None}
        found = np.full(len(self), np.nan)
        there = ~np.isnan(self._log_z)
        for k in needed:
            there &= ~np.isnan(self._both[0]["theta"][:, k])
        if isinstance(left, str) and isinstance(right, float):
            self._write_chances(found, left, right, sign == ">")
        elif isinstance(left, float) and isinstance(right, str):
            self._write_chances(found, right, left, sign == "<")
        event = " ".join(repr(s) if isinstance(s, float) else s for s in (left, sign, right))

        def probability(post: Any) -> float:
            chance = post.probability(event)
            if chance.se > 0.0:
                raise ValueError(
                    f"{event!r} compares two quantities, which takes draws: batch[i].probability"
                )
            return float(chance)

        rest: list[int] = np.flatnonzero(there & np.isnan(found)).tolist()
        for i, chance in self._each(probability, rest):
            found[i] = chance
        return found

    def _write_chances(self, found: Floats, name: str, x: float, upper: bool) -> None:
        """Write probabilities below (above) a number that parts tell, if neither tail is small.

        Others, and those of missing groups, stay NaN.
        """
        column = self._column(name)
        of = partial(part_chances, name=name, column=column, x=x, upper=upper)
        parts = [part[np.flatnonzero((part.columns == column).any(axis=1))]
                 if column is not None else part for part in self._parts]  # fmt: skip
        pieces = [part[rows] for part in parts for rows in _blocks(part.index.size)]
        made = in_threads(of, pieces, self._workers)
        for part, (chance, good) in zip(pieces, made, strict=True):
            good &= np.minimum(chance, 1.0 - chance) >= LEAST_TAIL
            found[part.index[good]] = chance[good]

    def _column(self, name: str | float) -> int | None:
        """Where a group stands; None of what is none. An error for what is not there."""
        if isinstance(name, float) or name in (*self._hyper, "theta_new"):
            return None
        number = name[6:-1] if name.startswith("theta[") and name.endswith("]") else ""
        if number.isdigit() and 1 <= int(number) <= self._shape[1]:
            return int(number) - 1
        raise ValueError(
            f"there is no {name!r}: the quantities are {', '.join(self._hyper)}, theta[1] to "
            f"theta[{self._shape[1]}] and theta_new"
        )

    def _draws(self, n: int, generator: Generator) -> dict[str, Floats]:
        found = self._empty(n)
        for i in np.flatnonzero(~np.isnan(self._log_z)).tolist():
            drawn = self._one(i).sample(n, generator)
            for name in (*self._hyper, "theta_new"):
                found[name][:, i] = drawn[name]
            found["theta"][:, i, self._columns(i)] = drawn["theta"]
        return found


def _blocks(size: int) -> list[Ints]:
    """Numbers of so many data sets, a block at a time."""
    return [np.arange(i, min(i + BLOCK, size)) for i in range(0, size, BLOCK)]


def _within(q: Floats) -> bool:
    """Whether probabilities are so far from 0 and 1 that panels' errors do not show."""
    return bool((np.minimum(q, 1.0 - q) >= LEAST_TAIL).all())


def _quantile_table(q: Floats, post: Any) -> Floats:
    """Quantiles of everything, shape (q, quantities)."""
    names = percents(q)
    if len(set(names)) == q.size:
        found = post.columns(q)
        return np.array([found[name] for name in names])
    return np.concatenate([_quantile_table(q[k : k + 1], post) for k in range(q.size)])
