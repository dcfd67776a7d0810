"""Events in two arms, both binomial, with normal log odds ratios and normal risks."""

import pickle

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad
from scipy.special import expit, gammaln

import pyhier as ph

# Two studies with none in an arm, one with nothing but events in one, one all apart, one of none.
EVENTS, SIZE = np.array([4, 0, 12, 3, 5, 0.0]), np.array([30, 25, 12, 40, 5, 10.0])
OTHERS, OTHER_SIZE = np.array([9, 4, 9, 0, 0, 0.0]), np.array([28, 24, 15, 35, 4, 12.0])
ARMS = EVENTS, SIZE, OTHERS, OTHER_SIZE
PRIORS = {
    "prior_mu": stats.norm(-0.5, 1), "prior_tau": stats.lognorm(0.25, scale=0.8),
    "prior_alpha": stats.norm(-1, 2), "prior_sigma": stats.halfnorm(scale=1.5),
}  # fmt: skip
BCG = ph.load_dataset("bcg")
OF_BCG = [
    BCG[name].to_numpy() for name in ("vaccinated_cases", "vaccinated", "control_cases", "control")
]
CODINGS = (0.5, 1.0, 0.0)
FAR = np.log(1e8)


def log_mass(y, n, logit):
    choose = gammaln(n + 1) - gammaln(y + 1) - gammaln(n - y + 1)
    return choose + y * logit - n * np.logaddexp(0, logit)


def by_sums(study, coding, phi, h=0.12, reach=13.0):
    """Log of the integral over (a, theta), mean and variance of theta, by a sum over a square.

    In units of the curvature's Cholesky factor about the mode, with logs as they are written down.
    """
    y, n, x, m = study
    mu, log_tau, alpha, log_sigma = phi
    c = np.array([coding, coding - 1.0])
    turn = np.array([[np.exp(log_sigma), c[0] * np.exp(log_tau)],
                     [np.exp(log_sigma), c[1] * np.exp(log_tau)]])  # fmt: skip

    def logs(z):
        first, other = (alpha + c * mu)[:, None] + turn @ z
        return log_mass(y, n, first) + log_mass(x, m, other) - 0.5 * (z * z).sum(axis=0)

    mode = np.zeros(2)
    for step in [*np.linspace(0.1, 1.0, 40), *np.ones(40)]:
        p = expit(alpha + c * mu + turn @ mode)
        slope = turn.T @ (np.array([y, x]) - np.array([n, m]) * p) - mode
        bend = turn.T @ np.diag(np.array([n, m]) * p * (1 - p)) @ turn + np.eye(2)
        mode = mode + step * np.linalg.solve(bend, slope)
    factor = np.linalg.inv(np.linalg.cholesky(bend)).T
    line = np.arange(-reach, reach, h)
    z = mode[:, None] + factor @ np.stack(np.meshgrid(line, line)).reshape(2, -1)
    height, top = logs(z), logs(mode[:, None])[0]
    weight = np.exp(height - top)
    total, theta = weight.sum(), mu + np.exp(log_tau) * z[1]
    mean = weight @ theta / total
    area = h * h * abs(np.linalg.det(factor)) / (2 * np.pi)
    return top + np.log(total * area), mean, weight @ (theta - mean) ** 2 / total


STUDIES = [
    (4, 123, 11, 139), (0, 10, 0, 12), (0, 50, 3, 40), (5, 5, 0, 5), (1, 1, 1, 1),
    (62, 13598, 248, 12867), (0, 1000, 5, 900),
]  # fmt: skip


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("study", STUDIES)
def test_a_study_against_sums(study, coding):
    """To 2e-10; these sums' own error is below it."""
    rng = np.random.default_rng(sum(study))
    phi = np.column_stack([rng.normal(0, 1, 4), rng.uniform(-4, 1, 4), rng.normal(-1, 1.5, 4),
                           rng.uniform(-4, 1, 4)])  # fmt: skip
    model = ph.TwoBinomialNormalRisks(*([x] for x in study), coding=coding)
    law = model.theta_given(0, phi)
    found = np.array([model.log_marginal_likelihood(phi), law.mean, law.var])
    wanted = np.array([by_sums(study, coding, row) for row in phi]).T
    np.testing.assert_allclose(found[:2], wanted[:2], rtol=2e-10, atol=2e-10)
    np.testing.assert_allclose(found[2], wanted[2], rtol=2e-9)


def test_large_counts_against_the_normal_model():
    """At 1e7 people logits have normal errors: what is left is of the order of 1e-5."""
    y, n, x, m = 3_000_000.0, 10_000_000.0, 2_900_000.0, 9_999_999.0
    hat = np.array([np.log(y / (n - y)), np.log(x / (m - x))])
    var = np.array([1 / y + 1 / (n - y), 1 / x + 1 / (m - x)])
    near = [hat[0] - hat[1] + 1e-4, -9.0, hat.mean() + 5e-4, -7.0]
    phi = np.array([[0.3, -1.0, -0.5, 0.2], near])
    model = ph.TwoBinomialNormalRisks([y], [n], [x], [m])
    found = model.log_marginal_likelihood(phi)
    turn = np.array([[1.0, 0.5], [1.0, -0.5]])
    at = log_mass(y, n, hat[0]) + log_mass(x, m, hat[1]) + np.log(2 * np.pi * np.sqrt(var.prod()))
    for value, (mu, log_tau, alpha, log_sigma) in zip(found, phi, strict=True):
        spread = turn @ np.diag(np.exp([2 * log_sigma, 2 * log_tau])) @ turn.T + np.diag(var)
        wanted = at + stats.multivariate_normal(turn @ [alpha, mu], spread).logpdf(hat)
        assert value == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize("coding", CODINGS)
