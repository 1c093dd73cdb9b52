"""Properties of matrices: determinant, rank, norms, condition number, diagonal."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.autocast import in_float32
from tinygrad_hw.autograd.basics import cast
from tinygrad_hw.autograd.graph import array_of, wrap
from tinygrad_hw.autograd.op import op
from tinygrad_hw.autograd.out import into
from tinygrad_hw.ops.decomposition import svdvals
from tinygrad_hw.ops.diagonals import diagonal
from tinygrad_hw.ops.extrema import amax, amin
from tinygrad_hw.ops.linalg import _check_matrix, _numpy
from tinygrad_hw.ops.permutation import movedim
from tinygrad_hw.ops.reduce import norm as _tensor_norm
from tinygrad_hw.ops.reduce import sum as sum_
from tinygrad_hw.ops.selection import where
from tinygrad_hw.ops.shape import flatten, squeeze, unsqueeze
from tinygrad_hw.ops.solvers import _inv, _pinv_tolerance, inv
from tinygrad_hw.ops.unary import abs as abs_
from tinygrad_hw.return_types import linalg_slogdet

__all__ = [
    "cond",
    "det",
    "linalg_diagonal",
    "logdet",
    "matrix_norm",
    "matrix_rank",
    "norm",
    "slogdet",
    "vector_norm",
]


# -- determinants ---------------------------------------------------------------------------------


def _cofactors(A: Any) -> Any:
    """Return the matrix of cofactors, right for singular matrices too."""
    u, s, vh = np.linalg.svd(A)
    n = s.shape[-1]
    if n < 2:
        return np.ones_like(A)
    others = np.stack([np.prod(np.delete(s, i, axis=-1), axis=-1) for i in range(n)], axis=-1)
    sign = np.linalg.det(u) * np.linalg.det(vh)
    return sign[..., None, None] * ((u * others[..., None, :]) @ vh)


def _spread(g: Any) -> Any:
    return unsqueeze(unsqueeze(g, -1), -1)


_det = op(
    "linalg_det",
    lambda A: np.linalg.det(A),
    node_name="LinalgDetBackward0",
    A=lambda g, A, out: _spread(g * out) * _inv(A).mT,
    raw=lambda g, A: (np.asarray(g)[..., None, None] * _cofactors(A),),
)


def det(A: Any, *, out: Any = None) -> Any:
    r"""Return the determinant; its gradient is :math:`g \det(A) A^{-T}`, the matrix of cofactors.

    Args:
        A: (..., n, n).
        out: a tensor to write the result into.

    Returns:
        A tensor of shape (...).

    Raises:
        RuntimeError: the matrices are not square or not float32 or float64.

    Source: ``torch.linalg.det``; Giles (2008), 2.2.4. First-order gradients are right for singular
    matrices too; second-order ones need an inverse.

    Example:
        >>> torch.linalg.det(torch.tensor([[2.0, 0.0], [0.0, 4.0]]))
        tensor(8.)
    """
    if out is not None:
        return into(out, det, A)
    _check_matrix("det", A, True)
    return _det(A)


def _slogdet_forward(A: Any) -> Any:
    sign, logabsdet = np.linalg.slogdet(A)
    return sign, logabsdet


_slogdet = op(
    "linalg_slogdet",
    _slogdet_forward,
    outputs=("sign", "logabsdet"),
    node_name="LinalgSlogdetBackward0",
    A=lambda g_logabsdet, A: _spread(g_logabsdet) * _inv(A).mT,
)


def slogdet(A: Any, *, out: Any = None) -> Any:
    r"""Return the sign of the determinant and :math:`\log|\det A|`, which does not overflow.

    Args:
        A: (..., n, n).
        out: a tensor to write the result into.

    Returns:
        A named tuple ``(sign, logabsdet)`` of tensors of shape (...).

    Source: ``torch.linalg.slogdet``; Giles (2008), 2.2.4.

    Example:
        >>> torch.linalg.slogdet(torch.tensor([[0.0, 1.0], [1.0, 0.0]])).sign
        tensor(-1.)
    """
    if out is not None:
        return into(out, slogdet, A)
    _check_matrix("slogdet", A, True)
    return linalg_slogdet(*_slogdet(A))


def logdet(input: Any) -> Any:
    """Return the logarithm of the determinant; NaN where that is negative, -inf where it is 0.

    Args:
        input: (..., n, n).

    Source: ``torch.logdet``.

    Example:
        >>> torch.logdet(torch.eye(2) * 2)
        tensor(1.3863)
    """
    sign, size = slogdet(input)
    return where(wrap(array_of(sign) == -1), float("nan"), size)


# -- rank and norms -------------------------------------------------------------------------------


@in_float32
def matrix_rank(A: Any, *, atol: Any = None, rtol: Any = None, hermitian: bool = False, out: Any = None) -> Any:
    """Return the number of singular values above the tolerance; not differentiable.

    Args:
        A: (..., m, n).
        atol: absolute tolerance.
        rtol: relative to the largest singular value; ``max(m, n) * eps`` by default.
        hermitian: accepted; makes no difference to the result.
        out: a tensor to write the result into.

    Returns:
        An int64 tensor of shape (...).

    Source: ``torch.linalg.matrix_rank``.

    Example:
        >>> torch.linalg.matrix_rank(torch.ones(3, 3))
        tensor(1)
    """
    if out is not None:
        return into(out, matrix_rank, A, atol=atol, rtol=rtol, hermitian=hermitian)
    _check_matrix("matrix_rank", A, False)
    s = _numpy("matrix_rank", np.linalg.svd, array_of(A), compute_uv=False)
    return wrap(np.asarray((s > _pinv_tolerance(A, s, atol, rtol)).sum(axis=-1), np.int64))


def _check_not_empty(x: Any, ord: float, dim: Any) -> None:
    """Raise PyTorch's error for a smallest or largest element of nothing."""
    if dim is None:
        where = "an empty tensor" if 0 in x.shape else None
    else:
        empty = [d for d in ((dim,) if isinstance(dim, int) else dim) if x.ndim and x.shape[d] == 0]
        where = f"the dimension {empty[0]} because this dimension is empty and" if empty else None
    if where is not None:
        because = "" if where.endswith("and") else " because"
        raise RuntimeError(
            f"linalg.vector_norm cannot compute the {ord:g} norm on {where}{because} the operation does not have an "
            "identity"
        )


