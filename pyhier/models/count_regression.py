"""Models for counts with covariates of the groups: what the two have in common.

theta_j has the beta (gamma) distribution of the plain model, whose mean is that of a predictor
u_j = x_j' beta: logit eta_j, or log mu_j. The coordinates are (beta, log K) or (beta, log alpha);
given them effects stay conjugate, as in the plain model at (u_j, log K).
"""

from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from pyhier._random import Generator, normals, uniforms
from pyhier._types import Floats
from pyhier._validation import positive
from pyhier.kernels.count_regression import (
    CountRegressionGradient,
    CountRegressionMarginal,
    RegressionCounts,
)
from pyhier.kernels.density import LogDensity
from pyhier.kernels.gradients import GradientDensity
from pyhier.models.counts import CountModel, ladder
from pyhier.models.covariates import BetaPrior, Covariates, PlainEffects, covariates
from pyhier.models.joint import Joint, choose, python_prior
from pyhier.models.precision_prior import precision_prior
from pyhier.models.separation import involved, separating
from pyhier.priors.differences import STEPS, five_point
from pyhier.priors.tau import ResolvedPrior
from pyhier.quadrature.fitting import Coordinate
from pyhier.quadrature.transforms import from_line

NEWTON, SHORT = 60, 1e-10  # steps of a fit at most; of a gain, where it ends
LONGEST = 3.0  # of a linear predictor in a step
MANY = 200_000  # groups from which equal ones are not looked for


