"""Attention and transformer layers: the same repr, weights, results, dropped elements and gradients as PyTorch's."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_hw

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]

PADDING = np.array([[False] * 5, [False] * 5, [False] * 3 + [True] * 2])
CAUSAL = np.triu(np.ones((5, 5), np.bool_), 1)

#: (layer, its arguments, input shapes, keywords of the call: arrays become tensors)
Case = tuple[str, dict[str, Any], list[tuple[int, ...]], dict[str, Any]]

ATTENTION = {"embed_dim": 8, "num_heads": 2}
SELF, CROSS = [(5, 3, 8)], [(5, 3, 8), (6, 3, 8)]
LAYER = {"d_model": 8, "nhead": 2, "dim_feedforward": 16}

CASES: list[Case] = [
    ("MultiheadAttention", ATTENTION, SELF, {}),
    ("MultiheadAttention", ATTENTION, SELF, {"need_weights": False}),
    ("MultiheadAttention", ATTENTION, SELF, {"average_attn_weights": False}),
    ("MultiheadAttention", {**ATTENTION, "dropout": 0.3}, SELF, {}),
    ("MultiheadAttention", {**ATTENTION, "dropout": 0.3}, SELF, {"need_weights": False}),
    ("MultiheadAttention", {**ATTENTION, "bias": False}, [(5, 3, 8), (6, 3, 8), (6, 3, 8)], {}),
    ("MultiheadAttention", ATTENTION, CROSS, {"need_weights": False}),
    ("MultiheadAttention", {**ATTENTION, "kdim": 4, "vdim": 6}, [(5, 3, 8), (6, 3, 4), (6, 3, 6)], {}),
    (
        "MultiheadAttention",
        {**ATTENTION, "kdim": 4, "vdim": 6, "add_bias_kv": True, "add_zero_attn": True},
        [(5, 3, 8), (6, 3, 4), (6, 3, 6)],
        {},
    ),
    *[
        (
            "MultiheadAttention",
            {**ATTENTION, "add_bias_kv": True, "add_zero_attn": True},
            SELF,
            {"key_padding_mask": PADDING, "attn_mask": CAUSAL, "need_weights": need},
        )
        for need in (True, False)
    ],
    ("MultiheadAttention", ATTENTION, SELF, {"attn_mask": CAUSAL, "is_causal": True, "need_weights": False}),
    ("MultiheadAttention", ATTENTION, SELF, {"attn_mask": np.ones((6, 5, 5), np.float32), "need_weights": False}),
    ("MultiheadAttention", {**ATTENTION, "batch_first": True}, [(3, 5, 8)], {"key_padding_mask": PADDING}),
    ("MultiheadAttention", ATTENTION, [(5, 8), (4, 8)], {}),
    *[
        case
        for options in ({}, {"norm_first": True}, {"activation": "gelu"}, {"bias": False}, {"dropout": 0.0})
        for case in (
            ("TransformerEncoderLayer", {**LAYER, **options}, SELF, {"src_mask": CAUSAL}),
            (
                "TransformerEncoderLayer",
                {**LAYER, "batch_first": True, **options},
                [(3, 5, 8)],
                {"src_key_padding_mask": PADDING},
            ),
            ("TransformerDecoderLayer", {**LAYER, **options}, CROSS, {"tgt_mask": CAUSAL, "tgt_is_causal": True}),
        )
    ],
    (
        "TransformerDecoderLayer",
        {**LAYER, "batch_first": True},
        [(3, 5, 8), (3, 6, 8)],
        {"tgt_key_padding_mask": PADDING},
    ),
    *[
        ("Transformer", {**LAYER, "num_encoder_layers": 1, "num_decoder_layers": 2, **options}, CROSS[::-1], call)
        for options, call in (
            ({}, {}),
            ({"norm_first": True}, {"tgt_mask": CAUSAL}),
            ({"bias": False}, {"tgt_key_padding_mask": PADDING}),
        )
    ],
]


def stack(t: Any, **options: Any) -> Any:
    return t.nn.TransformerEncoder(t.nn.TransformerEncoderLayer(8, 2, 16, **options), 2, t.nn.LayerNorm(8))


def tensors(t: Any, shapes: list[tuple[int, ...]]) -> list[Any]:
    rng = np.random.default_rng(0)
    return [t.tensor(rng.standard_normal(s).astype(np.float32)).requires_grad_() for s in shapes]


def compare(make: Callable[[Any], Any], shapes: list[tuple[int, ...]], keywords: dict[str, Any]) -> None:
    told: list[Any] = []
    for t in (tinygrad_hw, torch):
        t.manual_seed(3)
        layer = make(t)
        words = {k: t.tensor(v) if isinstance(v, np.ndarray) else v for k, v in keywords.items()}
        state = layer.state_dict()
        texts = [repr(layer), *state]
        weights = [v.numpy().copy() for v in state.values()]
        values = []
        for mode in ("train", "eval", "inference"):
            layer.train(mode == "train")
            t.manual_seed(5)
            inputs = tensors(t, shapes)
            given = list(inputs)
            if "MultiheadAttention" in texts[0][:20]:
                given += given[-1:] * (3 - len(given))
            with t.set_grad_enabled(mode != "inference"):
                result = layer(*given, **words)
            outputs = [o for o in (result if isinstance(result, tuple) else (result,)) if o is not None]
            values += [o.detach().numpy() for o in outputs]
            if mode == "inference":
                continue
            layer.zero_grad()
            rng = np.random.default_rng(1)
            gradients = [t.tensor(rng.standard_normal(tuple(o.shape)).astype(np.float32)) for o in outputs]
            t.autograd.backward(outputs, gradients)
            values += [x.grad.numpy() for x in inputs]
            values += [p.grad.numpy() for p in layer.parameters()]
        told.append((texts, weights, values))
    (texts, weights, values), (expected_texts, expected_weights, expected_values) = told
    assert texts == expected_texts
    for a, b in zip(weights, expected_weights, strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(values, expected_values, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]}-{c[1]}-{list(c[3])}"[:90])
def test_layer(case: Case) -> None:
    name, arguments, shapes, keywords = case
    compare(lambda t: getattr(t.nn, name)(**arguments), shapes, keywords)


@pytest.mark.parametrize("batch_first", [False, True])
def test_stack_of_encoder_layers(batch_first: bool) -> None:
    shape = (3, 5, 8) if batch_first else (5, 3, 8)
    added = np.where(CAUSAL, np.float32(-np.inf), np.float32(0))
    for keywords in ({}, {"mask": CAUSAL}, {"mask": added}, {"src_key_padding_mask": PADDING}):
        compare(lambda t: stack(t, batch_first=batch_first), [shape], keywords)


def test_activation_modules_and_functions() -> None:
    for activation in (lambda t: t.nn.Tanh(), lambda t: t.nn.functional.silu, lambda t: t.nn.GELU()):
        compare(lambda t, a=activation: t.nn.TransformerEncoderLayer(8, 2, 16, activation=a(t)), SELF, {})


def test_odd_encoders_warn_as_pytorch_does() -> None:
    for options in ({}, {"batch_first": True, "norm_first": True}, {"batch_first": True, "bias": False}):
        texts = []
        for t in (tinygrad_hw, torch):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                stack(t, **options)
            texts.append([str(w.message) for w in caught])
        assert texts[0] == texts[1] != []


def test_subsequent_mask() -> None:
    for dtype in ("float32", "float64"):
        masks = [
            t.nn.Transformer.generate_square_subsequent_mask(4, dtype=getattr(t, dtype)) for t in (tinygrad_hw, torch)
        ]
        assert str(masks[0].dtype) == str(masks[1].dtype)
        np.testing.assert_array_equal(masks[0].numpy(), masks[1].numpy())


ERRORS: dict[str, Callable[[Any], Any]] = {
    "heads": lambda t: t.nn.MultiheadAttention(8, 3),
    "size": lambda t: t.nn.MultiheadAttention(0, 2),
    "dims": lambda t: attend(t, (5,), (5,)),
    "mixed": lambda t: attend(t, (5, 3, 8), (5, 8)),
    "embedding": lambda t: attend(t, (5, 3, 6), (5, 3, 6)),
    "padding": lambda t: attend(t, (5, 3, 8), (5, 3, 8), key_padding_mask=t.zeros(5, dtype=t.bool)),
    "padding size": lambda t: attend(t, (5, 3, 8), (5, 3, 8), key_padding_mask=t.zeros(4, 5, dtype=t.bool)),
    "mask size": lambda t: attend(t, (5, 3, 8), (5, 3, 8), attn_mask=t.zeros(4, 5)),
    "mask by head": lambda t: attend(t, (5, 3, 8), (5, 3, 8), attn_mask=t.zeros(4, 5, 5)),
    "mask type": lambda t: attend(t, (5, 3, 8), (5, 3, 8), attn_mask=t.zeros(5, 5, dtype=t.int64)),
    "unbatched mask": lambda t: attend(t, (5, 8), (5, 8), attn_mask=t.zeros(3, 5, 5)),
    "hint": lambda t: attend(t, (5, 3, 8), (5, 3, 8), is_causal=True),
    "activation": lambda t: t.nn.TransformerEncoderLayer(8, 2, activation="tanh"),
    "batch": lambda t: t.nn.Transformer(8, 2, 1, 1, 16)(t.zeros(5, 3, 8), t.zeros(5, 2, 8)),
    "features": lambda t: t.nn.Transformer(8, 2, 1, 1, 16)(t.zeros(5, 3, 8), t.zeros(5, 3, 6)),
}


def attend(t: Any, query: tuple[int, ...], key: tuple[int, ...], **keywords: Any) -> Any:
    k = t.zeros(key)
    return t.nn.MultiheadAttention(8, 2)(t.zeros(query), k, k, **keywords)


@pytest.mark.parametrize("name", ERRORS)
def test_errors_have_the_same_type(name: str) -> None:
    with pytest.raises(Exception) as theirs:
        ERRORS[name](torch)
    with pytest.raises(type(theirs.value)):
        ERRORS[name](tinygrad_hw)
