"""VarianceGamma: its density in 40 digits, the posterior by brute force, limits, refusals."""

import time

import mpmath as mp
import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

import pyhier as ph
from pyhier.distributions.families import InverseGamma
from pyhier.kernels.count_density import VarianceGammaMarginal

S2 = np.array([0.8, 0.1, 0.4, 2.7, 0.6, 0.3])
UNEQUAL = np.array([3.0, 1.0, 7.5, 2.0, 40.0, 2.5])


def genes(groups, df, rng):
    """Sample variances of sigma^2 from d0 = 5 and s0^2 = 0.3."""
    sigma2 = 5.0 * 0.3 / rng.chisquare(5.0, groups)
    return sigma2 * rng.chisquare(df, groups) / df


def log_f(s2, df, log_d0, log_s2_0):
    """Log density of s2 in many digits: s2 / s0^2 ~ F(df, d0)."""
    d0, s0, s2, df = mp.exp(mp.mpf(log_d0)), mp.exp(mp.mpf(log_s2_0)), mp.mpf(s2), mp.mpf(df)
    x = df * s2 / (d0 * s0)
    beta = mp.loggamma(df / 2) + mp.loggamma(d0 / 2) - mp.loggamma((df + d0) / 2)
    return df / 2 * mp.log(x) - (df + d0) / 2 * mp.log1p(x) - beta - mp.log(s2)


@pytest.mark.parametrize("unit", [1.0, 1e-60, 1e60])
@pytest.mark.parametrize("df", [4.0, 0.7, 0.001, 1e9, UNEQUAL])
def test_the_density_is_that_of_f(df, unit):
    s2, each = S2 * unit, np.broadcast_to(df, S2.size)
    model = ph.VarianceGamma(s2, df)
    for log_d0, log_ratio in [(1.0, 0.2), (-20.0, 3.0), (25.0, -0.3), (40.0, 0.0), (3.0, 60.0)]:
        phi = np.array([[log_d0, np.log(unit) + log_ratio]])
        with mp.workdps(60):
            wanted = sum(log_f(a, d, *phi[0]) for a, d in zip(s2, each, strict=True))
        found = model.log_marginal_likelihood(phi)[0]
        assert found == pytest.approx(float(wanted), rel=2e-13, abs=1e-11), (log_d0, log_ratio)


@pytest.mark.parametrize("df", [4.0, 5.0, np.linspace(0.3, 30.0, 2000)])
def test_the_sum_by_steps_is_that_by_groups(df):
    rng = np.random.default_rng(1)
    each = np.broadcast_to(df, 2000).astype(float)
    s2 = genes(2000, each, rng)
    phi = np.column_stack([rng.uniform(-8.0, 30.0, 100), rng.uniform(-6.0, 6.0, 100)])
    assert not VarianceGammaMarginal(s2, each).by_groups
    by = [VarianceGammaMarginal(s2, each, by_groups=k).evaluate(phi) for k in (True, False)]
    np.testing.assert_allclose(by[1], by[0], rtol=1e-12, atol=1e-9)


def brute(s2, df, z0):
    """Weights of (d0, s2_0) on a grid, under the named prior, and the grid."""
    log_ratio, y = np.linspace(-24.0, 24.0, 385), np.linspace(-50.0, 30.0, 1001)
    share = special.expit(log_ratio) * special.expit(-log_ratio)  # of d0 / (d0 + z0)
    shape, s2_0 = 0.5 * z0 * np.exp(log_ratio)[:, None], np.exp(y)
    logs = np.zeros((log_ratio.size, y.size))
    for variance, half in zip(s2, 0.5 * np.broadcast_to(df, s2.shape), strict=True):
        x = half * variance / (shape * s2_0)
        logs += half * np.log(x) - (half + shape) * np.log1p(x)
        logs -= special.betaln(half, shape) + np.log(variance)
    weight = np.exp(logs) * share[:, None] * (log_ratio[1] - log_ratio[0]) * (y[1] - y[0])
    return weight, 2.0 * shape, s2_0


