"""Loops of 2-D convolution: sums of shifted images.

A window that moves by one element sees the same image shifted by one. So one weight of one input channel is multiplied
into a whole image at once: ``out[t] += weight * image[t + offset]``, with the image as one long row, and the offset
    that
of the weight's place in the window. The innermost loop takes three weights and four output channels, twelve
multiply-adds for seven loads, at unit stride, whatever the kernel, stride or dilation. Plain numba reaches 190 Gflop/s
on one core so, where a matrix product reaches 130 to 265, and no columns are written.

What makes that work is the packing of the image:

* Rows are padded on the left and at the top only: the zeros that begin the next row (or example)
  end this one.
* A stride of s takes every s-th element, so the image is taken apart into s x s phases that are
  read at unit stride. The gradient with respect to the input is put together from as many phases.
* Small examples are packed one after the other until the row is long enough.

Results between rows (windows that straddle two rows) are computed and dropped.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw.kernels.runtime import kernel

__all__ = ["BLOCK", "TAPS", "TILE", "convolve", "correlate", "pack"]

prange = range

#: Elements of a row worked on at a time: 4 sums of them (8 KB) stay in the first-level cache.
BLOCK = 512
#: Output channels worked on at a time.
TILE = 4
#: Weights per channel worked on at a time. 4 x 3 beat 4 x 4 by 1.3, 8 x 4 by 1.2 and 2 x 4 by 1.4.
TAPS = 3
#: Weights after which a sum is put aside, so that rounding errors stay small: 4608 products in one sum had an error 5
#: times that of a matrix product.
SPAN = 192

# The sums' distances are constants, so that LLVM sees that they do not overlap. All indices are
# unsigned, so that they need no test for counting from the end; and arrays are flat: both make
# loops that vectorise, and compile soon.
_B1, _B2, _B3 = np.uint64(BLOCK), np.uint64(2 * BLOCK), np.uint64(3 * BLOCK)
_1, _2, _3, _TAPS, _TILE = (np.uint64(i) for i in (1, 2, 3, TAPS, TILE))


@kernel()
def _copy(source: Any, s: Any, by: Any, target: Any, t: Any, to_by: Any, n: Any) -> None:
    """Copy ``n`` elements with steps ``by`` to places with steps ``to_by``."""
    one = np.uint64(1)
    if by == one and to_by == one:
        for q in range(n):
            target[t + q] = source[s + q]
    else:
        for q in range(n):
            target[t + q * to_by] = source[s + q * by]


@kernel()
def pack(x: Any, plane: int, planes: int, leap: int, count: int, h: int, w: int, place: Any, out: Any) -> None:
    """Write images one after the other, padded, by channel and phase.

    Args:
        x: flat images of ``h`` x ``w``.
        plane: the first one.
        planes: how many channels.
        leap: from an image to that of the next example.
        count: how many examples.
        h: rows of an image.
        w: columns of an image.
        place: (top, left, vertical phases, horizontal phases, rows, pitch, size): zeros before
            (cropped if negative), how many phases, rows and columns of an example in a phase, size
            of a phase.
        out: where to write, flat.
    """
    top, left, vertical, horizontal, rows, pitch, size = place
    for i in range(np.uint64(planes * vertical * horizontal * size)):
        out[i] = 0
    for c in range(planes):
        for n in range(count):
            image = (plane + c + n * leap) * h * w
            for r in range(-top if top < 0 else 0, h):
                v = r + top
                line = c * vertical * horizontal * size + (n * rows + v // vertical) * pitch
                line += v % vertical * horizontal * size
                for b in range(horizontal):
                    # The first column inside whose place is of phase b.
                    q = (b - left) % horizontal
                    if q + left < 0:
                        q += (-left - q + horizontal - 1) // horizontal * horizontal
                    if q < w:
                        _copy(
                            x, np.uint64(image + r * w + q), np.uint64(horizontal),
                            out, np.uint64(line + b * size + (q + left) // horizontal), np.uint64(1),
                            np.uint64((w - q + horizontal - 1) // horizontal),
                        )  # fmt: skip


@kernel()
def _taps(image: Any, t: Any, n: Any, offsets: Any, first: Any, last: Any, weights: Any, w: Any, sums: Any) -> None:
    """Add images, shifted and weighted, to the sums of four output channels."""
    for k in range(first, last, _TAPS):
        o0, o1, o2 = offsets[k] + t, offsets[k + _1] + t, offsets[k + _2] + t
        i = w + k * _TILE
        a0, b0, c0, d0 = weights[i], weights[i + _1], weights[i + _2], weights[i + _3]
        i += _TILE
        a1, b1, c1, d1 = weights[i], weights[i + _1], weights[i + _2], weights[i + _3]
        i += _TILE
        a2, b2, c2, d2 = weights[i], weights[i + _1], weights[i + _2], weights[i + _3]
        for q in range(n):
            x0, x1, x2 = image[o0 + q], image[o1 + q], image[o2 + q]
            sums[q] += a0 * x0 + a1 * x1 + a2 * x2
            sums[q + _B1] += b0 * x0 + b1 * x1 + b2 * x2
            sums[q + _B2] += c0 * x0 + c1 * x1 + c2 * x2
            sums[q + _B3] += d0 * x0 + d1 * x1 + d2 * x2


@kernel()
def _taps_one(image: Any, t: Any, n: Any, offsets: Any, first: Any, last: Any, weights: Any, w: Any, sums: Any) -> None:
    """The same for one output channel, as in depthwise convolution."""
    for k in range(first, last, _TAPS):
        o0, o1, o2 = offsets[k] + t, offsets[k + _1] + t, offsets[k + _2] + t
        i = w + k * _TILE
        a0, a1, a2 = weights[i], weights[i + _TILE], weights[i + _TILE + _TILE]
        for q in range(n):
            sums[q] += a0 * image[o0 + q] + a1 * image[o1 + q] + a2 * image[o2 + q]


@kernel()
def _store(
    sums: Any,
    begin: int,
    t: int,
    n: int,
    rows: int,
    pitch: int,
    phase: Any,
    out: Any,
    plane: int,
    leap: int,
    h: int,
    w: int,
) -> None:
    """Write ``n`` sums, which begin at element ``t`` of the long row, into a channel's planes."""
    line, column = t // pitch, t % pitch
    done = 0
    while done < n:
        step = pitch - column
        step = step if step < n - done else n - done
        example, row = line // rows, line % rows
        inside = phase[3] - column
        inside = inside if inside < step else step
        if row < phase[2] and inside > 0:
            at = (plane + example * leap) * h + phase[4] + row * phase[6]
            at = at * w + phase[5] + column * phase[7]
            _copy(
                sums, np.uint64(begin + done), np.uint64(1),
                out, np.uint64(at), np.uint64(phase[7]), np.uint64(inside),
            )  # fmt: skip
        done += step
        column = 0
        line += 1


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
    examples: int,
    parts: int,
    workers: int,
) -> None:
    """Convolve ``x`` (N, C, H, W) into ``out`` (N, O, OH, OW), both given flat.

    Args:
        x: the images.
        weights: (groups, tiles of output channels, taps, TILE), flat; taps in multiples of
            ``TAPS``.
        offsets: uint64; where each tap begins in the packed image of a group.
        bias: (O,), what the sums begin with.
        out: where to write.
        shape: (N, C, H, W, O, OH, OW, groups).
        phases: (phases of the output, 8): first and last tap, height, width, top, left, and the
            steps down and right.
        place: how images are packed, see ``pack``.
        examples: how many are packed together.
        parts: into how many parts output channels are split, where there are too few examples.
        workers: how many workers share the items of work.
    """
    total, channels, h, w, outputs, oh, ow, groups = shape
    rows, pitch = place[4], place[5]
    blocks = (total + examples - 1) // examples
    channels_here, outputs_here = channels // groups, outputs // groups
    tiles = (outputs_here + TILE - 1) // TILE
    packed = channels_here * place[2] * place[3] * place[6]
    for worker in prange(workers):
        image = np.empty(packed, x.dtype)
        raw = np.empty(2 * TILE * BLOCK + 16, x.dtype)
        # Sums that straddle cache lines cost a third of the speed.
        skip = (-raw.ctypes.data % 64) // raw.itemsize
        sums = raw[skip : skip + TILE * BLOCK]
        part_sums = raw[skip + TILE * BLOCK : skip + 2 * TILE * BLOCK]
        for item in range(worker, blocks * groups * parts, workers):
            first = item // (groups * parts) * examples
            group, part = item // parts % groups, item % parts
            count = examples if first + examples <= total else total - first
            pack(
                x, first * channels + group * channels_here, channels_here, channels, count, h, w,
                place, image,
            )  # fmt: skip
            for p in range(phases.shape[0]):
                phase = phases[p]
                length = ((count - 1) * rows + phase[2] - 1) * pitch + phase[3]
                for t in range(0, length, BLOCK):
                    n = BLOCK if t + BLOCK <= length else length - t
                    for tile in range(part, tiles, parts):
                        channel = group * outputs_here + tile * TILE
                        here = outputs_here - tile * TILE
                        here = here if here < TILE else TILE
                        for o in range(TILE):
                            start = bias[channel + o] if o < here else bias.dtype.type(0)
                            for q in range(np.uint64(o * BLOCK), np.uint64(o * BLOCK + n)):
                                sums[q] = start
                        begin = np.uint64((group * tiles + tile) * offsets.size * TILE)
                        for k in range(phase[0], phase[1], SPAN):
                            last = k + SPAN >= phase[1]
                            into = sums if last else part_sums
                            if not last:
                                part_sums[:] = 0
                            arguments = (
                                image, np.uint64(t), np.uint64(n), offsets, np.uint64(k),
                                np.uint64(phase[1] if last else k + SPAN), weights, begin, into,
                            )  # fmt: skip
                            if here == 1:
                                _taps_one(*arguments)
                            else:
                                _taps(*arguments)
                            if not last:
                                for q in range(np.uint64(TILE * BLOCK)):
                                    sums[q] += part_sums[q]
                        for o in range(here):
                            _store(
                                sums, o * BLOCK, t, n, rows, pitch, phase,
                                out, first * outputs + channel + o, outputs, oh, ow,
                            )  # fmt: skip


