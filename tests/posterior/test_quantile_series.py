"""Quantiles of very many groups' effects by series, against the mixtures themselves."""

import pickle

import numpy as np
import pytest
from scipy import stats

import pyhier as ph
from pyhier.models.variance_bins import Bins
from pyhier.posterior import group_effects
from pyhier.posterior.quantile_series import WORTH

PROBS = [1e-6, 0.025, 0.5, 0.9]


def posterior(copies, scale=1.0, offset=0.0, **priors):
    """Of as many copies of 20,000 groups, and the groups."""
    rng = np.random.default_rng(5)
    se = 10.0 ** rng.uniform(-1.5, 1.0, 20_000)
    y = offset + scale * rng.normal(1.0, np.hypot(se, 0.5))
    sums = ph.NormalSums()
    sums.update(y, scale * se)
    bins = sums._kept
    sums._kept = Bins(bins.lowest, bins.centre, bins.table * copies, bins.ends)
    return ph.exact(sums.model(**priors)), y, scale * se


@pytest.mark.parametrize(
    ("copies", "scale", "offset"),
    [(100, 1.0, 0.0), (100, 1e8, 1e9), (100, 1e-8, 0.0), (1, 1.0, 0.0), (50_000, 1.0, 0.0)],
)
def test_quantiles_are_the_mixtures(copies, scale, offset):
    """A mixture's distribution function at them, over the nodes, is their probability."""
    post, y, se = posterior(copies, scale, offset)
    y[:3], se[3] = [1e3 * scale, -1e4 * scale, offset], 20.0 * scale  # outlying ones
    found = post.effects(y, se, probs=PROBS).iloc[:, 3:].to_numpy()
    alone = post.effects(y[:4], se[:4], probs=PROBS).iloc[:, 3:].to_numpy()
    np.testing.assert_allclose(found[:4], alone, rtol=1e-15, atol=1e-9 * se[:4].min())
    assert y.size > 10 * WORTH
    nodes, some = post.nodes.heavy, np.r_[4:20, 500:20_000:997]
    tau2, var = np.exp(2.0 * nodes.log_tau), (se[some] ** 2)[:, None]
    rest = tau2 / (var + tau2)
    mean = rest * y[some, None] + (1.0 - rest) * nodes.mean
    sd = np.sqrt(var * rest + (1.0 - rest) ** 2 * nodes.var)
    for k, p in enumerate(PROBS):
        chance = stats.norm.cdf((found[some, k, None] - mean) / sd) @ nodes.weight
        slope = stats.norm.pdf((found[some, k, None] - mean) / sd) / sd @ nodes.weight
        size = np.abs(found[some, k]) * 4e-16 + 1e-9 * sd.min(axis=1)
        assert (np.abs(chance - p) <= slope * size + 1e-12 * p).all()


def test_series_are_used_where_they_are_right(monkeypatch):
    """For all groups but outlying ones when there are many; of thirty too."""
    plain, asked = group_effects.by_mixtures, []

    def counted(post, q, y, var):
        asked.append(y.size)
        return plain(post, q, y, var)

    monkeypatch.setattr(group_effects, "by_mixtures", counted)
    post, y, se = posterior(100)
    y[7] = 1e3
    post.effects(y, se, probs=[0.1])
    assert asked[-1] == 1
    assert sum(asked) < 5000
    few = ph.NormalSums()
    few.update(y[8:38], se[8:38])
    post = ph.exact(few.model())
    asked.clear()
    found = post.effects(y, se, probs=[0.1])
    assert asked[-1] == 1
    np.testing.assert_allclose(found["10%"][:9], post.effects(y[:9], se[:9], probs=[0.1])["10%"])
    monkeypatch.setattr("pyhier.posterior.quantile_series.GOOD", -1.0)
    asked.clear()
    ph.exact(few.model()).effects(y, se, probs=[0.1])
    assert asked[-1] == y.size


def test_a_summary_of_many_groups_has_them():
    """Rows of the table are what each group's own marginal says."""
    _, y, se = posterior(1)
    y[17] = 40.0
    post = ph.exact(ph.NormalNormal(y[:6000], se=se[:6000], prior_mu=stats.norm(0, 3)))
    probs = [1e-4, 0.05, 0.5, 0.9]  # of the first the nodes alone may not tell enough
    table = post.summary(probs=probs)
    assert table.index.tolist() == list(post.names)
    for name in ("mu", "tau", "theta[1]", "theta[18]", "theta[4711]", "theta[6000]", "theta_new"):
        own, row = post[name], table.loc[name].to_numpy()
        wanted = own.mean(), own.std(), *own.ppf(probs)
        np.testing.assert_allclose(row, wanted, rtol=4e-15, atol=1e-9 * own.std())


def test_a_posterior_that_has_been_asked_can_be_pickled():
    post, y, se = posterior(100)
    found = post.effects(y, se, probs=[0.1])
    assert pickle.loads(pickle.dumps(post)).effects(y, se, probs=[0.1]).equals(found)
