"""The exact posteriors of many data sets at once, as arrays with a row a data set."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyhier._frame import percents
from pyhier._frozen import Frozen
from pyhier._random import RNG, as_generator
from pyhier._types import Floats
from pyhier._validation import check_level, count, probability_list
from pyhier.models.data_sets import number_of
from pyhier.posterior.batch_parts import Part, Side
from pyhier.posterior.events import parse_comparison
from pyhier.posterior.exact_line import ExactPosterior
from pyhier.posterior.summaries import PROBS

if TYPE_CHECKING:
    import pandas as pd

NAMES = ("mu", "tau", "theta", "theta_new")


class PosteriorBatch(Frozen):
    """The exact posteriors of many data sets of the normal model.

    ``batch[i]`` is the posterior of one, as `exact` returns it. Arrays have a row a data set; of
    theta a column a group, NaN where it is missing, and the data sets that failed are NaN.
    ``batch.mean`` and ``batch.sd`` are mappings of the names to means and standard deviations.

    Attributes
    ----------
    names : tuple of str
        ``"mu"``, ``"tau"``, ``"theta"`` and ``"theta_new"``.
    alone : tuple of int
        Those whose posterior the common rule did not resolve: they are worked out one by one.

    Examples
    --------
    >>> import numpy as np, pyhier as ph
    >>> schools = ph.load_dataset("eight_schools")
    >>> y = np.vstack([schools["y"], schools["y"] / 2.0])
    >>> batch = ph.exact_many(y, se=schools["sigma"])
    >>> batch.mean["tau"].round(8).tolist(), batch.quantile(0.975)["mu"].round(6).tolist()
    ([6.57548335, 4.8933218], [18.218143, 13.260828])
    """

    names = NAMES

    def __init__(
        self,
        shape: tuple[int, int],
        parts: Sequence[Part],
        one: Callable[[int], ExactPosterior],
        alone: Mapping[int, ExactPosterior],
        failed: Mapping[int, str],
        labels: Sequence[Any] | None = None,
    ) -> None:
        self._shape, self._parts, self._one, self._alone = shape, tuple(parts), one, dict(alone)
        self._failed, self.alone = dict(failed), tuple(sorted(alone))
        self.labels = None if labels is None else tuple(labels)

    @property
    def failed(self) -> Mapping[int, str]:
        """The data sets without a posterior, and why (``errors="mark"``)."""
        return MappingProxyType(self._failed)

    def __len__(self) -> int:
        return self._shape[0]

    def __repr__(self) -> str:
        sets, groups = self._shape
        more = f", {len(self.failed)} failed" if self.failed else ""
        return f"PosteriorBatch: {sets:,} data sets of up to {groups} groups{more}"

    def __getitem__(self, i: int) -> ExactPosterior:
        i = number_of(i, len(self), self.failed)
        return self._alone[i] if i in self._alone else self._one(i)

    # --- Arrays -----------------------------------------------------------------------------------

    def _empty(self, *leading: int) -> dict[str, Floats]:
        sets, groups = self._shape
        return {
            name: np.full((*leading, sets, groups) if name == "theta" else (*leading, sets), np.nan)
            for name in NAMES
        }

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
        return _sealed(mean), _sealed(sd)

    @property
    def mean(self) -> Mapping[str, Floats]:
        """Means by name, (data sets,) each, of theta (data sets, groups).

        NaN where the mean of mu or of theta_new does not exist, infinite where that of tau does
        not, as of one data set.
        """
        return MappingProxyType(self._moments[0])

    @property
    def sd(self) -> Mapping[str, Floats]:
        """Standard deviations by name, of those shapes; infinite where there is none."""
        return MappingProxyType(self._moments[1])

    def _named(self, labels: Sequence[Any]) -> "PosteriorBatch":
        """The same with names of the data sets."""
        return PosteriorBatch(
            self._shape, self._parts, self._one, self._alone, self._failed, labels
        )

    @property
    def log_evidence(self) -> Floats:
        """Logs of the evidences, (data sets,); an error where a prior is improper."""
        for part in self._parts:
            prior = part.data.prior
            if prior.mu is None or not prior.proper:
                which = "mu is flat" if prior.mu is None else f"tau ({prior.name}) is not proper"
                raise ValueError(
                    f"there is no evidence: the prior of {which}; log_z is the log of the integral "
                    "of likelihood times prior"
                )
        return self.log_z

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

    def quantile(self, p: ArrayLike) -> Mapping[str, Floats]:
        """Quantiles by name, at each the smaller tail to 1e-9 of itself or as one data set's is.

        Parameters
        ----------
        p : float or array_like
            Probabilities.

        Returns
        -------
        mapping of str to ndarray
            Of shape (data sets,), of theta (data sets, groups); of several probabilities these are
            the first axis.
        """
        q = probability_list("p", np.atleast_1d(p))
        inside = bool(np.all((q > 0.0) & (q < 1.0)))
        if not inside:
            raise ValueError("p holds 0 or 1: quantiles are asked for between them")

        def of_one(post: ExactPosterior, name: str) -> Any:
            return post[name].ppf(q)

        found = self._fill(lambda part: part.quantiles(q), of_one, q.size)
        lost = np.isnan(found["mu"]).any(axis=0) | np.isnan(found["tau"]).any(axis=0)
        unresolved = np.flatnonzero(lost & ~np.isnan(self.log_z))
        for i in unresolved.tolist():
            _fill_one(found, i, self._one(i), of_one)
        _sealed(found)
        if np.ndim(p):
            return MappingProxyType(found)
        return MappingProxyType({name: array[0] for name, array in found.items()})

    def interval(self, level: float = 0.95) -> Mapping[str, Floats]:
        """Equal-tailed intervals by name: arrays whose last axis is (low, high).

        Parameters
        ----------
        level : float
            The probability inside.

        Returns
        -------
        mapping of str to ndarray
        """
        outside = 0.5 * (1.0 - check_level(level))
        ends = self.quantile([outside, 1.0 - outside])
        return MappingProxyType({name: np.moveaxis(both, 0, -1) for name, both in ends.items()})

    def probability(self, event: str) -> Floats:
        """The probability of an event in every data set.

        Parameters
        ----------
        event : str
            ``"mu > 0"``, ``"tau < 5"``, ``"theta[2] > theta[1]"`` (by the columns, from 1).

        Returns
        -------
        ndarray, shape (data sets,)
            NaN where a group is missing. To 1e-9; above 1e-15 small ones to 1e-8 of themselves.
        """
        if not isinstance(event, str):
            raise TypeError(f"event is {event!r}: give a comparison, such as 'mu > 0'")
        try:
            return self._probability(*parse_comparison(event))
        except ValueError as error:
            told = str(error)
            raise ValueError(told if told.startswith("event") else f"event: {told}") from None

    def _probability(self, left: str | float, sign: str, right: str | float) -> Floats:
        if left != left or right != right:
            raise ValueError("a comparison with nan has no probability")
        if sign == "<":
            left, right = right, left
        found = np.full(len(self), np.nan)
        alone = dict(self._alone)
        for part in self._parts:
            found[part.index], unresolved = self._above(part, left, right)
            alone |= {i: self._one(i) for i in part.index[unresolved].tolist()}
        for i, post in alone.items():
            names = [self._alone_name(side, _columns(post)) for side in (left, right)]
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

    # --- Draws and tables -------------------------------------------------------------------------

    def sample(self, n: int, rng: RNG = None) -> Mapping[str, Floats]:
        """Independent draws from every posterior.

        Parameters
        ----------
        n : int
            Draws of each.
        rng : int, numpy.random.Generator or RStream, optional

        Returns
        -------
        mapping of str to ndarray
            Of shape (n, data sets), of theta (n, data sets, groups).
        """
        n, generator = count("n", n), as_generator(rng)
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
                    found[name][:, i, _columns(post)] = drawn
                elif name in found:
                    found[name][:, i] = drawn
        return MappingProxyType(found)

    def to_dataframe(self, probs: Sequence[float] = PROBS) -> "pd.DataFrame":
        """Mean, sd and quantiles of everything, a row a data set and quantity.

        Parameters
        ----------
        probs : sequence of float
            Probabilities of the quantiles.

        Returns
        -------
        DataFrame
            Indexed by ``data_set`` and ``quantity``; missing groups are left out.
        """
        import pandas as pd

        q = probability_list("probs", probs)
        columns = {"mean": self.mean, "sd": self.sd}
        table = [self._flat(values) for values in columns.values()]
        table += [self._flat({k: v[i] for k, v in self.quantile(q).items()}) for i in range(q.size)]
        sets, groups = self._shape
        names = ["mu", "tau", *(f"theta[{j + 1}]" for j in range(groups)), "theta_new"]
        rows = pd.MultiIndex.from_product(
            [self.labels or range(sets), names], names=["data_set", "quantity"]
        )
        whole = pd.DataFrame(dict(zip([*columns, *percents(q)], table, strict=True)), index=rows)
        return whole[whole.iloc[:, 2:].notna().any(axis=1)]

    @staticmethod
    def _flat(values: Mapping[str, Floats]) -> Floats:
        table = np.column_stack([values["mu"], values["tau"], values["theta"], values["theta_new"]])
        return table.ravel()


def _columns(post: ExactPosterior) -> list[int]:
    """Where the groups of one data set stand: their names are the columns', from 1."""
    return [int(label) - 1 for label in post.model.labels]


def _fill_one(
    found: dict[str, Floats], i: int, post: ExactPosterior, of: Callable[[ExactPosterior, str], Any]
) -> None:
    """Write what one posterior says into arrays, as data set i."""
    for name in ("mu", "tau", "theta_new"):
        found[name][..., i] = of(post, name)
    for column in _columns(post):
        found["theta"][..., i, column] = of(post, f"theta[{column + 1}]")


def _sealed(found: dict[str, Floats]) -> dict[str, Floats]:
    for array in found.values():
        array.flags.writeable = False
    return found
