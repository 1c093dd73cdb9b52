"""The training loop: batches, steps, epochs, and going on exactly where a training stopped."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import IO, Any, Literal

import numpy as np

from tinygrad_hw.autograd.grad_mode import no_grad
from tinygrad_hw.nn import functional as F
from tinygrad_hw.nn.module import Module
from tinygrad_hw.nn.utils.clip_grad import clip_grad_norm_
from tinygrad_hw.ops.joining import cat
from tinygrad_hw.optim.lbfgs import LBFGS
from tinygrad_hw.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from tinygrad_hw.optim.optimizer import Optimizer
from tinygrad_hw.serialization import load, save
from tinygrad_hw.tensor import Tensor
from tinygrad_hw.train import checkpoint, checks
from tinygrad_hw.train.callbacks import Callback
from tinygrad_hw.train.checks import NonFiniteLoss
from tinygrad_hw.train.history import History
from tinygrad_hw.train.metrics import accuracy
from tinygrad_hw.train.position import Interrupts, Means, Position
from tinygrad_hw.train.progress import Progress
from tinygrad_hw.train.reading import Reader, set_workers, worker_streams
from tinygrad_hw.utils.data.streams import find_streams, restore_streams, save_streams

__all__ = ["NonFiniteLoss", "Trainer"]


class Trainer:
    """Trains a model and watches it.

    A training can be stopped after any batch and go on in another process with the same bits, as if it had never
    stopped: :meth:`state_dict` holds everything (weights, optimizer, scheduler, history, callbacks, random streams,
    gradients that wait for a step, the place in the epoch). Make everything as it was made then, load, and call
    :meth:`fit` as it was called then::

        trainer = Trainer(model, optimizer, scheduler=scheduler, callbacks=[Checkpoint("run.pt", every_batches=100)])
        if os.path.exists("run.pt"):
            trainer.load_checkpoint("run.pt")
        trainer.fit(train_loader, validation_loader, epochs=20)

    With several batches to a step (``accumulate``), the step's gradient is the mean over their samples: for a loss
    that is a mean, that of one large batch, also where the last group of an epoch is smaller.

    Args:
        model: called with a batch's inputs.
        optimizer: over the model's parameters.
        loss: a function of the model's result and the targets that returns a scalar; cross-entropy by default.
        scheduler: of the learning rate. ``ReduceLROnPlateau`` sees ``monitor`` at the end of every epoch.
        step_scheduler: ``"batch"`` (default) for a step of the scheduler after every step of the optimizer, or
            ``"epoch"``.
        metrics: functions of scores and targets by name, averaged over the samples; ``{"accuracy": accuracy}`` by
            default, ``{}`` for none.
        clip_grad_norm: the largest norm of all gradients together; None (default) for any.
        accumulate: batches to a step of the optimizer (default 1).
        callbacks: see :class:`~tinygrad_hw.train.Callback`.
        show_progress: whether to show bars and lines.
        file: where to show them; stderr by default. What is no terminal gets a line per epoch and no bars.
        stop_on_nan: whether a loss that is infinite or NaN is an error (default True), raised before it reaches the
            weights.
        monitor: the column for ``ReduceLROnPlateau``; by default ``"validation_loss"`` with a validation, else
            ``"train_loss"``.

    Attributes:
        history: a :class:`~tinygrad_hw.train.History`, a row per finished epoch.
        epoch: the number of the epoch that runs or ran last, from 1.
        batch: batches of it that were trained on.
        steps: steps of the optimizer in all.
        last_loss: of the last batch.
        last_grad_norm: before clipping, of the last step; NaN without clipping.
        interrupted: whether ``fit`` was ended by Ctrl-C. It ends after the batch; a second Ctrl-C ends it at once.
        stopped: why the training was stopped early; empty if it was not.
        finished: whether the last ``fit`` came to its end, by itself or stopped early.

    Raises:
        TypeError: something that is no model, optimizer, scheduler, metric or callback.
        ValueError: a number out of range, or a scheduler of another optimizer.

    Example:
        >>> from tinygrad_hw.train import Trainer
        >>> from tinygrad_hw.utils.data import DataLoader, TensorDataset
        >>> data = DataLoader(TensorDataset(torch.eye(2), torch.tensor([0, 1])), batch_size=2)
        >>> model = torch.nn.Linear(2, 2)
        >>> trainer = Trainer(model, torch.optim.SGD(model.parameters(), lr=1.0), show_progress=False)
        >>> trainer.fit(data, data, epochs=50)[-1].validation_accuracy
        1.0
    """

    def __init__(
        self,
        model: Module,
        optimizer: Optimizer,
        loss: Callable[[Any, Any], Tensor] = F.cross_entropy,
        *,
        scheduler: LRScheduler | None = None,
        step_scheduler: Literal["batch", "epoch"] = "batch",
        metrics: Mapping[str, Callable[[Any, Any], float]] | None = None,
        clip_grad_norm: float | None = None,
        accumulate: int = 1,
        callbacks: Sequence[Callback] = (),
        show_progress: bool = True,
        file: IO[str] | None = None,
        stop_on_nan: bool = True,
        monitor: str | None = None,
    ) -> None:
        checks.parts(model, optimizer, loss, scheduler, callbacks)
        if isinstance(optimizer, LBFGS):
            raise TypeError("Trainer: LBFGS evaluates the loss several times a step; write its loop with a closure")
        checks.options(step_scheduler, clip_grad_norm, accumulate)
        self.model = model
        self.optimizer = optimizer
        self.loss = loss
        self.scheduler = scheduler
        self.step_scheduler = "epoch" if isinstance(scheduler, ReduceLROnPlateau) else step_scheduler
        self.metrics = checks.metrics({"accuracy": accuracy} if metrics is None else metrics)
        self.clip_grad_norm = clip_grad_norm
        self.accumulate = accumulate
        self.callbacks = list(callbacks)
        self.progress = Progress(show_progress, file)
        self.stop_on_nan = stop_on_nan
        self.monitor = monitor
        self.history = History()
        self.epoch = 0
        self.batch = 0
        self.steps = 0
        self.last_loss = float("nan")
        self.last_grad_norm = float("nan")
        self.interrupted = False
        self.stopped = ""
        self.finished = False
        #: Epochs that the history had when this fit, or the one to go on with, began.
        self._first = 0
        #: Whether the next fit goes on with one that was cut.
        self._going_on = False
        self._position: Position | None = None
        #: The states with which the random streams go on; None while they run.
        self._waiting: dict[str, Any] | None = None
        self._streams: dict[str, Any] = {}
        #: Those of this fit, or of the last one.
        self._loaders: tuple[Any, Any] = (None, None)
        #: The states of their persistent workers' streams when the training was cut.
        self._workers: list[Any] = [None, None]

    # -- training ---------------------------------------------------------------------------------

    def fit(
        self, train_loader: Iterable[Any], validation_loader: Iterable[Any] | None = None, epochs: int = 1
    ) -> History:
        """Train for some epochs; Ctrl-C ends the training and keeps what was learned.

        After a checkpoint was loaded, or Ctrl-C, the next call goes on with the one that was cut: ``epochs`` counts
        from where that one began, so the same call comes to the same end. A program that calls ``fit`` several times
        must leave out the calls that were finished.

        Args:
            train_loader: yields batches (inputs, targets), anew in every epoch.
            validation_loader: likewise, for the evaluation after each epoch; None for none.
            epochs: how many, 0 or more.

        Returns:
            The history.

        Raises:
            NonFiniteLoss: the loss is infinite or NaN; it names epoch and batch.
            TypeError: the loader yields something else than pairs, or a loss that is no tensor.
            ValueError: a loader is empty, ``epochs`` is negative, or a callback watches a column that there is not.
            RuntimeError: the loss is no scalar.
        """
        checks.epochs(epochs)
        checks.monitors(self._watchers(), list(self.metrics), validation_loader is not None)
        for name, loader in (("train_loader", train_loader), ("validation_loader", validation_loader)):
            checks.loader(name, loader, epochs)
        if not self._going_on:
            self._first, self._position, self._waiting, self.stopped = len(self.history), None, None, ""
        elif self._position is not None and self._loaders[0] is not None and self._loaders[0] is not train_loader:
            self._position = None  # another loader after Ctrl-C: its epochs are others
        if self._position is not None:
            checks.same_length(train_loader, self._position)
        last = self._first + epochs
        if self._going_on and len(self.history) > last:
            checks.warn_nothing_left(len(self.history), self._first, epochs)
        self._streams = self._find_streams(train=train_loader, validation=validation_loader)
        self._loaders = (train_loader, validation_loader)
        self._going_on = self.interrupted = self.finished = False
        interrupts = Interrupts(lambda: self.progress.line("stopping after this batch; Ctrl-C again stops at once"))
        try:
            with interrupts:
                self._call("on_fit_start")
                if self._waiting is not None:
                    if self._position is None or self._position.trained:
                        set_workers(train_loader, self._workers[0])
                    set_workers(validation_loader, self._workers[1])
                    # Before the first fit, there were no loaders whose streams could have been saved.
                    restore_streams(self._streams, self._waiting, part=self.epoch == 0)
                    self._waiting = None
                while len(self.history) < last and not self.stopped:
                    self._run_epoch(train_loader, validation_loader, interrupts)
                    if len(self.history) < last:
                        self._end_of_batch(interrupts)
            self.finished = True
        except KeyboardInterrupt:
            self.interrupted = True
            # Only between batches is the state that of a training: not if it was cut in the middle of one.
            self._going_on = interrupts.pressed and self._waiting is not None
        finally:
            if not self._going_on:
                self._position = self._waiting = None
            self._call("on_fit_end")
        if self.stopped and self.finished:
            self.progress.line(f"stopped after epoch {len(self.history)}: {self.stopped}")
        return self.history

    def stop(self, reason: str) -> None:
        """End the training after this epoch.

        Args:
            reason: shown, and kept in :attr:`stopped`.
        """
        self.stopped = reason or "asked to"

    @property
    def resumable(self) -> bool:
        """Whether the next ``fit`` goes on with one that was cut, after Ctrl-C or loading."""
        return self._going_on

    def parameters(self) -> list[Tensor]:
        """Return the parameters that the optimizer changes."""
        return [p for group in self.optimizer.param_groups for p in group["params"]]

    def _find_streams(self, **loaders: Any) -> dict[str, Any]:
        """Return all random streams there are to be saved; those of the last loaders if none are given."""
        if not loaders and self._streams:
            return self._streams
        return find_streams(model=self.model, callbacks=self.callbacks, **loaders)

    def _watchers(self) -> list[Any]:
        """Return what watches a column."""
        found: list[Any] = [c for c in self.callbacks if hasattr(c, "monitor")]
        return [*found, self] if self.monitor is not None else found

    def _call(self, name: str) -> None:
        """Call a method of all callbacks, those that save after the others."""
        for callback in sorted(self.callbacks, key=lambda c: c.order):
            getattr(callback, name)(self)

    def _run_epoch(self, train: Iterable[Any], validation: Iterable[Any] | None, interrupts: Interrupts) -> None:
        position = self._position
        go_back = position is not None
        begun = time.perf_counter()
        if position is None:
            self.epoch, self.batch = len(self.history) + 1, 0
            self.model.train()
            self._call("on_epoch_start")
            self.optimizer.zero_grad()
            position = Position(save_streams(self._streams), self._lr(), checks.length(train), worker_streams(train))
            self._position = position
        else:
            checkpoint.set_modes(self.model, position.evaluating)
        begun -= position.seconds
        means = Means(position.totals)
        if not position.trained:
            with self.progress.bar(f"epoch {self.epoch}", position.length, position.batch) as bar:
                for batch in Reader(train, self._streams, position, go_back):
                    inputs, targets = checks.pair(batch, "train_loader", position.batch + 1)
                    self._train_on(inputs, targets, means, position)
                    position.totals, position.seconds = means.totals, time.perf_counter() - begun
                    bar.step(means.items())
                    self._call("on_batch_end")
                    self._end_of_batch(interrupts)
            if position.batch == 0:
                raise ValueError(checks.empty("train_loader", train))
            self._step(position)
            position.trained = True
        row: dict[str, float] = {"epoch": self.epoch}
        row |= {f"train_{name}": mean for name, mean in means.items()}
        if validation is not None:
            # Cut in the middle, the validation begins anew.
            self._hold()
            measured = self._measure(validation, "validation_loader", interrupts)
            self._waiting = None
            row |= {f"validation_{name}": mean for name, mean in measured.items()}
        row |= {"lr": position.lr, "seconds": time.perf_counter() - begun}
        self.history.append(row)
        self._position = None
        if self.step_scheduler == "epoch":
            self._step_scheduler(row)
        self._call("on_epoch_end")
        self.progress.epoch(row)

    def _end_of_batch(self, interrupts: Interrupts) -> None:
        """Let Ctrl-C in, between batches or epochs, where everything is in order."""
        if interrupts.pressed:
            self._hold()
            interrupts.check()

    def _hold(self) -> None:
        """Note the state of all that may move on before the training does."""
        if self._position is not None:
            self._position.evaluating = checkpoint.modes_of(self.model)
        self._waiting = save_streams(self._streams)
        self._workers = self._worker_streams()

    def _worker_streams(self) -> list[Any]:
        """Return the states of the workers' random streams, of those that are between epochs."""
        train, validation = self._loaders
        between = self._position is None or self._position.trained
        return [worker_streams(train) if between else None, worker_streams(validation)]

    def _train_on(self, inputs: Any, targets: Any, means: Means, position: Position) -> None:
        """Add the gradients of a batch, and make a step if it completes its group."""
        count = checks.count_of(inputs, targets)
        scores = self.model(inputs)
        loss = self.loss(scores, targets)
        value = checks.scalar(loss)
        if self.stop_on_nan and not np.isfinite(value):
            where = f"epoch {self.epoch}, batch {position.batch + 1}"
            raise checks.non_finite(value, where, self.epoch, position.batch + 1, inputs, scores, self.model)
        n, first, total = position.group
        # Relative to the first batch, so that equal batches have weights of exactly 1.
        weight = 1.0 if n == 0 else count / first
        (loss if weight == 1.0 else loss * weight).backward()
        position.group = (n + 1, first if n else count, total + weight)
        position.batch = self.batch = position.batch + 1
        self.last_loss = value
        means.add("loss", value, count)
        with no_grad():
            for name, metric in self.metrics.items():
                means.add(name, float(metric(scores, targets)), count)
        if position.group[0] == self.accumulate:
            self._step(position)

    def _step(self, position: Position) -> None:
        """Make a step with the gradients that were added up, if there are some."""
        n, _, total = position.group
        if n == 0:
            return
        parameters = self.parameters()
        if total != 1.0:
            with no_grad():
                for p in parameters:
                    if p.grad is not None:
                        p.grad.mul_(1.0 / total)
        if self.clip_grad_norm is not None:
            self.last_grad_norm = clip_grad_norm_(parameters, self.clip_grad_norm).item()
        self.optimizer.step()
        self.optimizer.zero_grad()
        position.group = (0, 0, 0.0)
        self.steps += 1
        if self.step_scheduler == "batch":
            self._step_scheduler({})

    def _step_scheduler(self, row: Mapping[str, float]) -> None:
        if isinstance(self.scheduler, ReduceLROnPlateau):
            name = self.monitor or ("validation_loss" if "validation_loss" in row else "train_loss")
            self.scheduler.step(row[name])
        elif self.scheduler is not None:
            self.scheduler.step()

    def _lr(self) -> float:
        """Return the learning rate of the first group."""
        return float(self.optimizer.param_groups[0].get("lr", float("nan")))

    # -- looking ----------------------------------------------------------------------------------

    def evaluate(self, loader: Iterable[Any]) -> dict[str, float]:
        """Return the means of loss and metrics over a loader, in eval mode and without gradients.

        Args:
            loader: yields batches (inputs, targets).

        Returns:
            ``{"loss": ..., "accuracy": ...}``: the loss, and each metric by its name.

        Raises:
            ValueError: the loader is empty.
            TypeError: it yields something else than pairs.
        """
        return self._measure(loader, "loader", None)

    def _measure(self, loader: Iterable[Any], name: str, interrupts: Interrupts | None) -> dict[str, float]:
        means = Means()
        with checkpoint.evaluating(self.model), no_grad():
            for i, batch in enumerate(loader, 1):
                inputs, targets = checks.pair(batch, name, i)
                scores = self.model(inputs)
                count = checks.count_of(inputs, targets)
                means.add("loss", checks.scalar(self.loss(scores, targets)), count)
                for metric, function in self.metrics.items():
                    means.add(metric, float(function(scores, targets)), count)
                if interrupts is not None:
                    interrupts.check()
        if not means.totals:
            raise ValueError(checks.empty(name, loader))
        return dict(means.items())

    def predict(self, loader: Iterable[Any]) -> Tensor:
        """Return the model's scores of all samples, in eval mode and without gradients.

        Args:
            loader: yields pairs (inputs, targets), or inputs alone. It should not shuffle.

        Returns:
            The results of all batches, one after the other along the first dimension.

        Raises:
            ValueError: the loader is empty.

        Example:
            >>> from tinygrad_hw.train import Trainer
            >>> model = torch.nn.Linear(2, 3)
            >>> trainer = Trainer(model, torch.optim.SGD(model.parameters()))
            >>> trainer.predict([torch.eye(2), torch.eye(2)]).shape
            torch.Size([4, 3])
        """
        parts = []
        with checkpoint.evaluating(self.model), no_grad():
            for batch in loader:
                inputs = batch[0] if isinstance(batch, (tuple, list)) and batch else batch
                parts.append(self.model(inputs))
        if not parts:
            raise ValueError(checks.empty("loader", loader))
        return cat(parts)

    # -- going on ---------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Return all that is needed to go on with the training, as a copy.

        May be called from a callback after any batch, or after ``fit``.
        """
        return checkpoint.copied(checkpoint.state_of(self))

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a training's state; the next :meth:`fit` goes on with it.

        Model, optimizer, scheduler and callbacks must have been made as those of the saved training. If something does
        not fit, nothing is changed.

        Args:
            state: from :meth:`state_dict`.

        Raises:
            ValueError: it is no training's state, or one of another model, optimizer, scheduler or callbacks.
        """
        checkpoint.load_into(self, state)

    def save_checkpoint(self, path: str | os.PathLike[str]) -> None:
        """Save :meth:`state_dict` in a file, which is replaced as a whole.

        Args:
            path: of a ``.pt`` file; its folder must exist.
        """
        save(checkpoint.state_of(self), path, format="pt")

    def load_checkpoint(self, path: str | os.PathLike[str]) -> None:
        """Load what :meth:`save_checkpoint` wrote, see :meth:`load_state_dict`.

        Args:
            path: of the file.

        Raises:
            ValueError: the file holds no training, or another one.
        """
        try:
            checkpoint.load_into(self, load(path, format="pt"))
        except ValueError as error:
            raise ValueError(f"{os.fspath(path)}: {error}") from error
