"""Methods of Tensor: mantissa and exponent, common divisors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygrad_hw.autograd.graph import TensorBase
from tinygrad_hw.autograd.inplace import apply_inplace
from tinygrad_hw.ops import numbers

if TYPE_CHECKING:
    from tinygrad_hw.tensor import Tensor

__all__ = ["NumberMethods"]


class NumberMethods(TensorBase):
    """Mixin of Tensor; see the package's docstring."""

    __slots__ = ()

    def frexp(self) -> Any:
        """See ``torch.frexp``."""
        return numbers.frexp(self)

    def ldexp(self, other: Any) -> Tensor:
        """See ``torch.ldexp``."""
        return numbers.ldexp(self, other)

    def ldexp_(self, other: Any) -> Tensor:
        """In-place form of ``ldexp``."""
        return apply_inplace(numbers.ldexp, "ldexp_", self, other)

    def gcd(self, other: Any) -> Tensor:
        """See ``torch.gcd``."""
        return numbers.gcd(self, other)

    def gcd_(self, other: Any) -> Tensor:
        """In-place form of ``gcd``."""
        return apply_inplace(numbers.gcd, "gcd_", self, other)

    def lcm(self, other: Any) -> Tensor:
        """See ``torch.lcm``."""
        return numbers.lcm(self, other)

    def lcm_(self, other: Any) -> Tensor:
        """In-place form of ``lcm``."""
        return apply_inplace(numbers.lcm, "lcm_", self, other)

    def nextafter(self, other: Any) -> Tensor:
        """See ``torch.nextafter``."""
        return numbers.nextafter(self, other)

    def nextafter_(self, other: Any) -> Tensor:
        """In-place form of ``nextafter``."""
        return apply_inplace(numbers.nextafter, "nextafter_", self, other)
