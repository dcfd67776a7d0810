"""The command line, as a shell sees it."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

import pyhier as ph
from pyhier.cli import main
from pyhier.datasets import dataset_path

SCHOOLS = str(dataset_path("eight_schools"))
COLUMNS = ["--y", "y", "--se", "sigma"]


@pytest.fixture
def csv(tmp_path):
    """Write a CSV file and return its name."""

    def write(text, encoding="utf-8"):
        path = tmp_path / "data.csv"
        path.write_bytes(text.encode(encoding))
        return str(path)

    return write


def run(capsys, *arguments):
    code = main(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def numbers_of(table, name):
    return [
        float(cell) for cell in next(r for r in table.split("\n") if r.startswith(name)).split()[1:]
    ]


def test_exact_table(capsys):
    code, out, err = run(capsys, "fit", SCHOOLS, *COLUMNS, "--label", "school")
    assert (code, err) == (0, "")
    assert "8 groups, standard errors given (se), mu flat, tau uniform\nexact, by quad" in out
    assert out.split("\n")[3].split() == ["mean", "sd", "2.5%", "50%", "97.5%", "shrinkage"]
    # Adaptive quadrature in 30-digit arithmetic.
    assert numbers_of(out, "mu ")[:2] == [7.932, 5.178]
    assert numbers_of(out, "tau ")[:2] == [6.575, 5.650]
    assert numbers_of(out, "theta[A]")[:2] == [11.400, 8.341]
    assert numbers_of(out, "theta[A]")[-1] == 0.8251
    assert run(capsys, "fit", SCHOOLS, *COLUMNS, "--label", "school")[1] == out


def test_priors(capsys):
    priors = ["--prior-tau", "halfcauchy(5)", "--prior-mu", "norm(0, 5)"]
    code, out, _ = run(capsys, "fit", SCHOOLS, *COLUMNS, *priors)
    assert code == 0
    assert numbers_of(out, "mu ")[:2] == [4.397, 3.318]
    assert numbers_of(out, "tau ")[:2] == [3.598, 3.220]
    assert run(capsys, "fit", SCHOOLS, *COLUMNS, "--prior-tau", "jeffreys")[0] == 0


@pytest.mark.parametrize(
    ("option", "text", "message"),
    [
        ("--prior-tau", "halfcauchy", "it must be one of uniform, sqrt"),
        ("--prior-tau", "halfcauchy(x)", "'x' are not numbers"),
        ("--prior-tau", "halfcauchy(1, 2)", "halfcauchy takes scale"),
        ("--prior-tau", "halfcauchy(-1)", "scale is -1.0: it must be positive"),
        ("--prior-tau", "norm(0, 1)", "it must be one of"),
        ("--prior-mu", "norm(0)", "norm takes loc, scale"),
        ("--prior-mu", "__import__('os')", "it must be one of flat, norm(loc, scale)"),
    ],
)
def test_bad_priors(capsys, option, text, message):
    code, _, err = run(capsys, "fit", SCHOOLS, *COLUMNS, option, text)
    assert code == 2
    assert message in err


RWMETROP = [*COLUMNS, "--method", "rwmetrop"]


def test_rwmetrop_table(capsys):
    code, out, err = run(capsys, "fit", SCHOOLS, *RWMETROP, "--label", "school", "--seed", "1")
    assert (code, err) == (0, "")
    assert "10,000 draws after 1,000 of burn-in" in out
    mean, sd, low, median, high, shrinkage = numbers_of(out, "theta[A]")
    assert mean == pytest.approx(11.4, abs=1.0)
    assert low < median < high
    assert 0.75 < shrinkage < 0.9
    assert numbers_of(out, "mu ")[0] == pytest.approx(7.93, abs=0.8)
    assert sd == pytest.approx(8.3, abs=1.0)
    again = run(capsys, "fit", SCHOOLS, *RWMETROP, "--label", "school", "--seed", "1")[1]
    assert again == out


def test_r_stream_is_r_stream(capsys):
    arguments = ["fit", SCHOOLS, *RWMETROP, "--r-stream", "--seed", "-5", "--draws", "500"]
    code, out, _ = run(capsys, *arguments)
    assert code == 0
    assert "R seed -5" in out
    schools = pd.read_csv(SCHOOLS, comment="#")
    model = ph.NormalNormal(schools["y"], se=schools["sigma"])
    chain = ph.rwmetrop(model, 500, burn_in=1_000, rng=ph.RStream(-5))
    assert numbers_of(out, "mu ")[0] == pytest.approx(chain["mu"].mean(), abs=5e-4)


def test_seed_is_printed_and_repeats(capsys):
    out = run(capsys, "fit", SCHOOLS, *RWMETROP, "--draws", "50")[1]
    seed = out.split("\n")[1].rsplit(" ", 1)[1]
    assert run(capsys, "fit", SCHOOLS, *RWMETROP, "--draws", "50", "--seed", seed)[1] == out


def test_short_chains_are_told_what_to_do(capsys, tmp_path):
    arguments = ["--draws", "50", "--seed", "1", "--out", str(tmp_path)]
    code, _, err = run(capsys, "fit", SCHOOLS, *RWMETROP, *arguments)
    assert code == 0
    assert err.startswith("pyhier: warning: ")
    assert "effective draws in 1 chain, fewer than 100. Run longer" in err


def test_laplace(capsys):
    arguments = [SCHOOLS, *COLUMNS, "--method", "laplace", "--seed", "1"]
    code, out, _ = run(capsys, "fit", *arguments)
    assert code == 0
    assert "normal approximation at the mode" in out
    assert numbers_of(out, "mu ")[0] == pytest.approx(7.92, abs=0.2)


def test_variances(capsys, csv):
    frame = pd.read_csv(SCHOOLS, comment="#")
    squared = frame.assign(v=frame["sigma"] ** 2).to_csv(index=False)
    by_var = run(capsys, "fit", csv(squared), "--y", "y", "--var", "v", "--seed", "1")[1]
    by_se = run(capsys, "fit", SCHOOLS, *COLUMNS, "--seed", "1")[1]
    assert by_var.split("\n")[1:] == by_se.split("\n")[1:]


def test_folder(capsys, tmp_path):
    out = tmp_path / "deep" / "folder"
    arguments = ["--label", "school", "--draws", "200", "--seed", "3", "--out", str(out)]
    code, printed, _ = run(capsys, "fit", SCHOOLS, *COLUMNS, *arguments)
    assert code == 0
    assert str(out) in printed
    files = ["draws.csv", "forest.png", "shrinkage.png", "summary.csv", "tau.png"]
    assert sorted(os.listdir(out)) == files
    draws = pd.read_csv(out / "draws.csv")
    assert draws.shape == (200, 13)
    summary = pd.read_csv(out / "summary.csv", index_col=0)
    # 200 independent draws of an effect with sd 8.3
    assert abs(draws["theta[A]"].mean() - summary.loc["theta[A]", "mean"]) < 5 * 8.3 / 200**0.5
    for name in files:
        assert (out / name).stat().st_size > 500


def test_demo(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = run(capsys, "demo")
    assert code == 0
    assert "theta[H]" in out
    assert len(os.listdir("pyhier-demo")) == 5


def test_a_byte_order_mark_is_read_past(capsys, csv):
    file = csv("y,s\n1,1\n2,1\n4,2\n", encoding="utf-8-sig")
    assert run(capsys, "fit", file, "--y", "y", "--se", "s")[0] == 0


def test_a_label_may_begin_with_a_hash(capsys, csv):
    file = csv("# where from\ng,y,s\n#1,28,15\nB,8,10\nC,-3,16\n")
    code, out, _ = run(capsys, "fit", file, "--y", "y", "--se", "s", "--label", "g")
    assert code == 0
    assert "theta[#1]" in out


def test_labels_of_all_kinds_can_be_drawn(capsys, csv, tmp_path):
    file = csv('g,y,s\n"a, b",28,15\n$\\foo$,8,10\n\u6771\u4eac,-3,16\n"x < y",1,9\n')
    arguments = ["--y", "y", "--se", "s", "--label", "g", "--out", str(tmp_path / "out")]
    code, out, err = run(capsys, "fit", file, *arguments)
    assert (code, err) == (0, "")
    assert "theta[a, b]" in out


def test_control_characters_are_escaped(capsys, csv):
    """A label that would colour the terminal, in the table and in errors."""
    text = 'g,y,s\n"\x1b[31mA",28,15\n"B\x07",8,10\nC,-3,16\n'
    code, out, _ = run(capsys, "fit", csv(text), "--y", "y", "--se", "s", "--label", "g")
    assert code == 0
    assert "theta[\\x1b[31mA]" in out
    assert "\x1b" not in out
    assert "\x07" not in out
    bad = csv(text.replace(",15", ",-15"))
    _, _, err = run(capsys, "fit", bad, "--y", "y", "--se", "s", "--label", "g")
    assert "(group \\x1b[31mA)" in err
    assert "\x1b" not in err


def test_a_million_blank_lines_before_the_header(capsys, csv):
    file = csv("\n" * 1_000_000 + "y,s\n1,1\n2,1\n4,2\n")
    start = time.process_time()
    assert run(capsys, "fit", file, "--y", "y", "--se", "s")[0] == 0
    assert (
        time.process_time() - start < 20.0
    )  # about 1; in quadratic time it was a quarter of an hour


def test_nothing_is_left_when_terminated(tmp_path):
    out = tmp_path / "new"
    command = [sys.executable, "-m", "pyhier", "fit", SCHOOLS, *COLUMNS, "--method", "rwmetrop"]
    process = subprocess.Popen([*command, "--draws", "5e7", "--out", str(out)])
    while not (out.exists() and os.listdir(out)) and process.poll() is None:
        time.sleep(0.01)
    process.terminate()
    assert process.wait() == 143
    assert not out.exists()


def long_run(out, *options, **settings):
    """A chain that goes on until it is told to stop, its staging folder made."""
    command = [sys.executable, "-m", "pyhier", "fit", SCHOOLS, *COLUMNS, "--method", "rwmetrop"]
    process = subprocess.Popen([*command, *options, "--out", str(out)], **settings)
    while not (out.exists() and os.listdir(out)) and process.poll() is None:
        time.sleep(0.01)
    return process


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
@pytest.mark.parametrize("options", [["--draws", "5e7"], ["--draws", "10", "--burn-in", "5e7"]])
def test_an_ended_run_says_so_and_leaves_nothing(tmp_path, number, code, options):
    """In the burn-in and after it: a chain cut short is none that was asked for."""
    out = tmp_path / "new"
    process = long_run(out, *options, stdout=subprocess.PIPE, text=True)
    time.sleep(0.3)
    process.send_signal(number)
    printed, _ = process.communicate()
    assert process.returncode == code
    assert printed == ""
    assert not out.exists()


def test_what_a_killed_run_left_is_swept(capsys, tmp_path):
    killed = long_run(tmp_path, "--draws", "5e7")
    killed.kill()
    killed.wait()
    running = long_run(tmp_path / "other", "--draws", "5e7")
    (tmp_path / "mine.txt").write_text("kept")
    assert list(tmp_path.glob(".pyhier-*"))
    assert run(capsys, "fit", SCHOOLS, *COLUMNS, "--draws", "20", "--out", str(tmp_path))[0] == 0
    assert not list(tmp_path.glob(".pyhier-*"))
    assert (tmp_path / "mine.txt").read_text() == "kept"
    # The folder of a run that goes on stays.
    other = str(tmp_path / "other")
    assert run(capsys, "fit", SCHOOLS, *COLUMNS, "--draws", "20", "--out", other)[0] == 0
    assert len(list((tmp_path / "other").glob(".pyhier-*"))) == 1
    running.terminate()
    assert running.wait() == 143


def test_a_folder_in_the_way_of_a_file(capsys, tmp_path):
    (tmp_path / "tau.png").mkdir()
    code, _, err = run(capsys, "fit", SCHOOLS, *COLUMNS, "--draws", "20", "--out", str(tmp_path))
    assert code == 2
    assert "is a folder, in the way" in err
    assert os.listdir(tmp_path) == ["tau.png"]


def test_semicolons_when_told(capsys, csv):
    file = csv("y;s\n1;1\n2;1\n4;2\n")
    assert run(capsys, "fit", file, "--y", "y", "--se", "s", "--sep", ";")[0] == 0


EXCEL = {  # as Excel writes them: its hint, empty cells and rows at the end, tabs, decimal commas
    "sep=;\ny;s\n28;15\n8;10\n-3;16\n": [],
    '\ufeff"sep=;"\r\ny;s\r\n28;15\r\n8;10\r\n-3;16\r\n': [],
    "y,s\n28,15\n8,10\n-3,16\n,\n,\n": [],
    "y,s,,\n28,15,,\n8,10,,\n-3,16,,\n,,,\n": [],
    "y,s\n28,15,,\n8,10\n-3,16,\n": [],
    "\n  \ny,s\n\n28,15\n   \n8,10\n-3,16\n \n": [],
    "y;s\n28,0;1,5e1\n8;10\n-3;16\n": ["--decimal", ","],
    "y\ts\n28,0\t15\n8\t10\n-3\t16\n": ["--decimal", ",", "--sep", "\\t"],
    "y\rs".replace("\r", ",") + "\r28,15\r8,10\r-3,16\r": [],
}


@pytest.mark.parametrize("text", EXCEL)
def test_files_as_excel_writes_them(capsys, csv, text):
    plain = run(
        capsys, "fit", csv("y,s\n28,15\n8,10\n-3,16\n"), "--y", "y", "--se", "s", "--seed", "1"
    )
    found = run(capsys, "fit", csv(text), "--y", "y", "--se", "s", "--seed", "1", *EXCEL[text])
    assert found == plain
    assert found[0] == 0


def test_encodings(capsys, tmp_path):
    file, arguments = tmp_path / "data.csv", ["--y", "y", "--se", "s", "--label", "g"]
    text = "g,y,s\nZ\u00fcrich,28,15\nGen\u00e8ve,8,10\nBern,-3,16\n"
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        file.write_text(text, encoding=encoding)
        assert "theta[Z\u00fcrich]" in run(capsys, "fit", str(file), *arguments)[1]
    file.write_text(text, encoding="cp1252")
    assert "data.csv is not UTF-8 text (invalid" in run(capsys, "fit", str(file), *arguments)[2]
    assert "in line 2): " in run(capsys, "fit", str(file), *arguments)[2]
    told = run(capsys, "fit", str(file), *arguments, "--encoding", "cp1252")
    assert "theta[Z\u00fcrich]" in told[1]
    assert "--encoding is 'x'" in run(capsys, "fit", str(file), *arguments, "--encoding", "x")[2]
    file.write_text(text, encoding="utf-16-le")
    assert "say --encoding utf-16" in run(capsys, "fit", str(file), *arguments)[2]


def test_a_million_blank_lines(capsys, csv):
    file = csv("\n" * 1_000_000 + "y,s\n28,15\n8,10\nx,16\n")
    start = time.perf_counter()
    assert "line 1000004: row 3" in run(capsys, "fit", file, "--y", "y", "--se", "s")[2]
    assert time.perf_counter() - start < 10.0  # under a second alone


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "data.csv is empty: it needs a header"),
        ("\n\n", "data.csv is empty"),
        ("g,y,s\n", "has a header and no rows"),
        ("g,effect,s\nA,1,1\n", "has no column 'y': its columns are g, effect, s"),
        ("g,y,s,y\nA,1,1,1\n", "has more than one column 'y'"),
        ("g,y,s\nA,1,1\nB,two,1\nC,3,1\n", r"row 2 (group B), column 'y': 'two' is not a number"),
        ("g,y,s\nA,1,1\nB,,1\nC,3,1\n", "row 2 (group B), column 'y': the cell is empty"),
        ("g;y;s\nA;1;1\n", "is separated by semicolons: say so with --sep ';'"),
        ("g\ty\ts\nA\t1\t1\n", "is separated by tabs: say so with --sep '\\t'"),
        ("g,x\ty,s\nA,1,1\n", "; if tabs separate them, say --sep '\\t'"),
        (
            "sep=;\ng;y;s\nA;1,5;1\n",
            "'1,5' is not a number; if the comma marks decimals, say --deci",
        ),
        ("g,y,s\nA,1_435,1\nB,2,1\n", "'1_435' is not a number"),
        ("g,y,s\nA,\u0663,1\nB,2,1\n", "'\u0663' is not a number"),
        ("g,y,s\n\nA,1,1\n,,\nB,NA,1\n", "data.csv, line 5: row 2 (group B), column 'y': 'NA' is"),
        (
            "#\n\ng,y,s\nA,1,1\nB,2,-1\n",
            "se[1] (group B) is -1.0: standard errors must be positive",
        ),
        ("#\n\ng,y,s\nA,1,1\nB,2,-1\n", "data.csv, line 5, column 's')"),
        ("g,y,s\nA,1,1,2\n", "line 2: row 1 has 4 cells and the header 3"),
        ("g,y,s\nA,1\n", "row 1 has 2 cells and the header 3"),
        (
            "g,y,s\nA,1,1\nB,2,0\nC,3,1\n",
            "se[1] (group B) is 0.0: standard errors must be positive",
        ),
        ("g,y,s\nA,1,1\nB,nan,1\nC,3,1\n", "y[1] (group B) is nan: estimates must be finite"),
        ("g,y,s\nA,1,1\nA,2,1\nC,3,1\n", "labels has 'A' more than once"),
        ("g,y,s\nA,1,1\nB,2,1\n", "the posterior of 2 groups is improper"),
        ("g,y,s\nA,1,.7\nB,2,.7\n", 'such as --prior-tau "halfcauchy(0.7)"'),
    ],
)
def test_bad_files(capsys, csv, tmp_path, text, message):
    out = tmp_path / "results"
    arguments = ["--y", "y", "--se", "s", "--label", "g", "--out", str(out)]
    code, printed, err = run(capsys, "fit", csv(text), *arguments)
    assert (code, printed) == (2, "")
    assert err.startswith("pyhier: error: ")
    assert message in err
    assert not out.exists()


def test_other_bad_input(capsys, csv, tmp_path):
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"y,s\n\xff\xfe,1\n")
    assert "is not UTF-8 text" in run(capsys, "fit", str(binary), "--y", "y", "--se", "s")[2]
    missing = run(capsys, "fit", "nowhere.csv", *COLUMNS)[2]
    assert missing == "pyhier: error: nowhere.csv: No such file or directory\n"
    assert "binary.csv cannot be read" in run(capsys, "fit", str(tmp_path), *COLUMNS)[2]
    assert "--draws is 2.5" in run(capsys, "fit", SCHOOLS, *COLUMNS, "--draws", "2.5")[2]
    assert "--seed is -1" in run(capsys, "fit", SCHOOLS, *COLUMNS, "--seed", "-1")[2]
    with pytest.raises(SystemExit):
        main(["fit", SCHOOLS, "--y", "y"])
    assert "one of the arguments --se --var is required" in capsys.readouterr().err


def test_folders_that_cannot_be_written(capsys, tmp_path):
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file" / "below", "/proc/pyhier"):
        code, _, err = run(capsys, "fit", SCHOOLS, *COLUMNS, "--out", str(out))
        assert code == 2
        assert "cannot be written" in err
    assert (tmp_path / "file").read_text() == "mine"


def test_nothing_half_written(capsys, tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", fail)
    out = tmp_path / "new" / "folder"
    code, _, err = run(capsys, "fit", SCHOOLS, *COLUMNS, "--out", str(out), "--draws", "20")
    assert code == 2
    assert "No space left" in err
    assert not (tmp_path / "new").exists()
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "draws.csv").write_text("of an earlier run")
    run(capsys, "fit", SCHOOLS, *COLUMNS, "--out", str(kept), "--draws", "20")
    assert os.listdir(kept) == ["draws.csv"]
    assert (kept / "draws.csv").read_text() == "of an earlier run"


def test_module_and_version():
    command = [sys.executable, "-m", "pyhier", "--version"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.startswith("pyhier ")


def test_start_up_loads_little():
    """`import pyhier` and the table need NumPy and the kernels, and none of the slow packages."""
    code = f"""
