"""A posterior known by weighted nodes of phi: a grid, weighted draws, or a single point.

Given phi the effects have distributions with a name, so that their marginals are mixtures of those
over the nodes, without any draws of theta (Rao-Blackwell).
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from pyhier._frame import percents
from pyhier._random import RNG, Generator, as_generator, uniforms
from pyhier._types import Floats
from pyhier._validation import count, probabilities
from pyhier.distributions.draws import WeightedMarginal
from pyhier.distributions.families import Family
from pyhier.distributions.mixtures import FamilyMixture, flattened
from pyhier.models.draws import Draws
from pyhier.models.interface import Model, new_effects_of
from pyhier.models.requirements import need_groups
from pyhier.posterior.base import Posterior
from pyhier.posterior.draws import DrawsPosterior, as_draws
from pyhier.posterior.new_counts import NewCounts
from pyhier.posterior.summaries import PROBS, mean_pooling


class NodesPosterior(NewCounts, Posterior):
    """The posterior of a model by weighted points of its hyperparameters.

    ``post[name]`` is a marginal that speaks scipy.stats: of a hyperparameter or a coordinate by the
    weighted nodes, of an effect as the mixture of its conditional distributions over the nodes.

    Attributes
    ----------
    model : Model
    phi : ndarray, shape (nodes, p)
    weight : ndarray, shape (nodes,)
        They add up to one.
    """

    def __init__(self, model: Model, phi: Floats, weight: Floats) -> None:
        super().__init__(model)
        self.phi, self.weight = phi, weight / weight.sum()
        for array in (self.phi, self.weight):
            array.flags.writeable = False

    @cached_property
    def _hyper(self) -> Mapping[str, Floats]:
        return self.model.hyperparameters(self.phi)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all quantities: hyperparameters, ``theta[LABEL]``, ``theta_new``."""
        return (*self._hyper, *self._group_of, *new_effects_of(self.model))

    def __getitem__(self, name: str) -> Any:
        if not isinstance(name, str):
            raise self._unknown(name)
        if name in self._hyper:
            return WeightedMarginal(self._hyper[name], self.weight)
        if name in self.model.coordinates:
            return WeightedMarginal(self.phi[:, self.model.coordinates.index(name)], self.weight)
        family, weight = self._effect(name)
        if not np.any(family.var):  # at tau = 0 the effects are points
            return WeightedMarginal(np.broadcast_to(family.mean, weight.shape), weight)
        return FamilyMixture(family, weight)

    def _effect(self, name: str) -> tuple[Family, Floats]:
        """Distributions of an effect at the nodes, and their weights."""
        new = new_effects_of(self.model)
        if name not in new and name not in self._group_of:
            raise self._unknown(name)
        quantity = self._group_of.get(name, name if len(new) > 1 else None)
        return flattened(self.model.theta_given(quantity, self.phi), self.weight)

    # --- Summaries --------------------------------------------------------------------------------

    def columns(self, probs: Sequence[float] = PROBS) -> dict[str, Any]:
        """The summary as plain columns: what `summary` frames and the command line prints."""
        marginals = [self[name] for name in self.names]
        q = probabilities("probs", probs).ravel()
        quantiles = np.array([marginal.ppf(q) for marginal in marginals])
        return {
            "mean": np.array([marginal.mean() for marginal in marginals]),
            "sd": np.array([marginal.std() for marginal in marginals]),
            **dict(zip(percents(q), quantiles.T, strict=True)),
        }

    def shrinkage_factors(self) -> Floats:
        """Posterior mean of each group's shrinkage factor, shape (groups,)."""
        return mean_pooling(self.model, self.phi, self.weight)

    def group_means(self) -> Floats:
        """Posterior mean of each group's effect, shape (groups,)."""
        need_groups("group_means", self.model)
        effects = (self._effect(name) for name in self._group_of)
        return np.array([weight @ family.mean for family, weight in effects])

    # --- Draws ------------------------------------------------------------------------------------

    def draw_phi(self, n: int, rng: RNG = None) -> Floats:
        """Nodes drawn with replacement by their weights, shape (n, p)."""
        u = uniforms(as_generator(rng), count("n", n))
        picked = np.searchsorted(np.cumsum(self.weight), u, side="right")
        drawn: Floats = self.phi[np.minimum(picked, self.weight.size - 1)]
        return drawn

    def _sampled(self, n: int, rng: Generator) -> Draws:
        return self.model.marginal.restore(self.draw_phi(n, rng)[np.newaxis], rng)

    def to_draws(self, n: int, rng: RNG = None) -> DrawsPosterior:
        """Independent joint draws, as the posterior that samplers return."""
        return as_draws(self, n, rng)
