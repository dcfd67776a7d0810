"""The examples of LearnBayes' and coda's help pages, as a user ports them.

A function a page. R's examples are run first: what they start from (numbers, vectors, lists) comes
from there, by R's names, so that nothing of the packages' text is here. What a page makes is
returned by R's names; what it shows goes to ``show``.
"""

import numpy as np
import pandas as pd
from statsmodels.formula.api import ols

from pyhier import coda, load_dataset, rstats
from pyhier import learnbayes as lb


def frame(name):
    return load_dataset(name)


def cities():
    return frame("cancermortality")


def fitted(v):
    return lb.laplace(lb.betabinexch, v["start"], cities())


def shows(function, *names):
    """A page that shows one answer, of R's variables with these names."""
    return lambda v, show: show(function(*(v[name] for name in names)))


def makes(variable, function, *names):
    """A page that keeps one answer."""
    return lambda v, show: {variable: function(*(v[name] for name in names))}


def bayes_influence(v, show):
    theta = lb.sir(lb.betabinexch, v["tpar"], 1000, cities())
    return {
        "fit": fitted(v),
        "theta": theta,
        "intervals": lb.bayes_influence(theta, cities()),
    }


def bayes_model_selection(v, show):
    birds = frame("birdextinct")
    X = np.column_stack([np.ones(len(birds)), birds[["nesting", "size", "status"]]])
    found = lb.bayes_model_selection(np.log(birds["time"]), X, 100)
    # The page's X has no names, so that R gives the names of the last two columns to the first.
    first, second, *others = found.mod_prob.columns
    show([found.converge, *(found.mod_prob[name] for name in (second, first, *others))])
    return {"X": X}


def bayesresiduals(v, show):
    post = lb.blinreg(v["temp"], v["X"], v["m"])
    lmfit = ols("temp ~ chirps", pd.DataFrame({key: v[key] for key in ("temp", "chirps")})).fit()
    show(lb.bayesresiduals(lmfit, post, v["k"]))
    return {"post": post}


def of_chirps(function):
    """Regression of temperatures on chirps, and what is made of its draws."""

    def port(v, show):
        draws = lb.blinreg(v["temp"], v["X"], v["m"])
        show(function(np.vstack([v["covset1"], v["covset2"]]), draws))
        return {"theta.sample": draws, "X1": np.vstack([v["covset1"], v["covset2"]])}

    return port


def bprobit_probs(v, show):
    fit = lb.bayes_probit(v["response"], v["X"], v["m"])
    return {"fit": fit, "fittedprobs": lb.bprobit_probs(v["X1"], fit.beta)}


def bradley_terry(v, show):
    theta = np.append(v["team.strengths"], v["log.sigma"])
    show(lb.bradley_terry_post(theta, frame("baseball.1964")))


def discrete_bayes(v, show):
    prior = dict(zip([0.2, 0.25, 0.3, 0.35], v["prior"], strict=True))
    show(lb.discrete_bayes(rstats.dbinom, prior, v["y"], size=v["n"]))


def discrete_bayes_2(v, show):
    show(lb.discrete_bayes_2(lambda y, p1, p2: 1.0, lb.prior_two_parameters(v["p1"], v["p2"])))


def gibbs(v, show):
    return {"s": lb.gibbs(lb.logctablepost, v["start"], v["m"], v["scale"], v["data"])}


def histprior(v, show):
    show([v["p"], lb.histprior(v["p"], v["midpts"], v["prob"])])


def impsampling(v, show):
    draws = lb.impsampling(lb.betabinexch, v["tpar"], lambda theta: theta[1], 1000, cities())
    return {"fit": fitted(v), "theta": draws}


def indepmetrop(v, show):
    return {"fit": lb.indepmetrop(lb.logctablepost, v["proposal"], v["start"], v["m"], v["data"])}


