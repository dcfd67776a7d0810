"""What is asked at a terminal, with answers and mistakes, beside an interactive R."""

import os
import shutil
import subprocess

import pytest

from pyhier import coda

pytestmark = pytest.mark.usefixtures("r")


def r_session(call, answers):
    """What an interactive R shows for a call, and the value that it prints at the end."""
    lines = ["suppressMessages(library(coda))", f"x <- {call}", *answers, "cat('VALUE', x)"]
    done = subprocess.run(
        [shutil.which("R"), "--interactive", "--no-readline", "--no-save", "-q"],
        input="\n".join([*lines, "quit()", ""]),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "TERM": "xterm", "LANG": "C.UTF-8"},  # or R shows no answers
    )
    _, _, rest = done.stdout.partition(f"x <- {call}\n")
    shown, _, rest = rest.partition("cat('VALUE', x)")  # R shows what is typed
    value = rest.partition("VALUE")[2].partition(">")[0]
    return shown.removesuffix("> "), value.split()


def our_session(call, answers, monkeypatch, capsys):
    left = iter(answers)

    def answer(prompt=""):
        print(f"{prompt}{(given := next(left))}")
        return given

    monkeypatch.setattr("builtins.input", answer)
    value = call()
    assert next(left, None) is None
    return capsys.readouterr().out, value


THREE = ["alpha", "beta", "gamma"]
MENU = 'multi.menu(c("alpha", "beta", "gamma"), "Choose variables", c("NUMBER", "VARIABLE"){})'
SESSIONS = {
    "several": (
        MENU.format(""),
        lambda: coda.multi_menu(THREE, "Choose variables", ["NUMBER", "VARIABLE"]),
        ["1,3:5", "1, 3"],
    ),
    "none": (
        MENU.format(""),
        lambda: coda.multi_menu(THREE, "Choose variables", ["NUMBER", "VARIABLE"]),
        ["0"],
    ),
    "not none": (
        MENU.format(", allow.zero = FALSE"),
        lambda: coda.multi_menu(THREE, "Choose variables", ["NUMBER", "VARIABLE"], False),
        ["0", "x", "3:2,1"],
    ),
    "default": (
        'read.and.check("Enter a number", lower = 1, upper = 10, default = 3)',
        lambda: coda.read_and_check("Enter a number", lower=1, upper=10, default=3),
        [""],
    ),
    "between": (
        'read.and.check("Enter a number", lower = 1, upper = 10)',
        lambda: coda.read_and_check("Enter a number", lower=1, upper=10),
        ["0", "12", "x", "7"],
    ),
    "above": (
        'read.and.check("Enter a number", lower = 1)',
        lambda: coda.read_and_check("Enter a number", lower=1),
        ["0", "2"],
    ),
    "below": (
        'read.and.check("Enter a number", upper = 1)',
        lambda: coda.read_and_check("Enter a number", upper=1),
        ["5", "0"],
    ),
    "text": (
        'read.and.check("Yes?", what = "character", answer.in = c("y", "n"), default = "y")',
        lambda: coda.read_and_check("Yes?", what=str, answer_in=["y", "n"], default="y"),
        ["z", "n"],
    ),
    "listed": (
        'read.and.check("Which?", answer.in = c(1, 3), lower = 2)',
        lambda: coda.read_and_check("Which?", answer_in=[1, 3], lower=2),
        ["1", "3"],
    ),
}


@pytest.mark.parametrize("name", SESSIONS)
def test_sessions_as_in_r(name, monkeypatch, capsys):
    theirs, ours, answers = SESSIONS[name]
    shown, value = r_session(theirs, answers)
    mine, found = our_session(ours, answers, monkeypatch, capsys)
    # R shows a blank answer without the line's end.
    assert [line.rstrip() for line in mine.splitlines() if line.strip()] == [
        line.rstrip() for line in shown.splitlines() if line.strip()
    ]
    assert [f"{item:g}" if not isinstance(item, str) else item for item in as_list(found)] == value


