"""Counts with normal effects about covariates: densities by sums, fits, what cannot be."""

import pickle

import numpy as np
import pytest
from scipy import stats
from scipy.special import betaln, gammaln, logsumexp

import pyhier as ph
from pyhier.testing import check_model

BCG = ph.load_dataset("bcg")
CASES, PEOPLE = (BCG[name].to_numpy(float) for name in ("vaccinated_cases", "vaccinated"))
LATITUDE = (BCG["latitude"].to_numpy(float) - 33.0) / 10.0


def binomial(**more):
    return ph.BinomialNormal(CASES, PEOPLE, X={"latitude": LATITUDE}, **more)


def poisson(**more):
    return ph.PoissonNormal(CASES, PEOPLE / 1000.0, X={"latitude": LATITUDE}, **more)


def by_sums(mass, phi):
    """The log likelihood of (beta, log tau) by 2,001 points of each effect."""
    z = np.linspace(-9.0, 9.0, 2_001)
    theta = (phi[0] + phi[1] * LATITUDE)[:, None] + np.exp(phi[2]) * z
    return logsumexp(mass(theta) + stats.norm.logpdf(z) + np.log(z[1] - z[0]), axis=1).sum()


def binomial_mass(theta):
    y, n = CASES[:, None], PEOPLE[:, None]
    return -betaln(y + 1, n - y + 1) - np.log1p(n) + y * theta - n * np.logaddexp(0, theta)


def poisson_mass(theta):
    y, e = CASES[:, None], PEOPLE[:, None] / 1000.0
    return y * (theta + np.log(e)) - e * np.exp(theta) - gammaln(y + 1)


