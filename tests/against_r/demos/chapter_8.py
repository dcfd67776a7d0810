"""Chapter 8: model comparison."""

import numpy as np
import pandas as pd
from scipy import stats

from pyhier import learnbayes as lb
from pyhier import load_dataset
from pyhier.rstats import pnorm

WEIGHTS = np.array([182.0, 172, 173, 176, 176, 180, 173, 174, 179, 175])


def section_8_3(show):
    pmean, pvar = 170, 25
    probH = pnorm(175, pmean, np.sqrt(pvar))
    probA = 1 - probH
    prior_odds = probH / probA
    show(prior_odds)
    weights = WEIGHTS
    xbar = weights.mean()
    sigma2 = 3**2 / len(weights)
    post_precision = 1 / sigma2 + 1 / pvar
    post_var = 1 / post_precision
    post_mean = (xbar / sigma2 + pmean / pvar) / post_precision
    show([post_mean, np.sqrt(post_var)])
    below = pnorm(175, post_mean, np.sqrt(post_var))
    post_odds = below / (1 - below)
    show(post_odds)
    BF = post_odds / prior_odds
    show(BF)
    postH = probH * BF / (probH * BF + probA)
    show(postH)
    z = np.sqrt(len(weights)) * (weights.mean() - 175) / 3
    show(1 - pnorm(z))
    data = [weights.mean(), len(weights), 3]
    prior_par = [170, 1000]
    show(lb.mnormt_onesided(175, prior_par, data))
    return locals()


def section_8_4(show):
    weights = WEIGHTS
    data = [weights.mean(), len(weights), 3]
    t = [0.5, 1, 2, 4, 8]
    show(lb.mnormt_twosided(170, 0.5, t, data))
    return locals()


def section_8_6(show):
    goals = load_dataset("soccergoals")["goals"].to_numpy(float)

    def fitted(logf, par):
        return lb.laplace(logf, 0.5, {"data": goals, "par": par})

    fit1 = fitted(lb.logpoissgamma, [4.57, 1.43])
    fit2 = fitted(lb.logpoissnormal, [1, 0.5])
    fit3 = fitted(lb.logpoissnormal, [2, 0.5])
    fit4 = fitted(lb.logpoissnormal, [1, 2])
    datapar = {"data": goals, "par": [1, 2]}
    fits = (fit1, fit2, fit3, fit4)
    postmode = np.array([fit.mode[0] for fit in fits])
    postsd = np.sqrt([fit.var[0, 0] for fit in fits])
    logmarg = np.array([fit.int for fit in fits])
    show(np.column_stack([postmode, postsd, logmarg]))
    return locals()


def section_8_7(show):
    jeter = load_dataset("jeter2004")
    data = jeter[["H", "AB"]].to_numpy(float)
    data1 = lb.regroup(data, 5)
    log_K = np.arange(2.0, 7.0)
    K = np.exp(log_K)
    log_BF = np.array([lb.laplace(lb.bfexch, 0, {"data": data1, "K": k}).int for k in K])
    BF = np.exp(log_BF)
    show(pd.DataFrame({"log_K": log_K, "K": K, "log_BF": log_BF, "BF": BF}).round(2))
    return locals()


def section_8_8(show):
    data = np.array([[11.0, 68, 3], [9, 23, 5]])
    show(data)
    test = stats.chi2_contingency(data, correction=False)
    show([test.statistic, test.dof, test.pvalue])
    a = np.ones((2, 3))
    show(a)
    show(lb.ctable(data, a))
    log_K = np.arange(2.0, 8.0)
    log_BF = np.log([lb.bfindep(data, k, 100_000).bf for k in np.exp(log_K)])
    BF = np.exp(log_BF)
    show(pd.DataFrame({"log_K": log_K, "log_BF": log_BF, "BF": BF}).round(2))
    return locals()
