"""Priors of tau for the normal model's problems, with what the oracle must know of them."""

import math
import warnings

import mpmath as mp
import numpy as np
from scipy import special, stats
from scipy.stats._distr_params import distcont

import pyhier as ph
from fuzz.normal_oracle import Mu, Prior

SLOW = ("studentized_range", "dpareto_lognorm", "ksone", "kstwo")  # a value takes milliseconds
KINKS = {"triang": lambda c: (c,), "trapezoid": lambda c, d: (c, d), "trapz": lambda c, d: (c, d),
         "loglaplace": lambda c: (1.0,), "irwinhall": lambda n: range(1, int(n))}  # fmt: skip
LEVELS = np.array([1e-12, 1e-9, 1e-6, 1e-3, 0.01, 0.05, *np.arange(0.1, 0.51, 0.1)])


def half_line():
    """(name, shapes) of scipy's families on the half line."""
    found = []
    for name, shapes in distcont:
        if isinstance(name, str) and name not in SLOW:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                if getattr(stats, name)(*shapes).support()[0] >= 0.0:
                    found.append((name, tuple(float(s) for s in shapes)))
    return found


FAMILIES = half_line()


def prior_for(rng, y, se):
    """A prior of tau (and one of mu) for data: (Prior, NormalInvChi2 or None, Mu)."""
    unit = float(np.exp(np.log(se).mean()))
    kind = rng.choice(["named", "plain", "family", "extreme", "callable", "joint"],
                      p=[0.12, 0.12, 0.36, 0.14, 0.16, 0.1])  # fmt: skip
    if kind == "joint":
        joint = _joint(rng, unit, y)
        mu = Mu(mean=joint.mu0, kappa=joint.kappa0)
        return _inv_chi(joint), joint, mu
    make = {"named": _named, "plain": _plain, "family": _family, "extreme": _extreme,
            "callable": _callable}[kind]  # fmt: skip
    scale = unit * 10.0 ** rng.uniform(-4.0, 4.0)
    prior = make(rng, scale, y, se)
    mu = Mu()
    if rng.random() < 0.4:
        sd = unit * 10.0 ** rng.uniform(-2.0, 4.0)
        mu = Mu(float(y.mean() + rng.choice([0.0, 1.0, 20.0]) * sd), float(sd))
    return prior, None, mu


# --- Priors that scipy knows ----------------------------------------------------------------------


