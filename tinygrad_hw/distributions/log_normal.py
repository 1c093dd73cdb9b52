"""The exponential of a normal variable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_hw.distributions import constraints
from tinygrad_hw.distributions.normal import Normal
from tinygrad_hw.distributions.transformed_distribution import TransformedDistribution
from tinygrad_hw.distributions.transforms import ExpTransform
from tinygrad_hw.tensor import Tensor

__all__ = ["LogNormal"]


class LogNormal(TransformedDistribution):
    """The exponential of a normal variable.

    Args:
        loc: the mean of the logarithm.
        scale: the standard deviation of the logarithm.
        validate_args: check arguments; see ``Distribution``.

    Source: ``torch.distributions.LogNormal``.

    Example:
        >>> m = torch.distributions.LogNormal(torch.tensor([0.0]), torch.tensor([1.0]))
        >>> m.mean, m.mode
        (tensor([1.6487]), tensor([0.3679]))
    """

    arg_constraints: Any = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.positive
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        base = Normal(loc, scale, validate_args=validate_args)
        super().__init__(base, ExpTransform(), validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        return super().expand(batch_shape, _instance=self._get_checked_instance(LogNormal, _instance))

    @property
    def loc(self) -> Tensor:
        """The mean of the logarithm."""
        return self.base_dist.loc

    @property
    def scale(self) -> Tensor:
        """The standard deviation of the logarithm."""
        return self.base_dist.scale

    @property
    def mean(self) -> Tensor:
        return (self.loc + self.scale**2 / 2).exp()

    @property
    def mode(self) -> Tensor:
        return (self.loc - self.scale**2).exp()

    @property
    def variance(self) -> Tensor:
        square = self.scale**2
        return square.expm1() * (2 * self.loc + square).exp()

    def entropy(self) -> Tensor:
        return self.base_dist.entropy() + self.loc
