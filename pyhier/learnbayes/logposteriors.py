"""LearnBayes' other log posteriors: compiled densities with a face of R's form."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln

from pyhier._types import Floats
from pyhier._validation import positive, square_matrix, vector
from pyhier.kernels.density import LogDensity
from pyhier.kernels.posteriors import TablePosterior
from pyhier.kernels.undefined import undefined_as_in_r
from pyhier.learnbayes._arguments import counts, entries, flat, numbers, rows, table
from pyhier.learnbayes._log_posterior import log_posterior


def _compiled(name: str, ndim: int, table: Any = ((),), par: Any = ()) -> LogDensity:
    """The density by name, which knows where R's formula has no number from the same data."""
    return undefined_as_in_r(TablePosterior(name, ndim, table, par), name, table, par)


def _sample(name: str, value: object) -> Floats:
    return numbers(name, flat(value))


@log_posterior()
def cauchyerrorpost(data: ArrayLike) -> LogDensity:
    """Log posterior of (M, log S) for a Cauchy sample, uniform prior.

    Parameters
    ----------
    theta : array_like, shape (2,)
        Location M and log scale.
    data : array_like, shape (n,)
        The observations.

    Returns
    -------
    float

    Examples
    --------
    >>> data = [108, 51, 7, 43, 52, 54, 53, 49, 21, 48]
    >>> round(cauchyerrorpost([40, 1], data), 5)
    -54.70607
    """
    return _compiled("cauchyerrorpost", 2, [_sample("data", data)])


@log_posterior()
def groupeddatapost(data: object) -> LogDensity:
    """Log posterior of (M, log S) for normal observations known by their bins, uniform prior.

    Parameters
    ----------
    theta : array_like, shape (2,)
        Mean M and log standard deviation.
    data : mapping
        ``{"int_lo": lower ends, "int_hi": upper ends, "f": frequencies}``, each of shape (bins,);
        the ends may be infinite.

    Returns
    -------
    float
        Without the multinomial coefficient, as in R.

    Raises
    ------
    ValueError
        If a bin is empty of numbers, or a frequency negative.

    Examples
    --------
    >>> data = {
    ...     "int_lo": [-np.inf, 10, 15, 20, 25],
    ...     "int_hi": [10, 15, 20, 25, np.inf],
    ...     "f": [2, 5, 8, 4, 2],
    ... }
    >>> round(groupeddatapost([20, 1], data), 5)
    -51.15081
    """
    low, high, f = (
        vector(f"data[{key!r}]", flat(item))
        for key, item in zip(
            ("int_lo", "int_hi", "f"), entries("data", data, "int_lo", "int_hi", "f"), strict=True
        )
    )
    if not low.size == high.size == f.size:
        raise ValueError(
            f"data has {low.size} lower ends, {high.size} upper ends and {f.size} frequencies: "
            "give one of each a bin"
        )
    rows("data['int_lo']", low, low < high, "a bin's lower end must be below its upper end")
    rows("data['f']", f, np.isfinite(f) & (f >= 0.0), "frequencies must not be negative")
    return _compiled("groupeddatapost", 2, [low, high, f])


@log_posterior()
def normchi2post(data: ArrayLike) -> LogDensity:
    """Log posterior of (M, S2), a normal sample's mean and variance, under the prior 1 / S2.

    Parameters
    ----------
    theta : array_like, shape (2,)
        Mean and variance; for a variance that is not positive the density is 0.
    data : array_like, shape (n,)
        The observations.

    Returns
    -------
    float
        Without the constant, as in R.

    Examples
    --------
    >>> round(normchi2post([25, 5], [20, 32, 21, 43, 33, 21, 32]), 5)
    -61.54247
    """
    y = _sample("data", data)
    centre = float(y.mean())
    par = [y.size, centre, np.sum((y - centre) ** 2)]
    return undefined_as_in_r(TablePosterior("normchi2post", 2, par=par), "normchi2post", [y])


@log_posterior("xy")
def lbinorm(par: object) -> LogDensity:
    """Log kernel of the bivariate normal density.

    Parameters
    ----------
    xy : array_like, shape (2,)
        A point.
    par : mapping
        ``{"m": means, shape (2,), "v": covariance, shape (2, 2)}``.

    Returns
    -------
    float
        Without the constant, as in R.

    Raises
    ------
    ValueError
        If ``v`` is no covariance matrix.

    Examples
    --------
    >>> lbinorm([1, 1], {"m": [0, 0], "v": np.eye(2)})
    -1.0
    """
    m, v = entries("par", par, "m", "v")
    mean = numbers("par['m']", flat(m), 2)
    var = square_matrix("par['v']", v)
    if var.shape != (2, 2):
        raise ValueError(f"par['v'] has shape {var.shape}: it must be (2, 2)")
    sd = np.sqrt(numbers("diagonal of par['v']", np.diag(var), 2, "positive"))
    rho = float(var[0, 1] / (sd[0] * sd[1]))
    if not (abs(rho) < 1.0 and np.isclose(var[0, 1], var[1, 0], rtol=1e-8, atol=0.0)):
        raise ValueError(f"par['v'] is {var.tolist()}: it must be symmetric and positive definite")
    return _compiled("lbinorm", 2, par=[*mean, *sd, rho])


