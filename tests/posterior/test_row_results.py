"""What posteriors of raw rows say of rows, against dense matrices, draws and quadrature."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import pyhier as ph


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(5)
    g = np.repeat(np.arange(6), [1, 3, 4, 5, 5, 6])
    x = rng.normal(size=g.size)
    y = 1.0 + 0.5 * x + rng.normal(size=6)[g] + 0.3 * rng.normal(size=6)[g] * x
    y += 0.4 * rng.normal(size=g.size)
    names, district = [f"g{k}" for k in g], np.array(list("aabbcc"))[g]
    more = {"o": rng.normal(size=g.size), "w": rng.uniform(0.5, 2.0, g.size)}
    return pd.DataFrame({"g": names, "x": x, "y": y, "d": district} | more)


PRIORS = {"prior_sigma": stats.halfnorm(scale=1), "prior_tau": stats.halfnorm(scale=1)}
FORMULAS = ["y ~ x + (1 | g)", "y ~ x + (x || g)", "y ~ x + offset(o) + (1 | d/g)"]


def fitted(data, formula, **options):
    return ph.exact(ph.HierarchicalRegression.from_formula(formula, data, **(PRIORS | options)))


@pytest.mark.parametrize("formula", FORMULAS)
def test_means_of_rows_are_those_of_draws(data, formula):
    post = fitted(data, formula, weights="w")
    model = post.model
    drawn = post._drawn(40_000, 1).draws
    mean, sd = model._mean_and_sd(drawn.phi, drawn.theta)
    table, wide = post.rows.fitted(), post.rows.predictive()
    error = mean[0].std(axis=0) / np.sqrt(40_000)
    assert np.abs((mean[0].mean(axis=0) - table["mean"]) / error).max() < 4.5
    assert mean[0].std(axis=0) == pytest.approx(table["sd"].to_numpy(), rel=0.03)
    total = np.sqrt(mean[0].var(axis=0) + (sd[0] ** 2).mean(axis=0))
    assert total == pytest.approx(wide["sd"].to_numpy(), rel=0.03)
    # A quantile's Monte Carlo error is 0.013 sds with so many draws: five of them.
    off = (np.quantile(mean[0], 0.975, axis=0) - table["97.5%"]) / table["sd"]
    assert np.abs(off).max() < 0.065


@pytest.mark.parametrize("formula", FORMULAS)
def test_new_rows_of_old_groups_are_the_rows_themselves(data, formula):
    post = fitted(data, formula)
    own, again = post.rows.fitted(), post.rows.fitted(data.drop(columns="y"))
    np.testing.assert_allclose(again, own, rtol=1e-12)


def test_a_new_group_has_the_variance_of_groups(data):
    post = fitted(data, "y ~ x + (x || g)")
    new = post.rows.fitted({"g": ["new"], "x": [2.0]})
    without = post.rows.fitted({"x": [2.0]})
    pd.testing.assert_frame_equal(new, without)
    parts = post["theta_new[Intercept]"], post["theta_new[x]"]
    draws = post._drawn(200_000, 1).draws.theta_new[0]
    assert new["mean"].iloc[0] == pytest.approx(parts[0].mean() + 2 * parts[1].mean(), rel=1e-9)
    assert new["sd"].iloc[0] == pytest.approx((draws @ [1.0, 2.0]).std(), rel=0.01)


def test_nested_rows_know_which_levels_are_new(data):
    post = fitted(data, "y ~ x + (1 | d/g)")
    new = pd.DataFrame({"d": ["b", "b", "z"], "g": ["g2", "new", "g2"], "x": [0.0, 0.0, 0.0]})
    old, sibling, stranger = post.rows.fitted(new)["sd"]
    assert old < sibling < stranger
    unit = post["theta[g2]"]
    assert post.rows.fitted(new)["mean"].iloc[0] == pytest.approx(unit.mean(), rel=1e-9)


def test_models_without_a_formula_take_columns(data):
    model = ph.HierarchicalRegression(
        data["y"], {"x": data["x"]}, ["x"], groups=data["g"], correlated=False, **PRIORS
    )
    by_formula = fitted(data, "y ~ x + (x || g)").rows.fitted({"g": ["g3"], "x": [0.5]})
    found = ph.exact(model).rows.fitted({"group": ["g3"], "x": [0.5]})
    np.testing.assert_allclose(found, by_formula, rtol=1e-9)
    with pytest.raises(ValueError, match="x lacks x"):
        ph.exact(model).rows.fitted({"group": ["g3"]})


def test_draws_give_the_same_rows(data):
    post = fitted(data, "y ~ x + (1 | g)")
    chains = ph.rwmetrop(post.model, 20_000, rng=1, progress=False)
    new = {"g": ["g3", "new"], "x": [0.5, 0.5]}
    exact, drawn = post.rows.predictive(new), chains.rows.predictive(new)
    np.testing.assert_allclose(drawn["mean"], exact["mean"], atol=0.05)
    np.testing.assert_allclose(drawn["sd"], exact["sd"], rtol=0.06)
    shares = [one.rows.intraclass()["mean"].iloc[0] for one in (post, chains)]
    assert shares[0] == pytest.approx(shares[1], abs=0.02)


def test_shares_of_variance(data):
    post = fitted(data, "y ~ x + (x || g)")
    draws = post.to_dataframe(draws=100_000, rng=1)
    var = draws["tau[Intercept]"] ** 2 + 4.0 * draws["tau[x]"] ** 2
    wanted = (var / (var + draws["sigma"] ** 2)).mean()
    assert post.rows.intraclass({"x": 2.0})["mean"].iloc[0] == pytest.approx(wanted, abs=0.003)
    with pytest.raises(ValueError, match="at names z"):
        post.rows.intraclass({"z": 1.0})
    nested = fitted(data, "y ~ x + (1 | d/g)").rows.intraclass()
    assert nested["mean"].iloc[:2].sum() == pytest.approx(nested["mean"].iloc[2])
    r2 = post.rows.r2(draws=2_000, rng=1)
    assert r2.shape == (1, 2_000)
    assert 0.5 < r2.mean() < 1.0


def test_leaving_a_group_out_is_a_ratio_of_evidences(data):
    """p(y_j | the rest) by draws from the posterior of the rest."""
    model = fitted(data, "y ~ x + (1 | g)").model
    table = ph.leave_group_out(model)
    gone = (data["g"] == "g2").to_numpy()
    rest = ph.exact(model.kept(~gone)).to_dataframe(draws=200_000, rng=1)
    x = np.column_stack([np.ones(gone.sum()), data["x"][gone]])
    away = data["y"][gone].to_numpy() - rest[["beta[Intercept]", "beta[x]"]].to_numpy() @ x.T
    tau2, sigma2 = rest["tau[Intercept]"] ** 2, rest["sigma"] ** 2
    n = int(gone.sum())
    squares = (away**2).sum(axis=1) - tau2 / (sigma2 + n * tau2) * away.sum(axis=1) ** 2
    logs = (n - 1) * np.log(sigma2) + np.log(sigma2 + n * tau2) + squares / sigma2
    likelihood = np.exp(-0.5 * (logs + n * np.log(2 * np.pi)))
    wanted = np.log(likelihood.mean())
    error = float(likelihood.std() / np.sqrt(len(rest)) / likelihood.mean())
    assert table.loc["g2", "elpd"] == pytest.approx(wanted, abs=4.5 * error)
    assert table["rows"].tolist() == [1, 3, 4, 5, 5, 6]


def test_it_goes_to_arviz(data):
    tree = fitted(data, "y ~ x + (1 | g)").to_arviz(draws=100, chains=2, rng=1)
    assert tree["log_likelihood"]["y"].dims == ("chain", "draw", "row")
    assert tree["posterior"]["theta"].dims == ("chain", "draw", "group")
    assert tree["observed_data"]["y"].shape == (24,)


def test_what_is_of_groups_says_so(data):
    post = fitted(data, "y ~ x + (1 | g)")
    with pytest.raises(ValueError, match="take post.rows.fitted"):
        post.theta_new({"x": 1.0})
    with pytest.raises(ValueError, match=r"rows.intraclass\(\)"):
        post.heterogeneity()
    own = post.effects("g", own=True)
    assert own["mean"].iloc[0] == pytest.approx(post["b[g0,Intercept]"].mean())
    schools = ph.exact(ph.NormalNormal([1.0, 2.0, 4.0], se=[1.0, 1.0, 1.0]))
    with pytest.raises(ValueError, match="not of raw rows"):
        _ = schools.rows
