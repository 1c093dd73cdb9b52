"""Reductions: sums, means, products, logic, norms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.basics import cast
from tinygrad_hw.autograd.basics import expand as _expand
from tinygrad_hw.autograd.complex import check_real
from tinygrad_hw.autograd.graph import TensorBase, array_of, wrap
from tinygrad_hw.autograd.observe import whole
from tinygrad_hw.autograd.op import op
from tinygrad_hw.autograd.out import into
from tinygrad_hw.kernels.sums import sum_of_rows
from tinygrad_hw.ops.arithmetic import _pow_scalar
from tinygrad_hw.ops.joining import cat
from tinygrad_hw.ops.permutation import flip, movedim
from tinygrad_hw.ops.selection import _where
from tinygrad_hw.ops.shape import reshape
from tinygrad_hw.ops.unary import abs as abs_
from tinygrad_hw.ops.unary import exp, sign

__all__ = [
    "all",
    "any",
    "count_nonzero",
    "dist",
    "hash_tensor",
    "logsumexp",
    "mean",
    "nanmean",
    "nansum",
    "norm",
    "prod",
    "sum",
]

Dims = Any  # int | tuple[int, ...] | None


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
    if dim.__class__ is int and -ndim <= dim < ndim:
        return (dim % ndim,)
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
    return g if g.shape == kept else g.reshape(kept)


def _spread(g: Any, shape: Sequence[int], dim: tuple[int, ...]) -> Any:
    """Return a reduced gradient broadcast to the input's shape."""
    return _expand(_back(g, shape, dim), size=tuple(shape))


@whole
def _integers(input: Any, dtype: Any) -> Any:
    """Return a tensor or array of a dtype without gradients, or from one."""
    array = array_of(input).astype(dtype)
    return wrap(array) if isinstance(input, TensorBase) else array


def _converted(input: Any, dtype: Any) -> Any:
    if dtype is None:
        return input
    target = dtypes.as_dtype(dtype).numpy
    if target == array_of(input).dtype:
        return input
    if target.kind in "fcVW" and array_of(input).dtype.kind in "fcVW":
        return cast(input, dtype=target)
    return _integers(input, target)


# -- sums ------------------------------------------------------------------------------------------


_add_up = np.add.reduce


def _sum_forward(input: Any, *, dim: tuple[int, ...] | None, keepdim: bool) -> Any:
    """Return the sum over some dimensions, all for None."""
    char = input.dtype.char
    if char == "f":
        if dim and input.ndim - 1 not in dim:
            if dim == (0,) and not keepdim and len(input) <= 4096:
                return sum_of_rows(input)
            # numpy adds rows one after the other here; float64 sums keep the error small.
            if math.prod([input.shape[d] for d in dim]) > 4096:
                return _add_up(input, dim, np.float64, None, keepdim).astype(np.float32)
    elif char == "e":
        return _add_up(input, dim, np.float32, None, keepdim).astype(np.float16)
    elif input.dtype.kind in "iub":
        return _add_up(input, dim, np.int64, None, keepdim)
    return _add_up(input, dim, None, None, keepdim)


