"""What quadrature asks of the model of events in two arms with normal risks."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pyhier._types import Floats
from pyhier.distributions.two_risks import LOG_SIGMA, LOG_TAU, Arms
from pyhier.kernels.risk_tables import RiskTables
from pyhier.models.crossed import coordinates_of
from pyhier.models.risk_priors import RiskPriors
from pyhier.models.two_risks_tails import HELD, kinds
from pyhier.quadrature.fitting import Coordinate
from pyhier.quadrature.growth import UnresolvedError

MOST_ALONE = 15_000  # studies' points that go by themselves, in some ten seconds; 7,000 are usual


class OnAxes:
    """The part of `TwoBinomialNormalRisks` that a lattice takes."""

    if TYPE_CHECKING:
        coordinates: tuple[str, ...]
        prior: RiskPriors
        labels: Any
        arms: Any
        bounds: Any
        tails: Any
        start: Any
        log_posterior: Any
        _scales: Any
        _columns: Any

    _before = 0  # of the studies' points that went by themselves, those of a posterior before
    mend = "a prior that tells more of tau and sigma"

    @cached_property
    def _different(self) -> tuple[Arms, Floats, NDArray[np.intp]]:
        """Studies that differ, how many there are of each, and which of them each study is."""
        found: tuple[Arms, Floats, NDArray[np.intp]] = self.arms.distinct()
        return found

    @cached_property
    def _tables(self) -> RiskTables:
        """What points of a lattice share."""
        return self._different[0].tables()

    @property
    def psi(self) -> tuple[Coordinate, ...]:
        """What the coordinates are."""
        return coordinates_of(self.coordinates, self.bounds)

    def psi_start(self) -> Floats:
        """Where the search for the mode begins, shape (4,)."""
        self._before = self._tables.alone
        found: Floats = self.start()
        return found

    def psi_tails(self) -> Floats:
        """Exponents with which the density of every coordinate falls off far out, (4, 2)."""
        tails = np.full((4, 2), np.inf)
        tails[[LOG_TAU, LOG_SIGMA]] = self.tails
        return tails

    def psi_peaks(self) -> list[tuple[int, float, float]]:
        """Where priors given as functions have peaks: the coordinate, the place, the width."""
        pairs = zip((LOG_TAU, LOG_SIGMA), self.prior.resolved, self._scales, strict=True)
        return [
            (k, place, width)
            for k, prior, ends in pairs
            for place, width in prior.peaks(*ends).tolist()
        ]

    def log_psi(self, psi: Floats) -> Floats:
        """Log posterior density with all constants, at points (nodes, 4)."""
        if self._tables.alone - self._before > MOST_ALONE:
            raise UnresolvedError(
                "the likelihood at too many of its nodes is an integral of its own, as where a "
                "spread is large and studies have no events"
            )
        found: Floats = self.log_posterior(np.ascontiguousarray(psi))
        return found

    def group_log_likelihood(self, group: int, psi: Floats) -> Floats:
        """Of one study, its effect and its risk integrated out, at points (nodes, 4)."""
        which = int(self._different[2][group])
        return self._tables.of_study(which, np.ascontiguousarray(psi))

    def log_given_effect(self, group: int, theta: Floats, beside: Floats) -> Floats:
        """Of one study at log odds ratios and at (alpha, log sigma), (n, 2); shape (effects, n)."""
        psi = np.empty((theta.size, len(beside), 4))
        psi[..., 0], psi[..., 1] = theta[:, np.newaxis], -np.inf
        psi[..., 2:] = beside
        found = self.group_log_likelihood(group, psi.reshape(-1, 4))
        return found.reshape(theta.size, len(beside))

    def moment_index(self, name: str) -> float:
        """Exponent below which powers of mu, alpha, theta_new or an effect have expectations."""
        effects, risks = self.tails[:, 1].tolist()
        if name == "alpha":
            return float(risks if self.prior.flat[1] else np.inf)
        if name == "mu":
            return float(effects if self.prior.flat[0] else np.inf)
        if name == "theta_new":
            return float(effects)
        return float(np.inf if self._held[name] else effects)

    @cached_property
    def _held(self) -> dict[str, bool]:
        """Whether people of both kinds in both arms hold a study's effect."""
        y, size, x, others = self._columns
        held = (kinds(y, size) == HELD) & (kinds(x, others) == HELD)
        return {f"theta[{label}]": bool(one) for label, one in zip(self.labels, held, strict=True)}
