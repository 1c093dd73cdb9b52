"""Recurrent layers and cells: ONNX's own RNN, LSTM and GRU.

PyTorch keeps the rows of an LSTM's gates as input, forget, cell, output; ONNX as input, output, forget, cell. A GRU's
are reset, update, new there, and update, reset, new here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_hw.onnx.graph import Graph, rule
from tinygrad_hw.onnx.record import Value

__all__: list[str] = []

#: PyTorch's gates in ONNX's order.
_GATES = {"lstm": (0, 3, 1, 2), "gru": (1, 0, 2), "rnn_tanh": (0,), "rnn_relu": (0,), "tanh": (0,), "relu": (0,)}
_KINDS = {"lstm": "LSTM", "gru": "GRU"}


def _ordered(g: Graph, t: Any, gates: Sequence[int]) -> Any:
    """Return the rows of a weight or bias in ONNX's order, with a dimension for the direction in front."""
    array = g.const(t)
    if array is not None and isinstance(t, Value):
        name = g.derived(t, "onnx", lambda a: np.concatenate([np.split(a, len(gates))[i] for i in gates])[None])
        if name is not None:
            return name
    rows = t.shape[0] // len(gates)
    order = np.concatenate([np.arange(rows) + rows * i for i in gates])
    return g.unsqueeze(g.op("Gather", t, order, axis=0), 0)


def _biases(g: Graph, b_ih: Any, b_hh: Any, gates: Sequence[int]) -> Any:
    if b_ih is None:
        return None
    arrays = [g.const(b) for b in (b_ih, b_hh)]
    if all(a is not None for a in arrays):
        key = ("biases", b_ih.number, b_hh.number)
        if key not in g.computed:
            both = np.concatenate([np.concatenate([np.split(a, len(gates))[i] for i in gates]) for a in arrays])[None]
            g.computed[key] = g.tensor(both, f"{b_ih.label}.onnx" if b_ih.label else None)
        return g.computed[key]
    return g.op("Concat", _ordered(g, b_ih, gates), _ordered(g, b_hh, gates), axis=1)


def _joined(g: Graph, parts: Sequence[Any]) -> Any:
    """Return what belongs to the directions of a layer in one tensor."""
    if parts[0] is None:
        return None
    if len(parts) == 1:
        return parts[0]
    arrays: list[Any] = [g.initializers.get(p) for p in parts]
    if all(a is not None for a in arrays):
        key = ("joined", *parts)
        if key not in g.computed:
            g.computed[key] = g.tensor(np.concatenate(arrays), f"{parts[0]}.both")
        return g.computed[key]
    return g.op("Concat", *parts, axis=0)


def _layer(g: Graph, mode: str, x: Any, states: Sequence[Any], weights: Sequence[Sequence[Any]]) -> Any:
    """Add a layer over (T, B, I), with one set of weights for each direction; return Y and the last states."""
    gates = _GATES[mode]
    kind = _KINDS.get(mode, "RNN")
    w, r = (_joined(g, [_ordered(g, p[i], gates) for p in weights]) for i in (0, 1))
    b = _joined(g, [_biases(g, p[2], p[3], gates) for p in weights])
    options: dict[str, Any] = {"hidden_size": int(weights[0][1].shape[1])}
    if len(weights) > 1:
        options["direction"] = "bidirectional"
    if kind == "GRU":
        options["linear_before_reset"] = 1
    if kind == "RNN" and "relu" in mode:
        options["activations"] = ["Relu"] * len(weights)
    return g.op(kind, x, w, r, b, None, *states, outputs=3 if kind == "LSTM" else 2, **options)


@rule("F.run_layers")
def _run_layers(
    g: Graph, name: str, mode: str, input: Any, sizes: Any, hx: Sequence[Any], params: Sequence[Any], has_biases: bool,
    num_layers: int, dropout: float, train: bool, bidirectional: bool, batch_first: bool,
) -> Any:  # fmt: skip
    if sizes is not None:
        g.fail("packed sequences cannot be exported. Give the layer a padded tensor")
    if dropout and train and num_layers > 1:
        g.fail("dropout between layers cannot be exported. Call model.eval()")
    directions = 2 if bidirectional else 1
    each = (4 if has_biases else 2) + (1 if len(params) == num_layers * directions * (5 if has_biases else 3) else 0)
    if each in (3, 5):
        g.fail("ONNX's LSTM has no projection (proj_size). Use a Linear layer after an LSTM without it")
    x: Any = g.op("Transpose", input, perm=[1, 0, 2]) if batch_first else input
    lasts: list[list[Any]] = [[] for _ in hx]
    for layer in range(num_layers):
        first = layer * directions
        weights = []
        for d in range(directions):
            own = list(params[(first + d) * each : (first + d + 1) * each])
            weights.append(own + [None] * (4 - len(own)))
        whole = num_layers == 1
        states = [s if whole else g.slice(s, 0, first, first + directions) for s in hx]
        y, *last = _layer(g, mode, x, states, weights)
        # Y is (T, directions, B, H).
        if directions == 1:
            x = g.squeeze(y, 1)
        else:
            x = g.op("Reshape", g.op("Transpose", y, perm=[0, 2, 1, 3]), g.ints([0, 0, -1]))
        for found, more in zip(lasts, last, strict=True):
            found.append(more)
    out = g.op("Transpose", x, perm=[1, 0, 2]) if batch_first else x
    return out, *(found[0] if num_layers == 1 else g.op("Concat", *found, axis=0) for found in lasts)


def _cell(name: str) -> None:
    @rule(name + "_cell")
    def write(
        g: Graph, input: Any, hx: Any, cx: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any, mode: str,
        sizes: Any, reverse: bool, kept: bool,
    ) -> Any:  # fmt: skip
        states = [g.unsqueeze(s, 0) for s in (hx, cx) if s is not None]
        _, *last = _layer(g, name, g.unsqueeze(input, 0), states, [[w_ih, w_hh, b_ih, b_hh]])
        lasts = [g.squeeze(s, 0) for s in last]
        return (lasts[0], lasts[0], *lasts[1:])


for _name in ("lstm", "gru", "rnn_tanh", "rnn_relu"):
    _cell(_name)
