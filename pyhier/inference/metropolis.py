"""Random-walk Metropolis with a normal proposal, usually the Laplace approximation's covariance."""

import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyhier._progress import progress_bar
from pyhier._random import RNG, as_generator, for_chains
from pyhier._validation import count, float_array, positive, square_matrix
from pyhier.inference.laplace import LaplaceFit, laplace
from pyhier.kernels.density import LogDensity
from pyhier.kernels.sampler import random_walk
from pyhier.models.protocol import Generator, Model, is_model
from pyhier.posterior.draws import DrawsPosterior
from pyhier.rstats.linalg import chol
from pyhier.rstats.streams import RStream

Floats = NDArray[np.float64]

PIECE_SECONDS = 0.05  # how long a kernel runs before it looks up


class MetropolisPosterior(DrawsPosterior):
    """Draws from `rwmetrop`.

    Attributes
    ----------
    accept : float
        The share of all proposals, burn-in included, that were accepted.
    burn_in : ndarray, shape (chain, burn_in, p)
        The draws of phi that were made first and left out.
    interrupted : bool
        Whether Ctrl-C ended the run before all draws were made.
    """

    markov = True

    def __init__(
        self,
        model: Model,
        phi: Floats,
        theta: Floats | None,
        theta_new: Floats,
        *,
        accept: float,
        burn_in: Floats,
        interrupted: bool,
    ) -> None:
        super().__init__(model, phi, theta, theta_new)
        burn_in.flags.writeable = False
        self.accept, self.burn_in, self.interrupted = accept, burn_in, interrupted


@dataclass
class Chain:
    """One chain as it grows: ``draws[:counts[0]]`` is filled, ``counts[1]`` were accepted."""

    density: LogDensity
    rng: Generator
    upper: Floats
    scale: float
    start: Floats
    draws: Floats

    def __post_init__(self) -> None:
        value = self.density(self.start)
        if not np.isfinite(value):
            raise ValueError(
                f"the log posterior is {value} at the start {self.start}: start where it is finite"
            )
        self.counts = np.zeros(2, dtype=np.int64)
        self.current = np.append(self.start, value)
        self.piece = 256

    def run(self, stop: threading.Event, report: Callable[[int], None]) -> None:
        """Fill the draws, a piece at a time, until done or told to stop."""
        while not stop.is_set() and self.run_piece(report):
            pass

    def run_piece(self, report: Callable[[int], None]) -> bool:
        """Go on for about `PIECE_SECONDS`; return whether there is more to do."""
        before, begun = int(self.counts[0]), time.perf_counter()
        if before < len(self.draws):
            self._advance(min(self.piece, len(self.draws) - before))
            seconds = max(time.perf_counter() - begun, 1e-9)
            ideal = self.piece * PIECE_SECONDS / seconds
            self.piece = int(np.clip(ideal, 1, 8 * self.piece))
            report(int(self.counts[0]) - before)
        return int(self.counts[0]) < len(self.draws)

    def _advance(self, iterations: int) -> None:
        bits = self.rng.bit_generator
        with bits.lock:
            finite = random_walk(
                self.density, bits, isinstance(self.rng, RStream), self.upper, self.scale,
                self.current, self.draws, self.counts, iterations,
            )  # fmt: skip
        self.density.raise_error()
        if not finite:
            raise ValueError(
                "the log posterior is +inf at a proposal of the chain: it is no density there"
            )


def run_chains(chains: list[Chain], progress: bool | None) -> bool:
    """Run all chains; return whether Ctrl-C ended them early, and warn when it did.

    Chains with their own generators run side by side: compiled densities in threads, for they hold
    no GIL, Python callables a piece of each in turn in the main thread. An R stream serves one
    chain after another.
    """
    own = len({id(chain.rng) for chain in chains}) == len(chains)
    stop = threading.Event()
    with progress_bar(sum(len(chain.draws) for chain in chains), progress) as report:
        try:
            if not own or len(chains) == 1:
                for chain in chains:
                    chain.run(stop, report)
            elif all(chain.density.compiled for chain in chains):
                _run_in_threads(chains, stop, report)
            else:
                unfinished = chains
                while unfinished:
                    unfinished = [chain for chain in unfinished if chain.run_piece(report)]
        except KeyboardInterrupt:
            done = [int(chain.counts[0]) for chain in chains]
            message = f"interrupted: chains of {done} iterations of {len(chains[0].draws)} are kept"
            warnings.warn(message, RuntimeWarning, stacklevel=3)
            return True
    return False


