"""What a model's ``prior_mu=``, ``prior_tau=`` and ``prior=`` take, made into what computes.

Priors are scipy.stats frozen distributions; the improper and data-dependent ones have names; any
callable log density of tau works. SciPy itself is not imported: whoever has a frozen distribution
has loaded it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import log
from typing import Any

import numpy as np

from pyhier._types import Floats
from pyhier._validation import number, positive, returned
from pyhier.kernels.density import CallableDensity, LogDensity, ScalePrior
from pyhier.priors.frozen import frozen, is_frozen, refuse_unfrozen, support_of
from pyhier.priors.peaks import peaks
from pyhier.priors.standard_errors import NAMED
from pyhier.priors.structure import Structure, of_quantiles, of_scale, power_tails
from pyhier.quadrature.panels import HIGHEST, LOWEST

TauPrior = str | Callable[[float], float] | Any

Powers = tuple[float, float]
NEAR = 10.0  # beyond the data's, in which the peaks of one are
LADDER = 130.0  # of log tau, beyond the data's, in which the tails of a callable are looked at
_COMPILED: dict[str, Powers] = {
    "halfnorm": (0.0, np.inf), "halfcauchy": (0.0, 2.0), "expon": (0.0, np.inf)
}  # fmt: skip
_WITH_SHAPE = ("gamma", "invgamma", "lognorm")
LEAST_SCALE, MOST_SCALE = 1e-280, 1e140  # whose squares are doubles


@dataclass(frozen=True)
class ResolvedPrior:
    """A prior of (mu, tau) as the kernels and the quadrature take it.

    Attributes
    ----------
    name : str
        How a model shows it.
    log_density : callable
        log p(tau) at an array of log tau; of the same shape.
    density : LogDensity or None
        The same for the kernels; None is the uniform prior.
    proper : bool or None
        Whether tau's prior integrates to one; None where only its writer knows.
    mu : (float, float) or None
        Mean and sd of mu's normal prior; with ``kappa``, its mean and kappa.
    tied : bool
        Whether mu's prior variance is tau^2 / kappa.
    support : (float, float)
        The tau that the prior allows.
    quantile : callable or None
        Quantiles of tau at an array of probabilities; None where the prior is not proper.
    powers : (float, float) or None
        The density goes as tau^powers[0] towards 0 and as tau^-powers[1] for large tau; inf where
        it falls faster than any power, None where only its values tell (see `structure`).
    scale, width : float
        Log of its scale, where it has one, and how wide its density of log tau is.
    upper : callable or None
        Points with given probabilities above them, where its quantiles are known.
    """

    name: str
    log_density: Callable[[Floats], Floats]
    density: LogDensity | None
    proper: bool | None
    mu: tuple[float, float] | None = None
    tied: bool = False
    support: tuple[float, float] = (0.0, np.inf)
    quantile: Callable[[Floats], Floats] | None = None
    powers: Powers | None = None
    scale: float | None = None
    width: float = 1.0
    upper: Callable[[Floats], Floats] | None = None
    _found: Structure | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def scanned(self) -> bool:
        """Whether only looking everywhere tells where it has mass: a callable."""
        return self.powers is None and self.upper is None

    def structure(self, low: float, high: float) -> Structure:
        """Where it has structure, for data that have theirs between two log tau."""
        if self._found is None or self.scanned:
            object.__setattr__(self, "_found", self._structure(low, high))
        assert self._found is not None
        return self._found

    def _structure(self, low: float, high: float) -> Structure:
        if self.powers is not None:
            if self.scale is None:
                return Structure(powers=self.powers)
            return of_scale(self.scale, self.width, self.powers)
        with np.errstate(divide="ignore"):
            support = float(np.log(self.support[0])), float(np.log(self.support[1]))
        if self.quantile is not None and self.upper is not None:
            found = of_quantiles(self.quantile, self.upper, self.log_density, support)
            if found is not None:
                return found
        reach = max(LOWEST, low - LADDER), min(HIGHEST, high + LADDER)
        powers, below, above = power_tails(self.log_density, 0.5 * (low + high), reach)
        return Structure(powers=powers, below=below, above=above, scan=True)

    def peaks(self, low: float, high: float) -> Floats:
        """Places and widths of its peaks on log tau, (n, 2), of a callable; else none."""
        if not self.scanned:
            return np.empty((0, 2))
        return peaks(lambda x: self.log_density(x) + x, low - NEAR, high + NEAR)

    def draw_log_tau(self, u: Floats) -> Floats:
        """Log tau at the prior's quantiles of uniform numbers."""
        if self.quantile is None:
            raise ValueError(f"the prior of tau ({self.name}) cannot be drawn from")
        with np.errstate(divide="ignore"):
            log_tau: Floats = np.log(self.quantile(u))
        return log_tau

    @property
    def mu_normal(self) -> tuple[float, float, float]:
        """Mean and precision of mu's prior, and kappa: 0 for those that it has not."""
        if self.mu is None:
            return 0.0, 0.0, 0.0
        mean, scale = self.mu
        return (mean, 0.0, scale) if self.tied else (mean, 1.0 / scale**2, 0.0)

    def mu_precision(self, log_tau: Floats) -> Floats:
        """Precision of mu's prior at every log tau; 0 where it is flat."""
        if self.mu is None:
            return np.zeros_like(log_tau)
        if self.tied:
            precision: Floats = self.mu[1] * np.exp(-2.0 * log_tau)
            return precision
        return np.full_like(log_tau, 1.0 / self.mu[1] ** 2)


