"""The gradient of 3x3 windows with 4 products instead of 9 for each pixel: Winograd's F(3x3, 2x2).

A square g of 2x2 of the output's gradient meets a square d of 4x4 of the image, and gives 3x3 sums. They are
C [(E g E^T) * (B d B^T)] C^T, where B is that of the forward pass (see ``conv2d_winograd``), and

        | 1  0 |        | 1  1/2  1/2  0 |
    E = | 1  1 |    C = | 0  1/2 -1/2  0 |
        | 1 -1 |        | 0  1/2  1/2 -1 |
        | 0  1 |

Added up over squares, each of the 16 elements is a product of matrices (channels x squares) and (squares x outputs),
which ``outer`` of ``simd`` makes. C comes last, once.

Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw.kernels.conv2d_winograd import both_ways, enter_block, sharing
from tinygrad_hw.kernels.runtime import Intrinsic, kernel, workers
from tinygrad_hw.kernels.simd import Writer, lanes, outer_1, outer_2, outer_3, outer_4, outer_rows, turn

__all__ = ["takes", "winograd_weight_grad"]

prange = range


def _spread() -> Any:
    from numba import types
    from numba.extending import intrinsic

    @intrinsic
    def spread(typing: Any, g: Any, row: Any, squares: Any, columns: Any, out: Any, to: Any, leap: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            g, row, squares, columns, out, to, leap = values
            w = Writer(context, builder, signature.args[0])
            g, out = w.at(signature.args[0], g), w.at(signature.args[4], out, to)
            width = w.times(columns, w.lanes)
            with w.loop(w.constant(0), squares) as (q, _), w.loop(w.constant(0), columns) as (v, _):
                here = w.times(v, w.lanes)
                source = w.step(g, builder.mul(w.times(q, 2), width), here)
                square = [
                    [w.load(w.step(line, 0)), w.load(w.step(line, width))] for line in (source, w.step(source, row))
                ]
                target = w.step(out, builder.mul(q, width), here)
                for i, line in enumerate(both_ways(w, square, "0 0+1 0-1 1")):
                    for j, value in enumerate(line):
                        w.store(value, w.step(target, w.times(leap, 4 * i + j)))
            return context.get_dummy_value()

        i = types.int64
        return types.void(g, i, i, i, out, i, i), build

    return spread


#: spread(g, row, squares, columns, out, to, leap)
#:
#: Take squares of 2x2 pixels, side by side in two rows at a distance of ``row``; a pixel has ``columns`` vectors of
#: channels. Write the 16 elements of E g E^T at distances of ``leap``.
spread = Intrinsic(_spread)


@kernel()
def _share(
    worker: Any,
    x: Any,
    g: Any,
    offsets: Any,
    out: Any,
    shape: Any,
    padding: Any,
    lines: Any,
    pitch: Any,
    strips: Any,
    vector: Any,
    pieces: Any,
    narrow: Any,
    chunks: Any,
    workers: Any,
) -> None:
    """Do one worker's share of ``_correlate``."""
    total, channels, _, _, outputs, oh, ow = shape
    down, across = (oh + 1) // 2, (ow + 1) // 2
    all_lines = total * down
    size = out.size // chunks
    room = (2 * across + vector - 1) // vector * vector  # pixels of a row of g
    entered = np.empty(16 * channels * pitch, x.dtype)
    turned = np.empty(2 * room * 4 * vector, x.dtype)
    spreads = np.empty(16 * pitch * 4 * vector, x.dtype)
    places = np.empty(3 * pieces, np.int64)
    for chunk in range(worker * chunks // workers, (worker + 1) * chunks // workers):
        stop = (chunk + 1) * all_lines // chunks
        for begin in range(chunk * all_lines // chunks, stop, lines):
            end = min(stop, begin + lines)
            count = (end - begin) * across
            enter_block(x, begin, end, shape, padding, pitch, vector, pieces, narrow, places, entered)
            for s in range(strips.shape[0]):
                channel, columns, rows, to = strips[s]
                width = columns * vector
                for line in range(begin, end):
                    n, y = line // down, line % down
                    for r in range(2):
                        source = ((n * outputs + channel) * oh + 2 * y + r) * ow
                        inside = ow if 2 * y + r < oh else 0
                        for q in range(0, room, vector):
                            for v in range(columns):
                                turn(
                                    g, source + v * vector * oh * ow + q, oh * ow, outputs - channel - v * vector,
                                    inside - q, turned, (r * room + q) * width + v * vector, width,
                                )  # fmt: skip
                    spread(
                        turned, room * width, across, columns, spreads, (line - begin) * across * width, pitch * width
                    )
                for p in range(16):
                    for k in range(0, channels, rows):
                        place = chunk * size + to + (p * offsets.size + k) * width
                        a = (
                            entered, p * channels * pitch, offsets, k, 0, 1,
                            spreads, p * pitch * width, 1, count, out, place,
                        )  # fmt: skip
                        if columns == 1:
                            outer_1(*a)
                        elif columns == 2:
                            outer_2(*a)
                        elif columns == 3:
                            outer_3(*a)
                        else:
                            outer_4(*a)


@kernel(parallel=True)
def _correlate(
    x: Any,
    g: Any,
    offsets: Any,
    out: Any,
    shape: Any,
    padding: Any,
    lines: int,
    pitch: int,
    strips: Any,
    vector: int,
    pieces: int,
    narrow: bool,
    chunks: int,
    workers: int,
) -> None:
    """Add up products of E g E^T and B d B^T.

    Args:
        x: (N, C, H, W), flat.
        g: (N, O, OH, OW), flat.
        offsets: where each channel begins in a block, filled up with others.
        out: (chunks, sums), flat, zeros; for each strip (16, offsets, channels of the strip).
        shape: (N, C, H, W, O, OH, OW).
        padding: zeros above and on the left of ``x``.
        lines: rows of squares in a block, of one or several examples.
        pitch: room for a block's squares.
        strips: (strips of output channels, 4): first channel, vectors of them, channels of ``x`` at a time, place in
            the sums.
        vector: numbers in a vector.
        pieces: of a vector of squares, two or four.
        narrow: whether each piece is a line of squares of its own.
        chunks: among how many sums the work is shared.
        workers: how many workers share the chunks.
    """
    for worker in prange(workers):
        _share(
            np.int64(worker),
            x,
            g,
            offsets,
            out,
            shape,
            padding,
            lines,
            pitch,
            strips,
            vector,
            pieces,
            narrow,
            chunks,
            workers,
        )


@kernel()
def _ends(x: Any, at: Any, step: Any, out: Any, to: Any, pitch: Any, width: Any) -> None:
    """Write (1, 1/2, 1/2, 0), (0, 1/2, -1/2, 0) and (0, 1/2, 1/2, -1) times four lines, ``pitch`` apart."""
    half = out.dtype.type(0.5)
    one, two, three = step, step + step, step + step + step
    for w in range(np.uint64(width)):
        b, c = half * x[at + one + w], half * x[at + two + w]
        out[to + w] = x[at + w] + b + c
        out[to + pitch + w] = b - c
        out[to + pitch + pitch + w] = b + c - x[at + three + w]


@kernel()
def _windows_of(
    channel: Any, sums: Any, strips: Any, filled: Any, vector: Any, channels: Any, outputs: Any, out: Any
) -> None:
    for s in range(strips.shape[0]):
        width = strips[s, 1] * vector
        squares = np.zeros(16 * width, out.dtype)
        lines, windows = np.empty(12 * width, out.dtype), np.empty(9 * width, out.dtype)
        for k in range(16):
            begin, to = np.uint64(strips[s, 3] + (k * filled + channel) * width), np.uint64(k * width)
            for part in range(sums.shape[0]):
                for w in range(np.uint64(width)):
                    squares[to + w] += sums[part, begin + w]
        line, row = np.uint64(width), np.uint64(4 * width)
        for j in range(np.uint64(4)):
            _ends(squares, j * line, row, lines, j * line, row, width)
        for i in range(np.uint64(3)):
            _ends(lines, i * row, line, windows, np.uint64(3) * i * line, line, width)
        for w in range(min(width, outputs - strips[s, 0])):
            to = ((strips[s, 0] + w) * channels + channel) * 9
            for k in range(9):
                out[to + k] = windows[k * width + w]


@kernel(parallel=True)
def _windows(sums: Any, strips: Any, filled: int, vector: int, channels: int, outputs: int, out: Any) -> None:
    """Add up the parts (chunks, strips of (16, filled, width)) and make windows of the squares, (O, C, 3, 3)."""
    for channel in prange(channels):
        _windows_of(np.int64(channel), sums, strips, filled, vector, channels, outputs, out)


#: Bytes of a block: entered squares and spread gradients.
_BLOCK = 1 << 19

#: Channels from which this way is faster than ``conv2d_direct``.
_FEWEST = 32

#: Into how many sums the squares are split, whatever the number of threads; and how many numbers they may have.
_CHUNKS, _ROOM = 8, 1 << 22


def _chunks(channels: int, outputs: int) -> int:
    return min(_CHUNKS, _ROOM // (16 * channels * outputs))


def takes(channels: int, outputs: int) -> bool:
    """Return whether this way is faster, for 3x3 windows that move by one element.

    With 128 channels it takes 0.66 of the time, with 32 or 64 0.73 to 0.92, with 16 1.3 times as long.
    """
    return min(channels, outputs) >= _FEWEST and _chunks(channels, outputs) >= 4


def winograd_weight_grad(x: Any, g: Any, padding: Any, out: Any) -> None:
    """Write the gradient with respect to 3x3 windows that move by one element.

    Args:
        x: (N, C, H, W), C-contiguous.
        g: (N, O, OH, OW), C-contiguous.
        padding: zeros above and on the left of ``x``.
        out: where to write, (O, C, 3, 3).
    """
    n, channels = x.shape[:2]
    outputs, oh, ow = g.shape[1:]
    vector = lanes(x.itemsize)
    down, across = (oh + 1) // 2, (ow + 1) // 2
    pieces, narrow = sharing(across, vector)
    if narrow and across != vector // pieces:
        pieces, narrow = 2, False
    most = max(1, _BLOCK // (16 * (channels + min(outputs, 4 * vector)) * across * x.itemsize))
    chunks = min(n * down, _chunks(channels, outputs))
    share = -(-n * down // chunks)
    lines = -(-share // -(-share // most))
    if narrow:
        lines = -(-lines // pieces) * pieces
    # An odd number of vectors, and room for a last one.
    pitch = (-(-(lines * across) // vector) + 1 | 1) * vector
    strips, size, filled = [], 0, 0
    shapes = [min(4, -(-(outputs - c) // vector)) for c in range(0, outputs, 4 * vector)]
    filled = max(-(-channels // outer_rows(columns)) * outer_rows(columns) for columns in shapes)
    for i, columns in enumerate(shapes):
        strips.append((4 * i * vector, columns, outer_rows(columns), size))
        size += 16 * filled * columns * vector
    sums = np.zeros((chunks, size), x.dtype)
    time = 16 * n * down * across * channels * outputs / (5 * vector)
    places = np.array(strips, np.int64)
    _correlate(
        x.reshape(-1), g.reshape(-1), np.arange(filled) % channels * pitch, sums.reshape(-1),
        (*x.shape, *g.shape[1:]), padding, lines, pitch, places, vector, pieces, narrow, chunks,
        workers(time), work=time,
    )  # fmt: skip
    _windows(sums, places, filled, vector, channels, outputs, out.reshape(-1), work=0.3 * sums.size)
