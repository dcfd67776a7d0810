"""LearnBayes' samplers of standard models against a live LearnBayes, on random inputs.

Where the same operations make a number the bits are asked for; where a matrix product or a solution
of linear equations does, 1e-12 of the largest, since the order of summation shows.
"""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import pyhier as ph
from pyhier import RStream, rstats
from pyhier import learnbayes as lb

CASES = range(30)


def draws(r, call, case, **inputs):
    code = f"library(LearnBayes); set.seed({case}); x <- {call}; list(x, .Random.seed)"
    return r(code, **inputs)


def same(ours, stream, theirs, rtol=0.0):
    """Fields of R's names, and the stream left at the same place."""
    value, state = theirs
    np.testing.assert_array_equal(stream.random_seed, state)
    fields = value if isinstance(value, dict) else {"": value}
    for name, field in fields.items():
        mine = getattr(ours, name.replace(".", "_")) if name else ours
        if field is None:
            assert mine is None
            continue
        expected = np.asarray(field, dtype=float).reshape(np.shape(mine))
        if rtol == 0.0:
            np.testing.assert_array_equal(mine, expected, err_msg=name)
        else:
            scale = np.max(np.abs(expected))
            np.testing.assert_allclose(mine, expected, rtol=rtol, atol=rtol * scale, err_msg=name)


def covariance(rng, d):
    a = rng.normal(size=(d, d + 2)) * 10.0 ** rng.uniform(-3, 3)
    return a @ a.T


def design(rng, n, p):
    return np.column_stack([np.ones(n), rng.normal(size=(n, p - 1)) * 10.0 ** rng.uniform(-2, 2)])


@pytest.mark.learnbayes("rdirichlet", level="random, R's draws")
@pytest.mark.parametrize("case", CASES)
def test_rdirichlet(r, case):
    rng = np.random.default_rng(case)
    par, n, stream = 10.0 ** rng.uniform(-1, 3, int(rng.integers(1, 9))), 1 + case, RStream(case)
    ours = lb.rdirichlet(n, par, rng=stream)
    same(ours, stream, draws(r, "rdirichlet(n, par)", case, n=n, par=par.tolist()))


@pytest.mark.learnbayes("rigamma", level="random, R's draws")
@pytest.mark.parametrize("case", CASES)
def test_rigamma(r, case):
    rng = np.random.default_rng(case)
    a, b = 10.0 ** rng.uniform(-1, 3, 3), 10.0 ** rng.uniform(-3, 3, 2)
    stream = RStream(case)
    ours = lb.rigamma(1 + case, a, b, rng=stream)
    same(ours, stream, draws(r, "rigamma(n, a, b)", case, n=1 + case, a=a, b=b))


@pytest.mark.learnbayes("rmnorm", "rmt", level="random, R's draws")
@pytest.mark.parametrize("case", CASES)
def test_rmnorm_and_rmt(r, case):
    rng = np.random.default_rng(case)
    d, n = int(rng.integers(1, 7)), int(rng.integers(1, 9))
    mean, scale, df = rng.normal(size=d), covariance(rng, d), float(10.0 ** rng.uniform(-0.5, 2))
    inputs = {"n": n, "mean": mean.tolist(), "v": scale, "df": df}
    stream = RStream(case)
    same(
        lb.rmnorm(n, mean, scale, rng=stream),
        stream,
        draws(r, "rmnorm(n, mean, v)", case, **inputs),
        1e-12,
    )
    stream = RStream(case)
    same(
        lb.rmt(n, mean, scale, df, rng=stream),
        stream,
        draws(r, "rmt(n, mean, v, df)", case, **inputs),
        1e-12,
    )


@pytest.mark.learnbayes("dmnorm", "dmt", level="deterministic, within 1e-10 relative")
@pytest.mark.parametrize("case", CASES)
def test_dmnorm_and_dmt(r, case):
    rng = np.random.default_rng(case)
    d, n = int(rng.integers(1, 7)), int(rng.integers(1, 9))
    mean, scale, df = rng.normal(size=d), covariance(rng, d), float(10.0 ** rng.uniform(-0.5, 2))
    x = mean + 2.0 * rng.normal(size=(n, d)) @ np.linalg.cholesky(scale).T
    inputs = {"x": x, "mean": mean.tolist(), "v": scale, "df": df}
    # The condition of random matrices up to 6 x 6 leaves 1e-11 of the distance.
    for log in (False, True):
        call = f"library(LearnBayes); dmnorm(x, mean, v, log = {str(log).upper()})"
        np.testing.assert_allclose(lb.dmnorm(x, mean, scale, log), r(call, **inputs), rtol=1e-10)
        call = f"library(LearnBayes); dmt(x, mean, v, df, log = {str(log).upper()})"
        np.testing.assert_allclose(lb.dmt(x, mean, scale, df, log), r(call, **inputs), rtol=1e-10)


