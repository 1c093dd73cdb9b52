"""Methods of Tensor: arithmetic and its operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_hw.autograd.graph import TensorBase
from tinygrad_hw.autograd.inplace import apply_inplace
from tinygrad_hw.ops import arithmetic, binary, comparison, selection, unary

if TYPE_CHECKING:
    from tinygrad_hw.tensor import Tensor

__all__ = ["ElementwiseMethods"]


def _not_a_tensor(name: str, value: object) -> TypeError:
    return TypeError(f"descriptor {name!r} for 'Tensor' objects doesn't apply to a {type(value).__name__!r} object")


class ElementwiseMethods(TensorBase):
    """Mixin of Tensor; see the package's docstring."""

    __slots__ = ()

    def __add__(self, other: Any) -> Tensor:
        return arithmetic._add(self, other)

    def __radd__(self, other: Any) -> Tensor:
        if self.__class__ is int:  # type: ignore[comparison-overlap]
            raise _not_a_tensor("__radd__", self)
        return arithmetic._add(self, other)

    def __sub__(self, other: Any) -> Tensor:
        return arithmetic._minus(self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return arithmetic._minus(other, self)

    def __mul__(self, other: Any) -> Tensor:
        return arithmetic._mul(self, other)

    def __rmul__(self, other: Any) -> Tensor:
        if self.__class__ is int:  # type: ignore[comparison-overlap]
            raise _not_a_tensor("__rmul__", self)
        return arithmetic._mul(self, other)

    def __truediv__(self, other: Any) -> Tensor:
        return arithmetic._div(self, other)

    def __rtruediv__(self, other: Any) -> Tensor:
        return arithmetic._div(other, self)

    def __rdiv__(self, other: Any) -> Tensor:
        return self.reciprocal() * other  # type: ignore[attr-defined]

    def __floordiv__(self, other: Any) -> Tensor:
        return arithmetic.floor_divide(self, other)

    def __rfloordiv__(self, other: Any) -> Tensor:
        return arithmetic.floor_divide(other, self)

    def __mod__(self, other: Any) -> Tensor:
        return arithmetic.remainder(self, other)

    def __rmod__(self, other: Any) -> Tensor:
        return arithmetic.remainder(other, self)

    def __pow__(self, other: Any) -> Tensor:
        return arithmetic.pow(self, other)

    def __rpow__(self, other: Any) -> Tensor:
        return arithmetic.pow(other, self)

    def __neg__(self) -> Tensor:
        return unary.neg(self)

    def __pos__(self) -> Tensor:
        return unary.positive(self)

    def __abs__(self) -> Tensor:
        return unary.abs(self)

    def __invert__(self) -> Tensor:
        return comparison.bitwise_not(self)

    def __lt__(self, other: Any) -> Tensor:
        return comparison.lt(self, other)

    def __le__(self, other: Any) -> Tensor:
        return comparison.le(self, other)

    def __gt__(self, other: Any) -> Tensor:
        return comparison.gt(self, other)

    def __ge__(self, other: Any) -> Tensor:
        return comparison.ge(self, other)

    def __and__(self, other: Any) -> Tensor:
        return comparison.bitwise_and(self, other)

    def __rand__(self, other: Any) -> Tensor:
        if self.__class__ is int:  # type: ignore[comparison-overlap]
            raise _not_a_tensor("__rand__", self)
        return comparison.bitwise_and(self, other)

    def __or__(self, other: Any) -> Tensor:
        return comparison.bitwise_or(self, other)

    def __ror__(self, other: Any) -> Tensor:
        if self.__class__ is int:  # type: ignore[comparison-overlap]
            raise _not_a_tensor("__ror__", self)
        return comparison.bitwise_or(self, other)

    def __xor__(self, other: Any) -> Tensor:
        return comparison.bitwise_xor(self, other)

    def __rxor__(self, other: Any) -> Tensor:
        if self.__class__ is int:  # type: ignore[comparison-overlap]
            raise _not_a_tensor("__rxor__", self)
        return comparison.bitwise_xor(self, other)

    def __lshift__(self, other: Any) -> Tensor:
        return comparison.bitwise_left_shift(self, other)

    def __rlshift__(self, other: Any) -> Tensor:
        return comparison.bitwise_left_shift(other, self)

    def __rshift__(self, other: Any) -> Tensor:
        return comparison.bitwise_right_shift(self, other)

    def __rrshift__(self, other: Any) -> Tensor:
        return comparison.bitwise_right_shift(other, self)

    def __eq__(self, other: object) -> Any:
        if not isinstance(other, (TensorBase, int, float, complex, np.ndarray, np.generic)):
            return NotImplemented
        return comparison.eq(self, other)

    def __ne__(self, other: object) -> Any:
        if not isinstance(other, (TensorBase, int, float, complex, np.ndarray, np.generic)):
            return NotImplemented
        return comparison.ne(self, other)

    __hash__ = object.__hash__

    def __iadd__(self, other: Any) -> Tensor:
        return apply_inplace(arithmetic.add, "__iadd__", self, other)

    def __isub__(self, other: Any) -> Tensor:
        return apply_inplace(arithmetic.sub, "__isub__", self, other)

    def __imul__(self, other: Any) -> Tensor:
        return apply_inplace(arithmetic.mul, "__imul__", self, other)

    def __itruediv__(self, other: Any) -> Tensor:
        return apply_inplace(arithmetic.div, "__itruediv__", self, other)

    def __ifloordiv__(self, other: Any) -> Tensor:
        return apply_inplace(arithmetic.floor_divide, "__ifloordiv__", self, other)

    def __imod__(self, other: Any) -> Tensor:
        return apply_inplace(arithmetic.remainder, "__imod__", self, other)

    def __ipow__(self, other: Any) -> Tensor:
        return apply_inplace(arithmetic.pow, "__ipow__", self, other)

    def __iand__(self, other: Any) -> Tensor:
        return apply_inplace(comparison.bitwise_and, "__iand__", self, other)

    def __ior__(self, other: Any) -> Tensor:
        return apply_inplace(comparison.bitwise_or, "__ior__", self, other)

    def __ixor__(self, other: Any) -> Tensor:
        return apply_inplace(comparison.bitwise_xor, "__ixor__", self, other)

    def __ilshift__(self, other: Any) -> Tensor:
        return apply_inplace(comparison.bitwise_left_shift, "__ilshift__", self, other)

    def __irshift__(self, other: Any) -> Tensor:
        return apply_inplace(comparison.bitwise_right_shift, "__irshift__", self, other)

    def add(self, other: Any, *, alpha: Any = 1) -> Tensor:
        r"""Return :math:`input + \alpha\, other`."""
        return arithmetic.add(self, other, alpha=alpha)

    def add_(self, other: Any, *, alpha: Any = 1) -> Tensor:
        """In-place form of ``add``."""
        return apply_inplace(arithmetic.add, "add_", self, other, alpha=alpha)

    def addcdiv(self, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Tensor:
        r"""Return :math:`input + value \cdot a / b`."""
        return arithmetic.addcdiv(self, tensor1, tensor2, value=value)

    def addcdiv_(self, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Tensor:
        """In-place form of ``addcdiv``."""
        return apply_inplace(arithmetic.addcdiv, "addcdiv_", self, tensor1, tensor2, value=value)

    def addcmul(self, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Tensor:
        r"""Return :math:`input + value \cdot a \cdot b`."""
        return arithmetic.addcmul(self, tensor1, tensor2, value=value)

    def addcmul_(self, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Tensor:
        """In-place form of ``addcmul``."""
        return apply_inplace(arithmetic.addcmul, "addcmul_", self, tensor1, tensor2, value=value)

    def atan2(self, other: Any) -> Tensor:
        """Return the angle of the points (other, input), from -pi to pi."""
        return binary.atan2(self, other)

    def atan2_(self, other: Any) -> Tensor:
        """In-place form of ``atan2``."""
        return apply_inplace(binary.atan2, "atan2_", self, other)

    def arctan2(self, other: Any) -> Tensor:
        """Return the angle of the points (other, input), from -pi to pi."""
        return binary.arctan2(self, other)

    def arctan2_(self, other: Any) -> Tensor:
        """In-place form of ``arctan2``."""
        return apply_inplace(binary.arctan2, "arctan2_", self, other)

    def clamp(self, min: Any = None, max: Any = None) -> Tensor:
        """Return ``input`` limited to the range from ``min`` to ``max``."""
        return selection.clamp(self, min, max)

    def clamp_(self, min: Any = None, max: Any = None) -> Tensor:
        """In-place form of ``clamp``."""
        return apply_inplace(selection.clamp, "clamp_", self, min, max)

    def clamp_max(self, max: Any) -> Tensor:
        """Return ``input`` limited from above; see ``clamp``."""
        return selection.clamp_max(self, max)

    def clamp_max_(self, max: Any) -> Tensor:
        """In-place form of ``clamp_max``."""
        return apply_inplace(selection.clamp_max, "clamp_max_", self, max)

    def clamp_min(self, min: Any) -> Tensor:
        """Return ``input`` limited from below; see ``clamp``."""
        return selection.clamp_min(self, min)

    def clamp_min_(self, min: Any) -> Tensor:
        """In-place form of ``clamp_min``."""
        return apply_inplace(selection.clamp_min, "clamp_min_", self, min)

    def clip(self, min: Any = None, max: Any = None) -> Tensor:
        """Return ``input`` limited to the range from ``min`` to ``max``."""
        return selection.clip(self, min, max)

    def clip_(self, min: Any = None, max: Any = None) -> Tensor:
        """In-place form of ``clip``."""
        return apply_inplace(selection.clip, "clip_", self, min, max)

    def copysign(self, other: Any) -> Tensor:
        """Return the size of ``input`` with the sign of ``other``."""
        return binary.copysign(self, other)

    def copysign_(self, other: Any) -> Tensor:
        """In-place form of ``copysign``."""
        return apply_inplace(binary.copysign, "copysign_", self, other)

    def div(self, other: Any, *, rounding_mode: str | None = None) -> Tensor:
        """Return :math:`input / other`, rounded if asked for."""
        return arithmetic.div(self, other, rounding_mode=rounding_mode)

    def div_(self, other: Any, *, rounding_mode: str | None = None) -> Tensor:
        """In-place form of ``div``."""
        return apply_inplace(arithmetic.div, "div_", self, other, rounding_mode=rounding_mode)

    def divide(self, other: Any, *, rounding_mode: str | None = None) -> Tensor:
        """Return :math:`input / other`, rounded if asked for."""
        return arithmetic.divide(self, other, rounding_mode=rounding_mode)

    def divide_(self, other: Any, *, rounding_mode: str | None = None) -> Tensor:
        """In-place form of ``divide``."""
        return apply_inplace(arithmetic.divide, "divide_", self, other, rounding_mode=rounding_mode)

    def float_power(self, exponent: Any) -> Tensor:
        """Return the power computed in float64."""
        return arithmetic.float_power(self, exponent)

    def float_power_(self, exponent: Any) -> Tensor:
        """In-place form of ``float_power``."""
        return apply_inplace(arithmetic.float_power, "float_power_", self, exponent)

    def floor_divide(self, other: Any) -> Tensor:
        """Return the quotient rounded down; not differentiable."""
        return arithmetic.floor_divide(self, other)

    def floor_divide_(self, other: Any) -> Tensor:
        """In-place form of ``floor_divide``."""
        return apply_inplace(arithmetic.floor_divide, "floor_divide_", self, other)

    def fmax(self, other: Any) -> Tensor:
        """Return the larger of two tensors; a NaN only if both are NaN."""
        return selection.fmax(self, other)

    def fmax_(self, other: Any) -> Tensor:
        """In-place form of ``fmax``."""
        return apply_inplace(selection.fmax, "fmax_", self, other)

    def fmin(self, other: Any) -> Tensor:
        """Return the smaller of two tensors; a NaN only if both are NaN."""
        return selection.fmin(self, other)

    def fmin_(self, other: Any) -> Tensor:
        """In-place form of ``fmin``."""
        return apply_inplace(selection.fmin, "fmin_", self, other)

    def fmod(self, other: Any) -> Tensor:
        r"""Return :math:`a - b \operatorname{trunc}(a / b)`, with the sign of the dividend (C's ``fmod``)."""
        return arithmetic.fmod(self, other)

    def fmod_(self, other: Any) -> Tensor:
        """In-place form of ``fmod``."""
        return apply_inplace(arithmetic.fmod, "fmod_", self, other)

    def heaviside(self, values: Any) -> Tensor:
        """Return 0 below zero, 1 above it, and ``values`` at zero; not differentiable."""
        return binary.heaviside(self, values)

    def heaviside_(self, values: Any) -> Tensor:
        """In-place form of ``heaviside``."""
        return apply_inplace(binary.heaviside, "heaviside_", self, values)

    def hypot(self, other: Any) -> Tensor:
        r"""Return :math:`\sqrt{a^2 + b^2}` without overflow."""
        return binary.hypot(self, other)

    def hypot_(self, other: Any) -> Tensor:
        """In-place form of ``hypot``."""
        return apply_inplace(binary.hypot, "hypot_", self, other)

    def lerp(self, end: Any, weight: Any) -> Tensor:
        r"""Return :math:`input + weight\,(end - input)`."""
        return arithmetic.lerp(self, end, weight)

    def lerp_(self, end: Any, weight: Any) -> Tensor:
        """In-place form of ``lerp``."""
        return apply_inplace(arithmetic.lerp, "lerp_", self, end, weight)

    def logaddexp(self, other: Any) -> Tensor:
        r"""Return :math:`\log(e^a + e^b)` without overflow."""
        return binary.logaddexp(self, other)

    def logaddexp_(self, other: Any) -> Tensor:
        """In-place form of ``logaddexp``."""
        return apply_inplace(binary.logaddexp, "logaddexp_", self, other)

    def logaddexp2(self, other: Any) -> Tensor:
        r"""Return :math:`\log_2(2^a + 2^b)` without overflow."""
        return binary.logaddexp2(self, other)

    def logaddexp2_(self, other: Any) -> Tensor:
        """In-place form of ``logaddexp2``."""
        return apply_inplace(binary.logaddexp2, "logaddexp2_", self, other)

    def maximum(self, other: Any) -> Tensor:
        """Return the larger of two tensors; NaN if one is NaN. Ties share the gradient."""
        return selection.maximum(self, other)

    def maximum_(self, other: Any) -> Tensor:
        """In-place form of ``maximum``."""
        return apply_inplace(selection.maximum, "maximum_", self, other)

    def minimum(self, other: Any) -> Tensor:
        """Return the smaller of two tensors; NaN if one is NaN. Ties share the gradient."""
        return selection.minimum(self, other)

    def minimum_(self, other: Any) -> Tensor:
        """In-place form of ``minimum``."""
        return apply_inplace(selection.minimum, "minimum_", self, other)

    def mul(self, other: Any) -> Tensor:
        r"""Return :math:`input \cdot other`."""
        return arithmetic.mul(self, other)

    def mul_(self, other: Any) -> Tensor:
        """In-place form of ``mul``."""
        return apply_inplace(arithmetic.mul, "mul_", self, other)

    def multiply(self, other: Any) -> Tensor:
        r"""Return :math:`input \cdot other`."""
        return arithmetic.multiply(self, other)

    def multiply_(self, other: Any) -> Tensor:
        """In-place form of ``multiply``."""
        return apply_inplace(arithmetic.multiply, "multiply_", self, other)

    def pow(self, exponent: Any) -> Tensor:
        """Return :math:`input^{exponent}`."""
        return arithmetic.pow(self, exponent)

    def pow_(self, exponent: Any) -> Tensor:
        """In-place form of ``pow``."""
        return apply_inplace(arithmetic.pow, "pow_", self, exponent)

    def remainder(self, other: Any) -> Tensor:
        r"""Return :math:`a - b \lfloor a / b \rfloor`, with the sign of the divisor (Python's ``%``)."""
        return arithmetic.remainder(self, other)

    def remainder_(self, other: Any) -> Tensor:
        """In-place form of ``remainder``."""
        return apply_inplace(arithmetic.remainder, "remainder_", self, other)

    def sub(self, other: Any, *, alpha: Any = 1) -> Tensor:
        r"""Return :math:`input - \alpha\, other`."""
        return arithmetic.sub(self, other, alpha=alpha)

    def sub_(self, other: Any, *, alpha: Any = 1) -> Tensor:
        """In-place form of ``sub``."""
        return apply_inplace(arithmetic.sub, "sub_", self, other, alpha=alpha)

    def subtract(self, other: Any, *, alpha: Any = 1) -> Tensor:
        r"""Return :math:`input - \alpha\, other`."""
        return arithmetic.subtract(self, other, alpha=alpha)

    def subtract_(self, other: Any, *, alpha: Any = 1) -> Tensor:
        """In-place form of ``subtract``."""
        return apply_inplace(arithmetic.subtract, "subtract_", self, other, alpha=alpha)

    def true_divide(self, other: Any, *, rounding_mode: str | None = None) -> Tensor:
        """Return :math:`input / other`, rounded if asked for."""
        return arithmetic.true_divide(self, other, rounding_mode=rounding_mode)

    def true_divide_(self, other: Any, *, rounding_mode: str | None = None) -> Tensor:
        """In-place form of ``true_divide``."""
        return apply_inplace(arithmetic.true_divide, "true_divide_", self, other, rounding_mode=rounding_mode)

    def xlogy(self, other: Any) -> Tensor:
        r"""Return :math:`a \log b`, with 0 where :math:`a = 0`."""
        return binary.xlogy(self, other)

    def xlogy_(self, other: Any) -> Tensor:
        """In-place form of ``xlogy``."""
        return apply_inplace(binary.xlogy, "xlogy_", self, other)

    def where(self, condition: Any, other: Any) -> Tensor:
        """Return this tensor where ``condition`` holds, else ``other``."""
        return selection.where(condition, self, other)
