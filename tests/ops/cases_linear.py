"""Cases for affine maps."""

from __future__ import annotations

import numpy as np

from tests.ops.harness import OpCase, T

RE = RuntimeError
NAME = "nn.functional.linear"


def reference(x: np.ndarray, w: np.ndarray, b: np.ndarray | float = 0.0) -> np.ndarray:
    return x @ w.T + b


CASES = [
    OpCase(NAME, (T(*lead, 3), T(4, 3), *([T(4)] if bias else [])), reference=reference, label=f"{lead} {bias}")
    for lead in ((5,), (2, 5), (2, 1, 5), (), (0,), (2, 0))
    for bias in (True, False)
] + [
    OpCase(
        NAME,
        (T(2, 5, 3), T(4, 3)),
        label="errors",
        errors=[
            ((T(2, 5, 4), T(4, 3)), {}, RE),
            ((T(5, 3), T(4, 3, dtype="int64")), {}, RE),
        ],
    )
]
