"""Importance sampling, and sampling importance resampling, from a normal or t proposal."""

import warnings
from dataclasses import dataclass

import numpy as np

from pyhier._random import RNG, Generator, as_generator, picks
from pyhier._types import Floats
from pyhier._validation import amount
from pyhier.inference.proposal import ProposalLike, proposal_of
from pyhier.models.interface import Model
from pyhier.models.requirements import need_posterior
from pyhier.posterior.draws import DrawsPosterior
from pyhier.posterior.nodes import NodesPosterior

BAD_K = 0.7  # beyond it the estimates' errors cannot be judged (Vehtari et al. 2024)


@dataclass(frozen=True)
class Weighted:
    """Draws from a proposal with their weights.

    Attributes
    ----------
    phi : ndarray, shape (n, p)
    weight : ndarray, shape (n,)
        They add up to one.
    log_z : float
        Log of the mean of target over proposal.
    """

    phi: Floats
    weight: Floats
    log_z: float

    @property
    def ess(self) -> float:
        """Effective sample size of the weights, 1 / sum(w^2) (Kong 1992)."""
        return float(1.0 / (self.weight @ self.weight))

    @property
    def pareto_k(self) -> float:
        """Shape of the weights' tail."""
        return pareto_k(self.weight)


class ImportancePosterior(NodesPosterior):
    """Weighted draws from `importance`: the nodes are draws of phi.

    Given phi the effects' distributions are exact, so that only phi carries Monte Carlo error.

    Attributes
    ----------
    ess : float
        Effective sample size of the weights, 1 / sum(w^2).
    pareto_k : float
        Shape of the weights' tail: below 0.5 good, beyond 0.7 not to be trusted.
    log_z : float
        Log of the integral of likelihood times prior; the evidence where the prior is proper.
    """

    def __init__(self, model: Model, found: Weighted) -> None:
        some = found.weight > 0.0
        super().__init__(model, found.phi[some], found.weight[some])
        self.ess, self.pareto_k = found.ess, found.pareto_k
        self.log_z = found.log_z + model.marginal.log_constant

    def __repr__(self) -> str:
        size = f"{self.weight.size} weighted draws, ESS {self.ess:.0f}, k {self.pareto_k:.2f}"
        return f"ImportancePosterior: {size}, of {self.model!r}"

    def mcse(self, name: str) -> float:
        """Monte Carlo standard error of a quantity's mean (Geweke 1989).

        Parameters
        ----------
        name : str
            One of ``names`` or a coordinate.
        """
        if name in self._hyper:
            values = self._hyper[name]
        elif name in self.model.coordinates:
            values = self.phi[:, self.model.coordinates.index(name)]
        else:
            family, weight = self._effect(name)
            parts = (weight * family.mean).reshape(self.weight.size, -1)
            values = parts.sum(axis=1) / self.weight
        return float(np.sqrt(np.sum((self.weight * (values - self.weight @ values)) ** 2)))


class ResampledPosterior(DrawsPosterior):
    """Draws from `sir`.

    Attributes
    ----------
    ess, pareto_k : float
        Of the weights that were resampled; see `ImportancePosterior`. The draws tell no more than
        ``ess`` independent ones of phi would.
    """

    def __init__(
        self,
        model: Model,
        phi: Floats,
        theta: Floats | None,
        theta_new: Floats,
        *,
        ess: float,
        pareto_k: float,
    ) -> None:
        super().__init__(model, phi, theta, theta_new)
        self.ess, self.pareto_k = ess, pareto_k


def importance(
    model: Model,
    draws: int,
    proposal: ProposalLike | None = None,
    scale: float | None = None,
    df: float = 4.0,
    *,
    rng: RNG = None,
) -> ImportancePosterior:
    """Know a model's posterior by weighted draws of its hyperparameters.

    Parameters
    ----------
    model : Model
        Any model.
    draws : int
        Draws from the proposal.
    proposal, scale, df
        As for `indepmetrop`: a t distribution with 4 degrees of freedom about the mode without
        them.
    rng : None, int, numpy.random.Generator or RStream

    Returns
    -------
    ImportancePosterior

    Raises
    ------
    ValueError, TypeError
        If an argument cannot be used, or no draw has a positive density.

    Warns
    -----
    RuntimeWarning
        If the weights' tail is so heavy (``pareto_k`` beyond 0.7) that no average of them can be
        trusted: the proposal's tails are too light, or its place is wrong.

    Examples
    --------
    >>> import pyhier as ph
    >>> pumps = ph.load_dataset("pumps")
    >>> model = ph.PoissonGamma(pumps["failures"], pumps["khours"])
    >>> post = ph.importance(model, 20_000, rng=1)
    >>> post.ess > 10_000, post.pareto_k < 0.5
    (True, True)
    >>> error = post["theta[1]"].mean() - ph.exact(model)["theta[1]"].mean()
    >>> bool(abs(error) < 4 * post.mcse("theta[1]"))
    True
    """
    need_posterior("importance", model)
    found = weighted_draws(
        model, amount("draws", draws, len(model.labels) + 8), proposal, scale, df, as_generator(rng)
    )
    return ImportancePosterior(model, found)


