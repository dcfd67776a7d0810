"""A formula over raw rows in lme4's language: columns, and who is in which group."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyhier._frozen import Frozen
from pyhier._types import Floats
from pyhier._validation import aligned, float_array
from pyhier.models import row_coding as coding
from pyhier.models.formula import column_of, frame_of, matrices_of, names_in
from pyhier.models.row_coding import Coder, Places
from pyhier.models.varying_terms import Parts, levels_of, parts_of

MISSING = ("raise", "drop")

Names = NDArray[np.object_]


@dataclass(frozen=True, eq=False)
class RowDesign(Frozen):
    """The columns of a formula over raw rows, and how new data is coded as the data was.

    Attributes
    ----------
    formula : str
    response : str
        The left side of the formula.
    y : ndarray, shape (n,)
    x : ndarray, shape (n, p)
        Columns of the common coefficients.
    x_names : tuple of str
        Theirs; the intercept is "Intercept".
    z : ndarray, shape (n, q)
        Columns of the varying coefficients; one of ones where two levels are nested.
    z_names : tuple of str
    correlated : bool
        Whether the varying coefficients of a group are; True for a single one.
    levels : tuple of str
        What groups, the outermost first: one column, or two with the second nested in the first.
    labels : tuple of tuples of str
        Names of the groups of every level: in the order of a categorical column's categories, or
        of their first rows. Groups of an inner level whose own names are not unique have those
        above them in front, ``outer/inner``.
    codes : tuple of ndarray of int, shape (n,)
        For every level the place of each row's group among its labels.
    offset : ndarray, shape (n,)
        What is known of the linear predictor; 0 without one.
    weights : ndarray, shape (n,), or None
    kept : ndarray of int, shape (n,)
        The numbers of the rows in the data, from 0.
    dropped : int
        How many rows lacked a value and were left out.
    """

    formula: str
    response: str
    y: Floats
    x: Floats
    x_names: tuple[str, ...]
    z: Floats
    z_names: tuple[str, ...]
    correlated: bool
    levels: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    codes: tuple[Places, ...]
    offset: Floats
    weights: Floats | None
    kept: Places
    dropped: int
    _coder: Coder = field(repr=False)

    @property
    def groups(self) -> tuple[Names, ...]:
        """For every level the name of each row's group, shape (n,)."""
        both = zip(self.labels, self.codes, strict=True)
        return tuple(np.array(names, dtype=object)[codes] for names, codes in both)

    def rows(self, new: Any) -> tuple[Floats, Floats, Floats]:
        """Common and varying columns, and the offset, of new rows.

        Parameters
        ----------
        new : DataFrame or mapping of columns
            What the right side of the formula names; the response and the groups may be left out.

        Returns
        -------
        x : ndarray, shape (rows, p)
        z : ndarray, shape (rows, q)
        offset : ndarray, shape (rows,)
        """
        x, z, offset = self._coder.rows(new)
        return x, z[:, : len(self.z_names)], offset

    def groups_of(self, new: Any) -> tuple[Names, ...]:
        """For every level the name of each new row's group, which may be a new group."""
        own = self._coder.groups(new)
        if len(own) == 1:
            return (np.array(own[0], dtype=object),)
        above = dict(zip(self.codes[1].tolist(), self.groups[0], strict=True))
        known = {(above[k], label): label for k, label in enumerate(self.labels[1])}
        # A label may have the group above it in front.
        known |= {(outer, label.removeprefix(f"{outer}/")): label for outer, label in known}
        found = [known.get(pair, "/".join(pair)) for pair in zip(*own, strict=True)]
        return np.array(own[0], dtype=object), np.array(found, dtype=object)


