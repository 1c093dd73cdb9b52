"""One-hot vectors made continuous."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tinygrad_hw.distributions import constraints
from tinygrad_hw.distributions.categorical import Categorical
from tinygrad_hw.distributions.distribution import Distribution
from tinygrad_hw.distributions.transformed_distribution import TransformedDistribution
from tinygrad_hw.distributions.transforms import ExpTransform
from tinygrad_hw.distributions.utils import broadcast_all, clamp_probs
from tinygrad_hw.ops.random import rand
from tinygrad_hw.size import Size
from tinygrad_hw.tensor import Tensor

__all__ = ["ExpRelaxedCategorical", "RelaxedOneHotCategorical"]


class ExpRelaxedCategorical(Distribution):
    """The logarithm of a ``RelaxedOneHotCategorical`` variable.

    Args:
        temperature: the lower, the closer to one-hot.
        probs: (..., n) weights of the categories.
        logits: (..., n) log weights, instead.
        validate_args: check arguments; see ``Distribution``.

    Source: ``torch.distributions.relaxed_categorical.ExpRelaxedCategorical``; Maddison, Mnih and Teh, "The concrete
    distribution" (2016).

    Example:
        >>> d = torch.distributions.relaxed_categorical
        >>> m = d.ExpRelaxedCategorical(torch.tensor(2.0), torch.ones(2))
        >>> m.log_prob(torch.tensor([0.5, 0.5]).log())
        tensor(-0.6931)
    """

    arg_constraints: Any = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.real_vector
    has_rsample = True
    _batched = {"_categorical": 0}
    _kept = ("temperature",)

    def __init__(
        self, temperature: Tensor, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self._categorical = Categorical(probs, logits)
        self.temperature = temperature
        event_shape = self._categorical.param_shape[-1:]
        super().__init__(self._categorical.batch_shape, event_shape, validate_args=validate_args)

    @property
    def param_shape(self) -> Size:
        """Shape of the parameter."""
        return self._categorical.param_shape

    @property
    def logits(self) -> Tensor:
        """Logarithms of the chances."""
        return self._categorical.logits

    @property
    def probs(self) -> Tensor:
        """The chances, which sum to 1."""
        return self._categorical.probs

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        u = clamp_probs(rand(self._extended_shape(sample_shape), dtype=self.logits.dtype))
        scores = (self.logits - (-u.log()).log()) / self.temperature
        return scores - scores.logsumexp(-1, keepdim=True)

    def log_prob(self, value: Any) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        n = self._categorical._num_events
        logits, value = broadcast_all(self.logits, value)
        scores = logits - value * self.temperature
        scores = (scores - scores.logsumexp(-1, keepdim=True)).sum(-1)
        return scores + math.lgamma(n) + (n - 1) * self.temperature.log()


class RelaxedOneHotCategorical(TransformedDistribution):
    """A one-hot vector made continuous, so that its samples can be differentiated.

    Args:
        temperature: the lower, the closer to one-hot.
        probs: (..., n) weights of the categories.
        logits: (..., n) log weights, instead.
        validate_args: check arguments; see ``Distribution``.

    Source: ``torch.distributions.RelaxedOneHotCategorical``; Jang, Gu and Poole, "Categorical reparameterization with
    Gumbel-softmax" (2016).

    Example:
        >>> m = torch.distributions.RelaxedOneHotCategorical(torch.tensor(2.0), torch.ones(2))
        >>> m.log_prob(torch.tensor([0.5, 0.5]))
        tensor(0.6931)
    """

    arg_constraints: Any = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.simplex
    has_rsample = True

    def __init__(
        self, temperature: Tensor, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        base = ExpRelaxedCategorical(temperature, probs, logits, validate_args=validate_args)
        super().__init__(base, ExpTransform(), validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        return super().expand(batch_shape, _instance=self._get_checked_instance(RelaxedOneHotCategorical, _instance))

    @property
    def temperature(self) -> Tensor:
        """The temperature."""
        return self.base_dist.temperature

    @property
    def logits(self) -> Tensor:
        """Logarithms of the chances."""
        return self.base_dist.logits

    @property
    def probs(self) -> Tensor:
        """The chances, which sum to 1."""
        return self.base_dist.probs
