"""What the exercises on MNIST share: the data, and how networks are trained and tested."""

from __future__ import annotations

import sys
from pathlib import Path

import tinygrad_hw as torch
from tinygrad_hw import nn
from tinygrad_hw.optim.lr_scheduler import OneCycleLR
from tinygrad_hw.train import History, Trainer
from tinygrad_hw.utils.data import DataLoader, TensorDataset

sys.path.insert(0, str(Path(__file__).parents[1]))
import common

Pair = tuple[torch.Tensor, torch.Tensor]


def load(args, few: int = 1000) -> tuple[Pair, Pair]:
    """Return images (N, 1, 28, 28) in [0, 1] and labels, to train on and to test with; only ``few`` with --quick."""
    pairs = []
    for part in common.find_data("mnist", args.data):
        images, labels = common.images_and_labels(part)
        if args.quick:
            images, labels = images[:few], labels[:few]
        pairs.append((images.reshape(-1, 1, 28, 28), labels))
    return pairs[0], pairs[1]


def batches(pair: Pair, size: int, shuffle: bool = False) -> DataLoader:
    return DataLoader(TensorDataset(*pair), batch_size=size, shuffle=shuffle)


def one_cycle(model: nn.Module, train: Pair, test: Pair, epochs: int, lr: float, batch_size: int) -> History:
    """Train with Adam; the rate rises to ``lr`` for three tenths of the steps and falls to almost nothing."""
    loader = batches(train, batch_size, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    schedule = OneCycleLR(optimizer, lr, total_steps=epochs * len(loader))
    return Trainer(model, optimizer, scheduler=schedule).fit(loader, batches(test, 1000), epochs)


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())
