"""Groups within groups against dense multivariate normal formulas."""

import pickle

import numpy as np
import pandas as pd
import pytest
from mpmath import mp
from scipy import stats

import pyhier as ph
from pyhier.models import MultilevelNormal
from pyhier.testing import check_model


def problem(seed, sizes=(4, 3, 2), p=2, decades=0.0, tau=(0.7, 0.4, 0.5)):
    """Estimates in a tree with some members missing, their levels and covariates."""
    rng = np.random.default_rng(seed)
    paths = [path for path in np.ndindex(*sizes) if rng.random() < 0.85]
    rows = rng.permutation(len(paths))
    levels = {"abc"[k]: [paths[i][k] for i in rows] for k in range(len(sizes))}
    n = rows.size
    x = np.column_stack([np.ones(n), rng.normal(size=(n, p - 1))])
    se = 0.3 * np.exp(0.3 * rng.normal(size=n)) * 10.0 ** rng.uniform(0.0, decades, n)
    y = x @ rng.normal(size=p) + se * rng.normal(size=n)
    for names, scale in zip(unique(levels), tau[: len(sizes)], strict=True):
        y = y + scale * rng.normal(size=max(names) + 1)[names]
    return y, se, levels, x


def unique(levels):
    """The number of each row's group at every level."""
    found, path = [], [()] * len(next(iter(levels.values())))
    for groups in levels.values():
        path = [(*way, group) for way, group in zip(path, groups, strict=True)]
        places = {way: k for k, way in enumerate(dict.fromkeys(path))}
        found.append(np.array([places[way] for way in path]))
    return found


def covariance(levels, tau2, kind=float):
    """Of the effects, each row's own."""
    same = [(g[:, None] == g).astype(int).astype(kind) for g in unique(levels)]
    return sum(t * where for where, t in zip(same, tau2, strict=True))


def dense(y, se, levels, x, tau):
    """By dense matrices: log density with beta integrated out (flat), its moments, the effects'.

    To 30 digits: an effect's variance is what is left of tau^2, here 1e4 times as large.
    """
    with mp.workdps(30):
        y, x = mp.matrix(y.tolist()), mp.matrix(x.tolist())
        squares = [mp.mpf(float(t)) ** 2 for t in tau]
        effects = mp.matrix(covariance(levels, squares, object).tolist())
        total = effects + mp.diag([mp.mpf(float(s)) ** 2 for s in se])
        inverse = total**-1
        information = x.T * inverse * x
        cov = information**-1
        beta = cov * (x.T * (inverse * y))
        away = y - x * beta
        logs = mp.log(mp.det(total)) + mp.log(mp.det(information))
        fit = (away.T * inverse * away)[0]
        log_density = -(logs + fit + (y.rows - x.cols) * mp.log(2 * mp.pi)) / 2
        gain = effects * inverse  # of the effects given y and beta
        mean = x * beta + gain * away
        direction = x - gain * x
        spread = effects - gain * effects + direction * cov * direction.T
        return float(log_density), _vector(beta), _table(cov), _vector(mean), _table(spread)


def _table(matrix):
    return np.array(matrix.tolist(), dtype=float)


def _vector(matrix):
    return _table(matrix)[:, 0]


