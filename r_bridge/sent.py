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


def positive_prior(name: str, prior: Any) -> Any:
    """The prior of another positive quantity, of a string or of R's function."""
    return parse_prior(name, prior, SCALED, ("uniform",)) if isinstance(prior, str) else prior


def normal_priors(prior_mu: Any, prior_tau: Any) -> dict[str, Any]:
    """The priors of normal effects without covariates."""
    if isinstance(prior_mu, str):
        parsed = parse_prior("prior_mu", prior_mu, MU_PRIORS)
        prior_mu = None if parsed == "flat" else parsed
    return {"prior_mu": prior_mu, "prior_tau": tau_prior(prior_tau)}


def moderators(mods: Mapping[str, Any]) -> dict[str, Any]:
    """Covariates and the prior of their coefficients."""
    columns = dict(zip(mods["names"], mods["x"].T, strict=True))
    beta = {name: beta_prior(name, text) for name, text in (mods["prior"] or {}).items()}
    return {"X": columns, "intercept": mods["intercept"], "prior_beta": beta or None}


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
