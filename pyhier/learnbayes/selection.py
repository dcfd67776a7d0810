"""LearnBayes' choice of priors from two quantiles, and the set-up of career trajectories."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pyhier._types import Floats
from pyhier._validation import checked, flag, positive
from pyhier.learnbayes._arguments import entries, number
from pyhier.rstats.beta_family import pbeta
from pyhier.rstats.real_line import qnorm
from pyhier.rstats.results import ByName


@dataclass(frozen=True)
class NormalSelectResult(ByName):
    """What LearnBayes' ``normal.select`` returns.

    Attributes
    ----------
    mu, sigma : float
        Mean and standard deviation.
    """

    mu: float
    sigma: float


@dataclass(frozen=True)
class CareertrajResult(ByName):
    """What LearnBayes' ``careertraj.setup`` returns.

    Attributes
    ----------
    player_names : list of str
        In alphabetical order.
    y, n, x : ndarray, shape (N, seasons)
        Home runs, at-bats without strike-outs, and ages, a player a row, 0 after the last season.
    T : ndarray of int, shape (N,)
        Seasons of each player.
    N : int
        The number of players.
    """

    player_names: list[str]
    y: Floats
    n: Floats
    x: Floats
    T: NDArray[np.int64]
    N: int


def _quantiles(first: Mapping[str, Any], second: Mapping[str, Any]) -> tuple[Floats, Floats]:
    p, x = np.array([_quantile("quantile1", first), _quantile("quantile2", second)]).T
    if p[0] == p[1] or (p[1] - p[0]) * (x[1] - x[0]) <= 0.0:
        raise ValueError(
            f"the quantiles are {x[0]} at p = {p[0]} and {x[1]} at p = {p[1]}: "
            "the one of the larger p must be the larger"
        )
    return (p, x) if p[0] < p[1] else (p[::-1], x[::-1])


def _quantile(name: str, value: Mapping[str, Any]) -> list[float]:
    """Probability and quantile."""
    found = dict(zip("px", entries(name, value, "p", "x"), strict=True))
    p, x = (number(f"{name}[{key!r}]", item) for key, item in found.items())
    if not 0.0 < p < 1.0:
        raise ValueError(f"{name} is {x} at p = {p}: p must be between 0 and 1")
    return [p, x]


def normal_select(quantile1: Mapping[str, Any], quantile2: Mapping[str, Any]) -> NormalSelectResult:
    """Find the normal distribution of two quantiles: LearnBayes' ``normal.select``.

    Parameters
    ----------
    quantile1, quantile2 : mapping
        ``{"p": probability, "x": quantile}``.

    Returns
    -------
    NormalSelectResult

    Raises
    ------
    ValueError
        If the quantiles do not rise with the probabilities (R returns a negative sigma).

    Examples
    --------
    >>> from pyhier import learnbayes as lb
    >>> fit = lb.normal_select({"p": 0.15, "x": 100}, {"p": 0.7, "x": 150})
    >>> round(fit.mu, 3), round(fit.sigma, 3)
    (133.201, 32.034)
    """
    p, x = _quantiles(quantile1, quantile2)
    z = qnorm(p)
    sigma = float((x[1] - x[0]) / (z[1] - z[0]))
    return NormalSelectResult(float(x[0] - sigma * z[0]), sigma)


@checked(r=flag)
def beta_select(
    quantile1: Mapping[str, Any], quantile2: Mapping[str, Any], *, r: bool = False
) -> Floats:
    """Find the beta distribution of two quantiles: LearnBayes' ``beta.select``.

    Parameters
    ----------
    quantile1, quantile2 : mapping
        ``{"p": probability, "x": quantile}``, the quantiles between 0 and 1.
    r : bool
        Whether to search as R does, which stops early: its shapes miss by up to about 1%, and a
        script that begins with them goes on with its numbers.

    Returns
    -------
    ndarray, shape (2,)
        The two shapes, to 2 digits.

    Raises
    ------
    ValueError
        If the quantiles do not rise with the probabilities, are not inside (0, 1), or no beta
        distribution with shapes from 0.005 to 1e8 has them.

    Examples
    --------
    >>> from pyhier import learnbayes as lb
    >>> lb.beta_select({"p": 0.5, "x": 0.25}, {"p": 0.9, "x": 0.45})
    array([2.67, 7.36])
    >>> lb.beta_select({"p": 0.5, "x": 0.25}, {"p": 0.9, "x": 0.45}, r=True)
    array([2.67, 7.37])
    """
    from scipy.optimize import brentq

    p, x = _quantiles(quantile1, quantile2)
    for k in (0, 1):
        if not 0.0 < x[k] < 1.0:
            raise ValueError(f"a quantile is {x[k]}: it must be between 0 and 1")
    if r:
        return _searched(_quantile("quantile1", quantile1), _quantile("quantile2", quantile2))
    upper = _distribution(p, x)
    sizes = np.linspace(math.log(0.01), math.log(1e8), 60)
    gaps = np.array([upper(size) for size in sizes])
    change = np.flatnonzero(np.diff(np.sign(gaps)) != 0.0)
    if not change.size:
        raise ValueError(
            f"no beta distribution has the quantiles {x[0]} at p = {p[0]} and {x[1]} at p = {p[1]}"
        )
    size = brentq(upper, sizes[change[0]], sizes[change[0] + 1], xtol=1e-13)
    mean = _mean(size, p[0], x[0])
    return np.round(math.exp(size) * np.array([mean, 1.0 - mean]), 2)


def _searched(first: list[float], second: list[float]) -> Floats:
    """R's search, as it looks from outside: 100 sizes from exp(-3) to exp(8).

    Each has its mean by bisection, to 1e-4 in the first probability; the size of the second one by
    linear interpolation in the logarithm; then the mean once more.
    """
    sizes = np.linspace(-3.0, 8.0, 100)
    means = np.array([_halved(math.exp(size), *first) for size in sizes])
    shapes = np.exp(sizes) * np.array([means, 1.0 - means])
    reached = pbeta(float(second[1]), *shapes)
    kept = (reached > 0.0) & (reached < 1.0)
    order = np.argsort(reached[kept])
    at = reached[kept][order]
    if not at[0] <= second[0] <= at[-1]:
        raise ValueError(f"R's search finds no beta distribution with {second[1]} at {second[0]}")
    size = math.exp(np.interp(second[0], at, sizes[kept][order]))
    mean = _halved(size, *first)
    return np.round(size * np.array([mean, 1.0 - mean]), 2)


def _halved(size: float, p: float, x: float) -> float:
    """A mean whose distribution function at x is within 1e-4 of p, by bisection from 1/2."""
    low, high = 0.0, 1.0
    for _ in range(1100):
        mean = 0.5 * (low + high)
        miss = float(pbeta(x, size * mean, size * (1.0 - mean))) - p
        if abs(miss) < 1e-4:
            return mean
        low, high = (low, mean) if miss < 0.0 else (mean, high)
    raise ValueError(f"R's search does not end: no beta distribution has {x} at p = {p}")


def _mean(log_size: float, p: float, x: float) -> float:
    """The mean of the beta distribution of a given size whose p quantile is x."""
    from scipy.optimize import brentq
    from scipy.special import betainc, expit

    size = math.exp(log_size)

    def gap(logit: float) -> float:
        return float(betainc(size * expit(logit), size * expit(-logit), x)) - p

    return float(expit(brentq(gap, -40.0, 40.0, xtol=1e-13)))


def _distribution(p: Floats, x: Floats) -> Any:
    """How much too large the second probability is, for the log of the shapes' sum."""
    from scipy.special import betainc

    def gap(log_size: float) -> float:
        mean, size = _mean(log_size, p[0], x[0]), math.exp(log_size)
        return float(betainc(size * mean, size * (1.0 - mean), x[1])) - float(p[1])

    return gap


