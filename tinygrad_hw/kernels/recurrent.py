"""Recurrent layers over whole sequences: Elman networks, LSTM, GRU, forward and backward.

A layer goes through its sequences in one direction. Sequences are packed as PyTorch packs them: rows of time step 0,
one for each sequence, then rows of step 1 for those that are that long, and so on; ``sizes`` holds how many there are
at each step and never grows. A batch of equal lengths is the same thing with equal sizes.

The references go step by step, a matrix product each. What runs is a loop of ours (``recurrent_steps``) that takes a
few sequences through all steps, so that threads need not wait for each other at each step, and that contains the
products. Gradients of the weights are matrix products over many steps.

Modes: "tanh" and "relu" (Elman), "lstm", "gru". Gates stand side by side in PyTorch's order: input, forget, cell,
output for LSTM; reset, update, new for GRU. Shapes: rows R, sequences B, inputs I, hidden H, outputs P (H, or the size
of the projection), gates G = H, 4H or 3H.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tinygrad_hw.kernels import recurrent_steps as steps
from tinygrad_hw.kernels.matmul import gemm, matmul
from tinygrad_hw.kernels.runtime import compiled_kernels

__all__ = ["GATES", "Saved", "Weights", "backward", "backward_reference", "forward", "forward_reference"]

#: Gates of each mode.
GATES = {"tanh": 1, "relu": 1, "lstm": 4, "gru": 3}
#: Gradients of gates that are worked out at a time, before they are used: half a megabyte.
PART = 1 << 17


class Weights(NamedTuple):
    """The parameters of a layer.

    Attributes:
        w_ih: (G, I).
        w_hh: (G, P).
        b_ih: (G,) or None.
        b_hh: (G,) or None, as ``b_ih``.
        w_hr: (P, H), the projection of LSTM's outputs, or None.
    """

    w_ih: Any
    w_hh: Any
    b_ih: Any
    b_hh: Any
    w_hr: Any


class Saved(NamedTuple):
    """What the forward pass keeps for the backward pass.

    Attributes:
        gates: (R, G), after their activation functions; empty for Elman networks.
        cells: (R, H), the cell states of LSTM; empty otherwise.
        extra: (R, H): for GRU the hidden state's share of the new gate before the reset gate; for LSTM with a
            projection what is projected; empty otherwise.
    """

    gates: Any
    cells: Any
    extra: Any


def _begins(sizes: Any) -> Any:
    """Return the first row of each step."""
    begins = np.zeros(len(sizes), np.int64)
    np.cumsum(sizes[:-1], out=begins[1:])
    return begins


def _biases(mode: str, weights: Weights) -> tuple[Any, Any]:
    """Return what is added to the hidden state's products (G,), and to GRU's new gate outside the reset gate (H,)."""
    kind = weights.w_hh.dtype
    gates = weights.w_hh.shape[0]
    two = gates // 3 * 2
    if weights.b_ih is None:
        return np.zeros(gates, kind), np.zeros(gates - two if mode == "gru" else 0, kind)
    if mode != "gru":
        return weights.b_ih + weights.b_hh, np.zeros(0, kind)
    inner = weights.b_hh.copy()
    inner[:two] += weights.b_ih[:two]
    return inner, weights.b_ih[two:]


# -- step by step ----------------------------------------------------------------------------------


def _sigmoid(x: Any) -> Any:
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))


def _forward_steps(
    mode: str, gates: Any, sizes: Any, h: Any, c: Any, weights: Weights, out: Any, saved: Saved, reverse: bool
) -> None:
    """The definition; ``gates`` (R, G) hold the inputs' products, and ``h`` and ``c`` become the last states."""
    bias, bias_n = _biases(mode, weights)
    begins = _begins(sizes)
    for t in range(len(sizes))[:: -1 if reverse else 1]:
        n, at = int(sizes[t]), int(begins[t])
        here = slice(at, at + n)
        inner = h[:n] @ weights.w_hh.T + bias
        g = gates[here]
        if mode == "lstm":
            i, f, new, o = np.split(g, 4, 1)
            g += inner
            i[:], f[:], new[:], o[:] = _sigmoid(i), _sigmoid(f), np.tanh(new), _sigmoid(o)
            c[:n] = saved.cells[here] = f * c[:n] + i * new
            y = o * np.tanh(c[:n])
            if weights.w_hr is not None:
                saved.extra[here] = y
                y = y @ weights.w_hr.T
        elif mode == "gru":
            r, z, new = np.split(g, 3, 1)
            to_r, to_z, saved.extra[here] = np.split(inner, 3, 1)
            r[:], z[:] = _sigmoid(r + to_r), _sigmoid(z + to_z)
            new[:] = np.tanh(new + bias_n + r * saved.extra[here])
            y = new + z * (h[:n] - new)
        else:
            y = np.tanh(g + inner) if mode == "tanh" else np.maximum(g + inner, 0)
        h[:n] = out[here] = y


