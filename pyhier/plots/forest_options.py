"""How a forest's table is drawn: its options, each checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyhier._validation import count, flag, vector
from pyhier.plots.forest_rows import Source, each_listed, listed
from pyhier.plots.scales import IDENTITY, Scale, scale_of

SHOWN = ("raw", "pooled", "both")
MOST_DIGITS = 15  # of a double


@dataclass(frozen=True)
class Options:
    """How a table is drawn: see `forest`."""

    level: float
    show: str
    prediction: bool
    columns: Mapping[str, Sequence[str]]
    headers: tuple[str, str]
    scale: Scale
    ends: tuple[float, float] | None
    digits: int | None

    @classmethod
    def checked(
        cls, source: Source, level: float, show: object, prediction: object, columns: object,
        headers: object, transform: object, xlim: object, digits: object,
    ) -> "Options":  # fmt: skip
        """Options as they were given, each checked."""
        if show is not None and not (isinstance(show, str) and show in SHOWN):
            raise ValueError(f"show is {show!r}: it must be 'raw', 'pooled' or 'both'")
        scale = scale_of(transform)
        if scale is not IDENTITY and source.rates:
            raise ValueError(f"transform is {transform!r}: the effects are {source.rates} already")
        return cls(
            level, "raw" if show is None else str(show),
            prediction is None or flag("prediction", prediction),
            _columns(columns, source.labels), _headers(headers, source.word), scale,
            None if xlim is None else _ends(xlim, scale),
            None if digits is None else _digits(digits),
        )  # fmt: skip


def _columns(columns: object, labels: Sequence[str]) -> dict[str, list[str]]:
    if columns is None:
        return {}
    if not isinstance(columns, Mapping) and not hasattr(columns, "items"):
        raise TypeError(f"columns is {columns!r}: give a mapping of heads to columns")
    return {
        str(head): each_listed(f"columns[{head!r}]", column, labels)
        for head, column in columns.items()
    }


def _headers(headers: object, word: str) -> tuple[str, str]:
    if headers is None:
        return "Group", word[:1].upper() + word[1:]
    found = listed("headers", headers)
    if len(found) != 2:
        raise ValueError(f"headers is {headers!r}: give two, of labels and of estimates")
    return found[0], found[1]


def _ends(xlim: Any, scale: Scale) -> tuple[float, float]:
    ends = vector("xlim", xlim)
    if ends.size != 2 or not np.isfinite(ends).all() or not ends[0] < ends[1]:
        raise ValueError(f"xlim is {xlim!r}: give the lower and the upper end of the axis")
    low, high = scale.drawn("xlim", ends)
    return float(low), float(high)


def _digits(digits: Any) -> int:
    if (found := count("digits", digits, 0)) > MOST_DIGITS:
        raise ValueError(f"digits is {digits!r}: a double has {MOST_DIGITS}")
    return found
