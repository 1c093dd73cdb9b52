"""The four operations on large arrays, on several threads; numpy has one.

Each element is one operation, so the bits are numpy's. Sums of half a million float32 numbers take numpy 52 us and two
threads 38, of four millions 818 and 327; of 200,000 two threads are no faster.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw.kernels.runtime import Kernel, compiled_kernels, kernel

__all__ = ["LARGE", "add", "div", "mul", "sub"]

prange = range

#: Elements from which the loops run.
LARGE = 400_000


@kernel(parallel=True, exact=True)
def _add(a: Any, b: Any, out: Any) -> None:
    for i in prange(a.size):
        out[i] = a[i] + b[i]


@kernel(parallel=True, exact=True)
def _sub(a: Any, b: Any, out: Any) -> None:
    for i in prange(a.size):
        out[i] = a[i] - b[i]


@kernel(parallel=True, exact=True)
def _mul(a: Any, b: Any, out: Any) -> None:
    for i in prange(a.size):
        out[i] = a[i] * b[i]


@kernel(parallel=True, exact=True)
def _div(a: Any, b: Any, out: Any) -> None:
    for i in prange(a.size):
        out[i] = a[i] / b[i]


def _run(loop: Kernel, ufunc: Any, a: Any, b: Any, out: Any) -> Any:
    if (
        a.size < LARGE
        or b.__class__ is not np.ndarray  # a number
        or a.shape != b.shape
        or a.dtype != b.dtype
        or a.dtype.char not in "fd"
        or not (a.flags.c_contiguous and b.flags.c_contiguous)
        or not compiled_kernels()
    ):
        return ufunc(a, b, out=out)
    if out is None:
        out = np.empty(a.shape, a.dtype)
    loop(a.reshape(-1), b.reshape(-1), out.reshape(-1), work=a.nbytes * 0.05)
    return out


def add(a: Any, b: Any, out: Any = None) -> Any:
    """Return a + b; ``out``, if it is given, is C-contiguous and may be one of them."""
    return _run(_add, np.add, a, b, out)


def sub(a: Any, b: Any, out: Any = None) -> Any:
    """Return a - b."""
    return _run(_sub, np.subtract, a, b, out)


def mul(a: Any, b: Any, out: Any = None) -> Any:
    """Return a * b."""
    return _run(_mul, np.multiply, a, b, out)


def div(a: Any, b: Any, out: Any = None) -> Any:
    """Return a / b."""
    return _run(_div, np.true_divide, a, b, out)
