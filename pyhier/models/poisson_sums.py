"""The Poisson-gamma model of any number of groups, of which only sums are kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from math import floor, log
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyhier._types import Floats
from pyhier._validation import positive
from pyhier.kernels.count_sums import PoissonGammaSums
from pyhier.kernels.variance_bins import effects
from pyhier.models.count_sums import SummedCounts
from pyhier.models.counts import ladder
from pyhier.models.poisson_gamma import PoissonGamma
from pyhier.models.sums import Sums, columns, each_row, whole_counts, whole_rows
from pyhier.models.tallies import added, shortened, steps
from pyhier.models.variance_bins import CENTRED, TO_SERIES, Bins, Places, binned, places
from pyhier.priors.pairs import PairPrior

MOST_EVENTS = 2**20  # of a group: a histogram of 8 MB
POOLED = 36.0  # log alpha of a reference where groups are all but pooled


@dataclass(frozen=True)
class Events:
    """Sums over groups of events in exposures.

    Attributes
    ----------
    histogram : ndarray
        The numbers of groups with 0, 1, 2, ... events.
    bins : Bins
        Sums of Chebyshev polynomials of log exposure, and of these times the events.
    """

    histogram: Floats
    bins: Bins

    @property
    def groups(self) -> int:
        """How many groups there were."""
        return self.bins.groups

    def __add__(self, other: "Events") -> "Events":
        """The sums over the groups of both."""
        return Events(added(self.histogram, other.histogram), self.bins + other.bins)

    def arrays(self) -> dict[str, Any]:
        """What a file holds."""
        return {"histogram": self.histogram, **self.bins.arrays()}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """What was written; ValueError where it was not."""
        found = cls(whole_counts("histogram", arrays["histogram"]), Bins.of_arrays(arrays))
        if found.histogram.ndim != 1 or found.histogram.sum() != found.groups:
            raise ValueError("its histogram is of other groups")
        return found


class PoissonSums(Sums[Events]):
    """Sums over groups that carry the whole likelihood of the Poisson-gamma model.

    Groups are given in chunks and not kept; sums of parts of the data, made in other processes or
    on other machines, add up.

    Attributes
    ----------
    groups : int
        How many groups were given.

    Notes
    -----
    The likelihood is a sum over a histogram of the events, which may be up to 1,048,576 in a group
    (8 MB), and a sum of (y + alpha) log(beta + e): in bins of log e of width one, sums of Chebyshev
    polynomials to degree 15 and of these times y tell it to rounding for every alpha and beta.

    A file's arrays are ``histogram``, the numbers of groups with 0, 1, 2, ... events, and those of
    `NormalSums`, with the events for y and the exposures for var.

    Examples
    --------
    >>> import numpy as np, pyhier as ph
    >>> rng, sums = np.random.default_rng(1), ph.PoissonSums()
    >>> for _ in range(4):  # a chunk at a time
    ...     exposure = rng.uniform(0.5, 20.0, 250_000)
    ...     counts = rng.poisson(exposure * rng.gamma(3.0, 0.1, 250_000))
    ...     sums.update(counts, exposure)
    >>> sums
    PoissonSums of 1,000,000 groups
    >>> post = ph.exact(sums.model())
    >>> round(post["mu"].median(), 4), round(post["alpha"].median(), 2)
    (0.2998, 3.01)
    >>> post.effects([3, 0], [10.0, 4.0]).round(3)["mean"].tolist()
    [0.3, 0.214]
    """

    _version, _columns = 1, "counts, exposure"
    _of_arrays = staticmethod(Events.of_arrays)

    def update(self, counts: ArrayLike, exposure: ArrayLike, *, threads: int | None = None) -> None:
        """Add a chunk of groups, or nothing of it where a row cannot be used.

        Parameters
        ----------
        counts : array_like, shape (groups,)
            Events, whole numbers: an array, or a column of pandas, polars or pyarrow.
        exposure : array_like, shape (groups,) or float
            What they were counted in.
        threads : int, optional
            How many share the work; all processors without it. The sums are the same for any
            number.

        Raises
        ------
        ValueError, TypeError
            If the data cannot be used, naming the first row, counted from 0 over all chunks.
        """
        y, e = checked_events(counts, exposure, self.groups)
        if y.size:
            histogram = np.bincount(y.astype(np.int64)).astype(np.float64)
            self._add(Events(histogram, binned(y, e, threads)))

    def update_from(
        self, data: Any, *, counts: str, exposure: str, threads: int | None = None
    ) -> None:
        """Add the rows of a table, or none of them where one cannot be used.

        Its batches are read one after the other, and blocks of 1,048,576 rows are summed: the sums
        are the same bits however it is cut into batches. It takes pyarrow (``pyhier[arrow]``).

        Parameters
        ----------
        data : object
            A table of pyarrow, polars or pandas, a relation of DuckDB, or whatever else has Arrow's
            C stream (``__arrow_c_stream__``); or an iterable of such.
        counts : str
            The column of the events.
        exposure : str
            That of what they were counted in.
        threads : int, optional
            As of `update`.

        Raises
        ------
        ValueError, TypeError
            If there are no such columns, or a row cannot be used; it is counted as in `update`.

        Examples
        --------
        >>> import pyarrow as pa, pyhier as ph
        >>> table, sums = pa.table({"k": [1, 0, 3], "time": [4.0, 5.5, 6.0]}), ph.PoissonSums()
        >>> sums.update_from(table, counts="k", exposure="time")
        >>> sums
        PoissonSums of 3 groups
        """
        names = {"counts": counts, "exposure": exposure}
        self._add_table(data, names, PoissonSums.update, threads=threads)

    def model(self, prior: PairPrior = "poissgamexch", z0: float = 1.0) -> "SummedPoissonGamma":
        """The model of all groups that were given.

        Parameters
        ----------
        prior, z0
            As of `PoissonGamma`.

        Returns
        -------
        SummedPoissonGamma
            For `exact`, `empirical_bayes`, `laplace` and the samplers of (log alpha, log mu). It
            has no effects: `exact(model).effects(counts, exposure)` tells those of groups that are
            given again.
        """
        return SummedPoissonGamma(self._needed(), prior, z0)


def checked_events(
    counts: ArrayLike, exposure: ArrayLike, before: int = 0
) -> tuple[Floats, Floats]:
    """Columns of a chunk; an error that names its first row that is none."""
    y, e = columns(counts=counts, exposure=exposure)
    whole_rows("counts", y, MOST_EVENTS, before)
    valid = (e > 0.0) & np.isfinite(e)
    each_row("exposure", e, valid, "exposures must be positive and finite", before)
    each_row("exposure", e, (e >= 1e-70) & (e <= 1e70), "rescale the exposures", before)
    return y, e


class SummedPoissonGamma(SummedCounts, PoissonGamma):
    """The Poisson-gamma model of groups of which only sums are kept.

    It is what `PoissonSums.model` makes.

    Parameters
    ----------
    events : Events
        The sums.
    prior, z0
        As of `PoissonGamma`.
    """

    columns: ClassVar[tuple[str, str]] = ("counts", "exposure")

    def __init__(self, events: Events, prior: PairPrior = "poissgamexch", z0: float = 1.0) -> None:
        self.events = events
        self.z0 = positive("z0", z0)
        counts, reference = shortened(events.histogram), self._reference
        log_exposure, groups = np.log(self._places.var), self._places.weights[0]
        sums = PoissonGammaSums(counts, log_exposure, groups, self._events, reference)
        self._take_sums(prior, sums, self._at(*reference))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what the model was made of."""
        return partial(SummedPoissonGamma, prior=self.prior, z0=self.z0), (self.events,)

    def with_prior(self, **priors: Any) -> "SummedPoissonGamma":
        """The same data under another ``prior=`` or ``z0=``; what is not given stays as it is."""
        return SummedPoissonGamma(self.events, **({"prior": self.prior, "z0": self.z0} | priors))

    @cached_property
    def _places(self) -> Places:
        """Exposures that stand for all."""
        return places(self.events.bins)

    @property
    def _events(self) -> Floats:
        """Weights in sums of functions of exposure times the events."""
        found: Floats = self._places.weights[1] + self._places.centre * self._places.weights[0]
        return found

    def _squares(self, mean: float) -> Floats:
        """Weights in such sums times the squares of the events less a mean rate times e."""
        zero, first, second = self._places.weights
        away = self._places.centre - mean * self._places.var
        found: Floats = second + away * (2.0 * first + away * zero)
        return found

    @property
    def _reference(self) -> tuple[float, float]:
        """(log alpha, log mu) by the squares: they add up to sum e mu + sum (e mu)^2 / alpha."""
        mean = self._pooled
        excess = float(self._squares(mean).sum()) - self._totals[0]
        pairs = mean**2 * float(self._places.weights[0] @ self._places.var**2)
        log_alpha = np.clip(np.log(pairs) - np.log(excess), -7.0, POOLED) if excess > 0 else POOLED
        return float(log_alpha), float(np.log(mean))

    def _at(self, log_alpha: float, log_mu: float) -> float:
        """The log likelihood at one point, factorials included."""
        alpha = np.exp(log_alpha)
        place = np.log(self._places.var.astype(np.longdouble)) + log_mu
        rest = np.logaddexp(0.0, place - log_alpha)
        groups = self._events * (place - rest) - alpha * self._places.weights[0] * rest
        return float(groups.sum() + steps(self.events.histogram, 1.0, 1.0 / alpha))

    @property
    def size(self) -> int:
        """How many groups there are."""
        return self.events.groups

    @property
    def _totals(self) -> tuple[float, float]:
        events = self.events.histogram @ np.arange(self.events.histogram.size)
        return float(events), float(self._places.weights[0] @ self._places.var)

    @property
    def _positive(self) -> int:
        return int(self.events.histogram[1:].sum())

    def ridge(self) -> Floats:
        """The likelihood's ridge, (log alpha, log mu) of shape (n, 2), alpha growing."""
        mean = self._pooled
        log_alpha = ladder(mean * float(self.events.bins.ends[3]))
        weights = 1.0 / (np.exp(log_alpha)[:, None] / mean + self._places.var)
        events = weights @ self._events
        exposure = weights @ (self._places.weights[0] * self._places.var)
        means = np.where(events > 0.0, events / exposure, mean)
        return np.column_stack([log_alpha, np.log(means)])

    def _spread(self, mean: float) -> float:
        return float((self._squares(mean) / self._places.var).sum())

    def checked(self, counts: ArrayLike, exposure: ArrayLike) -> tuple[Floats, Floats]:
        """Columns of groups that are given again."""
        return checked_events(counts, exposure)

    def effect_moments(
        self, phi: Floats, weight: Floats, counts: Floats, exposure: Floats
    ) -> Floats:
        """Means, sds and shrinkage factors of groups' effects over nodes, shape (3, groups).

        Given phi the mean is (alpha + y) / (beta + e) and the variance that over beta + e: both are
        polynomials in y with functions of e, analytic in log e as those of the sums.
        """
        lowest = floor(log(exposure.min()))
        bins = floor(log(exposure.max())) - lowest + 1
        series = _series(self, phi, weight, lowest, bins)
        found = effects(counts, exposure, float(lowest), series, 0.0)
        np.sqrt(found[1], out=found[1])
        found[2] = 1.0 - exposure * found[2]
        return found


def _series(
    model: SummedPoissonGamma, phi: Floats, weight: Floats, lowest: int, bins: int
) -> Floats:
    """Series in bins of log exposure, shape (bins, 6, TERMS), for `kernels.variance_bins.effects`.

    With b = 1 / (beta + e) and a = alpha b, expectations over the nodes: E b, E a, E a b, Var b,
    Cov(a, b) + E b^2 / 2, Var a.
    """
    named = model.hyperparameters(phi)
    starts = lowest + np.arange(float(bins))
    exposure = np.exp(starts[:, None] + 0.5 * (CENTRED + 1.0))[..., None]
    b = 1.0 / (named["beta"] + exposure)
    a = named["alpha"] * b
    mean_b, mean_a = b @ weight, a @ weight
    off_b, off_a = b - mean_b[..., None], a - mean_a[..., None]
    table = np.array([
        mean_b, mean_a, (a * b) @ weight, off_b**2 @ weight,
        (off_a * off_b + 0.5 * b * b) @ weight, off_a**2 @ weight,
    ])  # fmt: skip
    return np.ascontiguousarray(np.moveaxis(table @ TO_SERIES.T, 0, 1))