def laplace(v, show):
    def logpost(theta, data):
        return np.sum(-np.log(1 + (data - theta) ** 2 / 25))

    show(lb.laplace(logpost, v["start"], v["data"]))


def mycontour(v, show):
    lb.mycontour(lb.lbinorm, [-4, 4, -4, 4], v["normpar"])


def normpostpred(v, show):
    s = lb.normpostsim(frame("darwin")["difference"])
    return {"s": s, "sim.stats": lb.normpostpred(s, v["sample.size"], np.min)}


def reg_gprior_post(v, show):
    show(lb.reg_gprior_post([20, -0.5, 1], {"data": v["data"], "prior": v["prior"]}))


def rejectsampling(v, show):
    theta = lb.rejectsampling(lb.betabinexch, v["tpar"], -569.2813, 1000, cities())
    return {"fit": fitted(v), "theta": theta}


def rtruncated(v, show):
    show(lb.rtruncated(10, 3, np.inf, rstats.pnorm, rstats.qnorm, mean=2, sd=1))
    show(lb.rtruncated(v["n"], v["lo"], v["hi"], rstats.pbeta, rstats.qbeta, 2, 5))


def rwmetrop(v, show):
    return {"s": lb.rwmetrop(lb.logctablepost, v["proposal"], v["start"], v["m"], v["data"])}


def simcontour(v, show):
    s = lb.simcontour(lb.lbinorm, [-4, 4, -4, 4], v["normpar"], 1000)
    show([s.x, s.y])
    return {"s": s}


def sir(v, show):
    return {"fit": fitted(v), "theta": lb.sir(lb.betabinexch, v["tpar"], 1000, cities())}


def weibullregpost(v, show):
    patients = frame("chemotherapy")
    d = patients[["time", "status", "treat", "age"]].to_numpy(float)
    d[:, 2] -= 1
    show(lb.weibullregpost(v["theta"], d))
    return {"d": d}


def hpd_interval(v, show):
    show([found.values for found in coda.HPDinterval(coda.load_line())])


def mcmc_list(v, show):
    line = coda.load_line()
    x2 = line[:, ["alpha"]]
    show([name == coda.varnames(line)[0] for name in coda.varnames(x2)])
    return {"x1": line[0].values, "x2": [chain.values for chain in x2]}


def trellis_plots(v, show):
    line = coda.load_line()
    coda.xyplot(line)
    coda.xyplot(line[0], start=10)
    coda.densityplot(line, start=10)
    coda.qqmath(line, start=10)
    coda.levelplot(line[1])
    coda.acfplot(line, outer=True)


