"""Chapter 6: Markov chain Monte Carlo methods."""

import numpy as np

from pyhier import coda, load_dataset, rstats
from pyhier import learnbayes as lb

GROUPED = {
    "int_lo": [-np.inf, 66, 68, 70, 72, 74],
    "int_hi": [66, 68, 70, 72, 74, np.inf],
    "f": [14, 30, 49, 70, 33, 15],
}


def section_6_2(show):
    P = np.zeros((6, 6))
    P[0, :2] = P[5, 4:] = 0.5
    for row in range(1, 5):
        P[row, row - 1 : row + 2] = 0.25, 0.5, 0.25
    show(P)
    s = np.zeros(50_000, dtype=int)
    s[0] = 3
    for j in range(1, 50_000):
        s[j] = rstats.sample(6, 1, prob=P[s[j - 1] - 1])[0]
    m = [500, 2000, 8000, 50000]
    for size in m:
        show(np.bincount(s[:size], minlength=7)[1:] / size)
    w = np.array([0.1, 0.2, 0.2, 0.2, 0.2, 0.1])
    show(w @ P)
    i, j = 4, 50_000
    return locals()


def section_6_7(show):
    d = GROUPED
    y = np.repeat([65.0, 67, 69, 71, 73, 75], d["f"])
    show(y.mean())
    show(np.log(rstats.sd(y)))
    start = [70, 1]
    fit = lb.laplace(lb.groupeddatapost, start, d)
    show(fit)
    modal_sds = np.sqrt(np.diag(fit.var))
    proposal = {"var": fit.var, "scale": 2}
    fit2 = lb.rwmetrop(lb.groupeddatapost, proposal, start, 10_000, d)
    show(fit2.accept)
    post_means = fit2.par.mean(axis=0)
    post_sds = fit2.par.std(axis=0, ddof=1)
    show(np.column_stack([fit.mode, modal_sds]))
    show(np.column_stack([post_means, post_sds]))
    return locals()


def section_6_8(show):
    d = GROUPED
    fit = lb.laplace(lb.groupeddatapost, [70, 1], d)
    for start, scale in (([65, 1], 0.2), ([70, 1], 2.0)):
        proposal = {"var": fit.var, "scale": scale}
        bayesfit = lb.rwmetrop(lb.groupeddatapost, proposal, start, 10_000, d)
        sim_parameters = coda.mcmc(bayesfit.par[2000:], varnames=["mu", "log sigma"])
        coda.xyplot(sim_parameters, col="black")
        coda.autocorr_plot(sim_parameters, auto_layout=False)
        found = coda.summary(sim_parameters)
        show([np.ravel(found.statistics, "F"), np.ravel(found.quantiles, "F")])
        show(coda.batchSE(sim_parameters, batchSize=50))
    return locals() | {"sim_parameters": np.asarray(sim_parameters)}


def section_6_9(show):
    difference = load_dataset("darwin")["difference"].to_numpy(float)
    show(difference.mean())
    show(np.log(rstats.sd(difference)))
    show(lb.laplace(lb.cauchyerrorpost, [21.6, 3.6], difference))
    show(lb.laplace(lb.cauchyerrorpost, [2.16, 0.36], difference).mode)
    show(24.7 + 4 * np.sqrt(34.96) * np.array([-1, 1]))
    show(2.77 + 4 * np.sqrt(0.138) * np.array([-1, 1]))
    fitlaplace = lb.laplace(lb.cauchyerrorpost, [21.6, 3.6], difference)
    proposal = {"var": fitlaplace.var, "scale": 2.5}
    start, m = [20, 3], 1000
    s = lb.rwmetrop(lb.cauchyerrorpost, proposal, start, m, difference)
    fitgrid = lb.simcontour(lb.cauchyerrorpost, [-10, 60, 1, 4.5], difference, 50_000)
    fitrw = lb.rwmetrop(lb.cauchyerrorpost, proposal, start, 50_000, difference)
    proposal2 = {"var": fitlaplace.var, "mu": fitlaplace.mode}
    fitindep = lb.indepmetrop(lb.cauchyerrorpost, proposal2, start, 50_000, difference)
    fitgibbs = lb.gibbs(lb.cauchyerrorpost, start, 50_000, [12, 0.75], difference)
    show(fitrw.par.mean(axis=0))
    show(fitrw.par.std(axis=0, ddof=1))
    return locals()


def section_6_10(show):
    stanfordheart = load_dataset("stanfordheart")
    start = [0, 3, -1]
    laplacefit = lb.laplace(lb.transplantpost, start, stanfordheart)
    show(laplacefit)
    proposal = {"var": laplacefit.var, "scale": 2}
    s = lb.rwmetrop(lb.transplantpost, proposal, start, 10_000, stanfordheart)
    show(s.accept)
    tau, lambda_, p = np.exp(s.par).T
    show(rstats.quantile(np.exp(s.par), [0.05, 0.5, 0.95]))
    t = np.arange(1, 241)
    bands = np.array(
        [rstats.quantile((lambda_ / (lambda_ + at)) ** p, [0.05, 0.5, 0.95]) for at in t]
    )
    p5, p50, p95 = bands.T
    S, q, j = (lambda_ / (lambda_ + 240)) ** p, bands[-1], 240
    del stanfordheart, bands
    return locals()
