"""The exact posteriors of many data sets at once, as arrays with a row a data set."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from pyhier._frame import percents
from pyhier._frozen import Frozen
from pyhier._random import RNG, Generator, as_generator
from pyhier._types import Floats
from pyhier._validation import as_array, check_level, count, probability_list
from pyhier.models.data_sets import number_of
from pyhier.posterior.events import parse_comparison
from pyhier.posterior.summaries import PROBS

if TYPE_CHECKING:
    import pandas as pd


class PosteriorBatch(Frozen, ABC):
    """The exact posteriors of many data sets of one model.

    ``batch[i]`` is the posterior of one, as `exact` returns it. Arrays have a row a data set; of
    theta a column a group, NaN where it is missing, and the data sets that failed are NaN.
    ``batch.mean`` and ``batch.sd`` are mappings of the names to means and standard deviations.

    Attributes
    ----------
    names : tuple of str
        ``"mu"``, ``"tau"`` (or the counts' hyperparameters), ``"theta"`` and ``"theta_new"``.
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

    alone: tuple[int, ...] = ()

    def __init__(
        self,
        shape: tuple[int, int],
        hyper: tuple[str, ...],
        one: Callable[[int], Any],
        failed: Mapping[int, str],
        labels: Sequence[Any] | None = None,
    ) -> None:
        self._shape, self._hyper, self._one, self._failed = shape, hyper, one, dict(failed)
        self.names = (*hyper, "theta", "theta_new")
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

    def __getitem__(self, i: int) -> Any:
        i = number_of(i, len(self), self.failed)
        return self._one(i)

    # --- Arrays -----------------------------------------------------------------------------------

    def _empty(self, *leading: int) -> dict[str, Floats]:
        sets, groups = self._shape
        return {
            name: np.full((*leading, sets, groups) if name == "theta" else (*leading, sets), np.nan)
            for name in self.names
        }

    @property
    @abstractmethod
    def _moments(self) -> tuple[dict[str, Floats], dict[str, Floats]]:
        """Means and sds by name."""

    @abstractmethod
    def _quantiles(self, q: Floats) -> dict[str, Floats]:
        """Quantiles by name, the probabilities first."""

    @abstractmethod
    def _probability(self, left: str | float, sign: str, right: str | float) -> Floats:
        """The probability that one is above or below the other."""

    @abstractmethod
    def _draws(self, n: int, generator: Generator) -> dict[str, Floats]:
        """Draws by name, these first."""

    @property
    @abstractmethod
    def log_z(self) -> Floats:
        """Logs of the integrals of likelihood times prior, (data sets,)."""

    @property
    @abstractmethod
    def _improper(self) -> str:
        """Which prior is; empty where all are proper."""

    @abstractmethod
    def _named(self, labels: Sequence[Any]) -> "PosteriorBatch":
        """The same with names of the data sets."""

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

    @property
    def log_evidence(self) -> Floats:
        """Logs of the evidences, (data sets,); an error where a prior is improper."""
        if self._improper:
            raise ValueError(
                f"there is no evidence: {self._improper}; log_z is the log of the integral of "
                "likelihood times prior"
            )
        return self.log_z

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
        q = probability_list("p", np.atleast_1d(as_array("p", p)))
        inside = bool(np.all((q > 0.0) & (q < 1.0)))
        if not inside:
            raise ValueError("p holds 0 or 1: quantiles are asked for between them")

        found = sealed(self._quantiles(q))
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
            NaN where a group is missing. To 1e-9; above 1e-15 small ones to 1e-8 of themselves. Of
            counts as `exact` has them, of comparisons with numbers.
        """
        if not isinstance(event, str):
            raise TypeError(f"event is {event!r}: give a comparison, such as 'mu > 0'")
        try:
            left, sign, right = parse_comparison(event)
            if left != left or right != right:
                raise ValueError("a comparison with nan has no probability")
            return np.minimum(self._probability(left, sign, right), 1.0)
        except ValueError as error:
            told = str(error)
            raise ValueError(told if told.startswith("event") else f"event: {told}") from None

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
        return MappingProxyType(self._draws(n, generator))

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
        names = [*self._hyper, *(f"theta[{j + 1}]" for j in range(groups)), "theta_new"]
        rows = pd.MultiIndex.from_product(
            [self.labels or range(sets), names], names=["data_set", "quantity"]
        )
        whole = pd.DataFrame(dict(zip([*columns, *percents(q)], table, strict=True)), index=rows)
        return whole[whole.iloc[:, 2:].notna().any(axis=1)]

    def _flat(self, values: Mapping[str, Floats]) -> Floats:
        return np.column_stack([values[name] for name in self.names]).ravel()


def columns_of(post: Any) -> list[int]:
    """Where the groups of one data set stand: their names are the columns', from 1."""
    return [int(label) - 1 for label in post.model.labels]


def sealed(found: dict[str, Floats]) -> dict[str, Floats]:
    """Arrays that cannot be written."""
    for array in found.values():
        array.flags.writeable = False
    return found
