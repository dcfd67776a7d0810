"""Files that somebody else wrote: read right, or refused with nothing half-done."""

import contextlib
import io
import re
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from hypothesis import strategies as st

from pyhier import coda
from pyhier.cli import main

_numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(-50.0, 50.0).map(lambda x: f"{x:.3g}"),
    st.sampled_from(["0", "1", "-1", "1e308", "1e-308", "1e999", "1,5", "1d5", "+3", "-0", ".5"]),
)
_odd = st.one_of(
    st.sampled_from(
        ["NA", "NaN", "inf", "-Inf", "", " ", '"', "'", '"a', "#", "\0", "\ufeff", "1 2", "é"]
    ),
    st.text(max_size=4),
)
_cells = st.one_of(_numbers, _numbers, _numbers, _odd)
_ends = st.sampled_from(["\n", "\n", "\n", "\r\n", "\r", ""])


@st.composite
def chains(draw: Any) -> tuple[bytes, bytes]:
    """The files of a chain, of which some lines are not what they should be."""
    count, rows = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    index, output = [], []
    for number in range(count):
        first = number * rows + 1
        index.append(f"x[{number + 1}] {first} {first + rows - 1}")
        output += [f"{i} {draw(_numbers)}" for i in range(1, rows + 1)]
    for lines in (index, output):
        for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
            at = draw(st.integers(0, len(lines) - 1))
            parts = lines[at].split(" ")
            parts[draw(st.integers(0, len(parts) - 1))] = draw(st.one_of(_cells, st.just("1 1")))
            lines[at] = " ".join(parts)
        if draw(st.integers(0, 9)) == 0:
            del lines[draw(st.integers(0, len(lines) - 1))]
    end = draw(_ends)
    joined = [(end or "\n").join(lines) + end for lines in (index, output)]
    return tuple(text.encode("utf-8", "surrogatepass") for text in joined)  # type: ignore[return-value]


def check_coda(example: tuple[bytes, bytes]) -> None:
    """Draws that are those of the file, which are written and read again as they were."""
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("error")
        index, output = Path(folder) / "index.txt", Path(folder) / "chain.txt"
        index.write_bytes(example[0])
        output.write_bytes(example[1])
        said = io.StringIO()
        try:
            with contextlib.redirect_stdout(said):
                chain = coda.read_coda(output, index)
        except ValueError as error:
            if not re.search(r"index\.txt|chain\.txt|^iterations are", str(error)):
                raise
            return
        # As in R an iteration that a variable has not is NA there, and what it has is said.
        draws, valid = np.asarray(chain), sum(map(int, re.findall(r"(\d+) valid", said.getvalue())))
        written = re.search(rb"na", example[1], re.IGNORECASE) is not None
        assert written or np.count_nonzero(~np.isnan(draws)) == valid, (draws, said.getvalue())
        coda.write_coda(chain, Path(folder) / "again")
        again = coda.read_coda(*_written(Path(folder)), quiet=True)
        # R writes seven digits, and so is what is read again.
        np.testing.assert_allclose(np.asarray(again), draws, rtol=1e-6)


def _written(folder: Path) -> tuple[Path, Path]:
    (index,) = folder.glob("again*index*")
    (output,) = set(folder.glob("again*")) - {index}
    return output, index


@st.composite
def tables(draw: Any) -> tuple[bytes, tuple[str, ...]]:
    """A table of estimates, of which some cells are not numbers, and options of the shell."""
    separator, said = draw(
        st.sampled_from([(",", ()), (";", ("--sep", ";")), ("\t", ("--sep", "\\t")), (";", ())])
    )
    lines = [
        separator.join(draw(st.sampled_from([("y", "s")] * 4 + [("s", "y", "g"), ("y", "y")])))
    ]
    width = lines[0].count(separator) + 1
    broken = draw(st.integers(0, 3)) == 0
    for _ in range(draw(st.integers(3 - 3 * broken, 6))):
        cells = [f"{draw(st.floats(0.01, 50.0)):.3g}" for _ in range(width)]
        if broken and draw(st.integers(0, 2)) == 0:
            cells[draw(st.integers(0, width - 1))] = draw(_cells)
        if broken and draw(st.integers(0, 19)) == 0:
            cells.append(draw(_cells))
        lines.append(separator.join(cells))
    end = draw(_ends)
    content = ((end or "\n").join(lines) + end).encode("utf-8", "surrogatepass")
    if broken and draw(st.integers(0, 3)) == 0:
        content += draw(st.binary(max_size=4))
    prior = draw(
        st.sampled_from([(), (), ("--prior-tau", "halfcauchy(5)"), ("--prior-tau", "half")])
    )
    return content, (draw(st.sampled_from(["--se", "--var"])), "s", *said, *prior)


def check_csv(example: tuple[bytes, tuple[str, ...]]) -> None:
    """A table without NaN and exit code 0, or one line that says what is wrong and exit code 2."""
    content, options = example
    out, said = io.StringIO(), io.StringIO()
    with (
        TemporaryDirectory() as folder,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(said),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("error")
        path = Path(folder) / "table.csv"
        path.write_bytes(content)
        code = main(["fit", str(path), "--y", "y", *options, "--seed", "1"])
    if code == 2:
        assert said.getvalue().startswith("pyhier: error: "), said.getvalue()
        assert "Traceback" not in said.getvalue()
        return
    assert code == 0
    assert "nan" not in out.getvalue().lower(), out.getvalue()
