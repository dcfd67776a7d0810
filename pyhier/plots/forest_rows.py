"""What the rows of a forest say: the groups' numbers, what they are pooled to, blocks and order."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pyhier._types import Floats, Ints
from pyhier._validation import check_level, entries_of
from pyhier.classical.coefficients import half_width
from pyhier.classical.meta_regression import FIXED, MetaRegression
from pyhier.classical.random_effects import RandomEffects, random_effects
from pyhier.models.beta_binomial import BetaBinomial
from pyhier.models.counts import CountModel
from pyhier.models.normal_normal import NormalNormal
from pyhier.models.requirements import need_groups
from pyhier.plots.style import Groups, groups_of
from pyhier.posterior.base import Posterior

ORDERS = ("estimate", "precision", "label")
MEANS = ("mu", "eta")  # what models call the mean of their groups' effects
RESULTS = "a posterior, such as ph.exact(model), or a result of ph.random_effects(model)"


@dataclass(frozen=True)
class Estimates:
    """A point and an interval for each row; NaN where there is none."""

    middle: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class Pooled:
    """What groups are pooled to.

    Attributes
    ----------
    label : str
    middle, low, high : float
    new : tuple of float
        Interval of a new group's effect; None where there is none.
    """

    label: str
    middle: float
    low: float
    high: float
    new: tuple[float, float] | None


@dataclass(frozen=True)
class Source:
    """What a posterior or a classical result has to say, a row a group.

    Attributes
    ----------
    labels : tuple of str
    raw, pooled : Estimates
        Of each group by itself, and among the others.
    precision : ndarray
        Inverse variances of the raw estimates; 0 where there is no estimate.
    word, rates : str
        What an effect is; and where it is a probability or a rate, so that no transform makes it
        one, which of them.
    total : Pooled or None
    """

    labels: tuple[str, ...]
    raw: Estimates
    pooled: Estimates
    precision: Floats
    word: str
    rates: str
    total: Pooled | None


@dataclass(frozen=True)
class Block:
    """Groups under one heading, in the order in which they are drawn; without one, all of them."""

    name: str | None
    at: Ints
    pooled: Pooled | None


def source_of(result: object, level: float, effect: str | None) -> Source:
    """The groups of a posterior or of a classical result."""
    check_level(level)
    if isinstance(result, Posterior):
        return _of_posterior(result, level, effect)
    if isinstance(result, RandomEffects | MetaRegression):
        if effect is not None:
            raise ValueError(f"effect is {effect!r}: each group has one; leave it out")
        return _of_classical(result, level)
    raise TypeError(f"posterior is a {type(result).__name__}: plots.forest takes {RESULTS}")


def _of_posterior(posterior: Posterior, level: float, effect: str | None) -> Source:
    need_groups("plots.forest", posterior.model)
    if posterior.group_means() is None:
        raise ValueError("the group effects were not drawn: ask the engine for theta=True")
    groups = groups_of(posterior, effect)
    own, se = (both[groups.at] for both in posterior.model.estimates())
    tail = 0.5 * (1.0 - level)
    rows = {name: row for row, name in enumerate(posterior.names)}
    at = [rows[f"theta[{label}]"] for label in posterior.model.labels[groups.at]]
    columns = list(posterior.columns((tail, 0.5, 1.0 - tail)).values())[-3:]
    low, middle, high = (column[at] for column in columns)
    return Source(
        groups.labels, _raw(own, se, level), Estimates(middle, low, high), _precision(se),
        groups.word, _rates(posterior.model), pooled_by_posterior(posterior, level, groups),
    )  # fmt: skip


def _rates(model: object) -> str:
    """Whether effects are probabilities or rates, and which of them."""
    if not isinstance(model, CountModel):
        return ""
    return "probabilities" if isinstance(model, BetaBinomial) else "rates"


def pooled_by_posterior(posterior: Posterior, level: float, groups: Groups) -> Pooled | None:
    """Median and interval of the groups' mean, and the interval of a new group's effect."""
    own = f"[{groups.new.removeprefix('theta_new[').removesuffix(']')}]"
    names = (*MEANS, *(f"{head}{own}" for head in ("mu", "beta") if groups.new != "theta_new"))
    name = next((name for name in names if name in posterior.names), None)
    if name is None:  # with covariates there is no one mean
        return None
    tail = 0.5 * (1.0 - level)
    low, middle, high = map(float, posterior[name].ppf([tail, 0.5, 1.0 - tail]))
    new = posterior[groups.new].interval(level)
    return Pooled("Mean of groups", middle, low, high, (float(new[0]), float(new[1])))


def _of_classical(fit: RandomEffects | MetaRegression, level: float) -> Source:
    model = fit.model
    need_groups("plots.forest", model)
    half = half_width("z", 1, level) * fit.theta_se
    return Source(
        tuple(model.labels), _raw(model.y, model.se, level),
        Estimates(fit.theta, fit.theta - half, fit.theta + half), _precision(model.se),
        "effect", "", pooled_by_fit(fit, level) if isinstance(fit, RandomEffects) else None,
    )  # fmt: skip


def pooled_by_fit(fit: RandomEffects, level: float) -> Pooled:
    """The mean with its intervals; a mean without heterogeneity says nothing of a new group."""
    fixed = fit.method in FIXED
    label = "Common effect" if fixed else f"Random effects ({fit.method})"
    new = None if fixed else fit.prediction_interval(level)
    return Pooled(label, fit.mu, *fit.interval(level), new)


def _raw(own: Floats, se: Floats, level: float) -> Estimates:
    half = half_width("z", 1, level) * se
    known = np.isfinite(own) & np.isfinite(half)  # a group without trials has no estimate
    middle, half = np.where(known, own, np.nan), np.where(known, half, np.nan)
    return Estimates(middle, middle - half, middle + half)


def _precision(se: Floats) -> Floats:
    """Inverse variances over the largest one: their squares need not be doubles."""
    known = np.isfinite(se) & (se > 0.0)
    least = se[known].min() if known.any() else 1.0
    relative: Floats = np.zeros(se.size)
    relative[known] = (least / se[known]) ** 2
    return relative


def total_of(source: Source, pooled: object, level: float) -> Pooled | None:
    """What all groups are pooled to: by the source itself, by another result, or not at all."""
    if pooled is False:
        return None
    if pooled is None or pooled is True:
        return source.total
    return pooled_by("pooled", pooled, level)


def pooled_by(name: str, result: object, level: float) -> Pooled:
    """What a result pools its groups to."""
    if isinstance(result, RandomEffects):
        return pooled_by_fit(result, level)
    if not isinstance(result, Posterior):
        raise TypeError(f"{name} is a {type(result).__name__}: give {RESULTS}")
    found = pooled_by_posterior(result, level, groups_of(result))
    if found is None:
        raise ValueError(f"{name} is of a model with covariates: its groups have no one mean")
    return found


def ordered(source: Source, order: object) -> Ints:
    """The groups in the order in which they are drawn."""
    everything = np.arange(len(source.labels))
    if order is None:
        return everything
    if isinstance(order, str) and order in ORDERS:
        keys = {"estimate": source.raw.middle, "precision": -source.precision}
        key = keys.get(order)
        if key is None:
            return np.array(sorted(everything, key=source.labels.__getitem__))
        return np.argsort(key, kind="stable")
    names = listed("order", order)
    if sorted(names) != sorted(source.labels):
        wrong = next((name for name in names if name not in source.labels), None)
        why = f"no group is {wrong!r}" if wrong else "it must name each group once"
        raise ValueError(f"order is {_short(order)}: give one of {ORDERS} or all labels; {why}")
    place = {label: j for j, label in enumerate(source.labels)}
    return np.array([place[name] for name in names])


def listed(name: str, value: object) -> list[str]:
    """Entries as strings."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise TypeError(f"{name} is {_short(value)}: give a sequence with an entry for each group")
    return [str(entry) for entry in entries_of(value)]


