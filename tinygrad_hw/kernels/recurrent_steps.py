"""The loops of recurrent layers: all steps of a few sequences at a time.

A group of sequences is an item of work that runs through all steps on one thread: its states stay in the first-level
cache, and threads meet only at the end. The product of the states with the weights is one of the register tiles of
convolution (``simd``), whose rows are the sequences; the states are turned for it at each step. It reaches 239 Gflop/s
on a core where OpenBLAS, with so few rows, reaches 100 (AVX2) to 160 (AVX-512).

Weights are packed into panels, (panels, strips, depth, two vectors), a panel being (depth, gates, unit) cut into
strips: it holds all gates of ``unit`` hidden elements, which are therefore known as soon as its product is; ``depth``
is what is summed over.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw.kernels.exponential import sigmoid_of, tanh_of
from tinygrad_hw.kernels.runtime import kernel, workers
from tinygrad_hw.kernels.simd import lanes, tile_2, tile_rows, turn_panel

__all__ = ["CHUNK", "Backward", "forward"]

prange = range

#: Columns of a panel at most: the sums are 16 KB.
BLOCK = 512
#: Sequences in an item of work: the rows of a tile, or of two where registers are few.
CHUNK = 8
#: Numbers of modes in compiled code.
_MODES = {"tanh": 0, "relu": 1, "lstm": 2, "gru": 3}
_TANH, _RELU, _LSTM, _GRU = 0, 1, 2, 3

_1, _2, _3 = (np.uint64(i) for i in (1, 2, 3))
#: Pitch of the sections that a row's gradients are worked out in.
SPAN = 256
_S1, _S2, _S3, _S4, _S5, _S6, _S7 = (np.uint64(i * SPAN) for i in range(1, 8))


# -- products --------------------------------------------------------------------------------------


@kernel()
def _turned(x: Any, leap: int, rows: int, depth: int, tile: int, vector: int, room: int, packed: Any) -> None:
    """Write rows, ``leap`` apart, as (groups of ``tile`` rows, depth, tile); groups are ``room`` apart."""
    # Loops by ones: one by a variable could raise, and then each array is counted up and down.
    for number in range((rows + tile - 1) // tile):
        group = number * tile
        for panel in range((depth + vector - 1) // vector):
            k = panel * vector
            turn_panel(
                x, group * leap + k, leap, min(tile, rows - group), min(vector, depth - k),
                packed, number * room + k * tile,
            )  # fmt: skip


@kernel()
def _product(
    packed: Any, room: int, at: int, rows: int, panels: Any, begin: int, depth: int, width: int, fresh: bool,
    offsets: Any, zeros: Any, tile: int, vector: int, sums: Any,
) -> None:  # fmt: skip
    """Multiply turned rows, from ``at`` of what is summed over, with a panel; the sums are ``fresh`` or added to."""
    for number in range((rows + tile - 1) // tile):
        group = number * tile
        for strip in range(width // (2 * vector)):
            q = strip * 2 * vector
            tile_2(
                panels, begin + q * depth, offsets, 0, depth, packed, number * room + at * tile,
                zeros, 0, fresh, sums, group * BLOCK + q, BLOCK, 2 * vector, tile,
            )  # fmt: skip


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
def _lstm_states(sums: Any, s: Any, unit: Any, c: Any, i: Any, new: Any, j: Any, n: Any) -> None:
    """Turn ``n`` elements of each gate into cell states and hidden states."""
    f, m, o = s + unit, s + _2 * unit, s + _3 * unit
    for q in range(n):
        c[i + q] = sums[f + q] * c[i + q] + sums[s + q] * sums[m + q]
    for q in range(n):
        new[j + q] = sums[o + q] * _tanh(c, c[i + q])


@kernel()
def _reset(sums: Any, s: Any, m: Any, n: Any) -> None:
    """Multiply the state's share of the new gate by the reset gate."""
    for q in range(n):
        sums[m + q] *= sums[s + q]


