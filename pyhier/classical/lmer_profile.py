"""Intervals of a mixed model's parameters by the profile of its likelihood.

A parameter is held while the deviance is minimised over all others, by Newton's steps with exact
derivatives; an interval ends where the deviance has risen by a quantile of chi-squared. A held sd
is the first element of a Cholesky factor that has its coefficient first; a held correlation turns
the second row.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from pyhier._types import Floats
from pyhier._validation import check_level
from pyhier.classical.mixed_deviance import Cholesky, Criterion, Derivatives, triangular
from pyhier.classical.mixed_moments import Moments, Varying, full
from pyhier.classical.mixed_search import minimise

if TYPE_CHECKING:
    import pandas as pd

    from pyhier.classical.lmer_estimates import Estimates

WIDEST = 200  # steps outward


@dataclass
class Profile:
    """The least deviance where one parameter is held, each search from where the last one ended.

    Attributes
    ----------
    function : callable
        Of the held value: a function of the others with its derivatives.
    start : ndarray
        The others at the estimates.
    """

    function: Callable[[float], Callable[[Floats], Derivatives]]
    start: Floats

    def __call__(self, value: float) -> float:
        """The least deviance at a value of the parameter."""
        at, here = minimise(self.function(value), self.start)
        self.start = at
        return here[0]


def intervals(fit: "Estimates", level: float) -> "pd.DataFrame":
    """Intervals of all parameters of a fit by maximum likelihood."""
    import pandas as pd
    from scipy.special import chdtri

    rise = float(chdtri(1, 1.0 - check_level(level)))
    names: list[str] = []
    ends: list[tuple[float, float]] = []
    for name, ends_of in _parameters(fit):
        names.append(name)
        ends.append(ends_of(rise))
    return pd.DataFrame(ends, index=pd.Index(names, name="parameter"), columns=["lower", "upper"])


Ends = Callable[[float], tuple[float, float]]


def _parameters(fit: "Estimates") -> list[tuple[str, Ends]]:
    """Every parameter's name and what finds its interval."""
    design, q = fit.design, len(fit.theta)
    own = design.levels if fit.nested else design.z_names
    found: list[tuple[str, Ends]] = []
    for k in range(q):
        found.append((f"tau[{own[k]}]", partial(_of_sd, fit, k)))
    if design.correlated and not fit.nested:
        for j in range(q):
            for i in range(j + 1, q):
                name = f"rho[{own[j]},{own[i]}]"
                found.append((name, partial(_of_correlation, fit, j, i)))
    found.append(("sigma", partial(_of_sigma, fit)))
    for k, name in enumerate(design.x_names):
        found.append((name, partial(_of_coefficient, fit, k)))
    return found


def _ends(
    profile: Profile, least: float, at: float, step: float, low: float, high: float, rise: float
) -> tuple[float, float]:
    """Where the profile has risen so far on either side, or the ends of the range."""
    from scipy.optimize import brentq

    begin = profile.start

    def above(value: float) -> float:
        """Nearly linear: the signed root of what it rose, less that of what it may."""
        return float(np.sqrt(max(profile(value) - least, 0.0)) - np.sqrt(rise))

    def side(limit: float) -> float:
        profile.start = begin
        inside, pace = at, step
        for _ in range(WIDEST):
            outside = inside + np.sign(limit - at) * pace
            reached = outside >= limit if limit > at else outside <= limit
            outside = limit if reached else outside
            if above(outside) > 0.0:
                return float(brentq(above, inside, outside, xtol=1e-10 * step, rtol=1e-11))
            if reached:
                return limit
            inside, pace = outside, 1.5 * pace
        raise ArithmeticError(
            f"the likelihood does not fall by {0.5 * rise:.3g} before {outside:g}"
        )

    return side(low) if low < at else low, side(high) if high > at else high


def _deviance(
    criterion: Criterion, parameters: Cholesky, free: Floats, held: Floats
) -> Callable[[Floats], Derivatives]:
    """As a function of those of (u, log sigma) that are free; u make the covariance itself."""

    def function(eta: Floats) -> Derivatives:
        whole = held.copy()
        whole[free] = eta
        u, log_sigma = whole[:-1], float(whole[-1])
        moments = criterion.structure.moments(parameters.t(u) * np.exp(-2.0 * log_sigma))
        value, gradient, hessian = parameters.absolute(
            u, log_sigma, criterion.explicit(moments, log_sigma)
        )
        return value, gradient[free], hessian[np.ix_(free, free)]

    return function


def _reordered(fit: "Estimates", first: list[int]) -> tuple[Criterion, Floats]:
    """The criterion with some varying coefficients first, and the covariance's factor."""
    structure = fit._criterion.structure
    order = first + [k for k in range(len(fit.theta)) if k not in first]
    if not isinstance(structure, Varying):
        return fit._criterion, fit.sigma * fit._lower
    q, correlated = len(order), fit.design.correlated
    turned = full(structure.sums.r, q, upper=True)[..., order]
    rotation, r = np.linalg.qr(turned)
    at = np.triu_indices(q)
    sums = replace(
        structure.sums,
        r=np.ascontiguousarray(r[:, at[0], at[1]]),
        f=np.ascontiguousarray(rotation.transpose(0, 2, 1) @ structure.sums.f),
    )
    again = Varying.of(sums, correlated)
    root = again.root @ (fit.sigma * fit.theta)[order]
    upper: Any = np.linalg.qr(root.T, mode="r")
    lower: Floats = np.asarray(upper, dtype=np.float64).T
    return Criterion(again, reml=False), lower * np.where(np.diag(lower) < 0.0, -1.0, 1.0)


