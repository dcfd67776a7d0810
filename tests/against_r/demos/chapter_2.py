"""Chapter 2: introduction to Bayesian thinking."""

import numpy as np
import pandas as pd

from pyhier import learnbayes as lb
from pyhier import rstats

P = np.arange(5, 100, 10) / 100
PRIOR = np.array([1, 5.2, 8, 7.2, 4.6, 2.1, 0.7, 0.1, 0, 0])


def section_2_3(show):
    p = P
    prior = PRIOR / PRIOR.sum()
    post = lb.pdisc(p, prior, [11, 16])
    show(np.round(np.column_stack([p, prior, post]), 2))
    prior_table = pd.DataFrame({"Type": "prior", "P": p, "Probability": prior})
    post_table = pd.DataFrame({"Type": "posterior", "P": p, "Probability": post})
    data = pd.concat([prior_table, post_table])
    return locals() | {"PRIOR": prior_table, "POST": post_table}


def section_2_4(show):
    quantile2 = {"p": 0.9, "x": 0.5}
    quantile1 = {"p": 0.5, "x": 0.3}
    ab = lb.beta_select(quantile1, quantile2, r=True)
    a, b = ab
    s, f = 11, 16
    show(1 - rstats.pbeta(0.5, a + s, b + f))
    show(rstats.qbeta([0.05, 0.95], a + s, b + f))
    ps = rstats.rbeta(1000, a + s, b + f)
    show(np.sum(ps >= 0.5) / 1000)
    show(rstats.quantile(ps, [0.05, 0.95]))
    return locals()


def section_2_5(show):
    midpt = P
    prior = PRIOR / PRIOR.sum()
    s, f = 11, 16
    p = np.linspace(0, 1, 500)
    post = lb.histprior(p, midpt, prior) * rstats.dbeta(p, s + 1, f + 1)
    post = post / post.sum()
    ps = rstats.sample(p, replace=True, prob=post)
    return locals()


def section_2_6(show):
    p = P
    prior = PRIOR / PRIOR.sum()
    m, ys = 20, np.arange(21)
    pred = lb.pdiscp(p, prior, m, ys)
    show(np.column_stack([np.arange(21), pred]))
    ab = [3.26, 7.19]
    pred = lb.pbetap(ab, m, ys)
    p = rstats.rbeta(1000, 3.26, 7.19)
    y = rstats.rbinom(1000, 20, p)
    ys, freq = np.unique(y, return_counts=True)
    show(freq)
    predprob = freq / freq.sum()
    dist = np.column_stack([ys, predprob])
    covprob = 0.9
    show(lb.discint(dist, covprob))
    return locals()
