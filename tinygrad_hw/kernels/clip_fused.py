"""The numba bodies of gradient clipping: one pass over all arrays of a list, as in ``optim_fused``."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.np.numpy_support import carray

from tinygrad_hw.kernels.optim_fused import _jit, _plan, _pointer
from tinygrad_hw.kernels.runtime import kernel

__all__ = ["clamp", "scale", "squares"]

prange = range

#: Elements that are summed in the arrays' precision, the sums of so many in double precision.
_PIECE = 1024


@_jit
def _chunk(table: Any, chunk: Any, like: Any) -> Any:
    start = table[0, chunk[0]] + chunk[1] * like.itemsize
    return carray(_pointer(start, like), chunk[2] - chunk[1])


@kernel()
def _squares(x: Any) -> Any:
    total = 0.0
    for first in range(0, x.size, _PIECE):
        here = x.dtype.type(0)
        start = np.uint64(first)
        for i in range(np.uint64(min(_PIECE, x.size - first))):
            here += x[start + i] * x[start + i]
        total += here
    return total


@kernel(parallel=True)
def squares(columns: Any, n: int, like: Any, ndarray: int) -> Any:
    """Return whether all arrays could be taken, and the sum of the squares of their elements."""
    good, table, _, work = _plan(columns, n, like, ndarray)
    sums = np.zeros(work.shape[0])
    for c in prange(work.shape[0]):
        sums[c] = _squares(_chunk(table, work[c], like))
    total = 0.0
    for c in range(sums.size):
        total += sums[c]
    return good, total


@kernel(parallel=True)
def scale(columns: Any, n: int, like: Any, factor: float, ndarray: int) -> Any:
    """Multiply all arrays by a factor in place, and return whether they could be taken."""
    good, table, _, work = _plan(columns, n, like, ndarray)
    by = like.dtype.type(factor)
    for c in prange(work.shape[0]):
        x = _chunk(table, work[c], like)
        for i in range(x.size):
            x[i] *= by
    return good


@kernel(parallel=True)
def clamp(columns: Any, n: int, like: Any, limit: float, ndarray: int) -> Any:
    """Cut all elements to [-limit, limit] in place, and return whether the arrays could be taken."""
    good, table, _, work = _plan(columns, n, like, ndarray)
    high = like.dtype.type(limit)
    for c in prange(work.shape[0]):
        x = _chunk(table, work[c], like)
        for i in range(x.size):
            v = high if x[i] > high else x[i]
            x[i] = -high if v < -high else v
    return good
