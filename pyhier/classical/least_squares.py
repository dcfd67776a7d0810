"""Weighted least squares at many tau^2: what estimators of tau^2 with covariates are made of.

With W = diag(1 / (var + tau^2)) and X = W^-1/2 Q R, the matrix P = W - W X (X'WX)^-1 X'W of
Viechtbauer (2005) is W^1/2 (I - Q Q') W^1/2; its traces are sums over Q, no matrix of all groups is
made.
"""

from dataclasses import dataclass

import numpy as np

from pyhier._types import Floats


@dataclass(frozen=True, eq=False)
class LeastSquares:
    """A weighted fit.

    Attributes
    ----------
    weights : ndarray, shape (groups,)
    q : ndarray, shape (groups, p)
        Orthonormal columns that span those of the weighted X.
    r : ndarray, shape (p, p)
    beta : ndarray, shape (p,)
    residuals : ndarray, shape (groups,)
    """

    weights: Floats
    q: Floats
    r: Floats
    beta: Floats
    residuals: Floats

    @property
    def squares(self) -> float:
        """The weighted sum of squared residuals, y'Py."""
        return float((self.weights * self.residuals**2).sum())

    @property
    def hat(self) -> Floats:
        """The diagonal of X (X'WX)^-1 X'W, shape (groups,)."""
        values: Floats = (self.q * self.q).sum(axis=1)
        return values

    @property
    def cov(self) -> Floats:
        """(X'WX)^-1, shape (p, p)."""
        inverse = np.linalg.inv(self.r)
        found: Floats = inverse @ inverse.T
        return found

    @property
    def trace(self) -> float:
        """tr(P)."""
        return float((self.weights * (1.0 - self.hat)).sum())

    @property
    def log_determinant(self) -> float:
        """Log |X'WX|."""
        return 2.0 * float(np.log(np.abs(np.diag(self.r))).sum())

    def trace_of_squares(self, spread: Floats | float = 1.0) -> float:
        """tr(P S P S) for S = diag(spread)."""
        d = self.weights * spread
        middle = (self.q.T * d) @ self.q
        square = (d * d).sum() - 2.0 * (self.q.T * (d * d) * self.q.T).sum() + (middle**2).sum()
        return float(max(square, 0.0))


def least_squares(y: Floats, x: Floats, weights: Floats) -> LeastSquares:
    """Fit by an orthogonal factorisation, the heaviest rows first."""
    order = np.argsort(-weights, kind="stable")
    root = np.sqrt(weights)
    q = np.empty_like(x)
    q[order], r = np.linalg.qr(x[order] * root[order, None])
    centre = y - x @ np.linalg.solve(r, q.T @ (y * root))
    beta = np.linalg.solve(r, q.T @ (y * root))
    beta = beta + np.linalg.solve(r, q.T @ (centre * root))  # once refined
    return LeastSquares(weights, q, r, beta, y - x @ beta)
