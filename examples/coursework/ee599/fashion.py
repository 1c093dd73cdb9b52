"""What the two exercises on Fashion-MNIST share: a network of one hidden layer, and how it is trained."""

from __future__ import annotations

import sys
from pathlib import Path

import tinygrad_hw as torch
from tinygrad_hw import nn
from tinygrad_hw.train import Trainer
from tinygrad_hw.utils.data import DataLoader, TensorDataset

sys.path.insert(0, str(Path(__file__).parents[1]))
import common


def load(args):
    """Return (images, labels) to train on and to test with, and the names of the classes."""
    train, test = common.find_data("fashion-mnist", args.data)
    parts = [common.images_and_labels(part) for part in (train, test)]
    if args.quick:
        parts = [(images[:1000], labels[:1000]) for images, labels in parts]
    return *parts, train.classes


def train(hidden: int, dropout: float, l2: float, data, test, epochs: int, seed: int) -> Trainer:
    """Train 784 -> hidden ReLU -> dropout -> 10 with Adam in batches of 100."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(784, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, 10))
    weights = [p for p in model.parameters() if p.ndim == 2]
    biases = [p for p in model.parameters() if p.ndim == 1]
    # The penalty is l2 * w^2, of the weights only, so its gradient is 2 * l2 * w; weight_decay is what stands before w.
    groups = [{"params": weights, "weight_decay": 2 * l2}, {"params": biases}]
    trainer = Trainer(model, torch.optim.Adam(groups, lr=1e-3), show_progress=False)
    trainer.fit(
        DataLoader(TensorDataset(*data), batch_size=100, shuffle=True),
        DataLoader(TensorDataset(*test), batch_size=1000),
        epochs,
    )
    return trainer
