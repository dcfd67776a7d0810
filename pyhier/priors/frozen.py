"""Priors that are scipy.stats distributions: whether they are, and of one quantity."""

from typing import Any

import numpy as np


def is_frozen(prior: object) -> bool:
    """Whether something is a frozen continuous distribution of scipy.stats."""
    return hasattr(prior, "dist") and hasattr(prior, "logpdf")


def refuse_unfrozen(argument: str, prior: Any) -> None:
    """Raise for a distribution whose parameters were forgotten, or that is none of these."""
    if isinstance(prior, type) or not (hasattr(prior, "logpdf") or hasattr(prior, "logpmf")):
        return
    if hasattr(prior, "freeze"):
        name = getattr(prior, "name", None) or "it"
        raise TypeError(
            f"{argument} is {name} of scipy.stats without its parameters: give them, as in "
            f"{argument}=scipy.stats.{name}(scale=5)"
        )
    if not is_frozen(prior):
        raise TypeError(
            f"{argument} is a {type(prior).__name__}: give a scipy.stats frozen distribution that "
            "is continuous, or a function that returns the log density"
        )


def frozen(argument: str, prior: Any) -> Any:
    """A frozen distribution whose parameters are single numbers.

    Raises
    ------
    TypeError
        If it is none.
    ValueError
        If it is several at once.
    """
    refuse_unfrozen(argument, prior)
    if not is_frozen(prior):
        raise TypeError(f"{argument} is {prior!r}: give a scipy.stats distribution")
    parameters = [*prior.args, *prior.kwds.values()]
    if all(np.ndim(value) == 0 for value in parameters):
        return prior
    for value in parameters:
        if np.size(value) != 1:
            raise ValueError(
                f"{argument} ({prior.dist.name}) has parameters of shape {np.shape(value)}: give "
                "one distribution, of single numbers"
            )
    args = (np.asarray(value).item() for value in prior.args)
    return prior.dist(*args, **{key: np.asarray(v).item() for key, v in prior.kwds.items()})


def support_of(argument: str, prior: Any) -> tuple[float, float]:
    """The ends of a frozen distribution; ValueError where its parameters make none."""
    low, high = (float(end) for end in np.ravel(prior.support()))
    if np.isnan(low) or not low < high:
        raise ValueError(f"{argument} ({prior.dist.name}) has parameters that make no distribution")
    return low, high
