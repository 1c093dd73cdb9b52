"""The gamma distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_hw import dtypes
from tinygrad_hw.distributions import constraints
from tinygrad_hw.distributions.exp_family import ExponentialFamily
from tinygrad_hw.distributions.utils import broadcast_all
from tinygrad_hw.ops.binary import xlogy
from tinygrad_hw.ops.from_data import as_tensor
from tinygrad_hw.ops.gamma import _standard_gamma, digamma, igamma, lgamma
from tinygrad_hw.tensor import Tensor

__all__ = ["Gamma"]


class Gamma(ExponentialFamily):
    r"""The gamma distribution, of density :math:`r^c x^{c - 1} e^{-r x} / \Gamma(c)` for positive x.

    Args:
        concentration: :math:`c`, the shape.
        rate: :math:`r`, one over the scale.
        validate_args: check arguments; see ``Distribution``.

    Source: ``torch.distributions.Gamma``. Samples are differentiable by both parameters.

    Example:
        >>> m = torch.distributions.Gamma(3.0, 2.0)
        >>> m.mean, m.log_prob(torch.tensor([1.0]))
        (tensor(1.5000), tensor([-0.6137]))
    """

    arg_constraints: Any = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    _mean_carrier_measure = 0
    _batched = {"concentration": 0, "rate": 0}

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        self.concentration, self.rate = broadcast_all(concentration, rate)
        super().__init__(self.concentration.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.rate

    @property
    def mode(self) -> Tensor:
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Tensor:
        return self.concentration / self.rate**2

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        value = _standard_gamma(self.concentration.expand(shape)) / self.rate.expand(shape)
        # Not zero, whatever the rate; the gradient stays what it was.
        value.detach().clamp_(min=dtypes.finfo(value.dtype).tiny)
        return value

    def log_prob(self, value: Any) -> Tensor:
        value = as_tensor(value, dtype=self.rate.dtype)
        if self._validate_args:
            self._validate_sample(value)
        c = self.concentration
        return xlogy(c, self.rate) + xlogy(c - 1, value) - self.rate * value - lgamma(c)

    def cdf(self, value: Any) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return igamma(self.concentration, self.rate * value)

    def entropy(self) -> Tensor:
        c = self.concentration
        return c - self.rate.log() + lgamma(c) + (1.0 - c) * digamma(c)

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return self.concentration - 1, -self.rate

    def _log_normalizer(self, x: Any, y: Any) -> Tensor:
        return lgamma(x + 1) - (x + 1) * (-y).log()
