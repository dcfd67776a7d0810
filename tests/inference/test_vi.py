"""Variational inference: values, the maximum itself, own densities, what it says of its error."""

import pickle

import numpy as np
import pytest
from scipy import stats

import pyhier as ph
from pyhier.inference.elbo import Gaussian, closed_form

Y = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
SE = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])
LOG_Z = -31.311347352293  # by adaptive quadrature in 30 digits
CAUCHY = stats.halfcauchy(scale=5)


def schools(unit=1.0, shift=0.0):
    return ph.NormalNormal(
        unit * Y + shift, se=unit * SE, prior_mu=stats.norm(shift, 5 * unit),
        prior_tau=stats.halfcauchy(scale=5 * unit),
    )  # fmt: skip


# Parameterisation, family, KL, then mean and sd of mu, tau and theta_1 (another implementation's).
VALUES = [
    ("centred", "mean-field", 2.09270, (4.283, 1.828), (6.061, 1.482), (7.144, 5.210)),
    ("centred", "full-rank", 1.28037, (4.420, 3.269), (4.170, 1.094), (6.152, 4.816)),
    ("non-centred", "mean-field", 0.28595, (4.527, 3.157), (2.931, 2.455), (5.369, 4.918)),
    ("non-centred", "full-rank", 0.22266, (4.478, 3.232), (3.055, 2.568), (5.723, 5.242)),
]


@pytest.mark.parametrize(("kind", "family", "kl", "mu", "tau", "theta"), VALUES)
def test_eight_schools(kind, family, kl, mu, tau, theta):
    post = ph.vi(schools(), family, parameterization=kind, rng=1)
    assert post.kl == pytest.approx(kl, abs=6e-6)
    assert post.elbo == pytest.approx(LOG_Z - kl, abs=6e-6)
    for name, (mean, sd) in {"mu": mu, "tau": tau, "theta[1]": theta}.items():
        assert post[name].mean() == pytest.approx(mean, abs=6e-4)
        assert post[name].std() == pytest.approx(sd, abs=6e-4)


# --- The bound, written out -----------------------------------------------------------------------


def joint(mu, s, effects, centred):
    """Log of likelihood times prior at many points, by scipy's densities."""
    theta = effects if centred else mu[:, None] + np.exp(s)[:, None] * effects
    value = stats.norm(0, 5).logpdf(mu) + CAUCHY.logpdf(np.exp(s)) + s
    law = stats.norm(mu[:, None], np.exp(s)[:, None]) if centred else stats.norm(0, 1)
    return value + law.logpdf(effects).sum(1) + stats.norm(theta, SE).logpdf(Y).sum(1)


@pytest.mark.parametrize("kind", ["centred", "non-centred"])
@pytest.mark.parametrize("family", ["mean-field", "full-rank"])
def test_the_elbo_is_the_mean_over_draws(kind, family):
    """Of 200,000 draws from q, by other densities: within 4 Monte Carlo errors."""
    post = ph.vi(schools(), family, parameterization=kind, rng=1)
    q = post.q
    z = np.random.default_rng(2).standard_normal((200_000, 10))
    x = q.mean + (z @ q.factor.T if family == "full-rank" else z * q.factor)
    log_q = stats.multivariate_normal(q.mean, q.cov).logpdf(x)
    values = joint(x[:, 0], x[:, 1], x[:, 2:], kind == "centred") - log_q
    error = values.std() / np.sqrt(len(values))
    assert abs(values.mean() - post.elbo) < 4.0 * error


def mean_field_elbo(mean, sd, centred):
    """Written out for independent normals, log tau by 400 points."""
    z = np.linspace(-12, 12, 4_001)
    w = stats.norm.pdf(z) / stats.norm.pdf(z).sum()
    s = mean[1] + sd[1] * z
    tau = np.exp(s)
    value = w @ (CAUCHY.logpdf(tau) + s)
    value += stats.norm.logpdf(mean[0], 0, 5) - 0.5 * sd[0] ** 2 / 25
    m, v = mean[2:], sd[2:] ** 2
    if centred:
        value += (stats.norm.logpdf(Y, m, SE) - 0.5 * v / SE**2).sum()
        square = (m - mean[0]) ** 2 + v + sd[0] ** 2
        value += -8.0 * mean[1] - 4.0 * np.log(2 * np.pi) - 0.5 * square.sum() * (w @ tau**-2.0)
    else:
        value += (stats.norm.logpdf(m) - 0.5 * v).sum()
        first, second = w @ tau, w @ tau**2
        square = (Y - mean[0]) ** 2 + sd[0] ** 2 - 2.0 * (Y - mean[0]) * first * m
        square = square + second * (m**2 + v)
        value += (-0.5 * np.log(2 * np.pi * SE**2) - 0.5 * square / SE**2).sum()
    return value + 0.5 * mean.size * (1 + np.log(2 * np.pi)) + np.log(sd).sum()


