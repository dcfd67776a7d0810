"""Densities, tails and quantiles of effects far out, against sums of 40 digits."""

import pickle

import mpmath as mp
import numpy as np
import pytest
from scipy import stats

import pyhier as ph


class Sums:
    """The normal model's posterior as a sum over log tau from ``low`` to ``high``."""

    def __init__(self, y, se, log_prior, low, high, mu=None, steps=32):
        mp.mp.dps = 40
        self.y, self.se = ([mp.mpf(float(v)) for v in values] for values in (y, se))
        self.mu, self.nodes = mu, []
        for i in range(low * steps, high * steps):  # twice as many change no digit compared
            self.nodes.append(self._node(mp.exp(mp.mpf(i) / steps), log_prior))
        self.total = sum(mp.exp(node[1]) for node in self.nodes)

    def _node(self, tau, log_prior):
        var = [s * s + tau * tau for s in self.se]
        precision = sum(1 / v for v in var)
        mean = sum(y / v for y, v in zip(self.y, var, strict=True))
        logs = log_prior(tau) + mp.log(tau) - sum(mp.log(v) for v in var) / 2
        if self.mu is not None:
            centre, sd = map(mp.mpf, self.mu)
            precision, mean = precision + 1 / sd**2, mean + centre / sd**2
            logs -= centre**2 / sd**2 / 2
        mean /= precision
        squares = sum(y * y / v for y, v in zip(self.y, var, strict=True))
        logs -= (squares - precision * mean**2) / 2 + mp.log(precision) / 2
        return tau, logs, mean, 1 / precision

    def law(self, quantity, tau, mean, var):
        """Mean and variance given tau: of mu, of a new effect, of a group's, of a difference."""
        if quantity == "mu":
            return mean, var
        if quantity == "theta_new":
            return mean, var + tau**2
        if isinstance(quantity, tuple):
            (a, b), v = quantity, [self.se[j] ** 2 for j in quantity]
            share = [u / (u + tau**2) for u in v]
            own = sum(tau**2 * part for part in share)
            centre = (1 - share[0]) * self.y[a] - (1 - share[1]) * self.y[b]
            return centre + (share[0] - share[1]) * mean, own + (share[0] - share[1]) ** 2 * var
        v = self.se[quantity] ** 2
        share = v / (v + tau**2)
        centre = (1 - share) * self.y[quantity] + share * mean
        return centre, tau**2 * share + share**2 * var

    def over_nodes(self, quantity, part):
        """Log of the sum of part(score, sd)."""
        total = mp.mpf(0)
        for tau, logs, mean, var in self.nodes:
            centre, spread = self.law(quantity, tau, mean, var)
            total += mp.exp(logs) * part(centre, mp.sqrt(spread))
        return float(mp.log(total / self.total))

    def log_density(self, quantity, x):
        return self.over_nodes(quantity, lambda m, s: mp.npdf(mp.mpf(x), m, s))

    def log_sf(self, quantity, x):
        return self.over_nodes(quantity, lambda m, s: mp.erfc((mp.mpf(x) - m) / s / mp.sqrt(2)) / 2)


@pytest.fixture(scope="module")
def schools():
    data = ph.load_dataset("eight_schools")
    model = ph.NormalNormal(data["y"], se=data["sigma"], labels=data["school"])
    return ph.exact(model), Sums(data["y"], data["sigma"], lambda tau: mp.mpf(0), -32, 50)


NAMES = {"mu": "mu", "theta[A]": 0, "theta[E]": 4, "theta_new": "theta_new"}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("x", [-1e3, 300.0, 1e4, 1e8])
def test_densities_and_tails_far_out(schools, name, x):
    post, sums = schools
    right = sums.log_density(NAMES[name], x)
    # Their own size is rounded too.
    assert abs(post[name].logpdf(x) - right) < 1e-10 + 1e-14 * abs(right)
    above = sums.log_sf(NAMES[name], x) if x > 0 else None
    if above is not None:
        assert abs(post[name].logsf(x) - above) < 1e-10 + 1e-14 * abs(above)
        assert abs(post[name].sf(x) - np.exp(above)) <= 1e-10 * np.exp(above)


