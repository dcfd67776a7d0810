"""`BetaBinomial` and `PoissonGamma` with covariates: the two regressions."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyhier._random import Generator, betas, gammas
from pyhier._types import Floats
from pyhier.models.beta_binomial import BetaBinomial
from pyhier.models.count_regression import CountRegression
from pyhier.models.covariates import BetaPrior
from pyhier.models.groups import Labels
from pyhier.models.poisson_gamma import PoissonGamma
from pyhier.models.separation import least_cost
from pyhier.quadrature.transforms import from_line


class BetaBinomialRegression(CountRegression, BetaBinomial):  # type: ignore[misc]
    """`BetaBinomial` with covariates: logit of a group's mean is x_j' beta.

    ``BetaBinomial(successes, trials, X=)`` makes these.
    """

    family, precision = "beta-binomial", "K"

    def __init__(
        self,
        successes: ArrayLike,
        trials: ArrayLike,
        prior: None = None,
        labels: Labels = None,
        *,
        X: Any = None,  # noqa: N803 - the field's name for a design
        intercept: bool = True,
        prior_beta: BetaPrior = None,
        prior_K: Any = None,  # noqa: N803 - the hyperparameter's name
        design: Any = None,
    ) -> None:
        if prior is not None:
            raise ValueError("prior= is of a model without X: give prior_beta= and prior_K=")
        BetaBinomial.__init__(self, successes, trials, labels=labels)
        self._regress(X, intercept, prior_beta, prior_K, design)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what the model was made of; the compiled density is made anew."""
        return partial(BetaBinomial, **self._arguments()), (self.successes, self.trials)

    def _arguments(self) -> dict[str, Any]:
        return {"labels": self._labels, **self._given}

    def with_prior(self, **priors: Any) -> BetaBinomial:
        """The same data under other priors: ``prior_beta=``, ``prior_K=``."""
        return BetaBinomial(self.successes, self.trials, **(self._arguments() | priors))

    @property
    def _columns(self) -> tuple[Floats, Floats]:
        return self.successes, self.failures

    @property
    def _kinds(self) -> tuple[Any, Any, Any]:
        some, others = self.successes > 0.0, self.failures > 0.0
        return some & others, some & ~others, others & ~some

    @property
    def _fall_near_0(self) -> float:
        return float(self._kinds[0].sum())

    def _drawn(self, family: Any, rng: Generator) -> Floats:
        return betas(rng, family.a, family.b)

    def _working(self) -> tuple[Floats, Floats]:
        share = (self.successes + 0.5) / (self.trials + 1.0)
        return np.log(share) - np.log1p(-share), 1.0 / (
            (self.trials + 1e-9) * share * (1.0 - share)
        )

    def _pearson(self, u: Floats, v: float) -> float:
        some = self._informative
        n, eta = self.trials[some], from_line("logit", u[some])
        spread = 1.0 + (n - 1.0) / (1.0 + np.exp(v))
        away = self.successes[some] - n * eta
        return float((away**2 / (n * eta * (1.0 - eta) * spread)).sum())

    def pooling(self, phi: Floats) -> Floats:
        """Shrinkage factors K / (K + n_j) towards the line, shape (..., groups)."""
        size = np.exp(np.minimum(phi[..., -1:], 600.0))
        factors: Floats = size / (size + self.trials)
        return factors

    def effect_index(self, row: Floats) -> float:
        """Exponent below which powers of a new group's probability have expectations."""
        return np.inf


class PoissonGammaRegression(CountRegression, PoissonGamma):  # type: ignore[misc]
    """`PoissonGamma` with covariates: log of a group's mean rate is x_j' beta.

    ``PoissonGamma(counts, exposure, X=)`` makes these: the negative binomial regression.
    """

    family, precision = "poisson-gamma", "alpha"

    def __init__(
        self,
        counts: ArrayLike,
        exposure: ArrayLike,
        prior: None = None,
        z0: float = 1.0,
        labels: Labels = None,
        *,
        X: Any = None,  # noqa: N803 - the field's name for a design
        intercept: bool = True,
        prior_beta: BetaPrior = None,
        prior_alpha: Any = None,
        design: Any = None,
    ) -> None:
        if prior is not None:
            raise ValueError("prior= is of a model without X: give prior_beta= and prior_alpha=")
        PoissonGamma.__init__(self, counts, exposure, z0=z0, labels=labels)
        self._regress(X, intercept, prior_beta, prior_alpha, design)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what the model was made of; the compiled density is made anew."""
        return partial(PoissonGamma, **self._arguments()), (self.counts, self.exposure)

    def _arguments(self) -> dict[str, Any]:
        return {"labels": self._labels, "z0": self.z0, **self._given}

    def with_prior(self, **priors: Any) -> PoissonGamma:
        """The same data under other priors: ``prior_beta=``, ``prior_alpha=``, ``z0=``."""
        return PoissonGamma(self.counts, self.exposure, **(self._arguments() | priors))

    @property
    def _columns(self) -> tuple[Floats, Floats]:
        return self.counts, self.exposure

    @property
    def _kinds(self) -> tuple[Any, Any, Any]:
        some = self.counts > 0.0
        return some, np.zeros_like(some), ~some

    @property
    def _fall_near_0(self) -> float:
        """Means may be as large as exp(1 / alpha), in as many directions as are flat."""
        flat = int(np.isinf(self.covariates.prior.sd).sum())
        return float(self._kinds[0].sum() - flat)

    def _drawn(self, family: Any, rng: Generator) -> Floats:
        return gammas(rng, family.shape, family.rate)

    def _working(self) -> tuple[Floats, Floats]:
        return np.log((self.counts + 0.5) / self.exposure), 1.0 / (self.counts + 0.5)

    def _pearson(self, u: Floats, v: float) -> float:
        mean = self.exposure * np.exp(u)
        away = self.counts - mean
        return float((away**2 / (mean + mean * (mean * np.exp(-v)))).sum())

    def pooling(self, phi: Floats) -> Floats:
        """Shrinkage factors alpha / (alpha + e_j mu_j) towards the line, shape (..., groups)."""
        line = phi[..., :-1] @ self.covariates.x.T + np.log(self.exposure) - phi[..., -1:]
        return from_line("logit", -line)

    def effect_index(self, row: Floats) -> float:
        """Exponent below which powers of a new group's rate have expectations.

        Where alpha is small the likelihood does not fall off with growing means.
        """
        some = self.counts > 0.0
        x, root = self.covariates.x[some], self.covariates.prior.root
        return least_cost(x, self.counts[some], row, root)


BetaBinomial.with_covariates = BetaBinomialRegression
PoissonGamma.with_covariates = PoissonGammaRegression