@log_posterior("xy")
def howardprior(par: ArrayLike) -> LogDensity:
    """Logarithm of Howard's dependent prior of two proportions.

    Its density is exp(-u^2 / 2) p1^(alpha-1) (1-p1)^(beta-1) p2^(gamma-1) (1-p2)^(delta-1), with
    u = (logit p1 - logit p2) / sigma.

    Parameters
    ----------
    xy : array_like, shape (2,)
        p1 and p2; outside (0, 1) the density is 0.
    par : array_like, shape (5,)
        alpha, beta, gamma, delta, sigma: all positive.

    Returns
    -------
    float
        Without the constant, as in R.

    References
    ----------
    Howard, J. V. (1998), Statistical Science 13, 351-367.

    Examples
    --------
    >>> round(howardprior([0.1, 0.5], [1, 1, 1, 1, 2]), 6)
    -0.603474
    """
    return _compiled("howardprior", 2, par=numbers("par", flat(par), 5, "positive"))


@log_posterior()
def logctablepost(data: ArrayLike) -> LogDensity:
    """Log posterior of the difference and the sum of the logits in a 2 x 2 table, uniform prior.

    Parameters
    ----------
    theta : array_like, shape (2,)
        logit p1 - logit p2 and logit p1 + logit p2.
    data : array_like, shape (4,)
        Successes and failures of the first sample, then of the second.

    Returns
    -------
    float
        Without the binomial coefficients, as in R.

    Examples
    --------
    >>> round(logctablepost([2, 4], [6, 2, 3, 10]), 5)
    -20.4611
    """
    par = numbers("data", flat(data), 4, "not negative")
    return _compiled("logctablepost", 2, par=par)


@log_posterior("beta")
def logisticpost(data: ArrayLike) -> LogDensity:
    """Log posterior of (beta0, beta1) in a logistic regression, uniform prior.

    Parameters
    ----------
    beta : array_like, shape (2,)
        Intercept and slope.
    data : array_like, shape (rows, 3)
        Covariate, trials, successes.

    Returns
    -------
    float
        Without the binomial coefficients, as in R.

    Raises
    ------
    ValueError
        If successes are negative or exceed their trials.

    Examples
    --------
    >>> data = np.column_stack([[-0.86, -0.3, -0.05, 0.73], [5, 5, 5, 5], [0, 1, 3, 5]])
    >>> round(logisticpost([2, 10], data), 5)
    -6.58063
    """
    x, n, y = table("data", data, "covariate, trials, successes")[:3]
    rows("data[:, 2]", y, (y >= 0.0) & (y <= n), "successes are from 0 up to the trials")
    return _compiled("logisticpost", 2, [x, n - y, y])


def _poisson(datapar: object) -> tuple[Floats, Floats]:
    data, par = entries("datapar", datapar, "data", "par")
    y = counts("datapar['data']", _sample("datapar['data']", data))
    return y, numbers("datapar['par']", flat(par), 2)


@log_posterior(vectorised=True)
def logpoissgamma(datapar: object) -> LogDensity:
    """Log posterior of a Poisson sample's log mean, under a gamma prior of the mean.

    Parameters
    ----------
    theta : float or array_like
        The log mean; a vector of them gives a vector of values.
    datapar : mapping
        ``{"data": counts, "par": (shape, rate) of the prior}``.

    Returns
    -------
    float or ndarray

    Raises
    ------
    ValueError
        If a count is negative or not whole, or the prior is improper.

    Examples
    --------
    >>> data = {"data": [2, 4, 3, 6, 1, 0, 4, 3, 10, 2], "par": [1, 1]}
    >>> logpoissgamma([-1, 0, 1, 2], data).round(4)
    array([-49.2898, -20.2431,  -3.1442, -18.5227])
    """
    y, par = _poisson(datapar)
    shape, rate = numbers("datapar['par']", par, 2, "positive")
    n, total = y.size, float(y.sum())
    constant = (total + 1) * np.log(n) - gammaln(total + 1) + shape * np.log(rate) - gammaln(shape)
    density = TablePosterior("logpoissgamma", 1, par=[total + shape, n + rate, constant])
    return undefined_as_in_r(density, "logpoissgamma", par=[total, n, shape, rate])


