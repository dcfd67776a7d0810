"""Work that threads share: as many as are told, one a processor without that."""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from pyhier._validation import count

S = TypeVar("S")
T = TypeVar("T")


def thread_count(threads: object) -> int:
    """How many threads share the work."""
    if threads is not None:
        return count("threads", threads)
    own = getattr(os, "sched_getaffinity", None)  # there is none on macOS
    return len(own(0)) if own is not None else os.cpu_count() or 1


def in_threads(
    function: Callable[[S], T], items: Sequence[S], workers: int | None = None
) -> Iterator[T]:
    """What a function says of each of the items, in their order: the same for any number.

    Examples
    --------
    >>> list(in_threads(abs, [-1, 2, -3], 2))
    [1, 2, 3]
    """
    workers = 1 if len(items) < 2 else min(thread_count(workers), len(items))
    if workers < 2:
        yield from map(function, items)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(function, items)
