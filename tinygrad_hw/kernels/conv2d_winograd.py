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

__all__ = ["both_ways", "enter_block", "sharing", "winograd"]

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


def both_ways(w: Any, square: list[list[Any]], rule: str) -> list[list[Any]]:
    """Apply a rule to the columns of a square of vectors, then to its rows."""
    columns = [_combine(w, list(column), rule) for column in zip(*square, strict=True)]
    return [_combine(w, list(row), rule) for row in zip(*columns, strict=True)]


def _columns(w: Any, number: int) -> int:
    """Return how many columns of outputs one of ``number`` pieces of a vector of squares has."""
    return 2 * int(w.lanes) // number


def _pieces(w: Any, kind: Any, places: Any, number: int) -> list[list[Any]]:
    """Read what is told of each piece: three numbers."""
    return [[w.builder.load(w.at(kind, places, w.constant(3 * g + i))) for i in range(3)] for g in range(number)]


def _enter(number: int) -> Any:
    from numba import types
    from numba.extending import intrinsic

    @intrinsic
    def enter(
        typing: Any, x: Any, places: Any, plane: Any, h: Any, width: Any, channels: Any,
        out: Any, to: Any, leap: Any, pitch: Any,
    ) -> Any:  # fmt: skip
        def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            x, places, plane, h, width, channels, out, to, leap, pitch = values
            w = Writer(context, builder, signature.args[0])
            out = w.at(signature.args[6], out, to)
            images, inside = [], []
            for at, row, column in _pieces(w, signature.args[1], places, number):
                images.append(w.at(signature.args[0], x, at))
                masks = []
                for shift in (0, 2):  # the lanes whose column is inside the image
                    first = builder.add(column, w.constant(shift))
                    masks.append(
                        builder.and_(w.first(builder.sub(width, first)), builder.not_(w.first(builder.neg(first))))
                    )
                for r in range(4):
                    line = builder.add(row, w.constant(r))
                    is_inside = w.splat(
                        builder.and_(builder.icmp_signed(">=", line, w.constant(0)), builder.icmp_signed("<", line, h))
                    )
                    inside.append([builder.and_(m, is_inside) for m in masks])
            half = _columns(w, 4)
            together = [*range(half), *range(w.lanes, w.lanes + half)]
            even, odd = list(range(0, 2 * w.lanes, 2)), list(range(1, 2 * w.lanes, 2))
            with w.loop(w.constant(0), channels) as (c, _):
                square = []
                for r in range(4):
                    line = []
                    for i, shift in enumerate((0, 2)):
                        v = [
                            w.load_first(
                                w.step(image, builder.mul(c, plane), w.times(width, r), shift), inside[4 * g + r][i]
                            )
                            for g, image in enumerate(images)
                        ]
                        if number == 4:
                            v = [w.shuffle(v[0], v[1], together), w.shuffle(v[2], v[3], together)]
                        line += [w.shuffle(*v, even), w.shuffle(*v, odd)]
                    square.append(line)
                target = w.step(out, builder.mul(c, pitch))
                for i, line in enumerate(both_ways(w, square, "0-2 1+2 2-1 1-3")):
                    for j, value in enumerate(line):
                        w.store(value, w.step(target, w.times(leap, 4 * i + j)))
            return context.get_dummy_value()

        i = types.int64
        return types.void(x, places, i, i, i, i, out, i, i, i), build

    return enter


#: enter_2(x, places, plane, h, width, channels, out, to, leap, pitch)
#:
#: For each channel, take a vector of squares of 4x4, two columns apart; write the 16 elements of B d B^T at distances
#: of ``leap``, channels at distances of ``pitch``. The vector is made of two pieces, or of four, so that lines of few
#: squares can share it: 64 images of 64 x 8 x 8 take 0.84 ms instead of 1.52. ``places`` has three numbers for each
#: piece: where its first square begins in ``x``, and in which row and column of the image, if that is inside.
enter_2 = Intrinsic(lambda: _enter(2))
enter_4 = Intrinsic(lambda: _enter(4))


