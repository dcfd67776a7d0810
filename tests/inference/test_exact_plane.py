"""Exact posteriors of two hyperparameters: against brute force, and against one dimension."""

import warnings
from functools import cache

import numpy as np
import pytest
from scipy import special, stats

import pyhier as ph
from pyhier.distributions.density import LineMarginal
from pyhier.inference.exact import on_plane

Q = (0.025, 0.5, 0.975)
NODES, WEIGHTS = np.polynomial.legendre.leggauss(24)


def panels(ends):
    """Nodes and weights of Gauss-Legendre rules between neighbouring ends."""
    ends = np.unique(ends)
    ends = ends[np.concatenate([[True], np.diff(ends) > 1e-13])]
    half = 0.5 * np.diff(ends)[:, None]
    nodes = 0.5 * (ends[1:] + ends[:-1])[:, None] + half * NODES
    return nodes.ravel(), (half * WEIGHTS).ravel()


class BruteForce:
    """Gauss-Legendre panels in both coordinates, cut where a wanted quantile makes a step.

    Shares no code with the package but the prior, and sums the likelihood in another way: in units
    of K (of alpha), where nothing cancels for large ones.
    """

    def __init__(self, model, outer, panels_outer=40):
        self.model = model
        self.outer = panels(np.linspace(*outer, panels_outer + 1))
        coarse = np.linspace(-40.0, 40.0, 1001)
        self.windows = []
        for v in self.outer[0]:
            values = self.log_density(coarse, v)
            alive = coarse[values > values.max() - 50.0]
            self.windows.append((alive[0] - 0.08, alive[-1] + 0.08, values.max()))
        self.top = max(window[2] for window in self.windows)

    def expectations(self, functions, points=()):
        """E of functions of (location, scale), with cuts about points on the line."""
        total = np.zeros(len(functions) + 1)
        for v, weight, (low, high, best) in zip(*self.outer, self.windows, strict=True):
            if best < self.top - 50.0:
                continue
            steps = np.array([-40, -10, -5, -3, -2, -1, 0, 1, 2, 3, 5, 10, 40])
            cuts = [z + steps * self.width(z, v) for z in points]
            ends = np.concatenate([*cuts, np.linspace(low, high, 25)])
            u, w = panels(np.clip(ends, low, high))
            p = np.exp(self.log_density(u, v) - self.top) * w * weight
            total += [p.sum(), *((p * f(u, v)).sum() for f in functions)]
        return total[1:] / total[0], np.log(total[0]) + self.top


class Binomial(BruteForce):
    def log_density(self, u, v):
        m, inverse = self.model, np.exp(-v)
        total = m.log_prior(np.stack(np.broadcast_arrays(u, v), axis=-1))
        for counts, share in ((m.successes, u), (m.failures, -u)):
            for i in range(int(counts.max())):
                total = total + (counts > i).sum() * np.log(special.expit(share) + i * inverse)
        for i in range(int(m.trials.max())):
            total = total - (m.trials > i).sum() * np.log1p(i * inverse)
        return total

    def log_coefficients(self):
        y, f = self.model.successes, self.model.failures
        return -np.sum(special.betaln(y + 1, f + 1) + np.log1p(y + f))

    def width(self, z, v):
        return 1.0 / np.sqrt(np.exp(v) * special.expit(z) * special.expit(-z) + 1.0)

    def cdf(self, group, x):
        y, f = (
            (0, 0) if group is None else (self.model.successes[group], self.model.failures[group])
        )

        def share(u, v):
            if v > 32.0:  # a point, to within 1e-7 of the location
                return (u < special.logit(x)).astype(float)
            k = np.exp(v)
            found = special.betainc(k * special.expit(u) + y, k * special.expit(-u) + f, x)
            return np.where(np.isnan(found), special.expit(-u), found)  # K too small for SciPy

        return share


class Poisson(BruteForce):
    def log_density(self, u, v):
        m = self.model
        total = m.log_prior(np.stack(np.broadcast_arrays(v, u), axis=-1))
        for i in range(int(m.counts.max())):
            total = total + (m.counts > i).sum() * np.logaddexp(v, np.log(i) if i else -np.inf)
        for y, e in zip(m.counts, m.exposure, strict=True):
            s = np.log(e) + u - v
            total = total - np.exp(v) * special.log1p(np.exp(np.minimum(s, 300.0)))
            total = total - y * np.logaddexp(v, np.log(e) + u) + y * (u + np.log(e))
        return total

    def log_coefficients(self):
        return -np.sum(special.gammaln(self.model.counts + 1))

    def width(self, z, v):
        return 1.0 / np.sqrt(np.exp(v) + 1.0)

    def cdf(self, group, x):
        y, e = (0, 0) if group is None else (self.model.counts[group], self.model.exposure[group])

        def share(u, v):
            if v > 32.0:
                return (u < np.log(x)).astype(float)
            return special.gammainc(np.exp(v) + y, (np.exp(v - u) + e) * x)

        return share


