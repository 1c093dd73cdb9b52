"""Decompositions, solvers and matrix norms, batched over the leading dimensions.

The gradient rules are the standard ones of matrix calculus; each docstring names its source. Rules are
written with operators and ``.mT``, so that they serve arrays and tensors alike.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.graph import TensorBase, array_of, edge_of
from tinygrad_hw.autograd.op import op
from tinygrad_hw.autograd.out import into
from tinygrad_hw.ops.extrema import amax, amin
from tinygrad_hw.ops.matmul import cross, matmul
from tinygrad_hw.ops.reduce import norm as _tensor_norm
from tinygrad_hw.ops.reduce import sum as sum_
from tinygrad_hw.ops.shape import (
    diag_embed,
    diagonal,
    flatten,
    movedim,
    one_dim,
    squeeze,
    tril,
    triu,
    unsqueeze,
)
from tinygrad_hw.ops.unary import abs as abs_

__all__ = [
    "LinAlgError",
    "cholesky",
    "cond",
    "det",
    "eigh",
    "eigvalsh",
    "inv",
    "linalg_cross",
    "linalg_diagonal",
    "lstsq",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_triangular",
    "svd",
    "svdvals",
    "vector_norm",
]


class LinAlgError(RuntimeError):
    """Raised where a decomposition or a solution does not exist (``torch.linalg.LinAlgError``)."""


def _check_matrix(name: str, a: Any, square: bool) -> None:
    if not isinstance(a, (TensorBase, np.ndarray)):
        raise TypeError(f"linalg.{name}(): argument 'A' must be Tensor, not {type(a).__name__}")
    if a.ndim < 2:
        raise RuntimeError(
            f"linalg.{name}: The input tensor A must have at least 2 dimensions, got shape {list(a.shape)}"
        )
    if square and a.shape[-1] != a.shape[-2]:
        raise RuntimeError(
            f"linalg.{name}: A must be batches of square matrices, but they are {a.shape[-2]} by {a.shape[-1]} matrices"
        )
    dtype = array_of(a).dtype
    if dtype.kind != "f" or dtype == np.float16:
        raise RuntimeError(
            f"linalg.{name}: Expected a floating point tensor of single or double precision, got "
            f"{dtypes.from_numpy(dtype)}. Convert it with .float() or .double()"
        )


def _eye(g: Any, n: int) -> Any:
    return np.eye(n, dtype=array_of(g).dtype)


def _numpy(name: str, function: Any, *args: Any, **kwargs: Any) -> Any:
    """Call numpy and raise its errors as PyTorch's."""
    try:
        return function(*args, **kwargs)
    except np.linalg.LinAlgError as error:
        raise LinAlgError(f"linalg.{name}: {error}") from None


def _singular(name: str, a: Any) -> LinAlgError:
    return LinAlgError(
        f"linalg.{name}: The solver failed because the input matrix is singular (shape {list(a.shape)}). Use "
        "linalg.pinv or linalg.lstsq, or add a small multiple of the identity"
    )


# -- inverse, solve --------------------------------------------------------------------------------


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


# -- determinants ----------------------------------------------------------------------------------


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
    from tinygrad_hw.return_types import linalg_slogdet

    _check_matrix("slogdet", A, True)
    return linalg_slogdet(*_slogdet(A))


# -- decompositions --------------------------------------------------------------------------------


def _cholesky_forward(A: Any) -> Any:
    lower = np.tril(A)
    symmetric = lower + np.tril(A, -1).mT
    try:
        return np.linalg.cholesky(symmetric)
    except np.linalg.LinAlgError:
        raise LinAlgError(
            "linalg.cholesky: The factorization could not be completed because the input is not "
            f"positive-definite (shape {list(A.shape)}). Add a small multiple of the identity if it should be"
        ) from None


def _half_tril(a: Any) -> Any:
    """Return the lower triangle with the diagonal halved."""
    return tril(a) * (1 - 0.5 * _eye(a, a.shape[-1]))


def _cholesky_rule(g: Any, out: Any) -> Any:
    phi = _half_tril(out.mT @ tril(g))
    inner = _solve(out.mT, phi)
    s = _solve(out.mT, inner.mT).mT
    return (s + s.mT) * 0.5


_cholesky = op("linalg_cholesky", _cholesky_forward, node_name="LinalgCholeskyExBackward0", A=_cholesky_rule)


