"""Ctrl-C waits for an import: a package imported by half stays broken for the whole process.

pandas, SciPy and others are loaded when first needed, often within a call that somebody stops.
Python forgets the module that was interrupted, not those that it had loaded before.
"""

import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.abc import Loader, MetaPathFinder
else:  # what they are in name alone costs as much to load as a tenth of NumPy
    Loader = MetaPathFinder = object

PACKAGES = frozenset({"arviz", "matplotlib", "pandas", "pyarrow", "scipy", "statsmodels", "xarray"})


class _Patient(Loader):
    """A loader that lets no Ctrl-C into a module that it executes."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """As the loader does."""
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """As the loader does, to the end."""
        assert module.__spec__ is not None
        module.__spec__.loader = module.__loader__ = self._loader
        with ctrl_c_waits():
            self._loader.exec_module(module)


class _Finder(MetaPathFinder):
    """Finds the packages that are loaded when needed, outermost modules first."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A spec with a patient loader, for one of these packages or a module of it."""
        if name.partition(".")[0] not in PACKAGES or _waiting():
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = _Patient(spec.loader)
        return spec


def _waiting() -> bool:
    """Whether an import is on already, or another thread asks, which Ctrl-C never stops."""
    if threading.current_thread() is not threading.main_thread():
        return True
    return getattr(signal.getsignal(signal.SIGINT), "waits", False)


def _belongs_to_r(handler: Any) -> bool:
    """Whether R has the signal: reticulate runs, and this is no call of ours, which takes it over.

    To set a handler from Python then would take Ctrl-C away from R for good.
    """
    return "rpytools" in sys.modules and handler is not signal.default_int_handler


@contextmanager
def ctrl_c_waits() -> Iterator[None]:
    """Put SIGINT off to the end of the block, in the main thread."""
    before = signal.getsignal(signal.SIGINT)
    if _waiting() or not callable(before) or _belongs_to_r(before):
        yield
        return
    pressed: list[tuple[int, FrameType | None]] = []

    def later(number: int, frame: FrameType | None) -> None:
        pressed.append((number, frame))

    later.waits = True  # type: ignore[attr-defined]
    signal.signal(signal.SIGINT, later)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        before(*pressed[0])


def install() -> None:
    """Let imports of these packages be whole, from now on."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
