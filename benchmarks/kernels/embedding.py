"""Embeddings: rows gathered, and their gradients summed."""

from __future__ import annotations

from typing import Any

from benchmarks.kernels.build import FLOAT
from benchmarks.workload import Run, Workload

__all__ = ["WORKLOADS"]

#: (rows of the table, width, indices)
SIZES = [(65, 128, (12, 64)), (10_000, 128, (64, 256))]


def _embedding(torch: Any, rows: int, width: int, shape: tuple[int, int], grad: bool) -> Run:
    torch.manual_seed(0)
    weight = torch.randn(rows, width).requires_grad_(grad)
    indices = torch.randint(0, rows, shape)
    function = torch.nn.functional.embedding
    if not grad:
        return lambda: function(indices, weight)
    g = torch.randn(*shape, width)

    def run() -> None:
        function(indices, weight).backward(g)
        weight.grad = None

    return run


def _workloads(rows: int, width: int, shape: tuple[int, int]) -> list[Workload]:
    name = f"{shape[0]}x{shape[1]} of {rows}x{width}"
    gathered, table = FLOAT * shape[0] * shape[1] * width, FLOAT * rows * width
    return [
        Workload(
            "kernels",
            "embedding forward",
            name,
            lambda t: _embedding(t, rows, width, shape, False),
            bytes=2 * gathered,
        ),
        # The gradient has the size of the whole table.
        Workload(
            "kernels",
            "embedding both",
            name,
            lambda t: _embedding(t, rows, width, shape, True),
            bytes=3 * gathered + table,
        ),
    ]


WORKLOADS = sorted((w for size in SIZES for w in _workloads(*size)), key=lambda w: w.group, reverse=True)
