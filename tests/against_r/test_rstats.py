"""Streams, optim, optimHess, solve and chol against a live R: the same bits."""

import numpy as np
import pytest
from pyhier.r_bridge import RError

from pyhier import rstats
from pyhier.rstats import RStream

SEEDS = [0, 1, -1, 11, 42, 2**31 - 1, -(2**31) + 1, 123456789, -987654321, 1.9, -1.9]


@pytest.mark.parametrize("seed", SEEDS)
def test_streams(r, seed):
    """Uniforms and normals in turn, over several refills of the generator's 624 words."""
    code = """
        set.seed(seed)
        list(runif(1000), rnorm(5000), runif(3, -2, 7), rnorm(4, c(1, -5), c(2, 3, 0)),
             .Random.seed)
    """
    uniform, normal, limits, scaled, state = r(code, seed=seed)
    stream = RStream(seed)
    np.testing.assert_array_equal(stream.runif(1000), uniform)
    np.testing.assert_array_equal(stream.rnorm(5000), normal)
    np.testing.assert_array_equal(stream.runif(3, -2, 7), limits)
    np.testing.assert_array_equal(stream.rnorm(4, [1, -5], [2, 3, 0]), scaled)
    np.testing.assert_array_equal(stream.random_seed, state)


def test_random_seeds(r):
    seeds = np.random.default_rng(1).integers(-(2**31) + 1, 2**31, 300)
    code = "sapply(seeds, function(s) { set.seed(s); c(runif(1), rnorm(1), runif(1)) })"
    ours = []
    for seed in seeds:
        stream = RStream(int(seed))
        ours.append(np.concatenate([stream.runif(1), stream.rnorm(1), stream.runif(1)]))
    np.testing.assert_array_equal(np.transpose(ours), r(code, seeds=seeds.astype(np.int32)))


def test_two_million_normals(r):
    """All branches of the quantile function, far tails included."""
    theirs = r("set.seed(3); rnorm(2e6)")
    np.testing.assert_array_equal(RStream(3).rnorm(2_000_000), theirs)
    assert np.max(np.abs(theirs)) > 5.0


@pytest.mark.parametrize("seed", [2**31, float("nan"), float("inf")])
def test_seeds_that_r_refuses(r, seed):
    with pytest.raises(RError, match="not a valid integer"):
        r("suppressWarnings(set.seed(seed))", seed=float(seed))
    with pytest.raises(ValueError, match="seed is"):
        RStream(seed)


# Functions written in the same operations in both languages, so that their bits agree.
FUNCTIONS = {
    "rosenbrock": (
        lambda x: 100 * (x[1] - x[0] * x[0]) * (x[1] - x[0] * x[0]) + (1 - x[0]) * (1 - x[0]),
        "function(x) 100 * (x[2] - x[1] * x[1]) * (x[2] - x[1] * x[1]) + (1 - x[1]) * (1 - x[1])",
        [-1.2, 1.0],
    ),
    "wood": (
        lambda x: (
            100 * (x[0] * x[0] - x[1]) * (x[0] * x[0] - x[1])
            + (x[0] - 1) * (x[0] - 1)
            + (x[2] - 1) * (x[2] - 1)
            + 90 * (x[2] * x[2] - x[3]) * (x[2] * x[2] - x[3])
        ),
        "function(x) 100 * (x[1] * x[1] - x[2]) * (x[1] * x[1] - x[2]) + (x[1] - 1) * (x[1] - 1)"
        " + (x[3] - 1) * (x[3] - 1) + 90 * (x[3] * x[3] - x[4]) * (x[3] * x[3] - x[4])",
        [-3.0, -1.0, -3.0, -1.0],
    ),
    "ridge": (
        lambda x: abs(x[0] - 2 * x[1]) + 0.001 * (x[0] * x[0] + x[2] * x[2]),
        "function(x) abs(x[1] - 2 * x[2]) + 0.001 * (x[1] * x[1] + x[3] * x[3])",
        [0.0, 1e6, -1e-3],
    ),
    "cliff": (
        lambda x: np.inf if x[0] < 0.5 else x[0] * x[0] + x[1] * x[1],
        "function(x) if (x[1] < 0.5) Inf else x[1] * x[1] + x[2] * x[2]",
        [1.0, 1.0],
    ),
    "steps": (
        lambda x: float(np.floor(4 * abs(x[0])) + np.floor(4 * abs(x[1]))),
        "function(x) floor(4 * abs(x[1])) + floor(4 * abs(x[2]))",
        [5.3, -3.1],
    ),
}

