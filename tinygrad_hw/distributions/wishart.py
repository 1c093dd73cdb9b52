"""Random positive definite matrices."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

from tinygrad_hw import dtypes
from tinygrad_hw.distributions import constraints
from tinygrad_hw.distributions.chi2 import Chi2
from tinygrad_hw.distributions.distribution import Distribution
from tinygrad_hw.distributions.exp_family import ExponentialFamily
from tinygrad_hw.distributions.multivariate_normal import inverse_of_product, precision_to_scale_tril
from tinygrad_hw.distributions.utils import lazy_property, vec_to_tril_matrix
from tinygrad_hw.ops.broadcasting import broadcast_shapes
from tinygrad_hw.ops.decomposition import cholesky
from tinygrad_hw.ops.from_data import tensor
from tinygrad_hw.ops.gamma import digamma, mvlgamma
from tinygrad_hw.ops.matrix_properties import slogdet
from tinygrad_hw.ops.random import randn
from tinygrad_hw.ops.ranges import arange
from tinygrad_hw.ops.selection import where
from tinygrad_hw.ops.solvers import solve_triangular
from tinygrad_hw.size import Size
from tinygrad_hw.tensor import Tensor

__all__ = ["Wishart"]


def _cholesky_solve(b: Any, lower: Any) -> Any:
    """Return (L L^T)^-1 b."""
    return solve_triangular(lower.mT, solve_triangular(lower, b, upper=False), upper=True)


def _mvdigamma(x: Any, p: int) -> Any:
    """Return the derivative of the multivariate log gamma function."""
    return digamma(x.unsqueeze(-1) - arange(p, dtype=x.dtype) * 0.5).sum(-1)


class Wishart(ExponentialFamily):
    r"""The Wishart distribution: of :math:`X X^T` for ``df`` columns of normal variables of covariance :math:`\Sigma`.

    Args:
        df: the degrees of freedom, more than n - 1.
        covariance_matrix: (..., n, n), :math:`\Sigma`, positive definite.
        precision_matrix: (..., n, n), its inverse, instead.
        scale_tril: (..., n, n), its lower Cholesky factor, instead; the others are turned into it.
        validate_args: check arguments; see ``Distribution``.

    Raises:
        AssertionError: not exactly one of the three matrices is given.
        ValueError: too few dimensions or degrees of freedom.

    Source: ``torch.distributions.Wishart``; samples by Bartlett's decomposition.

    Example:
        >>> m = torch.distributions.Wishart(torch.tensor(4.0), covariance_matrix=torch.eye(2))
        >>> m.mean, m.log_prob(torch.eye(2))
        (tensor([[4., 0.],
                [0., 4.]]), tensor(-4.2242))
    """

    support = constraints.positive_definite
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(
        self,
        df: Any,
        covariance_matrix: Any = None,
        precision_matrix: Any = None,
        scale_tril: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        matrices = {
            "covariance_matrix": covariance_matrix,
            "precision_matrix": precision_matrix,
            "scale_tril": scale_tril,
        }
        given = [(name, m) for name, m in matrices.items() if m is not None]
        if len(given) != 1:
            raise AssertionError("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
        ((name, matrix),) = given
        if matrix.ndim < 2:
            raise ValueError("scale_tril must be at least two-dimensional, with optional leading batch dimensions")
        if not isinstance(df, Tensor):
            df = tensor(df, dtype=matrix.dtype)
        batch = broadcast_shapes(matrix.shape[:-2], df.shape)
        self.df = df.expand(batch)
        n = matrix.shape[-1]
        if (self.df <= n - 1).any():
            raise ValueError(f"Value of df={df} expected to be greater than ndim - 1 = {n - 1}.")
        self.__dict__[name] = matrix.expand((*batch, -1, -1))
        if (self.df < n).any():
            warnings.warn(
                "Low df values detected. Singular samples are highly likely to occur for ndim - 1 < df < ndim.",
                stacklevel=2,
            )
        super().__init__(batch, matrix.shape[-2:], validate_args=validate_args)
        factor: Any = {"covariance_matrix": cholesky, "precision_matrix": precision_to_scale_tril}.get(name)
        self._unbroadcasted_scale_tril = matrix if factor is None else factor(matrix)
        self._dist_chi2 = self._chi2_of_diagonal()

    def _chi2_of_diagonal(self) -> Chi2:
        """Return the squared diagonal of Bartlett's triangle."""
        steps = arange(self._event_shape[-1], dtype=self._unbroadcasted_scale_tril.dtype)
        return Chi2(self.df.unsqueeze(-1) - steps)

    @property
    def arg_constraints(self) -> Any:
        return {
            "covariance_matrix": constraints.positive_definite,
            "precision_matrix": constraints.positive_definite,
            "scale_tril": constraints.lower_cholesky,
            "df": constraints.greater_than(self.event_shape[-1] - 1),
        }

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        new = self._get_checked_instance(Wishart, _instance)
        batch_shape = Size(batch_shape)
        size = batch_shape + self.event_shape
        new._unbroadcasted_scale_tril = self._unbroadcasted_scale_tril.expand(size)
        new.df = self.df.expand(batch_shape)
        for name in ("covariance_matrix", "precision_matrix", "scale_tril"):
            if name in self.__dict__:
                new.__dict__[name] = self.__dict__[name].expand(size)
        Distribution.__init__(new, batch_shape, self.event_shape, validate_args=False)
        new._dist_chi2 = new._chi2_of_diagonal()
        new._validate_args = self._validate_args
        return new

    def _expanded(self, matrix: Any) -> Any:
        return matrix.expand(self._batch_shape + self._event_shape)

    @lazy_property
    def scale_tril(self) -> Tensor:
        r"""The lower Cholesky factor of :math:`\Sigma`."""
        return self._expanded(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        r"""The covariance :math:`\Sigma` of the columns."""
        return self._expanded(self._unbroadcasted_scale_tril @ self._unbroadcasted_scale_tril.mT)

    @lazy_property
    def precision_matrix(self) -> Tensor:
        r"""The inverse of :math:`\Sigma`."""
        return self._expanded(inverse_of_product(self._unbroadcasted_scale_tril))

    def _df(self) -> Any:
        return self.df.reshape((*self._batch_shape, 1, 1))

    @property
    def mean(self) -> Tensor:
        return self._df() * self.covariance_matrix

    @property
    def mode(self) -> Tensor:
        """The most likely matrix; NaN for ``df`` up to n + 1."""
        factor = self._df() - self._event_shape[-1] - 1
        return where(factor <= 0, math.nan, factor) * self.covariance_matrix

    @property
    def variance(self) -> Tensor:
        """The variance of each entry."""
        v = self.covariance_matrix
        diagonal = v.diagonal(dim1=-2, dim2=-1)
        return self._df() * (v**2 + diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2))

    def _bartlett_sampling(self, sample_shape: Sequence[int]) -> Any:
        """Return L A A^T L^T: A has chi variables on the diagonal and normal ones below."""
        n = self._event_shape[-1]
        diagonal = self._dist_chi2.rsample(sample_shape).sqrt()
        noise = diagonal.clamp(min=dtypes.finfo(diagonal.dtype).eps).diag_embed()
        below = randn((*sample_shape, *self._batch_shape, n * (n - 1) // 2), dtype=noise.dtype)
        if n > 1:
            noise = noise + vec_to_tril_matrix(below, diag=-1)
        factor = self._unbroadcasted_scale_tril @ noise
        return factor @ factor.mT

    def rsample(self, sample_shape: Sequence[int] = (), max_try_correction: int | None = None) -> Tensor:
        """Return random matrices that can be differentiated with respect to the parameters.

        Args:
            sample_shape: how many draws, as a shape.
            max_try_correction: how often to draw anew what came out singular; 10 times if None.
        """
        sample_shape = Size(sample_shape)
        dims = [-(i + 1) for i in range(len(self._batch_shape))]
        sample = self._bartlett_sampling(sample_shape)
        # PyTorch 2.13 draws the regular matrices of the first round anew, not the singular ones; from the same seed
        # come the same numbers only if that is done here too.
        again = self.support.check(sample)
        if dims:
            again = again.any(dim=dims)
        for _ in range(10 if max_try_correction is None else max_try_correction):
            if not again.any():
                break
            fresh = self._bartlett_sampling((int(again.sum()),))
            sample[again] = fresh
            bad = ~self.support.check(fresh)
            if dims:
                bad = bad.any(dim=dims)
            again = again.clone()
            again[again.clone()] = bad
        if again.any():
            warnings.warn("Singular sample detected.", stacklevel=2)
        return sample

    def log_prob(self, value: Any) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        nu, n = self.df, self._event_shape[-1]
        lower = self._unbroadcasted_scale_tril
        log_det = lower.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        trace = _cholesky_solve(value, lower).diagonal(dim1=-2, dim2=-1).sum(-1)
        return (
            -nu * (n * math.log(2) / 2 + log_det)
            - mvlgamma(nu / 2, n)
            + (nu - n - 1) / 2 * slogdet(value).logabsdet
            - trace / 2
        )

    def entropy(self) -> Tensor:
        nu, n = self.df, self._event_shape[-1]
        log_det = self._unbroadcasted_scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return (
            (n + 1) * (n * math.log(2) / 2 + log_det)
            + mvlgamma(nu / 2, n)
            - (nu - n - 1) / 2 * _mvdigamma(nu / 2, n)
            + nu * n / 2
        )

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return -self.precision_matrix / 2, (self.df - self._event_shape[-1] - 1) / 2

    def _log_normalizer(self, x: Any, y: Any) -> Tensor:
        n = self._event_shape[-1]
        half = y + (n + 1) / 2
        return half * (n * math.log(2) - slogdet(-2 * x).logabsdet) + mvlgamma(half, n)
