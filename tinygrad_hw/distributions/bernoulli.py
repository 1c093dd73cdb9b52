"""Zero or one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tinygrad_hw.autograd.grad_mode import no_grad
from tinygrad_hw.distributions import constraints
from tinygrad_hw.distributions.binary_parameter import BinaryParameter
from tinygrad_hw.distributions.exp_family import ExponentialFamily
from tinygrad_hw.distributions.utils import broadcast_all
from tinygrad_hw.ops.cross_entropy import binary_cross_entropy_with_logits
from tinygrad_hw.ops.random import bernoulli
from tinygrad_hw.ops.ranges import arange
from tinygrad_hw.ops.selection import where
from tinygrad_hw.ops.unary import logit
from tinygrad_hw.tensor import Tensor

__all__ = ["Bernoulli"]


class Bernoulli(BinaryParameter, ExponentialFamily):
    """1 with chance ``probs``, else 0.

    Args:
        probs: the chance of 1.
        logits: its log odds, instead.
        validate_args: check arguments; see ``Distribution``.

    Raises:
        ValueError: not exactly one of ``probs`` and ``logits`` is given.

    Source: ``torch.distributions.Bernoulli``.

    Example:
        >>> torch.distributions.Bernoulli(torch.tensor([0.25])).log_prob(torch.ones(1))
        tensor([-1.3863])
    """

    arg_constraints: Any = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.boolean
    has_enumerate_support = True
    _mean_carrier_measure = 0
    _batched = {"probs": 0, "logits": 0, "_param": 0}

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self._set_parameter(probs, logits)
        super().__init__(self._param.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        """The likelier value; NaN if both are equally likely."""
        return where(self.probs == 0.5, math.nan, (self.probs >= 0.5).to(self.probs.dtype))

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            return bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Any) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        return -binary_cross_entropy_with_logits(logits, value, reduction="none")

    def entropy(self) -> Tensor:
        return binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        values = arange(2, dtype=self._param.dtype).reshape((-1,) + (1,) * len(self._batch_shape))
        return values.expand((-1, *self._batch_shape)) if expand else values

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (logit(self.probs),)

    def _log_normalizer(self, x: Any) -> Tensor:
        return x.exp().log1p()
