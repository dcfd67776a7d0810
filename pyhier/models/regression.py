"""Regression from raw rows with coefficients that vary by group.

y_ij ~ N(x_ij' beta + z_ij' b_j, sigma^2 / w_ij), b_j ~ N(0, Sigma): Laird and Ware (1982),
Biometrics 38, 963-974; Gelman et al., Bayesian Data Analysis (3rd ed.), chapter 15. The effects and
beta are integrated out; the coordinates are (beta, log sigma, log tau of every coefficient, atanh
of the correlations).
"""

from collections.abc import Mapping
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyhier._random import Generator
from pyhier._types import Floats
from pyhier._validation import positive
from pyhier.kernels import linear_groups
from pyhier.kernels.density import LogDensity
from pyhier.kernels.regression_density import RowsMarginal
from pyhier.models.coefficients import prior_sums
from pyhier.models.covariance_prior import correlations, with_partial
from pyhier.models.covariates import INTERCEPT, LOG_2PI, BetaPrior
from pyhier.models.integrated import IntegratedModel
from pyhier.models.nested_intercepts import NestedIntercepts
from pyhier.models.reductions import Collapsed, Linear
from pyhier.models.row_data import RowData, row_frame
from pyhier.models.row_priors import row_priors
from pyhier.models.row_scales import RowScales
from pyhier.models.row_sums import nested_sums, row_sums
from pyhier.models.sources import RowSources
from pyhier.models.varying import NONE, Combination, VaryingCoefficients
from pyhier.priors.correlations import RhoPrior, cholesky
from pyhier.priors.tau import TauPrior


