"""New tensors of numbers at equal distances, and of powers with such exponents."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.complex import refuse
from tinygrad_hw.autograd.graph import TensorBase
from tinygrad_hw.autograd.out import into
from tinygrad_hw.device import device as Device
from tinygrad_hw.ops.creation import _finish, _kind, scalar_for

__all__ = [
    "arange",
    "linspace",
    "logspace",
]


def _number(value: Any) -> Any:
    return value.array.item() if isinstance(value, TensorBase) else value


def arange(
    start: Any = None,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    out: Any = None,
) -> Any:
    r"""Return numbers from ``start`` (0) to below ``end`` in steps: :math:`\lceil (end - start) / step \rceil` of them.

    Args:
        start: the first number.
        end: the bound; ``arange(n)`` starts from 0.
        step: the step, not 0.
        dtype: int64 if all are integers, else the default dtype.
        layout: ignored.
        device: the CPU.
        requires_grad: whether the result accumulates gradients.
        pin_memory: ignored.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: the step is 0, or leads away from ``end``.

    Source: ``torch.arange``.

    Example:
        >>> torch.arange(1, 2.5, 0.5)
        tensor([1.0000, 1.5000, 2.0000])
    """
    if out is not None:
        if out.array.dtype.kind in "iu" and dtype is None and isinstance(step, float) and int(step) == 0:
            raise ValueError("arange(): step must be nonzero; in the dtype of out it is 0")
        return into(out, arange, start, end, step, dtype=dtype, device=device, requires_grad=requires_grad)
    Device.check(device)
    if end is None:
        start, end = None, start
    if end is None:
        raise TypeError("arange(): end is missing: use arange(end) or arange(start, end, step)")
    if start is None:
        start = 0
    start, end, step = _number(start), _number(end), _number(step)
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"unsupported range: {start} -> {end}")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    integers = all(isinstance(v, int) for v in (start, end, step))
    if dtype is None:
        kind = np.dtype(np.int64) if integers else dtypes.get_default_dtype().numpy
    else:
        kind = dtypes.as_dtype(dtype).numpy
    if kind.kind in "cW":
        raise refuse("arange", kind)
    if kind.kind not in "fV" and int(step):
        # An integer result counts in integers, whatever was given.
        start, end, step = int(start), int(end), int(step)
        integers = True
    count = -(-(end - start) // step) if integers else math.ceil((end - start) / step)
    if kind.kind in "fV":
        # Each number from its index, in float64, as PyTorch does; no error accumulates.
        values = (start + np.arange(count, dtype=np.float64) * step).astype(kind)
    else:
        values = (int(start) + np.arange(count, dtype=np.int64) * int(step)).astype(kind)
    return _finish(values, requires_grad)


def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    out: Any = None,
) -> Any:
    """Return ``steps`` numbers at equal distances from ``start`` to ``end``, both included.

    Raises:
        RuntimeError: ``steps`` is negative.

    Source: ``torch.linspace``.

    Example:
        >>> torch.linspace(0, 1, 3)
        tensor([0.0000, 0.5000, 1.0000])
    """
    if out is not None:
        return into(out, linspace, start, end, steps, dtype=dtype, device=device, requires_grad=requires_grad)
    Device.check(device)
    _check_steps(steps)
    start, end = _ends("linspace", start, end)
    kind = _range_kind(start, end, dtype)
    if kind.kind == "W":
        raise refuse("linspace_cpu", kind)
    if kind.kind in "iu":  # integers lie between integers
        start, end = int(start), int(end)
    values = (_evenly_narrow if _is_narrow(kind) else _evenly)(start, end, steps, kind)
    return _finish(values.astype(kind), requires_grad)


def _is_narrow(kind: Any) -> bool:
    return bool(kind.itemsize == 2 and kind.kind in "fV")


def _evenly_narrow(start: Any, end: Any, steps: int, kind: Any, between: bool = True) -> Any:
    """Return equally spaced numbers of two bytes as PyTorch computes them: a rounded step, and all is if asked."""

    def r(x: Any) -> Any:
        return np.asarray(x, np.float32).astype(kind).astype(np.float32)

    q = r if between else np.float32
    start, end = r(start), r(end)
    if steps < 2:
        return np.full(steps, start)
    step = r(r(end - start) / r(steps - 1))
    index = np.arange(steps)
    up, down = q(start + q(step * r(index))), q(end - q(step * r(steps - 1 - index)))
    return np.where(index < steps // 2, up, down)


def _check_steps(steps: Any) -> None:
    if isinstance(steps, float):
        raise TypeError(f"argument 'steps' must be int, not {type(steps).__name__}")
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")


def _ends(name: str, start: Any, end: Any) -> tuple[Any, Any]:
    """Return both ends as numbers."""
    dims = [t.array.ndim if isinstance(t, TensorBase) else 0 for t in (start, end)]
    if any(dims):
        raise RuntimeError(
            f"{name} only supports 0-dimensional start and end tensors, but got start with {dims[0]} dimension(s) and "
            f"end with {dims[1]} dimension(s)."
        )
    return _number(start), _number(end)


def _range_kind(start: Any, end: Any, dtype: Any) -> Any:
    """Return the dtype of a range, complex if one of its ends is."""
    if dtype is None and (isinstance(start, complex) or isinstance(end, complex)):
        return dtypes.of_scalar(1j).numpy
    kind = _kind(dtype)
    scalar_for(start, kind), scalar_for(end, kind)
    return kind


def _evenly(start: Any, end: Any, steps: int, _: Any) -> Any:
    """Return equally spaced float64 (complex128), each half computed from its own end."""
    if steps == 1:
        return np.array([start], np.result_type(type(start), np.float64))
    step = (end - start) / (steps - 1) if steps else 0.0
    index = np.arange(steps, dtype=np.float64)
    return np.where(index < steps // 2, start + step * index, end - step * (steps - 1 - index))


def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    out: Any = None,
) -> Any:
    """Return ``steps`` powers of ``base`` with exponents at equal distances.

    Source: ``torch.logspace``.

    Example:
        >>> torch.logspace(0, 2, 3)
        tensor([  1.,  10., 100.])
    """
    if out is not None:
        return into(out, logspace, start, end, steps, base, dtype=dtype, device=device, requires_grad=requires_grad)
    Device.check(device)
    _check_steps(steps)
    start, end = _ends("logspace", start, end)
    kind = _range_kind(start, end, dtype)
    if kind.kind not in "fcVW":
        start, end = int(start), int(end)
    narrow = _is_narrow(kind)
    exponents = _evenly_narrow(start, end, steps, kind, False) if narrow else _evenly(start, end, steps, kind)
    power = exponents.astype(np.result_type(exponents, np.float64))
    values = np.power(base if isinstance(base, complex) else float(base), power)
    return _finish(values.astype(kind), requires_grad)
