"""The Weibull distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_hw.distributions import constraints
from tinygrad_hw.distributions.exponential import Exponential
from tinygrad_hw.distributions.transformed_distribution import TransformedDistribution
from tinygrad_hw.distributions.transforms import AffineTransform, PowerTransform
from tinygrad_hw.distributions.utils import broadcast_all, euler_constant
from tinygrad_hw.ops.creation import ones_like
from tinygrad_hw.ops.gamma import lgamma
from tinygrad_hw.tensor import Tensor

__all__ = ["Weibull"]


class Weibull(TransformedDistribution):
    r"""The Weibull distribution, of survival function :math:`e^{-(x / scale)^{c}}`.

    Args:
        scale: the scale.
        concentration: :math:`c`, the shape.
        validate_args: check arguments; see ``Distribution``.

    Source: ``torch.distributions.Weibull``.

    Example:
        >>> m = torch.distributions.Weibull(torch.tensor([1.0]), torch.tensor([2.0]))
        >>> m.mean, m.cdf(torch.tensor([1.0]))
        (tensor([0.8862]), tensor([0.6321]))
    """

    arg_constraints: Any = {"scale": constraints.positive, "concentration": constraints.positive}
    support = constraints.positive

    def __init__(self, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.scale, self.concentration = broadcast_all(scale, concentration)
        self.concentration_reciprocal = self.concentration.reciprocal()
        base = Exponential(ones_like(self.scale), validate_args=validate_args)
        super().__init__(base, self._parts(), validate_args=validate_args)

    def _parts(self) -> list[Any]:
        return [PowerTransform(self.concentration_reciprocal), AffineTransform(loc=0, scale=self.scale)]

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        new = self._get_checked_instance(Weibull, _instance)
        new.scale, new.concentration = self.scale.expand(batch_shape), self.concentration.expand(batch_shape)
        new.concentration_reciprocal = new.concentration.reciprocal()
        base = self.base_dist.expand(batch_shape)
        TransformedDistribution.__init__(new, base, new._parts(), validate_args=False)
        new._validate_args = self._validate_args
        return new

    def _log_gamma(self, n: int) -> Any:
        """Return the logarithm of the mean of (x / scale)^n."""
        return lgamma(1 + n * self.concentration_reciprocal)

    @property
    def mean(self) -> Tensor:
        return self.scale * self._log_gamma(1).exp()

    @property
    def mode(self) -> Tensor:
        return self.scale * ((self.concentration - 1) / self.concentration) ** self.concentration_reciprocal

    @property
    def variance(self) -> Tensor:
        return self.scale**2 * (self._log_gamma(2).exp() - (2 * self._log_gamma(1)).exp())

    def entropy(self) -> Tensor:
        r = self.concentration_reciprocal
        return euler_constant * (1 - r) + (self.scale * r).log() + 1
