"""Rejection sampling from a normal or t proposal."""

import numpy as np

from pyhier._random import RNG, Generator, as_generator, uniforms
from pyhier._types import Floats
from pyhier._validation import amount
from pyhier.inference.proposal import Proposal, ProposalLike, proposal_of
from pyhier.models.interface import Model
from pyhier.models.requirements import need_posterior
from pyhier.posterior.draws import DrawsPosterior
from pyhier.rstats.nelder_mead import minimise

MARGIN = 0.05  # on the log scale: what a search for the bound may have missed
SEARCHES = 8  # from the best of the trial draws
TRIALS = 2_000


class RejectionPosterior(DrawsPosterior):
    """Independent draws from `rejection`.

    Attributes
    ----------
    accept : float
        The share of the proposals that were accepted.
    log_bound : float
        The bound of log target over proposal that was used, less the constants of both.
    """

    def __init__(
        self,
        model: Model,
        phi: Floats,
        theta: Floats | None,
        theta_new: Floats,
        *,
        accept: float,
        log_bound: float,
    ) -> None:
        super().__init__(model, phi, theta, theta_new)
        self.accept, self.log_bound = accept, log_bound


def rejection(
    model: Model,
    draws: int,
    proposal: ProposalLike | None = None,
    scale: float | None = None,
    df: float = 4.0,
    *,
    rng: RNG = None,
    theta: bool = True,
) -> RejectionPosterior:
    """Sample a model's posterior by rejection: independent draws, exact if the bound holds.

    The bound of target over proposal is the highest ratio that searches from several places find,
    and 5% more.

    Parameters
    ----------
    model : Model
        Any model.
    draws : int
        Draws to return.
    proposal, scale, df
        As for `indepmetrop`. The tails must be at least as heavy as the posterior's, or there is no
        bound.
    rng : None, int, numpy.random.Generator or RStream
    theta : bool
        Whether to draw the group effects.

    Returns
    -------
    RejectionPosterior

    Raises
    ------
    ValueError, TypeError
        If an argument cannot be used; if the ratio has no bound, or a draw exceeds the one found;
        or if fewer than 1 proposal in 10,000 is accepted.

    Examples
    --------
    >>> import pyhier as ph
    >>> rats = ph.load_dataset("rat_tumors")
    >>> post = ph.rejection(ph.BetaBinomial(rats["tumors"], rats["rats"]), 10_000, rng=1)
    >>> post.accept > 0.4
    True
    """
    need_posterior("rejection", model)
    n, generator = amount("draws", draws, len(model.labels) + 8), as_generator(rng)
    source = proposal_of(model, proposal, df, scale)
    bound = _bound(model, source, generator)
    kept, tried, found = [], 0, 0
    while found < n:
        batch = max(1_000, int(1.1 * (n - found) * max(tried, 1) / max(found, 1)))
        phi, ratio = _ratios(model, source, min(batch, 1_000_000), generator)
        over = np.flatnonzero(ratio > bound)
        if over.size:
            raise ValueError(
                f"the bound {bound:.6g} of log target over proposal is exceeded at "
                f"{phi[over[0]]}, where it is {ratio[over[0]]:.6g}: the posterior's tails are "
                "heavier than the proposal's; give df=1, or a greater scale"
            )
        accepted = np.flatnonzero(np.log(uniforms(generator, ratio.size)) < ratio - bound)
        if found + accepted.size >= n:  # count the proposals up to the last draw that is kept
            accepted = accepted[: n - found]
            tried += int(accepted[-1]) + 1
        else:
            tried += ratio.size
        found += accepted.size
        kept.append(phi[accepted])
        if tried >= 1_000_000 and found < 1e-4 * tried:
            raise ValueError(
                f"{found} of {tried} proposals were accepted: the proposal is not like the "
                "posterior; give another one, or take exact(model)"
            )
    result = RejectionPosterior.from_phi(
        model, np.concatenate(kept)[np.newaxis], generator, theta=theta, accept=n / tried,
        log_bound=bound,
    )  # fmt: skip
    assert isinstance(result, RejectionPosterior)
    return result


def _ratios(model: Model, source: Proposal, n: int, rng: Generator) -> tuple[Floats, Floats]:
    """Draws from the proposal and log target over proposal there; -inf where that is NaN."""
    phi, log_target, log_proposal = source.weigh(model.marginal.density, n, rng)
    return phi, np.where(np.isnan(log_target), -np.inf, log_target - log_proposal)


def _bound(model: Model, source: Proposal, rng: Generator) -> float:
    """The highest log ratio that searches from the best of some draws find, and a margin."""
    phi, ratio = _ratios(model, source, TRIALS, rng)
    best = float(ratio.max())

    def falls(z: Floats) -> float:
        point = source.mean + z @ source.upper
        value = model.marginal.density(point) - float(source.log_density(point))
        return -value if np.isfinite(value) else np.inf

    for k in np.argsort(ratio)[-SEARCHES:]:
        start = np.linalg.solve(source.upper.T, phi[k] - source.mean)
        found = minimise(start, falls, (), {"reltol": 1e-10, "maxit": 2_000}, False)
        best = max(best, -found.value)
        if np.max(np.abs(found.par)) > 1e4:  # sds of the proposal: it climbs for ever
            raise ValueError(
                f"log target over proposal rises without bound towards {found.par @ source.upper}:"
                " the posterior's tails are heavier than the proposal's; give df=1, or a greater "
                "scale"
            )
    return best + MARGIN
