"""Functions of matrices: powers and the exponential; and Vandermonde's, of powers of a vector."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw.autograd.graph import array_of, wrap
from tinygrad_hw.autograd.op import op
from tinygrad_hw.autograd.out import into
from tinygrad_hw.ops.joining import cat, stack
from tinygrad_hw.ops.linalg import _check_matrix, _eye
from tinygrad_hw.ops.matmul import matmul
from tinygrad_hw.ops.shape import reshape
from tinygrad_hw.ops.solvers import inv

__all__ = [
    "linalg_vander",
    "matrix_exp",
    "matrix_power",
    "vander",
]


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


def _powers(x: Any, count: int) -> list[Any]:
    powers = [wrap(np.ones(tuple(x.shape), array_of(x).dtype))]
    for _ in range(count - 1):
        powers.append(powers[-1] * x)
    return powers


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """Return the Vandermonde matrix of a 1-D tensor.

    Example:
        >>> torch.vander(torch.tensor([1, 2]), 3)
        tensor([[1, 1, 1],
                [4, 2, 1]])
    """
    if x.ndim != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    count = int(x.shape[0]) if N is None else N
    if count < 0:
        raise RuntimeError("N must be non-negative.")
    if array_of(x).dtype.kind not in "fcVW":
        x = wrap(array_of(x).astype(np.int64))
    if count == 0:
        return wrap(np.zeros((x.shape[0], 0), array_of(x).dtype))
    powers = _powers(x, count)
    return stack(powers if increasing else powers[::-1], 1)


def linalg_vander(x: Any, *, N: int | None = None) -> Any:
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
    if array_of(x).dtype.kind in "iub":
        x = wrap(array_of(x).astype(np.int64))
    return stack(_powers(x, n), -1)
