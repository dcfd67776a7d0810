"""R's optim, without R: recorded results and what it promises."""

import numpy as np
import pytest

from pyhier.rstats import optim, optimHess


def rosenbrock(x):
    return 100 * (x[1] - x[0] * x[0]) ** 2 + (1 - x[0]) ** 2


def test_result_recorded_from_r():
    # R 4.2.2: optim(c(-1.2, 1), fr), the example of its help page
    fit = optim([-1.2, 1.0], rosenbrock)
    assert fit.par.tolist() == [1.0002601387256695, 1.000505999303765]
    assert fit.value == 8.825241096722747e-08
    assert fit.counts == {"function": 195, "gradient": None}
    assert (fit.convergence, fit.message, fit.hessian) == (0, None, None)


def test_eight_schools_to_the_last_digit(model):
    fit = optim([8, 2], model.log_marginal, control={"fnscale": -1}, hessian=True)
    assert fit.par.tolist() == [7.9266850148793289, 1.8415251550264657]
    assert fit.counts["function"] == 41
    assert fit.hessian is not None


def test_maxit_is_said():
    assert optim([-1.2, 1.0], rosenbrock, control={"maxit": 20}).convergence == 1


def test_data_is_passed_on():
    fit = optim([0.0, 0.0], lambda x, a, b: np.sum((x - a) ** 2) + b, np.array([1.0, 2.0]), 5.0)
    np.testing.assert_allclose(fit.par, [1.0, 2.0], atol=1e-3)
    assert fit.value == pytest.approx(5.0, abs=1e-6)


def test_values_that_are_not_finite_are_avoided():
    fit = optim([1.0, 1.0], lambda x: np.nan if x[0] < 0.5 else np.sum(x**2))
    assert fit.par[0] >= 0.5
    assert fit.par[0] == pytest.approx(0.5, abs=0.01)


def test_hessian_of_a_parabola():
    a = np.array([[3.0, 1.0, 0.0], [1.0, 4.0, -1.0], [0.0, -1.0, 5.0]])
    hessian = optimHess([0.3, -0.2, 1.0], lambda x: 0.5 * x @ a @ x)
    np.testing.assert_allclose(hessian, a, atol=1e-8)  # exact but for rounding over ndeps^2


def test_one_dimension_warns_as_r_does():
    with pytest.warns(RuntimeWarning, match="one-dimensional"):
        optim([1.0], lambda x: (x[0] - 2.0) ** 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "BFGS"}, "only 'Nelder-Mead'"),
        ({"control": {"fnscal": -1}}, "no entry 'fnscal'"),
        ({"control": {"fnscale": 0}}, "fnscale is 0"),
        ({"control": {"parscale": [1, 2, 3]}}, "parscale has 3 entries: give 2"),
        ({"control": {"ndeps": [1e-3, 0]}, "hessian": True}, "must be finite and not 0"),
    ],
)
def test_wrong_options(arguments, message):
    with pytest.raises(ValueError, match=message):
        optim([1.0, 1.0], rosenbrock, **arguments)


def test_wrong_starts():
    with pytest.raises(ValueError, match="not finite at par"):
        optim([1.0, 1.0], lambda x: np.nan)
    with pytest.raises(ValueError, match="start at finite"):
        optim([np.inf, 1.0], rosenbrock)
    with pytest.raises(ValueError, match="par is empty"):
        optim([], rosenbrock)
    with pytest.raises(ValueError, match=r"not finite next to par\[0\]"):
        optimHess([0.0], lambda x: np.sqrt(x[0]) if x[0] > 0 else -np.inf)
