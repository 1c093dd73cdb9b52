"""Box-Muller on blocks of 16 uniforms, rounded as PyTorch's vector code rounds it.

A block holds 8 uniforms for the radius and 8 for the angle: ``r = sqrt(-2 log(1 - u))``, then ``r
cos(2 pi v)`` fills the first half and ``r sin(2 pi v)`` the second. In float32, log, sin and cos
are the Cephes polynomials (Moshier), evaluated in the order of PyTorch's AVX2 code with a fused
multiply-add wherever its compiler puts one. A float64 product holds two float32 factors exactly, so
``a * b + c`` in float64, rounded, stands for the fused operation (a second rounding shows about
once in 2**29 times). In float64, log, sin and cos are the C library's.

``random_jit`` holds the same arithmetic as compiled loops.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np

__all__ = ["fma64", "normal_blocks32", "normal_blocks64", "normal_pairs"]

Array: TypeAlias = "np.ndarray[Any, Any]"

_f4 = np.float32
_f8 = np.float64

LOG_POLY = (
    7.0376836292e-2,
    -1.1514610310e-1,
    1.1676998740e-1,
    -1.2420140846e-1,
    1.4249322787e-1,
    -1.6668057665e-1,
    2.0000714765e-1,
    -2.4999993993e-1,
    3.3333331174e-1,
)
LN2_LOW, LN2_HIGH = -2.12194440e-4, 0.693359375
SQRT_HALF = 0.707106781186547524
FOUR_OVER_PI = 1.27323954473516
PI_OVER_4_PARTS = (-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8)
COS_POLY = (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
SIN_POLY = (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)

_CHUNK = 16384  # elements whose temporaries stay in the L2 cache


def _round(*constants: float) -> tuple[float, ...]:
    """Return the constants as float32 holds them, as Python floats."""
    return tuple(float(_f4(c)) for c in constants)


_LOG = _round(*LOG_POLY)
_LN2_LOW, _LN2_HIGH, _SQRT_HALF = _round(LN2_LOW, LN2_HIGH, SQRT_HALF)
_PI4 = _round(*PI_OVER_4_PARTS)
_COS, _SIN = _round(*COS_POLY), _round(*SIN_POLY)
_POLY = np.array([_COS, _SIN])[..., None]  # both polynomials run in one pass over a (2, n) array


def _fma(a: Any, b: Any, c: Any) -> Array:
    """Return ``a * b + c`` rounded once to float32, kept in float64."""
    return np.asarray((a * b + c).astype(_f4), _f8)


def _mul(a: Any, b: Any) -> Array:
    """Return ``a * b`` rounded to float32, kept in float64."""
    return np.asarray((a * b).astype(_f4), _f8)


def _log32(x: Array) -> Array:
    """Return the float32 natural logarithm of positive, normal ``x``."""
    mantissa, exponent = np.frexp(x)
    low = mantissa < _SQRT_HALF
    e = (exponent - low).astype(_f8)
    x = np.where(low, mantissa + mantissa, mantissa) - 1.0
    z = _mul(x, x)
    y = _fma(x, _LOG[0], _LOG[1])
    for c in _LOG[2:]:
        y = _fma(y, x, c)
    y = _fma(_mul(y, x), z, _mul(e, _LN2_LOW))
    y = _fma(z, -0.5, y)
    return _fma(e, _LN2_HIGH, (x + y).astype(_f4).astype(_f8))


def _cos_sin32(x: Array) -> tuple[Array, Array]:
    """Return float32 cosine and sine of non-negative ``x``."""
    octant = ((x * float(_f4(FOUR_OVER_PI))).astype(_f4).astype(np.int32) + 1) & ~1
    y = octant.astype(_f8)
    for part in _PI4:
        x = _fma(y, part, x)
    z = _mul(x, x)
    both = _fma(z, _POLY[:, 0], _POLY[:, 1])
    both = _mul(_fma(both, z, _POLY[:, 2]), z)
    cos = _fma(both[0], z, -0.5 * z)
    cos = (cos + 1.0).astype(_f4).astype(_f8)
    sin = _fma(both[1], x, x)
    swap = (octant & 2) != 0
    c = np.where(swap, sin, cos) * (1 - ((octant + 2 & 4) >> 1))
    s = np.where(swap, cos, sin) * (1 - ((octant & 4) >> 1))
    return c, s


def normal_blocks32(uniforms: Array, mean: float, std: float) -> Array:
    """Turn float32 uniforms, a multiple of 16 of them, into a new array of float32 normals."""
    out = np.empty(uniforms.size, _f4)
    mean, std = _round(mean, std)
    two_pi = float(_f4(2.0 * math.pi))
    for start in range(0, uniforms.size, _CHUNK):
        u = uniforms[start : start + _CHUNK].reshape(-1, 2, 8).astype(_f8)
        log = _log32(1.0 - u[:, 0].ravel())
        r = np.sqrt((-2.0 * log).astype(_f4)).astype(_f8)
        c, s = _cos_sin32(_mul(u[:, 1].ravel(), two_pi))
        part = out[start : start + _CHUNK].reshape(-1, 2, 8)
        part[:, 0] = (_mul(r, c) * std + mean).reshape(-1, 8)
        part[:, 1] = (_mul(r, s) * std + mean).reshape(-1, 8)
    return out


def fma64(a: Any, b: float, c: float) -> Any:
    """Return ``a * b + c`` rounded once to float64 (Dekker's product, Knuth's sum)."""
    if b == 1.0 and c == 0.0:
        return a + 0.0  # -0.0 + 0.0 is 0.0 in the fused form too
    if abs(b) > 1e300 or abs(c) > 1e300 or b == 0.0:  # where splitting would overflow
        return a * b + c
    p = a * b
    split = 134217729.0  # 2**27 + 1
    t = split * a
    a1 = t - (t - a)
    a2 = a - a1
    t = split * b
    b1 = t - (t - b)
    b2 = b - b1
    e = ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2
    s = p + c
    v = s - p
    return s + (((p - (s - v)) + (c - v)) + e)


def _libm(function: Any, x: Array) -> Array:
    """Apply a function of :mod:`math`; numpy's own vector forms differ in the last bit."""
    return np.fromiter(map(function, x.tolist()), _f8, x.size)


def normal_blocks64(uniforms: Array, mean: float, std: float) -> Array:
    """Turn float64 uniforms, a multiple of 16 of them, into a new array of float64 normals."""
    u = uniforms.reshape(-1, 2, 8)
    r = np.sqrt(-2.0 * _libm(math.log, 1.0 - u[:, 0].ravel()))
    theta = 2.0 * math.pi * u[:, 1].ravel()
    out = np.empty(u.shape)
    out[:, 0] = fma64(r * _libm(math.cos, theta), std, mean).reshape(-1, 8)
    out[:, 1] = fma64(r * _libm(math.sin, theta), std, mean).reshape(-1, 8)
    return out.ravel()


def normal_pairs(uniforms: Array) -> Array:
    """Turn pairs ``(u, v)`` of float64 uniforms into pairs ``r cos(2 pi u), r sin(2 pi u)``.

    Here ``r = sqrt(-2 log1p(-v))``.
    """
    r = np.sqrt(-2.0 * _libm(math.log1p, -uniforms[1::2]))
    theta = 2.0 * math.pi * uniforms[0::2]
    out = np.empty(uniforms.size)
    out[0::2] = r * _libm(math.cos, theta)
    out[1::2] = r * _libm(math.sin, theta)
    return out
