"""The prior of a correlation matrix: that of Lewandowski, Kurowicka and Joe (2009), or a function.

The coordinates are the atanh of partial correlations, row by row of the Cholesky factor: those with
the first variable are correlations, the later ones partial, given the variables before. Under
LKJ(eta) they are independent, and (r + 1) / 2 of the one in row i, column k is Beta(a, a) with
a = eta + (q - 2 - k) / 2.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyhier._frozen import Frozen
from pyhier._random import Generator, betas
from pyhier._types import Floats
from pyhier._validation import positive

BELOW_ONE = float(np.nextafter(1.0, 0.0))  # where tanh is 1, log(1 - rho^2) is still a number

RhoPrior = float | Callable[[float], float]


@dataclass(frozen=True, eq=False)
class CorrelationPrior(Frozen):
    """The prior of the q (q - 1) / 2 partial correlations of q variables.

    Attributes
    ----------
    q : int
    given : float or callable
        eta of LKJ(eta), or the log density of the one correlation.
    """

    q: int
    given: RhoPrior

    @property
    def columns(self) -> list[int]:
        """The column of every partial correlation in the Cholesky factor."""
        return [k for i in range(self.q) for k in range(i)]

    @property
    def powers(self) -> Floats:
        """Of 1 - r^2 in the density of every atanh, under LKJ(eta)."""
        eta = 1.0 if callable(self.given) else self.given
        return np.array([eta + 0.5 * (self.q - 2 - k) for k in self.columns])

    @property
    def falls(self) -> Floats:
        """The same; of a function what it does near the ends."""
        if not callable(self.given):
            return self.powers
        z = np.array([[-10.0], [-9.0], [9.0], [10.0]])
        values = self.log_density(z)
        with np.errstate(invalid="ignore"):
            falls = 0.5 * np.array([values[1] - values[0], values[2] - values[3]])
        return np.array([np.nanmin(falls, initial=np.inf)])

    @property
    def words(self) -> str:
        """As a model shows it."""
        return "a callable" if callable(self.given) else f"LKJ({self.given:g})"

    @property
    def proper(self) -> bool:
        """Whether it is known to integrate to one."""
        return not callable(self.given)

    @property
    def log_constant(self) -> float:
        """Log of what makes the powers a density, of all of them."""
        from scipy.special import betaln

        a = self.powers
        return float((-betaln(a, a) - (2.0 * a - 1.0) * np.log(2.0)).sum())

    def log_density(self, z: Floats) -> Floats:
        """Log density of the atanh of partial correlations, shape (..., q (q - 1) / 2)."""
        log_left = -2.0 * np.logaddexp(z, -z) + 2.0 * np.log(2.0)  # log(1 - r^2)
        if not callable(self.given):
            density: Floats = self.log_constant + (self.powers * log_left).sum(axis=-1)
            return density
        places = np.clip(np.tanh(z[..., 0]).ravel(), -BELOW_ONE, BELOW_ONE)
        rho, at = np.unique(places, return_inverse=True)  # a lattice has few places
        values = np.array([_returned(self.given, one) for one in rho.tolist()])
        found: Floats = values[at].reshape(z.shape[:-1]) + log_left[..., 0]
        return found

    def log_density_of(self, k: int, z: float) -> float:
        """Log density of the atanh of one partial correlation."""
        from scipy.special import betaln

        if callable(self.given):
            return float(self.log_density(np.array([z])))
        a = self.powers[k]
        log_left = 2.0 * (np.log(2.0) - np.logaddexp(z, -z))
        return float(a * log_left - betaln(a, a) - (2.0 * a - 1.0) * np.log(2.0))

    def draws(self, n: int, rng: Generator) -> Floats:
        """Draws of the atanh of partial correlations, shape (n, q (q - 1) / 2)."""
        columns = []
        for a in self.powers.tolist():
            u = betas(rng, np.full(n, a), np.full(n, a))
            columns.append(np.arctanh(np.clip(2.0 * u - 1.0, -1.0 + 1e-16, 1.0 - 1e-16)))
        return np.column_stack(columns) if columns else np.empty((n, 0))


def _returned(function: Callable[[float], float], rho: float) -> float:
    with np.errstate(all="ignore"):  # a pole at an end: infinity is looked for below
        value = float(function(rho))
    if not value < np.inf:
        raise ValueError(
            f"prior_rho is {value} at rho = {rho:.6g}: a log density is a number there, or -inf"
        )
    return value


def correlation_prior(given: Any, q: int) -> CorrelationPrior:
    """Check a prior of correlations: eta of LKJ(eta), or a log density of one correlation."""
    if callable(given):
        if q != 2:
            raise ValueError(
                "prior_rho is a function: with three outcomes give eta of LKJ(eta), a number"
            )
        _returned(given, 0.0)
        return CorrelationPrior(q, given)
    return CorrelationPrior(q, positive("prior_rho", given))


def cholesky(log_sd: Floats, z: Floats) -> Floats:
    """Cholesky factors of covariances, shape (..., q, q).

    Parameters
    ----------
    log_sd : ndarray, shape (..., q)
    z : ndarray, shape (..., q (q - 1) / 2)
        The atanh of partial correlations.
    """
    q = log_sd.shape[-1]
    factor = np.zeros((*log_sd.shape, q))
    log_left, at = np.array(log_sd), 0
    for i in range(q):
        for k in range(i):
            factor[..., i, k] = np.exp(log_left[..., i]) * np.tanh(z[..., at])
            log_left[..., i] += np.log(2.0) - np.logaddexp(z[..., at], -z[..., at])
            at += 1
        factor[..., i, i] = np.exp(log_left[..., i])
    return factor


def partial(correlation: Floats) -> Floats:
    """The atanh of partial correlations of a correlation matrix, shape (q (q - 1) / 2,)."""
    factor = np.linalg.cholesky(correlation)
    found = []
    for i in range(len(factor)):
        left = 1.0
        for k in range(i):
            r = factor[i, k] / left
            found.append(np.arctanh(r))
            left *= np.sqrt(1.0 - r * r)
    return np.array(found)
