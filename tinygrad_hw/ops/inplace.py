"""In-place methods as functions: ``torch.exp_(x)`` is ``x.exp_()``."""

from __future__ import annotations

from typing import Any

__all__ = [
    "abs_",
    "acos_",
    "acosh_",
    "addmv_",
    "arccos_",
    "arccosh_",
    "arcsin_",
    "arcsinh_",
    "arctan_",
    "arctanh_",
    "as_strided_",
    "asin_",
    "asinh_",
    "atan_",
    "atanh_",
    "ceil_",
    "clamp_",
    "clamp_max_",
    "clamp_min_",
    "clip_",
    "conj_physical_",
    "cos_",
    "cosh_",
    "deg2rad_",
    "detach_",
    "erf_",
    "erfc_",
    "exp2_",
    "exp_",
    "expm1_",
    "fix_",
    "floor_",
    "frac_",
    "gcd_",
    "i0_",
    "index_put_",
    "lcm_",
    "ldexp_",
    "log1p_",
    "log2_",
    "log10_",
    "log_",
    "logit_",
    "nan_to_num_",
    "neg_",
    "negative_",
    "rad2deg_",
    "reciprocal_",
    "round_",
    "rsqrt_",
    "sigmoid_",
    "sin_",
    "sinc_",
    "sinh_",
    "sqrt_",
    "square_",
    "tan_",
    "tanh_",
    "trunc_",
    "xlogy_",
]


def abs_(input: Any) -> Any:
    """Call ``input.abs_``."""
    return input.abs_()


def acos_(input: Any) -> Any:
    """Call ``input.acos_``."""
    return input.acos_()


def acosh_(input: Any) -> Any:
    """Call ``input.acosh_``."""
    return input.acosh_()


