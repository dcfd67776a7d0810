"""Counts with normal effects about a linear predictor: theta_j ~ N(x_j' beta, tau^2)."""

from abc import abstractmethod
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyhier._types import Floats
from pyhier.distributions.families import Normal
from pyhier.distributions.tilted import OFFSET, TiltedNormal
from pyhier.models.count_normal import CountNormal
from pyhier.models.group_tables import GroupTables
from pyhier.models.mean_regression import MeanRegression
from pyhier.models.separation import involved, separating

WIDTH = 1.2  # of their panels: logs have no singularity within about 2.5 of the line


class CountNormalRegression(MeanRegression, CountNormal):
    """What `BinomialNormal` and `PoissonNormal` become where they have covariates."""

    @property
    @abstractmethod
    def _kinds(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
        """Groups that hold a predictor from both sides, or let it grow, or fall."""

    # --- Whether there is a posterior -----------------------------------------------------------

    @cached_property
    def _direction(self) -> Floats | None:
        """A direction of the coefficients along which nothing falls off."""
        return separating(self.covariates.x, *self._kinds, self.covariates.prior.root)

    def why_no_posterior(self) -> str:
        """Why the posterior is improper and what mends it; empty where it is proper."""
        if self._direction is None:
            return self._why_not_tau()
        names = involved(self._direction, self.covariates.x, self.coefficients)
        what = "a coefficient" if len(names) == 1 else "a combination of coefficients"
        held, up, down = self._kinds
        some = held | up | down
        if not some.any() or not np.abs(self.covariates.x[some] @ self._direction).max() > 1e-9:
            why = "no group that has data depends on it"
        else:
            why = self._why_not_mu() or f"it separates groups without {self._both} from the others"
        bare = names[0].removeprefix("beta[").removesuffix("]")
        return (
            f"the posterior is improper under a flat prior of {', '.join(names)}: {what} can grow "
            f"without end, for {why}; give a proper prior, such as prior_beta={{{bare!r}: "
            "scipy.stats.norm(0, 2.5)}"
        )

    # --- What a lattice is told -----------------------------------------------------------------

    @property
    def mend(self) -> str:
        """What to change where the quadrature is not resolved."""
        return "a smoother prior"

    @cached_property
    def _tables(self) -> GroupTables:
        data = np.delete(self._different[0], OFFSET, axis=0)
        groups = data.shape[1]
        return GroupTables(self._likelihood, data, np.zeros(groups), np.full(groups, WIDTH), WIDTH)

    def plain_given(self, quantity: Any, plain: Floats) -> Normal | TiltedNormal:
        """Distribution of groups' effects, or of a new one's (None), given (mean, log tau)."""
        eta, log_tau = plain[..., 0], plain[..., 1]
        if quantity is None:
            return Normal(eta, np.exp(2.0 * log_tau))
        return TiltedNormal(self.counts.take(quantity), eta, log_tau.reshape(-1, eta.shape[-1])[0])
