"""The gate of speed: its arithmetic, and two trees of which one is slower."""

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
import paired

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("n", [1, 7, 8, 15, 45])
def test_the_interval_has_its_confidence(n):
    """By SciPy's binomial; the next rank would have less. Seven pairs are too few for 99%."""
    rank = paired.order_of(n)
    assert (rank == 0) == (n < 8)
    if rank:
        assert 2.0 * stats.binom.cdf(rank - 1, n, 0.5) <= 1.0 - paired.CONFIDENCE
    assert 2.0 * stats.binom.cdf(rank, n, 0.5) > 1.0 - paired.CONFIDENCE


def test_the_interval_covers_the_median():
    """Of skewed ratios, in at least 99% of experiments."""
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(2000):
        ratio = paired.ratio_of(np.ones(15), rng.lognormal(0.2, 0.5, 15))
        covered += ratio.low <= np.exp(0.2) <= ratio.high
    assert covered >= 1973  # 99% less three standard errors


@pytest.mark.parametrize(("factor", "slower"), [(0.7, False), (1.2, False), (1.4, True), (2, True)])
def test_drift_of_the_machine_does_not_count(factor, slower):
    """The machine grows ten times slower, and one timing in ten is disturbed."""
    rng = np.random.default_rng(2)
    drift = np.geomspace(1.0, 10.0, 45)
    base, here = drift * rng.lognormal(0.0, 0.02, (2, 45)) * [[1.0], [factor]]
    here[::10] *= 5.0
    base[5::10] *= 5.0
    ratio = paired.ratio_of(base, here)
    assert ratio.decided
    assert ratio.slower == slower
    np.testing.assert_allclose(ratio.median, factor, rtol=0.03)


def test_a_median_of_pairs():
    assert paired.ratio_of([1, 2, 4], [2, 2, 2]).median == 1.0
    assert paired.ratio_of([1, 2], [2, 2]).median == 1.5


SLEEP = """
import time
import pyhier

def sleeping(name):
    return lambda: lambda: time.sleep(getattr(pyhier, name))

OPERATIONS = {name: sleeping(name) for name in ("SAME", "CHANGED", "NEW")}
OPERATIONS["LOST"] = lambda: getattr(pyhier, "LOST")
"""


@pytest.fixture
def trees(tmp_path, monkeypatch):
    """Two packages of that name, and what is timed."""
    for tree, text in (("fast", "CHANGED = 0.001\n"), ("slow", "CHANGED = 0.003\nNEW = 0.001\n")):
        package = tmp_path / tree / "pyhier"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("SAME = 0.001\n" + text)
    (tmp_path / "operations.py").write_text(SLEEP)
    monkeypatch.setattr(paired, "SECONDS", 0.005)
    return tmp_path


def test_what_is_slower_fails(trees):
    results = paired.compare(trees / "fast", trees / "slow", trees / "operations.py")
    text, good = paired.report(results)
    assert not good
    assert results["CHANGED"].slower
    assert not results["SAME"].slower
    assert text.count("SLOWER") == 1
    assert results["NEW"].startswith("not in the base")


def test_what_is_faster_passes_and_what_is_lost_fails(trees):
    results = paired.compare(trees / "slow", trees / "fast", trees / "operations.py")
    assert results["CHANGED"].median < 0.8
    assert results["NEW"].startswith("not in the working tree")
    assert not paired.report(results)[1]
    del results["NEW"], results["LOST"]
    assert paired.report(results)[1]


def test_every_operation_runs_here():
    """Once each: a name that is gone would only be found by the gate itself."""
    for name, make in paired.load(paired.OPERATIONS).items():
        if name != "import pyhier":
            assert make()() is not None, name
