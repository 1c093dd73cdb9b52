"""HDF5 files, which many programs read: one data set per tensor."""

from __future__ import annotations

import io
import math
from typing import IO, Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.serialization.structure import STRUCTURE, pack, unpack

__all__ = ["import_h5py", "load_hdf5", "save_hdf5"]

_MAX_ENTRIES = 100_000


def import_h5py() -> Any:
    """Return the h5py package.

    Raises:
        ImportError: it is not installed; the message says how to install it.
    """
    try:
        import h5py
    except ImportError as error:
        raise ImportError("HDF5 files need the h5py package: pip install 'tinygrad-hw[hdf5]'") from error
    return h5py


def save_hdf5(obj: Any, file: IO[bytes]) -> None:
    """Write ``obj`` to an open file: a data set per tensor, and one of JSON text for the rest.

    Args:
        obj: a dictionary of tensors, or nested data with tensors in it.
        file: open for writing bytes.
    """
    h5py = import_h5py()
    arrays, text = pack(obj)
    for name, array in arrays.items():
        if array.dtype.kind in "VW":
            raise TypeError(
                f"save: an HDF5 file cannot hold the {array.dtype} tensor {name!r}. Convert it, or save as .pt"
            )
    # In memory first: h5py calls back into Python for every piece otherwise, and needs to read what it wrote.
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as out:
        for name, array in arrays.items():
            out.create_dataset(name, data=array)
        out.create_dataset(STRUCTURE, data=np.frombuffer(text.encode("utf-8"), np.uint8))
    file.write(buffer.getbuffer())


def load_hdf5(file: IO[bytes], name: str) -> Any:
    """Return what an HDF5 file holds: nested data if we wrote it, else a dictionary of its data sets.

    Data sets inside groups get dotted names. Links to other files are not followed.

    Args:
        file: open for reading bytes, with ``seek``.
        name: of the file, for messages.

    Raises:
        RuntimeError: the file is damaged, or claims more than it can hold.
        TypeError: a data set's dtype does not exist here.
    """
    h5py = import_h5py()
    start = file.tell()
    length = file.seek(0, io.SEEK_END)
    file.seek(start)
    arrays: dict[str, Any] = {}
    text: str | None = None
    try:
        with h5py.File(file, "r") as source:
            for path, dataset in _datasets(h5py, source, "", set()):
                array = _read(h5py, dataset, path, name, length)
                if path == STRUCTURE and array.dtype == np.uint8 and array.ndim == 1:
                    text = array.tobytes().decode("utf-8")
                else:
                    dtypes.from_numpy(array.dtype)
                    arrays[path] = array
    except (OSError, KeyError, ValueError, OverflowError, MemoryError) as error:
        raise RuntimeError(f"{name} is cut short or damaged, or no HDF5 file ({error})") from error
    return unpack(arrays, text, name)


def _datasets(h5py: Any, group: Any, prefix: str, seen: set[int]) -> Any:
    """Yield (dotted name, data set) below a group, each object once, in the file only."""
    for key in group:
        if len(seen) > _MAX_ENTRIES:
            raise ValueError(f"more than {_MAX_ENTRIES:,} entries")
        if not isinstance(group.get(key, getlink=True), h5py.HardLink):
            continue
        item = group[key]
        address = h5py.h5o.get_info(item.id).addr
        if isinstance(item, h5py.Group):
            if address not in seen and prefix.count(".") < 100:
                seen.add(address)
                yield from _datasets(h5py, item, f"{prefix}{key}.", seen)
        elif isinstance(item, h5py.Dataset):
            seen.add(address)
            yield prefix + key, item


def _read(h5py: Any, dataset: Any, path: str, name: str, length: int) -> Any:
    if (
        dataset.dtype.kind not in "biufc"
        or dataset.dtype.itemsize > (16 if dataset.dtype.kind == "c" else 8)
        or dataset.shape is None
    ):
        raise TypeError(f"{name}: the data set {path!r} has the dtype {dataset.dtype}, which does not exist here")
    if dataset.external is not None or dataset.is_virtual:
        raise RuntimeError(f"{name} is refused: the data set {path!r} lies in other files")
    size = math.prod(dataset.shape) * dataset.dtype.itemsize
    # gzip packs at most about 1000 to 1; space that was never written takes none, and reads as zeros.
    if size > 1100 * length:
        raise RuntimeError(
            f"{name} is refused: the data set {path!r} claims {size:,} bytes, and the whole file has {length:,}"
        )
    return np.array(dataset[()], dataset.dtype.newbyteorder("="), order="C")
