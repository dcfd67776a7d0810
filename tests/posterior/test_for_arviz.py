"""What ArviZ is given, and that it works on it."""

import sys
import types

import numpy as np
import pytest
from scipy.stats import halfnorm, norm

import pyhier as ph
from pyhier import coda
from pyhier._arviz import load_arviz

arviz = load_arviz()
LATER = not arviz.__version__.startswith("0.")  # 1.x: DataTrees, and other names of some functions


def groups_of(data):
    return set(data.children) if LATER else set(data.groups())


# ArviZ 0.23 says these of its own calls to newer versions of matplotlib and pandas, and that eight
# observations are few for its approximations.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Passing a dict or None:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The inplace keyword:Warning"),
    pytest.mark.filterwarnings("ignore:For one or more samples:UserWarning"),
    pytest.mark.filterwarnings("ignore:Estimated shape parameter of Pareto:UserWarning"),
]
GROUPS = {
    "posterior", "posterior_predictive", "log_likelihood", "sample_stats", "observed_data",
    "constant_data",
}  # fmt: skip


def models():
    schools, rats = ph.load_dataset("eight_schools"), ph.load_dataset("rat_tumors")
    pumps = ph.load_dataset("pumps")
    return {
        "y": ph.NormalNormal(schools["y"], se=schools["sigma"], labels=schools["school"]),
        "successes": ph.BetaBinomial(rats["tumors"], rats["rats"]),
        "counts": ph.PoissonGamma(pumps["failures"], pumps["khours"], labels=pumps["pump"]),
    }


@pytest.fixture(scope="module", params=list(models()))
def found(request):
    model = models()[request.param]
    post = ph.rwmetrop(model, 2_000, burn_in=500, chains=2, rng=1)
    return request.param, post, post.to_arviz(rng=2)


def test_groups_and_shapes(found):
    response, post, data = found
    assert groups_of(data) == GROUPS
    model, groups = post.model, len(post.model.labels)
    hyper = set(model.hyperparameters(post.phi))
    assert set(data["posterior"]) == hyper | {"theta", "theta_new"}
    for group in ("posterior_predictive", "log_likelihood", "observed_data"):
        assert set(data[group]) == {response}
    assert data["posterior"]["theta"].dims == ("chain", "draw", "group")
    assert data["posterior_predictive"][response].shape == (2, 2_000, groups)
    assert list(data["posterior"]["group"].values) == list(model.labels)
    np.testing.assert_array_equal(data["posterior"]["theta"], post.theta)
    np.testing.assert_array_equal(data["posterior_predictive"][response], post.predict(rng=2))
    np.testing.assert_array_equal(data["log_likelihood"][response], post.log_likelihood())
    np.testing.assert_array_equal(data["observed_data"][response], model.response)
    size = list(model.observed())[-1]
    np.testing.assert_array_equal(data["constant_data"][size], model.observed()[size])
    point = post.phi[1, 17]
    expected = model.log_marginal(point) - model.log_marginal(post.phi[0, 0])
    lp = data["sample_stats"]["lp"]
    assert float(lp[1, 17] - lp[0, 0]) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_arviz_works_on_it(found):
    response, post, data = found
    table = arviz.summary(data)
    label = post.model.labels[0]
    assert table.loc[f"theta[{label}]", "mean"] == pytest.approx(
        post[f"theta[{label}]"].mean(), abs=0.01
    )
    hyper = list(post.model.hyperparameters(post.phi))[:2]
    arviz.plot_trace(data, var_names=hyper)
    arviz.plot_forest(data, var_names=["theta"], combined=True)
    if LATER:
        arviz.plot_ppc_dist(data, num_samples=20)
    else:
        arviz.plot_ppc(data, num_pp_samples=20, random_seed=1)
    selected = data["posterior"]["theta"].sel(group=label)
    np.testing.assert_array_equal(selected, post.theta[..., 0])
    assert response in data["observed_data"]


def more_models():
    schools, rats = ph.load_dataset("eight_schools"), ph.load_dataset("rat_tumors")
    pumps, bcg = ph.load_dataset("pumps"), ph.load_dataset("bcg")
    arms = bcg["vaccinated_cases"], bcg["vaccinated"], bcg["control_cases"], bcg["control"]
    y, se, x = schools["y"], schools["sigma"], {"x": np.arange(8.0)}
    tumors, some, square = rats["tumors"][-12:], rats["rats"][-12:], [[0.1, 0.03], [0.03, 0.1]]
    levels = {"district": list("aabbcc"), "school": [1, 2] * 3}
    pairs = [[0.4, 0.1], [0.2, np.nan], [0.9, 0.5], [0.6, 0.2]]
    return {
        "covariates": ph.NormalNormal(y, se=se, X=x),
        "heavy tails": ph.NormalT(y, se=se, nu=[2, 8]),
        "two normals": ph.NormalMixture(y, se=se, weight=0.1, ratio=5),
        "log odds": ph.BinomialNormal(tumors, some),
        "log rates": ph.PoissonNormal(pumps["failures"], pumps["khours"]),
        "two arms": ph.HypergeometricNormal(*arms),
        "variances": ph.VarianceGamma([1.0, 2.0, 3.0, 4.0], [3, 4, 5, 6]),
        "levels": ph.MultilevelNormal([1.0, 1.4, 0.2, 0.1, 0.7, 1.1], se=[0.2] * 6, levels=levels),
        "outcomes": ph.MultivariateNormal(pairs, cov=np.tile(square, (4, 1, 1))),
        "rows": ph.HierarchicalRegression(
            [1, 2, 4, 0, 2, 2, 3, 5, 6.5], X={"x": [0, 1, 2] * 3}, groups=list("aaabbbccc")
        ),
    }  # fmt: skip


