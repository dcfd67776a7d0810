"""The variance-gamma model: sample variances of groups, such as genes, and what they share.

s_j^2 ~ sigma_j^2 chi^2(d_j) / d_j, 1 / sigma_j^2 ~ chi^2(d_0) / (d_0 s_0^2): the model of limma's
eBayes (Smyth 2004, Statistical Applications in Genetics and Molecular Biology 3, article 3). With
the variances integrated out s_j^2 / s_0^2 ~ F(d_j, d_0). The precisions 1 / sigma_j^2 are gamma
distributed and the sums of squares are gamma given them, so that the likelihood is that of
`PoissonGamma` at d_j / 2 events in an exposure d_j s_j^2 / 2, alpha = d_0 / 2 and mu = 1 / s_0^2.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyhier._random import Generator, gammas
from pyhier._types import Floats, Ints
from pyhier._validation import (
    aligned,
    as_array,
    each_group,
    names_aligned,
    positive,
    vector,
)
from pyhier.distributions.families import InverseGamma
from pyhier.kernels.count_density import VarianceGammaMarginal
from pyhier.kernels.count_masses import log_mass
from pyhier.models.count_joint import variance_gamma_joint
from pyhier.models.counts import FAR, FARTHER, CountModel, ladder, log_share_prior, ridge_means
from pyhier.models.groups import Labels, check_lengths
from pyhier.models.joint import Joint
from pyhier.models.own_likelihood import OwnLikelihood, VarianceOwn, of_groups
from pyhier.priors.pairs import Chart, PairPrior
from pyhier.quadrature.axes import Axis, coordinate_axis
from pyhier.quadrature.transforms import from_line

LEAST, MOST = 1e-140, 1e140  # variances, whose own variances and their tails are doubles
MOST_DF = 2.0**53
LOG_SCALE = 660.0  # beyond which, on either side, a scale leaves the doubles
ENOUGH = 1000  # groups, evenly by rank, to say about where the likelihood is high
ATTAINED = 1e-5  # added to an exponent that itself still has an expectation
LARGEST = float(np.finfo(np.float64).max)


def _d0_and_s2_0(phi: Floats) -> tuple[Floats, Floats]:
    return from_line("log", phi[..., 0]), from_line("log", phi[..., 1])


def _shape_and_scale(phi: Floats) -> tuple[Floats, Floats]:
    """Of the inverse gamma distribution of the variances: d_0 / 2 and d_0 s_0^2 / 2."""
    log_shape = phi[..., 0] - np.log(2.0)
    log_scale = np.clip(log_shape + phi[..., 1], -LOG_SCALE, LOG_SCALE)
    return from_line("log", log_shape), from_line("log", log_scale)


_CHARTS = {
    ("d0", "s2_0"): Chart(
        _d0_and_s2_0,
        lambda d0, s2_0: np.stack([np.log(d0), np.log(s2_0)], axis=-1),
        lambda phi: phi[..., 0] + phi[..., 1],
        "log",
    )
}


class VarianceGamma(CountModel):
    """Sample variances, group by group, with true variances from one distribution.

    The model of limma's ``eBayes``: s_j^2 is sigma_j^2 times a chi-squared variable over its d_j
    degrees of freedom, and sigma_j^2 is scaled inverse chi-squared with d_0 degrees of freedom and
    the scale s_0^2. Effects ``theta[LABEL]`` are the variances sigma_j^2.

    Parameters
    ----------
    s2 : array_like, shape (groups,)
        Sample variance of each group, positive.
    df : float or array_like, shape (groups,)
        Their degrees of freedom, positive; they need not be whole.
    prior : str, mapping or callable
        ``"shrinkage"``: p(d0, s2_0) proportional to z0 / ((d0 + z0)^2 s2_0); two independent
        ``scipy.stats`` frozen distributions, ``{"d0": ..., "s2_0": ...}``; or a callable that
        returns the log density at (d0, s2_0).
    z0 : float, optional
        The prior median of d0, for ``"shrinkage"``; the median of ``df`` without it: then the
        weight d0 / (d0 + df) of what the groups have in common is uniform between 0 and 1.
    labels : sequence, optional
        Names of the groups; "1", "2", ... without it.

    Raises
    ------
    ValueError, TypeError
        If the data or the prior cannot be used, naming the argument and the first group.

    Notes
    -----
    A group without degrees of freedom has no sample variance: leave it out, its variance is that of
    a new group, ``theta_new``. The named prior leaves a proper posterior whatever the data, one
    group's too: its likelihood integrates to 1 / s2 over log s2_0 at any d0, and that of others is
    bounded.

    Means of the variances need more than 2 degrees of freedom and standard deviations more than 4,
    the prior's least d0 (0 by name) counted in: they are ``inf`` elsewhere. limma's ``s2.post`` is
    the harmonic mean given d0 and s2_0, the inverse of the precision's mean.

    Examples
    --------
    >>> import pyhier as ph
    >>> model = VarianceGamma([0.8, 0.1, 0.4, 2.7, 0.6, 0.3], df=4)
    >>> model
    VarianceGamma: 6 groups, prior shrinkage
    >>> post = ph.exact(model)
    >>> bool(0.1 < post["theta[2]"].median() < post["s2_0"].median())
    True
    """

    coordinates = ("log_d0", "log_s2_0")
    location = 1
    parameterizations = ("marginal", "centred")
    named = ("shrinkage",)
    charts = _CHARTS

    def __init__(
        self,
        s2: ArrayLike,
        df: ArrayLike,
        prior: PairPrior = "shrinkage",
        z0: float | None = None,
        labels: Labels = None,
    ) -> None:
        names_aligned("labels", labels, s2=s2)
        super().__init__(as_array("s2", s2).size, labels, prior, "s2")
        self.s2 = vector("s2", s2)
        self._df = df if as_array("df", df).ndim == 0 else None
        if self._df is None:
            aligned(s2=s2, df=df)
            names_aligned("labels", labels, df=df)
            self.df = vector("df", df)
            check_lengths(self.s2, self.df, "s2", "df")
        else:
            self.df = np.full(self.s2.size, positive("df", self._df))
        self._check()
        self.z0 = float(np.median(self.df)) if z0 is None else positive("z0", z0)
        self._own_z0 = z0
        for array in (self.s2, self.df):
            array.flags.writeable = False
        self._take(VarianceGammaMarginal(self.s2, self.df, ""))

    def _check(self) -> None:
        rule = (
            "degrees of freedom must be positive and finite; a group without any has no variance: "
            "leave it out"
        )
        each_group("df", self.df, (self.df > 0.0) & (self.df <= MOST_DF), self.label, rule)
        rule = (
            "variances must be positive and finite; one of 0 has no density here: its rows are "
            "copies, or rounded; leave it out"
        )
        each_group("s2", self.s2, (self.s2 > 0.0) & np.isfinite(self.s2), self.label, rule)
        rule = f"variances must be between {LEAST:g} and {MOST:g}: take another unit"
        each_group("s2", self.s2, (self.s2 >= LEAST) & (self.s2 <= MOST), self.label, rule)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what the model was made of; the compiled density is made anew."""
        remake = partial(VarianceGamma, prior=self.prior, z0=self._own_z0, labels=self._labels)
        return remake, (self.s2, self.df)

    @cached_property
    def _halves(self) -> tuple[Floats, Floats]:
        """Half the degrees of freedom and half the sums of squares, each (groups,)."""
        return 0.5 * self.df, 0.5 * self.df * self.s2

    def joint(self, parameterization: str = "centred") -> Joint:
        """The log posterior density of phi and log theta of every group, as a `Target`."""
        return variance_gamma_joint(self, parameterization)

    def _named_prior(self, phi: Floats) -> Floats:
        return log_share_prior(phi[..., 0], self.z0)

    # --- Where the likelihood is high -------------------------------------------------------------

    def _along(self, log_d0: Floats) -> Floats:
        """(log d0, log s2_0) where the likelihood is about highest at each d0, shape (n, 2)."""
        ranks = np.linspace(0, self.s2.size - 1, min(self.s2.size, ENOUGH)).astype(np.intp)
        some = np.argsort(self.s2)[ranks]
        half, squares = (part[some] for part in self._halves)
        shape, mean = 0.5 * np.exp(log_d0), np.full(log_d0.size, 1.0 / np.median(self.s2))
        for _ in range(8):
            mean = ridge_means(half, squares, shape / mean)
        return np.column_stack([log_d0, -np.log(mean)])

    @cached_property
    def _start(self) -> Floats:
        return self._best_of(self._along(np.linspace(-4.0, 12.0, 33)))

    def start(self) -> Floats:
        """The best of a ladder of log d0."""
        return self._start.copy()

    def ridge(self) -> Floats:
        """The likelihood's ridge, (log d0, log s2_0) of shape (n, 2), d0 growing."""
        return self._along(ladder(float(self.df.max())))

    def moments(self) -> Floats:
        """Phi by the mean and the variance of log s2 (Smyth 2004, section 6.2)."""
        from scipy.special import digamma, polygamma

        y = self._halves[0]
        if y.size < 2:
            raise ValueError("moments need 2 groups: give more, or take method='ml'")
        logs = np.log(self.s2) - digamma(y) + np.log(y)
        spread, noise = logs.var(ddof=1), polygamma(1, y).mean()
        if not spread > noise:
            raise ValueError(
                f"log s2 has the variance {spread:g}, no more than the {noise:g} of samples of one "
                "variance: the moment estimate of d0 is infinite; take the likelihood, method='ml'"
            )
        shape = _inverse_trigamma(float(spread - noise))
        return np.array([np.log(2.0 * shape), logs.mean() + digamma(shape) - np.log(shape)])

    # --- The hyperparameters ----------------------------------------------------------------------

    def hyperparameters(self, phi: Floats) -> Mapping[str, Floats]:
        """The degrees of freedom d0 and the scale s2_0, each of shape (...)."""
        d0, s2_0 = _d0_and_s2_0(phi)
        return {"d0": d0, "s2_0": s2_0}

    def axis(self, name: str) -> Axis | None:
        """The axis of a hyperparameter; None for a name that is none."""
        axes = {"d0": coordinate_axis(0, "log"), "s2_0": coordinate_axis(1, "log")}
        return axes.get(name)

    @cached_property
    def _ends(self) -> tuple[float, float, float]:
        """The prior's least d0, how it rises there from 0, and how it falls for large s2_0."""
        d0, s2_0 = self.start()
        rise = self._fall(np.array([-200.0, s2_0]), np.array([-100.0, s2_0]), 0)
        fall = self._fall(np.array([d0, 100.0 + s2_0]), np.array([d0, 200.0 + s2_0]), 1)
        return self._least_d0(s2_0), -rise if np.isfinite(rise) else np.inf, fall

    def _least_d0(self, log_s2_0: float) -> float:
        """0, or where the prior of d0 begins, by bisection."""

        def inside(log_d0: float) -> bool:
            with np.errstate(all="ignore"):
                return bool(self.log_prior(np.array([log_d0, log_s2_0])) > -np.inf)

        low, high = -100.0, float(self.start()[0])
        if inside(low):
            return 0.0
        while high - low > 1e-12:
            middle = 0.5 * (low + high)
            low, high = (low, middle) if inside(middle) else (middle, high)
        return float(np.exp(high))

    def _bounded(self, shapes: Floats) -> Floats:
        """Exponents of effects whose distributions given phi have these shapes at the least d0.

        Where that is 0, the posterior density of log d0 falls as d0^(groups - 1 + rise), which
        makes up for a moment that is infinite at d0 = 0 alone.
        """
        least, rise, fall = self._ends
        attained = least == 0.0 and self._groups - 1.0 + rise > 1.0
        own = shapes + (ATTAINED if attained else 0.0)
        found: Floats = np.minimum(own, self._halves[0].sum() + fall)
        return found

    def group_indices(self) -> Floats:
        """Exponents below which powers of the groups' variances have expectations, (groups,)."""
        return self._bounded(0.5 * (self._ends[0] + self.df))

    def moment_index(self, name: str) -> float:
        """Exponent below which powers have expectations.

        For large d0 the likelihood is flat; for large s2_0 it falls as s2_0^-(sum of df / 2), and,
        where d0 goes to 0 with d0 s2_0 fixed, as d0^groups.
        """
        least, rise, fall = self._ends
        if name == "theta_new":
            return float(min(0.5 * least, self._halves[0].sum() + fall))
        if name == "s2_0":
            thin = np.inf if least > 0.0 else self._groups + rise
            return float(min(self._halves[0].sum(), thin) + fall)
        if name == "log_s2_0":  # falls as |log s2_0|^-(groups + rise) where d0 goes to 0
            bounded = self._own is not None or least > 0.0
            return np.inf if bounded else self._groups + rise - 1.0
        if name == "log_d0":
            return np.inf
        log_s2_0 = self.start()[1]
        return self._fall(np.array([FAR, log_s2_0]), np.array([FARTHER, log_s2_0]), 0)

    # --- The effects ------------------------------------------------------------------------------

    def pooling(self, phi: Floats) -> Floats:
        """Shrinkage factors d0 / (d0 + df), shape (..., groups)."""
        return from_line("logit", phi[..., :1] - np.log(self.df))

    def theta_given(self, quantity: int | Ints | None, phi: Floats) -> InverseGamma:
        """Distribution of a group's variance, or of a new group's (None), given phi."""
        shape, scale = _shape_and_scale(phi)
        if quantity is None:
            return InverseGamma(shape, scale)
        half, squares = self._halves
        return InverseGamma(shape + half[quantity], scale + squares[quantity])

    def own_likelihood(self, quantities: Sequence[int | None]) -> OwnLikelihood:
        """What groups' sample variances say of their effects; nothing of a new group's (None)."""
        half, squares = self._halves
        return VarianceOwn(*of_groups(quantities, (half, 0.0), (squares, 0.0)))

    def draw_theta(self, phi: Floats, rng: Generator) -> Floats:
        """Exact draws of the variances given phi, shape (..., groups)."""
        shape, scale = (part[..., np.newaxis] for part in _shape_and_scale(phi))
        half, squares = self._halves
        return _inverses(gammas(rng, shape + half, scale + squares))

    def draw_new_theta(self, phi: Floats, rng: Generator) -> Floats:
        """Draws of the variance of a new group, shape (...); at most the largest double."""
        return _inverses(gammas(rng, *_shape_and_scale(phi)))

    def predict(self, theta: Floats, rng: Generator) -> Floats:
        """Draws of sample variances with the same degrees of freedom, shape (..., groups)."""
        return _sampled(theta, np.broadcast_to(self.df, theta.shape), rng)

    def predict_new(self, theta_new: Floats, size: float, rng: Generator) -> Floats:
        """Draws of sample variances of new groups with ``size`` degrees of freedom."""
        df = positive("size (degrees of freedom)", size)
        return _sampled(theta_new, np.full(theta_new.shape, df), rng)

    def log_likelihood(self, theta: Floats) -> Floats:
        """Log density of each group's sample variance given theta, shape (..., groups)."""
        half, squares = self._halves
        with np.errstate(over="ignore", divide="ignore"):
            ratio = squares / theta
        values: Floats = log_mass("poisson", half, ratio) + np.log(half / self.s2)
        return values

    # --- The data ---------------------------------------------------------------------------------

    def with_prior(self, **priors: Any) -> "VarianceGamma":
        """The same data under another ``prior=`` or ``z0=``; what is not given stays as it is."""
        priors = {"prior": self.prior, "z0": self._own_z0} | priors
        return VarianceGamma(self.s2, self.df, labels=self._labels, **priors)

    @property
    def response(self) -> Floats:
        """The sample variances."""
        return self.s2

    def estimates(self) -> tuple[Floats, Floats]:
        """The sample variances and their standard errors."""
        return self.s2, self.s2 * np.sqrt(2.0 / self.df)

    def observed(self) -> Mapping[str, Floats]:
        """The data: sample variance and degrees of freedom of each group."""
        return {"s2": self.s2, "df": self.df}


def _inverses(precisions: Floats) -> Floats:
    """Variances; the largest double where a precision is too small for one."""
    with np.errstate(divide="ignore", over="ignore"):
        return np.minimum(1.0 / precisions, LARGEST)


def _sampled(variance: Floats, df: Floats, rng: Generator) -> Floats:
    """Sample variances, of the shape of both."""
    with np.errstate(over="ignore"):
        return np.minimum(variance * gammas(rng, 0.5 * df, 0.5 * df), LARGEST)


def _inverse_trigamma(value: float) -> float:
    """Where trigamma is a positive value: Newton's method for its inverse, which is convex."""
    from scipy.special import polygamma

    x = 0.5 + 1.0 / value
    for _ in range(50):
        height = polygamma(1, x)
        step = height * (1.0 - height / value) / polygamma(2, x)
        x += step
        if abs(step) <= 1e-15 * x:
            break
    return float(x)
