"""Exact posteriors of counts with normal effects and covariates: against brute force."""

import numpy as np
import pytest
from scipy import stats

import pyhier as ph

Y, N = np.array([3, 7, 2, 9, 12, 6]), np.array([20, 22, 15, 30, 31, 14])
X = np.array([-1, 0.2, -0.5, 0.7, 1.3, 0.9])
PRIORS = {
    "prior_beta": ([-1.0, 0.0], np.diag([1.5**2, 1.0])),
    "prior_tau": stats.halfnorm(scale=0.7),
}

# By count_normal_brute_force.py: log Z; means, sds and distribution functions.
KNOWN = {
    "binomial": (
        -14.710013405723144,
        {
            "beta[Intercept]": (-1.1602768912886, 0.2795373829732,
                                {-1.3: 0.295699422, -0.5: 0.990950285}),
            "beta[x]": (0.5912367395108, 0.3066318894011,
                        {0.2: 0.093148046825, 1.0: 0.911627912193}),
            "tau": (0.2629679527178, 0.2232734579890, {0.1: 0.259994546, 0.6: 0.917208999}),
            "theta[1]": (-1.7643230980758, 0.4843359797697,
                         {-2.5: 0.0691373902, -1.5: 0.7003964547}),
            "theta[4]": (-0.7782912212618, 0.2712300347508,
                         {-1.0: 0.1926005285, -0.5: 0.8579986349}),
        },
    ),
    "poisson": (
        -16.30863427170572,
        {
            "beta[Intercept]": (0.0933980170914, 0.2538728433397,
                                {-1.3: 0.000090444609, -0.5: 0.016289017006}),
            "beta[x]": (0.4660192761560, 0.2729621456821,
                        {0.2: 0.154639702749, 1.0: 0.970692174218}),
            "tau": (0.2301922808664, 0.2008636050632, {0.1: 0.300164979, 0.6: 0.943194605}),
            "theta[1]": (-0.3706490506487, 0.4458850257038,
                         {-1.2: 0.0397628104, -0.5: 0.3651410996}),
            "theta[4]": (0.4106991275416, 0.2270374671530,
                         {0.3: 0.2901215061, 0.8: 0.9647664644}),
        },
    ),
}  # fmt: skip


def model_of(family, x):
    if family == "binomial":
        return ph.BinomialNormal(Y, N, X=x, **PRIORS)
    return ph.PoissonNormal(Y, N / 5.0, X=x, **PRIORS)


@pytest.mark.parametrize("family", KNOWN)
def test_by_brute_force(family):
    post = ph.exact(model_of(family, {"x": X}))
    log_z, known = KNOWN[family]
    assert post.log_evidence == pytest.approx(log_z, abs=1e-8)
    assert post.error < 1e-9
    for name, (mean, sd, cdf) in known.items():
        assert post[name].mean() == pytest.approx(mean, abs=1e-8)
        assert post[name].std() == pytest.approx(sd, abs=1e-8)
        for point, below in cdf.items():
            assert post[name].cdf(point) == pytest.approx(below, abs=1e-7)
    effects = [known[f"theta[{j}]"][0] for j in (1, 4)]
    np.testing.assert_allclose(post.group_means()[[0, 3]], effects, atol=1e-8)
    drawn = post.to_draws(20_000, rng=1)
    for name in ("beta[x]", "tau", "theta[4]"):
        u = post[name].cdf(drawn.draws_of(name).ravel())
        assert stats.kstest(u, "uniform").pvalue > 1e-4


def test_two_covariates():
    """Against an importance sample of the same density."""
    x = np.column_stack([X, [0, 1, 1, 0, 0, 1]])
    prior = {"x1": stats.norm(0, 1), "x2": stats.norm(0, 1)}
    model = ph.BinomialNormal(Y, N, X=x, prior_beta=prior, prior_tau=PRIORS["prior_tau"])
    post, other = ph.exact(model), ph.importance(model, 100_000, df=3, rng=1)
    for key, mean in (("tau", post["tau"].mean()), ("theta[1]", post.group_means()[0])):
        error = 4.0 * other[key].std() / np.sqrt(other.ess)
        assert mean == pytest.approx(other[key].mean(), abs=error)
    means = post.weight @ post.phi
    error = 4.0 * other["beta[x2]"].std() / np.sqrt(other.ess)
    assert means[2] == pytest.approx(other["beta[x2]"].mean(), abs=error)


@pytest.mark.parametrize("kind", [ph.BinomialNormal, ph.PoissonNormal])
def test_tables_are_the_density(kind):
    """Of counts without events, of large ones and all trials; tau 0 to large."""
    rng = np.random.default_rng(3)
    y, n = [0, 3, 2, 10_000, 1, 6], [20, 3, 15, 30_000, 100_000, 14]
    model = kind(y, n, X={"x": X}, **PRIORS)
    log_tau = rng.choice([-30.0, -4.0, -1.0, 0.3, 1.5, 4.0], 3000)
    psi = np.column_stack([rng.normal(-1.0, 3.0, (3000, 2)), log_tau])
    psi[0, 0], psi[1, 2] = 1e6, -np.inf
    known = model.log_posterior(psi)
    near = np.abs(known) < 1e4
    assert near.sum() > 100
    np.testing.assert_allclose(model.log_psi(psi)[near], known[near], rtol=0, atol=1e-9)
    np.testing.assert_allclose(model.log_psi(psi), known, rtol=1e-13)
