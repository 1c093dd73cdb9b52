"""Mixtures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_hw.autograd.grad_mode import no_grad
from tinygrad_hw.distributions import constraints
from tinygrad_hw.distributions.categorical import Categorical
from tinygrad_hw.distributions.distribution import Distribution
from tinygrad_hw.ops.scatter import gather
from tinygrad_hw.size import Size
from tinygrad_hw.tensor import Tensor

__all__ = ["MixtureSameFamily"]


class MixtureSameFamily(Distribution):
    """A mixture of distributions of one family, drawn by a categorical one.

    Args:
        mixture_distribution: a ``Categorical`` over the components.
        component_distribution: its last batch dimension indexes the components.
        validate_args: check arguments; see ``Distribution``.

    Raises:
        ValueError: of another class, or the batches or the numbers of components don't fit.

    Source: ``torch.distributions.MixtureSameFamily``.

    Example:
        >>> d = torch.distributions
        >>> parts = d.Normal(torch.tensor([-1.0, 1.0]), torch.ones(2))
        >>> m = d.MixtureSameFamily(d.Categorical(torch.ones(2)), parts)
        >>> m.mean, m.variance
        (tensor(0.), tensor(2.))
    """

    arg_constraints: Any = {}
    has_rsample = False

    def __init__(
        self, mixture_distribution: Any, component_distribution: Any, validate_args: bool | None = None
    ) -> None:
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError(
                "The Mixture distribution needs to be an instance of torch.distributions.Categorical, but got "
                f"{type(mixture_distribution).__name__}"
            )
        if not isinstance(component_distribution, Distribution):
            raise ValueError(
                "The Component distribution needs to be an instance of torch.distributions.Distribution, but got "
                f"{type(component_distribution).__name__}"
            )
        self._mixture_distribution = mixture_distribution
        self._component_distribution = component_distribution
        batch, components = mixture_distribution.batch_shape, component_distribution.batch_shape
        for a, b in zip(reversed(batch), reversed(components[:-1]), strict=False):
            if a != 1 and b != 1 and a != b:
                raise ValueError(
                    f"`mixture_distribution.batch_shape` ({batch}) is not compatible with "
                    f"`component_distribution.batch_shape`({components[:-1]})"
                )
        count = mixture_distribution.logits.shape[-1]
        if count != components[-1]:
            raise ValueError(
                f"`mixture_distribution component` ({count}) does not equal "
                f"`component_distribution.batch_shape[-1]` ({components[-1]})"
            )
        self._num_component = count
        event_shape = component_distribution.event_shape
        self._event_ndims = len(event_shape)
        super().__init__(components[:-1], event_shape, validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        new = self._get_checked_instance(MixtureSameFamily, _instance)
        batch_shape = Size(batch_shape)
        new._mixture_distribution = self._mixture_distribution.expand(batch_shape)
        new._component_distribution = self._component_distribution.expand((*batch_shape, self._num_component))
        new._num_component = self._num_component
        new._event_ndims = self._event_ndims
        Distribution.__init__(new, batch_shape, self._event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    @constraints.dependent_property
    def support(self) -> Any:
        return constraints.MixtureSameFamilyConstraint(self._component_distribution.support)

    @property
    def mixture_distribution(self) -> Categorical:
        """The distribution over the components."""
        return self._mixture_distribution

    @property
    def component_distribution(self) -> Any:
        """The components."""
        return self._component_distribution

    def _weights(self) -> Any:
        """Return the chances of the components, shaped as the components' means."""
        probs = self._mixture_distribution.probs
        batch = self._mixture_distribution.batch_shape
        padding = 0 if len(batch) == 1 else len(self.batch_shape) - len(batch)
        return probs.reshape((*probs.shape[:-1], *(1,) * padding, probs.shape[-1], *(1,) * self._event_ndims))

    def _among(self, x: Any) -> Any:
        """Return ``x`` with a dimension for the components."""
        return x.unsqueeze(-1 - self._event_ndims)

    @property
    def mean(self) -> Tensor:
        return (self._weights() * self._component_distribution.mean).sum(-1 - self._event_ndims)

    @property
    def variance(self) -> Tensor:
        """The mean of the components' variances and the variance of their means."""
        parts = self._component_distribution
        spread = parts.variance + (parts.mean - self._among(self.mean)) ** 2
        return (self._weights() * spread).sum(-1 - self._event_ndims)

    def cdf(self, x: Any) -> Tensor:
        return (self._component_distribution.cdf(self._among(x)) * self._mixture_distribution.probs).sum(-1)

    def log_prob(self, x: Any) -> Tensor:
        if self._validate_args:
            self._validate_sample(x)
        parts = self._component_distribution.log_prob(self._among(x))
        return (parts + self._mixture_distribution.logits.log_softmax(-1)).logsumexp(-1)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            dim = len(sample_shape) + len(self.batch_shape)
            chosen = self._mixture_distribution.sample(sample_shape)
            parts = self._component_distribution.sample(sample_shape)
            ones = (1,) * (1 + self._event_ndims)
            index = chosen.reshape((*chosen.shape, *ones)).repeat((1,) * chosen.ndim + (1, *self.event_shape))
            return gather(parts, dim, index).squeeze(dim)

    def __repr__(self) -> str:
        return f"MixtureSameFamily(\n  {self._mixture_distribution},\n  {self._component_distribution})"
