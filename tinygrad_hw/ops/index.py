"""Indexing, gathering and scattering."""

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
from tinygrad_hw.ops.creation import clone, scalar_for
from tinygrad_hw.ops.numbers import fill
from tinygrad_hw.ops.selection import _where
from tinygrad_hw.ops.shape import broadcast_shapes, expand, flatten, one_dim, reshape

__all__ = [
    "argwhere",
    "diagonal_scatter",
    "gather",
    "index_add",
    "index_copy",
    "index_fill",
    "index_put",
    "index_select",
    "masked_fill",
    "masked_scatter",
    "masked_select",
    "nonzero",
    "scatter",
    "scatter_add",
    "scatter_reduce",
    "select_scatter",
    "slice_scatter",
    "take",
    "take_along_dim",
]


# -- x[...] ----------------------------------------------------------------------------------------


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


_getitem_view = op(
    "getitem",
    lambda input, *, index: input[index],
    view=True,
    node_name="SliceBackward0",
    input=lambda g, input_shape, index: _set_zeros(g, shape=tuple(input_shape), index=index),
)


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


_index = op(
    "index",
    lambda input, *, index: input[index],
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
                return _getitem_view(input, index=(index, Ellipsis))
        elif (
            shape
            and index.step is None
            and not isinstance(index.start, TensorBase)
            and not isinstance(index.stop, TensorBase)
        ):
            return _getitem_view(input, index=(index, Ellipsis))
    if not array_of(input).shape and isinstance(index, int) and not isinstance(index, bool):
        raise IndexError(
            "invalid index of a 0-dim tensor. Use `tensor.item()` in Python to convert a 0-dim tensor to a number"
        )
    pieces, basic = _normalise(input.shape, index)
    if basic:
        # The Ellipsis keeps numpy from returning a scalar instead of a 0-d view.
        return _getitem_view(input, index=pieces if Ellipsis in pieces else (*pieces, Ellipsis))
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


def _put_input_rule(g: Any, value_shape: Any, index: Any, accumulate: bool) -> Any:
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


# -- along one dimension ---------------------------------------------------------------------------


def _long(name: str, index: Any) -> Any:
    array = array_of(index)
    if array.dtype.kind not in "iu" or array.dtype == np.uint8:
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index but got {dtypes.from_numpy(array.dtype)}")
    return array


def _check_range(name: str, array: Any, n: int, negative: bool = False) -> None:
    if array.size and (array.min() < (-n if negative else 0) or array.max() >= n):
        bad = int(array.max()) if array.max() >= n else int(array.min())
        raise IndexError(f"{name}(): index {bad} is out of bounds for dimension with size {n}")


def _lead(dim: int) -> tuple[slice, ...]:
    return (slice(None),) * dim


_index_select = op(
    "index_select",
    lambda input, index, *, dim: np.take(input, index, axis=dim) if input.ndim else input.copy(),
    input=lambda g, index, input_shape, dim: _index_add_zeros(g, index, dim=dim, shape=tuple(input_shape)),
)


def _index_add_zeros_forward(input: Any, index: Any, *, dim: int, shape: Sequence[int]) -> Any:
    if not shape:
        return input.sum().reshape(())
    return _add_rows(np.zeros(shape, input.dtype), dim, index, input)


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


_index_add_zeros = op(
    "index_add_zeros",
    _index_add_zeros_forward,
    node_name="IndexAddBackward0",
    input=lambda g, index, dim: _index_select(g, index, dim=dim),
)


def index_select(input: Any, dim: int, index: Any, *, out: Any = None) -> Any:
    """Return the slices along a dimension that ``index`` names.

    Args:
        input: a tensor.
        dim: the dimension.
        index: 1-D integers.
        out: a tensor to write the result into.

    Raises:
        IndexError: an index is out of range, or ``index`` is not 1-D.

    Source: ``torch.index_select``.

    Example:
        >>> torch.index_select(torch.tensor([1, 2, 3]), 0, torch.tensor([2, 0]))
        tensor([3, 1])
    """
    if out is not None:
        return into(out, index_select, input, dim, index)
    array = _long("index_select", index)
    if array.ndim > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    d = one_dim(dim, input.ndim)
    _check_range("index_select", array, input.shape[d] if input.ndim else 1)
    return _index_select(input, array.reshape(-1), dim=d)


def index_add(input: Any, dim: int, index: Any, source: Any, *, alpha: Any = 1, out: Any = None) -> Any:
    """Return a copy with slices of ``source`` added at the slices that ``index`` names.

    Args:
        input: a tensor.
        dim: the dimension.
        index: 1-D integers, one per slice of ``source``.
        source: a tensor of the same dtype.
        alpha: factor of ``source``.
        out: a tensor to write the result into.

    Source: ``torch.index_add``.

    Example:
        >>> torch.index_add(torch.zeros(2), 0, torch.tensor([0, 0]), torch.ones(2))
        tensor([2., 0.])
    """
    if out is not None:
        return into(out, index_add, input, dim, index, source, alpha=alpha)
    array = _long("index_add", index)
    d = one_dim(dim, input.ndim)
    if array_of(input).dtype != array_of(source).dtype:
        raise RuntimeError(
            f"index_add(): self and source must have the same scalar type, got {input.dtype} and {source.dtype}"
        )
    if array.ndim > 1:
        raise IndexError("index_add_(): Index is supposed to be a vector")
    if (source.shape[d] if source.ndim else 1) != array.size:
        raise RuntimeError(
            f"index_add_(): Number of indices ({array.size}) should be equal to source.size(dim): "
            f"({source.shape[d] if source.ndim else 1}), for dim: {d}"
        )
    _check_range("index_add", array, input.shape[d] if input.ndim else 1)
    if input.ndim and source.ndim:
        rest, own = [list(t.shape) for t in (input, source)]
        del rest[d], own[d]
        if rest != own:
            raise RuntimeError(
                "source tensor shape must match self tensor shape, excluding the specified dimension. Got "
                f"self.shape = {list(input.shape)} source.shape = {list(source.shape)}"
            )
    if array_of(input).dtype == np.bool_:
        added = index_add(wrap(array_of(input).astype(np.int64)), d, index, wrap(array_of(source) * int(alpha)))
        return wrap(added.array > 0)
    scaled = source if alpha == 1 else source * alpha
    return input + _index_add_zeros(scaled, array.reshape(-1), dim=d, shape=tuple(input.shape))


@whole
def index_copy(input: Any, dim: int, index: Any, source: Any, *, out: Any = None) -> Any:
    """Return a copy with slices replaced by slices of ``source``.

    Source: ``torch.index_copy``.

    Example:
        >>> torch.index_copy(torch.zeros(3), 0, torch.tensor([2]), torch.ones(1))
        tensor([0., 0., 1.])
    """
    if out is not None:
        return into(out, index_copy, input, dim, index, source)
    array = _long("index_copy", index)
    d = one_dim(dim, input.ndim)
    if array_of(input).dtype != array_of(source).dtype:
        raise RuntimeError(
            f"index_copy_(): self and source expected to have the same dtype, but got {input.dtype} and {source.dtype}"
        )
    if (source.shape[d] if source.ndim else 1) != array.size:
        raise IndexError(
            f"index_copy_(): Number of indices ({array.size}) should be equal to source.size(dim) "
            f"({source.shape[d] if source.ndim else 1})"
        )
    _check_range("index_copy", array, input.shape[d] if input.ndim else 1)
    if not input.ndim:
        return clone(reshape(source, ()))
    return _index_put(input, source, index=(*_lead(d), array.reshape(-1)), accumulate=False)


@whole
def index_fill(input: Any, dim: int, index: Any, value: Any) -> Any:
    """Return a copy with slices filled with one value.

    Source: ``torch.index_fill``.

    Example:
        >>> torch.index_fill(torch.zeros(3), 0, torch.tensor([2]), 5.0)
        tensor([0., 0., 5.])
    """
    array = _long("index_fill", index)
    d = one_dim(dim, input.ndim)
    _check_range("index_fill", array, input.shape[d] if input.ndim else 1, negative=True)
    if not isinstance(value, TensorBase):
        value = wrap(np.asarray(value, array_of(input).dtype))
    elif value.array.ndim:
        raise RuntimeError(
            f"index_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.array.ndim} "
            "dimension(s)."
        )
    if not input.ndim:
        return fill(input, value)
    # Each place once, or the gradient of the value would count repeated ones.
    places = np.unique(array % input.shape[d]) if array.size else array.reshape(-1)
    return _index_put(input, value, index=(*_lead(d), places), accumulate=False)


# -- gather and scatter ----------------------------------------------------------------------------


def _grid(index: Any, dim: int) -> tuple[Any, ...]:
    """Return the full index of the places ``index`` names along ``dim``."""
    places = list(np.ogrid[tuple(slice(0, n) for n in index.shape)]) if index.ndim else []
    if places:
        places[dim] = index
    return tuple(places)


def _gather_forward(input: Any, index: Any, dim: int) -> Any:
    if not index.size:
        return np.empty(index.shape, input.dtype)
    return input[_grid(index, dim)] if input.ndim and index.ndim else input.reshape(index.shape)


_gather = op(
    "gather",
    lambda input, index, *, dim: _gather_forward(input, index, dim),
    input=lambda g, index, input_shape, dim: _gather_adjoint(g, index, dim=dim, shape=tuple(input_shape)),
)


def _gather_adjoint_forward(input: Any, index: Any, *, dim: int, shape: Sequence[int]) -> Any:
    if not index.size:
        return np.zeros(shape, input.dtype)
    if not shape or not index.ndim:
        return input.reshape(shape)
    # A scatter may name fewer places than `input` has.
    input = input[tuple(slice(0, n) for n in index.shape)]
    if input.dtype.kind == "f" and compiles(input):
        out = np.zeros(shape, input.dtype)
        kernels.scatter_add(out, dim, index, input)
        return out
    return _scattered(shape, _grid(index, dim), input)


_gather_adjoint = op(
    "gather_adjoint",
    _gather_adjoint_forward,
    node_name="ScatterAddBackward0",
    input=lambda g, index, input_shape, dim: _padded(_gather(g, index, dim=dim), tuple(input_shape)),
)


def _padded(t: Any, shape: tuple[int, ...]) -> Any:
    """Return ``t`` with zeros behind it up to ``shape``."""
    if tuple(t.shape) == shape:
        return t
    return _set_zeros(t, shape=shape, index=tuple(slice(0, n) for n in t.shape))


def _check_gather(name: str, input: Any, index: Any, dim: int) -> int:
    d = one_dim(dim, input.ndim)
    if index.size == 0:
        return d
    if max(index.ndim, 1) != max(input.ndim, 1):
        raise RuntimeError(
            f"Index tensor must have the same number of dimensions as input tensor: {name} got index "
            f"{list(index.shape)} and input {list(input.shape)}"
        )
    for i, n in enumerate(index.shape):
        if i != d and input.ndim and n > input.shape[i]:
            raise RuntimeError(
                f"Size does not match at dimension {i} expected index {list(index.shape)} to be no larger than "
                f"self {list(input.shape)} apart from dimension {d}"
            )
    n = input.shape[d] if input.ndim else 1
    if index.min() < 0 or index.max() >= n:
        bad = int(index.max()) if index.max() >= n else int(index.min())
        raise RuntimeError(f"index {bad} is out of bounds for dimension {d} with size {n}")
    return d


def _int64(name: str, index: Any) -> Any:
    array = array_of(index)
    if array.dtype not in (np.int64, np.int32) and array.size:
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index")
    return array


def gather(input: Any, dim: int, index: Any, *, sparse_grad: bool = False, out: Any = None) -> Any:
    r"""Return :math:`out_{i j k} = input_{index_{i j k}\, j\, k}` (for ``dim=0``).

    Args:
        input: a tensor.
        dim: the dimension along which is indexed.
        index: integers, as many dimensions as ``input``.
        sparse_grad: must be False.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: the shapes do not fit, or an index is out of range.

    Source: ``torch.gather``.

    Example:
        >>> torch.gather(torch.tensor([[1, 2], [3, 4]]), 1, torch.tensor([[0, 0], [1, 0]]))
        tensor([[1, 1],
                [4, 3]])
    """
    if out is not None:
        return into(out, gather, input, dim, index, sparse_grad=sparse_grad)
    array = _int64("gather", index)
    d = _check_gather("gather", input, array, dim)
    return _gather(input, array if array.size else array.astype(np.int64), dim=d)


def _scatter_forward(input: Any, src: Any, *, index: Any, dim: int) -> Any:
    out = np.array(input, order="C")
    if not index.ndim or not out.ndim:
        out.reshape(-1)[...] = np.asarray(src).reshape(-1)[: out.size] if np.ndim(src) else src
        return out
    out[_grid(index, dim)] = src if np.ndim(src) == 0 else src[tuple(slice(0, n) for n in index.shape)]
    return out


_scatter = op(
    "scatter",
    _scatter_forward,
    input=lambda g, src_shape, index, dim: _scatter(g, np.zeros((), array_of(g).dtype), index=index, dim=dim),
    src=lambda g, src_shape, index, dim: (
        _padded(_gather(g, index, dim=dim), tuple(src_shape)) if src_shape else _total(_gather(g, index, dim=dim))
    ),
)


def _total(t: Any) -> Any:
    from tinygrad_hw.ops.reduce import sum as sum_

    return sum_(t)


def scatter(
    input: Any,
    dim: int,
    index: Any,
    src: Any = None,
    *,
    value: Any = None,
    reduce: str | None = None,
    out: Any = None,
) -> Any:
    r"""Return a copy with :math:`out_{index_{i j k}\, j\, k} = src_{i j k}` (for ``dim=0``).

    Args:
        input: a tensor.
        dim: the dimension along which is indexed.
        index: integers, as many dimensions as ``input``.
        src: a tensor at least as large as ``index``, or a number.
        value: a number instead.
        reduce: ``"add"`` or ``"multiply"`` instead of replacing.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: the shapes do not fit, or an index is out of range.

    Source: ``torch.scatter``. Where an index is repeated, the last one wins.

    Example:
        >>> torch.scatter(torch.zeros(3), 0, torch.tensor([2, 0]), torch.tensor([5.0, 7.0]))
        tensor([7., 0., 5.])
    """
    if out is not None:
        return into(out, scatter, input, dim, index, src, value=value, reduce=reduce)
    if src is None:
        src = value
    array = _int64("scatter", index)
    d = _check_scatter("scatter", input, array, dim, src)
    if reduce is not None:
        if reduce not in ("add", "multiply"):
            raise RuntimeError("reduce argument must be either add or multiply.")
        if not isinstance(src, TensorBase):
            src = wrap(np.full(array.shape, src, array_of(input).dtype))
        return scatter_reduce(input, d, index, src, "sum" if reduce == "add" else "prod")
    if not isinstance(src, TensorBase):
        src = np.asarray(src, array_of(input).dtype)
    elif src.array.dtype != array_of(input).dtype:
        raise RuntimeError("scatter(): Expected self.dtype to be equal to src.dtype")
    return _scatter(input, src, index=array, dim=d)


def _check_scatter(name: str, input: Any, index: Any, dim: int, src: Any) -> int:
    d = one_dim(dim, input.ndim)
    if index.size == 0:
        return d
    if isinstance(src, TensorBase):
        if max(src.array.ndim, 1) != max(index.ndim, 1):
            raise RuntimeError(
                "Index tensor must have the same number of dimensions as src tensor: "
                f"{name} got index {list(index.shape)} and src {list(src.array.shape)}"
            )
        for i, (n, m) in enumerate(zip(index.shape, src.array.shape, strict=False)):
            if n > m:
                raise RuntimeError(
                    f"Expected index {list(index.shape)} to be no larger than src {list(src.array.shape)} "
                    f"(dimension {i})"
                )
    return _check_gather(name, input, index, dim)


def scatter_add(input: Any, dim: int, index: Any, src: Any, *, out: Any = None) -> Any:
    """Return a copy with ``src`` added at the places that ``index`` names; see ``scatter``.

    Source: ``torch.scatter_add``.

    Example:
        >>> torch.scatter_add(torch.zeros(2), 0, torch.tensor([0, 0]), torch.tensor([5.0, 7.0]))
        tensor([12.,  0.])
    """
    if out is not None:
        return into(out, scatter_add, input, dim, index, src)
    array = _int64("scatter_add", index)
    d = _check_scatter("scatter_add", input, array, dim, src)
    if array_of(src).dtype != array_of(input).dtype:
        raise RuntimeError("scatter(): Expected self.dtype to be equal to src.dtype")
    return input + _gather_adjoint(src, array, dim=d, shape=tuple(input.shape))


@whole
def scatter_reduce(
    input: Any, dim: int, index: Any, src: Any, reduce: str, *, include_self: bool = True, out: Any = None
) -> Any:
    """Return a copy with ``src`` reduced into the places that ``index`` names.

    Args:
        input: a tensor.
        dim: the dimension along which is indexed.
        index: integers, as many dimensions as ``input``.
        src: a tensor at least as large as ``index``.
        reduce: ``"sum"``, ``"prod"``, ``"mean"``, ``"amax"`` or ``"amin"``.
        include_self: whether the elements of ``input`` take part.
        out: a tensor to write the result into.

    Source: ``torch.scatter_reduce``.

    Example:
        >>> torch.scatter_reduce(torch.zeros(2), 0, torch.tensor([0, 0]), torch.tensor([5.0, 7.0]), "amax")
        tensor([7., 0.])
    """
    if out is not None:
        return into(out, scatter_reduce, input, dim, index, src, reduce, include_self=include_self)
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise RuntimeError("reduce argument must be either sum, prod, mean, amax or amin, got " + str(reduce))
    array = _int64("scatter_reduce", index)
    d = _check_scatter("scatter_reduce", input, array, dim, src)
    kind = array_of(input).dtype
    if array_of(src).dtype != kind:
        raise RuntimeError("scatter(): Expected self.dtype to be equal to src.dtype")
    shape = tuple(input.shape)
    ones = np.ones(array.shape, np.float64)
    hits = (
        _gather_adjoint_forward(ones, array, dim=d, shape=shape)
        if array.ndim and shape
        else np.full(shape, array.size, np.float64)
    )
    touched = hits > 0
    if reduce in ("sum", "mean"):
        total = _gather_adjoint(src, array, dim=d, shape=shape)
        base = input if include_self else _where(touched, np.zeros((), kind), input)
        result = base + total
        if reduce == "mean":
            count = np.where(touched, hits + (1 if include_self else 0), 1).astype(kind)
            result = result / count if kind.kind in "fc" else wrap(np.floor_divide(array_of(result), count))
        return result
    return _reduce_extreme(input, src, index=array, dim=d, reduce=reduce, include_self=include_self)


def _reduce_forward(input: Any, src: Any, *, index: Any, dim: int, reduce: str, include_self: bool) -> Any:
    out = np.array(input, order="C")
    if not out.ndim or not index.ndim:
        flat_out, places, values = (
            out.reshape(-1),
            np.zeros(index.size, np.int64),
            np.asarray(src).reshape(-1),
        )
    else:
        places = np.arange(out.size).reshape(out.shape)[_grid(index, dim)].reshape(-1)
        values = src[tuple(slice(0, n) for n in index.shape)].reshape(-1)
        flat_out = out.reshape(-1)
    function = {"prod": np.multiply, "amax": np.maximum, "amin": np.minimum}[reduce]
    if not include_self:
        if reduce == "prod":
            flat_out[places] = 1
        else:
            flat_out[places] = values
    function.at(flat_out, places, values)
    return out


def _reduce_rule(
    g: Any,
    needs: Any,
    input: Any,
    src: Any,
    out: Any,
    index: Any,
    dim: int,
    reduce: str,
    include_self: bool,
) -> tuple[Any, Any]:
    kind = array_of(g).dtype
    gathered_g = _gather(g, index, dim=dim)
    shape = tuple(input.shape)
    src_part = src[tuple(slice(0, n) for n in index.shape)] if index.ndim else src
    if reduce == "prod":
        # Where one factor is zero, its gradient is the product of the others; where two are, all gradients vanish.
        safe = _where(array_of(input) == 0, np.ones((), kind), input)
        own = g * _reduce_extreme(safe, src, index=index, dim=dim, reduce=reduce, include_self=include_self) / safe
        if not include_self:
            touched = _gather_adjoint_forward(np.ones(index.shape), index, dim=dim, shape=shape) > 0
            own = _where(touched, np.zeros((), kind), g)
        zero = array_of(src_part) == 0
        zeros = _gather_adjoint_forward(zero.astype(np.float64), index, dim=dim, shape=shape)
        alone = zero & (np.asarray(_gather(zeros, index, dim=dim)) == 1)
        others = _reduce_extreme(
            input,
            _where(alone, np.ones((), kind), src_part),
            index=index,
            dim=dim,
            reduce=reduce,
            include_self=include_self,
        )
        quotient = gathered_g * _gather(out, index, dim=dim) / _where(zero, np.ones((), kind), src_part)
        g_src = _where(alone, gathered_g * _gather(others, index, dim=dim), quotient)
        return own, _padded(g_src, tuple(src.shape))
    # Elements that reach the extreme share the gradient evenly.
    hit_src = (array_of(src_part) == array_of(_gather(array_of(out), index, dim=dim))).astype(kind)
    hit_self = (array_of(input) == array_of(out)).astype(kind)
    counts = _gather_adjoint_forward(hit_src, index, dim=dim, shape=shape)
    touched = _gather_adjoint_forward(np.ones(index.shape), index, dim=dim, shape=shape) > 0
    if not include_self:
        hit_self = np.where(touched, 0, 1).astype(kind)
    counts = np.maximum(counts + hit_self, 1).astype(kind)
    share = g / counts
    return share * hit_self, _padded(_gather(share, index, dim=dim) * hit_src, tuple(src.shape))


_reduce_extreme = op(
    "scatter_reduce",
    _reduce_forward,
    differentiable=("input", "src"),
    joint=_reduce_rule,
)


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


@whole
def take_along_dim(input: Any, indices: Any, dim: int | None = None, *, out: Any = None) -> Any:
    """Return the elements that ``indices`` names along a dimension, the other dimensions broadcast.

    Source: ``torch.take_along_dim``.

    Example:
        >>> torch.take_along_dim(torch.tensor([[1, 2], [3, 4]]), torch.tensor([[1], [0]]), 1)
        tensor([[2],
                [3]])
    """
    if out is not None:
        return into(out, take_along_dim, input, indices, dim)
    array = array_of(indices)
    if array.dtype != np.int64:
        raise RuntimeError("torch.take_along_dim(): dtype of indices should be Long")
    size = array_of(input).size if dim is None else input.shape[dim] if input.ndim else 1
    array = np.where(array < 0, array + size, array)
    if dim is None:
        return gather(flatten(input), 0, wrap(array.reshape(-1)))
    if array.ndim != input.ndim:
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, but got "
            f"{input.ndim} dimensions for input, and {array.ndim} dimensions for indices"
        )
    d = one_dim(dim, input.ndim)
    shape = np.broadcast_shapes(
        tuple(1 if i == d else n for i, n in enumerate(input.shape)),
        tuple(1 if i == d else n for i, n in enumerate(array.shape)),
    )
    wide = expand(input, tuple(input.shape[d] if i == d else n for i, n in enumerate(shape)))
    places = np.broadcast_to(array, tuple(array.shape[d] if i == d else n for i, n in enumerate(shape)))
    return gather(wide, d, wrap(np.ascontiguousarray(places)))


