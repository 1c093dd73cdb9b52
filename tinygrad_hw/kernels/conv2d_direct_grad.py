"""Loops of the gradient with respect to the weight of a 2-D convolution: sums of products over all places.

Of many output channels, each place gives an outer product: channels that fill vectors times elements of the window,
which are read one at a time, wherever they are. So the image is read as it is, or, if it has padding, copied once with
zeros around it; the gradient is turned, to have the channels of a place side by side.

Few output channels would leave most lanes of a vector empty. Their sums are dot products over places, of the image as
``conv2d_direct`` packs it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw.kernels.conv2d_direct import pack
from tinygrad_hw.kernels.runtime import kernel
from tinygrad_hw.kernels.simd import dots_1, dots_6, outer_1, outer_2, outer_3, outer_4, turn

__all__ = ["correlate_few", "correlate_many"]

prange = range


@kernel()
def _many_share(
    worker: Any,
    x: Any,
    g: Any,
    offsets: Any,
    out: Any,
    shape: Any,
    place: Any,
    lanes: Any,
    steps: Any,
    lines: Any,
    strips: Any,
    vector: Any,
    direct: Any,
    chunks: Any,
    workers: Any,
) -> None:
    """Do one worker's share of ``correlate_many``."""
    total, channels, h, w, outputs, oh, ow, groups = shape
    down, right, reach = steps
    channels_here, outputs_here = channels // groups, outputs // groups
    blocks = (oh + lines - 1) // lines
    size = out.size // (chunks * groups)
    pitch = (w if direct else place[3]) * down
    image = np.zeros(1 if direct else channels_here * place[5], x.dtype)
    turned = np.empty((lines * ow + vector) * 4 * vector, x.dtype)
    items = chunks * groups
    for item in range(worker * items // workers, (worker + 1) * items // workers):
        chunk, group = item // groups, item % groups
        for unit in range(chunk * total * blocks // chunks, (chunk + 1) * total * blocks // chunks):
            n, y = unit // blocks, unit % blocks * lines
            here = min(lines, oh - y)
            count = here * ow
            base = (n * channels + group * channels_here) * h * w
            if direct:
                seen, see = x, base + y * pitch
            else:
                needed = (here - 1) * down + reach
                pack(x, base, channels_here, h, w, y * down, needed, place, lanes, blocks > 1, image)
                seen, see = image, 0
            for s in range(strips.shape[0]):
                channel, columns, rows, taps, to = strips[s]
                to += item * size
                base = ((n * outputs + group * outputs_here + channel) * oh + y) * ow
                width = columns * vector
                for v in range(columns):
                    left = outputs_here - channel - v * vector
                    for q in range(0, count, vector):
                        turn(
                            g, base + v * vector * oh * ow + q, oh * ow, left, count - q,
                            turned, q * width + v * vector, width,
                        )  # fmt: skip
                for k in range(0, taps, rows):
                    a = (seen, see, offsets, k, pitch, right, turned, 0, here, ow, out, to + k * width)
                    if columns == 1:
                        outer_1(*a)
                    elif columns == 2:
                        outer_2(*a)
                    elif columns == 3:
                        outer_3(*a)
                    else:
                        outer_4(*a)


@kernel(parallel=True)
def correlate_many(
    x: Any,
    g: Any,
    offsets: Any,
    out: Any,
    shape: Any,
    place: Any,
    lanes: Any,
    steps: Any,
    lines: int,
    strips: Any,
    vector: int,
    direct: bool,
    chunks: int,
    workers: int,
) -> None:
    """Add up products of ``g`` (N, O, OH, OW) with shifted ``x`` (N, C, H, W), both given flat, for many channels of g.

    Args:
        x: the images.
        g: what they are multiplied with.
        offsets: int64; where each tap begins in the image of a group, filled up with others.
        out: (chunks, groups, sums of a group), flat, zeros; for each strip (taps, channels of the strip).
        shape: (N, C, H, W, O, OH, OW, groups).
        place: how images are copied, see ``conv2d_direct.pack``.
        lanes: likewise.
        steps: of the window, down and right; and the rows that it sees.
        lines: rows of ``g`` that are worked on at a time.
        strips: (strips of output channels, 5): first channel; vectors of them; taps at a time; all taps; place in a
            group's sums.
        vector: numbers in a vector.
        direct: whether ``x`` is read as it is, having no padding.
        chunks: among how many sums the work is shared, to be added up by the caller.
        workers: how many workers share the chunks.
    """
    for worker in prange(workers):
        _many_share(
            np.int64(worker),
            x,
            g,
            offsets,
            out,
            shape,
            place,
            lanes,
            steps,
            lines,
            strips,
            vector,
            direct,
            chunks,
            workers,
        )


@kernel()
def _few_share(
    worker: Any,
    x: Any,
    g: Any,
    offsets: Any,
    out: Any,
    shape: Any,
    place: Any,
    lanes: Any,
    lines: Any,
    reach: Any,
    strips: Any,
    direct: Any,
    chunks: Any,
    workers: Any,
) -> None:
    """Do one worker's share of ``correlate_few``."""
    total, channels, h, w, outputs, oh, ow, groups = shape
    channels_here, outputs_here = channels // groups, outputs // groups
    blocks = (oh + lines - 1) // lines
    size = out.size // (chunks * groups)
    image = np.zeros(1 if direct else channels_here * place[2] * lanes.shape[0] * place[5], x.dtype)
    items = chunks * groups
    for item in range(worker * items // workers, (worker + 1) * items // workers):
        chunk, group = item // groups, item % groups
        for unit in range(chunk * total * blocks // chunks, (chunk + 1) * total * blocks // chunks):
            n, y = unit // blocks, unit % blocks * lines
            here = min(lines, oh - y)
            base = (n * channels + group * channels_here) * h * w
            if direct:
                seen, see = x, base + y * ow
            else:
                pack(x, base, channels_here, h, w, y, here + reach, place, lanes, blocks > 1, image)
                seen, see = image, 0
            for s in range(strips.shape[0]):
                channel, members, rows, taps, to = strips[s]
                to += item * size
                base = ((n * outputs + group * outputs_here + channel) * oh + y) * ow
                left = min(members, outputs_here - channel)
                for k in range(0, taps, rows):
                    a = (seen, see, offsets, k, g, base, oh * ow, left, here * ow, out, to + k * members)
                    if members == 1:
                        dots_1(*a)
                    else:
                        dots_6(*a)


@kernel(parallel=True)
def correlate_few(
    x: Any,
    g: Any,
    offsets: Any,
    out: Any,
    shape: Any,
    place: Any,
    lanes: Any,
    lines: int,
    reach: int,
    strips: Any,
    direct: bool,
    chunks: int,
    workers: int,
) -> None:
    """Add up products of ``g`` (N, O, OH, OW) with shifted ``x`` (N, C, H, W), both given flat, for few channels of g.

    Args:
        x: the images.
        g: what they are multiplied with.
        offsets: int64; where each tap begins in the packed image of a group, filled up with others.
        out: (chunks, groups, sums of a group), flat, zeros; for each strip (taps, channels of the strip).
        shape: (N, C, H, W, O, OH, OW, groups).
        place: how images are packed, see ``conv2d_direct.pack``.
        lanes: likewise.
        lines: rows of ``g`` that are worked on at a time.
        reach: further rows that they see.
        strips: (strips of output channels, 5): first channel; how many, one or up to six; taps at a time; all taps;
            place in a group's sums.
        direct: whether ``x`` is read as it is: for windows of one element.
        chunks: among how many sums the work is shared, to be added up by the caller.
        workers: how many workers share the chunks.
    """
    for worker in prange(workers):
        _few_share(
            np.int64(worker),
            x,
            g,
            offsets,
            out,
            shape,
            place,
            lanes,
            lines,
            reach,
            strips,
            direct,
            chunks,
            workers,
        )
