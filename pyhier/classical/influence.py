"""What single estimates do to a classical fit: the numbers behind metafor's plots."""

from typing import Any

import numpy as np

from pyhier._types import Floats
from pyhier.classical.meta_regression import MetaRegression
from pyhier.classical.random_effects import RandomEffects
from pyhier.models.requirements import need_groups


def need_fit(function: str, fit: Any, covariates: bool = False) -> None:
    """Raise unless there is a result of `random_effects`, with covariates only where they may be.

    The error names ``fit``.
    """
    if isinstance(fit, RandomEffects):
        need_groups(function, fit.model)
    elif not isinstance(fit, MetaRegression):
        raise TypeError(
            f"fit is a {type(fit).__name__}: {function} takes a result of ph.random_effects(model)"
        )
    elif not covariates:
        raise ValueError(f"fit has covariates: {function} is of groups about one mean")


def baujat(fit: RandomEffects | MetaRegression) -> tuple[Floats, Floats]:
    """Each group's share of the heterogeneity, and its influence on its fitted value.

    Parameters
    ----------
    fit : RandomEffects or MetaRegression

    Returns
    -------
    contribution : ndarray, shape (groups,)
        Squared Pearson residuals, ``(y_j - fitted_j)^2 / (se_j^2 + tau2)``: terms of Cochran's Q
        where tau^2 is 0.
    influence : ndarray, shape (groups,)
        The squared change of the fitted value when the group is left out (and tau^2 estimated
        anew), over the variance of the fitted value without it; NaN where there is no such fit.

    Notes
    -----
    They are x and y of R's ``metafor::baujat``.

    References
    ----------
    Baujat, Mahe, Pignon and Hill (2002), Statistics in Medicine 21, 2641-2652.

    Examples
    --------
    >>> import pyhier as ph
    >>> fit = ph.reml(ph.NormalNormal([28, 8, -13, 7, -1, 21], se=[5, 10, 6, 11, 9, 4]))
    >>> contribution, influence = baujat(fit)
    >>> contribution.round(2), influence.round(2)
    (array([1.53, 0.  , 1.98, 0.01, 0.35, 0.63]), array([0.43, 0.  , 1.16, 0.  , 0.05, 0.15]))
    """
    need_fit("baujat", fit, covariates=True)
    whole = fit.regression if isinstance(fit, RandomEffects) else fit
    contribution = whole.residuals**2 / (whole.model.var + whole.tau2)
    moved = [_moved(whole, j) for j in range(contribution.size)]
    return contribution, np.array(moved)


def _moved(whole: MetaRegression, j: int) -> float:
    """The squared change of a group's fitted value by its variance, when it is left out."""
    rest, row = whole.without(j), whole.design[j]
    if rest is None:
        return np.nan
    return float((row @ (whole.beta - rest.beta)) ** 2 / (row @ rest.vb @ row))


def radial(fit: RandomEffects) -> tuple[Floats, Floats]:
    """Each group's precision, and its estimate in units of its standard error.

    Parameters
    ----------
    fit : RandomEffects

    Returns
    -------
    precision : ndarray, shape (groups,)
        ``1 / sqrt(se_j^2 + tau2)``.
    z : ndarray, shape (groups,)
        ``y_j / sqrt(se_j^2 + tau2)``: lines from the origin have the effects for slopes.

    Notes
    -----
    They are x and y of R's ``metafor::radial``.

    References
    ----------
    Galbraith (1988), Statistics in Medicine 7, 889-894.

    Examples
    --------
    >>> import pyhier as ph
    >>> fit = ph.random_effects(ph.NormalNormal([28, 8, -3], se=[4, 2, 4]), "FE")
    >>> precision, z = radial(fit)
    >>> precision.tolist(), z.tolist()
    ([0.25, 0.5, 0.25], [7.0, 4.0, -0.75])
    """
    need_fit("radial", fit)
    precision: Floats = 1.0 / np.hypot(fit.model.se, fit.tau)
    return precision, fit.model.y * precision
