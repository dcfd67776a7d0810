"""Whether a prior of tau can be used, and whether it is proper: for the writer of one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pyhier._types import Floats
from pyhier._validation import vector
from pyhier.priors.shapes import shape_of
from pyhier.priors.tau import ResolvedPrior, TauPrior, resolve_prior
from pyhier.quadrature.panels import UnresolvedError, cover
from pyhier.quadrature.scan import scan

PROMISE = 1e-9  # of exact


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
        The integral over tau; ``inf`` when improper, NaN where the quadrature cannot tell.
    groups : int
        The fewest groups with which the posterior is proper, mu's prior being flat; 0 if none is.
    problems : tuple of str
        What to mend; and what `exact` cannot resolve of it.
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
    scales = float(np.log(spread.min())), float(np.log(spread.max()))
    if prior.proper:  # known, whatever its values look like
        problems = _engine(prior, scales)[1]
        return PriorCheck(True, True, True, 1.0, 1, problems)
    if left <= 1e-6:
        text = "it has infinite mass at tau = 0: no posterior is proper"
        return PriorCheck(True, False, False, np.inf, 0, (text,))
    # The likelihood with mu integrated out falls as tau^-(groups - 1).
    groups = 1 if right > 1e-6 else int(np.floor(1.0 - right + 1e-6)) + 1
    if right <= 1e-6:
        text = f"it has infinite mass at large tau: give at least {groups} groups"
        return PriorCheck(True, False, False, np.inf, groups, (text,))
    integral, problems = _engine(prior, scales)
    normalised = bool(abs(integral - 1.0) < 1e-6)
    if not normalised and not problems:
        problems = (f"its integral is {integral:.6g}, not 1: no evidence",)
    return PriorCheck(True, True, normalised, integral, groups, problems)


def _engine(prior: ResolvedPrior, scales: tuple[float, float]) -> tuple[float, tuple[str, ...]]:
    """The integral by the quadrature of `exact`, NaN where it fails, and what it cannot do."""
    with np.errstate(divide="ignore"):
        support = float(np.log(prior.support[0])), float(np.log(prior.support[1]))
    zero, far = prior.structure(*scales).powers
    shape = shape_of(prior, scales, (zero + 1.0, far - 1.0), support)

    def rows(log_tau: Floats) -> Floats:
        return (prior.log_density(log_tau) + log_tau)[np.newaxis]

    try:
        panels = cover(rows, shape) if shape.rough is None else scan(rows, shape)
    except UnresolvedError as error:
        why = f"{error}, about tau = {np.exp(error.place):.4g}"
    except ValueError as error:
        why = str(error)
    else:
        if panels.lost <= PROMISE:
            return float(np.exp(panels.log_total)), ()
        why = f"its error is about {panels.lost:.1g}, about tau = {np.exp(panels.worst):.4g}"
    return np.nan, (f"exact refuses it unless the data have their mass elsewhere: {why}",)


def _tails(at: Floats, values: Floats) -> tuple[float, float]:
    """Exponents of the density of log tau on both sides; inf where it falls faster or ends."""
    slopes = np.diff(values + at) / np.diff(at)

    def index(near: float, far: float) -> float:
        agree = np.isfinite(near) and abs(far - near) <= 1e-6 * max(1.0, abs(near))
        return far if agree else np.inf

    return index(slopes[60], slopes[0]), index(-slopes[-61], -slopes[-1])
