"""The normal approximation at the posterior mode (Laplace's method)."""

import builtins
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from pyhier._frozen import Frozen
from pyhier._random import RNG, as_generator
from pyhier._types import Floats
from pyhier._validation import amount, vector
from pyhier.inference.target import LogPosterior, log_density
from pyhier.kernels.density import LogDensity
from pyhier.models.interface import Model, is_model
from pyhier.models.requirements import need_model, need_posterior
from pyhier.posterior.draws import DrawsPosterior
from pyhier.rstats.linalg import chol, log_determinant, solve
from pyhier.rstats.nelder_mead import minimise
from pyhier.rstats.results import ByName


@dataclass(frozen=True)
class LaplaceFit(ByName, Frozen):
    """A normal approximation, under LearnBayes' names.

    Attributes
    ----------
    mode : ndarray, shape (p,)
        The posterior mode.
    var : ndarray, shape (p, p)
        Minus the inverse of the Hessian there: the approximate covariance.
    int : float
        Laplace's approximation of the log of the density's integral.
    converge : bool
        Whether the optimiser stopped because it was done.
    model : Model or None
        What was fitted, when it was a model.
    """

    mode: Floats
    var: Floats
    int: float
    converge: bool
    model: Model | None = None

    def __post_init__(self) -> None:
        self.mode.flags.writeable = self.var.flags.writeable = False

    def sample(self, n: builtins.int, rng: RNG = None) -> DrawsPosterior:
        """Independent draws from the approximation, with theta drawn exactly given each.

        Parameters
        ----------
        n : int
            The number of draws.
        rng : None, int, numpy.random.Generator or RStream

        Returns
        -------
        DrawsPosterior

        Raises
        ------
        TypeError
            If the fit is of a bare log density, which has no groups to draw.
        """
        if self.model is None:
            raise TypeError("only the fit of a model can be sampled: laplace(model)")
        generator = as_generator(rng)
        many = amount("n", n, self.mode.size + len(self.model.labels) + 1)
        z = generator.standard_normal(many * self.mode.size).reshape(-1, self.mode.size)
        phi = self.mode + z @ np.linalg.cholesky(self.var).T
        return DrawsPosterior.from_phi(self.model, phi[np.newaxis], generator)


def laplace(
    model: Model | LogPosterior,
    start: ArrayLike | None = None,
    *,
    args: tuple[Any, ...] = (),
    method: Literal["newton", "Nelder-Mead"] | None = None,
) -> LaplaceFit:
    """Find the posterior mode and the curvature there.

    Parameters
    ----------
    model : Model or log density
        Any model; or a log density of p coordinates (callable, ``numba.njit``,
        ``scipy.LowLevelCallable``).
    start : array_like, shape (p,), optional
        Where to start; a model knows a place itself.
    args : tuple
        Data that a log density takes after its first argument.
    method : {"newton", "Nelder-Mead"}, optional
        "newton" uses the model's derivatives and is exact to rounding; it is the default for a
        model without ``start``. "Nelder-Mead" is R's ``optim`` and ``optimHess``, the default from
        a given ``start``: with R's start it returns R's numbers, which stop where the value changes
        by less than 1.5e-8 of itself.

    Returns
    -------
    LaplaceFit

    Raises
    ------
    ValueError
        If the density is not finite at the start, or has no maximum where the search ends.

    Examples
    --------
    >>> import pyhier as ph
    >>> schools = ph.load_dataset("eight_schools")
    >>> model = ph.NormalNormal(schools["y"], se=schools["sigma"])
    >>> ph.laplace(model).mode.round(6)
    array([7.924412, 1.841398])
    >>> ph.laplace(model, start=[8, 2]).mode.round(6)  # as R's optim leaves it
    array([7.926685, 1.841525])
    """
    if method is None:
        method = "newton" if is_model(model) and start is None else "Nelder-Mead"
    if method not in ("newton", "Nelder-Mead"):
        raise ValueError(f"method is {method!r}: it must be 'newton' or 'Nelder-Mead'")
    if is_model(model):
        need_posterior("laplace", model)
        target = model.marginal
        point = vector("start", target.start() if start is None else start)
        density = log_density(target.density, point.size)
        return _newton(model, point) if method == "newton" else nelder_mead(density, point, model)
    if not callable(model) or isinstance(model, type):
        need_model("laplace", model)
    if start is None:
        raise ValueError("start is missing: a log density needs a point to start from")
    if method == "newton":
        raise ValueError("method 'newton' needs a model's derivatives: take 'Nelder-Mead'")
    point = vector("start", start)
    return nelder_mead(log_density(model, point.size, args), point)


