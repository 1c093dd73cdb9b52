"""Order statistics: median, mode, quantiles."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw import return_types
from tinygrad_hw.autograd.complex import check_real
from tinygrad_hw.autograd.graph import TensorBase, array_of, wrap
from tinygrad_hw.autograd.observe import whole
from tinygrad_hw.autograd.out import into
from tinygrad_hw.ops.arithmetic import lerp
from tinygrad_hw.ops.conversion import clone
from tinygrad_hw.ops.extrema import _filled_dim, pick
from tinygrad_hw.ops.permutation import movedim
from tinygrad_hw.ops.reduce import _kept, _one_dim
from tinygrad_hw.ops.scatter import gather
from tinygrad_hw.ops.shape import flatten, reshape, squeeze

__all__ = [
    "median",
    "mode",
    "nanmedian",
    "nanquantile",
    "quantile",
]


def _median_indices(x: Any, dim: int, ignore_nan: bool) -> Any:
    """Return the index of the lower median along a dimension, kept with size 1."""
    n = x.shape[dim]
    order = np.argsort(x, axis=dim, kind="stable")
    nan = np.isnan(x) if x.dtype.kind == "f" else np.zeros(x.shape, np.bool_)
    if ignore_nan:
        count = n - nan.sum(axis=dim, keepdims=True)
        k = np.maximum(count - 1, 0) // 2
    else:
        # NaN sorts last; the first of them is the median if there is any.
        count = nan.sum(axis=dim, keepdims=True)
        k = np.where(count > 0, n - count, (n - 1) // 2)
    return np.take_along_axis(order, k, dim)


def _median(name: str, input: Any, dim: int | None, keepdim: bool, ignore_nan: bool) -> Any:
    check_real(name, input)
    if dim is None:
        if array_of(input).size == 0:
            return wrap(np.asarray(np.nan, array_of(input).dtype))
        flat = flatten(input)
        at = _median_indices(array_of(flat), 0, ignore_nan)
        return reshape(pick(flat, at, 0), ())
    result = getattr(return_types, name)
    if input.ndim == 0:
        return result(input + 0, wrap(np.zeros((), np.int64)))
    d = _filled_dim(name, input, dim)
    at = _median_indices(array_of(input), d, ignore_nan)
    values = pick(input, at, d)
    if keepdim:
        return result(values, wrap(at))
    shape = tuple(n for i, n in enumerate(input.shape) if i != d)
    return result(reshape(values, shape), wrap(at.reshape(shape)))


@whole
def median(input: Any, dim: int | None = None, keepdim: bool = False, *, out: Any = None) -> Any:
    """Return the median, the lower of the two middle elements if their number is even.

    Args:
        input: a tensor.
        dim: the dimension; None for all elements.
        keepdim: keep it with size 1.
        out: a tensor to write the result into.

    Returns:
        A 0-d tensor; along ``dim`` a named tuple ``(values, indices)``. NaN if any element is.

    Source: ``torch.median``.

    Example:
        >>> torch.median(torch.tensor([1.0, 3.0, 2.0, 4.0]))
        tensor(2.)
    """
    if out is not None:
        return into(out, median, input, dim, keepdim)
    return _median("median", input, dim, keepdim, False)


@whole
def nanmedian(input: Any, dim: int | None = None, keepdim: bool = False, *, out: Any = None) -> Any:
    """Return the median of the elements that are not NaN; see ``median``.

    Example:
        >>> torch.nanmedian(torch.tensor([1.0, float("nan"), 2.0]))
        tensor(1.)
    """
    if out is not None:
        return into(out, nanmedian, input, dim, keepdim)
    return _median("nanmedian", input, dim, keepdim, True)


@whole
def mode(input: Any, dim: int = -1, keepdim: bool = False, *, out: Any = None) -> Any:
    """Return the most frequent element along a dimension, the smallest if several are.

    Args:
        input: a tensor.
        dim: the dimension.
        keepdim: keep it with size 1.
        out: a tensor to write the result into.

    Returns:
        A named tuple ``(values, indices)``; the index is that of the last occurrence.

    Source: ``torch.mode``.

    Example:
        >>> torch.mode(torch.tensor([3, 1, 3, 2])).values
        tensor(3)
    """
    if out is not None:
        return into(out, mode, input, dim, keepdim)
    check_real("mode", input)
    if input.ndim == 0:
        return return_types.mode(clone(input), wrap(np.zeros((), np.int64)))
    d = _filled_dim("mode", input, dim)
    x = np.moveaxis(array_of(input), d, -1)
    at = np.empty(x.shape[:-1], np.int64)
    for place in np.ndindex(*x.shape[:-1]):
        values, counts = np.unique(x[place], return_counts=True)
        at[place] = np.flatnonzero(x[place] == values[counts.argmax()])[-1]
    kept = np.expand_dims(at, d)
    values = pick(input, kept, d)
    if keepdim:
        return return_types.mode(values, wrap(kept))
    return return_types.mode(reshape(values, at.shape), wrap(at))


def _quantile(
    name: str,
    input: Any,
    q: Any,
    dim: int | None,
    keepdim: bool,
    interpolation: str,
    ignore_nan: bool,
) -> Any:
    if interpolation not in ("linear", "lower", "higher", "nearest", "midpoint"):
        raise RuntimeError(
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {interpolation}"
        )
    x = array_of(input)
    if x.size == 0:
        raise RuntimeError(f"{name}() input tensor must be non-empty")
    if x.dtype not in (np.float32, np.float64):
        raise RuntimeError(f"{name}() input tensor must be either float or double dtype")
    qs = np.asarray(array_of(q) if isinstance(q, TensorBase) else q, x.dtype)
    if qs.ndim > 1:
        raise RuntimeError(f"{name}() q must be a scalar or 1D tensor")
    if isinstance(q, TensorBase) and array_of(q).dtype != x.dtype:
        raise RuntimeError(f"{name}() q tensor must be same dtype as the input tensor")
    if ((qs < 0) | (qs > 1)).any():
        raise RuntimeError(f"{name}() q values must be in the range [0, 1]")
    if dim is None:
        shape_kept: tuple[int, ...] = (1,) * x.ndim
        rows = reshape(input, (1, -1))
        lead: tuple[int, ...] = ()
    else:
        d = _one_dim(name, dim, x.ndim)
        shape_kept = _kept(x.shape, (d,)) if x.ndim else ()
        moved = movedim(input, d, -1) if x.ndim else reshape(input, (1,))
        lead = tuple(moved.shape[:-1])
        rows = reshape(moved, (-1, moved.shape[-1]))
    values = array_of(rows)
    n = values.shape[1]
    order = np.argsort(values, axis=1, kind="stable")
    sorted_rows = pick(rows, order, 1)
    nan_count = np.isnan(values).sum(axis=1)
    last = (n - 1 - nan_count) if ignore_nan else np.full(values.shape[0], n - 1)
    last = np.maximum(last, 0)
    flat_q = qs.reshape(-1)
    ranks = flat_q[None, :] * last[:, None].astype(x.dtype)
    if not ignore_nan:
        ranks = np.where(nan_count[:, None] > 0, n - 1, ranks)
    if interpolation == "lower":
        ranks = np.floor(ranks)
    elif interpolation == "higher":
        ranks = np.ceil(ranks)
    elif interpolation == "nearest":
        ranks = np.rint(ranks)
    below = np.floor(ranks).astype(np.int64)
    above = np.ceil(ranks).astype(np.int64)
    low = gather(sorted_rows, 1, wrap(below))
    if interpolation in ("linear", "midpoint"):
        high = gather(sorted_rows, 1, wrap(above))
        weight = np.full(ranks.shape, 0.5, x.dtype) if interpolation == "midpoint" else (ranks - below).astype(x.dtype)
        share: Any = wrap(weight)
        if interpolation == "linear" and isinstance(q, TensorBase) and q.requires_grad:  # type: ignore[attr-defined]
            # The weight as a function of q, so that q gets its gradient.
            share = reshape(q, (1, -1)) * wrap(last[:, None].astype(x.dtype)) - wrap(below.astype(x.dtype))
        low = lerp(low, high, share)
    result = movedim(low, 1, 0)  # (q, rows)
    if dim is None:
        result = reshape(result, (flat_q.size,))
        if keepdim:
            result = reshape(result, (flat_q.size, *shape_kept))
    else:
        result = reshape(result, (flat_q.size, *lead))
        if keepdim:
            result = reshape(result, (flat_q.size, *shape_kept))
    return squeeze(result, 0) if qs.ndim == 0 else result


@whole
def quantile(
    input: Any,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
    out: Any = None,
) -> Any:
    """Return the q-quantiles along a dimension; NaN if any element is.

    Args:
        input: a float32 or float64 tensor.
        q: numbers in [0, 1], one or a 1-D tensor of them, which then come first in the result.
        dim: the dimension; None for all elements.
        keepdim: keep it with size 1.
        interpolation: between neighbours: ``"linear"``, ``"lower"``, ``"higher"``, ``"nearest"``, ``"midpoint"``.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: q is outside [0, 1], the input is empty or of another dtype.

    Source: ``torch.quantile``.

    Example:
        >>> torch.quantile(torch.tensor([0.0, 1.0, 2.0, 3.0]), 0.5)
        tensor(1.5000)
    """
    if out is not None:
        return into(out, quantile, input, q, dim, keepdim, interpolation=interpolation)
    check_real("quantile", input)
    return _quantile("quantile", input, q, dim, keepdim, interpolation, False)


@whole
def nanquantile(
    input: Any,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
    out: Any = None,
) -> Any:
    """Return the q-quantiles of the elements that are not NaN; see ``quantile``.

    Example:
        >>> torch.nanquantile(torch.tensor([0.0, float("nan"), 2.0]), 0.5)
        tensor(1.)
    """
    if out is not None:
        return into(out, nanquantile, input, q, dim, keepdim, interpolation=interpolation)
    check_real("nanquantile", input)
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, True)
