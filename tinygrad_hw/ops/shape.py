"""Views and rearrangements: the elements stay, their places change."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.basics import as_strided as _as_strided_copy
from tinygrad_hw.autograd.basics import expand as _expand
from tinygrad_hw.autograd.basics import stack as _stack
from tinygrad_hw.autograd.graph import TensorBase, array_of, wrap
from tinygrad_hw.autograd.op import op
from tinygrad_hw.autograd.out import into
from tinygrad_hw.ops.complex import conj
from tinygrad_hw.ops.conversion import element_strides, memory_of
from tinygrad_hw.ops.conversion import storage_offset as offset_in_memory
from tinygrad_hw.size import Size

__all__ = [
    "adjoint",
    "as_strided",
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "block_diag",
    "broadcast_shapes",
    "broadcast_tensors",
    "broadcast_to",
    "cartesian_prod",
    "cat",
    "chunk",
    "column_stack",
    "concat",
    "concatenate",
    "diag",
    "diag_embed",
    "diagflat",
    "diagonal",
    "dsplit",
    "dstack",
    "expand_copy",
    "flatten",
    "flip",
    "fliplr",
    "flipud",
    "hsplit",
    "hstack",
    "meshgrid",
    "moveaxis",
    "movedim",
    "narrow",
    "numel",
    "permute",
    "ravel",
    "repeat_interleave",
    "reshape",
    "roll",
    "rot90",
    "row_stack",
    "select",
    "split",
    "split_with_sizes",
    "squeeze",
    "stack",
    "swapaxes",
    "swapdims",
    "t",
    "tensor_split",
    "tile",
    "transpose",
    "tril",
    "tril_indices",
    "triu",
    "triu_indices",
    "unbind",
    "unflatten",
    "unsqueeze",
    "vsplit",
    "vstack",
]


def one_dim(dim: Any, ndim: int) -> int:
    """Return a dimension counted from the front; 0-d counts as 1-d.

    Raises:
        IndexError: there is no such dimension.
    """
    n = max(ndim, 1)
    if isinstance(dim, TensorBase):
        dim = dim.array.item()
    if not isinstance(dim, (int, np.integer)) or isinstance(dim, bool):
        raise TypeError(f"argument 'dim' must be int, not {type(dim).__name__}")
    if not -n <= dim < n:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})")
    return int(dim) % n


def as_size(size: Sequence[Any], name: str = "size") -> tuple[int, ...]:
    """Return the sizes of ``f(2, 3)``, ``f((2, 3))`` or ``f(torch.Size([2, 3]))`` as a tuple of int."""
    if len(size) == 1 and isinstance(size[0], (tuple, list)):
        size = size[0]
    sizes = []
    for n in size:
        if isinstance(n, TensorBase) and n.array.ndim == 0:
            n = n.array.item()
        if not isinstance(n, (int, np.integer)) or isinstance(n, bool):
            raise TypeError(
                f"argument {name!r} must be tuple of ints, but found element of type {type(n).__name__}: {n!r}"
            )
        sizes.append(int(n))
    return tuple(sizes)


# -- reshape ---------------------------------------------------------------------------------------


def infer_size(shape: Sequence[int], size: tuple[int, ...]) -> tuple[int, ...]:
    """Return ``size`` with a -1 replaced by what the number of elements leaves.

    Raises:
        RuntimeError: the sizes do not fit.
    """
    count = math.prod(shape)
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
    elif math.prod(size) == count:
        return size
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
    lambda input, *, dim: np.expand_dims(input, dim),
    view=True,
    input=lambda g, input_shape: reshape(g, input_shape),
)
_squeeze = op(
    "squeeze",
    lambda input, *, dim: np.squeeze(input, dim),
    view=True,
    node_name="SqueezeBackward1",
    input=lambda g, input_shape: reshape(g, input_shape),
)


def _reshaped(input: Any, size: tuple[int, ...]) -> Any:
    if _can_view(array_of(input), size):
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
    return _reshaped(input, infer_size(input.shape, as_size(shape, "shape")))


def view(input: Any, *shape: Any) -> Any:
    """Return a view of another shape; see ``Tensor.view``."""
    size = infer_size(input.shape, as_size(shape))
    if not _can_view(array_of(input), size):
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
    result._version = input._version
    return result


def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """Return the tensor with dimensions ``start_dim`` to ``end_dim`` merged into one.

    Source: ``torch.flatten``.

    Example:
        >>> torch.flatten(torch.ones(2, 3, 4), start_dim=1).shape
        torch.Size([2, 12])
    """
    first, last = one_dim(start_dim, input.ndim), one_dim(end_dim, input.ndim)
    if first > last:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if input.ndim == 0:
        return reshape(input, (1,))
    if first == last:
        return input
    shape = tuple(input.shape)
    return _reshaped(input, (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :]))


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
        split_sizes = infer_size((shape[d],), wanted)
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


# -- permutations ----------------------------------------------------------------------------------


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


# -- broadcasting ----------------------------------------------------------------------------------


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
    return _copied(expand(input, size))


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
    return tuple(expand(t, shape) for t in tensors)


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
    # (1, n) expanded to (times, n), then merged: the gradient sums over the repetitions.
    paired = reshape(input, tuple(x for n in shape for x in (1, n)))
    wide = _expand(paired, size=tuple(x for k, n in zip(times, shape, strict=True) for x in (k, n)))
    return _flatten_view(wide, size=tuple(k * n for k, n in zip(times, shape, strict=True)))


def repeat_interleave(
    input: Any, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Any:
    """Return the tensor with each element repeated.

    Args:
        input: a tensor (alone: the repeats of 0, 1, 2, ...).
        repeats: how often, a number or a 1-D tensor with one for each element along ``dim``.
        dim: the dimension; None for the flattened tensor.
        output_size: ignored; the size is known.

    Source: ``torch.repeat_interleave``.

    Example:
        >>> torch.repeat_interleave(torch.tensor([1, 2]), 2)
        tensor([1, 1, 2, 2])
    """
    from tinygrad_hw.ops.index import index_select

    if repeats is None:
        counts = array_of(input)
        return wrap(np.repeat(np.arange(counts.size), counts))
    if dim is None:
        input, dim = flatten(input), 0
    d = one_dim(dim, input.ndim)
    counts = np.asarray(array_of(repeats) if isinstance(repeats, TensorBase) else repeats)
    if counts.dtype.kind not in "iu":
        raise RuntimeError("repeats has to be Long or Int tensor")
    if (counts < 0).any():
        raise RuntimeError("repeats can not be negative")
    n = input.shape[d]
    if counts.ndim == 1 and counts.size not in (1, n):
        raise RuntimeError(
            f"repeats must have the same size as input along dim, but got repeats.size(0) = {counts.size} and "
            f"input.size({d}) = {n}"
        )
    return index_select(input, d, wrap(np.repeat(np.arange(n), counts)))


# -- joining and splitting -------------------------------------------------------------------------


def _cat_rule(g: Any, tensors_shape: Any, dim: int, needs: Any) -> list[Any]:
    pieces, at = [], 0
    lead = (slice(None),) * dim
    for shape, need in zip(tensors_shape, needs, strict=True):
        n = shape[dim]
        pieces.append(g[(*lead, slice(at, at + n))] if need else None)
        at += n
    return pieces


_cat = op(
    "cat",
    lambda *tensors, dim: np.concatenate(tensors, dim),
    promote="same",
    differentiable=("tensors",),
    joint=_cat_rule,
)


def _check_list(name: str, tensors: Any) -> list[Any]:
    if isinstance(tensors, (TensorBase, np.ndarray)) or not isinstance(tensors, (tuple, list)):
        if isinstance(tensors, TensorBase):
            raise TypeError(f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not Tensor")
        tensors = list(tensors)
    for t in tensors:
        if not isinstance(t, (TensorBase, np.ndarray)):
            raise TypeError(f"{name}(): expected Tensor as element in argument 0, but got {type(t).__name__}")
    return list(tensors)


def cat(tensors: Any, dim: int = 0, *, out: Any = None) -> Any:
    """Return the tensors joined along a dimension.

    Args:
        tensors: a sequence; all sizes but that of ``dim`` must agree (empty 1-D ones are skipped).
        dim: the dimension.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: the sizes do not agree, or a tensor is 0-d.

    Source: ``torch.cat``.

    Example:
        >>> torch.cat((torch.ones(1, 2), torch.zeros(1, 2)))
        tensor([[1., 1.],
                [0., 0.]])
    """
    if out is not None:
        return into(out, cat, tensors, dim)
    pieces = _check_list("cat", tensors)
    if not pieces:
        raise ValueError("expected a non-empty list of Tensors")
    for i, t in enumerate(pieces):
        if t.ndim == 0:
            raise RuntimeError(f"zero-dimensional tensor (at position {i}) cannot be concatenated")
    full = [t for t in pieces if tuple(t.shape) != (0,)]
    if not full:
        return _cat(*pieces, dim=one_dim(dim, 1))
    if len(full) != len(pieces):
        kind = dtypes.result_type_of([array_of(t) for t in pieces])
        if kind.numpy != array_of(full[0]).dtype:
            # An empty tensor still takes part in promotion.
            at = one_dim(dim, full[0].ndim)
            empty = [0 if i == at else n for i, n in enumerate(full[0].shape)]
            full.append(wrap(np.empty(empty, kind.numpy)))
    d = one_dim(dim, full[0].ndim)
    first = tuple(full[0].shape)
    for i, t in enumerate(full):
        shape = tuple(t.shape)
        if len(shape) != len(first):
            raise RuntimeError(
                f"Tensors must have same number of dimensions: got {len(first)} and {len(shape)} (tensor {i})"
            )
        for k, (n, m) in enumerate(zip(first, shape, strict=True)):
            if k != d and n != m:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {d}. Expected size {n} but got size {m} "
                    f"for tensor number {i} in the list."
                )
    return _cat(*full, dim=d)


def stack(tensors: Any, dim: int = 0, *, out: Any = None) -> Any:
    """Return tensors of one shape joined along a new dimension.

    Args:
        tensors: a sequence.
        dim: where the new dimension goes.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: the shapes differ, or there are none.

    Source: ``torch.stack``.

    Example:
        >>> torch.stack((torch.ones(2), torch.zeros(2)), dim=1)
        tensor([[1., 0.],
                [1., 0.]])
    """
    if out is not None:
        return into(out, stack, tensors, dim)
    pieces = _check_list("stack", tensors)
    if not pieces:
        raise RuntimeError("stack expects a non-empty TensorList")
    first = tuple(pieces[0].shape)
    for i, t in enumerate(pieces):
        if tuple(t.shape) != first:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(first)} at entry 0 and "
                f"{list(t.shape)} at entry {i}"
            )
    return _stack(*pieces, dim=one_dim(dim, len(first) + 1))


def _some(name: str, tensors: Any) -> Any:
    if isinstance(tensors, (list, tuple)) and not tensors:
        raise RuntimeError(f"{name} expects a non-empty TensorList")
    return tensors


def hstack(tensors: Any, *, out: Any = None) -> Any:
    """Return the tensors joined column-wise: along dimension 1, or 0 for 1-D ones.

    Example:
        >>> torch.hstack((torch.tensor([1]), torch.tensor([2])))
        tensor([1, 2])
    """
    if out is not None:
        return into(out, hstack, tensors)
    pieces = [atleast_1d(t) for t in _some("hstack", tensors)]
    return cat(pieces, 0 if pieces[0].ndim == 1 else 1)


def vstack(tensors: Any, *, out: Any = None) -> Any:
    """Return the tensors joined row-wise.

    Example:
        >>> torch.vstack((torch.tensor([1]), torch.tensor([2]))).shape
        torch.Size([2, 1])
    """
    if out is not None:
        return into(out, vstack, tensors)
    return cat([atleast_2d(t) for t in _some("vstack", tensors)], 0)


def dstack(tensors: Any, *, out: Any = None) -> Any:
    """Return the tensors joined along the third dimension.

    Example:
        >>> torch.dstack((torch.tensor([1]), torch.tensor([2]))).shape
        torch.Size([1, 1, 2])
    """
    if out is not None:
        return into(out, dstack, tensors)
    return cat([atleast_3d(t) for t in _some("dstack", tensors)], 2)


def column_stack(tensors: Any, *, out: Any = None) -> Any:
    """Return 1-D tensors as columns, joined with 2-D ones.

    Example:
        >>> torch.column_stack((torch.tensor([1, 2]), torch.tensor([3, 4])))
        tensor([[1, 3],
                [2, 4]])
    """
    if out is not None:
        return into(out, column_stack, tensors)
    return hstack([reshape(t, (-1, 1)) if t.ndim < 2 else t for t in _some("column_stack", tensors)])


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


# -- flips and rolls -------------------------------------------------------------------------------

_flip = op(
    "flip",
    lambda input, *, dims: np.ascontiguousarray(np.flip(input, dims)).reshape(input.shape),
    input=lambda g, dims: _flip(g, dims=dims),
)
_roll = op(
    "roll",
    lambda input, *, shifts, dims: np.roll(input, shifts, dims),
    input=lambda g, shifts, dims: _roll(g, shifts=-shifts if dims is None else tuple(-s for s in shifts), dims=dims),
)


def _copied(input: Any) -> Any:
    """Return a copy through which gradients flow."""
    from tinygrad_hw.ops.creation import clone

    return clone(input)


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
        return _copied(transpose(flip(input, (b,)), a, b))
    if k == 2:
        return flip(input, (a, b))
    if k == 3:
        return flip(transpose(input, a, b), (b,))
    return _copied(input)


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


# -- diagonals and triangles -----------------------------------------------------------------------


def _diagonal_view(array: Any, offset: int, dim1: int, dim2: int) -> Any:
    """Return a writeable view of diagonals, which numpy's is not."""
    rows, columns = array.shape[dim1], array.shape[dim2]
    length = max(0, min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns))
    rest = [i for i in range(array.ndim) if i not in (dim1, dim2)]
    start = [slice(None)] * array.ndim
    start[dim1] = slice(max(-offset, 0), None)
    start[dim2] = slice(max(offset, 0), None)
    return np.lib.stride_tricks.as_strided(
        array[tuple(start)],
        (*(array.shape[i] for i in rest), length),
        (*(array.strides[i] for i in rest), array.strides[dim1] + array.strides[dim2]),
    )


