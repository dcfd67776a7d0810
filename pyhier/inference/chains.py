"""What the Markov-chain engines share: chains in threads, progress, Ctrl-C, what they return."""

import threading
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyhier._progress import progress_bar
from pyhier._random import RNG, Generator, as_generator, for_chains
from pyhier._types import Floats, Ints
from pyhier._validation import amount, float_array, numbers
from pyhier.inference.checkpoint import Arrays, Checkpoint, Keeper
from pyhier.inference.identity import Identity, identity_of, identity_of_model, identity_of_rng
from pyhier.inference.laplace import laplace
from pyhier.kernels.density import LogDensity
from pyhier.models.interface import Model
from pyhier.models.requirements import need_posterior
from pyhier.posterior.draws import DrawsPosterior
from pyhier.rstats.streams import RStream

Kernel = Callable[..., bool]

PIECE_SECONDS = 0.05  # how long a kernel runs before it looks up
PATIENCE = 1.0  # seconds that a chain in a file has to end its piece after Ctrl-C


class MetropolisPosterior(DrawsPosterior):
    """Draws from `rwmetrop`, `indepmetrop` or `gibbs`.

    Attributes
    ----------
    accept : float, or ndarray of shape (p,) from `gibbs`
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
        theta_new: Floats | Callable[[], Floats],
        *,
        accept: float | Floats,
        burn_in: Floats,
        interrupted: bool,
    ) -> None:
        super().__init__(model, phi, theta, theta_new)
        burn_in.flags.writeable = False
        self.accept, self.burn_in, self.interrupted = accept, burn_in, interrupted


class NothingKeptError(RuntimeError):
    """Ctrl-C came within the burn-in: a posterior without a draw would have no means."""

    def __init__(self, burn_in: int) -> None:
        super().__init__(
            f"interrupted within the burn-in of {burn_in} iterations: there is no draw to keep"
        )


class Steps(ABC):
    """A chain that grows a piece at a time: ``counts[0]`` of ``iterations`` are made."""

    rng: Generator
    density: Any  # says whether it is ``compiled``, and raises what a callable has raised
    counts: Ints
    piece = 256  # iterations, at first
    whole = True  # whether the last piece was made to its end
    keeper: Keeper | None = None

    @property
    @abstractmethod
    def iterations(self) -> int:
        """How many it is to make."""

    @property
    @abstractmethod
    def tables(self) -> dict[str, Floats]:
        """What grows row by row, by its name."""

    @property
    def filled(self) -> int:
        """Rows of the tables that are made."""
        return int(self.counts[0])

    @abstractmethod
    def snapshot(self) -> Arrays:
        """All else that it knows, between two pieces."""

    @abstractmethod
    def restore(self, found: Mapping[str, NDArray[Any]]) -> None:
        """Be where a chain of the same arguments was at its snapshot."""

    @abstractmethod
    def _advance(self, iterations: int) -> None:
        """Make so many more."""

    def halt(self) -> None:  # noqa: B027 -- a piece is short, unless a step takes very long
        """End the piece that runs in another thread, where it may be long."""

    def run(self, stop: threading.Event, report: Callable[[int], None]) -> None:
        """Go on, a piece at a time, until done or told to stop."""
        while not stop.is_set() and self.run_piece(report):
            pass

    def run_piece(self, report: Callable[[int], None]) -> bool:
        """Go on for about `PIECE_SECONDS`; return whether there is more to do."""
        before, begun = int(self.counts[0]), time.perf_counter()
        if before < self.iterations:
            asked, self.whole = min(self.piece, self.iterations - before), False
            self._advance(asked)
            self.whole = int(self.counts[0]) == before + asked
            seconds = max(time.perf_counter() - begun, 1e-9)
            ideal = self.piece * PIECE_SECONDS / seconds
            self.piece = int(np.clip(ideal, 1, 8 * self.piece))
            report(int(self.counts[0]) - before)
            if self.keeper is not None:
                self.keeper.after_piece(self, int(self.counts[0]) == self.iterations)
        return int(self.counts[0]) < self.iterations


def need_same(found: float, stored: float) -> None:
    """Raise where the log density at a chain's point is not what it was when it was kept."""
    if not abs(found - stored) <= 1e-9 * (1.0 + abs(stored)):
        raise ValueError(
            f"the checkpoint holds another run: the log density at its last point is {found:.12g} "
            f"here and was {stored:.12g} there; give another file, or resume=False to begin anew"
        )


