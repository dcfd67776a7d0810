"""LearnBayes' log posteriors of exchangeable groups, effects integrated out."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaln

from pyhier._types import Floats
from pyhier._validation import positive
from pyhier.kernels.count_density import BetaBinomialMarginal, PoissonGammaMarginal
from pyhier.kernels.density import LogDensity, NormalMarginal
from pyhier.kernels.posteriors import BetaBinomialCoordinates, TablePosterior
from pyhier.kernels.undefined import undefined_as_in_r
from pyhier.learnbayes._arguments import counts, entries, rows, table
from pyhier.learnbayes._log_posterior import log_posterior


@log_posterior()
def normnormexch(data: ArrayLike) -> LogDensity:
    """Log posterior of (mu, log tau) in the normal exchangeable model, theta integrated out.

    The group estimates are y_j ~ N(theta_j, sigma2_j) with known variances, and the effects
    theta_j ~ N(mu, tau^2) with (mu, log tau) uniform.

    Parameters
    ----------
    theta : array_like, shape (2,)
        mu and log tau.
    data : array_like, shape (groups, 2)
        Estimates and *variances*, a row a group, as in R.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If an estimate is not finite, or a variance is negative.

    Examples
    --------
    >>> round(normnormexch([8, 2], [[28, 225], [8, 100], [-3, 256]]), 6)
    -9.873255
    """
    y, var = table("data", data, "estimates, variances")[:2]
    rows("data[:, 1]", var, var >= 0.0, "variances must be finite, and not negative")
    return undefined_as_in_r(NormalMarginal(y, var, form="dnorm"), "normnormexch", [y, var])


def trials(name: str, data: object) -> tuple[Floats, Floats]:
    """Successes and trials from a data matrix, checked."""
    y, n = table(name, data, "successes, trials")[:2]
    counts(f"{name}[:, 0]", y)
    counts(f"{name}[:, 1]", n)
    rows(f"{name}[:, 0]", y, y <= n, "there cannot be more successes than trials")
    if not n.any():
        raise ValueError(f"{name} has no trials")
    return y, n


@log_posterior()
def betabinexch(data: ArrayLike) -> LogDensity:
    """Log posterior of (logit eta, log K) in the beta-binomial exchangeable model.

    The counts are y_j ~ Binomial(n_j, p_j), the proportions p_j ~ Beta(K eta, K (1 - eta)), and the
    prior of (eta, K) is proportional to 1 / (eta (1 - eta) (1 + K)^2).

    Parameters
    ----------
    theta : array_like, shape (2,)
        logit eta and log K.
    data : array_like, shape (groups, 2)
        Successes and trials, a row a group.

    Returns
    -------
    float
        Without the binomial coefficients, as in R.

    Raises
    ------
    ValueError
        If a count is negative or not whole, or exceeds its trials.

    Examples
    --------
    >>> data = np.column_stack([[1, 4, 3, 6, 10], [20, 20, 20, 20, 20]])
    >>> round(betabinexch([-1, 0], data), 5)
    -58.4339
    """
    y, n = trials("data", data)
    density = BetaBinomialMarginal(y, n, prior="betabinexch", coefficients=False)
    return undefined_as_in_r(density, "betabinexch", [y, n])


@log_posterior()
def betabinexch0(data: ArrayLike) -> LogDensity:
    """Log posterior of (eta, K) in the beta-binomial exchangeable model.

    Parameters
    ----------
    theta : array_like, shape (2,)
        eta and K; outside 0 < eta < 1 and K > 0 the density is 0.
    data : array_like, shape (groups, 2)
        Successes and trials, a row a group.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        As for `betabinexch`.

    Examples
    --------
    >>> data = np.column_stack([[1, 4, 3, 6, 10], [20, 20, 20, 20, 20]])
    >>> round(betabinexch0([0.1, 10], data), 5)
    -58.82094
    """
    y, n = trials("data", data)
    density = BetaBinomialCoordinates(BetaBinomialMarginal(y, n, prior="", coefficients=False))
    return undefined_as_in_r(density, "betabinexch0", [y, n])


@log_posterior()
def bfexch(datapar: object) -> LogDensity:
    """Log integrand, in logit eta, of the Bayes factor against equal proportions.

    Its integral is the factor in favour of p_j ~ Beta(K eta, K (1 - eta)) with eta uniform, against
    one proportion for all groups, uniform.

    Parameters
    ----------
    theta : float
        logit eta.
    datapar : mapping
        ``{"data": (groups, 2) successes and trials, "K": precision of the proportions}``.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        As for `betabinexch`, or if K is not positive.

    Examples
    --------
    >>> data = np.column_stack([[1, 3, 2, 4, 6, 4, 3], np.repeat(10, 7)])
    >>> round(bfexch(1, {"data": data, "K": 20}), 4)
    -16.4832
    """
    data, k = entries("datapar", datapar, "data", "K")
    y, n = trials("datapar['data']", data)
    constant = -float(betaln(y.sum() + 1, (n - y).sum() + 1))
    marginal = BetaBinomialMarginal(y, n, prior="", coefficients=False)
    precision = positive("datapar['K']", k)
    density = BetaBinomialCoordinates(marginal, precision, constant)
    return undefined_as_in_r(density, "bfexch", [y, n], [precision])


@log_posterior()
def poissgamexch(datapar: object) -> LogDensity:
    """Log posterior of (log alpha, log mu) in the Poisson-gamma exchangeable model.

    The counts are y_j ~ Poisson(e_j lambda_j), the rates lambda_j ~ Gamma(alpha, rate alpha / mu),
    and the prior of (alpha, mu) is proportional to 1 / ((alpha + z0)^2 mu).

    Parameters
    ----------
    theta : array_like, shape (2,)
        log alpha and log mu.
    datapar : mapping
        ``{"data": (groups, 2) exposures and counts, "z0": prior median of alpha}``.

    Returns
    -------
    float
        Without the terms of the counts alone, as in R.

    Raises
    ------
    ValueError
        If a count is negative or not whole, or an exposure or z0 not positive.

    Examples
    --------
    >>> data = np.column_stack([[532, 584, 672, 722, 904], [0, 0, 2, 1, 1]])
    >>> round(poissgamexch([-4, 0], {"data": data, "z0": 0.5}), 5)
    -42.03939
    """
    data, z0 = entries("datapar", datapar, "data", "z0")
    e, y = table("datapar['data']", data, "exposures, counts")[:2]
    rows("datapar['data'][:, 0]", e, e > 0.0, "exposures must be positive")
    counts("datapar['data'][:, 1]", y)
    # R's likelihood is without the factors e_j^y_j.
    par = [np.log(positive("datapar['z0']", z0)), -float(np.sum(y * np.log(e)))]
    prior = TablePosterior("poissgamexch prior", 2, par=par)
    density = PoissonGammaMarginal(y, e, prior=prior, coefficients=False)
    return undefined_as_in_r(density, "poissgamexch", [e, y], [z0])


@log_posterior()
def bradley_terry_post(data: ArrayLike) -> LogDensity:
    """Log posterior of the talents and their log standard deviation in a Bradley-Terry model.

    Team i beats team j with probability expit(talent_i - talent_j); the talents are N(0, sigma^2)
    and log sigma is uniform.

    Parameters
    ----------
    theta : array_like, shape (teams + 1,)
        The talents, then log sigma.
    data : array_like, shape (pairs, 4)
        First team, second team (numbered from 1), wins of the first, wins of the second.

    Returns
    -------
    float
        Without the binomial coefficients, as in R.

    Raises
    ------
    ValueError
        If a team's number or a number of wins is negative or not whole.

    Examples
    --------
    >>> import pyhier as ph
    >>> wins = ph.load_dataset("baseball.1964")
    >>> round(bradley_terry_post(np.zeros(11), wins), 4)
    -570.6386
    """
    cells = table("data", data, "team1, team2, wins of team1, wins of team2")[:4]
    for k in range(4):
        counts(f"data[:, {k}]", cells[k])
    for k in range(2):
        rows(f"data[:, {k}]", cells[k], cells[k] >= 1.0, "teams are numbered from 1")
    teams = int(cells[:2].max())
    if teams > cells.shape[1] + 1:
        raise ValueError(
            f"data names a team {teams} in {cells.shape[1]} pairs: number the teams from 1"
        )
    cells[:2] -= 1.0
    density = TablePosterior("bradley_terry_post", teams + 1, cells)
    return undefined_as_in_r(density, "bradley_terry_post", cells)
