"""The loops of recurrent layers: all steps of a few sequences at a time.

A group of sequences is an item of work that runs through all steps on one thread: its states stay in the first-level
cache, and threads meet only at the end. The product of the states with the hidden weights is the loop of ``convolve``:
four rows times four weights, sixteen multiply-adds for eight loads at unit stride, with the sums in a buffer of
constant pitch so that LLVM sees that they do not overlap. Plain numba reaches 227 Gflop/s on one core so, for 32 rows,
128 hidden and 512 gates, where OpenBLAS reaches 100 (AVX2) to 160 (AVX-512).

Weights are packed into panels, (panels, depth, gates, unit): a panel holds all gates of ``unit`` hidden elements, which
are therefore known as soon as its product is; ``depth`` is what is summed over, in multiples of four.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw.kernels.exponential import sigmoid_of, tanh_of
from tinygrad_hw.kernels.runtime import kernel, workers

__all__ = ["TILE", "Backward", "forward"]

prange = range

#: Columns of a panel at most: four rows of sums are 8 KB.
BLOCK = 512
#: Rows taken together.
TILE = 4
#: Sequences in an item of work.
CHUNK = 8
#: Columns of a panel are a multiple of this, so that its rows begin on cache lines.
_ALIGN = 16
#: Numbers of modes in compiled code.
_MODES = {"tanh": 0, "relu": 1, "lstm": 2, "gru": 3}
_TANH, _RELU, _LSTM, _GRU = 0, 1, 2, 3

_1, _2, _3, _4 = (np.uint64(i) for i in (1, 2, 3, 4))
_B1, _B2, _B3 = (np.uint64(i * BLOCK) for i in (1, 2, 3))
#: Pitch of the sections that a row's gradients are worked out in.
SPAN = 256
_S1, _S2, _S3, _S4, _S5, _S6, _S7 = (np.uint64(i * SPAN) for i in range(1, 8))


# -- products --------------------------------------------------------------------------------------


@kernel()
def _product(x: Any, at: Any, leap: Any, rows: Any, w: Any, begin: Any, depth: Any, width: Any, sums: Any) -> None:
    """Add to up to four rows of sums the products of rows of ``x``, ``leap`` apart, with a panel (depth, width)."""
    if rows == 1:
        for k in range(np.uint64(0), depth, _4):
            w0 = begin + k * width
            w1, w2, w3 = w0 + width, w0 + _2 * width, w0 + _3 * width
            a0, a1, a2, a3 = x[at + k], x[at + k + _1], x[at + k + _2], x[at + k + _3]
            for q in range(width):
                sums[q] += a0 * w[w0 + q] + a1 * w[w1 + q] + a2 * w[w2 + q] + a3 * w[w3 + q]
        return
    for k in range(np.uint64(0), depth, _4):
        w0 = begin + k * width
        w1, w2, w3 = w0 + width, w0 + _2 * width, w0 + _3 * width
        i = at + k
        a0, a1, a2, a3 = x[i], x[i + _1], x[i + _2], x[i + _3]
        i += leap
        b0, b1, b2, b3 = x[i], x[i + _1], x[i + _2], x[i + _3]
        i += leap
        c0, c1, c2, c3 = x[i], x[i + _1], x[i + _2], x[i + _3]
        i += leap
        d0, d1, d2, d3 = x[i], x[i + _1], x[i + _2], x[i + _3]
        for q in range(width):
            y0, y1, y2, y3 = w[w0 + q], w[w1 + q], w[w2 + q], w[w3 + q]
            sums[q] += a0 * y0 + a1 * y1 + a2 * y2 + a3 * y3
            sums[q + _B1] += b0 * y0 + b1 * y1 + b2 * y2 + b3 * y3
            sums[q + _B2] += c0 * y0 + c1 * y1 + c2 * y2 + c3 * y3
            sums[q + _B3] += d0 * y0 + d1 * y1 + d2 * y2 + d3 * y3


@kernel()
def _copy(x: Any, i: Any, y: Any, j: Any, n: Any) -> None:
    """Copy ``n`` elements of ``x`` from ``i`` to ``y`` from ``j``."""
    for q in range(n):
        y[j + q] = x[i + q]


@kernel()
def _add(x: Any, i: Any, y: Any, j: Any, n: Any) -> None:
    """Add ``n`` elements of ``x`` from ``i`` to those of ``y`` from ``j``."""
    for q in range(n):
        y[j + q] += x[i + q]


@kernel()
def _zero(x: Any, i: Any, n: Any) -> None:
    """Set ``n`` elements of ``x`` from ``i`` to zero."""
    for q in range(n):
        x[i + q] = 0


@kernel()
def _aligned(n: Any, like: Any) -> Any:
    """Return ``n`` zeros that begin on a cache line: sums that straddle lines cost a third of the speed."""
    raw = np.zeros(n + 16, like.dtype)
    skip = (-raw.ctypes.data % 64) // raw.itemsize
    return raw[skip : skip + n]


# -- gates, a row at a time ------------------------------------------------------------------------
#
# Loops of few arrays: LLVM tests before each that they do not overlap, and gives up where there are many.


@kernel()
def _sigmoid(like: Any, x: Any) -> Any:
    """Return the logistic function of ``x`` in the precision of an array."""
    return like.dtype.type(sigmoid_of(x, like.itemsize == 4))


@kernel()
def _tanh(like: Any, x: Any) -> Any:
    """Return the hyperbolic tangent of ``x`` in the precision of an array."""
    return like.dtype.type(tanh_of(x, like.itemsize == 4))


@kernel()
def _sigmoids(sums: Any, s: Any, gates: Any, g: Any, n: Any) -> None:
    for q in range(n):
        y = _sigmoid(sums, sums[s + q])
        sums[s + q] = y
        gates[g + q] = y


@kernel()
def _tanhs(sums: Any, s: Any, gates: Any, g: Any, n: Any) -> None:
    for q in range(n):
        y = _tanh(sums, sums[s + q])
        sums[s + q] = y
        gates[g + q] = y


@kernel()
def _lstm_row(
    sums: Any, s: Any, unit: Any, gates: Any, g: Any, hidden: Any, c: Any, i: Any, new: Any, j: Any, n: Any
) -> None:
    """Turn ``n`` sums of each gate into cell states and hidden states."""
    f, m, o = s + unit, s + _2 * unit, s + _3 * unit
    _sigmoids(sums, s, gates, g, n)
    _sigmoids(sums, f, gates, g + hidden, n)
    _tanhs(sums, m, gates, g + _2 * hidden, n)
    _sigmoids(sums, o, gates, g + _3 * hidden, n)
    for q in range(n):
        c[i + q] = sums[f + q] * c[i + q] + sums[s + q] * sums[m + q]
    for q in range(n):
        new[j + q] = sums[o + q] * _tanh(c, c[i + q])


@kernel()
def _gru_row(
    sums: Any, s: Any, unit: Any, gates: Any, g: Any, hidden: Any, bias_n: Any, b: Any, state: Any, h: Any,
    new: Any, j: Any, n: Any,
) -> None:  # fmt: skip
    """Turn ``n`` sums of each gate into hidden states; ``gates`` hold the inputs' share."""
    z, m = s + unit, s + _2 * unit
    _add(gates, g, sums, s, n)
    _add(gates, g + hidden, sums, z, n)
    _sigmoids(sums, s, gates, g, n)
    _sigmoids(sums, z, gates, g + hidden, n)
    for q in range(n):
        sums[m + q] *= sums[s + q]
    _add(bias_n, b, sums, m, n)
    _add(gates, g + _2 * hidden, sums, m, n)
    _tanhs(sums, m, gates, g + _2 * hidden, n)
    for q in range(n):
        new[j + q] = sums[m + q] + sums[z + q] * (state[h + q] - sums[m + q])


