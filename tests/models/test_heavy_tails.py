"""Heavy-tailed effects: against other formulas, in 30 digits and by brute force on dense grids."""

import mpmath
import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

import pyhier as ph
from pyhier.distributions.scale_laws import student
from pyhier.testing import check_model

INF = np.inf


def schools(extra=80.0):
    d = ph.load_dataset("eight_schools")
    return np.append(d["y"], extra), np.append(d["sigma"], 10.0)


# --- The integral over an effect ------------------------------------------------------------------


def integral_in_digits(nu, away, tau):
    """Log density of an estimate with se 1: N(away; theta, 1) t(theta / tau) / tau over theta."""
    with mpmath.workdps(30):
        nu, away, tau = map(mpmath.mpf, (nu, away, tau))
        constant = mpmath.loggamma((nu + 1) / 2) - mpmath.loggamma(nu / 2)
        constant -= mpmath.log(nu * mpmath.pi) / 2 + mpmath.log(2 * mpmath.pi) / 2

        def density(x):  # theta = tau x
            return -((away - tau * x) ** 2) / 2 - (nu + 1) / 2 * mpmath.log1p(x * x / nu)

        # Both hills, in steps about them: theta near the estimate, and near 0.
        ends = sorted(
            {
                x
                for c, s in ((away / tau, 1 / tau), (0, mpmath.mpf(1)))
                for x in [c + k * s for k in (-40, -14, -7, -3, -1, 0, 1, 3, 7, 14, 40)]
            }
        )
        ends = [x for x in ends if abs(away - tau * x) < 41]
        top = max(density(x) for x in ends)
        whole = mpmath.quad(lambda x: mpmath.exp(density(x) - top), ends)
        return float(top + mpmath.log(whole) + constant)


@pytest.mark.parametrize("nu", [0.5, 1.0, 4.0, 30.0, 1e6])
def test_the_density_of_an_estimate_is_that_of_thirty_digits(nu):
    law = student(nu).kernel
    for away, tau in ((0.0, 1.0), (3.0, 0.5), (12.0, 2.0), (0.4, 1e-3), (40.0, 1.0), (9.0, 1e-2)):
        found = law.laws(np.array([away]), np.ones(1), np.zeros((1, 1)), np.log([tau]))[0, 0, 0]
        wanted = integral_in_digits(nu, away, tau)
        assert abs(found - wanted) < 2e-13 * max(1.0, abs(wanted)), (away, tau)


@pytest.mark.parametrize("nu", [0.5, 2.0, 4.0, 100.0, 1e4, 1e6])
def test_far_out_it_is_the_density_of_the_effect_or_of_the_error(nu):
    """Where tau is 1e8 errors, or an estimate 1e8 of both away, one of the two is nothing."""
    law, x = student(nu).kernel, np.array([0.0, 1.0, 30.0, 1e4])
    wide = law.laws(1e8 * x, np.ones(4), np.zeros((1, 1)), np.log([1e8]))[0, :, 0]
    np.testing.assert_allclose(wide, stats.t.logpdf(x, nu) - np.log(1e8), rtol=2e-13, atol=2e-13)
    if nu >= 2.0:
        narrow = law.laws(x[:2], np.ones(2), np.zeros((1, 1)), np.log([1e-8]))[0, :, 0]
        np.testing.assert_allclose(narrow, stats.norm.logpdf(x[:2]), rtol=0, atol=1e-13)
    if nu <= 4.0:
        far = law.laws(np.array([1e8]), np.ones(1), np.zeros((1, 1)), np.log([1.0]))[0, 0, 0]
        np.testing.assert_allclose(far, stats.t.logpdf(1e8, nu), rtol=1e-13)


def test_panels_of_means_have_the_densities_of_thirty_digits():
    """What a lattice takes of a regression: polynomials through sums that share components."""
    y, x = np.array([1.0, -2.0, 60.0]), np.array([0.0, 1.0, -1.0])
    model = ph.NormalT(y, se=np.ones(3), nu=4, X=x, intercept=True)
    for log_tau in (-3.0, 0.0, 2.0):
        phi = np.array([[0.1, 0.3, log_tau], [20.0, -7.0, log_tau], [61.5, 0.2, log_tau]])
        away = np.abs(y - phi[:, :1] - phi[:, 1:2] * x)
        wanted = [sum(integral_in_digits(4, d, np.exp(log_tau)) for d in row) for row in away]
        np.testing.assert_allclose(model._tables(phi), wanted, rtol=2e-13)


