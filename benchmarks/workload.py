"""What a workload is, and where all of them are found."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["OURS", "PEERS", "RINGS", "Make", "Run", "Workload", "load"]

#: What is timed: a call without arguments.
Run = Callable[[], object]
#: Builds it from the framework's module.
Make = Callable[[Any], Run]

OURS = "tinygrad_hw"
PEERS = ("torch", "jax", "tinygrad", "autograd", "numpy")
RINGS = ("micro", "kernels", "train")


@dataclass(frozen=True)
class Workload:
    """One timed thing.

    Attributes:
        ring: one of :data:`RINGS`.
        group: the table it stands in.
        name: unique within its group.
        make: builds it from a module with PyTorch's names, ours or PyTorch's; the code is the same for both.
        peers: the forms for frameworks with other names.
        per: operations in one call, for a figure per operation.
        flops: floating-point operations of one call, as the definition counts them (a multiply-add is two).
        bytes: what one call must read and write at least, each array once.
        series: workloads that differ in ``size`` only, to see how time grows.
        size: the place in the series.
        warm: whether to call it some times before it is timed.
        data: whether it needs the files of MNIST.
    """

    ring: str
    group: str
    name: str
    make: Make
    peers: Mapping[str, Make] = field(default_factory=dict)
    per: int = 1
    flops: float = 0.0
    bytes: float = 0.0
    series: str = ""
    size: float = 0.0
    warm: bool = True
    data: bool = False

    @property
    def key(self) -> str:
        """Return the full name."""
        return f"{self.ring}/{self.group}/{self.name}"

    def form(self, framework: str) -> Make | None:
        """Return what builds it for a framework; None if it has no form for that one."""
        return self.make if framework in (OURS, "torch") else self.peers.get(framework)


def load(rings: tuple[str, ...] = RINGS) -> list[Workload]:
    """Return the workloads of some rings, in the order in which they are run."""
    found: list[Workload] = []
    for ring in rings:
        found += importlib.import_module(f"benchmarks.{ring}").WORKLOADS
    return found
