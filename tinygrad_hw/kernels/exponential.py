"""exp and what is made of it, for loops that are to vectorise: numba would call the C library for each element.

Those called ``..._of`` take ``single``, a constant where they are compiled: single precision has the polynomials below,
double precision the C library.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_hw.kernels.runtime import kernel

__all__ = [
    "exp32",
    "exp32_falling",
    "exp_falling_of",
    "exp_of",
    "expm1_of",
    "half_erfc",
    "log1p_of",
    "sigmoid_of",
    "tanh_of",
]

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
_ZERO, _HALF, _ONE, _TWO = _f4(0), _f4(0.5), _f4(1), _f4(2)
_ROUNDING, _SMALLEST = _f4(3 * 2**22), _f4(-87.3)
# log(1 + e) = 2 artanh(s) with s = e / (2 + e); artanh(s) = s + s^3 q(s^2) for s <= 1/3, q fitted likewise.
_Q0, _Q1, _Q2, _Q3 = (_f4(c) for c in (0.3333320524, 0.2001089533, 0.1399908804, 0.1401381361))
# erfc(z) = exp(-z^2) t c(t) with t = 1 / (1 + 0.3 z) for z >= 0, within 3e-8 of itself.
_C = (
    0.1691773372, 0.1708844098, 0.1472054775, 0.21912251, -0.1040486479, 0.5607810238, -0.5232991533, 0.4907356064,
    -0.1305585871,
)  # fmt: skip
_C0, _C1, _C2, _C3, _C4, _C5, _C6, _C7, _C8 = (_f4(c / 2) for c in _C)
_SLOPE = _f4(0.3)
# tanh(x) = x + x^3 t(x^2) for |x| <= 0.625, where 1 - 2 / (exp(2x) + 1) would lose digits; t fitted likewise.
_T0, _T1, _T2, _T3, _T4 = (
    _f4(c) for c in (-0.3333328522, 0.1333151266, -0.05374465777, 0.02065312415, -0.005718962195)
)
_SMALL = _f4(0.625)


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


@kernel(exact=True)
def exp32_falling(x: Any) -> Any:
    """Return exp(x) in single precision for x <= 0 or NaN, 0 where it is denormal: two thirds of the operations."""
    x = np.float32(x)
    # The sum is rounded to a whole number, which stands in the last bits of its mantissa.
    t = x * _LOG2E + _ROUNDING
    k = t - _ROUNDING
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    p = _P0 + r * (_P1 + r * (_P2 + r * (_P3 + r * (_P4 + r * _P5))))
    y = _ONE + (r + r * r * p)
    power = np.int32((np.float32(t).view(np.int32) + np.int32(127)) << np.int32(23)).view(np.float32)
    return _ZERO if x < _SMALLEST else y * power


@kernel(exact=True)
def exp_falling_of(x: Any, single: bool) -> Any:
    """Return exp(x) for x <= 0 or NaN."""
    return exp32_falling(x) if single else math.exp(x)


@kernel(exact=True)
def exp_of(x: Any, single: bool) -> Any:
    """Return exp(x)."""
    return exp32(x) if single else math.exp(x)


@kernel(exact=True)
def expm1_of(x: Any, single: bool) -> Any:
    """Return exp(x) - 1 for x <= 0, exact near 0."""
    if not single:
        return math.expm1(x)
    x = np.float32(x)
    x = _LOWEST if x < _LOWEST else x
    k = np.floor(x * _LOG2E + _HALF)
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    p = _P0 + r * (_P1 + r * (_P2 + r * (_P3 + r * (_P4 + r * _P5))))
    y = r + r * r * p
    k = np.float32(-126) if k < np.float32(-126) else k
    power = np.int32((np.int32(k) + np.int32(127)) << np.int32(23)).view(np.float32)
    return power * y + (power - _ONE)


@kernel(exact=True)
def log1p_of(x: Any, single: bool) -> Any:
    """Return log(1 + x) for x from 0 to 1."""
    if not single:
        return math.log1p(x)
    x = np.float32(x)
    s = x / (_TWO + x)
    u = s * s
    s = s + s
    return s + s * u * (_Q0 + u * (_Q1 + u * (_Q2 + u * _Q3)))


@kernel(exact=True)
def sigmoid_of(x: Any, single: bool) -> Any:
    """Return 1 / (1 + exp(-x))."""
    if not single:
        return _ONE / (_ONE + math.exp(-x))
    # Of two forms the one whose exponential falls, which is cheaper.
    x = np.float32(x)
    e = exp32_falling(-abs(x))
    return (e if x < _ZERO else _ONE) / (_ONE + e)


@kernel(exact=True)
def half_erfc(z: Any, power: Any, single: bool) -> Any:
    """Return erfc(z) / 2 for z >= 0 and ``power`` = exp(-z^2)."""
    if not single:
        return _HALF * math.erfc(z)
    z = np.float32(z)
    t = _ONE / (_ONE + z * _SLOPE)
    c = _C0 + t * (_C1 + t * (_C2 + t * (_C3 + t * (_C4 + t * (_C5 + t * (_C6 + t * (_C7 + t * _C8)))))))
    return np.float32(power) * (t * c)


@kernel(exact=True)
def tanh_of(x: Any, single: bool) -> Any:
    """Return tanh(x); in single precision within 2 units in the last place."""
    if not single:
        return math.tanh(x)
    x = np.float32(x)
    z = x * x
    near = x + x * (z * (_T0 + z * (_T1 + z * (_T2 + z * (_T3 + z * _T4)))))
    e = exp32_falling(-_TWO * abs(x))
    far = (_ONE - e) / (_ONE + e)
    far = -far if x < _ZERO else far
    return near if abs(x) < _SMALL else far
