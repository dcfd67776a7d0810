"""Likelihoods of log odds ratios from events in two arms, each study's own risk integrated out.

With events y of n people in the first arm, x of m in the other and logits a + theta and a, the
integral over all a of both probabilities is, but for binomial coefficients,

    exp(-x theta) B(t, n + m - t) 2F1(m, t; n + m; 1 - exp(-theta)),   t = y + x.

The parameters of 2F1, and what the third is more than the others, are positive, so that it has no
zeros off its cut, as Gauss' continued fraction says: its log has no singularity within pi of the
line. Far out it is a power times a series, of whose k-th terms those from |x - (n - y)| on have a
logarithm beside them, which is why panels end later where that is small.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pyhier._frozen import Frozen
from pyhier._types import Floats, Ints
from pyhier.distributions.likelihood_tables import BEYOND, End, power_terms
from pyhier.kernels import two_binomials as kernel
from pyhier.kernels.count_masses import log_mass

# By how many powers there are before the first with a logarithm: 0, 1, ..., and 4 or more.
ENDS = np.array([1e-18, 1e-18, 1e-9, 3e-7, BEYOND])


@dataclass(frozen=True)
class TwoBinomials(Frozen):
    """Events in two arms.

    Attributes
    ----------
    counts : ndarray, shape (4, groups)
        Events in the first arm and people without, the same in the other.
    """

    counts: Floats

    @classmethod
    def of(cls, events: Floats, size: Floats, others: Floats, other_size: Floats) -> "TwoBinomials":
        """Of events and people in both arms, each of shape (groups,)."""
        return cls(np.ascontiguousarray([events, size - events, others, other_size - others]))

    @cached_property
    def y(self) -> Floats:
        """The slope of the log likelihood far to the left, shape (groups,)."""
        y, _, _, f = self.counts
        least: Floats = np.minimum(y, f)
        return least

    @cached_property
    def most(self) -> Floats:
        """By how much the slope falls; 0 of no event in both arms, or nothing but events."""
        _, f, y, _ = self.counts
        most: Floats = self.y + np.minimum(f, y)
        return most

    @property
    def columns(self) -> Floats:
        """What the likelihoods depend on, shape (4, groups)."""
        return self.counts

    def take(self, groups: Ints) -> "TwoBinomials":
        """Those of some groups."""
        return TwoBinomials(np.ascontiguousarray(self.counts[:, groups]))

    def ends(self) -> tuple[End, End]:
        """The log likelihoods' left and right ends."""
        y, f, other_y, other_f = self.counts
        return _end(other_y, other_f, y, f), _end(y, f, other_y, other_f)

    def guess(self) -> Floats:
        """About the likeliest log odds ratios, shape (groups,)."""
        a, b, c, d = np.log(self.counts + 0.5)
        found: Floats = a - b - c + d
        return found

    def excess(self, theta: Floats) -> Floats:
        """Minus the log likelihoods' two derivatives at (groups, points), (2, groups, points)."""
        return kernel.excess(self.counts, theta)

    def log_mass(self, theta: Floats) -> Floats:
        """Log likelihoods, binomial coefficients included, at one effect a group, (groups,)."""
        y, f, other_y, other_f = self.counts
        logit, integral = kernel.log_integrals(self.counts, theta)
        found: Floats = integral + _mass(y, f, logit + theta) + _mass(other_y, other_f, logit)
        return found


def _mass(y: Floats, f: Floats, logit: Floats) -> Floats:
    """Log binomial probabilities, by the rarer side's."""
    rare = np.exp(-np.logaddexp(0.0, np.abs(logit)))
    events = logit < 0.0
    masses: Floats = log_mass("binomial", np.where(events, y, f), np.where(events, f, y), rare)
    return masses


def _end(y: Floats, f: Floats, other_y: Floats, other_f: Floats) -> End:
    """The right end; the left one with the arms in each other's place."""
    # of 2F1(a, b; 1 - d; z); by Euler's transformation where the power is the other one
    n, m, t, rest = y + f, other_y + other_f, y + other_y, f + other_f
    a, b = np.where(other_y <= f, [m, t], [n, rest])
    d = np.abs(other_y - f)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = -power_terms(-a, -b, -d)
    terms = np.where(np.arange(1.0, 4.0)[:, np.newaxis] < d, terms, 0.0)
    beyond = ENDS[np.minimum(d, 4.0).astype(np.intp)]
    scale = a * b / np.maximum(d - 1.0, 1.0)
    return End(terms, beyond, scale, np.where(d == 0.0, _offset(n, m), np.nan), d > 1.0)


def _offset(n: Floats, m: Floats) -> Floats:
    """What is added to theta in the factor that the power has where d is 0."""
    from scipy.special import digamma

    found: Floats = 2.0 * digamma(1.0) - digamma(n) - digamma(m)
    return found
