"""One tensor cut into views of its parts: ``split``, ``chunk``, ``unbind``, ``select``, ``narrow``."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_hw.autograd.basics import stack as _stack
from tinygrad_hw.autograd.graph import TensorBase
from tinygrad_hw.autograd.op import op
from tinygrad_hw.ops.arguments import as_size, one_dim
from tinygrad_hw.ops.joining import _cat

__all__ = [
    "chunk",
    "dsplit",
    "hsplit",
    "narrow",
    "select",
    "split",
    "split_with_sizes",
    "tensor_split",
    "unbind",
    "vsplit",
]


def _unbind_rule(g: list[Any], dim: int) -> Any:
    return _stack(*g, dim=dim)


_unbind = op(
    "unbind",
    lambda input, *, dim: (
        [np.asarray(a) for a in np.moveaxis(input, dim, 0)]
        if input.ndim > 1
        else [input[i : i + 1].reshape(()) for i in range(input.shape[0])]
    ),
    view=True,
    outputs=None,
    input=_unbind_rule,
)


def unbind(input: Any, dim: int = 0) -> tuple[Any, ...]:
    """Return views of all slices along a dimension.

    Source: ``torch.unbind``.

    Example:
        >>> torch.unbind(torch.tensor([1, 2]))
        (tensor(1), tensor(2))
    """
    if input.ndim == 0:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    d = one_dim(dim, input.ndim)
    if input.shape[d] == 0:
        return ()
    return tuple(_unbind(input, dim=d))


def _split_forward(input: Any, *, sizes: tuple[int, ...], dim: int) -> list[Any]:
    lead = (slice(None),) * dim
    pieces, at = [], 0
    for n in sizes:
        pieces.append(input[(*lead, slice(at, at + n))])
        at += n
    return pieces


_split = op(
    "split",
    _split_forward,
    view=True,
    outputs=None,
    input=lambda g, dim: _cat(*g, dim=dim),
)


def split_with_sizes(input: Any, split_sizes: Sequence[int], dim: int = 0) -> tuple[Any, ...]:
    """Return views of consecutive pieces of given sizes; see ``split``."""
    d = one_dim(dim, input.ndim)
    sizes = as_size((split_sizes,), "split_sizes")
    if sum(sizes) != input.shape[d] or any(n < 0 for n in sizes):
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {input.shape[d]} (input tensor's size at "
            f"dimension {d}), but got split_sizes={list(sizes)}"
        )
    return tuple(_split(input, sizes=sizes, dim=d))


def split(tensor: Any, split_size_or_sections: Any, dim: int = 0) -> tuple[Any, ...]:
    """Return views of consecutive pieces along a dimension.

    Args:
        tensor: a tensor.
        split_size_or_sections: the size of each piece (the last may be smaller), or a list of sizes.
        dim: the dimension.

    Raises:
        RuntimeError: the sizes do not add up.

    Source: ``torch.split``.

    Example:
        >>> torch.split(torch.arange(5), 2)
        (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    if not isinstance(split_size_or_sections, (int, np.integer)):
        return split_with_sizes(tensor, split_size_or_sections, dim)
    if tensor.ndim == 0:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    size = int(split_size_or_sections)
    d = one_dim(dim, tensor.ndim)
    n = tensor.shape[d]
    if size < 0:
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
    if size == 0:
        if n:
            raise RuntimeError(f"split_size can only be 0 if dimension size is 0, but got dimension size of {n}")
        return (tensor,)
    sizes = [min(size, n - at) for at in range(0, n, size)] or [0]
    return tuple(_split(tensor, sizes=tuple(sizes), dim=d))


def chunk(input: Any, chunks: int, dim: int = 0) -> tuple[Any, ...]:
    """Return views of at most ``chunks`` consecutive pieces of equal size, the last maybe smaller.

    Source: ``torch.chunk``.

    Example:
        >>> torch.chunk(torch.arange(5), 2)
        (tensor([0, 1, 2]), tensor([3, 4]))
    """
    if input.ndim == 0:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    d = one_dim(dim, input.ndim)
    n = input.shape[d]
    size = -(-n // chunks)
    if size == 0:
        return tuple(_split(input, sizes=(0,) * chunks, dim=d))
    return split(input, size, d)


def tensor_split(input: Any, indices_or_sections: Any, dim: int = 0) -> tuple[Any, ...]:
    """Return views of pieces: so many nearly equal ones, or cut before given indices.

    Args:
        input: a tensor.
        indices_or_sections: how many pieces, or where to cut.
        dim: the dimension.

    Source: ``torch.tensor_split``.

    Example:
        >>> torch.tensor_split(torch.arange(5), (1, 3))
        (tensor([0]), tensor([1, 2]), tensor([3, 4]))
    """
    if input.ndim == 0:
        raise RuntimeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    d = one_dim(dim, input.ndim)
    n = input.shape[d]
    if isinstance(indices_or_sections, TensorBase):
        indices_or_sections = indices_or_sections.array.tolist()
    if isinstance(indices_or_sections, int):
        k = indices_or_sections
        if k <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {k}")
        cuts = [i * (n // k) + min(i, n % k) for i in range(k + 1)]
    else:
        cuts = [0, *indices_or_sections, n]
    return tuple(narrow_slice(input, d, slice(a, b).indices(n)) for a, b in itertools.pairwise(cuts))


def narrow_slice(input: Any, dim: int, bounds: tuple[int, int, int]) -> Any:
    """Return a view of ``input[..., begin:end:step, ...]``."""
    begin, end, step = bounds
    return input[(*(slice(None),) * dim, slice(begin, max(begin, end), step))]


def hsplit(input: Any, indices_or_sections: Any) -> tuple[Any, ...]:
    """Return pieces along dimension 1 (0 for 1-D); see ``tensor_split``."""
    if input.ndim == 0:
        raise RuntimeError("torch.hsplit requires a tensor with at least 1 dimension")
    return _even_split("hsplit", input, indices_or_sections, 0 if input.ndim == 1 else 1)


def vsplit(input: Any, indices_or_sections: Any) -> tuple[Any, ...]:
    """Return pieces along dimension 0; see ``tensor_split``."""
    if input.ndim < 2:
        raise RuntimeError("torch.vsplit requires a tensor with at least 2 dimension")
    return _even_split("vsplit", input, indices_or_sections, 0)


def dsplit(input: Any, indices_or_sections: Any) -> tuple[Any, ...]:
    """Return pieces along dimension 2; see ``tensor_split``."""
    if input.ndim < 3:
        raise RuntimeError("torch.dsplit requires a tensor with at least 3 dimension")
    return _even_split("dsplit", input, indices_or_sections, 2)


def _even_split(name: str, input: Any, sections: Any, dim: int) -> tuple[Any, ...]:
    if isinstance(sections, int) and (sections <= 0 or input.shape[dim] % sections):
        raise RuntimeError(
            f"torch.{name} attempted to split along dimension {dim}, but the size of the dimension "
            f"{input.shape[dim]} is not divisible by the split_size {sections}!"
        )
    return tensor_split(input, sections, dim)


def select(input: Any, dim: int, index: int) -> Any:
    """Return a view of one slice along a dimension, which is dropped.

    Source: ``torch.select``.

    Example:
        >>> torch.select(torch.tensor([[1, 2], [3, 4]]), 1, 0)
        tensor([1, 3])
    """
    if input.ndim == 0:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    d = one_dim(dim, input.ndim)
    n = input.shape[d]
    if not -n <= index < n:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(input.shape)} at dimension {d}"
        )
    return input[(*(slice(None),) * d, int(index))]


def narrow(input: Any, dim: int, start: Any, length: int) -> Any:
    """Return a view of ``length`` slices along a dimension, from ``start`` on.

    Source: ``torch.narrow``.

    Example:
        >>> torch.narrow(torch.arange(5), 0, 1, 3)
        tensor([1, 2, 3])
    """
    if input.ndim == 0:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    d = one_dim(dim, input.ndim)
    n = input.shape[d]
    if isinstance(start, TensorBase) and (start.array.ndim or start.array.dtype.kind not in "iu"):
        raise RuntimeError("start must be an 0-dim integral Tensor.")
    start = int(start)
    if not -n <= start <= n:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n}], but got {start})")
    start = start + n if start < 0 else start
    if start + length > n:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return narrow_slice(input, d, (start, start + length, 1))
