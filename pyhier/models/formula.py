"""Formulas over frames, by formulae (which also knows ``(x | g)``), loaded when one is given."""

import io
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from typing import Any

import numpy as np

from pyhier._arrow import as_pandas
from pyhier._types import Floats
from pyhier._validation import as_array, column_name


class _NumPy:
    """NumPy, for formulas: a module cannot be pickled with a design."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(np, name)


# What formulas may call: NumPy's functions, some of them under R's names.
_R = ("log", "log2", "log10", "log1p", "exp", "expm1", "sqrt", "abs")
FUNCTIONS: dict[str, Any] = {"np": _NumPy(), **{name: getattr(np, name) for name in _R}}


class Design:
    """The columns of a formula, and how new data is coded as the data was.

    Parameters
    ----------
    formula : str
        ``"effect ~ latitude + C(alloc)"``.
    data : DataFrame
        A row a group, nothing missing in the columns that the formula names.
    nested : bool
        Whether it must name levels, ``(1 | district/school)``; without it it may not.

    Attributes
    ----------
    levels : tuple of str
        Their columns, the outermost first.
    """

    def __init__(self, formula: str, data: Any, nested: bool = False) -> None:
        matrices = load(formula, data)
        self.levels = _levels(formula, matrices.group) if nested else ()
        if matrices.group is not None and not nested:
            raise ValueError(
                f"formula {formula!r} has varying coefficients, (x | group): models of groups' own "
                "estimates take covariates alone; HierarchicalRegression takes raw rows"
            )
        _refuse_offset(formula, matrices.common)
        if matrices.common is None:
            raise ValueError(f"formula {formula!r} has nothing on its right: write 'effect ~ 1'")
        self.formula = formula
        self.response: Floats = np.array(np.asarray(matrices.response).ravel(), dtype=np.float64)
        self.common = matrices.common.as_dataframe()
        self._matrix = matrices.common

    def rows(self, new: Any) -> Floats:
        """Rows of the design of new groups: a frame, or a mapping of the covariates."""
        return coded(self._matrix, new_frame(new, self.formula), self.formula)


def _refuse_offset(formula: str, common: Any) -> None:
    """An offset is no covariate, whose coefficient would be free."""
    terms = {} if common is None else common.terms
    if any(term.kind == "offset" for term in terms.values()):
        raise ValueError(
            f"formula {formula!r} has an offset, of which models of groups' own data take none: "
            "subtract it from estimates, multiply exposure by its exponential, or give "
            "BinomialNormal offset="
        )


def new_frame(new: Any, formula: str, what: str = "x") -> Any:
    """Columns of new data as a frame."""
    import pandas as pd

    new = as_pandas(new)
    if not hasattr(new, "items"):
        raise TypeError(f"{what} is {new!r}: give a frame or a mapping of what {formula!r} names")
    columns = {str(name): np.atleast_1d(as_array(what, value)) for name, value in new.items()}
    return pd.DataFrame(columns)


def coded(matrix: Any, frame: Any, formula: str, what: str = "x") -> Floats:
    """Rows of a design of new data, coded as the old was, shape (rows, columns)."""
    try:
        with _silent():
            made = np.asarray(matrix.evaluate_new_data(frame).design_matrix).astype(np.float64)
    except (KeyError, ValueError, TypeError) as error:
        _refuse_text(matrix, frame, what)
        raise ValueError(f"{what} cannot be coded as {formula!r} was: {error}") from None
    table = np.broadcast_to(made, (len(frame), made.shape[-1]))
    if not np.isfinite(table).all():
        raise ValueError(f"{what} has values that {formula!r} makes no numbers of")
    return np.array(table)


def _refuse_text(matrix: Any, frame: Any, what: str) -> None:
    """Raise for the first covariate that was numbers and is text."""
    parts = [part for term in matrix.terms.values() for part in getattr(term, "components", ())]
    numeric = {name for part in parts if part.kind == "numeric" for name in part.var_names}
    for name in frame.columns:
        for item in frame[name] if name in numeric else ():
            if isinstance(item, str | bytes):
                raise TypeError(f"{what}[{name!r}] is {item!r}: it must be a number")


@contextmanager
def _silent() -> Iterator[None]:
    """The library prints before it raises, and logs what we make errors of."""
    log = logging.getLogger("formulae")
    level = log.level
    log.setLevel(logging.WARNING)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        log.setLevel(level)


def _levels(formula: str, group: Any) -> tuple[str, ...]:
    """The columns of nested levels, the outermost first."""
    paths = [] if group is None else [name.split("|") for name in group.terms]
    nested = [tuple(path.split(":")) for kind, path in paths if kind.strip() == "1"]
    chain = sorted(nested, key=len)
    whole = chain[-1] if chain else ()
    within = [whole[: k + 1] for k in range(len(whole))]
    if not chain or len(chain) != len(paths) or within != chain:
        raise ValueError(
            f"formula {formula!r} must name its levels once, each within the one before: "
            "'effect ~ x + (1 | district/school)'"
        )
    return tuple(part.strip() for part in whole)


def load(formula: str, data: Any) -> Any:
    """The design matrices of a formula, nothing dropped.

    Raises
    ------
    ImportError
        If formulae is not installed.
    ValueError, TypeError
        If the formula cannot be read, names no column, or meets a missing value.
    """
    frame = frame_of(formula, data)
    matrices = matrices_of(formula, frame)
    _check_missing(matrices, frame, formula)
    return matrices


def frame_of(formula: str, data: Any) -> Any:
    """Data for a formula as a frame."""
    import pandas as pd

    if not isinstance(formula, str) or "~" not in formula:
        raise ValueError(f"formula is {formula!r}: write it as 'effect ~ latitude'")
    data = as_pandas(data)
    if not hasattr(data, "items"):
        raise TypeError(f"data is a {type(data).__name__}: give a frame, or a mapping of columns")
    frame = data if isinstance(data, pd.DataFrame) else pd.DataFrame(data)
    if frame.empty:
        raise ValueError("data has no rows")
    return plain(frame)


def plain(frame: Any) -> Any:
    """A frame whose nullable and Arrow columns are NumPy's, which alone the library knows.

    It sorts categories unless they are ordered; here they keep their order, as R's levels do, and
    those that no row has are left out.
    """
    import pandas as pd

    types, found = pd.api.types, {}
    for name, column in frame.items():
        kind = column.dtype
        if str(kind) == "category":
            found[name] = column.cat.remove_unused_categories().cat.as_ordered()
        known = not types.is_extension_array_dtype(kind) or str(kind) in ("category", "str")
        if known:
            continue
        if types.is_bool_dtype(kind) and not column.hasnans:
            found[name] = column.astype(bool)
        elif types.is_numeric_dtype(kind):
            found[name] = column.to_numpy(dtype=np.float64, na_value=np.nan)
        elif types.is_string_dtype(kind):
            found[name] = column.astype(object).where(column.notna(), None)
    return frame.assign(**found) if found else frame


def matrices_of(formula: str, frame: Any) -> Any:
    """The design matrices of a formula over a frame, whatever is missing."""
    try:
        from formulae import design_matrices
        from formulae.environment import Environment
    except ImportError:
        raise ImportError("formulas need formulae: pip install formulae") from None
    matrices = _quietly(
        lambda: design_matrices(formula, frame, na_action="pass", env=Environment([FUNCTIONS])),
        formula,
    )
    if matrices.response is None:
        raise ValueError(f"formula {formula!r} names no response: write it as 'effect ~ latitude'")
    return matrices


def names_in(side: str) -> tuple[str, ...]:
    """The columns that one side of a formula names, functions left out."""
    from formulae import model_description

    described = _quietly(lambda: model_description(f"y_ ~ {side}"), side)
    return tuple(sorted(described.var_names - {"y_", ""}))


def _quietly(make: Callable[[], Any], formula: str) -> Any:
    """Whatever goes wrong within the formula library is about the formula or the columns."""
    try:
        with _silent():
            return make()
    except (KeyError, NameError) as error:
        raise ValueError(f"formula {formula!r}: the data has no column {error}") from None
    except Exception as error:  # its parser's own classes derive from Exception
        raise ValueError(f"formula {formula!r} cannot be read: {error}") from error


def _check_missing(matrices: Any, frame: Any, formula: str) -> None:
    bad = np.isnan(np.asarray(matrices.response).reshape(len(frame), -1)).any(axis=1)
    if matrices.common is not None:
        bad = bad | np.isnan(np.asarray(matrices.common)).any(axis=-1)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise ValueError(
            f"data: row {row} lacks a value that {formula!r} needs: drop it, or fill it in"
        )


def column_of(data: Any, name: str, argument: str) -> Any:
    """A column by its name."""
    name = column_name(argument, name)
    columns = data if isinstance(data, Mapping) else getattr(data, "columns", ())
    if name not in columns:
        raise ValueError(f"{argument} is {name!r}: the data has no such column")
    return data[name].to_numpy() if hasattr(data[name], "to_numpy") else np.asarray(data[name])
