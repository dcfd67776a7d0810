"""Meta-regression: the normal model with covariates, and with correlated estimates."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import linalg, stats

import pyhier as ph
from pyhier.kernels import linear_groups as kernel
from pyhier.models import NormalNormal, NormalRegression
from pyhier.models.coefficients import integrated

# BCG vaccine trials (Colditz et al. 1994; Berkey et al. 1995): tuberculosis cases and others among
# the vaccinated and the controls, absolute latitude, allocation.
BCG = pd.DataFrame(
    [(4, 119, 11, 128, 44, "random"), (6, 300, 29, 274, 55, "random"),
     (3, 228, 11, 209, 42, "random"), (62, 13536, 248, 12619, 52, "random"),
     (33, 5036, 47, 5761, 13, "alternate"), (180, 1361, 372, 1079, 44, "alternate"),
     (8, 2537, 10, 619, 19, "random"), (505, 87886, 499, 87892, 13, "random"),
     (29, 7470, 45, 7232, 27, "random"), (17, 1699, 65, 1600, 42, "systematic"),
     (186, 50448, 141, 27197, 18, "systematic"), (5, 2493, 3, 2338, 33, "systematic"),
     (27, 16886, 29, 17825, 33, "systematic")],
    columns=["tpos", "tneg", "cpos", "cneg", "latitude", "alloc"],
)  # fmt: skip
BCG["effect"] = np.log(BCG.tpos / (BCG.tpos + BCG.tneg) / (BCG.cpos / (BCG.cpos + BCG.cneg)))
BCG["var"] = 1 / BCG.tpos - 1 / (BCG.tpos + BCG.tneg) + 1 / BCG.cpos - 1 / (BCG.cpos + BCG.cneg)


@pytest.fixture(scope="module")
def bcg():
    return ph.exact(NormalNormal(BCG.effect, var=BCG["var"], X=BCG[["latitude"]]))


def dense(y, cov, x, log_prior=lambda tau: 0.0, low=-32.0, high=16.0, step=2e-3):
    """Posterior means by the dense multivariate normal and a trapezoid in log tau."""
    log_tau = np.arange(low, high, step)
    p, groups = x.shape[1], y.size
    logs, beta, theta = np.empty(log_tau.size), np.empty((log_tau.size, p)), []
    for i, s in enumerate(log_tau):
        inverse = np.linalg.inv(cov + np.exp(2 * s) * np.eye(groups))
        precision = x.T @ inverse @ x
        beta[i] = np.linalg.solve(precision, x.T @ inverse @ y)
        left = y - x @ beta[i]
        logs[i] = s + log_prior(np.exp(s)) - 0.5 * (
            left @ inverse @ left - np.linalg.slogdet(inverse)[1] + np.linalg.slogdet(precision)[1]
        )  # fmt: skip
        theta.append(x @ beta[i] + np.exp(2 * s) * inverse @ left)
    weight = np.exp(logs - logs.max())
    weight /= weight.sum()
    return weight @ beta, weight @ np.exp(log_tau), weight @ np.array(theta)


def test_new_estimates_at_covariates(bcg):
    """Draws against the marginals, of every engine's posterior alike."""
    se, latitude = np.array([0.1, 0.5]), [10.0, 50.0]
    new = {"latitude": latitude}
    for post in (bcg, ph.rwmetrop(bcg.model, 20_000, rng=1)):
        drawn = post.predict_new(se, x=new, draws=20_000, rng=2)
        assert drawn.shape[1:] == (20_000, 2)
        for j in range(2):
            law = bcg.predictive(se[j], {"latitude": latitude[j]})
            assert drawn[..., j].mean() == pytest.approx(law.mean(), abs=0.1 * law.std())
            assert drawn[..., j].std() == pytest.approx(law.std(), rel=0.05)
    assert bcg.predict_new(0.1, x={"latitude": 10.0}, rng=1).shape == (1, 10_000)
    assert bcg.predict_new(0.1, x=new, rng=1).shape == (1, 10_000, 2)
    with pytest.raises(ValueError, match="x has 2 groups and size 3"):
        bcg.predict_new([0.1, 0.2, 0.3], x=new)
    with pytest.raises(ValueError, match="x has 0 groups"):
        bcg.predict_new(0.1, x={"latitude": []})
    with pytest.raises(ValueError, match=r"\(latitude\) is nan"):
        bcg.predict_new(0.1, x={"latitude": np.nan})
    with pytest.raises(ValueError, match="x has year"):
        bcg.predict_new(0.1, x={"latitude": 1.0, "year": 2.0})
    with pytest.raises(ValueError, match="x is of models with covariates"):
        ph.exact(NormalNormal([1.0, 2, 4], se=[1.0] * 3)).predict_new(0.1, x=new)