CONTROLS = [
    {},
    {"maxit": 30},
    {"maxit": 10_000, "reltol": 1e-15},
    {"fnscale": 3.0},
    {"parscale": 7.0},
    {"abstol": 0.5},
    {"alpha": 1.3, "beta": 0.4, "gamma": 1.7},
]


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("control", CONTROLS, ids=str)
def test_optim(r, name, control):
    ours, theirs, start = FUNCTIONS[name]
    p = len(start)
    options = {k: np.full(p, v) if k == "parscale" else v for k, v in control.items()}
    code = (
        f"o <- optim(start, {theirs}, control = as.list(control)); list(o[1:4], is.null(o$message))"
    )
    result, no_message = r(code, start=start, control=options)
    fit = rstats.optim(start, ours, control=options)
    np.testing.assert_array_equal(fit.par, result["par"])
    assert fit.value == result["value"]
    assert fit.counts["function"] == result["counts"][0]
    assert fit.convergence == result["convergence"]
    assert (fit.message is None) == no_message


def test_optim_at_every_maxit(r):
    """Where the limit falls within a shrink, and where it is below the first simplex."""
    ours, theirs, start = FUNCTIONS["steps"]
    limits = np.arange(1, 121)
    code = f"""sapply(limits, function(m) {{
        o <- optim(start, {theirs}, control = list(maxit = m))
        c(o$par, o$value, o$counts[1], o$convergence)
    }})"""
    expected = r(code, start=start, limits=limits.astype(float))
    for k, limit in enumerate(limits):
        fit = rstats.optim(start, ours, control={"maxit": limit})
        found = [*fit.par, fit.value, fit.counts["function"], fit.convergence]
        np.testing.assert_array_equal(found, expected[:, k], err_msg=str(limit))
    constant = r("unlist(optim(c(1, 1), function(x) 1, control = list(maxit = 2))[3:4])")
    fit = rstats.optim([1, 1], lambda x: 1.0, control={"maxit": 2})
    assert [fit.counts["function"], fit.convergence] == [constant[0], constant[2]]


@pytest.mark.parametrize("name", ["rosenbrock", "wood"])
@pytest.mark.parametrize(
    "control", [{}, {"ndeps": 1e-5}, {"fnscale": -2.5}, {"parscale": 3.7, "ndeps": 2e-3}], ids=str
)
def test_optim_hess(r, name, control):
    ours, theirs, start = FUNCTIONS[name]
    p = len(start)
    options = {k: v if k == "fnscale" else np.full(p, v) for k, v in control.items()}
    point = np.random.default_rng(1).normal(size=p)
    hessian = r(f"optimHess(x, {theirs}, control = as.list(control))", x=point, control=options)
    np.testing.assert_array_equal(rstats.optimHess(point, ours, control=options), hessian)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7, 8, 12])
def test_solve_and_chol(r, n):
    rng = np.random.default_rng(n)
    for _ in range(10):
        root = rng.normal(size=(n, n + 1)) * 10.0 ** rng.uniform(-3, 3, size=(n, 1))
        matrix = root @ root.T
        code = "list(solve(a), chol(b), solve(a, y))"
        inverse, upper, x = r(code, a=matrix[::-1], b=matrix, y=root[:, 0])
        np.testing.assert_array_equal(rstats.solve(matrix[::-1]), np.reshape(inverse, (n, n)))
        np.testing.assert_array_equal(rstats.solve(matrix[::-1], root[:, 0]), np.ravel(x))
        np.testing.assert_array_equal(rstats.chol(matrix), np.reshape(upper, (n, n)))


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(
    "control",
    [
        {"trace": 1},
        {"trace": 2, "maxit": 30, "REPORT": 5},
        {"trace": 1, "abstol": 10.0, "tmax": 3},
        {"trace": 1, "alpha": 1.2, "beta": 0.6, "gamma": 2.5, "fnscale": 10.0},
        {"trace": 1, "beta": 0.99, "parscale": 3.0},
    ],
)
def test_optim_report(r, capsys, name, control):
    """What ``trace`` prints, and the answer, under every control of the method."""
    ours, theirs, start = FUNCTIONS[name]
    if "parscale" in control:
        control = control | {"parscale": [control["parscale"]] * len(start)}
    code = f"""
        text <- capture.output(fit <- optim(start, {theirs}, control = control))
        list(text, fit$par, fit$convergence)
    """
    text, par, convergence = r(code, start=start, control=control)
    capsys.readouterr()
    fit = rstats.optim(start, ours, control=control)
    assert capsys.readouterr().out.splitlines() == list(text)
    np.testing.assert_array_equal(fit.par, par)
    assert fit.convergence == convergence


def test_optim_warning_about_one_dimension_can_be_turned_off():
    fit = rstats.optim([1.0], lambda x: x[0] * x[0], control={"warn.1d.NelderMead": False})
    assert abs(fit.par[0]) < 1e-3
