"""Likelihoods of events in two arms at many points at once, by what the points share."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import gammaln

import pyhier as ph

CODINGS = (0.5, 1.0, 0.0)
BCG = ph.load_dataset("bcg")
OF_BCG = [
    BCG[name].to_numpy() for name in ("vaccinated_cases", "vaccinated", "control_cases", "control")
]
# Two studies with none in an arm, one with nothing but events in one, one all apart, one of none.
MIXED = ([4, 0, 12, 3, 5, 0], [30, 25, 12, 40, 5, 10], [9, 4, 9, 0, 0, 0], [28, 24, 15, 35, 4, 12])
ALIKE = ([9, 14, 12], [40, 60, 50], [11, 17, 15], [38, 61, 55])
LARGE = ([3_000_000], [10_000_000], [2_900_000], [9_999_999])
RARE = ([0], [10_000_000], [10], [9_999_999])
ONE_EACH = ([0], [1], [1], [1])


def grid(*axes):
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 4)


def both_ways(arms, coding, points, some=40):
    """At all points at once, one by one at some, and the share of studies that went together."""
    model = ph.TwoBinomialNormalRisks(*arms, coding=coding)
    at_once = model.log_marginal_likelihood(points)
    rng = np.random.default_rng(len(points))
    picked = rng.choice(len(points), some, replace=False)
    alone = [model._log_likelihood(row) for row in points[picked]]
    tables = model._tables
    return at_once[picked], np.array(alone), tables.crossed / (tables.crossed + tables.alone)


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize(
    ("arms", "axes", "together"),
    [
        (OF_BCG, ((-1.5, 0, 7), (-2, 0.7, 7), (-5.5, -3, 7), (-0.2, 1.6, 7)), 0.98),
        (MIXED, ((-2, 2, 5), (-3, 2, 6), (-3, 2, 5), (-3, 2, 6)), 0.8),
        (ALIKE, ((-1, 0.8, 5), (-18.4, 18.4, 8), (-2, 0.5, 5), (-18.4, 18.4, 8)), 0.5),
        (LARGE, ((-0.1, 0.2, 5), (-18.4, 3, 6), (-1.0, -0.7, 5), (-5, 3, 6)), 0.3),
        (RARE, ((-3, 1, 5), (-18.4, 2, 6), (-15, -12, 5), (-18.4, 2, 6)), 0.3),
        (ONE_EACH, ((-3, 3, 5), (-18.4, 18.4, 6), (-2, 2, 5), (-18.4, 18.4, 6)), 0.3),
    ],
    ids=["bcg", "mixed", "alike", "large", "rare", "one each"],
)  # fmt: skip
def test_at_once_and_one_by_one(arms, axes, together, coding):
    """Scales from 1e-8 to 1e8; what goes one by one is good to 2e-10 a study."""
    found, wanted, share = both_ways(arms, coding, grid(*(np.linspace(*axis) for axis in axes)))
    np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-10 * len(arms[0]))
    assert share > together


def by_sums(study, coding, phi, h=0.1, reach=14.0):
    """Log of the integral over (a, theta) by a sum over a square, scaled by its curvature."""
    y, n, x, m = study
    mu, log_tau, alpha, log_sigma = phi
    c, scale = np.array([coding, coding - 1.0]), np.exp([log_sigma, log_tau])
    turn = np.array([[1.0, c[0]], [1.0, c[1]]]) * scale
    counts, sizes = np.array([y, x]), np.array([n, m])
    mode = np.zeros(2)
    for _ in range(200):
        p = 1.0 / (1.0 + np.exp(-(alpha + c * mu + turn @ mode)))
        bend = turn.T @ np.diag(sizes * p * (1 - p)) @ turn + np.eye(2)
        mode = mode + 0.5 * np.linalg.solve(bend, turn.T @ (counts - sizes * p) - mode)
    factor = np.linalg.inv(np.linalg.cholesky(bend)).T
    line = np.arange(-reach, reach, h)
    z = mode[:, None] + factor @ np.stack(np.meshgrid(line, line)).reshape(2, -1)
    logits = (alpha + c * mu)[:, None] + turn @ z
    logs = -0.5 * (z * z).sum(axis=0) - np.log(2 * np.pi)
    for k in range(2):
        choose = gammaln(sizes[k] + 1) - gammaln(counts[k] + 1) - gammaln(sizes[k] - counts[k] + 1)
        logs += choose + counts[k] * logits[k] - sizes[k] * np.logaddexp(0, logits[k])
    top = logs.max()
    return top + np.log(np.exp(logs - top).sum() * h * h * abs(np.linalg.det(factor)))


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("study", [(4, 123, 11, 139), (9, 40, 11, 38), (0, 10, 2, 12)])
def test_a_study_against_sums(study, coding):
    """With spreads from next to nothing to one of the logits' own."""
    axes = [np.linspace(-1.0, 0.5, 6), np.linspace(-9.0, 0.3, 7), np.linspace(-2.5, -0.8, 6),
            np.linspace(-9.0, 0.3, 7)]  # fmt: skip
    points = grid(*axes)
    model = ph.TwoBinomialNormalRisks(*([x] for x in study), coding=coding)
    found = model.log_marginal_likelihood(points)
    assert model._tables.crossed > 0.9 * len(points)
    for k in np.random.default_rng(1).choice(len(points), 12, replace=False):
        assert found[k] == pytest.approx(by_sums(study, coding, points[k]), abs=2e-11)


