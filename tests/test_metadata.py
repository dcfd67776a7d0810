"""What the package says of itself: versions, Pythons, names and rooms, each said truly."""

import importlib
import re
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from test_architecture import ORDER

import pyhier as ph

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
API = (ROOT / "vignettes" / "api.md").read_text()
# What users import from. The rest is reached through these.
PUBLIC = ("pyhier", *(f"pyhier.{name}" for name in (
    "classical", "coda", "inference", "learnbayes", "models", "plots", "posterior", "r_bridge",
    "rstats",
)))  # fmt: skip


def cited(field):
    return re.search(rf"^{field}: (.*)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)[1]


def test_the_version_is_in_one_place():
    assert "version" not in PROJECT
    assert PROJECT["dynamic"] == ["version"]
    assert version("pyhier") == ph.__version__


def test_others_repeat_the_version():
    """Files that cannot ask: of the R package and of the citation."""
    package = (ROOT / "r_bridge" / "rpackage" / "DESCRIPTION").read_text()
    assert re.search(r"^Version: (.*)$", package, re.MULTILINE)[1] == ph.__version__
    assert cited("version") == ph.__version__
    assert cited("license") == PROJECT["license"]


def test_changelog_is_by_version():
    """Newest first, each once, unreleased at most the first, which is this version."""
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    parts = [re.fullmatch(r"(\d+\.\d+\.\d+) \((unreleased|\d{4}-\d\d-\d\d)\)", h) for h in headings]
    assert all(parts), headings
    versions = [tuple(map(int, part[1].split("."))) for part in parts]
    assert versions == sorted(set(versions), reverse=True)
    assert parts[0][1] == ph.__version__
    assert "unreleased" not in {part[2] for part in parts[1:]}


def test_pythons_that_are_claimed_are_run():
    classified = [
        name.rsplit(" ", 1)[1]
        for name in PROJECT["classifiers"]
        if re.fullmatch(r"Programming Language :: Python :: 3\.\d+", name)
    ]
    run = re.search(r"for version in ([\d. ]+);", (ROOT / ".ci" / "suite").read_text())[1].split()
    assert classified == run
    assert PROJECT["requires-python"] == f">={run[0]}"


def test_what_the_package_imports_it_requires():
    """At the head of a module; what extras install is imported within functions."""
    required = {re.match(r"[\w-]+", line)[0] for line in PROJECT["dependencies"]}
    heads = re.compile(r"^(?:import (\w+)|from (\w+)[\w.]* import )", re.MULTILINE)
    texts = (path.read_text() for path in (ROOT / "pyhier").rglob("*.py"))
    found = {plain or partly for text in texts for plain, partly in heads.findall(text)}
    assert found - set(sys.stdlib_module_names) - {"pyhier"} <= required


@pytest.fixture(scope="module")
def documented():
    """Everything that the API page has an entry of, as objects."""
    found = []
    entry = re.compile(r"^\.\. auto(?:class|function|data|exception):: (\S+)$", re.MULTILINE)
    for path in entry.findall(API):
        module, name = path.rsplit(".", 1)
        owner = importlib.import_module(module)
        assert hasattr(owner, name), f"{path} is on the API page and nowhere else"
        found.append((name, getattr(owner, name)))
    for module in re.findall(r"^\.\. automodule:: (\S+)\n   :members:", API, re.MULTILINE):
        owner = importlib.import_module(module)
        found += [(name, getattr(owner, name)) for name in owner.__all__]
    return found


@pytest.mark.parametrize("module", PUBLIC)
def test_the_api_page_is_complete(module, documented):
    owner, objects = importlib.import_module(module), {id(thing) for _, thing in documented}
    missing = [name for name in owner.__all__ if id(getattr(owner, name)) not in objects]
    assert missing == [], f"of {module}: add them to vignettes/api.md"


def test_every_page_is_in_the_contents():
    index = (ROOT / "vignettes" / "index.md").read_text()
    listed = index.split("```{toctree}")[1].split("```")[0].split()[3:]
    pages = {path.stem for path in (ROOT / "vignettes").glob("*.md")} - {"index"}
    assert set(listed) == pages, set(listed) ^ pages


def test_the_architecture_page_has_the_rooms_in_order():
    page = (ROOT / "vignettes" / "architecture.md").read_text()
    drawn = re.findall(r"\w+", re.search(r"\n    (kernels <-.*?)\n\n", page, re.DOTALL)[1])
    floors = [(rooms,) if isinstance(rooms, str) else rooms for rooms in ORDER]
    known = [[room for room in floor if room in drawn] for floor in floors]
    assert [room for floor in known for room in sorted(floor, key=drawn.index)] == drawn
    hidden = {room for floor in floors for room in floor} - set(drawn)
    assert {room for room in hidden if not room.startswith(("_", "cli_"))} == set()
