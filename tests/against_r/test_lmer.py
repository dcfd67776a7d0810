"""lmer against lme4 and lmerTest: their own data sets, and random designs.

lme4 searches without derivatives: where its deviance is d above the minimum its estimates are off
by about the root of d, in units of their standard errors, and so by 1e-6 where d is a rounding
error of the deviance. It runs here twice, by two optimisers, to their last digits.
"""

import os
import re

import numpy as np
import pandas as pd
import pytest
from against_r.lmer_designs import FIT, design
from pyhier.r_bridge import RUnavailableError

import pyhier as ph

DATA = """
    suppressMessages(library(lme4))
    d <- get(name)
    lapply(as.list(d), function(x) if (is.factor(x)) as.character(x) else as.numeric(x))
"""
SETS = [
    ("sleepstudy", "Reaction ~ Days + (Days | Subject)"),
    ("sleepstudy", "Reaction ~ Days + (Days || Subject)"),
    ("sleepstudy", "Reaction ~ Days + (1 | Subject) + (0 + Days | Subject)"),
    ("sleepstudy", "Reaction ~ 1 + (0 + Days | Subject)"),
    ("sleepstudy", "log(Reaction) ~ Days + I(Days^2) + (1 | Subject)"),
    ("sleepstudy", "Reaction ~ 0 + Days + offset(200 + 0 * Days) + (1 | Subject)"),
    ("Dyestuff", "Yield ~ 1 + (1 | Batch)"),
    ("Dyestuff2", "Yield ~ 1 + (1 | Batch)"),
    ("Pastes", "strength ~ 1 + (1 | batch/cask)"),
    ("Pastes", "strength ~ 1 + (1 | sample)"),
    ("cake", "angle ~ recipe * temp + (1 | recipe:replicate)"),
    ("cake", "angle ~ temp + (1 | recipe/replicate)"),
    ("cake", "angle ~ temp + (recipe | replicate)"),
    ("Penicillin", "diameter ~ 1 + (1 | plate)"),
    ("grouseticks", "TICKS ~ YEAR + (1 | LOCATION/BROOD)"),
]

CLOSE = 1e-6


@pytest.fixture(scope="module")
def r(r):
    """R with lme4 and lmerTest."""
    try:
        r("suppressMessages({library(lme4); library(lmerTest)})")
    except RUnavailableError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must have lme4 and lmerTest: {error}")
        pytest.skip(str(error))
    return r


def data_of(r, name):
    return pd.DataFrame(r(DATA, name=name))


def lists(columns):
    """Columns as they cross to R."""
    return {name: list(column) for name, column in columns.items()}


def theirs(r, formula, data, reml, weighted=False):
    """What R says; columns that are not there stand in for those that random designs have."""
    columns = dict(data)
    for name in ("f", "g", "d", "s"):
        columns.setdefault(name, "a")
    arguments = {"formula": formula, "reml": reml, "weighted": weighted, "satterthwaite": True}
    return r(FIT, data=lists(columns), **arguments)


def in_our_order(fit, found):
    """lme4's predictions and conditional sds in the order of ours."""
    names = {"(Intercept)": "Intercept"}
    own = fit.ranef()
    values, sds = np.empty((2, len(own), len(fit.design.z_names)))
    if fit.nested:
        outer, inner = fit.design.levels
        above = dict(zip(fit.design.groups[1], fit.design.groups[0], strict=True))
        place = {(outer, label): k for k, label in enumerate(fit.design.labels[0])}
        for k, label in enumerate(fit.design.labels[1]):
            bare = label.rsplit("/", 1)[-1]
            place[(f"{inner}:{outer}", f"{bare}:{above[label]}")] = len(place)
            assert place[(f"{inner}:{outer}", f"{bare}:{above[label]}")] == k + len(
                fit.design.labels[0]
            )
    else:
        place = {(fit.design.levels[0], label): k for k, label in enumerate(own.index)}
    columns = {name: k for k, name in enumerate(fit.design.z_names)}
    keys = zip(found["var"], found["grp"], found["term"], found["b"], found["sd"], strict=True)
    for group, label, term, b, sd in keys:
        column = re.sub(r"^(f|recipe)([A-Za-z])$", r"\1[\2]", names.get(term, term))
        at = place[(group, label)], columns[column]
        values[at], sds[at] = b, sd
    return values, sds


