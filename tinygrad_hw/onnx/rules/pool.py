"""Pooling.

Where a size is rounded up, the last window may reach beyond the padding. The sizes are known, so such a window is
written as more padding at the end; what ``ceil_mode`` means has changed between versions of ONNX and its runtimes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_hw.onnx.graph import Graph, rule
from tinygrad_hw.onnx.rules.conv import batched, several, unbatched

__all__: list[str] = []


def _beyond(g: Graph, sizes: Sequence[Any], kernel: Any, stride: Any, padding: Any, dilation: Any) -> list[int]:
    """Return how much padding at the end ``ceil_mode`` needs."""
    after = []
    for n, k, s, p, d in zip(g.static(tuple(sizes), "ceil_mode=True"), kernel, stride, padding, dilation, strict=True):
        reach = d * (k - 1) + 1
        count = math.ceil((n + 2 * p - reach) / s) + 1
        if (count - 1) * s >= n + p:
            count -= 1  # a window must begin inside
        after.append(max((count - 1) * s + reach - n - p, 0))
    return after


def _max_pool(name: str, dims: int) -> None:
    @rule("F." + name)
    def write(
        g: Graph, input: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool,
        return_indices: bool,
    ) -> Any:  # fmt: skip
        kernel, before, steps = (several(x, dims) for x in (kernel_size, padding, dilation))
        strides = several(kernel_size if stride is None or stride == () or stride == [] else stride, dims)
        after = _beyond(g, input.shape[-dims:], kernel, strides, before, steps) if ceil_mode else before
        x, single = batched(g, input, dims)
        out = g.op("MaxPool", x, kernel_shape=kernel, strides=strides, pads=before + after, dilations=steps)
        return (unbatched(g, out, single), None)


def _average(
    g: Graph, input: Any, dims: int, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool, with_pad: bool,
    divisor: Any = None,
) -> Any:  # fmt: skip
    kernel, before = (several(x, dims) for x in (kernel_size, padding))
    strides = several(kernel_size if stride is None or stride == () or stride == [] else stride, dims)
    x, single = batched(g, input, dims)
    after = before
    if ceil_mode:
        after = _beyond(g, input.shape[-dims:], kernel, strides, before, [1] * dims)
        if with_pad and after != before and divisor is None:
            # The padding counts, but not what lies beyond it.
            sides = [0, 0, *before, 0, 0, *(min(a, b) for a, b in zip(after, before, strict=True))]
            x = g.op("Pad", x, g.ints(sides), np.zeros((), input.dtype))
            after = [max(a - b, 0) for a, b in zip(after, before, strict=True)]
            before, with_pad = [0] * dims, False
    out = g.op(
        "AveragePool", x, kernel_shape=kernel, strides=strides, pads=before + after,
        count_include_pad=int(with_pad or divisor is not None),
    )  # fmt: skip
    if divisor is not None:
        out = g.op("Mul", out, np.asarray(math.prod(kernel) / divisor, input.dtype))
    return unbatched(g, out, single)


def _avg_pool(name: str, dims: int) -> None:
    @rule("F." + name)
    def write(
        g: Graph, input: Any, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool, count_include_pad: bool,
        divisor_override: Any = None,
    ) -> Any:  # fmt: skip
        return _average(g, input, dims, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def _lp_pool(name: str, dims: int) -> None:
    @rule("F." + name)
    def write(g: Graph, input: Any, norm_type: float, kernel_size: Any, stride: Any, ceil_mode: bool) -> Any:
        kind = input.dtype
        power = _Named(g.op("Pow", input, np.asarray(norm_type, kind)), input)
        mean = _average(g, power, dims, kernel_size, stride, 0, ceil_mode, True)
        total = g.op("Mul", g.op("Relu", mean), np.asarray(math.prod(several(kernel_size, dims)), kind))
        return g.op("Pow", total, np.asarray(1 / norm_type, kind))


class _Named(str):
    """The name of a value that has the shape and dtype of another."""

    shape: Any
    dtype: Any

    def __new__(cls, name: str, like: Any) -> _Named:
        self = super().__new__(cls, name)
        self.shape, self.dtype = like.shape, like.dtype
        return self


# -- adaptive --------------------------------------------------------------------------------------


def _targets(g: Graph, input: Any, output_size: Any, dims: int) -> list[Any]:
    """Return the sizes of the output; None for a dimension that keeps its own."""
    given = [output_size] * dims if output_size is None or isinstance(output_size, int) else list(output_size)
    given = given * (dims if len(given) == 1 else 1)
    sizes = input.shape[-dims:]
    return [None if t is None or t == n else g.static(t, "the output size") for t, n in zip(given, sizes, strict=True)]


def _windows(g: Graph, n: Any, target: int) -> list[tuple[int, int]]:
    n = g.static(n, "an adaptive pooling to more than one element")
    return [(i * n // target, -(-(i + 1) * n // target)) for i in range(target)]


def _adaptive(name: str, dims: int, kind: str, pool: str) -> None:
    @rule("F." + name)
    def write(g: Graph, input: Any, output_size: Any, return_indices: bool = False) -> Any:
        targets = _targets(g, input, output_size, dims)
        x, single = batched(g, input, dims)
        sizes = input.shape[-dims:]
        if all(t == 1 for t in targets):
            return unbatched(g, g.op("Global" + pool, x), single), None
        even = all(t is None or (isinstance(n, int) and n % t == 0) for t, n in zip(targets, sizes, strict=True))
        if even:
            kernel = [1 if t is None else n // t for t, n in zip(targets, sizes, strict=True)]
            return unbatched(g, g.op(pool, x, kernel_shape=kernel, strides=kernel), single), None
        for i, target in enumerate(targets):
            if target is not None:
                parts = [g.slice(x, 2 + i, a, b) for a, b in _windows(g, sizes[i], target)]
                x = g.op("Concat", *(g.reduce(kind, p, [2 + i], True) for p in parts), axis=2 + i)
        return unbatched(g, x, single), None


for _dims in (1, 2, 3):
    _max_pool(f"max_pool{_dims}d", _dims)
    _avg_pool(f"avg_pool{_dims}d", _dims)
    _lp_pool(f"lp_pool{_dims}d", _dims)
    _adaptive(f"adaptive_avg_pool{_dims}d", _dims, "ReduceMean", "AveragePool")
    _adaptive(f"adaptive_max_pool{_dims}d", _dims, "ReduceMax", "MaxPool")
