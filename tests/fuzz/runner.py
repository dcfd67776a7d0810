"""Run problems in processes of their own, with limits on time and memory, and count outcomes.

A worker makes a problem, has the package solve it (its processor time and memory limited), and
judges the answer (not limited). Where it dies or hangs, the parent notes it and another goes on.
"""

import importlib
import os
import resource
import signal
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Protocol

import numpy as np

SECONDS = 2.0  # of processor time that a problem may take
MEMORY = 2**31  # bytes that it may add to the process
PATIENCE = 90.0  # seconds on the clock until a worker that says nothing is taken for dead

GOOD = ("right", "refused", "unknown")
BAD = ("wrong", "nan", "error", "warning", "slow", "hang", "killed", "memory", "harness")


class UnknownError(Exception):
    """The oracle cannot tell either; `judge` raises it."""


class WrongError(Exception):
    """The answer is not the oracle's; `judge` raises it, saying which number."""


class SilentNaNError(Exception):
    """A number that should be one is none; `judge` raises it."""


class Family(Protocol):
    """A module of problems."""

    def make(self, rng: np.random.Generator) -> Any:
        """Make a problem; its ``str`` says what it is."""

    def solve(self, problem: Any) -> Any:
        """Have the package solve it; a ValueError or TypeError refuses it."""

    def judge(self, problem: Any, answer: Any) -> None:
        """Hold the answer against the oracle; raise WrongError, SilentNaNError or UnknownError."""

    def may_refuse(self, problem: Any, reason: str) -> bool:
        """Whether a refusal with this reason is one that says what the engine cannot do."""


@dataclass(frozen=True)
class Outcome:
    """What came of one problem.

    Attributes
    ----------
    family, seed, index
        ``make`` it again with ``problem_of``.
    kind : str
        One of GOOD or BAD.
    note : str
        What went wrong, or the reason of a refusal.
    seconds : float
        Processor time of the package.
    problem : str
    """

    family: str
    seed: int
    index: int
    kind: str
    note: str = ""
    seconds: float = 0.0
    problem: str = ""

    def __str__(self) -> str:
        where = f"{self.family} --seed {self.seed} --only {self.index}"
        return f"[{self.kind}] {where} ({self.seconds:.2f} s)\n  {self.problem}\n  {self.note}"


@dataclass
class Report:
    """Counts of all outcomes, and those that are faults."""

    counts: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    faults: list[Outcome] = field(default_factory=list)
    slowest: float = 0.0

    def add(self, outcome: Outcome) -> None:
        """Count one more."""
        self.counts[outcome.kind] += 1
        self.slowest = max(self.slowest, outcome.seconds)
        if outcome.kind in BAD:
            self.faults.append(outcome)
        if outcome.kind == "refused":
            self.refusals[outcome.note[:60]] += 1

    @property
    def total(self) -> int:
        """How many problems there were."""
        return sum(self.counts.values())

    def __str__(self) -> str:
        kinds = ", ".join(f"{self.counts[kind]} {kind}" for kind in GOOD + BAD if self.counts[kind])
        return f"{self.total} problems: {kinds}; the slowest took {self.slowest:.2f} s"


def family_of(name: str) -> Any:
    """The module of a family."""
    return importlib.import_module(f"fuzz.{name}")


def problem_of(family: str, seed: int, index: int) -> Any:
    """The problem with this number, the same each time."""
    rng = np.random.default_rng([seed, index, sum(family.encode())])
    return family_of(family).make(rng)


