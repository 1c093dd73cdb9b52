"""The Laplace distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_hw import dtypes
from tinygrad_hw.distributions import constraints
from tinygrad_hw.distributions.distribution import Distribution
from tinygrad_hw.distributions.utils import broadcast_all
from tinygrad_hw.ops.creation import empty
from tinygrad_hw.tensor import Tensor

__all__ = ["Laplace"]


class Laplace(Distribution):
    r"""The Laplace distribution, of density :math:`e^{-|x - loc| / scale} / (2 scale)`.

    Args:
        loc: the mean.
        scale: the mean distance from it.
        validate_args: check arguments; see ``Distribution``.

    Source: ``torch.distributions.Laplace``.

    Example:
        >>> torch.distributions.Laplace(0.0, 1.0).cdf(torch.tensor([0.0, 1.0]))
        tensor([0.5000, 0.8161])
    """

    arg_constraints: Any = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True
    _batched = {"loc": 0, "scale": 0}

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def stddev(self) -> Tensor:
        return 2**0.5 * self.scale

    @property
    def variance(self) -> Tensor:
        return 2 * self.scale**2

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        u = empty(self._extended_shape(sample_shape), dtype=self.loc.dtype)
        u.uniform_(dtypes.finfo(u.dtype).eps - 1, 1)
        return self.loc - self.scale * u.sign() * (-u.abs()).log1p()

    def log_prob(self, value: Any) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return -(2 * self.scale).log() - (value - self.loc).abs() / self.scale

    def cdf(self, value: Any) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        away = value - self.loc
        return 0.5 - 0.5 * away.sign() * (-away.abs() / self.scale).expm1()

    def icdf(self, value: Any) -> Tensor:
        away = value - 0.5
        return self.loc - self.scale * away.sign() * (-2 * away.abs()).log1p()

    def entropy(self) -> Tensor:
        return 1 + (2 * self.scale).log()
