"""Recurrent layers and cells: modes, directions, layers, projections, unequal lengths, refusals; packing."""

from __future__ import annotations

import numpy as np

from tests.ops.harness import OpCase, T

RE, TE, IE = RuntimeError, TypeError, IndexError
GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}


def weights(mode, inputs, hidden, layers=1, directions=1, bias=True, proj=0):
    """The parameters of layers, as PyTorch lists them; of wide ones they are small, as they would be."""
    gates, out, result = GATES[mode] * hidden, proj or hidden, []
    scale = {"low": -0.1, "high": 0.1} if hidden > 100 else {}
    for layer in range(layers):
        for _ in range(directions):
            result += [T(gates, out * directions if layer else inputs, **scale), T(gates, out, **scale)]
            result += [T(gates), T(gates)] if bias else []
            result += [T(proj, hidden)] if proj else []
    return result


def layer(mode, inputs=3, hidden=2, layers=1, directions=1, bias=True, proj=0, batch=2, steps=3, batch_first=False):
    """A call on a batch of equal lengths."""
    state = T(layers * directions, batch, proj or hidden)
    hx = (state, T(layers * directions, batch, hidden)) if mode == "lstm" else state
    shape = (batch, steps, inputs) if batch_first else (steps, batch, inputs)
    return (
        T(*shape), hx, weights(mode, inputs, hidden, layers, directions, bias, proj), bias, layers, 0.0, True,
        directions == 2, batch_first,
    )  # fmt: skip


def counts(*sizes):
    return T(len(sizes), dtype="int64", make=lambda rng, shape: np.array(sizes))


def packed(mode, sizes, directions=1, **options):
    """A call on packed sequences."""
    _, hx, *rest = layer(mode, directions=directions, batch=sizes[0], **options)
    return T(sum(sizes), 3), counts(*sizes), hx, *rest[:-1]


def C(path, *args, label, **options):
    return OpCase(path, args, label=label, **options)


def cell(mode, batch=2, inputs=3, hidden=2):
    state = T(batch, hidden)
    gates = GATES[mode] * hidden
    return (
        T(batch, inputs),
        ((state, T(batch, hidden)) if mode == "lstm" else state),
        T(gates, inputs),
        T(gates, hidden),
    )


def swapped(arguments, index, value):
    """The arguments with another one at an index, to be refused."""
    return (*arguments[:index], value, *arguments[index + 1 :]), {}


CELLS = {"lstm": "lstm_cell", "gru": "gru_cell", "rnn_tanh": "rnn_tanh_cell", "rnn_relu": "rnn_relu_cell"}

