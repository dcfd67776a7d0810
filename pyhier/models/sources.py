"""Other ways to the normal model's data: raw observations, and a formula over a frame."""

from collections.abc import Iterable
from typing import Any, Literal, Self

from numpy.typing import ArrayLike

from pyhier._arrow import as_pandas
from pyhier.models.formula import Design, column_of
from pyhier.models.raw import group_summaries, pooled_of


class Sources:
    """Constructors of a model that takes ``(y, se=, var=, X=, labels=, design=, **priors)``."""

    @classmethod
    def from_raw(
        cls,
        values: ArrayLike,
        groups: Iterable[Any],
        *,
        variance: Literal["pooled", "per-group"] = "pooled",
        **priors: Any,
    ) -> Self:
        """Make the model of raw observations: group means and their standard errors.

        Parameters
        ----------
        values : array_like, shape (n,)
            The observations.
        groups : sequence, shape (n,)
            The group of each.
        variance : {"pooled", "per-group"}
            Whether all groups share one within-group variance or each has its own.
        **priors
            As for `NormalNormal`.

        Returns
        -------
        NormalNormal
            Its standard errors are taken for known, as everywhere; `HierarchicalRegression` of
            the rows themselves has the residual sd among its hyperparameters.

        Examples
        --------
        >>> import pyhier as ph
        >>> ph.NormalNormal.from_raw([1, 3, 4, 8, 5, 9], ["a", "a", "b", "b", "c", "c"]).y
        array([2., 6., 7.])
        """
        found = group_summaries(values, groups, pooled=pooled_of(variance))
        make: Any = cls
        made: Self = make(found.y, se=found.se, labels=found.labels, **priors)
        return made

    @classmethod
    def from_formula(
        cls,
        formula: str,
        data: Any,
        *,
        se: str | None = None,
        var: str | None = None,
        label: str | None = None,
        **options: Any,
    ) -> Self:
        """Make the model of a formula's columns: ``"effect ~ latitude + C(alloc)"``.

        Parameters
        ----------
        formula : str
            The estimates, then the covariates of the groups, in the language of R's formulas
            (formulae). ``~ 1`` is the intercept alone.
        data : DataFrame
            A row a group.
        se, var : str
            The column of the standard errors or of the sampling variances: give exactly one, unless
            ``cov=`` is given.
        label : str, optional
            The column of the groups' names.
        **options
            As for `NormalNormal`: ``cov=``, ``prior_beta=``, ``prior_tau=``, ...

        Returns
        -------
        NormalNormal
            It codes new data as these were: ``post.theta_new({"latitude": 30})``.

        Examples
        --------
        >>> import pandas as pd
        >>> import pyhier as ph
        >>> trials = pd.DataFrame({"effect": [0.1, 0.4, 0.2, 0.9], "se": [0.2] * 4,
        ...                        "dose": [1, 2, 2, 4]})
        >>> ph.NormalNormal.from_formula("effect ~ dose", trials, se="se")
        NormalNormal: 4 groups, standard errors given (se), beta[Intercept], beta[dose] flat, ...
        """
        data = as_pandas(data)
        design = Design(formula, data)
        columns = {"se": se, "var": var, "label": label}
        found = {name: column_of(data, c, name) for name, c in columns.items() if c is not None}
        if "label" in found:
            found["labels"] = found.pop("label")
        make: Any = cls
        made: Self = make(
            design.response, X=design.common, intercept=False, design=design, **found, **options
        )
        return made


class NestedSources:
    """Constructors of a model that takes ``(y, levels=, se=, var=, X=, design=, **priors)``."""

    @classmethod
    def from_formula(
        cls, formula: str, data: Any, *, se: str | None = None, var: str | None = None,
        **priors: Any,
    ) -> Self:  # fmt: skip
        """Make the model of a formula's columns: ``"effect ~ x + (1 | district/school)"``.

        Parameters
        ----------
        formula : str
            The estimates, the covariates, and the levels, the outermost first.
        data : DataFrame
            A row an estimate.
        se, var : str
            The column of the standard errors or of the sampling variances: give exactly one.
        **priors
            As for `MultilevelNormal`.

        Examples
        --------
        >>> import pandas as pd
        >>> import pyhier as ph
        >>> data = pd.DataFrame({"effect": [0.1, 0.4, 0.2, 0.9, 0.3, 0.5], "se": [0.2] * 6,
        ...                      "district": list("aabbcc"), "school": [1, 2, 1, 2, 1, 2]})
        >>> ph.MultilevelNormal.from_formula("effect ~ (1 | district/school)", data, se="se")
        MultilevelNormal: 6 schools in 3 districts, standard errors given (se), beta[Intercept] ...
        """
        data = as_pandas(data)
        design = Design(formula, data, nested=True)
        columns = {"se": se, "var": var}
        given = {name: column_of(data, c, name) for name, c in columns.items() if c is not None}
        levels = {name: column_of(data, name, "formula") for name in design.levels}
        make: Any = cls
        made: Self = make(
            design.response, levels=levels, X=design.common, intercept=False, design=design,
            **given, **priors,
        )  # fmt: skip
        return made


class RowSources:
    """Constructors of a model that takes ``(y, X, Z, groups=, weights=, offset=, **options)``."""

    @classmethod
    def from_formula(
        cls, formula: str, data: Any, *, weights: Any = None, offset: Any = None,
        missing: str = "raise", **options: Any,
    ) -> Self:  # fmt: skip
        """Make the model of a formula over rows: ``"Reaction ~ Days + (Days | Subject)"``.

        Parameters
        ----------
        formula : str
            The response, the common covariates, and in parentheses what varies by which group, in
            lme4's language: ``(1 | g)``, ``(x | g)``, ``(0 + x | g)``, ``(x || g)``,
            ``(1 | district/school)``, and ``offset(x)``.
        data : DataFrame
            A row an observation.
        weights, offset : str or array_like, optional
            A column, or its values.
        missing : {"raise", "drop"}
            Whether rows that lack a value are an error, or left out; the model says how many.
        **options
            As for `HierarchicalRegression`: ``sigma=``, ``prior_beta=``, ``prior_tau=``, ...

        Examples
        --------
        >>> import pandas as pd
        >>> import pyhier as ph
        >>> rows = pd.DataFrame({"g": list("aaabbbccc"), "x": [0, 1, 2] * 3,
        ...                      "y": [1, 2, 4, 0, 2, 2, 3, 5, 6.5]})
        >>> ph.HierarchicalRegression.from_formula("y ~ x + (1 | g)", rows)
        HierarchicalRegression: 9 rows in 3 groups, beta[Intercept], beta[x] flat, Intercept by ...
        """
        from pyhier.models.row_design import row_design

        made = row_design(formula, data, weights=weights, offset=offset, missing=missing)
        make: Any = cls
        found: Self = make(
            made.y,
            dict(zip(made.x_names, made.x.T, strict=True)),
            dict(zip(made.z_names, made.z.T, strict=True)),
            groups=dict(zip(made.levels, made.groups, strict=True)),
            weights=made.weights, offset=made.offset if made.offset.any() else None,
            intercept=False, varying_intercept=False, correlated=made.correlated, design=made,
            **options,
        )  # fmt: skip
        return found
