"""New tensors: from data, from sizes, from ranges."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.complex import refuse
from tinygrad_hw.autograd.graph import TensorBase, array_of, wrap
from tinygrad_hw.autograd.op import op
from tinygrad_hw.autograd.out import into
from tinygrad_hw.device import device as Device
from tinygrad_hw.layout import in_format, is_in_format
from tinygrad_hw.ops.shape import as_size, stack

__all__ = [
    "arange",
    "as_tensor",
    "asarray",
    "clone",
    "empty",
    "empty_like",
    "empty_permuted",
    "empty_strided",
    "eye",
    "from_dlpack",
    "from_numpy",
    "frombuffer",
    "full",
    "full_like",
    "linspace",
    "logspace",
    "ones",
    "ones_like",
    "scalar_tensor",
    "tensor",
    "vander",
    "zeros",
    "zeros_like",
]


def _finish(array: Any, requires_grad: bool) -> Any:
    t = wrap(array)
    if requires_grad:
        if array.dtype.kind not in "fc":
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
    if isinstance(value, complex) and kind.kind != "c":
        if value.imag:
            raise RuntimeError(
                f"value cannot be converted to type {dtypes.from_numpy(kind).name} without overflow: {value} has an "
                "imaginary part. Use a complex dtype"
            )
        return value.real
    return value


def _kind(dtype: Any) -> Any:
    return (dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)).numpy


# -- from data -------------------------------------------------------------------------------------


def _shape_of(data: Any) -> tuple[int, ...]:
    """Return the shape of nested sequences, checked."""
    if isinstance(data, (list, tuple)) or (
        hasattr(data, "__len__")
        and hasattr(data, "__getitem__")
        and not isinstance(data, (str, bytes, TensorBase, np.ndarray, dict))
    ):
        n = len(data)
        return (n, *_shape_of(data[0])) if n else (0,)
    if isinstance(data, (TensorBase, np.ndarray)):
        return tuple(data.shape)
    return ()


def _check_shape(data: Any, shape: tuple[int, ...], depth: int) -> None:
    if depth == len(shape):
        if isinstance(data, (list, tuple)):
            raise TypeError(f"not a sequence expected at dim {depth}, got {type(data).__name__}")
        return
    if isinstance(data, (TensorBase, np.ndarray)):
        if tuple(data.shape) != shape[depth:]:
            raise ValueError(f"expected sequence of length {shape[depth]} at dim {depth} (got {list(data.shape)})")
        return
    if not hasattr(data, "__len__"):
        raise TypeError(f"expected sequence of length {shape[depth]} at dim {depth}, got {type(data).__name__}")
    if len(data) != shape[depth]:
        raise ValueError(f"expected sequence of length {shape[depth]} at dim {depth} (got {len(data)})")
    for item in data:
        _check_shape(item, shape, depth + 1)


def _scan(data: Any, found: set[Any], inferred: bool = True, nested: bool = False) -> None:
    """Collect the dtypes of what nested sequences hold."""
    if isinstance(data, TensorBase):
        found.add(dtypes.from_numpy(data.array.dtype))
    elif isinstance(data, (np.ndarray, np.generic)):
        found.add(dtypes.from_numpy(data.dtype))
    elif isinstance(data, bool):
        found.add(dtypes.bool)
    elif isinstance(data, int):
        found.add(dtypes.int64)
    elif isinstance(data, float):
        found.add(dtypes.get_default_dtype())
    elif isinstance(data, complex):
        found.add(dtypes.of_scalar(data))
    elif hasattr(data, "__len__") and not isinstance(data, (str, bytes, dict)):
        for item in data:
            _scan(item, found, inferred, nested=True)
    elif hasattr(data, "__index__"):
        found.add(dtypes.int64)
    elif hasattr(data, "__float__"):
        found.add(dtypes.get_default_dtype())
    elif isinstance(data, str):
        if nested:
            raise ValueError("too many dimensions 'str': tensors hold numbers")
        raise TypeError("new(): invalid data type 'str': tensors hold numbers")
    elif inferred:
        raise RuntimeError(f"Could not infer dtype of {type(data).__name__}")
    else:
        raise TypeError(f"must be real number, not {type(data).__name__}")


def _plain(data: Any) -> Any:
    """Return nested lists with tensors replaced by what they hold."""
    if isinstance(data, TensorBase):
        return data.array
    if isinstance(data, (list, tuple)):
        return [_plain(item) for item in data]
    return data


def array_from(data: Any, dtype: Any = None) -> Any:
    """Return a new array with PyTorch's choice of dtype for ``data``."""
    if isinstance(data, TensorBase):
        data = data.array
    if isinstance(data, (np.ndarray, np.generic)):
        own = dtypes.from_numpy(data.dtype)
        return np.array(data, (own if dtype is None else dtypes.as_dtype(dtype)).numpy)
    shape = _shape_of(data)
    if shape:
        _check_shape(data, shape, 0)
    target: Any
    if dtype is None:
        found: set[Any] = set()
        _scan(data, found)
        target = None if found else dtypes.get_default_dtype()
        for d in found:
            target = d if target is None else dtypes.promote_types(target, d)
        assert target is not None
    else:
        target = dtypes.as_dtype(dtype)
        _scan(data, set(), inferred=False)
    plain = _plain(data)
    try:
        return np.array(plain, target.numpy).reshape(shape)
    except OverflowError as error:
        # Out of range for a narrow integer: PyTorch wraps tensors' numbers but refuses Python's.
        raise RuntimeError(f"value cannot be converted to type {target.name} without overflow: {error}") from None


