"""Matrix products of every shape, on the BLAS behind numpy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.autocast import in_float32
from tinygrad_hw.autograd.basics import cast
from tinygrad_hw.autograd.graph import TensorBase, array_of, mode
from tinygrad_hw.autograd.op import op
from tinygrad_hw.autograd.out import into
from tinygrad_hw.kernels import matmul as kernels
from tinygrad_hw.ops.arguments import one_dim
from tinygrad_hw.ops.arithmetic import mul
from tinygrad_hw.ops.complex import conj, is_complex
from tinygrad_hw.ops.diagonals import diagonal
from tinygrad_hw.ops.permutation import roll
from tinygrad_hw.ops.reduce import sum as sum_
from tinygrad_hw.ops.shape import reshape, squeeze, unsqueeze

# Without what is ``torch.linalg``'s alone.
__all__ = [
    "addbmm",
    "addmm",
    "addmv",
    "addr",
    "baddbmm",
    "bmm",
    "chain_matmul",
    "cross",
    "dot",
    "ger",
    "kron",
    "matmul",
    "mm",
    "mv",
    "outer",
    "trace",
    "vdot",
]


# -- the ops --------------------------------------------------------------------------------------


def _product(input: Any, other: Any) -> Any:
    if input.dtype.char == "e":
        # numpy has no half precision BLAS; PyTorch accumulates in float32 too.
        return kernels.matmul(input.astype(np.float32), other.astype(np.float32)).astype(np.float16)
    return kernels.matmul(input, other)


#: Product of (..., n, k) and (..., k, m), batch dimensions broadcast.
_matmul = op(
    "matmul",
    _product,
    node_name="MmBackward0",
    input=lambda g, other: _matmul(g, other.mT),
    other=lambda g, input: _matmul(input.mT, g),
)


_bmm = op(
    "bmm",
    _product,
    node_name="BmmBackward0",
    input=lambda g, other: _bmm(g, other.mT),
    other=lambda g, input: _bmm(input.mT, g),
)


_mv = op(
    "mv",
    _product,
    node_name="MvBackward0",
    input=lambda g, other: unsqueeze(g, -1) * other,
    other=lambda g, input: input.mT @ g,
)


_dot = op(
    "dot",
    _product,
    node_name="DotBackward0",
    input=lambda g, other: g * other,
    other=lambda g, input: g * input,
)


def _check_tensors(name: str, **tensors: Any) -> None:
    for argument, t in tensors.items():
        if not isinstance(t, (TensorBase, np.ndarray)):
            raise TypeError(f"{name}(): argument {argument!r} must be Tensor, not {type(t).__name__}")


def _check_dtypes(name: str, a: Any, b: Any) -> None:
    x, y = array_of(a).dtype, array_of(b).dtype
    if x is not y and x != y and mode.autocast is None:
        raise RuntimeError(
            f"{name}: expected both operands to have the same dtype, but got: "
            f"{dtypes.from_numpy(x)} and {dtypes.from_numpy(y)}. Convert one of them with .to(dtype)"
        )


def _by(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))


def _check_dims(name: str, tensor: Any, dims: int, argument: str) -> None:
    if tensor.ndim != dims:
        raise RuntimeError(
            f"{name}: expected {argument} to be a {dims}-D tensor, got {tensor.ndim}-D of shape {list(tensor.shape)}"
        )


def _inner_mismatch(name: str, a: Any, b: Any) -> RuntimeError:
    return RuntimeError(
        f"{name}: mat1 and mat2 shapes cannot be multiplied ({_by(a.shape)} and {_by(b.shape)}): the last "
        f"size of the first ({a.shape[-1]}) must equal the first size of the second. Transpose one of them?"
    )


def mm(input: Any, mat2: Any, *, out: Any = None) -> Any:
    r"""Return the matrix product :math:`AB` of two 2-D tensors.

    Args:
        input: (n, k).
        mat2: (k, m).
        out: a tensor to write the result into.

    Returns:
        A tensor of shape (n, m).

    Raises:
        RuntimeError: the shapes do not match, or the dtypes differ.

    Source: ``torch.mm``.

    Example:
        >>> torch.mm(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0], [4.0]]))
        tensor([[11.]])
    """
    if out is not None:
        return into(out, mm, input, mat2)
    _check_tensors("mm", input=input, mat2=mat2)
    _check_dims("mm", input, 2, "input")
    _check_dims("mm", mat2, 2, "mat2")
    if input.shape[1] != mat2.shape[0]:
        raise _inner_mismatch("mm", input, mat2)
    _check_dtypes("mm", input, mat2)
    return _matmul(input, mat2)


def bmm(input: Any, mat2: Any, *, out: Any = None) -> Any:
    r"""Return the products of two batches of matrices, :math:`out_i = A_i B_i`.

    Args:
        input: (b, n, k).
        mat2: (b, k, m).
        out: a tensor to write the result into.

    Returns:
        A tensor of shape (b, n, m).

    Raises:
        RuntimeError: the shapes do not match, or the dtypes differ.

    Source: ``torch.bmm``.

    Example:
        >>> torch.bmm(torch.ones(2, 1, 3), torch.ones(2, 3, 1)).shape
        torch.Size([2, 1, 1])
    """
    if out is not None:
        return into(out, bmm, input, mat2)
    _check_tensors("bmm", input=input, mat2=mat2)
    _check_dims("bmm", input, 3, "input")
    _check_dims("bmm", mat2, 3, "mat2")
    if input.shape[0] != mat2.shape[0] or input.shape[2] != mat2.shape[1]:
        raise RuntimeError(
            f"bmm: batches of matrices of shapes {list(input.shape)} and {list(mat2.shape)} cannot be "
            f"multiplied: expected the second to be ({input.shape[0]}, {input.shape[2]}, any)"
        )
    _check_dtypes("bmm", input, mat2)
    return _bmm(input, mat2)


def mv(input: Any, vec: Any, *, out: Any = None) -> Any:
    r"""Return the product :math:`Av` of a matrix and a vector.

    Args:
        input: (n, m).
        vec: (m,).
        out: a tensor to write the result into.

    Returns:
        A tensor of shape (n,).

    Raises:
        RuntimeError: the shapes do not match, or the dtypes differ.

    Source: ``torch.mv``.

    Example:
        >>> torch.mv(torch.eye(2), torch.tensor([1.0, 2.0]))
        tensor([1., 2.])
    """
    if out is not None:
        return into(out, mv, input, vec)
    _check_tensors("mv", input=input, vec=vec)
    _check_dims("mv", input, 2, "input")
    _check_dims("mv", vec, 1, "vec")
    if input.shape[1] != vec.shape[0]:
        raise RuntimeError(
            f"mv: size mismatch, got input ({_by(input.shape)}), vec ({vec.shape[0]}): the matrix has "
            f"{input.shape[1]} columns"
        )
    _check_dtypes("mv", input, vec)
    return _mv(input, vec)


def dot(input: Any, tensor: Any, *, out: Any = None) -> Any:
    r"""Return :math:`\sum_i a_i b_i` of two 1-D tensors.

    Args:
        input: (n,).
        tensor: (n,).
        out: a tensor to write the result into.

    Returns:
        A 0-d tensor.

    Raises:
        RuntimeError: the sizes or dtypes differ, or an operand is not 1-D.

    Source: ``torch.dot``.

    Example:
        >>> torch.dot(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
        tensor(11.)
    """
    if out is not None:
        return into(out, dot, input, tensor)
    _check_tensors("dot", input=input, tensor=tensor)
    if input.ndim != 1 or tensor.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {input.ndim}D and {tensor.ndim}D tensors for dot")
    if input.shape != tensor.shape:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor [{input.shape[0]}] and src [{tensor.shape[0]}] to have "
            "the same number of elements in dot"
        )
    _check_dtypes("dot", input, tensor)
    return _dot(input, tensor)


def vdot(input: Any, other: Any, *, out: Any = None) -> Any:
    """Return the dot product of two 1-D tensors, the first one conjugated; the same as ``dot`` for real numbers."""
    if out is not None:
        return into(out, vdot, input, other)
    _check_tensors("vdot", input=input, other=other)
    return dot(conj(input) if is_complex(input) else input, other)


def matmul(input: Any, other: Any, *, out: Any = None) -> Any:
    """Return the matrix product; vectors, matrices and broadcast batches of matrices.

    Two vectors give their dot product, a matrix and a vector a vector, two matrices a matrix. With more
    dimensions the last two are matrices and the others broadcast. A 1-D operand counts as a row on the left
    and as a column on the right, and that dimension is dropped from the result.

    Args:
        input: (..., n, k) or (k,).
        other: (..., k, m) or (k,).
        out: a tensor to write the result into.

    Returns:
        A tensor of shape (..., n, m).

    Raises:
        RuntimeError: the shapes do not match, the dtypes differ, or an operand is 0-d.

    Source: ``torch.matmul``.

    Example:
        >>> (torch.ones(5, 2, 3) @ torch.ones(3, 4)).shape
        torch.Size([5, 2, 4])
    """
    if out is not None:
        return into(out, matmul, input, other)
    a = input.array if isinstance(input, TensorBase) else input
    b = other.array if isinstance(other, TensorBase) else other
    n, m = a.ndim, b.ndim
    if n == 2 and m == 2:
        if a.shape[1] != b.shape[0]:
            raise _inner_mismatch("matmul", input, other)
        if a.dtype is not b.dtype:
            _check_dtypes("matmul", input, other)
        return _matmul(input, other)
    if n == 0 or m == 0:
        raise RuntimeError(f"both arguments to matmul need to be at least 1D, but they are {n}D and {m}D")
    if m == 1 and n <= 2 and a.dtype is b.dtype and a.shape[-1] == b.shape[0]:
        return (_dot if n == 1 else _mv)(input, other)
    if n == 1 and m == 1:
        return dot(input, other)
    if n == 2 and m == 1:
        return mv(input, other)
    if n == 1:
        return squeeze(matmul(unsqueeze(input, 0), other), -2)
    if m == 1:
        return squeeze(matmul(input, unsqueeze(other, 1)), -1)
    if input.shape[-1] != other.shape[-2]:
        raise _inner_mismatch("matmul", input, other)
    _check_dtypes("matmul", input, other)
    if m == 2 and n > 2:
        # One large product, and a weight gradient that needs no sum over the batch.
        rows = math.prod(input.shape[:-1])
        product = _matmul(reshape(input, (rows, input.shape[-1])), other)
        return reshape(product, (*input.shape[:-1], other.shape[-1]))
    try:
        np.broadcast_shapes(tuple(input.shape[:-2]), tuple(other.shape[:-2]))
    except ValueError:
        raise RuntimeError(
            f"matmul: the batch dimensions {list(input.shape[:-2])} and {list(other.shape[:-2])} cannot be broadcast"
        ) from None
    return _bmm(input, other)


def outer(input: Any, vec2: Any, *, out: Any = None) -> Any:
    r"""Return :math:`out_{ij} = a_i b_j` of two 1-D tensors.

    Args:
        input: (n,).
        vec2: (m,).
        out: a tensor to write the result into.

    Returns:
        A tensor of shape (n, m).

    Raises:
        RuntimeError: an operand is not 1-D.

    Source: ``torch.outer``.

    Example:
        >>> torch.outer(torch.tensor([1, 2]), torch.tensor([3, 4]))
        tensor([[3, 4],
                [6, 8]])
    """
    if out is not None:
        return into(out, outer, input, vec2)
    _check_tensors("outer", input=input, vec2=vec2)
    _check_dims("outer", input, 1, "input")
    _check_dims("outer", vec2, 1, "vec2")
    return mul(unsqueeze(input, 1), unsqueeze(vec2, 0))


def ger(input: Any, vec2: Any, *, out: Any = None) -> Any:
    """Return the outer product of two 1-D tensors; an alias of ``outer``."""
    if out is not None:
        return into(out, ger, input, vec2)
    return outer(input, vec2)


def _scaled(name: str, input: Any, product: Any, beta: float, alpha: float) -> Any:
    """Return ``beta * input + alpha * product``; a zero ``beta`` ignores ``input`` even where it is NaN."""
    if mode.autocast is not None and name in ("addmm", "baddbmm", "addbmm"):
        input = cast(input, dtype=array_of(product).dtype)
    kind = array_of(product).dtype.kind
    if kind in "iu":
        alpha, beta = int(alpha), int(beta)
    elif kind == "b":
        alpha, beta = bool(alpha), bool(beta)
    if alpha != 1:
        product = product * alpha
    shape = tuple(product.shape)
    try:
        fits = np.broadcast_shapes(tuple(input.shape), shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise RuntimeError(
            f"{name}: the expanded size of the tensor must match: input of shape {list(input.shape)} cannot be "
            f"broadcast to {list(shape)}"
        )
    if beta == 0:
        return product
    return (input if beta == 1 else input * beta) + product


def addmm(input: Any, mat1: Any, mat2: Any, *, beta: float = 1, alpha: float = 1, out: Any = None) -> Any:
    r"""Return :math:`\beta\, M + \alpha\, A B`.

    Args:
        input: broadcastable to (n, m).
        mat1: (n, k).
        mat2: (k, m).
        beta: factor of ``input``; 0 ignores it.
        alpha: factor of the product.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: the shapes do not match, or the dtypes differ.

    Source: ``torch.addmm``.

    Example:
        >>> torch.addmm(torch.ones(2), torch.eye(2), torch.eye(2))
        tensor([[2., 1.],
                [1., 2.]])
    """
    if out is not None:
        return into(out, addmm, input, mat1, mat2, beta=beta, alpha=alpha)
    return _scaled("addmm", input, mm(mat1, mat2), beta, alpha)


def addmv(input: Any, mat: Any, vec: Any, *, beta: float = 1, alpha: float = 1, out: Any = None) -> Any:
    r"""Return :math:`\beta\, u + \alpha\, A v`; see ``addmm``."""
    if out is not None:
        return into(out, addmv, input, mat, vec, beta=beta, alpha=alpha)
    return _scaled("addmv", input, mv(mat, vec), beta, alpha)


def addr(input: Any, vec1: Any, vec2: Any, *, beta: float = 1, alpha: float = 1, out: Any = None) -> Any:
    r"""Return :math:`\beta\, M + \alpha\, u v^T`; see ``addmm``."""
    if out is not None:
        return into(out, addr, input, vec1, vec2, beta=beta, alpha=alpha)
    return _scaled("addr", input, outer(vec1, vec2), beta, alpha)


def baddbmm(input: Any, batch1: Any, batch2: Any, *, beta: float = 1, alpha: float = 1, out: Any = None) -> Any:
    r"""Return :math:`\beta\, M_i + \alpha\, A_i B_i` for batches of matrices; see ``addmm``."""
    if out is not None:
        return into(out, baddbmm, input, batch1, batch2, beta=beta, alpha=alpha)
    return _scaled("baddbmm", input, bmm(batch1, batch2), beta, alpha)


def addbmm(input: Any, batch1: Any, batch2: Any, *, beta: float = 1, alpha: float = 1, out: Any = None) -> Any:
    r"""Return :math:`\beta\, M + \alpha \sum_i A_i B_i`; see ``addmm``."""
    if out is not None:
        return into(out, addbmm, input, batch1, batch2, beta=beta, alpha=alpha)
    return _scaled("addbmm", input, sum_(bmm(batch1, batch2), 0), beta, alpha)


def chain_matmul(*matrices: Any, out: Any = None) -> Any:
    """Return the product of several matrices, multiplied in the cheapest order.

    Args:
        *matrices: 2-D tensors of matching sizes.
        out: a tensor to write the result into.

    Source: ``torch.chain_matmul``; Cormen et al., Introduction to Algorithms, "Matrix-chain multiplication".

    Example:
        >>> torch.chain_matmul(torch.ones(2, 3), torch.ones(3, 4), torch.ones(4, 1)).shape
        torch.Size([2, 1])
    """
    if out is not None:
        return into(out, chain_matmul, *matrices)
    if not matrices:
        raise RuntimeError("chain_matmul(): Expected one or more matrices")
    count = len(matrices)
    if count == 1:
        return matrices[0]
    sizes = [matrices[0].shape[0], *(m.shape[1] for m in matrices)]
    cost = [[0] * count for _ in range(count)]
    split = [[0] * count for _ in range(count)]
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            options = [(cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j)]
            cost[i][j], split[i][j] = min(options)

    def product(i: int, j: int) -> Any:
        return matrices[i] if i == j else mm(product(i, split[i][j]), product(split[i][j] + 1, j))

    return product(0, count - 1)


def multi_dot(tensors: Any, *, out: Any = None) -> Any:
    """Return the product of two or more matrices (the first and last may be vectors), in the cheapest order.

    Args:
        tensors: a sequence of tensors.
        out: a tensor to write the result into.

    Source: ``torch.linalg.multi_dot``.

    Example:
        >>> torch.linalg.multi_dot([torch.ones(2, 3), torch.ones(3, 4), torch.ones(4)])
        tensor([12., 12.])
    """
    if out is not None:
        return into(out, multi_dot, tensors)

    tensors = list(tensors)
    if len(tensors) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(tensors)}")
    first, last = tensors[0].ndim == 1, tensors[-1].ndim == 1
    if first:
        tensors[0] = unsqueeze(tensors[0], 0)
    if last:
        tensors[-1] = unsqueeze(tensors[-1], -1)
    product = chain_matmul(*tensors)
    if last:
        product = squeeze(product, -1)
    return squeeze(product, 0) if first else product


@in_float32
def trace(input: Any) -> Any:
    r"""Return :math:`\sum_i A_{ii}` of a 2-D tensor.

    Raises:
        RuntimeError: the tensor is not 2-D.

    Source: ``torch.trace``.

    Example:
        >>> torch.trace(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor(5.)
    """
    _check_dims("trace", input, 2, "input")
    return sum_(diagonal(input))


def kron(input: Any, other: Any, *, out: Any = None) -> Any:
    r"""Return the Kronecker product :math:`a \otimes b`.

    Args:
        input: any shape.
        other: any shape; the shorter shape gets leading ones.
        out: a tensor to write the result into.

    Source: ``torch.kron``.

    Example:
        >>> torch.kron(torch.eye(2), torch.ones(1, 2))
        tensor([[1., 1., 0., 0.],
                [0., 0., 1., 1.]])
    """
    if out is not None:
        return into(out, kron, input, other)
    n = max(input.ndim, other.ndim)
    a = (1,) * (n - input.ndim) + tuple(input.shape)
    b = (1,) * (n - other.ndim) + tuple(other.shape)
    left = reshape(input, tuple(s for x in a for s in (x, 1)))
    right = reshape(other, tuple(s for y in b for s in (1, y)))
    return reshape(mul(left, right), tuple(x * y for x, y in zip(a, b, strict=True)))


def cross(input: Any, other: Any, dim: int | None = None, *, out: Any = None) -> Any:
    """Return the cross products of 3-vectors along ``dim``.

    Args:
        input: a tensor with 3 elements along ``dim``.
        other: the same, broadcastable.
        dim: the first dimension of size 3 by default.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: there is no dimension of size 3.

    Source: ``torch.cross``.

    Example:
        >>> torch.cross(torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 1.0, 0.0]), dim=0)
        tensor([0., 0., 1.])
    """
    if out is not None:
        return into(out, cross, input, other, dim)
    if dim is None:
        dim = next((i for i, n in enumerate(input.shape) if n == 3), None)
        if dim is None:
            raise RuntimeError(f"cross: no dimension of size 3 in input of shape {list(input.shape)}")
    n = max(input.ndim, other.ndim)
    dim = one_dim(dim, n)
    for t in (input, other):
        if t.shape[dim - n] != 3:
            raise RuntimeError(
                f"cross: dimension {dim} does not have size 3 in shapes {list(input.shape)} and {list(other.shape)}"
            )
    axis = dim - n
    a, b = input, other
    return mul(roll(a, -1, axis), roll(b, -2, axis)) - mul(roll(a, -2, axis), roll(b, -1, axis))


def linalg_cross(input: Any, other: Any, *, dim: int = -1, out: Any = None) -> Any:
    """Return the cross products of 3-vectors along ``dim``.

    Args:
        input: a tensor with 3 elements along ``dim``.
        other: the same, of as many dimensions, broadcastable.
        dim: the dimension.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: the numbers of dimensions differ, or the dimension has not 3 elements.

    Source: ``torch.linalg.cross``.

    Example:
        >>> torch.linalg.cross(torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 1.0, 0.0]))
        tensor([0., 0., 1.])
    """
    if out is not None:
        return into(out, linalg_cross, input, other, dim=dim)
    if input.ndim != other.ndim:
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    return cross(input, other, one_dim(dim, input.ndim))


def vecdot(x: Any, y: Any, *, dim: int = -1, out: Any = None) -> Any:
    """Return the dot products of vectors along a dimension, the first ones conjugated.

    Args:
        x: a floating point tensor.
        y: a tensor, broadcastable.
        dim: the dimension.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: the tensors are not floating point.

    Source: ``torch.linalg.vecdot``.

    Example:
        >>> torch.linalg.vecdot(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
        tensor(11.)
    """
    if out is not None:
        return into(out, vecdot, x, y, dim=dim)
    if array_of(x).dtype.kind not in "fcVW" or array_of(y).dtype.kind not in "fcVW":
        raise RuntimeError(f"linalg.vecdot: Expected floating point or complex tensors, got {x.dtype} and {y.dtype}")
    return sum_(conj(x) * y, dim)
