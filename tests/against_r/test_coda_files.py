"""CODA files, written by a real JAGS, read as a live coda reads them; and written for R."""

import os
import shutil
import subprocess

import numpy as np
import pytest
from pyhier.r_bridge.validation.live_r import RError, evaluate

from pyhier import coda

pytestmark = pytest.mark.usefixtures("r")

LINE = """
model {
  for (i in 1:5) { mu[i] <- alpha + beta * (x[i] - 3); Y[i] ~ dnorm(mu[i], tau) }
  alpha ~ dnorm(0, 1.0E-4)
  beta ~ dnorm(0, 1.0E-4)
  tau ~ dgamma(1.0E-3, 1.0E-3)
  for (i in 1:2) { for (j in 1:3) { z[i, j] ~ dnorm(W[i, j], 1) } }
}
"""
BUGS = """list(x = c(1, 2, 3, 4, 5), Y = c(1, 3, 3, 3, 5),  # the line example
     W = structure(.Data = c(100, 200, 300, 1.0E3, 2000, -3000), .Dim = c(2, 3)))
"""
RUN = """
model in line.bug
data in line.data
compile, nchains(2)
initialize
update 100
monitor alpha, thin(2)
monitor beta, thin(2)
monitor z, thin(2)
update 50
coda *, stem(CODA)
monitor tau
update 20
coda *, stem(mixed)
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A folder where JAGS has run, on data that `bugs2jags` converted."""
    if shutil.which("jags") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI must have JAGS: apt-get install jags")
        pytest.skip("JAGS is missing: apt-get install jags")
    folder = tmp_path_factory.mktemp("jags")
    for name, text in {"line.bug": LINE, "line.bugs": BUGS, "run.cmd": RUN}.items():
        (folder / name).write_text(text)
    assert coda.bugs2jags(folder / "line.bugs", folder / "line.data") == ["x", "Y", "W"]
    done = subprocess.run(
        ["jags", "run.cmd"], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    assert (folder / "mixedindex.txt").exists(), done.stdout + done.stderr
    return folder


def r(code, folder, **inputs):
    return evaluate(f"library(coda); old <- setwd(f); v <- {{{code}}}; setwd(old); v",
                    f=str(folder), **inputs)  # fmt: skip


SHOWN = "paste(capture.output(x <- {}, print(x)), collapse = '\n')"


def test_jags_files_as_r_reads_them(written, capsys):
    x = coda.read_coda(written / "CODAchain1.txt", written / "CODAindex.txt")
    said = capsys.readouterr().out
    expected = r(SHOWN.format("read.coda('CODAchain1.txt', 'CODAindex.txt')"), written)
    assert f"{said}{x}" == expected
    assert x.mcpar == (101, 149, 2)
    # JAGS saw the rows of W where WinBUGS' list has them.
    means = x["z[1,1]"].values.mean(), x["z[1,2]"].values.mean(), x["z[2,1]"].values.mean()
    assert np.allclose(means, (100, 200, 1000), atol=2.0)  # five standard errors at most


@pytest.mark.parametrize(
    ("start", "end", "thin"),
    [
        (None, None, 4),
        (None, 130, None),
        (None, 500, None),
        (50, None, None),
        (103, None, 6),
        (149, None, None),
        (111, 131, 4),
        (None, None, 3),
        (111, 112, None),
    ],
)
@pytest.mark.filterwarnings("ignore:.*not changed")
def test_parts_of_files_as_r_reads_them(written, start, end, thin):
    given = {"start": start, "end": end, "thin": thin}
    code = "".join(f", {name} = {v}" for name, v in given.items() if v is not None)
    expected = r(
        f"suppressWarnings(read.coda('CODAchain2.txt', 'CODAindex.txt', quiet = TRUE{code}))",
        written,
    )
    shown = f"read.coda('CODAchain2.txt', 'CODAindex.txt', quiet = TRUE{code})"
    shown = SHOWN.format(f"suppressWarnings({shown})")
    files = written / "CODAchain2.txt", written / "CODAindex.txt"
    mine = coda.read_coda(*files, quiet=True, **given)
    assert np.array_equal(mine, expected)
    assert str(mine) == r(shown, written)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"start": 50}, "start not changed"),
        ({"end": 500}, "end not changed"),
        ({"thin": 3}, "thin not changed"),
    ],
)
def test_what_does_not_fit_is_left_out_with_a_warning(written, given, said):
    name, value = next(iter(given.items()))
    code = f"read.coda('CODAchain1.txt', 'CODAindex.txt', {name} = {value}, quiet = TRUE)"
    assert r(f"tryCatch({code}, warning = conditionMessage)", written) == said
    with pytest.warns(UserWarning, match=said):
        coda.read_coda(written / "CODAchain1.txt", written / "CODAindex.txt", quiet=True, **given)


