"""Activations: in-place forms, values far out, NaN and infinities, integers, and what they refuse."""

from __future__ import annotations

import numpy as np

from tests.ops.harness import OpCase, T

F = "nn.functional."
RE = RuntimeError


def far(_rng, shape):
    """Values at which a careless formula overflows."""
    return np.resize([-800.0, -90.0, -25.0, 25.0, 90.0, 800.0], shape)


def special(_rng, shape):
    return np.resize([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0], shape)


def copied(tensors):
    """A result may be written to where a leaf may not."""
    return [t * 1 if t.dtype.is_floating_point else t for t in tensors]


def kinked(*kinks):
    return T(3, 4, low=-4, high=4, kinks=kinks)


INPLACE = [
    ("relu", (), {}, (0.0,)),
    ("relu6", (), {}, (0.0, 6.0)),
    ("leaky_relu", (0.2,), {}, (0.0,)),
    ("elu", (1.3,), {}, (0.0,)),
    ("selu", (), {}, (0.0,)),
    ("celu", (1.3,), {}, (0.0,)),
    ("silu", (), {}, ()),
    ("mish", (), {}, ()),
    ("hardtanh", (-0.5, 0.7), {}, (-0.5, 0.7)),
    ("hardsigmoid", (), {}, (-3.0, 3.0)),
    ("hardswish", (), {}, (-3.0, 3.0)),
    ("threshold", (0.2, 7.0), {}, (0.2,)),
    ("rrelu", (0.1, 0.4), {}, (0.0,)),
    ("rrelu", (0.1, 0.4), {"training": True}, (0.0,)),
]
NAMED_INPLACE = [
    ("relu_", (), (0.0,)),
    ("leaky_relu_", (0.2,), (0.0,)),
    ("elu_", (1.3,), (0.0,)),
    ("selu_", (), (0.0,)),
    ("celu_", (1.3,), (0.0,)),
    ("hardtanh_", (-0.5, 0.7), (-0.5, 0.7)),
    ("threshold_", (0.2, 7.0), (0.2,)),
    ("rrelu_", (0.1, 0.4), (0.0,)),
]
SMOOTH = ["gelu", "silu", "mish", "softplus", "logsigmoid", "elu", "selu", "softsign", "tanhshrink", "sigmoid", "tanh"]
ALL = [
    *SMOOTH,
    "relu",
    "relu6",
    "leaky_relu",
    "celu",
    "hardtanh",
    "hardsigmoid",
    "hardswish",
    "softshrink",
    "hardshrink",
]

CASES = [
    *[
        # PyTorch holds some constants in single precision.
        OpCase(
            F + name,
            (kinked(*kinks), *args),
            {**kw, "inplace": True},
            prepare=copied,
            rtol=1e-6,
            seeded="training" in kw,
            label=f"inplace {kw}",
        )
        for name, args, kw, kinks in INPLACE
    ],
    *[
        OpCase(F + name, (kinked(*kinks), *args), prepare=copied, rtol=1e-6, label="inplace")
        for name, args, kinks in NAMED_INPLACE
    ],
    OpCase("Tensor.relu_", (kinked(0.0),), prepare=copied, label="inplace"),
    *[OpCase(F + name, (T(6, make=far),), rtol=1e-6, atol=1e-9, orders=1, label="far") for name in ALL],
    OpCase(F + "gelu", (T(6, make=far),), {"approximate": "tanh"}, orders=1, label="far tanh"),
    *[
        OpCase(F + name, (T(6, make=special, grad=False),), orders=0, rtol=1e-6, label="special")
        for name in ALL
        # PyTorch's gelu makes NaN of infinity in single precision.
        if name != "gelu"
    ],
    *[
        OpCase(F + name, (T(4, 5, low=-9, high=9, dtype="int64"),), orders=0, label="int64")
        for name in ("relu", "relu6", "hardtanh", "sigmoid", "tanh")
    ],
    OpCase(
        F + "relu",
        (T(2, 0, 3),),
        label="empty",
        errors=[((T(3, dtype="bool"),), {}, RE)],
    ),
    OpCase(
        F + "hardtanh",
        (kinked(0.5),),
        {"min_val": 0.5, "max_val": 0.5},
        label="one value",
        errors=[((T(3),), {"min_val": 1.0, "max_val": 0.0}, ValueError)],
    ),
    OpCase(F + "softshrink", (kinked(-0.5, 0.5),), label="default", errors=[((T(3), -0.1), {}, RE)]),
    OpCase(F + "hardshrink", (kinked(),), {"lambd": 0.0}, label="zero"),
    OpCase(F + "celu", (kinked(0.0),), {"alpha": 0.5}, label="half", rtol=1e-6, errors=[((T(3), 0.0), {}, RE)]),
    OpCase(F + "elu", (kinked(0.0),), {"alpha": -0.5}, label="negative alpha", orders=1),
    OpCase(F + "leaky_relu", (kinked(0.0),), {"negative_slope": -0.5}, label="negative slope", orders=1),
    OpCase(
        F + "gelu",
        (T(2, 3),),
        label="default",
        errors=[
            ((T(3),), {"approximate": "erf"}, RE),
            ((T(3, dtype="int64"),), {}, NotImplementedError),
        ],
    ),
    OpCase(F + "softplus", (T(3, 4),), {"beta": 0.5, "threshold": 100.0}, label="beta"),
    OpCase(F + "glu", (T(2, 6, 3),), {"dim": 1}, label="middle", errors=[((T(2, 4),), {"dim": 2}, IndexError)]),
    OpCase(
        F + "prelu",
        (T(2, 3, kinks=(0.0,)), T(3)),
        label="channels",
        errors=[
            ((T(2, 3), T(2, 3)), {}, RE),
            ((T(), T(3)), {}, RE),
            ((T(2, 3), T(3, dtype="int64")), {}, RE),
        ],
    ),
    OpCase(F + "prelu", (T(kinks=(0.0,)), T(1)), label="0-d"),
    OpCase(F + "prelu", (T(2, 3, 4, 5, kinks=(0.0,)), T()), label="0-d weight"),
    OpCase(F + "prelu", (T(0, 3), T(3)), label="empty"),
    OpCase("Tensor.prelu", (T(2, 3, kinks=(0.0,)), T(3)), label="method"),
    OpCase("Tensor.hardshrink", (T(2, 3, kinks=(-0.5, 0.5)),), label="method"),
    OpCase(
        F + "rrelu",
        (T(4, 5, low=0.1, high=1),),
        {"training": True},
        seeded=True,
        label="positive",
        errors=[((T(3),), {"lower": 0.4, "upper": 0.1}, RE)],
    ),
]
