"""What all posteriors share: names, tables, and how an event is written."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import numpy as np
from numpy.typing import ArrayLike

from pyhier._frame import frame
from pyhier._frozen import Frozen
from pyhier._random import RNG, Generator, as_generator
from pyhier._types import Floats
from pyhier._validation import amount, float_array, probability_list
from pyhier.distributions.base import Marginal
from pyhier.models.draws import Draws
from pyhier.models.interface import (
    Model,
    log_likelihoods,
    new_effects_of,
    replicated,
)
from pyhier.models.requirements import need_groups
from pyhier.posterior.checks import PredictiveCheck, Statistics, predictive_check
from pyhier.posterior.draw_arrays import DrawArrays, unknown
from pyhier.posterior.events import Event, Probability, holds, parse_comparison, share
from pyhier.posterior.for_arviz import to_arviz
from pyhier.posterior.notebooks import SummaryInNotebooks
from pyhier.posterior.row_results import OfRows
from pyhier.posterior.summaries import PROBS, chosen, marginal_columns, rank_columns, rows_of_new

if TYPE_CHECKING:
    import pandas as pd

    from pyhier.coda.objects import McmcList


DRAWS = 10_000  # made where a posterior is not made of draws
MANY = 200_000  # made for the probability of an event
PREDICTION = 1  # the stage of random numbers that makes new data of effects


class Posterior(OfRows, SummaryInNotebooks, Frozen):
    """What every engine returns, whatever it knows its marginals by.

    Subclasses give ``names``, ``__getitem__``, ``columns``, ``shrinkage_factors``,
    ``group_means`` and ``_sampled``. What takes ``draws=`` and ``rng=`` uses all draws of a
    posterior that is made of draws, and makes so many independent ones of any other.
    """

    by_quadrature: ClassVar[bool] = False  # whether its marginals carry no Monte Carlo error
    markov: ClassVar[bool] = False  # whether its draws are Markov chains
    log_z: float | None = None  # log of the integral of likelihood times prior
    ess: float = np.inf  # of the weights that its draws were picked by, where they were

    def __init__(self, model: Model) -> None:
        self.model = model

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all quantities: hyperparameters, ``theta[LABEL]``, ``theta_new``."""
        _abstract(self)

    def __getitem__(self, name: str) -> Marginal:
        _abstract(self)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __repr__(self) -> str:
        return f"{type(self).__name__} of {self.model!r}"

    @cached_property
    def _group_of(self) -> dict[str, int]:
        return {f"theta[{label}]": j for j, label in enumerate(self.model.labels)}

    def _unknown(self, name: object) -> KeyError:
        return unknown(name, self.names)

    def columns(self, probs: Sequence[float] = PROBS) -> dict[str, Any]:
        """The summary as plain columns: what `summary` frames and the command line prints."""
        _abstract(self)

    def shrinkage_factors(self) -> Floats:
        """Posterior mean of each group's shrinkage factor, shape (groups,).

        0 leaves the group's own estimate, 1 puts it on the mean of all.
        """
        _abstract(self)

    def group_means(self) -> Floats | None:
        """Posterior mean of each group's effect, shape (groups,); None if it was not drawn."""
        _abstract(self)

    def summary(
        self, probs: Sequence[float] = PROBS, names: Sequence[str] | None = None
    ) -> "pd.DataFrame":
        """Mean, sd and quantiles of every quantity, or of some.

        Parameters
        ----------
        probs : sequence of float
            The quantiles' probabilities.
        names : sequence of str, optional
            Which of the quantities that ``post[name]`` takes; all of ``post.names`` without it.

        Returns
        -------
        DataFrame
            A row for each; columns ``mean``, ``sd``, ``2.5%``, ...
        """
        wanted = probability_list("probs", probs)
        if names is None:
            return frame(self.columns(wanted.tolist()), tuple(self.names), "quantity")
        some = chosen(names)
        return frame(marginal_columns([self[name] for name in some], wanted), some, "quantity")

    def shrinkage(self) -> "pd.DataFrame":
        """Shrinkage of each group, with its data and the ranks of both.

        Returns
        -------
        DataFrame
            A row a group; columns the data (``y``, ``se``), ``theta`` (posterior mean),
            ``shrinkage``, ``rank_shrinkage`` and ``rank_se`` (or ``rank_trials``, ...; 1 is the
            least; ties share the mean rank, as in R's ``rank``).
        """
        import pandas as pd

        observed = dict(self.model.observed())
        frame = pd.DataFrame(observed, index=pd.Index(self.model.labels, name="group"))
        means = self.group_means()
        if means is not None:
            frame["theta"] = means
        frame["shrinkage"] = self.shrinkage_factors()
        frame["rank_shrinkage"] = frame["shrinkage"].rank()
        size = list(observed)[-1]
        frame[f"rank_{size}"] = frame[size].rank()
        return frame

    # --- Events and evidence ----------------------------------------------------------------------

    def probability(self, event: Event, *, draws: int = MANY, rng: RNG = None) -> Probability:
        """Posterior probability of an event.

        Parameters
        ----------
        event : str or callable
            A comparison of a quantity with a number, or of two quantities, such as
            ``"theta[A] > 28"`` or ``"theta[A] > theta[C]"``: without Monte Carlo error where the
            posterior knows it so. Or a function of the draws by name, such as
            ``lambda d: (d["mu"] > 0) & (d["tau"] < 5)``, that returns an array of bool.
        draws : int
            How many to make where it takes draws and the posterior is not made of them.
        rng : None, int, numpy.random.Generator or RStream

        Returns
        -------
        Probability
            A float with its Monte Carlo standard error in ``se`` (of Markov chains by batch
            means); 0 by quadrature.
        """
        try:
            known = self._without_draws(event) if isinstance(event, str) else None
            if known is not None:
                return known
            return share(holds(event, self._drawn(draws, rng)), self.markov, self.ess)
        except KeyError as error:
            if not isinstance(event, str):
                raise
            raise KeyError(f"event {event!r}: {error.args[0]}") from None

    def _without_draws(self, event: str) -> Probability | None:
        """The probability of a comparison by marginals, where this posterior knows it so."""
        left, sign, right = parse_comparison(event)
        if isinstance(left, float) and isinstance(right, float):
            raise ValueError(f"event {event!r} compares two numbers: name a quantity")
        if isinstance(left, str) and isinstance(right, str):
            return self._compare(left, sign, right)
        name, x = (left, right) if isinstance(right, float) else (right, left)
        if not self.by_quadrature:
            return None
        above = (sign == ">") == isinstance(right, float)
        marginal = self[str(name)]
        return Probability(marginal.sf(x) if above else marginal.cdf(x))

    def _compare(self, left: str, sign: str, right: str) -> Probability | None:
        """The probability that one quantity is above (below) another, where it takes no draws."""
        return None

    @property
    def log_evidence(self) -> float:
        """Log marginal likelihood of the data.

        Raises
        ------
        ValueError
            If a prior is improper, for the likelihood times it has no meaningful scale; or if the
            engine does not know it.
        """
        why = self.model.why_improper()
        if why:
            raise ValueError(f"there is no evidence under {why}: give proper priors")
        if self.log_z is None:
            raise ValueError(
                f"{type(self).__name__} does not know the evidence: take exact(model), "
                "importance(model, draws) or grid(model)"
            )
        return self.log_z

    # --- Draws, predictions and checks ------------------------------------------------------------

    def sample(self, n: int, rng: RNG = None) -> Mapping[str, Floats]:
        """Joint draws: independent ones, or ones picked from the draws with replacement.

        Parameters
        ----------
        n : int
            The number of draws.
        rng : None, int, numpy.random.Generator or RStream

        Returns
        -------
        dict
            Hyperparameters and ``theta_new`` of shape (n,), ``theta`` of shape (n, groups).
        """
        drawn = DrawArrays(self.model, self._sampled(self._fitting("n", n), as_generator(rng)))
        joint = {name: drawn[name][0] for name in (*drawn.hyper, *new_effects_of(self.model))}
        return joint | ({} if drawn.draws.theta is None else {"theta": drawn.theta[0]})

    def to_draws(self, n: int, rng: RNG = None) -> "Posterior":
        """Joint draws of everything, as the posterior that samplers return.

        Parameters
        ----------
        n : int
            The number of draws.
        rng : None, int, numpy.random.Generator or RStream

        Returns
        -------
        DrawsPosterior
            With one chain: independent draws, or ones picked from the draws with replacement.
        """
        _abstract(self)

    def _sampled(self, n: int, rng: Generator) -> Draws:
        """Independent joint draws, or ones picked from the draws with replacement: one chain."""
        _abstract(self)

    def _drawn(self, n: int, rng: RNG) -> DrawArrays:
        """The draws that this posterior is made of, or so many independent ones."""
        generator = as_generator(rng)
        return DrawArrays(self.model, self._sampled(self._fitting("draws", n), generator))

    def _fitting(self, name: str, n: object, chains: int = 1) -> int:
        """A number of draws, of everything in each of some chains, that fits into memory."""
        return amount(name, n, chains * (len(self.model.labels) + len(self.model.coordinates) + 1))

    def _in_chains(self, draws: int, chains: int, rng: RNG) -> DrawArrays:
        """The chains that this posterior is made of, or so many of independent draws."""
        many = amount("chains", chains)
        drawn = self._drawn(self._fitting("draws", draws, many) * many, rng)
        return DrawArrays(self.model, drawn.draws.in_chains(many))

    def predict(self, *, draws: int = DRAWS, rng: RNG = None) -> Floats:
        """Draws of new data for the same groups: as many trials, the same exposure, the same se.

        Parameters
        ----------
        draws : int
            How many to make, where the posterior is not made of draws.
        rng : None, int, numpy.random.Generator or RStream

        Returns
        -------
        ndarray, shape (chain, draw, groups)

        Examples
        --------
        >>> import pyhier as ph
        >>> rats = ph.load_dataset("rat_tumors")
        >>> post = ph.exact(ph.BetaBinomial(rats["tumors"], rats["rats"]))
        >>> again = post.predict(rng=1)
        >>> again.shape, bool(1.9 < again[..., 70].mean() < 4.0)  # 4 of 14 had a tumour
        ((1, 10000, 71), True)
        """
        generator = as_generator(rng, PREDICTION)
        return replicated(self.model, self._drawn(draws, generator).draws, generator)

    def predict_new(
        self, size: ArrayLike, *, x: Any = None, draws: int = DRAWS, rng: RNG = None
    ) -> Floats:
        """Draws of the data of new groups.

        Parameters
        ----------
        size : float or array_like, shape (new groups,)
            What the model's data has beside the response: the new group's standard error, its
            number of trials, or its exposure. Several new groups share the hyperparameters.
        x : mapping, frame or array_like, optional
            The new groups' covariates, a row each, of a model with covariates; without them the
            means of the groups'.
        draws : int
            How many to make, where the posterior is not made of draws.
        rng : None, int, numpy.random.Generator or RStream

        Returns
        -------
        ndarray, shape (chain, draw) or (chain, draw, new groups)
            The effects of new groups themselves are ``theta_new``.

        Examples
        --------
        >>> import pyhier as ph
        >>> rats = ph.load_dataset("rat_tumors")
        >>> post = ph.exact(ph.BetaBinomial(rats["tumors"], rats["rats"]))
        >>> tumors = post.predict_new(20, rng=1)  # of 20 rats in a new experiment
        >>> tumors.shape, bool(2.5 < tumors.mean() < 3.5)
        ((1, 10000), True)
        """
        sizes = float_array("size", size, None)
        if sizes.ndim > 1 or sizes.size == 0:
            raise ValueError(f"size has shape {sizes.shape}: give a number, or one a new group")
        rows = None if x is None else rows_of_new(self.model, x, sizes)
        generator = as_generator(rng, PREDICTION)
        drawn = self._drawn(draws, generator).draws
        if sizes.ndim == 0 and rows is None:
            return self.model.predict_new(drawn.theta_new, float(sizes), generator)
        groups = max(sizes.size, 1 if rows is None else len(rows))
        data = np.empty((*drawn.theta_new.shape, groups))
        for j, one in enumerate(np.broadcast_to(sizes, groups).tolist()):
            row = () if rows is None else (rows[j if len(rows) > 1 else 0],)
            effect = self.model.draw_new_theta(drawn.phi, generator, *row)
            data[..., j] = self.model.predict_new(effect, one, generator)
        return data[..., 0] if sizes.ndim == 0 and groups == 1 else data

    def log_likelihood(self, *, draws: int = DRAWS, rng: RNG = None) -> Floats:
        """Log density of each group's data given each draw of its effect.

        Parameters
        ----------
        draws : int
            How many to make, where the posterior is not made of draws.
        rng : None, int, numpy.random.Generator or RStream

        Returns
        -------
        ndarray, shape (chain, draw, groups)
            With all constants; what leave-one-out cross-validation and WAIC take. Or ``rows``.
        """
        return log_likelihoods(self.model, self._drawn(draws, rng).draws)

    def predictive_check(
        self, statistic: Statistics, *, draws: int = DRAWS, rng: RNG = None
    ) -> PredictiveCheck:
        """Compare statistics of the data with those of new data from the posterior.

        Parameters
        ----------
        statistic : callable, str, or a sequence or mapping of these
            A function takes the data of all groups, shape (groups,), and returns a number; one
            that goes along the last axis, such as ``lambda y: y.max(axis=-1)``, is much faster.
            Names: "mean", "sd", "min", "max", "median", "range". A mapping names the statistics.
            All are taken of the same new data.
        draws : int
            How many data sets to make, where the posterior is not made of draws.
        rng : None, int, numpy.random.Generator or RStream

        Returns
        -------
        PredictiveCheck
            Its ``table`` has a row a statistic, with the Bayesian p-value.

        Examples
        --------
        >>> import pyhier as ph
        >>> pumps = ph.load_dataset("pumps")
        >>> post = ph.exact(ph.PoissonGamma(pumps["failures"], pumps["khours"]))
        >>> zeros = {"none failed": lambda y: (y == 0).sum(axis=-1)}
        >>> bool(0.8 < post.predictive_check(zeros, rng=1)["none failed"] <= 1.0)
        True
        """
        replicated = self.predict(draws=draws, rng=rng)
        data = self.model.response
        return predictive_check(statistic, data, replicated, self.markov, self.ess)

    def rank(self, *, draws: int = DRAWS, rng: RNG = None) -> "pd.DataFrame":
        """Posterior of each group's rank among the groups; 1 is the largest effect.

        Parameters
        ----------
        draws : int
            How many to make, where the posterior is not made of draws.
        rng : None, int, numpy.random.Generator or RStream

        Returns
        -------
        DataFrame
            A row a group; columns ``mean`` and ``sd`` of the rank, ``largest`` and ``smallest``,
            the probabilities of the first and of the last rank.
        """
        import pandas as pd

        need_groups("rank", self.model)
        theta, kinds = self._drawn(draws, rng).theta, len(new_effects_of(self.model))
        columns = rank_columns(theta.reshape(-1, theta.shape[-1]), kinds)
        return pd.DataFrame(columns, index=pd.Index(self.model.labels, name="group"))

    def to_dataframe(self, *, draws: int = DRAWS, rng: RNG = None) -> "pd.DataFrame":
        """Draws as a frame: columns ``chain``, ``draw`` and ``names``, a row a draw.

        Parameters
        ----------
        draws : int
            How many to make, where the posterior is not made of draws.
        rng : None, int, numpy.random.Generator or RStream

        Returns
        -------
        DataFrame
        """
        import pandas as pd

        return pd.DataFrame(self._drawn(draws, rng).columns())

    def to_arviz(self, *, draws: int = 1_000, chains: int = 4, rng: RNG = None) -> Any:
        """Everything that ArviZ works on, with the groups' labels as the coordinate ``group``.

        Parameters
        ----------
        draws, chains : int
            How many to make, where the posterior is not made of draws.
        rng : None, int, numpy.random.Generator or RStream
            For the predictions, and for the draws where they are made.

        Returns
        -------
        arviz.InferenceData, or xarray.DataTree with ArviZ 1.x
            Groups ``posterior`` (hyperparameters, ``theta``, ``theta_new``),
            ``posterior_predictive``, ``log_likelihood``, ``sample_stats`` (``lp``, the log
            posterior density of the hyperparameters in the model's coordinates), ``observed_data``
            and ``constant_data``.

        Raises
        ------
        ImportError
            If ArviZ is not installed.

        Examples
        --------
        >>> import pyhier as ph
        >>> schools = ph.load_dataset("eight_schools")
        >>> model = ph.NormalNormal(schools["y"], se=schools["sigma"], labels=schools["school"])
        >>> data = ph.exact(model).to_arviz(rng=1)
        >>> dict(data["posterior"].sizes)
        {'chain': 4, 'draw': 1000, 'group': 8}
        """
        generator = as_generator(rng, PREDICTION)
        drawn = self._in_chains(draws, chains, generator)
        return to_arviz(drawn, replicated(self.model, drawn.draws, generator))

    def to_mcmc(self, *, draws: int = 1_000, chains: int = 4, rng: RNG = None) -> "McmcList":
        """The draws as `pyhier.coda` keeps them: every one of ``names`` a variable.

        Parameters
        ----------
        draws, chains : int
            How many to make, where the posterior is not made of draws.
        rng : None, int, numpy.random.Generator or RStream

        Returns
        -------
        McmcList

        Examples
        --------
        >>> import pyhier as ph
        >>> from pyhier import coda
        >>> pumps = ph.load_dataset("pumps")
        >>> model = ph.PoissonGamma(pumps["failures"], pumps["khours"])
        >>> both = ph.rwmetrop(model, 1_000, chains=2, rng=1).to_mcmc()
        >>> coda.nchain(both), coda.niter(both), coda.varnames(both)[:3]
        (2, 1000, ('alpha', 'beta', 'mu'))
        """
        from pyhier.coda.convert import from_array

        drawn = self._in_chains(draws, chains, rng)
        return from_array(drawn.stacked(), drawn.names)

    @property
    def advice(self) -> str:
        """What to do about Monte Carlo error, in words."""
        return "These are no Markov chains: there is no convergence to wait for."


def _abstract(posterior: Posterior) -> NoReturn:
    raise TypeError(f"{type(posterior).__name__} must say how")
