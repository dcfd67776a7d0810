"""Groups within groups, with known standard errors: the three-level meta-analysis.

y_j ~ N(theta_j, se_j^2), theta_j = x_j' beta + one effect a level, the effects of a level
independent N(0, tau_level^2): Konstantopoulos (2011), Res. Synth. Methods 2, 61-76; Gelman et al.,
Bayesian Data Analysis (3rd ed.), section 15.1. The coordinates are (beta, log tau of every level).
"""

from collections.abc import Mapping
from functools import cached_property, partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyhier._random import Generator, normals
from pyhier._types import Floats
from pyhier._validation import aligned, vector
from pyhier.kernels import levels as kernel
from pyhier.kernels.density import LogDensity
from pyhier.models import nested_effects as effects
from pyhier.models.coefficients import reference
from pyhier.models.covariates import BetaPrior, Covariates, covariates, of_mean
from pyhier.models.groups import check_lengths
from pyhier.models.integrated import LADDER, IntegratedModel
from pyhier.models.level_joint import LevelTargets
from pyhier.models.level_priors import level_priors
from pyhier.models.nesting import nesting_of
from pyhier.models.normal_data import NormalData
from pyhier.models.reductions import Linear
from pyhier.models.sources import NestedSources
from pyhier.models.weights import residuals, weight_spread, weighted_mean
from pyhier.priors.tau import TauPrior, resolve_prior


def _check(y: Floats, spread: Floats, name: str) -> None:
    """Estimates are finite; the squares of all numbers, and their ratios, stay within a double."""
    size = 1.0 if name == "se" else 2.0
    kind = "standard errors" if name == "se" else "sampling variances"
    for column, values, good, rule in (
        ("y", y, np.abs(y) <= 1e70, "estimates must be finite, and within 1e70"),
        (name, spread, (spread >= 1e-70**size) & (spread <= 1e70**size),
         f"{kind} must be positive, finite and within a double"),
    ):  # fmt: skip
        if not good.all():
            row = int(good.argmin())
            raise ValueError(f"{column}[{row}] is {values[row]}: {rule}")