def check(fit, found):
    """Everything that both say; nothing of ours above lme4's deviance."""
    gap = fit.deviance - found["deviance"]
    assert gap <= 1e-8
    noise = max(-gap, 0.0) + 2e-15 * abs(fit.deviance)
    off = max(CLOSE, 5.0 * np.sqrt(noise))  # in standard errors
    assert fit.logLik == pytest.approx(found["loglik"], abs=1e-8 - gap)
    assert fit.df == found["df"]
    assert pytest.approx(found["aic"], abs=1e-8 - gap) == fit.AIC
    assert pytest.approx(found["bic"], abs=1e-8 - gap) == fit.BIC
    beta, vcov = np.atleast_1d(found["beta"]), np.atleast_2d(found["vcov"])
    assert np.max(np.abs(fit.beta - beta) / fit.se) <= off
    size = np.sqrt(np.diag(vcov))
    assert np.max(np.abs(fit.vcov - vcov) / np.outer(size, size)) <= 3.0 * off
    assert fit.sigma == pytest.approx(found["sigma"], rel=off)
    ours, sdcor = fit.VarCorr["sdcor"].to_numpy(), np.asarray(found["sdcor"], dtype=float)
    sds = fit.VarCorr["var2"].isna().to_numpy()
    unit = fit.sigma / np.append(np.repeat(np.diag(fit._criterion.structure.root), 1), 1.0)
    lead = sdcor[sds] if not fit.nested else sdcor[sds][[1, 0, 2]]
    own = ours[sds] if not fit.nested else ours[sds][[1, 0, 2]]
    assert np.max(np.abs(own - lead) / np.maximum(unit, own)) <= 3.0 * off
    strong = not fit.singular and own.min() > 0.1 * unit.min()
    if strong:
        np.testing.assert_allclose(ours[~sds], sdcor[~sds], atol=30.0 * off)
    means, spreads = in_our_order(fit, found)
    q = len(fit.design.z_names)
    scale = np.maximum(np.abs(means).max(axis=0), fit.sigma * 1e-3)
    table = fit.ranef().to_numpy()
    assert np.max(np.abs(table[:, :q] - means) / scale) <= 100.0 * off
    assert np.max(np.abs(table[:, q:] - spreads) / scale) <= 100.0 * off
    np.testing.assert_allclose(fit.fitted, found["fitted"], atol=20.0 * off * np.std(fit.design.y))
    # lmerTest's Hessian is one of differences.
    tests = fit.tests()["df"].to_numpy()
    np.testing.assert_allclose(
        tests, np.atleast_1d(found["ddf"]), rtol=2e-3 if not strong else 1e-4
    )


@pytest.mark.parametrize(("name", "formula"), SETS)
def test_lme4s_own_data(r, name, formula):
    data = data_of(r, name)
    for reml in (True, False):
        check(ph.lmer(formula, data, REML=reml), theirs(r, formula, data, reml))


@pytest.mark.parametrize("part", range(3))
def test_random_designs(r, part):
    singular = 0
    for seed in range(8 * part, 8 * part + 8):
        formula, data, reml, weighted = design(seed)
        fit = ph.lmer(formula, pd.DataFrame(data), reml, weights="wt" if weighted else None)
        check(fit, theirs(r, formula, data, reml, weighted))
        singular += fit.singular
    assert 1 <= singular <= 7


def test_crossed_factors_are_refused(r):
    with pytest.raises(ValueError, match="plate and sample are crossed.*lme4's"):
        ph.lmer("diameter ~ 1 + (1 | plate) + (1 | sample)", data_of(r, "Penicillin"))
    with pytest.raises(ValueError, match="s and d are crossed.*lme4's"):
        ph.lmer("y ~ 1 + (1 | s) + (1 | d)", data_of(r, "InstEval"))
    with pytest.raises(ValueError, match=r"write \(1 \| batch/sample\)"):
        ph.lmer("strength ~ 1 + (1 | batch) + (1 | sample)", data_of(r, "Pastes"))


CONFINT = """
    fit <- lme4::lmer(as.formula(formula), as.data.frame(data), REML = TRUE)
    unname(suppressMessages(suppressWarnings(confint(fit, level = 0.9, quiet = TRUE))))
"""


