"""LearnBayes' samplers of standard models, without R: closed forms, errors, NumPy's generators."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import pyhier as ph
from pyhier import RStream, coda
from pyhier import learnbayes as lb


def test_recorded_from_r():
    # R 4.2.2, LearnBayes 2.15.1: set.seed(1); each call, printed to 7 digits
    scale = [[1.0, 2.0], [2.0, 5.0]]
    expected = [[2.974165, 13.55911], [1.310318, 11.92570]]
    np.testing.assert_allclose(lb.rmt(2, [1, 12], scale, 4, rng=RStream(1)), expected, rtol=1e-6)
    y = [28, 8, -3, 7, -1, 1, 18, 12]
    expected = [1.252393, 6.073922, 7.890345, 8.729458]
    np.testing.assert_allclose(lb.normpostsim(y, m=4, rng=RStream(1)).mu, expected, rtol=1e-6)


@pytest.mark.parametrize("rng", [lambda: RStream(1), lambda: np.random.default_rng(1)])
def test_normal_sample_against_the_exact_posterior(rng):
    """The same test for both sources of numbers; 4 standard errors."""
    y = np.array([28.0, 8, -3, 7, -1, 1, 18, 12])
    n, m = y.size, 20_000
    sim = lb.normpostsim(y, m=m, rng=rng())
    t = (sim.mu - y.mean()) / np.sqrt(y.var(ddof=1) / n)
    assert stats.kstest(t, stats.t(n - 1).cdf).pvalue > 1e-4
    chi = y.var(ddof=1) * (n - 1) / sim.sigma2
    assert stats.kstest(chi, stats.chi2(n - 1).cdf).pvalue > 1e-4


@pytest.mark.parametrize("rng", [lambda: RStream(2), lambda: np.random.default_rng(2)])
def test_dirichlet_and_multivariate(rng):
    draws = lb.rdirichlet(20_000, [2.0, 5.0, 4.0], rng=rng())
    assert stats.kstest(draws[:, 0], stats.beta(2, 9).cdf).pvalue > 1e-4
    scale = np.array([[1.0, 0.5], [0.5, 2.0]])
    t = lb.rmt(20_000, [1.0, 2.0], scale, 5, rng=rng())
    assert stats.kstest(t[:, 1], stats.t(5, 2.0, np.sqrt(2.0)).cdf).pvalue > 1e-4
    normal = lb.rmnorm(50_000, [1.0, 2.0], scale, rng=rng())
    np.testing.assert_allclose(np.cov(normal.T), scale, atol=0.06)  # 4 standard errors
    inverse = lb.rigamma(20_000, 3.0, 2.0, rng=rng())
    assert stats.kstest(inverse, stats.invgamma(3.0, scale=2.0).cdf).pvalue > 1e-4


def test_densities_are_scipys():
    scale, x = np.array([[1.0, 0.5], [0.5, 2.0]]), np.array([[0.0, 1.0], [2.0, -1.0]])
    np.testing.assert_allclose(
        lb.dmnorm(x, [1, 0], scale), stats.multivariate_normal([1, 0], scale).pdf(x), rtol=1e-12
    )
    np.testing.assert_allclose(
        lb.dmt(x, [1, 0], scale, 3.5, log=True),
        stats.multivariate_t([1, 0], scale, 3.5).logpdf(x),
        rtol=1e-12,
    )


@pytest.mark.parametrize("rng", [lambda: RStream(3), lambda: np.random.default_rng(3)])
def test_regression_against_the_exact_posterior(rng):
    x = np.column_stack([np.ones(12), np.arange(12.0)])
    y = 1.0 + 0.5 * np.arange(12.0) + np.sin(np.arange(12.0))
    fit = lb.blinreg(y, x, 20_000, rng=rng())
    beta, squares = np.linalg.lstsq(x, y, rcond=None)[:2]
    sd = np.sqrt(squares[0] / 10 * np.linalg.inv(x.T @ x)[1, 1])
    assert stats.kstest((fit.beta[:, 1] - beta[1]) / sd, stats.t(10).cdf).pvalue > 1e-4
    mean = lb.blinregexpected([[1, 20]], fit)
    future = lb.blinregpred([[1, 20]], fit, rng=rng())
    np.testing.assert_allclose(mean[:, 0], fit.beta @ [1.0, 20.0])
    gain = np.var(future) - np.var(mean)
    assert gain == pytest.approx(np.mean(fit.sigma**2), rel=0.15)  # 20,000 draws of heavy tails


def test_gibbs_samplers_agree_between_sources():
    """Means of long chains from an R stream and from PCG64: 5 standard errors."""
    data = ph.load_dataset("iowagpa")
    y = [-67.0, -48, 6, 8, 14, 16, 23, 24, 28, 29, 41, 49, 67, 60, 75]
    x = np.column_stack([np.ones(10), np.arange(1.0, 11.0)])
    z = [0, 1, 0, 0, 0, 1, 1, 1, 1, 1]
    prior = {"beta": [0, 0], "P": np.eye(2)}
    chains = {
        "hiergibbs": lambda rng: lb.hiergibbs(data, 20_000, rng=rng).mu[:, :5],
        "ordergibbs": lambda rng: lb.ordergibbs(data, 20_000, rng=rng)[:, ::8],
        "robustt": lambda rng: lb.robustt(y, 4, 20_000, rng=rng).mu[:, None],
        "bayes_probit": lambda rng: lb.bayes_probit(z, x, 20_000, prior, rng=rng).beta,
    }
    for name, chain in chains.items():
        means, errors = [], []
        for rng in (RStream(4), np.random.default_rng(4)):
            batches = chain(rng)[1000:].reshape(50, 380, -1).mean(axis=1)
            means.append(batches.mean(axis=0))
            errors.append(batches.std(axis=0) / np.sqrt(50))
        assert np.all(np.abs(means[0] - means[1]) < 5.0 * np.hypot(*errors)), name


def test_chibs_estimate():
    """Log marginal likelihood of a probit model of one coefficient, by quadrature."""
    x, z = np.ones((8, 1)), np.array([1.0, 1, 0, 1, 1, 1, 0, 1])
    fit = lb.bayes_probit(z, x, 20_000, {"beta": [0.5], "P": [[2.0]]}, rng=5)
    grid = np.linspace(-6.0, 7.0, 20_001)
    log_likelihood = 6 * stats.norm.logcdf(grid) + 2 * stats.norm.logsf(grid)
    density = np.exp(log_likelihood) * stats.norm.pdf(grid, 0.5, np.sqrt(0.5))
    expected = np.log(np.sum(density) * (grid[1] - grid[0]))
    assert fit.log_marg == pytest.approx(expected, abs=0.01)


def test_order_is_kept():
    table = lb.ordergibbs(ph.load_dataset("iowagpa"), 500, rng=6).reshape(500, 5, 8)
    assert np.all(np.diff(table, axis=1) >= 0.0)
    assert np.all(np.diff(table, axis=2) >= 0.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lb.rdirichlet(2, [1.0, 0.0]), r"par\[1\] is 0"),
        (lambda: lb.rigamma(2, -1.0, 1.0), r"a\[0\] is -1"),
        (lambda: lb.rmnorm(2, [0, 0], [[1, 2], [2, 1]]), "not positive definite"),
        (lambda: lb.rmnorm(2, [0, 0, 0], np.eye(2)), "mean has 3"),
        (lambda: lb.rmt(2, [0, 0], np.eye(2), -1), "df is -1"),
        (lambda: lb.dmnorm([1, 2, 3], [0, 0], np.eye(2)), "x has 3 columns"),
        (lambda: lb.normpostsim([1.0, 1.0]), "no two different"),
        (lambda: lb.normpostsim([1.0, 2.0], {"mu": [0, 1]}), "'sigma2'"),
        (lambda: lb.robustt([1.0, 2.0], 0, 5), "v is 0"),
        (lambda: lb.blinreg([1, 2, 3], np.ones((3, 2)), 5), "rank 1"),
        (lambda: lb.blinreg([1, 2], np.ones((3, 1)), 5), "X has 3 rows: y has 2"),
        (lambda: lb.blinreg([1, 2, 2], [[1, np.nan], [1, 2], [1, 3]], 5), r"X\[0, 1\] is nan"),
        (lambda: lb.bayes_probit([0, 2], np.ones((2, 1)), 5), "responses are 0 or 1"),
        (lambda: lb.bprobit_probs([[1, 2]], [[1.0]]), "X1 has 2 columns"),
        (lambda: lb.hiergibbs([[1, 0, 1, 1]], 5), "sample sizes are positive"),
        (lambda: lb.ordergibbs([[1, 1]], 5), "give 40"),
        (lambda: lb.ordergibbs(np.tile([1e3, 1e6], (40, 1)), 5, rng=1), "too many standard errors"),
        (lambda: lb.rtruncated(3, 2, 1, stats.norm.cdf, stats.norm.ppf), "there must be mass"),
        (lambda: lb.normal_select({"p": 0.2, "x": 3}, {"p": 0.8, "x": 1}), "larger"),
        (lambda: lb.beta_select({"p": 0.2, "x": 0.3}, {"p": 0.8, "x": 1.1}), "between 0 and 1"),
        (lambda: lb.careertraj_setup(ph.load_dataset("iowagpa")), "no column 'Player'"),
        (lambda: lb.bayes_model_selection([1, 2, 3], np.ones((3, 1)), -1), "c is -1"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    "run",
    [
        lambda: lb.ordergibbs(ph.load_dataset("iowagpa"), 3_000_000, rng=1),
        lambda: lb.hiergibbs(ph.load_dataset("iowagpa"), 3_000_000, rng=1),
        lambda: lb.robustt(np.arange(100.0), 4, 1_000_000, rng=1),
        lambda: lb.bayes_probit(np.arange(200) % 2, np.ones((200, 1)), 2_000_000, rng=1),
        lambda: lb.normpostsim(
            np.arange(200.0), {"mu": [0, 1], "sigma2": [1, 1]}, 20_000_000, rng=1
        ),
    ],
)
def test_ctrl_c_stops_a_loop(run, stopped_by_an_alarm):
    """The whole runs take from 3 s up on an idle machine."""
    stopped_by_an_alarm(run)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lb.bayes_probit([0, 1, 1, 0], np.ones((4, 1)), 5, {"beta": [0, 0], "P": [[1]]}),
         "prior beta has 2 numbers: it must have 1"),
        (lambda: lb.bayes_probit([0, 1, 1, 0], np.ones((4, 1)), 5, {"beta": [0], "P": [[-1]]}),
         "prior P is no covariance or precision"),
        (lambda: lb.rmnorm(2, [0, 0], -np.eye(2)), "varcov is no covariance"),
        (lambda: lb.rmt(2, [0, 0], -np.eye(2), 4), "S is no covariance"),
        (lambda: lb.impsampling(lb.lbinorm, {"m": [0, 0], "var": np.eye(2), "df": 4}, 2, 5,
                                {"m": [0, 0], "v": np.eye(2)}), "h is 2: give the function"),
        (lambda: lb.normchi2post([1, np.nan], [1, 2]), "theta is .*none missing"),
        (lambda: lb.discrete_bayes(lambda y, p: "x", {1: 1}, 1), "df returned 'x'"),
        (lambda: lb.blinreg(pd.Series(["a", "b"]), np.ones((2, 1)), 5), "numbers: it holds text"),
        (lambda: coda.mcmc(pd.DataFrame({"mu": [1.0, 2.0], "chain": ["a", "b"]})),
         "holds text, in the column 'chain'"),
        (lambda: coda.mcmc("a"), "data must be numbers: it holds text$"),
        (lambda: coda.HPDinterval(coda.mcmc([1.0, 2.0]), prob="a"), "prob is 'a'"),
        (lambda: coda.spectrum0(np.arange(20.0), max_length=0), "max_length is 0"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_named(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()
