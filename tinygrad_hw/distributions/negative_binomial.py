"""Successes before so many failures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_hw.autograd.grad_mode import no_grad
from tinygrad_hw.distributions import constraints
from tinygrad_hw.distributions.binary_parameter import BinaryParameter
from tinygrad_hw.distributions.distribution import Distribution
from tinygrad_hw.distributions.gamma import Gamma
from tinygrad_hw.ops.activation import logsigmoid
from tinygrad_hw.ops.gamma import lgamma
from tinygrad_hw.ops.random import poisson
from tinygrad_hw.ops.selection import where
from tinygrad_hw.tensor import Tensor

__all__ = ["NegativeBinomial"]


class NegativeBinomial(BinaryParameter, Distribution):
    """How many trials succeed, each with chance ``probs``, before ``total_count`` have failed.

    Args:
        total_count: the number of failures at which to stop; need not be an integer.
        probs: the chance of success, in [0, 1).
        logits: its log odds, instead.
        validate_args: check arguments; see ``Distribution``.

    Raises:
        ValueError: not exactly one of ``probs`` and ``logits`` is given.

    Source: ``torch.distributions.NegativeBinomial``.

    Example:
        >>> m = torch.distributions.NegativeBinomial(2.0, torch.tensor([0.5]))
        >>> m.log_prob(torch.tensor([1.0])).exp()
        tensor([0.2500])
    """

    arg_constraints: Any = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer
    _batched = {"total_count": 0, "probs": 0, "logits": 0, "_param": 0}

    def __init__(
        self, total_count: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self._set_parameter(probs, logits, total_count)
        super().__init__(self._param.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.logits.exp()

    @property
    def mode(self) -> Tensor:
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    @property
    def variance(self) -> Tensor:
        return self.mean / (-self.logits).sigmoid()

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            rates = Gamma(self.total_count, (-self.logits).exp(), validate_args=False)
            return poisson(rates.sample(sample_shape))

    def log_prob(self, value: Any) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        n = self.total_count
        log_normalizer = lgamma(1.0 + value) + lgamma(n) - lgamma(n + value)
        log_normalizer = where(n + value == 0.0, 0.0, log_normalizer)
        return n * logsigmoid(-self.logits) + value * logsigmoid(self.logits) - log_normalizer
