"""What can be done besides training: stopping early, keeping the best weights, saving now and then."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any, ClassVar

from tinygrad_hw.serialization import load, save
from tinygrad_hw.train.history import better_is, show_value

if TYPE_CHECKING:
    from tinygrad_hw.train.trainer import Trainer

__all__ = ["BestCheckpoint", "Callback", "Checkpoint", "EarlyStopping"]


class Callback:
    """Called at the turns of a training; override what you need.

    Each method gets the trainer: ``trainer.model``, ``trainer.optimizer``, ``trainer.history`` (whose last row is the
    epoch's), ``trainer.epoch`` and ``trainer.batch`` (from 1), ``trainer.last_loss``; ``trainer.stop(reason)`` ends the
    training after the epoch. A callback with a state of its own returns it from :meth:`state_dict`, so that it is saved
    with the training.

    Attributes:
        order: callbacks with smaller numbers are called first; 0 by default, 100 of those that save the training,
            so that they save what the others did.

    Example:
        >>> from tinygrad_hw.train import Callback
        >>> class HalveAt20(Callback):
        ...     def on_epoch_end(self, trainer):
        ...         if trainer.epoch == 20:
        ...             trainer.optimizer.param_groups[0]["lr"] /= 2
    """

    order: ClassVar[int] = 0

    def on_fit_start(self, trainer: Trainer) -> None:
        """Called when ``fit`` begins, also one that goes on with a saved training."""

    def on_epoch_start(self, trainer: Trainer) -> None:
        """Called before the first batch of an epoch; not again when a training goes on in the middle of one."""

    def on_batch_end(self, trainer: Trainer) -> None:
        """Called after every batch."""

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Called when the epoch's row is in the history and the scheduler has made its step."""

    def on_fit_end(self, trainer: Trainer) -> None:
        """Called when ``fit`` ends, however it does: after Ctrl-C and after an error too."""

    def state_dict(self) -> dict[str, Any]:
        """Return what is to be saved with the training."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned."""


class _Monitor(Callback):
    """A callback that watches a column for its best value."""

    def __init__(self, monitor: str, mode: str, min_delta: float = 0.0) -> None:
        if not (min_delta >= 0 and math.isfinite(min_delta)):
            raise ValueError(f"{type(self).__name__}: min_delta is a number, 0 or more, but got {min_delta}")
        self.monitor = monitor
        self.mode = better_is(monitor, mode)
        self.min_delta = min_delta
        self.best = math.nan
        self.best_epoch = 0

    def improved(self, trainer: Trainer) -> bool:
        """Note the epoch's value, and return whether it is the best so far; NaN never is."""
        value = trainer.history[-1][self.monitor]
        if math.isnan(value):
            return False
        gain = self.best - value if self.mode == "min" else value - self.best
        if not math.isnan(self.best) and not gain > self.min_delta:
            return False
        self.best, self.best_epoch = value, trainer.epoch
        return True

    def state_dict(self) -> dict[str, Any]:
        """Return the best value and its epoch."""
        return {"best": self.best, "best_epoch": self.best_epoch}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned."""
        self.best, self.best_epoch = state["best"], state["best_epoch"]


class EarlyStopping(_Monitor):
    """Ends the training when a column has not improved for some epochs.

    Args:
        monitor: the column; ``"validation_loss"`` by default.
        patience: epochs without an improvement after which training ends (default 5).
        mode: ``"min"``, ``"max"``, or ``"auto"``: a loss is to fall, anything else to rise.
        min_delta: improvements not larger than this do not count (default 0).
        restore_best: whether the model gets the weights of its best epoch at the end (default False).

    Attributes:
        best: the best value; NaN before the first.
        best_epoch: its epoch.
        bad_epochs: how many have passed since.

    Raises:
        ValueError: ``patience`` is not positive, ``min_delta`` is negative, or the mode is unknown.

    Source: Prechelt, "Early Stopping - But When?" (1998).

    Example:
        >>> from tinygrad_hw.train import EarlyStopping, Trainer
        >>> model = torch.nn.Linear(2, 2)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
        >>> stopping = EarlyStopping("train_loss", patience=2)
        >>> trainer = Trainer(model, optimizer, callbacks=[stopping], show_progress=False)
        >>> len(trainer.fit([(torch.eye(2), torch.tensor([0, 1]))], epochs=100))
        3
    """

    def __init__(
        self,
        monitor: str = "validation_loss",
        patience: int = 5,
        mode: str = "auto",
        *,
        min_delta: float = 0.0,
        restore_best: bool = False,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        if not isinstance(patience, int) or isinstance(patience, bool) or patience < 1:
            raise ValueError(f"EarlyStopping: patience is a number of epochs, 1 or more, but got {patience!r}")
        self.patience = patience
        self.restore_best = restore_best
        self.bad_epochs = 0
        self._weights: dict[str, Any] | None = None

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Look at the epoch's value."""
        if self.improved(trainer):
            self.bad_epochs = 0
            if self.restore_best:
                self._weights = {k: v.detach().clone() for k, v in trainer.model.state_dict().items()}
            return
        self.bad_epochs += 1
        if self.bad_epochs >= self.patience:
            what = self.monitor.replace("_", " ")
            best = f"its best was {show_value(self.monitor, self.best)} in epoch {self.best_epoch}"
            if math.isnan(self.best):
                best = "it never was a number"
            trainer.stop(f"{what} has not improved for {self.bad_epochs} epochs; {best}")

    def on_fit_end(self, trainer: Trainer) -> None:
        """Give the model its best weights back, if it is to have them and the training came to its end."""
        if self._weights is not None and trainer.finished:
            trainer.model.load_state_dict(self._weights)

    def state_dict(self) -> dict[str, Any]:
        """Return the best value, its epoch and weights, and the count of bad epochs."""
        return {**super().state_dict(), "bad_epochs": self.bad_epochs, "weights": self._weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned."""
        super().load_state_dict(state)
        self.bad_epochs, self._weights = state["bad_epochs"], state["weights"]


class BestCheckpoint(_Monitor):
    """Saves the model's weights whenever a column is better than ever.

    The file holds ``model.state_dict()``, for ``model.load_state_dict(torch.load(path))``; it is replaced as a whole.

    Args:
        path: of the file; its suffix chooses the format, as in :func:`~tinygrad_hw.save`.
        monitor: the column; ``"validation_accuracy"`` by default.
        mode: ``"min"``, ``"max"``, or ``"auto"``: a loss is to fall, anything else to rise.
        min_delta: improvements not larger than this do not count (default 0).

    Attributes:
        best: the best value; NaN before the first.
        best_epoch: its epoch.

    Raises:
        ValueError: ``min_delta`` is negative, or the mode is unknown.

    Example:
        >>> from tinygrad_hw.train import BestCheckpoint, Trainer
        >>> model = torch.nn.Linear(2, 2)
        >>> best = BestCheckpoint("best.pt", "train_loss")
        >>> trainer = Trainer(model, torch.optim.SGD(model.parameters()), callbacks=[best], show_progress=False)
        >>> _ = trainer.fit([(torch.eye(2), torch.tensor([0, 1]))], epochs=3)
        >>> best.best_epoch
        3
        >>> model.load_state_dict(torch.load("best.pt"))
        <All keys matched successfully>
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        monitor: str = "validation_accuracy",
        mode: str = "auto",
        *,
        min_delta: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.path = os.fspath(path)

    def on_fit_start(self, trainer: Trainer) -> None:
        """Find out now, not after an epoch, whether the file can be written."""
        _check_folder(self.path, type(self).__name__)

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Look at the epoch's value."""
        if self.improved(trainer):
            save(trainer.model.state_dict(), self.path)

    def restore(self, trainer: Trainer) -> None:
        """Give the trainer's model the weights in the file."""
        trainer.model.load_state_dict(load(self.path))


class Checkpoint(Callback):
    """Saves the whole training now and then, and after Ctrl-C, for ``trainer.load_checkpoint``.

    Args:
        path: of the file, which is replaced as a whole; ``{epoch}`` and ``{batch}`` in it become numbers, so that
            every file is kept.
        every: after how many epochs (default 1); 0 for not at the ends of epochs.
        every_batches: also after so many batches of an epoch (default: no).

    Raises:
        ValueError: the numbers are negative, or both are 0.

    Example:
        >>> from tinygrad_hw.train import Checkpoint, Trainer
        >>> def trainer():
        ...     model = torch.nn.Linear(2, 2)
        ...     optimizer = torch.optim.Adam(model.parameters())
        ...     return Trainer(model, optimizer, callbacks=[Checkpoint("training.pt")], show_progress=False)
        >>> data = [(torch.eye(2), torch.tensor([0, 1]))]
        >>> _ = trainer().fit(data, epochs=2)  # and then the light goes out
        >>> again = trainer()
        >>> again.load_checkpoint("training.pt")
        >>> len(again.fit(data, epochs=5))
        5
    """

    order: ClassVar[int] = 100

    def __init__(self, path: str | os.PathLike[str], every: int = 1, *, every_batches: int | None = None) -> None:
        for name, number in (("every", every), ("every_batches", every_batches or 0)):
            if not isinstance(number, int) or isinstance(number, bool) or number < 0:
                raise ValueError(f"Checkpoint: {name} is a count, 0 or more, but got {number!r}")
        if not every and not every_batches:
            raise ValueError("Checkpoint: neither every nor every_batches is positive, so nothing would be saved")
        self.path = os.fspath(path)
        self.every = every
        self.every_batches = every_batches or 0
        self._place(1, 1)

    def _place(self, epoch: int, batch: int) -> str:
        try:
            return self.path.format(epoch=epoch, batch=batch)
        except (KeyError, IndexError, ValueError):
            raise ValueError(
                f"Checkpoint: {self.path!r} has braces around something else than epoch or batch; double them if they "
                "belong to the name"
            ) from None

    def on_fit_start(self, trainer: Trainer) -> None:
        """Find out now, not after an epoch, whether the file can be written."""
        _check_folder(self._place(1, 1), type(self).__name__)

    def on_batch_end(self, trainer: Trainer) -> None:
        """Save, if it is time."""
        if self.every_batches and trainer.batch % self.every_batches == 0:
            trainer.save_checkpoint(self._place(trainer.epoch, trainer.batch))

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Save, if it is time or training ends here."""
        if self.every and (trainer.epoch % self.every == 0 or trainer.stopped):
            trainer.save_checkpoint(self._place(trainer.epoch, trainer.batch))

    def on_fit_end(self, trainer: Trainer) -> None:
        """Save after Ctrl-C."""
        if trainer.interrupted and trainer.resumable:
            trainer.save_checkpoint(self._place(trainer.epoch, trainer.batch))


def _check_folder(path: str, name: str) -> None:
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"{name}: there is no folder {folder} for {os.path.basename(path)}; make it first")
