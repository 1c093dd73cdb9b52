"""The error function and its relatives, which numpy does not have.

``erf`` and ``erfc`` are the C library's, called through numba in a loop or element by element. ``erfinv`` starts
from Giles' approximation and is refined by Newton steps to full precision.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_hw.kernels.runtime import compiled_kernels, kernel

__all__ = ["erf", "erfc", "erfinv"]

prange = range

_erf_each = np.frompyfunc(math.erf, 1, 1)
_erfc_each = np.frompyfunc(math.erfc, 1, 1)


@kernel(parallel=True)
def _erf(x: Any, out: Any) -> None:
    for i in prange(x.size):
        out[i] = math.erf(x[i])


@kernel(parallel=True)
def _erfc(x: Any, out: Any) -> None:
    for i in prange(x.size):
        out[i] = math.erfc(x[i])


def _apply(x: Any, compiled: Any, each: Any) -> Any:
    x = np.asarray(x)
    if x.size < 64 or not compiled_kernels():
        # A Python call costs 0.1 us an element; importing numba for a few of them is not worth it.
        return each(x.astype(np.float64)).astype(x.dtype) if x.ndim else x.dtype.type(each(float(x)))
    wide = np.ascontiguousarray(x, np.float64 if x.dtype == np.float64 else np.float32)
    out = np.empty_like(wide)
    compiled(wide.reshape(-1), out.reshape(-1), work=x.size * 10)
    return out.astype(x.dtype, copy=False)


def erf(x: Any) -> Any:
    """Return the error function of each element."""
    return _apply(x, _erf, _erf_each)


def erfc(x: Any) -> Any:
    """Return 1 - erf of each element, exact where that is small."""
    return _apply(x, _erfc, _erfc_each)


def erfinv(x: Any) -> Any:
    """Return the inverse error function of each element.

    Source: Giles, "Approximating the erfinv function" (2011), refined by two Newton steps.
    """
    x = np.asarray(x)
    y = x.astype(np.float64)
    inside = np.abs(y) < 1
    safe = np.where(inside, y, 0.0)
    w = -np.log((1 - safe) * (1 + safe))
    near = w - 2.5
    p = np.full_like(w, 2.81022636e-08)
    for c in (3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503,
              -0.00417768164, 0.246640727, 1.50140941):  # fmt: skip
        p = c + p * near
    far = np.sqrt(np.maximum(w, 0)) - 3
    q = np.full_like(w, -0.000200214257)
    for c in (0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613,
              0.00943887047, 1.00167406, 2.83297682):  # fmt: skip
        q = c + q * far
    r = np.where(w < 5, p, q) * safe
    for _ in range(2):
        # erfc keeps the difference exact where erf is nearly 1.
        size = np.abs(r)
        error = np.where(size < 0.5, erf(size) - np.abs(safe), (1 - np.abs(safe)) - erfc(size))
        size = size - error * (math.sqrt(math.pi) / 2) * np.exp(size * size)
        r = np.copysign(size, safe)
    r = np.where(inside, r, np.where(np.abs(y) == 1, np.copysign(np.inf, y), np.nan))
    return r.astype(x.dtype)
