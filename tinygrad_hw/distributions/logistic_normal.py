"""Probability vectors broken off by normal variables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_hw.distributions import constraints
from tinygrad_hw.distributions.normal import Normal
from tinygrad_hw.distributions.transformed_distribution import TransformedDistribution
from tinygrad_hw.distributions.transforms import StickBreakingTransform
from tinygrad_hw.tensor import Tensor

__all__ = ["LogisticNormal"]


class LogisticNormal(TransformedDistribution):
    """Probability vectors of n + 1 entries: normal variables through ``StickBreakingTransform``.

    Args:
        loc: (..., n), the means.
        scale: (..., n), the standard deviations.
        validate_args: check arguments; see ``Distribution``.

    Source: ``torch.distributions.LogisticNormal``.

    Example:
        >>> m = torch.distributions.LogisticNormal(torch.zeros(3), torch.ones(3))
        >>> m.log_prob(torch.full((4,), 0.25))
        tensor(2.7884)
    """

    arg_constraints: Any = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        base = Normal(loc, scale, validate_args=validate_args)
        if not base.batch_shape:
            base = base.expand((1,))
        super().__init__(base, StickBreakingTransform(), validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        return super().expand(batch_shape, _instance=self._get_checked_instance(LogisticNormal, _instance))

    @property
    def loc(self) -> Tensor:
        """The means of the normal variables."""
        return self.base_dist.base_dist.loc

    @property
    def scale(self) -> Tensor:
        """The standard deviations of the normal variables."""
        return self.base_dist.base_dist.scale
