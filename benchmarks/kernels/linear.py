"""Matrix products and linear layers."""

from __future__ import annotations

from typing import Any

from benchmarks.kernels.build import backward, forward
from benchmarks.workload import Run, Workload

__all__ = ["WORKLOADS"]

#: (batch, inputs, outputs)
SIZES = [(64, 784, 128), (256, 784, 400), (256, 400, 400), (768, 128, 512)]


def _linear(torch: Any, x: Any, weight: Any, bias: Any) -> Any:
    return torch.nn.functional.linear(x, weight, bias)


def _numpy_product(np: Any) -> Run:
    rng = np.random.default_rng(0)
    a, b = rng.random((1024, 1024), np.float32), rng.random((1024, 1024), np.float32)
    return lambda: a @ b


def _workloads(n: int, i: int, o: int) -> list[Workload]:
    shapes, name, flops = [(n, i), (o, i), (o,)], f"{n}x{i} to {o}", 2 * n * i * o
    return [
        Workload("kernels", "linear forward", name, lambda t: forward(t, shapes, _linear), flops=flops),
        Workload("kernels", "linear both", name, lambda t: backward(t, shapes, _linear), flops=3 * flops),
    ]


WORKLOADS = [
    Workload(
        "kernels",
        "matmul",
        "1024x1024 by 1024x1024",
        lambda t: forward(t, [(1024, 1024), (1024, 1024)], lambda torch, a, b: a @ b),
        {"numpy": _numpy_product},
        flops=2 * 1024**3,
    ),
    *sorted((w for size in SIZES for w in _workloads(*size)), key=lambda w: w.group, reverse=True),
]
