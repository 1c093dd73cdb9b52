"""The absolute value of a Cauchy variable."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tinygrad_hw.distributions import constraints
from tinygrad_hw.distributions.cauchy import Cauchy
from tinygrad_hw.distributions.transformed_distribution import TransformedDistribution
from tinygrad_hw.distributions.transforms import AbsTransform
from tinygrad_hw.ops.creation import full, zeros_like
from tinygrad_hw.ops.from_data import as_tensor
from tinygrad_hw.ops.selection import where
from tinygrad_hw.tensor import Tensor

__all__ = ["HalfCauchy"]


class HalfCauchy(TransformedDistribution):
    """The absolute value of a Cauchy variable around 0.

    Args:
        scale: of the Cauchy variable.
        validate_args: check arguments; see ``Distribution``.

    Source: ``torch.distributions.HalfCauchy``.

    Example:
        >>> torch.distributions.HalfCauchy(torch.tensor([2.0])).cdf(torch.tensor([2.0]))
        tensor([0.5000])
    """

    arg_constraints: Any = {"scale": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(Cauchy(0, scale, validate_args=False), AbsTransform(), validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        return super().expand(batch_shape, _instance=self._get_checked_instance(HalfCauchy, _instance))

    @property
    def scale(self) -> Tensor:
        """The scale of the Cauchy variable."""
        return self.base_dist.scale

    @property
    def mean(self) -> Tensor:
        """Infinite."""
        return full(self._extended_shape(), math.inf, dtype=self.scale.dtype)

    @property
    def mode(self) -> Tensor:
        return zeros_like(self.scale)

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance

    def log_prob(self, value: Any) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        value = as_tensor(value, dtype=self.scale.dtype)
        return where(value >= 0, self.base_dist.log_prob(value) + math.log(2), -math.inf)

    def cdf(self, value: Any) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return 2 * self.base_dist.cdf(value) - 1

    def icdf(self, prob: Any) -> Tensor:
        return self.base_dist.icdf((prob + 1) / 2)

    def entropy(self) -> Tensor:
        return self.base_dist.entropy() - math.log(2)