def addmv_(input: Any, mat: Any, vec: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """Call ``input.addmv_``."""
    return input.addmv_(mat, vec, beta=beta, alpha=alpha)


def arccos_(input: Any) -> Any:
    """Call ``input.arccos_``."""
    return input.arccos_()


def arccosh_(input: Any) -> Any:
    """Call ``input.arccosh_``."""
    return input.arccosh_()


def arcsin_(input: Any) -> Any:
    """Call ``input.arcsin_``."""
    return input.arcsin_()


def arcsinh_(input: Any) -> Any:
    """Call ``input.arcsinh_``."""
    return input.arcsinh_()


def arctan_(input: Any) -> Any:
    """Call ``input.arctan_``."""
    return input.arctan_()


def arctanh_(input: Any) -> Any:
    """Call ``input.arctanh_``."""
    return input.arctanh_()


def as_strided_(input: Any, size: Any, stride: Any, storage_offset: Any = None) -> Any:
    """Call ``input.as_strided_``."""
    return input.as_strided_(size, stride, storage_offset)


def asin_(input: Any) -> Any:
    """Call ``input.asin_``."""
    return input.asin_()


def asinh_(input: Any) -> Any:
    """Call ``input.asinh_``."""
    return input.asinh_()


def atan_(input: Any) -> Any:
    """Call ``input.atan_``."""
    return input.atan_()


def atanh_(input: Any) -> Any:
    """Call ``input.atanh_``."""
    return input.atanh_()


def ceil_(input: Any) -> Any:
    """Call ``input.ceil_``."""
    return input.ceil_()


def clamp_(input: Any, min: Any = None, max: Any = None) -> Any:
    """Call ``input.clamp_``."""
    return input.clamp_(min, max)


def clamp_max_(input: Any, max: Any) -> Any:
    """Call ``input.clamp_max_``."""
    return input.clamp_max_(max)


def clamp_min_(input: Any, min: Any) -> Any:
    """Call ``input.clamp_min_``."""
    return input.clamp_min_(min)


def clip_(input: Any, min: Any = None, max: Any = None) -> Any:
    """Call ``input.clip_``."""
    return input.clip_(min, max)


def conj_physical_(input: Any) -> Any:
    """Call ``input.conj_physical_``."""
    return input.conj_physical_()


def cos_(input: Any) -> Any:
    """Call ``input.cos_``."""
    return input.cos_()


def cosh_(input: Any) -> Any:
    """Call ``input.cosh_``."""
    return input.cosh_()


def deg2rad_(input: Any) -> Any:
    """Call ``input.deg2rad_``."""
    return input.deg2rad_()


def detach_(input: Any) -> Any:
    """Call ``input.detach_``."""
    return input.detach_()


def erf_(input: Any) -> Any:
    """Call ``input.erf_``."""
    return input.erf_()


def erfc_(input: Any) -> Any:
    """Call ``input.erfc_``."""
    return input.erfc_()


def exp2_(input: Any) -> Any:
    """Call ``input.exp2_``."""
    return input.exp2_()


def exp_(input: Any) -> Any:
    """Call ``input.exp_``."""
    return input.exp_()


def expm1_(input: Any) -> Any:
    """Call ``input.expm1_``."""
    return input.expm1_()


def fix_(input: Any) -> Any:
    """Call ``input.fix_``."""
    return input.fix_()


def floor_(input: Any) -> Any:
    """Call ``input.floor_``."""
    return input.floor_()


def frac_(input: Any) -> Any:
    """Call ``input.frac_``."""
    return input.frac_()


def gcd_(input: Any, other: Any) -> Any:
    """Call ``input.gcd_``."""
    return input.gcd_(other)


def i0_(input: Any) -> Any:
    """Call ``input.i0_``."""
    return input.i0_()


def index_put_(input: Any, indices: Any, values: Any, accumulate: bool = False) -> Any:
    """Call ``input.index_put_``."""
    return input.index_put_(indices, values, accumulate)


def lcm_(input: Any, other: Any) -> Any:
    """Call ``input.lcm_``."""
    return input.lcm_(other)


def ldexp_(input: Any, other: Any) -> Any:
    """Call ``input.ldexp_``."""
    return input.ldexp_(other)


def log10_(input: Any) -> Any:
    """Call ``input.log10_``."""
    return input.log10_()


def log1p_(input: Any) -> Any:
    """Call ``input.log1p_``."""
    return input.log1p_()


def log2_(input: Any) -> Any:
    """Call ``input.log2_``."""
    return input.log2_()


def log_(input: Any) -> Any:
    """Call ``input.log_``."""
    return input.log_()


def logit_(input: Any, eps: Any = None) -> Any:
    """Call ``input.logit_``."""
    return input.logit_(eps)


def nan_to_num_(input: Any, nan: Any = None, posinf: Any = None, neginf: Any = None) -> Any:
    """Call ``input.nan_to_num_``."""
    return input.nan_to_num_(nan, posinf, neginf)


def neg_(input: Any) -> Any:
    """Call ``input.neg_``."""
    return input.neg_()


def negative_(input: Any) -> Any:
    """Call ``input.negative_``."""
    return input.negative_()


def rad2deg_(input: Any) -> Any:
    """Call ``input.rad2deg_``."""
    return input.rad2deg_()


def reciprocal_(input: Any) -> Any:
    """Call ``input.reciprocal_``."""
    return input.reciprocal_()


def round_(input: Any, *, decimals: int = 0) -> Any:
    """Call ``input.round_``."""
    return input.round_(decimals=decimals)


def rsqrt_(input: Any) -> Any:
    """Call ``input.rsqrt_``."""
    return input.rsqrt_()


def sigmoid_(input: Any) -> Any:
    """Call ``input.sigmoid_``."""
    return input.sigmoid_()


def sin_(input: Any) -> Any:
    """Call ``input.sin_``."""
    return input.sin_()


def sinc_(input: Any) -> Any:
    """Call ``input.sinc_``."""
    return input.sinc_()


def sinh_(input: Any) -> Any:
    """Call ``input.sinh_``."""
    return input.sinh_()


def sqrt_(input: Any) -> Any:
    """Call ``input.sqrt_``."""
    return input.sqrt_()


def square_(input: Any) -> Any:
    """Call ``input.square_``."""
    return input.square_()


def tan_(input: Any) -> Any:
    """Call ``input.tan_``."""
    return input.tan_()


def tanh_(input: Any) -> Any:
    """Call ``input.tanh_``."""
    return input.tanh_()


def trunc_(input: Any) -> Any:
    """Call ``input.trunc_``."""
    return input.trunc_()


def xlogy_(input: Any, other: Any) -> Any:
    """Call ``input.xlogy_``."""
    return input.xlogy_(other)
