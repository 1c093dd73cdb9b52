"""One of several categories, by number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tinygrad_hw import dtypes
from tinygrad_hw.distributions import constraints
from tinygrad_hw.distributions.distribution import Distribution
from tinygrad_hw.distributions.utils import exactly_one, lazy_property, logits_to_probs, probs_to_logits
from tinygrad_hw.ops.broadcasting import broadcast_tensors
from tinygrad_hw.ops.creation import full
from tinygrad_hw.ops.random import multinomial
from tinygrad_hw.ops.ranges import arange
from tinygrad_hw.ops.scatter import gather
from tinygrad_hw.size import Size
from tinygrad_hw.tensor import Tensor

__all__ = ["Categorical"]


class Categorical(Distribution):
    """A category, 0 to n - 1, with chances proportional to ``probs``.

    Args:
        probs: (..., n) weights; kept normalised.
        logits: (..., n) log weights, instead; kept normalised.
        validate_args: check arguments; see ``Distribution``.

    Raises:
        ValueError: not exactly one of ``probs`` and ``logits`` is given, or it has no dimension.

    Source: ``torch.distributions.Categorical``.

    Example:
        >>> torch.distributions.Categorical(torch.tensor([1.0, 3.0])).log_prob(torch.tensor(1)).exp()
        tensor(0.7500)
    """

    arg_constraints: Any = {"probs": constraints.simplex, "logits": constraints.real_vector}
    has_enumerate_support = True
    _batched = {"probs": 1, "logits": 1, "_param": 1}
    _kept = ("_num_events",)

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        exactly_one(probs, logits)
        if (probs if logits is None else logits).ndim < 1:
            name = "probs" if logits is None else "logits"
            raise ValueError(f"`{name}` parameter must be at least one-dimensional.")
        if probs is not None:
            self.probs = self._param = probs / probs.sum(-1, keepdim=True)
        else:
            self.logits = self._param = logits - logits.logsumexp(-1, keepdim=True)
        self._num_events = self._param.shape[-1]
        super().__init__(self._param.shape[:-1], validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        return constraints.integer_interval(0, self._num_events - 1)

    @lazy_property
    def logits(self) -> Tensor:
        """Logarithms of the chances."""
        return probs_to_logits(self.probs)

    @lazy_property
    def probs(self) -> Tensor:
        """The chances, which sum to 1."""
        return logits_to_probs(self.logits)

    @property
    def param_shape(self) -> Size:
        """Shape of the parameter."""
        return self._param.shape

    @property
    def mean(self) -> Tensor:
        """NaN: categories have no mean."""
        return full(self._extended_shape(), math.nan, dtype=self.probs.dtype)

    @property
    def mode(self) -> Tensor:
        return self.probs.argmax(-1)

    @property
    def variance(self) -> Tensor:
        """NaN: categories have no variance."""
        return full(self._extended_shape(), math.nan, dtype=self.probs.dtype)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = Size(sample_shape)
        drawn = multinomial(self.probs.detach().reshape(-1, self._num_events), shape.numel(), True)
        return drawn.t().reshape(self._extended_shape(shape))

    def log_prob(self, value: Any) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        index, log_pmf = broadcast_tensors(value.long().unsqueeze(-1), self.logits)
        return gather(log_pmf, -1, index[..., :1]).squeeze(-1)

    def entropy(self) -> Tensor:
        logits = self.logits.clamp(min=dtypes.finfo(self.logits.dtype).min)
        return -(logits * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        values = arange(self._num_events).reshape((-1,) + (1,) * len(self._batch_shape))
        return values.expand((-1, *self._batch_shape)) if expand else values
