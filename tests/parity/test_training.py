"""Whole training runs print the same numbers under both packages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_hw
from tinygrad_hw.vision.datasets import Digits

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.torch


def digits(t: Any) -> tuple[Any, Any]:
    data = Digits(train=True)
    images = np.ascontiguousarray(np.asarray(data.data), dtype=np.float32)[:, None] / 255.0
    return t.from_numpy(images), t.from_numpy(np.asarray(data.targets, np.int64))


def lenet(t: Any) -> Any:
    nn = t.nn
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64, 120),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )


def train(t: Any, make: Any, optimizer: Any, epochs: int) -> list[float]:
    """Return the loss of every epoch."""
    t.manual_seed(0)
    model = make(t)
    images, targets = digits(t)
    data = t.utils.data.TensorDataset(images, targets)
    loader = t.utils.data.DataLoader(data, batch_size=64, shuffle=True)
    steps = optimizer(t)(model.parameters())
    criterion = t.nn.CrossEntropyLoss()
    losses = []
    for _ in range(epochs):
        total = 0.0
        for x, y in loader:
            steps.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            steps.step()
            total += loss.item() * len(y)
        losses.append(total / len(data))
    return losses


def test_lenet_on_digits_has_the_same_loss_curve() -> None:
    def adam(t: Any) -> Any:
        return lambda p: t.optim.Adam(p, lr=3e-3)

    ours, theirs = train(tinygrad_hw, lenet, adam, 3), train(torch, lenet, adam, 3)
    assert ours[-1] < ours[0] / 2
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)


def test_batch_norm_net_with_adam_has_the_same_loss_curve() -> None:
    def make(t: Any) -> Any:
        nn = t.nn
        return nn.Sequential(
            nn.Conv2d(1, 8, 3, padding="same", bias=False),
            nn.BatchNorm2d(8),
            nn.GELU(),
            nn.AvgPool2d(2),
            nn.Flatten(),
            nn.LayerNorm(128),
            nn.Linear(128, 10),
        )

    def adam(t: Any) -> Any:
        return lambda p: t.optim.AdamW(p, lr=1e-3, weight_decay=1e-2)

    ours, theirs = train(tinygrad_hw, make, adam, 2), train(torch, make, adam, 2)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)
