"""VarianceGamma against limma's eBayes: its estimates by moments, its posterior given them."""

import numpy as np
import pytest

import pyhier as ph


@pytest.fixture(scope="module")
def limma(r):
    r("suppressMessages(library(limma))")
    return r


def genes(seed):
    """Sample variances of genes, of equal degrees of freedom or not."""
    rng = np.random.default_rng(seed)
    groups = int(rng.integers(60, 150))
    d0, s2_0 = rng.uniform(2.0, 5.0), 10.0 ** rng.uniform(-4.0, 4.0)
    df = rng.integers(2, 20, groups).astype(float) if seed % 2 else np.full(groups, 4.0)
    sigma2 = d0 * s2_0 / rng.chisquare(d0, groups)
    return sigma2 * rng.chisquare(df) / df, df


@pytest.mark.parametrize("seed", range(30))
def test_the_posterior_precision_is_that_of_squeeze_var(limma, seed):
    """1 / E(1 / sigma^2) is limma's var.post at its own d0 and s0^2."""
    s2, df = genes(seed)
    found = limma("squeezeVar(s2, df)", s2=s2, df=df)
    d0, s2_0 = float(found["df.prior"]), float(found["var.prior"])
    model = ph.VarianceGamma(s2, df)
    phi = model.phi_at(d0=d0, s2_0=s2_0)[np.newaxis]
    laws = [model.theta_given(k, phi) for k in range(df.size)]
    harmonic = np.array([float(law.scale[0] / law.shape[0]) for law in laws])
    np.testing.assert_allclose(harmonic, found["var.post"], rtol=1e-12)
    post, total = ph.given(model, d0=d0, s2_0=s2_0), d0 + df
    mean = total * found["var.post"] / (total - 2.0)
    np.testing.assert_allclose(post.group_means(), mean, rtol=1e-10)


@pytest.mark.parametrize("seed", range(0, 30, 2))
def test_moments_are_those_of_fit_f_dist(limma, seed):
    """limma's fitFDist: by the mean and the variance of log s2, of equal degrees of freedom."""
    s2, df = genes(seed)
    found = limma("fitFDist(s2, df1 = df)", s2=s2, df=df)
    estimate = ph.empirical_bayes(ph.VarianceGamma(s2, df), "moments").estimate
    assert estimate["d0"] == pytest.approx(float(found["df2"]), rel=1e-7)  # where its Newton stops
    assert estimate["s2_0"] == pytest.approx(float(found["scale"]), rel=1e-7)


def test_moderated_t_of_ebayes(limma):
    """From a matrix of expressions to eBayes' s2.post and back."""
    rng = np.random.default_rng(1)
    y = rng.normal(0.0, np.sqrt(2.0 / rng.chisquare(6.0, 200))[:, None], (200, 6))
    code = "f <- eBayes(lmFit(y, cbind(1, rep(0:1, each = 3))))"
    parts = ("sigma", "df.residual", "s2.post", "df.prior", "s2.prior")
    found = limma(f"{code}; list({', '.join(f'{name} = f${name}' for name in parts)})", y=y)
    df = float(found["df.residual"][0])
    model = ph.VarianceGamma(found["sigma"] ** 2, df)
    post = ph.given(model, d0=float(found["df.prior"]), s2_0=float(found["s2.prior"]))
    means = np.array([post[f"theta[{k + 1}]"].mean() for k in range(200)])
    total = float(found["df.prior"]) + df
    np.testing.assert_allclose(means * (total - 2.0) / total, found["s2.post"], rtol=1e-10)
