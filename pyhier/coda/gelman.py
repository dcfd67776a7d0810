"""Gelman and Rubin's diagnostic: whether chains that started apart agree."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import LinAlgError, cholesky, eigvalsh
from scipy.special import chdtri, fdtri

from pyhier._types import Floats
from pyhier._validation import check_level, checked, flag
from pyhier.coda.convert import as_mcmc_list
from pyhier.coda.results import each_finite
from pyhier.coda.vectors import NamedMatrix
from pyhier.rstats.format import format_number
from pyhier.rstats.results import ByName

COLUMNS = ("Point est.", "Upper C.I.")
BLOCK = 4096


@dataclass(frozen=True, repr=False)
class GelmanDiag(ByName):
    """Potential scale reduction factors; it prints as R's.

    Attributes
    ----------
    psrf : NamedMatrix, shape (p, 2)
        Point estimates and upper confidence limits.
    mpsrf : float or None
        The multivariate factor, if there is more than one variable.
    """

    psrf: NamedMatrix
    mpsrf: float | None

    def text(self, digits: int = 3) -> str:
        """What R's ``print(x, digits)`` shows."""
        text = f"Potential scale reduction factors:\n\n{self.psrf.text(digits)}\n"
        if self.mpsrf is None:
            return text
        return f"{text}\nMultivariate psrf\n\n{format_number(self.mpsrf, digits)}"

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        multivariate = "" if self.mpsrf is None else f"<p>multivariate: {self.mpsrf:.3g}</p>"
        return self.psrf.html(digits=3) + multivariate


@checked(transform=flag, autoburnin=flag, multivariate=flag)
def gelman_diag(
    x: Any,
    confidence: float = 0.95,
    transform: bool = False,
    autoburnin: bool = True,
    multivariate: bool = True,
) -> GelmanDiag:
    """Gelman and Rubin's convergence diagnostic, with Brooks and Gelman's multivariate one.

    Parameters
    ----------
    x : McmcList, posterior, ArviZ object or array_like
        Two or more chains, from starting values more spread out than the posterior.
    confidence : float
        Coverage of the interval whose upper end is reported.
    transform : bool
        Take logarithms of positive variables, logits of those between 0 and 1.
    autoburnin : bool
        Use the second half only, if the chain begins before it.
    multivariate : bool
        Whether to compute the multivariate factor.

    Returns
    -------
    GelmanDiag

    Raises
    ------
    ValueError
        With fewer than two chains; or if the variables are linearly dependent within the chains, so
        that there is no multivariate factor: the error names them.

    References
    ----------
    Gelman, A. and Rubin, D. B. (1992). Inference from iterative simulation using multiple
    sequences. Statistical Science 7, 457-511.

    Brooks, S. P. and Gelman, A. (1998). General methods for monitoring convergence of iterative
    simulations. Journal of Computational and Graphical Statistics 7, 434-455.

    Examples
    --------
    >>> import numpy as np
    >>> from pyhier import coda
    >>> a, b = np.random.default_rng(1).normal(size=(2, 1000))
    >>> fit = coda.gelman_diag(coda.mcmc_list(coda.mcmc(a), coda.mcmc(b)))
    >>> float(fit.psrf[0, "Point est."]) < 1.01, fit.mpsrf
    (True, None)
    """
    check_level(confidence, "confidence")
    chains = as_mcmc_list(x)
    if len(chains) < 2:
        raise ValueError(f"You need at least two chains: x has {len(chains)}")
    skipped = half_of(*chains.chains[0].mcpar) if autoburnin else 0
    draws = [chain[skipped:] for chain in each_finite(chains)]
    if len(draws[0]) < 2:
        raise ValueError("each chain has 1 draw: gelman_diag needs at least 2")
    means, covariances = moments(normalise(draws) if transform else draws)
    psrf = scale_reduction(len(draws[0]), means, covariances, confidence)
    several = multivariate and means.shape[1] > 1
    mpsrf = (
        multivariate_reduction(len(draws[0]), means, covariances, chains.labels)
        if several
        else None
    )
    return GelmanDiag(NamedMatrix(psrf, chains.varnames, COLUMNS), mpsrf)


