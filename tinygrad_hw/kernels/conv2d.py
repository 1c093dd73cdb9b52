"""2-D convolution and its two gradients: a closed family, in which each one's gradients are the other two.

    out[n, o, y, x] = bias[o] + sum_{c, i, j} weight[o, c, i, j] * input[n, c, y sh - ph + i dh, x
    sw - pw + j dw]

Shapes: input (N, C, H, W), weight (O, C / groups, KH, KW), bias (O,), out (N, O, OH, OW); float32
or float64. Nothing outside the input counts. 3x3 windows that move by one element go to
``conv2d_winograd``, everything else to ``conv2d_direct``.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np

from tinygrad_hw.kernels.conv2d_direct import convolve
from tinygrad_hw.kernels.conv2d_direct_grad import correlate_few, correlate_many
from tinygrad_hw.kernels.conv2d_winograd import winograd
from tinygrad_hw.kernels.conv2d_winograd_grad import takes, winograd_weight_grad
from tinygrad_hw.kernels.fold import Pair, output_size
from tinygrad_hw.kernels.runtime import compiled_kernels, into, workers
from tinygrad_hw.kernels.simd import dots_taps, lanes, outer_rows, tile_rows

__all__ = [
    "conv2d",
    "conv2d_input_grad",
    "conv2d_input_grad_reference",
    "conv2d_reference",
    "conv2d_weight_grad",
    "conv2d_weight_grad_reference",
]

# -- the definitions -------------------------------------------------------------------------------


def _padded(x: Any, padding: Pair) -> Any:
    return np.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))


def _seen(tap: Pair, stride: Pair, dilation: Pair, count: Pair) -> tuple[Any, ...]:
    """Return which elements of a padded image one weight is multiplied with."""
    starts = (tap[0] * dilation[0], tap[1] * dilation[1])
    return (
        ...,
        *(slice(a, a + s * (n - 1) + 1, s) for a, s, n in zip(starts, stride, count, strict=True)),
    )


def conv2d_reference(x: Any, weight: Any, bias: Any, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Any:
    """The definition, weight by weight."""
    n, (o, cg, kh, kw) = x.shape[0], weight.shape
    oh, ow = map(output_size, x.shape[2:], (kh, kw), stride, padding, dilation)
    x = _padded(x, padding)
    out = np.zeros((n, groups, o // groups, oh * ow), x.dtype)
    for i, j in np.ndindex(kh, kw):
        seen = x[_seen((i, j), stride, dilation, (oh, ow))].reshape(n, groups, cg, oh * ow)
        out += weight[:, :, i, j].reshape(groups, o // groups, cg) @ seen
    out = out.reshape(n, o, oh, ow)
    return out if bias is None else out + bias[:, None, None]


def conv2d_input_grad_reference(
    g: Any, weight: Any, input_shape: Any, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Any:
    """The adjoint in the input, weight by weight."""
    (n, c, h, w), (o, cg, kh, kw), (oh, ow) = input_shape, weight.shape, g.shape[2:]
    out = np.zeros((n, c, h + 2 * padding[0], w + 2 * padding[1]), g.dtype)
    g = g.reshape(n, groups, o // groups, oh * ow)
    for i, j in np.ndindex(kh, kw):
        tap = weight[:, :, i, j].reshape(groups, o // groups, cg).swapaxes(1, 2)
        out[_seen((i, j), stride, dilation, (oh, ow))] += (tap @ g).reshape(n, c, oh, ow)
    return np.ascontiguousarray(out[:, :, padding[0] : padding[0] + h, padding[1] : padding[1] + w])


def conv2d_weight_grad_reference(
    g: Any, x: Any, weight_shape: Any, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Any:
    """The adjoint in the weight, weight by weight."""
    n, (o, cg, kh, kw), (oh, ow) = x.shape[0], weight_shape, g.shape[2:]
    out = np.zeros((groups, o // groups, cg, kh, kw), x.dtype)
    x = _padded(x, padding)
    g = g.reshape(n, groups, o // groups, oh * ow)
    for i, j in np.ndindex(kh, kw):
        seen = x[_seen((i, j), stride, dilation, (oh, ow))].reshape(n, groups, cg, oh * ow)
        out[..., i, j] = (g @ seen.swapaxes(2, 3)).sum(axis=0)
    return out.reshape(o, cg, kh, kw)


# -- plans: how images are packed, and where the taps of a window are then ---------------------------


class _Plan(NamedTuple):
    """What the loops need to know of the shapes; see ``conv2d_direct``.

    ``taps`` lists, for each phase of the output, where its taps begin in ``offsets``, and which
    elements of the window they are.
    """

    place: tuple[int, int, int, int, int, int]
    lanes: Any
    offsets: Any
    taps: list[tuple[int, Any]]
    phases: Any
    lines: int
    reach: int


#: Numbers that are packed at a time: 512 KB of the second-level cache hold a block of the image.
_BLOCK = 1 << 17


def _plan(
    channels: int,
    size: Pair,
    steps: Pair,
    phases: list[tuple[Pair, tuple[int, int, int, int], list[tuple[int, int, int]]]],
    block: int,
    item: int = 4,
) -> _Plan:
    """Return how to pack images for windows whose elements are at given places.

    Args:
        channels: of a group.
        size: of the image.
        steps: how far apart rows, and columns, of the image are that one element of the window sees.
        phases: of the output: (rows, columns), (top, left, steps down and right), and the window's elements: number,
            the row and the column of the image that it sees first.
        block: numbers to be packed at a time, about.
        item: bytes of a number.
    """
    (down, right), w = steps, size[1]
    seen = [t for _, _, taps in phases for t in taps]
    shifts = sorted({column for _, _, column in seen}) or [0]
    top = min((row for _, row, _ in seen), default=0)
    bottom = max((row for _, row, _ in seen), default=0)
    parts = min(down, bottom - top + 1)
    reach = (bottom - top) // down
    width = max(count[1] for count, _, _ in phases)
    highest = max(count[0] for count, _, _ in phases)
    lines = max(block // (channels * parts * len(shifts) * width) - reach, -(-96 // width))
    lines = -(-highest // -(-highest // min(lines, highest)))
    # An odd number of cache lines: else the planes of an image would compete for the same places in the cache.
    line = 64 // item
    plane = -(-(lines + reach) * width // line) | 1
    plane *= line
    lanes = []
    for shift in shifts:
        first = min(max(0, -(shift // right)), width)
        last = min(max(first, -(-(w - shift) // right)), width)
        lanes.append([shift, first, last - first])
    offsets, numbers, table = [], [], []
    begin = 0
    for count, where, taps in phases:
        places = [
            ((row - top) % down * len(shifts) + shifts.index(column)) * plane + (row - top) // down * width
            for _, row, column in taps
        ]
        here = np.arange(channels)[:, None] * (parts * len(shifts) * plane) + np.array(places, np.int64)
        offsets.append(here.reshape(-1))
        numbers.append((begin, [number for number, _, _ in taps]))
        table.append([begin, begin + here.size, *count, *where])
        begin += here.size
    return _Plan(
        (top, down, parts, width, right, plane), np.array(lanes, np.int64), np.concatenate(offsets),
        numbers, np.array(table, np.int64), lines, reach,
    )  # fmt: skip


@functools.lru_cache(maxsize=256)
def _forward_plan(
    channels: int, size: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, block: int, item: int
) -> _Plan:
    count = tuple(map(output_size, size, kernel, stride, padding, dilation))
    taps = [
        (i * kernel[1] + j, i * dilation[0] - padding[0], j * dilation[1] - padding[1]) for i, j in np.ndindex(*kernel)
    ]
    return _plan(channels, size, stride, [(count, (0, 0, 1, 1), taps)], block, item)  # type: ignore[list-item]


@functools.lru_cache(maxsize=256)
def _input_grad_plan(
    channels: int,
    size: Pair,
    g_size: Pair,
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    item: int,
) -> _Plan:
    # The input element q * stride + phase - padding meets tap i in the window q - m, where m = (i
    # * dilation - phase) / stride; only taps for which m is whole meet it at all.
    firsts, counts = [], []
    for axis in (0, 1):
        s, p = stride[axis], padding[axis]
        firsts.append([-((a - p) // s) for a in range(s)])  # the first q that is inside the input
        lasts = [(size[axis] - 1 + p - a) // s for a in range(s)]
        counts.append([max(0, last - first + 1) for first, last in zip(firsts[axis], lasts, strict=True)])
    phases = []
    for a, b in np.ndindex(*stride):
        if not counts[0][a] or not counts[1][b]:
            continue
        taps = []
        for i, j in np.ndindex(*kernel):
            down, right = i * dilation[0] - a, j * dilation[1] - b
            if down % stride[0] == 0 and right % stride[1] == 0:
                row, column = firsts[0][a] - down // stride[0], firsts[1][b] - right // stride[1]
                taps.append((i * kernel[1] + j, row, column))
        where = (firsts[0][a] * stride[0] + a - padding[0], firsts[1][b] * stride[1] + b - padding[1], *stride)
        phases.append(((counts[0][a], counts[1][b]), where, taps))
    return _plan(channels, g_size, (1, 1), phases, _BLOCK, item)


class _GradPlan(NamedTuple):
    """What ``correlate_many`` needs to know of the shapes."""

    place: tuple[int, int, int, int, int, int]
    lanes: Any
    offsets: Any
    steps: tuple[int, int, int]
    lines: int
    direct: bool


@functools.lru_cache(maxsize=256)
def _grad_plan(
    channels: int, size: Pair, g_size: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, width: int,
    item: int,
) -> _GradPlan:  # fmt: skip
    """Return how an image is read, whose ``width`` output channels are worked on at a time."""
    reach = (kernel[0] - 1) * dilation[0] + 1
    seen = (g_size[1] - 1) * stride[1] + (kernel[1] - 1) * dilation[1] + 1
    direct = padding == (0, 0)
    pitch = size[1] if direct else seen
    lines = (_GRAD_BLOCK - channels * reach * pitch) // (channels * stride[0] * pitch + width * g_size[1])
    lines = -(-g_size[0] // -(-g_size[0] // min(max(lines, 1), g_size[0])))
    line = 64 // item
    plane = (-(-((lines - 1) * stride[0] + reach) * pitch // line) | 1) * line
    first = min(padding[1], seen)
    lanes = np.array([[-padding[1], first, max(0, min(size[1], seen - padding[1]))]], np.int64)
    rows, columns = (np.arange(k) * d for k, d in zip(kernel, dilation, strict=True))
    taps = np.arange(channels)[:, None, None] * (size[0] * size[1] if direct else plane)
    offsets = (taps + rows[:, None] * pitch + columns).reshape(-1)
    return _GradPlan((-padding[0], 1, 1, pitch, 1, plane), lanes, offsets, (*stride, reach), lines, direct)


def _few(outputs: int, vector: int) -> bool:
    """Return whether output channels would leave most lanes of a vector empty."""
    return outputs == 1 or 2 * outputs <= vector


@functools.lru_cache(maxsize=256)
def _strips(outputs: int, taps: int, vector: int) -> tuple[Any, Any, int, int]:
    """Return strips of output channels, their widths, the size of all sums, and the most taps of a strip."""
    strips, widths, size, most = [], [], 0, 0
    channel = 0
    while channel < outputs:
        if _few(outputs, vector):
            width = members = 1 if outputs == 1 else 6
            rows = dots_taps(members)
        else:
            members = min(4, -(-(outputs - channel) // vector))
            width, rows = members * vector, outer_rows(members)
        filled = -(-taps // rows) * rows
        strips.append((channel, members, rows, taps, size))
        widths.append(width)
        size += filled * width
        most = max(most, filled)
        channel += width
    return np.array(strips, np.int64), widths, size, most


def _tiles(matrix: Any, plan: _Plan, rows: int) -> Any:
    """Return weights (groups, outputs, inputs, taps) as ``convolve`` reads them."""
    groups, outputs = matrix.shape[:2]
    tiles = -(-outputs // rows)
    packed = np.zeros((groups, tiles * rows, plan.offsets.size), matrix.dtype)
    for begin, numbers in plan.taps:
        here = matrix[..., numbers].reshape(groups, outputs, -1)
        packed[:, :outputs, begin : begin + here.shape[2]] = here
    return np.ascontiguousarray(packed.reshape(groups, tiles, rows, -1).swapaxes(2, 3))


def _run(x: Any, matrix: Any, bias: Any, pointwise: bool, plan: _Plan, out: Any, relu: bool = False) -> None:
    """Convolve by ``plan``; images are read as they are if ``pointwise`` and their planes are whole vectors."""
    groups, outputs = matrix.shape[:2]
    rows = 1 if outputs == 1 else tile_rows()
    vector = lanes(x.itemsize)
    weights = _tiles(matrix, plan, rows)
    tiles = weights.shape[1]
    begin = np.zeros((groups, tiles * rows), out.dtype)
    if bias is not None:
        begin[:, :outputs] = bias.reshape(groups, outputs)
    work = out.size * plan.offsets.size / (len(plan.phases) * _PRODUCTS_PER_NS)
    team = workers(work)
    blocks = -(-int(plan.phases[:, 2].max()) // plan.lines)
    pixels = x.shape[2] * x.shape[3]
    direct = pointwise and pixels % vector == 0 and rows > 1
    offsets = np.arange(matrix.shape[2]) * pixels if direct else plan.offsets
    convolve(
        np.ascontiguousarray(x).reshape(-1), weights.reshape(-1), offsets, begin.reshape(-1), out.reshape(-1),
        (*x.shape, *out.shape[1:], groups), plan.phases, plan.place, plan.lanes, plan.lines, plan.reach, rows, vector,
        _DEPTH, direct, relu, min(tiles, -(-team // (x.shape[0] * blocks * groups))), team, work=work,
    )  # fmt: skip


# -- the kernels -----------------------------------------------------------------------------------

#: How fast one core is, for the decision to use threads.
_PRODUCTS_PER_NS = 40

#: Taps whose products are added up at a time. Longer sums are no faster, and their rounding errors grow.
_DEPTH = 288

#: Numbers that are packed at a time for the gradient of the weight.
_GRAD_BLOCK = 1 << 17

#: Into how many sums the examples are split for the gradient of the weight, whatever the number of
#: threads.
_CHUNKS = 8


def _pointwise(kernel: Pair, stride: Pair, padding: Pair) -> bool:
    """Return whether each output sees the one element of the input that has its place."""
    return kernel == stride == (1, 1) and padding == (0, 0)


def _squares(shape: Any, stride: Pair, dilation: Pair, groups: int) -> bool:
    """Return whether Winograd's way is faster: 1.4 to 1.6 times for 16 channels and more, equal for 3."""
    return tuple(shape[2:]) == (3, 3) and stride == dilation == (1, 1) and groups == 1 and min(shape[:2]) >= 8