@cache
def case(name):
    """A model with what the outer coordinate's range must be."""
    rats, pumps = ph.load_dataset("rat_tumors"), ph.load_dataset("pumps")
    alike = ([3, 4, 5, 4, 3, 5, 4, 4], [20] * 8)
    eta_k = {"eta": stats.beta(1, 1), "K": stats.lognorm(1, scale=10)}
    gammas = {"alpha": stats.gamma(2), "mu": stats.gamma(2, scale=1)}
    return {
        "rats": lambda: (Binomial, ph.BetaBinomial(rats["tumors"], rats["rats"]), (-3, 55)),
        "alike-bda3": lambda: (Binomial, ph.BetaBinomial(*alike), (-8, 90)),
        "alike-betabinexch": lambda: (
            Binomial, ph.BetaBinomial(*alike, prior="betabinexch"), (-8, 60),
        ),
        "alike-proper": lambda: (Binomial, ph.BetaBinomial(*alike, prior=eta_k), (-6, 12)),
        "one group": lambda: (Binomial, ph.BetaBinomial([3], [10], prior=eta_k), (-6, 12)),
        "no success": lambda: (Binomial, ph.BetaBinomial([0, 0], [4, 9], prior=eta_k), (-6, 12)),
        "few": lambda: (Binomial, ph.BetaBinomial([3, 1, 0], [8, 2, 5]), (-20, 90)),
        "pumps": lambda: (
            Poisson, ph.PoissonGamma(pumps["failures"], pumps["khours"]), (-8, 50),
        ),
        "pumps-proper": lambda: (
            Poisson, ph.PoissonGamma(pumps["failures"], pumps["khours"], prior=gammas), (-8, 5),
        ),
    }[name]()  # fmt: skip


CASES = [
    ("rats", 70), ("rats", 0), ("rats", None), ("alike-bda3", 1), ("alike-betabinexch", None),
    ("alike-proper", 0), ("one group", 0), ("no success", 0), ("few", 2), ("pumps", 9),
    ("pumps-proper", 0), ("pumps-proper", None),
]  # fmt: skip


@cache
def brute_force(name):
    oracle, model, outer = case(name)
    return oracle(model, outer)


@pytest.mark.parametrize(("name", "group"), CASES)
def test_against_brute_force(name, group):
    brute = brute_force(name)
    model = brute.model
    post = ph.exact(model)
    effect = post["theta_new" if group is None else f"theta[{group + 1}]"]
    q = np.array([0.01, 0.3, 0.5, 0.9, 0.999])
    x = effect.ppf(q)
    location, scale = model.coordinates[model.location], model.coordinates[1 - model.location]
    functions = [lambda u, v: u, lambda u, v: u * u, lambda u, v: v, lambda u, v: v * v]
    functions += [brute.cdf(group, value) for value in x]
    line = np.log(x) if isinstance(brute, Poisson) else special.logit(x)
    found, log_z = brute.expectations(functions, line)
    # The promise is 1e-8; log lgamma-like sums and the brute force's own panels are far inside.
    assert post.log_z == pytest.approx(log_z + brute.log_coefficients(), abs=1e-8)
    for k, coordinate in ((0, location), (2, scale)):
        assert post[coordinate].mean() == pytest.approx(found[k], rel=1e-8, abs=1e-8)
        var = found[k + 1] - found[k] ** 2
        assert post[coordinate].var() == pytest.approx(var, rel=1e-7)
    np.testing.assert_allclose(found[4:], q, rtol=1e-8)
    np.testing.assert_allclose(effect.cdf(x), q, rtol=1e-10)
    np.testing.assert_allclose(effect.sf(x), 1 - q, rtol=1e-8)


