"""Functions of two operands, element by element, beyond arithmetic."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_hw.autograd.complex import check_real
from tinygrad_hw.autograd.graph import array_of, wrap
from tinygrad_hw.autograd.observe import whole
from tinygrad_hw.autograd.op import op
from tinygrad_hw.autograd.out import into
from tinygrad_hw.ops.selection import _need_tensors, _where
from tinygrad_hw.ops.unary import exp as _exp
from tinygrad_hw.ops.unary import log as _log

__all__ = [
    "arctan2",
    "atan2",
    "copysign",
    "heaviside",
    "hypot",
    "logaddexp",
    "logaddexp2",
    "xlogy",
]


_hypot = op(
    "hypot",
    np.hypot,
    promote="same",
    input=lambda g, input, out: g * (input / out),
    other=lambda g, other, out: g * (other / out),
)
_atan2 = op(
    "atan2",
    np.arctan2,
    promote="float",
    input=lambda g, input, other: g * (other / (input * input + other * other)),
    other=lambda g, input, other: -g * (input / (input * input + other * other)),
)
_logaddexp = op(
    "logaddexp",
    np.logaddexp,
    promote="same",
    input=lambda g, input, other: g / (1 + _exp(other - input)),
    other=lambda g, input, other: g / (1 + _exp(input - other)),
)
_logaddexp2 = op(
    "logaddexp2",
    np.logaddexp2,
    promote="same",
    input=lambda g, input, other: g / (1 + _exp((other - input) * math.log(2))),
    other=lambda g, input, other: g / (1 + _exp((input - other) * math.log(2))),
)


def hypot(input: Any, other: Any, *, out: Any = None) -> Any:
    r"""Return :math:`\sqrt{a^2 + b^2}` without overflow.

    Source: ``torch.hypot``.

    Example:
        >>> torch.hypot(torch.tensor([3.0]), torch.tensor([4.0]))
        tensor([5.])
    """
    if out is not None:
        return into(out, hypot, input, other)
    _need_tensors("hypot", input, other)
    return _hypot(input, other)


def atan2(input: Any, other: Any, *, out: Any = None) -> Any:
    """Return the angle of the points (other, input), from -pi to pi.

    Source: ``torch.atan2``.

    Example:
        >>> torch.atan2(torch.tensor([1.0]), torch.tensor([0.0]))
        tensor([1.5708])
    """
    if out is not None:
        return into(out, atan2, input, other)
    _need_tensors("atan2", input, other)
    return _atan2(input, other)


def logaddexp(input: Any, other: Any, *, out: Any = None) -> Any:
    r"""Return :math:`\log(e^a + e^b)` without overflow.

    Source: ``torch.logaddexp``.

    Example:
        >>> torch.logaddexp(torch.tensor([1000.0]), torch.tensor([1000.0]))
        tensor([1000.6932])
    """
    if out is not None:
        return into(out, logaddexp, input, other)
    _need_tensors("logaddexp", input, other)
    return _logaddexp(input, other)


def logaddexp2(input: Any, other: Any, *, out: Any = None) -> Any:
    r"""Return :math:`\log_2(2^a + 2^b)` without overflow.

    Source: ``torch.logaddexp2``.

    Example:
        >>> torch.logaddexp2(torch.tensor([3.0]), torch.tensor([3.0]))
        tensor([4.])
    """
    if out is not None:
        return into(out, logaddexp2, input, other)
    _need_tensors("logaddexp2", input, other)
    return _logaddexp2(input, other)


def _copysign_rule(g: Any, input: Any, out: Any) -> Any:
    a, o = array_of(input), array_of(out)
    ratio = np.where(a == 0, 0, np.sign(a) * np.sign(o)).astype(array_of(g).dtype)
    return g * ratio


_copysign = op(
    "copysign",
    np.copysign,
    promote="float",
    tensors=("input",),
    input=_copysign_rule,
    other=lambda g, other: g * 0.0,
)


def copysign(input: Any, other: Any, *, out: Any = None) -> Any:
    """Return the size of ``input`` with the sign of ``other``.

    Source: ``torch.copysign``.

    Example:
        >>> torch.copysign(torch.tensor([1.0, -2.0]), -1.0)
        tensor([-1., -2.])
    """
    if out is not None:
        return into(out, copysign, input, other)
    return _copysign(input, other)


@whole
def heaviside(input: Any, values: Any, *, out: Any = None) -> Any:
    """Return 0 below zero, 1 above it, and ``values`` at zero; not differentiable.

    Source: ``torch.heaviside``.

    Example:
        >>> torch.heaviside(torch.tensor([-1.0, 0.0, 2.0]), torch.tensor(0.5))
        tensor([0.0000, 0.5000, 1.0000])
    """
    if out is not None:
        return into(out, heaviside, input, values)
    check_real("heaviside", input, values)
    _need_tensors("heaviside", input, values)
    x, v = array_of(input), array_of(values)
    if x.dtype != v.dtype:
        raise RuntimeError("heaviside is not yet implemented for tensors with different dtypes.")
    return wrap(np.where(x == 0, v, np.where(x < 0, 0, 1)).astype(x.dtype))


def _xlogy_forward(input: Any, other: Any) -> Any:
    kind = getattr(input if isinstance(input, np.ndarray) else other, "dtype", None)
    product = input * np.log(other, dtype=kind)
    return np.where((np.asarray(input) == 0) & ~np.isnan(other), np.zeros((), product.dtype), product)


def _xlogy_rule(g: Any, input: Any, other: Any) -> Any:
    zero = (array_of(input) == 0) & (array_of(other) <= 0)
    safe = _where(zero, np.ones((), array_of(g).dtype), other)
    return g * _log(safe)


_xlogy = op(
    "xlogy",
    _xlogy_forward,
    promote="float",
    input=_xlogy_rule,
    other=lambda g, input, other: g * (input / other),
)


def xlogy(input: Any, other: Any, *, out: Any = None) -> Any:
    r"""Return :math:`a \log b`, with 0 where :math:`a = 0`.

    Source: ``torch.xlogy``.

    Example:
        >>> torch.xlogy(torch.tensor([0.0, 1.0]), torch.tensor([0.0, 1.0]))
        tensor([0., 0.])
    """
    if out is not None:
        return into(out, xlogy, input, other)
    return _xlogy(input, other)


arctan2 = atan2