def frozen(name, shapes, scale, loc=0.0, words=None):
    """A frozen distribution as the package and the oracle take it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        prior = getattr(stats, name)(*shapes, loc=loc, scale=scale)
        low, high = map(float, prior.support())
        kinks = loc + scale * np.array(KINKS.get(name, lambda *_: ())(*shapes), dtype=float)
        places = np.concatenate([prior.ppf(LEVELS), prior.isf(LEVELS), kinks])
    base = getattr(stats, name)(*shapes, scale=scale)

    log_density = _rounded_by_scipy(prior)
    if loc == 0.0 and name in ("gamma", "invgamma") and shapes[0] > 100.0:
        log_density = _in_long_doubles(name, shapes[0], scale)
    words = (
        words or f"{name}({', '.join(f'{s:.6g}' for s in shapes)}, loc={loc:g}, scale={scale!r})"
    )
    from_high = None
    if name in ("arcsine", "beta"):
        a, b = (0.5, 0.5) if name == "arcsine" else shapes
        from_high = _beta_from_high(a, b, scale)
    from_low = base.logpdf if loc > 0.0 and low == loc else None
    return Prior(prior, log_density, places, low, high, words=words, from_high=from_high,
                 from_low=from_low, mass_below=_below(prior.cdf))  # fmt: skip


def _rounded_by_scipy(prior):
    def log_density(tau):
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return prior.logpdf(tau)

    return log_density


def _in_long_doubles(name, shape, scale):
    """Where scipy loses digits that the package keeps: terms of size 1e7 cancel."""
    with mp.workdps(30):
        least = np.longdouble(mp.nstr(mp.loggamma(shape) + mp.log(scale), 25))

    def log_density(tau):
        with np.errstate(all="ignore"):
            size = np.asarray(tau, dtype=np.longdouble) / np.longdouble(scale)
            if name == "gamma":
                value = (np.longdouble(shape) - 1) * np.log(size) - size - least
            else:
                value = -(np.longdouble(shape) + 1) * np.log(size) - 1 / size - least
        return np.where(np.isnan(value), -np.inf, value)  # at both ends

    return log_density


def _beta_from_high(a, b, scale):
    def log_density(distance):
        part = distance / scale
        return (
            (a - 1) * np.log1p(-part)
            + (b - 1) * np.log(part)
            - special.betaln(a, b)
            - math.log(scale)
        )

    return log_density


def _plain(rng, scale, y, se):
    """No excuse to refuse these."""
    size = float(max(np.median(se), np.ptp(y) / 4.0)) * 10.0 ** rng.uniform(-1.0, 1.0)
    name, shapes = [("halfnorm", ()), ("halfcauchy", ()), ("expon", ()), ("gamma", (2.0,)),
                    ("invgamma", (1.5,)), ("lognorm", (1.0,)), ("lomax", (2.0,)),
                    ("uniform", ())][rng.integers(8)]  # fmt: skip
    prior = frozen(name, shapes, size)
    return Prior(**{**prior.__dict__, "words": "plain " + prior.words})


def _family(rng, scale, y, se):
    name, shapes = FAMILIES[rng.integers(len(FAMILIES))]
    loc = float(scale * 10.0 ** rng.uniform(-2, 2)) if rng.random() < 0.1 else 0.0
    return frozen(name, shapes, float(scale), loc)


def _extreme(rng, scale, y, se):
    """Shapes that make spikes, and integrable singularities."""
    big = 10.0 ** rng.uniform(2.0, 6.0)
    small = 10.0 ** rng.uniform(-2.0, 0.0)
    tiny = 10.0 ** rng.uniform(-7.0, -1.0)
    name, shapes, size = [
        ("gamma", (big,), scale / big), ("gamma", (small,), scale),
        ("invgamma", (big,), scale * big), ("invgamma", (small,), scale),
        ("lognorm", (tiny,), scale), ("beta", (2.3, 0.63), scale),
        ("beta", (small, small), scale), ("arcsine", (), scale), ("weibull_min", (small,), scale),
        ("lomax", (small,), scale), ("halfcauchy", (), scale * 10.0 ** rng.uniform(-40, 40)),
        ("halfnorm", (), scale * 10.0 ** rng.uniform(-20, 20)), ("chi", (big,), scale / big**0.5),
        ("truncnorm", (-1.0 / tiny, np.inf), tiny), ("burr12", (small, 5.0), scale),
        ("fisk", (small + 0.1,), scale), ("nakagami", (big,), scale), ("beta", (big, big), scale),
    ][rng.integers(18)]  # fmt: skip
    if name == "truncnorm":  # norm(scale, tiny * scale), cut at 0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return frozen(name, shapes, float(tiny * scale), loc=float(scale))
    return frozen(name, shapes, float(size))


# --- Priors with a name, and the joint one --------------------------------------------------------


def _named(rng, scale, y, se):
    name = str(rng.choice(ph.PRIOR_NAMES))
    if name == "i2" and se.size < 2:
        name = "shrinkage"
    long = np.asarray(se, dtype=np.longdouble) ** 2
    formula = NAMED[name]

    def log_density(tau):
        return formula(np.asarray(tau, dtype=np.longdouble)[:, None], long)

    groups = {"uniform": 3, "sqrt": 2, "jeffreys": 2, "berger-deely": 2}.get(name, 1)
    return Prior(name, log_density, se, words=name, proper=se.size >= groups)


def _sum(values):
    return values.sum(axis=1)


def _i2(tau, var):
    w = 1 / var
    pairs = sum(w[i] * w[:i].sum() for i in range(1, w.size)) * 2
    s2 = (w.size - 1) * w.sum() / pairs
    return np.log(2 * s2 * tau[:, 0] / (s2 + tau[:, 0] ** 2) ** 2)


def _shrinkage(tau, var):
    s2 = 1 / (1 / var).mean()
    return np.log(2 * s2 * tau[:, 0] / (s2 + tau[:, 0] ** 2) ** 2)


def _dumouchel(tau, var):
    s = np.sqrt(1 / (1 / var).mean())
    return np.log(s / (s + tau[:, 0]) ** 2)


# Roever (2020), section 2.2.
NAMED = {
    "uniform": lambda tau, var: np.zeros(len(tau)),
    "sqrt": lambda tau, var: -0.5 * np.log(tau[:, 0]),
    "jeffreys": lambda tau, var: np.log(tau[:, 0]) + 0.5 * np.log(_sum((var + tau**2) ** -2)),
    "overall-jeffreys": lambda tau, var: (
        np.log(tau[:, 0]) + 0.5 * np.log(_sum((var + tau**2) ** -2))
        + 0.5 * np.log(_sum(1 / (var + tau**2)))
    ),
    "berger-deely": lambda tau, var: np.log(tau[:, 0]) - np.log(var + tau**2).mean(axis=1),
    "conventional": lambda tau, var: np.log(tau[:, 0]) - 1.5 * np.log(var + tau**2).mean(axis=1),
    "dumouchel": _dumouchel,
    "shrinkage": _shrinkage,
    "i2": _i2,
}  # fmt: skip


def _joint(rng, unit, y):
    kappa = 10.0 ** rng.choice([rng.uniform(-3, 2), rng.uniform(2, 18)])
    nu = 10.0 ** rng.choice([rng.uniform(-1, 1.5), rng.uniform(1.5, 7)])
    size = (unit * 10.0 ** rng.uniform(-4.0, 4.0)) ** 2
    return ph.NormalInvChi2(float(y.mean() * rng.choice([0.0, 1.0])), float(kappa), float(nu),
                            float(size))  # fmt: skip


def _inv_chi(joint):
    nu, s2 = joint.nu0, joint.tau2_0
    half = 0.5 * nu

    def log_density(tau):
        u = np.log(np.longdouble(s2)) - 2 * np.log(np.asarray(tau, dtype=np.longdouble))
        # half * (u - exp(u) + 1), without its cancellation near the mode.
        series = -u * u * (0.5 + u / 6 + u * u / 24 + u**3 / 120 + u**4 / 720)
        curve = np.where(np.abs(u) < 1e-3, series, u - np.expm1(u))
        return (
            math.log(2.0) + _log_peak(half) + half * curve - np.log(np.asarray(tau, np.longdouble))
        )

    scale = math.sqrt(s2)
    places = scale * (1.0 + np.array([-8, -4, -2, -1, 0, 1, 2, 4, 8]) / math.sqrt(2 * nu + 100))
    places = np.concatenate([places, np.sqrt(nu * s2 / special.chdtri(nu, LEVELS))])
    return Prior(None, log_density, places, words=f"{joint!r}")


def _log_peak(h):
    """h log h - lgamma(h) - h, by Stirling's series where h is large."""
    if h < 50.0:
        return h * math.log(h) - math.lgamma(h) - h
    return 0.5 * math.log(h / (2 * math.pi)) - 1 / (12 * h) + 1 / (360 * h**3) - 1 / (1260 * h**5)


