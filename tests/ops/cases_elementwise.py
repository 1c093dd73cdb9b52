"""Arithmetic and functions of one operand, element by element."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from tests.ops.harness import OpCase, T
from tests.ops.short import INT, C, E

ERF = np.vectorize(math.erf, otypes=[float])
ERFC = np.vectorize(math.erfc, otypes=[float])
HALVES = (-2.5, -1.5, -0.5, 0.5, 1.5, 2.5)
WHOLE = (-2.0, -1.0, 0.0, 1.0, 2.0)
NONZERO = {"low": 0.5, "high": 2.0}
POSITIVE_INT = {"dtype": "int64", "low": 1, "high": 6}


def R(reference: Callable[..., Any], path: str, *args: Any, **kw: Any) -> OpCase:
    """A case with a numpy reference."""
    return replace(C(path, *args, **kw), reference=reference)


def special_values(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """NaN, infinities and ordinary numbers."""
    return np.resize(np.array([np.nan, np.inf, -np.inf, 0.5, -1.5, 0.0]), shape)


def ties(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Small whole numbers: many are equal."""
    return rng.integers(-1, 2, shape).astype("float64")


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


# (name, reference, domain, what integer arguments may be)
UNARY: list[tuple[str, Callable[..., Any], dict[str, Any]]] = [
    ("abs", np.abs, {"kinks": (0.0,)}),
    ("absolute", np.abs, {"kinks": (0.0,)}),
    ("acos", np.arccos, {"low": -0.8, "high": 0.8}),
    ("arccos", np.arccos, {"low": -0.8, "high": 0.8}),
    ("acosh", np.arccosh, {"low": 1.3, "high": 3.0}),
    ("arccosh", np.arccosh, {"low": 1.3, "high": 3.0}),
    ("asin", np.arcsin, {"low": -0.8, "high": 0.8}),
    ("arcsin", np.arcsin, {"low": -0.8, "high": 0.8}),
    ("asinh", np.arcsinh, {}),
    ("arcsinh", np.arcsinh, {}),
    ("atan", np.arctan, {}),
    ("arctan", np.arctan, {}),
    ("atanh", np.arctanh, {"low": -0.8, "high": 0.8}),
    ("arctanh", np.arctanh, {"low": -0.8, "high": 0.8}),
    ("ceil", np.ceil, {"kinks": WHOLE}),
    ("cos", np.cos, {}),
    ("cosh", np.cosh, {}),
    ("deg2rad", np.deg2rad, {"low": -180.0, "high": 180.0}),
    ("erf", ERF, {}),
    ("erfc", ERFC, {}),
    ("erfinv", None, {"low": -0.8, "high": 0.8}),
    ("exp", np.exp, {}),
    ("exp2", np.exp2, {}),
    ("special.expit", sigmoid, {}),
    ("expm1", np.expm1, {}),
    ("fix", np.trunc, {"kinks": WHOLE}),
    ("floor", np.floor, {"kinks": WHOLE}),
    ("frac", lambda x: x - np.trunc(x), {"kinks": WHOLE}),
    ("log", np.log, NONZERO),
    ("log1p", np.log1p, {"low": -0.5, "high": 2.0}),
    ("log2", np.log2, NONZERO),
    ("log10", np.log10, NONZERO),
    ("logit", lambda x: np.log(x / (1 - x)), {"low": 0.2, "high": 0.8}),
    ("nan_to_num", np.nan_to_num, {}),
    ("neg", np.negative, {}),
    ("negative", np.negative, {}),
    ("positive", np.positive, {}),
    ("rad2deg", np.rad2deg, {}),
    ("reciprocal", np.reciprocal, NONZERO),
    ("round", np.round, {"kinks": HALVES}),
    ("rsqrt", lambda x: 1 / np.sqrt(x), NONZERO),
    ("sgn", np.sign, {"kinks": (0.0,)}),
    ("sigmoid", sigmoid, {}),
    ("sign", np.sign, {"kinks": (0.0,)}),
    ("sin", np.sin, {}),
    ("sinc", np.sinc, {"kinks": (0.0,)}),
    ("sinh", np.sinh, {}),
    ("sqrt", np.sqrt, NONZERO),
    ("square", np.square, {}),
    ("tan", np.tan, {"low": -1.0, "high": 1.0}),
    ("tanh", np.tanh, {}),
    ("trunc", np.trunc, {"kinks": WHOLE}),
]
ALIASES = {
    "absolute",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctanh",
    "fix",
    "negative",
    "special.expit",
}
NO_INT = {"frac"}
NO_BOOL = {"abs", "neg", "positive", "frac", "ceil", "floor", "trunc", "round", "sign"}


