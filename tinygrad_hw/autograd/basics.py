"""The few ops that the graph itself needs: cast, un-broadcast, expand, strided views and their adjoints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.graph import NAMESPACE, Node, TensorBase
from tinygrad_hw.autograd.op import op, record
from tinygrad_hw.kernels.sums import sum_of_rows

__all__ = [
    "as_strided",
    "as_strided_scatter",
    "cast",
    "conj",
    "copy_into",
    "copy_slices",
    "expand",
    "place_of",
    "stack",
    "sum_to",
    "sync",
]


def _cast(input: Any, *, dtype: Any) -> Any:
    array = np.asarray(input)
    if array.dtype.kind == "f" and np.dtype(dtype).kind == "f":
        # numpy would lay an expanded array out along its repeated dimensions.
        return array.astype(dtype, order="C" if 0 in array.strides else "K")
    return dtypes.convert(array, dtype)


cast = op(
    "cast",
    _cast,
    node_name="ToCopyBackward0",
    input=lambda g: g,
    doc="Copy to another floating point or complex dtype, without imaginary parts to a real one. The engine casts "
    "the gradient back.",
)

conj = op(
    "conj",
    np.conjugate,
    input=lambda g: conj(g),
    doc="The complex conjugate, computed.",
)


def _sum_to(input: Any, *, size: Sequence[int]) -> Any:
    array = np.asarray(input)
    lead = array.ndim - len(size)
    axes = tuple(range(lead)) + tuple(i + lead for i, n in enumerate(size) if n == 1 and array.shape[i + lead] != 1)
    if not axes:
        return array
    if lead == len(axes):
        return sum_of_rows(array) if lead == 1 else array.sum(axis=axes)
    return array.sum(axis=axes, keepdims=True).reshape(size)


def _expand(input: Any, *, size: Sequence[int]) -> Any:
    array = np.asarray(input)
    lead = len(size) - array.ndim
    strides = (0,) * lead + tuple(
        0 if n == 1 and m != 1 else s for n, m, s in zip(array.shape, size[lead:], array.strides, strict=True)
    )
    # Unlike np.broadcast_to both keep the array writeable; tensors guard writes to overlapping memory.
    if array.dtype.char in "fd" and array.flags.c_contiguous and array.size:
        return np.ndarray(tuple(size), array.dtype, array, 0, strides)  # a seventh of the time
    return np.lib.stride_tricks.as_strided(array, tuple(size), strides)


sum_to = op(
    "sum_to",
    _sum_to,
    node_name="SumBackward1",
    input=lambda g, input_shape: expand(g, size=input_shape),
    doc="Sum over the dimensions along which ``size`` was broadcast; the adjoint of ``expand``.",
)

expand = op(
    "expand",
    _expand,
    view=True,
    input=lambda g, input_shape: sum_to(g, size=input_shape),
    doc="Broadcast to ``size`` without copying.",
)


def _in_layout(array: Any, strides: Sequence[int] | None) -> Any:
    """Return ``array`` in memory ordered as an array of these element strides would be."""
    array = np.asarray(array)
    if strides is None:
        return np.ascontiguousarray(array).reshape(array.shape)
    order = sorted(range(array.ndim), key=lambda i: -strides[i])
    buffer = np.empty([array.shape[i] for i in order], array.dtype)
    inverse: Any = np.argsort(order) if order else []
    laid = buffer.transpose(inverse) if order else buffer
    laid[...] = array
    return laid


def _strided(array: Any, size: Sequence[int], stride: Sequence[int], offset: int) -> Any:
    start = array.reshape(-1) if array.flags.c_contiguous else _memory(array)
    itemsize = array.itemsize
    if any(n == 0 for n in size):
        return np.empty(size, array.dtype)
    last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    if offset < 0 or last >= start.size:
        raise RuntimeError(
            f"as_strided: size {list(size)}, stride {list(stride)} and storage offset {offset} reach element "
            f"{last}, which is out of bounds for storage of {start.size} elements"
        )
    return np.lib.stride_tricks.as_strided(start[offset:], tuple(size), tuple(s * itemsize for s in stride))


def _memory(array: Any) -> Any:
    """Return the memory of a dense array as one dimension."""
    order = sorted(range(array.ndim), key=lambda i: -array.strides[i])
    return array.transpose(order).reshape(-1)


def _as_strided(input: Any, *, size: Sequence[int], stride: Sequence[int], storage_offset: int, layout: Any) -> Any:
    return _strided(_in_layout(input, layout), size, stride, storage_offset)


def _as_strided_adjoint(
    input: Any,
    *,
    size: Sequence[int],
    stride: Sequence[int],
    storage_offset: int,
    layout: Any,
    shape: Any,
) -> Any:
    buffer = _in_layout(np.zeros(shape, input.dtype), layout)
    if not buffer.size:
        return buffer
    positions = _strided(np.arange(buffer.size), size, stride, storage_offset)
    memory = _memory(buffer)
    if not np.may_share_memory(memory, buffer):
        raise RuntimeError("as_strided: the gradient buffer is not dense")
    if np.unique(positions).size == positions.size:
        memory[positions.reshape(-1)] = input.reshape(-1)
    else:
        at, values = positions.reshape(-1), input.reshape(-1)
        if values.dtype.kind == "c":
            memory.real += np.bincount(at, weights=values.real, minlength=memory.size)
            memory.imag += np.bincount(at, weights=values.imag, minlength=memory.size)
        else:
            memory += np.bincount(at, weights=values, minlength=memory.size).astype(input.dtype)
    return buffer


as_strided_copy = op(
    "as_strided_copy",
    _as_strided,
    node_name="AsStridedBackward0",
    input=lambda g, input_shape, size, stride, storage_offset, layout: as_strided_adjoint(
        g, size=size, stride=stride, storage_offset=storage_offset, layout=layout, shape=input_shape
    ),
    doc="Read ``size`` elements at ``stride`` from the memory of ``input``, ordered by ``layout``.",
)

as_strided_adjoint = op(
    "as_strided_adjoint",
    _as_strided_adjoint,
    input=lambda g, size, stride, storage_offset, layout: as_strided_copy(
        g, size=size, stride=stride, storage_offset=storage_offset, layout=layout
    ),
    doc="The adjoint: add the elements of ``input`` at their places in zeros of ``shape``.",
)


def _as_strided_scatter(
    input: Any,
    src: Any,
    *,
    size: Sequence[int],
    stride: Sequence[int],
    storage_offset: int,
    layout: Any,
) -> Any:
    laid = _in_layout(np.array(input), layout)
    if laid is input:
        laid = laid.copy()
    _strided(laid, size, stride, storage_offset)[...] = src
    return laid


as_strided_scatter = op(
    "as_strided_scatter",
    _as_strided_scatter,
    node_name="CopySlices",
    input=lambda g, src_shape, size, stride, storage_offset, layout: as_strided_scatter(
        g,
        zeros_of(g, src_shape),
        size=size,
        stride=stride,
        storage_offset=storage_offset,
        layout=layout,
    ),
    src=lambda g, src_shape, size, stride, storage_offset, layout: as_strided_copy(
        g, size=size, stride=stride, storage_offset=storage_offset, layout=layout
    ),
    doc="A copy of ``input`` with the strided region replaced by ``src``.",
)


def zeros_of(g: Any, shape: Sequence[int]) -> Any:
    """Return a constant array of zeros with the dtype of ``g``."""
    array = g.array if isinstance(g, TensorBase) else g
    return np.zeros(shape, array.dtype)


as_strided = as_strided_copy


def place_of(view: TensorBase, base: TensorBase) -> dict[str, Any]:
    """Return where a view lies in the memory of its base, in elements."""
    v, b = view.array, base.array
    itemsize = b.itemsize
    if v.dtype != b.dtype:
        raise RuntimeError("a view of another dtype was changed in place where autograd records; clone() it first")
    offset = v.__array_interface__["data"][0] - b.__array_interface__["data"][0]
    return {
        "size": v.shape,
        "stride": tuple(s // itemsize for s in v.strides),
        "storage_offset": offset // itemsize if v.size else 0,
        "layout": None if b.flags.c_contiguous else tuple(s // itemsize for s in b.strides),
    }


def sync(view: TensorBase) -> None:
    """Make a view's node right again after its storage was written to through another tensor."""
    if view._seen == view._version_cell[0]:
        return
    base = view._base
    view._seen = view._version_cell[0]
    parent = base._node if base._node is not None else (base if base._requires_grad else None)
    if parent is None:
        return
    if view._node is None and view._requires_grad:
        return  # the user made the view a leaf of its own
    place = place_of(view, base)
    view._node = record(
        as_strided_copy.op,  # type: ignore[attr-defined]
        (parent,),
        (base.array.shape,),
        tuple(place.values()),
        view.array.shape,
        view.array.dtype,
    )


