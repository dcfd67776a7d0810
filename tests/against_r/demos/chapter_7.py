"""Chapter 7: hierarchical modelling."""

import numpy as np
import pandas as pd
import statsmodels.api as sm

from pyhier import learnbayes as lb
from pyhier import load_dataset, rstats


def hearts():
    frame = load_dataset("hearttransplants")
    e, y = frame["e"].to_numpy(float), frame["y"].to_numpy(float)
    return e, y, {"data": frame, "z0": 0.53}


def section_7_2(show):
    sluggerdata = load_dataset("sluggerdata")
    parts = []
    for player in sluggerdata["Player"].unique()[:9]:
        d = sluggerdata[sluggerdata["Player"] == player]
        age = d["Age"].to_numpy(float)
        X = np.column_stack([np.ones_like(age), age, age**2])
        response = np.column_stack([d["HR"], d["AB"] - d["HR"]])
        model = sm.GLM(response, X, family=sm.families.Binomial())
        fit = {"Age": age, "p": model.fit(tol=1e-14, maxiter=100).fittedvalues}
        parts.append(pd.DataFrame({"Age": age, "Fitted": fit["p"]}))
    newdata = pd.concat(parts)
    return {"fit": fit, "newdata": newdata, "j": 9}


def section_7_3(show):
    return {}


def tails(ysi, y):
    return min(np.sum(ysi <= y) / 1000, np.sum(ysi >= y) / 1000)


def section_7_4(show):
    e, y, _ = hearts()
    show(y.sum())
    show(e.sum())
    lambda_ = rstats.rgamma(1000, shape=277, rate=294681)
    ys94 = rstats.rpois(1000, e[93] * lambda_)
    lambda_ = rstats.rgamma(1000, shape=277, rate=294681)
    pout = np.array(
        [tails(rstats.rpois(1000, ei * lambda_), yi) for ei, yi in zip(e, y, strict=True)]
    )
    del e, y
    return locals()


def section_7_5(show):
    def pgexchprior(lam, pars):
        alpha, a, b = pars
        return (alpha - 1) * np.log(np.prod(lam)) - (2 * alpha + a) * np.log(
            alpha * np.sum(lam) + b
        )

    alpha = [5, 20, 80, 400]
    for value in alpha:
        lb.mycontour(pgexchprior, [0.001, 5, 0.001, 5], [value, 10, 10], main=f"ALPHA = {value}")
    j = 4
    return locals()


def section_7_7(show):
    e, y, datapar = hearts()
    fit = lb.laplace(lb.poissgamexch, [2, -7], datapar)
    show(fit)
    start = [4, -7]
    fitgibbs = lb.gibbs(lb.poissgamexch, start, 1000, [1, 0.15], datapar)
    show(fitgibbs.accept)
    alpha, mu = np.exp(fitgibbs.par).T
    lam1 = rstats.rgamma(1000, y[0] + alpha, e[0] + alpha / mu)
    for i in range(94):
        lami = rstats.rgamma(1000, y[i] + alpha, e[i] + alpha / mu)
        probint = rstats.quantile(lami, [0.05, 0.95])
    i = 94
    del e, y
    return locals()


def section_7_8(show):
    e, y, datapar = hearts()
    fit = lb.laplace(lb.poissgamexch, [2, -7], datapar)
    show(fit)
    start = [4, -7]
    fitgibbs = lb.gibbs(lb.poissgamexch, start, 1000, [1, 0.15], datapar)
    alpha, mu = np.exp(fitgibbs.par).T
    shrinkage = np.array([np.mean(alpha / (alpha + ei * mu)) for ei in e])
    hospital = np.arange(1, 95)

    def rates(i):
        return rstats.rgamma(1000, y[i] + alpha, e[i] + alpha / mu)

    meanrate = np.array([rates(i).mean() for i in range(94)])
    show(hospital[meanrate == meanrate.min()])
    LAM = np.column_stack([rates(i) for i in range(94)])
    better = np.array([(LAM[:, [i]] > LAM).mean(axis=0) for i in range(94)]).T
    show(better[:24, 84])
    return {name: value for name, value in locals().items() if name not in ("e", "y")}


def section_7_9(show):
    _, _, datapar = hearts()
    start = [4, -7]
    fitgibbs = lb.gibbs(lb.poissgamexch, start, 1000, [1, 0.15], datapar)

    def sir_old_new(theta, prior, prior_new):
        log_g, log_g_new = np.log(prior(theta)), np.log(prior_new(theta))
        wt = np.exp(log_g_new - log_g - np.max(log_g_new - log_g))
        indices = rstats.sample(wt.size, wt.size, replace=True, prob=wt / wt.sum())
        return theta[indices - 1]

    log_alpha = fitgibbs.par[:, 0]
    log_alpha_new = sir_old_new(
        log_alpha,
        lambda theta: 0.53 * np.exp(theta) / (np.exp(theta) + 0.53) ** 2,
        lambda theta: 5 * np.exp(theta) / (np.exp(theta) + 5) ** 2,
    )
    return locals()


def section_7_10(show):
    """As installed it stops where it takes alpha and mu from section 7.8."""
    _, _, datapar = hearts()
    start = [4, -7]
    fitgibbs = lb.gibbs(lb.poissgamexch, start, 1000, [1, 0.15], datapar)
    return locals()
