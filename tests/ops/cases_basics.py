"""One plain case for every op of arithmetic, functions, comparison, reduction, shape and indexing."""

from __future__ import annotations

import numpy as np

from tests.ops.harness import OpCase, T, distinct

P = {"low": 0.3, "high": 2.0}


def D(*shape):
    return T(*shape, make=distinct)


def I(*shape, low=1, high=6):  # noqa: E743 - stands for integers
    return T(*shape, low=low, high=high, dtype="int64")


def B(*shape):
    return T(*shape, dtype="bool")


def overwritten(tensors):
    """A recorded tensor with one row written through a view."""
    x, row = tensors
    y = x * 1
    y[0].copy_(row)
    return [y, row]


def compared(tensors):
    """A recorded tensor that a comparison is written into, and what that leaves of its history."""
    x, y = tensors
    z = x * 1
    z.gt_(0)
    return [z, y]


UNARY = {
    "neg": {}, "abs": {"kinks": (0.0,)}, "sign": {"kinks": (0.0,)}, "sgn": {"kinks": (0.0,)}, "square": {},
    "sqrt": P, "rsqrt": P, "reciprocal": P, "exp": {}, "exp2": {}, "expm1": {}, "log": P, "log2": P, "log10": P,
    "log1p": P, "sin": {}, "cos": {}, "tan": {"low": -1, "high": 1}, "asin": {"low": -0.9, "high": 0.9},
    "acos": {"low": -0.9, "high": 0.9}, "atan": {}, "sinh": {}, "cosh": {}, "tanh": {}, "asinh": {},
    "acosh": {"low": 1.2, "high": 3}, "atanh": {"low": -0.9, "high": 0.9}, "sigmoid": {}, "erf": {}, "erfc": {},
    "erfinv": {"low": -0.9, "high": 0.9}, "floor": {"kinks": (-1.0, 0.0, 1.0)}, "ceil": {"kinks": (-1.0, 0.0, 1.0)},
    "trunc": {"kinks": (-1.0, 0.0, 1.0)}, "frac": {"kinks": (-1.0, 0.0, 1.0)}, "deg2rad": {}, "rad2deg": {},
    "sinc": {}, "round": {"kinks": (-1.5, -0.5, 0.5, 1.5)}, "nan_to_num": {}, "logit": {"low": 0.1, "high": 0.9},
}  # fmt: skip
BINARY = {
    "add": {}, "sub": {}, "mul": {}, "div": P, "maximum": {}, "minimum": {}, "fmax": {}, "fmin": {}, "hypot": P,
    "atan2": P, "logaddexp": {}, "logaddexp2": {}, "copysign": P, "pow": P, "xlogy": P, "float_power": P,
}  # fmt: skip
COMPARE = ["eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor"]
TESTS = ["isnan", "isinf", "isfinite", "isposinf", "isneginf", "signbit", "isreal", "logical_not"]

