"""Kumaraswamy's distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tinygrad_hw.distributions import constraints
from tinygrad_hw.distributions.transformed_distribution import TransformedDistribution
from tinygrad_hw.distributions.transforms import AffineTransform, PowerTransform
from tinygrad_hw.distributions.uniform import Uniform
from tinygrad_hw.distributions.utils import broadcast_all, euler_constant
from tinygrad_hw.ops.creation import ones_like, zeros_like
from tinygrad_hw.ops.gamma import digamma, lgamma
from tinygrad_hw.ops.selection import where
from tinygrad_hw.tensor import Tensor

__all__ = ["Kumaraswamy"]


class Kumaraswamy(TransformedDistribution):
    r"""Kumaraswamy's distribution on [0, 1], of cumulative distribution :math:`1 - (1 - x^{c_1})^{c_0}`.

    Args:
        concentration1: :math:`c_1`.
        concentration0: :math:`c_0`.
        validate_args: check arguments; see ``Distribution``.

    Source: ``torch.distributions.Kumaraswamy``.

    Example:
        >>> torch.distributions.Kumaraswamy(torch.tensor([1.0]), torch.tensor([3.0])).mean
        tensor([0.2500])
    """

    arg_constraints: Any = {"concentration1": constraints.positive, "concentration0": constraints.positive}
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None) -> None:
        self.concentration1, self.concentration0 = broadcast_all(concentration1, concentration0)
        base = Uniform(zeros_like(self.concentration0), ones_like(self.concentration0), validate_args=validate_args)
        parts = [
            PowerTransform(self.concentration0.reciprocal()),
            AffineTransform(loc=1.0, scale=-1.0),
            PowerTransform(self.concentration1.reciprocal()),
        ]
        super().__init__(base, parts, validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        new = self._get_checked_instance(Kumaraswamy, _instance)
        new.concentration1 = self.concentration1.expand(batch_shape)
        new.concentration0 = self.concentration0.expand(batch_shape)
        return super().expand(batch_shape, _instance=new)

    def _moment(self, n: int) -> Any:
        """Return the mean of x^n: c0 B(1 + n / c1, c0)."""
        a, b = 1 + n / self.concentration1, self.concentration0
        return b * (lgamma(a) + lgamma(b) - lgamma(a + b)).exp()

    @property
    def mean(self) -> Tensor:
        return self._moment(1)

    @property
    def mode(self) -> Tensor:
        """The most likely value; NaN where a concentration is below 1 (and, in PyTorch, everywhere)."""
        a, b = self.concentration1, self.concentration0
        valid = (b >= 1) & (a >= 1) & (a * b > 1)
        place = where(valid, a - 1, 1.0) / where(valid, a * b - 1, 1.0)
        return where(valid, place ** a.reciprocal(), math.nan)

    @property
    def variance(self) -> Tensor:
        return self._moment(2) - self._moment(1) ** 2

    def entropy(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        harmonic = digamma(b + 1) + euler_constant
        return 1 - b.reciprocal() + (1 - a.reciprocal()) * harmonic - a.log() - b.log()
