"""The no-U-turn sampler on models: every parameterisation agrees with the exact posterior.

A small share of the campaign (`make campaign`), which has 200,000 draws of each and says what is
compared. Seeds are fixed; of the 3,000 comparisons here 0.3 would lie beyond by chance.
"""

import pytest
from campaign import CASES, MODELS, against, answer, worst

import pyhier as ph


@pytest.mark.parametrize(("name", "parameterization"), CASES)
def test_draws_are_the_exact_posterior(name, parameterization):
    model, rows = answer(name)
    draws = MODELS[name][2]
    post = ph.nuts(model, draws, 1_000, parameterization=parameterization, rng=7)
    assert post.phi.shape[:2] == (4, draws)
    assert worst(against(post, rows))[0] < 4.0, worst(against(post, rows))
