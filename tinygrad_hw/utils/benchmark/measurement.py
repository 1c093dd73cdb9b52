"""What was timed, how long it took, and how both are printed."""

from __future__ import annotations

import contextlib
import math
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from tinygrad_hw.kernels.runtime import get_num_threads, set_num_threads

__all__ = [
    "Measurement",
    "TaskSpec",
    "ordered_unique",
    "select_unit",
    "set_torch_threads",
    "trim_sigfig",
    "unit_to_english",
]

_SCALES: dict[str, float] = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1}
_ENGLISH = {"ns": "nanosecond", "us": "microsecond", "ms": "millisecond", "s": "second"}


@dataclass(repr=False, frozen=True)
class TaskSpec:
    """What a timer times.

    Args:
        stmt: the statement.
        setup: what runs once before.
        global_setup: for C++; empty.
        label: what it is about, the title of a table.
        sub_label: which variant, the name of a row.
        description: of which data, the name of a column.
        env: in which environment.
        num_threads: on how many threads.

    Source: ``torch.utils.benchmark.TaskSpec``.
    """

    stmt: str
    setup: str
    global_setup: str = ""
    label: str | None = None
    sub_label: str | None = None
    description: str | None = None
    env: str | None = None
    num_threads: int = 1

    @property
    def title(self) -> str:
        """The label, or the statement, with the sub-label."""
        if self.label is None and "\n" in self.stmt:
            more = f" ({self.sub_label})" if self.sub_label else ""
            return f"stmt:{more}\n" + textwrap.indent(self.stmt, "  ")
        return (self.stmt if self.label is None else self.label) + (f": {self.sub_label}" if self.sub_label else "")

    def setup_str(self) -> str:
        """Return what is printed of the setup: nothing if there is none."""
        if not self.setup or self.setup == "pass":
            return ""
        return "setup:\n" + textwrap.indent(self.setup, "  ") if "\n" in self.setup else f"setup: {self.setup}"

    def summarize(self) -> str:
        """Return title, description and setup, each on lines of its own."""
        parts = [p for p in (self.title, self.description or "", self.setup_str()) if p]
        return "\n".join(p + "\n" if "\n" in p else p for p in parts)


_FIELDS = {f.name for f in fields(TaskSpec)}


