"""Sums that carry the whole likelihood, against the groups themselves."""

import pickle
from math import fsum

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import pyhier as ph
from pyhier import plots
from pyhier.models.variance_bins import SPAN, Bins


def data(groups, rng, decades=3.0, offset=0.0, tau=1.0):
    var = 10.0 ** rng.uniform(-decades, decades, groups)
    return offset + rng.normal(0.0, np.sqrt(var + tau**2)), var


def summed(y, var, chunks=1, **options):
    sums = ph.NormalSums()
    for part in np.array_split(np.arange(y.size), chunks):
        sums.update(y[part], var=var[part], **options)
    return sums


@pytest.mark.parametrize("offset", [0.0, 1e7, -1e-5])
@pytest.mark.parametrize(("groups", "decades"), [(1, 0.0), (7, 0.0), (300, 3.0), (5000, 8.0)])
def test_sums_over_groups(offset, groups, decades):
    """By exactly rounded sums; the weighted mean to rounding of y, squares about it to 1e-14."""
    rng = np.random.default_rng(groups)
    y, var = data(groups, rng, decades, offset)
    model = summed(y, var, 3).model(prior_mu=stats.norm(0, 1), prior_tau=stats.halfnorm())
    log_tau = np.append(np.linspace(-12.0, 12.0, 9), [-300.0, 60.0])
    found = model.sums(log_tau)
    for k, t in enumerate(np.exp(2.0 * log_tau)):
        weight = 1.0 / (var + t)
        total = fsum(weight)
        mean = y[0] + fsum(weight * (y - y[0])) / total
        squares = fsum(weight * (y - mean) ** 2)
        logs = np.log(var + t)
        assert found[0, k] == pytest.approx(
            fsum(logs), rel=1e-14, abs=1e-14 * fsum(1.0 + abs(logs))
        )
        assert found[1, k] == pytest.approx(total, rel=1e-14)
        near = 1e-14 * (fsum(weight * abs(y - mean)) / total) + 4e-16 * abs(mean)
        assert found[2, k] + found[4, k] == pytest.approx(mean, rel=0, abs=near)
        # Squares of numbers that are themselves rounded beside the offset.
        rounding = 1e-15 * abs(offset) * fsum(weight * abs(y - mean))
        assert found[3, k] == pytest.approx(squares, rel=2e-14, abs=rounding + 1e-28)


@pytest.mark.parametrize(
    "priors",
    [
        {},
        {"prior_mu": stats.norm(0.5, 0.1), "prior_tau": stats.halfcauchy(scale=1)},
        {"prior_tau": lambda tau: -tau},
        {"prior_tau": "sqrt"},
    ],
    ids=["flat", "proper", "callable", "sqrt"],
)
@pytest.mark.parametrize("groups", [4, 60, 3000])
def test_the_posterior_is_that_of_the_groups(priors, groups):
    rng = np.random.default_rng(groups)
    y, var = data(groups, rng)
    post = ph.exact(summed(y, var, 2).model(**priors))
    right = ph.exact(ph.NormalNormal(y, var=var, **priors))
    assert post.names == ("mu", "tau", "theta_new")
    assert post.log_z == pytest.approx(right.log_z, rel=1e-14, abs=1e-11)
    probs = [0.001, 0.3, 0.9]
    for name in post.names:
        found, wanted = post[name], right[name]
        sd = wanted.ppf(0.84) - wanted.ppf(0.16)
        np.testing.assert_allclose(found.ppf(probs), wanted.ppf(probs), rtol=0, atol=1e-10 * sd)
        np.testing.assert_allclose(found.cdf(wanted.ppf(probs)), probs, rtol=1e-9)
    rows = slice(0, 4)
    effects = post.effects(y[rows], var=var[rows], probs=[0.025, 0.5])
    wanted = right.summary(probs=[0.025, 0.5]).loc[[f"theta[{k + 1}]" for k in range(4)]]
    columns = ["mean", "sd", "2.5%", "50%"]
    size = np.abs(wanted[columns].to_numpy()) + wanted[["sd"]].to_numpy()
    off = np.abs(effects[columns].to_numpy() - wanted[columns].to_numpy()) / size
    assert off.max() < 1e-10
    np.testing.assert_allclose(effects["shrinkage"], right.shrinkage_factors()[rows], atol=1e-12)


