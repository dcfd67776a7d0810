"""The continuous variates of an R stream, and `sample`: R's names, order and recycling."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyhier._types import Floats
from pyhier.rstats import recycling, sampling
from pyhier.rstats.count_variates import CountVariates
from pyhier.rstats.recycling import drawn, parameter, size_of


class Variates(CountVariates):
    """What `RStream` draws; parameters are vectors, recycled to ``n`` as in R.

    Each method raises a ValueError that names the first impossible parameter, where R returns NaN
    and warns. Where a parameter leaves one possible value (a scale of 0, say) that is returned and
    the stream is not used, as in R.
    """

    def runif(self, n: int, min: ArrayLike = 0.0, max: ArrayLike = 1.0) -> Floats:  # noqa: A002
        """Uniform draws: R's ``runif(n, min, max)``.

        Parameters
        ----------
        n : int
            The number of draws, from 0 up.
        min, max : array_like
            The limits, recycled to ``n`` as in R. Where they are equal the limit is returned and
            the stream is not used, as in R.

        Returns
        -------
        ndarray, shape (n,)

        Raises
        ------
        ValueError
            If a limit is not finite or ``max`` is below ``min`` (R returns NaN and warns).

        Examples
        --------
        >>> from pyhier import RStream
        >>> RStream(1).runif(2, 0, [1, 10])  # set.seed(1); runif(2, 0, c(1, 10))
        array([0.26550866, 3.721239  ])
        """
        size = size_of(n)
        low = parameter("min", min, size, recycling.FINITE)
        high = parameter("max", max, size, recycling.FINITE)
        pairs = builtins.max(low.size, high.size) if 1 in (low.size, high.size) else size
        bad = np.flatnonzero(np.resize(low, pairs) > np.resize(high, pairs))
        if bad.size:
            i = int(bad[0])
            raise ValueError(
                f"min is {low[i % low.size]} and max {high[i % high.size]} for draw {i}: "
                "max must not be below min"
            )
        return drawn(self.bit_generator, "runif", size, low, high)

    def rnorm(self, n: int, mean: ArrayLike = 0.0, sd: ArrayLike = 1.0) -> Floats:
        """Normal draws: R's ``rnorm(n, mean, sd)``.

        Parameters
        ----------
        n : int
            The number of draws, from 0 up.
        mean, sd : array_like
            Recycled to ``n`` as in R. Where ``sd`` is 0 or the mean is infinite the mean is
            returned and the stream is not used, as in R.

        Returns
        -------
        ndarray, shape (n,)

        Examples
        --------
        >>> from pyhier import RStream
        >>> RStream(1).rnorm(2, [10, 20])  # set.seed(1); rnorm(2, c(10, 20))
        array([ 9.37354619, 20.18364332])
        """
        size = size_of(n)
        centre = parameter("mean", mean, size, recycling.NUMBER)
        spread = parameter("sd", sd, size, recycling.NOT_NEGATIVE_FINITE)
        return drawn(self.bit_generator, "rnorm", size, centre, spread)

    def rexp(self, n: int, rate: ArrayLike = 1.0) -> Floats:
        """Exponential draws: R's ``rexp(n, rate)``.

        Parameters
        ----------
        n : int
            The number of draws, from 0 up.
        rate : array_like
            Positive; the mean is ``1 / rate``.

        Returns
        -------
        ndarray, shape (n,)

        Examples
        --------
        >>> from pyhier import RStream
        >>> RStream(1).rexp(3)  # set.seed(1); rexp(3)
        array([0.75518183, 1.18164278, 0.14570673])
        """
        size = size_of(n)
        rates = parameter("rate", rate, size, recycling.POSITIVE)
        return drawn(self.bit_generator, "rexp", size, 1.0 / rates)

    def rgamma(
        self,
        n: int,
        shape: ArrayLike,
        rate: ArrayLike | None = None,
        scale: ArrayLike | None = None,
    ) -> Floats:
        """Gamma draws: R's ``rgamma(n, shape, rate)``.

        Parameters
        ----------
        n : int
            The number of draws, from 0 up.
        shape : array_like
            Not negative.
        rate, scale : array_like, optional
            Not negative; one of them, 1 without either. The mean is ``shape / rate``.

        Returns
        -------
        ndarray, shape (n,)

        Examples
        --------
        >>> from pyhier import RStream
        >>> RStream(1).rgamma(3, 2.5, [1.0, 10.0])  # set.seed(1); rgamma(3, 2.5, c(1, 10))
        array([1.21217162, 0.43227117, 4.2042559 ])
        """
        size = size_of(n)
        if rate is not None and scale is not None:
            raise ValueError("rate and scale are both given: give one")
        shapes = parameter("shape", shape, size, recycling.NOT_NEGATIVE)
        if scale is not None:
            scales = parameter("scale", scale, size, recycling.NOT_NEGATIVE)
        else:
            with np.errstate(divide="ignore", over="ignore"):  # a rate of 0: scale infinite
                scales = 1.0 / parameter("rate", _or(rate, 1.0), size, recycling.NOT_NEGATIVE)
        return drawn(self.bit_generator, "rgamma", size, shapes, scales)

    def rchisq(self, n: int, df: ArrayLike, ncp: ArrayLike | None = None) -> Floats:
        """Chi-squared draws: R's ``rchisq(n, df, ncp)``.

        Parameters
        ----------
        n : int
            The number of draws, from 0 up.
        df : array_like
            Degrees of freedom, finite and not negative.
        ncp : array_like, optional
            Non-centrality, finite and not negative.

        Returns
        -------
        ndarray, shape (n,)

        Examples
        --------
        >>> from pyhier import RStream
        >>> RStream(1).rchisq(3, 4)  # set.seed(1); rchisq(3, 4)
        array([1.66173   , 7.14151269, 6.92634076])
        """
        size = size_of(n)
        dfs = parameter("df", df, size, recycling.NOT_NEGATIVE_FINITE)
        if ncp is not None:
            shifts = parameter("ncp", ncp, size, recycling.NOT_NEGATIVE_FINITE)
            return drawn(self.bit_generator, "rchisq_ncp", size, dfs, shifts)
        return drawn(self.bit_generator, "rchisq", size, dfs)

    def rbeta(
        self, n: int, shape1: ArrayLike, shape2: ArrayLike, ncp: ArrayLike | None = None
    ) -> Floats:
        """Beta draws: R's ``rbeta(n, shape1, shape2, ncp)``.

        Parameters
        ----------
        n : int
            The number of draws, from 0 up.
        shape1, shape2 : array_like
            Not negative; the mean is ``shape1 / (shape1 + shape2)``.
        ncp : array_like, optional
            Non-centrality; with it the shapes must be positive and finite.

        Returns
        -------
        ndarray, shape (n,)

        Examples
        --------
        >>> from pyhier import RStream
        >>> RStream(1).rbeta(3, 2, [3, 0.5])  # set.seed(1); rbeta(3, 2, c(3, 0.5))
        array([0.25509981, 0.87796504, 0.2131322 ])
        """
        size = size_of(n)
        if ncp is not None:  # a ratio of chi-squared variates, in R too
            first = parameter("shape1", shape1, size, recycling.POSITIVE_FINITE)
            second = parameter("shape2", shape2, size, recycling.POSITIVE_FINITE)
            x = self.rchisq(size, 2.0 * first, ncp)
            return x / (x + self.rchisq(size, 2.0 * second))
        first = parameter("shape1", shape1, size, recycling.NOT_NEGATIVE)
        second = parameter("shape2", shape2, size, recycling.NOT_NEGATIVE)
        return drawn(self.bit_generator, "rbeta", size, first, second)

    def rt(self, n: int, df: ArrayLike, ncp: ArrayLike | None = None) -> Floats:
        """Student's t draws: R's ``rt(n, df, ncp)``.

        Parameters
        ----------
        n : int
            The number of draws, from 0 up.
        df : array_like
            Degrees of freedom, positive; infinity gives normal draws.
        ncp : array_like, optional
            Non-centrality; with it ``df`` must be finite.

        Returns
        -------
        ndarray, shape (n,)

        Examples
        --------
        >>> from pyhier import RStream
        >>> RStream(1).rt(3, 4)  # set.seed(1); rt(3, 4)
        array([-0.6729166 , -0.58433837,  0.57211572])
        """
        size = size_of(n)
        if ncp is not None:  # all normals first, in R too
            dfs = parameter("df", df, size, recycling.POSITIVE_FINITE)
            z = self.rnorm(size, parameter("ncp", ncp, size, recycling.FINITE))
            return z / np.sqrt(self.rchisq(size, dfs) / np.resize(dfs, size))
        dfs = parameter("df", df, size, recycling.POSITIVE)
        return drawn(self.bit_generator, "rt", size, dfs)

    def rcauchy(self, n: int, location: ArrayLike = 0.0, scale: ArrayLike = 1.0) -> Floats:
        """Cauchy draws: R's ``rcauchy(n, location, scale)``.

        Parameters
        ----------
        n : int
            The number of draws, from 0 up.
        location, scale : array_like
            The scale is finite and not negative.

        Returns
        -------
        ndarray, shape (n,)

        Examples
        --------
        >>> from pyhier import RStream
        >>> RStream(1).rcauchy(3)  # set.seed(1); rcauchy(3)
        array([ 1.1025199 ,  2.3538306 , -4.29262624])
        """
        return self._located("rcauchy", n, location, scale, recycling.NOT_NEGATIVE_FINITE)

    def rlogis(self, n: int, location: ArrayLike = 0.0, scale: ArrayLike = 1.0) -> Floats:
        """Logistic draws: R's ``rlogis(n, location, scale)``.

        Parameters
        ----------
        n : int
            The number of draws, from 0 up.
        location, scale : array_like
            The scale is finite.

        Returns
        -------
        ndarray, shape (n,)

        Examples
        --------
        >>> from pyhier import RStream
        >>> RStream(1).rlogis(2)  # set.seed(1); rlogis(2)
        array([-1.01753073, -0.52311599])
        """
        return self._located("rlogis", n, location, scale, recycling.FINITE)

    def _located(
        self, family: str, n: int, location: ArrayLike, scale: ArrayLike, rule: recycling.Rule
    ) -> Floats:
        size = size_of(n)
        centre = parameter("location", location, size, recycling.NUMBER)
        spread = parameter("scale", scale, size, rule)
        return drawn(self.bit_generator, family, size, centre, spread)

    def rlnorm(self, n: int, meanlog: ArrayLike = 0.0, sdlog: ArrayLike = 1.0) -> Floats:
        """Log-normal draws: R's ``rlnorm(n, meanlog, sdlog)``.

        Parameters
        ----------
        n : int
            The number of draws, from 0 up.
        meanlog, sdlog : array_like
            Mean and standard deviation of the logarithm.

        Returns
        -------
        ndarray, shape (n,)

        Examples
        --------
        >>> from pyhier import RStream
        >>> RStream(1).rlnorm(2)  # set.seed(1); rlnorm(2)
        array([0.53448383, 1.20158717])
        """
        size = size_of(n)
        centre = parameter("meanlog", meanlog, size, recycling.NUMBER)
        spread = parameter("sdlog", sdlog, size, recycling.NOT_NEGATIVE_FINITE)
        return drawn(self.bit_generator, "rlnorm", size, centre, spread)

    def rweibull(self, n: int, shape: ArrayLike, scale: ArrayLike = 1.0) -> Floats:
        """Weibull draws: R's ``rweibull(n, shape, scale)``.

        Parameters
        ----------
        n : int
            The number of draws, from 0 up.
        shape, scale : array_like
            The shape is positive and finite, the scale finite and not negative.

        Returns
        -------
        ndarray, shape (n,)

        Examples
        --------
        >>> from pyhier import RStream
        >>> RStream(1).rweibull(2, 2.0)  # set.seed(1); rweibull(2, 2)
        array([1.15156754, 0.99424766])
        """
        size = size_of(n)
        shapes = parameter("shape", shape, size, recycling.POSITIVE_FINITE)
        scales = parameter("scale", scale, size, recycling.NOT_NEGATIVE_FINITE)
        return drawn(self.bit_generator, "rweibull", size, shapes, scales)

    def rf(self, n: int, df1: ArrayLike, df2: ArrayLike) -> Floats:
        """F draws: R's ``rf(n, df1, df2)``.

        Parameters
        ----------
        n : int
            The number of draws, from 0 up.
        df1, df2 : array_like
            Degrees of freedom, positive, possibly infinite.

        Returns
        -------
        ndarray, shape (n,)

        Examples
        --------
        >>> from pyhier import RStream
        >>> RStream(1).rf(2, 3, 8)  # set.seed(1); rf(2, 3, 8)
        array([0.19560945, 1.65308717])
        """
        size = size_of(n)
        first = parameter("df1", df1, size, recycling.POSITIVE)
        second = parameter("df2", df2, size, recycling.POSITIVE)
        return drawn(self.bit_generator, "rf", size, first, second)

    def sample(
        self,
        x: int | ArrayLike,
        size: int | None = None,
        replace: bool = False,
        prob: ArrayLike | None = None,
    ) -> NDArray[Any]:
        """Draw from a finite population: R's ``sample(x, size, replace, prob)``.

        Parameters
        ----------
        x : int or array_like
            The population: 1, ..., x (R's numbers, not Python's places), or the entries of a
            vector. A vector of one number is a population of one, which in R it is not.
        size : int, optional
            How many; without it, as many as there are in the population.
        replace : bool
            Whether one can be drawn again.
        prob : array_like, optional
            A weight for each in the population; they need not sum to 1.

        Returns
        -------
        ndarray, shape (size,)

        Raises
        ------
        ValueError
            If there are too few to draw from, or a weight is negative or not finite.

        Examples
        --------
        >>> from pyhier import RStream
        >>> RStream(1).sample(10, 4)  # set.seed(1); sample(10, 4)
        array([9, 4, 7, 1])
        >>> RStream(1).sample(["a", "b"], 4, replace=True, prob=[3, 1])
        array(['a', 'a', 'a', 'b'], dtype='<U1')
        """
        return sampling.sample(self.bit_generator, x, size, replace, prob)


def _or(value: ArrayLike | None, default: float) -> ArrayLike:
    return default if value is None else value
