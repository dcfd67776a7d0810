"""The package as a whole: its data, its names, and that it installs from its distributions."""

import importlib
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

import pyhier as ph

ROOT = Path(__file__).parent.parent


def test_public_names_are_documented():
    for module in ("pyhier", "pyhier.learnbayes", "pyhier.rstats", "pyhier.posterior"):
        found = importlib.import_module(module)
        for name in found.__all__:
            assert (getattr(found, name).__doc__ or "").strip(), f"{module}.{name}"


def test_eight_schools(schools):
    assert schools["school"].tolist() == list("ABCDEFGH")
    assert schools["y"].tolist() == [28, 8, -3, 7, -1, 1, 18, 12]
    assert schools["sigma"].tolist() == [15, 10, 16, 11, 9, 11, 10, 18]
    with pytest.raises(ValueError, match="no data set 'nine_schools': there are .*eight_schools"):
        ph.load_dataset("nine_schools")


def test_the_readmes_code_runs(capsys):
    text = (ROOT / "README.md").read_text()
    blocks = [part.split("```")[0] for part in text.split("```python\n")[1:]]
    assert len(blocks) == 2
    scope: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), scope)
    assert scope["sim"].accept == 0.3288


CHECK = """
import numpy, pyhier as ph
from pyhier import learnbayes, plots, r_bridge, rstats
schools = ph.load_dataset("eight_schools")
model = ph.NormalNormal(schools["y"], se=schools["sigma"])
fit = ph.laplace(model, start=[8, 2])
print(ph.__file__, ph.rwmetrop(model, 10_000, fit, 2, rng=ph.RStream(11)).accept)
"""


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sdist")
    command = [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", str(folder)]
    subprocess.run([*command, str(ROOT)], check=True, capture_output=True)
    return next(folder.glob("*.tar.gz"))


def test_sdist_has_what_it_needs(sdist):
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    wanted = ["src_cython/density.pyx", "src_cython/group_sums.h", "pyhier/kernels/density.pxd"]
    wanted += [
        "pyhier/datasets/eight_schools.csv",
        "pyhier/py.typed",
        "r_bridge/validation/live_r.py",
    ]
    wanted += ["tests/conftest.py", "LICENSE", "CHANGELOG.md"]
    assert set(wanted) <= names
    built = [name for name in names if name.endswith((".so", ".c"))]
    assert not [name for name in built if not name.startswith("r_bridge/rpackage/src/")]


def test_wheel_from_the_sdist_works(sdist, tmp_path):
    """Built from the archive and imported from elsewhere, so nothing of the checkout helps."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(tmp_path), str(sdist)], check=True, capture_output=True)
    result = subprocess.run(
        [sys.executable, "-c", CHECK],
        env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    where, accept = result.stdout.split()
    assert Path(where).is_relative_to(tmp_path)
    assert np.isclose(float(accept), 0.3288)
