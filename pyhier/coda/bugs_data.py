"""WinBUGS' data format: an R list of numbers, vectors and arrays."""

from __future__ import annotations

import math
import re
from typing import NoReturn

import numpy as np

from pyhier._types import Floats
from pyhier.rstats.format import NA

MOST = 10_000_000  # numbers that a file's ranges may make: 1:3e8 would take all memory

_TOKEN = re.compile(
    r"""\s*(?:\#[^\n]*\s*)*(?:
    (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)L?
    |(?P<name>[A-Za-z.][A-Za-z0-9._]*|"[^"]*"|'[^']*'|`[^`]*`)
    |(?P<sign>[-+(),=:])
    |(?P<end>$))""",
    re.VERBOSE,
)


def parse(text: str, source: str) -> dict[str, float | Floats]:
    """Variables by name; arrays of the shape they are given, filled row by row.

    Raises
    ------
    ValueError
        If the text is not such a list; it names the line and what stands there.
    """
    return _Reader(text, source).variables()


class _Reader:
    """A text, and the place reached in it."""

    def __init__(self, text: str, source: str) -> None:
        self.text, self.source, self.place = text, source, 0
        self.kind, self.token, self.made = "", "", 0.0
        self.advance()

    def advance(self) -> str:
        """Go to the next token, and return the one passed."""
        passed = self.token
        found = _TOKEN.match(self.text, self.place)
        if found is None:
            self.token = self.text[self.place :].strip()[:20]
            self.fail("a number, a name or punctuation")
        self.kind = found.lastgroup or ""
        self.token = found[self.kind]
        self.place = found.end()
        return passed

    @property
    def line(self) -> int:
        """The line reached."""
        return self.text.count("\n", 0, self.place) + 1

    def fail(self, wanted: str) -> NoReturn:
        seen = repr(self.token) if self.kind != "end" else "the end of the file"
        raise ValueError(f"{self.source}, line {self.line}: {wanted} must stand where {seen} does")

    def take(self, token: str) -> None:
        if self.token != token or self.kind in ("number", "end"):
            self.fail(repr(token))
        self.advance()

    def variables(self) -> dict[str, float | Floats]:
        self.take("list")
        self.take("(")
        found: dict[str, float | Floats] = {}
        while self.token != ")":
            if self.kind != "name":
                self.fail("a variable's name")
            name = self.token.strip("\"'`")
            if name in found:
                self.fail("a variable that is not there yet")
            self.advance()
            self.take("=")
            found[name] = self.value()
            if self.token != ")":
                self.take(",")
        self.take(")")
        if self.kind != "end":
            self.fail("the end of the file")
        return found

    def value(self) -> float | Floats:
        if self.token == "structure" and self.kind == "name":
            return self.structure()
        numbers = self.vector()
        return numbers[0] if len(numbers) == 1 else np.array(numbers)

    def structure(self) -> Floats:
        self.take("structure")
        self.take("(")
        parts: dict[str, list[float]] = {}
        while self.token != ")":
            label = ".Data"
            if self.kind == "name" and self.token in (".Data", ".Dim", "dim"):
                label = ".Data" if self.token == ".Data" else ".Dim"
                self.advance()
                self.take("=")
            if label in parts:
                self.fail("one .Data and one .Dim")
            parts[label] = self.vector()
            if self.token != ")":
                self.take(",")
        if set(parts) != {".Data", ".Dim"}:
            self.fail("a structure's .Data and .Dim")
        self.take(")")
        if not all(extent.is_integer() and extent >= 0.0 for extent in parts[".Dim"]):
            raise ValueError(
                f"{self.source}: a structure's .Dim is {parts['.Dim']}: it must be whole numbers "
                "from 0 up"
            )
        shape = [int(extent) for extent in parts[".Dim"]]
        if math.prod(shape) != len(parts[".Data"]):
            raise ValueError(
                f"{self.source}: a structure of .Dim {shape} has {len(parts['.Data'])} numbers: "
                f"it must have {math.prod(shape)}"
            )
        return np.array(parts[".Data"]).reshape(shape)

    def vector(self) -> list[float]:
        if self.token == "c" and self.kind == "name":
            self.take("c")
            self.take("(")
            numbers: list[float] = []
            while self.token != ")":
                numbers += self.span()
                if self.token != ")":
                    self.take(",")
            self.take(")")
            return numbers
        return self.span()

    def span(self) -> list[float]:
        """A number, or a range as ``1:10``: from the first in steps of 1, as far as the last."""
        first = self.number()
        if self.token != ":":
            return [first]
        self.take(":")
        last = self.number()
        # As in R the last is reached where it is off by rounding only.
        steps = abs(last - first) + 1e-10
        self.made += steps
        if not self.made <= MOST:
            raise ValueError(
                f"{self.source}, line {self.line}: the range {first:g}:{last:g} is of more numbers "
                f"than {MOST:,}"
            )
        sign = 1.0 if last >= first else -1.0
        return [first + sign * step for step in range(int(steps) + 1)]

    def number(self) -> float:
        sign = 1.0
        while self.token in ("-", "+"):
            sign = -sign if self.advance() == "-" else sign
        if self.kind == "name" and self.token in ("NA", "Inf"):
            return NA if self.advance() == "NA" else sign * np.inf
        if self.kind != "number":
            self.fail("a number")
        return sign * float(self.advance())
