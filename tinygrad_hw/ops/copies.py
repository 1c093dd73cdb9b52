"""Copies instead of views: ``t_copy``, ``unbind_copy`` and their like."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_hw.autograd.out import into
from tinygrad_hw.ops import diagonals, permutation, shape, splitting, strided
from tinygrad_hw.ops.complex import view_as_complex, view_as_real
from tinygrad_hw.ops.conversion import clone
from tinygrad_hw.ops.pad import pad as pad_

__all__ = [
    "alias_copy",
    "as_strided_copy",
    "constant_pad_nd",
    "detach_copy",
    "diagonal_copy",
    "narrow_copy",
    "permute_copy",
    "resize_as_",
    "select_copy",
    "slice_copy",
    "split_copy",
    "split_with_sizes_copy",
    "squeeze_copy",
    "t_copy",
    "transpose_copy",
    "unbind_copy",
    "unfold_copy",
    "unsafe_chunk",
    "unsafe_split",
    "unsafe_split_with_sizes",
    "unsqueeze_copy",
    "view_as_complex_copy",
    "view_as_real_copy",
    "view_copy",
]


def _copying(view: Callable[..., Any], name: str, example: str) -> Callable[..., Any]:
    """Return the copying form of a function that returns a view or several."""

    def copy(*args: Any, out: Any = None, **kwargs: Any) -> Any:
        if out is not None:
            into(out, copy, *args, **kwargs)
            return None if isinstance(out, (tuple, list)) else out
        result = view(*args, **kwargs)
        return tuple(clone(t) for t in result) if isinstance(result, tuple) else clone(result)

    copy.__name__ = copy.__qualname__ = name
    copy.__doc__ = f"""Return a copy of what ``{view.__name__}`` returns a view of; same arguments.

    Source: ``torch.{name}``.

    Example:
        {example}
    """
    return copy


alias_copy = _copying(
    clone,
    "alias_copy",
    """>>> torch.alias_copy(torch.ones(1))
        tensor([1.])""",
)
as_strided_copy = _copying(
    strided.as_strided,
    "as_strided_copy",
    """>>> torch.as_strided_copy(torch.arange(4), (2,), (2,))
        tensor([0, 2])""",
)
diagonal_copy = _copying(
    diagonals.diagonal,
    "diagonal_copy",
    """>>> torch.diagonal_copy(torch.eye(2))
        tensor([1., 1.])""",
)
permute_copy = _copying(
    permutation.permute,
    "permute_copy",
    """>>> torch.permute_copy(torch.ones(2, 3), (1, 0)).shape
        torch.Size([3, 2])""",
)
select_copy = _copying(
    splitting.select,
    "select_copy",
    """>>> torch.select_copy(torch.arange(4), 0, 1)
        tensor(1)""",
)
split_copy = _copying(
    splitting.split,
    "split_copy",
    """>>> torch.split_copy(torch.arange(4), 2)
        (tensor([0, 1]), tensor([2, 3]))""",
)
split_with_sizes_copy = _copying(
    splitting.split_with_sizes,
    "split_with_sizes_copy",
    """>>> torch.split_with_sizes_copy(torch.arange(4), (1, 3))
        (tensor([0]), tensor([1, 2, 3]))""",
)
squeeze_copy = _copying(
    shape.squeeze,
    "squeeze_copy",
    """>>> torch.squeeze_copy(torch.ones(1, 2))
        tensor([1., 1.])""",
)
t_copy = _copying(
    permutation.t,
    "t_copy",
    """>>> torch.t_copy(torch.ones(2, 3)).shape
        torch.Size([3, 2])""",
)
transpose_copy = _copying(
    permutation.transpose,
    "transpose_copy",
    """>>> torch.transpose_copy(torch.ones(2, 3), 0, 1).shape
        torch.Size([3, 2])""",
)
unbind_copy = _copying(
    splitting.unbind,
    "unbind_copy",
    """>>> torch.unbind_copy(torch.arange(2))
        (tensor(0), tensor(1))""",
)
unfold_copy = _copying(
    strided.unfold_dim,
    "unfold_copy",
    """>>> torch.unfold_copy(torch.arange(3), 0, 2, 1)
        tensor([[0, 1],
                [1, 2]])""",
)
unsqueeze_copy = _copying(
    shape.unsqueeze,
    "unsqueeze_copy",
    """>>> torch.unsqueeze_copy(torch.ones(2), 0)
        tensor([[1., 1.]])""",
)
view_as_real_copy = _copying(
    view_as_real,
    "view_as_real_copy",
    """>>> torch.view_as_real_copy(torch.tensor([1j]))
        tensor([[0., 1.]])""",
)
view_as_complex_copy = _copying(
    view_as_complex,
    "view_as_complex_copy",
    """>>> torch.view_as_complex_copy(torch.tensor([[0.0, 1.0]]))
        tensor([0.+1.j])""",
)
view_copy = _copying(
    shape.view,
    "view_copy",
    """>>> torch.view_copy(torch.arange(4), (2, 2))
        tensor([[0, 1],
                [2, 3]])""",
)


def slice_copy(input: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1, *, out: Any = None) -> Any:
    """Return a copy of ``input[start:end:step]`` along one dimension.

    Source: ``torch.slice_copy``.

    Example:
        >>> torch.slice_copy(torch.arange(5), 0, 1, 4, 2)
        tensor([1, 3])
    """
    if out is not None:
        return into(out, slice_copy, input, dim, start, end, step)
    if step <= 0:
        raise RuntimeError(f"slice step must be positive: slice_copy() got {step}")
    dim = dim + input.ndim if dim < 0 else dim
    return clone(input[(slice(None),) * dim + (slice(start, end, step),)])


def narrow_copy(input: Any, dim: int, start: Any, length: int, *, out: Any = None) -> Any:
    """Return a copy of what ``narrow`` returns a view of.

    Raises:
        RuntimeError: the dimension or the slice is out of range.

    Source: ``torch.narrow_copy``.

    Example:
        >>> torch.narrow_copy(torch.arange(4), 0, 1, 2)
        tensor([1, 2])
    """
    if out is not None:
        return into(out, narrow_copy, input, dim, start, length)
    if dim >= input.ndim:
        raise RuntimeError(f"narrow_copy(): Expected dim < {input.ndim}, the tensor's dimensions, but got {dim}")
    return clone(splitting.narrow(input, dim, start, length))


def resize_as_(input: Any, the_template: Any, *, memory_format: Any = None) -> Any:
    """Give a tensor the sizes of another; see ``Tensor.resize_``.

    Source: ``torch.resize_as_``.

    Example:
        >>> torch.resize_as_(torch.arange(4), torch.ones(2, 2))
        tensor([[0, 1],
                [2, 3]])
    """
    return input.resize_as_(the_template, memory_format=memory_format)


def detach_copy(input: Any) -> Any:
    """Return a copy without history.

    Source: ``torch.detach_copy``.

    Example:
        >>> torch.detach_copy(torch.ones(1))
        tensor([1.])
    """
    return clone(input.detach())


def unsafe_chunk(input: Any, chunks: int, dim: int = 0) -> tuple[Any, ...]:
    """Return what ``chunk`` returns.

    Source: ``torch.unsafe_chunk``.

    Example:
        >>> torch.unsafe_chunk(torch.arange(4), 2)
        (tensor([0, 1]), tensor([2, 3]))
    """
    return splitting.chunk(input, chunks, dim)


def unsafe_split(tensor: Any, split_size: int, dim: int = 0) -> tuple[Any, ...]:
    """Return what ``split`` returns.

    Source: ``torch.unsafe_split``.

    Example:
        >>> torch.unsafe_split(torch.arange(4), 2)
        (tensor([0, 1]), tensor([2, 3]))
    """
    return splitting.split(tensor, split_size, dim)


def unsafe_split_with_sizes(input: Any, split_sizes: Sequence[int], dim: int = 0) -> tuple[Any, ...]:
    """Return what ``split_with_sizes`` returns.

    Source: ``torch.unsafe_split_with_sizes``.

    Example:
        >>> torch.unsafe_split_with_sizes(torch.arange(4), (1, 3))
        (tensor([0]), tensor([1, 2, 3]))
    """
    return splitting.split_with_sizes(input, split_sizes, dim)


def constant_pad_nd(input: Any, pad: Sequence[int], value: Any = 0) -> Any:
    """Return the tensor with a constant around it; see ``nn.functional.pad``.

    Args:
        input: a tensor.
        pad: how many elements to add before and behind, from the last dimension on; negative ones cut off.
        value: the constant.

    Source: ``torch.constant_pad_nd``.

    Example:
        >>> torch.constant_pad_nd(torch.ones(1), (1, 1), 5.0)
        tensor([5., 1., 5.])
    """
    return pad_(input, list(pad), "constant", value)
