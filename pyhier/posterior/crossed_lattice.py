"""The posterior of a model with four hyperparameters, two of them of effects, by a lattice."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from pyhier._frame import percents
from pyhier._random import RNG
from pyhier._types import Floats
from pyhier._validation import probabilities
from pyhier.distributions.along import AxisMarginal
from pyhier.distributions.base import Marginal
from pyhier.distributions.density import LineMarginal
from pyhier.models.crossed import Crossed
from pyhier.posterior.crossed_effects import EffectOnLattice, Table, TooManyError
from pyhier.posterior.lattice_base import OnLattice
from pyhier.posterior.summaries import PROBS, mean_pooling
from pyhier.quadrature.lattice import Lattice

PROMISE = 1e-6  # of probabilities of effects
NEGLIGIBLE = 1e-9  # weight of all nodes that are left out of mean shrinkage factors
GUESSES = 200  # nodes by which effects are looked for
CHECKED = np.linspace(-3.0, 3.0, 41)  # places, in sds, at which densities are checked


class CrossedPosterior(OnLattice):
    """The posterior of a model of effects and of what lies beside them, by quadrature of all.

    ``post[name]`` is a marginal that speaks scipy.stats, of one of ``names`` or of a coordinate.
    Probabilities and quantiles are good to the error of the whole mass.

    Attributes
    ----------
    model : Crossed
    lattice : Lattice
        Over the four coordinates.
    log_z : float
        Log of the integral of likelihood times prior; the evidence where the prior is proper.
    """

    def __init__(self, model: Crossed, found: Lattice) -> None:
        super().__init__(model)
        self._crossed, self.lattice = model, found
        self.log_z: float = found.log_total
        self._marginals: dict[str, Marginal] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all quantities: the hyperparameters, effects, a new group's."""
        return (*self._axis_of, *self._group_of, "theta_new")

    # --- Marginals --------------------------------------------------------------------------------

    def __getitem__(self, name: str) -> Marginal:
        if name not in self._marginals:
            self._marginals[name] = self._marginal(name)
        return self._marginals[name]

    def _marginal(self, name: str) -> Marginal:
        if name in self._group_of or name == "theta_new":
            return self._effect(name)
        k = self._axis_of.get(name)
        if k is not None and self.lattice.coordinates[k].line == "identity":
            return AxisMarginal(self.lattice, k, index=self._crossed.moment_index(name))
        found = self._along(name)
        if found is None:
            raise self._unknown(name)
        return found

    @cached_property
    def _table(self) -> Table:
        return Table(self.lattice)

    def _effect(self, name: str) -> LineMarginal:
        """The marginal of an effect, whose nodes are close enough one another."""
        group = self._group_of.get(name)
        try:
            density = EffectOnLattice(self._crossed, self._table, group)
        except TooManyError as error:
            raise self._unresolved(name, str(error)) from None
        centre, scale = self._about(group)
        index = self._crossed.moment_index(name)
        off = density.error(centre + scale * CHECKED)
        if not off <= PROMISE:
            raise self._unresolved(name, f"its density is off by {off:.1e}")
        return LineMarginal("identity", density, centre, scale, index, density_error=off)

    def _about(self, group: int | None) -> tuple[float, float]:
        """About where an effect is, and how wide."""
        top = np.argsort(self.lattice.weight)[-GUESSES:]
        weight = self.lattice.weight[top] / self.lattice.weight[top].sum()
        law: Any = self._crossed.theta_given(group, np.ascontiguousarray(self.lattice.psi[top]))
        centre = float(weight @ law.mean)
        return centre, float(np.sqrt(weight @ (law.var + (law.mean - centre) ** 2)))

    def _unresolved(self, what: str, why: str) -> ValueError:
        return ValueError(
            f"exact cannot resolve {what}: {why}; take draws, post.to_draws(100_000), or "
            "rwmetrop(model)"
        )

    # --- Summaries --------------------------------------------------------------------------------

    def columns(self, probs: Sequence[float] = PROBS) -> dict[str, Any]:
        """The summary as plain columns: what `summary` frames and the command line prints."""
        q = probabilities("probs", probs).ravel()
        marginals = [self[name] for name in self.names]
        rows = np.array([[one.mean(), one.std(), *one.ppf(q)] for one in marginals])
        mean, sd, *quantiles = rows.T
        return {"mean": mean, "sd": sd, **dict(zip(percents(q), quantiles, strict=True))}

    def group_means(self) -> Floats:
        """Posterior mean of each group's effect, shape (groups,)."""
        return np.array([self[name].mean() for name in self._group_of])

    def shrinkage_factors(self) -> Floats:
        """Posterior mean of each group's shrinkage factor, shape (groups,)."""
        weight = self.lattice.weight
        order = np.argsort(weight)
        kept = np.sort(order[int(np.searchsorted(np.cumsum(weight[order]), NEGLIGIBLE)) :])
        phi = np.ascontiguousarray(self.lattice.psi[kept])
        return mean_pooling(self.model, phi, weight[kept] / weight[kept].sum())

    # --- Draws ------------------------------------------------------------------------------------

    def draw_phi(self, n: int, rng: RNG = None) -> Floats:
        """Independent draws of the model's coordinates, shape (n, 4)."""
        return self.draw_psi(n, rng)
