"""Many data sets of counts with as many groups each, as arrays with a row a data set.

The coordinates of their planes are the location (logit eta, or log mu) and the log of the size that
says how alike the groups are (log K, or log alpha).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pyhier._frozen import Frozen
from pyhier._types import Floats, Ints
from pyhier.kernels import count_planes as kernel
from pyhier.kernels.count_data import log_ratio
from pyhier.kernels.count_masses import factorial_rest
from pyhier.models.beta_binomial import BetaBinomial
from pyhier.models.normal_many import RUNG, is_even
from pyhier.models.poisson_gamma import PoissonGamma
from pyhier.quadrature.transforms import Line, from_line, to_line

CountFamily = Literal["beta-binomial", "poisson-gamma"]
MOST = 500.0  # counts up to which products of so many factors are quicker than logarithms
MOST_LOG = 660.0  # of a size: what is made of a larger one is not within the doubles
POOLED = 60.0  # log of a size from which on groups are all but pooled
TAIL = 1e-9  # of a prior, beyond which its smoothness is not looked at
FAR: dict[Line, float] = {"logit": 36.0, "log": 600.0}  # what is further out is no other double
MOST_RUNGS = 20_000.0
LEAST_FALL = 0.1  # exponent of the size's density, below which its tail is too long
RUNGS = 7  # of a prior's quantiles at which densities are looked at
NEAR_SD = 0.8413447460685429  # P(z < 1)


@dataclass(frozen=True)
class SharedPrior(Frozen):
    """The prior that all data sets have.

    Attributes
    ----------
    name : str
        A named one; empty where there is a density.
    z0 : float
    log_density : callable or None
        Of phi, shape (..., 2), in the order of the model.
    falls : (float, float)
        Exponents with which it falls off in the log of the size; inf where that is no power.
    location : (float, float) or None
        About the mean and the sd of the location, where the prior has one of its own.
    places : ndarray, shape (places,)
        Logs of the size where it may have structure.
    moments : (float, float, float, float)
        How many are asked for, up to 2: of the size, of exp(location), and of their inverses.
    """

    name: str
    z0: float
    log_density: Callable[[Floats], Floats] | None
    falls: tuple[float, float]
    location: tuple[float, float] | None
    places: Floats
    moments: tuple[float, float, float, float]


@dataclass(frozen=True)
class CountMany(Frozen):
    """Counts of the groups of many data sets, none missing.

    Attributes
    ----------
    family : {"beta-binomial", "poisson-gamma"}
    y, size : ndarray, shape (data sets, groups)
        Counts, and trials or exposures, all positive.
    prior : SharedPrior
    """

    family: CountFamily
    y: Floats
    size: Floats
    prior: SharedPrior

    def __getitem__(self, rows: Ints) -> "CountMany":
        return CountMany(self.family, self.y[rows], self.size[rows], self.prior)

    def __len__(self) -> int:
        return len(self.y)

    @property
    def binomial(self) -> bool:
        """Whether counts are of trials."""
        return self.family == "beta-binomial"

    # --- The density ------------------------------------------------------------------------------

    @cached_property
    def _tables(self) -> tuple[Floats, Floats, Floats, NDArray[np.int32]]:
        """What the kernel takes: tables, sums of counts, constants, and whether products do."""
        from scipy.special import gammaln

        y, size = self.y, self.size
        other, beside = (size - y, size - y) if self.binomial else (np.log(size), size)
        logs = log_ratio(y.ravel(), beside.ravel())
        constant = factorial_rest(y.ravel())
        if self.binomial:
            constant = constant + factorial_rest(other.ravel()) - factorial_rest(size.ravel())
            rest = gammaln(size + 1.0) - gammaln(y + 1.0) - gammaln(other + 1.0)
        else:
            rest = y * other - gammaln(y + 1.0)
        flat = (part.reshape(y.shape) for part in (*logs, constant))
        ascending = np.sort(np.stack([y, beside, size]), axis=2)
        tables = np.ascontiguousarray(np.stack([y, other, *flat, *ascending, size]))
        largest = (size if self.binomial else y).max(axis=1)
        return tables, y.sum(axis=1), rest.sum(axis=1), (largest <= MOST).astype(np.int32)

    def log_density(self, rows: Ints, location: Floats, log_size: Floats) -> Floats:
        """Log posterior densities at points of data sets, each (rows, points)."""
        location, log_size = np.ascontiguousarray(location), np.ascontiguousarray(log_size)
        prior, log_z0 = self.prior, float(np.log(self.prior.z0))
        found: Floats = kernel.log_densities(
            self.family, *self._tables, rows, location, log_size, prior.name, log_z0
        )
        if prior.log_density is not None:
            with np.errstate(all="ignore"):  # far out
                found += prior.log_density(self.phi(location, log_size))
        return np.where(np.isnan(found), -np.inf, found)

    def phi(self, location: Floats, log_size: Floats) -> Floats:
        """Points in the order of the model's coordinates, shape (..., 2)."""
        both = (location, log_size) if self.binomial else (log_size, location)
        return np.stack(both, axis=-1)

    def shapes(self, location: Floats, log_size: Floats) -> tuple[Floats, Floats]:
        """Alpha, and K or the gamma distribution's rate."""
        size = np.exp(np.clip(log_size, -MOST_LOG, MOST_LOG))
        if self.binomial:
            small = np.exp(-np.abs(location))
            return size * (np.where(location > 0.0, 1.0, small) / (1.0 + small)), size
        return size, np.exp(np.clip(log_size - location, -MOST_LOG, MOST_LOG))

    def hyperparameter(
        self, name: str, a: Floats, b: Floats, beta: Floats | None, location: Floats
    ) -> Floats:
        """One of the model's at points of the plane, of which `shapes` and K - alpha are known."""
        if name in ("eta", "mu"):
            return a / b if self.binomial else np.exp(np.minimum(location, MOST_LOG))
        if name == "beta" and beta is not None:
            return beta
        return a if name == "alpha" else b

    def about(self, centre: Floats, a: Floats, b: Floats) -> Floats:
        """The second moment about a centre of a new group's effect, given `shapes`."""
        mean = a / b
        spread = mean * (1.0 - mean) / (b + 1.0) if self.binomial else mean / b
        found: Floats = spread + (mean - centre) ** 2
        return found

    def component(self, location: Floats, log_size: Floats) -> Floats:
        """The inverse width of a new group's effect on its line."""
        size = np.exp(np.clip(log_size, -MOST_LOG, MOST_LOG))
        small = np.exp(-np.abs(location))
        bend = small / (1.0 + small) ** 2 if self.binomial else np.ones_like(small)
        return np.maximum(np.sqrt(size * bend), 1.0)

    def least_shape(self, phi: Floats) -> float:
        """The smallest shape of a new group's effect at points, (n, 2): its tail's exponent."""
        location, log_size = phi[:, 0], phi[:, 1]
        if not self.binomial:
            return float(np.exp(location.min()))
        return float(np.exp((log_size - np.logaddexp(0.0, np.abs(location))).min()))

    @property
    def whole(self) -> Floats:
        """All trials, or events, (data sets,): the size at which rows are as wide as effects."""
        found: Floats = (self.size if self.binomial else self.y).sum(axis=1)
        return np.maximum(found, 1.0)

    def model(self, i: int) -> BetaBinomial | PoissonGamma:
        """The model of one, under a named prior: what its effects are given the hyperparameters."""
        kind = BetaBinomial if self.binomial else PoissonGamma
        return kind(self.y[i], self.size[i])

    # --- Where it is ------------------------------------------------------------------------------

    def ridge(self, rows: Ints, log_size: Floats) -> tuple[Floats, Floats]:
        """About the centre and the width of the location given the size, each (rows, places).

        Smooth functions of the size: the groups' mean as their spread weighs them, the information
        of the counts there, and the prior's.
        """
        size = np.exp(np.clip(log_size, -MOST_LOG, POOLED))[..., None]
        y, n = self.y[rows][:, None, :], self.size[rows][:, None, :]
        total = self.size[rows].sum(axis=1)[:, None]
        if self.binomial:
            weight = 1.0 / (size + n)
            share = (weight * y).sum(axis=2) / (weight * n).sum(axis=2)
            share = np.clip(share, 0.5 / (total + 1.0), 1.0 - 0.5 / (total + 1.0))
            information = share * (1.0 - share) * (n * (size + 1.0) * weight).sum(axis=2)
            centre = np.log(share) - np.log1p(-share)
        else:
            pooled = (self.y[rows].sum(axis=1)[:, None] + 0.5) / total
            weight = 1.0 / (size / pooled[..., None] + n)
            rate = (weight * y).sum(axis=2) / (weight * n).sum(axis=2)
            rate = np.maximum(rate, 0.5 / total)
            events = n * rate[..., None]
            information = (size * (events / (size + events))).sum(axis=2)
            centre = np.log(rate)
        if self.prior.location is not None:
            mean, sd = self.prior.location
            both = information + sd**-2.0
            centre, information = (information * centre + mean * sd**-2.0) / both, both
        return centre, 1.0 / np.sqrt(information)

    @cached_property
    def mixed(self) -> NDArray[np.intp]:
        """How many groups have both successes and failures, or events, (data sets,)."""
        some = self.y > 0.0
        if self.binomial:
            some &= self.y < self.size
        found: NDArray[np.intp] = some.sum(axis=1)
        return found

    @property
    def falls(self) -> tuple[Floats, Floats]:
        """Exponents of the density of the log of the size on both sides, each (data sets,)."""
        left, right = self.prior.falls
        return left + self.mixed.astype(np.float64), np.full(len(self), right)

    @property
    def proper(self) -> NDArray[np.bool_]:
        """Which data sets leave a posterior, and one whose size does not go on for ever."""
        left, right = self.falls
        found = (left >= LEAST_FALL) & (right >= LEAST_FALL)
        if self.prior.name == "betabinexch":
            total = self.y.sum(axis=1)
            found &= (total > 0.0) & (total < self.size.sum(axis=1))
        return found

    @property
    def log_scales(self) -> tuple[Floats, Floats]:
        """Logs of the size between which the likelihoods have their structure."""
        largest = self.size.max(axis=1) if self.binomial else self.y.max(axis=1)
        return np.full(len(self), -1.0), np.log(np.maximum(largest, 1.0)) + 1.0


