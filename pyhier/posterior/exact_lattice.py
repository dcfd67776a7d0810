"""A posterior known by a lattice over one to four hyperparameters: exact marginals, exact draws.

Given these the linear coefficients are normal and the effects linear functions of them with
normal noise: their marginals are mixtures of normals over the nodes. The marginals of the
hyperparameters are densities along the lattice's axes.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from pyhier._frame import frame, percents
from pyhier._random import RNG, Generator, as_generator, normals
from pyhier._types import Floats
from pyhier._validation import number, positive, probabilities, probability_list
from pyhier.distributions.base import Marginal
from pyhier.distributions.normal_mixtures import MixtureMarginal, Mixtures
from pyhier.models.interface import Covaried, Integrated, is_covaried
from pyhier.models.reductions import Collapsed, Linear
from pyhier.models.requirements import need_groups
from pyhier.posterior.events import Probability
from pyhier.posterior.lattice_base import OnLattice
from pyhier.posterior.point_hypotheses import PointHypotheses
from pyhier.posterior.summaries import PROBS, mean_pooling
from pyhier.quadrature.lattice import Lattice

if TYPE_CHECKING:
    import pandas as pd

NEGLIGIBLE = 1e-13  # weight of all nodes that are left out of mixtures
LEAST_GIVEN = float(np.log(1e-6))  # of a density by that at the mean, for nodes to tell enough
NUMBERS = 2**21  # of a table of mixtures' components that is held at a time: a cache's worth


class LatticePosterior(PointHypotheses, OnLattice):
    """The posterior of a model with one to four hyperparameters left after integration.

    ``post[name]`` is a marginal that speaks scipy.stats, of one of ``names`` or of a coordinate.
    Probabilities and quantiles are good to the error of the whole mass: a tail below about 1e-12 is
    0 where the nodes end.

    Attributes
    ----------
    model : Integrated
    lattice : Lattice
        Its nodes and weights, and the estimate of the relative error.
    log_z : float
        Log of the integral of likelihood times prior; the evidence where the prior is proper.
    """

    def __init__(self, model: Integrated, lattice: Lattice) -> None:
        super().__init__(model)
        self._integrated, self.lattice = model, lattice
        self.log_z = lattice.log_total
        self._marginals: dict[str, Marginal] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all quantities: coefficients, hyperparameters, effects, a new group's."""
        model = self._integrated
        return (*model.coefficients, *self._axis_of, *self._group_of, *model.new_effects)

    # --- Marginals --------------------------------------------------------------------------------

    def __getitem__(self, name: str) -> Marginal:
        if name not in self._marginals:
            self._marginals[name] = self._marginal(name)
        return self._marginals[name]

    def _marginal(self, name: str) -> Marginal:
        found = self._along(name)
        if found is not None:
            return found
        try:
            return self.mixture(self._integrated.given_psi(self._quantity(name), self.psi))
        except KeyError:
            raise self._unknown(name) from None

    def _quantity(self, name: str) -> int | str:
        return self._group_of.get(name, name)

    @cached_property
    def _kept(self) -> Any:
        """The nodes that matter for mixtures and for their variances, which grow as tau^2 does."""
        share = self.lattice.weight
        with np.errstate(divide="ignore"):
            log_weight = np.log(share)
        for k, coordinate in enumerate(self.lattice.coordinates):
            if coordinate.line == "log":
                logs = log_weight + 2.0 * self.lattice.psi[:, k]
                squares = np.exp(logs - logs.max())
                share = np.maximum(share, squares / squares.sum())
        order = np.argsort(share)
        least = int(np.searchsorted(np.cumsum(share[order]), NEGLIGIBLE))
        return np.sort(order[least:])

    @cached_property
    def psi(self) -> Floats:
        """The nodes that matter, shape (nodes, d)."""
        return np.ascontiguousarray(self.lattice.psi[self._kept])

    @cached_property
    def weight(self) -> Floats:
        """Their weights, shape (nodes,); they add up to one."""
        weight: Floats = self.lattice.weight[self._kept]
        weight /= weight.sum()
        return weight

    @cached_property
    def collapsed(self) -> Collapsed:
        """The linear coefficients given psi, at these nodes."""
        return self._integrated.collapse_psi(self.psi)

    def mixture(self, linear: Linear) -> MixtureMarginal:
        """The marginal of a quantity that is linear given psi, at the nodes `psi`."""
        mean, sd = linear.moments(self.collapsed)
        growth = self.growth if linear.grows else np.inf
        return MixtureMarginal(self.weight, mean, sd, growth)

    @cached_property
    def growth(self) -> float:
        """Exponent of the heaviest tail of a standard deviation."""
        right = [
            tail
            for tail, c in zip(self.lattice.tails[:, 1], self.lattice.coordinates, strict=True)
            if c.line == "log" and np.isinf(c.range[1])
        ]
        return float(min(right, default=np.inf))

    # --- Combinations and new groups --------------------------------------------------------------

    @property
    def _covaried(self) -> Covaried:
        model = self._integrated
        if not is_covaried(model):
            raise ValueError(f"{model!r} has no covariates")
        return model

    def linear(self, weights: Mapping[str, float]) -> MixtureMarginal:
        """Distribution of a linear combination of the coefficients, by their names.

        Parameters
        ----------
        weights : mapping of str to float
            ``{"Intercept": 1, "latitude": 40}``; of a model of rows of effects too:
            ``{"theta[308,Intercept]": 1, "theta[308,Days]": 9}``.

        Returns
        -------
        MixtureMarginal
        """
        model: Any = self._covaried
        if hasattr(model, "combined") and isinstance(weights, Mapping) and any(
            "[" in str(name) and not str(name).startswith("beta[") for name in weights
        ):  # fmt: skip
            given = {str(name): number(f"weights[{name!r}]", w) for name, w in weights.items()}
            try:
                return self.mixture(model.combined(given, self.psi))
            except KeyError as error:
                raise self._unknown(error.args[0]) from None
        return self.mixture(model.combination(model.covariates.combination(weights)))

    def theta_new(self, x: Any = None, group: str | None = None) -> MixtureMarginal:
        """Distribution of the effect of a new group.

        Parameters
        ----------
        x : mapping, frame of a row, or array_like, optional
            Its covariates: ``{"latitude": 40}``; without them the means of the groups'.
        group : str, optional
            The old group of an upper level that it lies in, ``"district[11]"``; a new one of
            every level without it. Of several outcomes, which one.

        Returns
        -------
        MixtureMarginal
        """
        return self.mixture(self._new(x, group))

    def predictive(self, se: float, x: Any = None, group: str | None = None) -> MixtureMarginal:
        """Distribution of a new estimate, of a new group, with this standard error.

        Parameters
        ----------
        se : float
            Its standard error.
        x, group
            As for `theta_new`.

        Returns
        -------
        MixtureMarginal
        """
        return self.mixture(self._new(x, group).plus_noise(positive("se", se) ** 2))

    def _new(self, x: Any, group: str | None) -> Linear:
        model = self._covaried
        if hasattr(model, "predictor"):
            raise ValueError(
                "a new row has covariates, and a group: take post.rows.fitted(new) and "
                "post.rows.predictive(new), or post['theta_new[NAME]']"
            )
        try:
            if x is None:
                name = model.new_effects[0] if group is None else f"theta_new[{group}]"
                return model.given_psi(name, self.psi)
            rows = model.covariates.rows(x)
            if len(rows) != 1:
                raise ValueError(f"x has {len(rows)} groups: give the covariates of one")
            return model.new(rows[0], self.psi, group)
        except KeyError:
            raise ValueError(
                f"group is {group!r}: give one of an upper level, such as 'district[11]', or an "
                "outcome"
            ) from None

    def conditional(self, name: str, given: Mapping[str, float]) -> MixtureMarginal:
        """Distribution of a quantity if another one were known.

        Parameters
        ----------
        name : str
            A coefficient or an effect: ``"theta_new[b]"``.
        given : mapping of str to float
            The other quantity and its value: ``{"theta_new[a]": 0.3}``.

        Returns
        -------
        MixtureMarginal

        Raises
        ------
        ValueError
            If the value is so improbable that the nodes do not tell what follows.
        """
        if not isinstance(given, Mapping) or len(given) != 1:
            raise TypeError(f"given is {given!r}: give a mapping of one quantity to its value")
        ((other, value),) = given.items()
        model, pair = self._integrated, (self._quantity(name), self._quantity(other))
        try:
            laws = [
                model.given_psi(quantity, self.psi).moments(self.collapsed) for quantity in pair
            ]
            apart = model.difference_psi(*pair, self.psi).moments(self.collapsed)[1] ** 2
        except KeyError as error:
            raise self._unknown(error.args[0]) from None
        (mean, sd), (centre, scale) = laws
        value, average = number("given", value), float(self.weight @ centre)
        at_value, at_mean = (_log_normal(x, centre, scale) for x in (value, average))
        height = self._log_mean(at_value) - self._log_mean(at_mean)
        if height < LEAST_GIVEN:
            raise ValueError(
                f"given is {value:g} for {other}: its density there is {np.exp(height):.0e} of "
                "that at its mean, too far out for the nodes to tell what follows"
            )
        away = (value - centre) / scale
        slope = 0.5 * (sd**2 + scale**2 - apart) / scale  # the covariance by the other's sd
        weight = self.weight * np.exp(at_value - at_value.max())
        left = np.sqrt(np.maximum(sd**2 - slope**2, 0.0))
        return MixtureMarginal(weight / weight.sum(), mean + slope * away, left)

    def _log_mean(self, logs: Floats) -> float:
        """Log of the mean over the nodes, of logs."""
        top = float(logs.max())
        return top + float(np.log(self.weight @ np.exp(logs - top)))

    def effects(
        self, level: str, probs: Sequence[float] = PROBS, *, own: bool = False
    ) -> "pd.DataFrame":
        """Mean, sd and quantiles of the effect of every group of a level.

        Parameters
        ----------
        level : str
            One of the model's levels. A group of an upper level has the mean covariates of the
            finest groups in it; ``post["district[11]"]`` is the marginal of one.
        probs : sequence of float
            The quantiles' probabilities.
        own : bool
            What the groups have beside the coefficients and the levels above, whose sd is the tau
            of the level: the random effects of lme4 and metafor.

        Returns
        -------
        DataFrame
            A row a group.
        """
        nesting: Any = getattr(self.model, "nesting", None)
        levels: tuple[str, ...] = () if nesting is None else nesting.levels
        if level not in levels:
            raise ValueError(f"level is {level!r}: the levels are {', '.join(levels) or 'none'}")
        if len(levels) == 1 and hasattr(self.model, "predictor"):
            kind, names = "b" if own else "theta", tuple(self.model.labels)
            heads = ["mean", "sd", *percents(probability_list("probs", probs))]
            table = self._table(
                [f"{kind}[{name}]" for name in names], probability_list("probs", probs)
            )
            return frame(dict(zip(heads, table, strict=True)), names, level)
        q, labels = probability_list("probs", probs), nesting.labels[levels.index(level)]
        found: Iterable[Marginal]
        if own:
            model: Any = self.model
            groups = range(len(labels))
            found = (self.mixture(model.own_effect(level, j, self.psi)) for j in groups)
        else:
            kind = "theta" if level == levels[-1] else level
            found = (self[f"{kind}[{label}]"] for label in labels)
        heads = ["mean", "sd", *percents(q)]
        return frame(dict(zip(heads, _rows(found, q), strict=True)), labels, level)

    def heterogeneity(self) -> "pd.DataFrame":
        """The share of variance between the groups of every level, I^2, in percent.

        The share of tau_level^2 in the sum of all tau^2 and a typical sampling variance (Higgins
        and Thompson 2002; Nakagawa and Santos 2012 for several levels).

        Returns
        -------
        DataFrame
            A row a level and one for all; posterior ``mean`` and ``sd``.
        """
        model: Any = self.model
        if not hasattr(model, "shares"):
            mend = "rows.intraclass()" if hasattr(model, "predictor") else "tau itself"
            raise ValueError(f"{self.model!r} has no levels: its heterogeneity is {mend}")
        shares = 100.0 * model.shares(self.psi)
        shares = np.column_stack([shares, shares.sum(axis=1)])
        mean = self.weight @ shares
        sd = np.sqrt(self.weight @ (shares - mean) ** 2)
        names = (*(c.natural[4:-1] for c in self.lattice.coordinates), "all")  # tau[LEVEL]
        return frame({"mean": mean, "sd": sd}, names, "level")

    # --- Summaries --------------------------------------------------------------------------------

    def columns(self, probs: Sequence[float] = PROBS) -> dict[str, Any]:
        """The summary as plain columns: what `summary` frames and the command line prints."""
        q = probabilities("probs", probs).ravel()
        model = self._integrated
        tables = [self._table(model.coefficients, q)]
        tables.append(self._table(tuple(self._axis_of), q))
        tables += [_columns(self._mixtures(part), q) for part in self._slices()]
        tables.append(self._table(model.new_effects, q))
        table = np.hstack([part for part in tables if part.size])
        return dict(zip(("mean", "sd", *percents(q)), table, strict=True))

    def _table(self, names: Sequence[str], q: Floats) -> Floats:
        return _rows((self[name] for name in names), q)

    def _mixtures(self, part: slice) -> Mixtures:
        """Mixtures of a slice of the effects."""
        mean, sd, grows = self._integrated.moments_psi(part, self.psi, self.collapsed)
        growth = self.growth if grows else np.inf
        return Mixtures(self.weight, np.ascontiguousarray(mean), np.ascontiguousarray(sd), growth)

    def _slices(self) -> list[slice]:
        """The effects, as many at a time as make a table of a few megabytes."""
        effects, size = len(self._group_of), max(1, NUMBERS // self.weight.size)
        return [slice(i, min(i + size, effects)) for i in range(0, effects, size)]

    def shrinkage_factors(self) -> Floats:
        """Posterior mean of each effect's shrinkage factor, shape (effects,)."""
        phi = self._integrated.phi_at_psi(self.psi, self.collapsed.mean.T)
        return mean_pooling(self.model, phi, self.weight)

    def group_means(self) -> Floats:
        """Posterior mean of each effect, shape (effects,)."""
        need_groups("group_means", self.model)
        return np.concatenate([self._mixtures(part).moments()[0] for part in self._slices()])

    def _compare(self, left: str, sign: str, right: str) -> Probability | None:
        if {left, right} & {*self._axis_of, *(c.name for c in self.lattice.coordinates)}:
            return None
        if left == right:
            _ = self[left]
            return Probability(0.0)
        a, b = self._quantity(left), self._quantity(right)
        apart = self.mixture(self._integrated.difference_psi(a, b, self.psi))
        return Probability(apart.sf(0.0) if sign == ">" else apart.cdf(0.0))

    # --- Draws ------------------------------------------------------------------------------------

    def draw_phi(self, n: int, rng: RNG = None) -> Floats:
        """Independent draws of the model's coordinates, shape (n, p)."""
        generator = as_generator(rng)
        psi = self.draw_psi(n, generator)
        given = self._integrated.collapse_psi(psi)
        return self._integrated.phi_at_psi(psi, draw_coefficients(given, generator))


def _log_normal(x: float, mean: Floats, sd: Floats) -> Floats:
    """Log of the normal density, up to a constant."""
    logs: Floats = -0.5 * ((x - mean) / sd) ** 2 - np.log(sd)
    return logs


def draw_coefficients(given: Collapsed, rng: Generator) -> Floats:
    """A draw of the coefficients at every node, shape (nodes, p)."""
    nodes = given.rows.shape[1]
    noise = normals(rng, (nodes,), given.size)
    if given.plain:
        return given.mean[:, None] + np.sqrt(given.var)[:, None] * noise
    drawn = given.mean.T.copy()
    for k, row in enumerate(given.factor()):
        for at, values in enumerate(row):
            drawn[:, k] += values * noise[:, k + at]
    return drawn


def _rows(marginals: Iterable[Marginal], q: Floats) -> Floats:
    """Mean, sd and quantiles of every marginal, shape (2 + probabilities, marginals)."""
    return np.array([[m.mean(), m.std(), *m.ppf(q)] for m in marginals]).T


def _columns(mixtures: Mixtures, q: Floats) -> Floats:
    """Mean, sd and quantiles of every mixture, shape (2 + probabilities, mixtures)."""
    mean, var = mixtures.moments()
    return np.vstack([mean, np.sqrt(var), mixtures.quantiles(q).T])