@kernel()
def _dots(image: Any, t: Any, n: Any, offsets: Any, g: Any, row: Any, leap: Any, out: Any, w: Any) -> None:
    """Add to ``out`` the products of four rows of ``g`` with shifted images."""
    zero = image.dtype.type(0)
    for k in range(np.uint64(0), np.uint64(offsets.size), _TAPS):
        o0, o1, o2 = offsets[k] + t, offsets[k + _1] + t, offsets[k + _2] + t
        a0 = a1 = a2 = b0 = b1 = b2 = c0 = c1 = c2 = d0 = d1 = d2 = zero
        for q in range(n):
            x0, x1, x2 = image[o0 + q], image[o1 + q], image[o2 + q]
            r = row + q
            a, b, c, d = g[r], g[r + leap], g[r + _2 * leap], g[r + _3 * leap]
            a0 += a * x0
            a1 += a * x1
            a2 += a * x2
            b0 += b * x0
            b1 += b * x1
            b2 += b * x2
            c0 += c * x0
            c1 += c * x1
            c2 += c * x2
            d0 += d * x0
            d1 += d * x1
            d2 += d * x2
        i = w + k * _TILE
        out[i] += a0
        out[i + _1] += b0
        out[i + _2] += c0
        out[i + _3] += d0
        i += _TILE
        out[i] += a1
        out[i + _1] += b1
        out[i + _2] += c1
        out[i + _3] += d1
        i += _TILE
        out[i] += a2
        out[i + _1] += b2
        out[i + _2] += c2
        out[i + _3] += d2


