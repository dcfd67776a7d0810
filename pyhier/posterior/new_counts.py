"""The distribution of a new group's count: what `predict_new` draws from."""

from typing import TYPE_CHECKING, Any

import numpy as np

from pyhier._types import Floats
from pyhier._validation import count, positive
from pyhier.distributions.discrete import CountDistribution
from pyhier.models.interface import Model, is_latticed

LONGEST = 2**17  # counts
BLOCK = 2**21  # at a time
LEFT = 1e-11  # of the mass, at which counts without end are left
NEGLIGIBLE = 1e-14  # of the mass: nodes that are left out
FIRST = 64


class NewCounts:
    """Predictions of a posterior that is nodes of the hyperparameters, or draws."""

    if TYPE_CHECKING:
        model: Model
        phi: Any

    def predictive(self, size: float, x: Any = None) -> CountDistribution:
        """Distribution of the count of a new group, its effect and everything else integrated out.

        Parameters
        ----------
        size : float
            The new group's trials, or its exposure.
        x : mapping, frame of a row, or array_like, optional
            Its covariates: ``{"latitude": 40}``; without them the means of the groups'.

        Returns
        -------
        CountDistribution
            Exact where the posterior is; of draws the mean over them of the distributions given
            the hyperparameters.

        Examples
        --------
        >>> import pyhier as ph
        >>> rats = ph.load_dataset("rat_tumors")
        >>> post = ph.exact(ph.BetaBinomial(rats["tumors"], rats["rats"]))
        >>> new = post.predictive(20)  # of 20 rats in a new experiment
        >>> new.interval(0.9), round(float(new.pmf(0)), 4)
        ((0.0, 7.0), 0.1404)
        """
        model: Any = self.model
        if not hasattr(model, "new_likelihood"):
            raise ValueError(
                f"predictive is of counts in trials or an exposure: {model!r} has none; take "
                "predict_new"
            )
        bounded = model.new_counts_end
        size = _trials(size) if bounded else positive("size (exposure)", size)
        phi, weight = self._weighted(x)
        most = min(int(model.new_counts_most // weight.size), LONGEST)
        if bounded:
            if size > most:
                raise ValueError(
                    f"size is {size}: counts of up to {most} trials are worked out at "
                    f"{weight.size} nodes; take draws, post.predict_new"
                )
            return CountDistribution(_masses(model, 0, int(size) + 1, size, phi, weight))
        return _without_end(model, size, phi, weight, most)

    def _row(self, x: Any) -> Floats:
        """The row of the design of a new group, (p,), or the means of the groups'."""
        model: Any = self.model
        design = model.covariates
        rows: Floats = design.row_or_mean(None)[np.newaxis] if x is None else design.rows(x)
        if len(rows) != 1:
            raise ValueError(f"x has {len(rows)} groups: give the covariates of one")
        row: Floats = rows[0]
        return row

    def _nodes_of_new(self, x: Any) -> tuple[Floats, Floats]:
        """Coordinates without covariates at nodes or draws, (n, 2), and their weights."""
        phi = np.ascontiguousarray(self.phi).reshape(-1, self.phi.shape[-1])
        own = getattr(self, "weight", None)
        if is_latticed(self.model):
            phi = self.model.plain(phi, self._row(x)[np.newaxis])[:, 0]
        elif x is not None:
            raise ValueError(f"x is of models with covariates: {self.model!r} has none")
        return phi, np.full(len(phi), 1.0 / len(phi)) if own is None else np.ravel(own)

    def _weighted(self, x: Any) -> tuple[Floats, Floats]:
        """The same where there is more than next to no mass."""
        phi, weight = self._nodes_of_new(x)
        order = np.argsort(weight)
        kept = np.sort(order[int(np.searchsorted(np.cumsum(weight[order]), NEGLIGIBLE)) :])
        return np.ascontiguousarray(phi[kept]), weight[kept] / weight[kept].sum()


def _trials(size: float) -> int:
    return count("size (trials)", size, 0)


def _masses(model: Any, first: int, end: int, size: float, phi: Floats, weight: Floats) -> Floats:
    """Probabilities of counts from the first on."""
    step = max(1, BLOCK // weight.size)
    parts = [np.empty(0)]
    for start in range(first, end, step):
        k = np.arange(start, min(start + step, end), dtype=np.float64)
        parts.append(np.exp(model.new_likelihood(k, size).given_phi(phi)) @ weight)
    return np.concatenate(parts)


def _without_end(
    model: Any, size: float, phi: Floats, weight: Floats, most: int
) -> CountDistribution:
    """Counts until next to nothing is left, or until there are too many."""
    found, end = np.empty(0), FIRST
    while True:
        found = np.concatenate([found, _masses(model, found.size, end, size, phi, weight)])
        rest = max(1.0 - float(found.sum()), 1e-16)
        if rest <= LEFT or end >= most:
            return CountDistribution(found, rest)
        end = min(2 * end, most)
