"""The R package: built, checked and tested by R's own tools, against this environment's Python."""

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "r_bridge" / "rpackage"
NEEDED = [
    *("reticulate", "testthat", "knitr", "rmarkdown"),
    *("LearnBayes", "coda", "metafor", "posterior", "dplyr", "generics", "nlme", "tibble"),
    *("lme4", "glmmTMB"),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run R in a folder of its own; without R, a skip on a laptop and a failure in CI."""
    if shutil.which("R") is None or shutil.which("pandoc") is None:
        _absent("there is no R, or no pandoc: see .ci/setup r")
    if find_spec("rpy2") is None:  # the package's own tests ask for pyhier's bridge
        _absent("there is no rpy2: pip install 'pyhier[r]'")
    folder = tmp_path_factory.mktemp("rpackage")
    environment = {
        # rpy2, in this process, sets the first two for itself.
        **{k: v for k, v in os.environ.items() if k not in ("R_HOME", "LD_LIBRARY_PATH")},
        "RETICULATE_PYTHON": sys.executable,
        "_R_CHECK_FORCE_SUGGESTS_": "true",
        "R_PROFILE_USER": str(folder / "profile.R"),
        "R_LIBS": str(folder / "library"),
    }
    (folder / "library").mkdir()
    # An empty repository, so that R waits for none on the network.
    (folder / "src" / "contrib").mkdir(parents=True)
    (folder / "src" / "contrib" / "PACKAGES").touch()
    (folder / "profile.R").write_text(f'options(repos = c(CRAN = "file://{folder}"))\n')

    def run(*command):
        done = subprocess.run(
            ["R", *command], cwd=folder, env=environment, capture_output=True, text=True
        )
        return done.returncode, done.stdout + done.stderr

    names = ", ".join(f'"{name}"' for name in NEEDED)
    find = f"p <- c({names}); cat(p[!vapply(p, requireNamespace, NA, quietly = TRUE)])"
    missing = run("--no-echo", "-e", find)[1].strip()
    if missing:
        _absent(f"R packages are missing: {missing}; see .ci/setup r")
    run.folder = folder
    return run


def _absent(why):
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


def blocks(language):
    """The code of the package's README in one language, a block each."""
    return re.findall(rf"```{language}\n(.*?)```", (PACKAGE / "README.md").read_text(), re.DOTALL)


@pytest.fixture(scope="module")
def tarball(run):
    """What the README's commands build; they install it into the empty library, too."""
    (run.folder / "r_bridge").mkdir()
    (run.folder / "r_bridge" / "rpackage").symlink_to(PACKAGE)
    (shell,) = blocks("sh")
    for command in shell.splitlines():
        status, said = run(*command.split()[1:])
        assert status == 0, said
    return shell.split()[-1]


def test_readme_from_an_empty_library(run, tarball):
    """All that the README says; but where Python is: it is here already."""
    setup, *use = blocks("r")
    assert "install_pyhier(source" in setup
    (run.folder / "use.R").write_text("options(warn = 2)\n" + "".join(use))
    status, said = run("--vanilla", "--no-echo", "-f", "use.R")
    assert status == 0, said
    assert "exact, by quadrature" in said
    assert "r_hat" in said
    find = "stopifnot(nrow(vignette(package = 'pyhier')$results) == 1)"
    assert run("--vanilla", "--no-echo", "-e", find)[0] == 0


def test_r_cmd_check_is_ok(run, tarball):
    """Examples and the testthat tests are run by it; the vignette was when it was built."""
    status, said = run("CMD", "check", "--no-manual", "--no-vignettes", tarball)
    failed = "".join(path.read_text() for path in run.folder.rglob("*.Rout.fail"))
    assert status == 0, said + failed
    assert "Status: OK" in said, said
