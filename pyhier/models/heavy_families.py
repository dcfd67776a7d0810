"""`NormalT` and `NormalMixture` with covariates."""

from typing import Any

from numpy.typing import ArrayLike

from pyhier.models.covariates import BetaPrior
from pyhier.models.groups import Labels
from pyhier.models.heavy_regression import HeavyRegression
from pyhier.models.mean_regression import NO_MU
from pyhier.models.normal_mixture import NormalMixture
from pyhier.models.normal_t import NormalT
from pyhier.priors.tau import TauPrior


class NormalTRegression(HeavyRegression, NormalT):
    """`NormalT` with covariates: effects of Student's t about x_j' beta.

    ``NormalT(y, se=, nu=, X=)`` makes these.
    """

    def __init__(
        self,
        y: ArrayLike,
        *,
        se: ArrayLike | None = None,
        var: ArrayLike | None = None,
        nu: float = 4.0,
        X: Any = None,  # noqa: N803 - the field's name for a design
        intercept: bool = True,
        prior_beta: BetaPrior = None,
        labels: Labels = None,
        prior_mu: None = None,
        prior_tau: TauPrior = "uniform",
        design: Any = None,
    ) -> None:
        if prior_mu is not None:
            raise ValueError(NO_MU)
        NormalT.__init__(self, y, se=se, var=var, nu=nu, labels=labels, prior_tau=prior_tau)
        self._regress(X, intercept, prior_beta, prior_tau, design)


class NormalMixtureRegression(HeavyRegression, NormalMixture):
    """`NormalMixture` with covariates: contaminated normal effects about x_j' beta.

    ``NormalMixture(y, se=, X=)`` makes these.
    """

    def __init__(
        self,
        y: ArrayLike,
        *,
        se: ArrayLike | None = None,
        var: ArrayLike | None = None,
        weight: float = 0.1,
        ratio: float = 10.0,
        X: Any = None,  # noqa: N803 - the field's name for a design
        intercept: bool = True,
        prior_beta: BetaPrior = None,
        labels: Labels = None,
        prior_mu: None = None,
        prior_tau: TauPrior = "uniform",
        design: Any = None,
    ) -> None:
        if prior_mu is not None:
            raise ValueError(NO_MU)
        NormalMixture.__init__(
            self, y, se=se, var=var, weight=weight, ratio=ratio, labels=labels, prior_tau=prior_tau
        )
        self._regress(X, intercept, prior_beta, prior_tau, design)


NormalT.with_covariates = NormalTRegression
NormalMixture.with_covariates = NormalMixtureRegression
