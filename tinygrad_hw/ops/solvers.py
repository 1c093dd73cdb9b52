"""Solvers beside ``linalg.solve``, forms that report instead of raising, functions of matrices, low-rank factors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_hw import return_types
from tinygrad_hw.autograd.graph import array_of, wrap
from tinygrad_hw.autograd.op import op
from tinygrad_hw.autograd.out import into
from tinygrad_hw.kernels.lu import lu_packed
from tinygrad_hw.ops.complex import conj
from tinygrad_hw.ops.creation import clone
from tinygrad_hw.ops.linalg import (
    LinAlgError,
    _check_matrix,
    _triangle,
    cholesky,
    inv,
    qr,
    slogdet,
    solve,
    svd,
    svdvals,
)
from tinygrad_hw.ops.matmul import matmul
from tinygrad_hw.ops.random import randn
from tinygrad_hw.ops.reduce import mean as mean_
from tinygrad_hw.ops.reduce import sum as sum_
from tinygrad_hw.ops.selection import where
from tinygrad_hw.ops.shape import cat, expand, movedim, reshape, stack

__all__ = [
    "cholesky_ex",
    "cholesky_inverse",
    "cholesky_solve",
    "inv_ex",
    "logdet",
    "matrix_exp",
    "pca_lowrank",
    "solve_ex",
    "svd_lowrank",
    "tensorinv",
    "tensorsolve",
    "torch_qr",
    "torch_svd",
    "triangular_solve",
    "vander",
    "vecdot",
]


# -- forms that report -----------------------------------------------------------------------------


def _first_bad_minor(a: Any) -> Any:
    """Return for each matrix the order of its first minor that is not positive, 0 if there is none."""
    n = a.shape[-1]
    info = np.zeros(a.shape[:-2], np.int32)
    for place in np.ndindex(*a.shape[:-2]):
        for k in range(1, n + 1):
            try:
                np.linalg.cholesky(a[place][:k, :k])
            except np.linalg.LinAlgError:
                info[place] = k
                break
    return info


def cholesky_ex(A: Any, *, upper: bool = False, check_errors: bool = False, out: Any = None) -> Any:
    """Return the Cholesky factor, and where the matrix turned out not to be positive definite.

    Args:
        A: (..., n, n), symmetric.
        upper: return the upper factor.
        check_errors: raise instead of reporting.
        out: a tensor to write the result into.

    Returns:
        A named tuple ``(L, info)``: ``info`` is 0, or the order of the first minor that is not positive.

    Source: ``torch.linalg.cholesky_ex``.

    Example:
        >>> torch.linalg.cholesky_ex(torch.tensor([[4.0]])).info
        tensor(0, dtype=torch.int32)
    """
    if out is not None:
        return into(out, cholesky_ex, A, upper=upper, check_errors=check_errors)
    _check_matrix("cholesky_ex", A, True)
    try:
        factor = cholesky(A, upper=upper)
    except LinAlgError:
        if check_errors:
            raise
        a = array_of(A)
        info = _first_bad_minor(np.tril(a) + np.swapaxes(np.tril(a, -1), -1, -2))
        good = info == 0
        values = np.full_like(a, np.nan)
        if good.any():
            values[good] = np.linalg.cholesky(a[good])
        return return_types.linalg_cholesky_ex(wrap(values), wrap(info))
    return return_types.linalg_cholesky_ex(factor, wrap(np.zeros(A.shape[:-2], np.int32)))


def _zero_pivots(A: Any) -> Any:
    return lu_packed(array_of(A))[2]


def inv_ex(A: Any, *, check_errors: bool = False, out: Any = None) -> Any:
    """Return the inverse, and where a zero pivot was met.

    Args:
        A: (..., n, n).
        check_errors: raise instead of reporting.
        out: a tensor to write the result into.

    Returns:
        A named tuple ``(inverse, info)``.

    Source: ``torch.linalg.inv_ex``.

    Example:
        >>> torch.linalg.inv_ex(torch.tensor([[4.0]])).inverse
        tensor([[0.2500]])
    """
    if out is not None:
        return into(out, inv_ex, A, check_errors=check_errors)
    _check_matrix("inv_ex", A, True)
    info = _zero_pivots(A)
    if info.any():
        if check_errors:
            inv(A)
        a = array_of(A).copy()
        good = info == 0
        if good.any():
            a[good] = np.linalg.inv(a[good])
        return return_types.linalg_inv_ex(wrap(a), wrap(info))
    return return_types.linalg_inv_ex(inv(A), wrap(info))


def solve_ex(A: Any, B: Any, *, left: bool = True, check_errors: bool = False, out: Any = None) -> Any:
    """Return the solution of ``AX = B``, and where a zero pivot was met; see ``linalg.solve``.

    Args:
        A: (..., n, n).
        B: (..., n, k), or one vector per matrix.
        left: solve ``AX = B`` (True) or ``XA = B``.
        check_errors: raise instead of reporting.
        out: a tensor to write the result into.

    Returns:
        A named tuple ``(result, info)``.

    Source: ``torch.linalg.solve_ex``.

    Example:
        >>> torch.linalg.solve_ex(torch.tensor([[4.0]]), torch.tensor([[2.0]])).result
        tensor([[0.5000]])
    """
    if out is not None:
        return into(out, solve_ex, A, B, left=left, check_errors=check_errors)
    _check_matrix("solve_ex", A, True)
    info = _zero_pivots(A)
    if info.any() and not check_errors:
        return return_types.linalg_solve_ex(clone(B) * float("nan"), wrap(info))
    return return_types.linalg_solve_ex(solve(A, B, left=left), wrap(info))


# -- solvers ---------------------------------------------------------------------------------------


def cholesky_solve(B: Any, L: Any, upper: bool = False, *, out: Any = None) -> Any:
    r"""Return the solution of :math:`AX = B` from the Cholesky factor of A.

    Args:
        B: (..., n, k).
        L: (..., n, n), the factor.
        upper: whether it is the upper one.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: the shapes do not fit.

    Source: ``torch.cholesky_solve``.

    Example:
        >>> torch.cholesky_solve(torch.tensor([[8.0]]), torch.tensor([[2.0]]))
        tensor([[2.]])
    """
    if out is not None:
        return into(out, cholesky_solve, B, L, upper)
    for name, t in (("b", B), ("u", L)):
        if t.ndim < 2:
            raise RuntimeError(f"{name} should have at least 2 dimensions, but has {t.ndim} dimensions instead")
    if L.shape[-1] != L.shape[-2]:
        raise RuntimeError(
            f"cholesky_solve: A must be batches of square matrices, but they are {L.shape[-2]} by {L.shape[-1]}"
        )
    if B.shape[-2] != L.shape[-1]:
        raise RuntimeError(
            f"Incompatible matrix sizes for cholesky_solve: each A matrix is {L.shape[-1]} by {L.shape[-1]} but each b "
            f"matrix is {B.shape[-2]} by {B.shape[-1]}"
        )
    return _cholesky_solve(B, L, upper=upper)


def _lower(L: Any, upper: bool) -> Any:
    return np.tril(L.mT if upper else L)


def _cholesky_solve_forward(B: Any, L: Any, *, upper: bool) -> Any:
    lower = _lower(L, upper)
    return np.linalg.solve(lower.mT, np.linalg.solve(lower, B))


def _cholesky_solve_rule(g: Any, L: Any, out: Any, upper: bool) -> Any:
    """As PyTorch's, the gradient of a full matrix: the other triangle is not masked."""
    common = _cholesky_solve(g, L, upper=upper) @ out.mT
    common = common + common.mT
    return -(L @ common) if upper else -(common @ L)


