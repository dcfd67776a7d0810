"""Sums over groups of counts, against the groups themselves and 40-digit sums."""

import pickle

import mpmath as mp
import numpy as np
import pandas as pd
import pytest
from scipy import stats

import pyhier as ph
from pyhier import plots
from pyhier.models import tallies
from pyhier.models.tallies import Histograms, Pairs

OWN = {
    "eta, K": {"eta": stats.beta(1, 1), "K": stats.lognorm(1, scale=10)},
    "alpha, mu": {"alpha": stats.gamma(2), "mu": stats.gamma(2)},
}


def trials(groups, most, seed=1, size=5.0):
    rng = np.random.default_rng(seed)
    n = rng.integers(0, most + 1, groups)
    return rng.binomial(n, rng.beta(0.3 * size, 0.7 * size, groups)), n


def events(groups, spread, seed=1, alpha=3.0, rate=1.0):
    rng = np.random.default_rng(seed)
    e = np.exp(rng.normal(0.0, spread, groups))
    return rng.poisson(e * rate * rng.gamma(alpha, 1.0 / alpha, groups)), e


def summed(kind, first, second, chunks=1):
    sums = kind()
    for part in np.array_split(np.arange(first.size), chunks):
        sums.update(first[part], second[part])
    return sums


KINDS = {
    "binomial": (ph.BinomialSums, ph.BetaBinomial, trials(500, 30), ("bda3", "eta, K")),
    "binomial, many trials": (ph.BinomialSums, ph.BetaBinomial, trials(300, 9000), ("bda3",)),
    "binomial, huge": (
        ph.BinomialSums, ph.BetaBinomial, tuple(1000 * x for x in trials(40, 9000)), ("bda3",)
    ),
    "binomial, pooled": (ph.BinomialSums, ph.BetaBinomial, trials(300, 50, 2, 1e9), ("eta, K",)),
    "poisson": (ph.PoissonSums, ph.PoissonGamma, events(500, 1.0), ("poissgamexch", "alpha, mu")),
    "poisson, large": (
        ph.PoissonSums, ph.PoissonGamma, events(200, 2.0, rate=1000.0), ("poissgamexch",)
    ),
    "poisson, pooled": (ph.PoissonSums, ph.PoissonGamma, events(300, 1.0, 2, 1e9), ("alpha, mu",)),
    "poisson, few": (ph.PoissonSums, ph.PoissonGamma, events(5, 1.0, 3), ("alpha, mu",)),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "prior"), [(k, p) for k in KINDS for p in KINDS[k][3]])
def test_the_posterior_is_that_of_the_groups(kind, prior):
    sums, family, data, _ = KINDS[kind]
    given = OWN.get(prior, prior)
    post = ph.exact(summed(sums, *data, 3).model(given))
    right = ph.exact(family(*data, given))
    assert post.log_z == pytest.approx(right.log_z, rel=1e-13, abs=1e-9 + 1e-14 * data[0].sum())
    probs = [0.001, 0.3, 0.9]
    for name in (*right.model.hyperparameters(right.phi[:1]), "theta_new"):
        found, wanted = post[name], right[name]
        sd = wanted.ppf(0.84) - wanted.ppf(0.16)
        np.testing.assert_allclose(found.ppf(probs), wanted.ppf(probs), rtol=0, atol=1e-10 * sd)
        np.testing.assert_allclose(found.mean(), wanted.mean(), rtol=1e-9)
    rows = slice(0, 5)
    effects = post.effects(*(x[rows] for x in data), probs=[0.025, 0.5])
    quantities = [f"theta[{k + 1}]" for k in range(5)]
    wanted = pd.DataFrame(
        [[right[q].mean(), right[q].std(), *right[q].ppf([0.025, 0.5])] for q in quantities]
    ).to_numpy()
    found = effects[["mean", "sd", "2.5%", "50%"]].to_numpy()
    assert (np.abs(found - wanted) / wanted[:, 1:2]).max() < 1e-9
    np.testing.assert_allclose(effects["shrinkage"], right.shrinkage_factors()[rows], atol=1e-11)
    assert post.sample(5, rng=1)["theta"].shape == (5, 0)


