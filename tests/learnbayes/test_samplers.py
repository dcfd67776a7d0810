"""LearnBayes' functions, without R: arguments, fields and errors."""

import numpy as np
import pytest

import pyhier as ph
from pyhier import learnbayes as lb
from pyhier import rstats


@pytest.fixture
def data(schools):
    return np.column_stack([schools["y"], schools["sigma"] ** 2])


def test_eight_schools_as_r_prints_them(data):
    fit = lb.laplace(lb.normnormexch, [8, 2], data)
    assert fit.mode.tolist() == [7.9266850148793289, 1.8415251550264657]
    assert fit.int == -25.263100078288637
    assert fit.converge is True
    rstats.set_seed(11)
    sim = lb.rwmetrop(lb.normnormexch, {"var": fit.var, "scale": 2}, fit.mode, 10_000, data)
    assert sim.accept == 0.3288
    assert sim.par.shape == (10_000, 2)


def test_a_data_frame_is_data(data, schools):
    frame = schools.assign(var=schools["sigma"] ** 2)[["y", "var"]]
    assert lb.normnormexch([8, 2], frame) == lb.normnormexch([8, 2], data)


def test_global_stream_and_rng(data):
    proposal = {"var": np.diag([20.0, 0.5]), "scale": 1}
    rstats.set_seed(5)
    a = lb.rwmetrop(lb.normnormexch, proposal, [8, 2], 100, data)
    b = lb.rwmetrop(lb.normnormexch, proposal, [8, 2], 100, data, rng=ph.RStream(5))
    c = lb.rwmetrop(lb.normnormexch, proposal, [8, 2], 100, data, rng=5)
    np.testing.assert_array_equal(a.par, b.par)
    assert not np.array_equal(a.par, c.par)


def test_start_may_be_a_row_as_in_r(data):
    proposal = {"var": np.diag([20.0, 0.5]), "scale": 1}
    a = lb.rwmetrop(lb.normnormexch, proposal, [[8, 2]], 10, data, rng=1)
    assert a.par.shape == (10, 2)


def test_errors(data):
    good = {"var": np.eye(2), "scale": 2}
    with pytest.raises(ValueError, match="entries 'var' and 'scale'"):
        lb.rwmetrop(lb.normnormexch, {"var": np.eye(2)}, [8, 2], 10, data)
    with pytest.raises(ValueError, match="not positive definite"):
        lb.rwmetrop(lb.normnormexch, good | {"var": [[1, 2], [2, 1]]}, [8, 2], 10, data)
    with pytest.raises(ValueError, match="m is 0"):
        lb.rwmetrop(lb.normnormexch, good, [8, 2], 0, data)
    with pytest.raises(TypeError, match="takes one argument after theta: data"):
        lb.rwmetrop(lb.normnormexch, good, [8, 2], 10)
    with pytest.raises(ValueError, match="give the columns estimates, variances"):
        lb.normnormexch([8, 2], data[:, :1])
    with pytest.raises(ValueError, match=r"data\[:, 1\]\[2\] \(group 3\) is -1.0"):
        lb.normnormexch([8, 2], [[1, 1], [2, 2], [3, -1]])
    with pytest.raises(ValueError, match=r"data\[:, 0\]\[0\] \(group 1\) is nan"):
        lb.normnormexch([8, 2], [[np.nan, 1], [2, 2], [3, 1]])
    with pytest.raises(ValueError, match=r"start\[0\] is nan"):
        lb.rwmetrop(lb.normnormexch, good, [np.nan, 2], 10, data)


def test_errors_of_samplers_from_a_proposal(data):
    tpar = {"m": [8, 2], "var": np.eye(2), "df": 4}
    f, one = lb.normnormexch, lambda theta: theta[0]
    with pytest.raises(ValueError, match="tpar must have the entries 'm', 'var' and 'df'"):
        lb.sir(f, {"m": [8, 2], "var": np.eye(2)}, 10, data)
    with pytest.raises(ValueError, match=r"tpar var has shape \(3, 3\)"):
        lb.sir(f, tpar | {"var": np.eye(3)}, 10, data)
    with pytest.raises(ValueError, match="df is 0"):
        lb.sir(f, tpar | {"df": 0}, 10, data)
    with pytest.raises(ValueError, match="n is 0"):
        lb.sir(f, tpar, 0, data)
    with pytest.raises(ValueError, match=r"dmax\[0\] is nan"):
        lb.rejectsampling(f, tpar, np.nan, 10, data)
    with pytest.raises(ValueError, match=r"h returned array"):
        lb.impsampling(f, tpar, lambda theta: theta, 10, data)
    with pytest.raises(ValueError, match="limits is"):
        lb.simcontour(f, [0, 1, 2], data, 10)
    with pytest.raises(ValueError, match="limits is"):
        lb.simcontour(f, [0, 1, 2, 2], data, 10)
    with pytest.raises(ValueError, match="-inf at all points"):
        lb.impsampling(lambda theta: -np.inf, tpar, one, 10)
    with pytest.raises(ValueError, match="proposal must have the entries 'mu' and 'var'"):
        lb.indepmetrop(f, {"m": [8, 2], "var": np.eye(2)}, [8, 2], 10, data)
    with pytest.raises(ValueError, match="proposal mu has 1 entries"):
        lb.indepmetrop(f, {"mu": [8], "var": np.eye(2)}, [8, 2], 10, data)
    with pytest.raises(ValueError, match=r"scale\[1\] is -1"):
        lb.gibbs(f, [8, 2], 10, [1, -1], data)


