"""The memory behind tensors: ``untyped_storage()``, for asking which tensors share it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_hw.device import device as Device

__all__ = ["UntypedStorage"]


class UntypedStorage:
    """The bytes that a tensor is a view of. Reading and writing go through; it cannot be resized.

    Source: ``torch.UntypedStorage``.

    Example:
        >>> x = torch.zeros(2, 3)
        >>> x.untyped_storage().nbytes(), x[1].untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
        (24, True)
    """

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        while True:
            below = array.base
            if not isinstance(below, np.ndarray):
                below = getattr(below, "base", None)  # numpy's as_strided hides the array behind an object of its own
            if not isinstance(below, np.ndarray):
                break
            array = below
        self._owner = array
        self._bytes = array.reshape(-1, copy=False).view(np.uint8) if array.flags.c_contiguous else None

    @property
    def device(self) -> Device:
        """The CPU."""
        return Device("cpu")

    def data_ptr(self) -> int:
        """Return the address of the first byte."""
        low, _ = np.lib.array_utils.byte_bounds(self._owner)
        return int(low)

    def nbytes(self) -> int:
        """Return the number of bytes."""
        return int(self._owner.nbytes)

    def size(self) -> int:
        """Return the number of bytes."""
        return int(self._owner.nbytes)

    def is_shared(self) -> bool:
        """Return False: the memory belongs to this process."""
        return False

    def is_pinned(self) -> bool:
        """Return False: there is no device that would need it."""
        return False

    def _flat(self) -> np.ndarray[Any, Any]:
        if self._bytes is None:
            return self._owner.T.reshape(-1, copy=False).view(np.uint8)
        return self._bytes

    def tolist(self) -> list[int]:
        """Return the bytes as numbers."""
        return list(self._flat().tolist())

    def __len__(self) -> int:
        return self.nbytes()

    def __getitem__(self, index: int) -> int:
        return int(self._flat()[index])

    def __setitem__(self, index: int, value: int) -> None:
        self._flat()[index] = value

    def __iter__(self) -> Iterator[int]:
        return iter(self.tolist())