@kernel()
def _gru_states(sums: Any, z: Any, m: Any, state: Any, h: Any, new: Any, j: Any, n: Any) -> None:
    """Turn ``n`` elements of the update and new gate into hidden states."""
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
    offsets: Any,
    zeros: Any,
    tiles: Any,
    shape: Any,
    reverse: bool,
    kept: bool,
    workers: int,
) -> None:
    """Go through all steps; all arrays are flat, ``h`` and ``c`` become the last states.

    ``gates`` hold the inputs' products, unless there are panels ``inputs`` to compute them with from ``x``. What a step
    leaves for the backward pass has a row for each sequence and step, or for each sequence if it is not to be ``kept``.
    """
    steps, batch, hidden, outputs, count, unit, unit_out, features = shape
    tile, vector = tiles
    items = (batch + CHUNK - 1) // CHUNK
    width, leap = count * unit, outputs + features
    room = max(leap, hidden) * tile + tile * vector
    for worker in prange(workers):
        # A row of ``state`` is the hidden state and, beside it, the input.
        state = _aligned(CHUNK * leap, gates)
        new = _aligned(CHUNK * hidden, gates)
        packed = _aligned(CHUNK // tile * room, gates)
        sums = _aligned(CHUNK * BLOCK, gates)
        for item in range(worker * items // workers, (worker + 1) * items // workers):
            first = item * CHUNK
            rows = min(CHUNK, batch - first)
            for r in range(rows):
                _copy(h, np.uint64((first + r) * outputs), state, np.uint64(r * leap), np.uint64(outputs))
            for step in range(steps):
                t = steps - 1 - step if reverse else step
                n = min(rows, sizes[t] - first)
                top = begins[t] + first
                row = top if kept else first
                for r in range(n if features > 0 else 0):
                    at = np.uint64(r * leap + outputs)
                    _copy(x, np.uint64((top + r) * features), state, at, np.uint64(features))
                _turned(state, leap, n, leap, tile, vector, room, packed)
                for number in range((hidden + unit - 1) // unit):
                    begin, panel = number * unit, number * width
                    size = np.uint64(min(unit, hidden - begin))
                    if mode == _GRU and features > 0:
                        # The new gate needs the inputs' share by itself.
                        _product(
                            packed, room, outputs, n, inputs, panel * features, features, width, True,
                            offsets, zeros, tile, vector, sums,
                        )  # fmt: skip
                        for r in range(n):
                            for k in range(count):
                                at = np.uint64(((row + r) * count + k) * hidden + begin)
                                _copy(sums, np.uint64(r * BLOCK + k * unit), gates, at, size)
                    for r in range(n):
                        _copy(bias, np.uint64(panel), sums, np.uint64(r * BLOCK), np.uint64(width))
                        if mode != _GRU and features == 0:
                            for k in range(count):
                                at = np.uint64(((row + r) * count + k) * hidden + begin)
                                _add(gates, at, sums, np.uint64(r * BLOCK + k * unit), size)
                    _product(
                        packed, room, 0, n, panels, panel * outputs, outputs, width, False,
                        offsets, zeros, tile, vector, sums,
                    )  # fmt: skip
                    if mode != _GRU and features > 0:
                        _product(
                            packed, room, outputs, n, inputs, panel * features, features, width, False,
                            offsets, zeros, tile, vector, sums,
                        )  # fmt: skip
                    for r in range(n):
                        s, j = np.uint64(r * BLOCK), np.uint64(r * hidden + begin)
                        g, at = np.uint64((row + r) * count * hidden + begin), np.uint64((row + r) * hidden + begin)
                        wide, z, m = np.uint64(hidden), s + np.uint64(unit), s + np.uint64(2 * unit)
                        # In this function, not in one of its own, for which each array would be counted up and down.
                        if mode == _LSTM:
                            i = np.uint64((first + r) * hidden + begin)
                            _sigmoids(sums, s, gates, g, size)
                            _sigmoids(sums, z, gates, g + wide, size)
                            _tanhs(sums, m, gates, g + _2 * wide, size)
                            _sigmoids(sums, s + np.uint64(3 * unit), gates, g + _3 * wide, size)
                            _lstm_states(sums, s, np.uint64(unit), c, i, new, j, size)
                            _copy(c, i, cells, at, size)
                        elif mode == _GRU:
                            _copy(sums, m, extra, at, size)
                            _add(gates, g, sums, s, size)
                            _add(gates, g + wide, sums, z, size)
                            _sigmoids(sums, s, gates, g, size)
                            _sigmoids(sums, z, gates, g + wide, size)
                            _reset(sums, s, m, size)
                            _add(bias_n, np.uint64(begin), sums, m, size)
                            _add(gates, g + _2 * wide, sums, m, size)
                            _tanhs(sums, m, gates, g + _2 * wide, size)
                            _gru_states(sums, z, m, state, np.uint64(r * leap + begin), new, j, size)
                        else:
                            _elman_row(mode == _RELU, sums, s, new, j, size)
                if unit_out == 0:
                    for r in range(n):
                        _copy(new, np.uint64(r * hidden), state, np.uint64(r * leap), np.uint64(hidden))
                else:
                    for r in range(n):
                        _copy(new, np.uint64(r * hidden), extra, np.uint64((row + r) * hidden), np.uint64(hidden))
                    _turned(new, hidden, n, hidden, tile, vector, room, packed)
                    for number in range((outputs + unit_out - 1) // unit_out):
                        begin = number * unit_out
                        _product(
                            packed, room, 0, n, projection, begin * hidden, hidden, unit_out, True,
                            offsets, zeros, tile, vector, sums,
                        )  # fmt: skip
                        size = np.uint64(min(unit_out, outputs - begin))
                        for r in range(n):
                            _copy(sums, np.uint64(r * BLOCK), state, np.uint64(r * leap + begin), size)
                for r in range(n):
                    _copy(state, np.uint64(r * leap), out, np.uint64((top + r) * outputs), np.uint64(outputs))
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
def _unload(x: Any, section: Any, d: Any, i: Any, local: Any, j: Any, sums: Any, k: Any, n: Any) -> None:
    """Put a section of gradients where they are kept, where they are multiplied, and add it to the sums for biases."""
    for q in range(n):
        y = x[section + q]
        d[i + q] = y
        local[j + q] = y
        sums[k + q] += y


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
    offsets: Any,
    zeros: Any,
    tiles: Any,
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
    steps, batch, hidden, outputs, features, columns, beside, unit, unit_x, unit_out = shape
    tile, vector = tiles
    items = (batch + CHUNK - 1) // CHUNK
    # What the states' gradients are multiplied with: for GRU, a window of what is known of the gates.
    window = hidden if mode == _GRU else 0
    depth = columns - window
    room = max(columns, outputs) * tile + tile * vector
    for worker in prange(workers):
        local = _aligned(CHUNK * columns, out)
        grads = _aligned(CHUNK * hidden, out)
        total = _aligned(CHUNK * outputs, out)
        packed = _aligned(CHUNK // tile * room, out)
        sums = _aligned(CHUNK * BLOCK, out)
        sections = _aligned(8 * SPAN, out)
        for item in range(worker * items // workers, (worker + 1) * items // workers):
            top_row = item * CHUNK
            for step in range(part[0], part[1]):
                t = step if reverse else steps - 1 - step
                n = min(min(CHUNK, batch - top_row), sizes[t] - top_row)
                for r in range(n):
                    at, state = np.uint64((begins[t] + top_row + r) * outputs), np.uint64((top_row + r) * outputs)
                    to = np.uint64(r * outputs)
                    if unit_out == 0:
                        _copy(dh, state, grads, to, np.uint64(outputs))
                        _add(g_out, at, grads, to, np.uint64(outputs))
                    else:
                        _copy(dh, state, total, to, np.uint64(outputs))
                        _add(g_out, at, total, to, np.uint64(outputs))
                        _copy(total, to, dy, at - np.uint64(part[2] * outputs), np.uint64(outputs))
                if unit_out > 0:
                    _turned(total, outputs, n, outputs, tile, vector, room, packed)
                    for number in range((hidden + unit_out - 1) // unit_out):
                        begin = number * unit_out
                        _product(
                            packed, room, 0, n, projection, begin * outputs, outputs, unit_out, True,
                            offsets, zeros, tile, vector, sums,
                        )  # fmt: skip
                        size = np.uint64(min(unit_out, hidden - begin))
                        for r in range(n):
                            _copy(sums, np.uint64(r * BLOCK), grads, np.uint64(r * hidden + begin), size)
                s = t + 1 if reverse else t - 1
                there = sizes[s] - top_row if 0 <= s < steps else 0
                for r in range(n):
                    row = begins[t] + top_row + r
                    before = begins[s] + top_row + r if r < there else 0
                    for begin in range(0, hidden, SPAN):
                        size, wide = np.uint64(min(SPAN, hidden - begin)), np.uint64(hidden)
                        at, past = np.uint64(row * hidden + begin), np.uint64(before * hidden + begin)
                        start, g = np.uint64((top_row + r) * hidden + begin), np.uint64(r * hidden + begin)
                        i = np.uint64((row - part[2]) * columns + begin)
                        j, k = np.uint64(r * columns + begin), np.uint64(item * columns + begin)
                        if mode == _LSTM:
                            gate = np.uint64(row * 4 * hidden + begin)
                            _copy(gates, gate, sections, np.uint64(0), size)
                            _copy(gates, gate + wide, sections, _S1, size)
                            _copy(gates, gate + _2 * wide, sections, _S2, size)
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
                            gate = np.uint64(row * 3 * hidden + begin)
                            _copy(gates, gate, sections, np.uint64(0), size)
                            _copy(gates, gate + wide, sections, _S1, size)
                            _copy(gates, gate + _2 * wide, sections, _S2, size)
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
                _turned(local, columns, n, columns, tile, vector, room, packed)
                for number in range((features + unit_x - 1) // unit_x if unit_x > 0 else 0):
                    begin = number * unit_x
                    _product(
                        packed, room, 0, n, inputs, begin * depth, depth, unit_x, True,
                        offsets, zeros, tile, vector, sums,
                    )  # fmt: skip
                    size = np.uint64(min(unit_x, features - begin))
                    for r in range(n):
                        at = np.uint64((begins[t] + top_row + r) * features + begin)
                        _copy(sums, np.uint64(r * BLOCK), dx, at, size)
                for number in range((beside + unit - 1) // unit):
                    begin = number * unit
                    states = max(min(unit, outputs - begin), 0)
                    others = min(unit, beside - begin) - states
                    for r in range(n if mode == _GRU else 0):
                        at = np.uint64(r * hidden + begin)
                        _copy(grads, at, sums, np.uint64(r * BLOCK), np.uint64(states))
                    _product(
                        packed, room, window, n, panels, begin * depth, depth, unit, mode != _GRU,
                        offsets, zeros, tile, vector, sums,
                    )  # fmt: skip
                    for r in range(n):
                        if states > 0:
                            at = np.uint64((top_row + r) * outputs + begin)
                            _copy(sums, np.uint64(r * BLOCK), dh, at, np.uint64(states))
                        if others > 0:
                            at = np.uint64((begins[t] + top_row + r) * features + begin + states - outputs)
                            _copy(sums, np.uint64(r * BLOCK + states), dx, at, np.uint64(others))


# -- from outside ----------------------------------------------------------------------------------


def _panels(w: Any) -> tuple[Any, int]:
    """Pack weights (gates, n, depth) into panels; return them flat, and their unit."""
    gates, n, depth = w.shape
    strip = 2 * lanes(w.itemsize)
    limit = BLOCK // gates // strip * strip
    count = -(-n // limit)
    unit = -(-n // (count * strip)) * strip
    if count * unit > n:
        w = np.concatenate([w, np.zeros((gates, count * unit - n, depth), w.dtype)], 1)
    # (gates, panels, unit / strip, strip, depth), of which gates and the third make the strips of a panel.
    cut = w.reshape(gates, count, unit // strip, strip, depth).transpose(1, 0, 2, 4, 3)
    raw = np.empty(cut.size + 16, w.dtype)
    skip = -raw.ctypes.data % 64 // raw.itemsize
    flat = raw[skip : skip + cut.size]
    flat.reshape(cut.shape)[...] = cut
    return flat, unit


def _tiles(like: Any, depth: int) -> tuple[Any, Any, tuple[int, int]]:
    """Return where the lines of a strip begin, zeros, and the rows of a tile and the numbers of a vector."""
    vector = lanes(like.itemsize)
    return np.arange(depth) * (2 * vector), np.zeros(CHUNK, like.dtype), (tile_rows(), vector)


def _flat(a: Any, like: Any) -> Any:
    return np.zeros(0, like.dtype) if a is None else np.ascontiguousarray(a).reshape(-1)


def _gates(mode: str) -> int:
    return {"lstm": 4, "gru": 3}.get(mode, 1)


def forward(
    mode: str, x: Any, gates: Any, sizes: Any, begins: Any, h: Any, c: Any, weights: Any, bias: Any, bias_n: Any,
    out: Any, saved: Any, reverse: bool, kept: bool,
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
        kept: whether what is saved has R rows; else it has B, which the steps use in turn, and x is given.
    """
    count = _gates(mode)
    hidden, outputs = weights.w_hh.shape[0] // count, weights.w_hh.shape[1]
    panels, unit = _panels(weights.w_hh.reshape(count, hidden, outputs))
    inner = np.zeros((count, -(-hidden // unit) * unit), out.dtype)
    inner[:, :hidden] = bias.reshape(count, hidden)
    inner = inner.reshape(count, -1, unit).transpose(1, 0, 2)
    none = np.zeros(0, out.dtype)
    inputs, features = none, 0
    if x is not None:
        features = x.shape[1]
        inputs, _ = _panels(weights.w_ih.reshape(count, hidden, features))
    projection, unit_out = none, 0
    if weights.w_hr is not None:
        projection, unit_out = _panels(weights.w_hr[None])
    shape = (len(sizes), len(h), hidden, outputs, count, unit, unit_out, features)
    work = len(out) * count * hidden * ((outputs + features) / 100 + 1)
    _forward(
        _MODES[mode], _flat(x, out), inputs, gates.reshape(-1), sizes, begins, h.reshape(-1), _flat(c, out), panels,
        _flat(inner, out), _flat(bias_n, out), projection, out.reshape(-1), saved.cells.reshape(-1),
        saved.extra.reshape(-1), *_tiles(out, max(hidden, outputs, features)), shape, reverse, kept,
        workers(work), work=work,
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
        w_hh, inputs, unit_x = weights.w_hh, none, 0
        if input_too and mode == "gru":
            w_ih = np.concatenate([weights.w_ih[2 * hidden :], weights.w_ih[: 2 * hidden]])
            inputs, unit_x = _panels(w_ih.T[None])
        elif input_too:
            w_hh = np.concatenate([w_hh, weights.w_ih], 1)
        panels, unit = _panels(w_hh.T[None])
        projection, unit_out = none, 0
        if weights.w_hr is not None:
            projection, unit_out = _panels(weights.w_hr.T[None])
        self.dx = np.empty_like(x) if input_too else None
        self.sums = np.zeros((-(-len(dh) // CHUNK), self.columns), out.dtype)
        self.shape = (
            len(sizes), len(dh), hidden, outputs, features, self.columns, w_hh.shape[1], unit, unit_x, unit_out,
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
        dy = np.empty((most if self.shape[-1] else 0, outputs), self.like.dtype)
        both = np.empty((most, features + outputs), self.like.dtype)
        tiles = _tiles(self.like, max(self.columns, outputs))
        for step in range(0, steps, few):
            end = min(step + few, steps)
            first, last = (step, end) if self.reverse else (steps - end, steps - step)
            begin = int(self.begins[first])
            stop = int(self.begins[last]) if last < steps else rows
            work = (stop - begin) * self.columns * ((outputs + features) / 100 + 1)
            _backward(
                *self.given, d.reshape(-1), _flat(self.dx, self.like), dy.reshape(-1), both.reshape(-1),
                self.sums.reshape(-1), *tiles, self.shape, (step, end, begin), self.reverse, workers(work), work=work,
            )  # fmt: skip
            n = stop - begin
            yield begin, stop, d[:n], dy[:n], both[:n]
