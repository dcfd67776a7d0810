"""Simulation-based calibration: whether an engine's posterior holds what it promises.

Data is drawn from the model itself, from hyperparameters of its prior. Where the posterior is right
the truth is anywhere in it: its distribution function there is uniform (Cook, Gelman and Rubin
2006; Talts and others 2018, arXiv:1804.06788). Of a posterior that is draws it is the truth's rank
among them, put at random within its step. The band about the empirical distribution function holds
everywhere at once (Saeilynoja, Buerkner and Vehtari, Statistics and Computing 32 (2022), 32); its
level is computed, not simulated (bands.py).
"""

import inspect
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pyhier._progress import progress_bar
from pyhier._random import RNG, Generator, as_generator
from pyhier._types import Floats
from pyhier._validation import count, function
from pyhier.distributions.draws import SampleMarginal
from pyhier.inference.exact import exact
from pyhier.inference.laplace import LaplaceFit
from pyhier.models.interface import Model
from pyhier.models.requirements import need_groups, need_model
from pyhier.posterior.base import Posterior
from pyhier.rstats.streams import RStream
from pyhier.workflow.bands import chance, deviation
from pyhier.workflow.prior_predictive import PriorDraws, prior_predictive

if TYPE_CHECKING:
    import pandas as pd

FALSE_ALARM = 0.01  # the chance that a right engine is called wrong
RANKS = 99  # draws of a posterior that the truth is ranked among
FEWEST = 20  # data sets of which something is said
LAPLACE_DRAWS = 1_000


@dataclass(frozen=True)
class Calibration:
    """How an engine does on data of the model itself.

    Attributes
    ----------
    pit : DataFrame
        The posterior's distribution function at the truth: a row a data set, a column a quantity.
    table : DataFrame
        A row a quantity: ``p``, the chance that uniform numbers leave a band as wide as theirs do;
        ``low``, ``middle`` and ``high``, the shares of data sets whose truth is in the lowest 10%,
        the middle half and the highest 10% of the posterior.
    failed : dict of int to str
        Data sets without a posterior, and why.
    interrupted : bool
        Whether Ctrl-C ended it before all data sets had their turn.
    """

    pit: "pd.DataFrame"
    table: "pd.DataFrame"
    failed: dict[int, str]
    interrupted: bool = False

    def __repr__(self) -> str:
        return f"Calibration: {self.verdict}"

    @property
    def right(self) -> bool:
        """Whether no quantity is out of its band; a right engine is called wrong once in 100."""
        return bool((self.table["p"] >= FALSE_ALARM / len(self.table)).all())

    @property
    def verdict(self) -> str:
        """All this in words."""
        n, worst = len(self.pit), str(self.table["p"].idxmin())
        row: Any = self.table.loc[worst]
        told = (
            f"right: of {len(self.table)} quantities in {n} data sets none leaves its band "
            f"({worst} is the nearest to it, p = {row['p']:.2g})"
        )
        if not self.right:
            told = (
                f"wrong: in {n} data sets the truth of {worst} is {_how(row)} its posterior "
                f"(p {_small(row['p'])})"
            )
        if self.failed:
            first = min(self.failed)
            told += f"; {len(self.failed)} data sets had no posterior ({self.failed[first]})"
        return told + "."


def _small(p: float) -> str:
    return f"= {p:.1g}" if p > 1e-12 else "< 1e-12"  # what rounding leaves


def _how(row: Any) -> str:
    """In which way truths are not uniform, by the shares of 10%, 50% and 10%."""
    low, middle, high = row["low"] - 0.1, row["middle"] - 0.5, row["high"] - 0.1
    if low > 0.0 and high > 0.0:
        return "too often in both tails of"
    if middle > 0.0 and low < 0.0 and high < 0.0:
        return "too seldom in the tails of"
    return "too low in" if low - high > 0.0 else "too high in"