@pytest.mark.parametrize("q", [1e-12, 1e-30, 1e-200])
@pytest.mark.parametrize("name", ["mu", "theta[A]"])
def test_quantiles_far_out(schools, name, q):
    post, sums = schools
    x = float(post[name].isf(q))
    if abs(x) < 1e15:  # as far as the sum goes
        assert abs(sums.log_sf(NAMES[name], x) - np.log(q)) < 1e-10
    assert abs(post[name].logsf(x) - np.log(q)) < 1e-9


def test_chances_that_one_effect_is_above_another():
    y, se = [5.0, -5.0, 0.3, 0.1, -0.2], [0.3, 0.3, 0.4, 0.2, 0.3]
    model = ph.NormalNormal(y, se=se, prior_tau=stats.halfnorm(scale=2.0))
    sums = Sums(y, se, lambda tau: -(tau**2) / 8, -32, 5)
    right = np.exp(sums.log_sf((1, 0), 0.0))
    assert right < 1e-40
    assert abs(ph.exact(model).probability("theta[2] > theta[1]") - right) < 1e-9 * right


def test_bayes_factors_with_a_prior_far_from_the_data():
    data = ph.load_dataset("eight_schools")
    for centre, sd in ((95.0, 5.0), (1900.0, 100.0), (-19.0, 1.0)):
        model = ph.NormalNormal(
            data["y"], se=data["sigma"], prior_mu=stats.norm(centre, sd),
            prior_tau=stats.halfcauchy(scale=5.0),
        )  # fmt: skip
        mu = (centre, sd)
        sums = Sums(data["y"], data["sigma"], lambda tau: -mp.log(1 + tau**2 / 25), -32, 40, mu)
        right = sums.log_density("mu", 0.0) - stats.norm(centre, sd).logpdf(0.0)
        assert abs(np.log(ph.exact(model).bayes_factor("mu = 0")) - right) < 1e-9


def test_a_second_mode_of_what_counts_far_out():
    """A prior that the data contradict: far out other tau hold what there is, beyond a valley."""
    y, se = [20977715.105230268, 20974798.93250106, 20978059.384484146], [13.07, 31.08, 28.7]
    prior = stats.gamma(2.0, scale=0.01134)
    sums = Sums(y, se, lambda tau: mp.log(tau) - tau / mp.mpf(0.01134), -16, 9, steps=128)
    post = ph.exact(ph.NormalNormal(y, se=se, prior_tau=prior))
    for x in (20977094.5, 20977000.0):
        right = sums.log_density("mu", x)
        assert right < -300.0
        # The digits of y that a double has, times how steep the log density is.
        assert abs(post["mu"].logpdf(x) - right) < 1e-6


def test_regressions_and_predictions_far_out():
    y, se = np.array([0.3, 0.1, -0.4, 1.2]), np.array([0.2, 0.3, 0.25, 0.4])
    post = ph.exact(ph.NormalNormal(y, cov=np.diag(se**2), prior_tau="dumouchel"))
    plain = ph.exact(ph.NormalNormal(y, se=se, prior_tau="dumouchel"))
    for x in (-1e6, 40.0):
        pairs = [
            (post.linear({"mu": 1.0}), plain["mu"]),
            (post.theta_new([1.0]), plain["theta_new"]),
            (post.predictive(0.5), plain.predictive(0.5)),
        ]
        for one, other in pairs:
            assert abs(one.logpdf(x) - other.logpdf(x)) < 1e-9


def test_what_is_beyond_doubles_is_refused_but_not_its_tail(schools):
    post, _ = schools
    with pytest.raises(ValueError, match=r"exact cannot tell so far out as 1e\+20"):
        post["theta[A]"].logpdf(1e20)
    with pytest.raises(ValueError, match=r"exact cannot tell so far out as 1e\+200"):
        post["mu"].sf(1e200)
    assert post["theta[A]"].pdf(1e20) == post["theta[A]"].sf(1e20) == 0.0
    assert np.abs(post["theta[A]"].cdf([1e20, np.inf, -np.inf]) - [1, 1, 0]).max() < 1e-15