def vector_norm(
    x: Any, ord: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, out: Any = None
) -> Any:
    r"""Return :math:`(\sum |x_i|^p)^{1/p}`, or the largest or smallest absolute value, or the count of non-zeros.

    Args:
        x: any shape.
        ord: p; ``inf``, ``-inf`` and 0 are allowed.
        dim: the dimensions to reduce; all, flattened, by default.
        keepdim: keep them with size 1.
        dtype: convert first.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: the dtype is not floating point.

    Source: ``torch.linalg.vector_norm``.

    Example:
        >>> torch.linalg.vector_norm(torch.tensor([3.0, 4.0]))
        tensor(5.)
    """
    if out is not None:
        return into(out, vector_norm, x, ord, dim, keepdim, dtype=dtype)
    if array_of(x).dtype.kind not in "fcVW":
        raise RuntimeError(f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {x.dtype}")
    if ord < 0 or ord == math.inf:
        _check_not_empty(x, ord, dim)
    if dim is None and not keepdim and x.ndim != 1:
        x, dim = flatten(x), 0
    elif dim is None:
        dim = tuple(range(x.ndim))
    return _tensor_norm(x, ord, dim, keepdim, dtype=dtype)


def matrix_norm(
    A: Any,
    ord: Any = "fro",
    dim: tuple[int, int] = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: Any = None,
    out: Any = None,
) -> Any:
    """Return a norm of matrices.

    Args:
        A: two dimensions or more.
        ord: ``"fro"`` (root of the sum of squares), ``"nuc"`` (sum of singular values), ``inf`` and ``-inf``
            (largest and smallest row sum), 1 and -1 (column sums), 2 and -2 (singular values).
        dim: the dimensions of the matrices.
        keepdim: keep them with size 1.
        dtype: convert first.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: ``ord`` is none of these, or A has fewer than two dimensions.

    Source: ``torch.linalg.matrix_norm``.

    Example:
        >>> torch.linalg.matrix_norm(torch.tensor([[1.0, -2.0], [3.0, 4.0]]), 1)
        tensor(6.)
    """
    if out is not None:
        return into(out, matrix_norm, A, ord, dim, keepdim, dtype=dtype)
    if A.ndim < 2:
        raise RuntimeError(
            f"linalg.matrix_norm: The input tensor A must have at least 2 dimensions, got {list(A.shape)}"
        )
    if array_of(A).dtype.kind == "c" and ord not in ("nuc", 2, -2):
        A = abs_(A)
    if array_of(A).dtype.kind not in "fV":
        raise RuntimeError(f"linalg.matrix_norm: Expected a floating point tensor as input. Got {A.dtype}")
    if dtype is not None:
        A = cast(A, dtype=dtypes.as_dtype(dtype).numpy)
    rows, columns = (d % A.ndim for d in dim)
    if rows == columns:
        raise RuntimeError(f"linalg.matrix_norm: dims must be different, got {dim}")
    if ord == "fro":
        return _tensor_norm(A, 2, (rows, columns), keepdim)
    if ord in ("nuc", 2, -2):
        s = svdvals(movedim(A, (rows, columns), (-2, -1)))
        # Of no singular values the largest is 0.
        largest = sum_ if ord == "nuc" or s.shape[-1] == 0 else amax
        result = amin(s, -1) if ord == -2 else largest(s, -1)
        if keepdim:
            for d in sorted((rows, columns)):
                result = unsqueeze(result, d)
        return result
    if ord in (1, -1, math.inf, -math.inf):
        inner, outer = (rows, columns) if abs(ord) == 1 else (columns, rows)
        sums = sum_(abs_(A), inner, True)
        if ord > 0:
            result = amax(sums, outer, True) if sums.shape[outer] else sum_(sums, outer, True)
        else:
            result = amin(sums, outer, True)
        if not keepdim:
            for d in sorted((rows, columns), reverse=True):
                result = squeeze(result, d)
        return result
    raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")


def norm(A: Any, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, out: Any = None) -> Any:
    """Return a vector or matrix norm.

    With ``ord`` left out it is the 2-norm of the flattened tensor. With ``ord`` and one dimension (or a 1-D
    tensor) it is ``vector_norm``, with two it is ``matrix_norm``.

    Args:
        A: any shape.
        ord: see ``vector_norm`` and ``matrix_norm``.
        dim: one dimension or two.
        keepdim: keep reduced dimensions with size 1.
        dtype: convert first.
        out: a tensor to write the result into.

    Source: ``torch.linalg.norm``.

    Example:
        >>> torch.linalg.norm(torch.tensor([3.0, 4.0]))
        tensor(5.)
    """
    if out is not None:
        return into(out, norm, A, ord, dim, keepdim, dtype=dtype)
    dims = None if dim is None else ((dim,) if isinstance(dim, int) else tuple(dim))
    if ord is None:
        return vector_norm(A, 2, dims, keepdim, dtype=dtype)
    if dims is not None and len(dims) not in (1, 2):
        raise RuntimeError(f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dims)}")
    if dims is None and A.ndim not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {A.ndim}D."
        )
    if (dims is not None and len(dims) == 2) or (dims is None and A.ndim == 2):
        return matrix_norm(A, ord, dims or (-2, -1), keepdim, dtype=dtype)
    if isinstance(ord, str):
        raise RuntimeError(f"linalg.norm: ord={ord!r} needs a matrix; give two dimensions")
    return vector_norm(A, ord, dims, keepdim, dtype=dtype)


