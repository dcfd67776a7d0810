"""The exact posterior by quadrature over a few hyperparameters."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from pyhier._types import Floats
from pyhier.inference.hills import SEPARATE, check_further_hills, check_hills
from pyhier.inference.laplace import laplace
from pyhier.models.crossed import is_crossed
from pyhier.models.interface import (
    Hilly,
    Integrated,
    Latticed,
    Model,
    OfPsi,
    PlaneModel,
    is_averaged,
    is_hilly,
    is_integrated,
    is_latticed,
    is_plane,
    is_reduced,
)
from pyhier.models.requirements import is_surfaced, need_posterior
from pyhier.posterior.averaged import AveragedPosterior
from pyhier.posterior.crossed_lattice import CrossedPosterior
from pyhier.posterior.effect_lattice import TOLERANCE, EffectLatticePosterior
from pyhier.posterior.exact_lattice import LatticePosterior
from pyhier.posterior.exact_line import ExactPosterior
from pyhier.posterior.exact_plane import PlanePosterior
from pyhier.quadrature.axes import coordinate_axis
from pyhier.quadrature.fitting import Coordinate
from pyhier.quadrature.growth import UnresolvedError
from pyhier.quadrature.lattice import Lattice, lattice
from pyhier.quadrature.nested import NEGLIGIBLE, Plane, Search, nested_quadrature
from pyhier.quadrature.peaks import check_peaks, highest
from pyhier.quadrature.turned import Turned

MOST = 4  # coordinates of a lattice
# Logs of the largest doubles, about, and the mass beyond them that is borne: of a concentration
# (K, alpha, d0), of which effects' laws are made, and of their location.
OF_CONCENTRATION, OF_LOCATION = (640.0, NEGLIGIBLE), (700.0, 0.01)


Exact = (
    ExactPosterior
    | PlanePosterior
    | LatticePosterior
    | EffectLatticePosterior
    | CrossedPosterior
    | AveragedPosterior
)


def exact(model: Model) -> Exact:
    """Compute a model's whole posterior by quadrature, without Monte Carlo error.

    Parameters
    ----------
    model : Model
        One that integrates all its hyperparameters but one out by itself, such as `NormalNormal`,
        or all but up to four, or one with two of them, such as `BetaBinomial` and `PoissonGamma`,
        with covariates up to four.

    Returns
    -------
    Posterior
        An ExactPosterior, PlanePosterior, LatticePosterior, EffectLatticePosterior,
        CrossedPosterior or AveragedPosterior, by what the model leaves to quadrature. Good to 1e-9
        with one hyperparameter left, to 1e-8 with two; on a lattice of up to four as good as its
        `error` says.

    Raises
    ------
    TypeError
        If it is no model, has more hyperparameters, or cannot say how to look at them.
    ValueError
        If the posterior is improper, naming a prior that mends it; or if its error is above what is
        promised, or it takes more nodes than are allowed, naming an engine that would do.

    Notes
    -----
    A named or frozen prior of tau says by its quantiles where it has structure, however narrow. Of
    a callable only the values tell: it is looked at in steps of 1/128 of log tau (0.8% of tau)
    where the posterior is above e^-30 of its peak, and from 1/20 of the least sd of anything to 20
    times the widest spread of the data; beyond, by e^60 on both sides, in steps of 1/8. So a spike
    is found where its sd is 0.8% of its place there, and 12% beyond; steps, kinks and ends are
    found by bisection. A narrower spike takes a frozen distribution.

    Examples
    --------
    >>> import pyhier as ph
    >>> schools = ph.load_dataset("eight_schools")
    >>> post = ph.exact(ph.NormalNormal(schools["y"], se=schools["sigma"]))
    >>> round(post["theta[1]"].mean(), 10), round(post["theta[1]"].std(), 10)
    (11.4002608704, 8.3414162375)
    """
    need_posterior("exact", model)
    try:
        return _by_quadrature(model)
    except ValueError as error:
        far = getattr(getattr(model, "covariates", None), "far", ())
        if not far:
            raise
        raise ValueError(
            f"{error}. X has {', '.join(far)} so far from 0 that doubles hardly tell the groups "
            "apart: subtract the mean"
        ) from None


def _by_quadrature(model: Model) -> Exact:
    if is_averaged(model):
        return AveragedPosterior(model, [exact(case) for case in model.cases])
    if is_reduced(model):
        return ExactPosterior.of(model)
    if is_integrated(model):
        _need_few(model)
        return LatticePosterior(model, _lattice_of(model))
    if is_latticed(model):
        return _of_effects(model)
    if is_plane(model):
        return on_plane(model)
    if is_crossed(model):
        return CrossedPosterior(model, _lattice_of(model))
    raise TypeError(f"{type(model).__name__} cannot be reduced to a few coordinates")


def _need_few(model: Integrated) -> None:
    left = len(model.psi)
    if left > MOST:
        raise TypeError(
            f"the model has {left} coordinates that no formula integrates out, and quadrature "
            f"takes {MOST}: take nuts(model), or leave correlations out"
        )


def _lattice_of(model: OfPsi) -> Lattice:
    """The lattice over the coordinates that no formula integrates out."""
    try:
        peaks = model.psi_peaks()
        start = highest(model.log_psi, model.psi_start(), peaks)
        found = lattice(model.log_psi, start, model.psi, tails=model.psi_tails())
        check_peaks(found, peaks)
    except UnresolvedError as error:
        raise ValueError(
            f"the quadrature is not resolved: {error}. Take rwmetrop(model, draws), whose error "
            f"its draws tell, or {model.mend}"
        ) from None
    return found


def _of_effects(model: Latticed) -> EffectLatticePosterior:
    left = len(model.psi)
    if left > MOST:
        raise TypeError(
            f"the model has {left} coordinates beside its effects, and quadrature takes {MOST}: "
            "take nuts(model) or rwmetrop(model, draws), or leave covariates out"
        )
    try:
        turned, start = _round(model)
        own = [Coordinate(f"z{k + 1}", f"z{k + 1}", "identity") for k in range(left - 1)]
        peaks = model.psi_peaks()
        start = highest(turned, start, peaks)
        axes = (*own, model.psi[-1])
        tails, tolerance = model.psi_tails(), TOLERANCE[left]
        found = lattice(turned, start, axes, tails=tails, tolerance=tolerance)
        check_peaks(found, peaks)
    except UnresolvedError as error:
        raise ValueError(
            f"the quadrature is not resolved: {error}. Take rwmetrop(model, draws), whose error "
            f"its draws tell, or {model.mend}"
        ) from None
    check_further_hills(model, turned, found)
    return EffectLatticePosterior(model, turned, found)


def _round(model: Latticed) -> tuple[Turned, Floats]:
    """The density in a basis in which the coefficients' is about round, and where it is high."""
    try:
        mode = laplace(model).mode
    except ValueError:  # a prior that ends there
        mode = model.psi_start()
    precision = -model.marginal.derivatives(mode)[1][:-1, :-1]
    try:
        turned = Turned.whitened(model.log_psi, mode[:-1], precision)
    except np.linalg.LinAlgError:
        size = np.sqrt((model.covariates.x**2).sum(axis=0))
        turned = Turned(model.log_psi, mode[:-1], np.diag(1.0 / size))
    return turned, np.append(np.zeros(mode.size - 1), mode[-1])


