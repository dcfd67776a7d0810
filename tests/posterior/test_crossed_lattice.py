"""The exact posterior of events in two arms with normal risks, against dense sums."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import gammaln

import pyhier as ph

ARMS = ([4, 0, 12], [30, 25, 40], [9, 4, 9], [28, 24, 35])
PRIORS = {
    "prior_mu": stats.norm(-0.5, 1), "prior_tau": stats.lognorm(0.3, scale=0.8),
    "prior_alpha": stats.norm(-1, 1.5), "prior_sigma": stats.lognorm(0.3, scale=0.9),
}  # fmt: skip
CODINGS = (0.5, 1.0)
NAMES = ("mu", "tau", "alpha", "sigma")


def log_mass(y, n, logit):
    choose = gammaln(n + 1) - gammaln(y + 1) - gammaln(n - y + 1)
    return choose + y * logit - n * np.logaddexp(0, logit)


class Dense:
    """All four hyperparameters, each study's risk and each log odds ratio on equal steps."""

    def __init__(self, coding):
        a, self.theta = np.arange(-16, 12, 0.1), np.arange(-20, 12, 0.1)
        mu, alpha = np.arange(-6.5, 5.5, 0.25), np.arange(-7.5, 5.5, 0.25)
        log_tau, log_sigma = (np.log(m) + 0.09 * np.arange(-24, 25) for m in (0.8, 0.9))
        column = np.stack(np.meshgrid(mu, log_tau, indexing="ij"), -1).reshape(-1, 2)
        row = np.stack(np.meshgrid(alpha, log_sigma, indexing="ij"), -1).reshape(-1, 2)
        of_a = 0.1 * stats.norm.pdf(a, row[:, :1], np.exp(row[:, 1:]))
        self.of_theta = 0.1 * stats.norm.pdf(self.theta, column[:, :1], np.exp(column[:, 1:]))
        logit = a[:, None] + coding * self.theta, a[:, None] + (coding - 1) * self.theta
        self.given = []  # of a study, what its events say of theta at (alpha, sigma)
        for y, n, x, m in zip(*ARMS, strict=True):
            self.given.append(of_a @ np.exp(log_mass(y, n, logit[0]) + log_mass(x, m, logit[1])))
        self.likelihood = [one @ self.of_theta.T for one in self.given]
        logs = (
            PRIORS["prior_alpha"].logpdf(row[:, 0])
            + PRIORS["prior_sigma"].logpdf(np.exp(row[:, 1]))
            + row[:, 1]
        )[:, None] + (
            PRIORS["prior_mu"].logpdf(column[:, 0])
            + PRIORS["prior_tau"].logpdf(np.exp(column[:, 1]))
            + column[:, 1]
        )
        self.weight = np.exp(logs) * np.prod(self.likelihood, axis=0)
        self.total = self.weight.sum() * (0.25 * 0.09) ** 2
        self.weight /= self.weight.sum()
        self.values = {
            "mu": (0, column[:, 0]), "tau": (0, np.exp(column[:, 1])),
            "alpha": (1, row[:, 0]), "sigma": (1, np.exp(row[:, 1])),
        }  # fmt: skip

    def moments(self, name):
        axis, value = self.values[name]
        return moments(self.weight.sum(axis=axis), value)

    def of_effect(self, j):
        """The probabilities of the places of theta."""
        weight = self.weight / self.likelihood[j]
        return ((self.given[j].T @ weight) * self.of_theta.T).sum(axis=1)


def moments(weight, value):
    mean = weight @ value
    return mean, np.sqrt(weight @ (value - mean) ** 2)


@pytest.fixture(scope="module", params=CODINGS)
def both(request):
    model = ph.TwoBinomialNormalRisks(*ARMS, coding=request.param, **PRIORS)
    return ph.exact(model), Dense(request.param)


def test_hyperparameters(both):
    post, dense = both
    assert post.error < 1e-7
    assert post.log_evidence == pytest.approx(np.log(dense.total), abs=2e-7)
    for k, name in enumerate(NAMES):
        value = post.lattice.psi[:, k]
        found = moments(post.lattice.weight, value if k % 2 == 0 else np.exp(value))
        np.testing.assert_allclose(found, dense.moments(name), rtol=1e-6, atol=2e-7)


