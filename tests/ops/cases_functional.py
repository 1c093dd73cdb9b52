"""nn.functional: activations, softmax, losses, convolution, pooling, normalisation and their like."""

from __future__ import annotations

import numpy as np

from tests.ops.harness import OpCase, T, distinct

F = "nn.functional."
RE, VE, IE = RuntimeError, ValueError, IndexError


def C(name, *args, label="", **options):
    kw = options.pop("kw", {})
    return OpCase(F + name, args, kw, label=label or "", **options)


def classes(*shape, n=3):
    return T(*shape, low=0, high=n, dtype="int64")


def signs(*shape):
    return T(*shape, make=lambda r, s: np.where(r.random(s) < 0.5, -1.0, 1.0), grad=False)


def D(*shape):
    return T(*shape, make=distinct)


ACTIVATIONS = [
    ("relu", {}, (0.0,)),
    ("relu6", {}, (0.0, 6.0)),
    ("leaky_relu", {"negative_slope": 0.2}, (0.0,)),
    ("elu", {"alpha": 1.3}, (0.0,)),
    ("selu", {}, (0.0,)),
    ("celu", {"alpha": 1.3}, (0.0,)),
    ("gelu", {}, ()),
    ("gelu", {"approximate": "tanh"}, ()),
    ("silu", {}, ()),
    ("mish", {}, ()),
    ("softplus", {"beta": 2.0}, ()),
    ("softplus", {"threshold": 1.0}, (1.0,)),
    ("softsign", {}, (0.0,)),
    ("hardtanh", {}, (-1.0, 1.0)),
    ("hardsigmoid", {}, (-3.0, 3.0)),
    ("hardswish", {}, (-3.0, 3.0)),
    ("logsigmoid", {}, ()),
    ("tanhshrink", {}, ()),
    ("softshrink", {"lambd": 0.3}, (-0.3, 0.3)),
    ("hardshrink", {"lambd": 0.3}, (-0.3, 0.3)),
]

