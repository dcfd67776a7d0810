"""The command line's files of any size: ``pyhier fit FOLDER --y y --se se --out DIR``.

The first pass sums the rows, the second writes their effects. What is done stands in ``DIR.part``,
which becomes DIR when all is; after a kill ``--resume`` goes on from there.
"""

import argparse
import fcntl
import json
import os
import re
import shutil
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyhier._arrow import arrow, floats
from pyhier._progress import progress_bar
from pyhier._threads import thread_count
from pyhier.cli_files import Files, remove_empty
from pyhier.inference import exact
from pyhier.models import BinomialSums, NormalSums, PoissonSums
from pyhier.priors.grammar import MU_PRIORS, SCALED, parse_prior
from pyhier.priors.tau import PRIOR_NAMES

AnySums = NormalSums | BinomialSums | PoissonSums
PART, PIECE = 2**22, 2**17  # rows of a file of effects, and of what is worked out at a time
BLOCK = 2**18  # rows that are summed at a time: some 10 MB
KEPT = 16  # blocks of sums between two times that they are saved
ELSEWHERE = ("--formula", "--levels", "--weights", "--missing", "--prior-sigma", "--prior-rho",
             "--prior-beta", "--seed", "--r-stream", "--model")  # fmt: skip
KINDS: tuple[tuple[type[Any], str, tuple[str, ...]], ...] = (
    (NormalSums, "y", ("se", "var")),
    (BinomialSums, "successes", ("trials",)),
    (PoissonSums, "counts", ("exposure",)),
)


@dataclass(frozen=True)
class Task:
    """What is to be done.

    Attributes
    ----------
    sums : type
        Of the sums that the rows are made into.
    named : dict of str to str
        Which argument of theirs is which column.
    priors : dict
        What their model takes.
    said : dict of str to str
        The options that matter, in the user's words.
    """

    sums: type[Any]
    named: dict[str, str]
    priors: dict[str, Any]
    said: dict[str, Any]


def fit(options: argparse.Namespace, probs: tuple[float, ...], show: Callable[[Any], None]) -> None:
    """Fit the rows of the files, show the posterior, write the folder."""
    task = _task(options)
    if options.out is None and options.resume:
        raise ValueError("--resume goes on with what --out has: say --out DIR")
    files = Files(
        options.file, task.named, options.label, options.sep, options.decimal, options.encoding
    )
    if options.out is None:
        sums = summed(files, task, task.sums(), lambda _: None)
        show(_posterior(sums, task))
        return
    with _staged(options.out, options.resume, task.said | {"files": files.marks()}) as folder:
        sums = _sums_of(folder, files, task)
        posterior = _posterior(sums, task)
        posterior.summary(probs=probs).to_csv(folder / "summary.csv")
        show(posterior)
        write_effects(files, posterior, probs, folder / "effects")
        os.replace(folder, options.out)
    print(f"\nEffects, in the rows' order, the summary and the sums are in {options.out}")


def _task(options: argparse.Namespace) -> Task:
    for option in ELSEWHERE:
        if getattr(options, option[2:].replace("-", "_")) not in (None, False):
            raise ValueError(
                f"{option} is of files that fit into memory, .csv: {options.file} is read in blocks"
            )
    if options.method != "exact":
        raise ValueError(f"--method is {options.method}: files that are read in blocks take exact")
    kinds = [kind for kind in KINDS if getattr(options, kind[1]) is not None]
    if len(kinds) != 1:
        raise ValueError("give one of --y, --successes and --counts: rows are of one kind")
    sums, first, seconds = kinds[0]
    second = [name for name in seconds if getattr(options, name) is not None]
    if len(second) != 1:
        raise ValueError(f"--{first} goes with --{' or --'.join(seconds)}: it is missing")
    named = {name: getattr(options, name) for name in (first, second[0])}
    priors, said = _priors(options, sums is NormalSums)
    return Task(sums, named, priors, {"columns": named, "label": options.label, "priors": said})


