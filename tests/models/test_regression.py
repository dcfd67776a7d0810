"""The regression from raw rows against dense matrices."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import pyhier as ph
from pyhier.testing import check_model

GROUPS, N = 7, 40
KINDS = ["intercept", "slope", "uncorrelated", "correlated", "three", "weighted", "known", "nested"]


def rows(seed=0):
    rng = np.random.default_rng(seed)
    code = np.append(np.arange(GROUPS), rng.integers(0, GROUPS - 1, N - GROUPS))  # one singleton
    x, w = rng.normal(size=N), rng.normal(size=N)
    y = 2.0 + 0.7 * x + rng.normal(size=GROUPS)[code] + 0.5 * rng.normal(size=N)
    upper = np.array([0, 0, 1, 1, 1, 2, 2])[code]
    return {"y": y, "x": x, "w": w, "code": code, "upper": upper,
            "weights": rng.uniform(0.3, 3.0, N), "offset": rng.normal(size=N)}  # fmt: skip


def made(kind, **options):
    d = rows()
    x, groups = {"x": d["x"], "w": d["w"]}, [f"g{j}" for j in d["code"]]
    more = {
        "intercept": {},
        "slope": {"Z": {"x": d["x"]}, "varying_intercept": False},
        "uncorrelated": {"Z": {"x": d["x"]}, "correlated": False},
        "correlated": {"Z": ["x"]},
        "three": {"Z": {"x": d["x"], "w": d["w"]}},
        "weighted": {"Z": ["x"], "weights": d["weights"], "offset": d["offset"]},
        "known": {"sigma": 0.6},
        "nested": {},
    }[kind]
    if kind == "nested":
        groups = {"upper": [f"u{j}" for j in d["upper"]], "lower": groups}
    return ph.HierarchicalRegression(d["y"], x, groups=groups, **(more | options))


class Dense:
    """The same model by whole matrices."""

    def __init__(self, model, phi):
        d, self.model = rows(), model
        named = {name: float(v) for name, v in model.hyperparameters(phi).items()}
        n, z = N, model.rows.z
        self.x = np.column_stack([np.ones(n), d["x"], d["w"]])
        self.beta = np.array([named[f"beta[{k}]"] for k in ("Intercept", "x", "w")])
        weights = np.ones(n) if model.rows.weights is None else d["weights"]
        self.y = d["y"] - (0.0 if model.rows.weights is None else d["offset"])
        sigma = named.get("sigma", 0.6)
        self.noise = np.diag(sigma**2 / weights)
        if model.nesting.depth > 1:
            upper, lower = (np.equal.outer(d[k], np.arange(GROUPS)) for k in ("upper", "code"))
            self.z = np.hstack([upper[:, :3], lower]).astype(float)
            tau = [named["tau[upper]"]] * 3 + [named["tau[lower]"]] * GROUPS
            self.prior = np.diag(np.square(tau))
            return
        names, q = model.rows.z_names, z.shape[1]
        cov = np.diag([named[f"tau[{a}]"] ** 2 for a in names])
        for i, a in enumerate(names):
            for k in range(i):
                rho = named.get(f"rho[{names[k]},{a}]", 0.0)
                cov[i, k] = cov[k, i] = rho * np.sqrt(cov[i, i] * cov[k, k])
        self.z = np.zeros((n, GROUPS * q))
        for i, j in enumerate(d["code"]):
            self.z[i, j * q : (j + 1) * q] = z[i]
        self.prior = np.kron(np.eye(GROUPS), cov)

    @property
    def var(self):
        return self.noise + self.z @ self.prior @ self.z.T

    def log_likelihood(self):
        return stats.multivariate_normal(self.x @ self.beta, self.var).logpdf(self.y)

    def beta_given(self):
        """Mean and covariance of beta under the flat prior, and the log density of y."""
        inverse = np.linalg.inv(self.var)
        cov = np.linalg.inv(self.x.T @ inverse @ self.x)
        mean = cov @ self.x.T @ inverse @ self.y
        away = self.y - self.x @ mean
        logs = np.linalg.slogdet(self.var)[1] - np.linalg.slogdet(cov)[1]
        log_z = -0.5 * (away @ inverse @ away + logs + (N - 3) * np.log(2 * np.pi))
        return mean, cov, log_z

    def effects(self):
        """Mean and covariance of b with beta integrated out, and their covariance with beta."""
        gain = self.prior @ self.z.T @ np.linalg.inv(self.var)
        mean, cov, _ = self.beta_given()
        b = gain @ (self.y - self.x @ mean)
        left = self.prior - gain @ self.z @ self.prior
        lean = -gain @ self.x
        return b, left + lean @ cov @ lean.T, lean @ cov


def points(model, n=3, seed=1):
    rng = np.random.default_rng(seed)
    return model.start() + 0.4 * rng.normal(size=(n, len(model.coordinates)))


@pytest.mark.parametrize("kind", KINDS)
def test_likelihood_is_the_dense_one(kind):
    model = made(kind)
    phi = points(model)
    wanted = [Dense(model, one).log_likelihood() for one in phi]
    assert model.log_marginal_likelihood(phi) == pytest.approx(wanted, abs=1e-10)
    both = model.log_posterior(phi) - model.log_prior(phi)
    assert both == pytest.approx(wanted, abs=1e-10)


@pytest.mark.parametrize("priors", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_one_point_is_as_many(kind, priors):
    given = {"prior_tau": stats.halfcauchy(scale=1), "prior_beta": {"x": stats.norm(0, 2)}}
    given |= {} if kind == "known" else {"prior_sigma": stats.halfnorm(scale=2)}
    given |= {"prior_rho": 2.0} if kind in ("correlated", "three", "weighted") else {}
    model = made(kind, **(given if priors else {}))
    phi = points(model, 4)
    density = model.log_marginal
    assert density.compiled == (kind != "nested")
    assert [density(one) for one in phi] == pytest.approx(model.log_posterior(phi), abs=1e-11)
    for far in np.random.default_rng(2).normal(scale=1e3, size=(20, phi.shape[1])):
        assert not np.isnan(density(far))  # beyond a double


@pytest.mark.parametrize("kind", KINDS)
def test_coefficients_are_integrated_out_as_dense_ones(kind):
    model = made(kind)
    phi = points(model)
    psi = phi[:, 3:]
    found = model.collapse_psi(psi)
    for k, one in enumerate(phi):
        mean, cov, log_z = Dense(model, one).beta_given()
        assert found.log_density[k] - model.prior.log_density(psi)[k] == pytest.approx(
            log_z, abs=1e-9
        )
        assert found.mean[:, k] == pytest.approx(mean, rel=1e-10, abs=1e-12)
        assert found.var[:, k] == pytest.approx(np.diag(cov), rel=1e-10)


def test_a_normal_prior_of_coefficients_is_the_same_as_wide_data():
    """Beta ~ N(m, s^2) by Bayes' theorem at any beta."""
    prior = {"Intercept": stats.norm(1, 2), "x": stats.norm(0, 0.5), "w": stats.norm(0, 3)}
    model = made("correlated", prior_beta=prior)
    phi = points(model)
    found = model.collapse_psi(phi[:, 3:])
    for k in range(len(phi)):
        cov = np.zeros((3, 3))
        cov[np.triu_indices(3)] = found.rows[4:, k]
        law = stats.multivariate_normal(found.mean[:, k], cov @ cov.T)
        joint = model.log_posterior(phi[[k]])[0]
        assert found.log_density[k] == pytest.approx(joint - law.logpdf(phi[k, :3]), abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_effects_are_the_dense_ones(kind):
    model = made(kind)
    phi = points(model, 2)
    psi, nested = phi[:, 3:], model.nesting.depth > 1
    collapsed = model.collapse_psi(psi)
    mean, sd, _ = model.moments_psi(slice(None), psi, collapsed)
    q = 1 if nested else model.rows.z.shape[1]
    names = ("Intercept", "x", "w")
    for k, one in enumerate(phi):
        dense = Dense(model, one)
        b, cov, cross = dense.effects()
        beta, beta_cov, _ = dense.beta_given()
        for e in range(len(model.labels)):
            column = names.index(model.rows.z_names[e % q])
            at = [e + 3, [0, 0, 1, 1, 1, 2, 2][e]] if nested else [e]
            centre = b[at].sum() + beta[column]
            var = cov[np.ix_(at, at)].sum() + beta_cov[column, column] + 2 * cross[at, column].sum()
            assert mean[e, k] == pytest.approx(centre, rel=1e-10, abs=1e-11)
            assert sd[e, k] == pytest.approx(np.sqrt(var), rel=1e-9)
    one_by_one = model.given_psi(3, psi).moments(collapsed)
    several = model.given_psi(slice(2, 4), psi).moments(collapsed)
    assert one_by_one[0] == pytest.approx(mean[3], rel=1e-12)
    assert several[1][1] == pytest.approx(sd[3], rel=1e-12)


def test_own_effects_differences_and_rows_are_the_dense_ones():
    model = made("correlated")
    phi = points(model, 1)
    psi, dense = phi[:, 3:], Dense(model, phi[0])
    collapsed = model.collapse_psi(psi)
    b, cov, cross = dense.effects()
    beta, beta_cov, _ = dense.beta_given()
    labels = list(model.labels)
    i, k = labels.index("g1,x"), labels.index("g3,x")

    def agrees(linear, centre, var):
        found, sd = linear.moments(collapsed)
        assert found[0] == pytest.approx(centre, rel=1e-10, abs=1e-11)
        assert sd[0] == pytest.approx(np.sqrt(var), rel=1e-9)

    agrees(model.given_psi("b[g1,x]", psi), b[i], cov[i, i])
    agrees(model.difference_psi(i, k, psi), b[i] - b[k], cov[i, i] + cov[k, k] - 2 * cov[i, k])
    agrees(model.difference_psi(i, "beta[x]", psi), b[i], cov[i, i])
    x, z = np.array([1.0, 0.3, -0.8]), np.array([1.0, 0.3])
    at = [labels.index("g1,Intercept"), i]
    var = x @ beta_cov @ x + z @ cov[np.ix_(at, at)] @ z + 2 * z @ cross[at] @ x
    agrees(model.predictor(x, z, "g1", psi), x @ beta + z @ b[at], var)
    sigma = dense.prior[:2, :2]
    agrees(model.predictor(x, z, None, psi), x @ beta, x @ beta_cov @ x + z @ sigma @ z)


def test_draws_of_effects_are_those_of_the_dense_law():
    model = made("three")
    phi = points(model, 1)
    theta = model.draw_theta(np.tile(phi, (40_000, 1)), np.random.default_rng(3))
    dense = Dense(model, phi[0])
    gain = dense.prior @ dense.z.T @ np.linalg.inv(dense.var)
    cov = dense.prior - gain @ dense.z @ dense.prior
    centre = gain @ (dense.y - dense.x @ dense.beta) + np.tile(dense.beta, GROUPS)
    away = (theta - centre).mean(axis=0) / np.sqrt(np.diag(cov) / len(theta))
    assert np.abs(away).max() < 4.5
    assert np.cov(theta.T) == pytest.approx(cov, abs=0.03 * np.diag(cov).max())


@pytest.mark.parametrize("kind", ["intercept", "correlated", "weighted", "nested"])
def test_it_is_a_model(kind):
    proper = {"prior_sigma": stats.halfnorm(scale=2), "prior_tau": stats.halfnorm(scale=2),
              "prior_beta": {n: stats.norm(0, 5) for n in ("Intercept", "x", "w")}}  # fmt: skip
    found = check_model(made(kind, **proper), rng=1)
    assert {"shapes", "density", "derivatives", "pickling", "engines"} <= {*found.passed}


def test_rows_of_data_given_draws():
    model = made("weighted")
    d, phi = rows(), points(model, 2)
    theta = model.draw_theta(phi, np.random.default_rng(1))
    beta, sigma = phi[:, :3], np.exp(phi[:, 3])
    own = theta.reshape(2, GROUPS, 2)[:, d["code"]]
    mean = d["offset"] + own[..., 0] + own[..., 1] * d["x"] + beta[:, 2:] * d["w"]
    sd = sigma[:, np.newaxis] / np.sqrt(d["weights"])
    wanted = stats.norm(mean, sd).logpdf(d["y"])
    assert model.log_likelihood_given(phi, theta) == pytest.approx(wanted, rel=1e-10)
    many = model.predict_given(np.repeat(phi[:1], 4000, 0), np.repeat(theta[:1], 4000, 0),
                               np.random.default_rng(2))  # fmt: skip
    assert np.abs((many.mean(axis=0) - mean[0]) / (sd[0] / np.sqrt(4000))).max() < 4.5


def test_pickles_and_other_priors():
    model = made("correlated", prior_tau=stats.halfcauchy(scale=2))
    again = pickle.loads(pickle.dumps(model))
    point = points(model, 1)
    assert again.log_posterior(point) == model.log_posterior(point)
    other = model.with_prior(prior_tau="uniform", prior_rho=2.0)
    assert "LKJ(2)" in repr(other)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"y": [1.0, np.nan, 2.0, 3.0]}, r"y\[1\] is nan"),
        ({"y": [1.0, np.inf, np.nan, 3.0]}, r"y\[1\] is inf, and so are 1 more"),
        ({"X": {"x": [1.0, 2.0, 3.0]}}, "X has 3 rows"),
        ({"groups": ["a", "a", "b"]}, "has 3 entries and y has 4"),
        ({"groups": ["a", None, "b", "b"]}, "missing in row 1"),
        ({"weights": [1.0, 0.0, 1.0, 1.0]}, r"weights\[1\] is 0.0: weights are positive"),
        ({"offset": [1.0, 0.0]}, "offset has 2 rows"),
        ({"sigma": -1.0}, "sigma"),
        ({"Z": ["w"]}, "Z names w"),
        ({"Z": np.ones((4, 5)) * np.arange(1, 6)}, "Z"),
        ({"X": {"x": [1.0, 1.0, 0.0, 0.0], "w": [0.0, 0.0, 1.0, 1.0]}}, "is made up of"),
        ({"prior_rho": 2.0}, "there is no correlation"),
        ({"prior_sigma": "i2"}, "prior_sigma is 'i2'"),
        ({"prior_tau": {"Days": "uniform"}}, "prior_tau names 'Days'"),
    ],
)
def test_wrong_inputs_are_named(change, words):
    good = {"y": [1.0, 2.0, 2.5, 3.0], "X": {"x": [0.0, 1.0, 0.5, 2.0]}, "groups": list("aabb")}
    with pytest.raises((ValueError, TypeError), match=words):
        ph.HierarchicalRegression(**(good | change))