def test_windows_outside_the_data_are_errors(written):
    files = written / "CODAchain1.txt", written / "CODAindex.txt"
    for given, said in (({"start": 150}, "Start after end"), ({"end": 100}, "End before start")):
        name, value = next(iter(given.items()))
        with pytest.raises(RError, match=said):
            r(f"read.coda('CODAchain1.txt', 'CODAindex.txt', {name} = {value})", written)
        with pytest.raises(ValueError, match=said):
            coda.read_coda(*files, quiet=True, **given)
    # R calls the draw of iteration 111 that of iteration 110.
    assert coda.read_coda(*files, start=110, quiet=True).start == 111


def test_variables_monitored_from_different_times(written):
    files = written / "mixedchain1.txt", written / "mixedindex.txt"
    with pytest.raises(ValueError, match=r"not equally spaced by 1: 103 comes after 101"):
        coda.read_coda(*files, quiet=True)
    regular = coda.read_coda(*files, thin=2, quiet=True)
    code = "read.coda('mixedchain1.txt', 'mixedindex.txt', thin = 2, quiet = TRUE)"
    assert str(regular) == r(SHOWN.format(code), written)
    assert np.isnan(regular["tau"].values).sum() == 25


def test_openbugs_and_old_jags(written, capsys):
    both = coda.read_openbugs(f"{written}/", quiet=True)
    assert str(both) == r(SHOWN.format("read.openbugs('', quiet = TRUE)"), written)
    shutil.copy(written / "CODAchain1.txt", written / "jags.out")
    shutil.copy(written / "CODAindex.txt", written / "jags.ind")
    expected = r(SHOWN.format("read.jags('jags.out', quiet = TRUE)"), written)
    assert str(coda.read_jags(written / "jags.out", quiet=True)) == expected
    assert str(coda.read_jags(written / "jags", quiet=True)) == expected
    assert capsys.readouterr().out == ""


def test_r_reads_what_we_write(tmp_path):
    rng = np.random.default_rng(5)
    values = rng.normal(size=(30, 3)) * 10.0 ** rng.integers(-10, 11, 3)
    values[3, 1] = np.nan
    values[4, 1] = np.inf
    x = coda.mcmc(values, start=1001, thin=10, varnames=["mu", "theta[1]", "theta[2]"])
    both = coda.mcmc_list(x, coda.mcmc(-values, start=1001, thin=10, varnames=x.varnames))
    files = coda.write_coda(both, tmp_path / "CODA")
    assert [file.name for file in files] == ["CODAindex.txt", "CODAchain1.txt", "CODAchain2.txt"]
    read = r("lapply(read.openbugs('', quiet = TRUE), function(x) unclass(x)[, ])", tmp_path)
    assert np.array_equal(read[0], values, equal_nan=True)
    assert np.array_equal(read[1], -values, equal_nan=True)
    back = coda.read_openbugs(f"{tmp_path}/", quiet=True)
    assert back[1].mcpar == (1001, 1291, 10)
    assert back.varnames == x.varnames
    assert np.array_equal(back[1], -values, equal_nan=True)


