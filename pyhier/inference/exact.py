"""The exact posterior by one-dimensional quadrature."""

import numpy as np
from numpy.typing import NDArray

from pyhier.models.protocol import Model, is_collapsible
from pyhier.posterior.exact import ExactPosterior
from pyhier.posterior.panels import resolve

Floats = NDArray[np.float64]


def exact(model: Model) -> ExactPosterior:
    """Compute a model's whole posterior by quadrature, without Monte Carlo error.

    Parameters
    ----------
    model : Model
        One that can be reduced to one coordinate, such as `NormalNormal`.

    Returns
    -------
    ExactPosterior

    Raises
    ------
    TypeError
        If the model cannot be reduced to one coordinate.

    Examples
    --------
    >>> import pyhier as ph
    >>> schools = ph.load_dataset("eight_schools")
    >>> post = ph.exact(ph.NormalNormal(schools["y"], se=schools["sigma"]))
    >>> round(post["theta[1]"].mean(), 10), round(post["theta[1]"].std(), 10)
    (11.4002608704, 8.3414162375)
    """
    if not is_collapsible(model):
        raise TypeError(f"{type(model).__name__} cannot be reduced to one coordinate")

    def rows(log_tau: Floats) -> Floats:
        found = model.collapse(log_tau)
        return np.stack([found.log_density, found.mean, found.var])

    reach = _reach(model.tail_indices[1])
    return ExactPosterior(model, resolve(rows, *model.scales, reach, model.support))


def _reach(index: float) -> float:
    """How far beyond the data a power tail is followed before its closed form takes over.

    Moments of order k leave exp(-(index - k) * reach) of their mass to the closed form, which is
    good to exp(-reach): together below 1e-13.
    """
    if np.isinf(index):
        return 0.0
    k = max(k for k in (0, 1, 2) if index - k > 1e-6)
    reach = 30.0 / (1.0 + index - k)
    return reach if reach > 1.0 else 0.0
