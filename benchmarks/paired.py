"""Two trees of pyhier timed side by side, in pairs: ``make bench-check``.

    python benchmarks/paired.py BASE HERE [OPERATIONS.py]

A worker process for each tree stands ready, and one at a time runs an operation for a twentieth
of a second: base, here, here, base, ... What the machine does meanwhile, it does to both of a
pair, so the ratios of pairs are what is looked at. Their median, with an interval that takes no
distribution for granted, decides: more pairs are run while 1.3 lies within the interval, and an
operation whose median is above in the end is slower. Workers are started anew for each round, for
a process has luck of its own with addresses and caches.
"""

import importlib.util
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIMIT = 1.3  # times the base's: slower than this fails
CONFIDENCE = 0.99  # of the interval of a median
ROUNDS, PAIRS = 3, 5  # at first; ROUNDS more while it is not decided
MOST = 45  # pairs of an operation
SECONDS = 0.05  # of one timing
OPERATIONS = Path(__file__).parent / "operations.py"


@dataclass(frozen=True)
class Ratio:
    """How many times the base's time an operation takes.

    Attributes
    ----------
    median, low, high : float
        Of the ratios of pairs, and the interval of their median.
    pairs : int
    """

    median: float
    low: float
    high: float
    pairs: int

    @property
    def decided(self) -> bool:
        """Whether the limit is outside the interval."""
        return not self.low < LIMIT < self.high

    @property
    def slower(self) -> bool:
        """Whether it is above the limit, as far as the pairs tell."""
        return self.median >= LIMIT


def ratio_of(base: Sequence[float], here: Sequence[float]) -> Ratio:
    """The median ratio of pairs and its interval.

    Between order statistics k and n + 1 - k the median of any distribution lies with probability
    1 - 2 P(Binomial(n, 1/2) < k).

    Parameters
    ----------
    base, here : sequence of float
        Seconds, a pair at each place.
    """
    ratios = sorted(b / a for a, b in zip(base, here, strict=True))
    n = len(ratios)
    middle = 0.5 * (ratios[(n - 1) // 2] + ratios[n // 2])
    rank = order_of(n)
    if rank == 0:
        return Ratio(middle, 0.0, math.inf, n)
    return Ratio(middle, ratios[rank - 1], ratios[n - rank], n)


def order_of(n: int) -> int:
    """The rank, from 1, of the interval's ends among n; 0 where n are too few."""
    below, rank = 0.0, 0
    while 2.0 * (below := below + math.comb(n, rank) / 2.0**n) <= 1.0 - CONFIDENCE:
        rank += 1
    return rank


class Worker:
    """A process that imports one tree and times operations when it is told to."""

    def __init__(self, tree: Path, operations: Path) -> None:
        # What the caller's environment has of the package must not come before the tree.
        environment = os.environ | {"PYTHONPATH": str(tree), "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--worker", str(tree), str(operations)],
            env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def ask(self, **order: Any) -> Any:
        """Send an order and wait for the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        if not (line := self._process.stdout.readline()):
            raise RuntimeError(f"a worker ended with exit code {self._process.wait()}")
        return json.loads(line)

    def close(self) -> None:
        """End it."""
        self._process.communicate()


@contextmanager
def workers(trees: Sequence[Path], operations: Path) -> Iterator[list[Worker]]:
    """A worker of each tree."""
    with ExitStack() as stack:
        started = [Worker(tree, operations) for tree in trees]
        for worker in started:
            stack.callback(worker.close)
        yield started


def work(tree: Path, operations: Path) -> None:
    """What a worker does: an operation is made, and run once, before the clock runs."""
    import pyhier

    found = Path(pyhier.__file__)
    assert found.is_relative_to(tree.resolve()), f"{found} is not of {tree}"
    ready: dict[str, Callable[[], object]] = {}
    makers = load(operations)
    for line in sys.stdin:
        order = json.loads(line)
        name, loops = order["name"], order["loops"]
        try:
            if name not in ready:
                ready[name] = makers[name]()
                ready[name]()
        except (AttributeError, ImportError, TypeError) as error:
            answer: Any = {"missing": f"{type(error).__name__}: {error}"}
        else:
            begun = time.perf_counter()
            for _ in range(loops):
                ready[name]()
            answer = {"seconds": time.perf_counter() - begun}
        print(json.dumps(answer), flush=True)


def load(operations: Path) -> dict[str, Callable[[], Callable[[], object]]]:
    """The makers of a file of operations, by name."""
    spec = importlib.util.spec_from_file_location("operations", operations)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return dict(module.OPERATIONS)


def missing(name: str, pair: Sequence[Worker]) -> str:
    """Why an operation cannot be compared; empty where it can. It is made ready in both."""
    for worker, tree in zip(pair, ("base", "working tree"), strict=True):
        if reason := worker.ask(name=name, loops=1).get("missing", ""):
            return f"not in the {tree} ({reason})"
    return ""


def timed(name: str, pair: Sequence[Worker], pairs: int) -> tuple[list[float], list[float]]:
    """Seconds of pairs of timings, first the one, then the other, as often."""
    once = max(worker.ask(name=name, loops=1)["seconds"] for worker in pair)
    loops = max(1, math.ceil(SECONDS / once))
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(pairs):
        for which in (0, 1) if number % 2 == 0 else (1, 0):
            times[which].append(pair[which].ask(name=name, loops=loops)["seconds"])
    return times


def compare(base: Path, here: Path, operations: Path = OPERATIONS) -> dict[str, Ratio | str]:
    """The ratio of each operation, or why there is none."""
    times: dict[str, tuple[list[float], list[float]]] = {}
    results: dict[str, Ratio | str] = {}
    undecided = list(load(operations))
    rounds = 0
    while undecided:
        with workers((base, here), operations) as pair:
            for name in undecided:
                if reason := missing(name, pair):
                    results[name] = reason
                    continue
                held = times.setdefault(name, ([], []))
                for old, new in zip(held, timed(name, pair, PAIRS), strict=True):
                    old += new
                results[name] = ratio_of(*held)
        rounds += 1
        if rounds >= ROUNDS:
            undecided = [n for n in undecided if _goes_on(results[n])]
    return results


def _goes_on(result: Ratio | str) -> bool:
    return isinstance(result, Ratio) and not result.decided and result.pairs < MOST


def report(results: dict[str, Ratio | str]) -> tuple[str, bool]:
    """The table, and whether it is well: nothing slower, nothing lost."""
    lines, good = [], True
    for name, result in results.items():
        if isinstance(result, str):
            good = good and "working tree" not in result
            lines.append(f"{name:<44} {result}")
            continue
        good = good and not result.slower
        word = "SLOWER" if result.slower else ""
        interval = f"[{result.low:.2f}, {result.high:.2f}]"
        lines.append(f"{name:<44} {result.median:5.2f} {interval:>14} {result.pairs:3d} {word}")
    head = f"{'operation':<44} {'times':>5} {'99% interval':>14} pairs"
    return "\n".join([head, *lines]), good


def main(arguments: Sequence[str]) -> int:
    """Compare two trees, or be a worker."""
    if arguments[:1] == ["--worker"]:
        work(Path(arguments[1]), Path(arguments[2]))
        return 0
    base, here, *more = map(Path, arguments)
    text, good = report(compare(base.resolve(), here.resolve(), *more))
    print(text)
    if not good:
        print(f"Slower than {LIMIT} times the base, or gone: see above.")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
