"""What the random kernels share: shapes, dtype names, and the order in which an array is filled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

__all__ = [
    "KINDS",
    "Array",
    "Kind",
    "Shape",
    "as_shape",
    "floating",
    "kind_of",
    "memory_order",
    "numeric",
    "pieces",
    "store",
]

Array: TypeAlias = "np.ndarray[Any, Any]"
Shape: TypeAlias = "int | Sequence[int]"

CHUNK = 32768  # elements whose temporaries stay in the L2 cache


class Kind(NamedTuple):
    """What the kernels need to know of a dtype.

    Attributes:
        name: PyTorch's, in error messages.
        digits: bits of the significand; 0 for integers.
        low: the least value.
        high: the largest value.
        last: the largest integer up to which all are held.
    """

    name: str
    digits: int
    low: float
    high: float
    last: int


def _kind(dtype: np.dtype[Any], name: str) -> Kind:
    if dtype.kind == "f":
        digits, top = int(np.finfo(dtype).nmant) + 1, float(np.finfo(dtype).max)
        return Kind(name, digits, -top, top, 2**digits)
    low, high = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return Kind(name, 0, int(low), int(high), int(high))


KINDS: dict[np.dtype[Any], Kind] = {
    np.dtype(dtype): _kind(np.dtype(dtype), name)
    for dtype, name in [
        ("bool", "Bool"),
        ("uint8", "Byte"),
        ("uint16", "UInt16"),
        ("uint32", "UInt32"),
        ("uint64", "UInt64"),
        ("int8", "Char"),
        ("int16", "Short"),
        ("int32", "Int"),
        ("int64", "Long"),
        ("float16", "Half"),
        ("float32", "Float"),
        ("float64", "Double"),
    ]
}


def kind_of(dtype: np.dtype[Any]) -> Kind | None:
    """Return what is known of a dtype; None if it is not drawn."""
    kind = KINDS.get(dtype)
    if kind is None and dtype.kind == "V" and dtype.name == "bfloat16":
        top = (2.0 - 2.0**-7) * 2.0**127
        kind = KINDS[dtype] = Kind("BFloat16", 8, -top, top, 2**8)
    return kind


def numeric(kernel: str, dtype: Any) -> tuple[np.dtype[Any], Kind]:
    """Return ``dtype`` as a numpy dtype and its kind, if it is one that PyTorch draws."""
    out: np.dtype[Any] = np.dtype(dtype)
    kind = kind_of(out)
    if kind is None:
        names = ", ".join(str(known) for known in KINDS)
        raise NotImplementedError(f"{kernel!r} not implemented for {str(out)!r}; draw one of {names}")
    return out, kind


def floating(kernel: str, dtype: Any) -> np.dtype[Any]:
    """Return ``dtype`` as a numpy dtype, if it is a floating-point one that PyTorch draws."""
    out: np.dtype[Any] = np.dtype(dtype)
    kind = kind_of(out)
    if kind is None or not kind.digits:
        name = kind.name if kind else str(out)
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


def pieces(n: int) -> Iterable[tuple[int, int]]:
    """Return the cuts of ``n`` elements into chunks."""
    if n <= CHUNK:
        return ((0, n),) if n else ()
    return ((i, min(i + CHUNK, n)) for i in range(0, n, CHUNK))
