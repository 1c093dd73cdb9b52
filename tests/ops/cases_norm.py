"""Normalisation: statistics, parts of the parameters, dimensions, half-empty inputs, distances, refusals."""

from __future__ import annotations

import numpy as np

from tests.ops.harness import OpCase, T

F = "nn.functional."
RE, VE, IE = RuntimeError, ValueError, IndexError


def C(name, *args, label, **options):
    kw = options.pop("kw", {})
    return OpCase(F + name, args, kw, label=label, **options)


def constant(*shape):
    return T(*shape, grad=False)


def positive(*shape):
    return T(*shape, low=0.5, high=2, grad=False)


def far_from_zero(rng, shape):
    """A mean a thousand times the deviation, on which the difference of two mean squares would fail."""
    return 1000.0 + rng.standard_normal(shape)


def channels(shape, *which):
    """Weight, bias or None of shape (C,)."""
    return [T(shape[1]) if w else None for w in which]


def then_relu(with_relu, x, mean, variance, weight, bias, training, momentum, eps):
    over = (0, *range(2, x.ndim))
    by_channel = (1, -1, *(1,) * (x.ndim - 2))
    out = (x - x.mean(over, keepdims=True)) / np.sqrt(x.var(over, keepdims=True) + eps)
    out = out if weight is None else out * weight.reshape(by_channel)
    return np.maximum(out if bias is None else out + bias.reshape(by_channel), 0)


SHAPES = [(5, 3), (4, 3, 2), (2, 3, 2, 2), (2, 3, 2, 1, 2)]
PARTS = [(True, True), (True, False), (False, True), (False, False)]

