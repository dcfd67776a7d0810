"""The posterior of a model averaged over the values of one more hyperparameter."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from pyhier._random import RNG, Generator, picks
from pyhier._types import Floats
from pyhier._validation import probabilities
from pyhier.distributions.averaged import AveragedMarginal
from pyhier.distributions.base import Marginal
from pyhier.distributions.draws import WeightedMarginal
from pyhier.models.draws import Draws
from pyhier.models.interface import Averaged
from pyhier.posterior.base import Posterior
from pyhier.posterior.draws import DrawsPosterior, as_draws
from pyhier.posterior.exact_plane import PlanePosterior
from pyhier.posterior.summaries import PROBS, marginal_columns


class AveragedPosterior(Posterior):
    """What `exact` returns of a model with several values of a hyperparameter, such as nu.

    Every quantity's marginal is the average of those given each value, by its posterior
    probability; ``post["nu"]`` is nu's own, on its values.

    Attributes
    ----------
    model : Averaged
    weight : ndarray, shape (cases,)
        The values' posterior probabilities.
    log_z : float
        Log of the integral of likelihood times prior; the evidence where the prior is proper.

    Examples
    --------
    >>> import numpy as np
    >>> import pyhier as ph
    >>> d = ph.load_dataset("eight_schools")
    >>> y, se = [*d["y"], 80], [*d["sigma"], 10]
    >>> post = ph.exact(ph.NormalT(y, se=se, nu={1: 0.2, 4: 0.3, np.inf: 0.5}))
    >>> {nu: round(p, 3) for nu, p in post.case_probabilities.items()}
    {1.0: 0.369, 4.0: 0.336, inf: 0.295}
    >>> round(post["theta[9]"].mean(), 2), round(post.cases[4.0]["theta[9]"].mean(), 2)
    (74.49, 74.09)
    """

    by_quadrature = True

    def __init__(self, model: Averaged, posteriors: Sequence[Any]) -> None:
        super().__init__(model)
        self._averaged, self._posteriors = model, tuple(posteriors)
        logs = np.array([post.log_z for post in posteriors])
        joint = logs + np.log(model.prior_weights)
        self.log_z = float(np.logaddexp.reduce(joint))
        self.weight = np.exp(joint - self.log_z)
        self.weight.flags.writeable = False
        self._some = np.flatnonzero(self.weight > 1e-30)

    @property
    def cases(self) -> Mapping[float, Any]:
        """The posterior given each value."""
        return dict(zip(self._averaged.case_values.tolist(), self._posteriors, strict=True))

    @property
    def case_probabilities(self) -> Mapping[float, float]:
        """The posterior probability of each value."""
        return dict(zip(self._averaged.case_values.tolist(), self.weight.tolist(), strict=True))

    @property
    def case_log_evidence(self) -> Mapping[float, float]:
        """Log of the integral of likelihood times prior given each value.

        The evidence where the priors are proper; a flat prior's constant is the same in all.
        """
        return {value: float(post.log_z) for value, post in self.cases.items()}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all quantities: hyperparameters, ``theta[LABEL]``, ``theta_new``."""
        first: tuple[str, ...] = self._posteriors[0].names
        place = first.index(next(iter(self._group_of), "theta_new"))
        return (*first[:place], self._averaged.case_name, *first[place:])

    @cached_property
    def _marginals(self) -> dict[str, Marginal]:
        return {}

    def __getitem__(self, name: str) -> Marginal:
        if name == self._averaged.case_name:
            return WeightedMarginal(self._averaged.case_values, self.weight)
        if not isinstance(name, str):
            raise self._unknown(name)
        if name not in self._marginals:
            parts = [self._posteriors[k][name] for k in self._some]
            weight = self.weight[self._some]
            self._marginals[name] = AveragedMarginal(parts, weight / weight.sum())
        return self._marginals[name]

    def columns(self, probs: Sequence[float] = PROBS) -> dict[str, Any]:
        """The summary as plain columns: what `summary` frames and the command line prints."""
        for post in self._posteriors:
            if isinstance(post, PlanePosterior):
                post.work_out_effects()
        q = probabilities("probs", probs).ravel()
        return marginal_columns([self[name] for name in self.names], q)

    def _average(self, values: list[Floats]) -> Floats:
        total: Floats = np.tensordot(self.weight, np.array(values), 1)
        return total

    def shrinkage_factors(self) -> Floats:
        """Posterior mean of each group's shrinkage factor, shape (groups,)."""
        return self._average([post.shrinkage_factors() for post in self._posteriors])

    def group_means(self) -> Floats:
        """Posterior mean of each group's effect, shape (groups,)."""
        return self._average([post.group_means() for post in self._posteriors])

    def _sampled(self, n: int, rng: Generator) -> Draws:
        """Independent draws: a value by its probability, then everything given it."""
        case = picks(rng, self.weight, n)
        theta = np.empty((1, n, len(self.model.labels)))
        phi, new = np.empty((1, n, len(self.model.coordinates))), np.empty((1, n))
        for k, post in enumerate(self._posteriors):
            rows = np.flatnonzero(case == k)
            if not rows.size:
                continue
            drawn = post._sampled(rows.size, rng)
            phi[:, rows, :-1], phi[:, rows, -1] = drawn.phi, self._averaged.case_values[k]
            theta[:, rows], new[:, rows] = drawn.theta, drawn.theta_new
        return Draws(phi, theta, new)

    def to_draws(self, n: int, rng: RNG = None) -> DrawsPosterior:
        """Independent joint draws, as the posterior that samplers return."""
        return as_draws(self, n, rng)