CASES = [
    *[OpCase(n, (T(*s, **k),)) for n, k in UNARY.items() for s in ((3, 4), (), (0, 2))],
    *[
        OpCase(n, (I(3),), orders=0)
        for n in UNARY
        if n not in ("acosh", "frac", "erfinv", "asin", "acos", "atanh", "logit")
    ],
    OpCase("round", (T(4, kinks=()),), {"decimals": 1}, orders=0, label="decimals"),
    OpCase("logit", (T(4, low=0.3, high=0.7),), {"eps": 0.1}, label="eps"),
    OpCase("clamp", (T(3, 4, kinks=(-0.5, 0.5)), -0.5, 0.5), label="numbers", errors=[((T(3),), {}, RuntimeError)]),
    OpCase("clamp", (T(3, 4, kinks=(0.0,)),), {"min": 0}, label="min"),
    OpCase("clamp", (T(3, 4), T(4, low=-3, high=-2.5), T(4, low=2.5, high=3)), label="tensors"),
    OpCase("clamp", (D(3, 4), T(4, low=-0.01, high=0.01)), label="tensor min"),
    OpCase("clamp", (D(3, 4),), {"max": T(4, low=-0.01, high=0.01)}, label="tensor max"),
    *[
        OpCase(n, (T(*a, **k), T(*b, **k)))
        for n, k in BINARY.items()
        for a, b in (((3, 4), (4,)), ((), ()), ((0, 2), (2,)))
    ],
    *[
        OpCase(n, (T(3, **k), T(3, **k)), label="mismatch", errors=[((T(2, 3), T(4)), {}, RuntimeError)])
        for n, k in BINARY.items()
    ],
    *[
        OpCase(n, (I(3), I(3)), orders=0, label="int")
        for n in ("add", "sub", "mul", "div", "maximum", "minimum", "pow")
    ],
    *[OpCase(n, (T(3), I(3)), label="mixed") for n in ("add", "mul", "div")],
    *[OpCase(n, (T(3, **P), 2), label="number") for n in ("add", "sub", "mul", "div", "pow", "fmod", "remainder")],
    *[OpCase("pow", (T(3, **P), e), label=f"exponent {e}") for e in (0, 1, 3, 0.5, -1.5)],
    OpCase("pow", (2.0, T(3)), label="base"),
    OpCase("pow", (I(3), 2), orders=0, label="ints", errors=[((I(3), -1), {}, RuntimeError)]),
    *[
        OpCase("div", (T(3, 4, low=1.1, high=1.9), T(4, low=0.61, high=0.9)), {"rounding_mode": m}, label=m, orders=1)
        for m in ("floor", "trunc")
    ],
    OpCase(
        "div",
        (I(3, low=-7, high=7), I(3)),
        {"rounding_mode": "trunc"},
        orders=0,
        label="int trunc",
        errors=[((T(2), T(2)), {"rounding_mode": "up"}, RuntimeError)],
    ),
    OpCase("floor_divide", (T(3, 4, grad=False), T(4, **P, grad=False)), orders=0),
    OpCase("floor_divide", (I(3, low=-7, high=7), I(3)), orders=0, label="int"),
    OpCase("remainder", (T(3, 4, low=1.1, high=1.9), T(4, low=0.61, high=0.9))),
    OpCase("fmod", (T(3, 4, low=1.1, high=1.9), T(4, low=0.61, high=0.9))),
    OpCase("lerp", (T(3, 4), T(4), 0.3), label="number"),
    OpCase("lerp", (T(3, 4), T(4), T(3, 4, low=0.6, high=0.9)), label="tensor"),
    OpCase("addcmul", (T(3, 4), T(4), T(3, 1)), {"value": 0.5}),
    OpCase("addcdiv", (T(3, 4), T(4), T(3, 1, **P)), {"value": 0.5}),
    OpCase("where", (B(3, 4), T(3, 4), T(4))),
    OpCase("heaviside", (T(5, grad=False), T(5, grad=False)), orders=0),
    *[OpCase(n, (I(3, 4), I(4)), orders=0) for n in COMPARE],
    *[OpCase(n, (T(5, grad=False),), orders=0) for n in TESTS],
    *[
        OpCase(f"bitwise_{n}", (I(4), I(4, low=0, high=4)), orders=0)
        for n in ("and", "or", "xor", "left_shift", "right_shift")
    ],
    OpCase("bitwise_not", (I(4),), orders=0),
    OpCase("bitwise_not", (B(4),), orders=0, label="bool"),
    OpCase("isclose", (T(4, grad=False), T(4, grad=False)), orders=0),
    # reductions
    *[
        OpCase(n, (T(2, 3, 4),), kw, label=f"{kw}")
        for n in ("sum", "mean", "var", "std", "nansum", "nanmean", "norm")
        for kw in ({}, {"dim": 1}, {"dim": (0, 2), "keepdim": True})
    ],
    OpCase("mean", (T(3),), label="error", errors=[((I(3),), {}, RuntimeError), ((T(3),), {"dim": 3}, IndexError)]),
    *[OpCase("sum", (x,), orders=0, label=f"{x.dtype}") for x in (I(3, 4), B(3, 4))],
    *[OpCase("prod", (T(3, 4),), kw, label=f"{kw}") for kw in ({}, {"dim": 1}, {"dim": 0, "keepdim": True})],
    OpCase("prod", (T(2, 3, make=lambda r, s: np.array([[0.0, 2, 3], [0, 4, 0]])),), {"dim": 1}, label="zeros"),
    OpCase("var", (T(4, 5),), {"dim": 1, "correction": 0}, label="correction"),
    *[OpCase(n, (D(3, 4),), {"dim": d}, label=f"{d}") for n in ("amax", "amin") for d in (1, (0, 1))],
    *[OpCase(n, (D(3, 4),), label="all") for n in ("max", "min", "median")],
    *[OpCase(n, (D(3, 4), 1), label="dim") for n in ("max", "min", "median", "cummax", "cummin", "mode")],
    *[OpCase(n, (D(3, 4),), {"dim": d}, orders=0, label=f"{d}") for n in ("argmax", "argmin") for d in (None, 0, -1)],
    *[OpCase(n, (B(3, 4),), kw, orders=0, label=f"{kw}") for n in ("all", "any") for kw in ({}, {"dim": 1})],
    OpCase("count_nonzero", (B(3, 4),), {"dim": 0}, orders=0),
    *[
        OpCase(
            "hash_tensor",
            (of,),
            kw,
            reference=lambda x, dim=None: np.bitwise_xor.reduce(x.view(np.uint64), axis=None if dim is None else dim),
            orders=0,
            label=f"{of.dtype} {kw}",
            errors=[((of,), {"mode": 1}, RuntimeError), ((T(0, 2),), {"dim": 0}, IndexError)],
        )
        for of in (I(3, 4), T(3, 4), T())
        for kw in (({}, {"dim": 1}) if of.shape else ({},))
    ],
    OpCase("logsumexp", (T(3, 4), 1)),
    OpCase("quantile", (D(3, 5), 0.3), {"dim": 1}, label="number"),
    OpCase("aminmax", (D(3, 4),), {"dim": 0}),
    *[OpCase(n, (T(3, 4), d), label=f"{d}") for n in ("cumsum", "cumprod", "logcumsumexp") for d in (0, 1)],
    OpCase("diff", (T(3, 4),)),
    # shape
    OpCase("reshape", (T(3, 4), (2, -1)), errors=[((T(3, 4), (5,)), {}, RuntimeError)]),
    OpCase("permute", (T(2, 3, 4), (2, 0, 1))),
    OpCase("transpose", (T(2, 3, 4), 0, 2)),
    OpCase("t", (T(2, 3),)),
    OpCase("squeeze", (T(2, 1, 3), 1)),
    OpCase("unsqueeze", (T(2, 3), 1)),
    OpCase("flatten", (T(2, 3, 4), 1)),
    OpCase("Tensor.expand", (T(2, 1), 2, 3)),
    OpCase("Tensor.repeat", (T(2, 3), 2, 2)),
    OpCase("cat", ((T(2, 3), T(1, 3)), 0), errors=[(((T(2, 3), T(2, 2)), 0), {}, RuntimeError)]),
    OpCase("stack", ((T(2, 3), T(2, 3)), 1), errors=[(((T(2, 3), T(2, 2)),), {}, RuntimeError)]),
    OpCase("unbind", (T(3, 2), 1)),
    OpCase("split", (T(5, 2), 2)),
    OpCase("chunk", (T(5, 2), 3)),
    OpCase("flip", (T(2, 3), (0, 1))),
    OpCase("roll", (T(2, 3), 1, 1)),
    OpCase("rot90", (T(2, 3),)),
    OpCase("tril", (T(3, 3), 1)),
    OpCase("triu", (T(3, 3), -1)),
    OpCase("diagonal", (T(3, 4), 1)),
    OpCase("diag_embed", (T(2, 3),)),
    OpCase("Tensor.unfold", (T(6), 0, 3, 2)),
    OpCase("movedim", (T(2, 3, 4), 0, 2)),
    OpCase("repeat_interleave", (T(2, 3), 2, 1)),
    OpCase("as_strided", (T(6), (2, 3), (1, 2)), parity=True),
    OpCase("clone", (T(2, 3),)),
    OpCase("mul", (T(2, 3), T(3)), prepare=overwritten, label="written through a view"),
    OpCase("mul", (T(2, 3, kinks=(0.0,)), T(3)), prepare=compared, label="written without a gradient"),
    OpCase("Tensor.to", (T(2, 3), "float64"), label="cast", parity=False, orders=1),
    OpCase("Tensor.copy_", (T(2, 3, grad=False), T(3))),
    # indexing
    *[
        OpCase("Tensor.__getitem__", (T(4, 5), index), label=str(index))
        for index in (
            1,
            -1,
            slice(1, 3),
            (slice(None), 2),
            (slice(0, 4, 2), None, slice(1, 4)),
            (Ellipsis, 0),
            ([0, 2, 2],),
        )
    ],
    OpCase(
        "Tensor.__getitem__",
        (T(4, 5), I(3, low=0, high=4)),
        label="tensor",
        errors=[((T(4), 4), {}, IndexError), ((T(4), (0, 0)), {}, IndexError), ((T(4), "a"), {}, Exception)],
    ),
    OpCase("Tensor.__getitem__", (T(4, 5), B(4, 5)), label="mask"),
    OpCase("index_select", (T(4, 5), 1, I(3, low=0, high=5))),
    OpCase(
        "gather",
        (T(3, 4), 1, I(3, 2, low=0, high=4)),
        errors=[((T(3, 4), 1, I(3, 2, low=7, high=9)), {}, RuntimeError)],
    ),
    OpCase(
        "scatter", (T(3, 4), 1, T(3, 2, dtype="int64", make=lambda r, s: np.array([[0, 1], [2, 3], [3, 0]])), T(3, 2))
    ),
    OpCase("scatter_add", (T(3, 4), 1, I(3, 2, low=0, high=4), T(3, 2))),
    *[
        OpCase("scatter_reduce", (T(3, 4, **P), 1, I(3, 3, low=0, high=4), T(3, 3, **P), r), label=r)
        for r in ("sum", "prod", "mean", "amax", "amin")
    ],
    OpCase("index_add", (T(4, 2), 0, I(3, low=0, high=4), T(3, 2))),
    OpCase("index_copy", (T(4, 2), 0, T(2, dtype="int64", make=lambda r, s: np.array([2, 0])), T(2, 2))),
    OpCase("index_fill", (T(4, 2), 0, I(2, low=0, high=4), 3.0)),
    OpCase("index_put", (T(4, 2), (I(3, low=0, high=4),), T(3, 2)), {"accumulate": True}),
    OpCase("masked_fill", (T(3, 4), B(4), 2.0)),
    OpCase("masked_select", (T(3, 4), B(3, 4))),
    OpCase("take", (T(3, 4), I(5, low=0, high=12))),
    OpCase("take_along_dim", (T(3, 4), I(3, 1, low=0, high=4), 1)),
    OpCase("sort", (D(3, 4),), {"dim": 0, "descending": True}),
    OpCase("topk", (D(3, 4), 2)),
    OpCase("kthvalue", (D(3, 4), 2)),
    OpCase("unique", (I(9),), orders=0),
    OpCase("searchsorted", (T(5, make=lambda r, s: np.arange(5.0), grad=False), T(3, grad=False)), orders=0),
    OpCase("bincount", (I(9),), orders=0),
]
