"""Compiled kernels on disk: one file for each kernel and signature, which is used only if it is whole and fresh.

numba keeps an index for each function beside the code, and takes what it finds on trust. Here

* a file begins with a checksum over its contents and over all that went into them: the source of every kernel module
  that the function draws on, the options, and numba's version. A file that is cut short,
  overwritten, or left by another version is compiled anew and replaced; loaded, it could end the process, or give
  yesterday's results;
* there is no index, so that two processes which compile at once cannot give one the other's code;
* a folder that cannot be written to costs a warning and nothing else.

Where the folder is, numba decides: ``NUMBA_CACHE_DIR``, else ``__pycache__`` beside the module, else the user's
cache folder. Imported when the first kernel is compiled, because it imports numba.
"""

from __future__ import annotations

import functools
import hashlib
import pickle
import re
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import FunctionCache, IndexDataCacheFile, NullCache
from numba.core.runtime import rtsys

__all__ = ["KernelCache", "NoCache", "cache_folder", "source_digest"]

_PACKAGE = __name__.rpartition(".")[0] + "."

#: Of these only what they are told to do matters, which is in the options.
_LEFT_OUT = frozenset({_PACKAGE + "runtime", __name__})


_MENTIONED = re.compile(re.escape(_PACKAGE) + r"(\w+)")


@functools.cache
def _source(module: str) -> bytes:
    """Return a module's source, wherever it lies; nothing if it is not loaded or has none."""
    spec: Any = getattr(sys.modules.get(module), "__spec__", None)
    try:
        return bytes(spec.loader.get_data(spec.origin))
    except (AttributeError, OSError):
        return b""


@functools.cache
def _drawn_on(module: str) -> tuple[str, ...]:
    """Return the kernel modules that a module takes from, and those that these do; itself included."""
    found: set[str] = set()
    waiting = {module}
    while waiting:
        name = waiting.pop()
        if name in _LEFT_OUT or name not in sys.modules:
            continue
        found.add(name)
        near = {_PACKAGE + word for word in _MENTIONED.findall(_source(name).decode())}  # also for constants
        for value in list(vars(sys.modules[name]).values()):
            owner = value.__name__ if isinstance(value, types.ModuleType) else getattr(value, "__module__", None)
            if isinstance(owner, str) and owner.startswith(_PACKAGE):
                near.add(owner)
        waiting |= near - found
    return tuple(sorted(found))


def source_digest(function: Callable[..., Any], options: dict[str, Any]) -> bytes:
    """Return a digest of all that compiled code depends on, but for signature and CPU.

    Args:
        function: the Python function.
        options: those of the compiler.
    """
    told = sorted((name, sorted(v) if isinstance(v, set) else v) for name, v in options.items())
    digest = hashlib.sha256(repr((numba.__version__, function.__qualname__, told)).encode())
    for module in _drawn_on(function.__module__):
        digest.update(hashlib.sha256(module.encode() + b"\0" + _source(module)).digest())
    return digest.digest()


def cache_folder() -> str:
    """Return the folder of compiled kernels.

    Raises:
        RuntimeError: there is none that can be written to.
    """
    return str(FunctionCache(cache_folder).cache_path)


class _Files(IndexDataCacheFile):  # type: ignore[misc]
    """The files of one function."""

    def __init__(self, path: str, name: str, stamp: bytes, failed: Callable[[Exception], None]) -> None:
        super().__init__(path, name, stamp)
        self._failed = failed

    def _path(self, key: Any) -> str:
        """Return the file of a signature on a CPU."""
        return self._data_path(self._index_name[: -len("nbi")] + hashlib.sha256(repr(key).encode()).hexdigest()[:16])

    def load(self, key: Any) -> Any:
        """Return what was kept, or None: whatever is wrong with it, it can be made again."""
        try:
            data = Path(self._path(key)).read_bytes()
            if data[:32] != self._digest(data[32:]):
                return None
            return pickle.loads(data[32:])
        except Exception:
            return None

    def save(self, key: Any, data: Any) -> None:
        """Keep compiled code; where that is impossible, say so."""
        contents = self._dump(data)
        try:
            with self._open_for_write(self._path(key)) as file:
                file.write(self._digest(contents) + contents)
        except OSError as error:
            self._failed(error)

    def flush(self) -> None:
        """Forget the file of every signature."""
        for path in Path(self._cache_path).glob(self._index_name[: -len("nbi")] + "*"):
            path.unlink(missing_ok=True)

    def _digest(self, contents: bytes) -> bytes:
        return hashlib.sha256(self._source_stamp + contents).digest()


class _Clock:
    """Counts the seconds between the question for compiled code, if there is none, and its being kept."""

    def __init__(self, spent: Callable[[float], None]) -> None:
        self._spent = spent
        self._started = 0.0

    def start(self) -> None:
        self._started = time.perf_counter()

    def stop(self) -> None:
        self._spent(time.perf_counter() - self._started)


class NoCache(NullCache):  # type: ignore[misc]
    """Stands where nothing can be kept.

    Args:
        spent: called with the seconds that a compilation took.
    """

    def __init__(self, spent: Callable[[float], None]) -> None:
        self._clock = _Clock(spent)

    def load_overload(self, sig: Any, target_context: Any) -> None:
        """Return that there is nothing."""
        self._clock.start()

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep nothing."""
        self._clock.stop()


class KernelCache(FunctionCache):  # type: ignore[misc]
    """What numba asks for compiled code, and gives it to.

    Args:
        function: the Python function.
        stamp: from ``source_digest``.
        failed: called with the error when code cannot be kept.
        spent: called with the seconds that a compilation took.

    Raises:
        RuntimeError: there is no folder for it.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        stamp: bytes,
        failed: Callable[[Exception], None],
        spent: Callable[[float], None],
    ) -> None:
        super().__init__(function)
        self._failed = failed
        self._clock = _Clock(spent)
        self._cache_file = _Files(self._cache_path, self._impl.filename_base, stamp, failed)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return what was kept, or None."""
        # Not by way of numba's own load_overload: it loads all that a compiler needs first, which takes 0.15 s.
        rtsys.initialize(target_context)
        try:
            found = self._load_overload(sig, target_context)
        except OSError:
            found = None
        if found is None:
            self._clock.start()
        return found

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep compiled code; where that is impossible, say so."""
        self._clock.stop()
        try:
            super().save_overload(sig, data)
        except OSError as error:  # the folder is gone, or cannot be written to any more
            self._failed(error)
