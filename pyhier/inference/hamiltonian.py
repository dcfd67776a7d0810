"""Running Hamiltonian chains on a density with a gradient: settings, chains, what they leave."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from pyhier._random import Generator
from pyhier._types import Floats
from pyhier._validation import amount, count
from pyhier.inference.chains import NothingKeptError, Steps, need_same, rectangle, run_chains
from pyhier.inference.checkpoint import Arrays, Keeper
from pyhier.inference.warmup import schedule
from pyhier.kernels.gradients import GradientDensity
from pyhier.kernels.hamiltonian import COLUMN_NAMES
from pyhier.kernels.hamiltonian import Chain as Kernel
from pyhier.posterior.trajectories import Trajectories
from pyhier.rstats.streams import RStream

Metric = Literal["diagonal", "dense", "identity"]
DEEPEST = 20  # trees of 2^20 steps
LEAST = 1_000  # doubles that a chain takes


@dataclass
class HamiltonianChain(Steps):
    """One chain as it grows; ``draws[:counts[1]]`` is filled after ``tune`` iterations."""

    kernel: Kernel
    density: GradientDensity
    rng: Generator
    draws: Floats
    table: Floats
    tune: int
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(2, np.int64))
    piece: int = 16

    @property
    def iterations(self) -> int:
        """Warm-up and draws."""
        return self.tune + len(self.draws)

    @property
    def tables(self) -> dict[str, Floats]:
        """The draws, and the statistics of each."""
        return {"draws": self.draws, "statistics": self.table}

    @property
    def filled(self) -> int:
        """Draws that are made: there are none of the warm-up."""
        return int(self.counts[1])

    def snapshot(self) -> Arrays:
        """All that the kernel's chain knows, and the counts."""
        return {"counts": self.counts.copy(), **self.kernel.snapshot()}

    def restore(self, found: Mapping[str, NDArray[Any]]) -> None:
        """Go on from there."""
        self.counts[:] = found["counts"]
        self.kernel.restore(dict(found))
        need_same(float(self.density(found["x"])[0]), float(found["numbers"][0]))

    def halt(self) -> None:
        """End the trajectory that runs in another thread at its next step."""
        self.kernel.halt()

    def _advance(self, iterations: int) -> None:
        with self.rng.bit_generator.lock:
            finite = self.kernel.run(self.draws, self.table, self.counts, iterations)
        self.density.raise_error()
        if not finite:
            raise ValueError(
                "the log density is +inf at a point of the chain: it is no density there"
            )


@dataclass(frozen=True)
class Settings:
    """What was asked of the sampler, checked once."""

    draws: int
    tune: int
    chains: int
    target_accept: float
    max_treedepth: int
    metric: Metric
    progress: bool | None

    @classmethod
    def of(
        cls,
        draws: Any,
        tune: Any,
        chains: Any,
        target_accept: Any,
        max_treedepth: Any,
        metric: Any,
        progress: bool | None,
    ) -> "Settings":
        """Check what is not the density's."""
        if not isinstance(metric, str) or metric not in ("diagonal", "dense", "identity"):
            raise ValueError(f"metric is {metric!r}: it must be 'diagonal', 'dense' or 'identity'")
        if not (isinstance(target_accept, int | float | np.floating) and 0.0 < target_accept < 1.0):
            raise ValueError(
                f"target_accept is {target_accept!r}: it must lie between 0 and 1, such as 0.8"
            )
        depth = count("max_treedepth", max_treedepth)
        if depth > DEEPEST:
            raise ValueError(f"max_treedepth is {depth}: it must be at most {DEEPEST}")
        return cls(
            count("draws", draws), count("tune", tune, 0), amount("chains", chains, LEAST),
            float(target_accept), depth, cast(Metric, metric), progress,
        )  # fmt: skip

    def asked(self) -> dict[str, Any]:
        """What a chain depends on, by its name; fewer ``draws`` are the beginning of it."""
        return {k: v for k, v in asdict(self).items() if k not in ("draws", "progress")}


@dataclass(frozen=True)
class Sampled:
    """What chains leave: points (chain, draw, kept), statistics, the warm-up's end.

    The points are those of the coordinates on the whole line.
    """

    points: Floats
    table: Floats
    step_size: Floats
    metric: Floats
    interrupted: bool

    def trajectories(self, settings: Settings, parameterization: str = "") -> Trajectories:
        """The statistics under their names."""
        return Trajectories.of(
            COLUMN_NAMES, self.table, step_size=self.step_size, metric=self.metric,
            tune=settings.tune, target_accept=settings.target_accept,
            parameterization=parameterization,
        )  # fmt: skip


def sample(
    density: GradientDensity,
    starts: Floats,
    generators: Sequence[Generator],
    settings: Settings,
    columns: NDArray[np.intp] | None = None,
    keeper: Keeper | None = None,
) -> Sampled:
    """Run a chain from each of ``starts``, shape (chains, p), keeping some coordinates or all.

    Raises
    ------
    NothingKeptError
        If Ctrl-C came before any draw was made.
    """
    width = density.ndim if columns is None else columns.size
    _need_memory(settings, width, density.ndim)
    plan = schedule(settings.tune)
    kept = np.zeros(0, np.intp) if columns is None else columns
    chains = []
    for start, rng in zip(starts, generators, strict=True):
        own = density.fresh()
        kernel = Kernel(
            own, rng.bit_generator, isinstance(rng, RStream), np.ascontiguousarray(start),
            settings.metric, settings.tune, plan.early, plan.windows, settings.target_accept,
            settings.max_treedepth, kept,
        )  # fmt: skip
        draws = np.empty((settings.draws, width))
        table = np.empty((settings.draws, len(COLUMN_NAMES)))
        chains.append(HamiltonianChain(kernel, own, rng, draws, table, settings.tune))
    return _gather(chains, run_chains(chains, settings.progress, 5, settings.tune, keeper))


def _gather(chains: Sequence[HamiltonianChain], interrupted: bool) -> Sampled:
    at, done = rectangle([int(chain.counts[1]) for chain in chains])
    if done == 0:
        raise NothingKeptError(chains[0].tune)
    whole = [chains[k] for k in at]
    return Sampled(
        np.stack([chain.draws[:done] for chain in whole]),
        np.stack([chain.table[:done] for chain in whole]),
        np.array([chain.kernel.step_size for chain in whole]),
        np.stack([chain.kernel.metric for chain in whole]),
        interrupted,
    )


def _need_memory(settings: Settings, width: int, p: int) -> None:
    """Refuse here what the system would kill for."""
    draws = 8.0 * settings.chains * settings.draws * (3.0 * width + len(COLUMN_NAMES))
    square = p if settings.metric == "dense" else 1
    chains = 8.0 * settings.chains * p * (5.0 * (3 * settings.max_treedepth + 8) + 4.0 * square)
    have = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
    if have and draws + chains > have:
        name, mend = "draws", "keep fewer quantities (keep=) or draws"
        if chains > draws:
            name, mend = "metric", "take 'diagonal', fewer chains or a smaller max_treedepth"
        raise ValueError(
            f"{name} is {getattr(settings, name)!r}: with {settings.chains} chains in {p} "
            f"coordinates that takes {(draws + chains) / 1e9:.3g} GB and this machine has "
            f"{have / 1e9:.3g}; {mend}"
        )
