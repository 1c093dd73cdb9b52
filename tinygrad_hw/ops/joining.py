"""Several tensors joined into one: ``cat``, ``stack`` and their like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_hw.autograd.basics import stack as _stack
from tinygrad_hw.autograd.graph import TensorBase
from tinygrad_hw.autograd.op import op
from tinygrad_hw.autograd.out import into
from tinygrad_hw.ops.arguments import one_dim
from tinygrad_hw.ops.shape import atleast_1d, atleast_2d, atleast_3d, reshape

__all__ = [
    "cat",
    "column_stack",
    "concat",
    "concatenate",
    "dstack",
    "hstack",
    "row_stack",
    "stack",
    "vstack",
]


def _cat_rule(g: Any, tensors_shape: Any, dim: int, needs: Any) -> list[Any]:
    pieces, at = [], 0
    lead = (slice(None),) * dim
    for shape, need in zip(tensors_shape, needs, strict=True):
        n = shape[dim]
        pieces.append(g[(*lead, slice(at, at + n))] if need else None)
        at += n
    return pieces


_cat = op(
    "cat",
    lambda *tensors, dim: np.concatenate(tensors, dim),
    promote="same",
    differentiable=("tensors",),
    joint=_cat_rule,
)


def _check_list(name: str, tensors: Any) -> Sequence[Any]:
    if not isinstance(tensors, (tuple, list)):
        if isinstance(tensors, TensorBase):
            raise TypeError(f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not Tensor")
        tensors = list(tensors)
    for t in tensors:
        if not isinstance(t, TensorBase) and not isinstance(t, np.ndarray):
            raise TypeError(f"{name}(): expected Tensor as element in argument 0, but got {type(t).__name__}")
    return tensors


def cat(tensors: Any, dim: int = 0, *, out: Any = None) -> Any:
    """Return the tensors joined along a dimension.

    Args:
        tensors: a sequence; all sizes but that of ``dim`` must agree (empty 1-D ones are skipped).
        dim: the dimension.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: the sizes do not agree, or a tensor is 0-d.

    Source: ``torch.cat``.

    Example:
        >>> torch.cat((torch.ones(1, 2), torch.zeros(1, 2)))
        tensor([[1., 1.],
                [0., 0.]])
    """
    if out is not None:
        return into(out, cat, tensors, dim)
    pieces = _check_list("cat", tensors)
    if not pieces:
        raise ValueError("expected a non-empty list of Tensors")
    shapes = [t.array.shape if isinstance(t, TensorBase) else t.shape for t in pieces]
    first = shapes[0]
    if first and first != (0,) and shapes.count(first) == len(shapes):
        return _cat(*pieces, dim=one_dim(dim, len(first)))
    for i, shape in enumerate(shapes):
        if not shape:
            raise RuntimeError(f"zero-dimensional tensor (at position {i}) cannot be concatenated")
    full = [t for t in pieces if tuple(t.shape) != (0,)]
    if not full:
        return _cat(*pieces, dim=one_dim(dim, 1))
    if len(full) != len(pieces):
        # An empty vector fits any shape; it still takes part in promotion and in the history.
        at = one_dim(dim, full[0].ndim)
        empty = tuple(0 if i == at else n for i, n in enumerate(full[0].shape))
        full = [reshape(t, empty) if tuple(t.shape) == (0,) else t for t in pieces]
    d = one_dim(dim, full[0].ndim)
    first = tuple(full[0].shape)
    for i, t in enumerate(full):
        shape = tuple(t.shape)
        if len(shape) != len(first):
            raise RuntimeError(
                f"Tensors must have same number of dimensions: got {len(first)} and {len(shape)} (tensor {i})"
            )
        for k, (n, m) in enumerate(zip(first, shape, strict=True)):
            if k != d and n != m:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {d}. Expected size {n} but got size {m} "
                    f"for tensor number {i} in the list."
                )
    return _cat(*full, dim=d)


def stack(tensors: Any, dim: int = 0, *, out: Any = None) -> Any:
    """Return tensors of one shape joined along a new dimension.

    Args:
        tensors: a sequence.
        dim: where the new dimension goes.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: the shapes differ, or there are none.

    Source: ``torch.stack``.

    Example:
        >>> torch.stack((torch.ones(2), torch.zeros(2)), dim=1)
        tensor([[1., 0.],
                [1., 0.]])
    """
    if out is not None:
        return into(out, stack, tensors, dim)
    pieces = _check_list("stack", tensors)
    if not pieces:
        raise RuntimeError("stack expects a non-empty TensorList")
    first = tuple(pieces[0].shape)
    for i, t in enumerate(pieces):
        if tuple(t.shape) != first:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(first)} at entry 0 and "
                f"{list(t.shape)} at entry {i}"
            )
    return _stack(*pieces, dim=one_dim(dim, len(first) + 1))


def _some(name: str, tensors: Any) -> Any:
    if isinstance(tensors, (list, tuple)) and not tensors:
        raise RuntimeError(f"{name} expects a non-empty TensorList")
    return tensors


def hstack(tensors: Any, *, out: Any = None) -> Any:
    """Return the tensors joined column-wise: along dimension 1, or 0 for 1-D ones.

    Example:
        >>> torch.hstack((torch.tensor([1]), torch.tensor([2])))
        tensor([1, 2])
    """
    if out is not None:
        return into(out, hstack, tensors)
    pieces = [atleast_1d(t) for t in _some("hstack", tensors)]
    return cat(pieces, 0 if pieces[0].ndim == 1 else 1)


def vstack(tensors: Any, *, out: Any = None) -> Any:
    """Return the tensors joined row-wise.

    Example:
        >>> torch.vstack((torch.tensor([1]), torch.tensor([2]))).shape
        torch.Size([2, 1])
    """
    if out is not None:
        return into(out, vstack, tensors)
    return cat([atleast_2d(t) for t in _some("vstack", tensors)], 0)


def dstack(tensors: Any, *, out: Any = None) -> Any:
    """Return the tensors joined along the third dimension.

    Example:
        >>> torch.dstack((torch.tensor([1]), torch.tensor([2]))).shape
        torch.Size([1, 1, 2])
    """
    if out is not None:
        return into(out, dstack, tensors)
    return cat([atleast_3d(t) for t in _some("dstack", tensors)], 2)


def column_stack(tensors: Any, *, out: Any = None) -> Any:
    """Return 1-D tensors as columns, joined with 2-D ones.

    Example:
        >>> torch.column_stack((torch.tensor([1, 2]), torch.tensor([3, 4])))
        tensor([[1, 3],
                [2, 4]])
    """
    if out is not None:
        return into(out, column_stack, tensors)
    return hstack([reshape(t, (-1, 1)) if t.ndim < 2 else t for t in _some("column_stack", tensors)])


concat = concatenate = cat


row_stack = vstack
