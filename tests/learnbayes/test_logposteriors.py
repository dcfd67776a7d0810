"""The faces of the compiled log posteriors: in samplers, pickled, and with bad input."""

import inspect
import pickle

import numpy as np
import pytest

import pyhier as ph
from pyhier import learnbayes as lb

TRIALS = np.column_stack([[1.0, 3, 2, 4], [10.0, 10, 10, 10]])
HEARTS = {"data": np.column_stack([[532, 584, 672], [0, 1, 2]]), "z0": 0.5}
BINS = {"int_lo": [-np.inf, 10, 20], "int_hi": [10, 20, np.inf], "f": [3, 9, 4]}
POINTS = [
    (lb.betabinexch, [-1, 2], TRIALS),
    (lb.betabinexch0, [0.3, 5], TRIALS),
    (lb.bfexch, [-1], {"data": TRIALS, "K": 20}),
    (lb.poissgamexch, [1, -6], HEARTS),
    (lb.cauchyerrorpost, [4, 0], [1.0, 3, 5, 4, 9]),
    (lb.groupeddatapost, [15, 1.5], BINS),
    (lb.logctablepost, [0, 0], [6, 2, 3, 10]),
    (lb.logisticpost, [0, 1], [[-1.0, 5, 1], [0, 5, 3], [1, 5, 4]]),
    (lb.logpoissgamma, [1], {"data": [2, 4, 3], "par": [1, 1]}),
    (lb.logpoissnormal, [1], {"data": [2, 4, 3], "par": [1, 1]}),
    (lb.lbinorm, [0.5, 0.5], {"m": [0, 0], "v": [[1, 0.6], [0.6, 1]]}),
    (lb.howardprior, [0.4, 0.5], [1, 1, 1, 1, 2]),
    (lb.normchi2post, [4, 8], [1.0, 3, 5, 4, 9]),
]


@pytest.mark.parametrize(("logpost", "point", "data"), POINTS)
def test_in_a_sampler(logpost, point, data):
    """The compiled chain is the chain of the same function called from Python.

    (On R's stream the compiled one knows where R's formula is NaN; NumPy's has no such rule.)
    """
    proposal = {"var": 0.01 * np.eye(len(point)), "scale": 1}
    chains = []
    for function in (logpost, lambda x, data: float(np.ravel(logpost(x, data))[0])):
        chains.append(lb.rwmetrop(function, proposal, point, 200, data, rng=4))
    assert 0.05 < chains[0].accept < 1.0
    np.testing.assert_array_equal(chains[0].par, chains[1].par)
    assert logpost.compiled_for(data).compiled


@pytest.mark.parametrize(("logpost", "point", "data"), POINTS)
def test_a_function_like_any_other(logpost, point, data):
    assert pickle.loads(pickle.dumps(logpost)) is logpost
    assert len(inspect.signature(logpost).parameters) == 2
    assert repr(logpost).startswith(f"<log posterior {logpost.__name__}(")
    with pytest.raises(TypeError, match="takes one argument after theta"):
        lb.laplace(logpost, point)


def test_laplace_of_the_book():
    """Albert's cancer mortality, section 5.4, and the book's numbers."""
    fit = lb.laplace(lb.betabinexch, [-7, 6], ph.load_dataset("cancermortality"))
    np.testing.assert_allclose(fit.mode, [-6.819793, 7.576111], rtol=1e-3)
    np.testing.assert_allclose(np.diag(fit.var), [0.07896568, 1.3485016], rtol=5e-3)


def test_dots_and_data_frames():
    dotted = {key.replace("_", "."): value for key, value in BINS.items()}
    assert lb.groupeddatapost([15, 1], dotted) == lb.groupeddatapost([15, 1], BINS)
    frame = ph.load_dataset("cancermortality")
    assert lb.betabinexch([-7, 6], frame) == lb.betabinexch([-7, 6], frame.to_numpy())


def test_bayes_factor_of_equal_proportions():
    """The integral of bfexch against that of the model itself, by quadrature (Albert, 8.7)."""
    eta = (np.arange(2000) + 0.5) / 2000
    data = {"data": TRIALS, "K": 30}
    logit = np.log(eta / (1 - eta))
    integrand = np.exp([lb.bfexch(x, data) for x in logit]) / (eta * (1 - eta))
    found = integrand.mean()
    from scipy.special import betaln

    y, n = TRIALS.T
    a, b = 30 * eta[:, None], 30 * (1 - eta[:, None])
    marginal = np.exp((betaln(a + y, b + n - y) - betaln(a, b)).sum(axis=1)).mean()
    pooled = np.exp(betaln(y.sum() + 1, (n - y).sum() + 1))
    assert found == pytest.approx(marginal / pooled, rel=1e-12)


@pytest.mark.parametrize(
    ("logpost", "theta", "data", "message"),
    [
        (lb.betabinexch, [0, 0], [[1.5, 3], [1, 2]], r"data\[:, 0\]\[0\] \(group 1\) is 1.5"),
        (lb.betabinexch, [0, 0], [[1, 3], [5, 2]], r"\(group 2\) is 5.0: there cannot be more"),
        (lb.betabinexch, [0, 0], [[0, 0], [0, 0]], "has no trials"),
        (lb.betabinexch, [0, 0, 0], TRIALS, "theta has 3 numbers: betabinexch takes 2"),
        (lb.bfexch, 0.0, {"data": TRIALS}, "has no entry 'K': it must have 'data', 'K'"),
        (lb.bfexch, 0.0, {"data": TRIALS, "K": 0}, r"datapar\['K'\] is 0"),
        (lb.poissgamexch, [0, 0], {"data": [[0, 1]], "z0": 1}, "exposures must be positive"),
        (lb.bradley_terry_post, [0, 0, 0], [[0, 1, 2, 3]], "teams are numbered from 1"),
        (lb.groupeddatapost, [0, 0], BINS | {"f": [1, 2]}, "one of each a bin"),
        (lb.groupeddatapost, [0, 0], BINS | {"f": [1, -2, 3]}, "frequencies must not"),
        (lb.groupeddatapost, [0, 0], BINS | {"int_lo": [-np.inf, 20, 20]}, "below its upper end"),
        (lb.lbinorm, [0, 0], {"m": [0, 0], "v": [[1, 2], [2, 1]]}, "positive definite"),
        (lb.howardprior, [0.5, 0.5], [1, 1, 1, 1, -2], r"par\[4\] is -2.0: it must be finite and"),
        (lb.logctablepost, [0, 0], [1, 2, 3], "data has 3 numbers: it must have 4"),
        (lb.logisticpost, [0, 0], [[0, 5, 6]], "successes are from 0 up to the trials"),
        (lb.logpoissgamma, 0.0, {"data": [1, 2.5], "par": [1, 1]}, "counts are whole"),
        (lb.logpoissnormal, 0.0, {"data": [1, 2], "par": [1, 0]}, r"datapar\['par'\]\[1\] is 0"),
        (lb.transplantpost, [0, 0, 0], [[1, 2, 3, 0]], "it must be 0 or 1"),
        (lb.transplantpost, [0, 0, 0], [[-1, 0, 0, 0]], "must not be negative"),
        (lb.weibullregpost, [0, 0, 0], [[0, 1, 1]], "survival time must be positive"),
        (lb.cauchyerrorpost, [0, 0], [1, np.nan], r"data\[1\] is nan"),
    ],
)
def test_errors(logpost, theta, data, message):
    with pytest.raises(ValueError, match=message):
        logpost(theta, data)
