"""Tensors in numpy's ``.npz`` format, which any numpy can read."""

from __future__ import annotations

import io
import math
import os
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from typing import IO, Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.graph import TensorBase, wrap
from tinygrad_hw.serialization.archive import damage
from tinygrad_hw.serialization.atomic import atomic_write
from tinygrad_hw.serialization.structure import STRUCTURE, pack, unpack

__all__ = ["load_npz", "read_npz", "save_npz", "write_npz"]

#: How much more than the file its arrays may hold together: compressed zeros shrink to a thousandth.
_MAX_RATIO = 200
_FREE = 1 << 26


def write_npz(obj: Any, file: IO[bytes]) -> None:
    """Write ``obj`` to an open file: an entry per tensor, and one of JSON text for the rest.

    Args:
        obj: a dictionary of tensors, or nested data with tensors in it.
        file: open for writing bytes.
    """
    arrays, text = pack(obj)
    _write(arrays | {STRUCTURE: np.frombuffer(text.encode("utf-8"), np.uint8)}, file)


def read_npz(file: IO[bytes], name: str) -> Any:
    """Return what an npz file holds: nested data if we wrote it, else a dictionary of tensors.

    Args:
        file: open for reading bytes, with ``seek``.
        name: of the file, for messages.

    Raises:
        RuntimeError: the file is damaged, or claims more than it can hold.
        TypeError: an array's dtype does not exist here.
    """
    arrays = _read(file, name)
    structure = arrays.pop(STRUCTURE, None)
    text = None
    if structure is not None:
        try:
            text = structure.tobytes().decode("utf-8")
        except UnicodeError as error:
            raise RuntimeError(f"{name} has a damaged structure ({error})") from error
    for key, array in arrays.items():
        try:
            dtypes.from_numpy(array.dtype)
        except TypeError as error:
            raise TypeError(f"{name}: the array {key!r}: {error}") from None
    return unpack(arrays, text, name)


def save_npz(state_dict: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Write a dictionary of tensors; the file is replaced as a whole or not at all.

    Args:
        state_dict: names and tensors, as ``Module.state_dict`` gives them.
        path: the file.

    Raises:
        TypeError: a value is no tensor.

    Example:
        >>> import os, tempfile
        >>> model = torch.nn.Linear(2, 1)
        >>> path = os.path.join(tempfile.mkdtemp(), "model.npz")
        >>> torch.save_npz(model.state_dict(), path)
        >>> model.load_state_dict(torch.load_npz(path))
        <All keys matched successfully>
    """
    arrays: dict[str, Any] = {}
    for name, value in state_dict.items():
        if not isinstance(value, TensorBase):
            raise TypeError(f"save_npz: {name!r} is a {type(value).__name__}; only tensors can be saved")
        arrays[name] = value.array
    with atomic_write(path) as file:
        _write(arrays, file)


def load_npz(path: str | os.PathLike[str]) -> OrderedDict[str, Any]:
    """Read a dictionary of tensors that ``save_npz`` (or numpy) wrote. Nothing in the file is executed.

    Args:
        path: the file.

    Returns:
        Names and tensors, in the file's order.

    Raises:
        FileNotFoundError: there is no such file.
        RuntimeError: the file is no npz archive, or is damaged.
    """
    with open(path, "rb") as file:
        arrays = _read(file, os.fspath(path))
    arrays.pop(STRUCTURE, None)
    return OrderedDict((name, wrap(array)) for name, array in arrays.items())


def _write(arrays: Mapping[str, Any], file: IO[bytes]) -> None:
    for name, array in arrays.items():
        if array.dtype.kind in "VW":
            raise TypeError(
                f"save: an npz file cannot hold the {array.dtype} tensor {name!r}. Convert it, or save as .pt"
            )
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, array in arrays.items():
            info = zipfile.ZipInfo(name + ".npy", (1980, 1, 1, 0, 0, 0))
            with archive.open(info, "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)


def _read(file: IO[bytes], name: str) -> dict[str, Any]:
    start = file.tell()
    length = file.seek(0, io.SEEK_END) - start
    file.seek(start)
    try:
        if file.read(6) == b"\x93NUMPY":
            raise RuntimeError("it is a single array")
        file.seek(start)
        with zipfile.ZipFile(file) as archive:
            entries = [e for e in archive.infolist() if e.filename.endswith(".npy")]
            total = sum(e.file_size for e in entries)
            if total > _FREE + _MAX_RATIO * length:
                raise RuntimeError(
                    f"its {length:,} bytes claim to hold {total:,}. If you trust it, read it with numpy.load and save "
                    "it uncompressed"
                )
            return {e.filename[: -len(".npy")]: _array(archive, e) for e in entries}
    except (*damage, SyntaxError, TypeError, RecursionError) as error:
        raise RuntimeError(
            f"{name}: not an npz archive, or cut short or damaged ({error or type(error).__name__}); write it again"
        ) from error


def _array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Any:
    key = entry.filename[:80]
    with archive.open(entry) as source:
        version = np.lib.format.read_magic(source)
        if version not in ((1, 0), (2, 0)):
            raise RuntimeError(f"{key} has the npy version {version}")
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = header(source)
        if dtype.hasobject:
            raise RuntimeError(f"{key} holds Python objects; they are not read, as reading could execute them")
        if any(n < 0 for n in shape) or len(shape) > 64:
            raise RuntimeError(f"{key} has the shape {shape}")
        size, found = math.prod(shape) * dtype.itemsize, entry.file_size - source.tell()
        if size != found:
            raise RuntimeError(f"{key} should have {size:,} bytes for its shape {shape}, and {found:,} are there")
        content = source.read(size + 1)
        if len(content) != size:
            raise EOFError(f"{key} has {len(content):,} of {size:,} bytes")
        array = np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")
        return np.array(array, dtype.newbyteorder("="), order="K")
