"""The normal model with covariates of the groups: meta-regression.

y_j ~ N(theta_j, se_j^2), theta_j ~ N(x_j' beta, tau^2): Gelman et al., Bayesian Data Analysis (3rd
ed.), section 15.3; Higgins and Thompson (2004). The coordinates are (beta, log tau). Estimates
with a known sampling covariance within studies are rotated first (sampling_covariance.py).
"""

from collections.abc import Mapping
from functools import cached_property, partial
from math import inf, log
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyhier._random import Generator, normals, uniforms
from pyhier._types import Floats, Ints
from pyhier._validation import not_negative, vector
from pyhier.distributions.families import Normal
from pyhier.kernels.density import LogDensity
from pyhier.kernels.linear_density import LinearMarginal
from pyhier.models import normal_likelihood as likelihood
from pyhier.models.coefficients import integrated, reference
from pyhier.models.covariates import LOG_2PI, BetaPrior, Covariates, covariates, of_mean
from pyhier.models.groups import Labels
from pyhier.models.normal_normal import NormalNormal
from pyhier.models.reductions import Collapsed, Linear
from pyhier.models.sampling_covariance import Rotation, rotation
from pyhier.models.whitened import MANY, Rows, Whitened, sums_of_many
from pyhier.priors.tau import NormalInvChi2, TauPrior
from pyhier.quadrature.axes import Axis, coordinate_axis


