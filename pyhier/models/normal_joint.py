"""The normal model's densities with gradients: marginal, centred and non-centred.

With covariates the effects' means are linear predictors. Estimates that are correlated within
studies are rotated; since the effects' law is the same in all directions, the rotated effects are
independent too, and they are the coordinates.
"""

from dataclasses import dataclass
from functools import partial
from math import log
from typing import Any

import numpy as np

from pyhier._types import Floats
from pyhier.kernels.density import LogDensity
from pyhier.kernels.gradients import GradientDensity
from pyhier.kernels.joint import NormalEffects, NormalMarginalGradient
from pyhier.models.coefficients import reference
from pyhier.models.exponential_quadratics import (
    ExponentialQuadratic,
    Exponents,
    Quadratic,
    known_quadratic,
    linear,
    products,
    squares,
)
from pyhier.models.joint import (
    AS_IS,
    EffectChart,
    Joint,
    Kind,
    NormalEffectTargets,
    python_prior,
    standard,
)
from pyhier.models.target import Groups

LOG_2PI = float(np.log(2.0 * np.pi))


class NormalTargets(NormalEffectTargets):
    """What `NormalNormal` has of targets beyond its marginal."""

    def _marginal_gradient(self) -> GradientDensity:
        model: Any = self
        parts, prior = _Parts.of(model), _prior_of_tau(model)
        apart = isinstance(prior, GradientDensity)
        plain = model.with_prior(prior_tau="uniform") if apart else model
        return NormalMarginalGradient(
            plain.log_marginal, parts.y, parts.var, model.log_constant, parts.mean, parts.root,
            prior, parts.kappa, parts.design,
        )  # fmt: skip

    def _joint(self, kind: Kind) -> Joint:
        return _joint(self, kind)


@dataclass(frozen=True)
class _Parts:
    """The model as the kernels take it: independent estimates, the prior of the coefficients."""

    y: Floats
    var: Floats
    design: Floats | None
    mean: Floats
    root: Floats
    kappa: float
    log_prior: float

    @classmethod
    def of(cls, model: Any) -> "_Parts":
        if hasattr(model, "covariates"):
            prior = model.covariates.prior
            y, x, var = (
                (model.y, model.covariates.x, model.var)
                if model._rotation is None
                else model._unsorted
            )
            y, x, var = (np.ascontiguousarray(part, dtype=np.float64) for part in (y, x, var))
            return cls(y, var, x, prior.mean, np.ascontiguousarray(prior.root), 0.0,
                       float(prior.log_density(prior.mean)))  # fmt: skip
        mean, precision, kappa = model.prior.mu_normal
        known = np.array([[np.sqrt(precision)]]) if precision > 0.0 else np.empty((0, 1))
        scale = kappa or precision
        constant = 0.5 * (log(scale) - LOG_2PI) if scale > 0.0 else 0.0
        return cls(model.y, model.var, None, np.array([mean]), known, kappa, constant)


def _prior_of_tau(model: Any) -> LogDensity | GradientDensity | None:
    """Tau's prior for the kernels: one that is Python's is called once for value and slope."""
    density: LogDensity | None = model.prior.density
    if density is None or density.compiled:
        return density
    prior = model.prior.log_density
    return python_prior(lambda log_tau: prior(log_tau[:, 0]), 1)


def _joint(model: Any, parameterization: Kind) -> Joint:
    parts = _Parts.of(model)
    constant = -parts.y.size * LOG_2PI - 0.5 * float(np.log(parts.var).sum()) + parts.log_prior
    density = NormalEffects(
        "normal", parts.y, parts.var, parameterization == "centred", constant, parts.mean,
        parts.root, _prior_of_tau(model), parts.kappa, parts.design,
    )  # fmt: skip
    chart = standard(parts.design) if parameterization == "non-centred" else AS_IS
    rotation = getattr(model, "_rotation", None)
    chart = chart if rotation is None else _rotated(chart, rotation)
    form = partial(_form, model, parts, parameterization, constant)
    return Joint(model, parameterization, density, chart, model.marginal.bounds, form)


def _rotated(chart: EffectChart, rotation: Any) -> EffectChart:
    """The chart of rotated effects; a study's effects are made of all of its coordinates."""

    def to_line(phi: Floats, theta: Floats, at: Groups) -> Floats:
        rotated = np.moveaxis(rotation.rotated(np.moveaxis(theta, -1, 0)), 0, -1)
        return chart.to_line(phi, rotated, at)

    def from_line(phi: Floats, u: Floats, at: Groups) -> Floats:
        effects: Floats = rotation.restored(chart.from_line(phi, u, slice(None)))
        return effects[..., at]

    everything = np.arange(rotation.var.size)
    return EffectChart(f"rotated_{chart.name}", to_line, from_line, lambda _: everything)


# --- Closed forms ---------------------------------------------------------------------------------


def _form(
    model: Any, parts: _Parts, parameterization: str, constant: float
) -> ExponentialQuadratic:
    """The joint density as sums of exp(k log tau) times quadratics."""
    import scipy.sparse

    sp: Any = scipy.sparse
    groups, k = parts.y.size, parts.mean.size
    p = k + 1 + groups
    x = np.ones((groups, 1)) if parts.design is None else parts.design
    predictor = sp.hstack([sp.csr_matrix(x), sp.csr_matrix((groups, 1 + groups))]).tocsr()
    effect = sp.hstack([sp.csr_matrix((groups, k + 1)), sp.identity(groups)]).tocsr()
    ones, none, weight = np.ones(groups), np.zeros(groups), 1.0 / parts.var
    beta = reference(parts.y, x, parts.var)
    away = parts.y - x @ beta
    about = np.concatenate([beta, np.zeros(1 + groups)])
    once, twice, inverse = ((k, 1),), ((k, 2),), ((k, -2),)
    terms: dict[Exponents, Quadratic] = {}
    if parameterization == "centred":
        about[k + 1 :] = parts.y
        plain = linear(p, k, 1.0 - groups, constant) + squares(effect, weight, none)
        terms[inverse] = squares(effect - predictor, ones, -away)
    else:
        plain = linear(p, k, 1.0, constant)
        plain += squares(predictor, weight, away) + squares(effect, ones, none)
        terms[once] = products(predictor, effect, weight, away)
        terms[twice] = squares(effect, weight, none)
    if parts.kappa > 0.0:  # mu ~ N(mean, tau^2 / kappa)
        plain += linear(p, k, -1.0, 0.0)
        first = sp.identity(p, format="csr")[:1]
        tied = squares(first, np.array([parts.kappa]), parts.mean - beta)
        terms[inverse] = terms[inverse] + tied if inverse in terms else tied
    terms[()] = plain + known_quadratic(parts.root, parts.mean - beta, p)
    return ExponentialQuadratic(terms, {k: model.prior.log_density}, about)
