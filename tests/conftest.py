"""Fixtures shared by all tests."""

import _thread
import os
import signal
import time

import pytest
from hypothesis import settings

import pyhier as ph
from pyhier.inference.chains import Steps

# CI judges a change by the same examples each time; a laptop goes on looking for new ones.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI") == "true":
    settings.load_profile("ci")


@pytest.fixture
def schools():
    return ph.load_dataset("eight_schools")


@pytest.fixture
def model(schools):
    return ph.NormalNormal(schools["y"], se=schools["sigma"], labels=schools["school"])


@pytest.fixture(scope="session")
def r():
    """Run code in a live R. Without one the test skips on a laptop and fails in CI."""
    from pyhier.r_bridge import RUnavailableError, evaluate

    try:
        evaluate("suppressMessages({library(LearnBayes); library(coda); library(metafor)})")
    except RUnavailableError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must have R: {error}")
        pytest.skip(str(error))
    return evaluate


@pytest.fixture
def interrupt_after(monkeypatch):
    """Ctrl-C from within a run of chains, after so many pieces: it never comes elsewhere."""
    plain = Steps.run_piece

    def arrange(pieces):
        done = 0

        def run_piece(self, report):
            nonlocal done
            more = plain(self, report)
            done += 1
            if done == pieces:
                _thread.interrupt_main()
            return more

        monkeypatch.setattr(Steps, "run_piece", run_piece)

    # In the background of a shell without jobs Python ignores Ctrl-C, and this would too.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield arrange
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def stopped_by_an_alarm():
    """Run something that takes long, and hold that a KeyboardInterrupt ends it soon."""

    def check(run, within=20.0):
        fired = []

        def stop(*_):
            fired.append(time.perf_counter())
            raise KeyboardInterrupt

        before = signal.signal(signal.SIGALRM, stop)
        try:
            with pytest.raises(KeyboardInterrupt):  # noqa: PT012 (the alarm may come at once)
                signal.setitimer(signal.ITIMER_REAL, 0.2)
                run()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            signal.signal(signal.SIGALRM, before)
        # Python's handler runs when the loop lets it: were it not to, the whole run would be over.
        assert time.perf_counter() - fired[0] < within

    return check