def run_one(family: str, seed: int, index: int, limited: bool = False) -> Outcome:
    """Make, solve and judge one problem in this process; ``limited`` sets the alarm."""
    module, began = family_of(family), 0.0
    try:
        problem = problem_of(family, seed, index)
    except Exception:
        return Outcome(family, seed, index, "harness", traceback.format_exc(limit=-3))

    def outcome(kind: str, note: str = "") -> Outcome:
        return Outcome(family, seed, index, kind, note, seconds, str(problem))

    began, seconds = time.process_time(), 0.0
    kind, note, answer = "right", "", None
    if limited:
        signal.setitimer(signal.ITIMER_PROF, 5.0 * SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            answer = module.solve(problem)
    except Warning as warning:
        kind, note = "warning", f"{type(warning).__name__}: {warning}\n{_where(warning)}"
    except MemoryError as error:
        kind, note = "memory", str(error)
    except (ValueError, TypeError) as error:
        reason = str(error)
        kind, note = "refused", reason
        if not module.may_refuse(problem, reason):
            kind, note = "error", f"{type(error).__name__}: {reason}\n{_where(error)}"
    except Exception as error:
        kind, note = "error", f"{type(error).__name__}: {error}\n{_where(error)}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
    seconds = time.process_time() - began
    if seconds > SECONDS and kind in ("right", "refused"):
        return outcome("slow", note)
    return outcome(kind, note) if kind != "right" else outcome(*_judged(module, problem, answer))


def _judged(module: Any, problem: Any, answer: Any) -> tuple[str, str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module.judge(problem, answer)
    except UnknownError as reason:
        return "unknown", str(reason)
    except WrongError as reason:
        return "wrong", str(reason)
    except SilentNaNError as reason:
        return "nan", str(reason)
    except Exception:
        return "harness", traceback.format_exc(limit=-4)
    return "right", ""


def _where(error: BaseException) -> str:
    return "".join(traceback.format_tb(error.__traceback__)[-3:])


def _work(pipe: Connection, family: str, seed: int) -> None:
    """What a worker does: take a number, say that it was begun, send what came of it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # kills, even inside a kernel
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    room = pages * os.sysconf("SC_PAGE_SIZE") + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
    while (index := pipe.recv()) is not None:
        pipe.send(run_one(family, seed, index, limited=True))


@dataclass
class _Worker:
    process: Any
    pipe: Connection
    index: int
    since: float


def run(
    family: str,
    seed: int,
    *,
    problems: int = 10**9,
    seconds: float = np.inf,
    jobs: int = 1,
    first: int = 0,
) -> Iterator[Outcome]:
    """Outcomes of so many problems, or of as many as fit into so many seconds.

    Parameters
    ----------
    family : str
        A module of this folder.
    seed : int
        Of all problems.
    problems, first : int
        How many, and the number of the first.
    seconds : float
        No problem is begun later.
    jobs : int
        Worker processes at a time.
    """
    family_of(family)  # loaded once, before the forks
    numbers, end = iter(range(first, first + problems)), time.monotonic() + seconds
    workers: list[_Worker] = []

    def give(worker: _Worker) -> None:
        index = next(numbers, None) if time.monotonic() < end else None
        worker.index, worker.since = -1 if index is None else index, time.monotonic()
        worker.pipe.send(index)
        if index is None:
            worker.process.join()
            workers.remove(worker)

    def start() -> None:
        worker = _start(family, seed)
        workers.append(worker)
        give(worker)

    try:
        for _ in range(jobs):
            start()
        while workers:
            ready = wait([worker.pipe for worker in workers], timeout=1.0)
            for worker in list(workers):
                if worker.pipe in ready:
                    outcome, alive = _heard(worker, family, seed), worker.process.is_alive()
                    yield outcome
                    if alive:
                        give(worker)
                        continue
                elif time.monotonic() - worker.since < PATIENCE:
                    continue
                else:
                    worker.process.kill()
                    yield _lost(worker, family, seed, "hang", "nothing was heard of it")
                workers.remove(worker)
                start()
    finally:
        for worker in workers:
            worker.process.kill()


def _start(family: str, seed: int) -> _Worker:
    context = get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, family, seed), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours, -1, time.monotonic())


def _heard(worker: _Worker, family: str, seed: int) -> Outcome:
    """What a worker sent, or that it died."""
    try:
        outcome: Outcome = worker.pipe.recv()
    except (EOFError, ConnectionResetError):
        worker.process.join()
        code = worker.process.exitcode
        if code == -signal.SIGPROF:
            return _lost(worker, family, seed, "hang", f"over {5.0 * SECONDS:g} s")
        return _lost(worker, family, seed, "killed", f"exit code {code}")
    return outcome


def _lost(worker: _Worker, family: str, seed: int, kind: str, note: str) -> Outcome:
    problem = str(problem_of(family, seed, worker.index))
    return Outcome(family, seed, worker.index, kind, note, 5.0 * SECONDS, problem)
