"""Losses: reductions, weights, ignored and smoothed targets, many dimensions, extreme inputs, refusals."""

from __future__ import annotations

import numpy as np

from tests.ops.harness import OpCase, T, distinct

F = "nn.functional."
RE, VE, IE = RuntimeError, ValueError, IndexError
REDUCTIONS = ("mean", "sum", "none")


def C(name, *args, label, **options):
    kw = options.pop("kw", {})
    return OpCase(F + name, args, kw, label=label, **options)


def classes(*shape, n=3):
    return T(*shape, low=0, high=n, dtype="int64")


def given(values):
    """A fixed integer tensor."""
    array = np.array(values)
    return T(*array.shape, dtype="int64", make=lambda rng, shape: array)


def fixed(values, grad=True):
    array = np.array(values, np.float64)
    return T(*array.shape, make=lambda rng, shape: array, grad=grad)


def signs(*shape):
    return T(*shape, make=lambda r, s: np.where(r.random(s) < 0.5, -1.0, 1.0), grad=False)


def weights(*shape):
    return T(*shape, low=0.5, high=2, grad=False)


def probabilities(rng, shape):
    p = rng.random(shape) + 0.1
    return p / p.sum(axis=1, keepdims=True)


EXTREME = fixed([[800.0, -800.0, 0.0], [-90.0, 90.0, 89.0], [0.0, 0.0, -800.0]])
HUGE = fixed([-800.0, -90.0, -0.5, 0.5, 90.0, 800.0])

