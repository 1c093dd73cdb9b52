"""Look-up tables and one-hot rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.graph import TensorBase, wrap
from tinygrad_hw.autograd.op import op
from tinygrad_hw.kernels import scatter as kernels

__all__ = ["embedding", "one_hot"]


def _table_grad_forward(input: Any, index: Any, *, rows: int, skip: int, scale_by_freq: bool) -> Any:
    return kernels.embedding_grad(input, index, rows, skip if skip >= 0 else None, scale_by_freq)


_embedding = op(
    "embedding",
    lambda weight, index, *, skip, scale_by_freq: np.take(weight, index, axis=0),
    weight=lambda g, index, weight_shape, skip, scale_by_freq: _table_grad(
        g, index, rows=weight_shape[0], skip=skip, scale_by_freq=scale_by_freq
    ),
)


def _row_rule(g: Any, index: Any, skip: int, scale_by_freq: bool) -> Any:
    if scale_by_freq:
        raise RuntimeError("double backward is not supported for embedding with scale_grad_by_freq=True")
    picked = _embedding(g, index, skip=-1, scale_by_freq=False)
    if skip < 0:
        return picked
    array = picked.array if isinstance(picked, TensorBase) else picked
    return picked * (index != skip)[..., None].astype(array.dtype)


_table_grad = op(
    "embedding_grad",
    _table_grad_forward,
    node_name="EmbeddingDenseBackwardBackward0",
    input=_row_rule,
)


def embedding(
    input: Any,
    weight: Any,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Any:
    """Return rows of a table.

    Args:
        input: integers of any shape.
        weight: (num_embeddings, embedding_dim).
        padding_idx: a row that gets no gradient.
        max_norm: rows that are looked up are scaled down to this norm, in place.
        norm_type: p of that norm.
        scale_grad_by_freq: divide a row's gradient by how often it was looked up.
        sparse: must be False.

    Returns:
        A tensor of shape ``input.shape + (embedding_dim,)``.

    Raises:
        IndexError: an index is out of range.
        RuntimeError: the input is not of integers.

    Source: ``torch.nn.functional.embedding``.

    Example:
        >>> torch.nn.functional.embedding(torch.tensor([1, 0]), torch.eye(2))
        tensor([[0., 1.],
                [1., 0.]])
    """
    if sparse:
        raise ValueError("embedding: sparse gradients are not supported; leave out sparse=True")
    index = input.array if isinstance(input, TensorBase) else np.asarray(input)
    if index.dtype not in (np.int64, np.int32):
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but "
            f"got {dtypes.from_numpy(index.dtype)} instead (while checking arguments for embedding). Convert it with "
            ".long()"
        )
    if weight.ndim != 2:
        raise RuntimeError(f"'weight' must be 2-D, got shape {list(weight.shape)}")
    rows = weight.shape[0]
    if padding_idx is not None:
        if not -rows <= padding_idx < rows:
            raise AssertionError("Padding_idx must be within num_embeddings")
        padding_idx %= rows
    if index.size and (index.min() < 0 or index.max() >= rows):
        bad = int(index.max()) if index.max() >= rows else int(index.min())
        raise IndexError(f"index out of range in self: embedding has {rows} rows, but the input holds {bad}")
    if max_norm is not None:
        table = weight.array
        used = np.unique(index)
        norms = np.linalg.norm(table[used], norm_type, axis=1)
        large = norms > max_norm
        if large.any():
            table[used[large]] *= (max_norm / (norms[large] + 1e-7)).astype(table.dtype)[:, None]
            weight._version[0] += 1
    return _embedding(
        weight,
        index,
        skip=-1 if padding_idx is None else padding_idx,
        scale_by_freq=scale_grad_by_freq,
    )


def one_hot(tensor: Any, num_classes: int = -1) -> Any:
    """Return int64 rows with a one at each index.

    Args:
        tensor: int64 class indices of any shape.
        num_classes: size of the rows; one more than the largest index by default.

    Raises:
        RuntimeError: an index is negative or too large, or the dtype is not int64.

    Source: ``torch.nn.functional.one_hot``.

    Example:
        >>> torch.nn.functional.one_hot(torch.tensor([0, 2]), 3)
        tensor([[1, 0, 0],
                [0, 0, 1]])
    """
    array = tensor.array
    if array.dtype != np.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor; convert it with .long()")
    if array.size == 0:
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
    elif array.min() < 0:
        raise RuntimeError("Class values must be non-negative.")
    if num_classes == -1:
        num_classes = int(array.max()) + 1
    elif num_classes < 1:
        raise RuntimeError("num_classes should be positive")
    elif array.size and array.max() >= num_classes:
        raise RuntimeError("Class values must be smaller than num_classes.")
    out = np.zeros((*array.shape, num_classes), np.int64)
    np.put_along_axis(out, array[..., None], 1, -1)
    return wrap(out)
