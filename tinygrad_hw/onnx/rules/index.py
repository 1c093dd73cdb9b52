"""Indexing by tensors, gathering, scattering, tables of rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw.onnx.graph import Graph, rule
from tinygrad_hw.onnx.record import Value
from tinygrad_hw.onnx.rules.shape import cut
from tinygrad_hw.onnx.sizes import Varying

__all__: list[str] = []

_REDUCTIONS = {"sum": "add", "prod": "mul", "amax": "max", "amin": "min"}


def _shape(x: Any) -> tuple[Any, ...]:
    return tuple(x.shape)


def _kind(x: Any) -> Any:
    return x.array.dtype if isinstance(x, Value) else (x.values[0] if isinstance(x, Varying) else x).dtype


def _long(g: Graph, index: Any) -> Any:
    """Return an index tensor as ONNX takes it: int32 or int64."""
    if isinstance(index, Varying):
        g.fail(
            "an index computed in Python depends on the sizes of dynamic axes. Use torch.arange and tensor operations"
        )
    return g.name(index) if _kind(index) in (np.int64, np.int32) else g.cast(index, np.int64)


def _pieces(g: Graph, index: Any, dims: int) -> list[Any]:
    """Return an advanced index without Ellipsis, covering all dimensions."""
    if any(p is None for p in index):
        g.fail("None and tensors in one index cannot be exported. Call unsqueeze first")
    width = sum((len(p.shape) if _is_mask(p) else 1) for p in index if p is not Ellipsis)
    found: list[Any] = []
    for p in index:
        found += [slice(None)] * (dims - width) if p is Ellipsis else [p]
    return found if any(p is Ellipsis for p in index) else found + [slice(None)] * (dims - width)


def _is_mask(p: Any) -> bool:
    return isinstance(p, (Value, np.ndarray)) and _kind(p) == np.bool_


def _unmasked(g: Graph, parts: list[Any]) -> list[Any]:
    """Return pieces with constant masks as the places where they are true."""
    found: list[Any] = []
    for p in parts:
        if not _is_mask(p):
            found.append(p)
            continue
        mask = g.const(p)
        if mask is None:
            g.fail(
                "how many elements a mask selects depends on the input's values, and so would all following shapes. "
                "Use torch.where, or multiply by the mask"
            )
        found += list(np.nonzero(mask))
    return found


@rule("index")
def _index(g: Graph, input: Any, index: Any) -> Any:
    dims = len(input.shape)
    parts = _unmasked(g, _pieces(g, index, dims))
    x = cut(g, input, [p if isinstance(p, slice) else slice(None) for p in parts])
    places = [i for i, p in enumerate(parts) if not isinstance(p, slice)]
    if len(places) == 1:
        return g.op("Gather", x, _long(g, parts[places[0]]), axis=places[0])
    together = places == list(range(places[0], places[0] + len(places)))
    rest = [d for d in range(dims) if d not in places]
    if places[0] or not together:
        x = g.op("Transpose", x, perm=places + rest)
    found = g.op("GatherND", x, _coordinates(g, [parts[i] for i in places]))
    count = max(len(_shape(parts[i])) for i in places)
    if together and places[0]:
        # numpy puts what the tensors index where the first of them stands.
        before = range(count, count + places[0])
        order = [*before, *range(count), *range(count + places[0], count + len(rest))]
        found = g.op("Transpose", found, perm=order)
    return found


def _coordinates(g: Graph, indices: list[Any]) -> Any:
    """Return index tensors, broadcast against each other, as the last dimension of one."""
    arrays = [g.const(i) for i in indices]
    if all(a is not None for a in arrays):
        return np.stack(np.broadcast_arrays(*arrays), -1).astype(np.int64)
    # Adding zero times the others broadcasts.
    names = [g.cast(i, np.int64) for i in indices]
    zero = names[0]
    for n in names[1:]:
        zero = g.op("Add", zero, n)
    zero = g.op("Mul", zero, np.zeros((), np.int64))
    return g.op("Concat", *(g.unsqueeze(g.op("Add", n, zero), -1) for n in names), axis=-1)


@rule("index_put")
def _index_put(g: Graph, input: Any, value: Any, index: Any, accumulate: bool) -> Any:
    dims = len(input.shape)
    parts = _pieces(g, index, dims)
    if parts and _is_mask(parts[0]) and g.const(parts[0]) is None and not accumulate:
        plain = all(isinstance(p, slice) and p == slice(None) for p in parts[1:])
        if plain and all(n == 1 for n in _shape(value)):
            wide = dims - len(parts[0].shape)
            mask = g.unsqueeze(parts[0], *range(dims - wide, dims)) if wide else parts[0]
            number = g.op("Reshape", value, g.ints([1])) if _shape(value) else value
            return g.op("Where", mask, number, input)
    parts = _unmasked(g, parts)
    places = [i for i, p in enumerate(parts) if not isinstance(p, slice)]
    if places != list(range(len(places))) or any(p != slice(None) for p in parts[len(places) :]):
        g.fail("a write with slices in front of or beside index tensors cannot be exported. Write with scatter")
    where = _coordinates(g, [parts[i] for i in places])
    count = max(len(_shape(parts[i])) for i in places)
    full = count + dims - len(places)
    if len(_shape(value)) < full:
        lead = np.broadcast_shapes(*(_fixed(g, _shape(parts[i])) for i in places))
        value = g.expand(value, [*lead, *input.shape[len(places) :]])
    if accumulate and g.opset < 16:
        g.fail("accumulating writes need opset_version=16 or later")
    return g.op("ScatterND", input, where, value, reduction="add" if accumulate else None)


def _fixed(g: Graph, shape: tuple[Any, ...]) -> tuple[int, ...]:
    return tuple(g.static(shape, "the shape of an index"))


@rule("index_select")
def _index_select(g: Graph, input: Any, index: Any, dim: int) -> Any:
    if not input.shape:
        return g.name(input)
    return g.op("Gather", input, _long(g, index), axis=dim)


@rule("gather", "pick")
def _gather(g: Graph, input: Any, index: Any = None, indices: Any = None, dim: int = 0) -> Any:
    index = indices if index is None else index
    return g.op("GatherElements", input, _long(g, index), axis=dim) if input.shape else g.name(input)


@rule("scatter", "scatter_reduce")
def _scatter(
    g: Graph, input: Any, src: Any, index: Any, dim: int, reduce: str | None = None, include_self: bool = True
) -> Any:
    if reduce == "mean" or not include_self:
        g.fail("scatter with reduce='mean' or include_self=False has no form in ONNX. Compose it of sum and amax")
    how = None if reduce is None else _REDUCTIONS[reduce]
    if how in ("max", "min") and g.opset < 18:
        g.fail(f"scatter with reduce={reduce!r} needs opset_version=18 or later, not {g.opset}")
    shape = _shape(index)
    x = src
    if tuple(_shape(src)) != shape:
        x = g.op("Expand", src, g.ints(shape)) if _shape(src) in ((), (1,) * len(shape)) else None
        if x is None:
            zeros = g.ints([0] * len(shape))
            x = g.op("Slice", src, zeros, g.ints(shape), g.ints(range(len(shape))))
    return g.op("ScatterElements", input, _long(g, index), x, axis=dim, reduction=how)


@rule("F.scatter_reduce")
def _scatter_reduce(g: Graph, input: Any, dim: int, index: Any, src: Any, reduce: str, include_self: bool) -> Any:
    return _scatter(g, input, src, index, dim, reduce, include_self)


def _put_slices(g: Graph, input: Any, dim: int, index: Any, slices: Any) -> Any:
    """Replace slices along a dimension; ``slices`` has that dimension in front."""
    dims = len(input.shape)
    order = [dim, *(d for d in range(dims) if d != dim)]
    x = g.op("Transpose", input, perm=order) if dim else input
    where = g.op("Reshape", _long(g, index), g.ints([-1, 1]))
    out = g.op("ScatterND", x, where, slices)
    return g.op("Transpose", out, perm=[order.index(d) for d in range(dims)]) if dim else out


@rule("F.index_copy")
def _index_copy(g: Graph, input: Any, dim: int, index: Any, source: Any) -> Any:
    dim %= len(input.shape)
    order = [dim, *(d for d in range(len(input.shape)) if d != dim)]
    return _put_slices(g, input, dim, index, g.op("Transpose", source, perm=order) if dim else source)


@rule("F.index_fill")
def _index_fill(g: Graph, input: Any, dim: int, index: Any, value: Any) -> Any:
    dim %= len(input.shape)
    count = index.shape[0] if index.shape else 1
    size = [count, *(n for d, n in enumerate(input.shape) if d != dim)]
    return _put_slices(g, input, dim, index, g.expand(g.name(value, input.dtype), size))


@rule("F.take")
def _take(g: Graph, input: Any, index: Any) -> Any:
    return g.op("Gather", g.op("Reshape", input, g.ints([-1])), _long(g, index), axis=0)


@rule("F.nonzero", "F.masked_scatter", "F.unique", "F.unique_consecutive", "F.bincount", "F.histc")
def _by_values(g: Graph, **arguments: Any) -> Any:
    g.fail(
        "its result's size, or the places of its elements, depend on the input's values, and Python has them only "
        "while the model is exported. Apply it to the model's output, or use torch.where"
    )


@rule("pack_rows", "pad_rows", "stack_padded", "recurrent_packed_layer")
def _packed(g: Graph, **arguments: Any) -> Any:
    g.fail("packed sequences cannot be exported: their layout depends on lengths. Give the layer a padded tensor")


@rule("gather_adjoint")
def _gather_adjoint(g: Graph, input: Any, index: Any, dim: int, shape: Any) -> Any:
    """Zeros of a shape with elements added at their places."""
    zeros = g.expand(np.zeros((1,) * len(shape), input.dtype), shape)
    return _scatter(g, _Shaped(zeros, shape), input, index, dim, "sum")


@rule("index_add_zeros")
def _index_add_zeros(g: Graph, input: Any, index: Any, dim: int, shape: Any) -> Any:
    """Zeros of a shape with slices added at their places along a dimension."""
    if not shape:
        return g.reduce("ReduceSum", input, None, False)
    order = [dim, *(d for d in range(len(shape)) if d != dim)]
    zeros = g.expand(np.zeros((1,) * len(shape), input.dtype), [shape[d] for d in order])
    rows = g.op("Transpose", input, perm=order) if dim else input
    out = g.op("ScatterND", zeros, g.unsqueeze(_long(g, index), 1), rows, reduction="add")
    return g.op("Transpose", out, perm=[order.index(d) for d in range(len(shape))]) if dim else out


class _Shaped(str):
    """The name of a value, with its shape."""

    shape: tuple[Any, ...]

    def __new__(cls, name: str, shape: Any) -> _Shaped:
        self = super().__new__(cls, name)
        self.shape = tuple(shape)
        return self


@rule("F.take_along_dim")
def _take_along_dim(g: Graph, input: Any, indices: Any, dim: Any) -> Any:
    if dim is None:
        flat = [g.op("Reshape", x, g.ints([-1])) for x in (input, _long(g, indices))]
        return g.op("GatherElements", *flat, axis=0)
    dim, dims = dim % len(input.shape), len(input.shape)
    wide = [
        n if i == dim else m if n == 1 else n for i, (n, m) in enumerate(zip(input.shape, indices.shape, strict=True))
    ]
    places = [m if i == dim else n for i, (n, m) in enumerate(zip(wide, indices.shape, strict=True))]
    x = g.expand(input, wide) if wide != list(input.shape) else input
    index = g.expand(_long(g, indices), places) if places != list(indices.shape) else _long(g, indices)
    return g.op("GatherElements", x, index, axis=dim) if dims else g.name(input)


# -- tables ----------------------------------------------------------------------------------------


@rule("F.embedding")
def _embedding(g: Graph, input: Any, weight: Any, max_norm: Any, **others: Any) -> Any:
    if max_norm is not None:
        g.fail("max_norm changes the table when it is used. Renormalise the weight once and set max_norm to None")
    return g.op("Gather", weight, _long(g, input))


@rule("embedding")
def _embedding_op(g: Graph, weight: Any, index: Any, skip: Any, scale_by_freq: Any) -> Any:
    return g.op("Gather", weight, _long(g, index))


@rule("F.embedding_bag")
def _embedding_bag(
    g: Graph, input: Any, weight: Any, offsets: Any, max_norm: Any, mode: str, per_sample_weights: Any,
    include_last_offset: bool, padding_idx: Any, **others: Any,
) -> Any:  # fmt: skip
    if max_norm is not None:
        g.fail("max_norm changes the table when it is used. Renormalise the weight once and set max_norm to None")
    kind = weight.dtype
    rows = g.op("Gather", weight, _long(g, input))
    counts = None
    if padding_idx is not None:
        padding_idx %= g.static(weight.shape[0], "the size of the table")
        counts = g.op("Not", g.op("Equal", input, padding_idx))
    if offsets is not None:
        rows, counts = g.unsqueeze(rows, 0), _members(g, input, offsets, include_last_offset, counts)
    if per_sample_weights is not None:
        factors = g.unsqueeze(per_sample_weights, -1)
        rows = g.op("Mul", rows, g.unsqueeze(factors, 0) if offsets is not None else factors)
    if counts is None:
        kinds = {"sum": "ReduceSum", "mean": "ReduceMean", "max": "ReduceMax"}
        return g.reduce(kinds[mode], rows, [1], False)
    inside = g.unsqueeze(counts, -1)
    if mode == "max":
        low = g.op("Where", inside, rows, np.asarray(np.finfo(kind).min, kind))
        best = g.reduce("ReduceMax", low, [1], False)
        any_inside = g.reduce("ReduceMax", g.cast(inside, np.float32), [1], False)
        return g.op("Where", g.op("Greater", any_inside, np.zeros((), np.float32)), best, np.zeros((), kind))
    numbers = g.cast(inside, kind)
    total = g.reduce("ReduceSum", g.op("Mul", rows, numbers), [1], False)
    if mode == "sum":
        return total
    size = g.op("Max", g.reduce("ReduceSum", numbers, [1], False), np.ones((), kind))
    return g.op("Div", total, size)


def _members(g: Graph, input: Any, offsets: Any, include_last: bool, counts: Any) -> Any:
    """Return which of the indices, (n,), belong to which bag, (bags, n)."""
    starts = g.cast(offsets, np.int64)
    count = g.ints([input.shape[0]])
    places = g.op("Range", np.asarray(0), g.squeeze(count, 0), np.asarray(1))
    if not include_last:
        starts = g.op("Concat", starts, count, axis=0)
    first, last = (
        g.unsqueeze(g.slice(starts, 0, 0, -1), 1),
        g.unsqueeze(g.slice(starts, 0, 1, np.iinfo(np.int64).max), 1),
    )
    inside = g.op("And", g.op("GreaterOrEqual", places, first), g.op("Less", places, last))
    return inside if counts is None else g.op("And", inside, counts)


@rule("F.one_hot")
def _one_hot(g: Graph, tensor: Any, num_classes: int) -> Any:
    if num_classes == -1:
        g.fail("the number of classes depends on the input's values. Say it: one_hot(x, num_classes)")
    return g.op("OneHot", tensor, np.asarray([num_classes]), np.asarray([0, 1]), axis=-1)