# -- masks -----------------------------------------------------------------------------------------


def _mask(name: str, mask: Any) -> Any:
    array = array_of(mask)
    if array.dtype != np.bool_:
        raise RuntimeError(f"{name}: expected BoolTensor for mask, but got {dtypes.from_numpy(array.dtype)}")
    return array


def masked_fill(input: Any, mask: Any, value: Any) -> Any:
    """Return ``input`` with ``value`` where ``mask`` holds.

    Args:
        input: a tensor.
        mask: bool, broadcastable.
        value: a number or a 0-d tensor.

    Raises:
        RuntimeError: the mask is not bool, or the value is not 0-d.

    Source: ``torch.masked_fill``.

    Example:
        >>> torch.masked_fill(torch.ones(2), torch.tensor([True, False]), 5)
        tensor([5., 1.])
    """
    array = _mask("masked_fill", mask)
    kind = array_of(input).dtype
    if isinstance(value, TensorBase):
        if value.array.ndim:
            raise RuntimeError(
                f"masked_fill only supports a 0-dimensional value tensor, but got tensor with {value.array.ndim} "
                "dimension(s)."
            )
        if value.array.dtype != kind:
            if value.array.dtype.kind == "c":
                scalar_for(value.array.item(), kind)
            value = value.to(kind)  # type: ignore[attr-defined]
    else:
        value = scalar_for(value, kind)
        if kind.kind in "iu" and isinstance(value, float) and not float(value).is_integer():
            raise RuntimeError(f"value cannot be converted to type {dtypes.from_numpy(kind)} without overflow")
        value = np.asarray(value, kind)
    return _where(array, value, input)


