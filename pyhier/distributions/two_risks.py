"""Log odds ratios given the hyperparameters, where studies' risks are normal too.

Of a study, N(mu, tau^2) times the likelihood of its events given the log odds ratio theta, in which
the risk is integrated out: that is the likelihood at mu = theta and tau = 0 (kernels/two_risks).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pyhier._frozen import Frozen
from pyhier._types import Floats, Ints
from pyhier.distributions.density import LineMarginal
from pyhier.distributions.families import ByMoments
from pyhier.distributions.line_panels import LinePanels, Rows
from pyhier.distributions.tilted import Counts
from pyhier.kernels import two_risks as kernel
from pyhier.kernels.risk_tables import RiskTables
from pyhier.quadrature.transforms import Line

LOG_2PI = float(np.log(2.0 * np.pi))
MU, LOG_TAU, ALPHA, LOG_SIGMA = range(4)


@dataclass(frozen=True)
class Arms(Frozen):
    """Events in two arms, and how their logits depend on the log odds ratio.

    Attributes
    ----------
    data : ndarray, shape (8, studies)
        Events, people, the likeliest logit and the log probability there, of both arms.
    first : float
        Of the first arm's logit, a + first theta; the other one's is a + (first - 1) theta.
    """

    data: Floats
    first: float

    @classmethod
    def of(
        cls, events: Floats, size: Floats, others: Floats, other_size: Floats, first: float
    ) -> "Arms":
        """Of events and people in both arms, each of shape (studies,)."""
        both = [Counts.of("binomial", *arm) for arm in ((events, size), (others, other_size))]
        data = np.ascontiguousarray(np.vstack([arm.data[:4] for arm in both]))
        data.flags.writeable = False
        return cls(data, first)

    def distinct(self) -> tuple["Arms", Floats, Ints]:
        """Studies that differ, how many there are of each, and which of them each study is."""
        data, which, times = np.unique(self.data, axis=1, return_inverse=True, return_counts=True)
        different = Arms(np.ascontiguousarray(data), self.first)
        return different, times.astype(np.float64), which.ravel()

    def take(self, study: int) -> "Arms":
        """One of them."""
        return Arms(np.ascontiguousarray(self.data[:, [study]]), self.first)

    def inner(self) -> Counts:
        """The arms whose logits are drawn given the other ones' (kernels/two_risks)."""
        y, size = np.where(kernel.outer_arms(self.data) == 0, self.data[4:6], self.data[:2])
        return Counts.of("binomial", y, size)

    def tables(self) -> RiskTables:
        """What many points share."""
        return RiskTables(self.data, self.first)

    def laws(self, phi: Floats) -> Floats:
        """Log probabilities, means and variances of effects, shape (3, studies, nodes)."""
        return kernel.laws(self.data, self.first, np.ascontiguousarray(phi))

    def log_probabilities(self, study: Ints, phi: Floats) -> Floats:
        """Log probabilities of the events of studies, one each, at points (n, 4); shape (n,)."""
        which = np.ascontiguousarray(study, dtype=np.int64)
        return kernel.log_probabilities(self.data, self.first, which, np.ascontiguousarray(phi))

    def log_likelihood(self, study: Ints, phi: Floats, theta: Floats) -> Floats:
        """The same given log odds ratios, (n,): the studies' risks alone are integrated out."""
        given = np.array(phi, dtype=np.float64)
        given[:, MU], given[:, LOG_TAU] = theta, -np.inf
        return self.log_probabilities(study, given)


@dataclass(frozen=True)
class EffectOfRisks(ByMoments):
    """A study's log odds ratio at nodes of the four hyperparameters' coordinates.

    Attributes
    ----------
    arms : Arms
        Of the one study.
    phi : ndarray, shape (nodes, 4)
    """

    arms: Arms
    phi: Floats
    line: Line = "identity"

    @cached_property
    def _laws(self) -> Floats:
        return self.arms.laws(self.phi)[:, 0]

    @property
    def concentration(self) -> Floats:
        """The inverse of the variance."""
        return 1.0 / self.var

    @property
    def centre(self) -> Floats:
        """The mean."""
        return self.mean

    def _log_density(self, node: Rows, theta: Floats) -> Floats:
        """At effects of nodes, one each, (n,)."""
        phi = self.phi[node]
        away = (theta - phi[:, MU]) * np.exp(-phi[:, LOG_TAU])
        own = self.arms.log_likelihood(np.zeros(node.size, dtype=np.int64), phi, theta)
        density: Floats = (
            own - self.log_probability[node] - 0.5 * (away**2 + LOG_2PI) - phi[:, LOG_TAU]
        )
        return density

    def near(self, d: Floats) -> Floats:
        """Log density at the mean plus ``d``, of d's shape (..., nodes)."""
        places = np.broadcast_to(self.mean + d, np.shape(self.mean + d))
        node = np.broadcast_to(np.arange(len(self.phi)), places.shape)
        return self._log_density(node.ravel(), places.ravel()).reshape(places.shape)

    def log_mixture(self, z: Floats, log_weight: Floats) -> Floats:
        """Log density of the mixture over the nodes at points of the line, shape (points,)."""
        node = np.flatnonzero(log_weight > -np.inf)
        found = np.empty(z.size)
        for i, place in enumerate(z.tolist()):
            logs = self._log_density(node, np.full(node.size, place)) + log_weight[node]
            found[i] = np.logaddexp.reduce(logs)
        return found

    @cached_property
    def _panels(self) -> LinePanels:
        """The density of every node, on panels of its own."""
        return LinePanels(self.line, self._log_density, self.mean, np.sqrt(self.var))

    def _tails(self, x: Floats, upper: bool) -> Floats:
        tails = np.empty((x.size, len(self.phi)))
        for node in range(len(self.phi)):
            own = self._panels.alone(node)
            one = LineMarginal(self.line, self._no_density, 0.0, 1.0, table=own)
            tails[:, node] = one.sf(x) if upper else one.cdf(x)
        return tails

    @staticmethod
    def _no_density(_: Floats) -> Floats:
        raise AssertionError("the panels are known")
