"""Whether a prior of tau can be used, and whether it is proper: for the writer of one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pyhier._types import Floats
from pyhier._validation import vector
from pyhier.distributions.tau import TauMarginal
from pyhier.priors.tau import TauPrior, resolve_prior
from pyhier.quadrature.panels import resolve


@dataclass(frozen=True)
class PriorCheck:
    """What `check_prior` found.

    Attributes
    ----------
    usable : bool
        Whether the log density is a number, or -inf, wherever it was tried.
    proper : bool
        Whether the prior has a finite integral.
    normalised : bool
        Whether that integral is 1, to 1e-6.
    integral : float
        The integral over tau; ``inf`` when improper.
    groups : int
        The fewest groups with which the posterior is proper, mu's prior being flat; 0 if none is.
    problems : tuple of str
        What to mend.
    """

    usable: bool
    proper: bool
    normalised: bool
    integral: float
    groups: int
    problems: tuple[str, ...]


def check_prior(prior_tau: TauPrior, se: ArrayLike = (1.0,)) -> PriorCheck:
    """Look a prior of tau over: its values, its tails and its integral.

    Parameters
    ----------
    prior_tau : str, frozen distribution or callable
        As `NormalNormal` takes it: a callable returns the log density at a tau.
    se : array_like, shape (groups,)
        The standard errors that the prior is meant for: named priors are made of them, and they
        give the scale about which others are looked at.

    Returns
    -------
    PriorCheck

    Examples
    --------
    >>> found = check_prior(lambda tau: -tau)  # an exponential prior
    >>> found.usable, found.proper, found.normalised, round(found.integral, 12)
    (True, True, True, 1.0)
    >>> check_prior(lambda tau: -np.log(tau)).problems
    ('it has infinite mass at tau = 0: no posterior is proper',)
    """
    spread = vector("se", se)
    wrong = np.flatnonzero(~((spread > 0.0) & np.isfinite(spread)))
    if wrong.size:
        j = int(wrong[0])
        raise ValueError(f"se[{j}] is {spread[j]}: standard errors must be positive and finite")
    prior = resolve_prior(None, None, prior_tau, spread**2)
    middle = float(np.log(np.median(spread)))
    tried = middle + np.linspace(-120.0, 120.0, 241)
    with np.errstate(all="ignore"):
        try:
            values = prior.log_density(tried)
        except ValueError as error:  # it is no number somewhere: the error says where
            place = str(error).rpartition("at tau = ")[2].partition(":")[0]
            text = f"its log density is not a number at tau = {place}"
            return PriorCheck(False, False, False, np.nan, 0, (text,))
        left, right = _tails(tried, values)
    wrong = tried[np.isnan(values) | (values == np.inf)]
    if wrong.size:
        text = f"its log density is not a number at tau = {np.exp(wrong[0]):.3g}"
        return PriorCheck(False, False, False, np.nan, 0, (text,))
    if left <= 1e-6:
        text = "it has infinite mass at tau = 0: no posterior is proper"
        return PriorCheck(True, False, False, np.inf, 0, (text,))
    # The likelihood with mu integrated out falls as tau^-(groups - 1).
    groups = 1 if right > 1e-6 else int(np.floor(1.0 - right + 1e-6)) + 1
    if right <= 1e-6:
        text = f"it has infinite mass at large tau: give at least {groups} groups"
        return PriorCheck(True, False, False, np.inf, groups, (text,))
    integral = _integral(prior.log_density, middle, (left, right), prior.support)
    normalised = bool(abs(integral - 1.0) < 1e-6)
    problems = () if normalised else (f"its integral is {integral:.6g}, not 1: no evidence",)
    return PriorCheck(True, True, normalised, integral, groups, problems)


def _tails(at: Floats, values: Floats) -> tuple[float, float]:
    """Exponents of the density of log tau on both sides; inf where it falls faster or ends."""
    slopes = np.diff(values + at) / np.diff(at)

    def index(near: float, far: float) -> float:
        agree = np.isfinite(near) and abs(far - near) <= 1e-6 * max(1.0, abs(near))
        return far if agree else np.inf

    return index(slopes[60], slopes[0]), index(-slopes[-61], -slopes[-1])


def _integral(
    log_density: object, middle: float, tails: tuple[float, float], support: tuple[float, float]
) -> float:
    assert callable(log_density)
    with np.errstate(divide="ignore"):
        ends = float(np.log(support[0])), float(np.log(support[1]))
    low, high = np.clip([middle - 20.0, middle + 20.0], *ends)

    def of_log_tau(log_tau: Floats) -> Floats:
        values: Floats = log_density(log_tau) + log_tau
        return values

    panels = resolve(lambda s: of_log_tau(s)[None], float(low), float(high), 0.0, ends)
    inside = float(np.exp(panels.log_total))
    powers = middle - 60.0, middle + 60.0
    tau = TauMarginal(panels, of_log_tau, tails, powers, ends)
    return float(inside * (1.0 + sum(tau.outside)))