@pytest.mark.parametrize("sizes", [(7,), (4, 3), (4, 3, 2), (2, 9, 1), (1, 1, 12)])
@pytest.mark.parametrize("tau", [(0.7, 0.3, 0.2), (1e-4, 2.0, 1e-3), (30.0, 1e-6, 5.0)])
def test_given_the_taus(sizes, tau):
    y, se, levels, x = problem(len(sizes), sizes)
    tau = tau[: len(sizes)]
    model = MultilevelNormal(y, se=se, levels=levels, X=x)
    psi = np.log(np.array([tau]))
    found = model.collapse_psi(psi)
    log_density, beta, cov, mean, spread = dense(y, se, levels, x, tau)
    assert found.log_density[0] - psi.sum() == pytest.approx(log_density, rel=1e-11, abs=1e-10)
    np.testing.assert_allclose(found.mean[:, 0], beta, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(found.var[:, 0], np.diag(cov), rtol=1e-12)
    finest = unique(levels)[-1]
    order = np.unique(finest, return_index=True)[1]  # the row of every finest group
    m, sd = model.given_psi(slice(0, order.size), psi).moments(found)
    np.testing.assert_allclose(m[:, 0], mean[order], rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(sd[:, 0], np.sqrt(np.diag(spread)[order]), rtol=1e-12)
    i, j = order[0], order[-1]
    if i != j:
        apart = model.difference_psi(0, order.size - 1, psi)
        m, sd = apart.moments(found)
        assert m[0] == pytest.approx(mean[i] - mean[j], rel=1e-8, abs=1e-9)
        var = spread[i, i] + spread[j, j] - 2.0 * spread[i, j]
        assert sd[0] ** 2 == pytest.approx(var, rel=1e-6, abs=1e-13)


def test_siblings_that_hardly_differ():
    """The variance of their difference is not what is left of two large numbers."""
    y, se, levels, _ = problem(3, (3, 3))
    model = MultilevelNormal(y, se=se, levels=levels)
    psi = np.log(np.array([[1e3, 1e-6]]))
    groups = unique(levels)[0]
    i, j = np.flatnonzero(groups == groups[0])[:2]
    var = model.difference_psi(int(i), int(j), psi).var[0]
    assert var == pytest.approx(2e-12, rel=1e-6)  # two effects of sd 1e-6 each


def test_upper_levels_and_new_groups():
    y, se, levels, x = problem(5, (4, 3))
    model = MultilevelNormal(y, se=se, levels=levels, X=x)
    tau = (0.8, 0.3)
    psi, found = np.log(np.array([tau])), None
    found = model.collapse_psi(psi)
    outer = unique(levels)[0]
    # A district's own effect, by a dense formula: it is correlated tau1^2 with its rows.
    effects = covariance(levels, np.square(tau))
    inverse = np.linalg.inv(np.diag(se**2) + effects)
    _, beta, cov, _, _ = dense(y, se, levels, x, tau)
    label = model.nesting.labels[0][1]
    inside = outer == 1
    row = x[inside].mean(axis=0)
    gain = tau[0] ** 2 * inside @ inverse
    mean = row @ beta + gain @ (y - x @ beta)
    direction = row - gain @ x
    var = tau[0] ** 2 - gain @ (tau[0] ** 2 * inside) + direction @ cov @ direction
    m, sd = model.given_psi(f"a[{label}]", psi).moments(found)
    assert m[0] == pytest.approx(mean, rel=1e-10)
    assert sd[0] == pytest.approx(np.sqrt(var), rel=1e-10)
    m, sd = model.given_psi(f"theta_new[a[{label}]]", psi).moments(found)
    assert m[0] == pytest.approx(mean, rel=1e-10)
    assert sd[0] == pytest.approx(np.sqrt(var + tau[1] ** 2), rel=1e-10)
    new = model.given_psi("theta_new", psi).moments(found)
    centre = x.mean(axis=0)
    assert new[0][0] == pytest.approx(centre @ beta, rel=1e-10)
    assert new[1][0] ** 2 == pytest.approx(centre @ cov @ centre + 0.8**2 + 0.3**2, rel=1e-10)


def konstantopoulos():
    data = ph.load_dataset("konstantopoulos")
    levels = {"district": data["district"], "school": data["school"]}
    return MultilevelNormal(data["y"], var=data["var"], levels=levels)


def test_konstantopoulos():
    """By a double-exponential trapezoid over dense normal formulas, 100 x 100 nodes."""
    post = ph.exact(konstantopoulos())
    values = {
        "mu": (0.183743187995, 0.100093022513),
        "tau[district]": (0.294488440724, 0.094210554094),
        "tau[school]": (0.188003630487, 0.032598219523),
    }
    for name, (mean, sd) in values.items():
        assert post[name].mean() == pytest.approx(mean, rel=3e-10)
        assert post[name].std() == pytest.approx(sd, rel=1e-9)
    half = ph.exact(konstantopoulos().with_prior(prior_tau=stats.halfnorm(scale=0.5)))
    assert half["mu"].mean() == pytest.approx(0.183684764539, abs=1e-11)
    assert half["mu"].std() == pytest.approx(0.096431706710, abs=1e-11)
    assert half["tau[district]"].mean() == pytest.approx(0.283834759829, abs=3e-11)
    assert half["tau[school]"].mean() == pytest.approx(0.187546328084, abs=1e-10)


def test_one_level_is_the_normal_model():
    schools = ph.load_dataset("eight_schools")
    plain = ph.exact(ph.NormalNormal(schools["y"], se=schools["sigma"], labels=schools["school"]))
    model = MultilevelNormal(
        schools["y"], se=schools["sigma"], levels={"school": schools["school"]}
    )
    one = ph.exact(model)
    assert one["tau[school]"].mean() == pytest.approx(plain["tau"].mean(), rel=1e-10)
    assert one.log_z == pytest.approx(plain.log_z, abs=1e-10)
    for name in ("mu", "theta[A]", "theta[H]", "theta_new"):
        q = np.array([0.025, 0.5, 0.975])
        np.testing.assert_allclose(one[name].ppf(q), plain[name].ppf(q), rtol=1e-9)
    p = one.probability("theta[A] > theta[C]")
    assert p == pytest.approx(float(plain.probability("theta[A] > theta[C]")), abs=1e-9)


def test_rows_of_one_group_are_pooled():
    y, se, levels, _ = problem(7, (5, 2))
    twice = {name: [*groups, *groups] for name, groups in levels.items()}
    double = MultilevelNormal([*y, *y + 0.1], se=[*se, *se], levels=twice)
    single = MultilevelNormal(y + 0.05, se=se / np.sqrt(2.0), levels=levels)
    points = np.array([[0.2, -1.0, -0.5], [0.1, 0.3, 0.0]])
    apart = double.marginal.log_likelihood(points) - single.marginal.log_likelihood(points)
    # What lies about the pairs' means: two normal densities each, less the one of their mean.
    own = stats.norm.logpdf(0.05, 0.0, se) + stats.norm.logpdf(-0.05, 0.0, se)
    mean = stats.norm.logpdf(0.0, 0.0, se / np.sqrt(2.0))
    np.testing.assert_allclose(apart, (own - mean).sum(), rtol=1e-10)


def test_the_models_word():
    y, se, levels, _ = problem(11, (4, 3), p=1)
    priors = {"prior_mu": stats.norm(0, 2), "prior_tau": stats.halfnorm(scale=1.0)}

    def make(order):
        moved = {name: np.array(groups)[order] for name, groups in levels.items()}
        return MultilevelNormal(y[order], se=se[order], levels=moved, **priors)

    found = check_model(make(np.arange(y.size)), make)
    assert {"density", "derivatives", "draws of effects", "permutation", "engines"} <= {
        *found.passed
    }


def test_draws_are_the_posteriors():
    model = konstantopoulos().with_prior(prior_tau=stats.halfnorm(scale=0.5))
    post = ph.exact(model)
    drawn = post.sample(20_000, rng=1)
    for name, values in (
        ("mu", drawn["mu"]), ("tau[district]", drawn["tau[district]"]),
        ("theta[11/1]", drawn["theta"][:, 0]), ("theta_new", drawn["theta_new"]),
    ):  # fmt: skip
        assert stats.kstest(post[name].cdf(values), "uniform").pvalue > 1e-4, name


def test_samplers():
    model = konstantopoulos().with_prior(prior_tau=stats.halfnorm(scale=0.5))
    post, run = ph.exact(model), ph.rwmetrop(model, 20_000, chains=2, rng=1)
    for name in ("mu", "tau[school]", "theta[11/1]"):
        assert run[name].mean() == pytest.approx(post[name].mean(), abs=0.1 * post[name].std())
    fit = ph.empirical_bayes(model)
    assert fit.estimate["tau[district]"] == pytest.approx(0.0577**0.5, rel=0.05)


def test_tables():
    post = ph.exact(konstantopoulos())
    table = post.summary()
    assert list(table.index[:3]) == ["mu", "tau[district]", "tau[school]"]
    assert table.index[-1] == "theta_new"
    assert len(table) == 60
    districts = post.effects("district")
    assert list(districts.columns[:2]) == ["mean", "sd"]
    assert len(districts) == 11
    assert districts.loc["11", "mean"] == pytest.approx(post["district[11]"].mean(), rel=1e-12)
    assert post.theta_new(group="district[11]").mean() == pytest.approx(
        districts.loc["11", "mean"], rel=1e-12
    )
    share = post.heterogeneity()
    assert list(share.index) == ["district", "school", "all"]
    assert share.loc["all", "mean"] == pytest.approx(share["mean"].iloc[:2].sum(), rel=1e-12)


def test_own_effects():
    """Beside the levels above, by dense formulas at every node."""
    y, se, levels, x = problem(5, (4, 3))
    model = MultilevelNormal(y, se=se, levels=levels, X=x, prior_tau=stats.halfnorm(scale=0.5))
    post = ph.exact(model)
    for k, level in enumerate("ab"):
        group = unique(levels)[k]
        mean, var = np.zeros((2, len(post.psi), group.max() + 1))
        of = np.array([[group[i] == j for i in range(y.size)] for j in range(group.max() + 1)])
        for node, tau in enumerate(np.exp(post.psi)):
            inverse = np.linalg.inv(np.diag(se**2) + covariance(levels, np.square(tau)))
            cov = np.linalg.inv(x.T @ inverse @ x)
            gain = tau[k] ** 2 * of @ inverse
            mean[node] = gain @ (y - x @ cov @ x.T @ inverse @ y)
            lean = gain @ x
            var[node] = (
                tau[k] ** 2 - tau[k] ** 2 * (gain * of).sum(axis=1)
                + np.einsum("ij,jk,ik->i", lean, cov, lean)
            )  # fmt: skip
        total = post.weight @ mean
        sd = np.sqrt(post.weight @ (var + (mean - total) ** 2))
        table = post.effects(level, own=True)
        np.testing.assert_allclose(table["mean"], total, rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(table["sd"], sd, rtol=1e-8)


def test_quantiles_are_those_of_the_distribution_function():
    """Of taus too, whose places on their axis are bent."""
    post = ph.exact(konstantopoulos())
    q = np.array([1e-6, 0.025, 0.5, 0.975, 1.0 - 1e-6])
    table = post.summary(probs=[0.025, 0.5, 0.975])
    for name in (*post.names[:4], "theta_new", "log_tau[school]", "district[11]"):
        marginal = post[name]
        np.testing.assert_allclose(marginal.cdf(marginal.ppf(q)), q, rtol=1e-8)
        np.testing.assert_allclose(marginal.sf(marginal.isf(q)), q, rtol=1e-8)
        if name in table.index:
            np.testing.assert_allclose(table.loc[name].iloc[2:], marginal.ppf(q[1:4]), rtol=1e-9)


def test_pickles():
    post = ph.exact(konstantopoulos())
    again = pickle.loads(pickle.dumps(post))
    assert again["mu"].mean() == post["mu"].mean()
    assert repr(again.model) == repr(post.model)


def test_formula():
    data = ph.load_dataset("konstantopoulos")
    model = MultilevelNormal.from_formula("y ~ year + (1 | district/school)", data, var="var")
    assert model.coefficients == ("beta[Intercept]", "beta[year]")
    post = ph.exact(model)
    line = post.linear({"Intercept": 1.0, "year": 1990.0})
    assert line.mean() == pytest.approx(
        post["beta[Intercept]"].mean() + 1990.0 * post["beta[year]"].mean(), rel=1e-8
    )
    there = post.theta_new({"year": 1990}, group="district[11]")
    assert there.std() > line.std()
    drawn, law = (
        post.predict_new(0.2, x={"year": 1990}, rng=1),
        post.predictive(0.2, {"year": 1990}),
    )
    assert stats.kstest(law.cdf(drawn.ravel()), "uniform").pvalue > 1e-4


@pytest.mark.parametrize(("change", "told"), [
    ({"levels": {}}, "levels is {}"),
    ({"levels": {"d": [1, 1, 2], "s": [1, 2, 1, 2]}}, r"levels\['d'\] has 3"),
    ({"levels": {"d": [1, 1, None, 2], "s": [1, 2, 1, 2]}}, r"levels\['d'\] is missing in row 2"),
    ({"levels": {name: [1, 2, 3, 4] for name in "abcd"}}, "one to 3 names"),
    ({"se": [0.1, 0.1, -1.0, 0.1]}, r"se\[2\]"),
    ({"prior_tau": "jeffreys"}, "prior_tau is 'jeffreys'"),
    ({"prior_tau": {"x": "uniform"}}, "prior_tau names 'x'"),
    ({"X": [1.0, 2.0, 3.0], }, "X has 3 rows"),
    (
        {"X": [1.0, 2.0, 3.0, 4.0], "levels": {"d": [1, 1, 2, 2], "s": [1, 1, 1, 2]}},
        "differs within",
    ),
])  # fmt: skip
def test_bad_input(change, told):
    given = {"se": [0.1] * 4, "levels": {"d": [1, 1, 2, 2], "s": [1, 2, 1, 2]}} | change
    with pytest.raises((TypeError, ValueError), match=told):
        MultilevelNormal([1.0, 2.0, 3.0, 4.0], **given)


def test_too_few_groups():
    model = MultilevelNormal(
        [1.0, 2.0, 3.0, 4.0], se=[0.1] * 4, levels={"d": [1, 1, 2, 2], "s": [1, 2, 1, 2]}
    )
    with pytest.raises(ValueError, match=r"tau\[d\] is improper with 2 ds.*halfcauchy"):
        ph.exact(model)
    assert np.isfinite(ph.exact(model.with_prior(prior_tau=stats.halfcauchy(scale=1)))["mu"].mean())


def test_old_groups_on_a_way_down():
    """Schools 1 and 2 of both districts have the district in their names, class a has not."""
    levels = {"d": ["x", "x", "y", "y"], "s": [1, 2, 1, 2], "c": ["a", "b", "c", "d"]}
    nesting = MultilevelNormal([1.0, 2, 3, 4], se=[1.0] * 4, levels=levels).nesting
    assert nesting.innermost({"d": "y"}) == "d[y]"
    assert nesting.innermost({"d": "y", "s": "2"}) == "s[y/2]"
    assert nesting.innermost({"d": "y", "s": "3"}) == "d[y]"
    assert nesting.innermost({"d": "z", "s": "1"}) is None
    assert nesting.innermost({"d": "x", "s": "1", "c": "a"}) == "c[a]"
    assert nesting.innermost({"d": "x", "s": "1", "c": "b"}) == "s[x/1]"
    assert nesting.innermost({}) is None


def test_unknown_names():
    post = ph.exact(konstantopoulos())
    for name in ("district[nix]", "theta_new[district[nix]]", "nix"):
        with pytest.raises(KeyError, match="nix"):
            post[name]
    with pytest.raises(ValueError, match="group is 'x'"):
        post.theta_new(group="x")
    with pytest.raises(ValueError, match="level is 'x'"):
        post.effects("x")


def test_a_frame_keeps_its_rows():
    y = pd.Series([1.0, 2.0, 3.0, 4.0], index=list("abcd"))
    moved = pd.Series([1, 1, 2, 2], index=list("abdc"))
    with pytest.raises(ValueError, match="different pandas indexes"):
        MultilevelNormal(y, se=[0.1] * 4, levels={"d": moved, "s": [1, 2, 3, 4]})


@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_scale_shift_and_order(scale):
    y, se, levels, x = problem(13, (5, 3))
    base = ph.exact(MultilevelNormal(y, se=se, levels=levels, X=x[:, 1]))
    order = np.random.default_rng(1).permutation(y.size)
    moved = {name: [groups[i] for i in order] for name, groups in levels.items()}
    other = ph.exact(
        MultilevelNormal(
            scale * (y[order] + 50.0), se=scale * se[order], levels=moved, X=3.0 * x[order, 1]
        )
    )
    shift = {"beta[Intercept]": 50.0}
    for name in ("beta[Intercept]", "beta[x1]", "tau[a]", "tau[b]", base.names[6], "theta_new"):
        by = 1.0 / 3.0 if name == "beta[x1]" else 1.0
        off = 50.0 if name.startswith("theta") else shift.get(name, 0.0)
        assert other[name].mean() / scale == pytest.approx(
            by * base[name].mean() + off, rel=1e-8, abs=1e-8
        )
        assert other[name].std() / scale == pytest.approx(by * base[name].std(), rel=1e-7)
    apart = base.log_z - other.log_z
    # y's density scales as 1 / scale a row, the flat coefficients and taus as scale each, and 1/3.
    rows, free = y.size, 2 + 2
    assert apart == pytest.approx((rows - free) * np.log(scale) + np.log(3.0), abs=1e-7)


def test_many_groups():
    """3,000 schools in 60 districts: near what the data were made with, and in a moment."""
    rng = np.random.default_rng(5)
    district = np.repeat(np.arange(60), 50)
    se = rng.uniform(0.1, 0.5, district.size)
    effect = 2.0 + 0.7 * rng.normal(size=60)[district] + 0.3 * rng.normal(size=district.size)
    y = effect + se * rng.normal(size=district.size)
    post = ph.exact(
        MultilevelNormal(y, se=se, levels={"d": district, "s": np.arange(district.size)})
    )
    for name, true in (("mu", 2.0), ("tau[d]", 0.7), ("tau[s]", 0.3)):
        assert abs(post[name].mean() - true) < 4.0 * post[name].std()
    assert post.error < 1e-10


def test_a_prior_that_ends_inside_the_mass_is_refused_at_once():
    """A function tells no support; the same prior of scipy.stats does."""
    y, se, levels, _ = problem(3, (5, 3))
    model = MultilevelNormal(
        y, se=se, levels=levels, prior_tau=lambda t: 0.0 if t < 0.5 else -np.inf
    )
    with pytest.raises(ValueError, match=r"tau\[a\] ends abruptly near 0.5.*scipy.stats"):
        ph.exact(model)
    known = ph.exact(model.with_prior(prior_tau=stats.uniform(0.0, 0.5)))
    assert known["tau[a]"].support == (0.0, 0.5)


def test_a_prior_that_is_all_but_a_point():
    y, se, levels, _ = problem(3, (5, 3))
    post = ph.exact(
        MultilevelNormal(y, se=se, levels=levels, prior_tau=stats.lognorm(1e-4, scale=0.5))
    )
    assert post["tau[b]"].mean() == pytest.approx(0.5, rel=1e-6)
    assert post["tau[b]"].std() == pytest.approx(5e-5, rel=1e-3)
