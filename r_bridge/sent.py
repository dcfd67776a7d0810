"""What R sends for a model, and what it is told of the model in return."""

from collections.abc import Mapping
from typing import Any

from pyhier.r_bridge.crossing import Handle

from pyhier.priors.grammar import MU_PRIORS, SCALED, parse_prior
from pyhier.priors.tau import PRIOR_NAMES


def by_name(sent: Mapping[str, Any]) -> dict[str, Any]:
    """What R's `named_to_python()` sent: values under names that may be any."""
    return dict(zip(sent["names"], sent["values"].values(), strict=True))


def tau_prior(prior: Any) -> Any:
    """The prior of tau, of a string or of R's function."""
    return parse_prior("prior_tau", prior, SCALED, PRIOR_NAMES) if isinstance(prior, str) else prior


def beta_prior(name: str, text: str) -> Any:
    """The normal prior of a coefficient."""
    return parse_prior(f"prior_beta${name}", text, MU_PRIORS, ())


def described(model: Any) -> dict[str, Any]:
    """What R keeps of a model."""
    return {
        "handle": Handle(model),
        "shown": repr(model),
        "labels": list(model.labels),
        "coordinates": list(model.coordinates),
        "data": dict(model.observed()),
        "estimates": dict(zip(("estimate", "se"), model.estimates(), strict=True)),
    }
