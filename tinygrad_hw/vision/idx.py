"""The IDX file format of MNIST: a header of sizes, then the elements in row-major order."""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["parse_idx", "read_idx", "unpack"]

_DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
#: Sizes beyond these are no data set but a damaged header.
_MAX_DIMENSIONS = 16
_MAX_BYTES = 1 << 40


def unpack(raw: bytes, name: str) -> bytes:
    """Return what a gzip file holds.

    Args:
        raw: the bytes of the file.
        name: how to call it in errors.

    Raises:
        RuntimeError: the file is cut short or damaged.
    """
    try:
        return gzip.decompress(raw)
    except EOFError as error:
        raise RuntimeError(f"{name} is cut short: its {len(raw):,} bytes end too early") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise RuntimeError(f"{name} is no whole gzip file: {error}") from error


def parse_idx(content: bytes, name: str = "the IDX data") -> np.ndarray[Any, Any]:
    """Return the array that the bytes of an (unpacked) IDX file describe.

    The header is two zero bytes, a byte for the element type, one for the number of dimensions, and
    each dimension's size in four bytes, most significant first.

    Args:
        content: the bytes.
        name: how to call them in errors.

    Returns:
        A new, writable array in the machine's byte order.

    Raises:
        RuntimeError: the magic number, the element type or the sizes are wrong, or there are too
            few or too many bytes.

    Example:
        >>> from tinygrad_hw.vision.idx import parse_idx
        >>> parse_idx(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9]))
        array([7, 8, 9], dtype=uint8)
    """
    if len(content) < 4:
        raise RuntimeError(f"{name} is cut short: {len(content)} bytes are no IDX header")
    zeros, code, ndim = struct.unpack(">HBB", content[:4])
    if zeros != 0 or code not in _DTYPES:
        raise RuntimeError(
            f"{name} is no IDX file: its magic number is 0x{content[:4].hex()}, where 0x0000 and "
            f"one of the element types {', '.join(f'{c:02x}' for c in _DTYPES)} should stand first"
        )
    if not 1 <= ndim <= _MAX_DIMENSIONS:
        raise RuntimeError(f"{name} has a damaged header: it claims {ndim} dimensions")
    start = 4 + 4 * ndim
    if len(content) < start:
        raise RuntimeError(
            f"{name} is cut short: the sizes of its {ndim} dimensions end after {len(content)} bytes, not {start}"
        )
    shape = struct.unpack(f">{ndim}I", content[4:start])
    dtype = np.dtype(_DTYPES[code])
    if math.prod(size or 1 for size in shape) * dtype.itemsize > _MAX_BYTES:
        raise RuntimeError(f"{name} has a damaged header: it claims the shape {shape}")
    expected, found = math.prod(shape) * dtype.itemsize, len(content) - start
    if found < expected:
        raise RuntimeError(f"{name} is cut short: the shape {shape} needs {expected:,} bytes, and {found:,} are there")
    if found > expected:
        raise RuntimeError(
            f"{name} has {found - expected:,} bytes after its data of shape {shape}; it is not what its header says"
        )
    array = np.frombuffer(content, dtype, offset=start).reshape(shape)
    return array.astype(dtype.newbyteorder("="))


def read_idx(path: str | os.PathLike[str]) -> np.ndarray[Any, Any]:
    """Return the array in an IDX file.

    Args:
        path: of the file; it may be packed with gzip, whatever its name.

    Returns:
        A new array in the machine's byte order.

    Raises:
        FileNotFoundError: there is no such file.
        RuntimeError: the file is cut short, damaged, or of another format.

    Example:
        >>> from tinygrad_hw.vision.idx import read_idx
        >>> with open("labels", "wb") as file:
        ...     file.write(bytes([0, 0, 8, 1, 0, 0, 0, 2, 5, 6]))
        10
        >>> read_idx("labels")
        array([5, 6], dtype=uint8)
    """
    content = Path(path).read_bytes()
    if content[:2] == b"\x1f\x8b":
        content = unpack(content, os.fspath(path))
    return parse_idx(content, os.fspath(path))