def _backward_steps(
    mode: str,
    g_out: Any,
    x: Any,
    sizes: Any,
    begins: Any,
    h0: Any,
    c0: Any,
    dh: Any,
    dc: Any,
    weights: Weights,
    out: Any,
    saved: Saved,
    reverse: bool,
) -> tuple[Any, Any, Any]:
    """The rules; arguments as for ``steps.Backward``, result as one of its parts."""
    hidden = weights.w_hh.shape[0] // GATES[mode]
    both = np.empty((len(x), x.shape[1] + out.shape[1]), out.dtype)
    d = np.empty((len(out), 4 * hidden if mode == "gru" else weights.w_hh.shape[0]), out.dtype)
    dy = np.empty_like(out if weights.w_hr is not None else out[:0])
    for t in range(len(sizes))[:: 1 if reverse else -1]:
        n, at = int(sizes[t]), int(begins[t])
        here = slice(at, at + n)

        def before(rows: Any, start: Any, t: int = t, n: int = n) -> Any:
            """Return the states from which step ``t`` began."""
            s = t + 1 if reverse else t - 1
            m = min(n, int(sizes[s])) if 0 <= s < len(sizes) else 0
            return start[:n] if m == 0 else np.concatenate([rows[begins[s] : begins[s] + m], start[m:n]])

        both[here] = np.concatenate([x[here], before(out, h0)], 1)
        g = g_out[here] + dh[:n]
        if mode == "lstm":
            if weights.w_hr is not None:
                dy[here] = g
                g = g @ weights.w_hr
            i, f, new, o = np.split(saved.gates[here], 4, 1)
            to_i, to_f, to_new, to_o = np.split(d[here], 4, 1)
            squashed = np.tanh(saved.cells[here])
            to_o[:] = g * squashed * o * (1 - o)
            to_c = dc[:n] + g * o * (1 - squashed * squashed)
            to_i[:] = to_c * new * i * (1 - i)
            to_f[:] = to_c * before(saved.cells, c0) * f * (1 - f)
            to_new[:] = to_c * i * (1 - new * new)
            dc[:n] = to_c * f
            dh[:n] = d[here] @ weights.w_hh
        elif mode == "gru":
            r, z, new = np.split(saved.gates[here], 3, 1)
            to_new, to_r, to_z, to_inner = np.split(d[here], 4, 1)
            to_new[:] = g * (1 - z) * (1 - new * new)
            to_z[:] = g * (both[here, x.shape[1] :] - new) * z * (1 - z)
            to_r[:] = to_new * saved.extra[here] * r * (1 - r)
            to_inner[:] = to_new * r
            dh[:n] = g * z + d[here, hidden:] @ weights.w_hh
        else:
            y = out[here]
            d[here] = g * (1 - y * y) if mode == "tanh" else np.where(y > 0, g, 0)
            dh[:n] = d[here] @ weights.w_hh
    return d, dy, both


# -- around the steps ------------------------------------------------------------------------------


def _empty(mode: str, gates: Any, rows: int, out: Any, weights: Weights) -> Saved:
    """Return arrays of so many rows for what the forward pass saves."""
    hidden = weights.w_hh.shape[0] // GATES[mode]
    shape, none = (rows, hidden), (0, hidden)
    return Saved(
        gates if GATES[mode] > 1 else np.empty(none, out.dtype),
        np.empty(shape if mode == "lstm" else none, out.dtype),
        np.empty(shape if mode == "gru" or weights.w_hr is not None else none, out.dtype),
    )


def _forward(
    compiled: bool, mode: str, x: Any, sizes: Any, h0: Any, c0: Any, weights: Weights, reverse: bool, kept: bool
) -> tuple[Any, Any, Any, Saved]:
    out = np.empty((len(x), weights.w_hh.shape[1]), x.dtype)
    # With few sequences, one product for all steps beats a product of few rows at each step.
    fused = compiled and len(h0) >= steps.CHUNK // 2
    kept = kept or not fused
    rows = len(x) if kept else len(h0)
    if not fused:
        gates = matmul(x, weights.w_ih.T)
    else:
        gates = out if GATES[mode] == 1 else np.empty((rows, len(weights.w_ih)), x.dtype)
    saved = _empty(mode, gates, rows, out, weights)
    h, c = np.array(h0, order="C"), None if c0 is None else np.array(c0, order="C")
    if compiled:
        bias, bias_n = _biases(mode, weights)
        given = x if fused else None
        steps.forward(mode, given, gates, sizes, _begins(sizes), h, c, weights, bias, bias_n, out, saved, reverse, kept)
    else:
        _forward_steps(mode, gates, sizes, h, c, weights, out, saved, reverse)
    return out, h, c, saved