@pytest.mark.learnbayes("rtruncated", level="random, R's draws")
@pytest.mark.parametrize("case", CASES)
def test_rtruncated(r, case):
    rng = np.random.default_rng(case)
    mean, sd = rng.normal(), float(10.0 ** rng.uniform(-2, 2))
    lo, hi = mean + sd * np.sort(rng.normal(size=2))
    hi = float("inf") if case % 3 == 0 else hi
    stream = RStream(case)
    ours = lb.rtruncated(20, lo, hi, rstats.pnorm, rstats.qnorm, mean, sd, rng=stream)
    call = "rtruncated(20, lo, hi, pnorm, qnorm, mean, sd)"
    same(ours, stream, draws(r, call, case, lo=lo, hi=hi, mean=mean, sd=sd))
    a, b = 10.0 ** rng.uniform(-0.3, 1, 2)
    lo, hi = np.sort(stats.beta.rvs(a, b, size=2, random_state=rng))
    stream = RStream(case)
    ours = lb.rtruncated(20, lo, hi, stats.beta.cdf, stats.beta.ppf, a, b, rng=stream)
    call = "rtruncated(20, lo, hi, pbeta, qbeta, a, b)"
    theirs = draws(r, call, case, lo=lo, hi=hi, a=a, b=b)
    same(ours, stream, theirs, 1e-9)  # the accuracy of R's qbeta


@pytest.mark.learnbayes("normpostsim", level="random, R's draws")
@pytest.mark.parametrize("case", CASES)
def test_normpostsim(r, case):
    rng = np.random.default_rng(case)
    y = rng.normal(size=int(rng.integers(2, 60))) * 10.0 ** rng.uniform(-3, 3)
    stream = RStream(case)
    ours = lb.normpostsim(y, m=50, rng=stream)
    same(ours, stream, draws(r, "normpostsim(y, m = 50)", case, y=y.tolist()), 1e-13)
    stream = RStream(case)
    prior = {"mu": [rng.normal(), 10.0 ** rng.uniform(-2, 2)], "sigma2": rng.uniform(0.5, 5, 2)}
    ours = lb.normpostsim(y, prior, 50, rng=stream)
    same(ours, stream, draws(r, "normpostsim(y, p, 50)", case, y=y.tolist(), p=prior), 1e-13)


@pytest.mark.learnbayes("robustt", level="random, R's draws")
@pytest.mark.parametrize("case", CASES)
def test_robustt(r, case):
    rng = np.random.default_rng(case)
    y = rng.standard_t(3, size=int(rng.integers(2, 60))) * 10.0 ** rng.uniform(-3, 3)
    v, stream = float(10.0 ** rng.uniform(-0.3, 2)), RStream(case)
    ours = lb.robustt(y, v, 50, rng=stream)
    # mean and variance at the start are summed in another order; the chain keeps the last digits
    same(ours, stream, draws(r, "robustt(y, v, 50)", case, y=y.tolist(), v=v), 1e-12)


@pytest.mark.learnbayes("blinreg", "blinregexpected", "blinregpred", level="random, R's draws")
@pytest.mark.parametrize("case", CASES)
def test_blinreg(r, case):
    rng = np.random.default_rng(case)
    n, p = int(rng.integers(8, 60)), int(rng.integers(1, 6))
    x, x1 = design(rng, n, p), design(rng, 3, p)
    y = x @ rng.normal(size=p) + rng.normal(size=n)
    inputs = {"y": y.tolist(), "x": x}
    stream = RStream(case)
    ours = lb.blinreg(y, x, 20, rng=stream)
    same(ours, stream, draws(r, "blinreg(y, x, 20)", case, **inputs), 1e-11)  # lm's QR and ours
    inputs["prior"] = {"c0": float(10.0 ** rng.uniform(-1, 3)), "b0": rng.normal(size=p)}
    stream = RStream(case)
    fit = lb.blinreg(y, x, 20, inputs["prior"], rng=stream)
    theirs = draws(r, "blinreg(y, x, 20, prior)", case, **inputs)
    same(fit, stream, theirs, 1e-11)
    given = {"x1": x1, "s": {"beta": fit.beta, "sigma": fit.sigma.tolist()}}
    stream = RStream(case)
    same(
        lb.blinregexpected(x1, fit),
        stream,
        draws(r, "blinregexpected(x1, s)", case, **given),
        1e-12,
    )
    same(
        lb.blinregpred(x1, fit, rng=stream),
        stream,
        draws(r, "blinregpred(x1, s)", case, **given),
        1e-12,
    )


