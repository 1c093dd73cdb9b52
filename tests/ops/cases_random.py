"""Random functions: the same seed gives PyTorch's numbers; no gradient flows through a draw."""

from __future__ import annotations

import tinygrad_hw as tg
from tests.ops.harness import OpCase, T

P = {"low": 0.0, "high": 1.0}

CASES = [
    OpCase("rand", (3, 4), seeded=True, orders=0, label="sizes"),
    OpCase("rand", ((0, 4),), seeded=True, orders=0, label="empty"),
    OpCase("rand", (5,), {"dtype": tg.float64}, seeded=True, orders=0, label="double"),
    OpCase("randn", (5, 7), seeded=True, orders=0, label="blocks"),
    OpCase("randn", (7,), seeded=True, orders=0, label="few"),
    OpCase(
        "randint",
        (3, 10, (4, 5)),
        seeded=True,
        orders=0,
        label="range",
        errors=[
            ((5, 5, (1,)), {}, RuntimeError),
            ((0, 5, 3), {}, TypeError),
        ],
    ),
    OpCase("randint", (10, (4,)), seeded=True, orders=0, label="high"),
    OpCase("randperm", (20,), seeded=True, orders=0, label="20", errors=[((-1,), {}, RuntimeError)]),
    OpCase("rand_like", (T(3, 4),), seeded=True, orders=0),
    OpCase("randn_like", (T(3, 4),), seeded=True, orders=0),
    OpCase("randint_like", (T(3, 4), 5), seeded=True, orders=0),
    OpCase("bernoulli", (T(3, 4, **P),), seeded=True, orders=1, parity=False),
    OpCase("bernoulli", (T(3, 4, **P, grad=False),), seeded=True, orders=0, label="parity"),
    OpCase("bernoulli", (T(3, 4, **P, grad=False), 0.3), seeded=True, orders=0, label="p"),
    OpCase("poisson", (T(3, 4, low=0.0, high=5.0, grad=False),), seeded=True, orders=0),
    OpCase("multinomial", (T(3, 6, low=0.1, high=1.0, grad=False), 4), seeded=True, orders=0),
    OpCase(
        "multinomial",
        (T(6, low=0.1, high=1.0, grad=False), 9, True),
        seeded=True,
        orders=0,
        errors=[((T(6, low=0.1, high=1.0), 9), {}, RuntimeError)],
    ),
    OpCase(
        "normal",
        (T(3, 6, grad=False), T(3, 6, low=0.1, high=2.0, grad=False)),
        seeded=True,
        orders=0,
    ),
    OpCase("normal", (0.0, 2.0, (3, 6)), seeded=True, orders=0, label="numbers"),
    *[
        OpCase(
            f"Tensor.{name}",
            (T(4, 5, grad=False), *args),
            seeded=True,
            orders=0,
            label=f"{name}{args}",
        )
        for name, args in [
            ("uniform_", ()),
            ("uniform_", (-1.0, 3.0)),
            ("normal_", (1.0, 0.5)),
            ("random_", ()),
            ("random_", (7,)),
            ("random_", (-3, 7)),
            ("bernoulli_", (0.3,)),
            ("exponential_", (2.0,)),
            ("geometric_", (0.3,)),
            ("cauchy_", ()),
            ("log_normal_", ()),
        ]
    ],
]