def test_beyond_all_components_it_is_next_to_nothing_and_no_infinity():
    """Where tau is e^-84 of an error and the mean 460 errors away no component reaches."""
    law = student(4.0).kernel
    for log_tau in np.linspace(-100.0, -60.0, 401):
        away = np.linspace(20.0, 3000.0, 300)
        logs = law.laws(away, np.ones(300), np.zeros((1, 1)), np.array([log_tau]))[0, :, 0]
        assert np.all(np.isfinite(logs))
        assert np.all(logs < -100.0)


# --- Whole posteriors by brute force --------------------------------------------------------------

Y, SE = np.array([2.0, -1.0, 0.5, 14.0]), np.array([1.5, 2.0, 1.0, 2.5])
PRIORS = {"prior_mu": stats.norm(0.0, 2.5), "prior_tau": stats.lognorm(s=0.25, scale=3.0)}


class Brute:
    """The posterior on dense grids of mu, log tau and every effect."""

    def __init__(self, law):
        self.mu = np.linspace(-17.0, 17.0, 171)
        self.log_tau = np.log(3.0) + 0.25 * np.linspace(-6.5, 6.5, 53)
        tau = np.exp(self.log_tau)
        prior = PRIORS["prior_mu"].logpdf(self.mu)[:, None]
        prior = prior + PRIORS["prior_tau"].logpdf(tau) + self.log_tau
        self.theta = [
            np.linspace(y - 9.0 * s, y + 9.0 * s, 241) for y, s in zip(Y, SE, strict=True)
        ]
        own = [
            stats.norm(y, s).pdf(t) * (t[1] - t[0])
            for y, s, t in zip(Y, SE, self.theta, strict=True)
        ]
        m = np.empty((4, self.mu.size, tau.size))
        for k, scale in enumerate(tau):
            for j, t in enumerate(self.theta):
                m[j, :, k] = law((t - self.mu[:, None]) / scale) @ own[j] / scale
        joint = np.exp(prior) * m.prod(axis=0)
        cell = (self.mu[1] - self.mu[0]) * (self.log_tau[1] - self.log_tau[0])
        self.evidence = joint.sum() * cell
        self.weight = joint * cell / self.evidence
        self.density = []
        for j, t in enumerate(self.theta):
            found = np.zeros(t.size)
            for k, scale in enumerate(tau):
                share = self.weight[:, k] / m[j, :, k]
                found += share @ law((t - self.mu[:, None]) / scale) / scale
            self.density.append(found * own[j])


def contaminated_pdf(x):
    return 0.8 * stats.norm.pdf(x) + 0.2 * stats.norm(0.0, 6.0).pdf(x)


