"""How wrong a posterior is, where the exact one is known: each figure beside the exact figure.

A statistic of draws has a Monte Carlo error, which is that of the mean of its influence function: x
of a mean, (x - mean)^2 / (2 sd) of an sd, and [x <= q] / density(q) of a quantile (Serfling,
Approximation Theorems of Mathematical Statistics, 1980, ch. 2 and 6), with the exact mean, sd,
quantile and density put in. Of Markov chains it is by batch means. Where the influence varies less
among the draws than it does exactly, the error is scaled up: chains that never reached a tail do
not vary there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pyhier._types import Floats
from pyhier._validation import probability_list
from pyhier.distributions.draws import SampleMarginal
from pyhier.inference.exact import exact
from pyhier.inference.laplace import LaplaceFit
from pyhier.posterior.base import Posterior
from pyhier.posterior.events import error_of_mean
from pyhier.posterior.summaries import PROBS

if TYPE_CHECKING:
    import pandas as pd

FALSE_ALARM = 0.01  # the chance that a right posterior is called wrong
CLOSE = 1e-3  # exact sds within which a figure without Monte Carlo error is right
GRID = (np.arange(200) + 0.5) / 200  # probabilities at which distribution functions are held
REACH = np.linspace(-5.0, 5.0, 101)  # normal scores at which influences are averaged
PARTS = np.array([0.05, 0.25, 0.5, 0.75, 0.95])  # whose errors say what a distance is worth
LAPLACE_DRAWS = 20_000


@dataclass(frozen=True)
class Grade:
    """A posterior beside the exact one.

    Attributes
    ----------
    table : DataFrame
        A row a figure: index levels ``quantity`` and ``statistic`` ("mean", "sd", "2.5%", ...);
        columns ``value``, ``exact``, ``off`` (their difference in exact sds), ``mcse`` (the value's
        Monte Carlo error; 0 where it has none) and ``z`` (their difference in these errors).
    distances : DataFrame
        A row a quantity: ``distance``, the largest difference of the two distribution functions
        (Kolmogorov's), and ``p``, the chance of one as large by Monte Carlo error alone (NaN where
        there is none).
    divergences, trajectories : int
        How many trajectories of a Hamiltonian sampler left the path, and how many there were.
    """

    table: "pd.DataFrame"
    distances: "pd.DataFrame"
    divergences: int = 0
    trajectories: int = 0
    _posterior: Any = field(default=None, repr=False)
    _exact: Any = field(default=None, repr=False)

    def __repr__(self) -> str:
        return f"Grade: {self.verdict}"

    def pit(self, name: str) -> Floats:
        """The exact distribution function at the draws of a quantity.

        Parameters
        ----------
        name : str

        Returns
        -------
        ndarray, shape (chain, draw)
            Uniform between 0 and 1 where the draws are right (probability integral transform).

        Raises
        ------
        ValueError
            If the posterior has no draws of it.
        """
        draws = _draws(self._posterior, name)
        if draws is None:
            raise ValueError(f"{name} is not known by draws, but by a distribution")
        values: Floats = self._exact[name].cdf(draws)
        return values

    @property
    def limit(self) -> float:
        """What the largest ``z`` of a right posterior exceeds with chance 1%."""
        from scipy.special import ndtri

        return float(-ndtri(0.5 * FALSE_ALARM / max(int(self.table["z"].notna().sum()), 1)))

    @property
    def wrong(self) -> "pd.DataFrame":
        """The figures that are off by more than their Monte Carlo error explains."""
        table = self.table
        sure = (table["mcse"] == 0.0) & (table["off"].abs() > CLOSE)
        return table[(table["z"].abs() > self.limit) | sure]

    @property
    def right(self) -> bool:
        """Whether no figure and no distribution function is off by more than that."""
        p = self.distances["p"].dropna()
        return len(self.wrong) == 0 and not bool((p < FALSE_ALARM / max(len(p), 1)).any())

    @property
    def verdict(self) -> str:
        """All this in words."""
        noisy = bool((self.table["mcse"] > 0.0).any())
        parts = [_agreement(self.table, noisy) if self.right else self._difference()]
        if self.divergences:
            parts.append(f"{self.divergences} of {self.trajectories} trajectories diverged")
        return "; ".join(parts) + "."

    def _difference(self) -> str:
        wrong, off = self.wrong, self.table["off"]
        told = wrong["z"].dropna() if len(wrong["z"].dropna()) else wrong["off"]
        name, statistic = _furthest(told if len(told) else off)
        row: Any = self.table.loc[(name, statistic)]
        far = self.distances["distance"]
        errors = f" or {abs(row['z']):.1f} Monte Carlo errors" if row["mcse"] > 0.0 else ""
        return (
            f"wrong: the {statistic} of {name} is {row['value']:.4g} and exactly "
            f"{row['exact']:.4g}, {abs(row['off']):.2g} sds{errors} off; {len(wrong)} of "
            f"{len(off)} figures are off; distribution functions differ by up to {far.max():.2g} "
            f"({far.idxmax()})"
        )


def _furthest(figures: "pd.Series[float]") -> tuple[str, str]:
    """Quantity and statistic of the largest figure, whatever its sign."""
    key: Any = figures.abs().idxmax()
    name, statistic = key
    return name, statistic


def _agreement(table: "pd.DataFrame", noisy: bool) -> str:
    if not noisy:
        return f"right: all {len(table)} figures are within {CLOSE:g} sds of the exact ones"
    z, scale = table["z"].abs(), (table["off"] / table["z"]).abs()
    name, statistic = _furthest(z)
    return (
        f"right to Monte Carlo error: of {int(z.notna().sum())} figures the {statistic} of {name} "
        f"is the furthest off, {z.max():.1f} errors; the errors are up to {scale.max():.2g} sds"
    )


def grade(
    posterior: Posterior | LaplaceFit,
    exact_posterior: Posterior | None = None,
    *,
    names: Sequence[str] | None = None,
    probs: Sequence[float] = PROBS,
) -> Grade:
    """Hold a posterior against the exact one.

    Parameters
    ----------
    posterior : Posterior or LaplaceFit
        By any engine: draws, a normal approximation, a grid, weights. Of a `LaplaceFit` 20,000
        draws are taken.
    exact_posterior : Posterior, optional
        Of the same model by quadrature; ``exact(posterior.model)`` without it.
    names : sequence of str, optional
        The quantities; all that both posteriors have without it.
    probs : sequence of float
        Probabilities of the quantiles.

    Returns
    -------
    Grade
        ``table``, ``distances`` and ``verdict``. Moments that do not exist are left out.

    Raises
    ------
    TypeError
        If one of them is no posterior, or the second is not by quadrature.
    ValueError
        If they are of different data or priors.
    KeyError
        If a name is unknown.

    Examples
    --------
    >>> import pyhier as ph
    >>> from scipy import stats
    >>> schools = ph.load_dataset("eight_schools")
    >>> model = ph.NormalNormal(
    ...     schools["y"], se=schools["sigma"], labels=schools["school"],
    ...     prior_mu=stats.norm(0, 5), prior_tau=stats.halfnorm(scale=5),
    ... )
    >>> ph.grade(ph.nuts(model, rng=1)).right
    True
    >>> collapsed = ph.grade(ph.vi(model, parameterization="centred", rng=1))
    >>> collapsed.table.loc[("mu", "sd"), ["value", "exact"]].round(2).tolist()
    [1.7, 3.28]
    """
    mine: Any = posterior
    if isinstance(posterior, LaplaceFit):
        mine = posterior.sample(LAPLACE_DRAWS, rng=0)
    if not isinstance(mine, Posterior):
        raise TypeError(f"posterior is a {type(mine).__name__}: grade takes a model's posterior")
    known = exact(mine.model) if exact_posterior is None else exact_posterior
    _check_pair(mine, known)
    wanted = probability_list("probs", probs).tolist()
    chosen = _chosen(mine, known, names)
    table = _table([_Quantity.of(mine, known, name, wanted) for name in chosen], chosen)
    return Grade(*table, int(getattr(mine, "divergences", 0)), _trajectories(mine), mine, known)


def _trajectories(posterior: Any) -> int:
    stats = getattr(posterior, "sample_stats", {})
    return int(np.size(stats["diverging"])) if "diverging" in stats else 0


def _check_pair(mine: Posterior, known: Any) -> None:
    if not (isinstance(known, Posterior) and known.by_quadrature):
        raise TypeError(
            f"exact_posterior is a {type(known).__name__}: it must be one by quadrature, such as "
            "exact(model)"
        )
    if mine.model is known.model:
        return
    ours, theirs = mine.model, known.model
    if tuple(ours.labels) != tuple(theirs.labels) or ours.coordinates != theirs.coordinates:
        raise ValueError("exact_posterior is of other groups or another model than posterior")
    at = theirs.marginal.start()
    points = at + np.array([-0.5, 0.0, 0.3, 1.0])[:, np.newaxis] * np.ones(at.size)
    gap = ours.marginal.log_density(points) - theirs.marginal.log_density(points)
    size = 1.0 + np.abs(theirs.marginal.log_density(points)).max()
    if not np.ptp(gap) <= 1e-9 * size:
        raise ValueError(
            "exact_posterior is of other data or another prior than posterior: their log "
            f"densities differ by {np.ptp(gap):.3g} more at one point than at another"
        )


def _chosen(mine: Posterior, known: Posterior, names: Sequence[str] | None) -> list[str]:
    if names is None:
        return [name for name in mine.names if name in set(known.names)]
    if isinstance(names, str) or not isinstance(names, Sequence) or not names:
        raise TypeError(f"names is {names!r}: give a sequence of names, such as ['mu', 'tau']")
    for name in names:
        try:
            mine[name], known[name]
        except (KeyError, TypeError):
            raise KeyError(f"names has {name!r}: no quantity has this name") from None
    return list(names)


def _draws(posterior: Any, name: str) -> Floats | None:
    """The draws of a quantity, shape (chain, draw), where it is known by them."""
    if type(posterior[name]) is not SampleMarginal:
        return None
    draws: Floats = posterior.draws_of(name)
    return draws


@dataclass(frozen=True)
class _Quantity:
    """One quantity's figures: rows of value, exact, off, mcse, z by the statistics' names."""

    rows: "dict[str, Row]"
    distance: float
    p: float

    @classmethod
    def of(cls, mine: Posterior, known: Posterior, name: str, probs: list[float]) -> "_Quantity":
        from scipy.special import ndtr

        own, other = mine[name], known[name]
        draws, points, scale = _draws(mine, name), other.ppf(GRID), _scale(other)
        spread = other.ppf(ndtr(REACH))
        rows = {
            statistic: _row(value, right, scale, _error(mine, draws, spread, influence))
            for statistic, value, right, influence in _figures(own, other, probs)
        }
        return cls(rows, *_distance(mine, own, draws, other, points))


Row = tuple[float, float, float, float, float]


def _row(value: float, right: float, scale: float, mcse: float) -> Row:
    gap = value - right
    return value, right, gap / scale, mcse, gap / mcse if mcse > 0.0 else np.nan


def _scale(other: Any) -> float:
    """The exact sd; where it does not exist, that of a normal with the same quartiles."""
    sd = float(other.std())
    if 0.0 < sd < np.inf:
        return sd
    low, high = other.ppf([0.25, 0.75])
    return float(high - low) / 1.349


def _figures(own: Any, other: Any, probs: list[float]) -> Iterator[tuple[str, float, float, Any]]:
    """Every statistic with both values and its influence function; those that do not exist not."""
    mean, sd = float(other.mean()), float(other.std())
    if np.isfinite(mean):
        yield "mean", float(own.mean()), mean, lambda x: x
    if np.isfinite(sd) and sd > 0.0:
        yield "sd", float(own.std()), sd, lambda x: (x - mean) ** 2 / (2.0 * sd)
    points = np.asarray(other.ppf(probs), dtype=np.float64)
    values = zip(probs, own.ppf(probs), points, np.asarray(other.pdf(points)), strict=True)
    for p, value, q, height in values:
        yield f"{100 * p:g}%", float(value), float(q), lambda x, q=q, h=height: (x <= q) / h


def _error(mine: Posterior, draws: Floats | None, spread: Floats, influence: Any) -> float:
    """Monte Carlo error of a statistic; of weighted draws by their effective size."""
    if draws is None and mine.ess == np.inf:
        return 0.0
    weight = np.exp(-0.5 * REACH**2) / np.exp(-0.5 * REACH**2).sum()
    with np.errstate(all="ignore"):
        values = influence(spread)
        each = float(np.sqrt(weight @ (values - weight @ values) ** 2))
        if draws is None:
            return each / float(np.sqrt(mine.ess))
        own = influence(draws)
        found, among = error_of_mean(own, mine.markov, mine.ess), float(np.std(own))
        if among == 0.0:
            return each / float(np.sqrt(draws.size))
        return found * max(1.0, each / among)


def _distance(
    mine: Posterior, own: Any, draws: Floats | None, other: Any, points: Floats
) -> tuple[float, float]:
    """Kolmogorov's distance, and the chance of one as large by Monte Carlo error alone."""
    if draws is None:
        gap = np.abs(own.cdf(points) - GRID)
        return float(gap.max()), np.nan
    from scipy.special import kolmogorov

    u = other.cdf(draws)
    ordered, n = np.sort(u, axis=None), u.size
    above = np.arange(1, n + 1) / n - ordered
    distance = float(np.maximum(above, 1.0 / n - above).max())
    below = [u <= part for part in PARTS]
    counts = [
        np.var(b) / error_of_mean(b, mine.markov, mine.ess) ** 2
        for b in below
        if b.any() and not b.all()
    ]
    return distance, float(kolmogorov(np.sqrt(min(counts, default=n)) * distance))


def _table(found: list[_Quantity], names: list[str]) -> tuple["pd.DataFrame", "pd.DataFrame"]:
    import pandas as pd

    keys = [(name, key) for name, one in zip(names, found, strict=True) for key in one.rows]
    table = pd.DataFrame(
        [row for one in found for row in one.rows.values()],
        index=pd.MultiIndex.from_tuples(keys, names=["quantity", "statistic"]),
        columns=["value", "exact", "off", "mcse", "z"],
    )
    distances = pd.DataFrame(
        {"distance": [one.distance for one in found], "p": [one.p for one in found]},
        index=pd.Index(names, name="quantity"),
    )
    return table, distances
