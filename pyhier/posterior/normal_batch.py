"""The exact posteriors of many data sets of the normal model."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyhier._random import Generator
from pyhier._types import Floats
from pyhier.posterior.batch import PosteriorBatch, columns_of, sealed
from pyhier.posterior.batch_parts import Part, Side
from pyhier.posterior.exact_line import ExactPosterior

HYPER = ("mu", "tau")


class NormalBatch(PosteriorBatch):
    """Those of the normal model: blocks of data sets that are worked out together.

    Parameters
    ----------
    shape : (int, int)
        Data sets and groups.
    parts : sequence of Part
    one : callable
        Makes the posterior of a data set.
    alone : mapping of int to ExactPosterior
        Those that no part has.
    failed : mapping of int to str
    labels : sequence, optional
        Names of the data sets.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        parts: Sequence[Part],
        one: Callable[[int], ExactPosterior],
        alone: Mapping[int, ExactPosterior],
        failed: Mapping[int, str],
        labels: Sequence[Any] | None = None,
    ) -> None:
        self._alone, self._make, self._parts = dict(alone), one, tuple(parts)
        super().__init__(shape, HYPER, partial(_made_or, self._alone, one), failed, labels)
        self.alone = tuple(sorted(alone))

    def _fill(
        self,
        of_part: Callable[[Part], Floats],
        of_one: Callable[[ExactPosterior, str], Any],
        *leading: int,
    ) -> dict[str, Floats]:
        """Gather what parts say of tau, mu, theta_new and theta, (data sets, 3 + groups, ...)."""
        found = self._empty(*leading)
        for part in self._parts:
            table = of_part(part)
            table = np.moveaxis(table, 2, 0) if leading else table
            for k, name in enumerate(("tau", "mu", "theta_new")):
                found[name][..., part.index] = table[..., k]
            found["theta"][..., part.index[:, None], part.columns] = table[..., 3:]
        for i, post in self._alone.items():
            _fill_one(found, i, post, of_one)
        return found

    @cached_property
    def _moments(self) -> tuple[dict[str, Floats], dict[str, Floats]]:
        mean = self._fill(lambda part: part.mean, lambda post, name: post[name].mean())
        sd = self._fill(lambda part: part.sd, lambda post, name: post[name].std())
        return sealed(mean), sealed(sd)

    def _named(self, labels: Sequence[Any]) -> "NormalBatch":
        """The same with names of the data sets."""
        return NormalBatch(self._shape, self._parts, self._make, self._alone, self._failed, labels)

    @property
    def _improper(self) -> str:
        for part in self._parts:
            if part.data.prior.mu is None:
                return "the prior of mu is flat"
            for prior in part.data.priors:
                if not prior.proper:
                    return f"the prior of tau ({prior.name}) is not proper"
        each = (post.model.why_improper() for post in self._alone.values())
        return next((f"{why} is improper" for why in each if why), "")

    @cached_property
    def log_z(self) -> Floats:
        """Logs of the integrals of likelihood times prior, (data sets,)."""
        found = np.full(len(self), np.nan)
        for part in self._parts:
            found[part.index] = part.log_total
        for i, post in self._alone.items():
            found[i] = post.log_z
        found.flags.writeable = False
        return found

    def _quantiles(self, q: Floats) -> dict[str, Floats]:
        def of_one(post: ExactPosterior, name: str) -> Any:
            return post[name].ppf(q)

        found = self._fill(lambda part: part.quantiles(q), of_one, q.size)
        lost = np.isnan(found["mu"]).any(axis=0) | np.isnan(found["tau"]).any(axis=0)
        unresolved = np.flatnonzero(lost & ~np.isnan(self.log_z))
        for i in unresolved.tolist():
            _fill_one(found, i, self._one(i), of_one)
        return found

    def _probability(self, left: str | float, sign: str, right: str | float) -> Floats:
        if sign == "<":
            left, right = right, left
        found = np.full(len(self), np.nan)
        alone = dict(self._alone)
        for part in self._parts:
            found[part.index], unresolved = self._above(part, left, right)
            alone |= {i: self._one(i) for i in part.index[unresolved].tolist()}
        for i, post in alone.items():
            names = [self._alone_name(side, columns_of(post)) for side in (left, right)]
            if None not in names:
                found[i] = post.probability(f"{names[0]} > {names[1]}")
        return found

    def _above(
        self, part: Part, left: str | float, right: str | float
    ) -> tuple[Floats, NDArray[np.bool_]]:
        """Of a part's data sets, NaN where a group is missing; and which its nodes leave open."""
        for tau, other, lower in ((left, right, False), (right, left, True)):
            if tau == "tau":
                if not isinstance(other, float):
                    raise ValueError("tau is compared with numbers: for others take batch[i]")
                return part.tau_tails(other)[0 if lower else 1], np.zeros(len(part.index), bool)
        sides = self._side(left), self._side(right)
        chance = part.chances(*sides)
        missing = np.zeros(chance.size, dtype=np.bool_)
        for side in sides:
            if side.column >= 0:
                missing |= ~(part.columns == side.column).any(axis=1)
        open_ones = np.isnan(chance) & ~missing
        chance[missing] = np.nan
        return chance, open_ones

    def _side(self, name: str | float) -> Side:
        if isinstance(name, float) or name in ("mu", "theta_new"):
            return Side(name)
        number = name[6:-1] if name.startswith("theta[") and name.endswith("]") else ""
        if number.isdigit() and 1 <= int(number) <= self._shape[1]:
            return Side("theta", int(number) - 1)
        raise ValueError(
            f"there is no {name!r}: the quantities are mu, tau, theta[1] to "
            f"theta[{self._shape[1]}] and theta_new"
        )

    def _alone_name(self, name: str | float, columns: list[int]) -> str | None:
        """What one posterior calls a quantity; None of a missing group."""
        if isinstance(name, float) or name == "tau":
            return repr(name) if isinstance(name, float) else name
        side = self._side(name)
        return str(name) if side.column < 0 or side.column in columns else None

    def _draws(self, n: int, generator: Generator) -> dict[str, Floats]:
        found = self._empty(n)
        for part in self._parts:
            for name, drawn in part.draw(n, generator).items():
                if name == "theta":
                    found[name][:, part.index[:, None], part.columns] = drawn
                else:
                    found[name][:, part.index] = drawn
        for i, post in self._alone.items():
            for name, drawn in post.sample(n, generator).items():
                if name == "theta":
                    found[name][:, i, columns_of(post)] = drawn
                elif name in found:
                    found[name][:, i] = drawn
        return found


def _fill_one(
    found: dict[str, Floats], i: int, post: ExactPosterior, of: Callable[[ExactPosterior, str], Any]
) -> None:
    """Write what one posterior says into arrays, as data set i."""
    for name in (*HYPER, "theta_new"):
        found[name][..., i] = of(post, name)
    for column in columns_of(post):
        found["theta"][..., i, column] = of(post, f"theta[{column + 1}]")


def _made_or(
    made: Mapping[int, ExactPosterior], one: Callable[[int], ExactPosterior], i: int
) -> ExactPosterior:
    """A data set's posterior, which may be there already."""
    return made[i] if i in made else one(i)
