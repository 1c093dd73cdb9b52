"""``Variable``, which became ``Tensor`` long ago."""

from __future__ import annotations

from typing import Any

from tinygrad_hw.autograd.graph import NAMESPACE

__all__ = ["Variable"]


class _VariableMeta(type):
    def __instancecheck__(cls, other: object) -> bool:
        return isinstance(other, NAMESPACE["T"])


class Variable(metaclass=_VariableMeta):
    """The older name of ``Tensor``: ``Variable(t, requires_grad)`` is a tensor on the memory of ``t``.

    Every tensor is an instance of it.

    Args:
        data: a tensor.
        requires_grad: whether gradients are accumulated into the result (default False).

    Raises:
        TypeError: ``data`` is no tensor.

    Source: ``torch.autograd.Variable``.

    Example:
        >>> torch.autograd.Variable(torch.ones(2), requires_grad=True)
        tensor([1., 1.], requires_grad=True)
        >>> isinstance(torch.ones(1), torch.autograd.Variable)
        True
    """

    def __new__(cls, data: Any = None, requires_grad: bool = False) -> Any:
        """Return a tensor."""
        if data is None:
            return NAMESPACE["T"]([])
        if not isinstance(data, NAMESPACE["T"]):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        return data.detach().requires_grad_(requires_grad)
