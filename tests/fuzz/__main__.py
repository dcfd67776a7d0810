"""The harness from a shell: ``cd tests && python -m fuzz --seconds 600``."""

import argparse
import secrets
import sys
import time

from fuzz import FAMILIES, runner
from fuzz.runner import BAD, Outcome, Report, run, run_one


def main() -> int:
    """Run, print every fault, and say how many of each kind there were."""
    options = _options()
    runner.SECONDS = options.slow
    seed = secrets.randbelow(2**31) if options.seed is None else options.seed
    if options.only is not None:
        outcome = run_one(options.family[0], seed, options.only)
        print(outcome)
        return outcome.kind in BAD
    faults = 0
    for family in options.family:
        limits = {"problems": options.problems, "seconds": options.seconds / len(options.family)}
        print(f"{family}: seed {seed}", flush=True)
        report, shown = Report(), time.monotonic()
        for outcome in run(family, seed, jobs=options.jobs, first=options.first, **limits):
            report.add(outcome)
            if outcome.kind in BAD or (options.show and outcome.kind == options.show):
                _show(outcome)
            if time.monotonic() - shown > 30.0:
                shown = time.monotonic()
                print(report, flush=True)
        print(f"{family}: {report}")
        for reason, times in report.refusals.most_common(20):
            print(f"  refused {times} times: {reason}")
        faults += len(report.faults)
    return 1 if faults else 0


def _show(outcome: Outcome) -> None:
    print(outcome, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--family", nargs="+", default=list(FAMILIES), choices=FAMILIES)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--problems", type=int, default=10**9)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", type=int, help="one problem, in this process")
    parser.add_argument("--slow", type=float, default=runner.SECONDS, help="seconds of a problem")
    parser.add_argument("--show", help="print outcomes of this kind too")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
