"""Geweke's diagnostic: whether the first and the last part of a chain have the same mean."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyhier._types import Floats
from pyhier._validation import number
from pyhier.coda.objects import Mcmc
from pyhier.coda.results import PerChain, draws_of, finite_draws, per_chain
from pyhier.coda.spectrum import ar_at_zero
from pyhier.coda.vectors import NamedVector
from pyhier.rstats.format import format_number
from pyhier.rstats.results import ByName


@dataclass(frozen=True, repr=False)
class GewekeDiag(ByName):
    """Geweke's Z-scores; it prints as R's.

    Attributes
    ----------
    z : NamedVector, shape (p,)
        Standard normal if the chain is stationary.
    frac : tuple of float
        Fractions of the chain in the first and in the last window.
    """

    z: NamedVector
    frac: tuple[float, float]

    def __str__(self) -> str:
        first, last = map(format_number, self.frac)
        return (
            f"\nFraction in 1st window = {first}\nFraction in 2nd window = {last} \n\n"
            f"{self.z.text(digits=4)}\n"
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.z._repr_html_()


def geweke_diag(
    x: Any, frac1: float = 0.1, frac2: float = 0.5
) -> GewekeDiag | PerChain[GewekeDiag]:
    """Geweke's convergence diagnostic: means of the first and last part compared.

    Parameters
    ----------
    x : Mcmc, McmcList, posterior or array_like
    frac1, frac2 : float
        Fractions of the iterations at the beginning and at the end.

    Returns
    -------
    GewekeDiag
        With ``z`` and ``frac``; one for each chain of a list.

    References
    ----------
    Geweke, J. (1992). Evaluating the accuracy of sampling-based approaches to calculating
    posterior moments. Bayesian Statistics 4.

    Examples
    --------
    >>> import numpy as np
    >>> from pyhier import coda
    >>> x = coda.mcmc(np.sin(np.arange(100.0) ** 2), varnames=["mu"])
    >>> coda.geweke_diag(x).z["mu"] < 2
    True
    """
    check_fractions(frac1, frac2)

    def diagnose(chain: Mcmc, which: int) -> GewekeDiag:
        scores = geweke_z(finite_draws(chain, which), chain.thin, frac1, frac2)
        return GewekeDiag(NamedVector(scores, chain.labels), (frac1, frac2))

    return per_chain(diagnose, draws_of(x))


def check_fractions(frac1: float, frac2: float) -> None:
    """Two windows that do not overlap."""
    for name, value in (("frac1", frac1), ("frac2", frac2)):
        if not 0.0 < number(name, value) < 1.0:
            raise ValueError(f"{name} invalid: it is {value}; give a fraction between 0 and 1")
    if frac1 + frac2 > 1.0:
        raise ValueError(
            f"start and end sequences are overlapping: frac1 + frac2 is {frac1 + frac2:g}; it must "
            "be at most 1"
        )


def geweke_z(x: Floats, thin: int, frac1: float, frac2: float) -> Floats:
    """Difference of the two windows' means over its standard error, for each column.

    The windows are fractions of the iterations and their ends whole iterations, so that they
    depend on the thinning interval: the first ends at the least iteration, and the second begins
    at the greatest, that is not inside its fraction.

    Parameters
    ----------
    x : array, shape (n, p)
    thin : int
    frac1, frac2 : float

    Returns
    -------
    array, shape (p,)
        NaN for constant columns.
    """
    n = x.shape[0]
    length = (n - 1) * thin
    rows = math.ceil(frac1 * length) // thin + 1
    skipped = math.ceil(math.floor(length - frac2 * length) / thin)
    x = x - x[0]  # constants are exactly 0
    parts = [x[:rows], x[skipped:]]
    if min(map(len, parts)) < 2:
        raise ValueError(
            f"the windows have {len(parts[0])} and {len(parts[1])} of {n} draws: each needs at "
            "least 2; raise frac1 or frac2, or run longer"
        )
    means = [part.mean(axis=0) for part in parts]
    errors = [ar_at_zero(part)[0] / len(part) for part in parts]
    with np.errstate(divide="ignore", invalid="ignore"):
        z: Floats = (means[0] - means[1]) / np.sqrt(errors[0] + errors[1])
    return z
