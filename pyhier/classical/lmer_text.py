"""What R prints for mixed models."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pyhier._types import Floats
from pyhier.rstats.format import cells_text, format_numbers

if TYPE_CHECKING:
    import pandas as pd

    from pyhier.classical.lmer_estimates import Estimates

DIGITS = 4
SINGULAR = (
    "The fit is singular: a variance is 0, or a combination of coefficients does not vary by group."
)


def summary(fit: "Estimates", tests: "pd.DataFrame") -> str:
    """As ``summary`` of a model of lmerTest's prints it."""
    design = fit.design
    kind = "REML" if fit.REML else "maximum likelihood"
    lines = [
        f"Linear mixed model fit by {kind}. t-tests use Satterthwaite's method",
        f"Formula: {design.formula}",
        "",
        *_criteria(fit),
        "",
        "Scaled residuals:",
        _residuals(fit),
        "",
        "Random effects:",
        _variances(fit),
        f"Number of obs: {fit.nobs}, groups: {_groups(fit)}",
        *([f"{design.dropped} rows with missing values dropped"] if design.dropped else []),
        "",
        "Fixed effects:",
        _coefficients(tests),
    ]
    if len(design.x_names) > 1:
        lines += ["", "Correlation of fixed effects:", _correlations(fit)]
    if fit.singular:
        lines += ["", SINGULAR]
    return "\n".join(lines)


def _criteria(fit: "Estimates") -> list[str]:
    if fit.REML:
        return [f"REML criterion at the minimum: {fit.deviance:.1f}"]
    values = [fit.AIC, fit.BIC, fit.logLik, fit.deviance, float(fit.df_residual)]
    heads = ["AIC", "BIC", "logLik", "deviance", "df.resid"]
    cells = [[f"{v:.1f}"] for v in values[:-1]] + [[f"{fit.df_residual}"]]
    return [cells_text(cells, [""], heads)]


def _residuals(fit: "Estimates") -> str:
    weight = 1.0 if fit.design.weights is None else np.sqrt(fit.design.weights)
    scaled = fit.residuals * weight / fit.sigma
    five = np.quantile(scaled, [0.0, 0.25, 0.5, 0.75, 1.0])
    cells = [[cell] for cell in format_numbers(np.round(five, 4), DIGITS)]
    return cells_text(cells, [""], ["Min", "1Q", "Median", "3Q", "Max"]).replace("\n ", "\n", 1)


def _groups(fit: "Estimates") -> str:
    names = {name: None for name, _ in fit.terms}
    sizes = [len(labels) for labels in fit.design.labels]
    ordered = sizes[::-1] if fit.nested else sizes
    return "; ".join(f"{name}, {size}" for name, size in zip(names, ordered, strict=True))


def _variances(fit: "Estimates") -> str:
    from pyhier.classical.lmer_estimates import spread

    sds, rho = spread(fit.sigma * fit.theta)
    order = [1, 0] if fit.nested else list(range(len(sds)))
    values = np.append(sds[order], fit.sigma)
    groups = [group for group, _ in fit.terms]
    groups = [g if k == 0 or g != groups[k - 1] else "" for k, g in enumerate(groups)]
    names = [name for _, name in fit.terms]
    cells = [
        [*groups, "Residual"],
        [*names, ""],
        format_numbers(values**2, DIGITS),
        format_numbers(values, DIGITS),
    ]
    heads = ["Groups", "Name", "Variance", "Std.Dev."]
    if fit.design.correlated and len(sds) > 1 and not fit.nested:
        for j in range(len(sds) - 1):
            own = ["" if i <= j else f"{rho[i, j]:.2f}" for i in range(len(sds))]
            cells.append([*own, ""])
            heads.append("Corr" if j == 0 else "")
    for column in (0, 1):
        width = max(map(len, [*cells[column], heads[column]]))
        cells[column] = [cell.ljust(width) for cell in cells[column]]
        heads[column] = heads[column].ljust(width)
    return _rows(cells, [""] * len(cells[0]), heads)


def _coefficients(table: "pd.DataFrame") -> str:
    both = table[["estimate", "se"]].to_numpy()
    size = np.floor(np.log10(np.abs(both[both != 0.0]))) + 1.0
    decimals = int(max(1, DIGITS - size.min(), DIGITS - size.max()))
    together = format_numbers(np.round(both, decimals), DIGITS)
    columns = [
        together[0::2],
        together[1::2],
        [f"{df:.2f}" for df in table["df"]],
        format_numbers(np.round(table["t"].to_numpy(), 3), DIGITS),
        [_p(p) for p in table["p"]],
    ]
    heads = ["Estimate", "Std. Error", "df", "t value", "Pr(>|t|)"]
    return _rows(columns, [str(name) for name in table.index], heads)


def _p(p: float) -> str:
    return "<2e-16" if p < 2e-16 else f"{p:.3g}"


def _correlations(fit: "Estimates") -> str:
    sd = np.sqrt(np.diag(fit.vcov))
    rho: Floats = fit.vcov / np.outer(sd, sd)
    names = fit.design.x_names
    cells = [
        [f"{rho[i, j]:.3f}" if i > j else "" for i in range(1, len(names))]
        for j in range(len(names) - 1)
    ]
    return _rows(cells, list(names[1:]), [name[:6] for name in names[:-1]])


def _rows(cells: list[list[str]], names: list[str], heads: list[str]) -> str:
    """A table without blanks at the ends of lines."""
    text = cells_text(cells, names, heads, 10_000)
    return "\n".join(line.rstrip() for line in text.split("\n"))


def comparison_text(formulas: Sequence[str], table: "pd.DataFrame", refitted: bool) -> str:
    """As ``anova`` of several models prints them."""
    lines = ["Refitted by maximum likelihood (instead of REML)"] if refitted else []
    lines += ["Models:", *(f"{k + 1}: {text}" for k, text in enumerate(formulas))]
    cells = [[f"{n}" for n in table["npar"]]]
    for name in ("AIC", "BIC", "logLik", "deviance"):
        cells.append(format_numbers(np.round(table[name].to_numpy(), 2), 7))
    cells.append(["" if np.isnan(v) else f"{v:.4f}" for v in table["Chisq"]])
    cells.append(["" if np.isnan(v) else f"{v:.0f}" for v in table["Df"]])
    cells.append(["" if np.isnan(v) else _p(v) for v in table["p"]])
    heads = ["npar", "AIC", "BIC", "logLik", "deviance", "Chisq", "Df", "Pr(>Chisq)"]
    names = [f"{k + 1}" for k in range(len(table))]
    return "\n".join([*lines, _rows(cells, names, heads)])
