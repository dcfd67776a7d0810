"""Polynomials of two coordinates in the place of sums over many groups."""

import numpy as np

import pyhier as ph
from pyhier.quadrature.surface import mode_and_root, surface


def test_many_groups():
    """In and out of the box the posterior density is that of the sum over all groups."""
    rng = np.random.default_rng(2)
    n = rng.integers(20, 2000, 300)
    y = rng.binomial(n, 1 / (1 + np.exp(-rng.normal(-1.5, 0.6, 300))))
    model = ph.BinomialNormal(y, n)
    point, root = mode_and_root(model.derivatives, model.moments())
    z = rng.normal(size=(400, 2)) * rng.choice([0.5, 2.0, 30.0], (400, 1))
    phi = point + z @ root.T
    table = model.surface
    assert 50 < table.inside(phi).sum() < 390
    found = model.log_posterior(phi)
    wanted = model.log_marginal_likelihood(phi) + model.log_prior(phi)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-9)
    mass = wanted > wanted.max() - 50.0
    np.testing.assert_allclose(found[mass], wanted[mass], rtol=0, atol=2e-11)
    near = np.abs(z).max(axis=1) < 4.0
    np.testing.assert_allclose(found[near], wanted[near], rtol=0, atol=3e-12)


def test_what_is_not_smooth_has_none():
    centre, root = np.zeros(2), np.array([[1.0, 0.3], [0.0, 1.0]])
    assert surface(lambda x: -np.abs(x).sum(axis=1), centre, root) is None
    assert surface(lambda x: np.where(x[:, 0] > 1.0, -np.inf, 0.0), centre, root) is None
    bowl = surface(lambda x: 3.0 - (x * x).sum(axis=1) + x[:, 0] * x[:, 1], centre, root)
    assert np.isclose(bowl(np.array([[1.0, 2.0]]))[0], 0.0, atol=1e-12)
    uphill = mode_and_root(lambda x: (np.ones(2), np.eye(2)), centre)
    assert uphill is None
