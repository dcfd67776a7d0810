"""What a model's ``prior_mu=``, ``prior_tau=`` and ``prior=`` take, made into what computes.

Priors are scipy.stats frozen distributions; the improper and data-dependent ones have names; any
callable log density of tau works. SciPy itself is not imported: whoever has a frozen distribution
has loaded it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyhier._types import Floats
from pyhier._validation import number, positive, returned
from pyhier.kernels.density import CallableDensity, LogDensity, ScalePrior
from pyhier.priors.frozen import frozen, is_frozen, refuse_unfrozen

TauPrior = str | Callable[[float], float] | Any

Powers = tuple[float, float]
_COMPILED: dict[str, Powers] = {
    "halfnorm": (0.0, np.inf), "halfcauchy": (0.0, 2.0), "expon": (0.0, np.inf)
}  # fmt: skip


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
        it falls faster than any power, None where that is not known.
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
    density = ScalePrior("invchi", float(np.sqrt(prior.tau2_0)), prior.nu0)
    mu = (float(prior.mu0), float(prior.kappa0))
    return ResolvedPrior(
        "normal-inverse-chi-squared", _vector(density), density, True, mu, True,
        quantile=prior.tau_quantile, powers=(np.inf, prior.nu0 + 1.0),
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
    with np.errstate(invalid="ignore"):  # of an infinite sd, which is refused
        mean, sd = float(prior.mean()), float(prior.std())
    if not (np.isfinite(mean) and np.isfinite(sd) and sd > 0.0):
        raise ValueError(f"prior_mu is norm({mean}, {sd}): its sd must be positive and finite")
    return mean, sd


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
        return ResolvedPrior("callable", of_arrays, _scalar(of_arrays), None, mu)
    raise TypeError(
        f"prior_tau is {prior!r}: it must be the name of a prior, a scipy.stats frozen "
        "distribution or a callable log density of tau"
    )


def _of_arrays(prior: Callable[[float], float]) -> Callable[[Floats], Floats]:
    """A user's log density of one tau as a function of arrays of log tau."""

    def log_density(log_tau: Floats) -> Floats:
        tau = np.exp(log_tau)
        return np.array([_value(prior, t) for t in tau.ravel().tolist()]).reshape(tau.shape)

    return log_density


def _try(prior: Callable[[float], float], tau: float) -> None:
    """Call a user's log density once, for errors that name the argument."""
    try:
        _value(prior, tau)
    except TypeError as error:
        told = str(error)
        about = told if told.startswith("prior_tau") else f"prior_tau at tau = {tau:g}: {told}"
        raise TypeError(about) from error


def _value(prior: Callable[[float], float], tau: float) -> float:
    try:
        return returned("prior_tau", prior(tau))
    except OverflowError:  # of Python's floats, far out, where its tail is looked at
        return -np.inf


def _frozen(prior: Any, mu: tuple[float, float] | None) -> ResolvedPrior:
    low, high = (float(end) for end in np.ravel(prior.support()))
    name = prior.dist.name
    if low < 0.0:
        raise ValueError(
            f"prior_tau ({name}) starts at {low}: tau is positive, so take a "
            "distribution on the half line, such as halfnorm for norm"
        )
    if np.isnan(low) or not np.isfinite(prior.logpdf(prior.median())):
        raise ValueError(f"prior_tau ({name}) has parameters that make no distribution")
    _, loc, scale = prior.dist._parse_args(*prior.args, **prior.kwds)
    if name in _COMPILED and loc == 0.0:
        density = ScalePrior(name, float(scale))
        return ResolvedPrior(
            name, _vector(density), density, True, mu, quantile=prior.ppf, powers=_COMPILED[name]
        )

    def log_density(log_tau: Floats) -> Floats:
        values: Floats = np.asarray(prior.logpdf(np.exp(log_tau)), dtype=np.float64)
        return values

    ends = (low, high)
    compiled = _scalar(log_density)
    return ResolvedPrior(name, log_density, compiled, True, mu, support=ends, quantile=prior.ppf)


# --- Priors with a name ---------------------------------------------------------------------------
# Definitions as in Roever (2020), J. Stat. Softw. 93(6), section 2.2. All are scale-free: they are
# made of the data's standard errors.


def _weights(log_tau: Floats, var: Floats, power: float) -> Floats:
    """Log of the sum over groups of (var + tau^2)^-power."""
    tau2 = np.exp(2.0 * np.ravel(log_tau))
    sums = np.array([np.sum((var + t) ** -power) for t in tau2])
    logs: Floats = np.log(sums).reshape(np.shape(log_tau))
    return logs