@pytest.mark.parametrize(
    ("make", "mass", "beta"),
    [(binomial, binomial_mass, [-4.3, 0.1]), (poisson, poisson_mass, [2.6, 0.1])],
)
def test_densities_against_sums(make, mass, beta):
    prior = {"latitude": stats.norm(0.5, 2.0)}
    model = make(prior_beta=prior, prior_tau=stats.halfcauchy(scale=2.0))
    points = np.array([[*beta, -0.2], [beta[0] + 0.5, -0.7, 0.9], [beta[0], 0.4, -0.9]])
    wanted = np.array([by_sums(mass, point) for point in points])
    np.testing.assert_allclose(model.log_marginal_likelihood(points), wanted, rtol=1e-11)  # betaln
    prior = stats.norm(0.5, 2.0).logpdf(points[:, 1]) + points[:, 2]
    prior += stats.halfcauchy(scale=2.0).logpdf(np.exp(points[:, 2]))
    np.testing.assert_allclose(model.log_posterior(points), wanted + prior, rtol=1e-11)
    for point, value in zip(points, wanted + prior, strict=True):
        assert model.log_marginal(point) == pytest.approx(value, rel=1e-11)
        found, slope = model.log_marginal_gradient(point)
        gradient, hessian = model.derivatives(point)
        assert found == pytest.approx(value, rel=1e-11)
        np.testing.assert_allclose(slope, gradient, rtol=1e-9, atol=1e-9)
        ends = model.log_marginal_gradient.evaluate(
            point + 1e-5 * np.concatenate([np.eye(3), -np.eye(3)])
        )[1].reshape(2, 3, 3)
        np.testing.assert_allclose(hessian, (ends[0] - ends[1]) / 2e-5, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("kind", [ph.BinomialNormal, ph.PoissonNormal])
def test_check_model(kind):
    """With one coefficient, so that a grid is quick."""
    y, n, x = (np.array(part) for part in ([1, 0, 4, 2, 9], [20, 11, 30, 9, 25], [1, 2, 1, 1, 0.5]))

    def make(order):
        options = {"intercept": False, "prior_tau": stats.halfnorm(scale=2.0)}
        return kind(y[order], n[order], X={"x": x[order]}, **options)

    found = check_model(make(np.arange(5)), make)
    assert {"density", "derivatives", "draws of effects", "permutation", "engines"} <= {
        *found.passed
    }


def test_no_spread_is_plain_regression():
    """Where counts vary no more than by chance the fit is statsmodels' logistic one, tau 0."""
    import statsmodels.api as sm

    x = np.arange(8.0)
    trials = np.full(8, 40.0)
    y = np.round(trials / (1.0 + np.exp(1.0 - 0.2 * x)))
    fit = ph.empirical_bayes(ph.BinomialNormal(y, trials, X={"x": x})).estimate
    wanted = (
        sm.GLM(np.column_stack([y, trials - y]), sm.add_constant(x), family=sm.families.Binomial())
        .fit(tol=1e-14)
        .params
    )
    assert fit["tau"] == 0.0
    np.testing.assert_allclose([fit["beta[Intercept]"], fit["beta[x]"]], wanted, rtol=1e-8)
    plain = ph.empirical_bayes(ph.BinomialNormal([4, 4, 4, 5], [10, 10, 10, 10])).estimate
    assert plain["tau"] == 0.0
    assert plain["mu"] == pytest.approx(np.log(17.0 / 23.0), rel=1e-10)


def test_separation_is_told():
    y, n, x = [0, 0, 0, 3, 5, 2], [9] * 6, [0, 0, 0, 1, 1, 1]
    with pytest.raises(ValueError, match=r"separates groups without .*prior_beta=\{'Intercept'"):
        ph.laplace(ph.BinomialNormal(y, n, X={"x": x}, prior_tau=stats.halfnorm(scale=1)))
    mended = ph.BinomialNormal(
        y, n, X={"x": x}, prior_beta={"x": stats.norm(0, 2.5)}, prior_tau=stats.halfnorm(scale=1)
    )
    assert np.isfinite(ph.laplace(mended).mode).all()
    few = ph.BinomialNormal([1, 2, 3], [9, 9, 9], X={"x": [0, 1, 3]})
    with pytest.raises(ValueError, match="at least 4 groups with both"):
        ph.laplace(few)


def test_from_formula_and_pickling():
    model = ph.BinomialNormal.from_formula(
        "vaccinated_cases ~ latitude", BCG, trials="vaccinated", label="trial",
        prior_tau="jeffreys",
    )  # fmt: skip
    wanted = "BinomialNormal: 13 groups, beta[Intercept], beta[latitude] flat, tau jeffreys"
    assert repr(model) == wanted
    again = pickle.loads(pickle.dumps(model))
    assert repr(again) == wanted
    assert again.labels == model.labels
    other = again.with_prior(prior_beta={"latitude": stats.norm(0, 1)})
    assert repr(other).endswith("beta[latitude] partly normal, tau jeffreys")
    with pytest.raises(ValueError, match="prior_beta= and|give prior_beta="):
        ph.PoissonNormal([1, 2], [1, 1], X=[0, 1], prior_mu=stats.norm(0, 1))
    with pytest.raises(ValueError, match="give X="):
        ph.PoissonNormal([1, 2], [1, 1], prior_beta={"x": stats.norm(0, 1)})


def test_samplers_agree():
    """Marginal NUTS, both joint ones and importance sampling of one posterior."""
    model = binomial(prior_tau=stats.halfnorm(scale=1.0))
    known = ph.importance(model, 40_000, df=3, rng=1)
    names = ("beta[Intercept]", "beta[latitude]", "tau", "theta[3]")
    for kind in ("marginal", "centred", "non-centred"):
        post = ph.nuts(model, 1_000, 500, chains=2, rng=2, parameterization=kind, progress=False)
        ess = post.diagnostics()["ess_bulk"]
        for name in names:
            error = post[name].std() / np.sqrt(ess[name]) + known.mcse(name)
            assert abs(post[name].mean() - known[name].mean()) < 5.0 * error, (kind, name)