def log_gammas(family, data, phi):
    """Log likelihood by differences of log gamma, in 40 digits."""
    first, second = (mp.mpf(float(x)) for x in phi)
    if family is ph.BetaBinomial:
        eta, size = 1 / (1 + mp.exp(-first)), mp.exp(second)
        a, b = size * eta, size * (1 - eta)
        return mp.fsum(
            mp.log(mp.binomial(int(n), int(y)))
            + mp.loggamma(a + int(y)) + mp.loggamma(b + int(n - y)) - mp.loggamma(a + b + int(n))
            for y, n in zip(*data, strict=True)
        ) - len(data[0]) * (mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b))  # fmt: skip
    a, rate = mp.exp(first), mp.exp(first - second)
    return mp.fsum(
        mp.loggamma(a + int(y)) - mp.loggamma(a) - mp.loggamma(int(y) + 1)
        + a * mp.log(rate) + int(y) * mp.log(mp.mpf(e)) - (a + int(y)) * mp.log(rate + mp.mpf(e))
        for y, e in zip(*data, strict=True)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "data", "near"),
    [
        ("binomial", trials(60, 30), (-0.8, 1.6)),
        ("binomial", trials(40, 5000, 3), (-0.8, 1.6)),
        ("poisson", events(60, 1.5), (1.1, 0.0)),
        ("poisson", events(40, 1.0, 3, rate=2000.0), (1.1, 7.6)),
    ],
)
def test_log_likelihoods(kind, data, near, monkeypatch):
    """Differences from the reference are right to rounding of themselves; so is the level."""
    monkeypatch.setattr(tallies, "MOST_PAIRS", 0)  # histograms
    sums, family = KINDS[kind][:2]
    model = summed(sums, *data, 2).model()
    steps = [(0.0, 0.0), (0.01, -0.003), (-0.2, 0.3), (3.0, 1.0), (25.0, 0.1), (-4.0, -2.0)]
    points = np.add(near, steps if kind == "poisson" else [s[::-1] for s in steps])
    found = model._likelihood.evaluate(points)
    with mp.workdps(40):
        right = [log_gammas(family, data, phi) for phi in points]
        moved = [float(value - right[0]) for value in right]
    far = np.abs(np.subtract(points, near)).max(axis=1)
    rounding = 1e-13 + 1e-15 * far * max(column.sum() for column in data)
    assert (np.abs(found - found[0] - moved) < 1e-14 * np.abs(moved) + rounding).all()
    level = model.log_marginal_likelihood(points)
    near = 1e-14 * data[0].sum()
    np.testing.assert_allclose(level, [float(value) for value in right], rtol=1e-13, atol=near)
    gradient, hessian = model.likelihood_derivatives(points[1])
    groups = family(*data)
    wanted = groups.likelihood_derivatives(points[1])
    np.testing.assert_allclose(gradient, wanted[0], rtol=1e-9)
    np.testing.assert_allclose(hessian, wanted[1], rtol=1e-9)


@pytest.mark.parametrize("most", [20, 400])
def test_the_same_bits_in_any_order(most):
    y, n = trials(2000, most)
    one = summed(ph.BinomialSums, y, n)
    order = np.random.default_rng(2).permutation(y.size)
    parts = [summed(ph.BinomialSums, y[order][k::2], n[order][k::2], 7) for k in (0, 1)]
    for key, array in one._kept.arrays().items():
        np.testing.assert_array_equal((parts[0] + parts[1])._kept.arrays()[key], array)
    assert (parts[0] + parts[1]).groups == y.size == (ph.BinomialSums() + one).groups


def test_events_in_chunks_and_by_threads():
    y, e = events(150_000, 1.0)
    one, two = ph.PoissonSums(), ph.PoissonSums()
    one.update(y, e, threads=1)
    two.update(y, e, threads=2)
    for key, array in one._kept.arrays().items():
        np.testing.assert_array_equal(two._kept.arrays()[key], array)
    parts = summed(ph.PoissonSums, y[::2], e[::2], 3) + summed(ph.PoissonSums, y[1::2], e[1::2], 4)
    points = np.array([[1.0, 0.1], [3.0, -0.1]])
    found, right = (s.model().log_marginal_likelihood(points) for s in (parts, one))
    np.testing.assert_allclose(found, right, rtol=1e-14)


