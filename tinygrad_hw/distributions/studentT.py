"""Student's t distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tinygrad_hw.distributions import constraints
from tinygrad_hw.distributions.chi2 import Chi2
from tinygrad_hw.distributions.distribution import Distribution
from tinygrad_hw.distributions.utils import broadcast_all, standard_normal
from tinygrad_hw.ops.gamma import digamma, lgamma
from tinygrad_hw.ops.selection import where
from tinygrad_hw.tensor import Tensor

__all__ = ["StudentT"]


class StudentT(Distribution):
    r"""Student's t distribution, of density proportional to :math:`(1 + y^2 / df)^{-(df + 1) / 2}`.

    Here :math:`y = (x - loc) / scale`.

    Args:
        df: the degrees of freedom.
        loc: the mode.
        scale: the scale.
        validate_args: check arguments; see ``Distribution``.

    Source: ``torch.distributions.StudentT``.

    Example:
        >>> m = torch.distributions.StudentT(torch.tensor([4.0]))
        >>> m.variance, m.log_prob(torch.zeros(1))
        (tensor([2.]), tensor([-0.9808]))
    """

    arg_constraints: Any = {"df": constraints.positive, "loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True
    _batched = {"df": 0, "loc": 0, "scale": 0, "_chi2": 0}

    def __init__(self, df: Any, loc: Any = 0.0, scale: Any = 1.0, validate_args: bool | None = None) -> None:
        self.df, self.loc, self.scale = broadcast_all(df, loc, scale)
        self._chi2 = Chi2(self.df)
        super().__init__(self.df.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """The mean; NaN for ``df`` up to 1."""
        return where(self.df <= 1, math.nan, self.loc)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        """The variance; infinite for ``df`` up to 2, NaN up to 1."""
        df = where(self.df > 2, self.df, 3.0)
        finite = self.scale**2 * df / (df - 2)
        return where(self.df > 2, finite, where(self.df > 1, math.inf, where(self.df <= 1, math.nan, finite)))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        x = standard_normal(self._extended_shape(sample_shape), self.df.dtype)
        z = self._chi2.rsample(sample_shape)
        return self.loc + self.scale * (x * (z / self.df).rsqrt())

    def log_prob(self, value: Any) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        df = self.df
        y = (value - self.loc) / self.scale
        log_normalizer = (
            self.scale.log() + 0.5 * df.log() + 0.5 * math.log(math.pi) + lgamma(0.5 * df) - lgamma(0.5 * (df + 1.0))
        )
        return -0.5 * (df + 1.0) * (y**2 / df).log1p() - log_normalizer

    def entropy(self) -> Tensor:
        df = self.df
        log_beta = lgamma(0.5 * df) + math.lgamma(0.5) - lgamma(0.5 * (df + 1))
        difference = digamma(0.5 * (df + 1)) - digamma(0.5 * df)
        return self.scale.log() + 0.5 * (df + 1) * difference + 0.5 * df.log() + log_beta
