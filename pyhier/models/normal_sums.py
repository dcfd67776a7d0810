"""The normal model of any number of groups, of which only sums are kept."""

from functools import cached_property, partial
from math import inf, log
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyhier._random import Generator
from pyhier._types import Floats
from pyhier.kernels.density import CallableDensity, LogDensity
from pyhier.kernels.gradients import GradientDensity, PointsGradient
from pyhier.models.groups import Grouped
from pyhier.models.joint import Joint, Kind
from pyhier.models.normal_normal import NormalNormal
from pyhier.models.sums import Sums, columns, each_row, in_words
from pyhier.models.variance_bins import Bins, SummedGroups, binned
from pyhier.priors.standard_errors import NAMED
from pyhier.priors.tau import TauPrior, resolve_prior

STEPS = 0.2  # of log(var + tau^2), as normal_likelihood's


class NormalSums(Sums[Bins]):
    """Sums over groups that carry the whole likelihood of (mu, tau), whatever their number.

    Groups are given in chunks and not kept; sums of parts of the data, made in other processes or
    on other machines, add up. They are some 50 numbers for every factor e between the variances.

    Attributes
    ----------
    groups : int
        How many groups were given.

    Notes
    -----
    In bins of log var of width one the sums are of Chebyshev polynomials to degree 15, times y and
    y^2 about the bin's own mean: with them the likelihood is known to rounding for every tau.

    A file's arrays are ``lowest`` (log var where the first bin begins), ``centre`` (bins,),
    ``table`` (bins, 3, 16) and ``ends`` (4,): the least and the largest y and var.

    Examples
    --------
    >>> import numpy as np, pyhier as ph
    >>> rng, sums = np.random.default_rng(1), ph.NormalSums()
    >>> for _ in range(4):  # a chunk at a time
    ...     se = rng.uniform(0.5, 2.0, 250_000)
    ...     y = rng.normal(3.0, np.hypot(se, 0.7))
    ...     sums.update(y, se)
    >>> sums
    NormalSums of 1,000,000 groups
    >>> post = ph.exact(sums.model())
    >>> round(post["tau"].mean(), 3), round(post["tau"].std(), 4), round(post["mu"].mean(), 3)
    (0.698, 0.0015, 3.001)
    >>> post.effects(y[:2], se[:2]).round(3)["mean"].tolist()
    [3.127, 3.029]
    """

    _version, _columns = 1, "y, se"
    _of_arrays = staticmethod(Bins.of_arrays)

    def update(
        self,
        y: ArrayLike,
        se: ArrayLike | None = None,
        *,
        var: ArrayLike | None = None,
        threads: int | None = None,
    ) -> None:
        """Add a chunk of groups, or nothing of it where a row cannot be used.

        Parameters
        ----------
        y : array_like, shape (groups,)
            Estimates: an array, or a column of pandas, polars or pyarrow.
        se, var : array_like, shape (groups,) or float
            Their standard errors, or their variances: one of the two.
        threads : int, optional
            How many share the work; all processors without it. The sums are the same for any
            number.

        Raises
        ------
        ValueError, TypeError
            If the data cannot be used, naming the first row, counted from 0 over all chunks.
        """
        values, spread = checked_groups(y, se, var, self.groups)
        if values.size:
            self._add(binned(values, spread, threads))

    def update_from(
        self,
        data: Any,
        *,
        y: str,
        se: str | None = None,
        var: str | None = None,
        threads: int | None = None,
    ) -> None:
        """Add the rows of a table, or none of them where one cannot be used.

        Its batches are read one after the other, and blocks of 1,048,576 rows are summed: the sums
        are the same bits however it is cut into batches. It takes pyarrow (``pyhier[arrow]``).

        Parameters
        ----------
        data : object
            A table of pyarrow, polars or pandas, a relation of DuckDB, or whatever else has Arrow's
            C stream (``__arrow_c_stream__``); or an iterable of such, as ``collect_batches`` of
            polars and ``Dataset.to_batches`` of pyarrow return.
        y : str
            The column of the estimates.
        se, var : str
            That of their standard errors, or of their variances: one of the two.
        threads : int, optional
            As of `update`.

        Raises
        ------
        ValueError, TypeError
            If there are no such columns, or a row cannot be used; it is counted as in `update`.

        Examples
        --------
        >>> import pyarrow as pa, pyhier as ph
        >>> table, sums = pa.table({"effect": [28, 8], "sd": [15, 10]}), ph.NormalSums()
        >>> sums.update_from(table, y="effect", se="sd")
        >>> sums
        NormalSums of 2 groups
        """
        name, column = one_spread(se, var)
        self._add_table(data, {"y": y, name: column}, NormalSums.update, threads=threads)

    def model(self, *, prior_mu: Any = None, prior_tau: TauPrior = "uniform") -> "SummedNormal":
        """The model of all groups that were given.

        Parameters
        ----------
        prior_mu, prior_tau
            As of `NormalNormal`; the named priors that the standard errors scale, "i2" and the
            like, need the groups themselves.

        Returns
        -------
        SummedNormal
            For `exact`, `empirical_bayes`, `laplace` and the samplers of (mu, log tau). It has no
            effects: `exact(model).effects(y, se)` tells those of groups that are given again.
        """
        return SummedNormal(self._needed(), prior_mu=prior_mu, prior_tau=prior_tau)


