"""R's ``optim`` (Nelder-Mead) and ``optimHess``, with R's conventions and R's bits.

The method is Nelder and Mead (Computer Journal 7, 1965, 308-313) in the variant that R's help page
names: Nash, Compact Numerical Methods for Computers (1990), algorithm 19. The order of each sum is
part of the contract, because the tests ask for R's result to the last bit.
"""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyhier._types import Floats
from pyhier._validation import as_array, flag, function, numbers, vector
from pyhier.rstats.results import ByName, one_number

Objective = Callable[[Sequence[float]], float]

BIG = 1.0e35  # what R's optim takes a value that is not finite for


@dataclass(frozen=True)
class OptimResult(ByName):
    """What R's ``optim`` returns, under R's names.

    Attributes
    ----------
    par : ndarray, shape (p,)
        The best point found.
    value : float
        The function there.
    counts : dict
        Calls of the function; the gradient's are None, as Nelder-Mead takes none.
    convergence : int
        0: converged; 1: ``maxit`` was reached; 10: the simplex degenerated.
    message : str or None
    hessian : ndarray, shape (p, p), or None
        Second derivatives at ``par``, when asked for.
    """

    par: Floats
    value: float
    counts: Mapping[str, int | None]
    convergence: int
    message: str | None = None
    hessian: Floats | None = None


@dataclass(frozen=True)
class _Control:
    """R's ``control`` list, with R's defaults; see R's help page ``optim``."""

    trace: float = 0
    fnscale: float = 1.0
    parscale: ArrayLike = 1.0
    ndeps: ArrayLike = 1e-3
    maxit: float = 500
    abstol: float = -math.inf
    reltol: float = field(default=math.sqrt(sys.float_info.epsilon))
    alpha: float = 1.0
    beta: float = 0.5
    gamma: float = 2.0
    REPORT: float = 10  # it and the next are of R's other methods, and of no effect, as in R
    type: float = 1
    lmm: float = 5
    factr: float = 1e7
    pgtol: float = 0.0
    tmax: float = 10
    temp: float = 10.0

    @classmethod
    def of(cls, control: Mapping[str, Any] | None) -> _Control:
        known = cls.__dataclass_fields__
        if not isinstance(control, Mapping | None):
            raise TypeError(f"control is {control!r}: give a dict of R's entries")
        for name in control or {}:
            if name not in known:
                raise ValueError(f"control has no entry {name!r}: it takes {', '.join(known)}")
        result = cls(**(control or {}))
        for name in ("fnscale", "maxit", "abstol", "reltol", "alpha", "beta", "gamma", "trace"):
            value = getattr(result, name)
            if not isinstance(value, int | float | np.integer | np.floating) or np.isnan(value):
                raise ValueError(f"control {name} is {value!r}: it must be a number")
        if result.maxit < 1:
            raise ValueError(f"control maxit is {result.maxit}: it must be at least 1")
        if result.fnscale == 0.0 or not math.isfinite(result.fnscale):
            raise ValueError(f"control fnscale is {result.fnscale}: give 1, or -1 to maximise")
        return result

    def per_parameter(self, name: str, p: int) -> list[float]:
        values: list[float] = vector(f"control {name}", np.ravel(getattr(self, name))).tolist()
        if len(values) == 1:
            values = [values[0]] * p
        if len(values) != p:
            raise ValueError(f"control {name} has {len(values)} entries: give {p}, one a parameter")
        if not all(value != 0.0 and math.isfinite(value) for value in values):
            raise ValueError(f"control {name} is {values}: its entries must be finite and not 0")
        return values


def optim(
    par: ArrayLike,
    fn: Callable[..., float],
    *args: Any,
    method: str = "Nelder-Mead",
    control: Mapping[str, Any] | None = None,
    hessian: bool = False,
) -> OptimResult:
    """Minimise a function as R's ``optim(par, fn, ..., control, hessian)`` does.

    Parameters
    ----------
    par : array_like, shape (p,)
        Where to start. The first simplex has steps of a tenth of the largest ``|par / parscale|``.
    fn : callable
        ``fn(x, *args)`` with ``x`` of shape (p,), returning a number. What is not finite counts as
        1e35, as in R.
    *args
        Passed on to ``fn``: R's ``...``.
    method : {"Nelder-Mead"}
        R's other methods are not offered.
    control : mapping, optional
        R's control list: ``fnscale`` (-1 to maximise), ``parscale``, ``ndeps``, ``maxit``,
        ``abstol``, ``reltol``, ``alpha``, ``beta``, ``gamma``, and ``trace``: from 1 on R's report
        is printed. The options of R's other methods are taken and have no effect, as in R;
        ``{"warn.1d.NelderMead": False}`` turns the warning about one dimension off.
    hessian : bool
        Whether to add `optimHess` at the solution.

    Returns
    -------
    OptimResult

    Raises
    ------
    ValueError
        If the function is not finite at ``par``, or an option is unknown.

    Examples
    --------
    >>> fit = optim([-1.2, 1.0], lambda x: 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2)
    >>> fit.par.round(6), fit.counts["function"]  # R: 1.000260 1.000506, 195
    (array([1.00026 , 1.000506]), 195)
    """
    function("fn", fn, "a vector")
    hessian = flag("hessian", hessian)
    if not isinstance(control, Mapping | None):
        raise TypeError(f"control is {control!r}: give a dict of R's entries")
    if method != "Nelder-Mead":
        raise ValueError(f"method is {method!r}: only 'Nelder-Mead' is offered")
    control, start = dict(control or {}), vector("par", np.atleast_1d(numbers("par", par)))
    if control.pop("warn.1d.NelderMead", True) and start.size == 1:
        warnings.warn(
            "one-dimensional optimization by Nelder-Mead is unreliable",
            RuntimeWarning,
            stacklevel=2,
        )
    return minimise(start, fn, args, control, hessian)


