"""Chapter 4: multiparameter models."""

import numpy as np
import statsmodels.api as sm

from pyhier import learnbayes as lb
from pyhier import load_dataset, rstats


def section_4_2(show):
    time = load_dataset("marathontimes")["time"].to_numpy(float)
    lb.mycontour(lb.normchi2post, [220, 330, 500, 9000], time, xlab="mean", ylab="variance")
    S = np.sum((time - time.mean()) ** 2)
    n = len(time)
    sigma2 = S / rstats.rchisq(1000, n - 1)
    mu = rstats.rnorm(1000, mean=time.mean(), sd=np.sqrt(sigma2) / np.sqrt(n))
    show(rstats.quantile(mu, [0.025, 0.975]))
    show(rstats.quantile(np.sqrt(sigma2), [0.025, 0.975]))
    return locals()


def section_4_3(show):
    alpha = [728, 584, 138]
    theta = lb.rdirichlet(1000, alpha)
    polls = load_dataset("election.2008")
    m_pct, o_pct = polls["M.pct"].to_numpy(float), polls["O.pct"].to_numpy(float)

    def prob_obama(j):
        p = lb.rdirichlet(
            5000, 500 * np.array([m_pct[j], o_pct[j], 100 - m_pct[j] - o_pct[j]]) / 100 + 1
        )
        return np.mean(p[:, 1] > p[:, 0])

    Obama_win_probs = np.array([prob_obama(j) for j in range(51)])
    ev = polls["EV"].to_numpy(float)
    sim_EV = np.array([np.sum(ev * rstats.rbinom(51, 1, Obama_win_probs)) for _ in range(1000)])
    return locals()


def section_4_4(show):
    x = np.array([-0.86, -0.3, -0.05, 0.73])
    n = np.array([5, 5, 5, 5])
    y = np.array([0, 1, 3, 5])
    data = np.column_stack([x, n, y])
    glmdata = np.column_stack([y, n - y])
    family = sm.families.Binomial()
    fitted = sm.GLM(glmdata, sm.add_constant(x), family=family).fit(tol=1e-14, maxiter=100)
    results = fitted.params
    show(np.column_stack([fitted.params, fitted.bse]))
    a1_b1 = lb.beta_select({"p": 0.5, "x": 0.2}, {"p": 0.9, "x": 0.5}, r=True)
    a2_b2 = lb.beta_select({"p": 0.5, "x": 0.8}, {"p": 0.9, "x": 0.98}, r=True)
    prior = np.array([[-0.7, 4.68, 1.12], [0.6, 2.10, 0.74]])
    data_new = np.vstack([data, prior])
    response = np.array([a1_b1, a2_b2])
    x = np.array([-0.7, 0.6])
    logit = np.log(response[:, 0] / response[:, 1])  # two points: the line goes through them
    slope = (logit[1] - logit[0]) / (x[1] - x[0])
    fit = np.array([logit[0] - slope * x[0], slope])
    s = lb.simcontour(lb.logisticpost, [-2, 3, -1, 11], data_new, 1000)
    theta = -s.x / s.y
    show(rstats.quantile(theta, [0.025, 0.975]))
    return locals()


def section_4_5(show):
    sigma = [2, 1, 0.5, 0.25]
    plo, phi = 0.0001, 0.9999
    limits = [plo, phi, plo, phi]
    for value in sigma:
        lb.mycontour(lb.howardprior, limits, [1, 1, 1, 1, value], main=f"sigma={value}")
    s = lb.simcontour(lb.howardprior, limits, [1 + 3, 1 + 15, 1 + 7, 1 + 5, 2], 1000)
    show(np.sum(s.x > s.y) / 1000)
    i = 4
    return locals()
