"""Metropolis within Gibbs: a random walk along one coordinate after the other."""

from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from pyhier._random import RNG
from pyhier._types import Floats
from pyhier._validation import float_array
from pyhier.inference.chains import MetropolisPosterior, Plan, starting_points
from pyhier.inference.checkpoint import PathLike, open_checkpoint
from pyhier.inference.laplace import laplace
from pyhier.kernels.sampler import coordinate_walk
from pyhier.models.interface import Model
from pyhier.rstats.linalg import chol


def gibbs(
    model: Model,
    draws: int,
    scale: ArrayLike | None = None,
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
    """Sample a model's posterior by Metropolis within Gibbs on its hyperparameters.

    An iteration takes one random-walk step along each coordinate in turn, so that it needs no
    covariance, only a scale for each, and evaluates the density p times.

    Parameters
    ----------
    model : Model
        Any model.
    draws : int
        Draws to keep, of each chain.
    scale : array_like, shape (p,), optional
        The sds of the normal steps; 2.38 conditional sds at the mode without it.
    start, burn_in, chains, rng, theta, progress, checkpoint, resume
        As for `rwmetrop`.

    Returns
    -------
    MetropolisPosterior
        Its ``accept`` holds the rate of each coordinate.

    Raises
    ------
    ValueError, TypeError
        If an argument cannot be used, or the density is not finite at a start.

    Examples
    --------
    >>> import pyhier as ph
    >>> pumps = ph.load_dataset("pumps")
    >>> model = ph.PoissonGamma(pumps["failures"], pumps["khours"])
    >>> chain = ph.gibbs(model, 20_000, rng=1)
    >>> chain.accept.shape, bool((chain.accept > 0.3).all())
    ((2,), True)
    """
    file = open_checkpoint(checkpoint, resume)
    plan = Plan.of("gibbs", model, draws, burn_in, chains, rng, theta, progress, file)
    p = len(model.coordinates)
    fit = None
    if scale is None or start is None:
        fit = laplace(model)
    if scale is None:
        assert fit is not None
        steps: Floats = 2.38 / np.sqrt(np.diag(np.linalg.inv(fit.var)))
    else:
        steps = check_scale(scale, p)
    mode, upper = (None, np.diag(steps)) if fit is None else (fit.mode, chol(fit.var))
    starts = starting_points(model, mode, start, upper, plan.generators)
    kernel = partial(coordinate_walk, steps)
    settings = {"scale": steps, "start": start}
    return plan.run([kernel] * len(starts), starts, settings, moves=p)


def check_scale(scale: ArrayLike, p: int) -> Floats:
    """The steps' sds: one, or one a coordinate."""
    steps = float_array("scale", scale, None).ravel()
    if steps.size != p:
        raise ValueError(f"scale has {steps.size} entries: give {p}, one a coordinate")
    bad = np.flatnonzero(~((steps > 0.0) & np.isfinite(steps)))
    if bad.size:
        k = int(bad[0])
        raise ValueError(f"scale[{k}] is {steps[k]}: steps must be positive and finite")
    return steps