@pytest.mark.parametrize("kind", list(more_models()))
def test_plots_run_on_every_model(kind):
    """The least that each of ArviZ's pictures needs: names, dimensions, pointwise likelihoods."""
    import matplotlib.pyplot as plt

    data = ph.exact(more_models()[kind]).to_arviz(draws=100, chains=2, rng=1)
    assert groups_of(data) == GROUPS
    assert np.isfinite(data["posterior"]["theta"].values).all()
    response = next(iter(data["observed_data"].data_vars))
    seen = np.isfinite(data["observed_data"][response].values).sum()
    assert data["log_likelihood"][response].shape[-1] == seen  # of missing outcomes there is none
    names = [name for name in data["posterior"].data_vars if name[:5] != "theta"][:2]
    assert len(arviz.summary(data, var_names=names)) >= 2
    arviz.plot_trace(data, var_names=names)
    arviz.plot_pair(data, var_names=names)
    arviz.plot_rank(data, var_names=names[:1])
    arviz.plot_forest(data, var_names=["theta"], combined=True)
    assert np.isfinite(arviz.loo(data).elpd if LATER else arviz.loo(data).elpd_loo)
    plt.close("all")


def test_loo_and_waic_of_eight_schools():
    """Expected log predictive densities under the uniform prior of tau.

    Ten other seeds have means -31.210 (loo) and -30.956 (waic) with sds 0.015 and 0.010: four of
    those each way. WAIC is also worked out here from its definition.
    """
    data = ph.exact(models()["y"]).to_arviz(draws=10_000, rng=1)
    loo = arviz.loo(data)
    assert (loo.elpd if LATER else loo.elpd_loo) == pytest.approx(-31.21, abs=0.06)
    logs = data["log_likelihood"]["y"].values.reshape(-1, 8)
    density = np.log(np.exp(logs).mean(axis=0))
    by_hand = density.sum() - logs.var(axis=0).sum()
    assert by_hand == pytest.approx(-30.956, abs=0.04)
    if not LATER:  # it has no WAIC any more
        assert arviz.waic(data).elpd_waic == pytest.approx(by_hand, abs=1e-9)


def test_compare_prefers_the_pooled_model():
    """Partial pooling predicts a school better than no pooling: tau as given, and very large."""
    model = models()["y"]
    fits = {
        "partial": ph.exact(model).to_arviz(draws=2_000, rng=1),
        "none": ph.given(model, mu=0.0, tau=1e3).to_arviz(draws=2_000, rng=1),
    }
    table = arviz.compare(fits)
    assert list(table.index) == ["partial", "none"]


def test_independent_draws_come_in_chains():
    post = ph.exact(models()["counts"])
    data = post.to_arviz(draws=50, chains=3, rng=1)
    assert dict(data["posterior"].sizes) == {"chain": 3, "draw": 50, "group": 10}
    assert float(arviz.rhat(post.to_arviz(rng=1))["alpha"]) < 1.01
    with pytest.raises(ValueError, match="chains is 0"):
        post.to_arviz(chains=0)


def test_the_later_line_is_told_by_its_version(model, monkeypatch):
    """ArviZ 1.3 answers for any name, InferenceData too; what it works on is a DataTree."""
    xarray = pytest.importorskip("xarray", minversion="2024.10")
    later = types.ModuleType("arviz")
    later.__version__ = "1.3.0"
    later.__getattr__ = lambda name: None
    monkeypatch.setitem(sys.modules, "arviz", later)
    post = ph.exact(model)
    tree = post.to_arviz(draws=10, chains=2, rng=1)
    assert isinstance(tree, xarray.DataTree)
    assert tree["posterior"].sizes["draw"] == 10
    chains = post.to_mcmc(draws=10, chains=2, rng=1)
    assert isinstance(coda.to_arviz(chains), xarray.DataTree)
    prior = ph.NormalNormal([1.0, 3.0], se=[1.0, 2.0], prior_mu=norm(0, 1), prior_tau=halfnorm())
    assert isinstance(ph.prior_predictive(prior, 10, rng=1).to_arviz(), xarray.DataTree)


def test_draws_of_a_density_for_the_later_line(monkeypatch):
    xarray = pytest.importorskip("xarray", minversion="2024.10")
    draws = ph.nuts(lambda x: (-0.5 * float(x @ x), -x), 20, start=[0.0, 1.0], chains=1, rng=1)
    monkeypatch.setattr(arviz, "__version__", "1.3.0")  # InferenceData is there, as 1.3 says it is
    assert isinstance(draws.to_arviz(), xarray.DataTree)
