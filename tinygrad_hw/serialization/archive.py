"""Reading a zip archive of uncompressed entries that may be damaged or made to do harm."""

from __future__ import annotations

import mmap
import os
import struct
import zipfile
import zlib
from typing import IO, Any

import numpy as np

__all__ = ["Archive", "damage"]

#: What the zip module raises on damaged archives; some of it is not meant.
damage = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    KeyError,
    IndexError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    UnicodeError,
    ValueError,
    struct.error,
)

_CHUNK = 1 << 22


class Archive:
    """The entries below the one folder of a ``.pt`` file.

    All entries are uncompressed, do not overlap, and so are together no larger than the file.

    Args:
        file: open for reading bytes, with ``seek``.
        name: of the file, for messages.

    Raises:
        RuntimeError: it is no such archive.
    """

    def __init__(self, file: IO[bytes], name: str) -> None:
        self.file = file
        self.name = name
        self._map: mmap.mmap | None = None
        start = file.tell()
        length = file.seek(0, os.SEEK_END)
        file.seek(start)
        try:
            self.zip = zipfile.ZipFile(file)
            entries = self.zip.infolist()
        except damage as error:
            raise RuntimeError(
                f"{name} is cut short or damaged: it starts like a zip archive, but its directory cannot be read "
                f"({error or type(error).__name__}). Write or fetch it again"
            ) from error
        if any(e.filename.endswith("/constants.pkl") and e.filename.count("/") == 1 for e in entries):
            raise RuntimeError(
                f"{name} is a TorchScript program, not a file of torch.save. Load it in PyTorch with "
                "torch.jit.load and store model.state_dict() with torch.save"
            )
        self.entries: dict[str, zipfile.ZipInfo] = {}
        total = 0
        for entry in entries:
            if entry.filename in self.entries:
                raise RuntimeError(f"{name} is refused: it has two entries {entry.filename[:80]!r}")
            if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
                raise RuntimeError(
                    f"{name} is refused: its entry {entry.filename[:80]!r} is compressed, and PyTorch compresses none. "
                    "If you trust it, unpack it and pack it again with zip -0"
                )
            if entry.flag_bits & 1:
                raise RuntimeError(f"{name} is refused: its entry {entry.filename[:80]!r} is encrypted")
            total += entry.file_size
            self.entries[entry.filename] = entry
        if total > length:
            raise RuntimeError(
                f"{name} is refused: its entries claim {total:,} bytes, and the whole file has {length:,}; they overlap"
            )
        roots = [n[: -len("data.pkl")] for n in self.entries if n.endswith("/data.pkl") and n.count("/") == 1]
        if len(roots) != 1:
            raise RuntimeError(
                f"{name} is a zip archive, but no file of torch.save: "
                + ("it has no entry */data.pkl" if not roots else "it has several entries */data.pkl")
            )
        self.root = roots[0]

    def has(self, entry: str) -> bool:
        """Return whether there is an entry."""
        return self.root + entry in self.entries

    def size(self, entry: str) -> int:
        """Return the length of an entry.

        Raises:
            RuntimeError: there is none of this name.
        """
        try:
            return self.entries[self.root + entry].file_size
        except KeyError:
            raise RuntimeError(f"{self.name} is damaged: it has no entry {entry!r}, which its pickle names") from None

    def read(self, entry: str, most: int | None = None) -> bytes:
        """Return the bytes of an entry (which may have no more than ``most``), checked by its CRC."""
        size = self.size(entry)
        if most is not None and size > most:
            raise RuntimeError(f"{self.name} is damaged: its entry {entry!r} has {size:,} bytes")
        return self.array(entry).tobytes()

    def array(self, entry: str, mapped: bool = False, alignment: int = 1) -> Any:
        """Return the bytes of an entry as a writable uint8 array.

        Args:
            entry: its name below the root.
            mapped: map them from the disk, private to this process, without checking the CRC.
            alignment: of the first byte; what is mapped and lies otherwise is copied.
        """
        size = self.size(entry)
        info = self.entries[self.root + entry]
        try:
            if mapped and size:
                content: Any = self._mapped(info, size)
                return content if content.ctypes.data % alignment == 0 else content.copy()
            # zipfile compares the name in the local header, and the CRC at the end.
            content = np.empty(size, np.uint8)
            view, at = memoryview(content), 0
            with self.zip.open(info) as source:
                while at < size:
                    part = source.read(min(_CHUNK, size - at))
                    if not part:
                        raise EOFError(f"{at:,} of {size:,} bytes are there")
                    view[at : at + len(part)] = part
                    at += len(part)
                source.read(1)
            return content
        except damage as error:
            raise RuntimeError(
                f"{self.name} is cut short or damaged: its entry {entry!r} cannot be read "
                f"({error or type(error).__name__}). Write or fetch it again"
            ) from error

    def _mapped(self, info: zipfile.ZipInfo, size: int) -> Any:
        self.file.seek(info.header_offset)
        header = self.file.read(30)
        if header[:4] != b"PK\x03\x04":
            raise zipfile.BadZipFile("Bad magic number for file header")
        name, extra = struct.unpack("<HH", header[26:30])
        start = info.header_offset + 30 + name + extra
        if self._map is None:
            self._map = mmap.mmap(self.file.fileno(), 0, access=mmap.ACCESS_COPY)
        if start + size > len(self._map):
            raise EOFError("it reaches beyond the end of the file")
        return np.frombuffer(self._map, np.uint8, size, start)