def test_all_draws_at_once(data):
    tpar = {"m": [8, 2], "var": np.diag([30.0, 0.5]), "df": 4}

    def h(theta):
        return theta[0] + np.exp(theta[1])

    arguments = lb.normnormexch, tpar, h, 500, data
    one = lb.impsampling(*arguments, rng=1)
    assert lb.impsampling(*arguments, rng=1, vectorised=True).est == pytest.approx(one.est, 1e-13)
    with pytest.raises(ValueError, match=r"h returned shape \(\) for 10 draws"):
        lb.impsampling(lb.normnormexch, tpar, lambda theta: 1.0, 10, data, rng=1, vectorised=True)


def test_any_generator(data):
    tpar = {"m": [8, 2], "var": np.diag([30.0, 0.5]), "df": 4}
    a, b = (lb.sir(lb.normnormexch, tpar, 5_000, data, rng=rng) for rng in (1, ph.RStream(1)))
    assert a.shape == b.shape
    assert a[:, 0].mean() == pytest.approx(b[:, 0].mean(), abs=0.6)  # sds of about 5, ESS 2,000
    grid = lb.simcontour(lb.normnormexch, [-20, 40, -3, 5], data, 5_000, rng=1, size=80)
    assert grid.x.mean() == pytest.approx(a[:, 0].mean(), abs=0.6)


def test_one_coordinate_as_r_writes_it():
    """A start of one coordinate is a number in R, and a logical vector is one of 0 and 1."""
    data = {"data": [1, 0, 2, 3], "par": [4.57, 1.43]}
    fit = lb.laplace(lb.logpoissgamma, 0.5, data)
    np.testing.assert_array_equal(fit.mode, lb.laplace(lb.logpoissgamma, [0.5], data).mode)
    np.testing.assert_array_equal(lb.laplace(lb.logpoissgamma, [[0.5]], data).mode, fit.mode)
    proposal = {"var": float(fit.var[0, 0]), "scale": 2}
    chain = lb.rwmetrop(lb.logpoissgamma, proposal, 0.5, 20, data, rng=1)
    again = lb.rwmetrop(lb.logpoissgamma, {"var": fit.var, "scale": 2}, [0.5], 20, data, rng=1)
    np.testing.assert_array_equal(chain.par, again.par)
    proposal = {"mu": float(fit.mode[0]), "var": float(fit.var[0, 0])}
    assert lb.indepmetrop(lb.logpoissgamma, proposal, 0.5, 20, data, rng=1).par.shape == (20, 1)
    tpar = {"m": float(fit.mode[0]), "var": 2 * float(fit.var[0, 0]), "df": 4}
    assert lb.sir(lb.logpoissgamma, tpar, 20, data, rng=1).shape == (20, 1)
    assert lb.impsampling(lb.logpoissgamma, tpar, lambda t: t, 20, data, rng=1).se > 0.0
    assert lb.gibbs(lb.logpoissgamma, 0.5, 20, 1, data, rng=1).par.shape == (20, 1)
    y, x = np.array([0, 1, 1, 0, 1]), np.ones((5, 1))
    np.testing.assert_array_equal(
        lb.bayes_probit(y == 1, x, 5, rng=1).beta, lb.bayes_probit(y, x, 5, rng=1).beta
    )


def test_optim_of_one_number():
    quiet = {"warn.1d.NelderMead": False}
    found = [
        rstats.optim(start, lambda x: float((x[0] - 1.0) ** 2), control=quiet).par
        for start in (0.5, [0.5])
    ]
    np.testing.assert_array_equal(found[0], found[1])