@dataclass(frozen=True)
class NormalInvChi2:
    """The normal-inverse-chi-squared prior: mu's scale is tied to tau.

    mu | tau ~ N(mu0, tau^2 / kappa0), tau^2 ~ scaled inverse chi-squared(nu0, tau2_0).

    Parameters
    ----------
    mu0 : float
        Prior mean of mu.
    kappa0 : float
        How many groups the prior mean counts for.
    nu0, tau2_0 : float
        Degrees of freedom and scale of tau^2.

    Raises
    ------
    ValueError
        If ``kappa0``, ``nu0`` or ``tau2_0`` is not positive.

    Examples
    --------
    >>> NormalInvChi2(mu0=0.0, kappa0=0.1, nu0=0.1, tau2_0=100.0)
    NormalInvChi2(mu0=0.0, kappa0=0.1, nu0=0.1, tau2_0=100.0)
    """

    mu0: float
    kappa0: float
    nu0: float
    tau2_0: float

    def __post_init__(self) -> None:
        for name in ("kappa0", "nu0", "tau2_0"):
            positive(name, getattr(self, name))
        number("mu0", self.mu0)

    def tau_quantile(self, u: Floats) -> Floats:
        """Prior quantiles of tau, of u's shape."""
        from scipy.special import chdtri

        quantiles: Floats = np.sqrt(self.nu0 * self.tau2_0 / chdtri(self.nu0, u))
        return quantiles


def resolve_prior(prior: Any, prior_mu: Any, prior_tau: TauPrior, var: Floats) -> ResolvedPrior:
    """Check a model's prior arguments and resolve them for its data."""
    if prior is None:
        return _resolve_tau(prior_tau, var, _mu_parameters(prior_mu))
    if not isinstance(prior, NormalInvChi2):
        raise TypeError(
            f"prior is {prior!r}: a joint prior is NormalInvChi2(mu0, kappa0, nu0, tau2_0)"
        )
    if prior_mu is not None or prior_tau != "uniform":
        raise ValueError("prior= is the joint prior of mu and tau: give no prior_mu or prior_tau")
    scale = float(np.sqrt(prior.tau2_0))
    if not (1e-70 <= scale <= 1e70 and abs(prior.mu0) <= 1e70):
        raise ValueError(f"prior is {prior!r}: rescale the data, its square leaves a double")
    density = ScalePrior("invchi", scale, prior.nu0)
    mu = (float(prior.mu0), float(prior.kappa0))
    return ResolvedPrior(
        "normal-inverse-chi-squared", _vector(density), density, True, mu, True,
        quantile=prior.tau_quantile, powers=(np.inf, prior.nu0 + 1.0),
        scale=log(scale), width=(2.0 * prior.nu0) ** -0.5,
    )  # fmt: skip


def _mu_parameters(prior: Any) -> tuple[float, float] | None:
    """Mean and sd of a normal prior of mu, or None for the flat one."""
    if prior is None:
        return None
    refuse_unfrozen("prior_mu", prior)
    if not (is_frozen(prior) and prior.dist.name == "norm"):
        raise TypeError(
            f"prior_mu is {prior!r}: it must be None (flat) or scipy.stats.norm(mean, sd)"
        )
    prior = frozen("prior_mu", prior)
    _, mean, sd = _parameters(prior)
    if not (np.isfinite(mean) and np.isfinite(sd) and sd > 0.0):
        raise ValueError(f"prior_mu is norm({mean}, {sd}): its sd must be positive and finite")
    # Squares of the numbers, and those over one another, must stay within a double.
    if not (abs(mean) <= 1e70 and 1e-70 <= sd <= 1e70):
        raise ValueError(
            f"prior_mu is norm({mean:g}, {sd:g}): rescale the data, its square leaves a double"
        )
    return mean, sd