def careertraj_setup(data: pd.DataFrame) -> CareertrajResult:
    """Arrange players' seasons as matrices: LearnBayes' ``careertraj.setup(data)``.

    Parameters
    ----------
    data : DataFrame
        With columns ``Player``, ``Age``, ``AB``, ``HR`` and ``SO``, a season a row, those of a
        player in their order, as in ``sluggerdata``.

    Returns
    -------
    CareertrajResult

    Raises
    ------
    ValueError
        If a column is missing, or a number in it.

    Examples
    --------
    >>> import pyhier as ph
    >>> from pyhier import learnbayes as lb
    >>> careers = lb.careertraj_setup(ph.load_dataset("sluggerdata"))
    >>> careers.player_names[:2], careers.T[:2].tolist(), careers.y[0, :3]
    (['Aaron', 'Greenberg'], [23, 13], array([13., 27., 26.]))
    """
    if not isinstance(data, pd.DataFrame):
        raise TypeError(f"data is a {type(data).__name__}: give a DataFrame, a season a row")
    wanted = ["Player", "Age", "AB", "HR", "SO"]
    missing = [name for name in wanted if name not in data]
    if missing:
        raise ValueError(f"data has no column {missing[0]!r}: it must have {', '.join(wanted)}")
    if data[wanted].isna().any(axis=None) or not len(data):
        raise ValueError("data has missing entries, or no rows: give every season in full")
    positive("the number of seasons", len(data))
    groups = {str(name): part for name, part in data.groupby("Player", sort=True, observed=True)}
    names = sorted(groups)
    seasons = np.array([len(groups[name]) for name in names])
    y, n, x = (np.zeros((len(names), int(seasons.max()))) for _ in range(3))
    for i, name in enumerate(names):
        part, k = groups[name], seasons[i]
        y[i, :k] = part["HR"]
        n[i, :k] = part["AB"].to_numpy() - part["SO"].to_numpy()
        x[i, :k] = part["Age"]
    return CareertrajResult(names, y, n, x, seasons, len(names))