@kernel()
def _elman_row(relu: Any, sums: Any, s: Any, new: Any, j: Any, n: Any) -> None:
    """Turn ``n`` sums into hidden states."""
    zero = sums.dtype.type(0)
    if relu:
        for q in range(n):
            new[j + q] = zero if sums[s + q] < zero else sums[s + q]
    else:
        for q in range(n):
            new[j + q] = _tanh(sums, sums[s + q])


@kernel(parallel=True)
def _forward(
    mode: int,
    x: Any,
    inputs: Any,
    gates: Any,
    sizes: Any,
    begins: Any,
    h: Any,
    c: Any,
    panels: Any,
    bias: Any,
    bias_n: Any,
    projection: Any,
    out: Any,
    cells: Any,
    extra: Any,
    shape: Any,
    reverse: bool,
    workers: int,
) -> None:
    """Go through all steps; all arrays are flat, ``h`` and ``c`` become the last states.

    ``gates`` hold the inputs' products, unless there are panels ``inputs`` to compute them with from ``x``.
    """
    steps, batch, hidden, outputs, count, unit, depth, unit_out, deep, features, depth_x = shape
    items = (batch + CHUNK - 1) // CHUNK
    width, leap = count * unit, depth + depth_x
    for worker in prange(workers):
        # A row of ``state`` is the hidden state and, beside it, the input.
        state = _aligned(CHUNK * leap, gates)
        new = _aligned(CHUNK * deep, gates)
        sums = _aligned(TILE * BLOCK, gates)
        for item in range(worker, items, workers):
            first = item * CHUNK
            rows = min(CHUNK, batch - first)
            for r in range(rows):
                _copy(h, np.uint64((first + r) * outputs), state, np.uint64(r * leap), np.uint64(outputs))
            for step in range(steps):
                t = steps - 1 - step if reverse else step
                n = min(rows, sizes[t] - first)
                if depth_x > 0:
                    for r in range(n):
                        at = np.uint64((begins[t] + first + r) * features)
                        _copy(x, at, state, np.uint64(r * leap + depth), np.uint64(features))
                for begin in range(0, hidden, unit):
                    size = np.uint64(min(unit, hidden - begin))
                    panel = begin // unit * width
                    for top in range(0, n, TILE):
                        here = min(TILE, n - top)
                        if mode == _GRU and depth_x > 0:
                            # The new gate needs the inputs' share by itself.
                            for r in range(here):
                                _zero(sums, np.uint64(r * BLOCK), np.uint64(width))
                            _product(
                                state, np.uint64(top * leap + depth), np.uint64(leap), here,
                                inputs, np.uint64(panel * depth_x), np.uint64(depth_x), np.uint64(width), sums,
                            )  # fmt: skip
                            for r in range(here):
                                for k in range(count):
                                    row = begins[t] + first + top + r
                                    at = np.uint64((row * count + k) * hidden + begin)
                                    _copy(sums, np.uint64(r * BLOCK + k * unit), gates, at, size)
                        for r in range(here):
                            _copy(bias, np.uint64(panel), sums, np.uint64(r * BLOCK), np.uint64(width))
                            if mode != _GRU and depth_x == 0:
                                for k in range(count):
                                    row = begins[t] + first + top + r
                                    at = np.uint64((row * count + k) * hidden + begin)
                                    _add(gates, at, sums, np.uint64(r * BLOCK + k * unit), size)
                        _product(
                            state, np.uint64(top * leap), np.uint64(leap), here,
                            panels, np.uint64(panel * depth), np.uint64(depth), np.uint64(width), sums,
                        )  # fmt: skip
                        if mode != _GRU and depth_x > 0:
                            _product(
                                state, np.uint64(top * leap + depth), np.uint64(leap), here,
                                inputs, np.uint64(panel * depth_x), np.uint64(depth_x), np.uint64(width), sums,
                            )  # fmt: skip
                        for r in range(here):
                            row = begins[t] + first + top + r
                            s, j = np.uint64(r * BLOCK), np.uint64((top + r) * deep + begin)
                            g, at = np.uint64(row * count * hidden + begin), np.uint64(row * hidden + begin)
                            if mode == _LSTM:
                                i = np.uint64((first + top + r) * hidden + begin)
                                _lstm_row(sums, s, np.uint64(unit), gates, g, np.uint64(hidden), c, i, new, j, size)
                                _copy(c, i, cells, at, size)
                            elif mode == _GRU:
                                _copy(sums, s + np.uint64(2 * unit), extra, at, size)
                                _gru_row(
                                    sums, s, np.uint64(unit), gates, g, np.uint64(hidden), bias_n, np.uint64(begin),
                                    state, np.uint64((top + r) * leap + begin), new, j, size,
                                )  # fmt: skip
                            else:
                                _elman_row(mode == _RELU, sums, s, new, j, size)
                if unit_out == 0:
                    for r in range(n):
                        _copy(new, np.uint64(r * deep), state, np.uint64(r * leap), np.uint64(hidden))
                else:
                    for r in range(n):
                        at = np.uint64((begins[t] + first + r) * hidden)
                        _copy(new, np.uint64(r * deep), extra, at, np.uint64(hidden))
                    for begin in range(0, outputs, unit_out):
                        for top in range(0, n, TILE):
                            sums[:] = 0
                            _product(
                                new, np.uint64(top * deep), np.uint64(deep), min(TILE, n - top),
                                projection, np.uint64(begin * deep), np.uint64(deep), np.uint64(unit_out), sums,
                            )  # fmt: skip
                            for r in range(min(TILE, n - top)):
                                _copy(
                                    sums, np.uint64(r * BLOCK), state, np.uint64((top + r) * leap + begin),
                                    np.uint64(min(unit_out, outputs - begin)),
                                )  # fmt: skip
                for r in range(n):
                    at = np.uint64((begins[t] + first + r) * outputs)
                    _copy(state, np.uint64(r * leap), out, at, np.uint64(outputs))
            for r in range(rows):
                _copy(state, np.uint64(r * leap), h, np.uint64((first + r) * outputs), np.uint64(outputs))


