"""Shapes: the elements stay in their order, the dimensions change."""

from __future__ import annotations

import math
from typing import Any

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.graph import array_of, wrap
from tinygrad_hw.autograd.op import op
from tinygrad_hw.ops.arguments import as_size, one_dim

__all__ = [
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "flatten",
    "numel",
    "ravel",
    "reshape",
    "squeeze",
    "unflatten",
    "unsqueeze",
]


def infer_size(count: int, size: tuple[int, ...]) -> tuple[int, ...]:
    """Return ``size`` with a -1 replaced by what ``count`` elements leave.

    Raises:
        RuntimeError: the sizes do not fit.
    """
    product = math.prod(size)
    if product == count and (not size or min(size) >= 0):
        return size
    if product < 0 and min(size) == -1 and size.count(-1) == 1 and count % product == 0:
        at = size.index(-1)
        return (*size[:at], count // -product, *size[at + 1 :])
    unknown = [i for i, n in enumerate(size) if n == -1]
    if any(n < -1 for n in size):
        raise RuntimeError(f"invalid shape dimension {min(size)} in {list(size)}")
    if len(unknown) > 1:
        raise RuntimeError("only one dimension can be inferred")
    if unknown:
        rest = math.prod(n for n in size if n != -1)
        if rest == 0:
            raise RuntimeError(
                f"cannot reshape tensor of {count} elements into shape {list(size)} because the unspecified "
                "dimension size -1 can be any value and is ambiguous"
            )
        if count % rest == 0:
            return tuple(count // rest if n == -1 else n for n in size)
    raise RuntimeError(f"shape '{list(size)}' is invalid for input of size {count}")


def _can_view(array: Any, size: tuple[int, ...]) -> bool:
    """Return whether an array can take another shape without a copy."""
    if array.flags.c_contiguous or array.size == 0:
        return True
    # Merge dimensions that lie in one run of memory, then see whether the new ones cut between runs.
    runs: list[tuple[int, int]] = []
    for n, s in zip(array.shape, array.strides, strict=True):
        if n == 1:
            continue
        if runs and runs[-1][1] == n * s:
            runs[-1] = (runs[-1][0] * n, s)
        else:
            runs.append((n, s))
    at = len(runs) - 1
    left = runs[at][0] if runs else 1
    for n in reversed(size):
        if n == 1:
            continue
        while left == 1 and at > 0:
            at -= 1
            left = runs[at][0]
        if left % n:
            return False
        left //= n
    return True


_view = op(
    "view",
    lambda input, *, size: input.reshape(size),
    view=True,
    input=lambda g, input_shape: reshape(g, input_shape),
)


#: The same under the names that PyTorch's graph shows.
_flatten_view = op(
    "unsafe_view",
    lambda input, *, size: input.reshape(size),
    node_name="UnsafeViewBackward0",
    input=lambda g, input_shape: reshape(g, input_shape),
)


_unsqueeze = op(
    "unsqueeze",
    lambda input, *, dim: input.reshape((*input.shape[:dim], 1, *input.shape[dim:])),
    view=True,
    input=lambda g, input_shape: reshape(g, input_shape),
)


_squeeze = op(
    "squeeze",
    lambda input, *, dim: input.squeeze(dim),
    view=True,
    node_name="SqueezeBackward1",
    input=lambda g, input_shape: reshape(g, input_shape),
)


def _reshaped(input: Any, array: Any, size: tuple[int, ...]) -> Any:
    if _can_view(array, size):
        return _view(input, size=size)
    return _flatten_view(input, size=size)


def reshape(input: Any, *shape: Any) -> Any:
    """Return the elements in another shape; a view where memory allows, else a copy.

    Args:
        input: a tensor.
        *shape: the new sizes, as numbers or one sequence; one may be -1.

    Raises:
        RuntimeError: the number of elements differs.

    Source: ``torch.reshape``.

    Example:
        >>> torch.reshape(torch.arange(4), (2, -1))
        tensor([[0, 1],
                [2, 3]])
    """
    array = array_of(input)
    size = infer_size(array.size, as_size(shape, "shape"))
    return _view(input, size=size) if array.flags.c_contiguous else _reshaped(input, array, size)


def view(input: Any, *shape: Any) -> Any:
    """Return a view of another shape; see ``Tensor.view``."""
    array = array_of(input)
    size = infer_size(array.size, as_size(shape))
    if not _can_view(array, size):
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans "
            "across two contiguous subspaces). Use .reshape(...) instead."
        )
    return _view(input, size=size)


def view_dtype(input: Any, dtype: Any) -> Any:
    """Return a view of the same memory as another dtype; see ``Tensor.view``."""
    target = dtypes.as_dtype(dtype).numpy
    array = array_of(input)
    if target == array.dtype:
        return _view(input, size=tuple(array.shape))
    if target.itemsize != array.itemsize and (array.ndim == 0 or array.strides[-1] != array.itemsize):
        raise RuntimeError(
            f"self.stride(-1) must be 1 to view {dtypes.from_numpy(array.dtype)} as "
            f"{dtypes.from_numpy(target)} (different element sizes)"
        )
    try:
        result = wrap(array.view(target))
    except ValueError as error:
        raise RuntimeError(f"view: cannot view {list(array.shape)} as {dtype}: {error}") from None
    result._version_cell = input._version_cell
    return result


def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """Return the tensor with dimensions ``start_dim`` to ``end_dim`` merged into one.

    Source: ``torch.flatten``.

    Example:
        >>> torch.flatten(torch.ones(2, 3, 4), start_dim=1).shape
        torch.Size([2, 12])
    """
    array = array_of(input)
    shape = array.shape
    first, last = one_dim(start_dim, len(shape)), one_dim(end_dim, len(shape))
    if first > last:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if not shape:
        return reshape(input, (1,))
    if first == last:
        return input
    return _reshaped(input, array, (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :]))


