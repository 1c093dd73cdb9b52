"""Counts of the categories in many draws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tinygrad_hw.distributions import constraints
from tinygrad_hw.distributions.binomial import Binomial
from tinygrad_hw.distributions.categorical import Categorical
from tinygrad_hw.distributions.distribution import Distribution
from tinygrad_hw.distributions.utils import broadcast_all
from tinygrad_hw.ops.creation import ones_like, zeros
from tinygrad_hw.ops.gamma import lgamma
from tinygrad_hw.ops.selection import where
from tinygrad_hw.size import Size
from tinygrad_hw.tensor import Tensor

__all__ = ["Multinomial"]


class Multinomial(Distribution):
    """How often each category comes up in ``total_count`` draws.

    Args:
        total_count: the number of draws, one for the whole batch.
        probs: (..., n) weights of the categories.
        logits: (..., n) log weights, instead.
        validate_args: check arguments; see ``Distribution``.

    Raises:
        NotImplementedError: ``total_count`` is no integer.

    Source: ``torch.distributions.Multinomial``.

    Example:
        >>> m = torch.distributions.Multinomial(3, torch.tensor([1.0, 1.0]))
        >>> m.mean, m.log_prob(torch.tensor([1.0, 2.0])).exp()
        (tensor([1.5000, 1.5000]), tensor(0.3750))
    """

    arg_constraints: Any = {"probs": constraints.simplex, "logits": constraints.real_vector}

    def __init__(
        self, total_count: int = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        if not isinstance(total_count, int):
            raise NotImplementedError("inhomogeneous total_count is not supported")
        self.total_count = total_count
        self._categorical = Categorical(probs=probs, logits=logits)
        self._binomial = Binomial(total_count=total_count, probs=self.probs)
        event_shape = self._categorical.param_shape[-1:]
        super().__init__(self._categorical.batch_shape, event_shape, validate_args=validate_args)

    _batched = {"_categorical": 0}
    _kept = ("total_count", "_binomial")

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:
        return constraints.multinomial(self.total_count)

    @property
    def logits(self) -> Tensor:
        """Logarithms of the chances."""
        return self._categorical.logits

    @property
    def probs(self) -> Tensor:
        """The chances, which sum to 1."""
        return self._categorical.probs

    @property
    def param_shape(self) -> Size:
        """Shape of the parameter."""
        return self._categorical.param_shape

    @property
    def mean(self) -> Tensor:
        return self.probs * self.total_count

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        drawn = self._categorical.sample((self.total_count, *sample_shape)).movedim(0, -1)
        counts = zeros(self._extended_shape(sample_shape), dtype=drawn.dtype)
        return counts.scatter_add_(-1, drawn, ones_like(drawn)).to(self.probs.dtype)

    def entropy(self) -> Tensor:
        n = self.total_count
        first = n * self._categorical.entropy() - math.lgamma(n + 1)
        values = self._binomial.enumerate_support(expand=False)[1:]
        weights = self._binomial.log_prob(values).exp() * lgamma(values + 1)
        return first + weights.sum([0, -1])

    def log_prob(self, value: Any) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        # No draw of an impossible category: 0 log 0 is 0.
        logits = where((value == 0) & (logits == -math.inf), 0.0, logits)
        return lgamma(value.sum(-1) + 1) - lgamma(value + 1).sum(-1) + (logits * value).sum(-1)
