"""Distributions of counts by the probabilities of 0, 1, 2, ..."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from pyhier._frozen import Frozen
from pyhier._types import Floats
from pyhier._validation import check_level, numbers, probabilities


@dataclass(frozen=True, eq=False)
class CountDistribution(Frozen):
    """The distribution of a count, which speaks scipy.stats.

    Attributes
    ----------
    probability : ndarray, shape (values,)
        Of 0, 1, 2, ...
    rest : float
        The probability of more than these; 0 where there cannot be more.
    """

    probability: Floats
    rest: float = 0.0

    def __repr__(self) -> str:
        more = f", more with probability {self.rest:.2g}" if self.rest > 0.0 else ""
        return f"{type(self).__name__} of 0 to {self.probability.size - 1}{more}"

    @cached_property
    def _below(self) -> Floats:
        return np.concatenate([[0.0], np.minimum(np.cumsum(self.probability), 1.0)])

    @cached_property
    def _above(self) -> Floats:
        """The probabilities of at least 0, 1, ..., and of more than all."""
        ends = np.concatenate([[self.rest], self.probability[::-1]])
        return np.cumsum(ends)[::-1]

    @property
    def support(self) -> tuple[float, float]:
        """The least and the greatest count."""
        return 0.0, np.inf if self.rest > 0.0 else float(self.probability.size - 1)

    def pmf(self, k: ArrayLike) -> Floats:
        """Probabilities of counts; 0 of what is none."""
        x = numbers("k", k)
        whole = (x == np.floor(x)) & (x >= 0.0)
        self._known(x[whole])
        known = whole & (x < self.probability.size)
        return np.where(known, self.probability[np.where(known, x, 0.0).astype(np.intp)], 0.0)

    def cdf(self, k: ArrayLike) -> Floats:
        """Probabilities of at most k."""
        x = numbers("k", k)
        self._known(x)
        below: Floats = self._below[self._place(x)]
        return below

    def sf(self, k: ArrayLike) -> Floats:
        """Probabilities of more than k."""
        x = numbers("k", k)
        self._known(x)
        above: Floats = self._above[self._place(x)]
        return above

    def ppf(self, q: ArrayLike) -> Floats:
        """Quantiles: the least counts of which at most so many have probability q or more."""
        p = probabilities("q", q)
        if (p > 1.0 - self.rest).any() and self.rest > 0.0:
            raise ValueError(
                f"q is {p.max():g}: counts above {self.probability.size - 1}, which have "
                f"probability {self.rest:.3g}, were not worked out; take draws, post.predict_new"
            )
        at = np.searchsorted(self._below[1:], p * (1.0 - 1e-13), side="left")
        return np.minimum(at, self.probability.size - 1).astype(np.float64)

    def median(self) -> float:
        """The median."""
        return float(self.ppf(0.5))

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """The quantiles between which a count lies with at least this probability."""
        tail = 0.5 * (1.0 - check_level(level))
        low, high = self.ppf([tail, 1.0 - tail])
        return float(low), float(high)

    def mean(self) -> float:
        """The mean, of a count that has a greatest value."""
        self._bounded("mean")
        return float(self.probability @ np.arange(self.probability.size))

    def var(self) -> float:
        """The variance, of a count that has a greatest value."""
        away = np.arange(self.probability.size) - self.mean()
        return float(self.probability @ away**2)

    def std(self) -> float:
        """The standard deviation, of a count that has a greatest value."""
        return float(np.sqrt(self.var()))

    def _bounded(self, what: str) -> None:
        if self.rest > 0.0:
            raise ValueError(
                f"the {what} of a count without end rests on a tail that was not worked out, and "
                "may be infinite: take quantiles (ppf)"
            )

    def _known(self, x: Floats) -> None:
        if self.rest > 0.0 and (x >= self.probability.size).any():
            raise ValueError(
                f"k is {x.max():g}: counts above {self.probability.size - 1}, which have "
                f"probability {self.rest:.3g}, were not worked out; take draws, post.predict_new"
            )

    def _place(self, x: Floats) -> Floats:
        """How many of the counts are at most x."""
        at: Floats = np.clip(np.floor(x) + 1.0, 0.0, self.probability.size).astype(np.intp)
        return at
