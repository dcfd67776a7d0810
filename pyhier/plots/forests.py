"""Forests: the groups' estimates with intervals, beside pooled ones or in a table to publish."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from pyhier._validation import check_level, flag
from pyhier.classical.coefficients import half_width
from pyhier.classical.meta_regression import MetaRegression
from pyhier.classical.random_effects import RandomEffects
from pyhier.plots.forest_options import Options
from pyhier.plots.forest_rows import blocks_of, ordered, source_of, total_of
from pyhier.plots.forest_table import draw_table
from pyhier.plots.style import (
    POOLED,
    RAW,
    centre_line,
    effects,
    groups_of,
    intervals,
    legend_above,
    name_rows,
    new_axes,
    plain,
    rows_height,
    rows_width,
)
from pyhier.posterior.base import Posterior

Result = Posterior | RandomEffects | MetaRegression


def forest(
    posterior: Result,
    ax: Axes | None = None,
    level: float = 0.95,
    effect: str | None = None,
    *,
    table: bool | None = None,
    show: str | None = None,
    order: str | Sequence[str] | None = None,
    by: Any = None,
    pooled: bool | Result | None = None,
    subtotals: bool | Mapping[str, Result] | None = None,
    prediction: bool | None = None,
    columns: Mapping[str, Any] | None = None,
    headers: tuple[str, str] | None = None,
    transform: str | None = None,
    xlim: tuple[float, float] | None = None,
    digits: int | None = None,
) -> Axes:
    """A row a group, with intervals: raw estimates beside pooled ones, or a table to publish.

    A posterior alone gives both estimates of each group in one row. With any argument after
    ``effect``, and of a classical result, the picture is the one of meta-analyses (metafor's
    ``forest``): labels and numbers as text, squares by weight, diamonds of what is pooled.

    Parameters
    ----------
    posterior : Posterior, RandomEffects or MetaRegression
        With its group effects; or a result of `random_effects`.
    ax : Axes, optional
        Where to draw; a new figure grows with rows and columns.
    level : float
        Of all intervals: the raw one is estimate and standard error under a normal distribution,
        the pooled one the central posterior interval.
    effect : str, optional
        Which one of those of a group, where it has several: a varying coefficient or an outcome,
        the first without it.
    table : bool, optional
        Whether to draw the table; only where another argument asks for it without this.
    show : {"raw", "pooled", "both"}
        What the table's rows are: the groups' own estimates, their effects among the others
        (posterior medians), or the former with the latter below.
    order : {"estimate", "precision", "label"} or sequence of str
        Of the rows: ascending estimates, the most precise first, the alphabet, or all labels;
        without it that of the data.
    by : sequence, optional
        The block that each group is in; blocks come in order of first appearance.
    pooled : bool, Posterior or RandomEffects
        The diamond below: of the posterior's mean of the groups (its median; with covariates there
        is none) or of the classical result, of another result, or none.
    subtotals : bool or mapping
        The diamonds of blocks, by name. Those of a result of `random_effects` are its method's,
        fitted to each block of two and more groups; of a posterior there are those that are given.
    prediction : bool
        Whether to show the interval of a new group's effect; True without it.
    columns : mapping, optional
        More columns of text, with an entry for each group, by their heads.
    headers : tuple of str, optional
        Heads of the labels and of the estimates.
    transform : {"exp", "expit", "tanh"}, optional
        What is read off the axis and in the text: ratios for logs of them, probabilities for
        logits ("log" and "logit" name the same scales), correlations for Fisher's z.
    xlim : tuple of float, optional
        Ends of the axis in the units that are read; arrows end the intervals that go beyond.
    digits : int, optional
        Decimals of the text.

    Returns
    -------
    Axes
        `save` writes PDF and SVG files in which text is text.

    Examples
    --------
    >>> import pyhier as ph
    >>> from pyhier import plots
    >>> seasons = ph.load_dataset("free_throws")
    >>> model = ph.BetaBinomial(seasons["made"], seasons["attempts"], labels=seasons["season"])
    >>> ax = plots.forest(ph.exact(model))
    >>> [tick.get_text() for tick in ax.get_yticklabels()][:2]
    ['2012-2013', '2013-2014']

    The pooled odds ratio of trials of a vaccine, as it is published:

    >>> import numpy as np
    >>> bcg = ph.load_dataset("bcg")
    >>> cells = [bcg["vaccinated_cases"], bcg["vaccinated"] - bcg["vaccinated_cases"],
    ...          bcg["control_cases"], bcg["control"] - bcg["control_cases"]]
    >>> a, b, c, d = (np.asarray(cell, dtype=float) for cell in cells)
    >>> model = ph.NormalNormal(
    ...     np.log(a * d / (b * c)), var=1 / a + 1 / b + 1 / c + 1 / d, labels=bcg["trial"])
    >>> ax = plots.forest(ph.random_effects(model), transform="exp", by=bcg["allocation"],
    ...                   headers=("Trial", "Odds ratio"))
    >>> [text.get_text() for text in ax.texts if text.get_text().startswith("Random effects")][-1]
    'Random effects (REML)'
    >>> ax.get_xlabel()
    'Odds ratio'
    """
    options = {
        "show": show, "order": order, "by": by, "pooled": pooled, "subtotals": subtotals,
        "prediction": prediction, "columns": columns, "headers": headers, "transform": transform,
        "xlim": xlim, "digits": digits,
    }  # fmt: skip
    asked = [name for name, value in options.items() if value is not None]
    source = source_of(posterior, level, effect)
    as_table = bool(asked) or not isinstance(posterior, Posterior)
    if table is not None and not flag("table", table):
        if as_table:
            why = f"{asked[0]} is an argument of it" if asked else "a classical result is drawn so"
            raise ValueError(f"table is False: {why}; leave table out")
    elif isinstance(posterior, Posterior) and not (as_table or table):
        return _side_by_side(posterior, ax, level, effect)
    settings = Options.checked(source, level, show, prediction, columns, headers, transform, xlim,
                               digits)  # fmt: skip
    blocks = blocks_of(source, posterior, by, ordered(source, order), subtotals, level)
    return draw_table(source, blocks, total_of(source, pooled, level), settings, ax)


def _side_by_side(posterior: Posterior, ax: Axes | None, level: float, effect: str | None) -> Axes:
    """Raw and pooled estimates of each group in one row."""
    groups = groups_of(posterior, effect)
    rows = np.arange(len(groups.labels), dtype=np.float64)
    ax = new_axes(ax, rows_width(groups.labels), rows_height(rows.size))
    own, se = (both[groups.at] for both in posterior.model.estimates())
    mean = effects(posterior, groups)
    low, high = intervals(posterior, level, groups)
    size = 4.5 if rows.size <= 30 else 3.0
    style: dict[str, Any] = {"linestyle": "none", "markersize": size, "elinewidth": size / 3.2}
    half = half_width("z", 1, check_level(level)) * se
    ax.errorbar(own, rows - 0.14, xerr=half, fmt="s", color=RAW, label="raw", **style)
    ax.errorbar(
        mean, rows + 0.14, xerr=(mean - low, high - mean), fmt="o", color=POOLED, label="pooled",
        **style,
    )  # fmt: skip
    centre_line(ax.axvline, posterior, groups)
    name_rows(ax, [plain(label) for label in groups.labels])
    ax.set_xlabel(f"{groups.word}, with {100 * level:g}% intervals")
    legend_above(ax)
    return ax
