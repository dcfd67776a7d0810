"""Many data sets of counts together: what `exact` makes of each, other sums, and who is refused."""

import numpy as np
import pytest
from scipy import stats

import pyhier as ph
from pyhier.distributions.line_panels import LinePanels
from pyhier.kernels.count_planes import log_densities
from pyhier.models.count_many import CountMany, shared_prior
from pyhier.posterior.count_nodes import GAUSS, gauss_rules
from pyhier.posterior.count_quantiles import AlongRates, Look

KINDS = {"successes": ("trials", ph.BetaBinomial), "counts": ("exposure", ph.PoissonGamma)}
PRIORS = {
    "successes": {
        "bda3": "bda3",
        "betabinexch": "betabinexch",
        "mean and size": {"eta": stats.beta(2, 3), "K": stats.lognorm(1.0, scale=10.0)},
        "narrow": {"eta": stats.beta(3e4, 7e4), "K": stats.lognorm(0.01, scale=7.0)},
        "shapes": {"alpha": stats.expon(scale=5), "beta": stats.expon(scale=10)},
    },
    "counts": {
        "poissgamexch": "poissgamexch",
        "shape and mean": {"alpha": stats.lognorm(0.8, scale=3.0), "mu": stats.gamma(2.0)},
    },
}
CASES = [(kind, name) for kind, priors in PRIORS.items() for name in priors]


def made(kind, sets, groups, rng, size=50.0):
    """Counts that vary: as a beta or a gamma distribution of their rates says."""
    if kind == "successes":
        trials = np.ceil(size * rng.uniform(0.3, 1.7, (sets, groups)))
        return rng.binomial(trials.astype(int), rng.beta(3.0, 9.0, trials.shape)), trials
    exposure = rng.uniform(0.3, 1.7, (sets, groups)) * size / 20.0
    return rng.poisson(10.0 * exposure * rng.gamma(3.0, 0.2, exposure.shape)), exposure


def batch_of(kind, y, size, **options):
    return ph.exact_many(**{kind: y, KINDS[kind][0]: size}, **options)


def off_by(batch, i, post):
    """Of data set i: the log of the integral, means in sds, sds relative to themselves."""
    mean, sd = post.moments()
    columns = [int(label) - 1 for label in post.model.labels]
    hyper = batch.names[:-2]

    def row(table):
        return np.array([*(table[k][i] for k in hyper), *table["theta"][i, columns],
                         table["theta_new"][i]])  # fmt: skip

    found, spread = row(batch.mean), row(batch.sd)
    finite = np.isfinite(sd)
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(mean))
    np.testing.assert_array_equal(np.isfinite(spread), finite)
    off = np.abs(found[finite] - mean[finite]) / sd[finite]
    return abs(batch.log_z[i] - post.log_z), off, np.abs(spread[finite] / sd[finite] - 1.0)


@pytest.mark.parametrize(("kind", "name"), CASES)
@pytest.mark.parametrize("groups", [4, 8, 60])
def test_each_is_what_exact_makes_of_it_alone(kind, name, groups):
    """To 1e-11; an sd of a long tail to what `exact`'s own nodes leave out of it, up to 1e-8."""
    rng = np.random.default_rng(groups)
    y, size = made(kind, 2, groups, rng)
    y = y.astype(float)
    y[1, 2] = np.nan
    prior = PRIORS[kind][name]
    batch = batch_of(kind, y, size, prior=prior)
    assert not batch.alone
    for i in (0, 1) if groups == 8 else (1,):
        kept = np.isfinite(y[i])
        labels = (np.flatnonzero(kept) + 1).tolist()
        one = ph.exact(KINDS[kind][1](y[i, kept], size[i, kept], labels=labels, prior=prior))
        log_z, mean, sd = off_by(batch, i, one)
        assert log_z < 1e-11
        assert mean.max() < 1e-11
        assert sd.max() < 1e-8


EXTREME = {
    "a million trials": ("successes", [2e5, 3.1e5, 2.4e5, 3e5], [1e6, 1e6, 9e5, 1.1e6], "bda3"),
    "rare": ("successes", [3, 1, 0, 0, 2, 9], [1e5, 2e5, 1e5, 1e4, 1e5, 3e5], "bda3"),
    "often": ("successes", [99997, 99999, 1e5, 1e5, 99990], [1e5] * 5, "bda3"),
    "one success": ("successes", [0, 0, 1, 0, 0, 0], [20, 30, 20, 10, 9, 8], "bda3"),
    "ties": ("successes", [4, 4, 4, 4, 4, 4], [10, 10, 10, 10, 10, 10], "betabinexch"),
    "single trials": ("successes", [0, 1, 0, 1, 1, 1, 0], [1] * 7, PRIORS["successes"]["shapes"]),
    "many events": ("counts", [40000, 51000, 30500, 40100, 38000], [1.0] * 5, "poissgamexch"),
    "few events": ("counts", [0, 0, 1, 2, 0, 1, 0, 3], [1e-8] * 8, "poissgamexch"),
    "no events": ("counts", [0, 0, 0], [1, 2, 3], PRIORS["counts"]["shape and mean"]),
}  # fmt: skip