def _run_in_threads(
    chains: list[Chain], stop: threading.Event, report: Callable[[int], None]
) -> None:
    """Run each chain in a thread of its own; raise what one of them raised.

    The main thread sleeps and looks, and takes no lock: Ctrl-C within one would leave it locked.
    """
    failures: list[BaseException] = []

    def work(chain: Chain) -> None:
        try:
            chain.run(stop, report)
        except BaseException as error:
            failures.append(error)

    threads: list[threading.Thread] = []
    try:
        for chain in chains:
            threads.append(threading.Thread(target=work, args=(chain,), daemon=True))
            threads[-1].start()
        while any(thread.is_alive() for thread in threads) and not failures:
            time.sleep(0.002)
    finally:
        stop.set()
        while any(thread.is_alive() for thread in threads):  # each ends with its piece
            time.sleep(0.002)
    if failures:
        raise failures[0]


def rwmetrop(
    model: Model,
    draws: int,
    proposal: LaplaceFit | ArrayLike | None = None,
    scale: float | None = None,
    start: ArrayLike | None = None,
    *,
    burn_in: int = 0,
    chains: int = 1,
    rng: RNG = None,
    theta: bool = True,
    progress: bool | None = None,
) -> MetropolisPosterior:
    """Sample a model's posterior by random-walk Metropolis on its hyperparameters.

    Parameters
    ----------
    model : Model
        Any model.
    draws : int
        Draws to keep, of each chain.
    proposal : LaplaceFit or array_like, shape (p, p), optional
        The covariance of the normal steps before ``scale``; ``laplace(model)`` without it.
    scale : float, optional
        Factor of the steps; 2.38 / sqrt(p) without it (Gelman, Roberts and Gilks 1996).
    start : array_like, shape (p,) or (chains, p), optional
        Where the chains start. Without it one chain starts at the mode; several start at
        independent draws from the proposal, twice as wide, so that their agreement means something.
    burn_in : int
        Draws to make first and leave out (kept in ``burn_in`` of the result).
    chains : int
        The number of chains.
    rng : None, int, numpy.random.Generator or RStream
        With an `RStream` the chain is R's: LearnBayes' ``rwmetrop`` after ``set.seed``, to the last
        bit, then theta group by group. Several chains use an `RStream` one after another. The
        result does not depend on the number of threads.
    theta : bool
        Whether to draw the group effects (8 bytes for each of them and each draw).
    progress : bool, optional
        Whether to show a progress bar; without it, on a terminal when it takes over a second.

    Returns
    -------
    MetropolisPosterior
        After Ctrl-C, with the draws so far and a warning. Chains of unequal lengths are cut, or
        left out, so that most draws are kept.

    Raises
    ------
    ValueError, TypeError
        If an argument cannot be used, or the density is not finite at a start.

    Examples
    --------
    >>> import pyhier as ph
    >>> schools = ph.load_dataset("eight_schools")
    >>> model = ph.NormalNormal(schools["y"], se=schools["sigma"])
    >>> fit = ph.laplace(model, start=[8, 2])
    >>> chain = ph.rwmetrop(model, 5_000, fit, scale=2, burn_in=5_000, rng=ph.RStream(11))
    >>> chain.accept  # R: LearnBayes::rwmetrop after set.seed(11)
    0.3288
    >>> chain["theta[1]"].mean(), chain["theta[1]"].std()  # R: 11.226786 8.510583
    (11.226785..., 8.51058...)
    """
    keep, first, chains = (
        count("draws", draws),
        count("burn_in", burn_in, 0),
        count("chains", chains),
    )
    if not is_model(model):
        raise TypeError(
            f"model is a {type(model).__name__}: rwmetrop takes a model; "
            "learnbayes.rwmetrop takes any log posterior"
        )
    generator = as_generator(rng)
    if proposal is None:
        proposal = laplace(model)
    p = len(model.coordinates)
    var = proposal.var if isinstance(proposal, LaplaceFit) else proposal
    upper = proposal_factor(var, p)
    factor = 2.38 / np.sqrt(p) if scale is None else positive("scale", scale)
    generators = for_chains(generator, chains)
    starts = _starts(model, proposal, start, upper, generators)
    running = [
        Chain(model.log_marginal, rng, upper, factor, point, np.empty((first + keep, p)))
        for rng, point in zip(generators, starts, strict=True)
    ]
    interrupted = run_chains(running, progress)
    kept, done = _rectangle([int(chain.counts[0]) for chain in running])
    phi = np.stack([running[k].draws[:done] for k in kept])
    proposals, accepted = np.sum([chain.counts for chain in running], axis=0)
    details = {"accept": float(accepted / max(proposals, 1)), "burn_in": phi[:, :first]}
    try:
        result = MetropolisPosterior.from_phi(
            model, phi[:, first:], generator, theta=theta, interrupted=interrupted, **details
        )
    except KeyboardInterrupt:  # the chain is whole: only the effects were not drawn
        warnings.warn("interrupted: the group effects were not drawn", RuntimeWarning, stacklevel=2)
        result = MetropolisPosterior.from_phi(
            model, phi[:, first:], generator, theta=False, interrupted=True, **details
        )
    assert isinstance(result, MetropolisPosterior)
    return result


