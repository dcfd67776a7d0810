"""Effects of groups that a posterior does not hold: those of sums, in a second pass over the data.

Given tau a group's effect is normal, with mean and variance linear and quadratic in its y and else
functions of its var; so are its mean and variance over the nodes of the quadrature. These functions
of log var are analytic as in models/variance_bins.py, and are taken by the same series.
"""

from collections.abc import Sequence
from functools import cached_property, partial
from math import ceil, floor, log
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from pyhier._frame import percents
from pyhier._types import Floats
from pyhier._validation import probability_list
from pyhier.distributions.normal_mixtures import STEP, THIN, Mixtures
from pyhier.kernels.mixtures import components
from pyhier.kernels.normal_groups import effects_given_tau
from pyhier.kernels.variance_bins import effects
from pyhier.models.normal_normal import effect_given_tau
from pyhier.models.normal_sums import checked_groups
from pyhier.models.variance_bins import CENTRED, TO_SERIES
from pyhier.posterior.line_quadrature import MOST_PARTS, Nodes, finer, nodes_for_mixtures
from pyhier.posterior.quantile_series import WORTH, QuantileSeries

if TYPE_CHECKING:
    import pandas as pd

TABLE = 2**18  # numbers of a table of components at a time


def moments(nodes: Nodes, y: Floats, var: Floats) -> Floats:
    """Means, sds and shrinkage factors of groups' effects, shape (3, groups)."""
    lowest, highest = floor(log(var.min())), floor(log(var.max()))
    origin, series = _series(nodes, lowest, highest - lowest + 1)
    table = effects(y, var, float(lowest), series, origin)
    np.sqrt(table[1], out=table[1])
    np.subtract(1.0, table[2], out=table[2])
    return table


def _series(nodes: Nodes, lowest: int, bins: int) -> tuple[float, Floats]:
    """A number near mu, and series in the bins of log var, shape (bins, 6, TERMS).

    With r = tau^2 / (var + tau^2), s = 1 - r, m the mean of mu given tau less that number, and
    expectations over the nodes: E r, E s m, E var r + s^2 Var(mu | tau), Var r, Cov(r, s m),
    Var s m (variance_bins.h).
    """
    weight, origin = nodes.weight, float(nodes.weight @ nodes.mean)
    starts = lowest + np.arange(float(bins))
    var = np.exp(starts[:, None] + 0.5 * (CENTRED + 1.0))[..., None]
    tau2, away = np.exp(2.0 * nodes.log_tau), nodes.mean - origin
    rest, pull = tau2 / (var + tau2), var / (var + tau2)
    moved = pull * away
    mean_rest, mean_moved = rest @ weight, moved @ weight
    noise = (var * rest + pull**2 * nodes.var) @ weight
    rest = rest - mean_rest[..., None]
    moved = moved - mean_moved[..., None]
    table = np.array([
        mean_rest, mean_moved, noise, rest**2 @ weight, (rest * moved) @ weight, moved**2 @ weight,
    ])  # fmt: skip
    return origin, np.ascontiguousarray(np.moveaxis(table @ TO_SERIES.T, 0, 1))