LEARNBAYES = {
    "bayes.influence": bayes_influence,
    "bayes.model.selection": bayes_model_selection,
    "bayes.probit": makes("s", lb.bayes_probit, "response", "X", "m", "prior"),
    "bayesresiduals": bayesresiduals,
    "beta.select": shows(lambda *q: lb.beta_select(*q, r=True), "quantile1", "quantile2"),
    "betabinexch": shows(lb.betabinexch, "theta", "data"),
    "betabinexch0": shows(lb.betabinexch0, "theta", "data"),
    "bfexch": shows(lb.bfexch, "theta", "datapar"),
    "bfindep": shows(lb.bfindep, "y", "K", "m"),
    "binomial.beta.mix": shows(lb.binomial_beta_mix, "probs", "betapar", "data"),
    "blinreg": makes("s", lb.blinreg, "temp", "X", "m"),
    "blinregexpected": of_chirps(lb.blinregexpected),
    "blinregpred": of_chirps(lb.blinregpred),
    "bprobit.probs": bprobit_probs,
    "bradley.terry.post": bradley_terry,
    "careertraj.setup": lambda v, show: show(lb.careertraj_setup(frame("sluggerdata"))),
    "cauchyerrorpost": shows(lb.cauchyerrorpost, "theta", "data"),
    "ctable": shows(lb.ctable, "y", "a"),
    "discint": shows(lb.discint, "dist", "pcontent"),
    "discrete.bayes": discrete_bayes,
    "discrete.bayes.2": discrete_bayes_2,
    "dmnorm": makes("f", lb.dmnorm, "x", "mu", "Sigma"),
    "dmt": makes("f", lb.dmt, "x", "mu", "Sigma", "df"),
    "gibbs": gibbs,
    "groupeddatapost": shows(lb.groupeddatapost, "theta", "data"),
    "hiergibbs": lambda v, show: {"s": lb.hiergibbs(frame("iowagpa"), v["m"])},
    "histprior": histprior,
    "howardprior": shows(lb.howardprior, "p", "param"),
    "impsampling": impsampling,
    "indepmetrop": indepmetrop,
    "laplace": laplace,
    "lbinorm": shows(lb.lbinorm, "value", "param"),
    "logctablepost": shows(lb.logctablepost, "theta", "data"),
    "logisticpost": shows(lb.logisticpost, "beta", "data"),
    "logpoissgamma": shows(lb.logpoissgamma, "theta", "datapar"),
    "logpoissnormal": shows(lb.logpoissnormal, "theta", "datapar"),
    "mnormt.onesided": shows(lb.mnormt_onesided, "m0", "normpar", "data"),
    "mnormt.twosided": shows(lb.mnormt_twosided, "m0", "prob", "tau", "data"),
    "mycontour": mycontour,
    "normal.normal.mix": shows(lb.normal_normal_mix, "probs", "normalpar", "data"),
    "normal.select": shows(lb.normal_select, "quantile1", "quantile2"),
    "normchi2post": shows(lb.normchi2post, "parameter", "data"),
    "normnormexch": shows(lb.normnormexch, "theta", "data"),
    "normpostpred": normpostpred,
    "normpostsim": lambda v, show: {"s": lb.normpostsim(frame("darwin")["difference"])},
    "ordergibbs": lambda v, show: {"s": lb.ordergibbs(frame("iowagpa"), v["m"])},
    "pbetap": shows(lb.pbetap, "ab", "n", "s"),
    "pbetat": shows(lb.pbetat, "p0", "prob", "ab", "data"),
    "pdisc": shows(lb.pdisc, "p", "prior", "data"),
    "pdiscp": shows(lb.pdiscp, "p", "prob", "n", "s"),
    "poissgamexch": shows(lb.poissgamexch, "theta", "datapar"),
    "poisson.gamma.mix": shows(lb.poisson_gamma_mix, "probs", "gammapar", "data"),
    "predplot": lambda v, show: lb.predplot(v["prior"], v["n"], v["yobs"]) and None,
    "prior.two.parameters": lambda v, show: show(lb.prior_two_parameters([1, 2, 3, 4], [2, 4, 7])),
    "rdirichlet": shows(lb.rdirichlet, "n", "par"),
    "reg.gprior.post": reg_gprior_post,
    "regroup": lambda v, show: show(lb.regroup(v["data"], 2)),
    "rejectsampling": rejectsampling,
    "rigamma": shows(lb.rigamma, "n", "a", "b"),
    "rmnorm": lambda v, show: {"x": lb.rmnorm(10, v["mu"], v["Sigma"])},
    "rmt": lambda v, show: {"x": lb.rmt(10, v["mu"], v["Sigma"], v["df"])},
    "robustt": lambda v, show: {"fit": lb.robustt(v["data"], 4, 1000)},
    "rtruncated": rtruncated,
    "rwmetrop": rwmetrop,
    "simcontour": simcontour,
    "sir": sir,
    "transplantpost": lambda v, show: show(lb.transplantpost(v["theta"], frame("stanfordheart"))),
    "triplot": lambda v, show: lb.triplot(v["prior"], v["data"]) and None,
    "weibullregpost": weibullregpost,
}

CODA = {
    "HPDinterval": hpd_interval,
    "mcmc.list": mcmc_list,
    "trellisplots": trellis_plots,
}
