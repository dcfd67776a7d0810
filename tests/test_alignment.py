"""R's answers on record (tests/alignment): ours are held to them on machines without R, too."""

from pathlib import Path

import pytest
from pyhier.r_bridge.validation.comparisons import all_comparisons
from pyhier.r_bridge.validation.record import CASES, replay

FOLDERS = sorted(p for p in (Path(__file__).parent / "alignment").iterdir() if p.is_dir())
HEADINGS = ["## What agrees", "## What does not, and why", "## What is not compared"]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_ours_are_rs_on_record(folder):
    outcomes = replay(folder / "record.json")
    assert [o.comparison.function for o in outcomes if o.cases != CASES] == []
    assert {o.comparison.function: o.failures for o in outcomes if not o.good} == {}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_each_folder_says_what_it_compares(folder):
    lines = (folder / "README.md").read_text().splitlines()
    assert [line for line in lines if line.startswith("## ")] == HEADINGS
    assert (folder / "generate.py").exists()


def test_every_package_is_on_record():
    assert {c.package for c in all_comparisons()} == {folder.name for folder in FOLDERS}
