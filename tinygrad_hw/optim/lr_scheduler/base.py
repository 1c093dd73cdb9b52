"""What all learning-rate schedulers share: epochs, starting rates, the order check, saving."""

from __future__ import annotations

import functools
import types
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

from tinygrad_hw.optim.optimizer import Optimizer
from tinygrad_hw.tensor import Tensor

__all__ = ["LRScheduler"]

#: A learning rate: a number, or a 1-element tensor that is written in place.
Rate: TypeAlias = float | Tensor

EPOCH_WARNING = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. Please use "
    "`scheduler.step()` to step the scheduler. During the deprecation, if epoch is different from None, the closed "
    "form is used instead of the new chainable form, where available."
)
_ORDER_ADVICE = (
    "In PyTorch 1.1.0 and later, you should call them in the opposite order: `optimizer.step()` before "
    "`lr_scheduler.step()`.  Failure to do this will result in PyTorch skipping the first value of the learning rate "
    "schedule."
)


def own(value: Any) -> Any:
    """Return a copy of a tensor, and anything else as it is."""
    return value.clone() if isinstance(value, Tensor) else value


def per_group(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """Return one value for each parameter group, from one value or a list of them."""
    n = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [own(value) for _ in range(n)]
    if len(value) != n:
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. "
            f"{name} has {len(value)} values, param_groups has {n}."
        )
    return [own(v) for v in value]


def values_of(optimizer: Optimizer, key: str) -> list[Any]:
    """Return ``group[key]`` of every group, tensors copied."""
    return [own(group[key]) for group in optimizer.param_groups]


def set_value(group: dict[str, Any], key: str, value: Any) -> None:
    """Set ``group[key]``; a tensor there stays the same object and is filled."""
    if isinstance(group[key], Tensor):
        group[key].fill_(value.squeeze() if isinstance(value, Tensor) else value)
    else:
        group[key] = value


def check_optimizer(optimizer: Any) -> None:
    """Refuse what is not an optimizer."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")


def save_functions(functions: Sequence[Any]) -> list[dict[str, Any] | None]:
    """Return the attributes of callable objects, None for functions: they cannot be saved."""
    return [None if isinstance(f, types.FunctionType) else f.__dict__.copy() for f in functions]


class LRScheduler:
    """Base class of learning-rate schedulers.

    A subclass writes :meth:`get_lr`: the rates of all groups at ``last_epoch``, usually from the
    rates in use (``group["lr"]``), so that several schedulers can be combined and a rate changed by
    hand stays changed. Call :meth:`step` after the optimizer's ``step``.

    Args:
        optimizer: the optimizer whose ``lr`` is driven.
        last_epoch: -1 (default) starts a schedule; another number resumes one after that epoch, and
            the groups must hold ``"initial_lr"`` from it.

    Attributes:
        base_lrs: the rates at the start of the schedule.
        last_epoch: how often :meth:`step` was called.

    Raises:
        TypeError: ``optimizer`` is no optimizer.
        KeyError: resuming without ``"initial_lr"`` in a group.

    Note:
        Construction sets the optimizer's rates. To resume from a checkpoint, make the scheduler
        first and then load the optimizer's state.
    """

    _get_lr_called_within_step = False
    _is_initial = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", own(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming scheduler with last_epoch "
                    ">= 0.\nThis typically happens when:\n"
                    "1. You're trying to resume training from a checkpoint but haven't properly loaded the optimizer "
                    "state\n"
                    "2. You're using last_epoch >= 0 for a fresh training run (not recommended)"
                )
        self.base_lrs: list[Rate] = values_of(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        _note_steps(optimizer)
        self._initial_step()

    def _initial_step(self) -> None:
        """Set the rates of the first epoch."""
        self._step_count = 0
        with self._flag("_is_initial"):
            self.step()

    @contextmanager
    def _flag(self, name: str) -> Iterator[None]:
        """Set an attribute to True for a block."""
        setattr(self, name, True)
        try:
            yield
        finally:
            setattr(self, name, False)

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the optimizer, to be saved."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state made by :meth:`state_dict`; the optimizer has its own."""
        self.__dict__.update(state_dict)

    def get_last_lr(self) -> list[Rate]:
        """Return the rates in use, one per parameter group; tensors are copies."""
        return self._last_lr

    def get_lr(self) -> list[Rate]:
        """Return the rates of all groups at ``last_epoch``; written by every subclass.

        For the rates in use call :meth:`get_last_lr`: this one may compute the next from them.
        """
        raise NotImplementedError

    def step(self, epoch: int | None = None) -> None:
        """Go to the next epoch and set the optimizer's rates.

        Args:
            epoch: deprecated: go to this epoch instead, by the closed formula where there is one.
        """
        if self._step_count == 1:
            if not hasattr(self.optimizer.step, "_wrapped_by_lr_sched"):
                warnings.warn(
                    "Seems like `optimizer.step()` has been overridden after learning rate scheduler initialization. "
                    "Please, make sure to call `optimizer.step()` before `lr_scheduler.step()`.",
                    UserWarning,
                    stacklevel=2,
                )
            elif not getattr(self.optimizer, "_opt_called", False):
                warnings.warn(
                    "Detected call of `lr_scheduler.step()` before `optimizer.step()`. " + _ORDER_ADVICE,
                    UserWarning,
                    stacklevel=2,
                )
        self._step_count += 1
        if epoch is not None:
            warnings.warn(EPOCH_WARNING, UserWarning, stacklevel=2)
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        """Set the rates of the next epoch, or of ``epoch``."""
        with self._flag("_get_lr_called_within_step"):
            self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
            closed_form = None if epoch is None else getattr(self, "_get_closed_form_lr", None)
            rates = self.get_lr() if closed_form is None else closed_form()
        self._set_rates(rates)

    def _set_rates(self, rates: Sequence[Rate]) -> None:
        """Write the rates into the groups."""
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            set_value(group, "lr", rate)
        self._last_lr: list[Rate] = values_of(self.optimizer, "lr")

    def _current(self) -> list[Rate]:
        """Return the rates in use, tensors copied."""
        return values_of(self.optimizer, "lr")

    def _times(self, factor: float) -> list[Rate]:
        """Return the rates in use times ``factor``."""
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def _check_within_step(self) -> None:
        """Warn of a call of :meth:`get_lr` from outside."""
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.",
                UserWarning,
                stacklevel=3,
            )


def _note_steps(optimizer: Optimizer) -> None:
    """Make ``optimizer.step`` note that it was called, for the check of the order of calls."""
    if hasattr(optimizer.step, "_wrapped_by_lr_sched"):
        return
    step: Callable[..., Any] = optimizer.step.__func__  # type: ignore[attr-defined]
    # The optimizer holds the wrapper; a strong reference back would be a cycle.
    reference = weakref.ref(optimizer)

    @functools.wraps(step)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        opt: Any = reference()
        opt._opt_called = True
        return step(opt, *args, **kwargs)

    wrapper._wrapped_by_lr_sched = True  # type: ignore[attr-defined]
    optimizer.step = wrapper  # type: ignore[method-assign]