@pytest.mark.parametrize("decades", [1.0, 8.0])
def test_sums_of_many_groups_are_those_of_triangles(decades):
    """Plain sums of a whitened design, interpolated where nodes are close together."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(700, 3))
    se = 10.0 ** rng.uniform(-decades / 2, decades / 2, 700)
    y = x @ [1.0, -1.0, 2.0] + 0.3 * rng.normal(size=700) + se * rng.normal(size=700)
    model = NormalNormal(y, se=se, X=x)
    assert model._whitened is not None
    nodes = np.concatenate([np.linspace(-6.0, 4.0, 11), np.linspace(-1.3, -1.1, 40)])
    ours = model.collapse(nodes)
    sorted_y, sorted_x, var = model._table
    about = np.zeros(4)
    triangles = kernel.sums(sorted_y - sorted_x @ about, sorted_x, var, nodes, 0.0, 5e29)
    known = integrated(triangles, model.covariates.prior, about, 700)
    known.rows[0] += nodes
    # Far from the mass squares of 1e8 round; the density of their nodes is nothing.
    size = np.abs(known.log_density)
    assert (np.abs(ours.log_density - known.log_density) <= 1e-14 * size + 1e-9).all()
    off = np.abs(ours.mean - known.mean) / np.sqrt(known.var)
    assert off.max() < 1e-8
    np.testing.assert_allclose(ours.var, known.var, rtol=1e-10)


def test_many_groups_whose_columns_differ_in_light_rows_alone():
    """At small tau the design has less than its rank, for all that doubles say."""
    rng = np.random.default_rng(0)
    heavy = np.arange(800) < 400
    first = rng.normal(size=800)
    x = np.column_stack([first, first + np.where(heavy, 0.0, rng.normal(size=800))])
    y = first + 0.5 * rng.normal(size=800)
    model = NormalNormal(y, se=np.where(heavy, 1e-9, 1e6), X=x, prior_tau=stats.halfnorm(scale=1))
    post = ph.exact(model)
    assert 0.4 < post["tau"].mean() < 0.6
    # What the light rows say of the second column is their own regression's.
    assert post["beta[x2]"].std() == pytest.approx(1e6 / 20.0, rel=0.1)
    assert np.isneginf(model.collapse(np.array([-np.inf, -1.0])).log_density).tolist() == [
        True, False,
    ]  # fmt: skip


def test_bcg_by_latitude(bcg):
    """Values by an independent double-exponential trapezoid."""
    intercept, slope = bcg["beta[Intercept]"], bcg["beta[latitude]"]
    assert intercept.mean() == pytest.approx(0.2363059466174, rel=1e-11)
    assert slope.mean() == pytest.approx(-0.0287165501635, rel=1e-11)
    assert intercept.std() == pytest.approx(0.3278759432574, rel=1e-11)
    assert slope.std() == pytest.approx(0.0092790693619, rel=1e-11)
    assert bcg["tau"].mean() == pytest.approx(0.354547635107, rel=1e-11)
    assert bcg["tau"].std() == pytest.approx(0.174755787900, rel=1e-10)
    line = bcg.linear({"Intercept": 1, "latitude": 40})
    assert line.mean() == pytest.approx(-0.912356059924, rel=1e-11)
    assert line.std() == pytest.approx(0.154468589398, rel=1e-11)
    assert bcg.theta_new({"latitude": 40}).std() == pytest.approx(0.424386800072, rel=1e-11)
    both = bcg.linear({"Intercept": 1, "latitude": 1}).var()
    cov = 0.5 * (both - intercept.var() - slope.var())
    assert cov == pytest.approx(-0.00276754867766, rel=1e-10)


def test_against_a_dense_normal(bcg):
    x = np.column_stack([np.ones(13), BCG.latitude])
    beta, tau, theta = dense(BCG.effect.to_numpy(), np.diag(BCG["var"]), x)
    np.testing.assert_allclose([bcg[f"beta[{n}]"].mean() for n in ("Intercept", "latitude")], beta,
                               rtol=1e-9)  # fmt: skip
    assert bcg["tau"].mean() == pytest.approx(tau, rel=1e-9)
    np.testing.assert_allclose(bcg.group_means(), theta, rtol=1e-9)


def test_intercept_alone_is_the_plain_model():
    y, var = BCG.effect.to_numpy(), BCG["var"].to_numpy()
    plain = ph.exact(NormalNormal(y, var=var))
    general = ph.exact(NormalNormal(y, var=var, X=np.ones((13, 1))))
    np.testing.assert_allclose(general.summary().to_numpy(), plain.summary().to_numpy(), rtol=1e-12)
    assert general.log_z == pytest.approx(plain.log_z, rel=1e-13)


BLOCKS = [
    np.array([[0.1, 0.04], [0.04, 0.2]]), np.array([[0.3]]),
    np.array([[0.2, 0.1, 0.05], [0.1, 0.3, 0.02], [0.05, 0.02, 0.4]]), 0.2, 0.5,
]  # fmt: skip
Y = np.array([0.1, 0.5, 0.9, -0.2, 0.4, 1.2, 0.6, 0.3])


@pytest.mark.parametrize("form", ["list", "dense", "sparse"])
def test_correlated_estimates_against_a_dense_normal(form):
    from scipy.sparse import csr_matrix

    whole = linalg.block_diag(*[np.atleast_2d(block) for block in BLOCKS])
    cov = {"list": BLOCKS, "dense": whole, "sparse": csr_matrix(whole)}[form]
    post = ph.exact(NormalNormal(Y, cov=cov, X=np.arange(8.0)))
    x = np.column_stack([np.ones(8), np.arange(8.0)])
    beta, tau, theta = dense(Y, whole, x)
    assert post["beta[x1]"].mean() == pytest.approx(beta[1], rel=1e-8)
    assert post["tau"].mean() == pytest.approx(tau, rel=1e-8)
    np.testing.assert_allclose([post[f"theta[{j + 1}]"].mean() for j in range(8)], theta, rtol=1e-8)


def test_draws_are_the_marginals():
    post = ph.exact(NormalNormal(Y, cov=BLOCKS, X=np.arange(8.0)))
    drawn = post.sample(200_000, rng=1)
    for name in ("beta[Intercept]", "beta[x1]", "tau", "theta_new"):
        u = post[name].cdf(drawn[name][:20_000])
        assert stats.kstest(u, "uniform").pvalue > 1e-4, name
    for j in range(8):
        u = post[f"theta[{j + 1}]"].cdf(drawn["theta"][:20_000, j])
        assert stats.kstest(u, "uniform").pvalue > 1e-4, j
    above = (drawn["theta"][:, 0] > drawn["theta"][:, 1]).mean()  # their noise is shared
    assert post.probability("theta[1] > theta[2]") == pytest.approx(above, abs=5e-3)


def test_a_prior_of_the_coefficients():
    priors = {"Intercept": stats.norm(0, 1), "latitude": stats.norm(0, 0.02)}
    half = stats.halfnorm(scale=0.5)
    model = NormalNormal(
        BCG.effect, var=BCG["var"], X=BCG[["latitude"]], prior_beta=priors, prior_tau=half
    )
    post = ph.exact(model)
    # A proper prior is two more observations of the coefficients.
    x = np.column_stack([np.ones(13), BCG.latitude])
    v = np.diag([1.0, 0.02**2])
    log_tau = np.arange(-30.0, 6.0, 2e-3)
    logs = [
        stats.multivariate_normal(
            np.zeros(13), np.diag(BCG["var"] + np.exp(2 * s)) + x @ v @ x.T
        ).logpdf(BCG.effect) + half.logpdf(np.exp(s)) + s
        for s in log_tau[::10]
    ]  # fmt: skip
    evidence = np.log(np.sum(np.exp(np.array(logs))) * 2e-2)
    assert post.log_evidence == pytest.approx(evidence, abs=1e-8)
    joint = NormalNormal(
        BCG.effect, var=BCG["var"], X=BCG[["latitude"]], prior_beta=(np.zeros(2), v),
        prior_tau=half,
    )  # fmt: skip
    assert ph.exact(joint).log_evidence == pytest.approx(post.log_evidence, abs=1e-11)
    without = NormalNormal(BCG.effect, var=BCG["var"], prior_mu=stats.norm(0, 1), prior_tau=half)
    ratio = np.exp(ph.exact(without).log_evidence - post.log_evidence)
    assert post.bayes_factor("beta[latitude] = 0") == pytest.approx(ratio, rel=1e-8)


def test_units_of_the_covariates_change_nothing_else(bcg):
    other = np.array([[2.0, -1.0], [0.5, 3.0]])
    x = np.column_stack([np.ones(13), BCG.latitude]) @ other
    post = ph.exact(NormalNormal(BCG.effect, var=BCG["var"], X=x, intercept=False))
    beta = [bcg["beta[Intercept]"].mean(), bcg["beta[latitude]"].mean()]
    np.testing.assert_allclose(
        [post["beta[x1]"].mean(), post["beta[x2]"].mean()], np.linalg.solve(other, beta), rtol=1e-9
    )
    assert post["tau"].mean() == pytest.approx(bcg["tau"].mean(), rel=1e-11)
    np.testing.assert_allclose(post.group_means(), bcg.group_means(), rtol=1e-10)


def test_shift_scale_and_order(bcg):
    order = np.random.default_rng(1).permutation(13)
    data = BCG.iloc[order]
    again = ph.exact(NormalNormal(data.effect, var=data["var"], X=data[["latitude"]]))
    np.testing.assert_allclose(again.group_means(), bcg.group_means()[order], rtol=1e-10)
    for scale in (1e-8, 1e8):
        post = ph.exact(
            NormalNormal(scale * BCG.effect, var=scale**2 * BCG["var"], X=BCG[["latitude"]])
        )
        assert post["tau"].mean() == pytest.approx(scale * bcg["tau"].mean(), rel=1e-10)
    moved = ph.exact(NormalNormal(BCG.effect + 1e4, var=BCG["var"], X=BCG[["latitude"]]))
    assert moved["beta[latitude]"].mean() == pytest.approx(bcg["beta[latitude]"].mean(), rel=1e-8)


def test_derivatives():
    model = NormalNormal(
        Y, cov=BLOCKS, X=np.arange(8.0), prior_beta={"x1": stats.norm(0, 1)},
        prior_tau=stats.halfnorm(scale=1),
    )  # fmt: skip
    point, h = np.array([0.3, 0.1, -0.5]), 1e-5
    gradient, hessian = model.marginal.derivatives(point)
    for k in range(3):
        step = np.zeros(3)
        step[k] = h
        high, low = (model.marginal.density(point + s) for s in (step, -step))
        assert gradient[k] == pytest.approx((high - low) / (2 * h), rel=1e-6)
        up, down = (model.marginal.derivatives(point + s)[0] for s in (step, -step))
        np.testing.assert_allclose(hessian[k], (up - down) / (2 * h), rtol=1e-5, atol=1e-8)


def test_samplers_agree(bcg):
    chain = ph.rwmetrop(bcg.model, 40_000, chains=2, burn_in=2_000, rng=1)
    for name in ("beta[latitude]", "theta[4]"):
        error = chain.diagnostics().loc[name, "mcse_mean"]
        assert abs(chain[name].mean() - bcg[name].mean()) < 4.5 * error


def test_maximum_likelihood_is_metafors(bcg):
    """``rma(yi, vi, mods = ~ ablat, method = "ML")`` with its threshold at 1e-14."""
    found = ph.empirical_bayes(bcg.model)
    assert found.estimate["tau"] ** 2 == pytest.approx(0.034351442481241, rel=1e-9)
    assert found.estimate["beta[Intercept]"] == pytest.approx(0.2821071738962, rel=1e-9)
    assert found.estimate["beta[latitude]"] == pytest.approx(-0.029509335388455, rel=1e-9)
    height = bcg.model.marginal.log_likelihood(found.phi)
    assert height[0] == pytest.approx(-7.6856655284141, rel=1e-12)


def test_formula_codes_new_data():
    model = NormalNormal.from_formula("effect ~ latitude + C(alloc)", BCG, var="var")
    assert model.coefficients == (
        "beta[Intercept]", "beta[latitude]", "beta[C(alloc)[random]]",
        "beta[C(alloc)[systematic]]",
    )  # fmt: skip
    post = ph.exact(model)
    new = post.theta_new({"latitude": 30, "alloc": "systematic"})
    weights = {"Intercept": 1, "latitude": 30, "C(alloc)[systematic]": 1}
    assert new.mean() == pytest.approx(post.linear(weights).mean(), rel=1e-12)
    with pytest.raises(ValueError, match="cannot be coded"):
        post.theta_new({"latitude": 30, "alloc": "by letter"})


def test_pickles(bcg):
    again = pickle.loads(pickle.dumps(bcg.model))
    assert isinstance(again, NormalRegression)
    assert ph.exact(again).log_z == bcg.log_z


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"X": np.ones(12)}, "X has 12 rows and y has 13 groups"),
        ({"X": np.column_stack([BCG.latitude, 2 * BCG.latitude])}, r"X\['x2'\] is made up of x1"),
        ({"X": np.column_stack([BCG.latitude, np.zeros(13)])}, r"X\['x2'\] is 0 for all groups"),
        ({"X": BCG[["alloc"]]}, r"X\['alloc'\] holds no numbers"),
        ({"X": np.where(BCG.index == 3, np.nan, BCG.latitude)}, r"X\[3, 0\].* is nan"),
        ({"X": BCG[["latitude"]], "prior_mu": stats.norm(0, 1)}, "prior_beta="),
        ({"X": BCG[["latitude"]], "prior_beta": {"lat": stats.norm(0, 1)}}, "names 'lat'"),
        ({"prior_beta": {"x1": stats.norm(0, 1)}}, "give X="),
    ],
)
def test_bad_designs(arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        NormalNormal(BCG.effect, var=BCG["var"], **arguments)


def test_improper_says_how_many_groups():
    model = NormalNormal([1.0, 2.0, 4.0], se=[1.0] * 3, X=[1.0, 2.0, 4.0])
    with pytest.raises(ValueError, match="needs at least 4"):
        ph.exact(model)


@pytest.mark.parametrize(
    ("cov", "message"),
    [
        (BLOCKS[:-1], "blocks of 7 groups in all, and y has 8"),
        ([np.array([[1.0, 2.0], [2.0, 1.0]]), *np.ones(6)], "not positive definite"),
        ([np.array([[1.0, 0.2], [0.3, 1.0]]), *np.ones(6)], "not symmetric"),
    ],
)
def test_bad_covariances(cov, message):
    with pytest.raises(ValueError, match=message):
        NormalNormal(Y, cov=cov)


def test_a_bounded_coefficient_has_all_moments():
    """Few groups leave tau without a variance; a coefficient with a proper prior keeps its own."""
    x = np.array([0.0, 1.0, 2.0, 3.5])
    model = ph.NormalNormal(
        [1.0, 2.0, 2.5, 4.5], se=[0.5] * 4, X=x, prior_beta={"x1": stats.norm(0.0, 12.0)}
    )
    post = ph.exact(model)
    assert post["beta[Intercept]"].std() == np.inf
    # Given tau its variance is at most the prior's, so the mixture's is finite: by a plain sum.
    log_tau = np.linspace(-40.0, 25.0, 200_001)
    found = model.collapse(log_tau)
    weight = np.exp(found.log_density - found.log_density.max())
    weight /= weight.sum()
    mean = weight @ found.mean[1]
    var = weight @ (found.var[1] + (found.mean[1] - mean) ** 2)
    assert post["beta[x1]"].std() == pytest.approx(np.sqrt(var), rel=1e-6)
