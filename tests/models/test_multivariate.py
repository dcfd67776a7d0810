"""Several outcomes against dense multivariate normal formulas and a plain sum over a grid."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import pyhier as ph
from pyhier.models import MultivariateNormal
from pyhier.priors.correlations import CorrelationPrior, cholesky, partial
from pyhier.testing import check_model


def problem(seed, groups=6, q=2, missing=False, p=1):
    rng = np.random.default_rng([31, seed])
    x = np.column_stack([np.ones(groups), rng.normal(size=(groups, p - 1))])
    root = rng.normal(size=(groups, q, q)) * 0.3 + 0.4 * np.eye(q)
    cov = root @ np.swapaxes(root, 1, 2)
    y = x @ rng.normal(size=(p, q)) + rng.normal(size=(groups, q))
    if missing:
        y[0, 0] = y[3, 1] = np.nan
    return y, cov, x


def dense(y, cov, x, sigma):
    """Log density with B integrated out (flat), its moments, and the effects' moments."""
    groups, q = y.shape
    design = np.stack([np.kron(unit, x) for unit in np.eye(q)], axis=1).reshape(groups * q, -1)
    effects = np.kron(np.eye(groups), sigma)
    sampling = np.zeros_like(effects)
    for j in range(groups):
        sampling[j * q : (j + 1) * q, j * q : (j + 1) * q] = cov[j]
    seen = ~np.isnan(y.ravel())
    z, h = y.ravel()[seen], design[seen]
    total = (effects + sampling)[np.ix_(seen, seen)]
    inverse = np.linalg.inv(total)
    spread = np.linalg.inv(h.T @ inverse @ h)
    beta = spread @ h.T @ inverse @ z
    away = z - h @ beta
    logs = np.linalg.slogdet(total)[1] - np.linalg.slogdet(spread)[1]
    log_density = -0.5 * (logs + away @ inverse @ away + (z.size - beta.size) * np.log(2.0 * np.pi))
    gain = effects[:, seen] @ inverse
    direction = design - gain @ h
    cov_effects = effects - gain @ effects[seen] + direction @ spread @ direction.T
    return log_density, beta, spread, design @ beta + gain @ away, cov_effects


