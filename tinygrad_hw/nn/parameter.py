"""Tensors that a module registers when they are assigned to one of its attributes."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.graph import TensorBase, edge_of, wrap
from tinygrad_hw.ops import conversion
from tinygrad_hw.tensor import Tensor

__all__ = ["Buffer", "Parameter", "UninitializedBuffer", "UninitializedParameter", "is_lazy"]


def _adopt(cls: type[Any], data: Any) -> Any:
    """Return a leaf of type ``cls`` on the memory of ``data``."""
    if data is None:
        return wrap(np.empty(0, dtypes.get_default_dtype().numpy), cls)
    if not isinstance(data, TensorBase):
        raise TypeError(
            f"{cls.__name__}() takes a Tensor, not {type(data).__name__}; make one with torch.tensor(...) first"
        )
    t = wrap(data.array, cls)
    t._version_cell = data._version_cell
    return t


class Parameter(Tensor):
    """A tensor that a :class:`Module` trains.

    Assigned to an attribute of one, it appears in ``parameters()``. It shares the memory of
    ``data`` and is a leaf. Unlike other tensors it takes any attribute (``p.decay = False``).
    ``no_grad()`` does not change ``requires_grad``.

    Args:
        data: the initial values; an empty tensor if left out.
        requires_grad: whether gradients accumulate into it.

    Raises:
        TypeError: ``data`` is no tensor.
        RuntimeError: ``data`` is not floating point, or an inference tensor, but requires_grad is True.

    Source: ``torch.nn.Parameter``.

    Example:
        >>> torch.nn.Parameter(torch.zeros(2))
        Parameter containing:
        tensor([0., 0.], requires_grad=True)
    """

    _repr_name = "tensor"

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Any:
        """Make a leaf on the memory of ``data``."""
        t = _adopt(cls, data)
        if requires_grad:
            if t.array.dtype.kind not in "fcVW":
                raise RuntimeError(
                    "Only Tensors of floating point and complex dtype can require gradients; this "
                    f"one is {t.dtype}. Convert it with .float(), or pass requires_grad=False"
                )
            t.requires_grad_()
        return t

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        if id(self) in memo:
            return memo[id(self)]
        copied = wrap(conversion.copy_in_layout(self.array))
        twin: Parameter = type(self)(copied, self.requires_grad)
        memo[id(self)] = twin
        return twin

    def __repr__(self) -> str:  # type: ignore[override]
        return "Parameter containing:\n" + super().__repr__()


class Buffer(Tensor):
    """A tensor that is part of a :class:`Module`'s state but is not trained.

    Assigned to an attribute, it appears in ``buffers()`` and, if persistent, in ``state_dict()``.
    Equal to ``module.register_buffer(name, data, persistent)``.

    Args:
        data: the values; an empty tensor if left out.
        persistent: whether the buffer is part of the module's ``state_dict``.

    Raises:
        TypeError: ``data`` is no tensor.

    Source: ``torch.nn.Buffer``.

    Example:
        >>> torch.nn.Buffer(torch.zeros(2))
        tensor([0., 0.])
    """

    _repr_name = "tensor"
    persistent: bool

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Any:
        """Make a tensor on the memory of ``data``."""
        t = _adopt(cls, data)
        t._requires_grad = data is not None and edge_of(data) is not None
        t.persistent = persistent
        return t


class _Uninitialized:
    """What parameters and buffers without a shape have in common: nearly everything about them is an error."""

    cls_to_become: type[Tensor]

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Take a shape; the values are arbitrary at first.

        Args:
            shape: sizes.
            device: the CPU.
            dtype: another one, or None.
        """
        t: Any = self
        kind = t.array.dtype if dtype is None else dtypes.as_dtype(dtype).numpy
        t.array = np.empty(tuple(shape), kind)
        t.__class__ = self.cls_to_become

    @property
    def shape(self) -> Any:
        """Raises: there is none yet."""
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in "
            "`load_state_dict` when trying to load an uninitialized parameter into an initialized one. Call `forward` "
            "to initialize the parameters before accessing their attributes."
        )

    def detach(self) -> Any:
        """Return itself: there are no values yet."""
        return self

    def share_memory_(self) -> Any:
        """Raises: there is no memory yet."""
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to initialize the parameters "
            "before calling `module.share_memory()`."
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class UninitializedParameter(_Uninitialized, Parameter):  # type: ignore[misc]
    """A parameter whose shape is known only when its module first sees an input.

    Args:
        requires_grad: whether gradients will accumulate into it.
        device: the CPU.
        dtype: the default dtype if None.

    Source: ``torch.nn.parameter.UninitializedParameter``.

    Example:
        >>> p = torch.nn.UninitializedParameter()
        >>> p.materialize((2, 3))
        >>> p.shape
        torch.Size([2, 3])
    """

    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Any:
        """Make an empty leaf."""
        kind = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
        t = wrap(np.empty(0, kind.numpy), cls)
        t._requires_grad = requires_grad
        return t

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.requires_grad, None, self.dtype)
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> Any:
        return type(self), (self.requires_grad, None, self.dtype)


class UninitializedBuffer(_Uninitialized, Buffer):  # type: ignore[misc]
    """A buffer whose shape is known only when its module first sees an input.

    Args:
        requires_grad: False.
        device: the CPU.
        dtype: the default dtype if None.
        persistent: whether the buffer is part of the module's ``state_dict``.

    Source: ``torch.nn.parameter.UninitializedBuffer``.

    Example:
        >>> torch.nn.UninitializedBuffer()
        <UninitializedBuffer>
    """

    cls_to_become = Buffer

    def __new__(
        cls, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True
    ) -> Any:
        """Make an empty tensor."""
        kind = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
        t = wrap(np.empty(0, kind.numpy), cls)
        t._requires_grad = requires_grad
        t.persistent = persistent
        return t

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.requires_grad, None, self.dtype, self.persistent)
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> Any:
        return type(self), (self.requires_grad, None, self.dtype, self.persistent)


def is_lazy(param: Any) -> bool:
    """Return whether a parameter or buffer has no shape yet."""
    return isinstance(param, _Uninitialized)
