"""Counts with covariates: likelihoods, gradients, priors, what leaves no posterior."""

import pickle
import tracemalloc

import mpmath as mp
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.optimize import minimize_scalar
from statsmodels.discrete.discrete_model import NegativeBinomial

import pyhier as ph
from pyhier.kernels.count_regression import (
    CountRegressionMarginal,
    PrecisionPrior,
    RegressionCounts,
)
from pyhier.models import BetaBinomialRegression, PoissonGammaRegression

BCG = ph.load_dataset("bcg")
Y, N, LATITUDE = (BCG[c].to_numpy(float) for c in ("vaccinated_cases", "vaccinated", "latitude"))
FLAT = {"mean": np.zeros(1), "root": np.empty((0, 1)), "constant": 0.0}


def successes(**more):
    return ph.BetaBinomial(Y, N, X={"latitude": LATITUDE}, **more)


def events(**more):
    return ph.PoissonGamma(Y, N / 1000.0, X={"latitude": LATITUDE}, **more)


BOTH = pytest.mark.parametrize("make", [successes, events])


def beta_binomial(y, f, u, v):
    """Its log probability by many digits."""
    with mp.workdps(400):
        k, small = mp.exp(mp.mpf(v)), mp.exp(-mp.mpf(u))
        a, b, y, f = k / (1 + small), k * small / (1 + small), mp.mpf(y), mp.mpf(f)
        gammas = (y + a, f + b, k, y + f + 1), (y + f + k, a, b, y + 1, f + 1)
        up, down = (sum(mp.loggamma(x) for x in part) for part in gammas)
        return float(up - down)


def negative_binomial(y, e, u, v):
    with mp.workdps(400):
        a, mean, y = mp.exp(mp.mpf(v)), mp.mpf(e) * mp.exp(mp.mpf(u)), mp.mpf(y)
        constant = mp.loggamma(y + a) - mp.loggamma(a) - mp.loggamma(y + 1)
        return float(constant + y * mp.log(mean / (mean + a)) - a * mp.log1p(mean / a))


@pytest.mark.parametrize(("family", "known"), [
    ("beta-binomial", beta_binomial), ("poisson-gamma", negative_binomial),
])  # fmt: skip
def test_likelihood_at_any_size(family, known):
    """Counts to 1e12 and predictors to 700: a few ulps, however it would cancel."""
    for y, other in [(0, 1), (3, 47), (0, 50), (12, 1), (1e4, 3e8), (1e12, 4e11), (7, 1e12)]:
        for u, v in [(0.3, 1.1), (-4.0, 0.2), (-6.0, 30.0), (2.0, -20.0), (690.0, 3.0),
                     (-700.0, 0.5), (-0.5, 90.0), (12.0, -200.0)]:  # fmt: skip
            counts = RegressionCounts(
                family, np.array([y], float), np.array([other], float), np.ones((1, 1)),
                np.ones(1), **FLAT,
            )  # fmt: skip
            found = CountRegressionMarginal(counts, None, False)([u, v])
            assert found == pytest.approx(known(y, other, u, v), rel=2e-14, abs=2e-14), (y, u, v)


def test_events_are_a_negative_binomial_regression():
    """statsmodels' likelihood and estimates, and those of SciPy's distribution."""
    model = events()
    found = ph.empirical_bayes(model).estimate
    beta, alpha = np.array([found[name] for name in model.coefficients]), found["alpha"]
    design = np.column_stack([np.ones(13), LATITUDE])
    mean = N / 1000.0 * np.exp(design @ beta)
    ours = model.log_marginal_likelihood(np.array([[*beta, np.log(alpha)]]))[0]
    assert ours == pytest.approx(stats.nbinom.logpmf(Y, alpha, alpha / (alpha + mean)).sum(),
                                 rel=1e-12)  # fmt: skip
    other = NegativeBinomial(Y, design, exposure=N / 1000.0)
    start = np.array([beta[0] + 0.1, beta[1] + 0.001, 1.1 / alpha])
    fit = other.fit(start_params=start, method="newton", disp=0)
    np.testing.assert_allclose(fit.params, [*beta, 1.0 / alpha], rtol=1e-6)
    assert fit.llf == pytest.approx(ours, abs=1e-8)


def test_successes_are_a_beta_binomial_regression():
    model, phi = successes(), np.array([-4.0, 0.02, 2.5])
    eta, k = 1.0 / (1.0 + np.exp(4.0 - 0.02 * LATITUDE)), np.exp(2.5)
    known = stats.betabinom.logpmf(Y, N, eta * k, (1.0 - eta) * k).sum()
    assert model.log_marginal_likelihood(phi[None])[0] == pytest.approx(known, rel=1e-10)
    top = ph.empirical_bayes(model).estimate
    best = model.phi_at(**top)
    gradient = model.likelihood_derivatives(best)[0]
    assert np.abs(gradient * [1.0, 30.0, 1.0]).max() < 1e-6