@in_float32
def cond(A: Any, p: Any = None, *, out: Any = None) -> Any:
    r"""Return the condition number :math:`\|A\|_p \|A^{-1}\|_p`.

    Args:
        A: (..., m, n); square unless ``p`` is None, 2 or -2.
        p: a matrix norm; 2 by default.
        out: a tensor to write the result into.

    Source: ``torch.linalg.cond``.

    Example:
        >>> torch.linalg.cond(torch.tensor([[2.0, 0.0], [0.0, 1.0]]))
        tensor(2.)
    """
    if out is not None:
        return into(out, cond, A, p)
    _check_matrix("cond", A, False)
    if p in (None, 2, -2):
        s = svdvals(A)
        largest, smallest = s[..., 0], s[..., -1]
        return smallest / largest if p == -2 else largest / smallest
    return matrix_norm(A, p) * matrix_norm(inv(A), p)


def linalg_diagonal(A: Any, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """Return a view of the diagonals of matrices; see ``torch.diagonal``.

    Args:
        A: (..., m, n).
        offset: above (positive) or below the main diagonal.
        dim1: the row dimension.
        dim2: the column dimension.

    Source: ``torch.linalg.diagonal``.

    Example:
        >>> torch.linalg.diagonal(torch.ones(4, 2, 3)).shape
        torch.Size([4, 2])
    """
    return diagonal(A, offset, dim1, dim2)
