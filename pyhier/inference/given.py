"""The posterior of the effects at given hyperparameters."""

import numpy as np

from pyhier.models.interface import Model
from pyhier.models.requirements import need_model
from pyhier.posterior.nodes import NodesPosterior


def given(model: Model, **hyperparameters: float) -> NodesPosterior:
    """Take the hyperparameters for known: the groups' effects are independent then.

    Parameters
    ----------
    model : Model
    **hyperparameters
        A value of each, under their textbook names: ``mu=, tau=`` of `NormalNormal`;
        ``alpha=, beta=`` or ``eta=, K=`` of `BetaBinomial`; ``alpha=, mu=`` or ``alpha=, beta=`` of
        `PoissonGamma`.

    Returns
    -------
    NodesPosterior
        With one node.

    Raises
    ------
    ValueError
        If the names are others, or a value is none that the hyperparameter can have.

    Examples
    --------
    A uniform prior of each season's share, seasons apart:

    >>> import pyhier as ph
    >>> seasons = ph.load_dataset("free_throws")
    >>> model = ph.BetaBinomial(seasons["made"], seasons["attempts"], labels=seasons["season"])
    >>> post = ph.given(model, alpha=1, beta=1)
    >>> round(post["theta[2012-2013]"].mean(), 4)  # Beta(26, 22)
    0.5417
    """
    need_model("given", model)
    phi = model.phi_at(**hyperparameters)
    return NodesPosterior(model, phi[np.newaxis], np.ones(1))
