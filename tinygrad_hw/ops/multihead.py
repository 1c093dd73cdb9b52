"""Attention by several heads, with its projections: ``torch.nn.functional.multi_head_attention_forward``."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.graph import wrap
from tinygrad_hw.autograd.observe import whole
from tinygrad_hw.ops.attention import scaled_dot_product_attention
from tinygrad_hw.ops.dropout import dropout
from tinygrad_hw.ops.joining import cat
from tinygrad_hw.ops.linear import linear
from tinygrad_hw.ops.matmul import baddbmm, bmm
from tinygrad_hw.ops.pad import pad
from tinygrad_hw.ops.softmax import softmax

__all__ = ["multi_head_attention_forward"]


@whole
def _canonical_mask(
    mask: Any, mask_name: str, other_type: Any, other_name: str, target_type: Any, check_other: bool = True
) -> Any:
    """Return a mask of numbers to be added: -inf where a bool mask says True."""
    if mask is None:
        return None
    kind = mask.dtype
    if not kind.is_floating_point and kind is not dtypes.bool:
        raise AssertionError(f"only bool and floating types of {mask_name} are supported, but got {kind}")
    if check_other and other_type is not None and kind is not other_type:
        warnings.warn(
            f"Support for mismatched {mask_name} and {other_name} is deprecated. Use same type for both instead.",
            stacklevel=4,
        )
    if kind.is_floating_point:
        return mask
    return wrap(_as_numbers(mask.array, target_type.numpy))


def _as_numbers(mask: Any, kind: Any) -> Any:
    return np.where(mask, kind.type(-np.inf), kind.type(0))


def _check_shapes(query: Any, key: Any, value: Any, padding: Any, mask: Any, heads: int) -> bool:
    """Return whether the inputs have a batch dimension; raise if they disagree."""
    dims = query.ndim
    if dims not in (2, 3):
        raise AssertionError(
            f"query should be unbatched 2D or batched 3D tensor but received {dims}-D query tensor of shape "
            f"{list(query.shape)}"
        )
    how = f"For {'batched (3-D)' if dims == 3 else 'unbatched (2-D)'} `query`, expected "
    if key.ndim != dims or value.ndim != dims:
        raise AssertionError(
            f"{how}`key` and `value` to be {dims}-D but found {key.ndim}-D and {value.ndim}-D tensors respectively"
        )
    if padding is not None and padding.ndim != dims - 1:
        raise AssertionError(
            f"{how}`key_padding_mask` to be `None` or {dims - 1}-D but found {padding.ndim}-D tensor instead"
        )
    if mask is not None and mask.ndim not in (2, 3):
        raise AssertionError(f"{how}`attn_mask` to be `None`, 2-D or 3-D but found {mask.ndim}-D tensor instead")
    if mask is not None and dims == 2 and mask.ndim == 3:
        wanted = (heads, query.shape[0], key.shape[0])
        if tuple(mask.shape) != wanted:
            raise AssertionError(f"Expected `attn_mask` shape to be {wanted} but got {tuple(mask.shape)}")
    return bool(dims == 3)


def _project(query: Any, key: Any, value: Any, weight: Any, bias: Any) -> tuple[Any, Any, Any]:
    """Return the projections by packed weights, (3 E, E); what is the same tensor is projected once."""
    e = query.shape[-1]
    if key is value and query is key:
        q, k, v = linear(query, weight, bias).chunk(3, -1)
        return q, k, v
    if key is value:
        q_bias, kv_bias = (None, None) if bias is None else bias.split([e, 2 * e])
        q_weight, kv_weight = weight.split([e, 2 * e])
        k, v = linear(key, kv_weight, kv_bias).chunk(2, -1)
        return linear(query, q_weight, q_bias), k, v
    weights = weight.chunk(3)
    biases = (None, None, None) if bias is None else bias.chunk(3)
    q, k, v = (linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases, strict=True))
    return q, k, v


def _check_projection(name: str, weight: Any, wanted: tuple[int, int]) -> None:
    if weight is None:
        raise AssertionError(f"use_separate_proj_weight is True but {name} is None")
    if tuple(weight.shape) != wanted:
        raise AssertionError(f"expecting {name} shape of {wanted}, but got {tuple(weight.shape)}")


def _check_static(name: str, t: Any, rows: int, size: int) -> None:
    if t.shape[0] != rows or t.shape[2] != size:
        raise AssertionError(f"expecting {name} of shape ({rows}, S, {size}), but got {tuple(t.shape)}")


def multi_head_attention_forward(
    query: Any,
    key: Any,
    value: Any,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Any,
    in_proj_bias: Any,
    bias_k: Any,
    bias_v: Any,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Any,
    out_proj_bias: Any,
    training: bool = True,
    key_padding_mask: Any = None,
    need_weights: bool = True,
    attn_mask: Any = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Any = None,
    k_proj_weight: Any = None,
    v_proj_weight: Any = None,
    static_k: Any = None,
    static_v: Any = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Any, Any]:
    r"""Project, attend by heads, and project back; ``torch.nn.MultiheadAttention`` with its parameters as arguments.

    Args:
        query: (L, N, E) or (L, E).
        key: (S, N, Ek) or (S, Ek).
        value: (S, N, Ev) or (S, Ev).
        embed_dim_to_check: E.
        num_heads: by which E is divisible.
        in_proj_weight: (3 E, E), for queries, keys and values; None with separate weights.
        in_proj_bias: (3 E,) or None.
        bias_k: (1, 1, E), one more key; or None.
        bias_v: (1, 1, E), its value; or None.
        add_zero_attn: attend to one more key and value of zeros.
        dropout_p: chance of an attention weight to be dropped.
        out_proj_weight: (E, E).
        out_proj_bias: (E,) or None.
        training: whether to drop any.
        key_padding_mask: (N, S) or (S,): bool, True hides a key, or numbers that are added.
        need_weights: return attention weights too, which is slower.
        attn_mask: (L, S) or (N num_heads, L, S): bool, True hides, or numbers that are added.
        use_separate_proj_weight: project by the following three.
        q_proj_weight: (E, E).
        k_proj_weight: (E, Ek).
        v_proj_weight: (E, Ev).
        static_k: (N num_heads, S, E / num_heads), keys in place of the projected ones.
        static_v: likewise.
        average_attn_weights: average the returned weights over heads.
        is_causal: says that ``attn_mask`` hides keys after the query's position.

    Returns:
        (L, N, E) or (L, E), and the weights, (N, L, S) or by head (N, num_heads, L, S), or None.

    Raises:
        AssertionError: sizes do not fit.
        RuntimeError: a mask's shape is wrong, or ``is_causal`` comes without a mask.

    Source: Vaswani et al., "Attention Is All You Need" (2017); ``torch.nn.functional.multi_head_attention_forward``.

    Example:
        >>> x, w = torch.randn(3, 1, 4), torch.randn(12, 4)
        >>> F = torch.nn.functional
        >>> out, weights = F.multi_head_attention_forward(
        ...     x, x, x, 4, 2, w, None, None, None, False, 0.0, torch.eye(4), None
        ... )
        >>> out.shape, weights.shape
        (torch.Size([3, 1, 4]), torch.Size([1, 3, 3]))
    """
    batched = _check_shapes(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        same, same_value = query is key, key is value
        query = query.unsqueeze(1)
        key = query if same else key.unsqueeze(1)
        value = key if same_value else value.unsqueeze(1)
        if key_padding_mask is not None:
            key_padding_mask = key_padding_mask.unsqueeze(0)
    length, batch, e = query.shape
    s = key.shape[0]
    other = None if attn_mask is None else attn_mask.dtype
    key_padding_mask = _canonical_mask(key_padding_mask, "key_padding_mask", other, "attn_mask", query.dtype)
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
            "`generate_square_subsequent_mask` to create this mask."
        )
    if is_causal and key_padding_mask is None and not need_weights:
        attn_mask = None  # the hint is enough
    else:
        attn_mask = _canonical_mask(attn_mask, "attn_mask", None, "", query.dtype, False)
        is_causal = is_causal and key_padding_mask is None
    if e != embed_dim_to_check:
        raise AssertionError(f"was expecting embedding dimension of {embed_dim_to_check}, but got {e}")
    size = e // num_heads
    if size * num_heads != e:
        raise AssertionError(f"embed_dim {e} not divisible by num_heads {num_heads}")
    if use_separate_proj_weight:
        if tuple(key.shape[:2]) != tuple(value.shape[:2]):
            raise AssertionError(
                f"key's sequence and batch dims {tuple(key.shape[:2])} do not match value's {tuple(value.shape[:2])}"
            )
        _check_projection("q_proj_weight", q_proj_weight, (e, e))
        _check_projection("k_proj_weight", k_proj_weight, (e, key.shape[-1]))
        _check_projection("v_proj_weight", v_proj_weight, (e, value.shape[-1]))
        biases = (None, None, None) if in_proj_bias is None else in_proj_bias.chunk(3)
        q, k, v = linear(query, q_proj_weight, biases[0]), linear(key, k_proj_weight, biases[1]), None
        v = linear(value, v_proj_weight, biases[2])
    else:
        if tuple(key.shape) != tuple(value.shape):
            raise AssertionError(f"key shape {tuple(key.shape)} does not match value shape {tuple(value.shape)}")
        if in_proj_weight is None:
            raise AssertionError("use_separate_proj_weight is False but in_proj_weight is None")
        q, k, v = _project(query, key, value, in_proj_weight, in_proj_bias)
    rows = batch * num_heads
    if attn_mask is not None:
        wanted = (length, s) if attn_mask.ndim == 2 else (rows, length, s)
        if tuple(attn_mask.shape) != wanted:
            raise RuntimeError(
                f"The shape of the {attn_mask.ndim}D attn_mask is {tuple(attn_mask.shape)}, but should be {wanted}."
            )
        if attn_mask.ndim == 2:
            attn_mask = attn_mask.unsqueeze(0)
    if (bias_k is None) != (bias_v is None):
        raise AssertionError("one of bias_k and bias_v is set, but the other is None")
    if bias_k is not None:
        if static_k is not None or static_v is not None:
            raise AssertionError("bias cannot be added to static key or value.")
        k = cat([k, bias_k.repeat(1, batch, 1)])
        v = cat([v, bias_v.repeat(1, batch, 1)])
    q = q.reshape(length, rows, size).transpose(0, 1)
    if static_k is not None:
        _check_static("static_k", static_k, rows, size)
    if static_v is not None:
        _check_static("static_v", static_v, rows, size)
    k = static_k if static_k is not None else k.reshape(k.shape[0], rows, size).transpose(0, 1)
    v = static_v if static_v is not None else v.reshape(v.shape[0], rows, size).transpose(0, 1)
    if add_zero_attn:
        zeros = wrap(np.zeros((rows, 1, size), k.dtype.numpy))
        k, v = cat([k, zeros], 1), cat([v, zeros], 1)
    more = (bias_k is not None) + bool(add_zero_attn)
    if more and attn_mask is not None:
        attn_mask = pad(attn_mask, (0, more))
    if more and key_padding_mask is not None:
        key_padding_mask = pad(key_padding_mask, (0, more))
    s = k.shape[1]
    if key_padding_mask is not None:
        if tuple(key_padding_mask.shape) != (batch, s):
            raise AssertionError(
                f"expected key_padding_mask of shape ({batch}, {s}), batch and keys, but got "
                f"{tuple(key_padding_mask.shape)}"
            )
        padding = key_padding_mask.reshape(batch, 1, 1, s).expand(-1, num_heads, -1, -1).reshape(rows, 1, s)
        attn_mask = padding if attn_mask is None else attn_mask + padding
    if not training:
        dropout_p = 0.0
    weights = None
    if need_weights:
        scaled = q * math.sqrt(1.0 / size)
        scores = bmm(scaled, k.mT) if attn_mask is None else baddbmm(attn_mask, scaled, k.mT)
        weights = softmax(scores, -1)
        if dropout_p > 0:
            weights = dropout(weights, dropout_p)
        out = bmm(weights, v).transpose(0, 1).reshape(length * batch, e)
        weights = weights.reshape(batch, num_heads, length, s)
        if average_attn_weights:
            weights = weights.mean(1)
        if not batched:
            weights = weights.squeeze(0)
    else:
        if attn_mask is not None:
            first = attn_mask.shape[0]
            attn_mask = attn_mask.unsqueeze(0) if first == 1 else attn_mask.reshape(batch, num_heads, -1, s)
        q, k, v = (x.reshape(batch, num_heads, x.shape[1], size) for x in (q, k, v))
        out = scaled_dot_product_attention(q, k, v, attn_mask, dropout_p, is_causal)
        out = out.permute(2, 0, 1, 3).reshape(length * batch, e)
    out = linear(out, out_proj_weight, out_proj_bias).reshape(length, batch, out_proj_weight.shape[0])
    return (out if batched else out.squeeze(1)), weights
