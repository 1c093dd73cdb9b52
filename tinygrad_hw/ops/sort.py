"""Sorting, searching, counting."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw import dtypes, return_types
from tinygrad_hw.autograd.complex import check_real
from tinygrad_hw.autograd.graph import TensorBase, array_of, wrap
from tinygrad_hw.autograd.observe import whole
from tinygrad_hw.autograd.out import into
from tinygrad_hw.ops.arguments import one_dim
from tinygrad_hw.ops.conversion import clone
from tinygrad_hw.ops.scatter import _gather, gather
from tinygrad_hw.ops.shape import reshape

__all__ = [
    "argsort",
    "bincount",
    "bucketize",
    "histc",
    "isin",
    "kthvalue",
    "msort",
    "searchsorted",
    "sort",
    "topk",
    "unique",
    "unique_consecutive",
]


def _order(x: Any, dim: int, descending: bool) -> Any:
    """Return the indices of a stable sort; NaN counts as largest."""
    if x.ndim == 0:
        return np.zeros((), np.int64)
    if not descending:
        return x.argsort(dim, "stable")
    # A stable descending sort: sort the reversed array ascending, then reverse back.
    backwards = (slice(None),) * dim + (slice(None, None, -1),)
    return (x.shape[dim] - 1 - x[backwards].argsort(dim, "stable"))[backwards]


@whole
def sort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False, *, out: Any = None) -> Any:
    """Return the elements sorted along a dimension, and where they were.

    Args:
        input: a tensor.
        dim: the dimension.
        descending: largest first.
        stable: keep the order of equal elements; it is always kept here.
        out: a tensor to write the result into.

    Returns:
        A named tuple ``(values, indices)``.

    Source: ``torch.sort``.

    Example:
        >>> torch.sort(torch.tensor([3, 1, 2])).values
        tensor([1, 2, 3])
    """
    if out is not None:
        return into(out, sort, input, dim, descending, stable)
    check_real("sort", input)
    x = array_of(input)
    d = one_dim(dim, x.ndim)
    order = np.ascontiguousarray(_order(x, d, descending)).reshape(x.shape)
    return return_types.sort(_gather(input, order, dim=d), wrap(order))


def argsort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """Return the indices that sort a tensor along a dimension; see ``sort``.

    Example:
        >>> torch.argsort(torch.tensor([3, 1, 2]))
        tensor([1, 2, 0])
    """
    check_real("argsort", input)
    return sort(input, dim, descending, stable).indices


def msort(input: Any, *, out: Any = None) -> Any:
    """Return the tensor sorted along its first dimension.

    Example:
        >>> torch.msort(torch.tensor([3, 1, 2]))
        tensor([1, 2, 3])
    """
    if out is not None:
        return into(out, msort, input)
    return sort(input, 0).values


@whole
def topk(input: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True, *, out: Any = None) -> Any:
    """Return the k largest (or smallest) elements along a dimension, and where they are.

    Args:
        input: a tensor.
        k: how many.
        dim: the dimension.
        largest: False for the smallest.
        sorted: whether they are in order; they always are here.
        out: a tensor to write the result into.

    Returns:
        A named tuple ``(values, indices)``.

    Raises:
        RuntimeError: k is larger than the dimension.

    Source: ``torch.topk``.

    Example:
        >>> torch.topk(torch.tensor([1, 5, 3]), 2).values
        tensor([5, 3])
    """
    if out is not None:
        return into(out, topk, input, k, dim, largest, sorted)
    check_real("topk", input)
    x = array_of(input)
    d = one_dim(dim, x.ndim)
    n = x.shape[d] if x.ndim else 1
    if not 0 <= k <= n:
        raise RuntimeError(f"selected index k out of range: k={k} for a dimension of size {n}")
    order = _order(x, d, largest)
    if x.ndim:
        order = np.ascontiguousarray(order[(slice(None),) * d + (slice(k),)])
    return return_types.topk(_gather(input, order, dim=d), wrap(order))


@whole
def kthvalue(input: Any, k: int, dim: int = -1, keepdim: bool = False, *, out: Any = None) -> Any:
    """Return the k-th smallest element along a dimension (from 1), and where it is.

    Returns:
        A named tuple ``(values, indices)``.

    Source: ``torch.kthvalue``.

    Example:
        >>> torch.kthvalue(torch.tensor([1, 5, 3]), 2).values
        tensor(3)
    """
    if out is not None:
        return into(out, kthvalue, input, k, dim, keepdim)
    check_real("kthvalue", input)
    d = one_dim(dim, input.ndim)
    n = input.shape[d] if input.ndim else 1
    if not 1 <= k <= n:
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {d}: k={k}, size {n}")
    order = _order(array_of(input), d, False)
    if not input.ndim:
        return return_types.kthvalue(clone(input), wrap(order))
    at = np.ascontiguousarray(np.take(order, [k - 1], axis=d))
    values = gather(input, d, wrap(at))
    if keepdim:
        return return_types.kthvalue(values, wrap(at))
    shape = tuple(m for i, m in enumerate(input.shape) if i != d)
    return return_types.kthvalue(reshape(values, shape), wrap(at.reshape(shape)))


@whole
def unique(
    input: Any,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """Return the distinct elements (or slices along ``dim``), in order.

    Args:
        input: a tensor.
        sorted: accepted; the result always is.
        return_inverse: also return, for each element, which of them it is.
        return_counts: also return how often each occurs.
        dim: compare slices along this dimension.

    Source: ``torch.unique``.

    Example:
        >>> torch.unique(torch.tensor([1, 3, 1]))
        tensor([1, 3])
    """
    check_real("unique", input)
    x = array_of(input)
    if dim is not None:
        dim = one_dim(dim, x.ndim)
    found, inverse, counts = np.unique(x, return_inverse=True, return_counts=True, axis=dim, equal_nan=False)
    results = [wrap(found)]
    if return_inverse:
        results.append(wrap(inverse.reshape(x.shape if dim is None else -1).astype(np.int64)))
    if return_counts:
        results.append(wrap(counts.astype(np.int64)))
    return results[0] if len(results) == 1 else tuple(results)


@whole
def unique_consecutive(
    input: Any, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """Return the elements (or slices along ``dim``) without those equal to their predecessor.

    Args:
        input: a tensor.
        return_inverse: also return, for each element, which of them it is.
        return_counts: also return how often each occurs.
        dim: compare slices along this dimension.

    Source: ``torch.unique_consecutive``.

    Example:
        >>> torch.unique_consecutive(torch.tensor([1, 1, 2, 1]))
        tensor([1, 2, 1])
    """
    check_real("unique_consecutive", input)
    x = array_of(input)
    rows = x.reshape(-1) if dim is None else np.moveaxis(x, one_dim(dim, x.ndim), 0)
    n = rows.shape[0]
    changed = np.ones(n, np.bool_)
    if n > 1:
        differs = rows[1:] != rows[:-1]
        changed[1:] = differs.reshape(n - 1, -1).any(axis=1) if rows.ndim > 1 else differs
    starts = np.flatnonzero(changed)
    kept = rows[starts]
    if dim is not None:
        kept = np.moveaxis(kept, 0, one_dim(dim, x.ndim))
    results = [wrap(np.ascontiguousarray(kept))]
    if return_inverse:
        inverse = (np.cumsum(changed) - 1).astype(np.int64)
        results.append(wrap(inverse.reshape(x.shape) if dim is None else inverse))
    if return_counts:
        results.append(wrap(np.diff(np.append(starts, n)).astype(np.int64)))
    return results[0] if len(results) == 1 else tuple(results)


@whole
def searchsorted(
    sorted_sequence: Any,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Any = None,
    out: Any = None,
) -> Any:
    """Return where elements would go into sorted rows so that these stay sorted.

    Args:
        sorted_sequence: (..., n), each row ascending; or 1-D.
        input: (..., m) with the same leading sizes; anything for a 1-D sequence, a number too.
        out_int32: return int32 instead of int64.
        right: behind equal elements instead of before them.
        side: ``"left"`` or ``"right"``, the same by name.
        sorter: indices that sort the sequence.
        out: a tensor to write the result into.

    Source: ``torch.searchsorted``.

    Example:
        >>> torch.searchsorted(torch.tensor([1, 3, 5]), torch.tensor([3, 4]))
        tensor([1, 2])
    """
    if out is not None:
        return into(
            out, searchsorted, sorted_sequence, input, out_int32=out_int32, right=right, side=side, sorter=sorter
        )
    check_real("searchsorted", sorted_sequence, input)
    sequence, values = array_of(sorted_sequence), array_of(input)
    if side is not None:
        if side not in ("left", "right"):
            raise RuntimeError(f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}")
        if right and side == "left":
            raise RuntimeError(
                "torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True"
            )
        right = side == "right"
    if isinstance(input, TensorBase) and sequence.dtype != values.dtype:
        own, other = dtypes.from_numpy(sequence.dtype), dtypes.from_numpy(values.dtype)
        common = dtypes.promote_types(own, other).numpy
        sequence, values = sequence.astype(common), values.astype(common)
    if sequence.ndim == 0:
        raise RuntimeError("torch.searchsorted(): boundary tensor should have positive dimension")
    if sorter is not None:
        sequence = np.take_along_axis(sequence, array_of(sorter), -1)
    name = "right" if right else "left"
    if sequence.ndim == 1:
        found = np.searchsorted(sequence, values, name)
    else:
        if sequence.shape[:-1] != values.shape[:-1]:
            raise RuntimeError(
                "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of "
                f"boundaries tensor and input value tensor must match, but we got boundaries tensor "
                f"{list(sequence.shape)} and input value tensor {list(values.shape)}"
            )
        found = np.empty(values.shape, np.int64)
        for at in np.ndindex(*sequence.shape[:-1]):
            found[at] = np.searchsorted(sequence[at], values[at], name)
    return wrap(np.asarray(found, np.int32 if out_int32 else np.int64))


@whole
def bucketize(input: Any, boundaries: Any, *, out_int32: bool = False, right: bool = False, out: Any = None) -> Any:
    """Return which bucket each element falls into; see ``searchsorted``.

    Source: ``torch.bucketize``.

    Example:
        >>> torch.bucketize(torch.tensor([3, 6]), torch.tensor([1, 3, 5]))
        tensor([1, 3])
    """
    if out is not None:
        return into(out, bucketize, input, boundaries, out_int32=out_int32, right=right)
    if array_of(boundaries).ndim != 1:
        raise RuntimeError(
            f"bucketize: boundaries tensor must be 1 dimension, but got dim({array_of(boundaries).ndim})"
        )
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


@whole
def bincount(input: Any, weights: Any = None, minlength: int = 0) -> Any:
    """Return how often each non-negative integer occurs, or the sum of its weights.

    Args:
        input: 1-D integers.
        weights: one per element.
        minlength: smallest size of the result.

    Source: ``torch.bincount``.

    Example:
        >>> torch.bincount(torch.tensor([0, 2, 2]))
        tensor([1, 0, 2])
    """
    x = array_of(input)
    check_real("bincount", input)
    if x.ndim != 1 or x.dtype.kind not in "iu" or (x.size and x.min() < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    if weights is None:
        return wrap(np.bincount(x, minlength=minlength).astype(np.int64))
    w = array_of(weights)
    if w.shape != x.shape:
        raise RuntimeError("weights should be 1-d and have the same length as input")
    sums = np.bincount(x, w, minlength=minlength)
    return wrap(sums.astype(np.float32 if w.dtype == np.float32 else np.float64))


@whole
def histc(input: Any, bins: int = 100, min: float = 0, max: float = 0, *, out: Any = None) -> Any:
    """Return counts of elements in equal bins from ``min`` to ``max`` (of the data if both are equal).

    Source: ``torch.histc``.

    Example:
        >>> torch.histc(torch.tensor([1.0, 2.0, 1.0]), bins=4, min=0, max=3)
        tensor([0., 2., 1., 0.])
    """
    if out is not None:
        return into(out, histc, input, bins, min, max)
    check_real("histc", input)
    x = array_of(input)
    if bins <= 0:
        raise RuntimeError(f"bins must be > 0, but got {bins} for dimension 0")
    if max < min:
        raise RuntimeError("max must be larger than min")
    low, high = float(min), float(max)
    if low == high and x.size:
        low, high = float(x.min()), float(x.max())
    if low == high:
        low, high = low - 1, high + 1
    inside = x[(x >= low) & (x <= high)].astype(np.float64)
    place = ((inside - low) / (high - low) * bins).astype(np.int64)
    place[place == bins] -= 1
    return wrap(np.bincount(place, minlength=bins).astype(x.dtype))


@whole
def isin(
    elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False, out: Any = None
) -> Any:
    """Return which elements are among ``test_elements``.

    Source: ``torch.isin``.

    Example:
        >>> torch.isin(torch.tensor([1, 2, 3]), torch.tensor([2, 4]))
        tensor([False,  True, False])
    """
    if out is not None:
        return into(out, isin, elements, test_elements, assume_unique=assume_unique, invert=invert)
    check_real("isin", elements, test_elements)
    if not isinstance(elements, TensorBase) and not isinstance(test_elements, TensorBase):
        raise TypeError("isin(): elements or test_elements must be a tensor")
    return wrap(
        np.asarray(
            np.isin(
                array_of(elements),
                array_of(test_elements),
                assume_unique=assume_unique,
                invert=invert,
            )
        )
    )