def masked_select(input: Any, mask: Any, *, out: Any = None) -> Any:
    """Return the elements where ``mask`` holds, as one dimension.

    Source: ``torch.masked_select``.

    Example:
        >>> torch.masked_select(torch.tensor([1, 2]), torch.tensor([True, False]))
        tensor([1])
    """
    if out is not None:
        return into(out, masked_select, input, mask)
    array = _mask("masked_select", mask)
    shape = tuple(broadcast_shapes(tuple(input.shape), array.shape))
    wide = expand(input, shape) if tuple(input.shape) != shape else input
    return reshape(_index(wide, index=(np.broadcast_to(array, shape),)), (-1,))


@whole
def masked_scatter(input: Any, mask: Any, source: Any) -> Any:
    """Return ``input`` with consecutive elements of ``source`` where ``mask`` holds.

    Source: ``torch.masked_scatter``.

    Example:
        >>> torch.masked_scatter(torch.zeros(3), torch.tensor([True, False, True]), torch.tensor([5.0, 7.0]))
        tensor([5., 0., 7.])
    """
    array = _mask("masked_scatter", mask)
    if array_of(input).dtype != array_of(source).dtype:
        raise RuntimeError(
            f"masked_scatter_: expected self and source to have same dtypes but got {input.dtype} and {source.dtype}"
        )
    shape = tuple(broadcast_shapes(tuple(input.shape), array.shape))
    wide = expand(input, shape) if tuple(input.shape) != shape else input
    places = np.broadcast_to(array, shape)
    count = int(places.sum())
    if array_of(source).size < count:
        raise RuntimeError(
            f"masked_scatter: expected source to have at least {count} elements, one per True in the mask, got "
            f"{array_of(source).size}"
        )
    return _index_put(wide, flatten(source)[:count], index=(places,), accumulate=False)


