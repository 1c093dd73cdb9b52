"""LU factors and Householder reflectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw import return_types
from tinygrad_hw.autograd.autocast import in_float32
from tinygrad_hw.autograd.complex import check_real
from tinygrad_hw.autograd.graph import array_of, wrap
from tinygrad_hw.autograd.op import op
from tinygrad_hw.autograd.out import into
from tinygrad_hw.kernels.lu import lu_packed, permutation
from tinygrad_hw.ops.broadcasting import expand
from tinygrad_hw.ops.diagonals import tril, triu
from tinygrad_hw.ops.joining import cat
from tinygrad_hw.ops.linalg import LinAlgError, _check_matrix
from tinygrad_hw.ops.matmul import matmul
from tinygrad_hw.ops.pad import pad
from tinygrad_hw.ops.shape import unsqueeze
from tinygrad_hw.ops.solvers import _solve, solve_triangular

__all__ = [
    "geqrf",
    "householder_product",
    "lu",
    "lu_factor",
    "lu_factor_ex",
    "lu_solve",
    "lu_unpack",
    "orgqr",
    "ormqr",
    "torch_lu",
    "torch_lu_solve",
]


def _plu_forward(A: Any, *, pivot: bool) -> Any:
    packed, pivots, info = lu_packed(A, pivot)
    m, n = A.shape[-2:]
    k = min(m, n)
    lower = np.tril(packed[..., :k], -1) + np.eye(m, k, dtype=A.dtype)
    return permutation(pivots, m, A.dtype), lower, np.triu(packed[..., :k, :]), pivots, info


def _plu_rule(g_L: Any, g_U: Any, P: Any, L: Any, U: Any) -> tuple[Any]:
    m, n = L.shape[-2], U.shape[-1]
    k = min(m, n)
    if m == n:
        phi = tril(L.mT @ g_L, -1) + triu(g_U @ U.mT)
        return (P @ _solve(L.mT, _solve(U, phi.mT).mT),)
    if m < n:
        u1, g1, u2, g2 = U[..., :k], g_U[..., :k], U[..., k:], g_U[..., k:]
        right = _solve(L.mT, g2)
        phi = tril(L.mT @ g_L - g2 @ u2.mT, -1) + triu(g1 @ u1.mT)
        return (P @ cat((_solve(L.mT, _solve(u1, phi.mT).mT), right), -1),)
    l1, g1, l2, g2 = L[..., :k, :], g_L[..., :k, :], L[..., k:, :], g_L[..., k:, :]
    phi = tril(l1.mT @ g1, -1) + triu(g_U @ U.mT - l2.mT @ g2)
    return (P @ cat((_solve(l1.mT, _solve(U, phi.mT).mT), _solve(U, g2.mT).mT), -2),)


_plu = op(
    "linalg_lu",
    _plu_forward,
    outputs=("P", "L", "U", "pivots", "info"),
    nondiff=("P", "pivots", "info"),
    node_name="LinalgLuBackward0",
    differentiable=("A",),
    joint=_plu_rule,
)


def lu(A: Any, *, pivot: bool = True, out: Any = None) -> Any:
    r"""Return the factors of :math:`A = P L U`.

    Args:
        A: (..., m, n).
        pivot: whether rows are exchanged; must be True, as on PyTorch's CPU.
        out: a tensor to write the result into.

    Returns:
        A named tuple ``(P, L, U)``: a permutation, a lower triangle with ones on its diagonal, an upper triangle.

    Raises:
        RuntimeError: ``pivot`` is False.

    Source: ``torch.linalg.lu``; gradient by de Hoog, Anderssen and Lukas, "Differentiation of matrix functionals
    using triangular factorization" (2011).

    Example:
        >>> torch.linalg.lu(torch.tensor([[0.0, 2.0], [4.0, 1.0]])).U
        tensor([[4., 1.],
                [0., 2.]])
    """
    if out is not None:
        return into(out, lu, A, pivot=pivot)
    _check_matrix("lu", A, False)
    if not pivot:
        raise RuntimeError("linalg.lu: LU without pivoting is not implemented on the CPU")
    return return_types.linalg_lu(*_plu(A, pivot=True)[:3])


def _packed(A: Any) -> tuple[Any, Any, Any]:
    _, lower, upper, pivots, info = _plu(A, pivot=True)
    m, n = A.shape[-2], A.shape[-1]
    below = tril(lower, -1)
    if m > n:
        upper = pad(upper, (0, 0, 0, m - n))
    elif n > m:
        below = pad(below, (0, n - m))
    return below + upper, pivots, info


def lu_factor(A: Any, *, pivot: bool = True, out: Any = None) -> Any:
    """Return the LU factors in one matrix, and the pivots, as ``lu_solve`` takes them.

    Args:
        A: (..., m, n).
        pivot: must be True.
        out: a tensor to write the result into.

    Returns:
        A named tuple ``(LU, pivots)``; the pivots are int32 and count from 1.

    Raises:
        LinAlgError: a matrix is singular.

    Source: ``torch.linalg.lu_factor``.

    Example:
        >>> torch.linalg.lu_factor(torch.tensor([[0.0, 2.0], [4.0, 1.0]])).pivots
        tensor([2, 2], dtype=torch.int32)
    """
    if out is not None:
        return into(out, lu_factor, A, pivot=pivot)
    _check_matrix("lu_factor", A, False)
    if not pivot:
        raise RuntimeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU")
    packed, pivots, info = _packed(A)
    bad = array_of(info)
    if bad.any():
        raise LinAlgError(
            f"linalg.lu_factor: U[{int(bad.max())},{int(bad.max())}] is zero and using it on lu_solve would result "
            "in a division by zero"
        )
    return return_types.linalg_lu_factor(packed, pivots)


def lu_factor_ex(A: Any, *, pivot: bool = True, check_errors: bool = False, out: Any = None) -> Any:
    """Return the LU factors in one matrix, the pivots, and where a zero pivot was met; see ``lu_factor``.

    Returns:
        A named tuple ``(LU, pivots, info)``; ``info`` is 0 where all went well.

    Source: ``torch.linalg.lu_factor_ex``.

    Example:
        >>> torch.linalg.lu_factor_ex(torch.zeros(1, 1)).info
        tensor(1, dtype=torch.int32)
    """
    if out is not None:
        return into(out, lu_factor_ex, A, pivot=pivot, check_errors=check_errors)
    _check_matrix("lu_factor_ex", A, False)
    if not pivot:
        raise RuntimeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU")
    packed, pivots, info = _packed(A)
    if check_errors and array_of(info).any():
        raise LinAlgError("linalg.lu_factor_ex: a pivot is zero: the matrix is singular")
    return return_types.linalg_lu_factor_ex(packed, pivots, info)


def _check_packed(name: str, LU: Any, pivots: Any) -> None:
    if array_of(pivots).dtype != np.int32:
        raise RuntimeError(
            f"{name}: pivots should be a Tensor of scalar type torch.int32, as lu_factor returns them, got "
            f"{pivots.dtype}"
        )
    if tuple(pivots.shape) != (*LU.shape[:-2], min(LU.shape[-2:])):
        raise RuntimeError(
            f"{name}: Number of pivots per batch should be same as the dimension of the matrix, got pivots of shape "
            f"{list(pivots.shape)} for LU of shape {list(LU.shape)}"
        )


def lu_unpack(
    LU_data: Any, LU_pivots: Any, unpack_data: bool = True, unpack_pivots: bool = True, *, out: Any = None
) -> Any:
    """Return the factors ``(P, L, U)`` from what ``lu_factor`` returns.

    Args:
        LU_data: (..., m, n).
        LU_pivots: (..., min(m, n)), int32.
        unpack_data: whether to return L and U; else they are empty.
        unpack_pivots: whether to return P; else it is empty.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: the pivots do not fit.

    Source: ``torch.lu_unpack``.

    Example:
        >>> torch.lu_unpack(*torch.linalg.lu_factor(torch.tensor([[0.0, 2.0], [4.0, 1.0]]))).P
        tensor([[0., 1.],
                [1., 0.]])
    """
    if out is not None:
        return into(out, lu_unpack, LU_data, LU_pivots, unpack_data, unpack_pivots)
    m, n = LU_data.shape[-2], LU_data.shape[-1]
    k = min(m, n)
    kind = array_of(LU_data).dtype
    if unpack_pivots and array_of(LU_pivots).dtype != np.int32:
        raise RuntimeError("torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype.")
    P = wrap(permutation(array_of(LU_pivots), m, kind)) if unpack_pivots else wrap(np.empty(0, kind))
    if not unpack_data:
        return return_types.lu_unpack(P, wrap(np.empty(0, kind)), wrap(np.empty(0, kind)))
    lower = tril(LU_data[..., :k], -1) + np.eye(m, k, dtype=kind)
    return return_types.lu_unpack(P, lower, triu(LU_data[..., :k, :]))


def lu_solve(LU: Any, pivots: Any, B: Any, *, left: bool = True, adjoint: bool = False, out: Any = None) -> Any:
    r"""Return the solution of :math:`AX = B` from the LU factors of A.

    Args:
        LU: (..., n, n), from ``lu_factor``.
        pivots: (..., n).
        B: (..., n, k), or (..., k, n) for ``left=False``.
        left: solve :math:`AX = B` (True) or :math:`XA = B`.
        adjoint: solve with :math:`A^T` instead.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: the shapes or dtypes do not fit.

    Source: ``torch.linalg.lu_solve``.

    Example:
        >>> A, b = torch.tensor([[0.0, 2.0], [4.0, 1.0]]), torch.tensor([[2.0], [5.0]])
        >>> torch.linalg.lu_solve(*torch.linalg.lu_factor(A), b)
        tensor([[1.],
                [1.]])
    """
    if out is not None:
        return into(out, lu_solve, LU, pivots, B, left=left, adjoint=adjoint)
    _check_matrix("lu_solve", LU, True)
    _check_packed("linalg.lu_solve", LU, pivots)
    if array_of(LU).dtype != array_of(B).dtype:
        raise RuntimeError(
            f"linalg.lu_solve: Expected LU and B to have the same dtype, but found {LU.dtype} and {B.dtype}"
        )
    if B.ndim < 2 or B.shape[-2 if left else -1] != LU.shape[-1]:
        raise RuntimeError(f"linalg.lu_solve: Incompatible shapes of LU {list(LU.shape)} and B {list(B.shape)}")
    if not left:
        return lu_solve(LU, pivots, B.mT, adjoint=not adjoint).mT
    P = wrap(permutation(array_of(pivots), LU.shape[-1], array_of(LU).dtype))
    if adjoint:
        y = solve_triangular(LU.mT, B, upper=False)
        return matmul(P, solve_triangular(LU.mT, y, upper=True, unitriangular=True))
    y = solve_triangular(LU, matmul(P.mT, B), upper=False, unitriangular=True)
    return solve_triangular(LU, y, upper=True)


@in_float32
def torch_lu_solve(b: Any, LU_data: Any, LU_pivots: Any, *, out: Any = None) -> Any:
    """Return the solution of ``AX = b`` from the LU factors of A; see ``linalg.lu_solve``.

    Source: ``torch.lu_solve``.

    Example:
        >>> A, b = torch.tensor([[0.0, 2.0], [4.0, 1.0]]), torch.tensor([[2.0], [5.0]])
        >>> torch.lu_solve(b, *torch.linalg.lu_factor(A))
        tensor([[1.],
                [1.]])
    """
    if out is not None:
        return into(out, torch_lu_solve, b, LU_data, LU_pivots)
    return lu_solve(LU_data, LU_pivots, b)


@in_float32
def torch_lu(A: Any, pivot: bool = True, get_infos: bool = False, out: Any = None) -> tuple[Any, ...]:
    """Return the LU factors in one matrix and the pivots; see ``linalg.lu_factor``.

    Args:
        A: (..., m, n).
        pivot: must be True.
        get_infos: also return where a zero pivot was met.
        out: tensors to write the results into.

    Source: ``torch.lu``.

    Example:
        >>> torch.lu(torch.tensor([[2.0]]))[0]
        tensor([[2.]])
    """
    if out is not None:
        return into(out, torch_lu, A, pivot, get_infos)  # type: ignore[no-any-return]
    result = lu_factor_ex(A, pivot=pivot)
    return result if get_infos else return_types.linalg_lu_factor(*result[:2])


# -- Householder reflectors ------------------------------------------------------------------------


def _geqrf_forward(input: Any) -> Any:
    lead, (m, n) = input.shape[:-2], input.shape[-2:]
    if not input.size:
        return input.copy(), np.zeros((*lead, min(m, n)), input.dtype)
    h, tau = np.linalg.qr(input, mode="raw")
    return np.ascontiguousarray(h.mT).astype(input.dtype), tau.astype(input.dtype)


def _no_gradient(g_a: Any) -> Any:
    raise NotImplementedError("the derivative for 'geqrf' is not implemented. Use linalg.qr")


_geqrf = op(
    "geqrf",
    _geqrf_forward,
    outputs=("a", "tau"),
    differentiable=("input",),
    joint=_no_gradient,
)


@in_float32
def geqrf(input: Any, *, out: Any = None) -> Any:
    """Return the QR factors as LAPACK keeps them: R above, reflectors below, their factors in ``tau``.

    Args:
        input: (..., m, n).
        out: a tensor to write the result into.

    Returns:
        A named tuple ``(a, tau)``.

    Source: ``torch.geqrf``.

    Example:
        >>> torch.geqrf(torch.tensor([[3.0], [4.0]])).a
        tensor([[-5.0000],
                [ 0.5000]])
    """
    if out is not None:
        return into(out, geqrf, input)
    _check_matrix("geqrf", input, False)
    return return_types.geqrf(*_geqrf(input))


def _reflectors(A: Any) -> Any:
    """Return the reflection vectors: the part below the diagonal, with ones on it."""
    m, n = A.shape[-2], A.shape[-1]
    return tril(A, -1) + np.eye(m, n, dtype=array_of(A).dtype)


def _reflect(v: Any, tau: Any, i: int, B: Any) -> Any:
    """Return ``(I - tau_i v_i v_i^T) B``."""
    column = v[..., :, i : i + 1]
    factor = unsqueeze(unsqueeze(tau[..., i], -1), -1)
    return B - (column * factor) @ (column.mT @ B)


def _check_tau(name: str, A: Any, tau: Any) -> None:
    if A.ndim < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    if A.shape[-2] < A.shape[-1]:
        raise RuntimeError(f"{name}: input.shape[-2] must be greater than or equal to input.shape[-1]")
    if A.shape[-1] < tau.shape[-1]:
        raise RuntimeError(f"{name}: input.shape[-1] must be greater than or equal to tau.shape[-1]")
    if A.ndim - tau.ndim != 1:
        raise RuntimeError(
            f"{name}: Expected tau to have one dimension less than input, but got tau.ndim equal to {tau.ndim} and "
            f"input.ndim is equal to {A.ndim}"
        )
    if tuple(tau.shape[:-1]) != tuple(A.shape[:-2]):
        raise RuntimeError(
            f"{name}: Expected batch dimensions of tau to be {list(A.shape[:-2])}, got {list(tau.shape[:-1])}"
        )
    if array_of(A).dtype != array_of(tau).dtype:
        raise RuntimeError(f"{name}: tau dtype {tau.dtype} does not match input dtype {A.dtype}")


@in_float32
def householder_product(input: Any, tau: Any, *, out: Any = None) -> Any:
    r"""Return the first columns of the product of reflectors :math:`\prod_i (I - \tau_i v_i v_i^T)`.

    Args:
        input: (..., m, n), the vectors below its diagonal.
        tau: (..., k).
        out: a tensor to write the result into.

    Raises:
        RuntimeError: the shapes do not fit.

    Source: ``torch.linalg.householder_product``.

    Example:
        >>> torch.linalg.householder_product(*torch.geqrf(torch.tensor([[3.0], [4.0]])))
        tensor([[-0.6000],
                [-0.8000]])
    """
    if out is not None:
        return into(out, householder_product, input, tau)
    check_real("householder_product", input)
    _check_tau("torch.linalg.householder_product", input, tau)
    m, n = input.shape[-2], input.shape[-1]
    v = _reflectors(input)
    product = expand(wrap(np.eye(m, n, dtype=array_of(input).dtype)), tuple(input.shape)) + input * 0
    for i in reversed(range(tau.shape[-1])):
        product = _reflect(v, tau, i, product)
    return product


@in_float32
def orgqr(input: Any, tau: Any) -> Any:
    """Return the first columns of the product of reflectors; see ``linalg.householder_product``.

    Source: ``torch.orgqr``.

    Example:
        >>> torch.orgqr(*torch.geqrf(torch.tensor([[3.0], [4.0]])))
        tensor([[-0.6000],
                [-0.8000]])
    """
    return householder_product(input, tau)


@in_float32
def ormqr(input: Any, tau: Any, other: Any, left: bool = True, transpose: bool = False, *, out: Any = None) -> Any:
    """Return the product of the reflectors' matrix Q with another matrix: ``Q B``, ``Q^T B``, ``B Q`` or ``B Q^T``.

    Args:
        input: (..., m, k), the vectors below its diagonal.
        tau: (..., k).
        other: (..., m, n), or (..., n, m) for ``left=False``.
        left: whether Q stands left.
        transpose: whether Q is transposed.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: the shapes do not fit.

    Source: ``torch.ormqr``.

    Example:
        >>> a, tau = torch.geqrf(torch.tensor([[3.0], [4.0]]))
        >>> torch.ormqr(a, tau, torch.tensor([[3.0], [4.0]]), transpose=True)
        tensor([[-5.],
                [ 0.]])
    """
    if out is not None:
        return into(out, ormqr, input, tau, other, left, transpose)
    check_real("ormqr", input)
    if input.ndim < 2:
        raise RuntimeError("torch.ormqr: input must have at least 2 dimensions.")
    if other.ndim < 2:
        raise RuntimeError("torch.ormqr: other must have at least 2 dimensions.")
    side = -2 if left else -1
    if other.shape[side] < tau.shape[-1]:
        raise RuntimeError(f"torch.ormqr: other.shape[{side}] must be greater than or equal to tau.shape[-1]")
    if other.shape[side] != input.shape[-2]:
        raise RuntimeError(f"torch.ormqr: other.shape[{side}] must be equal to input.shape[-2]")
    if tau.shape[-1] > input.shape[-1]:
        raise RuntimeError("torch.ormqr: tau.shape[-1] must be less than or equal to input.shape[-1]")
    if input.ndim - tau.ndim != 1 or input.ndim != other.ndim or tuple(tau.shape[:-1]) != tuple(input.shape[:-2]):
        raise RuntimeError(
            f"torch.ormqr: batch dimensions of input {list(input.shape)}, tau {list(tau.shape)} and other "
            f"{list(other.shape)} must be equal"
        )
    for name, t in (("tau", tau), ("other", other)):
        if array_of(t).dtype != array_of(input).dtype:
            raise RuntimeError(
                f"torch.ormqr: Expected input and {name} to have the same dtype, but got {input.dtype} and {t.dtype}"
            )
    if not left:
        return ormqr(input, tau, other.mT, True, not transpose).mT
    v = _reflectors(input)
    order = range(tau.shape[-1]) if transpose else reversed(range(tau.shape[-1]))
    product = other
    for i in order:
        product = _reflect(v, tau, i, product)
    return product
