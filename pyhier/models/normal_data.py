"""Estimates with known standard errors as data: what all normal models have."""

from collections.abc import Mapping

import numpy as np

from pyhier._random import Generator, normals
from pyhier._types import Floats
from pyhier._validation import positive
from pyhier.models.covariates import LOG_2PI


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
