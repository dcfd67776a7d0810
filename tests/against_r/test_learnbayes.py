"""LearnBayes' functions against a live LearnBayes on random data: the same bits.

The differences asserted here are the ones on the differences page (vignettes/differences.md).
"""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import pyhier as ph
from pyhier import learnbayes as lb
from pyhier import rstats

CASES = 200

# The whole script of the R post on one data set, with both forms of the log posterior.
SCRIPT = """
    suppressWarnings({
    logpost <- function(lambda, sigma, y)
        sum(-0.5 * log(exp(2 * lambda[2]) + sigma^2) -
            ((lambda[1] - y)^2) / (2 * (sigma^2 + exp(2 * lambda[2])))) + lambda[2]
    data <- cbind(y, se^2)
    said <- function(e) conditionMessage(e)
    o <- optim(start, logpost, control = list(fnscale = -1), sigma = se, y = y)
    h <- optimHess(o$par, logpost, sigma = se, y = y, control = list(fnscale = -1))
    l <- tryCatch(laplace(normnormexch, start, data), error = said)
    if (is.list(l)) {
        proposal <- list(var = l$var, scale = 2)
        set.seed(seed)
        w <- tryCatch(rwmetrop(normnormexch, proposal, l$mode, 500, data), error = said)
        set.seed(seed)
        post <- tryCatch(rwmetrop(logpost, proposal, l$mode, 500, se, y), error = said)
    } else w <- post <- NULL
    list(optim = o[1:4], hessian = h, laplace = l, rwmetrop = w, post = post, after = runif(1))
    })
"""


def random_data(case):
    """2 to 200 groups, scales from 1e-6 to 1e6, tau from 1% to 1000% of the standard errors."""
    rng = np.random.default_rng([20261120, case])
    groups = int(rng.integers(2, 12) if case % 3 == 0 else rng.integers(2, 201))
    scale = 10.0 ** rng.uniform(-6, 6)
    se = scale * 10.0 ** rng.uniform(-1, 1, groups)
    tau = scale * 10.0 ** rng.uniform(-2, 1)
    y = rng.normal(5.0 * scale * rng.normal(), np.hypot(tau, se))
    seed = int(rng.integers(-(2**31) + 1, 2**31))
    return {"y": y, "se": se, "start": [np.mean(y), np.log(np.std(y))], "seed": seed}


def marginal(data):
    """The R post's log posterior, compiled; two groups need no proper prior just to be compared."""
    return ph.kernels.density.NormalMarginal(data["y"], data["se"] ** 2)


@pytest.fixture(scope="module")
def results(r):
    return [(case, r(SCRIPT, **random_data(case))) for case in range(CASES)]


def test_optim_and_hessian(results):
    for case, theirs in results:
        data = random_data(case)
        fit = rstats.optim(data["start"], marginal(data), control={"fnscale": -1}, hessian=True)
        np.testing.assert_array_equal(fit.par, theirs["optim"]["par"])
        assert fit.value == theirs["optim"]["value"]
        assert fit.counts["function"] == theirs["optim"]["counts"][0]
        assert fit.convergence == theirs["optim"]["convergence"]
        np.testing.assert_array_equal(fit.hessian, theirs["hessian"])


def is_covariance(var):
    return bool(np.all(np.linalg.eigvalsh((var + var.T) / 2) > 0.0))


def test_laplace(results):
    """Equal where R's fit is one; an error where R stops or returns a covariance that is none."""
    equal = 0
    for case, theirs in results:
        data = random_data(case)
        table = np.column_stack([data["y"], data["se"] ** 2])
        r_fit = theirs["laplace"]
        if isinstance(r_fit, str) or not is_covariance(r_fit["var"]):
            with pytest.raises(ValueError, match=r"is no maximum|is flat"):
                lb.laplace(lb.normnormexch, data["start"], table)
            continue
        fit = lb.laplace(lb.normnormexch, data["start"], table)
        np.testing.assert_array_equal(fit.mode, r_fit["mode"])
        np.testing.assert_array_equal(fit.var, r_fit["var"])
        # R takes the log of det(), which is itself exp of this log: at most an ulp or two apart.
        assert fit.int == pytest.approx(r_fit["int"], rel=4e-16, abs=4e-16)
        assert fit.converge == r_fit["converge"]
        equal += 1
    assert equal > 0.85 * CASES


