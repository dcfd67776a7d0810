"""Independence Metropolis: proposals from one distribution, wherever the chain is."""

from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from pyhier._random import RNG
from pyhier.inference.chains import MetropolisPosterior, Plan, starting_points
from pyhier.inference.checkpoint import PathLike, open_checkpoint
from pyhier.inference.proposal import ProposalLike, proposal_of
from pyhier.kernels.sampler import independence
from pyhier.models.interface import Model


def indepmetrop(
    model: Model,
    draws: int,
    proposal: ProposalLike | None = None,
    scale: float | None = None,
    df: float = 4.0,
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
    """Sample a model's posterior by an independence Metropolis chain on its hyperparameters.

    Parameters
    ----------
    model : Model
        Any model.
    draws : int
        Draws to keep, of each chain.
    proposal : LaplaceFit, array_like of shape (p, p) or mapping, optional
        The proposals' distribution: about the mode, with this scale matrix; ``laplace(model)``
        without it. A mapping is R's list, ``{"mean": ..., "var": ...}``, where ``scale`` and ``df``
        may be too.
    scale : float, optional
        Factor of the proposals' sds; 1 without it.
    df : float
        Degrees of freedom of the t distribution that is proposed from; ``numpy.inf`` is the normal
        one, LearnBayes'. A posterior with heavier tails than the proposal is explored badly: the
        chain stays in the tail for long.
    start, burn_in, chains, rng, theta, progress, checkpoint, resume
        As for `rwmetrop`.

    Returns
    -------
    MetropolisPosterior

    Raises
    ------
    ValueError, TypeError
        If an argument cannot be used, or the density is not finite at a start.

    Examples
    --------
    >>> import pyhier as ph
    >>> rats = ph.load_dataset("rat_tumors")
    >>> chain = ph.indepmetrop(ph.BetaBinomial(rats["tumors"], rats["rats"]), 20_000, rng=1)
    >>> chain.accept > 0.6
    True
    >>> 0.20 < chain["theta[71]"].mean() < 0.22
    True
    """
    file = open_checkpoint(checkpoint, resume)
    plan = Plan.of("indepmetrop", model, draws, burn_in, chains, rng, theta, progress, file)
    source = proposal_of(model, proposal, df, scale)
    starts = starting_points(model, source.mean, start, source.upper, plan.generators)
    kernel = partial(independence, source.mean, source.upper, source.df)
    known = [np.atleast_1d(source.log_density(point)) for point in starts]
    settings = {
        "mean": source.mean, "proposal": source.upper, "df": source.df, "start": start,
    }  # fmt: skip
    return plan.run([kernel] * len(starts), starts, settings, known=known)
