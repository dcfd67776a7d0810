"""Variational inference: the best normal approximation, and how far it is from the posterior."""

from collections.abc import Sequence
from math import sqrt
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from pyhier._random import RNG, as_generator, normals
from pyhier._types import Floats
from pyhier._validation import amount, vector
from pyhier.inference.elbo import (
    Bound,
    Fitted,
    Gaussian,
    by_points,
    closed_form,
    maximise,
    quasi_normals,
)
from pyhier.inference.gradient import (
    GradientLike,
    bounded,
    bounds,
    check_gradient,
    gradient_density,
    need_density,
)
from pyhier.inference.hamiltonian import Settings, sample
from pyhier.inference.importance import pareto_k
from pyhier.inference.laplace import laplace
from pyhier.inference.nuts import coordinate_names, inside, refuse
from pyhier.inference.starts import check_start
from pyhier.inference.variational import DensityApproximation, Quality, VariationalPosterior
from pyhier.kernels.gradients import GradientDensity, constrain
from pyhier.models.interface import Model, is_model
from pyhier.models.joint import target_of
from pyhier.models.requirements import need_posterior

Family = Literal["mean-field", "full-rank"]
DRAWS = 10_000  # independent ones of q, for what has no closed form, and for Pareto k
POINTS = 512  # quasi-random ones and as many mirrored, where expectations have no closed form
MOST_FULL = 400  # coordinates of a full-rank q: 80,000 parameters
FLAT = 1e-5  # the slope, in units of the first guess's sds, below which a climb has ended


def vi(
    model: Model | GradientLike,
    family: Family = "mean-field",
    *,
    parameterization: str | None = None,
    start: ArrayLike | None = None,
    lower: ArrayLike | None = None,
    upper: ArrayLike | None = None,
    args: tuple[Any, ...] = (),
    names: Sequence[str] | None = None,
    draws: int = DRAWS,
    check_gradient: bool = True,
    rng: RNG = None,
) -> Any:
    """Fit the normal distribution that is nearest to the posterior, in Kullback-Leibler divergence.

    Parameters
    ----------
    model : Model, or log density with its gradient
        As `nuts` takes it.
    family : {"mean-field", "full-rank"}
        Whether the coordinates are independent, or have a covariance.
    parameterization : {"non-centred", "centred", "marginal"}, optional
        Of a model: the coordinates in which the approximation is normal; as for `nuts`.
    start, lower, upper, args, names, check_gradient
        Of a density of one's own: as for `nuts`.
    draws : int
        Independent draws of the approximation that the result carries, for what has no closed
        form; at least 100.
    rng : None, int, numpy.random.Generator or RStream
        For these draws alone: the fit itself has no noise.

    Returns
    -------
    VariationalPosterior, or DensityApproximation of a density of one's own
        With ``elbo``, ``kl`` (log evidence less the ELBO: exact where `exact` runs), ``pareto_k``
        and ``advice``.

    Raises
    ------
    ValueError, TypeError
        If an argument cannot be used, or the climb does not end at a maximum.

    Notes
    -----
    With normal data and normal effects (`NormalNormal` and `MultilevelNormal`, centred or
    non-centred) every expectation under q is a closed form (the prior of a tau takes a
    one-dimensional sum, exact to rounding): the ELBO and its gradient are exact, and BFGS finds
    the maximum. Elsewhere, as of `MultivariateNormal`, whose correlations are in it by hyperbolic
    functions, and of a tau between bounds, the expectation is a
    mean over 1,024 fixed quasi-random points (deterministic ADVI), whose maximum is a little off
    that of the true ELBO; the ELBO that is reported is that of independent draws, with its Monte
    Carlo error ``elbo_se``. The points' first two moments are those of normals, so that a normal
    density is found exactly.

    References
    ----------
    Giordano, R., Ingram, M. and Broderick, T. (2024). Journal of Machine Learning Research 25,
    1-39.
    Yao, Y., Vehtari, A., Simpson, D. and Gelman, A. (2018). Yes, but did it work? ICML.

    Examples
    --------
    >>> import pyhier as ph
    >>> from scipy import stats
    >>> schools = ph.load_dataset("eight_schools")
    >>> model = ph.NormalNormal(
    ...     schools["y"], se=schools["sigma"], labels=schools["school"],
    ...     prior_mu=stats.norm(0, 5), prior_tau=stats.halfcauchy(scale=5),
    ... )
    >>> centred = ph.vi(model, parameterization="centred", rng=1)
    >>> round(centred.kl, 5), round(centred["mu"].std(), 3)  # exactly the sd is 3.318
    (2.0927, 1.828)
    >>> cure = ph.vi(model, "full-rank", parameterization="non-centred", rng=1)
    >>> round(cure.kl, 5), round(cure["mu"].std(), 3)
    (0.22266, 3.232)
    """
    if not isinstance(family, str) or family not in ("mean-field", "full-rank"):
        raise ValueError(f"family is {family!r}: it must be 'mean-field' or 'full-rank'")
    own = {"start": start, "lower": lower, "upper": upper, "names": names, "args": args or None}
    if is_model(model):
        need_posterior("vi", model)
        refuse("a density of one's own", own)
        return _of_model(model, family, parameterization, draws, rng)
    need_density("vi", model)
    refuse("a model", {"parameterization": parameterization})
    if start is None:
        raise ValueError("start is missing: a density needs a point to start from")
    return _of_density(model, family, own | {"check": check_gradient}, draws, rng)


