"""Conjugate and discrete priors, tables, checks and pictures: by hand, in extremes, bad input."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import stats

import pyhier as ph
from pyhier import learnbayes as lb
from pyhier import rstats


def test_a_mixture_of_one_is_conjugate():
    found = lb.binomial_beta_mix([1], [[2, 3]], [4, 5])
    np.testing.assert_array_equal(found.betapar, [[6, 8]])
    np.testing.assert_array_equal(found.probs, [1.0])


def test_mixtures_that_underflow():
    """Likelihoods below 1e-308 still compare."""
    found = lb.binomial_beta_mix([0.5, 0.5], [[1, 1], [2, 2]], [30_000, 40_000])
    assert 0.0 < found.probs[0] < 1.0
    found = lb.pdisc([0.2, 0.25], [1, 3], [4_000_000, 1000])
    np.testing.assert_array_equal(found, [0.0, 1.0])
    post = lb.discrete_bayes(stats.poisson.pmf, {3.0: 0.5, 3.1: 0.5}, np.full(2000, 3))
    assert 0.0 < post.prob[3.0] < 1.0  # R: 0 / 0


def test_bayes_factors_in_extremes():
    test = lb.mnormt_onesided(175, [170, 10], [300, 10, 3])
    assert test.BF == test.postH == 0.0
    assert lb.mnormt_onesided(175, [170, 10], [-300, 10, 3]).postH == 1.0
    for sd in (1e-200, 1e-20, 1e200):  # of everything: R's formulas square it
        test = lb.mnormt_onesided(5 * sd, [0, 10 * sd], [6 * sd, 10, 3 * sd])
        plain = lb.mnormt_onesided(5, [0, 10], [6, 10, 3])
        assert pytest.approx(plain.BF, rel=1e-12) == test.BF
        test = lb.mnormt_twosided(5 * sd, 0.5, 2 * sd, [6 * sd, 10, 3 * sd])
        plain = lb.mnormt_twosided(5, 0.5, 2, [6, 10, 3])
        assert test.bf == pytest.approx(plain.bf, rel=1e-12)
    assert lb.pbetat(0.5, 0.0, [1, 1], [3, 4]).post == 0.0
    assert lb.pbetat(0.5, 1.0, [1, 1], [3, 4]).post == 1.0


def test_predictive_probabilities_sum_to_one():
    s = np.arange(-2, 23)
    assert lb.pbetap([0.3, 4], 20, s).sum() == pytest.approx(1.0, rel=1e-12)
    assert lb.pdiscp([0, 0.3, 1], [0.2, 0.5, 0.3], 20, s).sum() == pytest.approx(1.0, rel=1e-12)


def test_histprior_outside():
    """R stops below the intervals, and returns the last probability above them."""
    midpts, prob = [0.1, 0.3, 0.5], [0.2, 0.3, 0.5]
    np.testing.assert_array_equal(lb.histprior([-0.1, 0.61, 0.6], midpts, prob), [0, 0, 0.5])


def test_discint_of_equal_probabilities():
    """As in R the last of equals comes first."""
    np.testing.assert_array_equal(lb.discint([[x, 1 / 6] for x in range(1, 7)], 0.5).set, [4, 5, 6])
    assert lb.discint([[1, 0.2], [2, 0.8]], 1).prob == 1.0


def test_discrete_bayes_names():
    prior = pd.Series([0.5, 0.5], index=["0.2", "0.4"])  # R's names are text
    post = lb.discrete_bayes(lambda y, p: stats.binom.pmf(y, 5, p), prior, 2)
    assert list(post.prob.index) == ["0.2", "0.4"]
    np.testing.assert_array_equal(post.values, [0.2, 0.4])
    # Weights that sum to 6: the predictive probability does not depend on it (R's does).
    again = lb.discrete_bayes(lambda y, p: stats.binom.pmf(y, 5, p), 6 * prior, 2)
    assert again.pred == pytest.approx(post.pred, rel=1e-14)


def test_two_parameters_without_data():
    prior = lb.prior_two_parameters([1, 2], [3, 4])
    post = lb.discrete_bayes_2(None, prior)
    pd.testing.assert_frame_equal(post.prob, prior)
    assert post.pred == pytest.approx(1.0, rel=1e-15)


def test_regroup_leftovers_join_the_last_group():
    np.testing.assert_array_equal(lb.regroup(np.arange(5.0)[:, None], 2), [[1], [9]])
    frame = ph.load_dataset("cancermortality")
    assert lb.regroup(frame, 20).tolist() == [[71.0, float(frame["n"].sum())]]


def test_bayesresiduals_of_a_statsmodels_fit():
    import statsmodels.api as sm

    rng = np.random.default_rng(1)
    x = sm.add_constant(rng.normal(size=20))
    fit = sm.OLS(x @ [1, 2] + rng.normal(size=20), x).fit()
    post = {"sigma": [0.9, 1.1]}
    expected = lb.bayesresiduals({"residuals": fit.resid, "X": x}, post, 2)
    np.testing.assert_array_equal(lb.bayesresiduals(fit, post, 2), expected)


def test_one_stream():
    """rng= and the global stream are the same stream."""
    y = [[10, 6, 6], [4, 3, 10]]
    rstats.set_seed(8)
    assert lb.bfindep(y, 20, 50) == lb.bfindep(y, 20, 50, rng=ph.RStream(8))
    post = {"mu": [1.0, 2.0], "sigma2": [1.0, 2.0]}
    rstats.set_seed(8)
    a = lb.normpostpred(post, 4)
    np.testing.assert_array_equal(a, lb.normpostpred(post, 4, rng=ph.RStream(8)))


def test_pictures_on_given_axes():
    _, ax = plt.subplots()
    assert lb.triplot([3, 10], [10, 6], "topleft", ax=ax) is ax
    assert ax.get_legend()._loc == 2  # matplotlib's code of "upper left"
    _, ax = plt.subplots()
    surface = lb.mycontour(lambda x: -0.5 * float(x @ x), [-3, 3, -3, 3], ax=ax, colors="red")
    assert surface is ax
    _, ax = plt.subplots()
    post = lb.discrete_bayes(stats.poisson.pmf, dict.fromkeys(range(1, 41), 1.0), [8, 9])
    assert len(lb.plot_bayes(post, ax=ax).get_xticks()) <= 15
    assert len(ax.patches) == 40


def test_mycontour_takes_minus_infinity():
    ax = lb.mycontour(lb.howardprior, [-0.5, 1.5, -0.5, 1.5], [2, 2, 2, 2, 2])
    assert len(ax.collections[0].get_paths()) == 3
    with pytest.raises(ValueError, match=r"is nan at \(-3.0, -3.0\): move the limits"):
        lb.mycontour(lambda x: np.nan, [-3, 3, -3, 3])
    with pytest.raises(ValueError, match="is -inf at"):
        lb.mycontour(lambda x: -np.inf, [-3, 3, -3, 3])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lb.binomial_beta_mix([0.5, -0.5], np.ones((2, 2)), [1, 2]), r"probs\[1\] is"),
        (lambda: lb.binomial_beta_mix([1], [[1, 0]], [1, 2]), r"betapar\[:, 1\]\[0\] is 0.0"),
        (lambda: lb.binomial_beta_mix([1], [1, 1], [1, 2]), "betapar has 1 dimensions"),
        (lambda: lb.poisson_gamma_mix([1], [[1, 1]], {"y": [1, 2], "t": [1]}), "has 1 numbers"),
        (lambda: lb.normal_normal_mix([1], [[1, 1]], [1, 0]), "the variance"),
        (lambda: lb.mnormt_onesided(1, [1, 1], [1, 0, 1]), "the sample's size"),
        (lambda: lb.mnormt_twosided(1, 1.5, 1, [1, 5, 1]), "prob is 1.5: a probability"),
        (lambda: lb.mnormt_twosided(-1e300, 0.5, 1, [1, 5, 1]), "m0 is more than 1e150"),
        (lambda: lb.mnormt_twosided(np.nan, 0.5, 1, [1, 5, 1]), r"m0\[0\] is nan"),
        (lambda: lb.mnormt_twosided([], 0.5, 1, [1, 5, 1]), "m0 is empty"),
        (lambda: lb.mnormt_onesided(1e300, [1, 1], [1, 5, 1]), "m0 is more than 1e150"),
        (lambda: lb.mnormt_onesided("x", [1, 1], [1, 5, 1]), "m0 must be numbers"),
        (lambda: lb.normal_normal_mix([1], [[1, 1]], [1e300, 1]), "data.0. .the observation. is m"),
        (lambda: lb.pbetat("x", 0.5, [1, 1], [1, 1]), "p0 must be numbers"),
        (lambda: lb.pbetap([1, 1], 5, [1.5]), "numbers of successes are whole"),
        (lambda: lb.pdisc([0.2, 1.2], [1, 1], [1, 1]), r"p\[1\] is 1.2"),
        (lambda: lb.pdisc([0, 1], [1, 1], [1, 1]), "the data is impossible"),
        (lambda: lb.pdisc([0.2], [0], [1, 1]), "prior are all 0"),
        (lambda: lb.histprior(1, [1, 2, 4], [1, 1, 1]), "ascend in equal steps"),
        (lambda: lb.discint([[1, 0.2], [2, 0.3]], 0.9), "sum to 0.5 only"),
        (lambda: lb.discrete_bayes(stats.poisson.pmf, {"a": 1}, 1), "names that are no numbers"),
        (lambda: lb.discrete_bayes(lambda y, p: -1.0, {1: 1}, 1), "a density is a number"),
        (lambda: lb.ctable([[1, 2], [3, 4]], [[0.2, 0.2], [0.2, 0.2]]), "a is too small"),
        (lambda: lb.ctable([[1, 2], [3, -4]], np.ones((2, 2))), r"y\[1, 1\] is -4.0"),
        (lambda: lb.bfindep([[1, 2]], 2, 10), "at least two rows and two columns"),
        (lambda: lb.bfindep([[1, 2], [3, 4]], 2, 1), "m is 1"),
        (lambda: lb.regroup(np.ones((3, 2)), 4), "data has 3 rows only"),
        (lambda: lb.normpostpred({"mu": [1], "sigma2": [0]}, 5), "sigma2"),
        (lambda: lb.bayesresiduals({"residuals": [1, 2], "X": np.ones((2, 2))}, {"sigma": 1}, 2),
         "has not full rank"),
        (lambda: lb.bayes_influence([[0, np.nan]], [[1, 2]]), "draws must be finite"),
        (lambda: lb.predplot([1, 1], 5, 6), "yobs is 6"),
        (lambda: lb.mycontour(lambda x: 0.0, [1, 0, 0, 1]), "xlo < xhi"),
        (lambda: lb.plot_bayes2(lb.discrete_bayes_2(None, lb.prior_two_parameters([1], [1])), 3),
         "marginal is 3"),
    ],
)  # fmt: skip
def test_errors(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: lb.discrete_bayes(stats.poisson.pmf, [0.5, 0.5], 1),
        lambda: lb.discrete_bayes_2(None, [[0.5, 0.5]]),
        lambda: lb.summary_bayes({"prob": 1}),
        lambda: lb.plot_bayes(3),
        lambda: lb.bayesresiduals([1, 2], {"sigma": 1}, 2),
    ],
)
def test_type_errors(call):
    with pytest.raises(TypeError, match="give"):
        call()
