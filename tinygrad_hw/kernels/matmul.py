"""Products of matrices, in the same vector tiles as convolution.

    out[m, n] = sum_k a[m, k] * b[k, n] (+ what is there)

numpy's BLAS, on one thread, serves products that are not worth several: called through Python, 64 x 128 by 128 x 10
takes 2 us there and 12 here, 64 x 120 by 120 x 84 7 and 19. Larger ones run here, for three reasons: OpenBLAS' threads
wait for work at full speed, 16 ms long, and take the cores from the kernels' own threads meanwhile (a training step of
a small VGG: 215 against 164 ms); its results depend on the number of threads, in the last bits; and on a processor with
512-bit vectors it may use its 256-bit kernels (250 against 130 Gflop/s a core). On one thread it is up to 1.2 times as
fast as these loops, on two these are 1.3 to 2 times as fast as it is on one.

``a`` is written as panels of the tile's rows, ``b`` as strips of three vectors, both with k outside, so that the
innermost loop reads them in order. Sums over more than ``_DEPTH`` products are made of parts.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_hw.kernels.runtime import compiled_kernels, kernel, leave_blas_one_thread, workers
from tinygrad_hw.kernels.simd import (
    copy_lines,
    dots_taps,
    lanes,
    rows_by_rows,
    tile_1,
    tile_2,
    tile_3,
    tile_rows,
    turn,
    turn_panel,
)

__all__ = ["affine", "gemm", "matmul", "matmul_reference"]

prange = range

#: Products added up at a time: 73 KB of a strip stay in the second-level cache, 12 KB of a panel in the first.
_DEPTH = 384

#: Rows up to which products with a transposed matrix are sums over rows as they are: to turn the right matrix round
#: takes longer than to multiply by it. 64 x 784 by 128 x 784 takes 74 us, and 87 when packed; 64 x 8192 by 256 x 8192
#: 1.5 ms, and 2.1.
_FEW = 128

#: Numbers of a row that are multiplied at a time: ten of them fit in the first-level cache.
_ROW = 1024

#: Nanoseconds on one thread above which these loops run: where two threads are faster than BLAS on one.
_LEAST = 25_000

#: Multiply-adds of each of many products from which these loops are faster, on two threads, than BLAS called for each
#: on one: 10 products of 128 x 128 matrices take 0.13 ms against 0.22, 48 of 64 x 32 by 32 x 64 as long.
_LEAST_OF_MANY = 1_000_000

#: Multiply-adds below which nothing is looked at; OpenBLAS splits no product of them among its threads.
_SMALL = 60_000

#: Numbers in two matrices from which OpenBLAS splits the product of a matrix and a vector.
_SPLIT = 9_000


def matmul_reference(a: Any, b: Any) -> Any:
    """The definition."""
    return np.matmul(a, b)


@kernel()
def _pack_panel(
    a: Any, at: int, by_row: int, by_k: int, here: int, depth: int, rows: int, vector: int, out: Any, to: int
) -> None:
    """Write ``here`` of ``rows`` rows as (depth, rows), zeros for the rest."""
    if by_row == 1 and here == rows:
        copy_lines(a, at, by_k, out, to, rows, rows, depth)
    elif by_k == 1:
        for k in range(0, depth, vector):
            turn_panel(a, at + k, by_row, here, depth - k, out, to + k * rows)
    else:
        for k in range(depth):
            for m in range(rows):
                out[to + k * rows + m] = a[at + m * by_row + k * by_k] if m < here else out.dtype.type(0)


@kernel()
def _pack_strip(
    b: Any, at: int, by_k: int, by_column: int, here: int, depth: int, width: int, vector: int, out: Any
) -> None:
    """Write ``here`` of ``width`` columns as (depth, width)."""
    if by_column == 1:
        copy_lines(b, at, by_k, out, 0, width, here, depth)
    elif by_k == 1:
        for n in range(0, here, vector):
            for k in range(0, depth, vector):
                if depth - k >= vector:
                    turn(b, at + n * by_column + k, by_column, here - n, vector, out, k * width + n, width)
                else:
                    for i in range(k, depth):
                        for j in range(n, min(n + vector, here)):
                            out[i * width + j] = b[at + j * by_column + i]
    else:
        for k in range(depth):
            for n in range(here):
                out[k * width + n] = b[at + k * by_k + n * by_column]


@kernel()
def _panel_share(
    worker: Any, a: Any, a_steps: Any, shape: Any, panels: Any, rows: Any, vector: Any, workers: Any
) -> None:
    """Write one worker's share of the panels of ``_gemm``."""
    count, m, _, k = shape
    panel_count = (m + rows - 1) // rows
    room = panels.size // (count * panel_count)
    items = count * panel_count
    for item in range(worker * items // workers, (worker + 1) * items // workers):
        matrix, row = item // panel_count, item % panel_count * rows
        at = matrix * a_steps[0] + row * a_steps[1]
        _pack_panel(a, at, a_steps[1], a_steps[2], min(rows, m - row), k, rows, vector, panels, item * room)


@kernel()
def _gemm_share(
    worker: Any, b: Any, b_steps: Any, out: Any, shape: Any, add: Any, offsets: Any, zeros: Any, panels: Any, rows: Any,
    width: Any, vector: Any, depth: Any, parts: Any, workers: Any,
) -> None:  # fmt: skip
    """Do one worker's share of the products of ``_gemm``."""
    count, m, n, k = shape
    panel_count, strip_count = (m + rows - 1) // rows, (n + width - 1) // width
    room = panels.size // (count * panel_count)
    packed = np.empty(depth * width + 2 * vector, out.dtype)
    items = count * strip_count * parts
    for item in range(worker * items // workers, (worker + 1) * items // workers):
        matrix, part, strip = item // (strip_count * parts), item // strip_count % parts, item % strip_count
        here = min(width, n - strip * width)
        begin_out = matrix * m * n + strip * width
        for first in range(0, max(k, 1), depth):
            last = min(first + depth, k)
            at = matrix * b_steps[0] + first * b_steps[1] + strip * width * b_steps[2]
            _pack_strip(b, at, b_steps[1], b_steps[2], here, last - first, width, vector, packed)
            for panel in range(part * panel_count // parts, (part + 1) * panel_count // parts):
                t = (
                    packed, 0, offsets, 0, last - first,
                    panels, (matrix * panel_count + panel) * room + first * rows,
                    zeros, 0, first == 0 and not add,
                    out, begin_out + panel * rows * n, n, here, min(rows, m - panel * rows),
                )  # fmt: skip
                if here > 2 * vector:
                    tile_3(*t)
                elif here > vector:
                    tile_2(*t)
                else:
                    tile_1(*t)


@kernel(parallel=True)
def _gemm(
    a: Any,
    a_steps: Any,
    b: Any,
    b_steps: Any,
    out: Any,
    shape: Any,
    add: bool,
    offsets: Any,
    zeros: Any,
    panels: Any,
    rows: int,
    width: int,
    vector: int,
    depth: int,
    parts: int,
    workers: int,
) -> None:
    """Multiply stacks of matrices given flat.

    Args:
        a: holds the left matrices.
        a_steps: from matrix to matrix, from row to row, from column to column.
        b: holds the right matrices.
        b_steps: likewise.
        out: where to write, (matrices, M, N).
        shape: (matrices, M, N, K).
        add: whether to add to what is there.
        offsets: of the lines of a packed strip.
        zeros: as many as ``rows``.
        panels: room for ``a``, (matrices, panels of rows, K, rows), and some after each.
        rows: of a tile.
        width: of a strip, two or three vectors.
        vector: numbers in a vector.
        depth: how many products are added up at a time.
        parts: into how many parts the panels of a strip are split.
        workers: how many workers share the work.
    """
    for worker in prange(workers):
        _panel_share(np.int64(worker), a, a_steps, shape, panels, rows, vector, workers)
    for worker in prange(workers):
        _gemm_share(
            np.int64(worker),
            b,
            b_steps,
            out,
            shape,
            add,
            offsets,
            zeros,
            panels,
            rows,
            width,
            vector,
            depth,
            parts,
            workers,
        )


@kernel(parallel=True)
def _dot_rows(
    a: Any, a_leap: int, b: Any, b_leap: int, out: Any, shape: Any, columns: int, depth: int, workers: int
) -> None:
    """Add products of rows with rows, (M, K) and (N, K), to (M, N); nothing is packed."""
    m, n, k = shape
    groups = (n + columns - 1) // columns
    for worker in prange(workers):
        for first in range(0, k, depth):
            count = min(depth, k - first)
            for group in range(worker * groups // workers, (worker + 1) * groups // workers):
                t = group * columns
                for row in range(0, m, 6):
                    rows_by_rows(
                        a, row * a_leap + first, a_leap, min(6, m - row),
                        b, t * b_leap + first, b_leap, min(columns, n - t), count, out, row * n + t, n,
                    )  # fmt: skip


def _flat(x: Any) -> tuple[Any, tuple[int, ...]] | None:
    """Return the memory of (matrices, rows, columns) as a flat array, and its steps in numbers."""
    if any(s % x.itemsize or s < 0 for s in x.strides):
        return None
    steps = tuple([s // x.itemsize for s in x.strides])
    for whole in (x, x.swapaxes(1, 2)):
        if whole.flags.c_contiguous:
            return whole.reshape(-1), steps
    size = sum((n - 1) * s for n, s in zip(x.shape, steps, strict=True)) + 1
    return np.lib.stride_tricks.as_strided(x, (size,), (x.itemsize,)), steps  # which takes 6 us


def _time(count: int, m: int, n: int, k: int, itemsize: int) -> float:
    """Return about how long a product takes on one thread, in ns: two vectors of multiply-adds a cycle."""
    return count * m * n * k / (5 * lanes(itemsize))


def _worth(a: Any, b: Any) -> bool:
    """Return whether the product is one for these loops."""
    m, k, n = a.shape[-2], a.shape[-1], b.shape[-1]
    count = math.prod(a.shape[:-2])
    return (
        compiled_kernels()
        and _time(count, m, n, k, a.itemsize) > _LEAST
        and (count == 1 or m * n * k >= _LEAST_OF_MANY)
        and m > 1
        and n > 1
        and a.dtype == b.dtype
        and a.dtype.char in "fd"
    )


def _multiply(a: Any, b: Any, out: Any, add: bool) -> bool:
    """Multiply (matrices, M, K) by (matrices, K, N); return whether that could be done."""
    left, right = _flat(a), _flat(b)
    if left is None or right is None:
        return False
    (count, m, k), n = a.shape, b.shape[2]
    rows, vector = tile_rows(), lanes(a.itemsize)
    time = _time(count, m, n, k, a.itemsize)
    team = workers(time)
    if count == 1 and m <= _FEW and left[1][2] == right[1][1] == 1:
        if not add:
            out[...] = 0
        _dot_rows(
            left[0], left[1][1], right[0], right[1][2], out.reshape(-1), (m, n, k), dots_taps(6), _ROW, team, work=time
        )  # fmt: skip
        return True
    width = 3 * vector
    if count * -(-n // width) < 2 * team and count * -(-n // width) % team:
        width = 2 * vector  # two workers share four strips better than three
    panels, strips = -(-m // rows), count * -(-n // width)
    parts = 1 if strips >= 4 * team or strips % team == 0 else min(panels, team)
    beyond = rows * vector if left[1][2] == 1 else 0  # what is turned is written by whole vectors
    kind = a.dtype
    _gemm(
        *left, *right, out.reshape(-1), (count, m, n, k), add, np.arange(min(k, _DEPTH)) * width, np.zeros(rows, kind),
        np.empty(count * panels * (k * rows + beyond), kind), rows, width, vector, _DEPTH, parts, team, work=time,
    )  # fmt: skip
    return True


def _by_blas(a: Any, b: Any, out: Any = None) -> Any:
    """Multiply by BLAS, on one thread where the product is one that it would split."""
    if a.size + b.size > _SPLIT and compiled_kernels():
        leave_blas_one_thread()
    # dot takes 0.9 us where matmul takes 2.2, for 8 x 16 by 16 x 16.
    return a.dot(b, out) if a.ndim == b.ndim == 2 else np.matmul(a, b, out=out)


def gemm(a: Any, b: Any, out: Any, add: bool = False) -> Any:
    """Write the product of two matrices, or add it.

    Args:
        a: (M, K), however it lies in memory.
        b: (K, N), likewise.
        out: (M, N), C-contiguous.
        add: whether to add to ``out``.

    Returns:
        ``out``.
    """
    if not (_worth(a, b) and _multiply(a[None], b[None], out, add)):
        if add:
            out += _by_blas(a, b)
        else:
            _by_blas(a, b, out)
    return out


def affine(a: Any, b: Any, bias: Any) -> Any:
    """Return the product of two matrices, (M, K) and (K, N), plus a row of (N,) or None."""
    if bias is None:
        return matmul(a, b)
    small = a.size * b.shape[1] < _SMALL
    if small or _worth(a, b):
        # To write the row into all rows first is faster than to let numpy add it to each.
        out = np.empty((a.shape[0], b.shape[1]), a.dtype)
        out[...] = bias
        if small:
            out += a.dot(b)
            return out
        if _multiply(a[None], b[None], out, True):
            return out
    out = matmul(a, b)
    out += bias
    return out


def matmul(a: Any, b: Any) -> Any:
    """Return products of (..., M, K) and (..., K, N), by numpy's rules of broadcasting."""
    if a.size * b.shape[-1] < _SMALL:
        return a.dot(b) if a.ndim == b.ndim == 2 else np.matmul(a, b)
    if a.ndim < 2 or b.ndim < 2 or not _worth(a, b):
        return _by_blas(a, b)
    m, k, n = a.shape[-2], a.shape[-1], b.shape[-1]
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    if b.ndim == 2 and a.flags.c_contiguous:
        left, right = a.reshape(1, -1, k), b[None]  # one tall matrix
    else:
        left, right = (
            (x if x.shape[:-2] == batch else np.broadcast_to(x, (*batch, *x.shape[-2:]))).reshape(-1, *x.shape[-2:])
            if batch
            else x[None]
            for x in (a, b)
        )
    out = np.empty((*batch, m, n), a.dtype)
    return out if _multiply(left, right, out, False) else _by_blas(a, b)
