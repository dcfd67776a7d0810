"""Estimates with known standard errors as data: what all normal models have."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyhier._random import Generator, normals
from pyhier._types import Floats
from pyhier._validation import each_group, names_aligned, positive, vector
from pyhier.models.covariates import LOG_2PI
from pyhier.models.groups import Grouped, Labels, check_lengths
from pyhier.priors.tau import ResolvedPrior


class NormalData:
    """Estimates y of the groups' effects with standard errors se, var = se^2."""

    y: Floats
    se: Floats
    var: Floats

    @property
    def response(self) -> Floats:
        """The estimates."""
        return self.y

    def estimates(self) -> tuple[Floats, Floats]:
        """The estimates and their standard errors."""
        return self.y, self.se

    def observed(self) -> Mapping[str, Floats]:
        """The data: y and se of each group."""
        return {"y": self.y, "se": self.se}

    def log_likelihood(self, theta: Floats) -> Floats:
        """Log density of each estimate given its effect, shape (..., groups)."""
        density: Floats = -0.5 * ((self.y - theta) ** 2 / self.var + np.log(self.var) + LOG_2PI)
        return density

    def predict(self, theta: Floats, rng: Generator) -> Floats:
        """Draws of new estimates of the same groups, N(theta_j, se_j^2), shape (..., groups)."""
        return theta + self.se * normals(rng, theta.shape[:-1], self.y.size)

    def predict_new(self, theta_new: Floats, size: float, rng: Generator) -> Floats:
        """Draws of estimates of new groups, with a standard error of ``size``."""
        se = positive("size (standard error)", size)
        return theta_new + se * normals(rng, theta_new.shape, 1)[..., 0]


class EstimatedGroups(NormalData, Grouped):
    """A group an estimate, with priors of mu and tau."""

    prior: ResolvedPrior
    tail_indices: Any
    _flat: Any
    _given: str

    def _take_estimates(
        self, y: ArrayLike, se: ArrayLike | None, var: ArrayLike | None, labels: Labels
    ) -> None:
        """Check the data and keep it."""
        if (se is None) == (var is None):
            raise ValueError(
                "give se= (standard errors) or var= (sampling variances): "
                + ("neither was given" if se is None else "both were given")
            )
        self._given = "se" if var is None else "var"
        data: dict[str, Any] = {"y": y, self._given: se if var is None else var}
        names_aligned("labels", labels, **data)
        self.y = vector("y", y)
        Grouped.__init__(self, self.y.size, labels, "y")
        spread = vector(self._given, data[self._given])
        self._check_groups(spread)
        self.var = spread * spread if var is None else spread
        self.se = spread if var is None else np.sqrt(spread)
        for array in (self.y, self.se, self.var):
            array.flags.writeable = False

    @property
    def _spread(self) -> dict[str, Any]:
        """The standard errors or variances, as they were given."""
        return {self._given: self.se if self._given == "se" else self.var}

    def _check_groups(self, spread: Floats) -> None:
        name, y = self._given, self.y
        check_lengths(y, spread, "y", name)
        each_group("y", y, np.isfinite(y), self.label, "estimates must be finite")
        kind = "standard errors" if name == "se" else "sampling variances"
        valid = (spread > 0.0) & np.isfinite(spread)
        each_group(name, spread, valid, self.label, f"{kind} must be positive and finite")
        # Squares of the numbers, and those over one another, must stay within a double.
        size = 1.0 if name == "se" else 2.0
        valid = (spread >= 1e-70**size) & (spread <= 1e70**size)
        each_group(name, spread, valid, self.label, "rescale the data: its square leaves a double")
        rule = "rescale the data: its square leaves a double"
        each_group("y", y, np.abs(y) <= 1e70, self.label, rule)

    @property
    def largest_se(self) -> float:
        """The largest standard error."""
        return float(np.max(self.se))

    def why_no_posterior(self) -> str:
        """Why the posterior is improper and what mends it; empty where it is proper.

        The posterior of log tau must fall off on both sides.
        """
        left, right = self.tail_indices
        if left > 1e-6 and right > 1e-6:
            return ""
        scale = float(f"{self.largest_se:.1g}")
        if self.prior.name == "uniform":
            why = f"the uniform prior of tau, which needs at least {2 + self._flat}"
        else:
            where = "tau = 0" if left <= 1e-6 else "large tau"
            why = f"this prior of tau: it has infinite mass at {where}"
        return (
            f"the posterior of {self.sized} is improper under {why}: give a proper prior, "
            f"such as prior_tau=scipy.stats.halfcauchy(scale={scale:g})"
        )