def quantiles(nodes: Nodes, y: Floats, var: Floats, q: Floats) -> tuple[Floats, Floats]:
    """Quantiles of groups' effects, shape (groups, q), and how far apart nodes are for each."""
    found, steps = np.empty((y.size, q.size)), np.empty(y.size)
    size = max(1, TABLE // nodes.weight.size)
    for start in range(0, y.size, size):
        part = slice(start, start + size)
        a, b, noise = effects_given_tau(y[part], var[part], nodes.log_tau)
        mean, sd = np.empty((2, *a.shape))
        components(a, b, noise, nodes.mean, nodes.var, mean, sd)
        mixtures = Mixtures(nodes.weight, mean, sd)
        found[part], steps[part] = mixtures.quantiles(q), mixtures.steps
    return found, steps


def by_mixtures(posterior: Any, q: Floats, y: Floats, var: Floats) -> Floats:
    """Quantiles of groups' effects of an exact posterior, from nodes that are close enough."""
    found, steps = quantiles(posterior.nodes.heavy, y, var, q)
    coarse = np.flatnonzero(steps > STEP)
    if coarse.size:
        parts = min(MOST_PARTS, ceil(float(steps.max()) / STEP))
        panels = finer(posterior.model, posterior._panels, parts)
        nodes = nodes_for_mixtures(posterior.model, panels)
        found[coarse] = quantiles(nodes, y[coarse], var[coarse], q)[0]
    thin = np.flatnonzero((np.minimum(q, 1.0 - q) < THIN) & (q > 0.0) & (q < 1.0))
    if thin.size:  # the nodes may not tell enough: each group's marginal knows
        for j in range(y.size):
            own = posterior._mixture(partial(effect_given_tau, float(y[j]), float(var[j])))
            found[j, thin] = own.ppf(q[thin])
    return found


def many_quantiles(posterior: Any, q: Floats, y: Floats, var: Floats, table: Floats) -> Floats:
    """The same of very many groups, whose means and sds are in a table (3, groups)."""
    inside = q.size and q.min() > 0.0 and q.max() < 1.0
    if not inside or y.size < WORTH:
        return by_mixtures(posterior, q, y, var)
    known = posterior._quantile_series
    series = known.get(q.tobytes())
    if series is None:
        exact = partial(by_mixtures, posterior, q)
        series = known[q.tobytes()] = QuantileSeries(posterior.nodes.heavy, q, moments, exact)
    found: Floats
    found, rest = series(y, var, table[0], table[1])
    if rest.size:
        found[rest] = by_mixtures(posterior, q, y[rest], var[rest])
    return found


def many_columns(posterior: Any, q: Floats, y: Floats, var: Floats) -> Floats:
    """Means, sds and quantiles of very many groups' effects, a column each, (2 + q, groups)."""
    table = moments(posterior.nodes.heavy, y, var)
    return np.vstack([table[:2], many_quantiles(posterior, q, y, var, table).T])


class OfGivenGroups:
    """What an exact posterior of the normal model says of groups that are given to it again."""

    @cached_property
    def _quantile_series(self) -> dict[bytes, QuantileSeries]:
        """By the probabilities' bytes."""
        return {}

    def effects(
        self,
        y: ArrayLike,
        se: ArrayLike | None = None,
        *,
        var: ArrayLike | None = None,
        probs: Sequence[float] | None = None,
    ) -> "pd.DataFrame":
        """Effects of groups of the data, given again: of a model of `NormalSums`, which keeps none.

        Parameters
        ----------
        y, se, var : array_like, shape (groups,)
            A chunk of the data that the model was made of.
        probs : sequence of float, optional
            Probabilities of quantiles. They take some 10 microseconds a group, all else 0.1; in
            chunks of thousands of groups less than 1: they are then by series in log var and y, to
            1e-9 sds, which is checked at such groups. Groups without series take a quadrature each
            for probabilities below 0.002 or above 0.998.

        Returns
        -------
        DataFrame
            A row a group; ``mean``, ``sd``, ``shrinkage``, and the quantiles' columns.
        """
        exact: Any = self
        if hasattr(exact.model, "covariates"):
            raise TypeError(f"{exact.model!r} has covariates: effects is for models of one mean")
        import pandas as pd

        values, spread = checked_groups(y, se, var)
        q = None if probs is None else probability_list("probs", probs)
        nodes = exact.nodes.heavy
        table = moments(nodes, values, spread)
        columns = dict(zip(("mean", "sd", "shrinkage"), table, strict=True))
        if q is not None:
            found = many_quantiles(exact, q, values, spread, table)
            columns |= dict(zip(percents(q), found.T, strict=True))
        return pd.DataFrame(columns, index=y.index if isinstance(y, pd.Series) else None)
