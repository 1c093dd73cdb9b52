"""Indexing: ``x[...]``, read and written, and what scattering and selecting share with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.graph import TensorBase, array_of, wrap
from tinygrad_hw.autograd.observe import whole
from tinygrad_hw.autograd.op import op
from tinygrad_hw.autograd.out import into
from tinygrad_hw.kernels import scatter as kernels
from tinygrad_hw.kernels.runtime import compiles
from tinygrad_hw.ops.broadcasting import expand
from tinygrad_hw.ops.creation import scalar_for
from tinygrad_hw.ops.shape import flatten, reshape

__all__ = [
    "index_put",
    "take",
]


# -- adding up ------------------------------------------------------------------------------------


def _scattered(shape: Sequence[int], index: Any, g: Any) -> Any:
    """Return zeros of ``shape`` with ``g`` added at an advanced index, repeated places adding up."""
    out = np.zeros(shape, g.dtype)
    if g.size == 0 or out.size == 0:
        return out
    rows = index[0] if isinstance(index, tuple) and len(index) == 1 else index
    if isinstance(rows, np.ndarray) and rows.dtype.kind in "iu":
        rows = rows.reshape(-1).astype(np.int64, copy=False)
        rows = np.where(rows < 0, rows + shape[0], rows)
        _add_rows(out, 0, rows, g.reshape(rows.size, *shape[1:]))
        return out
    # Each place as one number; then a sum per number.
    places = np.arange(out.size).reshape(shape)[index].reshape(-1)
    flat, values = out.reshape(-1), np.ascontiguousarray(g).reshape(-1)
    add_at(flat, places, values)
    return out


def add_at(flat: Any, places: Any, values: Any) -> None:
    """Add ``values`` to a 1-D array at ``places``, repeated ones adding up."""
    if values.dtype.kind == "f":
        kernels.add_at(flat, places, values)
    else:
        np.add.at(flat, places, values)


def _lead(dim: int) -> tuple[slice, ...]:
    return (slice(None),) * dim


def _add_rows(out: Any, dim: int, index: Any, source: Any) -> Any:
    """Add slices of ``source`` to slices of ``out`` along a dimension, repeated indices adding up."""
    if source.size == 0:
        return out
    if out.dtype.kind == "f" and compiles(out):
        kernels.index_add(out, dim, index, source)
        return out
    order = np.argsort(index, kind="stable")
    sorted_index = index[order]
    starts = np.flatnonzero(np.r_[True, sorted_index[1:] != sorted_index[:-1]])
    rows = np.take(source, order, axis=dim)
    sums = np.add.reduceat(rows, starts, axis=dim)
    out[(*_lead(dim), sorted_index[starts])] += sums
    return out


# -- x[...] ---------------------------------------------------------------------------------------


def _view_op(name: str, node_name: str) -> Any:
    return op(
        name,
        lambda input, *, index: input[index],
        view=True,
        node_name=node_name,
        input=lambda g, input_shape, index: _set_zeros(g, shape=tuple(input_shape), index=index),
    )


# One operation; PyTorch, which takes an index piece by piece, names it after the last piece that does something.
_getitem_view = _view_op("getitem", "SliceBackward0")
_getitem_select = _view_op("getitem_select", "SelectBackward0")
_getitem_unsqueeze = _view_op("getitem_unsqueeze", "UnsqueezeBackward0")
_getitem_alias = _view_op("getitem_alias", "AliasBackward0")


def _named_view(input: Any, pieces: Sequence[Any], index: Any) -> Any:
    for piece in reversed(pieces):
        if piece is None:
            return _getitem_unsqueeze(input, index=index)
        if piece is not Ellipsis and not isinstance(piece, slice):
            return _getitem_select(input, index=index)
        if piece is not Ellipsis and (piece != _WHOLE or len(pieces) == 1):
            return _getitem_view(input, index=index)
    return _getitem_alias(input, index=index)


_WHOLE = slice(None)


def _set_zeros_forward(input: Any, *, shape: Sequence[int], index: Any) -> Any:
    out = np.zeros(shape, input.dtype)
    out[index] = input
    return out


#: The adjoint of a basic index: zeros with the values put at it.
_set_zeros = op(
    "getitem_adjoint",
    _set_zeros_forward,
    node_name="SliceBackward0",
    input=lambda g, index: getitem_copy(g, index),
)


def getitem_copy(input: Any, index: Any) -> Any:
    """Return a basic index of an array or tensor."""
    return _getitem_view(input, index=index)


def _index_forward(input: Any, *, index: Any) -> Any:
    if index.__class__ is tuple and len(index) == 1 and input.flags.c_contiguous:
        rows = index[0]
        if rows.__class__ is np.ndarray and rows.dtype.kind == "i":
            return input.take(rows, 0)  # a quarter of the time
    return input[index]


_index = op(
    "index",
    _index_forward,
    input=lambda g, input_shape, index: _index_adjoint(g, shape=tuple(input_shape), index=index),
)


_index_adjoint = op(
    "index_adjoint",
    lambda input, *, shape, index: _scattered(shape, index, input),
    node_name="IndexPutBackward0",
    input=lambda g, index: _index(g, index=index),
)


def _is_sequence_index(item: Any) -> bool:
    return isinstance(item, (list, tuple, range))


def _convert(item: Any) -> Any:
    """Return one piece of an index as numpy takes it."""
    if isinstance(item, TensorBase):
        array = item.array
        if array.dtype.kind == "f":
            raise IndexError(
                f"tensors used as indices must be long, int, byte or bool tensors, got {dtypes.from_numpy(array.dtype)}"
            )
        if array.dtype == np.uint8:
            return array.astype(np.bool_)
        if array.ndim == 0 and array.dtype != np.bool_:
            return int(array)
        return array
    if isinstance(item, np.ndarray):
        if item.dtype.kind == "f":
            raise IndexError("arrays used as indices must be of integer (or boolean) type")
        return item
    if isinstance(item, (bool, np.bool_)):
        return np.asarray(item)
    if isinstance(item, (int, np.integer)) or item is None or item is Ellipsis:
        return item
    if isinstance(item, slice):
        bounds = [
            None if b is None else int(b.array.item() if isinstance(b, TensorBase) else b)
            for b in (item.start, item.stop, item.step)
        ]
        if bounds[2] is not None and bounds[2] <= 0:
            raise ValueError("step must be greater than zero")
        return slice(*bounds)
    if _is_sequence_index(item):
        array = np.asarray([_convert(x) for x in item])
        if array.size == 0:
            return array.astype(np.int64)
        if array.dtype.kind not in "iub":
            raise TypeError(
                f"only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid "
                f"indices (got {type(item).__name__})"
            )
        return array
    if hasattr(item, "__index__"):
        return item.__index__()
    raise (TypeError if isinstance(item, str) else IndexError)(
        "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
        f"(got {type(item).__name__})"
    )


def _normalise(shape: Sequence[int], index: Any) -> tuple[tuple[Any, ...], bool]:
    """Return an index as a tuple that numpy takes, and whether it is basic (gives a view).

    Raises:
        IndexError: it reaches outside, or names too many dimensions.
        TypeError: a piece is no index.
    """
    # A short list of anything but numbers means the same as a tuple.
    if (
        isinstance(index, list)
        and len(index) < 32
        and any(
            isinstance(i, (slice, list, tuple, range, TensorBase, np.ndarray)) or i is None or i is Ellipsis
            for i in index
        )
    ):
        index = tuple(index)
    pieces = tuple(_convert(i) for i in (index if isinstance(index, tuple) else (index,)))
    basic = not any(isinstance(p, np.ndarray) for p in pieces)
    used = sum(
        p.ndim if isinstance(p, np.ndarray) and p.dtype == np.bool_ else p is not None and p is not Ellipsis
        for p in pieces
    )
    if used > len(shape):
        raise IndexError(f"too many indices for tensor of dimension {len(shape)}: the index names {used}")
    if sum(p is Ellipsis for p in pieces) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    at = 0
    for k, p in enumerate(pieces):
        if p is None:
            continue
        if p is Ellipsis:
            at = len(shape) - sum(
                q.ndim if isinstance(q, np.ndarray) and q.dtype == np.bool_ else q is not None for q in pieces[k + 1 :]
            )
            continue
        if isinstance(p, np.ndarray) and p.dtype == np.bool_:
            for j, n in enumerate(p.shape):
                if shape[at + j] != n:
                    raise IndexError(
                        f"The shape of the mask {list(p.shape)} at index {j} does not match the shape of the "
                        f"indexed tensor {list(shape)} at index {at + j}"
                    )
            at += p.ndim
            continue
        n = shape[at]
        if isinstance(p, np.ndarray):
            if p.size and (p.min() < -n or p.max() >= n):
                bad = int(p.max()) if p.max() >= n else int(p.min())
                raise IndexError(f"index {bad} is out of bounds for dimension {at} with size {n}")
        elif isinstance(p, (int, np.integer)) and not -n <= p < n:
            raise IndexError(f"index {p} is out of bounds for dimension {at} with size {n}")
        at += 1
    return pieces, basic


def _is_plain(index: tuple[Any, ...], shape: Sequence[int]) -> bool:
    """Return whether an index consists of integers and slices with plain bounds, all of which fit."""
    if len(index) > len(shape):
        return False
    for i, n in zip(index, shape):  # noqa: B905
        if i.__class__ is slice:
            start, stop = i.start, i.stop
            if i.step is not None or not (
                (start is None or start.__class__ is int) and (stop is None or stop.__class__ is int)
            ):
                return False
        elif i.__class__ is not int or not -n <= i < n:
            return False
    return True


def _integer_arrays(index: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """Return the arrays of an index of tensors of integers; None for any other."""
    arrays = []
    for i in index:
        if not isinstance(i, TensorBase) or i.array.dtype.kind != "i" or not i.array.ndim:
            return None
        arrays.append(i.array)
    return tuple(arrays)


def getitem(input: Any, index: Any) -> Any:
    """Return ``input[index]``: a view for integers, slices, None and Ellipsis, else a copy."""
    if index.__class__ is int or index.__class__ is slice:
        # The everyday cases: one integer, one slice.
        shape = input.array.shape
        if index.__class__ is int:
            if not shape:
                raise IndexError(
                    "invalid index of a 0-dim tensor. Use `tensor.item()` in Python to convert a 0-dim tensor "
                    "to a number"
                )
            if -shape[0] <= index < shape[0]:
                return _getitem_select(input, index=(index, Ellipsis))
        elif (
            shape
            and index.step is None
            and not isinstance(index.start, TensorBase)
            and not isinstance(index.stop, TensorBase)
        ):
            return _getitem_view(input, index=(index, Ellipsis))
    elif index.__class__ is tuple and _is_plain(index, input.array.shape):
        return _named_view(input, index, (*index, Ellipsis))
    else:
        arrays = _integer_arrays(index if index.__class__ is tuple else (index,))
        if arrays is not None and input.array.ndim:
            try:
                return _index(input, index=arrays)
            except IndexError:
                pass  # what is wrong is said below
    if not array_of(input).shape and isinstance(index, int) and not isinstance(index, bool):
        raise IndexError(
            "invalid index of a 0-dim tensor. Use `tensor.item()` in Python to convert a 0-dim tensor to a number"
        )
    pieces, basic = _normalise(input.shape, index)
    if basic:
        # The Ellipsis keeps numpy from returning a scalar instead of a 0-d view.
        return _named_view(input, pieces, pieces if Ellipsis in pieces else (*pieces, Ellipsis))
    selected, rest = _selected(pieces)
    if selected is not None:
        input = _getitem_view(input, index=selected)
    return _index(input, index=rest)


def _selected(pieces: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
    """Split the integers off an advanced index: they drop dimensions before tensors choose elements.

    numpy would broadcast them with the tensors, which can move dimensions to the front.
    """
    if not any(isinstance(p, (int, np.integer)) for p in pieces):
        return None, pieces
    first: list[Any] = []
    for p in pieces:
        if isinstance(p, np.ndarray):
            first += [slice(None)] * (p.ndim if p.dtype == np.bool_ else 1)
        elif p is not None:
            first.append(slice(None) if isinstance(p, slice) else p)
    if not any(p is Ellipsis for p in first):
        first.append(Ellipsis)
    return tuple(first), tuple(p for p in pieces if not isinstance(p, (int, np.integer)))


def _put_forward(input: Any, value: Any, *, index: Any, accumulate: bool) -> Any:
    out = np.array(input, order="C")
    if accumulate:
        places = np.arange(out.size).reshape(out.shape)[index]
        spread = np.broadcast_to(value, places.shape).astype(out.dtype)
        add_at(out.reshape(-1), places.reshape(-1), np.ascontiguousarray(spread).reshape(-1))
    else:
        out[index] = value
    return out


def _put_input_rule(g: Any, index: Any, accumulate: bool) -> Any:
    if accumulate:
        return g
    return _index_put(g, np.zeros((), array_of(g).dtype), index=index, accumulate=False)


_index_put = op(
    "index_put",
    _put_forward,
    input=_put_input_rule,
    value=lambda g, index: _index(g, index=index),
)


def assigned(input: Any, index: Any, value: Any) -> tuple[Any, Any]:
    """Prepare ``input[index] = value``: returns ``(view or None, new contents)``.

    A basic index gives the view to be written and its new contents; an advanced one None and the new contents
    of the whole tensor, or of the view that its integers select.
    """
    pieces, basic = _normalise(input.shape, index)
    kind = array_of(input).dtype
    if not isinstance(value, TensorBase):
        if value is None or isinstance(value, (str, bytes, dict, set)):
            raise TypeError(
                f"can't assign a {type(value).__name__} to a tensor of dtype {dtypes.from_numpy(kind)}; assign a "
                "number or a tensor"
            )
        value = wrap(np.asarray(scalar_for(value, kind)).astype(kind))
    elif value.array.dtype != kind:
        value = value.to(kind)  # type: ignore[attr-defined]
    if basic:
        view = _getitem_view(input, index=pieces if Ellipsis in pieces else (*pieces, Ellipsis))
        return view, _fitted(value, tuple(view.array.shape))
    selected, rest = _selected(pieces)
    view = None if selected is None else _getitem_view(input, index=selected)
    target = input if view is None else view
    value = _fitted(value, array_of(target)[rest].shape)
    return view, _index_put(target, value, index=rest, accumulate=False)


def _fitted(value: Any, shape: tuple[int, ...]) -> Any:
    """Return a value broadcast to the shape of what it replaces; leading ones are dropped."""
    own = tuple(value.array.shape)
    while len(own) > len(shape) and own[0] == 1:
        own = own[1:]
    try:
        fits = np.broadcast_shapes(own, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(value.array.shape)} cannot be broadcast to indexing "
            f"result of shape {list(shape)}"
        )
    if own != tuple(value.array.shape):
        value = reshape(value, own)
    return expand(value, shape) if own != shape else value


def _index_tuple(indices: Any) -> tuple[Any, ...]:
    converted = tuple(slice(None) if i is None else _convert(i) for i in indices)
    return converted


def index_put(input: Any, indices: Any, values: Any, accumulate: bool = False) -> Any:
    """Return a copy with ``values`` put at the index.

    Args:
        input: a tensor.
        indices: a tuple of index tensors.
        values: a tensor, broadcastable to the indexed shape.
        accumulate: add instead of replacing; repeated places add up.

    Source: ``torch.index_put``.

    Example:
        >>> torch.index_put(torch.zeros(3), (torch.tensor([0, 0]),), torch.ones(2), accumulate=True)
        tensor([2., 0., 0.])
    """
    if array_of(values).dtype != array_of(input).dtype:
        raise RuntimeError(
            f"Index put requires the source and destination dtypes match, got {input.dtype} for the destination "
            f"and {values.dtype} for the source."
        )
    pieces, _ = _normalise(input.shape, _index_tuple(indices))
    return _index_put(input, values, index=pieces, accumulate=accumulate)


@whole
def take(input: Any, index: Any, *, out: Any = None) -> Any:
    """Return the elements of the flattened tensor at ``index``.

    Source: ``torch.take``.

    Example:
        >>> torch.take(torch.tensor([[4, 3], [2, 1]]), torch.tensor([0, 3]))
        tensor([4, 1])
    """
    if out is not None:
        return into(out, take, input, index)
    array = array_of(index)
    if array.dtype != np.int64:
        raise RuntimeError("take(): Expected a long tensor for index")
    size = array_of(input).size
    if array.size and (array.min() < -size or array.max() >= size):
        raise IndexError(f"out of range: tried to access index {int(array.max())} on a tensor of {size} elements.")
    return _index(flatten(input), index=(array,))
