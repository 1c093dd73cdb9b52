"""Views and rearrangements of elements."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_hw.autograd.basics import expand as _expand
from tinygrad_hw.autograd.basics import stack as _stack
from tinygrad_hw.autograd.basics import zeros_of
from tinygrad_hw.autograd.graph import TensorBase
from tinygrad_hw.autograd.op import op

_view = op(
    "view",
    lambda input, *, size: input.reshape(size),
    view=True,
    input=lambda g, input_shape: reshape(g, input_shape),
)
_reshape_copy = op(
    "reshape_copy",
    lambda input, *, size: np.ascontiguousarray(input).reshape(size),
    node_name="UnsafeViewBackward0",
    input=lambda g, input_shape: reshape(g, input_shape),
)
_permute = op(
    "permute",
    lambda input, *, dims: input.transpose(dims),
    view=True,
    input=lambda g, dims: _permute(g, dims=tuple(sorted(range(len(dims)), key=dims.__getitem__))),
)


def _array(t: Any) -> Any:
    return t.array if isinstance(t, TensorBase) else t


def _dim(d: int, n: int) -> int:
    n = max(n, 1)
    if not -n <= d < n:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {d})")
    return d % n


def _flat(size: Any) -> tuple[int, ...]:
    if len(size) == 1 and isinstance(size[0], (tuple, list)):
        size = size[0]
    return tuple(int(n) for n in size)


def _infer(shape: Any, size: tuple[int, ...]) -> tuple[int, ...]:
    n = math.prod(shape)
    if -1 in size:
        rest = math.prod(s for s in size if s != -1)
        if rest == 0 or n % rest:
            raise RuntimeError(f"shape '{list(size)}' is invalid for input of size {n}")
        size = tuple(n // rest if s == -1 else s for s in size)
    if math.prod(size) != n:
        raise RuntimeError(f"shape '{list(size)}' is invalid for input of size {n}")
    return size


def _viewable(a: Any, size: Any) -> bool:
    if a.flags.c_contiguous:
        return True
    v = a.view()
    try:
        v.shape = size
        return True
    except AttributeError:
        return False


def reshape(input: Any, *shape: Any) -> Any:
    size = _infer(input.shape, _flat(shape))
    if _viewable(_array(input), size):
        return _view(input, size=size)
    return _reshape_copy(input, size=size)


def view(input: Any, *shape: Any) -> Any:
    size = _infer(input.shape, _flat(shape))
    if not _viewable(_array(input), size):
        raise RuntimeError("view size is not compatible with input tensor's size and stride. Use .reshape(...) instead.")
    return _view(input, size=size)


def permute(input: Any, *dims: Any) -> Any:
    d = tuple(_dim(i, input.ndim) for i in _flat(dims))
    return _permute(input, dims=d)


def transpose(input: Any, dim0: int, dim1: int) -> Any:
    n = input.ndim
    i, j = _dim(dim0, n), _dim(dim1, n)
    d = list(range(n))
    if n:
        d[i], d[j] = d[j], d[i]
    return _permute(input, dims=tuple(d))


def squeeze(input: Any, dim: Any = None) -> Any:
    if dim is None:
        return reshape(input, tuple(n for n in input.shape if n != 1))
    dims = {_dim(d, input.ndim) for d in ((dim,) if isinstance(dim, int) else dim)}
    return reshape(input, tuple(n for i, n in enumerate(input.shape) if not (i in dims and n == 1)))


def unsqueeze(input: Any, dim: int) -> Any:
    d = _dim(dim, input.ndim + 1)
    s = tuple(input.shape)
    return reshape(input, (*s[:d], 1, *s[d:]))


def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    if input.ndim == 0:
        return reshape(input, (1,))
    a, b = _dim(start_dim, input.ndim), _dim(end_dim, input.ndim)
    s = tuple(input.shape)
    return reshape(input, (*s[:a], math.prod(s[a : b + 1]), *s[b + 1 :]))


def movedim(input: Any, source: Any, destination: Any) -> Any:
    s = [source] if isinstance(source, int) else list(source)
    t = [destination] if isinstance(destination, int) else list(destination)
    s = [_dim(i, input.ndim) for i in s]
    t = [_dim(i, input.ndim) for i in t]
    order = [i for i in range(input.ndim) if i not in s]
    for a, b in sorted(zip(t, s, strict=True)):
        order.insert(a, b)
    return _permute(input, dims=tuple(order))


def expand(input: Any, *size: Any) -> Any:
    s = _flat(size)
    lead = len(s) - input.ndim
    return _expand(input, size=tuple(input.shape[i - lead] if n == -1 else n for i, n in enumerate(s)))


tril = op("tril", lambda input, *, diagonal=0: np.tril(input, diagonal), input=lambda g, diagonal: tril(g, diagonal=diagonal))
triu = op("triu", lambda input, *, diagonal=0: np.triu(input, diagonal), input=lambda g, diagonal: triu(g, diagonal=diagonal))
_roll = op("roll", lambda input, *, shifts, dims: np.roll(input, shifts, dims), input=lambda g, shifts, dims: _roll(g, shifts=tuple(-s for s in shifts), dims=dims))


def roll(input: Any, shifts: Any, dims: Any = None) -> Any:
    return _roll(input, shifts=(shifts,) if isinstance(shifts, int) else tuple(shifts), dims=(dims,) if isinstance(dims, int) else dims)


def _writable_diagonal(input: Any, offset: int, dim1: int, dim2: int) -> Any:
    d = np.diagonal(input, offset, dim1, dim2)
    return np.lib.stride_tricks.as_strided(np.ndarray((), input.dtype) if False else d, d.shape, d.strides)


_diagonal = op("diagonal", lambda input, *, offset, dim1, dim2: np.diagonal(input, offset, dim1, dim2), input=lambda g, input_shape, offset, dim1, dim2: _diagonal_adjoint(g, offset=offset, dim1=dim1, dim2=dim2, shape=input_shape))


def _da(input: Any, *, offset: int, dim1: int, dim2: int, shape: Any) -> Any:
    out = np.zeros(shape, input.dtype)
    d = np.diagonal(out, offset, dim1, dim2)
    d.flags.writeable = True
    d[...] = input
    return out


_diagonal_adjoint = op("diagonal_adjoint", _da, input=lambda g, offset, dim1, dim2: _diagonal(g, offset=offset, dim1=dim1, dim2=dim2))


def diagonal(input: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    return _diagonal(input, offset=offset, dim1=_dim(dim1, input.ndim), dim2=_dim(dim2, input.ndim))


def diag_embed(input: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    n = input.shape[-1] + abs(offset)
    return _diagonal_adjoint(input, offset=offset, dim1=-2, dim2=-1, shape=(*input.shape[:-1], n, n))


def _cat_rule(g: Any, tensors_shape: Any, dim: int, needs: Any) -> list[Any]:
    out, at = [], 0
    for s, need in zip(tensors_shape, needs, strict=True):
        out.append(g[(*(slice(None),) * dim, slice(at, at + s[dim]))] if need else None)
        at += s[dim]
    return out


_cat = op("cat", lambda *tensors, dim: np.concatenate(tensors, dim), promote="same", differentiable=("tensors",), joint=_cat_rule)


def cat(tensors: Any, dim: int = 0) -> Any:
    return _cat(*tensors, dim=_dim(dim, tensors[0].ndim))


def stack(tensors: Any, dim: int = 0) -> Any:
    return _stack(*tensors, dim=_dim(dim, tensors[0].ndim + 1))


_ = zeros_of
