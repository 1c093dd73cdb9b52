"""Cases for volumes: 3-D convolution and pooling; fractional pooling, sampling by grids, bags of rows, CTC."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.harness import OpCase, T, distinct

RE, VE, NE = RuntimeError, ValueError, NotImplementedError


def C(name: str, *args: Any, **options: Any) -> OpCase:
    options.setdefault("float32_tolerance", 1e-4)
    return OpCase(f"nn.functional.{name}", args, **options)


def D(*shape: int) -> T:
    return T(*shape, make=distinct)


def away_from_elements(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Places whose indices in sizes 4, 5 and 3, by either rule, are not whole or halves: there the slope jumps."""
    values = rng.uniform(-1.4, 1.4, shape)
    while True:
        bad = np.zeros(shape, np.bool_)
        for n in (3, 4, 5):
            for index in ((values + 1) * (n - 1) / 2, ((values + 1) * n - 1) / 2):
                bad |= np.abs(index * 2 - np.rint(index * 2)) < 0.02
        if not bad.any():
            return values
        values = np.where(bad, rng.uniform(-1.4, 1.4, shape), values)


def G(*shape: int) -> T:
    return T(*shape, make=away_from_elements)


def indices(high: int, *shape: int) -> T:
    return T(*shape, low=0, high=high, dtype="int64")


def normalised(tensors: list[Any]) -> list[Any]:
    return [t.log_softmax(-1) if t.dtype.is_floating_point else t for t in tensors]


SAMPLES = T(1, 2, 2, low=0.1, high=0.9, grad=False)
SAMPLES3 = T(1, 2, 3, low=0.1, high=0.9, grad=False)

