"""Counts of independent events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_hw.autograd.grad_mode import no_grad
from tinygrad_hw.distributions import constraints
from tinygrad_hw.distributions.exp_family import ExponentialFamily
from tinygrad_hw.distributions.utils import broadcast_all
from tinygrad_hw.ops.binary import xlogy
from tinygrad_hw.ops.gamma import lgamma
from tinygrad_hw.ops.random import poisson
from tinygrad_hw.tensor import Tensor

__all__ = ["Poisson"]


class Poisson(ExponentialFamily):
    r"""The Poisson distribution: k with probability :math:`r^k e^{-r} / k!`.

    Args:
        rate: :math:`r`, the mean.
        validate_args: check arguments; see ``Distribution``.

    Source: ``torch.distributions.Poisson``.

    Example:
        >>> torch.distributions.Poisson(torch.tensor([2.0])).log_prob(torch.tensor([3.0])).exp()
        tensor([0.1804])
    """

    arg_constraints: Any = {"rate": constraints.nonnegative}
    support = constraints.nonnegative_integer
    _batched = {"rate": 0}

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        (self.rate,) = broadcast_all(rate)
        super().__init__(self.rate.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.rate

    @property
    def mode(self) -> Tensor:
        return self.rate.floor()

    @property
    def variance(self) -> Tensor:
        return self.rate

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            return poisson(self.rate.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Any) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        rate, value = broadcast_all(self.rate, value)
        return xlogy(value, rate) - rate - lgamma(value + 1)

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (self.rate.log(),)

    def _log_normalizer(self, x: Any) -> Tensor:
        return x.exp()
