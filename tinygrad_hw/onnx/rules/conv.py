"""Convolutions, and padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_hw.onnx.graph import Graph, rule
from tinygrad_hw.onnx.rules.shape import END

__all__: list[str] = []


def several(x: Any, dims: int) -> list[int]:
    """Return a number, or one for each dimension, as a list."""
    if isinstance(x, (int, np.integer)):
        return [int(x)] * dims
    return [int(i) for i in x] * (dims if len(x) == 1 else 1)


def batched(g: Graph, input: Any, dims: int) -> tuple[Any, bool]:
    """Return the input with a batch dimension, and whether it had none."""
    single = len(input.shape) == dims + 1
    return (g.unsqueeze(input, 0) if single else input), single


def unbatched(g: Graph, out: Any, single: bool) -> Any:
    """Remove the batch dimension that :func:`batched` gave."""
    return g.squeeze(out, 0) if single else out


def _conv(name: str, dims: int) -> None:
    @rule("F." + name)
    def write(
        g: Graph, input: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int
    ) -> Any:
        kernel = list(g.static(weight.shape[2:], "the size of the kernel"))
        steps = several(dilation, dims)
        if padding == "same":
            totals = [d * (k - 1) for d, k in zip(steps, kernel, strict=True)]
            pads = [t // 2 for t in totals] + [t - t // 2 for t in totals]
        else:
            pads = [0] * (2 * dims) if padding == "valid" else several(padding, dims) * 2
        x, single = batched(g, input, dims)
        out = g.op(
            "Conv", x, weight, bias, kernel_shape=kernel, strides=several(stride, dims), pads=pads, dilations=steps,
            group=groups,
        )  # fmt: skip
        return unbatched(g, out, single)


def _conv_transpose(name: str, dims: int) -> None:
    @rule("F." + name)
    def write(
        g: Graph, input: Any, weight: Any, bias: Any, stride: Any, padding: Any, output_padding: Any, groups: int,
        dilation: Any,
    ) -> Any:  # fmt: skip
        x, single = batched(g, input, dims)
        out = g.op(
            "ConvTranspose", x, weight, bias, kernel_shape=list(g.static(weight.shape[2:], "the size of the kernel")),
            strides=several(stride, dims), pads=several(padding, dims) * 2, dilations=several(dilation, dims),
            output_padding=several(output_padding, dims), group=groups,
        )  # fmt: skip
        return unbatched(g, out, single)


for _dims in (1, 2, 3):
    _conv(f"conv{_dims}d", _dims)
    _conv_transpose(f"conv_transpose{_dims}d", _dims)


# -- padding ---------------------------------------------------------------------------------------


def _sides(pad: Sequence[Any], dims: int) -> tuple[list[Any], list[Any]]:
    """Return torch's sizes, last dimension first, as those before and after each dimension."""
    before, after = [0] * dims, [0] * dims
    for i in range(len(pad) // 2):
        before[dims - 1 - i], after[dims - 1 - i] = pad[2 * i], pad[2 * i + 1]
    return before, after


@rule("F.pad")
def _pad(g: Graph, input: Any, pad: Sequence[Any], mode: str, value: Any) -> Any:
    dims = len(input.shape)
    before, after = _sides(pad, dims)
    if mode == "circular":
        x = g.name(input)
        for axis in range(dims):
            x = _wrapped(g, x, axis, *g.static((before[axis], after[axis]), "the padding"))
        return x
    sizes = g.ints([*before, *after])
    if mode != "constant":
        return g.op("Pad", input, sizes, mode={"reflect": "reflect", "replicate": "edge"}[mode])
    fill = np.asarray(value or 0, input.dtype)
    if input.dtype == np.bool_:
        return g.cast(g.op("Pad", g.cast(input, np.int64), sizes, fill.astype(np.int64)), np.bool_)
    return g.op("Pad", input, sizes, fill)


def _wrapped(g: Graph, x: Any, axis: int, before: int, after: int) -> Any:
    if before < 0 or after < 0:
        x = g.slice(x, axis, max(-before, 0), after if after < 0 else END)
    parts = [g.slice(x, axis, -before, END)] if before > 0 else []
    parts.append(x)
    if after > 0:
        parts.append(g.slice(x, axis, 0, after))
    return g.op("Concat", *parts, axis=axis) if len(parts) > 1 else x


@rule("constant_pad_nd")
def _constant_pad(g: Graph, input: Any, sides: Any, value: Any) -> Any:
    before, after = ([s[i] for s in sides] for i in (0, 1))
    return g.op("Pad", input, g.ints([*before, *after]), np.asarray(value, input.dtype))
