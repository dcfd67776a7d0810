"""LearnBayes' probit regression."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyhier._random import RNG
from pyhier._types import Floats
from pyhier._validation import aligned, amount, as_array, is_number
from pyhier.kernels.gibbs import probit
from pyhier.learnbayes._arguments import entries, factor, flat, numbers, rows
from pyhier.learnbayes.regression import covariates, design_matrix, regression_data
from pyhier.learnbayes.simulation import dmnorm, stream
from pyhier.rstats.linalg import chol, solve
from pyhier.rstats.real_line import pnorm, qnorm
from pyhier.rstats.results import ByName
from pyhier.rstats.streams import RStream

EPSILON = float(np.finfo(float).eps)


@dataclass(frozen=True)
class BayesProbitResult(ByName):
    """What LearnBayes' ``bayes.probit`` returns.

    Attributes
    ----------
    beta : ndarray, shape (m, p)
        Draws of the coefficients.
    log_marg : float or None
        Estimate of the log marginal likelihood; None under the flat prior, which has none.
    """

    beta: Floats
    log_marg: float | None


def bayes_probit(
    y: ArrayLike,
    X: ArrayLike,  # noqa: N803
    m: int,
    prior: Mapping[str, Any] | None = None,
    *,
    rng: RNG = None,
) -> BayesProbitResult:
    """Gibbs sampling of a probit regression: LearnBayes' ``bayes.probit(y, X, m, prior)``.

    The method is Albert and Chib's (Journal of the American Statistical Association 88 (1993),
    669-679); with a prior, the marginal likelihood is Chib's estimate (same journal, 90 (1995),
    1313-1321) at the maximum likelihood estimate.

    Parameters
    ----------
    y : array_like, shape (n,)
        Responses, 0 or 1.
    X : array_like, shape (n, p)
        Design matrix.
    m : int
        The number of cycles.
    prior : mapping, optional
        ``{"beta": mean, "P": precision matrix}``; flat without it.
    rng : None, int, numpy.random.Generator or RStream
        R's global stream (``rstats.set_seed``) without it.

    Returns
    -------
    BayesProbitResult

    Raises
    ------
    ValueError
        If a response is not 0 or 1, the columns of ``X`` depend on each other, or a draw leaves the
        range of the normal distribution function (under a flat prior with separable data there is
        no posterior; R returns NaN).

    Examples
    --------
    >>> from pyhier import RStream, learnbayes as lb
    >>> X = np.column_stack([np.ones(10), np.arange(1.0, 11.0)])
    >>> fit = lb.bayes_probit([0, 1, 0, 0, 0, 1, 1, 1, 1, 1], X, 1000, rng=RStream(1))
    >>> fit.beta.mean(axis=0).round(2), fit.log_marg
    (array([-2.3 ,  0.55]), None)
    """
    aligned(y=y, X=X)
    logical = as_array("y", y).dtype == bool  # R's TRUE and FALSE are 1 and 0
    responses, x = regression_data(np.asarray(y, dtype=np.float64) if logical else y, X, spare=0)
    rows("y", responses, (responses == 0.0) | (responses == 1.0), "responses are 0 or 1")
    p = x.shape[1]
    size, source = amount("m", m, p), stream(rng)
    prior_mean, prior_precision = _prior(prior, p)
    start = probit_fit(responses, x)
    shift = prior_precision @ prior_mean
    covariance = solve(prior_precision + x.T @ x)
    mean, beta = np.empty((size, p)), np.empty((size, p))
    bits = source.bit_generator
    with bits.lock:
        probit(
            bits, isinstance(source, RStream), responses, x, shift, covariance,
            chol(covariance), start, mean, beta,
        )  # fmt: skip
    bad = np.flatnonzero(~np.all(np.isfinite(beta), axis=1))
    if bad.size:
        raise ValueError(
            f"cycle {int(bad[0]) + 1} left the range of the normal distribution function: "
            "the coefficients are too large; give a prior that holds them"
        )
    if not np.any(prior_precision):
        return BayesProbitResult(beta, None)
    fitted = x @ start
    likelihood = float(np.sum(np.log(pnorm(np.where(responses == 1.0, fitted, -fitted)))))
    at = float(dmnorm(start, prior_mean, solve(prior_precision), log=True)[0])
    given = dmnorm(mean, start, covariance, log=True)
    top = float(np.max(given))
    ordinate = top + math.log(float(np.mean(np.exp(given - top))))
    return BayesProbitResult(beta, likelihood + at - ordinate)


def _prior(prior: Mapping[str, Any] | None, p: int) -> tuple[Floats, Floats]:
    if prior is None:
        return np.zeros(p), np.zeros((p, p))
    mean, precision = entries("prior", prior, "beta", "P")
    if is_number(precision) and precision == 0:  # R's default, list(beta = 0, P = 0)
        return np.zeros(p), np.zeros((p, p))
    matrix = design_matrix("prior P", precision)
    if matrix.shape != (p, p):
        raise ValueError(f"prior P has shape {matrix.shape}: it must be {p} x {p}")
    factor("prior P", matrix)  # for its error where the matrix is not positive definite
    centre = numbers("prior beta", flat(mean))
    if centre.size not in (1, p):
        raise ValueError(f"prior beta has {centre.size} numbers: it must have {p}")
    return np.zeros(p) + centre, matrix


def probit_fit(y: Floats, x: Floats) -> Floats:
    """Maximum likelihood by scoring, from R's start to R's stop (help pages glm, glm.control)."""
    bound = -float(qnorm(EPSILON))
    eta = qnorm((y + 0.5) / 2.0)
    mu = pnorm(eta)
    deviance, beta = _deviance(y, mu), np.zeros(x.shape[1])
    for _ in range(25):
        slope = np.maximum(np.exp(-0.5 * eta**2) / math.sqrt(2.0 * math.pi), EPSILON)
        weight = slope / np.sqrt(mu * (1.0 - mu))
        q, r = np.linalg.qr(x * weight[:, None])
        if not np.all(np.abs(np.diag(r)) > 0.0):
            break
        beta = np.linalg.solve(r, q.T @ ((eta + (y - mu) / slope) * weight))
        eta = x @ beta
        mu = pnorm(np.clip(eta, -bound, bound))
        previous, deviance = deviance, _deviance(y, mu)
        if abs(deviance - previous) / (abs(deviance) + 0.1) < 1e-8:
            break
    return beta


def _deviance(y: Floats, mu: Floats) -> float:
    return -2.0 * float(np.sum(np.where(y == 1.0, np.log(mu), np.log1p(-mu))))


def bprobit_probs(X1: ArrayLike, fit: ArrayLike) -> Floats:  # noqa: N803
    """Draws of fitted probabilities: LearnBayes' ``bprobit.probs(X1, fit)``.

    Parameters
    ----------
    X1 : array_like, shape (k, p)
        A set of covariates a row.
    fit : array_like, shape (m, p)
        Draws of the coefficients: ``bayes_probit(...).beta``.

    Returns
    -------
    ndarray, shape (m, k)

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> from pyhier import learnbayes as lb
    >>> lb.bprobit_probs([[1, 3], [1, 5]], [[-2.0, 0.4]]).round(4)
    array([[0.2119, 0.5   ]])
    """
    sets, beta = covariates(X1, fit, "fit")
    return pnorm(beta @ sets.T)
