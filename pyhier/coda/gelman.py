"""Gelman and Rubin's diagnostic: whether chains that started apart agree."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cholesky, eigvalsh
from scipy.special import chdtri, fdtri

from pyhier.coda.access import window
from pyhier.coda.convert import as_mcmc_list
from pyhier.coda.objects import McmcList
from pyhier.coda.results import each_finite
from pyhier.coda.vectors import NamedMatrix
from pyhier.rstats.format import format_number

Floats = NDArray[np.float64]

COLUMNS = ("Point est.", "Upper C.I.")


@dataclass(frozen=True, repr=False)
class GelmanDiag:
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
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence is {confidence}: it must be between 0 and 1")
    chains = second_half(as_mcmc_list(x)) if autoburnin else as_mcmc_list(x)
    if len(chains) < 2:
        raise ValueError(f"You need at least two chains: x has {len(chains)}")
    draws = np.stack(each_finite(chains))
    if draws.shape[1] < 2:
        raise ValueError("each chain has 1 draw: gelman_diag needs at least 2")
    if transform:
        draws = normalise(draws)
    # No factor depends on the origin; from the first draw constants are exactly 0, and means of
    # nearly constant variables keep their digits.
    draws = draws - draws[0, 0]
    psrf = scale_reduction(draws, confidence)
    several = multivariate and draws.shape[2] > 1
    mpsrf = multivariate_reduction(draws, chains.labels) if several else None
    return GelmanDiag(NamedMatrix(psrf, chains.varnames, COLUMNS), mpsrf)


def second_half(x: McmcList) -> McmcList:
    """Iterations after half the last one, unless the chains begin later."""
    first, last, _ = x.chains[0].mcpar
    begin = (last + 1) // 2 + 1
    return window(x, start=begin) if first < last / 2 else x


def normalise(draws: Floats) -> Floats:
    """Logarithms of variables that are positive, logits of those within (0, 1)."""
    out = draws.copy()
    for j in range(draws.shape[2]):
        x = draws[:, :, j]
        if x.min() > 0.0:
            out[:, :, j] = np.log(x) - (np.log1p(-x) if x.max() < 1.0 else 0.0)
    return out


def scale_reduction(draws: Floats, confidence: float) -> Floats:
    """Point estimate and upper limit of each variable's factor, in the paper's symbols.

    Parameters
    ----------
    draws : array, shape (m, n, p)
        m chains of n draws of p variables.

    Returns
    -------
    array, shape (p, 2)
        NaN for a variable that is the same constant in all chains, infinite where it is a
        different one in each.
    """
    m, n, _ = draws.shape
    means, variances = draws.mean(axis=1), draws.var(axis=1, ddof=1)
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


def multivariate_reduction(draws: Floats, labels: tuple[str, ...]) -> float:
    """Brooks and Gelman's bound on the factor of any linear combination of the variables."""
    m, n, p = draws.shape
    means = draws.mean(axis=1)
    centred = (draws - means[:, np.newaxis]).reshape(-1, p)
    within = centred.T @ centred / (m * (n - 1))
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
