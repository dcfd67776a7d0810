"""Empirical Bayes: the hyperparameters estimated from the data, then taken for known."""

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from pyhier._types import Floats
from pyhier.inference.exact import exact
from pyhier.inference.laplace import climb
from pyhier.models.interface import Model, new_effects_of
from pyhier.models.requirements import need_model
from pyhier.posterior.base import Posterior
from pyhier.posterior.nodes import NodesPosterior

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
        if not isinstance(other, Posterior):
            raise TypeError(f"full is a {type(other).__name__}: give a posterior")
        names = [*self._group_of, *new_effects_of(self.model)]
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

    The prior of the hyperparameters plays no part. The maximum is over all hills of the likelihood,
    found by a ladder from one end of its ridge to the other.

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


FLAT = 1e-12  # what a log likelihood may still gain by running on to an edge


def _maximum_likelihood(model: Model) -> tuple[Floats, bool]:
    """The highest of all hills along the likelihood's ridge, and whether it is at an edge."""
    ridge = model.ridge()
    tops = _tops(model, ridge[_hills(model.marginal.log_likelihood(ridge))])
    height = model.marginal.log_likelihood(tops)
    best = int(np.argmax(height))
    if edge := not np.all(np.isfinite(tops[best])) or _is_flat(model, tops[best]):
        # The edge itself, where it is one of the tops: it comes first.
        best = int(np.argmax(height >= height[best] - FLAT * (1.0 + abs(height[best]))))
    return tops[best], edge


def _hills(height: Floats) -> NDArray[np.bool_]:
    """Where a ridge is no lower than on both sides; beside an end also the next."""
    walled = np.concatenate([[-np.inf], height, [-np.inf]])
    top: NDArray[np.bool_] = (height >= walled[:-2]) & (height >= walled[2:])
    top[1] |= top[0]
    top[-2] |= top[-1]
    return top


def _tops(model: Model, starts: Floats) -> Floats:
    """Where climbs from the starts end; what is at the edge itself comes first and stays."""

    def density(point: Floats) -> float:
        return float(model.marginal.log_likelihood(point[np.newaxis])[0])

    inside = np.isfinite(starts).all(axis=1)
    slope = model.likelihood_derivatives
    longest = np.where(_logs(model), 2.0, np.inf)  # a flat end must not throw it far out
    climbed = [climb(density, slope, start, FLAT, longest)[0] for start in starts[inside]]
    return np.concatenate([starts[~inside], np.array(climbed).reshape(-1, starts.shape[1])])


def _is_flat(model: Model, point: Floats) -> bool:
    """Whether a log or logit can be moved by 2 one way or the other at no loss.

    Where the likelihood rises towards an edge, a climb runs off until the likelihood is flat.
    """
    steps = 2.0 * np.eye(point.size)[_logs(model)]
    height = model.marginal.log_likelihood(point + np.concatenate([0.0 * steps[:1], steps, -steps]))
    return bool((height[0] - height[1:] < 1e-6).any())


def _logs(model: Model) -> NDArray[np.bool_]:
    """Which coordinates are logs or logits: others have no edge."""
    return np.array([name.startswith("log") for name in model.coordinates])
