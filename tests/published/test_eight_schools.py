"""Every number printed in "Learning Bayesian Hierarchical Modeling from 8 Schools", an R post.

The post runs R's optim, LearnBayes' rwmetrop after set.seed(11), then draws the effects with rnorm.
Each number here is compared to every digit it prints.
"""

import numpy as np
import pytest

import pyhier as ph


@pytest.fixture(scope="module")
def chain():
    schools = ph.load_dataset("eight_schools")
    model = ph.NormalNormal(schools["y"], se=schools["sigma"], labels=schools["school"])
    fit = ph.laplace(model, start=[8, 2])
    return ph.rwmetrop(model, 5_000, fit, scale=2, burn_in=5_000, rng=ph.RStream(11))


def printed(values, digits):
    """Numbers as R prints a column of them: as many decimals as its 7 digits need."""
    return [f"{value:.{digits}f}" for value in values]


def test_separate_intervals(model):
    table = ph.no_pooling(model)
    low = "-1.39946 -11.59964 -34.35942 -14.55960 -18.63968 -20.55960 -1.59964 -23.27935"
    high = "57.39946 27.59964 28.35942 28.55960 16.63968 22.55960 37.59964 47.27935"
    assert printed(table["2.5%"], 5) == low.split()
    assert printed(table["97.5%"], 5) == high.split()


def test_pooled_mean_and_variance(model):
    pooled = ph.complete_pooling(model)
    assert f"{pooled.mean:.15g}" == "7.68561672495604"
    assert f"{pooled.var:.7g}" == "16.58053"


def test_homogeneity(model):
    # The post says "a very high p-value" and prints none; R: pchisq(Q, 7, lower.tail = FALSE).
    test = ph.homogeneity_test(model)
    assert (f"{test.statistic:.7g}", test.df) == ("4.707079", 7)
    assert f"{test.pvalue:.7g}" == "0.6956592"


def test_mode_and_covariance(model):
    fit = ph.laplace(model, start=[8, 2])
    assert printed(fit.mode, 6) == ["7.926685", "1.841525"]
    assert printed(fit.var.ravel(), 7) == ["22.3232882", "0.1935228", "0.1935228", "0.5352576"]


def test_acceptance_rate(chain):
    assert chain.accept == 0.3288


def test_effects(chain):
    table = chain.summary().loc["theta[A]":"theta[H]"]
    mean = "11.226786 7.812253 6.078697 7.609353 5.162853 6.231208 10.340858 8.490497"
    sd = "8.510583 6.185383 7.993831 6.515474 6.381664 6.729192 6.990141 8.045273"
    assert printed(table["mean"], 6) == mean.split()
    assert printed(table["sd"], 6) == sd.split()


def test_shrinkage(chain):
    table = chain.shrinkage()
    size = "0.8328975 0.7376910 0.8458181 0.7620532 0.7096051 0.7620532 0.7376910 0.8676774"
    assert printed(table["shrinkage"], 7) == size.split()
    ranks = [6.0, 2.5, 7.0, 4.5, 1.0, 4.5, 2.5, 8.0]
    assert table["rank_shrinkage"].tolist() == ranks
    assert table["rank_se"].tolist() == ranks


def test_probabilities(chain):
    assert chain.probability("theta[A] > 28") == 0.0468
    larger = [chain.probability(f"theta[A] > theta[{other}]") for other in "BCDEFGH"]
    assert larger == [0.6346, 0.68, 0.6382, 0.7162, 0.6804, 0.5382, 0.5994]


def test_contour(model):
    """The post's function of lambda, on its grid: the contours are of the same surface."""
    mu, log_tau = np.meshgrid(np.arange(-18, 37.05, 0.1), np.arange(-6, 4.15, 0.1))
    points = np.column_stack([mu.ravel(), log_tau.ravel()])
    total = model.var + np.exp(2 * points[:, 1:])
    expected = -0.5 * np.log(total) - (points[:, :1] - model.y) ** 2 / (2 * total)
    surface = model.log_marginal.evaluate(points, fast=True)
    np.testing.assert_allclose(surface, expected.sum(axis=1) + points[:, 1], rtol=1e-13)
    best = points[np.argmax(surface)]
    np.testing.assert_allclose(best, [8.0, 1.8], atol=0.11)
