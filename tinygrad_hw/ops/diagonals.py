"""Diagonals and triangles of matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.graph import array_of, wrap
from tinygrad_hw.autograd.op import op
from tinygrad_hw.autograd.out import into
from tinygrad_hw.ops.arguments import one_dim
from tinygrad_hw.ops.conversion import clone
from tinygrad_hw.ops.joining import cat
from tinygrad_hw.ops.shape import atleast_2d, reshape

__all__ = [
    "block_diag",
    "diag",
    "diag_embed",
    "diagflat",
    "diagonal",
    "tril",
    "tril_indices",
    "triu",
    "triu_indices",
]


# -- diagonals ------------------------------------------------------------------------------------


def _diagonal_view(array: Any, offset: int, dim1: int, dim2: int) -> Any:
    """Return a writeable view of diagonals, which numpy's is not."""
    rows, columns = array.shape[dim1], array.shape[dim2]
    length = max(0, min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns))
    rest = [i for i in range(array.ndim) if i not in (dim1, dim2)]
    start = [slice(None)] * array.ndim
    start[dim1] = slice(max(-offset, 0), None)
    start[dim2] = slice(max(offset, 0), None)
    return np.lib.stride_tricks.as_strided(
        array[tuple(start)],
        (*(array.shape[i] for i in rest), length),
        (*(array.strides[i] for i in rest), array.strides[dim1] + array.strides[dim2]),
    )


def _diagonal_adjoint_forward(input: Any, *, offset: int, dim1: int, dim2: int, size: Sequence[int]) -> Any:
    out = np.zeros(size, input.dtype)
    _diagonal_view(out, offset, dim1, dim2)[...] = input
    return out


_diagonal = op(
    "diagonal",
    lambda input, *, offset, dim1, dim2: _diagonal_view(input, offset, dim1, dim2),
    view=True,
    input=lambda g, input_shape, offset, dim1, dim2: _diagonal_adjoint(
        g, offset=offset, dim1=dim1, dim2=dim2, size=tuple(input_shape)
    ),
)


_diagonal_adjoint = op(
    "diagonal_adjoint",
    _diagonal_adjoint_forward,
    node_name="DiagEmbedBackward0",
    input=lambda g, offset, dim1, dim2: _diagonal(g, offset=offset, dim1=dim1, dim2=dim2),
)


