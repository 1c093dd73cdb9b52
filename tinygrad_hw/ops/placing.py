"""Elements put at, or found at, numbered places: ``put``, ``index_reduce``, ``nonzero_static``, ``unravel_index``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_hw.autograd.complex import check_real
from tinygrad_hw.autograd.graph import array_of, wrap
from tinygrad_hw.autograd.out import into
from tinygrad_hw.ops.arguments import one_dim
from tinygrad_hw.ops.broadcasting import expand
from tinygrad_hw.ops.index import index_put
from tinygrad_hw.ops.joining import cat
from tinygrad_hw.ops.masks import nonzero
from tinygrad_hw.ops.scatter import scatter_reduce
from tinygrad_hw.ops.shape import reshape

__all__ = ["index_reduce", "nonzero_static", "put", "unravel_index"]


def put(input: Any, index: Any, source: Any, accumulate: bool = False) -> Any:
    """Return a copy with elements of ``source`` at places of the flattened tensor.

    Args:
        input: a tensor.
        index: int64 places in the flattened tensor.
        source: as many elements, of the same dtype.
        accumulate: add to what is there instead of replacing it.

    Raises:
        RuntimeError: another dtype.
        IndexError: a place is out of range, or another number of elements.

    Source: ``torch.put``.

    Example:
        >>> torch.put(torch.zeros(2, 2), torch.tensor([1, 3]), torch.tensor([5.0, 7.0]))
        tensor([[0., 5.],
                [0., 7.]])
    """
    places = array_of(index)
    if places.dtype != np.int64:
        raise RuntimeError(f"put_(): Expected a long tensor for index, but got {places.dtype}")
    if array_of(source).dtype != array_of(input).dtype:
        raise RuntimeError(
            f"put_(): self and source expected to have the same dtype, but got self.dtype = {array_of(input).dtype} "
            f"and source.dtype = {array_of(source).dtype}"
        )
    if array_of(source).size != places.size:
        raise IndexError(
            f"put_(): Expected source and index to have the same number of elements, but got source.numel() = "
            f"{array_of(source).size}, index.numel() = {places.size}"
        )
    size = array_of(input).size
    if places.size and (places.min() < -size or places.max() >= size):
        if not size:
            raise IndexError("put_(): Expected self to have elements")
        raise IndexError(f"out of range: tried to access index {int(places.max())} on a tensor of {size} elements.")
    flat = reshape(input, (-1,))
    done = index_put(flat, (wrap(places.reshape(-1)),), reshape(source, (-1,)), accumulate)
    return reshape(done, tuple(input.shape))


_REDUCE = {"prod": "prod", "mean": "mean", "amax": "amax", "amin": "amin"}


def index_reduce(
    input: Any, dim: int, index: Any, source: Any, reduce: str, *, include_self: bool = True, out: Any = None
) -> Any:
    """Return a copy with slices of ``source`` reduced into the slices that ``index`` names.

    Args:
        input: a tensor.
        dim: the dimension.
        index: 1-D integers, one per slice of ``source``.
        source: a tensor of the same dtype.
        reduce: ``"prod"``, ``"mean"``, ``"amax"`` or ``"amin"``.
        include_self: whether the elements of ``input`` take part.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: an unknown reduction, or arguments that do not fit.

    Source: ``torch.index_reduce``.

    Example:
        >>> torch.index_reduce(torch.ones(2), 0, torch.tensor([0, 0]), torch.tensor([2.0, 3.0]), "prod")
        tensor([6., 1.])
    """
    if out is not None:
        return into(out, index_reduce, input, dim, index, source, reduce, include_self=include_self)
    check_real("index_reduce", input)
    if reduce not in _REDUCE:
        raise RuntimeError(f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}.")
    places = array_of(index)
    if places.dtype not in (np.int64, np.int32):
        raise RuntimeError("index_reduce(): Expected dtype int32/int64 for index")
    if places.ndim > 1:
        raise RuntimeError("index_reduce(): Index is supposed to be a vector")
    d = one_dim(dim, input.ndim)
    if (source.shape[d] if source.ndim else 1) != places.size:
        raise RuntimeError(
            f"index_reduce(): Number of indices ({places.size}) should be equal to source.size(dim): "
            f"({source.shape[d] if source.ndim else 1}), for dim: {d}"
        )
    if not source.ndim or not input.ndim:
        return scatter_reduce(
            input, d, wrap(places.astype(np.int64).reshape(source.shape)), source, reduce, include_self=include_self
        )
    lined = wrap(places.astype(np.int64).reshape([-1 if i == d else 1 for i in range(source.ndim)]))
    return scatter_reduce(input, d, expand(lined, tuple(source.shape)), source, reduce, include_self=include_self)


def nonzero_static(input: Any, *, size: int, fill_value: int = -1) -> Any:
    """Return the indices of the first ``size`` elements that are not zero, one row each.

    Args:
        input: a tensor.
        size: how many rows the result has.
        fill_value: what fills the rows that are left.

    Source: ``torch.nonzero_static``.

    Example:
        >>> torch.nonzero_static(torch.tensor([0, 5, 7]), size=3)
        tensor([[ 1],
                [ 2],
                [-1]])
    """
    if size < 0:
        raise RuntimeError(f"nonzero_static: 'size' must be an non-negative integer, got {size}")
    found = nonzero(input)[:size]
    rest = size - found.shape[0]
    if not rest:
        return found
    return cat([found, wrap(np.full((rest, found.shape[1]), fill_value, np.int64))], 0)


def unravel_index(indices: Any, shape: int | Sequence[int]) -> tuple[Any, ...]:
    """Return the coordinates of places in the flattened form of a shape.

    Args:
        indices: integers.
        shape: the shape.

    Returns:
        A tensor of coordinates for each dimension.

    Raises:
        TypeError: the indices are not integers.
        ValueError: a size is negative.

    Source: ``torch.unravel_index``.

    Example:
        >>> torch.unravel_index(torch.tensor([4]), (3, 2))
        (tensor([2]), tensor([0]))
    """
    places = array_of(indices)
    if places.dtype.kind not in "iu":
        raise TypeError(f"expected 'indices' to be integer dtype, but got {indices.dtype}")
    if not isinstance(shape, (int, Sequence)):
        raise TypeError(f"expected 'shape' to be int or sequence of ints, but got {type(shape).__name__}")
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    for n in sizes:
        if not isinstance(n, int):
            raise TypeError(f"expected 'shape' sequence to only contain ints, but got {type(n).__name__}")
        if n < 0:
            raise ValueError(f"'shape' cannot have negative values, but got {sizes}")
    found = []
    for k, n in enumerate(sizes):
        step = math.prod(sizes[k + 1 :])
        found.append(wrap((places // step % n).astype(places.dtype) if step and n else np.zeros_like(places)))
    return tuple(found)
