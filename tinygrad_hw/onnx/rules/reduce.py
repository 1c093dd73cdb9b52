"""Sums, means and extremes over dimensions; sorting."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_hw.onnx.graph import Graph, rule

__all__: list[str] = []


def _axes(dim: Any, dims: int) -> list[int]:
    given = (dim,) if isinstance(dim, int) else range(dims) if dim is None else dim
    return [d % dims for d in given] if dims else []


def _reduced(g: Graph, kind: str, input: Any, dim: Any, keepdim: bool) -> Any:
    axes = _axes(dim, len(input.shape))
    if not axes:
        return g.op("Abs", input) if kind in ("ReduceL1", "ReduceL2") else g.name(input)
    return g.reduce(kind, input, None if len(axes) == len(input.shape) else axes, keepdim)


def _summed(name: str, kind: str) -> None:
    """Declare a sum or product; those of integers and booleans are int64."""

    @rule(name)
    def write(g: Graph, input: Any, dim: Any = None, keepdim: bool = False) -> Any:
        if input.dtype.kind in "iub" and input.dtype != np.int64:
            wide = g.cast(input, np.int64)
            axes = _axes(dim, len(input.shape))
            return g.reduce(kind, wide, axes, keepdim) if axes else wide
        return _reduced(g, kind, input, dim, keepdim)


for _name, _kind in (("sum", "ReduceSum"), ("sum_all", "ReduceSum"), ("prod", "ReduceProd")):
    _summed(_name, _kind)


@rule("sum_to")
def _sum_to(g: Graph, input: Any, size: Sequence[Any]) -> Any:
    lead = len(input.shape) - len(size)
    axes = [*range(lead), *(lead + i for i, n in enumerate(size) if n == 1 and input.shape[lead + i] != 1)]
    return g.reshape(g.reduce("ReduceSum", input, axes, True), size) if axes else g.name(input)


def _plain(name: str, kind: str) -> None:
    @rule(name)
    def write(g: Graph, input: Any, dim: Any = None, keepdim: bool = False) -> Any:
        return _reduced(g, kind, input, dim, keepdim)


for _name, _kind in (
    ("mean", "ReduceMean"), ("mean_all", "ReduceMean"), ("amax", "ReduceMax"), ("amin", "ReduceMin"),
    ("max_all", "ReduceMax"), ("min_all", "ReduceMin"), ("logsumexp", "ReduceLogSumExp"),
):  # fmt: skip
    _plain(_name, _kind)


def _variance(g: Graph, input: Any, dim: Any, keepdim: bool, correction: Any) -> Any:
    axes = _axes(dim, len(input.shape))
    centred = g.op("Sub", input, g.reduce("ReduceMean", input, axes, True))
    squares = g.op("Mul", centred, centred)
    if not correction:
        return g.reduce("ReduceMean", squares, axes, keepdim)
    total = g.reduce("ReduceSum", squares, axes, keepdim)
    sizes = [input.shape[a] for a in axes]
    if all(isinstance(n, int) for n in sizes):
        return g.op("Div", total, np.asarray(max(math.prod(sizes) - correction, 0), input.dtype))
    count = g.cast(g.reduce("ReduceProd", g.ints(sizes), [0], False), input.dtype)
    return g.op("Div", total, g.op("Sub", count, np.asarray(correction, input.dtype)))


@rule("var")
def _var(g: Graph, input: Any, dim: Any, keepdim: bool, correction: Any) -> Any:
    return _variance(g, input, dim, keepdim, correction)


@rule("std")
def _std(g: Graph, input: Any, dim: Any, keepdim: bool, correction: Any) -> Any:
    return g.op("Sqrt", _variance(g, input, dim, keepdim, correction))


@rule("norm")
def _norm(g: Graph, input: Any, p: float, dim: Any, keepdim: bool) -> Any:
    if p in (1, 2):
        return _reduced(g, f"ReduceL{int(p)}", input, dim, keepdim)
    axes = _axes(dim, len(input.shape))
    size = g.op("Abs", input)
    if math.isinf(p):
        return g.reduce("ReduceMax" if p > 0 else "ReduceMin", size, axes, keepdim)
    if p == 0:
        filled = g.op("Not", g.op("Equal", input, 0))
        return g.reduce("ReduceSum", g.cast(filled, input.dtype), axes, keepdim)
    total = g.reduce("ReduceSum", g.op("Pow", size, np.asarray(p, input.dtype)), axes, keepdim)
    return g.op("Pow", total, np.asarray(1 / p, input.dtype))


# -- extremes and their places ---------------------------------------------------------------------


def _extreme(name: str, reduction: str, place: str) -> None:
    @rule(name)
    def write(g: Graph, input: Any, dim: int, keepdim: bool) -> Any:
        if not input.shape:
            return g.name(input), g.tensor(np.zeros((), np.int64))
        values = g.reduce(reduction, input, [dim], keepdim)
        return values, g.op(place, input, axis=dim, keepdims=int(keepdim))


_extreme("max_dim", "ReduceMax", "ArgMax")
_extreme("min_dim", "ReduceMin", "ArgMin")


def _place(name: str, kind: str) -> None:
    @rule("F." + name)
    def write(g: Graph, input: Any, dim: Any, keepdim: bool) -> Any:
        if not input.shape:
            return g.tensor(np.zeros((), np.int64))
        if dim is not None:
            return g.op(kind, input, axis=dim, keepdims=int(keepdim))
        flat = g.op("Reshape", input, g.ints([-1]))
        found = g.op(kind, flat, axis=0, keepdims=0)
        return g.op("Reshape", found, g.ints([1] * len(input.shape))) if keepdim else found


_place("argmax", "ArgMax")
_place("argmin", "ArgMin")


def _logic(name: str, kind: str) -> None:
    @rule("F." + name)
    def write(g: Graph, input: Any, dim: Any, keepdim: bool) -> Any:
        axes = _axes(dim, len(input.shape))
        numbers = g.op("Cast", g.cast(input, np.bool_), to=6)
        found = g.reduce(kind, numbers, axes, keepdim) if axes else numbers
        return g.op("Cast", found, to=2 if input.dtype == np.uint8 else 9)


_logic("all", "ReduceMin")
_logic("any", "ReduceMax")


@rule("F.count_nonzero")
def _count_nonzero(g: Graph, input: Any, dim: Any) -> Any:
    numbers = g.op("Cast", g.cast(input, np.bool_), to=7)
    axes = _axes(dim, len(input.shape))
    return g.reduce("ReduceSum", numbers, axes, False) if axes else numbers


# -- order -----------------------------------------------------------------------------------------


@rule("F.sort")
def _sort(g: Graph, input: Any, dim: int, descending: bool, stable: bool) -> Any:
    if not input.shape:
        return g.name(input), g.tensor(np.zeros((), np.int64))
    return g.op("TopK", input, g.ints([input.shape[dim]]), axis=dim, largest=int(descending), outputs=2)


@rule("F.topk")
def _topk(g: Graph, input: Any, k: Any, dim: int, largest: bool, sorted: bool) -> Any:
    if not input.shape:
        return g.name(input), g.tensor(np.zeros((), np.int64))
    return g.op("TopK", input, g.ints([k]), axis=dim, largest=int(largest), outputs=2)


@rule("cumsum")
def _cumsum(g: Graph, input: Any, dim: int) -> Any:
    if not input.shape:
        return g.name(input)
    x = g.cast(input, np.int64) if input.dtype.kind in "ub" else g.name(input)
    return g.op("CumSum", x, np.asarray(dim))
