"""Prior strings, files and public functions with wild input, by hypothesis.

``python -m fuzz.entries --seconds 60`` (a part of ``make fuzz``) runs each property in a process of
its own from a new seed; ``tests/test_fuzz_entries.py`` runs a small share. What fails: a crash, a
hang, an exception that is no refusal or that some line deep inside made up, a warning of NumPy's,
a NaN from finite input. What it was is printed, shrunk by hypothesis.
"""

import argparse
import faulthandler
import multiprocessing
import secrets
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from fuzz import files, prior_strings, wild_calls

# What is drawn, and what must hold of it.
PROPERTIES: dict[str, tuple[Any, Callable[[Any], None]]] = {
    "prior strings": (prior_strings.texts(), prior_strings.check),
    "CODA files": (files.chains(), files.check_coda),
    "CSV files": (files.tables(), files.check_csv),
    "calls": (wild_calls.calls(), wild_calls.check),
}
PATIENCE = 30.0  # seconds of processor time that one example may take
BATCH = 200  # examples to a seed


def bounded(check: Callable[[Any], None], noted: Path) -> Callable[[Any], None]:
    """The check under a clock that kills, with the example noted first."""

    def run(example: Any) -> None:
        noted.write_text(repr(example))
        signal.setitimer(signal.ITIMER_PROF, PATIENCE)
        try:
            check(example)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0.0)

    return run


def work(name: str, number: int, examples: int, noted: Path) -> None:
    """What the process of a property does; its exit code is 1 after a fault."""
    faulthandler.enable()
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    strategy, check = PROPERTIES[name]
    # Without explain and a database: a run is its seed, and ends in time.
    limits = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    try:
        seed(number)(limits(given(strategy)(bounded(check, noted))))()
    except BaseException:
        traceback.print_exc()
        sys.exit(1)


def run(name: str, number: int, examples: int = BATCH) -> str:
    """Run a property from a seed; say what was wrong, or nothing."""
    with TemporaryDirectory() as folder:
        noted = Path(folder) / "example"
        process = multiprocessing.get_context("fork").Process(
            target=work, args=(name, number, examples, noted)
        )
        process.start()
        process.join()
        code = process.exitcode
        if code == 0:
            return ""
        if code == 1:
            return "a fault, above"
        kind = "hang" if code == -signal.SIGPROF else f"crash, exit code {code}"
        return f"{kind}: {noted.read_text()}"


def main() -> int:
    """Run all until the time is over; print every fault."""
    parser = argparse.ArgumentParser(prog="python -m fuzz.entries", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--property", nargs="+", default=list(PROPERTIES), choices=PROPERTIES)
    parser.add_argument("--seed", type=int)
    options = parser.parse_args()
    faults = 0
    for name in options.property:
        end = time.monotonic() + options.seconds / len(options.property)
        number = secrets.randbelow(2**31) if options.seed is None else options.seed
        first = number
        while time.monotonic() < end or number == first:
            if wrong := run(name, number):
                faults += 1
                print(f"[fault] --property '{name}' --seed {number}\n  {wrong}", flush=True)
            number += 1
        print(f"{name}: {BATCH * (number - first)} examples from seed {first}", flush=True)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
