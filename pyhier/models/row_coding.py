"""Columns of a formula over raw rows, of the data and of new rows coded as the data was."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyhier._types import Floats
from pyhier._validation import float_array
from pyhier.models.formula import FUNCTIONS, coded, matrices_of, names_in, new_frame
from pyhier.models.varying_terms import CROSSED, Parts

MOST = 3  # varying coefficients
SHOWN = 5  # row numbers in a message

Places = NDArray[np.intp]
Levels = tuple[tuple[str, ...], ...]  # columns that make the groups of every level
Blocks = tuple[int, ...]  # how many varying coefficients are correlated with one another


@dataclass(frozen=True, eq=False)
class Coder:
    """What codes new rows.

    Attributes
    ----------
    formula : str
    common : object
        The formula library's matrix of the common columns, None where there are none.
    varying : tuple of object
        Those of the varying terms.
    needs : tuple of str
        Columns of the data that the right side names, without the groups.
    levels : Levels
    offset : str or None
        A column that is added to the linear predictor.
    unknown_offset : bool
        Whether an offset was given as values, which new rows have none of.
    """

    formula: str
    common: Any
    varying: tuple[Any, ...]
    needs: tuple[str, ...]
    levels: Levels
    offset: str | None
    unknown_offset: bool

    def rows(self, new: Any) -> tuple[Floats, Floats, Floats]:
        """Common and varying columns and the offset of new rows."""
        if self.unknown_offset:
            raise ValueError(
                "offset was given as values, which new rows have none of: give offset= the name "
                f"of a column, or add offset(column) to {self.formula!r}"
            )
        named = dict.fromkeys((*self.needs, *([self.offset] if self.offset else [])))
        frame = _checked(new, tuple(named), self.formula)
        x, offset = common_columns(self.common, self._coded(self.common, frame))
        if self.offset:
            offset = offset + float_array("offset", frame[self.offset], 1)
        return x, np.column_stack([self._coded(part, frame) for part in self.varying]), offset

    def _coded(self, matrix: Any, frame: Any) -> Floats:
        if matrix is None:
            return np.empty((len(frame), 0))
        return coded(matrix, frame, self.formula, "new data")

    def groups(self, new: Any) -> list[list[str]]:
        """For every level the own name of each row's group."""
        frame = _checked(new, tuple(dict.fromkeys(sum(self.levels, ()))), self.formula)
        found = []
        for columns in own_columns(self.levels):
            labels, codes = labelled([frame[name] for name in columns])
            found.append([labels[code] for code in codes])
        return found


def _checked(new: Any, named: tuple[str, ...], formula: str) -> Any:
    """New data as a frame that has all columns, none with a missing value."""
    frame = new_frame(new, formula, "new data")
    check_columns(named, frame, formula, "new data")
    lacking = np.flatnonzero(frame[list(named)].isna().any(axis=1))
    if lacking.size:
        raise ValueError(f"new data lacks a value that {formula!r} needs: {row_numbers(lacking)}")
    return prepared(frame, named)


def own_columns(levels: Levels) -> Levels:
    """The columns that name the groups of each level within the one above."""
    return tuple(level[len(levels[k - 1]) if k else 0 :] for k, level in enumerate(levels))


def check_columns(named: Sequence[str], frame: Any, formula: str, what: str) -> None:
    """Raise for the first column that is not there, or there twice."""
    for name in named:
        count = int((frame.columns == name).sum())
        if count != 1:
            has = ", ".join(dict.fromkeys(frame.columns))
            raise ValueError(
                f"formula {formula!r}: {what} has {'no' if not count else 'more than one'} column "
                f"{name!r}; it has {has}"
            )


def row_numbers(rows: Places) -> str:
    """The first few row numbers and how many there are."""
    told = ", ".join(map(str, rows[:SHOWN]))
    more = f", ... ({rows.size} rows)" if rows.size > SHOWN else ""
    return f"row{'s' if rows.size > 1 else ''} {told}{more}"


