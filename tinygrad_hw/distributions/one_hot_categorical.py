"""One of several categories, as a one-hot vector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_hw.distributions import constraints
from tinygrad_hw.distributions.categorical import Categorical
from tinygrad_hw.distributions.distribution import Distribution
from tinygrad_hw.ops.creation import eye
from tinygrad_hw.ops.embedding import one_hot
from tinygrad_hw.size import Size
from tinygrad_hw.tensor import Tensor

__all__ = ["OneHotCategorical", "OneHotCategoricalStraightThrough"]


class OneHotCategorical(Distribution):
    """A category as a vector with a single 1.

    Args:
        probs: (..., n) weights of the categories.
        logits: (..., n) log weights, instead.
        validate_args: check arguments; see ``Distribution``.

    Source: ``torch.distributions.OneHotCategorical``.

    Example:
        >>> m = torch.distributions.OneHotCategorical(torch.tensor([1.0, 3.0]))
        >>> m.mode, m.log_prob(torch.tensor([0.0, 1.0])).exp()
        (tensor([0., 1.]), tensor(0.7500))
    """

    arg_constraints: Any = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.one_hot
    has_enumerate_support = True
    _batched = {"_categorical": 0}

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self._categorical = Categorical(probs, logits)
        event_shape = self._categorical.param_shape[-1:]
        super().__init__(self._categorical.batch_shape, event_shape, validate_args=validate_args)

    @property
    def _param(self) -> Tensor:
        return self._categorical._param

    @property
    def probs(self) -> Tensor:
        """The chances, which sum to 1."""
        return self._categorical.probs

    @property
    def logits(self) -> Tensor:
        """Logarithms of the chances."""
        return self._categorical.logits

    @property
    def param_shape(self) -> Size:
        """Shape of the parameter."""
        return self._categorical.param_shape

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        return one_hot(self.probs.argmax(-1), self.probs.shape[-1]).to(self.probs.dtype)

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return one_hot(self._categorical.sample(sample_shape), self._event_shape[0]).to(self.probs.dtype)

    def log_prob(self, value: Any) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return self._categorical.log_prob(value.argmax(-1))

    def entropy(self) -> Tensor:
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        n = self.event_shape[0]
        values = eye(n, dtype=self._param.dtype).reshape((n, *(1,) * len(self.batch_shape), n))
        return values.expand((n, *self.batch_shape, n)) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """``OneHotCategorical`` whose samples pass their gradient straight on to the chances.

    Args:
        probs: (..., n) weights of the categories.
        logits: (..., n) log weights, instead.
        validate_args: check arguments; see ``Distribution``.

    Source: ``torch.distributions.OneHotCategoricalStraightThrough``; Bengio, Leonard and Courville, "Estimating or
    propagating gradients through stochastic neurons" (2013).

    Example:
        >>> torch.distributions.OneHotCategoricalStraightThrough(torch.tensor([0.0, 1.0])).rsample()
        tensor([0., 1.])
    """

    has_rsample = True

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self.sample(sample_shape) + (self.probs - self.probs.detach())