def cholesky(A: Any, *, upper: bool = False, out: Any = None) -> Any:
    r"""Return the lower triangular :math:`L` with :math:`A = L L^T`.

    Args:
        A: (..., n, n), symmetric positive definite; only the lower triangle is read.
        upper: return :math:`L^T` instead.
        out: a tensor to write the result into.

    Raises:
        LinAlgError: a matrix is not positive definite.

    Source: ``torch.linalg.cholesky``; Murray, "Differentiation of the Cholesky decomposition" (2016), eq. 10.

    Example:
        >>> torch.linalg.cholesky(torch.tensor([[4.0, 2.0], [2.0, 5.0]]))
        tensor([[2., 0.],
                [1., 2.]])
    """
    if out is not None:
        return into(out, cholesky, A, upper=upper)
    _check_matrix("cholesky", A, True)
    lower = _cholesky(A.mT if upper else A)
    return lower.mT if upper else lower


def _qr_forward(A: Any, *, mode: str) -> Any:
    q, r = np.linalg.qr(A, mode=mode)
    return q, r


def _qr_rule(g_Q: Any, g_R: Any, A: Any, Q: Any, R: Any, mode: str) -> Any:
    m, n = A.shape[-2], A.shape[-1]
    if mode == "complete" and m > n:
        raise RuntimeError(
            "The QR decomposition is not differentiable when mode='complete' and nrows > ncols. Use mode='reduced'"
        )
    if m >= n:
        return _qr_tall(g_Q, g_R, Q, R)
    # Wide: A = [X | Y] with X square; Y's part of the gradient is linear.
    x, y = A[..., :m], A[..., m:]
    u, g_u, g_v = R[..., :m], g_R[..., :m], g_R[..., m:]
    g_x = _qr_tall(g_Q + y @ g_v.mT, g_u, Q, u)
    del x
    from tinygrad_hw.ops.shape import cat

    return cat((g_x, Q @ g_v), -1)


def _qr_tall(g_Q: Any, g_R: Any, Q: Any, R: Any) -> Any:
    m = R @ g_R.mT - g_Q.mT @ Q
    symmetric = tril(m) + tril(m, -1).mT
    return _solve(R, (g_Q + Q @ symmetric).mT).mT


_qr = op(
    "linalg_qr",
    _qr_forward,
    outputs=("Q", "R"),
    node_name="LinalgQrBackward0",
    differentiable=("A",),
    joint=lambda g_Q, g_R, A, Q, R, mode: (_qr_rule(g_Q, g_R, A, Q, R, mode),),
)


def qr(A: Any, mode: str = "reduced", *, out: Any = None) -> Any:
    r"""Return :math:`A = QR` with orthonormal :math:`Q` and upper triangular :math:`R`.

    Args:
        A: (..., m, n).
        mode: ``"reduced"`` (Q is (..., m, k), k = min(m, n)), ``"complete"`` (Q is square) or ``"r"`` (R only).
        out: a tensor to write the result into.

    Returns:
        A named tuple ``(Q, R)``.

    Source: ``torch.linalg.qr``; Walter and Lehmann, "Algorithmic Differentiation of Linear Algebra Functions
    with Application in Optimum Experimental Design" (2018), section 2.4.

    Example:
        >>> Q, R = torch.linalg.qr(torch.tensor([[3.0, 1.0], [4.0, 2.0]]))
        >>> torch.allclose(Q @ R, torch.tensor([[3.0, 1.0], [4.0, 2.0]]))
        True
    """
    if out is not None:
        return into(out, qr, A, mode)
    from tinygrad_hw.return_types import linalg_qr

    _check_matrix("qr", A, False)
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
        )
    if mode == "r":
        r = np.linalg.qr(array_of(A), mode="r")
        if isinstance(A, TensorBase) and A.requires_grad:  # type: ignore[attr-defined]
            raise RuntimeError("The derivative of linalg.qr depends on Q, which is not computed when mode='r'")
        from tinygrad_hw.autograd.graph import wrap

        return linalg_qr(wrap(np.empty(0, r.dtype)), wrap(r))
    return linalg_qr(*_qr(A, mode=mode))


def _svd_forward(A: Any, *, full_matrices: bool) -> Any:
    u, s, vh = _numpy("svd", np.linalg.svd, A, full_matrices=full_matrices)
    return u, s, vh