class NormalRegression(NormalNormal):
    """`NormalNormal` with covariates, or with estimates that are correlated within studies.

    ``NormalNormal(y, se=, X=)`` and ``NormalNormal(y, cov=)`` make these.

    Attributes
    ----------
    covariates : Covariates
    """

    def __init__(
        self,
        y: ArrayLike,
        *,
        se: ArrayLike | None = None,
        var: ArrayLike | None = None,
        cov: Any = None,
        X: Any = None,  # noqa: N803 - the field's name for a design
        intercept: bool = True,
        prior_beta: BetaPrior = None,
        labels: Labels = None,
        prior_mu: Any = None,
        prior_tau: TauPrior = "uniform",
        prior: NormalInvChi2 | None = None,
        design: Any = None,
    ) -> None:
        if prior is not None:
            raise ValueError("prior= ties one mean to tau: give prior_beta= and prior_tau=")
        self._rotation: Rotation | None = None
        if cov is not None:
            if se is not None or var is not None:
                raise ValueError("give se=, var= or cov=, one of them")
            y = vector("y", y)
            self._rotation = rotation(cov, y.size, lambda j: str(j + 1))
            var = self._rotation.diagonal
        super().__init__(y, se=se, var=var, labels=labels, prior_mu=prior_mu, prior_tau=prior_tau)
        self._cov, self._given_x, self._intercept = cov, X, intercept
        self._prior_beta, self._design = prior_beta, design
        self.covariates = self._covariates(X, prior_beta, intercept, design)
        self.coefficients = self.covariates.coefficients if X is not None else ("mu",)
        self.coordinates = (*self.coefficients, "log_tau")

    def _covariates(
        self, x: Any, prior_beta: BetaPrior, intercept: bool, design: Any
    ) -> Covariates:
        if x is None:
            return Covariates(("mu",), np.ones((self.y.size, 1)), of_mean(self.prior.mu))
        if self.prior.mu is not None:
            raise ValueError(
                "prior_mu is the prior of the one mean of a model without X: give "
                "prior_beta={'Intercept': scipy.stats.norm(mean, sd)}"
            )
        return covariates(x, prior_beta, intercept, self.y.size, design)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what the model was made of; the compiled density is made anew."""
        return partial(NormalNormal, **self._arguments()), (self.y,)

    def _arguments(self) -> dict[str, Any]:
        arguments = {
            "labels": self._labels, "X": self._given_x, "intercept": self._intercept,
            "prior_beta": self._prior_beta, "design": self._design, "cov": self._cov,
            "prior_tau": self._priors["prior_tau"], "prior_mu": self._priors["prior_mu"],
        }  # fmt: skip
        if self._cov is None:
            arguments[self._given] = self.se if self._given == "se" else self.var
        return arguments

    def with_prior(self, **priors: Any) -> NormalNormal:
        """The same data under other priors: ``prior_beta=``, ``prior_tau=``."""
        return NormalNormal(self.y, **(self._arguments() | priors))

    def __repr__(self) -> str:
        given = {"se": "standard errors given (se)", "var": "variances given (var)"}[self._given]
        if self._rotation is not None:
            given = "sampling covariances given (cov)"
        names, prior = ", ".join(self.coefficients), self.covariates.prior
        kind = "flat" if not len(prior.root) else "normal" if prior.proper else "partly normal"
        return f"NormalNormal: {self.sized}, {given}, {names} {kind}, tau {self.prior.name}"

    # --- Rotated data, sorted by variance, about a fit ----------------------------------------

    @cached_property
    def _table(self) -> tuple[Floats, Floats, Floats]:
        """y, x and var as independent estimates, by rising variance."""
        y, x, var = self.independent(self.covariates.x)
        order = np.argsort(var, kind="stable")
        y, x, var = (np.ascontiguousarray(part[order]) for part in (y, x, var))
        return y, x, var

    @cached_property
    def _reference(self) -> Floats:
        """Coefficients near the data's, subtracted before sums are made, shape (p,)."""
        return reference(*self._table) if self._whitened is None else self._whitened.fit

    @cached_property
    def log_marginal(self) -> LogDensity:
        """The log posterior density of (beta, log tau), theta integrated out, up to a constant."""
        prior = self.covariates.prior
        constant = float(prior.log_density(prior.mean))
        return LinearMarginal(*self._table, prior.mean, prior.root, constant, self.prior.density)

    @property
    def correlated(self) -> bool:  # type: ignore[override]
        """Whether the estimates' errors are correlated."""
        return self._rotation is not None

    def independent(self, x: Floats) -> tuple[Floats, Floats, Floats]:
        """Y, columns of a design and var of estimates with independent errors."""
        if self._rotation is None:
            return self.y, x, self.var
        return self._rotation.rotated(self.y), self._rotation.rotated(x), self._rotation.var

    @property
    def _independent_var(self) -> Floats:
        return self.var if self._rotation is None else self._rotation.var

    def _log_likelihood(self, phi: Floats) -> Floats:
        y, x, var = self._table
        p = self.covariates.size
        flat = LinearMarginal(y, x, var, np.zeros(p), np.empty((0, p)), 0.0)
        least = 0.5 * np.log(var[0]) - 20.0  # below it tau^2 is nothing beside the variances
        points = np.column_stack([phi[:, :-1], np.maximum(phi[:, -1], least)])
        values = flat.evaluate(points, fast=True)
        values -= points[:, -1]
        return values

    def ridge(self) -> Floats:
        """The likelihood's ridge, (beta, log tau) of shape (n, p + 1), from tau = 0 on."""
        y, x, var = self._table
        log_tau = likelihood.ridge(y - x @ self._reference, var)[:, 1]
        scale = np.sqrt((x * x).sum(axis=0))
        points = np.empty((log_tau.size, x.shape[1] + 1))
        for point, s in zip(points, log_tau, strict=True):
            root = 1.0 / np.sqrt(var + np.exp(2.0 * s))
            fit = np.linalg.lstsq(x / scale * root[:, None], y * root, rcond=None)[0]
            point[:-1], point[-1] = fit / scale, s
        return points

    # --- All but tau integrated out -----------------------------------------------------------

    def sums(self, last: Floats) -> Floats:
        """Sums over groups at nodes of log tau (linear_groups.pyx), shape (size, nodes)."""
        nodes, about = np.ascontiguousarray(last, dtype=np.float64), self._reference
        if self._whitened is None:
            return self._rows.triangles(nodes, about).T
        return sums_of_many(self._rows, self._whitened, nodes, about).T

    @cached_property
    def _rows(self) -> Rows:
        low, high = self._constants[1:]
        return Rows(*self._table, (float(low[0]), float(high[0])))

    @cached_property
    def _whitened(self) -> Whitened | None:
        """For sums over many groups; None for few, or where columns make up others."""
        if self.y.size < MANY:
            return None
        return Whitened.at(self._rows, 0.5 * float(np.log(np.median(self._rows.var))))

    def integrated(self, sums: Floats, last: Floats) -> Collapsed:
        """Beta integrated out of sums over all groups, with its prior and all constants."""
        table, prior = np.ascontiguousarray(sums.T), self.covariates.prior
        found = integrated(table, prior, self._reference, self.y.size)
        found.rows[0] += last
        return found

    def given(self, quantity: int | slice | str, last: Floats) -> Linear:
        """Groups' effects, coefficients or the effect of a new group, given log tau.

        The new group's covariates are the means over the groups; `new` takes others.
        """
        if isinstance(quantity, str):
            if quantity in self.coefficients:
                unit = np.eye(self.covariates.size)[self.coefficients.index(quantity)]
                return self.combination(unit)
            return self.new(self.covariates.x.mean(axis=0), last)
        if self._rotation is None:
            table = self._effects(quantity, last)
            x = self.covariates.x[quantity][..., np.newaxis]
            return Linear(*table, False, x)
        if isinstance(quantity, slice):
            rows = [self.given(j, last) for j in range(*quantity.indices(self.y.size))]
            parts = [(row.intercept, row.var, row.direction) for row in rows]
            intercept, noise, direction = (np.array(part) for part in zip(*parts, strict=True))
            return Linear(intercept, 1.0, noise, False, direction)
        return self._rotated_effect(*self._rotation.row(quantity), last)

    def _effects(self, quantity: int | slice, last: Floats) -> tuple[Floats, Floats, Floats]:
        tau2, y, var = np.exp(2.0 * last), self.y[quantity], self.var[quantity]
        if isinstance(quantity, slice):
            y, var = y[:, np.newaxis], var[:, np.newaxis]
        shrinkage = var / (var + tau2)
        return y * (tau2 / (var + tau2)), shrinkage, tau2 * shrinkage

    def _rotated_effect(self, at: Any, weight: Floats, last: Floats) -> Linear:
        """A sum of rotated effects given log tau, by weights."""
        assert self._rotation is not None
        y, x, var = self._unsorted
        tau2 = np.exp(2.0 * last)
        shrinkage = var[at, None] / (var[at, None] + tau2)
        intercept = (weight * y[at]) @ (1.0 - shrinkage)
        direction = np.einsum("k,kp,kn->pn", weight, x[at], shrinkage)
        return Linear(intercept, 1.0, (weight**2) @ (tau2 * shrinkage), False, direction)

    @cached_property
    def _unsorted(self) -> tuple[Floats, Floats, Floats]:
        """Rotated y, x and var in the order of the groups."""
        assert self._rotation is not None
        rotated = self._rotation.rotated
        return rotated(self.y), rotated(self.covariates.x), self._rotation.var

    def difference(self, first: int | str, second: int | str, last: Floats) -> Linear:
        """The difference of two quantities given log tau; effects of a study share their noise."""
        both = isinstance(first, int) and isinstance(second, int)
        if self._rotation is None or not both:
            return super().difference(first, second, last)
        assert isinstance(first, int)
        assert isinstance(second, int)
        weight = np.zeros(self.y.size)
        for j, sign in ((first, 1.0), (second, -1.0)):
            at, own = self._rotation.row(j)
            weight[at] += sign * own
        at = np.flatnonzero(weight)
        return self._rotated_effect(at, weight[at], last)

    def combination(self, vector: Floats) -> Linear:
        """A linear combination of the coefficients."""
        grows = not self.covariates.prior.bounds(vector)
        return Linear(0.0, 1.0, 0.0, grows, vector[:, np.newaxis])

    def new(self, row: Floats, last: Floats) -> Linear:
        """The effect of a new group with a row of the design, given log tau."""
        return Linear(0.0, 1.0, np.exp(2.0 * last), True, row[:, np.newaxis])

    def mean_weights(self, last: Floats, chances: Floats) -> tuple[Floats, Floats]:
        """Weights of the estimates in the means of the coefficients and of the effects.

        Parameters
        ----------
        last, chances : ndarray, shape (nodes,)
            Log tau and their probabilities.

        Returns
        -------
        coefficients : ndarray, shape (p, groups)
        effects : ndarray, shape (groups, groups)
            A row an effect.
        """
        _, x, var = self.independent(self.covariates.x)
        prior = self.covariates.prior.root
        precision = 1.0 / (var + np.exp(2.0 * last)[:, None])
        gram = np.einsum("ik,kp,kq->ipq", precision, x, x) + prior.T @ prior
        fits = np.linalg.solve(gram, x.T * precision[:, None, :])
        shrinkage = chances[:, None] * var * precision
        effects = np.einsum("ik,ipj->kpj", shrinkage, fits)
        effects = np.einsum("kp,kpj->kj", x, effects) + np.diag(1.0 - shrinkage.sum(axis=0))
        coefficients = np.einsum("i,ipj->pj", chances, fits)
        if self._rotation is None:
            return coefficients, effects
        back = self._rotation.restored
        return back(coefficients), back(back(effects).T).T

    def without_covariates(self) -> NormalNormal:
        """The same data and prior of tau with the intercept alone."""
        data = {"cov": self._cov} if self._cov is not None else {"var": self.var}
        prior = self._priors["prior_tau"]
        return NormalNormal(self.y, labels=self._labels, prior_tau=prior, **data)

    # --- Priors -------------------------------------------------------------------------------

    @property
    def _prior_scale(self) -> float:
        """Log tau up to which the priors of the coefficients change the likelihood of tau."""
        y, x, prior = self.y, self.covariates.x, self.covariates.prior
        known = np.isfinite(prior.sd)
        if not known.any():
            return -inf
        sizes = np.append(np.abs(x[:, known]) @ prior.sd[known], np.abs(y - x @ prior.mean))
        return log(max(float(sizes.max()), 1e-300))

    @property
    def _flat(self) -> int:
        """How many coefficients have a flat prior."""
        return self.covariates.size - len(self.covariates.prior.root)

    def why_improper(self) -> str:
        """Which prior is improper; empty when all are proper."""
        flat = [
            name
            for name, sd in zip(self.coefficients, self.covariates.prior.sd, strict=True)
            if np.isinf(sd)
        ]
        if flat:
            return f"the flat prior of {', '.join(flat)}"
        return super().why_improper() if self.prior.mu is not None else self._why_tau()

    def log_prior_at(self, coefficient: str, value: float) -> float:
        """Log prior density of a coefficient at a value."""
        k, prior = self.coefficients.index(coefficient), self.covariates.prior
        if np.isinf(prior.sd[k]):
            raise ValueError(f"the prior of {coefficient} is flat: give it in prior_beta")
        return prior.log_density_of(k, value)

    def log_prior(self, phi: Floats) -> Floats:
        """Log prior density of (beta, log tau), shape (...)."""
        log_tau = phi[..., -1]
        density = self.prior.log_density(log_tau) + log_tau
        return density + self.covariates.prior.log_density(phi[..., :-1])

    def draw_prior(self, n: int, rng: Generator) -> Floats:
        """Draws of (beta, log tau) from the prior, shape (n, p + 1)."""
        why = self.why_improper()
        if why:
            raise ValueError(f"there are no draws of {why}: give proper priors")
        log_tau = self.prior.draw_log_tau(uniforms(rng, n))
        z = normals(rng, (n,), self.covariates.size)
        return np.column_stack([self.covariates.prior.draws(z), log_tau])

    # --- The hyperparameters ------------------------------------------------------------------

    def likelihood_derivatives(self, phi: Floats) -> tuple[Floats, Floats]:
        """Gradient (p + 1,) and Hessian of the log likelihood at one (beta, log tau)."""
        y, x, var = self._table
        p = self.covariates.size
        tau2 = np.exp(2.0 * phi[-1])
        weights = 1.0 / (var + tau2)
        residuals = y - x @ phi[:-1]
        pull, share = weights * residuals, weights * tau2
        excess = pull * residuals - 1.0
        gradient, hessian = np.zeros(p + 1), np.zeros((p + 1, p + 1))
        gradient[:-1], gradient[-1] = x.T @ pull, (share * excess).sum()
        hessian[:-1, :-1] = -(x.T * weights) @ x
        hessian[:-1, -1] = hessian[-1, :-1] = -2.0 * x.T @ (share * pull)
        bend = share * (excess * (1.0 - share) - share * (excess + 1.0))
        hessian[-1, -1] = 2.0 * bend.sum()
        return gradient, hessian

    def derivatives(self, phi: Floats) -> tuple[Floats, Floats]:
        """Gradient (p + 1,) and Hessian of the log marginal at one (beta, log tau)."""
        prior = self.covariates.prior
        gradient, hessian = self.likelihood_derivatives(phi)
        gradient[:-1] -= prior.root.T @ (prior.root @ (phi[:-1] - prior.mean))
        hessian[:-1, :-1] -= prior.root.T @ prior.root
        slope, curvature = self._tau_derivatives(phi[-1])
        gradient[-1] += slope + 1.0
        hessian[-1, -1] += curvature
        return gradient, hessian

    def hyperparameters(self, phi: Floats) -> Mapping[str, Floats]:
        """The coefficients and tau, each of shape (...)."""
        named = {name: phi[..., k] for k, name in enumerate(self.coefficients)}
        return named | {"tau": np.exp(phi[..., -1])}

    def phi_at(self, **values: float) -> Floats:
        """(beta, log tau) at values of all coefficients, by their names, and of tau."""
        if "tau" not in values:
            raise ValueError(f"the hyperparameters are {', '.join(self.coefficients)} and tau")
        tau = not_negative("tau", values.pop("tau"))
        beta = self.covariates.combination(values, "the hyperparameters")
        if len(values) < self.covariates.size:
            raise ValueError(f"the hyperparameters are {', '.join(self.coefficients)} and tau")
        with np.errstate(divide="ignore"):
            return np.append(beta, np.log(tau))

    def axis(self, name: str) -> Axis | None:
        """The axis of a coefficient or of tau, of a model with one coefficient."""
        axes = {self.coefficients[0]: coordinate_axis(0), "tau": coordinate_axis(1, "log")}
        return axes.get(name)

    def moments(self) -> Floats:
        """(beta, log tau) by the method of moments (DerSimonian and Laird 1986), tau perhaps 0."""
        y, x, var = self._table
        root = 1.0 / np.sqrt(var)
        basis, triangle = np.linalg.qr(x * root[:, None])
        left = y * root - basis @ (basis.T @ (y * root))
        spare = float((root**2).sum() - ((basis * root[:, None]) ** 2).sum())
        excess = float(left @ left) - (y.size - x.shape[1])
        tau2 = max(0.0, excess / spare) if spare > 0.0 else 0.0
        root = 1.0 / np.sqrt(var + tau2)
        basis, triangle = np.linalg.qr(x * root[:, None])
        beta = np.linalg.solve(triangle, basis.T @ (y * root))
        with np.errstate(divide="ignore"):
            return np.append(beta, 0.5 * np.log(tau2))

    # --- Effects and data ---------------------------------------------------------------------

    def pooling(self, phi: Floats) -> Floats:
        """Shrinkage factors towards the line, shape (..., groups)."""
        if self._rotation is None:
            return super().pooling(phi)
        var = self._rotation.var
        factors: Floats = var / (var + np.exp(2.0 * phi[..., -1, np.newaxis]))
        return self._rotation.squared(factors)

    def draw_theta(self, phi: Floats, rng: Generator) -> Floats:
        """Exact draws of theta given (beta, tau), shape (..., groups)."""
        tau = np.exp(phi[..., -1, np.newaxis])
        rotated = self._rotation is not None
        y, x, var = self._unsorted if rotated else (self.y, self.covariates.x, self.var)
        shrinkage = var / (var + tau**2)
        theta = normals(rng, phi.shape[:-1], y.size)
        theta *= tau * np.sqrt(shrinkage)
        theta += y + shrinkage * (phi[..., :-1] @ x.T - y)
        return theta if self._rotation is None else self._rotation.restored(theta)

    def draw_prior_theta(self, phi: Floats, rng: Generator) -> Floats:
        """Draws of the groups' effects given phi (n, p), without the data, shape (n, groups)."""
        noise = normals(rng, (len(phi),), self.y.size)
        theta: Floats = phi[:, :-1] @ self.covariates.x.T + np.exp(phi[:, -1:]) * noise
        return theta

    def draw_new_theta(self, phi: Floats, rng: Generator, row: Floats | None = None) -> Floats:
        """Draws of the effect of a new group with a row of the design, or their mean, (...)."""
        centre: Floats = phi[..., :-1] @ self.covariates.row_or_mean(row)
        return centre + np.exp(phi[..., -1]) * normals(rng, phi.shape[:-1], 1)[..., 0]

    def predict(self, theta: Floats, rng: Generator) -> Floats:
        """Draws of new estimates of the same groups, shape (..., groups)."""
        if self._rotation is None:
            return super().predict(theta, rng)
        noise = np.sqrt(self._rotation.var) * normals(rng, theta.shape[:-1], self.y.size)
        return theta + self._rotation.restored(noise)

    def log_likelihood(self, theta: Floats) -> Floats:
        """Log density of each estimate given its effect, shape (..., groups).

        Of estimates that are correlated these are of the rotated ones: only a study's sum means
        something.
        """
        if self._rotation is None:
            return super().log_likelihood(theta)
        var = self._rotation.var
        away = np.moveaxis(self._rotation.rotated(np.moveaxis(self.y - theta, -1, 0)), 0, -1)
        density: Floats = -0.5 * (away**2 / var + np.log(var) + LOG_2PI)
        return density

    def theta_given(self, quantity: int | Ints | None, phi: Floats) -> Normal:
        """Distribution of a group's effect, or of a new group's (None), given phi; of one alone."""
        linear = self.given("theta_new" if quantity is None else int(quantity), phi[:, -1])
        assert linear.direction is not None
        centre = (linear.direction * phi[:, :-1].T).sum(axis=0)
        mean = linear.intercept + linear.slope * centre
        return Normal(mean, np.broadcast_to(np.asarray(linear.var), mean.shape))


NormalNormal.with_covariates = NormalRegression
