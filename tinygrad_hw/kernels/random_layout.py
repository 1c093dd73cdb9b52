"""What the random kernels share: shapes, dtype names, and the order in which an array is filled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

__all__ = [
    "DIGITS",
    "NAMES",
    "Array",
    "Shape",
    "as_shape",
    "floating",
    "memory_order",
    "pieces",
    "store",
]

Array: TypeAlias = "np.ndarray[Any, Any]"
Shape: TypeAlias = "int | Sequence[int]"

CHUNK = 32768  # elements whose temporaries stay in the L2 cache

# PyTorch's names of the dtypes, for its error messages.
NAMES = {
    "bool": "Bool",
    "uint8": "Byte",
    "int8": "Char",
    "int16": "Short",
    "int32": "Int",
    "int64": "Long",
    "float16": "Half",
    "float32": "Float",
    "float64": "Double",
}

# Floating-point dtypes and the bits of their significands.
DIGITS = {"float16": 11, "float32": 24, "float64": 53}


def floating(kernel: str, dtype: Any) -> np.dtype[Any]:
    """Return ``dtype`` as a numpy dtype if it is a floating-point one that PyTorch draws from."""
    out: np.dtype[Any] = np.dtype(dtype)
    if out.name not in DIGITS:
        name = NAMES.get(out.name, out.name)
        raise NotImplementedError(
            f"{kernel!r} not implemented for {name!r}: it draws float16, float32 or float64; draw "
            "floats and convert them"
        )
    return out


def as_shape(shape: Shape) -> tuple[int, ...]:
    """Return ``shape`` as a tuple; a number is a one-dimensional shape."""
    return (int(shape),) if isinstance(shape, (int, np.integer)) else tuple(shape)


def memory_order(out: Array) -> list[int]:
    """Return the axes from the widest stride to the narrowest."""
    return sorted(range(out.ndim), key=lambda axis: -abs(out.strides[axis]))


def store(out: Array, flat: Array) -> Array:
    """Write ``flat`` into ``out`` in the order of its memory; return ``out``."""
    if out.flags.c_contiguous:
        out.reshape(-1)[...] = flat
    else:
        view = out.transpose(memory_order(out))
        view[...] = flat.reshape(view.shape)
    return out


def pieces(n: int) -> Iterator[tuple[int, int]]:
    """Yield the cuts of ``n`` elements into chunks."""
    return ((i, min(i + CHUNK, n)) for i in range(0, n, CHUNK))
