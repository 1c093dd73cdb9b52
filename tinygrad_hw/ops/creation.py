"""New tensors from sizes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.graph import TensorBase, wrap
from tinygrad_hw.autograd.out import into
from tinygrad_hw.device import device as Device
from tinygrad_hw.ops.arguments import as_size
from tinygrad_hw.ops.conversion import empty_in_order

__all__ = [
    "empty",
    "empty_like",
    "empty_permuted",
    "empty_strided",
    "eye",
    "full",
    "full_like",
    "ones",
    "ones_like",
    "scalar_tensor",
    "zeros",
    "zeros_like",
]


def _finish(array: Any, requires_grad: bool) -> Any:
    t = wrap(array)
    if requires_grad:
        if array.dtype.kind not in "fcVW":
            raise RuntimeError(
                "Only Tensors of floating point and complex dtype can require gradients, got "
                f"{dtypes.from_numpy(array.dtype)}"
            )
        t._requires_grad = True
    return t


def scalar_for(value: Any, kind: Any) -> Any:
    """Return a number to fill an array of a numpy dtype with.

    Raises:
        RuntimeError: it has an imaginary part, and the dtype is real.
    """
    if isinstance(value, complex) and not dtypes.from_numpy(kind).is_complex:
        if value.imag:
            raise RuntimeError(
                f"value cannot be converted to type {dtypes.from_numpy(kind).name} without overflow: {value} has an "
                "imaginary part. Use a complex dtype"
            )
        return value.real
    if kind.kind in "iu" and value.__class__ in (int, float) and math.isfinite(value):
        return fitting(int(value), kind)
    return value


def fitting(value: int, kind: Any) -> int:
    """Return a number for an integer dtype; unsigned ones take negative numbers as C does, -1 as 255.

    Raises:
        RuntimeError: it is out of range.
    """
    limits = np.iinfo(kind)
    if value > limits.max or value < (limits.min if kind.kind == "i" else -limits.max):
        raise RuntimeError(
            f"value cannot be converted to type {dtypes.from_numpy(kind).name} without overflow: {value} is out of "
            f"range, which is {limits.min} to {limits.max}"
        )
    return value if kind.kind == "i" or value >= 0 else value + limits.max + 1


def _kind(dtype: Any) -> Any:
    return (dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)).numpy


# -- from sizes -----------------------------------------------------------------------------------


def _sizes(args: tuple[Any, ...], size: Any) -> tuple[int, ...]:
    if size is not None:
        args = (tuple(size),) if not isinstance(size, int) else (size,)
    sizes = as_size(args)
    for n in sizes:
        if n < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {n}: {list(sizes)}")
    return sizes


def zeros(
    *args: Any,
    size: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    out: Any = None,
) -> Any:
    """Return zeros.

    Args:
        *args: sizes, as numbers or one sequence.
        size: the same by name.
        dtype: the default dtype if None.
        layout: ignored.
        device: the CPU.
        requires_grad: whether the result accumulates gradients.
        pin_memory: ignored.
        out: a tensor to write the result into.

    Source: ``torch.zeros``.

    Example:
        >>> torch.zeros(2, 2)
        tensor([[0., 0.],
                [0., 0.]])
    """
    if out is not None:
        return into(out, zeros, *args, size=size, dtype=dtype, device=device, requires_grad=requires_grad)
    Device.check(device)
    return _finish(np.zeros(_sizes(args, size), _kind(dtype)), requires_grad)


def ones(
    *args: Any,
    size: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    out: Any = None,
) -> Any:
    """Return ones; see ``zeros``.

    Source: ``torch.ones``.

    Example:
        >>> torch.ones(2)
        tensor([1., 1.])
    """
    if out is not None:
        return into(out, ones, *args, size=size, dtype=dtype, device=device, requires_grad=requires_grad)
    Device.check(device)
    return _finish(np.ones(_sizes(args, size), _kind(dtype)), requires_grad)


def empty(
    *args: Any,
    size: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    memory_format: Any = None,
    out: Any = None,
) -> Any:
    """Return a tensor with whatever is in memory; see ``zeros``.

    Source: ``torch.empty``.

    Example:
        >>> torch.empty(2, 3).shape
        torch.Size([2, 3])
    """
    if out is not None:
        return into(
            out, empty, *args, size=size, dtype=dtype, device=device, requires_grad=requires_grad,
            memory_format=memory_format,
        )  # fmt: skip
    Device.check(device)
    return _finish(np.empty(_sizes(args, size), _kind(dtype)), requires_grad)


def empty_strided(
    size: Any,
    stride: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    """Return an uninitialised tensor with given strides.

    Example:
        >>> torch.empty_strided((2, 3), (1, 2)).stride()
        (1, 2)
    """
    Device.check(device)
    kind = _kind(dtype)
    sizes, steps = as_size((size,)), as_size((stride,), "stride")
    length = 1 + sum((n - 1) * s for n, s in zip(sizes, steps, strict=True)) if math.prod(sizes) else 0
    memory = np.empty(length, kind)
    view = np.lib.stride_tricks.as_strided(memory, sizes, [s * kind.itemsize for s in steps])
    return _finish(view, requires_grad)


def empty_permuted(
    size: Any,
    physical_layout: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Any:
    """Return an uninitialised dense tensor whose dimensions lie in memory in a given order.

    Args:
        size: sizes.
        physical_layout: the dimensions from the outermost in memory to the innermost.
        dtype: of the result.
        layout: ignored.
        device: the CPU.
        requires_grad: whether the result accumulates gradients.
        pin_memory: ignored.

    Raises:
        RuntimeError: the order is no permutation of the dimensions.

    Source: ``torch.empty_permuted``.

    Example:
        >>> torch.empty_permuted((2, 3), (1, 0)).stride()
        (1, 2)
    """
    Device.check(device)
    sizes, order = as_size((size,)), tuple(physical_layout)
    if len(order) != len(sizes):
        raise RuntimeError(
            f"Number of dimensions in size does not match the length of the physical_layout; i.e. len(size) = "
            f"{len(sizes)} is not equal to len(physical_layout) = {len(order)}"
        )
    for d in order:
        if not 0 <= d < len(sizes):
            raise RuntimeError(f"Dimension out of range (expected to be between 0 and {len(sizes) - 1}, but got {d})")
    if len(set(order)) != len(order):
        raise RuntimeError("Duplicate dim not allowed")
    memory = np.empty([sizes[d] for d in order], _kind(dtype))
    return _finish(memory.transpose(np.argsort(order).tolist()) if order else memory, requires_grad)


def full(
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    out: Any = None,
) -> Any:
    """Return a tensor filled with one value.

    Args:
        size: sizes, a sequence.
        fill_value: the value; without ``dtype`` it chooses the dtype: bool, int64 or the default dtype.
        dtype: of the result.
        layout: ignored.
        device: the CPU.
        requires_grad: whether the result accumulates gradients.
        pin_memory: ignored.
        out: a tensor to write the result into.

    Source: ``torch.full``.

    Example:
        >>> torch.full((2,), 3.5)
        tensor([3.5000, 3.5000])
    """
    if out is not None:
        return into(out, full, size, fill_value, dtype=dtype, device=device, requires_grad=requires_grad)
    Device.check(device)
    if isinstance(size, int):
        raise TypeError("full(): argument 'size' (position 1) must be tuple of ints, not int")
    if isinstance(fill_value, TensorBase):
        fill_value = fill_value.array.item()
    kind = (dtypes.of_scalar(fill_value) if dtype is None else dtypes.as_dtype(dtype)).numpy
    return _finish(np.full(_sizes((size,), None), scalar_for(fill_value, kind), kind), requires_grad)


def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    out: Any = None,
) -> Any:
    """Return a matrix with ones on the diagonal.

    Source: ``torch.eye``.

    Example:
        >>> torch.eye(2)
        tensor([[1., 0.],
                [0., 1.]])
    """
    if out is not None:
        return into(out, eye, n, m, dtype=dtype, device=device, requires_grad=requires_grad)
    Device.check(device)
    if n < 0 or (m is not None and m < 0):
        raise RuntimeError(f"n must be greater or equal to 0, got {n if n < 0 else m}")
    return _finish(np.eye(n, m, dtype=_kind(dtype)), requires_grad)


def scalar_tensor(
    s: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    """Return a 0-d tensor of the default dtype.

    Example:
        >>> torch.scalar_tensor(2)
        tensor(2.)
    """
    Device.check(device)
    kind = _kind(dtype)
    return _finish(np.array(scalar_for(s, kind), kind), requires_grad)


# -- like another ---------------------------------------------------------------------------------


def _like(input: Any, dtype: Any) -> Any:
    if not isinstance(input, TensorBase):
        raise TypeError(f"argument 'input' must be Tensor, not {type(input).__name__}")
    return input.array.dtype if dtype is None else dtypes.as_dtype(dtype).numpy


def _dense(input: Any, kind: Any) -> Any:
    """Return an empty array whose dimensions lie in memory in the order of ``input``'s."""
    return empty_in_order(input.array, kind)