def each_listed(name: str, value: Any, labels: Sequence[str]) -> list[str]:
    """As many strings as there are groups; of a column with an index, the labels' own one."""
    found = listed(name, value)
    if len(found) != len(labels):
        raise ValueError(f"{name} has {len(found)} entries: there are {len(labels)} groups")
    index = [str(entry) for entry in getattr(value, "index", ())] if hasattr(value, "loc") else []
    if index != list(labels) and sorted(index) == sorted(labels):
        raise ValueError(f"{name} is indexed by the groups in another order: align it to the model")
    return found


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def blocks_of(
    source: Source, result: object, by: object, order: Ints, subtotals: object, level: float
) -> list[Block]:
    """The groups under the headings that ``by`` gives each, in order of their first appearance."""
    if by is None:
        if subtotals is not None:
            raise ValueError("subtotals is of blocks: say by= which block each group is in")
        return [Block(None, order, None)]
    kinds = np.array(each_listed("by", by, source.labels), dtype=object)
    names = list(dict.fromkeys(kinds.tolist()))
    totals = _subtotals(result, kinds, names, subtotals, level)
    return [Block(name, order[kinds[order] == name], totals.get(name)) for name in names]


def _subtotals(
    result: object, kinds: Any, names: list[str], subtotals: object, level: float
) -> dict[str, Pooled]:
    """What each block is pooled to: a classical result is fitted again to each of two and more."""
    if subtotals is False:
        return {}
    if isinstance(subtotals, Mapping):
        given = {str(name): one for name, one in subtotals.items()}
        if unknown := next((name for name in given if name not in names), None):
            raise ValueError(f"subtotals has {unknown!r}: the blocks are {', '.join(names)}")
        fits = {name: pooled_by(f"subtotals[{name!r}]", one, level) for name, one in given.items()}
    elif subtotals is not None and subtotals is not True:
        raise TypeError(
            f"subtotals is {_short(subtotals)}: give a mapping of the blocks' names to results"
        )
    elif isinstance(result, RandomEffects):
        fits = {
            name: pooled_by_fit(_refitted(result, kinds == name), level)
            for name in names
            if (kinds == name).sum() > 1
        }
    elif subtotals is True:
        raise ValueError(
            "subtotals is True, which is for a result of ph.random_effects: fit each block's "
            "model, and give subtotals={block: posterior}"
        )
    else:
        fits = {}
    return {name: replace(one, new=None) for name, one in fits.items()}


def _refitted(fit: RandomEffects, kept: Any) -> RandomEffects:
    model = fit.model
    if model.correlated:
        raise ValueError(
            "subtotals of estimates that are correlated (cov=) must be given: fit each block's "
            "model, or say subtotals=False"
        )
    part = NormalNormal(model.y[kept], se=model.se[kept])
    test: Any = fit.test
    refit: RandomEffects = random_effects(part, fit.method, test)
    return refit