class CountRegression(PlainEffects, CountModel):
    """What `BetaBinomial` and `PoissonGamma` become where they have covariates.

    Attributes
    ----------
    covariates : Covariates
    prior : ResolvedPrior
        Of K or alpha.
    """

    parameterizations = ("marginal",)
    family: str  # of the compiled densities
    precision: str  # "K" or "alpha"
    location: int  # of the predictor among the plain model's coordinates
    covariates: Covariates
    prior: ResolvedPrior  # type: ignore[assignment]

    # --- What the two models say ----------------------------------------------------------------

    @property
    @abstractmethod
    def _columns(self) -> tuple[Floats, Floats]:
        """Counts, and what stands beside them: failures or exposures."""

    @property
    @abstractmethod
    def _kinds(self) -> tuple[Any, Any, Any]:
        """Groups that hold a predictor from both sides, or let it grow, or fall."""

    @abstractmethod
    def _drawn(self, family: Any, rng: Generator) -> Floats:
        """Draws of effects of the distributions given."""

    @abstractmethod
    def _working(self) -> tuple[Floats, Floats]:
        """Smoothed estimates on the line of the predictor, and their variances."""

    @abstractmethod
    def _arguments(self) -> dict[str, Any]:
        """What the constructor took beside the data."""

    @abstractmethod
    def with_prior(self, **priors: Any) -> Any:
        """The same data under other priors."""

    # --- Made once ------------------------------------------------------------------------------

    def _regress(
        self, x: Any, intercept: bool, prior_beta: BetaPrior, prior: Any, design: Any
    ) -> None:
        """Take the design and the priors."""
        self._given = {"X": x, "intercept": intercept, "prior_beta": prior_beta,
                       f"prior_{self.precision}": prior, "design": design}  # fmt: skip
        self.covariates = covariates(x, prior_beta, intercept, self._groups, design)
        self.prior = precision_prior(prior, self.precision, self.z0)
        self.coefficients = self.covariates.coefficients
        self.coordinates = (*self.coefficients, f"log_{self.precision}")

    def _take(self, likelihood: Any) -> None:
        """The plain model's density is none of this one's."""

    def __repr__(self) -> str:
        prior = self.covariates.prior
        kind = "flat" if not len(prior.root) else "normal" if prior.proper else "partly normal"
        names = ", ".join(self.coefficients)
        name = type(self).__name__.removesuffix("Regression")
        return f"{name}: {self.sized}, {names} {kind}, {self.precision} {self.prior.name}"

    @cached_property
    def _counts(self) -> RegressionCounts:
        """The different groups that have data."""
        y, other = self._columns
        some = y + other > 0.0
        table = np.column_stack([y, other, self.covariates.x])[some]
        times = np.ones(len(table))
        if 0 < len(table) <= MANY:
            table, counts = np.unique(table, axis=0, return_counts=True)
            times = counts.astype(np.float64)
        prior = self.covariates.prior
        y, other = np.ascontiguousarray(table[:, 0]), np.ascontiguousarray(table[:, 1])
        family: Any = self.family
        return RegressionCounts(
            family, y, other, np.ascontiguousarray(table[:, 2:]), times, prior.mean,
            np.ascontiguousarray(prior.root), float(prior.log_density(prior.mean)),
        )  # fmt: skip

    @cached_property
    def log_marginal(self) -> LogDensity:  # type: ignore[override]
        """The log posterior density of (beta, log K), theta integrated out, with all constants."""
        return CountRegressionMarginal(self._counts, self.prior.density)

    @cached_property
    def log_marginal_gradient(self) -> GradientDensity:
        """The same with its gradient."""
        prior = self.prior.density
        if prior is not None and not prior.compiled:
            python = python_prior(lambda v: self.prior.log_density(v[:, 0]), 1)
            return CountRegressionGradient(self._counts, python)
        return CountRegressionGradient(self._counts, prior)

    @cached_property
    def _log_likelihood(self) -> CountRegressionMarginal:
        return CountRegressionMarginal(self._counts, None, False)

    # --- Densities ------------------------------------------------------------------------------

    def log_prior(self, phi: Floats) -> Floats:
        """Log prior density of (beta, log K), shape (...), flat coefficients counted as 1."""
        v = phi[..., -1]
        of_precision: Floats = self.prior.log_density(v) + v
        return self.covariates.prior.log_density(phi[..., :-1]) + of_precision

    def _named_prior(self, phi: Floats) -> Floats:
        return self.log_prior(phi)

    def log_marginal_likelihood(self, phi: Floats) -> Floats:
        """Log likelihood of phi, the effects integrated out, with all constants, shape (n,)."""
        return self._log_likelihood.evaluate(phi)

    def log_posterior(self, phi: Floats) -> Floats:
        """The log posterior density at many points, shape (n, p + 1), at once."""
        if self.log_marginal.compiled:
            return self.log_marginal.evaluate(phi)
        return self._log_likelihood.evaluate(phi) + self.log_prior(phi)

    def likelihood_derivatives(self, phi: Floats) -> tuple[Floats, Floats]:
        """Gradient (p + 1,) and Hessian of the log likelihood at one phi."""
        return self._counts.derivatives(phi)

    def derivatives(self, phi: Floats) -> tuple[Floats, Floats]:
        """Gradient (p + 1,) and Hessian of the log posterior density at one phi."""
        gradient, hessian = self._counts.derivatives(phi)
        prior = self.covariates.prior
        gradient[:-1] -= prior.root.T @ (prior.root @ (phi[:-1] - prior.mean))
        hessian[:-1, :-1] -= prior.root.T @ prior.root
        slope, curvature = five_point(self.prior.log_density(phi[-1] + STEPS))
        gradient[-1] += slope + 1.0
        hessian[-1, -1] += curvature
        return gradient, hessian

    @property
    def bounds(self) -> Floats:
        """Ends of what each coordinate may be, shape (2, p + 1)."""
        return np.array([one.range for one in self.psi]).T

    # --- Priors ---------------------------------------------------------------------------------

    def why_improper(self) -> str:
        """Which prior is improper; empty when all are proper."""
        sds = zip(self.coefficients, self.covariates.prior.sd, strict=True)
        flat = [name for name, sd in sds if np.isinf(sd)]
        if flat:
            return f"the flat prior of {', '.join(flat)}"
        if self.prior.proper:
            return ""
        return (
            f"the prior of {self.precision} ({self.prior.name}), which is not known to integrate "
            "to one"
        )

    def draw_prior(self, n: int, rng: Generator) -> Floats:
        """Draws of phi from the prior, shape (n, p + 1)."""
        if why := self.why_improper():
            raise ValueError(f"there are no draws of {why}: give proper priors")
        v = self.prior.draw_log_tau(uniforms(rng, n))
        z = normals(rng, (n,), self.covariates.size)
        return np.column_stack([self.covariates.prior.draws(z), v])

    def log_prior_at(self, name: str, value: float) -> float:
        """Log prior density of a coefficient, or of the last coordinate, at a value."""
        if name in self.coefficients:
            return self.covariates.prior.log_density_of(self.coefficients.index(name), value)
        return float(self.prior.log_density(np.array([value]))[0]) + value

    @cached_property
    def _direction(self) -> Floats | None:
        """A direction of the coefficients along which nothing falls off."""
        return separating(self.covariates.x, *self._kinds, self.covariates.prior.root)

    def why_no_posterior(self) -> str:
        """Why the posterior is improper and what mends it; empty where nothing is known of it."""
        if self._direction is not None:
            return self._separated(self._direction)
        left, right = self.psi_tails()[-1]
        if min(left, right) > 1e-6:
            return ""
        name = self.precision
        where = f"{name} = 0" if left <= 1e-6 else f"large {name}"
        return (
            f"the posterior of {name} is improper under the prior {self.prior.name} (infinite mass "
            f"at {where}): give a proper one, such as prior_{name}=scipy.stats.lognorm(1, "
            "scale=10), and prior_beta where few groups have events"
        )

    def _separated(self, direction: Floats) -> str:
        names = involved(direction, self.covariates.x, self.coefficients)
        held, up, down = self._kinds
        what = "a coefficient" if len(names) == 1 else "a combination of coefficients"
        if not held.any() and not (up.any() and down.any()):
            why = "there is no success" if down.any() else "there is no failure"
            why = why.replace("success", "event") if self.precision == "alpha" else why
        elif (held | up | down).any() and not np.abs(self.covariates.x[held | up | down]
                                                     @ direction).max() > 1e-9:  # fmt: skip
            why = "no group that has data depends on it"
        else:
            zeros = "events" if self.precision == "alpha" else "both successes and failures"
            why = f"it separates groups without {zeros} from the others"
        bare = names[0].removeprefix("beta[").removesuffix("]")
        return (
            f"the posterior is improper under a flat prior of {', '.join(names)}: {what} can grow "
            f"without end, for {why}; give a proper prior, such as prior_beta={{{bare!r}: "
            "scipy.stats.norm(0, 2.5)}"
        )

    # --- What a lattice is told -----------------------------------------------------------------

    @property
    def psi(self) -> tuple[Coordinate, ...]:
        """What the coordinates are: the coefficients, and the log of the precision."""
        with np.errstate(divide="ignore"):
            low, high = np.log(np.array(self.prior.support)).tolist()
        own = (Coordinate(name, name, "identity") for name in self.coefficients)
        name = self.precision
        return (*own, Coordinate(f"log_{name}", name, "log", (low, high)))

    def psi_start(self) -> Floats:
        """Where the search for the mode begins, shape (p + 1,)."""
        return self.start()

    def predictor_index(self, row: Floats) -> float:
        """Exponent below which powers of a combination of coefficients, (p,), have expectations."""
        return np.inf

    def psi_tails(self) -> Floats:
        """Exponents with which the density of every coordinate falls off far out, (p + 1, 2)."""
        powers = self.prior.structure(*self._scales).powers
        tails = np.full((self.covariates.size + 1, 2), np.inf)
        tails[-1] = powers[0] + 1.0 + self._fall_near_0, powers[1] - 1.0
        return tails

    @property
    @abstractmethod
    def _fall_near_0(self) -> float:
        """By which power of a small precision the likelihood falls, beta integrated out."""

    @property
    def _scales(self) -> tuple[float, float]:
        """Logs of the precision between which the data has structure."""
        rungs = ladder(float(np.max(self._columns[0].sum(), initial=1.0)))
        return -6.0, float(rungs[-1])

    @property
    def mend(self) -> str:
        """What to change where the quadrature is not resolved."""
        return "a smoother prior"

    def psi_peaks(self) -> list[tuple[int, float, float]]:
        """Where a prior given as a function has peaks: the coordinate, the place, the width."""
        found = self.prior.peaks(*self._scales).tolist()
        return [(self.covariates.size, place, width) for place, width in found]

    def log_psi(self, psi: Floats) -> Floats:
        """Log posterior density with all constants, at points (nodes, p + 1)."""
        return self.log_posterior(np.ascontiguousarray(psi))

    # --- Places ---------------------------------------------------------------------------------

    def start(self) -> Floats:
        """The best of a ladder of the precision, with a weighted fit of the groups' estimates."""
        z, var = self._working()
        rungs = np.linspace(-2.0, 10.0, 13)
        low, high = self.psi[-1].range
        off = 1e-3 * min(1.0, high - low)
        rungs = np.clip(rungs, low + off, high - off)
        fits = np.array([self._fit(z, var + extra) for extra in (1.0, 0.1, 0.0)])
        points = np.column_stack([np.repeat(fits, rungs.size, axis=0), np.tile(rungs, len(fits))])
        density = self.log_posterior(points)
        if not (density > -np.inf).any():
            raise ValueError(
                "the posterior density is 0 or NaN wherever a search for its mass looked: check "
                f"the priors at values like those of the data ({self.prior.name})"
            )
        best: Floats = points[int(np.nanargmax(density))]
        return best

    def _fit(self, z: Floats, var: Floats) -> Floats:
        """Coefficients by weighted least squares, with their prior, shape (p,)."""
        x, prior = self.covariates.x, self.covariates.prior
        root = 1.0 / np.sqrt(var)
        rows = np.vstack([x * root[:, None], prior.root])
        wanted = np.concatenate([z * root, prior.root @ prior.mean])
        scale = np.sqrt((rows * rows).sum(axis=0))
        found: Floats = np.linalg.lstsq(rows / scale, wanted, rcond=None)[0] / scale
        return found

    def ridge(self) -> Floats:
        """The likelihood's ridge, (beta, log K) of shape (n, p + 1), from large K to small."""
        z, var = self._working()
        beta, points = self._fit(z, var), []
        for rung in ladder(float(self._columns[0].max(initial=1.0)))[::-1]:
            beta = self._best_beta(beta, float(rung))
            points.append([*beta, rung])
        return np.array(points)

    def _best_beta(self, beta: Floats, v: float) -> Floats:
        """The coefficients of greatest likelihood at a precision, by damped Newton steps."""
        x, value, damping = self.covariates.x, -np.inf, 1e-9
        point = np.append(beta, v)
        for _ in range(NEWTON):
            gradient, hessian = (part[..., :-1] for part in self._counts.derivatives(point))
            bend = -hessian[:-1]
            size = np.abs(np.diag(bend)) + 1e-12 * np.abs(np.diag(bend)).max() + 1e-300
            scale = np.sqrt(size)
            scaled = bend / np.outer(scale, scale) + damping * np.eye(scale.size)
            step = np.linalg.lstsq(scaled, gradient / scale, rcond=1e-13)[0] / scale
            step /= max(1.0, float(np.abs(x @ step).max()) / LONGEST)
            value = self._log_likelihood(point)
            new = np.append(point[:-1] + step, v)
            if self._log_likelihood(new) >= value - 1e-12 * abs(value):
                point, damping = new, 0.1 * damping
                if abs(gradient @ step) < SHORT:
                    break
            else:
                damping = max(10.0 * damping, 1e-3)
        return point[:-1]

    def moments(self) -> Floats:
        """Phi by Pearson's statistic about the fit without overdispersion (Williams 1982)."""
        from scipy.optimize import brentq

        z, var = self._working()
        beta = self._best_beta(self._fit(z, var), 40.0)
        u = self.covariates.x @ beta
        degrees = int(self._informative.sum()) - self.covariates.size
        low, high = -20.0, 40.0

        def excess(v: float) -> float:
            return self._pearson(u, v) - degrees

        if degrees < 1 or not excess(high) > 0.0 or not excess(low) < 0.0:
            raise ValueError(
                "the groups vary no more about their fit than counts do by chance: there is no "
                f"moment estimate of {self.precision}; take the likelihood, method='ml'"
            )
        return np.append(beta, brentq(excess, low, high, xtol=1e-12))

    @property
    def _informative(self) -> Any:
        y, other = self._columns
        return y + other > 0.0

    @abstractmethod
    def _pearson(self, u: Floats, v: float) -> float:
        """Pearson's statistic at predictors and the log of the precision."""

    # --- Names ----------------------------------------------------------------------------------

    def hyperparameters(self, phi: Floats) -> Mapping[str, Floats]:
        """The coefficients and the precision, each of shape (...)."""
        named = {name: phi[..., k] for k, name in enumerate(self.coefficients)}
        return named | {self.precision: from_line("log", phi[..., -1])}

    def phi_at(self, **values: float) -> Floats:
        """Phi at values of all coefficients, by their names, and of the precision."""
        names = (*self.coefficients, self.precision)
        if set(values) != set(names):
            raise ValueError(f"the hyperparameters are {', '.join(names)}: give all of them")
        precision = positive(self.precision, values.pop(self.precision))
        beta = self.covariates.combination(values, "the hyperparameters")
        return np.append(beta, np.log(precision))

    # --- Effects --------------------------------------------------------------------------------

    def plain(self, phi: Floats, rows: Floats) -> Floats:
        """The plain model's coordinates at rows of the design, (rows, p): (..., rows, 2)."""
        u = phi[..., :-1] @ rows.T
        both = (u, np.broadcast_to(phi[..., -1:], u.shape))
        return np.stack(both if self.location == 0 else both[::-1], axis=-1)

    def plain_given(self, quantity: Any, plain: Floats) -> Any:
        """Distribution of groups' effects, or of a new one's (None), given plain coordinates."""
        of_plain: Any = super(PlainEffects, self)
        return of_plain.theta_given(quantity, plain)

    def draw_theta(self, phi: Floats, rng: Generator) -> Floats:
        """Exact draws of the effects given phi and the data, shape (..., groups)."""
        return self._drawn(self.plain_given(slice(None), self.plain(phi, self.covariates.x)), rng)

    def draw_prior_theta(self, phi: Floats, rng: Generator) -> Floats:
        """Draws of the groups' effects given phi (n, p + 1), without the data, (n, groups)."""
        return self._drawn(self.plain_given(None, self.plain(phi, self.covariates.x)), rng)

    def draw_new_theta(self, phi: Floats, rng: Generator, row: Floats | None = None) -> Floats:
        """Draws of the effect of a new group with a row of the design, or their mean, (...)."""
        at = self.plain(phi, self.covariates.row_or_mean(row)[np.newaxis])[..., 0, :]
        return self._drawn(self.plain_given(None, at), rng)

    def joint(self, parameterization: str = "centred") -> Joint:
        """No joint density: the effects integrate out."""
        why = "models for counts with covariates have their effects integrated out: take 'marginal'"
        return choose(parameterization, {}, dict.fromkeys(("centred", "non-centred"), why))
