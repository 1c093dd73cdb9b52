"""Writes into a part of a tensor: the tensor that holds the new part.

A recorded write names the view through which it was made, so each kind of view has its way back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_hw.onnx.graph import Graph, rule
from tinygrad_hw.onnx.rules.shape import END, pieces
from tinygrad_hw.onnx.sizes import Varying

__all__: list[str] = []


@rule("write")
def _write(g: Graph, input: Any, value: Any, view: Any, place: int) -> Any:
    op, others = view
    dims = len(input.shape)
    if op.startswith("getitem"):
        parts = pieces(others["index"], dims)
        places = [i for i, p in enumerate(q for q in parts if q is None or isinstance(q, slice)) if p is None]
        x = g.squeeze(value, *places) if places else value
        own = [p for p in parts if p is not None]
        gone = [i for i, p in enumerate(own) if not isinstance(p, slice)]
        x = g.unsqueeze(x, *gone) if gone else x
        return put(g, input, x, [p if isinstance(p, slice) else _one(g, p) for p in own], input.shape)
    if op in ("view", "unsqueeze", "squeeze"):
        return g.reshape(g.name(value), input.shape)
    if op in ("transpose", "t", "permute"):
        order = list(range(dims))
        if op == "permute":
            order = [d % dims for d in others["dims"]]
        elif dims > 1:
            a, b = (0, 1) if op == "t" else (others["dim0"], others["dim1"])
            order[a], order[b] = order[b], order[a]
        return g.op("Transpose", value, perm=[order.index(d) for d in range(dims)])
    if op in ("unbind", "split"):
        dim = others["dim"] % dims
        start = place if op == "unbind" else sum(g.static(others["sizes"], "the sizes of the parts")[:place])
        length = 1 if op == "unbind" else others["sizes"][place]
        x = g.unsqueeze(value, dim) if op == "unbind" else value
        whole = [slice(None)] * dim + [slice(start, start + length)] + [slice(None)] * (dims - dim - 1)
        return put(g, input, x, whole, input.shape)
    return g.fail(f"a write into memory through {op!r} cannot be exported. Use the out-of-place form of the operation")


def _one(g: Graph, at: Any) -> slice:
    at = g.static(at, "the index of a write")
    return slice(at, at + 1 if at != -1 else None)


def put(g: Graph, x: Any, value: Any, parts: Sequence[slice], shape: Sequence[Any], first: int = 0) -> Any:
    """Return ``x`` with ``value`` in the region that slices describe: inside out, joined again along each dimension."""
    axis = next((i for i in range(first, len(parts)) if parts[i] != slice(None)), None)
    if axis is None:
        return g.name(value)
    n, part = shape[axis], parts[axis]
    start, stop, step = part.start or 0, END if part.stop is None else part.stop, part.step or 1
    if isinstance(n, int) and not any(isinstance(i, Varying) for i in (start, stop)):
        rows = np.arange(n)[part]
        inner = put(g, g.op("Gather", x, rows, axis=axis) if _more(parts, axis) else x, value, parts, shape, axis + 1)
        order = np.arange(n)
        order[rows] = n + np.arange(rows.size)
        return g.op("Gather", g.op("Concat", x, inner, axis=axis), order, axis=axis)
    if step != 1:
        g.fail("a write with a step into a dynamic axis cannot be exported")
    inner = put(g, g.slice(x, axis, start, stop), value, parts, shape, axis + 1)
    joined = [inner]
    if start:
        joined.insert(0, g.slice(x, axis, 0, start))
    if stop != END:
        joined.append(g.slice(x, axis, stop, END))
    return g.op("Concat", *joined, axis=axis) if len(joined) > 1 else g.name(inner)


def _more(parts: Sequence[slice], axis: int) -> bool:
    return any(p != slice(None) for p in parts[axis + 1 :])