@pytest.mark.parametrize(
    ("y", "groups", "words"),
    [
        ([1.0, 1.0, 2.0, 2.0, 5.0, 5.0], "aabbcc", "nothing is left of the response"),
        ([1.0, 1.2, 2.0, 2.5], "aabb", "large tau"),
    ],
)
def test_improper_posteriors_are_refused(y, groups, words):
    model = ph.HierarchicalRegression(y, groups=list(groups))
    with pytest.raises(ValueError, match=words):
        ph.exact(model)


def test_rows_that_lack_a_value_are_named_or_dropped():
    d = rows()
    data = {"y": d["y"].copy(), "x": d["x"], "g": [f"g{j}" for j in d["code"]]}
    data["y"][[3, 11]] = np.nan
    with pytest.raises(ValueError, match="rows 3, 11"):
        ph.HierarchicalRegression.from_formula("y ~ x + (1 | g)", data)
    model = ph.HierarchicalRegression.from_formula("y ~ x + (1 | g)", data, missing="drop")
    assert "38 rows (2 more lacked a value) in 7 groups" in repr(model)


def test_a_function_of_the_correlation_is_that_prior_to_its_ends():
    """log(1 - rho^2) is -inf where rho is rounded to 1, far out on the axis of the correlation."""
    rng = np.random.default_rng(3)
    g, x = np.repeat(np.arange(8), [3, 5, 6, 4, 7, 5, 8, 4]), rng.normal(size=42)
    y = 2 + x + rng.normal(size=8)[g] * (1 + 0.3 * x) + 0.5 * rng.normal(size=42)
    model = ph.HierarchicalRegression.from_formula(
        "y ~ x + (x | g)", {"g": g, "x": x, "y": y}, sigma=0.5,
        prior_tau=stats.halfnorm(scale=2), prior_rho=2.0,
    )  # fmt: skip
    by_hand = model.with_prior(prior_rho=lambda rho: np.log(1.0 - rho**2))
    one, other = (ph.exact(each)["rho[Intercept,x]"] for each in (model, by_hand))
    assert other.mean() == pytest.approx(one.mean(), rel=1e-7)
    np.testing.assert_allclose(other.ppf([0.01, 0.99]), one.ppf([0.01, 0.99]), rtol=1e-7)


