"""Exact values against posteriordb's reference draws, and the files that are made for it.

Of eight_schools_noncentered: Stan, 10 chains, 10,000 draws kept, means and means of squares with
their Monte Carlo errors (stan-dev/posteriordb, reference_posteriors/summary_statistics).
"""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "posteriordb.py"
NAMES = [*(f"theta[{j}]" for j in range(1, 9)), "mu", "tau"]
MEAN = [6.15050229, 4.93958114, 3.90590609, 4.79601675, 3.61443632, 4.05114758, 6.31716976,
        4.88399694, 4.41051834, 3.60205952]  # fmt: skip
MEAN_ERROR = [0.0557375, 0.0462294, 0.0542314, 0.0474936, 0.0461451, 0.0485195, 0.0498767,
              0.0542512, 0.0330375, 0.0318615]  # fmt: skip
SQUARE = [69.3634, 45.9787, 43.1392, 45.7614, 34.3577, 39.4135, 64.9327, 52.1284, 30.403, 23.2041]
SQUARE_ERROR = [1.1692, 0.6346, 0.6539, 0.6194, 0.455, 0.539, 0.9216, 0.9025, 0.3351, 0.4849]


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("posteriordb", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_all_twenty_moments_of_eight_schools_agree(script):
    """Within 4 of their errors; together their squares are a chi squared of about 20."""
    found = script.moments("eight_schools-eight_schools_noncentered")
    mean, sd = np.array([found[name] for name in NAMES]).T
    away = np.concatenate([
        (mean - MEAN) / MEAN_ERROR, (mean**2 + sd**2 - SQUARE) / SQUARE_ERROR,
    ])  # fmt: skip
    assert np.abs(away).max() < 4.0
    assert (away**2).sum() < 50.0


def test_files_are_in_its_form(script, tmp_path):
    for name in script.POSTERIORS:
        script.write(tmp_path, name)
    for kind in ("mean_value", "mean_squared_value"):
        for name in script.POSTERIORS:
            table = json.loads((tmp_path / kind / kind / f"{name}.json").read_text())
            assert set(table) == {"names", kind, "mcse_mean"}
            assert len(table["names"]) == len(table[kind]) == len(table["mcse_mean"])
            about = json.loads((tmp_path / kind / "info" / f"{name}.info.json").read_text())
            assert about["name"] == name
    surgical = json.loads(
        (tmp_path / "mean_value/mean_value/surgical_data-surgical_model.json").read_text()
    )
    values = dict(zip(surgical["names"], surgical["mean_value"], strict=True))
    # By plain sums over mu in (-14, 9), log tau in (-5, 5) and 401 places of each effect.
    wanted = {"mu": -2.55377454248, "sigma": 0.40354280503, "b[1]": -2.95712936180}
    assert {name: values[name] for name in wanted} == pytest.approx(wanted, abs=2e-10)