# --- Callables ------------------------------------------------------------------------------------


def _callable(rng, scale, y, se):
    """A function of one tau: bounds, steps, kinks, spikes, underflow, poles, and worse."""
    make = [_bound_method, _underflow, _step, _kink, _spike, _pole, _infinite, _loose, _heavy]
    return make[rng.integers(len(make))](rng, float(scale))


def _vector(function):
    return lambda tau: np.array([function(float(t)) for t in np.ravel(tau)])


def _bound_method(rng, scale):
    name, shapes = [("uniform", ()), ("beta", (2.0, 2.0)), ("triang", (0.3,)), ("halfnorm", ()),
                    ("gamma", (2.0,)), ("pareto", (2.0,))][rng.integers(6)]  # fmt: skip
    known = frozen(name, shapes, scale)
    return Prior(known.argument.logpdf, known.log_density, known.places, known.low, known.high,
                 words=f"{known.words}.logpdf")  # fmt: skip


def _underflow(rng, scale):
    name, shapes = [("halfnorm", ()), ("lognorm", (1.0,)), ("expon", ()), ("gamma", (3.0,)),
                    ("lognorm", (0.2,))][rng.integers(5)]  # fmt: skip
    known = frozen(name, shapes, scale)

    def log_density(tau):
        return np.log(known.argument.pdf(tau))

    def quiet(tau):
        with np.errstate(divide="ignore"):
            return log_density(tau)

    return Prior(log_density, quiet, known.places, words=f"log of {known.words}.pdf")


