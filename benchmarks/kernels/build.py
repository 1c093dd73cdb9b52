"""Forward, and forward with backward, of a function of tensors."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.workload import Run, Workload

__all__ = ["FLOAT", "backward", "forward", "pair"]

#: Bytes of a float32.
FLOAT = 4

Shapes = Sequence[tuple[int, ...]]


def _arguments(torch: Any, shapes: Shapes, grad: bool) -> list[Any]:
    torch.manual_seed(0)
    return [torch.randn(*shape).requires_grad_(grad) for shape in shapes]


def forward(torch: Any, shapes: Shapes, function: Callable[..., Any]) -> Run:
    """Return the call of ``function(torch, *tensors)`` that records nothing."""
    tensors = _arguments(torch, shapes, False)
    return lambda: function(torch, *tensors)


def backward(torch: Any, shapes: Shapes, function: Callable[..., Any]) -> Run:
    """Return the call of ``function(torch, *tensors)`` and of backward, with gradients for all tensors."""
    tensors = _arguments(torch, shapes, True)
    out = function(torch, *tensors)
    g = torch.randn(*out.shape)
    del out

    def run() -> None:
        function(torch, *tensors).backward(g)
        for x in tensors:
            x.grad = None

    return run


def pair(
    group: str, name: str, shapes: Shapes, out: tuple[int, ...], function: Callable[..., Any], back: bool = True
) -> list[Workload]:
    """Return the two workloads of a function that is bound by memory.

    Args:
        group: the table.
        name: the row.
        shapes: of the tensors.
        out: shape of the result.
        function: called with the framework's module and the tensors.
        back: whether there is a backward.
    """
    read, written = (FLOAT * sum(math.prod(s) for s in shapes), FLOAT * math.prod(out))
    found = [
        Workload("kernels", f"{group} forward", name, lambda t: forward(t, shapes, function), bytes=read + written)
    ]
    if back:
        # Backward reads the gradient of the result and the inputs again, and writes the gradients of the inputs.
        moved = read + written + written + 2 * read
        found.append(Workload("kernels", f"{group} both", name, lambda t: backward(t, shapes, function), bytes=moved))
    return found
