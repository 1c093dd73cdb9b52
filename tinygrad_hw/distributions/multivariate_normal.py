"""The normal distribution of vectors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tinygrad_hw.distributions import constraints
from tinygrad_hw.distributions.distribution import Distribution
from tinygrad_hw.distributions.utils import lazy_property, standard_normal
from tinygrad_hw.ops.broadcasting import broadcast_shapes
from tinygrad_hw.ops.creation import eye
from tinygrad_hw.ops.decomposition import cholesky
from tinygrad_hw.ops.solvers import solve_triangular
from tinygrad_hw.tensor import Tensor

__all__ = ["MultivariateNormal"]


def batch_mv(matrix: Any, vector: Any) -> Any:
    """Return products of matrices (..., n, m) and vectors (..., m)."""
    return (matrix @ vector.unsqueeze(-1)).squeeze(-1)


def batch_mahalanobis(lower: Any, x: Any) -> Any:
    """Return x^T (L L^T)^-1 x for lower triangular matrices (..., n, n) and vectors (..., n)."""
    if lower.ndim == 2:
        # One matrix for all: the vectors are columns of one right-hand side.
        flat = x.reshape(-1, x.shape[-1])
        return (solve_triangular(lower, flat.t(), upper=False) ** 2).sum(0).reshape(x.shape[:-1])
    return (solve_triangular(lower, x.unsqueeze(-1), upper=False) ** 2).sum((-2, -1))


def precision_to_scale_tril(precision: Any) -> Any:
    """Return the Cholesky factor of the inverse: P backwards in both directions has the factor's inverse backwards."""
    backwards = cholesky(precision.flip((-2, -1)))
    inverse = backwards.flip((-2, -1)).mT
    return solve_triangular(inverse, eye(precision.shape[-1], dtype=precision.dtype), upper=False)


def inverse_of_product(lower: Any) -> Any:
    """Return (L L^T)^-1."""
    inverse = solve_triangular(lower, eye(lower.shape[-1], dtype=lower.dtype), upper=False)
    return inverse.mT @ inverse


class MultivariateNormal(Distribution):
    r"""The normal distribution of vectors, of density proportional to :math:`e^{-(x - m)^T \Sigma^{-1} (x - m) / 2}`.

    Args:
        loc: (..., n), the mean.
        covariance_matrix: (..., n, n), :math:`\Sigma`, positive definite.
        precision_matrix: (..., n, n), its inverse, instead.
        scale_tril: (..., n, n), its lower Cholesky factor, instead; the others are turned into it.
        validate_args: check arguments; see ``Distribution``.

    Raises:
        ValueError: not exactly one of the three matrices is given, or too few dimensions.

    Source: ``torch.distributions.MultivariateNormal``.

    Example:
        >>> m = torch.distributions.MultivariateNormal(torch.zeros(2), torch.eye(2))
        >>> m.log_prob(torch.ones(2))
        tensor(-2.8379)
    """

    arg_constraints: Any = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True
    _batched = {"loc": 1, "covariance_matrix": 2, "precision_matrix": 2, "scale_tril": 2}
    _kept = ("_unbroadcasted_scale_tril",)

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Any = None,
        precision_matrix: Any = None,
        scale_tril: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        if loc.ndim < 1:
            raise ValueError("loc must be at least one-dimensional.")
        matrices = {
            "covariance_matrix": covariance_matrix,
            "precision_matrix": precision_matrix,
            "scale_tril": scale_tril,
        }
        given = [(name, m) for name, m in matrices.items() if m is not None]
        if len(given) != 1:
            raise ValueError("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
        ((name, matrix),) = given
        if matrix.ndim < 2:
            raise ValueError(f"{name} must be at least two-dimensional, with optional leading batch dimensions")
        batch = broadcast_shapes(matrix.shape[:-2], loc.shape[:-1])
        self.__dict__[name] = matrix.expand((*batch, -1, -1))
        self.loc = loc.expand((*batch, -1))
        super().__init__(batch, self.loc.shape[-1:], validate_args=validate_args)
        factor: Any = {"covariance_matrix": cholesky, "precision_matrix": precision_to_scale_tril}.get(name)
        self._unbroadcasted_scale_tril = matrix if factor is None else factor(matrix)

    def _expanded(self, matrix: Any) -> Any:
        return matrix.expand(self._batch_shape + self._event_shape + self._event_shape)

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The lower Cholesky factor of the covariance."""
        return self._expanded(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """The covariance."""
        return self._expanded(self._unbroadcasted_scale_tril @ self._unbroadcasted_scale_tril.mT)

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance."""
        return self._expanded(inverse_of_product(self._unbroadcasted_scale_tril))

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        """The variance of each entry."""
        return (self._unbroadcasted_scale_tril**2).sum(-1).expand(self._batch_shape + self._event_shape)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        eps = standard_normal(self._extended_shape(sample_shape), self.loc.dtype)
        return self.loc + batch_mv(self._unbroadcasted_scale_tril, eps)

    def _half_log_det(self) -> Tensor:
        """Return half the logarithm of the determinant of the covariance."""
        return self._unbroadcasted_scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    def log_prob(self, value: Any) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        distance = batch_mahalanobis(self._unbroadcasted_scale_tril, value - self.loc)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + distance) - self._half_log_det()

    def entropy(self) -> Tensor:
        entropy = 0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + self._half_log_det()
        return entropy.expand(self._batch_shape) if self._batch_shape else entropy