# -- gradients of gates, a row at a time -----------------------------------------------------------
#
# What a loop needs is copied into sections of one buffer, a constant distance apart.


@kernel()
def _lstm_section(x: Any, n: Any) -> None:
    """Gates 0 to 3, cell state 4 and the one before 5, gradients of output 6 and cell 7; in place of gates and cell."""
    one = x.dtype.type(1)
    for q in range(n):
        i, f, m, o = x[q], x[q + _S1], x[q + _S2], x[q + _S3]
        squashed, g = _tanh(x, x[q + _S4]), x[q + _S6]
        to_c = x[q + _S7] + g * o * (one - squashed * squashed)
        x[q] = to_c * m * i * (one - i)
        x[q + _S1] = to_c * x[q + _S5] * f * (one - f)
        x[q + _S2] = to_c * i * (one - m * m)
        x[q + _S3] = g * squashed * o * (one - o)
        x[q + _S7] = to_c * f


@kernel()
def _gru_section(x: Any, n: Any) -> None:
    """Gates 0 to 2, inner share 3, state before 4, gradient 5; becomes n, r, z, inner n, and in 5 the state's."""
    one = x.dtype.type(1)
    for q in range(n):
        r, z, m, g = x[q], x[q + _S1], x[q + _S2], x[q + _S5]
        to_n = g * (one - z) * (one - m * m)
        x[q] = to_n
        x[q + _S1] = to_n * x[q + _S3] * r * (one - r)
        x[q + _S2] = g * (x[q + _S4] - m) * z * (one - z)
        x[q + _S3] = to_n * r
        x[q + _S5] = g * z