@pytest.mark.parametrize("kind", ["centred", "non-centred"])
def test_the_maximum_is_one(kind):
    """The bound written out has the value found, no slope there, and less on both sides."""
    post = ph.vi(schools(), parameterization=kind, rng=1)
    at = np.concatenate([post.q.mean, np.log(post.q.factor)])

    def bound(x):
        return mean_field_elbo(x[:10], np.exp(x[10:]), kind == "centred")

    assert bound(at) == pytest.approx(post.elbo, abs=1e-9)
    for k in range(20):
        step = 1e-4 * np.eye(20)[k] * (post.q.factor[k] if k < 10 else 1.0)
        above, below = bound(at + step), bound(at - step)
        assert abs(above - below) / 2e-4 < 1e-5
        assert max(above, below) < bound(at)


@pytest.mark.parametrize(("unit", "shift"), [(1e-8, 0.0), (1e8, 0.0), (1.0, 1e8), (1e4, -1e12)])
@pytest.mark.parametrize("family", ["mean-field", "full-rank"])
def test_units_do_not_matter(unit, shift, family):
    """Data to 8 digits more than their standard errors, or less, say the same about tau."""
    for kind in ("centred", "non-centred", "marginal"):
        one, other = (
            ph.vi(schools(*place), family, parameterization=kind, rng=1)
            for place in ((1.0, 0.0), (unit, shift))
        )
        assert other.kl == pytest.approx(one.kl, abs=1e-7)
        assert other["mu"].std() == pytest.approx(unit * one["mu"].std(), rel=1e-5)
        away = (other["mu"].mean() - shift) / unit
        assert away == pytest.approx(one["mu"].mean(), abs=1e-5)


# --- Marginals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "family"), [row[:2] for row in VALUES])
def test_marginals_are_those_of_the_draws(kind, family):
    """Closed forms beside 40,000 independent draws, every quantity: none rejected at 1e-4."""
    post = ph.vi(schools(), family, parameterization=kind, draws=40_000, rng=3)
    for name in (*post.names, "log_tau"):
        draws = post.draws_of(name).ravel()
        assert stats.kstest(draws, post[name].cdf).pvalue > 1e-4, name
        error = draws.std() / 200.0
        assert abs(draws.mean() - post[name].mean()) < 5.0 * error


def test_a_posterior_like_the_others():
    post = ph.vi(schools(), rng=1)
    table = post.summary()
    assert list(table.index) == ["mu", "tau", *(f"theta[{j}]" for j in range(1, 9)), "theta_new"]
    assert post.sample(5, rng=1)["theta"].shape == (5, 8)
    assert post.predict(rng=1).shape == (1, 10_000, 8)
    assert post.to_arviz(rng=1).posterior["theta"].shape == (1, 10_000, 8)
    assert 0.5 < post.probability("theta[1] > theta[3]") < 0.8
    assert post.shrinkage().shape[0] == 8


@pytest.mark.parametrize("kind", ["centred", "non-centred", "marginal"])
def test_pickles(kind):
    post = ph.vi(schools(), parameterization=kind, draws=100, rng=1)
    again = pickle.loads(pickle.dumps(post))
    assert again["theta[1]"].mean() == post["theta[1]"].mean()
    assert again.target.coordinates == post.target.coordinates


def rising(tau):
    """No number at an infinite tau, and log of 0 at 0."""
    return 3.0 * np.log(tau) - tau


