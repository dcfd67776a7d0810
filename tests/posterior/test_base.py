"""What every posterior can do, of every model and known by whatever an engine found."""

import copy
import multiprocessing
import pickle

import numpy as np
import pytest
from scipy import stats

import pyhier as ph
from pyhier.posterior import DrawsPosterior


def models():
    schools, rats = ph.load_dataset("eight_schools"), ph.load_dataset("rat_tumors")
    pumps = ph.load_dataset("pumps")
    return {
        "normal": ph.NormalNormal(schools["y"], se=schools["sigma"], labels=schools["school"]),
        "binomial": ph.BetaBinomial(rats["tumors"], rats["rats"]),
        "poisson": ph.PoissonGamma(pumps["failures"], pumps["khours"], labels=pumps["pump"]),
    }


ENGINES = {
    "exact": ph.exact,
    "rwmetrop": lambda model: ph.rwmetrop(model, 10_000, burn_in=500, chains=2, rng=1),
    "laplace": lambda model: ph.laplace(model).sample(20_000, rng=1),
    "gibbs": lambda model: ph.gibbs(model, 5_000, burn_in=500, chains=2, rng=1),
    "indepmetrop": lambda model: ph.indepmetrop(model, 5_000, df=2, rng=1),
    "importance": lambda model: ph.importance(model, 5_000, df=2, rng=1),
    "sir": lambda model: ph.sir(model, 5_000, df=2, rng=1),
    "rejection": lambda model: ph.rejection(model, 5_000, df=1, rng=1),
    "grid": lambda model: ph.grid(model),
    "empirical_bayes": lambda model: ph.empirical_bayes(model),
    "given": lambda model: ph.given(
        model, **{n: float(v) for n, v in list(_at_mode(model).items())[:2]}
    ),
}


def _at_mode(model):
    return model.hyperparameters(ph.laplace(model).mode)


@pytest.fixture(scope="module", params=[(m, e) for m in models() for e in ENGINES], ids="-".join)
def post(request):
    model, engine = request.param
    return ENGINES[engine](models()[model])


def shape(post, *more):
    """Shape of the draws: those of a sampler, or 400 independent ones."""
    made = post.theta_new.shape if isinstance(post, DrawsPosterior) else (1, 400)
    return (*made, *more)


NO_PROBABILITIES = [1.5, -0.1, np.nan, np.inf, [0.5, 25.0], [[0.1], [np.nan]]]


def test_what_is_no_probability_is_refused_everywhere(post):
    """By ppf and isf of every marginal, and by every table of quantiles."""
    for name in (*post.names[:2], post.names[2], post.names[-1], *post.model.coordinates):
        marginal = post[name]
        for q in NO_PROBABILITIES:
            for inverse in (marginal.ppf, marginal.isf):
                with pytest.raises(ValueError, match="q is .*: probabilities lie between 0 and 1"):
                    inverse(q)
        with pytest.raises(TypeError, match="q must be numbers"):
            marginal.ppf("0.5")
        for level in (0.0, 1.0, 95, np.nan, -0.5):
            for interval in (marginal.interval, marginal.hdi):
                with pytest.raises(ValueError, match="level is"):
                    interval(level)
        assert marginal.ppf([[0.1, 0.9]]).shape == (1, 2)
        assert float(marginal.ppf(0.25)) == pytest.approx(float(marginal.isf(0.75)), rel=1e-6)
    for probs in NO_PROBABILITIES[:5]:
        with pytest.raises(ValueError, match="probs is .*: probabilities lie between 0 and 1"):
            post.summary(probs=probs)
    with pytest.raises(ValueError, match="for 25% give 0.25"):
        post.summary(probs=[25, 50, 75])


def test_columns_of_quantiles_have_names_of_their_own(post):
    probs = [0.0, 0.12345678, 0.12345679, 0.5, 0.9999999, 1.0]
    one = post.names[:1]
    names = list(post.summary(probs=probs, names=one).columns[2:8])
    assert names == ["0%", "12.345678%", "12.345679%", "50%", "99.99999%", "100%"]
    assert list(post.summary(probs=[0.025, 1 / 3], names=one).columns[2:4]) == ["2.5%", "33.3333%"]


