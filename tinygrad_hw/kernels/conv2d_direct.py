"""Loops of 2-D convolution: sums of shifted images, in tiles that stay in vector registers.

One weight of one input channel is multiplied into many places of the image at once: a tile of ``simd`` holds sums of
eight output channels and 48 places, and takes 24 vector multiply-adds for 3 loads of the image and 8 of weights,
whatever the window, stride or dilation. No columns are written.

What makes that work is the packing of the image. It is written once for each column of the window, shifted by that
column, and only as wide as the output is:

    packed[c, v, j, r, q] = x[c, top + (y + r) * step + v, shifts[j] + q * column_step],    0 outside

Then places of the output and of what they see follow each other without gaps, from row to row, and a window's row is
an offset. Rows that a stride keeps apart are in phases v of their own. The gradient with respect to the input is such a
sum too, of the output's gradient and the turned window; with a stride, one for each phase of the input.

Large images are packed in blocks of rows, so that a block stays in the second-level cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw.kernels.runtime import kernel
from tinygrad_hw.kernels.simd import (
    copy_halves,
    copy_lines,
    tile_1,
    tile_2,
    tile_3,
    tile_one,
)

__all__ = ["convolve", "pack"]

prange = range


@kernel()
def pack(
    x: Any, base: int, channels: int, h: int, w: int, y: int, lines: int, place: Any, lanes: Any, clear: bool, out: Any
) -> None:
    """Write an image's rows as the loops read them.

    Args:
        x: flat images of ``h`` x ``w``.
        base: where the first channel begins.
        channels: how many.
        h: rows of an image.
        w: columns of an image.
        y: the first row of the output that is worked on.
        lines: how many packed rows are needed.
        place: (top, row step, phases, width, column step, plane): the row that the window sees first, how far apart
            rows are, phases of rows, columns of the output, how far apart columns are, size of a packed plane.
        lanes: (columns of the window, 3): shift, first column of the output whose place is inside, how many are.
        clear: whether rows outside must be written, because other rows of the image were there.
        out: where to write, flat; zeros at first.
    """
    top, step, phases, width, column_step, plane = place
    columns = lanes.shape[0]
    for v in range(phases):
        # The packed rows whose places are inside the image.
        begin = top + y * step + v
        first = min(lines, (-begin + step - 1) // step if begin < 0 else 0)
        last = max(first, min(lines, (h - begin + step - 1) // step))
        for c in range(channels):
            source = base + (c * h + begin + first * step) * w
            for j in range(columns):
                line = ((c * phases + v) * columns + j) * plane
                if clear:
                    for q in range(line, line + first * width):
                        out[q] = 0
                    for q in range(line + last * width, line + lines * width):
                        out[q] = 0
                s, t = source + lanes[j, 0] + lanes[j, 1] * column_step, line + first * width + lanes[j, 1]
                count = lanes[j, 2]
                if column_step == 1:
                    copy_lines(x, s, step * w, out, t, width, count, last - first)
                elif column_step == 2:
                    copy_halves(x, s, step * w, out, t, width, count, last - first)
                else:
                    for r in range(last - first):
                        for q in range(count):
                            out[t + r * width + q] = x[s + r * step * w + q * column_step]


@kernel()
def _scatter(
    sums: Any, begin: int, here: int, t: int, n: int, width: int, phase: Any, out: Any, at: int, leap: int, w: int
) -> None:
    """Write ``n`` places of ``here`` channels, from place ``t`` on, into a phase of the output."""
    for m in range(here):
        q = 0
        while q < n:
            row, column = (t + q) // width, (t + q) % width
            count = width - column
            count = count if count < n - q else n - q
            inside = phase[3] - column
            inside = inside if inside < count else count
            if row < phase[2]:
                to = at + m * leap + (phase[4] + row * phase[6]) * w + phase[5] + column * phase[7]
                for i in range(inside):
                    out[to + i * phase[7]] = sums[begin + m * n + q + i]
            q += count


@kernel()
def _convolve_share(
    worker: Any,
    x: Any,
    weights: Any,
    offsets: Any,
    bias: Any,
    out: Any,
    shape: Any,
    phases: Any,
    place: Any,
    lanes: Any,
    lines: Any,
    reach: Any,
    rows: Any,
    vector: Any,
    depth: Any,
    direct: Any,
    relu: Any,
    parts: Any,
    workers: Any,
) -> None:
    """Do one worker's share of ``convolve``."""
    total, channels, h, w, outputs, oh, ow, groups = shape
    width, plane = place[3], place[5]
    channels_here, outputs_here = channels // groups, outputs // groups
    tiles = (outputs_here + rows - 1) // rows
    highest = 0
    for p in range(phases.shape[0]):
        highest = max(highest, phases[p, 2])
    blocks = (highest + lines - 1) // lines
    packed = channels_here * place[2] * lanes.shape[0] * plane
    image = np.zeros(1 if direct else packed + 8 * vector, x.dtype)
    sums = np.empty(tiles * rows * 8 * vector, x.dtype)
    zero = out.dtype.type(0)
    items = total * blocks * groups * parts
    for item in range(worker * items // workers, (worker + 1) * items // workers):
        part, group = item % parts, item // parts % groups
        block, n = item // (parts * groups) % blocks, item // (parts * groups * blocks)
        y = block * lines
        last_row = min(highest, y + lines)
        base = (n * channels + group * channels_here) * h * w
        if direct:
            seen, see = x, base + y * width
        else:
            pack(x, base, channels_here, h, w, y, last_row - y + reach, place, lanes, blocks > 1, image)
            seen, see = image, 0
        for p in range(phases.shape[0]):
            phase = phases[p]
            count = (min(last_row, phase[2]) - y) * width
            first, last = phase[0], phase[1]
            begin_out = (n * outputs + group * outputs_here) * oh * ow
            straight = phase[3] == width and width == ow and phase[6] == 1 and phase[7] == 1 and phase[5] == 0
            t = 0
            while t < count:
                left = count - t
                if rows == 1:
                    n_here = min(left, 8 * vector)
                elif left > 2 * vector and left != 4 * vector:
                    n_here = min(left, 3 * vector)
                else:
                    n_here = min(left, 2 * vector)
                for k in range(first, max(last, first + 1), depth):
                    end = min(k + depth, last)
                    for tile in range(part, tiles, parts):
                        channel = tile * rows
                        here = min(rows, outputs_here - channel)
                        if straight:
                            at, step, target = begin_out + (channel * oh + phase[4] + y) * ow + t, oh * ow, out
                        else:
                            at, step, target = channel * n_here, n_here, sums
                        team = group * tiles + tile
                        a = (
                            seen, see + t, offsets, k, end, weights, team * offsets.size * rows, bias, team * rows,
                            k == first, target, at, step, n_here, here,
                        )  # fmt: skip
                        if rows == 1:
                            tile_one(*a)
                        elif n_here > 2 * vector:
                            tile_3(*a)
                        elif n_here > vector:
                            tile_2(*a)
                        else:
                            tile_1(*a)
                if not straight:
                    for tile in range(part, tiles, parts):
                        channel = tile * rows
                        _scatter(
                            sums, channel * n_here, min(rows, outputs_here - channel), y * width + t, n_here, width,
                            phase, out, begin_out + channel * oh * ow, oh * ow, ow,
                        )  # fmt: skip
                t += n_here
        if relu:
            for tile in range(part, tiles, parts):
                for channel in range(tile * rows, min(tile * rows + rows, outputs_here)):
                    at = ((n * outputs + group * outputs_here + channel) * oh + y) * ow
                    for q in range(at, at + (last_row - y) * ow):
                        out[q] = zero if out[q] < zero else out[q]


@kernel(parallel=True)
def convolve(
    x: Any,
    weights: Any,
    offsets: Any,
    bias: Any,
    out: Any,
    shape: Any,
    phases: Any,
    place: Any,
    lanes: Any,
    lines: int,
    reach: int,
    rows: int,
    vector: int,
    depth: int,
    direct: bool,
    relu: bool,
    parts: int,
    workers: int,
) -> None:
    """Convolve ``x`` (N, C, H, W) into ``out`` (N, O, OH, OW), both given flat.

    Args:
        x: the images.
        weights: (groups, tiles of output channels, taps, rows), flat.
        offsets: int64; where each tap begins in the packed image of a group.
        bias: what the sums begin with; for each group, channels filled up to whole tiles.
        out: where to write.
        shape: (N, C, H, W, O, OH, OW, groups).
        phases: (phases of the output, 8): first and last tap, rows, columns, top, left, and the steps down and right.
        place: how images are packed, see ``pack``.
        lanes: likewise.
        lines: rows of the output that are worked on at a time.
        reach: further rows that they see.
        rows: output channels of a tile.
        vector: numbers in a vector.
        depth: taps whose products are added up at a time.
        direct: whether ``x`` is read as it is: for windows of one element and planes of whole vectors.
        relu: whether to leave out what is negative; for one phase of whole rows.
        parts: into how many parts output channels are split, where there are too few examples.
        workers: how many workers share the items of work.
    """
    for worker in prange(workers):
        _convolve_share(
            np.int64(worker),
            x,
            weights,
            offsets,
            bias,
            out,
            shape,
            phases,
            place,
            lanes,
            lines,
            reach,
            rows,
            vector,
            depth,
            direct,
            relu,
            parts,
            workers,
        )