def zeros_like(
    input: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Any:
    """Return zeros of the shape and dtype of ``input``; see ``zeros``.

    Example:
        >>> torch.zeros_like(torch.ones(2))
        tensor([0., 0.])
    """
    Device.check(device)
    array = _dense(input, _like(input, dtype))
    array[...] = 0
    return _finish(array, requires_grad)


def ones_like(
    input: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Any:
    """Return ones of the shape and dtype of ``input``; see ``zeros``.

    Example:
        >>> torch.ones_like(torch.zeros(2))
        tensor([1., 1.])
    """
    Device.check(device)
    array = _dense(input, _like(input, dtype))
    array[...] = 1
    return _finish(array, requires_grad)


def empty_like(
    input: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Any:
    """Return an uninitialised tensor of the shape and dtype of ``input``; see ``zeros``.

    Example:
        >>> torch.empty_like(torch.zeros(2)).shape
        torch.Size([2])
    """
    Device.check(device)
    return _finish(_dense(input, _like(input, dtype)), requires_grad)


def full_like(
    input: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Any:
    """Return a tensor of the shape and dtype of ``input`` filled with one value; see ``full``.

    Example:
        >>> torch.full_like(torch.zeros(2), 3)
        tensor([3., 3.])
    """
    Device.check(device)
    array = _dense(input, _like(input, dtype))
    value = fill_value.array.item() if isinstance(fill_value, TensorBase) else fill_value
    array[...] = scalar_for(value, array.dtype)
    return _finish(array, requires_grad)
