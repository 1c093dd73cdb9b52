"""2-D pooling over windows with bounds: averages and their adjoint, and the adaptive poolings.

Shapes: x (N, C, H, W), out (N, C, OH, OW), indices int64 into the flattened H * W of a plane. Average pooling is
linear, and its adjoint stands beside it.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np

from tinygrad_hw.kernels.pool2d import Pair, _output_sizes
from tinygrad_hw.kernels.runtime import compiles, kernel

__all__ = [
    "Windows",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool2d_input_grad",
    "adaptive_max_pool2d",
    "adaptive_max_pool2d_reference",
    "avg_pool2d",
    "avg_pool2d_input_grad",
    "window_means",
    "window_means_adjoint",
    "window_means_adjoint_reference",
    "window_means_reference",
]

prange = range


def _bounds(size: int, count: int) -> Any:
    """Return begin and end of each of ``count`` windows that cover ``size`` elements evenly."""
    at = np.arange(count)
    return np.stack([at * size // count, -(-(at + 1) * size // count)])


def _clipped_bounds(size: int, kernel: int, stride: int, padding: int, count: int) -> tuple[Any, Any]:
    """Return bounds inside the input, and the lengths of the windows with padding counted."""
    begin = np.arange(count) * stride - padding
    end = np.minimum(begin + kernel, size + padding)
    inside = np.stack([np.maximum(begin, 0), np.minimum(end, size)])
    return np.maximum(inside, inside[0]), end - begin


class Windows(NamedTuple):
    """Rectangles to take means over.

    Attributes:
        rows: (2, OH), begin and end of each window.
        columns: (2, OW), likewise.
        divisor: (OH, OW), what sums are divided by.
        regular: ``"plane"`` for one window of everything, ``"quarters"`` for 2x2 windows side by side, else empty.
    """

    rows: Any
    columns: Any
    divisor: Any
    regular: str


def _windows(size: Pair, rows: Any, columns: Any, divisor: Any) -> Windows:
    regular = ""
    if divisor.size and (divisor == divisor[0, 0]).all():
        if divisor.size == 1 and (rows[:, 0] == (0, size[0])).all() and (columns[:, 0] == (0, size[1])).all():
            regular = "plane"
        elif all((b == 2 * np.arange(b.shape[1]) + [[0], [2]]).all() for b in (rows, columns)):
            regular = "quarters"
    return Windows(rows, columns, divisor, regular)


@functools.lru_cache(maxsize=256)
def _average_windows(
    size: Pair, kernel: Pair, stride: Pair, padding: Pair, count: Pair, include_pad: bool, divisor: Any
) -> Windows:
    rows, row_lengths = _clipped_bounds(size[0], kernel[0], stride[0], padding[0], count[0])
    columns, column_lengths = _clipped_bounds(size[1], kernel[1], stride[1], padding[1], count[1])
    if divisor is not None:
        return _windows(size, rows, columns, np.full(count, float(divisor)))
    if not include_pad:
        row_lengths, column_lengths = rows[1] - rows[0], columns[1] - columns[0]
    return _windows(size, rows, columns, (row_lengths[:, None] * column_lengths).astype(np.float64))


@functools.lru_cache(maxsize=256)
def _adaptive_windows(size: Pair, count: Pair) -> Windows:
    rows, columns = _bounds(size[0], count[0]), _bounds(size[1], count[1])
    lengths = (rows[1] - rows[0])[:, None] * (columns[1] - columns[0])
    return _windows(size, rows, columns, lengths.astype(np.float64))


def window_means_reference(x: Any, rows: Any, columns: Any, divisor: Any) -> Any:
    """The definition, window by window."""
    out = np.empty((*x.shape[:2], *divisor.shape), x.dtype)
    for y, z in np.ndindex(*divisor.shape):
        window = x[:, :, rows[0, y] : rows[1, y], columns[0, z] : columns[1, z]]
        out[:, :, y, z] = window.sum(axis=(2, 3)) / x.dtype.type(divisor[y, z])
    return out


@kernel(parallel=True)
def _means(x: Any, h: int, w: int, rows: Any, columns: Any, divisor: Any, out: Any) -> None:
    for plane in prange(out.shape[0]):
        for y in range(rows.shape[1]):
            for z in range(columns.shape[1]):
                total = x.dtype.type(0)
                n = np.uint64(columns[1, z] - columns[0, z])
                for r in range(rows[0, y], rows[1, y]):
                    start = np.uint64((plane * h + r) * w + columns[0, z])
                    for q in range(n):
                        total += x[start + q]
                out[plane, y, z] = total / x.dtype.type(divisor[y, z])


@kernel(exact=True)
def _quarter_means_plane(x: Any, out: Any, plane: int, h: int, w: int, oh: int, ow: int, divisor: Any) -> None:
    one, two = np.uint64(1), np.uint64(2)
    for y in range(oh):
        above = np.uint64((plane * h + 2 * y) * w)
        below = above + np.uint64(w)
        line = np.uint64((plane * oh + y) * ow)
        for z in range(np.uint64(ow)):
            upper = x[above + two * z] + x[above + two * z + one]
            out[line + z] = (upper + x[below + two * z] + x[below + two * z + one]) / divisor


@kernel(parallel=True)
def _quarter_means(x: Any, out: Any, planes: int, h: int, w: int, oh: int, ow: int, divisor: Any) -> None:
    for plane in prange(planes):
        _quarter_means_plane(x, out, plane, h, w, oh, ow, divisor)


@kernel(parallel=True)
def _plane_means(x: Any, out: Any, size: int, factor: Any) -> None:
    for plane in prange(out.size):
        start = np.uint64(plane * size)
        total = x.dtype.type(0)
        for i in range(np.uint64(size)):
            total += x[start + i]
        out[plane] = total * factor


def window_means(x: Any, windows: Windows) -> Any:
    """Return the sum of each window, divided.

    Args:
        x: (N, C, H, W).
        windows: within H and W.
    """
    rows, columns, divisor, regular = windows
    if not compiles(x):
        return window_means_reference(x, rows, columns, divisor)
    n, c, h, w = x.shape
    oh, ow = divisor.shape
    out = np.empty((n, c, oh, ow), x.dtype)
    if regular == "plane":
        _plane_means(
            np.ascontiguousarray(x).reshape(-1), out.reshape(-1), h * w, x.dtype.type(1 / divisor[0, 0]),
            work=x.size / 5,
        )  # fmt: skip
        return out
    if regular == "quarters":
        _quarter_means(
            np.ascontiguousarray(x).reshape(-1), out.reshape(-1), n * c, h, w, oh, ow, x.dtype.type(divisor[0, 0]),
            work=out.size,
        )  # fmt: skip
        return out
    _means(
        np.ascontiguousarray(x).reshape(-1), h, w, rows, columns, divisor, out.reshape(n * c, *divisor.shape),
        work=2 * (x.size + out.size),
    )  # fmt: skip
    return out


def window_means_adjoint_reference(g: Any, rows: Any, columns: Any, divisor: Any, size: Pair) -> Any:
    """The adjoint of the definition, window by window."""
    out = np.zeros((*g.shape[:2], *size), g.dtype)
    for y, z in np.ndindex(*divisor.shape):
        share = g[:, :, y, z] / g.dtype.type(divisor[y, z])
        out[:, :, rows[0, y] : rows[1, y], columns[0, z] : columns[1, z]] += share[:, :, None, None]
    return out


@kernel(parallel=True)
def _spread(g: Any, rows: Any, columns: Any, divisor: Any, out: Any) -> None:
    for plane in prange(out.shape[0]):
        for r in range(out.shape[1]):
            for q in range(out.shape[2]):
                out[plane, r, q] = 0
        for y in range(rows.shape[1]):
            for z in range(columns.shape[1]):
                share = g[plane, y, z] / g.dtype.type(divisor[y, z])
                for r in range(rows[0, y], rows[1, y]):
                    for q in range(columns[0, z], columns[1, z]):
                        out[plane, r, q] += share


@kernel(exact=True)
def _quarters_plane_filled(g: Any, out: Any, plane: int, h: int, w: int, oh: int, ow: int, divisor: Any) -> None:
    one, two = np.uint64(1), np.uint64(2)
    zero = g.dtype.type(0)
    for y in range(oh):
        line = np.uint64((plane * oh + y) * ow)
        for i in range(2):
            row = np.uint64((plane * h + 2 * y + i) * w)
            for z in range(np.uint64(ow)):
                share = g[line + z] / divisor
                out[row + two * z] = share
                out[row + two * z + one] = share
            for z in range(np.uint64(2 * ow), np.uint64(w)):
                out[row + z] = zero
    for z in range(np.uint64((plane * h + 2 * oh) * w), np.uint64((plane + 1) * h * w)):
        out[z] = zero


@kernel(parallel=True)
def _quarters_filled(g: Any, out: Any, planes: int, h: int, w: int, oh: int, ow: int, divisor: Any) -> None:
    for plane in prange(planes):
        _quarters_plane_filled(g, out, plane, h, w, oh, ow, divisor)


@kernel(parallel=True, exact=True)
def _planes_filled(g: Any, out: Any, size: int, divisor: Any) -> None:
    for plane in prange(g.size):
        start = np.uint64(plane * size)
        share = g[plane] / divisor
        for i in range(np.uint64(size)):
            out[start + i] = share


def window_means_adjoint(g: Any, windows: Windows, size: Pair, out: Any = None) -> Any:
    """Return the adjoint of ``window_means``: each element of ``g``, divided, added all over its window.

    Args:
        g: (N, C, OH, OW).
        windows: as for ``window_means``.
        size: (H, W).
        out: where to write, (N, C, H, W), C-contiguous.
    """
    rows, columns, divisor, regular = windows
    n, c, oh, ow = g.shape
    if out is None:
        out = np.empty((n, c, *size), g.dtype)
    if not compiles(g):
        out[...] = window_means_adjoint_reference(g, rows, columns, divisor, size)
        return out
    if regular == "plane":
        _planes_filled(
            np.ascontiguousarray(g).reshape(-1), out.reshape(-1), size[0] * size[1], g.dtype.type(divisor[0, 0]),
            work=out.size / 8,
        )  # fmt: skip
        return out
    if regular == "quarters":
        _quarters_filled(
            np.ascontiguousarray(g).reshape(-1), out.reshape(-1), n * c, *size, oh, ow, g.dtype.type(divisor[0, 0]),
            work=out.size / 4,
        )  # fmt: skip
        return out
    _spread(
        np.ascontiguousarray(g).reshape(n * c, oh, ow), rows, columns, divisor, out.reshape(n * c, *size),
        work=3 * out.size,
    )  # fmt: skip
    return out


def avg_pool2d(
    x: Any,
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Any:
    """Return the mean of each window.

    Args:
        x: (N, C, H, W).
        kernel: (KH, KW).
        stride: steps of the window.
        padding: zeros on both sides.
        ceil_mode: see ``pool_output_size``.
        count_include_pad: whether the zeros count.
        divisor_override: what sums are divided by instead of the count.
    """
    count = _output_sizes(x, kernel, stride, padding, (1, 1), ceil_mode)
    return window_means(
        x,
        _average_windows(tuple(x.shape[2:]), kernel, stride, padding, count, count_include_pad, divisor_override),
    )


def avg_pool2d_input_grad(
    g: Any,
    input_shape: Any,
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
    out: Any = None,
) -> Any:
    """Return the adjoint of ``avg_pool2d``.

    Args:
        g: (N, C, OH, OW).
        input_shape: (N, C, H, W).
        kernel: (KH, KW).
        stride: steps of the window.
        padding: zeros on both sides.
        ceil_mode: see ``pool_output_size``.
        count_include_pad: whether the zeros count.
        divisor_override: what sums are divided by instead of the count.
        out: where to write, (N, C, H, W), C-contiguous.
    """
    del ceil_mode  # the shape of g says it
    size = tuple(input_shape[2:])
    windows = _average_windows(size, kernel, stride, padding, tuple(g.shape[2:]), count_include_pad, divisor_override)
    return window_means_adjoint(g, windows, size, out)


def adaptive_avg_pool2d(x: Any, size: Pair) -> Any:
    """Return means over windows that divide a plane evenly into ``size``.

    Window i of n over L elements reaches from floor(i L / n) to ceil((i + 1) L / n).

    Args:
        x: (N, C, H, W).
        size: (OH, OW).
    """
    return window_means(x, _adaptive_windows(tuple(x.shape[2:]), tuple(size)))


def adaptive_avg_pool2d_input_grad(g: Any, input_shape: Any, out: Any = None) -> Any:
    """Return the adjoint of ``adaptive_avg_pool2d``.

    Args:
        g: (N, C, OH, OW).
        input_shape: (N, C, H, W).
        out: where to write, (N, C, H, W), C-contiguous.
    """
    size = tuple(input_shape[2:])
    return window_means_adjoint(g, _adaptive_windows(size, tuple(g.shape[2:])), size, out)


def adaptive_max_pool2d_reference(x: Any, size: Pair) -> tuple[Any, Any]:
    """The definition, window by window: the first largest element, or the last NaN."""
    n, c, h, w = x.shape
    rows, columns, _, _ = _adaptive_windows((h, w), tuple(size))
    out = np.empty((n, c, *size), x.dtype)
    indices = np.empty((n, c, *size), np.int64)
    numbers = np.arange(h * w).reshape(h, w)
    for y, z in np.ndindex(*size):
        where = (slice(rows[0, y], rows[1, y]), slice(columns[0, z], columns[1, z]))
        window = x[(..., *where)].reshape(n, c, -1)
        nan = np.isnan(window)
        last = window.shape[2] - 1 - nan[..., ::-1].argmax(axis=2)
        best = np.where(nan.any(axis=2), last, window.argmax(axis=2))
        out[:, :, y, z] = np.take_along_axis(window, best[..., None], 2)[..., 0]
        indices[:, :, y, z] = numbers[where].reshape(-1)[best]
    return out, indices


@kernel(parallel=True)
def _maxima(x: Any, rows: Any, columns: Any, out: Any, indices: Any) -> None:
    for plane in prange(x.shape[0]):
        for y in range(rows.shape[1]):
            for z in range(columns.shape[1]):
                row, column = rows[0, y], columns[0, z]
                for r in range(rows[0, y], rows[1, y]):
                    for q in range(columns[0, z], columns[1, z]):
                        value = x[plane, r, q]
                        if value > x[plane, row, column] or value != value:
                            row, column = r, q
                out[plane, y, z] = x[plane, row, column]
                indices[plane, y, z] = row * x.shape[2] + column


def adaptive_max_pool2d(x: Any, size: Pair) -> tuple[Any, Any]:
    """Return maxima over windows that divide a plane evenly into ``size``, and their places.

    Args:
        x: (N, C, H, W).
        size: (OH, OW).

    Returns:
        The maxima and int64 places in the flattened plane, both (N, C, OH, OW); see ``max_pool2d``.
    """
    if not compiles(x):
        return adaptive_max_pool2d_reference(x, size)
    n, c, h, w = x.shape
    rows, columns, _, _ = _adaptive_windows((h, w), tuple(size))
    out = np.empty((n, c, *size), x.dtype)
    indices = np.empty((n, c, *size), np.int64)
    _maxima(
        np.ascontiguousarray(x).reshape(n * c, h, w), rows, columns, out.reshape(n * c, *size),
        indices.reshape(n * c, *size), work=2 * x.size,
    )  # fmt: skip
    return out, indices
