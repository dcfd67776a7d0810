"""Mixed models against dense matrices, closed forms of balanced designs, and R's printed page."""

import pickle

import numpy as np
import pandas as pd
import pytest
from classical import dense_mixed as dense
from scipy.optimize import minimize

import pyhier as ph
from pyhier.classical.lmer_result import Lmer
from pyhier.classical.mixed_deviance import Cholesky, Criterion, triangular

FORMULAS = (
    "y ~ x + (1 | g)",
    "y ~ x + (x | g)",
    "y ~ x + w + (x || g)",
    "y ~ f + (0 + x | g)",
    "y ~ x + (x + w | g)",
    "y ~ x + (1 | d/g)",
    "y ~ 1 + offset(w) + (1 | g)",
)


def rows(seed=0, groups=9, n=60, spread=(1.0, 0.6, 0.4)):
    """Unbalanced rows with a factor, weights, and groups within districts."""
    rng = np.random.default_rng([3, seed])
    g = np.concatenate([np.arange(groups), rng.integers(0, groups, n - groups)])
    x, w = rng.normal(size=n) + 1.0, rng.normal(size=n)
    b = rng.normal(size=(groups, 3)) * spread
    y = 2.0 + x + b[g, 0] + b[g, 1] * x + b[g, 2] * w + rng.normal(size=n)
    return pd.DataFrame(
        {"y": y, "x": x, "w": w, "f": [*"uvw" * (n // 3)], "g": [f"g{k}" for k in g], "d": g % 3,
         "weight": rng.uniform(0.3, 3.0, n)}
    )  # fmt: skip


def s_of(fit):
    """The covariance over the residual variance, as dense formulas take it."""
    s = fit.theta @ fit.theta.T
    return np.diag(s) if fit.nested else s


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("formula", FORMULAS)
def test_the_deviance_and_its_derivatives(formula, reml):
    fit = ph.lmer(formula, rows(), REML=reml, weights="weight")
    structure, correlated = fit._criterion.structure, fit.design.correlated and not fit.nested
    criterion = Criterion(structure, reml)
    parameters = Cholesky(triangular(len(structure.root), correlated), structure.entries)
    rng = np.random.default_rng(1)
    u = rng.normal(size=len(parameters.basis)) + 0.5

    def value(u):
        lower = structure.inverse @ parameters.lower(u)
        s = lower @ lower.T
        return dense.deviance(fit.design, np.diag(s) if fit.nested else s, reml)

    found, gradient, hessian = parameters.pulled(u, criterion.profiled(parameters.t(u)))
    assert found == pytest.approx(value(u), abs=1e-10)
    assert criterion.at(parameters.lower(u)[np.newaxis])[0] == pytest.approx(value(u), abs=1e-10)
    for k, e in enumerate(np.eye(u.size) * 1e-4):
        # Differences of a value of 200 by 1e-4: rounding 1e-10 by a step, and squares of it.
        assert gradient[k] == pytest.approx((value(u + e) - value(u - e)) / 2e-4, abs=1e-5)
        second = [
            parameters.pulled(v, criterion.profiled(parameters.t(v)))[1] for v in (u + e, u - e)
        ]
        np.testing.assert_allclose(hessian[k], (second[0] - second[1]) / 2e-4, atol=1e-5)


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("formula", FORMULAS)
def test_nothing_is_below_the_minimum(formula, reml):
    """Nelder and Mead's search of the dense deviance, from several places."""
    data = rows(seed=len(formula))
    fit = ph.lmer(formula, data, REML=reml)
    correlated = fit.design.correlated and not fit.nested
    basis = triangular(len(fit.theta), correlated)

    def value(u):
        lower = np.tensordot(u, basis, 1)
        s = lower @ lower.T
        return dense.deviance(fit.design, np.diag(s) if fit.nested else s, reml)

    assert fit.deviance == pytest.approx(dense.deviance(fit.design, s_of(fit), reml), abs=1e-9)
    rng = np.random.default_rng(5)
    for start in (np.full(len(basis), 0.5), rng.normal(size=len(basis))):
        options = {"xatol": 1e-6, "fatol": 1e-10, "maxiter": 600}
        found = minimize(value, start, method="Nelder-Mead", options=options)
        assert fit.deviance <= found.fun + 1e-8


@pytest.mark.parametrize("formula", FORMULAS)
def test_what_follows_from_the_variances(formula):
    fit = ph.lmer(formula, rows(seed=2), weights="weight")
    _, _, beta, cov, squares = dense.solved(fit.design, dense.covariance(fit.design, s_of(fit)))
    p = beta.size
    assert fit.sigma**2 == pytest.approx(squares / (fit.nobs - p), rel=1e-9)
    np.testing.assert_allclose(fit.beta, beta, rtol=1e-9)
    np.testing.assert_allclose(fit.vcov, fit.sigma**2 * cov, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(fit.se, fit.sigma * np.sqrt(np.diag(cov)), rtol=1e-8)
    np.testing.assert_allclose(fit.t_values, fit.beta / fit.se)
    levels = dense.effects(fit.design, s_of(fit), fit.sigma)
    table, q = fit.ranef(), len(fit.design.z_names)
    means = np.concatenate([mean for mean, _ in levels])
    sds = np.concatenate([np.sqrt(np.diagonal(c, axis1=1, axis2=2)) for _, c in levels])
    np.testing.assert_allclose(table.iloc[:, :q], means, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(table.iloc[:, q:], sds, rtol=1e-8, atol=1e-10)
    own = sum(m[c] for (m, _), c in zip(levels, fit.design.codes, strict=True))
    line = fit.design.x @ beta + fit.design.offset + (fit.design.z * own).sum(axis=1)
    np.testing.assert_allclose(fit.fitted, line, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(fit.residuals, fit.design.y - line, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("formula", FORMULAS)
def test_satterthwaites_degrees_of_freedom(formula):
    fit = ph.lmer(formula, rows(seed=4))
    table = fit.tests()
    for k, name in enumerate(fit.design.x_names):
        df = dense.satterthwaite(fit.design, fit.theta, fit.sigma, True, np.eye(len(fit.beta))[k])
        assert table.loc[name, "df"] == pytest.approx(df, rel=1e-4)
    weights = dict.fromkeys(fit.design.x_names, 2.0)
    ones = np.full(fit.beta.size, 2.0)
    both = fit.tests({"all": weights}).loc["all"]
    df = dense.satterthwaite(fit.design, fit.theta, fit.sigma, True, ones)
    assert both["df"] == pytest.approx(df, rel=1e-4)
    assert both["estimate"] == pytest.approx(2.0 * fit.beta.sum())
    assert both["se"] == pytest.approx(np.sqrt(ones @ fit.vcov @ ones))


def balanced(between, groups=6, size=5, seed=0):
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(groups), size)
    return {"y": between * rng.normal(size=groups)[g] + rng.normal(size=g.size), "g": g}


def test_a_balanced_design_is_the_analysis_of_variance():
    data = balanced(2.0)
    table = ph.anova(data["y"], data["g"])
    fit = ph.lmer("y ~ 1 + (1 | g)", data)
    assert fit.sigma**2 == pytest.approx(table.ms_within, rel=1e-11)
    assert fit.VarCorr.loc[0, "vcov"] == pytest.approx(table.tau2, rel=1e-9)
    assert fit.se["Intercept"] == pytest.approx(np.sqrt(table.ms_between / 30), rel=1e-10)
    tests = fit.tests().loc["Intercept"]
    assert tests["df"] == pytest.approx(5.0, rel=1e-9)
    assert not fit.singular


def test_a_singular_fit_is_exactly_so_and_said():
    tried = (balanced(0.0, seed=seed) for seed in range(9))
    data = next(one for one in tried if ph.anova(one["y"], one["g"]).tau2_raw < 0.0)
    fit = ph.lmer("y ~ 1 + (1 | g)", data)
    assert fit.theta.tolist() == [[0.0]]
    assert fit.singular
    assert "singular" in str(fit)
    assert "The fit is singular" in fit.summary()
    assert fit.sigma == pytest.approx(np.std(data["y"], ddof=1), rel=1e-12)
    assert (fit.ranef() == 0.0).all(axis=None)
    assert fit.tests().loc["Intercept", "df"] == pytest.approx(29.0, rel=1e-9)
    interval = fit.confint()
    assert interval.loc["tau[Intercept]", "lower"] == 0.0
    assert interval.loc["tau[Intercept]", "upper"] > 0.0


def test_a_correlation_at_its_end():
    """Slopes that are a multiple of the intercepts, and little noise."""
    rng = np.random.default_rng(1)
    g = np.repeat(np.arange(12), 5)
    x, b = np.tile(np.arange(5.0), 12), rng.normal(size=12)[g]
    fit = ph.lmer(
        "y ~ x + (x | g)", {"y": b + 0.7 * b * x + 0.05 * rng.normal(size=60), "x": x, "g": g}
    )
    rho = fit.VarCorr.set_index(["var1", "var2"]).loc[("Intercept", "x"), "sdcor"]
    assert fit.singular == (rho == 1.0)
    low, high = fit.confint().loc["rho[Intercept,x]"]
    assert 0.9 < low < 1.0
    assert high == 1.0 or not fit.singular


def test_scales_and_places_of_the_data_do_not_matter():
    data = rows(seed=6)
    fit = ph.lmer("y ~ x + (x | g)", data)
    far = data.assign(x=data["x"] * 1e3 + 2e5, y=data["y"] * 1e-5 + 7.0)
    moved = ph.lmer("y ~ x + (x | g)", far)
    shift = 60 * 2 * np.log(1e-5)
    # REML's deviance has log|X'X| of the other columns, too.
    x_part = 2.0 * np.log(1e3) - 2.0 * np.log(1e-5) * 2
    assert moved.deviance == pytest.approx(fit.deviance + shift + x_part, abs=1e-6)
    assert moved.sigma == pytest.approx(fit.sigma * 1e-5, rel=1e-8)
    sds = [f.VarCorr["sdcor"][1] for f in (fit, moved)]
    assert sds[1] == pytest.approx(sds[0] * 1e-8, rel=1e-6)
    np.testing.assert_allclose((moved.fitted - 7.0) * 1e5, fit.fitted, atol=1e-7)


def held(fit, name, value):
    """The least dense deviance where one parameter is held, by penalty-free elimination."""
    design = fit.design

    def s_sigma(p):
        sd, slope, rho, sigma = np.exp(p[0]), np.exp(p[1]), np.tanh(p[2]), np.exp(p[3])
        if name == "tau[x]":
            slope = value
        if name == "rho[Intercept,x]":
            rho = value
        if name == "sigma":
            sigma = value
        cov = rho * sd * slope
        return np.array([[sd**2, cov], [cov, slope**2]]) / sigma**2, sigma

    def deviance(p):
        s, sigma = s_sigma(p)
        if name != "x":
            return dense.deviance(design, s, False, sigma)
        v = dense.covariance(design, s)
        left = design.y - design.x[:, 1] * value
        ones = design.x[:, :1]
        solved = np.linalg.solve(v, np.column_stack([ones, left]))
        b = (ones.T @ solved[:, 1]) / (ones.T @ solved[:, :1])[0, 0]
        rest = left - b[0]
        squares = rest @ np.linalg.solve(v, rest)
        n = design.y.size
        return np.linalg.slogdet(v)[1] + n * np.log(2 * np.pi * sigma**2) + squares / sigma**2

    sds = fit.sigma * np.sqrt((fit.theta**2).sum(axis=1))
    start = [*np.log(sds), 0.1, np.log(fit.sigma)]
    options = {"xatol": 1e-7, "fatol": 1e-11, "maxiter": 4000, "maxfev": 4000}
    return minimize(deviance, start, method="Nelder-Mead", options=options).fun


@pytest.mark.parametrize("name", ["tau[x]", "rho[Intercept,x]", "sigma", "x"])
def test_intervals_end_where_the_likelihood_has_fallen(name):
    fit = ph.lmer("y ~ x + (x | g)", rows(seed=8, spread=(1.0, 0.8, 0.0)), REML=False)
    low, high = fit.confint(0.9).loc[name]
    for end in (low, high):
        if end not in (0.0, -1.0, 1.0):
            rise = held(fit, name, end) - fit.deviance
            assert rise == pytest.approx(2.705543454095404, abs=1e-5)
    wald = fit.confint(0.9, method="Wald")
    half = 1.6448536269514722 * fit.se["x"]
    assert wald.loc["x"].tolist() == pytest.approx([fit.fixef["x"] - half, fit.fixef["x"] + half])


def test_intervals_of_every_kind_of_model():
    for formula in FORMULAS:
        fit = ph.lmer(formula, rows(seed=9))
        table = fit.confint()
        ml = fit.refit_ml()
        values = pd.concat([pd.Series({"sigma": ml.sigma}), ml.fixef])
        for name, value in values.items():
            assert table.loc[name, "lower"] < value < table.loc[name, "upper"]
        assert len(table) == ml.df


def test_predictions_by_group_and_without():
    fit = ph.lmer("y ~ x + (x | g)", rows(seed=2))
    new = {"x": [0.0, 2.0], "g": ["g3", "other"]}
    coef = fit.coef()
    assert fit.predict({"x": [2.0], "g": ["g3"]})[0] == pytest.approx(coef.loc["g3"] @ [1.0, 2.0])
    with pytest.raises(ValueError, match="newdata: g 'other' in row 1"):
        fit.predict(new)
    found = fit.predict(new, allow_new_levels=True)
    assert found.tolist() == pytest.approx([coef.loc["g3", "Intercept"], fit.beta @ [1.0, 2.0]])
    alone = fit.predict(new, re_form="~0")
    assert alone.tolist() == pytest.approx([fit.beta[0], fit.beta @ [1.0, 2.0]])
    np.testing.assert_array_equal(fit.predict(), fit.fitted)
    np.testing.assert_allclose(fit.predict(re_form=np.nan), fit.design.x @ fit.beta)
    nested = ph.lmer("y ~ x + (1 | d/g)", rows(seed=2))
    table = nested.ranef()["Intercept"]
    wanted = nested.beta @ [1.0, 1.0] + table.loc[("d", "0")]
    new = {"x": [1.0, 1.0], "d": [0, 0], "g": ["g0", "new"]}
    found = nested.predict(new, allow_new_levels=True)
    assert found.tolist() == pytest.approx([wanted + table.loc[("g", "g0")], wanted])
    every = rows(seed=2)
    np.testing.assert_allclose(nested.predict(every), nested.fitted, rtol=1e-12)


def test_the_tables():
    fit = ph.lmer("y ~ x + (x | g)", rows(seed=2))
    assert fit.VarCorr["grp"].tolist() == ["g", "g", "g", "Residual"]
    covariance = fit.covariance
    assert fit.VarCorr["vcov"].tolist() == pytest.approx(
        [covariance[0, 0], covariance[1, 1], covariance[0, 1], fit.sigma**2]
    )
    assert (fit.df, fit.nobs, fit.df_residual) == (6, 60, 54)
    assert pytest.approx(fit.deviance + 12.0) == fit.AIC
    assert pytest.approx(fit.deviance + 6.0 * np.log(60)) == fit.BIC
    assert fit.logLik == -0.5 * fit.deviance
    nested = ph.lmer("y ~ 1 + (1 | d/g)", rows(seed=2))
    assert nested.VarCorr["grp"].tolist() == ["g:d", "d", "Residual"]
    assert nested.ranef().index.names == ["level", "group"]


def test_models_beside_one_another():
    data = rows(seed=2)
    large, small = ph.lmer("y ~ x + (x | g)", data), ph.lmer("y ~ 1 + (1 | g)", data)
    found = large.anova(small)
    ml = [fit.refit_ml().deviance for fit in (small, large)]
    assert found.refitted
    assert str(found).startswith("Refitted by maximum likelihood")
    assert found.table["deviance"].tolist() == pytest.approx(ml)
    assert found.table["Chisq"].iloc[1] == pytest.approx(ml[0] - ml[1])
    assert found.table["Df"].iloc[1] == 3.0
    again = large.refit_ml().anova(small.refit_ml())
    assert not again.refitted
    with pytest.raises(ValueError, match="models of the same rows"):
        large.anova(ph.lmer("y ~ 1 + (1 | g)", data.iloc[:50]))
    with pytest.raises(TypeError, match=r"others\[0\] is 3"):
        large.anova(3)
    with pytest.raises(TypeError, match="others is empty"):
        large.anova()


def test_missing_rows_are_dropped_and_counted():
    data = rows(seed=2)
    data.loc[[3, 7], "x"] = np.nan
    with pytest.raises(ValueError, match="rows 3, 7"):
        ph.lmer("y ~ x + (1 | g)", data)
    fit = ph.lmer("y ~ x + (1 | g)", data, missing="drop")
    assert (fit.nobs, fit.design.dropped) == (58, 2)
    assert "2 rows with missing values dropped" in fit.summary()
    whole = ph.lmer("y ~ x + (1 | g)", data.dropna())
    assert fit.deviance == pytest.approx(whole.deviance)


@pytest.mark.parametrize(
    ("formula", "data", "message"),
    [
        ("y ~ x + (1 | h)", {"h": 1}, "data has one group of h, '1'"),
        ("y ~ 0 + (1 | g)", {}, "no common coefficient"),
        ("y ~ x + v + (1 | g)", {"v": 2.0}, "common column 'v' is made up of Intercept"),
        ("y ~ x + (v | g)", {"v": 2.0}, "varying column 'v' is made up of Intercept"),
        ("y ~ x + (0 + v | g)", {"v": 0.0}, "varying column 'v' is 0 in all rows"),
        ("y ~ x + (1 | row)", {"row": range(60)}, "fit the response exactly"),
        ("v ~ x + (1 | g)", {"v": 5.0}, "fit the response exactly"),
        ("y ~ x + (1 | d/h)", {"h": 1}, "do not tell its variances apart"),
        ("y ~ g + (1 | g)", {}, "do not tell its variances apart"),
        ("y ~ x + (d2 | g)", {"d2": rows()["d"] == 1}, "do not tell its variances apart"),
        ("y ~ x + (1 | g) + (1 | h)", {"h": [*range(6)] * 10}, "crossed"),
    ],
)
def test_what_the_data_cannot_tell_is_refused(formula, data, message):
    with pytest.raises(ValueError, match=message):
        ph.lmer(formula, rows().assign(**data))


def test_arguments():
    fit = ph.lmer("y ~ x + (1 | g)", rows())
    with pytest.raises(ValueError, match="re_form is 'x'"):
        fit.predict(re_form="x")
    with pytest.raises(ValueError, match="method is 'boot'"):
        fit.confint(method="boot")
    with pytest.raises(ValueError, match="level is 2"):
        fit.confint(2)
    with pytest.raises(TypeError, match="contrasts is 'x'"):
        fit.tests("x")
    with pytest.raises(ValueError, match="names 'nix': the coefficients are Intercept, x"):
        fit.tests({"one": {"nix": 1.0}})
    with pytest.raises(TypeError, match=r"contrasts\['one'\] is 3"):
        fit.tests({"one": 3})
    with pytest.raises(TypeError, match="REML is 'yes'"):
        ph.lmer("y ~ x + (1 | g)", rows(), REML="yes")


def test_a_fit_is_frozen_and_can_be_pickled():
    fit = ph.lmer("y ~ x + (x | g)", rows())
    for array in (fit.beta, fit.vcov, fit.theta, fit.fitted, fit.residuals):
        assert not array.flags.writeable
    with pytest.raises(AttributeError):
        fit.sigma = 1.0
    again = pickle.loads(pickle.dumps(fit))
    assert isinstance(again, Lmer)
    assert again.summary() == fit.summary()
    assert again.confint().equals(fit.confint())
