"""What engines and the classical side ask first: a model, and one that has a posterior."""

from typing import Any, Protocol, TypeGuard

from pyhier.models.interface import Model, PlaneModel, is_averaged, is_model
from pyhier.models.normal_normal import NormalNormal
from pyhier.quadrature.surface import Surface

# What learnbayes calls the engines that take a log posterior without a model.
IN_LEARNBAYES = {
    **{name: name for name in ("rwmetrop", "indepmetrop", "gibbs", "sir")},
    "importance": "impsampling", "rejection": "rejectsampling", "grid": "simcontour",
}  # fmt: skip

AVERAGING = ("exact",)  # engines that average over models


class Surfaced(PlaneModel, Protocol):
    """A model with two coordinates whose log likelihood may be a polynomial; the location first."""

    surface: Surface | None


def is_surfaced(value: object) -> TypeGuard[Surfaced]:
    """Whether a model with two coordinates may have a polynomial for its log likelihood."""
    return hasattr(type(value), "surface")


def need_model(engine: str, model: Any) -> None:
    """Raise TypeError unless there is a model, of one that averages over others for `exact`."""
    if is_model(model) and not isinstance(model, type):
        if is_averaged(model) and engine not in AVERAGING:
            name = model.case_name
            raise TypeError(
                f"{engine} takes no model with several values of {name}: take exact(model), or "
                f"one {name}"
            )
        return
    given = "a class" if isinstance(model, type) else f"a {type(model).__name__}"
    named = IN_LEARNBAYES.get(engine)
    other = f"; learnbayes.{named} takes any log posterior" if named else ""
    raise TypeError(
        f"model is {given}: {engine} takes a model, such as NormalNormal(y, se=se){other}"
    )


def need_normal(function: str, model: Any) -> None:
    """Raise TypeError unless there is a normal model of estimates."""
    if not isinstance(model, NormalNormal):
        given = "a class" if isinstance(model, type) else f"a {type(model).__name__}"
        raise TypeError(f"model is {given}: {function} takes a NormalNormal(y, se=se)")


def need_groups(function: str, model: Any) -> None:
    """Raise ValueError where a model keeps none: one of sums."""
    if not model.labels:
        raise ValueError(f"{function} is of groups' effects: {model.no_groups}")


def need_posterior(engine: str, model: Any) -> None:
    """Raise unless there is a model with a proper posterior; ValueError names what mends it."""
    need_model(engine, model)
    known: Model = model
    if why := known.why_no_posterior():
        raise ValueError(why)
