"""Scaled dot-product attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.basics import cast
from tinygrad_hw.autograd.complex import check_real
from tinygrad_hw.autograd.graph import TensorBase, array_of, edge_of
from tinygrad_hw.autograd.observe import whole
from tinygrad_hw.autograd.op import op
from tinygrad_hw.kernels import attention as kernels
from tinygrad_hw.kernels import random as random_kernels
from tinygrad_hw.ops.index_select import repeat_interleave
from tinygrad_hw.ops.reduce import sum as sum_
from tinygrad_hw.ops.selection import _where
from tinygrad_hw.ops.shape import reshape
from tinygrad_hw.ops.softmax import softmax
from tinygrad_hw.settings import ATTENTION_KERNELS

__all__ = ["scaled_dot_product_attention"]


# -- the op ----------------------------------------------------------------------------------------


def _four(x: Any) -> Any:
    """Return an array of shape (..., L, E) as (batch, heads, L, E)."""
    if x.ndim == 4:
        return x
    return x.reshape(math.prod(x.shape[:-3]), *((1,) * (3 - x.ndim) + x.shape)[-3:])


def _spread(query: Any, key: Any, value: Any, mask: Any) -> tuple[Any, Any, Any, Any, tuple[int, ...]]:
    """Return all four with (batch, heads) in front, as far as they share them, and the common leading sizes."""
    lead = query.shape[:-2]
    grouped = query.ndim > 2 and (key.shape[-3] != lead[-1] or value.shape[-3] != lead[-1])
    alike = key.shape[:-2] == value.shape[:-2] == lead
    if not alike and not (grouped and key.shape[:-3] == value.shape[:-3] == lead[:-1]):
        lead = np.broadcast_shapes(lead, key.shape[:-2], value.shape[:-2])
        query, key, value = (np.broadcast_to(x, (*lead, *x.shape[-2:])) for x in (query, key, value))
    if mask is not None and mask.ndim > 2 and lead != mask.shape[:-2] and len(lead) != 2:
        mask = np.broadcast_to(mask, (*lead, *mask.shape[-2:]))
    return _four(query), _four(key), _four(value), mask if mask is None or mask.ndim < 2 else _four(mask), lead


def _forward(
    query: Any, key: Any, value: Any, mask: Any, *, keep: Any, causal: bool, scale: float, grow: float
) -> tuple[Any, Any]:
    q, k, v, m, lead = _spread(query, key, value, mask)
    out, logs = kernels.attention(q, k, v, m, keep, causal, scale, grow)
    return out if query.ndim == 4 else out.reshape(*lead, *out.shape[-2:]), logs


def _fused(
    g: Any, query: Any, key: Any, value: Any, mask: Any, out: Any, logs: Any, keep: Any, causal: bool, scale: float,
    grow: float,
) -> tuple[Any, Any, Any]:  # fmt: skip
    q, k, v, m, lead = _spread(query, key, value, mask)
    grads = kernels.attention_backward(_four(g), q, k, v, _four(out), logs, m, keep, causal, scale, grow)
    if query.ndim == 4:
        return grads
    to_q, to_k, to_v = (
        d.reshape(*(x.shape[:-2] if d.shape[0] * d.shape[1] == math.prod(x.shape[:-2]) else lead), *x.shape[-2:])
        for d, x in zip(grads, (query, key, value), strict=True)
    )
    return to_q, to_k, to_v


def _repeated(x: Any, query: Any) -> Any:
    """Repeat heads of keys or values that several heads of queries share."""
    if query.ndim < 3 or x.ndim < 3 or x.shape[-3] in (1, query.shape[-3]) or query.shape[-3] == 1:
        return x
    return repeat_interleave(x, query.shape[-3] // x.shape[-3], -3)


def _gathered(d: Any, like: Any) -> Any:
    """Sum a gradient over the query heads that share a head."""
    if like.ndim < 3 or d.shape[-3] == like.shape[-3] or like.shape[-3] == 1:
        return d
    *lead, heads, s, e = d.shape
    return sum_(reshape(d, (*lead, like.shape[-3], heads // like.shape[-3], s, e)), -3)


def _weights(query: Any, key: Any, mask: Any, causal: bool, scale: float) -> Any:
    """Return the softmax of masked scores, zeros for queries that see no key."""
    scores = (query * scale) @ key.mT
    kind = array_of(scores).dtype
    low = np.full((), -np.inf, kind)
    if causal:
        scores = _where(np.tri(*scores.shape[-2:], dtype=np.bool_), scores, low)
    if mask is not None:
        if array_of(mask).dtype == np.bool_:
            scores = _where(mask, scores, low)
        else:
            scores = scores + (mask if array_of(mask).dtype == kind else cast(mask, dtype=kind))
    blind = array_of(scores).max(axis=-1, keepdims=True, initial=-np.inf) == -np.inf
    if not blind.any():
        return softmax(scores, -1)
    zero = np.zeros((), kind)
    return _where(blind, zero, softmax(_where(blind, zero, scores), -1))


def _rule(
    g: Any, query: Any, key: Any, value: Any, mask: Any, keep: Any, causal: bool, scale: float, grow: float
) -> tuple[Any, Any, Any]:
    k, v = _repeated(key, query), _repeated(value, query)
    weights = _weights(query, k, mask, causal, scale)
    along, dropped = g @ v.mT, weights
    if keep is not None:
        kept = (keep * grow).astype(array_of(query).dtype).reshape(weights.shape)
        along, dropped = along * kept, weights * kept
    to_scores = weights * (along - sum_(along * weights, -1, True)) * scale
    return to_scores @ k, _gathered(to_scores.mT @ query, key), _gathered(dropped.mT @ g, value)


#: ``keep``, (batch, heads, L, S) bool or None, and the factor ``grow`` are dropout's.
_attention = op(
    "scaled_dot_product_attention",
    _forward,
    outputs=("out", "logs"),
    nondiff=("logs",),
    differentiable=("query", "key", "value"),
    joint=_rule,
    raw=_fused,
    node_name="ScaledDotProductFlashAttentionForCpuBackward0",
)


def _kept_weights(shape: tuple[int, ...], p: float) -> Any:
    """Return which weights dropout keeps, with four dimensions."""
    return _four(random_kernels.dropout_mask(shape, p))


# -- the function ----------------------------------------------------------------------------------


def _check(query: Any, key: Any, value: Any, mask: Any, enable_gqa: bool) -> None:
    """Raise where dtypes or shapes do not fit."""
    q, k, v = (array_of(t) for t in (query, key, value))
    name = "scaled_dot_product_attention"
    if not q.dtype == k.dtype == v.dtype:
        kinds = [str(dtypes.from_numpy(x.dtype)) for x in (q, k, v)]
        raise RuntimeError(
            f"{name}: Expected query, key, and value to have the same dtype, but got {kinds[0]}, {kinds[1]} and "
            f"{kinds[2]}. Convert them with .to()"
        )
    if q.dtype.kind not in "fV":
        raise RuntimeError(f"{name}: expected floating point tensors, got {dtypes.from_numpy(q.dtype)}; use .float()")
    shapes = f"query {list(q.shape)}, key {list(k.shape)} and value {list(v.shape)}"
    if min(q.ndim, k.ndim, v.ndim) < 2:
        raise RuntimeError(
            f"{name}: Expected query, key, and value to be at least 2 dimensional, (..., length, size), got {shapes}"
        )
    if q.shape[-1] != k.shape[-1]:
        raise RuntimeError(f"{name}: query and key differ in their last size: {shapes}")
    if k.shape[-2] != v.shape[-2]:
        raise RuntimeError(f"{name}: key and value differ in their length, the last size but one: {shapes}")
    if enable_gqa:
        if min(q.ndim, k.ndim, v.ndim) < 3:
            raise RuntimeError(f"{name}: enable_gqa needs (..., heads, length, size), got {shapes}")
        if not k.shape[-3] or not v.shape[-3] or q.shape[-3] % k.shape[-3] or q.shape[-3] % v.shape[-3]:
            raise RuntimeError(
                f"{name}: Number of heads in key and value must divide the number of heads in query: {shapes}"
            )
    else:
        try:
            np.broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2])
        except ValueError:
            hint = ". Heads that serve several query heads need enable_gqa=True" if q.ndim > 2 else ""
            raise RuntimeError(f"{name}: the leading sizes of {shapes} do not fit{hint}") from None
    if mask is None:
        return
    m = array_of(mask)
    if m.dtype != np.bool_ and m.dtype != q.dtype and m.dtype != np.float32:
        raise RuntimeError(
            f"{name}: Expected attn_mask dtype to be bool or float or to match query dtype, but got "
            f"{dtypes.from_numpy(m.dtype)} and query of {dtypes.from_numpy(q.dtype)}"
        )
    scores = (*q.shape[:-1], k.shape[-2])
    try:
        np.broadcast_to(m, scores if m.ndim <= q.ndim else m.shape)
        np.broadcast_shapes(m.shape, scores)
    except ValueError:
        raise RuntimeError(
            f"{name}: attn_mask of shape {list(m.shape)} does not broadcast to the scores' {list(scores)}, "
            "(..., queries, keys)"
        ) from None


@whole
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

    The matrix of all scores is never kept: the forward pass works by tiles, the backward pass computes weights anew.

    Args:
        query: (..., L, E).
        key: (..., S, E).
        value: (..., S, Ev).
        attn_mask: broadcastable to (..., L, S): bool, False hides, or numbers that are added.
        dropout_p: chance of an attention weight to be dropped.
        is_causal: hide keys after the query's position.
        scale: :math:`1 / \sqrt E` by default.
        enable_gqa: heads of keys and values, (..., heads, S, E), serve several heads of queries.

    Returns:
        (..., L, Ev).

    Raises:
        RuntimeError: shapes or dtypes do not fit, or both a mask and ``is_causal`` are given where PyTorch refuses, or
            all kernels are switched off.

    Source: Vaswani et al., "Attention Is All You Need" (2017); Dao et al., "FlashAttention" (2022);
    ``torch.nn.functional.scaled_dot_product_attention``. A query that sees no key gets zeros.

    Example:
        >>> x = torch.ones(1, 2, 4)
        >>> torch.nn.functional.scaled_dot_product_attention(x, x, x).shape
        torch.Size([1, 2, 4])
    """
    check_real("scaled_dot_product_attention", query)
    _check(query, key, value, attn_mask, enable_gqa)
    empty = 0 in query.shape or 0 in key.shape or 0 in value.shape
    if not (ATTENTION_KERNELS["flash"] or ATTENTION_KERNELS["math"] or empty):
        raise RuntimeError(
            "No viable backend for scaled_dot_product_attention was found. This is likely due to turning off both the "
            "math kernel and the fused kernels: see sdpa_kernel, backends.cuda.enable_math_sdp and enable_flash_sdp"
        )
    if not 0 <= dropout_p <= 1:
        raise RuntimeError(
            f"scaled_dot_product_attention: dropout probability has to be between 0 and 1, but got {dropout_p}"
        )
    learned = attn_mask is not None and isinstance(attn_mask, TensorBase) and edge_of(attn_mask) is not None
    plain = query.ndim == key.ndim == value.ndim == 4 and not dropout_p and query.shape[-1] == value.shape[-1]
    if attn_mask is not None and is_causal and (learned or not plain):
        raise RuntimeError("_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
    kind = array_of(query).dtype
    if kind == np.float16:
        # Half precision only at the ends: scores and weights are computed in single.
        q, k, v = (cast(t, dtype=np.float32) for t in (query, key, value))
        if attn_mask is not None and array_of(attn_mask).dtype == np.float16:
            attn_mask = cast(attn_mask, dtype=np.float32)
        return cast(
            scaled_dot_product_attention(q, k, v, attn_mask, dropout_p, is_causal, scale, enable_gqa), dtype=np.float16
        )
    size = query.shape[-1]
    factor = (1 / math.sqrt(size) if size else 1.0) if scale is None else float(scale)
    keep, grow = None, 1.0
    if dropout_p > 0:
        lead = query.shape[:-2]
        if not enable_gqa:
            lead = np.broadcast_shapes(lead, key.shape[:-2], value.shape[:-2])
        shape = (*lead, query.shape[-2], key.shape[-2])
        keep = _kept_weights(shape, dropout_p)
        grow = 0.0 if dropout_p == 1 else 1 / (1 - dropout_p)
    if learned or empty:
        weights = _weights(query, _repeated(key, query), attn_mask, is_causal, factor)
        if keep is not None:
            weights = weights * (keep * grow).astype(kind).reshape(tuple(weights.shape))
        return weights @ _repeated(value, query)
    out, _ = _attention(query, key, value, attn_mask, keep=keep, causal=is_causal, scale=factor, grow=grow)
    return out
