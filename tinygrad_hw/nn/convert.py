"""Converting a module's parameters and buffers to another dtype."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.grad_mode import no_grad
from tinygrad_hw.autograd.graph import TensorBase
from tinygrad_hw.device import device as Device
from tinygrad_hw.nn.parameter import is_lazy

__all__ = ["ConvertMethods"]

C = TypeVar("C", bound="ConvertMethods")


class ConvertMethods:
    """The part of :class:`Module` that converts what it holds."""

    if TYPE_CHECKING:
        _parameter_names: dict[str, None]
        _buffer_names: dict[str, None]

        def children(self) -> Iterator[Any]:
            """Yield the direct child modules."""

    def _apply(self: C, fn: Callable[[Any], Any], recurse: bool = True) -> C:
        """Replace parameters, their gradients and buffers by what ``fn`` makes of them."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        for name in tuple(self._parameter_names):
            parameter = getattr(self, name)
            if parameter is None:
                continue
            with no_grad():
                converted = fn(parameter)
            if converted.array is not parameter.array:
                parameter.data = converted
            grad = parameter._grad
            if grad is not None:
                with no_grad():
                    converted = fn(grad)
                if converted.array is not grad.array:
                    grad.data = converted
        for name in tuple(self._buffer_names):
            buffer = getattr(self, name)
            if is_lazy(buffer):
                buffer.array = fn(buffer).array
            elif buffer is not None:
                object.__setattr__(self, name, fn(buffer))
        return self

    def to(self: C, *args: Any, **kwargs: Any) -> C:
        """Convert the floating point parameters and buffers to another dtype, in place.

        Called as ``to(dtype)``, ``to(device, dtype)`` or ``to(tensor)``.

        Args:
            *args: one of these forms by position.
            **kwargs: or by name.
            device: the CPU.
            dtype: float16, float32 or float64; complex64 or complex128, for modules that are made of products.
            tensor: take its dtype.
            non_blocking: accepted and without meaning here.
            memory_format: accepted and without meaning here.

        Raises:
            TypeError: the dtype is not floating point.
            RuntimeError: the device is not the CPU.
        """
        dtype = _parse_to(*args, **kwargs)
        if dtype is None:
            return self
        if dtype.is_complex:
            warnings.warn(
                "Complex modules are a new feature under active development whose design may change, and some modules "
                "might not work as expected when using complex tensors as parameters or buffers.",
                UserWarning,
                stacklevel=2,
            )
        elif not dtype.is_floating_point:
            raise TypeError(
                f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}"
            )
        return self._apply(lambda t: t.to(dtype) if t.is_floating_point() or t.is_complex() else t)

    def type(self: C, dst_type: Any) -> C:
        """Convert all parameters and buffers to ``dst_type``, in place."""
        return self._apply(lambda t: t.type(dst_type))

    def float(self: C) -> C:
        """Convert floating point parameters and buffers to float32, in place."""
        return self._apply(lambda t: t.float() if t.is_floating_point() else t)

    def double(self: C) -> C:
        """Convert floating point parameters and buffers to float64, in place."""
        return self._apply(lambda t: t.double() if t.is_floating_point() else t)

    def half(self: C) -> C:
        """Convert floating point parameters and buffers to float16, in place."""
        return self._apply(lambda t: t.half() if t.is_floating_point() else t)

    def bfloat16(self: C) -> C:
        """Convert floating point parameters and buffers to bfloat16, in place."""
        return self._apply(lambda t: t.bfloat16() if t.is_floating_point() else t)

    def cpu(self: C) -> C:
        """Return the module, which is on the CPU already."""
        return self

    def cuda(self: C, device: Any = None) -> C:
        """Raise: there is only the CPU.

        Raises:
            RuntimeError: always.
        """
        Device("cuda" if device is None else f"cuda:{device}")
        return self

    def to_empty(self: C, *, device: Any, recurse: bool = True) -> C:
        """Give the parameters and buffers fresh memory without copying the values.

        Args:
            device: the CPU.
            recurse: those of the children, too.
        """
        Device.check(device)
        return self._apply(lambda t: t.new_empty(t.shape), recurse=recurse)


def _parse_to(
    *args: Any,
    device: Any = None,
    dtype: Any = None,
    tensor: Any = None,
    non_blocking: bool = False,
    memory_format: Any = None,
) -> dtypes.dtype | None:
    """Return the dtype that the arguments of ``Module.to`` ask for; check the device."""
    given = list(args)
    if given and isinstance(given[0], TensorBase):
        tensor = given.pop(0)
    elif given and not isinstance(given[0], dtypes.dtype):
        device = given.pop(0)
    if given and (given[0] is None or isinstance(given[0], dtypes.dtype)):
        dtype = given.pop(0)
    if len(given) > 1 or (given and not isinstance(given[0], bool)):
        raise TypeError(
            f"to() received an invalid combination of arguments: {args}; expected to(dtype), "
            "to(device, dtype) or to(tensor)"
        )
    if tensor is not None:
        return dtypes.from_numpy(tensor.array.dtype)
    Device.check(device)
    return None if dtype is None else dtypes.as_dtype(dtype)
