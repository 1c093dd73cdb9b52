"""Functions of one operand, element by element: signs, powers, exponentials, logarithms, the error function."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_hw.autograd.basics import conj
from tinygrad_hw.autograd.complex import is_complex
from tinygrad_hw.autograd.graph import array_of
from tinygrad_hw.autograd.op import op
from tinygrad_hw.autograd.out import into
from tinygrad_hw.kernels import elementwise, special

__all__ = [
    "abs",
    "absolute",
    "erf",
    "erfc",
    "erfinv",
    "exp",
    "exp2",
    "expit",
    "expm1",
    "log",
    "log1p",
    "log2",
    "log10",
    "logit",
    "nan_to_num",
    "neg",
    "negative",
    "positive",
    "reciprocal",
    "rsqrt",
    "sgn",
    "sigmoid",
    "sign",
    "sqrt",
    "square",
]

LN2 = math.log(2)
LN10 = math.log(10)
TWO_OVER_ROOT_PI = 2 / math.sqrt(math.pi)


def _sign(input: Any) -> Any:
    """The sign; of NaN it is 0, where numpy's is NaN."""
    if input.dtype.kind == "b":
        return input.copy()
    signs = np.asarray(np.sign(input))
    if input.dtype.kind == "c":
        return signs
    # A product with itself is NaN if an element is: the cheapest question.
    total = np.vdot(signs, signs)
    if total != total:
        signs[np.isnan(signs)] = 0
    return signs


HALF_ROOT_PI = math.sqrt(math.pi) / 2


def _negative(input: Any) -> Any:
    if input.dtype == np.bool_:
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a "
            "mask, use the `~` or `logical_not()` operator instead."
        )
    return np.negative(input)


def _rsqrt(input: Any) -> Any:
    return 1 / np.sqrt(input)


def _log10(input: Any) -> Any:
    # numpy's float32 log10 misses powers of ten by an ulp.
    return np.log10(input.astype(np.float64)).astype(input.dtype) if input.dtype == np.float32 else np.log10(input)


def _sgn_rule(g: Any, input: Any, out: Any) -> Any:
    if not is_complex(input):
        return g * 0.0
    zero = (array_of(input) == 0).astype(array_of(input).real.dtype)
    # What turns the number stays; what stretches it has no effect.
    stretch = (g * out + conj(g * out)) * 0.5
    return (g - stretch * conj(out)) / (abs(input) + zero) * (1 - zero)


