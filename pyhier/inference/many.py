"""The exact posteriors of many data sets at once."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from pyhier._arrow import as_pandas
from pyhier._threads import thread_count
from pyhier._validation import column_name, float_array
from pyhier.inference.many_counts import counts_of, exact_counts
from pyhier.inference.many_each import covariates_of, exact_each
from pyhier.inference.many_normal import exact_normal
from pyhier.models.data_sets import check_errors, data_of
from pyhier.posterior.batch import PosteriorBatch
from pyhier.priors.tau import TauPrior

if TYPE_CHECKING:
    import pandas as pd


def exact_many(
    y: ArrayLike | None = None,
    *,
    se: ArrayLike | None = None,
    var: ArrayLike | None = None,
    X: Any = None,  # noqa: N803 - the field's name for a design
    successes: ArrayLike | None = None,
    trials: ArrayLike | None = None,
    counts: ArrayLike | None = None,
    exposure: ArrayLike | None = None,
    prior_mu: Any = None,
    prior_tau: TauPrior | Sequence[TauPrior] = "uniform",
    prior_beta: Any = None,
    intercept: bool = True,
    prior: Any = None,
    z0: float | None = None,
    errors: str = "raise",
    threads: int | None = None,
) -> PosteriorBatch:
    """Compute the whole posteriors of many data sets by quadrature.

    Each is what ``exact(NormalNormal(y[i], se=se[i], ...))`` returns, to 1e-9 of an sd or better,
    several times as fast. Of counts (``successes=`` and ``trials=``, the model `BetaBinomial`;
    ``counts=`` and ``exposure=``, `PoissonGamma`) moments, evidences, quantiles and probabilities
    (to 1e-8 of the whole mass, as `exact` has them) are worked out together; draws, and tails below
    1e-5, are those of `exact`, one by one in threads, when they are asked for. With ``X=`` every
    data set is worked out by `exact` alone, in threads.

    Parameters
    ----------
    y : array_like, shape (data sets, groups)
        Estimates; NaN where a data set has no such group.
    se, var : array_like, shape (data sets, groups) or (groups,)
        Their standard errors, or their variances: one of the two.
    X : frame or array, shape (groups,) or (groups, covariates), optional
        Covariates that the groups of all data sets share.
    successes, counts : array_like, shape (data sets, groups)
        Counts in place of y, NaN where a data set has no such group.
    trials, exposure : array_like, shape (data sets, groups) or (groups,)
        What they are of.
    prior_mu : scipy.stats.norm(mean, sd), optional
        As of `NormalNormal`.
    prior_tau : str, frozen distribution, callable, or a list of them
        As of `NormalNormal`; a list has one for each data set.
    prior_beta, intercept
        As of `NormalNormal` with covariates.
    prior, z0
        As of `BetaBinomial` and `PoissonGamma`.
    errors : {"raise", "mark"}
        What a data set without a posterior does: an error that names it, or NaN in its place and
        the reason in ``failed``.
    threads : int, optional
        How many share the work; all processors without it. The result is the same for any number.

    Returns
    -------
    PosteriorBatch

    Raises
    ------
    ValueError, TypeError
        If an argument cannot be used, naming it, the data set (from 0) and the group.

    See Also
    --------
    exact : One data set, of any model.

    Notes
    -----
    Every data set has a grid of its own, uniform after a double exponential change of variable. The
    sums over its even and over its odd nodes say how good it is; what is not resolved by 224 nodes,
    or under priors given as functions with kinks or narrow peaks, is worked out by `exact`. Counts
    have grids of two coordinates, sums over which are good to about 1e-12; up to 144 by 120 nodes.
    Priors that end or bend, functions, and those with means and powers for tails are left to
    `exact`. ``batch.alone`` names the data sets that were.

    Examples
    --------
    >>> import numpy as np, pyhier as ph
    >>> rng = np.random.default_rng(1)
    >>> y = rng.normal(0.3, np.hypot(0.2, 0.5), (1000, 8))  # tau = 0.2, se = 0.5
    >>> batch = ph.exact_many(y, se=np.full(8, 0.5))
    >>> low, high = batch.interval(0.95)["mu"].T
    >>> float(np.mean((low < 0.3) & (0.3 < high)))
    0.987

    Counts:

    >>> batch = ph.exact_many(successes=[[3, 5, 9], [2, 8, 1]], trials=[20, 25, 30])
    >>> batch.names, batch.mean["eta"].round(4).tolist()
    (('alpha', 'beta', 'eta', 'K', 'theta', 'theta_new'), [0.2655, 0.2593])
    """
    check_errors(errors)
    workers = thread_count(threads)
    pairs = {"successes": successes, "trials": trials, "counts": counts, "exposure": exposure}
    given = {name: value for name, value in pairs.items() if value is not None}
    priors = {"prior": prior, "z0": z0}
    if given:
        _none(
            "of estimates", y=y, se=se, var=var, X=X, prior_mu=prior_mu, prior_beta=prior_beta,
            prior_tau=None if prior_tau == "uniform" else prior_tau,
        )  # fmt: skip
        kept = {name: value for name, value in priors.items() if value is not None}
        return exact_counts(counts_of(given, kept), errors, workers)
    _none("of counts", **priors)
    data = data_of(y, se, var)
    if X is None:
        _none("beside covariates", prior_beta=prior_beta)
        return exact_normal(data, prior_mu, prior_tau, errors, workers)
    options = {
        "prior_mu": prior_mu, "prior_tau": prior_tau, "prior_beta": prior_beta,
        "intercept": intercept,
    }  # fmt: skip
    sets = covariates_of(data, y, X, options)
    return exact_each(sets, errors, workers, sets.wrong())


def _none(what: str, **given: Any) -> None:
    """Raise for the first argument that these data sets have no use for."""
    for name, value in given.items():
        if value is not None:
            raise ValueError(
                f"{name} is an argument {what}: give y with se or var (and X), successes with "
                "trials, or counts with exposure, and their own priors"
            )


def from_frame(
    frame: "pd.DataFrame",
    *,
    by: str,
    y: str | None = None,
    se: str | None = None,
    var: str | None = None,
    successes: str | None = None,
    trials: str | None = None,
    counts: str | None = None,
    exposure: str | None = None,
    **options: Any,
) -> PosteriorBatch:
    """`exact_many` of a long frame, a row a group.

    Parameters
    ----------
    frame : DataFrame
    by : str
        The column that tells data sets apart.
    y, se, var : str
        Columns of the estimates, and of their standard errors or variances.
    successes, trials, counts, exposure : str
        Columns of counts in their place, and of what they are of.
    **options
        As of `exact_many`.

    Returns
    -------
    PosteriorBatch
        Its data sets are those of ``frame[by]`` in the order of their first rows, their names in
        ``labels``; a data set's groups are its rows in their order.

    Examples
    --------
    >>> import pandas as pd, pyhier as ph
    >>> frame = pd.DataFrame({
    ...     "gene": ["a", "a", "a", "a", "b", "b", "b"], "y": [1.0, 2.0, 4.0, 2.5, 0.3, 0.2, 0.9],
    ...     "se": [0.5, 0.4, 0.6, 0.5, 0.2, 0.3, 0.2]})
    >>> batch = ph.exact_many.from_frame(frame, by="gene", y="y", se="se", prior_tau="sqrt")
    >>> batch.labels, batch.mean["mu"].round(4).tolist()
    (('a', 'b'), [2.339, 0.4928])
    """
    frame = as_pandas(frame)
    if not hasattr(frame, "groupby"):
        raise TypeError(f"frame is a {type(frame).__name__}: give a DataFrame with a row a group")
    columns = {
        "y": y, "se": se, "var": var, "successes": successes, "trials": trials, "counts": counts,
        "exposure": exposure,
    }  # fmt: skip
    given = {name: column for name, column in columns.items() if column is not None}
    for name, column in {"by": by, **given}.items():
        if column_name(name, column) not in frame.columns:
            raise ValueError(f"{name} is {column!r}: there is no such column")
    import pandas as pd

    codes, labels = pd.factorize(frame[by])
    if (codes < 0).any():
        row = int((codes < 0).argmax())
        raise ValueError(f"by is missing in row {row} of the frame")
    place = frame.groupby(codes).cumcount().to_numpy()
    shape = len(labels), int(place.max(initial=0)) + 1
    tables: dict[str, Any] = {}
    for name, column in given.items():
        values = float_array(column, frame[column].to_numpy(), 1)
        wrong = ~np.isfinite(values)
        if wrong.any():
            raise ValueError(f"{name}: {column!r} is {values[wrong][0]} in row {wrong.argmax()}")
        tables[name] = np.full(shape, np.nan)
        tables[name][codes, place] = values
    return exact_many(**tables, **options)._named(labels.tolist())


exact_many.from_frame = from_frame  # type: ignore[attr-defined]
