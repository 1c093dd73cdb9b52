"""Which tensors share memory, and where in a stored block each one lies."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.graph import TensorBase
from tinygrad_hw.ops.conversion import element_strides
from tinygrad_hw.serialization.pickler import Place

__all__ = ["Block", "Layout"]


class Block:
    """A stretch of memory that is stored once, with all the tensors on it.

    Attributes:
        key: its name in the file.
        start: address of the first byte.
        stop: address behind the last byte.
        arrays: what lies in it; none of another dtype.
    """

    def __init__(self, key: str, start: int, stop: int, array: Any) -> None:
        self.key = key
        self.start = start
        self.stop = stop
        self.arrays = [array]

    @property
    def numel(self) -> int:
        """The number of elements."""
        return (self.stop - self.start) // self.arrays[0].itemsize

    def content(self) -> Any:
        """Return the elements, (numel,); those that no tensor shows are zero."""
        first = self.arrays[0]
        if len(self.arrays) == 1 and first.flags.c_contiguous:
            return first.reshape(-1)
        content = np.zeros(self.numel, first.dtype)
        for array in self.arrays:
            view = np.ndarray(array.shape, array.dtype, content, byte_bounds(array)[0] - self.start, array.strides)
            view[...] = array
        return content


class Layout:
    """The blocks of the tensors of one file.

    Tensors that overlap in memory share a block, so that they share memory again after loading. What lies between or
    around them in a larger array is not stored.
    """

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._tensors: dict[int, TensorBase] = {}
        self._arrays: dict[int, Any] = {}
        self._found: dict[int, Block] = {}

    def collect(self, tensor: TensorBase) -> Place:
        """Remember a tensor; the place that is returned is a dummy."""
        if id(tensor) not in self._tensors:
            dtypes.from_numpy(tensor.array.dtype)
            self._tensors[id(tensor)] = tensor
            self._arrays[id(tensor)] = _storable(tensor.array)
        return Place("0", 0, 0, (0,) * tensor.array.ndim)

    def finish(self) -> None:
        """Make the blocks, once all tensors are known.

        Raises:
            RuntimeError: tensors of different dtypes share memory.
        """
        # Of two that start at one address, the longer one first: it opens the block.
        bounds = {i: _bounds(a) for i, a in self._arrays.items()}
        opened: list[tuple[Block, list[int]]] = []
        for i in sorted(bounds, key=lambda i: (bounds[i][0], -bounds[i][1])):
            array, (start, stop) = self._arrays[i], bounds[i]
            last = opened[-1][0] if opened else None
            if last is not None and start < min(last.stop, stop):
                if last.arrays[0].dtype != array.dtype:
                    raise RuntimeError(
                        "Cannot save multiple tensors or storages that view the same data as different types: "
                        f"{dtypes.from_numpy(last.arrays[0].dtype)} and {dtypes.from_numpy(array.dtype)}. Save clones"
                    )
                last.stop = max(last.stop, stop)
                last.arrays.append(array)
                opened[-1][1].append(i)
            else:
                opened.append((Block("", start, stop, array), [i]))
        for block, members in opened:
            for i in members:
                self._found[i] = block
        # Numbered in the order of the tensors in the file, as PyTorch does.
        for i in self._tensors:
            block = self._found[i]
            if not block.key:
                block.key = str(len(self.blocks))
                self.blocks.append(block)

    def place(self, tensor: TensorBase) -> Place:
        """Return where a tensor lies."""
        block, array = self._found[id(tensor)], self._arrays[id(tensor)]
        offset = (_bounds(array)[0] - block.start) // array.itemsize
        return Place(block.key, block.numel, offset, element_strides(array))


def _bounds(array: Any) -> tuple[int, int]:
    """Return the addresses of an array's first byte and behind its last; no bytes if it is empty."""
    start, stop = byte_bounds(array)
    return (start, stop) if array.size else (start, start)


def _storable(array: Any) -> Any:
    """Return the array, or a copy if its form has no place in a ``.pt`` file."""
    plain = array.dtype.isnative and array.flags.aligned
    if plain and all(s >= 0 and s % array.itemsize == 0 for s in array.strides):
        return array
    return np.array(array, array.dtype.newbyteorder("="), order="C")
