"""LearnBayes' samplers against a live LearnBayes: any number of coordinates, and odd densities.

`pyhier.r_bridge.validation.comparisons.samplers` compares their draws on random data.
"""

import numpy as np
import pytest
from pyhier.r_bridge import RError

from pyhier import learnbayes as lb
from pyhier import rstats

QUADRATIC = "function(theta, ...) -0.5 * sum(theta * theta)"


def quadratic(x):
    return -0.5 * float(np.sum(x * x))


@pytest.mark.parametrize("p", [1, 2, 3, 6])
@pytest.mark.parametrize("df", [3.0, np.inf])
def test_any_number_of_coordinates(r, p, df):
    root = np.random.default_rng(p).normal(size=(p, p + 2))
    var = root @ root.T
    code = f"""
        f <- {QUADRATIC}
        set.seed(7); a <- indepmetrop(f, list(mu = mu, var = var), rep(0, p), 300)
        set.seed(7); b <- gibbs(f, matrix(0, 1, p), 300, seq(0.5, 2, length = p))
        tpar <- list(m = mu, var = var, df = df)
        set.seed(7); c <- impsampling(f, tpar, function(t) t[1], 300, NULL)
        set.seed(7); d <- sir(f, tpar, 300, NULL)
        set.seed(7); e <- rejectsampling(f, tpar, dmax, 300, NULL)
        list(a$par, b$par, c$theta, c$est, d, e)
    """
    mu, dmax = np.linspace(-0.5, 0.5, p), 0.5 * float(np.log(np.linalg.det(var))) + p
    theirs = r(code, mu=mu, var=var, p=p, df=df, dmax=dmax)
    tpar = {"m": mu, "var": var, "df": df}

    def draws(function, *args):
        return function(*args, rng=rstats.RStream(7))

    chain = draws(lb.indepmetrop, quadratic, {"mu": mu, "var": var}, np.zeros(p), 300)
    np.testing.assert_array_equal(chain.par, np.reshape(theirs[0], (300, p)))
    tour = draws(lb.gibbs, quadratic, np.zeros(p), 300, np.linspace(0.5, 2.0, p))
    np.testing.assert_array_equal(tour.par, np.reshape(theirs[1], (300, p)))
    found = draws(lb.impsampling, quadratic, tpar, lambda t: t[0], 300)
    np.testing.assert_array_equal(found.theta, np.reshape(theirs[2], (300, p)))
    assert found.est == pytest.approx(theirs[3], rel=1e-11)
    picked = draws(lb.sir, quadratic, tpar, 300)
    np.testing.assert_array_equal(picked, np.reshape(theirs[4], (300, p)))
    kept = draws(lb.rejectsampling, quadratic, tpar, dmax, 300)
    np.testing.assert_array_equal(kept, np.reshape(theirs[5], (-1, p)))
    assert len(kept) > 1


def test_no_mass_beyond_an_end(r):
    """Where the density is 0 they go on as R does."""

    def g(x):
        return -np.inf if x[0] > 0.5 else quadratic(x)

    code = """
        f <- function(theta, ...) if (theta[1] > 0.5) -Inf else -0.5 * sum(theta * theta)
        tpar <- list(m = c(0, 0), var = diag(2), df = 4)
        set.seed(5); a <- indepmetrop(f, list(mu = c(0, 0), var = diag(2)), c(0, 0), 400)$par
        set.seed(5); b <- sir(f, tpar, 300, NULL)
        set.seed(5); c <- simcontour(f, c(-4, 4, -4, 4), NULL, 100)
        list(a, b, c$x)
    """
    theirs = r(code)
    tpar = {"m": [0, 0], "var": np.eye(2), "df": 4}
    chain = lb.indepmetrop(g, {"mu": [0, 0], "var": np.eye(2)}, [0, 0], 400, rng=rstats.RStream(5))
    np.testing.assert_array_equal(chain.par, theirs[0])
    np.testing.assert_array_equal(lb.sir(g, tpar, 300, rng=rstats.RStream(5)), theirs[1])
    grid = lb.simcontour(g, [-4, 4, -4, 4], None, 100, rng=rstats.RStream(5))
    np.testing.assert_array_equal(grid.x, theirs[2])


