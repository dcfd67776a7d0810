"""Files of draws and of BUGS' data: what R refuses is refused, and errors name file and line."""

import numpy as np
import pytest

from pyhier import coda


def read(folder, draws, index):
    for name, text in (("chain", draws), ("index", index)):
        data = text if isinstance(text, bytes) else ("\n".join(text) + "\n").encode()
        (folder / f"{name}.txt").write_bytes(data)
    return coda.read_coda(folder / "chain.txt", folder / "index.txt", quiet=True)


@pytest.mark.parametrize(
    ("draws", "index", "message"),
    [
        # R fails on these two as well, with other words.
        (["1 .1", "2 .2", "1 .3", "2 .4"], ["mu 1 4"],
         "chain.txt: mu has iteration 1 twice, in lines 1 and 3: a file must hold one chain"),
        (["1 .1", "2 .2", "1 .3", "2 .4"], ["mu 1 2", "mu 3 4"],
         "index.txt, line 2: there is a variable mu already"),
        (["1 .1", "100000000000000000000 .2"], ["mu 1 2"], "chain.txt, line 2, is .1000"),
        (["1.5 .1"], ["mu 1 1"], "chain.txt, line 1, .*: it must be an iteration, a whole number"),
        (["1 1_000"], ["mu 1 1"], "chain.txt, line 1, is '1 1_000'"),
        (b"1 .1\n2 .2\xff\n", ["mu 1 2"], "chain.txt, line 2, is not text in UTF-8"),
        (["1 .1"], b"m\xfc 1 1\n", "index.txt, line 1, is not text in UTF-8"),
        (["1 .1"], ["mu 1 Inf"], "index.txt, line 1, is 'mu 1 Inf'"),
        (["1 .1"], ["mu 1 1e400"], "index.txt, line 1, is 'mu 1 1e400'"),
        (["1 .1"], ["mu nan 1"], "index.txt, line 1, is 'mu nan 1'"),
        (["1 .1", "2 .2"], ["mu 1.7 2.2"], "index.txt, line 1, is 'mu 1.7 2.2'"),
    ],
)  # fmt: skip
def test_files_that_are_none(tmp_path, draws, index, message):
    with pytest.raises(ValueError, match=message):
        read(tmp_path, draws, index)


def test_numbers_as_r_writes_them(tmp_path):
    """write() in R makes 1e+05 of 100000; scan() takes hexadecimal numbers."""
    x = read(tmp_path, ["1e+05 1", "100001 0x10", "100002 NA"], ["mu 1e0 3"])
    assert x.mcpar == (100_000, 100_002, 1)
    np.testing.assert_array_equal(x.matrix.ravel(), [1.0, 16.0, np.nan])


def test_a_name_of_two_lines_is_not_written(tmp_path):
    x = coda.mcmc([[1.0], [2.0]], varnames=["a\nb"])
    with pytest.raises(ValueError, match=r"x has a variable 'a\\nb'"):
        coda.write_coda(x, tmp_path / "CODA")
    assert not list(tmp_path.iterdir())


def converted(folder, text):
    (folder / "in.txt").write_bytes(text if isinstance(text, bytes) else f"list({text})".encode())
    coda.bugs2jags(folder / "in.txt", folder / "out.txt")
    return (folder / "out.txt").read_text().removeprefix("x <-\n").strip()


@pytest.mark.parametrize(
    ("span", "numbers"),
    [
        ("1.5:3", "c(1.5, 2.5)"),
        ("3:1.5", "c(3, 2)"),
        ("-2:2", "c(-2, -1, 0, 1, 2)"),
        ("0.1:0.3", "0.1"),
        ("1:2.99999999999", "c(1, 2, 3)"),  # rounding, as R has it
    ],
)
def test_ranges_are_rs(tmp_path, span, numbers):
    assert converted(tmp_path, f"x = {span}") == numbers


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "x = 1,\n y = 1:3e8",
            r"in.txt, line 2: the range 1:3e\+08 is of more numbers than 10,000",
        ),
        ("x = c(1:6e6, 1:6e6)", "more numbers than"),
        ("x = 1:Inf", "the range 1:inf"),
        ("x = NA:3", "the range nan:3"),
        ("x = 1, x = 2", "a variable that is not there yet must stand where 'x' does"),
        ("x = structure(.Data = c(1, 2), .Dim = c(1.5, 2))", "'s .Dim is .* whole numbers from 0"),
        ("x = structure(.Data = c(1, 2), .Dim = c(NA, 2))", "'s .Dim is .* whole numbers from 0"),
        ("x = structure(.Data = 1:2, .Data = 3:4, .Dim = 1:2)", "one .Data and one .Dim"),
        ("x = structure(.Data = 1:2, .Dim = c(1e10, 1e10))", "must have 100000000000000000000"),
        (b"list(x = 1,\n y\xff = 2)", "in.txt, line 2, is not text in UTF-8"),
    ],
)
def test_data_that_is_none(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        converted(tmp_path, text)
