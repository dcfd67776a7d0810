"""What each engine promises by itself: streams, weights, bounds, limits, bad input."""

import numpy as np
import pytest
from scipy import optimize, stats

import pyhier as ph
from pyhier.inference.importance import pareto_k
from pyhier.inference.proposal import proposal_of


@pytest.fixture
def pumps():
    data = ph.load_dataset("pumps")
    return ph.PoissonGamma(data["failures"], data["khours"])


@pytest.fixture
def rats():
    data = ph.load_dataset("rat_tumors")
    return ph.BetaBinomial(data["tumors"], data["rats"])


# --- Markov chains --------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", [ph.indepmetrop, ph.gibbs])
def test_chains_repeat_and_do_not_depend_on_pieces(pumps, engine):
    whole = engine(pumps, 30_000, rng=7, theta=False)
    again = engine(pumps, 30_000, rng=7, theta=False)
    np.testing.assert_array_equal(whole.phi, again.phi)
    split = engine(pumps, 20_000, burn_in=10_000, rng=7, theta=False)
    np.testing.assert_array_equal(np.concatenate([split.burn_in, split.phi], 1), whole.phi)
    np.testing.assert_array_equal(split.accept, whole.accept)
    assert whole.markov


@pytest.mark.parametrize("engine", [ph.indepmetrop, ph.gibbs])
def test_several_chains_in_threads(pumps, engine):
    post = engine(pumps, 2_000, chains=4, rng=1)
    again = engine(pumps, 2_000, chains=4, rng=np.random.default_rng(1))
    np.testing.assert_array_equal(post.phi, again.phi)
    assert post.phi.shape == (4, 2_000, 2)
    assert len(np.unique(post.phi[:, 0, 0])) == 4
    starts = [[0.0, 0.0], [1.0, 1.0]]
    kept = engine(pumps, 200, start=starts, chains=2, rng=1, theta=False)
    assert kept.phi.shape == (2, 200, 2)


@pytest.mark.parametrize("rng", [3, "r"])
@pytest.mark.parametrize("engine", [ph.indepmetrop, ph.gibbs])
def test_python_prior_gives_the_compiled_priors_chain(schools, engine, rng):
    data = {"y": schools["y"], "se": schools["sigma"]}
    compiled = ph.NormalNormal(**data, prior_tau=stats.halfnorm(scale=5))
    python = ph.NormalNormal(**data, prior_tau=lambda tau: stats.halfnorm(scale=5).logpdf(tau))
    fit = ph.laplace(compiled)
    chains = []
    for model in (compiled, python):
        source = ph.RStream(3) if rng == "r" else rng
        settings = {"scale": [4.0, 1.0]} if engine is ph.gibbs else {"proposal": fit}
        chains.append(engine(model, 300, start=fit.mode, rng=source, theta=False, **settings).phi)
    np.testing.assert_allclose(chains[0], chains[1], rtol=1e-12)


@pytest.mark.parametrize("engine", [ph.indepmetrop, ph.gibbs])
def test_ctrl_c_keeps_the_draws(pumps, engine, interrupt_after):
    interrupt_after(20)
    with pytest.warns(RuntimeWarning, match=r"interrupted: chains of \[.*\] iterations"):
        post = engine(pumps, 5_000_000, chains=2, rng=1, theta=False)
    assert post.interrupted
    kept = post.phi.shape[1]
    assert 100 < kept < 5_000_000
    assert np.all(post.accept > 0.1)
    assert np.all(post.accept < 1.0)


def test_an_interrupted_tour_leaves_no_half_iteration(schools):
    calls = 0

    def prior(tau):
        nonlocal calls
        calls += 1
        if calls == 3_000:
            raise KeyboardInterrupt
        return -0.1 * tau

    model = ph.NormalNormal(schools["y"], se=schools["sigma"], prior_tau=prior)
    calls, start = 0, ph.laplace(model).mode
    calls = 0
    with pytest.warns(RuntimeWarning, match="interrupted"):
        post = ph.gibbs(model, 100_000, [5.0, 1.0], start, rng=1, theta=False)
    calls = 10_000
    again = ph.gibbs(model, post.phi.shape[1], [5.0, 1.0], start, rng=1, theta=False)
    np.testing.assert_array_equal(post.phi, again.phi)
    np.testing.assert_array_equal(post.accept, again.accept)