# --- Where R goes on and we stop, or the reverse --------------------------------------------------


def test_not_a_number(r):
    """R's indepmetrop stops, impsampling returns NaN, rejectsampling rows of NA."""
    text = "f <- function(theta, ...) if (theta[1] > 0) NaN else -0.5 * sum(theta * theta);"
    tpar = {"m": [0, 0], "var": np.eye(2), "df": 4}
    r_tpar = "tpar <- list(m = c(0, 0), var = diag(2), df = 4); set.seed(2);"

    def f(x):
        return np.nan if x[0] > 0 else quadratic(x)

    assert np.isnan(r(f"{text} {r_tpar} impsampling(f, tpar, function(t) 1, 9, NULL)$est"))
    assert np.isnan(r(f"{text} {r_tpar} rejectsampling(f, tpar, 1, 9, NULL)")).any()
    for run in (
        lambda: lb.impsampling(f, tpar, lambda t: 1.0, 9, rng=1),
        lambda: lb.sir(f, tpar, 9, rng=1),
        lambda: lb.rejectsampling(f, tpar, 1.0, 9, rng=1),
        lambda: lb.simcontour(f, [-4, 4, -4, 4], None, 9, rng=1),
    ):
        with pytest.raises(ValueError, match=r"logf is nan at \["):
            run()
    with pytest.raises(RError, match="missing value where TRUE/FALSE needed"):
        r(f"{text} set.seed(2); indepmetrop(f, list(mu = c(0, 0), var = diag(2)), c(-1, 0), 90)")
    proposal = {"mu": [0, 0], "var": np.eye(2)}
    assert lb.indepmetrop(f, proposal, [-1, 0], 90, rng=1).par[:, 0].max() <= 0.0


@pytest.mark.parametrize(("bad", "text"), [(-np.inf, "-Inf"), (np.nan, "NaN")])
def test_gibbs_where_there_is_no_density(r, bad, text):
    """R's chain is NA from a refused step on; ours is R's until then, and goes on."""
    code = f"""
        f <- function(theta, ...) if (is.na(theta[1]) || theta[1] > 0.5) {text} else
            -0.5 * sum(theta * theta)
        set.seed(5); gibbs(f, matrix(0, 1, 2), 400, c(1, 1))$par
    """
    theirs = r(code)
    last = int(np.argmax(np.isnan(theirs).any(axis=1)))
    assert 3 < last < 399
    assert np.isnan(theirs[last + 1 :]).all()

    def f(x):
        return bad if x[0] > 0.5 else quadratic(x)

    ours = lb.gibbs(f, [0, 0], 400, [1, 1], rng=rstats.RStream(5)).par
    np.testing.assert_array_equal(ours[:last], theirs[:last])
    assert ours[:, 0].max() <= 0.5
    assert len(np.unique(ours[last:, 0])) > 50


def test_betabinexch_for_large_k(r):
    """R's value is rounding error there; ours tends to the binomial likelihood's, less log K."""
    data = np.array([[3.0, 20.0], [5.0, 30.0], [2.0, 25.0]])
    at = [[-1.5, k] for k in (8.0, 38.0, 44.0)]
    theirs = r("apply(x, 1, function(t) betabinexch(t, data))", x=np.array(at), data=data)
    ours = np.array([lb.betabinexch(x, data) for x in at])
    assert ours[0] == pytest.approx(theirs[0], rel=1e-10)
    assert np.abs(theirs[1:] - ours[1:]).max() > 1.0
    assert ours[2] - ours[1] == pytest.approx(-6.0, abs=1e-9)


def test_too_few_scales(r):
    """R fills the chain with NA."""
    theirs = r(f"gibbs({QUADRATIC}, matrix(0, 1, 2), 3, 1)$par")
    assert np.isnan(theirs).any()
    with pytest.raises(ValueError, match="scale has 1 entries: give 2"):
        lb.gibbs(quadratic, [0, 0], 3, 1.0)
