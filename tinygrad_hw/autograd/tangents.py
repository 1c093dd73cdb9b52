"""Where the tangents of forward mode are kept: beside the arrays, while a level is open (see ``forward_ad.py``)."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_hw.autograd.basics import as_strided_copy, as_strided_scatter, place_of
from tinygrad_hw.autograd.graph import TensorBase, wrap

__all__ = ["active", "lookup", "on_write", "store", "suspended"]

#: The number of open levels, less one: -1 or 0.
level = -1
#: Whether operations carry tangents on.
enabled = True

#: id of an array: the array, weakly, and its tangent.
_tangents: dict[int, tuple[weakref.ref[Any], Any]] = {}


class _Suspended(threading.local):
    value = False


_suspended = _Suspended()


def active() -> bool:
    """Return whether operations may meet tangents now."""
    return bool(_tangents) and enabled and not _suspended.value


@contextlib.contextmanager
def suspended() -> Iterator[None]:
    """Compute without tangents in a block."""
    before = _suspended.value
    _suspended.value = True
    try:
        yield
    finally:
        _suspended.value = before


def clear() -> None:
    """Forget all tangents."""
    _tangents.clear()


def store(array: Any, tangent: Any) -> None:
    """Give an array a tangent."""
    key = id(array)
    _tangents[key] = weakref.ref(array, lambda _: _tangents.pop(key, None)), tangent


def _of_array(array: Any) -> Any:
    entry = _tangents.get(id(array))
    return None if entry is None or entry[0]() is not array else entry[1]


def lookup(tensor: TensorBase) -> Any:
    """Return a tensor's tangent, or None. That of a view is a part of its base's."""
    base = tensor._base
    if base is not None:
        tangent = _of_array(base.array)
        if tangent is not None and tensor.array.dtype == base.array.dtype:
            with suspended():
                return as_strided_copy(tangent, **place_of(tensor, base))
    return _of_array(tensor.array)


def zeros_like(tensor: TensorBase) -> Any:
    """Return the tangent of what does not change."""
    return wrap(np.zeros_like(tensor.array))


def on_write(tensor: TensorBase, result: Any) -> None:
    """Take over the tangent of what is about to be written into a tensor."""
    if not active():
        return
    new = lookup(result) if isinstance(result, TensorBase) else None
    base = tensor._base
    if new is None:
        if lookup(tensor) is None:
            return
        new = zeros_like(tensor)
    store(tensor.array, new)
    if base is not None and tensor.array.dtype == base.array.dtype:
        whole = _of_array(base.array)
        with suspended():
            whole = as_strided_scatter(zeros_like(base) if whole is None else whole, new, **place_of(tensor, base))
        store(base.array, whole)