@pytest.mark.parametrize(
    "priors",
    [
        {},
        {"prior_mu": stats.norm(0, 5), "prior_tau": stats.halfcauchy(scale=5)},
        {"prior": ph.NormalInvChi2(0.0, 0.1, 0.1, 100.0)},
        {"prior_tau": "jeffreys"},
    ],
    ids=lambda priors: "-".join(priors) or "flat",
)
def test_two_dimensions_find_what_one_does(schools, priors):
    """The normal model, its mu integrated by quadrature too: means, sds, tails, evidence."""
    model = ph.NormalNormal(schools["y"], se=schools["sigma"], **priors)
    one, two = ph.exact(model), on_plane(model)
    assert two.log_z == pytest.approx(one.log_z, abs=1e-9)
    for name in ("mu", "tau", "theta[1]", "theta[3]", "theta_new"):
        a, b = one[name], two[name]
        assert b.mean() == pytest.approx(a.mean(), rel=1e-8)
        if np.isfinite(a.std()):
            assert b.std() == pytest.approx(a.std(), rel=1e-7)
        q = np.array([1e-6, 0.01, 0.5, 0.99, 1 - 1e-6])
        np.testing.assert_allclose(b.ppf(q), a.ppf(q), rtol=1e-7, atol=1e-7)
        x = a.ppf([0.05, 0.5, 0.95])
        np.testing.assert_allclose(b.pdf(x), a.pdf(x), rtol=1e-8)
    assert two["log_tau"].mean() == pytest.approx(one["log_tau"].mean(), rel=1e-7)


@pytest.mark.parametrize("name", ["rats", "alike-bda3", "pumps"])
def test_marginals_agree_with_their_own_densities(name):
    """Hyperparameters' and effects' cdf is the integral of their pdf; quantiles invert it."""
    post = ph.exact(case(name)[1])
    for quantity in (*post._hyper, "theta[1]", "theta[2]", "theta_new"):
        marginal = post[quantity]
        x = marginal.ppf([0.2, 0.6])
        nodes, weights = panels(np.linspace(*x, 9))
        assert weights @ marginal.pdf(nodes) == pytest.approx(0.4, rel=1e-7)
        # A point that quantiles of the log density know as well: the hdi's ends are as high.
        low, high = marginal.hdi(0.5)
        assert marginal.cdf(high) - marginal.cdf(low) == pytest.approx(0.5, abs=1e-9)


def test_moments_that_do_not_exist_are_infinite():
    """K's prior under bda3 falls as K^(-3/2), alpha's under poissgamexch as alpha^(-2)."""
    post = ph.exact(case("rats")[1])
    assert post["alpha"].mean() == post["K"].mean() == post["beta"].std() == np.inf
    assert np.isfinite(post["eta"].std())
    assert np.isfinite(post["log_K"].std())
    rates = ph.exact(case("pumps")[1])
    assert rates["alpha"].mean() == rates["mu"].mean() == rates["theta_new"].mean() == np.inf
    assert np.isfinite(rates["theta[1]"].std())
    proper = ph.exact(case("pumps-proper")[1])
    assert np.isfinite([proper["mu"].std(), proper["alpha"].std(), proper["theta_new"].std()]).all()
    one = ph.exact(ph.PoissonGamma([2, 1], [10.0, 5.0]))
    assert one["log_mu"].std() == np.inf  # two groups with events: (log mu)^-3
    assert np.isfinite(one["log_mu"].mean())


def test_draws_follow_the_posterior():
    for name in ("rats", "alike-bda3", "pumps"):
        post = ph.exact(case(name)[1])
        draws = post.to_draws(20_000, rng=1)
        for quantity in (*post.model.coordinates, "theta[1]", "theta_new"):
            found = stats.kstest(draws[quantity].draws.ravel(), post[quantity].cdf)
            assert found.pvalue > 1e-3, (name, quantity)
        again = post.draw_phi(20_000, rng=1)
        np.testing.assert_array_equal(draws.phi[0], again)


def test_draws_of_a_wrong_target_are_caught():
    """The check above can fail: one prior's draws against another's posterior."""
    first, second = case("alike-bda3")[1], case("alike-betabinexch")[1]
    draws = ph.exact(first).to_draws(20_000, rng=1)
    other = ph.exact(second)
    assert stats.kstest(draws["log_K"].draws.ravel(), other["log_K"].cdf).pvalue < 1e-6


def test_random_walk_metropolis_agrees():
    model = case("rats")[1]
    post, chain = ph.exact(model), ph.rwmetrop(model, 40_000, burn_in=1000, chains=2, rng=1)
    for name in ("logit_eta", "log_K", "theta[71]"):
        draws = chain[name].draws
        batches = draws.reshape(80, -1).mean(axis=1)
        se = batches.std(ddof=1) / np.sqrt(80)
        assert abs(draws.mean() - post[name].mean()) < 4 * se