def _of_model(
    model: Model, family: Family, parameterization: str | None, draws: int, rng: RNG
) -> VariationalPosterior:
    target = target_of(model, parameterization)
    draws = amount("draws", draws, 2 * (len(model.labels) + len(model.coordinates)), 100)
    ends = target.bounds
    free = not np.isfinite(ends).any()
    density = bounded(target.gradient, ends)
    _need_room(family, density.ndim)
    form = getattr(target, "form", None) if free else None
    bound = _points(density, family) if form is None else closed_form(form)
    mean, sd = (
        _guess(model, target, density) if free else _from_chain(density, _start(target, ends))
    )
    fitted = _climb(bound, mean, sd, family)
    generator = as_generator(rng)
    z = normals(generator, (draws,), density.ndim)
    quality = _quality(density, fitted, z, family, form is not None)
    points = fitted.q.at(z)
    points = points if free else constrain(points, ends[0].copy(), ends[1].copy())
    drawn = target.restore(points[np.newaxis], generator)
    return VariationalPosterior(model, target, drawn, fitted.q, quality, free=free)


def _of_density(
    function: Any, family: Family, own: Any, draws: int, rng: RNG
) -> DensityApproximation:
    point = vector("start", own["start"])
    draws = amount("draws", draws, 2 * point.size, 100)
    names = coordinate_names(own["names"], point.size)
    ends = bounds(own["lower"], own["upper"], point.size)
    density = bounded(gradient_density(function, point.size, own["args"] or ()), ends)
    _need_room(family, point.size)
    at = point if ends is None else inside(point[np.newaxis], ends)[0]
    check_start(density, at, names)
    if own["check"]:
        check_gradient(density, at)
    fitted = _climb(_points(density, family), *_from_chain(density, at), family)
    z = normals(as_generator(rng), (draws,), point.size)
    quality = _quality(density, fitted, z, family, False)
    points = fitted.q.at(z)
    if ends is not None:
        points = constrain(points, ends[0].copy(), ends[1].copy())
    return DensityApproximation(points[np.newaxis], names, fitted.q, quality)


# --- The fit --------------------------------------------------------------------------------------


def _need_room(family: Family, p: int) -> None:
    if family == "full-rank" and p > MOST_FULL:
        raise ValueError(
            f"family='full-rank' has {p * (p + 3) // 2} parameters in {p} coordinates: take "
            f"'mean-field', or parameterization='marginal' (at most {MOST_FULL} coordinates)"
        )


def _points(density: GradientDensity, family: Family) -> Bound:
    """The bound by fixed points: more of them than coordinates, or a full L would find the gaps."""
    n = POINTS
    while family == "full-rank" and n < 4 * density.ndim:
        n *= 2
    return by_points(density, quasi_normals(n, density.ndim))


def _guess(model: Model, target: Any, density: GradientDensity) -> tuple[Floats, Floats]:
    """Mean and sd of the coordinates, by draws about the marginal mode."""
    rng = np.random.default_rng(0)
    try:
        fit = laplace(model)
    except ValueError:  # there is no normal approximation at a mode
        return _from_chain(density, target.start())
    phi = fit.mode + rng.standard_normal((400, fit.mode.size)) @ np.linalg.cholesky(fit.var).T
    with np.errstate(all="ignore"):
        points = target.place(phi, model.draw_theta(phi, rng))
    kept = points[np.isfinite(points).all(axis=1)]
    if len(kept) < 200:
        return _from_chain(density, target.start())
    return np.median(kept, axis=0), kept.std(axis=0)


def _start(target: Any, ends: Floats) -> Floats:
    point: Floats = inside(target.start()[np.newaxis], ends)[0]
    return point


def _from_chain(density: GradientDensity, start: Floats) -> tuple[Floats, Floats]:
    """Mean and sd of a short chain of the no-U-turn sampler."""
    settings = Settings(200, 200, 1, 0.8, 8, "diagonal", False)
    found = sample(density, start[np.newaxis], [np.random.default_rng(0)], settings)
    points = found.points[0]
    sd = points.std(axis=0)
    return points.mean(axis=0), np.where(sd > 0.0, sd, 1.0)


def _climb(bound: Bound, mean: Floats, sd: Floats, family: Family) -> Fitted:
    fitted = maximise(bound, mean, sd, family == "full-rank")
    rounding = min(max(1.0, abs(fitted.elbo)), 1e3)  # an ELBO without end is no reason for a slope
    if not (np.isfinite(fitted.elbo) and fitted.slope <= FLAT * rounding):
        raise ValueError(
            f"the ELBO has no maximum where the climb ended (slope {fitted.slope:.2g} after "
            f"{fitted.iterations} iterations): take another parameterization, nuts or exact"
        )
    return fitted


def _quality(
    density: GradientDensity, fitted: Fitted, z: Floats, family: Family, exact: bool
) -> Quality:
    """The ELBO, by independent draws where it is no closed form, and Pareto k."""
    q: Gaussian = fitted.q
    ratio = density.evaluate(q.at(z))[0] - q.log_density(z)
    finite = np.where(np.isnan(ratio), -np.inf, ratio)
    weight = np.exp(finite - finite.max())
    elbo, se = fitted.elbo, 0.0
    if not exact:
        elbo, se = float(finite.mean()), float(finite.std(ddof=1)) / sqrt(len(z))
    return Quality(family, elbo, se, pareto_k(weight / weight.sum()), fitted.iterations)
