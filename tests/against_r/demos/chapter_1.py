"""Chapter 1: an introduction to R."""

import numpy as np
from statsmodels.formula.api import ols

from pyhier import load_dataset, rstats


def summary(x):
    """R's ``summary`` of numbers: six, and how many are missing."""
    kept = x[~np.isnan(x)]
    five = rstats.quantile(kept)
    found = [five[0], five[1], five[2], kept.mean(), five[3], five[4]]
    return np.array([*found, np.isnan(x).sum()] if kept.size < x.size else found)


def section_1_2(show):
    studentdata = load_dataset("studentdata")
    show(studentdata.iloc[[0]])
    show(studentdata["Drink"].value_counts(sort=False))
    hours_of_sleep = (studentdata["WakeUp"] - studentdata["ToSleep"]).to_numpy(float)
    show(summary(hours_of_sleep))
    female_Haircut = studentdata["Haircut"][studentdata["Gender"] == "female"].to_numpy(float)
    male_Haircut = studentdata["Haircut"][studentdata["Gender"] == "male"].to_numpy(float)
    show(summary(female_Haircut))
    show(summary(male_Haircut))
    rstats.runif(2 * len(studentdata))  # R's jitter, of a picture
    data = studentdata.assign(hours=hours_of_sleep)
    fit = ols("hours ~ ToSleep", data).fit().params.to_numpy()
    show(fit)
    return locals()


def tstatistic(x, y):
    m, n = len(x), len(y)
    sp = np.sqrt(((m - 1) * rstats.sd(x) ** 2 + (n - 1) * rstats.sd(y) ** 2) / (m + n - 2))
    return (np.mean(x) - np.mean(y)) / (sp * np.sqrt(1 / m + 1 / n))


def section_1_3(show):
    x = rstats.rnorm(10, mean=50, sd=10)
    y = rstats.rnorm(10, mean=50, sd=10)
    m, n = len(x), len(y)
    sp = np.sqrt(((m - 1) * rstats.var(x) + (n - 1) * rstats.var(y)) / (m + n - 2))
    data_x = np.array([1.0, 4, 3, 6, 5])
    data_y = np.array([5.0, 4, 7, 6, 10])
    show(tstatistic(data_x, data_y))
    alpha, m, n, N = 0.1, 10, 10, 10_000
    n_reject, critical = 0, rstats.qt(1 - alpha / 2, n + m - 2)
    for i in range(1, N + 1):  # noqa: B007
        x = rstats.rnorm(m, mean=0, sd=1)
        y = rstats.rnorm(n, mean=0, sd=1)
        t_stat = tstatistic(x, y)
        n_reject += abs(t_stat) > critical
    true_sig_level = n_reject / N
    tstat_vector = np.array(
        [
            tstatistic(rstats.rnorm(m, mean=10, sd=2), rstats.rexp(n, rate=1 / 10))
            for _ in range(10_000)
        ]
    )
    rstats.density(tstat_vector)
    return locals()