class HierarchicalRegression(RowSources, RowData, RowScales, IntegratedModel):
    """A linear regression from raw rows whose coefficients vary by group.

    Parameters
    ----------
    y : array_like, shape (n,)
        The response, a row each.
    X : frame or array, shape (n,) or (n, p), optional
        The common covariates; those of groups are the same in all rows of a group. An intercept is
        added where no column is constant.
    Z : frame, array, or sequence of str, optional
        The covariates whose coefficients vary by group, or the names of these columns of X: up to
        three with the intercept, which is added where no column is constant; the intercept alone
        without it.
    groups : sequence, shape (n,), or mapping of str to sequence
        The group of every row; or up to three nested grouping factors, the outermost first, of
        which the intercept alone varies: ``{"district": d, "school": s}``.
    sigma : float, optional
        The residual sd, where it is known.
    weights : array_like, shape (n,), optional
        The residual variance of a row is sigma^2 over these.
    offset : array_like, shape (n,), optional
        Added to the linear predictor, with the coefficient 1.
    intercept, varying_intercept : bool
        Whether to add one to X and to Z.
    correlated : bool
        Whether the varying coefficients have correlations.
    prior_beta : mapping, or (mean, covariance), optional
        The prior of the coefficients, flat without it: ``{"Days": scipy.stats.norm(0, 20)}``.
    prior_sigma, prior_tau : str, frozen distribution, callable
        The priors of the residual sd and of every sd of a coefficient (or a mapping of their names
        to priors): ``"uniform"``, a ``scipy.stats`` distribution on the half line, or a function
        that returns the log density.
    prior_rho : float or callable
        eta of the LKJ prior of the correlations (1 is uniform), or, of two coefficients, a function
        that returns the log density at a correlation.

    Raises
    ------
    ValueError, TypeError
        If the data or a prior cannot be used, naming the argument and the first row.

    Notes
    -----
    `exact` takes up to four coordinates: sigma, the taus and a correlation. It costs groups times
    nodes, those of groups with the same rows of Z once: 100,000 groups that all differ take a
    second with a varying intercept, and minutes with slopes too.

    Examples
    --------
    >>> import pyhier as ph
    >>> rows = {"g": list("aaabbbccc"), "x": [0, 1, 2] * 3, "y": [1, 2, 4, 0, 2, 2, 3, 5, 6.5]}
    >>> ph.HierarchicalRegression(rows["y"], X={"x": rows["x"]}, groups=rows["g"])
    HierarchicalRegression: 9 rows in 3 groups, beta[Intercept], beta[x] flat, ...
    """

    def __init__(
        self,
        y: ArrayLike,
        X: Any = None,  # noqa: N803 - the field's names for designs
        Z: Any = None,  # noqa: N803
        *,
        groups: Any,
        sigma: float | None = None,
        weights: Any = None,
        offset: Any = None,
        intercept: bool = True,
        varying_intercept: bool = True,
        correlated: bool = True,
        prior_beta: BetaPrior = None,
        prior_sigma: TauPrior = "uniform",
        prior_tau: TauPrior | Mapping[str, Any] = "uniform",
        prior_rho: RhoPrior = 1.0,
        design: Any = None,
    ) -> None:
        self._arguments = {
            "X": X, "Z": Z, "groups": groups, "sigma": sigma, "weights": weights,
            "offset": offset, "intercept": intercept, "varying_intercept": varying_intercept,
            "correlated": correlated, "prior_beta": prior_beta, "prior_sigma": prior_sigma,
            "prior_tau": prior_tau, "prior_rho": prior_rho, "design": design,
        }  # fmt: skip
        self._given_y = y
        self.sigma = None if sigma is None else positive("sigma", sigma)
        rows = row_frame(y, X, Z, groups, weights, offset, intercept, varying_intercept, prior_beta)
        self.design = design
        super().__init__(rows.nesting.sizes[-1], rows.nesting.labels[-1])
        self.rows, self.nesting, self.covariates = rows, rows.nesting, rows.covariates
        nested = self.nesting.depth > 1
        if nested and rows.z_names != (INTERCEPT,):
            raise ValueError(
                "Z has covariates, and groups has levels: of nested groups the intercept alone "
                "varies; give one grouping factor"
            )
        names = self.nesting.levels if nested else rows.z_names
        self._correlated = correlated and not nested and len(names) > 1
        if not self._correlated and prior_rho != 1.0:
            raise ValueError("prior_rho is given, and there is no correlation: leave it out")
        self.prior = row_priors(
            prior_sigma, prior_tau, prior_rho, names, self._correlated, sigma is not None
        )
        self.coefficients = self.covariates.coefficients
        self.psi = self.prior.coordinates
        self.coordinates = (*self.coefficients, *(one.name for one in self.psi))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what the model was made of."""
        return partial(HierarchicalRegression, **self._arguments), (self._given_y,)

    def with_prior(self, **priors: Any) -> "HierarchicalRegression":
        """The same data under other priors: ``prior_tau=``, ``prior_rho=``, and so on."""
        return HierarchicalRegression(self._given_y, **(self._arguments | priors))

    def __repr__(self) -> str:
        prior = self.covariates.prior
        kind = "flat" if not len(prior.root) else "normal" if prior.proper else "partly normal"
        nested = self.nesting.depth > 1
        names = self.nesting.levels if nested else ("group",)
        sizes = [f"{n} {name}{'s' * (n != 1)}" for n, name in zip(
            self.nesting.sizes, names, strict=False)]  # fmt: skip
        varying = "" if nested else f"{', '.join(self.rows.z_names)} by group, "
        known = "" if self.sigma is None else f"sigma {self.sigma:g}, "
        dropped = 0 if self.design is None else self.design.dropped
        left = f" ({dropped} more lacked a value)" if dropped else ""
        return (
            f"HierarchicalRegression: {self.rows.y.size} rows{left} in "
            f"{' in '.join(reversed(sizes))}, "
            f"{', '.join(self.coefficients)} {kind}, {varying}{known}{self.prior.words}"
        )

    # --- One pass over the rows ---------------------------------------------------------------

    @cached_property
    def varying(self) -> VaryingCoefficients | NestedIntercepts:
        """The groups' coefficients given the others, by sums over the rows."""
        rows, units = self.rows, self.rows.units
        sums = row_sums(rows.y, self.covariates.x, rows.z, rows.code, self._groups, rows.weights)
        if self.nesting.depth > 1:
            return NestedIntercepts(nested_sums(sums, self.nesting), units[0])
        return VaryingCoefficients(sums, self.nesting.labels[-1], rows.z_names, units)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Names of the effects: ``GROUP,NAME``, or of nested groups the finest groups'."""
        return self.varying.labels

    @property
    def new_effects(self) -> tuple[str, ...]:  # type: ignore[override]
        """Names of a new group's coefficients."""
        return self.varying.new_effects

    # --- All but sigma and Sigma integrated out -----------------------------------------------

    @property
    def about(self) -> Floats:
        """Coefficients near the data's, shape (p,)."""
        return self.varying.sums.about

    @property
    def estimates_used(self) -> int:
        """How many rows there are."""
        return self.rows.y.size

    def _log_sigma(self, psi: Floats) -> Floats:
        if self.sigma is None:
            return psi[..., 0]
        return np.full(psi.shape[:-1], np.log(self.sigma))

    def _rest(self, psi: Floats) -> Floats:
        return psi if self.sigma is not None else psi[..., 1:]

    def factor(self, psi: Floats) -> Floats:
        """What `varying` takes of psi, over sigma, shape (nodes, q (q + 1) / 2) or (nodes, levels).

        Cholesky factors by rows; of nested groups logs of the sds.
        """
        rest, q = self._rest(psi), len(self.varying.names)
        log_ratio = rest[:, :q] - self._log_sigma(psi)[:, np.newaxis]
        if self.nesting.depth > 1:
            return log_ratio
        if not self._correlated:
            whole = np.zeros((len(psi), q, q))
            whole[:, np.arange(q), np.arange(q)] = np.exp(log_ratio)
        else:
            whole = cholesky(log_ratio, rest[:, q:])
        return whole[:, *np.tril_indices(q)]

    def _tables(self, psi: Floats) -> Floats:
        """Sums over all rows at nodes, as `kernels.linear_groups` keeps them, (nodes, size)."""
        log_sigma = self._log_sigma(psi)
        table = self.varying.sums.tables(self.factor(psi))
        table[:, :-2] *= np.exp(-log_sigma)[:, np.newaxis]
        table[:, -2] *= np.exp(-2.0 * log_sigma)
        table[:, -1] += 2.0 * self.estimates_used * log_sigma - self.varying.sums.log_weight
        return table

    def sums(self, psi: Floats) -> Floats:
        """Sums over all rows at nodes (nodes, d), of the whitened design, shape (size, nodes)."""
        return self._tables(psi).T

    def collapse_psi(self, psi: Floats) -> Collapsed:
        """Beta integrated out at nodes (nodes, d): the density of psi, the moments of beta."""
        sums, prior, p = self.varying.sums, self.covariates.prior, self.covariates.size
        table, added = self._tables(psi), prior_sums(prior, sums.about, sums.basis)
        if added is not None:
            table = linear_groups.merge(table, added, p)
        rows = linear_groups.solve(table, p)
        rows[0] += sums.log_basis + self.prior.log_density(psi)
        rows[0] -= 0.5 * (self.estimates_used - p + len(prior.root)) * LOG_2PI
        rows[1 : 1 + p] = sums.about[:, np.newaxis] + sums.basis @ rows[1 : 1 + p]
        rows[1 + p :] = _by_basis(sums.basis, rows[1 + p :])
        if p == 1:
            rows[2] *= rows[2]
        return Collapsed(rows, plain=p == 1)

    # --- Quantities given psi -----------------------------------------------------------------

    def given_psi(self, quantity: int | slice | str, psi: Floats) -> Linear:
        """Effects, coefficients, or the coefficients of a new group, given psi.

        By name also ``b[GROUP,NAME]``, what a group adds to the common coefficient.
        """
        if isinstance(quantity, str) and quantity in self.coefficients:
            return self._coefficient(quantity)
        factor, varying = self.factor(psi), self.varying
        if isinstance(quantity, slice):
            numbers = range(len(self.labels))[quantity]
            return self._unscaled(varying.several(numbers, factor), psi)
        return self._unscaled(varying.linear(self._quantity(quantity), factor), psi)

    def moments_psi(
        self, effects: slice, psi: Floats, collapsed: Collapsed
    ) -> tuple[Floats, Floats, bool]:
        """Means and sds of effects, (effects, nodes), beta integrated out; whether sds grow."""
        varying = self.varying
        if isinstance(varying, NestedIntercepts):
            return super().moments_psi(effects, psi, collapsed)
        numbers = range(len(self.labels))[effects]
        sigma = np.exp(self._log_sigma(psi))
        return varying.moments(numbers, self.factor(psi), collapsed, sigma)

    def _quantity(self, quantity: int | str) -> Any:
        varying = self.varying
        return varying.named(quantity) if isinstance(quantity, str) else varying.effect(quantity)

    def _unscaled(self, linear: Linear, psi: Floats) -> Linear:
        """Variances that were over sigma^2."""
        var = linear.var * np.exp(2.0 * self._log_sigma(psi))
        return Linear(linear.intercept, linear.slope, var, linear.grows, linear.direction)

    def difference_psi(self, first: int | str, second: int | str, psi: Floats) -> Linear:
        """The difference of two quantities, given psi; what they share cancels."""
        if {first, second} & {*self.coefficients} and self.nesting.depth > 1:
            return self.given_psi(first, psi).minus(self.given_psi(second, psi))
        a, b = self._any_quantity(first), self._any_quantity(second)
        return self._unscaled(self.varying.difference(a, b, self.factor(psi)), psi)

    def _any_quantity(self, quantity: int | str) -> Any:
        if isinstance(quantity, str) and quantity in self.coefficients:
            unit = np.eye(self.covariates.size)[self.coefficients.index(quantity)]
            return Combination(unit, np.zeros(len(self.rows.z_names)))
        if isinstance(quantity, str) and quantity.startswith("theta["):
            if quantity[6:-1] not in self.labels:
                raise KeyError(quantity)
            return self.varying.effect(self.labels.index(quantity[6:-1]))
        return self._quantity(quantity)

    def combined(self, weights: Mapping[str, float], psi: Floats) -> Linear:
        """A linear combination of quantities of several groups by name, given psi."""
        varying = self.varying
        if isinstance(varying, NestedIntercepts):
            raise ValueError(
                "weights names effects of nested groups: take differences of two, by "
                "probability('theta[a] > theta[b]')"
            )
        parts: dict[int, Combination] = {}
        for name, weight in weights.items():
            whole = f"beta[{name}]" if name in self.covariates.names else name
            one = self._any_quantity(whole)
            group = one.group if one.z.any() else NONE - 1
            old = parts.get(group)
            x, z = weight * one.x, weight * one.z
            parts[group] = Combination(
                x if old is None else old.x + x, z if old is None else old.z + z, one.group
            )
        total = Linear(0.0, 1.0, 0.0, False, np.zeros((self.covariates.size, 1)))
        for one in parts.values():
            total = total.minus(varying.linear(one, self.factor(psi)))
        direction = -np.asarray(total.direction)
        return self._unscaled(Linear(-total.intercept, 1.0, total.var, True, direction), psi)

    def own_effect(self, level: str, j: int, psi: Floats) -> Linear:
        """What one group of a level adds to the coefficients and the levels above."""
        varying = self.varying
        if not isinstance(varying, NestedIntercepts):
            raise ValueError("own effects of one grouping factor are b[GROUP,NAME]")
        at = self.nesting.levels.index(level)
        return self._unscaled(varying.own(at, j, self.factor(psi)), psi)

    def predictor(self, x: Floats, z: Floats, group: str | None, psi: Floats) -> Linear:
        """X' beta + z' b of an old group, or of a new one, given psi.

        Parameters
        ----------
        x : ndarray, shape (p,)
        z : ndarray, shape (q,)
        group : str or None
            Its label, or of nested groups ``LEVEL[LABEL]``, the innermost that is not new.
        psi : ndarray, shape (nodes, d)
        """
        varying = self.varying
        if isinstance(varying, NestedIntercepts):
            name = "theta_new" if group is None else f"theta_new[{group}]"
            finest = self.nesting.levels[-1]
            if group is not None and group.startswith(f"{finest}["):
                place = varying.effect(varying.groups.index(group[len(finest) + 1 : -1]))
            else:
                place = varying.named(name)
            return self._unscaled(varying.linear(place.with_row(x), self.factor(psi)), psi)
        number = NONE if group is None else varying.groups.index(group)
        quantity = Combination(x, z, number)
        return self._unscaled(varying.linear(quantity, self.factor(psi)), psi)

    def predictors(
        self, x: Floats, z: Floats, group: str | None, psi: Floats, collapsed: Collapsed
    ) -> tuple[Floats, Floats, bool]:
        """Means and sds of several rows of one group, (rows, nodes), beta integrated out."""
        varying = self.varying
        if isinstance(varying, NestedIntercepts):
            found = [self.predictor(*pair, group, psi) for pair in zip(x, z, strict=True)]
            parts = zip(*(one.moments(collapsed) for one in found), strict=True)
            mean, sd = (np.array(part) for part in parts)
            return mean, sd, any(one.grows for one in found)
        number = NONE if group is None else varying.groups.index(group)
        sigma = np.exp(self._log_sigma(psi))
        return varying.predictors(number, x, z, self.factor(psi), collapsed, sigma)

    # --- The marginal density of (beta, psi) --------------------------------------------------

    def _density(self, priors: bool) -> LogDensity:
        sums, prior, p = self.varying.sums, self.covariates.prior, self.covariates.size
        mean, root = (prior.mean, prior.root) if priors else (np.zeros(p), np.empty((0, p)))
        rho = self.prior.covariance.rho
        constant = 0.5 * sums.log_weight - 0.5 * self.estimates_used * LOG_2PI
        if priors:
            constant += float(prior.log_density(prior.mean)) + rho.log_constant
        scales = self.scale_priors
        return RowsMarginal(
            sums.varying, self._correlated, self.estimates_used,
            np.nan if self.sigma is None else float(np.log(self.sigma)), *sums.classes,
            sums.within[0, :-1].copy(), sums.about, np.ascontiguousarray(np.linalg.inv(sums.basis)),
            mean, root, constant, rho.powers, scales if priors else [None] * len(scales), priors,
        )  # fmt: skip

    @property
    def scale_priors(self) -> list[LogDensity | None]:
        """Log prior densities of sigma and every tau at their logs; None for a uniform one."""
        return [one.density for one in self.prior.scales]

    @property
    def _compiled(self) -> bool:
        parts = self.scale_priors
        known = self.prior.covariance.rho.proper and self.nesting.depth == 1
        return known and all(one is None or one.compiled for one in parts)

    log_constant = 0.0

    def _log_likelihood(self, phi: Floats) -> Floats:
        """Log likelihood of (beta, psi), with all constants, shape (n,)."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self._log_likelihood_at(phi)

    def _log_likelihood_at(self, phi: Floats) -> Floats:
        beta, psi = self._split(np.atleast_2d(phi))
        low = self.ladder_ends[0] - 40.0  # below it tau is nothing beside what is left
        logs = np.array([one.line == "log" for one in self.psi])
        psi = np.where(logs, np.maximum(psi, low - np.log(self._widest)), psi)
        sums, p = self.varying.sums, self.covariates.size
        gamma = np.linalg.solve(sums.basis, (beta - sums.about).T).T
        table = self._tables(psi)
        away, at = np.zeros((len(table), p)), 0
        for k in range(p):
            row = table[:, at : at + p + 1 - k]
            away[:, k] = (row[:, :-1] * gamma[:, k:]).sum(axis=1) - row[:, -1]
            at += p + 1 - k
        value: Floats = table[:, -1] + table[:, -2] + (away**2).sum(axis=1)
        value = -0.5 * (value + self.estimates_used * LOG_2PI)
        return np.where(np.isnan(value), -np.inf, value)  # beyond a double

    @property
    def _widest(self) -> float:
        """The largest of the varying covariates, which divides a tau's unit."""
        return max(float(np.abs(self.rows.z).max()), 1.0)

    def hyperparameters(self, phi: Floats) -> Mapping[str, Floats]:
        """The coefficients, sigma, every tau and the correlations, each of shape (...)."""
        found = dict(super().hyperparameters(phi))
        if self._partial:
            found = {name: value for name, value in found.items() if not name.startswith("rho")}
            found |= correlations(self.varying.names, self._split(phi)[1][..., -3:])
        return found

    @property
    def _partial(self) -> bool:
        return self._correlated and len(self.varying.names) > 2

    def phi_at(self, **values: float) -> Floats:
        """(beta, psi) at values of all hyperparameters by their names."""
        given = with_partial(self.varying.names, self.psi, values) if self._partial else values
        return super().phi_at(**given)

    # --- Effects ------------------------------------------------------------------------------

    def _flat(self, phi: Floats) -> tuple[Floats, Floats, Floats]:
        """Beta, factors and sigma at phi in a row."""
        beta, psi = self._split(np.ascontiguousarray(phi).reshape(-1, phi.shape[-1]))
        return beta, self.factor(psi), np.exp(self._log_sigma(psi))

    def pooling(self, phi: Floats) -> Floats:
        """Shrinkage factors, shape (..., effects)."""
        _, factor, _ = self._flat(phi)
        return self.varying.pooling(factor).reshape(*phi.shape[:-1], -1)

    def draw_theta(self, phi: Floats, rng: Generator) -> Floats:
        """Exact draws of the groups' coefficients given phi, shape (..., effects)."""
        beta, factor, sigma = self._flat(phi)
        return self.varying.draws(beta, factor, sigma, rng).reshape(*phi.shape[:-1], -1)

    def draw_prior_theta(self, phi: Floats, rng: Generator) -> Floats:
        """Draws of the groups' coefficients given phi (n, p), without the data, (n, effects)."""
        return self.varying.prior_draws(*self._flat(phi), rng)

    def draw_new_theta(self, phi: Floats, rng: Generator) -> Floats:
        """Draws of a new group's coefficients, shape (..., q), or (...) of one."""
        beta, factor, sigma = self._flat(phi)
        drawn = self.varying.draws_of_new(beta, factor, sigma, rng)
        shape = phi.shape[:-1] if len(self.new_effects) == 1 else (*phi.shape[:-1], -1)
        return drawn.reshape(shape)

    def moments(self) -> Floats:
        """There is no estimate by moments."""
        self._lacks("moments()")


def _by_basis(basis: Floats, packed: Floats) -> Floats:
    """A triangular basis times triangles F, both upper, by rows: shape (p (p + 1) / 2, nodes)."""
    p = len(basis)
    ends = np.concatenate([[0], np.cumsum(np.arange(p, 0, -1))])
    found = np.zeros_like(packed)
    for i in range(p):
        for k in range(i, p):  # row k of F begins k - i places into row i
            found[ends[i] + k - i : ends[i + 1]] += basis[i, k] * packed[ends[k] : ends[k + 1]]
    return found