def row_design(
    formula: str,
    data: Any,
    *,
    weights: Any = None,
    offset: Any = None,
    missing: str = "raise",
) -> RowDesign:
    """Read a formula in lme4's language over raw rows.

    Parameters
    ----------
    formula : str
        Such as ``"y ~ x + (x | group)"``; ``(0 + x | g)``; ``(x || g)`` or
        ``(1 | g) + (0 + x | g)`` for uncorrelated coefficients; ``(1 | outer/inner)`` for two
        nested levels; ``offset(column)`` for what is known of the linear predictor.
    data : DataFrame or mapping of columns
        A row an observation.
    weights, offset : str or array_like, shape (rows,), optional
        A column or its values. Weights divide the residual variance.
    missing : {"raise", "drop"}
        What to do with rows that lack a value.

    Returns
    -------
    RowDesign

    Raises
    ------
    ValueError, TypeError
        If the formula cannot be read, or the data is not what it needs.

    Examples
    --------
    >>> rows = {"y": [1.0, 3.0, 2.0, 5.0], "x": [0, 1, 0, 1], "g": ["a", "a", "b", "b"]}
    >>> design = row_design("y ~ x + (x | g)", rows)
    >>> design.x_names, design.z_names, design.labels
    (('Intercept', 'x'), ('Intercept', 'x'), (('a', 'b'),))
    """
    parts = parts_of(formula)
    levels = levels_of(parts.varying, formula)
    source = _source(parts, levels, formula, data, weights, offset, missing)
    labels, codes = coding.grouped(source.frame, levels, formula)
    with np.errstate(all="ignore"):  # what is not finite is named below
        made = matrices_of(f"{parts.left} ~ {parts.common}", source.frame)
        z, z_names, blocks, varying = coding.varying_columns(parts, source.frame, formula)
    coding.check_varying(z_names, blocks, len(parts.varying), levels, formula)
    if len(levels) == 2:
        z, z_names, blocks = z[:, :1], z_names[:1], (1,)
    y = _response(made.response, parts.left)
    table = np.empty((y.size, 0)) if made.common is None else made.common.design_matrix
    x, shift = coding.common_columns(made.common, np.asarray(table, dtype=np.float64))
    x_names = coding.common_names(made.common)
    if source.offset is not None:
        shift = shift + source.offset
    coding.check_finite(y[:, np.newaxis], (parts.left,), "the response", source.kept)
    coding.check_finite(shift[:, np.newaxis], ("offset",), "the", source.kept)
    coding.check_finite(x, x_names, "the column", source.kept)
    coding.check_finite(z, z_names, "the column", source.kept)
    column = offset if isinstance(offset, str) else None
    by_value = source.offset is not None and column is None
    coder = Coder(formula, made.common, varying, source.needs, levels, column, by_value)
    for array in (y, x, z, shift, source.weights, source.kept, *codes):
        if array is not None:
            array.flags.writeable = False
    names = tuple(":".join(own) for own in coding.own_columns(levels))
    return RowDesign(
        formula, parts.left, y, x, x_names, z, z_names, len(blocks) == 1, names, labels, codes,
        shift, source.weights, source.kept, source.dropped, coder,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Source:
    """Complete rows of the data: a frame, and what is given beside it."""

    frame: Any
    needs: tuple[str, ...]
    weights: Floats | None
    offset: Floats | None
    kept: Places
    dropped: int


def _source(
    parts: Parts,
    levels: coding.Levels,
    formula: str,
    data: Any,
    weights: Any,
    offset: Any,
    missing: str,
) -> _Source:
    if missing not in MISSING:
        raise ValueError(f"missing is {missing!r}: it must be 'raise' or 'drop'")
    whole = frame_of(formula, data)
    whole = whole.set_axis([str(name) for name in whole.columns], axis=1)
    needs = coding.needs_of(parts, whole)
    response = tuple(name for name in names_in(parts.left) if name in whole.columns)
    named = tuple(dict.fromkeys((*response, *needs, *sum(levels, ()))))
    coding.check_columns(named, whole, formula, "data")
    beside = [_beside("weights", weights, data, whole), _beside("offset", offset, data, whole)]
    lacking = whole[list(named)].isna().to_numpy().any(axis=1)
    for column in beside:
        if column is not None:
            lacking |= np.isnan(column)
    if lacking.any() and missing == "raise":
        rows = coding.row_numbers(np.flatnonzero(lacking))
        raise ValueError(
            f"data lacks a value that {formula!r} needs: {rows}; fill it in, or say missing='drop'"
        )
    kept: Places = np.flatnonzero(~lacking)
    if not kept.size:
        raise ValueError(f"data has no row with all values that {formula!r} needs")
    frame = coding.prepared(whole.iloc[kept].reset_index(drop=True), named)
    heavy, shift = (None if column is None else column[kept] for column in beside)
    if heavy is not None and not ((heavy > 0.0) & np.isfinite(heavy)).all():
        row = int(np.argmin((heavy > 0.0) & np.isfinite(heavy)))
        raise ValueError(
            f"weights[{kept[row]}] is {heavy[row]}: they must be positive; leave the row out"
        )
    return _Source(frame, needs, heavy, shift, kept, int(lacking.sum()))


def _beside(name: str, given: Any, data: Any, frame: Any) -> Floats | None:
    """Weights or an offset, by a column's name or as values."""
    if given is None:
        return None
    if isinstance(given, str):
        return float_array(name, column_of(frame, given, name), 1)
    aligned(**{"data": data, name: given})
    values = float_array(name, given, 1)
    if values.size != len(frame):
        raise ValueError(f"{name} has {values.size} entries and data {len(frame)} rows")
    return values


def _response(matrix: Any, left: str) -> Floats:
    values = np.asarray(matrix.design_matrix)
    if matrix.kind != "numeric" or values.size != len(values):
        raise ValueError(f"the response {left!r} must be one column of numbers")
    return np.array(values.ravel(), dtype=np.float64)
