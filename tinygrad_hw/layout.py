"""How elements lie in memory: ``torch.strided``, ``torch.contiguous_format``, ``torch.channels_last``."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = [
    "channels_last",
    "channels_last_3d",
    "contiguous_format",
    "in_format",
    "layout",
    "memory_format",
    "preserve_format",
    "strided",
]


class layout:
    """The kind of storage of a tensor; ``torch.strided`` is the only one.

    Source: ``torch.layout``.

    Example:
        >>> torch.ones(1).layout
        torch.strided
    """

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"torch.{self._name}"

    def __reduce__(self) -> str:
        return self._name


class memory_format:
    """The order in which a tensor's dimensions lie in memory.

    Source: ``torch.memory_format``.

    Example:
        >>> torch.ones(1, 2, 3, 4).clone(memory_format=torch.channels_last).stride()
        (24, 1, 8, 2)
    """

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"torch.{self._name}"

    def __reduce__(self) -> str:
        return self._name


strided = layout("strided")
contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last")
channels_last_3d = memory_format("channels_last_3d")

_CHANNELS_LAST = {channels_last: 4, channels_last_3d: 5}


def in_format(array: Any, format: Any) -> Any:
    """Return a copy of an array in a memory format.

    Raises:
        RuntimeError: the format is for another number of dimensions.
    """
    if format is None or format is preserve_format:
        return np.array(array, order="K")
    if format is contiguous_format:
        return np.array(array, order="C")
    if array.ndim != _CHANNELS_LAST[format]:
        raise RuntimeError(
            f"required rank {_CHANNELS_LAST[format]} tensor to use {format!r} format, got {array.ndim} dimensions"
        )
    return np.moveaxis(np.array(np.moveaxis(array, 1, -1), order="C"), -1, 1)


def is_in_format(array: Any, format: Any) -> bool:
    """Return whether an array lies in a memory format."""
    if format in _CHANNELS_LAST:
        return array.ndim == _CHANNELS_LAST[format] and bool(np.moveaxis(array, 1, -1).flags.c_contiguous)
    return format is preserve_format or bool(array.flags.c_contiguous)