def conv2d(
    x: Any,
    weight: Any,
    bias: Any,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
    out: Any = None,
    relu: bool = False,
) -> Any:
    """Return the convolution of ``x`` with ``weight``.

    Args:
        x: (N, C, H, W).
        weight: (O, C / groups, KH, KW).
        bias: (O,) or None.
        stride: steps of the window.
        padding: zeros on both sides of each dimension.
        dilation: spacing of the window's elements.
        groups: groups of channels.
        out: where to write, (N, O, OH, OW), C-contiguous.
        relu: whether to return ReLU of it.
    """
    n = x.shape[0]
    o, cg, kh, kw = weight.shape
    size = tuple(map(output_size, x.shape[2:], (kh, kw), stride, padding, dilation))
    if not compiled_kernels():
        result = conv2d_reference(x, weight, bias, stride, padding, dilation, groups)
        return into(out, np.maximum(result, 0) if relu else result)
    if out is None:
        out = np.empty((n, o, *size), x.dtype)
    if weight.size == 0 or out.size == 0:
        out[...] = 0 if bias is None else np.maximum(bias, 0 if relu else bias)[:, None, None]
    elif _squares(weight.shape, stride, dilation, groups):
        winograd(np.ascontiguousarray(x), weight, bias, padding, False, out, relu)
    else:
        plan = _forward_plan(cg, x.shape[2:], (kh, kw), stride, padding, dilation, _BLOCK, x.itemsize)
        _run(
            x, weight.reshape(groups, o // groups, cg, kh * kw), bias, _pointwise((kh, kw), stride, padding), plan, out,
            relu,
        )  # fmt: skip
    return out


def conv2d_input_grad(
    g: Any,
    weight: Any,
    input_shape: Any,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
    out: Any = None,
) -> Any:
    """Return the gradient with respect to the input; as a forward pass, the transposed convolution.

    Args:
        g: (N, O, OH, OW).
        weight: (O, C / groups, KH, KW).
        input_shape: (N, C, H, W).
        stride: steps of the window.
        padding: zeros on both sides of each dimension.
        dilation: spacing of the window's elements.
        groups: groups of channels.
        out: where to write, (N, C, H, W), C-contiguous.
    """
    n, c, h, w = input_shape
    o, cg, kh, kw = weight.shape
    if not compiled_kernels():
        return into(
            out,
            conv2d_input_grad_reference(g, weight, input_shape, stride, padding, dilation, groups),
        )
    if out is None:
        out = np.empty((n, c, h, w), g.dtype)
    if weight.size == 0 or g.size == 0 or out.size == 0:
        out[...] = 0
    elif _squares(weight.shape, stride, dilation, groups) and max(padding) <= 2:
        winograd(np.ascontiguousarray(g), weight, None, (2 - padding[0], 2 - padding[1]), True, out)
    else:
        plan = _input_grad_plan(o // groups, (h, w), g.shape[2:], (kh, kw), stride, padding, dilation, g.itemsize)
        matrix = weight.reshape(groups, o // groups, cg, kh * kw).swapaxes(1, 2)
        _run(g, matrix, None, _pointwise((kh, kw), stride, padding), plan, out)
    return out


def conv2d_weight_grad(
    g: Any,
    x: Any,
    weight_shape: Any,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
    out: Any = None,
) -> Any:
    """Return the gradient with respect to the weight.

    Args:
        g: (N, O, OH, OW).
        x: (N, C, H, W).
        weight_shape: (O, C / groups, KH, KW).
        stride: steps of the window.
        padding: zeros on both sides of each dimension.
        dilation: spacing of the window's elements.
        groups: groups of channels.
        out: where to write, of ``weight_shape``, C-contiguous.
    """
    n = x.shape[0]
    o, cg, kh, kw = weight_shape
    if not compiled_kernels():
        return into(
            out,
            conv2d_weight_grad_reference(g, x, weight_shape, stride, padding, dilation, groups),
        )
    if out is None:
        out = np.empty((o, cg, kh, kw), x.dtype)
    if x.size == 0 or g.size == 0 or out.size == 0:
        out[...] = 0
    else:
        reached = tuple(
            (m - 1) * s + (k - 1) * d + 1 for m, s, k, d in zip(g.shape[2:], stride, (kh, kw), dilation, strict=True)
        )
        if any(m + 2 * p - r >= s for m, p, r, s in zip(x.shape[2:], padding, reached, stride, strict=True)):
            # More of the image than the windows of `g` see, as after a transposed convolution with output padding.
            x, padding = _padded(x, padding)[:, :, : reached[0], : reached[1]], (0, 0)
        if _squares(weight_shape, stride, dilation, groups) and takes(cg, o):
            winograd_weight_grad(np.ascontiguousarray(x), np.ascontiguousarray(g), padding, out)
            return out
        taps, vector = cg * kh * kw, lanes(x.itemsize)
        strips, widths, size, most = _strips(o // groups, taps, vector)
        work = g.size * taps / _PRODUCTS_PER_NS
        given = np.ascontiguousarray(x).reshape(-1), np.ascontiguousarray(g).reshape(-1)
        shape = (*x.shape, *g.shape[1:], groups)
        window = (kh, kw), stride, padding, dilation
        if _few(o // groups, vector):
            plan = _forward_plan(cg, x.shape[2:], *window, _GRAD_BLOCK, x.itemsize)
            direct = _pointwise(*window[:3])
            offsets = np.arange(cg) * (x.shape[2] * x.shape[3]) if direct else plan.offsets
            chunks = min(n * -(-g.shape[2] // plan.lines), _CHUNKS)
            sums = np.zeros((chunks, groups, size), x.dtype)
            correlate_few(
                *given, offsets.take(np.arange(most), mode="wrap"), sums.reshape(-1), shape, plan.place, plan.lanes,
                plan.lines, plan.reach, strips, direct, chunks, workers(work), work=work,
            )  # fmt: skip
        else:
            way = _grad_plan(cg, x.shape[2:], g.shape[2:], *window, max(widths), x.itemsize)
            chunks = min(n * -(-g.shape[2] // way.lines), _CHUNKS)
            sums = np.zeros((chunks, groups, size), x.dtype)
            correlate_many(
                *given, way.offsets.take(np.arange(most), mode="wrap"), sums.reshape(-1), shape, way.place, way.lanes,
                way.steps, way.lines, strips, vector, way.direct, chunks, workers(work), work=work,
            )  # fmt: skip
        total = sums.sum(axis=0)
        rows = out.reshape(groups, o // groups, taps)
        for (channel, *_, to), width in zip(strips, widths, strict=True):
            here = total[:, to : to + taps * width].reshape(groups, taps, width).swapaxes(1, 2)
            rows[:, channel : channel + width] = here[:, : rows.shape[1] - channel]
    return out
