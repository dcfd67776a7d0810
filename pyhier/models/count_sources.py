"""Models for counts by a formula over a frame."""

from typing import Any, Self

from pyhier._arrow import as_pandas
from pyhier.models.formula import Design, column_of


def of_formula(
    cls: Any, formula: str, data: Any, sized: tuple[str, str], label: str | None, options: Any
) -> Any:
    """A model of a formula's columns, and of the column of the groups' sizes."""
    name, column = sized
    data = as_pandas(data)
    design = Design(formula, data)
    labels = {} if label is None else {"labels": column_of(data, label, "label")}
    size = column_of(data, column, name)
    return cls(
        design.response, size, X=design.common, intercept=False, design=design, **labels, **options
    )


class SuccessSources:
    """Constructors of a model of ``(successes, trials, X=, labels=, design=, **priors)``."""

    @classmethod
    def from_formula(
        cls, formula: str, data: Any, *, trials: str, label: str | None = None, **options: Any
    ) -> Self:
        """Make the model of a formula's columns: ``"deaths ~ dose + C(site)"``.

        Parameters
        ----------
        formula : str
            The successes, then the covariates of the groups, in the language of R's formulas
            (formulae). ``~ 1`` is the intercept alone.
        data : DataFrame
            A row a group.
        trials : str
            The column of the trials.
        label : str, optional
            The column of the groups' names.
        **options
            As for the class: ``prior_beta=``, and ``prior_K=`` or ``prior_tau=``.

        Examples
        --------
        >>> import pyhier as ph
        >>> bcg = ph.load_dataset("bcg")
        >>> ph.BetaBinomial.from_formula("vaccinated_cases ~ latitude", bcg, trials="vaccinated")
        BetaBinomial: 13 groups, beta[Intercept], beta[latitude] flat, K 1/(K + 1)^2
        """
        made: Self = of_formula(cls, formula, data, ("trials", trials), label, options)
        return made


class EventSources:
    """Constructors of a model of ``(counts, exposure, X=, labels=, design=, **priors)``."""

    @classmethod
    def from_formula(
        cls, formula: str, data: Any, *, exposure: str, label: str | None = None, **options: Any
    ) -> Self:
        """Make the model of a formula's columns: ``"deaths ~ age + C(region)"``.

        Parameters
        ----------
        formula : str
            The events, then the covariates of the groups, in the language of R's formulas
            (formulae). ``~ 1`` is the intercept alone.
        data : DataFrame
            A row a group.
        exposure : str
            The column of the exposures.
        label : str, optional
            The column of the groups' names.
        **options
            As for the class: ``prior_beta=``, and ``prior_alpha=``, ``z0=`` or ``prior_tau=``.

        Examples
        --------
        >>> import pyhier as ph
        >>> bcg = ph.load_dataset("bcg")
        >>> ph.PoissonGamma.from_formula("control_cases ~ latitude", bcg, exposure="control")
        PoissonGamma: 13 groups, beta[Intercept], beta[latitude] flat, alpha 1/(alpha + 1)^2
        """
        made: Self = of_formula(cls, formula, data, ("exposure", exposure), label, options)
        return made
