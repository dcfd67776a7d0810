"""What models share whose coefficients integrate out, with a few coordinates psi left."""

from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from pyhier._random import Generator, normals
from pyhier._types import Floats
from pyhier._validation import number
from pyhier.distributions.families import Normal
from pyhier.kernels.density import LogDensity
from pyhier.models.coefficients import integrated
from pyhier.models.covariates import Covariates
from pyhier.models.own import HierarchicalModel
from pyhier.models.reductions import Collapsed, Linear
from pyhier.quadrature.fitting import Coordinate
from pyhier.quadrature.transforms import from_line, to_line

LADDER = 9  # values of every log tau, among which a search begins


class IntegratedModel(HierarchicalModel):
    """A model of coordinates (beta, psi): given psi the coefficients beta are normal.

    Subclasses set ``covariates``, ``coefficients``, ``psi`` (what its coordinates are) and
    ``prior`` (of psi: ``log_density``, ``draws``, ``why_improper``), and say the abstract members.
    """

    coordinates: tuple[str, ...] = ()  # of every model its own
    coefficients: tuple[str, ...] = ()
    new_effects: tuple[str, ...] = ("theta_new",)
    covariates: Covariates
    psi: tuple[Coordinate, ...]
    prior: Any
    _within: float = 0.0  # of the log likelihood, what is left out of the sums

    # --- What a subclass must say ---------------------------------------------------------------

    @abstractmethod
    def sums(self, psi: Floats) -> Floats:
        """Sums over all groups at nodes (nodes, d), shape (size, nodes), as in linear_groups.

        They are of the estimates less the design times `about`.
        """

    @property
    @abstractmethod
    def about(self) -> Floats:
        """Coefficients near the data's, shape (p,)."""

    @property
    @abstractmethod
    def estimates_used(self) -> int:
        """How many normal densities the likelihood has."""

    @property
    @abstractmethod
    def ladder_ends(self) -> tuple[float, float]:
        """The log tau between which the data have structure."""

    @abstractmethod
    def _density(self, priors: bool) -> LogDensity:
        """The compiled log density of one (beta, psi), of the likelihood alone or with the priors.

        It is without the factors 2 pi; its priors must be compiled.
        """

    @abstractmethod
    def given_psi(self, quantity: int | slice | str, psi: Floats) -> Linear:
        """An effect (by number), several, or a quantity by name, given psi."""

    # --- Beta integrated out --------------------------------------------------------------------

    def collapse_psi(self, psi: Floats) -> Collapsed:
        """Beta integrated out at nodes (nodes, d): the density of psi, the moments of beta."""
        table = np.ascontiguousarray(self.sums(psi).T)
        found = integrated(table, self.covariates.prior, self.about, self.estimates_used)
        found.rows[0] += self.prior.log_density(psi) + self._within
        return found

    def log_psi(self, psi: Floats) -> Floats:
        """Log posterior density of psi, with all constants, at points (nodes, d)."""
        return self.collapse_psi(psi).log_density

    def psi_start(self) -> Floats:
        """The best of a ladder of every log tau; of a correlation, 0."""
        low, high = self.ladder_ends
        rungs = []
        for one in self.psi:
            inside = np.linspace(low, high + 1.0, LADDER) if one.line == "log" else np.zeros(1)
            off = 1e-3 * min(1.0, one.range[1] - one.range[0])  # an end is not inside
            rungs.append(np.clip(inside, one.range[0] + off, one.range[1] - off))
        points = np.array([*product(*rungs)])
        best: Floats = points[int(np.argmax(self.log_psi(points)))]
        return best

    @property
    def mend(self) -> str:
        """What to change where the quadrature is not resolved."""
        return "a smoother prior"

    def psi_peaks(self) -> list[tuple[int, float, float]]:
        """Where priors given as functions have peaks: the coordinate, the place, the width."""
        low, high = self.ladder_ends
        return [
            (k, place, width)
            for k, prior in enumerate(self.prior.scales)
            for place, width in prior.peaks(low, high).tolist()
        ]

    def moments_psi(
        self, effects: slice, psi: Floats, collapsed: Collapsed
    ) -> tuple[Floats, Floats, bool]:
        """Means and sds of effects, (effects, nodes), beta integrated out; whether sds grow."""
        linear = self.given_psi(effects, psi)
        return (*linear.moments(collapsed), linear.grows)

    def phi_at_psi(self, psi: Floats, coefficients: Floats) -> Floats:
        """(beta, psi), shape (n, p + d)."""
        return np.column_stack([np.reshape(coefficients, (len(psi), -1)), psi])

    def combination(self, vector: Floats) -> Linear:
        """A linear combination of the coefficients."""
        grows = not self.covariates.prior.bounds(vector)
        return Linear(0.0, 1.0, 0.0, grows, vector[:, np.newaxis])

    def _coefficient(self, name: str) -> Linear:
        return self.combination(np.eye(self.covariates.size)[self.coefficients.index(name)])

    def _split(self, phi: Floats) -> tuple[Floats, Floats]:
        return phi[..., : self.covariates.size], phi[..., self.covariates.size :]

    # --- The marginal density of (beta, psi) ----------------------------------------------------

    @property
    def _compiled(self) -> bool:
        """Whether all priors of psi are compiled functions."""
        return True

    @cached_property
    def log_marginal(self) -> LogDensity:
        """The log posterior density of (beta, psi), the effects integrated out."""
        return self._density(True) if self._compiled else super().log_marginal

    @property
    def log_constant(self) -> float:  # type: ignore[override]
        """What ``log_marginal`` leaves out."""
        return self._within - 0.5 * self.estimates_used * float(np.log(2.0 * np.pi))

    @property
    def bounds(self) -> Floats:
        """Ends of what each coordinate may be, shape (2, p + d)."""
        flat = [(-np.inf, np.inf)] * self.covariates.size
        return np.array([*flat, *(one.range for one in self.psi)]).T

    def log_posterior(self, phi: Floats) -> Floats:
        """The log posterior density at points (n, p + d), up to `log_constant`."""
        return self._log_likelihood(phi) + self.log_prior(phi)

    def _log_likelihood(self, phi: Floats) -> Floats:
        beta, psi = self._split(phi)
        least = self.ladder_ends[0] - 40.0  # below it tau^2 is nothing beside the variances
        logs = np.array([one.line == "log" for one in self.psi])
        psi = np.where(logs, np.maximum(psi, least), psi)
        points = np.ascontiguousarray(np.column_stack([beta, psi]))
        values: Floats = self._density(False).evaluate(points)
        return values

    def log_marginal_likelihood(self, phi: Floats) -> Floats:
        """Log likelihood of (beta, psi), the effects integrated out, with all constants."""
        return self._log_likelihood(phi) + self.log_constant

    def log_prior(self, phi: Floats) -> Floats:
        """Log prior density of (beta, psi), shape (...)."""
        beta, psi = self._split(phi)
        density: Floats = self.covariates.prior.log_density(beta) + self.prior.log_density(psi)
        return density

    def log_prior_at(self, name: str, value: float) -> float:
        """Log prior density of a coefficient, or of a coordinate by its own name, at a value."""
        if name in self.coefficients:
            return self.covariates.prior.log_density_of(self.coefficients.index(name), value)
        at = [one.name for one in self.psi].index(name)
        found: float = self.prior.log_density_of(at, value)
        return found

    def why_improper(self) -> str:
        """Which prior is improper; empty when all are proper."""
        sds = zip(self.coefficients, self.covariates.prior.sd, strict=True)
        flat = [name for name, sd in sds if np.isinf(sd)]
        return f"the flat prior of {', '.join(flat)}" if flat else self.prior.why_improper

    def draw_prior(self, n: int, rng: Generator) -> Floats:
        """Draws of (beta, psi) from the prior, shape (n, p + d)."""
        if why := self.why_improper():
            raise ValueError(f"there are no draws of {why}: give proper priors")
        psi = self.prior.draws(n, rng)
        z = normals(rng, (n,), self.covariates.size)
        return np.column_stack([self.covariates.prior.draws(z), psi])

    def start(self) -> Floats:
        """The best of a ladder of psi, with the mean of beta there."""
        psi = self.psi_start()[np.newaxis]
        found: Floats = self.phi_at_psi(psi, self.collapse_psi(psi).mean.T)[0]
        return found

    # --- Names ----------------------------------------------------------------------------------

    def hyperparameters(self, phi: Floats) -> Mapping[str, Floats]:
        """The coefficients and what psi stands for, each of shape (...)."""
        beta, psi = self._split(phi)
        named = {name: beta[..., k] for k, name in enumerate(self.coefficients)}
        return named | {
            one.natural: from_line(one.line, psi[..., k]) for k, one in enumerate(self.psi)
        }

    def phi_at(self, **values: float) -> Floats:
        """(beta, psi) at values of all coefficients and what psi stands for, by their names."""
        names = (*self.coefficients, *(one.natural for one in self.psi))
        if set(values) != set(names):
            raise ValueError(f"the hyperparameters are {', '.join(names)}: give all of them")
        given = [number(name, values[name]) for name in names]
        for one, value in zip(self.psi, given[len(self.coefficients) :], strict=True):
            if (one.line == "log" and value < 0.0) or (one.line == "atanh" and abs(value) >= 1.0):
                raise ValueError(f"{one.natural} is {value}: it is out of its range")
        beta, rest = given[: len(self.coefficients)], given[len(self.coefficients) :]
        with np.errstate(divide="ignore"):
            psi = [
                float(to_line(one.line, np.array(value)))
                for one, value in zip(self.psi, rest, strict=True)
            ]
        return np.array([*beta, *psi])

    def theta_given(self, quantity: int | None, phi: Floats) -> Normal:
        """Distribution of an effect, or of the first of a new group's (None), given phi."""
        beta, psi = self._split(phi)
        linear = self.given_psi(self.new_effects[0] if quantity is None else quantity, psi)
        mean = linear.intercept + (np.asarray(linear.direction) * beta.T).sum(axis=-2)
        return Normal(mean, np.broadcast_to(np.asarray(linear.var), mean.shape))