NO_MOMENTS = (0.0, 0.0, 0.0, 0.0)
FALLS = {"bda3": (-0.5, 0.5), "betabinexch": (1.0, 1.0), "poissgamexch": (0.0, 1.0)}


def shared_prior(model: BetaBinomial | PoissonGamma) -> SharedPrior | None:
    """The prior of a model of counts as all data sets have it; None of one that planes do not take.

    That is one given by a callable, of which values alone are known, one that ends or bends, and
    one under which a hyperparameter has a mean and a power for a tail.
    """
    if isinstance(model.prior, str):
        nowhere = np.empty(0)
        return SharedPrior(
            model.prior, model.z0, None, FALLS[model.prior], None, nowhere, NO_MOMENTS
        )
    if not isinstance(model.prior, Mapping):
        return None
    names = (*model.hyperparameters(np.zeros(2)), "theta_new")
    if not all(_smooth(name, dist) for name, dist in model.prior.items()):
        return None
    index = {name: model.moment_index(name) for name in names}
    if any(1.0 < power < np.inf for power in index.values()):
        return None
    two = {name: 2.0 if np.isinf(power) else 0.0 for name, power in index.items()}
    of_size = max(two[name] for name in ("alpha", "beta", "K") if name in two)
    most = (of_size, 0.0, 0.0, 0.0)
    if "mu" in two:  # a new effect's variance is mu^2 / alpha on average, and more
        most = (of_size, two["mu"], 0.5 * two["theta_new"], two["beta"])
    size = 1 - model.location
    places = _quantiles(model, np.linspace(0.001, 0.999, RUNGS), np.linspace(0.001, 0.999, RUNGS))
    sides = np.array([1.0 - NEAR_SD, 0.5, NEAR_SD]), np.full(3, 0.5)
    both = [_quantiles(model, *pair)[:, model.location] for pair in (sides, sides[::-1])]
    sd = float(np.hypot(*(0.5 * (place[2] - place[0]) for place in both)))
    known = np.isfinite(places).all() and np.isfinite(sd) and sd > 0.0
    location = (float(both[0][1]), sd) if known else None
    log_size = places[:, size] if known else np.empty(0)
    ends = float(np.inf), float(np.inf)
    return SharedPrior("", model.z0, model.log_prior, ends, location, log_size, most)


def _smooth(name: str, dist: Any) -> bool:
    """Whether a prior of one hyperparameter is smooth on its whole natural support."""
    line: Line = "logit" if name == "eta" else "log"
    if dist.support() != (0.0, 1.0 if line == "logit" else np.inf):
        return False
    with np.errstate(all="ignore"):
        low, high = np.clip(to_line(line, dist.ppf([TAIL, 1.0 - TAIL])), -FAR[line], FAR[line])
        if not high > low:
            return False
        ladder = np.linspace(low, high, 6 + int(min((high - low) / RUNG, MOST_RUNGS)))
        values = dist.logpdf(from_line(line, ladder))
    return is_even(values)


def _quantiles(model: BetaBinomial | PoissonGamma, first: Floats, second: Floats) -> Floats:
    """Phi at quantiles of both parts of a prior, shape (n, 2)."""
    with np.errstate(all="ignore"):
        return model.prior_quantiles(first, second)
