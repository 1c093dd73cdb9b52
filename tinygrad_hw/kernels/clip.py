"""The norm, the scaling and the clamping of a list of arrays, each in one call: gradient clipping.

For the 65 arrays of a ResNet-20 numpy's calls and the loop around them take 190 us, these 30.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_hw.kernels.optim import fused_lists
from tinygrad_hw.kernels.runtime import compiled_kernels

__all__ = ["clamp", "clamp_reference", "norm", "norm_reference", "scale", "scale_reference"]

_NDARRAY = id(np.ndarray)
_ONE = {np.dtype(np.float32): np.ones(1, np.float32), np.dtype(np.float64): np.ones(1)}


def norm_reference(arrays: list[Any]) -> float:
    """The definition."""
    return math.sqrt(sum(float(np.square(a, dtype=np.float64).sum()) for a in arrays))


def _taken(arrays: list[Any]) -> Any:
    """Return what kernels need besides the arrays; None if these are not for them."""
    like = _ONE.get(arrays[0].dtype) if arrays and compiled_kernels() and fused_lists() else None
    return None if like is None else (like, 0.1 * sum([a.size for a in arrays]))


def norm(arrays: list[Any]) -> float:
    """Return the square root of the sum of all squares, summed in double precision."""
    taken = _taken(arrays)
    if taken is not None:
        from tinygrad_hw.kernels import clip_fused

        good, total = clip_fused.squares((id(arrays), 0), len(arrays), taken[0], _NDARRAY, work=taken[1])
        if good:
            return math.sqrt(total)
    return norm_reference(arrays)


def scale_reference(arrays: list[Any], factor: Any) -> None:
    """The definition."""
    for a in arrays:
        with np.errstate(over="ignore", invalid="ignore"):
            np.multiply(a, a.dtype.type(factor), out=a)


def scale(arrays: list[Any], factor: Any) -> None:
    """Multiply arrays by a factor in place."""
    taken = _taken(arrays)
    if taken is not None:
        from tinygrad_hw.kernels import clip_fused

        if clip_fused.scale((id(arrays), 0), len(arrays), taken[0], float(factor), _NDARRAY, work=taken[1]):
            return
    scale_reference(arrays, factor)


def clamp_reference(arrays: list[Any], limit: float) -> None:
    """The definition."""
    for a in arrays:
        np.clip(a, a.dtype.type(-limit), a.dtype.type(limit), out=a)


def clamp(arrays: list[Any], limit: float) -> None:
    """Cut all elements to [-limit, limit] in place; NaN stays."""
    taken = _taken(arrays) if limit >= 0 else None
    if taken is not None:
        from tinygrad_hw.kernels import clip_fused

        if clip_fused.clamp((id(arrays), 0), len(arrays), taken[0], float(limit), _NDARRAY, work=taken[1]):
            return
    clamp_reference(arrays, limit)
