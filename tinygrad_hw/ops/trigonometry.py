"""Circular and hyperbolic functions and their inverses, element by element."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_hw.autograd.graph import array_of
from tinygrad_hw.autograd.op import op
from tinygrad_hw.kernels import elementwise
from tinygrad_hw.ops.unary import rsqrt

__all__ = [
    "acos",
    "acosh",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctanh",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "cos",
    "cosh",
    "deg2rad",
    "rad2deg",
    "sin",
    "sinc",
    "sinh",
    "tan",
    "tanh",
]


def _deg2rad(input: Any) -> Any:
    return input * input.dtype.type(math.pi / 180)


def _rad2deg(input: Any) -> Any:
    return input * input.dtype.type(180 / math.pi)


def _sinc_slope(x: Any) -> Any:
    """The derivative (cos(pi x) - sinc(x)) / x, 0 at 0."""
    zero = np.asarray(array_of(x) == 0, array_of(x).dtype)
    return (cos(x * math.pi) - sinc(x)) / (x + zero) * (1 - zero)


def _sinc(input: Any) -> Any:
    angle = input * math.pi
    zero = angle == 0
    return np.where(zero, np.ones((), input.dtype), np.sin(angle) / (angle + zero))


sin = op(
    "sin",
    np.sin,
    promote="float",
    input=lambda g, input: g * cos(input),
    doc=r"""Return :math:`\sin x`.

    Args:
        input: a tensor.

    Source: ``torch.sin``.

    Example:
        >>> torch.sin(torch.tensor([0.0]))
        tensor([0.])
    """,
    out=True,
)
cos = op(
    "cos",
    np.cos,
    promote="float",
    input=lambda g, input: -g * sin(input),
    doc=r"""Return :math:`\cos x`.

    Args:
        input: a tensor.

    Source: ``torch.cos``.

    Example:
        >>> torch.cos(torch.tensor([0.0]))
        tensor([1.])
    """,
    out=True,
)
tan = op(
    "tan",
    np.tan,
    promote="float",
    input=lambda g, out: g * (out * out + 1),
    doc=r"""Return :math:`\tan x`.

    Args:
        input: a tensor.

    Source: ``torch.tan``.

    Example:
        >>> torch.tan(torch.tensor([0.0]))
        tensor([0.])
    """,
    out=True,
)
asin = op(
    "asin",
    np.arcsin,
    promote="float",
    input=lambda g, input: g * rsqrt(1 - input * input),
    doc=r"""Return :math:`\arcsin x`.

    Args:
        input: a tensor.

    Source: ``torch.asin``.

    Example:
        >>> torch.asin(torch.tensor([1.0]))
        tensor([1.5708])
    """,
    out=True,
)
acos = op(
    "acos",
    np.arccos,
    promote="float",
    input=lambda g, input: -g * rsqrt(1 - input * input),
    doc=r"""Return :math:`\arccos x`.

    Args:
        input: a tensor.

    Source: ``torch.acos``.

    Example:
        >>> torch.acos(torch.tensor([1.0]))
        tensor([0.])
    """,
    out=True,
)
atan = op(
    "atan",
    np.arctan,
    promote="float",
    input=lambda g, input: g / (input * input + 1),
    doc=r"""Return :math:`\arctan x`.

    Args:
        input: a tensor.

    Source: ``torch.atan``.

    Example:
        >>> torch.atan(torch.tensor([1.0]))
        tensor([0.7854])
    """,
    out=True,
)
sinh = op(
    "sinh",
    np.sinh,
    promote="float",
    input=lambda g, input: g * cosh(input),
    doc=r"""Return :math:`\sinh x`.

    Args:
        input: a tensor.

    Source: ``torch.sinh``.

    Example:
        >>> torch.sinh(torch.tensor([0.0]))
        tensor([0.])
    """,
    out=True,
)
cosh = op(
    "cosh",
    np.cosh,
    promote="float",
    input=lambda g, input: g * sinh(input),
    doc=r"""Return :math:`\cosh x`.

    Args:
        input: a tensor.

    Source: ``torch.cosh``.

    Example:
        >>> torch.cosh(torch.tensor([0.0]))
        tensor([1.])
    """,
    out=True,
)
tanh = op(
    "tanh",
    np.tanh,
    promote="float",
    input=lambda g, out: g * (1 - out * out),
    raw=lambda g, out: (elementwise.tanh_backward(g, out),),
    doc=r"""Return :math:`\tanh x`.

    Args:
        input: a tensor.

    Source: ``torch.tanh``.

    Example:
        >>> torch.tanh(torch.tensor([0.0]))
        tensor([0.])
    """,
    out=True,
)
asinh = op(
    "asinh",
    np.arcsinh,
    promote="float",
    input=lambda g, input: g * rsqrt(input * input + 1),
    doc=r"""Return :math:`\operatorname{arsinh} x`.

    Args:
        input: a tensor.

    Source: ``torch.asinh``.

    Example:
        >>> torch.asinh(torch.tensor([0.0]))
        tensor([0.])
    """,
    out=True,
)
acosh = op(
    "acosh",
    np.arccosh,
    promote="float",
    input=lambda g, input: g * rsqrt(input * input - 1),
    doc=r"""Return :math:`\operatorname{arcosh} x`.

    Args:
        input: a tensor.

    Source: ``torch.acosh``.

    Example:
        >>> torch.acosh(torch.tensor([1.0]))
        tensor([0.])
    """,
    out=True,
)
atanh = op(
    "atanh",
    np.arctanh,
    promote="float",
    input=lambda g, input: g / (1 - input * input),
    doc=r"""Return :math:`\operatorname{artanh} x`.

    Args:
        input: a tensor.

    Source: ``torch.atanh``.

    Example:
        >>> torch.atanh(torch.tensor([0.0]))
        tensor([0.])
    """,
    out=True,
)
deg2rad = op(
    "deg2rad",
    _deg2rad,
    promote="float",
    input=lambda g: g * (math.pi / 180),
    doc="""Return degrees as radians.

    Args:
        input: a tensor.

    Source: ``torch.deg2rad``.

    Example:
        >>> torch.deg2rad(torch.tensor([180.0]))
        tensor([3.1416])
    """,
    out=True,
)
rad2deg = op(
    "rad2deg",
    _rad2deg,
    promote="float",
    input=lambda g: g * (180 / math.pi),
    doc="""Return radians as degrees.

    Args:
        input: a tensor.

    Source: ``torch.rad2deg``.

    Example:
        >>> torch.rad2deg(torch.tensor([0.0]))
        tensor([0.])
    """,
    out=True,
)
sinc = op(
    "sinc",
    _sinc,
    promote="float",
    input=lambda g, input: g * _sinc_slope(input),
    doc=r"""Return :math:`\sin(\pi x) / (\pi x)`, 1 at 0.

    Args:
        input: a tensor.

    Source: ``torch.sinc``.

    Example:
        >>> torch.sinc(torch.tensor([0.0]))
        tensor([1.])
    """,
    out=True,
)
arcsin = asin
arccos = acos
arctan = atan
arcsinh = asinh
arccosh = acosh
arctanh = atanh