_cholesky_solve = op(
    "cholesky_solve",
    _cholesky_solve_forward,
    B=lambda g, L, upper: _cholesky_solve(g, L, upper=upper),
    L=_cholesky_solve_rule,
)


def _cholesky_inverse_forward(L: Any, *, upper: bool) -> Any:
    inverse = np.linalg.inv(_lower(L, upper))
    return inverse.mT @ inverse


def _cholesky_inverse_rule(g: Any, L: Any, out: Any, upper: bool) -> Any:
    common = out @ (g + g.mT) @ out
    return -(L @ common) if upper else -(common @ L)


_cholesky_inverse = op("cholesky_inverse", _cholesky_inverse_forward, L=_cholesky_inverse_rule)


def cholesky_inverse(L: Any, upper: bool = False, *, out: Any = None) -> Any:
    r"""Return :math:`(L L^T)^{-1}` from the Cholesky factor.

    Args:
        L: (..., n, n), the factor.
        upper: whether it is the upper one.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: the matrices are not square.

    Source: ``torch.cholesky_inverse``.

    Example:
        >>> torch.cholesky_inverse(torch.tensor([[2.0]]))
        tensor([[0.2500]])
    """
    if out is not None:
        return into(out, cholesky_inverse, L, upper)
    if L.ndim < 2:
        raise RuntimeError("cholesky_inverse: The input tensor A must have at least 2 dimensions.")
    if L.shape[-1] != L.shape[-2]:
        raise RuntimeError(
            f"cholesky_inverse: A must be batches of square matrices, but they are {L.shape[-2]} by {L.shape[-1]}"
        )
    return _cholesky_inverse(L, upper=upper)


