"""The R post's script, run in R and in pyhier: chain to the last bit, tables to rounding."""

import numpy as np
import pytest

import pyhier as ph
from pyhier import learnbayes as lb
from pyhier import rstats

SCRIPT = """
    y <- c(28, 8, -3, 7, -1, 1, 18, 12)
    sigma <- c(15, 10, 16, 11, 9, 11, 10, 18)
    logpost <- function(lambda, sigma, y){
      sum(-0.5*log(exp(2*lambda[2])+sigma^2) -
        ((lambda[1]-y)^2)/(2*(sigma^2+exp(2*lambda[2])))) + lambda[2]
    }
    out <- optim(par = c(8, 2), fn = logpost, control = list(fnscale = -1),
      hessian = TRUE, sigma = sigma, y = y)
    post_cov <- -solve(out$hessian)
    set.seed(11)
    iters <- 10^4
    fit1 <- rwmetrop(logpost, list(var = post_cov, scale = 2), start = out$par, iters, sigma, y)
    lambda <- fit1$par[5001:iters, ]
    tau2 <- exp(2 * lambda[, 2])
    theta <- shrink <- matrix(0, nrow = 5000, ncol = 8)
    for (j in 1:8) {
      V <- 1 / (1 / sigma[j]^2 + 1 / tau2)
      theta[, j] <- rnorm(5000, (y[j] / sigma[j]^2 + lambda[, 1] / tau2) * V, sqrt(V))
      shrink[, j] <- (1 / tau2) / (1 / tau2 + 1 / sigma[j]^2)
    }
    list(mode = out$par, var = post_cov, counts = out$counts[1], par = fit1$par,
      accept = fit1$accept, theta = theta, shrink = colMeans(shrink),
      mean = colMeans(theta), sd = apply(theta, 2, sd), A = mean(theta[, 1] > 28),
      larger = colMeans(theta[, 1] > theta[, -1]), rank = rank(colMeans(shrink)),
      intervals = cbind(qnorm(0.025, y, sigma), qnorm(0.975, y, sigma)),
      p = pchisq(sum((y - weighted.mean(y, 1 / sigma^2))^2 / sigma^2), 7, lower.tail = FALSE))
"""


def test_the_whole_script(r, model, schools):
    theirs = r(SCRIPT)
    fit = ph.laplace(model, start=[8, 2])
    np.testing.assert_array_equal(fit.mode, theirs["mode"])
    np.testing.assert_array_equal(fit.var, theirs["var"])
    intervals = ph.no_pooling(model)[["2.5%", "97.5%"]]
    np.testing.assert_allclose(intervals, theirs["intervals"], rtol=1e-14)
    test = ph.homogeneity_test(model)
    assert test.pvalue == pytest.approx(theirs["p"], rel=1e-13)
    chain = ph.rwmetrop(model, 5_000, fit, scale=2, burn_in=5_000, rng=ph.RStream(11))
    rows = np.concatenate([chain.burn_in[0], chain.phi[0]])
    assert rows.shape == (10_000, 2)
    np.testing.assert_array_equal(rows, theirs["par"])
    assert chain.accept == theirs["accept"]
    # The post's formulas for mean and variance of theta divide by tau^2; ours do not (they hold at
    # tau = 0 too), so the draws differ by rounding.
    np.testing.assert_allclose(chain.theta[0], theirs["theta"], rtol=1e-11, atol=1e-11)
    table = chain.shrinkage()
    np.testing.assert_allclose(table["shrinkage"], theirs["shrink"], rtol=1e-12)
    np.testing.assert_array_equal(table["rank_shrinkage"], theirs["rank"])
    summary = chain.summary().loc["theta[A]":"theta[H]"]
    np.testing.assert_allclose(summary["mean"], theirs["mean"], rtol=1e-11)
    np.testing.assert_allclose(summary["sd"], theirs["sd"], rtol=1e-11)
    assert chain.probability("theta[A] > 28") == theirs["A"]
    larger = [chain.probability(f"theta[A] > theta[{other}]") for other in "BCDEFGH"]
    np.testing.assert_array_equal(larger, theirs["larger"])


def test_line_for_line_in_learnbayes(r, schools):
    theirs = r(
        """
        data <- cbind(y, sigma^2)
        fit <- laplace(normnormexch, c(8, 2), data)
        set.seed(11)
        sim <- rwmetrop(normnormexch, list(var = fit$var, scale = 2), fit$mode, 10000, data)
        c(fit, sim)
        """,
        y=schools["y"].to_numpy(float),
        sigma=schools["sigma"].to_numpy(float),
    )
    data = np.column_stack([schools["y"], schools["sigma"] ** 2])
    fit = lb.laplace(lb.normnormexch, [8, 2], data)
    rstats.set_seed(11)
    sim = lb.rwmetrop(lb.normnormexch, {"var": fit.var, "scale": 2}, fit.mode, 10_000, data)
    for name in ("mode", "var", "int"):
        np.testing.assert_array_equal(getattr(fit, name), theirs[name])
    np.testing.assert_array_equal(sim.par, theirs["par"])
    assert (fit.converge, sim.accept) == (theirs["converge"], theirs["accept"])


def test_a_numpy_callable_stays_within_1e_6(r, schools):
    """NumPy sums in double where R's sum has 64 bits; optimHess magnifies that to 1e-8."""
    y, sigma = schools["y"].to_numpy(float), schools["sigma"].to_numpy(float)

    def logpost(x, sigma, y):
        total = np.exp(2 * x[1]) + sigma**2
        return np.sum(-0.5 * np.log(total) - (x[0] - y) ** 2 / (2 * total)) + x[1]

    theirs = r(SCRIPT)
    out = rstats.optim([8, 2], logpost, sigma, y, control={"fnscale": -1}, hessian=True)
    np.testing.assert_allclose(out.par, theirs["mode"], rtol=1e-6)
    proposal = {"var": -rstats.solve(out.hessian), "scale": 2}
    rstats.set_seed(11)
    sim = lb.rwmetrop(logpost, proposal, out.par, 10_000, sigma, y)
    np.testing.assert_allclose(sim.par, theirs["par"], rtol=1e-6, atol=1e-6)
    assert sim.accept == theirs["accept"]
