"""Bernoulli variables made continuous."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_hw.distributions import constraints
from tinygrad_hw.distributions.binary_parameter import BinaryParameter
from tinygrad_hw.distributions.distribution import Distribution
from tinygrad_hw.distributions.transformed_distribution import TransformedDistribution
from tinygrad_hw.distributions.transforms import SigmoidTransform
from tinygrad_hw.distributions.utils import broadcast_all, clamp_probs
from tinygrad_hw.ops.random import rand
from tinygrad_hw.tensor import Tensor

__all__ = ["LogitRelaxedBernoulli", "RelaxedBernoulli"]


class LogitRelaxedBernoulli(BinaryParameter, Distribution):
    """The log odds of a ``RelaxedBernoulli`` variable.

    Args:
        temperature: the lower, the closer to 0 and 1.
        probs: the chance of 1.
        logits: its log odds, instead.
        validate_args: check arguments; see ``Distribution``.

    Raises:
        ValueError: not exactly one of ``probs`` and ``logits`` is given.

    Source: ``torch.distributions.relaxed_bernoulli.LogitRelaxedBernoulli``; Maddison, Mnih and Teh, "The concrete
    distribution" (2016).

    Example:
        >>> d = torch.distributions.relaxed_bernoulli
        >>> d.LogitRelaxedBernoulli(torch.tensor([2.0]), torch.tensor([0.5])).log_prob(torch.zeros(1))
        tensor([-0.6931])
    """

    arg_constraints: Any = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.real
    _batched = {"probs": 0, "logits": 0, "_param": 0}
    _kept = ("temperature",)

    def __init__(
        self, temperature: Tensor, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self.temperature = temperature
        self._set_parameter(probs, logits)
        super().__init__(self._param.shape, validate_args=validate_args)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        probs = clamp_probs(self.probs.expand(shape))
        u = clamp_probs(rand(shape, dtype=probs.dtype))
        return (u.log() - (-u).log1p() + probs.log() - (-probs).log1p()) / self.temperature

    def log_prob(self, value: Any) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        diff = logits - value * self.temperature
        return self.temperature.log() + diff - 2 * diff.exp().log1p()


class RelaxedBernoulli(TransformedDistribution):
    """A Bernoulli variable made continuous in (0, 1), so that its samples can be differentiated.

    Args:
        temperature: the lower, the closer to 0 and 1.
        probs: the chance of 1.
        logits: its log odds, instead.
        validate_args: check arguments; see ``Distribution``.

    Source: ``torch.distributions.RelaxedBernoulli``; Jang, Gu and Poole, "Categorical reparameterization with
    Gumbel-softmax" (2016).

    Example:
        >>> m = torch.distributions.RelaxedBernoulli(torch.tensor([2.0]), torch.tensor([0.5]))
        >>> m.log_prob(torch.tensor([0.5]))
        tensor([0.6931])
    """

    arg_constraints: Any = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True

    def __init__(
        self, temperature: Tensor, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        base = LogitRelaxedBernoulli(temperature, probs, logits)
        super().__init__(base, SigmoidTransform(), validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        return super().expand(batch_shape, _instance=self._get_checked_instance(RelaxedBernoulli, _instance))

    @property
    def temperature(self) -> Tensor:
        """The temperature."""
        return self.base_dist.temperature

    @property
    def logits(self) -> Tensor:
        """The log odds of 1."""
        return self.base_dist.logits

    @property
    def probs(self) -> Tensor:
        """The chance of 1."""
        return self.base_dist.probs
