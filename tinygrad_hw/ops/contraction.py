"""Sums of products over chosen dimensions: ``inner``, ``tensordot``, ``einsum``."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

from tinygrad_hw.autograd.graph import TensorBase, array_of
from tinygrad_hw.autograd.out import into
from tinygrad_hw.ops.arithmetic import mul
from tinygrad_hw.ops.diagonals import diagonal
from tinygrad_hw.ops.matmul import _bmm, _check_dtypes, mm
from tinygrad_hw.ops.permutation import _permute, permute
from tinygrad_hw.ops.reduce import sum as sum_
from tinygrad_hw.ops.shape import reshape

__all__ = [
    "einsum",
    "inner",
    "tensordot",
]


def inner(input: Any, other: Any, *, out: Any = None) -> Any:
    r"""Return the sums of products over the last dimensions, :math:`out_{ij} = \sum_k a_{ik} b_{jk}`.

    Args:
        input: (..., k) or a scalar tensor.
        other: (..., k) or a scalar tensor.
        out: a tensor to write the result into.

    Returns:
        A tensor of shape ``input.shape[:-1] + other.shape[:-1]``; a plain product if one is 0-d.

    Source: ``torch.inner``.

    Example:
        >>> torch.inner(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
        tensor(11.)
    """
    if out is not None:
        return into(out, inner, input, other)
    if input.ndim == 0 or other.ndim == 0:
        return mul(input, other)
    if input.shape[-1] != other.shape[-1]:
        raise RuntimeError(
            f"inner() the last dimension must match on both input tensors but got shapes {list(input.shape)} "
            f"and {list(other.shape)}"
        )
    return tensordot(input, other, ([-1], [-1]))


def tensordot(a: Any, b: Any, dims: Any = 2, *, out: Any = None) -> Any:
    """Return the sum of products over given dimensions of two tensors.

    Args:
        a: the left tensor.
        b: the right tensor.
        dims: the number of last dimensions of ``a`` to contract with the first of ``b``, or two lists of
            dimensions.
        out: a tensor to write the result into.

    Returns:
        A tensor with the remaining dimensions of ``a``, then those of ``b``.

    Raises:
        RuntimeError: contracted sizes differ.

    Source: ``torch.tensordot``.

    Example:
        >>> torch.tensordot(torch.ones(2, 3, 4), torch.ones(3, 4, 5), dims=2).shape
        torch.Size([2, 5])
    """
    if out is not None:
        return into(out, tensordot, a, b, dims)
    if isinstance(dims, TensorBase):
        dims = dims.array.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a.ndim, b.ndim):
            raise RuntimeError(
                f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims} for {a.ndim}-D and {b.ndim}-D"
            )
        left, right = list(range(a.ndim - dims, a.ndim)), list(range(dims))
    else:
        left, right = list(dims[0]), list(dims[1])
    if len(left) != len(right):
        raise RuntimeError(f"tensordot: both dimension lists should have same length, got {left} and {right}")
    left = [d % a.ndim for d in left]
    right = [d % b.ndim for d in right]
    for i, j in zip(left, right, strict=True):
        # A dimension of size 1 stands for as many equal slices as the other side has.
        if a.shape[i] == 1 and b.shape[j] != 1:
            b = sum_(b, j, True)
        elif b.shape[j] == 1 and a.shape[i] != 1:
            a = sum_(a, i, True)
        if a.shape[i] != b.shape[j]:
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {a.shape[i]} in dim {i} and second "
                f"has size {b.shape[j]} in dim {j}"
            )
    keep_a = [i for i in range(a.ndim) if i not in left]
    keep_b = [j for j in range(b.ndim) if j not in right]
    contracted = math.prod(a.shape[i] for i in left)
    shape_a = tuple(a.shape[i] for i in keep_a)
    shape_b = tuple(b.shape[j] for j in keep_b)
    rows = reshape(permute(a, (*keep_a, *left)), (math.prod(shape_a), contracted))
    columns = reshape(permute(b, (*right, *keep_b)), (contracted, math.prod(shape_b)))
    return reshape(mm(rows, columns), (*shape_a, *shape_b))


def _parse(equation: str, shapes: Sequence[tuple[int, ...]]) -> tuple[list[str], str]:
    """Return the subscripts of each operand and of the result, with the ellipsis written as letters."""
    equation = equation.replace(" ", "")
    if any(not (c.isalpha() and c.isascii()) and c not in ",.->" for c in equation):
        bad = next(c for c in equation if not (c.isalpha() and c.isascii()) and c not in ",.->")
        raise RuntimeError(f"einsum(): invalid subscript given in {equation!r}: {bad!r} is no letter")
    left, arrow, right = equation.partition("->")
    inputs = left.split(",")
    if len(inputs) != len(shapes):
        raise RuntimeError(
            f"einsum(): {equation!r} has subscripts for {len(inputs)} operands, but {len(shapes)} were given"
        )
    used = set(equation)
    spare = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" if c not in used]
    most = 0
    for s, shape in zip(inputs, shapes, strict=True):
        named, ndim = len(s.replace("...", "")), len(shape)
        if "..." in s:
            most = max(most, ndim - named)
        if named > ndim or ("..." not in s and named != ndim):
            raise RuntimeError(
                f"einsum(): the number of subscripts in {s!r} does not match the {ndim} dimensions of an "
                f"operand of shape {list(shape)}"
            )
    letters = "".join(spare[:most])
    full = []
    for s, shape in zip(inputs, shapes, strict=True):
        count = len(shape) - len(s.replace("...", ""))
        full.append(s.replace("...", letters[most - count :] if count else ""))
    if arrow:
        if right.count("...") > 1:
            raise RuntimeError(f"einsum(): two ellipses in the result of {equation!r}")
        result = right.replace("...", letters)
        for c in result:
            if result.count(c) > 1:
                raise RuntimeError(f"einsum(): output subscript {c} appears more than once in the output")
            if not any(c in s for s in full):
                raise RuntimeError(
                    f"einsum(): output subscript {c} does not appear in the equation for any input operand"
                )
    else:
        counts = "".join(s.replace("...", "") for s in inputs)
        result = letters + "".join(sorted(c for c in set(counts) if counts.count(c) == 1))
    return full, result


@functools.lru_cache(1024)
def _read(equation: str, shapes: tuple[tuple[int, ...], ...]) -> tuple[list[str], str, dict[str, int]]:
    """Return what ``_parse`` does, and the size of each letter."""
    subscripts, result = _parse(equation, shapes)
    sizes: dict[str, int] = {}
    for shape, s in zip(shapes, subscripts, strict=True):
        for c, n in zip(s, shape, strict=True):
            if n != 1 and sizes.get(c, 1) not in (1, n):
                raise RuntimeError(
                    f"einsum(): subscript {c} has size {n} for an operand of shape {list(shape)}, which does "
                    f"not broadcast with previously seen size {sizes[c]}"
                )
            sizes[c] = max(n, sizes.get(c, 1)) if n != 0 else 0
    return subscripts, result, sizes


def _unrepeated(t: Any, subscripts: str) -> tuple[Any, str]:
    """Take diagonals until no letter is repeated."""
    for c in subscripts:
        while subscripts.count(c) > 1:
            i = subscripts.index(c)
            j = subscripts.index(c, i + 1)
            if t.shape[i] != t.shape[j]:
                raise RuntimeError(
                    f"einsum(): subscript {c} is repeated for sizes {t.shape[i]} and {t.shape[j]} of one operand"
                )
            t = diagonal(t, 0, i, j)
            subscripts = subscripts[:i] + subscripts[i + 1 : j] + subscripts[j + 1 :] + c
    return t, subscripts


#: How two operands become a batched matrix product: for each the order of its dimensions (None: as it is) and its sizes
#: as matrices, then the sizes of the result and their letters.
_Pairing = tuple[Any, tuple[int, ...], Any, tuple[int, ...], tuple[int, ...], str]


def _order(s: str, letters: Sequence[str]) -> tuple[int, ...] | None:
    """Return where in ``s`` the letters are; None if in this order."""
    order = tuple([s.index(c) for c in letters])
    return None if order == tuple(range(len(s))) else order


def _pairing(a: tuple[int, ...], sa: str, b: tuple[int, ...], sb: str, keep: set[str]) -> _Pairing:
    size = {c: n for shape, s in ((a, sa), (b, sb)) for c, n in zip(s, shape, strict=True)}
    batch = [c for c in sa if c in sb and c in keep]
    summed = [c for c in sa if c in sb and c not in keep]
    only_a = [c for c in sa if c not in sb]
    only_b = [c for c in sb if c not in sa]
    i, j, k, n = (math.prod(size[c] for c in group) for group in (batch, only_a, summed, only_b))
    letters = "".join((*batch, *only_a, *only_b))
    order_a, order_b = _order(sa, [*batch, *only_a, *summed]), _order(sb, [*batch, *summed, *only_b])
    return order_a, (i, j, k), order_b, (i, k, n), tuple(size[c] for c in letters), letters


def _multiplied(a: Any, b: Any, pairing: _Pairing) -> Any:
    """Multiply two operands as one batched matrix product."""
    order_a, sizes_a, order_b, sizes_b, size, _ = pairing
    left = reshape(a if order_a is None else _permute(a, dims=order_a), sizes_a)
    right = reshape(b if order_b is None else _permute(b, dims=order_b), sizes_b)
    _check_dtypes("bmm", left, right)
    return reshape(_bmm(left, right), size)


def _contract(a: Any, sa: str, b: Any, sb: str, keep: set[str]) -> tuple[Any, str]:
    """Multiply two operands, summing letters not in ``keep``."""
    pairing = _pairing(array_of(a).shape, sa, array_of(b).shape, sb, keep)
    return _multiplied(a, b, pairing), pairing[-1]


@functools.lru_cache(1024)
def _plan(equation: str, a: tuple[int, ...], b: tuple[int, ...]) -> tuple[_Pairing, Any] | None:
    """Return how two operands of these shapes are multiplied, and the order of the result; None if more is to do."""
    (sa, sb), result, sizes = _read(equation, (a, b))
    for s, shape, elsewhere in ((sa, a, sb + result), (sb, b, sa + result)):
        for c, n in zip(s, shape, strict=True):
            if n != sizes[c] or s.count(c) > 1 or c not in elsewhere:
                return None
    pairing = _pairing(a, sa, b, sb, set(result))
    return pairing, _order(pairing[-1], result)


def einsum(equation: str, *operands: Any) -> Any:
    """Return the sum of products that an equation in Einstein's notation describes.

    Args:
        equation: such as ``"ij,jk->ik"``. Letters on the left that are not on the right are summed;
            without ``->`` those that appear once are kept, in alphabetical order. ``...`` stands for
            broadcast dimensions. A letter repeated in one operand takes its diagonal.
        *operands: the tensors (or one list of them).

    Returns:
        A tensor with the dimensions named on the right.

    Raises:
        RuntimeError: the equation does not fit the operands.

    Source: ``torch.einsum``. Operands are contracted pairwise by batched matrix products, from left to right.

    Example:
        >>> torch.einsum("ij,j->i", torch.eye(2), torch.tensor([1.0, 2.0]))
        tensor([1., 2.])
    """
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    if not operands:
        raise RuntimeError("einsum(): must provide at least one operand")
    shapes = tuple([getattr(t, "array", t).shape for t in operands])
    plan = _plan(equation, *shapes) if len(shapes) == 2 else None
    if plan is not None:
        product = _multiplied(operands[0], operands[1], plan[0])
        return product if plan[1] is None else _permute(product, dims=plan[1])
    subscripts, result, sizes = _read(equation, shapes)
    pending: list[tuple[Any, str]] = []
    for t, s in zip(operands, subscripts, strict=True):
        t, s = _unrepeated(t, s)
        ones = [i for i, c in enumerate(s) if t.shape[i] == 1 and sizes[c] != 1]
        if ones:
            t = reshape(t, tuple(n for i, n in enumerate(t.shape) if i not in ones))
            s = "".join(c for i, c in enumerate(s) if i not in ones)
        pending.append((t, s))
    for i, (t, s) in enumerate(pending):
        elsewhere = set(result).union(*(x for k, (_, x) in enumerate(pending) if k != i))
        lonely = [k for k, c in enumerate(s) if c not in elsewhere]
        if lonely:
            t = sum_(t, tuple(lonely))
            s = "".join(c for k, c in enumerate(s) if k not in lonely)
        pending[i] = (t, s)
    t, s = pending[0]
    for k, (u, r) in enumerate(pending[1:], start=1):
        keep = set(result).union(*(x for _, x in pending[k + 1 :]))
        t, s = _contract(t, s, u, r, keep)
    return permute(t, tuple(s.index(c) for c in result)) if s else t