@whole
def nonzero(input: Any, *, as_tuple: bool = False, out: Any = None) -> Any:
    """Return the indices of the elements that are not zero.

    Args:
        input: a tensor.
        as_tuple: one 1-D tensor per dimension instead of one row per element.
        out: a tensor to write the result into.

    Source: ``torch.nonzero``.

    Example:
        >>> torch.nonzero(torch.tensor([0, 5, 6]))
        tensor([[1],
                [2]])
    """
    if out is not None:
        if as_tuple:
            raise TypeError("nonzero(): argument 'out' does not go with as_tuple=True: a tuple is always made anew")
        return into(out, nonzero, input, as_tuple=as_tuple)
    array = array_of(input)
    if as_tuple:
        return tuple(wrap(i) for i in np.nonzero(np.atleast_1d(array)))
    if not array.ndim:
        return wrap(np.zeros((int(bool(array)), 0), np.int64))
    return wrap(np.argwhere(array).astype(np.int64, copy=False))


def argwhere(input: Any) -> Any:
    """Return the indices of the elements that are not zero, one row each; see ``nonzero``.

    Example:
        >>> torch.argwhere(torch.tensor([0, 5]))
        tensor([[1]])
    """
    return nonzero(input)


# -- writing into a copy ---------------------------------------------------------------------------


