"""Heavy-tailed effects about covariates: exact against brute force, other models and hills."""

import pickle
from functools import lru_cache

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, special, stats

import pyhier as ph
from pyhier.testing import check_model
from tests.inference.heavy_regression_brute_force import PRIORS, SE, Brute, X, Y

INF = np.inf


def t_of_four(x):
    return 0.375 * (1.0 + x * x / 4.0) ** -2.5


def contaminated(x):
    return 0.8 * stats.norm.pdf(x) + 0.2 * np.exp(-0.5 * (x / 6.0) ** 2) / (
        6.0 * np.sqrt(2 * np.pi)
    )


CASES = {
    "t": (t_of_four, lambda: ph.NormalT(Y, se=SE, nu=4, X={"x": X}, **PRIORS)),
    "contaminated": (
        contaminated,
        lambda: ph.NormalMixture(Y, se=SE, weight=0.2, ratio=6.0, X={"x": X}, **PRIORS),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_exact_is_what_brute_force_finds(case):
    law, make = CASES[case]
    brute, post = Brute(law), ph.exact(make())
    assert abs(post.log_evidence - np.log(brute.evidence)) < 1e-9
    axes = {"beta[Intercept]": brute.a, "beta[x]": brute.b, "log_tau": brute.log_tau}
    for k, (name, x) in enumerate(axes.items()):
        weight = brute.weight.sum(axis=tuple({0, 1, 2} - {k}))
        mean = weight @ x
        assert abs(post[name].mean() - mean) < 1e-9
        assert abs(post[name].std() - np.sqrt(weight @ (x - mean) ** 2)) < 1e-9
    for j in (0, 3, 5):
        x, density, marginal = brute.theta[j], brute.density[j], post[f"theta[{j + 1}]"]
        mean = density @ x
        assert abs(marginal.mean() - mean) < 1e-9
        assert abs(marginal.std() - np.sqrt(density @ (x - mean) ** 2)) < 1e-9
        step = x[1] - x[0]
        np.testing.assert_allclose(marginal.pdf(x[40:80:6]), density[40:80:6] / step, atol=1e-8)


def test_distribution_functions_are_integrals_of_brute_force():
    """Densities so smooth are sums of sincs over a grid; of a sinc the integral is Si."""
    law, make = CASES["t"]
    brute, post = Brute(law), ph.exact(make())
    # The grid of log tau has steps of half a sd, whose sincs are good to 1e-8.
    for k, name, x, good in (1, "beta[x]", brute.b, 1e-9), (2, "log_tau", brute.log_tau, 2e-8):
        weight = brute.weight.sum(axis=tuple({0, 1, 2} - {k}))
        steps = np.arange(x.size)
        share = 0.5 + special.sici(np.pi * (steps[:, np.newaxis] - steps))[0] / np.pi
        np.testing.assert_allclose(post[name].cdf(x), share @ weight, rtol=0, atol=good)


@pytest.mark.parametrize("make", [ph.NormalT, ph.NormalMixture])
def test_check_model(make):
    """With one coefficient, so that a grid is quick."""
    x = X + 2.0

    def of(k):
        options = {"intercept": False, "prior_tau": stats.halfnorm(scale=2.0)}
        return make(Y[k], se=SE[k], X={"x": x[k]}, **options)

    found = check_model(of(np.arange(5)), of)
    assert {"density", "derivatives", "draws of effects", "permutation", "engines"} <= {
        *found.passed
    }


@pytest.mark.parametrize("unit", [1e-60, 1e60])
def test_units_of_the_estimates_do_not_matter(unit):
    post, other = of_unit(1.0), of_unit(unit)
    for name in ("beta[x]", "theta[2]"):
        found = np.array([other[name].mean(), other[name].std()]) / unit
        np.testing.assert_allclose(found, [post[name].mean(), post[name].std()], rtol=1e-8)


@lru_cache
def of_unit(s):
    prior = stats.halfnorm(scale=s)
    return ph.exact(ph.NormalT(s * Y, se=s * SE, X={"x": X}, prior_tau=prior))


COUNTED = [3, 2, 5, 1, 7, 4], [10, 12, 9, 10, 14, 11]


OF_COVARIATE = {
    "t": lambda x: ph.NormalT(Y, se=SE, X={"x": x}, prior_tau=stats.halfnorm(scale=1)),
    "logits": lambda x: ph.BinomialNormal(*COUNTED, X={"x": x}, prior_tau=stats.halfnorm(scale=1)),
    "beta-binomial": lambda x: ph.BetaBinomial(*COUNTED, X={"x": x}),
}


@lru_cache
def slope_of(kind, unit):
    slope = ph.exact(OF_COVARIATE[kind](unit * X))["beta[x]"]
    return unit * slope.mean(), unit * slope.std()


@pytest.mark.parametrize("unit", [1e-40, 1e7, 1e60])
def test_units_of_a_covariate_do_not_matter(unit):
    for kind in OF_COVARIATE:
        np.testing.assert_allclose(slope_of(kind, unit), slope_of(kind, 1.0), rtol=1e-8)


def test_with_infinite_nu_it_is_the_normal_regression():
    normal, other = (
        ph.exact(make(Y, se=SE, X={"x": X}, **PRIORS, **more))
        for make, more in ((ph.NormalNormal, {}), (ph.NormalT, {"nu": INF}))
    )
    assert abs(normal.log_z - other.log_z) < 1e-9
    for name in ("beta[Intercept]", "beta[x]", "tau", "theta[6]"):
        a, b = normal[name], other[name]
        np.testing.assert_allclose([b.mean(), b.std()], [a.mean(), a.std()], rtol=1e-8)
        np.testing.assert_allclose(b.ppf([0.025, 0.5, 0.9]), a.ppf([0.025, 0.5, 0.9]), rtol=1e-8)


def test_a_constant_alone_is_the_model_without_covariates():
    plain, other = (
        ph.exact(ph.NormalT(Y, se=SE, prior_tau=PRIORS["prior_tau"], **more))
        for more in ({}, {"X": {"one": np.ones(Y.size)}})
    )
    assert abs(plain.log_z - other.log_z) < 1e-8
    for one, same in (("mu", "beta[one]"), ("tau", "tau"), ("theta[6]", "theta[6]")):
        a, b = plain[one], other[same]
        np.testing.assert_allclose([b.mean(), b.std()], [a.mean(), a.std()], rtol=1e-8)
        np.testing.assert_allclose(b.ppf([0.025, 0.5, 0.9]), a.ppf([0.025, 0.5, 0.9]), rtol=1e-8)


def test_a_hill_off_the_lattice_is_refused():
    """Two lines, each of eight groups, far from one another."""
    x = np.tile(np.linspace(-1.0, 1.0, 8), 2)
    y = np.where(np.arange(16) < 8, 1.0 + x, 400.0 - 30.0 * x)
    model = ph.NormalT(
        y, se=np.full(16, 0.1), nu=1, X={"x": x}, prior_tau=stats.halfnorm(scale=0.01)
    )
    with pytest.raises(ValueError, match=r"separate hill.*larger nu"):
        ph.exact(model)


def test_nu_over_a_grid_is_averaged():
    weights = {1.0: 0.4, INF: 0.6}
    model = ph.NormalT(Y, se=SE, nu=weights, X={"x": X}, **PRIORS)
    post = ph.exact(model)
    logs = np.array([post.cases[nu].log_evidence + np.log(w) for nu, w in weights.items()])
    chances = np.exp(logs - np.logaddexp.reduce(logs))
    np.testing.assert_allclose(list(post.case_probabilities.values()), chances, rtol=1e-10)
    mean = chances @ [case["beta[x]"].mean() for case in post.cases.values()]
    assert abs(post["beta[x]"].mean() - mean) < 1e-10
    drawn = post.to_draws(20_000, rng=1)
    off = drawn["beta[x]"].mean() - mean
    assert abs(off) < 4.5 * post["beta[x]"].std() / np.sqrt(20_000)
    assert post.predict_new([1.0], x={"x": [2.0]}, draws=50, rng=1).shape[-1] == 1


def test_moments_end_where_few_groups_depend_on_a_coefficient():
    """Along the dummy of a single group the likelihood falls as that group's density alone."""
    x = {"last": [0.0, 0.0, 0.0, 0.0, 1.0]}
    prior = {"prior_tau": stats.halfnorm(scale=1.0)}
    model = ph.NormalT(Y[:5], se=SE[:5], nu=1, X=x, **prior)
    # One group moves with the dummy, and four with the intercept (the dummy going along).
    assert model.moment_index("beta[last]") == 2.0 - 1.0
    assert model.moment_index("beta[Intercept]") == 4 * 2.0 - 1.0
    line = ph.NormalT(Y, se=SE, nu=1, X={"x": X}, **prior)
    assert line.moment_index("beta[x]") == 5 * 2.0 - 1.0
    assert line.effect_index(np.array([1.0, 3.0])) == 1.0
    known = line.with_prior(prior_beta=PRIORS["prior_beta"])
    assert known.moment_index("beta[x]") == INF
    assert line.with_prior(nu=INF).moment_index("beta[x]") == INF


def test_it_pickles_and_says_what_it_is():
    table = {"y": Y, "s": SE, "x": X}
    model = ph.NormalT.from_formula("y ~ x", pd.DataFrame(table), se="s", nu=3)
    words = "NormalT: 6 groups, nu 3, beta[Intercept], beta[x] flat, tau uniform"
    assert repr(model) == words
    again = pickle.loads(pickle.dumps(model))
    assert repr(again) == words
    assert repr(again.with_prior(nu=[1, 3])) == words.replace("nu 3", "nu one of 1, 3")
    assert repr(pickle.loads(pickle.dumps(again.with_prior(nu=[1, 3])))).count("one of") == 1
    mixture = ph.NormalMixture(Y, se=SE, X={"x": X}, **PRIORS)
    assert repr(pickle.loads(pickle.dumps(mixture))) == repr(mixture)
    assert "beta[x] normal" in repr(mixture)


@pytest.mark.parametrize("make", [ph.NormalT, ph.NormalMixture])
def test_wrong_arguments_are_told(make):
    with pytest.raises(ValueError, match="give X="):
        make(Y, se=SE, prior_beta={"x": stats.norm(0, 1)})
    with pytest.raises(ValueError, match="give prior_beta="):
        make(Y, se=SE, X={"x": X}, prior_mu=stats.norm(0, 1))
    with pytest.raises(ValueError, match="X has 5 rows"):
        make(Y, se=SE, X={"x": X[:5]})
    with pytest.raises(ValueError, match="uniform prior of tau, which needs at least 4"):
        ph.exact(make(Y[:3], se=SE[:3], X={"x": X[:3]}))


def test_maxima_against_scipy():
    """The highest marginal likelihood, by another formula from many starts."""
    z, w = np.polynomial.legendre.leggauss(200)

    def minus(phi):  # by Gauss' rule between 10 errors each way
        away = Y[:, None] + 10.0 * SE[:, None] * z - (phi[0] + phi[1] * X)[:, None]
        own = stats.norm.pdf(10.0 * z) * 10.0
        return -np.log((t_of_four(away / np.exp(phi[2])) / np.exp(phi[2]) * own) @ w).sum()

    starts = [(0.0, 1.0, -0.5), (1.0, 3.0, 0.5), (0.5, 2.0, 1.0)]
    found = min(
        (optimize.minimize(minus, s, method="Nelder-Mead",
                           options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 3000})
         for s in starts), key=lambda one: one.fun,
    )  # fmt: skip
    fit = ph.empirical_bayes(ph.NormalT(Y, se=SE, nu=4, X={"x": X}))
    assert abs(fit.model.log_marginal_likelihood(fit.phi)[0] + found.fun) < 1e-7
