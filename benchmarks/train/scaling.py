"""How the time of a training step grows with the batch size and with the depth."""

from __future__ import annotations

from typing import Any

from benchmarks.train import models
from benchmarks.train.steps import Build, step
from benchmarks.workload import Workload

__all__ = ["BATCHES", "DEPTHS", "WORKLOADS"]

BATCHES = [16, 32, 64, 128, 256]
DEPTHS = [2, 4, 8, 16, 32]


def _point(series: str, size: int, build: Build, batch: int, shape: tuple[int, ...]) -> Workload:
    return Workload(
        "train",
        "scaling",
        f"{series} {size}",
        lambda t: step(t, build, batch, shape),
        series=series,
        size=size,
    )


def _mlp(torch: Any) -> Any:
    return models.mlp(torch, [784, 400, 400, 100, 10])


def _cross_entropy_example(torch: Any) -> Any:
    """Return the network without its log-softmax, which is in the loss here."""
    return models.mnist_example(torch)[:-1]


def _convs(depth: int) -> Build:
    return lambda t: models.conv_stack(t, depth)


def _linears(depth: int) -> Build:
    return lambda t: models.linear_stack(t, depth)


WORKLOADS = [
    *(_point("MLP 784-400-400-100-10, batch", n, _mlp, n, (784,)) for n in BATCHES),
    *(_point("PyTorch's MNIST example, batch", n, _cross_entropy_example, n, (1, 28, 28)) for n in BATCHES),
    *(_point("linear layers of 256, b64, depth", d, _linears(d), 64, (256,)) for d in DEPTHS),
    *(_point("convolutions 16x16x16, b64, depth", d, _convs(d), 64, (16, 16, 16)) for d in DEPTHS),
]
