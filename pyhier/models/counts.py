"""What the two models for counts share: whole numbers, and priors of two hyperparameters."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyhier._random import Generator, poissons, uniforms
from pyhier._types import Floats
from pyhier._validation import each_group, positive, returned, vector
from pyhier.kernels.count_density import CountMarginal
from pyhier.kernels.density import CallableDensity, LogDensity
from pyhier.kernels.gradients import ValueDensity
from pyhier.kernels.pair_priors import IndependentPair
from pyhier.models.groups import Grouped, Labels
from pyhier.priors.differences import differences
from pyhier.priors.frozen import frozen, refuse_unfrozen, support_of
from pyhier.priors.pairs import Chart, PairPrior, compiled_pair, log_density_of_share
from pyhier.rstats.streams import RStream

MOST_COUNT = 2.0**53  # beyond it not every whole number is a double
FAR, FARTHER = 350.0, 650.0  # logs of what is beyond all scales of priors
MOST_EVENTS = 9.2e18  # the mean of a Poisson variate that NumPy draws


def whole_numbers(name: str, value: ArrayLike, label: Callable[[int], str]) -> Floats:
    """Return counts as floats; none may be negative or fractional."""
    counts = vector(name, value)
    valid = (counts >= 0.0) & (counts == np.floor(counts)) & np.isfinite(counts)
    each_group(name, counts, valid, label, "counts must be whole numbers from 0 up")
    within = counts <= MOST_COUNT
    each_group(name, counts, within, label, f"counts are taken up to {MOST_COUNT:,.0f} (2^53)")
    return counts


def new_events(rng: Generator, mean: Floats, mend: str) -> Floats:
    """Draw events of new groups; an error with the mend where NumPy draws none of a mean."""
    most = np.inf if isinstance(rng, RStream) else MOST_EVENTS
    if not (mean < most).all():
        raise ValueError(
            f"a new group's events have a mean of {mean.max():.3g} in one of the draws, and none "
            f"can be drawn from {most:.3g} on: the posterior has rates without bound; give a "
            f"narrower prior, such as {mend}"
        )
    return poissons(rng, mean)


def no_covariates(**priors: Any) -> None:
    """Raise for a prior that a model without covariates has no use for."""
    for name, prior in priors.items():
        if prior is not None:
            raise ValueError(
                f"{name} is a prior beside covariates: give X=, or prior= without them"
            )


def ladder(largest: float) -> Floats:
    """Rungs of the log of K or alpha, from all groups apart to no spread that counts can show."""
    top = np.log(max(largest, 1.0)) + 10.0
    return np.linspace(-6.0, top, 2 + int((top + 6.0) / 0.5))


def ridge_means(counts: Floats, size: Floats, closeness: Floats) -> Floats:
    """The groups' mean rate as their spread weighs them, shape (rungs,).

    A group's weight, over its size, is ``1 / (closeness + size)``: K, or alpha / mu.
    """
    weights = (1.0 / (size + rung) for rung in closeness)
    return np.array([(weight @ counts) / ((weight @ size) or 1.0) for weight in weights])


def log_share_prior(log_size: Floats, median: float) -> Floats:
    """Log density of log x where x / (x + median) is uniform between 0 and 1."""
    away = log_size - np.log(median)
    density: Floats = away - 2.0 * np.logaddexp(0.0, away)
    return density


class CountModel(Grouped, ABC):
    """Data of counts with a prior of two hyperparameters.

    Subclasses give ``named`` (the named priors), ``charts`` (the pairs of hyperparameters that a
    mapping may name; a callable takes the first) and the likelihood.
    """

    named: tuple[str, ...]
    charts: Mapping[tuple[str, str], Chart]
    log_marginal: CountMarginal
    _likelihood: CountMarginal
    z0 = 1.0
    compiled_prior: IndependentPair | None = None  # of a mapping, where both are compiled

    def __init__(self, groups: int, labels: Labels, prior: PairPrior, counted: str) -> None:
        super().__init__(groups, labels, counted)
        self._own = self._resolve(prior)
        self.prior = prior
        self.prior_name = prior if isinstance(prior, str) else self._describe(prior)

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {self.sized}, prior {self.prior_name}"

    @property
    def size(self) -> int:
        """How many groups there are."""
        return self._groups

    def _resolve(self, prior: PairPrior) -> Callable[[Floats], Floats] | None:
        """A user's prior as a log density of phi; None for a named one."""
        if isinstance(prior, str):
            if prior not in self.named:
                raise ValueError(
                    f"prior is {prior!r}: the named priors are {', '.join(self.named)}; a mapping "
                    "of two scipy.stats frozen distributions and a callable work too"
                )
            return None
        if isinstance(prior, Mapping):
            return self._independent(prior)
        refuse_unfrozen("prior", prior)
        if callable(prior):
            return self._tried(self._joint(prior))
        raise TypeError(
            f"prior is {prior!r}: it must be a name, a mapping of two scipy.stats frozen "
            "distributions or a callable log density"
        )

    def _chart(self, pair: Mapping[str, Any], what: str = "prior") -> tuple[Chart, Any, Any]:
        """The chart of two hyperparameters by name, and what is given for each."""
        for names, chart in self.charts.items():
            if set(pair) == set(names):
                return chart, pair[names[0]], pair[names[1]]
        pairs = " or ".join(" and ".join(names) for names in self.charts)
        given = ", ".join(sorted(map(str, pair))) or "none"
        raise ValueError(f"{what}: {given} given; give {pairs}")

    def phi_at(self, **values: float) -> Floats:
        """Phi, shape (2,), at values of a pair of hyperparameters, as in ``prior=``."""
        chart, first, second = self._chart(values, "the hyperparameters")
        for name, value in values.items():
            if positive(name, value) >= 1.0 and name == "eta":
                raise ValueError(f"eta is {value!r}: it must lie between 0 and 1")
        return chart.to_phi(np.array(float(first)), np.array(float(second)))

    def _independent(self, prior: Mapping[str, Any]) -> Callable[[Floats], Floats]:
        chart, *given = self._chart(prior)
        names = next(pair for pair in self.charts if set(pair) == set(prior))
        both = [frozen(f"prior[{n!r}]", dist) for n, dist in zip(names, given, strict=True)]
        for name, dist in zip(names, both, strict=True):
            low, high = support_of(f"prior[{name!r}]", dist)
            if low < 0.0:
                raise ValueError(f"prior[{name!r}] allows negative values: {name} is positive")
            if name == "eta" and high > 1.0:
                raise ValueError("prior['eta'] allows values above 1: eta is a probability")

        self.compiled_prior = compiled_pair(chart, *both)
        if self.compiled_prior is not None:
            pair = ValueDensity(self.compiled_prior)
            return lambda phi: pair.evaluate(phi.reshape(-1, 2)).reshape(phi.shape[:-1])
        of_share = log_density_of_share(both[0]) if names[0] == "eta" else None

        def log_density(phi: Floats) -> Floats:
            a, b = chart.of_phi(phi)
            with np.errstate(all="ignore"):  # scipy's own, far out
                first = both[0].logpdf(a) if of_share is None else of_share(phi[..., 0])
                second = both[1].logpdf(b)
            density: Floats = first + second + chart.log_jacobian(phi)
            return density

        return log_density

    @staticmethod
    def _tried(log_density: Callable[[Floats], Floats]) -> Callable[[Floats], Floats]:
        """A user's log density, called once for errors that name the argument."""
        try:
            log_density(np.zeros(2))
        except TypeError as error:
            told = str(error)
            raise TypeError(told if told.startswith("prior ") else f"prior: {told}") from error
        return log_density

    def _joint(self, prior: Callable[[float, float], float]) -> Callable[[Floats], Floats]:
        chart = next(iter(self.charts.values()))

        def log_density(phi: Floats) -> Floats:
            a, b = chart.of_phi(phi)
            pairs = zip(a.ravel().tolist(), b.ravel().tolist(), strict=True)
            values = np.array([returned("prior", prior(x, y)) for x, y in pairs])
            return values.reshape(a.shape) + chart.log_jacobian(phi)

        return log_density

    def _describe(self, prior: Any) -> str:
        if isinstance(prior, Mapping):
            return ", ".join(f"{name} {dist.dist.name}" for name, dist in prior.items())
        return "callable"

    def _take(self, likelihood: CountMarginal) -> None:
        """Make the compiled densities: the likelihood alone, and with the prior."""
        own = self._own
        prior: str | LogDensity = str(self.prior)
        if self.compiled_prior is not None:
            prior = ValueDensity(self.compiled_prior)
        elif own is not None:
            prior = CallableDensity(lambda x: float(own(x)), (), 2)
        self.log_marginal = likelihood.with_prior(prior, self.z0)
        self._likelihood = likelihood

    def log_prior(self, phi: Floats) -> Floats:
        """Log prior density of phi, shape (...), up to a constant where it is improper."""
        if self._own is not None:
            return self._own(phi)
        return self._named_prior(phi)

    @abstractmethod
    def _named_prior(self, phi: Floats) -> Floats:
        """Log density of the named prior at phi, shape (...)."""

    def log_posterior(self, phi: Floats) -> Floats:
        """``log_marginal`` at many points, shape (n, 2), at once."""
        if self._own is None:
            return self.log_marginal.evaluate(phi)
        return self._likelihood.evaluate(phi) + self._own(phi)

    @property
    def log_constant(self) -> float:
        """Nothing: coefficients and factorials are in ``log_marginal``."""
        return 0.0

    def log_marginal_likelihood(self, phi: Floats) -> Floats:
        """Log likelihood of phi, the effects integrated out, with all constants, shape (n,)."""
        return self._likelihood.evaluate(phi)

    def derivatives(self, phi: Floats) -> tuple[Floats, Floats]:
        """Gradient (2,) and Hessian (2, 2) of the log marginal at one phi."""
        if self._own is None:
            return self.log_marginal.derivatives(phi)
        gradient, hessian = self._likelihood.derivatives(phi)
        more = differences(self._own, phi)
        return gradient + more[0], hessian + more[1]

    def likelihood_derivatives(self, phi: Floats) -> tuple[Floats, Floats]:
        """Gradient (2,) and Hessian (2, 2) of the log likelihood at one phi."""
        return self._likelihood.derivatives(phi)

    def draw_prior(self, n: int, rng: Generator) -> Floats:
        """Draws of phi from the prior, shape (n, 2); an error where it is improper."""
        if not isinstance(self.prior, Mapping):
            raise ValueError(
                f"there are no draws of the prior {self.prior_name}: give a mapping of two "
                "scipy.stats distributions"
            )
        return self.prior_quantiles(uniforms(rng, n), uniforms(rng, n))

    def prior_quantiles(self, first: Floats, second: Floats) -> Floats:
        """Phi at quantiles, each (n,), of the two distributions of a prior; shape (n, 2)."""
        assert isinstance(self.prior, Mapping)
        chart, *both = self._chart(self.prior)
        return chart.to_phi(*(dist.ppf(q) for dist, q in zip(both, (first, second), strict=True)))

    def why_improper(self) -> str:
        """Which prior is improper; empty when it is proper."""
        return "" if isinstance(self.prior, Mapping) else f"the prior {self.prior_name}"

    def _fall(self, near: Floats, far: Floats, axis: int) -> float:
        """Exponent with which the prior falls off along a coordinate, inf where faster."""
        step = np.zeros(2)
        step[axis] = 1.0
        with np.errstate(all="ignore"):
            points = np.array([near, near + step, far, far + step])
            a, b, c, d = self.log_prior(points)
            first, second = a - b, c - d  # of -inf, where the prior has ended
        agree = np.isfinite(second) and abs(second - first) <= 1e-6 * max(1.0, abs(first))
        return float(second) if agree else np.inf

    def _best_of(self, points: Floats) -> Floats:
        """The point with the highest density."""
        density = self.log_posterior(points)
        if not (density > -np.inf).any():
            raise ValueError(
                "the posterior density is 0 or NaN wherever a search for its mass looked: check "
                f"the prior ({self.prior_name}) at hyperparameters like those of the data"
            )
        best: Floats = points[int(np.nanargmax(density))]
        return best
