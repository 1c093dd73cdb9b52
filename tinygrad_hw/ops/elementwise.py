"""Arithmetic on two or three operands, element by element, with broadcasting and promotion."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.basics import cast
from tinygrad_hw.autograd.complex import check_real
from tinygrad_hw.autograd.graph import TensorBase, wrap
from tinygrad_hw.autograd.observe import whole
from tinygrad_hw.autograd.op import op
from tinygrad_hw.autograd.out import into
from tinygrad_hw.ops.unary import exp as _exp
from tinygrad_hw.ops.unary import log as _log

__all__ = [
    "add",
    "addcdiv",
    "addcmul",
    "arctan2",
    "atan2",
    "clamp",
    "clamp_max",
    "clamp_min",
    "clip",
    "copysign",
    "div",
    "divide",
    "float_power",
    "floor_divide",
    "fmax",
    "fmin",
    "fmod",
    "heaviside",
    "hypot",
    "lerp",
    "logaddexp",
    "logaddexp2",
    "maximum",
    "minimum",
    "mul",
    "multiply",
    "pow",
    "remainder",
    "rsub",
    "sub",
    "subtract",
    "true_divide",
    "where",
    "xlogy",
]


def _kind(value: Any) -> str:
    """Return numpy's kind letter of an operand."""
    if isinstance(value, TensorBase):
        return value.array.dtype.kind
    if isinstance(value, np.ndarray):
        return value.dtype.kind
    if isinstance(value, complex):
        return "c"
    return "b" if isinstance(value, bool) else "i" if isinstance(value, int) else "f"


# -- sums and products -----------------------------------------------------------------------------

_add = op("add", np.add, promote="same", input=lambda g: g, other=lambda g: g)


_sub = op("sub", np.subtract, promote="same", input=lambda g: g, other=lambda g: -g)
_mul = op(
    "mul",
    np.multiply,
    promote="same",
    input=lambda g, other: g * other,
    other=lambda g, input: g * input,
)
_div = op(
    "div",
    np.true_divide,
    promote="float",
    input=lambda g, other: g / other,
    other=lambda g, input, other: -g * ((input / other) / other),
)


def _check_alpha(name: str, input: Any, other: Any, alpha: Any) -> None:
    if isinstance(alpha, bool):
        if _kind(input) != "b" or _kind(other) != "b":
            raise RuntimeError("Boolean alpha only supported for Boolean results.")
    elif isinstance(alpha, float) and not {"f", "c"} & {_kind(input), _kind(other)}:
        raise RuntimeError(f"{name}: For integral input tensors, argument alpha must not be a floating point number.")
    elif isinstance(alpha, complex) and "c" not in (_kind(input), _kind(other)):
        raise RuntimeError(f"{name}: For non-complex input tensors, argument alpha must not be a complex number.")


def add(input: Any, other: Any, *, alpha: Any = 1, out: Any = None) -> Any:
    r"""Return :math:`input + \alpha\, other`.

    Args:
        input: a tensor or a number.
        other: a tensor or a number, broadcastable.
        alpha: factor of ``other``.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: shapes do not broadcast, or ``alpha`` does not fit the dtypes.

    Source: ``torch.add``.

    Example:
        >>> torch.add(torch.tensor([1.0, 2.0]), torch.tensor([10.0, 20.0]), alpha=2)
        tensor([21., 42.])
    """
    if out is not None:
        return into(out, add, input, other, alpha=alpha)
    if alpha != 1 or alpha.__class__ is bool:
        _check_alpha("add", input, other, alpha)
        other = other * alpha
    return _add(input, other)


