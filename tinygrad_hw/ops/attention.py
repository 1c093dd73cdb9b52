"""Attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_hw.autograd.basics import cast
from tinygrad_hw.autograd.graph import TensorBase
from tinygrad_hw.ops.dropout import dropout
from tinygrad_hw.ops.elementwise import _where
from tinygrad_hw.ops.shape import repeat_interleave
from tinygrad_hw.ops.softmax import softmax

__all__ = ["scaled_dot_product_attention"]


def _values(t: Any) -> Any:
    return t.array if isinstance(t, TensorBase) else np.asarray(t)


def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    r"""Return :math:`\operatorname{softmax}(Q K^T \cdot scale + mask)\, V`.

    Args:
        query: (..., L, E).
        key: (..., S, E).
        value: (..., S, Ev).
        attn_mask: broadcastable to (..., L, S): bool, False hides, or numbers that are added.
        dropout_p: chance of an attention weight to be dropped.
        is_causal: hide keys after the query's position.
        scale: :math:`1 / \sqrt E` by default.
        enable_gqa: repeat key and value heads to the number of query heads.

    Returns:
        (..., L, Ev).

    Raises:
        RuntimeError: both a mask and ``is_causal`` are given, or shapes do not fit.

    Source: Vaswani et al., "Attention Is All You Need" (2017);
    ``torch.nn.functional.scaled_dot_product_attention``. A query that sees no key gets zeros.

    Example:
        >>> x = torch.ones(1, 2, 4)
        >>> torch.nn.functional.scaled_dot_product_attention(x, x, x).shape
        torch.Size([1, 2, 4])
    """
    if attn_mask is not None and is_causal:
        raise RuntimeError("_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
    if query.shape[-1] != key.shape[-1]:
        raise RuntimeError(
            f"scaled_dot_product_attention: query {list(query.shape)} and key {list(key.shape)} differ in their last "
            "size"
        )
    if enable_gqa:
        key = repeat_interleave(key, query.shape[-3] // key.shape[-3], -3)
        value = repeat_interleave(value, query.shape[-3] // value.shape[-3], -3)
    if _values(query).dtype == np.float16:
        # Half precision only at the ends: scores and weights are computed in single.
        q, k, v = (cast(t, dtype=np.float32) for t in (query, key, value))
        if attn_mask is not None and _values(attn_mask).dtype == np.float16:
            attn_mask = cast(attn_mask, dtype=np.float32)
        out = scaled_dot_product_attention(q, k, v, attn_mask, dropout_p, is_causal, scale)
        return cast(out, dtype=np.float16)
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = (query * factor) @ key.transpose(-2, -1)
    kind = _values(query).dtype
    hidden = None
    if is_causal:
        hidden = np.triu(np.ones(tuple(scores.shape[-2:]), np.bool_), 1)
    elif attn_mask is not None:
        mask = _values(attn_mask)
        if mask.dtype == np.bool_:
            hidden = ~mask
        else:
            scores = scores + attn_mask
    if hidden is not None:
        scores = _where(hidden, np.full((), -np.inf, kind), scores)
        empty = np.broadcast_to(hidden, tuple(scores.shape)).all(axis=-1, keepdims=True)
        if empty.any():
            weights = softmax(_where(empty, np.zeros((), kind), scores), -1)
            weights = _where(empty, np.zeros((), kind), weights)
            return dropout(weights, dropout_p, dropout_p > 0) @ value
    weights = softmax(scores, -1)
    if dropout_p > 0:
        weights = dropout(weights, dropout_p, True)
    return weights @ value
