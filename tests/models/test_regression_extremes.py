"""Regressions from rows at their ends: odd priors, odd units, designs that tell little."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import pyhier as ph

J, N = 6, 30


def rows(seed=0):
    rng = np.random.default_rng(seed)
    group, x = np.append(np.arange(J), rng.integers(0, J, N - J)), rng.normal(size=N)
    y = 1.0 + 0.5 * x + rng.normal(size=J)[group] + 0.5 * rng.normal(size=N)
    return y, {"x": x}, group


def model(**options):
    y, x, group = rows()
    return ph.HierarchicalRegression(**({"y": y, "X": x, "groups": group} | options))


def spikes(*places, width=1e-3):
    """The log density of an sd that is at one of these places."""

    def log_density(t):
        return float(np.logaddexp.reduce([-0.5 * ((t - one) / width) ** 2 for one in places]))

    return log_density


def test_a_prior_with_one_narrow_spike_is_found():
    """Far from where the likelihood is highest, too."""
    for place in (0.5, 50.0):
        tau = ph.exact(model(prior_tau=spikes(place, width=1e-4)))["tau[Intercept]"]
        assert tau.mean() == pytest.approx(place, abs=2e-6)
        assert tau.std() == pytest.approx(1e-4, rel=1e-3)


def test_a_prior_with_spikes_apart_is_refused():
    with pytest.raises(ValueError, match=r"has a peak near 0.1, apart from the others"):
        ph.exact(model(prior_tau=spikes(0.1, 1.0)))


def test_a_spike_on_a_wide_prior_is_resolved():
    """What it holds is as much as its evidence says."""
    broad = lambda t: -0.5 * (t / 2.0) ** 2  # noqa: E731
    spike = lambda t: 4.0 + spikes(1.3, width=1e-2)(t)  # noqa: E731
    found = ph.exact(model(prior_tau=lambda t: float(np.logaddexp(broad(t), spike(t)))))
    parts = [ph.exact(model(prior_tau=one)) for one in (broad, spike)]
    share = np.exp([one.log_z - found.log_z for one in parts])
    assert share.sum() == pytest.approx(1.0, abs=1e-9)
    means = np.array([one["tau[Intercept]"].mean() for one in parts])
    assert found["tau[Intercept]"].mean() == pytest.approx(share @ means, rel=1e-9)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"prior_sigma": lambda _: "a"}, "prior_sigma returned 'a'"),
        ({"prior_sigma": lambda t: 0.0 if t < 2.0 else np.nan}, "prior_sigma is nan at sigma = "),
        ({"prior_sigma": stats.norm(0, 1)}, "prior_sigma .* sigma is positive"),
        ({"prior_tau": lambda t: -np.log(t)}, "tau.* the prior's own mass there is infinite"),
        ({"sigma": 1e-10}, "its differences have no digits: an sd that is given"),
        ({"Z": ["x"], "sigma": 0.5, "prior_rho": lambda r: -np.log1p(-r * r)}, "does not fall off"),
        ({"Z": ["x"], "sigma": 0.5, "prior_rho": lambda r: 0.0 if r > 0.1 else -np.inf},
         r"rho\[Intercept,x\] ends abruptly"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named(options, words):
    with pytest.raises((ValueError, TypeError), match=words):
        ph.exact(model(**options))


def test_a_function_of_rho_is_the_prior_it_writes():
    options = {"Z": ["x"], "sigma": 0.5, "prior_tau": stats.halfnorm(scale=1.0)}
    lkj = ph.exact(model(prior_rho=2.0, **options))
    own = ph.exact(model(prior_rho=lambda r: np.log1p(-r * r) + np.log(0.75), **options))
    assert own.log_z == pytest.approx(lkj.log_z, abs=1e-9)
    name = "rho[Intercept,x]"
    assert own[name].ppf(0.9) == pytest.approx(lkj[name].ppf(0.9), abs=1e-8)


def test_a_covariate_of_groups_whose_coefficient_varies():
    """No group tells the coefficient beside its intercept; together they do."""
    _, _, group = rows()
    flat = model(X={"x": group * 1.0}, Z=["x"])
    assert flat.why_no_posterior() == ""
    proper = model(
        X={"x": group * 1.0}, Z=["x"], sigma=0.5, prior_tau=stats.halfnorm(scale=1.0),
        correlated=False,
    )  # fmt: skip
    post = ph.exact(proper)
    assert 0.0 < post["tau[x]"].mean() < 1.0


def test_weights_have_no_unit():
    """A common factor of the weights is one of sigma^2."""
    plain, light = ph.exact(model()), ph.exact(model(weights=np.full(N, 1e-30)))
    for name in ("tau[Intercept]", "beta[x]"):
        assert light[name].std() == pytest.approx(plain[name].std(), rel=1e-9)
    assert light["sigma"].mean() == pytest.approx(1e-15 * plain["sigma"].mean(), rel=1e-9)


def test_rows_within_groups_give_a_coefficient_its_moments():
    """Tau has no variance with three groups and a flat prior, nor has the intercept."""
    y, x, group = rows()
    post = ph.exact(model(groups=group % 3))
    assert np.isinf(post["beta[Intercept]"].std())
    fit = np.linalg.lstsq(np.column_stack([np.eye(3)[group % 3], x["x"]]), y, rcond=None)[0]
    assert post["beta[x]"].mean() == pytest.approx(fit[-1], abs=post["beta[x]"].std())


def test_a_constant_column_of_any_name_is_the_intercept():
    _, x, _ = rows()
    named = ph.exact(model(X={"const": np.full(N, 2.0)} | x))
    wanted = ph.exact(model())
    assert named["theta[3,Intercept]"].mean() == pytest.approx(
        wanted["theta[3,Intercept]"].mean(), rel=1e-10
    )


def test_responses_far_from_zero_lose_nothing():
    """Rounded first, so that a shift by a power of two is exact."""
    y = np.round(rows()[0] * 2.0**20) / 2.0**20
    near, far = ph.exact(model(y=y)), ph.exact(model(y=y + 2.0**30))
    for name in ("sigma", "tau[Intercept]", "beta[x]"):
        assert far[name].mean() == pytest.approx(near[name].mean(), rel=1e-10)
    assert far.log_z == pytest.approx(near.log_z, abs=1e-9)


def test_a_bound_that_binds():
    """Uniform priors end the density; the marginals end with it."""
    post = ph.exact(model(prior_sigma=stats.uniform(10.0, 20.0)))
    sigma = post["sigma"]
    assert sigma.support == pytest.approx((10.0, 30.0))
    q = np.array([0.01, 0.5, 0.99])
    assert sigma.cdf(sigma.ppf(q)) == pytest.approx(q, abs=1e-10)
    assert sigma.cdf(30.0) == pytest.approx(1.0, abs=1e-9)


def test_groups_of_another_index_are_refused():
    y, x, group = rows()
    shifted = pd.Series(group, index=np.arange(N) + 1)
    for groups in (shifted, {"upper": group // 2, "lower": shifted}):
        with pytest.raises(ValueError, match="y and groups.* have different pandas indexes"):
            ph.HierarchicalRegression(pd.Series(y), x, groups=groups)


def test_slopes_of_what_lies_far_from_0_are_told_to_centre():
    rng = np.random.default_rng(0)
    g = np.repeat(np.arange(12), 5)
    year = 2000.0 + np.tile(np.arange(5.0), 12)
    y = rng.normal(size=12)[g] + 0.3 * rng.normal(size=12)[g] * (year - 2002) + rng.normal(size=60)
    data = {"y": y, "year": year, "g": g, "centred": year - 2002}
    model = ph.HierarchicalRegression.from_formula("y ~ year + (year | g)", data)
    assert model.mend == "centre year, whose values lie far from 0"
    with pytest.raises(ValueError, match="centre year"):
        ph.exact(model)
    model = ph.HierarchicalRegression.from_formula("y ~ centred + (centred | g)", data)
    assert model.mend == "a smoother prior"