@log_posterior(vectorised=True)
def logpoissnormal(datapar: object) -> LogDensity:
    """Log posterior of a Poisson sample's log mean, under a normal prior of it.

    Parameters
    ----------
    theta : float or array_like
        The log mean; a vector of them gives a vector of values.
    datapar : mapping
        ``{"data": counts, "par": (mean, sd) of the prior}``.

    Returns
    -------
    float or ndarray

    Raises
    ------
    ValueError
        If a count is negative or not whole, or the sd not positive.

    Examples
    --------
    >>> data = {"data": [2, 4, 3, 6, 1, 0, 4, 3, 10, 2], "par": [0, 1]}
    >>> logpoissnormal([-1, 0, 1, 2], data).round(4)
    array([-49.3408, -20.1621,  -2.8449, -16.0526])
    """
    y, (mean, sd) = _poisson(datapar)
    positive("datapar['par'][1]", float(sd))
    n, total = y.size, float(y.sum())
    constant = (total + 1) * np.log(n) - gammaln(total + 1) - np.log(sd) - 0.5 * np.log(2 * np.pi)
    return _compiled("logpoissnormal", 1, par=[total, n, mean, sd, constant])


@log_posterior()
def transplantpost(data: ArrayLike) -> LogDensity:
    """Log posterior of (log tau, log lambda, log p) in the Pareto model of heart transplants.

    A patient's hazard is gamma(p, rate lambda) distributed, and tau times it after a transplant;
    the prior of (tau, lambda, p) is uniform.

    Parameters
    ----------
    theta : array_like, shape (3,)
        log tau, log lambda and log p.
    data : array_like, shape (patients, 4)
        Survival time (after the transplant where there was one), transplant (1) or not (0), time to
        the transplant, survival time censored (1) or not (0).

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If a time is negative, or an indicator neither 0 nor 1.

    References
    ----------
    Turnbull, B., Brown, B. and Hu, M. (1974), JASA 69, 74-80.

    Examples
    --------
    >>> import pyhier as ph
    >>> round(transplantpost([0, 3, -1], ph.load_dataset("stanfordheart")), 4)
    -375.9438
    """
    names = "survival time, transplant, time to transplant, censored"
    survival, transplant, wait, censored = table("data", data, names)[:4]
    rows("data[:, 0]", survival, survival >= 0.0, "a time must not be negative")
    _indicator("data[:, 1]", transplant)
    rows("data[:, 2]", wait, wait >= 0.0, "a time must not be negative")
    _indicator("data[:, 3]", censored)
    with np.errstate(divide="ignore"):  # log 0 = -inf is what the kernel takes
        logs = [np.log(survival), np.log(wait)]
    columns = [survival, transplant, wait, censored]
    density = TablePosterior("transplantpost", 3, [*columns, *logs])
    longest = float(max(survival.max(), wait.max()))
    return undefined_as_in_r(density, "transplantpost", columns, [longest])


@log_posterior()
def weibullregpost(data: ArrayLike) -> LogDensity:
    """Log posterior of (log sigma, mu, beta) in a Weibull regression of survival times.

    log T = mu + x'beta + sigma e with e of the standard smallest-extreme-value distribution; the
    prior of (log sigma, mu, beta) is uniform.

    Parameters
    ----------
    theta : array_like, shape (2 + covariates,)
        log sigma, mu, then the coefficients.
    data : array_like, shape (patients, 2 + covariates)
        Survival time, observed (1) or censored (0), covariates.

    Returns
    -------
    float
        The density of the logarithms of the times, as in R.

    Raises
    ------
    ValueError
        If a time is not positive, or the indicator neither 0 nor 1.

    Examples
    --------
    >>> import pyhier as ph
    >>> d = ph.load_dataset("chemotherapy")
    >>> data = np.column_stack([d["time"], d["status"], d["treat"] - 1, d["age"]])
    >>> round(weibullregpost([-0.6, 11, 0.6, 0], data), 5)
    -114.54625
    """
    cells = table("data", data, "survival time, observed")
    rows("data[:, 0]", cells[0], cells[0] > 0.0, "a survival time must be positive")
    _indicator("data[:, 1]", cells[1])
    cells[0] = np.log(cells[0])
    return _compiled("weibullregpost", len(cells), cells)


def _indicator(name: str, values: Floats) -> None:
    rows(name, values, (values == 0.0) | (values == 1.0), "it must be 0 or 1")
