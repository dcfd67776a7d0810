"""Draws in the files of JAGS, OpenBUGS and WinBUGS: CODA format, read and written.

An index file says which rows of a chain's file hold a variable's draws; a row holds an iteration
and a draw.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from pyhier._types import Floats, Ints
from pyhier._validation import file_path, flag, string
from pyhier.coda.iterations import whole
from pyhier.coda.objects import Draws, Mcmc, McmcList, chains_of, mcmc_list
from pyhier.rstats.format import NA

FilePath = str | PathLike[str]


def read_coda(
    output_file: FilePath,
    index_file: FilePath,
    start: int | None = None,
    end: int | None = None,
    thin: int | None = None,
    quiet: bool = False,
) -> Mcmc:
    """Read a chain from a file of draws and its index file.

    Parameters
    ----------
    output_file, index_file : str or path
    start, end, thin : int, optional
        The part to read; what does not fit the data is left out, with a warning.
    quiet : bool
        Whether not to print what is read.

    Returns
    -------
    Mcmc

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ValueError
        If a file is not in CODA format, or the iterations are not equally spaced.

    Examples
    --------
    >>> import tempfile
    >>> from pyhier import coda
    >>> x = coda.mcmc([[1.5, 5.0], [2.5, 7.0]], start=101, thin=2, varnames=["mu", "tau"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = coda.write_coda(x, f"{folder}/CODA")
    ...     back = coda.read_coda(f"{folder}/CODAchain1.txt", f"{folder}/CODAindex.txt")
    Abstracting mu ... 2 valid values
    Abstracting tau ... 2 valid values
    >>> back.mcpar, back["tau"].values
    ((101, 103, 2), array([5., 7.]))
    """
    flag("quiet", quiet)
    output, indexed = file_path("output_file", output_file), file_path("index_file", index_file)
    index = _read_index(indexed)
    iterations, draws = _read_draws(output)
    parts: list[tuple[str, Ints, Floats]] = []
    for name, first, last in index:
        if last > len(draws):
            raise ValueError(
                f"{index_file} has {name} in rows {first} to {last}: {output_file} has "
                f"{len(draws)}; the two do not belong together, or the run was cut short"
            )
        rows = slice(first - 1, last)
        parts.append((name, iterations[rows], draws[rows]))
        _refuse_second_chain(output_file, name, iterations[rows], first)
    times = np.unique(np.concatenate([found for _, found, _ in parts]))
    table = np.full((len(times), len(parts)), NA)
    for j, (name, found, values) in enumerate(parts):
        table[np.searchsorted(times, found), j] = values
        if not quiet:
            print(f"Abstracting {name} ... {len(found)} valid values")
    return _part(times, table, tuple(name for name, _, _ in parts), start, end, thin)


def _read_index(path: Path) -> list[tuple[str, int, int]]:
    """Names and first and last rows; a name may be quoted, or have spaces."""
    index: list[tuple[str, int, int]] = []
    names: set[str] = set()
    for number, line in enumerate(read_text(path).splitlines(), 1):
        fields = line.rsplit(None, 2)
        if not fields:
            continue
        try:
            name, first, last = fields[0], _whole(fields[1]), _whole(fields[2])
        except (IndexError, ValueError):
            raise ValueError(
                f"{path}, line {number}, is {line!r}: it must be a name and the numbers of the "
                "first and the last row"
            ) from None
        if not 1 <= first <= last:
            raise ValueError(f"{path}, line {number}: rows {first} to {last} of {name} are none")
        name = name.strip().strip("'\"")
        if name in names:
            raise ValueError(f"{path}, line {number}: there is a variable {name} already")
        names.add(name)
        index.append((name, first, last))
    if not index:
        raise ValueError(f"{path} is empty: it must name a variable a line")
    return index


def read_text(path: Path) -> str:
    """A file's text, which is UTF-8."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ValueError(f"{path}, line {line}, is not text in UTF-8: {error.reason}") from None


def _real(text: str) -> float:
    """A number as R's ``scan`` reads it; float() would take 1_000 too."""
    if "_" in text:
        raise ValueError
    return float.fromhex(text) if "0x" in text.lower() else float(text)


def _whole(text: str) -> int:
    """A whole number within a double, which R may have written as 1e+05."""
    number = _real(text)
    if not (number.is_integer() and abs(number) < 2.0**53):
        raise ValueError
    return int(number)


def _refuse_second_chain(path: FilePath, name: str, iterations: Ints, first: int) -> None:
    """One variable has one draw an iteration."""
    times, rows, counts = np.unique(iterations, return_index=True, return_counts=True)
    again = np.flatnonzero(counts > 1)
    if again.size:
        k = int(again[np.argmin(rows[again])])
        second = int(np.flatnonzero(iterations == times[k])[1])
        raise ValueError(
            f"{path}: {name} has iteration {times[k]} twice, in lines {first + int(rows[k])} and "
            f"{first + second}: a file must hold one chain"
        )


def _read_draws(path: Path) -> tuple[Ints, Floats]:
    lines = read_text(path).splitlines()
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise ValueError(f"{path} is empty: it must have an iteration and a draw a line")
    iterations = np.empty(len(lines), dtype=np.int64)
    draws = np.empty(len(lines))
    for i, line in enumerate(lines):
        try:
            time, draw = line.split()
            iterations[i] = _whole(time)
            draws[i] = NA if draw == "NA" else _real(draw)
        except ValueError:
            raise ValueError(
                f"{path}, line {i + 1}, is {line!r}: it must be an iteration, a whole number, and "
                "a draw"
            ) from None
    return iterations, draws


def _part(
    times: Ints,
    table: Floats,
    names: tuple[str, ...],
    start: int | None,
    end: int | None,
    thin: int | None,
) -> Mcmc:
    """The draws from ``start`` to ``end``; a number that does not fit the data is left out."""
    first, last = int(times[0]), int(times[-1])
    if start is not None and whole("start", start) > last:
        raise ValueError(f"Start after end of data: {start} is after {last}")
    if end is not None and whole("end", end) < first:
        raise ValueError(f"End before start of data: {end} is before {first}")
    if start is not None and start < first:
        warnings.warn(f"start not changed: the data start at {first}", stacklevel=3)
        start = None
    if end is not None and end > last:
        warnings.warn(f"end not changed: the data end at {last}", stacklevel=3)
        end = None
    begin, stop = (first if start is None else start), (last if end is None else end)
    keep = (times >= begin) & (times <= stop)
    if not keep.any():
        raise ValueError(f"there is no draw from iteration {begin} to {stop}")
    apart = np.diff(times[keep] if keep.sum() > 1 else times)
    spacing = int(apart.min()) if apart.size else 1
    times, table = times[keep], table[keep]
    if thin is not None:
        if whole("thin", thin) < 1 or thin % spacing:
            warnings.warn(f"thin not changed: {thin} is no multiple of {spacing}", stacklevel=3)
        else:
            spacing = int(thin)
            keep = (times - times[0]) % spacing == 0
            times, table = times[keep], table[keep]
    gaps = np.flatnonzero(np.diff(times) != spacing)
    if gaps.size:
        i = gaps[0]
        raise ValueError(
            f"iterations are not equally spaced by {spacing}: {times[i + 1]} comes after "
            f"{times[i]}, as where variables are monitored from different times; give a start, an "
            "end and a thin that pick equally spaced ones"
        )
    rownames = tuple(map(str, times.tolist()))
    return Mcmc(
        np.ascontiguousarray(table), int(times[0]), int(times[-1]), spacing, names, rownames
    )


def read_jags(
    file: FilePath = "jags.out",
    start: int | None = None,
    end: int | None = None,
    thin: int | None = None,
    quiet: bool = False,
) -> Mcmc:
    """Read a chain from ``FILE.out`` and its index ``FILE.ind``, as early JAGS wrote them.

    Parameters
    ----------
    file : str or path
        With or without ``.out``. Today's JAGS writes ``CODAchain1.txt`` and ``CODAindex.txt``:
        read them with `read_coda`.
    start, end, thin, quiet
        As for `read_coda`.

    Returns
    -------
    Mcmc
    """
    stem = Path(str(file_path("file", file)).removesuffix(".out"))
    output, index = (stem.with_name(stem.name + ending) for ending in (".out", ".ind"))
    return read_coda(output, index, start, end, thin, quiet)


def read_openbugs(
    stem: str = "",
    start: int | None = None,
    end: int | None = None,
    thin: int | None = None,
    quiet: bool = False,
) -> McmcList:
    """Read all chains that OpenBUGS wrote.

    Parameters
    ----------
    stem : str
        What comes before ``CODAindex.txt``, ``CODAchain1.txt``, ``CODAchain2.txt``, ...; the
        files of JAGS have these names too.
    start, end, thin, quiet
        As for `read_coda`.

    Returns
    -------
    McmcList
    """
    index = Path(f"{string('stem', stem)}CODAindex.txt")
    if not index.exists():
        raise FileNotFoundError(f"No index file found: there is no {index}")
    chains: list[Mcmc] = []
    while (output := Path(f"{stem}CODAchain{len(chains) + 1}.txt")).exists():
        chains.append(read_coda(output, index, start, end, thin, quiet))
    if not chains:
        raise FileNotFoundError(f"No data files found: there is no {stem}CODAchain1.txt")
    return mcmc_list(chains)


def write_coda(x: Draws, stem: FilePath = "CODA") -> list[Path]:
    """Write chains in CODA format, which JAGS and OpenBUGS users' programs read.

    Parameters
    ----------
    x : Mcmc or McmcList
    stem : str or path
        The files are ``STEMindex.txt``, ``STEMchain1.txt``, ``STEMchain2.txt``, ...; with a stem
        that ends in ``CODA``, `read_openbugs` finds them.

    Returns
    -------
    list of Path
        The files; numbers have the digits that read back to the same bits.
    """
    chains = chains_of(x)
    file_path("stem", stem)
    n = len(chains[0])
    broken = [name for name in chains[0].labels if len(name.splitlines()) != 1]
    if broken:
        raise ValueError(f"x has a variable {broken[0]!r}: an index file has a name a line")
    index = "".join(
        f"{name} {j * n + 1} {(j + 1) * n}\n" for j, name in enumerate(chains[0].labels)
    )
    files = [_write(Path(f"{stem}index.txt"), index)]
    times = range(chains[0].start, chains[0].end + 1, chains[0].thin)
    for k, chain in enumerate(chains):
        lines = (
            f"{t}  {_number(v)}\n"
            for column in chain.matrix.T.tolist()
            for t, v in zip(times, column, strict=True)
        )
        files.append(_write(Path(f"{stem}chain{k + 1}.txt"), "".join(lines)))
    return files


def _number(value: float) -> str:
    special = {"nan": "NA", "inf": "Inf", "-inf": "-Inf"}
    return special.get(repr(value), repr(value))


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def bugs2jags(infile: FilePath, outfile: FilePath) -> list[str]:
    """Convert data from WinBUGS' list to what JAGS reads.

    WinBUGS fills arrays row by row, JAGS and R column by column: the numbers are put in order.

    Parameters
    ----------
    infile : str or path
        ``list(N = 3, x = c(1, 2), y = structure(.Data = c(...), .Dim = c(2, 3)))``, as plain text.
    outfile : str or path

    Returns
    -------
    list of str
        The variables' names.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "a").write_text("list(y = structure(.Data = 1:4, .Dim = c(2, 2)))")
    ...     names = bugs2jags(f"{folder}/a", f"{folder}/b")
    ...     print(Path(folder, "b").read_text())
    y <-
    structure(c(1, 3, 2, 4), .Dim = c(2, 2))
    """
    from pyhier.coda.bugs_data import parse

    source, target = file_path("infile", infile), file_path("outfile", outfile)
    data = parse(read_text(source), str(infile))
    lines = "".join(f"{_quoted(name)} <-\n{_dumped(value)}\n" for name, value in data.items())
    target.write_text(lines, encoding="utf-8")
    return list(data)


def _quoted(name: str) -> str:
    return name if name.replace(".", "_").isidentifier() else f"`{name}`"


def _dumped(value: float | Floats) -> str:
    if not isinstance(value, np.ndarray):
        return _short(value)
    numbers = _combined(value.ravel(order="F").tolist())
    if value.ndim == 1:
        return numbers
    return f"structure({numbers}, .Dim = {_combined(list(value.shape))})"


def _combined(values: Sequence[Any]) -> str:
    return f"c({', '.join(map(_short, values))})"


def _short(value: float) -> str:
    whole_number = float(value).is_integer() and abs(value) < 1e15
    return str(int(value)) if whole_number else _number(float(value))
