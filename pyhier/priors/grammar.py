"""Priors written as text, as the command line and R have them."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pyhier._validation import positive

# The arguments a prior takes on the command line, and how scipy.stats calls them.
SCALED = {
    "halfnorm": ("scale",),
    "halfcauchy": ("scale",),
    "expon": ("scale",),
    "gamma": ("a", "scale"),
    "invgamma": ("a", "scale"),
    "lognorm": ("s", "scale"),
    "lomax": ("c", "scale"),
}

MU_PRIORS = {"norm": ("loc", "scale")}

_CALL = re.compile(r"^\s*([a-z]+)\s*\(([^()]*)\)\s*$")


def parse_prior(
    option: str,
    text: str,
    families: Mapping[str, Sequence[str]],
    names: Sequence[str] = ("flat",),
) -> Any:
    """Read a prior such as "halfcauchy(5)": a name and numbers, nothing is evaluated."""
    if text in names:
        return text
    match = _CALL.match(text)
    known = ", ".join([*names, *(f"{f}({', '.join(a)})" for f, a in families.items())])
    if match is None or match[1] not in families:
        raise ValueError(f"{option} is {text!r}: it must be one of {known}")
    wanted = families[match[1]]
    try:
        numbers = [float(part) for part in match[2].split(",")]
    except ValueError:
        raise ValueError(f"{option} is {text!r}: {match[2]!r} are not numbers") from None
    if len(numbers) != len(wanted):
        raise ValueError(f"{option} is {text!r}: {match[1]} takes {', '.join(wanted)}")
    parameters = dict(zip(wanted, numbers, strict=True))
    for name, value in parameters.items():
        if name != "loc":
            positive(f"{option} {name}", value)
    import scipy.stats

    return getattr(scipy.stats, match[1])(**parameters)