def test_normal_proposals_of_the_target_itself_are_all_taken():
    """An independence chain on its own proposal accepts always, and equals plain draws."""
    y, se = np.array([1.0, 2.0, 4.0]), np.ones(3)
    model = ph.NormalNormal(y, se=se, prior_tau=stats.halfnorm(scale=1.0))
    source = proposal_of(model, {"mean": [0.0, 0.0], "var": np.eye(2)}, np.inf, None)
    x = np.array([[0.3, -0.2], [1.0, 2.0]])
    np.testing.assert_allclose(
        source.log_density(x) + source.log_constant,
        stats.multivariate_normal([0, 0], np.eye(2)).logpdf(x),
        rtol=1e-13,
    )
    heavy = proposal_of(model, {"mean": [1.0, 0.5], "var": [[2, 0.5], [0.5, 1]]}, 3.0, 2.0)
    t = stats.multivariate_t([1.0, 0.5], [[8, 2], [2, 4]], df=3)
    np.testing.assert_allclose(heavy.log_density(x) + heavy.log_constant, t.logpdf(x), rtol=1e-12)
    draws, _, log_proposal = heavy.weigh(model.log_marginal, 1_000, np.random.default_rng(1))
    np.testing.assert_allclose(log_proposal, heavy.log_density(draws), rtol=1e-9, atol=1e-12)


# --- Importance -----------------------------------------------------------------------------------


def test_importance_knows_the_evidence(schools):
    model = ph.NormalNormal(
        schools["y"],
        se=schools["sigma"],
        prior_mu=stats.norm(0, 5),
        prior_tau=stats.halfcauchy(scale=5),
    )
    post = ph.importance(model, 200_000, df=2, rng=1)
    # Of the ratio's logarithm: sqrt(1 / ess - 1 / n).
    se = np.sqrt(1.0 / post.ess - 1.0 / 200_000)
    assert post.log_z == pytest.approx(ph.exact(model).log_z, abs=4 * se)
    assert se < 0.003


def test_errors_of_means_are_what_they_say(pumps):
    found = [ph.importance(pumps, 1_000, rng=seed) for seed in range(200)]
    for name in ("log_mu", "theta[1]"):
        spread = np.std([post[name].mean() for post in found], ddof=1)
        said = np.mean([post.mcse(name) for post in found])
        assert said == pytest.approx(spread, rel=0.25)  # a spread of 200: 5%, and delta's bias


@pytest.mark.parametrize("k", [-0.3, 0.2, 0.6, 1.1])
def test_pareto_k(k):
    """ArviZ's number, and near the truth."""
    arviz = pytest.importorskip("arviz")
    weight = stats.genpareto(k).rvs(40_000, random_state=np.random.default_rng(3)) + 1e-3
    if hasattr(arviz, "psislw"):
        _, theirs = arviz.psislw(np.log(weight))
    else:  # ArviZ 1.x
        base = pytest.importorskip("arviz_stats.base")
        theirs = base.array_stats.pareto_khat(weight[np.newaxis], tail="right")
    assert pareto_k(weight) == pytest.approx(float(theirs), abs=0.02)
    assert pareto_k(weight) == pytest.approx(k, abs=0.15)


def test_pareto_k_of_few_or_equal_weights():
    assert pareto_k(np.ones(10)) == np.inf
    assert pareto_k(np.ones(1_000)) == -np.inf


