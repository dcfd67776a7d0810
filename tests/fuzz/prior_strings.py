"""Priors written as text: read as a distribution that is one, or refused by the option's name."""

import warnings
from typing import Any

import numpy as np
from hypothesis import strategies as st
from scipy import stats

import pyhier as ph
from pyhier.priors.grammar import MU_PRIORS, PAIR_PRIORS, SCALED, SPELLINGS, parse_prior
from pyhier.priors.tau import PRIOR_NAMES

FAMILIES = {"prior_tau": SCALED, "prior_mu": MU_PRIORS, "prior": PAIR_PRIORS}
HYPERPARAMETERS = {
    "prior_tau": ("mu", "tau"),
    "prior_mu": ("mu", "tau"),
    "prior": ("alpha", "beta"),
}

_numbers = st.one_of(
    st.sampled_from(
        ["0", "1", "5", "-1", "1e-8", "1e8", ".5", "5.", "+2", "1e308", "1e-308", "1e999"]
    ),
    st.sampled_from(
        ["nan", "inf", "", " ", "1_000", "0x10", "1,5", "\uff11", "²", "1e", "e5", "--1", "1j"]
    ),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
)
_words = [
    *SCALED,
    *MU_PRIORS,
    *PAIR_PRIORS,
    *SPELLINGS,
    *PRIOR_NAMES,
    "flat",
    "half-normal",
    "Half_T",
    "",
]
_names = st.one_of(st.sampled_from(_words), st.text(max_size=8))


@st.composite
def _call(draw: Any) -> str:
    """A name with arguments, some of them by name."""
    known = [*SCALED.values(), *MU_PRIORS.values()]
    if draw(st.integers(0, 3)):
        family = draw(st.sampled_from(known))
        name, count, keys = family.name, len(family.arguments), [*family.arguments, *family.instead]
    else:
        name, count, keys = draw(_names), draw(st.integers(0, 4)), ["mean", "rate", "scale", "x"]
    parts = []
    for _ in range(max(0, count + draw(st.sampled_from([0, 0, 0, 0, 1, -1])))):
        named = draw(st.sampled_from(["", "", "", *(f"{key}=" for key in keys)]))
        parts.append(named + draw(_numbers))
    ends = draw(st.sampled_from(["()", "()", "()", "()", "[]", "(", "(()"]))
    space = draw(st.sampled_from(["", " ", "\t", "\n"]))
    return f"{space}{name}{ends[:-1] or '('}{', '.join(parts)}{ends[-1]}{space}"


def texts() -> st.SearchStrategy[tuple[str, str]]:
    """An option and what is written for it."""
    text = st.one_of(_call(), _call(), _names, st.text(max_size=20))
    return st.tuples(st.sampled_from(sorted(FAMILIES)), text)


def check(example: tuple[str, str]) -> None:
    """A name that is known, a proper distribution, or a refusal that names the option."""
    option, text = example
    names = PRIOR_NAMES if option == "prior_tau" else ("flat",)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            prior = parse_prior(option, text, FAMILIES[option], names)
        except ValueError as error:
            if option not in str(error):
                raise
            return
    if isinstance(prior, str):
        assert prior in names
        return
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        try:
            means = [fitted(option, prior)[name].mean() for name in HYPERPARAMETERS[option]]
        except ValueError as error:
            if not str(error):
                raise
            return
    assert not np.isnan(means).any(), means


def fitted(option: str, prior: Any) -> Any:
    """The exact posterior under the prior, of four groups."""
    if option == "prior":
        given = {"eta": stats.beta(1, 1), "K": prior}
        return ph.exact(ph.BetaBinomial([3, 5, 9, 1], [10, 12, 20, 9], prior=given))
    other = {"prior_tau": {}, "prior_mu": {"prior_tau": stats.halfcauchy(scale=10)}}[option]
    return ph.exact(
        ph.NormalNormal([28, 8, -3, 7], se=[15, 10, 16, 11], **{option: prior}, **other)
    )
