"""The no-U-turn sampler on models: every parameterisation agrees with the exact posterior.

A small share of the campaign (`make campaign`), which has 200,000 draws of each and says what is
compared. Seeds are fixed; of the 3,000 comparisons here 0.3 would lie beyond by chance.
"""

import pytest
from campaign import CASES, MODELS, against, answer, worst
from scipy import stats

import pyhier as ph


@pytest.mark.parametrize(("name", "parameterization"), CASES)
def test_draws_are_the_exact_posterior(name, parameterization):
    model, rows = answer(name)
    draws = MODELS[name][2]
    post = ph.nuts(model, draws, 500, parameterization=parameterization, rng=17)
    assert post.phi.shape[:2] == (4, draws)
    assert worst(against(post, rows))[0] < 4.0, worst(against(post, rows))


@pytest.mark.parametrize("se", [1e-8, 1e-4])
def test_chains_that_never_met_are_refused(se):
    """Groups known to 8 digits beside an outlier: non-centred the ridge is too narrow."""
    y = [0.3, 0.1, -0.2, 0.5, 0.2, -0.1, 0.05, 40.0]
    model = ph.NormalNormal(y, se=[se] * 8, prior_tau=stats.halfnorm(scale=5))
    with pytest.raises(ValueError, match="have not met.*take parameterization='centred' or 'marg"):
        ph.nuts(model, 200, 200, 4, parameterization="non-centred", rng=1)
    exact = ph.exact(model)["tau"]
    for kind in ("centred", "marginal"):
        found = ph.nuts(model, 500, 500, 4, parameterization=kind, rng=1)["tau"].mean()
        assert abs(found - exact.mean()) < 0.2 * exact.std()
