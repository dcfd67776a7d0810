"""LearnBayes' pictures, on matplotlib: each takes an Axes, or makes one, and returns it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from pyhier._types import Floats
from pyhier._validation import amount, checked, count, flag, matplotlib_axes, string
from pyhier.coda.graphics import colours_of
from pyhier.inference.target import LogPosterior, check_log_posterior, log_density
from pyhier.learnbayes._arguments import flat, numbers
from pyhier.learnbayes.conjugate import pbetap
from pyhier.learnbayes.discrete import Bayes, Bayes2
from pyhier.learnbayes.importance import limits_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

GRID = 50  # LearnBayes' points a side
LEVELS = (-6.9, -4.6, -2.3)  # 0.1, 1 and 10 per cent of the height at the mode


def _axes(ax: Axes | None) -> Axes:
    if ax is not None:
        matplotlib_axes("ax", ax)
        return ax
    import matplotlib.pyplot as plt

    _, new = plt.subplots(layout="constrained")
    return new


def _current() -> Axes:
    import matplotlib.pyplot as plt

    return plt.gca()


def log_surface(logf: LogPosterior, limits: ArrayLike, data: Any) -> tuple[Floats, Floats, Floats]:
    """A log density on a grid, less its largest value there.

    Parameters
    ----------
    logf : callable
        ``logf(theta, data)``, of two parameters.
    limits : array_like, shape (4,)
        xlo, xhi, ylo, yhi.
    data : object
        What ``logf`` takes; None if it takes nothing.

    Returns
    -------
    x, y : ndarray, shape (50,)
        The grid.
    z : ndarray, shape (50, 50)
        The values, a row an x, as in R.
    """
    low_x, high_x, low_y, high_y = limits_of(limits)
    x, y = np.linspace(low_x, high_x, GRID), np.linspace(low_y, high_y, GRID)
    points = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2)
    density = log_density(logf, 2, () if data is None else (data,))
    z = density.evaluate(points).reshape(GRID, GRID)
    if np.isnan(z).any() or not np.isfinite(z.max()):
        i, j = np.argwhere(np.isnan(z) | (z == np.inf) | (z == z.max()))[0]
        raise ValueError(f"the log density is {z[i, j]} at ({x[i]}, {y[j]}): move the limits")
    return x, y, z - z.max()


@checked(logf=check_log_posterior, add=flag)
def mycontour(
    logf: LogPosterior,
    limits: ArrayLike,
    data: Any = None,
    *,
    add: bool = False,
    col: Any = "black",
    ax: Axes | None = None,
    **contour: Any,
) -> Axes:
    """Contours of a density of two parameters, at 10, 1 and 0.1 per cent of its height.

    Parameters
    ----------
    logf : callable
        ``logf(theta, data)``, the log density.
    limits : array_like, shape (4,)
        xlo, xhi, ylo, yhi.
    data : object, optional
        What ``logf`` takes after the parameters.
    add : bool
        Whether to draw on the current Axes, as R's contours are added to a plot.
    col : str or int
        The lines' colour, by name or R's number.
    ax : Axes, optional
        Where to draw; its labels and title stay unless others are given.
    **contour
        For ``Axes.contour``; ``xlab``, ``ylab`` and ``main`` as in R.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If the density is NaN or infinite on the grid.

    Examples
    --------
    >>> from pyhier import learnbayes as lb
    >>> par = {"m": [0, 0], "v": [[1, 0.6], [0.6, 1]]}
    >>> ax = lb.mycontour(lb.lbinorm, [-4, 4, -4, 4], par, xlab="x")
    >>> ax.get_xlabel()
    'x'
    """
    x, y, z = log_surface(logf, limits, data)
    axes = _current() if add and ax is None else _axes(ax)
    words = {"xlab": "xlabel", "ylab": "ylabel", "main": "title"}
    labels = {words[key]: contour.pop(key) for key in words if key in contour}
    style = {"levels": LEVELS, "colors": colours_of("col", col), "linestyles": "solid"} | contour
    if "cmap" in contour:
        del style["colors"]
    lines = axes.contour(x, y, np.maximum(z, -1e300).T, **style)
    if "levels" not in contour:
        texts = {-6.9: "0.1%", -4.6: "1%", -2.3: "10%"}
        axes.clabel(lines, fmt=lambda level: texts[round(level, 1)], fontsize=8)
    axes.set(**labels)
    return axes


def triplot(
    prior: ArrayLike, data: ArrayLike, where: str = "topright", *, ax: Axes | None = None
) -> Axes:
    """Prior, likelihood and posterior of a proportion under a beta prior.

    Parameters
    ----------
    prior : array_like, shape (2,)
        The prior's shape parameters.
    data : array_like, shape (2,)
        Successes and failures.
    where : str
        The legend's place, in R's words ("topright", "top", "left", ...) or matplotlib's.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If a shape is not positive or a count negative.

    Examples
    --------
    >>> ax = triplot([3, 10], [10, 6])
    >>> [line.get_label() for line in ax.lines]
    ['Prior', 'Likelihood', 'Posterior']
    """
    from scipy.stats import beta

    a, b = numbers("prior", flat(prior), 2, "positive")
    s, f = numbers("data", flat(data), 2, "not negative")
    p = np.linspace(0.005, 0.995, 500)  # the densities may have poles at 0 and 1
    axes = _axes(ax)
    for label, shapes, color, line in (
        ("Prior", (a, b), "tab:green", ":"),
        ("Likelihood", (s + 1, f + 1), "tab:blue", "-"),
        ("Posterior", (a + s, b + f), "tab:red", "--"),
    ):
        axes.plot(p, beta.pdf(p, *shapes), line, color=color, label=label, linewidth=2)
    axes.set(xlabel="p", ylabel="Density", xlim=(0, 1), ylim=(0, None))
    axes.set_title(f"beta({a:g}, {b:g}) prior, {s:g} successes, {f:g} failures")
    axes.legend(loc=_place(where))
    return axes


def _place(where: str) -> Any:
    """Matplotlib's words for R's places of a legend."""
    from matplotlib.legend import Legend

    rows = {"top": "upper", "bottom": "lower"}
    place = {"left": "center left", "right": "center right"}.get(string("where", where), where)
    for r_word, word in rows.items():
        if where.startswith(r_word):
            place = f"{word} {where.removeprefix(r_word) or 'center'}".strip()
    if place not in Legend.codes:
        raise ValueError(f"where is {where!r}: it must be one of R's places, such as 'topright'")
    return place


def predplot(prior: ArrayLike, n: int, yobs: float, *, ax: Axes | None = None) -> Axes:
    """Prior predictive distribution of a binomial count, and the count observed.

    Parameters
    ----------
    prior : array_like, shape (2,)
        Shape parameters of the proportion's beta prior.
    n : int
        Size of the sample.
    yobs : int
        The count observed.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If a shape is not positive, or ``yobs`` is not one of 0, ..., n.

    Examples
    --------
    >>> ax = predplot([3, 10], 20, 10)
    >>> ax.get_xlabel()
    'y'
    """
    size, seen = amount("n", n), count("yobs", yobs, 0)
    a, b = numbers("prior", flat(prior), 2, "positive")
    if seen > size:
        raise ValueError(f"yobs is {yobs}: it cannot exceed n, which is {n}")
    y = np.arange(size + 1)
    probabilities = pbetap([a, b], size, y)
    axes = _axes(ax)
    axes.vlines(y, 0, probabilities, color="tab:blue", linewidth=2)
    axes.plot(seen, 0, "o", color="tab:red", markersize=9, clip_on=False, zorder=3)
    axes.annotate(
        "yobs", (seen, 0), (0, 9), textcoords="offset points", color="tab:red", ha="center",
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 1},
    )  # fmt: skip
    axes.set(xlabel="y", ylabel="Probability", ylim=(0, None))
    axes.set_title(f"beta({a:g}, {b:g}) prior, n = {size}, yobs = {seen}")
    axes.locator_params(axis="x", integer=True)
    return axes


def plot_bayes(x: Bayes, *, ax: Axes | None = None, **bar: Any) -> Axes:
    """Bars of a discrete posterior.

    Parameters
    ----------
    x : Bayes
        A posterior by `discrete_bayes`.
    ax : Axes, optional
        Where to draw.
    **bar
        For ``Axes.bar``.

    Returns
    -------
    Axes

    Examples
    --------
    >>> from pyhier import learnbayes as lb
    >>> from scipy import stats
    >>> ax = lb.plot_bayes(lb.discrete_bayes(stats.poisson.pmf, {1: 0.5, 2: 0.5}, [1, 3]))
    >>> [label.get_text() for label in ax.get_xticklabels()]
    ['1', '2']
    """
    if not isinstance(x, Bayes):
        raise TypeError(f"x is a {type(x).__name__}: give what discrete_bayes returns")
    return _bars(x.prob, ax, bar)


def _bars(prob: pd.Series[float], ax: Axes | None, bar: dict[str, Any]) -> Axes:
    values, heights = prob.index, prob.to_numpy()
    axes = _axes(ax)
    places = np.arange(len(heights))
    axes.bar(places, heights, **{"color": "0.75", "edgecolor": "0.3"} | bar)
    step = -(-len(places) // 15)  # at most 15 names
    axes.set_xticks(places[::step], [f"{float(value):g}" for value in values[::step]])
    axes.set(xlabel="parameter", ylabel="probability")
    return axes


def plot_bayes2(x: Bayes2, marginal: int = 0, *, ax: Axes | None = None, **style: Any) -> Axes:
    """A discrete posterior of two parameters: the grid, or bars of one marginal.

    Parameters
    ----------
    x : Bayes2
        A posterior by `discrete_bayes_2`.
    marginal : {0, 1, 2}
        0 for the grid, darker where the probability is higher; 1 or 2 for that parameter alone.
    ax : Axes, optional
        Where to draw.
    **style
        For ``Axes.pcolormesh``, or ``Axes.bar``.

    Returns
    -------
    Axes

    Examples
    --------
    >>> from pyhier import learnbayes as lb
    >>> post = lb.discrete_bayes_2(None, lb.prior_two_parameters([1, 2], [3, 4, 5]))
    >>> lb.plot_bayes2(post, marginal=2).get_ylabel()
    'probability'
    """
    if not isinstance(x, Bayes2):
        raise TypeError(f"x is a {type(x).__name__}: give what discrete_bayes_2 returns")
    if marginal not in (0, 1, 2):
        raise ValueError(f"marginal is {marginal!r}: it must be 0, 1 or 2")
    if marginal:
        alone = x.prob.sum(axis=1) if marginal == 1 else x.prob.sum(axis=0)
        axes = _bars(alone, ax, style)
        axes.set_xlabel(f"parameter {marginal}")
        return axes
    axes = _axes(ax)
    first, second = (np.asarray(values, dtype=float) for values in (x.prob.index, x.prob.columns))
    axes.pcolormesh(
        first, second, x.prob.to_numpy().T, **{"cmap": "Greys", "shading": "nearest"} | style
    )
    axes.set(xlabel="parameter 1", ylabel="parameter 2")
    return axes
