"""The command line's raw rows: ``pyhier fit rows.csv --formula "y ~ x + (x | group)"``."""

import argparse
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pyhier._table import MISSING, Table
from pyhier._words import counted_from_1
from pyhier.models import HierarchicalRegression
from pyhier.priors.grammar import MU_PRIORS, SCALED, parse_prior

# What each kind of file takes alone: the option, its attribute, and what the other kind has for it.
OF_GROUPS = {
    "--y": "the left side of the formula is the response",
    "--se": "rows have no standard errors: the residual sd is estimated",
    "--var": "rows have no sampling variances: the residual sd is estimated",
    "--label": "the formula names the column of the groups, as in (1 | group)",
    "--levels": "write (1 | outer/inner) in the formula",
    "--prior-mu": "take --prior-beta \"Intercept=norm(0, 10)\"",
}  # fmt: skip
OF_ROWS = ("--weights", "--missing", "--prior-sigma", "--prior-rho", "--prior-beta")

_NAMED = re.compile(r"\s*(?P<name>.+?)\s*=\s*(?P<prior>[A-Za-z][\w-]*\s*(?:\([^()]*\))?)\s*")


def add_options(run: argparse.ArgumentParser) -> None:
    """Add the options that only raw rows take."""
    rows = run.add_argument_group("raw rows", "with --formula 'y ~ x + (x | group)'")
    rows.add_argument("--weights", metavar="COL", help="the residual variance is sigma^2 over it")
    rows.add_argument(
        "--missing", choices=["raise", "drop"],
        help="rows that lack a value are an error (default), or left out",
    )  # fmt: skip
    rows.add_argument(
        "--prior-sigma", metavar="PRIOR", help="of the residual sd: as --prior-tau takes them"
    )
    rows.add_argument("--prior-rho", metavar="ETA", help="of the correlations, LKJ(ETA); default 1")
    rows.add_argument(
        "--prior-beta", metavar="NAME=PRIOR", action="append",
        help="of a coefficient: 'Days=norm(0, 20)'; flat without it; may be given again",
    )  # fmt: skip


def is_of_rows(options: argparse.Namespace) -> bool:
    """Whether a file of raw rows was asked for: a formula with a response, and no other one."""
    formula = options.formula or ""
    return "~" in formula and not formula.lstrip().startswith("~") and options.y is None


def check_options(options: argparse.Namespace) -> None:
    """Raise for the first option that the other kind of file takes."""
    rows = is_of_rows(options)
    for option in OF_GROUPS if rows else OF_ROWS:
        value = getattr(options, option[2:].replace("-", "_"))
        if value is not None and rows:
            raise ValueError(f"{option} is of a file with a row a group: {OF_GROUPS[option]}")
        if value is not None:
            raise ValueError(
                f"{option} is of raw rows: they take --formula 'y ~ x + (x | group)' without --y"
            )


def model_of_rows(options: argparse.Namespace) -> HierarchicalRegression:
    """The model of the formula over the file's rows."""
    table = Table(options.file, options.sep, options.decimal, options.encoding)
    needed = _needed(options, table)
    drop = options.missing == "drop"
    if not drop:
        _check_whole(table, needed)
    columns, priors = _columns(table, needed), _priors(options)
    try:
        return HierarchicalRegression.from_formula(
            options.formula, columns, weights=options.weights,
            missing="drop" if drop else "raise", **priors,
        )  # fmt: skip
    except ValueError as error:
        raise ValueError(_of_file(str(error), table)) from None


# --- Columns --------------------------------------------------------------------------------------


def _needed(options: argparse.Namespace, table: Table) -> dict[str, str]:
    """The columns that are used: those of the formula, and what for."""
    from pyhier.models.formula import FUNCTIONS, names_in
    from pyhier.models.varying_terms import levels_of, parts_of

    try:
        parts = parts_of(options.formula)
        groups = sum(levels_of(parts.varying, options.formula), ())
    except ValueError as error:
        raise ValueError(f"--{error}") from None
    sides = (parts.common, *(term.columns for term in parts.varying))
    needed = dict.fromkeys(groups, "group")
    for name in (name for side in sides for name in names_in(side)):
        if name not in FUNCTIONS or name in table.names:
            needed[name] = "covariate"
    needed |= dict.fromkeys(names_in(parts.left), "number")
    if options.weights is not None:
        needed[options.weights] = "number"
    for name in needed:
        table.text(name)  # raises where there is no such column, or more than one
    return needed


