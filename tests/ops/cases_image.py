"""Padding, resizing, and rearranging images: every mode, number of dimensions and option; refusals."""

from __future__ import annotations

from tests.ops.harness import OpCase, T

F = "nn.functional."
RE, VE, NE = RuntimeError, ValueError, NotImplementedError


def C(name, *args, label, **options):
    kw = options.pop("kw", {})
    return OpCase(F + name, args, kw, label=label, **options)


SHAPES = {1: (2, 3, 5), 2: (2, 2, 4, 5), 3: (1, 2, 3, 4, 3)}
SIDES = {1: [(2, 1), (0, 2)], 2: [(1, 2, 2, 1), (0, 0, 3, 0)], 3: [(1, 2, 0, 1, 2, 2)]}
CROPS = {1: [(-1, 2), (1, -2)], 2: [(-1, 1, 2, -1)], 3: [(1, -1, -2, 1, 1, 0)]}

RESIZES = [
    (dims, mode, corners)
    for dims, modes in {
        1: ["nearest", "nearest-exact", "linear", "area"],
        2: ["nearest", "nearest-exact", "bilinear", "bicubic", "area"],
        3: ["nearest", "nearest-exact", "trilinear"],
    }.items()
    for mode in modes
    for corners in ((False, True) if mode.endswith(("linear", "cubic")) else (None,))
]
TARGETS = [
    {"size": 3},
    {"size": 7},
    {"scale_factor": 2},
    {"scale_factor": 1.7},
    {"scale_factor": 0.6},
    {"scale_factor": 1.7, "recompute_scale_factor": True},
]