@pytest.mark.parametrize("case", EXTREME)
def test_extremes_are_right_or_left_to_exact(case):
    kind, y, size, prior = EXTREME[case]
    batch = batch_of(kind, [y], size, prior=prior)
    log_z, mean, sd = off_by(batch, 0, ph.exact(KINDS[kind][1](y, size, prior=prior)))
    assert log_z < 1e-9
    assert mean.max(initial=0.0) < 1e-8
    assert sd.max(initial=0.0) < 1e-6  # of `exact`: its nodes leave out e^-45 of the density


@pytest.mark.parametrize("kind", KINDS)
def test_ordinary_data_sets_are_worked_out_together_for_any_number_of_threads(kind):
    """Also beside one that is left to `exact`, and one that is none."""
    rng = np.random.default_rng(3)
    y, size = made(kind, 60, 8, rng)
    y = y.astype(float)
    y[:20, 5:] = np.nan
    y[7], y[8, 0] = 0.0, 0.5
    one, two = (batch_of(kind, y, size, errors="mark", threads=k) for k in (1, 2))
    assert sorted(one.failed) == [7, 8]
    assert len(one.alone) <= 3
    for name in one.names:
        np.testing.assert_array_equal(one.mean[name], two.mean[name])
        np.testing.assert_array_equal(one.sd[name], two.sd[name])
    np.testing.assert_array_equal(one.log_z, two.log_z)
    some = batch_of(kind, y[[55]], size[[55]])
    np.testing.assert_allclose(some.mean["theta"][0], one.mean["theta"][55], rtol=1e-13)


@pytest.mark.parametrize("prior", [
    {"eta": stats.uniform(0.1, 0.5), "K": stats.gamma(2, scale=50)},
    {"eta": stats.beta(2, 2), "K": stats.uniform(0, 400)},
    {"eta": stats.beta(2, 2), "K": stats.invgamma(3.5, scale=20.0)},
    lambda a, b: -0.1 * (a + b) - np.log(a + b),
])  # fmt: skip
def test_priors_with_ends_and_powers_and_functions_are_left_to_exact(prior):
    y, size = made("successes", 1, 4, np.random.default_rng(5))
    batch = batch_of("successes", y, size, prior=prior, errors="mark")
    try:
        one = ph.exact(ph.BetaBinomial(y[0], size[0], prior=prior))
    except ValueError:
        assert 0 in batch.failed
        return
    assert batch.log_z[0] == one.log_z
    np.testing.assert_array_equal(batch.mean["theta"][0], one.moments()[0][-5:-1])


def test_densities_are_scipys():
    """The largest sums are of logs of 1e4; NumPy's own rounding is 1e-12 of that."""
    rng = np.random.default_rng(7)
    for kind, top in (
        ("successes", 40.0),
        ("successes", 3000.0),
        ("counts", 40.0),
        ("counts", 9e3),
    ):
        y, size = (part.astype(float) for part in made(kind, 2, 5, rng, top))
        family = "beta-binomial" if kind == "successes" else "poisson-gamma"
        data = CountMany(family, y, size, shared_prior(KINDS[kind][1]([3.0], [10.0])))
        rows = np.array([0, 1, 1])
        place, log_size = rng.normal(-1.0, 1.0, (3, 50)), rng.normal(2.0, 3.0, (3, 50))
        found = log_densities(family, *data._tables, rows, place, log_size, "", 0.0)
        k = np.exp(log_size)[..., None]
        if kind == "successes":
            eta = 1.0 / (1.0 + np.exp(-place[..., None]))
            logs = stats.betabinom.logpmf(
                y[rows][:, None], size[rows][:, None], k * eta, k * (1.0 - eta)
            )
        else:
            share = k / (k + size[rows][:, None] * np.exp(place)[..., None])
            logs = stats.nbinom.logpmf(y[rows][:, None], k, share)
        np.testing.assert_allclose(found, logs.sum(axis=2), rtol=1e-9, atol=1e-8)


def no_other(i):
    raise AssertionError(f"data set {i} is left to exact")