def calibrate(
    model: Model,
    engine: Callable[..., Any] = exact,
    n: int = 200,
    *,
    names: Sequence[str] | None = None,
    rng: RNG = None,
    threads: int = 1,
    progress: bool | None = None,
) -> Calibration:
    """Try an engine on data drawn from a model, whose truth is known.

    Parameters
    ----------
    model : Model
        With proper priors; its data counts for its shape alone: groups, standard errors, trials.
    engine : callable
        Makes a posterior of a model; one that draws takes ``rng`` too, such as
        ``lambda model, rng: ph.nuts(model, 500, 500, rng=rng)``, and gets other random numbers for
        each data set.
    n : int
        Data sets to draw. Twice as wide a posterior is seen with 50, a tenth wider with 1,000.
    names : sequence of str, optional
        The quantities; all hyperparameters and the first effect without it.
    rng : None, int, numpy.random.Generator or RStream
        The result does not depend on the number of threads.
    threads : int
        How many data sets are worked on at once.
    progress : bool, optional
        Whether to show a progress bar; without it, on a terminal when it takes over a second.

    Returns
    -------
    Calibration
        ``plots.calibration`` draws it. After Ctrl-C, of the data sets so far, with a warning.

    Raises
    ------
    ValueError
        If a prior is improper, which is named; or fewer than 20 data sets had a posterior.
    TypeError
        If the model takes no other data: one of your own gives ``with_response(y)``.
    KeyError
        If a name is unknown.

    References
    ----------
    Talts, S. and others (2018). arXiv:1804.06788. Saeilynoja, T., Buerkner, P.-C. and Vehtari, A.
    (2022). Statistics and Computing 32, 32.

    Examples
    --------
    >>> import pyhier as ph
    >>> from scipy import stats
    >>> schools = ph.load_dataset("eight_schools")
    >>> model = ph.NormalNormal(
    ...     schools["y"], se=schools["sigma"],
    ...     prior_mu=stats.norm(0, 5), prior_tau=stats.halfnorm(scale=5),
    ... )
    >>> ph.calibrate(model, n=100, rng=1).right
    True
    >>> narrow = {"prior_tau": stats.halfnorm(scale=2)}
    >>> ph.calibrate(model, lambda m: ph.exact(m.with_prior(**narrow)), 100, rng=1).right
    False
    """
    need_model("calibrate", model)
    need_groups("calibrate", model)
    function("engine", engine, "a model")
    many, workers = count("n", n, FEWEST), count("threads", threads)
    if why := model.why_improper():
        raise ValueError(
            f"calibrate draws data from the model's prior, and {why} is improper: give a proper one"
        )
    truth, generator = prior_predictive(model, many, rng), as_generator(rng, 1)
    chosen = _names(model, truth, names)
    own = _takes_rng(engine)
    children = _children(generator, many)

    def one(k: int) -> Floats | str:
        try:
            data = with_response(model, truth.y[0, k])
            posterior = engine(data, rng=children[k]) if own else engine(data)
        except (ValueError, ArithmeticError, RuntimeError, np.linalg.LinAlgError) as error:
            return f"{type(error).__name__}: {error}"
        known = {name: float(truth.draws_of(name)[0, k]) for name in chosen}
        return _pit(posterior, known, np.random.default_rng([many, k]))

    with_response(model, truth.y[0, 0])  # a model that cannot is said at once
    found, interrupted = _all(one, many, workers, progress)
    return _calibration(found, chosen, interrupted)


def _all(
    one: Callable[[int], Floats | str], n: int, threads: int, progress: bool | None
) -> tuple[list[Floats | str], bool]:
    """Every data set's numbers, or why there are none; after Ctrl-C those so far."""
    found: list[Floats | str] = []
    with progress_bar(n, progress) as report, _results(one, n, threads) as results:
        try:
            for result in results:
                found.append(result)
                report(1)
        except KeyboardInterrupt:
            if sum(not isinstance(result, str) for result in found) < FEWEST:
                raise
            message = f"interrupted: {len(found)} data sets of {n} are told of"
            warnings.warn(message, RuntimeWarning, stacklevel=3)
            return found, True
    return found, False


