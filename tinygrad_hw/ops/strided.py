"""Views at any strides of the memory: ``as_strided`` and windows along a dimension."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_hw.autograd.basics import as_strided as _as_strided_copy
from tinygrad_hw.autograd.graph import array_of
from tinygrad_hw.autograd.op import op
from tinygrad_hw.ops.arguments import as_size, one_dim
from tinygrad_hw.ops.conversion import element_strides, memory_of
from tinygrad_hw.ops.conversion import storage_offset as offset_in_memory
from tinygrad_hw.ops.shape import reshape

__all__ = [
    "as_strided",
]


def as_strided(input: Any, size: Any, stride: Any, storage_offset: int | None = None) -> Any:
    """Return elements at given strides of the tensor's memory.

    Args:
        input: a tensor.
        size: sizes of the result.
        stride: steps in elements.
        storage_offset: the first element; that of ``input`` by default.

    Raises:
        RuntimeError: the view would reach outside the memory.

    Source: ``torch.as_strided``. Recorded tensors are copied instead of viewed.

    Example:
        >>> torch.as_strided(torch.arange(6), (2, 2), (1, 2))
        tensor([[0, 2],
                [1, 3]])
    """
    sizes, steps = as_size((size,)), as_size((stride,), "stride")
    if len(sizes) != len(steps):
        raise RuntimeError(f"mismatch in length of strides and shape: {list(steps)} and {list(sizes)}")
    if any(s < 0 for s in steps):
        raise RuntimeError(f"as_strided: Negative strides are not supported, got strides: {list(steps)}")
    array = array_of(input)
    own = offset_in_memory(array)
    memory = memory_of(array)
    if not own and array.size == memory.size and array.flags.c_contiguous:
        return _as_strided_copy(input, size=sizes, stride=steps, storage_offset=storage_offset or 0, layout=None)
    place = (tuple(array.shape), element_strides(array), own)
    return _restrided(
        input, to=(sizes, steps, own if storage_offset is None else storage_offset), place=place, length=memory.size
    )


def _strided_forward(input: Any, *, to: Any, place: Any, length: int) -> Any:
    size, stride, offset = to
    if math.prod(size) == 0:
        return np.empty(size, input.dtype)
    last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    if offset < 0 or last >= length:
        raise RuntimeError(
            f"as_strided: size {list(size)}, stride {list(stride)} and storage offset {offset} reach element {last}, "
            f"which is out of bounds for storage of {length} elements"
        )
    memory = memory_of(input)
    return np.lib.stride_tricks.as_strided(memory[offset:], size, [s * memory.itemsize for s in stride])


def _moved_forward(input: Any, *, place: Any, to: Any, length: int) -> Any:
    """Add the elements up at one set of places in zeroed memory, and read the memory at another."""
    memory = np.zeros(length, input.dtype)
    numbers = np.arange(length)
    source = _strided_forward(numbers, to=place, place=None, length=length)
    np.add.at(memory, source.reshape(-1), np.asarray(input).reshape(-1))
    return memory[_strided_forward(numbers, to=to, place=None, length=length)]


_restrided = op(
    "as_strided_in_memory",
    _strided_forward,
    view=True,
    node_name="AsStridedBackward0",
    input=lambda g, to, place, length: _moved(g, place=to, to=place, length=length),
)


_moved = op(
    "as_strided_moved",
    _moved_forward,
    input=lambda g, place, to, length: _moved(g, place=to, to=place, length=length),
)


def unfold_dim(input: Any, dimension: int, size: int, step: int) -> Any:
    """Return windows along a dimension; see ``Tensor.unfold``."""
    d = one_dim(dimension, input.ndim)
    shape = tuple(input.shape) or (1,)
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    if size > shape[d]:
        raise RuntimeError(f"maximum size for tensor at dimension {d} is {shape[d]} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    if input.ndim == 0:
        return reshape(input, (1,))[:size]
    return _unfold(input, dim=d, size=size, step=step)


def _unfold_view(array: Any, dim: int, size: int, step: int) -> Any:
    count = (array.shape[dim] - size) // step + 1
    shape, strides = list(array.shape), list(array.strides)
    shape[dim], strides[dim] = count, array.strides[dim] * step
    return np.lib.stride_tricks.as_strided(array, (*shape, size), (*strides, array.strides[dim]))


def _unfold_adjoint_forward(input: Any, *, dim: int, size: int, step: int, shape: Sequence[int]) -> Any:
    out = np.zeros(shape, input.dtype)
    lead = (slice(None),) * dim
    count = input.shape[dim]
    for i in range(size):
        out[(*lead, slice(i, i + step * (count - 1) + 1, step))] += input[..., i]
    return out


_unfold = op(
    "unfold",
    lambda input, *, dim, size, step: _unfold_view(input, dim, size, step),
    view=True,
    input=lambda g, input_shape, dim, size, step: _unfold_adjoint(
        g, dim=dim, size=size, step=step, shape=tuple(input_shape)
    ),
)


_unfold_adjoint = op(
    "unfold_adjoint",
    _unfold_adjoint_forward,
    node_name="UnfoldBackwardBackward0",
    input=lambda g, dim, size, step: _unfold(g, dim=dim, size=size, step=step),
)
