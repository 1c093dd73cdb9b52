"""Dimensions in another order, and elements in another order along them: transposes, flips, rolls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_hw.autograd.op import op
from tinygrad_hw.ops.arguments import as_size, one_dim
from tinygrad_hw.ops.complex import conj
from tinygrad_hw.ops.conversion import clone
from tinygrad_hw.ops.shape import _view

__all__ = [
    "adjoint",
    "flip",
    "fliplr",
    "flipud",
    "moveaxis",
    "movedim",
    "permute",
    "roll",
    "rot90",
    "swapaxes",
    "swapdims",
    "t",
    "transpose",
]


# -- dimensions -----------------------------------------------------------------------------------


def _inverse(dims: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted(range(len(dims)), key=dims.__getitem__))


_permute = op(
    "permute",
    lambda input, *, dims: input.transpose(dims),
    view=True,
    input=lambda g, dims: _permute(g, dims=_inverse(dims)),
)


_transpose = op(
    "transpose",
    lambda input, *, dim0, dim1: input.swapaxes(dim0, dim1),
    view=True,
    input=lambda g, dim0, dim1: _transpose(g, dim0=dim0, dim1=dim1),
)


_t = op("t", lambda input: input.T, view=True, node_name="TBackward0", input=lambda g: _t(g))


def permute(input: Any, *dims: Any) -> Any:
    """Return a view with the dimensions in another order.

    Args:
        input: a tensor.
        *dims: every dimension once.

    Raises:
        RuntimeError: a dimension is missing or repeated.

    Source: ``torch.permute``.

    Example:
        >>> torch.permute(torch.ones(2, 3, 5), (2, 0, 1)).shape
        torch.Size([5, 2, 3])
    """
    given = as_size(dims, "dims")
    if len(given) != input.ndim:
        raise RuntimeError(
            f"permute(sparse_coo): number of dimensions in the tensor input does not match the length of the "
            f"desired ordering of dimensions i.e. input.dim() = {input.ndim} is not equal to len(dims) = "
            f"{len(given)}"
        )
    order = tuple(one_dim(d, input.ndim) for d in given)
    if len(set(order)) != len(order):
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return _permute(input, dims=order)


def transpose(input: Any, dim0: int, dim1: int) -> Any:
    """Return a view with two dimensions swapped.

    Source: ``torch.transpose``.

    Example:
        >>> torch.transpose(torch.ones(2, 3), 0, 1).shape
        torch.Size([3, 2])
    """
    n = input.ndim
    a, b = one_dim(dim0, n), one_dim(dim1, n)
    if n == 0:
        return _view(input, size=())
    return _transpose(input, dim0=a, dim1=b)


def t(input: Any) -> Any:
    """Return a view of a matrix transposed; vectors and scalars as they are.

    Raises:
        RuntimeError: there are more than two dimensions.

    Source: ``torch.t``.

    Example:
        >>> torch.t(torch.ones(2, 3)).shape
        torch.Size([3, 2])
    """
    if input.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
    return _t(input)


def adjoint(input: Any) -> Any:
    """Return the conjugate with the last two dimensions swapped; of a real tensor a view.

    Example:
        >>> torch.adjoint(torch.ones(2, 3)).shape
        torch.Size([3, 2])
    """
    if input.ndim < 2:
        raise RuntimeError(f"adjoint() is only supported on matrices, got a {input.ndim}-D tensor")
    return conj(transpose(input, -2, -1))


def movedim(input: Any, source: Any, destination: Any) -> Any:
    """Return a view with some dimensions moved, the others in their order.

    Args:
        input: a tensor.
        source: a dimension or several.
        destination: where they go.

    Source: ``torch.movedim``.

    Example:
        >>> torch.movedim(torch.ones(2, 3, 5), 0, -1).shape
        torch.Size([3, 5, 2])
    """
    n = input.ndim
    left = [one_dim(d, n) for d in ([source] if isinstance(source, int) else source)]
    right = [one_dim(d, n) for d in ([destination] if isinstance(destination, int) else destination)]
    if len(left) != len(right):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({left} dims) should contain the same number "
            f"of dims as destination ({right} dims)"
        )
    for name, dims in (("source", left), ("destination", right)):
        if len(set(dims)) != len(dims):
            raise RuntimeError(f"movedim: repeated dim in `{name}` ({dims})")
    if n == 0:
        return _view(input, size=())
    rest = iter(i for i in range(n) if i not in left)
    places = dict(zip(right, left, strict=True))
    return _permute(input, dims=tuple(places[i] if i in places else next(rest) for i in range(n)))


# -- elements: flips and rolls --------------------------------------------------------------------


_flip = op(
    "flip",
    lambda input, *, dims: np.array(np.flip(input, dims), order="C"),
    input=lambda g, dims: _flip(g, dims=dims),
)


_roll = op(
    "roll",
    lambda input, *, shifts, dims: np.roll(input, shifts, dims),
    input=lambda g, shifts, dims: _roll(g, shifts=-shifts if dims is None else tuple(-s for s in shifts), dims=dims),
)


def flip(input: Any, *args: Any, dims: Any = None) -> Any:
    """Return a copy with the order of elements reversed along dimensions.

    Source: ``torch.flip``.

    Example:
        >>> torch.flip(torch.tensor([1, 2, 3]), (0,))
        tensor([3, 2, 1])
    """
    axes = tuple(one_dim(d, input.ndim) for d in as_size(args if dims is None else (dims,), "dims"))
    if len(set(axes)) != len(axes):
        raise RuntimeError(f"dim {axes[0]} appears multiple times in the list of dims")
    return _flip(input, dims=axes if input.ndim else ())


def fliplr(input: Any) -> Any:
    """Return a copy with columns reversed.

    Example:
        >>> torch.fliplr(torch.tensor([[1, 2]]))
        tensor([[2, 1]])
    """
    if input.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return flip(input, (1,))


def flipud(input: Any) -> Any:
    """Return a copy with rows reversed.

    Example:
        >>> torch.flipud(torch.tensor([1, 2]))
        tensor([2, 1])
    """
    if input.ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return flip(input, (0,))


def roll(input: Any, shifts: Any, dims: Any = None) -> Any:
    """Return a copy with elements shifted along dimensions, those that leave coming back in.

    Args:
        input: a tensor.
        shifts: by how many places, a number or one per dimension.
        dims: the dimensions; None for the flattened tensor.

    Source: ``torch.roll``.

    Example:
        >>> torch.roll(torch.tensor([1, 2, 3]), 1)
        tensor([3, 1, 2])
    """
    if dims is None or dims == ():
        if not isinstance(shifts, int) and not len(shifts):
            raise RuntimeError("`shifts` required")
        by = shifts if isinstance(shifts, int) else shifts[0]
        return _roll(input, shifts=by, dims=None)
    by = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    axes = tuple(one_dim(d, input.ndim) for d in ((dims,) if isinstance(dims, int) else dims))
    if axes and not input.ndim:
        raise IndexError(f"Dimension specified as {axes[0]} but tensor has no dimensions")
    if len(by) != len(axes):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(by)}, dims:{len(axes)}")
    return _roll(input, shifts=by, dims=axes)


def rot90(input: Any, k: int = 1, dims: Sequence[int] = (0, 1)) -> Any:
    """Return a copy rotated by k times 90 degrees, from the first dimension towards the second.

    Source: ``torch.rot90``.

    Example:
        >>> torch.rot90(torch.tensor([[1, 2], [3, 4]]))
        tensor([[2, 4],
                [1, 3]])
    """
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if input.ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {input.ndim}")
    a, b = one_dim(dims[0], input.ndim), one_dim(dims[1], input.ndim)
    if a == b:
        raise RuntimeError(f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}")
    k %= 4
    if k == 1:
        return clone(transpose(flip(input, (b,)), a, b))
    if k == 2:
        return flip(input, (a, b))
    if k == 3:
        return flip(transpose(input, a, b), (b,))
    return clone(input)


moveaxis = movedim


swapaxes = swapdims = transpose
