"""The whole-number variates of an R stream: R's names, order and recycling."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyhier._types import Floats
from pyhier._validation import as_array, count
from pyhier.kernels.count_streams import fill_multinomial
from pyhier.rstats import recycling
from pyhier.rstats.recycling import drawn, parameter, size_of
from pyhier.rstats.sampling import probabilities

Integers = NDArray[np.int64]

LARGEST_MEAN = 4e18  # what the draws' 64-bit integers hold
MEAN: recycling.Rule = (
    lambda x: (x >= 0.0) & (x <= LARGEST_MEAN),
    f"it must be from 0 to {LARGEST_MEAN:g}",
)
LARGEST_SIZE = 1e15  # beyond it the tail cannot be inverted to whole numbers
TRIALS: recycling.Rule = (
    lambda x: recycling.WHOLE[0](x) & (x <= LARGEST_SIZE),
    f"it must be a whole number from 0 to {LARGEST_SIZE:g}",
)
LEAST_CHANCE = 1e-17  # below it counts leave the integers
CHANCE: recycling.Rule = (
    lambda x: (x >= LEAST_CHANCE) & (x <= 1.0),
    f"it must be above 0, {LEAST_CHANCE:g} at least, and at most 1",
)


class CountVariates:
    """What `RStream` draws of counts; the parameters are vectors, recycled to ``n`` as in R."""

    bit_generator: np.random.MT19937

    def rbinom(self, n: int, size: ArrayLike, prob: ArrayLike) -> Integers:
        """Binomial draws: R's ``rbinom(n, size, prob)``.

        Parameters
        ----------
        n : int
            The number of draws, from 0 up.
        size : array_like
            Trials, whole numbers from 0 to 1e15.
        prob : array_like
            Probability of a success.

        Returns
        -------
        ndarray of int, shape (n,)

        Examples
        --------
        >>> from pyhier import RStream
        >>> RStream(1).rbinom(5, [10, 1000], 0.3)  # set.seed(1); rbinom(5, c(10, 1000), 0.3)
        array([  2, 300,   5, 283,   5])
        """
        wanted = size_of(n)
        trials = parameter("size", size, wanted, TRIALS)
        chance = parameter("prob", prob, wanted, recycling.PROBABILITY)
        out = drawn(self.bit_generator, "rbinom", wanted, trials, chance)
        return _inverted(out, trials, chance).astype(np.int64)

    def rpois(self, n: int, lambda_: ArrayLike) -> Integers:
        """Poisson draws: R's ``rpois(n, lambda)``.

        Parameters
        ----------
        n : int
            The number of draws, from 0 up.
        lambda_ : array_like
            The mean, not negative and at most 4e18.

        Returns
        -------
        ndarray of int, shape (n,)

        Examples
        --------
        >>> from pyhier import RStream
        >>> RStream(1).rpois(5, [3, 1000])  # set.seed(1); rpois(5, c(3, 1000))
        array([   2,  989,    2, 1040,    4])
        """
        wanted = size_of(n)
        mean = parameter("lambda_", lambda_, wanted, MEAN)
        return drawn(self.bit_generator, "rpois", wanted, mean).astype(np.int64)

    def rgeom(self, n: int, prob: ArrayLike) -> Integers:
        """Geometric draws, the failures before a success: R's ``rgeom(n, prob)``.

        Parameters
        ----------
        n : int
            The number of draws, from 0 up.
        prob : array_like
            Probability of a success, above 0.

        Returns
        -------
        ndarray of int, shape (n,)

        Examples
        --------
        >>> from pyhier import RStream
        >>> RStream(1).rgeom(4, 0.2)  # set.seed(1); rgeom(4, 0.2)
        array([ 2,  2, 12,  0])
        """
        wanted = size_of(n)
        chance = parameter("prob", prob, wanted, CHANCE)
        return _whole(drawn(self.bit_generator, "rgeom", wanted, chance))

    def rnbinom(
        self,
        n: int,
        size: ArrayLike,
        prob: ArrayLike | None = None,
        mu: ArrayLike | None = None,
    ) -> Integers:
        """Negative binomial draws: R's ``rnbinom(n, size, prob, mu)``.

        Parameters
        ----------
        n : int
            The number of draws, from 0 up.
        size : array_like
            Successes to wait for, or the shape of the mixing gamma; positive and finite.
        prob, mu : array_like
            Probability of a success, or the mean: one of them.

        Returns
        -------
        ndarray of int, shape (n,)

        Examples
        --------
        >>> from pyhier import RStream
        >>> RStream(1).rnbinom(4, 3, mu=4)  # set.seed(1); rnbinom(4, 3, mu = 4)
        array([4, 2, 2, 3])
        """
        wanted = size_of(n)
        sizes = parameter("size", size, wanted, recycling.POSITIVE_FINITE)
        if (prob is None) == (mu is None):
            raise ValueError("give one of prob and mu")
        if prob is not None:
            chance = parameter("prob", prob, wanted, CHANCE)
            means = np.resize(sizes, wanted) / np.resize(chance, wanted)
            if np.any(means > LARGEST_MEAN):
                raise ValueError(f"size / prob is {means.max():g}: at most {LARGEST_MEAN:g}")
            return _whole(drawn(self.bit_generator, "rnbinom", wanted, sizes, chance))
        mean = parameter("mu", 0.0 if mu is None else mu, wanted, MEAN)
        return _whole(drawn(self.bit_generator, "rnbinom_mu", wanted, sizes, mean))

    def rmultinom(self, n: int, size: int, prob: ArrayLike) -> Integers:
        """Multinomial draws: R's ``rmultinom(n, size, prob)``.

        Parameters
        ----------
        n : int
            The number of draws, from 0 up.
        size : int
            Trials in each, from 0 up.
        prob : array_like, shape (k,)
            Weights of the cells; they need not sum to 1.

        Returns
        -------
        ndarray of int, shape (k, n)
            A column a draw, as in R.

        Examples
        --------
        >>> from pyhier import RStream
        >>> RStream(1).rmultinom(3, 10, [1, 2, 5])  # set.seed(1); rmultinom(3, 10, c(1, 2, 5))
        array([[1, 1, 0],
               [2, 4, 5],
               [7, 5, 5]])
        """
        wanted, trials = size_of(n), count("size", size, 0)
        if trials >= 2**31:
            raise ValueError(f"size is {trials}: R takes at most 2147483647 trials")
        p = probabilities(prob, as_array("prob", prob).size)
        out = np.empty((wanted, p.size))
        with self.bit_generator.lock:
            fill_multinomial(self.bit_generator, float(trials), p, out)
        return np.ascontiguousarray(out.T).astype(np.int64)


def _whole(values: Floats) -> Integers:
    """Counts as integers; a heavy tail may leave their range."""
    bad = np.flatnonzero(values > LARGEST_MEAN)
    if bad.size:
        raise ValueError(
            f"draw {int(bad[0])} is {values[bad[0]]:g}, more than an integer holds: "
            "draw the mean by rgamma or rexp instead"
        )
    return values.astype(np.int64)


def _inverted(out: Floats, trials: Floats, chance: Floats) -> Floats:
    """From 2^31 - 1 trials on R inverts the upper tail; the kernel leaves minus the uniform."""
    left = np.flatnonzero(out < 0.0)
    if left.size:
        from scipy.stats import binom

        out[left] = binom.isf(-out[left], trials[left % trials.size], chance[left % chance.size])
    return out
