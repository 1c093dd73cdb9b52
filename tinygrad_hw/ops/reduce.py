"""Reductions over one dimension, several, or all."""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_hw import dtypes, return_types
from tinygrad_hw.autograd.basics import cast
from tinygrad_hw.autograd.basics import expand as _expand
from tinygrad_hw.autograd.complex import check_real
from tinygrad_hw.autograd.graph import TensorBase, wrap
from tinygrad_hw.autograd.observe import whole
from tinygrad_hw.autograd.op import op
from tinygrad_hw.autograd.out import into
from tinygrad_hw.ops.complex import imag, real
from tinygrad_hw.ops.creation import clone
from tinygrad_hw.ops.selection import _where, maximum, minimum
from tinygrad_hw.ops.shape import flatten, reshape
from tinygrad_hw.ops.unary import abs as abs_
from tinygrad_hw.ops.unary import exp, sqrt

__all__ = [
    "all",
    "amax",
    "amin",
    "aminmax",
    "any",
    "argmax",
    "argmin",
    "count_nonzero",
    "dist",
    "logsumexp",
    "max",
    "mean",
    "median",
    "min",
    "mode",
    "nanmean",
    "nanmedian",
    "nanquantile",
    "nansum",
    "norm",
    "prod",
    "quantile",
    "std",
    "std_mean",
    "sum",
    "var",
    "var_mean",
]

Dims = Any  # int | tuple[int, ...] | None


def _values(t: Any) -> Any:
    return t.array if isinstance(t, TensorBase) else np.asarray(t)


def _one_dim(name: str, dim: int, ndim: int) -> int:
    n = ndim or 1
    if not isinstance(dim, (int, np.integer)):
        raise TypeError(f"{name}(): argument 'dim' must be int, not {type(dim).__name__}")
    if not -n <= dim < n:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})")
    return int(dim) % n


def _dims(name: str, dim: Dims, ndim: int) -> tuple[int, ...]:
    """Return the dimensions to reduce, all for None and for an empty tuple."""
    if dim is None:
        return tuple(range(ndim))
    if isinstance(dim, (int, np.integer)):
        d = _one_dim(name, int(dim), ndim)
        return (d,) if ndim else ()
    found = tuple(_one_dim(name, d, ndim) for d in dim)
    if len(set(found)) != len(found):
        repeated = next(d for d in found if found.count(d) > 1)
        raise RuntimeError(f"dim {repeated} appears multiple times in the list of dims")
    if not found:
        return tuple(range(ndim))
    return found if ndim else ()


