"""Random correlation matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.grad_mode import no_grad
from tinygrad_hw.distributions import constraints
from tinygrad_hw.distributions.beta import Beta
from tinygrad_hw.distributions.distribution import Distribution
from tinygrad_hw.distributions.utils import broadcast_all
from tinygrad_hw.ops.gamma import lgamma, mvlgamma
from tinygrad_hw.ops.joining import cat
from tinygrad_hw.ops.random import randn
from tinygrad_hw.ops.ranges import arange
from tinygrad_hw.ops.selection import where
from tinygrad_hw.tensor import Tensor

__all__ = ["LKJCholesky"]


class LKJCholesky(Distribution):
    r"""Cholesky factors L of correlation matrices, :math:`L L^T` of density proportional to :math:`\det^{c - 1}`.

    Args:
        dim: of the matrices, at least 2.
        concentration: :math:`c`; 1 for all correlation matrices alike.
        validate_args: check arguments; see ``Distribution``.

    Raises:
        ValueError: ``dim`` is less than 2.

    Samples are PyTorch's, number by number. Its 2.13 draws rows from the third on that are too long left of the
    diagonal, so that for ``dim`` above 2 they do not follow the density.

    Source: ``torch.distributions.LKJCholesky``; Lewandowski, Kurowicka and Joe, "Generating random correlation matrices
    based on vines and extended onion method" (2009), section 3.

    Example:
        >>> m = torch.distributions.LKJCholesky(3, 0.5)
        >>> m.sample().shape, m.log_prob(torch.eye(3))
        (torch.Size([3, 3]), tensor(-2.5310))
    """

    arg_constraints: Any = {"concentration": constraints.positive}
    support = constraints.corr_cholesky

    def __init__(self, dim: int, concentration: Any = 1.0, validate_args: bool | None = None) -> None:
        if dim < 2:
            raise ValueError(f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}.")
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        # Row by row: the squared length of what is left of the diagonal is a beta variable, of (k / 2, ...) in row k;
        # PyTorch's k - 1/2 is kept for its stream of numbers.
        offset = arange(dim - 1, dtype=self.concentration.dtype)
        offset = cat([offset.new_zeros((1,)), offset])
        marginal = self.concentration + 0.5 * (dim - 2)
        self._beta = Beta(offset + 0.5, marginal.unsqueeze(-1) - 0.5 * offset)
        super().__init__(self.concentration.shape, (dim, dim), validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        new = self._get_checked_instance(LKJCholesky, _instance)
        new.dim = self.dim
        new.concentration = self.concentration.expand(batch_shape)
        new._beta = self._beta.expand((*batch_shape, self.dim))
        Distribution.__init__(new, batch_shape, self.event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            length = self._beta.sample(sample_shape).unsqueeze(-1)
            direction = randn(self._extended_shape(sample_shape), dtype=length.dtype).tril(-1)
            norm = (direction**2).sum(-1, keepdim=True).sqrt()
            # The first row has nothing left of the diagonal.
            direction = where(norm == 0, 0.0, direction / norm)
            below = length.sqrt() * direction
            rest = (1 - (below**2).sum(-1)).clamp(min=dtypes.finfo(below.dtype).tiny)
            return below + rest.sqrt().diag_embed()

    def log_prob(self, value: Any) -> Tensor:
        """Return the log density: the power of each diagonal entry has the Jacobian of L to L L^T in it."""
        if self._validate_args:
            self._validate_sample(value)
        n = self.dim
        diagonal = value.diagonal(dim1=-1, dim2=-2)[..., 1:]
        power = 2 * (self.concentration - 1).unsqueeze(-1) + n - arange(2, n + 1)
        alpha = self.concentration + 0.5 * (n - 1)
        log_normalizer = 0.5 * (n - 1) * math.log(math.pi) + mvlgamma(alpha - 0.5, n - 1) - lgamma(alpha) * (n - 1)
        return (power * diagonal.log()).sum(-1) - log_normalizer
