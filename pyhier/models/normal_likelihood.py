"""The normal model's marginal likelihood of (mu, log tau): no prior has a part in it."""

import numpy as np

from pyhier._types import Floats
from pyhier.kernels.density import NormalMarginal
from pyhier.models.weights import residuals, weight_spread, weighted_mean

# In log(min(var) + tau^2) the likelihood of tau, mu at its best, is analytic within pi of the axis
# on either side (classical/tau2.py): steps of 0.2 pass over no hill.
STEP = 0.2


def log_likelihood(y: Floats, var: Floats, phi: Floats) -> Floats:
    """Log likelihood at points (mu, log tau), shape (n, 2), without its factors 2 pi.

    Log tau may be -inf: tau^2 is nothing beside the variances long before.
    """
    least = 0.5 * np.log(var.min()) - 20.0
    points = np.column_stack([phi[:, 0], np.maximum(phi[:, 1], least)])
    values = NormalMarginal(y, var).evaluate(points, fast=True)
    values -= points[:, 1]
    return values


def derivatives(y: Floats, var: Floats, phi: Floats) -> tuple[Floats, Floats]:
    """Its gradient (2,) and Hessian (2, 2) at one point."""
    tau2 = np.exp(2.0 * phi[1])
    weights = 1.0 / (var + tau2)
    residuals = y - phi[0]
    pull = weights * residuals  # d / d mu
    share = weights * tau2
    excess = pull * residuals - 1.0
    cross = -2.0 * (share * pull).sum()
    curvature = 2.0 * (share * (excess * (1.0 - share) - share * (excess + 1.0))).sum()
    gradient = np.array([pull.sum(), (share * excess).sum()])
    return gradient, np.array([[-weights.sum(), cross], [cross, curvature]])


def ridge(y: Floats, var: Floats) -> Floats:
    """Points (mu, log tau), shape (n, 2): tau from 0 to beyond any estimate, mu the best there.

    With S the sum of squares about the mean, the likelihood falls from tau^2 = max(var) +
    2 S / (J - 1) on.
    """
    least = var.min()
    squares = ((y - y.mean()) ** 2).sum()
    top = float(np.log1p((var.max() + 2.0 * squares / max(y.size - 1, 1)) / least))
    tau2 = least * np.expm1(np.linspace(0.0, top, 2 + int(top / STEP)))
    with np.errstate(divide="ignore"):
        log_tau = 0.5 * np.log(tau2)
    mu = [weighted_mean(y, 1.0 / (var + rung))[0] for rung in tau2]
    return np.column_stack([mu, log_tau])


def moments(y: Floats, var: Floats) -> Floats:
    """(mu, log tau) by the method of moments (DerSimonian and Laird 1986), tau perhaps 0."""
    weights, spare = 1.0 / var, weight_spread(1.0 / var)
    excess = float(weights @ residuals(y, weights) ** 2) - (y.size - 1)
    tau2 = max(0.0, excess / spare) if y.size > 1 else 0.0
    with np.errstate(divide="ignore"):
        log_tau = 0.5 * np.log(tau2)
    return np.array([weighted_mean(y, 1.0 / (var + tau2))[0], log_tau])