@pytest.mark.parametrize("engine", [ph.importance, ph.sir])
def test_bad_weights_are_said(schools, engine):
    model = ph.NormalNormal(schools["y"], se=schools["sigma"])
    with pytest.warns(RuntimeWarning, match=r"Pareto k = .* no average can be trusted"):
        post = engine(model, 5_000, scale=0.3, df=np.inf, rng=1)
    assert post.pareto_k > 0.7


def test_sir_picks_from_its_pool(pumps):
    post = ph.sir(pumps, 500, pool=100, rng=1)
    assert len(np.unique(post.phi[0, :, 0])) <= 100
    assert 0 < post.ess <= 100
    assert not post.markov


# --- Rejection ------------------------------------------------------------------------------------


def test_rejection_draws_are_independent_and_right(rats):
    post = ph.rejection(rats, 50_000, rng=1)
    x = post["logit_eta"].draws[0] - post["logit_eta"].mean()
    # The lag-1 correlation of 50,000 independent draws has sd 0.0045.
    assert abs((x[1:] @ x[:-1]) / (x @ x)) < 0.018
    exact = ph.exact(rats)["logit_eta"]
    assert stats.kstest(post["logit_eta"].draws[0], exact.cdf).pvalue > 1e-3


def test_rejection_without_a_bound_is_refused(schools):
    model = ph.NormalNormal(schools["y"], se=schools["sigma"])
    with pytest.raises(ValueError, match="tails are heavier than the proposal's"):
        ph.rejection(model, 1_000, df=np.inf, scale=0.5, rng=1)


def test_rejection_gives_up_on_a_proposal_elsewhere(pumps):
    far = {"mean": [0.0, 40.0], "var": np.eye(2) * 0.01, "df": 1.0}
    with pytest.raises(ValueError, match=r"proposals were accepted|exceeded|without bound"):
        ph.rejection(pumps, 1_000, far, rng=1)


# --- Grid -----------------------------------------------------------------------------------------


def test_grid_weights_and_axes(rats):
    post = ph.grid(rats, (40, 60), [(-2.3, -1.3), (1.0, 5.0)])
    assert post.log_density.shape == (40, 60)
    assert post.log_density.max() == 0.0
    i, j = 7, 31
    top = max(rats.log_marginal([x, y]) for x in post.axes[0] for y in post.axes[1])
    here = rats.log_marginal([post.axes[0][i], post.axes[1][j]])
    assert post.log_density[i, j] == pytest.approx(here - top, abs=1e-9)
    np.testing.assert_allclose(post.limits, [(-2.3, -1.3), (1.0, 5.0)])
    flat = ph.grid(rats, (40, 60), [-2.3, -1.3, 1.0, 5.0])  # as R's simcontour takes them
    np.testing.assert_array_equal(flat.log_density, post.log_density)


def test_grid_draws_are_spread_over_the_cells(rats):
    post = ph.grid(rats, 30)
    draws = post.draw_phi(20_000, 1)
    assert len(np.unique(draws[:, 0])) == 20_000
    cell = np.diff(post.axes[0])[0]
    away = (draws[:, 0] - post.axes[0][0]) / cell + 0.5
    assert stats.kstest(away % 1.0, "uniform").pvalue > 1e-3
    assert draws[:, 0].mean() == pytest.approx(post["logit_eta"].mean(), abs=5 * 0.1 / 141)


def test_a_grid_elsewhere_is_refused(schools):
    model = ph.NormalNormal(schools["y"], se=schools["sigma"], prior_tau=stats.uniform(0, 20))
    with pytest.raises(ValueError, match="log density is -inf all over the grid"):
        ph.grid(model, 10, [(0.0, 10.0), (5.0, 6.0)])


# --- Empirical Bayes ------------------------------------------------------------------------------


def test_maximum_likelihood_of_counts(rats):
    """Against scipy's betabinom, maximised by another method."""

    def falls(x):
        return -stats.betabinom.logpmf(rats.successes, rats.trials, *np.exp(x)).sum()

    best = optimize.minimize(falls, [0.5, 2.5], method="BFGS", options={"gtol": 1e-8})
    post = ph.empirical_bayes(rats)
    assert post.estimate["alpha"] == pytest.approx(np.exp(best.x[0]), rel=1e-4)  # BFGS's
    assert post.estimate["beta"] == pytest.approx(np.exp(best.x[1]), rel=1e-4)
    assert not post.edge


