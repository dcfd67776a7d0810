"""Priors written as text, as the command line and R have them.

A prior is a name, such as "jeffreys", or a family with numbers, such as "halfcauchy(5)" or
"gamma(2, rate=0.1)": nothing is evaluated. Names are those of scipy.stats, of R's density
functions, of bayesmeta and of brms (Stan's), and each means what it means there: rates are rates,
and a family on the whole line is cut off at 0 where the quantity is positive. Capitals, hyphens and
underscores do not count.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pyhier._validation import positive

Numbers = dict[str, float]

REAL = frozenset({"loc", "location", "mean", "meanlog", "min"})  # what need not be positive


@dataclass(frozen=True)
class Family:
    """A distribution that text can name.

    Attributes
    ----------
    name : str
        How it is spelled where it is listed.
    arguments : tuple of str
        In order.
    make : callable
        A scipy.stats frozen distribution of them.
    instead : mapping
        Arguments that can be given by name in place of another one: that one, of which they are
        the inverse.
    """

    name: str
    arguments: tuple[str, ...]
    make: Callable[..., Any]
    instead: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.name}({', '.join(self.arguments)})"


def _scipy(name: str, *arguments: str) -> Family:
    """A family by scipy.stats' own name and arguments."""
    return Family(name, arguments, lambda **given: getattr(_stats(), name)(**given))


def _stats() -> Any:
    import scipy.stats

    return scipy.stats


def _half_t(df: float, scale: float) -> Any:
    from pyhier.priors.half_t import halft

    return halft(df, scale=scale)


def _half_normal(mean: float, sd: float) -> Any:
    if mean == 0.0:
        return _stats().halfnorm(scale=sd)
    return _stats().truncnorm(-mean / sd, np.inf, loc=mean, scale=sd)


def _uniform(**ends: float) -> Any:
    low, high = ends["min"], ends["max"]
    if not (0.0 <= low < high < np.inf):
        raise ValueError("it must run from a number not below 0 up to a greater one")
    return _stats().uniform(low, high - low)


def _gamma(shape: float, rate: float) -> Any:
    return _stats().gamma(shape, scale=1.0 / rate)


def _exponential(rate: float) -> Any:
    return _stats().expon(scale=1.0 / rate)


def _inverse_chi(df: float, scale: float) -> Any:
    """The distribution of scale / sqrt(X), X chi-squared: of a power of a gamma."""
    return _stats().gengamma(0.5 * df, -2.0, scale=scale * np.sqrt(0.5))


def _student_t(df: float, location: float, scale: float) -> Any:
    _centred(location)
    return _half_t(df, scale)


def _cauchy(location: float, scale: float) -> Any:
    _centred(location)
    return _stats().halfcauchy(scale=scale)


def _centred(location: float) -> None:
    """What is cut off at its own middle is twice as dense above."""
    if location != 0.0:
        raise ValueError(f"its location is {location:g}, and cut off at 0 it must be 0")


def _lognormal(meanlog: float, sdlog: float) -> Any:
    if abs(meanlog) > 700.0:
        raise ValueError(f"its median is exp({meanlog:g}), and it must be a double")
    return _stats().lognorm(sdlog, scale=np.exp(meanlog))


def _shaped(name: str) -> Callable[..., Any]:
    return lambda shape, scale: getattr(_stats(), name)(shape, scale=scale)


_SHAPED = ("shape", "scale")

# Of a quantity that is positive, in the order in which an error lists them.
_POSITIVE = (
    _scipy("halfnorm", "scale"),
    _scipy("halfcauchy", "scale"),
    Family("halft", ("df", "scale"), _half_t),
    Family("uniform", ("min", "max"), _uniform),
    Family("normal", ("mean", "sd"), _half_normal),
    Family("student_t", ("df", "location", "scale"), _student_t),
    Family("cauchy", ("location", "scale"), _cauchy),
    _scipy("expon", "scale"),
    Family("exponential", ("rate",), _exponential, {"scale": "rate"}),
    Family("gamma", ("shape", "rate"), _gamma, {"scale": "rate"}),
    Family("invgamma", _SHAPED, _shaped("invgamma")),
    _scipy("lognorm", "s", "scale"),
    Family("lognormal", ("meanlog", "sdlog"), _lognormal),
    Family("lomax", _SHAPED, _shaped("lomax")),
    Family("weibull", _SHAPED, _shaped("weibull_min")),
    _scipy("rayleigh", "scale"),
    _scipy("halflogistic", "scale"),
    Family("invchi", ("df", "scale"), _inverse_chi),
)
SCALED: dict[str, Family] = {family.name: family for family in _POSITIVE}