class MultilevelNormal(NestedSources, LevelTargets, NormalData, IntegratedModel):
    """Estimates with known standard errors, in groups that lie within larger groups.

    Parameters
    ----------
    y : array_like, shape (n,)
        The estimates.
    se, var : array_like, shape (n,)
        Their standard errors, or their sampling variances: give exactly one of them.
    levels : mapping of str to sequence, shape (n,)
        One to three levels, the outermost first: ``{"district": d, "school": s}``. A group of an
        inner level belongs to the outer one beside it. Estimates of the same finest group are of
        one effect, and are combined by their precision; to tell the effects of several estimates of
        a study apart, give them a level of their own.
    X : frame or array, shape (n, covariates), optional
        Covariates, constant within a finest group. An intercept is added where no column is
        constant.
    intercept : bool
        Whether to add one.
    prior_beta : mapping, or (mean, covariance), optional
        The prior of the coefficients, as for `NormalNormal`; flat without it.
    prior_mu : scipy.stats.norm(mean, sd), optional
        The prior of the one mean of a model without X.
    prior_tau : str, frozen distribution, callable, or mapping of levels to these
        The prior of every level's tau: ``"uniform"``, a ``scipy.stats`` distribution on the half
        line, or a callable that returns the log density at a tau.

    Raises
    ------
    ValueError, TypeError
        If the data or a prior cannot be used, naming the argument and the first group.

    Examples
    --------
    >>> import pyhier as ph
    >>> schools = {"district": ["a", "a", "b", "b", "c", "c"], "school": [1, 2, 1, 2, 1, 2]}
    >>> ph.MultilevelNormal([1.0, 1.4, 0.2, 0.1, 0.7, 1.1], se=[0.2] * 6, levels=schools)
    MultilevelNormal: 6 schools in 3 districts, standard errors given (se), mu flat, tau uniform
    """

    def __init__(
        self,
        y: ArrayLike,
        *,
        levels: Mapping[str, Any],
        se: ArrayLike | None = None,
        var: ArrayLike | None = None,
        X: Any = None,  # noqa: N803 - the field's name for a design
        intercept: bool = True,
        prior_beta: BetaPrior = None,
        prior_mu: Any = None,
        prior_tau: TauPrior | Mapping[str, Any] = "uniform",
        design: Any = None,
    ) -> None:
        if (se is None) == (var is None):
            raise ValueError(
                "give se= (standard errors) or var= (sampling variances): "
                + ("neither was given" if se is None else "both were given")
            )
        self._given = "se" if var is None else "var"
        spread = vector(self._given, se if var is None else var)
        aligned(y=y, **{self._given: se if var is None else var})
        estimate = vector("y", y)
        check_lengths(estimate, spread, "y", self._given)
        _check(estimate, spread, self._given)
        self.nesting, finest = nesting_of(levels, y=y)
        super().__init__(self.nesting.sizes[-1], self.nesting.labels[-1])
        self._arguments = {
            "levels": dict(levels), self._given: spread, "X": X, "intercept": intercept,
            "prior_beta": prior_beta, "prior_mu": prior_mu, "prior_tau": prior_tau,
            "design": design,
        }  # fmt: skip
        self._rows, self._finest = estimate, finest
        pooled = effects.pooled(estimate, spread if var is not None else spread**2, finest)
        self.y, self.var, self._within = pooled
        self.se = np.sqrt(self.var)
        self.covariates = self._covariates(X, finest, estimate.size)
        self.prior = level_priors(prior_tau, self.nesting.levels)
        bare = X is None
        self.coefficients = ("mu",) if bare else self.covariates.coefficients
        self.psi = self.prior.coordinates
        self.coordinates = (*self.coefficients, *(one.name for one in self.psi))
        for array in (self.y, self.var, self.se):
            array.flags.writeable = False

    def _covariates(self, x: Any, finest: Any, rows: int) -> Covariates:
        """The design of the finest groups."""
        given = self._arguments
        if x is None:
            if given["prior_beta"] is not None:
                raise ValueError("prior_beta is the prior of covariates' coefficients: give X=")
            mu = resolve_prior(None, given["prior_mu"], "uniform", np.ones(1)).mu
            return Covariates(("mu",), np.ones((self.y.size, 1)), of_mean(mu))
        if given["prior_mu"] is not None:
            raise ValueError("prior_mu is of a model without X: give prior_beta=")
        found = covariates(x, given["prior_beta"], given["intercept"], rows, given["design"])
        first = np.unique(finest, return_index=True)[1]
        apart = np.abs(found.x - found.x[first][finest]).max(axis=1) > 0.0
        if apart.any():
            row = int(np.flatnonzero(apart)[0])
            raise ValueError(
                f"X differs within {self.nesting.levels[-1]} {self.label(int(finest[row]))} "
                f"(row {row}): covariates are of the finest groups; give the rows a level of "
                "their own"
            )
        return Covariates(found.names, found.x[first], found.prior, found.design)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what the model was made of; the compiled density is made anew."""
        return partial(MultilevelNormal, **self._arguments), (self._rows,)

    def with_prior(self, **priors: Any) -> "MultilevelNormal":
        """The same data under other priors: ``prior_beta=``, ``prior_mu=``, ``prior_tau=``."""
        return MultilevelNormal(self._rows, **(self._arguments | priors))

    def __repr__(self) -> str:
        given = {"se": "standard errors given (se)", "var": "variances given (var)"}[self._given]
        sizes = zip(self.nesting.sizes, self.nesting.levels, strict=True)
        nested = " in ".join(f"{n} {level}{'s' * (n != 1)}" for n, level in reversed([*sizes]))
        prior = self.covariates.prior
        kind = "flat" if not len(prior.root) else "normal" if prior.proper else "partly normal"
        return (
            f"MultilevelNormal: {nested}, {given}, {', '.join(self.coefficients)} {kind}, "
            f"{self.prior.words}"
        )

    @property
    def rows(self) -> int:
        """How many estimates were given; those of a finest group count as one in what follows."""
        return self._rows.size

    @property
    def by_row(self) -> tuple[Floats, Floats, Floats]:
        """y, x and var as they were given, before those of a finest group were combined."""
        spread: Floats = self._arguments[self._given]
        var = spread if self._given == "var" else spread**2
        return self._rows, self.covariates.x[self._finest], var

    @property
    def design(self) -> Floats:
        """The design, a row an estimate."""
        return self.by_row[1]

    # --- All but the taus integrated out ------------------------------------------------------

    @cached_property
    def _table(self) -> tuple[Floats, Floats, Floats]:
        """y, x and var, the members of every group beside one another."""
        order = self.nesting.order
        parts = (self.y[order], self.covariates.x[order], self.var[order])
        y, x, var = (np.ascontiguousarray(part) for part in parts)
        return y, x, var

    @cached_property
    def about(self) -> Floats:
        """Coefficients near the data's, shape (p,)."""
        return reference(*self._table)

    @property
    def estimates_used(self) -> int:
        """How many normal densities the likelihood has: one a finest group."""
        return self.y.size

    def sums(self, psi: Floats) -> Floats:
        """Sums over all groups at nodes of log tau, shape (size, nodes)."""
        y, x, var = self._table
        nodes = np.ascontiguousarray(psi, dtype=np.float64)
        table: Floats = kernel.sums(y - x @ self.about, x, var, self.nesting.ends, nodes)
        return table.T

    @property
    def ladder_ends(self) -> tuple[float, float]:
        """The log tau between which the data have structure."""
        widest = max(float(np.ptp(self.y)), float(self.se.max()))
        return -0.5 * float(np.log((1.0 / self.var).sum())), float(np.log(widest))

    def psi_tails(self) -> Floats:
        """Exponents with which the density of every log tau falls off, shape (levels, 2)."""
        found: Floats = self.prior.tails(*self.ladder_ends, self._falls)
        return found

    @cached_property
    def _falls(self) -> tuple[int, ...]:
        """By which power of a level's tau the likelihood falls, beta integrated out.

        One a group, less the flat combinations of coefficients that are constant within groups.
        """
        return tuple(
            size - effects.constant_within(self.nesting.above(k), self.covariates)
            for k, size in enumerate(self.nesting.sizes)
        )

    def why_no_posterior(self) -> str:
        """Why the posterior is improper and what mends it; empty where it is proper."""
        for k, (left, right) in enumerate(self.psi_tails()):
            if left > 1e-6 and right > 1e-6:
                continue
            level, size = self.nesting.levels[k], self.nesting.sizes[k]
            scale = float(f"{np.max(self.se):.1g}")
            where = "tau = 0" if left <= 1e-6 else "large tau"
            return (
                f"the posterior of tau[{level}] is improper with {size} {level}s under the "
                f"{self.prior.resolved[k].name} prior (infinite mass at {where}): give a proper "
                f"one, such as prior_tau=scipy.stats.halfcauchy(scale={scale:g})"
            )
        return ""

    # --- Effects given the taus ---------------------------------------------------------------

    @cached_property
    def _members(self) -> effects.Tree:
        return effects.Tree(self.nesting, self.y, self.covariates.x, self.var)

    def given_psi(self, quantity: int | slice | str, psi: Floats) -> Linear:
        """Effects of any level, coefficients, or effects of new groups, given log tau.

        By name: ``LEVEL[LABEL]``, the mean effect in a group of an upper level; ``theta_new``, and
        ``theta_new[LABEL]`` in an old group of an upper level. Those of new groups and of upper
        levels have the mean covariates of the finest groups there.
        """
        if isinstance(quantity, str) and quantity in self.coefficients:
            return self._coefficient(quantity)
        return self._members.linear(self._place(quantity), np.exp(2.0 * psi))

    def _place(self, quantity: int | slice | str) -> effects.Place:
        tree = self._members
        if isinstance(quantity, str):
            return tree.named(quantity)
        at = np.arange(self.y.size)[quantity]
        return tree.finest(at)

    def difference_psi(self, first: int | str, second: int | str, psi: Floats) -> Linear:
        """The difference of two quantities, given psi; what they share cancels."""
        both = self.given_psi(first, psi), self.given_psi(second, psi)
        if {first, second} & {*self.coefficients}:
            return both[0].minus(both[1])
        places = self._place(first), self._place(second)
        var = self._members.var_of_difference(*places, np.exp(2.0 * psi))
        return Linear(
            both[0].intercept - both[1].intercept, 1.0, var, both[0].grows or both[1].grows,
            np.asarray(both[0].direction) - np.asarray(both[1].direction),
        )  # fmt: skip

    def own_effect(self, level: str, j: int, psi: Floats) -> Linear:
        """The effect of one group at its own level, beside those of the levels above."""
        return self._members.own(self.nesting.levels.index(level), j, np.exp(2.0 * psi))

    def new(self, row: Floats, psi: Floats, group: str | None = None) -> Linear:
        """The effect of a new finest group with a row of the design, given psi.

        Parameters
        ----------
        row : ndarray, shape (p,)
        psi : ndarray, shape (nodes, levels)
        group : str, optional
            The old group it is in, ``LEVEL[LABEL]``; a new one of every level without it.
        """
        place = self._members.named("theta_new" if group is None else f"theta_new[{group}]")
        return self._members.linear(place.with_row(row), np.exp(2.0 * psi))

    def shares(self, psi: Floats) -> Floats:
        """Every level's share of the variance of an estimate, I^2, shape (nodes, levels)."""
        tau2 = np.exp(2.0 * psi)
        shares: Floats = tau2 / (tau2.sum(axis=1, keepdims=True) + self._typical_var)
        return shares

    @cached_property
    def _typical_var(self) -> float:
        """The typical sampling variance of Higgins and Thompson (2002), with covariates."""
        root = 1.0 / self.se
        basis: Floats = np.linalg.qr(self.covariates.x * root[:, np.newaxis])[0]
        spare = float((root**2).sum() - ((basis * root[:, np.newaxis]) ** 2).sum())
        return (self.y.size - self.covariates.size) / spare

    # --- The marginal density of (beta, psi) --------------------------------------------------

    def _density(self, priors: bool) -> LogDensity:
        p, levels = self.covariates.size, self.nesting.depth
        prior = self.covariates.prior
        mean, root = (prior.mean, prior.root) if priors else (np.zeros(p), np.empty((0, p)))
        constant = float(prior.log_density(prior.mean)) if priors else 0.0
        parts = self.scale_priors if priors else [None] * levels
        return kernel.LevelsMarginal(
            *self._table, self.nesting.ends, mean, root, constant, parts, priors
        )

    @property
    def scale_priors(self) -> list[LogDensity | None]:
        """Log prior densities of every level's tau at log tau; None for a uniform one."""
        return [one.density for one in self.prior.resolved]

    @property
    def _compiled(self) -> bool:
        return all(one is None or one.compiled for one in self.scale_priors)

    def ridge(self) -> Floats:
        """A ladder of log tau, 0 among them, with the best beta at each, shape (n, p + levels)."""
        low, high = self.ladder_ends
        rungs = np.concatenate([[low - 20.0], np.linspace(low, high + 1.0, LADDER)])
        psi = np.array([*product(rungs, repeat=self.nesting.depth)])
        flat = self if not len(self.covariates.prior.root) else self.with_prior(
            prior_beta=None, prior_mu=None
        )  # fmt: skip
        found = self.phi_at_psi(psi, flat.collapse_psi(psi).mean.T)
        found[:, self.covariates.size :][psi == rungs[0]] = -np.inf
        return found

    def moments(self) -> Floats:
        """Tau^2 by the method of moments for all levels together, shared out evenly."""
        weights = 1.0 / self.var
        excess = float(weights @ residuals(self.y, weights) ** 2) - (self.y.size - 1)
        tau2 = max(0.0, excess / weight_spread(weights)) if self.y.size > 1 else 0.0
        depth = self.nesting.depth
        with np.errstate(divide="ignore"):
            log_tau = np.full(depth, 0.5 * np.log(tau2 / depth))
        beta = np.zeros(self.covariates.size)
        beta[0] = weighted_mean(self.y, 1.0 / (self.var + tau2))[0]
        return np.concatenate([beta, log_tau])

    # --- Effects and data ---------------------------------------------------------------------

    def pooling(self, phi: Floats) -> Floats:
        """Shrinkage factors towards the centre of a group's own group, shape (..., groups)."""
        factors: Floats = self.var / (self.var + np.exp(2.0 * phi[..., -1, np.newaxis]))
        return factors

    def draw_theta(self, phi: Floats, rng: Generator) -> Floats:
        """Exact draws of the finest groups' effects given phi, shape (..., groups)."""
        flat = np.ascontiguousarray(phi).reshape(-1, phi.shape[-1])
        beta, psi = self._split(flat)
        drawn = self._members.draws(beta, np.exp(2.0 * psi), rng)
        return drawn.reshape(*phi.shape[:-1], self.y.size)

    def draw_prior_theta(self, phi: Floats, rng: Generator) -> Floats:
        """Draws of the finest groups' effects given phi (n, p), without the data, (n, groups)."""
        beta, psi = self._split(phi)
        return beta @ self.covariates.x.T + effects.prior_draws(self.nesting, np.exp(psi), rng)

    def draw_new_theta(self, phi: Floats, rng: Generator, row: Floats | None = None) -> Floats:
        """Draws of the effect of a new group in new ones, with a row of the design, or the mean."""
        beta, psi = self._split(phi)
        centre: Floats = beta @ self.covariates.row_or_mean(row)
        sd: Floats = np.sqrt(np.exp(2.0 * psi).sum(axis=-1))
        return centre + sd * normals(rng, phi.shape[:-1], 1)[..., 0]
