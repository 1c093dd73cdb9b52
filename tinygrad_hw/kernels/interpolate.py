"""Resizing sequences and images: nearest neighbours, and linear interpolation, forward and adjoint.

Along an axis, element i of the result is ``(1 - share[i]) * x[low[i]] + share[i] * x[high[i]]``; a table holds these
three arrays. A sequence is an image of one row. The tables follow PyTorch's arithmetic, in single precision where
PyTorch's is.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tinygrad_hw.kernels.runtime import compiled_kernels, kernel

__all__ = [
    "Table",
    "interpolate",
    "interpolate_adjoint",
    "interpolate_adjoint_reference",
    "interpolate_reference",
    "linear_table",
    "nearest_table",
]

prange = range


class Table(NamedTuple):
    """Where the elements of a resized axis come from.

    Attributes:
        low: int64, the first element.
        high: int64, the second.
        share: of the second.
    """

    low: Any
    high: Any
    share: Any


def nearest_table(size: int, out: int, scale: float | None, exact: bool, dtype: Any) -> Table:
    """Return the table of nearest neighbours: floor(i / scale), or floor((i + 1/2) / scale) if ``exact``.

    Args:
        size: elements of the axis.
        out: elements of the resized axis.
        scale: how many times longer it was to be; ``out / size`` if None.
        exact: PyTorch's ``"nearest-exact"``.
        dtype: of the arrays to be resized.
    """
    if not exact and out in (size, 2 * size):
        scale = None  # PyTorch then takes the sizes at their word
    step = np.float32(1 / scale if scale else np.float32(size) / np.float32(out))
    at = np.arange(out).astype(np.float32)
    source = np.floor((at + np.float32(0.5)) * step if exact else at * step)
    low = np.minimum(source.astype(np.int64), size - 1)
    return Table(low, low, np.zeros(out, dtype))


def linear_table(size: int, out: int, scale: float | None, align_corners: bool, dtype: Any) -> Table:
    """Return the table of linear interpolation.

    Element i comes from the place i (size - 1) / (out - 1) with ``align_corners``, else from (i + 1/2) / scale - 1/2,
    which counts as 0 if it is negative.

    Args:
        size: elements of the axis.
        out: elements of the resized axis.
        scale: how many times longer it was to be; ``out / size`` if None.
        align_corners: whether the first and the last element keep their places.
        dtype: of the arrays to be resized.
    """
    if out == size:
        scale = None  # as for nearest neighbours
    real = np.dtype(dtype).type
    at = np.arange(out).astype(dtype)
    if align_corners:
        place = at * (real(size - 1) / real(out - 1) if out > 1 else real(0))
    else:
        step = real(1 / scale if scale else real(size) / real(out))
        place = np.maximum(step * (at + real(0.5)) - real(0.5), real(0))
    low = np.minimum(np.floor(place).astype(np.int64), size - 1)
    share = np.clip(place - low.astype(dtype), real(0), real(1)).astype(dtype)
    return Table(low, np.minimum(low + 1, size - 1), share)


def interpolate_reference(x: Any, rows: Table, columns: Table) -> Any:
    """The definition: rows, then columns."""
    share = rows.share[:, None]
    x = x[:, :, rows.low] * (1 - share) + x[:, :, rows.high] * share
    return x[..., columns.low] * (1 - columns.share) + x[..., columns.high] * columns.share


def interpolate_adjoint_reference(g: Any, size: tuple[int, int], rows: Table, columns: Table) -> Any:
    """The adjoint of the definition: columns, then rows."""
    wide = np.zeros((*g.shape[:3], size[1]), g.dtype)
    np.add.at(wide, (..., columns.low), g * (1 - columns.share))
    np.add.at(wide, (..., columns.high), g * columns.share)
    out = np.zeros((*g.shape[:2], *size), g.dtype)
    np.add.at(out, (slice(None), slice(None), rows.low), wide * (1 - rows.share)[:, None])
    np.add.at(out, (slice(None), slice(None), rows.high), wide * rows.share[:, None])
    return out


@kernel(parallel=True)
def _interpolate(
    x: Any, low: Any, high: Any, share: Any, left: Any, right: Any, part: Any, nearest: bool, out: Any
) -> None:
    one = x.dtype.type(1)
    for plane in prange(x.shape[0]):
        for y in range(low.size):
            above, below, s = x[plane, low[y]], x[plane, high[y]], share[y]
            for z in range(left.size):
                if nearest:
                    out[plane, y, z] = above[left[z]]
                else:
                    t = part[z]
                    a = above[left[z]] * (one - t) + above[right[z]] * t
                    b = below[left[z]] * (one - t) + below[right[z]] * t
                    out[plane, y, z] = a * (one - s) + b * s


@kernel(parallel=True)
def _adjoint(
    g: Any, low: Any, high: Any, share: Any, left: Any, right: Any, part: Any, nearest: bool, out: Any
) -> None:
    one = g.dtype.type(1)
    for plane in prange(g.shape[0]):
        for r in range(out.shape[1]):
            for q in range(out.shape[2]):
                out[plane, r, q] = 0
        for y in range(low.size):
            above, below, s = out[plane, low[y]], out[plane, high[y]], share[y]
            for z in range(left.size):
                v = g[plane, y, z]
                if nearest:
                    above[left[z]] += v
                else:
                    t = part[z]
                    above[left[z]] += v * (one - s) * (one - t)
                    above[right[z]] += v * (one - s) * t
                    below[left[z]] += v * s * (one - t)
                    below[right[z]] += v * s * t


def _nearest(rows: Table, columns: Table) -> bool:
    return not (rows.share.any() or columns.share.any())


def interpolate(x: Any, rows: Table, columns: Table) -> Any:
    """Resize images.

    Args:
        x: (N, C, H, W), float32 or float64.
        rows: where rows come from.
        columns: where columns come from.

    Returns:
        (N, C, rows, columns).
    """
    n, c, h, w = x.shape
    if not compiled_kernels():
        return interpolate_reference(x, rows, columns)
    out = np.empty((n, c, rows.low.size, columns.low.size), x.dtype)
    _interpolate(
        np.ascontiguousarray(x).reshape(n * c, h, w), *rows, *columns, _nearest(rows, columns),
        out.reshape(n * c, *out.shape[2:]), work=2 * out.size,
    )  # fmt: skip
    return out


def interpolate_adjoint(g: Any, size: tuple[int, int], rows: Table, columns: Table, out: Any = None) -> Any:
    """Return the adjoint of ``interpolate``: what each element of ``g`` came from gets its shares.

    Args:
        g: (N, C, rows, columns), float32 or float64.
        size: (H, W).
        rows: where rows came from.
        columns: where columns came from.
        out: where to write, (N, C, H, W), C-contiguous.
    """
    n, c = g.shape[:2]
    if out is None:
        out = np.empty((n, c, *size), g.dtype)
    if not compiled_kernels():
        out[...] = interpolate_adjoint_reference(g, size, rows, columns)
        return out
    _adjoint(
        np.ascontiguousarray(g).reshape(n * c, *g.shape[2:]), *rows, *columns, _nearest(rows, columns),
        out.reshape(n * c, *size), work=3 * g.size,
    )  # fmt: skip
    return out