def test_marginals_of_hyperparameters():
    """Their quantiles, by the dense sums' probabilities below places between two of tau's."""
    model = ph.TwoBinomialNormalRisks(*ARMS, **PRIORS)
    post, dense = ph.exact(model), Dense(0.5)
    for name in ("mu", "tau"):
        marginal = post[name]
        assert (marginal.mean(), marginal.std()) == pytest.approx(dense.moments(name), rel=1e-6)
        axis, value = dense.values[name]
        at, mass = np.unique(value, return_inverse=True)
        density = np.bincount(mass.ravel(), dense.weight.sum(axis=axis))
        density /= 0.25 if name == "mu" else 0.09 * at
        np.testing.assert_allclose(marginal.pdf(at), density, rtol=1e-5, atol=1e-6)


def test_effects(both):
    """Mean, sd, density and quantiles of studies', one without events, and of a new one's."""
    post, dense = both
    for j in (0, 1) if post.model.coding == 0.5 else (1,):
        marginal, weight = post[f"theta[{j + 1}]"], dense.of_effect(j)
        assert weight.sum() == pytest.approx(1.0, abs=1e-9)
        mean, sd = moments(weight, dense.theta)
        assert marginal.mean() == pytest.approx(mean, abs=1e-6 * sd)
        assert marginal.std() == pytest.approx(sd, rel=1e-6)
        np.testing.assert_allclose(marginal.pdf(dense.theta), 10 * weight, atol=3e-7)
        for q in (0.025, 0.5, 0.975):
            assert marginal.cdf(marginal.ppf(q)) == pytest.approx(q, abs=1e-9)
    new = dense.weight.sum(axis=0) @ dense.of_theta
    np.testing.assert_allclose(post["theta_new"].pdf(dense.theta), 10 * new, atol=3e-7)


def test_laws_given_the_hyperparameters_agree(both):
    """Means of effects by their densities, and by their laws at the nodes; so shrinkage."""
    post, _ = both
    top = np.argsort(post.lattice.weight)[-4000:]
    phi = np.ascontiguousarray(post.lattice.psi[top])
    at_once = post.model._tables.laws(phi)
    alone = post.model.arms.laws(phi[:20])
    which = post.model._different[2]
    mean = phi[:20, 0] + np.exp(phi[:20, 1]) * at_once[1][which][:, :20]
    np.testing.assert_allclose(at_once[0][which][:, :20], alone[0], rtol=1e-10)
    np.testing.assert_allclose(mean, alone[1], rtol=1e-8, atol=1e-9)
    var = np.exp(2.0 * phi[:20, 1]) * at_once[2][which][:, :20]
    np.testing.assert_allclose(var, alone[2], rtol=1e-8)


def test_one_study_of_nearly_no_spread():
    """Of tau from next to nothing on: by the density, and by the laws given all nodes."""
    model = ph.TwoBinomialNormalRisks(
        [4], [30], [9], [28], prior_mu=stats.norm(0, 1), prior_tau=stats.halfnorm(scale=0.5),
        prior_alpha=stats.norm(-1, 1), prior_sigma=stats.lognorm(0.3, scale=0.9),
    )  # fmt: skip
    post = ph.exact(model)
    marginal, weight, phi = post["theta[1]"], post.lattice.weight, post.lattice.psi
    _, mean, var = model._tables.laws(np.ascontiguousarray(phi))[:, 0]
    tau = np.exp(phi[:, 1])
    mean = phi[:, 0] + tau * mean
    wanted = weight @ mean
    sd = np.sqrt(weight @ (tau**2 * var + (mean - wanted) ** 2))
    assert marginal.mean() == pytest.approx(wanted, abs=1e-7)
    assert marginal.std() == pytest.approx(sd, rel=1e-6)
    assert post.group_means() == pytest.approx([wanted], abs=1e-7)
