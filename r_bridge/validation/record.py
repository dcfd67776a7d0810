"""R's answers on record, so that a machine without R can still compare with them.

A record is the JSON of one R package: its versions, and for every compared function some inputs
with what R returned. Numbers have all their digits; NaN and infinities are text.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pyhier.r_bridge.validation.comparison import Comparison, Outcome, answer, in_r
from pyhier.r_bridge.validation.comparisons import all_comparisons
from pyhier.r_bridge.validation.live_r import RError, versions

CASES, SEED = 4, 7


def write(package: str, path: Path, cases: int = CASES) -> None:
    """Ask the installed R for every function of a package, and write the record."""
    functions = {c.function: _recorded(c, cases) for c in all_comparisons([package])}
    record = {"package": package, "versions": versions(), "functions": functions}
    path.write_text(json.dumps(record, indent=None, separators=(",", ":")) + "\n")


def replay(path: Path) -> list[Outcome]:
    """Compare our answers with a record; a function that is not on it has no cases.

    Parameters
    ----------
    path : Path
        Of a record.

    Returns
    -------
    list of Outcome
        One for every function of the package that is compared.
    """
    record = json.loads(path.read_text())
    return [_replayed(c, record["functions"]) for c in all_comparisons([record["package"]])]


def _recorded(comparison: Comparison, cases: int) -> list[dict[str, Any]]:
    found = []
    for inputs in comparison.cases(cases, SEED):
        theirs, _ = in_r(comparison, inputs)
        stopped = isinstance(theirs, RError)
        result = {"stops": str(theirs)} if stopped else {"value": _encoded(theirs)}
        found.append({"inputs": _encoded(dict(inputs)), **result})
    return found


def _replayed(comparison: Comparison, functions: Mapping[str, Any]) -> Outcome:
    outcome = Outcome(comparison)
    for case, entry in enumerate(functions.get(comparison.function, [])):
        theirs = RError(entry["stops"]) if "stops" in entry else _decoded(entry["value"])
        outcome.add(case, theirs, answer(comparison, _decoded(entry["inputs"])))
    return outcome


def _encoded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _encoded(item) for name, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_encoded(item) for item in value]
    if isinstance(value, float) and not np.isfinite(value):
        return {"number": repr(value)}
    return value


def _decoded(value: Any) -> Any:
    if isinstance(value, Mapping):
        if list(value) == ["number"]:
            return float(value["number"])
        return {name: _decoded(item) for name, item in value.items()}
    if not isinstance(value, list):
        return value
    items = [_decoded(item) for item in value]
    numbers = all(isinstance(item, bool | int | float | np.ndarray) for item in items)
    shapes = {np.shape(item) for item in items}
    return np.asarray(items) if numbers and len(shapes) == 1 else items
