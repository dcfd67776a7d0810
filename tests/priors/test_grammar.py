"""Priors as text: what each spelling means, in formulas of the packages that it comes from."""

import pickle

import numpy as np
import pytest
from scipy import integrate, special, stats

import pyhier as ph
from pyhier.priors.grammar import MU_PRIORS, PAIR_PRIORS, SCALED, parse_prior
from pyhier.priors.half_t import halft
from pyhier.priors.tau import PRIOR_NAMES

TAU = np.array([1e-3, 0.2, 1.0, 3.7, 40.0])


def half(density):
    return lambda x: 2.0 * density(x)


def normal(x, s):
    return np.exp(-0.5 * (x / s) ** 2) / (s * np.sqrt(2 * np.pi))


def t(x, df, s):
    return (
        special.gamma((df + 1) / 2)
        / (special.gamma(df / 2) * np.sqrt(df * np.pi) * s)
        * (1 + (x / s) ** 2 / df) ** (-(df + 1) / 2)
    )


def gamma(x, shape, rate):
    return rate**shape * x ** (shape - 1) * np.exp(-rate * x) / special.gamma(shape)


def invchi(x, df, s):  # bayesmeta's help page of dinvchi
    return (
        2 ** (1 - df / 2) / (s * special.gamma(df / 2)) * (s / x) ** (df + 1)
        * np.exp(-(s**2) / (2 * x**2))
    )  # fmt: skip


def lognormal(x, m, s):
    return np.exp(-0.5 * ((np.log(x) - m) / s) ** 2) / (x * s * np.sqrt(2 * np.pi))


DENSITIES = {
    "halfnormal(5)": half(lambda x: normal(x, 5)),
    "half-normal(scale=5)": half(lambda x: normal(x, 5)),
    "halfnorm(5)": half(lambda x: normal(x, 5)),
    "normal(0, 5)": half(lambda x: normal(x, 5)),
    "normal(2, 4)": lambda x: normal(x - 2, 4) / special.ndtr(0.5),
    "Half_Cauchy(5)": half(lambda x: t(x, 1, 5)),
    "cauchy(0, 5)": half(lambda x: t(x, 1, 5)),
    "half-t(3, 2.5)": half(lambda x: t(x, 3, 2.5)),
    "halft(scale=2.5, df=3)": half(lambda x: t(x, 3, 2.5)),
    "half_student_t(3, 2.5)": half(lambda x: t(x, 3, 2.5)),
    "student_t(3, 0, 2.5)": half(lambda x: t(x, 3, 2.5)),
    "uniform(0, 10)": lambda x: np.where(x < 10, 0.1, 0.0),
    "uniform(2, 5)": lambda x: np.where((x > 2) & (x < 5), 1 / 3, 0.0),
    "exponential(0.1)": lambda x: 0.1 * np.exp(-0.1 * x),
    "exp(0.1)": lambda x: 0.1 * np.exp(-0.1 * x),
    "exponential(scale=10)": lambda x: 0.1 * np.exp(-0.1 * x),
    "expon(10)": lambda x: 0.1 * np.exp(-0.1 * x),
    "gamma(2, 0.1)": lambda x: gamma(x, 2, 0.1),
    "gamma(2, scale=10)": lambda x: gamma(x, 2, 0.1),
    "gamma(rate=0.1, shape=2)": lambda x: gamma(x, 2, 0.1),
    "inv_gamma(2, 3)": lambda x: gamma(1 / x, 2, 3) / x**2,
    "invgamma(2, 3)": lambda x: gamma(1 / x, 2, 3) / x**2,
    "lognormal(1, 0.5)": lambda x: lognormal(x, 1, 0.5),
    "lnorm(1, 0.5)": lambda x: lognormal(x, 1, 0.5),
    "lognorm(0.5, 3)": lambda x: lognormal(x, np.log(3), 0.5),
    "lomax(6, 2)": lambda x: 6 / 2 * (1 + x / 2) ** -7.0,
    "weibull(1.5, 4)": lambda x: 1.5 / 4 * (x / 4) ** 0.5 * np.exp(-((x / 4) ** 1.5)),
    "rayleigh(3)": lambda x: x / 9 * np.exp(-(x**2) / 18),
    "halflogistic(3)": lambda x: 2 / 3 * np.exp(-x / 3) / (1 + np.exp(-x / 3)) ** 2,
    "invchi(4, 3)": lambda x: invchi(x, 4, 3),
}


@pytest.mark.parametrize("text", DENSITIES)
def test_meaning(text):
    prior = parse_prior("prior_tau", text, SCALED, PRIOR_NAMES)
    np.testing.assert_allclose(prior.pdf(TAU), DENSITIES[text](TAU), rtol=1e-12, atol=1e-300)


def test_every_family_is_tried():
    def plain(name):
        return name.partition("(")[0].lower().replace("_", "").replace("-", "")

    tried = {plain(text) for text in DENSITIES}
    assert {plain(name) for name in SCALED} <= tried


