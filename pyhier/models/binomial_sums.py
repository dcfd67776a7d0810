"""The beta-binomial model of any number of groups, of which only numbers of groups are kept."""

from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from pyhier._types import Floats
from pyhier.distributions.families import Beta
from pyhier.kernels.count_data import above
from pyhier.kernels.count_sums import BetaBinomialPairs, BetaBinomialSteps
from pyhier.models.beta_binomial import BetaBinomial
from pyhier.models.count_sums import SummedCounts
from pyhier.models.counts import ladder
from pyhier.models.sums import Sums, columns, each_row, whole_rows
from pyhier.models.tallies import (
    LARGEST,
    MOST_TRIALS,
    Histograms,
    Pairs,
    Tally,
    Totals,
    different,
    read_tally,
    tally,
)
from pyhier.priors.pairs import PairPrior

POOLED = 36.0  # log K of a reference where groups are all but pooled: as in count_data.pxd
GROUP_COST = 12  # of a pair, in trials: as there, where sums go over three histograms
NOISE = 2e-9  # of sums over a histogram: as there
AT_A_TIME = 64  # groups whose moments are worked out: arrays that stay in the cache


class BinomialSums(Sums[Tally]):
    """Numbers of groups that carry the whole likelihood of the beta-binomial model.

    Groups are given in chunks and not kept; sums of parts of the data, made in other processes or
    on other machines, add up, to the same bits in any order.

    Attributes
    ----------
    groups : int
        How many groups were given.

    Notes
    -----
    The different pairs of successes and trials are kept with their numbers of groups, up to 262,144
    (6 MB). Where there are more, three histograms tell as much: of successes, of failures and of
    trials, which then may be up to 1,048,576 (25 MB).

    A file's arrays are ``pairs`` (pairs, 3), successes, trials and the number of groups, or
    ``successes``, ``failures`` and ``trials``: the numbers of groups with 0, 1, 2, ... of them.

    Examples
    --------
    >>> import numpy as np, pyhier as ph
    >>> rng, sums = np.random.default_rng(1), ph.BinomialSums()
    >>> for _ in range(4):  # a chunk at a time
    ...     trials = rng.integers(1, 50, 250_000)
    ...     successes = rng.binomial(trials, rng.beta(2.0, 6.0, 250_000))
    ...     sums.update(successes, trials)
    >>> sums
    BinomialSums of 1,000,000 groups
    >>> post = ph.exact(sums.model())
    >>> round(post["eta"].mean(), 4), round(post["K"].median(), 2)
    (0.2501, 7.99)
    >>> post.effects([3, 40], [10, 40]).round(3)["mean"].tolist()
    [0.278, 0.875]
    """

    _version, _columns = 1, "successes, trials"

    def update(self, successes: ArrayLike, trials: ArrayLike) -> None:
        """Add a chunk of groups, or nothing of it where a row cannot be used.

        Parameters
        ----------
        successes, trials : array_like, shape (groups,)
            Whole numbers: arrays, or columns of pandas, polars or pyarrow. One number of trials may
            stand for all.

        Raises
        ------
        ValueError, TypeError
            If the data cannot be used, naming the first row, counted from 0 over all chunks.
        """
        y, n = checked_trials(successes, trials, self.groups)
        if y.size:
            histograms = isinstance(self._kept, Histograms)
            self._add(Histograms.of(y, n) if histograms else tally(y, n))

    def update_from(self, data: Any, *, successes: str, trials: str) -> None:
        """Add the rows of a table, or none of them where one cannot be used.

        Its batches are read one after the other, and blocks of 1,048,576 rows are summed: the sums
        are the same bits however it is cut into batches. It takes pyarrow (``pyhier[arrow]``).

        Parameters
        ----------
        data : object
            A table of pyarrow, polars or pandas, a relation of DuckDB, or whatever else has Arrow's
            C stream (``__arrow_c_stream__``); or an iterable of such.
        successes : str
            The column of the successes.
        trials : str
            That of the trials.

        Raises
        ------
        ValueError, TypeError
            If there are no such columns, or a row cannot be used; it is counted as in `update`.

        Examples
        --------
        >>> import pyarrow as pa, pyhier as ph
        >>> table, sums = pa.table({"k": [1, 0, 3], "n": [4, 5, 6]}), ph.BinomialSums()
        >>> sums.update_from(table, successes="k", trials="n")
        >>> sums
        BinomialSums of 3 groups
        """
        names = {"successes": successes, "trials": trials}
        self._add_table(data, names, BinomialSums.update)

    _of_arrays = staticmethod(read_tally)

    def model(self, prior: PairPrior = "bda3") -> "SummedBetaBinomial":
        """The model of all groups that were given.

        Parameters
        ----------
        prior : str, mapping or callable
            As of `BetaBinomial`.

        Returns
        -------
        SummedBetaBinomial
            For `exact`, `empirical_bayes`, `laplace` and the samplers of (logit eta, log K). It has
            no effects: `exact(model).effects(successes, trials)` tells those of groups that are
            given again.
        """
        return SummedBetaBinomial(self._needed(), prior)


