"""Arithmetic and elementary functions, element by element, with broadcasting."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw.autograd.op import op

add = op("add", np.add, promote="same", input=lambda g: g, other=lambda g: g)
sub = op("sub", np.subtract, promote="same", input=lambda g: g, other=lambda g: -g)
mul = op(
    "mul", np.multiply, promote="same", input=lambda g, other: g * other, other=lambda g, input: g * input
)
div = op(
    "div",
    np.true_divide,
    promote="float",
    input=lambda g, other: g / other,
    other=lambda g, input, other: -g * (input / other) / other,
)
neg = op("neg", np.negative, input=lambda g: -g)
exp = op("exp", np.exp, promote="float", input=lambda g, out: g * out)
log = op("log", np.log, promote="float", input=lambda g, input: g / input)
tanh = op("tanh", np.tanh, promote="float", input=lambda g, out: g * (1 - out * out))
sqrt = op("sqrt", np.sqrt, promote="float", input=lambda g, out: g / (2 * out))
