"""LearnBayes' samplers with independent draws: from a t proposal, or from a grid."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyhier._random import RNG, Generator, as_generator, picks, uniforms
from pyhier._types import Floats
from pyhier._validation import amount, checked, count, flag, vector
from pyhier.inference.proposal import normal_or_t
from pyhier.inference.target import LogPosterior, check_log_posterior, log_density
from pyhier.learnbayes._arguments import flat, number
from pyhier.rstats.results import ByName
from pyhier.rstats.streams import default_stream


@dataclass(frozen=True)
class ImpsamplingResult(ByName):
    """What LearnBayes' ``impsampling`` returns.

    Attributes
    ----------
    est : float
        The estimate of the posterior mean of h.
    se : float
        Its simulation standard error.
    theta : ndarray, shape (n, p)
        The draws from the proposal.
    wt : ndarray, shape (n,)
        Their weights; the largest is 1.
    """

    est: float
    se: float
    theta: Floats
    wt: Floats


@dataclass(frozen=True)
class SimcontourResult(ByName):
    """What LearnBayes' ``simcontour`` returns.

    Attributes
    ----------
    x, y : ndarray, shape (m,)
        Draws of the first and of the second parameter.
    """

    x: Floats
    y: Floats


@checked(logf=check_log_posterior, vectorised=flag)
def impsampling(
    logf: LogPosterior,
    tpar: Mapping[str, Any],
    h: Callable[[Floats], float],
    n: int,
    data: Any = None,
    *,
    vectorised: bool = False,
    rng: RNG = None,
) -> ImpsamplingResult:
    """Estimate a posterior mean by importance sampling from a t proposal.

    Parameters
    ----------
    logf : callable
        ``logf(theta, data)``: one of LearnBayes', a Python function, a ``numba.njit`` function or a
        ``scipy.LowLevelCallable``. Without data it is called as ``logf(theta)``.
    tpar : mapping
        ``{"m": mean (p,), "var": scale matrix (p, p), "df": degrees of freedom}``.
    h : callable
        ``h(theta)`` with ``theta`` of shape (p,), returning a number: what the mean is of.
    n : int
        Draws from the proposal.
    data : object, optional
        What ``logf`` takes after theta.
    vectorised : bool
        Whether ``h`` can take all draws at once: ``theta`` of shape (p, n), so that ``theta[0]`` is
        the first parameter still, and n numbers in return. Else it is called draw by draw, as in R,
        which takes about as long as all the rest.
    rng : None, int, numpy.random.Generator or RStream
        R's global stream (``rstats.set_seed``) without it.

    Returns
    -------
    ImpsamplingResult
        With LearnBayes' fields ``est``, ``se``, ``theta`` and ``wt``.

    Raises
    ------
    ValueError, TypeError
        If an argument cannot be used, or ``logf`` is NaN or +inf at a draw (R returns NaN), or -inf
        at all of them.

    Examples
    --------
    >>> from pyhier import learnbayes as lb, rstats
    >>> data = np.c_[[28, 8, -3, 7], [225, 100, 256, 121]]
    >>> fit = lb.laplace(lb.normnormexch, [8, 2], data)
    >>> tpar = {"m": fit.mode, "var": 2 * fit.var, "df": 4}
    >>> rstats.set_seed(1)
    >>> found = lb.impsampling(lb.normnormexch, tpar, lambda theta: theta[0], 1000, data)
    >>> round(found.est, 4), round(found.se, 4)
    (10.1887, 1.1081)
    """
    theta, log_weight = _weighted(logf, tpar, amount("n", n), data, _source(rng))
    wt = np.exp(log_weight - log_weight.max())
    values = _values(h, theta, vectorised)
    total = wt.sum()
    est = float((wt * values).sum() / total)
    se = float(np.sqrt(((wt * (values - est)) ** 2).sum()) / total)
    return ImpsamplingResult(est, se, theta, wt)


@checked(logf=check_log_posterior)
def sir(
    logf: LogPosterior, tpar: Mapping[str, Any], n: int, data: Any = None, *, rng: RNG = None
) -> Floats:
    """Sample by importance resampling from a t proposal.

    Parameters
    ----------
    logf, tpar, data, rng
        As for `impsampling`.
    n : int
        Draws from the proposal, and draws with replacement from those by their weights.

    Returns
    -------
    ndarray, shape (n, p)
        The draws (R returns a vector where p or n is 1).

    Raises
    ------
    ValueError, TypeError
        As for `impsampling`.

    Examples
    --------
    >>> from pyhier import learnbayes as lb, rstats
    >>> data = np.c_[[28, 8, -3, 7], [225, 100, 256, 121]]
    >>> fit = lb.laplace(lb.normnormexch, [8, 2], data)
    >>> rstats.set_seed(1)
    >>> tpar = {"m": fit.mode, "var": 2 * fit.var, "df": 4}
    >>> lb.sir(lb.normnormexch, tpar, 1000, data).shape
    (1000, 2)
    """
    source, size = _source(rng), amount("n", n)
    theta, log_weight = _weighted(logf, tpar, size, data, source)
    return theta[picks(source, np.exp(log_weight - log_weight.max()), size)]


@checked(logf=check_log_posterior)
def rejectsampling(
    logf: LogPosterior,
    tpar: Mapping[str, Any],
    dmax: float,
    n: int,
    data: Any = None,
    *,
    rng: RNG = None,
) -> Floats:
    """Sample by rejection from a t proposal.

    Parameters
    ----------
    logf, tpar, data, rng
        As for `impsampling`.
    dmax : float
        The greatest value of ``logf`` less the proposal's log density. Where it is exceeded the
        draws are not of ``logf`` (as in R, nothing is said); `pyhier.rejection` finds a bound and
        says so.
    n : int
        Draws from the proposal.

    Returns
    -------
    ndarray, shape (accepted, p)
        The draws that were accepted (R returns a vector where that or p is 1).

    Raises
    ------
    ValueError, TypeError
        As for `impsampling`.

    Examples
    --------
    >>> from pyhier import learnbayes as lb, rstats
    >>> data = np.c_[[28, 8, -3, 7], [225, 100, 256, 121]]
    >>> fit = lb.laplace(lb.normnormexch, [8, 2], data)
    >>> rstats.set_seed(1)
    >>> tpar = {"m": fit.mode, "var": 2 * fit.var, "df": 4}
    >>> lb.rejectsampling(lb.normnormexch, tpar, -9.4, 1000, data).shape
    (720, 2)
    """
    bound = number("dmax", dmax)
    source, size = _source(rng), amount("n", n)
    theta, log_weight = _weighted(logf, tpar, size, data, source)
    with np.errstate(over="ignore"):
        ratio = np.exp(log_weight - bound)
    return theta[uniforms(source, size) < ratio]


@checked(logf=check_log_posterior)
def simcontour(
    logf: LogPosterior,
    limits: ArrayLike,
    data: Any,
    m: int,
    *,
    size: int = 50,
    rng: RNG = None,
) -> SimcontourResult:
    """Sample two parameters from a grid of their density, uniformly within its cells.

    Parameters
    ----------
    logf : callable
        ``logf(theta, data)``, as for `impsampling`.
    limits : array_like, shape (4,)
        Least and greatest value of the first parameter, then of the second.
    data : object
        What ``logf`` takes after theta; None calls ``logf(theta)``.
    m : int
        The number of draws.
    size : int
        Points of the grid along each parameter; R has 50.
    rng : None, int, numpy.random.Generator or RStream
        R's global stream (``rstats.set_seed``) without it.

    Returns
    -------
    SimcontourResult
        With LearnBayes' fields ``x`` and ``y``.

    Raises
    ------
    ValueError, TypeError
        As for `impsampling`.

    Examples
    --------
    >>> from pyhier import learnbayes as lb, rstats
    >>> data = np.c_[[28, 8, -3, 7], [225, 100, 256, 121]]
    >>> rstats.set_seed(1)
    >>> draws = lb.simcontour(lb.normnormexch, [-20, 40, -2, 5], data, 1000)
    >>> draws.x.shape, round(float(draws.x.mean()), 1)
    ((1000,), 9...)
    """
    x0, x1, y0, y1 = limits_of(limits)
    side = count("size", size, 2)
    points, source = amount("size", side, side), _source(rng)
    x, y = np.linspace(x0, x1, points), np.linspace(y0, y1, points)
    grid = np.column_stack([np.tile(x, points), np.repeat(y, points)])  # x varies fastest
    density = log_density(logf, 2, () if data is None else (data,))
    value = density.evaluate(grid, fast=True)
    _check(value, grid)
    drawn = picks(source, np.exp(value - value.max()), amount("m", m))
    columns = []
    for corner, axis in ((grid[drawn, 0], x), (grid[drawn, 1], y)):
        width = axis[1] - axis[0]
        columns.append(corner + width * uniforms(source, drawn.size) - width / 2.0)
    return SimcontourResult(*columns)


def _values(h: Callable[[Floats], Any], theta: Floats, vectorised: bool) -> Floats:
    """The function whose mean is wanted, at all draws."""
    if not callable(h):
        raise TypeError(f"h is {h!r}: give the function of theta whose mean is wanted")
    if vectorised:
        values = np.asarray(h(theta.T), dtype=np.float64)
        if values.shape != (len(theta),):
            raise ValueError(f"h returned shape {values.shape} for {len(theta)} draws")
        return values
    first = h(theta[0])  # called once a draw, as in R: it may draw random numbers itself
    shape, kind = np.shape(first), np.asarray(first).dtype.kind
    if shape not in ((), (1,)) or kind not in "biuf":  # R's numbers are vectors of one
        raise ValueError(f"h returned {first!r}: it must return one number")
    rest = map(h, theta[1:]) if shape == () else (h(point)[0] for point in theta[1:])
    return np.fromiter(chain([np.ravel(first)[0]], rest), np.float64, len(theta))


def limits_of(limits: ArrayLike) -> list[float]:
    """The four limits (xlo, xhi, ylo, yhi) of a grid, checked."""
    ends = vector("limits", flat(limits))
    finite = ends.size == 4 and np.all(np.isfinite(ends))
    if not (finite and ends[0] < ends[1] and ends[2] < ends[3]):
        raise ValueError(f"limits is {ends}: give xlo < xhi and ylo < yhi, four finite numbers")
    return [float(end) for end in ends]


def _source(rng: RNG) -> Generator:
    return default_stream() if rng is None else as_generator(rng)


def _weighted(
    logf: LogPosterior, tpar: Mapping[str, Any], n: int, data: Any, rng: Generator
) -> tuple[Floats, Floats]:
    """Draws from the t proposal, shape (n, p), and log f less the proposal's log density."""
    if not isinstance(tpar, Mapping) or set(tpar) != {"m", "var", "df"}:
        raise ValueError("tpar must have the entries 'm', 'var' and 'df', and no others")
    p = vector("tpar m", flat(tpar["m"])).size
    proposal = normal_or_t("tpar m", tpar["m"], tpar["var"], tpar["df"], p, of_var="tpar var")
    density = log_density(logf, p, () if data is None else (data,))
    theta, log_target, log_proposal = proposal.weigh(density, n, rng)
    _check(log_target, theta)
    return theta, log_target - (log_proposal + proposal.log_constant)


def _check(values: Floats, points: Floats) -> None:
    """Raise where the log density is no number to weigh by."""
    if np.isfinite(top := values.max()):  # NaN if any is
        return
    i = int(np.argmax(np.isnan(values) | (values == np.inf)))
    where = f"{values[i]} at {points[i]}" if top != -np.inf else "-inf at all points"
    raise ValueError(f"logf is {where}: it must be finite somewhere, and nowhere NaN or +inf")
