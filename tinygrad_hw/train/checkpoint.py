"""The state of a training as plain data, and back."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tinygrad_hw.autograd.graph import TensorBase
from tinygrad_hw.nn.module import Module
from tinygrad_hw.train.history import History
from tinygrad_hw.train.position import Position
from tinygrad_hw.utils.data.streams import check_states, save_streams

if TYPE_CHECKING:
    from tinygrad_hw.train.trainer import Trainer

__all__ = ["copied", "evaluating", "load_into", "set_modes", "state_of"]

FORMAT = "tinygrad_hw.train.Trainer"
VERSION = 1


@contextmanager
def evaluating(model: Module) -> Iterator[None]:
    """Put a model into eval mode for a block, and then every module of it back into its own mode."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def modes_of(model: Module) -> list[str]:
    """Return the names of the modules in eval mode."""
    return [name for name, module in model.named_modules() if not module.training]


def set_modes(model: Module, names: list[str]) -> None:
    """Put the modules of these names into eval mode, the others into training mode."""
    chosen = set(names)
    for name, module in model.named_modules():
        module.training = name not in chosen


def copied(value: Any) -> Any:
    """Return nested data with copies of its tensors and containers."""
    if isinstance(value, TensorBase):
        return value.detach().clone()  # type: ignore[attr-defined]
    if isinstance(value, Mapping):
        twin = copy.copy(value)  # keeps an OrderedDict's _metadata
        for key in value:
            twin[key] = copied(value[key])  # type: ignore[index]
        return twin
    if type(value) in (list, tuple):
        return type(value)(copied(part) for part in value)
    return copy.deepcopy(value)


def state_of(trainer: Trainer) -> dict[str, Any]:
    """Return a training's state; its tensors are those of the training itself."""
    model, optimizer = trainer.model, trainer.optimizer
    weights = model.state_dict()
    position, running = trainer._position, trainer._waiting is None
    if position is not None and running:
        position.evaluating = modes_of(model)
    loss = trainer.loss
    return {
        "format": FORMAT,
        "version": VERSION,
        "classes": _classes(trainer),
        "model": weights,
        # What state_dict leaves out, and training may change all the same.
        "buffers": {name: b for name, b in model.named_buffers() if name not in weights},
        "frozen": [name for name, p in model.named_parameters() if not p.requires_grad],
        "loss": loss.state_dict() if isinstance(loss, Module) else None,
        "optimizer": optimizer.state_dict(),
        "scheduler": None if trainer.scheduler is None else trainer.scheduler.state_dict(),
        "callbacks": [c.state_dict() for c in trainer.callbacks],
        "history": [dict(row) for row in trainer.history],
        "streams": save_streams(trainer._find_streams()) if running else trainer._waiting,
        "workers": trainer._worker_streams() if running else trainer._workers,
        "position": None if position is None else position.state_dict(),
        "gradients": [p.grad for p in trainer.parameters()] if position is not None and position.group[0] else None,
        "first": trainer._first,
        "epoch": trainer.epoch,
        "batch": trainer.batch,
        "steps": trainer.steps,
        "last_loss": trainer.last_loss,
        "last_grad_norm": trainer.last_grad_norm,
        "stopped": trainer.stopped,
    }


def _classes(trainer: Trainer) -> dict[str, Any]:
    """Return the names of the classes whose states belong to no others."""
    return {
        "optimizer": type(trainer.optimizer).__name__,
        "scheduler": None if trainer.scheduler is None else type(trainer.scheduler).__name__,
        "callbacks": [type(c).__name__ for c in trainer.callbacks],
    }


def load_into(trainer: Trainer, state: Any) -> None:
    """Give a trainer a saved state; all of it, or an error and nothing."""
    _check(trainer, state)
    before = copied(state_of(trainer))
    try:
        _apply(trainer, state)
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
        _apply(trainer, before)
        trainer._going_on = False
        raise ValueError(f"the saved training does not fit this one ({type(error).__name__}): {error}") from error


def _check(trainer: Trainer, state: Any) -> None:
    """Refuse what is no state of a training, or obviously one of another."""
    if not isinstance(state, Mapping) or state.get("format") != FORMAT:
        hint = ""
        if isinstance(state, Mapping) and state and all(isinstance(v, TensorBase) for v in state.values()):
            hint = "; it looks like the weights of a model: model.load_state_dict(torch.load(path))"
        raise ValueError(f"this is not the state of a training, as Trainer.state_dict() returns{hint}")
    if state["version"] != VERSION:
        raise ValueError(
            f"this training was saved in version {state['version']} of the format, and only {VERSION} is read here"
        )
    saved, now = state["classes"], _classes(trainer)
    for part in ("optimizer", "scheduler", "callbacks"):
        if saved[part] != now[part]:
            raise ValueError(
                f"the saved training has {part} {_named(saved[part])}, this one {_named(now[part])}; make the trainer "
                "as it was made then"
            )


def _named(names: Any) -> str:
    return ", ".join(names) if isinstance(names, list) and names else str(names or "none")


def _typed(state: Mapping[str, Any], name: str, kind: type) -> Any:
    """Return a part of a state that must be of a type."""
    value = state[name]
    if type(value) is not kind:
        raise TypeError(f"its {name!r} is {type(value).__name__}, not {kind.__name__}")
    return value


def _apply(trainer: Trainer, state: Mapping[str, Any]) -> None:
    model = trainer.model
    check_states(state["streams"])
    model.load_state_dict(state["model"])
    buffers = dict(model.named_buffers())
    for name, value in state["buffers"].items():
        buffers[name].copy_(value)
    frozen = set(state["frozen"])
    for name, p in model.named_parameters():
        p.requires_grad_(name not in frozen)
    if isinstance(trainer.loss, Module):
        trainer.loss.load_state_dict(state["loss"] or {})
    trainer.optimizer.load_state_dict(copied(state["optimizer"]))
    if trainer.scheduler is not None:
        trainer.scheduler.load_state_dict(copied(state["scheduler"]))
    if state["steps"]:
        trainer.optimizer._opt_called = True  # type: ignore[attr-defined]  # for the scheduler's check of the order
    for callback, own in zip(trainer.callbacks, state["callbacks"], strict=True):
        callback.load_state_dict(copied(own))
    trainer.history = History(state["history"])
    trainer._waiting = copied(state["streams"])
    trainer._position = None if state["position"] is None else Position.from_state(copied(state["position"]))
    parameters = trainer.parameters()
    gradients = state["gradients"] or [None] * len(parameters)
    for parameter, grad in zip(parameters, gradients, strict=True):
        parameter.grad = None if grad is None else grad.detach().clone()
    trainer._first = _typed(state, "first", int)
    trainer.epoch, trainer.batch, trainer.steps = (_typed(state, name, int) for name in ("epoch", "batch", "steps"))
    trainer.last_loss, trainer.last_grad_norm = (_typed(state, n, float) for n in ("last_loss", "last_grad_norm"))
    trainer.stopped = _typed(state, "stopped", str)
    trainer._loaders, trainer._workers = (None, None), copied(state["workers"])
    trainer._going_on = True
