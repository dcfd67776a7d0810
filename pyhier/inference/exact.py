"""The exact posterior by quadrature over one or two hyperparameters."""

from pyhier._types import Floats
from pyhier.models.interface import Model, PlaneModel, is_plane, is_reduced
from pyhier.models.requirements import need_posterior
from pyhier.posterior.exact_line import ExactPosterior
from pyhier.posterior.exact_plane import PlanePosterior
from pyhier.quadrature.axes import coordinate_axis
from pyhier.quadrature.nested import nested_quadrature


def exact(model: Model) -> ExactPosterior | PlanePosterior:
    """Compute a model's whole posterior by quadrature, without Monte Carlo error.

    Parameters
    ----------
    model : Model
        One that integrates all its hyperparameters but one out by itself, such as `NormalNormal`,
        or one with two of them, such as `BetaBinomial` and `PoissonGamma`.

    Returns
    -------
    ExactPosterior or PlanePosterior
        Good to 1e-9 with one hyperparameter left, to 1e-8 with two.

    Raises
    ------
    TypeError
        If it is no model, has more hyperparameters, or cannot say how to look at them.
    ValueError
        If the posterior is improper, naming a prior that mends it; or, of two
        hyperparameters, if a prior ends abruptly.

    Examples
    --------
    >>> import pyhier as ph
    >>> schools = ph.load_dataset("eight_schools")
    >>> post = ph.exact(ph.NormalNormal(schools["y"], se=schools["sigma"]))
    >>> round(post["theta[1]"].mean(), 10), round(post["theta[1]"].std(), 10)
    (11.4002608704, 8.3414162375)
    """
    need_posterior("exact", model)
    if is_reduced(model):
        return ExactPosterior.of(model)
    if is_plane(model):
        return on_plane(model)
    raise TypeError(f"{type(model).__name__} cannot be reduced to one or two coordinates")


def on_plane(model: PlaneModel) -> PlanePosterior:
    """The posterior of a model with two coordinates, both by quadrature."""
    axis, target = coordinate_axis(model.location), model.marginal
    start = target.start()

    def log_density(outer: Floats, location: Floats) -> Floats:
        return target.log_density(axis.phi(location, outer))

    point = float(start[axis.free]), float(start[model.location])
    return PlanePosterior(model, nested_quadrature(log_density, *point))
