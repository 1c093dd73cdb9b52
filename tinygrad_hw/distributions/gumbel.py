"""The Gumbel distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tinygrad_hw import dtypes
from tinygrad_hw.distributions import constraints
from tinygrad_hw.distributions.transformed_distribution import TransformedDistribution
from tinygrad_hw.distributions.transforms import AffineTransform, ExpTransform
from tinygrad_hw.distributions.uniform import Uniform
from tinygrad_hw.distributions.utils import broadcast_all, euler_constant
from tinygrad_hw.ops.creation import full_like, ones_like
from tinygrad_hw.tensor import Tensor

__all__ = ["Gumbel"]


class Gumbel(TransformedDistribution):
    r"""The Gumbel distribution of maxima, of cumulative distribution :math:`\exp(-e^{-(x - loc) / scale})`.

    Args:
        loc: the mode.
        scale: the scale.
        validate_args: check arguments; see ``Distribution``.

    Source: ``torch.distributions.Gumbel``.

    Example:
        >>> m = torch.distributions.Gumbel(torch.tensor([1.0]), torch.tensor([2.0]))
        >>> m.mean, m.log_prob(torch.ones(1))
        (tensor([2.1544]), tensor([-1.6931]))
    """

    arg_constraints: Any = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        finfo = dtypes.finfo(self.loc.dtype)
        low, high = full_like(self.loc, finfo.tiny), full_like(self.loc, 1 - finfo.eps)
        parts = [
            ExpTransform().inv,
            AffineTransform(loc=0, scale=-ones_like(self.scale)),
            ExpTransform().inv,
            AffineTransform(loc=loc, scale=-self.scale),
        ]
        super().__init__(Uniform(low, high, validate_args=validate_args), parts, validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        new = self._get_checked_instance(Gumbel, _instance)
        new.loc, new.scale = self.loc.expand(batch_shape), self.scale.expand(batch_shape)
        return super().expand(batch_shape, _instance=new)

    def log_prob(self, value: Any) -> Tensor:
        # Through the transforms much precision would be lost.
        if self._validate_args:
            self._validate_sample(value)
        y = (self.loc - value) / self.scale
        return y - y.exp() - self.scale.log()

    @property
    def mean(self) -> Tensor:
        return self.loc + self.scale * euler_constant

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def stddev(self) -> Tensor:
        return math.pi / math.sqrt(6) * self.scale

    @property
    def variance(self) -> Tensor:
        return self.stddev**2

    def entropy(self) -> Tensor:
        return self.scale.log() + (1 + euler_constant)
