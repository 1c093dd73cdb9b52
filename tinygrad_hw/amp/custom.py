"""Decorators of functions with gradients of their own, for programs that use them under ``autocast``."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from tinygrad_hw.amp.autocast import autocast, get_autocast_dtype, is_autocast_enabled
from tinygrad_hw.tensor import Tensor

__all__ = ["custom_bwd", "custom_fwd"]


def _check(device_type: Any) -> None:
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")


def _cast(value: Any, device_type: str, dtype: Any) -> Any:
    """Return a tensor of a floating point dtype other than float64 in another; likewise those in containers."""
    if isinstance(value, Tensor):
        own = value.dtype
        fits = own.is_floating_point and own.itemsize < 8 and value.device.type == device_type
        return value.to(dtype) if fits else value
    if isinstance(value, (str, bytes, np.ndarray)):
        return value
    if isinstance(value, Mapping):
        return {_cast(k, device_type, dtype): _cast(v, device_type, dtype) for k, v in value.items()}
    if isinstance(value, Iterable):
        items = (_cast(v, device_type, dtype) for v in value)
        return type(value)(items) if isinstance(value, (list, tuple)) else items
    return value


def custom_fwd(fwd: Callable[..., Any] | None = None, *, device_type: str, cast_inputs: Any = None) -> Any:
    """Decorate ``forward`` of an ``autograd.Function``.

    Without ``cast_inputs`` it runs as it is, under autocast if that is on, and ``custom_bwd`` will run the backward
    function likewise. With ``cast_inputs``, and autocast on, it gets its tensors in that dtype and runs with autocast
    off. With autocast off nothing is changed.

    Args:
        fwd: the function; without it, a decorator is returned.
        device_type: ``"cpu"``, or another.
        cast_inputs: the dtype for tensors of floating point numbers other than float64.

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

    @functools.wraps(fwd)
    def forward(*args: Any, **kwargs: Any) -> Any:
        ctx = args[0]
        ctx._dtype = get_autocast_dtype(device_type)
        on = is_autocast_enabled(device_type)
        ctx._fwd_used_autocast = on and cast_inputs is None
        if not on or cast_inputs is None:
            return fwd(*args, **kwargs)
        with autocast(device_type, enabled=False):
            return fwd(*_cast(args, device_type, cast_inputs), **_cast(kwargs, device_type, cast_inputs))

    return forward


def custom_bwd(bwd: Callable[..., Any] | None = None, *, device_type: str) -> Any:
    """Decorate ``backward`` of an ``autograd.Function``: it runs with autocast as ``forward`` did; see ``custom_fwd``.

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
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def backward(*args: Any, **kwargs: Any) -> Any:
        ctx = args[0]
        with autocast(device_type, enabled=ctx._fwd_used_autocast, dtype=ctx._dtype):
            return bwd(*args, **kwargs)

    return backward