def minimise(
    par: ArrayLike,
    fn: Callable[..., float],
    args: tuple[Any, ...],
    control: Mapping[str, Any] | None,
    hessian: bool,
) -> OptimResult:
    """Do what `optim` does, without its warning about one dimension."""
    start = vector("par", np.atleast_1d(as_array("par", par))).tolist()
    if not all(map(math.isfinite, start)):
        raise ValueError(f"par is {start}: start at finite numbers")
    options = _Control.of(control)
    parscale = options.per_parameter("parscale", len(start))

    def scaled(x: Sequence[float]) -> float:
        point = np.array([a * b for a, b in zip(x, parscale, strict=True)])
        return one_number(fn(point, *args), "optim") / options.fnscale

    best, value, calls, convergence = _nelder_mead(
        scaled, [a / b for a, b in zip(start, parscale, strict=True)], options
    )
    solution = np.array([a * b for a, b in zip(best, parscale, strict=True)])
    return OptimResult(
        par=solution,
        value=value * options.fnscale,
        counts={"function": calls, "gradient": None},
        convergence=convergence,
        hessian=optimHess(solution, fn, *args, control=control) if hessian else None,
    )


def _nelder_mead(
    function: Objective, start: list[float], options: _Control
) -> tuple[list[float], float, int, int]:
    """Return the best point, its value, the calls made and R's convergence code."""
    value = function(start)
    if not math.isfinite(value):
        raise ValueError("the function is not finite at par: start where it can be evaluated")
    simplex = _Simplex(function, start, value, options)
    tolerance = options.reltol * (abs(value) + options.reltol)
    tell = print if options.trace > 0 else _silent
    tell("  Nelder-Mead direct search function minimizer")
    tell(f"function value for initial parameters = {value:f}")
    tell(f"  Scaled convergence tolerance is {tolerance:g}")
    tell(f"Stepsize computed as {simplex.first_step:f}")
    failure = 0
    while True:
        low, high = simplex.order()
        if high <= low + tolerance or low <= options.abstol:
            break
        tell(f"{simplex.action:<15}{simplex.calls:5d} {high:f} {low:f}")
        if not simplex.step():
            tell("Polytope size measure not decreased in shrink")
            failure = 10
            break
        if simplex.calls > options.maxit:
            break
    tell("Exiting from Nelder Mead minimizer")
    tell(f"    {simplex.calls:d} function evaluations used")
    if simplex.calls > options.maxit:
        failure = 1
    best = simplex.best
    return simplex.vertices[best], simplex.values[best], simplex.calls, failure


def _silent(line: str) -> None:
    """Say nothing."""


