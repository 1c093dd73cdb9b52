"""Modified Bessel functions of the first kind, of order 0 and 1, in float64 whatever the dtype given.

Up to 30 the power series, whose terms are all positive; beyond, Hankel's asymptotic series, whose terms fall below
1e-20 there before they grow.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["i0", "i0e", "i1", "i1e"]

_BEND = 30.0
_NEAR_TERMS = 70
_FAR_TERMS = 30


def _scaled(x: Any, order: int) -> Any:
    """Return exp(-|x|) I(|x|)."""
    size = np.abs(x)
    near = np.minimum(size, _BEND)
    square = near * near / 4
    total = np.ones_like(near)
    for k in range(_NEAR_TERMS, 0, -1):
        total = 1 + total * square / (k * (k + order))
    small = total * np.exp(-near) * (near / 2 if order else 1.0)
    far = np.maximum(size, _BEND)
    total = np.ones_like(far)
    for k in range(_FAR_TERMS, 0, -1):
        total = 1 - total * (4 * order - (2 * k - 1) ** 2) / (8 * k * far)
    large = total / np.sqrt(2 * math.pi * far)
    return np.where(size <= _BEND, small, large)


def i0e(x: Any) -> Any:
    """Return exp(-|x|) I0(x)."""
    x = np.asarray(x)
    return _scaled(x.astype(np.float64), 0).astype(x.dtype)


def i1e(x: Any) -> Any:
    """Return exp(-|x|) I1(x)."""
    x = np.asarray(x)
    wide = x.astype(np.float64)
    return np.copysign(_scaled(wide, 1), wide).astype(x.dtype)


def i0(x: Any) -> Any:
    """Return I0(x)."""
    x = np.asarray(x)
    wide = x.astype(np.float64)
    return (_scaled(wide, 0) * np.exp(np.abs(wide))).astype(x.dtype)


def i1(x: Any) -> Any:
    """Return I1(x)."""
    x = np.asarray(x)
    wide = x.astype(np.float64)
    return np.copysign(_scaled(wide, 1) * np.exp(np.abs(wide)), wide).astype(x.dtype)
