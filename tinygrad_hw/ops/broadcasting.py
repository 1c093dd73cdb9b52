"""Broadcasting and repeating: one element stands in many places."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from tinygrad_hw.autograd.basics import expand as _expand
from tinygrad_hw.autograd.graph import array_of
from tinygrad_hw.autograd.out import into
from tinygrad_hw.ops.arguments import as_size
from tinygrad_hw.ops.conversion import _clone, clone
from tinygrad_hw.ops.joining import stack
from tinygrad_hw.ops.shape import _flatten_view, reshape
from tinygrad_hw.size import Size

__all__ = [
    "broadcast_shapes",
    "broadcast_tensors",
    "broadcast_to",
    "cartesian_prod",
    "combinations",
    "expand_copy",
    "meshgrid",
    "tile",
]


def expand(input: Any, *size: Any) -> Any:
    """Return a view with dimensions of size 1 repeated; see ``Tensor.expand``."""
    sizes = as_size(size)
    shape = tuple(input.shape)
    lead = len(sizes) - len(shape)
    if lead < 0:
        raise RuntimeError(
            f"expand({list(shape)}, size={list(sizes)}): the number of sizes provided ({len(sizes)}) must be "
            f"greater or equal to the number of dimensions in the tensor ({len(shape)})"
        )
    full = []
    for i, n in enumerate(sizes):
        if i < lead:
            if n < 0:
                raise RuntimeError(
                    f"The expanded size of the tensor ({n}) isn't allowed in a leading, non-existing dimension {i}"
                )
            full.append(n)
            continue
        own = shape[i - lead]
        if n not in (-1, own) and own != 1:
            raise RuntimeError(
                f"The expanded size of the tensor ({n}) must match the existing size ({own}) at non-singleton "
                f"dimension {i}.  Target sizes: {list(sizes)}.  Tensor sizes: {list(shape)}"
            )
        full.append(own if n == -1 else n)
    return _expand(input, size=tuple(full))


def expand_copy(input: Any, size: Any, *, out: Any = None) -> Any:
    """Return ``expand`` as a copy."""
    if out is not None:
        return into(out, expand_copy, input, size)
    return clone(expand(input, size))


def broadcast_to(input: Any, size: Any) -> Any:
    """Return a view of ``input`` broadcast to ``size``.

    Source: ``torch.broadcast_to``.

    Example:
        >>> torch.broadcast_to(torch.tensor([1, 2]), (2, 2))
        tensor([[1, 2],
                [1, 2]])
    """
    return expand(input, size)


def broadcast_shapes(*shapes: Any) -> Size:
    """Return the shape to which several shapes broadcast.

    Raises:
        RuntimeError: they do not.

    Source: ``torch.broadcast_shapes``.

    Example:
        >>> torch.broadcast_shapes((2, 1), (3,))
        torch.Size([2, 3])
    """
    try:
        return Size(np.broadcast_shapes(*((s,) if isinstance(s, int) else tuple(s) for s in shapes)))
    except ValueError as error:
        raise RuntimeError(f"Shape mismatch: objects cannot be broadcast to a single shape: {error}") from None


def broadcast_tensors(*tensors: Any) -> tuple[Any, ...]:
    """Return views of several tensors broadcast to one shape.

    Source: ``torch.broadcast_tensors``.

    Example:
        >>> a, b = torch.broadcast_tensors(torch.ones(2, 1), torch.ones(3))
        >>> a.shape
        torch.Size([2, 3])
    """
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tuple(tensors[0])
    shape = broadcast_shapes(*(t.shape for t in tensors))
    # As in PyTorch a tensor of that shape is returned itself, so that a leaf stays one.
    return tuple(t if tuple(t.shape) == tuple(shape) else expand(t, shape) for t in tensors)


def tile(input: Any, *dims: Any) -> Any:
    """Return the tensor repeated along its last dimensions.

    Args:
        input: a tensor.
        *dims: how often, per dimension; missing leading ones count as 1.

    Source: ``torch.tile``.

    Example:
        >>> torch.tile(torch.tensor([1, 2]), (2,))
        tensor([1, 2, 1, 2])
    """
    times = as_size(dims, "dims")
    times = (1,) * (input.ndim - len(times)) + times
    return repeat(input, times)


def repeat(input: Any, *repeats: Any) -> Any:
    """Return the tensor repeated along each dimension; see ``Tensor.repeat``."""
    times = as_size(repeats, "repeats")
    if len(times) < input.ndim:
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor: "
            f"{list(times)} for shape {list(input.shape)}"
        )
    if any(n < 0 for n in times):
        raise RuntimeError(f"Trying to create tensor with negative dimension: repeats {list(times)}")
    shape = (1,) * (len(times) - input.ndim) + tuple(input.shape)
    if all(k == 1 for k in times):
        return _clone(reshape(input, shape), order="K")
    # (1, n) expanded to (times, n), then merged: the gradient sums over the repetitions.
    paired = reshape(input, tuple(x for n in shape for x in (1, n)))
    wide = _expand(paired, size=tuple(x for k, n in zip(times, shape, strict=True) for x in (k, n)))
    return _clone(_flatten_view(wide, size=tuple(k * n for k, n in zip(times, shape, strict=True))), order="C")


def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Any, ...]:
    """Return grids of coordinates from 1-D tensors.

    Args:
        *tensors: 1-D or 0-d tensors.
        indexing: ``"ij"`` (the default) or ``"xy"``, which swaps the first two dimensions of the result.

    Source: ``torch.meshgrid``.

    Example:
        >>> torch.meshgrid(torch.tensor([1, 2]), torch.tensor([3, 4]), indexing="ij")[0]
        tensor([[1, 1],
                [2, 2]])
    """
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tuple(tensors[0])
    if not tensors:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    if indexing not in (None, "ij", "xy"):
        raise RuntimeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    for t in tensors:
        if t.ndim > 1:
            raise RuntimeError(f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {t.ndim}D")
    swap = indexing == "xy" and len(tensors) > 1
    order = [tensors[1], tensors[0], *tensors[2:]] if swap else list(tensors)
    shape = tuple(array_of(t).size for t in order)
    grids = [
        expand(reshape(t, tuple(-1 if j == i else 1 for j in range(len(order)))), shape) for i, t in enumerate(order)
    ]
    if swap:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


def cartesian_prod(*tensors: Any) -> Any:
    """Return all combinations of elements of 1-D tensors, as rows.

    Example:
        >>> torch.cartesian_prod(torch.tensor([1, 2]), torch.tensor([3]))
        tensor([[1, 3],
                [2, 3]])
    """
    if len(tensors) == 1:
        return tensors[0]
    return stack([reshape(g, (-1,)) for g in meshgrid(*tensors, indexing="ij")], 1)


def combinations(input: Any, r: int = 2, with_replacement: bool = False) -> Any:
    """Return all combinations of ``r`` elements of a 1-D tensor, one a row, in lexicographic order.

    Args:
        input: a 1-D tensor.
        r: elements in each combination.
        with_replacement: whether an element may come several times.

    Raises:
        RuntimeError: the tensor is not 1-D, or ``r`` is negative.

    Source: ``torch.combinations``.

    Example:
        >>> torch.combinations(torch.tensor([1, 2, 3]))
        tensor([[1, 2],
                [1, 3],
                [2, 3]])
    """
    if input.ndim != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(input.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return input[:0]
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    places = list(choose(range(input.shape[0]), r))
    if not places:
        return reshape(input[:0], (0, r))
    return stack([input[[row[k] for row in places]] for k in range(r)], 1)