def test_order_of_the_groups_does_not_matter():
    rats = ph.load_dataset("rat_tumors")
    post = ph.exact(ph.BetaBinomial(rats["tumors"], rats["rats"]))
    turned = ph.exact(ph.BetaBinomial(rats["tumors"][::-1], rats["rats"][::-1]))
    assert turned["theta[1]"].mean() == pytest.approx(post["theta[71]"].mean(), rel=1e-9)


def test_scaling_exposures_scales_rates():
    pumps = ph.load_dataset("pumps")
    for factor in (1e-8, 1e8):
        post = ph.exact(ph.PoissonGamma(pumps["failures"], pumps["khours"]))
        scaled = ph.exact(ph.PoissonGamma(pumps["failures"], factor * pumps["khours"]))
        a, b = post["theta[3]"], scaled["theta[3]"]
        assert factor * b.mean() == pytest.approx(a.mean(), rel=1e-9)
        np.testing.assert_allclose(factor * b.ppf([0.01, 0.9]), a.ppf([0.01, 0.9]), rtol=1e-8)
        assert scaled["alpha"].median() == pytest.approx(post["alpha"].median(), rel=1e-8)


def test_large_counts():
    """A million trials a group: as normal as it gets; theta is what its own data says."""
    post = ph.exact(ph.BetaBinomial([300_000, 310_000, 290_000], [1_000_000] * 3))
    assert post["theta[1]"].mean() == pytest.approx(0.3, abs=1e-5)
    assert post["theta[1]"].std() == pytest.approx(np.sqrt(0.21 / 1e6), rel=1e-2)
    assert post["theta[1]"].interval(0.95)[0] == pytest.approx(0.3 - 1.96 * 4.58e-4, abs=1e-5)


def test_evidence_needs_a_proper_prior():
    with pytest.raises(ValueError, match="no evidence under the prior bda3"):
        _ = ph.exact(case("rats")[1]).log_evidence


def test_evidence_is_the_probability_of_the_data():
    """Over all outcomes of one group, it adds up to one."""
    eta_k = {"eta": stats.beta(2, 3), "K": stats.gamma(3, scale=2)}
    total = sum(
        np.exp(ph.exact(ph.BetaBinomial([y], [4], prior=eta_k)).log_evidence) for y in range(5)
    )
    assert total == pytest.approx(1.0, abs=1e-9)


def test_priors_with_an_edge_are_refused():
    edged = {"eta": stats.beta(1, 1), "K": stats.uniform(1, 30)}
    with pytest.raises(ValueError, match="does not converge.* has an edge"):
        ph.exact(ph.BetaBinomial([3, 4, 5], [20, 20, 20], prior=edged))


def test_improper_posterior_of_a_callable_is_an_error():
    with pytest.raises(ValueError, match="improper"):
        ph.exact(ph.BetaBinomial([3, 4, 5], [20, 20, 20], prior=lambda a, b: 0.0))


def test_probability():
    post = ph.exact(case("rats")[1])
    p = post.probability("theta[71] > 0.2")
    assert (p, p.se) == (post["theta[71]"].sf(0.2), 0.0)
    assert post.probability("0.2 > theta[71]") == pytest.approx(1 - p, abs=1e-12)
    by_draws = post.probability("theta[71] > theta[70]", draws=20_000, rng=1)
    assert 0.0 < by_draws.se < 0.005
    with pytest.raises(KeyError, match="no quantity is named"):
        post.probability("theta[99] > 0.2")


@pytest.mark.parametrize(
    ("counts", "exposure"),
    [([7, 32], [133.8, 16.32]), ([4, 8, 0], [12.75, 754.7, 121.7]), ([0, 4], [3.4, 0.0013])],
)
def test_few_groups_with_far_tails(counts, exposure):
    """Log mu has tails like powers; marginals and draws, which share no code, agree."""
    post = ph.exact(ph.PoissonGamma(counts, exposure))
    assert not post.summary().isna().any(axis=None)
    draws = post.to_draws(20_000, rng=1)
    for name in ("alpha", "beta", "mu", "theta[1]", "theta_new"):
        below = post[name].cdf(draws[name].draws.ravel())
        assert stats.kstest(below, "uniform").pvalue > 1e-4


