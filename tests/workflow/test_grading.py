"""Grading: right posteriors pass, wrong ones fail and are told how; errors are those stated."""

import pickle

import numpy as np
import pytest
from scipy import stats

import pyhier as ph
from pyhier.posterior import DrawsPosterior

PRIORS = {"prior_mu": stats.norm(0, 5), "prior_tau": stats.halfnorm(scale=5)}


def schools(**priors):
    d = ph.load_dataset("eight_schools")
    return ph.NormalNormal(d["y"], se=d["sigma"], labels=d["school"], **priors)


@pytest.fixture(scope="module")
def known():
    return ph.exact(schools(**PRIORS))


# --- Eight schools, centred or not ----------------------------------------------------------------


def test_non_centred_is_right(known):
    found = ph.grade(ph.nuts(known.model, rng=1), known)
    assert found.right
    assert found.verdict.startswith("right to Monte Carlo error: of 77 figures")
    exact = found.table["exact"]
    assert exact["tau", "mean"] == pytest.approx(3.290366660, abs=1e-8)
    assert exact["mu", "mean"] == pytest.approx(4.441369516, abs=1e-8)
    assert abs(found.table.loc[("tau", "mean"), "off"]) < 0.05


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_centred_diverges_and_is_biased(known, seed):
    found = ph.grade(ph.nuts(known.model, parameterization="centred", rng=seed), known)
    assert not found.right
    assert found.divergences > 20
    assert "wrong: " in found.verdict
    assert f"{found.divergences} of 4000 trajectories diverged" in found.verdict
    assert found.table.loc[("tau", "mean"), "off"] > 0.0  # the neck of the funnel is not reached
    assert found.distances["distance"].idxmax() == "tau"


# --- Every engine ---------------------------------------------------------------------------------

RIGHT = {
    "exact": lambda m: ph.exact(m),
    "draws of exact": lambda m: ph.exact(m).to_draws(5_000, 1),
    "nuts": lambda m: ph.nuts(m, parameterization="marginal", rng=2),
    "rwmetrop": lambda m: ph.rwmetrop(m, 5_000, chains=4, rng=1),
    "importance": lambda m: ph.importance(m, 4_000, rng=1),
    "sir": lambda m: ph.sir(m, 4_000, rng=1),
    "rejection": lambda m: ph.rejection(m, 2_000, rng=1),
}
WRONG = {
    "laplace": lambda m: ph.laplace(m),
    "mean-field": lambda m: ph.vi(m, parameterization="centred", rng=1),
    "full-rank": lambda m: ph.vi(m, "full-rank", parameterization="non-centred", rng=1),
    "coarse grid": lambda m: ph.grid(m, 25),
    "empirical Bayes": lambda m: ph.empirical_bayes(m),
    "given": lambda m: ph.given(m, mu=4.0, tau=3.0),
}


@pytest.mark.parametrize("engine", RIGHT)
def test_right_engines(known, engine):
    found = ph.grade(RIGHT[engine](known.model), known, names=["mu", "tau", "theta[A]"])
    assert found.right, found.verdict
    assert len(found.table) == 21


@pytest.mark.parametrize("engine", WRONG)
@pytest.mark.filterwarnings("ignore:.*points:RuntimeWarning")
def test_approximations_are_told_apart(known, engine):
    found = ph.grade(WRONG[engine](known.model), known, names=["mu", "tau", "theta[A]"])
    assert not found.right
    assert found.verdict.startswith("wrong: the ")
    assert found.distances["distance"].max() > 0.01


def test_collapse_of_mean_field():
    """The table of the values: sd(mu) 1.828 for 3.318."""
    model = schools(prior_mu=stats.norm(0, 5), prior_tau=stats.halfcauchy(scale=5))
    found = ph.grade(ph.vi(model, parameterization="centred", rng=1)).table
    assert found.loc[("mu", "sd"), "value"] == pytest.approx(1.828, abs=6e-4)
    assert found.loc[("mu", "sd"), "exact"] == pytest.approx(3.317704463, abs=1e-8)
    assert found.loc[("mu", "sd"), "mcse"] == 0.0
    assert found.loc[("tau", "mean"), "value"] == pytest.approx(6.061, abs=6e-4)


def test_other_models():
    pumps = ph.load_dataset("pumps")
    model = ph.PoissonGamma(pumps["failures"], pumps["khours"])
    assert ph.grade(ph.nuts(model, parameterization="centred", rng=2)).right
    regression = ph.NormalNormal(
        [1.0, 2.0, 4.0, 4.5], se=[1.0, 0.5, 1.0, 2.0], X=[0.0, 1.0, 2.0, 3.0],
        prior_tau=stats.halfnorm(scale=1),
    )  # fmt: skip
    assert ph.grade(ph.nuts(regression, draws=4000, rng=1)).right


# --- Small mistakes -------------------------------------------------------------------------------


def changed(known, change, n=20_000):
    drawn = known.to_draws(n, 5)
    phi = np.array(drawn.phi)
    phi[..., 0] = change(phi[..., 0], phi[..., 0].mean())
    return DrawsPosterior(known.model, phi, drawn.theta, drawn.theta_new)


@pytest.mark.parametrize(
    ("change", "right"),
    [
        (lambda x, m: x, True),
        (lambda x, m: x + 0.15, False),  # 0.05 sds
        (lambda x, m: m + 1.04 * (x - m), False),
        (lambda x, m: np.clip(x, -1.0, None), False),  # a tail is missing
        (lambda x, m: np.where(x < 0.0, 0.7 * x, x), False),
    ],
)
def test_small_mistakes_of_20000_draws(known, change, right):
    assert ph.grade(changed(known, change), known, names=["mu"]).right == right