def test_histograms_where_there_are_many_pairs(monkeypatch):
    y, n = trials(2000, 400)
    pairs = summed(ph.BinomialSums, y, n, 3)
    monkeypatch.setattr(tallies, "MOST_PAIRS", 300)
    few, many = summed(ph.BinomialSums, y[:200], n[:200]), summed(ph.BinomialSums, y, n, 9)
    assert [type(s._kept) for s in (pairs, few, many)] == [Pairs, Pairs, Histograms]
    again = few + summed(ph.BinomialSums, y[200:], n[200:])
    for key, array in many._kept.arrays().items():
        np.testing.assert_array_equal(again._kept.arrays()[key], array)
        np.testing.assert_array_equal(pairs._kept.histograms.arrays()[key], array)
    found, right = (ph.exact(s.model())["K"].ppf([0.1, 0.8]) for s in (many, pairs))
    np.testing.assert_allclose(found, right, rtol=1e-11)
    for sums in (few, many):
        with pytest.raises(ValueError, match=r"300 different pairs.*take BetaBinomial\(successes"):
            sums.update(np.arange(400), np.full(400, 2_000_000))
        assert sums.groups in (200, 2000)


def test_a_billion_groups():
    """Copies of the counts: sds shrink with the root of their number, and no digit is lost."""
    y, n = trials(20_000, 12)
    e = np.where(n > 0, n / 4.0, 1.0)
    for sums, data in ((ph.BinomialSums(), (y, n)), (ph.PoissonSums(), (y, e))):
        sums.update(*data)
        name, found = ("K" if isinstance(sums, ph.BinomialSums) else "alpha"), {}
        found[1] = ph.exact(sums.model())[name]
        for _ in range(16):  # 65,536 times as many
            sums = sums + sums
        found[2] = ph.exact(sums.model())[name]
        width = [float(np.diff(x.ppf([0.16, 0.84]))[0]) for x in found.values()]
        assert width[0] / width[1] == pytest.approx(256.0, rel=2e-3)
        mode = ph.empirical_bayes(sums.model()).estimate[name]
        assert found[2].median() == pytest.approx(mode, abs=1e-3 * width[1])


@pytest.mark.parametrize("kind", ["binomial", "poisson"])
def test_engines(kind):
    sums, family, data, (prior, _) = KINDS[kind]
    model, groups = summed(sums, *data).model(prior), family(*data, prior)
    found, right = (ph.empirical_bayes(m).estimate for m in (model, groups))
    assert found == pytest.approx(right, rel=1e-5)
    np.testing.assert_allclose(ph.laplace(model).mode, ph.laplace(groups).mode, atol=1e-6)
    exact = ph.exact(groups)
    name = model.coordinates[0]
    for post in (ph.rwmetrop(model, draws=4000, rng=1), ph.nuts(model, draws=1000, rng=1)):
        error = 5.0 * exact[name].std() / np.sqrt(300.0)
        assert abs(post[name].mean() - exact[name].mean()) < error
    if kind == "poisson":
        wanted = ph.empirical_bayes(groups, "moments").estimate
        assert ph.empirical_bayes(model, "moments").estimate == pytest.approx(wanted, rel=1e-12)
    again = pickle.loads(pickle.dumps(model))
    assert ph.exact(again).log_z == ph.exact(model).log_z
    assert repr(model) == f"Summed{repr(groups).replace(': ', ': sums of ', 1)}"
    for ask in (
        lambda: ph.nuts(model, 10, parameterization="centred"),
        lambda: model.observed(),
        lambda: ph.exact(model).shrinkage_factors(),
        lambda: ph.exact(model).rank(),
    ):
        with pytest.raises(ValueError, match=f"no groups' counts: take {family.__name__}"):
            ask()
    with pytest.raises(TypeError, match="keeps its groups"):
        exact.effects(*data)


def test_no_posterior():
    for sums, data, prior in (
        (ph.BinomialSums, ([0, 20, 0], [10, 20, 0]), "bda3"),
        (ph.BinomialSums, ([0, 0], [10, 20]), "betabinexch"),
        (ph.BinomialSums, ([10, 20], [10, 20]), "betabinexch"),
        (ph.BinomialSums, ([0, 0], [0, 0]), "bda3"),
        (ph.PoissonSums, ([0, 0], [10.0, 20.0]), "poissgamexch"),
    ):
        model = summed(sums, *map(np.array, data)).model(prior)
        with pytest.raises(ValueError, match="improper"):
            ph.exact(model)
        assert ph.empirical_bayes(model).edge


