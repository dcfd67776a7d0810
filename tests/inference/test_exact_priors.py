"""Priors of tau with edges, poles, spikes and underflow, against the sum of the fuzz's oracle."""

import time
import warnings

import mpmath as mp
import numpy as np
import pytest
from fuzz import normal
from fuzz.normal_oracle import Mu, Prior
from fuzz.normal_priors import _inv_chi, frozen
from scipy import stats

import pyhier as ph

SECONDS = 2.0  # of processor time, refusals too


def held(y, se, prior, mu=None, joint=None):
    """Solve and hold every number against the oracle, draws against their marginals."""
    problem = normal.Problem(np.array(y, float), np.array(se, float), prior, mu or Mu(), joint, 1)
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answer = normal.solve(problem)
    assert time.process_time() - began < SECONDS
    normal.judge(problem, answer)
    return answer


def as_function(known):
    """A prior of which only the values are known."""
    distribution = known.argument

    def log_density(tau):  # SciPy divides 0 by 0 at 1e-301, and a NaN is refused wherever it is met
        value = distribution.logpdf(tau)
        return np.where(np.isnan(value), -np.inf, value)

    return Prior(
        log_density, known.log_density, known.places, known.low,
        known.high, from_high=known.from_high, mass_below=known.mass_below,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("prior", "right"),
    [
        (stats.uniform(0, 10).logpdf, (6.450, 9.541)),
        (lambda t: stats.uniform(0, 10).logpdf(t), (6.450, 9.541)),
        (lambda t: np.log(2 * stats.norm(0, 5).pdf(t)), (4.766, 9.306)),
    ],
)
def test_functions_that_are_minus_infinity_somewhere(schools, prior, right):
    post = ph.exact(ph.NormalNormal(schools["y"], se=schools["sigma"], prior_tau=prior))
    assert np.round(post["tau"].ppf([0.75, 0.975]), 3).tolist() == list(right)
    assert 0.0 < post.probability("tau > 5") < 1.0
    assert post["tau"].hdi(0.9)[1] < 10.0