BROKEN = {
    ("a 1 3\n", "1 0.5\n2 0.7\n"): "a in rows 1 to 3: .* has 2",
    ("a 1 3\n", "1 0.5\n2 x\n3 1\n"): "line 2, is '2 x'",
    ("a 1 3\n", "1 0.5 7\n2 4 8\n3 1 9\n"): "line 1, is '1 0.5 7'",
    ("a 1 3\n", ""): "is empty",
    ("", "1 0.5\n"): "must name a variable a line",
    ("a 1\n", "1 0.5\n"): "line 1, is 'a 1'",
    ("a 2 1\n", "1 0.5\n2 0.5\n"): "rows 2 to 1 of a are none",
    ("a 1 3\n", "1 0.5\n2 0.7\n4 0.8\n"): "not equally spaced by 1: 4 comes after 2",
}


@pytest.mark.parametrize(("index", "output"), BROKEN)
def test_broken_files_are_errors_that_name_the_line(tmp_path, index, output):
    (tmp_path / "i.txt").write_text(index)
    (tmp_path / "o.txt").write_text(output)
    with pytest.raises(ValueError, match=BROKEN[index, output]):
        coda.read_coda(tmp_path / "o.txt", tmp_path / "i.txt", quiet=True)


def test_names_with_spaces_and_missing_draws(tmp_path):
    (tmp_path / "i.txt").write_text("'a b' 1 3\n")
    (tmp_path / "o.txt").write_text("1 0.5\n2 NA\n3 1.5E-3\n")
    mine = coda.read_coda(tmp_path / "o.txt", tmp_path / "i.txt", quiet=True)
    assert str(mine) == r(SHOWN.format("read.coda('o.txt', 'i.txt', quiet = TRUE)"), tmp_path)
    with pytest.raises(FileNotFoundError):
        coda.read_coda(tmp_path / "none.txt", tmp_path / "i.txt")
    with pytest.raises(FileNotFoundError, match="No index file found"):
        coda.read_openbugs(f"{tmp_path}/")


DATA = [
    "list(N=3, x=c(1,2,3), y=structure(.Data=c(1,2,3,4,5,6), .Dim=c(2,3)))",
    "list(N = 3L, x = c(1.5, NA, 3e-10), M = 5000000, z = c(100000, 1, 0.1), w = 1:10,\n"
    "q = structure(.Data = c(1.5,2,3,4,5,6,7,8,9,10,11,12,NA,14,15,-16), .Dim = c(2,2,4)))",
    "list(a.b = -.5, 'c' = c(-1, +2, 1E300), d = structure(.Data = 6:1, .Dim = c(3, 2)))",
]


@pytest.mark.parametrize("text", DATA)
def test_data_of_bugs_as_r_converts_them(tmp_path, text):
    (tmp_path / "in").write_text(text)
    names = coda.bugs2jags(tmp_path / "in", tmp_path / "ours")
    code = """
    said <- bugs2jags('in', 'theirs')
    a <- new.env(); b <- new.env(); source('ours', a); source('theirs', b)
    list(said, all.equal(mget(said, a), mget(said, b), tolerance = 0))
    """
    said, equal = r(code, tmp_path)
    assert names == list(said)
    assert equal is True


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("list(N=3,\n x=c(1,2,3)", "line 2: ',' must stand where the end of the file does"),
        ("list(3, x=c(1,2,3))", "line 1: a variable's name must stand where '3'"),
        ("c(N=3)", "'list' must stand where 'c'"),
        ("list(x = 'a')", "a number must stand where"),
        ("list(x = structure(.Data=c(1,2), .Dim=c(3)))", "it must have 3"),
        ("list(x = 3) y", "the end of the file must stand where 'y'"),
        ("list(x = 3 ; y = 2)", "must stand where"),
    ],
)
def test_broken_data_are_errors_that_name_the_place(tmp_path, text, said):
    (tmp_path / "in").write_text(text)
    with pytest.raises(ValueError, match=said):
        coda.bugs2jags(tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "out").exists()