def _parameters(prior: Any) -> tuple[Any, float, float]:
    """Shapes, loc and scale of a frozen distribution."""
    shapes, loc, scale = prior.dist._parse_args(*prior.args, **prior.kwds)
    return shapes, float(np.asarray(loc).item()), float(np.asarray(scale).item())


def _vector(density: LogDensity) -> Callable[[Floats], Floats]:
    """A compiled density of log tau as a function of arrays."""
    return lambda log_tau: density.evaluate(np.ascontiguousarray(log_tau).reshape(-1, 1)).reshape(
        np.shape(log_tau)
    )


def _scalar(log_density: Callable[[Floats], Floats]) -> CallableDensity:
    """A function of arrays of log tau as a density for the kernels."""
    return CallableDensity(lambda x: float(log_density(x)[0]), (), 1)


def _resolve_tau(prior: TauPrior, var: Floats, mu: tuple[float, float] | None) -> ResolvedPrior:
    if isinstance(prior, str):
        return _named(prior, var, mu)
    refuse_unfrozen("prior_tau", prior)
    if is_frozen(prior):
        return _frozen(frozen("prior_tau", prior), mu)
    if callable(prior):
        _try(prior, float(np.exp(0.5 * np.mean(np.log(var)))))
        of_arrays = _of_arrays(prior)
        known = _behind(prior)
        if known is not None:  # the log density of a frozen distribution, by its method
            found = _frozen(known, mu)
            return replace(found, name="callable", proper=None)
        return ResolvedPrior("callable", of_arrays, _scalar(of_arrays), None, mu)
    raise TypeError(
        f"prior_tau is {prior!r}: it must be the name of a prior, a scipy.stats frozen "
        "distribution or a callable log density of tau"
    )


def _behind(prior: Any) -> Any:
    """The frozen distribution on the half line whose ``logpdf`` a callable is; else None."""
    known = getattr(prior, "__self__", None)
    if known is None or not is_frozen(known) or getattr(prior, "__name__", "") != "logpdf":
        return None
    return known if float(np.ravel(known.support())[0]) >= 0.0 else None


def _of_arrays(prior: Callable[[float], float]) -> Callable[[Floats], Floats]:
    """A user's log density of one tau as a function of arrays of log tau.

    Where it takes an array and gives for a few of its numbers what it gives for each alone, it is
    called once.
    """

    def log_density(log_tau: Floats) -> Floats:
        tau = np.exp(log_tau)
        with np.errstate(all="ignore"):  # a log of 0 far out; NaN and inf are looked for below
            values = _at_once(prior, tau) if tau.size > 8 else None
            if values is None:
                values = np.array([_value(prior, t) for t in tau.ravel().tolist()])
        _check_values(values.ravel(), tau.ravel())
        return values.reshape(tau.shape)

    return log_density


def _check_values(values: Floats, tau: Floats, what: str = "prior_tau") -> None:
    """A log density is a number, or -inf."""
    wrong = ~(values < np.inf)
    if wrong.any():
        at = int(wrong.argmax())
        raise ValueError(
            f"{what} is {values[at]} at tau = {tau[at]:.6g}: a log density is a number there, "
            "or -inf where tau cannot be"
        )


def _at_once(prior: Callable[[Any], Any], tau: Floats) -> Floats | None:
    """The values at an array, if the function takes arrays; None if it does not."""
    flat = tau.ravel()
    try:
        values = np.asarray(prior(flat.copy()), dtype=np.float64)
        if values.shape != flat.shape:
            return None
        for at in np.linspace(0, flat.size - 1, 5).astype(int).tolist():
            alone = float(prior(float(flat[at])))
            if not (alone == values[at] or abs(alone - values[at]) <= 1e-13 * abs(alone)):
                return None
    except Exception:  # whatever it does not do with an array
        return None
    return values


def _try(prior: Callable[[float], float], tau: float) -> None:
    """Call a user's log density once, for errors that name the argument."""
    try:
        with np.errstate(all="ignore"):  # a log of 0: -inf is a value
            _value(prior, tau)
    except TypeError as error:
        told = str(error)
        about = told if told.startswith("prior_tau") else f"prior_tau at tau = {tau:g}: {told}"
        raise TypeError(about) from error


