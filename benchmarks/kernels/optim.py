"""Optimizer steps and gradient clipping over the parameters of the small VGG."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.kernels.build import FLOAT
from benchmarks.train import models
from benchmarks.workload import Run, Workload

__all__ = ["WORKLOADS"]

#: Numbers in the parameters of the small VGG.
SIZE = 2_360_906


def _parameters(torch: Any) -> list[Any]:
    parameters = list(models.vgg_small(torch).parameters())
    for p in parameters:
        p.grad = 1e-3 * torch.randn(*p.shape)
    return parameters


def _step(torch: Any, make: Callable[[Any, list[Any]], Any]) -> Run:
    optimizer = make(torch.optim, _parameters(torch))
    return lambda: optimizer.step()


def _clip(torch: Any) -> Run:
    parameters = _parameters(torch)
    clip = torch.nn.utils.clip_grad_norm_
    return lambda: clip(parameters, 1.0)


def _zero(torch: Any) -> Run:
    optimizer = torch.optim.SGD(_parameters(torch), lr=1e-3)
    return lambda: optimizer.zero_grad(set_to_none=False)


def _workload(name: str, make: Callable[[Any, list[Any]], Any], arrays: int) -> Workload:
    """Return the step that reads and writes so many arrays per parameter."""
    return Workload("kernels", "optimizer", name, lambda t: _step(t, make), bytes=arrays * FLOAT * SIZE)


WORKLOADS = [
    _workload("SGD", lambda o, p: o.SGD(p, lr=1e-3), 3),
    _workload("SGD momentum", lambda o, p: o.SGD(p, lr=1e-3, momentum=0.9), 5),
    _workload("Adam", lambda o, p: o.Adam(p, lr=1e-3), 7),
    _workload("AdamW", lambda o, p: o.AdamW(p, lr=1e-3), 7),
    _workload("RMSprop", lambda o, p: o.RMSprop(p, lr=1e-3), 5),
    Workload("kernels", "optimizer", "clip_grad_norm_", _clip, bytes=3 * FLOAT * SIZE),
    Workload("kernels", "optimizer", "zero_grad in place", _zero, bytes=FLOAT * SIZE),
]
