"""``pyhier validate``: every function beside R's, as a table, as JSON and as a page."""

import html
import json
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pyhier.r_bridge.validation.comparison import Outcome, compare
from pyhier.r_bridge.validation.comparisons import all_comparisons
from pyhier.r_bridge.validation.live_r import RUnavailableError, evaluate, versions

from pyhier import __version__

__all__ = ["HEAD", "RUnavailableError", "Report", "line", "save", "validate"]

CASES, FULL = 10, 200
HEAD = (
    "function",
    "cases",
    "identical",
    "refused",
    "largest difference",
    "tolerance",
    "R ms",
    "ms",
)


@dataclass(frozen=True)
class Report:
    """What `validate` found.

    Attributes
    ----------
    outcomes : tuple of Outcome
    versions : mapping
        Of R, its packages and linear algebra, and of ours.
    seconds : float
        That it took.
    """

    outcomes: tuple[Outcome, ...]
    versions: dict[str, str]
    seconds: float

    @property
    def good(self) -> bool:
        """Whether every function was within its tolerance."""
        return all(outcome.good for outcome in self.outcomes)

    def rows(self) -> list[list[str]]:
        """A row a function, in the order of `HEAD`."""
        return [_row(outcome) for outcome in self.outcomes]

    def to_json(self) -> str:
        """Everything, with all digits."""
        functions = [
            {
                "package": outcome.comparison.package,
                "function": outcome.comparison.function,
                "cases": outcome.cases,
                "identical": outcome.identical,
                "refused": outcome.refused,
                "largest_difference": outcome.largest if np.isfinite(outcome.largest) else "inf",
                "tolerance": outcome.comparison.tolerance,
                "why": outcome.comparison.why,
                "refuses": outcome.comparison.refuses,
                "good": outcome.good,
                "failures": outcome.failures,
                "r_seconds": float(np.median(outcome.r_seconds)),
                "seconds": float(np.median(outcome.seconds)),
            }
            for outcome in self.outcomes
        ]
        report = {"good": self.good, "versions": self.versions, "seconds": self.seconds}
        return json.dumps(report | {"functions": functions}, indent=1)

    def to_html(self) -> str:
        """One page that needs nothing else."""
        cells = "".join(
            f"<tr class={'good' if outcome.good else 'bad'}>"
            + "".join(f"<td>{html.escape(cell)}</td>" for cell in row)
            + f"<td>{html.escape(_remark(outcome))}</td></tr>"
            for outcome, row in zip(self.outcomes, self.rows(), strict=True)
        )
        head = "".join(f"<th>{name}</th>" for name in (*HEAD, "why, or what failed"))
        told = ", ".join(f"{k} {html.escape(v)}" for k, v in self.versions.items())
        return _PAGE.format(
            head=head, cells=cells, versions=told, verdict=self.verdict(), seconds=self.seconds
        )

    def verdict(self) -> str:
        """One line: how many functions are equal, how many are not."""
        bad = [o for o in self.outcomes if not o.good]
        same = sum(o.identical == o.cases - o.refused for o in self.outcomes if o.good)
        close = len(self.outcomes) - len(bad) - same
        return (
            f"{len(self.outcomes)} functions: {same} identical, {close} within their tolerance, "
            f"{len(bad)} not"
        )


def validate(
    packages: Sequence[str] = (),
    full: bool = False,
    seed: int = 0,
    progress: Callable[[str], None] = lambda line: None,
) -> Report:
    """Compare every function with the installed R packages.

    Parameters
    ----------
    packages : sequence of str
        R packages; all that are compared without it.
    full : bool
        Many more cases, which takes what it takes.
    seed : int
        Other seeds are other inputs.
    progress : callable
        Told each line of the table when it is known.

    Returns
    -------
    Report

    Raises
    ------
    RUnavailableError
        If R or a package is missing; the message says what to install.
    """
    begun = time.perf_counter()
    about = {"pyhier": __version__, "numpy": np.__version__, "python": platform.python_version()}
    about |= versions() | _linear_algebra()
    compared, outcomes = all_comparisons(packages), []
    for package in {comparison.package: None for comparison in compared}:
        evaluate(f"loadNamespace('{package}')$.packageName")  # a missing one is said at once
    for comparison in compared:
        outcome = compare(comparison, FULL if full else CASES, seed)
        outcomes.append(outcome)
        progress(line(_row(outcome)) + ("" if outcome.good else f"  {outcome.failures[0]}"))
    return Report(tuple(outcomes), about, time.perf_counter() - begun)


def save(text: str, path: Path) -> None:
    """Write a file whole, or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def line(row: Sequence[str]) -> str:
    """A row as the terminal shows it."""
    name, *rest = row
    return f"{name:36}" + "".join(
        f"{cell:>{max(9, len(h) + 2)}}" for cell, h in zip(rest, HEAD[1:], strict=True)
    )


def _row(outcome: Outcome) -> list[str]:
    comparison = outcome.comparison
    return [
        f"{comparison.package}::{comparison.function}", str(outcome.cases),
        str(outcome.identical), str(outcome.refused), f"{outcome.largest:.1e}",
        f"{comparison.tolerance:g}", f"{1e3 * float(np.median(outcome.r_seconds)):.3f}",
        f"{1e3 * float(np.median(outcome.seconds)):.3f}",
    ]  # fmt: skip


def _remark(outcome: Outcome) -> str:
    """What failed; or why the tolerance is what it is, and why ours refuses some cases."""
    comparison = outcome.comparison
    refused = f"; refused: {comparison.refuses}" if outcome.refused and comparison.refuses else ""
    return "; ".join(outcome.failures[:3]) or comparison.why + refused


def _linear_algebra() -> dict[str, str]:
    """R's BLAS and LAPACK, whose order of summation shows in the last digits."""
    said: Any = evaluate(
        "s <- sessionInfo(); c(BLAS = basename(s$BLAS), LAPACK = basename(s$LAPACK))"
    )
    return dict(zip(("R's BLAS", "R's LAPACK"), map(str, said), strict=True))


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>pyhier against R</title><style>
body {{ font: 15px/1.4 system-ui, sans-serif; margin: 2em; color: #222 }}
table {{ border-collapse: collapse }}
th, td {{ padding: .25em .8em; text-align: right; border-bottom: 1px solid #ddd }}
th:first-child, td:first-child, th:last-child, td:last-child {{ text-align: left }}
tr.bad td {{ background: #fbdcdc }}
</style></head><body><h1>pyhier against R</h1>
<p>{verdict}. {seconds:.0f} seconds.</p>
<p>{versions}</p>
<p>Differences are relative, the largest over all cases; times are medians of a case.</p>
<table><thead><tr>{head}</tr></thead><tbody>{cells}</tbody></table></body></html>
"""
