"""Densities with gradients of several outcomes: marginal, centred and non-centred.

The coordinates are phi, then q of every group: its effects, or z with theta = B x + L z, L the
Cholesky factor of the effects' covariance.
"""

from typing import Any, Literal

import numpy as np

from pyhier._types import Floats
from pyhier.kernels.gradients import GradientDensity
from pyhier.kernels.joint_multivariate import MultivariateGradient
from pyhier.models.covariates import LOG_2PI
from pyhier.models.joint import (
    AS_IS,
    EffectChart,
    Joint,
    Kind,
    NormalEffectTargets,
    priors_of_psi,
)
from pyhier.models.target import Groups


class MultivariateTargets(NormalEffectTargets):
    """What `MultivariateNormal` has of targets beyond its marginal."""

    def _marginal_gradient(self) -> GradientDensity:
        return _density(self, "marginal")

    def _joint(self, kind: Kind) -> Joint:
        model: Any = self
        chart = AS_IS if kind == "centred" else _standard(model)
        return Joint(model, kind, _density(model, kind), chart, model.bounds)


def _density(model: Any, kind: Kind | Literal["marginal"]) -> MultivariateGradient:
    data, prior = model._effects, model.covariates.prior
    constant = float(prior.log_density(prior.mean))
    if model._compiled:
        constant += model.prior.rho.log_constant
    if kind == "marginal":
        y, spread = data.y, data.cov
        constant += model.log_constant
    else:
        y, spread = np.where(data.seen, data.y, 0.0), _roots(data)
        constant += float(model.log_likelihood(data.y.ravel()).sum()) - 0.5 * y.size * LOG_2PI
    return MultivariateGradient(
        kind, y, np.ascontiguousarray(model._x), np.ascontiguousarray(spread), prior.mean,
        np.ascontiguousarray(prior.root), constant, model.prior.rho.powers, priors_of_psi(model),
    )  # fmt: skip


def _roots(data: Any) -> Floats:
    """Of every group R with R'R the inverse of its sampling covariance; 0 where it lacks one."""
    groups, q = data.y.shape
    units = [np.tile(unit, groups) for unit in np.eye(q)]
    columns = [data.whitened(unit).reshape(groups, q) for unit in units]
    roots: Floats = np.stack(columns, axis=-1) * data.seen[:, np.newaxis]
    return roots


def _standard(model: Any) -> EffectChart:
    """Distances from the centres, in units of the factor of the effects' covariance."""
    p, q = model.covariates.size, len(model.outcomes)

    def parts(phi: Floats) -> tuple[Floats, Floats]:
        """Centres, shape (..., groups, q), and factors, (..., 1, q, q)."""
        b = phi[..., :p].reshape(*phi.shape[:-1], q, -1)
        return np.swapaxes(b @ model._x.T, -1, -2), model._effects.factor(phi[..., p:])

    def to_line(phi: Floats, theta: Floats, _: Groups) -> Floats:
        centre, factor = parts(phi)
        away = theta.reshape(centre.shape) - centre
        solved = np.linalg.solve(factor, np.swapaxes(away, -1, -2))
        return np.swapaxes(solved, -1, -2).reshape(theta.shape)

    def from_line(phi: Floats, z: Floats, at: Groups) -> Floats:
        centre, factor = parts(phi)
        effects = np.arange(model._effects.y.size)[at]
        there = np.arange(z.shape[-1]) if z.shape[-1] == model._effects.y.size else needs(effects)
        groups = np.unique(there // q)
        own = z.reshape(*z.shape[:-1], groups.size, q) @ np.swapaxes(factor, -1, -2)
        theta = (centre[..., groups, :] + own).reshape(z.shape)
        found: Floats = theta[..., np.searchsorted(there, effects)]
        return found

    def needs(effects: Any) -> Any:
        """All effects of their groups."""
        groups = np.unique(effects // q)
        return (q * groups[:, np.newaxis] + np.arange(q)).ravel()

    return EffectChart("z", to_line, from_line, needs)