def tensor(
    data: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Any:
    """Return a new tensor with a copy of ``data``.

    Args:
        data: numbers, nested sequences of numbers, an array, or a tensor. Python floats make the default
            dtype (float32), ints int64, bools bool; arrays keep their dtype.
        dtype: convert to it.
        device: the CPU.
        requires_grad: whether the result accumulates gradients.
        pin_memory: ignored.

    Raises:
        ValueError: the sequences are ragged.
        TypeError: something in them is no number.

    Source: ``torch.tensor``.

    Example:
        >>> torch.tensor([[1.0, 2.0], [3.0, 4.0]])
        tensor([[1., 2.],
                [3., 4.]])
    """
    Device.check(device)
    if isinstance(data, TensorBase):
        warnings.warn(
            "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
            "sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor).",
            UserWarning,
            stacklevel=2,
        )
    return _finish(array_from(data, dtype), requires_grad)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Any:
    """Return ``data`` as a tensor, sharing memory with arrays and returning tensors as they are if possible.

    Source: ``torch.as_tensor``.

    Example:
        >>> import numpy
        >>> a = numpy.zeros(2)
        >>> torch.as_tensor(a)[0] = 5.0
        >>> float(a[0])
        5.0
    """
    Device.check(device)
    if isinstance(data, TensorBase):
        if dtype is None or dtypes.as_dtype(dtype).numpy == data.array.dtype:
            return data
        return data.to(dtype)  # type: ignore[attr-defined]
    if isinstance(data, np.ndarray):
        t = from_numpy(data)
        return t if dtype is None else t.to(dtype)
    return wrap(array_from(data, dtype))


def asarray(
    obj: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    copy: bool | None = None,
    requires_grad: bool = False,
) -> Any:
    """Return ``obj`` as a tensor.

    Args:
        obj: a tensor, array, number or sequence.
        dtype: convert to it.
        device: the CPU.
        copy: True always copies, False never; None only if needed.
        requires_grad: whether the result accumulates gradients.

    Source: ``torch.asarray``.

    Example:
        >>> torch.asarray([1, 2])
        tensor([1, 2])
    """
    Device.check(device)
    if copy:
        t = wrap(array_from(obj, dtype))
    else:
        t = as_tensor(obj, dtype=dtype)
        same = isinstance(obj, (TensorBase, np.ndarray)) and np.shares_memory(
            t.array, obj.array if isinstance(obj, TensorBase) else obj
        )
        if copy is False and not same and t.array.size:
            raise ValueError("can't alias the given object without a copy; leave out copy=False")
        if isinstance(obj, TensorBase) and t is obj:
            t = wrap(obj.array)
            t._version = obj._version
    if requires_grad:
        t.requires_grad_(True)
    return t


def from_numpy(ndarray: Any) -> Any:
    """Return a tensor that shares the memory of an array.

    Args:
        ndarray: an array of a supported dtype, without negative strides.

    Raises:
        TypeError: it is no ndarray, or its dtype has no counterpart.
        ValueError: a stride is negative.

    Source: ``torch.from_numpy``.

    Example:
        >>> import numpy
        >>> torch.from_numpy(numpy.array([1.5, 2.5]))
        tensor([1.5000, 2.5000], dtype=torch.float64)
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    dtypes.from_numpy(ndarray.dtype)
    if any(s < 0 for s in ndarray.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative strides are "
            "not supported. (You can probably work around this by making a copy of your array with "
            "array.copy().)"
        )
    if not ndarray.dtype.isnative:
        raise ValueError(
            "given numpy array has byte order different from the native byte order. Use "
            "array.astype(array.dtype.newbyteorder('='))"
        )
    return wrap(ndarray.view(np.ndarray) if type(ndarray) is not np.ndarray else ndarray)


def frombuffer(buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False) -> Any:
    """Return a 1-D tensor on the memory of a buffer.

    Source: ``torch.frombuffer``.

    Example:
        >>> torch.frombuffer(bytearray([1, 2]), dtype=torch.uint8)
        tensor([1, 2], dtype=torch.uint8)
    """
    try:
        array = np.frombuffer(buffer, dtypes.as_dtype(dtype).numpy, count, offset)
    except (ValueError, TypeError) as error:
        raise ValueError(f"frombuffer: {error}") from None
    return _finish(array, requires_grad)


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Any:
    """Return a tensor on the memory of an object that speaks DLPack.

    Source: ``torch.from_dlpack``.

    Example:
        >>> import numpy
        >>> torch.from_dlpack(numpy.arange(2))
        tensor([0, 1])
    """
    Device.check(device)
    array = np.from_dlpack(ext_tensor)
    return wrap(array.copy() if copy else array)


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


# -- from sizes ------------------------------------------------------------------------------------


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
        return into(
            out,
            zeros,
            *args,
            size=size,
            dtype=dtype,
            layout=layout,
            device=device,
            requires_grad=requires_grad,
            pin_memory=pin_memory,
        )
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
        return into(
            out,
            ones,
            *args,
            size=size,
            dtype=dtype,
            layout=layout,
            device=device,
            requires_grad=requires_grad,
            pin_memory=pin_memory,
        )
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
            out,
            empty,
            *args,
            size=size,
            dtype=dtype,
            layout=layout,
            device=device,
            requires_grad=requires_grad,
            pin_memory=pin_memory,
            memory_format=memory_format,
        )
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
        return into(
            out,
            full,
            size,
            fill_value,
            dtype=dtype,
            layout=layout,
            device=device,
            requires_grad=requires_grad,
            pin_memory=pin_memory,
        )
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
        return into(
            out,
            eye,
            n,
            m,
            dtype=dtype,
            layout=layout,
            device=device,
            requires_grad=requires_grad,
            pin_memory=pin_memory,
        )
    Device.check(device)
    if n < 0 or (m is not None and m < 0):
        raise RuntimeError(f"n must be greater or equal to 0, got {n if n < 0 else m}")
    return _finish(np.eye(n, m, dtype=_kind(dtype)), requires_grad)


# -- like another ----------------------------------------------------------------------------------


def _like(input: Any, dtype: Any) -> Any:
    if not isinstance(input, TensorBase):
        raise TypeError(f"argument 'input' must be Tensor, not {type(input).__name__}")
    return input.array.dtype if dtype is None else dtypes.as_dtype(dtype).numpy


def _dense(input: Any, kind: Any) -> Any:
    """Return an empty array whose dimensions lie in memory in the order of ``input``'s."""
    return np.empty_like(input.array, kind, order="K", subok=False)


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


# -- ranges ----------------------------------------------------------------------------------------


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
        return into(
            out,
            arange,
            start,
            end,
            step,
            dtype=dtype,
            layout=layout,
            device=device,
            requires_grad=requires_grad,
            pin_memory=pin_memory,
        )
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
    if kind.kind == "c":
        raise refuse("arange", kind)
    if kind.kind != "f" and int(step):
        # An integer result counts in integers, whatever was given.
        start, end, step = int(start), int(end), int(step)
        integers = True
    count = -(-(end - start) // step) if integers else math.ceil((end - start) / step)
    if kind.kind == "f":
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
        return into(
            out,
            linspace,
            start,
            end,
            steps,
            dtype=dtype,
            layout=layout,
            device=device,
            requires_grad=requires_grad,
            pin_memory=pin_memory,
        )
    Device.check(device)
    _check_steps(steps)
    start, end = _ends("linspace", start, end)
    kind = _range_kind(start, end, dtype)
    if kind.kind in "iu":  # integers lie between integers
        start, end = int(start), int(end)
    values = _evenly(start, end, steps)
    return _finish(values.astype(kind), requires_grad)


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


def _evenly(start: Any, end: Any, steps: int) -> Any:
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
        return into(
            out,
            logspace,
            start,
            end,
            steps,
            base,
            dtype=dtype,
            layout=layout,
            device=device,
            requires_grad=requires_grad,
            pin_memory=pin_memory,
        )
    Device.check(device)
    _check_steps(steps)
    start, end = _ends("logspace", start, end)
    kind = _range_kind(start, end, dtype)
    if kind.kind not in "fc":
        start, end = int(start), int(end)
    values = np.power(base if isinstance(base, complex) else float(base), _evenly(start, end, steps))
    return _finish(values.astype(kind), requires_grad)


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """Return the Vandermonde matrix of a 1-D tensor.

    Example:
        >>> torch.vander(torch.tensor([1, 2]), 3)
        tensor([[1, 1, 1],
                [4, 2, 1]])
    """
    if x.ndim != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    count = int(x.shape[0]) if N is None else N
    if count < 0:
        raise RuntimeError("N must be non-negative.")
    if array_of(x).dtype.kind not in "fc":
        x = wrap(array_of(x).astype(np.int64))
    if count == 0:
        return wrap(np.zeros((x.shape[0], 0), array_of(x).dtype))
    powers = [wrap(np.ones_like(array_of(x)))]
    for _ in range(count - 1):
        powers.append(x * powers[-1])
    return stack(powers if increasing else powers[::-1], 1)


# -- copies ----------------------------------------------------------------------------------------

_clone = op(
    "clone",
    lambda input, *, order: np.array(input, order=order) if order.__class__ is str else in_format(input, order),
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
    if (input.array if isinstance(input, TensorBase) else input).flags.c_contiguous:
        return input
    return _clone(input, order="C")