@pytest.mark.parametrize("df", [4.0, UNEQUAL], ids=["equal df", "unequal df"])
def test_exact_against_brute_force(df):
    """Means, distribution functions and the evidence, to 1e-8."""
    model = ph.VarianceGamma(S2, df)
    post = ph.exact(model)
    weight, d0, s2_0 = brute(S2, df, model.z0)
    mass = weight.sum()
    assert post.log_z == pytest.approx(np.log(mass), abs=1e-8)
    weight /= mass
    assert post["s2_0"].mean() == pytest.approx((weight * s2_0).sum(), rel=1e-8)
    shrunk = (weight * d0 / (d0 + 4.0)).sum()
    nodes = (post.weight * (lambda d: d / (d + 4.0))(np.exp(post.phi[:, 0]))).sum()
    assert nodes == pytest.approx(shrunk, rel=1e-8)
    for k, (variance, own) in enumerate(zip(S2, np.broadcast_to(df, S2.size), strict=True)):
        shape, scale = 0.5 * (d0 + own), 0.5 * (d0 * s2_0 + own * variance)
        found = post[f"theta[{k + 1}]"] if k < 3 else None
        for x, tail in ((0.05, special.gammaincc), (8.0, special.gammainc))[: max(0, 3 - k)]:
            # Away from s2_0 under large d0, where the grid's rows have steps.
            share = found.cdf(x) if x < 1.0 else found.sf(x)
            assert share == pytest.approx((weight * tail(shape, scale / x)).sum(), abs=1e-8)
        precision = (weight * (shape / scale)).sum()
        rate = post.weight @ (lambda law: law.shape / law.scale)(model.theta_given(k, post.phi))
        assert rate == pytest.approx(precision, rel=1e-8)
        if found is not None and own > 2.0:
            mean = (weight * scale / (shape - 1.0)).sum()
            assert found.mean() == pytest.approx(mean, rel=1e-8)
        if found is not None and own > 4.0:
            square = (weight * scale**2 / ((shape - 1.0) * (shape - 2.0))).sum()
            assert found.var() == pytest.approx(square - mean**2, rel=1e-7)
    new = (weight * special.gammaincc(0.5 * d0, 0.5 * d0 * s2_0 / 0.05)).sum()
    assert post["theta_new"].cdf(0.05) == pytest.approx(new, abs=1e-8)


def test_one_group_says_nothing_of_d0():
    """Its likelihood integrates to 1 / s2 over log s2_0 at any d0; sigma^2 has the mean 2 s2."""
    post = ph.exact(ph.VarianceGamma([0.7], 4, z0=3.0))
    assert post.log_z == pytest.approx(-np.log(0.7), abs=1e-9)
    x = np.array([0.3, 3.0, 50.0])
    np.testing.assert_allclose(post["d0"].cdf(x), x / (x + 3.0), atol=1e-8)
    assert post["s2_0"].mean() == pytest.approx(1.4, rel=1e-8)
    assert post["theta[1]"].mean() == pytest.approx(1.4, rel=2e-8)


def test_units_and_order():
    found = ph.exact(ph.VarianceGamma(S2, UNEQUAL))
    for unit in (1e-60, 1e8):
        order = np.array([3, 1, 0, 5, 4, 2])
        other = ph.exact(ph.VarianceGamma(unit * S2[order], UNEQUAL[order]))
        q = [0.025, 0.5, 0.975]
        for new, old in enumerate(order):
            ours = found[f"theta[{old + 1}]"].ppf(q)
            np.testing.assert_allclose(other[f"theta[{new + 1}]"].ppf(q), unit * ours, rtol=1e-7)
        np.testing.assert_allclose(other["d0"].ppf(q), found["d0"].ppf(q), rtol=1e-7)


@pytest.mark.parametrize(
    ("s2", "df"),
    [(np.ones(8), 4), (np.ones(1000), 4), (np.ones(5), 1e12), (10.0 ** np.arange(-60, 60, 10), 4),
     (S2, [1e-3, 1.0, 10.0, 1e3, 1e6, 1e9])],
    ids=["ties", "many ties", "known", "60 decades each way", "all df"],
)  # fmt: skip
def test_extremes_are_resolved(s2, df):
    table = ph.exact(ph.VarianceGamma(s2, df)).summary()
    assert not table.isna().any(axis=None)
    assert (np.diff(table.to_numpy()[:, 2:], axis=1) > 0.0).all()


