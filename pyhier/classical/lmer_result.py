"""A mixed model's tests, intervals, comparisons and printed page."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pyhier.classical import lmer_inference as inference
from pyhier.classical.lmer_estimates import Estimates
from pyhier.classical.lmer_profile import intervals
from pyhier.classical.lmer_text import summary

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class Lmer(Estimates):
    """A mixed model that `lmer` fitted; ``print(fit.summary())`` shows it as R does.

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

    @cached_property
    def _satterthwaite(self) -> inference.Satterthwaite:
        return inference.satterthwaite(self._criterion, self._lower, self.sigma, self._correlated)

    def tests(self, contrasts: Any = None) -> "pd.DataFrame":
        """Coefficients with Satterthwaite's degrees of freedom, as lmerTest has them.

        Parameters
        ----------
        contrasts : mapping of str to mapping, optional
            Combinations of coefficients: ``{"slope at 3": {"Days": 1, "Days:x": 3}}``. Without
            it the coefficients themselves.

        Returns
        -------
        DataFrame
            Columns ``estimate``, ``se``, ``df``, ``t`` and ``p``, two-sided.
        """
        names, table = inference.combinations(contrasts, self.design.x_names)
        return inference.tests(self._satterthwaite, self.beta, self.vcov, names, table)

    def confint(
        self, level: float = 0.95, method: Literal["profile", "Wald"] = "profile"
    ) -> "pd.DataFrame":
        """Confidence intervals.

        Parameters
        ----------
        level : float
        method : {"profile", "Wald"}
            By the profile of the likelihood (of maximum likelihood, as in lme4, however the model
            was fitted), or from standard errors, which variances have none of.

        Returns
        -------
        DataFrame
            Columns ``lower`` and ``upper``; rows ``tau[NAME]`` and ``rho[NAME,NAME]`` for sds and
            correlations of the varying coefficients (``tau[LEVEL]`` of nested levels), ``sigma``,
            and the common coefficients.
        """
        if method == "Wald":
            return inference.wald_intervals(self.fixef, np.sqrt(np.diag(self.vcov)), level)
        if method != "profile":
            raise ValueError(f"method is {method!r}: it must be 'profile' or 'Wald'")
        ml = self if not self.REML else self.refit_ml()
        return intervals(ml, level)

    def anova(self, *others: "Lmer") -> inference.Comparison:
        """Compare nested models of the same rows by their likelihood, as R's ``anova(fit, other)``.

        Models that were fitted by REML are fitted anew by maximum likelihood, as in lme4.

        Parameters
        ----------
        *others : Lmer

        Returns
        -------
        Comparison
            Its ``table`` has a row a model, that with the fewest parameters first.
        """
        for k, other in enumerate(others):
            if not isinstance(other, Lmer):
                raise TypeError(f"others[{k}] is {other!r}: give fits of lmer")
        if not others:
            raise TypeError("others is empty: give a second fit of lmer")
        return inference.comparison([fit.refit_ml() for fit in (self, *others)],
                                    any(fit.REML for fit in (self, *others)))  # fmt: skip

    def summary(self) -> str:
        """What R prints for ``summary(fit)`` of a model that lmerTest fitted."""
        return summary(self, self.tests())