def triangular_solve(
    b: Any, A: Any, upper: bool = True, transpose: bool = False, unitriangular: bool = False, *, out: Any = None
) -> Any:
    """Return the solution of ``AX = b`` for triangular matrices, and a copy of A.

    Args:
        b: (..., n, k).
        A: (..., n, n); only the triangle is read.
        upper: whether A is upper triangular.
        transpose: solve with its transpose.
        unitriangular: take the diagonal as ones.
        out: a tensor to write the result into.

    Returns:
        A named tuple ``(solution, cloned_coefficient)``.

    Source: ``torch.triangular_solve``.

    Example:
        >>> torch.triangular_solve(torch.tensor([[4.0]]), torch.tensor([[2.0]])).solution
        tensor([[2.]])
    """
    if out is not None:
        return into(out, triangular_solve, b, A, upper, transpose, unitriangular)
    for name, t in (("b", b), ("A", A)):
        if t.ndim < 2:
            raise RuntimeError(
                f"torch.triangular_solve: Expected {name} to have at least 2 dimensions, but it has {t.ndim}"
            )
    matrix = _triangle(A, upper, unitriangular)
    solution = solve(matrix.mT if transpose else matrix, b)
    return return_types.triangular_solve(solution, clone(A))


def tensorinv(A: Any, ind: int = 2, *, out: Any = None) -> Any:
    """Return the inverse of a tensor as a map of tensors: that of its first ``ind`` dimensions against the rest.

    Args:
        A: a tensor whose first ``ind`` sizes have the same product as the others.
        ind: how many dimensions the inverse has last.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: the products differ, or ``ind`` is not positive.

    Source: ``torch.linalg.tensorinv``.

    Example:
        >>> torch.linalg.tensorinv(torch.eye(6).reshape(2, 3, 6), ind=2).shape
        torch.Size([6, 2, 3])
    """
    if out is not None:
        return into(out, tensorinv, A, ind)
    if ind <= 0:
        raise RuntimeError("Expected a strictly positive integer for 'ind'")
    first, rest = tuple(A.shape[:ind]), tuple(A.shape[ind:])
    rows, columns = math.prod(first), math.prod(rest)
    if rows != columns:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got "
            f"{columns} != {rows}"
        )
    return reshape(inv(reshape(A, (rows, columns))), (*rest, *first))


def tensorsolve(A: Any, B: Any, dims: Any = None, *, out: Any = None) -> Any:
    """Return the X with ``tensordot(A, X, X.ndim) = B``.

    Args:
        A: a tensor whose sizes behind B's have the product of B's.
        B: the right side.
        dims: dimensions of A to move to its end first.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: the sizes do not fit.

    Source: ``torch.linalg.tensorsolve``.

    Example:
        >>> torch.linalg.tensorsolve(torch.eye(6).reshape(2, 3, 6), torch.ones(2, 3)).shape
        torch.Size([6])
    """
    if out is not None:
        return into(out, tensorsolve, A, B, dims)
    if dims is not None:
        at = [d % A.ndim for d in dims]
        A = movedim(A, tuple(at), tuple(range(A.ndim - len(at), A.ndim)))
    rest = tuple(A.shape[B.ndim :])
    columns, rows = math.prod(rest), math.prod(tuple(A.shape[: B.ndim]))
    if columns != rows:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), "
            f"but got {columns} != {rows}"
        )
    return reshape(solve(reshape(A, (rows, columns)), reshape(B, (-1,))), rest)


