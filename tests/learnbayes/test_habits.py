"""What porters write by habit: data by name, vectors, R's components, contours on contours."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

import pyhier as ph
from pyhier import learnbayes as lb
from pyhier import rstats

Y = np.array([1.0, 3.0, 2.5])


def logf(theta, y, scale=1.0):
    return -0.5 * float(np.sum((y - theta[0]) ** 2)) / scale


def test_arguments_by_name_leave_the_other_places_free():
    """As in R: ``size`` is named, so that the parameter's value goes to ``prob``."""
    prior = {0.2: 0.5, 0.6: 0.5}
    post = lb.discrete_bayes(rstats.dbinom, prior, 3, size=5)
    weights = rstats.dbinom(3, 5, [0.2, 0.6])
    np.testing.assert_allclose(post.prob, weights / weights.sum(), rtol=1e-14)
    named = lb.rtruncated(2, 0, 1, rstats.pnorm, rstats.qnorm, 2.0, mean=1.0, rng=ph.RStream(1))
    placed = lb.rtruncated(2, 0, 1, rstats.pnorm, rstats.qnorm, 1.0, 2.0, rng=ph.RStream(1))
    np.testing.assert_array_equal(named, placed)
    with pytest.raises(TypeError):
        lb.discrete_bayes(rstats.dbinom, prior, 3, 5, size=5, prob=0.1)


def test_data_by_name():
    by_place, by_name = lb.laplace(logf, [0.0], Y), lb.laplace(logf, [0.0], y=Y)
    assert by_name.mode == by_place.mode
    other = lb.laplace(logf, [0.0], scale=2.0, y=Y)
    np.testing.assert_allclose(other.var, 2.0 * by_place.var, rtol=1e-6)
    built_in = {"m": [0, 0], "v": np.eye(2)}
    assert lb.laplace(lb.lbinorm, [1, 1], par=built_in).converge
    for run in (
        lambda **data: lb.rwmetrop(logf, {"var": [[1.0]], "scale": 1}, [0.0], 50, rng=1, **data),
        lambda **data: lb.gibbs(logf, [0.0], 50, [1.0], rng=1, **data),
        lambda **data: lb.indepmetrop(logf, {"mu": [2], "var": [[1]]}, [2.0], 50, rng=1, **data),
    ):
        assert np.isfinite(run(y=Y).par).all()
    with pytest.raises(TypeError, match="does not take data by name"):
        lb.laplace(logf, [0.0], data=Y)


def test_truncated_vectors():
    """A draw for each of R's recycled limits and parameters."""
    mean, low = np.array([0.0, 10.0, 20.0]), np.array([0.5, 10.5, 19.0])
    draws = lb.rtruncated(6, low, np.inf, rstats.pnorm, rstats.qnorm, mean, 1.0, rng=1)
    assert (draws > np.resize(low, 6)).all()
    with pytest.raises(ValueError, match="pf is 0.5 at lo = 0.0 and 0.5 at hi = 0.0"):
        lb.rtruncated(3, [-1.0, 0.0], 0.0, rstats.pnorm, rstats.qnorm)


def test_a_function_that_returns_an_array_of_one():
    fit = rstats.optim([1.0, 1.0], lambda x: np.array([np.sum((x - 3.0) ** 2)]), hessian=True)
    np.testing.assert_allclose(fit.par, 3.0, atol=1e-3)
    np.testing.assert_allclose(fit.hessian, 2.0 * np.eye(2), atol=1e-6)
    with pytest.raises(ValueError, match="the function returned 2 numbers, not 1"):
        rstats.optim([1.0], lambda x: np.array([1.0, 2.0]), control={"warn.1d.NelderMead": False})


def test_components_by_r_names():
    fit = lb.laplace(logf, [0.0], y=Y)
    assert fit["mode"] is fit.mode
    assert fit["int"] == fit.int
    optimum = rstats.optim([1.0, 2.0], lambda x: float(np.sum(x * x)))
    assert optimum["par"] is optimum.par
    assert "convergence" in optimum.keys()  # noqa: SIM118 (names(optimum))
    assert dict(optimum)["value"] == optimum.value
    with pytest.raises(KeyError, match=r"there is no component 'pars': there are par, value"):
        optimum["pars"]
    with pytest.raises(TypeError, match="is no sequence: its components are"):
        list(optimum.__iter__())


def test_contours_on_contours():
    par = {"m": [0, 0], "v": np.eye(2)}
    ax = lb.mycontour(lb.lbinorm, [-4, 4, -4, 4], par, xlab="x", main="both")
    same = lb.mycontour(lb.lbinorm, [-4, 4, -4, 4], {"m": [1, 1], "v": np.eye(2)}, add=True, col=2)
    assert same is ax
    assert (ax.get_xlabel(), ax.get_title()) == ("x", "both")
    assert len(ax.collections) >= 2
    again = lb.mycontour(lb.lbinorm, [-4, 4, -4, 4], par, ax=ax, ylab="y", col="red")
    assert (again.get_xlabel(), again.get_ylabel()) == ("x", "y")
    plt.close("all")


def test_minimum_root_integral():
    assert rstats.optimize(np.cos, (0, 1), maximum=True)["maximum"] == pytest.approx(0, abs=1e-4)
    assert rstats.optimize(np.cos, lower=2, upper=4).minimum == pytest.approx(np.pi, abs=1e-4)
    assert rstats.uniroot(np.cos, (0, 3)).root == pytest.approx(np.pi / 2, abs=1e-4)
    assert str(rstats.integrate(np.exp, 0, 1)) == "1.718282 with absolute error < 1.9e-14"
    with pytest.raises(ValueError, match="not of opposite sign"):
        rstats.uniroot(np.exp, (0, 1))
    with pytest.raises(ValueError, match="non-finite function value"):
        rstats.integrate(lambda x: np.inf, 0, 1)
    with pytest.raises(ValueError, match="integrate: "):
        rstats.integrate(lambda x: 1 / x, 1e-300, 1)
    with pytest.raises(TypeError, match="give an interval"):
        rstats.optimize(np.cos)
    with pytest.raises(ValueError, match="must be finite and in order"):
        rstats.optimize(np.cos, (1, 1))


def test_spread():
    x = np.random.default_rng(1).normal(1e6, 1.0, (30, 2))
    np.testing.assert_allclose(rstats.var(x), np.cov(x.T), rtol=1e-9)
    assert rstats.sd(x[:, 0]) == pytest.approx(np.std(x[:, 0], ddof=1), rel=1e-9)
    gaps = np.array([1.0, np.nan, 3.0])
    assert np.isnan(rstats.sd(gaps))
    assert rstats.var(gaps, na_rm=True) == 2.0
    assert rstats.var([1.0, 2.0, 4.0], [1.0, 3.0, 2.0]) == pytest.approx(0.5)
    with pytest.raises(ValueError, match="a variance needs two"):
        rstats.sd([1.0])
    with pytest.raises(ValueError, match="x has 2 rows and y 3"):
        rstats.var([1, 2], [1, 2, 3])
