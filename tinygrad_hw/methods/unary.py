"""Methods of Tensor: elementary functions, comparisons, logic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygrad_hw.autograd.graph import TensorBase
from tinygrad_hw.autograd.inplace import apply_inplace
from tinygrad_hw.ops import comparison, unary

if TYPE_CHECKING:
    from tinygrad_hw.tensor import Tensor

__all__ = ["UnaryMethods"]


class UnaryMethods(TensorBase):
    """Mixin of Tensor; see the package's docstring."""

    __slots__ = ()

    def abs(self) -> Tensor:
        """Return :math:`|x|`; the gradient at 0 is 0."""
        return unary.abs(self)  # type: ignore[no-any-return]

    def abs_(self) -> Tensor:
        """In-place form of ``abs``."""
        return apply_inplace(unary.abs, "abs_", self)  # type: ignore[no-any-return]

    def absolute(self) -> Tensor:
        """Return :math:`|x|`; the gradient at 0 is 0."""
        return unary.absolute(self)  # type: ignore[no-any-return]

    def absolute_(self) -> Tensor:
        """In-place form of ``absolute``."""
        return apply_inplace(unary.absolute, "absolute_", self)  # type: ignore[no-any-return]

    def acos(self) -> Tensor:
        r"""Return :math:`\arccos x`."""
        return unary.acos(self)  # type: ignore[no-any-return]

    def acos_(self) -> Tensor:
        """In-place form of ``acos``."""
        return apply_inplace(unary.acos, "acos_", self)  # type: ignore[no-any-return]

    def acosh(self) -> Tensor:
        r"""Return :math:`\operatorname{arcosh} x`."""
        return unary.acosh(self)  # type: ignore[no-any-return]

    def acosh_(self) -> Tensor:
        """In-place form of ``acosh``."""
        return apply_inplace(unary.acosh, "acosh_", self)  # type: ignore[no-any-return]

    def arccos(self) -> Tensor:
        r"""Return :math:`\arccos x`."""
        return unary.arccos(self)  # type: ignore[no-any-return]

    def arccos_(self) -> Tensor:
        """In-place form of ``arccos``."""
        return apply_inplace(unary.arccos, "arccos_", self)  # type: ignore[no-any-return]

    def arccosh(self) -> Tensor:
        r"""Return :math:`\operatorname{arcosh} x`."""
        return unary.arccosh(self)  # type: ignore[no-any-return]

    def arccosh_(self) -> Tensor:
        """In-place form of ``arccosh``."""
        return apply_inplace(unary.arccosh, "arccosh_", self)  # type: ignore[no-any-return]

    def arcsin(self) -> Tensor:
        r"""Return :math:`\arcsin x`."""
        return unary.arcsin(self)  # type: ignore[no-any-return]

    def arcsin_(self) -> Tensor:
        """In-place form of ``arcsin``."""
        return apply_inplace(unary.arcsin, "arcsin_", self)  # type: ignore[no-any-return]

    def arcsinh(self) -> Tensor:
        r"""Return :math:`\operatorname{arsinh} x`."""
        return unary.arcsinh(self)  # type: ignore[no-any-return]

    def arcsinh_(self) -> Tensor:
        """In-place form of ``arcsinh``."""
        return apply_inplace(unary.arcsinh, "arcsinh_", self)  # type: ignore[no-any-return]

    def arctan(self) -> Tensor:
        r"""Return :math:`\arctan x`."""
        return unary.arctan(self)  # type: ignore[no-any-return]

    def arctan_(self) -> Tensor:
        """In-place form of ``arctan``."""
        return apply_inplace(unary.arctan, "arctan_", self)  # type: ignore[no-any-return]

    def arctanh(self) -> Tensor:
        r"""Return :math:`\operatorname{artanh} x`."""
        return unary.arctanh(self)  # type: ignore[no-any-return]

    def arctanh_(self) -> Tensor:
        """In-place form of ``arctanh``."""
        return apply_inplace(unary.arctanh, "arctanh_", self)  # type: ignore[no-any-return]

    def asin(self) -> Tensor:
        r"""Return :math:`\arcsin x`."""
        return unary.asin(self)  # type: ignore[no-any-return]

    def asin_(self) -> Tensor:
        """In-place form of ``asin``."""
        return apply_inplace(unary.asin, "asin_", self)  # type: ignore[no-any-return]

    def asinh(self) -> Tensor:
        r"""Return :math:`\operatorname{arsinh} x`."""
        return unary.asinh(self)  # type: ignore[no-any-return]

    def asinh_(self) -> Tensor:
        """In-place form of ``asinh``."""
        return apply_inplace(unary.asinh, "asinh_", self)  # type: ignore[no-any-return]

    def atan(self) -> Tensor:
        r"""Return :math:`\arctan x`."""
        return unary.atan(self)  # type: ignore[no-any-return]

    def atan_(self) -> Tensor:
        """In-place form of ``atan``."""
        return apply_inplace(unary.atan, "atan_", self)  # type: ignore[no-any-return]

    def atanh(self) -> Tensor:
        r"""Return :math:`\operatorname{artanh} x`."""
        return unary.atanh(self)  # type: ignore[no-any-return]

    def atanh_(self) -> Tensor:
        """In-place form of ``atanh``."""
        return apply_inplace(unary.atanh, "atanh_", self)  # type: ignore[no-any-return]

    def ceil(self) -> Tensor:
        """Return the smallest integer not below each element."""
        return unary.ceil(self)  # type: ignore[no-any-return]

    def ceil_(self) -> Tensor:
        """In-place form of ``ceil``."""
        return apply_inplace(unary.ceil, "ceil_", self)  # type: ignore[no-any-return]

    def cos(self) -> Tensor:
        r"""Return :math:`\cos x`."""
        return unary.cos(self)  # type: ignore[no-any-return]

    def cos_(self) -> Tensor:
        """In-place form of ``cos``."""
        return apply_inplace(unary.cos, "cos_", self)  # type: ignore[no-any-return]

    def cosh(self) -> Tensor:
        r"""Return :math:`\cosh x`."""
        return unary.cosh(self)  # type: ignore[no-any-return]

    def cosh_(self) -> Tensor:
        """In-place form of ``cosh``."""
        return apply_inplace(unary.cosh, "cosh_", self)  # type: ignore[no-any-return]

    def deg2rad(self) -> Tensor:
        """Return degrees as radians."""
        return unary.deg2rad(self)  # type: ignore[no-any-return]

    def deg2rad_(self) -> Tensor:
        """In-place form of ``deg2rad``."""
        return apply_inplace(unary.deg2rad, "deg2rad_", self)  # type: ignore[no-any-return]

    def erf(self) -> Tensor:
        r"""Return the error function :math:`\frac{2}{\sqrt\pi} \int_0^x e^{-t^2} dt`."""
        return unary.erf(self)  # type: ignore[no-any-return]

    def erf_(self) -> Tensor:
        """In-place form of ``erf``."""
        return apply_inplace(unary.erf, "erf_", self)  # type: ignore[no-any-return]

    def erfc(self) -> Tensor:
        r"""Return :math:`1 - \operatorname{erf} x`, exact for large x."""
        return unary.erfc(self)  # type: ignore[no-any-return]

    def erfc_(self) -> Tensor:
        """In-place form of ``erfc``."""
        return apply_inplace(unary.erfc, "erfc_", self)  # type: ignore[no-any-return]

    def erfinv(self) -> Tensor:
        """Return the inverse of ``erf``; infinite at -1 and 1, NaN outside."""
        return unary.erfinv(self)  # type: ignore[no-any-return]

    def erfinv_(self) -> Tensor:
        """In-place form of ``erfinv``."""
        return apply_inplace(unary.erfinv, "erfinv_", self)  # type: ignore[no-any-return]

    def exp(self) -> Tensor:
        """Return :math:`e^x`."""
        return unary.exp(self)  # type: ignore[no-any-return]

    def exp_(self) -> Tensor:
        """In-place form of ``exp``."""
        return apply_inplace(unary.exp, "exp_", self)  # type: ignore[no-any-return]

    def exp2(self) -> Tensor:
        """Return :math:`2^x`."""
        return unary.exp2(self)  # type: ignore[no-any-return]

    def exp2_(self) -> Tensor:
        """In-place form of ``exp2``."""
        return apply_inplace(unary.exp2, "exp2_", self)  # type: ignore[no-any-return]

    def expit(self) -> Tensor:
        """Return :math:`1 / (1 + e^{-x})`, without overflow."""
        return unary.expit(self)  # type: ignore[no-any-return]

    def expm1(self) -> Tensor:
        """Return :math:`e^x - 1`, exact near 0."""
        return unary.expm1(self)  # type: ignore[no-any-return]

    def expm1_(self) -> Tensor:
        """In-place form of ``expm1``."""
        return apply_inplace(unary.expm1, "expm1_", self)  # type: ignore[no-any-return]

    def fix(self) -> Tensor:
        """Return each element rounded towards zero."""
        return unary.fix(self)  # type: ignore[no-any-return]

    def fix_(self) -> Tensor:
        """In-place form of ``fix``."""
        return apply_inplace(unary.fix, "fix_", self)  # type: ignore[no-any-return]

    def floor(self) -> Tensor:
        """Return the largest integer not above each element."""
        return unary.floor(self)  # type: ignore[no-any-return]

    def floor_(self) -> Tensor:
        """In-place form of ``floor``."""
        return apply_inplace(unary.floor, "floor_", self)  # type: ignore[no-any-return]

    def frac(self) -> Tensor:
        """Return the part behind the point, with the sign of the element."""
        return unary.frac(self)  # type: ignore[no-any-return]

    def frac_(self) -> Tensor:
        """In-place form of ``frac``."""
        return apply_inplace(unary.frac, "frac_", self)  # type: ignore[no-any-return]

    def log(self) -> Tensor:
        r"""Return :math:`\log x`; NaN below 0."""
        return unary.log(self)  # type: ignore[no-any-return]

    def log_(self) -> Tensor:
        """In-place form of ``log``."""
        return apply_inplace(unary.log, "log_", self)  # type: ignore[no-any-return]

    def log10(self) -> Tensor:
        r"""Return :math:`\log_{10} x`."""
        return unary.log10(self)  # type: ignore[no-any-return]

    def log10_(self) -> Tensor:
        """In-place form of ``log10``."""
        return apply_inplace(unary.log10, "log10_", self)  # type: ignore[no-any-return]

    def log1p(self) -> Tensor:
        r"""Return :math:`\log(1 + x)`, exact near 0."""
        return unary.log1p(self)  # type: ignore[no-any-return]

    def log1p_(self) -> Tensor:
        """In-place form of ``log1p``."""
        return apply_inplace(unary.log1p, "log1p_", self)  # type: ignore[no-any-return]

    def log2(self) -> Tensor:
        r"""Return :math:`\log_2 x`."""
        return unary.log2(self)  # type: ignore[no-any-return]

    def log2_(self) -> Tensor:
        """In-place form of ``log2``."""
        return apply_inplace(unary.log2, "log2_", self)  # type: ignore[no-any-return]

    def logit(self, eps: float | None = None) -> Tensor:
        r"""Return :math:`\log(x / (1 - x))`."""
        return unary.logit(self, eps)  # type: ignore[no-any-return]

    def logit_(self, eps: float | None = None) -> Tensor:
        """In-place form of ``logit``."""
        return apply_inplace(unary.logit, "logit_", self, eps)  # type: ignore[no-any-return]

    def nan_to_num(self, nan: float | None = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
        """Return ``input`` with NaN and infinities replaced."""
        return unary.nan_to_num(self, nan, posinf, neginf)  # type: ignore[no-any-return]

    def nan_to_num_(self, nan: float | None = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
        """In-place form of ``nan_to_num``."""
        return apply_inplace(unary.nan_to_num, "nan_to_num_", self, nan, posinf, neginf)  # type: ignore[no-any-return]

    def neg(self) -> Tensor:
        """Return :math:`-x`."""
        return unary.neg(self)  # type: ignore[no-any-return]

    def neg_(self) -> Tensor:
        """In-place form of ``neg``."""
        return apply_inplace(unary.neg, "neg_", self)  # type: ignore[no-any-return]

    def negative(self) -> Tensor:
        """Return :math:`-x`."""
        return unary.negative(self)  # type: ignore[no-any-return]

    def negative_(self) -> Tensor:
        """In-place form of ``negative``."""
        return apply_inplace(unary.negative, "negative_", self)  # type: ignore[no-any-return]

    def positive(self) -> Tensor:
        """Return ``input`` itself."""
        return unary.positive(self)  # type: ignore[no-any-return]

    def rad2deg(self) -> Tensor:
        """Return radians as degrees."""
        return unary.rad2deg(self)  # type: ignore[no-any-return]

    def rad2deg_(self) -> Tensor:
        """In-place form of ``rad2deg``."""
        return apply_inplace(unary.rad2deg, "rad2deg_", self)  # type: ignore[no-any-return]

    def reciprocal(self) -> Tensor:
        """Return :math:`1 / x`."""
        return unary.reciprocal(self)  # type: ignore[no-any-return]

    def reciprocal_(self) -> Tensor:
        """In-place form of ``reciprocal``."""
        return apply_inplace(unary.reciprocal, "reciprocal_", self)  # type: ignore[no-any-return]

    def round(self, *, decimals: int = 0) -> Tensor:
        """Return each element rounded to the nearest, halves to even."""
        return unary.round(self, decimals=decimals)  # type: ignore[no-any-return]

    def round_(self, *, decimals: int = 0) -> Tensor:
        """In-place form of ``round``."""
        return apply_inplace(unary.round, "round_", self, decimals=decimals)  # type: ignore[no-any-return]

    def rsqrt(self) -> Tensor:
        r"""Return :math:`1 / \sqrt x`."""
        return unary.rsqrt(self)  # type: ignore[no-any-return]

    def rsqrt_(self) -> Tensor:
        """In-place form of ``rsqrt``."""
        return apply_inplace(unary.rsqrt, "rsqrt_", self)  # type: ignore[no-any-return]

    def sgn(self) -> Tensor:
        """Return the sign of each element; the same as ``sign`` for real numbers."""
        return unary.sgn(self)  # type: ignore[no-any-return]

    def sgn_(self) -> Tensor:
        """In-place form of ``sgn``."""
        return apply_inplace(unary.sgn, "sgn_", self)  # type: ignore[no-any-return]

    def sigmoid(self) -> Tensor:
        """Return :math:`1 / (1 + e^{-x})`, without overflow."""
        return unary.sigmoid(self)  # type: ignore[no-any-return]

    def sigmoid_(self) -> Tensor:
        """In-place form of ``sigmoid``."""
        return apply_inplace(unary.sigmoid, "sigmoid_", self)  # type: ignore[no-any-return]

    def sign(self) -> Tensor:
        """Return -1, 0 or 1, the sign of each element."""
        return unary.sign(self)  # type: ignore[no-any-return]

    def sign_(self) -> Tensor:
        """In-place form of ``sign``."""
        return apply_inplace(unary.sign, "sign_", self)  # type: ignore[no-any-return]

    def sin(self) -> Tensor:
        r"""Return :math:`\sin x`."""
        return unary.sin(self)  # type: ignore[no-any-return]

    def sin_(self) -> Tensor:
        """In-place form of ``sin``."""
        return apply_inplace(unary.sin, "sin_", self)  # type: ignore[no-any-return]

    def sinc(self) -> Tensor:
        r"""Return :math:`\sin(\pi x) / (\pi x)`, 1 at 0."""
        return unary.sinc(self)  # type: ignore[no-any-return]

    def sinc_(self) -> Tensor:
        """In-place form of ``sinc``."""
        return apply_inplace(unary.sinc, "sinc_", self)  # type: ignore[no-any-return]

    def sinh(self) -> Tensor:
        r"""Return :math:`\sinh x`."""
        return unary.sinh(self)  # type: ignore[no-any-return]

    def sinh_(self) -> Tensor:
        """In-place form of ``sinh``."""
        return apply_inplace(unary.sinh, "sinh_", self)  # type: ignore[no-any-return]

    def sqrt(self) -> Tensor:
        r"""Return :math:`\sqrt x`; NaN below 0."""
        return unary.sqrt(self)  # type: ignore[no-any-return]

    def sqrt_(self) -> Tensor:
        """In-place form of ``sqrt``."""
        return apply_inplace(unary.sqrt, "sqrt_", self)  # type: ignore[no-any-return]

    def square(self) -> Tensor:
        """Return :math:`x^2`."""
        return unary.square(self)  # type: ignore[no-any-return]

    def square_(self) -> Tensor:
        """In-place form of ``square``."""
        return apply_inplace(unary.square, "square_", self)  # type: ignore[no-any-return]

    def tan(self) -> Tensor:
        r"""Return :math:`\tan x`."""
        return unary.tan(self)  # type: ignore[no-any-return]

    def tan_(self) -> Tensor:
        """In-place form of ``tan``."""
        return apply_inplace(unary.tan, "tan_", self)  # type: ignore[no-any-return]

    def tanh(self) -> Tensor:
        r"""Return :math:`\tanh x`."""
        return unary.tanh(self)  # type: ignore[no-any-return]

    def tanh_(self) -> Tensor:
        """In-place form of ``tanh``."""
        return apply_inplace(unary.tanh, "tanh_", self)  # type: ignore[no-any-return]

    def trunc(self) -> Tensor:
        """Return each element rounded towards zero."""
        return unary.trunc(self)  # type: ignore[no-any-return]

    def trunc_(self) -> Tensor:
        """In-place form of ``trunc``."""
        return apply_inplace(unary.trunc, "trunc_", self)  # type: ignore[no-any-return]

    def allclose(self, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
        """Return whether all elements are close; see ``isclose``."""
        return comparison.allclose(self, other, rtol, atol, equal_nan)

    def bitwise_and(self, other: Any) -> Tensor:
        """Return the bitwise and of integers, the logical one of bool tensors."""
        return comparison.bitwise_and(self, other)  # type: ignore[no-any-return]

    def bitwise_and_(self, other: Any) -> Tensor:
        """In-place form of ``bitwise_and``."""
        return apply_inplace(comparison.bitwise_and, "bitwise_and_", self, other)  # type: ignore[no-any-return]

    def bitwise_left_shift(self, other: Any) -> Tensor:
        """Return ``input`` with its bits shifted by ``other``."""
        return comparison.bitwise_left_shift(self, other)  # type: ignore[no-any-return]

    def bitwise_left_shift_(self, other: Any) -> Tensor:
        """In-place form of ``bitwise_left_shift``."""
        return apply_inplace(comparison.bitwise_left_shift, "bitwise_left_shift_", self, other)  # type: ignore[no-any-return]

    def bitwise_not(self) -> Tensor:
        """Return integers with all bits inverted, bool tensors negated."""
        return comparison.bitwise_not(self)  # type: ignore[no-any-return]

    def bitwise_not_(self) -> Tensor:
        """In-place form of ``bitwise_not``."""
        return apply_inplace(comparison.bitwise_not, "bitwise_not_", self)  # type: ignore[no-any-return]

    def bitwise_or(self, other: Any) -> Tensor:
        """Return the bitwise or of integers, the logical one of bool tensors."""
        return comparison.bitwise_or(self, other)  # type: ignore[no-any-return]

    def bitwise_or_(self, other: Any) -> Tensor:
        """In-place form of ``bitwise_or``."""
        return apply_inplace(comparison.bitwise_or, "bitwise_or_", self, other)  # type: ignore[no-any-return]

    def bitwise_right_shift(self, other: Any) -> Tensor:
        """Return ``input`` with its bits shifted by ``other``."""
        return comparison.bitwise_right_shift(self, other)  # type: ignore[no-any-return]

    def bitwise_right_shift_(self, other: Any) -> Tensor:
        """In-place form of ``bitwise_right_shift``."""
        return apply_inplace(comparison.bitwise_right_shift, "bitwise_right_shift_", self, other)  # type: ignore[no-any-return]

    def bitwise_xor(self, other: Any) -> Tensor:
        """Return the bitwise xor of integers, the logical one of bool tensors."""
        return comparison.bitwise_xor(self, other)  # type: ignore[no-any-return]

    def bitwise_xor_(self, other: Any) -> Tensor:
        """In-place form of ``bitwise_xor``."""
        return apply_inplace(comparison.bitwise_xor, "bitwise_xor_", self, other)  # type: ignore[no-any-return]

    def eq(self, other: Any) -> Tensor:
        """Return where ``input`` is equal to ``other``, element by element."""
        return comparison.eq(self, other)  # type: ignore[no-any-return]

    def eq_(self, other: Any) -> Tensor:
        """In-place form of ``eq``."""
        return apply_inplace(comparison.eq, "eq_", self, other)  # type: ignore[no-any-return]

    def equal(self, other: Any) -> bool:
        """Return whether two tensors have the same shape and elements."""
        return comparison.equal(self, other)

    def ge(self, other: Any) -> Tensor:
        """Return where ``input`` is greater than or equal to ``other``, element by element."""
        return comparison.ge(self, other)  # type: ignore[no-any-return]

    def ge_(self, other: Any) -> Tensor:
        """In-place form of ``ge``."""
        return apply_inplace(comparison.ge, "ge_", self, other)  # type: ignore[no-any-return]

    def greater(self, other: Any) -> Tensor:
        """Return where ``input`` is greater than ``other``, element by element."""
        return comparison.greater(self, other)  # type: ignore[no-any-return]

    def greater_(self, other: Any) -> Tensor:
        """In-place form of ``greater``."""
        return apply_inplace(comparison.greater, "greater_", self, other)  # type: ignore[no-any-return]

    def greater_equal(self, other: Any) -> Tensor:
        """Return where ``input`` is greater than or equal to ``other``, element by element."""
        return comparison.greater_equal(self, other)  # type: ignore[no-any-return]

    def greater_equal_(self, other: Any) -> Tensor:
        """In-place form of ``greater_equal``."""
        return apply_inplace(comparison.greater_equal, "greater_equal_", self, other)  # type: ignore[no-any-return]

    def gt(self, other: Any) -> Tensor:
        """Return where ``input`` is greater than ``other``, element by element."""
        return comparison.gt(self, other)  # type: ignore[no-any-return]

    def gt_(self, other: Any) -> Tensor:
        """In-place form of ``gt``."""
        return apply_inplace(comparison.gt, "gt_", self, other)  # type: ignore[no-any-return]

    def isclose(self, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
        r"""Return where :math:`|a - b| \le atol + rtol\,|b|`."""
        return comparison.isclose(self, other, rtol, atol, equal_nan)  # type: ignore[no-any-return]

    def isfinite(self) -> Tensor:
        """Return where elements are neither NaN nor infinite."""
        return comparison.isfinite(self)  # type: ignore[no-any-return]

    def isinf(self) -> Tensor:
        """Return where elements are infinite."""
        return comparison.isinf(self)  # type: ignore[no-any-return]

    def isnan(self) -> Tensor:
        """Return where elements are NaN."""
        return comparison.isnan(self)  # type: ignore[no-any-return]

    def isneginf(self) -> Tensor:
        """Return where elements are minus infinity."""
        return comparison.isneginf(self)  # type: ignore[no-any-return]

    def isposinf(self) -> Tensor:
        """Return where elements are plus infinity."""
        return comparison.isposinf(self)  # type: ignore[no-any-return]

    def isreal(self) -> Tensor:
        """Return where elements are real numbers: everywhere."""
        return comparison.isreal(self)  # type: ignore[no-any-return]

    def le(self, other: Any) -> Tensor:
        """Return where ``input`` is less than or equal to ``other``, element by element."""
        return comparison.le(self, other)  # type: ignore[no-any-return]

    def le_(self, other: Any) -> Tensor:
        """In-place form of ``le``."""
        return apply_inplace(comparison.le, "le_", self, other)  # type: ignore[no-any-return]

    def less(self, other: Any) -> Tensor:
        """Return where ``input`` is less than ``other``, element by element."""
        return comparison.less(self, other)  # type: ignore[no-any-return]

    def less_(self, other: Any) -> Tensor:
        """In-place form of ``less``."""
        return apply_inplace(comparison.less, "less_", self, other)  # type: ignore[no-any-return]

    def less_equal(self, other: Any) -> Tensor:
        """Return where ``input`` is less than or equal to ``other``, element by element."""
        return comparison.less_equal(self, other)  # type: ignore[no-any-return]

    def less_equal_(self, other: Any) -> Tensor:
        """In-place form of ``less_equal``."""
        return apply_inplace(comparison.less_equal, "less_equal_", self, other)  # type: ignore[no-any-return]

    def logical_and(self, other: Any) -> Tensor:
        """Return where both operands are non-zero."""
        return comparison.logical_and(self, other)  # type: ignore[no-any-return]

    def logical_and_(self, other: Any) -> Tensor:
        """In-place form of ``logical_and``."""
        return apply_inplace(comparison.logical_and, "logical_and_", self, other)  # type: ignore[no-any-return]

    def logical_not(self) -> Tensor:
        """Return where elements are zero."""
        return comparison.logical_not(self)  # type: ignore[no-any-return]

    def logical_not_(self) -> Tensor:
        """In-place form of ``logical_not``."""
        return apply_inplace(comparison.logical_not, "logical_not_", self)  # type: ignore[no-any-return]

    def logical_or(self, other: Any) -> Tensor:
        """Return where at least one operand is non-zero."""
        return comparison.logical_or(self, other)  # type: ignore[no-any-return]

    def logical_or_(self, other: Any) -> Tensor:
        """In-place form of ``logical_or``."""
        return apply_inplace(comparison.logical_or, "logical_or_", self, other)  # type: ignore[no-any-return]

    def logical_xor(self, other: Any) -> Tensor:
        """Return where exactly one operand is non-zero."""
        return comparison.logical_xor(self, other)  # type: ignore[no-any-return]

    def logical_xor_(self, other: Any) -> Tensor:
        """In-place form of ``logical_xor``."""
        return apply_inplace(comparison.logical_xor, "logical_xor_", self, other)  # type: ignore[no-any-return]

    def lt(self, other: Any) -> Tensor:
        """Return where ``input`` is less than ``other``, element by element."""
        return comparison.lt(self, other)  # type: ignore[no-any-return]

    def lt_(self, other: Any) -> Tensor:
        """In-place form of ``lt``."""
        return apply_inplace(comparison.lt, "lt_", self, other)  # type: ignore[no-any-return]

    def ne(self, other: Any) -> Tensor:
        """Return where ``input`` is different from ``other``, element by element."""
        return comparison.ne(self, other)  # type: ignore[no-any-return]

    def ne_(self, other: Any) -> Tensor:
        """In-place form of ``ne``."""
        return apply_inplace(comparison.ne, "ne_", self, other)  # type: ignore[no-any-return]

    def not_equal(self, other: Any) -> Tensor:
        """Return where ``input`` is different from ``other``, element by element."""
        return comparison.not_equal(self, other)  # type: ignore[no-any-return]

    def not_equal_(self, other: Any) -> Tensor:
        """In-place form of ``not_equal``."""
        return apply_inplace(comparison.not_equal, "not_equal_", self, other)  # type: ignore[no-any-return]

    def signbit(self) -> Tensor:
        """Return where the sign bit is set."""
        return comparison.signbit(self)  # type: ignore[no-any-return]
