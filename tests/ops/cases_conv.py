"""Convolutions: every option alone and together, sequences, single images, empty batches, refusals."""

from __future__ import annotations

import numpy as np

from tests.ops.harness import OpCase, T
from tinygrad_hw.kernels.conv2d import conv2d_reference

F = "nn.functional."
RE = RuntimeError


def C(name, *args, label, **options):
    kw = options.pop("kw", {})
    options.setdefault("float32_tolerance", 1e-4)
    return OpCase(F + name, args, kw, label=label, **options)


OPTIONS_2D = [
    {},
    {"stride": 2},
    {"stride": (1, 3)},
    {"padding": 2},
    {"padding": (0, 1), "stride": (2, 1)},
    {"dilation": 2},
    {"dilation": (1, 2), "padding": (1, 2), "stride": (2, 2)},
    {"padding": "same", "dilation": (2, 1)},
    {"padding": "valid", "stride": 2},
]
OPTIONS_TRANSPOSED = [
    {},
    {"stride": 2, "output_padding": 1},
    {"stride": (1, 3), "padding": (1, 0), "output_padding": (0, 2)},
    {"padding": 1, "dilation": 2},
    # An output padding as large as the stride, which dilation allows.
    {"stride": 2, "output_padding": 3, "dilation": 4},
    {"stride": (3, 2), "padding": (1, 2), "output_padding": (2, 3), "dilation": 4},
]


def then_relu(_, input, weight, bias, stride, padding, dilation, groups):
    return np.maximum(conv2d_reference(input, weight, bias, stride, padding, dilation, groups), 0)


CASES = [
    # What Sequential calls for a convolution and the ReLU after it.
    *[
        OpCase(
            "ops.conv.conv2d_then",
            (True, T(*x), T(*w), T(w[0]) if bias else None, stride, padding, (1, 1), groups),
            reference=then_relu,
            label=f"{x} {w}",
            float32_tolerance=1e-4,
            parity=False,
        )
        for x, w, bias, stride, padding, groups in (
            ((2, 3, 6, 7), (4, 3, 3, 2), True, (1, 1), (0, 0), 1),
            ((2, 4, 5, 5), (6, 2, 3, 3), False, (2, 1), (1, 2), 2),
            ((2, 8, 5, 4), (9, 8, 3, 3), True, (1, 1), (1, 1), 1),
            ((0, 2, 5, 5), (3, 2, 3, 3), True, (1, 1), (0, 0), 1),
        )
    ],
    *[C("conv2d", T(2, 3, 6, 7), T(4, 3, 3, 2), T(4), kw=kw, label=f"{kw}") for kw in OPTIONS_2D],
    *[C("conv2d", T(2, 4, 6, 7), T(6, 2, 3, 2), kw={**kw, "groups": 2}, label=f"groups {kw}") for kw in OPTIONS_2D],
    C("conv2d", T(1, 4, 5, 5), T(8, 1, 3, 3), T(8), kw={"groups": 4, "padding": 1}, label="depth multiplier"),
    C("conv2d", T(2, 3, 4, 4), T(5, 3, 4, 4), T(5), label="kernel as large as the image"),
    C("conv2d", T(2, 3, 5, 5), T(4, 3, 1, 1), kw={"stride": 2}, label="1x1 strided"),
    C("conv2d", T(2, 3, 5, 5), T(4, 3, 1, 1), T(4), kw={"padding": 1}, label="1x1 padded"),
    C("conv2d", T(2, 20, 9, 9), T(33, 20, 3, 3), T(33), kw={"padding": 1}, label="more channels than a register"),
    C("conv2d", T(2, 3, 5, 5), T(2, 3, 3, 3), kw={"stride": [2, 2], "padding": [1], "dilation": (1,)}, label="lists"),
    C(
        "conv2d",
        T(2, 5, 5),
        T(4, 2, 3, 3),
        T(4),
        label="single image",
        errors=[
            ((T(1, 2, 5, 5), T(4, 2, 3, 3)), {"stride": 0}, RE),
            ((T(1, 2, 5, 5), T(4, 2, 3, 3)), {"dilation": 0}, RE),
            ((T(1, 2, 5, 5), T(4, 2, 3, 3)), {"padding": -1}, RE),
            ((T(1, 2, 5, 5), T(4, 2, 3, 3)), {"groups": 0}, RE),
            ((T(1, 4, 5, 5), T(3, 2, 3, 3)), {"groups": 2}, RE),
            ((T(1, 2, 5, 5), T(4, 2, 3, 3)), {"padding": "same", "stride": 2}, RE),
            ((T(1, 2, 5, 5), T(4, 2, 3, 3)), {"padding": "full"}, RE),
            ((T(1, 2, 5, 5), T(4, 2, 3, 3)), {"stride": (1, 1, 1)}, RE),
            ((T(1, 2, 5, 5, dtype="int64"), T(4, 2, 3, 3)), {}, RE),
            ((T(1, 2, 5, 5), T(4, 2, 3)), {}, RE),
            ((T(1, 2, 5, 5), T(0, 2, 3, 3)), {}, RE),
            ((T(1, 1, 2, 5, 5), T(4, 2, 3, 3)), {}, RE),
        ],
    ),
    *[
        C("conv1d", T(2, 4, 9), T(6, 2, 3), T(6), kw={"groups": 2, **kw}, label=f"{kw}")
        for kw in (
            {},
            {"stride": 2},
            {"padding": 1},
            {"dilation": 3},
            {"padding": "same"},
            {"padding": "valid"},
            {"stride": (2,), "padding": [1]},
        )
    ],
    C("conv1d", T(2, 3, 6), T(4, 3, 2), kw={"padding": "same"}, label="even same"),
    C("conv1d", T(0, 3, 6), T(4, 3, 2), T(4), label="empty"),
    C(
        "conv1d",
        T(3, 6),
        T(4, 3, 6),
        label="single sequence",
        errors=[
            ((T(1, 3, 5), T(4, 2, 3)), {}, RE),
            ((T(1, 3, 2), T(4, 3, 3)), {}, RE),
            ((T(5), T(4, 3, 3)), {}, RE),
            ((T(1, 3, 5), T(4, 3, 3), T(5)), {}, RE),
        ],
    ),
    *[C("conv_transpose2d", T(2, 3, 3, 4), T(3, 4, 3, 2), T(4), kw=kw, label=f"{kw}") for kw in OPTIONS_TRANSPOSED],
    *[
        C("conv_transpose2d", T(1, 4, 3, 4), T(4, 1, 2, 3), T(2), kw={**kw, "groups": 2}, label=f"groups {kw}")
        for kw in OPTIONS_TRANSPOSED
    ],
    C("conv_transpose2d", T(0, 3, 3, 3), T(3, 2, 3, 3), T(2), label="empty"),
    C(
        "conv_transpose2d",
        T(3, 3, 3),
        T(3, 2, 3, 3),
        T(2),
        label="single image",
        errors=[
            ((T(1, 3, 3, 3), T(3, 2, 3, 3), T(3)), {}, RE),
            ((T(1, 3, 1, 1), T(3, 2, 2, 2)), {"padding": 2}, RE),
            ((T(3, 3), T(3, 2, 2, 2)), {}, RE),
        ],
    ),
    *[
        C("conv_transpose1d", T(2, 4, 3), T(4, 2, 3), T(4), kw={"groups": 2, **kw}, label=f"{kw}")
        for kw in ({}, {"stride": 3, "output_padding": 2}, {"padding": 1, "dilation": 2})
    ],
    C("conv_transpose1d", T(3, 4), T(3, 2, 3), label="single sequence"),
]
