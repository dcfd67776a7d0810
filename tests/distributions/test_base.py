"""Every marginal of every engine speaks all of scipy.stats' functions."""

import numpy as np
import pytest

import pyhier as ph
from pyhier.distributions.base import Marginal

FUNCTIONS = ("pdf", "logpdf", "cdf", "logcdf", "sf", "logsf")


@pytest.fixture(scope="module")
def model():
    schools = ph.load_dataset("eight_schools")
    from scipy import stats

    return ph.NormalNormal(
        schools["y"], se=schools["sigma"], prior_mu=stats.norm(0, 10),
        prior_tau=stats.halfnorm(scale=8),
    )  # fmt: skip


ENGINES = {
    "exact": ph.exact,
    "grid": ph.grid,
    "importance": lambda m: ph.importance(m, 2_000, rng=1),
    "rwmetrop": lambda m: ph.rwmetrop(m, 2_000, rng=1),
    "empirical_bayes": ph.empirical_bayes,
    "given": lambda m: ph.given(m, mu=4.0, tau=3.0),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["mu", "tau", "theta[1]", "theta_new"])
def test_every_function_is_there(model, engine, name):
    marginal = ENGINES[engine](model)[name]
    assert isinstance(marginal, Marginal)
    middle, width = marginal.median(), marginal.std()
    if not width > 0.0:
        return  # a point: its density is no number
    x = np.array([middle - 0.3 * width, middle + 0.2 * width])
    values = {function: getattr(marginal, function)(x) for function in FUNCTIONS}
    for function in ("pdf", "cdf", "sf"):
        np.testing.assert_allclose(np.exp(values[f"log{function}"]), values[function], rtol=1e-9)
    np.testing.assert_allclose(values["cdf"] + values["sf"], 1.0, atol=1e-12)
    np.testing.assert_allclose(marginal.isf([0.2, 0.6]), marginal.ppf([0.8, 0.4]), rtol=1e-9)
    low, high = marginal.support
    assert low <= marginal.mode() <= high
    assert marginal.pdf(marginal.mode()) >= 0.999 * marginal.pdf(x).max()


@pytest.mark.parametrize("engine", ["grid", "importance"])
def test_evidence_of_every_engine_that_has_one(model, engine):
    found, exact = ENGINES[engine](model), ph.exact(model).log_evidence
    # The grid leaves out the part below 1e-7 of the mode's height; weights have an error of 2%.
    assert found.log_evidence == pytest.approx(exact, abs={"grid": 1e-3, "importance": 0.1}[engine])


@pytest.mark.parametrize("engine", ["rwmetrop", "empirical_bayes", "given"])
def test_no_evidence_is_an_error_that_says_who_has_it(model, engine):
    with pytest.raises(ValueError, match=r"does not know the evidence: take exact\(model\)"):
        _ = ENGINES[engine](model).log_evidence


def test_no_evidence_under_an_improper_prior():
    model = ph.NormalNormal([1.0, 2.0, 4.0, 8.0], se=[1.0] * 4)
    with pytest.raises(ValueError, match="no evidence under the flat prior of mu"):
        _ = ph.grid(model, limits=[(-5, 12), (-3, 4)]).log_evidence


def test_probabilities_are_checked_in_one_place():
    """By ppf and isf of the base: a marginal gives its quantiles and no check of its own."""

    def below(kind):
        return [kind, *(more for sub in kind.__subclasses__() for more in below(sub))]

    kinds = below(Marginal)[1:]
    assert len(kinds) >= 7
    for kind in kinds:
        assert not {"ppf", "isf"} & set(vars(kind)), kind


def test_no_probability_is_above_one():
    """Sums of many panels' masses were an ulp more."""
    rng = np.random.default_rng(0)
    for _ in range(4):
        trials = rng.integers(5, 60, 6)
        y = rng.binomial(trials, rng.beta(2, 5, 6))
        posts = (
            ph.exact(ph.BetaBinomial(y, trials)),
            ph.exact(ph.PoissonGamma(y, trials.astype(float))),
            ph.exact(ph.NormalNormal(y.astype(float), se=trials / 9)),
        )
        for post in posts:
            for name in ("eta", "K", "mu", "alpha", "tau", "theta[1]", "theta_new"):
                if name not in post.names:
                    continue
                marginal = post[name]
                sure = marginal.sf([0.0, -1e3]), marginal.cdf([1e300, marginal.isf(1e-16)])
                assert (np.concatenate(sure) <= 1.0).all()
                assert post.probability(f"{name} > -1e5") <= 1.0