@kernel()
def _elman_section(relu: Any, x: Any, n: Any) -> None:
    """The output 0 and its gradient 1; in place of the output."""
    zero, one = x.dtype.type(0), x.dtype.type(1)
    if relu:
        for q in range(n):
            x[q] = x[q + _S1] if x[q] > zero else zero
    else:
        for q in range(n):
            x[q] = x[q + _S1] * (one - x[q] * x[q])


@kernel()
def _load(gates: Any, at: Any, by: Any, x: Any, n: Any) -> None:
    """Copy ``n`` elements of three gates, ``by`` apart, into the first sections."""
    _copy(gates, at, x, np.uint64(0), n)
    _copy(gates, at + by, x, _S1, n)
    _copy(gates, at + _2 * by, x, _S2, n)


@kernel()
def _unload(x: Any, section: Any, d: Any, i: Any, local: Any, j: Any, sums: Any, k: Any, n: Any) -> None:
    """Put a section of gradients where they are kept, where they are multiplied, and add it to the sums for biases."""
    _copy(x, section, d, i, n)
    _copy(x, section, local, j, n)
    _add(x, section, sums, k, n)


@kernel(parallel=True)
def _backward(
    mode: int,
    g_out: Any,
    sizes: Any,
    begins: Any,
    x: Any,
    h: Any,
    dh: Any,
    dc: Any,
    first: Any,
    panels: Any,
    inputs: Any,
    projection: Any,
    gates: Any,
    cells: Any,
    extra: Any,
    out: Any,
    d: Any,
    dx: Any,
    dy: Any,
    both: Any,
    bias_sums: Any,
    shape: Any,
    part: Any,
    reverse: bool,
    workers: int,
) -> None:
    """Go back through some steps; all arrays are flat, ``dh`` and ``dc`` become the gradients of the states before.

    ``part`` is the first and last of these steps in the order in which they are taken, and the row that ``d``, ``dy``
    and ``both`` begin with. The panels are those of the hidden weights and, beside them, of the input weights; for GRU,
    whose gradients of the gates differ for input and state, ``inputs`` holds the latter.
    """
    steps, batch, hidden, outputs, features, columns, beside, unit, depth, unit_x, depth_x, unit_out, deep_out = shape
    items = (batch + CHUNK - 1) // CHUNK
    deep = (hidden + 3) // 4 * 4
    leap, inner = (columns + 7) // 4 * 4, hidden if mode == _GRU else 0
    for worker in prange(workers):
        local = _aligned(CHUNK * leap + 4, out)
        grads = _aligned(CHUNK * deep, out)
        total = _aligned(CHUNK * deep_out, out)
        sums = _aligned(TILE * BLOCK, out)
        sections = _aligned(8 * SPAN, out)
        for item in range(worker, items, workers):
            top_row = item * CHUNK
            for step in range(part[0], part[1]):
                t = step if reverse else steps - 1 - step
                n = min(min(CHUNK, batch - top_row), sizes[t] - top_row)
                for r in range(n):
                    at = np.uint64((begins[t] + top_row + r) * outputs)
                    state = np.uint64((top_row + r) * outputs)
                    if unit_out == 0:
                        _copy(dh, state, grads, np.uint64(r * deep), np.uint64(outputs))
                        _add(g_out, at, grads, np.uint64(r * deep), np.uint64(outputs))
                    else:
                        _copy(dh, state, total, np.uint64(r * deep_out), np.uint64(outputs))
                        _add(g_out, at, total, np.uint64(r * deep_out), np.uint64(outputs))
                        to = at - np.uint64(part[2] * outputs)
                        _copy(total, np.uint64(r * deep_out), dy, to, np.uint64(outputs))
                if unit_out > 0:
                    for begin in range(0, hidden, unit_out):
                        for top in range(0, n, TILE):
                            sums[:] = 0
                            _product(
                                total, np.uint64(top * deep_out), np.uint64(deep_out), min(TILE, n - top),
                                projection, np.uint64(begin * deep_out), np.uint64(deep_out), np.uint64(unit_out), sums,
                            )  # fmt: skip
                            for r in range(min(TILE, n - top)):
                                _copy(
                                    sums, np.uint64(r * BLOCK), grads, np.uint64((top + r) * deep + begin),
                                    np.uint64(min(unit_out, hidden - begin)),
                                )  # fmt: skip
                s = t + 1 if reverse else t - 1
                there = sizes[s] - top_row if 0 <= s < steps else 0
                for r in range(n):
                    row = begins[t] + top_row + r
                    before = begins[s] + top_row + r if r < there else 0
                    # In this function, not in one of its own, for which each array would be counted up and down.
                    for begin in range(0, hidden, SPAN):
                        size, wide = np.uint64(min(SPAN, hidden - begin)), np.uint64(hidden)
                        at, past = np.uint64(row * hidden + begin), np.uint64(before * hidden + begin)
                        start, g = np.uint64((top_row + r) * hidden + begin), np.uint64(r * deep + begin)
                        i = np.uint64((row - part[2]) * columns + begin)
                        j, k = np.uint64(r * leap + begin), np.uint64(item * columns + begin)
                        if mode == _LSTM:
                            gate = np.uint64(row * 4 * hidden + begin)
                            _load(gates, gate, wide, sections, size)
                            _copy(gates, gate + _3 * wide, sections, _S3, size)
                            _copy(cells, at, sections, _S4, size)
                            if r < there:
                                _copy(cells, past, sections, _S5, size)
                            else:
                                _copy(first, start, sections, _S5, size)
                            _copy(grads, g, sections, _S6, size)
                            _copy(dc, start, sections, _S7, size)
                            _lstm_section(sections, size)
                            _copy(sections, _S7, dc, start, size)
                            _unload(sections, np.uint64(0), d, i, local, j, bias_sums, k, size)
                        elif mode == _GRU:
                            _load(gates, np.uint64(row * 3 * hidden + begin), wide, sections, size)
                            _copy(extra, at, sections, _S3, size)
                            if r < there:
                                _copy(out, past, sections, _S4, size)
                            else:
                                _copy(first, start, sections, _S4, size)
                            _copy(grads, g, sections, _S5, size)
                            _gru_section(sections, size)
                            _copy(sections, _S5, grads, g, size)
                            # New, reset, update, inner: both shares, of input and state, are windows of it.
                            _unload(sections, np.uint64(0), d, i, local, j, bias_sums, k, size)
                        else:
                            _copy(out, at, sections, np.uint64(0), size)
                            _copy(grads, g, sections, _S1, size)
                            _elman_section(mode == _RELU, sections, size)
                            _unload(sections, np.uint64(0), d, i, local, j, bias_sums, k, size)
                        if columns > hidden:
                            i, j, k = i + wide, j + wide, k + wide
                            _unload(sections, _S1, d, i, local, j, bias_sums, k, size)
                            i, j, k = i + wide, j + wide, k + wide
                            _unload(sections, _S2, d, i, local, j, bias_sums, k, size)
                            i, j, k = i + wide, j + wide, k + wide
                            _unload(sections, _S3, d, i, local, j, bias_sums, k, size)
                    if both.size > 0:
                        at = np.uint64((row - part[2]) * (features + outputs))
                        _copy(x, np.uint64(row * features), both, at, np.uint64(features))
                        at += np.uint64(features)
                        if r < there:
                            _copy(out, np.uint64(before * outputs), both, at, np.uint64(outputs))
                        else:
                            _copy(h, np.uint64((top_row + r) * outputs), both, at, np.uint64(outputs))
                for begin in range(0, features if unit_x > 0 else 0, max(unit_x, 1)):
                    for top in range(0, n, TILE):
                        sums[:] = 0
                        _product(
                            local, np.uint64(top * leap), np.uint64(leap), min(TILE, n - top),
                            inputs, np.uint64(begin * depth_x), np.uint64(depth_x), np.uint64(unit_x), sums,
                        )  # fmt: skip
                        for r in range(min(TILE, n - top)):
                            at = np.uint64((begins[t] + top_row + top + r) * features + begin)
                            _copy(sums, np.uint64(r * BLOCK), dx, at, np.uint64(min(unit_x, features - begin)))
                for begin in range(0, beside, unit):
                    states = max(min(unit, outputs - begin), 0)
                    others = min(unit, beside - begin) - states
                    for top in range(0, n, TILE):
                        sums[:] = 0
                        if mode == _GRU:
                            for r in range(min(TILE, n - top)):
                                at = np.uint64((top + r) * deep + begin)
                                _copy(grads, at, sums, np.uint64(r * BLOCK), np.uint64(states))
                        _product(
                            local, np.uint64(top * leap + inner), np.uint64(leap), min(TILE, n - top),
                            panels, np.uint64(begin * depth), np.uint64(depth), np.uint64(unit), sums,
                        )  # fmt: skip
                        for r in range(min(TILE, n - top)):
                            if states > 0:
                                at = np.uint64((top_row + top + r) * outputs + begin)
                                _copy(sums, np.uint64(r * BLOCK), dh, at, np.uint64(states))
                            if others > 0:
                                row = begins[t] + top_row + top + r
                                at = np.uint64(row * features + begin + states - outputs)
                                _copy(sums, np.uint64(r * BLOCK + states), dx, at, np.uint64(others))


