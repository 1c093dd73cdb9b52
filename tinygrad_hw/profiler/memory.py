"""How much memory the results take up: a ledger of live arrays.

Each array that an operation returns is entered with its bytes, and crossed out when it dies, which a weak reference
tells. ``tracemalloc`` would see temporary arrays inside operations too, but it looks at every allocation of every
Python object, which makes a program several times slower while its time is being measured, and it does not see what
compiled kernels allocate. A weak reference costs about a microsecond per result.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Iterable
from time import perf_counter_ns
from typing import Any

import numpy as np

__all__ = ["Ledger", "owner"]


def owner(array: Any) -> Any:
    """Return the array that owns an array's memory; a view keeps it alive."""
    while array.base is not None and isinstance(array.base, np.ndarray):
        array = array.base
    return array


class Ledger:
    """The live arrays that were made since the ledger was opened.

    Attributes:
        peak: the most bytes there ever were.
        history: (time in ns, live bytes) after each change.
    """

    def __init__(self) -> None:
        self._live = self.peak = 0
        self.history: list[tuple[int, int]] = [(perf_counter_ns(), 0)]
        self._entries: dict[int, tuple[Any, int]] = {}
        self._saved: set[int] = set()
        # A weak reference may call at any moment, in the middle of what follows too: it only leaves a note.
        self._dead: deque[tuple[int, int]] = deque()
        self._lock = threading.Lock()

    @property
    def live(self) -> int:
        """Their bytes now."""
        with self._lock:
            self._settle()
            return self._live

    def _settle(self) -> None:
        """Cross out what has died."""
        while self._dead:
            time, key = self._dead.popleft()
            _, size = self._entries.pop(key)
            self._saved.discard(key)
            self._live -= size
            self.history.append((time, self._live))

    def add(self, arrays: Iterable[Any], known: Iterable[Any] = ()) -> int:
        """Enter the memory of arrays unless it is that of a known array or entered already; return its bytes."""
        total = 0
        with self._lock:
            self._settle()
            old = {id(owner(a)) for a in known}
            for array in arrays:
                base = owner(array)
                key = id(base)
                if key in old or key in self._entries:
                    continue
                dead = self._dead
                gone = weakref.ref(base, lambda _, key=key, dead=dead: dead.append((perf_counter_ns(), key)))  # type: ignore[misc]
                self._entries[key] = gone, base.nbytes
                total += base.nbytes
            if total:
                self._live += total
                self.peak = max(self.peak, self._live)
                self.history.append((perf_counter_ns(), self._live))
        return total

    def save(self, arrays: Iterable[Any]) -> int:
        """Note that entered arrays are kept for the backward; return the bytes of those that were not noted before."""
        total = 0
        with self._lock:
            self._settle()
            for array in arrays:
                key = id(owner(array))
                if key in self._entries and key not in self._saved:
                    self._saved.add(key)
                    total += self._entries[key][1]
        return total

    def close(self) -> None:
        """Stop listening."""
        with self._lock:
            self._settle()
            self._entries.clear()
            self._saved.clear()
