"""A posterior known by quadrature over one hyperparameter: exact marginals, exact draws."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import exp, inf
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyhier._frame import percents
from pyhier._random import RNG, Generator, as_generator
from pyhier._types import Floats
from pyhier._validation import count, positive, probabilities
from pyhier.distributions.affine import Affine
from pyhier.distributions.base import Marginal
from pyhier.distributions.normal_mixtures import NO_MOMENT, MixtureMarginal, Mixtures
from pyhier.distributions.tau import TauMarginal, TransformedTau
from pyhier.kernels.mixtures import components
from pyhier.kernels.normal_groups import draw_phi
from pyhier.models.draws import Draws
from pyhier.models.interface import Reduced, Regression, is_regression
from pyhier.models.reductions import Collapsed, Linear
from pyhier.posterior.base import PROBS, Posterior
from pyhier.posterior.draws import DrawsPosterior, as_draws
from pyhier.posterior.events import Probability
from pyhier.posterior.summaries import mean_pooling
from pyhier.quadrature.panels import Panels, resolve
from pyhier.rstats.streams import RStream

if TYPE_CHECKING:
    import pandas as pd


CELLS, GUIDE = 64, 4096  # of the inversion: cells a panel; entries of the guide table


@dataclass(frozen=True)
class Nodes:
    """The quadrature over log tau, mu integrated out: all marginals are mixtures over its nodes.

    Attributes
    ----------
    log_tau, weight : ndarray, shape (nodes,)
        The weights add up to one.
    collapsed : Collapsed
        The linear coefficients given tau.
    """

    log_tau: Floats
    weight: Floats
    collapsed: Collapsed

    @property
    def mean(self) -> Floats:
        """Mean of mu given tau, shape (nodes,); of beta, shape (p, nodes)."""
        return self.collapsed.mean

    @property
    def var(self) -> Floats:
        """Its variance, of that shape."""
        return self.collapsed.var

    @property
    def phi(self) -> Floats:
        """The coefficients' means and log tau, shape (nodes, p + 1)."""
        return np.vstack([self.mean, self.log_tau]).T