def _backward(
    compiled: bool,
    mode: str,
    g_out: Any,
    g_h: Any,
    g_c: Any,
    x: Any,
    sizes: Any,
    h0: Any,
    c0: Any,
    weights: Weights,
    out: Any,
    saved: Saved,
    reverse: bool,
    needs: tuple[bool, ...],
) -> tuple[Any, ...]:
    dh, dc = np.array(g_h, order="C"), None if c0 is None else np.array(g_c, order="C")
    arguments: Any = (mode, g_out, x, sizes, _begins(sizes), h0, c0, dh, dc, weights, out, saved, reverse)
    hidden, features = weights.w_hh.shape[0] // GATES[mode], x.shape[1]
    # GRU has new gate, reset, update, and the hidden share of the new gate: a window of them for each kind of weights.
    outer, inner = (slice(3 * hidden), slice(hidden, None)) if mode == "gru" else (slice(None), slice(None))
    parts: Any
    to_x: Any
    if compiled:
        loop = steps.Backward(*arguments, needs[0] and len(h0) >= steps.CHUNK // 2)
        to_x, parts = loop.dx, loop.parts(PART)
    else:
        to_x, parts = None, [(0, len(x), *_backward_steps(*arguments))]
    alone = needs[0] and to_x is None
    to_x = np.empty_like(x) if alone else to_x
    w_ih = np.roll(weights.w_ih, hidden, 0) if alone and mode == "gru" else weights.w_ih
    sums: list[Any] = [None] * 3

    def add(k: int, left: Any, right: Any, needed: bool = True) -> None:
        """Add up products of columns with columns."""
        if needed:
            first = sums[k] is None
            if first:
                sums[k] = np.empty((left.shape[1], right.shape[1]), left.dtype)
            gemm(left.T, right, sums[k], not first)

    together = needs[3] and needs[4] and mode != "gru"
    for begin, stop, d, dy, both in parts:
        if alone:
            gemm(d[:, outer], w_ih, to_x[begin:stop])
        if together:
            add(0, d, both)
        else:
            add(0, d[:, outer], both[:, :features], needs[3])
            add(1, d[:, inner], both[:, features:], needs[4])
        add(2, dy, saved.extra[begin:stop], needs[7])
    to_w_ih, to_w_hh, to_w_hr = sums
    if together:
        to_w_ih, to_w_hh = (np.ascontiguousarray(a) for a in (sums[0][:, :features], sums[0][:, features:]))
    biases: Any = loop.sums.sum(0) if compiled else d.sum(0)
    to_b_ih = np.array(biases[outer]) if needs[5] else None
    to_b_hh = np.array(biases[inner]) if needs[6] else None
    if mode == "gru":
        to_w_ih, to_b_ih = (None if a is None else np.roll(a, -hidden, 0) for a in (to_w_ih, to_b_ih))
    return to_x, dh, dc, to_w_ih, to_w_hh, to_b_ih, to_b_hh, to_w_hr


def forward_reference(
    mode: str, x: Any, sizes: Any, h0: Any, c0: Any, weights: Weights, reverse: bool
) -> tuple[Any, Any, Any, Saved]:
    """The definition, step by step; see ``forward``."""
    return _forward(False, mode, x, sizes, h0, c0, weights, reverse, True)


def backward_reference(
    mode: str,
    g_out: Any,
    g_h: Any,
    g_c: Any,
    x: Any,
    sizes: Any,
    h0: Any,
    c0: Any,
    weights: Weights,
    out: Any,
    saved: Saved,
    reverse: bool,
    needs: tuple[bool, ...] = (True,) * 8,
) -> tuple[Any, ...]:
    """The rules, step by step; see ``backward``."""
    return _backward(False, mode, g_out, g_h, g_c, x, sizes, h0, c0, weights, out, saved, reverse, needs)


def forward(
    mode: str, x: Any, sizes: Any, h0: Any, c0: Any, weights: Weights, reverse: bool, kept: bool = True
) -> tuple[Any, Any, Any, Saved]:
    """Run a layer over packed sequences in one direction.

    Args:
        mode: see the module.
        x: (R, I).
        sizes: int64, how many sequences there are at each step; at least one step.
        h0: (B, P).
        c0: (B, H) for LSTM, else None.
        weights: the parameters.
        reverse: whether to go from each sequence's last step to its first.
        kept: whether there will be a backward pass; else what it needs is not kept.

    Returns:
        Outputs (R, P), the last hidden state (B, P), the last cell state (B, H) or None, and what ``backward`` needs.
    """
    return _forward(compiled_kernels() and x.size > 0, mode, x, sizes, h0, c0, weights, reverse, kept)


def backward(
    mode: str,
    g_out: Any,
    g_h: Any,
    g_c: Any,
    x: Any,
    sizes: Any,
    h0: Any,
    c0: Any,
    weights: Weights,
    out: Any,
    saved: Saved,
    reverse: bool,
    needs: tuple[bool, ...] = (True,) * 8,
) -> tuple[Any, ...]:
    """Return the gradients of x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr; None for what is not needed.

    Args:
        mode: as for ``forward``, like the other arguments that are not explained here.
        g_out: gradient of the outputs, (R, P).
        g_h: gradient of the last hidden state.
        g_c: gradient of the last cell state, or None.
        x: (R, I).
        sizes: sequences at each step.
        h0: (B, P).
        c0: (B, H) or None.
        weights: the parameters.
        out: what ``forward`` returned.
        saved: what ``forward`` returned.
        reverse: direction.
        needs: which of the gradients are needed; those of h0 and c0 are always given.
    """
    compiled = compiled_kernels() and x.size > 0
    return _backward(compiled, mode, g_out, g_h, g_c, x, sizes, h0, c0, weights, out, saved, reverse, needs)