def test_moments_that_do_not_exist_are_infinite():
    post = ph.exact(ph.VarianceGamma(S2, UNEQUAL))
    table = post.summary()
    # At 2 and 4 degrees of freedom moments are infinite at d0 = 0 alone, which has no mass.
    np.testing.assert_array_equal(np.isfinite(table["mean"][2:-1]), UNEQUAL >= 2.0)
    np.testing.assert_array_equal(np.isfinite(table["sd"][2:-1]), UNEQUAL >= 4.0)
    assert post["theta[4]"].mean() == pytest.approx(table.loc["theta[4]", "mean"], rel=1e-9)
    assert np.isinf(post["theta[2]"].mean())
    assert np.isinf(post["theta[4]"].std())
    assert np.isinf(table.loc[["theta_new", "d0"], "mean"]).all()
    least = {"d0": stats.lognorm(1, loc=4.5), "s2_0": stats.lognorm(1)}
    found = ph.exact(ph.VarianceGamma(S2, UNEQUAL, least))
    assert np.isfinite(found.summary()["sd"]).all()  # d0 > 4 for sure


def test_given_hyperparameters_it_is_a_scaled_inverse_chi_square():
    model = ph.VarianceGamma(S2, UNEQUAL)
    post = ph.given(model, d0=6.0, s2_0=0.5)
    for k in range(6):
        df = 6.0 + UNEQUAL[k]
        scale = (6.0 * 0.5 + UNEQUAL[k] * S2[k]) / df
        law = stats.invgamma(0.5 * df, scale=0.5 * df * scale)
        q = [0.01, 0.5, 0.99]
        np.testing.assert_allclose(post[f"theta[{k + 1}]"].ppf(q), law.ppf(q), rtol=1e-10)
        assert post[f"theta[{k + 1}]"].mean() == pytest.approx(law.mean(), rel=1e-12)
    pooled = ph.given(model, d0=1e14, s2_0=0.5)
    assert pooled["theta[4]"].interval() == pytest.approx((0.5, 0.5), rel=1e-6)
    alone = ph.given(model, d0=1e-12, s2_0=0.5)["theta[5]"].ppf(0.3)
    assert alone == pytest.approx(40.0 * S2[4] / stats.chi2(40).isf(0.3), rel=1e-9)


def test_the_plug_in_is_the_highest_point():
    model = ph.VarianceGamma(S2, UNEQUAL)
    estimate = ph.empirical_bayes(model).estimate
    phi = model.phi_at(**estimate)
    around = phi + 1e-3 * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])
    assert (model.log_marginal_likelihood(around) < model.log_marginal_likelihood(phi[None])).all()
    assert ph.empirical_bayes(ph.VarianceGamma(np.ones(5), 4)).edge
    with pytest.raises(ValueError, match=r"no more than the .* the moment estimate of d0 is inf"):
        ph.empirical_bayes(ph.VarianceGamma(np.ones(5), 4), "moments")
    with pytest.raises(ValueError, match="moments need 2 groups"):
        ph.empirical_bayes(ph.VarianceGamma([1.0], 4), "moments")


def test_a_callable_is_the_named_prior():
    named = ph.VarianceGamma(S2, 4, z0=3.0)
    own = ph.VarianceGamma(S2, 4, lambda d0, s2_0: np.log(3 / (d0 + 3) ** 2) - np.log(s2_0))
    phi = named.start() + np.random.default_rng(1).normal(size=(10, 2))
    np.testing.assert_allclose(own.log_prior(phi), named.log_prior(phi), rtol=1e-12)
    np.testing.assert_allclose(own.log_posterior(phi), named.log_posterior(phi), rtol=1e-12)
    assert named.with_prior(z0=7).z0 == 7.0
    assert named.with_prior().z0 == 3.0
    assert ph.VarianceGamma(S2, UNEQUAL).z0 == np.median(UNEQUAL)


def test_predictions_are_f_distributed():
    """A new group's sample variance by s2_0: F(df, d0); the same groups' given theta."""
    model, rng = ph.VarianceGamma(S2, 4), np.random.default_rng(1)
    phi = np.tile(model.phi_at(d0=6.0, s2_0=0.5), (20_000, 1))
    drawn = model.predict_new(model.draw_new_theta(phi, rng), 3, rng)
    assert stats.kstest(drawn / 0.5, stats.f(3, 6).cdf).pvalue > 1e-3
    again = model.predict(np.tile([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], (20_000, 1)), rng)
    assert stats.kstest(again[:, 2] / 3.0 * 4.0, stats.chi2(4).cdf).pvalue > 1e-3


