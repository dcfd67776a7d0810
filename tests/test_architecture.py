"""Imports point one way: read from the syntax trees, lazy and typing imports included."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parent.parent

# Each room may import from those before it, and from itself. A tuple is one floor of several rooms.
ORDER = (
    ("kernels", "_types", "_text", "_whole_imports"),
    (
        "_arrow",
        "_validation",
        "_words",
        "_frame",
        "_html",
        "_table",
        "_progress",
        "_arviz",
        "_frozen",
        "_whole_imports",
    ),
    "_threads",
    "rstats",
    ("_random", "datasets"),
    "coda",
    "quadrature",
    "distributions",
    "priors",
    "models",
    ("posterior", "classical"),
    "inference",
    ("workflow", "learnbayes"),
    "plots",
    ("testing", "distributed"),
    "r_bridge",
    "cli_files",
    ("cli_rows", "cli_counts", "cli_blocks"),
    "cli",
    "__main__",
)
FLOOR = {
    room: floor
    for floor, rooms in enumerate(ORDER)
    for room in ((rooms,) if isinstance(rooms, str) else rooms)
}
TOP = {"r_bridge", "cli", "__main__", "testing", "distributed"}  # these may use the public names


def sources():
    """Every module by its dotted name."""
    found = {}
    for folder, package in (("pyhier", "pyhier"), ("r_bridge", "pyhier.r_bridge")):
        for path in (ROOT / folder).rglob("*.py"):
            if "rpackage" not in path.parts:
                parts = [package, *path.relative_to(ROOT / folder).with_suffix("").parts]
                found[".".join(p for p in parts if p != "__init__")] = path
    return found


def imported(path, modules):
    """The package's own modules that a file imports anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "pyhier":
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in modules or ".kernels" in full else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("pyhier"))


def graph():
    modules = sources()
    return {name: set(imported(path, modules)) - {name} for name, path in modules.items()}


def room(module):
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def test_every_room_has_its_floor():
    assert {room(name) for name in sources()} - {""} <= set(FLOOR) | {"kernels"}


def may_import(name, target):
    """Whether a module may import another: one of its own room, or of a floor below."""
    mine, other = room(name), room(target)
    if not other:
        return mine in TOP  # the public names
    return mine == other or FLOOR[other] < FLOOR[mine]


def test_no_import_points_up():
    for name, targets in graph().items():
        for target in targets if room(name) else ():
            assert may_import(name, target), f"{name} imports {target}"


def test_no_circles():
    try:
        tuple(TopologicalSorter(graph()).static_order())
    except CycleError as error:
        raise AssertionError(" -> ".join(error.args[1])) from None


def test_a_circle_would_be_found(tmp_path):
    first, second = tmp_path / "first.py", tmp_path / "second.py"
    first.write_text("def f():\n    from pyhier.second import g\n    return g")
    second.write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pyhier.first"
    )
    names = {"pyhier.first": first, "pyhier.second": second}
    found = {name: set(imported(path, names)) for name, path in names.items()}
    assert found == {"pyhier.first": {"pyhier.second"}, "pyhier.second": {"pyhier.first"}}


def test_the_bridge_is_imported_by_the_command_line_alone():
    users = {name for name, targets in graph().items() for t in targets if room(t) == "r_bridge"}
    assert {room(name) for name in users} <= {"r_bridge", "cli"}


LONGEST = 500  # lines of a file
# Run by hand, once, in an environment of its own: an oracle that shares nothing reads best as one.
GENERATORS = {"tests/published/exact_reference/generate.py"}


def test_no_file_is_long():
    ours = ("pyhier", "src_cython", "r_bridge", "tests", "benchmarks", "vignettes")
    kinds = {".py", ".pyx", ".pxd", ".pyi", ".h", ".R"}
    long = {
        str(path.relative_to(ROOT)): lines
        for folder in ours
        for path in (ROOT / folder).rglob("*")
        if path.suffix in kinds and (lines := path.read_text().count("\n")) > LONGEST
    }
    assert not set(long) - GENERATORS, long
    assert set(long) == GENERATORS, "no longer long: take it off the list"