neg = op(
    "neg",
    _negative,
    input=lambda g: -g,
    doc="""Return :math:`-x`.

    Args:
        input: a tensor.

    Source: ``torch.neg``.

    Example:
        >>> torch.neg(torch.tensor([1.0, -2.0]))
        tensor([-1.,  2.])
    """,
    out=True,
)
abs = op(
    "abs",
    np.abs,
    input=lambda g, input: g * (conj(sgn(input)) if is_complex(input) else sign(input)),
    doc="""Return :math:`|x|`; the gradient at 0 is 0.

    Args:
        input: a tensor.

    Source: ``torch.abs``.

    Example:
        >>> torch.abs(torch.tensor([1.0, -2.0]))
        tensor([1., 2.])
    """,
    out=True,
)
sign = op(
    "sign",
    _sign,
    input=lambda g: g * 0.0,
    doc="""Return -1, 0 or 1, the sign of each element.

    Args:
        input: a tensor.

    Source: ``torch.sign``.

    Example:
        >>> torch.sign(torch.tensor([3.0, -2.0, 0.0]))
        tensor([ 1., -1.,  0.])
    """,
    out=True,
)
sgn = op(
    "sgn",
    _sign,
    input=_sgn_rule,
    doc="""Return the sign of each element: for complex numbers x / |x|, the same as ``sign`` for real ones.

    Args:
        input: a tensor.

    Source: ``torch.sgn``.

    Example:
        >>> torch.sgn(torch.tensor([3.0, -2.0]))
        tensor([ 1., -1.])
    """,
    out=True,
)
square = op(
    "square",
    np.square,
    promote="number",
    node_name="PowBackward0",
    input=lambda g, input: g * (input * 2),
    doc="""Return :math:`x^2`.

    Args:
        input: a tensor.

    Source: ``torch.square``.

    Example:
        >>> torch.square(torch.tensor([3.0]))
        tensor([9.])
    """,
    out=True,
)
sqrt = op(
    "sqrt",
    np.sqrt,
    promote="float",
    input=lambda g, out: g / (out * 2),
    doc=r"""Return :math:`\sqrt x`; NaN below 0.

    Args:
        input: a tensor.

    Source: ``torch.sqrt``.

    Example:
        >>> torch.sqrt(torch.tensor([4.0]))
        tensor([2.])
    """,
    out=True,
)
rsqrt = op(
    "rsqrt",
    _rsqrt,
    promote="float",
    input=lambda g, out: g * (out * out * out) * -0.5,
    doc=r"""Return :math:`1 / \sqrt x`.

    Args:
        input: a tensor.

    Source: ``torch.rsqrt``.

    Example:
        >>> torch.rsqrt(torch.tensor([4.0]))
        tensor([0.5000])
    """,
    out=True,
)
reciprocal = op(
    "reciprocal",
    np.reciprocal,
    promote="float",
    input=lambda g, out: -g * (out * out),
    doc="""Return :math:`1 / x`.

    Args:
        input: a tensor.

    Source: ``torch.reciprocal``.

    Example:
        >>> torch.reciprocal(torch.tensor([4.0]))
        tensor([0.2500])
    """,
    out=True,
)
exp = op(
    "exp",
    np.exp,
    promote="float",
    input=lambda g, out: g * out,
    doc="""Return :math:`e^x`.

    Args:
        input: a tensor.

    Source: ``torch.exp``.

    Example:
        >>> torch.exp(torch.tensor([0.0, 1.0]))
        tensor([1.0000, 2.7183])
    """,
    out=True,
)
exp2 = op(
    "exp2",
    np.exp2,
    promote="float",
    input=lambda g, out: g * (out * LN2),
    doc="""Return :math:`2^x`.

    Args:
        input: a tensor.

    Source: ``torch.exp2``.

    Example:
        >>> torch.exp2(torch.tensor([3.0]))
        tensor([8.])
    """,
    out=True,
)
expm1 = op(
    "expm1",
    np.expm1,
    promote="float",
    input=lambda g, out: g * (out + 1),
    doc="""Return :math:`e^x - 1`, exact near 0.

    Args:
        input: a tensor.

    Source: ``torch.expm1``.

    Example:
        >>> torch.expm1(torch.tensor([0.0, 1.0]))
        tensor([0.0000, 1.7183])
    """,
    out=True,
)
log = op(
    "log",
    np.log,
    promote="float",
    input=lambda g, input: g / input,
    doc=r"""Return :math:`\log x`; NaN below 0.

    Args:
        input: a tensor.

    Source: ``torch.log``.

    Example:
        >>> torch.log(torch.tensor([1.0, 10.0]))
        tensor([0.0000, 2.3026])
    """,
    out=True,
)
log2 = op(
    "log2",
    np.log2,
    promote="float",
    input=lambda g, input: g / (input * LN2),
    doc=r"""Return :math:`\log_2 x`.

    Args:
        input: a tensor.

    Source: ``torch.log2``.

    Example:
        >>> torch.log2(torch.tensor([8.0]))
        tensor([3.])
    """,
    out=True,
)
log10 = op(
    "log10",
    _log10,
    promote="float",
    input=lambda g, input: g / (input * LN10),
    doc=r"""Return :math:`\log_{10} x`.

    Args:
        input: a tensor.

    Source: ``torch.log10``.

    Example:
        >>> torch.log10(torch.tensor([100.0]))
        tensor([2.])
    """,
    out=True,
)
log1p = op(
    "log1p",
    np.log1p,
    promote="float",
    input=lambda g, input: g / (input + 1),
    doc=r"""Return :math:`\log(1 + x)`, exact near 0.

    Args:
        input: a tensor.

    Source: ``torch.log1p``.

    Example:
        >>> torch.log1p(torch.tensor([0.0, 1.0]))
        tensor([0.0000, 0.6931])
    """,
    out=True,
)


def _sigmoid(input: Any) -> Any:
    return elementwise.sigmoid(input) if input.dtype.kind == "f" else 1 / (1 + np.exp(-input))


def _sigmoid_raw(g: Any, out: Any) -> Any:
    return (elementwise.sigmoid_backward(g, out) if out.dtype.kind == "f" else g * (out * (1 - out)),)


