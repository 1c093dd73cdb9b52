"""Keeping freed memory: large arrays do not go back to the system at every free.

glibc gives arrays of 32 MB and more back as they are freed, and the next one faults in page by page, zeroed by the
system. A training step frees and takes the same sizes again and again. Told to keep what it has, malloc hands the same
pages out again: filling 64 MB took 1.7 ms instead of 3.7. The process then keeps the most memory it ever needed.
"""

from __future__ import annotations

import ctypes
import os
import sys

__all__ = ["keep_freed_memory", "kept_memory"]

#: Parameters of glibc's mallopt, and up to where it keeps memory.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST = 1 << 30

_said = "not asked for"


def _glibc() -> str:
    """Return name and version of the C library if it is glibc, else ""."""
    try:
        name = os.confstr("CS_GNU_LIBC_VERSION") if sys.platform == "linux" else None
    except (AttributeError, OSError, ValueError):
        name = None
    return name if name and name.startswith("glibc") else ""


def keep_freed_memory() -> bool:
    """Tell the C library to keep freed arrays of up to 1 GB for the next ones; return whether it does.

    Nothing is done with another C library than glibc, where its own variables say what it should do
    (``MALLOC_MMAP_THRESHOLD_``, ``MALLOC_TRIM_THRESHOLD_``), or if ``TINYGRAD_HW_KEEP_MEMORY=0``.
    """
    global _said
    if os.environ.get("TINYGRAD_HW_KEEP_MEMORY", "1") == "0":
        _said = "given back (TINYGRAD_HW_KEEP_MEMORY=0)"
        return False
    for name in ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"):
        if name in os.environ:
            _said = f"as {name}={os.environ[name]} says"
            return False
    library = _glibc()
    if not library:
        _said = "up to the C library (not glibc)"
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError) as error:
        _said = f"up to the C library ({error})"
        return False
    if not (mallopt(_MMAP_THRESHOLD, _LARGEST) and mallopt(_TRIM_THRESHOLD, _LARGEST)):
        _said = f"up to the C library ({library} refused)"
        return False
    _said = f"kept for later arrays ({library}; TINYGRAD_HW_KEEP_MEMORY=0 gives it back)"
    return True


def kept_memory() -> str:
    """Return what the last call of :func:`keep_freed_memory` did, and why."""
    return _said