CASES = [
    # padding
    *[
        C("pad", T(*shape), sides, kw=kw, label=f"{len(shape)}-d {sides} {kw}")
        for d, s in SHAPES.items()
        for shape in (s, s[1:])
        for sides in SIDES[d] + CROPS[d]
        for kw in ({}, {"value": -1.5})
    ],
    *[
        C("pad", T(*shape), sides, kw={"mode": mode}, label=f"{mode} {len(shape)}-d {sides}")
        for mode in ("reflect", "replicate", "circular")
        for d, s in SHAPES.items()
        for shape in (s, s[1:])
        for sides in SIDES[d] + (CROPS[d] if mode != "reflect" else [])
        if not (mode == "circular" and d == 3 and sides in CROPS[3])
        if not (mode != "replicate" and d == 2 and sides == (0, 0, 3, 0) and len(shape) == 3 and mode == "reflect")
    ],
    C("pad", T(3, low=0, high=9, dtype="int64"), (1, 2), kw={"value": 7}, label="int64", orders=0),
    C("pad", T(3, dtype="bool"), (1, 2), kw={"value": True}, label="bool", orders=0),
    C("pad", T(2, 3), (), label="nothing"),
    C("pad", T(0, 3), (1, 1, 1, 0), label="empty"),
    C("pad", T(2, 3, 1), (3, 3), kw={"mode": "replicate"}, label="one element"),
    C(
        "pad",
        T(2, 3),
        (1, 1, 1, 1),
        label="refusals",
        errors=[
            ((T(2, 3), (1, 1, 1)), {}, RE),
            ((T(2, 3), (-2, -2)), {}, RE),
            ((T(2, 3), (1, 1), "mirror"), {}, NE),
            ((T(2, 3), (3, 3), "reflect"), {}, RE),
            ((T(2, 3), (4, 0), "circular"), {}, RE),
            ((T(2, 3), (1, 1, 1, 1), "reflect"), {}, NE),
            ((T(1, 2, 3), (1, 1), "reflect", 2.0), {}, RE),
        ],
    ),
    # resizing
    *[
        C(
            "interpolate",
            T(2, 2, *(5, 4, 3)[:dims]),
            kw={**target, "mode": mode, **({} if corners is None else {"align_corners": corners})},
            label=f"{dims} {mode} {corners} {target}",
            float32_tolerance=1e-4,
        )
        for dims, mode, corners in RESIZES
        for target in TARGETS
    ],
    C("interpolate", T(1, 2, 3, 4), kw={"scale_factor": (2.0, 0.5)}, label="two factors"),
    C("interpolate", T(1, 2, 3, 4), kw={"size": (3, 4), "mode": "bilinear"}, label="unchanged"),
    C(
        "interpolate",
        T(1, 1, 1, 1),
        kw={"size": (2, 3), "mode": "bilinear", "align_corners": True},
        label="one element",
        errors=[
            ((T(1, 2, 3),), {"size": 2, "scale_factor": 2.0}, VE),
            ((T(1, 2, 3),), {"size": (2, 2)}, VE),
            ((T(1, 2, 3),), {"scale_factor": (2.0, 2.0)}, VE),
            ((T(1, 2, 3),), {"size": 0}, RE),
            ((T(1, 2, 3),), {"size": 2, "align_corners": True}, VE),
            ((T(1, 2, 3),), {"size": 2, "mode": "bilinear"}, NE),
            ((T(1, 2, 3, 4),), {"size": 2, "mode": "linear"}, NE),
            ((T(1, 2, 3, 4),), {"size": 2, "mode": "cubic"}, NE),
            ((T(2, 3),), {"size": 2}, NE),
        ],
    ),
    *[
        C("interpolate", T(2, 2, 5, 4), kw={"mode": mode, "antialias": True, **more}, label=f"smooth {mode} {more}")
        for mode in ("bilinear", "bicubic", "lanczos")
        for more in (
            {"size": (2, 3)},
            {"size": (7, 9)},
            {"scale_factor": 0.5},
            {"scale_factor": (0.45, 1.7), "recompute_scale_factor": True},
        )
    ],
    C(
        "interpolate",
        T(1, 1, 6, 5),
        kw={"size": (3, 2), "mode": "bicubic", "antialias": True, "align_corners": True},
        label="smooth, corners",
    ),
    C("interpolate", T(0, 1, 6, 5), kw={"size": (3, 2), "mode": "bilinear", "antialias": True}, label="smooth, empty"),
    *[
        C(
            "interpolate",
            T(2, 3, 5, 4, dtype="uint8", low=0, high=256),
            kw={"size": size, "mode": mode, "antialias": smooth},
            label=f"bytes {mode} {size} {smooth}",
            orders=0,
        )
        for mode in ("bilinear", "bicubic", "lanczos")
        for size in ((2, 3), (9, 7))
        for smooth in (False, True)
        if smooth or mode != "lanczos"
    ],
    C(
        "interpolate",
        T(1, 1, 2, 3),
        kw={"size": 2, "mode": "lanczos", "antialias": True},
        label="smooth, refused",
        errors=[
            ((T(1, 1, 4, 4),), {"size": 2, "antialias": True}, VE),
            ((T(1, 1, 4),), {"size": 2, "mode": "linear", "antialias": True}, VE),
            ((T(1, 1, 4, 4),), {"size": 2, "mode": "lanczos"}, VE),
            ((T(1, 1, 4, 4),), {"size": 2, "mode": "lanczos", "antialias": True, "align_corners": True}, VE),
            ((T(1, 1, 4, 4, dtype="int32"),), {"size": 2, "mode": "bilinear", "antialias": True}, NE),
        ],
    ),
    # blocks
    *[
        C("unfold", T(*s), k, kw=kw, label=f"{s} {k} {kw}")
        for s in [(2, 3, 5, 6), (3, 5, 6)]
        for k, kw in [
            (2, {}),
            ((3, 2), {"stride": 2}),
            (3, {"padding": 1, "stride": (1, 2)}),
            ((2, 3), {"dilation": 2, "padding": (0, 1)}),
        ]
    ],
    C("unfold", T(0, 2, 4, 4), 2, label="empty"),
    C(
        "unfold",
        T(1, 1, 3, 3),
        3,
        label="one block",
        errors=[
            ((T(1, 1, 3, 3), 0), {}, RE),
            ((T(1, 1, 3, 3), 2), {"stride": 0}, RE),
            ((T(1, 1, 3, 3), 2), {"dilation": 0}, RE),
            ((T(1, 1, 3, 3), 2), {"padding": -1}, RE),
            ((T(3, 3), 2), {}, IndexError),
        ],
    ),
    *[
        C("fold", T(*s), size, k, kw=kw, label=f"{s} {size} {k} {kw}")
        for s, size, k, kw in [
            ((2, 12, 12), (4, 5), 2, {}),
            ((12, 12), (4, 5), 2, {}),
            ((1, 6, 4), (4, 4), (3, 2), {"stride": 2, "padding": (1, 0)}),
            ((1, 4, 9), 5, 2, {"dilation": 2}),
        ]
    ],
    C("fold", T(0, 4, 4), (3, 3), 2, label="empty", errors=[((T(1, 5, 4), (3, 3), 2), {}, RE), ((T(4), 3, 2), {}, RE)]),
    *[
        C("pixel_shuffle", T(*s), r, label=f"{s} {r}")
        for s, r in [((4, 2, 3), 2), ((2, 2, 9, 1, 2), 3), ((1, 2, 3), 1)]
    ],
    *[
        C("pixel_unshuffle", T(*s), r, label=f"{s} {r}")
        for s, r in [((1, 4, 6), 2), ((2, 2, 1, 3, 6), 3), ((1, 2, 3), 1)]
    ],
    C(
        "pixel_unshuffle",
        T(2, 2, 2),
        2,
        label="refusals",
        errors=[((T(1, 3, 4), 2), {}, RE), ((T(4, 4), 2), {}, RE)],
    ),
    C("pixel_shuffle", T(4, 2, 2), 2, label="refusals", errors=[((T(4, 4), 2), {}, RE), ((T(4, 2, 2), 0), {}, RE)]),
]
