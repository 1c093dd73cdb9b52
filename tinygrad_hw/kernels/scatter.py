"""Adding up at places given by indices, and the gradient of look-up tables.

Equal indices add up in the order in which they stand, whatever the number of threads: threads share the places that are
written, not the values. Indices must be inside (and not negative), which the op above has looked at.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_hw.kernels.runtime import compiles, kernel, workers

__all__ = [
    "add_at",
    "add_at_reference",
    "embedding_grad",
    "embedding_grad_reference",
    "index_add",
    "index_add_reference",
    "scatter_add",
    "scatter_add_reference",
]

prange = range


# -- at flat places --------------------------------------------------------------------------------


def add_at_reference(out: Any, places: Any, values: Any) -> None:
    """The definition."""
    np.add.at(out, places, values)


@kernel()
def _add_at(out: Any, places: Any, values: Any) -> None:
    for i in range(places.size):
        out[places[i]] += values[i]


def add_at(out: Any, places: Any, values: Any) -> None:
    """Add to the elements of ``out`` at ``places``, in place.

    Args:
        out: 1-D.
        places: (n,) int64.
        values: (n,), of the dtype of ``out``.
    """
    if compiles(out) and out.dtype.kind in "fiu":
        _add_at(out, np.ascontiguousarray(places), np.ascontiguousarray(values))
    else:
        add_at_reference(out, places, values)


# -- along an axis ---------------------------------------------------------------------------------


def index_add_reference(out: Any, axis: int, index: Any, values: Any) -> None:
    """The definition."""
    np.add.at(np.moveaxis(out, axis, 0), index, np.moveaxis(values, axis, 0))


@kernel(parallel=True)
def _index_add(out: Any, index: Any, values: Any, begins: Any) -> None:
    outer, inner = out.shape[0], out.shape[2]
    parts = begins.size - 1
    for item in prange(outer * parts):
        block, part = item // parts, item % parts
        for k in range(index.size):
            row = index[k]
            if begins[part] <= row < begins[part + 1]:
                for i in range(inner):
                    out[block, row, i] += values[block, k, i]


def _shares(rows: int, outer: int, work: float) -> Any:
    """Return where the shares of rows begin into which threads divide them."""
    parts = max(1, min(rows, -(-workers(work) // max(outer, 1))))
    return np.arange(parts + 1) * rows // parts


def index_add(out: Any, axis: int, index: Any, values: Any) -> None:
    """Add slices of ``values`` to the slices of ``out`` that ``index`` names, in place.

    Args:
        out: C-contiguous.
        axis: along which ``index`` counts.
        index: (n,) int64.
        values: like ``out``, but of size n along the axis.
    """
    axis %= out.ndim
    if not compiles(out) or out.dtype.kind not in "fiu" or values.size == 0:
        return index_add_reference(out, axis, index, values)
    outer, inner = math.prod(out.shape[:axis]), math.prod(out.shape[axis + 1 :])
    rows = out.shape[axis]
    _index_add(
        out.reshape(outer, rows, inner), np.ascontiguousarray(index),
        np.ascontiguousarray(values).reshape(outer, -1, inner), _shares(rows, outer, values.size), work=values.size,
    )  # fmt: skip
    return None


def scatter_add_reference(out: Any, axis: int, index: Any, values: Any) -> None:
    """The definition."""
    place = list(np.ogrid[tuple(slice(n) for n in index.shape)])
    place[axis] = index
    np.add.at(out, tuple(place), values[tuple(slice(n) for n in index.shape)])


@kernel(parallel=True)
def _scatter_add(out: Any, index: Any, values: Any) -> None:
    outer, n, inner = index.shape
    for block in prange(outer):
        for k in range(n):
            for i in range(inner):
                out[block, index[block, k, i], i] += values[block, k, i]


def scatter_add(out: Any, axis: int, index: Any, values: Any) -> None:
    """Add ``values`` to ``out`` at the places that ``index`` names along an axis, in place.

    For axis 0 of three: ``out[index[i, j, k], j, k] += values[i, j, k]``.

    Args:
        out: C-contiguous.
        axis: along which ``index`` counts.
        index: int64, in other axes no larger than ``out``.
        values: in no axis smaller than ``index``; what is beyond it does not count.
    """
    axis %= out.ndim
    same = all(n == m for i, (n, m) in enumerate(zip(index.shape, out.shape, strict=True)) if i != axis)
    if not compiles(out) or out.dtype.kind not in "fiu" or not same or index.size == 0:
        return scatter_add_reference(out, axis, index, values)
    values = np.ascontiguousarray(values[tuple(slice(n) for n in index.shape)])
    outer, inner = math.prod(out.shape[:axis]), math.prod(out.shape[axis + 1 :])
    _scatter_add(
        out.reshape(outer, out.shape[axis], inner), np.ascontiguousarray(index).reshape(outer, -1, inner),
        values.reshape(outer, -1, inner), work=2 * index.size,
    )  # fmt: skip
    return None


# -- look-up tables --------------------------------------------------------------------------------


def embedding_grad_reference(
    g: Any, index: Any, rows: int, padding_idx: int | None, scale_by_freq: bool = False
) -> Any:
    """The definition."""
    g, index = g.reshape(-1, g.shape[-1]), index.reshape(-1)
    if scale_by_freq and index.size:
        g = g / np.bincount(index, minlength=rows)[index][:, None].astype(g.dtype)
    out = np.zeros((rows, g.shape[-1]), g.dtype)
    keep = np.full(index.shape, True) if padding_idx is None else index != padding_idx
    np.add.at(out, index[keep], g[keep])
    return out


@kernel(parallel=True)
def _embedding_grad(g: Any, index: Any, skip: int, by_freq: bool, begins: Any, out: Any) -> None:
    for part in prange(begins.size - 1):
        first, last = begins[part], begins[part + 1]
        counts = np.zeros(last - first if by_freq else 0, np.int64)
        for k in range(index.size):
            row = index[k]
            if first <= row < last and row != skip:
                if by_freq:
                    counts[row - first] += 1
                for i in range(out.shape[1]):
                    out[row, i] += g[k, i]
        if by_freq:
            for row in range(first, last):
                if counts[row - first] > 1:
                    for i in range(out.shape[1]):
                        out[row, i] /= counts[row - first]


def embedding_grad(
    g: Any, index: Any, rows: int, padding_idx: int | None, scale_by_freq: bool = False, out: Any = None
) -> Any:
    """Return the gradient of a table whose rows were looked up.

    Args:
        g: (..., width), the gradient of the rows that were looked up.
        index: int64 or int32, (...), which rows these were.
        rows: how many rows the table has.
        padding_idx: a row that gets none, or None.
        scale_by_freq: divide by how often a row was looked up.
        out: where to write, (rows, width), C-contiguous.
    """
    width = g.shape[-1]
    if out is None:
        out = np.empty((rows, width), g.dtype)
    if not compiles(g):
        out[...] = embedding_grad_reference(g, index, rows, padding_idx, scale_by_freq)
        return out
    out[...] = 0
    skip = -1 if padding_idx is None else padding_idx
    _embedding_grad(
        np.ascontiguousarray(g).reshape(index.size, width), np.ascontiguousarray(index).reshape(-1), skip,
        scale_by_freq, _shares(rows, 1, g.size), out, work=g.size,
    )  # fmt: skip
    return out