sigmoid = op(
    "sigmoid",
    _sigmoid,
    promote="float",
    input=lambda g, out: g * (out * (1 - out)),
    raw=_sigmoid_raw,
    doc="""Return :math:`1 / (1 + e^{-x})`, without overflow.

    Args:
        input: a tensor.

    Source: ``torch.sigmoid``.

    Example:
        >>> torch.sigmoid(torch.tensor([0.0]))
        tensor([0.5000])
    """,
    out=True,
)
erf = op(
    "erf",
    lambda input: special.erf(input),
    promote="float",
    input=lambda g, input: g * (exp(-(input * input)) * TWO_OVER_ROOT_PI),
    doc=r"""Return the error function :math:`\frac{2}{\sqrt\pi} \int_0^x e^{-t^2} dt`.

    Args:
        input: a tensor.

    Source: ``torch.erf``.

    Example:
        >>> torch.erf(torch.tensor([0.5]))
        tensor([0.5205])
    """,
    out=True,
)
erfc = op(
    "erfc",
    lambda input: special.erfc(input),
    promote="float",
    input=lambda g, input: g * (exp(-(input * input)) * -TWO_OVER_ROOT_PI),
    doc=r"""Return :math:`1 - \operatorname{erf} x`, exact for large x.

    Args:
        input: a tensor.

    Source: ``torch.erfc``.

    Example:
        >>> torch.erfc(torch.tensor([0.5]))
        tensor([0.4795])
    """,
    out=True,
)
erfinv = op(
    "erfinv",
    lambda input: special.erfinv(input),
    promote="float",
    input=lambda g, out: g * (exp(out * out) * HALF_ROOT_PI),
    doc="""Return the inverse of ``erf``; infinite at -1 and 1, NaN outside.

    Args:
        input: a tensor.

    Source: ``torch.erfinv``.

    Example:
        >>> torch.erfinv(torch.tensor([0.5]))
        tensor([0.4769])
    """,
    out=True,
)


def _fill_nan(input: Any, *, nan: float, posinf: float | None, neginf: float | None) -> Any:
    if input.dtype.kind not in "fV":
        return input.copy()
    return np.nan_to_num(input, nan=nan, posinf=posinf, neginf=neginf)


_nan_to_num = op(
    "nan_to_num",
    _fill_nan,
    input=lambda g, input: g * np.isfinite(array_of(input)).astype(array_of(g).dtype),
)


def nan_to_num(
    input: Any, nan: float | None = 0.0, posinf: float | None = None, neginf: float | None = None, *, out: Any = None
) -> Any:
    """Return ``input`` with NaN and infinities replaced.

    Args:
        input: a tensor.
        nan: what replaces NaN.
        posinf: what replaces infinity; the dtype's largest number by default.
        neginf: what replaces minus infinity; the dtype's smallest by default.
        out: a tensor to write the result into.

    Source: ``torch.nan_to_num``.

    Example:
        >>> torch.nan_to_num(torch.tensor([float("nan"), 1.0]))
        tensor([0., 1.])
    """
    if out is not None:
        return into(out, nan_to_num, input, nan, posinf, neginf)
    return _nan_to_num(input, nan=0.0 if nan is None else nan, posinf=posinf, neginf=neginf)


def logit(input: Any, eps: float | None = None, *, out: Any = None) -> Any:
    r"""Return :math:`\log(x / (1 - x))`.

    Args:
        input: a tensor of numbers in [0, 1]; outside the result is NaN.
        eps: limit ``input`` to [eps, 1 - eps] first.
        out: a tensor to write the result into.

    Source: ``torch.logit``.

    Example:
        >>> torch.logit(torch.tensor([0.5]))
        tensor([0.])
    """
    if out is not None:
        return into(out, logit, input, eps)
    if eps is not None:
        input = _logit_clip(input, eps=eps)
    return _logit(input)


_logit_clip = op(
    "logit_clip",
    lambda input, *, eps: np.clip(input, input.dtype.type(eps), input.dtype.type(1 - eps)),
    promote="float",
    input=lambda g, input, eps: g * ((array_of(input) >= eps) & (array_of(input) <= 1 - eps)).astype(array_of(g).dtype),
)
_logit = op(
    "logit",
    lambda input: np.log(input / (1 - input)),
    promote="float",
    input=lambda g, input: g / (input * (1 - input)),
)


def positive(input: Any) -> Any:
    """Return ``input`` itself.

    Raises:
        RuntimeError: it is bool.

    Source: ``torch.positive``.

    Example:
        >>> torch.positive(torch.tensor([1.0]))
        tensor([1.])
    """
    if array_of(input).dtype == np.bool_:
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


expit = sigmoid
negative = neg
absolute = abs
