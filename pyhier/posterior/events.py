"""Events: how they are written, and their probabilities."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyhier._types import Floats

_NAME = r"([a-z]\w*\[.*?\]|[^<>\[\]]+?)"  # a label may hold < and >

_COMPARISON = re.compile(rf"^\s*{_NAME}\s*(<=|>=|<|>)\s*{_NAME}\s*$")


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


def share(holds: NDArray[np.bool_], markov: bool = False, ess: float = np.inf) -> Probability:
    """Share of the draws, shape (chain, draw), for which something holds.

    Its standard error is `error_of_mean`.
    """
    return Probability(float(holds.mean()), error_of_mean(holds, markov, ess))


def error_of_mean(
    values: Floats | NDArray[np.bool_], markov: bool = False, ess: float = np.inf
) -> float:
    """Monte Carlo standard error of the mean of draws, shape (chain, draw).

    It is that of independent draws. Those that were picked by weights of effective size ``ess``
    have the weights' error on top. Those of a Markov chain are cut into about sqrt(draws) batches a
    chain, whose means are nearly independent (Flegal, Haran and Jones 2008); the larger of both
    errors counts, for a chain that mixed well gives noisy batches.
    """
    se = float(np.std(values) * np.sqrt(1.0 / values.size + 1.0 / ess))
    if markov and values.shape[1] >= 4:
        size = int(np.sqrt(values.shape[1]))
        used = values[:, values.shape[1] % size :]
        batches = used.reshape(-1, size).mean(axis=1)
        se = max(se, float(batches.std(ddof=1) / np.sqrt(batches.size)))
    return se


Event = str | Callable[[Mapping[str, Floats]], NDArray[np.bool_]]


def holds(event: Event, drawn: Mapping[str, Floats]) -> NDArray[np.bool_]:
    """Whether an event holds in each of the draws by name, shape (chain, draw)."""
    if isinstance(event, str):
        left, sign, right = parse_comparison(event)
        a, b = (drawn[side] if isinstance(side, str) else side for side in (left, right))
        found = np.asarray(a > b if sign == ">" else a < b)
    else:
        if not callable(event):
            raise TypeError(
                f"event is {event!r}: give a comparison, such as 'theta[A] > 28', or a function of "
                "the draws by name"
            )
        found = np.asarray(event(drawn))
        if found.dtype != np.bool_:
            raise TypeError("event must return an array of bool, one a draw")
    shape = drawn[next(iter(drawn))].shape
    if found.shape != shape:
        raise ValueError(
            f"event returned shape {found.shape}: it must return one bool a draw, of shape {shape}"
        )
    return found
