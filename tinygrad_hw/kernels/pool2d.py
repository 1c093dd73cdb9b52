"""2-D pooling and its gradients.

Shapes: x (N, C, H, W), out (N, C, OH, OW), indices int64 into the flattened H*W of each plane. Max pooling is a
gather by index; its gradient scatters by index, and that one's gradient gathers. Average pooling is linear;
its adjoint stands beside it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw.kernels.runtime import compiled_kernels, kernel

__all__ = [
    "adaptive_avg_pool2d",
    "adaptive_avg_pool2d_input_grad",
    "adaptive_max_pool2d",
    "avg_pool2d",
    "avg_pool2d_input_grad",
    "avg_pool2d_reference",
    "max_pool2d",
    "max_pool2d_gather",
    "max_pool2d_reference",
    "max_pool2d_scatter",
    "pool_output_size",
]

prange = range

Pair = tuple[int, int]


def pool_output_size(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> int:
    """Return the number of windows; with ``ceil_mode`` a last one may stick out, but must start inside.

    Inside means inside the input or its left padding, as PyTorch defines it.
    """
    span = size + 2 * padding - dilation * (kernel - 1) - 1
    count = span // stride + 1
    if ceil_mode:
        count = -(-span // stride) + 1
        if (count - 1) * stride >= size + padding:
            count -= 1
    return count


# -- max pooling -----------------------------------------------------------------------------------


def max_pool2d_reference(
    x: Any, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, out_size: Pair
) -> tuple[Any, Any]:
    """The definition, window by window: the first largest element, or the last NaN."""
    n, c, h, w = x.shape
    out = np.empty((n, c, *out_size), x.dtype)
    indices = np.empty((n, c, *out_size), np.int64)
    flat = x.reshape(n, c, h * w)
    for y in range(out_size[0]):
        rows = [r for i in range(kernel[0]) if 0 <= (r := y * stride[0] - padding[0] + i * dilation[0]) < h]
        for z in range(out_size[1]):
            columns = [q for j in range(kernel[1]) if 0 <= (q := z * stride[1] - padding[1] + j * dilation[1]) < w]
            places = np.array([r * w + q for r in rows for q in columns], np.int64)
            values = flat[:, :, places]
            best = values.argmax(axis=2)
            last_nan = values.shape[2] - 1 - np.isnan(values)[:, :, ::-1].argmax(axis=2)
            best = np.where(np.isnan(values).any(axis=2), last_nan, best)
            indices[:, :, y, z] = places[best]
            out[:, :, y, z] = np.take_along_axis(values, best[..., None], 2)[..., 0]
    return out, indices


@kernel(parallel=True)
def _max_pool2d(
    x: Any,
    out: Any,
    indices: Any,
    kh: int,
    kw: int,
    sh: int,
    sw: int,
    ph: int,
    pw: int,
    dh: int,
    dw: int,
) -> None:
    n, c, h, w = x.shape
    oh, ow = out.shape[2], out.shape[3]
    for nc in prange(n * c):
        b, k = nc // c, nc % c
        for y in range(oh):
            top = y * sh - ph
            i0 = 0 if top >= 0 else (-top + dh - 1) // dh
            i1 = min(kh, (h - top + dh - 1) // dh)
            for z in range(ow):
                left = z * sw - pw
                j0 = 0 if left >= 0 else (-left + dw - 1) // dw
                j1 = min(kw, (w - left + dw - 1) // dw)
                at = (top + i0 * dh) * w + left + j0 * dw
                best = x[b, k, top + i0 * dh, left + j0 * dw]
                for i in range(i0, i1):
                    row = top + i * dh
                    for j in range(j0, j1):
                        column = left + j * dw
                        value = x[b, k, row, column]
                        if value > best or value != value:
                            best = value
                            at = row * w + column
                out[b, k, y, z] = best
                indices[b, k, y, z] = at


def max_pool2d(x: Any, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool) -> tuple[Any, Any]:
    """Return the largest element of each window and its index; padding counts as minus infinity.

    Args:
        x: (N, C, H, W).
        kernel: (KH, KW).
        stride: step between windows.
        padding: on both sides, at most half the kernel.
        dilation: spacing inside a window.
        ceil_mode: see ``pool_output_size``.
    """
    size = tuple(
        pool_output_size(*a, ceil_mode) for a in zip(x.shape[2:], kernel, stride, padding, dilation, strict=True)
    )
    if not compiled_kernels():
        return max_pool2d_reference(x, kernel, stride, padding, dilation, size)  # type: ignore[arg-type]
    out = np.empty((*x.shape[:2], *size), x.dtype)
    indices = np.empty(out.shape, np.int64)
    if out.size:
        _max_pool2d(
            np.ascontiguousarray(x), out, indices, *kernel, *stride, *padding, *dilation,
            work=out.size * kernel[0] * kernel[1],
        )  # fmt: skip
    return out, indices


@kernel(parallel=True)
def _scatter(g: Any, indices: Any, out: Any) -> None:
    for nc in prange(g.shape[0]):
        for i in range(out.shape[1]):
            out[nc, i] = 0
        for i in range(g.shape[1]):
            out[nc, indices[nc, i]] += g[nc, i]


def max_pool2d_scatter(g: Any, indices: Any, size: Pair) -> Any:
    """Return planes of ``size`` with ``g`` added at the indices: the gradient of ``max_pool2d``.

    Args:
        g: (N, C, OH, OW).
        indices: int64, the same shape.
        size: (H, W).
    """
    n, c = g.shape[:2]
    plane = size[0] * size[1]
    flat_g = np.ascontiguousarray(g).reshape(n * c, -1)
    flat_i = np.ascontiguousarray(indices).reshape(n * c, -1)
    if not compiled_kernels():
        out = np.zeros((n * c, plane), g.dtype)
        np.add.at(out, (np.arange(n * c)[:, None], flat_i), flat_g)
        return out.reshape(n, c, *size)
    out = np.empty((n * c, plane), g.dtype)
    _scatter(flat_g, flat_i, out, work=out.size)
    return out.reshape(n, c, *size)


def max_pool2d_gather(x: Any, indices: Any) -> Any:
    """Return the elements of each plane of ``x`` (N, C, H, W) at the indices (N, C, OH, OW)."""
    flat = x.reshape(*x.shape[:2], -1)
    picked = np.take_along_axis(flat, indices.reshape(*x.shape[:2], -1), 2)
    return picked.reshape(indices.shape)


# -- average pooling -------------------------------------------------------------------------------


def _window(at: int, size: int, kernel: int, stride: int, padding: int) -> tuple[int, int, int]:
    """Return begin and end of a window inside the input, and its length with padding counted."""
    start = at * stride - padding
    end = min(start + kernel, size + padding)
    return max(start, 0), min(end, size), end - start


def _averages(size: int, kernel: int, stride: int, padding: int, count: int, dtype: Any) -> tuple[Any, Any, Any]:
    """Return which inputs each window sums, as a 0/1 matrix, and both ways of counting them."""
    matrix = np.zeros((count, size), dtype)
    padded, inside = np.empty(count, dtype), np.empty(count, dtype)
    for i in range(count):
        begin, end, length = _window(i, size, kernel, stride, padding)
        matrix[i, begin:end] = 1
        padded[i], inside[i] = length, end - begin
    return matrix, padded, inside


def _divisors(
    shape: Any,
    out_size: Pair,
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    include_pad: bool,
    override: Any,
    dtype: Any,
) -> tuple[Any, Any, Any]:
    """Return the window matrices of both dimensions and the divisor of each window."""
    rows, row_padded, row_inside = _averages(shape[2], kernel[0], stride[0], padding[0], out_size[0], dtype)
    columns, column_padded, column_inside = _averages(shape[3], kernel[1], stride[1], padding[1], out_size[1], dtype)
    if override is not None:
        divisor = np.full(out_size, override, dtype)
    elif include_pad:
        divisor = row_padded[:, None] * column_padded
    else:
        divisor = row_inside[:, None] * column_inside
    return rows, columns, divisor


def avg_pool2d_reference(
    x: Any,
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: Any,
) -> Any:
    """The definition as two matrix products: windows of rows, windows of columns, divided."""
    size = tuple(
        pool_output_size(n, k, s, p, 1, ceil_mode)
        for n, k, s, p in zip(x.shape[2:], kernel, stride, padding, strict=True)
    )
    rows, columns, divisor = _divisors(
        x.shape,
        size,
        kernel,
        stride,
        padding,
        count_include_pad,
        divisor_override,
        x.dtype,  # type: ignore[arg-type]
    )
    return (rows @ x @ columns.T) / divisor


@kernel(parallel=True)
def _avg_pool2d(x: Any, out: Any, divisor: Any, kh: int, kw: int, sh: int, sw: int, ph: int, pw: int) -> None:
    n, c, h, w = x.shape
    oh, ow = out.shape[2], out.shape[3]
    for nc in prange(n * c):
        b, k = nc // c, nc % c
        for y in range(oh):
            r0, r1 = max(y * sh - ph, 0), min(y * sh - ph + kh, h)
            for z in range(ow):
                q0, q1 = max(z * sw - pw, 0), min(z * sw - pw + kw, w)
                total = x.dtype.type(0)
                for r in range(r0, r1):
                    for q in range(q0, q1):
                        total += x[b, k, r, q]
                out[b, k, y, z] = total / divisor[y, z]


@kernel(parallel=True)
def _avg_pool2d_grad(g: Any, out: Any, divisor: Any, kh: int, kw: int, sh: int, sw: int, ph: int, pw: int) -> None:
    n, c, h, w = out.shape
    oh, ow = g.shape[2], g.shape[3]
    for nc in prange(n * c):
        b, k = nc // c, nc % c
        for r in range(h):
            for q in range(w):
                out[b, k, r, q] = 0
        for y in range(oh):
            r0, r1 = max(y * sh - ph, 0), min(y * sh - ph + kh, h)
            for z in range(ow):
                q0, q1 = max(z * sw - pw, 0), min(z * sw - pw + kw, w)
                share = g[b, k, y, z] / divisor[y, z]
                for r in range(r0, r1):
                    for q in range(q0, q1):
                        out[b, k, r, q] += share


def avg_pool2d(
    x: Any,
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: Any,
) -> Any:
    """Return the mean of each window.

    Args:
        x: (N, C, H, W).
        kernel: (KH, KW).
        stride: step between windows.
        padding: zeros on both sides, at most half the kernel.
        ceil_mode: see ``pool_output_size``.
        count_include_pad: whether padding counts in the mean.
        divisor_override: divide by this instead.
    """
    if not compiled_kernels():
        return avg_pool2d_reference(x, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override)
    size = tuple(
        pool_output_size(n, k, s, p, 1, ceil_mode)
        for n, k, s, p in zip(x.shape[2:], kernel, stride, padding, strict=True)
    )
    divisor = _divisors(
        x.shape,
        size,
        kernel,
        stride,
        padding,
        count_include_pad,
        divisor_override,
        x.dtype,  # type: ignore[arg-type]
    )[2]
    out = np.empty((*x.shape[:2], *size), x.dtype)
    _avg_pool2d(
        np.ascontiguousarray(x),
        out,
        divisor,
        *kernel,
        *stride,
        *padding,
        work=out.size * kernel[0] * kernel[1],
    )
    return out


def avg_pool2d_input_grad(
    g: Any,
    input_shape: Any,
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: Any,
) -> Any:
    """Return the adjoint of ``avg_pool2d``: ``g`` (N, C, OH, OW) spread over its windows in ``input_shape``."""
    rows, columns, divisor = _divisors(
        input_shape,
        g.shape[2:],
        kernel,
        stride,
        padding,
        count_include_pad,
        divisor_override,
        g.dtype,
    )
    if not compiled_kernels():
        return rows.T @ (g / divisor) @ columns
    out = np.empty(tuple(input_shape), g.dtype)
    _avg_pool2d_grad(
        np.ascontiguousarray(g),
        out,
        divisor,
        *kernel,
        *stride,
        *padding,
        work=g.size * kernel[0] * kernel[1],
    )
    return out


# -- adaptive pooling ------------------------------------------------------------------------------


def _adaptive_bounds(size: int, count: int) -> list[tuple[int, int]]:
    """Return begin and end of each of ``count`` windows that cover ``size`` elements."""
    return [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]


def _adaptive_matrix(size: int, count: int, dtype: Any) -> Any:
    """Return the matrix that averages each window."""
    matrix = np.zeros((count, size), dtype)
    for i, (begin, end) in enumerate(_adaptive_bounds(size, count)):
        matrix[i, begin:end] = 1 / (end - begin)
    return matrix


def adaptive_avg_pool2d(x: Any, size: Pair) -> Any:
    """Return means of windows chosen so that the output is (N, C, *size): two small matrix products."""
    if size == (1, 1) and x.shape[2] and x.shape[3]:
        return x.mean(axis=(2, 3), keepdims=True)
    rows = _adaptive_matrix(x.shape[2], size[0], x.dtype)
    columns = _adaptive_matrix(x.shape[3], size[1], x.dtype)
    return rows @ x @ columns.T


def adaptive_avg_pool2d_input_grad(g: Any, input_shape: Any) -> Any:
    """Return the adjoint of ``adaptive_avg_pool2d``."""
    rows = _adaptive_matrix(input_shape[2], g.shape[2], g.dtype)
    columns = _adaptive_matrix(input_shape[3], g.shape[3], g.dtype)
    return rows.T @ g @ columns


def adaptive_max_pool2d(x: Any, size: Pair) -> tuple[Any, Any]:
    """Return the largest elements of windows chosen so that the output is (N, C, *size), and their indices."""
    n, c, h, w = x.shape
    out = np.empty((n, c, *size), x.dtype)
    indices = np.empty((n, c, *size), np.int64)
    rows, columns = _adaptive_bounds(h, size[0]), _adaptive_bounds(w, size[1])
    for y, (r0, r1) in enumerate(rows):
        for z, (q0, q1) in enumerate(columns):
            window = x[:, :, r0:r1, q0:q1].reshape(n, c, -1)
            best = window.argmax(axis=2)
            nan = np.isnan(window)
            last_nan = window.shape[2] - 1 - nan[:, :, ::-1].argmax(axis=2)
            best = np.where(nan.any(axis=2), last_nan, best)
            out[:, :, y, z] = np.take_along_axis(window, best[..., None], 2)[..., 0]
            indices[:, :, y, z] = (r0 + best // (q1 - q0)) * w + q0 + best % (q1 - q0)
    return out, indices
