"""Draws from a density that is no model's: coordinates with names, and nothing else."""

import warnings
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from pyhier._arviz import arviz_object, load_arviz
from pyhier._frame import frame
from pyhier._types import Floats
from pyhier.distributions.draws import SampleMarginal
from pyhier.posterior.diagnostics import (
    ConvergenceWarning,
    all_well,
    diagnose,
)
from pyhier.posterior.trajectories import Trajectories, of_chains

if TYPE_CHECKING:
    import pandas as pd

    from pyhier.coda.objects import McmcList

PROBS = (0.025, 0.25, 0.5, 0.75, 0.975)


class DensityDraws:
    """Markov chains of `nuts` on a density of one's own.

    Attributes
    ----------
    draws : ndarray, shape (chain, draw, p)
        In the density's own coordinates.
    names : tuple of str
        Of the coordinates.
    trajectories : Trajectories
        Statistics of each draw (``sample_stats``), step sizes and metrics.
    interrupted : bool
        Whether Ctrl-C ended the run before all draws were made.
    """

    markov = True

    def __init__(
        self,
        draws: Floats,
        names: tuple[str, ...],
        trajectories: Trajectories,
        interrupted: bool = False,
    ) -> None:
        draws.flags.writeable = False
        self.draws, self.names = draws, names
        self.trajectories, self.interrupted = trajectories, interrupted

    def __repr__(self) -> str:
        chains, draws, p = self.draws.shape
        return f"DensityDraws: {chains} chain(s) of {draws} draws of {p} coordinates"

    @property
    def sample_stats(self) -> dict[str, Any]:
        """Statistics of each draw under ArviZ's names, each of shape (chain, draw)."""
        return dict(self.trajectories.stats)

    @property
    def divergences(self) -> int:
        """How many trajectories left the path."""
        return self.trajectories.divergences

    @property
    def bfmi(self) -> Floats:
        """Bayesian fraction of missing information of each chain, shape (chain,)."""
        return self.trajectories.bfmi

    def draws_of(self, name: str) -> Floats:
        """Draws of a coordinate by name, shape (chain, draw)."""
        if name not in self.names:
            raise KeyError(f"no coordinate is named {name!r}: there are {', '.join(self.names)}")
        return self.draws[..., self.names.index(name)]

    def __getitem__(self, name: str) -> SampleMarginal:
        return SampleMarginal(self.draws_of(name))

    def summary(self, probs: Sequence[float] = PROBS) -> "pd.DataFrame":
        """Mean, sd, quantiles and diagnostics of every coordinate.

        Parameters
        ----------
        probs : sequence of float
            The quantiles' probabilities.

        Returns
        -------
        DataFrame
            A row for each of ``names``; ``mcse_mean``, ``ess_bulk``, ``ess_tail`` and ``r_hat``
            where ArviZ is installed.

        Warns
        -----
        ConvergenceWarning
            If a diagnostic is bad, with what to do.
        """
        flat = self.draws.reshape(-1, len(self.names))
        if len(flat) < 2:
            raise ValueError(f"there are {len(flat)} draws: it takes two for a standard deviation")
        quantiles = {f"{100 * p:g}%": np.quantile(flat, p, axis=0) for p in probs}
        columns = {"mean": flat.mean(axis=0), "sd": flat.std(axis=0, ddof=1), **quantiles}
        if self._trouble:
            warnings.warn(self.advice, ConvergenceWarning, stacklevel=2)
        return frame(columns | (self._diagnosed or {}), self.names, "quantity")

    @cached_property
    def _diagnosed(self) -> dict[str, Floats] | None:
        try:
            return diagnose([self.draws_of(name) for name in self.names])
        except ImportError:
            return None

    @cached_property
    def _trouble(self) -> list[str]:
        found = self.trajectories.trouble()
        if self._diagnosed is not None:
            found += of_chains(self.names, self._diagnosed, len(self.draws))
        return found

    @property
    def advice(self) -> str:
        """What the diagnostics say, and what to do when they are bad."""
        if self._trouble:
            return "; ".join(self._trouble) + "."
        if self._diagnosed is None:
            return "R-hat and effective sample sizes need ArviZ: pip install 'pyhier[arviz]'."
        return all_well(self._diagnosed, len(self.draws))

    def to_mcmc(self) -> "McmcList":
        """The draws as `pyhier.coda` keeps them: every coordinate a variable."""
        from pyhier.coda.convert import from_array

        return from_array(self.draws, self.names)

    def to_arviz(self) -> Any:
        """The draws and their statistics as ArviZ keeps them.

        Returns
        -------
        arviz.InferenceData, or xarray.DataTree with ArviZ 1.x
            Groups ``posterior`` and ``sample_stats``.

        Raises
        ------
        ImportError
            If ArviZ is not installed.
        """
        load_arviz()  # which brings xarray, or says what to install
        import xarray as xr

        coords = {"chain": np.arange(self.draws.shape[0]), "draw": np.arange(self.draws.shape[1])}
        dims = ("chain", "draw")
        quantities = {name: (dims, self.draws_of(name)) for name in self.names}
        stats = {name: (dims, values) for name, values in self.trajectories.stats.items()}
        return arviz_object(
            {
                "posterior": xr.Dataset(quantities, coords, {"inference_library": "pyhier"}),
                "sample_stats": xr.Dataset(stats, coords),
            }
        )