def _priors(options: argparse.Namespace, normal: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """The priors, and as they were said."""
    for option in ("prior",) if normal else ("prior_tau", "prior_mu"):
        if getattr(options, option) is not None:
            kind = "estimates" if normal else "counts"
            raise ValueError(f"--{option.replace('_', '-')} is not of {kind}")
    if not normal:
        given = {} if options.prior is None else {"prior": options.prior}
        return given, given
    texts, mu = options.prior_tau or ["uniform"], options.prior_mu or "flat"
    if len(texts) > 1:
        raise ValueError(f"--prior-tau is given {len(texts)} times: there is one tau")
    prior_mu = parse_prior("--prior-mu", mu, MU_PRIORS)
    return {
        "prior_tau": parse_prior("--prior-tau", texts[0], SCALED, PRIOR_NAMES),
        "prior_mu": None if prior_mu == "flat" else prior_mu,
    }, {"prior-tau": texts[0], "prior-mu": mu}


def _posterior(sums: AnySums, task: Task) -> Any:
    if not sums.groups:
        raise ValueError("the files have no rows")
    return exact(sums.model(**task.priors))


# --- The two passes -------------------------------------------------------------------------------


def _sums_of(folder: Path, files: Files, task: Task) -> AnySums:
    """The sums of all rows: those that a run before this one has saved, and what is left."""
    path = folder / "sums.npz"
    sums = task.sums.load(path) if path.exists() else task.sums()
    return summed(files, task, sums, lambda now: now.save(path))


def summed(files: Files, task: Task, sums: AnySums, save: Callable[[AnySums], None]) -> AnySums:
    """Sums over the rows, of which the first ``sums.groups`` are in them; saved now and then."""
    done = 0
    with progress_bar(files.rows, None, "group", "sums", sums.groups) as report:
        for block in files.blocks(BLOCK, sums.groups):
            given: dict[str, Any] = {name: floats(block.column(name)) for name in task.named}
            try:
                sums.update(**given)
            except ValueError as error:
                raise ValueError(located(str(error), files, task)) from None
            done += 1
            if done % KEPT == 0:
                save(sums)
            report(block.num_rows)
    if sums.groups:
        save(sums)
    return sums


def located(message: str, files: Files, task: Task) -> str:
    """What is wrong with a row, and where the files have it."""
    found = re.fullmatch(r"(\w+) in row (\d+) is (\S+): (.*)", message)
    if found is None:
        return message
    what = "missing" if found[3] == "nan" else found[3]
    place = files.place(int(found[2]))
    return f"{place}, column {task.named[found[1]]!r} is {what}: {found[4]}"


def write_effects(files: Files, posterior: Any, probs: tuple[float, ...], folder: Path) -> None:
    """A file of effects for every so many rows, each of which appears when it is whole."""
    from pyarrow import parquet

    folder.mkdir(exist_ok=True)
    for left in folder.glob("*.tmp"):
        left.unlink()
    done = len(list(folder.glob("*.parquet")))
    count = posterior.model.size
    with progress_bar(count, None, "group", "effects", min(count, done * PART)) as report:
        for number, part in enumerate(_parts(files, done * PART), done):
            path = folder / f"part-{number:05}.parquet"
            staged, writer = path.with_suffix(".tmp"), None
            for table in few_at_a_time(lambda piece: effects_of(piece, posterior, probs), part):
                writer = writer or parquet.ParquetWriter(
                    staged, table.schema, use_dictionary=False, compression="none",
                    write_statistics=False,
                )  # fmt: skip
                writer.write_table(table)
                report(table.num_rows)
            assert writer is not None
            writer.close()
            os.replace(staged, path)


def _parts(files: Files, skip: int) -> Iterator[Iterator[Any]]:
    """The pieces of each file of effects."""
    pieces = files.blocks(PIECE, skip)
    for first in pieces:

        def rest(first: Any = first) -> Iterator[Any]:
            yield first
            for _ in range(PART // PIECE - 1):
                piece = next(pieces, None)
                if piece is None:
                    return
                yield piece

        yield rest()


def few_at_a_time(function: Callable[[Any], Any], items: Iterator[Any]) -> Iterator[Any]:
    """A function of items of a long stream in threads, in their order; a few are held."""
    workers = thread_count(None)
    with ThreadPoolExecutor(workers) as pool:
        coming: deque[Future[Any]] = deque()
        for item in items:
            coming.append(pool.submit(function, item))
            if len(coming) > workers:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()


def effects_of(piece: Any, posterior: Any, probs: tuple[float, ...]) -> Any:
    """A table of the effects of some rows, after their labels where they have them."""
    first, second = (name for name in piece.column_names if name != "label")
    values, spread = floats(piece.column(first)), floats(piece.column(second))
    given = {second: spread} if first == "y" else {}
    frame = posterior.effects(values, *(() if given else (spread,)), probs=probs, **given)
    columns = {str(name): frame[name].to_numpy() for name in frame}
    if "label" in piece.column_names:
        columns = {"label": piece.column("label")} | columns
    return arrow().table(columns)


# --- The folder -----------------------------------------------------------------------------------


@contextmanager
def _staged(out: Path, resume: bool, plan: dict[str, Any]) -> Iterator[Path]:
    """The folder in which the work is done, ``DIR.part``, and stays until it is whole.

    Of an error in the data nothing stays; what else ends a run leaves what is done.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"--out: {out} is there already: give another name, or remove it")
    made = [path for path in out.absolute().parents if not path.exists()]
    folder = out.with_name(f"{out.name}.part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise OSError(f"--out {out} cannot be written: {error.strerror}") from None
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f"--out: another run is writing {folder}") from None
        _begin(folder, resume, plan)
        try:
            yield folder
        except (ValueError, TypeError):
            shutil.rmtree(folder, ignore_errors=True)
            remove_empty(made)
            raise
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"interrupted: what is done is in {folder}; the same with --resume goes on from it"
            ) from None
    finally:
        os.close(held)


def _begin(folder: Path, resume: bool, plan: dict[str, Any]) -> None:
    """Take what a run before this one has left, or begin anew."""
    written = folder / "plan.json"
    if not resume or not written.exists():
        for left in folder.iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        staged = written.with_suffix(".tmp")
        staged.write_text(json.dumps(plan))
        os.replace(staged, written)
        return
    before = json.loads(written.read_text())
    for key, value in json.loads(json.dumps(plan)).items():
        if before.get(key) != value:
            was = f" ({before.get(key)}, now {value})" if key != "files" else ""
            raise ValueError(
                f"--resume: the {key} are not those of the run that {folder} is of{was}: begin "
                "anew without --resume"
            )
