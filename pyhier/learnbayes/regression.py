"""LearnBayes' normal regressions, and the choice between them; probit ones are in probit.py."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from pyhier._random import RNG, normals
from pyhier._types import Floats
from pyhier._validation import aligned, amount, checked, flag, float_array, positive
from pyhier.learnbayes._arguments import entries, flat, numbers
from pyhier.learnbayes.samplers import laplace
from pyhier.learnbayes.simulation import equal_gammas, rmnorm, stream
from pyhier.rstats.linalg import solve
from pyhier.rstats.results import ByName

EPSILON = float(np.finfo(float).eps)


@dataclass(frozen=True)
class BlinregResult(ByName):
    """What LearnBayes' ``blinreg`` returns.

    Attributes
    ----------
    beta : ndarray, shape (m, p)
        Draws of the coefficients.
    sigma : ndarray, shape (m,)
        Draws of the error standard deviation.
    """

    beta: Floats
    sigma: Floats


@dataclass(frozen=True)
class ModelSelectionResult(ByName):
    """What LearnBayes' ``bayes.model.selection`` returns.

    Attributes
    ----------
    mod_prob : DataFrame
        A row a model: whether it has each covariate, ``log.m``, the log marginal density, to 2
        digits, and ``Prob``, its probability, to 5.
    converge : ndarray of bool
        Whether `laplace` converged.
    """

    mod_prob: pd.DataFrame
    converge: NDArray[np.bool_]


def design_matrix(name: str, value: Any) -> Floats:
    """A matrix of finite numbers, a column a covariate."""
    x = float_array(name, value, 2)
    bad = np.argwhere(~np.isfinite(x))
    if bad.size:
        row, column = map(int, bad[0])
        raise ValueError(f"{name}[{row}, {column}] is {x[row, column]}: it must be finite")
    return x


def regression_data(y: Any, x: Any, spare: int = 1) -> tuple[Floats, Floats]:
    """Responses and a design of full rank, with at least ``spare`` more rows than columns."""
    aligned(y=y, X=x)
    responses, design = numbers("y", flat(y)), design_matrix("X", x)
    n, p = design.shape
    if n != responses.size:
        raise ValueError(f"X has {n} rows: y has {responses.size}")
    if p == 0 or np.linalg.matrix_rank(design) < p or n < p + spare:
        raise ValueError(
            f"X has shape {n} x {p} and rank {np.linalg.matrix_rank(design) if p else 0}: its "
            f"columns must be independent, and fewer than its rows"
        )
    return responses, design


def _least_squares(y: Floats, x: Floats) -> tuple[Floats, float]:
    """Coefficients and the sum of squared residuals."""
    q, r = np.linalg.qr(x)
    beta = np.linalg.solve(r, q.T @ y)
    return beta, float(np.sum((y - x @ beta) ** 2))


def blinreg(
    y: ArrayLike,
    X: ArrayLike,  # noqa: N803
    m: int,
    prior: Mapping[str, Any] | None = None,
    *,
    rng: RNG = None,
) -> BlinregResult:
    """Posterior draws of a normal regression: LearnBayes' ``blinreg(y, X, m, prior)``.

    Parameters
    ----------
    y : array_like, shape (n,)
        Responses.
    X : array_like, shape (n, p)
        Design matrix, with its column of ones if there is to be a constant.
    m : int
        The number of draws, which are independent.
    prior : mapping, optional
        ``{"c0": c, "b0": mean}``: Zellner's g prior, whose covariance is ``c`` times that of least
        squares. (LearnBayes' help page says ``beta0``, which its code does not take; here both are
        taken.) Without it the prior is flat in the
        coefficients and log sigma.
    rng : None, int, numpy.random.Generator or RStream
        R's global stream (``rstats.set_seed``) without it.

    Returns
    -------
    BlinregResult

    Raises
    ------
    ValueError
        If the columns of ``X`` depend on each other or are not fewer than its rows.

    Examples
    --------
    >>> from pyhier import RStream, learnbayes as lb
    >>> X = np.column_stack([np.ones(6), np.arange(6.0)])
    >>> fit = lb.blinreg([1.0, 3.0, 4.8, 7.3, 9.1, 10.8], X, 1000, rng=RStream(1))
    >>> fit.beta.mean(axis=0).round(2)
    array([1., 2.])
    """
    responses, x = regression_data(y, X)
    n, p = x.shape
    size, source = amount("m", m, p), stream(rng)
    centre, squares = _least_squares(responses, x)
    covariance, df = solve(x.T @ x), float(n - p)
    if prior is not None:
        c, beta0 = _g_prior(prior, p)
        off = beta0 - centre
        squares += float(off @ (x.T @ x) @ off) / (c + 1.0)
        centre = c / (1.0 + c) * (centre + beta0 / c)
        covariance, df = c / (1.0 + c) * covariance, float(n)
    if not squares > 0.0:
        raise ValueError("y is fitted without error: the error variance cannot be estimated")
    sigma = np.sqrt(1.0 / equal_gammas(source, size, df / 2.0, squares / 2.0))
    beta = centre + sigma[:, None] * rmnorm(size, None, covariance, rng=source)
    return BlinregResult(beta, sigma)


def _g_prior(prior: Mapping[str, Any], p: int) -> tuple[float, Floats]:
    name = "beta0" if isinstance(prior, Mapping) and "beta0" in prior else "b0"
    factor, mean = entries("prior", prior, "c0", name)
    return positive("prior c0", factor), numbers(f"prior {name}", flat(mean), p)


def _simulated(x1: Any, theta_sample: Any) -> tuple[Floats, Floats, Floats]:
    beta, sigma = entries("theta_sample", theta_sample, "beta", "sigma")
    return *covariates(x1, beta, "theta_sample beta"), numbers("theta_sample sigma", flat(sigma))


def covariates(x1: Any, beta: Any, name: str) -> tuple[Floats, Floats]:
    """Sets of covariates and draws of as many coefficients."""
    sets = design_matrix("X1", np.atleast_2d(float_array("X1", x1, None)))
    draws = design_matrix(name, beta)
    if sets.shape[1] != draws.shape[1]:
        raise ValueError(f"X1 has {sets.shape[1]} columns: there are {draws.shape[1]} coefficients")
    return sets, draws


def blinregexpected(X1: ArrayLike, theta_sample: Any) -> Floats:  # noqa: N803
    """Draws of expected responses: LearnBayes' ``blinregexpected(X1, theta.sample)``.

    Parameters
    ----------
    X1 : array_like, shape (k, p)
        A set of covariates a row.
    theta_sample : BlinregResult or mapping
        What `blinreg` returns.

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
    >>> lb.blinregexpected([[1, 2], [1, 3]], {"beta": [[1.0, 0.5]], "sigma": [1.0]})
    array([[2. , 2.5]])
    """
    sets, beta, _ = _simulated(X1, theta_sample)
    return beta @ sets.T


def blinregpred(X1: ArrayLike, theta_sample: Any, *, rng: RNG = None) -> Floats:  # noqa: N803
    """Draws of future responses: LearnBayes' ``blinregpred(X1, theta.sample)``.

    Parameters
    ----------
    X1 : array_like, shape (k, p)
        A set of covariates a row.
    theta_sample : BlinregResult or mapping
        What `blinreg` returns.
    rng : None, int, numpy.random.Generator or RStream
        R's global stream (``rstats.set_seed``) without it.

    Returns
    -------
    ndarray, shape (m, k)

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> from pyhier import RStream, learnbayes as lb
    >>> lb.blinregpred([[1, 2]], {"beta": [[1.0, 0.5]], "sigma": [1.0]}, rng=RStream(1)).round(4)
    array([[1.3735]])
    """
    sets, beta, sigma = _simulated(X1, theta_sample)
    if sigma.size != len(beta):
        raise ValueError(f"theta_sample sigma has {sigma.size} draws: beta has {len(beta)}")
    noise = normals(stream(rng), (len(beta),), len(sets))
    return beta @ sets.T + noise * sigma[:, None]


def reg_gprior_post(theta: ArrayLike, dataprior: Mapping[str, Any]) -> float:
    """Log posterior of a regression with a g prior: LearnBayes' ``reg.gprior.post``.

    Parameters
    ----------
    theta : array_like, shape (p + 1,)
        The coefficients and log sigma.
    dataprior : mapping
        ``{"data": {"y": responses, "X": design}, "prior": {"b0": mean, "c0": c}}``.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If an entry is missing or the shapes do not fit.

    Examples
    --------
    >>> from pyhier import learnbayes as lb
    >>> data = {"y": [1.0, 2.0, 4.0], "X": [[1, 0], [1, 1], [1, 2]]}
    >>> prior = {"b0": [0, 0], "c0": 10}
    >>> round(lb.reg_gprior_post([1, 1, 0], {"data": data, "prior": prior}), 6)
    -7.201398
    """
    data, prior = entries("dataprior", dataprior, "data", "prior")
    responses, design = entries("data", data, "y", "X")
    y, x = regression_data(responses, design, spare=0)
    b0, c0 = entries("prior", prior, "b0", "c0")
    point = numbers("theta", theta, x.shape[1] + 1)
    mean = numbers("prior b0", flat(b0), x.shape[1])
    return _GPrior(y, x, mean, positive("prior c0", c0))(point)


class _GPrior:
    """The log posterior of one design, with what does not depend on the point made once."""

    def __init__(self, y: Floats, x: Floats, b0: Floats, c0: float) -> None:
        self.y, self.x, self.b0 = y, x, b0
        self.information = x.T @ x / c0
        _, log_det = np.linalg.slogdet(self.information)
        n, p = x.shape
        self.constant = -0.5 * ((n + p) * math.log(2.0 * math.pi) - float(log_det))

    def __call__(self, theta: Floats) -> float:
        beta, log_sigma = theta[:-1], float(theta[-1])
        residual, off = self.y - self.x @ beta, beta - self.b0
        squares = float(residual @ residual) + float(off @ self.information @ off)
        n, p = self.x.shape
        with np.errstate(over="ignore"):
            scaled = 0.5 * squares * float(np.exp(-2.0 * log_sigma))
        return float(self.constant - (n + p) * log_sigma - scaled)


@checked(constant=flag)
def bayes_model_selection(
    y: ArrayLike,
    X: Any,  # noqa: N803
    c: float,
    constant: bool = True,
) -> ModelSelectionResult:
    """Compare all regression models by g priors: LearnBayes' ``bayes.model.selection``.

    Parameters
    ----------
    y : array_like, shape (n,)
        Responses.
    X : array_like or DataFrame, shape (n, p)
        Covariates; a frame's columns name them.
    c : float
        The g prior's factor; its mean is 0.
    constant : bool
        Whether the first column of ``X`` is the constant, which every model has; else one is added.

    Returns
    -------
    ModelSelectionResult

    Raises
    ------
    ValueError
        If the columns, with the constant, depend on each other.

    Examples
    --------
    >>> from pyhier import learnbayes as lb
    >>> X = np.column_stack([np.ones(6), np.arange(6.0), [1, 0, 0, 1, 0, 1]])
    >>> fit = lb.bayes_model_selection([1.0, 3.0, 4.8, 7.3, 9.1, 10.8], X, 100)
    >>> print(fit.mod_prob)
          X2     X3  log.m     Prob
    1  False  False -18.71  0.00080
    2   True  False -11.66  0.92368
    3  False   True -21.15  0.00007
    4   True   True -14.17  0.07545
    """
    responses, x = regression_data(y, X if constant else _with_constant(X), spare=0)
    factor, others = positive("c", c), x.shape[1] - 1
    names = [f"X{j + 2 if constant else j + 1}" for j in range(others)]
    if isinstance(X, pd.DataFrame):
        names = [str(name) for name in X.columns[1 if constant else 0 :]]
    chosen = (np.arange(2**others)[:, None] >> np.arange(others)) & 1 == 1
    log_m, converge = np.empty(2**others), np.empty(2**others, dtype=bool)
    for k, model in enumerate(chosen):
        design = np.ascontiguousarray(x[:, np.concatenate([[True], model])])
        beta, squares = _least_squares(responses, design)
        df = max(len(x) - design.shape[1], 1)
        start = np.append(beta, 0.5 * math.log(max(squares, 1e-300) / df))
        fit = laplace(_GPrior(responses, design, np.zeros(beta.size), factor), start)
        log_m[k], converge[k] = fit.int, fit.converge
    weight = np.exp(log_m - log_m.max())
    frame = pd.DataFrame(chosen, columns=names, index=np.arange(1, 2**others + 1))
    frame["log.m"] = log_m.round(2)
    frame["Prob"] = (weight / weight.sum()).round(5)
    return ModelSelectionResult(frame, converge)


def _with_constant(x: Any) -> Floats:
    design = design_matrix("X", x)
    return np.column_stack([np.ones(len(design)), design])
