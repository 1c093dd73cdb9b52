"""New tensors from data: nested lists, numbers, arrays, buffers."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.graph import TensorBase, array_of, wrap
from tinygrad_hw.device import device as Device
from tinygrad_hw.ops.creation import _finish

__all__ = [
    "as_tensor",
    "asarray",
    "from_dlpack",
    "from_numpy",
    "frombuffer",
    "tensor",
    "to_dlpack",
]


def _shape_of(data: Any) -> tuple[int, ...]:
    """Return the shape of nested sequences, checked."""
    if isinstance(data, (list, tuple)) or (
        hasattr(data, "__len__")
        and hasattr(data, "__getitem__")
        and not isinstance(data, (str, bytes, TensorBase, np.ndarray, dict))
    ):
        n = len(data)
        return (n, *_shape_of(data[0])) if n else (0,)
    if isinstance(data, TensorBase):
        _check_one(data)
        return ()
    if isinstance(data, np.ndarray):
        return tuple(data.shape)
    return ()


def _check_one(data: TensorBase) -> None:
    if data.array.size != 1:
        raise ValueError(
            "only one element tensors can be converted to Python scalars: a list holds one of shape "
            f"{list(data.array.shape)}. Use torch.stack() or torch.cat() to join tensors"
        )


def _check_shape(data: Any, shape: tuple[int, ...], depth: int) -> None:
    if isinstance(data, TensorBase):
        _check_one(data)
    if depth == len(shape):
        if isinstance(data, (list, tuple)):
            raise TypeError(f"not a sequence expected at dim {depth}, got {type(data).__name__}")
        return
    if isinstance(data, np.ndarray):
        if data.shape != shape[depth:]:
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
        return data.array.reshape(())
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
        if target.numpy.kind not in "iu":
            raise RuntimeError(f"value cannot be converted to type {target.name} without overflow: {error}") from None
        numbers = [dtypes.fitting(int(v), target.numpy) for v in np.array(plain, object).reshape(-1)]
        return np.array(numbers, target.numpy).reshape(shape)


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
        same = isinstance(obj, (TensorBase, np.ndarray)) and np.shares_memory(t.array, array_of(obj))
        if copy is False and not same and t.array.size:
            raise ValueError("can't alias the given object without a copy; leave out copy=False")
        if isinstance(obj, TensorBase) and t is obj:
            t = wrap(obj.array)
            t._version_cell = obj._version_cell
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


class _Capsule:
    """A capsule of the older interface, as an object that numpy takes."""

    def __init__(self, capsule: Any) -> None:
        self.capsule = capsule

    def __dlpack__(self, **_: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0


class _Writable:
    """The memory of an array that numpy takes for read-only, since an older capsule does not say that it is not."""

    def __init__(self, array: Any) -> None:
        self.array = array
        self.__array_interface__ = {**array.__array_interface__, "data": (array.ctypes.data, False)}


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Any:
    """Return a tensor on the memory of an object that speaks DLPack.

    Args:
        ext_tensor: an object with ``__dlpack__``, or a capsule that ``to_dlpack`` made, which can be used once.
        device: only the CPU.
        copy: True for a copy of the memory.

    Raises:
        RuntimeError: something else, or a capsule that was used.

    Source: ``torch.from_dlpack``.

    Example:
        >>> import numpy
        >>> torch.from_dlpack(numpy.arange(2))
        tensor([0, 1])
    """
    Device.check(device)
    if not hasattr(ext_tensor, "__dlpack__"):
        if type(ext_tensor).__name__ != "PyCapsule" or '"dltensor"' not in repr(ext_tensor):
            raise RuntimeError(
                "from_dlpack received an invalid capsule. Note that DLTensor capsules can be consumed only once, so "
                "you might have already constructed a tensor from it once."
            )
        array = np.asarray(_Writable(np.from_dlpack(_Capsule(ext_tensor))))
    else:
        array = np.from_dlpack(ext_tensor)
    return wrap(array.copy() if copy else array)


def to_dlpack(tensor: Any) -> Any:
    """Return a DLPack capsule on a tensor's memory, for libraries that do not ask the tensor itself.

    Raises:
        TypeError: no tensor is given.
        BufferError: the tensor requires grad.

    Source: ``torch.to_dlpack``.

    Example:
        >>> torch.from_dlpack(torch.to_dlpack(torch.arange(3)))
        tensor([0, 1, 2])
    """
    if not isinstance(tensor, TensorBase):
        raise TypeError(f"to_dlpack(): argument 'tensor' (position 1) must be Tensor, not {type(tensor).__name__}")
    return tensor.__dlpack__()  # type: ignore[attr-defined]