def test_maximum_likelihood_of_events(pumps):
    """Poisson-gamma is negative binomial."""

    def falls(x):
        alpha, beta = np.exp(x)
        return -stats.nbinom.logpmf(pumps.counts, alpha, beta / (beta + pumps.exposure)).sum()

    best = optimize.minimize(falls, [0.0, 0.0], method="BFGS", options={"gtol": 1e-8})
    post = ph.empirical_bayes(pumps)
    assert post.estimate["alpha"] == pytest.approx(np.exp(best.x[0]), rel=1e-4)
    assert post.estimate["beta"] == pytest.approx(np.exp(best.x[1]), rel=1e-4)


def test_maximum_likelihood_of_normal_effects():
    y, se = np.array([1.0, 5.0, 9.0, 14.0]), np.ones(4) * 2.0
    post = ph.empirical_bayes(ph.NormalNormal(y, se=se))
    # Equal variances: tau^2 = mean squared deviation - se^2.
    assert post.estimate["mu"] == pytest.approx(y.mean(), rel=1e-7)
    assert post.estimate["tau"] ** 2 == pytest.approx(y.var() - 4.0, rel=1e-6)
    shrinkage = 4.0 / y.var()
    np.testing.assert_allclose(post.group_means(), y + shrinkage * (y.mean() - y), rtol=1e-6)
    assert post["theta[1]"].std() == pytest.approx(2.0 * np.sqrt(1.0 - shrinkage), rel=1e-6)


def test_an_estimate_at_the_edge_is_said(model):
    """The eight schools' likelihood is highest at tau = 0: complete pooling."""
    post = ph.empirical_bayes(model)
    assert post.edge
    assert post.estimate["tau"] < 1e-3
    pooled = np.average(model.y, weights=1.0 / model.var)
    np.testing.assert_allclose(post.group_means(), pooled, rtol=1e-5)
    assert ph.empirical_bayes(model, "moments").estimate["tau"] == 0.0
    assert ph.empirical_bayes(model, "moments").edge


def test_historical_rats_by_moments():
    """BDA3 section 5.1: (1.4, 8.6), then Beta(5.4, 18.6) for 4 of 14."""
    data = ph.load_dataset("rat_tumors")[:-1]
    post = ph.empirical_bayes(ph.BetaBinomial(data["tumors"], data["rats"]), "moments")
    assert round(post.estimate["alpha"], 1) == 1.4
    assert round(post.estimate["beta"], 1) == 8.6


def test_compare_shows_the_understated_sd(pumps):
    table = ph.empirical_bayes(pumps).compare()
    assert list(table.columns) == ["mean", "sd", "full_mean", "full_sd", "sd_ratio"]
    assert list(table.index) == [*(f"theta[{k}]" for k in pumps.labels), "theta_new"]
    assert (table["sd_ratio"][:-1] < 1.05).all()
    sampled = ph.empirical_bayes(pumps).compare(ph.importance(pumps, 20_000, rng=1))
    np.testing.assert_allclose(sampled["full_mean"][:-1], table["full_mean"][:-1], rtol=0.02)


# --- Quantiles of many nodes ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["theta[1]", "theta_new"])
def test_quantiles_of_mixtures(rats, pumps, model, name):
    for one in (rats, pumps, model):
        marginal = ph.grid(one, 40)[name if one is not model else name.replace("1", "A")]
        q = np.array([1e-10, 0.01, 0.5, 0.975, 1.0 - 1e-9])
        # Quantiles come from panels of the density, which may miss 1e-10 of the mass, but miss far
        # less where a tail is smooth; the tails themselves are summed without them.
        np.testing.assert_allclose(marginal.cdf(marginal.ppf(q)), q, rtol=1e-7)
        np.testing.assert_allclose(marginal.sf(marginal.isf(q)), q, rtol=1e-7)
        x = marginal.ppf([0.1, 0.5, 0.9])
        h = 1e-6 * x
        slope = (marginal.cdf(x + h) - marginal.cdf(x - h)) / (2.0 * h)
        np.testing.assert_allclose(marginal.pdf(x), slope, rtol=1e-6)  # of differences