def diagonal(input: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """Return a view of the diagonals of matrices, as the last dimension.

    Args:
        input: a tensor of 2 dimensions or more.
        offset: above (positive) or below the main diagonal.
        dim1: the row dimension.
        dim2: the column dimension.

    Source: ``torch.diagonal``.

    Example:
        >>> torch.diagonal(torch.tensor([[1, 2], [3, 4]]))
        tensor([1, 4])
    """
    a, b = one_dim(dim1, input.ndim), one_dim(dim2, input.ndim)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return _diagonal(input, offset=int(offset), dim1=a, dim2=b)


def diag_embed(input: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """Return matrices with the last dimension of ``input`` on their diagonals.

    Args:
        input: a tensor.
        offset: above (positive) or below the main diagonal.
        dim1: where the row dimension goes.
        dim2: where the column dimension goes.

    Source: ``torch.diag_embed``.

    Example:
        >>> torch.diag_embed(torch.tensor([1, 2]))
        tensor([[1, 0],
                [0, 2]])
    """
    n = input.ndim + 1
    a, b = one_dim(dim1, n), one_dim(dim2, n)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    side = input.shape[-1] + abs(offset)
    rest = iter(input.shape[:-1])
    size = tuple(side if i in (a, b) else next(rest) for i in range(n))
    return _diagonal_adjoint(input, offset=offset, dim1=a, dim2=b, size=size)


def diag(input: Any, diagonal: int = 0, *, out: Any = None) -> Any:
    """Return the diagonal of a matrix, or the matrix with a vector on its diagonal.

    Source: ``torch.diag``.

    Example:
        >>> torch.diag(torch.tensor([1, 2]))
        tensor([[1, 0],
                [0, 2]])
    """
    if out is not None:
        return into(out, diag, input, diagonal)
    if input.ndim == 1:
        return diag_embed(input, diagonal)
    if input.ndim == 2:
        return clone(_diagonal(input, offset=diagonal, dim1=0, dim2=1))
    raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D")


def diagflat(input: Any, offset: int = 0) -> Any:
    """Return a matrix with the flattened elements on its diagonal.

    Example:
        >>> torch.diagflat(torch.tensor([[1], [2]]))
        tensor([[1, 0],
                [0, 2]])
    """
    return diag_embed(reshape(input, (-1,)), offset)


def block_diag(*tensors: Any) -> Any:
    """Return a matrix with the given matrices on its diagonal, zeros elsewhere.

    Example:
        >>> torch.block_diag(torch.tensor([[1]]), torch.tensor([[2, 3]]))
        tensor([[1, 0, 0],
                [0, 2, 3]])
    """
    blocks = [atleast_2d(t) for t in tensors]
    width = sum(b.shape[1] for b in blocks)
    rows, at = [], 0
    for b in blocks:
        if b.ndim > 2:
            raise RuntimeError("block_diag: Input tensors must have 2 or fewer dimensions")
        kind = array_of(b).dtype
        left = np.zeros((b.shape[0], at), kind)
        at += b.shape[1]
        right = np.zeros((b.shape[0], width - at), kind)
        rows.append(cat((wrap(left), b, wrap(right)), 1))
    return cat(rows, 0)


# -- triangles ------------------------------------------------------------------------------------


def _below(input: Any, diagonal: int) -> Any:
    """Return where a matrix is on or below a diagonal: ``np.tri`` in half the time."""
    n, m = input.shape[-2:]
    return np.arange(n).reshape(n, 1) >= np.arange(-diagonal, m - diagonal)


_tril = op(
    "tril",
    lambda input, *, diagonal: np.where(_below(input, diagonal), input, np.zeros(1, input.dtype)),
    input=lambda g, diagonal: _tril(g, diagonal=diagonal),
)


_triu = op(
    "triu",
    lambda input, *, diagonal: np.where(_below(input, diagonal - 1), np.zeros(1, input.dtype), input),
    input=lambda g, diagonal: _triu(g, diagonal=diagonal),
)


def tril(input: Any, diagonal: int = 0, *, out: Any = None) -> Any:
    """Return the lower triangles of matrices, zeros above.

    Args:
        input: (..., n, m).
        diagonal: the last diagonal kept.
        out: a tensor to write the result into.

    Source: ``torch.tril``.

    Example:
        >>> torch.tril(torch.ones(2, 2))
        tensor([[1., 0.],
                [1., 1.]])
    """
    if out is not None:
        return into(out, tril, input, diagonal)
    if input.ndim < 2:
        raise RuntimeError("tril: input tensor must have at least 2 dimensions")
    return _tril(input, diagonal=diagonal)


def triu(input: Any, diagonal: int = 0, *, out: Any = None) -> Any:
    """Return the upper triangles of matrices, zeros below.

    Args:
        input: (..., n, m).
        diagonal: the first diagonal kept.
        out: a tensor to write the result into.

    Source: ``torch.triu``.

    Example:
        >>> torch.triu(torch.ones(2, 2))
        tensor([[1., 1.],
                [0., 1.]])
    """
    if out is not None:
        return into(out, triu, input, diagonal)
    if input.ndim < 2:
        raise RuntimeError("triu: input tensor must have at least 2 dimensions")
    return _triu(input, diagonal=diagonal)


def _indices(of: Any, row: int, col: int, offset: int, dtype: Any) -> Any:
    for name, n in (("row", row), ("col", col)):
        if n < 0:
            raise RuntimeError(f"{name} must be non-negative, got {n}")
    kind = np.dtype(np.int64) if dtype is None else dtypes.as_dtype(dtype).numpy
    return wrap(np.stack(of(row, offset, col)).astype(kind))


def tril_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None) -> Any:
    """Return the row and column indices of a lower triangle, (2, n).

    Example:
        >>> torch.tril_indices(2, 2)
        tensor([[0, 1, 1],
                [0, 0, 1]])
    """
    return _indices(np.tril_indices, row, col, offset, dtype)


def triu_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None) -> Any:
    """Return the row and column indices of an upper triangle, (2, n).

    Example:
        >>> torch.triu_indices(2, 2)
        tensor([[0, 0, 1],
                [0, 1, 1]])
    """
    return _indices(np.triu_indices, row, col, offset, dtype)
