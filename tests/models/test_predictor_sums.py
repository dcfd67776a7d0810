"""Polynomials of coefficients and log tau in the place of sums over many groups."""

import numpy as np
import pytest
from scipy import stats

import pyhier as ph
from pyhier.models.predictor_sums import monomials, multinomials


@pytest.mark.parametrize("p", [1, 2, 3])
def test_powers_of_a_sum_are_its_monomials(p):
    rng = np.random.default_rng(p)
    w, z = rng.normal(size=(2, 5, p))
    ways, degrees = multinomials(p, 9)
    terms = ways * monomials(w, 9) * monomials(z, 9)
    for d in range(10):
        found = terms[:, degrees == d].sum(axis=1)
        np.testing.assert_allclose(found, (w * z).sum(axis=1) ** d, rtol=1e-12, atol=1e-12)


def models(groups, p):
    rng = np.random.default_rng(groups)
    x = rng.normal(size=(groups, p))
    design = {f"x{k}": x[:, k] for k in range(p)}
    line = 0.4 * x.sum(axis=1)
    trials = rng.integers(5, 300, groups)
    rate = 1.0 / (1.0 + np.exp(1.0 - line - 0.5 * rng.normal(size=groups)))
    exposure, log_rate = rng.uniform(1.0, 50.0, groups), line + 0.5 * rng.normal(size=groups)
    se = rng.uniform(0.5, 2.0, groups)
    y = line + rng.standard_t(4, groups) + se * rng.normal(size=groups)
    yield ph.BinomialNormal(rng.binomial(trials, rate), trials, X=design)
    yield ph.PoissonNormal(rng.poisson(exposure * np.exp(log_rate)), exposure, X=design)
    yield ph.NormalT(y, se=se, X=design)


@pytest.mark.parametrize(("groups", "p"), [(850, 1), (450, 2)])
def test_they_are_the_sums_where_there_is_mass(groups, p):
    rng = np.random.default_rng(1)
    for model in models(groups, p):
        if (sums := model._sums) is None:
            assert isinstance(model, ph.NormalT)
            assert p == 2
            continue
        top = model.start()
        cov = np.linalg.inv(-model.derivatives(top)[1][:-1, :-1])
        root = np.linalg.cholesky(cov)
        points = np.tile(top, (400, 1))
        points[:, :-1] += 2.5 * rng.normal(size=(400, p + 1)) @ root.T
        points[:, -1] += rng.uniform(-0.1, 0.1, 400)
        found = sums(np.tile(points, (4, 1)))[:400]  # so many points of a panel are worth one
        assert np.isfinite(found).mean() > 0.9
        known = np.isfinite(found)
        wanted = model.log_marginal_likelihood(points[known])
        # A group's integral is right to 4e-14 (kernels/normal_effects).
        assert np.abs(found[known] - wanted).max() < 4e-14 * groups
        assert np.isnan(sums(points + 1e3)).all()  # far outside


def test_exact_is_the_same_without_them(monkeypatch):
    model = next(models(80, 1))
    post = ph.exact(model)
    found = [post["beta[x0]"].mean(), post["beta[x0]"].std(), post["theta[5]"].mean()]
    assert any(model._sums._pieces.values())
    monkeypatch.setattr("pyhier.models.mean_regression.MeanRegression.many", 10**9)
    other = ph.exact(model.with_prior())
    assert other.model._sums is None
    plain = [other["beta[x0]"].mean(), other["beta[x0]"].std(), other["theta[5]"].mean()]
    np.testing.assert_allclose(found, plain, rtol=1e-10)
    assert abs(post.log_z - other.log_z) < 1e-10


def test_a_likelihood_without_a_mode_has_none():
    """Separated data: along the covariate it rises for ever."""
    x = np.repeat([0.0, 1.0], 40)
    trials = np.arange(20, 100)
    y = np.where(x > 0.5, trials, trials // 3)
    model = ph.BinomialNormal(y, trials, X={"x": x}, prior_beta={"x": stats.norm(0, 2)})
    points = np.tile(model.start(), (200, 1))
    wanted = model.log_marginal_likelihood(points[:1])[0]
    if (sums := model._sums) is not None:
        found = sums(points)
        assert np.isnan(found).all() or np.abs(found - wanted).max() < 1e-10
    assert abs(model.log_psi(points)[0] - model.log_psi(points[:1])[0]) < 1e-10


def test_sparse_data_have_none():
    """Where log tau is hardly known there would be dozens of panels: tables cost less."""
    rng = np.random.default_rng(1)
    x, trials = rng.normal(size=300), rng.integers(1, 5, 300)
    model = ph.BinomialNormal(rng.binomial(trials, 1 / (1 + np.exp(3 - x))), trials, X={"x": x})
    assert model._sums is None


def test_groups_may_come_in_blocks(monkeypatch):
    """As they do where the series of all of them would take too much memory."""
    model = next(models(250, 1))
    points = np.tile(model.start(), (300, 1))
    points[:, 0] += np.linspace(-0.1, 0.1, 300)
    whole = model._sums(points)
    monkeypatch.setattr("pyhier.models.predictor_sums.TOGETHER", 100)
    parts = model.with_prior()._sums(points)
    assert np.isfinite(whole).all()
    np.testing.assert_allclose(parts, whole, rtol=1e-15, atol=1e-12)