def sub(input: Any, other: Any, *, alpha: Any = 1, out: Any = None) -> Any:
    r"""Return :math:`input - \alpha\, other`.

    Args:
        input: a tensor or a number.
        other: a tensor or a number, broadcastable.
        alpha: factor of ``other``.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: both are bool, shapes do not broadcast, or ``alpha`` does not fit the dtypes.

    Source: ``torch.sub``.

    Example:
        >>> torch.sub(torch.tensor([1.0, 2.0]), 1)
        tensor([0., 1.])
    """
    if out is not None:
        return into(out, sub, input, other, alpha=alpha)
    if _kind(input) == "b" or _kind(other) == "b":
        if _kind(input) == "b" and _kind(other) == "b":
            raise RuntimeError(
                "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
                "`logical_xor()` operator instead."
            )
        raise RuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to "
            "invert a mask, use the `~` or `logical_not()` operator instead."
        )
    if alpha != 1:
        _check_alpha("sub", input, other, alpha)
        other = other * alpha
    return _sub(input, other)


def _minus(input: Any, other: Any) -> Any:
    """The ``-`` operator."""
    if input.__class__ is bool or other.__class__ is bool or "b" in (_kind(input), _kind(other)):
        return sub(input, other)
    return _sub(input, other)


def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    r"""Return :math:`other - \alpha\, input`; see ``sub``."""
    if input.__class__ in (int, float, bool):
        raise TypeError(f"rsub(): argument 'input' must be Tensor, not {type(input).__name__}")
    return sub(other, input, alpha=alpha)


def mul(input: Any, other: Any, *, out: Any = None) -> Any:
    r"""Return :math:`input \cdot other`.

    Args:
        input: a tensor or a number.
        other: a tensor or a number, broadcastable.
        out: a tensor to write the result into.

    Source: ``torch.mul``.

    Example:
        >>> torch.mul(torch.tensor([1.0, 2.0]), 3)
        tensor([3., 6.])
    """
    if out is not None:
        return into(out, mul, input, other)
    return _mul(input, other)


def _check_zero(b: Any) -> None:
    if getattr(b, "dtype", np.dtype(float)).kind in "iu" and not np.all(b):
        raise RuntimeError("ZeroDivisionError")
    if isinstance(b, int) and b == 0:
        raise RuntimeError("ZeroDivisionError")


def _floor_div_forward(input: Any, other: Any) -> Any:
    if getattr(input, "dtype", None) is None or input.dtype.kind != "f":
        _check_zero(other)
    return np.floor_divide(input, other)


def _trunc_div_forward(input: Any, other: Any) -> Any:
    kind = np.result_type(input, other).kind
    if kind == "f":
        return np.trunc(np.true_divide(input, other))
    _check_zero(other)
    quotient = np.floor_divide(input, other)
    exact = quotient * other == input
    return quotient + ((quotient < 0) & ~exact)


_floor_div = op("floor_divide", _floor_div_forward, promote="same", node_name="NotImplemented")
_floor_div_mode = op(
    "div_floor",
    _floor_div_forward,
    promote="same",
    node_name="DivBackward2",
    input=lambda g: g * 0.0,
    other=lambda g: g * 0.0,
)
_trunc_div_mode = op(
    "div_trunc",
    _trunc_div_forward,
    promote="same",
    node_name="DivBackward2",
    input=lambda g: g * 0.0,
    other=lambda g: g * 0.0,
)