def test_a_tail_that_was_never_reached_has_an_error(known):
    """No draw below a quantile: its share does not vary, and its error is not 0 for that."""
    cut = changed(known, lambda x, m: np.maximum(x, 0.0), 400)
    row = ph.grade(cut, known, names=["mu"]).table.loc[("mu", "2.5%")]
    assert row["mcse"] > 0.05
    assert row["z"] > 4.0


def test_false_alarms(known):
    """A right posterior is called wrong with chance 2% at most, by its figures or distances."""
    alarms = sum(
        not ph.grade(known.to_draws(500, seed), known, names=["mu", "tau"]).right
        for seed in range(100)
    )
    assert alarms <= 7  # of a mean of at most 2, exceeded with chance 1e-3


def replicates(make, known, n):
    """The sd of the figures over runs with other seeds, by the error that they state."""
    given = {"names": ["mu", "tau"], "probs": [0.25, 0.5, 0.75]}
    tables = [ph.grade(make(seed), known, **given).table for seed in range(n)]
    values = np.array([table["value"] for table in tables])
    return values.std(axis=0, ddof=1) / np.mean([table["mcse"] for table in tables], axis=0)


def test_errors_are_as_large_as_stated(known):
    """The sd over 200 runs beside the error that each states: an sd of 200 is known to 5%."""
    ratio = replicates(lambda seed: known.to_draws(1_000, seed), known, 200)
    np.testing.assert_allclose(ratio, 1.0, atol=0.2)


def test_errors_of_chains_are_as_large_as_stated(known):
    """Of 80 runs, known to 8%."""
    chains = replicates(lambda seed: ph.nuts(known.model, rng=seed), known, 80)
    np.testing.assert_allclose(chains, 1.0, atol=0.32)


# --- Edges ----------------------------------------------------------------------------------------


def test_the_transform_is_uniform(known):
    found = ph.grade(known.to_draws(4_000, 3), known)
    u = found.pit("tau")
    assert u.shape == (1, 4_000)
    assert stats.kstest(u.ravel(), "uniform").statistic == pytest.approx(
        found.distances.loc["tau", "distance"], rel=1e-9
    )
    assert stats.kstest(u.ravel(), "uniform").pvalue == pytest.approx(
        found.distances.loc["tau", "p"], rel=0.02
    )  # Kolmogorov's limit beside the exact law
    with pytest.raises(ValueError, match="mu is not known by draws"):
        ph.grade(ph.vi(known.model, rng=1), known, names=["mu"]).pit("mu")


def test_moments_that_do_not_exist_are_left_out():
    """Three groups under a flat prior: tau and mu have no mean."""
    model = ph.NormalNormal([1.0, 3.0, 8.0], se=[1.0, 1.0, 1.0])
    found = ph.grade(ph.exact(model).to_draws(2_000, 1))
    assert "mean" not in found.table.loc["tau"].index
    assert list(found.table.loc["mu"].index) == ["2.5%", "25%", "50%", "75%", "97.5%"]
    assert np.isfinite(found.table["off"]).all()
    assert not ph.grade(ph.given(model, mu=4.0, tau=3.0), names=["mu"]).right


@pytest.mark.parametrize("unit", [1e-8, 1e8])
def test_units_do_not_matter(unit):
    y, se = np.array([28.0, 8.0, -3.0, 7.0]), np.array([15.0, 10.0, 16.0, 11.0])
    tables = [
        ph.grade(ph.vi(ph.NormalNormal(
            u * y, se=u * se, prior_mu=stats.norm(0, 5 * u), prior_tau=stats.halfnorm(scale=5 * u)
        ), rng=1), names=["mu", "tau"]).table["off"] for u in (1.0, unit)
    ]  # fmt: skip
    np.testing.assert_allclose(tables[0], tables[1], atol=1e-4)


def test_it_pickles_and_is_frozen(known):
    found = ph.grade(known.to_draws(500, 1), known, names=["mu"])
    again = pickle.loads(pickle.dumps(found))
    assert again.verdict == found.verdict
    np.testing.assert_array_equal(again.pit("mu"), found.pit("mu"))
    with pytest.raises(AttributeError):
        found.divergences = 3  # frozen


def test_other_posteriors_are_refused(known):
    model = known.model
    draws = known.to_draws(100, 1)
    with pytest.raises(TypeError, match="exact_posterior is a DrawsPosterior: it must be one by"):
        ph.grade(draws, draws)
    with pytest.raises(TypeError, match="posterior is a NormalNormal: grade takes"):
        ph.grade(model)
    with pytest.raises(ValueError, match="of other data or another prior"):
        ph.grade(draws, ph.exact(schools(prior_mu=stats.norm(0, 5), prior_tau="uniform")))
    with pytest.raises(ValueError, match="of other groups or another model"):
        ph.grade(draws, ph.exact(ph.NormalNormal([1.0, 2.0, 3.0], se=[1.0, 1.0, 1.0])))
    with pytest.raises(KeyError, match="names has 'sigma'"):
        ph.grade(draws, known, names=["sigma"])
    with pytest.raises(TypeError, match="posterior is a DensityDraws"):
        ph.grade(ph.nuts(lambda x: (-0.5 * float(x @ x), -x), 10, 10, start=[0.0], rng=1))
    assert ph.grade(draws, ph.exact(schools(**PRIORS))).right  # the same, made anew