def _diagonal_adjoint_forward(input: Any, *, offset: int, dim1: int, dim2: int, size: Sequence[int]) -> Any:
    out = np.zeros(size, input.dtype)
    _diagonal_view(out, offset, dim1, dim2)[...] = input
    return out


_diagonal = op(
    "diagonal",
    lambda input, *, offset, dim1, dim2: _diagonal_view(input, offset, dim1, dim2),
    view=True,
    input=lambda g, input_shape, offset, dim1, dim2: _diagonal_adjoint(
        g, offset=offset, dim1=dim1, dim2=dim2, size=tuple(input_shape)
    ),
)
_diagonal_adjoint = op(
    "diagonal_adjoint",
    _diagonal_adjoint_forward,
    node_name="DiagEmbedBackward0",
    input=lambda g, offset, dim1, dim2: _diagonal(g, offset=offset, dim1=dim1, dim2=dim2),
)


def diagonal(input: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """Return a view of the diagonals of matrices, as the last dimension.

    Args:
        input: a tensor of 2 dimensions or more.
        offset: above (positive) or below the main diagonal.
        dim1: the row dimension.
        dim2: the column dimension.

    Source: ``torch.diagonal``.

    Example:
        >>> torch.diagonal(torch.tensor([[1, 2], [3, 4]]))
        tensor([1, 4])
    """
    a, b = one_dim(dim1, input.ndim), one_dim(dim2, input.ndim)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return _diagonal(input, offset=int(offset), dim1=a, dim2=b)


def diag_embed(input: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """Return matrices with the last dimension of ``input`` on their diagonals.

    Args:
        input: a tensor.
        offset: above (positive) or below the main diagonal.
        dim1: where the row dimension goes.
        dim2: where the column dimension goes.

    Source: ``torch.diag_embed``.

    Example:
        >>> torch.diag_embed(torch.tensor([1, 2]))
        tensor([[1, 0],
                [0, 2]])
    """
    n = input.ndim + 1
    a, b = one_dim(dim1, n), one_dim(dim2, n)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    side = input.shape[-1] + abs(offset)
    rest = iter(input.shape[:-1])
    size = tuple(side if i in (a, b) else next(rest) for i in range(n))
    return _diagonal_adjoint(input, offset=offset, dim1=a, dim2=b, size=size)


def diag(input: Any, diagonal: int = 0, *, out: Any = None) -> Any:
    """Return the diagonal of a matrix, or the matrix with a vector on its diagonal.

    Source: ``torch.diag``.

    Example:
        >>> torch.diag(torch.tensor([1, 2]))
        tensor([[1, 0],
                [0, 2]])
    """
    if out is not None:
        return into(out, diag, input, diagonal)
    if input.ndim == 1:
        return diag_embed(input, diagonal)
    if input.ndim == 2:
        return _copied(_diagonal(input, offset=diagonal, dim1=0, dim2=1))
    raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D")


def diagflat(input: Any, offset: int = 0) -> Any:
    """Return a matrix with the flattened elements on its diagonal.

    Example:
        >>> torch.diagflat(torch.tensor([[1], [2]]))
        tensor([[1, 0],
                [0, 2]])
    """
    return diag_embed(reshape(input, (-1,)), offset)


def block_diag(*tensors: Any) -> Any:
    """Return a matrix with the given matrices on its diagonal, zeros elsewhere.

    Example:
        >>> torch.block_diag(torch.tensor([[1]]), torch.tensor([[2, 3]]))
        tensor([[1, 0, 0],
                [0, 2, 3]])
    """
    blocks = [atleast_2d(t) for t in tensors]
    width = sum(b.shape[1] for b in blocks)
    rows, at = [], 0
    for b in blocks:
        if b.ndim > 2:
            raise RuntimeError("block_diag: Input tensors must have 2 or fewer dimensions")
        kind = array_of(b).dtype
        left = np.zeros((b.shape[0], at), kind)
        at += b.shape[1]
        right = np.zeros((b.shape[0], width - at), kind)
        rows.append(cat((wrap(left), b, wrap(right)), 1))
    return cat(rows, 0)


_tril = op(
    "tril",
    lambda input, *, diagonal: np.tril(input, diagonal),
    input=lambda g, diagonal: _tril(g, diagonal=diagonal),
)
_triu = op(
    "triu",
    lambda input, *, diagonal: np.triu(input, diagonal),
    input=lambda g, diagonal: _triu(g, diagonal=diagonal),
)


def tril(input: Any, diagonal: int = 0, *, out: Any = None) -> Any:
    """Return the lower triangles of matrices, zeros above.

    Args:
        input: (..., n, m).
        diagonal: the last diagonal kept.
        out: a tensor to write the result into.

    Source: ``torch.tril``.

    Example:
        >>> torch.tril(torch.ones(2, 2))
        tensor([[1., 0.],
                [1., 1.]])
    """
    if out is not None:
        return into(out, tril, input, diagonal)
    if input.ndim < 2:
        raise RuntimeError("tril: input tensor must have at least 2 dimensions")
    return _tril(input, diagonal=diagonal)


def triu(input: Any, diagonal: int = 0, *, out: Any = None) -> Any:
    """Return the upper triangles of matrices, zeros below.

    Args:
        input: (..., n, m).
        diagonal: the first diagonal kept.
        out: a tensor to write the result into.

    Source: ``torch.triu``.

    Example:
        >>> torch.triu(torch.ones(2, 2))
        tensor([[1., 1.],
                [0., 1.]])
    """
    if out is not None:
        return into(out, triu, input, diagonal)
    if input.ndim < 2:
        raise RuntimeError("triu: input tensor must have at least 2 dimensions")
    return _triu(input, diagonal=diagonal)


def _check_sides(row: int, col: int) -> None:
    for name, n in (("row", row), ("col", col)):
        if n < 0:
            raise RuntimeError(f"{name} must be non-negative, got {n}")


def tril_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None) -> Any:
    """Return the row and column indices of a lower triangle, (2, n).

    Example:
        >>> torch.tril_indices(2, 2)
        tensor([[0, 1, 1],
                [0, 0, 1]])
    """
    _check_sides(row, col)
    kind = np.dtype(np.int64) if dtype is None else dtypes.as_dtype(dtype).numpy
    return wrap(np.stack(np.tril_indices(row, offset, col)).astype(kind))


def triu_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None) -> Any:
    """Return the row and column indices of an upper triangle, (2, n).

    Example:
        >>> torch.triu_indices(2, 2)
        tensor([[0, 0, 1],
                [0, 1, 1]])
    """
    _check_sides(row, col)
    kind = np.dtype(np.int64) if dtype is None else dtypes.as_dtype(dtype).numpy
    return wrap(np.stack(np.triu_indices(row, offset, col)).astype(kind))


