"""Sizes that are not fixed, found by comparing recordings of calls with inputs of several sizes.

Python code sees sizes as plain ints, so a recording alone cannot tell the batch size from any other 8. Recordings with
a batch of 8, 16 and 24 can: a number that is 8, 16 and 24 is the batch size, one that is 64, 128 and 192 is eight times
that, and one that is the same in all three is a constant.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_hw.onnx.errors import OnnxExporterError
from tinygrad_hw.onnx.record import Trace, Value

__all__ = ["Varying", "compare", "merge"]


class Varying:
    """A number, or an array, that differs between the recordings."""

    __slots__ = ("values",)

    def __init__(self, values: Sequence[Any]) -> None:
        self.values = tuple(values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Varying) and self.values == other.values

    def __hash__(self) -> int:
        return hash(self.values)

    def __repr__(self) -> str:
        return " / ".join(str(v) for v in self.values)


class _Unlike(Exception):
    """Recordings do not match; says how."""


def same(a: Any, b: Any) -> bool:
    """Return whether two arrays are equal to the bit."""
    return a is b or (a.shape == b.shape and a.dtype == b.dtype and np.ascontiguousarray(a).tobytes() == b.tobytes())


def merge(items: Sequence[Any]) -> Any:
    """Return what corresponding arguments have in common, with :class:`Varying` where they differ."""
    first = items[0]
    if any(type(i) is not type(first) for i in items):
        raise _Unlike(f"{first!r} becomes {next(i for i in items if type(i) is not type(first))!r}")
    if isinstance(first, Value):
        if any(i.number != first.number for i in items):
            raise _Unlike("another tensor is used")
        return first
    if isinstance(first, (tuple, list)):
        if any(len(i) != len(first) for i in items):
            raise _Unlike(f"{first!r} has another length")
        parts = [merge(column) for column in zip(*items, strict=True)]
        return type(first)(*parts) if hasattr(first, "_fields") else type(first)(parts)
    if isinstance(first, dict):
        return {k: merge([i[k] for i in items]) for k in first}
    if isinstance(first, slice):
        return slice(*(merge([getattr(i, n) for i in items]) for n in ("start", "stop", "step")))
    if isinstance(first, np.ndarray):
        return first if all(same(first, i) for i in items) else Varying(items)
    if isinstance(first, (int, float, np.generic)) and not isinstance(first, bool):
        return first if all(i == first or (i != i and first != first) for i in items) else Varying(items)
    if any(i is not first and i != first for i in items):
        raise _Unlike(f"{first!r} becomes {next(i for i in items if i != first)!r}")
    return first


def compare(traces: Sequence[Trace]) -> tuple[list[dict[str, Any]], list[tuple[Any, ...]], list[list[Any]]]:
    """Return the common arguments of the nodes, and for each value its common shape and its arrays.

    Raises:
        OnnxExporterError: the recordings are not of the same operations.
    """
    first = traces[0]
    arguments = []
    for nodes in zip(*(t.nodes for t in traces), strict=False):
        if len({n.op for n in nodes}) > 1:
            names = " / ".join(n.op for n in nodes)
            raise OnnxExporterError(
                f"{nodes[0].where()} does not do the same for all sizes of the dynamic axes: it calls {names}. "
                "Python's if and for run once, when the model is exported. Give these axes a fixed size"
            )
        try:
            arguments.append({k: merge([n.arguments[k] for n in nodes]) for k in nodes[0].arguments})
        except _Unlike as error:
            raise OnnxExporterError(
                f"{nodes[0].where()} calls {nodes[0].op} with other arguments when the dynamic axes have other sizes "
                f"({error}). Give these axes a fixed size, or write it without Python values that depend on them"
            ) from None
    if len({len(t.nodes) for t in traces}) > 1:
        raise OnnxExporterError(
            f"the model does {' / '.join(str(len(t.nodes)) for t in traces)} operations depending on the sizes of the "
            "dynamic axes. Python's if and for run once, when the model is exported. Give these axes a fixed size"
        )
    shapes = []
    for values in zip(*(t.values for t in traces), strict=True):
        if len({len(v.shape) for v in values}) > 1:
            raise OnnxExporterError("a tensor's number of dimensions depends on the sizes of the dynamic axes")
        shapes.append(merge([v.shape for v in values]))
    arrays = [[t.values[i].array for t in traces] for i in range(len(first.values))]
    return arguments, shapes, arrays