@dataclass(repr=False)
class Measurement:
    """How long a statement took, measured several times.

    The fields of the :class:`TaskSpec` are attributes as well.

    Args:
        number_per_run: how often the statement ran in each measurement.
        raw_times: the seconds of each measurement.
        task_spec: what was measured.
        metadata: for the user.

    Source: ``torch.utils.benchmark.Measurement``.

    Example:
        >>> b = torch.utils.benchmark
        >>> m = b.Measurement(10, [2e-5, 4e-5, 3e-5], b.TaskSpec("x + 1", "pass", label="sum"))
        >>> round(m.median * 1e6, 3), m.title
        (3.0, 'sum')
    """

    number_per_run: int
    raw_times: list[float]
    task_spec: TaskSpec
    metadata: dict[Any, Any] | None = None

    def __getattr__(self, name: str) -> Any:
        if name in _FIELDS:
            return getattr(self.task_spec, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def times(self) -> list[float]:
        """Seconds per run of the statement, one for each measurement."""
        return [t / self.number_per_run for t in self.raw_times]

    def _quantile(self, q: float) -> float:
        return float(np.quantile(self.times, q)) if self.raw_times else -1.0

    @property
    def median(self) -> float:
        """The median of the times."""
        return self._quantile(0.5)

    @property
    def mean(self) -> float:
        """The mean of the times."""
        return float(np.mean(self.times)) if self.raw_times else -1.0

    @property
    def iqr(self) -> float:
        """From the first quartile of the times to the third."""
        return self._quantile(0.75) - self._quantile(0.25)

    def meets_confidence(self, threshold: float = 0.1) -> bool:
        """Return whether the interquartile range is less than this part of the median."""
        return self.iqr / self.median < threshold

    @property
    def has_warnings(self) -> bool:
        """Whether the times vary more than they should."""
        return bool(self._warning())

    def _warning(self) -> str:
        if not self.raw_times or self.meets_confidence(0.1):
            return ""
        reason = (
            "This could indicate system fluctuation."
            if self.meets_confidence(0.25)
            else "This suggests significant environmental influence."
        )
        return (
            f"  WARNING: Interquartile range is {self.iqr / self.median * 100:.1f}% of the median measurement.\n"
            f"           {reason}"
        )

    @property
    def significant_figures(self) -> int:
        """How many digits of the median mean something, from 1 to 4, by the spread of the middle half of the times."""
        times = sorted(self.times)
        n = len(times)
        middle = times[n // 4 : math.ceil(3 * n / 4)]
        interval = max(1.645 * float(np.std(middle)) / math.sqrt(len(middle)), 25e-9)
        return min(max(math.floor(math.log10(self.median / interval)), 1), 4)

    @property
    def title(self) -> str:
        """The title of what was measured."""
        return self.task_spec.title

    @property
    def env(self) -> str | None:
        """The environment."""
        return self.task_spec.env

    @property
    def as_row_name(self) -> str:
        """The name of the row in a table."""
        return self.task_spec.sub_label or self.task_spec.stmt or "[Unknown]"

    def __repr__(self) -> str:
        n, per, threads = len(self.raw_times), self.number_per_run, self.task_spec.num_threads
        unit, scale = select_unit(self.median)
        lines = [
            f"<torch.utils.benchmark.utils.common.Measurement object at {id(self):#x}>",
            self.task_spec.summarize(),
            f"  {'Median: ' if n > 1 else ''}{self.median / scale:.2f} {unit}",
        ]
        if n >= 4:
            low, high = self._quantile(0.25) / scale, self._quantile(0.75) / scale
            lines.append(f"  IQR:    {self.iqr / scale:.2f} {unit} ({low:.2f} to {high:.2f})")
        lines.append(
            f"  {n} measurement{'s' if n > 1 else ''}, {per} runs {'per measurement,' if n > 1 else ','} "
            f"{threads} thread{'s' if threads > 1 else ''}"
        )
        lines.append(self._warning())
        # As PyTorch does: no blank line is left at the end, or by a description that ends in one.
        return "\n".join("\n".join(lines).strip().splitlines())

    @staticmethod
    def merge(measurements: Iterable[Measurement]) -> list[Measurement]:
        """Return one measurement for each task, of all times measured of it."""
        groups: dict[TaskSpec, list[float]] = {}
        for m in measurements:
            groups.setdefault(m.task_spec, []).extend(m.times)
        return [Measurement(1, times, task) for task, times in groups.items()]


def select_unit(t: float) -> tuple[str, float]:
    """Return the unit in which a number of seconds is best read, and how many seconds it has.

    Source: ``torch.utils.benchmark.select_unit``.

    Example:
        >>> torch.utils.benchmark.select_unit(0.02)
        ('ms', 0.001)
    """
    unit = {-3: "ns", -2: "us", -1: "ms"}.get(int(math.log10(t) // 3), "s") if t > 0 else "s"
    return unit, _SCALES[unit]


def unit_to_english(u: str) -> str:
    """Return the word for a unit.

    Example:
        >>> torch.utils.benchmark.unit_to_english("us")
        'microsecond'
    """
    return _ENGLISH[u]


def trim_sigfig(x: float, n: int) -> float:
    """Return a number rounded to ``n`` significant digits.

    Raises:
        AssertionError: ``n`` is no whole number.

    Source: ``torch.utils.benchmark.trim_sigfig``.

    Example:
        >>> round(torch.utils.benchmark.trim_sigfig(3.14159, 2), 4)
        3.1
    """
    if n != int(n):
        raise AssertionError("Number of significant figures must be an integer")
    magnitude = math.ceil(math.log10(abs(x)))
    scale = 10.0 ** (magnitude - n)
    return float(np.round(x / scale) * scale)


def ordered_unique(elements: Iterable[Any]) -> list[Any]:
    """Return each element once, in the order of the first times.

    Example:
        >>> torch.utils.benchmark.ordered_unique([2, 1, 2])
        [2, 1]
    """
    return list(dict.fromkeys(elements))


@contextlib.contextmanager
def set_torch_threads(n: int) -> Iterator[None]:
    """Compute on ``n`` threads in a block.

    Example:
        >>> with torch.utils.benchmark.set_torch_threads(1):
        ...     torch.get_num_threads()
        1
    """
    before = get_num_threads()
    set_num_threads(n)
    try:
        yield
    finally:
        set_num_threads(before)
