"""What is timed: functions that both frameworks can run, written once against PyTorch's names.

``make(torch)`` gets the framework's module and returns the function to be timed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["WORKLOADS", "Workload"]


@dataclass(frozen=True)
class Workload:
    """One timed thing.

    Attributes:
        name: unique.
        ring: ``"micro"`` or ``"train"``.
        make: builds the function from the framework's module.
        per: operations in one call, for a figure per operation.
    """

    name: str
    ring: str
    make: Callable[[Any], Callable[[], object]]
    per: int = 1


def _chain(torch: Any, grad: bool) -> Callable[[], object]:
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


def _unary_chain(torch: Any) -> Callable[[], object]:
    x = torch.rand(10, 10, requires_grad=True)
    g = torch.ones(10, 10)

    def run() -> None:
        y = x
        for _ in range(200):
            y = -y
        y.backward(g)
        x.grad = None

    return run


def _step(torch: Any, model: Any, x: Any, y: Any, optimizer: Any) -> Callable[[], object]:
    loss_of = torch.nn.functional.cross_entropy

    def run() -> None:
        optimizer.zero_grad()
        loss_of(model(x), y).backward()
        optimizer.step()

    return run


def _mlp(torch: Any, sizes: list[int], batch: int) -> tuple[Any, Any, Any]:
    nn = torch.nn
    torch.manual_seed(0)
    layers: list[Any] = []
    for i, (a, b) in enumerate(itertools.pairwise(sizes)):
        layers.append(nn.Linear(a, b))
        if i < len(sizes) - 2:
            layers.append(nn.ReLU())
    return (
        nn.Sequential(*layers),
        torch.randn(batch, sizes[0]),
        torch.randint(0, sizes[-1], (batch,)),
    )


def _mlp_step(torch: Any, sizes: list[int], batch: int, optimizer: str) -> Callable[[], object]:
    model, x, y = _mlp(torch, sizes, batch)
    if optimizer == "adam":
        chosen = torch.optim.Adam(model.parameters(), lr=1e-3)
    else:
        chosen = torch.optim.SGD(model.parameters(), lr=1e-2, momentum=0.9)
    return _step(torch, model, x, y, chosen)


def _mlp_infer(torch: Any, sizes: list[int], batch: int) -> Callable[[], object]:
    model, x, _ = _mlp(torch, sizes, batch)
    model.eval()

    def run() -> None:
        with torch.no_grad():
            model(x)

    return run


def _lenet(torch: Any) -> tuple[Any, Any, Any]:
    nn = torch.nn
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )
    return model, torch.randn(64, 1, 28, 28), torch.randint(0, 10, (64,))


def _lenet_step(torch: Any) -> Callable[[], object]:
    model, x, y = _lenet(torch)
    return _step(torch, model, x, y, torch.optim.Adam(model.parameters(), lr=1e-3))


def _lenet_infer(torch: Any) -> Callable[[], object]:
    model, x, _ = _lenet(torch)
    model.eval()

    def run() -> None:
        with torch.no_grad():
            model(x)

    return run


def _control(torch: Any) -> Callable[[], object]:
    """The same pure Python in every process: its ratio should be 1."""

    def run() -> int:
        total = 0
        for i in range(20_000):
            total += i * i
        return total

    return run


WORKLOADS = [
    Workload("control (pure Python)", "micro", _control),
    Workload("200 ops on 10x10, forward and backward", "micro", lambda t: _chain(t, True), 200),
    Workload("200 ops on 10x10, no gradients", "micro", lambda t: _chain(t, False), 200),
    Workload("200 negations, forward and backward", "micro", _unary_chain, 200),
    Workload(
        "MLP 2-16-16-2, batch 8, Adam step",
        "train",
        lambda t: _mlp_step(t, [2, 16, 16, 2], 8, "adam"),
    ),
    Workload(
        "MLP 784-128-10, batch 64, Adam step",
        "train",
        lambda t: _mlp_step(t, [784, 128, 10], 64, "adam"),
    ),
    Workload(
        "MLP 784-128-10, batch 64, SGD momentum step",
        "train",
        lambda t: _mlp_step(t, [784, 128, 10], 64, "sgd"),
    ),
    Workload("MLP 784-128-10, batch 64, inference", "train", lambda t: _mlp_infer(t, [784, 128, 10], 64)),
    Workload("LeNet-5, batch 64, Adam step", "train", _lenet_step),
    Workload("LeNet-5, batch 64, inference", "train", _lenet_infer),
]
