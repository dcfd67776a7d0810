"""Many data sets as they are given: a row a data set, NaN where no group is."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import index
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyhier._frozen import Frozen
from pyhier._types import Floats, Ints
from pyhier._validation import float_array
from pyhier.models.normal_normal import NormalNormal


def check_errors(errors: Any) -> None:
    """Raise where it does not say what a data set that is none does."""
    if errors not in ("raise", "mark"):
        raise ValueError(f"errors is {errors!r}: it must be 'raise' or 'mark'")


def number_of(i: Any, sets: int, failed: Mapping[int, str]) -> int:
    """A data set's number from 0; an error where there is none, or it failed."""
    try:
        at: int = index(i)
    except TypeError:
        raise TypeError(f"{i!r} is no data set: give its number, from 0") from None
    if not -sets <= at < sets:
        raise IndexError(f"there are {sets} data sets: there is no {at}")
    at %= sets
    if at in failed:
        raise ValueError(f"data set {at}: {failed[at]}")
    return at


def raise_first(failed: Mapping[int, str], errors: str) -> None:
    """Raise for the first data set that failed, unless they are only marked."""
    if failed and errors == "raise":
        first = min(failed)
        raise ValueError(f"data set {first}: {failed[first]}")


def data_of(
    y: ArrayLike | None, se: ArrayLike | None, var: ArrayLike | None
) -> tuple[Floats, Floats, bool]:
    """Estimates and their spread, (data sets, groups) each, and whether that is a variance."""
    if (se is None) == (var is None):
        what = "neither was given" if se is None else "both were given"
        raise ValueError(f"give se= (standard errors) or var= (sampling variances): {what}")
    name = "se" if var is None else "var"
    return *paired("y", y, name, se if var is None else var), var is not None


def paired(name: str, values: Any, other: str, beside: Any) -> tuple[Floats, Floats]:
    """Two numbers of every group, each (data sets, groups); the second may be given by group."""
    _aligned(name, values, other, beside)
    first = float_array(name, values, 2)
    if not first.size:
        raise ValueError(f"{name} is empty: give a row a data set and a column a group")
    second = float_array(other, beside, None)
    if second.shape not in (first.shape, first.shape[1:]):
        raise ValueError(
            f"{other} has shape {second.shape} and {name} {first.shape}: give one {other} a group, "
            "or one for each group of every data set"
        )
    return first, np.array(np.broadcast_to(second, first.shape))


def _aligned(first: str, y: Any, name: str, spread: Any) -> None:
    """Refuse frames, or a series beside one, whose labels are not the first one's in its order."""
    if not hasattr(y, "columns"):
        return
    if hasattr(spread, "columns"):
        pairs = [("columns", y.columns, spread.columns), ("rows", y.index, spread.index)]
    elif hasattr(spread, "index") and hasattr(spread, "to_numpy"):
        pairs = [("columns", y.columns, spread.index)]
    else:
        return
    for what, own, other in pairs:
        if len(own) == len(other) and list(own) != list(other):
            raise ValueError(
                f"{name} and {first} have different {what}, or in another order: "
                f"{list(other)[:5]} and {list(own)[:5]}; give them the same, by reindex, or plain "
                "arrays"
            )


@dataclass(frozen=True)
class DataSets(Frozen):
    """Estimates of data sets and their spread.

    Attributes
    ----------
    y, spread : ndarray, shape (data sets, groups)
    is_var : bool
        Whether the spread is a variance or a standard error.
    """

    y: Floats
    spread: Floats
    is_var: bool

    @cached_property
    def missing(self) -> NDArray[np.bool_]:
        """Which groups are."""
        return np.isnan(self.y)

    @cached_property
    def var(self) -> Floats:
        """Variances."""
        return self.spread if self.is_var else self.spread**2

    def columns(self, i: int) -> Ints:
        """Where the groups of a data set stand."""
        return np.flatnonzero(~self.missing[i])

    def model(self, i: int, **priors: Any) -> NormalNormal:
        """One data set; its groups have the names of their columns, from 1."""
        at = self.columns(i)
        if not at.size:
            raise ValueError("no group has an estimate")
        named = {"var" if self.is_var else "se": self.spread[i, at]}
        return NormalNormal(self.y[i, at], labels=(at + 1).tolist(), **named, **priors)

    def wrong(self) -> dict[int, str]:
        """Data sets that are none, and why."""
        size = 2.0 if self.is_var else 1.0
        fits = (self.spread >= 1e-70**size) & (self.spread <= 1e70**size)
        good = self.missing | (fits & (np.abs(self.y) <= 1e70))
        suspects = np.flatnonzero(~good.all(axis=1) | self.missing.all(axis=1))
        found = {}
        for i in suspects.tolist():
            try:
                self.model(i)
            except (ValueError, TypeError) as error:
                found[i] = str(error)
        return found
