"""The deviance of a mixed model by maximum likelihood or REML, with exact first two derivatives.

With the residual sd exp(l) and V in units of its variance,

    -2 log L = log|V| + nu (log 2 pi + 2 l) + rss exp(-2 l)  [+ log|X'V^-1 X| for REML],

nu = n, or n - p for REML; rss is the quadratic form at the best common coefficients (Bates et al.
2015, Journal of Statistical Software 67(1), section 3).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pyhier._types import Floats
from pyhier.classical.mixed_moments import Moments, Structure

ALIKE = 1e-10  # of variances' matrices, the part of one that no others make up
LOG_2PI = float(np.log(2.0 * np.pi))
Derivatives = tuple[float, Floats, Floats]  # a value, its gradient, its Hessian


@dataclass(frozen=True, eq=False)
class Fitted:
    """The common coefficients at one t, with derivatives of the quadratic form and log|X'V^-1 X|.

    Attributes
    ----------
    beta : ndarray, shape (p,)
        In the basis of the moments.
    cov : ndarray, shape (p, p)
        (X'V^-1 X)^-1.
    d_cov : ndarray, shape (m, p, p)
    rss, log_information : Derivatives
    """

    beta: Floats
    cov: Floats
    d_cov: Floats
    rss: Derivatives
    log_information: Derivatives


def fitted(moments: Moments) -> Fitted:
    """Solve for the common coefficients."""
    a, cross = moments.q[:-1, :-1], moments.q[:-1, -1]
    p = len(a)
    root = np.linalg.cholesky(a)
    inverse = np.linalg.inv(root)
    cov = inverse.T @ inverse
    beta = cov @ cross
    v = np.append(-beta, 1.0)
    pulled = moments.dq @ v  # (m, p + 1)
    bent = pulled[:, :p] @ inverse.T
    rss = (
        float(v @ moments.q @ v),
        pulled @ v,
        moments.d2q @ v @ v - 2.0 * bent @ bent.T,
    )
    d_a = inverse @ moments.dq[:, :p, :p] @ inverse.T
    log_information = (
        2.0 * float(np.log(np.diag(root)).sum()),
        np.trace(d_a, axis1=1, axis2=2),
        (moments.d2q[..., :p, :p] * cov).sum(axis=(-2, -1))
        - np.tensordot(d_a, d_a, axes=([1, 2], [2, 1])),
    )
    return Fitted(beta, cov, -(inverse.T @ d_a @ inverse), rss, log_information)


@dataclass(frozen=True, eq=False)
class Criterion:
    """The deviance of rows' sums, by REML or maximum likelihood.

    Attributes
    ----------
    structure : Structure
    reml : bool
    """

    structure: Structure
    reml: bool

    @property
    def nu(self) -> int:
        """Rows, less the common coefficients for REML."""
        sums = self.structure.sums
        return sums.rows - (sums.size if self.reml else 0)

    @cached_property
    def constant(self) -> float:
        """What does not depend on the parameters."""
        sums = self.structure.sums
        basis = 2.0 * sums.log_basis if self.reml else 0.0
        return self.nu * LOG_2PI - sums.log_weight - basis

    def told_apart(self) -> bool:
        """Whether no V_k, nor V_0 = W^-1, is made up of others, for REML beside the design.

        The products tr(P V_k P V_l), P the projection that REML makes, are derivatives of the log
        determinants at t = 0.
        """
        moments = self.structure.moments(np.zeros(len(self.structure.entries)))
        slope, bent = moments.d_log, -moments.d2_log
        most = float(np.diag(bent).max())
        if self.reml:
            information = fitted(moments).log_information
            slope, bent = slope + information[1], bent - information[2]
        products = np.block([[bent, slope[:, np.newaxis]], [slope, float(self.nu)]])
        size = np.sqrt(np.append(np.full(slope.size, most), self.nu))
        return bool(np.linalg.eigvalsh(products / np.outer(size, size))[0] > ALIKE)

    def explicit(self, moments: Moments, log_sigma: float) -> Derivatives:
        """By t and then log sigma."""
        fit = fitted(moments)
        rss, d_rss, d2_rss = fit.rss
        scale = np.exp(-2.0 * log_sigma)
        m = d_rss.size
        value = self.constant + moments.log_det + 2.0 * self.nu * log_sigma + rss * scale
        gradient, hessian = np.empty(m + 1), np.empty((m + 1, m + 1))
        gradient[:m] = moments.d_log + d_rss * scale
        gradient[m] = 2.0 * self.nu - 2.0 * rss * scale
        hessian[:m, :m] = moments.d2_log + d2_rss * scale
        hessian[:m, m] = hessian[m, :m] = -2.0 * d_rss * scale
        hessian[m, m] = 4.0 * rss * scale
        if self.reml:
            value += fit.log_information[0]
            gradient[:m] += fit.log_information[1]
            hessian[:m, :m] += fit.log_information[2]
        return float(value), gradient, hessian

    def log_sigma(self, moments: Moments) -> float:
        """The best log sigma at one t."""
        return 0.5 * float(np.log(fitted(moments).rss[0] / self.nu))

    def profiled(self, t: Floats) -> Derivatives:
        """By t, at the best sigma."""
        moments = self.structure.moments(t)
        return self.without_sigma(self.explicit(moments, self.log_sigma(moments)))

    @staticmethod
    def without_sigma(by_both: Derivatives) -> Derivatives:
        """Derivatives by t at the best sigma, of those by t and log sigma there."""
        value, gradient, hessian = by_both
        bent = hessian[:-1, -1]
        return value, gradient[:-1], hessian[:-1, :-1] - np.outer(bent, bent) / hessian[-1, -1]

    def at(self, lower: Floats) -> Floats:
        """Values alone at Cholesky factors of S, shape (nodes, q, q), at the best sigma."""
        p = self.structure.sums.size
        table = self.structure.sums.tables(self.structure.factor(lower))
        value = self.constant + table[:, -1] + self.nu * (1.0 + np.log(table[:, -2] / self.nu))
        if self.reml:
            diagonal = np.cumsum([0, *range(p + 1, 1, -1)])[:p]
            value = value + 2.0 * np.log(np.abs(table[:, diagonal])).sum(axis=1)
        found: Floats = value
        return found


@dataclass(frozen=True, eq=False)
class Cholesky:
    """Parameters u of a covariance, S = L L', L = sum of u_i basis_i; t are the entries of S.

    Attributes
    ----------
    basis : ndarray, shape (parameters, q, q)
    entries : ndarray, shape (m, q, q)
        Which entry of S each t is.
    """

    basis: Floats
    entries: Floats

    @cached_property
    def curvature(self) -> Floats:
        """H_k, shape (m, parameters, parameters): t_k = u'H_k u / 2."""
        products = np.einsum("iac,jbc->ijab", self.basis, self.basis)
        products = products + products.transpose(1, 0, 2, 3)
        at = [np.argwhere(np.tril(entry))[0] for entry in self.entries]
        return np.stack([products[..., a, b] for a, b in at])

    def lower(self, u: Floats) -> Floats:
        """L, shape (..., q, q)."""
        found: Floats = np.tensordot(u, self.basis, 1)
        return found

    def t(self, u: Floats) -> Floats:
        """The entries of S."""
        found: Floats = 0.5 * (self.curvature @ u) @ u
        return found

    def pulled(self, u: Floats, by_t: Derivatives) -> Derivatives:
        """Derivatives by t as derivatives by u."""
        value, gradient, hessian = by_t
        slope = self.curvature @ u
        return (
            value,
            gradient @ slope,
            slope.T @ hessian @ slope + np.tensordot(gradient, self.curvature, 1),
        )

    def absolute(self, u: Floats, log_sigma: float, by_t: Derivatives) -> Derivatives:
        """Where u make the covariance itself, t = u'H u exp(-2 l) / 2: derivatives by u and l."""
        value, gradient, hessian = by_t
        m, scale = len(self.curvature), np.exp(-2.0 * log_sigma)
        g, t = gradient[:m], self.t(u) * scale
        slope = np.zeros((m + 1, u.size + 1))
        slope[:m, :-1] = self.curvature @ u * scale
        slope[:m, -1] = -2.0 * t
        slope[m, -1] = 1.0
        bent = slope.T @ hessian @ slope
        bent[:-1, :-1] += np.tensordot(g, self.curvature, 1) * scale
        mixed = -2.0 * g @ slope[:m, :-1]
        bent[:-1, -1] += mixed
        bent[-1, :-1] += mixed
        bent[-1, -1] += 4.0 * g @ t
        return value, gradient @ slope, bent


def triangular(q: int, correlated: bool) -> Floats:
    """The basis of lower triangles by rows, or of diagonal matrices."""
    rows, columns = np.tril_indices(q) if correlated else (np.arange(q), np.arange(q))
    found = np.zeros((rows.size, q, q))
    found[np.arange(rows.size), rows, columns] = 1.0
    return found
