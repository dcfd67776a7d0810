"""Chapter 9: regression models."""

import numpy as np
import pandas as pd
from statsmodels.formula.api import ols

from pyhier import learnbayes as lb
from pyhier import load_dataset, rstats


def section_9_2(show):
    birds = load_dataset("birdextinct")
    birds["logtime"] = np.log(birds["time"])
    logtime = birds["logtime"].to_numpy()
    rstats.runif(2 * len(birds))  # R's jitter, of two pictures
    model = ols("logtime ~ nesting + size + status", birds).fit()
    fit = model.params.to_numpy()
    show(np.column_stack([fit, model.bse]))
    theta_sample = lb.blinreg(logtime, model.model.exog, 5000)
    show(rstats.quantile(theta_sample.beta, [0.05, 0.5, 0.95]))
    show(rstats.quantile(theta_sample.sigma, [0.05, 0.5, 0.95]))
    cov1, cov2, cov3, cov4 = [1, 4, 0, 0], [1, 4, 1, 0], [1, 4, 0, 1], [1, 4, 1, 1]
    X1 = np.array([cov1, cov2, cov3, cov4])
    mean_draws = lb.blinregexpected(X1, theta_sample)
    pred_draws = lb.blinregpred(X1, theta_sample)
    pred_draws = lb.blinregpred(model.model.exog, theta_sample)
    pred_sum = rstats.quantile(pred_draws, [0.05, 0.95])
    ind = np.arange(1, len(logtime) + 1)
    prob_out = lb.bayesresiduals(model, theta_sample, 2)
    out = prob_out > 0.35
    j = 4
    return locals()


def section_9_3(show):
    puffin = load_dataset("puffin")
    nest = puffin["Nest"].to_numpy(float)
    distance = puffin["Distance"].to_numpy(float)
    X = np.column_stack([np.ones(len(puffin)), distance - distance.mean()])
    c_prior = [0.1, 0.5, 5, 2]
    fit = [lb.blinreg(nest, X, 1000, {"b0": [8, 0], "c0": c}) for c in c_prior]
    beta = np.vstack([one.beta for one in fit])
    BETA = pd.DataFrame({"beta0": beta[:, 0], "beta1": beta[:, 1]})
    design = np.column_stack([np.ones(len(puffin)), puffin["Grass"], puffin["Soil"]])
    data = {"y": nest, "X": design}
    prior = {"b0": [0, 0, 0], "c0": 100}
    beta_start = ols("Nest ~ Grass + Soil", puffin).fit().params.to_numpy()
    start = np.append(beta_start, 0)
    show(lb.laplace(lb.reg_gprior_post, start, {"data": data, "prior": prior}).int)
    covariates = puffin.drop(columns="Nest")
    c, y = 100, nest
    selected = lb.bayes_model_selection(y, covariates, c, constant=False)
    show(selected)
    return {
        "c_prior": c_prior, "fit": fit, "BETA": BETA, "data": data, "prior": prior, "c": c, "y": y,
        "beta_start": beta_start, "X": covariates, "j": 4,
        "s": pd.DataFrame({"beta0": beta[3000:, 0], "beta1": beta[3000:, 1]}),
    }  # fmt: skip


def section_9_4(show):
    drug = load_dataset("chemotherapy")
    start = [-0.5, 9, 0.5, -0.05]
    d = np.column_stack([drug["time"], drug["status"], drug["treat"] - 1, drug["age"]])
    fit = lb.laplace(lb.weibullregpost, start, d)
    show(fit)
    proposal = {"var": fit.var, "scale": 1.5}
    bayesfit = lb.rwmetrop(lb.weibullregpost, proposal, fit.mode, 10_000, d)
    show(bayesfit.accept)
    sigma = np.exp(bayesfit.par[:, 0])
    mu, beta1, beta2 = bayesfit.par[:, 1:].T
    del drug
    return locals()
