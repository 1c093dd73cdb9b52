"""Inverses and solutions of linear systems, batched over the leading dimensions.

The gradient rules are the standard ones of matrix calculus; each docstring names its source. Rules are
written with operators and ``.mT``, so that they serve arrays and tensors alike.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_hw import return_types
from tinygrad_hw.autograd.autocast import in_float32
from tinygrad_hw.autograd.graph import TensorBase, array_of, wrap
from tinygrad_hw.autograd.op import op
from tinygrad_hw.autograd.out import into
from tinygrad_hw.kernels.lu import lu_packed
from tinygrad_hw.ops.conversion import clone
from tinygrad_hw.ops.diagonals import diag_embed, diagonal, tril, triu
from tinygrad_hw.ops.linalg import _check_matrix, _eye, _numpy, _singular
from tinygrad_hw.ops.matmul import matmul
from tinygrad_hw.ops.permutation import movedim
from tinygrad_hw.ops.reduce import sum as sum_
from tinygrad_hw.ops.shape import flatten, reshape, squeeze, unsqueeze
from tinygrad_hw.return_types import linalg_lstsq

__all__ = [
    "cholesky_inverse",
    "cholesky_solve",
    "inv",
    "inv_ex",
    "lstsq",
    "pinv",
    "pinverse",
    "solve",
    "solve_ex",
    "solve_triangular",
    "tensorinv",
    "tensorsolve",
    "triangular_solve",
]


# -- inverse --------------------------------------------------------------------------------------


def _inv_forward(A: Any) -> Any:
    try:
        return np.linalg.inv(A)
    except np.linalg.LinAlgError:
        raise _singular("inv", A) from None


_inv = op(
    "linalg_inv",
    _inv_forward,
    node_name="LinalgInvExBackward0",
    A=lambda g, out: -(out.mT @ g @ out.mT),
)


@in_float32
def inv(A: Any, *, out: Any = None) -> Any:
    r"""Return the inverse :math:`A^{-1}`; its gradient is :math:`-A^{-T} g A^{-T}`.

    Args:
        A: (..., n, n).
        out: a tensor to write the result into.

    Returns:
        A tensor of A's shape.

    Raises:
        LinAlgError: a matrix is singular.
        RuntimeError: the matrices are not square or not float32 or float64.

    Source: ``torch.linalg.inv``; Giles, "An extended collection of matrix derivative results" (2008), 2.2.3.

    Example:
        >>> torch.linalg.inv(torch.tensor([[2.0, 0.0], [0.0, 4.0]]))
        tensor([[0.5000, 0.0000],
                [0.0000, 0.2500]])
    """
    if out is not None:
        return into(out, inv, A)
    _check_matrix("inv", A, True)
    return _inv(A)


def _zero_pivots(A: Any) -> Any:
    return lu_packed(array_of(A))[2]


@in_float32
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


# -- solve ----------------------------------------------------------------------------------------


def _solve_forward(A: Any, B: Any) -> Any:
    try:
        return np.linalg.solve(A, B)
    except np.linalg.LinAlgError:
        raise _singular("solve", A) from None


_solve = op(
    "linalg_solve",
    _solve_forward,
    node_name="LinalgSolveExBackward0",
    A=lambda g, A, out: -(_solve(A.mT, g) @ out.mT),
    B=lambda g, A: _solve(A.mT, g),
)


@in_float32
def solve(A: Any, B: Any, *, left: bool = True, out: Any = None) -> Any:
    r"""Return the solution of :math:`AX = B` (or :math:`XA = B`).

    Args:
        A: (..., n, n).
        B: (..., n, k), or one vector per matrix: (n,) or (..., n) with the batch shape of A.
        left: solve :math:`AX = B` (True) or :math:`XA = B`.
        out: a tensor to write the result into.

    Returns:
        A tensor of B's (broadcast) shape.

    Raises:
        LinAlgError: a matrix is singular.
        RuntimeError: the shapes do not fit.

    Source: ``torch.linalg.solve``; Giles (2008), 2.3.1.

    Example:
        >>> torch.linalg.solve(torch.tensor([[2.0, 0.0], [0.0, 4.0]]), torch.tensor([2.0, 2.0]))
        tensor([1.0000, 0.5000])
    """
    if out is not None:
        return into(out, solve, A, B, left=left)
    _check_matrix("solve", A, True)
    if array_of(A).dtype != array_of(B).dtype:
        raise RuntimeError(
            f"linalg.solve: Expected A and B to have the same dtype, but found A of type {A.dtype} and B of "
            f"type {B.dtype} instead"
        )
    vector = B.ndim == 1 or (B.ndim == A.ndim - 1 and tuple(B.shape) == tuple(A.shape[:-1]))
    if vector:
        return squeeze(solve(A, unsqueeze(B, -1)), -1)
    if B.shape[-2 if left else -1] != A.shape[-1]:
        raise RuntimeError(
            f"linalg.solve: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
            f"({'x'.join(map(str, A.shape))} and {'x'.join(map(str, B.shape))})"
        )
    return _solve(A, B) if left else _solve(A.mT, B.mT).mT


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


def _triangle(a: Any, upper: bool, unitriangular: bool) -> Any:
    a = triu(a) if upper else tril(a)
    if unitriangular:
        a = a - diag_embed(diagonal(a, 0, -2, -1)) + _eye(a, a.shape[-1])
    return a


def solve_triangular(
    A: Any, B: Any, *, upper: bool, left: bool = True, unitriangular: bool = False, out: Any = None
) -> Any:
    """Return the solution of ``AX = B`` (or ``XA = B``) for triangular matrices.

    Args:
        A: (..., n, n); only the triangle is read.
        B: (..., n, k).
        upper: whether A is upper triangular.
        left: solve ``AX = B`` (True) or ``XA = B``.
        unitriangular: take the diagonal as ones.
        out: a tensor to write the result into.

    Source: ``torch.linalg.solve_triangular``.

    Example:
        >>> torch.linalg.solve_triangular(torch.eye(2) * 2, torch.ones(2, 1), upper=True)
        tensor([[0.5000],
                [0.5000]])
    """
    if out is not None:
        return into(out, solve_triangular, A, B, upper=upper, left=left, unitriangular=unitriangular)
    _check_matrix("solve_triangular", A, True)
    return solve(_triangle(A, upper, unitriangular), B, left=left)


@in_float32
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


# -- from a Cholesky factor -----------------------------------------------------------------------


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


@in_float32
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


def _cholesky_inverse_forward(L: Any, *, upper: bool) -> Any:
    inverse = np.linalg.inv(_lower(L, upper))
    return inverse.mT @ inverse


def _cholesky_inverse_rule(g: Any, L: Any, out: Any, upper: bool) -> Any:
    common = out @ (g + g.mT) @ out
    return -(L @ common) if upper else -(common @ L)


_cholesky_inverse = op("cholesky_inverse", _cholesky_inverse_forward, L=_cholesky_inverse_rule)


@in_float32
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


# -- over several dimensions ----------------------------------------------------------------------


@in_float32
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


@in_float32
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


# -- pseudo-inverse and least squares -------------------------------------------------------------


def _pinv_tolerance(a: Any, s: Any, atol: Any, rtol: Any) -> Any:
    """Return the singular value below which one counts as zero."""
    values = array_of(s)
    largest = values.max(axis=-1, initial=0)
    if rtol is None:
        rtol = 0.0 if atol is not None else max(a.shape[-2:]) * np.finfo(values.dtype).eps
    # Numbers stay numbers: as arrays they would be float64 and decide the dtype.
    least, relative = (t.array if isinstance(t, TensorBase) else t for t in (atol, rtol))
    return np.maximum(0.0 if least is None else least, relative * largest)[..., None]


def pinv(A: Any, *, atol: Any = None, rtol: Any = None, hermitian: bool = False, out: Any = None) -> Any:
    r"""Return the Moore-Penrose pseudo-inverse :math:`V S^+ U^T`.

    Args:
        A: (..., m, n).
        atol: singular values at or below it count as zero.
        rtol: the same relative to the largest; ``max(m, n) * eps`` by default.
        hermitian: whether A is symmetric; then only its lower triangle is read.
        out: a tensor to write the result into.

    Returns:
        A tensor of shape (..., n, m).

    Source: ``torch.linalg.pinv``; gradient by Golub and Pereyra, "The Differentiation of Pseudo-Inverses
    and Nonlinear Least Squares Problems Whose Variables Separate" (1973), eq. 4.12.

    Example:
        >>> torch.linalg.pinv(torch.tensor([[2.0], [0.0]]))
        tensor([[0.5000, 0.0000]])
    """
    if out is not None:
        return into(out, pinv, A, atol=atol, rtol=rtol, hermitian=hermitian)
    _check_matrix("pinv", A, hermitian)
    return _pinv(A, atol=atol, rtol=rtol, hermitian=hermitian)


@in_float32
def pinverse(input: Any, rcond: float = 1e-15) -> Any:
    """Return the pseudo-inverse; see ``torch.linalg.pinv``.

    Args:
        input: (..., m, n).
        rcond: singular values that are not larger, relative to the largest, count as zero.

    Source: ``torch.pinverse``.

    Example:
        >>> torch.pinverse(torch.tensor([[2.0], [0.0]]))
        tensor([[0.5000, 0.0000]])
    """
    return pinv(input, rtol=rcond)


def _pinv_forward(A: Any, *, atol: Any, rtol: Any, hermitian: bool) -> Any:
    if hermitian:
        w, v = _numpy("pinv", np.linalg.eigh, A)
        keep = np.abs(w) > _pinv_tolerance(A, np.abs(w), atol, rtol)
        inverse = np.where(keep, 1 / np.where(keep, w, 1), 0).astype(A.dtype)
        return (v * inverse[..., None, :]) @ v.mT
    u, s, vh = _numpy("pinv", np.linalg.svd, A, full_matrices=False)
    keep = s > _pinv_tolerance(A, s, atol, rtol)
    inverse = np.where(keep, 1 / np.where(keep, s, 1), 0).astype(A.dtype)
    return (vh.mT * inverse[..., None, :]) @ u.mT


def _pinv_rule(g: Any, A: Any, out: Any) -> Any:
    m, n = A.shape[-2], A.shape[-1]
    k, p = g.mT, out  # the formula is for the gradient with respect to A^T's layout
    ph = p.mT
    first = -(ph @ k.mT @ ph)
    second = (_eye(A, m) - A @ p) @ k @ p @ ph
    third = ph @ p @ k @ (_eye(A, n) - p @ A)
    return first + second + third


_pinv = op("linalg_pinv", _pinv_forward, node_name="LinalgPinvBackward0", A=_pinv_rule)


@in_float32
def lstsq(A: Any, B: Any, rcond: float | None = None, *, driver: str | None = None, out: Any = None) -> Any:
    r"""Return the solution of the least squares problem :math:`\min_X \|AX - B\|_F`.

    Args:
        A: (..., m, n).
        B: (..., m, k), or (..., m).
        rcond: relative size below which a singular value counts as zero; ``eps * max(m, n)`` by default.
        driver: LAPACK's routine whose results are returned: ``"gelsy"`` (default) finds the rank, ``"gels"`` takes
            it as full, ``"gelsd"`` and ``"gelss"`` return the singular values too. The pseudo-inverse is used for all.
        out: a tensor to write the result into.

    Returns:
        A named tuple ``(solution, residuals, rank, singular_values)``.

    Source: ``torch.linalg.lstsq``.

    Example:
        >>> torch.linalg.lstsq(torch.tensor([[2.0], [0.0]]), torch.tensor([[4.0], [1.0]])).solution
        tensor([[2.]])
    """
    if out is not None:
        return into(out, lstsq, A, B, rcond, driver=driver)
    _check_matrix("lstsq", A, False)
    if driver is None:
        driver = "gelsy"
    if driver not in ("gels", "gelsy", "gelsd", "gelss"):
        raise RuntimeError(
            "torch.linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss), got " + str(driver)
        )
    vector = B.ndim == A.ndim - 1
    b = unsqueeze(B, -1) if vector else B
    solution = matmul(pinv(A, rtol=rcond), b)
    m, n = A.shape[-2], A.shape[-1]
    s = np.linalg.svd(array_of(A), compute_uv=False)
    rank = (s > _pinv_tolerance(A, s, None, rcond)).sum(axis=-1)
    residual = matmul(A, solution) - b
    residuals = sum_(residual * residual, -2)
    if m <= n or driver == "gelsy" or not (driver == "gels" or bool(np.all(rank == n))):
        residuals = flatten(residuals)[:0]
    return linalg_lstsq(
        squeeze(solution, -1) if vector else solution,
        residuals,
        wrap(np.empty(0, np.int64) if driver == "gels" else np.asarray(rank, np.int64)),
        wrap(s if driver in ("gelsd", "gelss") else np.empty(0, s.dtype)),
    )
