"""The beta distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_hw.distributions import constraints
from tinygrad_hw.distributions.dirichlet import Dirichlet
from tinygrad_hw.distributions.exp_family import ExponentialFamily
from tinygrad_hw.distributions.utils import broadcast_all
from tinygrad_hw.ops.gamma import lgamma
from tinygrad_hw.ops.joining import stack
from tinygrad_hw.tensor import Tensor

__all__ = ["Beta"]


class Beta(ExponentialFamily):
    r"""The beta distribution, of density proportional to :math:`x^{c_1 - 1} (1 - x)^{c_0 - 1}` in [0, 1].

    Args:
        concentration1: :math:`c_1`, positive.
        concentration0: :math:`c_0`, positive.
        validate_args: check arguments; see ``Distribution``.

    Source: ``torch.distributions.Beta``.

    Example:
        >>> m = torch.distributions.Beta(2.0, 6.0)
        >>> m.mean, m.log_prob(torch.tensor(0.5))
        (tensor(0.2500), tensor(-0.4212))
    """

    arg_constraints: Any = {"concentration1": constraints.positive, "concentration0": constraints.positive}
    support = constraints.unit_interval
    has_rsample = True
    _batched = {"_dirichlet": 0}

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None) -> None:
        both = stack(broadcast_all(concentration1, concentration0), -1)
        self._dirichlet = Dirichlet(both, validate_args=validate_args)
        super().__init__(self._dirichlet.batch_shape, validate_args=validate_args)

    @property
    def concentration1(self) -> Tensor:
        """The exponent of x, plus 1."""
        return self._dirichlet.concentration[..., 0]

    @property
    def concentration0(self) -> Tensor:
        """The exponent of 1 - x, plus 1."""
        return self._dirichlet.concentration[..., 1]

    @property
    def mean(self) -> Tensor:
        return self.concentration1 / (self.concentration1 + self.concentration0)

    @property
    def mode(self) -> Tensor:
        return self._dirichlet.mode[..., 0]

    @property
    def variance(self) -> Tensor:
        total = self.concentration1 + self.concentration0
        return self.concentration1 * self.concentration0 / (total**2 * (total + 1))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self._dirichlet.rsample(sample_shape)[..., 0]

    def log_prob(self, value: Any) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return self._dirichlet.log_prob(stack([value, 1.0 - value], -1))

    def entropy(self) -> Tensor:
        return self._dirichlet.entropy()

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return self.concentration1, self.concentration0

    def _log_normalizer(self, x: Any, y: Any) -> Tensor:
        return lgamma(x) + lgamma(y) - lgamma(x + y)