@pytest.mark.parametrize("kind", ["centred", "non-centred", "marginal"])
def test_a_prior_of_pythons_is_asked_for_numbers_alone(kind):
    """From a first guess far off the climb looks far: no warning, no error of the prior's."""
    model = ph.NormalNormal(Y, se=SE, prior_mu=stats.norm(0, 5), prior_tau=rising)
    post, exact = ph.vi(model, "full-rank", parameterization=kind, rng=1), ph.exact(model)
    assert post["mu"].mean() == pytest.approx(exact["mu"].mean(), abs=0.2)
    start = {"mu": 0.0, "tau": 1e-2}
    chain = ph.nuts(model, 5, 5, 2, parameterization=kind, init=start, max_treedepth=5, rng=1)
    assert np.isfinite(chain.theta).all()


# --- Levels: closed forms; several outcomes: fixed points -----------------------------------------


def levels(shift=0.0, covariate=True):
    """Three levels with a covariate, or two without."""
    y = np.array([0.3, -0.8, 1.4, 0.9, 2.1, 0.1, -0.4, 1.0, 1.9, 0.2]) + shift
    places = {"a": [1, 1, 1, 2, 2, 2, 3, 3, 3, 3], "b": [1, 1, 2, 1, 2, 2, 1, 1, 2, 2]}
    more = {"X": np.cos(np.arange(10.0)), "prior_beta": {"x1": stats.norm(0, 1)}}
    places, more = ({**places, "c": range(10)}, more) if covariate else (places, {})
    return ph.MultilevelNormal(
        y, se=np.linspace(0.3, 0.6, 10), levels=places, prior_tau=stats.halfnorm(scale=1.0), **more
    )


def outcomes(**priors):
    y = [[0.4, 0.1], [0.2, np.nan], [0.9, 0.5], [0.6, -0.2], [1.5, 1.1]]
    cov = np.tile([[0.1, 0.03], [0.03, 0.1]], (5, 1, 1))
    return ph.MultivariateNormal(y, cov=cov, **{"prior_tau": stats.halfnorm(scale=1.0), **priors})