def _mean_log(log_tau: Floats, var: Floats) -> Floats:
    """Mean over groups of log(var + tau^2)."""
    tau2 = np.exp(2.0 * np.ravel(log_tau))
    return np.array([np.mean(np.log(var + t)) for t in tau2]).reshape(np.shape(log_tau))


def _jeffreys(log_tau: Floats, var: Floats) -> Floats:
    return log_tau + 0.5 * _weights(log_tau, var, 2.0)


def _overall_jeffreys(log_tau: Floats, var: Floats) -> Floats:
    return _jeffreys(log_tau, var) + 0.5 * _weights(log_tau, var, 1.0)


def _berger_deely(log_tau: Floats, var: Floats) -> Floats:
    return log_tau - _mean_log(log_tau, var)


def _conventional(log_tau: Floats, var: Floats) -> Floats:
    return log_tau - 1.5 * _mean_log(log_tau, var)


def _dumouchel(log_tau: Floats, var: Floats) -> Floats:
    log_s0 = -0.5 * np.log(np.mean(1.0 / var))
    density: Floats = log_s0 - 2.0 * np.logaddexp(log_s0, log_tau)
    return density


def _dumouchel_quantile(u: Floats, var: Floats) -> Floats:
    return np.mean(1.0 / var) ** -0.5 * u / (1.0 - u)


def _ratio(log_tau: Floats, log_s2: float) -> Floats:
    """The density 2 s^2 tau / (s^2 + tau^2)^2: s^2 / (s^2 + tau^2) is uniform."""
    density: Floats = np.log(2.0) + log_s2 + log_tau - 2.0 * np.logaddexp(log_s2, 2.0 * log_tau)
    return density


def _ratio_quantile(u: Floats, log_s2: float) -> Floats:
    quantiles: Floats = np.sqrt(np.exp(log_s2) * u / (1.0 - u))
    return quantiles


def _shrinkage_scale(var: Floats) -> float:
    return -float(np.log(np.mean(1.0 / var)))


def _i2_scale(var: Floats) -> float:
    if var.size < 2:
        raise ValueError("prior_tau 'i2' needs at least 2 groups: take 'shrinkage'")
    weights = np.min(var) / var
    spread = weights.sum() ** 2 - (weights**2).sum()
    return float(np.log((var.size - 1) * weights.sum() / spread * np.min(var)))


_OfData = Callable[[Floats, Floats], Floats]
# Log density; the quantile function where it is proper and normalised; its powers.
_NAMED: dict[str, tuple[_OfData, _OfData | None, Powers]] = {
    "sqrt": (lambda log_tau, var: -0.5 * log_tau, None, (-0.5, 0.5)),
    "jeffreys": (_jeffreys, None, (1.0, 1.0)),
    "overall-jeffreys": (_overall_jeffreys, None, (1.0, 2.0)),
    "berger-deely": (_berger_deely, None, (1.0, 1.0)),
    "conventional": (_conventional, None, (1.0, 2.0)),  # proper, but not normalised
    "dumouchel": (_dumouchel, _dumouchel_quantile, (0.0, 2.0)),
    "shrinkage": (
        lambda log_tau, var: _ratio(log_tau, _shrinkage_scale(var)),
        lambda u, var: _ratio_quantile(u, _shrinkage_scale(var)),
        (1.0, 3.0),
    ),
    "i2": (
        lambda log_tau, var: _ratio(log_tau, _i2_scale(var)),
        lambda u, var: _ratio_quantile(u, _i2_scale(var)),
        (1.0, 3.0),
    ),
}
PRIOR_NAMES = ("uniform", *_NAMED)


def _named(name: str, var: Floats, mu: tuple[float, float] | None) -> ResolvedPrior:
    if name == "uniform":
        return ResolvedPrior(name, np.zeros_like, None, False, mu, powers=(0.0, 0.0))
    if name not in _NAMED:
        raise ValueError(
            f"prior_tau is {name!r}: the named priors are {', '.join(PRIOR_NAMES)}; any "
            "scipy.stats frozen distribution on the half line and any callable log density work too"
        )
    function, inverse, powers = _NAMED[name]

    def log_density(log_tau: Floats) -> Floats:
        return function(log_tau, var)

    quantile = None if inverse is None else lambda u: inverse(u, var)
    log_density(np.zeros(1))  # raises here what it cannot do with this data
    density = ScalePrior("sqrt") if name == "sqrt" else _scalar(log_density)
    return ResolvedPrior(
        name, log_density, density, inverse is not None, mu, quantile=quantile, powers=powers
    )
