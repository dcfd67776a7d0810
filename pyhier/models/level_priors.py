"""Priors of the standard deviations of several levels, and whether they make a posterior."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from pyhier._frozen import Frozen
from pyhier._random import Generator, uniforms
from pyhier._types import Floats
from pyhier.priors.differences import STEPS, five_point
from pyhier.priors.tau import ResolvedPrior, resolve_prior
from pyhier.quadrature.fitting import Coordinate


@dataclass(frozen=True, eq=False)
class LevelPriors(Frozen):
    """Independent priors of every level's tau.

    Attributes
    ----------
    levels : tuple of str
    given : dict
        By level, as they were given.
    resolved : tuple of ResolvedPrior
    what : str
        The argument they come from.
    """

    levels: tuple[str, ...]
    given: Mapping[str, Any]
    resolved: tuple[ResolvedPrior, ...]
    what: str = "prior_tau"

    def __getstate__(self) -> dict[str, Any]:
        """What pickles: what was given; what is made of it is made anew."""
        return {"levels": self.levels, "given": dict(self.given), "what": self.what}

    def __setstate__(self, state: dict[str, Any]) -> None:
        made = level_priors(state["given"], state["levels"], state["what"])
        self.__dict__.update(made.__dict__)

    @property
    def coordinates(self) -> tuple[Coordinate, ...]:
        """Log tau of every level, with the range that its prior allows."""
        with np.errstate(divide="ignore"):
            ends = [np.log(np.array(prior.support)) for prior in self.resolved]
        return tuple(
            Coordinate(f"log_tau[{level}]", f"tau[{level}]", "log", (float(low), float(high)))
            for level, (low, high) in zip(self.levels, ends, strict=True)
        )

    @property
    def scales(self) -> tuple[ResolvedPrior, ...]:
        """The resolved priors of all sds."""
        return self.resolved

    @property
    def words(self) -> str:
        """The priors as a model shows them."""
        names = [prior.name for prior in self.resolved]
        if len(set(names)) == 1:
            return f"tau {names[0]}"
        return ", ".join(
            f"tau[{level}] {name}" for level, name in zip(self.levels, names, strict=True)
        )

    @property
    def why_improper(self) -> str:
        """Which of them is improper; empty when none is."""
        for level, prior in zip(self.levels, self.resolved, strict=True):
            if not prior.proper:
                return (
                    f"the prior of tau[{level}] ({prior.name}), which is not known to integrate "
                    "to one"
                )
        return ""

    def log_density(self, log_tau: Floats) -> Floats:
        """Log prior density of log tau of all levels, shape (..., levels)."""
        total = log_tau.sum(axis=-1)
        for k, prior in enumerate(self.resolved):
            if prior.density is not None:
                total = total + prior.log_density(log_tau[..., k])
        return np.where((log_tau == -np.inf).any(axis=-1), -np.inf, total)

    def log_density_of(self, k: int, log_tau: float) -> float:
        """Log prior density of one level's log tau."""
        return float(self.resolved[k].log_density(np.array([log_tau]))[0]) + log_tau

    def derivatives(self, log_tau: Floats) -> tuple[Floats, Floats]:
        """Slopes and curvatures of it at one point, each (levels,)."""
        found = [
            five_point(prior.log_density(value + STEPS))
            for prior, value in zip(self.resolved, log_tau, strict=True)
        ]
        slope, curvature = np.array(found).T
        return slope + 1.0, curvature

    def draws(self, n: int, rng: Generator) -> Floats:
        """Draws of log tau of all levels, shape (n, levels)."""
        return np.column_stack([prior.draw_log_tau(uniforms(rng, n)) for prior in self.resolved])

    def tails(self, low: float, high: float, falls: tuple[int, ...]) -> Floats:
        """Exponents with which each log tau's posterior density falls off, shape (levels, 2).

        Far out some levels may be large together: then the likelihood falls as the finest of them
        has it fall, and the others' priors must do without.

        Parameters
        ----------
        low, high : float
            The log tau between which the data have structure.
        falls : tuple of int
            For every level by which power of tau the likelihood falls, beta integrated out.
        """
        powers = np.array([prior.structure(low, high).powers for prior in self.resolved])
        right = np.full(len(falls), np.inf)
        for size in range(1, len(falls) + 1):
            for large in combinations(range(len(falls)), size):
                total = falls[large[-1]] + (powers[list(large), 1] - 1.0).sum()
                right[list(large)] = np.minimum(right[list(large)], total)
        return np.column_stack([powers[:, 0] + 1.0, right])


def level_priors(prior_tau: Any, levels: tuple[str, ...], what: str = "prior_tau") -> LevelPriors:
    """Check priors of the levels' taus: one for all, or a mapping of levels to priors.

    ``what`` is the argument's name.
    """
    given = dict(prior_tau) if isinstance(prior_tau, Mapping) else dict.fromkeys(levels, prior_tau)
    for name in given:
        if name not in levels:
            raise ValueError(f"{what} names {name!r}: there are {', '.join(levels)}")
    resolved = []
    for level in levels:
        prior = given.setdefault(level, "uniform")
        if isinstance(prior, str) and prior != "uniform":
            raise ValueError(
                f"{what} is {prior!r} for {level}: the named priors are defined by the standard "
                "errors of one level; give 'uniform', a scipy.stats distribution or a function"
            )
        with _naming(what):
            found = resolve_prior(None, None, prior, np.ones(1))
        resolved.append(found if what == "prior_tau" else _renamed(found, what))
    known = {level: given[level] for level in levels}
    return LevelPriors(levels, known, tuple(resolved), what)


def _renamed(prior: ResolvedPrior, what: str) -> ResolvedPrior:
    """The same prior, whose errors name another argument."""
    log_density = prior.log_density

    def renamed(log_sd: Floats) -> Floats:
        with _naming(what):
            return log_density(log_sd)

    return replace(prior, log_density=renamed)


@contextmanager
def _naming(what: str) -> Iterator[None]:
    """Errors about ``prior_tau`` in terms of another argument, such as ``prior_sigma``."""
    try:
        yield
    except (ValueError, TypeError) as error:
        told = str(error)
        if what == "prior_tau" or not told.startswith("prior_tau"):
            raise
        name = what.removeprefix("prior_")
        for a, b in (
            ("prior_tau", what),
            ("tau = ", f"{name} = "),
            ("tau is ", f"{name} is "),
            ("where tau ", f"where {name} "),
            ("density of tau", f"density of {name}"),
        ):
            told = told.replace(a, b)  # fmt: skip
        raise type(error)(told) from error