def ravel(input: Any) -> Any:
    """Return the elements as one dimension.

    Source: ``torch.ravel``.

    Example:
        >>> torch.ravel(torch.ones(2, 3)).shape
        torch.Size([6])
    """
    return reshape(input, (-1,)) if array_of(input).size else reshape(input, (0,))


def unflatten(input: Any, dim: int, sizes: Any) -> Any:
    """Return the tensor with one dimension split into several.

    Args:
        input: a tensor.
        dim: the dimension.
        sizes: its new sizes; one may be -1.

    Source: ``torch.unflatten``.

    Example:
        >>> torch.unflatten(torch.ones(3, 4), 1, (2, 2)).shape
        torch.Size([3, 2, 2])
    """
    d = one_dim(dim, input.ndim)
    shape = tuple(input.shape)
    wanted = as_size((sizes,)) if not isinstance(sizes, int) else (sizes,)
    if not wanted:
        raise RuntimeError("unflatten: sizes must be non-empty")
    try:
        split_sizes = infer_size(shape[d], wanted)
    except RuntimeError:
        raise RuntimeError(
            f"unflatten: Provided sizes {list(wanted)} don't multiply up to the size of dim {d} ({shape[d]}) "
            "in the input tensor"
        ) from None
    return view(input, (*shape[:d], *split_sizes, *shape[d + 1 :]))


def squeeze(input: Any, dim: Any = None) -> Any:
    """Return a view without dimensions of size 1.

    Args:
        input: a tensor.
        dim: only this one, or these; others are kept. Those of another size stay.

    Source: ``torch.squeeze``.

    Example:
        >>> torch.squeeze(torch.ones(1, 2, 1)).shape
        torch.Size([2])
    """
    shape = tuple(input.shape)
    if dim is None:
        wanted = tuple(i for i, n in enumerate(shape) if n == 1)
    elif isinstance(dim, (tuple, list)):
        found = tuple(one_dim(d, input.ndim) for d in dim)
        for d in found:
            if found.count(d) > 1:
                raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
        wanted = tuple(i for i in found if shape and shape[i] == 1)
    else:
        d = one_dim(dim, input.ndim)
        wanted = (d,) if shape and shape[d] == 1 else ()
    if not wanted:
        return _view(input, size=shape)
    return _squeeze(input, dim=wanted)


def unsqueeze(input: Any, dim: int) -> Any:
    """Return a view with a new dimension of size 1 before ``dim``.

    Source: ``torch.unsqueeze``.

    Example:
        >>> torch.unsqueeze(torch.ones(3), 0).shape
        torch.Size([1, 3])
    """
    return _unsqueeze(input, dim=one_dim(dim, input.ndim + 1))


def atleast_1d(*tensors: Any) -> Any:
    """Return views with at least 1 dimension.

    Example:
        >>> torch.atleast_1d(torch.tensor(1.0)).shape
        torch.Size([1])
    """
    return _at_least(1, tensors)


def atleast_2d(*tensors: Any) -> Any:
    """Return views with at least 2 dimensions; see ``atleast_1d``."""
    return _at_least(2, tensors)


def atleast_3d(*tensors: Any) -> Any:
    """Return views with at least 3 dimensions; see ``atleast_1d``."""
    return _at_least(3, tensors)


def _at_least(n: int, tensors: Any) -> Any:
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        return tuple(_at_least(n, (t,)) for t in tensors[0])
    if len(tensors) != 1:
        return tuple(_at_least(n, (t,)) for t in tensors)
    t = tensors[0]
    while t.ndim < n:
        # (n,) becomes (1, n) and (1, n, 1), as in numpy.
        t = unsqueeze(t, -1 if t.ndim == 2 else 0)
    return t


def numel(input: Any) -> int:
    """Return the number of elements.

    Example:
        >>> torch.numel(torch.ones(2, 3))
        6
    """
    return int(array_of(input).size)
