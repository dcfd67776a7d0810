"""Mixed models by dense matrices, in formulas of their own: what lmer is tested against."""

import numpy as np


def covariance(design, s):
    """V over the residual variance: S (q, q) of one level, or the two variances of nested ones."""
    n = design.y.size
    w = np.ones(n) if design.weights is None else design.weights
    v = np.diag(1.0 / w)
    if len(design.levels) == 2:
        for codes, variance in zip(design.codes, s, strict=True):
            v += variance * (codes[:, None] == codes)
        return v
    return v + (design.codes[0][:, None] == design.codes[0]) * (design.z @ s @ design.z.T)


def solved(design, v):
    """log|V|, log|X'V^-1 X|, the coefficients, (X'V^-1 X)^-1 and the quadratic form."""
    y, x = design.y - design.offset, design.x
    vx, vy = np.linalg.solve(v, x), np.linalg.solve(v, y)
    information = x.T @ vx
    beta = np.linalg.solve(information, x.T @ vy)
    left = y - x @ beta
    return (
        np.linalg.slogdet(v)[1], np.linalg.slogdet(information)[1], beta,
        np.linalg.inv(information), left @ np.linalg.solve(v, left),
    )  # fmt: skip


def deviance(design, s, reml, sigma=None):
    """-2 log likelihood, at the best sigma without one."""
    log_v, log_information, _, _, squares = solved(design, covariance(design, s))
    nu = design.y.size - (design.x.shape[1] if reml else 0)
    s2 = squares / nu if sigma is None else sigma**2
    value = log_v + nu * np.log(2.0 * np.pi * s2) + squares / s2
    return value + (log_information if reml else 0.0)


def effects(design, s, sigma):
    """Predictions of the groups' coefficients, and their covariance given beta, by level."""
    v = covariance(design, s)
    beta = solved(design, v)[2]
    left = np.linalg.solve(v, design.y - design.offset - design.x @ beta)
    found = []
    for level, (codes, labels) in enumerate(zip(design.codes, design.labels, strict=True)):
        own = np.atleast_2d(s[level]) if len(design.levels) == 2 else s
        means, covs = [], []
        for j in range(len(labels)):
            z = design.z * (codes == j)[:, None]
            means.append(own @ z.T @ left)
            covs.append(sigma**2 * (own - own @ z.T @ np.linalg.solve(v, z) @ own))
        found.append((np.array(means), np.array(covs)))
    return found


def satterthwaite(design, lower, sigma, reml, row, step=1e-4):
    """Degrees of freedom by differences of the dense deviance in (theta, sigma)."""
    q = len(lower)
    nested = len(design.levels) == 2
    at = np.diag_indices(q) if nested or not design.correlated else np.tril_indices(q)
    point = np.append(lower[at], sigma)

    def s_of(p):
        whole = np.zeros((q, q))
        whole[at] = p[:-1]
        return p[:-1] ** 2 if nested else whole @ whole.T

    def value(p):
        return deviance(design, s_of(p), reml, p[-1])

    def variance(p):
        return p[-1] ** 2 * row @ solved(design, covariance(design, s_of(p)))[3] @ row

    moves = np.diag(step * np.maximum(1.0, np.abs(point)))
    gradient = np.array(
        [(variance(point + m) - variance(point - m)) / (2.0 * m.max()) for m in moves]
    )
    hessian = np.empty((point.size, point.size))
    for i, a in enumerate(moves):
        for j, b in enumerate(moves):
            four = value(point + a + b) - value(point + a - b) - value(point - a + b)
            hessian[i, j] = (four + value(point - a - b)) / (4.0 * a.max() * b.max())
    return 2.0 * variance(point) ** 2 / (gradient @ np.linalg.solve(hessian, gradient) * 2.0)
