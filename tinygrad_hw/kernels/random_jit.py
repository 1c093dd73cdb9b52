"""Compiled bodies of the random kernels: the word generator, Box-Muller, the shuffle.

Imported only in a process that has numba loaded already. Every body gives the same bits as the
numpy code it stands in for (``Generator.words``, ``random_normal``, ``randperm``), so no fast-math
flag is set, and a multiply-add is fused exactly where that code rounds once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import types
from numba.extending import intrinsic

from tinygrad_hw.kernels import random_normal as ref
from tinygrad_hw.kernels.runtime import jit, jit_part

__all__ = ["fill_words", "grow", "normal_blocks32", "normal_blocks64", "shuffle"]

_Function = TypeVar("_Function", bound=Callable[..., Any])


_OPTIONS = {"nogil": True, "error_model": "numpy"}


def _jit(function: _Function) -> _Function:
    return cast(_Function, jit(function, _OPTIONS))


def _jit_part(function: _Function) -> _Function:
    return cast(_Function, jit_part(function, _OPTIONS))


_intrinsic: Callable[[Callable[..., Any]], Callable[..., Any]] = intrinsic

_TILE = 512  # elements of a normal draw that are worked on at a time
_f4 = np.float32
_LOG = tuple(_f4(c) for c in ref.LOG_POLY)
_LN2_LOW, _LN2_HIGH, _SQRT_HALF = _f4(ref.LN2_LOW), _f4(ref.LN2_HIGH), _f4(ref.SQRT_HALF)
_FOUR_OVER_PI = _f4(ref.FOUR_OVER_PI)
_PI4 = tuple(_f4(c) for c in ref.PI_OVER_4_PARTS)
_COS = tuple(_f4(c) for c in ref.COS_POLY)
_SIN = tuple(_f4(c) for c in ref.SIN_POLY)
_TWO_PI = _f4(2.0 * math.pi)
_HALF, _ONE, _MINUS_TWO = _f4(0.5), _f4(1.0), _f4(-2.0)


@_intrinsic
def _fma(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """``a * b + c``, rounded once."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fma(*args)

    return a(a, a, a), codegen


@_intrinsic
def _bits(typingctx: Any, x: Any) -> Any:
    """The bits of a float32 as an int32."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], context.get_value_type(types.int32))

    return types.int32(types.float32), codegen


@_intrinsic
def _float(typingctx: Any, x: Any) -> Any:
    """The float32 with the bits of an int32."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], context.get_value_type(types.float32))

    return types.float32(types.int32), codegen


@_jit
def fill_words(state: Any, out: Any) -> None:
    """Write the next ``out.size`` words of the MT19937 stream.

    Args:
        state: 625 uint32: the 624 words of the state and the position in it; advanced.
        out: uint32 array, contiguous.
    """
    upper, lower, twist = np.uint32(0x80000000), np.uint32(0x7FFFFFFF), np.uint32(0x9908B0DF)
    one = np.uint32(1)
    pos: Any = np.int64(state[624])
    done = 0
    while done < out.size:
        if pos >= 624:
            # The three runs of the recurrence s[k] = s[k + 397] ^ f(s[k], s[k + 1]), indices modulo
            # 624; within a run nothing read has been written by it, so that each one vectorises.
            for k in range(227):
                y = (state[k] & upper) | (state[k + 1] & lower)
                state[k] = state[k + 397] ^ (y >> one) ^ ((np.uint32(0) - (y & one)) & twist)
            for k in range(227, 454):
                y = (state[k] & upper) | (state[k + 1] & lower)
                state[k] = state[k - 227] ^ (y >> one) ^ ((np.uint32(0) - (y & one)) & twist)
            for k in range(454, 623):
                y = (state[k] & upper) | (state[k + 1] & lower)
                state[k] = state[k - 227] ^ (y >> one) ^ ((np.uint32(0) - (y & one)) & twist)
            y = (state[623] & upper) | (state[0] & lower)
            state[623] = state[396] ^ (y >> one) ^ ((np.uint32(0) - (y & one)) & twist)
            pos = 0
        count = min(624 - pos, out.size - done)
        for i in range(count):
            y = state[pos + i]
            y ^= y >> np.uint32(11)
            y ^= (y << np.uint32(7)) & np.uint32(0x9D2C5680)
            y ^= (y << np.uint32(15)) & np.uint32(0xEFC60000)
            y ^= y >> np.uint32(18)
            out[done + i] = y
        pos += count
        done += count
    state[624] = np.uint32(pos)