@pytest.mark.parametrize("kind", ["centred", "non-centred"])
@pytest.mark.parametrize("full", [False, True])
def test_the_elbo_of_levels_is_exact(kind, full):
    """Anywhere: the mean over 200,000 draws, 4 Monte Carlo errors; slopes by differences."""
    target = levels().joint(kind)
    rng = np.random.default_rng(3)
    p = target.gradient.ndim
    factor = np.diag(rng.uniform(0.1, 0.3, p)) + np.tril(0.03 * rng.normal(size=(p, p)), -1)
    factor = factor if full else np.diag(factor).copy()
    mean = target.start() + 0.1 * rng.normal(size=p)
    bound = closed_form(target.form)
    value, of_mean, of_factor = bound(Gaussian(mean, factor))
    draws = target.log_density(Gaussian(mean, factor).at(rng.standard_normal((200_000, p))))
    assert abs(draws.mean() - value) < 4.0 * draws.std() / np.sqrt(draws.size)
    h = 1e-5
    for k in range(p):
        step = h * np.eye(p)[k]
        ends = [bound(Gaussian(mean + sign * step, factor))[0] for sign in (1.0, -1.0)]
        assert (ends[0] - ends[1]) / (2.0 * h) == pytest.approx(of_mean[k], rel=1e-5, abs=1e-5)
        for i in range(k + 1 if full else 1):
            at = (k, i) if full else k
            step = np.zeros_like(factor)
            step[at] = h
            ends = [bound(Gaussian(mean, factor + sign * step))[0] for sign in (1.0, -1.0)]
            slope = (ends[0] - ends[1]) / (2.0 * h)
            assert slope == pytest.approx(of_factor[at], rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("name", ["levels", "outcomes"])
def test_levels_and_outcomes(name):
    """Richer families are nearer, and what has the effects integrated out is the nearest."""
    model = levels(covariate=False) if name == "levels" else outcomes()
    exact = ph.exact(model)
    found = {
        (kind, family): ph.vi(model, family, parameterization=kind, rng=1)
        for kind in ("centred", "non-centred", "marginal")
        for family in ("mean-field", "full-rank")
    }
    for post in found.values():
        error = 4.0 * post.quality.elbo_se
        assert 0.0 < post.kl < 12.0
        assert post.elbo < exact.log_z + error
        assert "KL to the exact posterior" in post.advice
    for kind in ("centred", "non-centred", "marginal"):
        poor, rich = (found[kind, family] for family in ("mean-field", "full-rank"))
        error = 4.0 * np.hypot(poor.quality.elbo_se, rich.quality.elbo_se)
        assert rich.elbo > poor.elbo - error
        assert found["marginal", "full-rank"].elbo > rich.elbo - error
    best = found["marginal", "full-rank"]
    for key in exact.names[:2]:
        assert best[key].mean() == pytest.approx(exact[key].mean(), abs=0.25 * exact[key].std())
        assert 0.6 < best[key].std() / exact[key].std() < 1.1  # a normal q has no heavy tails
    closed = name == "levels"
    assert all((found[kind, "mean-field"].quality.elbo_se == 0.0) == closed
               for kind in ("centred", "non-centred"))  # fmt: skip


def test_levels_far_from_0():
    near, far = (
        ph.vi(levels(shift, False), parameterization="non-centred", rng=1) for shift in (0.0, 1e8)
    )
    assert far.elbo == pytest.approx(near.elbo, abs=1e-6)


# --- Other models, by fixed points ----------------------------------------------------------------


def kl_on_a_grid(post):
    """KL of a normal q in two coordinates, by a lattice of both densities."""
    q, model = post.q, post.model
    z = np.linspace(-8.0, 8.0, 161)
    grid = np.stack(np.meshgrid(z, z, indexing="ij"), -1).reshape(-1, 2)
    factor = q.factor if q.full else np.diag(q.factor)
    x = q.mean + grid @ factor.T
    weight = stats.norm.pdf(grid).prod(axis=1)
    weight /= weight.sum()
    log_q = stats.multivariate_normal(q.mean, q.cov).logpdf(x)
    return (
        float(weight @ (log_q - model.log_posterior(x)))
        - model.log_constant
        + ph.exact(model).log_z
    )


@pytest.mark.parametrize("family", ["mean-field", "full-rank"])
@pytest.mark.parametrize(
    "model",
    [
        ph.BetaBinomial([3, 5, 9, 2], [10, 12, 20, 15]),
        ph.PoissonGamma([5, 1, 5, 14], [94.3, 15.7, 62.9, 126.0]),
        schools(),
    ],
)
def test_kl_of_the_hyperparameters(model, family):
    """To the Monte Carlo error that it states."""
    post = ph.vi(model, family, parameterization="marginal", rng=1)
    assert post.quality.elbo_se > 0.0
    assert abs(post.kl - kl_on_a_grid(post)) < 4.0 * post.quality.elbo_se
    assert post.kl > 0.0


def test_counts_with_their_effects():
    """Joint and marginal approximations of one posterior: the joint's bound is the lower one."""
    d = ph.load_dataset("pumps")
    model = ph.PoissonGamma(d["failures"], d["khours"])
    joint, marginal = (ph.vi(model, "full-rank", parameterization=p, rng=1)
                       for p in ("centred", "marginal"))  # fmt: skip
    assert 0.0 < marginal.kl < joint.kl < 1.0
    exact = ph.exact(model)
    for name in ("theta[1]", "theta[10]"):
        assert joint[name].mean() == pytest.approx(exact[name].mean(), rel=0.03)
        assert joint[name].std() == pytest.approx(exact[name].std(), rel=0.06)


def test_many_groups():
    rng = np.random.default_rng(4)
    se = rng.uniform(0.5, 2.0, 3_000)
    y = rng.normal(1.0, np.hypot(se, 1.5))
    model = ph.NormalNormal(y, se=se, prior_mu=stats.norm(0, 5), prior_tau=stats.halfnorm(scale=5))
    post = ph.vi(model, parameterization="centred", rng=1)
    exact = ph.exact(model)
    assert post["tau"].mean() == pytest.approx(exact["tau"].mean(), rel=0.01)
    assert post.kl > 0.0
    with pytest.raises(
        ValueError, match="family='full-rank' has .* parameters in 3002 coordinates"
    ):
        ph.vi(model, "full-rank", parameterization="centred")


# --- Densities of one's own -----------------------------------------------------------------------

COV = np.array([[4.0, 1.2, 0.0], [1.2, 1.0, -0.3], [0.0, -0.3, 9.0]])
MEAN = np.array([1.0, -2.0, 300.0])


def normal(x):
    slope = -np.linalg.solve(COV, x - MEAN)
    return 0.5 * float(slope @ (x - MEAN)) + 7.0, slope


def test_a_normal_density_is_found():
    """The bound is tight, the log of the integral: the points have a normal's moments."""
    post = ph.vi(normal, "full-rank", start=MEAN + 1.0, names=["a", "b", "c"], rng=1)
    np.testing.assert_allclose(post.q.mean, MEAN, atol=1e-6)
    np.testing.assert_allclose(post.q.cov, COV, atol=1e-6)
    log_z = 7.0 + 0.5 * np.log(np.linalg.det(2 * np.pi * COV))
    assert post.elbo == pytest.approx(log_z, abs=1e-6)
    assert "nothing to do" in post.advice
    assert post["c"].std() == pytest.approx(3.0, rel=0.05)
    assert post.sample(7, rng=1).shape == (7, 3)
    assert list(post.summary().index) == ["a", "b", "c"]


def test_mean_field_of_a_normal_density():
    """Its sds are those given the others: 1 / sqrt of the precision's diagonal."""
    post = ph.vi(normal, start=MEAN, rng=1)
    precision = np.linalg.inv(COV)
    np.testing.assert_allclose(post.q.sd, np.diag(precision) ** -0.5, rtol=1e-6)
    kl = 0.5 * (np.log(np.diag(precision)).sum() + np.log(np.linalg.det(COV)))
    log_z = 7.0 + 0.5 * np.log(np.linalg.det(2 * np.pi * COV))
    assert abs(log_z - post.elbo - kl) < 4.0 * post.quality.elbo_se


def test_bounds():
    """Log of a log-normal is normal: exactly found from within (0, inf)."""

    def lognormal(x):
        log = np.log(x[0])
        return -0.5 * log**2 - log, np.array([(-log - 1.0) / x[0]])

    post = ph.vi(lognormal, start=[1.0], lower=0.0, draws=20_000, rng=1)
    assert post.q.mean[0] == pytest.approx(0.0, abs=1e-5)
    assert post.q.sd[0] == pytest.approx(1.0, abs=1e-5)
    assert stats.kstest(post.draws.ravel(), stats.lognorm(1.0).cdf).pvalue > 1e-3


def test_heavy_tails_are_told():
    def cauchy(x):
        return -float(np.log1p(x**2).sum()), -2.0 * x / (1.0 + x**2)

    post = ph.vi(cauchy, start=[0.1, 0.1], rng=1)
    assert post.pareto_k > 0.7
    assert "Take family='full-rank' or nuts" in post.advice


def test_no_maximum_is_an_error():
    with pytest.raises(ValueError, match="the ELBO has no maximum where the climb ended"):
        ph.vi(lambda x: (float(x.sum()) * 1e-3, np.full(2, 1e-3)), start=[0.0, 0.0], rng=1)


# --- What it says ---------------------------------------------------------------------------------


def test_advice():
    centred = ph.vi(schools(), parameterization="centred", rng=1)
    for words in (
        "KL to the exact posterior 2.093", "sd(mu) is 1.83 and exactly 3.32: 55% of it",
        "parameterization='non-centred'", "family='full-rank'", "exact(model)",
    ):  # fmt: skip
        assert words in centred.advice
    cure = ph.vi(schools(), "full-rank", parameterization="non-centred", rng=1)
    assert "sd(mu)" not in cure.advice
    assert "full-rank" not in cure.advice


def test_bad_input():
    with pytest.raises(ValueError, match="family is 'mean field'"):
        ph.vi(schools(), "mean field")
    with pytest.raises(TypeError, match="start is for a density of one's own"):
        ph.vi(schools(), start=[1.0])
    with pytest.raises(TypeError, match="parameterization is for a model"):
        ph.vi(normal, start=MEAN, parameterization="centred")
    with pytest.raises(ValueError, match="start is missing"):
        ph.vi(normal)
    with pytest.raises(ValueError, match="disagrees with differences"):
        ph.vi(lambda x: (normal(x)[0], -normal(x)[1]), start=MEAN + 1.0)
    with pytest.raises(ValueError, match="nan at the start"):
        ph.vi(lambda x: (np.nan, x), start=MEAN)
    flat = ph.NormalNormal([1.0, 2.0], se=[1.0, 1.0])
    with pytest.raises(ValueError, match="vi|improper"):
        ph.vi(flat)