import sys, pyhier
import pyhier as ph
from pyhier.cli import main
main(["fit", {SCHOOLS!r}, "--y", "y", "--se", "sigma", "--draws", "20"])
slow = {{"scipy", "pandas", "matplotlib", "statsmodels", "tqdm", "rpy2", "numba", "arviz"}}
print(sorted(slow & set(sys.modules)))
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip().split("\n")[-1] == "[]"


def test_fit_with_covariates(tmp_path, capsys):
    """The trials of the BCG vaccine by latitude; the values are those of test_normal_regression."""
    bcg = ph.load_dataset("bcg")
    risk, control = (
        bcg["vaccinated_cases"] / bcg["vaccinated"],
        bcg["control_cases"] / bcg["control"],
    )
    var = (1 - risk) / bcg["vaccinated_cases"] + (1 - control) / bcg["control_cases"]
    latitude = [44, 55, 42, 52, 13, 44, 19, 13, 27, 42, 18, 33, 33]
    columns = {"log RR": np.log(risk / control), "var": var, "latitude": latitude}
    frame = bcg.assign(**columns)
    frame.to_csv(tmp_path / "bcg.csv", index=False)
    arguments = ["fit", str(tmp_path / "bcg.csv"), "--y", "log RR", "--var", "var"]
    assert main([*arguments, "--formula", "~ latitude"]) == 0
    printed = capsys.readouterr().out
    row = next(line for line in printed.splitlines() if line.startswith("beta[latitude]"))
    assert float(row.split()[1]) == pytest.approx(-0.0287166, abs=1e-4)
    assert main([*arguments, "--formula", "latitude"]) == 2
    assert "write it as '~ latitude'" in capsys.readouterr().err
    assert main([*arguments, "--formula", "~ height"]) == 2
    assert "no column" in capsys.readouterr().err


def test_levels(tmp_path, capsys):
    ph.load_dataset("konstantopoulos").to_csv(tmp_path / "schools.csv", index=False)
    arguments = ["fit", str(tmp_path / "schools.csv"), "--y", "y", "--var", "var"]
    nested = [*arguments, "--levels", "district, school"]
    assert main([*nested, "--out", str(tmp_path / "out"), "--draws", "500", "--seed", "1"]) == 0
    printed = capsys.readouterr().out
    assert "56 schools in 11 districts" in printed
    row = next(line for line in printed.splitlines() if line.startswith("tau[district]"))
    assert float(row.split()[1]) == pytest.approx(0.294488, abs=1e-4)
    pictures = {path.name for path in (tmp_path / "out").glob("*.png")}
    assert pictures == {"forest.png", "shrinkage.png", "tau_district.png", "tau_school.png"}
    assert main([*nested, "--label", "study"]) == 2
    assert "--label names groups of one level" in capsys.readouterr().err
    assert main([*arguments, "--levels", "nix"]) == 2
    assert "nix" in capsys.readouterr().err