@pytest.mark.parametrize("kind", ["binomial", "poisson", "binomial, many trials"])
def test_files(kind, tmp_path, monkeypatch):
    sums, _, data, _ = KINDS[kind]
    if kind == "binomial, many trials":
        monkeypatch.setattr(tallies, "MOST_PAIRS", 10)
    made, path = summed(sums, *data), tmp_path / "sums.npz"
    made.save(path)
    again = sums.load(path)
    assert repr(again) == f"{sums.__name__} of {data[0].size} groups"
    for key, array in made._kept.arrays().items():
        np.testing.assert_array_equal(again._kept.arrays()[key], array)
    assert [file.name for file in tmp_path.iterdir()] == ["sums.npz"]
    whole, arrays = path.read_bytes(), dict(np.load(path))
    for held in (whole[: len(whole) // 2], b"", b"plain text"):
        path.write_bytes(held)
        with pytest.raises(ValueError, match=r"sums\.npz is no whole file"):
            sums.load(path)
    np.savez(path, **(arrays | {"format": "other"}))
    with pytest.raises(ValueError, match="holds 'other'"):
        sums.load(path)
    for key, array in arrays.items():
        if key != "format" and array.ndim:
            for wrong in (-array, array[:0], 0.5 * array, np.array("text")):
                if key in ("centre", "table", "ends") and wrong.dtype.kind == "f" and wrong.size:
                    continue  # other numbers
                np.savez(path, **(arrays | {key: wrong}))
                with pytest.raises(ValueError, match=r"sums\.npz is no file of"):
                    sums.load(path)


def test_columns_of_every_kind():
    y, n = trials(200, 30)
    right = summed(ph.BinomialSums, y, n)._kept.times
    polars, pyarrow = (pytest.importorskip(name) for name in ("polars", "pyarrow"))
    for make in (list, pd.Series, polars.Series, pyarrow.array, np.int16):
        sums = ph.BinomialSums()
        sums.update(make(y), make(n))
        np.testing.assert_array_equal(sums._kept.times, right)
    sums = ph.BinomialSums()
    sums.update([1, 2, 3], 4)
    assert ph.exact(sums.model()).effects([1], [4]).shape == (1, 3)


@pytest.mark.parametrize(
    ("kind", "chunk", "message"),
    [
        (ph.BinomialSums, ([1, 5], [4, 4]), "successes in row 3 is 5.0: there are fewer trials"),
        (ph.BinomialSums, ([1, -1], [4, 4]), "successes in row 3 is -1.0: counts must be whole"),
        (ph.BinomialSums, ([1, 1], [4.5, 4]), "trials in row 2 is 4.5: counts must be whole"),
        (ph.BinomialSums, ([1, 1], [4, np.nan]), "trials in row 3 is nan"),
        (ph.BinomialSums, ([1, 1], [4, 1e17]), "trials in row 3 is 1e[+]17: sums take counts up"),
        (ph.BinomialSums, ([1, 1], [4]), "successes has 2 groups and trials has shape"),
        (ph.PoissonSums, ([1, np.inf], [4, 4]), "counts in row 3 is inf"),
        (ph.PoissonSums, ([1, 2e6], [4, 4]), "counts in row 3 is 2000000.0: sums take counts up"),
        (ph.PoissonSums, ([1, 1], [0, 4]), "exposure in row 2 is 0.0: exposures must be positive"),
        (ph.PoissonSums, ([1, 1], [1e80, 4]), "exposure in row 2 is 1e[+]80: rescale"),
    ],
)
def test_bad_rows_are_named_and_nothing_of_their_chunk_is_added(kind, chunk, message):
    sums = kind()
    sums.update([1, 2], [3, 3])
    with pytest.raises(ValueError, match=message):
        sums.update(*chunk)
    with pytest.raises(ValueError, match="index"):
        sums.update(pd.Series([1, 2], index=[0, 1]), pd.Series([3, 3], index=[1, 0]))
    assert sums.groups == 2
    with pytest.raises(ValueError, match="there are no groups"):
        kind().model()
    with pytest.raises(TypeError, match="unsupported operand"):
        sums + ph.NormalSums()


@pytest.mark.parametrize("engine", [ph.exact, lambda model: ph.rwmetrop(model, 50, rng=1)])
@pytest.mark.parametrize("make", [ph.BinomialSums, ph.PoissonSums, ph.NormalSums])
def test_what_is_of_groups_says_that_there_are_none(make, engine):
    sums = make()
    sums.update([1, 2, 3, 0, 5], [4, 5, 6, 7, 8])
    posterior = engine(sums.model())
    pictures = ("forest", "caterpillar", "ridges", "shrinkage")
    asked = [posterior.group_means, posterior.shrinkage]
    for ask in [*asked, *(lambda name=name: getattr(plots, name)(posterior) for name in pictures)]:
        with pytest.raises(ValueError, match=r"keeps no groups' (counts|estimates): take "):
            ask()