def test_rwmetrop(results):
    """All rows of both forms' chains, and the state the stream is left in."""
    equal = 0
    for case, theirs in results:
        data = random_data(case)
        table = np.column_stack([data["y"], data["se"] ** 2])
        fit = theirs["laplace"]
        if not isinstance(theirs["rwmetrop"], dict):
            continue
        proposal = {"var": fit["var"], "scale": 2}
        rstats.set_seed(data["seed"])
        sim = lb.rwmetrop(lb.normnormexch, proposal, fit["mode"], 500, table)
        np.testing.assert_array_equal(sim.par, theirs["rwmetrop"]["par"])
        assert sim.accept == theirs["rwmetrop"]["accept"]
        rstats.set_seed(data["seed"])
        sim = lb.rwmetrop(marginal(data), proposal, fit["mode"], 500)
        np.testing.assert_array_equal(sim.par, theirs["post"]["par"])
        assert rstats.runif(1)[0] == theirs["after"]
        equal += 1
    assert equal > 0.85 * CASES


def test_normnormexch(r):
    """Its values are R's, bit for bit, over 40 units of log tau."""
    rng = np.random.default_rng(6)
    for case in range(20):
        data = random_data(case)
        table = np.column_stack([data["y"], data["se"] ** 2])
        points = np.column_stack(
            [rng.choice(data["y"], 30), np.log(data["se"].mean()) + rng.uniform(-20, 20, 30)]
        )
        theirs = r("apply(x, 1, function(t) normnormexch(t, data))", x=points, data=table)
        np.testing.assert_array_equal([lb.normnormexch(x, table) for x in points], theirs)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda x: -0.5 * (x[0] * x[0]), "function(x) -0.5 * (x[1] * x[1])"),
        (
            lambda x: np.nan if x[0] > 1 else -0.5 * (x[0] * x[0]),
            "function(x) if (x[1] > 1) NaN else -0.5 * (x[1] * x[1])",
        ),
        (
            lambda x: -np.inf if x[0] > 1 else -0.5 * (x[0] * x[0]),
            "function(x) if (x[1] > 1) -Inf else -0.5 * (x[1] * x[1])",
        ),
    ],
    ids=["normal", "NaN beyond 1", "-Inf beyond 1"],
)
@pytest.mark.parametrize("p", [1, 2, 3, 6])
def test_python_callables(r, ours, theirs, p):
    """Any number of coordinates; refused proposals use the stream as R's do."""
    root = np.random.default_rng(p).normal(size=(p, p + 2))
    var = root @ root.T
    code = f"set.seed(9); s <- rwmetrop({theirs}, list(var = var, scale = 1.3), rep(0, p), 400)"
    sim = r(code + "; list(s$par, s$accept, runif(1))", var=var, p=p)
    rstats.set_seed(9)
    mine = lb.rwmetrop(ours, {"var": var, "scale": 1.3}, np.zeros(p), 400)
    np.testing.assert_array_equal(mine.par, np.reshape(sim[0], (400, p)))
    assert mine.accept == sim[1]
    assert rstats.runif(1)[0] == sim[2]


def test_learnbayes_with_a_python_log_posterior(r, model):
    """The bridge's other direction: R's own loop, our compiled density called back from it."""
    fit = ph.laplace(model, start=[8, 2])
    code = "set.seed(11); rwmetrop(f, list(var = var, scale = 2), mode, 2000)$par"
    theirs = r(code, f=lambda x: model.log_marginal(x.ravel()), var=fit.var, mode=fit.mode)
    ours = ph.rwmetrop(model, 2000, fit, 2, rng=ph.RStream(11), theta=False)
    np.testing.assert_array_equal(ours.phi[0], theirs)


# --- Where R goes on and we stop ------------------------------------------------------------------


def test_flat_density(r):
    with pytest.raises(RuntimeError, match="exactly singular"):
        r("laplace(function(x) 1, c(1, 1))")
    with pytest.raises(ValueError, match="is flat"):
        lb.laplace(lambda x: 1.0, [1, 1])


def test_no_maximum(results):
    """R returns a "covariance" with negative variances and int = NaN, and says it converged."""
    fits = [(case, found["laplace"]) for case, found in results]
    wrong = [(case, fit) for case, fit in fits if isinstance(fit, dict) and np.isnan(fit["int"])]
    assert wrong
    for case, fit in wrong:
        assert fit["var"][0, 0] < 0.0
        assert fit["converge"]
        data = random_data(case)
        table = np.column_stack([data["y"], data["se"] ** 2])
        with pytest.raises(ValueError, match="is no maximum"):
            lb.laplace(lb.normnormexch, data["start"], table)


