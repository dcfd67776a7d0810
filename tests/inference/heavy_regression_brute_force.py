"""Posteriors of heavy-tailed regressions by sums over grids of (a, b, log tau) and effects."""

import numpy as np
from scipy import stats

# Six groups about a line and one far off it; proper priors, so that grids end.
X = np.array([-1.0, -0.5, 0.0, 0.25, 0.75, 1.0])
Y = np.array([-1.2, -0.9, 0.3, 0.1, 1.1, 6.0])
SE = np.array([0.6, 0.8, 0.5, 0.7, 0.6, 0.9])
PRIORS = {
    "prior_beta": {"Intercept": stats.norm(0.2, 0.9), "x": stats.norm(0.5, 1.1)},
    "prior_tau": stats.lognorm(s=0.3, scale=0.9),
}


class Brute:
    """The posterior with effects about a line of a standardised density ``law``."""

    def __init__(self, law):
        self.a = 0.2 + 0.9 * np.linspace(-6.6, 6.6, 53)
        self.b = 0.5 + 1.1 * np.linspace(-6.6, 6.6, 53)
        self.log_tau = np.log(0.9) + 0.3 * np.linspace(-6.6, 6.6, 27)
        self.theta = [
            np.linspace(y - 9.0 * s, y + 9.0 * s, 121) for y, s in zip(Y, SE, strict=True)
        ]
        m, joint = self._estimates(law)
        cell = np.prod([axis[1] - axis[0] for axis in (self.a, self.b, self.log_tau)])
        self.evidence = joint.sum() * cell
        self.weight = joint * cell / self.evidence
        self.density = [self._effect(law, j, m[j]) for j in range(Y.size)]

    def _mean(self, j):
        return self.a[:, None] + self.b * X[j]

    def _own(self, j):
        t = self.theta[j]
        return stats.norm(Y[j], SE[j]).pdf(t) * (t[1] - t[0])

    def _estimates(self, law):
        """Densities of the estimates, and likelihood times prior."""
        tau = np.exp(self.log_tau)
        prior = np.exp(
            PRIORS["prior_beta"]["Intercept"].logpdf(self.a)[:, None, None]
            + PRIORS["prior_beta"]["x"].logpdf(self.b)[:, None]
            + (PRIORS["prior_tau"].logpdf(tau) + self.log_tau)
        )
        m = []
        for j in range(Y.size):
            mean, which = np.unique(np.round(self._mean(j), 12), return_inverse=True)
            found = np.empty((mean.size, tau.size))
            for k, scale in enumerate(tau):
                found[:, k] = law((self.theta[j] - mean[:, None]) / scale) @ self._own(j) / scale
            m.append(found[which.ravel()].reshape(*self._mean(j).shape, tau.size))
        return m, prior * np.prod(m, axis=0)

    def _effect(self, law, j, m):
        """The density of an effect by its step, at its grid."""
        mean, which = np.unique(np.round(self._mean(j), 12), return_inverse=True)
        found = np.zeros(self.theta[j].size)
        for k, scale in enumerate(np.exp(self.log_tau)):
            share = np.bincount(which.ravel(), (self.weight[..., k] / m[..., k]).ravel())
            found += share @ law((self.theta[j] - mean[:, None]) / scale) / scale
        return found * self._own(j)