@pytest.mark.parametrize("name", ["BergerDeely", "overallJeffreys", "DuMouchel", "I2", "Jeffreys"])
def test_bayesmeta_names(name):
    assert parse_prior("prior_tau", name, SCALED, PRIOR_NAMES) in PRIOR_NAMES


def test_mu():
    for text in ("norm(3, 5)", "normal(3, 5)", "normal(sd=5, mean=3)"):
        prior = parse_prior("prior_mu", text, MU_PRIORS)
        assert (prior.dist.name, prior.mean(), prior.std()) == ("norm", 3.0, 5.0)


def test_pair():
    assert parse_prior("prior$eta", "beta(2, 3)", PAIR_PRIORS).mean() == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("student_t(3, 1, 2.5)", "its location is 1, and cut off at 0 it must be 0"),
        ("cauchy(-1, 2)", "its location is -1"),
        ("uniform(-1, 5)", "not below 0"),
        ("uniform(5, 5)", "a greater one"),
        ("uniform(0, inf)", "not numbers"),
        ("gamma(2)", "gamma takes shape, rate"),
        ("gamma(2, 1, 3)", "gamma takes shape, rate"),
        ("gamma(2, rate=1, scale=1)", "gamma takes shape, rate"),
        ("gamma(rate=1, 2)", "gamma takes shape, rate"),
        ("gamma(2, scale=0)", "scale is 0.0: it must be positive"),
        ("gamma(2, 1_000)", "not numbers"),
        ("gamma(2, pi)", "not numbers"),
        ("gamma(2, )", "not numbers"),
        ("halfcauchy()", "not numbers"),
        ("halfcauchy(nan)", "not numbers"),
        ("halfcauchy(1e999)", "positive and finite"),
        ("normal(1e999, 2)", "mean is inf: it must be finite"),
        ("halfcauchy(x=3)", "halfcauchy takes scale"),
        ("nonesuch(3)", "it must be one of uniform, sqrt"),
        ("", "it must be one of"),
    ],
)  # fmt: skip
def test_refused(text, message):
    with pytest.raises(ValueError, match=message):
        parse_prior("prior_tau", text, SCALED, PRIOR_NAMES)


@pytest.mark.parametrize("df", [0.5, 1.0, 3.0, 30.0, 1e5, 1e10])
def test_half_t(df):
    prior, whole = halft(df, scale=2.0), stats.t(df, scale=2.0)
    for q in (1e-12, 1e-3, 0.3, 0.5, 0.9):
        assert prior.cdf(prior.ppf(q)) == pytest.approx(q, rel=1e-12)
        assert prior.sf(prior.isf(q)) == pytest.approx(q, rel=1e-11)
        assert whole.sf(prior.isf(q)) == pytest.approx(q / 2, rel=1e-8)
    np.testing.assert_allclose(prior.logpdf(TAU), np.log(2) + whole.logpdf(TAU), rtol=1e-10)
    assert integrate.quad(prior.pdf, 0.0, 3.0)[0] == pytest.approx(prior.cdf(3.0), rel=1e-10)
    assert list(prior.ppf([0.0, 1.0])) == [0.0, np.inf]
    assert pickle.loads(pickle.dumps(prior)).pdf(1.0) == prior.pdf(1.0)


def test_half_t_is_integrated():
    y, se = np.array([28.0, 8, -3, 7, -1, 1, 18, 12]), np.array([15.0, 10, 16, 11, 9, 11, 10, 18])
    prior = parse_prior("prior_tau", "student_t(3, 0, 2.5)", SCALED)
    found = ph.exact(ph.NormalNormal(y, se=se, prior_tau=prior))["tau"].mean()

    def density(tau):  # of tau given y, mu integrated out under a flat prior
        var = se**2 + tau**2
        mu = (y / var).sum() / (1 / var).sum()
        log = -0.5 * (np.log(var) + (y - mu) ** 2 / var).sum() - 0.5 * np.log((1 / var).sum())
        return np.exp(log + 33.0) * t(tau, 3, 2.5)

    ends = {"limit": 200, "epsabs": 0.0, "epsrel": 1e-11}
    mass = integrate.quad(density, 0.0, np.inf, **ends)[0]
    mean = integrate.quad(lambda tau: tau * density(tau), 0.0, np.inf, **ends)[0] / mass
    assert found == pytest.approx(mean, rel=1e-9)


def test_half_t_far_out():
    # Density c x^-(df + 1) s^df df^((df + 1) / 2) * 2, by hand for df = 1: 2 s / (pi x^2).
    prior = halft(1.0, scale=3.0)
    assert prior.logpdf(1e200) == pytest.approx(np.log(6 / np.pi) - 400 * np.log(10), rel=1e-14)
    assert prior.sf(1e200) == pytest.approx(6e-200 / np.pi, rel=1e-12)
    assert prior.cdf(1e-200) == pytest.approx(2e-200 / (3 * np.pi), rel=1e-12)
