"""Cases for scaled dot-product attention."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.harness import OpCase, T
from tinygrad_hw.kernels.attention import attention_reference

RE = RuntimeError
NAME = "nn.functional.scaled_dot_product_attention"


def reference(q: Any, k: Any, v: Any, mask: Any = None, is_causal: bool = False, scale: float | None = None) -> Any:
    return attention_reference(q, k, v, mask, None, is_causal, scale or q.shape[-1] ** -0.5, 1.0)[0]


def visible(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """A mask in which the first query sees nothing."""
    mask = rng.random(shape) < 0.7
    mask[..., 0, :] = False
    return mask


def C(*args: Any, **options: Any) -> OpCase:
    return OpCase(NAME, args, float32_tolerance=1e-4, **options)


MASK = T(5, 6, dtype="bool", make=visible)

CASES = [
    C(T(2, 3, 5, 4), T(2, 3, 6, 4), T(2, 3, 6, 4), reference=reference, label="plain"),
    C(T(1, 2, 5, 4), T(1, 2, 5, 4), T(1, 2, 5, 4), kw={"is_causal": True}, reference=reference, label="causal"),
    C(
        T(1, 2, 6, 4),
        T(1, 2, 3, 4),
        T(1, 2, 3, 7),
        kw={"is_causal": True, "scale": 0.3},
        reference=reference,
        label="sizes",
    ),
    C(T(1, 2, 5, 4), T(1, 2, 6, 4), T(1, 2, 6, 4), MASK, reference=reference, label="mask"),
    C(T(2, 2, 5, 4), T(2, 2, 6, 4), T(2, 2, 6, 4), T(2, 1, 1, 6, grad=False), reference=reference, label="numbers"),
    C(T(1, 2, 5, 4), T(1, 2, 6, 4), T(1, 2, 6, 4), T(2, 5, 6), reference=reference, label="learned mask"),
    C(T(1, 66, 3), T(1, 70, 3), T(1, 70, 3), label="tiles"),
    C(T(1, 1, 130, 2), T(1, 1, 130, 2), T(1, 1, 130, 2), kw={"is_causal": True}, label="causal tiles"),
    C(T(5, 4), T(6, 4), T(6, 4), label="one head"),
    C(T(2, 2, 3, 5, 4), T(2, 2, 3, 6, 4), T(2, 2, 3, 6, 4), T(2, 3, 5, 6, grad=False), label="5-D"),
    C(T(2, 3, 5, 4), T(1, 3, 6, 4), T(2, 1, 6, 4), label="broadcast"),
    C(T(1, 4, 5, 4), T(1, 2, 6, 4), T(1, 2, 6, 4), kw={"enable_gqa": True}, label="grouped"),
    C(T(4, 5, 4), T(2, 6, 4), T(1, 6, 4), MASK, kw={"enable_gqa": True}, label="grouped, mask"),
    C(T(1, 2, 5, 4), T(1, 2, 6, 4), T(1, 2, 6, 4), kw={"dropout_p": 0.4}, seeded=True, parity=False, label="dropout"),
    C(T(2, 3, 0, 4), T(2, 3, 6, 4), T(2, 3, 6, 4), label="no queries"),
    C(T(2, 3, 5, 4), T(2, 3, 0, 4), T(2, 3, 0, 4), label="no keys"),
    C(
        T(1, 2, 5, 4),
        T(1, 2, 6, 4),
        T(1, 2, 6, 4),
        label="errors",
        errors=[
            ((T(1, 2, 5, 4), T(1, 2, 6, 3), T(1, 2, 6, 4)), {}, RE),
            ((T(4), T(4), T(4)), {}, RE),
            ((T(1, 2, 5, 4), T(1, 2, 6, 4), T(1, 2, 6, 4), T(7, 6)), {}, RE),
            ((T(1, 2, 5, 4), T(1, 2, 6, 4), T(1, 2, 6, 4), T(5, 6, high=3, dtype="int64")), {}, RE),
            ((T(1, 3, 5, 4), T(1, 2, 6, 4), T(1, 2, 6, 4)), {}, RE),
            ((T(1, 3, 5, 4), T(1, 2, 6, 4), T(1, 2, 6, 4)), {"enable_gqa": True}, RE),
            ((T(2, 5, 4), T(2, 6, 4), T(2, 6, 4), T(5, 6)), {"is_causal": True}, RE),
            ((T(1, 2, 5, 4), T(1, 2, 6, 4), T(1, 2, 6, 4)), {"dropout_p": 1.5}, RE),
            ((T(2, 4, dtype="int64"), T(2, 4, dtype="int64"), T(2, 4, dtype="int64")), {}, RE),
        ],
    ),
]
