"""Whether events in two arms keep means and spreads of effects and of risks from infinity.

Far out, tau = s^p and sigma = s^q with s large, a study's likelihood falls as s^-e: an arm with
people of both kinds holds its logit, one with people of one kind leaves it an end. e is linear in
(p, q) but for a bend at p = q, so that the posterior is proper along all these directions where it
is along (1, 0), (0, 1) and (1, 1).
"""

import numpy as np
from numpy.typing import NDArray

from pyhier._types import Floats
from pyhier.models.risk_priors import SPREADS, RiskPriors
from pyhier.models.separation import involved, separating

Columns = tuple[Floats, Floats, Floats, Floats]
HELD, NONE, ALL = range(3)  # an arm's people: of both kinds, without the event, with it
LEAST = 1e-6

# e along (1, 0), (0, 1) and (1, 1), by the kinds of both arms: where a_j is the middle of both
# logits, and where it is the second one.
_ALONE, _NEVER = (1, 1, 1), (0, 0, 0)
MIDDLE = {
    (HELD, HELD): (1, 1, 2),
    (NONE, NONE): (1, 0, 0),
    (ALL, ALL): (1, 0, 0),
    (NONE, ALL): (0, 1, 0),
    (ALL, NONE): (0, 1, 0),
}
SECOND = {
    (HELD, HELD): (1, 1, 2),
    (HELD, NONE): _ALONE,
    (HELD, ALL): _ALONE,
    (NONE, HELD): (0, 1, 1),
    (ALL, HELD): (0, 1, 1),
    (NONE, NONE): _NEVER,
    (ALL, ALL): _NEVER,
    (NONE, ALL): (0, 1, 0),
    (ALL, NONE): (0, 1, 0),
}


def kinds(y: Floats, size: Floats) -> NDArray[np.intp]:
    """Which kinds of people arms have."""
    return np.where(y == 0.0, NONE, np.where(y == size, ALL, HELD))


def falls(columns: Columns, coding: float) -> Floats:
    """By which powers the likelihood falls along the three directions, shape (3,)."""
    first, second = kinds(*columns[:2]), kinds(*columns[2:])
    if coding == 0.0:  # the first arm's logit: the arms in each other's place
        first, second = second, first
    table = MIDDLE if coding == 0.5 else SECOND
    found = [table.get(pair, _ALONE) for pair in zip(first.tolist(), second.tolist(), strict=True)]
    total: Floats = np.array(found, dtype=np.float64).sum(axis=0)
    return total


def tail_exponents(columns: Columns, coding: float, prior: RiskPriors, scales: Floats) -> Floats:
    """Exponents with which log tau and log sigma fall off on both sides, shape (2, 2)."""
    powers = np.array(
        [one.structure(*ends).powers for one, ends in zip(prior.resolved, scales, strict=True)]
    )
    own = powers[:, 1] - 1.0 - np.array(prior.flat, dtype=np.float64)
    tau, sigma, both = falls(columns, coding) + np.array([own[0], own[1], own.sum()])
    right = [min(tau, both), min(sigma, both)]
    return np.column_stack([powers[:, 0] + 1.0, right])


def _mend(spread: str) -> str:
    return f"prior_{spread}=scipy.stats.halfnorm(scale=1)"


def why_improper(
    columns: Columns, coding: float, prior: RiskPriors, tails: Floats, sized: str
) -> str:
    """Why the posterior is improper and what mends it; empty where it is proper."""
    if why := _why_no_mean(columns, coding, prior):
        return why
    for k, spread in enumerate(SPREADS):
        left, right = tails[k]
        if left > LEAST and right > LEAST:
            continue
        where = f"{spread} = 0" if left <= LEAST else f"large {spread}"
        return (
            f"the posterior of {sized} is improper under the {prior.resolved[k].name} prior of "
            f"{spread}: it has infinite mass at {where}, as too few studies have people with and "
            f"without the event in both arms; give a proper prior, such as {_mend(spread)}"
        )
    return ""


def _why_no_mean(columns: Columns, coding: float, prior: RiskPriors) -> str:
    """Why nothing keeps mu and alpha from infinity; empty where something does."""
    every = np.concatenate([kinds(*columns[:2]), kinds(*columns[2:])])
    studies = every.size // 2
    x = np.column_stack([np.repeat([coding, coding - 1.0], studies), np.ones(every.size)])
    root = prior.normal[1]
    names = ("mu", "alpha")
    direction = separating(x, every == HELD, every == ALL, every == NONE, np.diag(root)[root > 0.0])
    if direction is None:
        return ""
    moved = [name for name in involved(direction, x, names) if prior.flat[names.index(name)]]
    name = moved[0] if moved else names[0]
    return (
        f"the posterior is improper under the flat prior of {' and '.join(moved)}: no arm has "
        "people with the event and without it who would keep the logits from infinity; give a "
        f"proper prior, such as prior_{name}=scipy.stats.norm(0, 2)"
    )
