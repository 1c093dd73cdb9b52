"""Largest elements of windows of volumes, wherever these windows are.

Windows are given by where they begin and end along each dimension, for all planes or for each its own: pooling with
strides and dilation, adaptive and fractional pooling are all of this kind. Shapes: x (planes, D, H, W); an image is a
volume of depth 1. Indices are int64, into the flattened D * H * W of a plane.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw.kernels.runtime import compiles, kernel

__all__ = ["adaptive_windows", "fractional_windows", "strided_windows", "window_max", "window_max_reference"]

prange = range

#: Where windows begin and end along one dimension, int64 (planes or 1, windows).
Windows = tuple[Any, Any]


def strided_windows(size: int, kernel: int, stride: int, padding: int, dilation: int, count: int) -> Windows:
    """Return windows with a fixed step; what lies outside is left out, in steps of ``dilation``."""
    begin = np.arange(count) * stride - padding
    end = np.minimum(begin + (kernel - 1) * dilation + 1, size)
    begin = np.where(begin < 0, begin + -(begin // dilation) * dilation, begin)
    return begin[None], end[None]


def adaptive_windows(size: int, count: int) -> Windows:
    """Return ``count`` windows that cover everything evenly."""
    at = np.arange(count)
    return (at * size // max(count, 1))[None], (-(-(at + 1) * size // max(count, 1)))[None]


def fractional_windows(size: int, kernel: int, count: int, samples: Any) -> Windows:
    """Return ``count`` windows whose steps vary with a random number of each plane.

    Args:
        size: elements along the dimension.
        kernel: elements in a window.
        count: windows.
        samples: (planes,), in [0, 1).

    Source: Graham, "Fractional Max-Pooling" (2014); the sequence is PyTorch's.
    """
    begin = np.full((len(samples), count), size - kernel, np.int64)
    if count > 1:
        kind = samples.dtype.type
        alpha = kind(size - kernel) / kind(count - 1)
        at = np.arange(count - 1).astype(samples.dtype)
        first = (samples * alpha).astype(np.int64)
        begin[:, :-1] = ((at + samples[:, None]) * alpha).astype(np.int64) - first[:, None]
    return begin, begin + kernel


def window_max_reference(x: Any, windows: tuple[Windows, Windows, Windows], dilation: Any) -> tuple[Any, Any]:
    """The definition: the last NaN, or the first of the largest elements, of each window."""
    planes = len(x)
    size = tuple(begin.shape[1] for begin, _ in windows)
    out = np.empty((planes, *size), x.dtype)
    indices = np.empty(out.shape, np.int64)
    place = np.arange(x[0].size if planes else 0).reshape(x.shape[1:])
    for p in range(planes):
        for at in np.ndindex(*size):
            cut = tuple(
                slice(begin[p % len(begin), i], end[p % len(begin), i], d)
                for (begin, end), i, d in zip(windows, at, dilation, strict=True)
            )
            values, places = x[p][cut].reshape(-1), place[cut].reshape(-1)
            bad = np.flatnonzero(values != values)
            best = bad[-1] if len(bad) else values.argmax()
            out[(p, *at)], indices[(p, *at)] = values[best], places[best]
    return out, indices


@kernel(parallel=True)
def _window_max(
    x: Any, d0: Any, d1: Any, h0: Any, h1: Any, w0: Any, w1: Any, dd: int, dh: int, dw: int, out: Any, indices: Any
) -> None:
    planes, _, h, w = x.shape
    for p in prange(planes):
        pd, ph, pw = p % d0.shape[0], p % h0.shape[0], p % w0.shape[0]
        for i in range(d0.shape[1]):
            for j in range(h0.shape[1]):
                for k in range(w0.shape[1]):
                    best = (d0[pd, i] * h + h0[ph, j]) * w + w0[pw, k]
                    top = x[p, d0[pd, i], h0[ph, j], w0[pw, k]]
                    for a in range(d0[pd, i], d1[pd, i], dd):
                        for b in range(h0[ph, j], h1[ph, j], dh):
                            for c in range(w0[pw, k], w1[pw, k], dw):
                                value = x[p, a, b, c]
                                if value > top or value != value:
                                    top = value
                                    best = (a * h + b) * w + c
                    out[p, i, j, k] = top
                    indices[p, i, j, k] = best


def window_max(x: Any, windows: tuple[Windows, Windows, Windows], dilation: Any = (1, 1, 1)) -> tuple[Any, Any]:
    """Return the largest element of each window and its place.

    Args:
        x: (planes, D, H, W).
        windows: beginnings and ends along each of the three dimensions; none is empty.
        dilation: steps inside a window.

    Returns:
        (planes, OD, OH, OW), and indices.
    """
    if not compiles(x):
        return window_max_reference(x, windows, dilation)
    x = np.ascontiguousarray(x)
    out = np.empty((len(x), *(begin.shape[1] for begin, _ in windows)), x.dtype)
    indices = np.empty(out.shape, np.int64)
    bounds = [np.ascontiguousarray(b, np.int64) for pair in windows for b in pair]
    reach = [int((pair[1] - pair[0]).max(initial=0)) for pair in windows]
    work = out.size * reach[0] * reach[1] * reach[2]
    _window_max(x, *bounds, *(int(d) for d in dilation), out, indices, work=work)
    return out, indices