def test_spreads_next_to_nothing_and_to_everything(coding):
    """At tau = 1e-8 an integral over the risk; both of 1e8 leave the probability of a corner."""
    y, n, x, m = STUDIES[0]

    def height(a):
        first, other = log_mass(y, n, a + coding * 0.4), log_mass(x, m, a + (coding - 1) * 0.4)
        return np.exp(first + other + 5.0) * stats.norm.pdf(a, -2, 0.7)

    wanted = np.log(quad(height, -8, 4, epsabs=0, epsrel=1e-12, points=[-3, -2])[0]) - 5.0
    model = ph.TwoBinomialNormalRisks([y], [n], [x], [m], coding=coding)
    points = np.array([[0.4, log_tau, -2.0, np.log(0.7)] for log_tau in (-FAR, -700.0, -np.inf)])
    np.testing.assert_allclose(model.log_marginal_likelihood(points), wanted, rtol=1e-11)
    for y, x in ((0, 0), (10, 12), (0, 12), (10, 0)):
        model = ph.TwoBinomialNormalRisks([y], [10], [x], [12], coding=coding)
        turn = np.array([[1.0, coding], [1.0, coding - 1.0]])
        cov = turn @ turn.T
        rho = cov[0, 1] / np.sqrt(cov[0, 0] * cov[1, 1]) * (1 if (y == 0) == (x == 0) else -1)
        found = model.log_marginal_likelihood(np.array([[0.0, FAR, 0.0, FAR]]))
        assert found == pytest.approx(np.log(0.25 + np.arcsin(rho) / 2 / np.pi), abs=1e-6)


def test_powers_far_out():
    """As a study with people of both kinds in both arms falls: with each spread, and with both."""
    model = ph.TwoBinomialNormalRisks([4], [123], [11], [139])
    for tau, sigma in ((1, 0), (0, 1), (1, 1)):
        points = np.array([[0, s * tau, -2, s * sigma] for s in (16.0, 18.0, 50.0, 300.0)])
        slope = np.diff(model.log_marginal_likelihood(points)) / np.diff([16, 18, 50, 300])
        np.testing.assert_allclose(slope, -(tau + sigma), atol=1e-6)


@pytest.mark.parametrize("coding", CODINGS)
def test_gradient(coding):
    model = ph.TwoBinomialNormalRisks(*ARMS, coding=coding, **PRIORS)
    gradient = model.marginal.gradient
    for point in ([-0.3, -0.4, -1.0, 0.1], [1.0, -12.0, -2.0, 1.0], [0.0, 0.5, 1.0, -12.0],
                  [0.3, 2.0, -1.0, 1.5]):  # fmt: skip
        value, slopes = gradient(point)
        steps = 1e-4 * np.eye(4)
        both = model.log_posterior(np.concatenate([point + steps, point - steps]))
        assert value == pytest.approx(model.log_posterior(np.array([point]))[0], rel=1e-13)
        np.testing.assert_allclose(slopes, (both[:4] - both[4:]) / 2e-4, rtol=1e-5, atol=1e-5)


def test_arms_in_each_others_place():
    """Also what is an event and what is not; a coding of 1 is one of 0 then."""
    phi = np.array([[0.3, -0.5, -1.0, 0.4], [-1.0, 0.7, 0.5, -2.0]])
    for coding in CODINGS:
        wanted = ph.TwoBinomialNormalRisks(*ARMS, coding=coding).log_marginal_likelihood(phi)
        turned = ph.TwoBinomialNormalRisks(*ARMS[2:], *ARMS[:2], coding=1.0 - coding)
        found = turned.log_marginal_likelihood(phi * [-1, 1, 1, 1])
        np.testing.assert_allclose(found, wanted, rtol=1e-11)
        others = ph.TwoBinomialNormalRisks(
            SIZE - EVENTS, SIZE, OTHER_SIZE - OTHERS, OTHER_SIZE, coding=coding
        )
        found = others.log_marginal_likelihood(phi * [-1, 1, -1, 1])
        np.testing.assert_allclose(found, wanted, rtol=1e-11)


def test_maximum_likelihood():
    """The sums over squares have no slope there, and fall off to all sides."""
    studies = list(zip(*OF_BCG, strict=True))

    def height(phi):
        return sum(by_sums(study, 0.5, phi, 0.4, 7.0)[0] for study in studies)

    found = ph.empirical_bayes(ph.TwoBinomialNormalRisks(*OF_BCG))
    assert not found.edge
    top = height(found.phi[0])
    for step in 1e-2 * np.eye(4):
        above, below = height(found.phi[0] + step), height(found.phi[0] - step)
        assert max(above, below) < top
        curvature = (2 * top - above - below) / 1e-4
        assert abs(above - below) / 2e-2 / curvature < 1e-4  # by so much the estimate may be off


