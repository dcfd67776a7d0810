"""The varying part of a formula in lme4's language: ``(x | g)`` and its kin, taken apart.

The formula library reads what is on either side of a bar; it knows no ``||``, and which terms are
correlated it does not say, so the terms themselves are read here (Bates et al. 2015, Journal of
Statistical Software 67(1), table 2).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

CROSSED = "crossed factors are lme4's (lmer in R)"
_OPEN, _CLOSE, _QUOTES = "([{", ")]}", "\"'`"


@dataclass(frozen=True)
class VaryingTerm:
    """One ``(columns | groups)``.

    Attributes
    ----------
    columns : str
        What varies: the right side of a formula.
    groups : tuple of str
        Grouping columns: more than one for ``a:b``.
    correlated : bool
        False for ``||``.
    """

    columns: str
    groups: tuple[str, ...]
    correlated: bool


@dataclass(frozen=True)
class Parts:
    """A formula: its two sides, the right one without the varying terms, and these."""

    left: str
    common: str
    varying: tuple[VaryingTerm, ...]


def parts_of(formula: object) -> Parts:
    """Take a formula apart.

    Raises
    ------
    TypeError, ValueError
        If it is no formula, has no varying term, or one that cannot be read.
    """
    if not isinstance(formula, str):
        raise TypeError(f"formula is {formula!r}: write it as 'y ~ x + (x | group)'")
    sides = formula.split("~")
    if len(sides) != 2 or not sides[0].strip():
        raise ValueError(f"formula is {formula!r}: write it as 'y ~ x + (x | group)'")
    left, right = (_in_python(side.strip()) for side in sides)
    common, varying = "", []
    for sign, term in _signed(right):
        if "|" not in _bare(term):
            common += f" {sign} {term}"
        elif sign == "-" or not (inside := _inside(term)):
            raise ValueError(
                f"formula {formula!r}: {term} is no varying term: add it in parentheses of its "
                "own, such as '+ (x | group)'"
            )
        else:
            varying += _varying(inside, formula)
    if not varying:
        raise ValueError(
            f"formula {formula!r} has no varying term: add one, such as '+ (1 | group)'"
        )
    common = common.strip().removeprefix("+").strip()
    return Parts(left, common or "1", tuple(varying))


def _in_python(side: str) -> str:
    """R's power and factors as the formula library has them."""
    powers = "".join("**" if c == "^" and depth >= 0 else c for c, depth in _scan(side))
    return re.sub(r"\b(?:as\.)?factor\(", "C(", powers)


def _scan(text: str) -> Iterator[tuple[str, int]]:
    """Characters and how many brackets they are in; -1 within quotes."""
    depth, quote = 0, ""
    for c in text:
        if quote:
            yield c, -1
            quote = "" if c == quote else quote
        elif c in _QUOTES:
            quote = c
            yield c, -1
        else:
            depth -= c in _CLOSE
            yield c, depth
            depth += c in _OPEN


def _bare(text: str) -> str:
    """Without what is in quotes."""
    return "".join(c for c, depth in _scan(text) if depth >= 0)


def _signed(text: str) -> list[tuple[str, str]]:
    """Terms that are added or taken away, with their signs."""
    found = [["+", ""]]
    for c, depth in _scan(text):
        if depth == 0 and c in "+-":
            found.append([c, ""])
        else:
            found[-1][1] += c
    return [(sign, term.strip()) for sign, term in found if term.strip()]


def _split(text: str, mark: str) -> list[str]:
    """At a mark that is in no brackets."""
    found = [""]
    for c, depth in _scan(text):
        if depth == 0 and c == mark:
            found.append("")
        else:
            found[-1] += c
    return [part.strip() for part in found]


def _inside(term: str) -> str:
    """What one pair of parentheses holds that is around all of a term; nothing where none is."""
    depths = [depth for _, depth in _scan(term)]
    whole = term.startswith("(") and term.endswith(")") and 0 not in depths[1:-1]
    return term[1:-1] if whole else ""


def _varying(inside: str, formula: str) -> list[VaryingTerm]:
    """One term, or the two of ``(1 | a/b)``."""
    pieces = _split(inside, "|")
    free = len(pieces) == 3 and not pieces[1]
    columns, groups = pieces[0], pieces[-1]
    if (len(pieces) != 2 and not free) or not columns or not groups:
        raise ValueError(
            f"formula {formula!r}: ({inside}) cannot be read: write (x | group), or (x || group) "
            "for uncorrelated coefficients"
        )
    found: list[VaryingTerm] = []
    within: tuple[str, ...] = ()
    for step in _split(groups, "/"):
        within += tuple(_column(name) for name in _split(step, ":"))
        found.append(VaryingTerm(columns, within, not free))
    return found


def _column(name: str) -> str:
    """A column's name, out of quotes and ``factor()``."""
    wrapped = re.fullmatch(r"C\((.*)\)", name)
    return (wrapped[1] if wrapped else name).strip().strip("`")


def levels_of(terms: Sequence[VaryingTerm], formula: str) -> tuple[tuple[str, ...], ...]:
    """The columns that make the groups of every level, the outermost first.

    One level, or two where the columns of the first are among those of the second.

    Raises
    ------
    ValueError
        If there are more levels, or two that the formula does not say to be nested.
    """
    levels = sorted({frozenset(term.groups): term.groups for term in terms}.values(), key=len)
    if len(levels) > 2:
        told = ", ".join(":".join(level) for level in levels)
        raise ValueError(
            f"formula {formula!r} has {len(levels)} grouping factors, {told}: at most two, the "
            f"second within the first, such as (1 | district/school); {CROSSED}"
        )
    if len(levels) == 1:
        return (levels[0],)
    outer, inner = levels
    if not set(outer) < set(inner):
        return (outer, inner)  # the data will say what is wrong
    return (outer, (*outer, *(name for name in inner if name not in outer)))