CASES = [
    # convolution
    C("conv3d", T(2, 2, 3, 4, 3), T(3, 2, 2, 2, 2), T(3), label="plain"),
    C("conv3d", T(2, 3, 4, 3), T(3, 2, 2, 3, 2), label="unbatched"),
    C(
        "conv3d",
        T(1, 4, 5, 4, 5),
        T(2, 2, 2, 3, 2),
        T(2),
        kw={"stride": (2, 1, 2), "padding": 1, "dilation": (1, 1, 2), "groups": 2},
        label="options",
    ),
    C("conv3d", T(1, 1, 3, 4, 3), T(1, 1, 2, 3, 2), kw={"padding": "same"}, label="same"),
    C(
        "conv3d",
        T(1, 2, 3, 3, 3),
        T(2, 2, 2, 2, 2),
        kw={"padding": "valid"},
        label="errors",
        errors=[
            ((T(1, 3, 3, 3, 3), T(2, 2, 2, 2, 2)), {}, RE),
            ((T(1, 2, 3, 3), T(2, 3, 2, 2, 2)), {}, RE),
            ((T(1, 2, 3, 3, 3), T(2, 2, 4, 2, 2)), {}, RE),
        ],
    ),
    C("conv_transpose3d", T(1, 2, 2, 3, 2), T(2, 3, 2, 2, 2), T(3), label="plain"),
    C(
        "conv_transpose3d",
        T(4, 2, 3, 2),
        T(4, 1, 2, 2, 3),
        T(2),
        kw={"stride": (2, 1, 3), "padding": (0, 1, 1), "output_padding": (1, 0, 2), "groups": 2},
        label="options",
        errors=[((T(1, 2, 2, 2, 2), T(2, 1, 2, 2, 2)), {"output_padding": 1}, RE)],
    ),
    OpCase("nn.functional.conv_tbc", (T(4, 2, 3), T(2, 3, 5), T(5), 1), parity=False),
    # pooling
    C("max_pool3d", D(2, 2, 4, 3, 4), 2, label="plain"),
    C(
        "max_pool3d",
        D(2, 5, 4, 5),
        (3, 2, 2),
        kw={"stride": 2, "padding": 1, "dilation": (1, 1, 2), "ceil_mode": True},
        label="options",
        errors=[((T(1, 1, 2, 2, 2), 3), {}, RE), ((T(1, 2, 2, 2, 2), 2), {"padding": 2}, RE), ((T(2, 2), 2), {}, RE)],
    ),
    C("max_pool3d", D(1, 1, 2, 2, 2), 2, kw={"return_indices": True}, label="indices"),
    C("avg_pool3d", T(2, 2, 4, 3, 4), 2, label="plain"),
    C(
        "avg_pool3d",
        T(2, 5, 4, 5),
        (3, 2, 2),
        kw={"stride": 2, "padding": 1, "ceil_mode": True, "count_include_pad": False},
        label="options",
    ),
    C("avg_pool3d", T(1, 1, 3, 3, 3), 2, kw={"divisor_override": 3}, label="divisor"),
    C("adaptive_avg_pool3d", T(1, 2, 4, 3, 5), (2, None, 3), label="adaptive"),
    C("adaptive_max_pool3d", D(2, 4, 3, 5), (2, None, 3), label="adaptive"),
    C("lp_pool3d", T(1, 1, 2, 4, 2, low=0.2), 2.0, 2, label="lp"),
    C(
        "max_unpool3d",
        T(1, 1, 1, 2, 1),
        T(1, 1, 1, 2, 1, dtype="int64", make=lambda rng, shape: np.array([3, 9]).reshape(shape)),
        2,
        label="unpool",
    ),
    C("fractional_max_pool2d", D(1, 2, 5, 6), 2, (3, 4), kw={"_random_samples": SAMPLES}, label="size"),
    C(
        "fractional_max_pool2d",
        D(2, 5, 6),
        (2, 3),
        kw={"output_ratio": (0.5, 0.5), "_random_samples": SAMPLES},
        label="ratio",
    ),
    C(
        "fractional_max_pool3d",
        D(1, 2, 5, 5, 5),
        2,
        (2, 3, 3),
        kw={"_random_samples": SAMPLES3},
        label="volumes",
        errors=[((T(1, 2, 4, 5, 4), 2), {}, VE), ((T(1, 2, 4, 5, 4), 3, 4), {}, RE)],
    ),
    # sampling
    *[
        C(
            "grid_sample",
            T(2, 2, 4, 5),
            G(2, 2, 3, 2),
            kw={"mode": mode, "padding_mode": padding, "align_corners": corners},
            label=f"{mode} {padding} {corners}",
            # The place counts for nothing in the nearest element.
            orders=1 if mode == "nearest" else 2,
            float32_tolerance=1e-3,
        )
        for mode in ("bilinear", "nearest", "bicubic")
        for padding in ("zeros", "border", "reflection")
        for corners in (False, True)
    ],
    C("grid_sample", T(1, 2, 3, 4, 5), G(1, 2, 2, 2, 3), kw={"align_corners": True}, label="volume"),
    C(
        "grid_sample",
        T(1, 1, 3, 4),
        G(1, 1, 1, 2),
        kw={"align_corners": False},
        label="errors",
        errors=[
            ((T(1, 1, 3, 4), T(1, 1, 1, 2)), {"mode": "cubic"}, VE),
            ((T(1, 1, 3, 4), T(1, 1, 1, 3)), {"align_corners": True}, RE),
            ((T(1, 1, 3, 4, 2), T(1, 1, 1, 1, 3)), {"mode": "bicubic", "align_corners": True}, RE),
        ],
    ),
    C("affine_grid", T(2, 2, 3), (2, 1, 3, 4), kw={"align_corners": False}, label="image"),
    C(
        "affine_grid",
        T(2, 3, 4),
        (2, 1, 3, 4, 2),
        kw={"align_corners": True},
        label="volume",
        errors=[
            ((T(2, 2, 3), (2, 1, 3)), {"align_corners": True}, NE),
            ((T(2, 3), (2, 1, 3, 3)), {"align_corners": True}, VE),
        ],
    ),
    C("channel_shuffle", T(2, 4, 3), 2, errors=[((T(2, 3, 3), 2), {}, RE), ((T(2, 4), 2), {}, RE)]),
    # tables
    *[
        C(
            "embedding_bag",
            indices(5, 8),
            T(5, 3, make=distinct),
            T(4, dtype="int64", make=lambda rng, shape: np.array([0, 3, 3, 6])),
            kw={"mode": mode, **({"padding_idx": 2} if padded else {})},
            label=f"{mode} {padded}",
        )
        for mode in ("sum", "mean", "max")
        for padded in (False, True)
    ],
    C("embedding_bag", indices(5, 2, 4), D(5, 3), kw={"mode": "sum", "per_sample_weights": T(2, 4)}, label="weights"),
    C(
        "embedding_bag",
        indices(5, 2, 4),
        D(5, 3),
        label="rows",
        errors=[
            ((indices(5, 4), T(5, 3)), {}, VE),
            ((indices(5, 2, 4), T(5, 3)), {"mode": "least"}, VE),
            ((indices(5, 2, 4), T(5, 3)), {"per_sample_weights": T(2, 4)}, NE),
        ],
    ),
    # losses
    *[
        C(
            "ctc_loss",
            T(6, 2, 4),
            T(2, 3, dtype="int64", make=lambda rng, shape: np.array([[1, 2, 2], [3, 1, 1]])),
            (6, 5),
            (3, 1),
            kw={"reduction": how},
            prepare=normalised,
            orders=1,
            label=how,
        )
        for how in ("mean", "sum", "none")
    ],
    C(
        "linear_cross_entropy",
        T(4, 3),
        T(5, 3),
        indices(5, 4),
        kw={"linear_bias": T(5)},
        label="classes",
        errors=[((T(4, 3), T(5, 2), indices(5, 4)), {}, RE), ((T(3), T(5, 2, 3), indices(5, 2)), {}, RE)],
    ),
    C("linear_cross_entropy", T(2, 3), T(4, 2, 3), indices(4, 2, 2), kw={"reduction": "none"}, label="many"),
]
