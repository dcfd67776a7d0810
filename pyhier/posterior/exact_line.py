"""A posterior known by quadrature over one hyperparameter: exact marginals, exact draws."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from math import ceil, exp, inf
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from pyhier._frame import percents
from pyhier._random import RNG, Generator, as_generator
from pyhier._threads import in_threads
from pyhier._types import Floats
from pyhier._validation import count, positive, probabilities
from pyhier.distributions.affine import Affine
from pyhier.distributions.base import Marginal
from pyhier.distributions.far_tails import FarTails
from pyhier.distributions.normal_mixtures import (
    NO_MOMENT,
    STEP,
    THIN,
    MixtureMarginal,
    Mixtures,
    steps_between,
)
from pyhier.distributions.tau import TauMarginal, TransformedTau
from pyhier.kernels.mixtures import components
from pyhier.kernels.normal_groups import draw_phi
from pyhier.models.draws import Draws
from pyhier.models.interface import Reduced, Regression, is_regression
from pyhier.models.normal_normal import NormalNormal
from pyhier.models.reductions import Collapsed, Linear
from pyhier.models.requirements import need_groups
from pyhier.posterior.base import Posterior
from pyhier.posterior.draws import DrawsPosterior, as_draws
from pyhier.posterior.events import Probability
from pyhier.posterior.group_effects import OfGivenGroups, many_columns
from pyhier.posterior.line_quadrature import (
    LEAST_ERROR,
    MOST_PARTS,
    Always,
    Inversion,
    LineDensity,
    LineLaw,
    Nodes,
    WithNoise,
    finer,
    inversion,
    nodes_for_mixtures,
    panels_of,
)
from pyhier.posterior.quantile_series import WORTH
from pyhier.posterior.summaries import PROBS, mean_pooling
from pyhier.quadrature.rule import Panels
from pyhier.rstats.streams import RStream

if TYPE_CHECKING:
    import pandas as pd


class ExactPosterior(OfGivenGroups, Posterior):
    """The posterior of a model with one hyperparameter left after integration, by quadrature.

    ``post[name]`` is a marginal that speaks scipy.stats, of one of ``names``, of ``tau2`` or of
    ``log_tau``; means, densities, tails and quantiles are good to 1e-9, relative to their own size
    (tau's tails beside an end or a pole of its prior: to a few times `error`, of the whole), and to
    the last digits of the point: far out, where the quadrature's nodes do not tell enough of
    an effect, each point gets a quadrature of its own (half a millisecond with eight groups), or a
    ValueError that says why not.

    Attributes
    ----------
    model : Reduced
    log_z : float
        Log of the integral of likelihood times prior; the evidence where the prior is proper.
    error : float
        About the relative error of the quadrature, 1e-9 at most: what its panels leave unresolved,
        and the rounding of the log density.
    nodes : Nodes

    Examples
    --------
    >>> import pyhier as ph
    >>> schools = ph.load_dataset("eight_schools")
    >>> model = ph.NormalNormal(schools["y"], se=schools["sigma"], labels=schools["school"])
    >>> post = ph.exact(model)
    >>> round(post["tau"].mean(), 10), round(post["mu"].mean(), 10), post.error < 1e-12
    (6.5754833467, 7.9323750182, True)
    >>> round(post.probability("theta[A] > 28"), 8)
    0.04353531
    """

    by_quadrature = True

    def __init__(self, model: Reduced, panels: Panels) -> None:
        super().__init__(model)
        self._reduced, self._panels = model, panels
        self.log_z = panels.log_total + getattr(model, "log_reference", 0.0)
        self.error = max(panels.lost, LEAST_ERROR)
        self.nodes = nodes_for_mixtures(model, panels)

    @classmethod
    def of(cls, model: Reduced) -> "ExactPosterior":
        """Integrate a model's last coordinate by panels."""
        return cls(model, panels_of(model))

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
            (self._reduced.shape.powers.low, self._reduced.shape.powers.high),
            self._reduced.support,
        )

    @cached_property
    def _density(self) -> LineDensity:
        return LineDensity(self._reduced, self._panels)

    def _log_density(self, log_tau: Floats) -> Floats:
        return self._reduced.collapse(log_tau).log_density

    def __getitem__(self, name: str) -> Marginal:
        if not isinstance(name, str):
            raise self._unknown(name)
        if name == "tau":
            return self._tau
        if name in ("tau2", "log_tau"):
            return TransformedTau(self._tau, 2 if name == "tau2" else 0)
        quantity = self._quantity(name)
        return self._mixture(partial(self._reduced.given, quantity))

    def _quantity(self, name: str) -> int | str:
        """What the model calls a quantity; the names of all groups are made only for a group's."""
        if name == "theta_new" or name in self._reduced.coefficients:
            return name
        if name not in self._group_of:
            raise self._unknown(name)
        return self._group_of[name]

    def _mixture(self, linear: Callable[[Floats], Linear]) -> MixtureMarginal:
        """The distribution of a linear function of the coefficients, given at nodes of log tau."""
        nodes = self.nodes
        at_nodes = linear(nodes.log_tau)
        mean, sd = at_nodes.moments(nodes.collapsed)
        if (steps := steps_between(nodes.weight, mean[None], sd[None])[0]) > STEP:
            nodes = self._finer(min(MOST_PARTS, ceil(steps / STEP)))
            mean, sd = linear(nodes.log_tau).moments(nodes.collapsed)
        growth, beyond = inf, 0.0
        if at_nodes.grows:
            growth = self._reduced.tail_indices[1]
            beyond = self._beyond * float(sd[-1]) ** 2
        panels = self._panels
        far = FarTails(LineLaw(self._density, linear), panels, self._reduced.shape)
        return MixtureMarginal(nodes.weight, mean, sd, growth, beyond, far)

    def _finer(self, parts: int) -> Nodes:
        """The nodes of panels cut into parts, for components narrow beside the steps between."""
        return nodes_for_mixtures(self._reduced, finer(self._reduced, self._panels, parts))

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
        nodes, ends = self.nodes.heavy, [0]
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
        groups, size = len(self._group_of), max(1, 2**18 // self.nodes.heavy.weight.size)
        return [slice(i, min(i + size, groups)) for i in range(0, groups, size)]

    def _blocks(self) -> list[tuple[str | slice, ...]]:
        """All quantities but tau, so many of them at a time."""
        slices = self._slices()
        whole: tuple[str | slice, ...] = (*self._reduced.coefficients, *slices, "theta_new")
        return [whole] if len(slices) == 1 else [(part,) for part in whole]

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
        combined = model.combination(model.covariates.combination(weights))
        return self._mixture(Always(combined))

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
        new, noise = self._new(x), positive("se", se) ** 2
        return self._mixture(WithNoise(new, noise))

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
        alone = type(self).of(self._regression.without_covariates()) if reference is None else None
        found = alone or reference
        if not isinstance(found, ExactPosterior):
            raise TypeError(f"reference is a {type(found).__name__}: give a posterior of ph.exact")
        return Affine(self["tau2"], 1.0, -1.0 / found["tau2"].median())

    @property
    def _regression(self) -> Regression:
        if not is_regression(self.model):
            raise ValueError(f"{self.model!r} has no covariates: give X= or a formula")
        return self.model

    def _new(self, x: Any) -> Callable[[Floats], Linear]:
        """The effect of a new group, given at nodes of log tau."""
        if x is None:
            return partial(self._reduced.given, "theta_new")
        rows = self._regression.covariates.rows(x)
        if len(rows) != 1:
            raise ValueError(f"x has {len(rows)} groups: give the covariates of one")
        return partial(self._regression.new, rows[0])

    # --- Summaries --------------------------------------------------------------------------------

    def columns(self, probs: Sequence[float] = PROBS) -> dict[str, Any]:
        """The summary as plain columns: what `summary` frames and the command line prints."""
        q = probabilities("probs", probs).ravel()
        first, tau = self._reduced.coefficients, self._tau
        model, groups = self.model, len(self._group_of)
        many = model if type(model) is NormalNormal and groups >= WORTH else None
        if many is not None:
            alone = _columns(self._mixtures(*first, "theta_new"), q)
            of_groups = np.vstack([many_columns(self, q, many.y, many.var), np.zeros(groups)])
            others = np.hstack([alone[:, :-1], of_groups, alone[:, -1:]])
        else:
            made = in_threads(lambda some: _columns(self._mixtures(*some), q), self._blocks())
            others = np.hstack([*made])
        names = (*first, *self._group_of, "theta_new")
        for k in np.flatnonzero(np.minimum(q, 1.0 - q) < THIN):  # nodes may not tell enough
            rest = [j for j, name in enumerate(names) if many is None or name not in self._group_of]
            others[2 + k, rest] = [float(self[names[j]].ppf(q[k])) for j in rest]
        for k in np.flatnonzero(others[-1] > STEP):
            others[2:-1, k] = self[names[k]].ppf(q)
        table = self._with_tau(others[:-1], (tau.mean(), tau.std(), *tau.ppf(q)))
        return dict(zip(("mean", "sd", *percents(q)), table, strict=True))

    def moments(self) -> tuple[Floats, Floats]:
        """Means and sds of all names in their order: what `summary` has, without quantiles."""
        mean, var = np.hstack([self._mixtures(*block).moments() for block in self._blocks()])
        of_tau = self._tau.mean(), self._tau.std()
        mean, sd = self._with_tau(np.stack([mean, np.sqrt(var)]), of_tau)
        return mean, sd

    def _with_tau(self, others: Floats, of_tau: tuple[float, ...]) -> Floats:
        """A table with tau's column between the coefficients' and the others."""
        at = len(self._reduced.coefficients)
        table = np.empty((len(others), others.shape[1] + 1))
        table[:, :at], table[:, at], table[:, at + 1 :] = others[:, :at], of_tau, others[:, at:]
        return table

    def shrinkage_factors(self) -> Floats:
        """Posterior mean of each group's shrinkage factor, shape (groups,)."""
        return mean_pooling(self.model, self.nodes.phi, self.nodes.weight)

    def group_means(self) -> Floats:
        """Posterior mean of each group's effect, shape (groups,)."""
        need_groups("group_means", self.model)
        means = [self._mixtures(part).moments()[0] for part in self._slices()]
        return np.concatenate([np.empty(0), *means])

    def weights(self) -> "pd.DataFrame":
        """Posterior mean weight of each estimate in E[mu] and in each E[theta_j].

        E[mu] is the sum over groups of weight times estimate, and so is each E[theta_j]; what is
        missing from one is the weight of mu's prior mean. With covariates so is the mean of each
        coefficient, where its prior mean is 0 or its prior is flat.

        Returns
        -------
        DataFrame
            A row a group; ``mu`` (or the coefficients), then ``theta[LABEL]`` for every group.
        """
        nodes = self.nodes
        if is_regression(self.model):
            mean, effects = self.model.mean_weights(nodes.log_tau, nodes.weight)
            return self._weight_frame(mean, effects.T)
        var = self.model.observed()["se"] ** 2
        tau2 = np.exp(2.0 * nodes.log_tau)[:, None]
        share = nodes.var[:, None] / (var + tau2)  # of each estimate in E[mu | tau]
        pooling = var / (var + tau2)
        of_theta = np.einsum("i,ij,ik->jk", nodes.weight, share, pooling)
        of_theta += np.diag(nodes.weight @ (1.0 - pooling))
        return self._weight_frame((nodes.weight @ share)[np.newaxis], of_theta)

    def _weight_frame(self, of_means: Floats, of_theta: Floats) -> "pd.DataFrame":
        """Weights in the means of the coefficients (p, groups) and of the effects, in columns."""
        import pandas as pd

        table = np.hstack([of_means.T, of_theta])
        names = [*self._reduced.coefficients, *self._group_of]
        return pd.DataFrame(table, pd.Index(self.model.labels, name="group"), pd.Index(names))

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

    def _compare(self, left: str, sign: str, right: str) -> Probability:
        if "tau" in (left, right):
            raise ValueError(
                f"event '{left} {sign} {right}' compares tau with an effect: write it as a "
                "function of the draws"
            )
        if left == right and self._quantity(left) is not None:
            return Probability(0.0)
        difference = self.difference(left, right)
        return Probability(difference.sf(0.0) if sign == ">" else difference.cdf(0.0))

    def difference(self, left: str, right: str) -> MixtureMarginal:
        """Distribution of the difference of two of mu, the effects and theta_new.

        Parameters
        ----------
        left, right : str
            Names, such as ``theta[A]`` and ``theta[C]``.

        Returns
        -------
        MixtureMarginal
            Of ``left`` less ``right``.
        """
        a, b = self._quantity(left), self._quantity(right)
        return self._mixture(partial(self._reduced.difference, a, b))

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
    def _inversion(self) -> Inversion:
        return inversion(self._panels, self._tau, self._reduced)

    def to_draws(self, n: int, rng: RNG = None) -> DrawsPosterior:
        """Independent joint draws, as the posterior that samplers return."""
        return as_draws(self, n, rng)

    def _sampled(self, n: int, rng: Generator) -> Draws:
        return self.model.marginal.restore(self.draw_phi(n, rng)[np.newaxis], rng)


def _columns(mixtures: Mixtures, q: Floats) -> Floats:
    """Mean, sd, quantiles and steps of every mixture, a column each."""
    table = np.empty((3 + q.size, len(mixtures.mean)))
    mean, var = mixtures.moments()
    table[0], table[1], table[2:-1] = mean, np.sqrt(var), mixtures.quantiles(q).T
    table[-1] = mixtures.steps
    return table