def test_draws_stay_within_the_doubles():
    """Of a d0 next to 0 a new variance may be larger than any double."""
    model, rng = ph.VarianceGamma(S2, 4), np.random.default_rng(1)
    drawn = model.draw_new_theta(np.tile([-9.0, 0.0], (100, 1)), rng)
    assert np.isfinite(drawn).all()
    assert (drawn > 0.0).all()
    assert np.isfinite(model.predict_new(drawn, 3, rng)).all()


@pytest.mark.parametrize(
    ("s2", "df", "message"),
    [
        ([1.0, 0.0], 4, r"s2\[1\] \(group b\) is 0.0: .* one of 0 has no density here"),
        ([1.0, -1.0], 4, r"s2\[1\] \(group b\) is -1.0: variances must be positive"),
        ([1.0, np.nan], 4, r"s2\[1\] \(group b\) is nan"),
        ([1.0, 1e200], 4, r"s2\[1\] \(group b\) is 1e\+200: .*take another unit"),
        ([1.0, 2.0], [4, 0], r"df\[1\] \(group b\) is 0.0: .* a group without any .* leave it out"),
        ([1.0, 2.0], [4, np.nan], r"df\[1\] \(group b\) is nan"),
        ([1.0, 2.0], [4, np.inf], r"df\[1\] \(group b\) is inf"),
        ([1.0, 2.0], [4, 5, 6], "s2 has 2 groups and (labels|df) has 3|labels has 2 and df has 3"),
        ([1.0, 2.0], 0, "df is 0"),
        ([1.0, 2.0], np.nan, "df is nan"),
    ],
)
def test_bad_variances(s2, df, message):
    with pytest.raises(ValueError, match=message):
        ph.VarianceGamma(s2, df, labels=["a", "b"])


def test_pandas_indexes_must_agree():
    with pytest.raises(ValueError, match="different pandas indexes"):
        ph.VarianceGamma(pd.Series([1.0, 2.0]), pd.Series([3, 4], index=[1, 2]))


def test_ten_thousand_genes_take_a_moment():
    """0.05 s of processor time; all genes' posterior means 0.15 s more."""
    rng = np.random.default_rng(1)
    s2 = genes(10_000, 4.0, rng)
    start = time.process_time()
    post = ph.exact(ph.VarianceGamma(s2, 4))
    means = post.group_means()
    assert time.process_time() - start < 2.0
    d0, s2_0 = (post[name].median() for name in ("d0", "s2_0"))
    plug_in = (d0 * s2_0 + 4.0 * s2) / (d0 + 2.0)
    np.testing.assert_allclose(means, plug_in, rtol=5e-3)


@pytest.mark.parametrize("shape", [0.4, 3.0, 1e6])
def test_inverse_gamma_family(shape):
    law, x = InverseGamma(np.array([shape]), np.array([2.0])), np.array([0.1, 0.9, 30.0]) / shape
    reference = stats.invgamma(shape, scale=2.0)
    np.testing.assert_allclose(law.cdf(x)[:, 0], reference.cdf(x), rtol=1e-9)
    np.testing.assert_allclose(law.sf(x)[:, 0], reference.sf(x), rtol=1e-9)
    natural, partition = law.natural()
    z = np.log(x)
    logs = law.statistics(z) @ natural[0] - partition
    wanted = reference.logpdf(x) + z
    np.testing.assert_allclose(logs, wanted, rtol=1e-9, atol=1e-8)
    near = law.near((z - law.centre)[:, None])[:, 0]
    np.testing.assert_allclose(near, wanted, rtol=1e-9, atol=1e-8)
    assert law.mean[0] == (pytest.approx(reference.mean(), rel=1e-9) if shape > 1 else np.inf)
    assert law.var[0] == (pytest.approx(reference.var(), rel=1e-6) if shape > 2 else np.inf)
    mean, var = law.averaged(np.ones(1))
    np.testing.assert_allclose([mean, var], [law.mean[0], law.var[0]], rtol=1e-12)