@kernel()
def _dots_one(image: Any, t: Any, n: Any, offsets: Any, g: Any, row: Any, leap: Any, out: Any, w: Any) -> None:
    """The same for one row of ``g``."""
    zero = image.dtype.type(0)
    for k in range(np.uint64(0), np.uint64(offsets.size), _TAPS):
        o0, o1, o2 = offsets[k] + t, offsets[k + _1] + t, offsets[k + _2] + t
        a0 = a1 = a2 = zero
        for q in range(n):
            a = g[row + q]
            a0 += a * image[o0 + q]
            a1 += a * image[o1 + q]
            a2 += a * image[o2 + q]
        i = w + k * _TILE
        out[i] += a0
        out[i + _TILE] += a1
        out[i + _TILE + _TILE] += a2


@kernel(parallel=True)
def correlate(
    x: Any,
    g: Any,
    offsets: Any,
    out: Any,
    shape: Any,
    place: Any,
    examples: int,
    chunks: int,
    workers: int,
) -> None:
    """Add up products of ``g`` (N, O, OH, OW) with shifted ``x`` (N, C, H, W), both given flat.

    Args:
        x: the images.
        g: what they are multiplied with.
        offsets: uint64; where each tap begins in the packed image of a group.
        out: (chunks, groups, tiles of output channels, taps, TILE), flat, zeros.
        shape: (N, C, H, W, O, OH, OW, groups).
        place: how images are packed, see ``pack``.
        examples: how many are packed together.
        chunks: among how many sums the examples are shared, to be added up by the caller.
        workers: how many workers share the items of work.
    """
    total, channels, h, w, outputs, oh, ow, groups = shape
    rows, pitch = place[4], place[5]
    blocks = (total + examples - 1) // examples
    channels_here, outputs_here = channels // groups, outputs // groups
    tiles = (outputs_here + TILE - 1) // TILE
    packed = channels_here * place[2] * place[3] * place[6]
    flat = examples * rows * pitch
    g_place = (0, 0, 1, 1, rows, pitch, flat)
    for worker in prange(workers):
        image = np.empty(packed, x.dtype)
        gradient = np.zeros(tiles * TILE * flat, x.dtype)
        for item in range(worker, chunks * groups, workers):
            chunk, group = item // groups, item % groups
            for block in range(chunk * blocks // chunks, (chunk + 1) * blocks // chunks):
                first = block * examples
                count = examples if first + examples <= total else total - first
                pack(
                    x, first * channels + group * channels_here, channels_here, channels, count,
                    h, w, place, image,
                )  # fmt: skip
                pack(
                    g, first * outputs + group * outputs_here, outputs_here, outputs, count,
                    oh, ow, g_place, gradient,
                )  # fmt: skip
                length = ((count - 1) * rows + oh - 1) * pitch + ow
                for t in range(0, length, 2 * BLOCK):
                    n = 2 * BLOCK if t + 2 * BLOCK <= length else length - t
                    for tile in range(tiles):
                        arguments = (
                            image, np.uint64(t), np.uint64(n), offsets, gradient,
                            np.uint64(tile * TILE * flat + t), np.uint64(flat), out,
                            np.uint64((item * tiles + tile) * offsets.size * TILE),
                        )  # fmt: skip
                        if outputs_here - tile * TILE == 1:
                            _dots_one(*arguments)
                        else:
                            _dots(*arguments)