@BOTH
def test_gradients(make):
    priors = {"prior_beta": {"latitude": stats.norm(0.01, 0.1)}}
    for model in (make(), make(**priors)):
        point = model.start() + np.array([0.1, -0.002, 0.2])
        value, slopes = model.log_marginal_gradient(point)
        gradient, hessian = model.derivatives(point)
        assert value == pytest.approx(model.log_marginal(point), rel=1e-14)
        np.testing.assert_allclose(slopes, gradient, rtol=1e-9)
        steps = 1e-4 * np.diag([1.0, 0.02, 1.0])
        for k, step in enumerate(steps):
            ends = [model.log_marginal(point + s * step) for s in (1.0, -1.0)]
            assert gradient[k] == pytest.approx((ends[0] - ends[1]) / (2.0 * step[k]), rel=1e-5)
            ends = [model.derivatives(point + s * step)[0] for s in (1.0, -1.0)]
            np.testing.assert_allclose(
                hessian[k], (ends[0] - ends[1]) / (2.0 * step[k]), rtol=1e-4, atol=1e-5
            )


@BOTH
def test_the_intercept_alone_is_the_plain_model(make):
    model = make()
    alone = type(model)(*model._columns, X=np.ones(13)) if make is events else (
        ph.BetaBinomial(Y, N, X=np.ones(13)))  # fmt: skip
    plain = ph.PoissonGamma(Y, N / 1000.0) if make is events else ph.BetaBinomial(Y, N)
    points = np.random.default_rng(0).normal(size=(9, 2))
    order = [1, 0] if make is events else [0, 1]
    np.testing.assert_allclose(
        alone.log_marginal_likelihood(points),
        plain.log_marginal_likelihood(np.ascontiguousarray(points[:, order])), rtol=1e-13,
    )  # fmt: skip


@BOTH
def test_priors_and_names(make):
    model = make(prior_beta={"Intercept": stats.norm(0, 3), "latitude": stats.norm(0, 1)})
    assert isinstance(model, PoissonGammaRegression if make is events else BetaBinomialRegression)
    phi = np.array([-2.0, 0.1, 0.7])
    known = stats.norm(0, 3).logpdf(-2.0) + stats.norm(0, 1).logpdf(0.1)
    known += 0.7 - 2.0 * np.log1p(np.exp(0.7))  # p(K) = 1 / (1 + K)^2
    assert model.log_prior(phi) == pytest.approx(known, rel=1e-12)
    drawn = model.draw_prior(4_000, np.random.default_rng(1))
    assert np.median(drawn[:, 2]) == pytest.approx(0.0, abs=0.15)
    name = model.precision
    other = model.with_prior(**{f"prior_{name}": stats.gamma(2.0, scale=3.0)})
    assert other.log_prior(phi) == pytest.approx(
        known
        - 0.7
        + 2.0 * np.log1p(np.exp(0.7))
        + stats.gamma(2, scale=3).logpdf(np.exp(0.7))
        + 0.7
    )
    assert set(model.hyperparameters(phi)) == {"beta[Intercept]", "beta[latitude]", name}
    again = pickle.loads(pickle.dumps(other))
    assert again.log_marginal(phi) == other.log_marginal(phi)
    assert repr(again) == repr(other)
    np.testing.assert_allclose(
        model.phi_at(**{"beta[Intercept]": -2.0, "beta[latitude]": 0.1, name: np.exp(0.7)}), phi
    )


def test_prior_of_a_precision():
    points = np.linspace(-40.0, 40.0, 7)[:, None]
    k = np.exp(points.ravel())
    np.testing.assert_allclose(
        PrecisionPrior(0.5).evaluate(points), np.log(0.5) - 2.0 * np.log(k + 0.5), rtol=1e-13
    )


def test_formulas_code_categories():
    model = ph.BetaBinomial.from_formula(
        "vaccinated_cases ~ latitude + C(allocation)", BCG, trials="vaccinated"
    )
    assert model.covariates.size == 4
    assert model.covariates.rows({"latitude": 10.0, "allocation": "random"}).shape == (1, 4)