def test_samples_are_those_of_the_model():
    """A chain's means are those which weights of draws of phi give, effects included."""
    model = ph.TwoBinomialNormalRisks(*OF_BCG)
    post = ph.rwmetrop(model, 1_500, burn_in=200, chains=1, rng=1)
    weighted = ph.importance(model, 1_000, rng=2)
    for name in ("mu", "tau", "alpha", "sigma", "theta[2]", "theta[5]", "theta_new"):
        sd = post[name].std()
        error = sd / np.sqrt(float(post.diagnostics()["ess_bulk"][name]))
        off = abs(post[name].mean() - weighted[name].mean())
        assert off < 5.0 * np.hypot(error, sd / np.sqrt(weighted.ess)), name


def test_predictions_priors_and_copies():
    model = ph.TwoBinomialNormalRisks(*ARMS, **PRIORS, labels=list("abcdef"), coding=1)
    copy = pickle.loads(pickle.dumps(model))
    assert repr(copy) == repr(model)
    assert copy.labels == model.labels
    assert copy.coding == 1.0
    drawn = model.draw_prior(4_000, np.random.default_rng(1))
    np.testing.assert_allclose(drawn[:, 2].mean(), -1.0, atol=0.2)
    np.testing.assert_allclose(np.exp(drawn[:, 3]).mean(), 1.5 * np.sqrt(2 / np.pi), atol=0.1)
    phi, theta = drawn[:2], np.zeros((2, 6))
    found = model.log_likelihood_given(phi, theta)
    at = phi.copy()
    at[:, 0], at[:, 1] = 0.0, -np.inf
    np.testing.assert_allclose(found.sum(axis=1), model.log_marginal_likelihood(at), rtol=1e-12)
    with pytest.raises(ValueError, match="log_likelihood_given"):
        model.log_likelihood(theta)
    with pytest.raises(ValueError, match="theta_new is its log odds ratio"):
        model.predict_new(theta[0], 3.0, np.random.default_rng(0))
    predicted = model.predict(theta, np.random.default_rng(2))
    assert predicted.shape == (2, 6)
    assert (predicted <= np.minimum(SIZE, EVENTS + OTHERS)).all()
    other = model.with_prior(prior_sigma="uniform")
    assert "sigma uniform" in repr(other)
    assert other.why_improper() == (
        "the prior of sigma (uniform), which is not known to integrate to one"
    )


def test_a_prior_in_python():
    """It takes the loops of Python, to the same density."""
    given = stats.halfnorm(scale=1.5)
    model = ph.TwoBinomialNormalRisks(*ARMS, **PRIORS)
    other = model.with_prior(prior_sigma=lambda sigma: -0.5 * (sigma / 1.5) ** 2)
    points = np.array([[0.0, -0.5, -1.0, 0.3], [0.3, 0.1, 0.0, -2.0]])
    apart = model.log_posterior(points) - other.log_posterior(points)
    np.testing.assert_allclose(apart, given.logpdf(0.0), rtol=1e-12)
    assert other.log_marginal(points[0]) == pytest.approx(other.log_posterior(points)[0])


def test_what_is_refused():
    one = ph.TwoBinomialNormalRisks([3], [9], [2], [8])
    assert "uniform prior of tau" in one.why_no_posterior()
    assert ph.TwoBinomialNormalRisks([3], [9], [2], [8], **PRIORS).why_no_posterior() == ""
    two = {"prior_tau": stats.halfnorm(scale=1), "prior_mu": stats.norm(0, 2)}
    why = one.with_prior(**two).why_no_posterior()
    assert "uniform prior of sigma" in why
    assert "prior_sigma=scipy.stats.halfnorm" in why
    with pytest.raises(ValueError, match=r"flat prior of (mu|alpha).*prior_(mu|alpha)="):
        ph.nuts(ph.TwoBinomialNormalRisks([0] * 4, [9] * 4, [0] * 4, [8] * 4), 10)
    none = ph.TwoBinomialNormalRisks([0] * 4, [9] * 4, [1, 2, 0, 3], [8] * 4)
    assert "the flat prior of mu" in none.why_no_posterior()
    assert ph.TwoBinomialNormalRisks(*OF_BCG).why_no_posterior() == ""
    with pytest.raises(ValueError, match=r"coding is 2: it must be 0\.5, 1 or 0"):
        ph.TwoBinomialNormalRisks(*ARMS, coding=2)
    with pytest.raises(TypeError, match="prior_alpha is 3"):
        ph.TwoBinomialNormalRisks(*ARMS, prior_alpha=3)
    with pytest.raises(ValueError, match="events.*study|events.*people"):
        ph.TwoBinomialNormalRisks([9, 3], [5, 9], [1, 1], [9, 9])