@pytest.mark.parametrize("spread", [0, 1])
@pytest.mark.parametrize("size", [100_000, 1_000_000])
@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_large_groups_that_hardly_differ(family, size, spread):
    """Hyperparameters range over decades, and components at far nodes are points.

    The density of an effect, a sum over narrow components, is compared with its mean and sd, which
    are of the nodes alone. Logs of the likelihood are of the size 4e7, so their rounding is 1e-8.
    """
    off = spread * 1_000
    if family == "binomial":
        third = size // 3
        model = ph.BetaBinomial([third, third + off, third - off], [size] * 3)
    else:
        model = ph.PoissonGamma([size, size + off, size - off], [float(size)] * 3)
    post = ph.exact(model)
    for name in ("theta[1]", "theta[2]"):
        marginal = post[name]
        values = marginal.ppf((np.arange(2_000) + 0.5) / 2_000)
        # The midpoint rule leaves out half of the outermost two thousandth: 0.3% of the variance.
        assert values.mean() == pytest.approx(marginal.mean(), abs=1e-2 * marginal.std())
        assert values.std() == pytest.approx(marginal.std(), rel=1e-2)


@pytest.mark.parametrize("unit", [1e-9, 1e9])
def test_the_exposures_unit_changes_rates_alone(unit):
    counts, exposure = np.array([3, 1, 2]), np.array([1.0, 2.0, 1.0])
    plain = ph.exact(ph.PoissonGamma(counts, exposure)).summary()
    other = ph.exact(ph.PoissonGamma(counts, exposure * unit)).summary()
    factor = np.where(plain.index == "alpha", 1.0, np.where(plain.index == "beta", unit, 1 / unit))
    np.testing.assert_allclose(other, plain.mul(factor, axis=0), rtol=1e-7)


@pytest.mark.parametrize("name", ["theta[1]", "theta_new", "K"])
def test_a_density_that_loses_mass_is_refused(name):
    """What is off by more than the promise of 1e-8 is an error, however it came about."""
    post = ph.exact(case("rats")[1])
    marginal = post[name]
    for off in (2e-8, -2e-8):
        lossy = LineMarginal(
            marginal._line, lambda z, off=off: marginal._log_density(z) + off,
            marginal._centre, marginal._scale,
        )  # fmt: skip
        with pytest.raises(ValueError, match=r"exact cannot resolve .* take draws"):
            post._checked(name, lossy)


def test_means_of_effects_take_nodes_near_enough():
    """K / (K + 1) is a step of log K, narrow under a wide prior (the mean was 2.6e-8 off)."""
    a, b, scale = 3.071, 1.614, 2628.0
    prior = {"eta": stats.beta(a, b), "K": stats.halfcauchy(scale=scale)}
    post = ph.exact(ph.BetaBinomial([0, 0], [1, 1], prior=prior))
    # One trial each says nothing of K: E K / (K + 1) under its prior, by partial fractions.
    pooling = (scale**2 - 2.0 * scale * np.log(scale) / np.pi) / (1.0 + scale**2)
    assert post["theta[1]"].mean() == pytest.approx(a / (a + b + 2.0) * pooling, rel=1e-10)


def test_means_of_the_one_group_with_an_event():
    """The mean was 1.7e-8 off; right by the fuzz's sum, at two steps."""
    exposure = 1e-6 * np.array([
        3.748, 345.5, 14.53, 0.3665, 241.9, 25.63, 7.166, 6.454, 15.64, 221.3,
        46.92, 0.5333, 276.7, 4.076, 73.32, 16.32, 3.071, 1018.5, 3.731, 3.233,
    ])  # fmt: skip
    prior = {"alpha": stats.lognorm(2.619, scale=11.66), "mu": stats.gamma(1.334, scale=5.261)}
    post = ph.exact(ph.PoissonGamma(np.eye(20)[0], exposure, prior=prior))
    assert post["theta[1]"].mean() == pytest.approx(42.103241163678, rel=2e-9)


def test_hyperparameters_of_many_groups():
    """The log of the integral is about -3,800: its inverse is no double, and nothing needs it."""
    rng = np.random.default_rng(0)
    trials = rng.integers(5, 200, 1_000)
    post = ph.exact(ph.BetaBinomial(rng.binomial(trials, rng.beta(3.0, 9.0, 1_000)), trials))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        points = post["K"].ppf(Q)
    draws = np.exp(post.draw_phi(40_000, rng=1)[:, 1])
    for q, point in zip(Q, points, strict=True):
        error = np.sqrt(q * (1.0 - q) / draws.size)
        assert (draws <= point).mean() == pytest.approx(q, abs=4.5 * error)
