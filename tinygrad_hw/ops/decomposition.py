"""Cholesky, QR, singular value and eigenvalue decompositions, batched over the leading dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw import return_types
from tinygrad_hw.autograd.autocast import in_float32
from tinygrad_hw.autograd.graph import TensorBase, array_of, edge_of, wrap
from tinygrad_hw.autograd.op import op
from tinygrad_hw.autograd.out import into
from tinygrad_hw.ops.broadcasting import expand
from tinygrad_hw.ops.diagonals import diag_embed, tril
from tinygrad_hw.ops.joining import cat
from tinygrad_hw.ops.linalg import LinAlgError, _check_matrix, _eye, _numpy
from tinygrad_hw.ops.matmul import matmul
from tinygrad_hw.ops.random import randn
from tinygrad_hw.ops.reduce import mean as mean_
from tinygrad_hw.ops.shape import unsqueeze
from tinygrad_hw.ops.solvers import _solve
from tinygrad_hw.return_types import linalg_eigh, linalg_qr, linalg_svd

__all__ = [
    "cholesky",
    "cholesky_ex",
    "eigh",
    "eigvalsh",
    "pca_lowrank",
    "qr",
    "svd",
    "svd_lowrank",
    "svdvals",
    "torch_qr",
    "torch_svd",
]


# -- Cholesky -------------------------------------------------------------------------------------


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


@in_float32
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


@in_float32
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


# -- QR -------------------------------------------------------------------------------------------


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


@in_float32
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
    _check_matrix("qr", A, False)
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
        )
    if mode == "r":
        r = np.linalg.qr(array_of(A), mode="r")
        if isinstance(A, TensorBase) and A.requires_grad:  # type: ignore[attr-defined]
            raise RuntimeError("The derivative of linalg.qr depends on Q, which is not computed when mode='r'")
        return linalg_qr(wrap(np.empty(0, r.dtype)), wrap(r))
    return linalg_qr(*_qr(A, mode=mode))


@in_float32
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


# -- singular values ------------------------------------------------------------------------------


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


@in_float32
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
    _check_matrix("svd", A, False)
    return linalg_svd(*_svd(A, full_matrices=full_matrices))


@in_float32
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


@in_float32
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


# -- eigenvalues ----------------------------------------------------------------------------------


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


@in_float32
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
    upper = _check_uplo(UPLO)
    _check_matrix("eigh", A, True)
    return linalg_eigh(*_eigh(A, upper=upper))


@in_float32
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