def one_spread(se: Any, var: Any) -> tuple[str, Any]:
    """Standard errors or variances, whichever are given, after their name."""
    if (se is None) == (var is None):
        what = "neither was given" if se is None else "both were given"
        raise ValueError(f"give se= (standard errors) or var= (sampling variances): {what}")
    return ("se", se) if var is None else ("var", var)


def checked_groups(
    y: ArrayLike, se: ArrayLike | None, var: ArrayLike | None, before: int = 0
) -> tuple[Floats, Floats]:
    """Estimates and variances of a chunk; an error that names its first row that is none.

    Rows are counted from so many ``before`` it.
    """
    name, given = one_spread(se, var)
    estimates, spread = columns(y=y, **{name: given})
    each_row("y", estimates, np.isfinite(estimates), "estimates must be finite", before)
    each_row("y", estimates, np.abs(estimates) <= 1e70, "rescale the data", before)
    kind, power = ("standard errors", 1.0) if name == "se" else ("sampling variances", 2.0)
    valid = (spread > 0.0) & np.isfinite(spread)
    each_row(name, spread, valid, f"{kind} must be positive and finite", before)
    valid = (spread >= 1e-70**power) & (spread <= 1e70**power)
    each_row(name, spread, valid, "rescale the data", before)
    return estimates, spread * spread if name == "se" else spread


