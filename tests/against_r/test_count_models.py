"""The models for counts against LearnBayes: the same densities, the same fits."""

import numpy as np
import pytest

import pyhier as ph


def random_trials(rng):
    groups = rng.integers(2, 60)
    n = rng.integers(1, 10 ** rng.integers(1, 5), groups)
    return rng.binomial(n, rng.beta(2, 5, groups)), n


@pytest.mark.parametrize("seed", range(30))
def test_betabinexch(r, seed):
    """Up to a constant: differences between points, at lgamma's accuracy in R."""
    rng = np.random.default_rng(seed)
    y, n = random_trials(rng)
    if not 0 < y.sum() < n.sum():
        y[0], n[0] = 1, 3
    points = np.column_stack([rng.uniform(-4, 3, 20), rng.uniform(-2, 7, 20)])
    expected = r(
        "apply(points, 1, function(p) betabinexch(p, cbind(y, n)))",
        points=points, y=y.astype(float), n=n.astype(float),
    )  # fmt: skip
    found = ph.BetaBinomial(y, n, prior="betabinexch").log_posterior(points)
    # R's lbeta is good to a few ulps of its size, that of the trials.
    allowed = 1e-13 * n.sum() + 1e-10
    np.testing.assert_allclose(found - found[0], expected - expected[0], atol=allowed, rtol=0)


@pytest.mark.parametrize("seed", range(30))
def test_poissgamexch(r, seed):
    rng = np.random.default_rng(seed)
    groups = rng.integers(2, 100)
    e = rng.uniform(10, 5000, groups)
    y = rng.poisson(e * rng.gamma(2, 0.005, groups))
    y[0] += 1
    z0 = rng.uniform(0.1, 5)
    points = np.column_stack([rng.uniform(-2, 5, 20), rng.uniform(-8, -2, 20)])
    expected = r(
        "apply(points, 1, function(p) poissgamexch(p, list(data = cbind(e, y), z0 = z0)))",
        points=points, y=y.astype(float), e=e, z0=z0,
    )  # fmt: skip
    found = ph.PoissonGamma(y, e, z0=z0).log_posterior(points)
    allowed = 1e-13 * (y.sum() * 10 + 10 * groups) + 1e-9
    np.testing.assert_allclose(found - found[0], expected - expected[0], atol=allowed, rtol=0)


def test_fits_of_the_book(r):
    """Albert's cancer mortality (section 5.4) and heart transplants (section 7.5)."""
    cancer = r("as.matrix(cancermortality)")
    fit = r("laplace(betabinexch, c(-7, 6), cancermortality)[c('mode', 'var')]")
    ours = ph.laplace(ph.BetaBinomial(*cancer.T, prior="betabinexch"))
    # R's Nelder-Mead stops within about 1e-3 sds of the mode.
    sd = np.sqrt(np.diag(ours.var))
    assert np.all(np.abs(ours.mode - fit["mode"]) < 2e-2 * sd)
    np.testing.assert_allclose(fit["var"], ours.var, rtol=2e-2)
    hearts = r("as.matrix(hearttransplants)")
    data = "list(data = hearttransplants, z0 = 0.53)"
    fit = r(f"laplace(poissgamexch, c(2, -7), {data})[c('mode', 'var')]")
    ours = ph.laplace(ph.PoissonGamma(hearts[:, 1], hearts[:, 0], z0=0.53))
    sd = np.sqrt(np.diag(ours.var))
    assert np.all(np.abs(ours.mode - fit["mode"]) < 2e-2 * sd)
    np.testing.assert_allclose(fit["var"], ours.var, rtol=2e-2)


def test_effects_of_heart_transplants(r):
    """Albert's simulation of the rates: means within their Monte Carlo error."""
    hearts = r("as.matrix(hearttransplants)")
    post = ph.exact(ph.PoissonGamma(hearts[:, 1], hearts[:, 0], z0=0.53))
    means, errors = r(
        """
        set.seed(1)
        data <- list(data = hearttransplants, z0 = 0.53)
        fit <- laplace(poissgamexch, c(2, -7), data)
        sim <- gibbs(poissgamexch, fit$mode, 20000, c(1, .15), data)$par[-(1:500), ]
        alpha <- exp(sim[, 1]); mu <- exp(sim[, 2])
        lambda <- sapply(1:94, function(i) with(hearttransplants[i, ], {
            (y + alpha) / (e + alpha / mu)
        }))
        blocks <- rep(1:50, each = 390)
        list(colMeans(lambda), apply(lambda, 2, function(x) sd(tapply(x, blocks, mean)) / sqrt(50)))
        """
    )
    found = post.group_means()
    assert np.max(np.abs(found - means) / errors) < 5.0  # the largest of 94
