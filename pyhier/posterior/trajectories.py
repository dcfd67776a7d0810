"""What Hamiltonian chains say of themselves beyond their draws: statistics, BFMI, what to do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyhier._types import Floats
from pyhier.posterior.diagnostics import R_HAT, find_trouble

LOW_BFMI = 0.3  # below it the momentum's kicks are too small for the energies to be explored
HIGHER = (0.95, 0.99)  # acceptances to aim at where trajectories diverge

_KINDS: Mapping[str, Any] = {
    "diverging": np.bool_, "reached_max_treedepth": np.bool_,
    "tree_depth": np.int64, "n_steps": np.int64,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Trajectories:
    """The statistics of Hamiltonian chains, and what their warm-up ended with.

    Attributes
    ----------
    stats : dict of ndarray, shape (chain, draw)
        Under ArviZ's names: ``lp``, ``energy``, ``acceptance_rate``, ``step_size``, ``tree_depth``,
        ``n_steps``, ``diverging``, ``reached_max_treedepth``.
    step_size : ndarray, shape (chain,)
    metric : ndarray, shape (chain, p) or (chain, p, p)
        The inverse metric: variances of the coordinates, as the warm-up found them.
    tune : int
        Iterations of warm-up.
    target_accept : float
    parameterization : str
        Empty for a density that is no model's.
    """

    stats: Mapping[str, Any]
    step_size: Floats
    metric: Floats
    tune: int
    target_accept: float
    parameterization: str = ""

    @classmethod
    def of(cls, names: tuple[str, ...], table: Floats, **details: Any) -> "Trajectories":
        """The statistics as the kernel wrote them, shape (chain, draw, statistics)."""
        stats = {}
        for i, name in enumerate(names):
            column = np.ascontiguousarray(table[..., i])
            stats[name] = column.astype(_KINDS.get(name, np.float64))
            stats[name].flags.writeable = False
        return cls(stats, **details)

    @property
    def divergences(self) -> int:
        """How many trajectories left the path."""
        return int(self.stats["diverging"].sum())

    @property
    def bfmi(self) -> Floats:
        """Bayesian fraction of missing information of each chain (Betancourt 2016), shape (chain,).

        The mean squared change of the energy over its variance: about 1 where all is well.
        """
        energy = self.stats["energy"]
        with np.errstate(invalid="ignore", divide="ignore"):
            change = np.square(np.diff(energy, axis=1)).sum(axis=1)
            spread = np.square(energy - energy.mean(axis=1, keepdims=True)).sum(axis=1)
            fraction: Floats = change / spread
        return fraction

    def trouble(self) -> list[str]:
        """What is bad about the trajectories, each with its mend."""
        found = []
        total = self.stats["diverging"].size
        if self.divergences:
            found.append(f"{self.divergences} of {total} trajectories diverged: {self._calmer()}")
        deep = int(self.stats["reached_max_treedepth"].sum())
        if deep:
            found.append(
                f"{deep} of {total} trajectories reached the greatest tree depth: they are cut "
                "short, which costs effective draws; raise max_treedepth="
            )
        low = float(np.min(self.bfmi, initial=np.inf))
        if low < LOW_BFMI:
            found.append(
                f"a chain's BFMI is {low:.2f}, below {LOW_BFMI}: its energies are explored "
                "slowly; reparameterise"
            )
        return found

    def _calmer(self) -> str:
        other = {
            "centred": ["parameterization='non-centred' or 'marginal'"],
            "non-centred": ["parameterization='marginal'"],
        }.get(self.parameterization, [])
        higher = next((target for target in HIGHER if target > self.target_accept), None)
        mends = ([f"target_accept={higher}"] if higher else []) + other
        mend = ", or ".join(mends) or "other coordinates"
        return f"the draws are biased where it happens; take {mend}"


def of_chains(names: tuple[str, ...], found: Mapping[str, Floats], chains: int) -> list[str]:
    """What is bad about the chains: more warm-up where they disagree, else longer ones."""
    trouble = find_trouble(names, dict(found), chains)
    if not trouble:
        return []
    apart = np.nanmax(found["r_hat"], initial=0.0) > R_HAT
    return [f"{trouble}: " + ("more warm-up (tune=)" if apart else "run longer (draws=)")]
