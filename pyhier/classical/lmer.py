"""Mixed models from raw rows by REML or maximum likelihood: lme4's ``lmer``."""

from typing import Any

import numpy as np

from pyhier._validation import flag
from pyhier.classical.lmer_result import Lmer
from pyhier.classical.mixed_moments import Nested, Structure, Varying
from pyhier.models.covariates import dependent
from pyhier.models.nesting import Nesting
from pyhier.models.row_design import RowDesign, row_design
from pyhier.models.row_sums import nested_sums, row_sums

EXACT = 1e-24  # squares left over, by those of the response, that are rounding


def lmer(
    formula: str,
    data: Any,
    REML: bool = True,  # noqa: N803 - lme4's name
    weights: Any = None,
    offset: Any = None,
    missing: str = "raise",
) -> Lmer:
    """Fit a linear mixed model as lme4's ``lmer`` does.

    The deviance is searched from a grid over all covariances, with exact derivatives, and its
    minimum certified by them; singular covariances are found as such, and said.

    Parameters
    ----------
    formula : str
        In lme4's language, ``"y ~ x + (x | group)"``: `pyhier.models.row_design.row_design` says
        what there is. One grouping factor with up to three varying coefficients, or varying
        intercepts of two nested ones, ``(1 | outer/inner)``.
    data : DataFrame or mapping of columns
        A row an observation.
    REML : bool
        Restricted maximum likelihood, or maximum likelihood.
    weights, offset : str or array_like, shape (rows,), optional
        A column or its values. The residual variance of a row is sigma^2 over its weight.
    missing : {"raise", "drop"}
        What to do with rows that lack a value.

    Returns
    -------
    Lmer

    Raises
    ------
    ValueError, TypeError
        If the formula or the data cannot be used, or the data tell nothing of a parameter.

    References
    ----------
    Bates, Mächler, Bolker and Walker (2015), Journal of Statistical Software 67(1).

    Examples
    --------
    >>> rows = {"g": list("aaabbbcccddd"), "x": [0, 1, 2] * 4,
    ...         "y": [1, 2, 4, 0, 2, 2, 3, 5, 6.5, 2, 1, 3]}
    >>> fit = lmer("y ~ x + (1 | g)", rows)
    >>> fit.fixef.round(3).to_dict()
    {'Intercept': 1.438, 'x': 1.188}
    >>> round(fit.sigma, 3), round(fit.deviance, 3)
    (0.776, 35.245)
    """
    reml = flag("REML", REML)
    design = row_design(formula, data, weights=weights, offset=offset, missing=missing)
    _check(design)
    return Lmer.of(design, _structure(design), reml)


def _check(design: RowDesign) -> None:
    """Raise where a model cannot be told from its rows."""
    for level, labels in zip(design.levels, design.labels, strict=True):
        if len(labels) < 2:
            raise ValueError(
                f"data has one group of {level}, {labels[0]!r}: a variance between groups takes two"
            )
    if not design.x_names:
        raise ValueError(
            f"formula {design.formula!r} has no common coefficient: leave its 0 out, or add a "
            "column"
        )
    for what, names, table in (
        ("common", design.x_names, design.x),
        ("varying", design.z_names, design.z),
    ):
        found = dependent(table, names)
        if found is not None:
            name, others = found
            why = f"made up of {', '.join(others)}" if others else "0 in all rows"
            raise ValueError(
                f"formula {design.formula!r}: the {what} column {name!r} is {why}: leave it out"
            )


def _structure(design: RowDesign) -> Structure:
    code = np.ascontiguousarray(design.codes[-1], dtype=np.int64)
    y = np.ascontiguousarray(design.y - design.offset)
    sums = row_sums(y, design.x, design.z, code, len(design.labels[-1]), design.weights)
    left, scale = float(sums.within[0, -2]), design.y - design.offset
    weight = 1.0 if design.weights is None else design.weights
    if not left > EXACT * float((weight * scale**2).sum()):
        raise ValueError(
            f"formula {design.formula!r}: the groups' own coefficients fit the response exactly, "
            f"and nothing of {y.size} rows is left to estimate the residual variance from; leave a "
            "varying coefficient out, or take the groups larger"
        )
    if len(design.levels) == 1:
        return Varying.of(sums, design.correlated)
    parent = np.empty(len(design.labels[1]), dtype=np.intp)
    parent[design.codes[1]] = design.codes[0]
    return Nested.of(nested_sums(sums, Nesting(design.levels, design.labels, (parent,))))