# --- Bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", [ph.indepmetrop, ph.gibbs, ph.importance, ph.sir, ph.rejection])
def test_only_models_are_sampled(engine):
    with pytest.raises(TypeError, match=f"{engine.__name__} takes a model"):
        engine(lambda x: 0.0, 10)


@pytest.mark.parametrize("engine", [ph.grid, ph.empirical_bayes])
def test_only_models_are_taken(engine):
    with pytest.raises(TypeError, match=f"{engine.__name__} takes a model"):
        engine(lambda x: 0.0)


@pytest.mark.parametrize("engine", [ph.indepmetrop, ph.importance, ph.sir, ph.rejection])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"proposal": np.eye(3)}, r"proposal has shape \(3, 3\)"),
        ({"proposal": [[1, 2], [2, 1]]}, "proposal is no covariance"),
        ({"proposal": {"mean": [0, 0]}}, "give 'var'"),
        ({"proposal": {"var": np.eye(2), "mu": [0, 0]}}, "give 'var'"),
        ({"proposal": {"var": np.eye(2), "mean": [0, 0, 0]}}, "mean has 3 entries"),
        ({"proposal": {"var": np.eye(2), "mean": [0, np.nan]}}, "finite"),
        ({"scale": 0}, "scale is 0"),
        ({"df": 0}, "df is 0"),
        ({"draws": 0}, "draws is 0"),
        ({"rng": -1}, "rng is -1"),
    ],
)
def test_bad_proposals(pumps, engine, arguments, message):
    with pytest.raises(ValueError, match=message):
        engine(pumps, **({"draws": 100} | arguments))


@pytest.mark.parametrize(
    ("scale", "message"),
    [([1.0], "scale has 1 entries"), ([1.0, -1.0], r"scale\[1\] is -1"), ([0, 1], r"scale\[0\]")],
)
def test_bad_steps(pumps, scale, message):
    with pytest.raises(ValueError, match=message):
        ph.gibbs(pumps, 10, scale)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"limits": [0, 1]}, r"limits has shape \(2,\)"),
        ({"limits": [(0, 1), (2, 2)]}, r"limits\[1\] is \(2.0, 2.0\)"),
        ({"limits": [(0, np.inf), (0, 2)]}, r"limits\[0\]"),
        ({"size": 1}, "size is 1"),
    ],
)
def test_bad_grids(pumps, arguments, message):
    with pytest.raises(ValueError, match=message):
        ph.grid(pumps, **arguments)


def test_bad_methods(pumps):
    with pytest.raises(ValueError, match="method is 'mle': it must be 'ml' or 'moments'"):
        ph.empirical_bayes(pumps, "mle")


@pytest.mark.parametrize("size", [100, 400])
def test_a_grid_says_when_it_is_too_coarse_for_a_narrow_ridge(size):
    n = 10_000  # K may be anything from 100 up, and eta has an sd of 0.003 where it is large
    model = ph.BetaBinomial([3_000, 3_100, 2_900], [n] * 3)
    exact = ph.exact(model)["theta[1]"]
    if size == 100:
        with pytest.warns(RuntimeWarning, match=r"too coarse .* along log(it_eta|_K) every other"):
            found = ph.grid(model, size)["theta[1]"].mean()
        assert abs(found - exact.mean()) > 0.01 * exact.std()
    else:
        found = ph.grid(model, size)["theta[1]"].mean()
        assert abs(found - exact.mean()) < 0.01 * exact.std()