def test_light_components_carry_a_tail():
    """Its mean moves with tau: 24 sds out weights below 1e-21 count (2.4e-5 of a log density)."""
    y, se = [-11.6, 2.4, -0.65, -303700.0], [0.004, 19.0, 0.136, 205000.0]
    priors = {"prior_tau": stats.halfnorm(scale=0.0844), "prior_mu": stats.norm(-75913.0, 14.1)}
    post = ph.exact(ph.NormalNormal(y, se=se, **priors))
    # A sum of 40 digits; log densities of 1.5e6 are rounded to 2e-10, a few times.
    assert post["mu"].logpdf(-71500.0) == pytest.approx(-283.376029492642, abs=1e-8)


def test_ends_of_the_doubles():
    """A score of 1e310 is no double: no warning, and no other tail than 0."""
    priors = {"prior_tau": stats.halfnorm(scale=1e-9), "prior_mu": stats.norm(0.0, 1e-9)}
    post = ph.exact(ph.NormalNormal([1e-11], se=[1e-10], **priors))
    for name in ("mu", "theta[1]", "theta_new"):
        assert np.abs(post[name].cdf([-1e300, 1e300]) - [0.0, 1.0]).max() < 1e-15
        assert post[name].sf(1e300) == 0.0


def test_a_spike_of_tau_far_from_where_a_tail_would_be():
    """No panels carry log densities of -1e9 that fall so fast: 0, not 0 / 0."""
    y, se = 0.003 * np.linspace(-1.0, 1.0, 8), np.linspace(4e-5, 9e-5, 8)
    spike = stats.truncnorm(-1.5e6, np.inf, loc=2.3e-5, scale=1.5e-11)
    priors = {"prior_tau": spike, "prior_mu": stats.norm(0.3, 0.3)}
    post = ph.exact(ph.NormalNormal(y, se=se, **priors))
    for x in (0.01, 1.0, 100.0):
        assert post["mu"].sf(x) == post["theta_new"].sf(x) == 0.0
        assert post["mu"].cdf(x) == pytest.approx(1.0, abs=1e-15)


def test_they_pickle(schools):
    post, _ = schools
    marginals = [
        post["mu"],
        post["theta[A]"],
        post.difference("theta[A]", "mu"),
        post.predictive(3),
    ]
    for marginal in marginals:
        again = pickle.loads(pickle.dumps(marginal))
        assert again.logpdf(-1e6) == marginal.logpdf(-1e6)


def test_far_from_the_prior_of_the_mean_a_large_tau_explains_it():
    """Mu 20 sds away: by a wide tau, which its prior hardly allows, sooner than by chance."""
    y, se = np.array([0.0600158709, 0.0592377330]), 5.953617e-4
    prior, mu = stats.powerlognorm(2.14139, 0.446395, scale=1.48203e-6), (0.0596268, 0.043831)
    post = ph.exact(ph.NormalNormal(y, se=[se, se], prior_mu=stats.norm(*mu), prior_tau=prior))
    log_tau = np.linspace(np.log(1e-8), np.log(30.0), 400_001)
    var = se**2 + np.exp(2.0 * log_tau)

    def log_density(x):
        logs = log_tau + prior.logpdf(np.exp(log_tau)) - np.log(var)
        logs -= 0.5 * ((y[0] - x) ** 2 + (y[1] - x) ** 2) / var
        top = logs[np.isfinite(logs)].max()
        return top + np.log(np.exp(logs - top).sum()) - 0.5 * ((x - mu[0]) / mu[1]) ** 2

    for sds in (5, 15, 20, 24, 26, 30, 100):
        x = y.mean() + sds * se
        wanted = log_density(x) - log_density(y.mean())
        found = post["mu"].logpdf(x) - post["mu"].logpdf(y.mean())
        assert found == pytest.approx(wanted, rel=1e-10), sds