def test_some_quantities_alone(post):
    """Equal to their rows of the whole table, to the tolerance of both."""
    names = list(post.names[:2])
    some, whole = post.summary(names=names), post.summary()
    assert list(some.index) == names
    assert list(some.columns) == list(whole.columns)
    np.testing.assert_allclose(some, whole.loc[names], rtol=1e-7, equal_nan=True)
    assert len(post.summary(names=[])) == 0
    for wrong in ("mu", 3):
        with pytest.raises(TypeError, match="names is .*give a sequence of names"):
            post.summary(names=wrong)
    with pytest.raises(KeyError, match="no quantity is named 'nix'"):
        post.summary(names=["nix"])


def arrays(value, path="", seen=None):
    """All arrays that an object of ours holds, by where."""
    seen = set() if seen is None else seen
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, np.ndarray):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from arrays(item, f"{path}[{key}]", seen)
    elif isinstance(value, list | tuple):
        for key, item in enumerate(value):
            yield from arrays(item, f"{path}[{key}]", seen)
    elif hasattr(value, "__dict__") and type(value).__module__.startswith("pyhier"):
        yield from arrays(vars(value), f"{path}.", seen)


def copies(value):
    return pickle.loads(pickle.dumps(value)), copy.deepcopy(value), copy.copy(value)


