"""Reductions and normalisations of the elements that a mask selects: ``torch.masked``.

Elements that are masked out are replaced by the reduction's neutral element; where there is none (means, deviations),
the selected elements are counted.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.graph import TensorBase, wrap
from tinygrad_hw.ops import extrema, quantile, reduce, scan
from tinygrad_hw.ops import softmax as _soft
from tinygrad_hw.ops.arithmetic import div
from tinygrad_hw.ops.binary import logaddexp as _logaddexp
from tinygrad_hw.ops.broadcasting import expand
from tinygrad_hw.ops.complex import conj
from tinygrad_hw.ops.matrix_properties import vector_norm
from tinygrad_hw.ops.selection import clamp_min, maximum, where
from tinygrad_hw.ops.shape import reshape
from tinygrad_hw.ops.unary import sqrt

__all__ = [
    "amax",
    "amin",
    "argmax",
    "argmin",
    "cumprod",
    "cumsum",
    "log_softmax",
    "logaddexp",
    "logsumexp",
    "mean",
    "median",
    "norm",
    "normalize",
    "prod",
    "softmax",
    "softmin",
    "std",
    "sum",
    "var",
]


def _kind(input: Any) -> Any:
    return input.array.dtype


def _mask_of(input: Any, mask: Any) -> Any:
    """Return the mask as a bool tensor of the input's shape.

    Raises:
        IndexError: the mask has more dimensions than the input.
    """
    if not isinstance(mask, TensorBase):
        raise TypeError(f"mask must be Tensor, not {type(mask).__name__}")
    if mask.array.ndim > input.ndim:
        raise IndexError("_input_mask expected broadcastable mask (got mask dimensionality higher than of the input)")
    if mask.array.shape != input.array.shape:
        mask = expand(mask, tuple(input.shape))
    return mask if _kind(mask) == np.bool_ else mask != 0


def _extreme(kind: Any, largest: bool) -> Any:
    if kind.kind in "fV":
        return np.inf if largest else -np.inf
    if kind.kind == "c":
        raise TypeError("masked reductions that look for the largest or smallest element need real tensors")
    info = np.iinfo(kind)
    return int(info.max if largest else info.min)


def _filled(input: Any, mask: Any, value: Any) -> Any:
    """Return the input with ``value`` where the mask does not hold."""
    if mask is None:
        return input
    return where(_mask_of(input, mask), input, wrap(np.asarray(value, _kind(input))))


def _dims(dim: Any, ndim: int) -> tuple[int, ...]:
    if dim is None or dim == ():
        return tuple(range(ndim))
    found: list[int] = []
    size = max(ndim, 1)
    for d in (dim,) if isinstance(dim, int) else dim:
        if not -size <= d < size:
            raise IndexError(f"Dimension out of range (expected to be in range of [{-size}, {size - 1}], but got {d})")
        if d % size in found:
            raise RuntimeError(f"dim={d} appears multiple times in the list of dims")
        found.append(d % size)
    return tuple(sorted(found))


def _to(result: Any, dtype: Any) -> Any:
    return result if dtype is None else result.to(dtype)


def _wide(input: Any, dtype: Any) -> Any:
    """Return the dtype of a sum: int64 for the smaller integers."""
    if dtype is not None:
        return dtype
    return dtypes.int64 if _kind(input).kind in "iub" else dtypes.from_numpy(_kind(input))


def sum(input: Any, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
    """Return the sum of the selected elements.

    Args:
        input: a tensor.
        dim: dimensions to reduce; all by default.
        keepdim: keep them with size 1.
        dtype: of the result.
        mask: which elements take part, broadcastable; all by default.

    Source: ``torch.masked.sum``.

    Example:
        >>> torch.masked.sum(torch.tensor([1.0, 2.0, 4.0]), 0, mask=torch.tensor([True, False, True]))
        tensor(5.)
    """
    dims = _dims(dim, input.ndim)
    return reduce.sum(_filled(input, mask, 0), dims, keepdim, dtype=_wide(input, dtype))


def prod(input: Any, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
    """Return the product of the selected elements; see ``masked.sum``.

    Source: ``torch.masked.prod``.

    Example:
        >>> torch.masked.prod(torch.tensor([3.0, 2.0, 4.0]), 0, mask=torch.tensor([True, False, True]))
        tensor(12.)
    """
    result = _filled(input, mask, 1)
    for d in reversed(_dims(dim, input.ndim)):
        result = reduce.prod(result, d, keepdim)
    return _to(result, _wide(input, dtype))


def cumsum(input: Any, dim: int, *, dtype: Any = None, mask: Any = None) -> Any:
    """Return the running sums of the selected elements; see ``masked.sum``.

    Source: ``torch.masked.cumsum``.

    Example:
        >>> torch.masked.cumsum(torch.tensor([3.0, 2.0, 4.0]), 0, mask=torch.tensor([True, False, True]))
        tensor([3., 3., 7.])
    """
    return scan.cumsum(_filled(input, mask, 0), _dims(dim, input.ndim)[0], dtype=dtype)


def cumprod(input: Any, dim: int, *, dtype: Any = None, mask: Any = None) -> Any:
    """Return the running products of the selected elements; see ``masked.sum``.

    Source: ``torch.masked.cumprod``.

    Example:
        >>> torch.masked.cumprod(torch.tensor([3.0, 2.0, 4.0]), 0, mask=torch.tensor([True, False, True]))
        tensor([ 3.,  3., 12.])
    """
    return scan.cumprod(_filled(input, mask, 1), _dims(dim, input.ndim)[0], dtype=dtype)


def amax(input: Any, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
    """Return the largest of the selected elements; the lowest number of the dtype if there is none.

    Source: ``torch.masked.amax``.

    Example:
        >>> torch.masked.amax(torch.tensor([3.0, 5.0, 4.0]), 0, mask=torch.tensor([True, False, True]))
        tensor(4.)
    """
    filled = _filled(input, mask, _extreme(_kind(input), False) if mask is not None else 0)
    return _to(extrema.amax(filled, _dims(dim, input.ndim), keepdim), dtype)


def amin(input: Any, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
    """Return the smallest of the selected elements; the highest number of the dtype if there is none.

    Source: ``torch.masked.amin``.

    Example:
        >>> torch.masked.amin(torch.tensor([3.0, 1.0, 4.0]), 0, mask=torch.tensor([True, False, True]))
        tensor(3.)
    """
    filled = _filled(input, mask, _extreme(_kind(input), True) if mask is not None else 0)
    return _to(extrema.amin(filled, _dims(dim, input.ndim), keepdim), dtype)


def argmax(input: Any, dim: int | None = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
    """Return where the largest of the selected elements is, in the input's dtype unless ``dtype`` says otherwise.

    Source: ``torch.masked.argmax``.

    Example:
        >>> torch.masked.argmax(torch.tensor([3, 5, 4]), 0, mask=torch.tensor([True, False, True]))
        tensor(2)
    """
    filled = _filled(input, mask, _extreme(_kind(input), False) if mask is not None else 0)
    return _to(extrema.argmax(filled, dim, keepdim), input.dtype if dtype is None else dtype)


def argmin(input: Any, dim: int | None = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
    """Return where the smallest of the selected elements is, in the input's dtype unless ``dtype`` says otherwise.

    Source: ``torch.masked.argmin``.

    Example:
        >>> torch.masked.argmin(torch.tensor([3, 1, 4]), 0, mask=torch.tensor([True, False, True]))
        tensor(0)
    """
    filled = _filled(input, mask, _extreme(_kind(input), True) if mask is not None else 0)
    return _to(extrema.argmin(filled, dim, keepdim), input.dtype if dtype is None else dtype)


def _count(input: Any, mask: Any, dim: Any, keepdim: bool) -> Any:
    """Return how many elements are selected."""
    dims = _dims(dim, input.ndim)
    if mask is None:
        return reduce.sum(wrap(np.ones(tuple(input.shape), np.int64)), dims, keepdim)
    return reduce.sum(_mask_of(input, mask), dims, keepdim)


def mean(input: Any, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
    """Return the mean of the selected elements; NaN if there is none.

    Args:
        input: a floating point tensor, unless ``dtype`` says one.
        dim: dimensions to reduce; all by default.
        keepdim: keep them with size 1.
        dtype: of the result.
        mask: which elements take part, broadcastable; all by default.

    Raises:
        ValueError: the dtype is not floating point.

    Source: ``torch.masked.mean``.

    Example:
        >>> torch.masked.mean(torch.tensor([1.0, 9.0, 4.0]), 0, mask=torch.tensor([True, False, True]))
        tensor(2.5000)
    """
    kind = input.dtype if dtype is None else dtype
    if not kind.is_floating_point and not kind.is_complex:
        raise ValueError(
            f"mean(): Could not infer output dtype. {'Input' if dtype is None else 'Optional'} dtype must be either a "
            f"floating point or complex dtype. Got: {kind}"
        )
    return sum(input, dim, keepdim=keepdim, dtype=kind, mask=mask) / _count(input, mask, dim, keepdim)


def median(input: Any, dim: int = -1, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
    """Return the median of the selected elements, the lower of two; NaN if there is none.

    Raises:
        ValueError: the elements are integers, and none is selected somewhere.

    Source: ``torch.masked.median``.

    Example:
        >>> torch.masked.median(torch.tensor([1.0, 9.0, 4.0]), 0, mask=torch.tensor([True, False, True]))
        tensor(1.)
    """
    kind = input.dtype if dtype is None else dtype
    whole = not input.dtype.is_floating_point
    values = input.to(dtypes.float32) if whole else input
    result = quantile.nanmedian(_filled(values, mask, np.nan), _dims(dim, input.ndim)[0], keepdim).values
    if not whole:
        return result
    if np.isnan(result.array).any():
        raise ValueError("masked median expects no fully masked out rows if dtype is not floating point")
    return result.to(kind)


def logsumexp(input: Any, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
    """Return the logarithm of the sum of exponentials of the selected elements; -inf if there is none.

    Source: ``torch.masked.logsumexp``.

    Example:
        >>> torch.masked.logsumexp(torch.tensor([0.0, 9.0, 0.0]), 0, mask=torch.tensor([True, False, True]))
        tensor(0.6931)
    """
    filled = _filled(input, mask, _extreme(_kind(input), False) if mask is not None else 0)
    return _to(reduce.logsumexp(filled, _dims(dim, input.ndim), keepdim), input.dtype if dtype is None else dtype)


def logaddexp(input: Any, other: Any, *, dtype: Any = None, input_mask: Any = None, other_mask: Any = None) -> Any:
    """Return the logarithm of the sum of exponentials of two tensors; what is masked out counts as -inf.

    Source: ``torch.masked.logaddexp``.

    Example:
        >>> torch.masked.logaddexp(torch.tensor([0.0]), torch.tensor([0.0]), other_mask=torch.tensor([False]))
        tensor([0.])
    """
    low = -np.inf
    return _to(_logaddexp(_filled(input, input_mask, low), _filled(other, other_mask, low)), dtype)


def norm(
    input: Any,
    ord: float | None = 2.0,
    dim: Any = None,
    *,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Any = None,
) -> Any:
    """Return the vector norm of the selected elements.

    Args:
        input: a floating point tensor.
        ord: which norm.
        dim: dimensions to reduce; all by default.
        keepdim: keep them with size 1.
        dtype: of the result.
        mask: which elements take part, broadcastable; all by default.

    Source: ``torch.masked.norm``.

    Example:
        >>> torch.masked.norm(torch.tensor([3.0, 9.0, 4.0]), 2.0, 0, mask=torch.tensor([True, False, True]))
        tensor(5.)
    """
    filled = _filled(input, mask, np.inf if ord == -np.inf else 0)
    return vector_norm(filled, 2.0 if ord is None else ord, _dims(dim, input.ndim), keepdim, dtype=dtype)


def _variance(
    input: Any, dim: Any, unbiased: bool | None, correction: float | None, keepdim: bool, dtype: Any, mask: Any
) -> Any:
    if unbiased is not None and correction is not None:
        raise AssertionError("Only one of unbiased and correction may be given")
    less = 1.0 if unbiased is None else float(unbiased)
    less = less if correction is None else float(correction)
    kind = input.dtype if dtype is None else dtype
    if not kind.is_floating_point and not kind.is_complex:
        kind = dtypes.float32
    count = _count(input, mask, dim, True)
    centre = div(sum(input, dim, keepdim=True, dtype=kind, mask=mask), count)
    apart = input - centre
    total = sum(apart * conj(apart), dim, keepdim=keepdim, dtype=kind, mask=mask)
    if not keepdim:
        count = reshape(count, tuple(total.shape))
    if less:
        count = maximum(count.to(kind) - less, wrap(np.zeros((), kind.numpy)))
    return div(total, count).to(kind)


def var(
    input: Any,
    dim: Any = None,
    unbiased: bool | None = None,
    *,
    correction: float | None = None,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Any = None,
) -> Any:
    """Return the variance of the selected elements.

    Args:
        input: a tensor.
        dim: dimensions to reduce; all by default.
        unbiased: whether to divide by one less than the number of elements (default).
        correction: what to subtract from the number instead.
        keepdim: keep reduced dimensions with size 1.
        dtype: of the result.
        mask: which elements take part, broadcastable; all by default.

    Source: ``torch.masked.var``.

    Example:
        >>> torch.masked.var(torch.tensor([1.0, 9.0, 3.0]), 0, mask=torch.tensor([True, False, True]))
        tensor(2.)
    """
    return _variance(input, dim, unbiased, correction, keepdim, dtype, mask)


def std(
    input: Any,
    dim: Any = None,
    unbiased: bool | None = None,
    *,
    correction: float | None = None,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Any = None,
) -> Any:
    """Return the standard deviation of the selected elements; see ``masked.var``.

    Source: ``torch.masked.std``.

    Example:
        >>> torch.masked.std(torch.tensor([1.0, 9.0, 3.0]), 0, mask=torch.tensor([True, False, True]))
        tensor(1.4142)
    """
    return sqrt(_variance(input, dim, unbiased, correction, keepdim, dtype, mask))


def softmax(input: Any, dim: int, *, dtype: Any = None, mask: Any = None) -> Any:
    """Return the softmax of the selected elements; 0 elsewhere.

    Source: ``torch.masked.softmax``.

    Example:
        >>> torch.masked.softmax(torch.tensor([0.0, 9.0, 0.0]), 0, mask=torch.tensor([True, False, True]))
        tensor([0.5000, 0.0000, 0.5000])
    """
    filled = _filled(input, mask, _extreme(_kind(input), False) if mask is not None else 0)
    return _soft.softmax(filled, _dims(dim, input.ndim)[0], dtype=dtype)


def log_softmax(input: Any, dim: int, *, dtype: Any = None, mask: Any = None) -> Any:
    """Return the logarithm of the softmax of the selected elements; -inf elsewhere.

    Source: ``torch.masked.log_softmax``.

    Example:
        >>> torch.masked.log_softmax(torch.tensor([0.0, 9.0, 0.0]), 0, mask=torch.tensor([True, False, True]))
        tensor([-0.6931,    -inf, -0.6931])
    """
    filled = _filled(input, mask, _extreme(_kind(input), False) if mask is not None else 0)
    return _soft.log_softmax(filled, _dims(dim, input.ndim)[0], dtype=dtype)


def softmin(input: Any, dim: int, *, dtype: Any = None, mask: Any = None) -> Any:
    """Return the softmin of the selected elements; 0 elsewhere.

    Source: ``torch.masked.softmin``.

    Example:
        >>> torch.masked.softmin(torch.tensor([0.0, 9.0, 0.0]), 0, mask=torch.tensor([True, False, True]))
        tensor([0.5000, 0.0000, 0.5000])
    """
    filled = _filled(input, mask, _extreme(_kind(input), True) if mask is not None else 0)
    return _soft.softmin(filled, _dims(dim, input.ndim)[0], dtype=dtype)


def normalize(input: Any, ord: float, dim: int, *, eps: float = 1e-12, dtype: Any = None, mask: Any = None) -> Any:
    """Return the selected elements divided by their norm (at least ``eps``), 0 elsewhere.

    Source: ``torch.masked.normalize``.

    Example:
        >>> torch.masked.normalize(torch.tensor([3.0, 9.0, 4.0]), 2.0, 0, mask=torch.tensor([True, False, True]))
        tensor([0.6000, 0.0000, 0.8000])
    """
    size = clamp_min(norm(input, ord, dim, keepdim=True, dtype=dtype, mask=mask), eps)
    return div(_filled(input, mask, 0), size)
