"""Invertible transforms of random variables, with the logarithm of the Jacobian's determinant."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tinygrad_hw import dtypes
from tinygrad_hw.distributions import constraints
from tinygrad_hw.distributions.distribution import Distribution
from tinygrad_hw.distributions.transforms_base import (
    ComposeTransform,
    IndependentTransform,
    ReshapeTransform,
    Transform,
    identity_transform,
    widened,
)
from tinygrad_hw.distributions.transforms_joint import (
    CatTransform,
    CorrCholeskyTransform,
    LowerCholeskyTransform,
    PositiveDefiniteTransform,
    SoftmaxTransform,
    StackTransform,
    StickBreakingTransform,
)
from tinygrad_hw.distributions.utils import Number, broadcast_all, lazy_property, sum_rightmost
from tinygrad_hw.ops.activation import softplus
from tinygrad_hw.ops.broadcasting import broadcast_shapes
from tinygrad_hw.ops.creation import full_like
from tinygrad_hw.tensor import Tensor

__all__ = [
    "AbsTransform",
    "AffineTransform",
    "CatTransform",
    "ComposeTransform",
    "CorrCholeskyTransform",
    "CumulativeDistributionTransform",
    "ExpTransform",
    "IndependentTransform",
    "LowerCholeskyTransform",
    "PositiveDefiniteTransform",
    "PowerTransform",
    "ReshapeTransform",
    "SigmoidTransform",
    "SoftmaxTransform",
    "SoftplusTransform",
    "StackTransform",
    "StickBreakingTransform",
    "TanhTransform",
    "Transform",
    "identity_transform",
]


class ExpTransform(Transform):
    r""":math:`y = e^x`.

    Source: ``torch.distributions.transforms.ExpTransform``.

    Example:
        >>> torch.distributions.ExpTransform()(torch.zeros(1))
        tensor([1.])
    """

    domain = constraints.real
    codomain = constraints.positive
    bijective = True
    sign = +1

    def _call(self, x: Any) -> Any:
        return x.exp()

    def _inverse(self, y: Any) -> Any:
        return y.log()

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        return x


class PowerTransform(Transform):
    r""":math:`y = x^{exponent}`.

    Args:
        exponent: a tensor or a number.
        cache_size: 1 to remember the last pair.

    Source: ``torch.distributions.transforms.PowerTransform``.

    Example:
        >>> torch.distributions.PowerTransform(2.0)(torch.tensor([3.0]))
        tensor([9.])
    """

    domain = constraints.positive
    codomain = constraints.positive
    bijective = True

    def __init__(self, exponent: Any, cache_size: int = 0) -> None:
        super().__init__(cache_size=cache_size)
        (self.exponent,) = broadcast_all(exponent)

    def _again(self, cache_size: int) -> Any:
        return PowerTransform(self.exponent, cache_size=cache_size)

    @lazy_property
    def sign(self) -> Any:
        return self.exponent.sign()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PowerTransform) and bool((self.exponent == other.exponent).all())

    def _call(self, x: Any) -> Any:
        return x.pow(self.exponent)

    def _inverse(self, y: Any) -> Any:
        return y.pow(1 / self.exponent)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        return (self.exponent * y / x).abs().log()

    def forward_shape(self, shape: Sequence[int]) -> Any:
        return broadcast_shapes(shape, self.exponent.shape)

    def inverse_shape(self, shape: Sequence[int]) -> Any:
        return broadcast_shapes(shape, self.exponent.shape)


def _inside_unit(y: Any) -> Any:
    """Return ``y`` limited to what has a finite logit."""
    finfo = dtypes.finfo(y.dtype)
    return y.clamp(finfo.tiny, 1.0 - finfo.eps)


class SigmoidTransform(Transform):
    r""":math:`y = 1 / (1 + e^{-x})`.

    Source: ``torch.distributions.transforms.SigmoidTransform``.

    Example:
        >>> torch.distributions.SigmoidTransform()(torch.zeros(1))
        tensor([0.5000])
    """

    domain = constraints.real
    codomain = constraints.unit_interval
    bijective = True
    sign = +1

    def _call(self, x: Any) -> Any:
        return _inside_unit(x.sigmoid())

    def _inverse(self, y: Any) -> Any:
        y = _inside_unit(y)
        return y.log() - (-y).log1p()

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        return -softplus(-x) - softplus(x)


class SoftplusTransform(Transform):
    r""":math:`y = \log(1 + e^x)`.

    Source: ``torch.distributions.transforms.SoftplusTransform``.

    Example:
        >>> torch.distributions.SoftplusTransform()(torch.zeros(1))
        tensor([0.6931])
    """

    domain = constraints.real
    codomain = constraints.positive
    bijective = True
    sign = +1

    def _call(self, x: Any) -> Any:
        return softplus(x)

    def _inverse(self, y: Any) -> Any:
        return (-(-y).expm1()).log() + y

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        return -softplus(-x)


class TanhTransform(Transform):
    r""":math:`y = \tanh x`; with ``cache_size=1`` the inverse is exact where tanh has come to its limits.

    Source: ``torch.distributions.transforms.TanhTransform``.

    Example:
        >>> torch.distributions.TanhTransform()(torch.zeros(1))
        tensor([0.])
    """

    domain = constraints.real
    codomain = constraints.interval(-1.0, 1.0)
    bijective = True
    sign = +1

    def _call(self, x: Any) -> Any:
        return x.tanh()

    def _inverse(self, y: Any) -> Any:
        return y.atanh()

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        return 2.0 * (math.log(2.0) - x - softplus(-2.0 * x))


class AbsTransform(Transform):
    """:math:`y = |x|`; not bijective.

    Source: ``torch.distributions.transforms.AbsTransform``.

    Example:
        >>> torch.distributions.AbsTransform()(torch.tensor([-2.0]))
        tensor([2.])
    """

    domain = constraints.real
    codomain = constraints.positive

    def _call(self, x: Any) -> Any:
        return x.abs()

    def _inverse(self, y: Any) -> Any:
        return y


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, Number) and isinstance(b, Number):
        return a == b
    return bool((a == b).all())


class AffineTransform(Transform):
    r""":math:`y = loc + scale \cdot x`.

    Args:
        loc: a tensor or a number.
        scale: a tensor or a number.
        event_dim: how many dimensions make up an event: 0 for numbers, 1 for vectors.
        cache_size: 1 to remember the last pair.

    Source: ``torch.distributions.transforms.AffineTransform``.

    Example:
        >>> torch.distributions.AffineTransform(1.0, 2.0)(torch.tensor([3.0]))
        tensor([7.])
    """

    bijective = True

    def __init__(self, loc: Any, scale: Any, event_dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(cache_size=cache_size)
        self.loc = loc
        self.scale = scale
        self._event_dim = event_dim

    @property
    def event_dim(self) -> int:
        return self._event_dim

    @constraints.dependent_property(is_discrete=False)
    def domain(self) -> Any:
        return widened(constraints.real, self._event_dim)

    @constraints.dependent_property(is_discrete=False)
    def codomain(self) -> Any:
        return widened(constraints.real, self._event_dim)

    def _again(self, cache_size: int) -> Any:
        return AffineTransform(self.loc, self.scale, self._event_dim, cache_size=cache_size)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AffineTransform) and _same(self.loc, other.loc) and _same(self.scale, other.scale)

    @property
    def sign(self) -> Any:
        if isinstance(self.scale, Number):
            return (self.scale > 0) - (self.scale < 0)
        return self.scale.sign()

    def _call(self, x: Any) -> Any:
        return self.loc + self.scale * x

    def _inverse(self, y: Any) -> Any:
        return (y - self.loc) / self.scale

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        number = isinstance(self.scale, Number)
        result = full_like(x, math.log(abs(self.scale))) if number else self.scale.abs().log()
        return sum_rightmost(result, self._event_dim).expand(x.shape[: x.ndim - self._event_dim])

    def _shape(self, shape: Sequence[int]) -> Any:
        return broadcast_shapes(shape, *(v.shape for v in (self.loc, self.scale) if isinstance(v, Tensor)))

    def forward_shape(self, shape: Sequence[int]) -> Any:
        return self._shape(shape)

    def inverse_shape(self, shape: Sequence[int]) -> Any:
        return self._shape(shape)


class CumulativeDistributionTransform(Transform):
    """The cumulative distribution function of a distribution, as a transform.

    Args:
        distribution: one that has ``cdf`` and ``icdf``.
        cache_size: 1 to remember the last pair.

    Source: ``torch.distributions.transforms.CumulativeDistributionTransform``.

    Example:
        >>> d = torch.distributions
        >>> d.CumulativeDistributionTransform(d.Normal(0.0, 1.0))(torch.zeros(1))
        tensor([0.5000])
    """

    bijective = True
    codomain = constraints.unit_interval
    sign = +1

    def __init__(self, distribution: Distribution, cache_size: int = 0) -> None:
        super().__init__(cache_size=cache_size)
        self.distribution = distribution

    @property
    def domain(self) -> Any:
        return self.distribution.support

    def _again(self, cache_size: int) -> Any:
        return CumulativeDistributionTransform(self.distribution, cache_size=cache_size)

    def _call(self, x: Any) -> Any:
        return self.distribution.cdf(x)

    def _inverse(self, y: Any) -> Any:
        return self.distribution.icdf(y)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        return self.distribution.log_prob(x)