@pytest.mark.parametrize(("kind", "groups", "size", "prior"), [
    ("successes", 5, 50.0, "bda3"), ("successes", 8, 4.0, "betabinexch"),
    ("successes", 6, 2e4, "bda3"), ("successes", 12, 30.0, PRIORS["successes"]["mean and size"]),
    ("successes", 7, 40.0, PRIORS["successes"]["shapes"]),
    ("counts", 9, 200.0, "poissgamexch"), ("counts", 6, 2e5, "poissgamexch"),
    ("counts", 5, 40.0, PRIORS["counts"]["shape and mean"]),
    ("counts", 6, 20.0, {"alpha": stats.expon(scale=5), "beta": stats.expon(scale=2)}),
])  # fmt: skip
def test_quantiles_together_have_exacts_probabilities(kind, groups, size, prior, monkeypatch):
    """To 1e-8, as good as `exact` promises its own; nearly always 1e-10."""
    rng = np.random.default_rng(groups)
    y, whole = made(kind, 2, groups, rng, size)
    y = y.astype(float)
    y[1, 1] = np.nan
    batch = batch_of(kind, y, whole, prior=prior)
    monkeypatch.setattr(batch, "_one", no_other)
    q = np.array([0.975, 0.025, 0.5])
    found = batch.quantile(q)
    assert np.isnan(found["theta"][:, 1, 1]).all()
    one = ph.exact(KINDS[kind][1](y[0], whole[0], prior=prior))
    for name in (*batch.names[:-2], "theta[1]", "theta[3]", "theta_new"):
        column = int(name[6]) - 1 if "[" in name else None
        at = (slice(None), 0) if column is None else (slice(None), 0, column)
        np.testing.assert_allclose(one[name].cdf(found[name.split("[")[0]][at]), q, atol=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_probabilities_together_are_exacts(kind, monkeypatch):
    """Of hyperparameters and effects, NaN of a missing group; small tails are exact's."""
    y, size = made(kind, 3, 9, np.random.default_rng(6), 90.0)
    y = y.astype(float)
    y[1, 1] = np.nan
    batch = batch_of(kind, y, size)
    one, kept, last = ph.exact(KINDS[kind][1](y[0], size[0])), [0, 2], batch.names[2]
    places = {"beta": 5.0, "eta": 0.25, "theta": 0.25} if kind == "successes" else {
        "beta": 0.5, "mu": 6.0, "theta": 6.0}  # fmt: skip
    with monkeypatch.context() as patch:
        patch.setattr(batch, "_one", no_other)
        for what in ("beta", last, "theta[2]", "theta_new"):
            x = places["theta" if "theta" in what else what]
            above, below = (batch.probability(f"{what} {sign} {x!r}") for sign in "><")
            np.testing.assert_allclose((above + below)[kept], 1.0, atol=1e-12)
            assert np.isnan(above[1]) == ("[" in what)
            np.testing.assert_allclose(above[0], one[what].sf(x), atol=1e-8)
        np.testing.assert_array_equal(batch.probability(f"{x!r} < {what}"), above)
    small = f"{last} < {places[last] / 20.0!r}"
    assert batch.probability(small)[0] == one.probability(small) < 1e-5
    np.testing.assert_allclose(batch.probability(f"{last} > 0"), 1.0, rtol=1e-14)


def test_the_rate_of_few_events_has_its_mass():
    """Its log goes far out, with a power for a tail, where lines of equal rates leave the ridge."""
    y = np.array(
        [[0.0, 0, 1, 2, 0, 1, 0, 3], [1, 0, 0, 0, 1, 0, 0, 0], [0, 90, 3, 0, 210, 0, 1, 0]]
    )
    batch = batch_of("counts", y, np.linspace(0.4, 1.6, 8))
    for part in batch._parts:
        look = Look(part)
        table = LinePanels("log", AlongRates(look), *look.guess("beta"))
        np.testing.assert_allclose(table.log_mass, part.log_total, atol=1e-8)
    assert len(batch.alone) <= 1


def test_quantiles_do_not_depend_on_threads_and_small_tails_are_exacts():
    rng = np.random.default_rng(11)
    y, trials = made("successes", 4, 6, rng, 40.0)
    y = y.astype(float)
    y[:2, 5] = np.nan  # two lots
    one, two = (batch_of("successes", y, trials, threads=k).interval(0.9) for k in (1, 2))
    for name, ends in one.items():
        np.testing.assert_array_equal(ends, two[name])
        kept = ~np.isnan(ends[..., 0])
        assert (ends[kept, 0] < ends[kept, 1]).all()
        assert kept.sum() == (22 if name == "theta" else 4)
    batch = batch_of("successes", y[2:3], trials[2:3])
    right = ph.exact(ph.BetaBinomial(y[2], trials[2]))["eta"].ppf(1e-7)
    assert batch.quantile(1e-7)["eta"][0] == right


def test_gauss_rules_integrate_cubics():
    """Two nodes: sums of powers up to the third are kept, to rounding."""
    rng = np.random.default_rng(2)
    x, weight = rng.uniform(0.0, 1.0, (5, 9)), rng.exponential(1.0, (5, 9))
    weight[3, 1:], weight[4] = 0.0, 0.0
    nodes, mass = gauss_rules(x, weight)
    for power in range(2 * GAUSS):
        wanted = (weight * x**power).sum(axis=1)
        np.testing.assert_allclose((mass * nodes**power).sum(axis=1), wanted, atol=1e-13)
