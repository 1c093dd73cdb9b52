"""The generalised Pareto distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tinygrad_hw.distributions import constraints
from tinygrad_hw.distributions.distribution import Distribution
from tinygrad_hw.distributions.utils import broadcast_all
from tinygrad_hw.ops.comparison import isclose
from tinygrad_hw.ops.creation import ones_like, zeros_like
from tinygrad_hw.ops.random import rand
from tinygrad_hw.ops.selection import where
from tinygrad_hw.tensor import Tensor

__all__ = ["GeneralizedPareto"]


class GeneralizedPareto(Distribution):
    r"""The generalised Pareto distribution, of survival function :math:`(1 + c z)^{-1/c}`, :math:`z = (x - loc)/scale`.

    Args:
        loc: the smallest value.
        scale: the scale.
        concentration: :math:`c`; the exponential distribution for 0, a bounded one below.
        validate_args: check arguments; see ``Distribution``.

    Source: ``torch.distributions.GeneralizedPareto``.

    Example:
        >>> m = torch.distributions.GeneralizedPareto(0.0, 2.0, 0.25)
        >>> m.mean, m.cdf(torch.tensor([2.0]))
        (tensor(2.6667), tensor([0.5904]))
    """

    arg_constraints: Any = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "concentration": constraints.real,
    }
    has_rsample = True
    _batched = {"loc": 0, "scale": 0, "concentration": 0}

    def __init__(self, loc: Any, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        bounded = self.concentration < 0
        return constraints.interval(self.loc, where(bounded, self.loc - self.scale / self.concentration, math.inf))

    def _nonzero(self) -> tuple[Any, Any]:
        """Return where the concentration is 0, and the concentration with 1 there."""
        zero = isclose(self.concentration, zeros_like(self.concentration))
        return zero, where(zero, 1.0, self.concentration)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self.icdf(rand(self._extended_shape(sample_shape), dtype=self.loc.dtype))

    def log_prob(self, value: Any) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        z = (value - self.loc) / self.scale
        zero, c = self._nonzero()
        power = 1 / c + ones_like(z)
        # Nothing times an infinite logarithm is nothing, at the upper end of the uniform distribution.
        return -self.scale.log() - where(zero, z, where(power == 0, power, power * (c * z).log1p()))

    def log_survival_function(self, value: Any) -> Tensor:
        """Return the logarithm of the probability of values above ``value``."""
        if self._validate_args:
            self._validate_sample(value)
        z = (value - self.loc) / self.scale
        zero, c = self._nonzero()
        return where(zero, -z, -(c * z).log1p() / c)

    def log_cdf(self, value: Any) -> Tensor:
        """Return the logarithm of the probability of values up to ``value``."""
        return (-self.log_survival_function(value).exp()).log1p()

    def cdf(self, value: Any) -> Tensor:
        return self.log_cdf(value).exp()

    def icdf(self, value: Any) -> Tensor:
        zero, c = self._nonzero()
        log_left = (-value).log1p()
        return where(zero, self.loc - self.scale * log_left, self.loc + self.scale / c * (-c * log_left).expm1())

    @property
    def mean(self) -> Tensor:
        """The mean; NaN for concentrations from 1 up."""
        valid = self.concentration < 1
        return where(valid, self.loc + self.scale / (1 - where(valid, self.concentration, 0.5)), math.nan)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        """The variance; NaN for concentrations from 1/2 up."""
        valid = self.concentration < 0.5
        c = where(valid, self.concentration, 0.25)
        return where(valid, self.scale**2 / ((1 - c) ** 2 * (1 - 2 * c)), math.nan)

    def entropy(self) -> Tensor:
        return (self.scale.log() + self.concentration + 1).expand(self._batch_shape)
