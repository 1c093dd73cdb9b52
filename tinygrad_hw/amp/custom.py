"""Decorators of functions with gradients of their own, for programs that use them under ``autocast``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

__all__ = ["custom_bwd", "custom_fwd"]


def _check(device_type: Any) -> None:
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")


def custom_fwd(fwd: Callable[..., Any] | None = None, *, device_type: str, cast_inputs: Any = None) -> Any:
    """Decorate ``forward`` of an ``autograd.Function``.

    ``autocast`` changes no dtypes here, so there are none to change back, and the function stays as it is.

    Args:
        fwd: the function; without it, a decorator is returned.
        device_type: ``"cpu"``, or another.
        cast_inputs: accepted; takes effect only where autocast does.

    Raises:
        ValueError: ``device_type`` is no string.

    Source: ``torch.amp.custom_fwd``.

    Example:
        >>> class Double(torch.autograd.Function):
        ...     @staticmethod
        ...     @torch.amp.custom_fwd(device_type="cpu")
        ...     def forward(ctx, x):
        ...         return x * 2
        ...
        ...     @staticmethod
        ...     @torch.amp.custom_bwd(device_type="cpu")
        ...     def backward(ctx, grad):
        ...         return grad * 2
        >>> Double.apply(torch.ones(1))
        tensor([2.])
    """
    _check(device_type)
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)
    return fwd


def custom_bwd(bwd: Callable[..., Any] | None = None, *, device_type: str) -> Any:
    """Decorate ``backward`` of an ``autograd.Function``; see ``custom_fwd``.

    Args:
        bwd: the function; without it, a decorator is returned.
        device_type: ``"cpu"``, or another.

    Raises:
        ValueError: ``device_type`` is no string.

    Source: ``torch.amp.custom_bwd``.

    Example:
        >>> torch.amp.custom_bwd(abs, device_type="cpu").__name__
        'abs'
    """
    _check(device_type)
    return functools.partial(custom_bwd, device_type=device_type) if bwd is None else bwd
