"""The largest and the smallest element, and where they are."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from tinygrad_hw import return_types
from tinygrad_hw.autograd.complex import check_real
from tinygrad_hw.autograd.graph import TensorBase, array_of, wrap
from tinygrad_hw.autograd.observe import whole
from tinygrad_hw.autograd.op import op
from tinygrad_hw.autograd.out import into
from tinygrad_hw.ops.reduce import Dims, _back, _dims, _kept, _one_dim
from tinygrad_hw.ops.scatter import _grid
from tinygrad_hw.ops.selection import maximum, minimum
from tinygrad_hw.ops.shape import reshape

__all__ = [
    "amax",
    "amin",
    "aminmax",
    "argmax",
    "argmin",
    "max",
    "min",
]


def _needs_dim(name: str) -> RuntimeError:
    return RuntimeError(
        f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with "
        "the 'dim' argument."
    )


def _check_not_empty(name: str, input: Any, dim: tuple[int, ...]) -> None:
    shape = input.shape
    if len(dim) == len(shape) > 1 and 0 in shape:
        raise _needs_dim(name)
    if builtins.any(shape[d] == 0 for d in dim):
        raise IndexError(
            f"{name}(): Expected reduction dim {dim[0] if len(dim) == 1 else dim} to have non-zero size, got "
            f"shape {list(shape)}"
        )


def _filled_dim(name: str, input: Any, dim: int) -> int:
    """Return a dimension from 0 that has elements; a tensor without dimensions counts as one with one."""
    shape = array_of(input).shape
    if dim.__class__ is int and -len(shape) <= dim < len(shape) and shape[dim]:
        return dim % len(shape)
    d = _one_dim(name, dim, len(shape))
    if shape:
        _check_not_empty(name, input, (d,))
    return d


def _ties(g: Any, input: Any, out: Any, dim: tuple[int, ...]) -> Any:
    """Share the gradient evenly among the elements that reach the extreme."""
    shape = tuple(input.shape)
    x, o = array_of(input), array_of(_back(array_of(out), shape, dim))
    mask = (x == o) | (np.isnan(x) & np.isnan(o))
    count = mask.sum(axis=dim, keepdims=True)
    weight = np.asarray(mask / np.where(count == 0, 1, count), x.dtype)
    return _back(g, shape, dim) * weight


def _ties_of_all(g: Any, input: Any, out: Any) -> Any:
    return _ties(g, input, out, tuple(range(input.ndim)))


_amax = op(
    "amax",
    lambda input, *, dim, keepdim: input.max(axis=dim, keepdims=keepdim),
    input=_ties,
)
_amin = op(
    "amin",
    lambda input, *, dim, keepdim: input.min(axis=dim, keepdims=keepdim),
    input=_ties,
)
_max_all = op(
    "max_all",
    lambda input: input.max(),
    node_name="MaxBackward1",
    input=_ties_of_all,
)
_min_all = op(
    "min_all",
    lambda input: input.min(),
    node_name="MinBackward1",
    input=_ties_of_all,
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
        indices = input.argmax(dim, keepdims=True) if largest else input.argmin(dim, keepdims=True)
        values = input[_grid(indices, dim)]
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
        if array_of(input).size == 0:
            raise _needs_dim("max")
        return _max_all(input)
    if not isinstance(input, (TensorBase, np.ndarray)):
        raise _no_tensor("max", input, dim)
    return return_types.max(*_max_dim(input, dim=_filled_dim("max", input, dim), keepdim=keepdim))


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
        if array_of(input).size == 0:
            raise _needs_dim("min")
        return _min_all(input)
    if not isinstance(input, (TensorBase, np.ndarray)):
        raise _no_tensor("min", input, dim)
    return return_types.min(*_min_dim(input, dim=_filled_dim("min", input, dim), keepdim=keepdim))


def _arg(name: str, input: Any, dim: int | None, keepdim: bool, largest: bool) -> Any:
    check_real(name, input)
    x = array_of(input)
    if x.dtype == np.bool_:
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for 'Bool'")
    if dim is None:
        if x.size == 0:
            raise IndexError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0.")
        result = np.asarray(_arg_extreme(x.reshape(-1), 0, largest), np.int64)
        if keepdim:
            result = result.reshape((1,) * x.ndim)
    else:
        d = _filled_dim(name, x, dim)
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
