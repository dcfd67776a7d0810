"""Proposals: normal and t distributions, usually about a Laplace approximation."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyhier._random import Generator, chi_squares, normals
from pyhier._types import Floats
from pyhier._validation import float_array, is_number, positive, square_matrix
from pyhier.inference.laplace import LaplaceFit, laplace
from pyhier.kernels.density import LogDensity
from pyhier.kernels.sampler import weigh
from pyhier.models.interface import Model
from pyhier.rstats.linalg import chol

LEAST_DF = 0.1  # of a proposal: a chi-squared variate of fewer may be 0 in a double

ProposalLike = LaplaceFit | Mapping[str, Any] | ArrayLike


@dataclass(frozen=True)
class Proposal:
    """A multivariate t distribution, or with infinite ``df`` the normal one.

    Attributes
    ----------
    mean : ndarray, shape (p,)
    upper : ndarray, shape (p, p)
        Upper Cholesky factor of the scale matrix (the normal one's covariance).
    df : float
        Degrees of freedom.
    """

    mean: Floats
    upper: Floats
    df: float

    @property
    def log_constant(self) -> float:
        """Log density at the mean."""
        p = self.mean.size
        half_log_det = float(np.log(np.diag(self.upper)).sum())
        if np.isinf(self.df):
            return -0.5 * p * math.log(2.0 * math.pi) - half_log_det
        gammas = math.lgamma(0.5 * (self.df + p)) - math.lgamma(0.5 * self.df)
        return gammas - 0.5 * p * math.log(math.pi * self.df) - half_log_det

    def log_density(self, x: Floats) -> Floats:
        """Log density at points, shape (..., p), less its constant."""
        z = np.linalg.solve(self.upper.T, (x - self.mean).reshape(-1, self.mean.size).T)
        distance = (z * z).sum(axis=0).reshape(x.shape[:-1])
        falls: Floats = -0.5 * distance
        if self.df < np.inf:
            falls = -0.5 * (self.df + self.mean.size) * np.log1p(distance / self.df)
        return falls

    def weigh(self, density: LogDensity, n: int, rng: Generator) -> tuple[Floats, Floats, Floats]:
        """Draws, shape (n, p), the density there and the proposal's less its constant, (n,).

        An R stream is used as LearnBayes' ``rmt`` uses it: all chi-squared numbers, then the
        normals coordinate by coordinate.
        """
        p = self.mean.size
        chi2 = chi_squares(rng, n, self.df) if self.df < np.inf else np.empty(0)
        z = normals(rng, (n,), p)
        x, log_target, log_proposal = np.empty((n, p)), np.empty(n), np.empty(n)
        weigh(self.mean, self.upper, self.df, z, chi2, density, x, log_target, log_proposal)
        return x, log_target, log_proposal


def proposal_of(
    model: Model, proposal: ProposalLike | None, df: float, scale: float | None
) -> Proposal:
    """The proposal that an engine was given, `laplace` of the model where it was given none.

    A mapping has the entry ``var`` and may have ``mean``, ``scale`` and ``df``, which go before the
    arguments. ``scale`` multiplies the sds.
    """
    p = len(model.coordinates)
    mean = None
    if isinstance(proposal, Mapping):
        unknown = sorted(set(proposal) - {"mean", "var", "scale", "df"})
        if unknown or "var" not in proposal:
            raise ValueError(
                f"proposal has the entries {sorted(proposal)}: give 'var', and, where wanted, "
                "'mean', 'scale' and 'df'"
            )
        mean = proposal.get("mean")
        scale, df = proposal.get("scale", scale), proposal.get("df", df)
        proposal = proposal["var"]
    if proposal is None:
        proposal = laplace(model)
    if isinstance(proposal, LaplaceFit):
        mean = proposal.mode if mean is None else mean
        proposal = proposal.var
    centre = laplace(model).mode if mean is None else mean
    factor = 1.0 if scale is None else positive("scale", scale)
    if is_number(df) and 0.0 < df < LEAST_DF:
        raise ValueError(f"df is {df!r}: below {LEAST_DF:g} draws leave the doubles; 1 is heavy")
    return normal_or_t("proposal mean", centre, proposal, df, p, factor)


def normal_or_t(
    name: str,
    mean: Any,
    var: Any,
    df: float,
    p: int,
    factor: float = 1.0,
    of_var: str = "proposal",
) -> Proposal:
    """Check a proposal's parameters; ``name`` is the mean's, ``of_var`` the covariance's."""
    centre = float_array(name, mean, None).ravel()
    if centre.size != p:
        raise ValueError(f"{name} has {centre.size} entries: there are {p} coordinates")
    if not np.all(np.isfinite(centre)):
        raise ValueError(f"{name} is {centre}: give finite numbers")
    freedom = np.inf if df == np.inf else positive("df", df)
    return Proposal(centre, factor * proposal_factor(var, p, name=of_var), freedom)


def proposal_factor(var: Any, p: int, *, symmetric: bool = True, name: str = "proposal") -> Floats:
    """The upper Cholesky factor of a proposal's covariance, which is the argument ``name``."""
    given = float_array(name, var, None)
    matrix = square_matrix(name, given.reshape(1, 1) if given.ndim == 0 else given)
    if len(matrix) != p:
        raise ValueError(
            f"{name} has shape {matrix.shape}: the chain has {p} coordinates, "
            f"so give a covariance of shape ({p}, {p})"
        )
    if not np.all(np.isfinite(matrix)):
        raise ValueError(f"{name} has an entry that is not finite: give a covariance matrix")
    size = np.sqrt(np.abs(np.diag(matrix)))
    if symmetric and np.any(np.abs(matrix - matrix.T) > 1e-8 * np.outer(size, size)):
        raise ValueError(f"{name} is not symmetric: give a covariance matrix")
    try:
        return chol(matrix)
    except ValueError as error:
        raise ValueError(f"{name} is no covariance matrix: {error}") from None