def test_chunks_threads_and_order():
    """Same bits for any number of threads; the same to rounding however the data comes."""
    rng = np.random.default_rng(3)
    y, var = data(3 * SPAN + 17, rng)
    one, four = summed(y, var, threads=1), summed(y, var, threads=4)
    np.testing.assert_array_equal(one._kept.table, four._kept.table)
    order = np.argsort(y)  # the worst: every chunk's mean is elsewhere
    parts = [summed(y[order][k::2], var[order][k::2], 5) for k in (0, 1)]
    log_tau = np.linspace(-8.0, 8.0, 5)
    found, right = (parts[0] + parts[1]).model().sums(log_tau), one.model().sums(log_tau)
    np.testing.assert_allclose(found, right, rtol=1e-13, atol=1e-13)
    assert (parts[0] + parts[1]).groups == y.size == (ph.NormalSums() + one).groups


def test_a_billion_groups():
    """As many copies of the sums: sds shrink with their root, and no digit is lost to the size."""
    rng = np.random.default_rng(11)
    y, var = data(50_000, rng, 1.0)
    bins, found = summed(y, var)._kept, {}
    for copies in (1, 20_000):
        sums = ph.NormalSums()
        sums._kept = Bins(bins.lowest, bins.centre, bins.table * copies, bins.ends)
        found[copies] = ph.exact(sums.model())
    one, many = found[1], found[20_000]
    assert many.error < 1e-9
    assert many["tau"].std() * 20_000**0.5 == pytest.approx(one["tau"].std(), rel=1e-3)
    # The mode, with log tau's Jacobian and a flat tau, is the root of the sums' derivative.
    mode = ph.empirical_bayes(sums.model()).estimate
    assert many["tau"].mean() == pytest.approx(mode["tau"], abs=2e-3 * many["tau"].std() + 1e-9)
    assert many["mu"].mean() == pytest.approx(mode["mu"], abs=1e-3 * many["mu"].std())


def test_very_many_groups_stand_as_sums():
    rng = np.random.default_rng(12)
    y, var = data(150_000, rng, 1.0, 5.0)
    model = ph.NormalNormal(y, var=var)
    found = ph.exact(model)
    log_tau = found["log_tau"].mean() + found["log_tau"].std() * np.linspace(-3.0, 3.0, 7)
    logs = model.finish(model.sums(log_tau), log_tau).log_density  # over the groups themselves
    right = logs - logs[3]
    own = model.collapse(log_tau).log_density
    np.testing.assert_allclose(own - own[3], right, rtol=0, atol=1e-8)
    density = found["log_tau"].logpdf(log_tau)
    np.testing.assert_allclose(density - density[3], right, rtol=0, atol=1e-8)
    assert found.log_z == pytest.approx(float(logs[3] - density[3]), rel=1e-13)