_sum = op(
    "sum",
    _sum_forward,
    node_name="SumBackward1",
    input=lambda g, input_shape, dim: _spread(g, input_shape, dim),
)
_sum_all = op(
    "sum_all",
    lambda input: _add_up(input, None) if input.dtype.char in "fd" else _sum_forward(input, dim=None, keepdim=False),
    node_name="SumBackward0",
    input=lambda g, input_shape: _expand(g, size=input_shape),
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
    values = array_of(input)
    if values.dtype.kind in "fV":
        input = _where(~np.isnan(values), input, np.zeros((), values.dtype))
    return sum(input, dim, keepdim, dtype=dtype)


def _check_mean(name: str, input: Any, dtype: Any) -> Any:
    if dtype is not None:
        input = _converted(input, dtype)
    if array_of(input).dtype.kind not in "fcVW":
        kind = dtypes.from_numpy(array_of(input).dtype)
        raise RuntimeError(
            f"{name}(): could not infer output dtype. Input dtype must be either a floating point or complex "
            f"dtype. Got: {kind}. Convert it with .float(), or give dtype="
        )
    return input


def _mean_forward(input: Any, *, dim: tuple[int, ...] | None, keepdim: bool) -> Any:
    total = _sum_forward(input, dim=dim, keepdim=keepdim)
    count = input.size if dim is None else math.prod([input.shape[d] for d in dim])
    if total.__class__ is np.float32 or total.__class__ is np.float64:
        return total / count
    # A count above 2048 is no float16 number.
    kind = np.float32 if input.dtype == np.float16 else input.dtype
    return np.true_divide(total, np.asarray(count, kind)).astype(input.dtype, copy=False)


def _mean_rule(g: Any, input_shape: Any, dim: tuple[int, ...]) -> Any:
    count = math.prod([input_shape[d] for d in dim])
    return _spread(g / count if count else g, input_shape, dim)


def _mean_all_rule(g: Any, input_shape: Any) -> Any:
    return _expand(g / (math.prod(input_shape) or 1), size=input_shape)


_mean = op("mean", _mean_forward, node_name="MeanBackward1", input=_mean_rule)
_mean_all = op(
    "mean_all",
    lambda input: _mean_forward(input, dim=None, keepdim=False),
    node_name="MeanBackward0",
    input=_mean_all_rule,
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
    values = array_of(input)
    count = (~np.isnan(values)).sum(axis=_dims("nanmean", dim, input.ndim), keepdims=keepdim).astype(values.dtype)
    return nansum(input, dim, keepdim) / np.asarray(count)


def _prod_forward(input: Any, *, dim: tuple[int, ...], keepdim: bool) -> Any:
    kind = np.int64 if input.dtype.kind in "iub" else input.dtype
    return input.prod(axis=dim, keepdims=keepdim, dtype=kind)


def _prod_rule(g: Any, input: Any, out: Any, dim: tuple[int, ...]) -> Any:
    """The product of the other elements, right where elements are zero, too."""
    shape = tuple(input.shape)
    if not (array_of(input) == 0).any():
        return _spread(g * out, shape, dim) / input
    from tinygrad_hw.ops.scan import cumprod

    # Exclusive products from the left and from the right.
    rest = tuple(i for i in range(len(shape)) if i not in dim)
    x = movedim(input, dim, tuple(range(len(rest), len(shape)))) if dim else input
    x = reshape(x, (*[shape[i] for i in rest], -1))
    ones = np.ones((*x.shape[:-1], 1), array_of(x).dtype)
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


# -- logic -----------------------------------------------------------------------------------------


def _logic(name: str, function: Any, input: Any, dim: Dims, keepdim: bool) -> Any:
    x = array_of(input)
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
    x = array_of(input)
    result = np.asarray(np.count_nonzero(x, axis=_dims("count_nonzero", dim, x.ndim)), np.int64)
    return wrap(result) if isinstance(input, TensorBase) else result


@whole
def hash_tensor(input: Any, dim: Dims = None, *, keepdim: bool = False, mode: int = 0, out: Any = None) -> Any:
    """Return a hash of the elements: the exclusive or of their bits as float64 or int64 numbers.

    Args:
        input: a tensor of real numbers.
        dim: the dimension or dimensions to reduce; all if left out.
        keepdim: keep them, of size 1.
        mode: 0, the only one.
        out: a tensor to write to.

    Returns:
        a tensor of uint64.

    Raises:
        RuntimeError: another mode, or no elements and no dimension.
        IndexError: a dimension to reduce is empty.
        NotImplementedError: of complex numbers.

    Source: ``torch.hash_tensor``.

    Example:
        >>> torch.hash_tensor(torch.tensor([5, 3]))
        tensor(6, dtype=torch.uint64)
    """
    if out is not None:
        return into(out, hash_tensor, input, dim, keepdim=keepdim, mode=mode)
    if mode != 0:
        raise RuntimeError(f"Unknown hash_tensor mode: {mode}; 0 is the only one")
    x = array_of(input)
    over = _dims("hash_tensor", dim, x.ndim)
    if x.dtype.kind in "cW":
        raise NotImplementedError(
            f"hash_tensor: 'xor_sum_cpu' not implemented for {dtypes.from_numpy(x.dtype)}; hash torch.view_as_real(x)"
        )
    if not x.size and (dim is None or dim == ()):
        raise RuntimeError(
            "hash_tensor: Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim "
            "with the 'dim' argument."
        )
    for d in over:
        if not x.shape[d]:
            raise IndexError(f"hash_tensor: Expected reduction dim {d} to have non-zero size.")
    wide = dtypes.convert(x, np.dtype(np.float64 if x.dtype.kind in "fV" else np.int64)).view(np.uint64)
    result = np.asarray(np.bitwise_xor.reduce(wide, axis=over, keepdims=keepdim))
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
    infinite = ~np.isfinite(array_of(o))
    safe = _where(infinite, np.zeros((), array_of(o).dtype), o)
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
    shape = tuple(input.shape)
    g, o = _back(g, shape, dim), _back(out, shape, dim)
    kind = array_of(input).dtype
    if p == 0:
        return input * 0.0
    if p == 1:
        return g * sign(input)
    if abs(p) == math.inf:
        size, at = np.abs(array_of(input)), array_of(o)
        mask = size == at
        weight = mask / np.maximum(mask.sum(axis=dim, keepdims=True), 1)
        return g * sign(input) * weight.astype(kind)
    zero = array_of(o) == 0
    safe = _where(zero, np.ones((), kind), o)
    if p == 2:
        return _where(zero, np.zeros((), kind), g / safe) * input
    size = abs_(input)
    flat = array_of(input) == 0
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
    if array_of(input).dtype.kind == "c" and p != "nuc":
        input = abs_(input)
    if array_of(input).dtype.kind not in "fV":
        raise RuntimeError(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got "
            f"{dtypes.from_numpy(array_of(input).dtype)}"
        )
    if p == "nuc":
        from tinygrad_hw.ops.matrix_properties import matrix_norm

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
