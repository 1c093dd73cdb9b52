"""Normalisations."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw.onnx.graph import Graph, rule
from tinygrad_hw.onnx.record import Value

__all__: list[str] = []


def _ones(x: Any, count: int) -> Any:
    return np.ones(count, x.dtype)


def _channels(g: Graph, input: Any) -> int:
    return int(g.static(input.shape[1], "the number of channels"))


def _per_channel(g: Graph, t: Any, dims: int) -> Any:
    """Return (C,) as (C, 1, ...)."""
    if dims <= 2:
        return t
    how = f"of_{dims}_dimensions"
    found = g.derived(t, how, lambda a: a.reshape(-1, *(1,) * (dims - 2))) if isinstance(t, Value) else None
    return found if found is not None else g.unsqueeze(t, *range(1, dims - 1))


@rule("F.batch_norm_then")
def _batch_norm(
    g: Graph, with_relu: bool, input: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any, training: bool,
    momentum: float, eps: float,
) -> Any:  # fmt: skip
    count = _channels(g, input)
    scale = _ones(input, count) if weight is None else weight
    shift = np.zeros(count, input.dtype) if bias is None else bias
    if not training:
        out = g.op("BatchNormalization", input, scale, shift, running_mean, running_var, epsilon=eps)
        return g.op("Relu", out) if with_relu else out
    dims = len(input.shape)
    over = [0, *range(2, dims)]
    centred = g.op("Sub", input, g.reduce("ReduceMean", input, over, True))
    variance = g.reduce("ReduceMean", g.op("Mul", centred, centred), over, True)
    out = g.op("Div", centred, g.op("Sqrt", g.op("Add", variance, np.asarray(eps, input.dtype))))
    out = _scaled(g, out, weight, bias, dims)
    return g.op("Relu", out) if with_relu else out


def _scaled(g: Graph, x: Any, weight: Any, bias: Any, dims: int) -> Any:
    """Return ``x * weight + bias`` by channel."""
    if weight is not None:
        x = g.op("Mul", x, _per_channel(g, weight, dims))
    return x if bias is None else g.op("Add", x, _per_channel(g, bias, dims))


@rule("channel_affine")
def _channel_affine(g: Graph, input: Any, factor: Any, shift: Any, relu: bool) -> Any:
    x = _scaled(g, g.name(input), factor, shift, len(input.shape))
    return g.op("Relu", x) if relu else x


@rule("F.layer_norm")
def _layer_norm(g: Graph, input: Any, normalized_shape: Any, weight: Any, bias: Any, eps: float) -> Any:
    sizes = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    g.static(sizes, "the normalised shape")
    scale = np.ones(sizes, input.dtype) if weight is None else weight
    return g.op("LayerNormalization", input, scale, bias, axis=-len(sizes), epsilon=eps)


@rule("F.rms_norm")
def _rms_norm(g: Graph, input: Any, normalized_shape: Any, weight: Any, eps: Any) -> Any:
    sizes = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    dims = len(input.shape)
    squares = g.reduce("ReduceMean", g.op("Mul", input, input), list(range(dims - len(sizes), dims)), True)
    more = np.asarray(np.finfo(input.dtype).eps if eps is None else eps, input.dtype)
    out = g.op("Div", input, g.op("Sqrt", g.op("Add", squares, more)))
    return out if weight is None else g.op("Mul", out, weight)


@rule("F.group_norm")
def _group_norm(g: Graph, input: Any, num_groups: int, weight: Any, bias: Any, eps: float) -> Any:
    groups = g.op("Reshape", input, g.ints([0, num_groups, -1]))
    zeros = np.zeros(num_groups, input.dtype)
    out = g.op("InstanceNormalization", groups, _ones(input, num_groups), zeros, epsilon=eps)
    return _scaled(g, g.op("Reshape", out, g.op("Shape", input)), weight, bias, len(input.shape))


@rule("F.instance_norm")
def _instance_norm(
    g: Graph, input: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any, use_input_stats: bool,
    momentum: float, eps: float,
) -> Any:  # fmt: skip
    count = _channels(g, input)
    scale = _ones(input, count) if weight is None else weight
    shift = np.zeros(count, input.dtype) if bias is None else bias
    if not use_input_stats:
        return g.op("BatchNormalization", input, scale, shift, running_mean, running_var, epsilon=eps)
    return g.op("InstanceNormalization", input, scale, shift, epsilon=eps)