def test_models_in_other_processes():
    """Models go there and posteriors come back."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.map(ph.exact, list(models().values()))
    for model, other in zip(models().values(), found, strict=True):
        np.testing.assert_array_equal(other.group_means(), ph.exact(model).group_means())


def test_posteriors_and_marginals_pickle_and_copy(post):
    """Before and after use, to the same numbers; what is read-only stays so."""
    names = (post.names[0], post.names[2], post.names[-1])
    for _ in range(2):
        quantiles = {name: post[name].ppf([0.1, 0.9]) for name in names}
        means = {name: post[name].mean() for name in names}
        for other in copies(post):
            assert {name: other[name].mean() for name in names} == pytest.approx(means, rel=1e-14)
            flags = {path: array.flags.writeable for path, array in arrays(other)}
            for path, array in arrays(post):
                assert array.flags.writeable or not flags.get(path, False), path
        for name, expected in quantiles.items():
            for other in copies(post[name]):
                np.testing.assert_allclose(other.ppf([0.1, 0.9]), expected, rtol=1e-14)
    drawn = [other.to_draws(20, rng=1).theta for other in (post, *copies(post))]
    np.testing.assert_array_equal(drawn[1:], [drawn[0]] * 3)


def test_probabilities_pickle_with_their_errors(post):
    left, right = post.names[2:4]
    found = post.to_draws(100, rng=1).probability(f"{left} > {right}")
    for other in copies(found):
        assert (other, getattr(other, "se", None)) == (found, getattr(found, "se", None))


def test_predictions_are_data_of_the_effects(post):
    y = post.predict(draws=400, rng=1)
    assert y.shape == shape(post, len(post.model.labels))
    if not isinstance(post.model, ph.NormalNormal):
        np.testing.assert_array_equal(y, np.floor(y))
    # Predictions centre on size times effect: five sds of their mean, were the draws independent;
    # doubled, for chains are worth fewer.
    size = list(post.model.observed().values())[-1]
    size = np.ones_like(size) if isinstance(post.model, ph.NormalNormal) else size
    away = y.mean(axis=(0, 1)) - size * post.group_means()
    sd = y.std(axis=(0, 1)) / np.sqrt(y[..., 0].size)
    assert np.all(np.abs(away) < 10.0 * sd)


def test_predictions_with_a_seed_are_the_same_again(post):
    np.testing.assert_array_equal(post.predict(draws=9, rng=3), post.predict(draws=9, rng=3))
    assert np.any(post.predict(draws=9, rng=3) != post.predict(draws=9, rng=4))


def test_new_groups(post):
    one = post.predict_new(5, draws=400, rng=1)
    assert one.shape == shape(post)
    several = post.predict_new([5, 10.0, 20], draws=400, rng=1)
    assert several.shape == shape(post, 3)
    if not isinstance(post.model, ph.NormalNormal):
        assert several[..., 2].mean() > 1.5 * several[..., 0].mean()
    # The new groups share hyperparameters and nothing else: given these they are independent.
    assert np.any(several[..., 0] != one)


@pytest.mark.parametrize("size", [-1.0, [[1.0]], [], "ten"])
def test_new_groups_of_no_size(post, size):
    with pytest.raises((ValueError, TypeError), match="size"):
        post.predict_new(size, draws=5, rng=1)


def test_log_likelihood_is_that_of_the_data(post):
    drawn = post.to_draws(50, rng=1)
    found = drawn.log_likelihood()
    if isinstance(post.model, ph.NormalNormal):
        expected = stats.norm.logpdf(post.model.y, drawn.theta, post.model.se)
    elif isinstance(post.model, ph.BetaBinomial):
        expected = stats.binom.logpmf(post.model.successes, post.model.trials, drawn.theta)
    else:
        expected = stats.poisson.logpmf(post.model.counts, post.model.exposure * drawn.theta)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    assert post.log_likelihood(draws=400, rng=1).shape == shape(post, len(post.model.labels))


def test_rank(post):
    groups = len(post.model.labels)
    table = post.rank(draws=400, rng=1)
    assert list(table.index) == list(post.model.labels)
    assert table["mean"].sum() == pytest.approx(groups * (groups + 1) / 2)
    assert table["largest"].sum() == pytest.approx(1.0)
    assert table["smallest"].sum() == pytest.approx(1.0)
    drawn = post.to_draws(500, rng=2)
    ranks = stats.rankdata(-drawn.theta[0], axis=1)
    found = drawn.rank()
    np.testing.assert_allclose(found["mean"], ranks.mean(axis=0))
    np.testing.assert_allclose(found["sd"], ranks.std(axis=0, ddof=1))
    # At tau = 0 all effects are equal, and each is the largest in its share of the draws.
    for name, end in (("largest", ranks.min(axis=1)), ("smallest", ranks.max(axis=1))):
        there = ranks == end[:, None]
        shares = there / there.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(found[name], shares.mean(axis=0))


def test_to_dataframe(post):
    frame = post.to_dataframe(draws=400, rng=1)
    assert list(frame.columns) == ["chain", "draw", *post.names]
    assert len(frame) == np.prod(shape(post))
    drawn = post.to_draws(30, rng=1)
    row = drawn.to_dataframe().loc[17]
    assert (row["chain"], row["draw"]) == (0, 17)
    assert row[f"theta[{post.model.labels[1]}]"] == drawn.theta[0, 17, 1]


def test_sample_is_the_draws(post):
    joint, drawn = post.sample(50, rng=1), post.to_draws(50, rng=1)
    assert set(drawn.model.hyperparameters(drawn.phi)) | {"theta"} <= set(joint)
    np.testing.assert_array_equal(joint["theta"], drawn.theta[0])
    name = drawn.names[0]
    np.testing.assert_array_equal(joint[name], drawn.draws_of(name)[0])


def test_arviz_gets_it(post):
    data = post.to_arviz(draws=100, chains=4, rng=1)
    expected = shape(post) if isinstance(post, DrawsPosterior) else (4, 100)
    assert data["posterior"]["theta_new"].shape == expected
    assert data["log_likelihood"].sizes["group"] == len(post.model.labels)


def test_to_draws_keeps_rows_together(post):
    drawn = post.to_draws(200, rng=1)
    assert drawn.theta.shape == (1, 200, len(post.model.labels))
    assert not drawn.markov
    if isinstance(post, DrawsPosterior):
        rows = {
            (*phi, *theta, new)
            for phi, theta, new in zip(
                post.phi.reshape(-1, 2),
                post.theta.reshape(-1, post.theta.shape[-1]),
                post.theta_new.ravel(),
                strict=True,
            )
        }
        picked = zip(drawn.phi[0], drawn.theta[0], drawn.theta_new[0], strict=True)
        assert all((*phi, *theta, new) in rows for phi, theta, new in picked)