@_jit_part
def _transform32(u: Any, v: Any, n: int, mean: Any, std: Any) -> None:
    """Turn ``n`` uniforms for the radius and ``n`` for the angle into normals, in place."""
    zero = np.float32(0.0)
    for i in range(n):
        x = _ONE - u[i]
        bits = _bits(x)
        e = np.float32((bits >> np.int32(23)) - np.int32(126))
        x = _float((bits & np.int32(0x007FFFFF)) | np.int32(0x3F000000))
        low = x < _SQRT_HALF
        e -= _ONE if low else zero
        x += x if low else zero
        x -= _ONE
        z = x * x
        y = _fma(_LOG[0], x, _LOG[1])
        y = _fma(y, x, _LOG[2])
        y = _fma(y, x, _LOG[3])
        y = _fma(y, x, _LOG[4])
        y = _fma(y, x, _LOG[5])
        y = _fma(y, x, _LOG[6])
        y = _fma(y, x, _LOG[7])
        y = _fma(y, x, _LOG[8])
        y = _fma(y * x, z, e * _LN2_LOW)
        y = _fma(z, -_HALF, y)
        r = np.float32(math.sqrt(_MINUS_TWO * _fma(e, _LN2_HIGH, x + y)))

        x = v[i] * _TWO_PI
        octant = (np.int32(x * _FOUR_OVER_PI) + np.int32(1)) & np.int32(~1)
        q = np.float32(octant)
        x = _fma(q, _PI4[0], x)
        x = _fma(q, _PI4[1], x)
        x = _fma(q, _PI4[2], x)
        z = x * x
        c = _fma(_fma(_COS[0], z, _COS[1]), z, _COS[2]) * z
        c = _fma(c, z, -(z * _HALF)) + _ONE
        s = _fma(_fma(_SIN[0], z, _SIN[1]), z, _SIN[2]) * z
        s = _fma(s, x, x)
        swap = (octant & 2) != 0
        cos = s if swap else c
        sin = c if swap else s
        cos = -cos if ((octant + 2) & 4) != 0 else cos
        sin = -sin if (octant & 4) != 0 else sin
        u[i] = _fma(r * cos, std, mean)
        v[i] = _fma(r * sin, std, mean)


@_jit
def normal_blocks32(uniforms: Any, mean: float, std: float) -> Any:
    """Compiled :func:`random_normal.normal_blocks32`."""
    out = np.empty(uniforms.size, np.float32)
    u, v = np.empty(_TILE // 2, np.float32), np.empty(_TILE // 2, np.float32)
    # Radii and angles side by side make the loop above plain vector code.
    for start in range(0, uniforms.size, _TILE):
        n = min(_TILE, uniforms.size - start)
        for b in range(n // 16):
            for j in range(8):
                u[8 * b + j] = uniforms[start + 16 * b + j]
                v[8 * b + j] = uniforms[start + 16 * b + 8 + j]
        _transform32(u, v, n // 2, np.float32(mean), np.float32(std))
        for b in range(n // 16):
            for j in range(8):
                out[start + 16 * b + j] = u[8 * b + j]
                out[start + 16 * b + 8 + j] = v[8 * b + j]
    return out


@_jit
def normal_blocks64(uniforms: Any, mean: float, std: float) -> Any:
    """Compiled :func:`random_normal.normal_blocks64`."""
    out = np.empty(uniforms.size, np.float64)
    for b in range(0, uniforms.size, 16):
        for j in range(b, b + 8):
            r = math.sqrt(-2.0 * math.log(1.0 - uniforms[j]))
            theta = 2.0 * math.pi * uniforms[j + 8]
            out[j] = _fma(r * math.cos(theta), std, mean)
            out[j + 8] = _fma(r * math.sin(theta), std, mean)
    return out


@_jit
def shuffle(order: Any, words: Any, start: int) -> None:
    """Swap ``order[i]`` with ``order[i + word % (n - i)]`` for each word, ``i`` from ``start``."""
    n = order.size
    for k in range(words.size):
        i = start + k
        j = i + np.int64(words[k] % np.uint32(n - i))
        order[i], order[j] = order[j], order[i]


@_jit
def grow(order: Any, places: Any, start: int) -> None:
    """Put ``i`` at each place in turn and what was there at ``i``, for ``i`` from ``start``."""
    for k in range(places.size):
        i = start + k
        at = np.int64(places[k])
        order[i] = i
        order[i] = order[at]
        order[at] = i
