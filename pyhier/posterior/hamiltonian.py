"""The posterior that `nuts` returns: draws with the statistics of their trajectories."""

from functools import cached_property
from typing import Any

from pyhier._random import RNG, as_generator
from pyhier._types import Floats
from pyhier.models.draws import Draws
from pyhier.models.interface import Model, is_plane, is_reduced, new_effects_of, replicated
from pyhier.posterior.base import PREDICTION
from pyhier.posterior.diagnostics import all_well
from pyhier.posterior.draw_arrays import DrawArrays
from pyhier.posterior.draws import DrawsPosterior
from pyhier.posterior.for_arviz import to_arviz
from pyhier.posterior.trajectories import Trajectories, of_chains


class SomeArrays(DrawArrays):
    """Draws of which only some groups' effects were kept: ``draws.theta`` has a column each."""

    def __init__(self, model: Model, draws: Draws, kept: tuple[str, ...]) -> None:
        super().__init__(model, draws)
        self._kept = {name: i for i, name in enumerate(kept)}

    @property
    def theta(self) -> Floats:
        """There are no draws of all groups."""
        raise ValueError("not all group effects were kept: run nuts without keep=")

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Hyperparameters, the effects that were kept, ``theta_new``."""
        return (*self.hyper, *self._kept, *new_effects_of(self.model))

    def __getitem__(self, name: str) -> Floats:
        if name in self._kept and self.draws.theta is not None:
            return self.draws.theta[..., self._kept[name]]
        return super().__getitem__(name)


class NutsPosterior(DrawsPosterior):
    """Draws from `nuts`, with the statistics of the trajectories they were made by.

    Attributes
    ----------
    trajectories : Trajectories
        Statistics of each draw (``sample_stats``), step sizes, metrics, the parameterisation.
    interrupted : bool
        Whether Ctrl-C ended the run before all draws were made.
    """

    markov = True

    def __init__(
        self,
        model: Model,
        draws: Draws,
        trajectories: Trajectories,
        *,
        kept: tuple[str, ...] | None = None,
        interrupted: bool = False,
    ) -> None:
        super().__init__(model, draws.phi, draws.theta, draws.theta_new)
        if kept is not None:
            self._arrays = SomeArrays(model, draws, kept)
        self._partial = kept is not None
        self.trajectories, self.interrupted = trajectories, interrupted

    @property
    def has_theta(self) -> bool:
        """Whether all group effects were kept."""
        return super().has_theta and not self._partial

    @property
    def parameterization(self) -> str:
        """``"non-centred"``, ``"centred"`` or ``"marginal"``."""
        return self.trajectories.parameterization

    @property
    def sample_stats(self) -> dict[str, Any]:
        """Statistics of each draw under ArviZ's names, each of shape (chain, draw)."""
        return dict(self.trajectories.stats)

    @property
    def divergences(self) -> int:
        """How many trajectories left the path, where the draws are biased."""
        return self.trajectories.divergences

    @property
    def bfmi(self) -> Floats:
        """Bayesian fraction of missing information of each chain, shape (chain,)."""
        return self.trajectories.bfmi

    def to_arviz(self, *, draws: int = 1_000, chains: int = 4, rng: RNG = None) -> Any:
        """Everything that ArviZ works on, with the trajectories' statistics.

        Parameters
        ----------
        draws, chains : int
            Not used: all draws are taken.
        rng : None, int, numpy.random.Generator or RStream
            For the predictions.

        Returns
        -------
        arviz.InferenceData, or xarray.DataTree with ArviZ 1.x
            As of any posterior; ``sample_stats`` has all of `sample_stats`.
        """
        predicted = replicated(self.model, self._arrays.draws, as_generator(rng, PREDICTION))
        return to_arviz(self._arrays, predicted, self.trajectories.stats)

    @cached_property
    def _trouble(self) -> str:
        """What is bad about trajectories and chains, each with its mend; empty if nothing is."""
        found = self.trajectories.trouble()
        if self._diagnosed is not None:
            found += of_chains(self.names, self._diagnosed, len(self.phi))
        return "; ".join(found)

    @property
    def advice(self) -> str:
        """What the diagnostics say, and what to do when they are bad."""
        if self._trouble:
            exact = is_reduced(self.model) or is_plane(self.model)
            other = "; exact(model) has no Monte Carlo error" if exact else ""
            return f"{self._trouble}{other}."
        if self._diagnosed is None:
            return "R-hat and effective sample sizes need ArviZ: pip install 'pyhier[arviz]'."
        return all_well(self._diagnosed, len(self.phi))