@pytest.mark.learnbayes("bayes.probit", "bprobit.probs", level="random, R's draws")
@pytest.mark.parametrize("case", CASES)
def test_bayes_probit(r, case):
    rng = np.random.default_rng(case)
    n, p = int(rng.integers(15, 80)), int(rng.integers(1, 5))
    x = np.column_stack([np.ones(n), rng.normal(size=(n, p - 1))])
    y = (x @ rng.normal(size=p) * 0.5 + rng.normal(size=n) > 0.0).astype(float)
    y[:2] = 0.0, 1.0
    inputs = {"y": y.tolist(), "x": x}
    stream = RStream(case)
    ours = lb.bayes_probit(y, x, 40, rng=stream)
    same(ours, stream, draws(r, "bayes.probit(y, x, 40)", case, **inputs), 1e-11)
    root = rng.normal(size=(p, p + 2))
    precision = root @ root.T  # of the data's order: R's log.marg underflows beyond
    inputs["prior"] = {"beta": rng.normal(size=p), "P": precision}
    stream = RStream(case)
    ours = lb.bayes_probit(y, x, 40, inputs["prior"], rng=stream)
    same(ours, stream, draws(r, "bayes.probit(y, x, 40, prior)", case, **inputs), 1e-10)
    x1 = np.column_stack([np.ones(3), rng.normal(size=(3, p - 1))])
    theirs = draws(r, "bprobit.probs(x1, fit)", case, x1=x1, fit=ours.beta)
    same(lb.bprobit_probs(x1, ours.beta), RStream(case), theirs, 1e-13)


@pytest.mark.learnbayes("hiergibbs", level="random, R's draws")
@pytest.mark.parametrize("case", CASES)
def test_hiergibbs(r, case):
    rng = np.random.default_rng(case)
    data = ph.load_dataset("iowagpa").to_numpy(float)
    if case:
        data = data[rng.permutation(40)[: int(rng.integers(3, 41))]]
        data[:, 0] += rng.normal(size=len(data)) * 0.3
    stream = RStream(case)
    ours = lb.hiergibbs(data, 50, rng=stream)
    same(ours, stream, draws(r, "hiergibbs(d, 50)", case, d=data), 1e-11)


def test_hiergibbs_long(r):
    """Ten thousand cycles: rounding does not grow."""
    data, stream = ph.load_dataset("iowagpa"), RStream(1)
    ours = lb.hiergibbs(data, 10_000, rng=stream)
    same(ours, stream, draws(r, "hiergibbs(iowagpa, 10000)", 1), 1e-11)


@pytest.mark.learnbayes("ordergibbs", level="random, R's draws")
@pytest.mark.parametrize("case", CASES)
def test_ordergibbs(r, case):
    rng = np.random.default_rng(case)
    data = ph.load_dataset("iowagpa").to_numpy(float)
    if case:
        data[:, 0] += rng.normal(size=40) * 0.1
        data[:, 1] = np.ceil(data[:, 1] * rng.uniform(0.2, 1.0, 40))
    stream = RStream(case)
    ours = lb.ordergibbs(data, 50, rng=stream)
    same(ours, stream, draws(r, "ordergibbs(d, 50)", case, d=data), 1e-12)


@pytest.mark.learnbayes("reg.gprior.post", level="deterministic, within 1e-10 relative")
@pytest.mark.parametrize("case", CASES)
def test_reg_gprior_post(r, case):
    rng = np.random.default_rng(case)
    n, p = int(rng.integers(8, 40)), int(rng.integers(1, 6))
    x = design(rng, n, p)
    data = {"y": rng.normal(size=n), "X": x}
    prior = {"b0": rng.normal(size=p), "c0": float(10.0 ** rng.uniform(-1, 3))}
    theta = rng.normal(size=p + 1)
    call = "library(LearnBayes); reg.gprior.post(theta, dp)"
    theirs = r(call, theta=theta, dp={"data": data, "prior": prior})
    ours = lb.reg_gprior_post(theta, {"data": data, "prior": prior})
    assert ours == pytest.approx(theirs, rel=1e-10)


