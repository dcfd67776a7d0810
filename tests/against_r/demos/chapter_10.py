"""Chapter 10: Gibbs sampling."""

import numpy as np
import statsmodels.api as sm

from pyhier import learnbayes as lb
from pyhier import load_dataset, rstats


def section_10_2(show):
    difference = load_dataset("darwin")["difference"].to_numpy(float)
    fit = lb.robustt(difference, 4, 10_000)
    mean_lambda = fit.lam.mean(axis=0)
    lam5, lam95 = rstats.quantile(fit.lam, [0.05, 0.95])
    i = 15
    del difference
    return locals()


def section_10_3(show):
    donner = load_dataset("donner")
    age, male = donner["age"].to_numpy(float), donner["male"].to_numpy(float)
    survival = donner["survival"].to_numpy(float)
    X = np.column_stack([np.ones_like(age), age, male])
    probit = sm.families.Binomial(link=sm.families.links.Probit())
    classical = sm.GLM(survival, X, family=probit).fit(tol=1e-14, maxiter=100)
    show(np.column_stack([classical.params, classical.bse]))
    m = 10_000
    fit = lb.bayes_probit(survival, X, m)
    show(fit.beta.mean(axis=0))
    show(fit.beta.std(axis=0, ddof=1))
    a = np.arange(15, 66)
    X1 = np.column_stack([np.ones(51), a, np.ones(51)])
    p_male = lb.bprobit_probs(X1, fit.beta)
    y = survival
    beta0, c0 = np.zeros(3), 100
    P0 = X.T @ X / c0
    for kept in ([0, 1, 2], [0, 2], [0, 1], [0]):
        prior = {"beta": beta0[kept], "P": P0[np.ix_(kept, kept)]}
        show(lb.bayes_probit(y, X[:, kept], 1000, prior).log_marg)
    del age, male, survival, donner, classical, prior, kept
    return locals()


def section_10_4(show):
    iowagpa = load_dataset("iowagpa").to_numpy(float)
    gpa = iowagpa[:, 0].reshape(8, 5)
    show(gpa)
    samplesizes = iowagpa[:, 1].reshape(8, 5)
    show(samplesizes)
    act = np.arange(17, 30, 3)
    MU = lb.ordergibbs(iowagpa, 5000)
    postmeans = MU.mean(axis=0).reshape(8, 5, order="F")[::-1]
    show(np.round(postmeans, 2))
    postsds = MU.std(axis=0, ddof=1).reshape(8, 5, order="F")[::-1]
    show(np.round(postsds, 3))
    s = 0.65
    se = s / np.sqrt(samplesizes)
    show(np.round(postsds / se, 2))
    FIT = lb.hiergibbs(iowagpa, 5000)
    probs = [0.025, 0.25, 0.5, 0.75, 0.975]
    show(rstats.quantile(FIT.beta[:, 1], probs))
    show(rstats.quantile(FIT.beta[:, 2], probs))
    show(rstats.quantile(FIT.var, probs))
    posterior_means = FIT.mu.mean(axis=0).reshape(8, 5)
    p = 1 - rstats.pnorm((2.5 - FIT.mu) / 0.65)
    prob_success = p.mean(axis=0).reshape(8, 5)
    show(np.round(prob_success, 3))
    del iowagpa, probs
    return locals()
