"""Training leaves nothing behind."""

from __future__ import annotations

import gc
import sys

import pytest

import tinygrad_hw as torch


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_thousand_steps_leave_memory_flat() -> None:
    def resident() -> float:
        with open("/proc/self/statm") as f:
            return int(f.read().split()[1]) * 4096 / 1e6

    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(64, 128),
        torch.nn.BatchNorm1d(128),
        torch.nn.ReLU(),
        torch.nn.Linear(128, 10),
    )
    optimizer = torch.optim.Adam(model.parameters())
    x, y = torch.randn(64, 64), torch.randint(0, 10, (64,))

    def step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()

    for _ in range(100):
        step()
    gc.collect()  # of what numba leaves behind as it loads kernels
    gc.disable()
    try:
        before, objects = resident(), len(gc.get_objects())
        for _ in range(1000):
            step()
        assert len(gc.get_objects()) - objects < 50
        assert gc.collect() == 0
    finally:
        gc.enable()
    assert resident() - before < 5