def _gaps(squares: Any) -> Any:
    """Return 1 / (s_j^2 - s_i^2) off the diagonal and 0 on it."""
    n = squares.shape[-1]
    eye = _eye(squares, n)
    difference = unsqueeze(squares, -2) - unsqueeze(squares, -1)
    return (1 - eye) / (difference + eye)


def _is_nothing(g: Any) -> bool:
    """Whether a gradient is zeros, and nothing that could be differentiated."""
    return not array_of(g).any() and (not isinstance(g, TensorBase) or edge_of(g) is None)


def _svd_rule(g_U: Any, g_S: Any, g_Vh: Any, A: Any, U: Any, S: Any, Vh: Any, full_matrices: bool) -> tuple[Any]:
    m, n = A.shape[-2], A.shape[-1]
    k = min(m, n)
    if full_matrices and m != n:
        # The extra singular vectors are arbitrary; gradients flow through the others.
        U, g_U = U[..., :, :k], g_U[..., :, :k]
        Vh, g_Vh = Vh[..., :k, :], g_Vh[..., :k, :]
    if _is_nothing(g_U) and _is_nothing(g_Vh):
        # Of the values alone, which is defined where values are equal, or zero.
        return (U @ diag_embed(g_S) @ Vh,)
    F = _gaps(S * S)
    s_row, s_col = unsqueeze(S, -2), unsqueeze(S, -1)
    skew_u = U.mT @ g_U
    skew_v = Vh @ g_Vh.mT
    middle = (F * (skew_u - skew_u.mT)) * s_row + s_col * (F * (skew_v - skew_v.mT))
    middle = middle + diag_embed(g_S)
    total = U @ middle @ Vh
    if m > k:
        total = total + ((g_U - U @ skew_u) / s_row) @ Vh
    if n > k:
        total = total + (U / s_row) @ (g_Vh - (g_Vh @ Vh.mT) @ Vh)
    return (total,)


_svd = op(
    "linalg_svd",
    _svd_forward,
    outputs=("U", "S", "Vh"),
    node_name="LinalgSvdBackward0",
    differentiable=("A",),
    joint=_svd_rule,
)


def svd(A: Any, full_matrices: bool = True, *, out: Any = None) -> Any:
    r"""Return the singular value decomposition :math:`A = U \operatorname{diag}(S) V^T`.

    Args:
        A: (..., m, n).
        full_matrices: whether U and Vh are square (default), or have min(m, n) columns and rows.
        out: a tensor to write the result into.

    Returns:
        A named tuple ``(U, S, Vh)``, singular values in descending order.

    The signs of singular vectors are arbitrary, and gradients through U and Vh are finite only where the
    singular values are distinct; through S they always are.

    Source: ``torch.linalg.svd``; Townsend, "Differentiating the Singular Value Decomposition" (2016).

    Example:
        >>> torch.linalg.svd(torch.tensor([[3.0, 0.0], [0.0, 4.0]])).S
        tensor([4., 3.])
    """
    if out is not None:
        return into(out, svd, A, full_matrices)
    from tinygrad_hw.return_types import linalg_svd

    _check_matrix("svd", A, False)
    return linalg_svd(*_svd(A, full_matrices=full_matrices))


def svdvals(A: Any, *, out: Any = None) -> Any:
    """Return the singular values in descending order; see ``svd``.

    Args:
        A: (..., m, n).
        out: a tensor to write the result into.

    Returns:
        A tensor of shape (..., min(m, n)).

    Source: ``torch.linalg.svdvals``.

    Example:
        >>> torch.linalg.svdvals(torch.tensor([[3.0, 0.0], [0.0, 4.0]]))
        tensor([4., 3.])
    """
    if out is not None:
        return into(out, svdvals, A)
    _check_matrix("svdvals", A, False)
    return _svd(A, full_matrices=False)[1]


def _eigh_forward(A: Any, *, upper: bool) -> Any:
    w, v = _numpy("eigh", np.linalg.eigh, A, UPLO="U" if upper else "L")
    return w, v


def _eigh_rule(g_eigenvalues: Any, g_eigenvectors: Any, eigenvalues: Any, eigenvectors: Any) -> tuple[Any]:
    n = eigenvalues.shape[-1]
    eye = _eye(eigenvalues, n)
    gaps = (1 - eye) / (unsqueeze(eigenvalues, -2) - unsqueeze(eigenvalues, -1) + eye)
    middle = gaps * (eigenvectors.mT @ g_eigenvectors)
    middle = (middle + middle.mT) * 0.5 + diag_embed(g_eigenvalues)
    return (eigenvectors @ middle @ eigenvectors.mT,)


