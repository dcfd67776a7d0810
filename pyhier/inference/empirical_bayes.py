"""Empirical Bayes: the hyperparameters estimated from the data, then taken for known."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from pyhier._types import Floats
from pyhier.inference.exact import exact
from pyhier.inference.requirements import need_model
from pyhier.models.interface import Model
from pyhier.posterior.base import Posterior
from pyhier.posterior.nodes import NodesPosterior
from pyhier.rstats.nelder_mead import minimise

if TYPE_CHECKING:
    import pandas as pd


class EmpiricalBayesPosterior(NodesPosterior):
    """The effects' posterior at the estimated hyperparameters, from `empirical_bayes`.

    It takes the estimate for the truth, so that its sds are too small: `compare` says by how much.

    Attributes
    ----------
    estimate : dict
        The hyperparameters' estimates under their textbook names.
    method : {"ml", "moments"}
    edge : bool
        Whether the estimate is at an edge (such as tau = 0), or as near to one as makes no
        difference: the likelihood rises towards it.
    """

    def __init__(self, model: Model, phi: Floats, method: str, edge: bool) -> None:
        super().__init__(model, phi[np.newaxis], np.ones(1))
        self.method, self.edge = method, edge
        self.estimate = {name: float(values[0]) for name, values in self._hyper.items()}

    def compare(self, full: Posterior | None = None) -> "pd.DataFrame":
        """Set the effects beside a posterior that does not take the hyperparameters for known.

        Parameters
        ----------
        full : Posterior, optional
            ``exact(model)`` without it.

        Returns
        -------
        DataFrame
            A row for each effect and a new group's; columns ``mean`` and ``sd``, ``full_mean`` and
            ``full_sd``, and ``sd_ratio``, the share of the full sd that the plug-in admits to.
        """
        import pandas as pd

        other = exact(self.model) if full is None else full
        names = [*self._group_of, "theta_new"]
        rows = [
            (self[name].mean(), self[name].std(), other[name].mean(), other[name].std())
            for name in names
        ]
        columns = ["mean", "sd", "full_mean", "full_sd"]
        frame = pd.DataFrame(rows, index=pd.Index(names, name="quantity"), columns=columns)
        frame["sd_ratio"] = frame["sd"] / frame["full_sd"]
        return frame


def empirical_bayes(
    model: Model, method: Literal["ml", "moments"] = "ml"
) -> EmpiricalBayesPosterior:
    """Estimate a model's hyperparameters, then take the posterior of the effects given them.

    The prior of the hyperparameters plays no part.

    Parameters
    ----------
    model : Model
        Any model.
    method : {"ml", "moments"}
        Maximum marginal likelihood (type II), or the method of moments.

    Returns
    -------
    EmpiricalBayesPosterior

    Raises
    ------
    ValueError
        If the method is another, or the moments are none that the model can have.

    Examples
    --------
    The rat tumours' historical groups (BDA3 section 5.1), and how certain the plug-in is:

    >>> import pyhier as ph
    >>> rats = ph.load_dataset("rat_tumors")
    >>> model = ph.BetaBinomial(rats["tumors"], rats["rats"])
    >>> post = ph.empirical_bayes(model)
    >>> {name: round(value, 2) for name, value in post.estimate.items()}
    {'alpha': 2.34, 'beta': 14.11, 'eta': 0.14, 'K': 16.46}
    >>> round(float(post.compare().loc["theta[71]", "sd_ratio"]), 2)
    0.96
    """
    need_model("empirical_bayes", model)
    if method == "moments":
        phi = model.moments()
        return EmpiricalBayesPosterior(model, phi, method, not np.all(np.isfinite(phi)))
    if method != "ml":
        raise ValueError(f"method is {method!r}: it must be 'ml' or 'moments'")
    phi, edge = _maximum_likelihood(model)
    return EmpiricalBayesPosterior(model, phi, method, edge)


def _maximum_likelihood(model: Model) -> tuple[Floats, bool]:
    """Climb the marginal likelihood until a fresh simplex gains nothing.

    Where it rises towards an edge, the coordinate runs off until the likelihood is flat; a flat
    direction is told by its curvature at the end.
    """
    target = model.marginal

    def falls(phi: Sequence[float] | Floats) -> float:
        point = np.asarray(phi, dtype=np.float64)[np.newaxis]
        with np.errstate(all="ignore"):
            value = float(target.log_likelihood(point)[0])
        return -value if np.isfinite(value) else np.inf

    point, value = target.start(), np.inf
    for _ in range(50):
        fit = minimise(point, falls, (), {"reltol": 1e-15, "maxit": 5_000}, False)
        point, gain, value = fit.par, value - fit.value, fit.value
        if gain <= 1e-12 * (1.0 + abs(value)):
            break
    return point, _is_flat(falls, point, value)


def _is_flat(falls: Callable[[Floats], float], point: Floats, value: float) -> bool:
    """Whether a coordinate can be moved by 2 one way or the other at no loss."""
    for k in range(point.size):
        for step in (-2.0, 2.0):
            moved = point.copy()
            moved[k] += step
            if falls(moved) - value < 1e-6:
                return True
    return False
