"""Other shapes: views, parts, joins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_hw.onnx.graph import Graph, rule

__all__: list[str] = []

#: What ONNX takes for "to the end".
END = np.iinfo(np.int64).max


@rule("view", "unsafe_view")
def _view(g: Graph, input: Any, size: Any) -> Any:
    return g.reshape(input, size)


@rule("expand")
def _expand(g: Graph, input: Any, size: Any) -> Any:
    return g.expand(input, size)


@rule("unsqueeze")
def _unsqueeze(g: Graph, input: Any, dim: int) -> Any:
    return g.unsqueeze(input, dim % (len(input.shape) + 1))


@rule("squeeze")
def _squeeze(g: Graph, input: Any, dim: Any) -> Any:
    dims = (dim,) if isinstance(dim, int) else range(len(input.shape)) if dim is None else dim
    gone = [d % len(input.shape) for d in dims if input.shape and input.shape[d] == 1]
    return g.squeeze(input, *sorted(gone)) if gone else g.name(input)


@rule("permute")
def _permute(g: Graph, input: Any, dims: Sequence[int]) -> Any:
    return g.transposed(input, [d % len(input.shape) for d in dims])


@rule("transpose")
def _transpose(g: Graph, input: Any, dim0: int, dim1: int) -> Any:
    if not input.shape:
        return g.name(input)
    order = list(range(len(input.shape)))
    order[dim0], order[dim1] = order[dim1], order[dim0]
    return g.transposed(input, order)


@rule("t")
def _t(g: Graph, input: Any) -> Any:
    return g.transposed(input, [1, 0]) if len(input.shape) == 2 else g.name(input)


@rule("cat")
def _cat(g: Graph, tensors: Any, dim: int) -> Any:
    given = [t for t in tensors if t.shape != (0,)]
    return g.op("Concat", *given, axis=dim) if len(given) > 1 else g.name(given[0])


@rule("stack")
def _stack(g: Graph, tensors: Any, dim: int) -> Any:
    place = dim % (len(tensors[0].shape) + 1)
    parts = [g.unsqueeze(t, place) for t in tensors]
    return g.op("Concat", *parts, axis=place) if len(parts) > 1 else parts[0]


@rule("unbind")
def _unbind(g: Graph, input: Any, dim: int) -> Any:
    count = g.static(input.shape[dim], "the number of tensors")
    return [g.op("Gather", input, np.asarray(i), axis=dim) for i in range(count)]


@rule("split")
def _split(g: Graph, input: Any, sizes: Sequence[Any], dim: int) -> Any:
    if len(sizes) == 1:
        return [g.name(input)]
    return g.op("Split", input, g.ints(sizes), axis=dim, outputs=len(sizes))


@rule("flip")
def _flip(g: Graph, input: Any, dims: Sequence[int]) -> Any:
    dims = [d % len(input.shape) for d in dims]
    if not dims:
        return g.name(input)
    ones = [-1] * len(dims)
    return g.op("Slice", input, g.ints(ones), g.ints([-END] * len(dims)), g.ints(dims), g.ints(ones))


@rule("roll")
def _roll(g: Graph, input: Any, shifts: Any, dims: Any) -> Any:
    shifts, dims = (x if isinstance(x, (tuple, list)) else (x,) for x in (shifts, dims))
    x = g.name(input)
    if not dims:
        x = g.op("Reshape", x, g.ints([-1]))
    for shift, dim in zip(shifts, dims or (0,), strict=True):
        n = input.shape[dim] if dims else None
        at = -g.static(shift, "the shift")
        at = at % n if isinstance(n, int) and n else at
        if at:
            x = g.op("Concat", g.slice(x, dim, at, END), g.slice(x, dim, 0, at), axis=dim)
    return x if dims else g.reshape(x, input.shape)


def _triangle(name: str, upper: int) -> None:
    @rule(name)
    def write(g: Graph, input: Any, diagonal: int) -> Any:
        k = g.number(diagonal, np.int64)
        if input.dtype.kind == "f" or input.dtype == np.int64:
            return g.op("Trilu", input, k, upper=upper)
        return g.cast(g.op("Trilu", g.cast(input, np.int64), k, upper=upper), input.dtype)


_triangle("tril", 0)
_triangle("triu", 1)


@rule("diagonal")
def _diagonal(g: Graph, input: Any, offset: int, dim1: int, dim2: int) -> Any:
    n = len(input.shape)
    order = [d for d in range(n) if d not in (dim1 % n, dim2 % n)] + [dim1 % n, dim2 % n]
    rows, columns = g.static((input.shape[order[-2]], input.shape[order[-1]]), "the size of the matrices")
    places = np.arange(rows * columns).reshape(rows, columns).diagonal(offset)
    flat = g.reshape(g.transposed(input, order), [*(input.shape[d] for d in order[:-2]), rows * columns])
    return g.op("Gather", flat, np.array(places), axis=n - 2)


@rule("unfold")
def _unfold(g: Graph, input: Any, dim: int, size: int, step: int) -> Any:
    n, dims = g.static(input.shape[dim], "the size of the unfolded dimension"), len(input.shape)
    places = np.arange(0, n - size + 1, step)[:, None] + np.arange(size)
    windows = g.op("Gather", input, places, axis=dim)
    order = [d for d in range(dims + 1) if d != dim + 1] + [dim + 1]
    return windows if dim == dims - 1 else g.op("Transpose", windows, perm=order)


# -- basic indexing --------------------------------------------------------------------------------


def pieces(index: tuple[Any, ...], dims: int) -> list[Any]:
    """Return a basic index without Ellipsis: an int, a slice or None each, covering all dimensions."""
    used = sum(p is not None and p is not Ellipsis for p in index)
    found: list[Any] = []
    for p in index:
        found += [slice(None)] * (dims - used) if p is Ellipsis else [p]
    if Ellipsis not in [p for p in index if p is Ellipsis]:
        found += [slice(None)] * (dims - used)
    return found


def cut(g: Graph, x: Any, parts: Sequence[Any]) -> Any:
    """Apply the slices among the pieces, one for each dimension; others leave theirs alone."""
    rows = [
        (axis, 0 if p.start is None else p.start, END if p.stop is None else p.stop, 1 if p.step is None else p.step)
        for axis, p in enumerate(parts)
        if isinstance(p, slice) and p != slice(None)
    ]
    if not rows:
        return x
    axes, starts, stops, steps = (list(column) for column in zip(*rows, strict=True))
    return g.op("Slice", x, g.ints(starts), g.ints(stops), g.ints(axes), g.ints(steps))


@rule("getitem", "getitem_select", "getitem_unsqueeze", "getitem_alias")
def _getitem(g: Graph, input: Any, index: Any) -> Any:
    parts = pieces(index, len(input.shape))
    own = [p for p in parts if p is not None]
    x = cut(g, input, own)
    for axis in reversed(range(len(own))):
        if not isinstance(own[axis], slice):
            x = g.op("Gather", x, g.number(own[axis], np.int64), axis=axis)
    places = [i for i, p in enumerate(q for q in parts if q is None or isinstance(q, slice)) if p is None]
    return g.unsqueeze(x, *places) if places else g.name(x)
