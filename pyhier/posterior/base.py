"""What all posteriors share: names, tables, and how an event is written."""

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyhier.models.protocol import Model

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

PROBS = (0.025, 0.25, 0.5, 0.75, 0.975)
_NAME = r"(theta\[.*?\]|[^<>\[\]]+?)"  # a label may hold < and >
_COMPARISON = re.compile(rf"^\s*{_NAME}\s*(<=|>=|<|>)\s*{_NAME}\s*$")


class Probability(float):
    """A probability with the Monte Carlo standard error it was computed with.

    Attributes
    ----------
    se : float
        The standard error; 0 where no draws were used.

    Examples
    --------
    >>> p = Probability(0.25, se=0.01)
    >>> p, p.se, p < 0.5
    (0.25, 0.01, True)
    """

    se: float

    def __new__(cls, value: Any, se: float = 0.0) -> "Probability":
        """Make one from anything float takes."""
        number = super().__new__(cls, value)
        number.se = se
        return number


def parse_comparison(event: str) -> tuple[str | float, str, str | float]:
    """Take an event apart: left, ">" or "<" (a tie has no probability), right.

    Raises
    ------
    ValueError
        If it is no comparison.
    """
    match = _COMPARISON.match(event)
    if match is None:
        raise ValueError(
            f"event {event!r} is no comparison: write it as 'theta[A] > 28', or give a function"
        )
    left, sign, right = match.groups()
    return _side(left), sign[0], _side(right)


def _side(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text


class Marginal(Protocol):
    """What ``post[name]`` is: scipy.stats' functions of one quantity."""

    def pdf(self, x: ArrayLike) -> Floats:
        """Density."""

    def cdf(self, x: ArrayLike) -> Floats:
        """Probability of at most x."""

    def sf(self, x: ArrayLike) -> Floats:
        """Probability of more than x."""

    def ppf(self, q: ArrayLike) -> Floats:
        """Quantiles."""

    def mean(self) -> float:
        """Mean."""

    def median(self) -> float:
        """Median."""

    def std(self) -> float:
        """Standard deviation."""

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Central interval."""

    def hdi(self, level: float = 0.95) -> tuple[float, float]:
        """Shortest interval."""


class Posterior:
    """What every engine returns, whatever it knows its marginals by.

    Subclasses give ``names``, ``__getitem__``, ``columns``, ``shrinkage_factors`` and
    ``group_means``.
    """

    def __init__(self, model: Model) -> None:
        self.model = model

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all quantities: hyperparameters, ``theta[LABEL]``, ``theta_new``."""
        _abstract(self)

    def __getitem__(self, name: str) -> Marginal:
        _abstract(self)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __repr__(self) -> str:
        return f"{type(self).__name__} of {self.model!r}"

    @cached_property
    def _group_of(self) -> dict[str, int]:
        return {f"theta[{label}]": j for j, label in enumerate(self.model.labels)}

    def _unknown(self, name: object) -> KeyError:
        known = ", ".join(self.names[:4])
        return KeyError(f"no quantity is named {name!r}: there are {known}, ... (see names)")

    def columns(self, probs: Sequence[float] = PROBS) -> dict[str, Any]:
        """The summary as plain columns: what `summary` frames and the command line prints."""
        _abstract(self)

    def shrinkage_factors(self) -> Floats:
        """Posterior mean of each group's shrinkage factor, shape (groups,).

        0 leaves the group's own estimate, 1 puts it on the mean of all.
        """
        _abstract(self)

    def group_means(self) -> Floats | None:
        """Posterior mean of each group's effect, shape (groups,); None if it was not drawn."""
        _abstract(self)

    def summary(self, probs: Sequence[float] = PROBS) -> "pd.DataFrame":
        """Mean, sd and quantiles of every quantity.

        Parameters
        ----------
        probs : sequence of float
            The quantiles' probabilities.

        Returns
        -------
        DataFrame
            A row for each of ``names``; columns ``mean``, ``sd``, ``2.5%``, ...
        """
        import pandas as pd

        return pd.DataFrame(self.columns(probs), index=pd.Index(self.names, name="quantity"))

    def shrinkage(self) -> "pd.DataFrame":
        """Shrinkage of each group, with its data and the ranks of both.

        Returns
        -------
        DataFrame
            A row a group; columns the data (``y``, ``se``), ``theta`` (posterior mean),
            ``shrinkage``, ``rank_shrinkage`` and ``rank_se`` (or ``rank_trials``, ...; 1 is the
            least; ties share the mean rank, as in R's ``rank``).
        """
        import pandas as pd

        observed = dict(self.model.observed())
        frame = pd.DataFrame(observed, index=pd.Index(self.model.labels, name="group"))
        means = self.group_means()
        if means is not None:
            frame["theta"] = means
        frame["shrinkage"] = self.shrinkage_factors()
        frame["rank_shrinkage"] = frame["shrinkage"].rank()
        size = list(observed)[-1]
        frame[f"rank_{size}"] = frame[size].rank()
        return frame


def _abstract(posterior: Posterior) -> NoReturn:
    raise TypeError(f"{type(posterior).__name__} must say how")
