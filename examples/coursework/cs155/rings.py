"""Points in the plane for the first exercises: a disc of class 0 inside a ring of class 1; and small networks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import tinygrad_hw as torch
from tinygrad_hw import nn
from tinygrad_hw.nn import functional as F


def points(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return points (count, 2) in [-1, 1] and labels (count, 1): first all zeros, then as many ones."""
    half = count // 2
    radius = torch.cat([0.5 * torch.rand(half), 0.7 + 0.3 * torch.rand(count - half)])
    angle = 2 * math.pi * torch.rand(count)
    labels = (torch.arange(count) >= half).float()
    return torch.stack([radius * angle.cos(), radius * angle.sin()], 1), labels.reshape(-1, 1)


def network(hidden: Sequence[int], activation: Callable[[], nn.Module] = nn.ReLU) -> nn.Sequential:
    layers: list[nn.Module] = []
    inputs = 2
    for units in hidden:
        layers += [nn.Linear(inputs, units), activation()]
        inputs = units
    return nn.Sequential(*layers, nn.Linear(inputs, 1))


def epoch(model: nn.Module, optimizer: torch.optim.Optimizer, x, y, batch_size: int, shuffle: bool = True) -> None:
    order = torch.randperm(len(x)) if shuffle else torch.arange(len(x))
    for chosen in order.split(batch_size):
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(model(x[chosen]), y[chosen]).backward()
        optimizer.step()


@torch.no_grad()
def accuracy(model: nn.Module, x, y) -> float:
    return float(((model(x) > 0) == (y > 0.5)).float().mean())