_eigh = op(
    "linalg_eigh",
    _eigh_forward,
    outputs=("eigenvalues", "eigenvectors"),
    node_name="LinalgEighBackward0",
    differentiable=("A",),
    joint=_eigh_rule,
)


def _check_uplo(UPLO: str) -> bool:
    if UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    return UPLO.upper() == "U"


def eigh(A: Any, UPLO: str = "L", *, out: Any = None) -> Any:
    r"""Return the eigenvalues and eigenvectors of symmetric matrices, :math:`A = V \operatorname{diag}(w) V^T`.

    Args:
        A: (..., n, n), symmetric; only one triangle is read.
        UPLO: which one, ``"L"`` (default) or ``"U"``.
        out: a tensor to write the result into.

    Returns:
        A named tuple ``(eigenvalues, eigenvectors)``, in ascending order.

    Source: ``torch.linalg.eigh``; Giles (2008), 3.1.

    Example:
        >>> torch.linalg.eigh(torch.tensor([[2.0, 0.0], [0.0, 1.0]])).eigenvalues
        tensor([1., 2.])
    """
    if out is not None:
        return into(out, eigh, A, UPLO)
    from tinygrad_hw.return_types import linalg_eigh

    upper = _check_uplo(UPLO)
    _check_matrix("eigh", A, True)
    return linalg_eigh(*_eigh(A, upper=upper))


def eigvalsh(A: Any, UPLO: str = "L", *, out: Any = None) -> Any:
    """Return the eigenvalues of symmetric matrices in ascending order; see ``eigh``.

    Args:
        A: (..., n, n), symmetric.
        UPLO: which triangle is read.
        out: a tensor to write the result into.

    Returns:
        A tensor of shape (..., n).

    Source: ``torch.linalg.eigvalsh``.

    Example:
        >>> torch.linalg.eigvalsh(torch.tensor([[2.0, 0.0], [0.0, 1.0]]))
        tensor([1., 2.])
    """
    if out is not None:
        return into(out, eigvalsh, A, UPLO)
    upper = _check_uplo(UPLO)
    _check_matrix("eigvalsh", A, True)
    return _eigh(A, upper=upper)[0]


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
    from tinygrad_hw.autograd.graph import wrap
    from tinygrad_hw.return_types import linalg_lstsq

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


def matrix_power(A: Any, n: int, *, out: Any = None) -> Any:
    """Return the n-th power of square matrices, by repeated squaring; negative powers invert first.

    Args:
        A: (..., k, k).
        n: the exponent.
        out: a tensor to write the result into.

    Source: ``torch.linalg.matrix_power``.

    Example:
        >>> torch.linalg.matrix_power(torch.eye(2) * 2, 3)
        tensor([[8., 0.],
                [0., 8.]])
    """
    if out is not None:
        return into(out, matrix_power, A, n)
    if A.ndim < 2 or A.shape[-1] != A.shape[-2]:
        raise RuntimeError(f"linalg.matrix_power: A must be batches of square matrices, got shape {list(A.shape)}")
    if n < 0:
        return matrix_power(inv(A), -n)
    if n == 0:
        return A * 0 + _eye(A, A.shape[-1])
    result = None
    while n:
        if n & 1:
            result = A if result is None else matmul(result, A)
        n >>= 1
        if n:
            A = matmul(A, A)
    return result


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
    from tinygrad_hw.autograd.graph import wrap

    _check_matrix("matrix_rank", A, False)
    s = _numpy("matrix_rank", np.linalg.svd, array_of(A), compute_uv=False)
    return wrap(np.asarray((s > _pinv_tolerance(A, s, atol, rtol)).sum(axis=-1), np.int64))


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
    from tinygrad_hw.ops.matmul import chain_matmul

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


# -- norms -----------------------------------------------------------------------------------------


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
    if array_of(x).dtype.kind not in "fc":
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
    if array_of(A).dtype.kind != "f":
        raise RuntimeError(f"linalg.matrix_norm: Expected a floating point tensor as input. Got {A.dtype}")
    if dtype is not None:
        from tinygrad_hw.autograd.basics import cast

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