class SummedNormal(NormalNormal):
    """The normal model of groups of which only sums are kept: what `NormalSums.model` makes.

    Parameters
    ----------
    bins : Bins
        The sums.
    prior_mu, prior_tau
        As of `NormalNormal`.
    """

    parameterizations = ("marginal",)

    def __new__(cls, *_: Any, **__: Any) -> "SummedNormal":
        """Make the model."""
        return object.__new__(cls)

    def __init__(
        self, bins: Bins, *, prior_mu: Any = None, prior_tau: TauPrior = "uniform"
    ) -> None:
        self.bins, self._sums = bins, SummedGroups(bins)
        Grouped.__init__(self, 0, None, "y")
        self._given = "se"
        if isinstance(prior_tau, str) and prior_tau in NAMED and prior_tau != "sqrt":
            raise ValueError(
                f"prior_tau is {prior_tau!r}, which follows from each group's standard error, and "
                "sums keep no groups: give scipy.stats.halfnorm(scale=...), or 'uniform'"
            )
        self._priors = {"prior_mu": prior_mu, "prior_tau": prior_tau, "prior": None}
        self.prior = resolve_prior(None, prior_mu, prior_tau, self._sums.var)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what the model was made of."""
        priors = {key: self._priors[key] for key in ("prior_mu", "prior_tau")}
        return partial(SummedNormal, **priors), (self.bins,)

    def with_prior(self, **priors: Any) -> "SummedNormal":
        """The same data under other priors: ``prior_mu=``, ``prior_tau=``."""
        kept = {key: self._priors[key] for key in ("prior_mu", "prior_tau")}
        return SummedNormal(self.bins, **(kept | priors))

    @property
    def no_groups(self) -> str:
        """Why nothing can be said of the groups themselves, and what can."""
        return (
            f"{self!r} keeps no groups' estimates: take NormalNormal(y, se=se), or the "
            "effects(y, se) of exact(model)"
        )

    def __getattr__(self, name: str) -> Any:
        """Say that there are no groups' data, to whatever asks for them."""
        if name in ("y", "se", "var"):
            raise ValueError(self.no_groups)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def size(self) -> int:
        """How many groups there are."""
        return self._sums.groups

    @property
    def _summed(self) -> SummedGroups:
        return self._sums

    @property
    def sized(self) -> str:
        """The number of groups, in words."""
        return in_words(self.size)

    def __repr__(self) -> str:
        mu = self.prior.mu
        centre = "flat" if mu is None else f"normal({mu[0]:g}, {mu[1]:g})"
        return f"SummedNormal: sums of {self.sized}, mu {centre}, tau {self.prior.name}"

    def sums(self, last: Floats) -> Floats:
        """Sums over groups at nodes of log tau, shape (5, nodes)."""
        with np.errstate(under="ignore"):
            return self._sums.rows(np.exp(2.0 * np.asarray(last, dtype=np.float64)))

    @cached_property
    def scales(self) -> tuple[float, float]:
        """Where log tau matters: the least sd of anything at tau = 0, the widest spread."""
        least_y, most_y, _, most_var = self._sums.ends
        widest = max(float(most_y - least_y), float(np.sqrt(most_var)))
        low, high = self.support
        return min(max(self._least_sd, low), high), min(max(log(widest), low), high)

    @property
    def largest_se(self) -> float:
        """The largest standard error."""
        return float(np.sqrt(self._sums.ends[3]))

    @property
    def _least_sd(self) -> float:
        """Log of the sd of the mean at tau = 0."""
        return -0.5 * log(self._sums.precision)

    @property
    def _prior_scale(self) -> float:
        """Log tau up to which the prior of mu changes the likelihood of tau."""
        if self.prior.mu is None:
            return -inf
        mean, sd = self.prior.mu
        return log(max(sd, float(np.abs(self._sums.ends[:2] - mean).max())))

    @cached_property
    def log_marginal(self) -> LogDensity:
        """The log posterior density of (mu, log tau), up to a constant."""
        return CallableDensity(lambda x: float(self.log_posterior(x[None])[0]), (), 2)

    def _marginal_gradient(self) -> GradientDensity:
        return PointsGradient(self.log_posterior, 2)

    def _joint(self, kind: Kind) -> Joint:
        raise ValueError(
            f"parameterization is {kind!r}, of groups' effects: {self.no_groups}; or take "
            "parameterization='marginal'"
        )

    def _log_likelihood(self, phi: Floats) -> Floats:
        rows = self.sums(np.maximum(phi[:, 1], self._least_sd - 40.0))
        squares = rows[3] + rows[1] * (phi[:, 0] - rows[2] - rows[4]) ** 2
        return np.asarray(-0.5 * (rows[0] + squares))

    def likelihood_derivatives(self, phi: Floats) -> tuple[Floats, Floats]:
        """Gradient (2,) and Hessian (2, 2) of the log likelihood at one (mu, log tau)."""
        return self._sums.derivatives(float(phi[0]), float(np.exp(2.0 * phi[1])))

    def ridge(self) -> Floats:
        """The likelihood's ridge, (mu, log tau) of shape (n, 2), from tau = 0 on."""
        least, most = self._sums.ends[2:]
        squares = 2.0 * self._sums.squares() / max(self.size - 1, 1)
        top = float(np.log1p((most + squares) / least))
        tau2 = least * np.expm1(np.linspace(0.0, top, 2 + int(top / STEPS)))
        with np.errstate(divide="ignore"):
            return np.column_stack([self._sums.rows(tau2)[2], 0.5 * np.log(tau2)])

    def moments(self) -> Floats:
        """(mu, log tau) by the method of moments (DerSimonian and Laird 1986), tau perhaps 0."""
        at_zero = self._sums.rows(np.zeros(1))[:, 0]
        spare = at_zero[1] - self._sums.squared_precisions() / at_zero[1]
        excess = at_zero[3] - (self.size - 1)
        tau2 = max(0.0, float(excess / spare)) if spare > 0.0 else 0.0
        with np.errstate(divide="ignore"):
            return np.array([self._sums.rows(np.array([tau2]))[2, 0], 0.5 * np.log(tau2)])

    def draw_theta(self, phi: Floats, rng: Generator) -> Floats:
        """No effects: shape (..., 0)."""
        return np.empty((*phi.shape[:-1], 0))
