"""The command line on files of any size: what it writes, refuses and goes on with."""

import gzip
import os
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import pyhier as ph
from pyhier import cli_blocks
from pyhier.cli import main

RNG = np.random.default_rng(6)
GROUPS = 5000
SE = 10.0 ** RNG.uniform(-1.0, 1.0, GROUPS)
Y = RNG.normal(3.0, np.hypot(SE, 0.5))
FRAME = pd.DataFrame({"name": [f"g{j}" for j in range(GROUPS)], "effect": Y, "sd": SE, "n": 3})
COLUMNS = ["--y", "effect", "--se", "sd"]
WRITTEN = ["effects", "plan.json", "summary.csv", "sums.npz"]


def run(capsys, *arguments):
    code = main(["fit", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def folder(tmp_path):
    """Three files: Parquet, compressed CSV with lines of comments, Parquet in a folder below."""
    place = tmp_path / "data"
    (place / "c").mkdir(parents=True)
    pq.write_table(pa.table(FRAME[:2000]), place / "a.parquet", row_group_size=300)
    text = "# made for a test\n" + FRAME[2000:3001].to_csv(index=False)
    (place / "b.csv.gz").write_bytes(gzip.compress(text.encode()))
    pq.write_table(pa.table(FRAME[3001:][["sd", "n", "effect", "name"]]), place / "c" / "d.parquet")
    (place / "_SUCCESS").touch()
    return place


@pytest.fixture
def small(monkeypatch):
    """Blocks of a few rows, so that there are many."""
    for name, size in {"BLOCK": 512, "PART": 1000, "PIECE": 250, "KEPT": 2}.items():
        monkeypatch.setattr(cli_blocks, name, size)


def effects_in(out):
    parts = sorted((out / "effects").iterdir())
    return pd.concat([pd.read_parquet(part) for part in parts], ignore_index=True)


def right():
    sums = ph.NormalSums()
    sums.update(Y, SE)
    return ph.exact(sums.model())


def test_what_is_written(capsys, folder, small, tmp_path):
    out = tmp_path / "new" / "out"
    code, said, err = run(capsys, folder, *COLUMNS, "--label", "name", "--out", out)
    assert (code, err) == (0, "")
    assert "SummedNormal: sums of 5,000 groups" in said
    assert sorted(os.listdir(out)) == WRITTEN
    assert os.listdir(tmp_path / "new") == ["out"]
    post = right()
    summary = pd.read_csv(out / "summary.csv", index_col=0)
    assert list(summary.columns) == ["mean", "sd", "2.5%", "50%", "97.5%"]
    np.testing.assert_allclose(summary, post.summary()[summary.columns], rtol=1e-9)
    found = effects_in(out)
    assert found["label"].tolist() == FRAME["name"].tolist()
    wanted = post.effects(Y, SE, probs=[0.025, 0.5, 0.975])
    assert list(found.columns[1:]) == list(wanted.columns)
    np.testing.assert_allclose(found[wanted.columns], wanted, rtol=1e-9)
    assert len(os.listdir(out / "effects")) == 5
    assert ph.NormalSums.load(out / "sums.npz").groups == GROUPS


def test_the_table_alone(capsys, folder):
    code, said, _ = run(capsys, folder / "a.parquet", "--y", "effect", "--var", "sd")
    assert code == 0
    sums = ph.NormalSums()
    sums.update(Y[:2000], var=SE[:2000])
    row = next(line for line in said.split("\n") if line.startswith("tau ")).split()
    assert float(row[1]) == pytest.approx(ph.exact(sums.model())["tau"].mean(), abs=1e-4)


def test_counts_and_priors(capsys, tmp_path):
    k, n = RNG.binomial(20, RNG.beta(3.0, 6.0, 60)), np.full(60, 20)
    path, out = tmp_path / "clicks.parquet", tmp_path / "out"
    pq.write_table(pa.table({"k": k, "n": n}), path)
    assert run(capsys, path, "--successes", "k", "--trials", "n", "--out", out)[0] == 0
    sums = ph.BinomialSums()
    sums.update(k, n)
    wanted = ph.exact(sums.model()).effects(k, n, probs=[0.5])
    np.testing.assert_allclose(effects_in(out)["50%"], wanted["50%"], rtol=1e-9)
    assert run(capsys, path, "--counts", "k", "--exposure", "n")[0] == 0
    code, said, _ = run(capsys, path, "--y", "k", "--se", "n", "--prior-tau", "halfcauchy(5)")
    assert code == 0
    assert "halfcauchy" in said


@pytest.mark.parametrize(
    ("spoil", "options", "message"),
    [
        (lambda f: (f / "a.parquet").write_bytes((f / "a.parquet").read_bytes()[:-40]), [],
         r"a\.parquet cannot be read, not whole or of another kind"),
        (lambda f: (f / "b.csv.gz").write_bytes((f / "b.csv.gz").read_bytes()[:-400]), [],
         r"b\.csv\.gz cannot be read, not whole"),
        (lambda f: (f / "c" / "d.parquet").write_text("y,se\n1,2\n"), [], r"d\.parquet cannot be"),
        (lambda f: (f / "x.parquet").touch(), [], r"x\.parquet cannot be read"),
        (lambda f: (f / "notes.txt").touch(), [], r"notes\.txt is neither a Parquet file nor"),
        (lambda f: None, ["--y", "y"], r"--y is 'y': .*a\.parquet has no such column; .*effect"),
        (lambda f: pq.write_table(pa.table({"effect": Y}), f / "e.parquet"), [],
         r"--se is 'sd': .*e\.parquet has no such column; its columns are effect"),
        (lambda f: None, ["--label", "id"], r"--label is 'id': .*a\.parquet has no such column"),
        (lambda f: None, ["--y", "name"], r"--y is 'name': in .*a\.parquet it holds"),
        (lambda f: pq.write_table(pa.table({"effect": [1.0, None], "sd": [1.0, 1.0]}),
                                  f / "e.parquet"), [],
         r"e\.parquet, row 2, column 'effect' is missing: estimates must be finite"),
        (lambda f: pq.write_table(pa.table({"effect": [1.0, 2.0], "sd": [1.0, -0.5]}),
                                  f / "b.parquet"), [],
         r"b\.parquet, row 2, column 'sd' is -0\.5: standard errors must be positive"),
        (lambda f: (f / "z.csv").write_text("effect,sd\n1,2\n1,x\n"), [], r"z\.csv cannot .*'x'"),
        (lambda f: None, ["--formula", "~ n"], "--formula is of files that fit into memory"),
        (lambda f: None, ["--method", "rwmetrop"], "--method is rwmetrop: .* take exact"),
        (lambda f: None, ["--prior", "bda3"], "--prior is not of estimates"),
        (lambda f: None, ["--trials", "n", "--successes", "n"], "rows are of one kind"),
    ],
)  # fmt: skip
def test_what_is_refused(capsys, folder, small, tmp_path, spoil, options, message):
    spoil(folder)
    before = sorted(os.listdir(tmp_path))
    code, _, err = run(capsys, folder, *COLUMNS, *options, "--out", tmp_path / "new" / "out")
    assert code == 2
    assert err.startswith("pyhier: error: ")
    assert pd.Series([err]).str.contains(message).all(), err
    assert sorted(os.listdir(tmp_path)) == before


def test_folders_that_are_none(capsys, tmp_path, folder):
    (tmp_path / "empty").mkdir()
    for place, message in ((tmp_path / "empty", "no Parquet files"), (tmp_path / "no.parquet", "")):
        code, _, err = run(capsys, place, *COLUMNS)
        assert code == 2
        assert message in err
    pq.write_table(pa.table({"effect": [], "sd": []}), tmp_path / "none.parquet")
    assert "no rows" in run(capsys, tmp_path / "none.parquet", *COLUMNS)[2]
    assert "is there already" in run(capsys, folder, *COLUMNS, "--out", folder)[2]
    assert "say --out" in run(capsys, folder, *COLUMNS, "--resume")[2]
    (tmp_path / "t.csv").write_text("effect,sd\n1,2\n")
    assert "--resume is of" in run(capsys, tmp_path / "t.csv", *COLUMNS, "--resume")[2]


RUN = """
import sys
from pyhier import cli, cli_blocks
cli_blocks.BLOCK, cli_blocks.PART, cli_blocks.PIECE, cli_blocks.KEPT = 512, 1000, 250, 2
slow = cli_blocks.effects_of
def effects_of(*given):
    import time
    time.sleep(0.03)
    return slow(*given)
cli_blocks.effects_of = effects_of
sys.exit(cli.main(sys.argv[1:]))
"""


def test_killed_and_resumed(capsys, folder, small, tmp_path):
    """By SIGKILL, amid the effects: the finished files of effects stay as they are."""
    out, whole = tmp_path / "out", tmp_path / "whole"
    given = [str(folder), *COLUMNS, "--label", "name"]
    process = subprocess.Popen([sys.executable, "-c", RUN, "fit", *given, "--out", str(out)])
    try:
        until = time.monotonic() + 120.0
        second = tmp_path / "out.part" / "effects" / "part-00001.parquet"
        while not second.exists():
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < until
            time.sleep(0.005)
    finally:
        process.kill()
        process.wait()
    assert not out.exists()
    first = second.with_name("part-00000.parquet")
    before = first.stat().st_mtime_ns, second.stat().st_mtime_ns
    for changed, message in (
        (["--prior-tau", "jeffreys"], "the priors are not those"),
        (["--y", "sd"], "the columns are not those"),
    ):
        err = run(capsys, *given, *changed, "--out", out, "--resume")[2]
        assert message in err
    assert run(capsys, *given, "--out", out, "--resume")[0] == 0
    kept = out / "effects" / first.name, out / "effects" / second.name
    assert tuple(path.stat().st_mtime_ns for path in kept) == before
    assert run(capsys, *given, "--out", whole)[0] == 0
    pd.testing.assert_frame_equal(effects_in(out), effects_in(whole), check_exact=True)
    assert not (tmp_path / "out.part").exists()


def test_interrupted_sums_go_on(capsys, folder, small, tmp_path, monkeypatch):
    """From the last that were saved, to the same bits; not from other data."""
    out, whole = tmp_path / "out", tmp_path / "whole"
    assert run(capsys, folder, *COLUMNS, "--out", whole)[0] == 0
    plain, calls = ph.NormalSums.update, []

    def stopped(self, *given, **named):
        calls.append(self.groups)
        if self.groups == 5 * 512:
            raise KeyboardInterrupt
        plain(self, *given, **named)

    monkeypatch.setattr(ph.NormalSums, "update", stopped)
    code, _, err = run(capsys, folder, *COLUMNS, "--out", out)
    assert code == 130
    assert "--resume goes on" in err
    monkeypatch.setattr(ph.NormalSums, "update", lambda self, *a, **k: (
        calls.append(self.groups), plain(self, *a, **k)))  # fmt: skip
    calls.clear()
    assert run(capsys, folder, *COLUMNS, "--out", out, "--resume")[0] == 0
    assert calls[0] == 4 * 512
    found, wanted = (ph.NormalSums.load(place / "sums.npz") for place in (out, whole))
    np.testing.assert_array_equal(found._kept.table, wanted._kept.table)


def test_other_files_are_not_gone_on_with(capsys, folder, small, tmp_path, monkeypatch):
    out = tmp_path / "out"

    def full(*_):
        raise OSError("the disk is full")

    monkeypatch.setattr(cli_blocks, "write_effects", full)
    assert run(capsys, folder, *COLUMNS, "--out", out)[0] == 2
    assert (tmp_path / "out.part" / "sums.npz").exists()
    os.utime(folder / "a.parquet", (1, 1))
    assert "the files are not those" in run(capsys, folder, *COLUMNS, "--out", out, "--resume")[2]
    monkeypatch.undo()
    assert run(capsys, folder, *COLUMNS, "--out", out)[0] == 0  # anew
    assert sorted(os.listdir(out)) == WRITTEN
