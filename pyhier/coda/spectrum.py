"""Spectral density at frequency zero, and what rests on it: effective sizes, batch errors.

The numbers: `ar_at_zero` is R's ``ar()`` (Yule-Walker equations, order by AIC) written out in R's
conventions; `glm_at_zero` is Heidelberger and Welch's polynomial through the periodogram, fitted as
a Gamma regression with log link. Arrays of draws have a row an iteration, a column a variable.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import fft

from pyhier._types import Floats, Ints
from pyhier._validation import count, positive, real
from pyhier.coda.results import chains_in, draws_of, each_finite
from pyhier.coda.vectors import NamedVector
from pyhier.kernels.series import centre, lagged_products
from pyhier.rstats.format import vector_text
from pyhier.rstats.moments import mean_and_sd
from pyhier.rstats.results import ByName

# A series whose distance from a straight line has a smaller standard deviation than this counts as
# constant, in coda 0.19-4 as here (R's tolerance for equal numbers, the square root of epsilon).
FLAT = 1.5e-8


def ar_at_zero(x: Floats) -> tuple[Floats, Ints]:
    """Spectral density at zero of each column by an autoregressive model, and the model's order.

    R's ``ar()``: the mean is taken off; autocovariances divide by n at every lag; orders 0 to
    ``min(n - 1, 10 log10 n)``; the order with the least AIC, ``n log v + 2 order``; innovation
    variance ``v`` times ``n / (n - order - 1)``.

    Parameters
    ----------
    x : array, shape (n, p)
        Finite; n is 2 or more.

    Returns
    -------
    spec, order : arrays, shape (p,)
        Both 0 for a column that is constant or on a straight line.
    """
    columns = [_ar_of_column(x[:, j]) for j in range(x.shape[1])]
    spec, order, _ = np.array(columns).reshape(-1, 3).T
    return spec.copy(), order.astype(np.int64)


def _ar_of_column(x: Floats) -> tuple[float, int, float]:
    """Spectral density at zero, order and variance (n - 1 in the denominator)."""
    n, column = x.size, x.copy()
    largest = min(n - 1, math.floor(10.0 * math.log10(n)))
    constant = bool((column == column[0]).all())
    slope = centre(column)
    products = np.empty(largest + 1)
    lagged_products(column, products)
    if constant or _on_a_line(column, slope, products[0]):
        return 0.0, 0, 0.0
    return *_yule_walker(products / n, n), products[0] / (n - 1)


def _on_a_line(centred: Floats, slope: float, squares: float) -> bool:
    n = centred.size
    spread = n * (n * n - 1.0) / 12.0  # sum of squares of 1, ..., n about their mean
    residual = squares - slope * slope / spread
    if residual < 1e-6 * squares:  # the difference has lost its digits
        time = np.arange(n) - 0.5 * (n - 1)
        residual = float(((centred - slope / spread * time) ** 2).sum())
    return n < 3 or math.sqrt(max(residual, 0.0) / (n - 1)) < FLAT


def _yule_walker(covariance: Floats, n: int) -> tuple[float, int]:
    """Spectrum at zero and order from the autocovariances of n values at lags 0, 1, ..."""
    from statsmodels.tsa.stattools import levinson_durbin

    largest = covariance.size - 1
    # In units of the variance a column's scale can neither under- nor overflow the recursion.
    scaled = covariance / covariance[0]
    _, _, _, innovation, phi = levinson_durbin(scaled, nlags=largest, isacov=True)
    innovation[0] = 1.0
    k = int(np.argmin(n * np.log(innovation) + 2.0 * np.arange(largest + 1)))
    variance = covariance[0] * innovation[k] * n / (n - (k + 1))
    return variance / (1.0 - phi[1 : k + 1, k].sum()) ** 2, k


def effective_sizes(chains: list[Floats]) -> Floats:
    """Draws over the variance inflation of their mean, summed over the chains; 0 if constant.

    Parameters
    ----------
    chains : list of arrays, shape (n, p)

    Returns
    -------
    array, shape (p,)
    """
    total = np.zeros(chains[0].shape[1])
    for x in chains:
        for j in range(x.shape[1]):
            spec, _, variance = _ar_of_column(x[:, j])
            if spec != 0.0:
                total[j] += x.shape[0] * variance / spec
    return total


def batch_errors(chains: list[Floats], size: int) -> Floats:
    """Standard error of the mean from the means of batches, for each column.

    Chains of n values make n // size batches each; the values left over at the end are not used,
    but count in the length of the series, as in coda.
    """
    means = []
    for x in chains:
        batches = x.shape[0] // size
        means.append(mean_and_sd(x[: batches * size].reshape(batches, size, -1), axis=1)[0])
    n = sum(x.shape[0] for x in chains)
    return mean_and_sd(np.concatenate(means))[1] * math.sqrt(size / n)


def glm_at_zero(
    x: Floats, max_freq: float = 0.5, order: int = 1, max_length: float | None = 200
) -> float:
    """Spectral density at zero of one series by a polynomial through its log periodogram.

    Heidelberger and Welch (1981), with a Gamma regression in place of theirs on logarithms. A
    series longer than ``max_length`` is replaced by its batch means.
    """
    batch = 1
    if max_length is not None and x.size > max_length:
        batch = math.ceil(x.size / max_length)
        x = x[: x.size // batch * batch].reshape(-1, batch).mean(axis=1)
    if x.size == 0 or np.ptp(x) == 0.0:
        return 0.0
    n = x.size
    power = np.abs(fft.rfft(x)[1:]) ** 2 / n
    frequency = np.arange(1, power.size + 1) / n
    kept = frequency <= max_freq
    return batch * _gamma_at_zero(power[kept], frequency[kept], order)


def _gamma_at_zero(power: Floats, frequency: Floats, order: int) -> float:
    """Value at frequency zero of exp(polynomial), by maximum likelihood under a Gamma."""
    if power.size == 0:
        raise ValueError("max_freq leaves no frequency of the periodogram: raise it")
    if power.size <= order + 1:
        _warn(f"a polynomial of order {order} through {power.size} frequencies leaves no residual")
    # In units of its mean: coda's fit bends where the periodogram is near the machine's epsilon.
    scale = power.mean()
    basis = np.vander(frequency, min(order + 1, power.size), increasing=True)
    y = power / scale
    if y.min() <= 1e-30:  # R's start has no logarithm there; the likelihood mostly has a maximum
        best = gamma_maximum(y, basis)
        if best is None:
            raise ValueError(
                f"the periodogram is zero at frequency {frequency[y.argmin()]:g} and most others: "
                "the series repeats itself exactly; use spectrum0_ar"
            )
        return float(scale) * math.exp(best[0])
    coefficients, converged = gamma_regression(y, basis)
    if not converged and not _gamma_deviance(y, basis @ coefficients)[1] <= -2.0 * np.log(y).sum():
        # Farther from the data than no polynomial at all: R's glm went astray, mostly to an error.
        best = gamma_maximum(y, basis)
        if best is None:
            raise ValueError("the fit to the periodogram diverged: use spectrum0_ar")
        return float(scale) * math.exp(best[0])
    if not converged:
        _warn("the fit to the periodogram did not converge: spectrum0_ar may do better")
    return float(scale) * math.exp(coefficients[0])


def gamma_regression(y: Floats, basis: Floats) -> tuple[Floats, bool]:
    """Coefficients of a Gamma regression with log link, on the path of R's ``glm``.

    Iterated least squares from mu = y, until the deviance d changes by less than 1e-8 (|d| + 0.1),
    25 times at most; a step to an infinite deviance is halved. The steps shrink slowly, so where
    they stop shows in the fifth digit: R's result is that of R's start and stop. (statsmodels' GLM
    takes the same steps, but stops by another measure and does not halve.)

    Returns
    -------
    coefficients : array, shape (q,)
    converged : bool
    """
    working, before = np.log(y), 0.0
    last: Floats = np.full(basis.shape[1], np.nan)
    coefficients = last
    with np.errstate(over="ignore", invalid="ignore"):
        for step in range(25):
            if not np.isfinite(working).all():
                break
            coefficients = np.asarray(np.linalg.lstsq(basis, working, rcond=None)[0], np.float64)
            ratio, deviance = _gamma_deviance(y, basis @ coefficients)
            while not math.isfinite(deviance) and step > 0:
                coefficients = 0.5 * (coefficients + last)
                ratio, deviance = _gamma_deviance(y, basis @ coefficients)
            if abs(deviance - before) < 1e-8 * (abs(deviance) + 0.1):
                return coefficients, True
            working, before, last = basis @ coefficients + ratio - 1.0, deviance, coefficients
    return coefficients, False


def gamma_maximum(y: Floats, basis: Floats) -> Floats | None:
    """The same coefficients where some y are 0: Newton's method on the concave log likelihood.

    It is the sum of ``-eta - y exp(-eta)``, eta linear in the basis. Indicators often have an
    ordinate of 0; R's ``glm`` begins at log(y), and is an error then or, where rounding makes it
    1e-33, an error or a number that means nothing. None where there is no maximum.
    """
    coefficients, value = np.zeros(basis.shape[1]), -float(y.sum())
    total, basis, y = basis.sum(axis=0), basis[y > 0.0], y[y > 0.0]
    for _ in range(200):
        ratio = y * np.exp(-(basis @ coefficients))
        gradient = basis.T @ ratio - total
        curvature = basis.T * ratio @ basis
        # A little more of it: in a direction that no y bends, the likelihood has no maximum.
        curvature += 1e-10 * np.trace(curvature) * np.eye(gradient.size)
        step = np.linalg.solve(curvature, gradient)
        gain = float(gradient @ step)
        if gain <= 1e-20 * y.size:
            return coefficients
        size, new = 1.0, -np.inf
        while not new > value and size > 1e-20:
            trial = coefficients + size * step
            with np.errstate(over="ignore"):
                new = -float(total @ trial + (y * np.exp(-(basis @ trial))).sum())
            size *= 0.5
        if not new > value:
            return coefficients  # as near as rounding lets it
        coefficients, value = trial, new
        if np.abs(coefficients).max() > 1e3:
            break
    return None


def _gamma_deviance(y: Floats, log_mean: Floats) -> tuple[Floats, float]:
    with np.errstate(over="ignore", invalid="ignore"):
        ratio = y * np.exp(-log_mean)
        return ratio, float(2.0 * (ratio - 1.0 - np.log(y) + log_mean).sum())


def _warn(message: str) -> None:
    warnings.warn(message, RuntimeWarning, stacklevel=2)


@dataclass(frozen=True, repr=False)
class Spectrum0(ByName):
    """Spectral density at zero of each variable.

    Attributes
    ----------
    spec : NamedVector, shape (p,)
        Over the length of the series, the variance of its mean.
    order : NamedVector or None
        Order of the autoregressive model, from `spectrum0_ar`.
    """

    spec: NamedVector
    order: NamedVector | None = None

    def __str__(self) -> str:
        if self.order is None:  # coda's spectrum0 drops the names
            return f"$spec\n{vector_text(self.spec.values)}\n"
        return f"$spec\n{self.spec}\n\n$order\n{self.order}\n"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.spec._repr_html_()


def spectrum0(
    x: Any, max_freq: float = 0.5, order: int = 1, max_length: float | None = 200
) -> Spectrum0:
    """Spectral density at zero by a regression on the low end of the periodogram.

    Parameters
    ----------
    x : Mcmc, McmcList, posterior or array_like
        The chains of a list are put below one another, as in coda.
    max_freq : float
        The polynomial is fitted to frequencies in (0, max_freq]; coda takes 0.5 whatever is asked.
    order : int
        Of the polynomial: 0, 1 or 2.
    max_length : float, optional
        Longer series are replaced by batch means; None for no batches.

    Returns
    -------
    Spectrum0

    Warns
    -----
    RuntimeWarning
        Where the fit does not converge.

    References
    ----------
    Heidelberger, P. and Welch, P. D. (1981). A spectral method for confidence interval generation
    and run length control in simulations. Communications of the ACM 24, 233-245.

    Examples
    --------
    >>> from pyhier import coda
    >>> x = np.random.default_rng(1).normal(size=1000)
    >>> 0.5 < coda.spectrum0(x).spec["var1"] < 2
    True
    """
    if count("order", order, 0) > 2:
        raise ValueError(f"invalid order: it is {order}; give 0, 1 or 2")
    if max_length is not None and not real("max_length", max_length) > 0.0:
        raise ValueError(f"max_length is {max_length}: give a positive number, or None")
    positive("max_freq", max_freq)
    labels, draws = _stacked(x)
    values = [glm_at_zero(column, max_freq, order, max_length) for column in draws.T]
    return Spectrum0(NamedVector(np.array(values), labels))


def spectrum0_ar(x: Any) -> Spectrum0:
    """Spectral density at zero by an autoregressive model.

    Parameters
    ----------
    x : Mcmc, McmcList, posterior or array_like
        The chains of a list are put below one another, as in coda.

    Returns
    -------
    Spectrum0
        With ``spec`` and ``order``.

    Examples
    --------
    >>> from pyhier import coda
    >>> x = np.random.default_rng(1).normal(size=1000)
    >>> 0.5 < coda.spectrum0_ar(x).spec["var1"] < 2
    True
    """
    labels, draws = _stacked(x)
    _at_least_two(draws)
    spec, order = ar_at_zero(draws)
    return Spectrum0(NamedVector(spec, labels), NamedVector(order.astype(np.float64), labels))


def effectiveSize(x: Any) -> NamedVector:  # noqa: N802 (R's name)
    """Draws that would know the mean as well if they were independent.

    From the spectral density at zero of an autoregressive model (`spectrum0_ar`), which is one of
    several definitions of an effective sample size.

    Parameters
    ----------
    x : Mcmc, McmcList, posterior or array_like

    Returns
    -------
    NamedVector, shape (p,)
        Summed over the chains of a list; 0 for constant variables.

    Examples
    --------
    >>> from pyhier import coda
    >>> x = coda.mcmc(np.random.default_rng(1).normal(size=(1000, 1)), varnames=["mu"])
    >>> 500 < coda.effectiveSize(x)["mu"] < 2000
    True
    """
    chains = draws_of(x)
    draws = each_finite(chains)
    _at_least_two(draws[0])
    return NamedVector(effective_sizes(draws), chains_in(chains)[0].labels)


def batchSE(x: Any, batchSize: int = 100) -> NamedVector:  # noqa: N802, N803 (R's names)
    """Standard error of the mean from the means of batches.

    Parameters
    ----------
    x : Mcmc, McmcList, posterior or array_like
    batchSize : int
        Draws in a batch; those left over at the end are not used.

    Returns
    -------
    NamedVector, shape (p,)

    Examples
    --------
    >>> from pyhier import coda
    >>> x = coda.mcmc(np.random.default_rng(1).normal(size=(1000, 1)), varnames=["mu"])
    >>> 0.01 < coda.batchSE(x)["mu"] < 0.1
    True
    """
    chains = draws_of(x)
    draws, size = each_finite(chains), count("batchSize", batchSize)
    batches = len(draws) * (len(draws[0]) // size)
    if batches < 2:
        raise ValueError(
            f"batchSize is {size}: {batches} batches fit into chains of {len(draws[0])} draws; "
            "there must be at least 2"
        )
    return NamedVector(batch_errors(draws, size), chains_in(chains)[0].labels)


def _stacked(x: Any) -> tuple[tuple[str, ...], Floats]:
    chains = draws_of(x)
    return chains_in(chains)[0].labels, np.concatenate(each_finite(chains))


def _at_least_two(draws: Floats) -> None:
    if len(draws) < 2:
        raise ValueError(f"x has {len(draws)} draw: an autoregression needs at least 2")