@dataclass
class Chain(Steps):
    """One chain as it grows: ``draws[:counts[0]]`` is filled, ``counts[1:]`` were accepted.

    ``kernel`` goes on from ``current``: the point, its log density, and what more it keeps of it
    (``known`` at the start). ``moves`` is how many kinds of step it counts.
    """

    kernel: Kernel
    density: LogDensity
    rng: Generator
    start: Floats
    draws: Floats
    moves: int = 1
    known: Sequence[float] = ()

    def __post_init__(self) -> None:
        value = self.density(self.start)
        if not np.isfinite(value):
            raise ValueError(
                f"the log posterior is {value} at the start {self.start}: start where it is finite"
            )
        self.counts = np.zeros(1 + self.moves, dtype=np.int64)
        self.current = np.concatenate([self.start, [value], self.known])

    @property
    def iterations(self) -> int:
        """How many it is to make."""
        return len(self.draws)

    @property
    def tables(self) -> dict[str, Floats]:
        """The draws."""
        return {"draws": self.draws}

    def snapshot(self) -> Arrays:
        """The point with what is known of it, and the counts."""
        return {"current": self.current.copy(), "counts": self.counts.copy()}

    def restore(self, found: Mapping[str, NDArray[Any]]) -> None:
        """Go on from there."""
        self.current[:], self.counts[:] = found["current"], found["counts"]
        p = self.density.ndim
        need_same(float(self.density(self.current[:p])), float(self.current[p]))

    def _advance(self, iterations: int) -> None:
        bits = self.rng.bit_generator
        with bits.lock:
            finite = self.kernel(
                self.density, bits, isinstance(self.rng, RStream),
                self.current, self.draws, self.counts, iterations,
            )  # fmt: skip
        self.density.raise_error()
        if not finite:
            raise ValueError(
                "the log posterior is +inf at a proposal of the chain: it is no density there"
            )


def run_chains(
    chains: Sequence[Steps],
    progress: bool | None,
    stacklevel: int = 3,
    burn_in: int = 0,
    keeper: Keeper | None = None,
) -> bool:
    """Run all chains; return whether Ctrl-C ended them early, and warn when it did.

    Within the burn-in there is nothing to keep: then it is raised.

    Chains with their own generators run side by side: compiled densities in threads, for they hold
    no GIL, Python callables a piece of each in turn in the main thread. An R stream serves one
    chain after another. A keeper keeps them in a file, and has gone on from it before.
    """
    if keeper is not None:
        keeper.begin(chains)
    own = len({id(chain.rng) for chain in chains}) == len(chains)
    stop = threading.Event()
    with progress_bar(sum(chain.iterations for chain in chains), progress) as report:
        if before := sum(int(chain.counts[0]) for chain in chains):
            report(before)
        try:
            if not own or len(chains) == 1:
                for chain in chains:
                    chain.run(stop, report)
            elif all(chain.density.compiled for chain in chains):
                _run_in_threads(chains, stop, report)
            else:
                unfinished = list(chains)
                while unfinished:
                    unfinished = [chain for chain in unfinished if chain.run_piece(report)]
            if keeper is not None:
                keeper.end()
        except KeyboardInterrupt:
            if keeper is not None:
                keeper.end()
            done = [int(chain.counts[0]) for chain in chains]
            if max(done) <= burn_in:
                raise NothingKeptError(burn_in) from None
            message = f"interrupted: chains of {done} iterations of {chains[0].iterations} are kept"
            warnings.warn(message, RuntimeWarning, stacklevel=stacklevel)
            return True
    return False


def _run_in_threads(
    chains: Sequence[Steps], stop: threading.Event, report: Callable[[int], None]
) -> None:
    """Run each chain in a thread of its own; raise what one of them raised.

    The main thread sleeps and looks, and takes no lock: Ctrl-C within one would leave it locked.
    """
    failures: list[BaseException] = []

    def work(chain: Steps) -> None:
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
        patient = time.monotonic() + PATIENCE * (chains[0].keeper is not None)
        while any(thread.is_alive() for thread in threads):  # each ends with its piece
            if time.monotonic() >= patient:
                for chain in chains:
                    chain.halt()
            time.sleep(0.002)
    if failures:
        raise failures[0]