# -- from outside ----------------------------------------------------------------------------------


def _panels(w: Any) -> tuple[Any, int, int]:
    """Pack weights (gates, n, depth) into panels (panels, depth, gates, unit); return them flat, unit and depth."""
    gates, n, k = w.shape
    limit = BLOCK // gates // _ALIGN * _ALIGN
    count = -(-n // limit)
    unit = -(-n // (count * _ALIGN)) * _ALIGN
    depth = -(-k // 4) * 4
    size = count * depth * gates * unit
    raw = np.zeros(size + 16, w.dtype)
    skip = -raw.ctypes.data % 64 // raw.itemsize
    flat = raw[skip : skip + size]
    packed = flat.reshape(count, depth, gates, unit)
    for p in range(count):
        part = w[:, p * unit : (p + 1) * unit]
        packed[p, :k, :, : part.shape[1]] = part.transpose(2, 0, 1)
    return flat, unit, depth


def _flat(a: Any, like: Any) -> Any:
    return np.zeros(0, like.dtype) if a is None else np.ascontiguousarray(a).reshape(-1)


def _gates(mode: str) -> int:
    return {"lstm": 4, "gru": 3}.get(mode, 1)


def forward(
    mode: str, x: Any, gates: Any, sizes: Any, begins: Any, h: Any, c: Any, weights: Any, bias: Any, bias_n: Any,
    out: Any, saved: Any, reverse: bool,
) -> None:  # fmt: skip
    """Go through all steps: ``gates``, ``h``, ``c``, ``out`` and what is saved are written in place.

    Args:
        mode: "tanh", "relu", "lstm", "gru".
        x: (R, I), whose products with the weights are computed here; None if they are in ``gates``.
        gates: (R, G).
        sizes: sequences at each step.
        begins: each step's first row.
        h: (B, P), the first states.
        c: (B, H) or None.
        weights: of the layer.
        bias: (G,), added to the states' products.
        bias_n: (H,), added to GRU's new gate outside the reset gate.
        out: (R, P).
        saved: arrays for what the backward pass needs.
        reverse: direction.
    """
    count = _gates(mode)
    hidden, outputs = weights.w_hh.shape[0] // count, weights.w_hh.shape[1]
    panels, unit, depth = _panels(weights.w_hh.reshape(count, hidden, outputs))
    inner = np.zeros((count, -(-hidden // unit) * unit), out.dtype)
    inner[:, :hidden] = bias.reshape(count, hidden)
    inner = inner.reshape(count, -1, unit).transpose(1, 0, 2)
    none = np.zeros(0, out.dtype)
    inputs, features, depth_x = none, 0, 0
    if x is not None:
        features = x.shape[1]
        inputs, _, depth_x = _panels(weights.w_ih.reshape(count, hidden, features))
    projection, unit_out, deep = none, 0, -(-hidden // 4) * 4
    if weights.w_hr is not None:
        projection, unit_out, deep = _panels(weights.w_hr[None])
    shape = (len(sizes), len(h), hidden, outputs, count, unit, depth, unit_out, deep, features, depth_x)
    work = len(out) * count * hidden * ((outputs + features) / 100 + 1)
    _forward(
        _MODES[mode], _flat(x, out), inputs, gates.reshape(-1), sizes, begins, h.reshape(-1), _flat(c, out), panels,
        _flat(inner, out), _flat(bias_n, out), projection, out.reshape(-1), saved.cells.reshape(-1),
        saved.extra.reshape(-1), shape, reverse, workers(work), work=work,
    )  # fmt: skip


class Backward:
    """Going back through the steps, a few at a time, so that what they leave is still in the cache when it is used.

    Args:
        mode: "tanh", "relu", "lstm", "gru".
        g_out: (R, P), gradient of the outputs.
        x: (R, I).
        sizes: sequences at each step.
        begins: each step's first row.
        h0: (B, P), the first states.
        c0: (B, H) or None.
        dh: (B, P), gradients of the last states, which become those of the first ones.
        dc: (B, H) or None, likewise.
        weights: of the layer.
        out: (R, P).
        saved: what the forward pass saved.
        reverse: direction.
        input_too: whether to compute the gradient of x.

    Attributes:
        dx: (R, I), gradient of x, or None.
    """

    def __init__(
        self, mode: str, g_out: Any, x: Any, sizes: Any, begins: Any, h0: Any, c0: Any, dh: Any, dc: Any, weights: Any,
        out: Any, saved: Any, reverse: bool, input_too: bool,
    ) -> None:  # fmt: skip
        size, outputs = weights.w_hh.shape
        hidden, features = size // _gates(mode), x.shape[1]
        self.columns = 4 * hidden if mode == "gru" else size
        self.reverse, self.sizes, self.begins = reverse, sizes, begins
        none = np.zeros(0, out.dtype)
        w_hh, inputs, unit_x, depth_x = weights.w_hh, none, 0, 0
        if input_too and mode == "gru":
            w_ih = np.concatenate([weights.w_ih[2 * hidden :], weights.w_ih[: 2 * hidden]])
            inputs, unit_x, depth_x = _panels(w_ih.T[None])
        elif input_too:
            w_hh = np.concatenate([w_hh, weights.w_ih], 1)
        panels, unit, depth = _panels(w_hh.T[None])
        projection, unit_out, deep_out = none, 0, 4
        if weights.w_hr is not None:
            projection, unit_out, deep_out = _panels(weights.w_hr.T[None])
        self.dx = np.empty_like(x) if input_too else None
        self.sums = np.zeros((-(-len(dh) // CHUNK), self.columns), out.dtype)
        self.shape = (
            len(sizes), len(dh), hidden, outputs, features, self.columns, w_hh.shape[1], unit, depth, unit_x, depth_x,
            unit_out, deep_out,
        )  # fmt: skip
        self.given = (
            _MODES[mode], _flat(g_out, out), sizes, begins, _flat(x, out), _flat(h0, out), dh.reshape(-1),
            _flat(dc, out), _flat(h0 if mode == "gru" else c0, out), panels, inputs, projection,
            saved.gates.reshape(-1), saved.cells.reshape(-1), saved.extra.reshape(-1), out.reshape(-1),
        )  # fmt: skip
        self.like = out

    def parts(self, elements: int) -> Any:
        """Yield, for steps whose gates have about so many elements, their first and last row, and three arrays.

        These are the gradients of the gates before their activation functions, (rows, G) or for GRU (rows, 4H) with
        the new gate's two shares (of the input, of the hidden state) first and last; gradients of what is projected to,
        (rows, P) or empty; and x and the state before, side by side, (rows, I + P).
        """
        steps, _, _, outputs, features = self.shape[:5]
        rows = len(self.like)
        few = min(steps, max(1, elements // (self.columns * int(self.sizes[0]))))
        most = min(rows, few * int(self.sizes[0]))
        d = np.empty((most, self.columns), self.like.dtype)
        dy = np.empty((most if self.shape[-2] else 0, outputs), self.like.dtype)
        both = np.empty((most, features + outputs), self.like.dtype)
        for step in range(0, steps, few):
            end = min(step + few, steps)
            first, last = (step, end) if self.reverse else (steps - end, steps - step)
            begin = int(self.begins[first])
            stop = int(self.begins[last]) if last < steps else rows
            work = (stop - begin) * self.columns * ((outputs + features) / 100 + 1)
            _backward(
                *self.given, d.reshape(-1), _flat(self.dx, self.like), dy.reshape(-1), both.reshape(-1),
                self.sums.reshape(-1), self.shape, (step, end, begin), self.reverse, workers(work), work=work,
            )  # fmt: skip
            n = stop - begin
            yield begin, stop, d[:n], dy[:n], both[:n]