def sir(
    model: Model,
    draws: int,
    proposal: ProposalLike | None = None,
    scale: float | None = None,
    df: float = 4.0,
    *,
    pool: int | None = None,
    rng: RNG = None,
    theta: bool = True,
) -> ResampledPosterior:
    """Sample a model's posterior by resampling weighted draws (Rubin 1987).

    Parameters
    ----------
    model : Model
        Any model.
    draws : int
        Draws to return, picked from the pool with replacement by their weights.
    proposal, scale, df
        As for `indepmetrop`.
    pool : int, optional
        Draws from the proposal; ten for each draw without it.
    rng : None, int, numpy.random.Generator or RStream
    theta : bool
        Whether to draw the group effects.

    Returns
    -------
    ResampledPosterior

    Raises
    ------
    ValueError, TypeError
        As for `importance`.

    Warns
    -----
    RuntimeWarning
        As for `importance`.

    Examples
    --------
    >>> import pyhier as ph
    >>> schools = ph.load_dataset("eight_schools")
    >>> post = ph.sir(ph.NormalNormal(schools["y"], se=schools["sigma"]), 10_000, rng=1)
    >>> 10.5 < post["theta[1]"].mean() < 12.5
    True
    """
    need_posterior("sir", model)
    n, generator = amount("draws", draws, len(model.labels) + 8), as_generator(rng)
    size = amount("draws", 10 * n, 8) if pool is None else amount("pool", pool, 8)
    found = weighted_draws(model, size, proposal, scale, df, generator)
    phi = found.phi[picks(generator, found.weight, n)]
    result = ResampledPosterior.from_phi(
        model, phi[np.newaxis], generator, theta=theta, ess=found.ess, pareto_k=found.pareto_k
    )
    assert isinstance(result, ResampledPosterior)
    return result


def weighted_draws(
    model: Model,
    n: int,
    proposal: ProposalLike | None,
    scale: float | None,
    df: float,
    rng: Generator,
) -> Weighted:
    """Draw from the proposal and weigh; warn where the weights are bad.

    A draw where the density is NaN has no weight, as the chains refuse it.
    """
    source = proposal_of(model, proposal, df, scale)
    phi, log_target, log_proposal = source.weigh(model.marginal.density, n, rng)
    log_weight = np.where(np.isnan(log_target), -np.inf, log_target - log_proposal)
    top = float(log_weight.max())
    if not np.isfinite(top):
        raise ValueError(
            f"the log posterior is {'+inf' if top > 0 else '-inf or NaN'} at "
            f"{'a draw' if top > 0 else 'every draw'} of the proposal: give another proposal"
        )
    weight = np.exp(log_weight - top)
    log_z = top + float(np.log(weight.mean())) - source.log_constant
    found = Weighted(phi, weight / weight.sum(), log_z)
    if (k := found.pareto_k) > BAD_K:
        warnings.warn(
            f"the weights' tail has Pareto k = {k:.2f} (ESS {found.ess:.0f} of {n}): beyond "
            f"{BAD_K} no average can be trusted; give a proposal with heavier tails (df=1, or a "
            "greater scale), or take exact(model)",
            RuntimeWarning,
            stacklevel=3,
        )
    return found


def pareto_k(weight: Floats) -> float:
    """Shape k of a generalised Pareto distribution fitted to the largest weights.

    Vehtari, Simpson, Gelman, Yao and Gabry, Pareto smoothed importance sampling, Journal of Machine
    Learning Research 25 (2024); the fit is Zhang and Stephens, Technometrics 51 (2009), 316-325.
    Infinite where there are too few weights to tell; ``-inf`` where the largest are equal.
    """
    n = weight.size
    tail = int(np.ceil(min(0.2 * n, 3.0 * np.sqrt(n))))
    if tail < 5:
        return np.inf
    ordered = np.sort(weight)
    excess = ordered[-tail:] - ordered[-tail - 1]
    if excess[-1] <= 1e-15 * ordered[-1]:
        return -np.inf
    excess = excess[excess > 0.0]
    return _pareto_shape(excess) if excess.size >= 5 else np.inf


def _pareto_shape(x: Floats) -> float:
    """Zhang and Stephens' estimate from sorted excesses, drawn to 1/2 as by ten more of them."""
    n = x.size
    m = 30 + int(np.sqrt(n))
    quartile = x[int(n / 4 + 0.5) - 1]
    theta = 1.0 / x[-1] + (1.0 - np.sqrt(m / (np.arange(m) + 0.5))) / (3.0 * quartile)
    k = np.log1p(-theta[:, np.newaxis] * x).mean(axis=1)
    profile = n * (np.log(-theta / k) - k - 1.0)
    share = np.exp(profile - profile.max())
    best = float(theta @ share / share.sum())
    shape = float(np.log1p(-best * x).mean())
    return (n * shape + 10.0 * 0.5) / (n + 10.0)
