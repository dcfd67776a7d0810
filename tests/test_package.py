"""The package as a whole: its data, its names, and that it installs from its distributions."""

import _thread
import ast
import importlib
import os
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

import pyhier as ph
from pyhier._whole_imports import ctrl_c_waits

ROOT = Path(__file__).parent.parent


def test_public_names_are_documented():
    for module in ("pyhier", "pyhier.learnbayes", "pyhier.rstats", "pyhier.posterior"):
        found = importlib.import_module(module)
        for name in found.__all__:
            assert (getattr(found, name).__doc__ or "").strip(), f"{module}.{name}"


def test_names_are_loaded_when_they_are_asked_for():
    """Neither NumPy nor a model with the package itself; each name from where it says."""
    code = "import sys, pyhier; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert "pyhier" in loaded.split()
    assert not {"numpy", "pyhier.models"} & set(loaded.split())
    tree = ast.parse(Path(ph.__file__).read_text())
    told = next(node for node in tree.body if isinstance(node, ast.If))
    typed = {a.name: node.module for node in told.body for a in node.names}
    assert typed == {name: f"pyhier.{room}" for name, room in ph._HOMES.items()}
    assert sorted(typed) == sorted(ph.__all__)
    assert set(ph.__all__) <= set(dir(ph))
    assert ph.testing is sys.modules["pyhier.testing"]
    with pytest.raises(AttributeError, match="module 'pyhier' has no attribute 'exakt'"):
        _ = ph.exakt


def test_eight_schools(schools):
    assert schools["school"].tolist() == list("ABCDEFGH")
    assert schools["y"].tolist() == [28, 8, -3, 7, -1, 1, 18, 12]
    assert schools["sigma"].tolist() == [15, 10, 16, 11, 9, 11, 10, 18]
    with pytest.raises(ValueError, match="no data set 'nine_schools': there are .*eight_schools"):
        ph.load_dataset("nine_schools")


def test_rows():
    """Rows and what they sum to; `against_r` compares those that R has, cell by cell."""
    sleep, radon, rats = map(ph.load_dataset, ("sleepstudy", "radon", "rats"))
    assert list(sleep["Subject"].cat.categories[:3]) == ["308", "309", "310"]
    by_day = sleep.groupby("Days")["Reaction"].mean()
    assert by_day[[0, 9]].round(4).tolist() == [256.6518, 350.8512]
    assert radon.shape == (919, 4)
    assert radon["county"].cat.categories.size == 85
    np.testing.assert_allclose(np.exp(radon["log_radon"][:4]), [2.3, 2.3, 3.0, 1.1], rtol=1e-15)
    assert rats.groupby("day")["weight"].sum().tolist() == [4565, 6053, 7351, 8685, 9744]
    assert rats["weight"].groupby(rats["rat"]).size().tolist() == [5] * 30


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
    tracked = ["git", "-C", str(ROOT), "ls-files"]
    if (ROOT / ".git").exists():  # all that is ours, so that its tests run from the archive too
        wanted += subprocess.run(tracked, capture_output=True, text=True).stdout.split("\n")[:-1]
        wanted.remove(".gitignore")
    assert not set(wanted) - names
    built = [name for name in names if name.endswith((".so", ".c"))]
    assert not [name for name in built if not name.startswith("r_bridge/rpackage/src/")]


def test_wheel_from_the_sdist_works(sdist, tmp_path):
    """Built from the archive and imported from elsewhere, so nothing of the checkout helps.

    Without optimisation: what is in question is what the archive holds.
    """
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    command = [*pip, "--target", str(tmp_path), str(sdist)]
    environment = os.environ | {"PYHIER_UNOPTIMISED": "1"}
    subprocess.run(command, env=environment, check=True, capture_output=True)
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


INTERRUPTED = """
import _thread, sys
import pyhier as ph
from pyhier._whole_imports import ctrl_c_waits

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "{module}":
            _thread.interrupt_main()

sys.meta_path.insert(0, Interrupt())
model = ph.NormalNormal([28.0, 8.0, -3.0, 7.0], se=[15.0, 10.0, 16.0, 11.0])
try:
    ph.exact(model).summary()
except KeyboardInterrupt:
    print("interrupted", "{module}" in sys.modules)
print(ph.exact(model).summary().shape)
"""


@pytest.mark.parametrize("module", ["pandas.core.frame", "pandas._libs.lib"])
def test_ctrl_c_waits_for_an_import(module):
    """Stopped half-way pandas would be broken for the rest of the process."""
    found = subprocess.run(
        [sys.executable, "-c", INTERRUPTED.format(module=module)], capture_output=True, text=True
    )
    assert found.stdout == "interrupted True\n(7, 7)\n", found.stderr


@pytest.fixture
def ctrl_c():
    """Python's own Ctrl-C: it is ignored in the background of a shell without jobs."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_waits_once_and_only_then():
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012
        with ctrl_c_waits(), ctrl_c_waits():
            _thread.interrupt_main()
            done = sum(range(1000))
        raise AssertionError("it was forgotten")
    assert done == 499_500
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
