"""Where a training is: the place in an epoch, and the means over what was seen of it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Interrupts", "Means", "Position"]


class Means:
    """Running means of several values, weighted by batch size.

    Args:
        totals: sums and counts by name, to go on with.
    """

    def __init__(self, totals: dict[str, tuple[float, int]] | None = None) -> None:
        self.totals: dict[str, tuple[float, int]] = dict(totals or {})

    def add(self, name: str, value: float, count: int) -> None:
        """Add the mean of ``count`` samples."""
        total, n = self.totals.get(name, (0.0, 0))
        self.totals[name] = (total + value * count, n + count)

    def items(self) -> Iterator[tuple[str, float]]:
        """Yield names and means."""
        for name, (total, n) in self.totals.items():
            yield name, total / n if n else float("nan")


@dataclass
class Position:
    """The place in an epoch that has begun.

    Attributes:
        start: the states of the random streams before the first batch was asked for.
        lr: the learning rate then.
        length: how many batches the loader has; None if it does not know.
        workers: the states of persistent workers' streams then; None if none were running.
        batch: how many batches were trained on.
        trained: whether all were, so that the validation comes next.
        totals: sums and counts of loss and metrics so far.
        group: of the gradients that wait for the optimizer's step: how many batches, the samples of the first, and the
            sum of the weights.
        seconds: that the epoch took so far.
        evaluating: the names of the modules that are in eval mode.
        before: the states of the random streams before each later batch, where the loader's order depends on them.
    """

    start: dict[str, Any]
    lr: float
    length: int | None
    workers: list[Any] | None
    batch: int = 0
    trained: bool = False
    totals: dict[str, tuple[float, int]] = field(default_factory=dict)
    group: tuple[int, int, float] = (0, 0, 0.0)
    seconds: float = 0.0
    evaluating: list[str] = field(default_factory=list)
    before: dict[int, dict[str, Any]] = field(default_factory=dict)

    def state_dict(self) -> dict[str, Any]:
        """Return the place as plain data."""
        return {name: getattr(self, name) for name in _names()}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Position:
        """Return the place that :meth:`state_dict` described."""
        return cls(**state)


def _names() -> list[str]:
    """Return the names of the attributes."""
    return list(Position.__dataclass_fields__)


class Interrupts:
    """Makes Ctrl-C wait for the end of a batch; a second one does not wait.

    Only in the main thread, and only where Ctrl-C has its usual meaning.

    Args:
        notice: called at the first one.
    """

    def __init__(self, notice: Callable[[], None]) -> None:
        self.notice = notice
        self.pressed = False
        self._old: Any = None

    def __enter__(self) -> Interrupts:
        usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if usual and threading.current_thread() is threading.main_thread():
            self._old = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *error: object) -> None:
        if self._old is not None:
            signal.signal(signal.SIGINT, self._old)
            self._old = None

    def _note(self, number: int, frame: Any) -> None:
        if self.pressed:
            raise KeyboardInterrupt
        self.pressed = True
        self.notice()

    def check(self) -> None:
        """Raise KeyboardInterrupt if Ctrl-C was pressed."""
        if self.pressed:
            raise KeyboardInterrupt