@pytest.mark.parametrize(
    ("name", "formula", "order"),
    [
        ("sleepstudy", "Reaction ~ Days + (Days | Subject)", [0, 2, 1, 3, 4, 5]),
        ("sleepstudy", "Reaction ~ Days + (Days || Subject)", [0, 1, 2, 3, 4]),
        ("Dyestuff", "Yield ~ 1 + (1 | Batch)", [0, 1, 2]),
        ("Pastes", "strength ~ 1 + (1 | batch/cask)", [1, 0, 2, 3]),
    ],
)
def test_profile_intervals(r, name, formula, order):
    """lme4 reads its ends from a spline through a profile of steps: good to 1e-4 or so."""
    data = data_of(r, name)
    ours = ph.lmer(formula, data).confint(0.9).to_numpy()
    found = np.asarray(r(CONFINT, formula=formula, data=lists(data)), dtype=float)[order]
    np.testing.assert_allclose(ours, found, rtol=2e-4, atol=2e-4)


def test_comparisons_of_models(r):
    data = data_of(r, "sleepstudy")
    formulas = ["Reaction ~ 1 + (1 | Subject)", "Reaction ~ Days + (Days | Subject)"]
    small, large = (ph.lmer(formula, data) for formula in formulas)
    code = """
        d <- as.data.frame(data)
        a <- lme4::lmer(as.formula(first), d); b <- lme4::lmer(as.formula(second), d)
        as.list(suppressMessages(as.data.frame(anova(a, b))))
    """
    found = r(code, data=lists(data), first=formulas[0], second=formulas[1])
    table = large.anova(small).table
    for ours, name in zip(table, found, strict=True):
        np.testing.assert_allclose(table[ours], np.asarray(found[name], dtype=float), rtol=1e-6)


def test_predictions(r):
    data = data_of(r, "sleepstudy")
    fit = ph.lmer("Reaction ~ Days + (Days | Subject)", data)
    new = {"Days": [0.0, 4.5, 12.0], "Subject": ["308", "335", "new"]}
    code = """
        fit <- lme4::lmer(Reaction ~ Days + (Days | Subject), as.data.frame(data))
        n <- as.data.frame(new)
        list(own = unname(predict(fit, n, allow.new.levels = TRUE)),
             none = unname(predict(fit, n, re.form = NA)))
    """
    found = r(code, data=lists(data), new=new)
    np.testing.assert_allclose(fit.predict(new, allow_new_levels=True), found["own"], rtol=1e-5)
    np.testing.assert_allclose(fit.predict(new, re_form="~0"), found["none"], rtol=1e-6)


def numbers_of(text, first, last):
    """Numbers of the lines between two, as they are printed."""
    lines = text.split("\n")
    begin = next(k for k, line in enumerate(lines) if line.startswith(first))
    end = next(k for k, line in enumerate(lines) if line.startswith(last))
    return [re.findall(r"-?\d+\.\d+(?:e-?\d+)?", line) for line in lines[begin + 1 : end]]


@pytest.mark.parametrize(("name", "formula"), [SETS[0], SETS[6], SETS[8]])
def test_the_printed_page_has_rs_digits(r, name, formula):
    data = data_of(r, name)
    code = """
        fit <- lmerTest::lmer(as.formula(formula), as.data.frame(data), REML = TRUE,
          control = lme4::lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9)))
        paste(capture.output(print(summary(fit))), collapse = "\n")
    """
    ours, found = ph.lmer(formula, data).summary(), r(code, formula=formula, data=lists(data))
    for first, last in (
        ("Scaled residuals", "Random effects"),
        ("Random effects", "Number of obs"),
    ):
        assert numbers_of(ours, first, last) == numbers_of(found, first, last)
    fixed = numbers_of(found + "\n---", "Fixed effects", "---")
    shown = numbers_of(ours + "\nCorrelation of fixed", "Fixed effects", "Correlation of fixed")
    rows = [row for row in shown if row]
    for mine, row in zip(rows, [row for row in fixed if row], strict=False):
        assert (mine[:2], mine[3]) == (row[:2], row[3])
        assert float(mine[2]) == pytest.approx(float(row[2]), abs=0.006)
