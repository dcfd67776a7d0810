"""Log likelihoods of many groups with covariates, as polynomials of the coefficients and log tau.

Where there are many groups the posterior is narrow beside what a group's likelihood bends over. So
each is a polynomial of its own predictor and log tau there, and their sum is one of beta and log
tau: what it costs at a point has nothing to do with the number of groups any more.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations_with_replacement
from math import factorial, prod
from threading import Lock

import numpy as np
from numpy.polynomial.chebyshev import cheb2poly, chebvander
from numpy.typing import NDArray

from pyhier._frozen import Frozen
from pyhier._types import Floats
from pyhier.kernels.integrated_groups import IntegratedGroups
from pyhier.models.covariates import NormalPrior
from pyhier.quadrature.surface import chebyshev_nodes

WIDTH = 0.5  # of a panel of log tau; singularities are pi / 2 away from the line
RUNGS = 14  # nodes on it
REACHES = (13.0, 9.0, 7.0)  # sds of the coefficients at that log tau, to which the polynomial goes
DEGREES = {1: (18, 48), 2: (18, 34), 3: (16, 30)}  # at most, by the number of coefficients
BLOCK, TOGETHER = 512, 20_000  # groups, or points, at a time; and groups whose series are kept
HELD_OUT = 24  # points at which it is compared
# How close it must be there: always; of the height; of the root of the number of groups, for a
# group's own integral is right to 4e-14 (kernels/normal_effects).
ROUGH, OF_SIZE, OF_GROUPS = 3e-12, 1e-15, 2e-13
WORTH, FAILURES = 150, 3  # points from which a polynomial pays; panels without, and no more tries
FAR = 2.0**30  # panels from 0 to which there are any
NEAR = 1e-4  # squared sds by which a mode may be missed
CUT, CUT_OF_EACH = 1e-11, 2e-15  # what is left out of the sum, if it were all of one sign
FALL = 4.0  # logs below the highest at which e times as much will do
NEWTON = 20  # steps to the coefficients at which a panel's middle has its mode


@dataclass(frozen=True, eq=False)
class Piece(Frozen):
    """The sum on one panel of log tau, within a ball of coefficients.

    Attributes
    ----------
    beta : ndarray, shape (p,)
        The ball's middle.
    root : ndarray, shape (p, p)
        Takes places in the ball of radius 1 to distances of beta.
    inverse : ndarray, shape (p, p)
    degree : int
    height : float
        What the polynomial leaves out.
    coefficients : ndarray, shape (monomials, RUNGS)
        Of products of monomials of the place and Chebyshev polynomials of log tau.
    """

    beta: Floats
    root: Floats
    inverse: Floats
    degree: int
    height: float
    coefficients: Floats

    def __call__(self, phi: Floats) -> Floats:
        """Values at points (n, p + 1) of the panel; NaN outside the ball."""
        found = np.full(len(phi), np.nan)
        place = (phi[:, :-1] - self.beta) @ self.inverse.T
        inside = np.flatnonzero((place * place).sum(axis=1) <= 1.0)
        for start in range(0, inside.size, BLOCK):
            some = inside[start : start + BLOCK]
            rung = chebvander(_on_panel(phi[some, -1]), RUNGS - 1)
            terms = monomials(place[some], self.degree) @ self.coefficients
            found[some] = (terms * rung).sum(axis=1) + self.height
        return found


def monomials(x: Floats, degree: int) -> Floats:
    """All products of powers of columns of x, (n, p), up to a degree, by degree: (n, terms)."""
    columns = [x[:, k : k + 1] for k in range(x.shape[1])]
    last, found = columns, [np.ones((len(x), 1)), *columns]
    for _ in range(degree - 1):
        # Products of factors in ascending order, of which column k is the last.
        last = [np.hstack(last[: k + 1]) * column for k, column in enumerate(columns)]
        found += last
    return np.hstack(found)


def multinomials(p: int, degree: int) -> tuple[Floats, NDArray[np.intp]]:
    """How often each of these occurs in a power of a sum of p terms, and its degree, (terms,)."""
    ways, degrees = [], []
    for d in range(degree + 1):
        for word in sorted(combinations_with_replacement(range(p), d), key=lambda one: one[::-1]):
            own = [factorial(word.count(k)) for k in range(p)]
            ways.append(float(factorial(d) // prod(own)))
            degrees.append(d)
    return np.array(ways), np.array(degrees)


def _on_panel(log_tau: Floats) -> Floats:
    """Places on the panel of log tau, from -1 to 1."""
    share = log_tau / WIDTH
    return 2.0 * (share - np.floor(share)) - 1.0


class PredictorSums:
    """Sums of the log likelihoods of all groups.

    Parameters
    ----------
    groups : IntegratedGroups
        The compiled data.
    log_likelihood : callable
        Their sum itself, at points (n, p + 1).
    design : ndarray, shape (groups, p)
    times : ndarray, shape (groups,)
        How many groups each is.
    prior : NormalPrior
        Of the coefficients.
    start : ndarray, shape (p,)
        About where these are.
    """

    def __init__(
        self,
        groups: IntegratedGroups,
        log_likelihood: Callable[[Floats], Floats],
        design: Floats,
        times: Floats,
        prior: NormalPrior,
        start: Floats,
    ) -> None:
        self._groups, self._log_likelihood = groups, log_likelihood
        self._design, self._times, self._prior, self._start = design, times, prior, start
        self._cut = CUT + CUT_OF_EACH * times.size
        self._pieces: dict[int, Piece | None] = {}
        self._asked: Counter[int] = Counter()
        self._lock = Lock()

    def __call__(self, phi: Floats) -> Floats:
        """The sum at points (n, p + 1); NaN where no polynomial tells it."""
        sums, panel = np.full(len(phi), np.nan), np.floor(phi[:, -1] / WIDTH)
        for which in np.unique(panel[np.abs(panel) < FAR]).tolist():
            some = np.flatnonzero(panel == which)
            with self._lock:
                piece = self._piece(int(which), some.size)
            if piece is not None:
                sums[some] = piece(phi[some])
        return sums

    def _piece(self, panel: int, points: int) -> Piece | None:
        """The polynomial of a panel, made once it is asked for at many points."""
        if panel not in self._pieces:
            self._asked[panel] += points
            failed = sum(piece is None for piece in self._pieces.values())
            if self._asked[panel] < WORTH or failed >= FAILURES:
                return None
            self._pieces[panel] = self._made(panel)
        return self._pieces[panel]

    def _made(self, panel: int) -> Piece | None:
        found = self._mode(WIDTH * (panel + 0.5))
        if found is None:
            return None
        beta, unit = found
        for reach in REACHES:
            root = reach * unit
            held = self._held_out(panel, beta, root)
            wanted = self._log_likelihood(held)
            enough = np.exp(np.clip(wanted[0] - wanted, 0.0, 400.0) / FALL)
            enough *= max(ROUGH, OF_SIZE * abs(wanted[0]), OF_GROUPS * self._times.size**0.5)
            for degree in DEGREES[beta.size]:
                piece = self._of_degree(panel, beta, root, degree, float(wanted[0]))
                if piece is not None and (np.abs(piece(held) - wanted) <= enough).all():
                    return piece
        return None

    def _held_out(self, panel: int, beta: Floats, root: Floats) -> Floats:
        """Points in the ball at which a polynomial is compared, the first in its middle."""
        rng = np.random.default_rng(1)
        away = rng.normal(size=(HELD_OUT, beta.size))
        away *= np.linspace(0.0, 0.999, HELD_OUT)[:, np.newaxis] / np.linalg.norm(
            away, axis=1, keepdims=True
        )
        rung = np.append(0.5, rng.uniform(0.0, 1.0, HELD_OUT - 1))
        return np.column_stack([beta + away @ root.T, WIDTH * (panel + rung)])

    def _mode(self, log_tau: float) -> tuple[Floats, Floats] | None:
        """Coefficients at their mode given log tau, and a root of their covariance; or None."""
        beta, own = self._start, self._prior
        for _ in range(NEWTON):
            slope, bend = self._groups.derivatives(np.append(beta, log_tau))
            slope = slope[:-1] + own.root.T @ (own.root @ (own.mean - beta))
            precision = own.root.T @ own.root - bend[:-1, :-1]
            try:
                root = np.linalg.inv(np.linalg.cholesky(precision)).T
            except np.linalg.LinAlgError:
                return None
            step = root @ (root.T @ slope)
            if not np.isfinite(step).all():
                return None
            beta = np.asarray(beta + step, dtype=np.float64)
            if float(step @ slope) < NEAR:
                return beta, root
        return None

    def _of_degree(
        self, panel: int, beta: Floats, root: Floats, most: int, height: float
    ) -> Piece | None:
        """The polynomial of the degree that is enough, up to one; None where more is needed."""
        own = self._design @ root
        length = np.sqrt((own * own).sum(axis=1))
        towards = own / np.where(length > 0.0, length, 1.0)[:, np.newaxis]
        blocks = [slice(k, k + TOGETHER) for k in range(0, len(own), TOGETHER)]
        size: Floats = np.zeros((RUNGS, most + 1))
        for some in blocks:
            series = self._series(panel, beta, length, most, some)
            size += np.abs(series).sum(axis=0)
        rest = size[:, ::-1].max(axis=0).cumsum()[::-1]  # from a degree on
        if rest[-1] > self._cut:
            return None
        degree = max(1, int(np.argmax(rest <= self._cut)) - 1)
        # Not in one step with what makes series of values: their rounding would be of such powers.
        powers = np.zeros((degree + 1, degree + 1))
        for k in range(degree + 1):
            powers[: k + 1, k] = cheb2poly(np.eye(degree + 1)[k, : k + 1])
        ways, degrees = multinomials(beta.size, degree)
        sums = np.zeros((ways.size, RUNGS))
        for some in blocks:
            if len(blocks) > 1:  # made again, for all of them take too much memory
                series = self._series(panel, beta, length, most, some)
            powered: Floats = np.tensordot(powers, series[..., : degree + 1], (1, 2))
            _add_products(sums, towards[some], powered, degrees)
        inverse = np.asarray(np.linalg.inv(root), dtype=np.float64)
        return Piece(beta, root, inverse, degree, height, ways[:, np.newaxis] * sums)

    def _series(self, panel: int, beta: Floats, length: Floats, degree: int, some: slice) -> Floats:
        """Some groups' series in log tau and their means, (groups, RUNGS, degree + 1)."""
        place, rung = chebyshev_nodes(degree + 1), chebyshev_nodes(RUNGS)
        log_tau = WIDTH * (panel + 0.5 + 0.5 * rung[0])
        away = length[some, np.newaxis]
        middle = self._groups.each(beta, 0.0 * away, WIDTH * np.array([panel + 0.5]), some.start)
        values = self._groups.each(beta, away * place[0], log_tau, some.start) - middle
        series: Floats = (rung[1] @ values) @ place[1].T
        series *= self._times[some, np.newaxis, np.newaxis]
        return series


def _add_products(
    sums: Floats, towards: Floats, powered: Floats, degrees: NDArray[np.intp]
) -> None:
    """Add groups' coefficients, (degrees, groups, RUNGS), times products of their directions."""
    for start in range(0, len(towards), BLOCK):
        some = slice(start, start + BLOCK)
        terms = monomials(towards[some], len(powered) - 1)
        for d, own in enumerate(powered):
            of_degree = degrees == d
            sums[of_degree] += terms[:, of_degree].T @ own[some]
