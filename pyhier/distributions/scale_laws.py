"""Laws of standardised effects that are scale mixtures of normal distributions.

(theta - mu) / tau given s is N(0, s). For Student's t with nu degrees of freedom nu / s is
chi-squared with nu; on a uniform grid of log s, a step h apart, the trapezoid rule errs by
|Gamma(a + 2 pi i / h)| / Gamma(a), a = nu / 2 or (nu + 1) / 2, whatever the place is (Trefethen and
Weideman 2014, SIAM Review 56). So one grid gives the law itself, and that of estimates with normal
errors, to rounding everywhere: its far end is beyond what any double of a place asks for.
"""

from dataclasses import dataclass
from functools import cached_property
from math import exp, inf, lgamma, log, pi, sqrt

import numpy as np

from pyhier._frozen import Frozen
from pyhier._random import Generator, normals, picks
from pyhier._types import Floats
from pyhier.kernels.scale_mixtures import Law

LOG_2PI = log(2.0 * pi)
LEAST_NU, MOST_NU = 0.1, 1e7
ALIASED = log(1e-17)  # of the trapezoid rule
LOW = 52.0  # fall of the log weights at the near end of the grid
LOST = 38.0  # and at the far end, unless scales are no doubles there
FAR = 160.0  # of log s, at least: estimates 1e16 errors, or tau, away
MOST_LOG_SCALE = 640.0


@dataclass(frozen=True)
class ScaleLaw(Frozen):
    """A mixture of K normal distributions about 0.

    Attributes
    ----------
    log_weight, log_scale : ndarray, shape (K,)
        Logs of the weights, which add up to one, and of the variances.
    nu : float
        Degrees of freedom of Student's t; 0 of any other law.
    """

    log_weight: Floats
    log_scale: Floats
    nu: float = 0.0

    @cached_property
    def kernel(self) -> Law:
        """The compiled components."""
        return Law(self.log_weight, self.log_scale, self.nu)

    def __reduce__(self) -> tuple[type["ScaleLaw"], tuple[Floats, Floats, float]]:
        """Compiled components do not pickle."""
        return ScaleLaw, (self.log_weight, self.log_scale, self.nu)

    @property
    def index(self) -> float:
        """Exponent below which powers have expectations."""
        return self.nu or inf

    @cached_property
    def var(self) -> float:
        """The variance; inf where there is none."""
        if self.nu:
            return self.nu / (self.nu - 2.0) if self.nu > 2.0 else inf
        return float(np.exp(self.log_weight + self.log_scale).sum())

    @cached_property
    def spread(self) -> float:
        """A standard deviation, or something like one where there is none."""
        return sqrt(self.var) if self.var < 4.0 else 2.0

    @cached_property
    def smooth(self) -> float:
        """The width of a normal density that is as smooth."""
        if self.nu:
            return min(1.0, sqrt(self.nu) / 2.3)
        return exp(0.5 * float(self.log_scale.min()))

    @property
    def analytic(self) -> float:
        """How wide panels may be on which the log density is a polynomial of order 16."""
        return 1.2 * self.smooth if self.nu or self.log_scale.size == 1 else 0.25 * self.smooth

    def log_density(self, x: Floats) -> Floats:
        """Log densities at x, of x's shape."""
        if self.nu:
            half = 0.5 * (self.nu + 1.0)
            constant = _log_gamma_ratio(0.5 * self.nu) - 0.5 * log(self.nu * pi)
            density: Floats = constant - half * np.log1p(x * x / self.nu)
            return density
        terms = [w - 0.5 * (x * x * exp(-s) + LOG_2PI + s)
                 for w, s in zip(self.log_weight.tolist(), self.log_scale.tolist(),
                                 strict=True)]  # fmt: skip
        found: Floats = np.logaddexp.reduce(np.array(terms, dtype=np.float64))
        return found

    def tail(self, x: Floats) -> Floats:
        """Probabilities of at most x, of x's shape."""
        from scipy import special

        if self.nu:
            below: Floats = np.asarray(special.stdtr(self.nu, x), dtype=np.float64)
            return below
        parts = [w * special.ndtr(x * exp(-0.5 * s))
                 for w, s in zip(np.exp(self.log_weight).tolist(), self.log_scale.tolist(),
                                 strict=True)]  # fmt: skip
        total: Floats = np.sum(parts, axis=0)
        return total

    def draws(self, rng: Generator, shape: tuple[int, ...]) -> Floats:
        """Independent draws: the components, then normal numbers."""
        n = int(np.prod(shape))
        if self.log_weight.size == 1:
            scale = np.full(shape, exp(0.5 * self.log_scale[0]))
        else:
            picked = picks(rng, np.exp(self.log_weight), n)
            scale = np.exp(0.5 * self.log_scale)[picked].reshape(shape)
        drawn: Floats = scale * normals(rng, shape, 1)[..., 0]
        return drawn


def student(nu: float) -> ScaleLaw:
    """Student's t; nu may be inf, which is the normal law."""
    if nu == inf:
        return ScaleLaw(np.zeros(1), np.zeros(1))
    half, step = 0.5 * nu, _step(nu)
    end = min(MOST_LOG_SCALE, max(LOST / half, FAR))
    start = -_near_end(half)
    log_scale = step * np.arange(np.ceil(start / step), np.floor(end / step) + 1.0)
    logs = -half * _excess(log_scale)
    logs -= log(np.exp(logs).sum())
    return ScaleLaw(logs, log_scale, nu)


def contaminated(weight: float, ratio: float) -> ScaleLaw:
    """Normal but for a share of effects whose sd is so many times as large (Tukey 1960)."""
    return ScaleLaw(np.log([1.0 - weight, weight]), np.array([0.0, 2.0 * log(ratio)]))


def _excess(e: Floats) -> Floats:
    """The function e - 1 + exp(-e), without cancellation."""
    small, terms = np.where(np.abs(e) < 0.3, e, 0.0), np.zeros(e.shape)
    for n in range(16, 1, -1):  # e^2 / 2! - e^3 / 3! + ...
        terms = (1.0 - terms * small) / n if n > 2 else terms
    near = 0.5 * small * small * (1.0 - terms * small)
    with np.errstate(over="ignore"):
        return np.where(np.abs(e) < 0.3, near, e + np.expm1(-e))


def _near_end(half: float) -> float:
    """How far below 0 the log weights have fallen by `LOW`, with what a root of s may add."""
    low, high = 0.0, 60.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        fall = half * (float(np.expm1(middle)) - middle) - 0.5 * middle
        low, high = (low, middle) if fall > LOW else (middle, high)
    return high


def _step(nu: float) -> float:
    """The step of the grid at which the trapezoid rule errs by nothing."""
    from scipy.special import loggamma

    most = inf
    for a in (0.5 * nu, 0.5 * (nu + 1.0)):
        low, high = 1.0, 60.0 + 20.0 * sqrt(a)
        for _ in range(60):
            y = 0.5 * (low + high)
            size = float(loggamma(complex(a, y)).real) - lgamma(a)
            low, high = (y, high) if size > ALIASED else (low, y)
        most = min(most, 2.0 * pi / high)
    return most


def _log_gamma_ratio(a: float) -> float:
    """The log of Gamma(a + 1/2) / Gamma(a), by a series where gammas cancel."""
    if a < 40.0:
        return lgamma(a + 0.5) - lgamma(a)
    w = 1.0 / a  # Tricomi and Erdelyi 1951, in the logs
    return 0.5 * log(a) - w * (1 / 8 - w**2 * (1 / 192 - w**2 * (1 / 640 - w**2 * 17 / 14336)))
