"""What posteriors by a lattice share: its error, marginals along its axes, exact draws of it."""

from abc import abstractmethod
from functools import cached_property

import numpy as np

from pyhier._random import RNG, Generator, as_generator
from pyhier._types import Floats
from pyhier._validation import count
from pyhier.distributions.along import AxisMarginal
from pyhier.models.draws import Draws
from pyhier.posterior.base import Posterior
from pyhier.posterior.draws import DrawsPosterior
from pyhier.quadrature.lattice import Lattice
from pyhier.quadrature.rejection import LatticeDraws


class OnLattice(Posterior):
    """A posterior whose hyperparameters are on a lattice.

    Attributes
    ----------
    lattice : Lattice
        Its nodes and weights, and the estimate of the relative error.
    """

    by_quadrature = True
    lattice: Lattice

    def __repr__(self) -> str:
        return (
            f"{super().__repr__()}, by {self.lattice.weight.size:,} nodes, error {self.error:.0e}"
        )

    @property
    def error(self) -> float:
        """Estimate of the relative error of the integrals, by nodes of half as many places."""
        return self.lattice.error

    @cached_property
    def _axis_of(self) -> dict[str, int]:
        return {c.natural: k for k, c in enumerate(self.lattice.coordinates)}

    def _along(self, name: str) -> AxisMarginal | None:
        """The marginal of what a coordinate stands for, or of the coordinate; None of others."""
        if name in self._axis_of:
            return AxisMarginal(self.lattice, self._axis_of[name])
        for k, coordinate in enumerate(self.lattice.coordinates):
            if name == coordinate.name:
                return AxisMarginal(self.lattice, k, "identity")
        return None

    def draw_psi(self, n: int, rng: RNG = None) -> Floats:
        """Independent draws of psi, shape (n, d): exact, by rejection from the lattice's cells."""
        return self._rejection.draw(count("n", n), as_generator(rng))

    @cached_property
    def _rejection(self) -> LatticeDraws:
        return LatticeDraws(self.lattice)

    @abstractmethod
    def draw_phi(self, n: int, rng: RNG = None) -> Floats:
        """Independent draws of the model's coordinates, shape (n, p)."""

    def _sampled(self, n: int, rng: Generator) -> Draws:
        return self.model.marginal.restore(self.draw_phi(n, rng)[np.newaxis], rng)

    def to_draws(self, n: int, rng: RNG = None) -> DrawsPosterior:
        """Independent joint draws, as the posterior that samplers return."""
        generator = as_generator(rng)
        phi = self.draw_phi(count("n", n), generator)
        return DrawsPosterior.from_phi(self.model, phi[np.newaxis], generator)
