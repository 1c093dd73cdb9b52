"""The Dirichlet distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_hw.distributions import constraints
from tinygrad_hw.distributions.exp_family import ExponentialFamily
from tinygrad_hw.ops.binary import xlogy
from tinygrad_hw.ops.embedding import one_hot
from tinygrad_hw.ops.gamma import _sample_dirichlet, digamma, lgamma
from tinygrad_hw.ops.selection import where
from tinygrad_hw.tensor import Tensor

__all__ = ["Dirichlet"]


class Dirichlet(ExponentialFamily):
    r"""The Dirichlet distribution on probability vectors, of density proportional to :math:`\prod x_i^{c_i - 1}`.

    Args:
        concentration: (..., n), :math:`c`, positive.
        validate_args: check arguments; see ``Distribution``.

    Raises:
        ValueError: ``concentration`` has no dimension.

    Source: ``torch.distributions.Dirichlet``.

    Example:
        >>> m = torch.distributions.Dirichlet(torch.tensor([1.0, 3.0]))
        >>> m.mean, m.log_prob(torch.tensor([0.5, 0.5]))
        (tensor([0.2500, 0.7500]), tensor(-0.2877))
    """

    arg_constraints: Any = {"concentration": constraints.independent(constraints.positive, 1)}
    support = constraints.simplex
    has_rsample = True
    _batched = {"concentration": 1}

    def __init__(self, concentration: Tensor, validate_args: bool | None = None) -> None:
        if concentration.ndim < 1:
            raise ValueError("`concentration` parameter must be at least one-dimensional.")
        self.concentration = concentration
        super().__init__(concentration.shape[:-1], concentration.shape[-1:], validate_args=validate_args)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return _sample_dirichlet(self.concentration.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Any) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        c = self.concentration
        return xlogy(c - 1.0, value).sum(-1) + lgamma(c.sum(-1)) - lgamma(c).sum(-1)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.concentration.sum(-1, True)

    @property
    def mode(self) -> Tensor:
        """The most likely vector; a corner where all concentrations are below 1."""
        above = (self.concentration - 1).clamp(min=0.0)
        mode = above / above.sum(-1, True)
        corner = one_hot(mode.argmax(-1), mode.shape[-1]).to(mode.dtype)
        return where((self.concentration < 1).all(-1).unsqueeze(-1), corner, mode)

    @property
    def variance(self) -> Tensor:
        total = self.concentration.sum(-1, True)
        return self.concentration * (total - self.concentration) / (total**2 * (total + 1))

    def entropy(self) -> Tensor:
        c = self.concentration
        total = c.sum(-1)
        log_beta = lgamma(c).sum(-1) - lgamma(total)
        return log_beta - (c.shape[-1] - total) * digamma(total) - ((c - 1.0) * digamma(c)).sum(-1)

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (self.concentration,)

    def _log_normalizer(self, x: Any) -> Tensor:
        return lgamma(x).sum(-1) - lgamma(x.sum(-1))