@contextmanager
def _results(
    one: Callable[[int], Floats | str], n: int, threads: int
) -> Iterator[Iterator[Floats | str]]:
    if threads == 1:
        yield map(one, range(n))
        return
    pool = ThreadPoolExecutor(threads)
    try:
        yield pool.map(one, range(n))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _calibration(found: list[Floats | str], names: list[str], interrupted: bool) -> Calibration:
    import pandas as pd

    failed = {k: result for k, result in enumerate(found) if isinstance(result, str)}
    good = {k: result for k, result in enumerate(found) if not isinstance(result, str)}
    if len(good) < FEWEST:
        why = f"; the first: {failed[min(failed)]}" if failed else ""
        raise ValueError(
            f"engine made a posterior of {len(good)} of {len(found)} data sets: {FEWEST} are the "
            f"fewest that say something{why}"
        )
    pit = pd.DataFrame(np.stack(list(good.values())), index=list(good), columns=names)
    rows = [
        {
            "p": chance(deviation(u), u.size), "low": np.mean(u < 0.1),
            "middle": np.mean(np.abs(u - 0.5) < 0.25), "high": np.mean(u > 0.9),
        }
        for u in pit.to_numpy().T
    ]  # fmt: skip
    table = pd.DataFrame(rows, index=pd.Index(names, name="quantity"))
    return Calibration(pit, table, failed, interrupted)


def _pit(posterior: Any, truth: dict[str, float], rng: np.random.Generator) -> Floats:
    """The distribution function at the truths; of draws by ranks, at random within a step."""
    if isinstance(posterior, LaplaceFit):
        posterior = posterior.sample(LAPLACE_DRAWS, rng=rng)
    if not isinstance(posterior, Posterior):
        raise TypeError(f"engine returned a {type(posterior).__name__}: it must make a posterior")
    found = []
    for name, value in truth.items():
        marginal = posterior[name]
        if type(marginal) is not SampleMarginal:
            found.append(float(marginal.cdf(value)))
            continue
        drawn: Any = posterior
        draws = drawn.draws_of(name).ravel()
        some = draws[np.linspace(0, draws.size - 1, min(RANKS, draws.size)).astype(np.intp)]
        below, ties = int((some < value).sum()), int((some == value).sum())
        found.append((below + (ties + 1) * rng.random()) / (some.size + 1))
    return np.array(found)


def _names(model: Model, truth: PriorDraws, names: Sequence[str] | None) -> list[str]:
    if names is None:
        hyper = list(model.hyperparameters(model.marginal.start()))
        effect = [name for name in truth.names if name.startswith(("theta[", "b["))][:1]
        return hyper + effect
    if isinstance(names, str) or not isinstance(names, Sequence) or not names:
        raise TypeError(f"names is {names!r}: give a sequence of names, such as ['mu', 'tau']")
    for name in names:
        try:
            truth.draws_of(name)
        except (KeyError, TypeError):
            raise KeyError(f"names has {name!r}: no quantity has this name") from None
    return list(names)


def _takes_rng(engine: Callable[..., Any]) -> bool:
    try:
        return "rng" in inspect.signature(engine).parameters
    except (TypeError, ValueError):
        return False


def _children(generator: Generator, n: int) -> list[np.random.Generator]:
    """A generator for each data set."""
    if isinstance(generator, RStream):
        words = np.asarray(generator.bit_generator.random_raw(4), dtype=np.uint64)
        generator = np.random.default_rng([int(word) for word in words])
    return list(generator.spawn(n))


def with_response(model: Any, y: Floats) -> Any:
    """The model with other data in the place of its response, under the same priors.

    Parameters
    ----------
    model : Model
        It is made anew as its pickle says, or says itself how (``with_response``).
    y : ndarray
        Of the shape that ``predict`` returns for one draw.

    Raises
    ------
    TypeError
        If it is not known where the response is in it.
    """
    own = getattr(model, "with_response", None)
    if own is not None:
        return own(y)
    make, args = model.__reduce_ex__(4)[:2]
    try:
        old, response = np.asarray(args[0], dtype=np.float64), np.ravel(model.response)
    except (IndexError, TypeError, ValueError):
        raise _no_place(model) from None
    here = ~np.isnan(old)
    data = np.ravel(y)[~np.isnan(response)]
    if not np.array_equal(old[here], response[~np.isnan(response)]):
        raise _no_place(model)
    new = np.full(old.shape, np.nan)
    new[here] = data
    return make(new, *args[1:])


def _no_place(model: Any) -> TypeError:
    return TypeError(
        f"calibrate cannot put other data into a {type(model).__name__}: give the model a method "
        "with_response(y) that returns one with y in the place of its response"
    )