def _elements(basis: Floats, lower: Floats) -> Floats:
    return np.array([lower[tuple(np.argwhere(one)[0])] for one in basis])


def _of_sd(fit: "Estimates", k: int, rise: float) -> tuple[float, float]:
    correlated = fit.design.correlated and not fit.nested
    criterion, lower = _reordered(fit, [k] if correlated else [])
    basis = triangular(len(lower), correlated)
    parameters = Cholesky(basis, criterion.structure.entries)
    place = 0 if correlated else k
    unit = float(criterion.structure.root[place, place])
    whole = np.append(_elements(basis, lower), np.log(fit.sigma))
    free = np.arange(whole.size) != place

    def function(sd: float) -> Callable[[Floats], Derivatives]:
        held = whole.copy()
        held[place] = unit * sd
        return _deviance(criterion, parameters, free, held)

    at = float(lower[place, place]) / unit
    step = max(at, 0.3 * fit.sigma / unit)
    return _ends(Profile(function, whole[free]), fit.deviance, at, step, 0.0, np.inf, rise)


def _of_correlation(fit: "Estimates", j: int, i: int, rise: float) -> tuple[float, float]:
    criterion, lower = _reordered(fit, [j, i])
    root = criterion.structure.root
    factor = np.linalg.inv(root) @ lower  # in the coefficients' own units
    sd = float(np.hypot(factor[1, 0], factor[1, 1]))
    if factor[0, 0] == 0.0 or sd == 0.0:
        return -1.0, 1.0
    at = float(np.clip(factor[1, 0] / sd, -1.0, 1.0))
    units = triangular(len(lower), correlated=True)
    first, second = np.zeros((2, *units.shape[1:]))
    first[0, 0] = second[1, 1] = 1.0
    rest = [one for one in units if one[2:].any()]
    # Rows in units in which their sds are of the size of 1.
    sizes = np.sqrt((factor**2).sum(axis=1))
    sizes = np.where(sizes > 0.0, sizes, fit.sigma / np.diag(root))

    def parameters(rho: float) -> Cholesky:
        turned = second.copy()
        turned[1, :2] = rho, np.sqrt(1.0 - rho**2)
        basis = np.stack([first, turned, *rest]) * sizes[:, np.newaxis]
        return Cholesky(root @ basis, criterion.structure.entries)

    scaled = factor / sizes[:, np.newaxis]
    start = [scaled[0, 0], sd / sizes[1], *(scaled[tuple(np.argwhere(one)[0])] for one in rest)]
    whole = np.append(start, np.log(fit.sigma))
    free = np.ones(whole.size, dtype=bool)

    def function(rho: float) -> Callable[[Floats], Derivatives]:
        return _deviance(criterion, parameters(rho), free, whole)

    return _ends(Profile(function, whole), fit.deviance, at, 0.25, -1.0, 1.0, rise)


def _of_sigma(fit: "Estimates", rise: float) -> tuple[float, float]:
    criterion, correlated = fit._criterion, fit.design.correlated and not fit.nested
    basis = triangular(len(fit._lower), correlated)
    parameters = Cholesky(basis, criterion.structure.entries)
    whole = np.append(_elements(basis, fit.sigma * fit._lower), np.log(fit.sigma))
    free = np.arange(whole.size) != whole.size - 1

    def function(log_sigma: float) -> Callable[[Floats], Derivatives]:
        held = whole.copy()
        held[-1] = log_sigma
        return _deviance(criterion, parameters, free, held)

    profile = Profile(function, whole[free])
    step = 2.0 / np.sqrt(2.0 * fit.nobs)
    ends = _ends(profile, fit.deviance, float(whole[-1]), step, -np.inf, np.inf, rise)
    return float(np.exp(ends[0])), float(np.exp(ends[1]))


def _of_coefficient(fit: "Estimates", k: int, rise: float) -> tuple[float, float]:
    criterion, correlated = fit._criterion, fit.design.correlated and not fit.nested
    sums = criterion.structure.sums
    basis = triangular(len(fit._lower), correlated)
    parameters = Cholesky(basis, criterion.structure.entries)
    row = sums.basis[k]
    across = np.linalg.qr(row[:, np.newaxis], mode="complete")[0][:, 1:]
    columns = np.zeros((sums.size + 1, sums.size))
    columns[:-1, :-1], columns[-1, -1] = across, 1.0

    def held(moments: Moments, value: float) -> Moments:
        columns[:-1, -1] = -row * (value - sums.about[k]) / (row @ row)
        return moments.along(columns)

    def function(value: float) -> Callable[[Floats], Derivatives]:
        def deviance(u: Floats) -> Derivatives:
            moments = held(criterion.structure.moments(parameters.t(u)), value)
            by_t = criterion.explicit(moments, criterion.log_sigma(moments))
            return parameters.pulled(u, criterion.without_sigma(by_t))

        return deviance

    profile = Profile(function, _elements(basis, fit._lower))
    step = 2.0 * float(np.sqrt(fit.vcov[k, k]))
    return _ends(profile, fit.deviance, float(fit.beta[k]), step, -np.inf, np.inf, rise)
