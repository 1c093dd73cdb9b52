"""Distributions of transformed variables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_hw.autograd.grad_mode import no_grad
from tinygrad_hw.distributions import constraints
from tinygrad_hw.distributions.distribution import Distribution
from tinygrad_hw.distributions.independent import Independent
from tinygrad_hw.distributions.transforms import ComposeTransform, Transform
from tinygrad_hw.distributions.utils import sum_rightmost
from tinygrad_hw.size import Size
from tinygrad_hw.tensor import Tensor

__all__ = ["TransformedDistribution"]


class TransformedDistribution(Distribution):
    r"""The distribution of y = t(x), of density :math:`p_x(x) / |dy/dx|`.

    Args:
        base_distribution: of x.
        transforms: one, or a list, the first one first.
        validate_args: check arguments; see ``Distribution``.

    Raises:
        ValueError: these are no transforms, or they need more dimensions than x has.

    Source: ``torch.distributions.TransformedDistribution``.

    Example:
        >>> d = torch.distributions
        >>> logistic = d.TransformedDistribution(d.Uniform(0.0, 1.0), d.SigmoidTransform().inv)
        >>> logistic.log_prob(torch.tensor(0.0))
        tensor(-1.3863)
    """

    arg_constraints: Any = {}

    def __init__(
        self, base_distribution: Any, transforms: Transform | list[Any], validate_args: bool | None = None
    ) -> None:
        self.transforms: list[Any] = [transforms] if isinstance(transforms, Transform) else transforms
        if not isinstance(self.transforms, list):
            raise ValueError(f"transforms must be a Transform or list, but was {transforms}")
        if not all(isinstance(t, Transform) for t in self.transforms):
            raise ValueError("transforms must be a Transform or a list of Transforms")
        base = base_distribution
        base_shape = base.batch_shape + base.event_shape
        base_event_dim = len(base.event_shape)
        chain = ComposeTransform(self.transforms)
        before, after = chain.domain.event_dim, chain.codomain.event_dim
        if len(base_shape) < before:
            raise ValueError(
                f"base_distribution needs to have shape with size at least {before}, but got {base_shape}."
            )
        shape = Size(chain.forward_shape(base_shape))
        # A transform with parameters of its own may broadcast the batch.
        wanted = Size(chain.inverse_shape(shape))
        if base_shape != wanted:
            base = base.expand(wanted[: len(wanted) - base_event_dim])
        if before > base_event_dim:
            base = Independent(base, before - base_event_dim)
        self.base_dist = base
        cut = len(shape) - max(after, base_event_dim + after - before)
        super().__init__(shape[:cut], shape[cut:], validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        new = self._get_checked_instance(TransformedDistribution, _instance)
        batch_shape = Size(batch_shape)
        shape: Any = batch_shape + self.event_shape
        for t in reversed(self.transforms):
            shape = t.inverse_shape(shape)
        new.base_dist = self.base_dist.expand(shape[: len(shape) - len(self.base_dist.event_shape)])
        new.transforms = self.transforms
        Distribution.__init__(new, batch_shape, self.event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    @constraints.dependent_property(is_discrete=False)
    def support(self) -> Any:
        if not self.transforms:
            return self.base_dist.support
        support = self.transforms[-1].codomain
        extra = len(self.event_shape) - support.event_dim
        return constraints.independent(support, extra) if extra > 0 else support

    @property
    def has_rsample(self) -> Any:
        """Whether samples can be differentiated."""
        return self.base_dist.has_rsample

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            x = self.base_dist.sample(sample_shape)
            for t in self.transforms:
                x = t(x)
            return x

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        x = self.base_dist.rsample(sample_shape)
        for t in self.transforms:
            x = t(x)
        return x

    def log_prob(self, value: Any) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        event_dim = len(self.event_shape)
        total: Any = 0.0
        y = value
        for t in reversed(self.transforms):
            x = t.inv(y)
            event_dim += t.domain.event_dim - t.codomain.event_dim
            total = total - sum_rightmost(t.log_abs_det_jacobian(x, y), event_dim - t.domain.event_dim)
            y = x
        return total + sum_rightmost(self.base_dist.log_prob(y), event_dim - len(self.base_dist.event_shape))

    def _turned(self, probability: Any) -> Any:
        """Return 1 - p where the transforms together decrease, else p."""
        sign: Any = 1
        for t in self.transforms:
            sign = sign * t.sign
        return probability if isinstance(sign, int) and sign == 1 else sign * (probability - 0.5) + 0.5

    def cdf(self, value: Any) -> Tensor:
        for t in reversed(self.transforms):
            value = t.inv(value)
        if self._validate_args:
            self.base_dist._validate_sample(value)
        return self._turned(self.base_dist.cdf(value))

    def icdf(self, value: Any) -> Tensor:
        value = self.base_dist.icdf(self._turned(value))
        for t in self.transforms:
            value = t(value)
        return value
