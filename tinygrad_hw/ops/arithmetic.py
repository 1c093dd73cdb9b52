"""Arithmetic of two operands, element by element: sums, products, quotients, remainders, powers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.basics import cast
from tinygrad_hw.autograd.graph import TensorBase, array_of
from tinygrad_hw.autograd.op import op
from tinygrad_hw.autograd.out import into
from tinygrad_hw.kernels import arithmetic as kernels
from tinygrad_hw.ops.selection import _need_tensors, _where, _zero_where
from tinygrad_hw.ops.unary import log as _log

__all__ = [
    "add",
    "addcdiv",
    "addcmul",
    "div",
    "divide",
    "float_power",
    "floor_divide",
    "fmod",
    "lerp",
    "mul",
    "multiply",
    "pow",
    "remainder",
    "rsub",
    "sub",
    "subtract",
    "true_divide",
]


def _kind(value: Any) -> str:
    """Return numpy's kind letter of an operand."""
    if isinstance(value, (TensorBase, np.ndarray)):
        kind = getattr(value, "array", value).dtype.kind
        return {"V": "f", "W": "c"}.get(kind, kind)
    if isinstance(value, complex):
        return "c"
    return "b" if isinstance(value, bool) else "i" if isinstance(value, int) else "f"


# -- sums and products -----------------------------------------------------------------------------

_add = op("add", np.add, promote="same", large=kernels.add, input=lambda g: g, other=lambda g: g)

_sub = op("sub", np.subtract, promote="same", large=kernels.sub, input=lambda g: g, other=lambda g: -g)
_mul = op(
    "mul",
    np.multiply,
    promote="same",
    large=kernels.mul,
    input=lambda g, other: g * other,
    other=lambda g, input: g * input,
)
_div = op(
    "div",
    np.true_divide,
    promote="float",
    large=kernels.div,
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


_BOOL, _NUMBERS = np.dtype(bool), (int, float, complex)


def _minus(input: Any, other: Any) -> Any:
    """The ``-`` operator."""
    for x in (input, other):
        if (x.array.dtype is _BOOL) if isinstance(x, TensorBase) else x.__class__ not in _NUMBERS and _kind(x) == "b":
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
    if getattr(input, "dtype", None) is None or input.dtype.kind not in "fV":
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


def _no_floor_rule(g: Any) -> Any:
    raise RuntimeError("derivative for aten::floor_divide is not implemented: use torch.div(rounding_mode='floor')")


_floor_div = op(
    "floor_divide",
    _floor_div_forward,
    promote="same",
    node_name="NotImplemented",
    input=_no_floor_rule,
    other=_no_floor_rule,
)
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


def _whole(quotient: Any, rounding: Any) -> Any:
    """Return a quotient as a constant, rounded by ``np.floor`` or ``np.trunc``."""
    values = array_of(quotient)
    return np.asarray(rounding(values), values.dtype)


_remainder = op(
    "remainder",
    _remainder_forward,
    promote="same",
    input=lambda g: g,
    other=lambda g, input, other: -g * _whole(input / other, np.floor),
)
_fmod = op(
    "fmod",
    _fmod_forward,
    promote="same",
    tensors=("input",),
    input=lambda g: g,
    other=lambda g, input, other: -g * _whole(input / other, np.trunc),
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
    zero = array_of(other) == 0
    return _zero_where(zero, g * (other * _pow_tensor(input, other - 1)))


def _power_exponent_rule(g: Any, input: Any, other: Any, out: Any) -> Any:
    base, exponent = array_of(input), array_of(other)
    # 0 ** 0 and 0 ** positive have derivative 0 in the exponent; log(0) would make it NaN.
    flat = (base == 0) & (exponent.real >= 0)
    safe = _where(base == 0, np.ones((), base.dtype), input)
    return _zero_where(flat, g * (out * _where(base == 0, np.full((), -np.inf, array_of(out).dtype), _log(safe))))


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
    if array_of(input).dtype != array_of(end).dtype:
        raise RuntimeError(f"expected dtype {input.dtype} for `end` but got dtype {end.dtype}")
    if isinstance(weight, TensorBase):
        if array_of(weight).dtype != array_of(input).dtype:
            raise RuntimeError(f"expected dtype {input.dtype} for `weight` but got dtype {weight.dtype}")
        # As PyTorch: from whichever end is nearer, so that weight 1 gives `end` exactly.
        near = np.abs(array_of(weight)) < 0.5
        return _where(near, input + weight * (end - input), end - (end - input) * (1 - weight))
    if abs(weight) < 0.5:
        return input + (end - input) * weight
    return end - (end - input) * (1 - weight)


def _in_common(input: Any, tensor1: Any, tensor2: Any, value: Any) -> tuple[Any, Any, Any, Any]:
    """Bring three tensors to their common dtype before anything is rounded; for integers the number is one too."""
    kind = array_of(input).dtype
    if array_of(tensor1).dtype != kind or array_of(tensor2).dtype != kind:
        kind = dtypes.result_type_of([array_of(t) for t in (input, tensor1, tensor2)]).numpy
        input, tensor1, tensor2 = (
            cast(t, dtype=kind) if array_of(t).dtype != kind else t for t in (input, tensor1, tensor2)
        )
    return input, tensor1, tensor2, int(value) if kind.kind in "iu" else value


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
    input, tensor1, tensor2, value = _in_common(input, tensor1, tensor2, value)
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
    input, tensor1, tensor2, value = _in_common(input, tensor1, tensor2, value)
    quotient = _div(tensor1, tensor2)
    return _add(input, quotient if value == 1 else quotient * value)


subtract = sub
multiply = mul
divide = div
true_divide = div
