"""Posterior predictive checks: whether data made by the fitted model looks like the data.

Gelman et al., Bayesian Data Analysis (3rd ed.), section 6.3. A statistic is a function of data of
shape (..., groups); its Bayesian p-value is the chance that new data has a statistic at least as
large as that of the data. Near 0 or 1 the model misses what the statistic measures.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pyhier._frozen import Frozen
from pyhier._types import Floats
from pyhier._validation import numbers, returned
from pyhier.posterior.events import Probability, share
from pyhier.rstats.moments import mean_and_sd

if TYPE_CHECKING:
    import pandas as pd

Statistic = str | Callable[[Floats], Any]
Statistics = Statistic | Sequence[Statistic] | Mapping[str, Statistic]

NAMED: dict[str, Callable[[Floats], Floats]] = {
    "mean": lambda y: y.mean(axis=-1),
    "sd": lambda y: y.std(axis=-1, ddof=1),
    "min": lambda y: y.min(axis=-1),
    "max": lambda y: y.max(axis=-1),
    "median": lambda y: np.median(y, axis=-1),
    "range": lambda y: np.ptp(y, axis=-1),
}


@dataclass(frozen=True)
class PredictiveCheck(Frozen):
    """Statistics of the data beside those of data from the posterior.

    Attributes
    ----------
    names : tuple of str
        Of the statistics.
    observed : ndarray, shape (statistics,)
        Their values for the data.
    replicated : ndarray, shape (statistics, chain, draw)
        Their values for each new data set.
    p : tuple of Probability
        The chance of a value at least as large as the observed one, with its standard error.

    Examples
    --------
    >>> import pyhier as ph
    >>> schools = ph.load_dataset("eight_schools")
    >>> post = ph.exact(ph.NormalNormal(schools["y"], se=schools["sigma"]))
    >>> check = post.predictive_check(["max", "min"], draws=20_000, rng=1)
    >>> check.table["observed"].tolist()
    [28.0, -3.0]
    >>> bool(0.4 < check["max"] < 0.7)
    True
    """

    names: tuple[str, ...]
    observed: Floats
    replicated: Floats
    p: tuple[Probability, ...]

    def __getitem__(self, name: str) -> Probability:
        """The Bayesian p-value of one statistic."""
        return self.p[self.index(name)]

    def index(self, name: str) -> int:
        """Where a statistic is among ``names``."""
        if name not in self.names:
            known = ", ".join(self.names)
            raise KeyError(f"no statistic is named {name!r}: there are {known}")
        return self.names.index(name)

    @property
    def table(self) -> "pd.DataFrame":
        """A row a statistic.

        Columns ``observed``; ``mean`` and ``sd`` of the new data's; ``p``, the chance of at least
        the observed value, and ``se``, its Monte Carlo standard error; ``ties``, the share of ``p``
        that equals the observed value, which counts have.
        """
        import pandas as pd

        flat = self.replicated.reshape(len(self.names), -1)
        mean, sd = mean_and_sd(flat, axis=1)
        columns = {
            "observed": self.observed,
            "mean": mean,
            "sd": sd,
            "p": np.array(self.p, dtype=np.float64),
            "se": np.array([p.se for p in self.p]),
            "ties": (flat == self.observed[:, None]).mean(axis=1),
        }
        return pd.DataFrame(columns, index=pd.Index(self.names, name="statistic"))


def predictive_check(
    statistics: Statistics,
    data: Floats,
    replicated: Floats,
    markov: bool = False,
    ess: float = np.inf,
) -> PredictiveCheck:
    """Compare statistics of data (groups,) with those of new data (chain, draw, groups)."""
    functions = _resolve(statistics)
    observed = [_value(name, f, data, ()) for name, f in functions.items()]
    found = [_value(name, f, replicated, replicated.shape[:-1]) for name, f in functions.items()]
    p = tuple(share(new >= old, markov, ess) for old, new in zip(observed, found, strict=True))
    result = PredictiveCheck(tuple(functions), np.array(observed), np.stack(found), p)
    for array in (result.observed, result.replicated):
        array.flags.writeable = False
    return result


def _value(
    name: str, function: Callable[[Floats], Any], data: Floats, shape: tuple[int, ...]
) -> Floats:
    what = f"statistic {name!r}"
    values = _numbers(what, function(data))
    if values.shape != shape and data.ndim > 1:  # it does not go along the last axis
        rows = data.reshape(-1, data.shape[-1])
        values = np.array([returned(what, function(row)) for row in rows]).reshape(shape)
    elif data.ndim == 1 and values.size == 1:
        values = values.reshape(())
    if values.shape != shape:
        raise ValueError(
            f"statistic {name!r} returned shape {values.shape} for the data of {data.size} groups: "
            "it must be one number"
        )
    if np.isnan(values).any():
        of = "the data" if data.ndim == 1 else "some of the new data"
        raise ValueError(f"statistic {name!r} is NaN for {of}: it must be a number for any data")
    return values


def _numbers(what: str, value: Any) -> Floats:
    """What a statistic returned, as an array."""
    try:
        return numbers(what, value)
    except (TypeError, ValueError):
        raise TypeError(f"{what} returned {value!r}: it must return one number") from None


def _resolve(statistics: Statistics) -> dict[str, Callable[[Floats], Any]]:
    """The functions under their names."""
    if isinstance(statistics, Mapping):
        return {str(name): _function(given) for name, given in statistics.items()} or _none()
    if isinstance(statistics, str) or callable(statistics):
        statistics = [statistics]
    if not isinstance(statistics, Iterable):
        raise TypeError(f"statistic is {statistics!r}: give a function, or a name")
    named: dict[str, Callable[[Floats], Any]] = {}
    for given in statistics:
        name = given if isinstance(given, str) else getattr(given, "__name__", repr(given))
        if name in named:
            raise ValueError(f"two statistics are named {name!r}: give a mapping of names to them")
        named[name] = _function(given)
    return named or _none()


def _none() -> dict[str, Callable[[Floats], Any]]:
    raise ValueError(f"no statistic was given: give a function, or one of {', '.join(NAMED)}")


def _function(statistic: Any) -> Callable[[Floats], Any]:
    if isinstance(statistic, str):
        if statistic not in NAMED:
            raise ValueError(
                f"statistic is {statistic!r}: the named ones are {', '.join(NAMED)}; any function "
                "of data of shape (..., groups) works too"
            )
        return NAMED[statistic]
    if not callable(statistic):
        raise TypeError(f"statistic is {statistic!r}: give a function, or a name")
    function: Callable[[Floats], Any] = statistic
    return function
