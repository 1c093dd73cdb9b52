"""The training loop of a classifier, with progress on screen."""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields
from typing import IO, Any

from tqdm import tqdm

from tinygrad_hw.autograd.grad_mode import no_grad
from tinygrad_hw.nn import functional as F
from tinygrad_hw.nn.module import Module
from tinygrad_hw.optim.lr_scheduler import LRScheduler
from tinygrad_hw.optim.optimizer import Optimizer
from tinygrad_hw.serialization.atomic import atomic_write
from tinygrad_hw.tensor import Tensor

__all__ = ["Row", "Trainer"]


@dataclass
class Row:
    """What one epoch gave.

    Attributes:
        epoch: counted from 1.
        train_loss, train_accuracy: means over the epoch's batches, as they were trained on.
        test_loss, test_accuracy: on the test set after the epoch.
        seconds: how long the epoch took, evaluation included.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float
    seconds: float


class _Mean:
    """A running mean of values weighted by batch size."""

    def __init__(self) -> None:
        self.total = 0.0
        self.count = 0

    def add(self, value: float, count: int) -> None:
        self.total += value * count
        self.count += count

    @property
    def value(self) -> float:
        return self.total / self.count if self.count else float("nan")


class Trainer:
    """Train a classifier and watch it.

    Args:
        model: returns scores (N, classes).
        optimizer: over the model's parameters.
        loss: a function of scores and targets; cross-entropy by default.
        scheduler: of the learning rate; goes on a step after every batch.
        show_progress: whether to draw bars.
        file: where to draw them; stderr by default.

    Attributes:
        history: one :class:`Row` per finished epoch.
        interrupted: whether ``fit`` was stopped by Ctrl-C.

    Example:
        >>> from tinygrad_hw.train import Trainer
        >>> from tinygrad_hw.utils.data import DataLoader, TensorDataset
        >>> data = DataLoader(TensorDataset(torch.eye(2), torch.tensor([0, 1])), batch_size=2)
        >>> model = torch.nn.Linear(2, 2)
        >>> trainer = Trainer(model, torch.optim.SGD(model.parameters(), lr=1.0), show_progress=False)
        >>> trainer.fit(data, data, epochs=50)[-1].test_accuracy
        1.0
    """

    def __init__(
        self,
        model: Module,
        optimizer: Optimizer,
        loss: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy,
        *,
        scheduler: LRScheduler | None = None,
        show_progress: bool = True,
        file: IO[str] | None = None,
    ) -> None:
        self.model = model
        self.scheduler = scheduler
        self.optimizer = optimizer
        self.loss = loss
        self.show_progress = show_progress
        self.file = file
        self.history: list[Row] = []
        self.interrupted = False

    def fit(self, train_loader: Iterable[Any], test_loader: Iterable[Any], epochs: int) -> list[Row]:
        """Train for some epochs; Ctrl-C ends the training and keeps what was learned.

        Args:
            train_loader: yields batches (inputs, targets).
            test_loader: likewise, for the evaluation after each epoch.
            epochs: how many.

        Returns:
            The history.
        """
        self.interrupted = False
        try:
            for _ in range(epochs):
                start = time.perf_counter()
                loss, accuracy = self._train_epoch(train_loader, len(self.history) + 1)
                test_loss, test_accuracy = self.evaluate(test_loader)
                self.history.append(
                    Row(
                        len(self.history) + 1,
                        loss,
                        accuracy,
                        test_loss,
                        test_accuracy,
                        time.perf_counter() - start,
                    )
                )
                if self.show_progress:
                    tqdm.write(
                        f"epoch {len(self.history)}: loss {loss:.4f}, accuracy {accuracy:.2%}, "
                        f"test loss {test_loss:.4f}, test accuracy {test_accuracy:.2%}",
                        file=self.file,
                    )
        except KeyboardInterrupt:
            self.interrupted = True
        return self.history

    def _train_epoch(self, loader: Iterable[Any], epoch: int) -> tuple[float, float]:
        self.model.train()
        losses, hits = _Mean(), _Mean()
        bar = tqdm(
            loader,
            desc=f"epoch {epoch}",
            unit="batch",
            leave=False,
            disable=not self.show_progress,
            file=self.file,
            dynamic_ncols=True,
        )
        with bar:
            for inputs, targets in bar:
                self.optimizer.zero_grad()
                scores = self.model(inputs)
                loss = self.loss(scores, targets)
                loss.backward()
                self.optimizer.step()
                if self.scheduler is not None:
                    self.scheduler.step()
                count = len(targets)
                losses.add(loss.item(), count)
                hits.add(accuracy(scores, targets), count)
                bar.set_postfix(loss=f"{losses.value:.4f}", accuracy=f"{hits.value:.2%}", refresh=False)
        return losses.value, hits.value

    def evaluate(self, loader: Iterable[Any]) -> tuple[float, float]:
        """Return the mean loss and the accuracy over a loader, in eval mode and without gradients."""
        was_training = self.model.training
        self.model.eval()
        losses, hits = _Mean(), _Mean()
        try:
            with no_grad():
                for inputs, targets in loader:
                    scores = self.model(inputs)
                    count = len(targets)
                    losses.add(self.loss(scores, targets).item(), count)
                    hits.add(accuracy(scores, targets), count)
        finally:
            self.model.train(was_training)
        return losses.value, hits.value

    def write_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the history, one line per epoch, the columns named as in :class:`Row`."""
        with atomic_write(path, "w", newline="") as file:
            writer = csv.DictWriter(file, [f.name for f in fields(Row)])
            writer.writeheader()
            writer.writerows(asdict(row) for row in self.history)

    def table(self) -> str:
        """Return the history as a table of text."""
        lines = ["epoch  train loss  train acc  test loss  test acc  seconds"]
        lines += [
            f"{r.epoch:5d}  {r.train_loss:10.4f}  {r.train_accuracy:9.2%}  {r.test_loss:9.4f}  "
            f"{r.test_accuracy:8.2%}  {r.seconds:7.2f}"
            for r in self.history
        ]
        return "\n".join(lines)


def accuracy(scores: Tensor, targets: Tensor) -> float:
    """Return the share of rows whose largest score is the target's.

    Args:
        scores: (N, classes).
        targets: (N,) class indices.
    """
    return float((scores.array.argmax(axis=1) == targets.array).mean())
