"""Eigenvalues and eigenvectors of general square matrices, which are complex."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.autocast import in_float32
from tinygrad_hw.autograd.basics import conj
from tinygrad_hw.autograd.graph import TensorBase, array_of, edge_of, mode
from tinygrad_hw.autograd.op import op
from tinygrad_hw.autograd.out import into
from tinygrad_hw.ops.linalg import _eye, _numpy
from tinygrad_hw.ops.matmul import matmul
from tinygrad_hw.ops.shape import unsqueeze
from tinygrad_hw.ops.solvers import _solve
from tinygrad_hw.return_types import linalg_eig

__all__ = ["eig", "eigvals"]


def _complex(kind: Any) -> Any:
    return np.result_type(kind, np.complex64)


def _eig_forward(A: Any) -> Any:
    if not np.isfinite(A).all():
        raise RuntimeError("torch.linalg.eig: input tensor should not contain infs or NaNs.")
    w, v = _numpy("eig", np.linalg.eig, A)
    # numpy gives real arrays where no eigenvalue has an imaginary part.
    return w.astype(_complex(A.dtype), copy=False), v.astype(_complex(A.dtype), copy=False)


def _on_diagonal(values: Any, eye: Any) -> Any:
    return unsqueeze(values, -2) * eye


def _eig_rule(g_eigenvalues: Any, g_eigenvectors: Any, eigenvalues: Any, eigenvectors: Any) -> tuple[Any]:
    # Gradients are conjugated ones (autograd/complex.py), so that transposes stand where the source has adjoints.
    eye = _eye(eigenvalues, eigenvalues.shape[-1])
    turned = matmul(eigenvectors.mT, g_eigenvectors)
    on = turned * eye
    if not np.allclose(array_of(on).imag, 0, rtol=1e-2, atol=1e-2):
        raise RuntimeError(
            "linalg_eig_backward: The eigenvectors in the complex case are specified up to multiplication by "
            "e^{i phi}. The specified loss function depends on this quantity, so it is ill-defined."
        )
    # What a gradient would do to the length of a column is taken away: eigenvectors have length 1.
    length = matmul(matmul(eigenvectors.mT, conj(eigenvectors)), (on + conj(on)) * 0.5)
    gaps = unsqueeze(eigenvalues, -2) - unsqueeze(eigenvalues, -1) + eye
    middle = (turned - length) * (1 - eye) / gaps + _on_diagonal(g_eigenvalues, eye)
    return (_solve(eigenvectors.mT, matmul(middle, eigenvectors.mT)),)


_eig = op(
    "linalg_eig",
    _eig_forward,
    outputs=("eigenvalues", "eigenvectors"),
    node_name="LinalgEigBackward0",
    differentiable=("A",),
    joint=_eig_rule,
)


def _eigvals_forward(A: Any, *, recorded: bool) -> Any:
    if recorded:  # in the order in which the rule will meet them
        return _eig_forward(A)[0]
    bad = ~np.isfinite(A).all((-2, -1))
    if bad.any():
        A = np.where(bad[..., None, None], np.eye(A.shape[-1], dtype=A.dtype), A)
    w = _numpy("eigvals", np.linalg.eigvals, A).astype(_complex(A.dtype), copy=False)
    return np.where(bad[..., None], np.asarray(complex(np.nan, np.nan), w.dtype), w) if bad.any() else w


def _eigvals_rule(g: Any, A: Any) -> Any:
    eigenvectors = _eig(A)[1]
    turned = _on_diagonal(g, _eye(eigenvectors, eigenvectors.shape[-1]))
    return _solve(eigenvectors.mT, matmul(turned, eigenvectors.mT))


_eigvals = op("linalg_eigvals", _eigvals_forward, node_name="LinalgEigBackward0", A=_eigvals_rule)


def _check(name: str, A: Any) -> None:
    if not isinstance(A, (TensorBase, np.ndarray)):
        raise TypeError(f"linalg_{name}(): argument 'input' (position 1) must be Tensor, not {type(A).__name__}")
    if A.ndim < 2:
        raise RuntimeError(
            f"linalg.{name}: The input tensor A must have at least 2 dimensions, got shape {list(A.shape)}"
        )
    if A.shape[-1] != A.shape[-2]:
        raise RuntimeError(
            f"linalg.{name}: A must be batches of square matrices, but they are {A.shape[-2]} by {A.shape[-1]} matrices"
        )
    kind = dtypes.from_numpy(array_of(A).dtype)
    if not (kind.is_floating_point or kind.is_complex):
        raise RuntimeError(f"linalg.{name}: Unknown Complex ScalarType for {kind}. Convert it with .float()")
    if kind.itemsize < (8 if kind.is_complex else 4):
        raise NotImplementedError(f'"linalg_eig_out_cpu" not implemented for {kind}: convert it with .float()')


@in_float32
def eig(A: Any, *, out: Any = None) -> Any:
    r"""Return the eigenvalues and eigenvectors of square matrices, :math:`A = V \operatorname{diag}(w) V^{-1}`.

    Eigenvectors are columns of length 1. They are determined up to a factor :math:`e^{i \varphi}` each; a loss that
    depends on these factors has no gradient.

    Args:
        A: (..., n, n), real or complex.
        out: a pair of tensors to write the results into.

    Returns:
        A named tuple ``(eigenvalues, eigenvectors)`` of complex tensors, (..., n) and (..., n, n), in no order.

    Raises:
        RuntimeError: a matrix is not square, not of floating point numbers, or not finite; or, in the walk back, the
            loss depends on the factors.

    Source: ``torch.linalg.eig``; Boeddeker et al., "On the Computation of Complex-valued Gradients with Application
    to Statistically Optimum Beamforming" (2017), whose formula is for eigenvectors of length 1.

    Example:
        >>> torch.linalg.eig(torch.tensor([[0.0, 1.0], [-1.0, 0.0]])).eigenvalues
        tensor([0.+1.j, 0.-1.j])
    """
    if out is not None:
        return into(out, eig, A)
    _check("eig", A)
    return linalg_eig(*_eig(A))


@in_float32
def eigvals(A: Any, *, out: Any = None) -> Any:
    """Return the eigenvalues of square matrices; see ``eig``.

    Args:
        A: (..., n, n), real or complex.
        out: a tensor to write the result into.

    Returns:
        A complex tensor of shape (..., n), in no order.

    Source: ``torch.linalg.eigvals``; Giles, "An extended collection of matrix derivative results" (2008), 3.1.

    Example:
        >>> torch.linalg.eigvals(torch.tensor([[0.0, 1.0], [-1.0, 0.0]]))
        tensor([0.+1.j, 0.-1.j])
    """
    if out is not None:
        return into(out, eigvals, A)
    _check("eigvals", A)
    recorded = mode.enabled and isinstance(A, TensorBase) and edge_of(A) is not None
    return _eigvals(A, recorded=recorded)
