"""The normal distribution's function, its inverse and logarithm, and functions like them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_hw.autograd.graph import array_of
from tinygrad_hw.autograd.op import op
from tinygrad_hw.kernels.special import erfc, erfinv
from tinygrad_hw.ops.selection import _where
from tinygrad_hw.ops.unary import exp, log, log1p

__all__ = ["entr", "erfcx", "log_ndtr", "ndtr", "ndtri", "xlog1py"]

_ROOT_HALF = math.sqrt(0.5)
_ROOT_PI = math.sqrt(math.pi)


def _entr(input: Any) -> Any:
    inside = input > 0
    safe = np.where(inside, input, 1)
    return np.where(inside, -safe * np.log(safe), np.where(input == 0, 0, np.where(input < 0, -np.inf, np.nan))).astype(
        input.dtype
    )


entr = op(
    "special_entr",
    _entr,
    promote="float",
    input=lambda g, input: g * (-log(input) - 1.0),
    doc=r"""Return the entropy :math:`-x \ln x`: 0 at 0, -inf below.

    Args:
        input: a tensor.

    Source: ``torch.special.entr``.

    Example:
        >>> torch.special.entr(torch.tensor([0.0, 0.5, 1.0]))
        tensor([0.0000, 0.3466, -0.0000])
    """,
    out=True,
)


def _scaled_tail(x: Any) -> Any:
    """Return exp(x^2) erfc(x) in float64: directly below 5, by Gauss' continued fraction (DLMF 7.9.1) above."""
    near = x < 5
    low = np.where(near, x, 0.0)
    direct = np.exp(low * low) * erfc(low)
    high = np.where(near, 5.0, x)
    fraction = high
    for k in range(60, 0, -1):
        fraction = high + (k / 2) / fraction
    return np.where(near, direct, 1 / (_ROOT_PI * fraction))


def _erfcx(input: Any) -> Any:
    value = _scaled_tail(input.astype(np.float64))
    return np.where(np.isnan(input), np.nan, value).astype(input.dtype)


erfcx = op(
    "special_erfcx",
    _erfcx,
    promote="float",
    input=lambda g, input, out: g * (input * out * 2.0 - 2 / _ROOT_PI),
    doc=r"""Return the scaled complementary error function :math:`e^{x^2} \operatorname{erfc}(x)`.

    Args:
        input: a tensor.

    Source: ``torch.special.erfcx``.

    Example:
        >>> torch.special.erfcx(torch.tensor([0.0, 10.0]))
        tensor([1.0000, 0.0561])
    """,
    out=True,
)

ndtr = op(
    "special_ndtr",
    lambda input: (0.5 * erfc(-_ROOT_HALF * input.astype(np.float64))).astype(input.dtype),
    promote="float",
    input=lambda g, input: g * (exp(input * input * -0.5) / math.sqrt(2 * math.pi)),
    doc="""Return the distribution function of the standard normal distribution.

    Args:
        input: a tensor.

    Source: ``torch.special.ndtr``.

    Example:
        >>> torch.special.ndtr(torch.tensor([0.0, 1.0]))
        tensor([0.5000, 0.8413])
    """,
    out=True,
)


def _log_ndtr64(x: Any) -> Any:
    tail = x < -1
    far = np.where(tail, x, -1.0)
    near = np.where(tail, 0.0, x)
    return np.where(
        tail,
        np.log(_scaled_tail(-_ROOT_HALF * far) / 2) - far * far / 2,
        np.log1p(-erfc(_ROOT_HALF * near) / 2),
    )


log_ndtr = op(
    "special_log_ndtr",
    lambda input: np.where(np.isnan(input), np.nan, _log_ndtr64(input.astype(np.float64))).astype(input.dtype),
    promote="float",
    input=lambda g, input: g * (math.sqrt(2 / math.pi) / erfcx(input * -_ROOT_HALF)),
    doc="""Return the logarithm of the standard normal distribution function, exact far below 0 too.

    Args:
        input: a tensor.

    Source: ``torch.special.log_ndtr``.

    Example:
        >>> torch.special.log_ndtr(torch.tensor([0.0, 1.0]))
        tensor([-0.6931, -0.1728])
    """,
    out=True,
)


def _ndtri(input: Any) -> Any:
    p = input.astype(np.float64)
    inside = (p > 0) & (p < 1)
    small = np.where(inside, np.minimum(p, 1 - p), 0.5)
    tiny = small < 1e-3
    start = np.where(tiny, -np.sqrt(-2 * np.log(small)), math.sqrt(2) * erfinv(2 * small - 1))
    # Newton's method on the logarithm, whose slope does not vanish in the tail.
    for _ in range(4):
        log_p = _log_ndtr64(start)
        slope = np.exp(-start * start / 2 - log_p) / math.sqrt(2 * math.pi)
        start = start - (log_p - np.log(small)) / slope
    value = np.where(p > 0.5, -start, start)
    edges = np.where(p == 0, -np.inf, np.where(p == 1, np.inf, np.nan))
    return np.where(inside, value, edges).astype(input.dtype)


ndtri = op(
    "special_ndtri",
    _ndtri,
    promote="float",
    input=lambda g, out: g * (exp(out * out * 0.5) * math.sqrt(2 * math.pi)),
    doc="""Return the inverse of the standard normal distribution function.

    Args:
        input: a tensor of numbers in [0, 1]; outside the result is NaN.

    Source: ``torch.special.ndtri``.

    Example:
        >>> torch.special.ndtri(torch.tensor([0.5, 0.975]))
        tensor([0.0000, 1.9600])
    """,
    out=True,
)


def _xlog1py_forward(input: Any, other: Any) -> Any:
    kind = getattr(input if isinstance(input, np.ndarray) else other, "dtype", None)
    product = input * np.log1p(other, dtype=kind)
    return np.where((np.asarray(input) == 0) & ~np.isnan(other), np.zeros((), product.dtype), product)


def _xlog1py_rule(g: Any, input: Any, other: Any) -> Any:
    zero = (array_of(input) == 0) & (array_of(other) <= -1)
    return g * log1p(_where(zero, np.zeros((), array_of(g).dtype), other))


xlog1py = op(
    "special_xlog1py",
    _xlog1py_forward,
    promote="float",
    input=_xlog1py_rule,
    other=lambda g, input, other: g * (input / (other + 1)),
    doc=r"""Return :math:`a \ln(1 + b)`, with 0 where :math:`a = 0`.

    Args:
        input: a tensor or a number.
        other: a tensor or a number, broadcastable.

    Source: ``torch.special.xlog1py``.

    Example:
        >>> torch.special.xlog1py(torch.tensor([0.0, 1.0]), torch.tensor([-1.0, 0.0]))
        tensor([0., 0.])
    """,
    out=True,
)
