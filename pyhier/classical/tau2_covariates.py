"""Estimators of tau^2 where effects centre on covariates (Viechtbauer 2005; Raudenbush 2009)."""

from functools import partial

import numpy as np

from pyhier._types import Floats
from pyhier.classical.least_squares import LeastSquares, least_squares
from pyhier.classical.tau2 import STEP, find_root


def estimate(method: str, y: Floats, x: Floats, var: Floats) -> tuple[float, float]:
    """Tau^2 before it is cut at 0, and its standard error; var's least is one."""
    if method in ("ML", "REML"):
        tau2 = maximum(y, x, var, method == "REML")
        fit = at(y, x, var, tau2)
        information = fit.trace_of_squares() if method == "REML" else (fit.weights**2).sum()
        return tau2, float(np.sqrt(2.0 / information))
    if method in ("PM", "EB"):
        tau2 = _by_generalised_q(y, x, var)
        df, weights = y.size - x.shape[1], 1.0 / (var + max(tau2, 0.0))
        return tau2, float(np.sqrt(2.0 * y.size**2 / df) / weights.sum())
    return _by_moments(method, y, x, var)


def at(y: Floats, x: Floats, var: Floats, tau2: float) -> LeastSquares:
    """The fit at a tau^2."""
    return least_squares(y, x, 1.0 / (var + tau2))


def _by_moments(method: str, y: Floats, x: Floats, var: Floats) -> tuple[float, float]:
    """DL, HE, HS, SJ: from the expectation of a quadratic form y'Py, P of fixed weights."""
    df, crude = y.size - x.shape[1], float(((y - y.mean()) ** 2).sum() / y.size)
    if method == "SJ" and crude == 0.0:
        return 0.0, 0.0
    weights = {"HE": np.ones(y.size), "SJ": 1.0 / (var + crude)}.get(method, 1.0 / var)
    fit = least_squares(y, x, weights)
    if method == "HS":
        scale = 1.0 / float(weights.sum())
        raw = (fit.squares - y.size) * scale
    elif method == "SJ":
        scale = crude / df
        raw = fit.squares * scale
    else:  # E[y'Py] = tr(P V) + tau^2 tr(P)
        scale = 1.0 / fit.trace
        raw = (fit.squares - float((weights * var * (1.0 - fit.hat)).sum())) * scale
    return raw, scale * float(np.sqrt(2.0 * fit.trace_of_squares(var + max(raw, 0.0))))


def excess(y: Floats, x: Floats, var: Floats, tau2: float) -> float:
    """The generalised Q statistic over its expectation."""
    return float(at(y, x, var, tau2).squares - (y.size - x.shape[1]))


def _by_generalised_q(y: Floats, x: Floats, var: Floats) -> float:
    """Where the generalised Q is its expectation; 0 where it is below it already there."""
    above = partial(excess, y, x, var)
    if above(0.0) <= 0.0:
        return 0.0
    # Q is at most S / (min(var) + tau^2), with S the plain sum of squares.
    top = least_squares(y, x, np.ones(y.size)).squares / max(y.size - x.shape[1], 1)
    return find_root(above, 0.0, top)


def score(y: Floats, x: Floats, var: Floats, restricted: bool, tau2: float) -> float:
    """Twice the derivative of the log likelihood, restricted or not, in tau^2."""
    fit = at(y, x, var, tau2)
    fall = fit.trace if restricted else float(fit.weights.sum())
    return float(((fit.weights * fit.residuals) ** 2).sum() - fall)


def log_likelihood(y: Floats, x: Floats, var: Floats, restricted: bool, tau2: float) -> float:
    """The log likelihood of tau^2, beta at its best (or integrated out), without its constants."""
    fit = at(y, x, var, tau2)
    value = np.log(fit.weights).sum() - fit.squares
    return float(0.5 * (value - (fit.log_determinant if restricted else 0.0)))


def maximum(y: Floats, x: Floats, var: Floats, restricted: bool) -> float:
    """The tau^2 from 0 up where the likelihood is largest: every fall of the score through 0.

    The score is negative from max(var) + 2 S / (J - p) on, as without covariates (tau2.py).
    """
    spread = least_squares(y, x, np.ones(y.size)).squares
    top = float(var.max()) + 2.0 * spread / (y.size - x.shape[1])
    least = float(var.min())
    count = 2 + int(np.log1p(top / least) / STEP)
    rungs = least * np.expm1(np.linspace(0.0, np.log1p(top / least), count))
    slope = partial(score, y, x, var, restricted)
    rising = [slope(rung) > 0.0 for rung in rungs]
    found = [] if rising[0] else [0.0]
    for k in range(rungs.size - 1):
        if rising[k] and not rising[k + 1]:
            found.append(find_root(slope, rungs[k], rungs[k + 1]))
    return max(found, key=partial(log_likelihood, y, x, var, restricted))