def test_components_far_apart_beside_their_sds():
    """A mean of mu that moves with tau by more than its sd from node to node, amid the mass too."""
    y, se = np.array([2.34e-06, -5.33e-4]), np.array([7.96e-7, 2.15e-6])
    mu, prior = (8.45e-4, 5.55e-5), stats.geninvgauss(2.3, 1.5, scale=3.55e-7)
    post = ph.exact(ph.NormalNormal(y, se=se, prior_mu=stats.norm(*mu), prior_tau=prior))
    tau = np.exp(np.linspace(*np.log(post["tau"].ppf([1e-15, 1.0 - 1e-15])), 200_001))
    weight = 1.0 / (se**2 + tau[:, None] ** 2)
    precision = weight.sum(axis=1) + mu[1] ** -2
    mean = ((weight * y).sum(axis=1) + mu[0] * mu[1] ** -2) / precision
    logs = prior.logpdf(tau) + np.log(tau) + 0.5 * np.log(weight).sum(axis=1)
    logs -= 0.5 * ((weight * (y - mean[:, None]) ** 2).sum(axis=1) + np.log(precision))
    share = np.exp(logs - 0.5 * ((mean - mu[0]) / mu[1]) ** 2)
    share = np.exp(np.log(share) - np.log(share.sum()))
    marginal, q = post["mu"], np.array([0.005, 0.025, 0.3, 0.5, 0.8, 0.995])
    x = marginal.ppf(q)
    below = stats.norm.cdf((x[:, None] - mean) * np.sqrt(precision)) @ share
    np.testing.assert_allclose(below, q, rtol=1e-9)
    np.testing.assert_allclose(marginal.cdf(x), q, rtol=1e-9)
    table = post.columns(q)
    np.testing.assert_allclose([values[0] for values in list(table.values())[2:]], x, rtol=1e-12)


def test_what_is_0_far_out_is_told_soon():
    """Though the prior is a function that underflows, which no panels carry there."""
    known, calls = stats.gamma(3, scale=4e-10), []

    def log_density(tau):
        calls.append(np.size(tau))
        return np.log(known.pdf(tau))

    rng = np.random.default_rng(5)
    y, se = 5e-5 * rng.standard_normal(12), rng.uniform(1e-6, 5e-6, 12)
    model = ph.NormalNormal(y, se=se, prior_mu=stats.norm(-1.4e-5, 4.5e-8), prior_tau=log_density)
    marginal = ph.exact(model)["theta[1]"]
    marginal.sf(1e-3)
    calls.clear()
    assert marginal.sf(1e-3) == 0.0
    assert sum(size > 1 for size in calls) < 100  # several hundred without that


def test_a_prior_that_underflows_where_the_mass_is_is_refused():
    """Its steps are those of the least doubles; a low constant is no such thing."""
    known, y = stats.lognorm(0.2, scale=4000.0), [7e8, 1.2e9, -6e8, -2e8, -4e8, 6e8]
    se = [1.3e8, 7e7, 1.2e7, 4.9e6, 9.9e7, 5.8e6]
    with pytest.raises(ValueError, match="prior_tau has underflowed .*logpdf"):
        ph.exact(ph.NormalNormal(y, se=se, prior_tau=lambda tau: np.log(known.pdf(tau))))

    def of(lift):
        prior = stats.halfnorm(scale=1e9)
        model = ph.NormalNormal(y, se=se, prior_tau=lambda tau: prior.logpdf(tau) + lift)
        return ph.exact(model)

    assert abs(of(-720.0).log_z - (of(0.0).log_z - 720.0)) < 1e-11


def test_effects_where_tau_is_beyond_1e150():
    """Their sds given tau to all digits: a factor of 1e-316 has not as many."""
    model = ph.NormalNormal([2.7e-5], se=[3.5e-7], prior_tau=stats.halfcauchy(scale=1.0))
    found = model.given(0, np.array([349.3, 349.9]))
    np.testing.assert_allclose(np.sqrt(found.var), 3.5e-7, rtol=1e-15)
    both = model.given(slice(0, 1), np.array([349.3]))
    np.testing.assert_allclose(np.sqrt(both.var), 3.5e-7, rtol=1e-15)


def test_quantiles_of_a_sd_of_few_ulps():
    """Newton's method ends where no double lies between."""
    y = np.array([0.14338, 0.14310751336, 0.1431075145183248, 0.14310751454])
    se = np.array([4.8e-4, 4.3e-9, 1.9e-12, 8.5e-13])
    prior = stats.halfnorm(scale=1e-9)
    marginal = ph.exact(ph.NormalNormal(y, se=se, prior_tau=prior))["theta[4]"]
    x = marginal.ppf([1e-6, 0.5, 1.0 - 1e-6])
    np.testing.assert_allclose(x - y[3], np.array([-1, 0, 1]) * 4.75 * se[3], atol=0.1 * se[3])
