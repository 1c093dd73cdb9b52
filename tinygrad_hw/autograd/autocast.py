"""What ``torch.autocast`` changes while it is on: products in a lower precision, losses and a few others in float32.

The lists are PyTorch's for the CPU, so far as the functions are there. Ops are met on their way through the tracer
(see ``tracer.py``); functions that look at dtypes before they reach an op are marked, by
:func:`~tinygrad_hw.autograd.observe.whole` or by :func:`in_float32`. The casts are recorded: parameters get their
gradients in their own dtype.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd import tracer
from tinygrad_hw.autograd.basics import cast
from tinygrad_hw.autograd.graph import TensorBase, mode

__all__ = ["as_float32", "in_float32", "start", "stop"]

F = TypeVar("F", bound=Callable[..., Any])

#: Ops and functions that compute in the lower precision.
_LOWER = frozenset(
    """
    matmul bmm linear linear_without_bias linear_of_many linear_of_many_without_bias conv1d conv2d conv3d
    conv_transpose1d conv_transpose2d conv_transpose3d prelu scaled_dot_product_attention
    """.split()  # noqa: SIM905
)

#: Those that compute in float32 whatever they are given, besides the functions marked by :func:`in_float32`.
_FLOAT32 = frozenset(
    """
    prod cdist grid_sample quantile nanquantile avg_pool3d max_pool3d adaptive_avg_pool3d adaptive_max_pool3d
    polar view_as_complex
    """.split()  # noqa: SIM905
)

#: Blocks that are on, in all threads.
_running = 0


def _to(value: Any, kind: np.dtype[Any]) -> Any:
    """Return a tensor, or the tensors in a list, of a floating point dtype other than float64 in another."""
    if isinstance(value, TensorBase):
        own = value.array.dtype
        return cast(value, dtype=kind) if own.kind in "fV" and own.itemsize < 8 and own != kind else value
    if isinstance(value, (list, tuple)) and any(isinstance(v, TensorBase) for v in value):
        return type(value)(_to(v, kind) for v in value)
    return value


def _kind(name: str) -> np.dtype[Any] | None:
    lower = mode.autocast
    if lower is None:
        return None
    if name in _LOWER:
        kind: np.dtype[Any] = lower.numpy
        return kind
    return dtypes.float32.numpy if name in _FLOAT32 else None


def _tracer(op: Any, args: tuple[Any, ...], params: dict[str, Any], apply: Any) -> Any:
    kind = _kind(op.name)
    return apply(op, args if kind is None else tuple(_to(a, kind) for a in args), params)


def _whole(name: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], inner: Any) -> Any:
    kind = _kind(name)
    if kind is not None:
        args = tuple(_to(a, kind) for a in args)
        kwargs = {k: _to(v, kind) for k, v in kwargs.items()}
    return inner(name, function, args, kwargs)


_tracer.whole = _whole  # type: ignore[attr-defined]


def as_float32(value: Any) -> Any:
    """Return what a function that computes in float32 under autocast gets for an argument; itself without autocast."""
    return value if mode.autocast is None else _to(value, dtypes.float32.numpy)


def in_float32(function: F) -> F:
    """Mark a function that computes in float32 under autocast."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if mode.autocast is None:
            return function(*args, **kwargs)
        args = tuple(as_float32(a) for a in args)
        kwargs = {k: as_float32(v) for k, v in kwargs.items()}
        # Products inside of it are not lowered either.
        lower, mode.autocast = mode.autocast, None
        try:
            return function(*args, **kwargs)
        finally:
            mode.autocast = lower

    return call  # type: ignore[return-value]


def start() -> None:
    """Count a block that is entered."""
    global _running
    _running += 1
    tracer.add_tracer(_tracer)


def stop() -> None:
    """Count a block that is left."""
    global _running
    _running -= 1
    if not _running:
        tracer.remove_tracer(_tracer)
