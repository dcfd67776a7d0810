"""LearnBayes' checks of a fitted model: predictions, outliers, influential groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from pyhier._types import Floats
from pyhier._validation import amount, float_array, function, positive
from pyhier.kernels.count_density import BetaBinomialMarginal
from pyhier.learnbayes._arguments import entries, flat, numbers
from pyhier.learnbayes.exchangeable import trials
from pyhier.rstats import RStream, rnorm, sample
from pyhier.rstats.results import ByName


@dataclass(frozen=True)
class Influence(ByName):
    """What LearnBayes' ``bayes.influence`` returns.

    Attributes
    ----------
    summary : ndarray, shape (3,)
        5%, 50% and 95% quantiles of log K.
    summary_obs : ndarray, shape (groups, 3)
        The same without each group (R's ``summary.obs``).
    """

    summary: Floats
    summary_obs: Floats


def normpostpred(
    parameters: Any,
    sample_size: int,
    f: Callable[[Floats], Any] = np.min,
    *,
    rng: RStream | None = None,
) -> NDArray[Any]:
    """Posterior predictive draws of a statistic of a normal sample.

    Parameters
    ----------
    parameters : mapping or NormalPosterior
        ``{"mu": draws of the mean, "sigma2": draws of the variance}``.
    sample_size : int
        Size of the future sample.
    f : callable
        The statistic, of one sample.
    rng : RStream, optional
        R's global stream (``rstats.set_seed``) without it.

    Returns
    -------
    ndarray, shape (draws,)

    Raises
    ------
    ValueError
        If a draw of the variance is not positive, or there are not as many as of the mean.

    Examples
    --------
    >>> from pyhier import rstats
    >>> rstats.set_seed(1)
    >>> normpostpred({"mu": [1, 2, 3], "sigma2": [1, 4, 9]}, 5).round(4)
    array([ 0.1644,  0.3591, -3.6441])
    """
    mu, sigma2 = entries("parameters", parameters, "mu", "sigma2")
    mean = numbers("parameters['mu']", flat(mu))
    var = numbers("parameters['sigma2']", flat(sigma2), mean.size, "positive")
    size = amount("sample_size", sample_size, mean.size)
    function("f", f, "one sample")
    draws = rnorm(mean.size * size, np.repeat(mean, size), np.repeat(np.sqrt(var), size), rng=rng)
    return np.array([f(row) for row in draws.reshape(-1, size)])


def bayesresiduals(lmfit: Any, post: Any, k: float) -> Floats:
    """Posterior probabilities that observations of a linear regression are outliers.

    An observation is one if its error exceeds k standard deviations in size (Chaloner and Brant
    1988).

    Parameters
    ----------
    lmfit : mapping or fit by statsmodels' OLS
        ``{"residuals": (n,), "X": design matrix (n, p)}``, what R's ``lm`` holds.
    post : mapping
        ``{"beta": draws, "sigma": draws of the error's standard deviation}``, by `blinreg` say.
    k : float
        The cut-off.

    Returns
    -------
    ndarray, shape (n,)

    Raises
    ------
    ValueError
        If the design matrix has not full rank, or a draw of sigma is not positive.

    References
    ----------
    Chaloner, K. and Brant, R. (1988), Biometrika 75, 651-659.

    Examples
    --------
    >>> X = np.column_stack([np.ones(5), [1, 2, 3, 4, 5]])
    >>> fit = {"residuals": [0.1, -0.2, 0.0, 3.0, 0.1], "X": X}
    >>> bayesresiduals(fit, {"sigma": [1.0, 1.2]}, 2).round(3)
    array([0.01 , 0.   , 0.   , 0.893, 0.01 ])
    """
    residuals, x = _linear_fit(lmfit)
    (sigma,) = entries("post", post, "sigma")
    sd = numbers("post['sigma']", flat(sigma), rule="positive")[:, np.newaxis]
    cut = positive("k", k)
    q, r = np.linalg.qr(x)
    if np.min(np.abs(np.diag(r))) <= 1e-10 * np.max(np.abs(np.diag(r))):
        raise ValueError("lmfit: the design matrix has not full rank: drop a covariate")
    root = np.sqrt(np.sum(q * q, axis=1))  # of the leverages
    standard = residuals / sd
    with np.errstate(divide="ignore"):
        outlying = ndtr((standard - cut) / root) + ndtr((-standard - cut) / root)
    return np.asarray(outlying.mean(axis=0))


def _linear_fit(lmfit: Any) -> tuple[Floats, Floats]:
    if isinstance(lmfit, Mapping):
        residuals, x = entries("lmfit", lmfit, "residuals", "X")
    elif hasattr(lmfit, "resid") and hasattr(lmfit, "model"):
        residuals, x = lmfit.resid, lmfit.model.exog
    else:
        raise TypeError(
            f"lmfit is a {type(lmfit).__name__}: give a fit by statsmodels' OLS, or a dict of "
            "'residuals' and 'X'"
        )
    matrix = float_array("lmfit's design matrix", x, 2)
    return numbers("lmfit's residuals", flat(residuals), len(matrix)), matrix


def bayes_influence(theta: ArrayLike, data: ArrayLike, *, rng: RStream | None = None) -> Influence:
    """How the precision of a beta-binomial model depends on each group.

    The draws are resampled with weights that take one group's likelihood away (sampling importance
    resampling).

    Parameters
    ----------
    theta : array_like, shape (m, 2)
        Draws of (logit eta, log K), by `sir` say.
    data : array_like, shape (groups, 2)
        Successes and trials.
    rng : RStream, optional
        R's global stream (``rstats.set_seed``) without it.

    Returns
    -------
    Influence

    Raises
    ------
    ValueError
        If a draw is not finite, or a count negative or not whole.

    Examples
    --------
    >>> from pyhier import rstats
    >>> rstats.set_seed(1)
    >>> theta = np.column_stack([rstats.rnorm(500, -1, 0.2), rstats.rnorm(500, 2, 0.5)])
    >>> found = bayes_influence(theta, [[1, 20], [4, 20], [12, 20]])
    >>> found.summary.round(2), found.summary_obs.shape
    (array([1.1 , 1.99, 2.88]), (3, 3))
    """
    draws = float_array("theta", theta, 2)
    if draws.shape[1] != 2 or not len(draws):
        raise ValueError(f"theta has shape {draws.shape}: give the columns logit eta, log K")
    bad = np.flatnonzero(~np.isfinite(draws).all(axis=1))
    if bad.size:
        raise ValueError(f"theta[{bad[0]}] is {draws[bad[0]]}: draws must be finite")
    y, n = trials("data", data)
    levels = (0.05, 0.5, 0.95)
    without = np.empty((y.size, 3))
    for j in range(y.size):
        if n[j] > 0.0:
            density = BetaBinomialMarginal(y[[j]], n[[j]], prior="", coefficients=False)
            logs = -density.evaluate(draws)
        else:
            logs = np.zeros(len(draws))
        weights = np.exp(logs - logs.max())
        chosen = sample(len(draws), len(draws), replace=True, prob=weights / weights.sum(), rng=rng)
        without[j] = np.quantile(draws[chosen - 1, 1], levels)
    return Influence(np.quantile(draws[:, 1], levels), without)
