"""Activations and softmax."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_hw.onnx.graph import Graph, rule

__all__: list[str] = []


@rule("relu")
def _relu(g: Graph, input: Any) -> Any:
    return g.op("Relu", input)


@rule("hardtanh")
def _hardtanh(g: Graph, input: Any, min_val: Any, max_val: Any) -> Any:
    return g.op("Clip", input, min_val, max_val)


@rule("leaky_relu")
def _leaky_relu(g: Graph, input: Any, negative_slope: float) -> Any:
    return g.op("LeakyRelu", input, alpha=float(negative_slope))


@rule("elu")
def _elu(g: Graph, input: Any, alpha: float, scale: float, input_scale: float) -> Any:
    """``scale * x`` above zero, ``scale * alpha * (exp(input_scale * x) - 1)`` below."""
    if scale == 1 and input_scale == 1:
        return g.op("Elu", input, alpha=float(alpha))
    if scale == 1 and input_scale * alpha == 1:
        return g.op("Celu", input, alpha=float(alpha)) if input.dtype == np.float32 else _long_elu(g, input, alpha)
    if input_scale == 1 and scale > 0:
        return g.op("Selu", input, alpha=float(alpha), gamma=float(scale))
    inner = g.op("Elu", g.op("Mul", input, input_scale), alpha=float(scale * alpha))
    return g.op("Where", g.op("Greater", input, 0), g.op("Mul", input, scale), inner)


def _long_elu(g: Graph, input: Any, alpha: float) -> Any:
    x = g.op("Elu", g.op("Mul", input, 1 / alpha), alpha=1.0)
    return g.op("Mul", x, np.asarray(alpha, input.dtype))


@rule("gelu")
def _gelu(g: Graph, input: Any) -> Any:
    if g.opset >= 20:
        return g.op("Gelu", input)
    kind = input.dtype
    inner = g.op("Add", g.op("Erf", g.op("Mul", input, math.sqrt(0.5))), np.asarray(1, kind))
    return g.op("Mul", g.op("Mul", input, inner), np.asarray(0.5, kind))


@rule("gelu_tanh")
def _gelu_tanh(g: Graph, input: Any) -> Any:
    if g.opset >= 20:
        return g.op("Gelu", input, approximate="tanh")
    kind = input.dtype
    cube = g.op("Mul", g.op("Mul", g.op("Mul", input, input), input), np.asarray(0.044715, kind))
    inner = g.op("Tanh", g.op("Mul", g.op("Add", input, cube), np.asarray(math.sqrt(2 / math.pi), kind)))
    return g.op("Mul", g.op("Mul", input, g.op("Add", inner, np.asarray(1, kind))), np.asarray(0.5, kind))


@rule("silu")
def _silu(g: Graph, input: Any) -> Any:
    return g.op("Mul", input, g.op("Sigmoid", input))


@rule("softplus")
def _softplus(g: Graph, input: Any, beta: float, threshold: float) -> Any:
    x = input if beta == 1 else g.op("Mul", input, beta)
    soft = g.op("Softplus", x)
    soft = soft if beta == 1 else g.op("Div", soft, np.asarray(beta, input.dtype))
    return g.op("Where", g.op("Greater", x, np.asarray(threshold, input.dtype)), input, soft)


@rule("mish")
def _mish(g: Graph, input: Any) -> Any:
    return g.op("Mul", input, g.op("Tanh", g.op("Softplus", input)))


@rule("log_sigmoid")
def _log_sigmoid(g: Graph, input: Any) -> Any:
    return g.op("Neg", g.op("Softplus", g.op("Neg", input)))


@rule("softshrink")
def _softshrink(g: Graph, input: Any, lambd: float) -> Any:
    return g.op("Shrink", input, lambd=float(lambd), bias=float(lambd))


@rule("hardshrink")
def _hardshrink(g: Graph, input: Any, lambd: float) -> Any:
    return g.op("Shrink", input, lambd=float(lambd))


@rule("threshold")
def _threshold(g: Graph, input: Any, threshold: float, value: float) -> Any:
    return g.op("Where", g.op("Greater", input, threshold), input, np.asarray(value, input.dtype))


@rule("hardsigmoid")
def _hardsigmoid(g: Graph, input: Any) -> Any:
    return g.op("HardSigmoid", input, alpha=1 / 6, beta=0.5)


@rule("hardswish")
def _hardswish(g: Graph, input: Any) -> Any:
    return g.op("HardSwish", input)


@rule("prelu")
def _prelu(g: Graph, input: Any, weight: Any) -> Any:
    return g.op("PRelu", input, weight)


@rule("softmax")
def _softmax(g: Graph, input: Any, dim: int) -> Any:
    return g.op("Softmax", input, axis=dim) if input.shape else g.op("Exp", g.op("Sub", input, input))


@rule("log_softmax")
def _log_softmax(g: Graph, input: Any, dim: int) -> Any:
    return g.op("LogSoftmax", input, axis=dim) if input.shape else g.op("Sub", input, input)
