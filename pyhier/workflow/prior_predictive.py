"""Draws from the prior: hyperparameters, effects and data before any data was seen."""

from typing import Any

import numpy as np

from pyhier._random import RNG, as_generator
from pyhier._types import Floats
from pyhier._validation import amount
from pyhier.models.draws import Draws
from pyhier.models.interface import Model, prior_effects, replicated
from pyhier.models.requirements import need_groups, need_model
from pyhier.posterior.base import PREDICTION
from pyhier.posterior.checks import PredictiveCheck, Statistics, predictive_check
from pyhier.posterior.draws import DrawsPosterior


class PriorDraws(DrawsPosterior):
    """Independent draws from a model's prior, with data made of them.

    They speak as draws from a posterior do: names, marginals, summaries, probabilities of events,
    frames.

    Attributes
    ----------
    y : ndarray, shape (chain, draw, groups)
        New data of every draw: of as many trials, the same exposure or the same standard error.
    """

    def __init__(
        self, model: Model, phi: Floats, theta: Floats | None, theta_new: Floats, y: Floats
    ) -> None:
        super().__init__(model, phi, theta, theta_new)
        self.y = y
        y.flags.writeable = False

    def predictive_check(
        self, statistic: Statistics, *, draws: int = 0, rng: RNG = None
    ) -> PredictiveCheck:
        """Compare statistics of the data with those of ``y``, data from the prior.

        A p-value near 0 or 1 says that the prior and the data contradict each other (Box 1980).

        Parameters
        ----------
        statistic
            As `Posterior.predictive_check` takes them.
        draws, rng
            Not used: ``y`` is already drawn.

        Returns
        -------
        PredictiveCheck
        """
        return predictive_check(statistic, self.model.response, self.y)

    def to_arviz(self, *, draws: int = 0, chains: int = 0, rng: RNG = None) -> Any:
        """Groups ``prior``, ``prior_predictive``, ``observed_data`` and ``constant_data``.

        Parameters
        ----------
        draws, chains, rng
            Not used: everything is already drawn.

        Returns
        -------
        arviz.InferenceData, or xarray.DataTree with ArviZ 1.x
        """
        from pyhier.posterior.for_arviz import prior_to_arviz

        return prior_to_arviz(self._arrays, self.y)


def prior_predictive(model: Model, n: int, rng: RNG = None) -> PriorDraws:
    """Draw hyperparameters from their prior, effects given these, and data given the effects.

    Parameters
    ----------
    model : Model
        With proper priors.
    n : int
        The number of draws.
    rng : None, int, numpy.random.Generator or RStream

    Returns
    -------
    PriorDraws
        With one chain; ``y`` is the data.

    Raises
    ------
    ValueError
        If a prior is improper, or so wide that there is no data of its draws.

    Examples
    --------
    >>> import pyhier as ph
    >>> from scipy import stats
    >>> schools = ph.load_dataset("eight_schools")
    >>> model = ph.NormalNormal(
    ...     schools["y"], se=schools["sigma"], prior_mu=stats.norm(0, 20),
    ...     prior_tau=stats.halfcauchy(scale=10),
    ... )
    >>> prior = ph.prior_predictive(model, 10_000, rng=1)
    >>> prior.y.shape, round(prior["tau"].median(), 1)  # a half-Cauchy's median is its scale
    ((1, 10000, 8), 10.0)
    """
    need_model("prior_predictive", model)
    need_groups("prior_predictive", model)
    generator = as_generator(rng, PREDICTION)
    many = amount("n", n, 4 * len(model.labels) + len(model.coordinates))
    phi = model.draw_prior(many, generator)
    try:
        theta = prior_effects(model, phi, generator)
        theta_new = model.draw_new_theta(phi, generator)
        y = replicated(model, Draws(phi, theta, theta_new), generator)
    except ValueError as error:
        raise ValueError(
            f"some draws of the prior are so extreme that no data can be drawn of them ({error}): "
            "give a narrower prior"
        ) from error
    parts = (part[np.newaxis] for part in (phi, theta, theta_new, y))
    return PriorDraws(model, *parts)