CASES = [
    *[
        C("batch_norm", T(*s), None, None, *channels(s, *p), kw={"training": True, "eps": 0.01}, label=f"train {s} {p}")
        for s in SHAPES
        for p in PARTS
    ],
    *[
        C("batch_norm", T(*s), constant(3), positive(3), *channels(s, *p), label=f"eval {s} {p}")
        for s in SHAPES
        for p in PARTS
    ],
    # What Sequential calls for a batch norm and the ReLU after it.
    *[
        OpCase(
            "ops.norm.batch_norm_then",
            (True, T(*s), None, None, *channels(s, *p), True, 0.1, 0.01),
            reference=then_relu,
            label=f"{s} {p}",
            parity=False,
        )
        for s in SHAPES
        for p in PARTS
    ],
    OpCase(
        "ops.norm.batch_norm_then",
        (True, T(4, 3, 2), constant(3), positive(3), T(3), T(3), False, 0.1, 0.01),
        label="eval",
        parity=False,
    ),
    # The running statistics are the result here: they are compared after the call.
    *[
        C(
            "batch_norm",
            T(*s),
            constant(3),
            positive(3),
            kw={"training": True, "momentum": m},
            label=f"updates {s} {m}",
        )
        for s in SHAPES
        for m in (0.1, 1.0, 0.0)
    ],
    C(
        "batch_norm",
        T(64, 2, 5, make=far_from_zero),
        None,
        None,
        kw={"training": True},
        label="far from zero",
        orders=1,
        float32_tolerance=1e-3,
    ),
    C("batch_norm", T(0, 3, 2), constant(3), positive(3), T(3), T(3), kw={"training": True}, label="empty batch"),
    C("batch_norm", T(0, 3), constant(3), positive(3), T(3), T(3), label="empty batch eval"),
    C(
        "batch_norm",
        T(2, 3, 4),
        None,
        None,
        kw={"training": True},
        label="refusals",
        errors=[
            ((T(4, 3), None, None), {}, RE),
            ((T(4, 3), T(4), T(3)), {}, RE),
            ((T(4, 3), T(3), T(2)), {"training": True}, RE),
            ((T(4, 3), None, None, T(3), T(4)), {"training": True}, RE),
            ((T(1, 3, 1), None, None), {"training": True}, VE),
            ((T(5), None, None), {"training": True}, IE),
            ((T(4, 3, dtype="int64"), None, None), {"training": True}, RE),
        ],
    ),
    *[
        C("layer_norm", T(*s), n, *[T(*n) if w else None for w in p], label=f"{s} {n} {p}")
        for s, n in [((3, 4), (4,)), ((2, 3, 4), (4,)), ((2, 3, 4), (3, 4)), ((2, 3), (2, 3)), ((4,), (4,))]
        for p in PARTS
    ],
    C("layer_norm", T(0, 4), (4,), T(4), T(4), label="empty"),
    C("layer_norm", T(3, 1), (1,), T(1), T(1), label="one element", orders=1),
    C(
        "layer_norm",
        T(3, 32, make=far_from_zero),
        (32,),
        label="far from zero",
        orders=1,
        float32_tolerance=1e-3,
        errors=[
            ((T(3, 4), (3, 4), T(4)), {}, RE),
            ((T(3, 4), (4,), T(4), T(3)), {}, RE),
            ((T(4), (2, 4)), {}, RE),
            ((T(4), ()), {}, RE),
            ((T(2, 4, dtype="int64"), (4,)), {}, RE),
        ],
    ),
    *[
        C("rms_norm", T(*s), n, *([T(*n)] if w else []), kw=kw, label=f"{s} {n} {w} {kw}")
        for s, n in [((3, 4), (4,)), ((2, 3, 4), (3, 4)), ((4,), (4,))]
        for w in (True, False)
        for kw in ({}, {"eps": 0.1})
    ],
    C(
        "rms_norm",
        T(0, 4),
        (4,),
        T(4),
        label="empty",
        errors=[((T(3, 4), (3,)), {}, RE), ((T(3, 4), (4,), T(3)), {}, RE)],
    ),
    *[
        C(
            "group_norm",
            T(2, 4, *s),
            g,
            *channels((2, 4), *p),
            kw={"eps": 0.01},
            label=f"{s} {g} {p}",
            parity=p != (False, True),  # PyTorch cannot differentiate this one
        )
        for s, g in [((3,), 1), ((3,), 2), ((2, 2), 4), ((2, 1, 2), 2)]
        for p in PARTS
    ],
    C("group_norm", T(2, 4), 2, T(4), T(4), label="no space"),
    C(
        "group_norm",
        T(0, 4, 2),
        2,
        T(4),
        T(4),
        label="empty",
        errors=[
            ((T(2, 4, 3), 3), {}, RE),
            ((T(2, 4, 3), 2, T(3)), {}, RE),
            ((T(2, 4, 3), 2, T(4), T(2)), {}, RE),
            ((T(4), 2), {}, RE),
        ],
    ),
    *[
        C("instance_norm", T(2, 3, *s), None, None, *channels((2, 3), *p), label=f"{s} {p}")
        for s in [(4,), (2, 3), (2, 1, 2)]
        for p in PARTS
    ],
    C("instance_norm", T(2, 3, 4), constant(3), positive(3), kw={"momentum": 0.3}, label="updates"),
    C(
        "instance_norm",
        T(2, 3, 4),
        constant(3),
        positive(3),
        T(3),
        T(3),
        kw={"use_input_stats": False},
        label="running statistics",
        errors=[((T(2, 3, 1),), {}, VE)],
    ),
    *[
        C("local_response_norm", T(2, 5, *s), n, kw=kw, label=f"{s} {n} {kw}")
        for s in [(3,), (2, 2)]
        for n, kw in [(2, {"alpha": 0.5, "beta": 0.5}), (3, {"alpha": 0.5, "k": 2.0}), (5, {}), (7, {"alpha": 1.0})]
    ],
    C("local_response_norm", T(1, 2, 3), 2, label="refusals", errors=[((T(2, 3), 2), {}, VE)]),
    *[
        C("normalize", T(2, 3, 4, kinks=(0.0,)), kw=kw, label=f"{kw}")
        for kw in ({"p": 2.0}, {"p": 3.0, "dim": -1}, {"p": 1.0, "dim": 0}, {"dim": (0, 2)}, {"eps": 100.0})
    ],
    C("normalize", T(2, 3, make=lambda r, s: np.zeros(s), grad=False), label="zero", orders=0),
    *[
        C("cosine_similarity", T(*a), T(*b), kw=kw, label=f"{a} {b} {kw}")
        for a, b, kw in [
            ((3, 4), (3, 4), {"dim": 0}),
            ((2, 3, 4), (2, 3, 4), {"dim": -2}),
            ((1, 3, 4), (2, 1, 4), {"dim": 1}),
            ((3, 4), (4,), {}),
        ]
    ],
    C(
        "cosine_similarity",
        T(3),
        T(3),
        kw={"dim": 0, "eps": 100.0},
        label="small",
        parity=False,  # PyTorch differentiates as if the bound were not there
        reference=lambda a, b, dim, eps: np.dot(a, b) / eps**2,
    ),
    *[
        C("pairwise_distance", T(*a), T(*b), kw=kw, label=f"{a} {b} {kw}")
        for a, b, kw in [
            ((3, 4), (3, 4), {"p": 1.0}),
            ((3, 4), (3, 4), {"p": 3.0, "keepdim": True}),
            ((4,), (4,), {}),
            ((3, 4), (1, 4), {"eps": 0.1}),
            ((2, 3, 4), (2, 3, 4), {"p": float("inf")}),
        ]
    ],
]