@pytest.mark.parametrize("q", [2, 3])
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("z", [(0.3, -0.5, 0.9), (4.0, 3.0, -3.0), (0.0, 0.0, 0.0)])
def test_given_sigma(q, missing, z):
    y, cov, x = problem(q, q=q, missing=missing, p=2)
    model = MultivariateNormal(y, cov=cov, X=x[:, 1])
    psi = np.array([[-0.5, 0.3, 0.1][:q] + list(z[: q * (q - 1) // 2])])
    sigma = model.sigma(psi)[0]
    log_density, beta, spread, mean, cov_effects = dense(y, cov, x, sigma)
    found = model.collapse_psi(psi)
    apart = found.log_density[0] - model.prior.log_density(psi)[0]
    assert apart == pytest.approx(log_density, rel=1e-11, abs=1e-10)
    np.testing.assert_allclose(found.mean[:, 0], beta, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(found.var[:, 0], np.diag(spread), rtol=1e-9)
    m, sd = model.given_psi(slice(0, y.size), psi).moments(found)
    np.testing.assert_allclose(m[:, 0], mean, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(sd[:, 0] ** 2, np.diag(cov_effects), rtol=1e-8)
    for i, j in ((0, 1), (0, q), (2, 2 * q)):
        m, sd = model.difference_psi(i, j, psi).moments(found)
        var = cov_effects[i, i] + cov_effects[j, j] - 2.0 * cov_effects[i, j]
        assert sd[0] ** 2 == pytest.approx(var, rel=1e-7, abs=1e-12)
    phi = np.append(beta, psi)[None]
    one, many = model.log_marginal(phi[0]), model.log_posterior(phi)[0]
    assert one == pytest.approx(many, rel=1e-10, abs=1e-10)


def test_lkj():
    """Against the determinant's power, normalised by a sum over the correlations."""
    eta = 1.7
    prior = CorrelationPrior(2, eta)
    r = np.linspace(-0.9999, 0.9999, 200_001)
    density = (1.0 - r * r) ** (eta - 1.0)
    density /= density.sum() * (r[1] - r[0])
    z = np.arctanh(r[1000::9000])
    found = np.exp(prior.log_density(z[:, None])) / (1.0 - np.tanh(z) ** 2)
    np.testing.assert_allclose(found, density[1000::9000], rtol=1e-4)
    three = CorrelationPrior(3, eta)
    rng = np.random.default_rng(1)
    z = rng.normal(size=(5, 3))
    corr = cholesky(np.zeros((5, 3)), z)
    corr = corr @ np.swapaxes(corr, 1, 2)
    # |R|^(eta - 1), times what a partial correlation in row i stretches: sqrt of 1 - r^2 before it.
    r = np.tanh(z)
    jacobian = np.log1p(-(r**2)).sum(axis=1) + 0.5 * np.log1p(-r[:, 1] ** 2) + 0.5 * np.log1p(
        -r[:, 0] ** 2
    )  # fmt: skip
    wanted = (eta - 1.0) * np.linalg.slogdet(corr)[1] + jacobian
    apart = three.log_density(z) - wanted
    np.testing.assert_allclose(apart, apart[0], atol=1e-10)
    np.testing.assert_allclose(partial(corr[0]), z[0], rtol=1e-10)
    drawn = np.tanh(prior.draws(20_000, np.random.default_rng(2))[:, 0])
    assert stats.kstest((drawn + 1) / 2, stats.beta(eta, eta).cdf).pvalue > 1e-4


def berkey():
    data = ph.load_dataset("berkey").set_index("trial")
    cov = np.empty((5, 2, 2))
    cov[:, 0, 0], cov[:, 1, 1] = data["var_pd"], data["var_al"]
    cov[:, 0, 1] = cov[:, 1, 0] = data["cov"]
    return MultivariateNormal(
        data[["pd", "al"]], cov=cov, prior_tau=stats.halfnorm(scale=0.5), prior_rho=2.0
    )


def test_berkey_by_a_plain_sum():
    """A midpoint rule over tau1, tau2 and atanh rho, with dense formulas of its own."""
    model = berkey()
    post = ph.exact(model)
    y, cov = model._effects.y, model._effects.cov
    n = 112
    u = (np.arange(n) + 0.5) / n
    tau = 3.5 * u**3
    z = np.linspace(-5.5, 5.5, 60)
    t1, t2, zz = (part.ravel() for part in np.meshgrid(tau, tau, z, indexing="ij"))
    w1, w2, _ = (part.ravel() for part in np.meshgrid(u**2, u**2, z, indexing="ij"))
    r = np.tanh(zz)
    info, pull, squares, logs = np.zeros((2, 2, t1.size)), np.zeros((2, t1.size)), 0.0, 0.0
    for j in range(5):
        v11, v22 = cov[j, 0, 0] + t1**2, cov[j, 1, 1] + t2**2
        v12 = cov[j, 0, 1] + r * t1 * t2
        det = v11 * v22 - v12**2
        i11, i22, i12 = v22 / det, v11 / det, -v12 / det
        info += np.array([[i11, i12], [i12, i22]])
        pull += np.array([i11 * y[j, 0] + i12 * y[j, 1], i12 * y[j, 0] + i22 * y[j, 1]])
        squares = squares + i11 * y[j, 0] ** 2 + 2 * i12 * y[j, 0] * y[j, 1] + i22 * y[j, 1] ** 2
        logs = logs + np.log(det)
    det = info[0, 0] * info[1, 1] - info[0, 1] ** 2
    mean = np.array([info[1, 1] * pull[0] - info[0, 1] * pull[1],
                     info[0, 0] * pull[1] - info[0, 1] * pull[0]]) / det  # fmt: skip
    log_density = -0.5 * (logs + np.log(det) + squares - (mean * pull).sum(axis=0))
    log_density += stats.halfnorm(scale=0.5).logpdf(t1) + stats.halfnorm(scale=0.5).logpdf(t2)
    log_density += 2.0 * np.log1p(-r * r)  # LKJ(2) as a density of atanh rho
    weight = np.exp(log_density - log_density.max()) * w1 * w2
    weight /= weight.sum()
    assert post["tau[pd]"].mean() == pytest.approx(weight @ t1, rel=2e-7)
    assert post["tau[al]"].mean() == pytest.approx(weight @ t2, rel=2e-7)
    assert post["rho[pd,al]"].mean() == pytest.approx(weight @ r, rel=1e-6)
    assert post["mu[pd]"].mean() == pytest.approx(weight @ mean[0], rel=1e-7)
    var = weight @ (info[0, 0] / det + mean[1] ** 2) - (weight @ mean[1]) ** 2
    assert post["mu[al]"].std() == pytest.approx(np.sqrt(var), rel=1e-6)


def test_one_outcome_given_another():
    """By draws of the pair in a narrow window."""
    post = ph.exact(berkey())
    drawn = post.sample(150_000, rng=3)
    pd_new, al_new = drawn["theta_new[pd]"], drawn["theta_new[al]"]
    near = np.abs(pd_new - 0.5) < 0.02
    law = post.conditional("theta_new[al]", {"theta_new[pd]": 0.5})
    assert near.sum() > 2_000
    se = al_new[near].std() / np.sqrt(near.sum())
    assert law.mean() == pytest.approx(al_new[near].mean(), abs=4 * se)
    assert law.std() == pytest.approx(al_new[near].std(), rel=0.1)
    assert law.std() < post["theta_new[al]"].std()
    with pytest.raises(ValueError, match=r"given is 1e\+06 for theta_new\[pd\].*too far out"):
        post.conditional("theta_new[al]", {"theta_new[pd]": 1e6})


def test_draws_are_the_posteriors():
    post = ph.exact(berkey())
    drawn = post.sample(3_000, rng=1)
    label = "Becker et al.,al"
    at = post.model.labels.index(label)
    for name, values in (
        ("mu[pd]", drawn["mu[pd]"]), ("rho[pd,al]", drawn["rho[pd,al]"]),
        (f"theta[{label}]", drawn["theta"][:, at]), ("theta_new[al]", drawn["theta_new[al]"]),
    ):  # fmt: skip
        assert stats.kstest(post[name].cdf(values), "uniform").pvalue > 1e-4, name


def test_names_and_tables():
    post = ph.exact(berkey())
    table = post.summary()
    assert list(table.index[:5]) == [
        "mu[pd]", "mu[al]", "tau[pd]", "tau[al]", "rho[pd,al]"
    ]  # fmt: skip
    assert list(table.index[-2:]) == ["theta_new[pd]", "theta_new[al]"]
    run = ph.nuts(post.model, 500, tune=500, chains=2, rng=1)
    assert list(run.names) == list(post.names)
    assert run["mu[al]"].mean() == pytest.approx(post["mu[al]"].mean(), abs=0.05)
    p = post.probability("theta[Becker et al.,pd] > theta[Becker et al.,al]")
    assert p == pytest.approx(run.probability("theta[Becker et al.,pd] > theta[Becker et al.,al]"),
                              abs=0.01)  # fmt: skip
    assert post.theta_new(group="al").mean() == pytest.approx(post["theta_new[al]"].mean())
    again = pickle.loads(pickle.dumps(post))
    assert again["rho[pd,al]"].mean() == post["rho[pd,al]"].mean()
    assert set(run.to_arviz().posterior.data_vars) >= {"theta_new[pd]", "rho[pd,al]", "theta"}


@pytest.mark.parametrize("missing", [False, True])
def test_the_models_word(missing):
    y, cov, _ = problem(5, missing=missing)
    prior = {"prior_tau": stats.halfnorm(scale=1.0),
             "prior_beta": {"1": stats.norm(0, 3), "2": stats.norm(0, 3)}}  # fmt: skip

    def make(order):
        return MultivariateNormal(y, cov=cov, labels=list("abcdef"), **prior)

    found = check_model(make(None))
    assert {"density", "derivatives", "engines"} <= {*found.passed}


def test_three_outcomes_are_for_samplers():
    y, cov, _ = problem(8, groups=12, q=3)
    model = MultivariateNormal(y, cov=cov, prior_tau=stats.halfnorm(scale=2.0))
    with pytest.raises(TypeError, match="6 coordinates.*nuts"):
        ph.exact(model)
    run = ph.nuts(model, 300, tune=300, chains=2, rng=1)
    assert {"rho[1,2]", "rho[1,3]", "rho[2,3]"} <= {*run.names}
    assert np.abs(run.draws_of("rho[2,3]")).max() < 1.0


@pytest.mark.parametrize(("change", "told"), [
    ({"cov": np.ones((5, 2, 2))}, "cov has shape"),
    ({"cov": np.ones((6, 2, 2))}, "cov of group 1 is not positive definite"),
    ({"prior_rho": -1.0}, "prior_rho"),
    ({"prior_tau": "jeffreys"}, "prior_tau"),
    ({"outcomes": ["a"]}, "outcomes is"),
    ({"X": [1.0, 2.0]}, "X has 2 rows"),
])  # fmt: skip
def test_bad_input(change, told):
    y, cov, _ = problem(1)
    with pytest.raises((TypeError, ValueError), match=told):
        MultivariateNormal(y, **({"cov": cov} | change))


def test_bad_estimates():
    y, cov, _ = problem(1)
    with pytest.raises(ValueError, match=r"y\[2, 1\] \(group 3\) is inf"):
        MultivariateNormal(np.where(np.arange(12).reshape(6, 2) == 5, np.inf, y), cov=cov)
    with pytest.raises(ValueError, match="two or three outcomes"):
        MultivariateNormal(y[:, :1], cov=cov[:, :1, :1])
    frame = pd.DataFrame(y, columns=["a", "b"], index=list("uvwxyz"))
    assert MultivariateNormal(frame, cov=cov).labels[:2] == ("u,a", "u,b")
    with pytest.raises(ValueError, match="improper with 2 estimates"):
        ph.exact(MultivariateNormal(y[:2], cov=cov[:2]))


def test_many_groups_take_no_square_of_their_number():
    """20,000 groups, some without an outcome: their dense covariance would be 13 GB."""
    rng = np.random.default_rng(9)
    groups = 20_000
    y = rng.multivariate_normal([0.0, 1.0], [[1.5, 0.5], [0.5, 2.0]], groups)
    y[::7, 0] = np.nan
    fit = ph.random_effects(MultivariateNormal(y, cov=np.tile(0.5 * np.eye(2), (groups, 1, 1))))
    np.testing.assert_allclose(fit.sigma, [[1.0, 0.5], [0.5, 1.5]], atol=0.06)
    # Without heterogeneity every outcome is by itself: squares about its mean by its variance.
    seen = [column[~np.isnan(column)] for column in y.T]
    squares = sum(((column - column.mean()) ** 2).sum() / 0.5 for column in seen)
    assert pytest.approx(squares, rel=1e-10) == fit.QE