def _kept(shape: Sequence[int], dim: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape with reduced dimensions of size 1."""
    return tuple(1 if i in dim else n for i, n in enumerate(shape))


def _back(g: Any, shape: Sequence[int], dim: tuple[int, ...]) -> Any:
    """Return a reduced gradient with its dimensions put back as size 1."""
    kept = _kept(shape, dim)
    return g if tuple(g.shape) == kept else reshape(g, kept)


def _spread(g: Any, shape: Sequence[int], dim: tuple[int, ...]) -> Any:
    """Return a reduced gradient broadcast to the input's shape."""
    return _expand(_back(g, shape, dim), size=tuple(shape))


@whole
def _integers(input: Any, dtype: Any) -> Any:
    """Return a tensor or array of a dtype without gradients, or from one."""
    array = _values(input).astype(dtype)
    return wrap(array) if isinstance(input, TensorBase) else array


def _converted(input: Any, dtype: Any) -> Any:
    if dtype is None:
        return input
    target = dtypes.as_dtype(dtype).numpy
    if target == _values(input).dtype:
        return input
    if target.kind in "fc" and _values(input).dtype.kind in "fc":
        return cast(input, dtype=target)
    return _integers(input, target)


# -- sums ------------------------------------------------------------------------------------------


def _sum_forward(input: Any, *, dim: tuple[int, ...], keepdim: bool) -> Any:
    kind = input.dtype.kind
    if kind in "iub":
        return input.sum(axis=dim, keepdims=keepdim, dtype=np.int64)
    if input.dtype == np.float16:
        return input.sum(axis=dim, keepdims=keepdim, dtype=np.float32).astype(np.float16)
    if input.ndim > 1 and dim and len(dim) < input.ndim and input.ndim - 1 not in dim:
        # numpy adds rows one after the other here; float64 sums keep the error small.
        rows = math.prod(input.shape[d] for d in dim)
        if input.dtype == np.float32 and rows > 4096:
            return input.sum(axis=dim, keepdims=keepdim, dtype=np.float64).astype(np.float32)
    return input.sum(axis=dim, keepdims=keepdim)


_sum = op(
    "sum",
    _sum_forward,
    node_name="SumBackward1",
    input=lambda g, input_shape, dim: _spread(g, input_shape, dim),
)
_sum_all = op(
    "sum_all",
    lambda input: _sum_forward(input, dim=tuple(range(input.ndim)), keepdim=False),
    node_name="SumBackward0",
    input=lambda g, input_shape: _spread(g, input_shape, tuple(range(len(input_shape)))),
)


def sum(input: Any, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None, out: Any = None) -> Any:
    r"""Return :math:`\sum_i x_i` over the given dimensions.

    Args:
        input: a tensor; integers and bool are summed as int64.
        dim: a dimension, a tuple of them, or None for all.
        keepdim: keep reduced dimensions with size 1.
        dtype: convert to it first.
        out: a tensor to write the result into.

    Source: ``torch.sum``.

    Example:
        >>> torch.sum(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), dim=1)
        tensor([3., 7.])
    """
    if out is not None:
        return into(out, sum, input, dim, keepdim, dtype=dtype)
    if dtype is not None:
        target = dtypes.as_dtype(dtype)
        result = sum(_converted(input, target), dim, keepdim)
        return _converted(result, target)
    if dim is None and not keepdim:
        return _sum_all(input)
    return _sum(input, dim=_dims("sum", dim, input.ndim), keepdim=keepdim)


def nansum(input: Any, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None, out: Any = None) -> Any:
    """Return the sum with NaN counted as zero; see ``sum``.

    Example:
        >>> torch.nansum(torch.tensor([1.0, float("nan")]))
        tensor(1.)
    """
    if out is not None:
        return into(out, nansum, input, dim, keepdim, dtype=dtype)
    check_real("nansum", input)
    values = _values(input)
    if values.dtype.kind == "f":
        input = _where(~np.isnan(values), input, np.zeros((), values.dtype))
    return sum(input, dim, keepdim, dtype=dtype)


def _check_mean(name: str, input: Any, dtype: Any) -> Any:
    input = _converted(input, dtype)
    if _values(input).dtype.kind not in "fc":
        kind = dtypes.from_numpy(_values(input).dtype)
        raise RuntimeError(
            f"{name}(): could not infer output dtype. Input dtype must be either a floating point or complex "
            f"dtype. Got: {kind}. Convert it with .float(), or give dtype="
        )
    return input


def _mean_forward(input: Any, *, dim: tuple[int, ...], keepdim: bool) -> Any:
    total = _sum_forward(input, dim=dim, keepdim=keepdim)
    count = math.prod(input.shape[d] for d in dim)
    # A count above 2048 is no float16 number.
    kind = np.float32 if input.dtype == np.float16 else input.dtype
    return np.true_divide(total, np.asarray(count, kind)).astype(input.dtype, copy=False)


def _mean_rule(g: Any, input_shape: Any, dim: tuple[int, ...]) -> Any:
    count = math.prod(input_shape[d] for d in dim)
    return _spread(g / count if count else g, input_shape, dim)


_mean = op("mean", _mean_forward, node_name="MeanBackward1", input=_mean_rule)
_mean_all = op(
    "mean_all",
    lambda input: _mean_forward(input, dim=tuple(range(input.ndim)), keepdim=False),
    node_name="MeanBackward0",
    input=lambda g, input_shape: _mean_rule(g, input_shape, tuple(range(len(input_shape)))),
)


def mean(input: Any, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None, out: Any = None) -> Any:
    r"""Return the mean :math:`\frac{1}{n} \sum_i x_i` over the given dimensions.

    Args:
        input: a floating point tensor.
        dim: a dimension, a tuple of them, or None for all.
        keepdim: keep reduced dimensions with size 1.
        dtype: convert to it first.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: the dtype is not floating point.

    Source: ``torch.mean``.

    Example:
        >>> torch.mean(torch.tensor([1.0, 2.0, 3.0]))
        tensor(2.)
    """
    if out is not None:
        return into(out, mean, input, dim, keepdim, dtype=dtype)
    input = _check_mean("mean", input, dtype)
    if dim is None and not keepdim:
        return _mean_all(input)
    return _mean(input, dim=_dims("mean", dim, input.ndim), keepdim=keepdim)


def nanmean(input: Any, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None, out: Any = None) -> Any:
    """Return the mean of the elements that are not NaN; see ``mean``.

    Example:
        >>> torch.nanmean(torch.tensor([1.0, float("nan"), 3.0]))
        tensor(2.)
    """
    if out is not None:
        return into(out, nanmean, input, dim, keepdim, dtype=dtype)
    check_real("nanmean", input)
    input = _check_mean("nanmean", input, dtype)
    values = _values(input)
    count = (~np.isnan(values)).sum(axis=_dims("nanmean", dim, input.ndim), keepdims=keepdim).astype(values.dtype)
    return nansum(input, dim, keepdim) / np.asarray(count)


def _prod_forward(input: Any, *, dim: tuple[int, ...], keepdim: bool) -> Any:
    kind = np.int64 if input.dtype.kind in "iub" else input.dtype
    return input.prod(axis=dim, keepdims=keepdim, dtype=kind)


def _prod_rule(g: Any, input: Any, out: Any, dim: tuple[int, ...]) -> Any:
    """The product of the other elements, right where elements are zero, too."""
    shape = tuple(input.shape)
    if not (_values(input) == 0).any():
        return _spread(g * out, shape, dim) / input
    from tinygrad_hw.ops.scan import cumprod
    from tinygrad_hw.ops.shape import cat, flip, movedim

    # Exclusive products from the left and from the right.
    rest = tuple(i for i in range(len(shape)) if i not in dim)
    x = movedim(input, dim, tuple(range(len(rest), len(shape)))) if dim else input
    x = reshape(x, (*[shape[i] for i in rest], -1))
    ones = np.ones((*x.shape[:-1], 1), _values(x).dtype)
    left = cumprod(cat((ones, x[..., :-1]), -1), -1)
    right = flip(cumprod(cat((ones, flip(x, (-1,))[..., :-1]), -1), -1), (-1,))
    others = reshape(left * right, tuple(shape[i] for i in (*rest, *dim)))
    if dim:
        others = movedim(others, tuple(range(len(rest), len(shape))), dim)
    return _spread(g, shape, dim) * others


_prod = op("prod", _prod_forward, node_name="ProdBackward1", input=_prod_rule)


def prod(input: Any, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None, out: Any = None) -> Any:
    r"""Return :math:`\prod_i x_i` over a dimension, or of all elements.

    Args:
        input: a tensor; integers and bool are multiplied as int64.
        dim: the dimension; None for all.
        keepdim: keep it with size 1.
        dtype: convert to it first.
        out: a tensor to write the result into.

    Source: ``torch.prod``. The gradient is right where elements are zero.

    Example:
        >>> torch.prod(torch.tensor([2.0, 3.0]))
        tensor(6.)
    """
    if out is not None:
        return into(out, prod, input, dim, keepdim, dtype=dtype)
    if dtype is not None:
        target = dtypes.as_dtype(dtype)
        return _converted(prod(_converted(input, target), dim, keepdim), target)
    return _prod(input, dim=_dims("prod", dim, input.ndim), keepdim=keepdim)


# -- spread ----------------------------------------------------------------------------------------


def _var_forward(input: Any, *, dim: tuple[int, ...], keepdim: bool, correction: float) -> Any:
    wide = input.astype(np.float32) if input.dtype == np.float16 else input
    count = math.prod(input.shape[d] for d in dim)
    centre = wide - _mean_forward(wide, dim=dim, keepdim=True)
    total = _sum_forward(centre * centre, dim=dim, keepdim=keepdim)
    free = np.asarray(builtins.max(count - correction, 0), wide.dtype)
    return np.true_divide(total, free).astype(input.dtype)


def _var_rule(g: Any, input: Any, dim: tuple[int, ...], correction: float) -> Any:
    shape = tuple(input.shape)
    count = math.prod(shape[d] for d in dim)
    centre = input - _mean(input, dim=dim, keepdim=True)
    free = count - correction
    factor = 2 / free if free > 0 else math.nan
    return _back(g, shape, dim) * centre * factor


_var = op("var", _var_forward, node_name="VarBackward0", input=_var_rule)


def _correction(unbiased: Any, correction: Any) -> float:
    if correction is not None:
        return correction
    return 1 if unbiased is None or unbiased else 0


def _spread_arguments(dim: Any, unbiased: Any) -> tuple[Any, Any]:
    # var(x, False) means unbiased=False.
    return (None, dim) if isinstance(dim, bool) else (dim, unbiased)


def var(
    input: Any,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    out: Any = None,
) -> Any:
    r"""Return the variance :math:`\frac{1}{n - c} \sum_i (x_i - \bar x)^2` over the given dimensions.

    Args:
        input: a floating point tensor.
        dim: a dimension, a tuple of them, or None for all.
        unbiased: True for c = 1 (the default), False for c = 0.
        keepdim: keep reduced dimensions with size 1.
        correction: c.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: the dtype is not floating point.

    Source: ``torch.var``.

    Example:
        >>> torch.var(torch.tensor([1.0, 2.0, 3.0]))
        tensor(1.)
    """
    if out is not None:
        return into(out, var, input, dim, unbiased, keepdim, correction=correction)
    dim, unbiased = _spread_arguments(dim, unbiased)
    if _values(input).dtype.kind != "f":
        if _values(input).dtype.kind == "c":
            parts = [var(part, dim, unbiased, keepdim, correction=correction) for part in (real(input), imag(input))]
            return parts[0] + parts[1]
        raise RuntimeError("std and var only support floating point and complex dtypes")
    return _var(
        input,
        dim=_dims("var", dim, input.ndim),
        keepdim=keepdim,
        correction=_correction(unbiased, correction),
    )


def std(
    input: Any,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    out: Any = None,
) -> Any:
    """Return the standard deviation, the root of ``var``; same arguments.

    Source: ``torch.std``.

    Example:
        >>> torch.std(torch.tensor([1.0, 2.0, 3.0]))
        tensor(1.)
    """
    if out is not None:
        return into(out, std, input, dim, unbiased, keepdim, correction=correction)
    dim, unbiased = _spread_arguments(dim, unbiased)
    if _values(input).dtype.kind != "f":
        if _values(input).dtype.kind == "c":
            return sqrt(var(input, dim, unbiased, keepdim, correction=correction))
        raise RuntimeError("std and var only support floating point and complex dtypes")
    return _std(
        input,
        dim=_dims("std", dim, input.ndim),
        keepdim=keepdim,
        correction=_correction(unbiased, correction),
    )


def _std_rule(g: Any, input: Any, out: Any, dim: tuple[int, ...], correction: float) -> Any:
    # At zero deviation the gradient is 0, not 0/0.
    zero = _values(out) == 0
    safe = _where(zero, np.ones((), _values(out).dtype), out)
    inner = _where(zero, np.zeros((), _values(out).dtype), g / (safe * 2))
    return _var_rule(inner, input, dim, correction)


_std = op(
    "std",
    lambda input, *, dim, keepdim, correction: np.sqrt(
        _var_forward(input, dim=dim, keepdim=keepdim, correction=correction)
    ),
    node_name="StdBackward0",
    input=_std_rule,
)


def var_mean(
    input: Any,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Any, Any]:
    """Return ``(var, mean)``; arguments as for ``var``.

    Example:
        >>> torch.var_mean(torch.tensor([1.0, 2.0, 3.0]))
        (tensor(1.), tensor(2.))
    """
    dim, unbiased = _spread_arguments(dim, unbiased)
    return (
        var(input, dim, unbiased, keepdim, correction=correction),
        mean(input, dim, keepdim),
    )


def std_mean(
    input: Any,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Any, Any]:
    """Return ``(std, mean)``; arguments as for ``var``.

    Example:
        >>> torch.std_mean(torch.tensor([1.0, 2.0, 3.0]))
        (tensor(1.), tensor(2.))
    """
    dim, unbiased = _spread_arguments(dim, unbiased)
    return (
        std(input, dim, unbiased, keepdim, correction=correction),
        mean(input, dim, keepdim),
    )


# -- extremes --------------------------------------------------------------------------------------


def _check_not_empty(name: str, input: Any, dim: tuple[int, ...]) -> None:
    shape = input.shape
    if len(dim) == len(shape) > 1 and 0 in shape:
        raise RuntimeError(
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with "
            "the 'dim' argument."
        )
    if builtins.any(shape[d] == 0 for d in dim):
        raise IndexError(
            f"{name}(): Expected reduction dim {dim[0] if len(dim) == 1 else dim} to have non-zero size, got "
            f"shape {list(shape)}"
        )


def _ties(g: Any, input: Any, out: Any, dim: tuple[int, ...]) -> Any:
    """Share the gradient evenly among the elements that reach the extreme."""
    shape = tuple(input.shape)
    x, o = _values(input), _values(_back(_values(out), shape, dim))
    mask = (x == o) | (np.isnan(x) & np.isnan(o))
    count = mask.sum(axis=dim, keepdims=True)
    weight = np.asarray(mask / np.where(count == 0, 1, count), x.dtype)
    return _back(g, shape, dim) * weight


_amax = op(
    "amax",
    lambda input, *, dim, keepdim: input.max(axis=dim, keepdims=keepdim),
    input=lambda g, input, out, dim: _ties(g, input, out, dim),
)
_amin = op(
    "amin",
    lambda input, *, dim, keepdim: input.min(axis=dim, keepdims=keepdim),
    input=lambda g, input, out, dim: _ties(g, input, out, dim),
)
_max_all = op(
    "max_all",
    lambda input: input.max(),
    node_name="MaxBackward1",
    input=lambda g, input, out: _ties(g, input, out, tuple(range(input.ndim))),
)
_min_all = op(
    "min_all",
    lambda input: input.min(),
    node_name="MinBackward1",
    input=lambda g, input, out: _ties(g, input, out, tuple(range(input.ndim))),
)


def amax(input: Any, dim: Dims = (), keepdim: bool = False, *, out: Any = None) -> Any:
    """Return the largest elements over the given dimensions; ties share the gradient evenly.

    Args:
        input: a tensor.
        dim: a dimension, a tuple of them, or () for all.
        keepdim: keep reduced dimensions with size 1.
        out: a tensor to write the result into.

    Raises:
        IndexError: a reduced dimension is empty.

    Source: ``torch.amax``.

    Example:
        >>> torch.amax(torch.tensor([[1.0, 5.0], [3.0, 2.0]]), 1)
        tensor([5., 3.])
    """
    if out is not None:
        return into(out, amax, input, dim, keepdim)
    d = _dims("amax", dim, input.ndim)
    _check_not_empty("amax", input, d)
    return _amax(input, dim=d, keepdim=keepdim)


def amin(input: Any, dim: Dims = (), keepdim: bool = False, *, out: Any = None) -> Any:
    """Return the smallest elements over the given dimensions; see ``amax``.

    Example:
        >>> torch.amin(torch.tensor([[1.0, 5.0], [3.0, 2.0]]), 1)
        tensor([1., 2.])
    """
    if out is not None:
        return into(out, amin, input, dim, keepdim)
    d = _dims("amin", dim, input.ndim)
    _check_not_empty("amin", input, d)
    return _amin(input, dim=d, keepdim=keepdim)


def aminmax(input: Any, *, dim: int | None = None, keepdim: bool = False, out: Any = None) -> Any:
    """Return the smallest and the largest elements as ``(min, max)``; see ``amax``.

    Example:
        >>> torch.aminmax(torch.tensor([1.0, -3.0, 5.0])).max
        tensor(5.)
    """
    if out is not None:
        return into(out, aminmax, input, dim=dim, keepdim=keepdim)
    if dim is None and 0 in input.shape:
        raise RuntimeError(
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity."
        )
    d: Any = () if dim is None else dim
    return return_types.aminmax(amin(input, d, keepdim), amax(input, d, keepdim))


def _arg_extreme(x: Any, dim: int, largest: bool) -> Any:
    if x.ndim == 0:
        return np.zeros((), np.int64)
    return x.argmax(axis=dim) if largest else x.argmin(axis=dim)


def pick(input: Any, indices: Any, dim: int) -> Any:
    """Return the elements of ``input`` at ``indices`` (size 1 along ``dim``)."""
    return _pick(input, indices, dim=dim)


def _put(input: Any, indices: Any, *, dim: int, size: Any) -> Any:
    out = np.zeros(size, input.dtype)
    if out.ndim == 0:
        return input.reshape(())
    np.put_along_axis(out, indices, input, dim)
    return out


#: The elements at ``indices`` along ``dim``, and the adjoint. One index per place, so nothing adds up.
_pick = op(
    "pick",
    lambda input, indices, *, dim: np.take_along_axis(input, indices, dim) if input.ndim else input,
    input=lambda g, indices, input_shape, dim: _put_op(g, indices, dim=dim, size=tuple(input_shape)),
)
_put_op = op("put", _put, input=lambda g, indices, dim: _pick(g, indices, dim=dim))


def _extreme_forward(largest: bool) -> Any:
    def forward(input: Any, *, dim: int, keepdim: bool) -> tuple[Any, Any]:
        if input.ndim == 0:
            return input.copy(), np.zeros((), np.int64)
        indices = np.expand_dims(_arg_extreme(input, dim, largest), dim)
        values = np.take_along_axis(input, indices, dim)
        if keepdim:
            return values, indices
        return values.squeeze(dim), indices.squeeze(dim)

    return forward


def _extreme_rule(g: Any, indices: Any, input_shape: Any, dim: int) -> Any:
    kept = _kept(input_shape, (dim,)) if input_shape else ()
    at = indices.reshape(kept)
    return _put_op(reshape(g, kept), at, dim=dim, size=tuple(input_shape))


_max_dim = op(
    "max_dim",
    _extreme_forward(True),
    outputs=("values", "indices"),
    nondiff=("indices",),
    node_name="MaxBackward0",
    input=_extreme_rule,
)
_min_dim = op(
    "min_dim",
    _extreme_forward(False),
    outputs=("values", "indices"),
    nondiff=("indices",),
    node_name="MinBackward0",
    input=_extreme_rule,
)


def _no_tensor(name: str, *arguments: Any) -> TypeError:
    given = ", ".join(type(a).__name__ for a in arguments)
    return TypeError(f"{name}() received an invalid combination of arguments - got ({given})")


def max(input: Any, dim: Any = None, keepdim: bool = False, *, other: Any = None, out: Any = None) -> Any:
    """Return the largest element; along ``dim`` the values and their indices; of two tensors the larger.

    Args:
        input: a tensor.
        dim: a dimension, or another tensor (then it is ``maximum``), or None for all.
        keepdim: keep the reduced dimension with size 1.
        other: another tensor.
        out: a tensor to write the result into.

    Returns:
        A 0-d tensor, a named tuple ``(values, indices)``, or a tensor.

    Raises:
        RuntimeError: there is no element.
        IndexError: the dimension is empty.

    Source: ``torch.max``. NaN counts as largest; ties of the whole tensor share the gradient, along a
    dimension it goes to the index returned.

    Example:
        >>> torch.max(torch.tensor([[1.0, 5.0], [3.0, 2.0]]), 1).indices
        tensor([1, 0])
    """
    if out is not None:
        return into(out, max, input, dim, keepdim, other=other)
    if other is not None or isinstance(dim, TensorBase):
        return maximum(input, dim if other is None else other)
    if dim is None:
        if _values(input).size == 0:
            raise RuntimeError(
                "max(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction "
                "dim with the 'dim' argument."
            )
        return _max_all(input)
    if not isinstance(input, (TensorBase, np.ndarray)):
        raise _no_tensor("max", input, dim)
    d = _one_dim("max", dim, input.ndim)
    if input.ndim:
        _check_not_empty("max", input, (d,))
    return return_types.max(*_max_dim(input, dim=d, keepdim=keepdim))


def min(input: Any, dim: Any = None, keepdim: bool = False, *, other: Any = None, out: Any = None) -> Any:
    """Return the smallest element; along ``dim`` the values and their indices; see ``max``.

    Example:
        >>> torch.min(torch.tensor([[1.0, 5.0], [3.0, 2.0]]), 1).values
        tensor([1., 2.])
    """
    if out is not None:
        return into(out, min, input, dim, keepdim, other=other)
    if other is not None or isinstance(dim, TensorBase):
        return minimum(input, dim if other is None else other)
    if dim is None:
        if _values(input).size == 0:
            raise RuntimeError(
                "min(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction "
                "dim with the 'dim' argument."
            )
        return _min_all(input)
    if not isinstance(input, (TensorBase, np.ndarray)):
        raise _no_tensor("min", input, dim)
    d = _one_dim("min", dim, input.ndim)
    if input.ndim:
        _check_not_empty("min", input, (d,))
    return return_types.min(*_min_dim(input, dim=d, keepdim=keepdim))


def _arg(name: str, input: Any, dim: int | None, keepdim: bool, largest: bool) -> Any:
    check_real(name, input)
    x = _values(input)
    if x.dtype == np.bool_:
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for 'Bool'")
    if dim is None:
        if x.size == 0:
            raise IndexError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0.")
        result = np.asarray(_arg_extreme(x.reshape(-1), 0, largest), np.int64)
        if keepdim:
            result = result.reshape((1,) * x.ndim)
    else:
        d = _one_dim(name, dim, x.ndim)
        if x.ndim:
            _check_not_empty(name, x, (d,))
        result = np.asarray(_arg_extreme(x, d, largest), np.int64)
        if keepdim and x.ndim:
            result = np.expand_dims(result, d)
    return wrap(result) if isinstance(input, TensorBase) else result


@whole
def argmax(input: Any, dim: int | None = None, keepdim: bool = False, *, out: Any = None) -> Any:
    """Return the index of the largest element, the first if several are; of the flattened tensor by default.

    Args:
        input: a tensor.
        dim: the dimension; None for the flattened tensor.
        keepdim: keep it with size 1.
        out: a tensor to write the result into.

    Source: ``torch.argmax``.

    Example:
        >>> torch.argmax(torch.tensor([[1.0, 5.0], [3.0, 2.0]]), dim=1)
        tensor([1, 0])
    """
    if out is not None:
        return into(out, argmax, input, dim, keepdim)
    return _arg("argmax", input, dim, keepdim, True)


@whole
def argmin(input: Any, dim: int | None = None, keepdim: bool = False, *, out: Any = None) -> Any:
    """Return the index of the smallest element; see ``argmax``.

    Example:
        >>> torch.argmin(torch.tensor([[1.0, 5.0], [3.0, 2.0]]), dim=1)
        tensor([0, 1])
    """
    if out is not None:
        return into(out, argmin, input, dim, keepdim)
    return _arg("argmin", input, dim, keepdim, False)


# -- logic -----------------------------------------------------------------------------------------


def _logic(name: str, function: Any, input: Any, dim: Dims, keepdim: bool) -> Any:
    x = _values(input)
    axes = None if dim is None else _dims(name, dim, x.ndim)
    if axes is None and keepdim:
        axes = tuple(range(x.ndim))
    result = np.asarray(function(x, axis=axes, keepdims=keepdim))
    if x.dtype == np.uint8:
        result = result.astype(np.uint8)
    return wrap(result) if isinstance(input, TensorBase) else result


@whole
def all(input: Any, dim: Dims = None, keepdim: bool = False, *, out: Any = None) -> Any:
    """Return whether all elements are non-zero, over the given dimensions.

    Source: ``torch.all``.

    Example:
        >>> torch.all(torch.tensor([True, False]))
        tensor(False)
    """
    if out is not None:
        return into(out, all, input, dim, keepdim)
    return _logic("all", np.all, input, dim, keepdim)


@whole
def any(input: Any, dim: Dims = None, keepdim: bool = False, *, out: Any = None) -> Any:
    """Return whether any element is non-zero, over the given dimensions.

    Source: ``torch.any``.

    Example:
        >>> torch.any(torch.tensor([True, False]))
        tensor(True)
    """
    if out is not None:
        return into(out, any, input, dim, keepdim)
    return _logic("any", np.any, input, dim, keepdim)


@whole
def count_nonzero(input: Any, dim: Dims = None) -> Any:
    """Return how many elements are not zero, over the given dimensions.

    Source: ``torch.count_nonzero``.

    Example:
        >>> torch.count_nonzero(torch.tensor([0, 1, 2]))
        tensor(2)
    """
    x = _values(input)
    result = np.asarray(np.count_nonzero(x, axis=_dims("count_nonzero", dim, x.ndim)), np.int64)
    return wrap(result) if isinstance(input, TensorBase) else result


# -- logarithms and norms --------------------------------------------------------------------------


def _logsumexp_forward(input: Any, *, dim: tuple[int, ...], keepdim: bool) -> Any:
    if math.prod(input.shape[d] for d in dim) == 0:
        return np.log(input.sum(axis=dim, keepdims=keepdim))
    high = input.max(axis=dim, keepdims=True)
    shift = np.where(np.isfinite(high), high, 0)
    out = np.log(np.exp(input - shift).sum(axis=dim, keepdims=True)) + shift
    return out if keepdim else out.squeeze(dim)


def _logsumexp_rule(g: Any, input: Any, out: Any, dim: tuple[int, ...]) -> Any:
    shape = tuple(input.shape)
    o = _back(out, shape, dim)
    # exp(-inf - -inf) would be NaN; such rows have no gradient.
    infinite = ~np.isfinite(_values(o))
    safe = _where(infinite, np.zeros((), _values(o).dtype), o)
    return _back(g, shape, dim) * exp(input - safe)


_logsumexp = op("logsumexp", _logsumexp_forward, promote="float", input=_logsumexp_rule)


def logsumexp(input: Any, dim: Dims, keepdim: bool = False, *, out: Any = None) -> Any:
    r"""Return :math:`\log \sum_i e^{x_i}` over the given dimensions, without overflow.

    Args:
        input: a tensor.
        dim: a dimension or a tuple of them.
        keepdim: keep reduced dimensions with size 1.
        out: a tensor to write the result into.

    Source: ``torch.logsumexp``.

    Example:
        >>> torch.logsumexp(torch.tensor([1000.0, 1000.0]), 0)
        tensor(1000.6932)
    """
    if out is not None:
        return into(out, logsumexp, input, dim, keepdim)
    return _logsumexp(input, dim=_dims("logsumexp", dim, input.ndim), keepdim=keepdim)


def _norm_forward(input: Any, *, p: float, dim: tuple[int, ...], keepdim: bool) -> Any:
    x = np.abs(input)
    if p == 0:
        return (x != 0).sum(axis=dim, keepdims=keepdim).astype(input.dtype)
    if p == math.inf:
        return x.max(axis=dim, keepdims=keepdim, initial=0)
    if p == -math.inf:
        return x.min(axis=dim, keepdims=keepdim, initial=np.inf)
    if p == 1:
        return _sum_forward(x, dim=dim, keepdim=keepdim)
    if p == 2:
        return np.sqrt(_sum_forward(x * x, dim=dim, keepdim=keepdim))
    return np.power(_sum_forward(np.power(x, x.dtype.type(p)), dim=dim, keepdim=keepdim), x.dtype.type(1 / p))


def _norm_rule(g: Any, input: Any, out: Any, p: float, dim: tuple[int, ...]) -> Any:
    from tinygrad_hw.ops.arithmetic import _pow_scalar
    from tinygrad_hw.ops.unary import sign

    shape = tuple(input.shape)
    g, o = _back(g, shape, dim), _back(out, shape, dim)
    kind = _values(input).dtype
    if p == 0:
        return input * 0.0
    if p == 1:
        return g * sign(input)
    if abs(p) == math.inf:
        size, at = np.abs(_values(input)), _values(o)
        mask = size == at
        weight = mask / np.maximum(mask.sum(axis=dim, keepdims=True), 1)
        return g * sign(input) * weight.astype(kind)
    zero = _values(o) == 0
    safe = _where(zero, np.ones((), kind), o)
    if p == 2:
        return _where(zero, np.zeros((), kind), g / safe) * input
    size = abs_(input)
    flat = _values(input) == 0
    lifted = _where(flat, np.ones((), kind), size)
    power = _where(flat, np.zeros((), kind), _pow_scalar(lifted, exponent=p - 1))
    factor = _where(zero, np.zeros((), kind), g * _pow_scalar(safe, exponent=1 - p))
    return sign(input) * power * factor


_norm = op("norm", _norm_forward, node_name="LinalgVectorNormBackward0", input=_norm_rule)


def norm(
    input: Any, p: Any = "fro", dim: Dims = None, keepdim: bool = False, *, dtype: Any = None, out: Any = None
) -> Any:
    r"""Return the vector norm :math:`(\sum_i |x_i|^p)^{1/p}` over the given dimensions.

    Args:
        input: a floating point tensor.
        p: a number, ``inf``, ``-inf``, or ``"fro"`` (default) for 2; ``"nuc"`` for the nuclear norm of matrices.
        dim: a dimension, a tuple of them, or None for all.
        keepdim: keep reduced dimensions with size 1.
        dtype: convert to it first.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: the dtype is not floating point.

    Source: ``torch.norm``. The gradient at 0 is 0.

    Example:
        >>> torch.norm(torch.tensor([3.0, 4.0]))
        tensor(5.)
    """
    if out is not None:
        return into(out, norm, input, p, dim, keepdim, dtype=dtype)
    input = _converted(input, dtype)
    if _values(input).dtype.kind == "c" and p != "nuc":
        input = abs_(input)
    if _values(input).dtype.kind != "f":
        raise RuntimeError(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got "
            f"{dtypes.from_numpy(_values(input).dtype)}"
        )
    if p == "nuc":
        from tinygrad_hw.ops.linalg import matrix_norm

        return matrix_norm(input, "nuc", (-2, -1) if dim is None else dim, keepdim)
    exponent = 2.0 if p in ("fro", None) else float(p)
    return _norm(input, p=exponent, dim=_dims("norm", dim, input.ndim), keepdim=keepdim)


def dist(input: Any, other: Any, p: float = 2) -> Any:
    """Return the p-norm of the difference of two tensors.

    Source: ``torch.dist``.

    Example:
        >>> torch.dist(torch.tensor([0.0, 0.0]), torch.tensor([3.0, 4.0]))
        tensor(5.)
    """
    return norm(input - other, p)


# -- order statistics ------------------------------------------------------------------------------


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
        if _values(input).size == 0:
            return wrap(np.asarray(np.nan, _values(input).dtype))
        flat = flatten(input)
        at = _median_indices(_values(flat), 0, ignore_nan)
        return reshape(pick(flat, at, 0), ())
    result = getattr(return_types, name)
    if input.ndim == 0:
        return result(input + 0, wrap(np.zeros((), np.int64)))
    d = _one_dim(name, dim, input.ndim)
    _check_not_empty(name, input, (d,))
    at = _median_indices(_values(input), d, ignore_nan)
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
    d = _one_dim("mode", dim, input.ndim)
    _check_not_empty("mode", input, (d,))
    x = np.moveaxis(_values(input), d, -1)
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
    from tinygrad_hw.ops.arithmetic import lerp
    from tinygrad_hw.ops.index import gather
    from tinygrad_hw.ops.shape import movedim, squeeze

    if interpolation not in ("linear", "lower", "higher", "nearest", "midpoint"):
        raise RuntimeError(
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {interpolation}"
        )
    x = _values(input)
    if x.size == 0:
        raise RuntimeError(f"{name}() input tensor must be non-empty")
    if x.dtype not in (np.float32, np.float64):
        raise RuntimeError(f"{name}() input tensor must be either float or double dtype")
    qs = np.asarray(_values(q) if isinstance(q, TensorBase) else q, x.dtype)
    if qs.ndim > 1:
        raise RuntimeError(f"{name}() q must be a scalar or 1D tensor")
    if isinstance(q, TensorBase) and _values(q).dtype != x.dtype:
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
    values = _values(rows)
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
