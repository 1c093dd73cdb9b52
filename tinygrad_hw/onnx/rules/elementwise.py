"""Arithmetic, comparisons, functions of one number, and other dtypes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_hw.onnx.graph import Graph, rule

__all__: list[str] = []

#: Ops that ONNX has under another name, with the same arguments.
_NAMES = {
    "abs": "Abs", "neg": "Neg", "sign": "Sign", "sgn": "Sign", "sqrt": "Sqrt", "reciprocal": "Reciprocal",
    "exp": "Exp", "log": "Log", "sin": "Sin", "cos": "Cos", "tan": "Tan", "asin": "Asin", "acos": "Acos",
    "atan": "Atan", "sinh": "Sinh", "cosh": "Cosh", "tanh": "Tanh", "asinh": "Asinh", "acosh": "Acosh",
    "atanh": "Atanh", "sigmoid": "Sigmoid", "erf": "Erf", "floor": "Floor", "ceil": "Ceil", "isnan": "IsNaN",
    "isinf": "IsInf", "sub": "Sub", "div": "Div",
}  # fmt: skip


def _declare(name: str, kind: str) -> None:
    @rule(name)
    def write(g: Graph, input: Any, other: Any = None) -> Any:
        return g.op(kind, input) if other is None else g.op(kind, input, other)


for _name, _kind in _NAMES.items():
    _declare(_name, _kind)


def kind_of(g: Graph, *values: Any) -> Any:
    """Return the dtype of the first tensor among the arguments."""
    return next((g.dtype_of(v) for v in values if hasattr(v, "array")), np.dtype(np.float32))


def is_int(kind: Any) -> bool:
    """Return whether a dtype is an integer one."""
    return bool(kind.kind in "iu")


def _binary(name: str, kind: str, for_bool: str) -> None:
    """Declare arithmetic that is logic on booleans."""

    @rule(name)
    def write(g: Graph, input: Any, other: Any) -> Any:
        return g.op(for_bool if kind_of(g, input, other) == np.bool_ else kind, input, other)


for _name, _kind, _logic in (
    ("add", "Add", "Or"), ("mul", "Mul", "And"), ("maximum", "Max", "Or"), ("minimum", "Min", "And"),
):  # fmt: skip
    _binary(_name, _kind, _logic)


@rule("fmax", "clamp_below")
def _fmax(g: Graph, input: Any, other: Any) -> Any:
    return g.op("Max", input, other)


@rule("fmin", "clamp_above")
def _fmin(g: Graph, input: Any, other: Any) -> Any:
    return g.op("Min", input, other)


# -- quotients and powers --------------------------------------------------------------------------


def trunc(g: Graph, x: Any, kind: Any) -> Any:
    """Round towards zero."""
    down = g.op("Less", x, np.zeros((), kind))
    return g.op("Where", down, g.op("Ceil", x), g.op("Floor", x))


@rule("floor_divide", "div_floor")
def _floor_divide(g: Graph, input: Any, other: Any) -> Any:
    if is_int(kind_of(g, input, other)):
        return g.op("Div", g.op("Sub", input, g.op("Mod", input, other)), g.name(other, kind_of(g, input)))
    return g.op("Floor", g.op("Div", input, other))


@rule("div_trunc")
def _div_trunc(g: Graph, input: Any, other: Any) -> Any:
    kind = kind_of(g, input, other)
    quotient = g.op("Div", input, other)
    return quotient if is_int(kind) else trunc(g, quotient, kind)


@rule("remainder")
def _remainder(g: Graph, input: Any, other: Any) -> Any:
    kind = kind_of(g, input, other)
    if is_int(kind):
        return g.op("Mod", input, other)
    other = g.name(other, kind)
    return g.op("Sub", g.name(input, kind), g.op("Mul", g.op("Floor", g.op("Div", g.name(input, kind), other)), other))


@rule("fmod")
def _fmod(g: Graph, input: Any, other: Any) -> Any:
    return g.op("Mod", input, other, fmod=1)


@rule("pow_scalar")
def _pow_scalar(g: Graph, input: Any, exponent: Any) -> Any:
    if exponent == 2:
        return g.op("Mul", input, input)
    if exponent == 0.5 and not is_int(input.dtype):
        return g.op("Sqrt", input)
    return g.op("Pow", input, exponent)


@rule("pow_tensor")
def _pow(g: Graph, input: Any, other: Any) -> Any:
    return g.op("Pow", input, other)


@rule("square")
def _square(g: Graph, input: Any) -> Any:
    return g.op("Mul", input, input)


@rule("rsqrt")
def _rsqrt(g: Graph, input: Any) -> Any:
    return g.op("Reciprocal", g.op("Sqrt", input))


@rule("exp2")
def _exp2(g: Graph, input: Any) -> Any:
    return g.op("Pow", np.asarray(2, input.dtype), input)


@rule("expm1")
def _expm1(g: Graph, input: Any) -> Any:
    return g.op("Sub", g.op("Exp", input), np.asarray(1, input.dtype))


def _scaled(name: str, kind: str, factor: float) -> None:
    """Declare a function times a factor; ``Identity`` for none."""

    @rule(name)
    def write(g: Graph, input: Any) -> Any:
        x = input if kind == "Identity" else g.op(kind, input)
        return g.op("Mul", x, np.asarray(factor, input.dtype))


for _name, _kind, _factor in (
    ("log2", "Log", 1 / math.log(2)), ("log10", "Log", 1 / math.log(10)),
    ("deg2rad", "Identity", math.pi / 180), ("rad2deg", "Identity", 180 / math.pi),
):  # fmt: skip
    _scaled(_name, _kind, _factor)


@rule("log1p")
def _log1p(g: Graph, input: Any) -> Any:
    return g.op("Log", g.op("Add", input, 1))


@rule("erfc")
def _erfc(g: Graph, input: Any) -> Any:
    return g.op("Sub", np.asarray(1, input.dtype), g.op("Erf", input))


@rule("trunc")
def _trunc(g: Graph, input: Any) -> Any:
    return g.name(input) if is_int(input.dtype) else trunc(g, input, input.dtype)


@rule("frac")
def _frac(g: Graph, input: Any) -> Any:
    return g.op("Sub", input, trunc(g, input, input.dtype))


@rule("round")
def _round(g: Graph, input: Any, decimals: int) -> Any:
    if is_int(input.dtype):
        return g.name(input)
    if not decimals:
        return g.op("Round", input)
    unit = np.asarray(10.0**decimals, input.dtype)
    return g.op("Div", g.op("Round", g.op("Mul", input, unit)), unit)


@rule("sinc")
def _sinc(g: Graph, input: Any) -> Any:
    x = g.op("Mul", input, math.pi)
    one = np.ones((), input.dtype)
    return g.op("Where", g.op("Equal", input, 0), one, g.op("Div", g.op("Sin", x), x))


@rule("logit")
def _logit(g: Graph, input: Any) -> Any:
    return g.op("Log", g.op("Div", input, g.op("Sub", np.ones((), input.dtype), input)))


@rule("logit_clip")
def _logit_clip(g: Graph, input: Any, eps: float) -> Any:
    return g.op("Clip", input, eps, 1 - eps)


@rule("nan_to_num")
def _nan_to_num(g: Graph, input: Any, nan: Any, posinf: Any, neginf: Any) -> Any:
    kind = input.dtype
    if is_int(kind):
        return g.name(input)
    limits = np.finfo(kind)
    high = np.asarray(limits.max if posinf is None else posinf, kind)
    low = np.asarray(limits.min if neginf is None else neginf, kind)
    x = g.op("Where", g.op("IsNaN", input), np.asarray(nan or 0, kind), input)
    x = g.op("Where", g.op("IsInf", x, detect_negative=0), high, x)
    return g.op("Where", g.op("IsInf", x, detect_positive=0), low, x)


# -- two numbers -----------------------------------------------------------------------------------


@rule("hypot")
def _hypot(g: Graph, input: Any, other: Any) -> Any:
    return g.op("Sqrt", g.op("Add", g.op("Mul", input, input), g.op("Mul", other, other)))


@rule("atan2")
def _atan2(g: Graph, input: Any, other: Any) -> Any:
    kind = kind_of(g, input, other)
    y, x, zero = g.name(input, kind), g.name(other, kind), np.zeros((), kind)
    left, below = g.op("Less", x, zero), g.op("Less", y, zero)
    turn = g.op("Where", below, np.asarray(-math.pi, kind), np.asarray(math.pi, kind))
    angle = g.op("Add", g.op("Atan", g.op("Div", y, x)), g.op("Where", left, turn, zero))
    origin = g.op("And", g.op("Equal", x, zero), g.op("Equal", y, zero))
    return g.op("Where", origin, zero, angle)


def _logaddexp(name: str, base: float) -> None:
    @rule(name)
    def write(g: Graph, input: Any, other: Any) -> Any:
        kind = kind_of(g, input, other)
        apart = g.op("Neg", g.op("Abs", g.op("Sub", input, other)))
        power = g.op("Exp", g.op("Mul", apart, np.asarray(math.log(base), kind)))
        more = g.op("Log", g.op("Add", power, np.asarray(1, kind)))
        return g.op("Add", g.op("Max", input, other), g.op("Mul", more, np.asarray(1 / math.log(base), kind)))


_logaddexp("logaddexp", math.e)
_logaddexp("logaddexp2", 2.0)


@rule("xlogy")
def _xlogy(g: Graph, input: Any, other: Any) -> Any:
    kind = kind_of(g, input, other)
    zero = np.zeros((), kind)
    x = g.name(input, kind)
    return g.op("Where", g.op("Equal", x, zero), zero, g.op("Mul", x, g.op("Log", g.name(other, kind))))


@rule("where")
def _where(g: Graph, condition: Any, input: Any, other: Any) -> Any:
    kind = kind_of(g, input, other)
    return g.op("Where", g.cast(condition, np.bool_), g.name(input, kind), g.name(other, kind))


@rule("clamp")
def _clamp(g: Graph, input: Any, min: Any, max: Any) -> Any:
    if min is not None and max is not None and min > max:
        return g.op("Min", g.op("Max", input, min), np.asarray(max, input.dtype))
    return g.op("Clip", input, min, max)


# -- comparisons and logic -------------------------------------------------------------------------


def _comparison(name: str, kind: str, negated: bool) -> None:
    @rule(name)
    def write(g: Graph, input: Any, other: Any) -> Any:
        dtype = kind_of(g, input, other)
        x, y = g.name(input, dtype), g.name(other, dtype)
        if dtype == np.bool_ and kind != "Equal":
            x, y = (g.op("Cast", i, to=6) for i in (x, y))
        found = g.op(kind, x, y)
        return g.op("Not", found) if negated else found


for _name, _kind, _negated in (
    ("eq", "Equal", False), ("ne", "Equal", True), ("lt", "Less", False), ("le", "LessOrEqual", False),
    ("gt", "Greater", False), ("ge", "GreaterOrEqual", False),
):  # fmt: skip
    _comparison(_name, _kind, _negated)


@rule("F.heaviside")
def _heaviside(g: Graph, input: Any, values: Any) -> Any:
    kind = input.dtype
    zero, one = np.zeros((), kind), np.ones((), kind)
    sides = g.op("Where", g.op("Less", input, zero), zero, one)
    return g.op("Where", g.op("Equal", input, zero), g.name(values, kind), sides)


@rule("F.isclose")
def _isclose(g: Graph, input: Any, other: Any, rtol: float, atol: float, equal_nan: bool) -> Any:
    kind = np.dtype(np.float64)
    a, b = g.cast(input, kind), g.cast(other, kind)
    limit = g.op("Add", g.op("Mul", g.op("Abs", b), np.asarray(rtol, kind)), np.asarray(atol, kind))
    near = g.op("LessOrEqual", g.op("Abs", g.op("Sub", a, b)), limit)
    near = g.op("Or", near, g.op("Equal", a, b))
    return g.op("Or", near, g.op("And", g.op("IsNaN", a), g.op("IsNaN", b))) if equal_nan else near


def _logical(name: str, kind: str) -> None:
    @rule("logical_" + name)
    def write_logical(g: Graph, input: Any, other: Any) -> Any:
        return g.op(kind, g.cast(input, np.bool_), g.cast(other, np.bool_))

    @rule("bitwise_" + name)
    def write_bitwise(g: Graph, input: Any, other: Any) -> Any:
        if kind_of(g, input, other) == np.bool_:
            return g.op(kind, input, other)
        return _bitwise(g, "Bitwise" + kind, input, other)


def _bitwise(g: Graph, kind: str, *inputs: Any) -> Any:
    if g.opset < 18:
        g.fail(f"{kind} needs opset_version=18 or later, not {g.opset}")
    return g.op(kind, *inputs)


for _name, _kind in (("and", "And"), ("or", "Or"), ("xor", "Xor")):
    _logical(_name, _kind)


@rule("logical_not")
def _logical_not(g: Graph, input: Any) -> Any:
    return g.op("Not", g.cast(input, np.bool_))


@rule("bitwise_not")
def _bitwise_not(g: Graph, input: Any) -> Any:
    return g.op("Not", input) if input.dtype == np.bool_ else _bitwise(g, "BitwiseNot", input)


@rule("isfinite")
def _isfinite(g: Graph, input: Any) -> Any:
    if input.dtype.kind != "f":
        return g.op("Equal", input, input)
    return g.op("Not", g.op("Or", g.op("IsNaN", input), g.op("IsInf", input)))


@rule("isposinf")
def _isposinf(g: Graph, input: Any) -> Any:
    return g.op("IsInf", input, detect_negative=0)


@rule("isneginf")
def _isneginf(g: Graph, input: Any) -> Any:
    return g.op("IsInf", input, detect_positive=0)


@rule("signbit")
def _signbit(g: Graph, input: Any) -> Any:
    return g.op("Less", input, 0)


# -- dtypes ----------------------------------------------------------------------------------------


@rule("cast", "F._integers")
def _cast(g: Graph, input: Any, dtype: Any) -> Any:
    return g.cast(input, np.dtype(dtype))


@rule("copy_into")
def _copy_into(g: Graph, input: Any, src: Any) -> Any:
    x = g.cast(src, input.dtype) if hasattr(src, "array") else g.name(src, input.dtype)
    return x if getattr(src, "shape", None) == input.shape else g.expand(x, input.shape)


@rule("clone")
def _clone(g: Graph, input: Any, order: Any = None) -> Any:
    return g.name(input)


@rule("fill")
def _fill(g: Graph, input: Any, value: Any) -> Any:
    return g.expand(g.name(value, input.dtype), input.shape)
