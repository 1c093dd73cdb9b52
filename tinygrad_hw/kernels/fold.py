"""Gathering the blocks under a sliding window as columns (im2col), and adding them back (col2im).

Shapes: x (N, C, H, W); columns (N, C, KH, KW, OH, OW), C-contiguous. Both directions are linear and adjoint
to each other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw.kernels.runtime import compiles, into, kernel

#: numba's compiler finds its own ``prange`` under this name once it is imported (see ``runtime``).
prange = range

__all__ = ["col2im", "col2im_reference", "im2col", "im2col_reference", "output_size"]

Pair = tuple[int, int]


def output_size(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    """Return how many windows fit: floor((size + 2 padding - dilation (kernel - 1) - 1) / stride) + 1."""
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def _windows(x: Any, kernel: Pair, stride: Pair, dilation: Pair, out: Pair) -> Any:
    """Return a strided view (N, C, KH, KW, OH, OW) of a padded image."""
    n, c, h, w = x.strides
    return np.lib.stride_tricks.as_strided(
        x,
        (*x.shape[:2], *kernel, *out),
        (n, c, h * dilation[0], w * dilation[1], h * stride[0], w * stride[1]),
    )


def im2col_reference(x: Any, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Any:
    """The definition: pad, view, copy."""
    out = tuple(map(output_size, x.shape[2:], kernel, stride, padding, dilation))
    padded = np.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
    return np.ascontiguousarray(_windows(padded, kernel, stride, dilation, out))  # type: ignore[arg-type]


def col2im_reference(columns: Any, size: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Any:
    """The definition: add each block at its place in a padded image, cut the padding off."""
    (n, c, _, _, oh, ow), (h, w) = columns.shape, size
    padded = np.zeros((n, c, h + 2 * padding[0], w + 2 * padding[1]), columns.dtype)
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            top, left = i * dilation[0], j * dilation[1]
            padded[
                :,
                :,
                top : top + stride[0] * oh : stride[0],
                left : left + stride[1] * ow : stride[1],
            ] += columns[:, :, i, j]
    return np.ascontiguousarray(padded[:, :, padding[0] : padding[0] + h, padding[1] : padding[1] + w])


@kernel(parallel=True)
def _im2col(x: Any, columns: Any, planes: int, h: int, w: int, count: Any, window: Any) -> None:
    oh, ow = count
    kh, kw, sh, sw, ph, pw, dh, dw = window
    for plane in prange(planes):
        for i in range(kh):
            for j in range(kw):
                left = j * dw - pw
                # Windows whose element is inside the image.
                first = 0 if left >= 0 else (-left + sw - 1) // sw
                last = 0 if left >= w else (w - left + sw - 1) // sw
                last = last if last < ow else ow
                for y in range(oh):
                    row = y * sh + i * dh - ph
                    inside = 0 <= row < h and first < last
                    # Unsigned indices need no test for counting from the end, so that the loops vectorise.
                    to = np.uint64((((plane * kh + i) * kw + j) * oh + y) * ow)
                    begin = np.uint64(first if inside else ow)
                    end = np.uint64(last if inside else ow)
                    at = np.uint64((plane * h + row) * w + left)
                    for z in range(begin):
                        columns[to + z] = 0
                    if sw == 1:
                        for z in range(begin, end):
                            columns[to + z] = x[at + z]
                    else:
                        for z in range(begin, end):
                            columns[to + z] = x[at + z * np.uint64(sw)]
                    for z in range(end, np.uint64(ow)):
                        columns[to + z] = 0


@kernel(parallel=True)
def _col2im(columns: Any, x: Any, planes: int, h: int, w: int, count: Any, window: Any) -> None:
    oh, ow = count
    kh, kw, sh, sw, ph, pw, dh, dw = window
    for plane in prange(planes):
        for i in range(np.uint64(plane * h * w), np.uint64((plane + 1) * h * w)):
            x[i] = 0
        for i in range(kh):
            for j in range(kw):
                left = j * dw - pw
                first = 0 if left >= 0 else (-left + sw - 1) // sw
                last = 0 if left >= w else (w - left + sw - 1) // sw
                last = last if last < ow else ow
                for y in range(oh):
                    row = y * sh + i * dh - ph
                    if 0 <= row < h and first < last:
                        at = np.uint64((((plane * kh + i) * kw + j) * oh + y) * ow)
                        to = np.uint64((plane * h + row) * w + left)
                        if sw == 1:
                            for z in range(np.uint64(first), np.uint64(last)):
                                x[to + z] += columns[at + z]
                        else:
                            for z in range(np.uint64(first), np.uint64(last)):
                                x[to + z * np.uint64(sw)] += columns[at + z]


def im2col(x: Any, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, out: Any = None) -> Any:
    """Return the blocks of ``x`` (N, C, H, W) as columns (N, C, KH, KW, OH, OW).

    Args:
        x: float32 or float64.
        kernel: (KH, KW).
        stride: step between windows.
        padding: zeros on both sides.
        dilation: spacing inside a window.
        out: where to write.
    """
    if not compiles(x):
        return into(out, im2col_reference(x, kernel, stride, padding, dilation))
    size = tuple(map(output_size, x.shape[2:], kernel, stride, padding, dilation))
    columns = np.empty((*x.shape[:2], *kernel, *size), x.dtype) if out is None else out
    n, c, h, w = x.shape
    _im2col(
        np.ascontiguousarray(x).reshape(-1), columns.reshape(-1), n * c, h, w, columns.shape[4:],
        (*kernel, *stride, *padding, *dilation), work=columns.size,
    )  # fmt: skip
    return columns


def col2im(
    columns: Any,
    size: Pair,
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    out: Any = None,
) -> Any:
    """Return the image (N, C, H, W) to which the blocks in ``columns`` add up; see ``im2col``.

    Args:
        columns: (N, C, KH, KW, OH, OW).
        size: (H, W).
        kernel: (KH, KW).
        stride: step between windows.
        padding: zeros that were on both sides.
        dilation: spacing inside a window.
        out: where to write.
    """
    if not compiles(columns):
        return into(out, col2im_reference(columns, size, kernel, stride, padding, dilation))
    image = np.empty((*columns.shape[:2], *size), columns.dtype) if out is None else out
    n, c, kh, kw, *count = columns.shape
    _col2im(
        np.ascontiguousarray(columns).reshape(-1), image.reshape(-1), n * c, *size, tuple(count),
        (kh, kw, *stride, *padding, *dilation), work=columns.size,
    )  # fmt: skip
    return image
