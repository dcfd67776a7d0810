"""The same data under other priors: how much of a conclusion is the prior's."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyhier._validation import function, probability_list
from pyhier.inference.exact import exact
from pyhier.models.interface import Model
from pyhier.models.requirements import need_model
from pyhier.posterior.base import Posterior
from pyhier.posterior.summaries import PROBS

if TYPE_CHECKING:
    import pandas as pd

Priors = Mapping[str, Mapping[str, Any]] | Iterable[Mapping[str, Any]]


@dataclass(frozen=True)
class Sensitivity:
    """The posteriors of the same data under several priors.

    Attributes
    ----------
    posteriors : dict of str to Posterior
        By the priors' names.
    table : DataFrame
        Their summaries, one below the other: index levels ``prior`` and ``quantity``, columns
        ``mean``, ``sd`` and the quantiles. ``table.xs("tau", level="quantity")`` is one quantity
        under all priors.
    """

    posteriors: Mapping[str, Posterior]
    table: "pd.DataFrame"

    def __repr__(self) -> str:
        return f"Sensitivity to {len(self.posteriors)} priors: {', '.join(self.posteriors)}"


def sensitivity(
    model: Model,
    priors: Priors,
    engine: Callable[[Model], Posterior] = exact,
    *,
    probs: Sequence[float] = PROBS,
) -> Sensitivity:
    """Fit a model's data under several priors.

    Parameters
    ----------
    model : Model
        Its own prior does not count, unless it is among them.
    priors : mapping of str to dict, or sequence of dict
        Each the prior arguments of the model's class, such as ``{"prior_tau": "jeffreys"}`` or
        ``{"prior": "betabinexch"}``; what one leaves out stays as in the model. A mapping gives
        them names.
    engine : callable
        Makes a posterior of a model, such as ``lambda model: ph.rwmetrop(model, 10_000, rng=1)``.
    probs : sequence of float
        The quantiles' probabilities.

    Returns
    -------
    Sensitivity

    Raises
    ------
    ValueError, TypeError
        If a prior cannot be used, saying which.

    Examples
    --------
    >>> import pyhier as ph
    >>> from scipy import stats
    >>> schools = ph.load_dataset("eight_schools")
    >>> model = ph.NormalNormal(schools["y"], se=schools["sigma"], labels=schools["school"])
    >>> found = ph.sensitivity(model, [
    ...     {"prior_tau": "uniform"},
    ...     {"prior_tau": stats.halfcauchy(scale=5)},
    ... ])
    >>> found.table.xs("tau", level="quantity")["mean"].round(3)
    prior
    prior_tau=uniform                6.575
    prior_tau=halfcauchy(scale=5)    3.634
    Name: mean, dtype: float64
    """
    import pandas as pd

    need_model("sensitivity", model)
    function("engine", engine, "a model, such as ph.exact")
    wanted = probability_list("probs", probs).tolist()
    posteriors = {}
    for name, arguments in _named(priors).items():
        try:
            posterior = engine(model.with_prior(**arguments))
        except (ValueError, TypeError) as error:
            raise type(error)(f"under the prior {name!r}: {error}") from error
        if not isinstance(posterior, Posterior):
            raise TypeError(
                f"engine returned a {type(posterior).__name__}: it must return a posterior, such "
                "as lambda model: ph.laplace(model).sample(10_000, rng=1)"
            )
        posteriors[name] = posterior
    tables = {name: posterior.summary(wanted) for name, posterior in posteriors.items()}
    table = pd.concat(tables, names=["prior"])
    table.index = table.index.set_names(["prior", "quantity"])
    return Sensitivity(posteriors, table)


def _named(priors: Priors) -> dict[str, Mapping[str, Any]]:
    """The arguments by name; those of a sequence are named by what they say."""
    if isinstance(priors, str) or not isinstance(priors, Iterable):
        raise TypeError(f"priors is {priors!r}: give a sequence of dicts, or a mapping of names")
    if isinstance(priors, Mapping):
        named = {str(name): arguments for name, arguments in priors.items()}
        listed = list(named.items())
    else:
        listed = [(_describe(arguments), arguments) for arguments in priors]
        named = dict(listed)
    if not listed:
        raise ValueError("priors is empty: give at least one")
    if len(named) < len(listed):
        names = [name for name, _ in listed]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"two priors are called {twice!r}: give a mapping of names to them")
    for name, arguments in listed:
        if not isinstance(arguments, Mapping):
            raise TypeError(
                f"priors: prior {name!r} is {arguments!r}: give a dict of the model's "
                "prior arguments, such as {'prior_tau': 'jeffreys'} or {'prior': 'betabinexch'}"
            )
    return named


def _describe(value: Any) -> str:
    """A prior in words: arguments of a model, a distribution, a name or a function."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={_describe(part)}" for name, part in value.items())
    if hasattr(value, "dist") and hasattr(value, "kwds"):
        parts = [f"{x:g}" for x in value.args]
        parts += [f"{name}={x:g}" for name, x in value.kwds.items()]
        return f"{value.dist.name}({', '.join(parts)})"
    if value is None:
        return "flat"
    return str(getattr(value, "__name__", value))
