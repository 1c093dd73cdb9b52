"""The exponential function for loops that are to vectorise: numba would call the C library for each element."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_hw.kernels.runtime import kernel

__all__ = ["exp32"]

_f4 = np.float32
_LOG2E = _f4(math.log2(math.e))
# The logarithm of 2 in two parts: the high one has few bits, so that its products with small integers are exact.
_LN2_HIGH = _f4(0.693359375)
_LN2_LOW = _f4(math.log(2) - 0.693359375)
# exp(r) = 1 + r + r^2 p(r) for |r| <= log(2) / 2; p by least squares at Chebyshev nodes, weighted for the relative
# error.
_P = tuple(_f4(c) for c in (0.5000000079, 0.1666666616, 0.04166626871, 0.00833343037, 0.001394613443, 0.0001982646))
_P0, _P1, _P2, _P3, _P4, _P5 = _P
_HIGHEST, _LOWEST = _f4(89), _f4(-104)
_HALF, _ONE = _f4(0.5), _f4(1)


@kernel(exact=True)
def exp32(x: Any) -> Any:
    """Return exp(x) in single precision, within 1.1 units in the last place; overflow gives infinity, NaN stays NaN."""
    x = np.float32(x)
    x = _HIGHEST if x > _HIGHEST else x
    x = _LOWEST if x < _LOWEST else x
    k = np.floor(x * _LOG2E + _HALF)
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    p = _P0 + r * (_P1 + r * (_P2 + r * (_P3 + r * (_P4 + r * _P5))))
    y = _ONE + (r + r * r * p)
    # 2^k in two factors, since it may itself overflow or be denormal.
    whole = np.int32(k)
    half = whole >> np.int32(1)
    first = np.int32((half + np.int32(127)) << np.int32(23)).view(np.float32)
    second = np.int32((whole - half + np.int32(127)) << np.int32(23)).view(np.float32)
    return y * first * second