# Other spellings, without capitals, hyphens and underscores, of the same arguments.
SPELLINGS = {
    "halfnormal": "halfnorm", "halfstudentt": "halft", "exp": "exponential", "lnorm": "lognormal",
    "studentt": "student_t",
}  # fmt: skip

MU_PRIORS: dict[str, Family] = {
    "norm": _scipy("norm", "loc", "scale"),
    "normal": Family("normal", ("mean", "sd"), lambda mean, sd: _stats().norm(mean, sd)),
}

# Of the hyperparameters of a count model, some of which are probabilities.
PAIR_PRIORS: dict[str, Family] = {**SCALED, "beta": _scipy("beta", "a", "b")}

_NUMBER = re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$", re.IGNORECASE)
_CALL = re.compile(r"^\s*([A-Za-z][\w-]*)\s*\(([^()]*)\)\s*$")


def parse_prior(
    option: str,
    text: str,
    families: Mapping[str, Family],
    names: Sequence[str] = ("flat",),
) -> Any:
    """Read a prior such as "halfcauchy(5)": a name and numbers, nothing is evaluated.

    Parameters
    ----------
    option : str
        Where it was given, for the error.
    text : str
    families : mapping of str to Family
        What it may be.
    names : sequence of str
        What it may be without numbers: these are returned as they are here.

    Returns
    -------
    str or scipy.stats frozen distribution

    Examples
    --------
    >>> prior = parse_prior("prior_tau", "half-t(3, 2.5)", SCALED)
    >>> float(round(prior.sf(2.5), 12))
    0.391002218956
    >>> parse_prior("prior_tau", "gamma(2, rate=0.1)", SCALED).mean()
    np.float64(20.0)
    >>> parse_prior("prior_tau", "BergerDeely", SCALED, ("uniform", "berger-deely"))
    'berger-deely'
    """
    said = f"{option} is {text!r}"
    for name in names:
        if _plain(name) == _plain(text):
            return name
    match = _CALL.match(text)
    family = None if match is None else _family(match[1], families)
    if match is None or family is None:
        known = ", ".join([*names, *map(str, families.values())])
        raise ValueError(f"{said}: it must be one of {known}")
    given = _numbers(said, match[2], family)
    for name, value in given.items():
        _check(option, name, value)
    try:
        return family.make(**given)
    except ValueError as error:
        raise ValueError(f"{said}: {error}") from None


def _plain(name: str) -> str:
    return re.sub(r"[-_\s]", "", name).lower()


def _family(name: str, families: Mapping[str, Family]) -> Family | None:
    plain = _plain(name)
    plain = _plain(SPELLINGS.get(plain, plain))
    return next((family for key, family in families.items() if _plain(key) == plain), None)


def _numbers(said: str, inside: str, family: Family) -> Numbers:
    """The arguments between the brackets, in order or by name."""
    wanted = f"{family.name} takes {', '.join(family.arguments)}"
    given: Numbers = {}
    for place, part in enumerate(inside.split(",")):
        name, equals, number = (piece.strip() for piece in part.rpartition("="))
        if not _NUMBER.match(number):
            raise ValueError(f"{said}: {inside!r} are not numbers")
        value = float(number)
        if not equals and (place >= len(family.arguments) or len(given) < place):
            raise ValueError(f"{said}: {wanted}")
        name = name if equals else family.arguments[place]
        if name in family.instead:
            name, value = family.instead[name], _inverse(said, name, value)
        if name in given or name not in family.arguments:
            raise ValueError(f"{said}: {wanted}")
        given[name] = value
    if len(given) != len(family.arguments):
        raise ValueError(f"{said}: {wanted}")
    return given


def _inverse(said: str, name: str, value: float) -> float:
    return 1.0 / positive(f"{said}: {name}", value)


def _check(option: str, name: str, value: float) -> None:
    if name not in REAL:
        positive(f"{option} {name}", value)
    elif not np.isfinite(value):
        raise ValueError(f"{option} {name} is {value}: it must be finite")