CASES = [
    *[C(m, *layer(m), label="plain") for m in GATES],
    *[C(m, *layer(m, batch=9, steps=2, hidden=5), label="two groups of sequences") for m in GATES],
    *[C(m, *layer(m, batch=5, inputs=4, hidden=3, directions=2), label="both directions") for m in GATES],
    *[C(m, *layer(m, layers=2, bias=False, batch_first=True), label="two layers, no bias, batch first") for m in GATES],
    *[C(m, *layer(m, steps=1, batch=1), label="one step of one sequence") for m in GATES],
    *[C(m, *packed(m, (3, 2, 2, 1)), label="packed") for m in GATES],
    *[C(m, *packed(m, (5, 4, 1), directions=2, layers=2), label="packed, both directions, two layers") for m in GATES],
    *[C(m, *layer(m, batch=0), label="empty batch", parity=m != "lstm") for m in GATES],
    C("lstm", *layer("lstm", proj=1), label="projection"),
    C("lstm", *layer("lstm", hidden=3, proj=2, batch=5, layers=2, directions=2), label="projections, both directions"),
    C("lstm", *layer("lstm", hidden=3, proj=2, bias=False), label="projection, no bias"),
    C("lstm", *packed("lstm", (5, 3, 1), hidden=3, proj=2, directions=2), label="projection, packed"),
    C("lstm", *layer("lstm", hidden=140, inputs=2), label="two panels", orders=1),
    C("gru", *layer("gru", hidden=170, inputs=2, batch=5), label="two panels", orders=1),
    C("rnn_tanh", *layer("rnn_tanh", hidden=300, inputs=2, batch=5), label="two sections", orders=1),
    C("lstm", *layer("lstm", inputs=530, batch=4, steps=2), label="wide input", orders=1),
    C(
        "gru",
        *layer("gru"),
        label="refusals",
        errors=[
            (*swapped(layer("gru"), 0, T(0, 2, 3)), RE),
            (*swapped(layer("gru"), 0, T(3, 2, 4)), RE),
            (*swapped(layer("gru"), 0, T(3, 5, 3)), RE),
            (*swapped(layer("gru"), 1, T(1, 2, 3)), RE),
            (*swapped(layer("gru"), 0, T(3, 2, 3, dtype="int64")), RE),
            (*swapped(layer("gru"), 2, weights("gru", 3, 2)[:3]), RE),
            ((T(3, 2, 3),), {}, TE),
            ((), {}, TE),
        ],
    ),
    C(
        "lstm",
        *layer("lstm"),
        label="refusals",
        errors=[
            (*swapped(layer("lstm"), 1, T(1, 2, 2)), TE),
            (*swapped(layer("lstm"), 1, (T(1, 2, 2),)), RE),
            (*swapped(layer("lstm"), 0, T(0, 2, 3)), RE),
        ],
    ),
    *[C(name, *cell(m), label="no bias") for m, name in CELLS.items()],
    *[C(name, *cell(m), T(GATES[m] * 2), T(GATES[m] * 2), label="bias") for m, name in CELLS.items()],
    *[C(name, *cell(m, batch=6), T(GATES[m] * 2), T(GATES[m] * 2), label="batch of six") for m, name in CELLS.items()],
    *[
        C(
            name,
            *cell(m),
            label="refusals",
            errors=[
                (*swapped(cell(m), 0, T(2, 4)), RE),
                (*swapped(cell(m), 0, T(3, 3)), RE),
                (*swapped(cell(m), 0, T(2, 3, dtype="int64")), RE),
                (*swapped(cell(m), 2, T(GATES[m] * 2 + 1, 3)), RE),
            ],
        )
        for m, name in CELLS.items()
    ],
    OpCase("lstm_cell", cell("lstm"), errors=[(swapped(cell("lstm"), 1, T(2, 2))[0], {}, TE)], label="one state"),
    *[
        OpCase("nn.utils.rnn.pack_padded_sequence", args, kw, label=f"{args[1:]} {kw}", select=lambda p: p.data)
        for args, kw in (
            ((T(3, 2, 2), [3, 1]), {}),
            ((T(3, 3), [3, 2, 2]), {"batch_first": True}),
            ((T(4, 3), [1, 3, 2]), {"batch_first": True, "enforce_sorted": False}),
        )
        if args[0].shape[0 if kw else 1] == len(args[1])
    ],
    OpCase(
        "nn.utils.rnn.pack_padded_sequence",
        (T(4, 3, 2), [1, 3, 2]),
        {"enforce_sorted": False},
        label="refusals",
        select=lambda p: p.data,
        errors=[
            ((T(3, 2), [1, 3]), {}, RE),
            ((T(3, 2), [3]), {}, RE),
            ((T(3, 2), [3, 0]), {}, RE),
            ((T(3), [3]), {}, IE),
        ],
    ),
    *[
        OpCase("nn.utils.rnn.pad_sequence", ([T(2, 2), T(3, 2), T(1, 2)],), kw, label=str(kw))
        for kw in (
            {},
            {"batch_first": True, "padding_value": 1.5},
            {"padding_side": "left"},
            {"batch_first": True, "padding_side": "left"},
        )
    ],
    OpCase(
        "nn.utils.rnn.pad_sequence",
        ([T(2), T(1)],),
        label="refusals",
        errors=[
            (([],), {}, RE),
            ((3,), {}, RE),
            (([T(2, 3), T(3, 2)],), {}, RE),
            (([T(2), T(1)], False, 0.0, "up"), {}, RE),
            (([T(2), 3],), {}, TE),
        ],
    ),
]
