"""The Pareto distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_hw.distributions import constraints
from tinygrad_hw.distributions.exponential import Exponential
from tinygrad_hw.distributions.transformed_distribution import TransformedDistribution
from tinygrad_hw.distributions.transforms import AffineTransform, ExpTransform
from tinygrad_hw.distributions.utils import broadcast_all
from tinygrad_hw.tensor import Tensor

__all__ = ["Pareto"]


class Pareto(TransformedDistribution):
    r"""The Pareto distribution, of survival function :math:`(scale / x)^{alpha}`.

    Args:
        scale: the smallest value.
        alpha: the power.
        validate_args: check arguments; see ``Distribution``.

    Source: ``torch.distributions.Pareto``.

    Example:
        >>> m = torch.distributions.Pareto(torch.tensor([1.0]), torch.tensor([3.0]))
        >>> m.mean, m.cdf(torch.tensor([2.0]))
        (tensor([1.5000]), tensor([0.8750]))
    """

    arg_constraints: Any = {"alpha": constraints.positive, "scale": constraints.positive}

    def __init__(self, scale: Any, alpha: Any, validate_args: bool | None = None) -> None:
        self.scale, self.alpha = broadcast_all(scale, alpha)
        base = Exponential(self.alpha, validate_args=validate_args)
        parts = [ExpTransform(), AffineTransform(loc=0, scale=self.scale)]
        super().__init__(base, parts, validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        new = self._get_checked_instance(Pareto, _instance)
        new.scale, new.alpha = self.scale.expand(batch_shape), self.alpha.expand(batch_shape)
        return super().expand(batch_shape, _instance=new)

    @property
    def mean(self) -> Tensor:
        """The mean; infinite for ``alpha`` up to 1."""
        a = self.alpha.clamp(min=1)
        return a * self.scale / (a - 1)

    @property
    def mode(self) -> Tensor:
        return self.scale

    @property
    def variance(self) -> Tensor:
        """The variance; infinite for ``alpha`` up to 2."""
        a = self.alpha.clamp(min=2)
        return self.scale**2 * a / ((a - 1) ** 2 * (a - 2))

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        return constraints.greater_than_eq(self.scale)

    def entropy(self) -> Tensor:
        return (self.scale / self.alpha).log() + (1 + self.alpha.reciprocal())