FAMILIES = {
    "exponpow": (2.7,), "foldnorm": (1.95,), "gompertz": (0.95,), "invweibull": (10.58,),
    "johnsonsb": (4.3, 3.2), "kstwobign": (), "levy": (), "rice": (0.78,), "lognorm": (0.95,),
    "uniform": (), "arcsine": (), "beta": (2.3, 0.63), "pareto": (2.6,),
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_families_known_and_as_functions(schools, family):
    known = frozen(family, FAMILIES[family], 5.0)
    held(schools["y"], schools["sigma"], known)
    if family not in ("arcsine", "beta", "invweibull"):  # of poles below; scipy returns NaN
        held(schools["y"], schools["sigma"], as_function(known))


def test_a_function_with_a_pole_at_its_edge(schools):
    held(schools["y"], schools["sigma"], as_function(frozen("arcsine", (), 10.0)))


def test_functions_that_are_no_numbers_are_refused(schools):
    def prior(tau):
        return np.nan if tau > 40.0 else -tau

    with pytest.raises(ValueError, match="prior_tau is nan at tau"):
        ph.exact(ph.NormalNormal(schools["y"], se=schools["sigma"], prior_tau=prior))


SPIKES = {
    "truncnorm": ("truncnorm", (-5e6, np.inf), 1e-6, 5.0),
    "gamma 1e6": ("gamma", (1e6,), 2.7e-11, 0.0),
    "gamma 1e5": ("gamma", (1e5,), 5e-5, 0.0),
    "lognorm": ("lognorm", (1e-7,), 5.0, 0.0),
    "halfnorm": ("halfnorm", (), 1e-10, 0.0),
    "invgamma": ("invgamma", (1.0,), 1e-60, 0.0),
}


@pytest.mark.parametrize("name", SPIKES)
def test_spikes_known_by_their_quantiles(schools, name):
    family, shapes, scale, loc = SPIKES[name]
    post = ph.exact(
        ph.NormalNormal(
            schools["y"], se=schools["sigma"],
            prior_tau=getattr(stats, family)(*shapes, loc=loc, scale=scale),
        )
    )  # fmt: skip
    if name in ("truncnorm", "lognorm"):  # so narrow that the likelihood hardly moves them
        sd = 1e-6 if name == "truncnorm" else 5e-7
        assert abs(post["tau"].mean() - 5.0) < 1e-9
        assert abs(post["tau"].std() / sd - 1.0) < 1e-5
    else:
        held(schools["y"], schools["sigma"], frozen(family, shapes, scale, loc))


def test_a_wide_spread_beside_tiny_errors():
    held([0.0, 1000.0, 300.0, 4.0], [1e-6] * 4, frozen("gamma", (2.0,), 5.0))


JOINT = {
    "narrow": ph.NormalInvChi2(0.0, 1.0, 1e7, 30.0),
    "tied": ph.NormalInvChi2(0.0, 1e18, 5.0, 30.0),
    "small": ph.NormalInvChi2(0.0, 1.0, 5.0, 0.1),  # draws of tau were 1e-11
}


@pytest.mark.parametrize("name", JOINT)
def test_joint_priors(schools, name):
    joint = JOINT[name]
    mu = Mu(mean=joint.mu0, kappa=joint.kappa0)
    answer = held(schools["y"], schools["sigma"], _inv_chi(joint), mu, joint)
    if name == "small":
        assert abs(answer["tau"]["moments"][0] - 0.378) < 5e-4


@pytest.mark.parametrize("se", [[1e-6, 1.0, 1e6], [1e-4, 1e4], [1e-5, 1e4, 1.0, 1.0]])
@pytest.mark.parametrize("name", ["i2", "shrinkage", "dumouchel"])
def test_named_priors_at_extreme_standard_errors(name, se):
    from fuzz.normal_priors import NAMED

    long = np.asarray(se, dtype=np.longdouble) ** 2
    prior = Prior(name, lambda tau: NAMED[name](np.asarray(tau, np.longdouble)[:, None], long), se)
    held(np.linspace(0.0, 1.0, len(se)), se, prior)


def test_a_wide_prior_of_mu_moves_where_powers_begin():
    """Its sd is where the likelihood of tau changes once more, however far from the data."""
    mp.mp.dps = 30
    for sd in (1e3, 1e30):
        model = ph.NormalNormal(
            [1.0], se=[1.0], prior_mu=stats.norm(0, sd), prior_tau=stats.lomax(1.6)
        )
        tau = ph.exact(model)["tau"]
        far = 1 + mp.mpf(sd) ** 2
        places = [mp.exp(mp.mpf(i) / 8) for i in range(-480, 3400)]
        heights = [t * (1 + t) ** mp.mpf(-2.6) / mp.sqrt(far + t * t)
                   * mp.exp(-1 / (far + t * t) / 2) for t in places]  # fmt: skip
        total = sum(heights)
        mean, square = (
            sum(h * t**k for h, t in zip(heights, places, strict=True)) / total for k in (1, 2)
        )
        assert abs(tau.mean() / float(mean) - 1.0) < 1e-9
        assert abs(tau.std() / float(mp.sqrt(square - mean**2)) - 1.0) < 1e-9


def test_the_bayes_factor_of_no_spread_where_the_prior_excludes_it():
    y, se = np.array([0.3, -0.6, 1.1]), np.array([0.4, 0.5, 0.8])
    prior = {"prior_mu": stats.norm(0, 2), "prior_tau": stats.uniform(0.5, 10)}
    post = ph.exact(ph.NormalNormal(y, se=se, **prior))
    alone = stats.multivariate_normal(np.zeros(3), np.diag(se**2) + 4.0).logpdf(y)
    assert abs(post.bayes_factor("tau = 0") / np.exp(alone - post.log_evidence) - 1.0) < 1e-12


@pytest.mark.parametrize("kind", ["plain", "X", "cov", "both"])
def test_weights_make_the_means(kind):
    rng = np.random.default_rng(1)
    y, se, x = rng.normal(size=6), rng.uniform(0.3, 1.0, 6), rng.normal(size=6)
    cov = np.diag(se**2)
    cov[0, 1] = cov[1, 0] = 0.5 * se[0] * se[1]
    data = {
        "plain": {"se": se}, "X": {"se": se, "X": x}, "cov": {"cov": cov},
        "both": {"cov": cov, "X": x, "prior_beta": {"Intercept": stats.norm(0, 2)}},
    }[kind]  # fmt: skip
    post = ph.exact(ph.NormalNormal(y, prior_tau=stats.halfnorm(scale=1.0), **data))
    for name, weights in post.weights().items():
        assert abs(weights @ y - post[name].mean()) < 1e-12


def test_far_limits_and_columns(schools):
    model = ph.NormalNormal(schools["y"], se=schools["sigma"])
    post = ph.exact(model)
    assert post.probability("tau < 1e200") == 1.0
    columns = list(post.columns((0.12345678, 0.12345679, 0.9999999)))
    assert len(set(columns)) == 5
    assert "100%" not in columns
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for fixed in (ph.given(model, mu=8.0, tau=0.0), ph.empirical_bayes(model)):
            fixed.summary()
            assert not np.isnan(fixed["theta[1]"].cdf(8.0))


def test_tails_where_scipy_overflows_or_a_density_ends_in_a_cliff(schools):
    """Far out ncf raises an OverflowError, and exponpow falls by e^(1e270) within a panel."""
    far = 10.0 ** np.arange(-300.0, 301.0, 20.0)
    for prior in (stats.ncf(27, 27, 0.416, scale=9.2e5), stats.exponpow(2.7, loc=3547, scale=57)):
        tau = ph.exact(ph.NormalNormal(schools["y"], se=schools["sigma"], prior_tau=prior))["tau"]
        below, above = tau.cdf(far), tau.sf(far)
        assert below[0] == above[-1] == 0.0
        assert (np.diff(below) >= 0.0).all()
        assert np.abs(below + above - 1.0).max() < 1e-12


@pytest.mark.parametrize("scale", [1e-300, 1e-100, 1e-12])
def test_a_mean_that_is_spread_over_hundreds_of_units(scale):
    """Between the mass at tau = 1e-300 and what the sd needs lies all of the mean, evenly.

    By a trapezoid in log tau over the whole of it.
    """
    y, se = np.array([28, 8, -3, 7, -1, 1, 18, 12.0]), [15, 10, 16, 11, 9, 11, 10, 18]
    post = ph.exact(ph.NormalNormal(y, se=se, prior_tau=stats.invgamma(1, scale=scale)))
    log_tau = np.linspace(np.log(scale) - 5.0, 40.0, 100_001)
    weight = 1.0 / (np.square(se) + np.exp(2.0 * log_tau)[:, None])
    total = weight.sum(axis=1)
    away = y - (weight * y).sum(axis=1, keepdims=True) / total[:, None]
    logs = 0.5 * (np.log(weight).sum(axis=1) - np.log(total) - (weight * away**2).sum(axis=1))
    logs += np.log(scale) - log_tau - scale / np.exp(log_tau)
    chance = np.exp(logs - logs.max())
    chance /= chance.sum()
    mean = chance @ np.exp(log_tau)
    assert post["tau"].mean() == pytest.approx(mean, rel=1e-9, abs=0.0)
    sd = np.sqrt((chance * np.exp(2.0 * log_tau)).sum() - mean**2)
    assert post["tau"].std() == pytest.approx(sd, rel=1e-9, abs=0.0)


def test_a_prior_of_mu_narrow_beside_its_distance_from_0():
    """What a mean loses by rounding counts in its prior's sds: the density would be rough."""
    rng = np.random.default_rng(2)
    y, se = 610_556.0 + rng.standard_normal(6), rng.uniform(0.08, 2.5, 6)
    prior_mu, scale = stats.norm(610_556.0, 0.002), 1e-3
    far = ph.exact(ph.NormalNormal(y, se=se, prior_mu=prior_mu, prior_tau=stats.halfnorm(0, scale)))
    near = ph.exact(ph.NormalNormal(
        y - 610_556.0, se=se, prior_mu=stats.norm(0, 0.002), prior_tau=stats.halfnorm(0, scale)
    ))  # fmt: skip
    assert far._panels.start.size <= near._panels.start.size + 4
    assert far.log_z == pytest.approx(near.log_z, abs=1e-11)
    assert far["tau"].mean() == pytest.approx(near["tau"].mean(), rel=1e-12)
    assert far["mu"].std() == pytest.approx(near["mu"].std(), rel=1e-11)


@pytest.mark.parametrize("shape", [0.2, 0.3, 0.63])
def test_draws_next_to_a_pole(shape):
    """As the distribution function has them, down to where doubles are all that there is."""
    prior = stats.beta(shape, shape, scale=5e-4)
    model = ph.NormalNormal([1.3e-3, 3.4e-5, 5.7e-4], se=[6e-4, 4e-4, 3e-4], prior_tau=prior)
    post = ph.exact(model)
    tau = post.sample(20_000, np.random.default_rng(4))["tau"]
    assert stats.kstest(post["tau"].cdf(tau), "uniform").pvalue > 1e-4


def test_a_joint_prior_that_the_data_contradict_by_millions():
    """Of a log density of -1e7 values are known to 1e-9, integrals to less."""
    rng = np.random.default_rng(8)
    y, se = 0.02 * rng.standard_normal(40), np.full(40, 1e-6)
    prior = ph.NormalInvChi2(0.0, 2500.0, 1.8e6, 7.8e-14)
    marginal = ph.exact(ph.NormalNormal(y, se=se, prior=prior))["tau"]
    mp.mp.dps = 40
    nu, s2, kappa = mp.mpf("1.8e6"), mp.mpf(7.8e-14), 2500
    v, n = [mp.mpf(float(t)) for t in y], len(y)

    def log_density(u):
        t2 = mp.exp(2 * u)
        weight, own = 1 / (mp.mpf(1e-6) ** 2 + t2), kappa / t2
        mean = weight * sum(v) / (n * weight + own)
        squares = weight * sum((a - mean) ** 2 for a in v) + own * mean**2
        logs = -nu * u - nu * s2 / (2 * t2) + n * mp.log(weight) / 2 - squares / 2
        return logs + mp.log(own / (n * weight + own)) / 2

    centre, sd = mp.log(marginal.median()), mp.mpf(marginal.std() / marginal.mean())
    nodes = [centre + sd * k / 8 for k in range(-80, 81)]
    logs = [log_density(u) for u in nodes]
    weight = [mp.exp(value - max(logs)) for value in logs]
    mean = mp.fdot(weight, map(mp.exp, nodes)) / sum(weight)
    var = mp.fdot(weight, [(mp.exp(u) - mean) ** 2 for u in nodes]) / sum(weight)
    assert marginal.std() == pytest.approx(float(mp.sqrt(var)), rel=1e-9)
    assert abs(marginal.mean() - float(mean)) < 1e-9 * marginal.std()
