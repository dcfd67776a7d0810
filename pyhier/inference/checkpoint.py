"""Runs of chains kept in a file, so that another process goes on with them to the last bit.

The file holds, for every chain at the end of a piece, what it knows, the state of its random
numbers and its draws; and what the run is of (identity.py). It is written aside, flushed to the
disk and put in place in one step, so that whenever the process dies the file is whole. Draws beyond
32 MB go into files beside it (``run.npz.1``, ...), each written once, so that a long run does
not write the same draws again and again.
"""

import json
import os
import secrets
import threading
import time
import warnings
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pyhier._random import Generator
from pyhier._types import Floats
from pyhier._validation import file_path, flag
from pyhier.inference.identity import Identity, first_difference, this_version

EVERY = 4.0  # seconds from one writing to the next
OFTEN = 0.5  # seconds from one look of a chain at itself to the next
SEALED = 2**25  # bytes of draws that are put into a file of their own
STALE = 600.0  # seconds after which what a dead process was writing is removed
FORMAT = "pyhier checkpoint 1"

NEEDED = ("run", "parts", "identity", "filled", "random", "order", "first")

PathLike = str | os.PathLike[str]
Arrays = dict[str, NDArray[Any]]


class Kept(Protocol):
    """A chain that can be kept and gone on with."""

    rng: Generator
    whole: bool  # whether its last piece ended as it should: only then it may be kept
    keeper: "Keeper | None"

    @property
    def tables(self) -> dict[str, Floats]:
        """What grows row by row, by its name."""

    @property
    def filled(self) -> int:
        """Rows of the tables that are made."""

    def snapshot(self) -> Arrays:
        """All else that it knows."""

    def restore(self, found: Mapping[str, NDArray[Any]]) -> None:
        """Go on from there."""


@dataclass(frozen=True)
class Moment:
    """A chain at the end of a piece."""

    order: int
    filled: int
    state: Arrays
    random: Any


@dataclass(frozen=True)
class Stored:
    """What was read of a file."""

    about: dict[str, Any]
    arrays: Arrays
    parts: list[Arrays]


# --- The file -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Checkpoint:
    """A file to keep a run in, looked at before anything is computed.

    Attributes
    ----------
    path : Path
    stored : Stored or None
        The run to go on with.
    """

    path: Path
    stored: Stored | None


def open_checkpoint(checkpoint: Any, resume: Any) -> Checkpoint | None:
    """Look at the file that a run shall be kept in, and read it where there is a run in it.

    Raises
    ------
    TypeError, ValueError, OSError
        If the file cannot be one, or is there and holds something else.
    """
    wanted = None if resume is None else flag("resume", resume)
    if checkpoint is None:
        if wanted is not None:
            raise TypeError("resume is for a run in a file: give checkpoint= too, or leave it out")
        return None
    path = file_path("checkpoint", checkpoint)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"checkpoint is {str(path)!r}: there is no folder {path.parent}")
    if path.is_dir():
        raise IsADirectoryError(f"checkpoint is {str(path)!r}: that is a folder, give a file")
    there = path.exists()
    if wanted and not there:
        raise FileNotFoundError(
            f"checkpoint is {str(path)!r}: there is no such file, so there is no run to go on "
            "with; leave resume= out to begin one"
        )
    if there and not (path.stat().st_mode & 0o222 and os.access(path, os.W_OK)):
        raise PermissionError(f"checkpoint is {str(path)!r}: the file may not be written to")
    stored = read(path) if there else None
    _need_room_to_write(path)
    if wanted is False and stored is not None:
        for k in range(len(stored.parts)):
            part_of(path, k).unlink(missing_ok=True)
    return Checkpoint(path, None if wanted is False else stored)


def _need_room_to_write(path: Path) -> None:
    """Write something beside the file, so that a run does not find out after an hour."""
    for old in path.parent.glob(f"{path.name}.*.tmp"):
        if time.time() - old.stat().st_mtime > STALE:
            old.unlink(missing_ok=True)
    aside = _aside(path)
    try:
        with open(aside, "xb") as file:
            file.write(b"\0" * 4096)
    except OSError as error:
        raise type(error)(
            f"checkpoint is {str(path)!r}: files cannot be written in its folder "
            f"({error.strerror or error})"
        ) from None
    finally:
        aside.unlink(missing_ok=True)


