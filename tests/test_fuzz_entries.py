"""A share of the wild prior strings, files and calls (`make fuzz` has new ones); the harness."""

import os
import signal

import numpy as np
import pytest
from fuzz import entries, files, prior_strings, wild_calls
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pyhier as ph
from pyhier import rstats

EXAMPLES = {"prior strings": 40, "CODA files": 60, "CSV files": 12, "calls": 40}


@pytest.mark.parametrize("name", entries.PROPERTIES)
def test_wild_input_is_answered_or_refused(name):
    strategy, check = entries.PROPERTIES[name]
    limits = settings(
        max_examples=EXAMPLES[name], deadline=None, suppress_health_check=list(HealthCheck)
    )
    limits(given(strategy)(check))()


@pytest.mark.parametrize(
    ("module", "name", "argument"),
    [
        ("basic", "BetaBinomial", "successes"), ("basic", "PoissonGamma", "counts"),
        ("basic", "NormalT", "nu"), ("basic", "PosteriorBatch.quantile", "p"),
        ("basic", "nuts of a density", "lower"), ("basic", "vi of a density", "upper"),
        ("coda", "coda_options", "quantiles"), ("coda", "crosscorr_plot", "colours"),
        ("learnbayes", "bayes_probit", "y"), ("more", "VarianceGamma", "s2"),
        ("more", "VarianceGamma", "df"), ("more", "HypergeometricNormal", "events"),
        ("rstats", "rstats ppois", "lambda_"), ("rstats", "rstats optimHess", "par"),
        ("rstats", "rstats rmultinom", "prob"), ("rstats", "rstats sample", "x"),
        ("rstats", "rstats solve", "b"),
    ],
)  # fmt: skip
def test_ragged_lists_are_errors_that_name_the_argument(module, name, argument):
    """Once NumPy's own words; all 1,275 arguments of the tables were tried."""
    wild_calls.check((module, name, {argument: [[1.0], [1.0, 2.0]]}))


def _raise(example):
    raise KeyError(example)


def _hang(example):
    while True:
        pass


FAULTS = {
    "an exception": (_raise, "a fault"),
    "a crash": (lambda example: os.kill(os.getpid(), signal.SIGSEGV), "crash, exit code -11: 7"),
    "a hang": (_hang, "hang: 7"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_the_harness_finds(name, monkeypatch, capfd):
    check, words = FAULTS[name]
    monkeypatch.setitem(entries.PROPERTIES, name, (st.just(7), check))
    monkeypatch.setattr(entries, "PATIENCE", 0.2)
    assert words in entries.run(name, 1, examples=2)
    assert ("KeyError: 7" in capfd.readouterr().err) == (name == "an exception")


def test_the_checks_find_what_is_wrong(monkeypatch):
    """A NaN, a warning of NumPy's, an error of some line inside, a prior that is none."""
    example = ("basic", "NormalNormal", {"y": [1.0, 2.0, 3.0, 4.0]})
    wild_calls.check(example)
    for answer, words in (
        (lambda: {"mean": np.array([1.0, np.nan])}, "a NaN from finite input"),
        (lambda: np.float64(1.0) / np.float64(0.0), "divide by zero"),
        (lambda: [1, 2, 3].nix, "no attribute"),
        (lambda: float([1.0]), "TypeError"),
    ):
        monkeypatch.setattr(wild_calls, "_run", lambda *_, answer=answer: answer())
        with pytest.raises((AssertionError, AttributeError), match=words):
            wild_calls.check(example)
    monkeypatch.setattr(prior_strings, "parse_prior", lambda *_: 3.0)
    monkeypatch.setattr(prior_strings, "fitted", lambda *_: {"mu": ph, "tau": ph})
    with pytest.raises(AttributeError):
        prior_strings.check(("prior_tau", "halfcauchy(5)"))
    monkeypatch.setattr(files.coda, "write_coda", lambda *_: None)
    with pytest.raises(ValueError, match="unpack"):
        files.check_coda((b"x[1] 1 2\n", b"1 0.5\n2 0.7\n"))


def test_every_table_is_called():
    assert {module for module, *_ in wild_calls.rows()} == {
        "basic", "coda", "learnbayes", "more", "rstats"
    }  # fmt: skip
    assert len(wild_calls.rows()) > 400


def test_numbers_that_no_float_holds():
    with pytest.raises(ValueError, match="y must be numbers that a float holds"):
        ph.NormalNormal([10**400, 1, 2], se=[1, 1, 1])
    with pytest.raises(ValueError, match="x must be numbers that a float holds"):
        ph.given(ph.NormalNormal([1, 2, 3], se=[1, 1, 1]), mu=0, tau=1)["mu"].cdf(10**400)


@pytest.mark.parametrize("scale", [1e-149, 1e149])
def test_density_at_the_ends(scale):
    """The same curve, scaled; it was a staircase at 1e289. Beyond, an error."""
    plain, x = rstats.density([1.0, 2.0, -1.0]), np.array([1.0, 2.0, -1.0])
    np.testing.assert_allclose(rstats.density(scale * x).y * scale, plain.y, rtol=1e-9, atol=1e-12)
    with pytest.raises(ValueError, match="x is up to .* scale it"):
        rstats.density(scale**2 * x)


def test_a_proposal_whose_draws_leave_the_doubles(model):
    with pytest.raises(ValueError, match=r"df is 1e-08: below 0\.1"):
        ph.sir(model, 10, df=1e-8)
    assert np.isfinite(ph.importance(model, 2000, df=0.1, rng=1)["mu"].mean())
