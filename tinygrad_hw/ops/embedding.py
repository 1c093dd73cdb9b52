"""Look-up tables and one-hot rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.graph import TensorBase, array_of, count_write, wrap
from tinygrad_hw.autograd.observe import whole
from tinygrad_hw.autograd.op import op
from tinygrad_hw.kernels import scatter as kernels
from tinygrad_hw.ops.index_select import index_add, index_select
from tinygrad_hw.ops.reduce import sum as sum_
from tinygrad_hw.ops.scatter import gather
from tinygrad_hw.ops.shape import reshape

__all__ = ["embedding", "embedding_bag", "one_hot"]


_UNSIGNED = {4: np.uint32, 8: np.uint64}


def _table_grad_forward(input: Any, index: Any, *, rows: int, skip: int, scale_by_freq: bool) -> Any:
    return kernels.embedding_grad(input, index, rows, skip if skip >= 0 else None, scale_by_freq)


_embedding = op(
    "embedding",
    lambda weight, index, *, skip, scale_by_freq: weight.take(index, 0),
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


def _check_rows(index: Any, rows: int) -> None:
    # Negative ones are large, as numbers without a sign.
    if index.size and np.maximum.reduce(index.view(_UNSIGNED[index.itemsize]), None) >= rows:
        bad = int(index.max()) if index.max() >= rows else int(index.min())
        raise IndexError(f"index out of range in self: embedding has {rows} rows, but the input holds {bad}")


@whole
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
    if index.dtype.char not in "liq":
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but "
            f"got {dtypes.from_numpy(index.dtype)} instead (while checking arguments for embedding). Convert it with "
            ".long()"
        )
    sizes = array_of(weight).shape
    if len(sizes) != 2:
        raise RuntimeError(f"'weight' must be 2-D, got shape {list(sizes)}")
    rows = sizes[0]
    if padding_idx is not None:
        if not -rows <= padding_idx < rows:
            raise AssertionError("Padding_idx must be within num_embeddings")
        padding_idx %= rows
    _check_rows(index, rows)
    if max_norm is not None:
        table = weight.array
        used = np.unique(index)
        norms = np.linalg.norm(table[used], norm_type, axis=1)
        large = norms > max_norm
        if large.any():
            count_write(weight)
            table[used[large]] *= (max_norm / (norms[large] + 1e-7)).astype(table.dtype)[:, None]
    return _embedding(
        weight,
        index,
        skip=-1 if padding_idx is None else padding_idx,
        scale_by_freq=scale_grad_by_freq,
    )


def _bags(index: Any, offsets: Any, include_last_offset: bool) -> tuple[Any, int]:
    """Return the bag of each of the indices, and how many bags there are."""
    starts = offsets.array if isinstance(offsets, TensorBase) else np.asarray(offsets)
    if starts.size and starts[0] != 0:
        raise RuntimeError(
            "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. However, "
            f"got {int(starts[0])}"
        )
    if starts.size and starts[-1] > index.size:
        raise RuntimeError(
            f"offsets[-1] can not be greater than input's length({index.size}) but got offsets[-1] of {int(starts[-1])}"
        )
    if include_last_offset:
        if not starts.size:
            raise RuntimeError("include_last_offset: number of offsets should be at least 1")
        starts = starts[:-1]
    bag = np.searchsorted(starts, np.arange(index.size), side="right") - 1
    return bag.astype(np.int64), starts.size


@whole
def embedding_bag(
    input: Any,
    weight: Any,
    offsets: Any = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Any = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Any:
    """Return sums, means or maxima of bags of rows of a table.

    Args:
        input: (B, L) integers, a bag each row; or (n,), bags one after the other.
        weight: (num_embeddings, embedding_dim).
        offsets: where each bag begins in a 1-D input.
        max_norm: rows that are looked up are scaled down to this norm, in place.
        norm_type: p of that norm.
        scale_grad_by_freq: divide a row's gradient by how often it was looked up.
        mode: ``"sum"``, ``"mean"`` or ``"max"``; zeros for an empty bag.
        sparse: must be False.
        per_sample_weights: of the input's shape, factors of the rows, for ``"sum"``.
        include_last_offset: the last offset is the end of the last bag.
        padding_idx: a row that does not count.

    Returns:
        (bags, embedding_dim).

    Raises:
        ValueError: shapes or modes do not fit.
        RuntimeError: offsets do not fit.
        NotImplementedError: weights with another mode than ``"sum"``.

    Source: ``torch.nn.functional.embedding_bag``.

    Example:
        >>> F = torch.nn.functional
        >>> F.embedding_bag(torch.tensor([0, 1, 1]), torch.eye(2), torch.tensor([0, 2]), mode="sum")
        tensor([[1., 1.],
                [0., 1.]])
    """
    if sparse:
        raise ValueError("embedding_bag: sparse gradients are not supported; leave out sparse=True")
    if per_sample_weights is not None and tuple(input.shape) != tuple(per_sample_weights.shape):
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({list(per_sample_weights.shape)}) is not None, then it must have "
            f"the same shape as the input ({list(input.shape)})"
        )
    if weight.ndim != 2:
        raise ValueError(f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.ndim}")
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if mode == "max" and scale_grad_by_freq:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' (got "
            f"mode='{mode}')."
        )
    index = input.array if isinstance(input, TensorBase) else np.asarray(input)
    if index.ndim == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length "
                f"sequences. However, found offsets of type {type(offsets)}"
            )
        count = index.shape[0]
        bag = np.repeat(np.arange(count), index.shape[1])
        index = index.reshape(-1)
    elif index.ndim == 1:
        if offsets is None or offsets.ndim != 1:
            raise ValueError(f"offsets has to be a 1D Tensor but got {'None' if offsets is None else offsets.ndim}")
        bag, count = _bags(index, offsets, include_last_offset)
    else:
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {index.ndim}")
    rows = embedding(index, weight, None, max_norm, norm_type, scale_grad_by_freq)
    kind = (weight.array if isinstance(weight, TensorBase) else weight).dtype
    shape = (count, weight.shape[1])
    if padding_idx is not None:
        used = np.flatnonzero(index != padding_idx % weight.shape[0])
        rows, bag = index_select(rows, 0, used), bag[used]
        if per_sample_weights is not None:
            per_sample_weights = index_select(reshape(per_sample_weights, (-1,)), 0, used)
    if mode == "max":
        return _largest_of_bags(rows, bag, shape)
    if per_sample_weights is not None:
        rows = rows * reshape(per_sample_weights, (-1, 1))
    total = index_add(wrap(np.zeros(shape, kind)), 0, wrap(bag), rows)
    if mode == "sum":
        return total
    sizes = np.maximum(np.bincount(bag, minlength=count), 1).astype(kind)
    return total / wrap(sizes[:, None])


def _largest_of_bags(rows: Any, bag: Any, shape: tuple[int, int]) -> Any:
    """Return the largest of each bag's rows, by column; zeros for an empty bag."""
    values = rows.array if isinstance(rows, TensorBase) else rows
    best = np.zeros(shape, np.int64)
    empty = np.ones((shape[0], 1), np.bool_)
    ends = np.searchsorted(bag, np.arange(shape[0] + 1))
    for b in range(shape[0]):
        if ends[b] < ends[b + 1]:
            best[b] = ends[b] + values[ends[b] : ends[b + 1]].argmax(axis=0)
            empty[b] = False
    if empty.all():
        return wrap(np.zeros(shape, values.dtype)) + sum_(rows) * 0
    return gather(rows, 0, wrap(best)) * wrap((~empty).astype(values.dtype))


@whole
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