def nelder_mead(density: LogDensity, start: Floats, model: Model | None = None) -> LaplaceFit:
    """Fit by R's ``optim(..., hessian = TRUE, control = list(fnscale = -1))``."""
    value = density(start)
    if not np.isfinite(value):
        raise ValueError(f"the log density is {value} at the start {start}: start elsewhere")
    fit = minimise(start, density, (), {"fnscale": -1.0}, True)
    assert fit.hessian is not None
    return _fit(density, fit.par, fit.hessian, fit.convergence == 0, model)


def _fit(
    density: LogDensity, mode: Floats, hessian: Floats, converge: bool, model: Model | None
) -> LaplaceFit:
    try:
        var = -solve(hessian)
        _, log_det = log_determinant(var)
    except ValueError as error:
        raise ValueError(
            f"the log density is flat at {mode}, where the search for its mode ended "
            f"(its Hessian cannot be inverted: {error}): start elsewhere"
        ) from None
    try:
        chol(var)
    except ValueError:
        raise ValueError(
            f"the search for the mode ended at {mode}, which is no maximum (the Hessian is not "
            "negative definite): start elsewhere"
        ) from None
    value = mode.size / 2 * np.log(2 * np.pi) + 0.5 * log_det + density(mode)
    return LaplaceFit(mode, var, float(value), converge, model)


def _newton(model: Model, point: Floats) -> LaplaceFit:
    """Climb the posterior to its mode."""
    target = model.marginal
    density = target.density
    value = density(point)
    if not np.isfinite(value):
        raise ValueError(f"the log density is {value} at the start {point}")

    def derivatives(point: Floats) -> tuple[Floats, Floats]:
        gradient, hessian = target.derivatives(point)
        if not np.all(np.isfinite(gradient)):
            raise ValueError(
                f"the prior ends at {point}, where the search for the mode led: there is no normal "
                "approximation; take exact(model), or rwmetrop with start= and proposal="
            )
        return gradient, hessian

    top, hessian, converged = climb(density, derivatives, point)
    return _fit(density, top, hessian, converged, model)


def climb(
    density: Callable[[Floats], float],
    derivatives: Callable[[Floats], tuple[Floats, Floats]],
    point: Floats,
    slow: float = 0.0,
    longest: Floats | float = np.inf,
) -> tuple[Floats, Floats, bool]:
    """Climb by Newton steps, damped (Levenberg) until each one rises.

    ``gain`` is the rise that a step promises: the squared distance to the mode in posterior sds.
    Below 1e-8 the surface is a parabola and the value too coarse to judge a step by, so the steps
    go on undamped until rounding stops them; or, with ``slow``, until a gain below that is not much
    below the last: near a maximum each is about the last one's square, so that there is none.
    ``longest``, shape (p,), is how far one step may move each coordinate.

    Returns
    -------
    point : ndarray, shape (p,)
    hessian : ndarray, shape (p, p)
    converged : bool
    """
    value, damping, last = density(point), 0.0, np.inf
    for _ in range(200):
        gradient, hessian = derivatives(point)
        step = _newton_step(gradient, hessian, damping, longest)
        gain = np.inf if step is None else float(gradient @ step)
        if step is not None and damping == 0.0 and gain < 1e-8:
            if gain < 1e-26 or gain >= last or 0.01 * last < gain < slow:
                return point, hessian, True
            point, last = point + step, gain
        elif step is not None and (proposed := density(point + step)) > value:
            point, value = point + step, proposed
            damping = damping / 16.0 if damping > 1e-3 else 0.0
        else:
            damping = max(4.0 * damping, 1e-3)
    return point, hessian, False


def _newton_step(
    gradient: Floats, hessian: Floats, damping: float, longest: Floats | float
) -> Floats | None:
    """The step uphill, or None where the damped Hessian is not negative definite."""
    damped = np.diag(np.abs(np.diag(hessian)) * damping) - hessian
    try:
        factor = np.linalg.cholesky(damped)
    except np.linalg.LinAlgError:
        return None
    step: Floats = np.linalg.solve(factor.T, np.linalg.solve(factor, gradient))
    return step / max(1.0, float(np.max(np.abs(step) / longest)))
