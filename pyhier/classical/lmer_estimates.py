"""A fitted mixed model, and what follows from its variances."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from pyhier._frozen import Frozen
from pyhier._types import Floats
from pyhier._validation import flag
from pyhier.classical.mixed_deviance import Criterion, fitted
from pyhier.classical.mixed_effects import Effects, effects
from pyhier.classical.mixed_moments import Structure
from pyhier.classical.mixed_search import Optimum, search
from pyhier.models.covariates import INTERCEPT
from pyhier.models.row_design import RowDesign

if TYPE_CHECKING:
    import pandas as pd

POPULATION = "~0"  # lme4's re.form without varying coefficients


@dataclass(frozen=True, eq=False)
class Estimates(Frozen):
    """What follows from the estimated variances of a mixed model.

    Attributes
    ----------
    design : RowDesign
        The rows, and how new ones are coded.
    REML : bool
        Whether variances are REML's estimates.
    beta : ndarray, shape (p,)
        Common coefficients, by `fixef` with their names.
    vcov : ndarray, shape (p, p)
        Their covariance.
    theta : ndarray, shape (q, q)
        Cholesky factor of the varying coefficients' covariance over the residual variance; for
        nested levels the diagonal matrix of sds over the residual sd, the outer level first.
    sigma : float
        The residual standard deviation.
    deviance : float
        -2 log likelihood at the estimates; with REML that of the error contrasts (lme4's
        ``REMLcrit``).
    singular : bool
        Whether the covariance of the varying coefficients is: a variance is 0, or a combination
        of coefficients does not vary.
    """

    design: RowDesign
    REML: bool
    beta: Floats
    vcov: Floats
    theta: Floats
    sigma: float
    deviance: float
    singular: bool
    _criterion: Criterion = field(repr=False)
    _lower: Floats = field(repr=False)
    _effects: Effects = field(repr=False)

    def __repr__(self) -> str:
        kind = "REML" if self.REML else "ML"
        said = ", singular" if self.singular else ""
        return f"{type(self).__name__}: {self.design.formula}, {kind} {self.deviance:.6g}{said}"

    __str__ = __repr__

    # --- Estimates ----------------------------------------------------------------------------

    @property
    def fixef(self) -> "pd.Series[float]":
        """Common coefficients by name."""
        return self._by_name(self.beta)

    @property
    def se(self) -> "pd.Series[float]":
        """Standard errors of the common coefficients."""
        return self._by_name(np.sqrt(np.diag(self.vcov)))

    @property
    def t_values(self) -> "pd.Series[float]":
        """Common coefficients by their standard errors."""
        return self._by_name(self.beta / np.sqrt(np.diag(self.vcov)))

    def _by_name(self, values: Floats) -> "pd.Series[float]":
        import pandas as pd

        return pd.Series(values, index=pd.Index(self.design.x_names, name="coefficient"))

    @cached_property
    def covariance(self) -> Floats:
        """Of the varying coefficients of a group, shape (q, q); of nested levels diagonal."""
        root = self.sigma * self.theta
        found: Floats = root @ root.T
        return found

    @property
    def nested(self) -> bool:
        """Whether there are two levels."""
        return len(self.design.levels) == 2

    @property
    def terms(self) -> tuple[tuple[str, str], ...]:
        """Group factor and coefficient of every varying coefficient; the finest level first."""
        if self.nested:
            outer, inner = self.design.levels
            return (f"{inner}:{outer}", INTERCEPT), (outer, INTERCEPT)
        return tuple((self.design.levels[0], name) for name in self.design.z_names)

    @property
    def VarCorr(self) -> "pd.DataFrame":  # noqa: N802 - lme4's name
        """Variances and correlations: what R's ``as.data.frame(VarCorr(fit))`` has.

        Returns
        -------
        DataFrame
            Columns ``grp``, ``var1``, ``var2``, ``vcov`` and ``sdcor``: a row a variance, with its
            sd, then a row a covariance, with its correlation, and last the residual variance.
        """
        import pandas as pd

        rows: list[tuple[str, str | None, str | None, float, float]] = []
        sds, correlations = spread(self.sigma * self.theta)
        order = [1, 0] if self.nested else list(range(len(sds)))
        for (group, name), k in zip(self.terms, order, strict=True):
            rows.append((group, name, None, float(sds[k]) ** 2, float(sds[k])))
        if self.design.correlated and not self.nested:
            for j in range(len(sds)):
                for i in range(j + 1, len(sds)):
                    first, second = self.design.z_names[j], self.design.z_names[i]
                    rho = float(correlations[i, j])
                    rows.append(
                        (self.terms[0][0], first, second, float(self.covariance[i, j]), rho)
                    )
        rows.append(("Residual", None, None, self.sigma**2, self.sigma))
        return pd.DataFrame(rows, columns=["grp", "var1", "var2", "vcov", "sdcor"])

    @property
    def parameters(self) -> int:
        """Covariance parameters: variances and covariances, without the residual variance."""
        q = len(self.theta)
        return q * (q + 1) // 2 if self.design.correlated and not self.nested else q

    @property
    def nobs(self) -> int:
        """Rows that were used."""
        return self.design.y.size

    @property
    def df(self) -> int:
        """Parameters: coefficients, covariance parameters and the residual variance."""
        return self.beta.size + self.parameters + 1

    @property
    def df_residual(self) -> int:
        """Rows less parameters."""
        return self.nobs - self.df

    @property
    def logLik(self) -> float:  # noqa: N802 - R's name
        """Log likelihood at the estimates: with REML that of the error contrasts."""
        return -0.5 * self.deviance

    @property
    def AIC(self) -> float:  # noqa: N802 - R's name
        """Akaike's criterion, of `logLik` and `df`."""
        return self.deviance + 2.0 * self.df

    @property
    def BIC(self) -> float:  # noqa: N802 - R's name
        """Schwarz' criterion, of `logLik`, `df` and `nobs`."""
        return self.deviance + float(np.log(self.nobs)) * self.df

    # --- Groups and rows ----------------------------------------------------------------------

    def _by_group(self, columns: list[Floats], names: list[str]) -> "pd.DataFrame":
        """A row a group, by level where these are nested; columns are of all levels together."""
        import pandas as pd

        labels = self.design.labels
        index: pd.Index[Any] = pd.Index(labels[0], name=self.design.levels[0])
        if self.nested:
            pairs = [
                (level, label)
                for level, own in zip(self.design.levels, labels, strict=True)
                for label in own
            ]
            index = pd.MultiIndex.from_tuples(pairs, names=["level", "group"])
        return pd.DataFrame(np.column_stack(columns), index=index, columns=names)

    def ranef(self) -> "pd.DataFrame":
        """What every group's coefficients differ by from the common ones, and conditional sds.

        Returns
        -------
        DataFrame
            A row a group (of nested levels by level and group), a column a coefficient with the
            best linear unbiased prediction, and ``sd[NAME]`` with the square root of its variance
            given the data, variances and common coefficients, as lme4's ``condVar`` has it.
        """
        means = np.concatenate([mean for mean, _ in self._effects])
        spreads = np.concatenate(
            [np.sqrt(np.diagonal(cov, axis1=1, axis2=2)) for _, cov in self._effects]
        )
        names = list(self.design.z_names)
        return self._by_group(
            [means, self.sigma * spreads], [*names, *(f"sd[{name}]" for name in names)]
        )

    def coef(self) -> "pd.DataFrame":
        """The coefficients of every group: the common ones and what the group differs by."""
        names = [*self.design.x_names]
        names += [name for name in self.design.z_names if name not in names]
        common = np.concatenate([self.beta, np.zeros(len(names) - self.beta.size)])
        means = np.concatenate([mean for mean, _ in self._effects])
        table = np.tile(common, (len(means), 1))
        table[:, [names.index(name) for name in self.design.z_names]] += means
        return self._by_group([table], names)

    @cached_property
    def fitted(self) -> Floats:
        """Of every row the line of its own group, shape (n,)."""
        own = sum(mean[at] for (mean, _), at in zip(self._effects, self.design.codes, strict=True))
        found: Floats = self.design.x @ self.beta + self.design.offset
        found = found + (self.design.z * own).sum(axis=1)
        found.flags.writeable = False
        return found

    @cached_property
    def residuals(self) -> Floats:
        """The response less `fitted`, shape (n,)."""
        found: Floats = self.design.y - self.fitted
        found.flags.writeable = False
        return found

    def predict(
        self, newdata: Any = None, re_form: Any = None, allow_new_levels: bool = False
    ) -> Floats:
        """The response's mean in new rows.

        Parameters
        ----------
        newdata : DataFrame or mapping of columns, optional
            What the right side of the formula names; the fitted rows without it.
        re_form : None, "~0" or NaN
            None for the rows' own groups; "~0", or R's NA, for the common coefficients alone.
        allow_new_levels : bool
            Whether groups may be new, whose coefficients are the common ones.

        Returns
        -------
        ndarray, shape (rows,)
        """
        alone = _population(re_form)
        allowed = flag("allow_new_levels", allow_new_levels)
        if newdata is None:
            design = self.design
            if not alone:
                return self.fitted
            found: Floats = design.x @ self.beta + design.offset
            return found
        x, z, offset = self.design.rows(newdata)
        line: Floats = x @ self.beta + offset
        if alone:
            return line
        names = self.design.groups_of(newdata)
        for level, own, labels, (mean, _) in zip(
            self.design.levels, names, self.design.labels, self._effects, strict=True
        ):
            place = {label: k for k, label in enumerate(labels)}
            at = np.array([place.get(name, len(labels)) for name in own], dtype=np.intp)
            if not allowed and (at == len(labels)).any():
                row = int(np.argmax(at == len(labels)))
                raise ValueError(
                    f"newdata: {level} {own[row]!r} in row {row} is none of the fitted groups; say "
                    "allow_new_levels=True for the common coefficients there, or re_form='~0'"
                )
            line = line + (z * np.vstack([mean, np.zeros(mean.shape[1])])[at]).sum(axis=1)
        return line

    @property
    def _correlated(self) -> bool:
        return self.design.correlated and not self.nested

    @classmethod
    def of(cls, design: RowDesign, structure: Structure, reml: bool) -> Self:
        """Estimate the variances, and everything that follows from them."""
        criterion = Criterion(structure, reml)
        if not criterion.told_apart():
            raise ValueError(
                f"formula {design.formula!r}: the data do not tell its variances apart, or from "
                "the residual variance (a column that varies has one value in every group, an "
                "inner level has one group in each of the outer, or the common columns tell the "
                "groups): leave a varying coefficient out"
            )
        optimum = search(criterion, design.correlated and len(design.levels) == 1)
        return cls._given(design, criterion, optimum)

    @classmethod
    def _given(cls, design: RowDesign, criterion: Criterion, optimum: Optimum) -> Self:
        structure, sums = criterion.structure, criterion.structure.sums
        lower = optimum.lower * np.where(np.diag(optimum.lower) < 0.0, -1.0, 1.0)
        s = lower @ lower.T
        rows, columns = np.nonzero(np.tril(structure.entries.any(axis=0)))
        moments = structure.moments(s[rows, columns])
        fit = fitted(moments)
        sigma = float(np.exp(criterion.log_sigma(moments)))
        beta = sums.about + sums.basis @ fit.beta
        vcov = sigma**2 * sums.basis @ fit.cov @ sums.basis.T
        found = cls(
            design, criterion.reml, beta, vcov, structure.inverse @ lower, sigma, optimum.value,
            bool((np.diag(lower) == 0.0).any()), criterion, lower,
            effects(structure, lower, fit.beta),
        )  # fmt: skip
        for array in (
            beta,
            vcov,
            found.theta,
            lower,
            *(a for pair in found._effects for a in pair),
        ):
            array.flags.writeable = False
        return found

    def refit_ml(self) -> Self:
        """The same model by maximum likelihood."""
        return self.of(self.design, self._criterion.structure, reml=False) if self.REML else self


def _population(re_form: Any) -> bool:
    """Whether predictions leave the varying coefficients out."""
    if re_form is None:
        return False
    if isinstance(re_form, str) and re_form.replace(" ", "") == POPULATION:
        return True
    if isinstance(re_form, float) and np.isnan(re_form):
        return True
    raise ValueError(f"re_form is {re_form!r}: give None for the rows' groups, or '~0' for none")


def spread(root: Floats) -> tuple[Floats, Floats]:
    """Standard deviations and correlations of root root'; NaN beside an sd of 0."""
    sds = np.sqrt((root**2).sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        unit = root / sds[:, np.newaxis]
    return sds, np.clip(unit @ unit.T, -1.0, 1.0)