CASES = [
    *[
        # PyTorch holds some constants of celu and hardsigmoid in single precision.
        C(name, T(*shape, low=-4, high=4, kinks=kinks), kw=kw, label=f"{kw} {shape}", rtol=1e-6)
        for name, kw, kinks in ACTIVATIONS
        for shape in ((3, 4), (), (0, 2))
    ],
    C("threshold", T(3, 4, kinks=(0.2,)), 0.2, 7.0, label="threshold"),
    C("glu", T(3, 4), label="last", errors=[((T(3),), {}, RE), ((T(),), {}, RE)]),
    C("glu", T(4, 3), kw={"dim": 0}, label="first"),
    C("prelu", T(3, 4, kinks=(0.0,)), T(1)),
    C("prelu", T(2, 3, 4, kinks=(0.0,)), T(3), errors=[((T(2, 3), T(2)), {}, RE)]),
    C("rrelu", T(3, 4, kinks=(0.0,)), label="eval"),
    C("rrelu", T(5, 8, kinks=(0.0,)), kw={"training": True}, label="train", seeded=True, orders=1),
    *[
        C("softmax", T(*s), kw={"dim": d}, label=f"{s}{d}")
        for s, d in [((3, 4), 1), ((3, 4), 0), ((2, 3, 4), -2), ((), 0), ((0, 3), 1)]
    ],
    *[
        C("log_softmax", T(*s), kw={"dim": d}, label=f"{s}{d}")
        for s, d in [((3, 4), 1), ((3, 4), 0), ((2, 3, 4), -2), ((), 0), ((0, 3), 1)]
    ],
    C("softmin", T(3, 4), kw={"dim": 1}, label="softmin", errors=[((T(3, 4),), {"dim": 2}, IE)]),
    C("gumbel_softmax", T(3, 4), kw={"tau": 0.7}, seeded=True, label="soft", orders=1),
    C(
        "linear",
        T(3, 4),
        T(5, 4),
        T(5),
        errors=[((T(3, 4), T(5, 3)), {}, RE), ((T(3, 4, dtype="int64"), T(5, 4)), {}, RE)],
    ),
    C("linear", T(2, 3, 4), T(5, 4)),
    C("linear", T(4), T(5, 4), T(5)),
    C("linear", T(0, 4), T(5, 4), T(5)),
    C("bilinear", T(3, 2), T(3, 4), T(5, 2, 4), T(5), errors=[((T(3, 2), T(2, 4), T(5, 2, 4)), {}, RE)]),
    C(
        "embedding",
        classes(2, 3, n=5),
        T(5, 4),
        errors=[((T(2, low=7, high=9, dtype="int64"), T(5, 4)), {}, IE), ((T(2), T(5, 4)), {}, RE)],
    ),
    C("embedding", classes(4, n=5), T(5, 4), kw={"padding_idx": 1}, label="padding"),
    C("embedding", classes(6, n=3), T(3, 2), kw={"scale_grad_by_freq": True}, label="freq", orders=0),
    C(
        "one_hot",
        classes(2, 3),
        kw={"num_classes": 4},
        orders=0,
        label="one_hot",
        errors=[((T(2),), {}, RE), ((classes(3), 1), {}, RE)],
    ),
    # convolution
    C(
        "conv2d",
        T(2, 4, 6, 5),
        T(6, 2, 3, 2),
        T(6),
        kw={"groups": 2, "stride": (2, 1), "padding": (1, 1)},
        label="groups",
        errors=[
            ((T(2, 3, 5, 5), T(4, 2, 3, 3)), {}, RE),
            ((T(5, 5), T(4, 2, 3, 3)), {}, RE),
            ((T(1, 2, 2, 2), T(4, 2, 3, 3)), {}, RE),
            ((T(1, 2, 5, 5), T(4, 2, 3, 3), T(3)), {}, RE),
        ],
    ),
    C("conv2d", T(2, 3, 5, 5), T(4, 3, 3, 3), kw={"dilation": 2, "padding": 2}, label="dilation"),
    C("conv2d", T(2, 3, 5, 5), T(4, 3, 1, 1), T(4), label="1x1"),
    C("conv2d", T(2, 3, 5, 4), T(3, 1, 3, 3), kw={"groups": 3, "padding": "same"}, label="depthwise same"),
    C("conv2d", T(3, 5, 5), T(2, 3, 2, 2), kw={"padding": "valid"}, label="unbatched"),
    C("conv2d", T(1, 2, 4, 5), T(2, 2, 2, 4), T(2), kw={"padding": "same"}, label="even same"),
    C("conv2d", T(0, 3, 5, 5), T(2, 3, 3, 3), T(2), label="empty"),
    C("conv1d", T(2, 4, 7), T(6, 2, 3), T(6), kw={"groups": 2, "stride": 2, "padding": 1}, label="groups"),
    C("conv1d", T(3, 6), T(2, 3, 3), kw={"padding": "same"}, label="unbatched"),
    C(
        "conv_transpose2d",
        T(2, 4, 3, 3),
        T(4, 2, 3, 2),
        T(4),
        kw={"stride": 2, "padding": 1, "output_padding": 1, "groups": 2},
        label="groups",
        errors=[((T(2, 4, 3, 3), T(3, 2, 3, 3)), {}, RE), ((T(2, 4, 3, 3), T(4, 2, 3, 3)), {"output_padding": 2}, RE)],
    ),
    C("conv_transpose2d", T(2, 3, 3), T(2, 3, 2, 2), kw={"dilation": 2}, label="unbatched"),
    C("conv_transpose1d", T(2, 3, 4), T(3, 2, 3), T(2), kw={"stride": 2, "output_padding": 1}, label="1d"),
    # pooling
    C(
        "max_pool2d",
        D(2, 2, 5, 6),
        2,
        label="2",
        errors=[((T(2, 2, 4, 4), 2), {"padding": 2}, RE), ((T(4, 4), 2), {}, RE)],
    ),
    C(
        "max_pool2d",
        D(2, 2, 6, 5),
        (3, 2),
        kw={"stride": (2, 1), "padding": 1, "dilation": (1, 2), "ceil_mode": True},
        label="all",
    ),
    C("max_pool2d", D(2, 4, 4), 2, kw={"return_indices": True}, label="indices"),
    C("max_pool1d", D(2, 2, 7), 3, kw={"stride": 2, "padding": 1}, label="1d"),
    C(
        "max_unpool2d",
        T(1, 2, 2, 2),
        T(1, 2, 2, 2, dtype="int64", make=lambda r, s: np.array([0, 2, 9, 15] * 2).reshape(s)),
        2,
        label="2d",
    ),
    C(
        "max_unpool1d",
        T(1, 2, 2),
        T(1, 2, 2, dtype="int64", make=lambda r, s: np.array([0, 2] * 2).reshape(s)),
        2,
        label="1d",
    ),
    C("avg_pool2d", T(2, 2, 5, 6), 2, label="2"),
    C(
        "avg_pool2d",
        T(2, 2, 5, 6),
        3,
        kw={"stride": 2, "padding": 1, "ceil_mode": True, "count_include_pad": False},
        label="all",
        errors=[((T(2, 2, 4, 4), 2), {"divisor_override": 0}, RE)],
    ),
    C("avg_pool2d", T(2, 5, 6), 3, kw={"divisor_override": 4}, label="divisor"),
    C("avg_pool1d", T(2, 2, 7), 3, kw={"stride": 2, "padding": 1}, label="1d"),
    C("adaptive_avg_pool2d", T(2, 2, 5, 7), (3, 2), label="2d"),
    C("adaptive_avg_pool2d", T(2, 2, 5, 7), 1, label="global"),
    C("adaptive_avg_pool1d", T(2, 2, 7), 3, label="1d"),
    C("adaptive_max_pool2d", D(2, 2, 5, 7), (3, None), label="2d"),
    C("adaptive_max_pool1d", D(2, 2, 7), 3, label="1d"),
    C("lp_pool2d", T(2, 2, 4, 4, low=0.5, high=2), 2.0, 2, label="2d"),
    C("lp_pool1d", T(2, 2, 6, low=0.5, high=2), 3.0, 2, label="1d"),
    # normalisation
    C(
        "batch_norm",
        T(4, 3, 2, 2),
        None,
        None,
        T(3),
        T(3),
        kw={"training": True},
        label="train",
        errors=[((T(1, 3), None, None), {"training": True}, VE), ((T(4, 3), None, None, T(2)), {"training": True}, RE)],
    ),
    C("batch_norm", T(5, 3), None, None, kw={"training": True}, label="plain"),
    C("batch_norm", T(4, 3, 2), T(3, grad=False), T(3, low=0.5, high=2, grad=False), T(3), T(3), label="eval"),
    C("layer_norm", T(3, 2, 4), (2, 4), T(2, 4), T(2, 4), label="2", errors=[((T(3, 4), (3,)), {}, RE)]),
    C("layer_norm", T(3, 4), (4,), label="plain"),
    C("group_norm", T(2, 4, 3), 2, T(4), T(4), label="2", errors=[((T(2, 4, 3), 3), {}, RE)]),
    C("instance_norm", T(2, 3, 4), None, None, T(3), T(3), label="affine"),
    C("rms_norm", T(3, 4), (4,), T(4), label="rms"),
    C("local_response_norm", T(2, 5, 3), 3, kw={"alpha": 0.5}, label="lrn"),
    C("normalize", T(3, 4), label="2"),
    C("normalize", T(3, 4, kinks=(0.0,)), kw={"p": 1.0, "dim": 0}, label="1"),
    C("cosine_similarity", T(3, 4), T(3, 4), label="cos"),
    C("pairwise_distance", T(3, 4), T(3, 4), label="distance"),
    # dropout
    C("dropout", T(5, 7), kw={"p": 0.3}, seeded=True, label="p"),
    C("dropout", T(5, 7), kw={"p": 1.0}, seeded=True, label="all", errors=[((T(2),), {"p": 1.5}, VE)]),
    C("dropout1d", T(3, 4, 5), kw={"p": 0.4}, seeded=True, label="1d"),
    C("dropout2d", T(3, 4, 2, 2), kw={"p": 0.4}, seeded=True, label="2d"),
    C("alpha_dropout", T(5, 7), kw={"p": 0.3, "training": True}, seeded=True, label="alpha"),
    C("feature_alpha_dropout", T(5, 7, 2), kw={"p": 0.3, "training": True}, seeded=True, label="feature"),
    # padding, resizing
    C(
        "pad",
        T(2, 3),
        (1, 2, 0, 1),
        kw={"value": 3.0},
        label="constant",
        errors=[((T(2), (1,)), {}, RE), ((T(2), (1, 1, 1, 1)), {}, RE)],
    ),
    C("pad", T(2, 3, 5), (-1, 2), label="crop"),
    *[C("pad", T(1, 2, 4, 5), (1, 2, 2, 1), kw={"mode": m}, label=m) for m in ("reflect", "replicate", "circular")],
    C(
        "pad",
        T(2, 5),
        (2, 1),
        kw={"mode": "reflect"},
        label="1d",
        errors=[((T(2, 3), (3, 0)), {"mode": "reflect"}, RE)],
    ),
    C("interpolate", T(1, 2, 3, 4), kw={"scale_factor": 2}, label="nearest"),
    C("interpolate", T(1, 2, 3, 4), kw={"size": (5, 3), "mode": "bilinear"}, label="bilinear"),
    C("interpolate", T(1, 2, 3, 4), kw={"size": (5, 7), "mode": "bilinear", "align_corners": True}, label="corners"),
    C("interpolate", T(1, 2, 5), kw={"scale_factor": 1.5, "mode": "linear"}, label="linear"),
    C(
        "interpolate",
        T(1, 2, 5),
        kw={"size": 8, "mode": "nearest-exact"},
        label="exact",
        errors=[((T(1, 2, 5),), {}, VE)],
    ),
    C(
        "unfold",
        T(2, 2, 4, 5),
        (2, 3),
        kw={"padding": 1, "stride": 2},
        label="unfold",
        errors=[((T(1, 1, 2, 2), 3), {}, RE)],
    ),
    C("fold", T(2, 12, 6), (3, 4), (2, 2), label="fold", errors=[((T(2, 12, 5), (3, 4), (2, 2)), {}, RE)]),
    C("pixel_shuffle", T(1, 8, 2, 3), 2, label="shuffle", errors=[((T(1, 3, 2, 2), 2), {}, RE)]),
    C("pixel_unshuffle", T(1, 2, 4, 6), 2, label="unshuffle"),
    # losses
    *[
        C(name, T(3, 4, **k), T(3, 4, **k), kw={"reduction": r, **kw}, label=f"{r} {kw}")
        for name, kw, k in [
            ("mse_loss", {}, {}),
            ("l1_loss", {}, {}),
            ("smooth_l1_loss", {"beta": 0.7}, {}),
            ("huber_loss", {"delta": 0.7}, {}),
            ("kl_div", {"log_target": True}, {}),
        ]
        for r in ("mean", "sum", "none")
        if not (name == "kl_div" and r == "mean")
    ],
    C("kl_div", T(3, 4), T(3, 4, low=0.1, high=1), kw={"reduction": "batchmean"}, label="batchmean"),
    *[
        C("cross_entropy", T(4, 3), classes(4), kw={"reduction": r, **kw}, label=f"{r} {kw}", orders=2)
        for r in ("mean", "sum", "none")
        for kw in ({}, {"label_smoothing": 0.2}, {"ignore_index": 1})
    ],
    C(
        "cross_entropy",
        T(4, 3),
        classes(4),
        T(3, low=0.5, high=2, grad=False),
        label="weight",
        errors=[
            ((T(4, 3), T(3, low=0, high=3, dtype="int64")), {}, VE),
            ((T(4, 3), T(4, low=5, high=6, dtype="int64")), {}, IE),
        ],
    ),
    C(
        "cross_entropy",
        T(4, 3),
        classes(4),
        T(3, low=0.5, high=2, grad=False),
        kw={"label_smoothing": 0.1},
        label="weight smooth",
    ),
    C("cross_entropy", T(2, 3, 4), classes(2, 4), label="N-d"),
    C("cross_entropy", T(3), classes(), label="one"),
    C("cross_entropy", T(4, 3), T(4, 3, low=0, high=1), kw={"label_smoothing": 0.1}, label="probabilities"),
    C("nll_loss", T(4, 3), classes(4), label="nll"),
    C("nll_loss", T(2, 3, 4), classes(2, 4), T(3, low=0.5, high=2, grad=False), kw={"ignore_index": 2}, label="weight"),
    C(
        "binary_cross_entropy",
        T(3, 4, low=0.1, high=0.9),
        T(3, 4, low=0, high=1, grad=False),
        T(3, 4, low=0.5, high=2, grad=False),
        label="bce",
        errors=[((T(3, low=0, high=1), T(2, low=0, high=1)), {}, VE), ((T(3, low=2, high=3), T(3)), {}, RE)],
    ),
    C(
        "binary_cross_entropy_with_logits",
        T(3, 4),
        T(3, 4, low=0, high=1),
        kw={"pos_weight": T(4, low=0.5, high=2, grad=False)},
        label="logits",
        errors=[((T(3), T(2)), {}, VE)],
    ),
    C("hinge_embedding_loss", T(3, 4, kinks=(1.0,)), signs(3, 4), label="hinge"),
    C("soft_margin_loss", T(3, 4), signs(3, 4), label="soft"),
    C(
        "margin_ranking_loss",
        D(4),
        T(4, low=-0.02, high=0.02),
        signs(4),
        kw={"margin": 0.01},
        label="ranking",
        orders=1,
    ),
    C("cosine_embedding_loss", T(4, 3), T(4, 3), signs(4), label="cosine"),
    C("multi_margin_loss", D(4, 3), classes(4), label="1", orders=1),
    C(
        "multi_margin_loss",
        T(4, 3),
        classes(4),
        kw={"p": 2, "margin": 0.7, "weight": T(3, low=0.5, high=2, grad=False)},
        label="2",
        orders=1,
        errors=[((T(4, 3), classes(4)), {"p": 3}, VE)],
    ),
    C(
        "multilabel_margin_loss",
        T(2, 3),
        T(2, 3, dtype="int64", make=lambda r, s: np.array([[1, -1, 0], [2, 0, -1]])),
        label="ml",
        orders=1,
    ),
    C("multilabel_soft_margin_loss", T(3, 4), T(3, 4, low=0, high=1, grad=False), label="mls"),
    C("triplet_margin_loss", T(3, 4), T(3, 4), T(3, 4), kw={"margin": 5.0}, label="triplet"),
    C("triplet_margin_loss", T(3, 4), T(3, 4), T(3, 4), kw={"margin": 5.0, "swap": True}, label="swap"),
    C("triplet_margin_with_distance_loss", T(3, 4), T(3, 4), T(3, 4), kw={"margin": 5.0}, label="distance"),
    C("poisson_nll_loss", T(3, 4), T(3, 4, low=0.5, high=4, grad=False), kw={"full": True}, label="poisson"),
    C("gaussian_nll_loss", T(3, 4), T(3, 4), T(3, 4, low=0.5, high=2), kw={"full": True}, label="gauss"),
    *[
        OpCase(f"Tensor.{m}", (T(3, 4, kinks=(0.0,)), *a), label=m)
        for m, a in [("relu", ()), ("softmax", (1,)), ("log_softmax", (1,))]
    ],
    OpCase("special.expit", (T(3),), reference=lambda a: 1 / (1 + np.exp(-a))),
]
