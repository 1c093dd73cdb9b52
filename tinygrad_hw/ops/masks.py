"""Elements chosen by a mask or by being nonzero."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.graph import TensorBase, array_of, wrap
from tinygrad_hw.autograd.observe import whole
from tinygrad_hw.autograd.out import into
from tinygrad_hw.ops.broadcasting import broadcast_shapes, expand
from tinygrad_hw.ops.creation import scalar_for
from tinygrad_hw.ops.index import _index, _index_put
from tinygrad_hw.ops.selection import _where
from tinygrad_hw.ops.shape import flatten, reshape

__all__ = [
    "argwhere",
    "masked_fill",
    "masked_scatter",
    "masked_select",
    "nonzero",
]


def _mask(name: str, mask: Any) -> Any:
    array = array_of(mask)
    if array.dtype != np.bool_:
        raise RuntimeError(f"{name}: expected BoolTensor for mask, but got {dtypes.from_numpy(array.dtype)}")
    return array


def _number(value: Any, kind: Any) -> Any:
    return np.asarray(scalar_for(value, kind), kind)


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
        value = _number(value, kind)
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
