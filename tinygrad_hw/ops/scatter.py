"""Gathering and scattering: an index of its own for every element."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_hw.autograd.graph import TensorBase, array_of, wrap
from tinygrad_hw.autograd.observe import whole
from tinygrad_hw.autograd.op import op
from tinygrad_hw.autograd.out import into
from tinygrad_hw.kernels import scatter as kernels
from tinygrad_hw.kernels.runtime import compiles
from tinygrad_hw.ops.arguments import one_dim
from tinygrad_hw.ops.broadcasting import expand
from tinygrad_hw.ops.index import _scattered, _set_zeros
from tinygrad_hw.ops.reduce import sum as sum_
from tinygrad_hw.ops.selection import _where
from tinygrad_hw.ops.shape import flatten

__all__ = [
    "gather",
    "scatter",
    "scatter_add",
    "scatter_reduce",
    "take_along_dim",
]


# -- gather ---------------------------------------------------------------------------------------


def _grid(index: Any, dim: int) -> tuple[Any, ...]:
    """Return the full index of the places ``index`` names along ``dim``."""
    last = index.ndim - 1
    return tuple(
        [
            index if i == dim else np.arange(n) if i == last else np.arange(n).reshape((n, *(1,) * (last - i)))
            for i, n in enumerate(index.shape)
        ]
    )


def _gather_forward(input: Any, index: Any, *, dim: int) -> Any:
    if not index.size:
        return np.empty(index.shape, input.dtype)
    return input[_grid(index, dim)] if input.ndim and index.ndim else input.reshape(index.shape).copy()


_gather = op(
    "gather",
    _gather_forward,
    input=lambda g, index, input_shape, dim: _gather_adjoint(g, index, dim=dim, shape=tuple(input_shape)),
)


def _gather_adjoint_forward(input: Any, index: Any, *, dim: int, shape: Sequence[int]) -> Any:
    if not index.size:
        return np.zeros(shape, input.dtype)
    if not shape or not index.ndim:
        return input.reshape(shape)
    # A scatter may name fewer places than `input` has.
    input = input[tuple(slice(0, n) for n in index.shape)]
    if input.dtype.kind == "f" and compiles(input):
        out = np.zeros(shape, input.dtype)
        kernels.scatter_add(out, dim, index, input)
        return out
    return _scattered(shape, _grid(index, dim), input)


_gather_adjoint = op(
    "gather_adjoint",
    _gather_adjoint_forward,
    node_name="ScatterAddBackward0",
    input=lambda g, index, input_shape, dim: _padded(_gather(g, index, dim=dim), tuple(input_shape)),
)


def _padded(t: Any, shape: tuple[int, ...]) -> Any:
    """Return ``t`` with zeros behind it up to ``shape``."""
    if tuple(t.shape) == shape:
        return t
    return _set_zeros(t, shape=shape, index=tuple(slice(0, n) for n in t.shape))


def _check_gather(name: str, input: Any, index: Any, dim: int) -> int:
    shape = array_of(input).shape
    d = one_dim(dim, len(shape))
    if index.size == 0:
        return d
    if max(index.ndim, 1) != max(len(shape), 1):
        raise RuntimeError(
            f"Index tensor must have the same number of dimensions as input tensor: {name} got index "
            f"{list(index.shape)} and input {list(shape)}"
        )
    for i, n in enumerate(index.shape):
        if i != d and shape and n > shape[i]:
            raise RuntimeError(
                f"Size does not match at dimension {i} expected index {list(index.shape)} to be no larger than "
                f"self {list(shape)} apart from dimension {d}"
            )
    n = shape[d] if shape else 1
    # Read without a sign, a negative number is a huge one.
    if np.maximum.reduce(index.view(np.uint64 if index.itemsize == 8 else np.uint32), None) >= n:
        bad = int(index.max()) if index.max() >= n else int(index.min())
        raise RuntimeError(f"index {bad} is out of bounds for dimension {d} with size {n}")
    return d


def _int64(name: str, index: Any) -> Any:
    array = array_of(index)
    if (array.dtype.kind != "i" or array.itemsize < 4) and array.size:
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index")
    return array


def gather(input: Any, dim: int, index: Any, *, sparse_grad: bool = False, out: Any = None) -> Any:
    r"""Return :math:`out_{i j k} = input_{index_{i j k}\, j\, k}` (for ``dim=0``).

    Args:
        input: a tensor.
        dim: the dimension along which is indexed.
        index: integers, as many dimensions as ``input``.
        sparse_grad: must be False.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: the shapes do not fit, or an index is out of range.

    Source: ``torch.gather``.

    Example:
        >>> torch.gather(torch.tensor([[1, 2], [3, 4]]), 1, torch.tensor([[0, 0], [1, 0]]))
        tensor([[1, 1],
                [4, 3]])
    """
    if out is not None:
        return into(out, gather, input, dim, index, sparse_grad=sparse_grad)
    array = _int64("gather", index)
    d = _check_gather("gather", input, array, dim)
    return _gather(input, array if array.size else array.astype(np.int64), dim=d)


@whole
def take_along_dim(input: Any, indices: Any, dim: int | None = None, *, out: Any = None) -> Any:
    """Return the elements that ``indices`` names along a dimension, the other dimensions broadcast.

    Source: ``torch.take_along_dim``.

    Example:
        >>> torch.take_along_dim(torch.tensor([[1, 2], [3, 4]]), torch.tensor([[1], [0]]), 1)
        tensor([[2],
                [3]])
    """
    if out is not None:
        return into(out, take_along_dim, input, indices, dim)
    array = array_of(indices)
    if array.dtype != np.int64:
        raise RuntimeError("torch.take_along_dim(): dtype of indices should be Long")
    size = array_of(input).size if dim is None else input.shape[dim] if input.ndim else 1
    array = np.where(array < 0, array + size, array)
    if dim is None:
        return gather(flatten(input), 0, wrap(array.reshape(-1)))
    if array.ndim != input.ndim:
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, but got "
            f"{input.ndim} dimensions for input, and {array.ndim} dimensions for indices"
        )
    d = one_dim(dim, input.ndim)
    shape = np.broadcast_shapes(
        tuple(1 if i == d else n for i, n in enumerate(input.shape)),
        tuple(1 if i == d else n for i, n in enumerate(array.shape)),
    )
    wide = expand(input, tuple(input.shape[d] if i == d else n for i, n in enumerate(shape)))
    places = np.broadcast_to(array, tuple(array.shape[d] if i == d else n for i, n in enumerate(shape)))
    return gather(wide, d, wrap(np.ascontiguousarray(places)))


# -- scatter --------------------------------------------------------------------------------------


def _scatter_forward(input: Any, src: Any, *, index: Any, dim: int) -> Any:
    out = np.array(input, order="C")
    if not index.ndim or not out.ndim:
        out.reshape(-1)[...] = np.asarray(src).reshape(-1)[: out.size] if np.ndim(src) else src
        return out
    out[_grid(index, dim)] = src if np.ndim(src) == 0 else src[tuple(slice(0, n) for n in index.shape)]
    return out


_scatter = op(
    "scatter",
    _scatter_forward,
    input=lambda g, src_shape, index, dim: _scatter(g, np.zeros((), array_of(g).dtype), index=index, dim=dim),
    src=lambda g, src_shape, index, dim: (
        _padded(_gather(g, index, dim=dim), tuple(src_shape)) if src_shape else _total(_gather(g, index, dim=dim))
    ),
)


def _total(t: Any) -> Any:
    return sum_(t)


def scatter(
    input: Any,
    dim: int,
    index: Any,
    src: Any = None,
    *,
    value: Any = None,
    reduce: str | None = None,
    out: Any = None,
) -> Any:
    r"""Return a copy with :math:`out_{index_{i j k}\, j\, k} = src_{i j k}` (for ``dim=0``).

    Args:
        input: a tensor.
        dim: the dimension along which is indexed.
        index: integers, as many dimensions as ``input``.
        src: a tensor at least as large as ``index``, or a number.
        value: a number instead.
        reduce: ``"add"`` or ``"multiply"`` instead of replacing.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: the shapes do not fit, or an index is out of range.

    Source: ``torch.scatter``. Where an index is repeated, the last one wins.

    Example:
        >>> torch.scatter(torch.zeros(3), 0, torch.tensor([2, 0]), torch.tensor([5.0, 7.0]))
        tensor([7., 0., 5.])
    """
    if out is not None:
        return into(out, scatter, input, dim, index, src, value=value, reduce=reduce)
    if src is None:
        src = value
    array = _int64("scatter", index)
    d = _check_scatter("scatter", input, array, dim, src)
    if reduce is not None:
        if reduce not in ("add", "multiply"):
            raise RuntimeError("reduce argument must be either add or multiply.")
        if not isinstance(src, TensorBase):
            src = wrap(np.full(array.shape, src, array_of(input).dtype))
        return scatter_reduce(input, d, index, src, "sum" if reduce == "add" else "prod")
    if not isinstance(src, TensorBase):
        src = np.asarray(src, array_of(input).dtype)
    elif src.array.dtype != array_of(input).dtype:
        raise RuntimeError("scatter(): Expected self.dtype to be equal to src.dtype")
    return _scatter(input, src, index=array, dim=d)


def _check_scatter(name: str, input: Any, index: Any, dim: int, src: Any) -> int:
    d = one_dim(dim, input.ndim)
    if index.size == 0:
        return d
    if isinstance(src, TensorBase):
        if max(src.array.ndim, 1) != max(index.ndim, 1):
            raise RuntimeError(
                "Index tensor must have the same number of dimensions as src tensor: "
                f"{name} got index {list(index.shape)} and src {list(src.array.shape)}"
            )
        for i, (n, m) in enumerate(zip(index.shape, src.array.shape, strict=False)):
            if n > m:
                raise RuntimeError(
                    f"Expected index {list(index.shape)} to be no larger than src {list(src.array.shape)} "
                    f"(dimension {i})"
                )
    return _check_gather(name, input, index, dim)


def scatter_add(input: Any, dim: int, index: Any, src: Any, *, out: Any = None) -> Any:
    """Return a copy with ``src`` added at the places that ``index`` names; see ``scatter``.

    Source: ``torch.scatter_add``.

    Example:
        >>> torch.scatter_add(torch.zeros(2), 0, torch.tensor([0, 0]), torch.tensor([5.0, 7.0]))
        tensor([12.,  0.])
    """
    if out is not None:
        return into(out, scatter_add, input, dim, index, src)
    array = _int64("scatter_add", index)
    d = _check_scatter("scatter_add", input, array, dim, src)
    if array_of(src).dtype != array_of(input).dtype:
        raise RuntimeError("scatter(): Expected self.dtype to be equal to src.dtype")
    return input + _gather_adjoint(src, array, dim=d, shape=tuple(input.shape))


@whole
def scatter_reduce(
    input: Any, dim: int, index: Any, src: Any, reduce: str, *, include_self: bool = True, out: Any = None
) -> Any:
    """Return a copy with ``src`` reduced into the places that ``index`` names.

    Args:
        input: a tensor.
        dim: the dimension along which is indexed.
        index: integers, as many dimensions as ``input``.
        src: a tensor at least as large as ``index``.
        reduce: ``"sum"``, ``"prod"``, ``"mean"``, ``"amax"`` or ``"amin"``.
        include_self: whether the elements of ``input`` take part.
        out: a tensor to write the result into.

    Source: ``torch.scatter_reduce``.

    Example:
        >>> torch.scatter_reduce(torch.zeros(2), 0, torch.tensor([0, 0]), torch.tensor([5.0, 7.0]), "amax")
        tensor([7., 0.])
    """
    if out is not None:
        return into(out, scatter_reduce, input, dim, index, src, reduce, include_self=include_self)
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise RuntimeError("reduce argument must be either sum, prod, mean, amax or amin, got " + str(reduce))
    array = _int64("scatter_reduce", index)
    d = _check_scatter("scatter_reduce", input, array, dim, src)
    kind = array_of(input).dtype
    if array_of(src).dtype != kind:
        raise RuntimeError("scatter(): Expected self.dtype to be equal to src.dtype")
    shape = tuple(input.shape)
    ones = np.ones(array.shape, np.float64)
    hits = (
        _gather_adjoint_forward(ones, array, dim=d, shape=shape)
        if array.ndim and shape
        else np.full(shape, array.size, np.float64)
    )
    touched = hits > 0
    if reduce in ("sum", "mean"):
        total = _gather_adjoint(src, array, dim=d, shape=shape)
        base = input if include_self else _where(touched, np.zeros((), kind), input)
        result = base + total
        if reduce == "mean":
            count = np.where(touched, hits + (1 if include_self else 0), 1).astype(kind)
            result = result / count if kind.kind in "fcVW" else wrap(np.floor_divide(array_of(result), count))
        return result
    return _reduce_extreme(input, src, index=array, dim=d, reduce=reduce, include_self=include_self)


def _reduce_forward(input: Any, src: Any, *, index: Any, dim: int, reduce: str, include_self: bool) -> Any:
    out = np.array(input, order="C")
    if not out.ndim or not index.ndim:
        flat_out, places, values = (
            out.reshape(-1),
            np.zeros(index.size, np.int64),
            np.asarray(src).reshape(-1),
        )
    else:
        places = np.arange(out.size).reshape(out.shape)[_grid(index, dim)].reshape(-1)
        values = src[tuple(slice(0, n) for n in index.shape)].reshape(-1)
        flat_out = out.reshape(-1)
    function = {"prod": np.multiply, "amax": np.maximum, "amin": np.minimum}[reduce]
    if not include_self:
        if reduce == "prod":
            flat_out[places] = 1
        else:
            flat_out[places] = values
    function.at(flat_out, places, values)
    return out


def _reduce_rule(
    g: Any,
    input: Any,
    src: Any,
    out: Any,
    index: Any,
    dim: int,
    reduce: str,
    include_self: bool,
) -> tuple[Any, Any]:
    kind = array_of(g).dtype
    gathered_g = _gather(g, index, dim=dim)
    shape = tuple(input.shape)
    src_part = src[tuple(slice(0, n) for n in index.shape)] if index.ndim else src
    if reduce == "prod":
        # Where one factor is zero, its gradient is the product of the others; where two are, all gradients vanish.
        safe = _where(array_of(input) == 0, np.ones((), kind), input)
        own = g * _reduce_extreme(safe, src, index=index, dim=dim, reduce=reduce, include_self=include_self) / safe
        if not include_self:
            touched = _gather_adjoint_forward(np.ones(index.shape), index, dim=dim, shape=shape) > 0
            own = _where(touched, np.zeros((), kind), g)
        zero = array_of(src_part) == 0
        zeros = _gather_adjoint_forward(zero.astype(np.float64), index, dim=dim, shape=shape)
        alone = zero & (np.asarray(_gather(zeros, index, dim=dim)) == 1)
        others = _reduce_extreme(
            input,
            _where(alone, np.ones((), kind), src_part),
            index=index,
            dim=dim,
            reduce=reduce,
            include_self=include_self,
        )
        quotient = gathered_g * _gather(out, index, dim=dim) / _where(zero, np.ones((), kind), src_part)
        g_src = _where(alone, gathered_g * _gather(others, index, dim=dim), quotient)
        return own, _padded(g_src, tuple(src.shape))
    # Elements that reach the extreme share the gradient evenly.
    hit_src = (array_of(src_part) == array_of(_gather(array_of(out), index, dim=dim))).astype(kind)
    hit_self = (array_of(input) == array_of(out)).astype(kind)
    counts = _gather_adjoint_forward(hit_src, index, dim=dim, shape=shape)
    touched = _gather_adjoint_forward(np.ones(index.shape), index, dim=dim, shape=shape) > 0
    if not include_self:
        hit_self = np.where(touched, 0, 1).astype(kind)
    counts = np.maximum(counts + hit_self, 1).astype(kind)
    share = g / counts
    return share * hit_self, _padded(_gather(share, index, dim=dim) * hit_src, tuple(src.shape))


_reduce_extreme = op(
    "scatter_reduce",
    _reduce_forward,
    differentiable=("input", "src"),
    joint=_reduce_rule,
)
