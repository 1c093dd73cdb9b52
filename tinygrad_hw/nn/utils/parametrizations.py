"""Ready-made parametrizations: weight and spectral normalisation, orthogonal matrices."""

from __future__ import annotations

from typing import Any, TypeVar

from tinygrad_hw.autograd.grad_mode import no_grad
from tinygrad_hw.dtypes import finfo
from tinygrad_hw.nn import functional as F
from tinygrad_hw.nn.module import Module
from tinygrad_hw.nn.utils.parametrize import register_parametrization
from tinygrad_hw.nn.utils.spectral_norm import as_matrix, default_dim
from tinygrad_hw.nn.utils.weight_norm import norm_except_dim, normalized
from tinygrad_hw.ops.comparison import allclose
from tinygrad_hw.ops.creation import eye, zeros_like
from tinygrad_hw.ops.factor import geqrf, householder_product
from tinygrad_hw.ops.joining import cat
from tinygrad_hw.ops.matmul import mv, vdot
from tinygrad_hw.ops.matrix_functions import matrix_exp
from tinygrad_hw.ops.random import randn
from tinygrad_hw.ops.solvers import solve
from tinygrad_hw.tensor import Tensor

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]

M = TypeVar("M", bound=Module)


def _tensor(module: Module, name: str) -> Tensor:
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    return weight


class _WeightNorm(Module):
    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return normalized(weight_v, weight_g, self.dim)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return norm_except_dim(weight, self.dim), weight


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    r"""Learn norm and direction of a weight apart: :math:`w = g v / \|v\|`.

    Args:
        module: whose weight it is; g and v become ``parametrizations.<name>.original0`` and ``original1``.
        name: of the weight.
        dim: over which norms are not taken; None for one norm of all.

    Returns:
        The module.

    Source: Salimans and Kingma, "Weight Normalization" (2016); ``torch.nn.utils.parametrizations.weight_norm``.

    Example:
        >>> m = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(20, 40))
        >>> m.parametrizations.weight.original0.shape, m.parametrizations.weight.original1.shape
        (torch.Size([40, 1]), torch.Size([40, 20]))
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def rename(state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Take states of the hook of the same name too."""
        g, v = f"{prefix}{name}_g", f"{prefix}{name}_v"
        if g in state_dict and v in state_dict:
            state_dict[f"{prefix}parametrizations.{name}.original0"] = state_dict.pop(g)
            state_dict[f"{prefix}parametrizations.{name}.original1"] = state_dict.pop(v)

    module._register_load_state_dict_pre_hook(rename)
    return module


