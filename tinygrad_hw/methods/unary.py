"""Methods of Tensor: elementary functions, comparisons, logic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygrad_hw.autograd.graph import TensorBase
from tinygrad_hw.autograd.inplace import apply_inplace
from tinygrad_hw.ops import comparison, rounding, trigonometry, unary

if TYPE_CHECKING:
    from tinygrad_hw.tensor import Tensor

__all__ = ["UnaryMethods"]


class UnaryMethods(TensorBase):
    """Mixin of Tensor; see the package's docstring."""

    __slots__ = ()

    def abs(self) -> Tensor:
        """Return :math:`|x|`; the gradient at 0 is 0."""
        return unary.abs(self)

    def abs_(self) -> Tensor:
        """In-place form of ``abs``."""
        if self.array.dtype.kind == "c":
            raise RuntimeError("In-place abs is not supported for complex tensors.")
        return apply_inplace(unary.abs, "abs_", self)

    def absolute(self) -> Tensor:
        """Return :math:`|x|`; the gradient at 0 is 0."""
        return unary.absolute(self)

    def absolute_(self) -> Tensor:
        """In-place form of ``absolute``."""
        return self.abs_()

    def acos(self) -> Tensor:
        r"""Return :math:`\arccos x`."""
        return trigonometry.acos(self)

    def acos_(self) -> Tensor:
        """In-place form of ``acos``."""
        return apply_inplace(trigonometry.acos, "acos_", self)

    def acosh(self) -> Tensor:
        r"""Return :math:`\operatorname{arcosh} x`."""
        return trigonometry.acosh(self)

    def acosh_(self) -> Tensor:
        """In-place form of ``acosh``."""
        return apply_inplace(trigonometry.acosh, "acosh_", self)

    def arccos(self) -> Tensor:
        r"""Return :math:`\arccos x`."""
        return trigonometry.arccos(self)

    def arccos_(self) -> Tensor:
        """In-place form of ``arccos``."""
        return apply_inplace(trigonometry.arccos, "arccos_", self)

    def arccosh(self) -> Tensor:
        r"""Return :math:`\operatorname{arcosh} x`."""
        return trigonometry.arccosh(self)

    def arccosh_(self) -> Tensor:
        """In-place form of ``arccosh``."""
        return apply_inplace(trigonometry.arccosh, "arccosh_", self)

    def arcsin(self) -> Tensor:
        r"""Return :math:`\arcsin x`."""
        return trigonometry.arcsin(self)

    def arcsin_(self) -> Tensor:
        """In-place form of ``arcsin``."""
        return apply_inplace(trigonometry.arcsin, "arcsin_", self)

    def arcsinh(self) -> Tensor:
        r"""Return :math:`\operatorname{arsinh} x`."""
        return trigonometry.arcsinh(self)

    def arcsinh_(self) -> Tensor:
        """In-place form of ``arcsinh``."""
        return apply_inplace(trigonometry.arcsinh, "arcsinh_", self)

    def arctan(self) -> Tensor:
        r"""Return :math:`\arctan x`."""
        return trigonometry.arctan(self)

    def arctan_(self) -> Tensor:
        """In-place form of ``arctan``."""
        return apply_inplace(trigonometry.arctan, "arctan_", self)

    def arctanh(self) -> Tensor:
        r"""Return :math:`\operatorname{artanh} x`."""
        return trigonometry.arctanh(self)

    def arctanh_(self) -> Tensor:
        """In-place form of ``arctanh``."""
        return apply_inplace(trigonometry.arctanh, "arctanh_", self)

    def asin(self) -> Tensor:
        r"""Return :math:`\arcsin x`."""
        return trigonometry.asin(self)

    def asin_(self) -> Tensor:
        """In-place form of ``asin``."""
        return apply_inplace(trigonometry.asin, "asin_", self)

    def asinh(self) -> Tensor:
        r"""Return :math:`\operatorname{arsinh} x`."""
        return trigonometry.asinh(self)

    def asinh_(self) -> Tensor:
        """In-place form of ``asinh``."""
        return apply_inplace(trigonometry.asinh, "asinh_", self)

    def atan(self) -> Tensor:
        r"""Return :math:`\arctan x`."""
        return trigonometry.atan(self)

    def atan_(self) -> Tensor:
        """In-place form of ``atan``."""
        return apply_inplace(trigonometry.atan, "atan_", self)

    def atanh(self) -> Tensor:
        r"""Return :math:`\operatorname{artanh} x`."""
        return trigonometry.atanh(self)

    def atanh_(self) -> Tensor:
        """In-place form of ``atanh``."""
        return apply_inplace(trigonometry.atanh, "atanh_", self)

    def ceil(self) -> Tensor:
        """Return the smallest integer not below each element."""
        return rounding.ceil(self)

    def ceil_(self) -> Tensor:
        """In-place form of ``ceil``."""
        return apply_inplace(rounding.ceil, "ceil_", self)

    def cos(self) -> Tensor:
        r"""Return :math:`\cos x`."""
        return trigonometry.cos(self)

    def cos_(self) -> Tensor:
        """In-place form of ``cos``."""
        return apply_inplace(trigonometry.cos, "cos_", self)

    def cosh(self) -> Tensor:
        r"""Return :math:`\cosh x`."""
        return trigonometry.cosh(self)

    def cosh_(self) -> Tensor:
        """In-place form of ``cosh``."""
        return apply_inplace(trigonometry.cosh, "cosh_", self)

    def deg2rad(self) -> Tensor:
        """Return degrees as radians."""
        return trigonometry.deg2rad(self)

    def deg2rad_(self) -> Tensor:
        """In-place form of ``deg2rad``."""
        return apply_inplace(trigonometry.deg2rad, "deg2rad_", self)

    def erf(self) -> Tensor:
        r"""Return the error function :math:`\frac{2}{\sqrt\pi} \int_0^x e^{-t^2} dt`."""
        return unary.erf(self)

    def erf_(self) -> Tensor:
        """In-place form of ``erf``."""
        return apply_inplace(unary.erf, "erf_", self)

    def erfc(self) -> Tensor:
        r"""Return :math:`1 - \operatorname{erf} x`, exact for large x."""
        return unary.erfc(self)

    def erfc_(self) -> Tensor:
        """In-place form of ``erfc``."""
        return apply_inplace(unary.erfc, "erfc_", self)

    def erfinv(self) -> Tensor:
        """Return the inverse of ``erf``; infinite at -1 and 1, NaN outside."""
        return unary.erfinv(self)

    def erfinv_(self) -> Tensor:
        """In-place form of ``erfinv``."""
        return apply_inplace(unary.erfinv, "erfinv_", self)

    def exp(self) -> Tensor:
        """Return :math:`e^x`."""
        return unary.exp(self)

    def exp_(self) -> Tensor:
        """In-place form of ``exp``."""
        return apply_inplace(unary.exp, "exp_", self)

    def exp2(self) -> Tensor:
        """Return :math:`2^x`."""
        return unary.exp2(self)

    def exp2_(self) -> Tensor:
        """In-place form of ``exp2``."""
        return apply_inplace(unary.exp2, "exp2_", self)

    def expit(self) -> Tensor:
        """Return :math:`1 / (1 + e^{-x})`, without overflow."""
        return unary.expit(self)

    def expm1(self) -> Tensor:
        """Return :math:`e^x - 1`, exact near 0."""
        return unary.expm1(self)

    def expm1_(self) -> Tensor:
        """In-place form of ``expm1``."""
        return apply_inplace(unary.expm1, "expm1_", self)

    def fix(self) -> Tensor:
        """Return each element rounded towards zero."""
        return rounding.fix(self)

    def fix_(self) -> Tensor:
        """In-place form of ``fix``."""
        return apply_inplace(rounding.fix, "fix_", self)

    def floor(self) -> Tensor:
        """Return the largest integer not above each element."""
        return rounding.floor(self)

    def floor_(self) -> Tensor:
        """In-place form of ``floor``."""
        return apply_inplace(rounding.floor, "floor_", self)

    def frac(self) -> Tensor:
        """Return the part behind the point, with the sign of the element."""
        return rounding.frac(self)

    def frac_(self) -> Tensor:
        """In-place form of ``frac``."""
        return apply_inplace(rounding.frac, "frac_", self)

    def log(self) -> Tensor:
        r"""Return :math:`\log x`; NaN below 0."""
        return unary.log(self)

    def log_(self) -> Tensor:
        """In-place form of ``log``."""
        return apply_inplace(unary.log, "log_", self)

    def log10(self) -> Tensor:
        r"""Return :math:`\log_{10} x`."""
        return unary.log10(self)

    def log10_(self) -> Tensor:
        """In-place form of ``log10``."""
        return apply_inplace(unary.log10, "log10_", self)

    def log1p(self) -> Tensor:
        r"""Return :math:`\log(1 + x)`, exact near 0."""
        return unary.log1p(self)

    def log1p_(self) -> Tensor:
        """In-place form of ``log1p``."""
        return apply_inplace(unary.log1p, "log1p_", self)

    def log2(self) -> Tensor:
        r"""Return :math:`\log_2 x`."""
        return unary.log2(self)

    def log2_(self) -> Tensor:
        """In-place form of ``log2``."""
        return apply_inplace(unary.log2, "log2_", self)

    def logit(self, eps: float | None = None) -> Tensor:
        r"""Return :math:`\log(x / (1 - x))`."""
        return unary.logit(self, eps)

    def logit_(self, eps: float | None = None) -> Tensor:
        """In-place form of ``logit``."""
        return apply_inplace(unary.logit, "logit_", self, eps)

    def nan_to_num(self, nan: float | None = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
        """Return ``input`` with NaN and infinities replaced."""
        return unary.nan_to_num(self, nan, posinf, neginf)

    def nan_to_num_(self, nan: float | None = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
        """In-place form of ``nan_to_num``."""
        return apply_inplace(unary.nan_to_num, "nan_to_num_", self, nan, posinf, neginf)

    def neg(self) -> Tensor:
        """Return :math:`-x`."""
        return unary.neg(self)

    def neg_(self) -> Tensor:
        """In-place form of ``neg``."""
        return apply_inplace(unary.neg, "neg_", self)

    def negative(self) -> Tensor:
        """Return :math:`-x`."""
        return unary.negative(self)

    def negative_(self) -> Tensor:
        """In-place form of ``negative``."""
        return apply_inplace(unary.negative, "negative_", self)

    def positive(self) -> Tensor:
        """Return ``input`` itself."""
        return unary.positive(self)

    def rad2deg(self) -> Tensor:
        """Return radians as degrees."""
        return trigonometry.rad2deg(self)

    def rad2deg_(self) -> Tensor:
        """In-place form of ``rad2deg``."""
        return apply_inplace(trigonometry.rad2deg, "rad2deg_", self)

    def reciprocal(self) -> Tensor:
        """Return :math:`1 / x`."""
        return unary.reciprocal(self)

    def reciprocal_(self) -> Tensor:
        """In-place form of ``reciprocal``."""
        return apply_inplace(unary.reciprocal, "reciprocal_", self)

    def round(self, *, decimals: int = 0) -> Tensor:
        """Return each element rounded to the nearest, halves to even."""
        return rounding.round(self, decimals=decimals)

    def round_(self, *, decimals: int = 0) -> Tensor:
        """In-place form of ``round``."""
        return apply_inplace(rounding.round, "round_", self, decimals=decimals)

    def rsqrt(self) -> Tensor:
        r"""Return :math:`1 / \sqrt x`."""
        return unary.rsqrt(self)

    def rsqrt_(self) -> Tensor:
        """In-place form of ``rsqrt``."""
        return apply_inplace(unary.rsqrt, "rsqrt_", self)

    def sgn(self) -> Tensor:
        """Return the sign of each element; the same as ``sign`` for real numbers."""
        return unary.sgn(self)

    def sgn_(self) -> Tensor:
        """In-place form of ``sgn``."""
        return apply_inplace(unary.sgn, "sgn_", self)

    def sigmoid(self) -> Tensor:
        """Return :math:`1 / (1 + e^{-x})`, without overflow."""
        return unary.sigmoid(self)

    def sigmoid_(self) -> Tensor:
        """In-place form of ``sigmoid``."""
        return apply_inplace(unary.sigmoid, "sigmoid_", self)

    def sign(self) -> Tensor:
        """Return -1, 0 or 1, the sign of each element."""
        return unary.sign(self)

    def sign_(self) -> Tensor:
        """In-place form of ``sign``."""
        return apply_inplace(unary.sign, "sign_", self)

    def sin(self) -> Tensor:
        r"""Return :math:`\sin x`."""
        return trigonometry.sin(self)

    def sin_(self) -> Tensor:
        """In-place form of ``sin``."""
        return apply_inplace(trigonometry.sin, "sin_", self)

    def sinc(self) -> Tensor:
        r"""Return :math:`\sin(\pi x) / (\pi x)`, 1 at 0."""
        return trigonometry.sinc(self)

    def sinc_(self) -> Tensor:
        """In-place form of ``sinc``."""
        return apply_inplace(trigonometry.sinc, "sinc_", self)

    def sinh(self) -> Tensor:
        r"""Return :math:`\sinh x`."""
        return trigonometry.sinh(self)

    def sinh_(self) -> Tensor:
        """In-place form of ``sinh``."""
        return apply_inplace(trigonometry.sinh, "sinh_", self)

    def sqrt(self) -> Tensor:
        r"""Return :math:`\sqrt x`; NaN below 0."""
        return unary.sqrt(self)

    def sqrt_(self) -> Tensor:
        """In-place form of ``sqrt``."""
        return apply_inplace(unary.sqrt, "sqrt_", self)

    def square(self) -> Tensor:
        """Return :math:`x^2`."""
        return unary.square(self)

    def square_(self) -> Tensor:
        """In-place form of ``square``."""
        return apply_inplace(unary.square, "square_", self)

    def tan(self) -> Tensor:
        r"""Return :math:`\tan x`."""
        return trigonometry.tan(self)

    def tan_(self) -> Tensor:
        """In-place form of ``tan``."""
        return apply_inplace(trigonometry.tan, "tan_", self)

    def tanh(self) -> Tensor:
        r"""Return :math:`\tanh x`."""
        return trigonometry.tanh(self)

    def tanh_(self) -> Tensor:
        """In-place form of ``tanh``."""
        return apply_inplace(trigonometry.tanh, "tanh_", self)

    def trunc(self) -> Tensor:
        """Return each element rounded towards zero."""
        return rounding.trunc(self)

    def trunc_(self) -> Tensor:
        """In-place form of ``trunc``."""
        return apply_inplace(rounding.trunc, "trunc_", self)

    def allclose(self, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
        """Return whether all elements are close; see ``isclose``."""
        return comparison.allclose(self, other, rtol, atol, equal_nan)

    def bitwise_and(self, other: Any) -> Tensor:
        """Return the bitwise and of integers, the logical one of bool tensors."""
        return comparison.bitwise_and(self, other)

    def bitwise_and_(self, other: Any) -> Tensor:
        """In-place form of ``bitwise_and``."""
        return apply_inplace(comparison.bitwise_and, "bitwise_and_", self, other)

    def bitwise_left_shift(self, other: Any) -> Tensor:
        """Return ``input`` with its bits shifted by ``other``."""
        return comparison.bitwise_left_shift(self, other)

    def bitwise_left_shift_(self, other: Any) -> Tensor:
        """In-place form of ``bitwise_left_shift``."""
        return apply_inplace(comparison.bitwise_left_shift, "bitwise_left_shift_", self, other)

    def bitwise_not(self) -> Tensor:
        """Return integers with all bits inverted, bool tensors negated."""
        return comparison.bitwise_not(self)

    def bitwise_not_(self) -> Tensor:
        """In-place form of ``bitwise_not``."""
        return apply_inplace(comparison.bitwise_not, "bitwise_not_", self)

    def bitwise_or(self, other: Any) -> Tensor:
        """Return the bitwise or of integers, the logical one of bool tensors."""
        return comparison.bitwise_or(self, other)

    def bitwise_or_(self, other: Any) -> Tensor:
        """In-place form of ``bitwise_or``."""
        return apply_inplace(comparison.bitwise_or, "bitwise_or_", self, other)

    def bitwise_right_shift(self, other: Any) -> Tensor:
        """Return ``input`` with its bits shifted by ``other``."""
        return comparison.bitwise_right_shift(self, other)

    def bitwise_right_shift_(self, other: Any) -> Tensor:
        """In-place form of ``bitwise_right_shift``."""
        return apply_inplace(comparison.bitwise_right_shift, "bitwise_right_shift_", self, other)

    def bitwise_xor(self, other: Any) -> Tensor:
        """Return the bitwise xor of integers, the logical one of bool tensors."""
        return comparison.bitwise_xor(self, other)

    def bitwise_xor_(self, other: Any) -> Tensor:
        """In-place form of ``bitwise_xor``."""
        return apply_inplace(comparison.bitwise_xor, "bitwise_xor_", self, other)

    def eq(self, other: Any) -> Tensor:
        """Return where ``input`` is equal to ``other``, element by element."""
        return comparison.eq(self, other)

    def eq_(self, other: Any) -> Tensor:
        """In-place form of ``eq``."""
        return apply_inplace(comparison.eq, "eq_", self, other)

    def equal(self, other: Any) -> bool:
        """Return whether two tensors have the same shape and elements."""
        return comparison.equal(self, other)

    def ge(self, other: Any) -> Tensor:
        """Return where ``input`` is greater than or equal to ``other``, element by element."""
        return comparison.ge(self, other)

    def ge_(self, other: Any) -> Tensor:
        """In-place form of ``ge``."""
        return apply_inplace(comparison.ge, "ge_", self, other)

    def greater(self, other: Any) -> Tensor:
        """Return where ``input`` is greater than ``other``, element by element."""
        return comparison.greater(self, other)

    def greater_(self, other: Any) -> Tensor:
        """In-place form of ``greater``."""
        return apply_inplace(comparison.greater, "greater_", self, other)

    def greater_equal(self, other: Any) -> Tensor:
        """Return where ``input`` is greater than or equal to ``other``, element by element."""
        return comparison.greater_equal(self, other)

    def greater_equal_(self, other: Any) -> Tensor:
        """In-place form of ``greater_equal``."""
        return apply_inplace(comparison.greater_equal, "greater_equal_", self, other)

    def gt(self, other: Any) -> Tensor:
        """Return where ``input`` is greater than ``other``, element by element."""
        return comparison.gt(self, other)

    def gt_(self, other: Any) -> Tensor:
        """In-place form of ``gt``."""
        return apply_inplace(comparison.gt, "gt_", self, other)

    def isclose(self, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
        r"""Return where :math:`|a - b| \le atol + rtol\,|b|`."""
        return comparison.isclose(self, other, rtol, atol, equal_nan)

    def isfinite(self) -> Tensor:
        """Return where elements are neither NaN nor infinite."""
        return comparison.isfinite(self)

    def isinf(self) -> Tensor:
        """Return where elements are infinite."""
        return comparison.isinf(self)

    def isnan(self) -> Tensor:
        """Return where elements are NaN."""
        return comparison.isnan(self)

    def isneginf(self) -> Tensor:
        """Return where elements are minus infinity."""
        return comparison.isneginf(self)

    def isposinf(self) -> Tensor:
        """Return where elements are plus infinity."""
        return comparison.isposinf(self)

    def isreal(self) -> Tensor:
        """Return where elements have no imaginary part."""
        return comparison.isreal(self)

    def le(self, other: Any) -> Tensor:
        """Return where ``input`` is less than or equal to ``other``, element by element."""
        return comparison.le(self, other)

    def le_(self, other: Any) -> Tensor:
        """In-place form of ``le``."""
        return apply_inplace(comparison.le, "le_", self, other)

    def less(self, other: Any) -> Tensor:
        """Return where ``input`` is less than ``other``, element by element."""
        return comparison.less(self, other)

    def less_(self, other: Any) -> Tensor:
        """In-place form of ``less``."""
        return apply_inplace(comparison.less, "less_", self, other)

    def less_equal(self, other: Any) -> Tensor:
        """Return where ``input`` is less than or equal to ``other``, element by element."""
        return comparison.less_equal(self, other)

    def less_equal_(self, other: Any) -> Tensor:
        """In-place form of ``less_equal``."""
        return apply_inplace(comparison.less_equal, "less_equal_", self, other)

    def logical_and(self, other: Any) -> Tensor:
        """Return where both operands are non-zero."""
        return comparison.logical_and(self, other)

    def logical_and_(self, other: Any) -> Tensor:
        """In-place form of ``logical_and``."""
        return apply_inplace(comparison.logical_and, "logical_and_", self, other)

    def logical_not(self) -> Tensor:
        """Return where elements are zero."""
        return comparison.logical_not(self)

    def logical_not_(self) -> Tensor:
        """In-place form of ``logical_not``."""
        return apply_inplace(comparison.logical_not, "logical_not_", self)

    def logical_or(self, other: Any) -> Tensor:
        """Return where at least one operand is non-zero."""
        return comparison.logical_or(self, other)

    def logical_or_(self, other: Any) -> Tensor:
        """In-place form of ``logical_or``."""
        return apply_inplace(comparison.logical_or, "logical_or_", self, other)

    def logical_xor(self, other: Any) -> Tensor:
        """Return where exactly one operand is non-zero."""
        return comparison.logical_xor(self, other)

    def logical_xor_(self, other: Any) -> Tensor:
        """In-place form of ``logical_xor``."""
        return apply_inplace(comparison.logical_xor, "logical_xor_", self, other)

    def lt(self, other: Any) -> Tensor:
        """Return where ``input`` is less than ``other``, element by element."""
        return comparison.lt(self, other)

    def lt_(self, other: Any) -> Tensor:
        """In-place form of ``lt``."""
        return apply_inplace(comparison.lt, "lt_", self, other)

    def ne(self, other: Any) -> Tensor:
        """Return where ``input`` is different from ``other``, element by element."""
        return comparison.ne(self, other)

    def ne_(self, other: Any) -> Tensor:
        """In-place form of ``ne``."""
        return apply_inplace(comparison.ne, "ne_", self, other)

    def not_equal(self, other: Any) -> Tensor:
        """Return where ``input`` is different from ``other``, element by element."""
        return comparison.not_equal(self, other)

    def not_equal_(self, other: Any) -> Tensor:
        """In-place form of ``not_equal``."""
        return apply_inplace(comparison.not_equal, "not_equal_", self, other)

    def signbit(self) -> Tensor:
        """Return where the sign bit is set."""
        return comparison.signbit(self)
