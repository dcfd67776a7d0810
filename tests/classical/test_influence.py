"""The numbers of Baujat's and Galbraith's plots, by their definitions."""

import numpy as np
import pytest

import pyhier as ph
from pyhier.classical import baujat, radial


def test_contributions_are_terms_of_q():
    rng = np.random.default_rng(5)
    model = ph.NormalNormal(rng.normal(size=9), se=rng.uniform(0.3, 2.0, 9))
    fit = ph.random_effects(model, "FE")
    contribution, influence = baujat(fit)
    assert contribution.sum() == pytest.approx(fit.QE, rel=1e-13)
    for j in range(9):  # of a common effect the weights alone say how far the mean moves
        rest = np.delete(np.arange(9), j)
        weight = 1.0 / model.var[rest]
        mean = weight @ model.y[rest] / weight.sum()
        assert influence[j] == pytest.approx((fit.mu - mean) ** 2 * weight.sum(), rel=1e-10)


@pytest.mark.parametrize("unit", [1e-60, 1e-8, 1e8, 1e60])
def test_units(unit):
    y, se = np.array([3.0, 1.0, -2.0, 8.0]), np.array([1.0, 2.0, 0.5, 1.0])
    ours, scaled = (ph.reml(ph.NormalNormal(u * y, se=u * se)) for u in (1.0, unit))
    for one, other in zip(baujat(ours), baujat(scaled), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-8)
    np.testing.assert_allclose(radial(ours)[1], radial(scaled)[1], rtol=1e-8)


def test_what_cannot_be_left_out_has_no_influence():
    model = ph.NormalNormal([1.0, 2.0, 4.0], se=[1.0, 1.0, 1.0], X={"x": [0.0, 0.0, 1.0]})
    assert np.isnan(baujat(ph.random_effects(model, "FE"))[1]).all()


def test_what_it_is_not_of():
    model = ph.NormalNormal([1.0, 2.0, 4.0, 5.0], se=[1.0] * 4, X={"x": [0.0, 0.0, 1.0, 2.0]})
    with pytest.raises(ValueError, match="fit has covariates: radial is of groups about one mean"):
        radial(ph.random_effects(model))
    with pytest.raises(TypeError, match="fit is a NormalRegression: baujat takes a result of ph"):
        baujat(model)
    sums = ph.NormalSums()
    sums.update([1.0, 2.0, 5.0], [1.0, 1.0, 1.0])
    with pytest.raises(ValueError, match="baujat is of groups' effects: "):
        baujat(ph.random_effects(sums.model()))
    correlated = ph.NormalNormal([1.0, 2.0, 4.0], cov=np.eye(3) + 0.3)
    with pytest.raises(ValueError, match="the model has cov="):
        baujat(ph.random_effects(correlated))
