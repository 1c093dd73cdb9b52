"""Normalisation layers."""

from __future__ import annotations

from typing import Any

from benchmarks.kernels.build import FLOAT, backward, forward, pair
from benchmarks.workload import Run, Workload

__all__ = ["WORKLOADS"]

IMAGES = [(64, 64, 32, 32), (64, 16, 32, 32), (64, 128, 16, 16)]


def _batch_norm(torch: Any, channels: int, training: bool) -> Any:
    mean, variance = torch.zeros(channels), torch.ones(channels)

    def function(torch: Any, x: Any, weight: Any, bias: Any) -> Any:
        return torch.nn.functional.batch_norm(x, mean, variance, weight, bias, training)

    return function


def _batch_norms(shape: tuple[int, ...]) -> list[Workload]:
    shapes = [shape, (shape[1],), (shape[1],)]
    size = FLOAT * shape[0] * shape[1] * shape[2] * shape[3]
    text = "x".join(map(str, shape))

    def run(torch: Any) -> Run:
        return backward(torch, shapes, _batch_norm(torch, shape[1], True))

    def infer(torch: Any) -> Run:
        return forward(torch, shapes, _batch_norm(torch, shape[1], False))

    # Training reads the input twice: for the statistics and to normalise.
    return [
        Workload("kernels", "norm forward", f"batch, inference, {text}", infer, bytes=2 * size),
        Workload("kernels", "norm both", f"batch, training, {text}", run, bytes=8 * size),
    ]


def _layer_norm(torch: Any, x: Any, weight: Any, bias: Any) -> Any:
    return torch.nn.functional.layer_norm(x, weight.shape, weight, bias)


def _group_norm(torch: Any, x: Any, weight: Any, bias: Any) -> Any:
    return torch.nn.functional.group_norm(x, 8, weight, bias)


_ALL = [w for shape in IMAGES for w in _batch_norms(shape)]
for _n, _d in ((768, 128), (4096, 512)):
    _ALL += pair("norm", f"layer, {_n}x{_d}", [(_n, _d), (_d,), (_d,)], (_n, _d), _layer_norm)
_ALL += pair("norm", "group 8, 64x64x32x32", [(64, 64, 32, 32), (64,), (64,)], (64, 64, 32, 32), _group_norm)

WORKLOADS = sorted(_ALL, key=lambda w: w.group, reverse=True)