def _leave(number: int) -> Any:
    from numba import types
    from numba.extending import intrinsic

    @intrinsic
    def leave(
        typing: Any, sums: Any, at: Any, leap: Any, pitch: Any, bias: Any, channel: Any, here: Any,
        out: Any, places: Any, plane: Any, width: Any, least: Any,
    ) -> Any:  # fmt: skip
        def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            sums, at, leap, pitch, bias, channel, here, out, places, plane, width, least = values
            w = Writer(context, builder, signature.args[0])
            sums = w.at(signature.args[0], sums, at)
            bias = w.at(signature.args[4], bias, channel)
            targets, masks = [], []
            for to, rows, n in _pieces(w, signature.args[8], places, number):
                targets.append(w.at(signature.args[7], out, to))
                mask = w.first(n)
                masks.append(
                    [builder.and_(mask, w.splat(builder.icmp_signed(">", rows, w.constant(r)))) for r in (0, 1)]
                )
            least = w.splat(least)
            half = w.lanes // 2
            upper = [*range(half, w.lanes), *range(half)]
            with w.loop(w.constant(0), here) as (m, _):
                source = w.step(sums, builder.mul(m, pitch))
                square = [[w.load(w.step(source, w.times(leap, 4 * i + j))) for j in range(4)] for i in range(4)]
                start = w.splat(builder.load(w.step(bias, m)))
                for r, line in enumerate(both_ways(w, square, "0+1+2 1-2-3")):
                    results = []
                    for value in line:
                        value = builder.fadd(value, start)
                        results.append(builder.select(builder.fcmp_ordered("<", value, least), least, value))
                    pieces = []
                    for first in (0, half):
                        order = [x for i in range(first, first + half) for x in (i, i + w.lanes)]
                        pieces.append(w.shuffle(*results, order))
                        if number == 4:
                            pieces.append(w.shuffle(pieces[-1], pieces[-1], upper))
                    for piece, target, mask in zip(pieces, targets, masks, strict=True):
                        w.store_first(piece, w.step(target, builder.mul(m, plane), w.times(width, r)), mask[r])
            return context.get_dummy_value()

        i = types.int64
        return types.void(sums, i, i, i, bias, i, i, out, places, i, i, out.dtype), build

    return leave


