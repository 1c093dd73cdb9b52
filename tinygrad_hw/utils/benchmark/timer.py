"""Timing a statement."""

from __future__ import annotations

import enum
import statistics
import sys
import textwrap
import timeit
from collections.abc import Callable
from typing import Any, NoReturn

from tinygrad_hw.utils.benchmark.measurement import Measurement, TaskSpec, set_torch_threads

__all__ = ["Language", "Timer", "timer"]

timer = timeit.default_timer


class Language(enum.Enum):
    """What a statement is written in; only Python can be timed here.

    Source: ``torch.utils.benchmark.Language``.
    """

    PYTHON = 0
    CPP = 1


def _dedented(code: str) -> str:
    return textwrap.dedent(code).removeprefix("\n").rstrip()


class Timer:
    """Times a statement: warmed up, on a fixed number of threads, and several times over.

    Args:
        stmt: the statement, which knows the package as ``torch``.
        setup: what runs once before.
        global_setup: must be empty; it is for C++.
        timer: returns seconds.
        globals: what else the statement knows.
        label: what it is about, the title of a table.
        sub_label: which variant, the name of a row.
        description: of which data, the name of a column.
        env: in which environment.
        num_threads: on how many threads (default 1).
        language: Python.

    Raises:
        ValueError: the statement is no text, or there is a ``global_setup``.
        NotImplementedError: the language is C++.

    Source: ``torch.utils.benchmark.Timer``.

    Example:
        >>> timer = torch.utils.benchmark.Timer("x + 1", globals={"x": torch.ones(3)}, label="sum")
        >>> m = timer.timeit(10)
        >>> m.number_per_run, m.title, m.median > 0
        (10, 'sum', True)
    """

    def __init__(
        self,
        stmt: str = "pass",
        setup: str = "pass",
        global_setup: str = "",
        timer: Callable[[], float] = timer,
        globals: dict[str, Any] | None = None,
        label: str | None = None,
        sub_label: str | None = None,
        description: str | None = None,
        env: str | None = None,
        num_threads: int = 1,
        language: Language | str = Language.PYTHON,
    ) -> None:
        if not isinstance(stmt, str):
            raise ValueError("Currently only a `str` stmt is supported.")
        if language in (Language.CPP, "cpp", "c++"):
            raise NotImplementedError("Timer: there is no C++ interface to time; write the statement in Python")
        if language not in (Language.PYTHON, "py", "python"):
            raise ValueError(f"Invalid language `{language}`.")
        if global_setup:
            raise ValueError(
                f"global_setup is C++ only, got `{global_setup}`. Most likely this code can simply be moved to `setup`."
            )
        self._globals = dict(globals or {})
        self._globals.setdefault("torch", sys.modules["tinygrad_hw"])
        stmt, setup = _dedented(stmt), _dedented(setup)
        self._timer = timeit.Timer(stmt, setup, timer, self._globals)
        self._task_spec = TaskSpec(
            stmt=stmt,
            setup=setup,
            label=label,
            sub_label=sub_label,
            description=description,
            env=env,
            num_threads=num_threads,
        )

    def _seconds(self, number: int) -> float:
        return max(self._timer.timeit(number), 1e-9)

    def _measured(self, number: int, times: list[float]) -> Measurement:
        return Measurement(number_per_run=number, raw_times=times, task_spec=self._task_spec)

    def timeit(self, number: int = 1000000) -> Measurement:
        """Run the statement ``number`` times, after a hundredth of that to warm up, and measure once."""
        with set_torch_threads(self._task_spec.num_threads):
            self._seconds(max(int(number // 100), 2))
            return self._measured(number, [self._seconds(number)])

    def repeat(self, repeat: int = -1, number: int = -1) -> NoReturn:
        """Raise: ``blocked_autorange`` does it."""
        raise NotImplementedError("See `Timer.blocked_autorange.`")

    def autorange(self, callback: Callable[[int, float], Any] | None = None) -> NoReturn:
        """Raise: ``blocked_autorange`` does it."""
        raise NotImplementedError("See `Timer.blocked_autorange.`")

    def _block_size(self, min_run_time: float) -> int:
        """Return a power of ten so large that starting the clock costs nothing beside it."""
        overhead = statistics.median_low([self._seconds(0) for _ in range(5)])
        number = 1
        while number * 10 <= 2**31 - 1:
            taken = self._seconds(number)
            if taken > min_run_time or (overhead <= 1e-4 * taken and taken >= min_run_time / 1000):
                break
            number *= 10
        return number

    def blocked_autorange(
        self, callback: Callable[[int, float], Any] | None = None, min_run_time: float = 0.2
    ) -> Measurement:
        """Measure blocks of runs for ``min_run_time`` seconds; the size of the blocks is found first.

        Args:
            callback: is called with the number of runs and the seconds of each block.
            min_run_time: seconds in all.
        """
        times: list[float] = []
        with set_torch_threads(self._task_spec.num_threads):
            number = self._block_size(min_run_time)
            while not times or sum(times) < min_run_time:
                times.append(self._seconds(number))
                if callback is not None:
                    callback(number, times[-1])
        return self._measured(number, times)

    def adaptive_autorange(
        self,
        threshold: float = 0.1,
        *,
        min_run_time: float = 0.01,
        max_run_time: float = 10.0,
        callback: Callable[[int, float], Any] | None = None,
    ) -> Measurement:
        """Measure blocks of runs until they agree.

        Args:
            threshold: the part of the median that the interquartile range has to be below.
            min_run_time: seconds to measure at least.
            max_run_time: seconds after which to stop, agreement or not.
            callback: is called with the number of runs and the seconds of each block.
        """
        times: list[float] = []
        with set_torch_threads(self._task_spec.num_threads):
            number = self._block_size(0.05)
            while True:
                times.append(self._seconds(number))
                if callback is not None:
                    callback(number, times[-1])
                total = sum(times)
                agreed = len(times) > 3 and self._measured(number, times).meets_confidence(threshold)
                if (agreed and total >= min_run_time) or (max_run_time and total > max_run_time):
                    return self._measured(number, times)

    def collect_callgrind(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise: instructions are not counted here; run the script under valgrind."""
        raise NotImplementedError(
            "Timer.collect_callgrind: instructions are not counted; run the script under valgrind"
        )