def div(input: Any, other: Any, *, rounding_mode: str | None = None, out: Any = None) -> Any:
    r"""Return :math:`input / other`, rounded if asked for.

    Args:
        input: a tensor or a number.
        other: a tensor or a number, broadcastable.
        rounding_mode: None for the true quotient (integers give the default dtype), ``"trunc"`` to round
            towards zero, ``"floor"`` to round down.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: an integer is divided by zero with rounding, or the mode is unknown.

    Source: ``torch.div``.

    Example:
        >>> torch.div(torch.tensor([7, -7]), 2, rounding_mode="floor")
        tensor([ 3, -4])
    """
    if out is not None:
        return into(out, div, input, other, rounding_mode=rounding_mode)
    if rounding_mode is None:
        return _div(input, other)
    if rounding_mode == "floor":
        return _floor_div_mode(input, other)
    if rounding_mode == "trunc":
        return _trunc_div_mode(input, other)
    raise RuntimeError(f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'")


def floor_divide(input: Any, other: Any, *, out: Any = None) -> Any:
    """Return the quotient rounded down; not differentiable.

    Args:
        input: a tensor or a number.
        other: a tensor or a number, broadcastable.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: an integer is divided by zero.

    Source: ``torch.floor_divide``.

    Example:
        >>> torch.floor_divide(torch.tensor([7.0, -7.0]), 2)
        tensor([ 3., -4.])
    """
    if out is not None:
        return into(out, floor_divide, input, other)
    return _floor_div(input, other)


def _remainder_forward(input: Any, other: Any) -> Any:
    if np.result_type(input, other).kind in "iub":
        _check_zero(other)
    return np.remainder(input, other)


def _fmod_forward(input: Any, other: Any) -> Any:
    if np.result_type(input, other).kind in "iub":
        _check_zero(other)
    return np.fmod(input, other)


def _whole(quotient: Any, rounding: str) -> Any:
    """Return a rounded quotient as a constant."""
    values = quotient.array if isinstance(quotient, TensorBase) else quotient
    return np.asarray(np.floor(values) if rounding == "floor" else np.trunc(values), values.dtype)


_remainder = op(
    "remainder",
    _remainder_forward,
    promote="same",
    input=lambda g: g,
    other=lambda g, input, other: -g * _whole(input / other, "floor"),
)
_fmod = op(
    "fmod",
    _fmod_forward,
    promote="same",
    tensors=("input",),
    input=lambda g: g,
    other=lambda g, input, other: -g * _whole(input / other, "trunc"),
)


def remainder(input: Any, other: Any, *, out: Any = None) -> Any:
    r"""Return :math:`a - b \lfloor a / b \rfloor`, with the sign of the divisor (Python's ``%``).

    Args:
        input: a tensor or a number.
        other: a tensor or a number, broadcastable.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: an integer is divided by zero.

    Source: ``torch.remainder``.

    Example:
        >>> torch.remainder(torch.tensor([-3.0, 3.0]), 2)
        tensor([1., 1.])
    """
    if out is not None:
        return into(out, remainder, input, other)
    return _remainder(input, other)


def fmod(input: Any, other: Any, *, out: Any = None) -> Any:
    r"""Return :math:`a - b \operatorname{trunc}(a / b)`, with the sign of the dividend (C's ``fmod``).

    Args:
        input: a tensor or a number.
        other: a tensor or a number, broadcastable.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: an integer is divided by zero.

    Source: ``torch.fmod``.

    Example:
        >>> torch.fmod(torch.tensor([-3.0, 3.0]), 2)
        tensor([-1.,  1.])
    """
    if out is not None:
        return into(out, fmod, input, other)
    return _fmod(input, other)


# -- powers ----------------------------------------------------------------------------------------


def _zero_where(condition: Any, value: Any) -> Any:
    """Return ``value`` with zeros where ``condition`` (an array) holds, whatever was there."""
    return _where(condition, np.zeros((), _dtype(value)), value)


def _dtype(value: Any) -> Any:
    return (value.array if isinstance(value, TensorBase) else np.asarray(value)).dtype


def _values(t: Any) -> Any:
    return t.array if isinstance(t, TensorBase) else np.asarray(t)


def _power_scalar(input: Any, *, exponent: Any) -> Any:
    if exponent == 2:
        return np.multiply(input, input)
    if exponent == 0.5 and input.dtype.kind == "f":
        return np.sqrt(input)
    return np.power(input, input.dtype.type(exponent) if input.dtype.kind in "fc" else exponent)


def _power_scalar_rule(g: Any, input: Any, exponent: Any) -> Any:
    if exponent == 0:
        return g * 0.0
    if exponent == 1:
        return g
    if exponent == 2:
        return g * (input * 2)
    return g * (_pow_scalar(input, exponent=exponent - 1) * exponent)


_pow_scalar = op("pow_scalar", _power_scalar, node_name="PowBackward0", input=_power_scalar_rule)


def _power(input: Any, other: Any) -> Any:
    if np.result_type(input, other).kind in "iu" and np.any(np.asarray(other) < 0):
        # Integers to negative powers: 1 / x rounded towards zero.
        base, exponent = np.broadcast_arrays(input, other)
        positive = np.power(base, np.maximum(exponent, 0))
        sign = np.where(exponent % 2 == 0, 1, base)
        negative = np.where(base == 1, 1, np.where(base == -1, sign, 0))
        return np.where(exponent < 0, negative, positive).astype(np.result_type(input, other))
    return np.power(input, other)


def _power_base_rule(g: Any, input: Any, other: Any) -> Any:
    zero = _values(other) == 0
    return _zero_where(zero, g * (other * _pow_tensor(input, other - 1)))


def _power_exponent_rule(g: Any, input: Any, other: Any, out: Any) -> Any:
    base, exponent = _values(input), _values(other)
    # 0 ** 0 and 0 ** positive have derivative 0 in the exponent; log(0) would make it NaN.
    flat = (base == 0) & (exponent.real >= 0)
    safe = _where(base == 0, np.ones((), base.dtype), input)
    return _zero_where(flat, g * (out * _where(base == 0, np.full((), -np.inf, _dtype(out)), _log(safe))))


_pow_tensor = op(
    "pow_tensor",
    _power,
    promote="same",
    node_name="PowBackward1",
    input=_power_base_rule,
    other=_power_exponent_rule,
)


def pow(input: Any, exponent: Any, *, out: Any = None) -> Any:
    r"""Return :math:`input^{exponent}`.

    Args:
        input: a tensor or a number.
        exponent: a number or a tensor, broadcastable.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: an integer tensor to a negative integer power.

    Source: ``torch.pow``.

    Example:
        >>> torch.pow(torch.tensor([1.0, 2.0, 3.0]), 2)
        tensor([1., 4., 9.])
    """
    if out is not None:
        return into(out, pow, input, exponent)
    if isinstance(exponent, (int, float)) and not isinstance(input, (int, float, complex)):
        kind = _kind(input)
        if kind in "fc":
            return _pow_scalar(input, exponent=exponent)
        if isinstance(exponent, float):
            return _pow_scalar(cast(input, dtype=dtypes.get_default_dtype().numpy), exponent=exponent)
        if kind != "b" and exponent < 0:
            raise RuntimeError("Integers to negative integer powers are not allowed.")
    return _pow_tensor(input, exponent)


def float_power(input: Any, exponent: Any, *, out: Any = None) -> Any:
    """Return the power computed in float64.

    Source: ``torch.float_power``.

    Example:
        >>> torch.float_power(torch.tensor([2]), -1)
        tensor([0.5000], dtype=torch.float64)
    """
    if out is not None:
        return into(out, float_power, input, exponent)
    double = np.dtype(np.complex128 if "c" in (_kind(input), _kind(exponent)) else np.float64)
    a = cast(input, dtype=double) if isinstance(input, TensorBase) else input
    b = cast(exponent, dtype=double) if isinstance(exponent, TensorBase) else exponent
    return pow(a, b)


# -- choosing --------------------------------------------------------------------------------------


def _where_forward(condition: Any, input: Any, other: Any) -> Any:
    return np.where(condition, input, other)


_where = op(
    "where",
    _where_forward,
    promote="same",
    promote_over=("input", "other"),
    input=lambda g, condition: _where(condition, g, np.zeros((), _dtype(g))),
    other=lambda g, condition: _where(condition, np.zeros((), _dtype(g)), g),
)


def where(condition: Any, input: Any = None, other: Any = None, *, out: Any = None) -> Any:
    """Return ``input`` where ``condition`` holds, else ``other``.

    With the condition alone, return the indices where it holds, as ``nonzero(as_tuple=True)`` does.

    Args:
        condition: a bool tensor.
        input: a tensor or a number.
        other: a tensor or a number.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: the condition is not bool (or uint8).

    Source: ``torch.where``.

    Example:
        >>> torch.where(torch.tensor([True, False]), 1.0, 0.0)
        tensor([1., 0.])
    """
    if out is not None:
        return into(out, where, condition, input, other)
    if input is None and other is None:
        values = _values(condition)
        return tuple(wrap(i) for i in np.nonzero(values))
    if not isinstance(condition, (TensorBase, np.ndarray)):
        raise TypeError(f"where(): argument 'condition' must be Tensor, not {type(condition).__name__}")
    kind = _dtype(condition)
    if kind != np.bool_:
        if kind != np.uint8:
            raise RuntimeError(
                "where expected condition to be a boolean tensor, but got a tensor with dtype "
                f"{dtypes.from_numpy(kind)}"
            )
        condition = condition != 0
    if isinstance(input, (int, float, complex)) and isinstance(other, (int, float, complex)):
        both = dtypes.result_type_of([input, other]).numpy
        input = wrap(np.asarray(input, both))
    return _where(condition, input, other)


def _selected(g: Any, mine: Any, tie: Any) -> Any:
    """Return ``g`` where an operand was chosen, half of it where both were equal."""
    weight = np.where(tie, 0.5, np.where(mine, 1.0, 0.0)).astype(_dtype(g))
    return g * weight


def _gt(a: Any, b: Any) -> Any:
    return np.greater(_values(a), _values(b))


def _eq(a: Any, b: Any) -> Any:
    return np.equal(_values(a), _values(b))


_maximum = op(
    "maximum",
    np.maximum,
    promote="same",
    input=lambda g, input, other: _selected(g, _gt(input, other), _eq(input, other)),
    other=lambda g, input, other: _selected(g, _gt(other, input), _eq(input, other)),
)
_minimum = op(
    "minimum",
    np.minimum,
    promote="same",
    input=lambda g, input, other: _selected(g, _gt(other, input), _eq(input, other)),
    other=lambda g, input, other: _selected(g, _gt(input, other), _eq(input, other)),
)


def _keep(g: Any, mask: Any) -> Any:
    return g * np.asarray(mask, _dtype(g))


def _fmax_mask(a: Any, b: Any) -> Any:
    return np.greater_equal(_values(a), _values(b)) | np.isnan(_values(b))


def _fmin_mask(a: Any, b: Any) -> Any:
    return np.less_equal(_values(a), _values(b)) | np.isnan(_values(b))


_fmax = op(
    "fmax",
    np.fmax,
    promote="same",
    input=lambda g, input, other: _keep(g, _fmax_mask(input, other)),
    other=lambda g, input, other: _keep(g, ~_fmax_mask(input, other)),
)
_fmin = op(
    "fmin",
    np.fmin,
    promote="same",
    input=lambda g, input, other: _keep(g, _fmin_mask(input, other)),
    other=lambda g, input, other: _keep(g, ~_fmin_mask(input, other)),
)


def _need_tensors(name: str, input: Any, other: Any) -> None:
    for argument, value in (("input", input), ("other", other)):
        if not isinstance(value, (TensorBase, np.ndarray)):
            raise TypeError(f"{name}(): argument {argument!r} must be Tensor, not {type(value).__name__}")


def maximum(input: Any, other: Any, *, out: Any = None) -> Any:
    """Return the larger of two tensors; NaN if one is NaN. Ties share the gradient.

    Source: ``torch.maximum``.

    Example:
        >>> torch.maximum(torch.tensor([1, 5]), torch.tensor([3, 2]))
        tensor([3, 5])
    """
    if out is not None:
        return into(out, maximum, input, other)
    _need_tensors("maximum", input, other)
    return _maximum(input, other)


def minimum(input: Any, other: Any, *, out: Any = None) -> Any:
    """Return the smaller of two tensors; NaN if one is NaN. Ties share the gradient.

    Source: ``torch.minimum``.

    Example:
        >>> torch.minimum(torch.tensor([1, 5]), torch.tensor([3, 2]))
        tensor([1, 2])
    """
    if out is not None:
        return into(out, minimum, input, other)
    _need_tensors("minimum", input, other)
    return _minimum(input, other)


def fmax(input: Any, other: Any, *, out: Any = None) -> Any:
    """Return the larger of two tensors; a NaN only if both are NaN.

    Source: ``torch.fmax``.

    Example:
        >>> torch.fmax(torch.tensor([1.0, float("nan")]), torch.tensor([3.0, 2.0]))
        tensor([3., 2.])
    """
    if out is not None:
        return into(out, fmax, input, other)
    _need_tensors("fmax", input, other)
    return _fmax(input, other)


def fmin(input: Any, other: Any, *, out: Any = None) -> Any:
    """Return the smaller of two tensors; a NaN only if both are NaN.

    Source: ``torch.fmin``.

    Example:
        >>> torch.fmin(torch.tensor([1.0, float("nan")]), torch.tensor([3.0, 2.0]))
        tensor([1., 2.])
    """
    if out is not None:
        return into(out, fmin, input, other)
    _need_tensors("fmin", input, other)
    return _fmin(input, other)


def _clip(input: Any, *, min: Any, max: Any) -> Any:
    low = None if min is None else input.dtype.type(min)
    high = None if max is None else input.dtype.type(max)
    if low is not None and high is not None and low > high:
        return np.where(np.isnan(input), input, high) if input.dtype.kind == "f" else np.full_like(input, high)
    return np.clip(input, low, high)


def _clip_rule(g: Any, input: Any, min: Any, max: Any) -> Any:
    values = _values(input)
    inside = np.ones(values.shape, np.bool_)
    if min is not None:
        inside &= values >= min
    if max is not None:
        inside &= values <= max
    return _keep(g, inside)


_clamp = op("clamp", _clip, node_name="ClampBackward1", input=_clip_rule)


def clamp(input: Any, min: Any = None, max: Any = None, *, out: Any = None) -> Any:
    """Return ``input`` limited to the range from ``min`` to ``max``.

    Args:
        input: a tensor.
        min: lower bound, a number or a tensor; None for none.
        max: upper bound, a number or a tensor; None for none. Where ``min`` is above it, it wins.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: neither bound is given.

    Source: ``torch.clamp``. The gradient is 1 at the bounds.

    Example:
        >>> torch.clamp(torch.tensor([-2.0, 0.5, 3.0]), 0, 1)
        tensor([0.0000, 0.5000, 1.0000])
    """
    if out is not None:
        return into(out, clamp, input, min, max)
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if isinstance(min, TensorBase) or isinstance(max, TensorBase):
        for name, bound in (("min", min), ("max", max)):
            if not (bound is None or isinstance(bound, TensorBase)):
                raise TypeError(f"clamp(): argument {name!r} must be Tensor as the other bound, not a number")
        if min is not None:
            input = _clamp_below(input, min)
        if max is not None:
            input = _clamp_above(input, max)
        return input
    if input.__class__ in (int, float, bool):
        raise TypeError(f"clamp(): argument 'input' must be Tensor, not {type(input).__name__}")
    given = [b for b in (min, max) if b is not None]
    for bound in given:
        if not isinstance(bound, (int, float, np.generic)):
            raise TypeError(f"clamp(): a bound must be a Tensor or a number, not {type(bound).__name__}")
    target = dtypes.result_type_of([_values(input), *given]).numpy
    if target != _dtype(input):
        input = cast(input, dtype=target)
    return _clamp(input, min=min, max=max)


_clamp_below = op(
    "clamp_below",
    np.maximum,
    promote="same",
    tensors=("input",),
    node_name="ClampBackward0",
    input=lambda g, input, other: _keep(g, ~_gt(other, input)),
    other=lambda g, input, other: _keep(g, _gt(other, input)),
)
_clamp_above = op(
    "clamp_above",
    np.minimum,
    promote="same",
    tensors=("input",),
    node_name="ClampBackward0",
    input=lambda g, input, other: _keep(g, ~_gt(input, other)),
    other=lambda g, input, other: _keep(g, _gt(input, other)),
)


def clamp_min(input: Any, min: Any, *, out: Any = None) -> Any:
    """Return ``input`` limited from below; see ``clamp``."""
    if out is not None:
        return into(out, clamp_min, input, min)
    return clamp(input, min=min)


def clamp_max(input: Any, max: Any, *, out: Any = None) -> Any:
    """Return ``input`` limited from above; see ``clamp``."""
    if out is not None:
        return into(out, clamp_max, input, max)
    return clamp(input, max=max)


# -- combinations ----------------------------------------------------------------------------------


def lerp(input: Any, end: Any, weight: Any, *, out: Any = None) -> Any:
    r"""Return :math:`input + weight\,(end - input)`.

    Args:
        input: a tensor.
        end: a tensor, broadcastable.
        weight: a number or a tensor, broadcastable.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: the dtypes differ.

    Source: ``torch.lerp``.

    Example:
        >>> torch.lerp(torch.tensor([0.0]), torch.tensor([10.0]), 0.5)
        tensor([5.])
    """
    if out is not None:
        return into(out, lerp, input, end, weight)
    _need_tensors("lerp", input, end)
    if _dtype(input) != _dtype(end):
        raise RuntimeError(f"expected dtype {input.dtype} for `end` but got dtype {end.dtype}")
    if isinstance(weight, TensorBase):
        if _dtype(weight) != _dtype(input):
            raise RuntimeError(f"expected dtype {input.dtype} for `weight` but got dtype {weight.dtype}")
        # As PyTorch: from whichever end is nearer, so that weight 1 gives `end` exactly.
        near = np.abs(_values(weight)) < 0.5
        return _where(near, input + weight * (end - input), end - (end - input) * (1 - weight))
    if abs(weight) < 0.5:
        return input + (end - input) * weight
    return end - (end - input) * (1 - weight)


def addcmul(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1, out: Any = None) -> Any:
    r"""Return :math:`input + value \cdot a \cdot b`.

    Source: ``torch.addcmul``.

    Example:
        >>> torch.addcmul(torch.ones(1), torch.tensor([2.0]), torch.tensor([3.0]), value=10)
        tensor([61.])
    """
    if out is not None:
        return into(out, addcmul, input, tensor1, tensor2, value=value)
    _need_tensors("addcmul", tensor1, tensor2)
    product = _mul(tensor1, tensor2)
    return _add(input, product if value == 1 else product * value)


def addcdiv(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1, out: Any = None) -> Any:
    r"""Return :math:`input + value \cdot a / b`.

    Raises:
        RuntimeError: both operands of the division are integers.

    Source: ``torch.addcdiv``.

    Example:
        >>> torch.addcdiv(torch.ones(1), torch.tensor([6.0]), torch.tensor([3.0]))
        tensor([3.])
    """
    if out is not None:
        return into(out, addcdiv, input, tensor1, tensor2, value=value)
    _need_tensors("addcdiv", tensor1, tensor2)
    if not {"f", "c"} & {_kind(tensor1), _kind(tensor2)}:
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported. Convert an operand with .float() first"
        )
    quotient = _div(tensor1, tensor2)
    return _add(input, quotient if value == 1 else quotient * value)


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
    a, o = _values(input), _values(out)
    ratio = np.where(a == 0, 0, np.sign(a) * np.sign(o)).astype(_dtype(g))
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
    x, v = _values(input), _values(values)
    if x.dtype != v.dtype:
        raise RuntimeError("heaviside is not yet implemented for tensors with different dtypes.")
    return wrap(np.where(x == 0, v, np.where(x < 0, 0, 1)).astype(x.dtype))


def _xlogy_forward(input: Any, other: Any) -> Any:
    kind = getattr(input if isinstance(input, np.ndarray) else other, "dtype", None)
    product = input * np.log(other, dtype=kind)
    return np.where((np.asarray(input) == 0) & ~np.isnan(other), np.zeros((), product.dtype), product)


def _xlogy_rule(g: Any, input: Any, other: Any) -> Any:
    zero = (_values(input) == 0) & (_values(other) <= 0)
    safe = _where(zero, np.ones((), _dtype(g)), other)
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


subtract, multiply, divide, true_divide, clip, arctan2 = sub, mul, div, div, clamp, atan2
