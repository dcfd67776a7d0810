"""Fisher's noncentral hypergeometric likelihood of a log odds ratio.

Given its margins, the events of a 2 x 2 table's first arm are a sum of independent Bernoulli
variables whose logits are the log odds ratio moved by constants, so that the log likelihood has no
singularity within pi of the line.
"""

from dataclasses import dataclass

import numpy as np

from pyhier._frozen import Frozen
from pyhier._types import Floats, Ints
from pyhier.distributions.likelihood_tables import BEYOND, End, power_terms
from pyhier.kernels import hypergeometric as kernel


@dataclass(frozen=True)
class Margins(Frozen):
    """Margins of 2 x 2 tables, and where in them the events of the first arm are.

    Attributes
    ----------
    table : ndarray, shape (3, groups)
        a, b and g (src_cython/hypergeometric.h).
    least, y : ndarray, shape (groups,)
        The fewest events that the first arm can have, and the events beyond these.
    """

    table: Floats
    least: Floats
    y: Floats

    @classmethod
    def of(cls, events: Floats, size: Floats, others: Floats, other_size: Floats) -> "Margins":
        """Of events in both arms, each of shape (groups,)."""
        total = events + others
        least = np.maximum(0.0, total - other_size)
        table = np.ascontiguousarray([size - least, total - least, np.abs(other_size - total)])
        return cls(table, least, events - least)

    @property
    def most(self) -> Floats:
        """How many more events than the fewest the first arm can have; 0: nothing is learned."""
        most: Floats = self.table[:2].min(axis=0)
        return most

    @property
    def columns(self) -> Floats:
        """What the likelihoods depend on, shape (4, groups)."""
        return np.vstack([self.table, self.y])

    def take(self, groups: Ints) -> "Margins":
        """Those of some tables."""
        table = np.ascontiguousarray(self.table[:, groups])
        return Margins(table, self.least[groups], np.ascontiguousarray(self.y[groups]))

    def ends(self) -> tuple[End, End]:
        """The log likelihoods' left and right ends."""
        a, b, g = self.table
        below, above = power_terms(a, b, g), power_terms(self.most, g + self.most, np.abs(a - b))
        beyond, none, rated = np.full(g.size, BEYOND), np.full(g.size, np.nan), g > -1.0
        return (
            End(below, beyond, below[0], none, rated), End(above, beyond, above[0], none, rated)
        )  # fmt: skip

    def guess(self) -> Floats:
        """About the likeliest log odds ratios, shape (groups,)."""
        (a, b, g), y = self.table, self.y
        rest = np.log(g + y + 0.5) - np.log(a - y + 0.5) - np.log(b - y + 0.5)
        found: Floats = np.log(y + 0.5) + rest
        return found

    def excess(self, theta: Floats) -> Floats:
        """Minus the log likelihoods' two derivatives at (groups, points), (2, groups, points)."""
        return kernel.excess(self.table, self.y, theta)

    def log_mass(self, theta: Floats) -> Floats:
        """Log likelihoods near where they are highest, shape (groups,)."""
        return kernel.log_mass(self.table, self.y, theta)

    def draws(self, theta: Floats, uniform: Floats) -> Floats:
        """Events of the first arm given log odds ratios (..., groups), from uniform numbers."""
        group = np.broadcast_to(np.arange(self.y.size), theta.shape).astype(np.int64).ravel()
        flat = np.ascontiguousarray(theta, dtype=np.float64).ravel()
        # Beyond 700 the weights leave a double, and the events are where they were long before.
        held = np.clip(flat, -600.0, 600.0)
        found = kernel.draws(self.table, group, held, np.ascontiguousarray(uniform).ravel())
        drawn: Floats = found.reshape(theta.shape) + self.least
        return drawn
