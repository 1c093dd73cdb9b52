"""Pooling."""

from __future__ import annotations

from typing import Any

from benchmarks.kernels.build import pair

__all__ = ["WORKLOADS"]

X = (64, 64, 32, 32)
HALF = (64, 64, 16, 16)


def _max(torch: Any, x: Any) -> Any:
    return torch.nn.functional.max_pool2d(x, 2)


def _overlapping(torch: Any, x: Any) -> Any:
    return torch.nn.functional.max_pool2d(x, 3, 2, 1)


def _mean(torch: Any, x: Any) -> Any:
    return torch.nn.functional.avg_pool2d(x, 2)


def _adaptive(torch: Any, x: Any) -> Any:
    return torch.nn.functional.adaptive_avg_pool2d(x, 1)


_ALL = [
    *pair("pool", "max 2x2 of 64x6x28x28", [(64, 6, 28, 28)], (64, 6, 14, 14), _max),
    *pair("pool", "max 2x2 of 64x64x32x32", [X], HALF, _max),
    *pair("pool", "max 3x3, stride 2 of 64x64x32x32", [X], HALF, _overlapping),
    *pair("pool", "mean 2x2 of 64x64x32x32", [X], HALF, _mean),
    *pair("pool", "adaptive mean of 64x64x8x8 to 1x1", [(64, 64, 8, 8)], (64, 64, 1, 1), _adaptive),
    *pair("pool", "adaptive mean of 64x64x32x32 to 1x1", [X], (64, 64, 1, 1), _adaptive),
]
WORKLOADS = sorted(_ALL, key=lambda w: w.group, reverse=True)
