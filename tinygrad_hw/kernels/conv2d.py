"""2-D convolution and its two gradients: a closed family, in which each one's gradients are the other two.

    out[n, o, y, x] = bias[o] + sum_{c, i, j} weight[o, c, i, j] * input[n, c, y sh - ph + i dh, x
    sw - pw + j dw]

Shapes: input (N, C, H, W), weight (O, C / groups, KH, KW), bias (O,), out (N, O, OH, OW); float32
or float64. Nothing outside the input counts. A 1x1 window is a matrix product, left to BLAS;
everything else runs in ``conv2d_direct``.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np

from tinygrad_hw.kernels.conv2d_direct import TAPS, TILE, convolve, correlate
from tinygrad_hw.kernels.fold import Pair, output_size
from tinygrad_hw.kernels.runtime import compiled_kernels, workers

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


# -- plans: where the taps of a window are in a packed image ---------------------------------------


class _Plan(NamedTuple):
    """What the loops need to know of the shapes; see ``conv2d_direct``.

    ``taps`` lists, for each phase of the output, where its taps begin in ``offsets``, and which
    elements of the window they are.
    """

    examples: int
    place: tuple[int, int, int, int, int, int, int]
    offsets: Any
    taps: list[tuple[int, Any]]
    phases: Any


def _place(
    before: Pair, steps: Pair, size: Pair, reach: Pair, count: Pair, n: int
) -> tuple[int, tuple[int, int, int, int, int, int, int]]:
    """Return how many examples to pack together, and how.

    Args:
        before: zeros at the top and on the left.
        steps: phases down and right.
        size: of the image.
        reach: the last element that is read, counted with the padding.
        count: windows down and right.
        n: how many examples there are.
    """
    lines = []
    for zeros, step, length, last, windows in zip(before, steps, size, reach, count, strict=True):
        # Room for the image and for the windows; what is read beyond must be the next line's zeros.
        room = max(max(zeros, 0) + length, last + 1 - max(zeros, 0), windows * step)
        lines.append(-(-room // step))
    rows, pitch = lines
    examples = max(1, min(1024 // (rows * pitch), n // 4))
    beyond = (reach[0] // steps[0] + 1) * pitch + reach[1] // steps[1] + 1
    room = max(examples * rows * pitch, (examples - 1) * rows * pitch + beyond)
    # An odd number of cache lines: else the channels of an image would compete for the same cache
    # sets.
    return examples, (*before, *steps, rows, pitch, (room + 15) // 16 * 16 | 16)


def _offsets(channels: int, places: list[int], channel_size: int) -> Any:
    """Return the taps at ``places`` of all channels, filled up to a multiple of ``TAPS``."""
    taps = np.asarray(places, np.int64)
    all_taps = (np.arange(channels)[:, None] * channel_size + taps).reshape(-1)
    fill = -all_taps.size % TAPS
    return np.concatenate([all_taps, np.zeros(fill, np.int64)]).astype(np.uint64)


@functools.lru_cache(maxsize=256)
def _forward_plan(
    n: int, channels: int, size: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair
) -> _Plan:
    count = tuple(map(output_size, size, kernel, stride, padding, dilation))
    reach = tuple((m - 1) * s + (k - 1) * d for m, s, k, d in zip(count, stride, kernel, dilation, strict=True))
    examples, place = _place(padding, stride, size, reach, count, n)  # type: ignore[arg-type]
    pitch, phase_size = place[5], place[6]
    places = []
    for i, j in np.ndindex(*kernel):
        down, right = divmod(i * dilation[0], stride[0]), divmod(j * dilation[1], stride[1])
        phase = down[1] * stride[1] + right[1]
        places.append(phase * phase_size + down[0] * pitch + right[0])
    offsets = _offsets(channels, places, stride[0] * stride[1] * phase_size)
    phases = np.array([[0, offsets.size, *count, 0, 0, 1, 1]], np.int64)
    return _Plan(examples, place, offsets, [(0, slice(None))], phases)


@functools.lru_cache(maxsize=256)
def _input_grad_plan(
    n: int,
    channels: int,
    size: Pair,
    g_size: Pair,
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
) -> _Plan:
    # The input element q * stride + phase - padding meets tap i in the window q - m, where m = (i
    # * dilation - phase) / stride; only taps for which m is whole meet it at all.
    axes = []
    for axis in (0, 1):
        k, s, p, d = kernel[axis], stride[axis], padding[axis], dilation[axis]
        firsts = [-((a - p) // s) for a in range(s)]  # the first q that is inside the input
        lasts = [(size[axis] - 1 + p - a) // s for a in range(s)]
        axes.append((firsts, lasts, (k - 1) * d // s - min(firsts)))
    before = (axes[0][2], axes[1][2])
    counts = [
        [max(0, last - first + 1) for first, last in zip(firsts, lasts, strict=True)] for firsts, lasts, _ in axes
    ]
    reach = tuple(
        max(lasts) - min(firsts) + (kernel[axis] - 1) * dilation[axis] // stride[axis]
        for axis, (firsts, lasts, _) in enumerate(axes)
    )
    count = (max(counts[0]), max(counts[1]))
    examples, place = _place(before, (1, 1), g_size, reach, count, n)  # type: ignore[arg-type]
    pitch, channel_size = place[5], place[6]
    offsets, taps, phases = [], [], []
    begin = 0
    for a, b in np.ndindex(*stride):
        places, numbers = [], []
        for i, j in np.ndindex(*kernel):
            down = i * dilation[0] - a
            right = j * dilation[1] - b
            if down % stride[0] == 0 and right % stride[1] == 0:
                row = axes[0][0][a] + before[0] - down // stride[0]
                column = axes[1][0][b] + before[1] - right // stride[1]
                places.append(row * pitch + column)
                numbers.append(i * kernel[1] + j)
        if not counts[0][a] or not counts[1][b]:
            continue
        here = _offsets(channels, places, channel_size)
        offsets.append(here)
        taps.append((begin, numbers))
        top = axes[0][0][a] * stride[0] + a - padding[0]
        left = axes[1][0][b] * stride[1] + b - padding[1]
        phases.append([begin, begin + here.size, counts[0][a], counts[1][b], top, left, *stride])
        begin += here.size
    return _Plan(examples, place, np.concatenate(offsets), taps, np.array(phases, np.int64))


def _tiles(matrix: Any, plan: _Plan) -> Any:
    """Return weights (groups, outputs, inputs, taps) as ``convolve`` reads them."""
    groups, outputs = matrix.shape[:2]
    tiles = -(-outputs // TILE)
    packed = np.zeros((groups, tiles * TILE, plan.offsets.size), matrix.dtype)
    for begin, numbers in plan.taps:
        here = matrix[..., numbers].reshape(groups, outputs, -1)
        packed[:, :outputs, begin : begin + here.shape[2]] = here
    return np.ascontiguousarray(packed.reshape(groups, tiles, TILE, -1).swapaxes(2, 3))


def _run(x: Any, matrix: Any, bias: Any, plan: _Plan, out: Any) -> None:
    """Convolve by ``plan``."""
    weights = _tiles(matrix, plan)
    groups, tiles = weights.shape[:2]
    if bias is None:
        bias = np.zeros(out.shape[1], out.dtype)
    work = out.size * plan.offsets.size / (len(plan.phases) * _PRODUCTS_PER_NS)
    team = workers(work)
    items = -(-x.shape[0] // plan.examples) * groups
    convolve(
        np.ascontiguousarray(x).reshape(-1), weights.reshape(-1), plan.offsets,
        np.ascontiguousarray(bias), out.reshape(-1), (*x.shape, *out.shape[1:], groups),
        plan.phases, plan.place, plan.examples, min(tiles, -(-team // items)), team, work=work,
    )  # fmt: skip


# -- the kernels -----------------------------------------------------------------------------------

#: How fast one core is, for the decision to use threads.
_PRODUCTS_PER_NS = 40

#: Into how many sums the examples are split for the gradient of the weight, whatever the number of
#: threads.
_CHUNKS = 8


def _pointwise(weight_shape: Any, padding: Pair) -> bool:
    return tuple(weight_shape[2:]) == (1, 1) and padding == (0, 0)


def _strided(stride: Pair, size: Pair) -> tuple[slice, ...]:
    """Return the elements that a 1x1 window meets."""
    ends = ((n - 1) * s + 1 for n, s in zip(size, stride, strict=True))
    return (slice(None), slice(None), *(slice(0, e, s) for e, s in zip(ends, stride, strict=True)))


def conv2d(
    x: Any,
    weight: Any,
    bias: Any,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
    out: Any = None,
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
    """
    n = x.shape[0]
    o, cg, kh, kw = weight.shape
    size = tuple(map(output_size, x.shape[2:], (kh, kw), stride, padding, dilation))
    if not compiled_kernels():
        return _into(out, conv2d_reference(x, weight, bias, stride, padding, dilation, groups))
    if out is None:
        out = np.empty((n, o, *size), x.dtype)
    if weight.size == 0 or out.size == 0:
        out[...] = 0 if bias is None else bias[:, None, None]
    elif _pointwise(weight.shape, padding):
        seen = np.ascontiguousarray(x[_strided(stride, size)])
        matrix = weight.reshape(groups, o // groups, cg)
        np.matmul(matrix, seen.reshape(n, groups, cg, -1), out=out.reshape(n, groups, o // groups, -1))
        if bias is not None:
            out += bias[:, None, None]
    else:
        plan = _forward_plan(n, cg, x.shape[2:], (kh, kw), stride, padding, dilation)
        _run(x, weight.reshape(groups, o // groups, cg, kh * kw), bias, plan, out)
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
        return _into(
            out,
            conv2d_input_grad_reference(g, weight, input_shape, stride, padding, dilation, groups),
        )
    if out is None:
        out = np.empty((n, c, h, w), g.dtype)
    if weight.size == 0 or g.size == 0 or out.size == 0:
        out[...] = 0
    elif _pointwise(weight.shape, padding):
        matrix = weight.reshape(groups, o // groups, cg).swapaxes(1, 2)
        grouped = np.ascontiguousarray(g).reshape(n, groups, o // groups, -1)
        if stride == (1, 1):
            np.matmul(matrix, grouped, out=out.reshape(n, groups, cg, -1))
        else:
            out[...] = 0
            seen = (matrix @ grouped).reshape(n, c, *g.shape[2:])
            out[_strided(stride, g.shape[2:])] = seen
    else:
        plan = _input_grad_plan(n, o // groups, (h, w), g.shape[2:], (kh, kw), stride, padding, dilation)
        matrix = weight.reshape(groups, o // groups, cg, kh * kw).swapaxes(1, 2)
        _run(g, matrix, None, plan, out)
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
        return _into(
            out,
            conv2d_weight_grad_reference(g, x, weight_shape, stride, padding, dilation, groups),
        )
    if out is None:
        out = np.empty((o, cg, kh, kw), x.dtype)
    if x.size == 0 or g.size == 0 or out.size == 0:
        out[...] = 0
    elif _pointwise(weight_shape, padding):
        seen = np.ascontiguousarray(x[_strided(stride, g.shape[2:])])
        grouped = np.ascontiguousarray(g).reshape(n, groups, o // groups, -1)
        seen = seen.reshape(n, groups, cg, -1).swapaxes(2, 3)
        np.sum(grouped @ seen, axis=0, out=out.reshape(groups, o // groups, cg))
    else:
        plan = _forward_plan(n, cg, x.shape[2:], (kh, kw), stride, padding, dilation)
        tiles = -(-o // groups // TILE)
        chunks = min(-(-n // plan.examples), _CHUNKS)
        sums = np.zeros((chunks, groups, tiles, plan.offsets.size, TILE), x.dtype)
        work = g.size * plan.offsets.size / _PRODUCTS_PER_NS
        correlate(
            np.ascontiguousarray(x).reshape(-1), np.ascontiguousarray(g).reshape(-1), plan.offsets,
            sums.reshape(-1), (*x.shape, *g.shape[1:], groups), plan.place, plan.examples, chunks,
            workers(work), work=work,
        )  # fmt: skip
        total = sums.sum(axis=0).swapaxes(2, 3).reshape(groups, tiles * TILE, -1)
        out.reshape(groups, o // groups, -1)[...] = total[:, : o // groups, : cg * kh * kw]
    return out


def _into(out: Any, result: Any) -> Any:
    """Return ``result``, in ``out`` if that is given."""
    if out is None:
        return result
    out[...] = result
    return out
