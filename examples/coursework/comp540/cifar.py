"""CIFAR-10 as the exercises use it: the last 1,000 training images for validation, all 10,000 others to test on."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

import tinygrad_hw as torch
from tinygrad_hw.utils.data import DataLoader, TensorDataset
from tinygrad_hw.vision import transforms

sys.path.insert(0, str(Path(__file__).parents[1]))
import common

VALIDATION = 1000
#: Of the colours of all training images, over 255.
MEAN, STD = (0.491, 0.482, 0.446), (0.247, 0.244, 0.262)


class Split(NamedTuple):
    """Images (N, 32, 32, 3) of uint8 and their classes (N,)."""

    images: np.ndarray
    labels: np.ndarray


def synthetic(count: int, seed: int) -> Split:
    """Return images that stand in for CIFAR-10: each class has a colour and a stripe, under much noise."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 10, count)
    rows, columns = np.mgrid[:32, :32] / 32
    patterns = np.stack(
        [
            128 + 50 * np.sin(2 * np.pi * ((c % 3 + 1) * rows + (c % 4) * columns) + np.arange(3)[:, None, None] * c)
            for c in range(10)
        ]
    ).transpose(0, 2, 3, 1)
    images = patterns[labels] + generator.normal(0, 90, (count, 32, 32, 3))
    return Split(images.clip(0, 255).astype(np.uint8), labels)


def load(args: argparse.Namespace) -> dict[str, Split]:
    """Return the "train", "validation" and "test" images: 29,000, 1,000 and 10,000 of them.

    Three of the five training batches are used. With --quick a few made-up images stand in for all of them.
    """
    if args.quick:
        train, test, held_out = synthetic(600, 1), synthetic(100, 2), 100
    else:
        parts = common.find_data("cifar10", args.data, batches=(1, 2, 3))
        train, test = (Split(part.data, np.asarray(part.targets)) for part in parts)
        held_out = VALIDATION
    return {
        "train": Split(train.images[:-held_out], train.labels[:-held_out]),
        "validation": Split(train.images[-held_out:], train.labels[-held_out:]),
        "test": test,
    }


def centred(splits: dict[str, Split]) -> dict[str, TensorDataset]:
    """Return the images as the sheet has them: (N, 3, 32, 32) of float32, 0 to 255, less the mean training image."""
    mean = splits["train"].images.mean(axis=0, dtype=np.float64)
    return {
        name: TensorDataset(
            torch.from_numpy(np.ascontiguousarray((images - mean).transpose(0, 3, 1, 2), np.float32)),
            torch.from_numpy(labels.astype(np.int64)),
        )
        for name, (images, labels) in splits.items()
    }


def first(data: TensorDataset, count: int) -> TensorDataset:
    """Return the first examples of a data set."""
    return TensorDataset(*(tensor[:count] for tensor in data.tensors))


def loader(data: TensorDataset, batch_size: int = 500, shuffle: bool = False) -> DataLoader:
    return DataLoader(data, batch_size=batch_size, shuffle=shuffle)


def normalized(split: Split, *augmentation: object, shuffle: bool = False) -> DataLoader:
    """Return batches of 128 whose pixels have mean 0 and deviation 1, after some random transforms."""
    transform = transforms.Batched(
        transforms.Compose([*augmentation, transforms.ToTensor(), transforms.Normalize(MEAN, STD)])
    )

    def collate(samples: list) -> tuple[torch.Tensor, torch.Tensor]:
        images, labels = zip(*samples, strict=True)
        return transform(np.stack(images)), torch.tensor(labels)

    samples = list(zip(split.images, split.labels, strict=True))
    return DataLoader(samples, batch_size=128, shuffle=shuffle, collate_fn=collate)
