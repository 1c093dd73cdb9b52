"""Products of matrices, affine layers, attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_hw.onnx.graph import Graph, rule

__all__: list[str] = []


@rule("matmul", "bmm", "mv", "dot")
def _matmul(g: Graph, input: Any, other: Any) -> Any:
    return g.op("MatMul", input, other)


@rule("linear", "linear_without_bias", "linear_of_many", "linear_of_many_without_bias")
def _linear(g: Graph, input: Any, weight: Any, bias: Any) -> Any:
    if len(input.shape) == 2:
        return g.op("Gemm", input, weight, bias, transB=1)
    out = g.op("MatMul", input, g.transposed(weight, [1, 0]))
    return out if bias is None else g.op("Add", out, bias)


@rule("F._canonical_mask")
def _canonical_mask(g: Graph, mask: Any, target_type: Any, **others: Any) -> Any:
    kind = target_type.numpy
    return g.op("Where", mask, np.asarray(-np.inf, kind), np.zeros((), kind))


@rule("F.scaled_dot_product_attention")
def _attention(
    g: Graph, query: Any, key: Any, value: Any, attn_mask: Any, dropout_p: float, is_causal: bool, scale: Any,
    enable_gqa: bool,
) -> Any:  # fmt: skip
    if dropout_p:
        g.fail("dropout cannot be exported: dropout_p must be 0 when the model is evaluated")
    kind = query.dtype
    k, v = g.name(key), g.name(value)
    if enable_gqa and query.shape[-3] != key.shape[-3]:
        k, v = (_repeated(g, x, query.shape[-3]) for x in (key, value))
    factor = 1 / math.sqrt(g.static(query.shape[-1], "the size of the heads")) if scale is None else scale
    dims = max(len(key.shape), 2)
    keys = g.op("Transpose", k, perm=[*range(dims - 2), dims - 1, dims - 2])
    scores = g.op("MatMul", g.op("Mul", query, factor), keys)
    low = np.asarray(-np.inf, kind)
    if is_causal:
        sizes = [query.shape[-2], key.shape[-2]]
        if all(isinstance(n, int) for n in sizes):
            hidden: Any = np.triu(np.full(sizes, low, kind), 1)
        else:
            hidden = g.op("Trilu", g.op("Expand", np.full((1, 1), low, kind), g.ints(sizes)), np.asarray(1), upper=1)
        scores = g.op("Add", scores, hidden)
    blind = attn_mask is not None and attn_mask.dtype == np.bool_
    if blind:
        scores = g.op("Where", attn_mask, scores, low)
    elif attn_mask is not None:
        scores = g.op("Add", scores, g.cast(attn_mask, kind))
    weights = g.op("Softmax", scores, axis=-1)
    if blind and g.const(attn_mask) is None:
        # A query that sees no key gets zeros, not the NaN of an empty softmax.
        weights = g.op("Where", g.op("IsNaN", weights), np.zeros((), kind), weights)
    return g.op("MatMul", weights, v)


def _repeated(g: Graph, x: Any, heads: Any) -> Any:
    """Repeat heads of keys or values that several heads of queries share."""
    own, heads = g.static((x.shape[-3], heads), "the number of heads")
    return g.op("Gather", x, np.repeat(np.arange(own), heads // own), axis=len(x.shape) - 3)