def _columns(table: Table, needed: Mapping[str, str]) -> dict[str, Any]:
    """Their cells: what names groups as text, a covariate as numbers where every cell is one."""
    found: dict[str, Any] = {}
    for name, kind in needed.items():
        if kind == "number":
            found[name] = table.numbers(name, missing=MISSING)
        elif kind == "covariate":
            found[name] = table.column(name, missing=MISSING)
        else:
            found[name] = [None if cell in MISSING else cell for cell in table.text(name)]
    return found


def _check_whole(table: Table, needed: Mapping[str, str]) -> None:
    """Raise for the first row that lacks a value."""
    lacking = {name: [cell in MISSING for cell in table.text(name)] for name in needed}
    rows = np.flatnonzero(np.any(list(lacking.values()), axis=0))
    if rows.size:
        row = int(rows[0])
        name = next(name for name in needed if lacking[name][row])
        more = f" (and {rows.size - 1} more rows lack a value)" if rows.size > 1 else ""
        raise ValueError(
            f"{table.place(row, name)}: row {row + 1} has no value{more}; fill it in, or say "
            "--missing drop"
        )


def _of_file(message: str, table: Table) -> str:
    """What is wrong with a row, and where the file has it."""
    found = re.search(r"\bweights\[(\d+)\]", message) or re.search(r"\bin row (\d+)\b", message)
    place = "" if found is None else f" ({table.path}, line {table.rows[int(found[1])].line})"
    message = re.sub(r"\bformula (?=['\"])", "--formula ", message)
    message = re.sub(r"\bweights\[(\d+)\]", r"--weights in row \1", message)
    return counted_from_1(message) + place


# --- Priors ---------------------------------------------------------------------------------------


def named_priors(option: str, texts: Sequence[str]) -> Any:
    """One prior of all sds, or a mapping of the names that ``NAME=PRIOR`` has.

    Examples
    --------
    >>> sorted(named_priors("--prior-tau", ["Intercept=halfcauchy(50)", "Days=halfnorm(10)"]))
    ['Days', 'Intercept']
    >>> named_priors("--prior-tau", ["uniform"])
    'uniform'
    """
    named = [_NAMED.fullmatch(text) for text in texts]
    if len(texts) == 1 and named[0] is None:
        return parse_prior(option, texts[0], SCALED, ("uniform",))
    return {
        name: parse_prior(option, prior, SCALED, ("uniform",))
        for name, prior in _entries(option, texts, "halfnorm(10)")
    }


def _entries(option: str, texts: Sequence[str], example: str) -> list[tuple[str, str]]:
    """Names and priors of what an option was given, once each."""
    found: dict[str, str] = {}
    for text in texts:
        entry = _NAMED.fullmatch(text)
        if entry is None:
            raise ValueError(f'{option} is {text!r}: write it as "NAME={example}", a name each')
        if entry["name"] in found:
            raise ValueError(f"{option} names {entry['name']} twice: give it one prior")
        found[entry["name"]] = entry["prior"]
    return list(found.items())


def _priors(options: argparse.Namespace) -> dict[str, Any]:
    """The priors that were asked for."""
    found: dict[str, Any] = {}
    if options.prior_tau is not None:
        found["prior_tau"] = named_priors("--prior-tau", options.prior_tau)
    if options.prior_sigma is not None:
        found["prior_sigma"] = parse_prior(
            "--prior-sigma", options.prior_sigma, SCALED, ("uniform",)
        )
    if options.prior_rho is not None:
        found["prior_rho"] = _eta(options.prior_rho)
    if options.prior_beta is not None:
        entries = _entries("--prior-beta", options.prior_beta, "norm(0, 20)")
        given = {name: parse_prior("--prior-beta", prior, MU_PRIORS) for name, prior in entries}
        found["prior_beta"] = {name: one for name, one in given.items() if one != "flat"} or None
    return found


def _eta(text: str) -> float:
    """A number, or LKJ(number)."""
    match = re.fullmatch(r"\s*(?:lkj\s*\(\s*)?([\d.]+(?:e[+-]?\d+)?)\s*\)?\s*", text, re.IGNORECASE)
    try:
        return float("x" if match is None else match[1])
    except ValueError:
        raise ValueError(
            f"--prior-rho is {text!r}: give eta of LKJ(eta), a positive number; 1 is uniform"
        ) from None
