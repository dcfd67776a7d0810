"""Whether Markov chains have converged, by ArviZ's definitions under ArviZ's names.

Rank-normalised split R-hat, bulk and tail effective sample size, and the Monte Carlo standard error
of the mean: Vehtari, Gelman, Simpson, Carpenter and Buerkner (2021), Bayesian Analysis 16, 667-718,
who also give the limits. (coda's statistics of the same kind have coda's names.)
"""

from collections.abc import Sequence

import numpy as np

from pyhier._arviz import load_arviz
from pyhier._types import Floats

NAMES = ("mcse_mean", "ess_bulk", "ess_tail", "r_hat")
R_HAT, ESS = 1.01, 100  # at most; at least, of each chain
MENDS = "Run longer (draws=, burn_in=) or start elsewhere (start=)"


class ConvergenceWarning(UserWarning):
    """The draws of a sampler are too few or its chains disagree."""


def diagnose(draws: Sequence[Floats]) -> dict[str, Floats]:
    """Diagnostics of quantities by their draws, each of shape (chain, draw).

    R-hat is NaN with a single chain; all are for draws that are all the same, which is what a
    chain that never moved leaves.
    """
    arviz = load_arviz()
    columns = {name: np.full(len(draws), np.nan) for name in NAMES}
    for i, values in enumerate(draws):
        # ArviZ wants four draws of each half chain, and calls constant ones all effective.
        if values.shape[1] < 8 or np.ptp(values) == 0.0:
            continue
        columns["mcse_mean"][i] = np.squeeze(arviz.mcse(values, method="mean"))
        columns["ess_bulk"][i] = arviz.ess(values, method="bulk")
        columns["ess_tail"][i] = arviz.ess(values, method="tail", prob=(0.05, 0.95))
        if values.shape[0] > 1:
            with np.errstate(invalid="ignore", divide="ignore"):  # where chains stand still
                columns["r_hat"][i] = arviz.rhat(values, method="rank")
    return columns


def find_trouble(names: Sequence[str], columns: dict[str, Floats], chains: int) -> str:
    """What is bad about the draws, in words; empty if nothing is."""
    ess = np.minimum(columns["ess_bulk"], columns["ess_tail"])
    found = []
    if np.isnan(ess).any():
        name = names[int(np.flatnonzero(np.isnan(ess))[0])]
        found.append(f"the draws of {name} do not move or are fewer than 8 a chain")
    elif ess.min() < ESS * chains:
        worst = int(np.argmin(ess))
        found.append(
            f"{names[worst]} has {ess[worst]:.0f} effective draws in {chains} chain"
            f"{'s' * (chains > 1)}, fewer than {ESS * chains}"
        )
    r_hat = columns["r_hat"]
    still = np.isnan(r_hat) & ~np.isnan(ess)
    if chains > 1 and still.any():
        found.append(f"{names[int(np.argmax(still))]} stands still within a chain")
    if np.nanmax(r_hat, initial=0.0) > R_HAT:
        worst = int(np.nanargmax(r_hat))
        found.append(
            f"{names[worst]} has an R-hat of {r_hat[worst]:.3f}, above {R_HAT}: the chains disagree"
        )
    return "; ".join(found)


def all_well(columns: dict[str, Floats], chains: int) -> str:
    """What to say where nothing is bad."""
    ess = min(columns["ess_bulk"].min(), columns["ess_tail"].min())
    if chains == 1:
        return (
            f"At least {ess:.0f} effective draws of everything. One chain cannot tell whether it "
            "missed a part of the posterior: R-hat takes several (chains=4)."
        )
    return (
        f"R-hat is at most {columns['r_hat'].max():.3f}, with at least {ess:.0f} effective draws "
        "of everything: nothing to do."
    )
