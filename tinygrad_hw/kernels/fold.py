"""Gathering the blocks under a sliding window as columns (im2col), and adding them back (col2im).

Shapes: x (N, C, H, W); columns (N, C, KH, KW, OH, OW), C-contiguous. Both directions are linear and adjoint
to each other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw.kernels.runtime import compiled_kernels, kernel

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
def _im2col(x: Any, columns: Any, sh: int, sw: int, ph: int, pw: int, dh: int, dw: int) -> None:
    n, c, kh, kw, oh, ow = columns.shape
    h, w = x.shape[2], x.shape[3]
    for nc in prange(n * c):
        b, k = nc // c, nc % c
        for i in range(kh):
            for j in range(kw):
                left = j * dw - pw
                # Output columns whose input lies inside the image.
                first = 0 if left >= 0 else (-left + sw - 1) // sw
                last = min(ow, (w - left + sw - 1) // sw)
                last = max(last, first)
                for y in range(oh):
                    row = y * sh + i * dh - ph
                    if row < 0 or row >= h:
                        for z in range(ow):
                            columns[b, k, i, j, y, z] = 0
                        continue
                    for z in range(min(first, ow)):
                        columns[b, k, i, j, y, z] = 0
                    for z in range(first, last):
                        columns[b, k, i, j, y, z] = x[b, k, row, z * sw + left]
                    for z in range(last, ow):
                        columns[b, k, i, j, y, z] = 0


@kernel(parallel=True)
def _col2im(columns: Any, x: Any, sh: int, sw: int, ph: int, pw: int, dh: int, dw: int) -> None:
    n, c, kh, kw, oh, ow = columns.shape
    h, w = x.shape[2], x.shape[3]
    for nc in prange(n * c):
        b, k = nc // c, nc % c
        for y in range(h):
            for z in range(w):
                x[b, k, y, z] = 0
        for i in range(kh):
            for j in range(kw):
                left = j * dw - pw
                first = 0 if left >= 0 else (-left + sw - 1) // sw
                last = min(ow, (w - left + sw - 1) // sw)
                for y in range(oh):
                    row = y * sh + i * dh - ph
                    if row < 0 or row >= h:
                        continue
                    for z in range(first, last):
                        x[b, k, row, z * sw + left] += columns[b, k, i, j, y, z]


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
    if not compiled_kernels():
        columns = im2col_reference(x, kernel, stride, padding, dilation)
        if out is None:
            return columns
        out[...] = columns
        return out
    size = tuple(map(output_size, x.shape[2:], kernel, stride, padding, dilation))
    columns = np.empty((*x.shape[:2], *kernel, *size), x.dtype) if out is None else out
    _im2col(np.ascontiguousarray(x), columns, *stride, *padding, *dilation, work=columns.size)
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
    if not compiled_kernels():
        image = col2im_reference(columns, size, kernel, stride, padding, dilation)
        if out is None:
            return image
        out[...] = image
        return out
    image = np.empty((*columns.shape[:2], *size), columns.dtype) if out is None else out
    _col2im(np.ascontiguousarray(columns), image, *stride, *padding, *dilation, work=columns.size)
    return image
