"""``save`` and ``load``: which format a file has, and who reads and writes it."""

from __future__ import annotations

import io
import os
from typing import IO, Any

from tinygrad_hw.serialization.atomic import atomic_write
from tinygrad_hw.serialization.hdf5 import load_hdf5, save_hdf5
from tinygrad_hw.serialization.npz import read_npz, write_npz
from tinygrad_hw.serialization.pt import load_pt, save_pt
from tinygrad_hw.serialization.safetensors import load_safetensors, save_safetensors

__all__ = ["load", "save"]

FORMATS = ("pt", "safetensors", "npz", "hdf5")
_SUFFIXES = {".safetensors": "safetensors", ".npz": "npz", ".h5": "hdf5", ".hdf5": "hdf5"}

#: How legacy files of torch.save start: a pickle of one large number.
_LEGACY_MAGIC = bytes.fromhex("8a0a6cfc9c46f9206aa85019")

_RESAVE = "Load it in PyTorch with torch.load, and save it again with torch.save, which has written zip files since 1.6"


def save(
    obj: Any,
    f: str | os.PathLike[str] | IO[bytes],
    pickle_module: Any = None,
    pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True,
    *,
    format: str | None = None,
) -> None:
    """Save tensors, state dictionaries, or nested data with tensors in them.

    A ``.pt`` file is one of PyTorch's, which ``torch.load(f, weights_only=True)`` reads there too. Tensors that share
    memory share it after loading. The other formats hold copies of the tensors without ``requires_grad``; a path's
    suffix chooses them (``.safetensors``, ``.npz``, ``.h5``, ``.hdf5``; everything else is ``.pt``), or ``format``.

    A path is written atomically: whatever happens, it holds the old file or the new one as a whole.

    Args:
        obj: dictionaries, lists, tuples and sets of tensors, parameters, numbers, text, None, sizes, dtypes, devices.
        f: a path, or a file object open for writing bytes.
        pickle_module: None; the pickle is written by this package.
        pickle_protocol: 2 to 5, noted in a ``.pt`` file; what is written needs 2.
        _use_new_zipfile_serialization: True; the format before PyTorch 1.6 is not written.
        format: ``"pt"``, ``"safetensors"``, ``"npz"`` or ``"hdf5"``.

    Raises:
        TypeError: ``obj`` holds something that cannot be stored; the message says where, and nothing is written.
        ImportError: the format's library is not installed.

    Source: ``torch.save``.

    Example:
        >>> import os, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "model.pt")
        >>> model = torch.nn.Linear(2, 1)
        >>> torch.save(model.state_dict(), path)
        >>> model.load_state_dict(torch.load(path))
        <All keys matched successfully>
    """
    if pickle_module is not None and getattr(pickle_module, "__name__", "") != "pickle":
        raise ValueError("save: pickle_module is not supported; the pickle is written by this package")
    if not _use_new_zipfile_serialization:
        raise ValueError("save: the format before PyTorch 1.6 is not written; leave out _use_new_zipfile_serialization")
    path = os.fspath(f) if isinstance(f, (str, os.PathLike)) else None
    chosen = _check(format, "save") or ("pt" if path is None else _SUFFIXES.get(os.path.splitext(path)[1], "pt"))
    if path is not None:
        folder = os.path.dirname(path)
        if folder and not os.path.isdir(folder):
            raise RuntimeError(f"Parent directory {folder} does not exist. Make it first: os.makedirs({str(folder)!r})")
        with atomic_write(path) as file:
            _write(obj, file, chosen, pickle_protocol)
    elif hasattr(f, "write"):
        _write(obj, f, chosen, pickle_protocol)  # type: ignore[arg-type]
    else:
        raise AttributeError(
            f"expected 'f' to be string, path, or a file-like object with a 'write' attribute, not {type(f).__name__}"
        )


def _check(format: str | None, name: str) -> str | None:
    if format is not None and format not in FORMATS:
        raise ValueError(f"{name}: format is {format!r}; use one of {', '.join(map(repr, FORMATS))}")
    return format


def _write(obj: Any, file: IO[bytes], format: str, protocol: int) -> None:
    if format == "pt":
        save_pt(obj, file, protocol)
    elif format == "safetensors":
        save_safetensors(obj, file)
    elif format == "npz":
        write_npz(obj, file)
    else:
        save_hdf5(obj, file)