def copy_slices(base: TensorBase, view: TensorBase, source: Node | TensorBase | None) -> None:
    """Record in ``base`` that the region under ``view`` was overwritten by what ``source`` computed."""
    parent = base._node if base._node is not None else (base if base._requires_grad else None)
    place = place_of(view, base)
    base._node = record(
        as_strided_scatter.op,  # type: ignore[attr-defined]
        (parent, source),
        (view.array.shape,),
        tuple(place.values()),
        base.array.shape,
        base.array.dtype,
    )


def _stack(*tensors: Any, dim: int) -> Any:
    at = (slice(None),) * dim + (None,)
    return np.concatenate([t[at] for t in tensors], dim)


def _stack_rule(g: Any, dim: int, needs: tuple[bool, ...]) -> list[Any]:
    lead = (slice(None),) * dim
    return [g[(*lead, i)] if need else None for i, need in enumerate(needs)]


stack = op(
    "stack",
    _stack,
    promote="same",
    differentiable=("tensors",),
    joint=_stack_rule,
    doc="Join arrays of one shape along a new dimension ``dim`` (not negative).",
)

copy_into = op(
    "copy_into",
    lambda input, src: np.array(src),
    node_name="CopyBackwards",
    input=lambda g: g * 0.0,
    src=lambda g: g,
    doc="The contents of ``src`` in place of those of ``input``, which gets no gradient.",
)

constant_into = op(
    "constant_into",
    lambda input: input,
    node_name="CopyBackwards",
    input=lambda g, input_shape: zeros_of(g, input_shape),
    doc="Values without a gradient in place of those of ``input``.",
)

NAMESPACE["cast"] = cast
NAMESPACE["sync"] = sync