def half_of(first: int, last: int, thin: int) -> int:
    """Draws to leave out, up to half the last iteration; none of chains that begin later."""
    return -(-((last + 1) // 2 + 1 - first) // thin) if first < last / 2 else 0


def normalise(draws: list[Floats]) -> list[Floats]:
    """Logarithms of variables that are positive, logits of those within (0, 1)."""
    out = [chain.copy() for chain in draws]
    for j in range(draws[0].shape[1]):
        if min(chain[:, j].min() for chain in draws) > 0.0:
            logit = max(chain[:, j].max() for chain in draws) < 1.0
            for x in out:
                x[:, j] = np.log(x[:, j]) - (np.log1p(-x[:, j]) if logit else 0.0)
    return out


def moments(draws: list[Floats]) -> tuple[Floats, Floats]:
    """Means and covariances of each chain, shapes (m, p) and (m, p, p).

    No factor depends on the origin, so it is put into the first draw: constants are exactly 0
    there, and the means of nearly constant variables keep their digits.
    """
    m, (n, p) = len(draws), draws[0].shape
    means, covariances = np.empty((m, p)), np.empty((m, p, p))
    for i, chain in enumerate(draws):
        # In blocks that stay in the processor's cache.
        blocks = [chain[k : k + BLOCK] for k in range(0, n, BLOCK)]
        mean = sum(np.ones(len(block)) @ (block - chain[0]) for block in blocks) / n
        products = np.zeros((p, p))
        for block in blocks:
            centred = block - chain[0]
            centred -= mean
            products += centred.T @ centred
        means[i] = (chain[0] - draws[0][0]) + mean
        covariances[i] = products / (n - 1)
    return means, covariances


def scale_reduction(n: int, means: Floats, covariances: Floats, confidence: float) -> Floats:
    """Point estimate and upper limit of each variable's factor, in the paper's symbols.

    Parameters
    ----------
    n : int
        Draws in a chain.
    means : array, shape (m, p)
        Of m chains of p variables.
    covariances : array, shape (m, p, p)
    confidence : float

    Returns
    -------
    array, shape (p, 2)
        NaN for a variable that is the same constant in all chains, infinite where it is a
        different one in each.
    """
    m, variances = len(means), np.diagonal(covariances, axis1=1, axis2=2)
    within, between = variances.mean(axis=0), n * means.var(axis=0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        var_within = variances.var(axis=0, ddof=1) / m
        var_between = 2.0 * between**2 / (m - 1)
        # The paper's cov(s^2, mean^2) - 2 centre cov(s^2, mean), without its cancellation.
        cov = (n / m) * _covariance(variances, (means - means.mean(axis=0)) ** 2)
        pooled = ((n - 1) * within + (1.0 + 1.0 / m) * between) / n
        var_pooled = (
            (n - 1) ** 2 * var_within
            + (1.0 + 1.0 / m) ** 2 * var_between
            + 2.0 * (n - 1) * (1.0 + 1.0 / m) * cov
        ) / n**2
        d = 2.0 * pooled**2 / var_pooled
        random = (1.0 + 1.0 / m) / n * (between / within)
        limit = _f_quantile(0.5 * (1.0 + confidence), m - 1.0, 2.0 * within**2 / var_within)
        estimates = (n - 1) / n + np.stack([random, limit * random], axis=1)
        reduction: Floats = np.sqrt(((d + 3.0) / (d + 1.0))[:, np.newaxis] * estimates)
    return reduction


def _f_quantile(p: float, first: float, second: Floats) -> Floats:
    """R's ``qf``, which takes more than 400,000 degrees of freedom as infinitely many."""
    limit: Floats = np.where(
        second > 4e5, chdtri(first, 1.0 - p) / first, fdtri(first, np.minimum(second, 4e5), p)
    )
    return limit


def _covariance(x: Floats, y: Floats) -> Floats:
    """Sample covariance of each column of ``x`` with the same one of ``y``."""
    centred = x - x.mean(axis=0)
    covariance: Floats = (centred * (y - y.mean(axis=0))).sum(axis=0) / (x.shape[0] - 1)
    return covariance


def multivariate_reduction(
    n: int, means: Floats, covariances: Floats, labels: tuple[str, ...]
) -> float:
    """Brooks and Gelman's bound on the factor of any linear combination of the variables."""
    p, within = means.shape[1], covariances.mean(axis=0)
    between = n * np.cov(means, rowvar=False)
    scale = np.sqrt(np.diag(within))
    if not (scale > 0.0).all():
        constant = labels[int(np.argmin(scale > 0.0))]
        raise ValueError(
            f"{constant} does not vary within the chains, so there is no multivariate factor: "
            "leave it out, or use multivariate=False"
        )
    correlation = within / np.outer(scale, scale)
    try:
        cholesky(correlation)
        largest = float(eigvalsh(between / np.outer(scale, scale), correlation)[-1])
    except LinAlgError:
        raise ValueError(
            f"{_dependent(correlation, labels)} are linearly dependent within the chains, so there "
            "is no multivariate factor: leave one out, or use multivariate=False"
        ) from None
    return math.sqrt((1.0 - 1.0 / n) + (1.0 + 1.0 / p) * largest / n)


def _dependent(correlation: Floats, labels: tuple[str, ...]) -> str:
    """The variables in the linear combination that hardly varies."""
    _, vectors = np.linalg.eigh(correlation)
    weight = np.abs(vectors[:, 0])
    return ", ".join(np.array(labels)[weight > 1e-6 * weight.max()])
