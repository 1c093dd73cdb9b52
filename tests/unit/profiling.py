"""What the tests of the profiler share: a network, its counts, and that nothing is left behind."""

from __future__ import annotations

from typing import Any

import pytest

import tinygrad_hw as torch
from tinygrad_hw import nn
from tinygrad_hw.autograd import profiler as seat
from tinygrad_hw.autograd.graph import NAMESPACE
from tinygrad_hw.autograd.tracer import tracing
from tinygrad_hw.optim import optimizer
from tinygrad_hw.profiler import (
    FunctionEvent,
    profile,
)
from tinygrad_hw.utils.data import dataloader

__all__ = ["Net", "counts", "hooks", "named", "nothing_is_left"]


def hooks() -> list[Any]:
    """Return everything that a profile replaces."""
    return [
        seat.recorder,
        NAMESPACE["TRACE"],
        vars(nn.Module)["__call__"],
        vars(torch.autograd.Function)["apply"],
        vars(dataloader._LoaderIterator)["__next__"],
        vars(dataloader._WorkerIterator)["__next__"],
        len(optimizer._global_pre_hooks),
        len(optimizer._global_post_hooks),
    ]


@pytest.fixture(autouse=True)
def nothing_is_left() -> Any:
    before = hooks()
    assert before[0] is None and not tracing()
    yield
    assert all(a is b or a == b for a, b in zip(hooks(), before, strict=True))


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())
        self.act = nn.ReLU()
        self.head = nn.Linear(2 * 4 * 4, 3)

    def forward(self, x: Any) -> Any:
        x = self.act(self.features(x))
        return self.head(self.act(x).flatten(1))


def counts(prof: profile) -> dict[str, int]:
    return {e.key: e.count for e in prof.key_averages()}


def named(prof: profile, name: str) -> list[FunctionEvent]:
    return [e for e in prof.events() if e.name == name]
