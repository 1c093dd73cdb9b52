"""Slices along one dimension, chosen by number: selected, repeated, added up, copied, filled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.graph import TensorBase, array_of, wrap
from tinygrad_hw.autograd.observe import whole
from tinygrad_hw.autograd.op import op
from tinygrad_hw.autograd.out import into
from tinygrad_hw.ops.arguments import one_dim
from tinygrad_hw.ops.conversion import clone
from tinygrad_hw.ops.index import _add_rows, _index_put, _lead
from tinygrad_hw.ops.numbers import fill
from tinygrad_hw.ops.shape import flatten, reshape

__all__ = [
    "index_add",
    "index_copy",
    "index_fill",
    "index_select",
    "repeat_interleave",
]


def _long(name: str, index: Any) -> Any:
    array = array_of(index)
    if array.dtype.kind not in "iu" or array.dtype == np.uint8:
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index but got {dtypes.from_numpy(array.dtype)}")
    return array


def _check_range(name: str, array: Any, n: int, negative: bool = False) -> None:
    if array.size and (array.min() < (-n if negative else 0) or array.max() >= n):
        bad = int(array.max()) if array.max() >= n else int(array.min())
        raise IndexError(f"{name}(): index {bad} is out of bounds for dimension with size {n}")


_index_select = op(
    "index_select",
    lambda input, index, *, dim: np.take(input, index, axis=dim) if input.ndim else input.copy(),
    input=lambda g, index, input_shape, dim: _index_add_zeros(g, index, dim=dim, shape=tuple(input_shape)),
)


def _index_add_zeros_forward(input: Any, index: Any, *, dim: int, shape: Sequence[int]) -> Any:
    if not shape:
        return input.sum().reshape(())
    return _add_rows(np.zeros(shape, input.dtype), dim, index, input)


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
    if not input.ndim and array.size != 1:
        raise RuntimeError(f"index_select(): Index to scalar can have only 1 value, got {array.size} value(s)")
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


def repeat_interleave(
    input: Any, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Any:
    """Return the tensor with each element repeated.

    Args:
        input: a tensor (alone: the repeats of 0, 1, 2, ...).
        repeats: how often, a number or a 1-D tensor with one for each element along ``dim``.
        dim: the dimension; None for the flattened tensor.
        output_size: ignored; the size is known.

    Source: ``torch.repeat_interleave``.

    Example:
        >>> torch.repeat_interleave(torch.tensor([1, 2]), 2)
        tensor([1, 1, 2, 2])
    """
    if repeats is None:
        counts = array_of(input)
        return wrap(np.repeat(np.arange(counts.size), counts))
    if dim is None:
        input, dim = flatten(input), 0
    d = one_dim(dim, input.ndim)
    counts = array_of(repeats)
    if counts.dtype.kind not in "iu":
        raise RuntimeError("repeats has to be Long or Int tensor")
    if (counts < 0).any():
        raise RuntimeError("repeats can not be negative")
    n = input.shape[d]
    if counts.ndim == 1 and counts.size not in (1, n):
        raise RuntimeError(
            f"repeats must have the same size as input along dim, but got repeats.size(0) = {counts.size} and "
            f"input.size({d}) = {n}"
        )
    return index_select(input, d, wrap(np.repeat(np.arange(n), counts)))