def _rectangle(lengths: list[int]) -> tuple[list[int], int]:
    """The chains to keep and their common length: as many draws in all as can be kept."""
    order = sorted(range(len(lengths)), key=lambda k: -lengths[k])
    best = max(range(len(order)), key=lambda k: (k + 1) * lengths[order[k]])
    return sorted(order[: best + 1]), lengths[order[best]]


def proposal_factor(var: Any, p: int, *, symmetric: bool = True) -> Floats:
    """The upper Cholesky factor of a proposal's covariance."""
    matrix = square_matrix("proposal", var)
    if len(matrix) != p:
        raise ValueError(
            f"proposal has shape {matrix.shape}: the chain has {p} coordinates, "
            f"so give a covariance of shape ({p}, {p})"
        )
    if not np.all(np.isfinite(matrix)):
        raise ValueError("proposal has an entry that is not finite: give a covariance matrix")
    size = np.sqrt(np.abs(np.diag(matrix)))
    if symmetric and np.any(np.abs(matrix - matrix.T) > 1e-8 * np.outer(size, size)):
        raise ValueError("proposal is not symmetric: give a covariance matrix")
    try:
        return chol(matrix)
    except ValueError as error:
        raise ValueError(f"proposal is no covariance matrix: {error}") from None


def _starts(
    model: Model,
    proposal: Any,
    start: ArrayLike | None,
    upper: Floats,
    generators: list[Generator],
) -> Floats:
    chains, p = len(generators), len(upper)
    if start is not None:
        points = np.asarray(start, dtype=np.float64)
        if points.shape not in ((p,), (chains, p)):
            raise ValueError(
                f"start has shape {points.shape}: it must be ({p},), or ({chains}, {p}) to start "
                "each chain elsewhere"
            )
        return np.array(np.broadcast_to(float_array("start", points, points.ndim), (chains, p)))
    mode = proposal.mode if isinstance(proposal, LaplaceFit) else laplace(model).mode
    if chains == 1:
        return mode[np.newaxis]
    return np.array([_wide_start(model, mode, upper, rng) for rng in generators])


def _wide_start(model: Model, mode: Floats, upper: Floats, rng: Generator) -> Floats:
    """A draw about the mode, twice as wide as the proposal, where the density is finite."""
    for _ in range(100):
        point: Floats = mode + 2.0 * (rng.standard_normal(len(upper)) @ upper)
        if np.isfinite(model.log_marginal(point)):
            return point
    return mode
