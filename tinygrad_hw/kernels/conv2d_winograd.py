"""3x3 convolution with 4 products instead of 9 for each pixel: Winograd's minimal filtering, F(2x2, 3x3).

A square of 2x2 outputs sees a square d of 4x4 inputs. With

        | 1  0 -1  0 |        | 1    0    0  |
    B = | 0  1  1  0 |    G = | 1/2  1/2 1/2 |    A = | 1 1  1  0 |
        | 0 -1  1  0 |        | 1/2 -1/2 1/2 |        | 0 1 -1 -1 |
        | 0  1  0 -1 |        | 0    0    1  |

the outputs are A [(G w G^T) * (B d B^T)] A^T, where * multiplies element by element: 16 products for 4 outputs. Summed
over channels, each of the 16 elements is a product of matrices (outputs x channels) and (channels x squares), which
the tiles of ``simd`` make. Squares are worked on in blocks, so that a block's B d B^T stays in the second-level cache.

All matrices hold small numbers, so the error against float64 stays near that of plain sums (0.8 to 1.2 times, measured
for 16 to 128 channels). An infinite input makes all four outputs of a square nan.

Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw.kernels.runtime import Intrinsic, kernel, workers
from tinygrad_hw.kernels.simd import Writer, lanes, tile_1, tile_2, tile_3, tile_rows

__all__ = ["winograd"]

prange = range


def _combine(w: Any, v: list[Any], rule: str) -> list[Any]:
    """Return sums and differences of vectors: for each word of the rule, such as ``"0-2"`` or ``"0+1+2"``."""
    results = []
    for word in rule.split():
        value = v[int(word[0])]
        for sign, number in zip(word[1::2], word[2::2], strict=True):
            value = (w.builder.fadd if sign == "+" else w.builder.fsub)(value, v[int(number)])
        results.append(value)
    return results


def _both_ways(w: Any, square: list[list[Any]], rule: str) -> list[list[Any]]:
    """Apply a rule to the columns of a square of vectors, then to its rows."""
    columns = [_combine(w, list(column), rule) for column in zip(*square, strict=True)]
    return [_combine(w, list(row), rule) for row in zip(*columns, strict=True)]


def _enter() -> Any:
    from numba import types
    from numba.extending import intrinsic

    @intrinsic
    def enter(
        typing: Any, x: Any, at: Any, plane: Any, row: Any, h: Any, column: Any, width: Any, channels: Any,
        out: Any, to: Any, leap: Any, pitch: Any,
    ) -> Any:  # fmt: skip
        def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            x, at, plane, row, h, column, width, channels, out, to, leap, pitch = values
            w = Writer(context, builder, signature.args[0])
            x = w.at(signature.args[0], x, at)
            out = w.at(signature.args[8], out, to)
            starts = [0, w.lanes, 2, w.lanes + 2]
            # Lanes whose column is inside the image.
            masks = []
            for start in starts:
                first = builder.add(column, w.constant(start))
                masks.append(
                    builder.and_(w.first(builder.sub(width, first)), builder.not_(w.first(builder.neg(first))))
                )
            inside = []
            for r in range(4):
                line = builder.add(row, w.constant(r))
                is_inside = builder.and_(
                    builder.icmp_signed(">=", line, w.constant(0)), builder.icmp_signed("<", line, h)
                )
                inside.append([builder.and_(m, w.splat(is_inside)) for m in masks])
            even, odd = list(range(0, 2 * w.lanes, 2)), list(range(1, 2 * w.lanes, 2))
            with w.loop(w.constant(0), channels) as (c, _):
                image = w.step(x, builder.mul(c, plane))
                square = []
                for r in range(4):
                    line = w.step(image, w.times(width, r))
                    a, b, c2, d = (w.load_first(w.step(line, s), m) for s, m in zip(starts, inside[r], strict=True))
                    square.append(
                        [w.shuffle(a, b, even), w.shuffle(a, b, odd), w.shuffle(c2, d, even), w.shuffle(c2, d, odd)]
                    )
                target = w.step(out, builder.mul(c, pitch))
                for i, line in enumerate(_both_ways(w, square, "0-2 1+2 2-1 1-3")):
                    for j, value in enumerate(line):
                        w.store(value, w.step(target, w.times(leap, 4 * i + j)))
            return context.get_dummy_value()

        i = types.int64
        return types.void(x, i, i, i, i, i, i, i, out, i, i, i), build

    return enter


#: enter(x, at, plane, row, h, column, width, channels, out, to, leap, pitch)
#:
#: For each channel, take a vector of squares of 4x4, two columns apart, of which the first begins in ``row`` and
#: ``column`` of the image (``x[at]``, if that is inside); write the 16 elements of B d B^T at distances of ``leap``,
#: channels at distances of ``pitch``.
enter = Intrinsic(_enter)


def _leave() -> Any:
    from numba import types
    from numba.extending import intrinsic

    @intrinsic
    def leave(
        typing: Any, sums: Any, at: Any, leap: Any, pitch: Any, bias: Any, channel: Any, here: Any,
        out: Any, to: Any, plane: Any, width: Any, rows: Any, n: Any,
    ) -> Any:  # fmt: skip
        def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            sums, at, leap, pitch, bias, channel, here, out, to, plane, width, rows, n = values
            w = Writer(context, builder, signature.args[0])
            sums = w.at(signature.args[0], sums, at)
            bias = w.at(signature.args[4], bias, channel)
            out = w.at(signature.args[7], out, to)
            masks = [w.first(n), w.first(builder.sub(n, w.constant(w.lanes)))]
            second = w.splat(builder.icmp_signed(">", rows, w.constant(1)))
            with w.loop(w.constant(0), here) as (m, _):
                source = w.step(sums, builder.mul(m, pitch))
                square = [[w.load(w.step(source, w.times(leap, 4 * i + j))) for j in range(4)] for i in range(4)]
                start = w.splat(builder.load(w.step(bias, m)))
                for r, line in enumerate(_both_ways(w, square, "0+1+2 1-2-3")):
                    results = []
                    for value in line:
                        results.append(builder.fadd(value, start))
                    target = w.step(out, builder.mul(m, plane), w.times(width, r))
                    for half, mask in enumerate(masks):
                        first = half * w.lanes // 2
                        order = [x for i in range(first, first + w.lanes // 2) for x in (i, i + w.lanes)]
                        here_mask = builder.and_(mask, second) if r else mask
                        w.store_first(w.shuffle(*results, order), w.step(target, half * w.lanes), here_mask)
            return context.get_dummy_value()

        i = types.int64
        return types.void(sums, i, i, i, bias, i, i, out, i, i, i, i, i), build

    return leave


#: leave(sums, at, leap, pitch, bias, channel, here, out, to, plane, width, rows, n)
#:
#: For each of ``here`` channels, make a vector of squares of 2x2 outputs of their 16 sums, add the bias, and write
#: ``n`` columns and ``rows`` rows of them.
leave = Intrinsic(_leave)


@kernel(parallel=True)
def _weights(
    w: Any, by_output: int, by_channel: int, outputs: int, channels: int, turned: bool, rows: int, out: Any
) -> None:
    """Write G w G^T as (tiles of outputs, 16, channels, rows), flat; of turned windows if ``turned``."""
    half = out.dtype.type(0.5)
    for tile in prange((outputs + rows - 1) // rows):
        g = np.empty((3, 3), out.dtype)
        lines = np.empty((4, 3), out.dtype)
        for m in range(rows):
            o = tile * rows + m
            for c in range(channels):
                to = tile * 16 * channels * rows + c * rows + m
                if o >= outputs:
                    for p in range(16):
                        out[to + p * channels * rows] = 0
                    continue
                at = o * by_output + c * by_channel
                for i in range(3):
                    for j in range(3):
                        g[i, j] = w[at + (8 - 3 * i - j if turned else 3 * i + j)]
                for j in range(3):
                    ends = half * (g[0, j] + g[2, j])
                    middle = half * g[1, j]
                    lines[0, j], lines[1, j], lines[2, j], lines[3, j] = g[0, j], ends + middle, ends - middle, g[2, j]
                for i in range(4):
                    ends = half * (lines[i, 0] + lines[i, 2])
                    middle = half * lines[i, 1]
                    p = to + 4 * i * channels * rows
                    step = channels * rows
                    out[p] = lines[i, 0]
                    out[p + step] = ends + middle
                    out[p + 2 * step] = ends - middle
                    out[p + 3 * step] = lines[i, 2]


@kernel()
def _convolve_share(
    worker: Any,
    x: Any,
    weights: Any,
    offsets: Any,
    bias: Any,
    zeros: Any,
    out: Any,
    shape: Any,
    padding: Any,
    lines: Any,
    pitch: Any,
    rows: Any,
    vector: Any,
    workers: Any,
) -> None:
    """Do one worker's share of ``_convolve``."""
    total, channels, h, w, outputs, oh, ow = shape
    down, across = (oh + 1) // 2, (ow + 1) // 2
    tiles = (outputs + rows - 1) // rows
    all_lines = total * down
    entered = np.empty(16 * channels * pitch, x.dtype)
    sums = np.empty(16 * rows * pitch, x.dtype)
    for block in range(worker, (all_lines + lines - 1) // lines, workers):
        begin, end = block * lines, min(all_lines, block * lines + lines)
        for line in range(begin, end):
            n, y = line // down, line % down
            row = 2 * y - padding[0]
            for q in range(0, across, vector):
                column = 2 * q - padding[1]
                at = n * channels * h * w + row * w + column
                enter(
                    x, at, h * w, row, h, column, w, channels,
                    entered, (line - begin) * across + q, channels * pitch, pitch,
                )  # fmt: skip
        count = (end - begin) * across
        for tile in range(tiles):
            for p in range(16):
                t = 0
                while t < count:
                    left = count - t
                    n_here = (
                        3 * vector if left > 2 * vector and (left <= 3 * vector or left > 4 * vector) else 2 * vector
                    )
                    a = (
                        entered, p * channels * pitch + t, offsets, 0, channels,
                        weights, (tile * 16 + p) * channels * rows, zeros, 0, True,
                        sums, p * rows * pitch + t, pitch, n_here, rows,
                    )  # fmt: skip
                    if n_here > 2 * vector:
                        tile_3(*a)
                    elif n_here > vector:
                        tile_2(*a)
                    else:
                        tile_1(*a)
                    t += n_here
            channel = tile * rows
            here = min(rows, outputs - channel)
            for line in range(begin, end):
                n, y = line // down, line % down
                for q in range(0, across, vector):
                    leave(
                        sums, (line - begin) * across + q, rows * pitch, pitch, bias, channel, here,
                        out, ((n * outputs + channel) * oh + 2 * y) * ow + 2 * q, oh * ow, ow,
                        oh - 2 * y, ow - 2 * q,
                    )  # fmt: skip


@kernel(parallel=True)
def _convolve(
    x: Any,
    weights: Any,
    offsets: Any,
    bias: Any,
    zeros: Any,
    out: Any,
    shape: Any,
    padding: Any,
    lines: int,
    pitch: int,
    rows: int,
    vector: int,
    workers: int,
) -> None:
    """Convolve ``x`` (N, C, H, W) into ``out`` (N, O, OH, OW), both given flat.

    Args:
        x: the images.
        weights: as ``_weights`` writes them.
        offsets: where each channel begins in a block.
        bias: (O,), filled up to whole tiles.
        zeros: as many.
        out: where to write.
        shape: (N, C, H, W, O, OH, OW).
        padding: zeros above and on the left.
        lines: rows of squares in a block, of one or several examples.
        pitch: room for a block's squares.
        rows: output channels of a tile.
        vector: numbers in a vector.
        workers: how many workers share the blocks.
    """
    for worker in prange(workers):
        _convolve_share(
            np.int64(worker),
            x,
            weights,
            offsets,
            bias,
            zeros,
            out,
            shape,
            padding,
            lines,
            pitch,
            rows,
            vector,
            workers,
        )


#: Bytes of a block of entered squares.
_BLOCK = 3 << 17


def winograd(x: Any, weight: Any, bias: Any, padding: Any, turned: bool, out: Any) -> Any:
    """Write the convolution of ``x`` with 3x3 windows, which move by one element.

    Args:
        x: (N, C, H, W), C-contiguous.
        weight: (O, C, 3, 3); or, if ``turned``, (C, O, 3, 3) with windows turned by 180 degrees.
        bias: (O,) or None.
        padding: zeros above and on the left.
        turned: see ``weight``.
        out: where to write, (N, O, OH, OW), C-contiguous.
    """
    n, channels = x.shape[:2]
    outputs, oh, ow = out.shape[1:]
    rows, vector = tile_rows(), lanes(x.itemsize)
    tiles = -(-outputs // rows)
    down, across = (oh + 1) // 2, (ow + 1) // 2
    # Of the blocks that fit, the largest of those that fill their vectors best.
    most = max(1, min(n * down, _BLOCK // (16 * channels * across * x.itemsize), -(-4 * vector // across)))
    lines = max(range(1, most + 1), key=lambda r: (r * across / (-(-r * across // vector) * vector), r))
    # An odd number of vectors: else the planes of a block would compete for the same places in the cache.
    pitch = (-(-(lines * across) // vector) + 1 | 1) * vector
    begin = np.zeros(tiles * rows, x.dtype)
    if bias is not None:
        begin[:outputs] = bias
    packed = np.empty(tiles * 16 * channels * rows, x.dtype)
    steps = (9, 9 * outputs) if turned else (9 * channels, 9)
    time = 16 * n * down * across * channels * outputs / (5 * vector)
    team = workers(time)
    weight = np.ascontiguousarray(weight).reshape(-1)
    _weights(weight, *steps, outputs, channels, turned, rows, packed, work=20 * outputs * channels)
    _convolve(
        x.reshape(-1), packed, np.arange(channels) * pitch, begin, np.zeros(rows, x.dtype), out.reshape(-1),
        (*x.shape, *out.shape[1:]), padding, lines, pitch, rows, vector, team, work=time,
    )  # fmt: skip
    return out
