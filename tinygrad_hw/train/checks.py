"""What a trainer checks before it begins and as it goes, and what it says then."""

from __future__ import annotations

import difflib
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_hw.autograd.graph import TensorBase
from tinygrad_hw.nn.module import Module
from tinygrad_hw.optim.lr_scheduler import LRScheduler
from tinygrad_hw.optim.optimizer import Optimizer
from tinygrad_hw.train.callbacks import Callback
from tinygrad_hw.train.position import Position

__all__ = ["NonFiniteLoss"]


class NonFiniteLoss(RuntimeError):
    """The loss became infinite or NaN; the weights are those from before that batch.

    Attributes:
        epoch: in which, from 1.
        batch: in which, from 1.
        value: the loss.
    """

    def __init__(self, message: str, epoch: int = 0, batch: int = 0, value: float = math.nan) -> None:
        super().__init__(message)
        self.epoch = epoch
        self.batch = batch
        self.value = value

    def __reduce__(self) -> Any:
        return type(self), (*self.args, self.epoch, self.batch, self.value)


# -- before -------------------------------------------------------------------------------------------


def parts(model: Any, optimizer: Any, loss: Any, scheduler: Any, callbacks: Sequence[Any]) -> None:
    """Refuse what a trainer cannot work with."""
    if not isinstance(model, Module):
        raise TypeError(f"Trainer: model is a torch.nn.Module, but got {_kind(model)}")
    if not isinstance(optimizer, Optimizer):
        hint = "; make it first: torch.optim.Adam(model.parameters())" if isinstance(optimizer, type) else ""
        raise TypeError(f"Trainer: optimizer is a torch.optim.Optimizer, but got {_kind(optimizer)}{hint}")
    if isinstance(loss, type) or not callable(loss):
        hint = f"; make an object of it: {loss.__name__}()" if isinstance(loss, type) else ""
        raise TypeError(f"Trainer: loss is a function of scores and targets, but got {_kind(loss)}{hint}")
    if scheduler is not None:
        if not isinstance(scheduler, LRScheduler):
            raise TypeError(f"Trainer: scheduler is a learning-rate scheduler, but got {_kind(scheduler)}")
        if scheduler.optimizer is not optimizer:
            raise ValueError("Trainer: the scheduler drives another optimizer than the one given")
    for callback in callbacks:
        if not isinstance(callback, Callback):
            raise TypeError(
                f"Trainer: callbacks are objects of classes made from tinygrad_hw.train.Callback, but got "
                f"{_kind(callback)}"
            )


def _kind(value: Any) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else f"{type(value).__name__}"


def options(step_scheduler: str, clip_grad_norm: Any, accumulate: Any) -> None:
    """Refuse options out of range."""
    if step_scheduler not in ("batch", "epoch"):
        raise ValueError(f"Trainer: step_scheduler is 'batch' or 'epoch', but got {step_scheduler!r}")
    if clip_grad_norm is not None and not clip_grad_norm > 0:
        raise ValueError(f"Trainer: clip_grad_norm is a positive number or None, but got {clip_grad_norm!r}")
    if not isinstance(accumulate, int) or isinstance(accumulate, bool) or accumulate < 1:
        raise ValueError(f"Trainer: accumulate is a number of batches, 1 or more, but got {accumulate!r}")


def metrics(given: Mapping[str, Callable[[Any, Any], float]]) -> dict[str, Callable[[Any, Any], float]]:
    """Return the metrics, or refuse what are none."""
    if not isinstance(given, Mapping):
        raise TypeError(f"Trainer: metrics are functions by name, {{'accuracy': accuracy}}, but got {_kind(given)}")
    for name, function in given.items():
        if not isinstance(name, str) or not callable(function):
            raise TypeError(f"Trainer: metrics are functions by name, but got {name!r}: {_kind(function)}")
        if name == "loss":
            raise ValueError("Trainer: a metric cannot be called 'loss', which is the name of the loss itself")
    return dict(given)


def epochs(count: Any) -> None:
    """Refuse a number of epochs that is none."""
    if not isinstance(count, (int, np.integer)) or isinstance(count, bool):
        raise TypeError(f"fit: epochs is an integer, but got {count!r} ({_kind(count)})")
    if count < 0:
        raise ValueError(f"fit: epochs is 0 or more, but got {count}")


def loader(name: str, value: Any, count: int) -> None:
    """Refuse a loader that cannot be gone through, or only once."""
    if value is None:
        return
    if not isinstance(value, Iterable):
        raise TypeError(f"fit: {name} yields batches (inputs, targets), but {_kind(value)} cannot be iterated over")
    if isinstance(value, Iterator) and count > 1:
        raise TypeError(
            f"fit: {name} is an iterator ({_kind(value)}), which can be gone through only once; for {count} epochs "
            "pass a DataLoader or a list"
        )


