"""New tensors: from data, from sizes, from ranges."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygrad_hw as tg
from tests.ops.harness import OpCase, T
from tests.ops.short import INT, C, E


def described(path: str, *args: Any, **kw: Any) -> OpCase:
    """A case whose contents are arbitrary: shape, strides and dtype are compared."""
    return OpCase(
        path,
        args,
        kw,
        orders=0,
        select=lambda t: [tuple(t.shape), t.stride(), str(t.dtype), t.requires_grad],
        label=f"described|{args}|{kw}",
    )


def L(*shape: int) -> T:
    """A tensor of which only the shape and dtype matter."""
    return T(*shape, grad=False)


CASES = [
    # -- from data
    *(
        C("tensor", data)
        for data in [
            1,
            2.5,
            True,
            [],
            [[]],
            [1, 2],
            [1, 2.5],
            [True, 2],
            [True, False],
            [[1.0, 2.0], [3.0, 4.0]],
            ((1, 2), [3, 4]),
            float("inf"),
            [1e400, -1.5],
            2**40,
        ]
    ),
    C(
        "tensor",
        [1, 2],
        dtype=tg.float64,
        errors=[
            E(ValueError, [[1], [1, 2]]),
            E(ValueError, ["a"]),
            E(TypeError, "a"),
            E(TypeError, [1, [2]]),
            E(TypeError, [[1, 2], 3]),
            E(RuntimeError, None),
            E(RuntimeError, [1, None]),
            E(TypeError, None, dtype=tg.float32),
            E(RuntimeError, [1, 2], requires_grad=True),
            E(RuntimeError, {}),
            E(RuntimeError, [300], dtype=tg.int8),
        ],
    ),
    C("tensor", [1.9, -1.9], dtype=tg.int64),
    C("tensor", [0, 2], dtype=tg.bool),
    C("tensor", [1.0, 2.0], requires_grad=True),
    C("tensor", np.arange(3.0)),
    C("tensor", np.arange(3, dtype=np.int16)),
    C("tensor", [np.float64(1.5), 2.5]),
    C("tensor", (np.int32(1), np.int32(2))),
    C("as_tensor", [1, 2.5]),
    C("as_tensor", np.arange(3.0), dtype=tg.float32),
    C("as_tensor", np.arange(4).reshape(2, 2).T),
    C("as_tensor", L(2)),
    C("as_tensor", T(2), dtype=tg.float64),
    C("asarray", [1, 2]),
    C("asarray", L(2), dtype=tg.int32, errors=[E(ValueError, [1, 2], copy=False)]),
    C("asarray", np.arange(3.0), requires_grad=True),
    C("asarray", L(2), copy=True),
    C("asarray", 3.5),
    C("from_numpy", np.arange(6).reshape(2, 3).T, errors=[E(TypeError, [1]), E(ValueError, np.arange(3)[::-1])]),
    C("from_numpy", np.zeros((0, 2)), errors=[E(TypeError, np.array(["a"]))]),
    C("from_numpy", np.array(2.5, np.float32)),
    C("frombuffer", bytearray(range(8)), dtype=tg.int32, errors=[E(ValueError, bytearray(3), dtype=tg.int32)]),
    C("frombuffer", bytearray(range(8)), dtype=tg.uint8, count=3, offset=2),
    C("from_dlpack", np.arange(3.0)),
    C("scalar_tensor", 2),
    C("scalar_tensor", 2.5, dtype=tg.int64),
    # -- from sizes
    *(
        C(name, *args, **kw)
        for name in ("zeros", "ones")
        for args, kw in [
            ((2, 3), {}),
            (((2, 3),), {}),
            (([2],), {}),
            (((),), {}),
            ((), {"size": (2, 2)}),
            ((0, 3), {}),
            ((2,), {"dtype": tg.bool}),
            ((2,), {"dtype": tg.float16}),
            ((2,), {"requires_grad": True}),
        ]
    ),
    C(
        "zeros",
        1,
        errors=[
            E(RuntimeError, -1),
            E(TypeError, 2.0),
            E(TypeError, "a"),
            E(RuntimeError, 2, dtype=tg.int64, requires_grad=True),
        ],
    ),
    described("empty", 2, 3),
    described("empty", (2, 0), dtype=tg.int16),
    described("empty_strided", (2, 3), (1, 2)),
    described("empty_like", L(2, 3)),
    described("empty_like", L(2, 3), dtype=tg.int64),
    described("Tensor.new_empty", L(2), 3, 2),
    C("full", (2, 3), 2.5, errors=[E(RuntimeError, (-1,), 0.0), E(TypeError, 2, 1.0)]),
    C("full", (2,), 3),
    C("full", (2,), True),
    C("full", (), 1),
    C("full", [2], 3, dtype=tg.float64),
    C("full", (2,), 1.0, requires_grad=True),
    C("eye", 3, errors=[E(RuntimeError, -1), E(RuntimeError, 2, -1)]),
    C("eye", 2, 4),
    C("eye", 0),
    C("eye", 3, 2, dtype=tg.bool),
    # -- like another
    *(
        C(name, tensor, **kw)
        for name in ("zeros_like", "ones_like")
        for tensor, kw in [
            (L(2, 3), {}),
            (L(), {}),
            (L(0, 3), {}),
            (T(2, **INT), {}),
            (L(2), {"dtype": tg.int32}),
            (L(2), {"requires_grad": True}),
        ]
    ),
    C("zeros_like", L(1), errors=[E(TypeError, 3), E(RuntimeError, T(2, **INT), requires_grad=True)]),
    C("full_like", L(2, 3), 2.5, errors=[E(TypeError, [1], 2)]),
    C("full_like", T(2, **INT), 3),
    C("full_like", L(2), 3, dtype=tg.int64),
    C("full_like", L(), True),
    # -- ranges
    *(
        C("arange", *args, **kw)
        for args, kw in [
            ((5,), {}),
            ((0,), {}),
            ((2, 7), {}),
            ((7, 2, -2), {}),
            ((0.0, 1.0, 0.3), {}),
            ((2.5,), {}),
            ((1, 2.5, 0.5), {}),
            ((5,), {"dtype": tg.float32}),
            ((5,), {"dtype": tg.int16}),
            ((0, 10, 3), {"dtype": tg.float64}),
            ((), {"start": 1, "end": 4}),
            ((), {"end": 4}),
            ((3.0,), {"requires_grad": True}),
            ((0, 1, 0.1), {"dtype": tg.float64}),
            ((-5, 5, 2.5), {}),
            ((3, 3), {}),
        ]
    ),
    C(
        "arange",
        1,
        errors=[E(TypeError), E(RuntimeError, 0, 3, 0), E(RuntimeError, 3, 0), E(RuntimeError, 0, float("inf"))],
    ),
    *(
        C("linspace", *args, **kw)
        for args, kw in [
            ((0, 1, 5), {}),
            ((0, 1, 1), {}),
            ((0, 1, 0), {}),
            ((-3, 7.5, 12), {}),
            ((5, -5, 7), {"dtype": tg.float64}),
            ((0, 10, 4), {"dtype": tg.int64}),
            ((), {"start": 0, "end": 1, "steps": 3}),
            ((0, 1, 2), {"requires_grad": True}),
        ]
    ),
    C("linspace", 0, 1, 3, errors=[E(RuntimeError, 0, 1, -1), E(TypeError, 0, 1, 2.5)]),
    C("logspace", 0, 2, 3, errors=[E(RuntimeError, 0, 1, -1)]),
    C("logspace", -1, 1, 5, 2.0),
    C("logspace", 0, 3, 4, base=2, dtype=tg.int64),
    C("logspace", 0, 1, 1),
    C("logspace", 0, 1, 0),
    C("vander", L(3), errors=[E(RuntimeError, T(2, 2)), E(RuntimeError, T(2), -1)]),
    C("vander", L(3), 2),
    C("vander", T(3, **INT), N=4, increasing=True),
    C("vander", L(0)),
    C("vander", L(3), 0),
    # PyTorch writes the powers in place and cannot differentiate them.
    OpCase("vander", (T(3), 3), reference=np.vander, parity=False),
    OpCase("vander", (T(3), 4, True), reference=np.vander, parity=False),
]
