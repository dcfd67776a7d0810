"""Axes that are labelled with what a transform makes of their numbers: ratios, probabilities."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from pyhier._types import Floats

MOST_TICKS = 7
APART = 28.0  # points between two ticks
MINUS = "\N{MINUS SIGN}"
SHARES = np.array([1e-6, 1e-5, 1e-4, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35])


@dataclass(frozen=True)
class Scale:
    """A transform of the numbers that are drawn into those that are read.

    Attributes
    ----------
    name : str
    forth, back : callable
        From what is drawn to what is read, and its inverse.
    bounds : tuple of float
        What is read lies between.
    candidates : ndarray
        Round numbers that ticks may stand at, where what is read covers enough of them.
    """

    name: str
    forth: Callable[[Floats], Floats]
    back: Callable[[Floats], Floats]
    bounds: tuple[float, float]
    candidates: Floats

    def read(self, drawn: Floats) -> Floats:
        """What is read; an error where it is beyond every double."""
        with np.errstate(over="ignore"):
            values: Floats = self.forth(np.asarray(drawn, dtype=np.float64))
        if np.isinf(values[np.isfinite(drawn)]).any():
            raise ValueError(
                f"transform is {self.name!r}: an interval ends at {np.nanmax(np.abs(drawn)):.3g}, "
                "whose transform is no double; leave it out"
            )
        return values

    def drawn(self, name: str, read: Floats) -> Floats:
        """The inverse; an error that names the argument where there is none."""
        low, high = self.bounds
        if not ((read > low) & (read < high)).all():
            raise ValueError(
                f"{name} is {tuple(read.tolist())}: with transform={self.name!r} it must lie "
                f"between {low:g} and {high:g}"
            )
        inverse: Floats = self.back(read)
        return inverse

    def ticks(self, low: float, high: float, apart: float) -> Floats:
        """Round numbers between two ends that are drawn, that share of the axis apart."""
        ends = self.forth(np.array([low, high]))
        found = self.candidates[(self.candidates >= ends[0]) & (self.candidates <= ends[1])]
        if found.size < 3:
            found = MaxNLocator(MOST_TICKS - 1, steps=[1, 2, 5, 10]).tick_values(*ends)
            least, most = max(ends[0], self.bounds[0]), min(ends[1], self.bounds[1])
            found = found[(found >= least) & (found <= most)]
            found = found[(found > self.bounds[0]) & (found < self.bounds[1])]
        places = self.back(found)
        kept: Floats = found[
            _spaced((places - low) / (high - low), apart, int(abs(places).argmin()))
        ]
        return kept


def _spaced(places: Floats, apart: float, first: int) -> list[int]:
    """Which of ascending places to keep so that neighbours are apart, out from the first one."""
    kept = [first]
    for side in (range(first + 1, places.size), range(first - 1, -1, -1)):
        last = first
        for k in side:
            if abs(places[k] - places[last]) >= apart:
                kept.append(k)
                last = k
    return sorted(kept)


def _expit(x: Floats) -> Floats:
    from scipy.special import expit

    return np.asarray(expit(x))


def _logit(p: Floats) -> Floats:
    from scipy.special import logit

    return np.asarray(logit(p))


IDENTITY = Scale("identity", np.asarray, np.asarray, (-np.inf, np.inf), np.empty(0))
_EXP = Scale(
    "exp", np.exp, np.log, (0.0, np.inf),
    np.concatenate([10.0**k * np.array([1.0, 2.0, 5.0]) for k in range(-9, 10)]),
)  # fmt: skip
_EXPIT = Scale(
    "expit", _expit, _logit, (0.0, 1.0), np.concatenate([SHARES, [0.5], 1.0 - SHARES[::-1]])
)
_TANH = Scale("tanh", np.tanh, np.arctanh, (-1.0, 1.0), np.empty(0))
SCALES = {"exp": _EXP, "log": _EXP, "expit": _EXPIT, "logit": _EXPIT, "tanh": _TANH}


def scale_of(transform: object) -> Scale:
    """A scale by the transform's name; an error names those that there are."""
    if transform is None:
        return IDENTITY
    if not isinstance(transform, str) or transform not in SCALES:
        raise ValueError(
            f"transform is {transform!r}: it must be 'exp' (of logs), 'expit' (of logits) or "
            "'tanh' (of Fisher's z)"
        )
    return SCALES[transform]


def label_axis(ax: Axes, scale: Scale, points: float) -> None:
    """Ticks at round numbers of what is read, on an axis so many points wide with its limits."""
    if scale is IDENTITY:
        most = int(np.clip(points / (1.3 * APART), 2, MOST_TICKS - 1))
        ax.xaxis.set_major_locator(MaxNLocator(most, steps=[1, 2, 2.5, 5, 10]))
        return
    read = scale.ticks(*ax.get_xlim(), APART / points)
    ax.set_xticks(scale.back(read), [f"{value:.6g}".replace("-", MINUS) for value in read])


def decimals_for(widths: Floats, digits: int | None) -> int | None:
    """Decimals of what is written beside intervals so wide; None for powers of ten."""
    if digits is not None:
        return digits
    known = widths[np.isfinite(widths) & (widths > 0.0)]
    typical = float(np.median(known)) if known.size else 1.0
    if not 1e-5 < typical < 1e6:
        return None
    return max(2, 1 - int(np.floor(np.log10(typical))))


def written(value: float, decimals: int | None) -> str:
    """A number as it is printed: a true minus sign, no negative zero, a dash where there is none.

    Examples
    --------
    >>> written(-0.001, 2), written(12.345, 1), written(float("nan"), 2)
    ('0.00', '12.3', '–')
    """
    if np.isnan(value):
        return "\N{EN DASH}"
    if np.isinf(value):
        text = "\N{INFINITY}" if value > 0.0 else "-\N{INFINITY}"
    else:
        text = f"{value:.3g}" if decimals is None else f"{value:.{decimals}f}"
        if float(text) == 0.0:
            text = text.removeprefix("-")
    return text.replace("-", MINUS)