CASES = [
    # classes
    *[
        C("cross_entropy", T(2, 3, 2, 2), classes(2, 2, 2), weights(3), kw={"reduction": r, **kw}, label=f"{r} {kw}")
        for r in REDUCTIONS
        for kw in ({}, {"ignore_index": 0}, {"ignore_index": 0, "label_smoothing": 0.3})
    ],
    *[
        C("nll_loss", T(2, 3, 2, 2), classes(2, 2, 2), weights(3), kw={"reduction": r, "ignore_index": 0}, label=r)
        for r in REDUCTIONS
    ],
    *[
        C(
            "cross_entropy",
            T(4, 3),
            T(4, 3, make=probabilities),
            weights(3),
            kw={"reduction": r, "label_smoothing": s},
            label=f"probabilities {r} {s}",
        )
        for r in REDUCTIONS
        for s in (0.0, 0.2)
    ],
    C("cross_entropy", T(3), T(3, low=0, high=1), label="one row of probabilities"),
    C("cross_entropy", T(2, 3, 2), T(2, 3, 2, make=probabilities), label="N-d probabilities"),
    C("cross_entropy", EXTREME, given([0, 1, 0]), label="extreme", kw={"reduction": "none"}, orders=1),
    C("cross_entropy", EXTREME, given([1, 2, 2]), label="extreme and wrong", orders=1),
    C("cross_entropy", T(4, 3), given([-100, 1, -100, 2]), label="default ignore_index"),
    C("cross_entropy", T(2, 3), given([-100, -100]), label="all ignored", orders=0),
    C("cross_entropy", T(2, 3), given([-1, 1]), kw={"ignore_index": -1}, label="negative ignore_index"),
    C("cross_entropy", T(2, 3), given([7, 1]), kw={"ignore_index": 7}, label="ignore_index beyond the classes"),
    C("cross_entropy", T(2, 3), classes(2), kw={"label_smoothing": 1.0}, label="all smooth"),
    C("cross_entropy", T(0, 3), given(np.zeros(0, int)), kw={"reduction": "none"}, label="empty"),
    C("cross_entropy", T(4, 1), given([0, 0, 0, 0]), label="one class"),
    C("cross_entropy", T(3), given(2), kw={"reduction": "none"}, label="one row"),
    C("cross_entropy", T(3), given(2), weights(3), label="one row weighted"),
    C("cross_entropy", T(3), given(-100), kw={"reduction": "sum"}, label="one row ignored"),
    C("cross_entropy", T(2, 3), classes(2), kw={"size_average": False}, label="size_average"),
    C("cross_entropy", T(2, 3), classes(2), kw={"reduce": False}, label="reduce"),
    C(
        "cross_entropy",
        T(3, 4),
        classes(3),
        label="refusals",
        errors=[
            ((T(3, 4), classes(3)), {"reduction": "average"}, VE),
            ((T(3, 4), classes(2)), {}, VE),
            ((T(3, 4), given([0, 4, 1])), {}, IE),
            ((T(3, 4), given([0, -1, 1])), {}, IE),
            ((T(2, 4, 3), classes(2, 2)), {}, RE),
            ((T(3, 4), classes(3), T(3)), {}, RE),
            ((T(3, 4), T(3, 5)), {}, RE),
            ((T(3, 4), T(3)), {}, RE),
            ((T(3, 4), classes(3)), {"label_smoothing": 1.5}, RE),
            ((T(3, 4), T(3, low=0, high=3, dtype="int32")), {}, RE),
        ],
    ),
    C(
        "nll_loss",
        T(3),
        given(1),
        label="one row",
        errors=[
            ((T(3, 4), classes(2)), {}, VE),
            ((T(3, 4), given([0, 4, 1])), {}, IE),
            ((T(3, 4), T(3)), {}, RE),
            ((T(3, 4), classes(3)), {"reduction": "average"}, VE),
        ],
    ),
    C("nll_loss", T(0, 3), given(np.zeros(0, int)), kw={"reduction": "sum"}, label="empty"),
    # numbers
    *[
        C(name, T(2, 3), T(2, 3), kw=kw, label=f"{kw}")
        for name in ("mse_loss", "l1_loss", "smooth_l1_loss")
        for kw in ({"size_average": False}, {"reduce": False}, {"size_average": True, "reduce": True})
    ],
    *[
        C(name, T(2, 3), T(2, 3), kw={"reduction": r, "weight": weights(2, 3)}, label=f"weight {r}")
        for name in ("mse_loss", "l1_loss", "huber_loss")
        for r in REDUCTIONS
    ],
    *[
        C(name, T(), T(), label="0-d", errors=[((T(3), T(3)), {"reduction": "average"}, VE)])
        for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")
    ],
    *[
        C(name, T(0, 3), T(0, 3), kw={"reduction": "sum"}, label="empty")
        for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")
    ],
    *[
        C(name, D, T(6, low=-0.01, high=0.01, grad=False), kw=kw, label=f"spread {kw}")
        for D in [T(6, low=-3, high=3, kinks=(-2.0, -1.0, 0.0, 1.0, 2.0))]
        for name, kw in [
            ("smooth_l1_loss", {}),
            ("smooth_l1_loss", {"beta": 2.0}),
            ("smooth_l1_loss", {"beta": 0.0}),
            ("huber_loss", {}),
            ("huber_loss", {"delta": 2.0}),
        ]
    ],
    C(
        "smooth_l1_loss",
        T(3),
        T(3),
        label="refusals",
        errors=[((T(3), T(3)), {"beta": -1.0}, RE)],
    ),
    C("huber_loss", T(3), T(3), label="refusals", errors=[((T(3), T(3)), {"delta": 0.0}, RE)]),
    C("mse_loss", T(3), T(3, dtype="int64", low=0, high=5), label="integer target"),
    # probabilities
    *[
        C(
            "binary_cross_entropy",
            T(2, 3, low=0.1, high=0.9),
            T(2, 3, low=0, high=1),
            *w,
            kw={"reduction": r},
            label=f"{r} {len(w)}",
        )
        for r in REDUCTIONS
        for w in ((), (weights(3),))
    ],
    C("binary_cross_entropy", fixed([0.0, 1.0, 0.0, 1.0]), fixed([0, 1, 1, 0], False), label="certain", orders=0),
    *[
        C(
            "binary_cross_entropy_with_logits",
            T(2, 3),
            T(2, 3, low=0, high=1),
            *w,
            kw={"reduction": r},
            label=f"{r} {len(w)}",
        )
        for r in REDUCTIONS
        for w in ((), (weights(3),))
    ],
    C("binary_cross_entropy_with_logits", HUGE, fixed([0, 1, 0, 1, 0, 1], False), label="extreme", orders=1),
    C(
        "binary_cross_entropy_with_logits",
        HUGE,
        fixed([0, 1, 0, 1, 0, 1], False),
        kw={"pos_weight": weights(1), "reduction": "none"},
        label="extreme weighted",
        orders=1,
    ),
    *[
        C("kl_div", T(2, 3), T(2, 3, low=0.1, high=1), kw={"reduction": r}, label=r)
        for r in ("sum", "none", "batchmean")
    ],
    C("kl_div", T(3), fixed([0.0, 0.5, 0.5], False), kw={"reduction": "sum"}, label="zero probability"),
    *[
        C(
            "poisson_nll_loss",
            T(2, 3, low=0.2, high=2),
            T(2, 3, low=0.1, high=3, grad=False),
            kw={"reduction": r, "log_input": log, "full": full},
            label=f"{r} {log} {full}",
        )
        for r in REDUCTIONS
        for log in (True, False)
        for full in (True, False)
    ],
    *[
        C("gaussian_nll_loss", T(2, 3), T(2, 3), T(*s, low=0.5, high=2), kw={"reduction": r}, label=f"{r} {s}")
        for r in REDUCTIONS
        for s in ((2, 3), (2, 1), (2,))
    ],
    C(
        "gaussian_nll_loss",
        T(3),
        T(3),
        fixed([0.5, 1e-9, 0.0], False),
        kw={"eps": 0.1},
        label="eps",
        errors=[
            ((T(3), T(3), T(3, low=-2, high=-1)), {}, VE),
            ((T(2, 3), T(2, 3), T(2, 2, low=1, high=2)), {}, VE),
            ((T(3), T(3), T(3, low=1, high=2)), {"reduction": "average"}, VE),
        ],
    ),
    C("gaussian_nll_loss", T(3), T(3), 2.0, label="one variance"),
    # margins
    *[
        C(name, T(2, 3, kinks=(1.0, 0.0)), signs(2, 3), kw={"reduction": r}, label=r)
        for name in ("soft_margin_loss", "hinge_embedding_loss")
        for r in REDUCTIONS
    ],
    C(
        "soft_margin_loss",
        HUGE,
        fixed([-1, 1, -1, 1, -1, 1], False),
        kw={"reduction": "none"},
        label="extreme",
        orders=1,
        parity=False,  # PyTorch's exp overflows
        reference=lambda x, y, reduction: np.logaddexp(0, -x * y),
    ),
    *[
        C(
            "margin_ranking_loss",
            T(4, make=distinct),
            T(4, low=-0.02, high=0.02),
            signs(4),
            kw={"reduction": r, "margin": 0.01},
            label=r,
            orders=1,
        )
        for r in REDUCTIONS
    ],
    *[
        C("cosine_embedding_loss", T(4, 3), T(4, 3), signs(4), kw={"reduction": r, "margin": -0.9}, label=r)
        for r in REDUCTIONS
    ],
    C(
        "cosine_embedding_loss",
        T(3),
        T(3),
        T(make=lambda r, s: np.ones(s), grad=False),
        label="one",
        errors=[((T(4, 3), T(4, 3), T(4, 3)), {}, RE), ((T(3), T(3), T(3)), {}, RE)],
    ),
    *[
        C(
            "multi_margin_loss",
            T(4, 3, make=distinct),
            classes(4),
            kw={"reduction": r, "p": p},
            label=f"{r} {p}",
            orders=1,
        )
        for r in REDUCTIONS
        for p in (1, 2)
    ],
    C(
        "multi_margin_loss",
        T(3, make=distinct),
        given(1),
        kw={"weight": weights(3)},
        label="one row",
        orders=1,
        errors=[
            ((T(3, 4), classes(2)), {}, RE),
            ((T(3, 4), given([0, 9, 1])), {}, RE),
            ((T(3, 4), classes(3)), {"weight": T(2, 2)}, VE),
        ],
    ),
    *[
        C(
            "multilabel_margin_loss",
            T(2, 4, make=distinct),
            given([[3, 0, -1, 1], [-1, 0, 1, 2]]),
            kw={"reduction": r},
            label=r,
            orders=1,
        )
        for r in REDUCTIONS
    ],
    C(
        "multilabel_margin_loss",
        T(4, make=distinct),
        given([1, 2, -1, 0]),
        label="one row",
        orders=1,
        errors=[((T(2, 4), given([1, 2, -1, 0])), {}, RE), ((T(0), given(np.zeros(0, int))), {}, RE)],
    ),
    *[
        C(
            "multilabel_soft_margin_loss",
            T(2, 3),
            T(2, 3, low=0, high=1, grad=False),
            weights(3),
            kw={"reduction": r},
            label=r,
        )
        for r in REDUCTIONS
    ],
    *[
        C(
            "triplet_margin_loss",
            T(3, 4),
            T(3, 4),
            T(3, 4),
            kw={"margin": 5.0, "reduction": r, "p": p},
            label=f"{r} {p}",
            orders=1,
        )
        for r in REDUCTIONS
        for p in (2, 3.0)
    ],
    C(
        "triplet_margin_loss",
        T(4),
        T(4),
        T(4),
        kw={"margin": 5.0},
        label="one",
        errors=[((T(3), T(3), T(3)), {"margin": 0.0}, VE), ((T(3), T(2, 3), T(3)), {}, RE)],
    ),
]