CASES = {
    "t 4": (lambda x: stats.t.pdf(x, 4.0), lambda: ph.NormalT(Y, se=SE, nu=4, **PRIORS)),
    "t 1": (lambda x: 1.0 / (np.pi * (1.0 + x * x)), lambda: ph.NormalT(Y, se=SE, nu=1, **PRIORS)),
    "contaminated": (
        contaminated_pdf, lambda: ph.NormalMixture(Y, se=SE, weight=0.2, ratio=6.0, **PRIORS)
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_exact_is_what_brute_force_finds(case):
    law, make = CASES[case]
    brute, post = Brute(law), ph.exact(make())
    assert abs(post.log_evidence - np.log(brute.evidence)) < 1e-8
    for name, x, axis in (("mu", brute.mu, 1), ("log_tau", brute.log_tau, 0)):
        weight = brute.weight.sum(axis=axis)
        assert abs(post[name].mean() - weight @ x) < 1e-8
        sd = np.sqrt(weight @ (x - weight @ x) ** 2)
        assert abs(post[name].std() - sd) < 1e-8
        middle = x.size // 2 + 2
        assert abs(float(post[name].cdf(x[middle])) - _below(weight, middle)) < 2e-5
    for j, density in enumerate(brute.density):
        x, marginal = brute.theta[j], post[f"theta[{j + 1}]"]
        mean = density @ x
        assert abs(density.sum() - 1.0) < 1e-9
        assert abs(marginal.mean() - mean) < 1e-8
        assert abs(marginal.std() - np.sqrt(density @ (x - mean) ** 2)) < 1e-8
        for k in (95, 120, 145):
            assert abs(float(marginal.cdf(x[k])) - _below(density, k)) < 1e-7
        step = x[1] - x[0]
        np.testing.assert_allclose(marginal.pdf(x[80:160:8]), density[80:160:8] / step,
                                   rtol=1e-7, atol=1e-9)  # fmt: skip


def _below(weight, k):
    """The integral up to a node: of sums by trapezoids with the ends' corrections of Gregory."""
    w = weight[: k + 1]
    d1 = w[-1] - w[-2]
    d2 = w[-1] - 2 * w[-2] + w[-3]
    d3 = w[-1] - 3 * w[-2] + 3 * w[-3] - w[-4]
    d4 = w[-1] - 4 * w[-2] + 6 * w[-3] - 4 * w[-4] + w[-5]
    return w.sum() - w[-1] / 2 - d1 / 12 - d2 / 24 - 19 * d3 / 720 - 3 * d4 / 160


def test_with_infinite_nu_it_is_the_normal_model():
    y, se = schools()
    normal, other = ph.exact(ph.NormalNormal(y, se=se)), ph.exact(ph.NormalT(y, se=se, nu=INF))
    assert abs(normal.log_z - other.log_z) < 1e-10
    for name in ("mu", "tau", "theta[1]", "theta[9]", "theta_new"):
        a, b = normal[name], other[name]
        np.testing.assert_allclose([b.mean(), b.std()], [a.mean(), a.std()], rtol=1e-9)
        np.testing.assert_allclose(b.ppf([0.025, 0.5, 0.9]), a.ppf([0.025, 0.5, 0.9]), rtol=1e-9)


def test_a_ratio_of_one_is_the_normal_model_too():
    normal, other = (make(Y, se=SE, **more) for make, more in (
        (ph.NormalNormal, {}), (ph.NormalMixture, {"ratio": 1.0})))  # fmt: skip
    a, b = ph.exact(normal), ph.exact(other)
    assert abs(a["theta[4]"].mean() - b["theta[4]"].mean()) < 1e-9


def test_an_outlier_keeps_its_own_estimate():
    y, se = schools(200.0)
    normal, heavy = (ph.exact(m)["theta[9]"].mean() for m in (
        ph.NormalNormal(y, se=se), ph.NormalT(y, se=se, nu=2)))  # fmt: skip
    assert normal < 197.5 < heavy
    far = ph.given(ph.NormalT(y, se=se, nu=2), mu=8.0, tau=3.0)["theta[9]"]
    # The pull of the population far out is (nu + 1) se^2 / away.
    assert abs(200.0 - far.mean() - 3.0 * 100.0 / 192.0) < 0.03


# --- The model keeps its word ---------------------------------------------------------------------


@pytest.mark.parametrize("make", [ph.NormalT, ph.NormalMixture])
def test_check_model(make):
    y, se = np.array([28.0, 8.0, -3.0, 7.0, 60.0]), np.array([15.0, 10.0, 16.0, 11.0, 9.0])
    prior = {"prior_mu": stats.norm(8.0, 20.0), "prior_tau": stats.halfnorm(scale=10.0)}
    found = check_model(make(y, se=se, **prior), lambda k: make(y[k], se=se[k], **prior))
    assert not found.skipped


def test_empirical_bayes_is_the_highest_marginal_likelihood():
    theta, w = np.polynomial.legendre.leggauss(400)

    def minus(phi):  # by Gauss' rule between 10 errors each way
        mu, tau = phi[0], np.exp(phi[1])
        t = Y[:, None] + 10.0 * SE[:, None] * theta
        own = stats.norm.pdf(10.0 * theta) * 10.0
        return -np.log((stats.t.pdf((t - mu) / tau, 3.0) / tau * own) @ w).sum()

    found = optimize.minimize(minus, [0.5, 0.5], method="Nelder-Mead",
                              options={"xatol": 1e-9, "fatol": 1e-13, "maxiter": 4000})  # fmt: skip
    fit = ph.empirical_bayes(ph.NormalT(Y, se=SE, nu=3))
    assert abs(fit.estimate["mu"] - found.x[0]) < 1e-6
    assert abs(fit.estimate["tau"] - np.exp(found.x[1])) < 1e-6


# --- Several hills --------------------------------------------------------------------------------


def test_clusters_that_are_joined_are_both_in_the_posterior():
    """Of mirrored clusters the posterior is the same both ways."""
    y = np.array([-6.0, -5.5, -6.4, 6.0, 5.5, 6.4])
    post = ph.exact(ph.NormalT(y, se=np.ones(6), nu=1, prior_tau=stats.halfnorm(scale=0.3)))
    mu = post["mu"]
    assert abs(mu.mean()) < 1e-7
    assert float(mu.pdf(6.0)) > 20.0 * float(mu.pdf(0.0))
    assert abs(float(mu.cdf(0.0)) - 0.5) < 1e-8


def test_hills_that_the_quadrature_does_not_reach_are_refused():
    y = np.concatenate([np.linspace(-1, 1, 12), 3000.0 + np.linspace(-1, 1, 12)])
    model = ph.NormalT(y, se=np.full(24, 0.1), nu=1, prior_tau=stats.halfnorm(scale=0.01))
    with pytest.raises(ValueError, match="separate hills"):
        ph.exact(model)


# --- Priors and impropriety -----------------------------------------------------------------------


def test_flat_priors_take_three_groups():
    three = ph.exact(ph.NormalT([1.0, 2.0, 30.0], se=[1.0, 1.0, 1.0], nu=1))
    assert np.isfinite(three["mu"].median())
    assert three["mu"].mean() == INF
    for few in (1, 2):
        with pytest.raises(ValueError, match="at least 3"):
            ph.exact(ph.NormalT(np.arange(few), se=np.ones(few)))


def test_equal_estimates_are_fine():
    post = ph.exact(ph.NormalT(np.full(5, 3.0), se=np.ones(5), nu=2))
    assert abs(post["mu"].mean() - 3.0) < 1e-9
    assert abs(post["theta[1]"].mean() - 3.0) < 1e-8


def test_moments_that_do_not_exist_are_infinite():
    y, se = schools()
    post = ph.exact(ph.NormalT(y, se=se, nu=1, prior_tau=stats.halfnorm(scale=5.0)))
    assert post["theta_new"].mean() == INF
    assert np.isfinite(post["theta[9]"].mean())
    known = ph.given(ph.NormalT(y, se=se, nu=2), mu=0.0, tau=1.0)["theta_new"]
    assert known.var() == INF
    np.testing.assert_allclose(known.ppf([0.01, 0.5, 0.999]), stats.t.ppf([0.01, 0.5, 0.999], 2.0),
                               rtol=1e-9, atol=1e-12)  # fmt: skip


@pytest.mark.parametrize("unit", [1e-60, 1e-8, 1e8, 1e60])
def test_units_do_not_matter(unit):
    y, se = schools()
    a, b = ph.exact(ph.NormalT(y, se=se)), ph.exact(ph.NormalT(unit * y, se=unit * se))
    for name in ("mu", "theta[9]"):
        np.testing.assert_allclose(b[name].mean(), unit * a[name].mean(), rtol=1e-8)
        np.testing.assert_allclose(b[name].ppf(0.9), unit * a[name].ppf(0.9), rtol=1e-8)


@pytest.mark.parametrize("law", [{"nu": 4.0}, {"nu": 0.1}, {"nu": INF}])
@pytest.mark.parametrize("log_tau", [240.0, 400.0, 2892.0])
def test_far_out_estimates_have_the_density_of_the_law_itself(log_tau, law):
    """Beside a tau beyond the double of any variance errors and distances are nothing."""
    y, se = schools()
    model = ph.NormalT(y, se=se, **law)
    at_zero = float(model.law.log_density(np.zeros(1))[0])
    for mu in (0.0, 1e6):
        point = np.array([mu, log_tau])
        value = model.log_marginal_likelihood(point[None])[0]
        assert value == pytest.approx(y.size * (at_zero - log_tau), rel=1e-13)
        gradient, hessian = model.likelihood_derivatives(point)
        np.testing.assert_allclose(gradient, [0.0, -y.size], rtol=1e-12, atol=1e-80)
        np.testing.assert_allclose(hessian, 0.0, atol=1e-12)


def test_places_beyond_what_tau_reaches_have_next_to_no_density():
    """Further than 1e16 errors and e^80 tau the grid of the law ends: low, and never infinite."""
    y, se = schools()
    for nu in (0.1, 4.0, 100.0):
        model = ph.NormalT(y, se=se, nu=nu)
        mu, log_tau = np.meshgrid([-1e30, -6651.0, 1e6, 1e16], [-700.0, -75.4, -40.0])
        phi = np.column_stack([mu.ravel(), log_tau.ravel()])
        found = model.log_marginal_likelihood(phi)
        assert not np.isnan(found).any()
        assert np.all(found < model.log_marginal_likelihood(np.array([[5.0, 1.0]])) - 20.0)


# --- Unknown nu -----------------------------------------------------------------------------------


def test_nu_over_a_grid_is_averaged():
    y, se = schools()
    weights = {1.0: 0.2, 4.0: 0.3, INF: 0.5}
    post = ph.exact(ph.NormalT(y, se=se, nu=weights))
    each = {nu: ph.exact(ph.NormalT(y, se=se, nu=nu)) for nu in weights}
    joint = np.array([weights[nu] * np.exp(each[nu].log_z) for nu in weights])
    chances = joint / joint.sum()
    np.testing.assert_allclose(list(post.case_probabilities.values()), chances, rtol=1e-9)
    np.testing.assert_allclose(post["nu"].cdf(2.0), chances[0], rtol=1e-9)
    for name in ("mu", "theta[9]"):
        parts = [each[nu][name] for nu in weights]
        mean = chances @ [part.mean() for part in parts]
        assert abs(post[name].mean() - mean) < 1e-8
        var = chances @ [part.var() + (part.mean() - mean) ** 2 for part in parts]
        np.testing.assert_allclose(post[name].var(), var, rtol=1e-8)
        x = float(post[name].ppf(0.1))
        np.testing.assert_allclose(chances @ [float(p.cdf(x)) for p in parts], 0.1, rtol=1e-7)
    with pytest.raises(ValueError, match="no evidence under the flat prior of mu"):
        post.log_evidence  # noqa: B018


def test_draws_over_a_grid_are_of_the_averaged_posterior():
    post = ph.exact(ph.NormalT(Y, se=SE, nu=[1, 10], **PRIORS))
    drawn = post.to_draws(40_000, rng=1)
    for name in ("mu", "theta[4]"):
        off = drawn[name].mean() - post[name].mean()
        assert abs(off) < 4.5 * post[name].std() / np.sqrt(40_000)
    share = float(np.mean(drawn["nu"].draws == 1.0))
    assert abs(share - post.case_probabilities[1.0]) < 0.012
    assert list(post.summary().index[:3]) == ["mu", "tau", "nu"]
    assert post.predict(draws=50, rng=1).shape == (1, 50, 4)


def test_a_series_of_nu_is_values_or_a_mapping():
    weighted = ph.NormalT(Y, se=SE, nu=pd.Series([0.25, 0.75], index=[1, 4]))
    assert repr(weighted) == repr(ph.NormalT(Y, se=SE, nu={1: 0.25, 4: 0.75}))
    np.testing.assert_array_equal(weighted.prior_weights, [0.25, 0.75])
    values = ph.NormalT(Y, se=SE, nu=pd.Series([1, 4]))
    np.testing.assert_array_equal(values.case_values, [1.0, 4.0])
    np.testing.assert_array_equal(values.prior_weights, [0.5, 0.5])
    with pytest.raises(ValueError, match="probabilities of nu add up to 5"):
        ph.NormalT(Y, se=SE, nu=pd.Series([1, 4], index=[3, 7]))


def test_samplers_take_one_nu():
    model = ph.NormalT(Y, se=SE, nu=[1, 4])
    for engine in (ph.nuts, ph.laplace, ph.grid, ph.empirical_bayes):
        with pytest.raises(TypeError, match="take exact"):
            engine(model)


# --- Many groups ----------------------------------------------------------------------------------


@pytest.mark.parametrize("nu", [4.0, INF])
def test_of_many_groups_a_polynomial_stands_for_the_sum(nu, monkeypatch):
    """Its posterior is that of the sums themselves; with infinite nu the normal model's."""
    rng = np.random.default_rng(6)
    se = rng.uniform(0.5, 2.0, 130)
    y = 4.0 + 1.5 * rng.standard_t(3, 130) + se * rng.normal(size=130)
    model = ph.NormalT(y, se=se, nu=nu)
    assert model.surface is not None
    post = ph.exact(model)
    if nu == INF:
        plain = ph.exact(ph.NormalNormal(y, se=se))
    else:
        monkeypatch.setattr("pyhier.models.mean_and_spread.GROUPS", 1000)
        other = ph.NormalT(y, se=se, nu=nu)
        assert other.surface is None
        plain = ph.exact(other)
    assert abs(post.log_z - plain.log_z) < 1e-10
    for name in ("mu", "tau", "theta[7]", "theta_new"):
        a, b = plain[name], post[name]
        np.testing.assert_allclose([b.mean(), b.median()], [a.mean(), a.median()], rtol=1e-9)
    np.testing.assert_allclose(post["mu"].std(), plain["mu"].std(), rtol=1e-9)


def test_clusters_of_many_groups_are_refused_with_a_polynomial_too():
    y = np.concatenate([np.zeros(60), np.full(60, 40.0)]) + np.linspace(0.0, 0.01, 120)
    with pytest.raises(ValueError, match="separate hills"):
        ph.exact(ph.NormalT(y, se=np.full(120, 0.1), nu=0.5, prior_tau=stats.halfnorm(scale=1e-2)))
