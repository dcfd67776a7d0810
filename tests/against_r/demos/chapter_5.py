"""Chapter 5: introduction to Bayesian computation."""

import numpy as np

from pyhier import learnbayes as lb
from pyhier import load_dataset, rstats


def section_5_4(show):
    trials = load_dataset("cancermortality")
    lb.mycontour(lb.betabinexch0, [0.0001, 0.003, 1, 20000], trials, xlab="eta", ylab="K")
    lb.mycontour(lb.betabinexch, [-8, -4.5, 3, 16.5], trials, xlab="logit eta", ylab="log K")
    return {}


def section_5_6(show):
    fit = lb.laplace(lb.betabinexch, [-7, 6], load_dataset("cancermortality"))
    show(fit)
    npar = {"m": fit.mode, "v": fit.var}
    lb.mycontour(lb.lbinorm, [-8, -4.5, 3, 16.5], npar)
    se = np.sqrt(np.diag(fit.var))
    show(fit.mode - 1.645 * se)
    show(fit.mode + 1.645 * se)
    return locals()


def section_5_7(show):
    p = rstats.rbeta(1000, 14.26, 23.19)
    est = np.mean(p**2)
    se = rstats.sd(p**2) / np.sqrt(1000)
    show([est, se])
    return locals()


def section_5_8(show):
    data = load_dataset("cancermortality")
    fit = lb.laplace(lb.betabinexch, [-7, 6], data)

    def betabinT(theta, datapar):
        tpar = datapar["par"]
        return lb.betabinexch(theta, datapar["data"]) - lb.dmt(
            theta, mean=tpar["m"], S=tpar["var"], df=tpar["df"], log=True
        )

    tpar = {"m": fit.mode, "var": 2 * fit.var, "df": 4}
    datapar = {"data": data, "par": tpar}
    start = [-6.9, 12.4]
    fit1 = lb.laplace(betabinT, start, datapar)
    show(fit1.mode)
    show(betabinT(fit1.mode, datapar))
    theta = lb.rejectsampling(lb.betabinexch, tpar, -569.2813, 10_000, data)
    show(theta.shape)
    del data
    return locals()


def section_5_9(show):
    data = load_dataset("cancermortality")
    fit = lb.laplace(lb.betabinexch, [-7, 6], data)
    tpar = {"m": fit.mode, "var": 2 * fit.var, "df": 4}
    s = lb.impsampling(lb.betabinexch, tpar, lambda theta: theta[1], 10_000, data)
    show([s.est, s.se])
    del data
    return locals()


def section_5_10(show):
    data = load_dataset("cancermortality")
    fit = lb.laplace(lb.betabinexch, [-7, 6], data)
    tpar = {"m": fit.mode, "var": 2 * fit.var, "df": 4}
    theta_s = lb.sir(lb.betabinexch, tpar, 10_000, data)
    S = lb.bayes_influence(theta_s, data)
    i = 20
    del data
    return locals()
