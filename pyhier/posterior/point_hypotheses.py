"""Bayes factors of point hypotheses by a lattice: the density there by the prior's.

Savage and Dickey's ratio; Wagenmakers, Lodewyckx, Kuriyal and Grasman (2010), Cognitive Psychology
60, 158-189. That of a coefficient takes a lattice of its own, which is where the hypothesis has its
mass, however improbable it is.
"""

from typing import Any

import numpy as np

from pyhier._types import Floats
from pyhier.models.interface import Integrated
from pyhier.quadrature.lattice import Lattice, lattice

SMALL = -10.0  # of the log of a sd, below the nodes, where it counts as 0


class PointHypotheses:
    """What tests points, of a posterior by a lattice."""

    _integrated: Integrated
    lattice: Lattice
    log_evidence: Any
    _axis_of: dict[str, int]

    def bayes_factor(self, hypothesis: str) -> float:
        """Bayes factor in favour of a point hypothesis, against the model as it is.

        Parameters
        ----------
        hypothesis : str
            That a coefficient, the sd of an effect or a correlation is 0:
            ``"beta[latitude] = 0"``, ``"tau[school] = 0"``, ``"rho[Intercept,Days] = 0"``.

        Returns
        -------
        float
            Above 1 in favour of the hypothesis, below 1 against it.

        Raises
        ------
        ValueError
            If a prior is improper, or its density at 0 is 0 or infinite.
        """
        model, coordinates = self._integrated, self.lattice.coordinates
        name, _, value = (part.strip() for part in str(hypothesis).rpartition("="))
        tested = [c.natural for c in coordinates if c.natural != "sigma"]
        if name not in (*model.coefficients, *tested) or value not in ("0", "0.0"):
            known = " or ".join(f"'{point} = 0'" for point in (*model.coefficients, *tested))
            raise ValueError(f"hypothesis is {hypothesis!r}: it must be {known}")
        _ = self.log_evidence
        if name in model.coefficients:
            log_ratio = self._of_coefficient(name) - model.log_prior_at(name, 0.0)
        else:
            log_ratio = self._of_coordinate(name)
        return float(np.exp(log_ratio))

    def _of_coefficient(self, name: str) -> float:
        """Log posterior density of a coefficient at 0."""
        model, k = self._integrated, self._integrated.coefficients.index(name)

        def log_density(psi: Floats) -> Floats:
            given = model.collapse_psi(psi)
            mean, var = (np.atleast_2d(part)[k] for part in (given.mean, given.var))
            density: Floats = given.log_density - 0.5 * (mean**2 / var + np.log(2.0 * np.pi * var))
            return density

        best = self.lattice.psi[int(np.argmax(log_density(self.lattice.psi)))]
        found = lattice(log_density, best, model.psi, tails=self.lattice.tails)
        return found.log_total - self.lattice.log_total

    def _of_coordinate(self, name: str) -> float:
        """Log of the posterior density by the prior's, of a sd or a correlation at 0."""
        model, k = self._integrated, self._axis_of[name]
        coordinate, stretch, at = self.lattice.coordinates[k], self.lattice.stretches[k], 0.0
        if coordinate.line == "log":  # so small that data and prior do not tell it from 0
            at = float(self.lattice.psi[:, k].min()) + SMALL
            near, nearer = (
                model.log_prior_at(coordinate.name, place) - place for place in (at, at - 5.0)
            )
            if not abs(near - nearer) < 1e-6:
                raise ValueError(
                    f"the prior density of {name} at 0 is 0 or infinite: give one that is neither, "
                    "such as scipy.stats.halfnorm"
                )
        place = stretch.z(np.array([at]))
        density = self.lattice.along(k, place) - self.lattice.log_total - stretch.log_slope(place)
        return float(density[0]) - model.log_prior_at(coordinate.name, at)