# -- strided views ---------------------------------------------------------------------------------


def as_strided(input: Any, size: Any, stride: Any, storage_offset: int | None = None) -> Any:
    """Return elements at given strides of the tensor's memory.

    Args:
        input: a tensor.
        size: sizes of the result.
        stride: steps in elements.
        storage_offset: the first element; that of ``input`` by default.

    Raises:
        RuntimeError: the view would reach outside the memory.

    Source: ``torch.as_strided``. Recorded tensors are copied instead of viewed.

    Example:
        >>> torch.as_strided(torch.arange(6), (2, 2), (1, 2))
        tensor([[0, 2],
                [1, 3]])
    """
    sizes, steps = as_size((size,)), as_size((stride,), "stride")
    if len(sizes) != len(steps):
        raise RuntimeError(f"mismatch in length of strides and shape: {list(steps)} and {list(sizes)}")
    if any(s < 0 for s in steps):
        raise RuntimeError(f"as_strided: Negative strides are not supported, got strides: {list(steps)}")
    array = array_of(input)
    own = offset_in_memory(array)
    memory = memory_of(array)
    if not own and array.size == memory.size and array.flags.c_contiguous:
        return _as_strided_copy(input, size=sizes, stride=steps, storage_offset=storage_offset or 0, layout=None)
    place = (tuple(array.shape), element_strides(array), own)
    return _restrided(
        input, to=(sizes, steps, own if storage_offset is None else storage_offset), place=place, length=memory.size
    )


