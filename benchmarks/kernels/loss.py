"""Softmax and the losses made of it."""

from __future__ import annotations

from typing import Any

from benchmarks.kernels.build import FLOAT, pair
from benchmarks.workload import Run, Workload

__all__ = ["WORKLOADS"]

SHAPES = [(64, 10), (3072, 64), (256, 1000)]


def _softmax(torch: Any, x: Any) -> Any:
    return torch.nn.functional.softmax(x, -1)


def _log_softmax(torch: Any, x: Any) -> Any:
    return torch.nn.functional.log_softmax(x, -1)


def _cross_entropy(torch: Any, n: int, classes: int) -> Run:
    torch.manual_seed(0)
    x, y = torch.randn(n, classes, requires_grad=True), torch.randint(0, classes, (n,))
    function = torch.nn.functional.cross_entropy

    def run() -> None:
        function(x, y).backward()
        x.grad = None

    return run


def _cross_entropies(n: int, classes: int) -> Workload:
    # The scores are read forward and backward, their gradient is written.
    return Workload(
        "kernels",
        "loss both",
        f"cross entropy, {n}x{classes}",
        lambda t: _cross_entropy(t, n, classes),
        bytes=3 * FLOAT * n * classes,
    )


_ALL: list[Workload] = []
for _shape in SHAPES:
    _text = "x".join(map(str, _shape))
    _ALL += pair("loss", f"softmax, {_text}", [_shape], _shape, _softmax)
    _ALL += pair("loss", f"log softmax, {_text}", [_shape], _shape, _log_softmax)
    _ALL.append(_cross_entropies(*_shape))

WORKLOADS = sorted(_ALL, key=lambda w: w.group, reverse=True)
