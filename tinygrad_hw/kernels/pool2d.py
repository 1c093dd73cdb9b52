"""2-D max pooling and its gradients.

Shapes: x (N, C, H, W), out (N, C, OH, OW), indices int64 into the flattened H * W of a plane. Max pooling tells the
place of each maximum; its gradient scatters to these places, and that one's gradient gathers from them. Averages and
adaptive poolings are in ``pool2d_windows``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw.kernels.runtime import compiles, kernel

__all__ = [
    "is_quarters",
    "max_pool2d",
    "max_pool2d_gather",
    "max_pool2d_gather_reference",
    "max_pool2d_quarters",
    "max_pool2d_quarters_backward",
    "max_pool2d_quarters_backward_reference",
    "max_pool2d_quarters_reference",
    "max_pool2d_reference",
    "max_pool2d_scatter",
    "max_pool2d_scatter_reference",
    "pool_output_size",
    "quarter_places",
]

prange = range

Pair = tuple[int, int]


def pool_output_size(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> int:
    """Return how many windows there are.

    floor((size + 2 padding - dilation (kernel - 1) - 1) / stride) + 1, or with ``ceil_mode`` the ceiling: a last window
    may stick out at the end, but must start inside the input or the padding before it.

    Example:
        >>> pool_output_size(5, 2, 2, 0, 1, False), pool_output_size(5, 2, 2, 0, 1, True)
        (2, 3)
    """
    span = size + 2 * padding - dilation * (kernel - 1) - 1
    if not ceil_mode:
        return span // stride + 1
    count = -(-span // stride) + 1
    return count - 1 if (count - 1) * stride >= size + padding else count


def _output_sizes(x: Any, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool) -> Pair:
    h, w = (pool_output_size(*a, ceil_mode) for a in zip(x.shape[2:], kernel, stride, padding, dilation, strict=True))
    return h, w


def is_quarters(
    shape: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
    ceil_mode: bool,
) -> bool:
    """Return whether windows are 2x2, side by side, and do not stick out."""
    if kernel != (2, 2) or stride != (2, 2) or padding != (0, 0) or dilation != (1, 1):
        return False
    return not ceil_mode or not (shape[2] % 2 or shape[3] % 2)


def _lowest(dtype: Any) -> Any:
    """Return what the maximum of nothing is."""
    return dtype.type(-np.inf) if dtype.kind == "f" else np.iinfo(dtype).min


# -- maxima ----------------------------------------------------------------------------------------


def max_pool2d_reference(
    x: Any, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool
) -> tuple[Any, Any]:
    """The definition: look at the elements of all windows in turn, keep what is larger, and NaN."""
    n, c, h, w = x.shape
    size = _output_sizes(x, kernel, stride, padding, dilation, ceil_mode)
    out = np.full((n, c, *size), _lowest(x.dtype), x.dtype)
    indices = np.full(out.shape, -1, np.int64)
    for i, j in np.ndindex(*kernel):
        rows = np.arange(size[0]) * stride[0] - padding[0] + i * dilation[0]
        columns = np.arange(size[1]) * stride[1] - padding[1] + j * dilation[1]
        inside = ((rows >= 0) & (rows < h))[:, None] & ((columns >= 0) & (columns < w))
        rows, columns = rows.clip(0, h - 1)[:, None], columns.clip(0, w - 1)
        value = x[:, :, rows, columns]
        take = inside & ((value > out) | (value != value) | (indices < 0))
        out = np.where(take, value, out)
        indices = np.where(take, rows * w + columns, indices)
    return out, indices


@kernel()
def _max_pool2d_plane(
    x: Any, out: Any, indices: Any, plane: int, h: int, w: int, oh: int, ow: int, window: Any, lowest: Any
) -> None:
    kh, kw, sh, sw, ph, pw, dh, dw = window
    for y in range(oh):
        top = y * sh - ph
        i0 = 0 if top >= 0 else (-top + dh - 1) // dh
        i1 = 0 if top >= h else (h - top + dh - 1) // dh
        i1 = i1 if i1 < kh else kh
        line = np.uint64((plane * oh + y) * ow)
        for z in range(np.uint64(ow)):
            out[line + z] = lowest
            indices[line + z] = -1
        for i in range(i0, i1):
            row = (top + i * dh) * w
            for j in range(kw):
                left = j * dw - pw
                z0 = 0 if left >= 0 else (-left + sw - 1) // sw
                z1 = 0 if left >= w else (w - left + sw - 1) // sw
                z1 = z1 if z1 < ow else ow
                start = np.uint64(plane * h * w + row + left)
                for z in range(np.uint64(z0), np.uint64(z1 if z1 > z0 else z0)):
                    value = x[start + z * np.uint64(sw)]
                    best, place = out[line + z], indices[line + z]
                    take = (value > best) | (value != value) | (place < 0)
                    out[line + z] = value if take else best
                    indices[line + z] = row + left + np.int64(z) * sw if take else place


@kernel(parallel=True)
def _max_pool2d(
    x: Any, out: Any, indices: Any, planes: int, h: int, w: int, oh: int, ow: int, window: Any, lowest: Any
) -> None:
    # A plane has a function of its own: LLVM does not vectorise all loops inside prange, which took up to ten times as
    # long with 2x2 windows.
    for plane in prange(planes):
        _max_pool2d_plane(x, out, indices, plane, h, w, oh, ow, window, lowest)


def max_pool2d(x: Any, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool) -> tuple[Any, Any]:
    """Return the largest element of each window and its place.

    Of equal elements the first counts; NaN counts as largest (of several, the last). A window without any element of
    the input (that takes dilation and padding) gives minus infinity and the place -1.

    Args:
        x: (N, C, H, W).
        kernel: (KH, KW).
        stride: steps of the window.
        padding: how far windows may stick out on both sides.
        dilation: spacing of the window's elements.
        ceil_mode: see ``pool_output_size``.

    Returns:
        The maxima and int64 places in the flattened plane, both (N, C, OH, OW).
    """
    if not compiles(x):
        return max_pool2d_reference(x, kernel, stride, padding, dilation, ceil_mode)
    n, c, h, w = x.shape
    if is_quarters(x.shape, kernel, stride, padding, dilation, ceil_mode):
        out, codes = max_pool2d_quarters(x)
        return out, quarter_places(codes, w)
    oh, ow = _output_sizes(x, kernel, stride, padding, dilation, ceil_mode)
    out = np.empty((n, c, oh, ow), x.dtype)
    indices = np.empty((n, c, oh, ow), np.int64)
    _max_pool2d(
        np.ascontiguousarray(x).reshape(-1), out.reshape(-1), indices.reshape(-1), n * c, h, w, oh, ow,
        (*kernel, *stride, *padding, *dilation), x.dtype.type(_lowest(x.dtype)),
        work=1.3 * out.size * kernel[0] * kernel[1],
    )  # fmt: skip
    return out, indices


# -- maxima of 2x2 windows side by side ------------------------------------------------------------
# An element's number in its window, 0 to 3, takes a byte. With 8 bytes for its place in the plane, and a gradient that
# is cleared first and scattered then, this took seven times as long forward and twice as long backward.


def max_pool2d_quarters_reference(x: Any) -> tuple[Any, Any]:
    """The definition, by way of ``max_pool2d_reference``."""
    out, indices = max_pool2d_reference(x, (2, 2), (2, 2), (0, 0), (1, 1), False)
    rows, columns = np.divmod(indices, x.shape[3])
    return out, (rows % 2 * 2 + columns % 2).astype(np.uint8)


@kernel()
def _quarters_plane(x: Any, out: Any, codes: Any, plane: int, h: int, w: int, oh: int, ow: int) -> None:
    one, two = np.uint64(1), np.uint64(2)
    for y in range(oh):
        above = np.uint64((plane * h + 2 * y) * w)
        below = above + np.uint64(w)
        line = np.uint64((plane * oh + y) * ow)
        for z in range(np.uint64(ow)):
            best, code = x[above + two * z], np.uint8(0)
            value = x[above + two * z + one]
            take = (value > best) | (value != value)
            best, code = value if take else best, np.uint8(1) if take else code
            value = x[below + two * z]
            take = (value > best) | (value != value)
            best, code = value if take else best, np.uint8(2) if take else code
            value = x[below + two * z + one]
            take = (value > best) | (value != value)
            out[line + z] = value if take else best
            codes[line + z] = np.uint8(3) if take else code


@kernel(parallel=True)
def _quarters(x: Any, out: Any, codes: Any, planes: int, h: int, w: int, oh: int, ow: int) -> None:
    for plane in prange(planes):
        _quarters_plane(x, out, codes, plane, h, w, oh, ow)


def max_pool2d_quarters(x: Any) -> tuple[Any, Any]:
    """Return the largest element of each 2x2 window and its number in the window; see ``max_pool2d``.

    Args:
        x: (N, C, H, W); an odd last row or column is left out.

    Returns:
        The maxima and uint8 numbers 2 i + j for row i and column j, both (N, C, H // 2, W // 2).
    """
    if not compiles(x):
        return max_pool2d_quarters_reference(x)
    n, c, h, w = x.shape
    oh, ow = h // 2, w // 2
    out, codes = np.empty((n, c, oh, ow), x.dtype), np.empty((n, c, oh, ow), np.uint8)
    _quarters(
        np.ascontiguousarray(x).reshape(-1), out.reshape(-1), codes.reshape(-1), n * c, h, w, oh, ow, work=out.size
    )
    return out, codes


def quarter_places(codes: Any, width: int) -> Any:
    """Return the int64 places, in planes of ``width`` columns, for the numbers from ``max_pool2d_quarters``."""
    oh, ow = codes.shape[2:]
    corners = 2 * width * np.arange(oh)[:, None] + 2 * np.arange(ow)
    return corners + np.array([0, 1, width, width + 1])[codes]


def max_pool2d_quarters_backward_reference(g: Any, codes: Any, size: Pair) -> Any:
    """The definition, by way of ``max_pool2d_scatter_reference``."""
    return max_pool2d_scatter_reference(g, quarter_places(codes, size[1]), size)


@kernel()
def _quarters_plane_backward(g: Any, codes: Any, out: Any, plane: int, h: int, w: int, oh: int, ow: int) -> None:
    one, two = np.uint64(1), np.uint64(2)
    zero = g.dtype.type(0)
    for y in range(oh):
        line = np.uint64((plane * oh + y) * ow)
        for i in range(2):
            row = np.uint64((plane * h + 2 * y + i) * w)
            left, right = np.uint8(2 * i), np.uint8(2 * i + 1)
            for z in range(np.uint64(ow)):
                value, code = g[line + z], codes[line + z]
                out[row + two * z] = value if code == left else zero
                out[row + two * z + one] = value if code == right else zero
            if 2 * ow < w:
                out[row + np.uint64(2 * ow)] = zero
    for z in range(np.uint64((plane * h + 2 * oh) * w), np.uint64((plane + 1) * h * w)):
        out[z] = zero


@kernel(parallel=True)
def _quarters_backward(g: Any, codes: Any, out: Any, planes: int, h: int, w: int, oh: int, ow: int) -> None:
    for plane in prange(planes):
        _quarters_plane_backward(g, codes, out, plane, h, w, oh, ow)


def max_pool2d_quarters_backward(g: Any, codes: Any, size: Pair, out: Any = None) -> Any:
    """Return the gradient of ``max_pool2d_quarters``.

    Args:
        g: (N, C, H // 2, W // 2).
        codes: the second result of ``max_pool2d_quarters``.
        size: (H, W).
        out: where to write, (N, C, H, W), C-contiguous.
    """
    n, c, oh, ow = g.shape
    if out is None:
        out = np.empty((n, c, *size), g.dtype)
    if not compiles(g):
        out[...] = max_pool2d_quarters_backward_reference(g, codes, size)
        return out
    _quarters_backward(
        np.ascontiguousarray(g).reshape(-1), np.ascontiguousarray(codes).reshape(-1), out.reshape(-1), n * c, *size,
        oh, ow, work=out.size / 3,
    )  # fmt: skip
    return out


# -- at given places -------------------------------------------------------------------------------


def max_pool2d_scatter_reference(g: Any, indices: Any, size: Pair) -> Any:
    """The definition."""
    n, c = g.shape[:2]
    out = np.zeros((n * c, size[0] * size[1]), g.dtype)
    places = indices.reshape(n * c, g.shape[2] * g.shape[3])
    shares = np.where(indices < 0, 0, g).reshape(places.shape)
    np.add.at(out, (np.arange(n * c)[:, None], places), shares)
    return out.reshape(n, c, *size)


@kernel(parallel=True)
def _scatter(g: Any, indices: Any, out: Any) -> None:
    for plane in prange(g.shape[0]):
        for i in range(out.shape[1]):
            out[plane, i] = 0
        for i in range(g.shape[1]):
            place = indices[plane, i]
            if place >= 0:
                out[plane, place] += g[plane, i]


def max_pool2d_scatter(g: Any, indices: Any, size: Pair, out: Any = None) -> Any:
    """Return planes with ``g`` added at the places: the gradient of ``max_pool2d``.

    Args:
        g: (N, C, OH, OW).
        indices: int64, of the same shape.
        size: (H, W).
        out: where to write, (N, C, H, W), C-contiguous.
    """
    n, c = g.shape[:2]
    if out is None:
        out = np.empty((n, c, *size), g.dtype)
    if not compiles(g):
        out[...] = max_pool2d_scatter_reference(g, indices, size)
        return out
    _scatter(
        np.ascontiguousarray(g).reshape(n * c, g.shape[2] * g.shape[3]),
        np.ascontiguousarray(indices).reshape(n * c, g.shape[2] * g.shape[3]),
        out.reshape(n * c, size[0] * size[1]),
        work=out.size + g.size,
    )
    return out


def max_pool2d_gather_reference(x: Any, indices: Any) -> Any:
    """The definition."""
    n, c, h, w = x.shape
    if indices.size == 0:
        return np.empty(indices.shape, x.dtype)
    places = indices.reshape(n, c, -1)
    picked = np.take_along_axis(x.reshape(n, c, h * w), places.clip(0), 2)
    return np.where(places < 0, 0, picked).astype(x.dtype).reshape(indices.shape)


@kernel(parallel=True)
def _gather(x: Any, indices: Any, out: Any) -> None:
    for plane in prange(x.shape[0]):
        for i in range(out.shape[1]):
            place = indices[plane, i]
            out[plane, i] = x[plane, place] if place >= 0 else 0


def max_pool2d_gather(x: Any, indices: Any) -> Any:
    """Return the elements at the places, 0 where there is none: the gradient of ``max_pool2d_scatter``.

    Args:
        x: (N, C, H, W).
        indices: int64, (N, C, OH, OW).
    """
    if not compiles(x) or indices.size == 0:
        return max_pool2d_gather_reference(x, indices)
    planes = x.shape[0] * x.shape[1]
    out = np.empty(indices.shape, x.dtype)
    _gather(
        np.ascontiguousarray(x).reshape(planes, -1),
        np.ascontiguousarray(indices).reshape(planes, -1),
        out.reshape(planes, -1),
        work=2 * out.size,
    )
    return out