# -- functions of matrices -------------------------------------------------------------------------


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


_THETA = 5.371920351148152
_PADE = (
    64764752532480000.0,
    32382376266240000.0,
    7771770303897600.0,
    1187353796428800.0,
    129060195264000.0,
    10559470521600.0,
    670442572800.0,
    33522128640.0,
    1323241920.0,
    40840800.0,
    960960.0,
    16380.0,
    182.0,
    1.0,
)


def _exponential(A: Any) -> Any:
    if not A.size:
        return A.copy()
    a = A.astype(np.float64)
    size = np.abs(a).sum(-2).max(-1)
    halvings = np.maximum(0, np.ceil(np.log2(np.maximum(size, 1e-300) / _THETA))).astype(int)
    a = a / (2.0**halvings)[..., None, None]
    eye = np.eye(a.shape[-1])
    a2 = a @ a
    a4 = a2 @ a2
    a6 = a4 @ a2
    b = _PADE
    odd = a @ (a6 @ (b[13] * a6 + b[11] * a4 + b[9] * a2) + b[7] * a6 + b[5] * a4 + b[3] * a2 + b[1] * eye)
    even = a6 @ (b[12] * a6 + b[10] * a4 + b[8] * a2) + b[6] * a6 + b[4] * a4 + b[2] * a2 + b[0] * eye
    result = np.linalg.solve(even - odd, even + odd)
    for k in range(int(halvings.max(initial=0))):
        result = np.where((halvings > k)[..., None, None], result @ result, result)
    return result.astype(A.dtype)


def _exponential_rule(g: Any, A: Any) -> Any:
    """The upper right block of the exponential of a block matrix is the derivative in the direction of that block."""
    n = A.shape[-1]
    at = A.mT
    block = cat((cat((at, g), -1), cat((at * 0, at), -1)), -2)
    return _matrix_exp(block)[..., :n, n:]


_matrix_exp = op("linalg_matrix_exp", _exponential, node_name="LinalgMatrixExpBackward0", A=_exponential_rule)


def matrix_exp(A: Any) -> Any:
    r"""Return the exponential of square matrices, :math:`\sum_k A^k / k!`.

    Args:
        A: (..., n, n).

    Raises:
        RuntimeError: the matrices are not square or not floating point.

    Source: ``torch.linalg.matrix_exp``; Higham, "The Scaling and Squaring Method for the Matrix Exponential
    Revisited" (2005); gradient by Mathias, "A Chain Rule for Matrix Functions and Applications" (1996).

    Example:
        >>> torch.linalg.matrix_exp(torch.zeros(2, 2))
        tensor([[1., 0.],
                [0., 1.]])
    """
    _check_matrix("matrix_exp", A, True)
    return _matrix_exp(A)


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
    if array_of(x).dtype.kind not in "fc" or array_of(y).dtype.kind not in "fc":
        raise RuntimeError(f"linalg.vecdot: Expected floating point or complex tensors, got {x.dtype} and {y.dtype}")
    return sum_(conj(x) * y, dim)


def vander(x: Any, *, N: int | None = None) -> Any:
    """Return Vandermonde matrices, rising powers of each element in a row.

    Args:
        x: (..., n).
        N: columns; n by default.

    Raises:
        RuntimeError: ``N`` is not above 1.

    Source: ``torch.linalg.vander``.

    Example:
        >>> torch.linalg.vander(torch.tensor([2, 3]), N=3)
        tensor([[1, 2, 4],
                [1, 3, 9]])
    """
    if x.ndim < 1:
        x = reshape(x, (1,))
    n = x.shape[-1] if N is None else N
    if n <= 1:
        raise RuntimeError(f"N must be greater than 1, got {n}")
    kind = array_of(x).dtype
    if kind == np.bool_:
        kind = np.dtype(np.int64)
        x = wrap(array_of(x).astype(kind))
    powers = [wrap(np.ones(tuple(x.shape), kind))]
    for _ in range(n - 1):
        powers.append(powers[-1] * x)
    return stack(powers, -1)


# -- older names -----------------------------------------------------------------------------------