def _step(rng, scale):
    ends = scale * np.sort(rng.uniform(0.0, 10.0, 4))
    heights = rng.standard_normal(3)

    def log_density(tau):
        k = int(np.searchsorted(ends, tau)) - 1
        return float(heights[k]) if 0 <= k < 3 else -math.inf

    return Prior(log_density, _vector(log_density), ends, float(ends[0]), float(ends[-1]),
                 words=f"steps at {ends.tolist()}: {heights.tolist()}")  # fmt: skip


def _kink(rng, scale):
    width = 10.0 ** rng.uniform(-2.0, 0.5) * scale

    def log_density(tau):
        return -abs(tau - scale) / width

    places = scale + width * np.array([-30, -10, -3, -1, 0, 1, 3, 10, 30])
    return Prior(log_density, _vector(log_density), places, words=f"-|tau - {scale!r}| / {width!r}")


def _spike(rng, scale):
    """As narrow as the docstring of `NormalNormal` says is found."""
    width = scale * 10.0 ** rng.uniform(-2.5, -1.0)
    share = 10.0 ** rng.uniform(-4.0, 0.0)
    at = scale * 10.0 ** rng.uniform(-1.0, 1.0)
    width *= at / scale

    def log_density(tau):
        base = -0.5 * (tau / scale) ** 2 - math.log(scale)
        spike = -0.5 * ((tau - at) / width) ** 2 + math.log(share / width)
        return float(np.logaddexp(base, spike))

    places = at + width * np.arange(-9.0, 10.0)
    return Prior(log_density, _vector(log_density), [*places, scale],
                 words=f"halfnormal {scale!r}, spike at {at!r}, {width!r}, {share!r}")  # fmt: skip


def _below(cdf):
    """A distribution function by its power of tau where tau over a scale is hardly a double."""

    def mass(tau):
        near, far = cdf(1e-290), cdf(1e-270)
        if tau >= 1e-290 or not near > 0.0:
            return cdf(tau)
        return near * (tau / 1e-290) ** (math.log(far / near) / math.log(1e20))

    return mass


def _pole(rng, scale):
    """Infinite at a tau in the midst, but integrable; the oracle may not know either."""
    power = rng.uniform(0.05, 0.6)

    def log_density(tau):
        return -power * math.log(abs(tau / scale - 1.0) + 1e-300) - tau / scale

    return Prior(log_density, _vector(log_density), [scale], words=f"pole of {power} at {scale!r}")


def _infinite(rng, scale):
    kind = str(rng.choice(["nan", "inf", "nan beyond"]))

    def log_density(tau):
        if kind == "nan beyond":
            return math.nan if tau > 3.0 * scale else -tau / scale
        inside = scale < tau < 1.5 * scale
        return float(kind) if inside else -tau / scale

    return Prior(
        log_density, _vector(log_density), [scale], proper=False, words=f"callable: {kind}"
    )


def _loose(rng, scale):
    """Not normalised, by far."""
    constant = float(rng.choice([-1e5, -300.0, 300.0, 1e5]))

    def log_density(tau):
        return constant - tau / scale

    return Prior(log_density, _vector(log_density), [scale], words=f"{constant} - tau / {scale!r}")


def _heavy(rng, scale):
    power = rng.uniform(0.5, 3.0)

    def log_density(tau):
        return -(1.0 + power) * math.log1p(tau / scale)

    return Prior(
        log_density, _vector(log_density), [scale], words=f"-{1 + power}*log1p(tau/{scale!r})"
    )
