"""Files of the safetensors library: named arrays behind a JSON header, and nothing that could be executed."""

from __future__ import annotations

import json
import math
import warnings
from typing import IO, Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.serialization.structure import STRUCTURE, pack, unpack

__all__ = ["load_safetensors", "save_safetensors"]

_NAMES = {
    "F16": dtypes.float16,
    "BF16": dtypes.bfloat16,
    "F32": dtypes.float32,
    "F64": dtypes.float64,
    "I8": dtypes.int8,
    "I16": dtypes.int16,
    "I32": dtypes.int32,
    "I64": dtypes.int64,
    "U8": dtypes.uint8,
    "U16": dtypes.uint16,
    "U32": dtypes.uint32,
    "U64": dtypes.uint64,
    "BOOL": dtypes.bool,
    "C64": dtypes.complex64,
}
_STORED = set(_NAMES.values())


def _library() -> Any:
    try:
        import safetensors
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(
            "safetensors files need the safetensors package: pip install 'tinygrad-hw[safetensors]'"
        ) from error
    return safetensors


def save_safetensors(obj: Any, file: IO[bytes]) -> None:
    """Write ``obj`` to an open file: its tensors under their names, the rest in the header's metadata.

    Args:
        obj: a dictionary of tensors, or nested data with tensors in it.
        file: open for writing bytes.

    Raises:
        TypeError: a tensor is complex128, which the format has not.
    """
    arrays, text = pack(obj)
    for name, a in arrays.items():
        if dtypes.from_numpy(a.dtype) not in _STORED:
            raise TypeError(
                f"save: a safetensors file cannot hold the {a.dtype} tensor {name!r}. Convert it (.cfloat()), or save "
                "as .pt or .npz"
            )
    content = _library().numpy.save(
        {name: np.ascontiguousarray(a).reshape(a.shape) for name, a in arrays.items()},
        {STRUCTURE: text, "format": "np"},
    )
    file.write(content)


def load_safetensors(content: bytes, name: str) -> Any:
    """Return what the bytes of a safetensors file hold: nested data if we wrote it, else a dictionary of tensors.

    Args:
        content: the bytes.
        name: of the file, for messages.

    Raises:
        RuntimeError: the file is damaged.
        TypeError: a tensor's dtype does not exist here.
    """
    safetensors = _library()
    try:
        # The library checks the header: sizes, offsets without gaps or overlaps, the length of the file.
        entries = safetensors.deserialize(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        metadata = header.pop("__metadata__", {})
    except (safetensors.SafetensorError, ValueError, RecursionError) as error:
        raise RuntimeError(f"{name} is cut short or damaged, or no safetensors file ({error})") from error
    arrays = {key: _array(key, entry, name) for key, entry in entries}
    order = [key for key in header if key in arrays]
    text = metadata.get(STRUCTURE)
    return unpack({key: arrays[key] for key in order}, text, name)


def _array(key: str, entry: dict[str, Any], name: str) -> Any:
    kind, shape, data = entry["dtype"], entry["shape"], entry["data"]
    if kind == "BF16" and not dtypes.is_available(dtypes.bfloat16):
        warnings.warn(
            f"{name}: the bfloat16 tensor {key!r} becomes float32, which has all its values; bfloat16 needs the "
            "ml_dtypes package (pip install 'tinygrad-hw[bfloat16]')",
            UserWarning,
            stacklevel=2,
        )
        high = np.frombuffer(data, "<u2").astype(np.uint32)
        return (high << np.uint32(16)).view(np.float32).reshape(shape)
    dtype = _NAMES.get(kind)
    if dtype is None:
        raise TypeError(f"{name}: the tensor {key!r} has the dtype {kind}, which does not exist here; convert it first")
    stored = np.dtype("<u2") if dtype is dtypes.bfloat16 else dtype.numpy.newbyteorder("<")
    array = np.frombuffer(data, stored)
    if array.size != math.prod(shape) or len(shape) > 64:
        raise RuntimeError(f"{name} is damaged: {array.size} elements for the shape {shape} of {key!r}")
    if dtype is dtypes.bfloat16:
        return array.astype(np.uint16).view(dtype.numpy).reshape(shape)
    return array.astype(dtype.numpy).reshape(shape)