def _strided_forward(input: Any, *, to: Any, place: Any, length: int) -> Any:
    size, stride, offset = to
    if math.prod(size) == 0:
        return np.empty(size, input.dtype)
    last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    if offset < 0 or last >= length:
        raise RuntimeError(
            f"as_strided: size {list(size)}, stride {list(stride)} and storage offset {offset} reach element {last}, "
            f"which is out of bounds for storage of {length} elements"
        )
    memory = memory_of(input)
    return np.lib.stride_tricks.as_strided(memory[offset:], size, [s * memory.itemsize for s in stride])


def _moved_forward(input: Any, *, place: Any, to: Any, length: int) -> Any:
    """Add the elements up at one set of places in zeroed memory, and read the memory at another."""
    memory = np.zeros(length, input.dtype)
    numbers = np.arange(length)
    source = _strided_forward(numbers, to=place, place=None, length=length)
    np.add.at(memory, source.reshape(-1), np.asarray(input).reshape(-1))
    return memory[_strided_forward(numbers, to=to, place=None, length=length)]


_restrided = op(
    "as_strided_in_memory",
    _strided_forward,
    view=True,
    node_name="AsStridedBackward0",
    input=lambda g, to, place, length: _moved(g, place=to, to=place, length=length),
)
_moved = op(
    "as_strided_moved",
    _moved_forward,
    input=lambda g, place, to, length: _moved(g, place=to, to=place, length=length),
)