#: leave_2(sums, at, leap, pitch, bias, channel, here, out, places, plane, width, least)
#:
#: For each of ``here`` channels, make a vector of squares of 2x2 outputs of their 16 sums, add the bias, and write
#: them, numbers below ``least`` as ``least``. ``places`` has three numbers for each piece: where it goes in ``out``,
#: and how many rows and columns of it are wanted.
leave_2 = Intrinsic(lambda: _leave(2))
leave_4 = Intrinsic(lambda: _leave(4))


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
def enter_block(
    x: Any, begin: int, end: int, shape: Any, padding: Any, pitch: int, vector: int, pieces: int, narrow: bool,
    places: Any, entered: Any,
) -> None:  # fmt: skip
    """Write B d B^T of lines of squares as (16, channels, squares), flat; arguments as in ``_convolve``."""
    _, channels, h, w, _, oh, ow = shape
    down, across = (oh + 1) // 2, (ow + 1) // 2
    room = 2 * vector // pieces  # columns of a piece
    vectors = (across + vector - 1) // vector  # of a line, if a line has several
    for unit in range((end - begin + pieces - 1) // pieces if narrow else (end - begin) * vectors):
        for g in range(pieces):
            line = begin + (unit * pieces + g if narrow else unit // vectors)
            column = (0 if narrow else unit % vectors * 2 * vector + g * room) - padding[1]
            n, y = line // down, line % down
            row = 2 * y - padding[0] if line < end else -4
            places[3 * g] = n * channels * h * w + row * w + column
            places[3 * g + 1] = row
            places[3 * g + 2] = column
        to = unit * vector if narrow else unit // vectors * across + unit % vectors * vector
        a = (x, places, h * w, h, w, channels, entered, to, channels * pitch, pitch)
        if pieces == 2:
            enter_2(*a)
        else:
            enter_4(*a)


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
    pieces: Any,
    narrow: Any,
    relu: Any,
    workers: Any,
) -> None:
    """Do one worker's share of ``_convolve``."""
    total, channels, _, _, outputs, oh, ow = shape
    down, across = (oh + 1) // 2, (ow + 1) // 2
    tiles = (outputs + rows - 1) // rows
    all_lines = total * down
    room = 2 * vector // pieces  # columns of a piece
    vectors = (across + vector - 1) // vector  # of a line, if a line has several
    entered = np.empty(16 * channels * pitch, x.dtype)
    sums = np.empty(16 * rows * pitch, x.dtype)
    places = np.empty(3 * pieces, np.int64)
    least = out.dtype.type(0 if relu else -np.inf)
    blocks = (all_lines + lines - 1) // lines
    for block in range(worker * blocks // workers, (worker + 1) * blocks // workers):
        begin, end = block * lines, min(all_lines, block * lines + lines)
        here_lines = end - begin
        units = (here_lines + pieces - 1) // pieces if narrow else here_lines * vectors
        enter_block(x, begin, end, shape, padding, pitch, vector, pieces, narrow, places, entered)
        count = here_lines * (vector // pieces if narrow else across)
        for tile in range(tiles):
            for p in range(16):
                t = 0
                while t < count:
                    left = count - t
                    n_here = (
                        3 * vector if left > 2 * vector and (left <= 3 * vector or left > 4 * vector) else 2 * vector
                    )
                    b = (
                        entered, p * channels * pitch + t, offsets, 0, channels,
                        weights, (tile * 16 + p) * channels * rows, zeros, 0, True,
                        sums, p * rows * pitch + t, pitch, n_here, rows,
                    )  # fmt: skip
                    if n_here > 2 * vector:
                        tile_3(*b)
                    elif n_here > vector:
                        tile_2(*b)
                    else:
                        tile_1(*b)
                    t += n_here
            channel = tile * rows
            here = min(rows, outputs - channel)
            for unit in range(units):
                for g in range(pieces):
                    line = begin + (unit * pieces + g if narrow else unit // vectors)
                    column = 0 if narrow else unit % vectors * 2 * vector + g * room
                    n, y = line // down, line % down
                    places[3 * g] = ((n * outputs + channel) * oh + 2 * y) * ow + column
                    places[3 * g + 1] = oh - 2 * y if line < end else 0
                    places[3 * g + 2] = min(room, ow - column)
                at = unit * vector if narrow else unit // vectors * across + unit % vectors * vector
                c = (sums, at, rows * pitch, pitch, bias, channel, here, out, places, oh * ow, ow, least)
                if pieces == 2:
                    leave_2(*c)
                else:
                    leave_4(*c)


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
    pieces: int,
    narrow: bool,
    relu: bool,
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
        pieces: of a vector of squares, two or four.
        narrow: whether each piece is a line of squares of its own; else they follow each other in a line.
        relu: whether to write ReLU of the sums.
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
            pieces,
            narrow,
            relu,
            workers,
        )


def sharing(across: int, vector: int) -> tuple[int, bool]:
    """Return of how many pieces a vector of squares is made, and whether each is a line of its own."""
    for number in (2, 4):
        if number <= vector and 0.85 * vector / number <= across <= vector // number:
            return number, True
    return 2, False


#: Bytes of a block of entered squares.
_BLOCK = 3 << 17


def winograd(x: Any, weight: Any, bias: Any, padding: Any, turned: bool, out: Any, relu: bool = False) -> Any:
    """Write the convolution of ``x`` with 3x3 windows, which move by one element.

    Args:
        x: (N, C, H, W), C-contiguous.
        weight: (O, C, 3, 3); or, if ``turned``, (C, O, 3, 3) with windows turned by 180 degrees.
        bias: (O,) or None.
        padding: zeros above and on the left.
        turned: see ``weight``.
        out: where to write, (N, O, OH, OW), C-contiguous.
        relu: whether to write ReLU of it.
    """
    n, channels = x.shape[:2]
    outputs, oh, ow = out.shape[1:]
    rows, vector = tile_rows(), lanes(x.itemsize)
    tiles = -(-outputs // rows)
    down, across = (oh + 1) // 2, (ow + 1) // 2
    pieces, narrow = sharing(across, vector)
    slot = vector // pieces if narrow else across
    step = pieces if narrow else 1
    # Of the blocks that fit, the largest of those that fill their vectors best.
    most = max(step, min(n * down, _BLOCK // (16 * channels * slot * x.itemsize), -(-4 * vector // slot)))
    lines = max(range(step, most + 1, step), key=lambda r: (r * slot / (-(-r * slot // vector) * vector), r))
    # An odd number of vectors: else the planes of a block would compete for the same places in the cache.
    pitch = (-(-(lines * slot) // vector) + 1 | 1) * vector
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
        (*x.shape, *out.shape[1:]), padding, lines, pitch, rows, vector, pieces, narrow, relu, team, work=time,
    )  # fmt: skip
    return out
