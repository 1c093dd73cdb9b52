"""Writing a file so that it is always whole: the old contents or the new, never a part."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

__all__ = ["atomic_write"]


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str], mode: str = "wb", **options: Any) -> Iterator[IO[Any]]:
    """Open a temporary file beside ``path``; at the end of the block it takes that name.

    The contents are flushed to the disk before the rename. If the block raises, the temporary file is
    removed and ``path`` stays as it was. A process that is killed leaves the temporary file, whose name starts
    with a dot and ends in ``.tmp``. A symbolic link stays one, and the file it points to is replaced; what is no
    regular file (``/dev/null``, a pipe) is written to as it is.

    Args:
        path: where the file goes; its folder must exist.
        mode: of writing, ``"wb"`` or ``"w"``.
        **options: passed to ``open`` (``newline``, ``encoding``).
    """
    target = Path(os.path.realpath(path))
    with contextlib.suppress(FileNotFoundError):
        kind = os.stat(target).st_mode
        if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
            with open(target, mode, **options) as file:
                yield file
            return
    handle, name = tempfile.mkstemp(prefix=f".{target.name[:200]}.", suffix=".tmp", dir=target.parent)
    try:
        with os.fdopen(handle, mode, **options) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes private files; give the permissions that open() would have given.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        os.replace(name, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Bring a rename to the disk, where a folder can be synced (not on Windows)."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
