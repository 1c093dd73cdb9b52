"""Trainings that draw random numbers in every way, made the same way in any process."""

from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import tinygrad_hw as torch
from tinygrad_hw.train import Callback, Checkpoint, EarlyStopping, Trainer
from tinygrad_hw.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

EPOCHS = 3
N, FEATURES, CLASSES = 22, 6, 3


def tensors() -> TensorDataset:
    rng = np.random.default_rng(3)
    points = rng.normal(size=(N, FEATURES)).astype(np.float32)
    return TensorDataset(torch.from_numpy(points), torch.from_numpy(rng.integers(0, CLASSES, N)))


class Noisy(Dataset[Any]):
    """Adds noise from each kind of random stream to every sample."""

    def __init__(self) -> None:
        self.data = tensors()
        self.own = torch.Generator().manual_seed(5)
        self.rng = np.random.default_rng(6)
        self.reads = 0

    def __len__(self) -> int:
        return N

    def __getitem__(self, i: int) -> Any:
        self.reads += 1
        x, y = self.data[i]
        noise = random.random() + np.random.rand() + self.rng.random()  # noqa: NPY002
        return x + torch.randn(FEATURES) + torch.rand(FEATURES, generator=self.own) + noise, y


class Buffer(IterableDataset[Any]):
    """Mixes its samples in a small buffer, by the default stream, while the training draws from it too."""

    def __init__(self, sized: bool) -> None:
        self.data = tensors()
        if sized:
            self.__class__ = SizedBuffer

    def __iter__(self) -> Iterator[Any]:
        waiting: list[int] = []
        for i in range(N):
            waiting.append(i)
            if len(waiting) == 9:
                yield self.data[waiting.pop(int(torch.randint(9, (1,))))]
        for i in torch.randperm(len(waiting)).tolist():
            yield self.data[waiting[i]]


class SizedBuffer(Buffer):
    def __len__(self) -> int:
        return N


class Freeze(Callback):
    """Freezes the first layer, and its batch norm's mode, from the second epoch on."""

    def on_epoch_start(self, trainer: Trainer) -> None:
        if trainer.epoch >= 2:
            trainer.model[0].weight.requires_grad_(False)
            trainer.model[1].eval()


def model() -> Any:
    return torch.nn.Sequential(
        torch.nn.Linear(FEATURES, 8),
        torch.nn.BatchNorm1d(8),
        torch.nn.ReLU(),
        torch.nn.Dropout(0.4),
        torch.nn.Linear(8, CLASSES),
    )


def generator(seed: int) -> Any:
    return torch.Generator().manual_seed(seed)


SGD: Callable[..., Any] = lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-3)  # noqa: E731
ADAM: Callable[..., Any] = lambda p: torch.optim.Adam(p, lr=0.02)  # noqa: E731
schedule = torch.optim.lr_scheduler