@dataclass(frozen=True)
class Plan:
    """What was asked of a Markov-chain engine, checked once.

    Attributes
    ----------
    keep, first : int
        Draws to keep of each chain, and to leave out before them.
    generator : Generator or RStream
        For everything but the chains.
    generators : list
        One a chain.
    own : bool
        Whether nobody else has the generators: they were made of a seed.
    """

    model: Model
    keep: int
    first: int
    generator: Generator
    generators: list[Generator]
    theta: bool
    progress: bool | None
    checkpoint: Checkpoint | None
    identity: Identity
    own: bool

    @classmethod
    def of(
        cls,
        engine: str,
        model: Any,
        draws: Any,
        burn_in: Any,
        chains: Any,
        rng: RNG,
        theta: bool,
        progress: bool | None,
        checkpoint: Checkpoint | None,
    ) -> "Plan":
        """Check the arguments that the engines share."""
        need_posterior(engine, model)
        many = amount("chains", chains)
        each = many * (len(model.coordinates) + len(model.labels) * theta + 1)
        keep = amount("draws", draws, each)
        first = amount("burn_in", burn_in, many * len(model.coordinates), 0)
        identity: Identity = {}
        if checkpoint is not None:
            shared = {"engine": engine, "burn_in": first, "chains": many}
            if many > 1 and isinstance(rng, RStream):  # a chain begins where the last one ends
                shared["draws"] = keep
            identity = identity_of(shared) | identity_of_model(model) | identity_of_rng(rng)
        generator = as_generator(rng)
        return cls(
            model, keep, first, generator, for_chains(generator, many), theta, progress,
            checkpoint, identity, generator is not rng,
        )  # fmt: skip

    def run(
        self,
        kernels: Sequence[Kernel],
        starts: Floats,
        settings: Mapping[str, Any],
        **state: Any,
    ) -> MetropolisPosterior:
        """Run one chain a kernel and draw the effects; ``settings`` are what the kernels have."""
        target = self.model.marginal
        p, density = len(target.coordinates), target.density
        known = state.pop("known", [()] * len(kernels))
        made = np.empty((len(kernels), self.first + self.keep, p))
        running = [
            Chain(kernel, density, rng, start, draws, known=more, **state)
            for kernel, rng, start, draws, more in zip(
                kernels, self.generators, starts, made, known, strict=True
            )
        ]
        keeper = None
        if self.checkpoint is not None:
            keeper = Keeper(self.checkpoint, self.identity | identity_of(settings), self.generator)
        interrupted = run_chains(running, self.progress, 5, self.first, keeper)
        kept, done = rectangle([int(chain.counts[0]) for chain in running])
        if interrupted and done <= self.first:
            raise NothingKeptError(self.first)
        phi = made if made.shape[:2] == (len(kept), done) else made[kept, :done]  # no copy
        proposals, *accepted = np.sum([chain.counts for chain in running], axis=0)
        shares = np.array(accepted) / max(proposals, 1)
        return self._finish(phi, shares if shares.size > 1 else float(shares[0]), interrupted)

    def _finish(
        self, phi: Floats, accept: float | Floats, interrupted: bool
    ) -> MetropolisPosterior:
        details: dict[str, Any] = {"accept": accept, "burn_in": phi[:, : self.first]}
        phi = phi[:, self.first :]
        try:
            result = MetropolisPosterior.from_phi(
                self.model, phi, self.generator, theta=self.theta, later=self.own,
                interrupted=interrupted, **details,
            )  # fmt: skip
        except KeyboardInterrupt:  # the chain is whole: only the effects were not drawn
            message = "interrupted: the group effects were not drawn"
            warnings.warn(message, RuntimeWarning, stacklevel=4)
            result = MetropolisPosterior.from_phi(
                self.model, phi, self.generator, theta=False, interrupted=True, **details
            )
        assert isinstance(result, MetropolisPosterior)
        return result


def rectangle(lengths: list[int]) -> tuple[list[int], int]:
    """The chains to keep and their common length: as many draws in all as can be kept."""
    order = sorted(range(len(lengths)), key=lambda k: -lengths[k])
    best = max(range(len(order)), key=lambda k: (k + 1) * lengths[order[k]])
    return sorted(order[: best + 1]), lengths[order[best]]


def starting_points(
    model: Model,
    mode: Floats | None,
    start: ArrayLike | None,
    upper: Floats,
    generators: list[Generator],
) -> Floats:
    """Where the chains start, shape (chains, p): as told, at the mode, or widely about it.

    The mode is looked for only where it is needed and not given.
    """
    chains, p = len(generators), len(upper)
    if start is not None:
        points = numbers("start", start)
        if points.shape not in ((p,), (chains, p)):
            raise ValueError(
                f"start has shape {points.shape}: it must be ({p},), or ({chains}, {p}) to start "
                "each chain elsewhere"
            )
        return np.array(np.broadcast_to(float_array("start", points, points.ndim), (chains, p)))
    mode = laplace(model).mode if mode is None else mode
    if chains == 1:
        return mode[np.newaxis]
    return np.array([_wide_start(model, mode, upper, rng) for rng in generators])


def _wide_start(model: Model, mode: Floats, upper: Floats, rng: Generator) -> Floats:
    """A draw about the mode, twice as wide as the proposal, where the density is finite."""
    for _ in range(100):
        point: Floats = mode + 2.0 * (rng.standard_normal(len(upper)) @ upper)
        if np.isfinite(model.marginal.density(point)):
            return point
    return mode