@pytest.mark.learnbayes(
    "bayes.model.selection", level="deterministic, to the digits that R rounds to"
)
@pytest.mark.parametrize("case", CASES)
def test_bayes_model_selection(r, case):
    rng = np.random.default_rng(case)
    n, p = int(rng.integers(12, 40)), int(rng.integers(2, 5))
    x = np.column_stack([np.ones(n), rng.normal(size=(n, p - 1))])
    y = x @ rng.normal(size=p) * 0.5 + rng.normal(size=n)
    c, constant = float(10.0 ** rng.uniform(0.5, 3)), case % 2 == 0
    given = x if constant else x[:, 1:]
    names = [f"v{j}" for j in range(given.shape[1])]
    ours = lb.bayes_model_selection(y, pd.DataFrame(given, columns=names), c, constant)
    code = """
        library(LearnBayes); colnames(x) <- names
        b <- bayes.model.selection(y, x, c, constant)
        list(as.matrix(b$mod.prob) + 0, colnames(b$mod.prob), b$converge)
    """
    table, columns, converge = r(code, y=y.tolist(), x=given, c=c, names=names, constant=constant)
    assert list(ours.mod_prob.columns) == list(columns)
    # log.m has 2 digits and Prob 5; both stop where R's optim stops
    np.testing.assert_allclose(ours.mod_prob.to_numpy(float), table, rtol=0.0, atol=1.01e-2)
    np.testing.assert_allclose(ours.mod_prob["Prob"], table[:, -1], rtol=0.0, atol=1.01e-5)
    np.testing.assert_array_equal(ours.converge, converge)


@pytest.mark.learnbayes("normal.select", level="deterministic, within 1e-10 relative")
@pytest.mark.parametrize("case", CASES)
def test_normal_and_beta_select(r, case):
    rng = np.random.default_rng(case)
    p, x = np.sort(rng.uniform(0.05, 0.95, 2)), np.sort(rng.normal(size=2)) * 10.0
    first, second = ({"p": p[k], "x": x[k]} for k in (0, 1))
    theirs = r("library(LearnBayes); normal.select(a, b)", a=first, b=second)
    ours = lb.normal_select(first, second)
    assert (ours.mu, ours.sigma) == pytest.approx((theirs["mu"], theirs["sigma"]), rel=1e-12)


@pytest.mark.learnbayes("beta.select", level="deterministic, to the digits that R rounds to")
@pytest.mark.parametrize("case", CASES)
def test_beta_select(r, case):
    """LearnBayes' answer misses the quantiles a little; ours has them to the two digits."""
    rng = np.random.default_rng(case)
    shapes = rng.uniform(0.5, 30.0, 2)
    p = np.array([rng.uniform(0.1, 0.45), rng.uniform(0.55, 0.9)])
    x = stats.beta.ppf(p, *shapes)
    first, second = ({"p": p[k], "x": x[k]} for k in (0, 1))
    ours = lb.beta_select(second, first)
    np.testing.assert_allclose(ours, shapes, rtol=0.0, atol=0.00501)
    theirs = r("library(LearnBayes); beta.select(a, b)", a=first, b=second)
    np.testing.assert_allclose(ours, theirs, rtol=0.02)


def test_careertraj_setup(r, agreed):
    players = ph.load_dataset("sluggerdata")
    ours = lb.careertraj_setup(players)
    theirs = r("library(LearnBayes); careertraj.setup(sluggerdata)")
    assert ours.player_names == list(theirs["player.names"])
    assert theirs["N"] == ours.N
    for name in ("y", "n", "x", "T"):
        np.testing.assert_array_equal(getattr(ours, name), theirs[name], err_msg=name)
    for case in CASES:
        some = players.sample(60, random_state=case).sort_index()
        some = some[some["Player"].isin(some["Player"].unique()[:5])]
        rows = some.index.to_numpy() + 1
        code = "library(LearnBayes); careertraj.setup(droplevels(sluggerdata[rows, ]))"
        theirs, ours = r(code, rows=rows.astype(np.int32)), lb.careertraj_setup(some)
        for name in ("y", "n", "x", "T"):
            np.testing.assert_array_equal(getattr(ours, name), theirs[name], err_msg=name)
    agreed("careertraj.setup", "deterministic, within 1e-10 relative", len(CASES))


def test_normal_distribution(r):
    """The functions themselves, from the far tails to the branch points."""
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.normal(size=20_000) * 3.0, rng.uniform(-40, 10, 20_000), [0.67448975]])
    np.testing.assert_array_equal(rstats.pnorm(x), r("pnorm(x)", x=x))
    p = np.concatenate([rng.random(20_000), 10.0 ** rng.uniform(-300, 0, 20_000), [0.0, 1.0]])
    np.testing.assert_array_equal(rstats.qnorm(p), r("qnorm(p)", p=p))