def _replaced(input: Any, view: Any, src: Any, index: Any, name: str) -> Any:
    if tuple(view.shape) != tuple(src.shape):
        raise RuntimeError(
            f"{name}: expected src to have a size equal to the slice of self. src size = {list(src.shape)}, "
            f"slice size = {list(view.shape)}"
        )
    return _index_put(input, src, index=index, accumulate=False)


def select_scatter(input: Any, src: Any, dim: int, index: int) -> Any:
    """Return a copy with the slice ``index`` along a dimension replaced.

    Example:
        >>> torch.select_scatter(torch.zeros(2, 2), torch.ones(2), 0, 0)
        tensor([[1., 1.],
                [0., 0.]])
    """
    d = one_dim(dim, input.ndim)
    where = (*_lead(d), int(index))
    return _replaced(input, array_of(input)[where], src, where, "select_scatter")


def slice_scatter(
    input: Any,
    src: Any,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
    *,
    out: Any = None,
) -> Any:
    """Return a copy with a slice along a dimension replaced.

    Example:
        >>> torch.slice_scatter(torch.zeros(3), torch.ones(2), 0, 1)
        tensor([0., 1., 1.])
    """
    if out is not None:
        return into(out, slice_scatter, input, src, dim, start, end, step)
    d = one_dim(dim, input.ndim)
    where = (*_lead(d), slice(start, end, step))
    return _replaced(input, array_of(input)[where], src, where, "slice_scatter")


def diagonal_scatter(input: Any, src: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """Return a copy with a diagonal replaced.

    Example:
        >>> torch.diagonal_scatter(torch.zeros(2, 2), torch.ones(2))
        tensor([[1., 0.],
                [0., 1.]])
    """
    from tinygrad_hw.ops.shape import _diagonal_view

    array = array_of(input)
    a, b = one_dim(dim1, array.ndim), one_dim(dim2, array.ndim)
    places = _diagonal_view(np.arange(array.size).reshape(array.shape), offset, a, b)
    where = np.unravel_index(places, array.shape)
    return _replaced(input, places, src, where, "diagonal_scatter")
