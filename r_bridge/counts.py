"""The models of counts that R makes: see `for_r`."""

from collections.abc import Callable, Mapping
from typing import Any

from pyhier.r_bridge.sent import described, moderators, normal_priors, positive_prior, tau_prior

import pyhier as ph
from pyhier._types import Floats
from pyhier.priors.grammar import PAIR_PRIORS, parse_prior

BINOMIAL = {"conjugate": ph.BetaBinomial, "normal": ph.BinomialNormal}
POISSON = {"conjugate": ph.PoissonGamma, "normal": ph.PoissonNormal}


def _pair_prior(prior: Any) -> Any:
    """The prior of a conjugate model: a name, two of the command line's, or a function of two."""
    if not isinstance(prior, Mapping):
        return prior
    return {
        name: parse_prior(f"prior${name}", one, PAIR_PRIORS, ()) if isinstance(one, str) else one
        for name, one in prior.items()
    }


def _priors(mods: Any, priors: dict[str, Any]) -> dict[str, Any]:
    """The keywords of a model, of what R sent by their names."""
    if "prior_mu" in priors:
        found: dict[str, Any] = normal_priors(**priors)
        return found
    read: dict[str, Callable[[Any], Any]] = {
        "prior": _pair_prior,
        "prior_tau": tau_prior,
        "prior_K": lambda one: positive_prior("prior_K", one),
        "prior_alpha": lambda one: positive_prior("prior_alpha", one),
    }
    known = {name: read[name](one) if name in read else one for name, one in priors.items()}
    return known if mods is None else known | moderators(mods)


def _binomial(
    successes: Floats, trials: Floats, labels: Any, effects: str, mods: Any = None, **priors: Any
) -> Any:
    model: Any = BINOMIAL[effects]
    return described(model(successes, trials, labels=labels, **_priors(mods, priors)))


def _poisson(
    counts: Floats, exposure: Floats, labels: Any, effects: str, mods: Any = None, **priors: Any
) -> Any:
    model: Any = POISSON[effects]
    return described(model(counts, exposure, labels=labels, **_priors(mods, priors)))


ENTRIES: dict[str, Callable[..., Any]] = {"binomial": _binomial, "poisson": _poisson}