def as_list(value):
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"lower": 5, "upper": 3}, "lower limit greater than upper limit"),
        ({"what": str, "upper": 3}, "Can't have upper or lower limits with non numeric input"),
        ({"answer_in": [1, 3], "default": 2}, "default value does not satisfy conditions"),
        ({"lower": 1, "default": 0}, "default value below lower limit"),
        ({"upper": 1, "default": 2}, "default value above upper limit"),
        ({"answer_in": [1, 3], "lower": 5}, "no possible response matches conditions"),
        ({"what": []}, "must be float, int, bool or str"),
    ],
)
def test_questions_without_an_answer_are_errors(given, said):
    with pytest.raises(ValueError, match=said):
        coda.read_and_check("Number?", **given)


def test_true_and_false(monkeypatch, capsys):
    _, value = our_session(
        lambda: coda.read_and_check("Sure?", what=bool, default=True),
        ["perhaps", "F"],
        monkeypatch,
        capsys,
    )
    assert value is False


@pytest.fixture
def _defaults():
    yield
    coda.coda_options(default=True)


@pytest.mark.usefixtures("_defaults")
@pytest.mark.parametrize("section", ["stats", "plots", "diags"])
def test_options_are_shown_as_in_r(section, r, capsys):
    change = (
        "coda.options(digits = 5, quantiles = c(.1, .9), frac1 = .25, gr.bin = 7, trace = FALSE)"
    )
    code = f"""
    library(coda); coda.options(default = TRUE); {change}
    text <- capture.output(display.coda.options({section} = TRUE))
    coda.options(default = TRUE)
    text
    """
    coda.coda_options(digits=5, quantiles=[0.1, 0.9], frac1=0.25, gr_bin=7, trace=False)
    coda.display_coda_options(**{section: True})
    mine = capsys.readouterr().out.splitlines()
    theirs = list(r(code))
    if section == "plots":  # R goes on with the source of the bandwidth function
        places = [next(i for i, t in enumerate(s) if t[:9] == "Bandwidth") for s in (mine, theirs)]
        mine, theirs = mine[: places[0]], theirs[: places[1]]
    assert mine == theirs


@pytest.mark.usefixtures("_defaults")
def test_options_remember_and_refuse():
    assert coda.coda_options(frac1=0.2, digits=4) == {"frac1": 0.1, "digits": 3}
    assert coda.coda_options("frac1", "combine.plots") == {"frac1": 0.2, "combine_plots": True}
    assert len(coda.coda_options()) == 19
    coda.coda_options(default=True)
    assert coda.coda_options("frac1") == 0.1
    with pytest.raises(KeyError, match="there is no option 'nonsense': there are trace"):
        coda.coda_options(nonsense=3)
    with pytest.raises(ValueError, match="frac1 is 3: it must lie between 0 and 1"):
        coda.coda_options(frac1=3)
    with pytest.raises(TypeError, match="trace is 'yes': it must be True or False"):
        coda.coda_options(trace="yes")


def test_reading_files_by_their_names(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    x = coda.mcmc([[1.0, 2.0], [3.0, 4.0]], varnames=["mu", "tau"])
    coda.write_coda(coda.mcmc_list(x, x), "run")
    answers = ["nothing", "runchain1", "", "runindex", "runchain1", "runchain2", ""]
    shown, value = our_session(coda.read_coda_interactive, answers, monkeypatch, capsys)
    assert "The following files were not found:\nnothing" in shown
    assert coda.chanames(value) == ("runchain1", "runchain2")
    assert coda.varnames(value) == ("mu", "tau")
    assert our_session(coda.read_coda_interactive, [""], monkeypatch, capsys)[1] is None


def test_old_objects_become_chains():
    import numpy as np

    draws = np.arange(24.0).reshape(4, 2, 3)
    chains = coda.mcmcUpgrade(draws)
    assert np.array_equal(chains[2], draws[:, :, 2])
    assert coda.mcmcUpgrade(chains) is chains
    with pytest.raises(ValueError, match="Can't upgrade"):
        coda.mcmcUpgrade(draws[0])