def unfold_dim(input: Any, dimension: int, size: int, step: int) -> Any:
    """Return windows along a dimension; see ``Tensor.unfold``."""
    d = one_dim(dimension, input.ndim)
    shape = tuple(input.shape) or (1,)
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    if size > shape[d]:
        raise RuntimeError(f"maximum size for tensor at dimension {d} is {shape[d]} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    if input.ndim == 0:
        return reshape(input, (1,))[:size]
    return _unfold(input, dim=d, size=size, step=step)


def _unfold_view(array: Any, dim: int, size: int, step: int) -> Any:
    count = (array.shape[dim] - size) // step + 1
    shape, strides = list(array.shape), list(array.strides)
    shape[dim], strides[dim] = count, array.strides[dim] * step
    return np.lib.stride_tricks.as_strided(array, (*shape, size), (*strides, array.strides[dim]))


def _unfold_adjoint_forward(input: Any, *, dim: int, size: int, step: int, shape: Sequence[int]) -> Any:
    out = np.zeros(shape, input.dtype)
    lead = (slice(None),) * dim
    count = input.shape[dim]
    for i in range(size):
        out[(*lead, slice(i, i + step * (count - 1) + 1, step))] += input[..., i]
    return out


_unfold = op(
    "unfold",
    lambda input, *, dim, size, step: _unfold_view(input, dim, size, step),
    view=True,
    input=lambda g, input_shape, dim, size, step: _unfold_adjoint(
        g, dim=dim, size=size, step=step, shape=tuple(input_shape)
    ),
)
_unfold_adjoint = op(
    "unfold_adjoint",
    _unfold_adjoint_forward,
    node_name="UnfoldBackwardBackward0",
    input=lambda g, dim, size, step: _unfold(g, dim=dim, size=size, step=step),
)


def numel(input: Any) -> int:
    """Return the number of elements.

    Example:
        >>> torch.numel(torch.ones(2, 3))
        6
    """
    return int(array_of(input).size)


concat = concatenate = cat
moveaxis = movedim
swapaxes = swapdims = transpose
row_stack = vstack