def load(
    f: str | os.PathLike[str] | IO[bytes],
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    format: str | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Load what :func:`save` or PyTorch's ``torch.save`` wrote, or a safetensors, npz or HDF5 file.

    Nothing in a file is ever executed: a ``.pt`` file may name tensors, parameters, containers, numpy arrays and a few
    types of plain data, and every other name is an error, also with ``weights_only=False``. Files that are cut short,
    damaged, or claim more memory than they have content are refused.

    Args:
        f: a path, or a file object open for reading bytes, with ``seek``.
        map_location: where tensors go that were saved on another device: ``"cpu"``, a device, a dictionary
            of device names, or a function of storage and device name.
        pickle_module: makes no difference: pickles are read by this package.
        weights_only: makes no difference; see above.
        mmap: leave the tensors of a ``.pt`` file on the disk until they are used. Needs a path. Writing to them
            changes the memory, not the file. The checksums are not compared.
        format: ``"pt"``, ``"safetensors"``, ``"npz"`` or ``"hdf5"``; found from the file's first bytes if None.
        **pickle_load_args: ``encoding``, which is accepted and has no meaning.

    Raises:
        FileNotFoundError: there is no such file.
        pickle.UnpicklingError: the file names or holds something that is not allowed, or is damaged.
        RuntimeError: the file is damaged, of another format, or was saved on another device.

    Source: ``torch.load``.

    Example:
        >>> import io
        >>> file = io.BytesIO()
        >>> torch.save({"w": torch.ones(2), "epoch": 3}, file)
        >>> _ = file.seek(0)
        >>> torch.load(file)
        {'w': tensor([1., 1.]), 'epoch': 3}
    """
    if pickle_module is not None and weights_only:
        raise RuntimeError(
            "Can not safely load weights when explicit pickle_module is specified; leave it out, this package reads "
            "pickles itself"
        )
    unknown = pickle_load_args.keys() - {"encoding"}
    if unknown:
        raise TypeError(f"load() got an unexpected keyword argument {min(unknown)!r}")
    chosen = _check(format, "load")
    if isinstance(f, (str, os.PathLike)):
        with open(f, "rb") as file:
            return _read(file, os.fspath(f), chosen, map_location, bool(mmap))
    if not (hasattr(f, "read") and hasattr(f, "seek") and hasattr(f, "tell")):
        raise AttributeError(
            f"expected 'f' to be string, path, or a file-like object with 'read', 'seek' and 'tell', not "
            f"{type(f).__name__}. Please pre-load the data into a buffer like io.BytesIO and load from it instead"
        )
    if mmap:
        raise ValueError("f must be a file path in order to use the mmap argument")
    return _read(f, _name_of(f), chosen, map_location, False)


def _name_of(file: Any) -> str:
    name = getattr(file, "name", None)
    return name if isinstance(name, str) else f"the {type(file).__name__}"


def _read(file: IO[bytes], name: str, format: str | None, map_location: Any, mmap: bool) -> Any:
    start = file.tell()
    head = file.read(512)
    length = file.seek(0, io.SEEK_END) - start
    file.seek(start)
    if length <= 0:
        hint = "it is empty" if start == 0 else f"it is at its end (byte {start:,}); call seek(0) first"
        raise EOFError(f"{name} has nothing to read: {hint}")
    if format is None:
        format = _format_of(file, head, length)
        file.seek(start)
    if format == "pt":
        _refuse_others(head, name)
        return load_pt(file, name, map_location, mmap)
    if mmap:
        raise RuntimeError(f"mmap can only be used with .pt files; {name} is a {format} file")
    if format == "safetensors":
        return load_safetensors(file.read(), name)
    return read_npz(file, name) if format == "npz" else load_hdf5(file, name)


def _format_of(file: IO[bytes], head: bytes, length: int) -> str:
    """Return the format that a file's first bytes tell."""
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return "hdf5"
    if head.startswith(b"PK\x03\x04"):
        # The name of the first entry: numpy's end in .npy, PyTorch's are in a folder.
        name = head[30 : 30 + int.from_bytes(head[26:28], "little")]
        return "npz" if name.endswith(b".npy") else "pt"
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= length - 8:
        return "safetensors"
    return "pt"


def _refuse_others(head: bytes, name: str) -> None:
    """Raise for what is no zip archive, and say what it is."""
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return
    if _LEGACY_MAGIC in head[:16]:
        what = f"is in PyTorch's legacy format, that of versions before 1.6, which is not read here. {_RESAVE}"
    elif head[257:262] == b"ustar":
        what = f"is a tar archive, the legacy format of PyTorch before 0.1.10, which is not read here. {_RESAVE}"
    elif head.startswith(b"\x93NUMPY"):
        what = "is a single numpy array; use torch.from_numpy(numpy.load(...))"
    elif head.startswith(b"\x1f\x8b"):
        what = "is packed with gzip; unpack it first"
    elif head.startswith(b"\x80"):
        what = f"is a plain pickle, or in PyTorch's legacy format; neither is read here. {_RESAVE}"
    elif head.lstrip().startswith((b"<", b"version https://git-lfs")):
        what = "is a text, perhaps an error page or a pointer that was downloaded in place of the file"
    else:
        what = f"is no file of torch.save: it starts with the bytes {head[:8].hex()}; it may be damaged"
    raise RuntimeError(f"{name} {what}")
