"""The progress bar of long runs (tqdm, loaded only when one is shown)."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

DELAY = 1.0  # seconds before a bar that nobody asked for appears


@contextmanager
def progress_bar(
    total: int | None,
    show: bool | None,
    unit: str = "draw",
    title: str | None = None,
    first: int = 0,
) -> Iterator[Callable[[int], None]]:
    """Yield a function that adds to the bar; it may be called from any thread.

    ``show`` is True, False, or None for a bar on a terminal, once the run has taken a second. Of a
    ``total`` that nobody knows the bar counts; ``first`` of it were done before.
    """
    terminal = sys.stderr is not None and sys.stderr.isatty()
    wanted = terminal if show is None else show
    begun, lock = time.monotonic(), threading.Lock()
    done, bar = first, None

    def report(n: int) -> None:
        nonlocal done, bar
        with lock:
            done += n
            if bar is None and wanted and (show or time.monotonic() - begun > DELAY):
                from tqdm import tqdm

                bar = tqdm(desc=title, total=total, unit=unit, unit_scale=True, initial=done)
            elif bar is not None:
                bar.update(n)

    try:
        yield report
    finally:
        if bar is not None:
            bar.close()
