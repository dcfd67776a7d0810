"""Several outcomes a group, with known sampling covariances.

y_j ~ N_q(theta_j, V_j), theta_j ~ N_q(B x_j, Sigma): van Houwelingen, Arends and Stijnen (2002),
Stat. Med. 21, 589-624; Jackson, Riley and White (2011), Stat. Med. 30, 2481-2498. The coordinates
are (B, log tau of every outcome, atanh of the correlations).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyhier._random import Generator, normals
from pyhier._types import Floats
from pyhier._validation import aligned, float_array, names_aligned
from pyhier.kernels import multivariate as kernel
from pyhier.kernels.density import LogDensity
from pyhier.models.coefficients import reference
from pyhier.models.covariance_prior import (
    CovariancePrior,
    correlation_coordinates,
    correlations,
    with_partial,
)
from pyhier.models.covariates import LOG_2PI, BetaPrior, Covariates, covariates
from pyhier.models.groups import Labels
from pyhier.models.integrated import LADDER, IntegratedModel
from pyhier.models.level_priors import level_priors
from pyhier.models.multivariate_joint import MultivariateTargets
from pyhier.models.outcomes import Outcomes
from pyhier.models.reductions import Linear
from pyhier.priors.correlations import RhoPrior, correlation_prior
from pyhier.priors.tau import TauPrior

MOST = 3  # outcomes


@dataclass(frozen=True, eq=False)
class OutcomeCovariates(Covariates):
    """The design of all outcomes, a block each.

    Attributes
    ----------
    base : Covariates
        The design of one of them.
    """

    base: Covariates = field(kw_only=True)

    def rows(self, new: Any) -> Floats:
        """Rows of one outcome's design of new groups."""
        return self.base.rows(new)