@pytest.mark.parametrize("tau", [0.0, 1e6])
def test_a_likelihood_beside_a_reference(tau):
    """Far from the reference too, where tau^2 is nothing beside its, and a variance less."""
    rng = np.random.default_rng(13)
    y, var = data(500, rng, 1.0, tau=tau)
    var[0], y[0] = 1e-12, y.mean()
    model = summed(y, var).model()
    log_tau = np.linspace(-40.0, 40.0, 33)
    found = model.collapse(log_tau)
    right = model.finish(model.sums(log_tau), log_tau)
    logs = found.log_density + model.log_reference
    assert np.isfinite(logs).all()
    near = right.log_density > right.log_density.max() - 1e6
    np.testing.assert_allclose(logs[near], right.log_density[near], rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(logs[~near], right.log_density[~near], rtol=1e-6)
    np.testing.assert_allclose(found.rows[1:], right.rows[1:], rtol=1e-12)


def test_engines():
    rng = np.random.default_rng(5)
    y, var = data(200, rng, 1.0)
    priors = {"prior_mu": stats.norm(0, 1), "prior_tau": stats.halfnorm(scale=2)}
    model, groups = summed(y, var).model(**priors), ph.NormalNormal(y, var=var, **priors)
    found, right = ph.empirical_bayes(model).estimate, ph.empirical_bayes(groups).estimate
    assert found == pytest.approx(right, rel=1e-6)
    np.testing.assert_allclose(ph.laplace(model).mode, ph.laplace(groups).mode, atol=1e-6)
    np.testing.assert_allclose(ph.laplace(model).var, ph.laplace(groups).var, rtol=1e-4)
    phi = np.array([0.2, -0.1])
    for found, right in zip(model.derivatives(phi), groups.derivatives(phi), strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-11)
    np.testing.assert_allclose(model.ridge()[0], groups.ridge()[0], rtol=1e-9)
    exact = ph.exact(groups)["tau"]
    for post in (ph.rwmetrop(model, draws=4000, rng=1), ph.nuts(model, draws=1000, rng=1)):
        error = 5.0 * exact.std() / np.sqrt(400.0)
        assert abs(post["tau"].mean() - exact.mean()) < error
    assert ph.exact(model).sample(5, rng=1)["theta"].shape == (5, 0)
    with pytest.raises(ValueError, match="keeps no groups"):
        ph.nuts(model, draws=100, parameterization="centred")


def test_files(tmp_path):
    y, var = data(50, np.random.default_rng(2))
    sums, path = summed(y, var), tmp_path / "sums.npz"
    sums.save(path)
    again = ph.NormalSums.load(path)
    assert repr(again) == "NormalSums of 50 groups"
    np.testing.assert_array_equal(again._kept.table, sums._kept.table)
    assert [file.name for file in tmp_path.iterdir()] == ["sums.npz"]
    model = pickle.loads(pickle.dumps(sums.model()))
    assert ph.exact(model).log_z == ph.exact(sums.model()).log_z
    whole = path.read_bytes()
    for held in (whole[: len(whole) // 2], b"", b"plain text"):
        path.write_bytes(held)
        with pytest.raises(ValueError, match=r"sums\.npz"):
            ph.NormalSums.load(path)
    none = np.zeros(1)
    np.savez(path, format="other", centre=none, table=none, ends=none, lowest=0)
    with pytest.raises(ValueError, match="holds 'other'"):
        ph.NormalSums.load(path)


def test_bad_rows_are_named_and_nothing_of_their_chunk_is_added():
    sums = ph.NormalSums()
    sums.update([1.0, 2.0], se=1.0)
    for (y, options), message in [
        (([1.0, np.nan], {"se": [1, 1]}), "y in row 3 is nan"),
        (([1.0, 2.0], {"se": [1, 0]}), "se in row 3 is 0.0: standard errors must be positive"),
        (([1.0, 2.0], {"var": [-1, 1]}), "var in row 2 is -1.0"),
        (([1.0, 2.0], {"se": [1, np.inf]}), "se in row 3 is inf"),
        (([1.0, 2.0], {"se": [1, 1, 1]}), "y has 2 groups and se has shape"),
        (([1.0, 1e80], {"se": [1, 1]}), "rescale the data"),
        (([1.0, 2.0], {}), "neither was given"),
    ]:
        with pytest.raises(ValueError, match=message):
            sums.update(y, **options)
    with pytest.raises(ValueError, match="index"):
        sums.update(pd.Series([1.0, 2.0], index=[0, 1]), pd.Series([1.0, 2.0], index=[1, 0]))
    assert sums.groups == 2
    with pytest.raises(ValueError, match="improper"):
        ph.exact(sums.model())
    with pytest.raises(ValueError, match="there are no groups"):
        ph.NormalSums().model()
    with pytest.raises(ValueError, match="sums keep no groups"):
        sums.model(prior_tau="i2")
    with pytest.raises(TypeError, match="unsupported operand"):
        sums + 1


NEED_GROUPS = {
    "random_effects": lambda m, _: ph.random_effects(m).theta,
    "no_pooling": lambda m, _: ph.no_pooling(m),
    "prior_predictive": lambda m, _: ph.prior_predictive(m, 10),
    "rank": lambda _, post: post.rank(),
    "forest": lambda _, post: plots.forest(post),
    "shrinkage": lambda _, post: plots.shrinkage(post),
    "centred": lambda m, _: ph.nuts(m, 10, parameterization="centred"),
}


@pytest.mark.parametrize("name", NEED_GROUPS)
def test_what_needs_the_groups_says_so(name):
    """And names what does: the model of the groups, or a second pass over them."""
    proper = {"prior_mu": stats.norm(0, 1), "prior_tau": stats.halfnorm()}
    model = summed(*data(50, np.random.default_rng(3))).model(**proper)
    with pytest.raises(ValueError, match=r"no groups' estimates: take .*effects\(y, se"):
        NEED_GROUPS[name](model, ph.exact(model))


def test_effects_of_lists_are_those_of_arrays():
    y, var = data(50, np.random.default_rng(4))
    post = ph.exact(summed(y, var).model())
    plain = post.effects(y, var=var)
    pd.testing.assert_frame_equal(post.effects(y.tolist(), var=var.tolist()), plain)
    named = post.effects(pd.Series(y, index=np.arange(50) + 7), var=var)
    assert named.index.tolist() == list(range(7, 57))