def part_of(path: Path, k: int) -> Path:
    """The file beside that has the draws of the k-th part."""
    return path.with_name(f"{path.name}.{k + 1}")


def _aside(path: Path) -> Path:
    return path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")


def write(path: Path, about: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Put a file in place in one step: what is there is the old one or the new one, and whole."""
    aside = _aside(path)
    told = json.dumps({"format": FORMAT, "arrays": sorted(arrays), **about})
    text = np.frombuffer(told.encode(), dtype=np.uint8)
    try:
        with open(aside, "xb") as file:
            np.savez(file, about=text, **arrays)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
    if hasattr(os, "O_DIRECTORY"):  # the new name is in the folder, which has to reach the disk too
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def read(path: Path) -> Stored:
    """Read a run back, with its parts.

    Raises
    ------
    ValueError
        If it is no such file, or damaged.
    """
    about, arrays = _read_one(path, path)
    parts = []
    for k in range(int(about["parts"])):
        beside = part_of(path, k)
        if not beside.exists():
            raise ValueError(
                f"checkpoint is {str(path)!r}: the draws of this run in {beside.name} beside it "
                "are missing; put that file back, or begin anew in another file"
            )
        told, more = _read_one(beside, path)
        if told["run"] != about["run"]:
            raise ValueError(f"checkpoint is {str(path)!r}: {beside.name} is of another run")
        if told.get("part") != k:
            raise ValueError(
                f"checkpoint is {str(path)!r}: {beside.name} is not the part that its name says"
            )
        parts.append(more)
    return Stored(about, arrays, parts)


def _read_one(path: Path, of: Path) -> tuple[dict[str, Any], Arrays]:
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as found:
            arrays = {name: found[name] for name in found.files}
        about = json.loads(arrays.pop("about").tobytes())
        if about["format"] != FORMAT:
            raise ValueError(f"its format is {about['format']!r}")
        missing = {*about["arrays"]} - {*arrays} | {*(NEEDED if path == of else ())} - {*about}
        if missing:
            raise ValueError(f"{min(missing)} is not in it")
    except (
        ValueError, KeyError, TypeError, AttributeError, EOFError, OSError, NotImplementedError,
        zipfile.BadZipFile, zlib.error,
    ) as error:  # fmt: skip
        name = "it" if path == of else path.name
        raise ValueError(
            f"checkpoint is {str(of)!r}: {name} is no checkpoint of this package, or damaged "
            f"({error}); delete it, or give another name"
        ) from None
    return about, arrays


# --- The run --------------------------------------------------------------------------------------


def plain_state(generator: Generator) -> Any:
    """The state of a generator, as JSON takes it."""

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: plain(part) for key, part in value.items()}
        if isinstance(value, np.ndarray):
            return {"dtype": value.dtype.str, "array": value.tolist()}
        return value.item() if isinstance(value, np.generic) else value

    return plain(generator.bit_generator.state)


def set_state(generator: Generator, state: Any) -> None:
    """Put a generator into a state."""

    def real(value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        if set(value) == {"dtype", "array"}:
            return np.array(value["array"], dtype=value["dtype"])
        return {key: real(part) for key, part in value.items()}

    generator.bit_generator.state = real(state)


@dataclass
class Keeper:
    """Keeps chains in a file as they grow.

    Each chain is looked at where a piece of it has ended, by the thread that runs it; of chains
    that share their random numbers the state is that of the latest look.
    """

    checkpoint: Checkpoint
    identity: Identity
    generator: Generator  # the run's own, which may be a chain's too
    chains: Sequence[Kept] = ()
    moments: list[Moment] = field(default_factory=list)
    sealed: list[int] = field(default_factory=list)  # rows that the parts have, a chain
    parts: int = 0
    run: str = field(default_factory=lambda: secrets.token_hex(8))

    def __post_init__(self) -> None:
        self.identity = this_version() | self.identity
        self.path, self.numbers, self.lock = self.checkpoint.path, count(), threading.Lock()
        self.written, self.failed = -np.inf, False

    def begin(self, chains: Sequence[Kept]) -> None:
        """Put the chains where the file has them, or write the first file."""
        self.chains, self.first = chains, plain_state(self.generator)
        self.sealed, self.looked = [0] * len(chains), [-np.inf] * len(chains)
        if self.checkpoint.stored is not None:
            self._restore(self.checkpoint.stored)
        self.moments = [self._moment(chain) for chain in chains]
        self.write()
        for chain in chains:
            chain.keeper = self

    def after_piece(self, chain: Kept, done: bool) -> None:
        """Look at a chain whose piece has ended, and write where that is due."""
        now, k = time.monotonic(), next(k for k, c in enumerate(self.chains) if c is chain)
        if chain.whole and (done or now - self.looked[k] >= OFTEN):
            self.moments[k], self.looked[k] = self._moment(chain), now
        if now - self.written >= EVERY and self.lock.acquire(blocking=False):
            try:
                self._try_to_write()
            finally:
                self.lock.release()

    def end(self) -> None:
        """Look at all chains and write, when none runs any more."""
        for k, chain in enumerate(self.chains):
            if chain.whole:
                self.moments[k] = self._moment(chain)
        self._try_to_write()

    def _moment(self, chain: Kept) -> Moment:
        random = plain_state(chain.rng)
        return Moment(next(self.numbers), chain.filled, chain.snapshot(), random)

    def _try_to_write(self) -> None:
        """Write; a run of an hour does not end because a disk is full: that is said once."""
        try:
            self.write()
        except OSError as error:
            if not self.failed:
                message = f"the checkpoint {self.path} was not written ({error}): the run goes on"
                warnings.warn(message, RuntimeWarning, stacklevel=2)
            self.failed, self.written = True, time.monotonic()

    def write(self) -> None:
        """Write the latest looks."""
        self.written, moments = time.monotonic(), list(self.moments)
        spans = [slice(a, m.filled) for a, m in zip(self.sealed, moments, strict=True)]
        rows = {
            f"{name}_{k}": table[span]
            for k, (chain, span) in enumerate(zip(self.chains, spans, strict=True))
            for name, table in chain.tables.items()
        }
        if sum(part.nbytes for part in rows.values()) > SEALED:
            write(part_of(self.path, self.parts), {"run": self.run, "part": self.parts}, rows)
            self.sealed, self.parts, rows = [m.filled for m in moments], self.parts + 1, {}
        about = {
            "run": self.run, "parts": self.parts, "identity": self.identity,
            "filled": [m.filled for m in moments], "random": [m.random for m in moments],
            "order": [m.order for m in moments], "first": self.first,
        }  # fmt: skip
        states = {
            f"state_{k}_{name}": part
            for k, m in enumerate(moments)
            for name, part in m.state.items()
        }
        write(self.path, about, rows | states)

    def _restore(self, stored: Stored) -> None:
        about = stored.about
        different = first_difference(self.identity, about["identity"])
        if different:
            raise ValueError(
                f"checkpoint is {str(self.path)!r}: it holds another run, {different}; give "
                "another file, or resume=False to begin anew in its place"
            )
        for k, chain in enumerate(self.chains):
            self._fill(k, chain, stored)
        set_state(self.generator, about["first"])
        for k in np.argsort(about["order"]):  # of a shared stream the latest holds
            set_state(self.chains[k].rng, about["random"][k])
        self.first, self.run, self.parts = about["first"], about["run"], len(stored.parts)

    def _fill(self, k: int, chain: Kept, stored: Stored) -> None:
        filled = int(stored.about["filled"][k])
        for name, table in chain.tables.items():
            parts = [part[f"{name}_{k}"] for part in stored.parts]
            self.sealed[k] = sum(map(len, parts))
            last = stored.arrays.get(f"{name}_{k}")
            found = np.concatenate([*parts, table[:0] if last is None else last])
            if filled > len(table):
                raise ValueError(
                    f"draws is too small for checkpoint {str(self.path)!r}: that run has made "
                    f"{filled} iterations of each chain; ask for as many draws, or for more"
                )
            if found.shape != (filled, *table.shape[1:]):
                raise ValueError(f"checkpoint is {str(self.path)!r}: its draws are damaged")
            table[:filled] = found
        start = f"state_{k}_"
        chain.restore(
            {n.removeprefix(start): a for n, a in stored.arrays.items() if n.startswith(start)}
        )