def monitors(watchers: Sequence[Any], names: list[str], validated: bool) -> None:
    """Refuse callbacks that watch a column which there will not be."""
    own = [f"train_{m}" for m in ("loss", *names)]
    other = [f"validation_{m}" for m in ("loss", *names)]
    known = [*own, *(other if validated else []), "lr", "seconds", "epoch"]
    for watcher in watchers:
        name = watcher.monitor
        if name in known or not isinstance(name, str):
            continue
        if name in other:
            hint = "; pass a validation_loader, or watch 'train_" + name.removeprefix("validation_") + "'"
        else:
            close = difflib.get_close_matches(
                name.replace("val_", "validation_").replace("test_", "validation_"), known
            )
            hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ValueError(
            f"{type(watcher).__name__} watches {name!r}, but the columns of this training are {', '.join(known)}{hint}"
        )


def length(value: Any) -> int | None:
    """Return how many batches a loader has; None if it does not know."""
    try:
        return len(value)
    except (TypeError, NotImplementedError):
        return None


def same_length(value: Any, position: Position) -> None:
    """Refuse another loader than that of the epoch that was cut."""
    now = length(value)
    if position.length is not None and now is not None and now != position.length:
        raise ValueError(
            f"the training was cut after batch {position.batch} of {position.length}, but the train_loader has {now} "
            "batches now; make it with the same data and batch_size"
        )


def warn_nothing_left(done: int, first: int, count: int) -> None:
    """Say that fit has nothing to do."""
    warnings.warn(
        f"fit(epochs={count}) goes on with a training that has {done - first} epochs already, so there is nothing to "
        "do; epochs counts from the beginning of the training that was cut",
        stacklevel=3,
    )


def empty(name: str, value: Any) -> str:
    """Return what to say of a loader without batches."""
    data, size = getattr(value, "dataset", None), getattr(value, "batch_size", None)
    why = "a generator yields its batches only once"
    n = length(data)
    if n == 0:
        why = "its dataset is empty"
    elif n is not None and getattr(value, "drop_last", False) and size is not None and n < size:
        why = f"its dataset has {n} samples, fewer than batch_size={size}, and drop_last leaves them out"
    elif isinstance(value, (list, tuple)):
        why = "it is empty"
    return f"{name} yields no batch: {why}"


# -- on the way ---------------------------------------------------------------------------------------


def pair(batch: Any, name: str, number: int) -> tuple[Any, Any]:
    """Return the inputs and targets of a batch."""
    if isinstance(batch, (tuple, list)) and len(batch) == 2:
        return batch[0], batch[1]
    what = _kind(batch)
    if isinstance(batch, (tuple, list)):
        what += f" of {len(batch)} things"
    elif isinstance(batch, TensorBase):
        what += f" of shape {tuple(batch.array.shape)}"
    elif isinstance(batch, Mapping):
        what += f" with the keys {', '.join(map(repr, list(batch)[:6]))}"
    raise TypeError(
        f"{name} must yield pairs (inputs, targets), but batch {number} is {what}; bring it into that form with the "
        "DataLoader's collate_fn"
    )


def count_of(inputs: Any, targets: Any) -> int:
    """Return how many samples a batch has."""
    for value in (targets, inputs):
        if isinstance(value, (TensorBase, np.ndarray)):
            shape = value.array.shape if isinstance(value, TensorBase) else value.shape
            return shape[0] if shape else 1
        if isinstance(value, (list, tuple)):
            return len(value)
    return 1


def scalar(loss: Any) -> float:
    """Return the number that a loss is."""
    if not isinstance(loss, TensorBase):
        raise TypeError(f"Trainer: the loss function must return a tensor, but returned {_kind(loss)}")
    if loss.array.size != 1:
        raise RuntimeError(
            f"Trainer: the loss must be a scalar, but has shape {tuple(loss.array.shape)}; take its mean, or leave out "
            "reduction='none'"
        )
    return float(loss.array.item())


def non_finite(
    value: float, where: str, epoch: int, batch: int, inputs: Any, scores: Any, model: Module
) -> NonFiniteLoss:
    """Return the error for a loss that is no number, with what can be seen of its cause."""
    bad = [name for name, p in model.named_parameters() if not np.isfinite(p.array).all()]
    if _has_bad(inputs):
        cause = "the batch's inputs hold NaN or infinite numbers"
    elif bad:
        more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
        cause = f"the parameter {bad[0]}{more} holds such numbers since the step before; try a smaller learning rate"
        cause += " or clip_grad_norm=1.0"
    elif _has_bad(scores):
        cause = "the model's result holds such numbers, its inputs and parameters do not; try a smaller learning rate"
    else:
        cause = "the model's result is finite, so look at the loss function and the targets (log of 0, division by 0)"
    return NonFiniteLoss(f"the loss is {value} in {where}: {cause}", epoch, batch, value)


def _has_bad(value: Any) -> bool:
    if isinstance(value, TensorBase):
        value = value.array
    return isinstance(value, np.ndarray) and value.dtype.kind == "f" and not np.isfinite(value).all()