class MultivariateNormal(MultivariateTargets, IntegratedModel):
    """Several outcomes of every group, with known sampling covariance.

    Parameters
    ----------
    y : frame or array, shape (groups, q)
        The estimates, of two or three outcomes; NaN where a group lacks one.
    cov : array_like, shape (groups, q, q)
        Their sampling covariances; what belongs to a missing outcome is not looked at.
    outcomes : sequence of str, optional
        Names of the outcomes; the frame's columns, or "1", "2", ... without them.
    labels : sequence, optional
        Names of the groups; the frame's index, or "1", "2", ... without it.
    X : frame or array, shape (groups,) or (groups, covariates), optional
        Covariates of the groups: every outcome has coefficients of its own. An intercept is added
        where no column is constant.
    intercept : bool
        Whether to add one.
    prior_beta : mapping, or (mean, covariance), optional
        The prior of the coefficients, flat without it: ``{"OUTCOME,COVARIATE": norm(0, 1)}``, or
        of all of them; of the means of a model without X by the outcomes' names.
    prior_tau : str, frozen distribution, callable, or mapping of outcomes to these
        The prior of every outcome's tau, as for `MultilevelNormal`.
    prior_rho : float or callable
        eta of the LKJ prior of the correlations (1 is uniform), or, of two outcomes, a function
        that returns the log density at a correlation.

    Raises
    ------
    ValueError, TypeError
        If the data or a prior cannot be used, naming the argument and the first group.

    Notes
    -----
    `exact` integrates two outcomes; three leave six coordinates, which it refuses: take `nuts`.

    Examples
    --------
    >>> import numpy as np
    >>> import pyhier as ph
    >>> y = [[0.4, 0.1], [0.2, np.nan], [0.9, 0.5], [0.6, 0.2]]
    >>> ph.MultivariateNormal(y, cov=np.tile([[0.1, 0.03], [0.03, 0.1]], (4, 1, 1)))
    MultivariateNormal: 4 groups, 2 outcomes, mu[1], mu[2] flat, tau uniform, rho LKJ(1)
    """

    def __init__(
        self,
        y: ArrayLike,
        *,
        cov: ArrayLike,
        outcomes: Sequence[str] | None = None,
        labels: Labels = None,
        X: Any = None,  # noqa: N803 - the field's name for a design
        intercept: bool = True,
        prior_beta: BetaPrior = None,
        prior_tau: TauPrior | Mapping[str, Any] = "uniform",
        prior_rho: RhoPrior = 1.0,
        design: Any = None,
    ) -> None:
        aligned(y=y, X=X)
        names_aligned("labels", labels, y=y)
        table = float_array("y", y, 2)
        groups, q = table.shape
        names = _outcomes(y, outcomes, q)
        frame: Any = y
        if labels is None and hasattr(y, "columns"):
            labels = list(map(str, frame.index))
        super().__init__(groups, labels)
        spread = float_array("cov", cov, 3)
        self.outcomes = names
        self._effects = Outcomes.of(table, spread, tuple(map(self.label, range(groups))))
        self._arguments = {
            "cov": spread, "outcomes": names, "labels": labels, "X": X, "intercept": intercept,
            "prior_beta": prior_beta, "prior_tau": prior_tau, "prior_rho": prior_rho,
            "design": design,
        }  # fmt: skip
        self.covariates, self.coefficients = self._design(X, prior_beta, intercept, design)
        self.prior = CovariancePrior(
            level_priors(prior_tau, names), correlation_prior(prior_rho, q)
        )
        self.psi = (*self.prior.tau.coordinates, *correlation_coordinates(names))
        self.coordinates = (*self.coefficients, *(one.name for one in self.psi))

    def _design(
        self, x: Any, prior_beta: BetaPrior, intercept: bool, design: Any
    ) -> tuple[Covariates, tuple[str, ...]]:
        """The design of all outcomes with its prior, and the coefficients' names."""
        groups, q = self._effects.y.shape
        given = np.ones((groups, 1)) if x is None else x
        base = covariates(given, None, intercept, groups, design)
        inner = [""] if x is None else [f",{name}" for name in base.names]
        names = [outcome + name for outcome in self.outcomes for name in inner]
        whole = np.kron(np.eye(q), np.ones((groups, 1))) if x is None else np.kron(
            np.eye(q), base.x
        )  # fmt: skip
        seen = self._effects.seen.T.ravel()  # by outcome, as the rows of the design are
        columns = {name: whole[seen, k] for k, name in enumerate(names)}
        checked = covariates(columns, prior_beta, False, int(seen.sum()))
        stacked = np.stack([np.kron(unit, base.x) for unit in np.eye(q)], axis=1)
        found = OutcomeCovariates(
            tuple(names), stacked.reshape(groups * q, -1), checked.prior, None, base=base
        )
        kind = "mu" if x is None else "beta"
        return found, tuple(f"{kind}[{name}]" for name in names)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Names of the effects: ``GROUP,OUTCOME``."""
        groups = map(self.label, range(self._groups))
        return tuple(f"{group},{outcome}" for group in groups for outcome in self.outcomes)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what the model was made of; the compiled density is made anew."""
        return partial(MultivariateNormal, **self._arguments), (self._effects.y,)

    def with_prior(self, **priors: Any) -> "MultivariateNormal":
        """The same data under other priors: ``prior_beta=``, ``prior_tau=``, ``prior_rho=``."""
        return MultivariateNormal(self._effects.y, **(self._arguments | priors))

    def __repr__(self) -> str:
        prior = self.covariates.prior
        kind = "flat" if not len(prior.root) else "normal" if prior.proper else "partly normal"
        return (
            f"MultivariateNormal: {self.sized}, {len(self.outcomes)} outcomes, "
            f"{', '.join(self.coefficients)} {kind}, {self.prior.words}"
        )

    # --- All but Sigma integrated out ---------------------------------------------------------

    @property
    def new_effects(self) -> tuple[str, ...]:  # type: ignore[override]
        """The outcomes of a new group."""
        return tuple(f"theta_new[{outcome}]" for outcome in self.outcomes)

    @cached_property
    def about(self) -> Floats:
        """Coefficients near the data's, shape (p q,)."""
        data, x = self._effects, self.covariates.base.x  # type: ignore[attr-defined]
        parts = []
        for k in range(len(self.outcomes)):
            at = data.seen[:, k]
            parts.append(reference(data.y[at, k], x[at], data.cov[at, k, k]))
        return np.concatenate(parts)

    @property
    def _x(self) -> Floats:
        x: Floats = self.covariates.base.x  # type: ignore[attr-defined]
        return x

    @property
    def estimates_used(self) -> int:
        """How many estimates there are."""
        return int(self._effects.seen.sum())

    @property
    def by_row(self) -> tuple[Floats, Floats, Floats]:
        """The estimates that there are, their design and variances, made independent."""
        data = self._effects
        seen = data.seen.ravel()
        y, *x = (data.whitened(column)[seen] for column in (data.y.ravel(), *self.covariates.x.T))
        return y, np.column_stack(x), np.ones(y.size)

    @property
    def design(self) -> Floats:
        """The design of the estimates that there are, as it was given."""
        return self.covariates.x[self._effects.seen.ravel()]

    def sums(self, psi: Floats) -> Floats:
        """Sums over all groups at nodes (nodes, d), shape (size, nodes)."""
        q, p = len(self.outcomes), self._x.shape[1]
        centred = self._effects.y - self._x @ self.about.reshape(q, p).T
        sigma = np.ascontiguousarray(self.sigma(psi))
        found: Floats = kernel.sums(
            np.ascontiguousarray(centred), self._x, self._effects.cov, sigma
        ).T
        return found

    def sigma(self, psi: Floats) -> Floats:
        """The covariance of the effects, shape (..., q, q)."""
        return self._effects.covariance(psi)

    @property
    def ladder_ends(self) -> tuple[float, float]:
        """The log tau between which the data have structure."""
        data = self._effects
        diagonal = np.diagonal(data.cov, axis1=1, axis2=2)
        least = min(float((1.0 / diagonal[data.seen[:, k], k]).sum()) ** -0.5
                    for k in range(len(self.outcomes)))  # fmt: skip
        widest = max(float(_spans(data.y).max()), float(np.sqrt(diagonal[data.seen].max())))
        return float(np.log(least)), float(np.log(widest))

    def psi_tails(self) -> Floats:
        """Exponents with which the density of every coordinate falls off, shape (d, 2)."""
        low, high = self.ladder_ends
        rows = []
        for k, prior in enumerate(self.prior.tau.resolved):
            zero, far = prior.structure(low, high).powers
            rows.append((zero + 1.0, far - 1.0 + self._falls[k]))
        rows += [(2.0 * power, 2.0 * power) for power in self.prior.rho.powers]
        return np.array(rows)

    @cached_property
    def _falls(self) -> tuple[int, ...]:
        """By which power of an outcome's tau the likelihood falls, beta integrated out."""
        p, flat = self._x.shape[1], np.isinf(self.covariates.prior.sd)
        return tuple(
            int(self._effects.seen[:, k].sum() - flat[k * p : (k + 1) * p].sum())
            for k in range(len(self.outcomes))
        )

    def why_no_posterior(self) -> str:
        """Why the posterior is improper and what mends it; empty where it is proper."""
        for outcome, (left, right), prior in zip(
            self.outcomes, self.psi_tails(), self.prior.tau.resolved, strict=False
        ):
            if left > 1e-6 and right > 1e-6:
                continue
            size = int(self._effects.seen[:, self.outcomes.index(outcome)].sum())
            where = "tau = 0" if left <= 1e-6 else "large tau"
            scale = float(f"{np.exp(self.ladder_ends[1]):.1g}")
            return (
                f"the posterior of tau[{outcome}] is improper with {size} estimates under the "
                f"{prior.name} prior (infinite mass at {where}): give a proper one, such as "
                f"prior_tau=scipy.stats.halfcauchy(scale={scale:g})"
            )
        return ""

    # --- Effects given Sigma ------------------------------------------------------------------

    def given_psi(self, quantity: int | slice | str, psi: Floats) -> Linear:
        """Effects, coefficients, or the effects of a new group with mean covariates, given psi."""
        if isinstance(quantity, str):
            if quantity in self.coefficients:
                return self._coefficient(quantity)
            k = self.new_effects.index(quantity) if quantity in self.new_effects else None
            if k is None:
                raise KeyError(quantity)
            return self.new(self._x.mean(axis=0), psi, self.outcomes[k])
        return self._effects.linear(quantity, self._x, self.sigma(psi))

    def new(self, row: Floats, psi: Floats, group: str | None = None) -> Linear:
        """An outcome of a new group with a row of one outcome's design, given psi."""
        if group not in self.outcomes:
            raise KeyError(group)
        k = self.outcomes.index(group)
        direction = np.kron(np.eye(len(self.outcomes))[k], row)
        var = np.exp(2.0 * psi[:, k])
        return Linear(0.0, 1.0, var, True, direction[:, np.newaxis])

    def difference_psi(self, first: int | str, second: int | str, psi: Floats) -> Linear:
        """The difference of two quantities, given psi; what they share cancels."""
        a, b = self.given_psi(first, psi), self.given_psi(second, psi)
        apart = a.minus(b)
        names = self.new_effects
        if first in names and second in names:
            at = names.index(str(first)), names.index(str(second))
            var = self._effects.var_between(at, self.sigma(psi))
        elif isinstance(first, int) and isinstance(second, int):
            var = self._effects.var_of_difference(first, second, self.sigma(psi))
        else:
            return apart
        return Linear(apart.intercept, 1.0, var, apart.grows, apart.direction)

    # --- The marginal density of (beta, psi) --------------------------------------------------

    def _density(self, priors: bool) -> LogDensity:
        prior, full = self.covariates.prior, self.covariates.size
        mean, root = (prior.mean, prior.root) if priors else (np.zeros(full), np.empty((0, full)))
        constant = float(prior.log_density(prior.mean)) + self.prior.rho.log_constant
        parts = self.scale_priors
        return kernel.MultivariateMarginal(
            self._effects.y, self._x, self._effects.cov, mean, root, constant if priors else 0.0,
            self.prior.rho.powers, parts if priors else [None] * len(parts), priors,
        )  # fmt: skip

    @property
    def scale_priors(self) -> list[LogDensity | None]:
        """Log prior densities of every outcome's tau at log tau; None for a uniform one."""
        return [one.density for one in self.prior.tau.resolved]

    @property
    def _compiled(self) -> bool:
        taus = self.scale_priors
        return self.prior.rho.proper and all(one is None or one.compiled for one in taus)

    def ridge(self) -> Floats:
        """A ladder of log tau, 0 among them, and of rho, with the best beta at each."""
        low, high = self.ladder_ends
        rungs = np.concatenate([[low - 20.0], np.linspace(low, high + 1.0, LADDER)])
        q = len(self.outcomes)
        axes = [rungs] * q + [np.array([-1.0, 0.0, 1.0])] * len(self.prior.rho.columns)
        psi = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
        if len(psi) > 5_000:
            psi = psi[:: len(psi) // 5_000]
        found = self.phi_at_psi(psi, self.with_prior(prior_beta=None).collapse_psi(psi).mean.T)
        taus = found[:, self.covariates.size : self.covariates.size + q]
        taus[psi[:, :q] == rungs[0]] = -np.inf
        return found

    def hyperparameters(self, phi: Floats) -> Mapping[str, Floats]:
        """The coefficients, every outcome's tau and the correlations, each of shape (...)."""
        found = dict(super().hyperparameters(phi))
        if len(self.outcomes) > 2:
            found = {name: value for name, value in found.items() if not name.startswith("rho")}
            found |= correlations(self.outcomes, self._split(phi)[1][..., 3:])
        return found

    def phi_at(self, **values: float) -> Floats:
        """(beta, psi) at values of all hyperparameters by their names."""
        given = values if len(self.outcomes) == 2 else with_partial(
            self.outcomes, self.psi, values
        )  # fmt: skip
        return super().phi_at(**given)

    # --- Effects and data ---------------------------------------------------------------------

    def moments(self) -> Floats:
        """There is no estimate by moments."""
        self._lacks("moments()")

    def pooling(self, phi: Floats) -> Floats:
        """Each effect's shrinkage factor towards its own centre, shape (..., effects)."""
        flat = np.ascontiguousarray(phi).reshape(-1, phi.shape[-1])
        factors = self._effects.pooling(self.sigma(self._split(flat)[1]))
        return np.reshape(factors, (*phi.shape[:-1], -1))

    def draw_theta(self, phi: Floats, rng: Generator) -> Floats:
        """Exact draws of the effects given phi, shape (..., effects)."""
        flat = np.ascontiguousarray(phi).reshape(-1, phi.shape[-1])
        beta, psi = self._split(flat)
        drawn = self._effects.draws(beta, self._x, self.sigma(psi), rng)
        return drawn.reshape(*phi.shape[:-1], -1)

    def draw_prior_theta(self, phi: Floats, rng: Generator) -> Floats:
        """Draws of the effects given phi (n, p), without the data, shape (n, effects)."""
        beta, psi = self._split(phi)
        z = normals(rng, (len(phi),), self._effects.y.size).reshape(
            len(phi), *self._effects.y.shape
        )
        drawn: Floats = np.einsum("nkl,njl->njk", self._effects.factor(psi), z)
        drawn += self._effects.centres(beta, self._x)
        return drawn.reshape(len(phi), -1)

    def draw_new_theta(self, phi: Floats, rng: Generator, row: Floats | None = None) -> Floats:
        """Draws of a new group's outcomes, with a row of the design, or the mean, (..., q)."""
        beta, psi = self._split(phi)
        q, p = len(self.outcomes), self._x.shape[1]
        row = self._x.mean(axis=0) if row is None else row
        centre = beta.reshape(*beta.shape[:-1], q, p) @ row
        z = normals(rng, phi.shape[:-1], q)
        drawn: Floats = centre + (self._effects.factor(psi) @ z[..., np.newaxis])[..., 0]
        return drawn

    def predict_new(self, theta_new: Floats, size: float, rng: Generator) -> Floats:
        """Refused: one number is no covariance of a new group's estimates."""
        raise ValueError(
            "a new group of several outcomes has a covariance of its estimates: add noise with it "
            "to the draws of theta_new[...] that sample(n) returns"
        )

    def observed(self) -> Mapping[str, Floats]:
        """The data: y and se of each effect, NaN where a group lacks an outcome."""
        return dict(zip(("y", "se"), self.estimates(), strict=True))

    def estimates(self) -> tuple[Floats, Floats]:
        """The estimates and their standard errors."""
        return self._effects.y.ravel(), self._effects.se.ravel()

    def log_likelihood(self, theta: Floats) -> Floats:
        """Log density of each estimate given the effects and the group's estimates before it.

        Shape (..., effects); 0 where there is none.
        """
        return self._effects.log_likelihood(theta) - 0.5 * LOG_2PI * self._effects.seen.ravel()

    def predict(self, theta: Floats, rng: Generator) -> Floats:
        """Draws of new estimates of the same groups, shape (..., effects); NaN where none was."""
        return self._effects.predicted(theta, rng)


def _outcomes(y: Any, given: Sequence[str] | None, q: int) -> tuple[str, ...]:
    if not 2 <= q <= MOST:
        raise ValueError(f"y has {q} columns: give two or three outcomes")
    names = getattr(y, "columns", range(1, q + 1)) if given is None else given
    if isinstance(names, str) or not np.iterable(names):
        raise TypeError(f"outcomes is {given!r}: give a sequence of names")
    found = tuple(map(str, names))
    if len(found) != q or len(set(found)) != q:
        raise ValueError(f"outcomes is {found!r}: give {q} names, each once")
    return found


def _spans(y: Floats) -> Floats:
    spans: Floats = np.nanmax(y, axis=0) - np.nanmin(y, axis=0)
    return spans
