"""The same data under several priors, in one table."""

import numpy as np
import pytest
from scipy import stats

import pyhier as ph


@pytest.fixture
def model(schools):
    return ph.NormalNormal(
        schools["y"], se=schools["sigma"], labels=schools["school"], prior_mu=stats.norm(0, 5)
    )


PRIORS = {
    "half-Cauchy": {"prior_tau": stats.halfcauchy(scale=5)},
    "half-normal": {"prior_tau": stats.halfnorm(scale=5)},
    "flat mu": {"prior_mu": None, "prior_tau": "uniform"},
}


def test_the_table_is_the_summaries(model):
    found = ph.sensitivity(model, PRIORS)
    assert repr(found) == "Sensitivity to 3 priors: half-Cauchy, half-normal, flat mu"
    assert list(found.table.index.names) == ["prior", "quantity"]
    # E[tau] by 30-digit quadrature for the first two; the third is the standard fit.
    tau = found.table.xs("tau", level="quantity")["mean"]
    np.testing.assert_allclose(tau, [3.597705484, 3.290366660, 6.5754833467], rtol=1e-9)
    for name, posterior in found.posteriors.items():
        np.testing.assert_array_equal(found.table.loc[name], posterior.summary())


def test_counts_and_any_engine():
    rats = ph.load_dataset("rat_tumors")
    model = ph.BetaBinomial(rats["tumors"], rats["rats"])
    found = ph.sensitivity(
        model,
        [{"prior": "bda3"}, {"prior": "betabinexch"}, {"prior": {"eta": stats.uniform(),
                                                                "K": stats.lognorm(1, scale=10)}}],
        engine=lambda m: ph.laplace(m).sample(2_000, rng=1),
        probs=(0.5,),
    )  # fmt: skip
    assert list(found.posteriors) == [
        "prior=bda3",
        "prior=betabinexch",
        "prior=eta=uniform(), K=lognorm(1, scale=10)",
    ]
    assert list(found.table.columns) == ["mean", "sd", "50%"]
    assert len(found.table) == 3 * len(found.posteriors["prior=bda3"].names)


def test_what_is_not_given_stays(model):
    assert repr(model.with_prior(prior_tau="jeffreys")).endswith("mu normal(0, 5), tau jeffreys")
    assert repr(model.with_prior()) == repr(model)
    joint = model.with_prior(prior=ph.NormalInvChi2(0, 0.1, 0.1, 100))
    assert repr(joint).endswith("prior normal-inverse-chi-squared")
    assert repr(joint.with_prior()) == repr(joint)
    assert repr(joint.with_prior(prior_tau="jeffreys")).endswith("mu flat, tau jeffreys")
    poisson = ph.PoissonGamma([1, 2, 0], [1.0, 1.0, 2.0], z0=0.5)
    assert poisson.with_prior().z0 == 0.5
    assert (poisson.with_prior(z0=2.0).z0, poisson.with_prior(z0=2.0).prior) == (
        2.0,
        "poissgamexch",
    )
    binomial = ph.BetaBinomial([1, 2, 0], [4, 5, 4], prior="betabinexch")
    assert binomial.with_prior().prior == "betabinexch"


@pytest.mark.parametrize(
    ("priors", "error", "message"),
    [
        ([], ValueError, "priors is empty"),
        ({"a": {"prior_tau": "no"}}, ValueError, "under the prior 'a': prior_tau is 'no'"),
        ({"a": {"prior": 3}}, TypeError, "under the prior 'a': prior is 3"),
        (["uniform"], TypeError, "prior 'uniform' is 'uniform': give a dict"),
        ([{"prior_tau": "sqrt"}, {"prior_tau": "sqrt"}], ValueError, "two priors are called"),
    ],
)
def test_bad_priors(model, priors, error, message):
    with pytest.raises(error, match=message):
        ph.sensitivity(model, priors)


def test_engines_that_return_no_posterior(model):
    with pytest.raises(TypeError, match=r"laplace\(model\).sample"):
        ph.sensitivity(model, PRIORS, engine=ph.laplace)
