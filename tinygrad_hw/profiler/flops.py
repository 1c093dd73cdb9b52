"""Floating point operations of an op, from the shapes of its arguments and result; a multiply-add counts as two."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

__all__ = ["flops_of"]


def _linear(args: Any, out: Any) -> int:
    return 2 * out.size * args[1].shape[-1]


def _matmul(args: Any, out: Any) -> int:
    return 2 * out.size * args[0].shape[-1]


def _conv(args: Any, out: Any) -> int:
    return 2 * out.size * math.prod(args[1].shape[1:])


def _conv_transpose(args: Any, out: Any) -> int:
    return 2 * args[0].size * math.prod(args[1].shape[1:])


def _attention(args: Any, out: Any) -> int:
    query, key = args[0], args[1]
    scores = query.size // max(query.shape[-1], 1) * key.shape[-2]
    return 2 * scores * (query.shape[-1] + args[2].shape[-1])


def _recurrent(args: Any, out: Any) -> int:
    rows = args[0].size // max(args[0].shape[-1], 1)
    weights = (args[3], args[4], *args[7:8])
    return 2 * rows * sum(w.size for w in weights if w is not None)


def _elementwise(args: Any, out: Any) -> int:
    return int(out.size)


_FORMULAS: dict[str, Callable[[Any, Any], int]] = {
    "linear": _linear,
    "linear_without_bias": _linear,
    "linear_of_many": _linear,
    "linear_of_many_without_bias": _linear,
    "matmul": _matmul,
    "bmm": _matmul,
    "conv2d": _conv,
    "conv3d": _conv,
    "conv_transpose2d": _conv_transpose,
    "conv_transpose3d": _conv_transpose,
    "scaled_dot_product_attention": _attention,
    **dict.fromkeys(("lstm_layer", "recurrent_layer", "recurrent_packed_layer"), _recurrent),
    **dict.fromkeys(("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"), _recurrent),
    "add": _elementwise,
    "mul": _elementwise,
}


def flops_of(op: str, args: Any, out: Any) -> int:
    """Return the operations of one call of an op; 0 for ops that are not counted."""
    formula = _FORMULAS.get(op)
    return 0 if formula is None else int(formula(args, out))
