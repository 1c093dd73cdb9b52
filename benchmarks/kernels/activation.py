"""Activations and dropout."""

from __future__ import annotations

from typing import Any

from benchmarks.kernels.build import pair
from benchmarks.workload import Workload

__all__ = ["WORKLOADS"]

SHAPES = [(64, 128), (64, 64, 32, 32)]


def _relu(torch: Any, x: Any) -> Any:
    return torch.nn.functional.relu(x)


def _gelu(torch: Any, x: Any) -> Any:
    return torch.nn.functional.gelu(x)


def _tanh(torch: Any, x: Any) -> Any:
    return torch.tanh(x)


def _sigmoid(torch: Any, x: Any) -> Any:
    return torch.sigmoid(x)


def _dropout(torch: Any, x: Any) -> Any:
    return torch.nn.functional.dropout(x, 0.5, True)


_ALL: list[Workload] = []
for _shape in SHAPES:
    for _function in (_relu, _gelu, _tanh, _sigmoid, _dropout):
        _name = f"{_function.__name__.lstrip('_')}, {'x'.join(map(str, _shape))}"
        _ALL += pair("activation", _name, [_shape], _shape, _function)

WORKLOADS = sorted(_ALL, key=lambda w: w.group, reverse=True)
