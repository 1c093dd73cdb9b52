"""Sums of rows, and over images and their places, one for each channel: gradients of biases."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_hw.kernels.runtime import compiled_kernels, kernel

__all__ = ["channel_sums", "channel_sums_reference", "sum_of_rows"]

prange = range

#: Into how many sums the images are split, whatever the number of threads.
_PARTS = 8

#: Elements from which the loops run; numpy takes less than 5 us for so many.
_LEAST = 4096


def channel_sums_reference(x: Any) -> Any:
    """The definition, (N, C, ...) to (C,); float64 sums keep the error small."""
    return x.sum(axis=(0, *range(2, x.ndim)), dtype=np.float64).astype(x.dtype)


@kernel(parallel=True)
def _channel_sums(x: Any, n: int, channels: int, m: int, parts: int, row: int, out: Any) -> None:
    for part in prange(parts):
        for image in range(part * n // parts, (part + 1) * n // parts):
            for channel in range(channels):
                begin = np.uint64((image * channels + channel) * m)
                total = x.dtype.type(0)
                for i in range(begin, begin + np.uint64(m)):
                    total += x[i]
                out[part * row + channel] += total


def channel_sums(x: Any) -> Any:
    """Return the sums of (N, C, ...) over all but the channels, (C,).

    64 images of 6 x 28 x 28 take numpy 80 us, and the loop 17 on one thread.
    """
    if x.size < _LEAST or x.dtype.char not in "fd" or not compiled_kernels():
        return channel_sums_reference(x)
    n, channels = x.shape[:2]
    parts = min(n, _PARTS)
    row = -(-channels // 8) * 8 + 8  # each part has cache lines of its own
    out = np.zeros(parts * row)
    _channel_sums(
        np.ascontiguousarray(x).reshape(-1), n, channels, math.prod(x.shape[2:]), parts, row, out,
        work=x.nbytes * 0.02,
    )  # fmt: skip
    return np.add.reduce(out.reshape(parts, row))[:channels].astype(x.dtype)


@kernel(exact=True)
def _add_rows(x: Any, out: Any) -> None:
    n, zero = np.uint64(out.size), x.dtype.type(0)
    for i in range(n):
        out[i] = zero + x[i]
    for begin in range(n, np.uint64(x.size), n):
        for i in range(n):
            out[i] += x[begin + i]


def sum_of_rows(x: Any) -> Any:
    """Return x[0] + x[1] + ..., one after the other as numpy adds them: the bits are the same.

    numpy calls a loop for each row: 64 x 128 take it 2.1 us, and 1.4 here; 1000 x 10 13.6 and 4.3.
    """
    if x.size < _LEAST or x.dtype.char not in "fd" or not x.flags.c_contiguous or not compiled_kernels():
        return np.add.reduce(x)
    out = np.empty(x.shape[1:], x.dtype)
    if out.size < 2:
        return np.add.reduce(x)  # which adds one column in pairs
    _add_rows.run(0, x.ravel(), out.ravel())
    return out
