"""Groups about a linear predictor: theta_j about x_j' beta with a spread tau, of any data.

The coordinates are (beta, log tau). Given them an effect's law is that of the model without
covariates at (x_j' beta, log tau).
"""

from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property
from math import inf, log
from typing import Any

import numpy as np

from pyhier._random import Generator, normals, uniforms
from pyhier._types import Floats
from pyhier._validation import not_negative
from pyhier.models.covariates import (
    BetaPrior,
    Covariates,
    NormalPrior,
    PlainEffects,
    covariates,
)
from pyhier.models.group_tables import GroupTables
from pyhier.models.mean_and_spread import MeanAndSpread
from pyhier.models.predictor_sums import DEGREES, PredictorSums
from pyhier.priors.tau import TauPrior
from pyhier.quadrature.fitting import Coordinate
from pyhier.quadrature.surface import mode_and_root

TABLED = 30  # points from which tables pay
SUMMED = 20  # points from which polynomials of sums pay
NARROW = 0.15  # sd of log tau up to which they do
RUNGS = 25  # of tau, along the ridge
NO_MU = "prior_mu= is of a model without X: give prior_beta="


class MeanRegression(PlainEffects, MeanAndSpread):
    """What a model of a mean and a spread becomes where it has covariates.

    Attributes
    ----------
    covariates : Covariates
    """

    covariates: Covariates
    coefficients: tuple[str, ...]
    many = 30  # groups a coefficient, from which polynomials of sums pay

    def _regress(
        self, x: Any, intercept: bool, prior_beta: BetaPrior, prior_tau: TauPrior, design: Any
    ) -> None:
        """Take the design and the priors."""
        self._priors = {"X": x, "intercept": intercept, "prior_beta": prior_beta,
                        "prior_tau": prior_tau, "design": design}  # fmt: skip
        self.covariates = covariates(x, prior_beta, intercept, self._groups, design)
        self.coefficients = self.covariates.coefficients
        self.coordinates = (*self.coefficients, "log_tau")

    @property
    def _prior_words(self) -> str:
        prior = self.covariates.prior
        kind = "flat" if not len(prior.root) else "normal" if prior.proper else "partly normal"
        return f"{', '.join(self.coefficients)} {kind}, tau {self.prior.name}"

    @property
    def _design(self) -> Floats:
        return self.covariates.x

    @property
    def _beta_prior(self) -> NormalPrior:
        return self.covariates.prior

    # --- Priors ---------------------------------------------------------------------------------

    @property
    def _flat(self) -> int:
        """How many directions of the coefficients have a flat prior."""
        return self.covariates.size - len(self.covariates.prior.root)

    def why_improper(self) -> str:
        """Which prior is improper; empty when all are proper."""
        sds = zip(self.coefficients, self.covariates.prior.sd, strict=True)
        flat = [name for name, sd in sds if np.isinf(sd)]
        return f"the flat prior of {', '.join(flat)}" if flat else self._why_tau()

    def log_prior(self, phi: Floats) -> Floats:
        """Log prior density of (beta, log tau), shape (...), flat coefficients counted as 1."""
        log_tau = phi[..., -1]
        density = self.prior.log_density(log_tau) + log_tau
        density = density + self.covariates.prior.log_density(phi[..., :-1])
        return np.where(log_tau == -np.inf, -np.inf, density)

    def _prior_derivatives(self, phi: Floats) -> tuple[Floats, Floats]:
        slope, curvature = self._tau_derivatives(phi[-1])
        root, p = self.covariates.prior.root, self.covariates.size
        gradient, hessian = np.zeros(p + 1), np.zeros((p + 1, p + 1))
        gradient[:-1] = -root.T @ (root @ (phi[:-1] - self.covariates.prior.mean))
        hessian[:-1, :-1] = -root.T @ root
        gradient[-1], hessian[-1, -1] = slope + 1.0, curvature
        return gradient, hessian

    def draw_prior(self, n: int, rng: Generator) -> Floats:
        """Draws of (beta, log tau) from the prior, shape (n, p + 1)."""
        if why := self.why_improper():
            raise ValueError(f"there are no draws of {why}: give proper priors")
        log_tau = self.prior.draw_log_tau(uniforms(rng, n))
        z = normals(rng, (n,), self.covariates.size)
        return np.column_stack([self.covariates.prior.draws(z), log_tau])

    def log_prior_at(self, coefficient: str, value: float) -> float:
        """Log prior density of a coefficient, or of log tau, at a value."""
        if coefficient in self.coefficients:
            place = self.coefficients.index(coefficient)
            return self.covariates.prior.log_density_of(place, value)
        return float(self.prior.log_density(np.array([value]))[0]) + value

    # --- What a lattice is told -----------------------------------------------------------------

    @property
    def bounds(self) -> Floats:
        """Ends of what each coordinate may be, shape (2, p + 1)."""
        return np.array([one.range for one in self.psi]).T

    @property
    def psi(self) -> tuple[Coordinate, ...]:
        """What the coordinates are: the coefficients, and log tau."""
        own = (Coordinate(name, name, "identity") for name in self.coefficients)
        return (*own, Coordinate("log_tau", "tau", "log", self.support))

    def psi_start(self) -> Floats:
        """Where the search for the mode begins, shape (p + 1,)."""
        return self.start()

    def psi_tails(self) -> Floats:
        """Exponents with which the density of every coordinate falls off far out, (p + 1, 2).

        A coefficient under a flat prior goes on as far as tau does.
        """
        tails = np.full((self.covariates.size + 1, 2), np.inf)
        tails[-1] = self.tail_indices
        return tails

    def psi_peaks(self) -> list[tuple[int, float, float]]:
        """Where a prior given as a function has peaks: the coordinate, the place, the width."""
        found = self.prior.peaks(*self.scales).tolist()
        return [(self.covariates.size, place, width) for place, width in found]

    def log_psi(self, psi: Floats) -> Floats:
        """Log posterior density with all constants, at points (nodes, p + 1)."""
        psi = np.ascontiguousarray(psi)
        likelihood = np.full(len(psi), np.nan)
        if len(psi) >= SUMMED and (sums := self._sums) is not None:
            likelihood = sums(psi)
        left = np.flatnonzero(np.isnan(likelihood))
        if left.size >= TABLED:
            likelihood[left] = self._tables(psi[left])
            left = left[np.isnan(likelihood[left])]
        likelihood[left] = self.log_marginal_likelihood(psi[left])
        return likelihood + self._prior_of_posterior(psi)

    @cached_property
    def _sums(self) -> PredictorSums | None:
        """The log likelihood of many groups by polynomials; None of few, or where tau is open.

        Of a wide posterior of log tau they would be many, and tables cost less.
        """
        _, x, times = self._different
        if x is None or x.shape[1] not in DEGREES or times.size < self.many * x.shape[1]:
            return None
        found = mode_and_root(self.derivatives, self.start())
        if found is None or found[1][-1, -1] > NARROW:
            return None
        beta = found[0][:-1]
        return PredictorSums(
            self._likelihood, self.log_marginal_likelihood, x, times, self._beta_prior, beta
        )

    @property
    @abstractmethod
    def _tables(self) -> GroupTables:
        """The log likelihood by tables."""

    def predictor_index(self, row: Floats) -> float:
        """Exponent below which powers of a combination of coefficients, (p,), have expectations."""
        return inf if self.covariates.prior.bounds(row) else self.tail_indices[1]

    def effect_index(self, row: Floats) -> float:
        """Exponent below which powers of a new group's effect have expectations."""
        return self.tail_indices[1]

    # --- Places ---------------------------------------------------------------------------------

    def _fit(self, log_tau: float, prior: bool) -> Floats:
        """Coefficients by weighted least squares of the approximate estimates, shape (p,)."""
        y, var = self._approximate
        x, own = self.covariates.x, self.covariates.prior
        root = 1.0 / np.sqrt(var + np.exp(2.0 * log_tau))
        rows, wanted = x * root[:, None], y * root
        if prior:
            rows = np.vstack([rows, own.root])
            wanted = np.concatenate([wanted, own.root @ own.mean])
        scale = np.sqrt((rows * rows).sum(axis=0))
        found: Floats = np.linalg.lstsq(rows / scale, wanted, rcond=None)[0] / scale
        return found

    def start(self) -> Floats:
        """The best of a ladder of log tau, with a weighted fit of the groups' estimates."""
        ladder = self._ladder()
        return self._best_of(np.array([[*self._fit(s, True), s] for s in ladder.tolist()]))

    def ridge(self) -> Floats:
        """The likelihood's ridge, (beta, log tau) of shape (n, p + 1), from tau = 0 on."""
        low, high = self.scales
        rungs = [-inf, *np.linspace(low - 3.0, high + 1.0, RUNGS).tolist()]
        points = np.array([[*self._fit(s, False), s] for s in rungs])
        points[0, :-1] = self._pooled(points[0, :-1])
        return points

    def moments(self) -> Floats:
        """(beta, log tau) by the method of moments, of estimates with half a count added."""
        (y, var), x = self._approximate, self.covariates.x
        root = 1.0 / np.sqrt(var)
        basis = np.linalg.qr(x * root[:, None])[0]
        z = y * root
        away = z - basis @ (basis.T @ z)
        # E[away' away] is (groups - p) + tau^2 tr(P / var), P the projection off the basis.
        spare = float((root**2 * (1.0 - (basis**2).sum(axis=1))).sum())
        tau2 = max(0.0, (float(away @ away) - (y.size - x.shape[1])) / spare) if spare > 0 else 0.0
        log_tau = 0.5 * log(tau2) if tau2 > 0.0 else -inf
        return np.append(self._fit(log_tau, False), log_tau)

    # --- Names and effects ----------------------------------------------------------------------

    def hyperparameters(self, phi: Floats) -> Mapping[str, Floats]:
        """The coefficients and tau, each of shape (...)."""
        named = {name: phi[..., k] for k, name in enumerate(self.coefficients)}
        return named | {"tau": np.exp(phi[..., -1])}

    def phi_at(self, **values: float) -> Floats:
        """Phi at values of all coefficients, by their names, and of tau."""
        names = (*self.coefficients, "tau")
        if set(values) != set(names):
            raise ValueError(f"the hyperparameters are {', '.join(names)}: give all of them")
        tau = not_negative("tau", values.pop("tau"))
        beta = self.covariates.combination(values, "the hyperparameters")
        with np.errstate(divide="ignore"):
            return np.append(beta, np.log(tau))

    def moment_index(self, name: str) -> float:
        """Exponent below which powers have expectations."""
        if name in self.coefficients:
            own = np.eye(self.covariates.size)[self.coefficients.index(name)]
            return self.predictor_index(own)
        return inf if name == "log_tau" else self.tail_indices[1]

    def _eta(self, phi: Floats) -> Floats:
        predictors: Floats = phi[..., :-1] @ self.covariates.x.T
        return predictors

    def plain(self, phi: Floats, rows: Floats) -> Floats:
        """(mean, log tau) at rows of the design, (rows, p): shape (..., rows, 2)."""
        u = phi[..., :-1] @ rows.T
        return np.stack([u, np.broadcast_to(phi[..., -1:], u.shape)], axis=-1)

    def draw_prior_theta(self, phi: Floats, rng: Generator) -> Floats:
        """Draws of the groups' effects given phi (n, p + 1), without the data, (n, groups)."""
        z = self._noise(rng, phi.shape[:-1], self._groups)
        return self._eta(phi) + np.exp(phi[..., -1:]) * z

    def draw_new_theta(self, phi: Floats, rng: Generator, row: Floats | None = None) -> Floats:
        """Draws of the effect of a new group with a row of the design, or their mean, (...)."""
        mean = phi[..., :-1] @ self.covariates.row_or_mean(row)
        drawn: Floats = mean + np.exp(phi[..., -1]) * self._noise(rng, phi.shape[:-1], 1)[..., 0]
        return drawn
