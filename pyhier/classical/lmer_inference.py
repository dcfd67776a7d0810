"""Tests and comparisons of mixed models: Satterthwaite's degrees of freedom, likelihood ratios."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from pyhier._types import Floats
from pyhier._validation import check_level, number
from pyhier.classical.lmer_text import comparison_text
from pyhier.classical.mixed_deviance import Cholesky, Criterion, fitted, triangular

if TYPE_CHECKING:
    import pandas as pd

    from pyhier.classical.lmer_estimates import Estimates

NONE = 1e-10  # curvature of the deviance, by the largest, where it says nothing


@dataclass(frozen=True, eq=False)
class Satterthwaite:
    """How the coefficients' covariance depends on variances, and how well these are known.

    Attributes
    ----------
    slope : ndarray, shape (parameters, p, p)
        Derivatives of the covariance by the variance parameters.
    cov : ndarray, shape (parameters, parameters)
        Covariance of the latter, twice the inverse of the deviance's Hessian.
    """

    slope: Floats
    cov: Floats

    def df(self, row: Floats, variance: float) -> float:
        """Degrees of freedom of a combination of coefficients (Kuznetsova et al. 2017)."""
        gradient = self.slope @ row @ row
        spread = float(gradient @ self.cov @ gradient)
        return 2.0 * variance**2 / spread if spread > 0.0 else np.inf


def satterthwaite(
    criterion: Criterion, lower: Floats, sigma: float, correlated: bool
) -> Satterthwaite:
    """At the estimates, by exact derivatives."""
    structure, basis = criterion.structure, criterion.structure.sums.basis
    parameters = Cholesky(triangular(len(lower), correlated), structure.entries)
    u = np.array([lower[tuple(np.argwhere(one)[0])] for one in parameters.basis])
    moments = structure.moments(parameters.t(u))
    fit, log_sigma = fitted(moments), float(np.log(sigma))
    _, gradient, hessian = criterion.explicit(moments, log_sigma)
    m = len(parameters.curvature)
    by_u = parameters.curvature @ u  # dt / du
    slope = np.zeros((m + 1, u.size + 1))
    slope[:m, :-1], slope[m, -1] = by_u, 1.0
    bent = slope.T @ hessian @ slope
    bent[:-1, :-1] += np.tensordot(gradient[:m], parameters.curvature, 1)
    values, vectors = np.linalg.eigh(bent)
    kept = values > NONE * values.max()
    cov = 2.0 * (vectors[:, kept] / values[kept]) @ vectors[:, kept].T
    d_cov = np.tensordot(by_u.T, fit.d_cov, 1)
    whole = sigma**2 * np.concatenate([d_cov, 2.0 * fit.cov[np.newaxis]])
    return Satterthwaite(basis @ whole @ basis.T, cov)


def combinations(contrasts: Any, names: tuple[str, ...]) -> tuple[tuple[str, ...], Floats]:
    """Names and rows of combinations of coefficients; the coefficients themselves without them."""
    if contrasts is None:
        return names, np.eye(len(names))
    if not isinstance(contrasts, Mapping) or not contrasts:
        raise TypeError(
            f"contrasts is {contrasts!r}: give a mapping such as {{'sum': {{'a': 1, 'b': 1}}}}"
        )
    table = np.zeros((len(contrasts), len(names)))
    for k, (label, weights) in enumerate(contrasts.items()):
        if not isinstance(weights, Mapping):
            raise TypeError(f"contrasts[{label!r}] is {weights!r}: give coefficients' weights")
        for name, weight in weights.items():
            if name not in names:
                raise ValueError(
                    f"contrasts[{label!r}] names {name!r}: the coefficients are {', '.join(names)}"
                )
            table[k, names.index(name)] = number(f"contrasts[{label!r}][{name!r}]", weight)
    return tuple(map(str, contrasts)), table


def tests(
    known: Satterthwaite, beta: Floats, vcov: Floats, names: tuple[str, ...], table: Floats
) -> "pd.DataFrame":
    """T tests of combinations of coefficients."""
    import pandas as pd
    from scipy.special import stdtr

    estimate, variance = table @ beta, np.einsum("ij,jk,ik->i", table, vcov, table)
    df = np.array([known.df(row, v) for row, v in zip(table, variance, strict=True)])
    t = estimate / np.sqrt(variance)
    columns = {
        "estimate": estimate, "se": np.sqrt(variance), "df": df, "t": t,
        "p": 2.0 * stdtr(df, -np.abs(t)),
    }  # fmt: skip
    return pd.DataFrame(columns, index=pd.Index(names, name="coefficient"))


def wald_intervals(fixef: "pd.Series[float]", se: Floats, level: float) -> "pd.DataFrame":
    """Estimates and so many standard errors about them."""
    import pandas as pd
    from scipy.special import ndtri

    half = float(ndtri(0.5 + 0.5 * check_level(level))) * se
    return pd.DataFrame({"lower": fixef - half, "upper": fixef + half})


@dataclass(frozen=True, eq=False)
class Comparison:
    """Models of the same rows beside one another; ``print`` shows R's table.

    Attributes
    ----------
    formulas : tuple of str
    table : DataFrame
        A row a model: ``npar``, ``AIC``, ``BIC``, ``logLik``, ``deviance``, and of likelihood
        ratios with the model before ``Chisq``, ``Df`` and ``p``.
    refitted : bool
        Whether any was fitted anew by maximum likelihood.
    """

    formulas: tuple[str, ...]
    table: "pd.DataFrame"
    refitted: bool

    def __str__(self) -> str:
        return comparison_text(self.formulas, self.table, self.refitted)


def comparison(fits: "Sequence[Estimates]", refitted: bool) -> Comparison:
    """Likelihood ratios of models in the order of their parameters."""
    import pandas as pd
    from scipy.special import chdtrc

    first = fits[0].design
    for k, fit in enumerate(fits[1:]):
        same = fit.nobs == first.y.size and np.array_equal(fit.design.kept, first.kept)
        if not same or not np.array_equal(fit.design.y, first.y):
            raise ValueError(
                f"others[{k}] was fitted to {fit.nobs} rows and this to {first.y.size}, or not to "
                "the same response: models of the same rows can be compared"
            )
    ordered = sorted(fits, key=lambda fit: fit.df)
    gain = np.array([a.deviance - b.deviance for a, b in pairwise(ordered)])
    more = np.diff([fit.df for fit in ordered]).astype(np.float64)
    p = np.where(more > 0.0, chdtrc(np.maximum(more, 1.0), np.maximum(gain, 0.0)), np.nan)
    table = pd.DataFrame(
        {
            "npar": [fit.df for fit in ordered],
            "AIC": [fit.AIC for fit in ordered],
            "BIC": [fit.BIC for fit in ordered],
            "logLik": [fit.logLik for fit in ordered],
            "deviance": [fit.deviance for fit in ordered],
            "Chisq": [np.nan, *gain],
            "Df": [np.nan, *more],
            "p": [np.nan, *p],
        },
        index=pd.Index([fit.design.formula for fit in ordered], name="model"),
    )
    return Comparison(tuple(fit.design.formula for fit in ordered), table, refitted)