class ExactPosterior(Posterior):
    """The posterior of a model with one hyperparameter left after integration, by quadrature.

    ``post[name]`` is a marginal that speaks scipy.stats, of one of ``names``, of ``tau2`` or of
    ``log_tau``; means, densities, tails and quantiles are good to 1e-9.

    Attributes
    ----------
    model : Reduced
    log_z : float
        Log of the integral of likelihood times prior; the evidence where the prior is proper.
    nodes : Nodes

    Examples
    --------
    >>> import pyhier as ph
    >>> schools = ph.load_dataset("eight_schools")
    >>> model = ph.NormalNormal(schools["y"], se=schools["sigma"], labels=schools["school"])
    >>> post = ph.exact(model)
    >>> round(post["tau"].mean(), 10), round(post["mu"].mean(), 10)
    (6.5754833467, 7.9323750182)
    >>> round(post.probability("theta[A] > 28"), 8)
    0.04353531
    """

    by_quadrature = True

    def __init__(self, model: Reduced, panels: Panels) -> None:
        super().__init__(model)
        self._reduced, self._panels = model, panels
        self.log_z = panels.log_total
        self.nodes = _nodes(panels, model.scales[0] - 20.0, len(model.coefficients) == 1)

    @classmethod
    def of(cls, model: Reduced) -> "ExactPosterior":
        """Integrate a model's last coordinate by panels."""
        plain = len(model.coefficients) == 1

        def rows(log_tau: Floats) -> Floats:
            found = model.collapse(log_tau).rows
            return found if plain else found[:1]

        panels = resolve(rows, *model.scales, _reach(model.tail_indices[1]), model.support)
        if not plain:  # many rows are made once, where the panels have settled
            table = model.collapse(panels.nodes.ravel()).rows
            panels = replace(panels, values=table.reshape(-1, *panels.nodes.shape))
        return cls(model, panels)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all quantities: mu, tau, ``theta[LABEL]``, theta_new."""
        return (*self._reduced.coefficients, "tau", *self._group_of, "theta_new")

    @cached_property
    def _tau(self) -> TauMarginal:
        return TauMarginal(
            self._panels,
            self._log_density,
            self._reduced.tail_indices,
            (self._reduced.scales[0] - 20.0, self._reduced.scales[1] + 30.0),
            self._reduced.support,
        )

    def _log_density(self, log_tau: Floats) -> Floats:
        return self._reduced.collapse(log_tau).log_density

    def __getitem__(self, name: str) -> Marginal:
        if not isinstance(name, str):
            raise self._unknown(name)
        if name == "tau":
            return self._tau
        if name in ("tau2", "log_tau"):
            return TransformedTau(self._tau, 2 if name == "tau2" else 0)
        return self._mixture(self._linear(name))

    def _linear(self, name: str) -> Linear:
        """The quantity given tau, as a linear function of mu with normal noise."""
        return self._reduced.given(self._quantity(name), self.nodes.log_tau)

    def _quantity(self, name: str) -> int | str:
        """What the model calls a quantity; the names of all groups are made only for a group's."""
        if name == "theta_new" or name in self._reduced.coefficients:
            return name
        if name not in self._group_of:
            raise self._unknown(name)
        return self._group_of[name]

    def _mixture(self, linear: Linear) -> MixtureMarginal:
        mean, sd = linear.moments(self.nodes.collapsed)
        if not linear.grows:
            return MixtureMarginal(self.nodes.weight, mean, sd)
        growth = self._reduced.tail_indices[1]
        beyond = self._beyond * float(sd[-1]) ** 2
        return MixtureMarginal(self.nodes.weight, mean, sd, growth, beyond)

    @cached_property
    def _beyond(self) -> float:
        """What is past the last node of a variance that goes on as tau^2, over its value there."""
        growth, nodes = self._reduced.tail_indices[1], self.nodes
        if not 2.0 + NO_MOMENT < growth < inf:
            return 0.0
        height = float(nodes.weight[-1] / self._panels.weights[-1, -1])
        fall = exp((2.0 - growth) * (self._panels.end - float(nodes.log_tau[-1])))
        return height * fall / (growth - 2.0)

    def _mixtures(self, *quantities: str | slice) -> Mixtures:
        """Mixtures of mu, of theta_new and of slices of the groups, one below the other."""
        nodes, ends = self.nodes, [0]
        for quantity in quantities:
            rows = 1 if isinstance(quantity, str) else quantity.stop - quantity.start
            ends.append(ends[-1] + rows)
        mean, sd = np.empty((2, ends[-1], nodes.weight.size))
        growth, beyond = np.full(ends[-1], inf), np.zeros(ends[-1])
        for first, last, quantity in zip(ends[:-1], ends[1:], quantities, strict=True):
            linear = self._reduced.given(quantity, nodes.log_tau)
            if isinstance(quantity, str):
                mean[first], sd[first] = linear.moments(nodes.collapsed)
            elif linear.direction is None:
                a, b, noise = map(np.asarray, (linear.intercept, linear.slope, linear.var))
                components(a, b, noise, nodes.mean, nodes.var, mean[first:last], sd[first:last])
            else:
                mean[first:last], sd[first:last] = linear.moments(nodes.collapsed)
            if linear.grows:
                growth[first:last] = self._reduced.tail_indices[1]
                beyond[first:last] = self._beyond * sd[first:last, -1] ** 2
        return Mixtures(nodes.weight, mean, sd, growth, beyond)

    def _slices(self) -> list[slice]:
        """The groups, as many at a time as make a table of a few megabytes."""
        groups, size = len(self._group_of), max(1, 2**18 // self.nodes.weight.size)
        return [slice(i, min(i + size, groups)) for i in range(0, groups, size)]

    # --- Combinations and new groups --------------------------------------------------------------

    def linear(self, weights: Mapping[str, float]) -> MixtureMarginal:
        """Distribution of a linear combination of the coefficients.

        Parameters
        ----------
        weights : mapping of str to float
            By the coefficients' names: ``{"Intercept": 1, "latitude": 40}`` is the mean effect of
            groups at latitude 40.

        Returns
        -------
        MixtureMarginal
        """
        model = self._regression
        return self._mixture(model.combination(model.covariates.combination(weights)))

    def theta_new(self, x: Any) -> MixtureMarginal:
        """Distribution of the effect of a new group with given covariates.

        Parameters
        ----------
        x : mapping, frame of a row, or array_like
            Its covariates: ``{"latitude": 40}``; an array has them in the order of the columns.

        Returns
        -------
        MixtureMarginal
        """
        return self._mixture(self._new(x))

    def predictive(self, se: float, x: Any = None) -> MixtureMarginal:
        """Distribution of a new estimate, of a new group, with this standard error.

        Parameters
        ----------
        se : float
            Its standard error.
        x : mapping, frame of a row, or array_like, optional
            The new group's covariates, as for `theta_new`; without them the means of the groups'.

        Returns
        -------
        MixtureMarginal
        """
        return self._mixture(self._new(x).plus_noise(positive("se", se) ** 2))

    def r_squared(self, reference: "ExactPosterior | None" = None) -> Marginal:
        """Distribution of the share of tau^2 that the covariates explain, 1 - tau^2 / tau0^2.

        Parameters
        ----------
        reference : ExactPosterior, optional
            The posterior without covariates, whose median of tau^2 is tau0^2; without it the same
            data and prior of tau with the intercept alone.

        Returns
        -------
        Marginal
            Negative where tau is above tau0: the covariates explain nothing.
        """
        alone = self._regression.without_covariates() if reference is None else None
        found = reference if alone is None else type(self).of(alone)
        assert found is not None
        return Affine(self["tau2"], 1.0, -1.0 / found["tau2"].median())

    @property
    def _regression(self) -> Regression:
        if not is_regression(self.model):
            raise ValueError(f"{self.model!r} has no covariates: give X= or a formula")
        return self.model

    def _new(self, x: Any) -> Linear:
        """The effect of a new group given tau."""
        if x is None:
            return self._reduced.given("theta_new", self.nodes.log_tau)
        rows = self._regression.covariates.rows(x)
        if len(rows) != 1:
            raise ValueError(f"x has {len(rows)} groups: give the covariates of one")
        return self._regression.new(rows[0], self.nodes.log_tau)

    # --- Summaries --------------------------------------------------------------------------------

    def columns(self, probs: Sequence[float] = PROBS) -> dict[str, Any]:
        """The summary as plain columns: what `summary` frames and the command line prints."""
        q = probabilities("probs", probs).ravel()
        slices, tau = self._slices(), self._tau
        first = self._reduced.coefficients
        whole: tuple[str | slice, ...] = (*first, *slices, "theta_new")
        blocks = [whole] if len(slices) == 1 else [(part,) for part in whole]
        others = np.hstack([_columns(self._mixtures(*block), q) for block in blocks])
        table = np.insert(others, len(first), (tau.mean(), tau.std(), *tau.ppf(q)), axis=1)
        return dict(zip(("mean", "sd", *percents(q)), table, strict=True))

    def shrinkage_factors(self) -> Floats:
        """Posterior mean of each group's shrinkage factor, shape (groups,)."""
        return mean_pooling(self.model, self.nodes.phi, self.nodes.weight)

    def group_means(self) -> Floats:
        """Posterior mean of each group's effect, shape (groups,)."""
        return np.concatenate([self._mixtures(part).moments()[0] for part in self._slices()])

    def weights(self) -> "pd.DataFrame":
        """Posterior mean weight of each estimate in E[mu] and in each E[theta_j].

        E[mu] is the sum over groups of weight times estimate, and so is each E[theta_j]; what is
        missing from one is the weight of mu's prior mean.

        Returns
        -------
        DataFrame
            A row a group; column ``mu``, then ``theta[LABEL]`` for every group.
        """
        import pandas as pd

        nodes, var = self.nodes, 1.0 / self.model.observed()["se"] ** -2.0
        tau2 = np.exp(2.0 * nodes.log_tau)[:, None]
        share = nodes.var[:, None] / (var + tau2)  # of each estimate in E[mu | tau]
        pooling = var / (var + tau2)
        of_theta = np.einsum("i,ij,ik->jk", nodes.weight, share, pooling)
        of_theta += np.diag(nodes.weight @ (1.0 - pooling))
        frame = pd.DataFrame(of_theta, index=pd.Index(self.model.labels, name="group"))
        frame.columns = pd.Index(list(self._group_of))
        frame.insert(0, "mu", nodes.weight @ share)
        return frame

    def conditional(
        self, name: str, tau: ArrayLike, mu: ArrayLike | None = None
    ) -> tuple[Floats, Floats]:
        """Mean and sd of mu, of a group's effect or of a new one, given tau.

        Parameters
        ----------
        name : str
            ``mu``, ``theta[LABEL]`` or ``theta_new``.
        tau : array_like
            Positive values.
        mu : array_like, optional
            Values of mu, of tau's shape or one for all; without them mu is integrated out.

        Returns
        -------
        mean, sd : ndarray, of tau's shape
        """
        values = np.asarray(tau, dtype=np.float64)
        if not np.all((values > 0.0) & np.isfinite(values)):
            raise ValueError("tau must be positive and finite")
        log_tau = np.log(values).ravel()
        linear = self._reduced.given(self._quantity(name), log_tau)
        mean, sd = linear.moments(self._given_tau(log_tau, mu, values.shape))
        return mean.reshape(values.shape), sd.reshape(values.shape)

    def _given_tau(
        self, log_tau: Floats, mu: ArrayLike | None, shape: tuple[int, ...]
    ) -> Collapsed:
        """The coefficients given tau, or mu taken for known."""
        if mu is None:
            return self._reduced.collapse(log_tau)
        if len(self._reduced.coefficients) > 1:
            raise ValueError("mu= is for models of one mean: leave it out")
        known = np.broadcast_to(np.asarray(mu, dtype=np.float64), shape).ravel()
        return Collapsed(np.stack([np.zeros(known.size), known, np.zeros(known.size)]))

    # --- Events and evidence ----------------------------------------------------------------------

    def _difference(self, left: str, right: str) -> Linear:
        """The difference of two quantities given tau."""
        a, b = self._quantity(left), self._quantity(right)
        return self._reduced.difference(a, b, self.nodes.log_tau)

    def _compare(self, left: str, sign: str, right: str) -> Probability:
        if "tau" in (left, right):
            raise ValueError(
                f"event '{left} {sign} {right}' compares tau with an effect: write it as a "
                "function of the draws"
            )
        if left == right:
            self._linear(left)
            return Probability(0.0)
        difference = self._mixture(self._difference(left, right))
        return Probability(difference.sf(0.0) if sign == ">" else difference.cdf(0.0))

    def bayes_factor(self, hypothesis: str) -> float:
        """Bayes factor in favour of a point hypothesis, against the model as it is.

        Parameters
        ----------
        hypothesis : str
            ``"tau = 0"``, or that a coefficient is 0: ``"mu = 0"``, ``"beta[latitude] = 0"``.

        Returns
        -------
        float
            Above 1 in favour of the hypothesis, below 1 against it.

        Raises
        ------
        ValueError
            If a prior is improper.
        """
        points = ("tau", *self._reduced.coefficients)
        name, _, value = str(hypothesis).rpartition("=")
        if name.strip() not in points or value.strip() not in ("0", "0.0"):
            known = " or ".join(f"'{point} = 0'" for point in reversed(points))
            raise ValueError(f"hypothesis is {hypothesis!r}: it must be {known}")
        if name.strip() == "tau":
            return float(np.exp(self._reduced.log_likelihood_at_zero() - self.log_evidence))
        _ = self.log_evidence
        log_prior = self._reduced.log_prior_at(name.strip(), 0.0)
        return float(np.exp(self[name.strip()].logpdf(0.0) - log_prior))

    # --- Draws ------------------------------------------------------------------------------------

    def draw_phi(self, n: int, rng: RNG = None) -> Floats:
        """Independent draws of (mu, log tau), shape (n, 2); of (beta, log tau), (n, p + 1)."""
        generator = as_generator(rng)
        phi = np.empty((count("n", n), 1 + len(self._reduced.coefficients)))
        bits = generator.bit_generator
        with bits.lock:
            draw_phi(bits, isinstance(generator, RStream), *self._inversion, phi)
        return phi

    @cached_property
    def _inversion(self) -> tuple[Floats, Floats, NDArray[np.intp]]:
        """Knots, table and guide of the inversion of log tau's distribution function."""
        panels = self._panels
        knots, rows, slopes = panels.cells(CELLS)
        density = np.exp(rows[0] - self.log_z)
        below = np.append(self._tau.cdf_at(knots[:-1]), 1.0)
        below = np.maximum.accumulate(np.clip(below, 0.0, 1.0))
        below[0] = 0.0
        if len(self._reduced.coefficients) == 1:
            sd = np.sqrt(rows[2])
            rows[2], slopes[2] = sd, 0.5 * slopes[2] / sd
        pairs = np.stack([rows[1:], slopes[1:]], axis=1).reshape(-1, knots.size)
        table = np.ascontiguousarray(np.vstack([below, density, pairs]).T)
        steps = np.arange(GUIDE + 1) / GUIDE
        guide = np.clip(np.searchsorted(below, steps, side="right") - 1, 0, knots.size - 2)
        return knots, table, guide

    def to_draws(self, n: int, rng: RNG = None) -> DrawsPosterior:
        """Independent joint draws, as the posterior that samplers return."""
        return as_draws(self, n, rng)

    def _sampled(self, n: int, rng: Generator) -> Draws:
        return self.model.marginal.restore(self.draw_phi(n, rng)[np.newaxis], rng)


def _columns(mixtures: Mixtures, q: Floats) -> Floats:
    """Mean, sd and quantiles of every mixture, shape (2 + probabilities, mixtures)."""
    table = np.empty((2 + q.size, len(mixtures.mean)))
    mean, var = mixtures.moments()
    table[0], table[1], table[2:] = mean, np.sqrt(var), mixtures.quantiles(q).T
    return table


def _nodes(panels: Panels, zero: float, plain: bool) -> Nodes:
    """The nodes that matter for mixtures.

    Those below ``zero``, where tau^2 is lost beside the variances, are joined in one. Others to the
    left of the peak and below 1e-21 are left out: their sds are the least, so the mixtures' tails
    do not see them either.
    """
    log_tau, weight = panels.nodes.ravel(), panels.shares.ravel()
    rows = panels.values.reshape(len(panels.values), -1)
    small = int(log_tau.searchsorted(zero))
    first = int((weight > 1e-21).argmax())
    if first >= small or small < 2:
        return Nodes(log_tau[first:], weight[first:], Collapsed(rows[:, first:], plain))
    last = small - 1
    joined = weight[last:].copy()
    joined[0] = weight[:small].sum()
    return Nodes(log_tau[last:], joined, Collapsed(rows[:, last:], plain))


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
