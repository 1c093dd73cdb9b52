"""Long chains of small operations: time per operation, without and with a graph."""

from __future__ import annotations

import importlib
from typing import Any

from benchmarks.workload import Run, Workload

__all__ = ["WORKLOADS"]

GROUP = "chain"


def _chain(torch: Any, grad: bool) -> Run:
    torch.manual_seed(0)
    x = torch.rand(10, 10).requires_grad_(grad)
    w = torch.rand(10, 10).requires_grad_(grad)
    g = torch.ones(10, 10)

    def run() -> None:
        y = x
        for _ in range(50):
            y = torch.tanh(y * w + x) * 0.5
        if grad:
            y.backward(g)
            x.grad = None
            w.grad = None

    return run


def _chain_numpy(np: Any) -> Run:
    rng = np.random.default_rng(0)
    x, w = rng.random((10, 10), np.float32), rng.random((10, 10), np.float32)

    def run() -> None:
        y = x
        for _ in range(50):
            y = np.tanh(y * w + x) * 0.5

    return run


def _chain_autograd(autograd: Any) -> Run:
    np = importlib.import_module("autograd.numpy")
    rng = np.random.default_rng(0)
    x, w = rng.random((10, 10), np.float32), rng.random((10, 10), np.float32)
    g = np.ones((10, 10), np.float32)

    def function(pair: Any) -> Any:
        x, w = pair
        y = x
        for _ in range(50):
            y = np.tanh(y * w + x) * np.float32(0.5)
        return y

    def run() -> object:
        vjp, _ = autograd.make_vjp(function)((x, w))
        return vjp(g)

    return run


def _negations(torch: Any) -> Run:
    x = torch.rand(10, 10, requires_grad=True)
    g = torch.ones(10, 10)

    def run() -> None:
        y = x
        for _ in range(200):
            y = -y
        y.backward(g)
        x.grad = None

    return run


WORKLOADS = [
    Workload(
        "micro",
        GROUP,
        "200 ops on 10x10, forward and backward",
        lambda t: _chain(t, True),
        {"autograd": _chain_autograd},
        per=200,
    ),
    Workload(
        "micro", GROUP, "200 ops on 10x10, no gradients", lambda t: _chain(t, False), {"numpy": _chain_numpy}, per=200
    ),
    Workload("micro", GROUP, "200 negations, forward and backward", _negations, per=200),
]