class _SpectralNorm(Module):
    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        super().__init__()
        dims = weight.ndim
        if not -dims <= dim < dims:
            raise IndexError(f"Dimension out of range (expected to be in range of [{-dims}, {dims - 1}] but got {dim})")
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.dim = dim % dims
        self.eps = eps
        if dims > 1:
            self.n_power_iterations = n_power_iterations
            matrix = as_matrix(weight, self.dim)
            h, w = matrix.shape
            u, v = matrix.new_empty(h).normal_(0, 1), matrix.new_empty(w).normal_(0, 1)
            self.register_buffer("_u", F.normalize(u, dim=0, eps=eps))
            self.register_buffer("_v", F.normalize(v, dim=0, eps=eps))
            self._power_method(matrix, 15)

    def _power_method(self, matrix: Tensor, n_power_iterations: int) -> None:
        with no_grad():
            for _ in range(n_power_iterations):
                self._u.copy_(F.normalize(mv(matrix, self._v), dim=0, eps=self.eps))
                self._v.copy_(F.normalize(mv(matrix.t(), self._u), dim=0, eps=self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            self._power_method(matrix, self.n_power_iterations)
        u, v = self._u.clone(), self._v.clone()
        return weight / vdot(u, mv(matrix, v))

    def right_inverse(self, value: Tensor) -> Tensor:
        return value


def spectral_norm(
    module: M, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> M:
    """Divide a weight by its largest singular value, found by power iteration.

    Args:
        module: whose weight it is.
        name: of the weight.
        n_power_iterations: each time the weight is read in training mode.
        eps: added to norms.
        dim: of the outputs; 1 for transposed convolutions, otherwise 0.

    Returns:
        The module.

    Raises:
        ValueError: there is no such tensor.

    Source: Miyato et al. (2018); ``torch.nn.utils.parametrizations.spectral_norm``.

    Example:
        >>> m = torch.nn.utils.parametrizations.spectral_norm(torch.nn.Linear(20, 40))
        >>> torch.linalg.matrix_norm(m.weight, 2) < 1.2
        tensor(True)
    """
    weight = _tensor(module, name)
    chosen = default_dim(module) if dim is None else dim
    register_parametrization(module, name, _SpectralNorm(weight, n_power_iterations, chosen, eps))
    return module


_MAPS = ("matrix_exp", "cayley", "householder")


def _has_orthonormal_columns(q: Tensor) -> bool:
    k = q.shape[-1]
    spacing = 10.0 * q.shape[-2] * finfo(q.dtype).eps
    return bool(allclose(q.mT @ q, eye(k, dtype=q.dtype).expand(*q.shape[:-2], k, k), atol=spacing))


def _orthonormal(matrix: Tensor) -> Tensor:
    """Return Q of the factors QR of a tall matrix whose R has no negative number on the diagonal."""
    packed, tau = geqrf(matrix)
    signs = packed.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)
    return householder_product(packed, tau) * signs


class _Orthogonal(Module):
    """Makes an orthogonal matrix of any matrix; ``base`` is a fixed one that it is multiplied with."""

    def __init__(self, weight: Tensor, orthogonal_map: str, *, use_trivialization: bool = True) -> None:
        super().__init__()
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, x: Tensor) -> Tensor:
        """Return the orthogonal matrix of a matrix, which has orthonormal rows if it is wide."""
        wide = x.shape[-2] < x.shape[-1]
        if wide:
            x = x.mT
        n, k = x.shape[-2], x.shape[-1]
        if self.orthogonal_map == "householder":
            reflectors = x.tril(-1)
            tau = 2.0 / (1.0 + (reflectors * reflectors).sum(-2))
            # The diagonal holds signs, which are not learned.
            q = householder_product(reflectors, tau) * x.diagonal(dim1=-2, dim2=-1).int().unsqueeze(-2)
        else:
            lower = x.tril()
            if n != k:
                lower = cat([lower, x.new_zeros(*x.shape[:-2], n, n - k)], -1)
            skew = lower - lower.mT
            if self.orthogonal_map == "matrix_exp":
                q = matrix_exp(skew)
            else:
                one = eye(n, dtype=x.dtype)
                q = solve(one - skew * 0.5, one + skew * 0.5)
            q = q[..., :k]
        if hasattr(self, "base"):
            q = self.base @ q
        return q.mT if wide else q

    def right_inverse(self, value: Tensor) -> Tensor:
        """Return a matrix from which :meth:`forward` makes an orthogonal one near ``value``."""
        if value.shape != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of shape {value.shape}."
            )
        with no_grad():
            return self._invert(value)

    def _invert(self, value: Tensor) -> Tensor:
        wide = value.shape[-2] < value.shape[-1]
        q = value.mT if wide else value
        n, k = q.shape[-2], q.shape[-1]
        if not hasattr(self, "base"):
            if self.orthogonal_map != "householder":
                raise NotImplementedError(
                    "It is not possible to assign to the matrix exponential or the Cayley parametrizations when "
                    "use_trivialization=False."
                )
            packed, tau = geqrf(q)
            diagonal = packed.diagonal(dim1=-2, dim2=-1)
            diagonal.sign_()
            # No reflection, no sign to take back.
            diagonal[tau == 0.0] *= -1
            return packed.mT if wide else packed
        if n != k:
            q = _orthonormal(cat([q, randn(*q.shape[:-2], n, n - k, dtype=q.dtype)], -1))
        elif _has_orthonormal_columns(q):
            q = q.clone()
        else:
            q = _orthonormal(q)
        self.base = q
        # The diagonal stands for signs in the Householder form: these make the identity.
        result = zeros_like(value)
        result.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
        return result


def orthogonal(
    module: M, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True
) -> M:
    r"""Keep a matrix orthogonal: :math:`Q^T Q = 1` if it is tall, :math:`Q Q^T = 1` if it is wide.

    Args:
        module: whose weight it is.
        name: of the weight, a matrix or a batch of matrices.
        orthogonal_map: how an orthogonal matrix is made of the parameter's lower triangle: ``"matrix_exp"`` (of the
            skew-symmetric :math:`A`; the default for square matrices), ``"cayley"``
            (:math:`(1 + A/2)(1 - A/2)^{-1}`), ``"householder"`` (a product of reflections; the default for others).
        use_trivialization: multiply with a fixed matrix, at first the weight itself.

    Returns:
        The module.

    Raises:
        ValueError: there is no such tensor or map, or the tensor is no matrix.

    Source: Lezcano-Casado, "Trivializations for Gradient-Based Optimization on Manifolds" (2019);
    ``torch.nn.utils.parametrizations.orthogonal``.

    Example:
        >>> m = torch.nn.utils.parametrizations.orthogonal(torch.nn.Linear(20, 40))
        >>> torch.allclose(m.weight.T @ m.weight, torch.eye(20), atol=1e-5)
        True
    """
    weight = _tensor(module, name)
    if weight.ndim < 2:
        raise ValueError(f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions.")
    if orthogonal_map is None:
        orthogonal_map = "matrix_exp" if weight.shape[-2] == weight.shape[-1] else "householder"
    if orthogonal_map not in _MAPS:
        raise ValueError(
            f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: {orthogonal_map}'
        )
    made = _Orthogonal(weight, orthogonal_map, use_trivialization=use_trivialization)
    register_parametrization(module, name, made, unsafe=True)
    return module
