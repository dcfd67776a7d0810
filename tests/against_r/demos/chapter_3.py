"""Chapter 3: single-parameter models."""

import numpy as np

from pyhier import learnbayes as lb
from pyhier import load_dataset, rstats


def section_3_2(show):
    scores = load_dataset("footballscores")
    d = (scores["favorite"] - scores["underdog"] - scores["spread"]).to_numpy(float)
    n = len(d)
    v = np.sum(d**2)
    P = rstats.rchisq(1000, n) / v
    s = np.sqrt(1 / P)
    show(rstats.quantile(s, [0.025, 0.5, 0.975]))
    return locals()


def section_3_3(show):
    alpha, beta = 16, 15174
    y = np.arange(11)
    lam = alpha / beta

    def predictive(ex):
        prior = rstats.dgamma(lam, shape=alpha, rate=beta)
        return (
            rstats.dpois(y, lam * ex) * prior / rstats.dgamma(lam, shape=alpha + y, rate=beta + ex)
        )

    yobs, ex = 1, 66
    show(np.column_stack([y, np.round(predictive(ex), 3)]))
    lambdaA = rstats.rgamma(1000, shape=alpha + yobs, rate=beta + ex)
    ex, yobs = 1767, 4
    py = predictive(ex)
    show(np.column_stack([y, np.round(py, 3)]))
    lambdaB = rstats.rgamma(1000, shape=alpha + yobs, rate=beta + ex)
    return locals()


def section_3_4(show):
    quantile1, quantile2 = {"p": 0.5, "x": 100}, {"p": 0.95, "x": 120}
    show(lb.normal_select(quantile1, quantile2))
    mu, tau, sigma, n = 100, 12.16, 15, 4
    se = sigma / np.sqrt(4)
    ybar = np.array([110, 125, 140])
    tau1 = 1 / np.sqrt(1 / se**2 + 1 / tau**2)
    mu1 = (ybar / se**2 + mu / tau**2) * tau1**2
    summ1 = np.column_stack([ybar, mu1, np.repeat(tau1, 3)])
    show(summ1)
    tscale = 20 / rstats.qt(0.95, 2)
    show(tscale)

    def norm_t_compute(ybar):
        theta = np.linspace(60, 180, 500)
        like = rstats.dnorm(theta, mean=ybar, sd=sigma / np.sqrt(n))
        post = rstats.dt((theta - mu) / tscale, 2) * like
        post = post / post.sum()
        m = np.sum(theta * post)
        return ybar, m, np.sqrt(np.sum(theta**2 * post) - m**2)

    summ2 = np.array([norm_t_compute(y) for y in (110, 125, 140)])
    show(summ2)
    show(np.column_stack([summ1, summ2]))
    theta = np.linspace(60, 180, 500)
    normpost = rstats.dnorm(theta, mu1[2], tau1)
    normpost = normpost / normpost.sum()
    like = rstats.dnorm(theta, mean=140, sd=sigma / np.sqrt(n))
    prior = rstats.dt((theta - mu) / tscale, 2)
    tpost = prior * like / np.sum(prior * like)
    return locals()


def section_3_5(show):
    probs = [0.5, 0.5]
    beta_par1, beta_par2 = [6, 14], [14, 6]
    betapar = np.array([beta_par1, beta_par2])
    data = [7, 3]
    post = lb.binomial_beta_mix(probs, betapar, data)
    show(post)
    return locals()


def section_3_6(show):
    show(rstats.pbinom(5, 20, 0.5))
    n, y, a, p = 20, 5, 10, 0.5
    dbeta = rstats.dbeta
    m1 = rstats.dbinom(y, n, p) * dbeta(p, a, a) / dbeta(p, a + y, a + n - y)
    lambda_ = rstats.dbinom(y, n, p) / (rstats.dbinom(y, n, p) + m1)
    show(lambda_)
    show(lb.pbetat(p, 0.5, [a, a], [y, n - y]))
    k = np.arange(y + 1)
    m2 = np.sum(rstats.dbinom(k, n, p) * dbeta(p, a, a) / dbeta(p, a + k, a + n - k))
    lambda_ = rstats.pbinom(y, n, p) / (rstats.pbinom(y, n, p) + m2)
    show(lambda_)
    k = y
    return locals()