def on_plane(model: PlaneModel) -> PlanePosterior:
    """The posterior of a model with two coordinates, both by quadrature."""
    axis, target = coordinate_axis(model.location), model.marginal

    def log_density(outer: Floats, location: Floats) -> Floats:
        return target.log_density(axis.phi(location, outer))

    known = model.surface.search if is_surfaced(model) and model.surface is not None else None
    if known is None:
        start = target.start()
        search = Search(float(start[axis.free]), float(start[model.location]))
    else:
        search = known
    if is_hilly(model):
        plane = _over_hills(model, log_density, search, known is None)
    else:
        plane = nested_quadrature(log_density, search)
    _need_doubles(model, plane)
    return PlanePosterior(model, plane)


def _over_hills(
    model: Hilly, log_density: Callable[[Floats, Floats], Floats], search: Search, guess: bool
) -> Plane:
    """The plane of a density that may have several hills; an error if some are not reached."""
    hills = model.hills()
    try:
        if guess:
            search = replace(search, known=model.inner_guess())
        plane = nested_quadrature(log_density, search)
    except ValueError:
        if hills[0].size:
            raise ValueError(SEPARATE) from None
        raise
    check_hills(plane, log_density, *hills)
    return plane


def _need_doubles(model: PlaneModel, plane: Plane) -> None:
    """Raise where a hyperparameter has mass beyond what doubles hold."""
    phi = coordinate_axis(model.location).phi(plane.inner.x, plane.outer.x[plane.inner.row])
    for k, (name, logs) in enumerate(zip(model.coordinates, phi.T, strict=True)):
        largest, borne = OF_LOCATION if k == model.location else OF_CONCENTRATION
        beyond = float(np.exp(plane.log_weight[logs > largest]).sum())
        if name.startswith("log_") and beyond > borne:
            raise ValueError(
                f"{name[4:]} has {beyond:.1e} of its mass beyond what doubles hold: take a prior "
                "whose tail falls faster"
            )
