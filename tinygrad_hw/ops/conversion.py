"""Facts about an array's memory, and copies that keep it."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw.autograd.graph import array_of
from tinygrad_hw.autograd.op import op
from tinygrad_hw.layout import in_format, is_in_format

__all__ = [
    "clone",
    "copy_in_layout",
    "element_strides",
    "memory_of",
    "storage_offset",
]


def element_strides(array: Any) -> tuple[int, ...]:
    """Return the strides in elements; for a contiguous array those that its shape implies."""
    if array.flags.c_contiguous:
        # numpy leaves the strides of empty and one-element dimensions arbitrary.
        strides, step = [], 1
        for n in reversed(array.shape):
            strides.append(step)
            step *= max(n, 1)
        return tuple(reversed(strides))
    return tuple(s // array.itemsize for s in array.strides)


def _owner(array: Any) -> Any:
    """Return the array that owns the memory; numpy's ``as_strided`` hides it behind an object of its own."""
    while True:
        below = array.base
        if not isinstance(below, np.ndarray):
            below = getattr(below, "base", None)
        if not isinstance(below, np.ndarray) or below.itemsize != array.itemsize:
            return array
        array = below


def storage_offset(array: Any) -> int:
    """Return how many elements the first one lies behind the start of the memory it belongs to."""
    base = _owner(array)
    below = base.base
    if isinstance(below, np.ndarray) and below.dtype.kind == "c" and below.itemsize == 2 * array.itemsize:
        # A real or imaginary part; its offset counts in real numbers.
        base = _owner(below)
    start = base.__array_interface__["data"][0]
    return int(array.__array_interface__["data"][0] - start) // array.itemsize


def copy_in_layout(array: Any) -> Any:
    """Return a copy whose dimensions have the same order in memory."""
    return array.copy(order="K")


def memory_of(array: Any) -> Any:
    """Return the whole memory an array belongs to, as one dimension."""
    base = _owner(array)
    if base.flags.c_contiguous:
        return base.reshape(-1).view(array.dtype)
    order = sorted(range(base.ndim), key=lambda i: -base.strides[i])
    dense = base.transpose(order)
    return dense.reshape(-1).view(array.dtype) if dense.flags.c_contiguous else np.ascontiguousarray(array).reshape(-1)


def empty_in_order(array: Any, kind: Any) -> Any:
    """Return an empty array whose dimensions lie in memory in the order of another's, expanded ones where they are."""
    if 0 not in array.strides:
        return np.empty_like(array, kind, order="K", subok=False)
    order = list(range(array.ndim - 1, -1, -1))  # innermost first
    for i in range(1, array.ndim):
        for j in range(i - 1, -1, -1):
            a, b = array.strides[order[j]], array.strides[order[j + 1]]
            if a and b and a > b:
                order[j], order[j + 1] = order[j + 1], order[j]
            elif a and b and a < b:
                break
    order.reverse()
    inverse = [order.index(d) for d in range(array.ndim)]
    return np.empty([array.shape[d] for d in order], kind).transpose(inverse)


def _copy_in_order(array: Any) -> Any:
    array = np.asarray(array)
    if 0 not in array.strides:
        return np.array(array, order="K")
    out = empty_in_order(array, array.dtype)
    out[...] = array
    return out


_clone = op(
    "clone",
    lambda input, *, order: (
        (_copy_in_order(input) if order == "K" else np.array(input, order=order))
        if order.__class__ is str
        else in_format(input, order)
    ),
    input=lambda g: g,
)


def clone(input: Any, *, memory_format: Any = None) -> Any:
    """Return a copy; gradients flow through it.

    Source: ``torch.clone``.

    Example:
        >>> x = torch.ones(2)
        >>> y = torch.clone(x)
        >>> y[0] = 5.0
        >>> x
        tensor([1., 1.])
    """
    return _clone(input, order="K" if memory_format is None else memory_format)


def contiguous(input: Any, memory_format: Any = None) -> Any:
    """Return the tensor itself if it is contiguous, else a contiguous copy."""
    if memory_format is not None:
        return input if is_in_format(input.array, memory_format) else _clone(input, order=memory_format)
    if array_of(input).flags.c_contiguous:
        return input
    return _clone(input, order="C")