def test_what_is_kept_and_forgotten():
    """Points that share nothing leave nothing behind; the same points again are the same."""
    model = ph.TwoBinomialNormalRisks(*MIXED)
    rng = np.random.default_rng(5)
    scattered = rng.normal(0.0, 1.0, (300, 4))
    alone = np.array([model._log_likelihood(row) for row in scattered])
    np.testing.assert_array_equal(model.log_marginal_likelihood(scattered), alone)
    assert model._tables.crossed == model._tables.alone == 0
    points = grid(*(np.linspace(-1.0, 1.0, 6) for _ in range(4)))
    first = model.log_marginal_likelihood(points)
    np.testing.assert_array_equal(model.log_marginal_likelihood(points), first)
    mixed = np.vstack([points[::-1], points[:5] + 0.01])
    np.testing.assert_allclose(model.log_marginal_likelihood(mixed)[:-5], first[::-1], rtol=1e-15)


def test_no_numbers_and_ends():
    """NaN stays one, and spreads of 0 and without end are what they are one by one."""
    model = ph.TwoBinomialNormalRisks(*MIXED)
    axis = np.array([-np.inf, -800.0, -1.0, 0.5, 30.0, 60.0])
    points = grid(np.linspace(-1, 1, 3), axis, np.linspace(-1, 1, 3), axis)
    points = points[np.minimum(points[:, 1], points[:, 3]) < 30.0]
    points[7, 0] = points[11, 3] = np.nan
    found = model.log_marginal_likelihood(points)
    wanted = np.array([model._log_likelihood(row) for row in points])
    np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-10)


def test_logits_beyond_all_steps():
    """Where no number of steps is a place: one by one, NaN for NaN."""
    model = ph.TwoBinomialNormalRisks([1, 0], [10, 5], [2, 1], [10, 7])
    axis = np.array([0.0, 1e17, -1e300, np.nan])
    points = grid(axis, np.array([-800.0, -1.0]), axis, np.array([-800.0, 1.0]))
    found = model.log_marginal_likelihood(points)
    wanted = np.array([model._log_likelihood(row) for row in points])
    np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-10)


def test_priors_are_added():
    prior = {"prior_tau": stats.halfnorm(scale=1), "prior_sigma": stats.halfcauchy(scale=2)}
    model = ph.TwoBinomialNormalRisks(*MIXED, **prior)
    points = grid(*(np.linspace(-1.0, 1.0, 6) for _ in range(4)))
    wanted = model.log_marginal_likelihood(points) + model.log_prior(points)
    np.testing.assert_allclose(model.log_posterior(points), wanted, rtol=1e-12)