def needs_of(parts: Parts, frame: Any) -> tuple[str, ...]:
    """Columns that the right side names, without the groups; functions are no columns."""
    sides = (parts.common, *(term.columns for term in parts.varying))
    names = [name for side in sides for name in names_in(side)]
    return tuple(
        name for name in dict.fromkeys(names) if name not in FUNCTIONS or name in frame.columns
    )


def prepared(frame: Any, named: Sequence[str]) -> Any:
    """Columns as the formula library takes them: categories in their order, none unused."""
    import pandas as pd

    types = pd.api.types
    found = {}
    for name in named:
        column = frame[name]
        if isinstance(column.dtype, pd.CategoricalDtype):
            column = column.cat.remove_unused_categories().cat.as_ordered()
        elif types.is_bool_dtype(column.dtype):
            column = column.astype(bool)
        elif types.is_integer_dtype(column.dtype):
            column = column.astype(np.int64)
        elif types.is_numeric_dtype(column.dtype):
            column = column.astype(np.float64)
        elif types.is_string_dtype(column.dtype):
            column = column.astype(object)
        found[name] = column
    return pd.DataFrame(found, index=frame.index)


def labelled(columns: Sequence[Any]) -> tuple[tuple[str, ...], Places]:
    """Names of the groups that columns make together, ``a:b``, and each row's place among them."""
    import pandas as pd

    names: list[tuple[str, ...]] = []
    codes: list[Places] = []
    for column in columns:
        if isinstance(column.dtype, pd.CategoricalDtype):
            used = column.cat.remove_unused_categories()
            at, values = used.cat.codes.to_numpy(), used.cat.categories
        else:
            at, values = pd.factorize(column)
        texts = [_text(value) for value in values]
        own = {text: k for k, text in enumerate(dict.fromkeys(texts))}
        codes.append(np.array([own[text] for text in texts], dtype=np.intp)[at])
        names.append(tuple(own))
    if len(columns) == 1:
        return names[0], codes[0]
    together = np.zeros(len(codes[0]), dtype=np.intp)
    for at, own_names in zip(codes, names, strict=True):
        together = together * len(own_names) + at
    at, first = _first_seen(together)
    labels = [
        ":".join(own_names[c[row]] for own_names, c in zip(names, codes, strict=True))
        for row in first
    ]
    return tuple(labels), at


def _first_seen(codes: Places) -> tuple[Places, Places]:
    """Codes numbered anew in the order of their first rows, and these rows."""
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(order.size)
    return rank[inverse.ravel()], first[order]


def _text(value: Any) -> str:
    """A group's name; whole numbers that came as floats without their point."""
    whole = isinstance(value, float | np.floating) and float(value).is_integer()
    return str(int(value)) if whole else str(value)


def grouped(
    frame: Any, levels: Levels, formula: str
) -> tuple[tuple[tuple[str, ...], ...], tuple[Places, ...]]:
    """Names of the groups of every level, and each row's place among them."""
    outer, outer_codes = labelled([frame[name] for name in levels[0]])
    if len(levels) == 1:
        return (outer,), (outer_codes,)
    if not set(levels[0]) < set(levels[1]):
        raise ValueError(_not_nested(frame, levels, formula))
    own, own_codes = labelled([frame[name] for name in own_columns(levels)[1]])
    codes, first = _first_seen(outer_codes * len(own) + own_codes)
    names = [own[own_codes[row]] for row in first]
    if len(set(names)) < len(names):
        pairs = zip(first, names, strict=True)
        names = [f"{outer[outer_codes[row]]}/{name}" for row, name in pairs]
    return (outer, tuple(names)), (outer_codes, codes)


def _not_nested(frame: Any, levels: Levels, formula: str) -> str:
    """What to say of two grouping factors that the formula does not nest."""
    told = [":".join(level) for level in levels]
    codes = [labelled([frame[name] for name in level])[1] for level in levels]
    sizes = [int(c.max()) + 1 for c in codes]
    pairs = np.unique(codes[0] * sizes[1] + codes[1]).size
    for inner, outer in ((1, 0), (0, 1)):
        if pairs == sizes[inner]:
            return (
                f"formula {formula!r}: each {told[inner]} lies within one {told[outer]}: write "
                f"(1 | {told[outer]}/{told[inner]})"
            )
    return (
        f"formula {formula!r}: {told[0]} and {told[1]} are crossed, neither lies within the other: "
        f"{CROSSED}; here one grouping factor, or two nested ones, (1 | outer/inner)"
    )


