"""Factors of symmetric matrices that need not be positive definite: ``torch.linalg.ldl_*``."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw import dtypes, return_types
from tinygrad_hw.autograd.graph import array_of
from tinygrad_hw.autograd.op import op
from tinygrad_hw.autograd.out import into
from tinygrad_hw.kernels.ldl import ldl_packed, ldl_solved
from tinygrad_hw.ops.linalg import LinAlgError

__all__ = ["ldl_factor", "ldl_factor_ex", "ldl_solve"]


def _factor_forward(A: Any) -> tuple[Any, Any, Any]:
    packed, pivots = np.empty_like(A), np.empty(A.shape[:-1], np.int32)
    info = np.zeros(A.shape[:-2], np.int32)
    for place in np.ndindex(*A.shape[:-2]):
        packed[place], pivots[place], info[place] = ldl_packed(A[place])
    return packed, pivots, info


_factor = op("linalg_ldl_factor", _factor_forward, outputs=("LD", "pivots", "info"))


def _check(name: str, A: Any) -> None:
    values = array_of(A)
    if values.ndim < 2:
        raise RuntimeError(f"{name}: The input tensor A must have at least 2 dimensions.")
    if values.shape[-1] != values.shape[-2]:
        raise RuntimeError(
            f"{name}: A must be batches of square matrices, but they are {values.shape[-2]} by {values.shape[-1]} "
            "matrices"
        )
    if values.dtype.kind not in "fV":
        raise RuntimeError(
            f"{name}: Expected a floating point or complex tensor as input. Got {dtypes.from_numpy(values.dtype)}"
        )


def ldl_factor_ex(A: Any, *, hermitian: bool = False, check_errors: bool = False, out: Any = None) -> Any:
    """Return the factors of symmetric matrices, and whether a pivot was zero.

    Args:
        A: (..., n, n), of which the lower triangle is read.
        hermitian: the same for real matrices.
        check_errors: raise where a pivot is zero.
        out: tensors to write the results into.

    Returns:
        ``LD`` with L (of ones on the diagonal, which are not stored) and D in one triangle, ``pivots``, and ``info``,
        the number of the first zero pivot of each matrix, or 0.

    Raises:
        LinAlgError: a pivot is zero, and ``check_errors`` is set.

    Source: Bunch and Kaufman (1977); ``torch.linalg.ldl_factor_ex``. There are no gradients, as in PyTorch.

    Example:
        >>> torch.linalg.ldl_factor_ex(torch.tensor([[4.0, 2.0], [2.0, 3.0]])).LD
        tensor([[4.0000, 0.0000],
                [0.5000, 2.0000]])
    """
    if out is not None:
        return into(out, ldl_factor_ex, A, hermitian=hermitian, check_errors=check_errors)
    _check("torch.linalg.ldl_factor_ex", A)
    packed, pivots, info = _factor(A)
    if check_errors:
        _raise(info)
    return return_types.linalg_ldl_factor_ex(packed, pivots, info)


def _raise(info: Any) -> None:
    values = array_of(info)
    if values.any():
        first = int(values[values != 0].flat[0])
        raise LinAlgError(
            f"torch.linalg.ldl_factor: the factors of a matrix have a zero pivot (number {first}): the matrix is "
            "singular. Use ldl_factor_ex to get them all the same"
        )


def ldl_factor(A: Any, *, hermitian: bool = False, out: Any = None) -> Any:
    r"""Return the factors of symmetric matrices, :math:`P^T A P = L D L^T`.

    Args:
        A: (..., n, n), of which the lower triangle is read.
        hermitian: the same for real matrices.
        out: tensors to write the results into.

    Returns:
        ``LD`` and ``pivots``, for :func:`ldl_solve`.

    Raises:
        LinAlgError: a matrix is singular.

    Source: Bunch and Kaufman (1977); ``torch.linalg.ldl_factor``. There are no gradients, as in PyTorch.

    Example:
        >>> A = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
        >>> torch.linalg.ldl_solve(*torch.linalg.ldl_factor(A), torch.tensor([[2.0], [3.0]]))
        tensor([[3.],
                [2.]])
    """
    if out is not None:
        return into(out, ldl_factor, A, hermitian=hermitian)
    _check("torch.linalg.ldl_factor_ex", A)
    packed, pivots, info = _factor(A)
    _raise(info)
    return return_types.linalg_ldl_factor(packed, pivots)


def _solve_forward(LD: Any, pivots: Any, B: Any) -> Any:
    n, k = B.shape[-2:]
    lead = np.broadcast_shapes(LD.shape[:-2], B.shape[:-2])
    LD = np.broadcast_to(LD, (*lead, n, n))
    pivots, B = np.broadcast_to(pivots, (*lead, n)), np.broadcast_to(B, (*lead, n, k))
    result = np.empty((*lead, n, k), B.dtype)
    for place in np.ndindex(*lead):
        result[place] = ldl_solved(LD[place], pivots[place], B[place])
    return result


_solve = op("linalg_ldl_solve", _solve_forward)


def ldl_solve(LD: Any, pivots: Any, B: Any, *, hermitian: bool = False, out: Any = None) -> Any:
    """Return the solution X of AX = B from the factors of A.

    Args:
        LD: (..., n, n), from ``ldl_factor``.
        pivots: (..., n), likewise.
        B: (..., n, k).
        hermitian: the same for real matrices.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: shapes or dtypes that do not fit.

    Source: ``torch.linalg.ldl_solve``. There are no gradients, as in PyTorch.

    Example:
        >>> factors = torch.linalg.ldl_factor(torch.tensor([[4.0, 2.0], [2.0, 3.0]]))
        >>> torch.linalg.ldl_solve(*factors, torch.tensor([[8.0], [8.0]]))
        tensor([[1.],
                [2.]])
    """
    if out is not None:
        return into(out, ldl_solve, LD, pivots, B, hermitian=hermitian)
    name = "torch.linalg.ldl_solve"
    _check(name, LD)
    a, p, b = array_of(LD), array_of(pivots), array_of(B)
    if b.ndim < 2:
        raise IndexError(f"{name}: Dimension out of range: B must have at least 2 dimensions, got {b.ndim}")
    if a.shape[-1] != b.shape[-2]:
        raise RuntimeError(
            f"Incompatible matrix sizes for {name}: each A matrix is {a.shape[-1]} by {a.shape[-1]} but each b matrix "
            f"is {b.shape[-2]} by {b.shape[-1]}"
        )
    if p.ndim < 1 or a.shape[:-1] != p.shape:
        raise RuntimeError(
            f"{name}: Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots with shape "
            f"{list(p.shape)} instead"
        )
    if p.dtype.kind not in "iu":
        raise RuntimeError(f"{name}: Expected pivots to be integers. Got {dtypes.from_numpy(p.dtype)}")
    if a.dtype != b.dtype:
        raise RuntimeError(
            f"Expected b and A to have the same dtype, but found b of type {dtypes.from_numpy(b.dtype)} and A of type "
            f"{dtypes.from_numpy(a.dtype)} instead."
        )
    try:
        np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        raise RuntimeError(
            f"The batch dimensions of LD, {list(a.shape[:-2])}, and of B, {list(b.shape[:-2])}, do not broadcast"
        ) from None
    return _solve(LD, pivots, B)
