"""Random-walk Metropolis with a normal proposal, usually the Laplace approximation's covariance."""

from collections.abc import Mapping
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from pyhier._random import RNG
from pyhier._validation import positive
from pyhier.inference.chains import MetropolisPosterior, Plan, starting_points
from pyhier.inference.checkpoint import PathLike, open_checkpoint
from pyhier.inference.laplace import LaplaceFit, laplace
from pyhier.inference.proposal import ProposalLike, proposal_factor
from pyhier.kernels.sampler import random_walk
from pyhier.models.interface import Model


def rwmetrop(
    model: Model,
    draws: int,
    proposal: ProposalLike | None = None,
    scale: float | None = None,
    start: ArrayLike | None = None,
    *,
    burn_in: int = 0,
    chains: int = 1,
    rng: RNG = None,
    theta: bool = True,
    progress: bool | None = None,
    checkpoint: PathLike | None = None,
    resume: bool | None = None,
) -> MetropolisPosterior:
    """Sample a model's posterior by random-walk Metropolis on its hyperparameters.

    Parameters
    ----------
    model : Model
        Any model.
    draws : int
        Draws to keep, of each chain.
    proposal : LaplaceFit, array_like of shape (p, p) or mapping, optional
        The covariance of the normal steps before ``scale``; ``laplace(model)`` without it. A
        mapping is R's list: ``{"var": covariance, "scale": factor}``.
    scale : float, optional
        Factor of the steps; 2.38 / sqrt(p) without it (Gelman, Roberts and Gilks 1996).
    start : array_like, shape (p,) or (chains, p), optional
        Where the chains start. Without it one chain starts at the mode; several start at
        independent draws from the proposal, twice as wide, so that their agreement means something.
    burn_in : int
        Draws to make first and leave out (kept in ``burn_in`` of the result).
    chains : int
        The number of chains.
    rng : None, int, numpy.random.Generator or RStream
        With an `RStream` the chain is R's: LearnBayes' ``rwmetrop`` after ``set.seed``, to the last
        bit, then theta group by group. Several chains use an `RStream` one after another. The
        result does not depend on the number of threads.
    theta : bool
        Whether to draw the group effects (8 bytes for each of them and each draw). Without them
        and with a seed those of new groups are drawn when they are asked for: the same numbers.
    progress : bool, optional
        Whether to show a progress bar; without it, on a terminal when it takes over a second.
    checkpoint : str or path, optional
        A file in which the run is kept, at least every 5 seconds. The same call with this file
        goes on where the run was, whatever ended it, to the very same draws as without the break
        (on the same machine); ``draws`` may be more.
    resume : bool, optional
        With ``checkpoint``: True where there must be a run to go on with, False to begin anew in
        its place. Without it a run that is there is gone on with.

    Returns
    -------
    MetropolisPosterior
        After Ctrl-C, with the draws so far and a warning. Chains of unequal lengths are cut, or
        left out, so that most draws are kept.

    Raises
    ------
    ValueError, TypeError
        If an argument cannot be used, or the density is not finite at a start; if the file is
        damaged, or of another model, data, priors, settings, seed or version, which is named.
    OSError
        If the file cannot be written where it shall be.

    Examples
    --------
    >>> import pyhier as ph
    >>> schools = ph.load_dataset("eight_schools")
    >>> model = ph.NormalNormal(schools["y"], se=schools["sigma"])
    >>> fit = ph.laplace(model, start=[8, 2])
    >>> chain = ph.rwmetrop(model, 5_000, fit, scale=2, burn_in=5_000, rng=ph.RStream(11))
    >>> chain.accept  # R: LearnBayes::rwmetrop after set.seed(11)
    0.3288
    >>> chain["theta[1]"].mean(), chain["theta[1]"].std()  # R: 11.226786 8.510583
    (11.226785..., 8.51058...)
    """
    file = open_checkpoint(checkpoint, resume)
    plan = Plan.of("rwmetrop", model, draws, burn_in, chains, rng, theta, progress, file)
    if isinstance(proposal, Mapping):
        if set(proposal) - {"scale"} != {"var"}:
            raise ValueError(f"proposal has the entries {sorted(proposal)}: give 'var' and 'scale'")
        scale, proposal = proposal.get("scale", scale), proposal["var"]
    if proposal is None:
        proposal = laplace(model)
    p = len(model.coordinates)
    mode = proposal.mode if isinstance(proposal, LaplaceFit) else None
    var = proposal.var if isinstance(proposal, LaplaceFit) else proposal
    upper = proposal_factor(var, p)
    factor = 2.38 / np.sqrt(p) if scale is None else positive("scale", scale)
    starts = starting_points(model, mode, start, upper, plan.generators)
    settings = {"proposal": upper, "scale": factor, "start": start}
    return plan.run([partial(random_walk, upper, factor)] * len(starts), starts, settings)
