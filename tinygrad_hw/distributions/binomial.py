"""Successes of many trials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_hw.autograd.grad_mode import no_grad
from tinygrad_hw.distributions import constraints
from tinygrad_hw.distributions.binary_parameter import BinaryParameter
from tinygrad_hw.distributions.distribution import Distribution
from tinygrad_hw.ops.gamma import binomial, lgamma
from tinygrad_hw.ops.ranges import arange
from tinygrad_hw.tensor import Tensor

__all__ = ["Binomial"]


class Binomial(BinaryParameter, Distribution):
    """How many of ``total_count`` trials succeed, each with chance ``probs``.

    Args:
        total_count: the number of trials.
        probs: the chance of success.
        logits: its log odds, instead.
        validate_args: check arguments; see ``Distribution``.

    Raises:
        ValueError: not exactly one of ``probs`` and ``logits`` is given.

    Source: ``torch.distributions.Binomial``.

    Example:
        >>> torch.distributions.Binomial(4, torch.tensor([0.5])).log_prob(torch.tensor([2.0])).exp()
        tensor([0.3750])
    """

    arg_constraints: Any = {
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    has_enumerate_support = True
    _batched = {"total_count": 0, "probs": 0, "logits": 0, "_param": 0}

    def __init__(
        self, total_count: Any = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self._set_parameter(probs, logits, total_count)
        super().__init__(self._param.shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.probs

    @property
    def mode(self) -> Tensor:
        return ((self.total_count + 1) * self.probs).floor().clamp(max=self.total_count)

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        with no_grad():
            return binomial(self.total_count.expand(shape), self.probs.expand(shape))

    def log_prob(self, value: Any) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        n, logits = self.total_count, self.logits
        # log(1 + e^logits) without overflow; the gradient of the first term at 0 is taken to be a half.
        positive = (logits.clamp(min=0) + logits - logits.clamp(max=0)) / 2
        log_normalizer = n * positive + n * (-logits.abs()).exp().log1p() - lgamma(n + 1)
        return value * logits - lgamma(value + 1) - lgamma(n - value + 1) - log_normalizer

    def _one_count(self, name: str) -> int:
        total_count = int(self.total_count.max())
        if not self.total_count.min() == total_count:
            raise NotImplementedError(f"Inhomogeneous total count not supported by `{name}`.")
        return total_count

    def entropy(self) -> Tensor:
        self._one_count("entropy")
        log_prob = self.log_prob(self.enumerate_support(False))
        return -(log_prob.exp() * log_prob).sum(0)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        values = arange(1 + self._one_count("enumerate_support"), dtype=self._param.dtype)
        values = values.reshape((-1,) + (1,) * len(self._batch_shape))
        return values.expand((-1, *self._batch_shape)) if expand else values
