"""Pooling: windows that stick out, strides, dilation, sequences, single images, indices, refusals."""

from __future__ import annotations

import numpy as np

from tests.ops.harness import OpCase, T, distinct

F = "nn.functional."
RE, VE = RuntimeError, ValueError


def C(name, *args, label, **options):
    kw = options.pop("kw", {})
    return OpCase(F + name, args, kw, label=label, **options)


def D(*shape):
    return T(*shape, make=distinct)


def places(values):
    array = np.array(values)
    return T(*array.shape, dtype="int64", make=lambda rng, shape: array)


def with_nan(rng, shape):
    x = distinct(rng, shape)
    x[..., 0, 1] = np.nan
    x[..., 1, 1] = -np.inf
    return x


SIZES_2D = [
    {"kernel_size": 2},
    {"kernel_size": 3, "stride": 1},
    {"kernel_size": (3, 2), "stride": (2, 3)},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": (2, 4), "padding": (1, 2), "ceil_mode": True},
    {"kernel_size": 2, "stride": 3, "ceil_mode": True},
    {"kernel_size": [3], "stride": [2]},
]
SIZES_1D = [
    {"kernel_size": 2},
    {"kernel_size": 3, "stride": 1, "padding": 1},
    {"kernel_size": (3,), "stride": (2,), "ceil_mode": True},
]

CASES = [
    *[C("max_pool2d", D(2, 2, 7, 6), kw=kw, label=f"{kw}") for kw in SIZES_2D],
    *[
        C("max_pool2d", D(2, 2, 7, 6), kw={**kw, "dilation": (1, 2)}, label=f"dilation {kw}")
        for kw in SIZES_2D
        if kw["kernel_size"] != [3]
    ],
    *[C("max_pool2d", D(2, 2, 7, 6), kw={**kw, "return_indices": True}, label=f"indices {kw}") for kw in SIZES_2D],
    *[C("max_pool1d", D(2, 2, 7), kw=kw, label=f"{kw}") for kw in SIZES_1D],
    *[C("max_pool1d", D(2, 7), kw={**kw, "return_indices": True}, label=f"indices {kw}") for kw in SIZES_1D],
    C("max_pool1d", D(2, 2, 8), 2, kw={"dilation": 3, "return_indices": True}, label="dilation"),
    C("max_pool2d", T(1, 2, 4, 4, make=with_nan, grad=False), 2, label="NaN", orders=0),
    C(
        "max_pool2d",
        T(1, 1, 4, 4, make=lambda r, s: np.zeros(s), grad=False),
        2,
        kw={"return_indices": True},
        label="equal",
        orders=0,
    ),
    C("max_pool2d", T(1, 2, 4, 4, low=-9, high=9, dtype="int64"), 2, label="int64", orders=0),
    C("max_pool2d", D(0, 2, 4, 4), 2, label="empty"),
    C(
        "max_pool2d",
        D(2, 4, 4),
        2,
        label="single image",
        errors=[
            ((T(1, 2, 4, 4), 0), {}, RE),
            ((T(1, 2, 4, 4), 2), {"stride": 0}, RE),
            ((T(1, 2, 4, 4), 2), {"dilation": 0}, RE),
            ((T(1, 2, 4, 4), 2), {"padding": -1}, RE),
            ((T(1, 2, 2, 2), 3), {}, RE),
            ((T(1, 2, 4, 4), (2, 2, 2)), {}, RE),
            ((T(1, 0, 4, 4), 2), {}, RE),
            ((T(1, 1, 1, 4, 4), 2), {}, RE),
        ],
    ),
    *[
        C("avg_pool2d", T(2, 2, 7, 6), kw={**kw, **more}, label=f"{kw} {more}")
        for kw in SIZES_2D
        for more in ({}, {"count_include_pad": False}, {"divisor_override": 3})
    ],
    *[
        C("avg_pool1d", T(2, 2, 7), kw={**kw, "count_include_pad": include}, label=f"{kw} {include}")
        for kw in SIZES_1D
        for include in (True, False)
    ],
    C("avg_pool1d", T(2, 7), 3, label="single sequence"),
    C("avg_pool2d", T(0, 2, 4, 4), 2, label="empty"),
    C(
        "avg_pool2d",
        T(2, 4, 4),
        2,
        label="single image",
        errors=[
            ((T(1, 2, 4, 4), 2), {"padding": 2}, RE),
            ((T(1, 2, 2, 2), 3), {}, RE),
            ((T(4, 4), 2), {}, IndexError),
            ((T(1, 2, 4, 4), 2), {"stride": 0}, RE),
        ],
    ),
    *[
        C(f"adaptive_{kind}_pool2d", D(2, 2, 7, 5), size, label=f"{size}")
        for kind in ("avg", "max")
        for size in (1, 3, (2, 4), (None, 2), (7, 5), (9, 8))
    ],
    *[
        C(f"adaptive_{kind}_pool1d", D(2, 2, 7), size, label=f"{size}")
        for kind in ("avg", "max")
        for size in (1, 3, (2,), 7, 9)
    ],
    C("adaptive_avg_pool2d", T(2, 5, 5), 2, label="single image", errors=[((T(5, 5), (2, 2)), {}, VE)]),
    C("adaptive_avg_pool1d", T(2, 5), 2, label="single sequence"),
    C("adaptive_max_pool2d", D(2, 5, 5), 2, kw={"return_indices": True}, label="indices"),
    C("adaptive_max_pool1d", D(2, 5), 2, kw={"return_indices": True}, label="indices"),
    C(
        "max_unpool2d",
        T(2, 2, 2),
        places([[[0, 3], [12, 15]], [[5, 6], [9, 10]]]),
        2,
        label="single image",
        errors=[
            ((T(1, 1, 2, 2), places([[[[0, 3], [12, 16]]]]), 2), {}, RE),
            ((T(1, 1, 2, 2), places([[[[0, 3]]]]), 2), {}, RE),
        ],
    ),
    C(
        "max_unpool2d",
        T(1, 1, 2, 2),
        places([[[[0, 3], [12, 19]]]]),
        2,
        kw={"output_size": (5, 5)},
        label="output_size",
    ),
    C("max_unpool2d", T(1, 1, 1, 2), places([[[[0, 1]]]]), (1, 2), kw={"stride": (1, 1)}, label="stride"),
    C("max_unpool1d", T(2, 2), places([[0, 3], [1, 2]]), 2, label="single sequence"),
    C(
        "max_unpool2d",
        T(1, 1, 2, 2, grad=False),
        places([[[[5, 5], [5, 5]]]]),
        2,
        label="the last of equal places stays",
        orders=0,
        parity=False,  # several threads of PyTorch write there in any order
        reference=lambda x, i, kernel: np.bincount([5], weights=x[0, 0, 1, 1:], minlength=16).reshape(1, 1, 4, 4),
    ),
    *[
        C(f"lp_pool{d}d", T(2, 2, *(6,) * d, low=0.3, high=2), p, 2, kw=kw, label=f"{p} {kw}")
        for d in (1, 2)
        for p in (1.0, 2.0, 3.0)
        for kw in ({}, {"stride": 1}, {"stride": 3, "ceil_mode": True})
    ],
]
