"""What a posterior of raw rows says of rows: their means, new rows, shares of variance, fit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pyhier._frame import frame, percents
from pyhier._random import RNG, as_generator
from pyhier._types import Floats
from pyhier._validation import probability_list
from pyhier.distributions.normal_mixtures import Mixtures
from pyhier.models.interface import Model
from pyhier.models.regression import HierarchicalRegression
from pyhier.models.row_data import NewRows
from pyhier.posterior.summaries import PROBS

if TYPE_CHECKING:
    import pandas as pd

DRAWS = 10_000
NUMBERS = 2**21  # of a table of mixtures' components that is held at a time


@dataclass(frozen=True, eq=False)
class RowResults:
    """The rows of a posterior: ``post.rows``.

    Attributes
    ----------
    posterior : Posterior
        Of a `HierarchicalRegression`, by any engine.
    """

    posterior: Any

    @property
    def _model(self) -> HierarchicalRegression:
        model: HierarchicalRegression = self.posterior.model
        return model

    # --- Means and new rows -----------------------------------------------------------------------

    def fitted(self, new: Any = None, probs: Sequence[float] = PROBS) -> "pd.DataFrame":
        """Distribution of the mean of rows: x' beta + z' b of their group, and the offset.

        Parameters
        ----------
        new : frame or mapping of columns, optional
            New rows, with the covariates and the groups' columns; a group that is not among the
            model's, or without its column, is a new one. The model's own rows without it.
        probs : sequence of float
            The quantiles' probabilities.

        Returns
        -------
        DataFrame
            A row each: ``mean``, ``sd`` and quantiles.

        Examples
        --------
        >>> import pyhier as ph
        >>> rows = {"g": list("aabbccddee"), "x": [0, 1] * 5, "y": [1, 2, 0, 2, 3, 5, 2, 3, 4, 4.5]}
        >>> post = ph.exact(ph.HierarchicalRegression.from_formula("y ~ x + (1 | g)", rows))
        >>> post.rows.fitted({"g": ["a", "new"], "x": [3, 3]})["mean"].round(3).tolist()
        [4.901, 5.9]
        """
        return self._table(new, probs, noise=False)

    def predictive(self, new: Any = None, probs: Sequence[float] = PROBS) -> "pd.DataFrame":
        """Distribution of the response in rows: `fitted` with the residual noise.

        Parameters
        ----------
        new, probs
            As of `fitted`. New rows have the weight 1.

        Returns
        -------
        DataFrame
            A row each: ``mean``, ``sd`` and quantiles.
        """
        return self._table(new, probs, noise=True)

    def _table(self, new: Any, probs: Sequence[float], noise: bool) -> "pd.DataFrame":
        q = probability_list("probs", probs)
        rows = self._model.own_rows() if new is None else self._model.new_rows(new)
        columns = (
            self._by_nodes(rows, q, noise)
            if self.posterior.by_quadrature
            else self._by_draws(rows, q, noise)
        )
        heads = ("mean", "sd", *percents(q))
        return frame(dict(zip(heads, columns, strict=True)), tuple(map(str, rows.names)), "row")

    def _by_nodes(self, rows: NewRows, q: Floats, noise: bool) -> Floats:
        """Mean, sd and quantiles of rows by the nodes of a lattice, shape (2 + q, rows)."""
        post, model = self.posterior, self._model
        psi, size = post.psi, max(1, NUMBERS // len(post.psi))
        residual = np.exp(2.0 * model._log_sigma(psi)) if noise else 0.0
        found = np.empty((2 + q.size, len(rows.x)))
        for group, members in _by_group(rows.groups):
            for start in range(0, len(members), size):
                at = members[start : start + size]
                mean, sd, grows = model.predictors(
                    rows.x[at], rows.z[at], group, psi, post.collapsed
                )
                mean += rows.offset[at, np.newaxis]
                if noise:
                    sd = np.sqrt(sd**2 + residual / rows.weights[at, np.newaxis])
                growth = post.growth if grows or noise else np.inf
                mixtures = Mixtures(post.weight, mean, sd, growth)
                centre, var = mixtures.moments()
                found[:, at] = np.vstack([centre, np.sqrt(var), mixtures.quantiles(q).T])
        return found

    def _by_draws(self, rows: NewRows, q: Floats, noise: bool) -> Floats:
        """The same by the draws that a posterior is made of, each given its phi."""
        drawn = self.posterior._drawn(DRAWS, 0).draws
        phi = drawn.phi.reshape(-1, drawn.phi.shape[-1])
        beta, psi = self._model._split(phi)
        residual = np.exp(2.0 * self._model._log_sigma(psi)) if noise else 0.0
        weight = np.full(len(phi), 1.0 / len(phi))
        parts = []
        for i in range(len(rows.x)):
            linear = self._model.predictor(rows.x[i], rows.z[i], rows.groups[i], psi)
            centre = (np.asarray(linear.direction) * beta.T).sum(axis=0) + linear.intercept
            sd = np.sqrt(linear.var + residual / rows.weights[i])
            one = Mixtures(weight, centre[np.newaxis] + rows.offset[i], sd[np.newaxis])
            mean, var = one.moments()
            parts.append([mean[0], np.sqrt(var[0]), *one.quantiles(q)[0]])
        return np.array(parts).T

    # --- Shares of variance -----------------------------------------------------------------------

    def intraclass(self, at: Any = None) -> "pd.DataFrame":
        """The share of the variance of a row that its group makes: intraclass correlation.

        Parameters
        ----------
        at : mapping of str to float, optional
            Values of the covariates whose coefficients vary: ``{"Days": 3}``; 0 without it, which
            is the share of the varying intercept.

        Returns
        -------
        DataFrame
            A row a grouping factor, of nested ones with ``all`` of them together; posterior
            ``mean`` and ``sd``.
        """
        psi, weight = self._psi_and_weight()
        model = self._model
        shares = model.varying.shares(model.factor(psi), self._place(at))
        mean = weight @ shares
        sd = np.sqrt(weight @ (shares - mean) ** 2)
        levels = model.nesting.levels
        names = levels if len(levels) == 1 else (*levels, "all")
        return frame({"mean": mean, "sd": sd}, names, "group")

    def _place(self, at: Any) -> Floats:
        """A row of the covariates whose coefficients vary."""
        from pyhier.models.covariates import INTERCEPT

        names = self._model.rows.z_names
        values = dict(at or {})
        unknown = [name for name in values if name not in names or name == INTERCEPT]
        if unknown:
            varying = [name for name in names if name != INTERCEPT]
            raise ValueError(
                f"at names {', '.join(map(str, unknown))}: what varies is "
                f"{', '.join(varying) or 'the intercept alone'}"
            )
        return np.array([1.0 if n == INTERCEPT else float(values.get(n, 0.0)) for n in names])

    def _psi_and_weight(self) -> tuple[Floats, Floats]:
        """Values of psi and their weights: nodes, or draws."""
        if self.posterior.by_quadrature:
            return self.posterior.psi, self.posterior.weight
        phi = self.posterior._drawn(DRAWS, 0).draws.phi
        psi = self._model._split(phi.reshape(-1, phi.shape[-1]))[1]
        return psi, np.full(len(psi), 1.0 / len(psi))

    def r2(self, *, draws: int = DRAWS, rng: RNG = None) -> Floats:
        """Draws of Bayesian R^2: the variance of the rows' means by itself and the residual one.

        Gelman, Goodrich, Gabry and Vehtari (2019), The American Statistician 73, 307-309.

        Parameters
        ----------
        draws : int
            How many to make, where the posterior is not made of draws.
        rng : None, int, numpy.random.Generator or RStream

        Returns
        -------
        ndarray, shape (chain, draw)
        """
        drawn = self.posterior._drawn(draws, as_generator(rng)).draws
        mean, sd = self._model._mean_and_sd(drawn.phi, drawn.theta)
        explained = mean.var(axis=-1)
        left = (np.broadcast_to(sd, mean.shape) ** 2).mean(axis=-1)
        found: Floats = explained / (explained + left)
        return found


def _by_group(groups: Sequence[str | None]) -> Iterator[tuple[str | None, NDArray[np.intp]]]:
    """Groups, and which rows are theirs."""
    members: dict[str | None, list[int]] = {}
    for row, group in enumerate(groups):
        members.setdefault(group, []).append(row)
    return ((group, np.array(rows)) for group, rows in members.items())


class OfRows:
    """What gives a posterior its `RowResults`."""

    model: Model

    @property
    def rows(self) -> RowResults:
        """What a posterior of raw rows says of rows, the model's own and new ones."""
        if not hasattr(self.model, "predictor"):
            raise ValueError(f"{type(self.model).__name__} is of groups, not of raw rows")
        return RowResults(self)