def test_start_where_the_density_is_nan(r):
    """R returns a chain that stands still."""
    chain = r("rwmetrop(function(x) NaN, list(var = diag(2), scale = 2), c(5, 0), 5)")
    assert chain["accept"] == 0.0
    with pytest.raises(ValueError, match="nan at the start"):
        lb.rwmetrop(lambda x: np.nan, {"var": np.eye(2), "scale": 2}, [5, 0], 5)


@pytest.mark.parametrize("step", [0.1, 0.5, 1.0, 1 / 3])
def test_discrete_posteriors_as_r_prints_them(r, step):
    values = step * np.arange(1, 30)
    code = """
    prior <- rep(1, length(v)); names(prior) <- v
    d <- LearnBayes::discrete.bayes(dpois, prior, c(2, 4, 0, 3))
    paste(capture.output(print(d)), collapse = "\\n")
    """
    post = lb.discrete_bayes(stats.poisson.pmf, pd.Series(1.0, index=values), [2, 4, 0, 3])
    assert str(post) == r(code, v=values)


def test_beta_select_with_rs_early_stop(r):
    """The same two digits from R's search, with the quantiles in either order."""
    rng = np.random.default_rng(1)
    for _ in range(30):
        x1 = rng.uniform(0.05, 0.6)
        x2 = x1 + rng.uniform(0.05, 0.35)
        low, high = {"p": rng.choice([0.1, 0.5]), "x": x1}, {"p": rng.choice([0.75, 0.9]), "x": x2}
        for pair in ((low, high), (high, low)):
            theirs = r("beta.select(a, b)", a=pair[0], b=pair[1])
            np.testing.assert_array_equal(lb.beta_select(*pair, r=True), theirs)


def test_rtruncated_vectors(r):
    code = "set.seed(3); rtruncated(7, c(0, 1, 2), c(3, 5), pgamma, qgamma, c(2, 3), 1.5)"
    theirs = r(f"suppressWarnings({{ {code} }})")
    rstats.set_seed(3)
    draws = lb.rtruncated(7, [0, 1, 2], [3, 5], rstats.pgamma, rstats.qgamma, [2, 3], 1.5)
    np.testing.assert_allclose(draws, theirs, rtol=1e-12)


CURVES = [
    ("cos(x) * x", lambda x: np.cos(x) * x, 0.0, 3.0),
    ("abs(x - 0.7)", lambda x: abs(x - 0.7), -1, 2),
    ("x^4 - 3 * x", lambda x: x**4 - 3 * x, -5, 6), ("exp(x) - 5", lambda x: np.exp(x) - 5, -3, 8),
]  # fmt: skip


@pytest.mark.parametrize(("code", "f", "low", "high"), CURVES, ids=[c[0] for c in CURVES])
def test_optimize_uniroot_integrate(r, code, f, low, high):
    """The same steps, so the same bits, but where exp or a power differs in its last place."""
    theirs = r(
        f"""f <- function(x) {code}; i <- integrate(f, a, b)
        u <- tryCatch(unlist(uniroot(f, c(a, b))[c("root", "f.root", "iter", "estim.prec")]),
                      error = function(e) NULL)
        list(unlist(optimize(f, c(a, b))), unlist(optimize(f, c(a, b), maximum = TRUE)),
             u, i$value, i$abs.error, i$subdivisions, capture.output(i))""",
        a=float(low), b=float(high),
    )  # fmt: skip
    best, worst = rstats.optimize(f, (low, high)), rstats.optimize(f, (low, high), maximum=True)
    np.testing.assert_allclose([best.minimum, best.objective], theirs[0], rtol=1e-14)
    np.testing.assert_allclose([worst.maximum, worst.objective], theirs[1], rtol=1e-14)
    if theirs[2] is not None:
        found = rstats.uniroot(f, (low, high))
        ours = [found.root, found.f_root, found.iter, found.estim_prec]
        np.testing.assert_allclose(ours, theirs[2], rtol=1e-9)
    area = rstats.integrate(f, low, high)
    np.testing.assert_allclose([area.value, area.abs_error], theirs[3:5], rtol=1e-10)
    assert (area.subdivisions, str(area)) == (theirs[5], theirs[6])


def test_sd_and_var(r):
    x = np.random.default_rng(2).normal(1e5, 3.0, (40, 3))
    np.testing.assert_array_equal(rstats.var(x), r("var(x)", x=x))
    assert rstats.sd(x[:, 0]) == r("sd(x[, 1])", x=x)