#: name: (loader, optimizer, trainer's options, as functions)
RECIPES: dict[str, Callable[[], dict[str, Any]]] = {
    "shuffled": lambda: {"loader": DataLoader(tensors(), 4, shuffle=True), "optimizer": SGD},
    "accumulated": lambda: {
        "loader": DataLoader(tensors(), 4, shuffle=True),
        "optimizer": ADAM,
        "accumulate": 4,
        "clip_grad_norm": 0.5,
        "scheduler": lambda o: schedule.CosineAnnealingLR(o, 5),
    },
    "generator": lambda: {
        "loader": DataLoader(tensors(), 4, shuffle=True, generator=generator(8)),
        "optimizer": ADAM,
        "scheduler": lambda o: schedule.StepLR(o, 1, 0.5),
        "step_scheduler": "epoch",
    },
    "subset": lambda: {
        "loader": DataLoader(Subset(tensors(), list(range(0, N, 2))), 3, shuffle=True, drop_last=True),
        "optimizer": ADAM,
    },
    "random indices": lambda: {
        "loader": DataLoader(tensors(), 4, sampler=SubsetRandomSampler(list(range(N)))),
        "optimizer": ADAM,
    },
    "weighted": lambda: {
        "loader": DataLoader(tensors(), 4, sampler=WeightedRandomSampler(list(range(1, N + 1)), N)),
        "optimizer": SGD,
    },
    "replacement": lambda: {
        "loader": DataLoader(tensors(), 16, sampler=RandomSampler(tensors(), True, 70, generator(2))),
        "optimizer": SGD,
    },
    "several rounds": lambda: {
        "loader": DataLoader(tensors(), 16, sampler=RandomSampler(tensors(), False, 50, torch.default_generator)),
        "optimizer": SGD,
    },
    "noisy": lambda: {"loader": DataLoader(Noisy(), 4, shuffle=True), "optimizer": ADAM},
    "noisy, samples as they are": lambda: {
        "loader": [(x.unsqueeze(0).expand(2, -1), torch.stack([y, y])) for x, y in list(tensors())[:5]],
        "optimizer": ADAM,
    },
    "buffer": lambda: {"loader": DataLoader(Buffer(False), 4), "optimizer": ADAM, "accumulate": 2},
    "sized buffer": lambda: {"loader": DataLoader(Buffer(True), 4, drop_last=True), "optimizer": ADAM},
    "workers": lambda: {"loader": DataLoader(Noisy(), 4, shuffle=True, num_workers=2), "optimizer": ADAM},
    "threads": lambda: {
        "loader": DataLoader(tensors(), 4, shuffle=True, num_workers=2, multiprocessing_context="thread"),
        "optimizer": ADAM,
    },
    "persistent workers": lambda: {
        "loader": DataLoader(
            tensors(), 4, shuffle=True, num_workers=2, persistent_workers=True, multiprocessing_context="thread"
        ),
        "validation": DataLoader(
            tensors(), 9, num_workers=1, persistent_workers=True, multiprocessing_context="thread"
        ),
        "optimizer": ADAM,
    },
    "persistent processes": lambda: {
        "loader": DataLoader(Noisy(), 4, shuffle=True, num_workers=2, persistent_workers=True),
        "validation": DataLoader(Noisy(), 9, num_workers=1, persistent_workers=True),
        "optimizer": ADAM,
    },
    "early stopping": lambda: {
        "loader": DataLoader(tensors(), 4, shuffle=True),
        "optimizer": SGD,
        "scheduler": lambda o: schedule.ReduceLROnPlateau(o, patience=0, threshold=0.5),
        "callbacks": [EarlyStopping("validation_loss", patience=1, min_delta=0.3, restore_best=True)],
    },
    "frozen": lambda: {
        "loader": DataLoader(tensors(), 4, shuffle=True),
        "optimizer": SGD,
        "callbacks": [Freeze()],
    },
    "no validation": lambda: {
        "loader": DataLoader(tensors(), 4, shuffle=True),
        "validation": None,
        "optimizer": lambda p: torch.optim.RMSprop(p, momentum=0.5, centered=True),
        "scheduler": lambda o: schedule.OneCycleLR(o, 0.05, total_steps=30),
    },
}


def make(name: str, *callbacks: Callback) -> tuple[Trainer, tuple[Any, Any]]:
    """Return a trainer and its loaders."""
    torch.manual_seed(11)
    random.seed(12)
    np.random.seed(13)  # noqa: NPY002
    recipe = RECIPES[name]()
    net = model()
    optimizer = recipe.pop("optimizer")(net.parameters())
    scheduler = recipe.pop("scheduler", lambda o: None)(optimizer)
    train = recipe.pop("loader")
    validation = recipe.pop("validation", DataLoader(tensors(), 9, shuffle=True, generator=generator(4)))
    own = recipe.pop("callbacks", [])
    trainer = Trainer(net, optimizer, scheduler=scheduler, callbacks=[*own, *callbacks], show_progress=False, **recipe)
    return trainer, (train, validation)


def spoil() -> None:
    """Draw from all streams, as a program does between starting and going on."""
    torch.rand(7)
    random.random()
    np.random.rand(3)  # noqa: NPY002


class Die(Callback):
    """Kills the process, as a power cut does."""

    order = 200

    def __init__(self, epoch: int, batch: int) -> None:
        self.epoch, self.batch = epoch, batch

    def on_batch_end(self, trainer: Trainer) -> None:
        if (trainer.epoch, trainer.batch) == (self.epoch, self.batch):
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    # The program of a user: go on if there is something to go on with.
    recipe, path, epoch, batch = sys.argv[1:]
    own, data = make(recipe, Checkpoint(path, every_batches=1), Die(int(epoch), int(batch)))
    if os.path.exists(path):
        spoil()
        own.load_checkpoint(path)
    own.fit(*data, epochs=EPOCHS)