@pytest.mark.parametrize("term", ["(x | g)", "(x || g)"])
def test_groups_that_leave_no_degrees_of_freedom(term):
    """Two rows a group and two coefficients: all that is known of beta lies between groups."""
    rng = np.random.default_rng(0)
    g = np.repeat(np.arange(8), 2)
    x = np.tile([0.0, 1.0], 8) + 0.1 * rng.normal(size=16)
    y = 1.0 + x + rng.normal(size=8)[g] + rng.normal(size=16)
    proper = stats.halfnorm(scale=2)
    model = ph.HierarchicalRegression.from_formula(
        f"y ~ x + {term}", {"y": y, "x": x, "g": g}, prior_sigma=proper, prior_tau=proper
    )
    far = np.array([[0.0, 0.0, 20.0, 0.0], [0.0, 25.0, 25.0, 0.5]])[:, : len(model.psi)]
    with np.errstate(all="raise"):
        found = model.collapse_psi(far)
    assert np.isfinite(found.rows).all()
    post = ph.exact(model)
    draws = post.to_dataframe(draws=50_000, rng=1)
    for name in ("beta[x]", "sigma", "tau[x]"):
        assert draws[name].mean() == pytest.approx(post[name].mean(), abs=0.025 * post[name].std())


FORMULAS = {
    "normal": lambda right, d: ph.NormalNormal.from_formula("y ~ " + right, d, se="se"),
    "t": lambda right, d: ph.NormalT.from_formula("y ~ " + right, d, se="se"),
    "levels": lambda right, d: ph.MultilevelNormal.from_formula(
        f"y ~ {right} + (1 | g/h)", d, se="se"
    ),
    "logits": lambda right, d: ph.BinomialNormal.from_formula("n ~ " + right, d, trials="ten"),
    "rates": lambda right, d: ph.PoissonGamma.from_formula("n ~ " + right, d, exposure="ten"),
}