def unary_cases() -> list[OpCase]:
    cases = []
    for name, reference, domain in UNARY:
        cases.append(replace(C(name, T(2, 3, **domain)), reference=reference))
        if name in ALIASES:
            continue
        for shape in ((), (0, 3)):
            cases.append(replace(C(name, T(*shape, **domain)), reference=reference))
        if name not in NO_INT:
            cases.append(C(name, T(4, **INT)))
            cases.append(C(name, T(4, dtype="int8", low=0, high=2)))
        if name not in NO_BOOL:
            cases.append(C(name, T(4, dtype="bool")))
        method = name.rsplit(".", 1)[-1]
        cases.append(C(f"Tensor.{method}", T(3, **domain)))
        cases.append(C(name, T(6, make=special_values, grad=False)))
    return cases


CASES = [
    *unary_cases(),
    *[
        OpCase(path, (T(2, 3),), errors=[E(kind, *args)], label="errors")
        for path, kind, args in [
            ("neg", RuntimeError, (T(3, dtype="bool"),)),
            ("positive", RuntimeError, (T(3, dtype="bool"),)),
            ("exp", TypeError, (2.0,)),
            ("sin", TypeError, ([1.0],)),
            ("sigmoid", TypeError, (1.0,)),
            ("round", TypeError, (1.0,)),
            ("nan_to_num", TypeError, (1.0,)),
            ("abs", TypeError, (1.0,)),
        ]
    ],
    OpCase("frac", (T(3, kinks=WHOLE),), errors=[E(NotImplementedError, T(3, **INT))], label="errors"),
    OpCase(
        "floor",
        (T(3, kinks=WHOLE),),
        errors=[E(NotImplementedError, T(3, dtype="bool"))],
        label="errors",
    ),
    C("round", T(5, low=-20.0, high=20.0, grad=False), decimals=1),
    C("round", T(5, low=-200.0, high=200.0, grad=False), decimals=-1),
    C("logit", T(5, low=0.3, high=0.7), 0.2),
    C("logit", T(5, low=0.0, high=1.0, kinks=(0.2, 0.8), away=0.02), eps=0.2),
    C("logit", T(5, low=-1.0, high=2.0, grad=False), eps=1e-3),
    C("nan_to_num", T(6, make=special_values, grad=False), nan=1.0, posinf=5.0, neginf=-5.0),
    C("nan_to_num", T(6, make=special_values, grad=False), 2.0),
    # -- sums and products
    *[
        R(reference, name, *args)
        for name, reference in (
            ("add", np.add),
            ("sub", np.subtract),
            ("subtract", np.subtract),
            ("mul", np.multiply),
            ("multiply", np.multiply),
            ("rsub", lambda a, b: b - a),
            ("maximum", np.maximum),
            ("minimum", np.minimum),
            ("fmax", np.fmax),
            ("fmin", np.fmin),
            ("logaddexp", np.logaddexp),
            ("logaddexp2", np.logaddexp2),
            ("hypot", np.hypot),
            ("atan2", np.arctan2),
            ("arctan2", np.arctan2),
        )
        for args in (
            (T(2, 3, **NONZERO), T(2, 3, low=-2.0, high=-0.5)),
            (T(2, 1, 3, low=2.5, high=3.0), T(4, 1, **NONZERO)),
            (T(**NONZERO), T(low=-2.0, high=-0.5)),
            (T(2), T(low=2.5, high=3.0)),
            (T(0, 3), T(1)),
        )
    ],
    *[
        C(name, *args)
        for name in ("add", "sub", "mul", "div", "rsub", "true_divide", "xlogy", "copysign")
        for args in (
            (T(3, low=1.0, high=2.0), 2),
            (T(3, low=1.0, high=2.0), 2.5),
            (T(3, **POSITIVE_INT), 2),
            (T(3, **POSITIVE_INT), 2.5),
            (T(3, **POSITIVE_INT), T(3, **POSITIVE_INT)),
            (T(3, **POSITIVE_INT), T(3, dtype="int8", low=1, high=6)),
            (T(3, low=1.0, high=2.0), T(3, **POSITIVE_INT)),
            (T(3, dtype="uint8", low=1, high=6), T(dtype="int64", low=1, high=6)),
            (T(0, **INT), T(0, **INT)),
        )
    ],
    *[
        C(name, *args)
        for name in ("add", "mul", "div")
        for args in (
            (T(3, dtype="bool"), T(3, dtype="int64", low=1, high=3)),
            (T(3, dtype="bool"), 2),
            (T(3, dtype="bool"), 2.5),
            (T(3, dtype="int8", low=1, high=3), True),
        )
    ],
    C("add", T(4, dtype="bool"), T(4, dtype="bool")),
    C("mul", T(4, dtype="bool"), T(4, dtype="bool")),
    *[C(name, T(2, 3), T(3), alpha=alpha) for name in ("add", "sub", "rsub", "subtract") for alpha in (2, 0.5, -1, 0)],
    *[C(name, T(2, 3, **INT), T(3, **INT), alpha=3) for name in ("add", "sub", "rsub")],
    C("add", T(3), 2.0, alpha=3),
    C("sub", T(3), 2.0, alpha=3),
    OpCase(
        "add",
        (T(3), T(3)),
        label="errors",
        errors=[
            E(RuntimeError, T(3), T(4)),
            E(RuntimeError, T(3, **INT), T(3, **INT), alpha=0.5),
            E(RuntimeError, T(3, **INT), T(3, **INT), alpha=True),
            E(TypeError, T(3), "a"),
            E(TypeError, T(3), None),
            E(TypeError, T(3), [1.0, 2.0, 3.0]),
        ],
    ),
    OpCase(
        "sub",
        (T(3), T(3)),
        label="errors",
        errors=[
            E(RuntimeError, T(3, dtype="bool"), T(3, dtype="bool")),
            E(RuntimeError, T(3), T(3, dtype="bool")),
            E(RuntimeError, T(3, dtype="bool"), T(3)),
            E(RuntimeError, T(3), T(2)),
        ],
    ),
    OpCase("mul", (T(3), T(3)), label="errors", errors=[E(RuntimeError, T(2, 3), T(2)), E(TypeError, T(3), "a")]),
    # -- quotients
    *[
        R(np.true_divide, name, *args)
        for name in ("div", "divide", "true_divide")
        for args in (
            (T(2, 3), T(2, 3, **NONZERO)),
            (T(2, 1, 3), T(4, 1, **NONZERO)),
            (T(), T(**NONZERO)),
            (T(0, 3), T(1, **NONZERO)),
        )
    ],
    *[
        C(name, *args, **kw)
        for name, kw in (
            ("div", {"rounding_mode": "trunc"}),
            ("div", {"rounding_mode": "floor"}),
            ("floor_divide", {}),
            ("remainder", {}),
            ("fmod", {}),
        )
        for args in (
            (T(3, 3, low=-9.0, high=9.0, grad=False), T(3, grad=False, kinks=(0.0,), away=0.3)),
            (T(low=-9.0, high=9.0, grad=False), T(low=0.7, high=1.0, grad=False)),
            (T(0, 3, grad=False), T(1, grad=False)),
            (T(3, grad=False), 0.7),
            (T(9, **INT), T(9, dtype="int64", low=-5, high=0)),
            (T(9, **INT), 3),
            (T(9, **INT), -3),
            (T(9, **INT), 1.5),
            (T(9, dtype="uint8", low=0, high=9), T(9, dtype="uint8", low=1, high=4)),
            (T(3, 1, **INT), T(4, **POSITIVE_INT)),
            (T(6, make=special_values, grad=False), 2.0),
            (T(3, grad=False), 0.0),
        )
    ],
    C("remainder", T(3, low=1.1, high=1.4), T(2, 1, low=0.8, high=1.0)),
    C("fmod", T(3, low=-1.4, high=-1.1), T(2, 1, low=0.8, high=1.0)),
    C("remainder", 5, T(3, **POSITIVE_INT)),
    C("remainder", T(3, low=1.1, high=1.4), 1.0),
    C("fmod", T(3, low=1.1, high=1.4), 1.0),
    *[
        C("div", T(3, low=1.1, high=1.4), T(3, low=0.8, high=1.0), rounding_mode=mode, orders=1)
        for mode in ("trunc", "floor")
    ],
    OpCase(
        "div",
        (T(3), T(3, **NONZERO)),
        label="errors",
        errors=[
            E(RuntimeError, T(3), T(3), rounding_mode="up"),
            E(RuntimeError, T(3, **INT), 0, rounding_mode="floor"),
            E(RuntimeError, T(3, **INT), 0, rounding_mode="trunc"),
            E(RuntimeError, T(3), T(2)),
        ],
    ),
    OpCase("floor_divide", (T(3, **INT), 2), orders=0, label="errors", errors=[E(RuntimeError, T(3, **INT), 0)]),
    OpCase("remainder", (T(3, **INT), 2), orders=0, label="errors", errors=[E(RuntimeError, T(3, **INT), 0)]),
    OpCase("fmod", (T(3, **INT), 2), orders=0, label="errors", errors=[E(RuntimeError, T(3, **INT), 0)]),
    # -- powers
    R(np.power, "pow", T(2, 3, **NONZERO), T(2, 3)),
    R(np.power, "pow", T(2, 1, 3, **NONZERO), T(4, 1)),
    R(np.power, "pow", T(**NONZERO), T()),
    R(np.power, "pow", T(0, 3, **NONZERO), T(3)),
    *[C("pow", T(3, **NONZERO), e) for e in (2, 3, 0, 1, -1, -2, 0.5, -0.5, 2.5, 0.0, 1.0, 2.0)],
    C("pow", T(3), 3),
    C("pow", T(3), 2),
    C("pow", 2.0, T(3)),
    C("pow", 2, T(3)),
    C("pow", 2, T(3, **POSITIVE_INT)),
    C("pow", 2.5, T(3, **INT)),
    C("pow", T(5, **INT), 2),
    C("pow", T(5, **INT), 0),
    C("pow", T(5, **POSITIVE_INT), 0.5),
    C("pow", T(5, **POSITIVE_INT), -1.0),
    C("pow", T(9, **INT), T(9, **POSITIVE_INT)),
    C("pow", T(3, **NONZERO), T(3, **INT)),
    C("pow", T(3, **POSITIVE_INT), T(3)),
    C("pow", T(6, make=special_values, grad=False), 2),
    C("pow", T(6, make=special_values, grad=False), 0.5),
    C("pow", T(9, make=ties, grad=False), T(9, make=ties, grad=False)),
    OpCase(
        "pow",
        (T(3, **NONZERO), 2),
        label="errors",
        errors=[E(RuntimeError, T(3, **INT), -1), E(RuntimeError, T(3), T(2)), E(TypeError, T(3), "a")],
    ),
    C("float_power", T(3, **NONZERO), 2),
    C("float_power", T(3, **NONZERO), T(2, 1)),
    C("float_power", T(3, **POSITIVE_INT), -1),
    C("float_power", 2, T(3)),
    C("float_power", T(3, **POSITIVE_INT), T(3, **INT)),
    # -- choosing
    R(np.where, "where", T(2, 3, dtype="bool"), T(2, 3), T(2, 3)),
    R(np.where, "where", T(2, 1, dtype="bool"), T(3), T()),
    R(np.where, "where", T(dtype="bool"), T(), T()),
    R(np.where, "where", T(0, dtype="bool"), T(0), T(1)),
    C("where", T(4, dtype="bool"), T(4), 0.0),
    C("where", T(4, dtype="bool"), 1, T(4)),
    C("where", T(4, dtype="bool"), 1, 0),
    C("where", T(4, dtype="bool"), 1.0, 0),
    C("where", T(4, dtype="bool"), T(4, **INT), 2.5),
    C("where", T(4, dtype="bool"), T(4, **INT), T(4)),
    C("where", T(4, dtype="bool")),
    C("where", T(2, 3, dtype="bool")),
    C("where", T(2, 3, **INT)),
    OpCase(
        "where",
        (T(3, dtype="bool"), T(3), T(3)),
        label="errors",
        errors=[
            E(RuntimeError, T(3), T(3), T(3)),
            E(RuntimeError, T(3, dtype="bool"), T(2), T(3)),
            E(TypeError, [True], T(3), T(3)),
        ],
    ),
    *[
        C(name, *args)
        for name in ("maximum", "minimum", "fmax", "fmin")
        for args in (
            (T(9, make=ties, grad=False), T(9, make=ties, grad=False)),
            (T(4, **INT), T(4, **INT)),
            (T(4, **INT), T(4)),
            (T(4, dtype="bool"), T(4, dtype="bool")),
            (T(2, 6, make=special_values, grad=False), T(2, 1, make=special_values, grad=False)),
        )
    ],
    *[
        OpCase(name, (T(9, make=ties), T(9, make=ties)), orders=0, label="ties")
        for name in ("maximum", "minimum", "fmax", "fmin")
    ],
    *[
        OpCase(
            name,
            (T(3, **NONZERO), T(3, low=-2.0, high=-0.5)),
            label="errors",
            errors=[E(TypeError, T(3), 1.0), E(RuntimeError, T(3), T(2))],
        )
        for name in ("maximum", "minimum", "fmax", "fmin", "hypot", "logaddexp", "logaddexp2", "atan2")
    ],
    *[
        C(name, T(2, 4, kinks=(-0.5, 0.5)), *args, **kw)
        for name in ("clamp", "clip", "Tensor.clamp")
        for args, kw in (
            ((-0.5, 0.5), {}),
            ((), {"min": -0.5}),
            ((), {"max": 0.5}),
            ((None, 0.5), {}),
        )
    ],
    R(np.maximum, "clamp_min", T(4, kinks=(0.5,)), 0.5),
    R(np.minimum, "clamp_max", T(4, kinks=(0.5,)), 0.5),
    C("clamp", T(low=1.0, high=2.0), 0, 0.5),
    C("clamp", T(0, 2), 0, 1),
    C("clamp", T(3, low=-0.4, high=0.4), 1.0, -1.0),
    C("clamp", T(5, **INT), -1, 2),
    C("clamp", T(5, **INT), -1.5, 2),
    C("clamp", T(5, **INT), max=0.5),
    C("clamp", T(6, make=special_values, grad=False), -1.0, 1.0),
    C("clamp", T(2, 3), T(3, low=-0.5, high=0.5), T(3, low=1.0, high=1.5)),
    C("clamp", T(2, 3), min=T(1, low=-0.5, high=0.5)),
    C("clamp", T(2, 3), max=T(1, low=-0.5, high=0.5)),
    C("clamp_min", T(2, 3), T(3, low=-0.5, high=0.5)),
    C("clamp_max", T(2, 3), T(3, low=-0.5, high=0.5)),
    C("clamp", T(3), T(3, low=1.0, high=1.5), T(3, low=-0.5, high=0.5)),
    OpCase(
        "clamp",
        (T(3), -5.0, 5.0),
        label="errors",
        errors=[E(RuntimeError, T(3)), E(TypeError, T(3), "a"), E(TypeError, T(3), T(3), 1.0)],
    ),
    # -- combinations
    R(lambda a, b, w: a + w * (b - a), "lerp", T(2, 3), T(2, 3), 0.3),
    R(lambda a, b, w: a + w * (b - a), "lerp", T(2, 3), T(3), 0.7),
    R(lambda a, b, w: a + w * (b - a), "lerp", T(2, 1), T(3), T(2, 3, low=0.1, high=0.9, kinks=(0.5,))),
    C("lerp", T(), T(), 0.5),
    C("lerp", T(0), T(0), T()),
    OpCase(
        "lerp",
        (T(3), T(3), 0.25),
        label="errors",
        errors=[
            E(RuntimeError, T(3), T(3, **INT), 0.5),
            E(RuntimeError, T(3), T(2), 0.5),
            E(RuntimeError, T(3), T(3), T(3, **INT)),
            E(TypeError, T(3), 1.0, 0.5),
        ],
    ),
    R(lambda x, a, b: x + a * b, "addcmul", T(2, 3), T(3), T(2, 1)),
    C("addcmul", T(2, 3), T(3), T(2, 1), value=0.5),
    C("addcmul", T(3, **INT), T(3, **INT), T(3, **INT), value=2),
    C("addcmul", T(), T(), T()),
    C("addcmul", T(0), T(1), T(0)),
    R(lambda x, a, b: x + a / b, "addcdiv", T(2, 3), T(3), T(2, 1, **NONZERO)),
    C("addcdiv", T(2, 3), T(3), T(2, 1, **NONZERO), value=0.5),
    C("addcdiv", T(), T(), T(**NONZERO)),
    C("addcdiv", T(0), T(1), T(0)),
    OpCase(
        "addcmul",
        (T(3), T(3), T(3)),
        label="errors",
        errors=[E(RuntimeError, T(3), T(3), T(2)), E(TypeError, T(3), T(3), 1.0)],
    ),
    OpCase(
        "addcdiv",
        (T(3), T(3), T(3, **NONZERO)),
        label="errors",
        errors=[
            E(RuntimeError, T(3, **INT), T(3, **INT), T(3, **POSITIVE_INT)),
            E(RuntimeError, T(3), T(3), T(2)),
            E(TypeError, T(3), T(3), 1.0),
        ],
    ),
    C("atan2", T(4, **INT), T(4, **POSITIVE_INT)),
    R(np.copysign, "copysign", T(2, 3, kinks=(0.0,)), T(3, kinks=(0.0,))),
    R(np.copysign, "copysign", T(kinks=(0.0,)), T(kinks=(0.0,))),
    R(np.copysign, "copysign", T(3, kinks=(0.0,)), -1.0),
    R(np.copysign, "copysign", T(0), T(0)),
    C("copysign", T(9, make=ties, grad=False), T(9, make=ties, grad=False)),
    R(np.heaviside, "heaviside", T(9, make=ties, grad=False), T(9, grad=False)),
    R(np.heaviside, "heaviside", T(grad=False), T(grad=False)),
    R(np.heaviside, "heaviside", T(2, 3, make=ties, grad=False), T(1, grad=False)),
    R(np.heaviside, "heaviside", T(5, **INT), T(5, **INT)),
    C("heaviside", T(0, grad=False), T(1, grad=False)),
    OpCase(
        "heaviside",
        (T(3, grad=False), T(3, grad=False)),
        label="errors",
        orders=0,
        errors=[E(RuntimeError, T(3), T(3, **INT)), E(TypeError, T(3), 1.0)],
    ),
    R(lambda a, b: a * np.log(b), "xlogy", T(2, 3), T(3, **NONZERO)),
    R(lambda a, b: a * np.log(b), "xlogy", T(), T(**NONZERO)),
    C("xlogy", T(0), T(0)),
    C("xlogy", 2.0, T(3, **NONZERO)),
    C("xlogy", T(9, make=ties, grad=False), T(9, make=ties, grad=False)),
    # -- operators and methods
    *[
        C(f"Tensor.{name}", T(2, 3, **NONZERO), T(3, **NONZERO))
        for name in (
            "__add__",
            "__radd__",
            "__sub__",
            "__rsub__",
            "__mul__",
            "__rmul__",
            "__truediv__",
            "__rtruediv__",
            "__pow__",
            "__rpow__",
            "add",
            "sub",
            "subtract",
            "mul",
            "multiply",
            "div",
            "divide",
            "true_divide",
            "pow",
            "maximum",
            "minimum",
            "fmax",
            "fmin",
            "hypot",
            "atan2",
            "arctan2",
            "logaddexp",
            "logaddexp2",
            "xlogy",
            "copysign",
            "float_power",
        )
    ],
    *[
        C(f"Tensor.{name}", T(5, **POSITIVE_INT), T(5, **POSITIVE_INT))
        for name in ("__floordiv__", "__rfloordiv__", "__mod__", "__rmod__", "remainder", "fmod", "floor_divide")
    ],
    *[
        C(f"Tensor.{name}", T(3, **NONZERO), 2)
        for name in ("__add__", "__rsub__", "__rtruediv__", "__rpow__", "__mod__", "__pow__")
    ],
    *[C(f"Tensor.{name}", T(3, grad=False), 0.7) for name in ("__floordiv__", "__rfloordiv__", "__rmod__")],
    *[C(f"Tensor.{name}", T(3, kinks=(0.0,))) for name in ("__neg__", "__pos__", "__abs__")],
    C("Tensor.lerp", T(3), T(3), 0.25),
    C("Tensor.addcmul", T(3), T(3), T(3), value=2),
    C("Tensor.addcdiv", T(3), T(3), T(3, **NONZERO), value=2),
    C("Tensor.where", T(3), T(3, dtype="bool"), T(3)),
    C("Tensor.heaviside", T(3, grad=False), T(3, grad=False)),
    C("Tensor.clip", T(4, kinks=(0.5,)), max=0.5),
    C("Tensor.clamp_min", T(4, kinks=(0.5,)), 0.5),
    C("Tensor.clamp_max", T(4, kinks=(0.5,)), 0.5),
    # -- in place
    *[
        C(f"Tensor.{name}_", T(2, 3, grad=False, **NONZERO), T(3, grad=False, **NONZERO))
        for name in (
            "add",
            "sub",
            "mul",
            "div",
            "pow",
            "remainder",
            "fmod",
            "floor_divide",
            "hypot",
            "atan2",
            "xlogy",
            "copysign",
        )
    ],
    *[C(f"Tensor.{name}_", T(3, **POSITIVE_INT), 2) for name in ("add", "sub", "mul", "pow", "remainder")],
    C("Tensor.clamp_", T(3, grad=False), -0.5, 0.5),
    C("Tensor.lerp_", T(3, grad=False), T(3, grad=False), 0.25),
    C("Tensor.addcmul_", T(3, grad=False), T(3, grad=False), T(3, grad=False), value=2),
    C("Tensor.addcdiv_", T(3, grad=False), T(3, grad=False), T(3, grad=False, **NONZERO)),
    OpCase(
        "Tensor.div_",
        (T(3, grad=False), 2.0),
        orders=0,
        label="errors",
        errors=[E(RuntimeError, T(3, **INT), 2), E(RuntimeError, T(3), T(2, 3))],
    ),
    OpCase(
        "Tensor.add_",
        (T(3, grad=False), 2.0),
        orders=0,
        label="errors",
        errors=[E(RuntimeError, T(3, **INT), 0.5), E(RuntimeError, T(3, **INT), T(3))],
    ),
]