def torch_svd(input: Any, some: bool = True, compute_uv: bool = True, *, out: Any = None) -> Any:
    """Return the singular value decomposition ``(U, S, V)``, V not transposed; see ``linalg.svd``.

    Args:
        input: (..., m, n).
        some: whether U and V have min(m, n) columns only.
        compute_uv: whether to compute U and V; else they are zeros.
        out: a tensor to write the result into.

    Source: ``torch.svd``.

    Example:
        >>> torch.svd(torch.tensor([[3.0, 0.0], [0.0, 4.0]])).S
        tensor([4., 3.])
    """
    if out is not None:
        return into(out, torch_svd, input, some, compute_uv)
    if not compute_uv:
        m, n = input.shape[-2], input.shape[-1]
        zeros = [wrap(np.zeros((*input.shape[:-2], k, k), array_of(input).dtype)) for k in (m, n)]
        return return_types.svd(zeros[0], svdvals(input), zeros[1])
    u, s, vh = svd(input, full_matrices=not some)
    return return_types.svd(u, s, vh.mT)


def torch_qr(input: Any, some: bool = True, *, out: Any = None) -> Any:
    """Return the QR factors; see ``linalg.qr``.

    Args:
        input: (..., m, n).
        some: whether Q has min(m, n) columns only.
        out: a tensor to write the result into.

    Source: ``torch.qr``.

    Example:
        >>> torch.qr(torch.eye(2)).R.abs()
        tensor([[1., 0.],
                [0., 1.]])
    """
    if out is not None:
        return into(out, torch_qr, input, some)
    return return_types.qr(*qr(input, "reduced" if some else "complete"))


# -- low rank --------------------------------------------------------------------------------------


def _basis(A: Any, q: int, niter: int, M: Any) -> Any:
    """Return an approximate orthonormal basis of the range of A."""
    start = randn(A.shape[-1], q, dtype=A.dtype)
    centred = A if M is None else A - M
    Q = qr(matmul(centred, start)).Q
    for _ in range(niter):
        Q = qr(matmul(centred.mT, Q)).Q
        Q = qr(matmul(centred, Q)).Q
    return Q


def svd_lowrank(A: Any, q: int | None = 6, niter: int | None = 2, M: Any = None) -> tuple[Any, Any, Any]:
    """Return an approximate singular value decomposition of rank ``q``, from random projections.

    Args:
        A: (..., m, n).
        q: a little more than the rank of A.
        niter: rounds of subspace iteration.
        M: subtracted from A, broadcastable.

    Returns:
        ``(U, S, V)``, V not transposed.

    Source: ``torch.svd_lowrank``; Halko, Martinsson and Tropp, "Finding structure with randomness" (2011), 5.1.

    Example:
        >>> U, S, V = torch.svd_lowrank(torch.ones(4, 3), q=1)
        >>> S.shape
        torch.Size([1])
    """
    q, niter = 6 if q is None else q, 2 if niter is None else niter
    m, n = A.shape[-2], A.shape[-1]
    if M is not None:
        M = expand(M, tuple(A.shape))
    if m < n:
        A = A.mT
        M = None if M is None else M.mT
    Q = _basis(A, q, niter, M)
    B = matmul(Q.mT, A if M is None else A - M)
    U, S, Vh = svd(B, full_matrices=False)
    U, V = matmul(Q, U), Vh.mT
    return (V, S, U) if m < n else (U, S, V)


def pca_lowrank(A: Any, q: int | None = None, center: bool = True, niter: int = 2) -> tuple[Any, Any, Any]:
    """Return an approximate principal component analysis of rank ``q``; see ``svd_lowrank``.

    Args:
        A: (..., samples, features).
        q: a little more than the rank; ``min(6, m, n)`` by default.
        center: whether to subtract the mean of each feature.
        niter: rounds of subspace iteration.

    Returns:
        ``(U, S, V)``; the columns of V are the principal directions.

    Raises:
        ValueError: ``q`` or ``niter`` is out of range.

    Source: ``torch.pca_lowrank``.

    Example:
        >>> torch.pca_lowrank(torch.ones(4, 3))[1].shape
        torch.Size([3])
    """
    m, n = A.shape[-2], A.shape[-1]
    if q is None:
        q = min(6, m, n)
    elif not 0 <= q <= min(m, n):
        raise ValueError(f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}")
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    if not center:
        return svd_lowrank(A, q, niter)
    return svd_lowrank(A - mean_(A, -2, True), q, niter)
