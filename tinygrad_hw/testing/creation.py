"""``torch.testing.make_tensor``: random tensors for tests."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

from tinygrad_hw import dtypes
from tinygrad_hw.device import device as Device
from tinygrad_hw.ops.creation import empty
from tinygrad_hw.ops.random import randint
from tinygrad_hw.tensor import Tensor

__all__ = ["make_tensor"]


def _bounds(
    low: float | None,
    high: float | None,
    dtype: dtypes.dtype,
    allowed: tuple[float, float],
    default: tuple[float, float],
) -> tuple[float, float]:
    """Return the interval to draw from, inside of what the dtype can hold."""
    low = default[0] if low is None else low
    high = default[1] if high is None else high
    if math.isnan(low) or math.isnan(high):
        raise ValueError(f"`low` and `high` cannot be NaN, but got {low=} and {high=}")
    if low == high and dtype.is_floating_point:
        warnings.warn(
            "Passing `low==high` to `torch.testing.make_tensor` for floating or complex types is deprecated since 2.1 "
            "and will be removed in 2.3. Use `torch.full(...)` instead.",
            FutureWarning,
            stacklevel=4,
        )
    elif low >= high:
        raise ValueError(f"`low` must be less than `high`, but got {low} >= {high}")
    elif high < allowed[0] or low >= allowed[1]:
        raise ValueError(
            f"The value interval specified by `low` and `high` is [{low}, {high}), but {dtype} only supports "
            f"[{allowed[0]}, {allowed[1]})"
        )
    return min(max(low, allowed[0]), allowed[1]), min(max(high, allowed[0]), allowed[1])


def make_tensor(
    *shape: Any,
    dtype: dtypes.dtype,
    device: Any = "cpu",
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Return a tensor of uniformly drawn elements.

    Args:
        *shape: sizes, or one sequence of them.
        dtype: of the elements.
        device: the CPU.
        low: the smallest value; -9 by default, 0 for bool.
        high: the end of the interval, not included; 9 for floating point, 10 for integers, 2 for bool by default.
        requires_grad: whether it shall accumulate gradients.
        noncontiguous: whether the elements shall lie apart in memory; not for less than two elements.
        exclude_zero: whether zeros become the smallest positive number (1 for integers and bool).
        memory_format: the order of the elements in memory.

    Raises:
        ValueError: an interval that is empty or not within the dtype's range; gradients of integers.

    Source: ``torch.testing.make_tensor``; the same numbers for the same seed.

    Example:
        >>> x = torch.testing.make_tensor(2, 3, dtype=torch.float32, device="cpu", low=0, high=1)
        >>> x.shape, bool((x < 1).all())
        (torch.Size([2, 3]), True)
    """
    Device.check(device)
    dtype = dtypes.as_dtype(dtype)
    sizes: tuple[int, ...] = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], Sequence) else shape
    if noncontiguous and memory_format is not None:
        raise ValueError(
            "The parameters `noncontiguous` and `memory_format` are mutually exclusive, but got "
            f"{noncontiguous=} and {memory_format=}"
        )
    if requires_grad and not (dtype.is_floating_point or dtype.is_complex):
        raise ValueError(f"`requires_grad=True` is not supported for boolean and integral dtypes, but got {dtype=}")
    apart = noncontiguous and math.prod(sizes) > 1
    if apart:
        sizes = (*sizes[:-1], 2 * sizes[-1])
    if dtype.is_floating_point:
        info = dtypes.finfo(dtype)
        low, high = _bounds(low, high, dtype, (info.min, info.max), (-9, 9))
        result: Any = empty(sizes, dtype=dtype).uniform_(low, high)
    elif dtype.is_complex:
        raise TypeError(f"The requested dtype '{dtype}' is not supported by torch.testing.make_tensor().")
    else:
        if dtype is dtypes.bool:
            low, high = _bounds(low, high, dtype, (0, 2), (0, 2))
        else:
            limits = dtypes.iinfo(dtype)
            end = limits.max + (dtype is not dtypes.int64)
            low, high = _bounds(low, high, dtype, (limits.min, end), (-9, 10))
        result = randint(math.ceil(low), math.ceil(high), sizes, dtype=dtype)
    if apart:
        result = result[..., 1::2]
    elif memory_format is not None:
        result = result.clone(memory_format=memory_format)
    if exclude_zero:
        result[result == 0] = dtypes.finfo(dtype).tiny if dtype.is_floating_point else 1
    if requires_grad:
        result = result.requires_grad_()
    return result
