"""The settings of `codamenu`, as in R: they change nothing outside of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pyhier._validation import (
    as_array,
    check_level,
    checked,
    count,
    flag,
    function,
    probability_list,
)
from pyhier.coda.plots import bandwidth
from pyhier.rstats.format import format_number

DEFAULTS: Mapping[str, Any] = {
    "trace": True,
    "densplot": True,
    "lowess": False,
    "combine_plots": True,
    "bandwidth": bandwidth,
    "digits": 3,
    "quantiles": (0.025, 0.25, 0.5, 0.75, 0.975),
    "frac1": 0.1,
    "frac2": 0.5,
    "q": 0.025,
    "r": 0.005,
    "s": 0.95,
    "combine_stats": False,
    "combine_corr": False,
    "halfwidth": 0.1,
    "user_layout": False,
    "gr_bin": 10,
    "geweke_nbin": 20,
    "gr_max": 50,
}
_FRACTIONS = ("frac1", "frac2", "q", "r", "s", "halfwidth")
_options: dict[str, Any] = dict(DEFAULTS)


@checked(default=flag)
def coda_options(*names: str | Mapping[str, Any], default: bool = False, **values: Any) -> Any:
    """Ask for or set options of `codamenu`.

    Parameters
    ----------
    *names : str or mapping
        Options to ask for, in R's spelling or ours (``"combine.plots"``, ``"combine_plots"``), or
        a mapping of options to set, such as an earlier call returned.
    default : bool
        Whether to set all options to their defaults.
    **values
        Options to set.

    Returns
    -------
    object or dict
        The value of one option asked for; otherwise a dict of options, as they were before.

    Raises
    ------
    KeyError
        If there is no such option.
    ValueError
        If a value does not fit.

    Examples
    --------
    >>> from pyhier import coda
    >>> coda.coda_options("digits")
    3
    >>> old = coda.coda_options(digits=5)
    >>> coda.coda_options("digits"), coda.coda_options(old)
    (5, {'digits': 5})
    """
    if default:
        old = dict(_options)
        _options.update(DEFAULTS)
        return old
    asked = [_known(name) for name in names if isinstance(name, str)]
    new = {
        _known(name): value
        for source in (*(item for item in names if isinstance(item, Mapping)), values)
        for name, value in source.items()
    }
    for name, value in new.items():
        _check(name, value)
    if not asked and not new:
        return dict(_options)
    old = {name: _options[name] for name in (*asked, *new)}
    _options.update(new)
    return old[asked[0]] if len(asked) == 1 and not new else old


def _known(name: str) -> str:
    found = name.replace(".", "_")
    if found not in DEFAULTS:
        raise KeyError(f"there is no option {name!r}: there are {', '.join(DEFAULTS)}")
    return found


def _check(name: str, value: Any) -> None:
    if name in _FRACTIONS:
        check_level(value, name)
    elif name == "quantiles":
        probability_list(name, np.atleast_1d(as_array(name, value)))
    elif name == "bandwidth":
        function(name, value, "an array of draws")
    elif isinstance(DEFAULTS[name], bool):
        flag(name, value)
    else:
        count(name, value)


@checked(stats=flag, plots=flag, diags=flag)
def display_coda_options(stats: bool = False, plots: bool = False, diags: bool = False) -> None:
    """Print options of `codamenu` by section.

    Parameters
    ----------
    stats, plots, diags : bool
        Which sections to print.

    Examples
    --------
    >>> from pyhier import coda
    >>> coda.display_coda_options(stats=True)
    <BLANKLINE>
    Current option settings:
    =======================
    <BLANKLINE>
    SUMMARY STATISTICS OPTIONS
    ==========================
    <BLANKLINE>
    Combine chains     : FALSE
    Quantiles          : 2.5%, 25%, 50%, 75%, 97.5%
    Significant digits : 3
    <BLANKLINE>
    """
    print("\nCurrent option settings:\n=======================\n")
    for wanted, section in ((stats, _statistics), (plots, _plots), (diags, _diagnostics)):
        if wanted:
            print(section())


def _shown(name: str) -> str:
    value = _options[name]
    if isinstance(value, bool | np.bool_):
        return str(value).upper()
    return format_number(value)


def _section(title: str, rows: Mapping[str, str]) -> str:
    width = max(map(len, rows))
    lines = "".join(f"{label.ljust(width)} : {text}\n" for label, text in rows.items())
    return f"{title}\n{lines}"


def _statistics() -> str:
    percents = (f"{format_number(100.0 * p)}%" for p in np.atleast_1d(_options["quantiles"]))
    rows = {
        "Combine chains": _shown("combine_stats"),
        "Quantiles": ", ".join(percents),
        "Significant digits": _shown("digits"),
    }
    return _section("SUMMARY STATISTICS OPTIONS\n==========================\n", rows)


def _plots() -> str:
    rule: Callable[..., Any] = _options["bandwidth"]
    rows = {
        "Trace": _shown("trace"),
        "Density": _shown("densplot"),
        "Smooth lines": _shown("lowess"),
        "Combine chains": _shown("combine_plots"),
        "User-defined layout": _shown("user_layout"),
    }
    name = getattr(rule, "__name__", repr(rule))
    return (
        _section("PLOTTING OPTIONS\n================\n", rows) + f"Bandwidth function  : {name}\n"
    )


def _diagnostics() -> str:
    width = len("Max number of bins")
    sections = {
        "Geweke": {
            "Window 1 fraction": "frac1",
            "Window 2 fraction": "frac2",
            "Number of bins": "geweke_nbin",
        },
        "Gelman & Rubin": {"Bin width": "gr_bin", "Max number of bins": "gr_max"},
        "Raftery & Lewis": {"Quantile (q)": "q", "Precision (+/- r)": "r", "Probability (s)": "s"},
        "Cross-correlations": {"Combine chains": "combine_corr"},
    }
    parts = [
        _section(
            f"{title}\n{'-' * len(title)}",
            {label.ljust(width): _shown(name) for label, name in rows.items()},
        )
        for title, rows in sections.items()
    ]
    return "DIAGNOSTICS OPTIONS\n===================\n\n" + "\n".join(parts)