def checked_trials(
    successes: ArrayLike, trials: ArrayLike, before: int = 0
) -> tuple[Floats, Floats]:
    """Columns of a chunk; an error that names its first row that is none."""
    y, n = columns(successes=successes, trials=trials)
    whole_rows("successes", y, LARGEST, before)
    whole_rows("trials", n, LARGEST, before)
    each_row("successes", y, y <= n, "there are fewer trials", before)
    return y, n


class SummedBetaBinomial(SummedCounts, BetaBinomial):
    """The beta-binomial model of groups of which only numbers are kept.

    It is what `BinomialSums.model` makes.

    Parameters
    ----------
    tally : Histograms or Pairs
        The numbers of groups.
    prior
        As of `BetaBinomial`.
    """

    columns: ClassVar[tuple[str, str]] = ("successes", "trials")

    def __init__(self, tally: Tally, prior: PairPrior = "bda3") -> None:
        self.tally = tally
        reference = _reference(tally.totals)
        self._take_sums(prior, _density(tally, reference), tally.log_likelihood(*reference))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what the model was made of."""
        return partial(SummedBetaBinomial, prior=self.prior), (self.tally,)

    def with_prior(self, **priors: Any) -> "SummedBetaBinomial":
        """The same data under another ``prior=``; without one it stays as it is."""
        return SummedBetaBinomial(self.tally, **({"prior": self.prior} | priors))

    @property
    def failures(self) -> Floats:  # type: ignore[override]
        """Of groups that are given again."""
        return self.trials - self.successes

    @property
    def size(self) -> int:
        """How many groups there are."""
        return self.tally.groups

    @property
    def _totals(self) -> tuple[float, float]:
        totals = self.tally.totals
        return totals.successes, totals.trials

    @property
    def _mixed(self) -> bool:
        return self.tally.totals.mixed

    def ridge(self) -> Floats:
        """The likelihood's ridge, nearly: (logit eta, log K) at the share of all successes."""
        tally = self.tally
        largest = tally.trials.max() if isinstance(tally, Pairs) else tally.trials.size - 1.0
        log_k = ladder(float(largest))
        return np.column_stack([np.full(log_k.size, self._pooled), log_k])

    def checked(self, successes: ArrayLike, trials: ArrayLike) -> tuple[Floats, Floats]:
        """Columns of groups that are given again."""
        return checked_trials(successes, trials)

    def effect_moments(
        self, phi: Floats, weight: Floats, successes: Floats, trials: Floats
    ) -> Floats:
        """Means, sds and shrinkage factors of groups' effects over nodes, shape (3, groups)."""
        alpha, beta = self.hyperparameters(phi)["alpha"], self.hyperparameters(phi)["beta"]
        first, second, which = different(successes, trials)
        found = np.empty((3, first.size))
        for start in range(0, first.size, AT_A_TIME):
            some = slice(start, start + AT_A_TIME)
            y, n = first[some, None], second[some, None]
            found[0, some], found[1, some] = Beta(alpha + y, beta + (n - y)).averaged(weight)
            found[2, some] = (1.0 / (1.0 + n / (alpha + beta))) @ weight
        found[1] = np.sqrt(found[1])
        return found[:, which]


def _reference(totals: Totals) -> tuple[float, float]:
    """(logit eta, log K) near the likelihood's maximum."""
    failures = totals.trials - totals.successes
    logit = float(np.log(totals.successes + 0.5) - np.log(failures + 0.5))
    return logit, totals.log_size(POOLED)


def _density(tally: Tally, reference: tuple[float, float]) -> BetaBinomialSteps | BetaBinomialPairs:
    """The likelihood by its steps, or by different pairs where these are the better sums."""
    if isinstance(tally, Histograms) or _by_steps(tally):
        return BetaBinomialSteps(*tally.histograms.counts, reference)
    some = tally.trials > 0.0
    y, n, times = tally.successes[some], tally.trials[some], tally.times[some]
    return BetaBinomialPairs(y, n - y, times, reference)


def _by_steps(pairs: Pairs) -> bool:
    largest = float(pairs.trials.max())
    if largest > MOST_TRIALS or GROUP_COST * pairs.times.size < largest:
        return largest == 0.0
    more = above(pairs.histograms.trials)
    spread = min(1.0, 8.0 / np.sqrt(pairs.groups))
    noise = 2e-16 * (2.0 + np.log1p(largest)) * float(np.sqrt(more @ more)) * spread
    return bool(noise <= NOISE)
