"""Methods of Tensor: other dtypes, copies, new tensors like this one."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd import narrow
from tinygrad_hw.autograd.basics import cast, copy_into
from tinygrad_hw.autograd.complex import is_complex
from tinygrad_hw.autograd.graph import TensorBase, count_write, mode, wrap
from tinygrad_hw.autograd.inplace import apply_inplace, check_inplace, write
from tinygrad_hw.autograd.observe import announce_write, whole
from tinygrad_hw.device import device as Device
from tinygrad_hw.dtypes import dtype as DType
from tinygrad_hw.layout import preserve_format
from tinygrad_hw.ops import broadcasting, conversion, creation, from_data

if TYPE_CHECKING:
    from tinygrad_hw.tensor import Tensor

__all__ = ["ConversionMethods"]


@whole
def _integers(input: Any, dtype: Any) -> Any:
    """Return a tensor of a dtype without gradients, or from one."""
    array = input.array
    if dtype.kind == "b":
        return wrap(narrow.wide(array).astype(dtype))
    return wrap(dtypes.convert(array, dtype))


def _converted(tensor: Any, target: DType, copy: bool = False, memory_format: Any = None) -> Any:
    kind = target.numpy
    own = tensor.array.dtype
    if memory_format is not None and memory_format is not preserve_format:
        done = _converted(tensor, target)
        if copy and done is tensor:
            return conversion.clone(done, memory_format=memory_format)
        return conversion.contiguous(done, memory_format)
    if own == kind:
        return conversion.clone(tensor) if copy else tensor
    if is_complex(tensor) and not target.is_complex and kind.kind != "b":
        warnings.warn("Casting complex values to real discards the imaginary part", UserWarning, stacklevel=3)
    if own.kind in "fcVW" and kind.kind in "fcVW":
        return cast(tensor, dtype=kind)
    return _integers(tensor, kind)


class ConversionMethods(TensorBase):
    """Mixin of Tensor; see the package's docstring."""

    __slots__ = ()

    def to(self, *args: Any, **kwargs: Any) -> Tensor:
        """Return the tensor with another dtype; itself if it has that already.

        ``to(dtype)``, ``to(device)``, ``to(device, dtype)``, ``to(other)``, each with ``non_blocking`` and
        ``copy``.

        Raises:
            RuntimeError: another device than the CPU was asked for.

        Example:
            >>> torch.ones(1).to(torch.float64)
            tensor([1.], dtype=torch.float64)
        """
        copy = bool(kwargs.pop("copy", False))
        kwargs.pop("non_blocking", None)
        memory_format = kwargs.pop("memory_format", None)
        target = kwargs.pop("dtype", None)
        device = kwargs.pop("device", None)
        other = kwargs.pop("other", None)
        if kwargs:
            raise TypeError(f"to() got an unexpected keyword argument {next(iter(kwargs))!r}")
        flags: list[bool] = []
        for a in args:
            if isinstance(a, TensorBase):
                other = a
            elif isinstance(a, (str, Device)) and not _names_dtype(a):
                device = a
            elif isinstance(a, bool):
                flags.append(a)
            elif a is not None:
                target = a
        if len(flags) > 1:
            copy = flags[1]
        Device.check(device)
        if other is not None:
            target = dtypes.from_numpy(other.array.dtype)
        wanted = dtypes.from_numpy(self.array.dtype) if target is None else dtypes.as_dtype(target)
        return _converted(self, wanted, copy, memory_format)

    def type(self, dtype: Any = None, non_blocking: bool = False) -> Any:
        """Return the name of the tensor's type, or the tensor converted to another."""
        if dtype is None:
            return f"torch.{dtypes.LEGACY_NAMES[self.array.dtype.name]}Tensor"
        if isinstance(dtype, str):
            names = {f"torch.{v}Tensor": k for k, v in dtypes.LEGACY_NAMES.items()}
            if dtype not in names:
                raise ValueError(f"invalid type: {dtype!r}")
            dtype = names[dtype]
        return _converted(self, dtypes.as_dtype(dtype))

    def type_as(self, other: Any) -> Tensor:
        """Return the tensor with the dtype of another."""
        return _converted(self, dtypes.from_numpy(other.array.dtype))

    def float(self, memory_format: Any = None) -> Tensor:
        """Return the tensor as float32."""
        return _converted(self, dtypes.float32, False, memory_format)

    def double(self, memory_format: Any = None) -> Tensor:
        """Return the tensor as float64."""
        return _converted(self, dtypes.float64, False, memory_format)

    def half(self, memory_format: Any = None) -> Tensor:
        """Return the tensor as float16."""
        return _converted(self, dtypes.float16, False, memory_format)

    def bfloat16(self, memory_format: Any = None) -> Tensor:
        """Return the tensor as bfloat16."""
        return _converted(self, dtypes.bfloat16, False, memory_format)

    def cfloat(self, memory_format: Any = None) -> Tensor:
        """Return the tensor as complex64."""
        return _converted(self, dtypes.complex64, False, memory_format)

    def cdouble(self, memory_format: Any = None) -> Tensor:
        """Return the tensor as complex128."""
        return _converted(self, dtypes.complex128, False, memory_format)

    def chalf(self, memory_format: Any = None) -> Tensor:
        """Return the tensor as complex32."""
        return _converted(self, dtypes.complex32, False, memory_format)

    def long(self, memory_format: Any = None) -> Tensor:
        """Return the tensor as int64."""
        return _converted(self, dtypes.int64, False, memory_format)

    def int(self, memory_format: Any = None) -> Tensor:
        """Return the tensor as int32."""
        return _converted(self, dtypes.int32, False, memory_format)

    def short(self, memory_format: Any = None) -> Tensor:
        """Return the tensor as int16."""
        return _converted(self, dtypes.int16, False, memory_format)

    def char(self, memory_format: Any = None) -> Tensor:
        """Return the tensor as int8."""
        return _converted(self, dtypes.int8, False, memory_format)

    def byte(self, memory_format: Any = None) -> Tensor:
        """Return the tensor as uint8."""
        return _converted(self, dtypes.uint8, False, memory_format)

    def bool(self, memory_format: Any = None) -> Tensor:
        """Return the tensor as bool: which elements are not zero."""
        return _converted(self, dtypes.bool, False, memory_format)

    def cpu(self, memory_format: Any = None) -> Tensor:
        """Return the tensor itself."""
        return self  # type: ignore[return-value]

    def cuda(self, device: Any = None, non_blocking: Any = False, memory_format: Any = None) -> Tensor:
        """Raise: there is only the CPU."""
        Device("cuda")
        raise AssertionError

    def pin_memory(self) -> Tensor:
        """Return the tensor itself: there is no other memory to pin for."""
        return self  # type: ignore[return-value]

    def share_memory_(self) -> Tensor:
        """Return the tensor itself; memory is not shared between processes."""
        return self  # type: ignore[return-value]

    def contiguous(self, memory_format: Any = None) -> Tensor:
        """Return the tensor itself if it is contiguous in memory, else a contiguous copy."""
        return conversion.contiguous(self, memory_format)

    def clone(self, *, memory_format: Any = None) -> Tensor:
        """Return a copy; gradients flow through it."""
        return conversion.clone(self, memory_format=memory_format)

    # -- writing ----------------------------------------------------------------------------------

    def copy_(self, src: Any, non_blocking: Any = False) -> Tensor:
        """Write the elements of ``src``, broadcast and converted to this tensor's dtype.

        Raises:
            RuntimeError: the shapes do not fit.
        """
        check_inplace(self, "copy_")
        if not isinstance(src, TensorBase):
            raise TypeError(f"copy_(): argument 'other' must be Tensor, not {type(src).__name__}")
        own = self.array.dtype
        if src.array.dtype != own:
            src = _converted(src, dtypes.from_numpy(own))
        if src.array.shape != self.array.shape:
            src = broadcasting.expand(src, self.array.shape)
        return write(self, copy_into(self, src), "copy_")

    def fill_(self, value: Any) -> Tensor:
        """Write one value, a number or a 0-d tensor, everywhere."""
        check_inplace(self, "fill_", overlap=not isinstance(value, TensorBase))
        if isinstance(value, TensorBase):
            if value.array.ndim:
                raise RuntimeError(
                    f"fill_ only supports 0-dimension value tensor but got tensor with {value.array.ndim} dimensions."
                )
            return self.copy_(broadcasting.expand(value, self.array.shape))
        value = creation.scalar_for(value, self.array.dtype)
        if not mode.enabled or (self._node is None and self._base is None):
            announce_write(self, value)
            self.array[...] = value
            count_write(self)
            return self  # type: ignore[return-value]
        filled = wrap(np.full(self.array.shape, value, self.array.dtype))
        return write(self, copy_into(self, filled), "fill_")

    def zero_(self) -> Tensor:
        """Write zeros everywhere."""
        return self.fill_(0)

    def fill_diagonal_(self, fill_value: Any, wrap: Any = False) -> Tensor:
        """Write one value on the main diagonal."""
        if self.array.ndim < 2:
            raise RuntimeError("dimensions must larger than 1")
        if self.array.ndim > 2 and len(set(self.array.shape)) > 1:
            raise RuntimeError("all dimensions of input must be of equal length")

        def filled(t: Any) -> Any:
            mask = np.zeros(t.array.shape, np.bool_)
            np.fill_diagonal(mask, True, wrap)
            return t.masked_fill(_as_tensor(mask), fill_value)

        return apply_inplace(filled, "fill_diagonal_", self)

    # -- new tensors ------------------------------------------------------------------------------

    def _own(self, dtype: Any) -> Any:
        return dtypes.from_numpy(self.array.dtype) if dtype is None else dtype

    def new_tensor(self, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: Any = False) -> Tensor:
        """Return ``data`` as a new tensor of this one's dtype."""
        return from_data.tensor(data, dtype=self._own(dtype), device=device, requires_grad=requires_grad)

    def new_zeros(
        self,
        *size: Any,
        dtype: Any = None,
        device: Any = None,
        requires_grad: Any = False,
        **_: Any,
    ) -> Tensor:
        """Return zeros of this tensor's dtype."""
        return creation.zeros(*size, dtype=self._own(dtype), device=device, requires_grad=requires_grad)

    def new_ones(
        self,
        *size: Any,
        dtype: Any = None,
        device: Any = None,
        requires_grad: Any = False,
        **_: Any,
    ) -> Tensor:
        """Return ones of this tensor's dtype."""
        return creation.ones(*size, dtype=self._own(dtype), device=device, requires_grad=requires_grad)

    def new_empty(
        self,
        *size: Any,
        dtype: Any = None,
        device: Any = None,
        requires_grad: Any = False,
        **_: Any,
    ) -> Tensor:
        """Return an uninitialised tensor of this one's dtype."""
        return creation.empty(*size, dtype=self._own(dtype), device=device, requires_grad=requires_grad)

    def new_empty_strided(
        self,
        size: Any,
        stride: Any,
        dtype: Any = None,
        layout: Any = None,
        device: Any = None,
        pin_memory: Any = False,
        requires_grad: Any = False,
    ) -> Tensor:
        """Return an uninitialised tensor of this one's dtype with given strides."""
        return creation.empty_strided(size, stride, dtype=self._own(dtype), device=device, requires_grad=requires_grad)

    def new_full(
        self,
        size: Any,
        fill_value: Any,
        *,
        dtype: Any = None,
        device: Any = None,
        requires_grad: Any = False,
        **_: Any,
    ) -> Tensor:
        """Return a tensor of this one's dtype filled with one value."""
        return creation.full(size, fill_value, dtype=self._own(dtype), device=device, requires_grad=requires_grad)


def _as_tensor(array: Any) -> Any:
    return wrap(array)


def _names_dtype(value: Any) -> bool:
    return isinstance(value, str) and value in dtypes.by_name()
