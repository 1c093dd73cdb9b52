"""Copies of a tensor with other values in what a view would show."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw.autograd.basics import as_strided_scatter as _scatter_strided
from tinygrad_hw.autograd.graph import array_of
from tinygrad_hw.autograd.out import into
from tinygrad_hw.ops.arguments import as_size, one_dim
from tinygrad_hw.ops.diagonals import _diagonal_view
from tinygrad_hw.ops.index import _index_put, _lead

__all__ = [
    "as_strided_scatter",
    "diagonal_scatter",
    "select_scatter",
    "slice_scatter",
]


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
    array = array_of(input)
    a, b = one_dim(dim1, array.ndim), one_dim(dim2, array.ndim)
    places = _diagonal_view(np.arange(array.size).reshape(array.shape), offset, a, b)
    where = np.unravel_index(places, array.shape)
    return _replaced(input, places, src, where, "diagonal_scatter")


def as_strided_scatter(input: Any, src: Any, size: Any, stride: Any, storage_offset: int | None = None) -> Any:
    """Return a copy with the elements at given strides of the memory replaced.

    Args:
        input: a tensor.
        src: what replaces them, of shape ``size``.
        size: sizes of the strided view.
        stride: its steps in elements.
        storage_offset: its first element; that of ``input`` by default.

    Raises:
        RuntimeError: the view would reach outside the memory, or ``src`` has another shape.

    Source: ``torch.as_strided_scatter``.

    Example:
        >>> torch.as_strided_scatter(torch.zeros(4), torch.ones(2), (2,), (2,))
        tensor([1., 0., 1., 0.])
    """
    sizes, steps = as_size((size,)), as_size((stride,), "stride")
    if tuple(src.shape) != sizes:
        raise RuntimeError(
            f"expected src to have a size equal to the slice of self. src size = {list(src.shape)}, slice size = "
            f"{list(sizes)}"
        )
    return _scatter_strided(
        input, src, size=sizes, stride=steps, storage_offset=storage_offset or 0, layout=input.stride()
    )
