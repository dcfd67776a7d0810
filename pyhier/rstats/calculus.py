"""R's ``integrate``, ``optimize`` and ``uniroot``: by the routines that R's help pages name."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pyhier._validation import amount, count, flag, function, is_number, not_negative, number
from pyhier.rstats.results import ByName, one_number

Function = Callable[..., Any]

EPSILON = sys.float_info.epsilon
TOLERANCE = EPSILON**0.25
GOLDEN = (3.0 - math.sqrt(5.0)) * 0.5


@dataclass(frozen=True, repr=False)
class IntegrateResult(ByName):
    """What R's ``integrate`` returns; it prints as R's.

    Attributes
    ----------
    value, abs_error : float
        The integral, and an estimate of its error.
    subdivisions : int
        How many intervals it took.
    message : str
        "OK", or what went wrong.
    """

    value: float
    abs_error: float
    subdivisions: int
    message: str

    def __repr__(self) -> str:
        if self.message != "OK":
            return f"failed with message '{self.message}'"
        return f"{self.value:.7g} with absolute error < {self.abs_error:.2g}"


@dataclass(frozen=True)
class OptimizeResult(ByName):
    """What R's ``optimize`` returns.

    Attributes
    ----------
    minimum, maximum : float or None
        Where the function is smallest or largest, whichever was asked for.
    objective : float
        Its value there.
    """

    minimum: float | None
    maximum: float | None
    objective: float


@dataclass(frozen=True)
class UnirootResult(ByName):
    """What R's ``uniroot`` returns.

    Attributes
    ----------
    root, f_root : float
        Where the function is 0 or changes its sign, and its value there.
    iter : int
        Iterations.
    estim_prec : float
        How far the root may be off.
    """

    root: float
    f_root: float
    iter: int
    estim_prec: float


def _limits(interval: Sequence[float] | None, lower: Any, upper: Any) -> tuple[float, float]:
    try:
        ends = [lower, upper] if interval is None else [min(interval), max(interval)]
        low, high = (float(end) for end in ends)
    except (TypeError, ValueError):
        raise TypeError("give an interval (lower, upper), or lower= and upper=") from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"the interval is {low}, {high}: its ends must be finite and in order")
    return low, high


def _limit(name: str, value: Any) -> float:
    """An end of an integral, which may be infinite."""
    if not is_number(value) or math.isnan(float(value)):
        raise ValueError(f"{name} is {value!r}: it must be a number, or infinite")
    return float(value)


def integrate(
    f: Function,
    lower: float,
    upper: float,
    *args: Any,
    subdivisions: int = 100,
    rel_tol: float = TOLERANCE,
    abs_tol: float | None = None,
    stop_on_error: bool = True,
) -> IntegrateResult:
    """Integrate a function of one number: R's ``integrate(f, lower, upper, ...)``.

    Both take QUADPACK's dqags and dqagi, here through SciPy.

    Parameters
    ----------
    f : callable
        ``f(x, *args)`` of a number (R's gets a vector; what is written for one takes the other).
    lower, upper : float
        The limits, which may be infinite.
    *args
        Passed on to ``f``.
    subdivisions : int
        The most intervals.
    rel_tol, abs_tol : float
        The accuracy asked for; R's default is ``.Machine$double.eps^0.25``, 1.2e-4, for both.
    stop_on_error : bool
        Whether what QUADPACK finds fault with is an error, rather than a message in the result.

    Returns
    -------
    IntegrateResult

    Raises
    ------
    ValueError
        If the function is not finite somewhere, or QUADPACK stops (R's messages).

    Examples
    --------
    >>> from pyhier import rstats
    >>> rstats.integrate(rstats.dnorm, -1.96, 1.96)
    0.9500042 with absolute error < 1e-11
    """
    from scipy.integrate import quad

    function("f", f, "a number")
    low, high = _limit("lower", lower), _limit("upper", upper)
    relative = number("rel_tol", rel_tol)
    absolute = relative if abs_tol is None else number("abs_tol", abs_tol)
    pieces = amount("subdivisions", subdivisions, 8)

    def at(x: float) -> float:
        value = one_number(f(x, *args), "integrate")
        if not math.isfinite(value):
            raise ValueError(f"non-finite function value: f({x}) is {value}")
        return value

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value, error, details, *trouble = quad(
            at, low, high, epsabs=absolute, epsrel=relative, limit=min(pieces, 10**7),
            full_output=1,
        )  # fmt: skip
    message = _quadpack_message(str(trouble[0])) if trouble else "OK"
    if trouble and stop_on_error:
        raise ValueError(f"integrate: {message}")
    return IntegrateResult(float(value), float(error), int(details["last"]), message)


def _quadpack_message(text: str) -> str:
    """R's words for QUADPACK's complaints."""
    words = {
        "maximum number of subdivisions": "maximum number of subdivisions reached",
        "roundoff error is detected": "roundoff error was detected",
        "Extremely bad integrand": "extremely bad integrand behaviour",
        "does not converge": "roundoff error is detected in the extrapolation table",
        "divergent": "the integral is probably divergent",
    }
    flat = " ".join(text.split())
    return next((r for sign, r in words.items() if sign in flat), flat)


def optimize(
    f: Function,
    interval: Sequence[float] | None = None,
    *args: Any,
    lower: float | None = None,
    upper: float | None = None,
    maximum: bool = False,
    tol: float = TOLERANCE,
) -> OptimizeResult:
    """Minimise a function of one number in an interval: R's ``optimize(f, interval, ...)``.

    Brent's method (Algorithms for Minimization without Derivatives, 1973, chapter 5).

    Parameters
    ----------
    f : callable
        ``f(x, *args)``. What is not finite counts as the worst value, as in R.
    interval : (float, float)
        Its ends, or ``lower`` and ``upper``.
    *args
        Passed on to ``f``.
    maximum : bool
        Whether to maximise.
    tol : float
        The accuracy asked for.

    Returns
    -------
    OptimizeResult
        With R's ``minimum`` (or ``maximum``) and ``objective``, as attributes or by name.

    Examples
    --------
    >>> optimize(lambda x: (x - 1 / 3) ** 2, (0, 1))["minimum"]
    0.3333333333333333
    """
    function("f", f, "a number")
    low, high = _limits(interval, lower, upper)
    sign, within = -1.0 if flag("maximum", maximum) else 1.0, not_negative("tol", tol)

    def worth(x: float) -> float:
        value = sign * one_number(f(x, *args), "optimize")
        return value if math.isfinite(value) else sys.float_info.max

    best = _brent_minimum(worth, low, high, within)
    objective = one_number(f(best, *args), "optimize")
    return OptimizeResult(None if maximum else best, best if maximum else None, objective)


def _brent_minimum(f: Callable[[float], float], a: float, b: float, tol: float) -> float:
    """The best of three points x, w, v, by parabolas through them and golden sections."""
    eps = math.sqrt(EPSILON)
    v = w = x = a + GOLDEN * (b - a)
    fv = fw = fx = f(x)
    step = before = 0.0
    while True:
        middle = 0.5 * (a + b)
        least = eps * abs(x) + tol / 3.0
        if abs(x - middle) <= 2.0 * least - 0.5 * (b - a):
            return x
        move = _parabola(x, w, v, fx, fw, fv) if abs(before) > least else None
        p, q = move or (0.0, 0.0)
        if move is None or abs(p) >= abs(0.5 * q * before) or not q * (a - x) < p < q * (b - x):
            before = a - x if x >= middle else b - x
            step = GOLDEN * before
        else:
            before, step = step, p / q
            u = x + step
            if u - a < 2.0 * least or b - u < 2.0 * least:
                step = -least if x >= middle else least
        u = x + step if abs(step) >= least else x + math.copysign(least, step)
        fu = f(u)
        if fu <= fx:
            a, b = (a, x) if u < x else (x, b)
            v, w, x, fv, fw, fx = w, x, u, fw, fx, fu
            continue
        a, b = (u, b) if u < x else (a, u)
        if fu <= fw or w == x:
            v, w, fv, fw = w, u, fw, fu
        elif fu <= fv or v in (x, w):
            v, fv = u, fu


def _parabola(x: float, w: float, v: float, fx: float, fw: float, fv: float) -> tuple[float, float]:
    """The step p / q to the lowest point of the parabola through three, q >= 0."""
    r = (x - w) * (fx - fv)
    q = (x - v) * (fx - fw)
    p = (x - v) * q - (x - w) * r
    q = (q - r) * 2.0
    return (-p, q) if q > 0.0 else (p, -q)


def uniroot(
    f: Function,
    interval: Sequence[float] | None = None,
    *args: Any,
    lower: float | None = None,
    upper: float | None = None,
    tol: float = TOLERANCE,
    maxiter: int = 1000,
) -> UnirootResult:
    """Find where a function of one number is 0: R's ``uniroot(f, interval, ...)``.

    Brent's method (as above, chapter 4).

    Parameters
    ----------
    f : callable
        ``f(x, *args)``, of opposite signs at the ends.
    interval : (float, float)
        The ends, or ``lower`` and ``upper``.
    *args
        Passed on to ``f``.
    tol : float
        The accuracy asked for; R's default is 1.2e-4.
    maxiter : int
        The most iterations; a warning where they do not do.

    Returns
    -------
    UnirootResult

    Raises
    ------
    ValueError
        If the signs at the ends are the same, or a value is NaN.

    Examples
    --------
    >>> round(uniroot(lambda x: x * x - 2, (0, 2), tol=1e-9).root, 9)
    1.414213562
    """
    function("f", f, "a number")
    low, high = _limits(interval, lower, upper)
    within, most = not_negative("tol", tol), count("maxiter", maxiter)

    def value(x: float) -> float:
        found = one_number(f(x, *args), "uniroot")
        if math.isnan(found):
            raise ValueError(f"uniroot: f({x}) is NaN")
        return min(max(found, -sys.float_info.max), sys.float_info.max)

    at_low, at_high = value(low), value(high)
    if at_low * at_high > 0.0:
        raise ValueError(
            f"f() values at end points not of opposite sign: f({low}) is {at_low:g}, f({high}) "
            f"{at_high:g}"
        )
    root, steps, precision = _brent_root(value, low, high, at_low, at_high, within, most)
    if steps < 0:
        warnings.warn("uniroot: -1 iterations: maxiter was reached", RuntimeWarning, stacklevel=2)
        steps = most
    return UnirootResult(root, one_number(f(root, *args), "uniroot"), steps, precision)


def _brent_root(
    f: Callable[[float], float], a: float, b: float, fa: float, fb: float, tol: float, most: int
) -> tuple[float, int, float]:
    """The root b, iterations and the last interval's length; a is the point before, c across."""
    if fa == 0.0:
        return a, 0, 0.0
    if fb == 0.0:
        return b, 0, 0.0
    c, fc = a, fa
    for done in range(most + 1):
        previous = b - a
        if abs(fc) < abs(fb):
            a, b, c = b, c, b
            fa, fb, fc = fb, fc, fb
        least = 2.0 * EPSILON * abs(b) + 0.5 * tol
        step = 0.5 * (c - b)
        if abs(step) <= least or fb == 0.0:
            return b, done, abs(c - b)
        if abs(previous) >= least and abs(fa) > abs(fb):
            p, q = _interpolated(a, b, c, fa, fb, fc)
            if p < 0.75 * (c - b) * q - 0.5 * abs(least * q) and p < abs(0.5 * previous * q):
                step = p / q
        if abs(step) < least:
            step = math.copysign(least, step)
        a, fa = b, fb
        b += step
        fb = f(b)
        if (fb > 0.0) == (fc > 0.0):
            c, fc = a, fa
    return b, -1, abs(c - b)


def _interpolated(
    a: float, b: float, c: float, fa: float, fb: float, fc: float
) -> tuple[float, float]:
    """The step p / q to the root of the line through two points, or parabola through three."""
    cb = c - b
    if a == c:
        t1 = fb / fa
        p, q = cb * t1, 1.0 - t1
    else:
        q, t1, t2 = fa / fc, fb / fc, fb / fa
        p = t2 * (cb * q * (q - t1) - (b - a) * (t1 - 1.0))
        q = (q - 1.0) * (t1 - 1.0) * (t2 - 1.0)
    return (p, -q) if p > 0.0 else (-p, q)