def test_separation_and_what_else_leaves_no_posterior():
    x = np.array([0.0, 0.0, 1.0, 1.0])
    for make in (lambda y: ph.BetaBinomial(y, [10] * 4, X=x),
                 lambda y: ph.PoissonGamma(y, [10.0] * 4, X=x)):  # fmt: skip
        with pytest.raises(ValueError, match=r"separates .* prior_beta=\{'Intercept'"):
            ph.laplace(make([0, 0, 5, 3]))
        with pytest.raises(ValueError, match="there is no (success|event)"):
            ph.laplace(make([0, 0, 0, 0]))
        assert make([0, 1, 5, 3]).why_no_posterior() == ""
    with pytest.raises(ValueError, match="no group that has data depends on it"):
        ph.laplace(ph.BetaBinomial([3, 0, 5, 0], [10, 0, 10, 0], X=np.array([0.0, 1.0, 0, 2])))
    with pytest.raises(ValueError, match="posterior of K is improper"):
        ph.laplace(successes(prior_K="uniform"))
    proper = {"x1": stats.norm(0, 2), "Intercept": stats.norm(0, 2)}
    assert not ph.BetaBinomial([0, 0, 5, 3], [10] * 4, X=x, prior_beta=proper).why_no_posterior()


def test_separation_is_found_where_no_column_shows_it():
    """A combination of three columns: by brute force over directions."""
    rng = np.random.default_rng(5)
    for _ in range(20):
        x = rng.normal(size=(7, 2))
        y = rng.integers(0, 2, 7) * rng.integers(0, 11, 7)
        found = bool(ph.BetaBinomial(y, [10] * 7, X=x).why_no_posterior())
        angle = rng.normal(size=(200_000, 3))
        u = angle @ np.column_stack([np.ones(7), x]).T
        some, others = y > 0, y < 10
        fits = (u[:, some & ~others] >= 0).all(axis=1) & (u[:, others & ~some] <= 0).all(axis=1)
        brute = bool(fits.any()) if not (some & others).any() else None
        if brute is not None:
            assert found == brute


def test_wrong_inputs():
    for wrong, match in (
        ({"prior": "bda3"}, "prior= is of a model without X"),
        ({"prior_K": stats.norm(0, 1)}, "prior_K"),
        ({"prior_K": 3.0}, "prior_K"),
        ({"prior_beta": {"age": stats.norm(0, 1)}}, "prior_beta names 'age'"),
    ):
        with pytest.raises((ValueError, TypeError), match=match):
            successes(**wrong)
    with pytest.raises(ValueError, match="prior_beta is a prior beside covariates"):
        ph.BetaBinomial(Y, N, prior_beta={"latitude": stats.norm(0, 1)})
    with pytest.raises(ValueError, match="whole numbers"):
        ph.PoissonGamma(Y + 0.5, N, X=LATITUDE)
    with pytest.raises(ValueError, match="made up of Intercept"):
        ph.BetaBinomial(Y, N, X=np.column_stack([LATITUDE, 2.0 * LATITUDE - 1.0]))
    with pytest.raises(ValueError, match="13 groups|13 rows|12 rows"):
        ph.BetaBinomial(Y, N, X=LATITUDE[1:])
    data = pd.DataFrame({"y": [1, 2, 3], "n": [4, 5, 6], "x": [1.0, 2.0, 4.0]})
    with pytest.raises(ValueError, match="trials"):
        ph.BetaBinomial.from_formula("y ~ x", data, trials="m")


@pytest.mark.parametrize("make", [successes, events])
def test_years_do_not_ruin_a_fit(make):
    """A covariate far from 0 changes nothing but the intercept."""
    far = make().with_prior(X={"latitude": LATITUDE + 2000.0})
    near = ph.laplace(make())
    assert ph.laplace(far).mode[1] == pytest.approx(near.mode[1], rel=1e-6)
    assert ph.laplace(far).int == pytest.approx(near.int, abs=1e-5)


@pytest.mark.parametrize("kind", [ph.BetaBinomial, ph.PoissonGamma])
def test_nothing_takes_the_square_of_the_number_of_groups(kind):
    """The search for separation of 8,000 groups: half a GB, were it to be squared."""
    rng = np.random.default_rng(2)
    size = rng.integers(50, 60, 8_000)
    counts, x = rng.binomial(size, 0.1), rng.normal(size=size.size)
    tracemalloc.start()
    model = kind(counts, size, X={"x": x})
    assert model.why_no_posterior() == ""
    if kind is ph.PoissonGamma:  # another linear program, here one of convex lines in one number
        right = minimize_scalar(lambda d: counts @ np.maximum(1.0 - d * x, 0.0)).fun
        assert model.effect_index(np.array([-1.0, 0.0])) == pytest.approx(right, rel=1e-6)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**27
