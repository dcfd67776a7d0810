"""LearnBayes' ``laplace`` and its Markov chains, faces of the package's own engines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyhier._random import RNG, as_generator
from pyhier._types import Floats
from pyhier._validation import amount, checked, positive
from pyhier.inference.chains import Chain, Kernel, run_chains
from pyhier.inference.gibbs import check_scale
from pyhier.inference.laplace import LaplaceFit, nelder_mead
from pyhier.inference.proposal import normal_or_t, proposal_factor
from pyhier.inference.target import LogPosterior, check_log_posterior, log_density
from pyhier.kernels.density import LogDensity
from pyhier.kernels.sampler import coordinate_walk, independence, random_walk
from pyhier.learnbayes._arguments import flat, numbers
from pyhier.rstats.results import ByName
from pyhier.rstats.streams import default_stream


@dataclass(frozen=True)
class RwmetropResult(ByName):
    """What LearnBayes' ``rwmetrop`` and ``indepmetrop`` return.

    Attributes
    ----------
    par : ndarray, shape (m, p)
        The chain, a row an iteration.
    accept : float
        The share of proposals accepted.
    """

    par: Floats
    accept: float


@dataclass(frozen=True)
class GibbsResult(ByName):
    """What LearnBayes' ``gibbs`` returns.

    Attributes
    ----------
    par : ndarray, shape (m, p)
        The chain, a row an iteration.
    accept : ndarray, shape (p,)
        The share of the steps along each coordinate that were accepted.
    """

    par: Floats
    accept: Floats


@checked(logpost=check_log_posterior)
def laplace(logpost: LogPosterior, mode: ArrayLike, *args: Any, **named: Any) -> LaplaceFit:
    """Find a log posterior's mode and the normal approximation there.

    Parameters
    ----------
    logpost : callable
        ``logpost(theta, *args)``: one of LearnBayes', a Python function, a ``numba.njit`` function
        or a ``scipy.LowLevelCallable``.
    mode : array_like, shape (p,)
        A guess at the mode.
    *args, **named
        The data that ``logpost`` takes, by place or by its names.

    Returns
    -------
    LaplaceFit
        With LearnBayes' fields ``mode``, ``var``, ``int`` and ``converge``.

    Raises
    ------
    ValueError
        If the search ends where the density has no maximum (R returns a NaN or stops in ``solve``).

    Examples
    --------
    >>> from pyhier import learnbayes as lb
    >>> fit = lb.laplace(lb.normnormexch, [8, 2], np.c_[[28, 8, -3, 7], [225, 100, 256, 121]])
    >>> fit.mode.round(4), fit.converge
    (array([9.6814, 2.2497]), True)
    """
    start = numbers("mode", flat(mode))
    return nelder_mead(log_density(logpost, start.size, args, named, "mode"), start)


@checked(logpost=check_log_posterior)
def rwmetrop(
    logpost: LogPosterior,
    proposal: Mapping[str, Any],
    start: ArrayLike,
    m: int,
    *args: Any,
    rng: RNG = None,
    progress: bool | None = None,
    **named: Any,
) -> RwmetropResult:
    """Run a random-walk Metropolis chain.

    Parameters
    ----------
    logpost : callable
        ``logpost(theta, *args)``, as for `laplace`.
    proposal : mapping
        ``{"var": covariance (p, p), "scale": factor of the steps}``.
    start : array_like, shape (p,)
        Where the chain starts.
    m : int
        Iterations.
    *args, **named
        The data that ``logpost`` takes, by place or by its names.
    rng : None, int, numpy.random.Generator or RStream
        R's global stream (``rstats.set_seed``) without it.
    progress : bool, optional
        Whether to show a progress bar; without it, on a terminal when it takes over a second.

    Returns
    -------
    RwmetropResult
        With LearnBayes' fields ``par`` and ``accept``. After Ctrl-C, of the iterations so far, with
        a warning.

    Raises
    ------
    ValueError, TypeError
        If an argument cannot be used, or the density is not finite at the start (R returns a chain
        that stands still).

    Examples
    --------
    >>> from pyhier import learnbayes as lb, rstats
    >>> data = np.c_[[28, 8, -3, 7], [225, 100, 256, 121]]
    >>> rstats.set_seed(1)
    >>> proposal = {"var": np.diag([20, 0.5]), "scale": 2}
    >>> sim = lb.rwmetrop(lb.normnormexch, proposal, [8, 2], 1000, data)
    >>> sim.par.shape, sim.accept
    ((1000, 2), 0.433)
    """
    point = numbers("start", flat(start))
    density = log_density(logpost, point.size, args, named)
    if not isinstance(proposal, Mapping) or set(proposal) != {"var", "scale"}:
        raise ValueError("proposal must have the entries 'var' and 'scale', and no others")
    upper = proposal_factor(proposal["var"], point.size, symmetric=False)
    kernel = partial(random_walk, upper, positive("proposal scale", proposal["scale"]))
    par, accept = _run(kernel, density, point, m, rng, progress)
    return RwmetropResult(par, float(accept[0]))


@checked(logpost=check_log_posterior)
def indepmetrop(
    logpost: LogPosterior,
    proposal: Mapping[str, Any],
    start: ArrayLike,
    m: int,
    *args: Any,
    rng: RNG = None,
    progress: bool | None = None,
    **named: Any,
) -> RwmetropResult:
    """Run an independence Metropolis chain with normal proposals.

    Parameters
    ----------
    logpost : callable
        ``logpost(theta, *args)``, as for `laplace`.
    proposal : mapping
        ``{"mu": mean (p,), "var": covariance (p, p)}``.
    start, m, *args, rng, progress, **named
        As for `rwmetrop`.

    Returns
    -------
    RwmetropResult
        With LearnBayes' fields ``par`` and ``accept``.

    Raises
    ------
    ValueError, TypeError
        If an argument cannot be used, or the density is not finite at the start.

    Examples
    --------
    >>> from pyhier import learnbayes as lb, rstats
    >>> data = np.c_[[28, 8, -3, 7], [225, 100, 256, 121]]
    >>> fit = lb.laplace(lb.normnormexch, [8, 2], data)
    >>> rstats.set_seed(1)
    >>> proposal = {"mu": fit.mode, "var": fit.var}
    >>> lb.indepmetrop(lb.normnormexch, proposal, [8, 2], 1000, data).accept
    0.796
    """
    point = numbers("start", flat(start))
    density = log_density(logpost, point.size, args, named)
    if not isinstance(proposal, Mapping) or set(proposal) != {"mu", "var"}:
        raise ValueError("proposal must have the entries 'mu' and 'var', and no others")
    source = normal_or_t("proposal mu", proposal["mu"], proposal["var"], np.inf, point.size)
    kernel = partial(independence, source.mean, source.upper, np.inf)
    known = (float(source.log_density(point)),)
    par, accept = _run(kernel, density, point, m, rng, progress, known=known)
    return RwmetropResult(par, float(accept[0]))


@checked(logpost=check_log_posterior)
def gibbs(
    logpost: LogPosterior,
    start: ArrayLike,
    m: int,
    scale: ArrayLike,
    *args: Any,
    rng: RNG = None,
    progress: bool | None = None,
    **named: Any,
) -> GibbsResult:
    """Run a Metropolis-within-Gibbs chain: a random walk along each coordinate in turn.

    Parameters
    ----------
    logpost : callable
        ``logpost(theta, *args)``, as for `laplace`.
    start : array_like, shape (p,) or (1, p)
        Where the chain starts.
    m : int
        Iterations.
    scale : array_like, shape (p,)
        The sds of the steps.
    *args, rng, progress, **named
        As for `rwmetrop`.

    Returns
    -------
    GibbsResult
        With LearnBayes' fields ``par`` and ``accept``.

    Raises
    ------
    ValueError, TypeError
        If an argument cannot be used, or the density is not finite at the start.

    Examples
    --------
    >>> from pyhier import learnbayes as lb, rstats
    >>> data = np.c_[[28, 8, -3, 7], [225, 100, 256, 121]]
    >>> rstats.set_seed(1)
    >>> lb.gibbs(lb.normnormexch, [8, 2], 1000, [20, 2], data).accept
    array([0.511, 0.449])
    """
    point = numbers("start", flat(start))
    density = log_density(logpost, point.size, args, named)
    kernel = partial(coordinate_walk, check_scale(scale, point.size))
    return GibbsResult(*_run(kernel, density, point, m, rng, progress, moves=point.size))


def _run(
    kernel: Kernel,
    density: LogDensity,
    start: Floats,
    m: int,
    rng: RNG,
    progress: bool | None,
    **state: Any,
) -> tuple[Floats, Floats]:
    """Run one chain; return its draws and the shares accepted."""
    source = default_stream() if rng is None else as_generator(rng)
    draws = np.empty((amount("m", m, start.size), start.size))
    chain = Chain(kernel, density, source, start, draws, **state)
    run_chains([chain], progress, stacklevel=5)
    done = int(chain.counts[0])
    return chain.draws[:done], chain.counts[1:] / max(done, 1)