class _Simplex:
    """The working state of the Nelder-Mead search: vertices, their values, calls so far."""

    def __init__(
        self, function: Objective, start: list[float], value: float, options: _Control
    ) -> None:
        self.function, self.options = function, options
        self.calls, self.best, self.worst = 1, 0, 0
        step = 0.1 * max(abs(x) for x in start) or 0.1
        self.vertices, self.size = [start], 0.0
        self.first_step, self.action = step, "BUILD"  # for R's report
        for i in range(len(start)):
            vertex, jump = list(start), step
            while vertex[i] == start[i]:  # too small a step for so large a number
                vertex[i] = start[i] + jump
                jump *= 10.0
            self.size += jump
            self.vertices.append(vertex)
        self.values = [value] * len(self.vertices)
        self.moved = True  # all vertices but the best still have to be evaluated

    def evaluate(self, x: list[float]) -> float:
        self.calls += 1
        value = self.function(x)
        return value if math.isfinite(value) else BIG

    def order(self) -> tuple[float, float]:
        """Find the best and worst vertices; among equals the previous best stays both."""
        first = self.best
        if self.moved:
            for j, vertex in enumerate(self.vertices):
                if j != first:
                    self.values[j] = self.evaluate(vertex)
            self.moved = False
        self.worst = first
        low = high = self.values[first]
        for j, value in enumerate(self.values):
            if j != first and value < low:
                self.best, low = j, value
            if j != first and value > high:
                self.worst, high = j, value
        return low, high

    def step(self) -> bool:
        """Reflect the worst vertex, then expand, contract or shrink; False if degenerate."""
        alpha, gamma = self.options.alpha, self.options.gamma
        low, high = self.values[self.best], self.values[self.worst]
        worst = self.vertices[self.worst]
        centre = self.centroid()
        reflected = [(1.0 + alpha) * c - alpha * w for c, w in zip(centre, worst, strict=True)]
        value = self.evaluate(reflected)
        if value < low:
            further = [
                gamma * r + (1.0 - gamma) * c for r, c in zip(reflected, centre, strict=True)
            ]
            further_value = self.evaluate(further)
            if further_value < value:
                self.action = "EXTENSION"
                self.replace_worst(further, further_value)
            else:
                self.action = "REFLECTION"
                self.replace_worst(reflected, value)
            return True
        self.action = "HI-REDUCTION"
        if value < high:
            self.action = "LO-REDUCTION"
            self.replace_worst(reflected, value)
        return self.contract(centre) or value < high or self.shrink()

    def centroid(self) -> list[float]:
        """The mean of all vertices but the worst."""
        n = len(self.vertices[0])
        centre = []
        for i in range(n):
            total = -self.vertices[self.worst][i]
            for vertex in self.vertices:
                total += vertex[i]
            centre.append(total / n)
        return centre

    def replace_worst(self, vertex: list[float], value: float) -> None:
        self.vertices[self.worst], self.values[self.worst] = vertex, value

    def contract(self, centre: list[float]) -> bool:
        beta = self.options.beta
        worst = self.vertices[self.worst]
        point = [(1.0 - beta) * w + beta * c for w, c in zip(worst, centre, strict=True)]
        value = self.evaluate(point)
        if value < self.values[self.worst]:
            self.replace_worst(point, value)
            return True
        return False

    def shrink(self) -> bool:
        """Pull all vertices towards the best; False when that does not make them closer."""
        self.action = "SHRINK"
        best, size = self.vertices[self.best], 0.0
        for j, vertex in enumerate(self.vertices):
            if j != self.best:
                for i, b in enumerate(best):
                    vertex[i] = self.options.beta * (vertex[i] - b) + b
                    size += abs(vertex[i] - b)
        if not size < self.size:
            return False
        self.size = size
        self.moved = True
        return True


def optimHess(  # noqa: N802
    par: ArrayLike,
    fn: Callable[..., float],
    *args: Any,
    control: Mapping[str, Any] | None = None,
) -> Floats:
    """Second derivatives by central differences: R's ``optimHess(par, fn, ..., control)``.

    Parameters
    ----------
    par : array_like, shape (p,)
        The point.
    fn : callable
        ``fn(x, *args)``, as for `optim`.
    *args
        Passed on to ``fn``.
    control : mapping, optional
        As for `optim`; ``ndeps``, ``parscale`` and ``fnscale`` matter here.

    Returns
    -------
    ndarray, shape (p, p)

    Raises
    ------
    ValueError
        If the function is not finite next to ``par``.

    Examples
    --------
    >>> optimHess([0.0, 0.0], lambda x: x[0] ** 2 + 3 * x[0] * x[1]).round(9)
    array([[2., 3.],
           [3., 0.]])
    """
    function("fn", fn, "a vector")
    options = _Control.of(control)
    point = vector("par", np.atleast_1d(as_array("par", par))).tolist()
    p = len(point)
    parscale = options.per_parameter("parscale", p)
    ndeps = options.per_parameter("ndeps", p)

    def gradient(scaled: list[float]) -> list[float]:
        x = [a * b for a, b in zip(scaled, parscale, strict=True)]
        slopes = []
        for i, eps in enumerate(ndeps):
            ends = []
            for sign in (1.0, -1.0):
                x[i] = (scaled[i] + sign * eps) * parscale[i]
                ends.append(one_number(fn(np.array(x), *args), "optimHess") / options.fnscale)
            x[i] = scaled[i] * parscale[i]
            slopes.append((ends[0] - ends[1]) / (2.0 * eps))
            if not math.isfinite(slopes[-1]):
                raise ValueError(f"the function is not finite next to par[{i}] = {x[i]}")
        return slopes

    scaled = [a / b for a, b in zip(point, parscale, strict=True)]
    hessian = np.empty((p, p))
    for i in range(p):
        eps = ndeps[i] / parscale[i]
        scaled[i] += eps
        above = gradient(scaled)
        scaled[i] -= 2.0 * eps
        below = gradient(scaled)
        scaled[i] += eps
        for j in range(p):
            hessian[i, j] = (
                options.fnscale * (above[j] - below[j]) / (2.0 * eps * parscale[i] * parscale[j])
            )
    return 0.5 * (hessian + hessian.T)