@pytest.fixture
def columns():
    return pd.DataFrame(
        {
            "y": [1.0, 3.0, 2.0, 5.0, 4.0, 2.5], "se": 1.0, "n": [3, 0, 5, 2, 7, 1], "ten": 10,
            "z": np.arange(6.0), "g": list("aaabbb"), "h": list("abcdef"),
            "kind": pd.Categorical(list("aabbcc"), categories=["c", "none", "b", "a"]),
        }
    )  # fmt: skip


@pytest.mark.parametrize("make", FORMULAS.values(), ids=FORMULAS)
def test_an_offset_is_no_covariate(make, columns):
    with pytest.raises(ValueError, match="has an offset, of which models of groups"):
        make("1 + offset(z)", columns)


@pytest.mark.parametrize("make", FORMULAS.values(), ids=FORMULAS)
def test_categories_keep_their_order(make, columns):
    """As R's levels: the first that there is is the reference, ordered or not."""
    model = make("kind", columns)
    assert model.coefficients == ("beta[Intercept]", "beta[kind[b]]", "beta[kind[a]]")
    assert model.covariates.x[:, 1:].tolist() == [[0, 1]] * 2 + [[1, 0]] * 2 + [[0, 0]] * 2
    assert model.covariates.rows({"kind": "c"}).tolist() == [[1.0, 0.0, 0.0]]
    text = columns.assign(kind=columns["kind"].astype(str))
    assert make("kind", text).coefficients[1:] == ("beta[kind[b]]", "beta[kind[c]]")


@pytest.mark.parametrize("make", ["NormalNormal", "NormalT"])
def test_a_covariate_far_from_0_is_named(make):
    rng = np.random.default_rng(1)
    x, y, se = rng.normal(size=12), rng.normal(size=12), rng.uniform(0.5, 1.5, 12)
    means = [
        ph.exact(getattr(ph, make)(y, se=se, X={"x": x + far}))["beta[x]"].mean()
        for far in (0.0, 1e5)
    ]
    assert means[1] == pytest.approx(means[0])
    with pytest.raises(ValueError, match="X has x so far from 0 .* subtract the mean$"):
        ph.exact(getattr(ph, make)(y, se=se, X={"x": x + 1e9}))