def _value(prior: Callable[[float], float], tau: float) -> float:
    try:
        return returned("prior_tau", prior(tau))
    except (OverflowError, ZeroDivisionError):  # of Python's floats, far out
        if 1e-60 < tau < 1e60:
            raise
        return -np.inf


def _frozen(prior: Any, mu: tuple[float, float] | None) -> ResolvedPrior:
    low, high = support_of("prior_tau", prior)
    name = prior.dist.name
    if low < 0.0:
        raise ValueError(
            f"prior_tau ({name}) starts at {low}: tau is positive, so take a "
            "distribution on the half line, such as halfnorm for norm"
        )
    _, loc, scale = _parameters(prior)
    if name in _COMPILED and loc == 0.0:
        density = scale_density(prior)
        if density is None:
            raise ValueError(f"prior_tau ({name}) has scale {scale:g}: its square leaves a double")
        return ResolvedPrior(
            name, _vector(density), density, True, mu,
            quantile=prior.ppf, powers=_COMPILED[name], scale=log(scale),
        )  # fmt: skip
    known = {"quantile": prior.ppf, "upper": prior.isf}
    if (density := scale_density(prior)) is not None:  # SciPy's has fewer digits where it is narrow
        return ResolvedPrior(name, _vector(density), density, True, mu, **known)

    def log_density(log_tau: Floats) -> Floats:
        tau = np.exp(log_tau)
        with np.errstate(all="ignore"):  # scipy's own, far out; what is no number is looked at here
            values = _logpdf(prior, tau)
        values[np.isnan(values)] = -np.inf
        at_end = (values == np.inf) & ((tau == low) | (tau == high))
        if at_end.any():  # a pole there; what is next to it is as near as doubles come
            beside = np.nextafter(tau[at_end], 0.5 * (low + min(high, 2.0 * low + 1.0)))
            values[at_end] = prior.logpdf(beside)
        _check_values(values.ravel(), tau.ravel(), f"prior_tau ({name})")
        return values

    return ResolvedPrior(
        name, log_density, _scalar(log_density), True, mu, support=(low, high), **known
    )


def scale_density(prior: Any) -> ScalePrior | None:
    """A frozen distribution of a positive number for the kernels; None where none is compiled."""
    name = prior.dist.name
    shapes, loc, scale = _parameters(prior)
    if loc != 0.0 or not LEAST_SCALE <= scale <= MOST_SCALE:
        return None
    if name in _COMPILED:
        return ScalePrior(name, scale)
    if name not in _WITH_SHAPE or not 0.0 < shapes[0] < np.inf:
        return None
    return ScalePrior(name, scale, float(np.asarray(shapes[0]).item()))


def _logpdf(prior: Any, tau: Floats) -> Floats:
    """Its log density; -inf where SciPy itself raises an OverflowError (ncf, far out)."""
    try:
        return np.asarray(prior.logpdf(tau), dtype=np.float64)
    except OverflowError:
        if tau.size == 1:
            return np.full(tau.shape, -np.inf)
        values = [_logpdf(prior, one) for one in np.split(tau.ravel(), tau.size)]
        return np.concatenate(values).reshape(tau.shape)


# --- Priors with a name ---------------------------------------------------------------------------
# Definitions as in Roever (2020), J. Stat. Softw. 93(6), section 2.2. All are scale-free: they are
# made of the data's standard errors.


PRIOR_NAMES = ("uniform", *NAMED)


def _named(name: str, var: Floats, mu: tuple[float, float] | None) -> ResolvedPrior:
    if name == "uniform":
        return ResolvedPrior(name, np.zeros_like, None, False, mu, powers=(0.0, 0.0))
    if name not in NAMED:
        raise ValueError(
            f"prior_tau is {name!r}: the named priors are {', '.join(PRIOR_NAMES)}; any "
            "scipy.stats frozen distribution on the half line and any callable log density work too"
        )
    function, inverse, powers = NAMED[name]

    def log_density(log_tau: Floats) -> Floats:
        return function(log_tau, var)

    quantile = None if inverse is None else lambda u: inverse(u, var)
    log_density(np.zeros(1))  # raises here what it cannot do with this data
    density = ScalePrior("sqrt") if name == "sqrt" else _scalar(log_density)
    return ResolvedPrior(
        name, log_density, density, inverse is not None, mu, quantile=quantile, powers=powers
    )