def common_columns(matrix: Any, table: Floats) -> tuple[Floats, Floats]:
    """The columns of coefficients, and the sum of those that are offsets."""
    known = np.zeros(table.shape[1], dtype=bool)
    for name, term in matrix.terms.items() if matrix is not None else ():
        known[matrix.slices[name]] = term.kind == "offset"
    return np.ascontiguousarray(table[:, ~known]), table[:, known].sum(axis=1)


def common_names(matrix: Any) -> tuple[str, ...]:
    """Names of the columns of coefficients."""
    return tuple(
        str(name)
        for term in (matrix.terms.values() if matrix is not None else ())
        if term.kind != "offset"
        for name in np.atleast_1d(term.labels)
    )


def varying_columns(
    parts: Parts, frame: Any, formula: str
) -> tuple[Floats, tuple[str, ...], Blocks, tuple[Any, ...]]:
    """Columns of the varying coefficients, their names, blocks, and what codes new rows."""
    tables: list[Floats] = []
    names: list[str] = []
    blocks: list[int] = []
    matrices: list[Any] = []
    for term in parts.varying:
        matrix = matrices_of(f"{parts.left} ~ {term.columns}", frame).common
        if matrix is None:
            raise ValueError(f"formula {formula!r}: ({term.columns} | ...) has no column")
        kinds = {part.kind for part in matrix.terms.values()}
        if "offset" in kinds:
            raise ValueError(f"formula {formula!r}: an offset does not vary by group")
        own = common_names(matrix)
        if not term.correlated and len(own) > len(matrix.terms):
            raise ValueError(
                f"formula {formula!r}: || does not part the columns of a factor, nor does lme4's; "
                "give columns of 0 and 1"
            )
        tables.append(np.asarray(matrix.design_matrix, dtype=np.float64))
        names += own
        blocks += [len(own)] if term.correlated else [1] * len(own)
        matrices.append(matrix)
    return (
        np.ascontiguousarray(np.column_stack(tables)), tuple(names), tuple(blocks), tuple(matrices),
    )  # fmt: skip


def check_varying(
    names: tuple[str, ...], blocks: Blocks, terms: int, levels: Levels, formula: str
) -> None:
    """Raise for varying coefficients that there is no model for."""
    if len(levels) == 2:
        if set(names) != {"Intercept"} or terms != 2:
            raise ValueError(
                f"formula {formula!r}: with two nested levels intercepts alone vary, "
                f"once a level: (1 | {levels[0][0]}/{levels[1][-1]})"
            )
        return
    twice = [name for k, name in enumerate(names) if name in names[:k]]
    if twice:
        column = "1" if twice[0] == "Intercept" else twice[0]
        raise ValueError(
            f"formula {formula!r} has {column} vary twice by {':'.join(levels[0])}: leave it out "
            "of one, as in (1 | g) + (0 + x | g)"
        )
    if len(names) > MOST:
        raise ValueError(
            f"formula {formula!r} has {len(names)} varying coefficients, {', '.join(names)}: at "
            f"most {MOST}"
        )
    if 1 < len(blocks) < len(names):
        raise ValueError(
            f"formula {formula!r} has some varying coefficients correlated and others not: put "
            "all into one (x + z | g), or none, (x + z || g)"
        )


def check_finite(table: Floats, names: Sequence[str], what: str, kept: Places) -> None:
    """Raise for the first value that is not finite."""
    bad = np.argwhere(~np.isfinite(table))
    if bad.size:
        row, k = (int(place) for place in bad[0])
        raise ValueError(
            f"{what} {names[k]!r} is {table[row, k]} in row {kept[row]}: it must be finite"
        )
