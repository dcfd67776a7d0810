"""`BinomialNormal`, `PoissonNormal` and the models of two arms with covariates."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyhier.models.binomial_normal import BinomialNormal
from pyhier.models.count_normal_regression import CountNormalRegression
from pyhier.models.covariates import BetaPrior
from pyhier.models.groups import Labels
from pyhier.models.hypergeometric_normal import HypergeometricNormal
from pyhier.models.mean_regression import NO_MU
from pyhier.models.poisson_normal import PoissonNormal
from pyhier.models.two_arms_normal import TwoArmsNormal
from pyhier.models.two_binomial_normal import TwoBinomialNormal
from pyhier.priors.tau import TauPrior


class BinomialNormalRegression(CountNormalRegression, BinomialNormal):
    """`BinomialNormal` with covariates: logits about x_j' beta.

    ``BinomialNormal(successes, trials, X=)`` makes these.
    """

    def __init__(
        self,
        successes: ArrayLike,
        trials: ArrayLike,
        *,
        X: Any = None,  # noqa: N803 - the field's name for a design
        intercept: bool = True,
        prior_beta: BetaPrior = None,
        labels: Labels = None,
        offset: ArrayLike | None = None,
        prior_mu: None = None,
        prior_tau: TauPrior = "uniform",
        design: Any = None,
    ) -> None:
        if prior_mu is not None:
            raise ValueError(NO_MU)
        BinomialNormal.__init__(
            self, successes, trials, labels=labels, offset=offset, prior_tau=prior_tau
        )
        self._regress(X, intercept, prior_beta, prior_tau, design)

    @property
    def _kinds(self) -> tuple[Any, Any, Any]:
        some, others = self.successes > 0.0, self.failures > 0.0
        return some & others, some & ~others, others & ~some


class TwoArmsNormalRegression(CountNormalRegression, TwoArmsNormal):
    """What the models of two arms become where they have covariates."""

    def __init__(
        self,
        events: ArrayLike,
        size: ArrayLike,
        control_events: ArrayLike,
        control_size: ArrayLike,
        *,
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
        arms = (events, size, control_events, control_size)
        TwoArmsNormal.__init__(self, *arms, labels=labels, prior_tau=prior_tau)
        self._regress(X, intercept, prior_beta, prior_tau, design)

    @property
    def _kinds(self) -> tuple[Any, Any, Any]:
        some, fewer = self._sides
        return some & fewer, some & ~fewer, fewer & ~some


class HypergeometricNormalRegression(TwoArmsNormalRegression, HypergeometricNormal):
    """`HypergeometricNormal` with covariates: log odds ratios about x_j' beta.

    ``HypergeometricNormal(events, size, control_events, control_size, X=)`` makes these.
    """


class TwoBinomialNormalRegression(TwoArmsNormalRegression, TwoBinomialNormal):
    """`TwoBinomialNormal` with covariates: log odds ratios about x_j' beta.

    ``TwoBinomialNormal(events, size, control_events, control_size, X=)`` makes these.
    """


class PoissonNormalRegression(CountNormalRegression, PoissonNormal):
    """`PoissonNormal` with covariates: log rates about x_j' beta.

    ``PoissonNormal(counts, exposure, X=)`` makes these.
    """

    def __init__(
        self,
        counts: ArrayLike,
        exposure: ArrayLike,
        *,
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
        PoissonNormal.__init__(self, counts, exposure, labels=labels, prior_tau=prior_tau)
        self._regress(X, intercept, prior_beta, prior_tau, design)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what the model was made of; the compiled density is made anew."""
        remake = partial(PoissonNormal, labels=self._labels, **self._priors)
        return remake, (self.events, self.exposure)

    @property
    def _kinds(self) -> tuple[Any, Any, Any]:
        some = self.events > 0.0
        return some, np.zeros_like(some), ~some


HypergeometricNormal.with_covariates = HypergeometricNormalRegression
TwoBinomialNormal.with_covariates = TwoBinomialNormalRegression
BinomialNormal.with_covariates = BinomialNormalRegression
PoissonNormal.with_covariates = PoissonNormalRegression
